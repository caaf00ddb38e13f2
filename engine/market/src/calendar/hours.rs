//! Trading hours of each venue: overnight, regular and curb sessions, half days, and their history.
//!
//! A row says which hours a venue keeps from a day on, in its own local time; instants follow from the zone's rules, so that
//! daylight-saving time needs no table. A session belongs to a *trade date*: the overnight session before a day belongs to
//! that day, the curb after it too.
//!
//! Not in the tables: the shortened overnight trading of futures, and since 2022 of index options, on days on which the
//! exchanges themselves are shut. Quotes of the overnight and curb sessions are wide; snapshots are taken in regular hours.

use super::ExchangeCalendar;
use super::rules::DayKind;
use crate::contract::since::{Since, ymd};
use crate::contract::{FutureRoot, Instrument, Root};
use crate::time::{Date, Instant, Zone};
use std::fmt;

/// A market with hours of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Venue {
    /// Shares in New York.
    Nyse,
    /// SPX and SPXW options at Cboe.
    Spx,
    /// XSP options at Cboe.
    Xsp,
    /// VIX options at Cboe.
    Vix,
    /// VX and VXM at the Cboe Futures Exchange.
    Cfe,
    /// ES and MES on CME Globex.
    Cme,
}

impl Venue {
    /// All venues.
    pub const ALL: [Self; 6] = [Self::Nyse, Self::Spx, Self::Xsp, Self::Vix, Self::Cfe, Self::Cme];

    /// Short name: `nyse`, `spx`, `xsp`, `vix`, `cfe`, `cme`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nyse => "nyse",
            Self::Spx => "spx",
            Self::Xsp => "xsp",
            Self::Vix => "vix",
            Self::Cfe => "cfe",
            Self::Cme => "cme",
        }
    }

    /// From a short name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.name() == name)
    }

    /// What trades there, in words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Nyse => "shares (SPY, VXX, VXZ)",
            Self::Spx => "SPX and SPXW options",
            Self::Xsp => "XSP options",
            Self::Vix => "VIX and VIXW options",
            Self::Cfe => "VX and VXM futures",
            Self::Cme => "ES and MES futures",
        }
    }

    /// Where an instrument trades.
    #[must_use]
    pub const fn of(instrument: &Instrument) -> Self {
        match instrument {
            Instrument::Option(c) => Self::of_root(c.root),
            Instrument::Future(c) => match c.root {
                FutureRoot::Vx | FutureRoot::Vxm => Self::Cfe,
                FutureRoot::Es | FutureRoot::Mes => Self::Cme,
            },
            Instrument::Share(_) => Self::Nyse,
        }
    }

    /// Where the options of a root trade.
    #[must_use]
    pub const fn of_root(root: Root) -> Self {
        match root {
            Root::Spx | Root::Spxw => Self::Spx,
            Root::Xsp => Self::Xsp,
            Root::Vix | Root::Vixw => Self::Vix,
        }
    }

    /// Its hours, oldest rows first.
    #[must_use]
    pub const fn hours(self) -> &'static [HoursRow] {
        match self {
            Self::Nyse => NYSE,
            Self::Spx => SPX,
            Self::Xsp => XSP,
            Self::Vix => VIX,
            Self::Cfe => CFE,
            Self::Cme => CME,
        }
    }
}

/// Kind of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionKind {
    /// Before regular hours, from the evening before (Cboe: global trading hours).
    Overnight,
    /// Regular hours.
    Regular,
    /// After regular hours, of the same trade date (Cboe: curb).
    Curb,
}

impl fmt::Display for SessionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overnight => "overnight",
            Self::Regular => "regular",
            Self::Curb => "curb",
        })
    }
}

/// When a session opens, against its trade date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Opens {
    /// On the day itself.
    SameDay(u32, u32),
    /// On the calendar day before.
    DayBefore(u32, u32),
    /// On the calendar day before when that is a session, else at a second time of the day before (Sundays, holidays);
    /// `None`: not at all then.
    AfterSession((u32, u32), Option<(u32, u32)>),
}

