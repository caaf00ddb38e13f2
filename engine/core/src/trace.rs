//! What the nodes behind the rules read and computed, in a form small enough to keep for every tick of a run.
//!
//! A tick-clock node is recorded when its cell changes; the newest record at or before a tick is its cell at that tick.
//! Nodes on a slower clock are recorded row by row, with the instant from which each row could be read. Cells of a
//! candidate package are recorded at each tick at which a package was weighed, and mean nothing at other ticks.

use crate::value::Cell;
use alula_book::PositionId;
use alula_market::time::Instant;
use std::collections::BTreeMap;

/// What a recorded cell is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The market or the book.
    Global,
    /// One position.
    Position(PositionId),
    /// The package that a rule weighed: the rule's index in the plan, and the position for rolls.
    Candidate(u32, Option<PositionId>),
}

/// One recorded cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceCell {
    /// Index of the node in the graph.
    pub node: u32,
    /// What it is about.
    pub scope: Scope,
    /// Tick index for tick-clock nodes, row number of the node's grid for slower ones.
    pub step: u32,
    /// Tick, or the instant from which the row could be read.
    pub at: Instant,
    /// Value.
    pub cell: Cell,
}

/// Recorded cells, in the order in which they were recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Cells.
    pub cells: Vec<TraceCell>,
    /// Newest cells by node.
    global: Vec<Option<Cell>>,
    positions: BTreeMap<PositionId, Vec<Option<Cell>>>,
}

impl Trace {
    /// A trace of cells that were recorded before.
    #[must_use]
    pub fn from_cells(cells: Vec<TraceCell>) -> Self {
        Self {
            cells,
            ..Self::default()
        }
    }

    /// Records a tick-clock cell if it differs from the newest of its node and scope. Cells of candidates always count.
    pub fn record(&mut self, cell: TraceCell) {
        let changed = match cell.scope {
            Scope::Candidate(..) => true,
            Scope::Position(id) => replace(self.positions.entry(id).or_default(), cell),
            Scope::Global => replace(&mut self.global, cell),
        };
        if changed {
            self.cells.push(cell);
        }
    }

    /// Records a row of a slower clock, whether or not it changed.
    pub fn record_row(&mut self, cell: TraceCell) {
        self.cells.push(cell);
    }

    /// Forgets what was recorded of a position, so that its number may not be compared with a later one's.
    pub fn forget(&mut self, id: PositionId) {
        self.positions.remove(&id);
    }
}

/// Makes a cell the newest of its node; whether it differs from the one before.
fn replace(newest: &mut Vec<Option<Cell>>, cell: TraceCell) -> bool {
    let at = cell.node as usize;
    if newest.len() <= at {
        newest.resize(at + 1, None);
    }
    newest
        .get_mut(at)
        .is_none_or(|slot| slot.replace(cell.cell) != Some(cell.cell))
}
