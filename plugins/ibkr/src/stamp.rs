//! The wire's time stamps as nanoseconds since 1970.

use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};
use time_tz::{PrimitiveDateTimeExt, timezones};

/// Time of an execution: `20260115 10:30:05 US/Eastern`, or `20260115-15:30:05` in UTC. A time without a zone is of the
/// machine that the gateway runs on, which nobody told us: `None`, like what cannot be read.
#[must_use]
pub fn of_execution(text: &str) -> Option<i64> {
    let text = text.trim();
    let format = format_description!("[year][month][day] [hour]:[minute]:[second]");
    let instant = match text.get(..17)? {
        stamp if stamp.as_bytes().get(8) == Some(&b'-') => {
            let plain = stamp.replacen('-', " ", 1);
            PrimitiveDateTime::parse(&plain, format).ok()?.assume_utc()
        }
        stamp => {
            let zone = timezones::get_by_name(text.get(17..)?.trim())?;
            PrimitiveDateTime::parse(stamp, format)
                .ok()?
                .assume_timezone(zone)
                .take_first()?
        }
    };
    i64::try_from(instant.unix_timestamp_nanos()).ok()
}

/// How many days back executions must be asked for, so that none since an instant is missed: 0 asks for those of today.
/// A day more than the difference, because the gateway's day may begin in another zone; at most the 7 that it keeps.
#[must_use]
pub fn days_back(since_ns: i64, now_ns: i64) -> i32 {
    let day = |ns: i64| {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(ns))
            .ok()
            .map(|t| t.date().to_julian_day())
    };
    match (day(since_ns), day(now_ns)) {
        (Some(since), Some(now)) if now > since => (now - since + 1).min(7),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Seconds from `date -u -d '2026-01-15 15:30:05' +%s`.
    const AT: i64 = 1_768_491_005_000_000_000;

    #[test]
    fn a_time_in_eastern_and_one_in_utc_are_the_same_instant() {
        assert_eq!(of_execution("20260115 10:30:05 US/Eastern"), Some(AT));
        assert_eq!(of_execution("20260115 10:30:05 America/New_York"), Some(AT));
        assert_eq!(of_execution("20260115 09:30:05 US/Central"), Some(AT));
        assert_eq!(of_execution("20260115-15:30:05"), Some(AT));
    }

    #[test]
    fn a_time_without_a_zone_or_sense_is_no_time() {
        for none in [
            "20260115 10:30:05",
            "20260115 10:30:05 Nowhere/Land",
            "",
            "2026",
            "20261315-10:30:05",
        ] {
            assert_eq!(of_execution(none), None, "{none}");
        }
    }

    #[test]
    fn a_gap_over_midnight_asks_for_more_than_today() {
        let day = 86_400_000_000_000;
        assert_eq!(days_back(AT, AT + 1), 0);
        assert_eq!(days_back(AT - day, AT), 2);
        assert_eq!(days_back(AT - 40 * day, AT), 7);
        assert_eq!(days_back(AT + day, AT), 0);
    }
}
