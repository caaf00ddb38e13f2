//! Steps of time: the grids on which slower nodes run, when a row may be read, how old it may be, which snapshots are ticks.
//!
//! **Rows.** A session-clock node has one row per exchange session, a minute-clock node one per bar of the session
//! (09:30 to the close). A row of a series *closes* when its bar, or the bar of a later row, becomes available: only then
//! is it known that a row without a bar stays without one. A row of a node with several inputs closes when the last of
//! its inputs' rows does. Availability never decreases along a grid. So what can be read at an instant depends on data
//! that were available by then and on nothing else: there is no look-ahead to forget.
//!
//! **Age.** A tick reads the newest closed row, if it is not too old: an instrument's session row must be of the previous
//! session or newer, its minute row at most one bar behind the newest that has ended, a feed's as its `stale after` says, or as an
//! instrument's.

pub mod events;

use alula_dsl::graph::Length;
use alula_market::calendar::ExchangeCalendar;
use alula_market::series::BarSize;
use alula_market::time::{Date, Instant};

/// Bars of a minute grid at most: a limit against absurd sizes, far above fifty years of one-minute bars.
pub const MAX_ROWS: usize = 8_000_000;

/// One row of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Session.
    pub date: Date,
    /// Start.
    pub start: Instant,
    /// End.
    pub end: Instant,
}

/// The rows of one bar size, from a first session on.
#[derive(Clone, Debug)]
pub struct Grid {
    size: BarSize,
    rows: Vec<Row>,
    /// Calendar number of the first session.
    first_session: usize,
    /// First row of each session.
    session_rows: Vec<u32>,
}

impl Grid {
    /// The grid of sessions `from..=to`.
    #[must_use]
    pub fn new(size: BarSize, from: Date, to: Date) -> Self {
        let calendar = ExchangeCalendar::nyse();
        let sessions = calendar.sessions(from, to);
        let first_session = sessions
            .first()
            .and_then(|d| calendar.session_index(*d))
            .unwrap_or(0);
        let mut grid = Self {
            size,
            rows: Vec::new(),
            first_session,
            session_rows: Vec::new(),
        };
        for &date in sessions {
            grid.session_rows
                .push(u32::try_from(grid.rows.len()).unwrap_or(u32::MAX));
            let (Some(open), Some(close)) = (calendar.open_at(date), calendar.close_at(date)) else {
                continue;
            };
            match size {
                BarSize::Session => grid.rows.push(Row {
                    date,
                    start: open,
                    end: close,
                }),
                BarSize::Minutes(n) => {
                    let step = i64::from(n.max(1)) * 60;
                    let mut start = open.0;
                    while start < close.0 && grid.rows.len() < MAX_ROWS {
                        let end = Instant((start + step).min(close.0));
                        grid.rows.push(Row {
                            date,
                            start: Instant(start),
                            end,
                        });
                        start += step;
                    }
                }
            }
        }
        grid
    }

    /// Bar size.
    #[must_use]
    pub const fn size(&self) -> BarSize {
        self.size
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A row.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<&Row> {
        self.rows.get(index)
    }

    /// Rows from a session's first to its last.
    fn session(&self, date: Date) -> Option<(usize, usize)> {
        let number = ExchangeCalendar::nyse()
            .session_index(date)?
            .checked_sub(self.first_session)?;
        let first = *self.session_rows.get(number)? as usize;
        let next = self
            .session_rows
            .get(number + 1)
            .map_or(self.rows.len(), |r| *r as usize);
        Some((first, next))
    }

    /// The row that a bar belongs to; `None` for a bar outside the grid (a day without a session, before the open).
    #[must_use]
    pub fn row_of(&self, date: Date, starts_at: Instant) -> Option<usize> {
        let (first, next) = self.session(date)?;
        match self.size {
            BarSize::Session => (first < next).then_some(first),
            BarSize::Minutes(n) => {
                let open = self.rows.get(first)?.start.0;
                let offset = starts_at.0.checked_sub(open).filter(|o| *o >= 0)? / (i64::from(n.max(1)) * 60);
                let row = first.checked_add(usize::try_from(offset).ok()?)?;
                (row < next).then_some(row)
            }
        }
    }

    /// The newest row that has ended at an instant.
    #[must_use]
    pub fn ended(&self, at: Instant) -> Option<usize> {
        self.rows.partition_point(|r| r.end <= at).checked_sub(1)
    }
}

/// An instant with what the calendar says of it, worked out once for everything that is read at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    at: Instant,
    date: Date,
    session: Option<usize>,
}

