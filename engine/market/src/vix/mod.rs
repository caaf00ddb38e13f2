//! Cboe's volatility index and its relatives, from chains: VIX, VIX9D, VIX3M, VIX6M, VVIX, and SKEW.
//!
//! Two expiries around the index's horizon each give the variance of a strip of out-of-the-money options; the two are
//! interpolated in minutes. Sources: Cboe, *Volatility Index* white paper (2019), whose worked example is a test, and
//! Cboe, *The CBOE SKEW Index* (2011). Two readings that the papers leave open are stated where they are made:
//! [`select()`] chooses terms by minutes, and a strike with no ask counts as one with no bid.
//!
//! | quantity | unit |
//! | --- | --- |
//! | strike, forward, price | points |
//! | rate | continuously compounded, a fraction a year |
//! | minutes, years | to the settlement instant: 09:30 for AM series, the close for PM series; 525 600 minutes a year |
//! | variance | a year, as a fraction squared: 0.04 is 20 vol points |
//! | index | vol points (SKEW: 100 less ten times the skewness) |

mod select;
mod strip;
mod study;
#[cfg(feature = "store")]
mod vendor;

pub use select::{Family, MINUTES_PER_DAY, select};
pub use strip::{Moments, QuoteSide, StripQuote, Term, term};
pub use study::{Agreement, DayOfIndex, ForwardOf, Published, Study, forwards, rate_at, study};
#[cfg(feature = "store")]
pub use vendor::{ClassSummary, IvComparison, Outlier, RowClass, compare_implied};

use crate::chain::{ChainSnapshot, ExpiryChain};
use crate::contract::{Right, Root, Settlement};
use crate::time::{Date, Instant};

/// Minutes of a year of 365 days.
const MINUTES_PER_YEAR: f64 = 525_600.0;

/// Why there is no index.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum VixError {
    /// No listed expiry on one side of the horizon.
    #[error("no two {family} expiries bracket {days} days: {found}")]
    NotBracketed {
        /// Index.
        family: Family,
        /// Horizon.
        days: u16,
        /// The nearest expiries on each side, in words.
        found: String,
    },
    /// No strike of an expiry has both a put and a call with bids.
    #[error("{root} {expiry}: no strike has a bid for both put and call, so there is no forward")]
    NoForward {
        /// Root.
        root: &'static str,
        /// Expiry.
        expiry: Date,
    },
    /// Fewer than two strikes survive the zero-bid cut, or the sum is no variance.
    #[error("{root} {expiry}: {used} strikes with bids give no variance")]
    NoVariance {
        /// Root.
        root: &'static str,
        /// Expiry.
        expiry: Date,
        /// Strikes that survived.
        used: usize,
    },
}

/// One expiry's part in an index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpiryTerm {
    /// Root.
    pub root: Root,
    /// Expiry date.
    pub expiry: Date,
    /// Morning or close.
    pub settlement: Settlement,
    /// When it settles.
    pub settles_at: Instant,
    /// Minutes to then.
    pub minutes: f64,
    /// What its strip gives.
    pub term: Term,
}

/// An index with its two terms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Computed {
    /// Which index.
    pub family: Family,
    /// When the quotes stood.
    pub at: Instant,
    /// The index in vol points.
    pub value: f64,
    /// SKEW of the same two terms: 100 less ten times the risk-neutral skewness.
    pub skew: f64,
    /// Weight of the near term's total variance; the next term has the rest.
    pub weight_near: f64,
    /// The expiry at or before the horizon.
    pub near: ExpiryTerm,
    /// The expiry after it.
    pub next: ExpiryTerm,
}

/// Quotes of one expiry as a strip takes them: mids, and bids for the cut.
#[must_use]
pub fn quotes(chain: &ExpiryChain) -> Vec<StripQuote> {
    let side = |right: Right, n: usize| {
        let columns = chain.side(right);
        let (bid, ask) = (columns.bid.get(n)?, columns.ask.get(n)?);
        // No ask is no market: as good as no bid.
        (ask.0 > 0 && ask.0 >= bid.0).then(|| QuoteSide {
            bid: bid.to_f64(),
            price: f64::midpoint(bid.to_f64(), ask.to_f64()),
        })
    };
    let strikes = chain.strikes.iter().enumerate();
    let quote = |(n, strike): (usize, &crate::money::Price)| StripQuote {
        strike: strike.to_f64(),
        put: side(Right::Put, n).unwrap_or_default(),
        call: side(Right::Call, n).unwrap_or_default(),
    };
    strikes.map(quote).collect()
}

/// One expiry's term at an instant.
///
/// # Errors
/// [`VixError::NoForward`] or [`VixError::NoVariance`].
pub fn expiry_term(chain: &ExpiryChain, at: Instant, rate: f64) -> Result<ExpiryTerm, VixError> {
    let (root, expiry) = (chain.root.symbol(), chain.expiry);
    let no_variance = |used| VixError::NoVariance { root, expiry, used };
    let years = alula_pricing::years_between(at.0, chain.settles_at.0).ok_or_else(|| no_variance(0))?;
    let quotes = quotes(chain);
    let term = strip::strip(&quotes, years, rate).map_err(|e| match e {
        strip::StripError::NoForward => VixError::NoForward { root, expiry },
        strip::StripError::NoVariance(used) => no_variance(used),
    })?;
    Ok(ExpiryTerm {
        root: chain.root,
        expiry,
        settlement: chain.settlement,
        settles_at: chain.settles_at,
        minutes: years * MINUTES_PER_YEAR,
        term,
    })
}

/// An index of a snapshot. `rate` is one rate for both terms.
///
/// # Errors
/// When no two expiries bracket the horizon, or one of them has too few quotes.
pub fn compute(snapshot: &ChainSnapshot, family: Family, rate: f64) -> Result<Computed, VixError> {
    let (near, next) = select(snapshot, family)?;
    let (near, next) = (
        expiry_term(near, snapshot.at, rate)?,
        expiry_term(next, snapshot.at, rate)?,
    );
    interpolate(family, snapshot.at, near, next)
}

/// Interpolates two terms to the horizon.
///
/// # Errors
/// [`VixError::NoVariance`] when the interpolated variance is not positive.
pub fn interpolate(
    family: Family,
    at: Instant,
    near: ExpiryTerm,
    next: ExpiryTerm,
) -> Result<Computed, VixError> {
    let horizon = f64::from(family.days()) * MINUTES_PER_DAY;
    let weight_near = (next.minutes - horizon) / (next.minutes - near.minutes);
    let total = |t: &ExpiryTerm| t.term.years * t.term.variance;
    let variance =
        (total(&near) * weight_near + total(&next) * (1.0 - weight_near)) * MINUTES_PER_YEAR / horizon;
    if !(variance.is_finite() && variance > 0.0) {
        return Err(VixError::NoVariance {
            root: near.root.symbol(),
            expiry: near.expiry,
            used: near.term.strikes_used,
        });
    }
    let skew = |t: &ExpiryTerm| t.term.moments.skew_index();
    Ok(Computed {
        family,
        at,
        value: 100.0 * variance.sqrt(),
        skew: weight_near * skew(&near) + (1.0 - weight_near) * skew(&next),
        weight_near,
        near,
        next,
    })
}

#[cfg(test)]
mod tests;
