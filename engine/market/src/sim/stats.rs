//! Statistics of a market's daily series, beside the published ones of the real market.

use crate::history::{History, HistoryError};
use crate::series::BarSize;
use crate::time::Date;
use std::collections::BTreeMap;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Standard deviation of daily log returns of SPX, percent.
    ReturnSd,
    /// Skewness of daily log returns.
    ReturnSkew,
    /// Kurtosis of daily log returns (3 for a normal).
    ReturnKurtosis,
    /// Autocorrelation of squared returns at one session.
    SquaresLag1,
    /// The same at five.
    SquaresLag5,
    /// The same at twenty.
    SquaresLag20,
    /// Mean VIX close.
    VixMean,
    /// Its standard deviation.
    VixSd,
    /// Its smallest.
    VixMin,
    /// Its largest.
    VixMax,
    /// Autocorrelation of VIX at one session.
    VixLag1,
    /// The same at five.
    VixLag5,
    /// The same at twenty.
    VixLag20,
    /// Standard deviation of daily changes of ln VIX, percent.
    VixChangeSd,
    /// Correlation of changes of ln VIX and returns of SPX.
    VixSpx,
    /// Mean of VIX less the volatility realised over the next 21 sessions, vol points.
    Premium,
    /// Mean of VIX9D / VIX.
    NineDay,
    /// Mean of VIX / VIX3M.
    ThreeMonth,
    /// Mean of VX2 / VX1 − 1, percent.
    Slope,
    /// Share of sessions with VX2 below VX1, percent.
    Backwardation,
    /// Mean VVIX close.
    VvixMean,
    /// Its standard deviation.
    VvixSd,
    /// Mean SKEW close.
    SkewMean,
}

/// A published statistic of the real market.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Which.
    pub measure: Measure,
    /// Value.
    pub value: f64,
    /// Deviation that counts as one in the table: the spread of the statistic between periods of a few years, by the
    /// table's own unit.
    pub unit: f64,
    /// Sessions that it was computed from.
    pub period: &'static str,
}

const LONG: &str = "2000-01 to 2025-10";
const FUTURES: &str = "2007-01 to 2017-05";
const FAMILY: &str = "2011-01 to 2025-10";

/// Statistics of the real market. Computed from daily closes: SPX (Yahoo), VIX family, VVIX and SKEW (Cboe's history
/// files), VX settlements (CFE, by rank of month). VVIX from 2006-06, its first complete month; VIX3M from 2009-09.
pub const TARGETS: [Target; 23] = [
    target(Measure::ReturnSd, 1.22, 0.25, LONG),
    target(Measure::ReturnSkew, -0.35, 0.5, LONG),
    target(Measure::ReturnKurtosis, 13.6, 6.0, LONG),
    target(Measure::SquaresLag1, 0.31, 0.12, LONG),
    target(Measure::SquaresLag5, 0.31, 0.12, LONG),
    target(Measure::SquaresLag20, 0.16, 0.10, LONG),
    target(Measure::VixMean, 19.9, 4.0, LONG),
    target(Measure::VixSd, 8.4, 2.5, LONG),
    target(Measure::VixMin, 9.1, 2.0, LONG),
    target(Measure::VixMax, 82.7, 25.0, LONG),
    target(Measure::VixLag1, 0.977, 0.015, LONG),
    target(Measure::VixLag5, 0.917, 0.06, LONG),
    target(Measure::VixLag20, 0.763, 0.15, LONG),
    target(Measure::VixChangeSd, 7.2, 1.0, LONG),
    target(Measure::VixSpx, -0.73, 0.07, LONG),
    target(Measure::Premium, 3.5, 1.2, LONG),
    target(Measure::NineDay, 0.95, 0.03, FAMILY),
    target(Measure::ThreeMonth, 0.895, 0.03, "2009-09 to 2025-10"),
    target(Measure::Slope, 5.4, 2.0, FUTURES),
    target(Measure::Backwardation, 18.8, 8.0, FUTURES),
    target(Measure::VvixMean, 93.2, 8.0, "2006-06 to 2025-10"),
    target(Measure::VvixSd, 16.5, 5.0, "2006-06 to 2025-10"),
    target(Measure::SkewMean, 125.3, 8.0, LONG),
];

const fn target(measure: Measure, value: f64, unit: f64, period: &'static str) -> Target {
    Target {
        measure,
        value,
        unit,
        period,
    }
}

