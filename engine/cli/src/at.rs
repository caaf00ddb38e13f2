//! `--at TIME`: a moment as people type it.

use crate::exit::Failure;
use alula_market::time::{Date, Instant};
use alula_run::Moment;

/// Reads `2019-05-03`, `2019-05-03T15:45` or `2019-05-03 15:45`, seconds and a trailing `ET` tolerated.
///
/// # Errors
/// When it is neither.
pub fn parse(text: &str) -> Result<Moment, Failure> {
    parse_as(text, "--at")
}

/// As [`parse`], for an option of another name.
///
/// # Errors
/// As [`parse`].
pub fn parse_as(text: &str, option: &str) -> Result<Moment, Failure> {
    let wrong = || {
        Failure::usage(format!("`{text}` is neither a day nor a time")).help(format!(
            "write exchange time: `{option} 2019-05-03` or `{option} 2019-05-03T15:45`"
        ))
    };
    let trimmed = text.trim().trim_end_matches("ET").trim_end();
    let (day, time) = match trimmed.split_once(['T', ' ']) {
        Some((day, time)) => (day, Some(time)),
        None => (trimmed, None),
    };
    let date = Date::parse_from_str(day, "%Y-%m-%d").map_err(|_| wrong())?;
    let Some(time) = time else {
        return Ok(Moment::Day(date));
    };
    let time = time.trim();
    let mut parts = time
        .split(':')
        .map(|p| p.parse::<u32>().ok().filter(|_| p.len() <= 2));
    let (Some(Some(hour)), Some(Some(minute)), seconds, None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong());
    };
    if seconds == Some(None) {
        return Err(wrong());
    }
    Instant::from_eastern(date, hour, minute)
        .map(Moment::At)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: u32) -> Date {
        Date::from_ymd_opt(2019, 5, n).unwrap()
    }

    fn minute(n: u32, hour: u32, minute: u32) -> Instant {
        Instant::from_eastern(day(n), hour, minute).unwrap()
    }

    #[test]
    fn days_and_minutes_are_read_in_exchange_time() {
        assert_eq!(parse("2019-05-03"), Ok(Moment::Day(day(3))));
        for text in [
            "2019-05-03T15:45",
            "2019-05-03 15:45",
            "2019-05-03T15:45:00",
            "2019-05-03 15:45 ET",
        ] {
            assert_eq!(parse(text), Ok(Moment::At(minute(3, 15, 45))), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2019-05-32",
            "2019-05-03T",
            "2019-05-03T25:00",
            "2019-05-03T15",
            "2019-05-03T15:45:xx",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
