//! Payoffs at expiry: what legs can be worth, whatever happens.

use crate::package::{Leg, Package};
use alula_market::contract::{Right, Settlement};
use alula_market::money::Price;
use alula_market::time::Date;
use alula_pricing::payoff::{Bound, Breakeven, Payoff, PayoffLeg};

/// Lowest and highest value of legs at expiry, in points per package. `None` where there is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Lowest; negative when the holder pays.
    pub low: Option<Price>,
    /// Highest.
    pub high: Option<Price>,
}

/// Value of one option at settlement.
#[must_use]
pub fn intrinsic(right: Right, strike: Price, settlement: Price) -> Price {
    match right {
        Right::Put => (strike - settlement).max(Price::ZERO),
        Right::Call => (settlement - strike).max(Price::ZERO),
    }
}

fn payoff_legs(legs: &[Leg]) -> Vec<PayoffLeg> {
    let leg = |l: &Leg| PayoffLeg {
        right: match l.contract.right {
            Right::Put => alula_pricing::Right::Put,
            Right::Call => alula_pricing::Right::Call,
        },
        strike_mills: l.contract.strike.0,
        ratio: i64::from(l.ratio),
    };
    legs.iter().map(leg).collect()
}

/// Settlement values in points at which a package neither wins nor loses with so many points in hand (a credit positive),
/// ascending; none where its legs settle apart. Of a stretch without profit or loss its first value.
#[must_use]
pub fn breakevens(package: &Package, cash: Price) -> Vec<f64> {
    if !one_settlement(package) {
        return Vec::new();
    }
    let found = Payoff::new(&payoff_legs(package.legs()), cash.0).map(|p| p.breakevens());
    let value = |b: Breakeven| match b {
        Breakeven::At { mills, .. } => Price(mills).to_f64(),
        Breakeven::Flat { from_mills, .. } => Price(from_mills).to_f64(),
    };
    found.unwrap_or_default().into_iter().map(value).collect()
}

/// Range of a package's value at expiry over every settlement value from zero up, all legs settling at one value.
#[must_use]
pub fn range(legs: &[Leg]) -> Range {
    let legs = payoff_legs(legs);
    let price = |b: Bound| match b {
        Bound::Mills(mills) => Some(Price(mills)),
        Bound::Unbounded => None,
    };
    // Legs outside 64 bits of mills have no bound that money could state.
    Payoff::new(&legs, 0).map_or(
        Range {
            low: None,
            high: None,
        },
        |p| Range {
            low: price(p.profit_min()),
            high: price(p.profit_max()),
        },
    )
}

/// Worst value of a package in points, when bounded: what its holder may have to pay (negative) at settlement.
///
/// Legs that settle at one instant are bounded together, and the bounds of several instants add up: between two of them
/// the underlying can go anywhere. A long call calendar therefore has no bound (its short call settles alone), and a long
/// put calendar that of its short put.
#[must_use]
pub fn worst(package: &Package) -> Option<Price> {
    let settles = |l: &Leg| (l.contract.expiry, l.contract.root.settlement());
    let legs = package.legs();
    let mut instants: Vec<(Date, Settlement)> = legs.iter().map(settles).collect();
    instants.sort_unstable();
    instants.dedup();
    instants
        .iter()
        .map(|at| {
            let together: Vec<Leg> = legs.iter().filter(|l| settles(l) == *at).copied().collect();
            range(&together).low
        })
        .try_fold(Price::ZERO, |sum, low| Some(sum + low?))
}

/// Every leg settles at once, so that [`worst`] bounds the whole life of the package.
#[must_use]
pub fn one_settlement(package: &Package) -> bool {
    let settles = |l: &Leg| (l.contract.expiry, l.contract.root.settlement());
    package
        .legs()
        .first()
        .is_none_or(|f| package.legs().iter().all(|l| settles(l) == settles(f)))
}

/// The loss at expiry is bounded.
#[must_use]
pub fn is_defined_risk(package: &Package) -> bool {
    worst(package).is_some()
}

/// Most that a package can lose at expiry in points, its credit (positive) counted; never negative. `None`: no bound.
#[must_use]
pub fn loss_bound(package: &Package, credit: Price) -> Option<Price> {
    worst(package).map(|w| (-(credit + w)).max(Price::ZERO))
}

/// Widest wing in points: over the long legs that have a short leg of their right, the largest distance to the
/// nearest such short leg. `None` without a wing.
#[must_use]
pub fn width(package: &Package) -> Option<Price> {
    let legs = package.legs();
    let nearest_short = |long: &Leg| {
        legs.iter()
            .filter(|s| s.ratio < 0 && s.contract.right == long.contract.right)
            .map(|s| (s.contract.strike - long.contract.strike).abs())
            .min()
    };
    legs.iter()
        .filter(|l| l.ratio > 0)
        .filter_map(nearest_short)
        .max()
}
