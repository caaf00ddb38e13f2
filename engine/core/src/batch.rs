//! The batch driver: every market node as one column over the whole history.
//!
//! Nodes on slower clocks are columns of rows, each with the instant from which it can be read; tick-clock nodes are
//! columns over the ticks. What is read from a source is laid out node by node; operators go through their inputs together,
//! as soon as those are there. What the two drivers share is everything that computes a value; what differs is only the order
//! in which they walk.

use crate::clock::{Freshness, Moment, session_sample_at};
use crate::column::Column;
use crate::columns::Columns;
use crate::market::{
    Grids, MarketData, Rows, ViewSource, is_tick_node, row_inputs, tick_source, vx_maturity,
};
use crate::ops::chained::place;
use crate::plan::{NodeKind, Plan, PlanNode};
use crate::rows::{Layout, Reading};
use crate::value::{Cause, Cell};
use alula_dsl::graph::{Clock, Domain};
use alula_market::series::{BarSize, SeriesData};
use alula_market::time::Instant;
use std::collections::BTreeMap;

/// Columns of all market nodes.
#[derive(Clone, Debug)]
pub struct Batch {
    grids: Grids,
    columns: Columns,
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
        let grids = Grids::new(plan, data, ticks);
        let mut work = Work {
            plan,
            data,
            ticks,
            from_chains: read_chains(plan, data, ticks, &grids, snapshots)?,
            columns: Columns::new(plan, ticks.len()),
            layouts: Vec::new(),
            readings: BTreeMap::new(),
            moments: Vec::new(),
            grids,
        };
        work.all();
        Ok(Self {
            grids: work.grids,
            columns: work.columns,
        })
    }

    /// The cells of all market nodes at a tick, written by node number; nodes of other domains are left alone.
    pub fn cells(&self, plan: &Plan, tick: usize, cells: &mut [Cell]) {
        for &index in plan.order() {
            let (Some(node), Some(cell)) = (plan.nodes().get(index), cells.get_mut(index)) else {
                continue;
            };
            if is_tick_node(node) {
                *cell = self.columns.input(index).get(tick);
            }
        }
    }

    /// Rows of a node, if it has any. Those of a node that nothing but its like reads are computed when they are asked for.
    #[must_use]
    pub fn rows(&self, node: usize) -> Option<Rows<'_>> {
        self.columns.rows(node)
    }

    /// The grids.
    #[must_use]
    pub const fn grids(&self) -> &Grids {
        &self.grids
    }
}

