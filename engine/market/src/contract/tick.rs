//! Minimum price increments: by single order or package, by premium, dated where they changed.

use super::since::{Since, ymd};
use super::{FutureRoot, Root, Share};
use crate::money::Price;
use crate::time::Date;

/// What a price is the price of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quoted {
    /// An order with one leg.
    Single,
    /// The net price of a package.
    Package,
    /// One leg inside a package.
    PackageLeg,
}

impl Quoted {
    /// Of an order with so many legs: its own price.
    #[must_use]
    pub const fn order(legs: usize) -> Self {
        if legs <= 1 { Self::Single } else { Self::Package }
    }
}

/// Which way to round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rounding {
    /// Towards minus infinity: against whoever counts credits positive.
    Down,
    /// Towards plus infinity.
    Up,
    /// To the nearest; a half goes away from zero.
    Nearest,
}

/// One row of a tick table. The newest row whose date has come, whose kind fits and whose band holds the price applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickRow {
    /// What is priced.
    pub quoted: Quoted,
    /// First day.
    pub since: Since,
    /// The band ends below this size of price; `None` is open. Bands of one date stand in ascending order.
    pub below: Option<Price>,
    /// The increment.
    pub tick: Price,
    /// Where it was read.
    pub source: &'static str,
}

const fn row(
    quoted: Quoted,
    since: Since,
    below: Option<i64>,
    tick_mills: i64,
    source: &'static str,
) -> TickRow {
    TickRow {
        quoted,
        since,
        below: match below {
            Some(mills) => Some(Price(mills)),
            None => None,
        },
        tick: Price(tick_mills),
        source,
    }
}

use Quoted::{Package, PackageLeg, Single};

const SPX_SPEC: &str = "Cboe SPX product specification (cboe.com/products/indexopts/spx_spec.aspx)";
const XSP_SPEC: &str = "Cboe XSP product specification (cboe.com/Products/indexopts/xsp_spec.aspx)";
const VIX_OLD: &str = "taken to be those of SPX, as on pages of the time";
const VIX_NEW: &str = "Cboe announcement of 2022-11-29 on VIX option increments";
const VX_OLD: &str = "CFE announcement of 2007-03-26 (rescaled contract, 0.01)";
const VX_DAY: &str = "recorded settlements: multiples of 0.05 from this day on";
const VX_SPREAD: &str = "CFE VX contract specification (spread legs and net 0.01)";
const VXM_SPEC: &str = "CFE VXM contract specification; 0.01 from November 2022";
const CME_SPEC: &str = "CME E-mini and Micro E-mini S&P 500 contract specifications";
const NMS: &str = "Regulation NMS rule 612: a cent from one dollar up";

/// The day before which no table looks back.
const ALWAYS: Since = Since::day(ymd(1990, 1, 1));
/// VIX options went to finer increments.
const VIX_FINE: Since = Since::day(ymd(2022, 11, 28));

const SPX: &[TickRow] = &[
    row(Single, ALWAYS, Some(3_000), 50, SPX_SPEC),
    row(Single, ALWAYS, None, 100, SPX_SPEC),
    row(Package, ALWAYS, None, 50, SPX_SPEC),
    row(PackageLeg, ALWAYS, None, 10, SPX_SPEC),
];

const XSP: &[TickRow] = &[
    row(Single, ALWAYS, None, 10, XSP_SPEC),
    row(Package, ALWAYS, None, 10, XSP_SPEC),
    row(PackageLeg, ALWAYS, None, 10, XSP_SPEC),
];

const VIX: &[TickRow] = &[
    row(Single, VIX_FINE, Some(3_000), 10, VIX_NEW),
    row(Single, VIX_FINE, None, 50, VIX_NEW),
    row(Package, VIX_FINE, None, 10, VIX_NEW),
    row(PackageLeg, VIX_FINE, None, 10, VIX_NEW),
    row(Single, ALWAYS, Some(3_000), 50, VIX_OLD),
    row(Single, ALWAYS, None, 100, VIX_OLD),
    row(Package, ALWAYS, None, 50, VIX_OLD),
    row(PackageLeg, ALWAYS, None, 10, VIX_OLD),
];