/// One row of an hours table: local times, hour and minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoursRow {
    /// Kind.
    pub kind: SessionKind,
    /// First trade date.
    pub since: Since,
    /// Last trade date; `None` is still in force.
    pub until: Option<Date>,
    /// Opening.
    pub opens: Opens,
    /// Closing, on the trade date.
    pub closes: (u32, u32),
    /// Closing on half days; `None`: the session does not take place.
    pub closes_early: Option<(u32, u32)>,
    /// Zone of the times.
    pub zone: Zone,
    /// Where it was read.
    pub source: &'static str,
}

const fn row(
    kind: SessionKind,
    since: Since,
    until: Option<Date>,
    opens: Opens,
    closes: (u32, u32),
    closes_early: Option<(u32, u32)>,
    source: &'static str,
) -> HoursRow {
    HoursRow {
        kind,
        since,
        until,
        opens,
        closes,
        closes_early,
        zone: Zone::Chicago,
        source,
    }
}

const fn day(year: i32, month: u32, day: u32) -> Since {
    Since::day(ymd(year, month, day))
}

/// The day before a day, for the end of a row.
const fn before(year: i32, month: u32, day: u32) -> Option<Date> {
    ymd(year, month, day).pred_opt()
}

use Opens::{AfterSession, DayBefore, SameDay};
use SessionKind::{Curb, Overnight, Regular};

const ALWAYS: Since = day(1990, 1, 1);
const SPEC: &str = "Cboe product specification";
const NOON: Option<(u32, u32)> = Some((12, 15));
const ETH_2015: &str = "cboe.com/blogs/options-hub/2015/02/27 (VIX 2015-03-02, SPX 2015-03-09)";
const GTH_2021: &str =
    "SEC release 34-93403 (overnight hours from 20:15 ET); in force from the evening of 2021-11-21";
const GTH_2024: &str =
    "SEC release 34-100524 of July 2024 (overnight hours to 09:25 ET); the day is not documented";
const CURB: &str = "go.cboe.com/24x5 (curb from 2022-04-25); no curb on half days (general knowledge)";
/// Trade date of the first long overnight session.
const LONG: Since = day(2021, 11, 22);
/// From when the overnight session ends at 08:25: after the filing of July 2024, before the middle of 2025.
const LATER_END: Since = Since::year(ymd(2024, 8, 1));

const NYSE: &[HoursRow] = &[HoursRow {
    zone: Zone::NewYork,
    ..row(
        Regular,
        ALWAYS,
        None,
        SameDay(9, 30),
        (16, 0),
        Some((13, 0)),
        "NYSE rule 7.2 and holiday notices",
    )
}];

const REGULAR_OPTIONS: HoursRow = row(Regular, ALWAYS, None, SameDay(8, 30), (15, 15), NOON, SPEC);
const CURB_OPTIONS: HoursRow = row(Curb, day(2022, 4, 25), None, SameDay(15, 15), (16, 0), None, CURB);
/// The first overnight sessions, from 02:00, since a day of the class's own.
const fn short_night(since: Since) -> HoursRow {
    row(
        Overnight,
        since,
        before(2021, 11, 22),
        SameDay(2, 0),
        (8, 15),
        Some((8, 15)),
        ETH_2015,
    )
}
const LONG_NIGHT: HoursRow = row(
    Overnight,
    LONG,
    before(2024, 8, 1),
    DayBefore(19, 15),
    (8, 15),
    Some((8, 15)),
    GTH_2021,
);
const LONGER_NIGHT: HoursRow = row(
    Overnight,
    LATER_END,
    None,
    DayBefore(19, 15),
    (8, 25),
    Some((8, 25)),
    GTH_2024,
);

const SPX: &[HoursRow] = &[
    short_night(day(2015, 3, 9)),
    LONG_NIGHT,
    LONGER_NIGHT,
    REGULAR_OPTIONS,
    CURB_OPTIONS,
];

const VIX: &[HoursRow] = &[
    short_night(day(2015, 3, 2)),
    LONG_NIGHT,
    LONGER_NIGHT,
    REGULAR_OPTIONS,
    CURB_OPTIONS,
];

const XSP: &[HoursRow] = &[LONG_NIGHT, LONGER_NIGHT, REGULAR_OPTIONS, CURB_OPTIONS];

