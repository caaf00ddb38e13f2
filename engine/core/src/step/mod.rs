//! One tick: guards, closes, rolls, hedges, opens, against one immutable snapshot and a marked book.
//!
//! The caller settles what expired, fills orders of earlier ticks and marks the book before; it submits the orders after.
//! Within a kind rules are walked in textual order. For closes and rolls the first that calls for action acts, *per
//! position*; for opens, per structure; all others that call for it are traced with the reason why they did nothing. An
//! `open` needs its condition to be true. A step never fails: what cannot be done is a traced reason.

mod eval;
pub(crate) mod hedge;
mod linear;
mod manage;
mod open;
mod operator;
mod overlay;
mod roll;
mod subaccount;

use crate::analytics::SnapshotView;
use crate::decision::{Decision, PickError, RuleKind, RuleOutcome, Skip, Verdict};
use crate::linear::LinearMarket;
use crate::market::Views;
use crate::observe::{self, Sight};
use crate::operator::Overlay;
use crate::plan::{Plan, PlanRule};
use crate::state::State;
use crate::trace::Trace;
use crate::value::{Cause, Cell};
use crate::vega::Mapping;
use alula_book::{Book, PositionId, Rulebook};
use alula_dsl::ast::OnUnknown;
use alula_dsl::graph::{StructureDef, StructureId};
use alula_market::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Snapshots at which an order is tried before its rule has to speak again: one. An order is only as good as the snapshot
/// that it was decided on, and a rule that still wants it asks again at the next tick.
pub const ORDER_TRIES: u32 = 1;

/// Key of what a margin call does, in orders and traces.
pub const MARGIN_CALL: &str = "margin.call";

/// A tick as the step sees it.
#[derive(Clone, Copy, Debug)]
pub struct Tick<'a> {
    /// Instant.
    pub at: Instant,
    /// Number of the tick within the run.
    pub number: u32,
    /// Snapshots, in the order of [`Plan::chains`].
    pub views: &'a Views,
    /// Prices of futures and shares.
    pub linear: &'a LinearMarket,
}

/// Evaluates everything that depends on the portfolio and walks the rules.
///
/// `cells` holds the market's cells by node number (see the drivers) and receives the book's. Every tick-clock cell that a
/// rule rests on is recorded in `trace`.
pub fn step(
    plan: &Plan,
    state: &mut State,
    tick: &Tick<'_>,
    cells: &mut Vec<Cell>,
    book: &Book,
    rulebook: Rulebook,
    trace: &mut Trace,
) -> Decision {
    let sight = Sight::new(plan, tick.at, tick.views, rulebook)
        .with_linear(tick.linear)
        .with_mapping(Mapping::of_account(plan, cells));
    state.observe(book);
    if plan.reads_greeks() {
        observe::prepare_greeks(&sight, book);
    }
    eval::book_nodes(plan, state, &sight, book, cells);
    eval::record_shared(plan, tick, cells, trace);
    let positions = eval::position_nodes(plan, state, &sight, tick, (book, cells), trace);
    let mut walk = Walk {
        plan,
        sight,
        tick,
        book,
        cells,
        positions,
        decision: Decision {
            at: tick.at,
            ..Decision::default()
        },
        acted: BTreeMap::new(),
        opened: BTreeMap::new(),
        blocked: None,
        flattened: BTreeMap::new(),
        halted: state.halted.clone(),
        waiting: waiting(plan, state),
        operator: Vec::new(),
        trace,
    };
    walk.operator = walk.in_force(state);
    walk.margin_call(state);
    walk.guards(state);
    walk.operator_closes();
    walk.rules(RuleKind::Close, state);
    walk.rules(RuleKind::Roll, state);
    walk.hedges(state);
    walk.overlays();
    walk.rules(RuleKind::Open, state);
    walk.operator_opens();
    walk.operator_ends(state);
    state.waiting = walk.waiting;
    walk.decision
}

/// Entries that wait since a change of thresholds; after a new one all that would not have called without it may have to.
fn waiting(plan: &Plan, state: &mut State) -> BTreeSet<Arc<str>> {
    let mut waiting = std::mem::take(&mut state.waiting);
    if let Some(called) = state.called_without.take() {
        let opens = plan.rules().iter().filter(|r| r.kind == RuleKind::Open);
        let others = opens.filter(|r| !called.contains(&r.key));
        waiting.extend(others.map(|r| Arc::clone(&r.key)));
    }
    waiting
}

