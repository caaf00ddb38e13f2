//! Which expiries and strikes are listed.

use crate::calendar::{ExchangeCalendar, third_friday};
use crate::contract::Root;
use crate::contract::listing::{Cycle, since};
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
    pub(super) const fn lookback_days(self) -> i64 {
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

impl Listed {
    fn of(root: Root, expiry: Date, class: Class) -> Option<Self> {
        let calendar = ExchangeCalendar::nyse();
        Some(Self {
            root,
            expiry,
            class,
            settles_at: calendar.settles_at(root, expiry)?,
            last_trade_at: calendar.last_trade_at(root, expiry)?,
        })
    }

    /// Whether it trades at an instant.
    pub(super) fn trades_at(&self, at: Instant) -> bool {
        at <= self.last_trade_at && at < self.settles_at
    }
}

/// Expiries of VIX options on a day, in order: nine monthlys, and the weeklys of the next six Wednesdays.
pub(super) fn vix_expiries(today: Date) -> Vec<Listed> {
    let calendar = ExchangeCalendar::nyse();
    let monthlys = calendar.vx_expiries(today, 9);
    let begun = since(Root::Vixw, Cycle::VixWeekly).is_some_and(|first| today >= first);
    let weeks = if begun { 6 } else { 0 };
    let ahead = (10 - i64::from(today.weekday().number_from_monday())) % 7;
    let weeklys = (0..weeks).filter_map(|n| {
        let wednesday = today.checked_add_days(Days::new(u64::try_from(ahead + 7 * n).ok()?))?;
        calendar.vix_expiry_of_week(wednesday)
    });
    let mut found: BTreeMap<Date, Root> = weeklys.filter(|e| *e > today).map(|e| (e, Root::Vixw)).collect();
    found.extend(monthlys.into_iter().map(|e| (e, Root::Vix)));
    found
        .into_iter()
        .filter_map(|(expiry, root)| Listed::of(root, expiry, Class::Monthly))
        .collect()
}

/// Strikes of VIX options in mills, the same for every expiry: half points to 15, points to 50, fives to 100, tens to 200.
pub(super) fn vix_strikes() -> Vec<i64> {
    let halves = (18..30).map(|n| n * 500);
    let points = (15..50).map(|n| n * 1_000);
    let fives = (10..20).map(|n| n * 5_000);
    let tens = (10..=20).map(|n| n * 10_000);
    halves.chain(points).chain(fives).chain(tens).collect()
}

/// Expiries of index options listed on a day, in order of (expiry, root).
pub(super) fn expiries(today: Date) -> Vec<Listed> {
    let calendar = ExchangeCalendar::nyse();
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
        .filter_map(|((expiry, root), class)| Listed::of(root, expiry, class))
        .collect()
}

/// Expiries of XSP options on a day, in order: those of the index, as far as Cboe had listed them on XSP. All of them are
/// closing series.
pub(super) fn mini_expiries(today: Date, index: &[Listed]) -> Vec<Listed> {
    let mut found: BTreeMap<Date, Class> = BTreeMap::new();
    for listed in index {
        let class = found.entry(listed.expiry).or_insert(listed.class);
        *class = listed.class.max(*class);
    }
    let was_listed = |expiry: Date| crate::contract::listing::listed(Root::Xsp, expiry, today).is_ok();
    found
        .into_iter()
        .filter(|(expiry, _)| was_listed(*expiry))
        .filter_map(|(expiry, class)| Listed::of(Root::Xsp, expiry, class))
        .collect()
}

/// Monday to Thursday series, from the day on which Cboe began to list them.
fn has_daily(date: Date) -> bool {
    let weekday = date.weekday();
    let daily = weekday.number_from_monday() < 5;
    daily && since(Root::Spxw, Cycle::Weekly(weekday)).is_some_and(|first| date >= first)
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

/// Days before expiry from which the grid of 10 points is listed.
pub(super) const MIDDLE_DAYS: i64 = 120;
/// Days before expiry from which the grid of 5 points is listed.
pub(super) const FINE_DAYS: i64 = 60;

/// Range of the index since a series was listed, and since each finer grid of it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ranges {
    pub(super) all: (f64, f64),
    pub(super) middle: (f64, f64),
    pub(super) fine: (f64, f64),
}

/// Listed strikes in whole points, ascending: grids of 100, 25, 10 and 5 points around the range that the index has seen
/// since each was listed. Ranges only grow and expiry only nears, so a strike once listed stays.
pub(super) fn strikes(class: Class, dte: i64, ranges: &Ranges) -> Vec<i64> {
    let span = |r: (f64, f64), below: f64, above: f64| (points(r.0 * below), points(r.1 * above));
    let all = span(ranges.all, 0.5, 1.5);
    let near = dte <= FINE_DAYS;
    let (coarse, middle, fine) = match class {
        Class::Daily => (
            span(ranges.all, 0.75, 1.15),
            None,
            Some(span(ranges.fine, 0.92, 1.05)),
        ),
        Class::Weekly | Class::Monthly => (
            span(ranges.all, 0.65, 1.30),
            (dte <= MIDDLE_DAYS).then(|| span(ranges.middle, 0.75, 1.18)),
            near.then(|| span(ranges.fine, 0.84, 1.10)),
        ),
    };
    let outside = |range: (i64, i64), k: i64| k < range.0 || k > range.1;
    let mut out = Vec::with_capacity(512);
    let mut k = (all.0 / 5 + 1) * 5;
    while k <= all.1 {
        let quarter = k % 25 == 0;
        let listed = if fine.is_some_and(|r| !outside(r, k)) {
            true
        } else if middle.is_some_and(|r| !outside(r, k)) {
            quarter || k % 10 == 0
        } else if outside(coarse, k) {
            k % 100 == 0
        } else {
            quarter
        };
        if listed {
            out.push(k);
        }
        k += 5;
    }
    out
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "index levels are bounded far below 2^53"
)]
fn points(x: f64) -> i64 {
    x as i64
}
