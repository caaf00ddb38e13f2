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

/// One value of a period as it stood from an instant on: a first print, or a revision of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vintage {
    /// The period that the value speaks of, named by its date (for events: the date of the event).
    pub period: Date,
    /// Instant from which the value was known.
    pub known_at: Instant,
    /// The value.
    pub value: f64,
}

/// Every value that was ever known of the periods of a series, in order of becoming known. A revision stands beside what
/// it revises: what was known at an instant never changes.
///
/// The bars of a [`SeriesData`] are the first prints alone, which is what rules read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vintages {
    /// Ordered by (`known_at`, `period`), each pair once.
    rows: Vec<Vintage>,
}

impl Vintages {
    /// From values in any order; `None` when a period has two values from the same instant on, or a value is not finite.
    #[must_use]
    pub fn new(mut rows: Vec<Vintage>) -> Option<Self> {
        rows.sort_by_key(|v| (v.known_at, v.period));
        let twice = rows
            .windows(2)
            .any(|w| matches!(w, [a, b] if (a.known_at, a.period) == (b.known_at, b.period)));
        (!twice && rows.iter().all(|v| v.value.is_finite())).then_some(Self { rows })
    }

    /// All of them, in order of becoming known.
    #[must_use]
    pub fn rows(&self) -> &[Vintage] {
        &self.rows
    }

    /// What was known at an instant, in order of becoming known. Everything else here reads through this.
    #[must_use]
    pub fn known(&self, at: Instant) -> &[Vintage] {
        let end = self.rows.partition_point(|v| v.known_at <= at);
        self.rows.get(..end).unwrap_or_default()
    }

    /// The value of a period as it stood at an instant; `None` before its first print.
    #[must_use]
    pub fn as_of(&self, period: Date, at: Instant) -> Option<f64> {
        let known = self.known(at).iter().rev();
        known.into_iter().find(|v| v.period == period).map(|v| v.value)
    }

    /// The newest period known at an instant, with its value as it then stood.
    #[must_use]
    pub fn latest(&self, at: Instant) -> Option<Vintage> {
        let known = self.known(at).iter();
        // Of equal periods the last one stands: it became known last.
        known.max_by_key(|v| v.period).copied()
    }

    /// The first print of every period, in order of period.
    #[must_use]
    pub fn first_prints(&self) -> Vec<Vintage> {
        let mut first = std::collections::BTreeMap::new();
        for v in &self.rows {
            first.entry(v.period).or_insert(*v);
        }
        first.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn d(day: u64) -> Date {
        Date::default() + chrono::Days::new(day)
    }

    #[test]
    fn a_revision_never_overwrites_what_was_known() {
        let v = |period, known_at, value| Vintage {
            period: d(period),
            known_at: Instant(known_at),
            value,
        };
        // First quarter 3.2, revised to 3.1 and 3.4; the second quarter is printed between the two revisions.
        let all = Vintages::new(vec![v(1, 10, 3.2), v(1, 40, 3.4), v(1, 20, 3.1), v(2, 30, 2.0)]).unwrap();
        let q1 = |at| all.as_of(d(1), Instant(at));
        assert_eq!(
            [9, 10, 19, 20, 39, 40].map(q1),
            [None, Some(3.2), Some(3.2), Some(3.1), Some(3.1), Some(3.4)]
        );
        let latest = |at| all.latest(Instant(at)).map(|v| v.value);
        assert_eq!(
            [9, 10, 25, 30, 50].map(latest),
            [None, Some(3.2), Some(3.1), Some(2.0), Some(2.0)]
        );
        let first: Vec<f64> = all.first_prints().iter().map(|v| v.value).collect();
        assert_eq!(first, [3.2, 2.0]);
        assert!(Vintages::new(vec![v(1, 10, 3.2), v(1, 10, 3.3)]).is_none());
        assert!(Vintages::new(vec![v(1, 10, f64::NAN)]).is_none());
    }

    proptest! {
        /// Whatever becomes known later changes no answer about an earlier instant.
        #[test]
        fn no_value_is_readable_before_its_instant(
            rows in proptest::collection::vec((0u64..6, 0i64..60, -1e6f64..1e6), 1..60),
            at in 0i64..60,
        ) {
            let mut rows: Vec<Vintage> = rows
                .into_iter()
                .map(|(p, k, value)| Vintage { period: d(p), known_at: Instant(k), value })
                .collect();
            rows.sort_by_key(|v| (v.known_at, v.period));
            rows.dedup_by_key(|v| (v.known_at, v.period));
            let at = Instant(at);
            let early: Vec<Vintage> = rows.iter().filter(|v| v.known_at <= at).copied().collect();
            let all = Vintages::new(rows).unwrap();
            let cut = Vintages::new(early).unwrap();
            prop_assert_eq!(all.known(at), cut.rows());
            prop_assert_eq!(all.latest(at), cut.latest(Instant(i64::MAX)));
            for period in (0..6).map(d) {
                prop_assert_eq!(all.as_of(period, at), cut.as_of(period, Instant(i64::MAX)));
                // The newest value known by then, found the slow way.
                let slow = cut.rows().iter().filter(|v| v.period == period).max_by_key(|v| v.known_at);
                prop_assert_eq!(all.as_of(period, at), slow.map(|v| v.value));
            }
        }
    }
}
