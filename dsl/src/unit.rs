//! Units as types: what a number measures.
//!
//! A unit is a product of powers of four base dimensions. Counts (days to expiry, lots, votes, bars), ratios, percents
//! and oscillators such as RSI are dimensionless: a bare number in the source is a count or a ratio, never money,
//! points, vol or delta.

use std::fmt;

/// Exponents of the base dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit {
    /// US dollars.
    pub usd: i8,
    /// Points of price: an index level, a strike, or a premium as quoted.
    pub pts: i8,
    /// Volatility points: VIX 15 is `15 vol`, an implied volatility of 16% is `16 vol`.
    pub vol: i8,
    /// Option delta: `16 delta` is 0.16 of the underlying.
    pub delta: i8,
}

impl Unit {
    /// A ratio, a count or an oscillator.
    pub const NONE: Self = Self {
        usd: 0,
        pts: 0,
        vol: 0,
        delta: 0,
    };
    /// Dollars. Vega is dollars for one vol point and theta dollars for one day, by declared convention.
    pub const USD: Self = Self { usd: 1, ..Self::NONE };
    /// Price points.
    pub const PTS: Self = Self { pts: 1, ..Self::NONE };
    /// Volatility points.
    pub const VOL: Self = Self { vol: 1, ..Self::NONE };
    /// Delta.
    pub const DELTA: Self = Self {
        delta: 1,
        ..Self::NONE
    };
    /// Change of delta for one point of the underlying.
    pub const GAMMA: Self = Self {
        delta: 1,
        pts: -1,
        ..Self::NONE
    };

    /// Unit of a product; `None` when an exponent would leave -8..=8.
    #[must_use]
    pub fn times(self, other: Self) -> Option<Self> {
        self.combine(other, 1)
    }

    /// Unit of a quotient; `None` when an exponent would leave -8..=8.
    #[must_use]
    pub fn per(self, other: Self) -> Option<Self> {
        self.combine(other, -1)
    }

    fn combine(self, other: Self, sign: i8) -> Option<Self> {
        let at = |a: i8, b: i8| {
            a.checked_add(b.checked_mul(sign)?)
                .filter(|e| (-8..=8).contains(e))
        };
        Some(Self {
            usd: at(self.usd, other.usd)?,
            pts: at(self.pts, other.pts)?,
            vol: at(self.vol, other.vol)?,
            delta: at(self.delta, other.delta)?,
        })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("dollars", self.usd),
            ("points", self.pts),
            ("vol", self.vol),
            ("delta", self.delta),
        ];
        if parts.iter().all(|(_, e)| *e == 0) {
            return f.write_str("a plain number");
        }
        let mut first = true;
        for (name, e) in parts.iter().filter(|(_, e)| *e > 0) {
            write!(f, "{}{name}", if first { "" } else { "·" })?;
            if *e > 1 {
                write!(f, "^{e}")?;
            }
            first = false;
        }
        if first {
            f.write_str("1")?;
        }
        for (name, e) in parts.iter().filter(|(_, e)| *e < 0) {
            write!(f, "/{name}")?;
            if *e < -1 {
                write!(f, "^{}", -e)?;
            }
        }
        Ok(())
    }
}