impl Moment {
    /// The moment of an instant. On a day without a session it belongs to the session before, whose row may not be closed
    /// yet.
    #[must_use]
    pub fn new(at: Instant) -> Self {
        let date = at.date();
        Self {
            at,
            date,
            session: session_number(date),
        }
    }

    /// The instant.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }
}

/// Number of the session of a date, or of the one before it.
fn session_number(date: Date) -> Option<usize> {
    let calendar = ExchangeCalendar::nyse();
    calendar
        .session_on_or_before(date)
        .and_then(|d| calendar.session_index(d))
}

/// How old the newest closed row may be when a tick reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Freshness {
    /// Sessions from the row's to the tick's.
    Sessions(u32),
    /// Calendar days from the row's date to the tick's.
    Days(u32),
    /// Minutes from the row's end to the tick.
    Minutes(u32),
    /// Rows between it and the newest row that has ended.
    Rows(u32),
}

impl Freshness {
    /// What `stale after` asks of a feed on bars of a size.
    #[must_use]
    pub const fn after(length: Length) -> Self {
        match length {
            Length::Bars(n) => Self::Rows(n),
            Length::Sessions(n) => Self::Sessions(n),
            Length::Days(n) => Self::Days(n),
            Length::Minutes(n) => Self::Minutes(n),
        }
    }

    /// What is asked of an instrument's bars.
    #[must_use]
    pub const fn instrument(size: BarSize) -> Self {
        match size {
            BarSize::Session => Self::Sessions(1),
            BarSize::Minutes(_) => Self::Rows(1),
        }
    }

    /// Whether a row may be read at a tick.
    #[must_use]
    pub fn allows(self, grid: &Grid, row: usize, tick: &Moment) -> bool {
        let Some(found) = grid.row(row) else { return false };
        match self {
            Self::Sessions(n) => match (tick.session, session_number(found.date)) {
                (Some(now), Some(then)) => now.saturating_sub(then) <= n as usize,
                _ => false,
            },
            Self::Days(n) => (tick.date - found.date).num_days() <= i64::from(n),
            Self::Minutes(n) => tick.at.0.saturating_sub(found.end.0) <= i64::from(n) * 60,
            Self::Rows(n) => grid
                .ended(tick.at)
                .is_none_or(|newest| newest.saturating_sub(row) <= n as usize),
        }
    }
}

/// Which row of a series is next to close. The one place where bars become rows, for both drivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCursor {
    next: usize,
}

impl RowCursor {
    /// A bar of `row` became available: how many rows before it close without a bar. `None` for a bar that comes too
    /// late (its row is closed already) and must not be used.
    pub const fn arrive(&mut self, row: usize) -> Option<usize> {
        if row < self.next {
            return None;
        }
        let missing = row - self.next;
        self.next = row + 1;
        Some(missing)
    }
}

/// The instant from which the sample of a session's last tick may be read: one second after index options close, so that
/// a tick at the close still belongs to its session.
#[must_use]
pub fn session_sample_at(date: Date) -> Option<Instant> {
    ExchangeCalendar::nyse()
        .options_close_at(date)
        .map(|t| Instant(t.0.saturating_add(1)))
}

/// Whether a snapshot was taken in regular hours: from the open to the close of index options, both included.
#[must_use]
pub fn in_regular_session(at: Instant) -> bool {
    let calendar = ExchangeCalendar::nyse();
    let date = at.date();
    match (calendar.open_at(date), calendar.options_close_at(date)) {
        (Some(open), Some(close)) => open <= at && at <= close,
        _ => false,
    }
}

/// The snapshots at which a strategy is evaluated.
///
/// `every n minutes`: the first snapshot of each such stretch of the session, counted from the open. `every n sessions`:
/// the last snapshot of every n-th session, counted from the first one with a snapshot. `every n bars` (ticks): every
/// n-th snapshot. `every n days`: the last snapshot of a session at least n days after the one before. Snapshots outside
/// regular hours are left out.
#[must_use]
pub fn cadence(every: Length, snapshots: &[Instant]) -> Vec<Instant> {
    let regular: Vec<Instant> = snapshots
        .iter()
        .copied()
        .filter(|t| in_regular_session(*t))
        .collect();
    match every {
        Length::Bars(n) => regular.into_iter().step_by(n.max(1) as usize).collect(),
        Length::Minutes(n) => {
            let mut newest = None;
            let stretch = |t: Instant| {
                let open = ExchangeCalendar::nyse().open_at(t.date()).unwrap_or(t);
                (t.date(), (t.0 - open.0) / (i64::from(n.max(1)) * 60))
            };
            regular
                .into_iter()
                .filter(|t| newest.replace(stretch(*t)) != Some(stretch(*t)))
                .collect()
        }
        Length::Sessions(n) => last_of_each_day(&regular)
            .into_iter()
            .step_by(n.max(1) as usize)
            .collect(),
        Length::Days(n) => {
            let mut newest: Option<Date> = None;
            last_of_each_day(&regular)
                .into_iter()
                .filter(|t| {
                    let due = newest.is_none_or(|d| (t.date() - d).num_days() >= i64::from(n.max(1)));
                    if due {
                        newest = Some(t.date());
                    }
                    due
                })
                .collect()
        }
    }
}

