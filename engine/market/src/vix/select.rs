//! Which expiries an index is made of.

use super::VixError;
use crate::calendar::{ExchangeCalendar, third_friday};
use crate::chain::{ChainSnapshot, ExpiryChain};
use crate::contract::Root;
use crate::time::Date;
use chrono::{Datelike as _, Days, Weekday};
use std::fmt;

/// Minutes of a day.
pub const MINUTES_PER_DAY: f64 = 1_440.0;

/// An index of the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// 30 days, Friday expiries of SPX (third Fridays, AM) and SPXW (the others).
    Vix,
    /// 9 days, the same expiries.
    Vix9d,
    /// 93 days, third-Friday AM expiries.
    Vix3m,
    /// 184 days, third-Friday AM expiries.
    Vix6m,
    /// 30 days of VIX options, all expiries: the same arithmetic on the volatility of VIX.
    Vvix,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Vix, Self::Vix9d, Self::Vix3m, Self::Vix6m, Self::Vvix];

    /// Name of the published series.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vix => "VIX",
            Self::Vix9d => "VIX9D",
            Self::Vix3m => "VIX3M",
            Self::Vix6m => "VIX6M",
            Self::Vvix => "VVIX",
        }
    }

    /// Horizon in days.
    #[must_use]
    pub const fn days(self) -> u16 {
        match self {
            Self::Vix | Self::Vvix => 30,
            Self::Vix9d => 9,
            Self::Vix3m => 93,
            Self::Vix6m => 184,
        }
    }

    /// Underlying of the chains.
    #[must_use]
    pub const fn underlying(self) -> &'static str {
        match self {
            Self::Vvix => "VIX",
            _ => "SPX",
        }
    }

    /// Days on either side of the horizon beyond which an expiry is no bracket any more. For VIX the paper's "more than 23
    /// and less than 37 days", and two days more: an expiry at 16:00 of a Friday is 37 days and some hours from a Wednesday
    /// morning, and one at 09:30 of the Thursday before Good Friday is 21 days and some hours from a Wednesday afternoon.
    const fn reach(self) -> f64 {
        match self {
            Self::Vix => 9.0,
            Self::Vix9d => 10.0,
            Self::Vvix => 36.0,
            Self::Vix3m | Self::Vix6m => 64.0,
        }
    }

    /// Whether an expiry belongs to the index.
    #[must_use]
    pub fn takes(self, root: Root, expiry: Date) -> bool {
        match self {
            Self::Vix | Self::Vix9d => match friday_of(expiry) {
                Some(friday) => root == if is_third(friday) { Root::Spx } else { Root::Spxw },
                None => false,
            },
            Self::Vix3m | Self::Vix6m => root == Root::Spx,
            Self::Vvix => matches!(root, Root::Vix | Root::Vixw),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The Friday that an expiry stands for: itself, or the holiday Friday after it.
fn friday_of(expiry: Date) -> Option<Date> {
    let ahead = match expiry.weekday() {
        Weekday::Fri => return Some(expiry),
        Weekday::Thu => 1,
        // Old vendors date a Friday's expiry on the Saturday.
        Weekday::Sat => return expiry.pred_opt(),
        _ => return None,
    };
    let friday = expiry.checked_add_days(Days::new(ahead))?;
    (!ExchangeCalendar::nyse().is_session(friday)).then_some(friday)
}

fn is_third(friday: Date) -> bool {
    third_friday(friday.year(), friday.month()) == Some(friday)
}

/// The two expiries around an index's horizon: the last at or before it, counted in minutes, and the first after it.
///
/// The paper speaks of calendar days, with examples for the morning; by minutes the two terms always bracket the horizon, so
/// that the index is interpolated and never extrapolated.
///
/// # Errors
/// [`VixError::NotBracketed`].
pub fn select(snapshot: &ChainSnapshot, family: Family) -> Result<(&ExpiryChain, &ExpiryChain), VixError> {
    let horizon = f64::from(family.days());
    let days = |c: &ExpiryChain| {
        let years = alula_pricing::years_between(snapshot.at.0, c.settles_at.0);
        years.map_or(f64::NEG_INFINITY, |y| y * 365.0)
    };
    let listed = || {
        snapshot
            .expiries
            .iter()
            .filter(|c| family.takes(c.root, c.expiry))
    };
    let near = listed().rfind(|c| days(c) > 0.0 && days(c) <= horizon);
    let next = listed().find(|c| days(c) > horizon);
    let inside = |c: &&ExpiryChain| (days(c) - horizon).abs() < family.reach();
    match (near.filter(inside), next.filter(inside)) {
        (Some(near), Some(next)) => Ok((near, next)),
        _ => {
            let words = |c: Option<&ExpiryChain>, none: &str| {
                c.map_or_else(
                    || none.to_owned(),
                    |c| format!("{} {}", c.root.symbol(), c.expiry),
                )
            };
            Err(VixError::NotBracketed {
                family,
                days: family.days(),
                found: format!(
                    "{} and {}",
                    words(near, "nothing before"),
                    words(next, "nothing after")
                ),
            })
        }
    }
}
