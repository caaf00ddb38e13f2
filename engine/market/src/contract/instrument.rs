//! Anything that can be held: an option, a future, a share.

use super::{FutureContract, OptionContract, Share};
use crate::time::{Date, Instant};
use std::fmt;

/// Anything that can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Instrument {
    /// An option.
    Option(OptionContract),
    /// A future.
    Future(FutureContract),
    /// A share.
    Share(Share),
}

impl Instrument {
    /// Dollars for one point.
    #[must_use]
    pub const fn multiplier(&self) -> i64 {
        match self {
            Self::Option(c) => c.root.multiplier(),
            Self::Future(c) => c.root.multiplier(),
            Self::Share(_) => 1,
        }
    }

    /// What its price follows: an index, or the share itself.
    #[must_use]
    pub const fn underlying(&self) -> &'static str {
        match self {
            Self::Option(c) => c.root.underlying(),
            Self::Future(c) => c.root.underlying(),
            Self::Share(s) => s.symbol(),
        }
    }

    /// Symbol of its class: `SPXW`, `VX`, `VXX`.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Option(c) => c.root.symbol(),
            Self::Future(c) => c.root.symbol(),
            Self::Share(s) => s.symbol(),
        }
    }

    /// Expiry date; shares have none.
    #[must_use]
    pub const fn expiry(&self) -> Option<Date> {
        match self {
            Self::Option(c) => Some(c.expiry),
            Self::Future(c) => Some(c.expiry),
            Self::Share(_) => None,
        }
    }

    /// When it settles finally; `None` for shares, and for dates outside the calendar.
    #[must_use]
    pub fn settles_at(&self) -> Option<Instant> {
        match self {
            Self::Option(c) => crate::calendar::ExchangeCalendar::nyse().settles_at(c.root, c.expiry),
            Self::Future(c) => c.settles_at(),
            Self::Share(_) => None,
        }
    }

    /// Last instant at which it trades; `None` for shares, and for dates outside the calendar.
    #[must_use]
    pub fn last_trade_at(&self) -> Option<Instant> {
        match self {
            Self::Option(c) => crate::calendar::ExchangeCalendar::nyse().last_trade_at(c.root, c.expiry),
            Self::Future(c) => c.last_trade_at(),
            Self::Share(_) => None,
        }
    }
}

impl fmt::Display for Instrument {
    /// `SPXW 2019-05-31 P2825`, `VXF26 2026-01-21`, `VXX`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(c) => c.fmt(f),
            Self::Future(c) => c.fmt(f),
            Self::Share(s) => s.fmt(f),
        }
    }
}
