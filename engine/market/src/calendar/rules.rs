//! The New York Stock Exchange's holiday rules, day by day, and the dated exceptions to them.
//!
//! Source: NYSE Rule 7.2 and the exchange's holiday notices. The table built from them equals the reference calendar
//! of the `exchange_calendars` project (XNYS) for each day from 2000-01-01 to 2027-06-30; a test compares them.

use crate::time::Date;
use chrono::{Datelike, Days, NaiveDate, Weekday};

/// What the exchange does on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DayKind {
    /// Shut: a weekend, a holiday, or a dated closure.
    Closed,
    /// Open from 09:30 to 16:00.
    Full,
    /// Open from 09:30 to 13:00.
    Early,
}

/// Days on which the exchange was shut for a reason no rule foresees.
const CLOSED: [((i32, u32, u32), &str); 11] = [
    ((1994, 4, 27), "funeral of President Nixon"),
    ((2001, 9, 11), "attacks of September 11"),
    ((2001, 9, 12), "attacks of September 11"),
    ((2001, 9, 13), "attacks of September 11"),
    ((2001, 9, 14), "attacks of September 11"),
    ((2004, 6, 11), "funeral of President Reagan"),
    ((2007, 1, 2), "funeral of President Ford"),
    ((2012, 10, 29), "hurricane Sandy"),
    ((2012, 10, 30), "hurricane Sandy"),
    ((2018, 12, 5), "mourning for President G. H. W. Bush"),
    ((2025, 1, 9), "mourning for President Carter"),
];

/// Half days that no rule foresees.
const EARLY: [(i32, u32, u32); 2] = [
    (2002, 7, 5),   // the Friday after a Thursday July 4, as was the custom before 2013
    (2003, 12, 26), // the Friday after Christmas
];

/// The date, or the epoch for numbers that are not a date (which no caller passes).
fn ymd(year: i32, month: u32, day: u32) -> Date {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

/// The `n`th (from 1) of a weekday in a month.
pub(super) fn nth_weekday(year: i32, month: u32, weekday: Weekday, n: u8) -> Date {
    NaiveDate::from_weekday_of_month_opt(year, month, weekday, n).unwrap_or_default()
}

fn last_monday_of_may(year: i32) -> Date {
    let fifth = NaiveDate::from_weekday_of_month_opt(year, 5, Weekday::Mon, 5);
    fifth.unwrap_or_else(|| nth_weekday(year, 5, Weekday::Mon, 4))
}

/// Easter Sunday of the Gregorian calendar (Meeus/Jones/Butcher).
fn easter(year: i32) -> Date {
    let a = year % 19;
    let (b, c) = (year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 19 * l) / 433;
    let month = (h + l - 7 * m + 90) / 25;
    let day = (h + l - 7 * m + 33 * month + 19) % 32;
    ymd(year, month.unsigned_abs(), day.unsigned_abs())
}

/// A fixed-date holiday: Friday when it falls on a Saturday, Monday when it falls on a Sunday.
fn observed(date: Date) -> Date {
    match date.weekday() {
        Weekday::Sat => date - Days::new(1),
        Weekday::Sun => date + Days::new(1),
        _ => date,
    }
}

/// The scheduled holiday that a day is, as observed.
fn holiday(date: Date) -> Option<&'static str> {
    let year = date.year();
    let new_year = ymd(year, 1, 1);
    // A New Year's Day on a Saturday is not moved into the old year: books are kept by year.
    let new_year_observed = new_year.weekday() != Weekday::Sat && date == observed(new_year);
    let holidays = [
        (new_year_observed, "New Year's Day"),
        (
            year >= 1998 && date == nth_weekday(year, 1, Weekday::Mon, 3),
            "Martin Luther King Jr. Day",
        ),
        (
            date == nth_weekday(year, 2, Weekday::Mon, 3),
            "Washington's Birthday",
        ),
        (date == easter(year) - Days::new(2), "Good Friday"),
        (date == last_monday_of_may(year), "Memorial Day"),
        (year >= 2022 && date == observed(ymd(year, 6, 19)), "Juneteenth"),
        (date == observed(ymd(year, 7, 4)), "Independence Day"),
        (date == nth_weekday(year, 9, Weekday::Mon, 1), "Labor Day"),
        (date == nth_weekday(year, 11, Weekday::Thu, 4), "Thanksgiving Day"),
        (date == observed(ymd(year, 12, 25)), "Christmas Day"),
    ];
    holidays.into_iter().find(|(is, _)| *is).map(|(_, name)| name)
}

/// Why the exchange is shut on a day: `None` on sessions, `weekend`, the holiday or the occasion.
pub(super) fn closure(date: Date) -> Option<&'static str> {
    if matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
        return Some("weekend");
    }
    let key = (date.year(), date.month(), date.day());
    holiday(date).or_else(|| CLOSED.iter().find(|(d, _)| *d == key).map(|(_, why)| *why))
}

/// The half days that follow from rules: July 3 before a July 4 on Tuesday to Friday (before 2013 not when it was a
/// Thursday), the Friday after Thanksgiving, and December 24 from Monday to Thursday.
fn is_scheduled_half_day(date: Date) -> bool {
    let (year, weekday) = (date.year(), date.weekday());
    let midweek = matches!(weekday, Weekday::Mon | Weekday::Tue | Weekday::Wed | Weekday::Thu);
    match (date.month(), date.day()) {
        (7, 3) => midweek && (weekday != Weekday::Wed || year >= 2013),
        (12, 24) => midweek,
        (11, _) => date == nth_weekday(year, 11, Weekday::Thu, 4) + Days::new(1),
        _ => false,
    }
}

/// What the exchange does on a day.
pub(super) fn kind_of(date: Date) -> DayKind {
    let key = (date.year(), date.month(), date.day());
    if closure(date).is_some() {
        DayKind::Closed
    } else if is_scheduled_half_day(date) || EARLY.contains(&key) {
        DayKind::Early
    } else {
        DayKind::Full
    }
}