/// A batch under way.
struct Work<'a> {
    plan: &'a Plan,
    data: &'a MarketData,
    ticks: &'a [Instant],
    grids: Grids,
    columns: Columns,
    /// Columns over the ticks of the nodes that are computed from snapshots.
    from_chains: Vec<Option<Column>>,
    /// How the bars of series are laid out on a grid, and the lane of their rows.
    layouts: Vec<(&'a SeriesData, BarSize, Layout, usize)>,
    /// Which rows the ticks read: of a lane, on a grid, under a rule of age.
    readings: BTreeMap<(usize, Option<BarSize>, &'a [Freshness]), Reading>,
    /// The ticks, once somebody has asked what the calendar says of them.
    moments: Vec<Moment>,
}

impl<'a> Work<'a> {
    /// Rounds: what is read from sources, then the operators whose inputs are there, until nothing is left. There are more
    /// than one when clocks feed each other, as a sample of each session's last tick does.
    fn all(&mut self) {
        let plan = self.plan;
        let mut todo: Vec<usize> = plan.order().to_vec();
        todo.retain(|i| plan.nodes().get(*i).is_some_and(|n| n.domain == Domain::Market));
        loop {
            let before = todo.len();
            todo.retain(|i| !self.columns.is_done(*i) && !self.source(*i));
            self.columns.sweep(plan, &todo);
            todo.retain(|i| !self.columns.is_done(*i));
            if todo.is_empty() || todo.len() == before {
                return;
            }
        }
    }

    /// Computes a node that is no operator, or is the same at each step, if its inputs are there.
    fn source(&mut self, index: usize) -> bool {
        let Some(node) = self.plan.nodes().get(index) else {
            return false;
        };
        if !node.inputs.iter().all(|i| self.columns.is_done(*i)) {
            return false;
        }
        match &node.kind {
            NodeKind::Operator(operator) => {
                if node.clock != Clock::Constant {
                    return false;
                }
                let inputs: Vec<Cell> = node
                    .inputs
                    .iter()
                    .map(|i| self.columns.input(*i).get(0))
                    .collect();
                let cell = operator.boxed_clone().step(&inputs);
                self.columns.put_constant(index, cell);
            }
            NodeKind::AsOf(fresh) => {
                let column = self.as_of(node, fresh);
                self.columns.put_ticks(index, column);
            }
            _ if node.has_rows() => self.rows(index, node),
            _ => {
                let column = self.ticks(index, node);
                self.columns.put_ticks(index, column);
            }
        }
        true
    }

    fn rows(&mut self, index: usize, node: &PlanNode) {
        let (column, visible) = match &node.kind {
            NodeKind::Bars { series, field } => {
                let size = node.size().unwrap_or(BarSize::Session);
                let (Some(found), Some(grid)) = (self.data.series(*series), self.grids.of(node)) else {
                    self.columns.put_rows(index, Column::new(node.value), Vec::new());
                    return;
                };
                // Series of one feed have the same bars: what is the same is laid out once.
                let alike = |(other, of, ..): &(&SeriesData, BarSize, Layout, usize)| {
                    *of == size
                        && (std::ptr::eq(*other, found.as_ref())
                            || (other.date == found.date
                                && other.starts_at == found.starts_at
                                && other.available_at == found.available_at))
                };
                let at = self.layouts.iter().position(alike).unwrap_or_else(|| {
                    let (layout, visible) = Layout::new(found, grid);
                    let lane = self.columns.lane(visible);
                    self.layouts.push((found, size, layout, lane));
                    self.layouts.len() - 1
                });
                if let Some((_, _, layout, lane)) = self.layouts.get(at) {
                    self.columns
                        .put_in_lane(index, layout.column(found, *field), *lane);
                }
                return;
            }
            NodeKind::SessionLast => self.sample_sessions(node),
            NodeKind::VxMaturity(days) => self.vx_rows(node, *days),
            _ => (Column::new(node.value), Vec::new()),
        };
        self.columns.put_rows(index, column, visible);
    }

    fn sample_sessions(&self, node: &PlanNode) -> (Column, Vec<Instant>) {
        let (mut out, mut visible) = (Column::new(node.value), Rising::default());
        let (Some(grid), Some(&input)) = (self.grids.of(node), node.inputs.first()) else {
            return (out, visible.0);
        };
        let mut next = 0;
        for index in 0..grid.len() {
            let Some(row) = grid.row(index) else { break };
            let Some(at) = session_sample_at(row.date) else {
                continue;
            };
            let mut newest = None;
            while let Some(tick) = self.ticks.get(next).filter(|t| **t < at) {
                newest = Some((next, *tick));
                next += 1;
            }
            out.push(match newest.filter(|(_, tick)| tick.date() == row.date) {
                Some((tick, _)) => self.columns.input(input).get(tick),
                None => Cell::missing(Cause::NoData),
            });
            visible.push(at);
        }
        (out, visible.0)
    }

    fn vx_rows(&self, node: &PlanNode, days: u32) -> (Column, Vec<Instant>) {
        let (mut out, mut visible) = (Column::new(node.value), Rising::default());
        let Some(grid) = self.grids.of(node) else {
            return (out, visible.0);
        };
        for index in 0..grid.len() {
            let Some(date) = grid.row(index).map(|r| r.date) else {
                break;
            };
            let closed: Option<Vec<Instant>> = row_inputs(node, date)
                .into_iter()
                .map(|i| self.columns.rows(i).and_then(|r| r.visible.get(index).copied()))
                .collect();
            let Some(at) = closed.and_then(|c| c.into_iter().max()) else {
                break;
            };
            let month = |m: usize| {
                let rows = node.inputs.get(m).and_then(|i| self.columns.rows(*i));
                rows.map_or(Cell::missing(Cause::NotListed), |r| r.column.get(index))
            };
            out.push(vx_maturity(date, days, month));
            visible.push(at);
        }
        (out, visible.0)
    }

    fn as_of(&mut self, node: &'a PlanNode, fresh: &'a [Freshness]) -> Column {
        let input = node.inputs.first().copied().unwrap_or(usize::MAX);
        let (Some(lane), Some(column)) = (self.columns.lane_of(input), self.columns.column(input)) else {
            let nothing = std::iter::repeat_n(Cell::missing(Cause::NoData), self.ticks.len());
            let mut out = Column::new(node.value);
            nothing.for_each(|cell| out.push(cell));
            return out;
        };
        let size = self.plan.nodes().get(input).and_then(PlanNode::size);
        if self.moments.is_empty() {
            self.moments = self.ticks.iter().map(|t| Moment::new(*t)).collect();
        }
        let reading = self.readings.entry((lane, size, fresh)).or_insert_with(|| {
            let grid = size.and_then(|s| self.grids.get(s));
            Reading::new(self.columns.visible(lane), grid, fresh, &self.moments)
        });
        reading.column(column)
    }

    /// A tick-clock node that is read from snapshots, bars or events.
    fn ticks(&mut self, index: usize, node: &PlanNode) -> Column {
        let spots = self.from_chains.get_mut(index).and_then(Option::take);
        // Where the snapshots had no spot, `last` is the newest bar's close.
        let fill = matches!(node.kind, NodeKind::Last { .. });
        if let (Some(column), false) = (&spots, fill) {
            return column.clone();
        }
        let mut out = Column::new(node.value);
        out.reserve(self.ticks.len());
        for (tick, &at) in self.ticks.iter().enumerate() {
            let spot = spots.as_ref().map(|s| s.get(tick)).filter(|s| s.is_known());
            let cell = spot.or_else(|| {
                tick_source(self.plan, node, at, &[], self.data, &self.grids, |i| {
                    self.columns.rows(i)
                })
            });
            out.push(cell.unwrap_or(Cell::missing(Cause::NoData)));
        }
        out
    }
}

/// Instants that never decrease.
#[derive(Default)]
struct Rising(Vec<Instant>);

impl Rising {
    fn push(&mut self, at: Instant) {
        self.0.push(self.0.last().map_or(at, |newest| at.max(*newest)));
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
            NodeKind::ImpliedVol { .. }
                | NodeKind::ImpliedForward { .. }
                | NodeKind::Chained { .. }
                | NodeKind::Last { chain: Some(_) }
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
    let mut chained = plan.chained().to_vec();
    for &at in ticks {
        let views = snapshots.views(at)?;
        chained.iter_mut().for_each(|c| c.tick(&views));
        for &index in &nodes {
            let (Some(node), Some(slot)) = (plan.nodes().get(index), out.get_mut(index)) else {
                continue;
            };
            let cell = match place(&node.kind) {
                Some((of, output)) => chained.get(of).map(|c| c.cell(output)),
                None => tick_source(plan, node, at, &views, data, grids, |_| None),
            };
            let column = slot.get_or_insert_with(|| Column::new(node.value));
            column.push(cell.unwrap_or(Cell::missing(Cause::NoData)));
        }
    }
    Ok(out)
}
