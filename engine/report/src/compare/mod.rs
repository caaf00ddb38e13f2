//! Runs on one path compared: what a hedge cost, and what it did to gamma, vega, drawdowns and tails, with intervals.
//!
//! The first run is the yardstick (unhedged), the others are measured against it (hedged). On one history the intervals come
//! from a stationary block bootstrap of the sessions, the same blocks for both; on simulated paths from the paths, each
//! pair of runs having seen the same one.

mod claims;
pub mod page;
pub mod resample;
pub mod scale;
mod screen;
pub mod worst;

pub use claims::claims;
pub use screen::{json, text};

use alula_book::ExecutionKind;
use alula_market::contract::Root;
use alula_market::money::Usd;
use alula_market::time::Date;
use alula_run::output::{Role, RunOutput};
use resample::{Draws, Interval, block_length, interval, stationary, tail_loss};
use std::collections::BTreeMap;

/// Calendar days to an expiry that count as near.
pub const NEAR_DAYS: i64 = 5;
/// Share of the yardstick's worst sessions on which a hedge must earn its keep.
pub const WORST_SHARE: f64 = 0.01;
/// Sessions a year.
const SESSIONS: f64 = 252.0;

/// One session of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SessionRow {
    /// Date.
    pub date: Date,
    /// Gain or loss at the stated share, dollars.
    pub gain: f64,
    /// Equity at its end.
    pub equity: f64,
    /// Deepest drawdown at any snapshot, dollars.
    pub fall: f64,
    /// Absolute gamma of what is held on the index at the last tick, underlyings a point; none where unknown.
    pub gamma: Option<f64>,
    /// Some option on the index expires within [`NEAR_DAYS`].
    pub near: bool,
    /// Vega, dollars a vol point.
    pub vega: Option<f64>,
}

/// A run reduced to what is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name.
    pub name: String,
    /// Hash of the data, and their label.
    pub data: (String, String),
    /// They are simulated.
    pub simulated: bool,
    /// Capital.
    pub capital: f64,
    /// Sessions.
    pub rows: Vec<SessionRow>,
    /// Fees.
    pub fees: f64,
    /// Given up to the spread: gains at mids less gains at the stated share.
    pub spread: f64,
    /// Gain by structure, fees paid.
    pub structures: BTreeMap<String, f64>,
    /// Orders made, and filled whole.
    pub orders: (usize, usize),
    /// Lots opened.
    pub lots: u64,
    /// Gain by structure on each session, with what the structure is for; empty for runs that were kept before there was that.
    pub sessions: BTreeMap<String, (Role, Vec<f64>)>,
}

/// Days to the nearest expiry of what is held on the index at the end of each session.
fn near_expiry(run: &RunOutput) -> Vec<bool> {
    let mut held: BTreeMap<(u32, Date, String, i64), i64> = BTreeMap::new();
    let mut trades = run.trades.iter().peekable();
    let mut out = Vec::new();
    for day in &run.daily {
        while let Some(trade) = trades.next_if(|t| t.at <= day.at) {
            for leg in &trade.legs {
                let index = Root::parse(&leg.root).is_some_and(|r| r.underlying() != "VIX");
                if index {
                    let key = (trade.position, leg.expiry, leg.right.clone(), leg.strike.0);
                    *held.entry(key).or_default() += leg.ratio * i64::from(trade.lots);
                }
            }
        }
        held.retain(|_, n| *n != 0);
        let near = |e: &Date| (0..=NEAR_DAYS).contains(&(*e - day.date).num_days());
        out.push(held.keys().any(|(_, expiry, ..)| near(expiry)));
    }
    out
}