const VX: &[TickRow] = &[
    row(Single, Since::day(ymd(2009, 2, 2)), None, 50, VX_DAY),
    row(Single, ALWAYS, None, 10, VX_OLD),
    row(Package, ALWAYS, None, 10, VX_SPREAD),
    row(PackageLeg, ALWAYS, None, 10, VX_SPREAD),
];

const VXM: &[TickRow] = &[
    row(Single, Since::month(ymd(2022, 11, 1)), None, 10, VXM_SPEC),
    row(Single, ALWAYS, None, 50, VXM_SPEC),
    row(Package, ALWAYS, None, 10, VXM_SPEC),
    row(PackageLeg, ALWAYS, None, 10, VXM_SPEC),
];

const E_MINI: &[TickRow] = &[
    row(Single, ALWAYS, None, 250, CME_SPEC),
    row(Package, ALWAYS, None, 50, CME_SPEC),
    row(PackageLeg, ALWAYS, None, 50, CME_SPEC),
];

const SHARES: &[TickRow] = &[
    row(Single, ALWAYS, None, 10, NMS),
    row(Package, ALWAYS, None, 10, NMS),
    row(PackageLeg, ALWAYS, None, 10, NMS),
];

impl Root {
    /// Its tick table, newest rows first.
    #[must_use]
    pub const fn ticks(self) -> &'static [TickRow] {
        match self {
            Self::Spx | Self::Spxw => SPX,
            Self::Xsp => XSP,
            Self::Vix | Self::Vixw => VIX,
        }
    }
}

impl FutureRoot {
    /// Its tick table, newest rows first. A package is a calendar spread.
    #[must_use]
    pub const fn ticks(self) -> &'static [TickRow] {
        match self {
            Self::Vx => VX,
            Self::Vxm => VXM,
            Self::Es | Self::Mes => E_MINI,
        }
    }
}

impl Share {
    /// Its tick table.
    #[must_use]
    pub const fn ticks(self) -> &'static [TickRow] {
        SHARES
    }
}

/// The increment that holds for a price on a day; the band follows the price's size, its sign does not matter.
#[must_use]
pub fn increment(table: &[TickRow], quoted: Quoted, price: Price, on: Date) -> Price {
    let holds = |r: &&TickRow| {
        r.quoted == quoted && r.since.date <= on && r.below.is_none_or(|below| price.abs() < below)
    };
    // A date before the first row: the oldest row of the kind stands in.
    let oldest = || table.iter().rev().find(|r| r.quoted == quoted);
    let found = table.iter().find(holds).or_else(oldest);
    found.map_or(Price(1), |r| r.tick)
}

/// Whether a price is a whole number of its own increments.
#[must_use]
pub fn is_on_tick(table: &[TickRow], quoted: Quoted, price: Price, on: Date) -> bool {
    let tick = increment(table, quoted, price, on);
    price.0.checked_rem(tick.0) == Some(0)
}

/// A price moved onto its increments. Bands end at whole numbers of both their increments, so the result is on its own
/// tick too, whichever band it lands in.
#[must_use]
pub fn round_to_tick(table: &[TickRow], quoted: Quoted, price: Price, on: Date, to: Rounding) -> Price {
    round(price, increment(table, quoted, price, on), to)
}

/// A price moved to a whole number of increments; unchanged for an increment of zero or less.
#[must_use]
pub const fn round(price: Price, tick: Price, to: Rounding) -> Price {
    if tick.0 <= 0 {
        return price;
    }
    let down = price.0.div_euclid(tick.0);
    let over = price.0.rem_euclid(tick.0);
    let steps = match to {
        Rounding::Down => down,
        Rounding::Up => down.saturating_add((over > 0) as i64),
        Rounding::Nearest => {
            let twice = over.saturating_mul(2);
            let up = twice > tick.0 || (twice == tick.0 && price.0 >= 0);
            down.saturating_add(up as i64)
        }
    };
    Price(steps.saturating_mul(tick.0))
}
