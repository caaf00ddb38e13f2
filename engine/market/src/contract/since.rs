//! Dates of facts, each with how well it is known.

use crate::time::Date;
use chrono::Datelike;
use std::fmt;

/// How well a date is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Known {
    /// To the day.
    Day,
    /// To the month: the first day of the month stands for it.
    Month,
    /// To the year: the first day of the year stands for it.
    Year,
}

/// A date and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Since {
    /// The date, or the first day of the month or year in which it lies.
    pub date: Date,
    /// How well it is known.
    pub known: Known,
}

impl Since {
    /// Known to the day.
    #[must_use]
    pub const fn day(date: Date) -> Self {
        Self {
            date,
            known: Known::Day,
        }
    }

    /// Known to the month.
    #[must_use]
    pub const fn month(date: Date) -> Self {
        Self {
            date,
            known: Known::Month,
        }
    }

    /// Known to the year.
    #[must_use]
    pub const fn year(date: Date) -> Self {
        Self {
            date,
            known: Known::Year,
        }
    }
}

impl fmt::Display for Since {
    /// `2016-08-15`, `2022-09`, `2013`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known {
            Known::Day => write!(f, "{}", self.date),
            Known::Month => write!(f, "{}-{:02}", self.date.year(), self.date.month()),
            Known::Year => write!(f, "{}", self.date.year()),
        }
    }
}

/// A date written in a table; the earliest date of all for numbers that are none, which a test looks for.
#[must_use]
pub(crate) const fn ymd(year: i32, month: u32, day: u32) -> Date {
    match Date::from_ymd_opt(year, month, day) {
        Some(date) => date,
        None => Date::MIN,
    }
}
