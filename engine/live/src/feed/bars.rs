//! Bars out of values that come one by one, by the rules of a store's bars.
//!
//! A bar of minutes holds the values from its start on and before its end, counted from the open of the session; the last one
//! of a session may be shorter. The bar of a session holds the values of its date up to the instant at which the series'
//! publisher is done. A bar without a value is none. A value that comes after its bar was closed is late, and changes nothing.

use alula_market::calendar::ExchangeCalendar;
use alula_market::money::Price;
use alula_market::series::{BarSize, SeriesData};
use alula_market::time::{Date, Instant};
use std::sync::Arc;

/// A finished bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Series.
    pub series: Arc<str>,
    /// Its length.
    pub size: BarSize,
    /// Session.
    pub date: Date,
    /// First second.
    pub starts_at: Instant,
    /// From when on it is known.
    pub known_at: Instant,
    /// First, largest, smallest and last value.
    pub values: [Price; 4],
}

/// When the bars of sessions of a series become known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// With the open.
    Open,
    /// With the close of the stock market.
    Close,
    /// With the close of index options.
    OptionsClose,
    /// As the importers assume it of a series of this name.
    ByName,
}

impl Known {
    /// As it was with the newest bar of a series that ended by an instant.
    #[must_use]
    pub fn of(series: Option<&SeriesData>) -> Self {
        let newest = series.and_then(|s| s.date.last().copied().zip(s.available_at.last().copied()));
        let calendar = ExchangeCalendar::nyse();
        match newest {
            Some((date, at)) if calendar.close_at(date) == Some(at) => Self::Close,
            Some((date, at)) if calendar.options_close_at(date) == Some(at) => Self::OptionsClose,
            Some((date, at)) if calendar.open_at(date) == Some(at) => Self::Open,
            _ => Self::ByName,
        }
    }

    /// The instant for a session; `None` where it is not a moment of the session's own day.
    #[must_use]
    pub fn at(self, id: &str, session: Date) -> Option<Instant> {
        let calendar = ExchangeCalendar::nyse();
        let at = match self {
            Self::Open => calendar.open_at(session),
            Self::Close => calendar.close_at(session),
            Self::OptionsClose => calendar.options_close_at(session),
            Self::ByName => alula_market::import::known_at(id, session),
        };
        at.filter(|at| at.date() == session)
    }
}

/// Builds the bars of one series and length.
#[derive(Clone, Debug)]
pub struct Builder {
    series: Arc<str>,
    size: BarSize,
    known: Known,
    open: Option<Bar>,
    /// Everything that ends by then has been closed.
    closed: Instant,
}

impl Builder {
    /// A builder that has seen nothing, and nothing up to an instant will be heard of any more.
    #[must_use]
    pub const fn new(series: Arc<str>, size: BarSize, known: Known, closed: Instant) -> Self {
        Self {
            series,
            size,
            known,
            open: None,
            closed,
        }
    }

    /// Whose bars.
    #[must_use]
    pub fn series(&self) -> &str {
        &self.series
    }

    /// The bar that has begun and not ended.
    #[must_use]
    pub const fn under_way(&self) -> Option<&Bar> {
        self.open.as_ref()
    }

    /// Goes on from an instant with a bar of this series and length that had begun by then, or with none.
    pub fn go_on(&mut self, at: Instant, under_way: &[Bar]) {
        let ours = |b: &&Bar| b.series == self.series && b.size == self.size && b.known_at > at;
        self.closed = self.closed.max(at);
        self.open = under_way.iter().find(ours).cloned();
    }

    /// The bar that an instant falls into: its session, its first second, and when it is known.
    fn place(&self, at: Instant) -> Option<(Date, Instant, Instant)> {
        let calendar = ExchangeCalendar::nyse();
        let date = at.date();
        let (opens, closes) = (calendar.open_at(date)?, calendar.close_at(date)?);
        match self.size {
            BarSize::Session => {
                let known = self.known.at(&self.series, date)?;
                (at >= opens && at <= known).then_some((date, opens, known))
            }
            BarSize::Minutes(minutes) => {
                let length = i64::from(minutes.max(1)) * 60;
                let starts = Instant(opens.0 + (at.0 - opens.0).div_euclid(length) * length);
                let ends = Instant(starts.0 + length).min(closes);
                (at >= opens && at < closes).then_some((date, starts, ends))
            }
        }
    }