fn last_of_each_day(ticks: &[Instant]) -> Vec<Instant> {
    let mut out: Vec<Instant> = Vec::new();
    for &t in ticks {
        match out.last_mut() {
            Some(newest) if newest.date() == t.date() => *newest = t,
            _ => out.push(t),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(y: i32, m: u32, d: u32) -> Date {
        Date::from_ymd_opt(y, m, d).unwrap()
    }

    fn at(d: Date, h: u32, m: u32) -> Instant {
        Instant::from_eastern(d, h, m).unwrap()
    }

    #[test]
    fn session_rows_skip_holidays_and_know_their_dates() {
        let grid = Grid::new(BarSize::Session, date(2019, 5, 23), date(2019, 5, 29));
        assert_eq!(grid.len(), 4); // 23, 24, 28, 29: the 27th was Memorial Day.
        assert_eq!(grid.row_of(date(2019, 5, 28), Instant(0)), Some(2));
        assert_eq!(grid.row_of(date(2019, 5, 27), Instant(0)), None);
        assert_eq!(grid.row_of(date(2019, 5, 22), Instant(0)), None);
    }

    #[test]
    fn minute_rows_cover_the_session_and_half_days_are_shorter() {
        let grid = Grid::new(BarSize::Minutes(30), date(2019, 7, 2), date(2019, 7, 3));
        assert_eq!(grid.len(), 13 + 7); // the 3rd closed at 13:00
        let d = date(2019, 7, 3);
        assert_eq!(grid.row_of(d, at(d, 9, 30)), Some(13));
        assert_eq!(grid.row_of(d, at(d, 12, 45)), Some(19));
        assert_eq!(grid.row_of(d, at(d, 13, 0)), None);
        assert_eq!(grid.row_of(d, at(d, 9, 0)), None);
        assert_eq!(grid.ended(at(d, 10, 0)), Some(13));
        assert_eq!(grid.ended(at(d, 9, 59)), Some(12));
    }

    #[test]
    fn a_row_without_a_bar_closes_with_the_next_bar_and_a_late_bar_is_refused() {
        let mut cursor = RowCursor::default();
        assert_eq!(cursor.arrive(2), Some(2));
        assert_eq!(cursor.arrive(3), Some(0));
        assert_eq!(cursor.arrive(3), None);
        assert_eq!(cursor.arrive(1), None);
    }

    #[test]
    fn the_previous_session_is_fresh_and_the_one_before_it_is_not() {
        let grid = Grid::new(BarSize::Session, date(2019, 5, 20), date(2019, 5, 31));
        let fresh = Freshness::instrument(BarSize::Session);
        let tuesday = Moment::new(at(date(2019, 5, 28), 10, 0));
        assert!(fresh.allows(&grid, 4, &tuesday)); // Friday the 24th, over a long weekend
        assert!(!fresh.allows(&grid, 3, &tuesday));
    }

    #[test]
    fn cadence_takes_the_first_snapshot_of_a_stretch_and_the_last_of_a_session() {
        let d = date(2019, 5, 28);
        let ticks = [
            at(d, 9, 15),
            at(d, 9, 31),
            at(d, 9, 33),
            at(d, 9, 36),
            at(d, 16, 15),
            at(d, 16, 30),
        ];
        assert_eq!(
            cadence(Length::Minutes(5), &ticks),
            [at(d, 9, 31), at(d, 9, 36), at(d, 16, 15)]
        );
        assert_eq!(cadence(Length::Sessions(1), &ticks), [at(d, 16, 15)]);
        assert_eq!(cadence(Length::Bars(2), &ticks), [at(d, 9, 31), at(d, 9, 36)]);
    }
}