impl Sample {
    /// Reduces a run.
    #[must_use]
    pub fn of(name: &str, run: &RunOutput) -> Self {
        let capital = run.manifest.capital.to_f64();
        let mut before = capital;
        let mut rows: Vec<SessionRow> = Vec::new();
        for (day, near) in run.daily.iter().zip(near_expiry(run)) {
            let equity = day.equity.share.to_f64();
            let row = SessionRow {
                date: day.date,
                gain: equity - before,
                equity,
                fall: day.drawdown_max.share.to_f64(),
                gamma: day.greeks.map(|g| g.gamma.abs()),
                near,
                vega: day.greeks.map(|g| g.vega),
            };
            before = equity;
            match rows.last_mut().filter(|r| r.date == row.date) {
                // What settled after the last tick belongs to the same session.
                Some(last) => {
                    last.gain += row.gain;
                    last.equity = row.equity;
                    last.fall = last.fall.max(row.fall);
                }
                None => rows.push(row),
            }
        }
        let dates: Vec<Date> = rows.iter().map(|r| r.date).collect();
        let sessions = worst::by_session(run, &dates);
        let mut structures: BTreeMap<String, f64> = BTreeMap::new();
        for position in &run.positions {
            *structures.entry(position.structure.clone()).or_default() += position.pnl.share.to_f64();
        }
        let gap = run
            .daily
            .last()
            .map_or(Usd::ZERO, |d| d.equity.mid - d.equity.share);
        let filled = run.orders.iter().filter(|o| o.status == "filled").count();
        let opened = run.trades.iter().filter(|t| t.kind == ExecutionKind::Open);
        Self {
            name: name.to_owned(),
            data: (
                run.manifest.hashes.get("data").cloned().unwrap_or_default(),
                run.manifest.data_label.clone(),
            ),
            simulated: run.manifest.simulated,
            capital,
            rows,
            fees: run.daily.last().map_or(0.0, |d| d.fees.to_f64()),
            spread: gap.to_f64(),
            structures,
            orders: (run.orders.len(), filled),
            lots: opened.map(|o| u64::from(o.lots)).sum(),
            sessions,
        }
    }

    /// Years of sessions.
    #[must_use]
    pub fn years(&self) -> f64 {
        f64::from(u32::try_from(self.rows.len()).unwrap_or(u32::MAX)) / SESSIONS
    }
}

/// Why runs cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Other data.
    #[error("`{a}` and `{b}` ran on different data: {of_a} and {of_b}")]
    Data {
        /// First run.
        a: String,
        /// Second run.
        b: String,
        /// Its data.
        of_a: String,
        /// Its data.
        of_b: String,
    },
    /// Other sessions.
    #[error("`{a}` ran over {of_a}, `{b}` over {of_b}")]
    Period {
        /// First run.
        a: String,
        /// Second run.
        b: String,
        /// Its sessions.
        of_a: String,
        /// Its sessions.
        of_b: String,
    },
    /// Too little to say anything.
    #[error("`{0}` has fewer than 20 sessions, too few to compare")]
    Short(String),
}

/// Refuses runs that did not see the same market.
///
/// # Errors
/// See [`Mismatch`].
pub fn same_path(a: &Sample, b: &Sample) -> Result<(), Mismatch> {
    if a.data.0 != b.data.0 {
        return Err(Mismatch::Data {
            a: a.name.clone(),
            b: b.name.clone(),
            of_a: format!("`{}` ({})", a.data.1, crate::text::short_hash(&a.data.0)),
            of_b: format!("`{}` ({})", b.data.1, crate::text::short_hash(&b.data.0)),
        });
    }
    // A settlement after the last session adds a row to the run that has it.
    let dates = |s: &Sample| s.rows.iter().map(|r| r.date).collect::<Vec<_>>();
    let (of_a, of_b) = (dates(a), dates(b));
    let shared = of_a.len().min(of_b.len());
    let differ = of_a.get(..shared) != of_b.get(..shared) || of_a.len().abs_diff(of_b.len()) > 1;
    if differ {
        let span = |d: &[Date]| match (d.first(), d.last()) {
            (Some(first), Some(last)) => format!("{} sessions from {first} to {last}", d.len()),
            _ => "no session".to_owned(),
        };
        return Err(Mismatch::Period {
            a: a.name.clone(),
            b: b.name.clone(),
            of_a: span(&of_a),
            of_b: span(&of_b),
        });
    }
    if shared < 20 {
        return Err(Mismatch::Short(a.name.clone()));
    }
    Ok(())
}

/// The figures that are compared, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Largest absolute gamma within [`NEAR_DAYS`] of an expiry.
    PeakGamma,
    /// Largest absolute gamma at all.
    LifeGamma,
    /// Mean absolute vega.
    Vega,
    /// Deepest drawdown, a share of the peak.
    Drawdown,
    /// CVaR of session gains at 95 %, a share of the capital.
    Tail95,
    /// CVaR at 99 %.
    Tail99,
    /// Gain a year, a share of the capital.
    Gain,
    /// Fees and spread a year, a share of the capital.
    Cost,
    /// Loss on the yardstick's worst sessions, a share of the capital.
    WorstDays,
}

