//! Which expiries and strikes are listed.

use crate::calendar::{ExchangeCalendar, third_friday};
use crate::contract::Root;
use crate::time::{Date, Instant};
use chrono::{Datelike, Days, Weekday};
use std::collections::BTreeMap;

/// How long before expiry a series is listed, and how finely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Monday to Thursday: five weeks.
    Daily,
    /// Fridays (ten weeks), month-ends and closing third Fridays (half a year).
    Weekly,
    /// Third-Friday morning series: a year.
    Monthly,
}

impl Class {
    /// Days before expiry from which the index's range decides the strikes; longer than any series is listed.
    pub(super) const fn lookback_days(self) -> u64 {
        match self {
            Self::Daily => 36,
            Self::Weekly => 190,
            Self::Monthly => 400,
        }
    }
}

/// One listed expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) root: Root,
    pub(super) expiry: Date,
    pub(super) class: Class,
    pub(super) settles_at: Instant,
    pub(super) last_trade_at: Instant,
}

/// Expiries that trade at an instant, in order of (expiry, root).
pub(super) fn expiries(at: Instant) -> Vec<Listed> {
    let calendar = ExchangeCalendar::nyse();
    let today = at.date();
    let mut found: BTreeMap<(Date, Root), Class> = BTreeMap::new();
    let mut list = |date: Option<Date>, root: Root, class: Class| {
        if let Some(date) = date.filter(|d| *d >= today) {
            let entry = found.entry((date, root)).or_insert(class);
            *entry = class.max(*entry);
        }
    };
    for ahead in 0..=70 {
        let Some(date) = today.checked_add_days(Days::new(ahead)) else {
            continue;
        };
        if date.weekday() == Weekday::Fri {
            list(calendar.session_on_or_before(date), Root::Spxw, Class::Weekly);
        } else if ahead <= 35 && has_daily(date) {
            list(
                Some(date).filter(|d| calendar.is_session(*d)),
                Root::Spxw,
                Class::Daily,
            );
        }
    }
    for (n, (year, month)) in months_from(today).take(13).enumerate() {
        list(
            calendar.spx_monthly_expiry(year, month),
            Root::Spx,
            Class::Monthly,
        );
        if n < 6 {
            let friday = third_friday(year, month).and_then(|d| calendar.session_on_or_before(d));
            list(friday, Root::Spxw, Class::Weekly);
            let (next_year, next_month) = next_month((year, month));
            let first = Date::from_ymd_opt(next_year, next_month, 1);
            list(
                first.and_then(|d| calendar.previous_session(d)),
                Root::Spxw,
                Class::Weekly,
            );
        }
    }
    found
        .into_iter()
        .filter_map(|((expiry, root), class)| {
            let settles_at = calendar.settles_at(root, expiry)?;
            let last_trade_at = calendar.last_trade_at(root, expiry)?;
            let listed = Listed {
                root,
                expiry,
                class,
                settles_at,
                last_trade_at,
            };
            (at <= last_trade_at && at < settles_at).then_some(listed)
        })
        .collect()
}

/// Monday to Thursday series by the dates on which Cboe began to list them.
fn has_daily(date: Date) -> bool {
    let since = |y, m, d| Date::from_ymd_opt(y, m, d).is_some_and(|first| date >= first);
    match date.weekday() {
        Weekday::Mon => since(2016, 8, 15),
        Weekday::Tue => since(2022, 4, 18),
        Weekday::Wed => since(2016, 2, 23),
        Weekday::Thu => since(2022, 5, 11),
        Weekday::Fri | Weekday::Sat | Weekday::Sun => false,
    }
}

fn next_month((year, month): (i32, u32)) -> (i32, u32) {
    if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    }
}

fn months_from(date: Date) -> impl Iterator<Item = (i32, u32)> {
    std::iter::successors(Some((date.year(), date.month())), |m| Some(next_month(*m)))
}

/// Listed strikes in whole points, ascending: grids of 100, 25, 10 and 5 points around the range that the index has seen
/// since the series was listed. The range only grows and expiry only nears, so a strike once listed stays.
pub(super) fn strikes(class: Class, dte: i64, low: f64, high: f64) -> Vec<i64> {
    let span = |below: f64, above: f64| (points(low * below), points(high * above));
    let all = span(0.5, 1.5);
    let coarse = span(0.65, 1.30);
    let middle = (dte <= 120).then(|| span(0.75, 1.20));
    let fine = match class {
        Class::Daily => Some(span(0.88, 1.07)),
        Class::Weekly | Class::Monthly => (dte <= 60).then(|| span(0.75, 1.16)),
    };
    let inside = |range: (i64, i64), k: i64| (range.0..=range.1).contains(&k);
    let listed = |k: &i64| {
        k % 100 == 0
            || (k % 25 == 0 && inside(coarse, *k))
            || (k % 10 == 0 && middle.is_some_and(|r| inside(r, *k)))
            || fine.is_some_and(|r| inside(r, *k))
    };
    let start = (all.0 / 5 + 1) * 5;
    (start..=all.1).step_by(5).filter(listed).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "index levels are bounded far below 2^53"
)]
fn points(x: f64) -> i64 {
    x as i64
}
