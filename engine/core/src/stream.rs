//! The streaming driver: market nodes event by event, as data arrive.
//!
//! Events are pushed in the order of their instants; those of one instant in any order, then [`Stream::settle`], then the
//! tick, if there is one. A row of a node is computed when the last of its inputs' rows has closed.

use crate::clock::{RowCursor, session_sample_at};
use crate::market::{
    Grids, MarketData, Rows, Views, bar_cell, is_tick_node, row_inputs, tick_source, vx_maturity,
};
use crate::ops::Operator;
use crate::plan::{NodeKind, Plan, PlanNode};
use crate::value::{Cause, Cell};
use alula_dsl::graph::{Clock, Domain};
use alula_market::time::Instant;

/// Something that becomes known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A bar of a series: index into [`Plan::series`], and into its bars.
    Bar {
        /// Series.
        series: usize,
        /// Bar.
        bar: usize,
    },
    /// A session is over: its row on the session grid.
    SessionEnd(usize),
}

/// All events up to an instant, in the order in which a feed would deliver them: by instant, then as declared.
///
/// A live feed pushes the same events as they happen; nothing in the stream depends on having this list.
#[must_use]
pub fn schedule(data: &MarketData, grids: &Grids, until: Instant) -> Vec<(Instant, Event)> {
    let mut out = Vec::new();
    for (index, series) in data.series.iter().enumerate() {
        let Some(series) = series else { continue };
        let mut newest = Instant(i64::MIN);
        for (bar, at) in series.available_at.iter().enumerate() {
            newest = newest.max(*at);
            out.push((newest, Event::Bar { series: index, bar }));
        }
    }
    if let Some(grid) = grids.get(alula_market::series::BarSize::Session) {
        for row in 0..grid.len() {
            let at = grid.row(row).and_then(|r| session_sample_at(r.date));
            out.extend(at.map(|at| (at, Event::SessionEnd(row))));
        }
    }
    out.retain(|(at, _)| *at <= until);
    out.sort_unstable();
    out
}

/// The state of all market nodes.
#[derive(Clone, Debug)]
pub struct Stream {
    grids: Grids,
    rows: Vec<Option<Rows>>,
    cursors: Vec<RowCursor>,
    operators: Vec<Option<Box<dyn Operator>>>,
    /// Newest tick of `SessionLast` nodes' inputs, with its tick.
    samples: Vec<Option<(Instant, Cell)>>,
    cells: Vec<Cell>,
}

impl Stream {
    /// A stream before its first event.
    #[must_use]
    pub fn new(plan: &Plan, grids: Grids) -> Self {
        let count = plan.nodes().len();
        let mut stream = Self {
            grids,
            rows: plan
                .nodes()
                .iter()
                .map(|n| n.has_rows().then(|| Rows::new(n.value)))
                .collect(),
            cursors: vec![RowCursor::default(); count],
            operators: plan.nodes().iter().map(operator_of).collect(),
            samples: vec![None; count],
            cells: vec![Cell::missing(Cause::NoData); count],
        };
        stream.constants(plan);
        stream
    }

    /// Constant-clock nodes, once (and again after a change of thresholds).
    pub fn constants(&mut self, plan: &Plan) {
        for &index in plan.order() {
            let Some(node) = plan.nodes().get(index).filter(|n| n.clock == Clock::Constant) else {
                continue;
            };
            let cell = match (&node.kind, plan.fixed(node)) {
                (_, Some(cell)) => cell,
                (NodeKind::Operator(operator), None) => {
                    let inputs: Vec<Cell> = node.inputs.iter().map(|i| self.cell(*i)).collect();
                    operator.boxed_clone().step(&inputs)
                }
                _ => Cell::missing(Cause::NoData),
            };
            self.put(index, cell);
        }
    }

    /// Takes an event. Bars close rows of their series' nodes; a session's end closes the samples of its last tick.
    pub fn push(&mut self, plan: &Plan, data: &MarketData, at: Instant, event: Event) {
        for &index in plan.order() {
            let Some(node) = plan.nodes().get(index) else {
                continue;
            };
            match (&node.kind, event) {
                (NodeKind::Bars { series, field }, Event::Bar { series: s, bar }) if *series == s => {
                    let Some(found) = data.series(s) else { continue };
                    let (Some(date), Some(starts)) = (found.date.get(bar), found.starts_at.get(bar)) else {
                        continue;
                    };
                    let Some(row) = self.grids.of(node).and_then(|g| g.row_of(*date, *starts)) else {
                        continue;
                    };
                    let Some(missing) = self.cursors.get_mut(index).and_then(|c| c.arrive(row)) else {
                        continue;
                    };
                    let cell = bar_cell(found, bar, *field);
                    if let Some(rows) = self.rows.get_mut(index).and_then(Option::as_mut) {
                        for _ in 0..missing {
                            rows.push(Cell::missing(Cause::NoData), at);
                        }
                        rows.push(cell, at);
                    }
                }
                (NodeKind::SessionLast, Event::SessionEnd(row)) => {
                    let date = self.grids.of(node).and_then(|g| g.row(row)).map(|r| r.date);
                    let sample = self.samples.get_mut(index).and_then(Option::take);
                    let cell = match sample {
                        Some((tick, cell)) if Some(tick.date()) == date => cell,
                        _ => Cell::missing(Cause::NoData),
                    };
                    if let Some(rows) = self.rows.get_mut(index).and_then(Option::as_mut) {
                        rows.push(cell, at);
                    }
                }
                _ => {}
            }
        }
    }

