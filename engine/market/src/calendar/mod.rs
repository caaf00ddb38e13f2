//! Exchange sessions and the instants of expiry, last trade and settlement.
//!
//! Sessions follow the New York Stock Exchange: Cboe's index options trade on the same days, to 16:15 Eastern instead of
//! 16:00 (13:15 on half days), and the volatility futures keep the same days too. Everything is computed from rules and
//! a short list of dated exceptions once, into a table; there is no file to go missing. Hours of each venue, overnight
//! and curb sessions among them, are in [`hours`].

pub mod hours;
mod rules;

pub use hours::{Session, SessionKind, Venue};

use crate::contract::{Root, Settlement};
use crate::time::{Date, Instant};
use chrono::{Datelike, Days, NaiveDate, Weekday};
use rules::DayKind;
use std::sync::LazyLock;

/// First and last years of the table. Checked against a reference for 2000 to mid-2027; earlier and later years follow
/// the same rules, without the closures that no rule foresees.
const YEARS: (i32, i32) = (1990, 2099);

/// The Wednesday of national mourning whose VIX weeklys settled on the Thursday instead (Cboe notice of 2018-12-03).
const VIX_MOVED_TO_THURSDAY: (i32, u32, u32) = (2018, 12, 5);

/// Exchange sessions from 1990 to 2099, with constant-time look-up.
#[derive(Debug)]
pub struct ExchangeCalendar {
    first: Date,
    /// One entry per calendar day.
    kinds: Vec<DayKind>,
    /// Sessions before each calendar day.
    before: Vec<u32>,
    /// All sessions.
    sessions: Vec<Date>,
}

static NYSE: LazyLock<ExchangeCalendar> = LazyLock::new(ExchangeCalendar::build);