impl Measure {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::ReturnSd => "SPX daily return, sd, %",
            Self::ReturnSkew => "SPX daily return, skewness",
            Self::ReturnKurtosis => "SPX daily return, kurtosis",
            Self::SquaresLag1 => "squared return, autocorrelation at 1",
            Self::SquaresLag5 => "squared return, autocorrelation at 5",
            Self::SquaresLag20 => "squared return, autocorrelation at 20",
            Self::VixMean => "VIX, mean",
            Self::VixSd => "VIX, sd",
            Self::VixMin => "VIX, smallest",
            Self::VixMax => "VIX, largest",
            Self::VixLag1 => "VIX, autocorrelation at 1",
            Self::VixLag5 => "VIX, autocorrelation at 5",
            Self::VixLag20 => "VIX, autocorrelation at 20",
            Self::VixChangeSd => "ln VIX, daily change, sd, %",
            Self::VixSpx => "ln VIX change with SPX return, correlation",
            Self::Premium => "VIX less next month's realised vol, mean",
            Self::NineDay => "VIX9D / VIX, mean",
            Self::ThreeMonth => "VIX / VIX3M, mean",
            Self::Slope => "VX2 / VX1 - 1, mean, %",
            Self::Backwardation => "VX2 below VX1, share of days, %",
            Self::VvixMean => "VVIX, mean",
            Self::VvixSd => "VVIX, sd",
            Self::SkewMean => "SKEW, mean",
        }
    }
}

/// Statistics that a history's series allow; what it lacks is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Values by measure.
    pub values: BTreeMap<Measure, f64>,
    /// Sessions with an SPX close.
    pub sessions: usize,
    /// First and last of them.
    pub range: Option<(Date, Date)>,
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// Which.
    pub measure: Measure,
    /// Of the history.
    pub value: f64,
    /// Of the real market.
    pub real: f64,
    /// Difference in units of the target's `unit`, which is set by judgement.
    pub off: f64,
}

impl Statistics {
    /// Measures the daily closes of a history between two days.
    ///
    /// # Errors
    /// When a series cannot be read.
    pub fn of(history: &dyn History, from: Date, to: Date) -> Result<Self, HistoryError> {
        let load = |id: &str| -> Result<BTreeMap<Date, f64>, HistoryError> {
            let Some(series) = history.series(id, BarSize::Session)? else {
                return Ok(BTreeMap::new());
            };
            let rows = series.date.iter().zip(&series.close);
            Ok(rows
                .filter(|(d, _)| (from..=to).contains(*d))
                .filter_map(|(d, c)| Some((*d, (*c)?)))
                .collect())
        };
        let spx = load("SPX")?;
        let vix = load("VIX")?;
        let mut out = Self {
            sessions: spx.len(),
            range: spx.keys().next().copied().zip(spx.keys().next_back().copied()),
            ..Self::default()
        };
        out.returns(&spx);
        out.vix(&spx, &vix);
        let ratio = |a: &BTreeMap<Date, f64>, b: &BTreeMap<Date, f64>| -> Vec<f64> {
            let both = a.iter().filter_map(|(d, x)| Some((*x, *b.get(d)?)));
            both.filter(|(_, y)| *y > 0.0).map(|(x, y)| x / y).collect()
        };
        out.put(Measure::NineDay, mean(&ratio(&load("VIX9D")?, &vix)));
        out.put(Measure::ThreeMonth, mean(&ratio(&vix, &load("VIX3M")?)));
        let slope = ratio(&load("VX2")?, &load("VX1")?);
        out.put(Measure::Slope, mean(&slope).map(|m| 100.0 * (m - 1.0)));
        out.put(
            Measure::Backwardation,
            mean(
                &slope
                    .iter()
                    .map(|s| f64::from(u8::from(*s < 1.0)))
                    .collect::<Vec<_>>(),
            )
            .map(|m| 100.0 * m),
        );
        let vvix: Vec<f64> = load("VVIX")?.into_values().collect();
        out.put(Measure::VvixMean, mean(&vvix));
        out.put(Measure::VvixSd, sd(&vvix));
        let skew: Vec<f64> = load("SKEW")?.into_values().collect();
        out.put(Measure::SkewMean, mean(&skew));
        Ok(out)
    }

    fn put(&mut self, measure: Measure, value: Option<f64>) {
        if let Some(value) = value.filter(|v| v.is_finite()) {
            self.values.insert(measure, value);
        }
    }

