//! Chains on a smile that is flat, or falls in a straight line with the strike: what is listed, and its quotes.

use crate::spec::ChainSpec;
use alula_market::calendar::{ExchangeCalendar, third_friday};
use alula_market::chain::{ExpiryChain, QuoteColumns};
use alula_market::contract::Root;
use alula_market::money::Price;
use alula_market::time::{Date, Instant};
use alula_pricing::ExpiryTerms;
use alula_pricing::chain::{PriceColumns, RowStatus, prices};
use chrono::{Datelike, Days, Weekday};

/// Least vol of a slanted smile, as a fraction.
const VOL_MIN: f64 = 0.03;
/// Strikes of one expiry, whatever the range of the underlying.
const STRIKES_MAX: usize = 5_000;
/// Strikes stand 5 points apart within this share of spot, 25 points beyond, up to the second share.
const STRIKES: [(f64, i64); 2] = [(0.12, 5), (0.30, 25)];
/// Farthest expiry that a computed chain lists, in calendar days.
pub const LISTED_DAYS: u64 = 75;

/// An expiry with its instants.
pub(super) struct Listed {
    root: Root,
    expiry: Date,
    settles_at: Instant,
    last_trade_at: Instant,
}

/// Months of VIX options that a computed chain lists.
const VIX_MONTHS: usize = 7;
/// Strikes of VIX options: half points to 30, points to 100.
const VIX_STRIKES_HALF: std::ops::Range<i64> = 16..60;
const VIX_STRIKES_WHOLE: std::ops::RangeInclusive<i64> = 30..=100;

/// Monthly expiries of VIX options, all of whose prices stand on one forward: the case's VIX.
pub(super) fn vix_listed(at: Instant) -> Vec<Listed> {
    let calendar = ExchangeCalendar::nyse();
    let expiries = calendar.vx_expiries(at.date(), VIX_MONTHS).into_iter();
    let known = expiries.filter_map(|expiry| {
        Some(Listed {
            root: Root::Vix,
            expiry,
            settles_at: calendar.settles_at(Root::Vix, expiry)?,
            last_trade_at: calendar.last_trade_at(Root::Vix, expiry)?,
        })
    });
    known
        .filter(|l| at <= l.last_trade_at && at < l.settles_at)
        .collect()
}

pub(super) fn vix_strikes() -> Vec<Price> {
    let halves = VIX_STRIKES_HALF.map(|n| Price(n * 500));
    halves
        .chain(VIX_STRIKES_WHOLE.map(|n| Price(n * 1_000)))
        .collect()
}

/// Expiries that a computed chain lists: third Fridays' morning series, and weeklys on the days on which they exist.
pub(super) fn listed(at: Instant) -> Vec<Listed> {
    let calendar = ExchangeCalendar::nyse();
    let today = at.date();
    let mut out = Vec::new();
    for ahead in 0..=LISTED_DAYS {
        let Some(date) = today.checked_add_days(Days::new(ahead)) else {
            break;
        };
        if date.weekday() != Weekday::Fri {
            continue;
        }
        let Some(expiry) = calendar.session_on_or_before(date) else {
            continue;
        };
        if third_friday(date.year(), date.month()) == Some(date) {
            out.push((expiry, Root::Spx));
        }
        out.push((expiry, Root::Spxw));
    }
    let known = out.into_iter().filter_map(|(expiry, root)| {
        Some(Listed {
            root,
            expiry,
            settles_at: calendar.settles_at(root, expiry)?,
            last_trade_at: calendar.last_trade_at(root, expiry)?,
        })
    });
    known
        .filter(|l| at <= l.last_trade_at && at < l.settles_at)
        .collect()
}

pub(super) fn flat(
    at: Instant,
    spot: Price,
    (expiries, strikes): (Vec<Listed>, &[Price]),
    vol: f64,
    chain: &ChainSpec,
) -> Vec<ExpiryChain> {
    let forward = spot.to_f64();
    let points: Vec<f64> = strikes.iter().map(|k| k.to_f64()).collect();
    // One smile for all expiries.
    let smile = |k: &f64| (vol + chain.skew / 10.0 * (forward - k) / forward).max(VOL_MIN);
    let vols: Vec<f64> = points.iter().map(smile).collect();
    let mut puts = vec![0.0; points.len()];
    let mut calls = puts.clone();
    let mut status = vec![RowStatus::Ok; points.len()];
    let mut out = Vec::with_capacity(expiries.len());
    for Listed {
        root,
        expiry,
        settles_at,
        last_trade_at,
    } in expiries
    {
        let Some(years) = alula_pricing::years_between(at.0, settles_at.0).filter(|y| *y > 0.0) else {
            continue;
        };
        let Ok(terms) = ExpiryTerms::new(forward, years, 1.0) else {
            continue;
        };
        let mut columns = PriceColumns {
            puts: &mut puts,
            calls: &mut calls,
            status: &mut status,
        };
        if prices(&terms, &points, &vols, &mut columns).is_err() {
            continue;
        }
        out.push(ExpiryChain {
            root,
            expiry,
            settlement: root.settlement(),
            settles_at,
            last_trade_at,
            puts: side(&puts, &status, chain.spread),
            calls: side(&calls, &status, chain.spread),
            strikes: strikes.to_vec(),
        });
    }
    out.sort_by_key(|c| (c.expiry, c.root));
    out
}

