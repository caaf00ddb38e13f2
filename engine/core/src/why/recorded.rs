//! Cells as they were recorded, by node, scope and step.

use crate::trace::{Scope, TraceCell};
use crate::value::{Cause, Cell};
use alula_dsl::graph::{Clock, Graph, Node, NodeId, Op};
use alula_market::time::Instant;
use std::collections::BTreeMap;

/// Recorded cells, ordered for look-up.
#[derive(Clone, Debug, Default)]
pub struct TraceIndex {
    cells: BTreeMap<(Scope, u32), Vec<TraceCell>>,
}

impl TraceIndex {
    /// Sorts the cells of a run.
    #[must_use]
    pub fn new(cells: &[TraceCell]) -> Self {
        let mut index = Self::default();
        for cell in cells {
            index
                .cells
                .entry((cell.scope, cell.node))
                .or_default()
                .push(*cell);
        }
        for list in index.cells.values_mut() {
            list.sort_by_key(|c| c.step);
        }
        index
    }

    fn list(&self, scope: Scope, node: u32) -> &[TraceCell] {
        self.cells.get(&(scope, node)).map_or(&[], Vec::as_slice)
    }

    /// The newest cell recorded at or before a step.
    fn at_step(&self, scope: Scope, node: u32, step: u32) -> Option<Cell> {
        let list = self.list(scope, node);
        let after = list.partition_point(|c| c.step <= step);
        list.get(after.checked_sub(1)?).map(|c| c.cell)
    }

    /// The row that could be read at an instant, `back` rows before it.
    fn row(&self, node: u32, at: Instant, back: u32) -> Option<Cell> {
        let list = self.list(Scope::Global, node);
        let newest = list.partition_point(|c| c.at <= at).checked_sub(1)?;
        list.get(newest.checked_sub(usize::try_from(back).ok()?)?)
            .map(|c| c.cell)
    }
}

/// The cells that a rule saw at a tick.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// What was recorded.
    pub trace: &'a TraceIndex,
    /// Graph.
    pub graph: &'a Graph,
    /// Threshold values in force.
    pub thresholds: &'a [f64],
    /// Number of the tick.
    pub tick: u32,
    /// Tick.
    pub at: Instant,
    /// Whose cells: the position's or the candidate's where a node is about one.
    pub scope: Scope,
}

impl<'a> Recorded<'a> {
    /// A node.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&'a Node> {
        self.graph.node(id)
    }

    /// The cell of a node, `back` steps of its own clock ago.
    #[must_use]
    pub fn cell(&self, id: NodeId, back: u32) -> Cell {
        let none = Cell::missing(Cause::NoData);
        let Some(node) = self.node(id) else { return none };
        match node.op {
            Op::Number(x) => return Cell::number(x),
            Op::Threshold(slot) => {
                return Cell::number_or(self.thresholds.get(slot.0 as usize).copied(), Cause::NoData);
            }
            _ => {}
        }
        let found = match node.clock {
            Clock::Session | Clock::Minutes(_) => self.trace.row(id.0, self.at, back),
            Clock::Constant => self.trace.at_step(Scope::Global, id.0, self.tick),
            Clock::Tick => {
                let Some(step) = self.tick.checked_sub(back) else {
                    return none;
                };
                self.scopes(node).into_iter().find_map(|scope| match scope {
                    // Candidates are weighed anew at each tick: only this tick's cells count.
                    Scope::Candidate(..) => {
                        let list = self.trace.list(scope, id.0);
                        list.iter().rfind(|c| c.step == step).map(|c| c.cell)
                    }
                    _ => self.trace.at_step(scope, id.0, step),
                })
            }
        };
        found.unwrap_or(none)
    }

    /// Where a node's cells may have been recorded, most particular first.
    fn scopes(&self, node: &Node) -> Vec<Scope> {
        use alula_dsl::graph::Domain;
        match (node.domain, self.scope) {
            (Domain::Market | Domain::Book, _) => vec![Scope::Global],
            (Domain::Position, Scope::Candidate(_, Some(id))) => vec![Scope::Position(id)],
            (_, scope) => vec![scope],
        }
    }

    /// Whether a candidate's node was evaluated at this very tick. Requirements that do not look at the package have a
    /// value at every tick.
    #[must_use]
    pub fn weighed(&self, id: NodeId) -> bool {
        use alula_dsl::graph::Domain;
        let candidate = self.node(id).is_some_and(|n| n.domain == Domain::Candidate);
        !candidate
            || self
                .trace
                .list(self.scope, id.0)
                .iter()
                .any(|c| c.step == self.tick)
    }
}
