//! Anything that can be held: an option, a future, a share.

use super::{FutureContract, FutureRoot, OptionContract, Right, Root, Share};
use crate::money::Price;
use crate::time::{Date, Instant};
use chrono::Datelike as _;
use std::fmt;

/// An instrument as plain fields, as brokers and files write it: the class alone says what it is, and SPX and SPXW of one
/// day and strike are two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields<'a> {
    /// Class: `SPXW`, `VX`, `SPY`.
    pub class: &'a str,
    /// Year, month and day as one number; 0 for a share.
    pub expiry: u32,
    /// Of an option.
    pub right: Option<Right>,
    /// Of an option; zero elsewhere.
    pub strike: Price,
}

/// A date as one number of year, month and day, and back.
#[must_use]
pub fn day_number(date: Date) -> u32 {
    let year = u32::try_from(date.year()).unwrap_or(0);
    year.saturating_mul(10_000)
        .saturating_add(date.month() * 100 + date.day())
}

/// The date of such a number.
#[must_use]
pub fn date_of(number: u32) -> Option<Date> {
    let year = i32::try_from(number / 10_000).ok()?;
    Date::from_ymd_opt(year, number / 100 % 100, number % 100)
}

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
    /// Its fields.
    #[must_use]
    pub fn fields(&self) -> Fields<'static> {
        let (right, strike) = match self {
            Self::Option(c) => (Some(c.right), c.strike),
            Self::Future(_) | Self::Share(_) => (None, Price::ZERO),
        };
        Fields {
            class: self.class(),
            expiry: self.expiry().map_or(0, day_number),
            right,
            strike,
        }
    }

    /// The instrument of these fields; `None` when the class is not known or the fields do not go with it.
    #[must_use]
    pub fn from_fields(fields: &Fields<'_>) -> Option<Self> {
        let bare = fields.right.is_none() && fields.strike == Price::ZERO;
        if let Some(root) = Root::parse(fields.class) {
            return Some(Self::Option(OptionContract {
                root,
                expiry: date_of(fields.expiry)?,
                right: fields.right?,
                strike: Some(fields.strike).filter(|s| *s > Price::ZERO)?,
            }));
        }
        if let Some(root) = FutureRoot::parse(fields.class).filter(|_| bare) {
            let expiry = date_of(fields.expiry)?;
            return Some(Self::Future(FutureContract { root, expiry }));
        }
        Share::parse(fields.class)
            .filter(|_| bare && fields.expiry == 0)
            .map(Self::Share)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lead_back_to_the_instrument_and_nothing_else_does() {
        let day = Date::from_ymd_opt(2024, 6, 21).unwrap();
        let option = |root| {
            Instrument::Option(OptionContract {
                root,
                expiry: day,
                right: Right::Put,
                strike: Price(5_100_500),
            })
        };
        let future = Instrument::Future(FutureContract {
            root: FutureRoot::Vxm,
            expiry: day,
        });
        for instrument in [
            option(Root::Spx),
            option(Root::Spxw),
            future,
            Instrument::Share(Share::Spy),
        ] {
            assert_eq!(Instrument::from_fields(&instrument.fields()), Some(instrument));
        }
        let fields = option(Root::Spx).fields();
        assert_eq!(fields.expiry, 20_240_621);
        for wrong in [
            Fields {
                class: "SPY",
                ..fields
            },
            Fields {
                class: "SPXX",
                ..fields
            },
            Fields {
                expiry: 20_240_231,
                ..fields
            },
            Fields {
                right: None,
                ..fields
            },
            Fields {
                strike: Price::ZERO,
                ..fields
            },
            Fields {
                class: "VX",
                ..fields
            },
        ] {
            assert_eq!(Instrument::from_fields(&wrong), None, "{wrong:?}");
        }
    }
}
