//! What the market's nodes read, and how one step of each is computed. Both drivers use these functions and no others.

use crate::analytics::SnapshotView;
use crate::clock::{Freshness, Grid, Moment, events};
use crate::plan::{BarField, NodeKind, Plan, PlanNode};
pub use crate::rows::Rows;
use crate::rows::field_of;
use crate::value::{Cause, Cell};
use alula_dsl::graph::Clock;
use alula_market::calendar::ExchangeCalendar;
use alula_market::series::{BarSize, EventData, SeriesData};
use alula_market::time::{Date, Instant};
use chrono::Days;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The snapshots at a tick: one entry for each of [`Plan::chains`], `None` where there is none.
pub type Views = [Option<Arc<SnapshotView>>];

/// Gives the snapshots of a tick. What a view computes on demand is kept with it, so the same view may be given twice.
pub trait ViewSource {
    /// Why snapshots could not be had.
    type Error;

    /// The snapshots at an instant.
    ///
    /// # Errors
    /// When the data cannot be read; a tick without a snapshot is `None` in its place.
    fn views(&mut self, at: Instant) -> Result<Arc<Views>, Self::Error>;
}

/// Series and events in the order of [`Plan::series`] and [`Plan::events`]; `None` for what the history does not have.
#[derive(Clone, Debug, Default)]
pub struct MarketData {
    /// Series.
    pub series: Vec<Option<Arc<SeriesData>>>,
    /// Events.
    pub events: Vec<Option<Arc<EventData>>>,
}

impl MarketData {
    /// A series, if the history has it.
    #[must_use]
    pub fn series(&self, index: usize) -> Option<&Arc<SeriesData>> {
        self.series.get(index).and_then(Option::as_ref)
    }
}

/// The value of a bar's column.
#[must_use]
pub fn bar_cell(series: &SeriesData, bar: usize, field: BarField) -> Cell {
    let column = field_of(series, field);
    Cell::number_or(column.get(bar).copied().flatten(), Cause::NoData)
}

/// The grids of a plan's bar sizes.
#[derive(Clone, Debug, Default)]
pub struct Grids {
    grids: BTreeMap<BarSize, Grid>,
}

impl Grids {
    /// Grids from the first bar of any series of a size (sessions: from the first tick, if that is earlier) to the session
    /// of the last tick.
    #[must_use]
    pub fn new(plan: &Plan, data: &MarketData, ticks: &[Instant]) -> Self {
        let mut first: BTreeMap<BarSize, Date> = BTreeMap::new();
        let mut start = |size: BarSize, date: Date| {
            let entry = first.entry(size).or_insert(date);
            *entry = (*entry).min(date);
        };
        for (need, series) in plan.series().iter().zip(&data.series) {
            if let Some(date) = series.as_ref().and_then(|s| s.date.first()) {
                start(need.size, *date);
            }
        }
        if let Some(tick) = ticks.first() {
            start(BarSize::Session, tick.date());
        }
        let last = ticks.last().map(|t| t.date()).unwrap_or_default();
        let grids = first
            .into_iter()
            .map(|(size, from)| (size, Grid::new(size, from, last)))
            .collect();
        Self { grids }
    }

    /// The grid of a size.
    #[must_use]
    pub fn get(&self, size: BarSize) -> Option<&Grid> {
        self.grids.get(&size)
    }

    /// The grid of a node.
    #[must_use]
    pub fn of(&self, node: &PlanNode) -> Option<&Grid> {
        self.get(node.size()?)
    }
}

/// A node's inputs that must have closed a row before the node can: all of them, but of the VX curve the two months used.
#[must_use]
pub fn row_inputs(node: &PlanNode, date: Date) -> Vec<usize> {
    match node.kind {
        NodeKind::VxMaturity(days) => {
            let months = match maturity(date, days) {
                Ok((near, far, _)) => vec![near, far],
                // Not on the curve whatever the settlements are; the front month paces the rows.
                Err(_) => vec![0],
            };
            let known: Vec<usize> = months
                .iter()
                .filter_map(|m| node.inputs.get(*m).copied())
                .collect();
            if known.is_empty() {
                node.inputs.first().copied().into_iter().collect()
            } else {
                known
            }
        }
        _ => node.inputs.clone(),
    }
}

/// Months (from 0) around a maturity on a date, and the far month's weight: linear in calendar days to settlement.
fn maturity(date: Date, days: u32) -> Result<(usize, usize, f64), Cause> {
    let target = date
        .checked_add_days(Days::new(u64::from(days)))
        .ok_or(Cause::OutOfDomain)?;
    let expiries = ExchangeCalendar::nyse().vx_expiries(date, 12);
    let far = expiries
        .iter()
        .position(|e| *e >= target)
        .ok_or(Cause::NotListed)?;
    let until = |e: &Date| {
        u32::try_from((*e - date).num_days())
            .map(f64::from)
            .unwrap_or(f64::MAX)
    };
    let far_days = expiries.get(far).map(until).ok_or(Cause::NotListed)?;
    if expiries.get(far) == Some(&target) {
        return Ok((far, far, 0.0));
    }
    let near = far.checked_sub(1).ok_or(Cause::NotListed)?;
    let near_days = expiries.get(near).map(until).ok_or(Cause::NotListed)?;
    Ok((near, far, (f64::from(days) - near_days) / (far_days - near_days)))
}

