//! Linking: a graph, its thresholds and the registry become a flat plan that both drivers execute.
//!
//! The plan keeps the graph's node numbers. Nodes that the market's data need but the text does not name (the bars behind
//! `VIX.last`, the newest row of a slower node that a rule reads directly) are appended after them. `order` lists what has
//! to be evaluated, inputs first.
//!
//! Thresholds are slots: [`Plan::set_thresholds`] replaces the values and touches nothing else, so state survives a swap.

mod hedges;
mod link;
mod rules;

pub use hedges::{Budgets, Every, Migration, PlanHedge, PlanLayer, PlanSubaccount, PlanTarget};
pub use link::link;
pub use rules::{PlanGuard, PlanOverlay, PlanRule, rule_keys};

use crate::clock::Freshness;
use crate::futures::LinearNeeds;
use crate::lifeline::Lifelines;
use crate::ops::Operator;
use crate::ops::chained::Chained;
use crate::registry::RegistryError;
use crate::value::{Cause, Cell};
use alula_dsl::ast::EventSide;
use alula_dsl::builtin::{BookObs, PositionObs};
use alula_dsl::graph::{Clock, Domain, Graph, Length, Moved, StructureDef, StructureId, ValueKind};
use alula_market::contract::FutureRoot;
use alula_market::series::BarSize;
use alula_pricing::stress::Shift;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which column of a series a node reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BarField {
    /// First value.
    Open,
    /// Largest.
    High,
    /// Smallest.
    Low,
    /// Last.
    Close,
    /// Volume.
    Volume,
}

/// A series that the plan reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesNeed {
    /// Identifier in the store.
    pub id: String,
    /// Bar size.
    pub size: BarSize,
    /// A node is useless without it (the intraday bars behind `last` are wanted, not needed).
    pub required: bool,
    /// A node is useless without it unless the history has option chains of this underlying (index into
    /// [`Plan::chains`]), whose snapshots carry the spot.
    pub unless_chain: Option<usize>,
}

/// What a node does.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// The same at each step: constants, and what this engine cannot evaluate (missing, with the cause).
    Fixed(Cell),
    /// The value of a slot.
    Threshold(usize),
    /// Rows of a series: index into [`Plan::series`].
    Bars {
        /// Series.
        series: usize,
        /// Column.
        field: BarField,
    },
    /// Rows of the VX curve at a constant maturity in calendar days; the inputs are the settlements of `VX1`, `VX2`, ….
    VxMaturity(u32),
    /// A tick-clock node's value at the last tick of each session.
    SessionLast,
    /// Newest closed row of the input, if it is not too old.
    AsOf(Vec<Freshness>),
    /// Spot of the snapshot of this underlying (index into [`Plan::chains`]), else the newest of the inputs (nodes with
    /// rows of bars).
    Last {
        /// Underlying whose snapshot carries the price.
        chain: Option<usize>,
    },
    /// Implied vol at a constant maturity from the snapshot of an underlying.
    ImpliedVol {
        /// Index into [`Plan::chains`].
        chain: usize,
        /// Maturity in calendar days.
        days: u32,
    },
    /// Nearness of an event: index into [`Plan::events`].
    Within {
        /// Event.
        event: usize,
        /// Side.
        side: EventSide,
        /// Distance.
        length: Length,
    },
    /// Surprise of an event.
    Surprise(usize),
    /// Parity forward of the options that settle with a future.
    ImpliedForward {
        /// Index into [`Plan::chains`].
        chain: usize,
        /// Class of the future.
        root: FutureRoot,
        /// Month from the front.
        month: u8,
    },
    /// Mean change of a series over past events.
    Reaction {
        /// Index into [`Plan::events`].
        event: usize,
        /// Index into [`Plan::series`].
        series: usize,
        /// Fewest events.
        least: u32,
    },
    /// An output of a plugin's function that reads an option chain.
    Chained {
        /// Index into [`Plan::chained`].
        of: usize,
        /// Output in the order of the declaration.
        output: u8,
    },
    /// How the market moved over past occurrences of an event.
    EventMove {
        /// Index into [`Plan::events`].
        event: usize,
        /// The underlying's closes: index into [`Plan::series`].
        spot: usize,
        /// Those of its implied vol.
        vol: usize,
        /// Fewest reactions.
        least: u32,
        /// What of them.
        what: Moved,
    },
    /// A computation on inputs, in its initial state.
    Operator(Box<dyn Operator>),
    /// Read from the account.
    Book {
        /// What.
        what: BookObs,
        /// Of which structure.
        of: Option<StructureId>,
    },
    /// Read from a position or a candidate package.
    Position(PositionObs),
    /// Expected gain of an overlay's trade, as a share of its notional; the input is the realized vol.
    OverlayGain,
    /// Cost of an overlay's trade as a share of its notional, no less than one bound and no more than the other.
    OverlayCost {
        /// Least.
        lo: f64,
        /// Most.
        hi: f64,
    },
    /// Annual rate of return of a candidate, or of a structure's positions, in a shifted market.
    Irr {
        /// Structure.
        of: StructureId,
        /// The shift.
        shift: Shift,
    },
    /// Free cash over the margin required, in a shifted market.
    Cushion(Shift),
}

