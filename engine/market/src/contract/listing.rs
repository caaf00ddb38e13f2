//! What was listed when: cycles of expiries with the day from which each has been listed, and why a contract that a rule
//! asks for did not exist on a day.
//!
//! [`listed`] answers by rule: the date is an expiry of a cycle that the exchange lists by then. It never refuses what it
//! does not know to be absent: how many expiries of a cycle stand at once is the exchange's choice (*may list up to*), so
//! only the documented limits of the VIX family count.

use super::future::nominal_wednesday;
use super::since::{Since, ymd};
use super::{FutureRoot, Root};
use crate::calendar::{ExchangeCalendar, third_friday};
use crate::time::Date;
use chrono::{Datelike, NaiveDate, Weekday};
use std::fmt;

/// A rule by which expiries follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cycle {
    /// Third Friday of each month, or the session before it.
    ThirdFriday,
    /// Third Friday of March, June, September and December, or the session before it.
    QuarterlyThirdFriday,
    /// A weekday of each week. On a holiday: a Monday's goes to the next session, any other to the session before. Fridays
    /// leave out the third of the month.
    Weekly(Weekday),
    /// Last session of each month.
    MonthEnd,
    /// Last session of each quarter.
    QuarterEnd,
    /// VIX monthlys: thirty days before the next month's third Friday.
    VixMonthly,
    /// VIX weeklys: the other Wednesdays.
    VixWeekly,
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ThirdFriday => "third Fridays",
            Self::QuarterlyThirdFriday => "third Fridays of Mar, Jun, Sep, Dec",
            Self::Weekly(Weekday::Mon) => "Mondays",
            Self::Weekly(Weekday::Tue) => "Tuesdays",
            Self::Weekly(Weekday::Wed) => "Wednesdays",
            Self::Weekly(Weekday::Thu) => "Thursdays",
            Self::Weekly(Weekday::Fri) => "Fridays but the third",
            Self::Weekly(_) => "weekends",
            Self::MonthEnd => "month-ends",
            Self::QuarterEnd => "quarter-ends",
            Self::VixMonthly => "VIX monthlys",
            Self::VixWeekly => "VIX weeklys",
        })
    }
}

/// How many expiries of a cycle the exchange may list at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ahead {
    /// Not limited here.
    Any,
    /// So many nearest weeks (expiries of the months among them).
    Weeks(u32),
    /// So many nearest expiries.
    Nearest(u32),
    /// So many nearest months, then so many of the February, May, August, November cycle.
    SerialThenFebruary(u32, u32),
}

/// One row of a listing table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListingRow {
    /// The cycle.
    pub cycle: Cycle,
    /// First day on which one of its series traded under this symbol.
    pub since: Since,
    /// How far ahead.
    pub ahead: Ahead,
    /// Where it was read.
    pub source: &'static str,
}

const fn row(cycle: Cycle, since: Since, ahead: Ahead, source: &'static str) -> ListingRow {
    ListingRow {
        cycle,
        since,
        ahead,
        source,
    }
}

const fn day(year: i32, month: u32, day: u32) -> Since {
    Since::day(ymd(year, month, day))
}

const fn month(year: i32, month: u32) -> Since {
    Since::month(ymd(year, month, 1))
}

use Ahead::{Any, Nearest, SerialThenFebruary, Weeks};
use Weekday::{Fri, Mon, Thu, Tue, Wed};

const TUE_THU: &str = "tradersmagazine.com on the SPXW Tuesday and Thursday expirations";
const XSP_DAILY: &str = "financefeeds.com on XSP expirations every day";

const SPX: &[ListingRow] = &[row(
    Cycle::ThirdFriday,
    Since::year(ymd(1983, 1, 1)),
    Any,
    "Cboe; listed since July 1983, settled in the morning since 1992 (general knowledge)",
)];