    /// Computes every row that can be computed now; call after the events of an instant.
    pub fn settle(&mut self, plan: &Plan, at: Instant) {
        for &index in plan.order() {
            let Some(node) = plan.nodes().get(index).filter(|n| n.has_rows()) else {
                continue;
            };
            match node.kind {
                NodeKind::Operator(_) => self.advance(index, node, at),
                NodeKind::VxMaturity(days) => self.advance_vx(index, node, days, at),
                _ => {}
            }
        }
    }

    fn advance(&mut self, index: usize, node: &PlanNode, at: Instant) {
        let closed = node
            .inputs
            .iter()
            .filter_map(|i| self.rows(*i))
            .map(Rows::len)
            .min()
            .unwrap_or(0);
        let Some(mut operator) = self.operators.get_mut(index).and_then(Option::take) else {
            return;
        };
        for row in self.rows(index).map_or(0, Rows::len)..closed {
            let inputs: Vec<Cell> = node
                .inputs
                .iter()
                .map(|i| self.rows(*i).map_or_else(|| self.cell(*i), |r| r.column.get(row)))
                .collect();
            let cell = operator.step(&inputs);
            if let Some(rows) = self.rows.get_mut(index).and_then(Option::as_mut) {
                rows.push(cell, at);
            }
        }
        if let Some(slot) = self.operators.get_mut(index) {
            *slot = Some(operator);
        }
    }

    fn advance_vx(&mut self, index: usize, node: &PlanNode, days: u32, at: Instant) {
        loop {
            let row = self.rows(index).map_or(0, Rows::len);
            let Some(date) = self.grids.of(node).and_then(|g| g.row(row)).map(|r| r.date) else {
                return;
            };
            let closed = row_inputs(node, date)
                .iter()
                .all(|i| self.rows(*i).is_some_and(|r| r.len() > row));
            if !closed {
                return;
            }
            let month = |m: usize| {
                let rows = node.inputs.get(m).and_then(|i| self.rows(*i));
                rows.map_or(Cell::missing(Cause::NotListed), |r| r.column.get(row))
            };
            let cell = vx_maturity(date, days, month);
            match self.rows.get_mut(index).and_then(Option::as_mut) {
                Some(rows) => rows.push(cell, at),
                None => return,
            }
        }
    }

    /// Evaluates the tick-clock nodes; every event at or before the tick must have been pushed and settled.
    pub fn tick(&mut self, plan: &Plan, data: &MarketData, at: Instant, views: &Views) {
        for &index in plan.order() {
            let Some(node) = plan.nodes().get(index) else {
                continue;
            };
            if node.domain != Domain::Market || node.clock != Clock::Tick {
                continue;
            }
            let source = tick_source(plan, node, at, views, data, &self.grids, |i| self.rows(i));
            let cell = match source {
                Some(cell) => cell,
                None => {
                    let inputs: Vec<Cell> = node.inputs.iter().map(|i| self.cell(*i)).collect();
                    match self.operators.get_mut(index).and_then(Option::as_mut) {
                        Some(operator) => operator.step(&inputs),
                        None => Cell::missing(Cause::NoData),
                    }
                }
            };
            self.put(index, cell);
        }
        for &index in plan.order() {
            let Some(node) = plan.nodes().get(index) else {
                continue;
            };
            if matches!(node.kind, NodeKind::SessionLast) {
                let input = node
                    .inputs
                    .first()
                    .map_or(Cell::missing(Cause::NoData), |i| self.cell(*i));
                if let Some(slot) = self.samples.get_mut(index) {
                    *slot = Some((at, input));
                }
            }
        }
    }

    /// The cells of the newest tick, written by node number; nodes of other domains are left alone.
    pub fn cells(&self, plan: &Plan, cells: &mut [Cell]) {
        for &index in plan.order() {
            if let (Some(node), Some(cell)) = (plan.nodes().get(index), cells.get_mut(index))
                && is_tick_node(node)
            {
                *cell = self.cell(index);
            }
        }
    }

    /// Rows of a node, if it has any.
    #[must_use]
    pub fn rows(&self, node: usize) -> Option<&Rows> {
        self.rows.get(node).and_then(Option::as_ref)
    }

    /// The grids.
    #[must_use]
    pub const fn grids(&self) -> &Grids {
        &self.grids
    }

    fn cell(&self, index: usize) -> Cell {
        self.cells
            .get(index)
            .copied()
            .unwrap_or(Cell::missing(Cause::NoData))
    }

    fn put(&mut self, index: usize, cell: Cell) {
        if let Some(slot) = self.cells.get_mut(index) {
            *slot = cell;
        }
    }
}

fn operator_of(node: &PlanNode) -> Option<Box<dyn Operator>> {
    match &node.kind {
        NodeKind::Operator(operator) if node.domain == Domain::Market => Some(operator.boxed_clone()),
        _ => None,
    }
}