/// Quotes around the values of one right: bid and ask on the exchange's ticks, a nickel below 3 points, a dime from there on.
/// The spread is a share of each value, in the money too: there a package can cost more than its width to close, and no fill is
/// made beyond the width. A case that needs one gives quotes of its own.
///
/// Sums and comparisons alone, so that the compiler makes vector code of it: a case waits for tens of thousands of quotes.
fn side(values: &[f64], status: &[RowStatus], spread: f64) -> QuoteColumns {
    let column = |way: f64, up: f64| -> Vec<Price> {
        let quote = |value: &f64| Price(quoted(*value, spread, way, up));
        values.iter().map(quote).collect()
    };
    let (mut bid, mut ask) = (column(-1.0, 0.0), column(1.0, 1.0));
    for ((bid, ask), _) in bid
        .iter_mut()
        .zip(&mut ask)
        .zip(status)
        .filter(|(_, status)| !status.is_ok())
    {
        (*bid, *ask) = (Price::ZERO, Price::ZERO);
    }
    QuoteColumns {
        bid,
        ask,
        volume: vec![0; values.len()],
        open_interest: vec![0; values.len()],
        ..QuoteColumns::default()
    }
}

/// Half a spread below (`way` -1, `up` 0) or above (1, 1) a value, on the next tick that way, in mills.
#[inline(always)]
fn quoted(value: f64, spread: f64, way: f64, up: f64) -> i64 {
    let small = value < 3.0;
    let tick = if small { 0.05 } else { 0.1 };
    let half = value * spread / 2.0;
    let half = if half > tick / 2.0 { half } else { tick / 2.0 };
    let ticks = (value + way * half) / tick - way * 1e-9;
    let ticks = if ticks > 0.0 { ticks } else { 0.0 };
    let below = {
        let near = (ticks + WHOLE) - WHOLE;
        near - if near > ticks { 1.0 } else { 0.0 }
    };
    let whole = below + up * if below < ticks { 1.0 } else { 0.0 };
    let mills = whole * if small { 50.0 } else { 100.0 };
    // The bits below the exponent are the number itself.
    ((mills + WHOLE).to_bits() & (WHOLE_BITS - 1)).cast_signed()
}

/// 2^52: added to a number from zero to 2^51, it leaves no room for a fraction.
const WHOLE: f64 = 4_503_599_627_370_496.0;
const WHOLE_BITS: u64 = 1 << 52;

/// Whole points, ascending.
pub(super) fn strikes(low: Price, high: Price) -> Vec<Price> {
    let mut out = std::collections::BTreeSet::new();
    for (share, step) in STRIKES {
        let mills = step * 1000;
        let reach = |spot: Price| Price::from_f64(spot.to_f64() * share).unwrap_or(Price::ZERO);
        let last = (high + reach(high)).0;
        let mut strike = (low - reach(low)).0.div_euclid(mills) * mills;
        while strike <= last && out.len() < STRIKES_MAX {
            if strike > 0 {
                out.insert(Price(strike));
            }
            strike += mills;
        }
    }
    out.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RowStatus, side};
    use alula_market::money::Price;

    /// The exchange's ticks, said with the library's own rounding.
    fn plain(value: f64, spread: f64) -> (Price, Price) {
        let tick = if value < 3.0 { 0.05 } else { 0.1 };
        let half = (value * spread / 2.0).max(tick / 2.0);
        let bid = ((value - half) / tick + 1e-9).floor().max(0.0) * tick;
        let ask = ((value + half) / tick - 1e-9).ceil().max(0.0) * tick;
        (Price::from_f64(bid).unwrap(), Price::from_f64(ask).unwrap())
    }

    #[test]
    fn quotes_stand_on_the_ticks_around_their_values() {
        let mut values: Vec<f64> = (0..20_000).map(|i| f64::from(i) * 0.0125).collect();
        values.extend((0..2_000).map(|i| 1.7_f64.powi(i % 40) * (1.0 + f64::from(i) * 1e-4)));
        let status = vec![RowStatus::Ok; values.len()];
        for spread in [0.0, 0.02, 0.5, 1.0] {
            let quotes = side(&values, &status, spread);
            for ((value, bid), ask) in values.iter().zip(&quotes.bid).zip(&quotes.ask) {
                assert_eq!((*bid, *ask), plain(*value, spread), "{value} at {spread}");
            }
        }
        let none = side(&[5.0, 5.0], &[RowStatus::BadVol, RowStatus::Ok], 0.0);
        assert_eq!(none.bid, [Price::ZERO, Price(4_900)]);
    }
}
