//! Margin of futures: outrights and calendar spreads, as data.
//!
//! Exchanges change these requirements weeks apart and multiply them in a crisis; brokers add their own. The shipped table
//! is a starting point of round numbers, says so in its caveats, and is meant to be replaced.

use alula_market::contract::{FutureContract, FutureRoot};
use alula_market::money::Usd;
use alula_market::time::Date;

/// One row: requirement of one contract of a class from a day on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarginRow {
    /// Class.
    pub root: FutureRoot,
    /// First day; `None` is any.
    pub since: Option<Date>,
    /// Applies to contracts that expire within so many days; `None` is open. Rows of one class stand in ascending order.
    pub within_days: Option<i64>,
    /// One outright contract, long or short.
    pub outright: Usd,
    /// One calendar spread (one contract long, one short of the class), charged at its nearer contract's row.
    pub calendar: Usd,
}

/// Margin requirements of futures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuturesMargin {
    /// Name.
    pub name: String,
    /// Rows; of those that fit, the newest date, then the first.
    pub rows: Vec<MarginRow>,
    /// What to repeat with results.
    pub caveats: Vec<&'static str>,
}

const fn row(root: FutureRoot, within_days: Option<i64>, outright: i64, calendar: i64) -> MarginRow {
    MarginRow {
        root,
        since: None,
        within_days,
        outright: Usd(outright.saturating_mul(1_000_000)),
        calendar: Usd(calendar.saturating_mul(1_000_000)),
    }
}

impl FuturesMargin {
    /// Round numbers of calm years; not a quotation of any exchange's or broker's table.
    #[must_use]
    pub fn round_numbers() -> Self {
        use FutureRoot::{Es, Mes, Vx, Vxm};
        Self {
            name: "round numbers".to_owned(),
            rows: vec![
                row(Vx, Some(35), 10_000, 4_000),
                row(Vx, Some(65), 7_500, 2_500),
                row(Vx, None, 5_000, 1_500),
                row(Vxm, Some(35), 1_000, 400),
                row(Vxm, Some(65), 750, 250),
                row(Vxm, None, 500, 150),
                row(Es, None, 13_000, 500),
                row(Mes, None, 1_300, 50),
            ],
            caveats: vec![
                "margin of futures is a table of round numbers, not an exchange's or a broker's: replace it",
            ],
        }
    }

    fn row(&self, contract: &FutureContract, on: Date) -> Option<&MarginRow> {
        let days = (contract.expiry - on).num_days();
        let fits = |r: &&MarginRow| {
            r.root == contract.root
                && r.since.is_none_or(|s| s <= on)
                && r.within_days.is_none_or(|w| days <= w)
        };
        let mut best: Option<&MarginRow> = None;
        for row in self.rows.iter().filter(fits) {
            if best.is_none_or(|b| row.since > b.since) {
                best = Some(row);
            }
        }
        best
    }

    /// Requirement of signed positions on a day: per class, contracts long and short are paired into calendar spreads, nearest
    /// expiries first, and what is left over is outright. `None` where a class has no row.
    #[must_use]
    pub fn requirement(
        &self,
        positions: impl IntoIterator<Item = (FutureContract, i64)>,
        on: Date,
    ) -> Option<Usd> {
        let mut positions: Vec<(FutureContract, i64)> = positions.into_iter().filter(|p| p.1 != 0).collect();
        positions.sort_unstable();
        let mut total = Usd::ZERO;
        for class in FutureRoot::ALL {
            let of_class = || positions.iter().filter(|(c, _)| c.root == class);
            let mut shorts: Vec<(FutureContract, i64)> =
                of_class().filter(|p| p.1 < 0).map(|(c, q)| (*c, -*q)).collect();
            for (long, quantity) in of_class().filter(|p| p.1 > 0) {
                let mut left = *quantity;
                for (short, free) in &mut shorts {
                    let used = left.min(*free);
                    if used > 0 {
                        let near = if short.expiry < long.expiry { short } else { long };
                        total += self.row(near, on)?.calendar.times(used);
                        *free -= used;
                        left -= used;
                    }
                }
                if left > 0 {
                    total += self.row(long, on)?.outright.times(left);
                }
            }
            for (short, free) in shorts.iter().filter(|s| s.1 > 0) {
                total += self.row(short, on)?.outright.times(*free);
            }
        }
        Some(total)
    }
}