impl Figure {
    /// All.
    pub const ALL: [Self; 9] = [
        Self::PeakGamma,
        Self::LifeGamma,
        Self::Vega,
        Self::Drawdown,
        Self::Tail95,
        Self::Tail99,
        Self::Gain,
        Self::Cost,
        Self::WorstDays,
    ];

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PeakGamma => "peak gamma, 5 days to expiry",
            Self::LifeGamma => "peak gamma, whole life",
            Self::Vega => "mean vega, absolute",
            Self::Drawdown => "max drawdown",
            Self::Tail95 => "tail loss, CVaR 95%",
            Self::Tail99 => "tail loss, CVaR 99%",
            Self::Gain => "gain a year",
            Self::Cost => "fees and spread a year",
            Self::WorstDays => "loss on the worst 1% of days",
        }
    }

    /// Name in documents.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::PeakGamma => "peak_gamma_near_expiry",
            Self::LifeGamma => "peak_gamma",
            Self::Vega => "mean_absolute_vega",
            Self::Drawdown => "max_drawdown",
            Self::Tail95 => "cvar_95",
            Self::Tail99 => "cvar_99",
            Self::Gain => "gain_a_year",
            Self::Cost => "cost_a_year",
            Self::WorstDays => "loss_on_worst_days",
        }
    }

    /// A share of the capital (or of the peak); else in the units of its greek.
    #[must_use]
    pub const fn is_share(self) -> bool {
        !matches!(self, Self::PeakGamma | Self::LifeGamma | Self::Vega)
    }
}

/// Values of the figures on a path; none where there is nothing to measure.
pub type Figures = [Option<f64>; Figure::ALL.len()];

/// The figures of a path: the rows of a sample in some order. `yard` are the yardstick's rows in the same order.
fn measure(sample: &Sample, rows: &[SessionRow], yard: &[SessionRow]) -> Figures {
    let capital = sample.capital;
    let years = f64::from(u32::try_from(rows.len()).unwrap_or(u32::MAX)) / SESSIONS;
    let largest = |of: &dyn Fn(&SessionRow) -> Option<f64>| rows.iter().filter_map(of).reduce(f64::max);
    let vegas: Vec<f64> = rows.iter().filter_map(|r| r.vega.map(f64::abs)).collect();
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let gains: Vec<f64> = rows.iter().map(|r| r.gain).collect();
    let share = |x: Option<f64>| x.map(|x| x / capital);
    let shared = rows.len().min(yard.len());
    let of_yard: Vec<f64> = yard.iter().take(shared).map(|r| r.gain).collect();
    let worst = worst_sessions(&of_yard);
    let lost: f64 = worst.iter().filter_map(|i| rows.get(*i)).map(|r| -r.gain).sum();
    [
        largest(&|r| r.gamma.filter(|_| r.near)),
        largest(&|r| r.gamma),
        (!vegas.is_empty()).then(|| vegas.iter().sum::<f64>() / count(vegas.len())),
        Some(drawdown(capital, rows)),
        share(tail_loss(&gains, 0.05)),
        share(tail_loss(&gains, 0.01)),
        (years > 0.0).then(|| gains.iter().sum::<f64>() / years / capital),
        (years > 0.0).then(|| (sample.fees + sample.spread) / sample.years() / capital),
        (!worst.is_empty()).then(|| lost / capital),
    ]
}

/// Places of the worst sessions, worst first: a hundredth of them, at least one.
fn worst_sessions(gains: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..gains.len()).collect();
    let of = |i: &usize| gains.get(*i).copied().unwrap_or(0.0);
    order.sort_by(|a, b| of(a).total_cmp(&of(b)).then(a.cmp(b)));
    let count = f64::from(u32::try_from(gains.len()).unwrap_or(u32::MAX));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a hundredth of a length"
    )]
    let worst = ((count * WORST_SHARE).ceil() as usize).max(1);
    order.truncate(worst);
    order
}

/// Deepest drawdown over the ends of sessions, as a share of the peak before it.
fn drawdown(capital: f64, rows: &[SessionRow]) -> f64 {
    let (mut equity, mut peak, mut deepest) = (capital, capital, 0.0_f64);
    for row in rows {
        equity += row.gain;
        peak = peak.max(equity);
        if peak > 0.0 {
            deepest = deepest.max((peak - equity) / peak);
        }
    }
    deepest
}

/// A figure of both runs, and of how they differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Figure.
    pub figure: Figure,
    /// The yardstick's.
    pub base: Option<f64>,
    /// The other's.
    pub other: Option<f64>,
    /// Other less yardstick.
    pub change: Option<Interval>,
    /// By which share it is lower than the yardstick's: 0.5 is half.
    pub lower_by: Option<Interval>,
    /// The point of it where there is no interval.
    pub lower_point: Option<f64>,
}

