//! Packages: legs that trade together at one net price.

use alula_market::contract::tick::{Quoted, Rounding, increment, round};
use alula_market::contract::{OptionContract, Root};
use alula_market::money::Price;
use alula_market::time::Date;
use std::fmt;

/// One leg of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leg {
    /// Contract.
    pub contract: OptionContract,
    /// Contracts per package: positive long, negative short, never zero.
    pub ratio: i32,
}

/// Legs held or traded together, in the order of the structure that names them.
///
/// Never empty, at most [`Package::MAX_LEGS`], no contract twice, one underlying.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Package {
    legs: Vec<Leg>,
}

/// Why legs do not make a package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// No legs.
    #[error("a package has no legs")]
    Empty,
    /// More than [`Package::MAX_LEGS`].
    #[error("a package has {0} legs, more than {max}", max = Package::MAX_LEGS)]
    TooMany(usize),
    /// A ratio of zero, or beyond [`Package::MAX_RATIO`] in size.
    #[error("`{contract}` has ratio {ratio}, not in 1..={max} long or short", max = Package::MAX_RATIO)]
    Ratio {
        /// Contract.
        contract: OptionContract,
        /// Ratio.
        ratio: i32,
    },
    /// Two legs are the same contract.
    #[error("two legs are the same contract `{0}`")]
    Twice(OptionContract),
    /// Legs on several underlyings cannot trade as one package.
    #[error("legs on `{0}` and `{1}` cannot trade as one package")]
    Underlyings(&'static str, &'static str),
}

impl Package {
    /// Most legs of one package (a roll of a condor nets to at most eight).
    pub const MAX_LEGS: usize = 16;
    /// Largest ratio.
    pub const MAX_RATIO: i32 = 1_000;

    /// Checks legs and makes a package of them.
    ///
    /// # Errors
    /// See [`PackageError`].
    pub fn new(legs: Vec<Leg>) -> Result<Self, PackageError> {
        let Some(first) = legs.first() else {
            return Err(PackageError::Empty);
        };
        if legs.len() > Self::MAX_LEGS {
            return Err(PackageError::TooMany(legs.len()));
        }
        let underlying = first.contract.root.underlying();
        for (at, leg) in legs.iter().enumerate() {
            if leg.ratio == 0 || leg.ratio.unsigned_abs() > Self::MAX_RATIO.unsigned_abs() {
                return Err(PackageError::Ratio {
                    contract: leg.contract,
                    ratio: leg.ratio,
                });
            }
            if leg.contract.root.underlying() != underlying {
                return Err(PackageError::Underlyings(
                    underlying,
                    leg.contract.root.underlying(),
                ));
            }
            if legs.iter().take(at).any(|l| l.contract == leg.contract) {
                return Err(PackageError::Twice(leg.contract));
            }
        }
        Ok(Self { legs })
    }

    /// Legs in structure order.
    #[must_use]
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// Underlying of every leg.
    #[must_use]
    pub fn underlying(&self) -> &'static str {
        self.legs.first().map_or("", |l| l.contract.root.underlying())
    }

    /// Dollars a point.
    #[must_use]
    pub fn multiplier(&self) -> i64 {
        self.legs.first().map_or(1, |l| l.contract.root.multiplier())
    }

    /// The first contract of this package that the other holds the other way round.
    #[must_use]
    pub fn opposite(&self, other: &Self) -> Option<OptionContract> {
        let against = |a: &Leg| {
            other
                .legs
                .iter()
                .any(|b| a.contract == b.contract && (a.ratio > 0) != (b.ratio > 0))
        };
        self.legs.iter().find(|l| against(l)).map(|l| l.contract)
    }

    /// The package that undoes this one.
    #[must_use]
    pub fn flipped(&self) -> Self {
        Self {
            legs: self
                .legs
                .iter()
                .map(|l| Leg {
                    ratio: -l.ratio,
                    ..*l
                })
                .collect(),
        }
    }

    /// What must trade to turn `held` into `self`: legs in both cancel. Empty when nothing has to trade.
    ///
    /// Order: contracts held, then contracts new, each in package order.
    #[must_use]
    pub fn change_from(&self, held: &Self) -> Vec<Leg> {
        let ratio_in =
            |p: &Self, c: OptionContract| p.legs.iter().find(|l| l.contract == c).map_or(0, |l| l.ratio);
        let kept = held.legs.iter().map(|l| Leg {
            contract: l.contract,
            ratio: ratio_in(self, l.contract) - l.ratio,
        });
        let new = self
            .legs
            .iter()
            .filter(|l| ratio_in(held, l.contract) == 0)
            .copied();
        kept.chain(new).filter(|l| l.ratio != 0).collect()
    }
}

impl fmt::Display for Package {
    /// `-1 SPXW 2019-05-31 P2825, +1 SPXW 2019-05-31 P2775`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, leg) in self.legs.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{:+} {}", leg.ratio, leg.contract)?;
        }
        Ok(())
    }
}

/// Minimum increment of an order's net price on a day, from the table of its class ([`alula_market::contract::tick`]).
#[must_use]
pub fn tick(root: Root, legs: usize, price: Price, on: Date) -> Price {
    increment(root.ticks(), Quoted::order(legs), price, on)
}

/// The largest multiple of the tick that is not above a price: what a trader gets after rounding (credits positive).
#[must_use]
pub const fn round_against(price: Price, tick: Price) -> Price {
    round(price, tick, Rounding::Down)
}