const CFE_2013: &str = "cfe.cboe.com/tradecfe/ETH.aspx (phases of 2013-10-28 and 2013-11-04)";
const CFE_2014: &str = "CFE circular on the expansion of 2014-06-22";
const CFE_2018: &str = "cboe.com extended trading hours page: 17:00 openings from the end of February 2018";
const CFE_2020: &str =
    "Cboe notice C2020092202 (daily settlement 15:00 CT from 2020-10-26); Databento XCBF hours";
const CFE_OLD: &str = "CFE VIX futures specification";

const CFE: &[HoursRow] = &[
    row(
        Overnight,
        day(2011, 9, 26),
        before(2013, 10, 28),
        SameDay(7, 0),
        (8, 30),
        Some((8, 30)),
        "cboeoptionshub.com 2011-09-13 (7:00; 7:20 from December 2010 is not in the table)",
    ),
    row(
        Overnight,
        day(2013, 10, 28),
        before(2013, 11, 4),
        SameDay(7, 0),
        (8, 30),
        Some((8, 30)),
        CFE_2013,
    ),
    row(
        Overnight,
        day(2013, 11, 4),
        before(2014, 6, 23),
        SameDay(2, 0),
        (8, 30),
        Some((8, 30)),
        CFE_2013,
    ),
    row(
        Overnight,
        day(2013, 10, 29),
        before(2014, 6, 23),
        AfterSession((15, 30), None),
        (16, 15),
        Some((16, 15)),
        CFE_2013,
    ),
    row(
        Overnight,
        day(2014, 6, 23),
        before(2018, 2, 26),
        AfterSession((15, 30), Some((17, 0))),
        (8, 30),
        Some((8, 30)),
        CFE_2014,
    ),
    row(
        Overnight,
        Since::month(ymd(2018, 2, 26)),
        None,
        DayBefore(17, 0),
        (8, 30),
        Some((8, 30)),
        CFE_2018,
    ),
    row(
        Regular,
        day(2004, 3, 26),
        before(2020, 10, 26),
        SameDay(8, 30),
        (15, 15),
        NOON,
        CFE_OLD,
    ),
    row(
        Regular,
        day(2020, 10, 26),
        None,
        SameDay(8, 30),
        (15, 0),
        NOON,
        CFE_2020,
    ),
    row(
        Curb,
        Since::month(ymd(2018, 2, 26)),
        before(2020, 10, 26),
        SameDay(15, 30),
        (16, 0),
        None,
        CFE_2018,
    ),
    row(
        Curb,
        day(2020, 10, 26),
        None,
        SameDay(15, 0),
        (16, 0),
        None,
        CFE_2020,
    ),
];

const CME_SPEC: &str = "CME E-mini S&P 500 contract specification";
const CME_2012: &str = "CME Globex notice for trade date 2012-11-19 (eminiroom.com)";
const CME_2015: &str =
    "CME contract specification of 2016 (close 16:00, halt 15:15 to 15:30); the day is general knowledge";
const CME_2021: &str = "CME contract specification without the halt; the day is general knowledge";

const CME: &[HoursRow] = &[
    row(
        Overnight,
        day(2012, 11, 19),
        None,
        DayBefore(17, 0),
        (8, 30),
        Some((8, 30)),
        CME_SPEC,
    ),
    row(
        Regular,
        ALWAYS,
        before(2021, 6, 28),
        SameDay(8, 30),
        (15, 15),
        NOON,
        CME_SPEC,
    ),
    row(
        Regular,
        day(2021, 6, 28),
        None,
        SameDay(8, 30),
        (16, 0),
        NOON,
        CME_2021,
    ),
    row(
        Curb,
        day(2012, 11, 19),
        before(2015, 9, 21),
        SameDay(15, 30),
        (16, 15),
        None,
        CME_2012,
    ),
    row(
        Curb,
        day(2015, 9, 21),
        before(2021, 6, 28),
        SameDay(15, 30),
        (16, 0),
        None,
        CME_2015,
    ),
];

/// One session of a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Venue.
    pub venue: Venue,
    /// Kind.
    pub kind: SessionKind,
    /// Day to which its trades belong.
    pub trade_date: Date,
    /// First instant.
    pub opens_at: Instant,
    /// End; no longer part of it.
    pub closes_at: Instant,
    /// Closes before its usual time.
    pub early: bool,
}

