//! Cells of the nodes that depend on the account, on a position, or on a candidate package.

use super::{PositionCells, Tick};
use crate::linear;
use crate::observe::{self, AccountView, CandidateView, Sight};
use crate::ops::Operator;
use crate::plan::{NodeKind, Plan, PlanNode, PlanOverlay, PlanRule};
use crate::scenario;
use crate::state::{State, initial};
use crate::trace::{Scope, Trace, TraceCell};
use crate::value::{Cause, Cell};
use alula_book::{Book, PositionId};
use alula_dsl::builtin::PositionObs;
use alula_dsl::graph::Domain;
use alula_pricing::stress::Shift;

pub(super) fn cell(cells: &[Cell], index: usize) -> Cell {
    cells.get(index).copied().unwrap_or(Cell::missing(Cause::NoData))
}

fn put(cells: &mut [Cell], index: usize, value: Cell) {
    if let Some(slot) = cells.get_mut(index) {
        *slot = value;
    }
}

/// The inputs of a node, in memory that is used again for the next one.
#[derive(Default)]
struct Inputs(Vec<Cell>);

impl Inputs {
    fn of(&mut self, node: &PlanNode, cells: &[Cell]) -> &[Cell] {
        self.0.clear();
        self.0.extend(node.inputs.iter().map(|i| cell(cells, *i)));
        &self.0
    }
}

/// The operator of a node, of operators that come in the order in which the nodes do.
fn next_of<'o>(
    operators: &mut std::slice::IterMut<'o, (usize, Box<dyn Operator>)>,
    index: usize,
) -> Option<&'o mut Box<dyn Operator>> {
    operators
        .find(|(at, _)| *at == index)
        .map(|(_, operator)| operator)
}

pub(super) fn book_nodes(
    plan: &Plan,
    state: &mut State,
    sight: &Sight<'_>,
    book: &Book,
    cells: &mut Vec<Cell>,
) {
    cells.resize(plan.nodes().len(), Cell::missing(Cause::NoData));
    let mut inputs = Inputs::default();
    let mut own = std::mem::take(&mut state.book);
    let mut operators = own.iter_mut();
    for &index in plan.order() {
        let Some(node) = plan.nodes().get(index).filter(|n| n.domain == Domain::Book) else {
            continue;
        };
        let value = match &node.kind {
            NodeKind::Fixed(fixed) => *fixed,
            NodeKind::Book { what, of } => {
                let structure = of
                    .and_then(|s| plan.graph().structures.get(s.0 as usize))
                    .map(|s| s.key.as_str());
                let view = AccountView {
                    book,
                    peak: state.peak(structure),
                    structure,
                };
                observe::account(sight, &view, *what)
            }
            NodeKind::Irr { of, shift } => {
                let structure = plan.graph().structures.get(of.0 as usize).map(|s| s.key.as_str());
                let own = book.positions().filter(|p| structure == Some(&*p.structure));
                moved(node, shift, cells, |shift| {
                    scenario::position_rate(sight, own, shift)
                })
            }
            NodeKind::Cushion(shift) => moved(node, shift, cells, |shift| {
                scenario::account::cushion(sight, book, shift)
            }),
            _ => next_of(&mut operators, index).map_or(Cell::missing(Cause::NoData), |operator| {
                operator.step(inputs.of(node, cells))
            }),
        };
        put(cells, index, value);
    }
    state.book = own;
}

/// Evaluates the position-domain nodes of every open position, with operators of its own, and records them.
pub(super) fn position_nodes(
    plan: &Plan,
    state: &mut State,
    sight: &Sight<'_>,
    tick: &Tick<'_>,
    (book, cells): (&Book, &[Cell]),
    trace: &mut Trace,
) -> PositionCells {
    let ledger = book.ledger();
    let count = book.positions().count() + ledger.positions().count();
    let mut out = PositionCells::new(cells.len(), count);
    let mut inputs = Inputs::default();
    let mut one = |id: PositionId, structure: &str, observed: &dyn Fn(PositionObs) -> Cell| {
        let nodes = plan.position_nodes(structure);
        let operators = state
            .positions
            .entry(id)
            .or_insert_with(|| initial(plan, nodes, Domain::Position));
        let mut operators = operators.iter_mut();
        let own = out.add(id, cells);
        for &index in nodes {
            let Some(node) = plan.nodes().get(index) else {
                continue;
            };
            let value = match &node.kind {
                NodeKind::Fixed(fixed) => *fixed,
                NodeKind::Position(what) => observed(*what),
                _ => next_of(&mut operators, index).map_or(Cell::missing(Cause::NoData), |operator| {
                    operator.step(inputs.of(node, own))
                }),
            };
            put(own, index, value);
            record(trace, index, Scope::Position(id), tick, value);
        }
    };
    // Both kinds of position take their numbers from one row; they come in its order.
    let mut linear = ledger.positions().peekable();
    for position in book.positions() {
        while let Some(before) = linear.next_if(|l| l.id < position.id) {
            one(before.id, &before.structure, &|what| {
                linear::position(sight, book, before, what)
            });
        }
        one(position.id, &position.structure, &|what| {
            observe::position(sight, position, what)
        });
    }
    for rest in linear {
        one(rest.id, &rest.structure, &|what| {
            linear::position(sight, book, rest, what)
        });
    }
    out
}

