//! Shares that are traded beside options, with their splits.

use super::since::{Since, ymd};
use crate::time::Date;
use std::fmt;

/// Exchange-traded shares and notes that strategies hold or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Share {
    /// SPDR S&P 500 ETF Trust.
    Spy,
    /// iPath S&P 500 VIX Short-Term Futures ETN.
    Vxx,
    /// iPath S&P 500 VIX Mid-Term Futures ETN.
    Vxz,
    /// `ProShares` VIX Short-Term Futures ETF.
    Vixy,
}

/// A split: so many new shares for so many old ones, from the open of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// First session at the new price.
    pub on: Date,
    /// New shares.
    pub new: i64,
    /// Old shares that they replace.
    pub old: i64,
    /// Where it was read.
    pub source: &'static str,
}

impl Split {
    /// `1 for 4 (reverse)`, `2 for 1`.
    #[must_use]
    pub fn words(&self) -> String {
        let reverse = if self.new < self.old { " (reverse)" } else { "" };
        format!("{} for {}{reverse}", self.new, self.old)
    }
}

/// What is known of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareSpec {
    /// The share.
    pub share: Share,
    /// Symbol.
    pub symbol: &'static str,
    /// Full name.
    pub name: &'static str,
    /// First session under this symbol.
    pub since: Since,
    /// Sessions without the symbol: (first, last), the ends included.
    pub gaps: &'static [(Date, Date)],
    /// Splits, oldest first.
    pub splits: &'static [Split],
    /// What a holder should know.
    pub note: &'static str,
    /// Where the dates were read.
    pub source: &'static str,
}

const fn reverse(year: i32, month: u32, day: u32, old: i64, source: &'static str) -> Split {
    Split {
        on: ymd(year, month, day),
        new: 1,
        old,
        source,
    }
}

const BARCLAYS: &str = "Barclays announcement";
const HISTORY: &str = "sixfigureinvesting.com, table of VXX reverse splits (2018-03-14)";
const VIXY_TABLE: &str = "splithistory.com/vixy";

const VXX_SPLITS: &[Split] = &[
    reverse(2010, 11, 9, 4, BARCLAYS),
    reverse(2012, 10, 5, 4, BARCLAYS),
    reverse(2013, 11, 8, 4, BARCLAYS),
    reverse(2016, 8, 9, 4, HISTORY),
    reverse(2017, 8, 23, 4, BARCLAYS),
    // Of the series B notes, under the symbol since 2019-05-02.
    reverse(
        2021,
        4,
        23,
        4,
        "general knowledge; compare with your price source",
    ),
    reverse(2023, 3, 7, 4, BARCLAYS),
    reverse(2024, 7, 24, 4, BARCLAYS),
];

const VXZ_SPLITS: &[Split] = &[reverse(2024, 7, 24, 4, BARCLAYS)];

const VIXY_SPLITS: &[Split] = &[
    reverse(2013, 6, 10, 5, VIXY_TABLE),
    reverse(2016, 7, 25, 5, VIXY_TABLE),
    reverse(2017, 7, 17, 4, VIXY_TABLE),
    reverse(2021, 5, 26, 4, VIXY_TABLE),
    reverse(2023, 6, 23, 5, VIXY_TABLE),
];

/// The first notes matured on 2019-01-30; the series B notes took the symbols over.
const SERIES_B: &[(Date, Date)] = &[(ymd(2019, 1, 30), ymd(2019, 5, 1))];
const SERIES_B_NOTE: &str = "a note: credit of the issuer. The first notes matured on 2019-01-30; the series B notes (VXXB, VXZB \
     from January 2018) took the symbols over on 2019-05-02. Options on them are American and deliver shares, adjusted at \
     each split: none of them are imported or simulated";

/// Every share.
pub const SHARES: [ShareSpec; 4] = [
    ShareSpec {
        share: Share::Spy,
        symbol: "SPY",
        name: "SPDR S&P 500 ETF Trust",
        since: Since::day(ymd(1993, 1, 29)),
        gaps: &[],
        splits: &[],
        note: "pays quarterly dividends, which are no part of its price series unless the source says so. Its options are American and \
               deliver shares: none of them are imported or simulated",
        source: "State Street fund page (inception 1993-01-22, first trade 1993-01-29)",
    },
    ShareSpec {
        share: Share::Vxx,
        symbol: "VXX",
        name: "iPath S&P 500 VIX Short-Term Futures ETN",
        since: Since::day(ymd(2009, 1, 30)),
        gaps: SERIES_B,
        splits: VXX_SPLITS,
        note: SERIES_B_NOTE,
        source: "Barclays; etftrack.com on the series B notes",
    },
    ShareSpec {
        share: Share::Vxz,
        symbol: "VXZ",
        name: "iPath S&P 500 VIX Mid-Term Futures ETN",
        since: Since::day(ymd(2009, 1, 30)),
        gaps: SERIES_B,
        splits: VXZ_SPLITS,
        note: SERIES_B_NOTE,
        source: "Barclays; etftrack.com on the series B notes",
    },
    ShareSpec {
        share: Share::Vixy,
        symbol: "VIXY",
        name: "ProShares VIX Short-Term Futures ETF",
        since: Since::day(ymd(2011, 1, 4)),
        gaps: &[],
        splits: VIXY_SPLITS,
        note: "splits after June 2023 are not in the table",
        source: "ProShares fund page",
    },
];

impl Share {
    /// All shares.
    pub const ALL: [Self; 4] = [Self::Spy, Self::Vxx, Self::Vxz, Self::Vixy];

    /// What is known of it.
    #[must_use]
    pub const fn spec(self) -> &'static ShareSpec {
        const TABLE: &[ShareSpec; 4] = &SHARES;
        match self {
            Self::Spy => &TABLE[0],
            Self::Vxx => &TABLE[1],
            Self::Vxz => &TABLE[2],
            Self::Vixy => &TABLE[3],
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
        Self::ALL.into_iter().find(|s| s.symbol() == symbol)
    }

    /// Splits after one day up to and including another, oldest first: those that a holder over that time goes through.
    pub fn splits_between(self, after: Date, up_to: Date) -> impl Iterator<Item = &'static Split> {
        let splits = self.spec().splits.iter();
        splits.filter(move |s| s.on > after && s.on <= up_to)
    }

    /// Whether the symbol traded on a day (weekends and holidays aside).
    #[must_use]
    pub fn existed(self, on: Date) -> bool {
        let spec = self.spec();
        on >= spec.since.date && !spec.gaps.iter().any(|(a, b)| *a <= on && on <= *b)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}
