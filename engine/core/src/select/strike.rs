//! The strike on a chain that a target asks for.

use crate::analytics::{ExpiryAnalytics, StrikePoint};
use crate::decision::PickError;
use alula_market::chain::ExpiryChain;
use alula_market::contract::{OptionContract, Right};
use alula_market::money::Price;

const fn contract(chain: &ExpiryChain, right: Right, strike: Price) -> OptionContract {
    OptionContract {
        root: chain.root,
        expiry: chain.expiry,
        right,
        strike,
    }
}

/// A strike that must be listed and quoted.
pub(super) fn exact(chain: &ExpiryChain, right: Right, strike: Price) -> Result<OptionContract, PickError> {
    let index = chain.index_of(strike).ok_or(PickError::StrikeNotListed {
        wanted: strike.to_f64(),
    })?;
    let found = contract(chain, right, strike);
    chain
        .quote(right, index)
        .map(|_| found)
        .ok_or(PickError::NoQuote(found))
}

/// Whether strike `a` is further from the money than `b`.
fn further_out(right: Right, a: Price, b: Price) -> bool {
    match right {
        Right::Put => a < b,
        Right::Call => a > b,
    }
}

/// The quoted strike nearest to a level that the quoted strikes bracket.
pub(super) fn nearest(
    chain: &ExpiryChain,
    right: Right,
    level: f64,
    free: &dyn Fn(Price) -> bool,
) -> Result<OptionContract, PickError> {
    let quoted = || chain.quotes(right).map(|(strike, _)| strike).filter(|k| free(*k));
    let (first, last) = quoted()
        .next()
        .zip(quoted().next_back())
        .ok_or(PickError::NoQuotes)?;
    if level < first.to_f64() || level > last.to_f64() {
        return Err(PickError::StrikeNotListed { wanted: level });
    }
    let distance = |k: Price| (k.to_f64() - level).abs();
    let mut best = first;
    for k in quoted() {
        let order = distance(k).total_cmp(&distance(best));
        if order.is_lt() || (order.is_eq() && further_out(right, k, best)) {
            best = k;
        }
    }
    Ok(contract(chain, right, best))
}

pub(super) fn by_delta(
    chain: &ExpiryChain,
    analytics: &ExpiryAnalytics,
    right: Right,
    wanted: f64,
    free: &dyn Fn(Price) -> bool,
) -> Result<OptionContract, PickError> {
    analytics.terms().map_err(PickError::Analytics)?;
    let points = analytics.points(chain, right);
    let open = points.iter().filter(|p| free(p.strike));
    let found = closest(open, right, wanted, |p| p.delta.abs())?;
    // Between the deltas on either side, whatever the order in which noisy quotes put them.
    let below = points.iter().any(|p| p.delta.abs() <= wanted);
    let above = points.iter().any(|p| p.delta.abs() >= wanted);
    if !(below && above) {
        return Err(PickError::DeltaNotReachable {
            wanted,
            nearest: found.delta.abs(),
        });
    }
    Ok(contract(chain, right, found.strike))
}

pub(super) fn by_premium(
    chain: &ExpiryChain,
    right: Right,
    wanted: f64,
    free: &dyn Fn(Price) -> bool,
) -> Result<OptionContract, PickError> {
    let mids: Vec<(Price, f64)> = chain
        .quotes(right)
        .map(|(strike, quote)| (strike, quote.mid().to_f64()))
        .collect();
    let mut best: Option<(Price, f64)> = None;
    for &(strike, mid) in mids.iter().filter(|(k, _)| free(*k)) {
        let better = best.is_none_or(|(k, m)| {
            let order = (mid - wanted).abs().total_cmp(&(m - wanted).abs());
            order.is_lt() || (order.is_eq() && further_out(right, strike, k))
        });
        if better {
            best = Some((strike, mid));
        }
    }
    let (strike, mid) = best.ok_or(PickError::NoQuotes)?;
    let least = mids.iter().map(|m| m.1).fold(f64::INFINITY, f64::min);
    let most = mids.iter().map(|m| m.1).fold(0.0, f64::max);
    if wanted < least || wanted > most {
        return Err(PickError::PremiumNotReachable { wanted, nearest: mid });
    }
    Ok(contract(chain, right, strike))
}

/// The point whose measure is nearest to `wanted`.
fn closest<'p>(
    points: impl Iterator<Item = &'p StrikePoint>,
    right: Right,
    wanted: f64,
    measure: impl Fn(&StrikePoint) -> f64,
) -> Result<StrikePoint, PickError> {
    let mut best: Option<StrikePoint> = None;
    for point in points {
        let better = best.as_ref().is_none_or(|b| {
            let order = (measure(point) - wanted)
                .abs()
                .total_cmp(&(measure(b) - wanted).abs());
            order.is_lt() || (order.is_eq() && further_out(right, point.strike, b.strike))
        });
        if better {
            best = Some(*point);
        }
    }
    best.ok_or(PickError::NoQuotes)
}
