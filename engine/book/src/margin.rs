//! Margin for reporting and sizing: what a broker would set aside for a package.
//!
//! Defined risk, one expiry. Cboe: the worst payoff of all legs together, which for a condor is the greater of its two
//! spreads (Cboe margin manual). IBKR: a condor only when both sides can lose the same; otherwise two separate spreads
//! and the sum (IBKR knowledge base). Several expiries: each short leg is paired with long legs that expire no
//! earlier. Short legs left without cover carry the index formula: premium plus the greater of 15 % of the underlying
//! less the amount out of the money, and 10 % of the underlying (call) or of the strike (put); for VIX options 20 % in
//! place of 15 % (Cboe margin requirements for volatility indexes). Long options are paid in full. The credit received is not deducted. A snapshot of rules for information; a broker's own figure prevails.

use crate::package::{Leg, Package};
use crate::payoff;
use crate::portfolio::House;
use alula_market::contract::{OptionContract, Right, Root};
use alula_market::money::{Price, Usd};

/// Whose rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rulebook {
    /// Cboe strategy-based margin.
    #[default]
    Cboe,
    /// Interactive Brokers: unequal wings are two spreads.
    Ibkr,
    /// Portfolio margin: the greatest loss over the regulators' stress grid ([`crate::portfolio`]).
    Portfolio,
    /// Portfolio margin with Interactive Brokers' shifts of implied vol.
    PortfolioIbkr,
}

impl Rulebook {
    /// Names.
    pub const NAMES: [&'static str; 4] = ["cboe", "ibkr", "portfolio", "portfolio_ibkr"];

    /// By name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "cboe" => Some(Self::Cboe),
            "ibkr" => Some(Self::Ibkr),
            "portfolio" => Some(Self::Portfolio),
            "portfolio_ibkr" => Some(Self::PortfolioIbkr),
            _ => None,
        }
    }

    /// Name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cboe => "cboe",
            Self::Ibkr => "ibkr",
            Self::Portfolio => "portfolio",
            Self::PortfolioIbkr => "portfolio_ibkr",
        }
    }

    /// The house whose stress grid it is; `None` for a strategy-based rulebook.
    #[must_use]
    pub const fn house(self) -> Option<House> {
        match self {
            Self::Cboe | Self::Ibkr => None,
            Self::Portfolio => Some(House::Regulatory),
            Self::PortfolioIbkr => Some(House::Ibkr),
        }
    }
}

/// Requirement of `lots` packages in dollars. `price_of` gives the premium of one contract of a leg (its mark or its
/// price now); `underlying` is the index level.
#[must_use]
pub fn requirement(
    rulebook: Rulebook,
    package: &Package,
    lots: u32,
    underlying: Price,
    price_of: impl Fn(&Leg) -> Price,
) -> Usd {
    // A short put is bounded by its strike, but brokers ask the smaller index formula: take the lesser.
    let paired = paired(package, underlying, &price_of);
    let low = payoff::one_settlement(package)
        .then(|| payoff::range(package.legs()).low)
        .flatten();
    let points = low.map_or(paired, |low| {
        defined(rulebook, package, (-low).max(Price::ZERO)).min(paired)
    });
    let debit: Price = package
        .legs()
        .iter()
        .map(|l| price_of(l).times(i64::from(l.ratio)))
        .sum();
    points.max(debit).dollars(package.multiplier(), i64::from(lots))
}

/// Of a package with one settlement; `whole` is the most that all its legs together can cost then.
fn defined(rulebook: Rulebook, package: &Package, whole: Price) -> Price {
    let loss = |legs: &[Leg]| {
        payoff::range(legs)
            .low
            .map_or(Price::ZERO, |low| (-low).max(Price::ZERO))
    };
    let of_right = |r: Right| {
        package
            .legs()
            .iter()
            .filter(|l| l.contract.right == r)
            .copied()
            .collect::<Vec<_>>()
    };
    match rulebook {
        // A strategy's own bound, also where portfolio margin has no grid for the underlying.
        Rulebook::Cboe | Rulebook::Portfolio | Rulebook::PortfolioIbkr => whole,
        Rulebook::Ibkr => {
            let (put, call) = (of_right(Right::Put), of_right(Right::Call));
            // A side that is unbounded alone is covered by the other one: only the whole package has a requirement.
            if payoff::range(&put).low.is_none() || payoff::range(&call).low.is_none() {
                return whole;
            }
            let (put, call) = (loss(&put), loss(&call));
            if put == call { whole } else { put + call }
        }
    }
}

/// Requirement of one right: spreads, and what is left naked.
struct SideRequirement {
    spreads: Price,
    naked: Price,
    naked_premium: Price,
    long_premium: Price,
}

fn paired(package: &Package, underlying: Price, price_of: &impl Fn(&Leg) -> Price) -> Price {
    let put = pair_side(package, Right::Put, underlying, price_of);
    let call = pair_side(package, Right::Call, underlying, price_of);
    // Short strangle: the greater naked side, plus the premium of the other.
    let naked = if put.naked >= call.naked {
        put.naked + call.naked_premium
    } else {
        call.naked + put.naked_premium
    };
    put.spreads + call.spreads + put.long_premium + call.long_premium + naked
}

fn pair_side(
    package: &Package,
    right: Right,
    underlying: Price,
    price_of: &impl Fn(&Leg) -> Price,
) -> SideRequirement {
    let side = || package.legs().iter().filter(move |l| l.contract.right == right);
    // The best protection first: low strikes protect calls, high strikes protect puts.
    let protection = |l: &Leg| match right {
        Right::Call => l.contract.strike.0,
        Right::Put => -l.contract.strike.0,
    };
    let mut longs: Vec<(Leg, i64)> = side()
        .filter(|l| l.ratio > 0)
        .map(|l| (*l, i64::from(l.ratio)))
        .collect();
    let mut shorts: Vec<Leg> = side().filter(|l| l.ratio < 0).copied().collect();
    longs.sort_by_key(|(l, _)| (protection(l), l.contract));
    shorts.sort_by_key(|l| (protection(l), l.contract));
    let mut out = SideRequirement {
        spreads: Price::ZERO,
        naked: Price::ZERO,
        naked_premium: Price::ZERO,
        long_premium: Price::ZERO,
    };
    for short in &shorts {
        let mut left = i64::from(short.ratio.unsigned_abs());
        for (long, free) in &mut longs {
            if long.contract.expiry < short.contract.expiry {
                continue;
            }
            let used = left.min(*free);
            let gap = Price(protection(long) - protection(short)).max(Price::ZERO);
            out.spreads += gap.times(used);
            *free -= used;
            left -= used;
        }
        let premium = price_of(short);
        out.naked += naked(short.contract, underlying, premium).times(left);
        out.naked_premium += premium.times(left);
    }
    out.long_premium = longs.iter().map(|(l, free)| price_of(l).times(*free)).sum();
    out
}

/// Naked index option, points per contract.
fn naked(contract: OptionContract, underlying: Price, premium: Price) -> Price {
    let (right, strike) = (contract.right, contract.strike);
    let percent = match contract.root {
        Root::Vix | Root::Vixw => 20,
        Root::Spx | Root::Spxw | Root::Xsp => 15,
    };
    let (out_of_the_money, floor_of) = match right {
        Right::Call => ((strike - underlying).max(Price::ZERO), underlying),
        Right::Put => ((underlying - strike).max(Price::ZERO), strike),
    };
    let share = Price(underlying.0.saturating_mul(percent) / 100) - out_of_the_money;
    premium + share.max(Price(floor_of.0 / 10))
}