/// Evaluates a rule's candidate-domain nodes on a package; `base` are the tick's cells, or the position's for rolls.
/// Candidates have no yesterday: operators with memory start afresh and are warming up.
pub(super) fn candidate_nodes(
    plan: &Plan,
    rule: &PlanRule,
    sight: &Sight<'_>,
    view: &CandidateView<'_>,
    base: &[Cell],
) -> Vec<Cell> {
    let observed = |what| observe::candidate(sight, view, what);
    let rate = |shift: &Shift| scenario::candidate_rate(sight, view, shift);
    candidate_cells(plan, rule, (&observed, &rate), base)
}

/// What is observed of a candidate, and its rate of return in a shifted market.
type Observed<'a> = (&'a dyn Fn(PositionObs) -> Cell, &'a dyn Fn(&Shift) -> Cell);

/// The same for anything that can be observed.
pub(super) fn candidate_cells(
    plan: &Plan,
    rule: &PlanRule,
    (observed, rate): Observed<'_>,
    base: &[Cell],
) -> Vec<Cell> {
    fresh_cells(plan, &rule.candidate_nodes, base, |node, own| match &node.kind {
        NodeKind::Position(what) => observed(*what),
        NodeKind::Irr { shift, .. } => moved(node, shift, own, rate),
        _ => Cell::missing(Cause::NoData),
    })
}

/// What is asked of a shift, with the moves of the events that the node names.
fn moved(node: &PlanNode, shift: &Shift, cells: &[Cell], ask: impl FnOnce(&Shift) -> Cell) -> Cell {
    if node.inputs.is_empty() {
        return ask(shift);
    }
    let moves: Vec<Cell> = node.inputs.iter().map(|i| cell(cells, *i)).collect();
    match scenario::with_moves(shift, &moves) {
        Ok(shift) => ask(&shift),
        Err(cause) => Cell::missing(cause),
    }
}

/// Cells of nodes about something that has no yesterday, on top of `base`; `read` gives those that are neither fixed nor
/// operators, from the node and the cells so far.
fn fresh_cells(
    plan: &Plan,
    nodes: &[usize],
    base: &[Cell],
    read: impl Fn(&PlanNode, &[Cell]) -> Cell,
) -> Vec<Cell> {
    let mut own = base.to_vec();
    let mut inputs = Inputs::default();
    for &index in nodes {
        let Some(node) = plan.nodes().get(index) else {
            continue;
        };
        let value = match &node.kind {
            NodeKind::Fixed(fixed) => *fixed,
            NodeKind::Operator(operator) => {
                let mut operator: Box<dyn Operator> = operator.boxed_clone();
                operator.step(inputs.of(node, &own))
            }
            _ => read(node, &own),
        };
        put(&mut own, index, value);
    }
    own
}

/// The expected gain of an overlay's trade, given the realized vol, and its cost between two shares of notional.
type Judged<'a> = (&'a dyn Fn(Cell) -> Cell, &'a dyn Fn(f64, f64) -> Cell);

/// Evaluates what an overlay's `require` reads of its trade.
pub(super) fn overlay_cells(
    plan: &Plan,
    overlay: &PlanOverlay,
    (gain, cost): Judged<'_>,
    base: &[Cell],
) -> Vec<Cell> {
    fresh_cells(plan, &overlay.candidate_nodes, base, |node, own| {
        match &node.kind {
            NodeKind::OverlayGain => {
                let realized = node.inputs.first().map(|i| cell(own, *i));
                gain(realized.unwrap_or(Cell::missing(Cause::NoData)))
            }
            NodeKind::OverlayCost { lo, hi } => cost(*lo, *hi),
            _ => Cell::missing(Cause::NoData),
        }
    })
}

/// Records the cells of the market and the account that rules rest on (constants too, once).
pub(super) fn record_shared(plan: &Plan, tick: &Tick<'_>, cells: &[Cell], trace: &mut Trace) {
    for &index in plan.order() {
        let Some(node) = plan.nodes().get(index) else {
            continue;
        };
        if matches!(node.domain, Domain::Market | Domain::Book) && !node.has_rows() {
            record(trace, index, Scope::Global, tick, cell(cells, index));
        }
    }
}

pub(super) fn record(trace: &mut Trace, index: usize, scope: Scope, tick: &Tick<'_>, cell: Cell) {
    if let Ok(node) = u32::try_from(index) {
        trace.record(TraceCell {
            node,
            scope,
            step: tick.number,
            at: tick.at,
            cell,
        });
    }
}
