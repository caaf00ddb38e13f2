//! The batch driver: every market node as one column over the whole history, in the order of the plan.
//!
//! Nodes on slower clocks are columns of rows, each with the instant from which it can be read; tick-clock nodes are
//! columns over the ticks. What the two drivers share is everything that computes a value; what differs is only that this
//! one walks node by node and the other event by event.

use crate::clock::{RowCursor, session_sample_at};
use crate::column::{Column, Input};
use crate::market::{
    Grids, MarketData, Rows, ViewSource, bar_cell, is_tick_node, row_inputs, tick_source, vx_maturity,
};
use crate::plan::{NodeKind, Plan, PlanNode};
use crate::value::{Cause, Cell};
use alula_market::time::Instant;

/// Columns of all market nodes.
#[derive(Clone, Debug)]
pub struct Batch {
    grids: Grids,
    rows: Vec<Option<Rows>>,
    ticks: Vec<Option<Column>>,
}

impl Batch {
    /// Computes every market node of a plan over the ticks given (warm-up ticks first) and the whole of the series.
    ///
    /// # Errors
    /// When a snapshot cannot be read. Snapshots are read only if some node is computed from them.
    pub fn run<S: ViewSource>(
        plan: &Plan,
        data: &MarketData,
        ticks: &[Instant],
        snapshots: &mut S,
    ) -> Result<Self, S::Error> {
        let mut batch = Self {
            grids: Grids::new(plan, data, ticks),
            rows: vec![None; plan.nodes().len()],
            ticks: vec![None; plan.nodes().len()],
        };
        let mut from_chains = read_chains(plan, data, ticks, &batch.grids, snapshots)?;
        for &index in plan.order() {
            let Some(node) = plan.nodes().get(index) else {
                continue;
            };
            if node.domain != alula_dsl::graph::Domain::Market {
                continue;
            }
            if node.has_rows() {
                let rows = batch.node_rows(plan, node, data, ticks);
                put(&mut batch.rows, index, rows);
            } else if plan.fixed(node).is_none() {
                let spots = from_chains.get_mut(index).and_then(Option::take);
                let column = batch.node_ticks(plan, node, data, ticks, spots);
                put(&mut batch.ticks, index, column);
            }
        }
        Ok(batch)
    }

    /// The cells of all market nodes at a tick, written by node number; nodes of other domains are left alone.
    pub fn cells(&self, plan: &Plan, tick: usize, cells: &mut [Cell]) {
        for &index in plan.order() {
            let (Some(node), Some(cell)) = (plan.nodes().get(index), cells.get_mut(index)) else {
                continue;
            };
            if !is_tick_node(node) {
                continue;
            }
            *cell = match plan.fixed(node) {
                Some(fixed) => fixed,
                None => self
                    .ticks
                    .get(index)
                    .and_then(Option::as_ref)
                    .map_or(Cell::missing(Cause::NoData), |c| c.get(tick)),
            };
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

    fn node_rows(&self, plan: &Plan, node: &PlanNode, data: &MarketData, ticks: &[Instant]) -> Rows {
        let mut out = Rows::new(node.value);
        match &node.kind {
            NodeKind::Bars { series, field } => {
                let (Some(series), Some(grid)) = (data.series(*series), self.grids.of(node)) else {
                    return out;
                };
                let mut cursor = RowCursor::default();
                for (bar, (date, starts)) in series.date.iter().zip(&series.starts_at).enumerate() {
                    let Some(visible) = series.available_at.get(bar).copied() else {
                        break;
                    };
                    let Some(row) = grid.row_of(*date, *starts) else {
                        continue;
                    };
                    let Some(missing) = cursor.arrive(row) else {
                        continue;
                    };
                    for _ in 0..missing {
                        out.push(Cell::missing(Cause::NoData), visible);
                    }
                    out.push(bar_cell(series, bar, *field), visible);
                }
            }
            NodeKind::SessionLast => self.sample_sessions(plan, node, ticks, &mut out),
            NodeKind::VxMaturity(days) => self.vx_rows(node, *days, &mut out),
            NodeKind::Operator(operator) => {
                let slow: Vec<&Rows> = node.inputs.iter().filter_map(|i| self.rows(*i)).collect();
                let upto = slow.iter().map(|r| r.len()).min().unwrap_or(0);
                for row in 0..upto {
                    let visible = slow.iter().filter_map(|r| r.visible.get(row)).max();
                    out.visible.push(visible.copied().unwrap_or_default());
                }
                let inputs: Vec<Input<'_>> = node.inputs.iter().map(|i| self.row_input(plan, *i)).collect();
                out.column.reserve(upto);
                operator.boxed_clone().extend(&inputs, upto, &mut out.column);
            }
            _ => {}
        }
        out
    }

    fn row_input<'a>(&'a self, plan: &Plan, index: usize) -> Input<'a> {
        match self.rows(index) {
            Some(rows) => Input::Column(&rows.column),
            None => Input::Constant(self.constant(plan, index)),
        }
    }

    /// A constant-clock node's cell; those that are computed hold a column of one step.
    fn constant(&self, plan: &Plan, index: usize) -> Cell {
        let fixed = plan.nodes().get(index).and_then(|n| plan.fixed(n));
        let column = || self.ticks.get(index).and_then(Option::as_ref).map(|c| c.get(0));
        fixed.or_else(column).unwrap_or(Cell::missing(Cause::NoData))
    }