const SPXW: &[ListingRow] = &[
    row(
        Cycle::Weekly(Fri),
        Since::month(ymd(2010, 12, 1)),
        Any,
        "weeklys since October 2005 under other symbols, settled in the morning; as SPXW at the close from December 2010 \
         (general knowledge; Cboe reports SPXW volume for 2010)",
    ),
    row(
        Cycle::QuarterEnd,
        day(2014, 7, 3),
        Any,
        "cboeoptionshub.com 2014-05-29 (SPXQ became SPXW)",
    ),
    row(
        Cycle::MonthEnd,
        day(2014, 7, 7),
        Any,
        "cboeoptionshub.com 2014-05-29",
    ),
    row(
        Cycle::Weekly(Wed),
        day(2016, 2, 23),
        Any,
        "cboe.com/blogs/options-hub/2016/02/22",
    ),
    row(
        Cycle::Weekly(Mon),
        day(2016, 8, 15),
        Any,
        "cboe.com/blogs/options-hub/2016/08/17",
    ),
    row(
        Cycle::ThirdFriday,
        day(2017, 5, 1),
        Any,
        "cboe.com/blogs/options-hub/2017/03/31 (SPXPM became SPXW)",
    ),
    row(Cycle::Weekly(Tue), day(2022, 4, 18), Any, TUE_THU),
    row(Cycle::Weekly(Thu), day(2022, 5, 11), Any, TUE_THU),
];

const XSP: &[ListingRow] = &[
    row(
        Cycle::ThirdFriday,
        day(2013, 11, 5),
        Any,
        "marketswiki.com on XSP settled at the close",
    ),
    row(
        Cycle::Weekly(Fri),
        Since::year(ymd(2014, 1, 1)),
        Any,
        "named on Cboe's XSP specification of 2013 to 2015; the day is not documented",
    ),
    row(
        Cycle::Weekly(Wed),
        day(2018, 1, 30),
        Any,
        "marketsmedia.com on XSP Wednesday weeklys",
    ),
    row(
        Cycle::Weekly(Mon),
        Since::year(ymd(2018, 1, 1)),
        Any,
        "named on Cboe's XSP specification; the day is not documented",
    ),
    row(
        Cycle::MonthEnd,
        Since::year(ymd(2018, 1, 1)),
        Any,
        "named on Cboe's XSP specification; the day is not documented",
    ),
    row(Cycle::Weekly(Tue), month(2022, 9), Any, XSP_DAILY),
    row(Cycle::Weekly(Thu), month(2022, 9), Any, XSP_DAILY),
];

const VIX_WEEKLYS: &str = "cboe.com/micro/vix-weeklys (up to six consecutive weeks)";

const VIX: &[ListingRow] = &[
    row(
        Cycle::VixMonthly,
        day(2006, 2, 24),
        Nearest(12),
        "risk.net on the first days of VIX options; Cboe specification (up to twelve standard months)",
    ),
    row(Cycle::VixWeekly, day(2015, 10, 8), Weeks(6), VIX_WEEKLYS),
];

const VIXW: &[ListingRow] = &[row(Cycle::VixWeekly, day(2015, 10, 8), Weeks(6), VIX_WEEKLYS)];

const VX_SPEC: &str =
    "CFE VX contract specification (six weeks, nine serial months, five on the February cycle)";

const VX: &[ListingRow] = &[
    row(
        Cycle::VixMonthly,
        day(2004, 3, 26),
        SerialThenFebruary(9, 5),
        VX_SPEC,
    ),
    row(
        Cycle::VixWeekly,
        day(2015, 7, 23),
        Weeks(6),
        "cboe.com/micro/vix-weeklys; CFE VX contract specification",
    ),
];

const VXM: &[ListingRow] = &[row(
    Cycle::VixMonthly,
    day(2020, 8, 10),
    SerialThenFebruary(9, 5),
    "CFE announcement of July 2020",
)];

