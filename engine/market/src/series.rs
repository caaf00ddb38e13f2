//! Series of bars and calendars of events, each value with the instant at which it became known.

use crate::time::{Date, Instant};

/// Bar size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BarSize {
    /// One per session.
    Session,
    /// So many minutes.
    Minutes(u16),
}

/// Bars of one series in time order, as flat columns of equal length.
///
/// Values are in the series' own unit (points, vol points, percent as fractions, …). A value that is absent is `None`,
/// never a copy of another day's. `open`, `high`, `low`, `volume` are empty vectors when the series has closes alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesData {
    /// Session date of each bar.
    pub date: Vec<Date>,
    /// Start of each bar.
    pub starts_at: Vec<Instant>,
    /// Instant from which the bar may be read; never before its end, never decreasing.
    pub available_at: Vec<Instant>,
    /// First value.
    pub open: Vec<Option<f64>>,
    /// Largest.
    pub high: Vec<Option<f64>>,
    /// Smallest.
    pub low: Vec<Option<f64>>,
    /// Last.
    pub close: Vec<Option<f64>>,
    /// Volume.
    pub volume: Vec<Option<f64>>,
}

/// One occurrence of a scheduled event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// Instant of release or announcement.
    pub at: Instant,
    /// Instant from which the *date* of the event was public (schedules are published long before).
    pub scheduled_known_at: Instant,
    /// First print.
    pub actual: Option<f64>,
    /// Consensus before it.
    pub consensus: Option<f64>,
}

/// Occurrences in time order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventData {
    /// Rows.
    pub rows: Vec<EventRow>,
}