    fn sample_sessions(&self, plan: &Plan, node: &PlanNode, ticks: &[Instant], out: &mut Rows) {
        let (Some(grid), Some(&input)) = (self.grids.of(node), node.inputs.first()) else {
            return;
        };
        let mut next = 0;
        for index in 0..grid.len() {
            let Some(row) = grid.row(index) else { break };
            let Some(visible) = session_sample_at(row.date) else {
                continue;
            };
            let mut newest = None;
            while let Some(tick) = ticks.get(next).filter(|t| **t < visible) {
                newest = (tick.date() == row.date).then_some(next);
                next += 1;
            }
            let cell = match newest {
                Some(tick) => self.tick_input(plan, input).get(tick),
                None => Cell::missing(Cause::NoData),
            };
            out.push(cell, visible);
        }
    }

    fn tick_input<'a>(&'a self, plan: &Plan, index: usize) -> Input<'a> {
        let ticks = plan.nodes().get(index).is_some_and(is_tick);
        match self.ticks.get(index).and_then(Option::as_ref).filter(|_| ticks) {
            Some(column) => Input::Column(column),
            None => Input::Constant(self.constant(plan, index)),
        }
    }

    fn vx_rows(&self, node: &PlanNode, days: u32, out: &mut Rows) {
        let Some(grid) = self.grids.of(node) else { return };
        for index in 0..grid.len() {
            let Some(date) = grid.row(index).map(|r| r.date) else {
                break;
            };
            let closed: Option<Vec<Instant>> = row_inputs(node, date)
                .into_iter()
                .map(|i| self.rows(i).and_then(|r| r.visible.get(index)).copied())
                .collect();
            let Some(visible) = closed.and_then(|c| c.into_iter().max()) else {
                break;
            };
            let month = |m: usize| {
                let rows = node.inputs.get(m).and_then(|i| self.rows(*i));
                rows.map_or(Cell::missing(Cause::NotListed), |r| r.column.get(index))
            };
            out.push(vx_maturity(date, days, month), visible);
        }
    }

    fn node_ticks(
        &self,
        plan: &Plan,
        node: &PlanNode,
        data: &MarketData,
        ticks: &[Instant],
        from_chains: Option<Column>,
    ) -> Column {
        if let Some(column) = from_chains {
            return self.fill_last(plan, node, data, ticks, column);
        }
        let mut out = Column::new(node.value);
        if let NodeKind::Operator(operator) = &node.kind {
            let inputs: Vec<Input<'_>> = node.inputs.iter().map(|i| self.tick_input(plan, *i)).collect();
            let steps = if is_tick(node) { ticks.len() } else { 1 };
            out.reserve(steps);
            operator.boxed_clone().extend(&inputs, steps, &mut out);
            return out;
        }
        out.reserve(ticks.len());
        for &at in ticks {
            let cell = tick_source(plan, node, at, &[], data, &self.grids, |i| self.rows(i));
            out.push(cell.unwrap_or(Cell::missing(Cause::NoData)));
        }
        out
    }

    /// Where the snapshots had no spot, `last` is the newest bar's close.
    fn fill_last(
        &self,
        plan: &Plan,
        node: &PlanNode,
        data: &MarketData,
        ticks: &[Instant],
        column: Column,
    ) -> Column {
        if !matches!(node.kind, NodeKind::Last { .. }) {
            return column;
        }
        let mut out = Column::new(node.value);
        out.reserve(ticks.len());
        for (tick, &at) in ticks.iter().enumerate() {
            let spot = column.get(tick);
            let cell = if spot.is_known() {
                Some(spot)
            } else {
                tick_source(plan, node, at, &[], data, &self.grids, |i| self.rows(i))
            };
            out.push(cell.unwrap_or(Cell::missing(Cause::NoData)));
        }
        out
    }
}

const fn is_tick(node: &PlanNode) -> bool {
    matches!(node.clock, alula_dsl::graph::Clock::Tick)
}

fn put<T>(slots: &mut [Option<T>], index: usize, value: T) {
    if let Some(slot) = slots.get_mut(index) {
        *slot = Some(value);
    }
}

/// One pass over the snapshots for the nodes that are computed from them.
fn read_chains<S: ViewSource>(
    plan: &Plan,
    data: &MarketData,
    ticks: &[Instant],
    grids: &Grids,
    snapshots: &mut S,
) -> Result<Vec<Option<Column>>, S::Error> {
    let mut out: Vec<Option<Column>> = vec![None; plan.nodes().len()];
    let reads = |n: &PlanNode| {
        matches!(
            n.kind,
            NodeKind::ImpliedVol { .. } | NodeKind::Last { chain: Some(_) }
        )
    };
    let nodes: Vec<usize> = plan
        .order()
        .iter()
        .copied()
        .filter(|i| plan.nodes().get(*i).is_some_and(reads))
        .collect();
    if nodes.is_empty() {
        return Ok(out);
    }
    for &at in ticks {
        let views = snapshots.views(at)?;
        for &index in &nodes {
            let (Some(node), Some(slot)) = (plan.nodes().get(index), out.get_mut(index)) else {
                continue;
            };
            let cell = tick_source(plan, node, at, &views, data, grids, |_| None);
            let column = slot.get_or_insert_with(|| Column::new(node.value));
            column.push(cell.unwrap_or(Cell::missing(Cause::NoData)));
        }
    }
    Ok(out)
}