const ES: &[ListingRow] = &[row(
    Cycle::QuarterlyThirdFriday,
    day(1997, 9, 9),
    Nearest(21),
    "CME contract specification (21 consecutive quarters; five until about 2020)",
)];

const MES: &[ListingRow] = &[row(
    Cycle::QuarterlyThirdFriday,
    day(2019, 5, 6),
    Nearest(5),
    "CME announcement of the Micro E-mini launch; contract specification (five quarters)",
)];

/// A class with a listing table: options or futures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Options.
    Option(Root),
    /// Futures.
    Future(FutureRoot),
}

impl From<Root> for Class {
    fn from(root: Root) -> Self {
        Self::Option(root)
    }
}

impl From<FutureRoot> for Class {
    fn from(root: FutureRoot) -> Self {
        Self::Future(root)
    }
}

impl Class {
    /// Symbol.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Option(r) => r.symbol(),
            Self::Future(r) => r.symbol(),
        }
    }

    /// Its cycles, oldest first.
    #[must_use]
    pub const fn table(self) -> &'static [ListingRow] {
        match self {
            Self::Option(Root::Spx) => SPX,
            Self::Option(Root::Spxw) => SPXW,
            Self::Option(Root::Xsp) => XSP,
            Self::Option(Root::Vix) => VIX,
            Self::Option(Root::Vixw) => VIXW,
            Self::Future(FutureRoot::Vx) => VX,
            Self::Future(FutureRoot::Vxm) => VXM,
            Self::Future(FutureRoot::Es) => ES,
            Self::Future(FutureRoot::Mes) => MES,
        }
    }
}

fn next_month((year, month): (i32, u32)) -> (i32, u32) {
    if month >= 12 {
        (year.saturating_add(1), 1)
    } else {
        (year, month + 1)
    }
}

impl Cycle {
    /// For cycles of one expiry a month: the one of a month, `None` in months without.
    fn of_month(self, year: i32, month: u32) -> Option<Date> {
        let calendar = ExchangeCalendar::nyse();
        let last = || {
            let (y, m) = next_month((year, month));
            calendar.previous_session(NaiveDate::from_ymd_opt(y, m, 1)?)
        };
        let ends_quarter = month.is_multiple_of(3);
        match self {
            Self::ThirdFriday => calendar.spx_monthly_expiry(year, month),
            Self::QuarterlyThirdFriday if ends_quarter => calendar.spx_monthly_expiry(year, month),
            Self::MonthEnd => last(),
            Self::QuarterEnd if ends_quarter => last(),
            Self::VixMonthly => calendar.vix_monthly_expiry(year, month),
            _ => None,
        }
    }

    /// Whether a session is an expiry of the cycle.
    #[must_use]
    pub fn expires_on(self, session: Date) -> bool {
        let calendar = ExchangeCalendar::nyse();
        let weekday = match self {
            Self::Weekly(weekday) => weekday,
            Self::VixWeekly => {
                let monthly = calendar.vix_monthly_expiry(session.year(), session.month()) == Some(session);
                return calendar.is_session(session) && !monthly && nominal_wednesday(session).is_some();
            }
            _ => return self.of_month(session.year(), session.month()) == Some(session),
        };
        // Holidays move an expiry by less than a week.
        let around = (-6..=6i64).filter_map(|n| session.checked_add_signed(chrono::Duration::days(n)));
        let moved = |d: Date| {
            if weekday == Weekday::Mon {
                calendar.session_on_or_after(d)
            } else {
                calendar.session_on_or_before(d)
            }
        };
        let is_third = |d: Date| weekday == Weekday::Fri && third_friday(d.year(), d.month()) == Some(d);
        around
            .filter(|d| d.weekday() == weekday && !is_third(*d))
            .any(|d| moved(d) == Some(session))
    }