    /// Takes a value. False when it comes too late for its bar.
    pub fn take(&mut self, value: Price, at: Instant, out: &mut Vec<Bar>) -> bool {
        let Some((date, starts_at, known_at)) = self.place(at) else {
            return true;
        };
        if known_at <= self.closed {
            return false;
        }
        match &mut self.open {
            Some(bar) if bar.starts_at == starts_at => {
                let [_, high, low, last] = &mut bar.values;
                *high = (*high).max(value);
                *low = (*low).min(value);
                *last = value;
                true
            }
            Some(bar) if bar.starts_at > starts_at => false,
            open => {
                out.extend(open.take());
                *open = Some(Bar {
                    series: Arc::clone(&self.series),
                    size: self.size,
                    date,
                    starts_at,
                    known_at,
                    values: [value; 4],
                });
                true
            }
        }
    }

    /// Closes what has ended by an instant.
    pub fn close(&mut self, now: Instant, out: &mut Vec<Bar>) {
        self.closed = self.closed.max(now);
        if self.open.as_ref().is_some_and(|b| b.known_at <= now) {
            out.extend(self.open.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u32, minute: u32, second: i64) -> Instant {
        let date = Date::from_ymd_opt(2024, 6, 3).unwrap();
        Instant(Instant::from_eastern(date, hour, minute).unwrap().0 + second)
    }

    fn built(size: BarSize, values: &[(Instant, i64)], now: Instant) -> (Vec<[i64; 4]>, usize) {
        let mut builder = Builder::new("VIX".into(), size, Known::ByName, at(9, 0, 0));
        let mut out = Vec::new();
        let late = values.iter().filter(|(t, v)| {
            // What ended before a value comes is closed first, as the feed does it at each look.
            !builder.take(Price(*v), *t, &mut out)
        });
        let late = late.count();
        builder.close(now, &mut out);
        (out.iter().map(|b| b.values.map(|p| p.0)).collect(), late)
    }

    #[test]
    fn a_bar_of_minutes_holds_what_comes_from_its_start_on_and_before_its_end() {
        let values = [
            (at(9, 30, 0), 10),
            (at(9, 31, 0), 14),
            (at(9, 34, 59), 12),
            (at(9, 35, 0), 20),
            (at(9, 39, 0), 19),
        ];
        let five = BarSize::Minutes(5);
        assert_eq!(built(five, &values, at(9, 39, 59)).0, [[10, 14, 10, 12]]);
        assert_eq!(
            built(five, &values, at(9, 40, 0)).0,
            [[10, 14, 10, 12], [20, 20, 19, 19]]
        );
        // Before the open, and from the close on, there are no bars of minutes.
        let outside = [(at(9, 29, 59), 1), (at(16, 0, 0), 2)];
        assert_eq!(built(five, &outside, at(17, 0, 0)), (vec![], 0));
    }

    #[test]
    fn a_session_of_vix_goes_on_until_index_options_close() {
        let values = [
            (at(9, 30, 0), 10),
            (at(12, 0, 0), 15),
            (at(16, 14, 0), 9),
            (at(16, 16, 0), 99),
        ];
        assert_eq!(
            built(BarSize::Session, &values, at(16, 14, 59)).0,
            [] as [[i64; 4]; 0]
        );
        assert_eq!(
            built(BarSize::Session, &values, at(16, 15, 0)).0,
            [[10, 15, 9, 9]]
        );
    }

    #[test]
    fn what_comes_after_its_bar_was_closed_is_late_and_changes_nothing() {
        let mut builder = Builder::new("VIX".into(), BarSize::Minutes(5), Known::ByName, at(9, 0, 0));
        let mut out = Vec::new();
        assert!(builder.take(Price(10), at(9, 31, 0), &mut out));
        builder.close(at(9, 35, 0), &mut out);
        assert!(!builder.take(Price(99), at(9, 34, 0), &mut out));
        assert!(builder.take(Price(11), at(9, 36, 0), &mut out));
        // Out of order inside of a bar is no harm but for the last value; before the bar at hand it is late.
        assert!(!builder.take(Price(98), at(9, 34, 59), &mut out));
        builder.close(at(9, 40, 0), &mut out);
        assert_eq!(out.iter().map(|b| b.values[3].0).collect::<Vec<_>>(), [10, 11]);
    }
}
