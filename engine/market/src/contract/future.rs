//! Futures: VX and VXM on the VIX, ES and MES on the S&P 500.

use super::since::{Since, ymd};
use super::{FutureRoot, ParseSymbolError};
use crate::calendar::{ExchangeCalendar, third_friday};
use crate::time::{Date, Instant};
use chrono::{Datelike, Days, NaiveDate, Weekday};
use std::fmt;

/// Exchange of a future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FutureExchange {
    /// Cboe Futures Exchange.
    Cfe,
    /// Chicago Mercantile Exchange.
    Cme,
}

/// What is known of a futures class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FutureSpec {
    /// The class.
    pub root: FutureRoot,
    /// Symbol.
    pub symbol: &'static str,
    /// Full name.
    pub name: &'static str,
    /// Exchange.
    pub exchange: FutureExchange,
    /// Index that it is on.
    pub underlying: &'static str,
    /// Dollars for one point.
    pub multiplier: i64,
    /// What it is finally settled to, and when.
    pub settles: &'static str,
    /// Last trading.
    pub last_trade: &'static str,
    /// What a reader of old data should know.
    pub note: &'static str,
    /// Where it was read.
    pub source: &'static str,
}

const VX_SETTLES: &str = "in cash to VRO, the special opening quotation of VIX on the morning of expiry (from AM-settled SPX options for \
     monthlys, from SPXW options for weeklys)";
const VX_LAST: &str = "08:00 CT of the settlement morning; before September 2014 the afternoon before";
const ES_SETTLES: &str =
    "in cash to the special opening quotation of the S&P 500 on the third Friday (the value of SET)";
const ES_LAST: &str = "08:30 CT of the third Friday, or of the session before it when it is a holiday";

/// Every futures class.
pub const FUTURES: [FutureSpec; 4] = [
    FutureSpec {
        root: FutureRoot::Vx,
        symbol: "VX",
        name: "Cboe Volatility Index future",
        exchange: FutureExchange::Cfe,
        underlying: "VIX",
        multiplier: 1_000,
        settles: VX_SETTLES,
        last_trade: VX_LAST,
        note: "until 2007-03-23 quoted at ten times the index with a multiplier of $100: a point of VIX was worth the same; \
               divide quotes of that time by ten",
        source: "CFE contract specification; CFE announcement of 2007-03-26 (rescaling)",
    },
    FutureSpec {
        root: FutureRoot::Vxm,
        symbol: "VXM",
        name: "Mini Cboe Volatility Index future",
        exchange: FutureExchange::Cfe,
        underlying: "VIX",
        multiplier: 100,
        settles: VX_SETTLES,
        last_trade: VX_LAST,
        note: "not the mini future VM of 2009 to 2014, which was delisted",
        source: "CFE announcement of 2020-07 (fxnewsgroup.com); contract specification",
    },
    FutureSpec {
        root: FutureRoot::Es,
        symbol: "ES",
        name: "E-mini S&P 500 future",
        exchange: FutureExchange::Cme,
        underlying: "SPX",
        multiplier: 50,
        settles: ES_SETTLES,
        last_trade: ES_LAST,
        note: "",
        source: "CME contract specification",
    },
    FutureSpec {
        root: FutureRoot::Mes,
        symbol: "MES",
        name: "Micro E-mini S&P 500 future",
        exchange: FutureExchange::Cme,
        underlying: "SPX",
        multiplier: 5,
        settles: ES_SETTLES,
        last_trade: ES_LAST,
        note: "",
        source: "CME contract specification",
    },
];

/// From when an expiring VX trades into its settlement morning (CFE rule certification CFE-2014-020).
const VX_MORNING: Since = Since::month(ymd(2014, 9, 1));

impl FutureRoot {
    /// All classes.
    pub const ALL: [Self; 4] = [Self::Vx, Self::Vxm, Self::Es, Self::Mes];