/// A node of the plan.
#[derive(Clone, Debug)]
pub struct PlanNode {
    /// What it does.
    pub kind: NodeKind,
    /// Inputs, as indices of plan nodes.
    pub inputs: Vec<usize>,
    /// When it changes.
    pub clock: Clock,
    /// What it depends on.
    pub domain: Domain,
    /// What it yields.
    pub value: ValueKind,
}

impl PlanNode {
    /// Its clock runs on a grid of rows.
    #[must_use]
    pub const fn has_rows(&self) -> bool {
        matches!(self.clock, Clock::Session | Clock::Minutes(_))
    }

    /// Bar size of its rows.
    #[must_use]
    pub const fn size(&self) -> Option<BarSize> {
        match self.clock {
            Clock::Session => Some(BarSize::Session),
            Clock::Minutes(n) => Some(BarSize::Minutes(n)),
            Clock::Constant | Clock::Tick => None,
        }
    }
}

/// Why a graph cannot be linked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LinkError {
    /// A node id points nowhere, or to a later node.
    #[error("the graph is damaged: `{0}` names a node that does not come before it")]
    Dangling(String),
    /// There is no operator for a node.
    #[error("`{text}`: {error}")]
    Operator {
        /// Node's text.
        text: String,
        /// Why.
        error: RegistryError,
    },
    /// A node on a slow clock reads a faster one directly.
    #[error("`{0}` mixes clocks that cannot be brought together")]
    Clocks(String),
    /// A rule acts on a structure that does not exist.
    #[error("`{0}` acts on a structure that the graph does not have")]
    Structure(String),
    /// A threshold table of the wrong length, or with a value outside its declared range.
    #[error("threshold `{name}` is {value}, outside {min}..{max}")]
    Threshold {
        /// Name.
        name: String,
        /// Value given.
        value: f64,
        /// Smallest allowed.
        min: f64,
        /// Largest allowed.
        max: f64,
    },
    /// Not as many values as thresholds.
    #[error("{given} threshold values for {wanted} thresholds")]
    ThresholdCount {
        /// Given.
        given: usize,
        /// Wanted.
        wanted: usize,
    },
}

/// A graph ready to run.
#[derive(Clone, Debug)]
pub struct Plan {
    graph: Arc<Graph>,
    nodes: Vec<PlanNode>,
    order: Vec<usize>,
    series: Vec<SeriesNeed>,
    events: Vec<String>,
    chains: Vec<String>,
    thresholds: Vec<f64>,
    guards: Vec<PlanGuard>,
    rules: Vec<PlanRule>,
    hedges: Vec<PlanHedge>,
    subaccounts: Vec<PlanSubaccount>,
    /// Position-domain nodes that the rules on a structure read, inputs first, by the structure's key.
    position_nodes: BTreeMap<String, Vec<usize>>,
    /// Keys of the structures, as the book names them.
    structure_keys: Vec<Arc<str>>,
    /// For each graph node, the tick-clock node that a rule reads in its place (itself, unless it has rows).
    at_tick: Vec<usize>,
    linear: LinearNeeds,
    overlays: Vec<PlanOverlay>,
    /// Plugins' functions that read an option chain, in their initial state: one for all the outputs that are read of it.
    chained: Vec<Chained>,
    /// Until when the instances of plugins' functions live; copies of the plan share it.
    lifelines: Lifelines,
}