/// One run against the yardstick.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The yardstick.
    pub base: String,
    /// The other.
    pub other: String,
    /// Figures.
    pub rows: Vec<Difference>,
    /// Gain by structure of both.
    pub structures: Vec<(String, f64, f64)>,
    /// Of each structure of the other run its gain and an interval of it, over simulated paths; empty on one path.
    pub gains: Vec<(String, Interval)>,
    /// What the layers of the other run did on the yardstick's worst sessions.
    pub worst: Option<worst::WorstDays>,
    /// How the intervals were made, in words.
    pub method: String,
}

fn differences(base: &Figures, other: &Figures, resampled: &[(Figures, Figures)]) -> Vec<Difference> {
    let at = |f: &Figures, i: usize| f.get(i).copied().flatten();
    let lower =
        |a: Option<f64>, b: Option<f64>| a.zip(b).filter(|(a, _)| a.abs() > 0.0).map(|(a, b)| 1.0 - b / a);
    Figure::ALL
        .into_iter()
        .enumerate()
        .map(|(i, figure)| {
            let (a, b) = (at(base, i), at(other, i));
            let pairs = || resampled.iter().map(|(x, y)| (at(x, i), at(y, i)));
            let changes = pairs().filter_map(|(x, y)| Some(y? - x?)).collect();
            let lowers = pairs().filter_map(|(x, y)| lower(x, y)).collect();
            let change = a.zip(b).map(|(a, b)| b - a);
            let lower_point = lower(a, b);
            // Costs are totals of a run and have no sampling of their own on one path.
            let sampled = figure != Figure::Cost;
            Difference {
                figure,
                base: a,
                other: b,
                change: change.filter(|_| sampled).and_then(|p| interval(p, changes)),
                lower_by: lower_point.filter(|_| sampled).and_then(|p| interval(p, lowers)),
                lower_point,
            }
        })
        .collect()
}

fn structures(a: &BTreeMap<String, f64>, b: &BTreeMap<String, f64>) -> Vec<(String, f64, f64)> {
    let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
    names.sort();
    names.dedup();
    let of = |m: &BTreeMap<String, f64>, n: &String| m.get(n).copied().unwrap_or(0.0);
    names
        .into_iter()
        .map(|n| (n.clone(), of(a, n), of(b, n)))
        .collect()
}

/// How to resample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resampling {
    /// Resamples.
    pub count: u32,
    /// Mean length of a block in sessions; by [`block_length`] when none.
    pub block: Option<f64>,
    /// Seed.
    pub seed: u64,
}

/// Two runs on one history, intervals by block bootstrap.
///
/// # Errors
/// See [`same_path`].
pub fn on_history(base: &Sample, other: &Sample, how: Resampling) -> Result<Comparison, Mismatch> {
    same_path(base, other)?;
    let n = base.rows.len().min(other.rows.len());
    let (a, b) = (
        base.rows.get(..n).unwrap_or_default(),
        other.rows.get(..n).unwrap_or_default(),
    );
    let block = how.block.unwrap_or_else(|| block_length(n));
    let mut draws = Draws::new(how.seed);
    let (mut at, mut x, mut y) = (Vec::new(), Vec::new(), Vec::new());
    let mut resampled = Vec::new();
    for _ in 0..how.count {
        stationary(&mut draws, n, block, &mut at);
        x.clear();
        y.clear();
        x.extend(at.iter().filter_map(|i| a.get(*i)).copied());
        y.extend(at.iter().filter_map(|i| b.get(*i)).copied());
        resampled.push((measure(base, &x, &x), measure(other, &y, &x)));
    }
    Ok(Comparison {
        base: base.name.clone(),
        other: other.name.clone(),
        rows: differences(&measure(base, a, a), &measure(other, b, a), &resampled),
        structures: structures(&base.structures, &other.structures),
        gains: Vec::new(),
        worst: worst::on_history(base, other, n, (how, block)),
        method: format!(
            "95% intervals by stationary block bootstrap: {} resamples of {n} sessions, blocks of {block:.0} on average, \
             the same for both",
            how.count
        ),
    })
}