    /// What is known of it.
    #[must_use]
    pub const fn spec(self) -> &'static FutureSpec {
        const TABLE: &[FutureSpec; 4] = &FUTURES;
        match self {
            Self::Vx => &TABLE[0],
            Self::Vxm => &TABLE[1],
            Self::Es => &TABLE[2],
            Self::Mes => &TABLE[3],
        }
    }

    /// Symbol.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        self.spec().symbol
    }

    /// From a symbol.
    #[must_use]
    pub fn parse(symbol: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.symbol() == symbol)
    }

    /// Index that it is on: `VIX` or `SPX`.
    #[must_use]
    pub const fn underlying(self) -> &'static str {
        self.spec().underlying
    }

    /// Dollars for one point.
    #[must_use]
    pub const fn multiplier(self) -> i64 {
        self.spec().multiplier
    }

    /// On the VIX.
    #[must_use]
    pub const fn is_vix(self) -> bool {
        matches!(self, Self::Vx | Self::Vxm)
    }

    /// Expiry of the contract of a month; `None` for ES and MES outside March, June, September, December.
    #[must_use]
    pub fn monthly_expiry(self, year: i32, month: u32) -> Option<Date> {
        let calendar = ExchangeCalendar::nyse();
        if self.is_vix() {
            calendar.vix_monthly_expiry(year, month)
        } else if month.is_multiple_of(3) {
            calendar.session_on_or_before(third_friday(year, month)?)
        } else {
            None
        }
    }
}

/// One futures contract; the expiry (final settlement) date tells weeklys from monthlys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FutureContract {
    /// Class.
    pub root: FutureRoot,
    /// Final settlement date.
    pub expiry: Date,
}

/// Letters of the months, January first.
const MONTHS: &[u8; 12] = b"FGHJKMNQUVXZ";

fn month_letter(month: u32) -> char {
    let index = usize::try_from(month.saturating_sub(1)).unwrap_or(0);
    char::from(MONTHS.get(index).copied().unwrap_or(b'?'))
}

fn month_of(letter: u8) -> Option<u32> {
    let at = MONTHS.iter().position(|m| *m == letter)?;
    u32::try_from(at + 1).ok()
}

/// The Wednesday of an expiry of the VIX family: itself, the day after it when it was moved ahead, or the day before it
/// for the one that was moved back.
pub(super) fn nominal_wednesday(expiry: Date) -> Option<Date> {
    let calendar = ExchangeCalendar::nyse();
    (-6..=3i64)
        .filter_map(|back| expiry.checked_sub_signed(chrono::Duration::days(back)))
        .filter(|d| d.weekday() == Weekday::Wed)
        .find(|wednesday| calendar.vix_expiry_of_week(*wednesday) == Some(expiry))
}

/// The Wednesday of week 1: the first of the year on which a weekly could expire in that year, never New Year's Day.
fn first_wednesday(year: i32) -> Option<Date> {
    let first = NaiveDate::from_weekday_of_month_opt(year, 1, Weekday::Wed, 1)?;
    if first.day() == 1 {
        first.checked_add_days(Days::new(7))
    } else {
        Some(first)
    }
}

impl FutureContract {
    /// The contract of a month.
    #[must_use]
    pub fn monthly(root: FutureRoot, year: i32, month: u32) -> Option<Self> {
        let expiry = root.monthly_expiry(year, month)?;
        Some(Self { root, expiry })
    }

    /// A weekly: a VX that is not the one of its month.
    #[must_use]
    pub fn is_weekly(&self) -> bool {
        self.root == FutureRoot::Vx
            && self.root.monthly_expiry(self.expiry.year(), self.expiry.month()) != Some(self.expiry)
    }

    /// Week of the year that a weekly's symbol carries (`VX31`); `None` for monthlys and dates on which none expires.
    #[must_use]
    pub fn week(&self) -> Option<u32> {
        if !self.is_weekly() {
            return None;
        }
        let nominal = nominal_wednesday(self.expiry)?;
        let days = (nominal - first_wednesday(self.expiry.year())?).num_days();
        u32::try_from(days / 7 + 1).ok()
    }

    /// Symbol with a two-digit year: `VXF26`, `VX31Q15` for weeklys, `ESH26`.
    #[must_use]
    pub fn code(&self) -> String {
        let (letter, year) = (month_letter(self.expiry.month()), self.expiry.year() % 100);
        match self.week() {
            Some(week) => format!("{}{week:02}{letter}{year:02}", self.root.symbol()),
            None => format!("{}{letter}{year:02}", self.root.symbol()),
        }
    }

    /// Symbol as platforms write it, with a one-digit year: `/VXF6`, `/ESH6`.
    #[must_use]
    pub fn short_code(&self) -> String {
        let (letter, year) = (month_letter(self.expiry.month()), self.expiry.year() % 10);
        match self.week() {
            Some(week) => format!("/{}{week:02}{letter}{year}", self.root.symbol()),
            None => format!("/{}{letter}{year}", self.root.symbol()),
        }
    }

