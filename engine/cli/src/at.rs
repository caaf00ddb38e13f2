//! `--at TIME`: which tick of a run is meant.

use crate::exit::Failure;
use alula_market::time::{Date, Instant};
use alula_run::output::RunOutput;

/// A day, or a minute of a day, in exchange time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The last tick of the day.
    Day(Date),
    /// The tick at this instant, or the last one before it on its day.
    Minute(Instant),
}

/// A tick that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Number of the tick.
    pub tick: u32,
    /// Its instant.
    pub at: Instant,
    /// It is not at the minute that was asked for.
    pub earlier: bool,
}

/// Reads `2019-05-03`, `2019-05-03T15:45` or `2019-05-03 15:45`, seconds and a trailing `ET` tolerated.
///
/// # Errors
/// When it is neither.
pub fn parse(text: &str) -> Result<At, Failure> {
    let wrong = || {
        Failure::usage(format!("`{text}` is neither a day nor a time"))
            .help("write exchange time: `--at 2019-05-03` or `--at 2019-05-03T15:45`")
    };
    let trimmed = text.trim().trim_end_matches("ET").trim_end();
    let (day, time) = match trimmed.split_once(['T', ' ']) {
        Some((day, time)) => (day, Some(time)),
        None => (trimmed, None),
    };
    let date = Date::parse_from_str(day, "%Y-%m-%d").map_err(|_| wrong())?;
    let Some(time) = time else {
        return Ok(At::Day(date));
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
        .map(At::Minute)
        .ok_or_else(wrong)
}

/// The tick that is meant.
///
/// # Errors
/// When the run has none on that day, with the reason and the nearest ones.
pub fn find(run: &RunOutput, at: At) -> Result<Found, Failure> {
    let (date, limit) = match at {
        At::Day(date) => (date, None),
        At::Minute(instant) => (instant.date(), Some(instant)),
    };
    let of_day = || run.ticks.iter().filter(|t| t.at.date() == date);
    let found = of_day().rfind(|t| limit.is_none_or(|l| t.at <= l));
    if let Some(t) = found {
        return Ok(Found {
            tick: t.tick,
            at: t.at,
            earlier: limit.is_some_and(|l| t.at < l),
        });
    }
    let m = &run.manifest;
    let why = if let Some(first) = of_day().next() {
        format!("the first tick of {date} is at {}", first.at)
    } else if m.gaps.contains(&date) {
        format!(
            "the data have no snapshot on {date}; positions were held at the last mark and nothing was decided"
        )
    } else if run.ticks.first().is_some_and(|t| date < t.at.date())
        || run.ticks.last().is_some_and(|t| date > t.at.date())
    {
        format!("the run does not reach {date}")
    } else {
        format!("{date} is not a session on which this strategy is evaluated")
    };
    let before = run
        .ticks
        .iter()
        .rfind(|t| t.at.date() < date)
        .map(|t| format!("`--at {}`", t.at.date()));
    let after = run
        .ticks
        .iter()
        .find(|t| t.at.date() > date)
        .map(|t| format!("`--at {}`", t.at.date()));
    let near: Vec<String> = before.into_iter().chain(after).collect();
    let failure = Failure::usage(format!("no tick at that time: {why}"));
    Err(if near.is_empty() {
        failure
    } else {
        failure.help(format!("the nearest are {}", near.join(" and ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alula_run::output::TickRow;

    fn day(n: u32) -> Date {
        Date::from_ymd_opt(2019, 5, n).unwrap()
    }

    fn minute(n: u32, hour: u32, minute: u32) -> Instant {
        Instant::from_eastern(day(n), hour, minute).unwrap()
    }

    #[test]
    fn days_and_minutes_are_read_in_exchange_time() {
        assert_eq!(parse("2019-05-03"), Ok(At::Day(day(3))));
        for text in [
            "2019-05-03T15:45",
            "2019-05-03 15:45",
            "2019-05-03T15:45:00",
            "2019-05-03 15:45 ET",
        ] {
            assert_eq!(parse(text), Ok(At::Minute(minute(3, 15, 45))), "{text}");
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

    #[test]
    fn a_day_means_its_last_tick_and_a_minute_the_last_one_not_after_it() {
        let mut run = RunOutput::default();
        for (tick, at) in [
            minute(2, 15, 45),
            minute(3, 10, 0),
            minute(3, 15, 45),
            minute(7, 15, 45),
        ]
        .into_iter()
        .enumerate()
        {
            run.ticks.push(TickRow {
                tick: u32::try_from(tick).unwrap(),
                at,
                chain: String::new(),
                equity: alula_market::money::Usd::ZERO,
                called: 0,
                orders: 0,
            });
        }
        run.manifest.gaps = vec![day(6)];
        let tick = |at| find(&run, at).map(|f| (f.tick, f.earlier));
        assert_eq!(tick(At::Day(day(3))), Ok((2, false)));
        assert_eq!(tick(At::Minute(minute(3, 10, 0))), Ok((1, false)));
        assert_eq!(tick(At::Minute(minute(3, 12, 0))), Ok((1, true)));
        let why = |at| find(&run, at).unwrap_err();
        assert!(
            why(At::Minute(minute(3, 9, 30)))
                .what
                .contains("first tick of 2019-05-03")
        );
        assert!(why(At::Day(day(6))).what.contains("no snapshot"));
        assert_eq!(
            why(At::Day(day(6))).help.unwrap(),
            "the nearest are `--at 2019-05-03` and `--at 2019-05-07`"
        );
        assert!(why(At::Day(day(9))).what.contains("does not reach"));
        assert!(why(At::Day(day(4))).what.contains("not a session"));
    }
}
