//! Three values of one thing, and the share of the spread that separates them.

use alula_market::money::{Price, Usd};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

/// One quantity under three fill assumptions. For anything the trader gains from, `mid >= share >= natural`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Band<T> {
    /// Every leg at the middle of its quote.
    pub mid: T,
    /// Every leg gives up the stated share of its half-spread. Decisions read this one.
    pub share: T,
    /// Buys at the ask, sells at the bid.
    pub natural: T,
}

impl<T: Copy> Band<T> {
    /// The same value three times (settlements, fees, capital).
    #[must_use]
    pub const fn flat(value: T) -> Self {
        Self {
            mid: value,
            share: value,
            natural: value,
        }
    }

    /// Applies a function to each value.
    #[must_use]
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> Band<U> {
        Band {
            mid: f(self.mid),
            share: f(self.share),
            natural: f(self.natural),
        }
    }

    /// Combines two bands value by value.
    #[must_use]
    pub fn zip<U: Copy, V>(self, other: Band<U>, mut f: impl FnMut(T, U) -> V) -> Band<V> {
        Band {
            mid: f(self.mid, other.mid),
            share: f(self.share, other.share),
            natural: f(self.natural, other.natural),
        }
    }
}

impl<T: Copy + PartialOrd> Band<T> {
    /// `mid >= share >= natural`: true of every amount that the trader gains from.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        self.mid >= self.share && self.share >= self.natural
    }
}

impl Band<Price> {
    /// Dollars of these points for `contracts` (signed) with a multiplier in dollars a point.
    #[must_use]
    pub fn dollars(self, multiplier: i64, contracts: i64) -> Band<Usd> {
        self.map(|p| p.dollars(multiplier, contracts))
    }

    /// Times a whole number.
    #[must_use]
    pub fn times(self, n: i64) -> Self {
        self.map(|p| p.times(n))
    }
}

impl<T: Copy + Add<Output = T>> Add for Band<T> {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        self.zip(o, |a, b| a + b)
    }
}

impl<T: Copy + Sub<Output = T>> Sub for Band<T> {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        self.zip(o, |a, b| a - b)
    }
}

impl<T: Copy + Neg<Output = T>> Neg for Band<T> {
    type Output = Self;
    fn neg(self) -> Self {
        self.map(|a| -a)
    }
}

impl<T: Copy + Add<Output = T>> AddAssign for Band<T> {
    fn add_assign(&mut self, o: Self) {
        *self = *self + o;
    }
}

impl<T: Copy + Sub<Output = T>> SubAssign for Band<T> {
    fn sub_assign(&mut self, o: Self) {
        *self = *self - o;
    }
}

impl<T: Copy + Default + Add<Output = T>> Sum for Band<T> {
    fn sum<I: Iterator<Item = Self>>(it: I) -> Self {
        it.fold(Self::default(), |a, b| a + b)
    }
}

/// Share of the half-spread that a fill gives up: 0 is mid, 1 is natural. Exact, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cross(u32);

impl Cross {
    /// Fills at mid.
    pub const MID: Self = Self(0);
    /// Fills at the natural price.
    pub const NATURAL: Self = Self(1_000_000);

    /// Nearest millionth; `None` unless in `0..=1`.
    #[must_use]
    pub fn from_f64(share: f64) -> Option<Self> {
        if !(0.0..=1.0).contains(&share) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0..=1_000_000 after the check"
        )]
        let millionths = (share * 1_000_000.0).round() as u32;
        Some(Self(millionths))
    }

    /// From millionths; more than a whole is a whole.
    #[must_use]
    pub(crate) const fn from_millionths(millionths: u32) -> Self {
        Self(if millionths > 1_000_000 {
            1_000_000
        } else {
            millionths
        })
    }

    /// The share of an order of `contracts` where `displayed` are shown: on the line from this share for none to a whole
    /// for as many as are shown or more, rounded up.
    #[must_use]
    pub(crate) fn with_impact(self, contracts: i64, displayed: u32) -> Self {
        if displayed == 0 || contracts >= i64::from(displayed) {
            return Self::NATURAL;
        }
        let rest = u64::from(1_000_000_u32.saturating_sub(self.0));
        let contracts = u64::try_from(contracts).unwrap_or(0);
        let more = rest.saturating_mul(contracts).div_ceil(u64::from(displayed));
        Self::from_millionths(self.0.saturating_add(u32::try_from(more).unwrap_or(1_000_000)))
    }

    /// As a fraction, for display.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        f64::from(self.0) / 1_000_000.0
    }

    /// What is given up of a spread (ask minus bid), rounded up to a whole mill: rounding never favours the trader.
    #[must_use]
    pub fn of_half(self, spread: Price) -> Price {
        // Half of the spread times millionths: one division, so nothing is rounded twice.
        let product = i128::from(spread.0.max(0)) * i128::from(self.0);
        let mills = (product + 1_999_999) / 2_000_000;
        Price(i64::try_from(mills).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_half_spread_rounds_up_to_a_mill() {
        let seventy = Cross::from_f64(0.7).unwrap();
        assert_eq!(seventy.of_half(Price(100)), Price(35));
        assert_eq!(seventy.of_half(Price(50)), Price(18)); // 17.5 mills
        assert_eq!(Cross::MID.of_half(Price(50)), Price(0));
        assert_eq!(Cross::NATURAL.of_half(Price(50)), Price(25));
        assert_eq!(Cross::from_f64(1.01), None);
        assert_eq!(Cross::from_f64(f64::NAN), None);
    }
}