/// The mean gain of each structure of the second runs over the paths, with an interval by resampling paths. None with fewer than ten.
fn gains(pairs: &[(Sample, Sample)], how: Resampling) -> Vec<(String, Interval)> {
    if pairs.len() < 10 {
        return Vec::new();
    }
    let names: std::collections::BTreeSet<&String> =
        pairs.iter().flat_map(|(_, b)| b.structures.keys()).collect();
    let mean = |of: &str, at: &[usize]| {
        let gain = |p: &usize| pairs.get(*p).and_then(|(_, b)| b.structures.get(of)).copied();
        let n = f64::from(u32::try_from(at.len()).unwrap_or(u32::MAX));
        at.iter().map(|p| gain(p).unwrap_or(0.0)).sum::<f64>() / n
    };
    let all: Vec<usize> = (0..pairs.len()).collect();
    let of = |name: &String| {
        // The same draws for every structure: the layers' intervals speak of the same paths.
        let mut draws = Draws::new(how.seed);
        let mut at = Vec::new();
        let resampled: Vec<f64> = (0..how.count)
            .map(|_| {
                stationary(&mut draws, pairs.len(), 1.0, &mut at);
                mean(name, &at)
            })
            .collect();
        Some((name.clone(), interval(mean(name, &all), resampled)?))
    };
    names.into_iter().filter_map(of).collect()
}

/// Pairs of runs on simulated paths. Figures are means over the paths; intervals are of those means, by resampling paths.
///
/// # Errors
/// See [`same_path`]; `Short` without paths.
pub fn on_paths(pairs: &[(Sample, Sample)], how: Resampling) -> Result<Comparison, Mismatch> {
    let Some((first_a, first_b)) = pairs.first() else {
        return Err(Mismatch::Short(String::new()));
    };
    let mut figures: Vec<(Figures, Figures)> = Vec::new();
    let (mut of_a, mut of_b) = (BTreeMap::new(), BTreeMap::new());
    let count = f64::from(u32::try_from(pairs.len()).unwrap_or(u32::MAX));
    for (a, b) in pairs {
        same_path(a, b)?;
        figures.push((measure(a, &a.rows, &a.rows), measure(b, &b.rows, &a.rows)));
        for (from, to) in [(&a.structures, &mut of_a), (&b.structures, &mut of_b)] {
            for (name, gain) in from {
                *to.entry(name.clone()).or_insert(0.0) += gain / count;
            }
        }
    }
    let mean = |at: &[usize]| -> (Figures, Figures) {
        let side = |pick: &dyn Fn(&(Figures, Figures)) -> Figures| -> Figures {
            let mut out: Figures = [None; Figure::ALL.len()];
            for (i, slot) in out.iter_mut().enumerate() {
                // Only paths on which both were measured: the difference stays paired.
                let values: Vec<f64> = at
                    .iter()
                    .filter_map(|p| figures.get(*p))
                    .filter(|(x, y)| {
                        x.get(i).copied().flatten().is_some() && y.get(i).copied().flatten().is_some()
                    })
                    .filter_map(|pair| pick(pair).get(i).copied().flatten())
                    .collect();
                let n = f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX));
                *slot = (!values.is_empty()).then(|| values.iter().sum::<f64>() / n);
            }
            out
        };
        (side(&|p| p.0), side(&|p| p.1))
    };
    let all: Vec<usize> = (0..pairs.len()).collect();
    let mut draws = Draws::new(how.seed);
    let mut at = Vec::new();
    // Paths are independent: blocks of one.
    let resampled: Vec<(Figures, Figures)> = (0..how.count)
        .map(|_| {
            stationary(&mut draws, pairs.len(), 1.0, &mut at);
            mean(&at)
        })
        .collect();
    let (base, other) = mean(&all);
    let mut rows = differences(&base, &other, &resampled);
    if pairs.len() < 10 {
        for row in &mut rows {
            (row.change, row.lower_by) = (None, None);
        }
    }
    Ok(Comparison {
        base: first_a.name.clone(),
        other: first_b.name.clone(),
        rows,
        structures: structures(&of_a, &of_b),
        gains: gains(pairs, how),
        worst: worst::on_paths(pairs, how),
        method: if pairs.len() < 10 {
            format!(
                "means of {} simulated paths; fewer than ten give no interval",
                pairs.len()
            )
        } else {
            format!(
                "means of {} simulated paths of {:.1} years, both runs on each; 95% intervals by {} resamples of the paths",
                pairs.len(),
                first_a.years(),
                how.count
            )
        },
    })
}

/// Everything that is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// Where the data come from.
    pub label: String,
    /// They are simulated.
    pub simulated: bool,
    /// First and last session, and how many.
    pub period: String,
    /// Comparisons with the first run.
    pub comparisons: Vec<Comparison>,
    /// Runs of one path, for charts.
    pub samples: Vec<Sample>,
    /// One strategy at several sizes.
    pub sizes: Vec<scale::SizeRow>,
    /// The runs are of simulated paths.
    pub over_paths: bool,
    /// Drawdown of the largest size over that of the smallest, less one, over simulated paths.
    pub size_change: Option<Interval>,
    /// Seed of the intervals.
    pub seed: u64,
}
