//! A function of a native plugin that reads an option chain: stepped by the drivers at each tick, once for all its outputs.

use crate::analytics::SnapshotView;
use crate::lifeline::Lifeline;
use crate::plan::NodeKind;
use crate::plugin::ChainInstance;
use crate::value::{Cause, Cell};
use std::sync::{Arc, Mutex, PoisonError};

/// What a dead instance gives.
const DEAD: Cell = Cell::missing(Cause::Plugin);

/// Which instance of [`crate::plan::Plan::chained`] a node reads, and which output.
pub(crate) const fn place(kind: &NodeKind) -> Option<(usize, usize)> {
    match kind {
        NodeKind::Chained { of, output } => Some((*of, *output as usize)),
        _ => None,
    }
}

/// An instance with the cells of its newest tick.
#[derive(Debug)]
pub struct Chained {
    /// None where no such plugin is loaded. Behind a lock because copying calls into the plugin; stepping needs no lock.
    instance: Option<Mutex<Box<dyn ChainInstance>>>,
    /// Index into [`crate::plan::Plan::chains`].
    chain: usize,
    cells: Vec<Cell>,
    /// Ticks seen.
    ticks: u64,
    /// Until when it lives, which its copies share.
    life: Arc<Lifeline>,
}

impl Chained {
    pub(crate) fn new(instance: Option<Box<dyn ChainInstance>>, chain: usize, life: Arc<Lifeline>) -> Self {
        Self {
            instance: instance.map(Mutex::new),
            chain,
            cells: Vec::new(),
            ticks: 0,
            life,
        }
    }

    /// It remembers snapshots.
    pub(crate) fn remembers(&self) -> bool {
        let instance = self.instance.as_ref();
        instance.is_some_and(|i| i.lock().unwrap_or_else(PoisonError::into_inner).warmup() > 0)
    }

    /// Takes the snapshot of a tick.
    pub(crate) fn tick(&mut self, views: &[Option<Arc<SnapshotView>>]) {
        self.cells.clear();
        let row = self.ticks;
        self.ticks = row.saturating_add(1);
        let Some(instance) = &mut self.instance else {
            return;
        };
        let instance = instance.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(view) = views.get(self.chain).and_then(Option::as_ref) else {
            self.cells.push(Cell::missing(Cause::NoQuote));
            return;
        };
        let table = view.table();
        if table.strike.is_empty() {
            self.cells.push(Cell::missing(Cause::NoQuote));
        } else if instance.needs_interest() && !table.has_interest() {
            self.cells.push(Cell::missing(Cause::NoInterest));
        } else if self.life.is_dead(row) {
            self.cells.push(DEAD);
        } else {
            instance.tick(table, &mut self.cells);
            if self.cells.contains(&DEAD) {
                self.life.died(row, &instance.fault().unwrap_or_default());
            }
        }
    }

    /// An output at the newest tick. Where there is one cell for all, it is missing.
    pub(crate) fn cell(&self, output: usize) -> Cell {
        match self.cells.as_slice() {
            [one] if !one.is_known() => *one,
            cells => cells.get(output).copied().unwrap_or(Cell::missing(Cause::Plugin)),
        }
    }
}

impl Clone for Chained {
    fn clone(&self) -> Self {
        let copy = |i: &Mutex<Box<dyn ChainInstance>>| {
            Mutex::new(i.lock().unwrap_or_else(PoisonError::into_inner).copy())
        };
        Self {
            instance: self.instance.as_ref().map(copy),
            chain: self.chain,
            cells: self.cells.clone(),
            ticks: self.ticks,
            life: Arc::clone(&self.life),
        }
    }
}