/// The VX curve at a constant maturity on a session's settlements.
#[must_use]
pub fn vx_maturity(date: Date, days: u32, month: impl Fn(usize) -> Cell) -> Cell {
    let (near, far, share) = match maturity(date, days) {
        Ok(found) => found,
        Err(cause) => return Cell::missing(cause),
    };
    let (a, b) = (month(near), month(far));
    match (a.get(), b.get()) {
        (Ok(a), Ok(b)) => Cell::number(a * (1.0 - share) + b * share),
        (Err(cause), _) | (_, Err(cause)) => Cell::missing(cause),
    }
}

/// A tick-clock node that is read from a source: its cell at a tick. `rows` gives the rows of a node. `None` for nodes that
/// are computed, belong to another domain, or read the newest row of another (which the drivers do for many at once).
#[must_use]
pub fn tick_source<'r>(
    plan: &Plan,
    node: &PlanNode,
    at: Instant,
    views: &Views,
    data: &MarketData,
    grids: &Grids,
    rows: impl Fn(usize) -> Option<Rows<'r>>,
) -> Option<Cell> {
    if let Some(cell) = plan.fixed(node) {
        return Some(cell);
    }
    let view = |chain: usize| views.get(chain).and_then(Option::as_ref);
    let event = |index: usize| data.events.get(index).and_then(Option::as_ref);
    let no_event = Cell::missing(Cause::NoEvent);
    Some(match &node.kind {
        NodeKind::Last { chain } => {
            let spot = chain.and_then(view).map(|v| v.snapshot.spot).filter(|p| p.0 > 0);
            match spot {
                Some(spot) => Cell::number(spot.to_f64()),
                // An older bar must not stand in for it.
                None if chain.and_then(view).is_some_and(|v| v.spot_is_stale()) => {
                    Cell::missing(Cause::Stale)
                }
                None => newest_bar(plan, node, at, grids, rows),
            }
        }
        NodeKind::ImpliedVol { chain, days } => view(*chain).map_or(Cell::missing(Cause::NoQuote), |v| {
            Cell::from(v.implied_vol(*days))
        }),
        NodeKind::Within {
            event: index,
            side,
            length,
        } => event(*index).map_or(no_event, |e| events::within(e, *side, *length, at)),
        NodeKind::ImpliedForward { chain, root, month } => view(*chain)
            .map_or(Cell::missing(Cause::NoQuote), |v| {
                Cell::from(v.forward_of(*root, *month))
            }),
        NodeKind::Reaction {
            event: index,
            series,
            least,
        } => match (event(*index), data.series.get(*series).and_then(Option::as_ref)) {
            (Some(events), Some(series)) => events::reaction(events, series, *least, at),
            (None, _) => no_event,
            (_, None) => Cell::missing(Cause::NoData),
        },
        NodeKind::EventMove {
            event: index,
            spot,
            vol,
            least,
            what,
        } => {
            let series = |i: &usize| data.series.get(*i).and_then(Option::as_ref);
            match (event(*index), series(spot), series(vol)) {
                (Some(events), Some(spot), Some(vol)) => {
                    let found = events::reactions(events, spot, vol, at);
                    events::Projection::of(&found, *least)
                        .map_or(Cell::missing(Cause::FewEvents), |p| Cell::number(p.part(*what)))
                }
                (None, ..) => no_event,
                _ => Cell::missing(Cause::NoData),
            }
        }
        NodeKind::Surprise(index) => event(*index).map_or(no_event, |e| events::surprise(e, at)),
        _ => return None,
    })
}

/// The close of the bar that ended last among the inputs' newest closed rows, if it is of the previous session or newer.
fn newest_bar<'r>(
    plan: &Plan,
    node: &PlanNode,
    at: Instant,
    grids: &Grids,
    rows: impl Fn(usize) -> Option<Rows<'r>>,
) -> Cell {
    let tick = Moment::new(at);
    let fresh = [Freshness::instrument(BarSize::Session)];
    let mut best: Option<(Instant, Cell)> = None;
    for &input in &node.inputs {
        let Some(grid) = plan.nodes().get(input).and_then(|n| grids.of(n)) else {
            continue;
        };
        let Some(found) = rows(input) else { continue };
        let Some(end) = found.newest(at).and_then(|r| grid.row(r)).map(|r| r.end) else {
            continue;
        };
        // Inputs come finest bars first: of two bars that end together the finer one's close is taken.
        if best.is_none_or(|(newest, _)| end > newest) {
            best = Some((end, found.as_of(Some(grid), &fresh, &tick)));
        }
    }
    best.map_or(Cell::missing(Cause::NoData), |(_, cell)| cell)
}

/// Whether the market drivers evaluate a node at ticks.
#[must_use]
pub fn is_tick_node(node: &PlanNode) -> bool {
    node.domain == alula_dsl::graph::Domain::Market && matches!(node.clock, Clock::Tick | Clock::Constant)
}
