//! Option classes as data: what a contract is worth, how it is exercised, what it settles to, which strikes there are.

use super::since::{Since, ymd};
use super::{Root, Settlement};
use crate::money::Price;
use crate::time::Date;

/// When a holder may exercise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exercise {
    /// At expiry only.
    European,
    /// Any day.
    American,
}

/// One row of a strike grid: below a level, strikes are multiples of a step. The first row whose band holds the strike and
/// whose date has come applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrikeRow {
    /// First day.
    pub since: Since,
    /// Strikes below this level; `None` is open.
    pub below: Option<Price>,
    /// Finest step. Coarser steps stand far from the money and far from expiry.
    pub step: Price,
}

/// What is known of an option class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionSpec {
    /// The class.
    pub root: Root,
    /// Full name.
    pub name: &'static str,
    /// When a holder may exercise.
    pub exercise: Exercise,
    /// What it settles to, and when.
    pub settles: &'static str,
    /// Last trading.
    pub last_trade: &'static str,
    /// Strike grid.
    pub strikes: &'static [StrikeRow],
    /// What a reader of old data should know.
    pub note: &'static str,
    /// Where it was read.
    pub source: &'static str,
}

const fn grid(since: Since, below: Option<i64>, step_mills: i64) -> StrikeRow {
    StrikeRow {
        since,
        below: match below {
            Some(mills) => Some(Price(mills)),
            None => None,
        },
        step: Price(step_mills),
    }
}

const ALWAYS: Since = Since::day(ymd(1990, 1, 1));

const SPX_STRIKES: &[StrikeRow] = &[grid(ALWAYS, None, 5_000)];
const XSP_STRIKES: &[StrikeRow] = &[grid(ALWAYS, None, 500)];
const VIX_STRIKES: &[StrikeRow] = &[
    grid(Since::day(ymd(2014, 5, 29)), Some(15_000), 500),
    grid(ALWAYS, Some(30_000), 1_000),
    // 32.5 to 47.5 were listed beside whole points for years.
    grid(ALWAYS, Some(50_000), 500),
    grid(ALWAYS, Some(200_000), 1_000),
    grid(ALWAYS, None, 5_000),
];

const CASH: &str = "cash is paid on the business day after expiry";

/// Every option class.
pub const OPTIONS: [OptionSpec; 5] = [
    OptionSpec {
        root: Root::Spx,
        name: "S&P 500 options, settled in the morning",
        exercise: Exercise::European,
        settles: "in cash to SET, the opening sales prices of the index's components on the expiry day (09:30 ET)",
        last_trade: "16:15 ET of the session before expiry (usually the Thursday)",
        strikes: SPX_STRIKES,
        note: "until February 2015 dated on the Saturday after the third Friday. From 2025 (SEC release 34-103219) an expiring \
               series also trades overnight to the end of that session on its settlement morning: not counted here, where trading \
               means regular hours",
        source: "Cboe SPX product specification",
    },
    OptionSpec {
        root: Root::Spxw,
        name: "S&P 500 weekly, month-end and third-Friday options, settled at the close",
        exercise: Exercise::European,
        settles: "in cash to the closing value of the index on the expiry day (16:00 ET, half days 13:00)",
        last_trade: "16:00 ET of the expiry day (half days 13:00); series that do not expire trade to 16:15",
        strikes: SPX_STRIKES,
        note: "third-Friday series were SPXPM before 2017-05-01, quarter-ends SPXQ before 2014-07-03; the weeklys of 2005 to 2010 \
               stood under other symbols and settled in the morning",
        source: "Cboe SPX product specification",
    },
    OptionSpec {
        root: Root::Xsp,
        name: "Mini S&P 500 options (a tenth of the index), settled at the close",
        exercise: Exercise::European,
        settles: "in cash to a tenth of the closing value of the S&P 500 on the expiry day (16:00 ET, half days 13:00)",
        last_trade: "16:00 ET of the expiry day (half days 13:00)",
        strikes: XSP_STRIKES,
        note: "launched on 2005-10-25 as a class settled in the morning to XSR; settled at the close since 2013-11-05",
        source: "Cboe XSP product specification; marketswiki.com on the change of 2013",
    },
    OptionSpec {
        root: Root::Vix,
        name: "VIX options",
        exercise: Exercise::European,
        settles: "in cash to VRO, the special opening quotation of VIX on the morning of expiry (09:30 ET)",
        last_trade: "16:15 ET of the session before expiry (usually the Tuesday)",
        strikes: VIX_STRIKES,
        note: "priced on the VX future of the same expiry, not on spot VIX. Some vendors keep the weeklys under this root (DataShop's \
               file of 2016-06-01 does). From 2025 (SEC release 34-103219) expiring series also trade overnight to 09:00 ET of their \
               settlement morning: not counted here",
        source: "Cboe VIX options specification; Cboe notice C2018120300 for 2018-12-05",
    },
    OptionSpec {
        root: Root::Vixw,
        name: "VIX weekly options",
        exercise: Exercise::European,
        settles: "in cash to VRO, the special opening quotation of VIX on the morning of expiry (09:30 ET)",
        last_trade: "16:15 ET of the session before expiry (usually the Tuesday)",
        strikes: VIX_STRIKES,
        note: "as VIX; the quotation uses SPXW options that expire thirty days later",
        source: "Cboe VIX weeklys page",
    },
];

impl Root {
    /// What is known of it.
    #[must_use]
    pub const fn spec(self) -> &'static OptionSpec {
        const TABLE: &[OptionSpec; 5] = &OPTIONS;
        match self {
            Self::Spx => &TABLE[0],
            Self::Spxw => &TABLE[1],
            Self::Xsp => &TABLE[2],
            Self::Vix => &TABLE[3],
            Self::Vixw => &TABLE[4],
        }
    }

    /// Name of the series that it officially settles to: `SET`, `VRO`, or the index itself.
    #[must_use]
    pub const fn settlement_series(self) -> &'static str {
        match (self.settlement(), self) {
            (Settlement::Am, Self::Vix | Self::Vixw) => "VRO",
            (Settlement::Am, _) => "SET",
            (Settlement::Pm, Self::Xsp) => "XSP",
            (Settlement::Pm, _) => "SPX",
        }
    }

    /// The finest step between strikes around a level on a day.
    #[must_use]
    pub fn strike_step(self, strike: Price, on: Date) -> Price {
        let holds = |r: &&StrikeRow| r.since.date <= on && r.below.is_none_or(|b| strike < b);
        self.spec()
            .strikes
            .iter()
            .find(holds)
            .map_or(Price(1_000), |r| r.step)
    }

    /// Whether a strike can be listed on a day: positive and on the grid. Whether it *is* listed, only a chain says.
    #[must_use]
    pub fn strike_on_grid(self, strike: Price, on: Date) -> bool {
        strike.0 > 0 && strike.0.checked_rem(self.strike_step(strike, on).0) == Some(0)
    }

    /// When cash is paid, in words.
    #[must_use]
    pub const fn payment(self) -> &'static str {
        CASH
    }
}
