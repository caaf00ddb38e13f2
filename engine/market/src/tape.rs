//! A history told as it would have been heard: values of indices as they were printed, chains as they were quoted.
//!
//! Bars are told as the four values that make them: the first at the bar's start, the extremes after it, the last before its
//! end. Whoever builds bars of the same length from these values gets the same bars. A value that is no whole number of mills,
//! or below zero, cannot be told.

use crate::calendar::ExchangeCalendar;
use crate::history::{History, HistoryError};
use crate::money::Price;
use crate::series::{BarSize, SeriesData};
use crate::time::{Date, Instant};
use std::collections::VecDeque;
use std::sync::Arc;

/// Lengths of bars that are looked for, finest first.
const MINUTES: [u16; 4] = [1, 5, 15, 30];

/// Something that is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Print {
    /// The value of an index.
    Level {
        /// Series.
        id: Arc<str>,
        /// Points.
        value: Price,
        /// When.
        at: Instant,
    },
    /// All quotes of an underlying's options: [`History::snapshot`] has them.
    Chain {
        /// Underlying.
        underlying: Arc<str>,
        /// When.
        at: Instant,
    },
}

impl Print {
    /// When it is heard.
    #[must_use]
    pub const fn at(&self) -> Instant {
        match self {
            Self::Level { at, .. } | Self::Chain { at, .. } => *at,
        }
    }
}

/// A history as it is heard, from an instant on.
#[derive(Clone, Debug)]
pub struct Tape {
    heard: Instant,
    /// Session whose prints wait.
    day: Option<Date>,
    waiting: VecDeque<Print>,
}

impl Tape {
    /// Nothing up to an instant, that one included, is told.
    #[must_use]
    pub const fn after(heard: Instant) -> Self {
        Self {
            heard,
            day: None,
            waiting: VecDeque::new(),
        }
    }

    /// Up to where it was heard.
    #[must_use]
    pub const fn heard(&self) -> Instant {
        self.heard
    }

    /// Other things are listened to from now on: what waits of the session at hand is looked up again.
    pub fn tune(&mut self) {
        self.day = None;
        self.waiting.clear();
    }

    /// What is heard of these indices and underlyings up to an instant, in order.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn upto(
        &mut self,
        history: &dyn History,
        (levels, underlyings): (&[Arc<str>], &[Arc<str>]),
        to: Instant,
    ) -> Result<Vec<Print>, HistoryError> {
        let mut out = Vec::new();
        for date in ExchangeCalendar::nyse().sessions(self.heard.date(), to.date()) {
            if self.day != Some(*date) {
                if self.day.is_some_and(|d| d > *date) {
                    continue;
                }
                self.waiting = session(history, (levels, underlyings), *date)?.into();
                self.day = Some(*date);
            }
            while let Some(print) = self.waiting.pop_front_if(|p| p.at() <= to) {
                if print.at() > self.heard {
                    out.push(print);
                }
            }
        }
        self.heard = self.heard.max(to);
        Ok(out)
    }
}

/// All that is heard on a session, in order; what is heard at one instant comes in the order of the lists, chains last.
fn session(
    history: &dyn History,
    (levels, underlyings): (&[Arc<str>], &[Arc<str>]),
    date: Date,
) -> Result<Vec<Print>, HistoryError> {
    let mut out: Vec<Print> = Vec::new();
    for id in levels {
        let mut told: Vec<(Instant, f64)> = Vec::new();
        let mut fine = None;
        for minutes in MINUTES {
            fine = history.series(id, BarSize::Minutes(minutes))?;
            if fine.is_some() {
                break;
            }
        }
        if let Some(bars) = &fine {
            values(bars, (date, 1), &mut told);
        }
        if let Some(bars) = history.series(id, BarSize::Session)? {
            let mut whole = Vec::new();
            values(&bars, (date, 0), &mut whole);
            let newest = told.last().map_or(Instant(i64::MIN), |t| t.0);
            // Beside finer bars only the session's last value says anything more.
            match (whole.last().copied(), told.is_empty()) {
                (_, true) => told = whole,
                (Some(last), false) if last.0 > newest => told.push(last),
                _ => {}
            }
        }
        let exact =
            |v: f64| Price::from_f64(v).filter(|p| *p >= Price::ZERO && (p.to_f64() - v).abs() < 1e-9);
        out.extend(told.into_iter().filter_map(|(at, value)| {
            Some(Print::Level {
                id: Arc::clone(id),
                value: exact(value)?,
                at,
            })
        }));
    }
    for underlying in underlyings {
        for at in history.ticks(underlying, date, date) {
            let spot = history.snapshot(underlying, at)?.spot;
            if spot > Price::ZERO && levels.contains(underlying) {
                out.push(Print::Level {
                    id: Arc::clone(underlying),
                    value: spot,
                    at,
                });
            }
            out.push(Print::Chain {
                underlying: Arc::clone(underlying),
                at,
            });
        }
    }
    // Stable: at one instant the order is that of above.
    out.sort_by_key(Print::at);
    Ok(out)
}

/// Values of the bars of a session, with their instants; the last one of a bar comes so many seconds before it is known. A bar
/// that becomes known on another day is not heard.
fn values(bars: &SeriesData, (date, before): (Date, i64), out: &mut Vec<(Instant, f64)>) {
    let open = ExchangeCalendar::nyse().open_at(date);
    let from = bars.date.partition_point(|d| *d < date);
    let to = bars.date.partition_point(|d| *d <= date);
    for i in from..to {
        let (Some(starts), Some(known)) = (bars.starts_at.get(i), bars.available_at.get(i)) else {
            continue;
        };
        if known.date() != date {
            continue;
        }
        let of = |column: &[Option<f64>]| column.get(i).copied().flatten();
        let starts = open.map_or(*starts, |o| o.max(*starts));
        let early = [of(&bars.open), of(&bars.high), of(&bars.low)];
        for (second, value) in (0..).zip(early) {
            out.extend(value.map(|v| (Instant(starts.0 + second).min(*known), v)));
        }
        let closes = Instant((known.0 - before).max(starts.0.min(known.0)));
        out.extend(of(&bars.close).map(|v| (closes, v)));
    }
}