    fn returns(&mut self, spx: &BTreeMap<Date, f64>) {
        let closes: Vec<f64> = spx.values().copied().collect();
        let returns = log_changes(&closes);
        self.put(Measure::ReturnSd, sd(&returns).map(|s| 100.0 * s));
        let square = moment(&returns, 2);
        let over = |n: i32, power: f64| Some(moment(&returns, n)? / square?.powf(power));
        self.put(Measure::ReturnSkew, over(3, 1.5));
        self.put(Measure::ReturnKurtosis, over(4, 2.0));
        let squares: Vec<f64> = returns.iter().map(|r| r * r).collect();
        for (measure, lag) in [
            (Measure::SquaresLag1, 1),
            (Measure::SquaresLag5, 5),
            (Measure::SquaresLag20, 20),
        ] {
            self.put(measure, autocorrelation(&squares, lag));
        }
    }

    fn vix(&mut self, spx: &BTreeMap<Date, f64>, vix: &BTreeMap<Date, f64>) {
        let on: Vec<(f64, f64)> = spx.iter().filter_map(|(d, s)| Some((*s, *vix.get(d)?))).collect();
        let (spots, levels): (Vec<f64>, Vec<f64>) = on.into_iter().unzip();
        self.put(Measure::VixMean, mean(&levels));
        self.put(Measure::VixSd, sd(&levels));
        self.put(Measure::VixMin, levels.iter().copied().reduce(f64::min));
        self.put(Measure::VixMax, levels.iter().copied().reduce(f64::max));
        for (measure, lag) in [
            (Measure::VixLag1, 1),
            (Measure::VixLag5, 5),
            (Measure::VixLag20, 20),
        ] {
            self.put(measure, autocorrelation(&levels, lag));
        }
        let (returns, changes) = (log_changes(&spots), log_changes(&levels));
        self.put(Measure::VixChangeSd, sd(&changes).map(|s| 100.0 * s));
        self.put(Measure::VixSpx, correlation(&changes, &returns));
        let ahead = returns.windows(21).zip(&levels).map(|(next, level)| {
            let square = next.iter().map(|r| r * r).sum::<f64>() / 21.0;
            level - 100.0 * (square * 252.0).sqrt()
        });
        self.put(Measure::Premium, mean(&ahead.collect::<Vec<_>>()));
    }

    /// Beside other statistics, or the published ones where none are given: the lines that both have.
    #[must_use]
    pub fn beside(&self, real: Option<&Self>) -> Vec<Compared> {
        let line = |t: &Target| {
            let value = *self.values.get(&t.measure)?;
            let real = match real {
                Some(other) => *other.values.get(&t.measure)?,
                None => t.value,
            };
            Some(Compared {
                measure: t.measure,
                value,
                real,
                off: (value - real) / t.unit,
            })
        };
        TARGETS.iter().filter_map(line).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of sessions")]
fn count(v: &[f64]) -> f64 {
    v.len() as f64
}

fn mean(v: &[f64]) -> Option<f64> {
    (!v.is_empty()).then(|| v.iter().sum::<f64>() / count(v))
}

/// Central moment.
fn moment(v: &[f64], n: i32) -> Option<f64> {
    let m = mean(v)?;
    mean(&v.iter().map(|x| (x - m).powi(n)).collect::<Vec<_>>())
}

fn sd(v: &[f64]) -> Option<f64> {
    moment(v, 2).filter(|_| v.len() > 1).map(f64::sqrt)
}

fn log_changes(v: &[f64]) -> Vec<f64> {
    let next = v.iter().skip(1);
    v.iter().zip(next).map(|(a, b)| libm::log(b / a)).collect()
}

fn autocorrelation(v: &[f64], lag: usize) -> Option<f64> {
    let m = mean(v)?;
    let later = v.iter().skip(lag);
    let joint: f64 = v.iter().zip(later).map(|(a, b)| (a - m) * (b - m)).sum();
    let own: f64 = v.iter().map(|a| (a - m) * (a - m)).sum();
    (v.len() > 2 * lag && own > 0.0).then_some(joint / own)
}

fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let (ma, mb) = (mean(a)?, mean(b)?);
    let joint: Vec<f64> = a.iter().zip(b).map(|(x, y)| (x - ma) * (y - mb)).collect();
    Some(mean(&joint)? / (sd(a)? * sd(b)?))
}
