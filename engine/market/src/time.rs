//! Instants and exchange dates.

use chrono::{DateTime, NaiveDate, Utc};
use std::fmt;

/// An instant in UTC, whole seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub i64);

/// A calendar date in the exchange's time zone (America/New_York).
pub type Date = NaiveDate;

impl Instant {
    /// As a chrono value; the epoch for instants outside chrono's range.
    #[must_use]
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0, 0).unwrap_or_default()
    }

    /// The exchange-local date and time.
    #[must_use]
    pub fn eastern(self) -> DateTime<chrono_tz::Tz> {
        self.utc().with_timezone(&chrono_tz::America::New_York)
    }

    /// The exchange-local date.
    #[must_use]
    pub fn date(self) -> Date {
        self.eastern().date_naive()
    }

    /// The instant of an exchange-local wall-clock time; the earlier one where clocks go back, `None` where it is skipped.
    #[must_use]
    pub fn from_eastern(date: Date, hour: u32, minute: u32) -> Option<Self> {
        let local = date.and_hms_opt(hour, minute, 0)?;
        local
            .and_local_timezone(chrono_tz::America::New_York)
            .earliest()
            .map(|t| Self(t.timestamp()))
    }
}

impl fmt::Display for Instant {
    /// `2019-04-30 15:45 ET`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ET", self.eastern().format("%Y-%m-%d %H:%M"))
    }
}