impl Plan {
    /// The graph.
    #[must_use]
    pub const fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// All nodes; the first ones are the graph's, by their own numbers.
    #[must_use]
    pub fn nodes(&self) -> &[PlanNode] {
        &self.nodes
    }

    /// Nodes to evaluate, inputs first.
    #[must_use]
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Series read.
    #[must_use]
    pub fn series(&self) -> &[SeriesNeed] {
        &self.series
    }

    /// Events read, by their identifiers in the store.
    #[must_use]
    pub fn events(&self) -> &[String] {
        &self.events
    }

    /// Underlyings whose snapshots are read or traded.
    #[must_use]
    pub fn chains(&self) -> &[String] {
        &self.chains
    }

    /// Overlays in textual order.
    #[must_use]
    pub fn overlays(&self) -> &[PlanOverlay] {
        &self.overlays
    }

    /// Plugins' functions that read an option chain, in their initial state.
    #[must_use]
    pub fn chained(&self) -> &[Chained] {
        &self.chained
    }

    /// Until when the instances of plugins' functions live, whatever is computed with this plan and its copies.
    #[must_use]
    pub const fn lifelines(&self) -> &Lifelines {
        &self.lifelines
    }

    /// Classes of futures and shares that are traded.
    #[must_use]
    pub const fn linear(&self) -> &LinearNeeds {
        &self.linear
    }

    /// Position of an underlying in [`Plan::chains`].
    #[must_use]
    pub fn chain(&self, underlying: &str) -> Option<usize> {
        self.chains.iter().position(|c| c == underlying)
    }

    /// Threshold values in force, canonical scale, in the graph's order.
    #[must_use]
    pub fn thresholds(&self) -> &[f64] {
        &self.thresholds
    }

    /// Guards in textual order.
    #[must_use]
    pub fn guards(&self) -> &[PlanGuard] {
        &self.guards
    }

    /// Rules in the order in which a tick walks them: closes, rolls, opens; within a kind in textual order.
    #[must_use]
    pub fn rules(&self) -> &[PlanRule] {
        &self.rules
    }

    /// Hedges in textual order.
    #[must_use]
    pub fn hedges(&self) -> &[PlanHedge] {
        &self.hedges
    }

    /// Subaccounts in textual order.
    #[must_use]
    pub fn subaccounts(&self) -> &[PlanSubaccount] {
        &self.subaccounts
    }

    /// Position-domain nodes that the rules on a structure read, inputs first.
    #[must_use]
    pub fn position_nodes(&self, structure: &str) -> &[usize] {
        self.position_nodes.get(structure).map_or(&[], Vec::as_slice)
    }

    /// A structure by its key.
    #[must_use]
    pub fn structure(&self, key: &str) -> Option<&StructureDef> {
        self.graph.structures.iter().find(|s| s.key == key)
    }

    /// The key of a structure; empty for one that the graph does not have.
    #[must_use]
    pub fn structure_key(&self, id: StructureId) -> Arc<str> {
        let key = self.structure_keys.get(id.0 as usize);
        key.map_or_else(|| Arc::from(""), Arc::clone)
    }

    /// The plan node to read at a tick for a node of the graph.
    #[must_use]
    pub fn at_tick(&self, id: alula_dsl::graph::NodeId) -> usize {
        self.at_tick.get(id.0 as usize).copied().unwrap_or(usize::MAX)
    }

    /// Replaces the threshold values; nothing else changes.
    ///
    /// # Errors
    /// When a value is missing or outside its declared range; the old values stay.
    pub fn set_thresholds(&mut self, values: &[f64]) -> Result<(), LinkError> {
        check_thresholds(&self.graph, values)?;
        self.thresholds = values.to_vec();
        Ok(())
    }

    /// The plan with values that were in force once, whatever is allowed now; as many as there are thresholds.
    #[must_use]
    pub fn with_past(&self, values: &[f64]) -> Self {
        let mut plan = self.clone();
        for (slot, value) in plan.thresholds.iter_mut().zip(values) {
            *slot = *value;
        }
        plan
    }