/// Cells of the nodes of every open position: for each a copy of the tick's cells with its own nodes filled in.
pub(crate) struct PositionCells {
    /// Ascending.
    ids: Vec<PositionId>,
    cells: Vec<Cell>,
    /// Cells of one position.
    nodes: usize,
}

impl PositionCells {
    fn new(nodes: usize, positions: usize) -> Self {
        Self {
            ids: Vec::with_capacity(positions),
            cells: Vec::with_capacity(positions.saturating_mul(nodes)),
            nodes,
        }
    }

    /// Starts the cells of a position; positions come in the order of their ids.
    fn add(&mut self, id: PositionId, tick: &[Cell]) -> &mut [Cell] {
        let start = self.cells.len();
        self.ids.push(id);
        self.cells.extend_from_slice(tick);
        self.cells.get_mut(start..).unwrap_or_default()
    }

    fn get(&self, id: PositionId) -> Option<&[Cell]> {
        let start = self.ids.binary_search(&id).ok()?.checked_mul(self.nodes)?;
        self.cells.get(start..)?.get(..self.nodes)
    }
}

struct Walk<'a> {
    plan: &'a Plan,
    sight: Sight<'a>,
    tick: &'a Tick<'a>,
    book: &'a Book,
    cells: &'a [Cell],
    positions: PositionCells,
    decision: Decision,
    /// Which rule acted on a position this tick.
    acted: BTreeMap<PositionId, Arc<str>>,
    /// Which rule opened on a structure this tick.
    opened: BTreeMap<StructureId, Arc<str>>,
    /// Guard that blocks opening this tick.
    blocked: Option<Arc<str>>,
    /// Structures being flattened, and by which guard.
    flattened: BTreeMap<StructureId, Arc<str>>,
    /// Guard that halted opening at an earlier tick.
    halted: Option<Arc<str>>,
    /// Entries that wait since a change of thresholds.
    waiting: BTreeSet<Arc<str>>,
    /// Overlays of operators in force at this tick.
    operator: Vec<Arc<Overlay>>,
    trace: &'a mut Trace,
}

/// Whether a condition calls for action: true, or unknown under `unknown act`. `Err` when it is unknown and holds.
fn calls(condition: Cell, unknown: OnUnknown) -> Result<bool, Skip> {
    match condition.get() {
        Ok(value) => Ok(value != 0.0),
        Err(cause) => match unknown {
            OnUnknown::Act => Ok(true),
            OnUnknown::Hold => Err(Skip::Unknown(cause)),
        },
    }
}

impl<'a> Walk<'a> {
    fn rules(&mut self, kind: RuleKind, state: &mut State) {
        for (index, rule) in self
            .plan
            .rules()
            .iter()
            .enumerate()
            .filter(|(_, r)| r.kind == kind)
        {
            if kind == RuleKind::Open {
                self.open(index, rule);
                continue;
            }
            let key = self.plan.structure_key(rule.structure);
            let open: Vec<PositionId> = self
                .book
                .positions()
                .filter(|p| *p.structure == *key)
                .map(|p| p.id)
                .chain(
                    self.book
                        .ledger()
                        .positions()
                        .filter(|p| *p.structure == *key)
                        .map(|p| p.id),
                )
                .collect();
            for id in open {
                self.manage(index, rule, id, state);
            }
        }
    }

    /// A rule's structure.
    fn structure_of(&self, rule: &PlanRule) -> Result<&'a StructureDef, Skip> {
        let structures = &self.plan.graph().structures;
        structures.get(rule.structure.0 as usize).ok_or(Skip::Missing {
            what: "structure",
            cause: Cause::NoData,
        })
    }

    /// A rule's structure and the snapshot of its underlying.
    fn market_of(&self, rule: &PlanRule) -> Result<(&'a StructureDef, &'a SnapshotView), Skip> {
        let structure = self.structure_of(rule)?;
        let view = self.sight.view(structure.underlying.name());
        let view = view.ok_or_else(|| manage::pick_skip(PickError::NoChain.into()))?;
        Ok((structure, view))
    }

    fn outcome(
        &mut self,
        key: &Arc<str>,
        kind: RuleKind,
        position: Option<PositionId>,
        (condition, require): (Cell, Option<Cell>),
        verdict: Verdict,
    ) {
        let key = Arc::clone(key);
        self.decision.outcomes.push(RuleOutcome {
            key,
            kind,
            position,
            condition,
            require,
            verdict,
        });
    }

    /// The cell of a plan node at this tick, for the market and the account.
    fn cell(&self, index: usize) -> Cell {
        eval::cell(self.cells, index)
    }
}