    /// Reads a symbol: `VXF26`, `VX/F6`, `/ESH6`, `VX31Q15`, `31VX/Q5`. A two-digit year is of this century; a one-digit year
    /// is the one whose contract expires nearest to `on`, from one year before it.
    ///
    /// # Errors
    /// When it is no symbol of a known class, or the class has no contract then.
    pub fn parse(code: &str, on: Date) -> Result<Self, ParseSymbolError> {
        let bad = |why: &'static str| ParseSymbolError {
            symbol: code.to_owned(),
            why,
        };
        let not = || bad("it is not a class, a month letter and a year, such as VXF26 or /ESH6");
        let text: String = code.trim().chars().filter(|c| *c != '/').collect();
        let (lead, text) = match text.find(|c: char| !c.is_ascii_digit()) {
            Some(at) => text.split_at_checked(at).unwrap_or(("", "")),
            None => ("", text.as_str()),
        };
        // Longest symbols first: VXM is not VX with a month.
        let mut roots = FutureRoot::ALL;
        roots.sort_by_key(|r| std::cmp::Reverse(r.symbol().len()));
        let mut tries = roots
            .into_iter()
            .filter_map(|root| Some((root, text.strip_prefix(root.symbol())?)))
            .filter_map(|(root, rest)| split_code(lead, rest).map(|parts| (root, parts)));
        let (root, (week, month, digits, year)) = tries.next().ok_or_else(not)?;
        let year = if digits == 2 {
            2000 + year
        } else {
            nearest_year(year, on)
        };
        let contract = match week {
            None => Self::monthly(root, year, month),
            Some(week) if root == FutureRoot::Vx => Self::of_week(root, year, week),
            Some(_) => return Err(bad("this class has no weekly contracts")),
        };
        let contract = contract.ok_or_else(|| bad("the class has no contract of that month or week"))?;
        if contract.expiry.month() != month {
            return Err(bad("the week does not end in that month"));
        }
        if week.is_some() && !contract.is_weekly() {
            return Err(bad(
                "the contract of that week is the month's own, written without a week",
            ));
        }
        Ok(contract)
    }

    fn of_week(root: FutureRoot, year: i32, week: u32) -> Option<Self> {
        let weeks = u64::from(week.checked_sub(1)?);
        let wednesday = first_wednesday(year)?.checked_add_days(Days::new(weeks.checked_mul(7)?))?;
        let expiry = ExchangeCalendar::nyse().vix_expiry_of_week(wednesday)?;
        (expiry.year() == year).then_some(Self { root, expiry })
    }

    /// Final settlement: 09:30 Eastern of the expiry day.
    #[must_use]
    pub fn settles_at(&self) -> Option<Instant> {
        let calendar = ExchangeCalendar::nyse();
        calendar.open_at(calendar.session_on_or_before(self.expiry)?)
    }

    /// Last instant at which it trades: ES and MES to the settlement; VX and VXM to 09:00 Eastern of that morning, and
    /// before September 2014 to the close of the session before.
    #[must_use]
    pub fn last_trade_at(&self) -> Option<Instant> {
        let calendar = ExchangeCalendar::nyse();
        let day = calendar.session_on_or_before(self.expiry)?;
        if !self.root.is_vix() {
            calendar.open_at(day)
        } else if day >= VX_MORNING.date {
            Instant::from_eastern(day, 9, 0)
        } else {
            calendar.options_close_at(calendar.previous_session(day)?)
        }
    }
}

/// (week, month, digits of the year, year) of what follows the class, with a week written before the class (`31VX/Q5`).
fn split_code(lead: &str, rest: &str) -> Option<(Option<u32>, u32, usize, i32)> {
    let letter_at = rest.find(|c: char| c.is_ascii_uppercase())?;
    let (inner, tail) = rest.split_at_checked(letter_at)?;
    let week = match (lead, inner) {
        ("", "") => None,
        (digits, "") | ("", digits) if digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse::<u32>().ok().filter(|w| (1..=53).contains(w))?)
        }
        _ => return None,
    };
    let month = month_of(*tail.as_bytes().first()?)?;
    let year = tail.get(1..)?;
    let plain = matches!(year.len(), 1 | 2) && year.bytes().all(|b| b.is_ascii_digit());
    Some((week, month, year.len(), year.parse().ok().filter(|_| plain)?))
}

/// The year ending in a digit that is nearest to a date, looking one year back and eight ahead.
fn nearest_year(digit: i32, on: Date) -> i32 {
    let first = on.year() - 1;
    first + (digit - first).rem_euclid(10)
}

impl fmt::Display for FutureContract {
    /// `VXF26 2026-01-21`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.expiry)
    }
}