impl Session {
    /// Whether an instant lies in it.
    #[must_use]
    pub fn contains(&self, at: Instant) -> bool {
        (self.opens_at..self.closes_at).contains(&at)
    }

    /// Its length in minutes.
    #[must_use]
    pub const fn minutes(&self) -> i64 {
        self.closes_at.0.saturating_sub(self.opens_at.0) / 60
    }
}

impl ExchangeCalendar {
    /// Sessions of a venue that belong to a trade date, in order; empty on days on which it is shut.
    #[must_use]
    pub fn sessions_of(&self, venue: Venue, trade_date: Date) -> Vec<Session> {
        let early = match self.kind(trade_date) {
            DayKind::Closed => return Vec::new(),
            DayKind::Full => false,
            DayKind::Early => true,
        };
        let rows = venue.hours().iter();
        let in_force = rows.filter(|r| r.since.date <= trade_date && r.until.is_none_or(|u| trade_date <= u));
        let mut sessions: Vec<Session> = in_force
            .filter_map(|r| self.session_of(venue, r, trade_date, early))
            .collect();
        sessions.sort_by_key(|s| (s.opens_at, s.kind));
        sessions
    }

    fn session_of(&self, venue: Venue, row: &HoursRow, trade_date: Date, early: bool) -> Option<Session> {
        let the_day_before = trade_date.pred_opt()?;
        let (opens_on, (hour, minute)) = match row.opens {
            Opens::SameDay(h, m) => (trade_date, (h, m)),
            Opens::DayBefore(h, m) => (the_day_before, (h, m)),
            Opens::AfterSession(after, otherwise) => {
                let after_session = self.is_session(the_day_before);
                (the_day_before, if after_session { after } else { otherwise? })
            }
        };
        let (close_hour, close_minute) = if early { row.closes_early? } else { row.closes };
        // An evening session that ends the same evening, though it belongs to the next day.
        let evening = matches!(row.opens, Opens::AfterSession(_, None));
        let closes_on = if evening { the_day_before } else { trade_date };
        let opens_at = Instant::from_local(row.zone, opens_on, hour, minute)?;
        let closes_at = Instant::from_local(row.zone, closes_on, close_hour, close_minute)?;
        (opens_at < closes_at).then_some(Session {
            venue,
            kind: row.kind,
            trade_date,
            opens_at,
            closes_at,
            early: early && row.closes_early != Some(row.closes),
        })
    }

    /// The session of a venue that an instant lies in; `None` while it is shut.
    #[must_use]
    pub fn session_at(&self, venue: Venue, at: Instant) -> Option<Session> {
        // A session belongs to the day on which it ends or to the day after.
        let today = at.date();
        [Some(today), today.succ_opt()]
            .into_iter()
            .flatten()
            .flat_map(|d| self.sessions_of(venue, d))
            .find(|s| s.contains(at))
    }

    /// The day to which a trade at an instant belongs: that of the session it lies in, or of the next one to open.
    #[must_use]
    pub fn trade_date(&self, venue: Venue, at: Instant) -> Option<Date> {
        match self.session_at(venue, at) {
            Some(session) => Some(session.trade_date),
            None => self.next_opening(venue, at).map(|s| s.trade_date),
        }
    }

    /// The first session of a venue that opens after an instant.
    #[must_use]
    pub fn next_opening(&self, venue: Venue, at: Instant) -> Option<Session> {
        let mut date = self.session_on_or_after(at.date())?;
        // The session of the day, of the day after, and past a long weekend.
        for _ in 0..3 {
            let sessions = self.sessions_of(venue, date);
            if let Some(found) = sessions.into_iter().find(|s| s.opens_at > at) {
                return Some(found);
            }
            date = self.next_session(date)?;
        }
        None
    }

    /// Minutes from an instant to the settlement of a series, negative after it; seconds are cut off towards zero.
    #[must_use]
    pub fn minutes_to_settlement(&self, root: Root, expiry: Date, at: Instant) -> Option<i64> {
        let settles = self.settles_at(root, expiry)?;
        Some(settles.0.saturating_sub(at.0) / 60)
    }
}