impl ExchangeCalendar {
    /// The calendar of the New York Stock Exchange.
    #[must_use]
    pub fn nyse() -> &'static Self {
        &NYSE
    }

    fn build() -> Self {
        let first = NaiveDate::from_ymd_opt(YEARS.0, 1, 1).unwrap_or_default();
        let (mut kinds, mut before, mut sessions) = (Vec::new(), Vec::new(), Vec::new());
        let mut count = 0u32;
        for date in first.iter_days().take_while(|d| d.year() <= YEARS.1) {
            let kind = rules::kind_of(date);
            kinds.push(kind);
            before.push(count);
            if kind != DayKind::Closed {
                sessions.push(date);
                count += 1;
            }
        }
        Self {
            first,
            kinds,
            before,
            sessions,
        }
    }

    fn position(&self, date: Date) -> Option<usize> {
        usize::try_from((date - self.first).num_days()).ok()
    }

    /// What happens on a day; closed outside the years of the table.
    fn kind(&self, date: Date) -> DayKind {
        self.position(date)
            .and_then(|i| self.kinds.get(i))
            .copied()
            .unwrap_or(DayKind::Closed)
    }

    /// Sessions before a date.
    fn sessions_before(&self, date: Date) -> usize {
        match self.position(date) {
            None => 0,
            Some(i) => self.before.get(i).map_or(self.sessions.len(), |n| *n as usize),
        }
    }

    /// Whether a date lies in the years that the calendar knows (1990 to 2099).
    #[must_use]
    pub fn covers(&self, date: Date) -> bool {
        (YEARS.0..=YEARS.1).contains(&date.year())
    }

    /// Whether the exchange opens on a date.
    #[must_use]
    pub fn is_session(&self, date: Date) -> bool {
        self.kind(date) != DayKind::Closed
    }

    /// Why the exchange is shut on a date: `weekend`, the holiday's name, the occasion; `None` on sessions.
    #[must_use]
    pub fn closure(&self, date: Date) -> Option<&'static str> {
        if self.is_session(date) {
            None
        } else {
            Some(rules::closure(date).unwrap_or("outside the calendar"))
        }
    }

    /// Whether a session closes at 13:00 Eastern.
    #[must_use]
    pub fn is_early_close(&self, date: Date) -> bool {
        self.kind(date) == DayKind::Early
    }

    /// The first session after a date; `None` past the calendar's end.
    #[must_use]
    pub fn next_session(&self, date: Date) -> Option<Date> {
        let i = self.sessions_before(date) + usize::from(self.is_session(date));
        self.sessions.get(i).copied()
    }

    /// The last session before a date; `None` before the calendar's start.
    #[must_use]
    pub fn previous_session(&self, date: Date) -> Option<Date> {
        self.sessions_before(date)
            .checked_sub(1)
            .and_then(|i| self.sessions.get(i))
            .copied()
    }

    /// The date itself when it is a session, otherwise the session before it.
    #[must_use]
    pub fn session_on_or_before(&self, date: Date) -> Option<Date> {
        if self.is_session(date) {
            Some(date)
        } else {
            self.previous_session(date)
        }
    }

    /// The date itself when it is a session, otherwise the session after it.
    #[must_use]
    pub fn session_on_or_after(&self, date: Date) -> Option<Date> {
        if self.is_session(date) {
            Some(date)
        } else {
            self.next_session(date)
        }
    }

    /// The sessions of `from..=to`, ascending.
    #[must_use]
    pub fn sessions(&self, from: Date, to: Date) -> &[Date] {
        let (a, b) = (
            self.sessions_before(from),
            self.sessions_before(to) + usize::from(self.is_session(to)),
        );
        self.sessions.get(a..b).unwrap_or_default()
    }

    /// A session's number, counted from the calendar's first session; differences count sessions between dates.
    #[must_use]
    pub fn session_index(&self, date: Date) -> Option<usize> {
        self.is_session(date).then(|| self.sessions_before(date))
    }

    /// The session so many sessions after (or, negative, before) a date; a date that is no session counts from the one before it.
    #[must_use]
    pub fn offset(&self, date: Date, by: i64) -> Option<Date> {
        let from = self.session_index(self.session_on_or_before(date)?)?;
        self.sessions
            .get(usize::try_from(i64::try_from(from).ok()?.checked_add(by)?).ok()?)
            .copied()
    }

    /// 09:30 Eastern; `None` when the date is no session.
    #[must_use]
    pub fn open_at(&self, date: Date) -> Option<Instant> {
        self.session_time(date, (9, 30), (9, 30))
    }

    /// 16:00 Eastern, 13:00 on half days; `None` when the date is no session.
    #[must_use]
    pub fn close_at(&self, date: Date) -> Option<Instant> {
        self.session_time(date, (16, 0), (13, 0))
    }

    /// Close of index options and of the VIX family: 16:15 Eastern, 13:15 on half days; `None` when the date is no session.
    #[must_use]
    pub fn options_close_at(&self, date: Date) -> Option<Instant> {
        self.session_time(date, (16, 15), (13, 15))
    }

    fn session_time(&self, date: Date, full: (u32, u32), early: (u32, u32)) -> Option<Instant> {
        let (hour, minute) = match self.kind(date) {
            DayKind::Closed => return None,
            DayKind::Full => full,
            DayKind::Early => early,
        };
        Instant::from_eastern(date, hour, minute)
    }

    /// Expiry of the AM-settled SPX monthlys: the third Friday, or the session before it when it is a holiday.
    #[must_use]
    pub fn spx_monthly_expiry(&self, year: i32, month: u32) -> Option<Date> {
        self.session_on_or_before(third_friday(year, month)?)
    }

    /// Expiry of the VIX monthlys (options and the VX future) of a month: the Wednesday thirty days before the next
    /// month's third Friday; when that Wednesday or that Friday is a holiday, the session before the Wednesday.
    ///
    /// Source: Cboe's VIX options specifications.
    #[must_use]
    pub fn vix_monthly_expiry(&self, year: i32, month: u32) -> Option<Date> {
        let (next_year, next_month) = if month == 12 {
            (year.checked_add(1)?, 1)
        } else {
            (year, month + 1)
        };
        self.vix_expiry_of_week(third_friday(next_year, next_month)?.checked_sub_days(Days::new(30))?)
    }

    /// Expiry of the VIX series of a Wednesday: that day, or the session before it when it or the Friday thirty days
    /// later is a holiday; 2018-12-05, a day of mourning declared four days ahead, was settled on the Thursday.
    #[must_use]
    pub fn vix_expiry_of_week(&self, wednesday: Date) -> Option<Date> {
        let (y, m, d) = VIX_MOVED_TO_THURSDAY;
        if NaiveDate::from_ymd_opt(y, m, d) == Some(wednesday) {
            return self.next_session(wednesday);
        }
        let friday = wednesday.checked_add_days(Days::new(30))?;
        if self.is_session(wednesday) && self.is_session(friday) {
            Some(wednesday)
        } else {
            self.previous_session(wednesday)
        }
    }

    /// Expiries of the VX monthly futures after a date, nearest first: `VX1` is the first. On its settlement morning a
    /// contract is no longer the front month.
    #[must_use]
    pub fn vx_expiries(&self, after: Date, count: usize) -> Vec<Date> {
        let start = (after.year(), after.month());
        let months = std::iter::successors(Some(start), |&(y, m)| {
            Some(if m == 12 { (y + 1, 1) } else { (y, m + 1) })
        });
        // A VX expiry of a month always lies inside that month, so one spare month is enough.
        let expiries = months
            .take(count.saturating_add(2))
            .filter_map(|(y, m)| self.vix_monthly_expiry(y, m));
        expiries.filter(|e| *e > after).take(count).collect()
    }

    /// When a series settles: the opening auction (09:30) of the expiry day for AM series, its close for PM series.
    ///
    /// An expiry that is no session (vendors once dated monthlys on the Saturday) means the session before it.
    #[must_use]
    pub fn settles_at(&self, root: Root, expiry: Date) -> Option<Instant> {
        let day = self.session_on_or_before(expiry)?;
        match root.settlement() {
            Settlement::Am => self.open_at(day),
            Settlement::Pm => self.close_at(day),
        }
    }

    /// Last instant at which a series trades: the close of the expiry day (not 16:15) for PM series, 16:15 of the
    /// session before expiry for AM series.
    #[must_use]
    pub fn last_trade_at(&self, root: Root, expiry: Date) -> Option<Instant> {
        let day = self.session_on_or_before(expiry)?;
        match root.settlement() {
            Settlement::Am => self.options_close_at(self.previous_session(day)?),
            Settlement::Pm => self.close_at(day),
        }
    }
}

/// The third Friday of a month; `None` for a month outside 1 to 12.
#[must_use]
pub fn third_friday(year: i32, month: u32) -> Option<Date> {
    NaiveDate::from_weekday_of_month_opt(year, month, Weekday::Fri, 3)
}

#[cfg(test)]
mod tests;