    /// Expiries of the cycle in `from..=to`, ascending.
    #[must_use]
    pub fn expiries(self, from: Date, to: Date) -> Vec<Date> {
        if matches!(self, Self::Weekly(_) | Self::VixWeekly) {
            let sessions = ExchangeCalendar::nyse().sessions(from, to);
            return sessions.iter().copied().filter(|d| self.expires_on(*d)).collect();
        }
        let months = std::iter::successors(Some((from.year(), from.month())), |m| Some(next_month(*m)));
        months
            .take_while(|m| *m <= (to.year(), to.month()))
            .filter_map(|(y, m)| self.of_month(y, m))
            .filter(|d| (from..=to).contains(d))
            .collect()
    }
}

/// Why a contract was not listed on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhyNot {
    /// The date is no expiry of any cycle of the class.
    NoExpiry,
    /// Its cycle was listed only later.
    NotYet(Cycle),
    /// It had stopped trading.
    Expired,
    /// It was further ahead than the exchange lists.
    TooFar(Cycle),
    /// A date outside the years of the calendar.
    Unknown,
}

/// A contract did not exist on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotListed {
    /// Class.
    pub class: Class,
    /// Expiry asked for.
    pub expiry: Date,
    /// Day of asking.
    pub on: Date,
    /// Why.
    pub why: WhyNot,
    /// For [`WhyNot::NotYet`]: from when the cycle has been listed.
    pub since: Option<Since>,
    /// The listed expiry nearest to the one asked for; of two as near the earlier.
    pub nearest: Option<Date>,
}

impl fmt::Display for NotListed {
    /// `SPXW had no Tuesdays on 2019-04-25 (expiry 2019-05-07): listed since 2022-04-18`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (class, expiry, on) = (self.class.symbol(), self.expiry, self.on);
        match self.why {
            WhyNot::NoExpiry => write!(f, "{class} has no expiry on {} {expiry}", expiry.weekday()),
            WhyNot::NotYet(cycle) => {
                write!(f, "{class} had no {cycle} on {on} (expiry {expiry})")?;
                match self.since {
                    Some(since) => write!(f, ": listed since {since}"),
                    None => Ok(()),
                }
            }
            WhyNot::Expired => write!(f, "{class} of {expiry} no longer traded on {on}"),
            WhyNot::TooFar(cycle) => {
                write!(
                    f,
                    "{class} of {expiry} was not listed yet on {on}: too many {cycle} ahead"
                )
            }
            WhyNot::Unknown => write!(f, "{class} of {expiry} on {on} is outside the calendar"),
        }
    }
}

impl std::error::Error for NotListed {}

impl NotListed {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> String {
        match self.nearest {
            Some(date) => format!(
                "the nearest {} expiry listed that day is {date}",
                self.class.symbol()
            ),
            None => format!("no {} expiry was listed that day", self.class.symbol()),
        }
    }
}

/// Sessions up to which the nearest listed expiry is looked for, before and after the one asked for.
const NEAREST_WITHIN: i64 = 40;

/// Whether a class had an expiry listed on a day, by rule.
///
/// An expiry that is no session (vendors once dated monthlys on the Saturday) means the session before it. The day itself
/// counts as long as the contract still trades on it: a morning contract does not, on its settlement day.
///
/// # Errors
/// Why it was not, from when it is, and the nearest expiry that was.
pub fn listed(class: impl Into<Class>, expiry: Date, on: Date) -> Result<(), NotListed> {
    let class = class.into();
    let Err((why, since)) = check(class, expiry, on) else {
        return Ok(());
    };
    let calendar = ExchangeCalendar::nyse();
    let beside = |step: i64| {
        let date = calendar.offset(expiry, step)?;
        check(class, date, on).is_ok().then_some(date)
    };
    let both = (0..=NEAREST_WITHIN)
        .flat_map(|n| [beside(-n), beside(n)])
        .flatten();
    let nearest = both.min_by_key(|d| ((*d - expiry).num_days().abs(), *d));
    Err(NotListed {
        class,
        expiry,
        on,
        why,
        since,
        nearest,
    })
}