    /// The value of a node that is the same at each step.
    #[must_use]
    pub fn fixed(&self, node: &PlanNode) -> Option<Cell> {
        match &node.kind {
            NodeKind::Fixed(cell) => Some(*cell),
            NodeKind::Threshold(slot) => Some(Cell::number_or(
                self.thresholds.get(*slot).copied(),
                Cause::NoData,
            )),
            _ => None,
        }
    }

    /// Whether some node remembers ticks, so that ticks before the first one of a run matter.
    #[must_use]
    pub fn remembers_ticks(&self) -> bool {
        self.order.iter().filter_map(|i| self.nodes.get(*i)).any(|n| {
            n.domain == Domain::Market
                && match &n.kind {
                    NodeKind::SessionLast => true,
                    NodeKind::Chained { of, .. } => self.chained.get(*of).is_some_and(Chained::remembers),
                    NodeKind::Operator(op) => n.clock == Clock::Tick && has_memory(op.as_ref()),
                    _ => false,
                }
        })
    }

    /// Nodes that are threshold slots.
    pub fn threshold_nodes(&self) -> impl Iterator<Item = usize> {
        let order = self.order.iter().copied();
        order.filter(|i| {
            self.nodes
                .get(*i)
                .is_some_and(|n| matches!(n.kind, NodeKind::Threshold(_)))
        })
    }

    /// Whether some node of the market is computed from a threshold, so that its column changes with the value.
    #[must_use]
    pub fn market_reads_thresholds(&self) -> bool {
        let mut moved = vec![false; self.nodes.len()];
        for index in self.threshold_nodes() {
            if let Some(slot) = moved.get_mut(index) {
                *slot = true;
            }
        }
        self.order.iter().any(|index| {
            let Some(node) = self.nodes.get(*index) else {
                return false;
            };
            let reads = node.inputs.iter().any(|i| moved.get(*i) == Some(&true));
            if let Some(slot) = moved.get_mut(*index) {
                *slot |= reads;
            }
            reads && node.domain == Domain::Market
        })
    }

    /// Whether some node of the account or of a position is a greek, so that those of all that is held are worth computing
    /// together.
    #[must_use]
    pub fn reads_greeks(&self) -> bool {
        let nodes = self.order.iter().chain(self.position_nodes.values().flatten());
        !self.hedges.is_empty()
            || nodes.filter_map(|i| self.nodes.get(*i)).any(|n| {
                matches!(
                    n.kind,
                    NodeKind::Position(PositionObs::Greek(_) | PositionObs::LegDelta(_))
                        | NodeKind::Book {
                            what: BookObs::Greek(_) | BookObs::Beta,
                            ..
                        }
                )
            })
    }

    /// Whether some market node is computed from option quotes.
    #[must_use]
    pub fn reads_chains(&self) -> bool {
        self.order.iter().filter_map(|i| self.nodes.get(*i)).any(|n| {
            matches!(
                n.kind,
                NodeKind::ImpliedVol { .. }
                    | NodeKind::ImpliedForward { .. }
                    | NodeKind::Chained { .. }
                    | NodeKind::Last { chain: Some(_) }
            )
        })
    }
}

/// An operator without memory saves nothing but its header, which no step changes.
fn has_memory(op: &dyn Operator) -> bool {
    if op.is_foreign() {
        // Nobody can tell from outside, and values that no market gave are not for it.
        return true;
    }
    let mut before = Vec::new();
    op.save(&mut before);
    let mut stepped = op.boxed_clone();
    let mut after = Vec::new();
    // Values that differ move every window, latch and recursion: a lone true or number would not release `until`.
    for value in [0.0, 1.0, 2.0] {
        stepped.step(&[
            Cell::number(value),
            Cell::number(1.0),
            Cell::number(0.5),
            Cell::number(1.5),
        ]);
    }
    stepped.save(&mut after);
    op.warmup() > 0 || before != after
}

fn check_thresholds(graph: &Graph, values: &[f64]) -> Result<(), LinkError> {
    if values.len() != graph.thresholds.len() {
        return Err(LinkError::ThresholdCount {
            given: values.len(),
            wanted: graph.thresholds.len(),
        });
    }
    for (def, &value) in graph.thresholds.iter().zip(values) {
        if !(def.min..=def.max).contains(&value) {
            return Err(LinkError::Threshold {
                name: def.name.clone(),
                value,
                min: def.min,
                max: def.max,
            });
        }
    }
    Ok(())
}
