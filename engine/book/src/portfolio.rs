//! Portfolio margin: the greatest loss of a class of positions over a grid of market moves.
//!
//! The ranges are data ([`RANGES`], [`HOUSES`]). Each class (every option on one underlying) is revalued at ten points, five
//! at equal distances down to the low end and five up to the high end, by Black-76 at the vol of each strike
//! (`alula_pricing::stress`); a house may add shifts of implied vol. Classes of one product group offset: at each point a
//! class's gain counts for the group's share, its loss in full. The requirement is the greatest loss of the group, or 0.375
//! points for every contract times the multiplier if that is more, a long option's share of it at most its market value
//! (FINRA rule 4210(g), Cboe rule 10.4). What has no range here (VIX options: the clearing house's parameter file is not
//! public in a form that could be cited) is margined by its strategies as without portfolio margin.
//!
//! A simulation of the published rule for information: a broker's own figure, with its concentration charges, prevails.

use alula_market::money::Usd;
use alula_pricing::InputError;
use alula_pricing::stress::{self, Holding, ProfitGrid, VolShift};

/// Whose grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum House {
    /// The regulators' minimum: price moves alone.
    Regulatory,
    /// Interactive Brokers: implied vol 15 % of itself up and down besides.
    Ibkr,
}

/// The range of market moves of an underlying.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StressRange {
    /// Underlying, as [`alula_market::contract::Root::underlying`] names it.
    pub underlying: &'static str,
    /// Classes of one group offset each other.
    pub group: &'static str,
    /// Lowest move, a share of the underlying.
    pub low: f64,
    /// Highest.
    pub high: f64,
    /// Share of a class's gain that counts against another class's loss.
    pub offset: f64,
    /// Where it was read.
    pub source: &'static str,
}

const FINRA: &str =
    "FINRA rule 4210(g), high-capitalisation broad-based index; IBKR and OCC customer portfolio margin pages";

/// Ranges by underlying, in force since portfolio margin began for customers (2007-04-02).
pub const RANGES: [StressRange; 2] = [
    StressRange {
        underlying: "SPX",
        group: "high-capitalisation broad-based index",
        low: -0.08,
        high: 0.06,
        offset: 0.9,
        source: FINRA,
    },
    StressRange {
        underlying: "XSP",
        group: "high-capitalisation broad-based index",
        low: -0.08,
        high: 0.06,
        offset: 0.9,
        source: FINRA,
    },
];

/// What a house adds to the range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HouseRules {
    /// House.
    pub house: House,
    /// Shifts of implied vol as shares of itself; 0 is the regulators' own.
    pub vol_shares: &'static [f64],
    /// Where it was read.
    pub source: &'static str,
}

/// Houses. Interactive Brokers also stresses five standard deviations of recent returns and 30 % of concentrated classes;
/// those need data that a strategy does not have and are left out.
pub const HOUSES: [HouseRules; 2] = [
    HouseRules {
        house: House::Regulatory,
        vol_shares: &[0.0],
        source: FINRA,
    },
    HouseRules {
        house: House::Ibkr,
        vol_shares: &[-0.15, 0.0, 0.15],
        source: "us.placetrade.com (IBKR mirror), portfolio margin: implied volatility +15 % and -15 %",
    },
];

/// Points of the grid on each side of the market.
const POINTS_A_SIDE: u16 = 5;

/// Least requirement of a contract in points of its price, before the multiplier.
pub const MINIMUM_POINTS: f64 = 0.375;

/// The range of an underlying; `None`: its options are margined by strategy.
#[must_use]
pub fn range_of(underlying: &str) -> Option<&'static StressRange> {
    RANGES.iter().find(|r| r.underlying == underlying)
}

/// The moves of a range: five down to its low end and five up to its high end, lowest first.
#[must_use]
pub fn moves(range: &StressRange) -> Vec<f64> {
    let n = f64::from(POINTS_A_SIDE);
    let down = (1..=POINTS_A_SIDE).rev().map(|i| range.low * f64::from(i) / n);
    let up = (1..=POINTS_A_SIDE).map(|i| range.high * f64::from(i) / n);
    down.chain(up).collect()
}

/// Everything held on one underlying.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassHoldings {
    /// Range.
    pub range: &'static StressRange,
    /// Options with their forward, time and vol; units are contracts times multiplier.
    pub holdings: Vec<Holding>,
    /// Sum over contracts of the minimum in dollars, a long option's at most its value: see [`contract_minimum`].
    pub minimum: f64,
}

/// The minimum of `contracts` (signed) of one option worth `value_points` each, in dollars.
#[must_use]
pub fn contract_minimum(contracts: f64, multiplier: f64, value_points: f64) -> f64 {
    let points = if contracts > 0.0 {
        MINIMUM_POINTS.min(value_points.max(0.0))
    } else {
        MINIMUM_POINTS
    };
    contracts.abs() * multiplier * points
}

/// Requirement of classes with ranges in dollars, never negative: the sum over product groups.
///
/// # Errors
/// [`InputError`] when a holding cannot be valued under a move.
pub fn requirement(house: House, classes: &[ClassHoldings]) -> Result<Usd, InputError> {
    let rules = HOUSES.iter().find(|h| h.house == house);
    let vols: Vec<VolShift> = rules
        .map_or(&[0.0] as &[f64], |h| h.vol_shares)
        .iter()
        .map(|s| VolShift::Share(*s))
        .collect();
    let mut groups: Vec<&'static str> = classes.iter().map(|c| c.range.group).collect();
    groups.sort_unstable();
    groups.dedup();
    let mut sum = Usd::ZERO;
    for group in groups {
        let mut minimum = 0.0;
        let mut grids: Vec<(ProfitGrid, f64)> = Vec::new();
        for class in classes.iter().filter(|c| c.range.group == group) {
            minimum += class.minimum;
            let grid = stress::grid(&class.holdings, &moves(class.range), &vols, 0.0)?;
            grids.push((grid, class.range.offset));
        }
        let loss = worst_loss(&grids).max(minimum);
        // A sum of money beyond what the ledger can hold is a data error; the largest amount says so as well as any.
        sum += Usd::from_f64(loss).map_or(Usd(i64::MAX), Usd::round_to_cents);
    }
    Ok(sum)
}

/// The greatest loss over the cells of several classes' grids, gains counted for their share; zero when none loses.
fn worst_loss(grids: &[(ProfitGrid, f64)]) -> f64 {
    let alone = grids.len() == 1;
    let cells = grids.first().map_or(0, |(g, _)| g.profits.len());
    let at = |cell: usize| -> f64 {
        grids
            .iter()
            .filter_map(|(g, offset)| Some((*g.profits.get(cell)?, *offset)))
            .map(|(profit, offset)| {
                if profit > 0.0 && !alone {
                    profit * offset
                } else {
                    profit
                }
            })
            .sum()
    };
    (0..cells).map(|c| -at(c)).fold(0.0, f64::max)
}