fn check(class: Class, expiry: Date, on: Date) -> Result<(), (WhyNot, Option<Since>)> {
    let calendar = ExchangeCalendar::nyse();
    let covered = calendar.covers(expiry) && calendar.covers(on);
    let session = calendar.session_on_or_before(expiry).filter(|_| covered);
    let session = session.ok_or((WhyNot::Unknown, None))?;
    let mut refused: Option<(WhyNot, Option<Since>)> = None;
    for row in class.table().iter().filter(|r| r.cycle.expires_on(session)) {
        let answer = if on < row.since.date {
            (WhyNot::NotYet(row.cycle), Some(row.since))
        } else if last_day(class, session).is_none_or(|last| on > last) {
            (WhyNot::Expired, None)
        } else if !within(row, session, on) {
            (WhyNot::TooFar(row.cycle), None)
        } else {
            return Ok(());
        };
        // Of several reasons the one that was overcome first.
        let since = |a: &(WhyNot, Option<Since>)| a.1.map(|s| s.date);
        if refused.is_none_or(|r| since(&answer) < since(&r)) {
            refused = Some(answer);
        }
    }
    Err(refused.unwrap_or((WhyNot::NoExpiry, None)))
}

/// The day on which a contract trades last.
fn last_day(class: Class, session: Date) -> Option<Date> {
    let at = match class {
        Class::Option(root) => ExchangeCalendar::nyse().last_trade_at(root, session)?,
        Class::Future(root) => super::FutureContract {
            root,
            expiry: session,
        }
        .last_trade_at()?,
    };
    Some(at.date())
}

/// Whether an expiry is among those that the exchange may list on a day. The one that trades last on that day counts.
fn within(row: &ListingRow, session: Date, on: Date) -> bool {
    let nth = |cycle: Cycle| cycle.expiries(on, session).len();
    match row.ahead {
        Ahead::Any => true,
        // Weeks count every Wednesday of the family; the one before its first trading day may stand beside them.
        Ahead::Weeks(weeks) => (session - on).num_days() <= i64::from(weeks) * 7 + 7,
        Ahead::Nearest(count) => nth(row.cycle) <= count as usize + 1,
        Ahead::SerialThenFebruary(serial, cycle) => {
            let ahead = nth(row.cycle);
            let serial = serial as usize + 1;
            let of_cycle = session.month() % 3 == 2 && ahead <= serial + cycle as usize * 3;
            ahead <= serial || of_cycle
        }
    }
}

/// Cycles by which a class has an expiry on a session, those that were listed by then; empty when it has none.
#[must_use]
pub fn cycles_on(class: impl Into<Class>, session: Date) -> Vec<Cycle> {
    let table = class.into().table().iter();
    table
        .filter(|r| r.since.date <= session && r.cycle.expires_on(session))
        .map(|r| r.cycle)
        .collect()
}

/// First day on which a class had series of a cycle; `None` when it never had.
#[must_use]
pub fn since(class: impl Into<Class>, cycle: Cycle) -> Option<Date> {
    let mut table = class.into().table().iter();
    table.find(|r| r.cycle == cycle).map(|r| r.since.date)
}

/// Expiries of a class that are listed by rule on a day, in `from..=to`, ascending, each with its cycles.
#[must_use]
pub fn expiries(class: impl Into<Class>, on: Date, from: Date, to: Date) -> Vec<(Date, Vec<Cycle>)> {
    let class = class.into();
    let sessions = ExchangeCalendar::nyse().sessions(from, to);
    let on_day = |d: &Date| check(class, *d, on).is_ok();
    let cycles = |d: Date| {
        let table = class.table().iter();
        table
            .filter(|r| r.since.date <= on && r.cycle.expires_on(d))
            .map(|r| r.cycle)
            .collect()
    };
    sessions
        .iter()
        .copied()
        .filter(on_day)
        .map(|d| (d, cycles(d)))
        .collect()
}
