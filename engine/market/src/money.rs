//! Exact prices and money.
//!
//! Prices are whole mills (1/1000 of a point): every listed tick (0.01, 0.05), half-tick mids and strikes are exact.
//! Money is whole micro-dollars, so that regulatory fees such as 0.02685 a contract are exact too. Both are integers
//! because sums must not depend on order and columns of quotes must stay flat. Arithmetic saturates: the largest
//! representable amounts (9.2 quadrillion points, 9.2 trillion dollars) are far beyond what the limits let in.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

/// A price, strike or premium in mills of a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(pub i64);

/// An amount of money in micro-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(pub i64);

macro_rules! exact {
    ($t:ident, $scale:literal, $what:literal) => {
        impl $t {
            /// Zero.
            pub const ZERO: Self = Self(0);

            #[doc = concat!("Nearest representable value of ", $what, ", half away from zero; `None` unless finite and in range.")]
            #[must_use]
            pub fn from_f64(x: f64) -> Option<Self> {
                let scaled = (x * f64::from($scale)).round();
                if !scaled.is_finite() || scaled.abs() >= 9.0e18 {
                    return None;
                }
                #[expect(clippy::cast_possible_truncation, reason = "finite and inside the range of i64")]
                let raw = scaled as i64;
                Some(Self(raw))
            }

            #[doc = concat!("As ", $what, "; for display and models only, never back into a ledger.")]
            #[must_use]
            pub fn to_f64(self) -> f64 {
                #[expect(clippy::cast_precision_loss, reason = "amounts in use are far below 2^53 units")]
                let x = self.0 as f64;
                x / f64::from($scale)
            }

            /// Times a whole number.
            #[must_use]
            pub const fn times(self, n: i64) -> Self {
                Self(self.0.saturating_mul(n))
            }

            /// Absolute value.
            #[must_use]
            pub const fn abs(self) -> Self {
                Self(self.0.saturating_abs())
            }

            /// Parses a plain decimal such as `-12.05`; `None` when it is not one or is finer than the scale.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                parse_decimal(text, $scale).map(Self)
            }
        }
        impl Add for $t {
            type Output = Self;
            fn add(self, o: Self) -> Self {
                Self(self.0.saturating_add(o.0))
            }
        }
        impl Sub for $t {
            type Output = Self;
            fn sub(self, o: Self) -> Self {
                Self(self.0.saturating_sub(o.0))
            }
        }
        impl Neg for $t {
            type Output = Self;
            fn neg(self) -> Self {
                Self(self.0.saturating_neg())
            }
        }
        impl AddAssign for $t {
            fn add_assign(&mut self, o: Self) {
                *self = *self + o;
            }
        }
        impl SubAssign for $t {
            fn sub_assign(&mut self, o: Self) {
                *self = *self - o;
            }
        }
        impl Sum for $t {
            fn sum<I: Iterator<Item = Self>>(it: I) -> Self {
                it.fold(Self::ZERO, Add::add)
            }
        }
    };
}

exact!(Price, 1_000, "points");
exact!(Usd, 1_000_000, "dollars");

impl Price {
    /// Dollars of this price for `contracts` (signed) with a multiplier in dollars a point.
    #[must_use]
    pub const fn dollars(self, multiplier: i64, contracts: i64) -> Usd {
        Usd(self
            .0
            .saturating_mul(1_000)
            .saturating_mul(multiplier)
            .saturating_mul(contracts))
    }
}

impl Usd {
    /// Whole cents, half away from zero.
    #[must_use]
    pub const fn round_to_cents(self) -> Self {
        let half = if self.0 < 0 { -5_000 } else { 5_000 };
        Self(self.0.saturating_add(half) / 10_000 * 10_000)
    }
}

fn parse_decimal(text: &str, scale: i64) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut value = whole.checked_mul(scale)?;
    let mut unit = scale;
    for b in fraction.bytes() {
        let digit = i64::from(b.wrapping_sub(b'0'));
        if unit == 1 {
            if digit != 0 {
                return None;
            }
            continue;
        }
        unit /= 10;
        value = value.checked_add(digit.checked_mul(unit)?)?;
    }
    Some(if negative { -value } else { value })
}

impl fmt::Display for Price {
    /// Points with two decimals, or three when needed: `7.90`, `0.075`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let a = self.0.unsigned_abs();
        if a.is_multiple_of(10) {
            write!(f, "{sign}{}.{:02}", a / 1000, a % 1000 / 10)
        } else {
            write!(f, "{sign}{}.{:03}", a / 1000, a % 1000)
        }
    }
}

impl fmt::Display for Usd {
    /// Dollars and cents, rounded half away from zero: `-1234.50`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.round_to_cents().0 / 10_000;
        let sign = if cents < 0 { "-" } else { "" };
        let a = cents.unsigned_abs();
        write!(f, "{sign}{}.{:02}", a / 100, a % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_or_refused() {
        assert_eq!(Price::parse("7.905"), Some(Price(7905)));
        assert_eq!(Price::parse("-0.05"), Some(Price(-50)));
        assert_eq!(Price::parse("1.2345"), None);
        assert_eq!(Price::parse("2943.1500"), Some(Price(2_943_150)));
        assert_eq!(Price::parse("1e3"), None);
        assert_eq!(Price::parse(""), None);
        assert_eq!(Usd::parse("0.02685"), Some(Usd(26_850)));
    }

    #[test]
    fn a_point_of_spx_is_a_hundred_dollars() {
        assert_eq!(Price(7_900).dollars(100, -2), Usd(-1_580_000_000));
        assert_eq!(Price(7_900).dollars(100, 1).to_string(), "790.00");
    }
}
