//! Scheduled events of the simulated world: dates by rule, numbers by hash.

use super::random::{mix, normal_at};
use crate::calendar::ExchangeCalendar;
use crate::series::{EventData, EventRow};
use crate::time::{Date, Instant};
use chrono::{Datelike, Days, NaiveDate, Weekday};

/// Days before an event at which its date is public.
const PUBLIC_DAYS: u64 = 180;

/// The calendars of events.
#[derive(Clone, Debug, Default)]
pub(super) struct Schedule {
    /// Rate decisions: 14:00 on the third Wednesday of eight months. Values: the target rate as a fraction.
    pub(super) fomc: EventData,
    /// Consumer prices: 08:30 on the ninth session of a month. Values: monthly change as a fraction.
    pub(super) cpi: EventData,
    /// Producer prices: the session after.
    pub(super) ppi: EventData,
}

impl Schedule {
    /// Events of the months that touch `from..=to`, and those of the half year after (their dates are public).
    pub(super) fn new(seed: u64, from: Date, to: Date) -> Self {
        let mut out = Self::default();
        let until = to.checked_add_days(Days::new(PUBLIC_DAYS)).unwrap_or(to);
        let mut rate_steps = 0i32;
        for (year, month) in months(from, until) {
            if ![2, 4, 8, 10].contains(&month)
                && let Some(row) = decision(seed, year, month, &mut rate_steps)
            {
                out.fomc.rows.push(row);
            }
            for (data, salt, session, spread) in
                [(&mut out.cpi, 0xc91, 9, 0.001), (&mut out.ppi, 0x991, 10, 0.002)]
            {
                if let Some(row) = release(seed ^ salt, year, month, session, spread) {
                    data.rows.push(row);
                }
            }
        }
        // What has not happened by the last session has no number yet.
        for data in [&mut out.fomc, &mut out.cpi, &mut out.ppi] {
            for row in data.rows.iter_mut().filter(|r| r.at.date() > to) {
                row.actual = None;
            }
        }
        out
    }
}

fn months(from: Date, to: Date) -> impl Iterator<Item = (i32, u32)> {
    let start = (from.year(), from.month());
    std::iter::successors(Some(start), |&(y, m)| {
        Some(if m == 12 { (y + 1, 1) } else { (y, m + 1) })
    })
    .take_while(move |&(y, m)| (y, m) <= (to.year(), to.month()))
}

fn key(seed: u64, year: i32, month: u32) -> u64 {
    mix(seed, u64::from(year.unsigned_abs()) * 12 + u64::from(month))
}

fn event(date: Date, hour: u32, minute: u32, consensus: f64, actual: f64) -> Option<EventRow> {
    let known = date.checked_sub_days(Days::new(PUBLIC_DAYS))?;
    Some(EventRow {
        at: Instant::from_eastern(date, hour, minute)?,
        scheduled_known_at: Instant::from_eastern(known, 9, 0)?,
        actual: Some(actual),
        consensus: Some(consensus),
    })
}

fn decision(seed: u64, year: i32, month: u32, steps: &mut i32) -> Option<EventRow> {
    let wednesday = NaiveDate::from_weekday_of_month_opt(year, month, Weekday::Wed, 3)?;
    let date = ExchangeCalendar::nyse().session_on_or_before(wednesday)?;
    let z = normal_at(key(seed ^ 0xf03c, year, month));
    // Mostly expected to hold; now and then a quarter point, rarely a surprise.
    let expected = if z > 1.2 {
        1
    } else if z < -1.2 {
        -1
    } else {
        0
    };
    let surprise = i32::from(z.abs() > 2.2) * if z > 0.0 { 1 } else { -1 };
    let target = |n: i32| 0.045 + 0.0025 * f64::from(n.clamp(-12, 12));
    let (consensus, actual) = (target(*steps + expected), target(*steps + expected + surprise));
    *steps = (*steps + expected + surprise).clamp(-12, 12);
    event(date, 14, 0, consensus, actual)
}

fn release(seed: u64, year: i32, month: u32, session: usize, spread: f64) -> Option<EventRow> {
    let first = NaiveDate::from_ymd_opt(year, month, 1)?;
    let last = first.checked_add_days(Days::new(27))?;
    let date = *ExchangeCalendar::nyse().sessions(first, last).get(session - 1)?;
    let hash = key(seed, year, month);
    // Published in tenths of a percent.
    let tenths = |x: f64| (x * 1000.0).round() / 1000.0;
    let consensus = tenths(0.0025 + 0.0008 * normal_at(hash));
    let actual = tenths(consensus + spread * normal_at(mix(hash, 7)));
    event(date, 8, 30, consensus, actual)
}
