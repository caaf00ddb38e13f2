//! What can be traded, identified so that no two different things share a name, and the facts of each class as tables:
//! multiplier, increments, strikes, exercise, settlement, listing history, symbols, each with its source.

pub mod future;
pub mod instrument;
pub mod listing;
pub mod option;
pub mod share;
pub mod since;
pub mod symbol;
pub mod tick;

pub use future::FutureContract;
pub use instrument::{Fields, Instrument, date_of, day_number};
pub use listing::{NotListed, listed};
pub use share::{Share, Split};
pub use since::Since;
pub use symbol::ParseSymbolError;

use crate::money::Price;
use crate::time::{Date, Instant};
use std::fmt;

/// Put or call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Put.
    Put,
    /// Call.
    Call,
}

/// Option roots. The root decides settlement: SPX and SPXW of one date and strike are two contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Root {
    /// S&P 500, third-Friday cycle, settled to SET at the open.
    Spx,
    /// S&P 500 weeklys and month-ends, settled to the close.
    Spxw,
    /// Mini-SPX, settled to the close.
    Xsp,
    /// VIX monthlys, settled to VRO.
    Vix,
    /// VIX weeklys, settled to VRO.
    Vixw,
}

/// Futures classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FutureRoot {
    /// Cboe Volatility Index futures, monthly and weekly.
    Vx,
    /// Mini Cboe Volatility Index futures.
    Vxm,
    /// E-mini S&P 500 futures.
    Es,
    /// Micro E-mini S&P 500 futures.
    Mes,
}

/// When and how a series settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Settlement {
    /// To a special opening quotation on the morning of expiry.
    Am,
    /// To the close on the day of expiry.
    Pm,
}

impl Root {
    /// All roots.
    pub const ALL: [Self; 5] = [Self::Spx, Self::Spxw, Self::Xsp, Self::Vix, Self::Vixw];

    /// Symbol.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Spx => "SPX",
            Self::Spxw => "SPXW",
            Self::Xsp => "XSP",
            Self::Vix => "VIX",
            Self::Vixw => "VIXW",
        }
    }

    /// From a symbol.
    #[must_use]
    pub fn parse(symbol: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.symbol() == symbol)
    }

    /// Index that it settles on: `SPX`, `XSP` or `VIX`.
    #[must_use]
    pub const fn underlying(self) -> &'static str {
        match self {
            Self::Spx | Self::Spxw => "SPX",
            Self::Xsp => "XSP",
            Self::Vix | Self::Vixw => "VIX",
        }
    }

    /// Morning or close.
    #[must_use]
    pub const fn settlement(self) -> Settlement {
        match self {
            Self::Spx | Self::Vix | Self::Vixw => Settlement::Am,
            Self::Spxw | Self::Xsp => Settlement::Pm,
        }
    }

    /// Dollars for one point.
    #[must_use]
    pub const fn multiplier(self) -> i64 {
        100
    }
}

/// One option contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionContract {
    /// Root.
    pub root: Root,
    /// Expiry date.
    pub expiry: Date,
    /// Put or call.
    pub right: Right,
    /// Strike.
    pub strike: Price,
}

impl fmt::Display for OptionContract {
    /// `SPXW 2019-05-31 P2825`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let right = match self.right {
            Right::Put => 'P',
            Right::Call => 'C',
        };
        write!(f, "{} {} {right}", self.root.symbol(), self.expiry)?;
        if self.strike.0 % 1000 == 0 {
            write!(f, "{}", self.strike.0 / 1000)
        } else {
            write!(f, "{}", self.strike)
        }
    }
}

/// A settlement value with its provenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettlementValue {
    /// Value settled to.
    pub price: Price,
    /// Instant at which it is known.
    pub at: Instant,
    /// It stands in for a missing official value (SET from the open, say): results are marked.
    pub approximate: bool,
}

#[cfg(test)]
mod tests;
