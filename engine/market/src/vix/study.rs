//! Computed against published: an index over the days of a history.

use super::{Computed, Family, compute};
use crate::chain::ChainSnapshot;
use crate::contract::{Right, Root};
use crate::history::{History, HistoryError};
use crate::series::{BarSize, SeriesData};
use crate::time::{Date, Instant};
use alula_pricing::{ForwardOptions, ParityForward, ParityQuote, parity_forward};

/// A published day of an index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// Opening value, where the series has one.
    pub open: Option<f64>,
    /// Highest, where the series has one.
    pub high: Option<f64>,
    /// Lowest, where the series has one.
    pub low: Option<f64>,
    /// Closing value.
    pub close: f64,
}

/// One snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct DayOfIndex {
    /// When the quotes stood.
    pub at: Instant,
    /// The index, or why there is none.
    pub computed: Result<Computed, String>,
    /// What was published for the day.
    pub published: Option<Published>,
    /// SKEW as published, beside VIX.
    pub skew_published: Option<f64>,
}

impl DayOfIndex {
    /// Computed less the published close, vol points.
    #[must_use]
    pub fn distance(&self) -> Option<f64> {
        Some(self.computed.as_ref().ok()?.value - self.published?.close)
    }

    /// Whether the computed value lies in the published range of the day, both ends included; computed values are rounded
    /// to the published hundredths first.
    #[must_use]
    pub fn inside(&self) -> Option<bool> {
        let p = self.published?;
        let value = (self.computed.as_ref().ok()?.value * 100.0).round() / 100.0;
        Some(p.low? <= value && value <= p.high?)
    }
}

/// An index over a history, day by day.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// Which index.
    pub family: Family,
    /// The last snapshot of each day, in order.
    pub days: Vec<DayOfIndex>,
}

/// How near the computed index comes to the published one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Days with both.
    pub days: usize,
    /// Days with a published range.
    pub ranged: usize,
    /// Of those, days inside it.
    pub inside: usize,
    /// Median absolute distance to the close, vol points.
    pub median: f64,
    /// Largest absolute distance to the close, signed.
    pub worst: f64,
    /// Its day.
    pub worst_on: Date,
}

impl Study {
    /// Distances to the published series; `None` when no day has both.
    #[must_use]
    pub fn agreement(&self) -> Option<Agreement> {
        let mut found: Vec<(f64, Instant)> = self
            .days
            .iter()
            .filter_map(|d| Some((d.distance()?, d.at)))
            .collect();
        found.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()).then(a.1.cmp(&b.1)));
        let (worst, worst_at) = *found.last()?;
        let sizes: Vec<f64> = found.iter().map(|f| f.0.abs()).collect();
        let ranged: Vec<bool> = self.days.iter().filter_map(DayOfIndex::inside).collect();
        Some(Agreement {
            days: found.len(),
            ranged: ranged.len(),
            inside: ranged.iter().filter(|i| **i).count(),
            median: median_of_sorted(&sizes)?,
            worst,
            worst_on: worst_at.date(),
        })
    }
}

pub(super) fn median_of_sorted(values: &[f64]) -> Option<f64> {
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*values.get(values.len() / 2 - 1)?, upper))
}

/// The published bar of a day.
fn published(series: Option<&SeriesData>, date: Date) -> Option<Published> {
    let series = series?;
    let n = series.date.binary_search(&date).ok()?;
    let at = |column: &[Option<f64>]| column.get(n).copied().flatten();
    Some(Published {
        open: at(&series.open),
        high: at(&series.high),
        low: at(&series.low),
        close: at(&series.close)?,
    })
}

/// Rate where a history has none: options near the money hardly notice.
const RATE_ABSENT: f64 = 0.0;

/// The rate to price with at an instant; zero where the history knows none.
///
/// # Errors
/// When the data cannot be read.
pub fn rate_at(history: &dyn History, at: Instant) -> Result<f64, HistoryError> {
    Ok(history.rate(at)?.unwrap_or(RATE_ABSENT))
}

/// Computes an index on the last snapshot of each day of `from..=to`, beside the published series of the same name.
///
/// # Errors
/// When the data cannot be read. A day without an index is a row with its reason.
pub fn study(history: &dyn History, family: Family, from: Date, to: Date) -> Result<Study, HistoryError> {
    let underlying = family.underlying();
    let series = history.series(family.name(), BarSize::Session)?;
    let skew = if family == Family::Vix {
        history.series("SKEW", BarSize::Session)?
    } else {
        None
    };
    let mut last: Vec<Instant> = Vec::new();
    for at in history.ticks(underlying, from, to) {
        if last.last().is_some_and(|l| l.date() == at.date()) {
            last.pop();
        }
        last.push(at);
    }
    let mut days = Vec::with_capacity(last.len());
    for at in last {
        let snapshot = history.snapshot(underlying, at)?;
        let rate = rate_at(history, at)?;
        days.push(DayOfIndex {
            at,
            computed: compute(&snapshot, family, rate).map_err(|e| e.to_string()),
            published: published(series.as_deref(), at.date()),
            skew_published: published(skew.as_deref(), at.date()).map(|p| p.close),
        });
    }
    Ok(Study { family, days })
}

/// The parity forward of one expiry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForwardOf {
    /// Root.
    pub root: Root,
    /// Expiry.
    pub expiry: Date,
    /// Days to settlement.
    pub days: f64,
    /// The forward, or nothing where too few strikes have both quotes.
    pub forward: Option<ParityForward>,
}

/// Parity forwards of every expiry of a snapshot: medians over strikes around the money whose put and call both have bids.
#[must_use]
pub fn forwards(snapshot: &ChainSnapshot, rate: f64) -> Vec<ForwardOf> {
    let mut out = Vec::with_capacity(snapshot.expiries.len());
    for chain in &snapshot.expiries {
        let Some(years) = alula_pricing::years_between(snapshot.at.0, chain.settles_at.0) else {
            continue;
        };
        let pairs = chain.strikes.iter().enumerate().filter_map(|(n, strike)| {
            let (put, call) = (chain.quote(Right::Put, n)?, chain.quote(Right::Call, n)?);
            (put.bid.0 > 0 && call.bid.0 > 0).then(|| ParityQuote {
                strike: strike.to_f64(),
                call: call.mid().to_f64(),
                put: put.mid().to_f64(),
            })
        });
        let pairs: Vec<ParityQuote> = pairs.collect();
        let discount = libm::exp(-rate * years);
        out.push(ForwardOf {
            root: chain.root,
            expiry: chain.expiry,
            days: years * 365.0,
            forward: parity_forward(&pairs, discount, ForwardOptions::default()).ok(),
        });
    }
    out
}
