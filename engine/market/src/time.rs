//! Instants and exchange dates.

use chrono::{DateTime, NaiveDate, Utc};
use std::fmt;

/// An instant in UTC, whole seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub i64);

/// A calendar date in the exchange's time zone (America/New_York).
pub type Date = NaiveDate;

/// A local time zone of the exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zone {
    /// `America/New_York`, written ET.
    #[default]
    NewYork,
    /// `America/Chicago`, written CT.
    Chicago,
    /// Coordinated universal time.
    Utc,
}

impl Zone {
    /// `ET`, `CT`, `UTC`.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Self::NewYork => "ET",
            Self::Chicago => "CT",
            Self::Utc => "UTC",
        }
    }

    /// The zone's rules.
    #[must_use]
    pub const fn rules(self) -> chrono_tz::Tz {
        match self {
            Self::NewYork => chrono_tz::America::New_York,
            Self::Chicago => chrono_tz::America::Chicago,
            Self::Utc => chrono_tz::UTC,
        }
    }
}

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
        Self::from_local(Zone::NewYork, date, hour, minute)
    }

    /// The instant of a wall-clock time in a zone; the earlier one where clocks go back, `None` where it is skipped.
    #[must_use]
    pub fn from_local(zone: Zone, date: Date, hour: u32, minute: u32) -> Option<Self> {
        let local = date.and_hms_opt(hour, minute, 0)?;
        local
            .and_local_timezone(zone.rules())
            .earliest()
            .map(|t| Self(t.timestamp()))
    }

    /// Date and time in a zone.
    #[must_use]
    pub fn in_zone(self, zone: Zone) -> DateTime<chrono_tz::Tz> {
        self.utc().with_timezone(&zone.rules())
    }
}

impl fmt::Display for Instant {
    /// `2019-04-30 15:45 ET`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ET", self.eastern().format("%Y-%m-%d %H:%M"))
    }
}
