//! Rows: values on a grid with the instants from which they can be read, and how a tick reads the newest.

use crate::clock::{Freshness, Grid, Moment, RowCursor};
use crate::column::Column;
use crate::plan::BarField;
use crate::value::{Cause, Cell};
use alula_market::series::{BarSize, SeriesData};
use alula_market::time::{Date, Instant};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows of a node, as a driver has them.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Values.
    pub column: &'a Column,
    /// The instant from which each can be read, never decreasing.
    pub visible: &'a [Instant],
}

impl<'a> Rows<'a> {
    /// Number of closed rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.visible.len()
    }

    /// Whether no row has closed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.visible.is_empty()
    }

    /// The newest row that can be read at an instant.
    #[must_use]
    pub fn newest(&self, at: Instant) -> Option<usize> {
        self.visible.partition_point(|v| *v <= at).checked_sub(1)
    }

    /// Reads the newest row at a tick.
    #[must_use]
    pub fn as_of(&self, grid: Option<&Grid>, fresh: &[Freshness], tick: &Moment) -> Cell {
        match newest_fresh(grid, self.newest(tick.at()), fresh, tick) {
            Ok(row) => self.column.get(row),
            Err(cause) => Cell::missing(cause),
        }
    }
}

/// The row that a tick may read, given the newest that it can.
///
/// # Errors
/// Why it may read none.
pub(crate) fn newest_fresh(
    grid: Option<&Grid>,
    newest: Option<usize>,
    fresh: &[Freshness],
    tick: &Moment,
) -> Result<usize, Cause> {
    let (Some(grid), Some(row)) = (grid, newest) else {
        return Err(Cause::NoData);
    };
    if fresh.iter().all(|f| f.allows(grid, row, tick)) {
        Ok(row)
    } else {
        Err(Cause::Stale)
    }
}

/// The row of a bar: nearly always the `next` one, and the calendar is asked about the others.
pub(crate) fn row_of_bar(grid: &Grid, next: usize, date: Date, starts: Instant) -> Option<usize> {
    let is_next = grid.row(next).is_some_and(|row| {
        let inside = row.start <= starts && starts < row.end;
        row.date == date && (inside || grid.size() == BarSize::Session)
    });
    if is_next {
        Some(next)
    } else {
        grid.row_of(date, starts)
    }
}

/// Lists of the instants from which rows can be read: one for all nodes whose rows close together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lanes {
    lists: Vec<Arc<[Instant]>>,
    joined: BTreeMap<(usize, usize), usize>,
}

impl Lanes {
    /// The lane of a list of instants.
    pub(crate) fn intern(&mut self, list: Vec<Instant>) -> usize {
        if let Some(at) = self.lists.iter().position(|l| **l == *list) {
            return at;
        }
        self.lists.push(list.into());
        self.lists.len() - 1
    }

    /// The lane of rows that rest on rows of two lanes: each closes when the later one does.
    pub(crate) fn join(&mut self, a: usize, b: usize) -> usize {
        let pair = (a.min(b), a.max(b));
        if a == b {
            return a;
        }
        if let Some(joined) = self.joined.get(&pair) {
            return *joined;
        }
        let later = self.list(a).iter().zip(self.list(b)).map(|(a, b)| *a.max(b));
        let later = later.collect();
        let joined = self.intern(later);
        self.joined.insert(pair, joined);
        joined
    }

    pub(crate) fn list(&self, lane: usize) -> &[Instant] {
        self.lists.get(lane).map_or(&[], |l| l)
    }
}

/// No bar for a row, or no row for a tick; real positions are below (a grid holds eight million rows at most).
const NONE: u32 = u32::MAX;
/// A row that is too old for the tick.
const STALE: u32 = u32::MAX - 1;

/// Which bar of a series is which row of a grid.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    /// For each row its bar.
    bars: Vec<u32>,
    /// Every row has a bar, and they are in order.
    dense: bool,
}

impl Layout {
    /// The rows of a series on a grid, and the instants from which they can be read.
    pub(crate) fn new(series: &SeriesData, grid: &Grid) -> (Self, Vec<Instant>) {
        let mut layout = Self {
            bars: Vec::with_capacity(series.date.len()),
            dense: true,
        };
        let mut visible: Vec<Instant> = Vec::with_capacity(series.date.len());
        let mut cursor = RowCursor::default();
        let mut newest = Instant(i64::MIN);
        let bars = series
            .date
            .iter()
            .zip(&series.starts_at)
            .zip(&series.available_at);
        for (bar, ((date, starts), available)) in bars.enumerate() {
            let row = row_of_bar(grid, layout.bars.len(), *date, *starts);
            let Some(missing) = row.and_then(|row| cursor.arrive(row)) else {
                continue;
            };
            newest = newest.max(*available);
            layout.bars.resize(layout.bars.len() + missing, NONE);
            let number = u32::try_from(bar).unwrap_or(NONE);
            layout.dense &= missing == 0 && bar == layout.bars.len();
            layout.bars.push(number);
            visible.resize(layout.bars.len(), newest);
        }
        (layout, visible)
    }

    /// The rows of one of the series' columns.
    pub(crate) fn column(&self, series: &SeriesData, field: BarField) -> Column {
        let values = field_of(series, field);
        let mut out = Column::numbers();
        out.reserve(self.bars.len());
        match values.get(..self.bars.len()).filter(|_| self.dense) {
            Some(values) => out.extend_options(values),
            None => {
                for bar in &self.bars {
                    let value = values.get(*bar as usize).copied().flatten();
                    out.push(Cell::number_or(value, Cause::NoData));
                }
            }
        }
        out
    }
}

/// A column of a series.
pub(crate) fn field_of(series: &SeriesData, field: BarField) -> &[Option<f64>] {
    match field {
        BarField::Open => &series.open,
        BarField::High => &series.high,
        BarField::Low => &series.low,
        BarField::Close => &series.close,
        BarField::Volume => &series.volume,
    }
}

/// For each tick the row that it reads of a lane: worked out once for all nodes that are read alike.
#[derive(Clone, Debug)]
pub(crate) struct Reading(Vec<u32>);

impl Reading {
    pub(crate) fn new(
        visible: &[Instant],
        grid: Option<&Grid>,
        fresh: &[Freshness],
        ticks: &[Moment],
    ) -> Self {
        let mut next = 0_usize;
        let mut before = Instant(i64::MIN);
        let row = |tick: &Moment| {
            if tick.at() < before {
                next = 0;
            }
            before = tick.at();
            while visible.get(next).is_some_and(|v| *v <= tick.at()) {
                next += 1;
            }
            match newest_fresh(grid, next.checked_sub(1), fresh, tick) {
                Ok(row) => u32::try_from(row).unwrap_or(NONE),
                Err(Cause::Stale) => STALE,
                Err(_) => NONE,
            }
        };
        Self(ticks.iter().map(row).collect())
    }

    /// What the ticks read of a column.
    pub(crate) fn column(&self, of: &Column) -> Column {
        let mut out = of.empty();
        out.reserve(self.0.len());
        out.gather(of, &self.0, |pick| {
            if pick == STALE {
                Cause::Stale
            } else {
                Cause::NoData
            }
        });
        out
    }
}
