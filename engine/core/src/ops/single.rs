//! Indicators over a window of one series: mean, spread, order statistics, lags.

use super::state::{Tag, Writer};
use super::stats::{Spread, count, mean};
use super::window::Window;
use super::windowed::Formula;
use crate::value::{Cause, Cell};

/// Which function of the window.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Single {
    /// Mean of the n bars ending now. First value at bar n.
    Sma,
    /// Mean plus `side` times `k` population standard deviations; sides 1, 0, -1 are upper, middle, lower.
    Bollinger { k: f64, side: i8 },
    /// Sample standard deviation (n - 1).
    Stdev,
    /// (x - mean) / sample sd of the n bars ending now; a flat window is a division by zero.
    Zscore,
    /// Share of the n bars ending now, x included, that are <= x; in 0..1.
    PercentileRank,
    /// Largest of the n bars ending now.
    Highest,
    /// Smallest.
    Lowest,
    /// The value n known bars ago (a window of n + 1 rows).
    Lag,
    /// x minus the value n known bars ago.
    Change,
}

impl Formula<1, 1> for Single {
    fn tag(&self) -> Tag {
        match self {
            Self::Sma => Tag::Sma,
            Self::Bollinger { .. } => Tag::Bollinger,
            Self::Stdev => Tag::Stdev,
            Self::Zscore => Tag::Zscore,
            Self::PercentileRank => Tag::PercentileRank,
            Self::Highest => Tag::Highest,
            Self::Lowest => Tag::Lowest,
            Self::Lag => Tag::Lag,
            Self::Change => Tag::Change,
        }
    }

    fn params(&self, w: &mut Writer<'_>) {
        if let Self::Bollinger { k, side } = self {
            w.f64(*k);
            w.u8(side.unsigned_abs() + u8::from(*side < 0));
        }
    }

    fn row(&self, _before: Option<&[f64; 1]>, bar: &[f64; 1]) -> Result<Option<[f64; 1]>, Cause> {
        Ok(Some(*bar))
    }

    fn value(&self, window: &Window<1>) -> Result<Cell, Cause> {
        let xs = window.lane::<0>().ok_or(Cause::WarmingUp)?;
        let (&old, &now) = xs.first().zip(xs.last()).ok_or(Cause::WarmingUp)?;
        let n = count(xs.len());
        let value = match self {
            Self::Sma => mean(xs),
            Self::Bollinger { k, side } => {
                let spread = Spread::of(xs);
                spread.mean() + f64::from(*side) * (k * (spread.squares / n).sqrt())
            }
            Self::Stdev => (Spread::of(xs).squares / (n - 1.0)).sqrt(),
            Self::Zscore => {
                let spread = Spread::of(xs);
                let sd = (spread.squares / (n - 1.0)).sqrt();
                if sd == 0.0 {
                    return Err(Cause::DivisionByZero);
                }
                spread.deviation(now) / sd
            }
            Self::PercentileRank => count(xs.iter().filter(|x| **x <= now).count()) / n,
            Self::Highest => xs.iter().fold(old, |m, &x| if x > m { x } else { m }),
            Self::Lowest => xs.iter().fold(old, |m, &x| if x < m { x } else { m }),
            Self::Lag => old,
            Self::Change => now - old,
        };
        Ok(Cell::number(value))
    }
}

/// Quantile of the n bars ending now: linear interpolation between order statistics (Hyndman and Fan 1996, type 7; numpy's
/// default). Keeps the window sorted.
#[derive(Clone, Debug)]
pub(crate) struct Quantile {
    /// In 0..=1.
    pub(crate) q: f64,
    pub(crate) sorted: Vec<f64>,
}

impl Formula<1, 1> for Quantile {
    fn tag(&self) -> Tag {
        Tag::Quantile
    }

    fn params(&self, w: &mut Writer<'_>) {
        w.f64(self.q);
    }

    fn row(&self, _before: Option<&[f64; 1]>, bar: &[f64; 1]) -> Result<Option<[f64; 1]>, Cause> {
        Ok(Some(*bar))
    }

    fn rolled(&mut self, out: Option<[f64; 1]>, [row]: [f64; 1]) {
        if let Some([out]) = out {
            let at = self.sorted.partition_point(|x| *x < out);
            if at < self.sorted.len() {
                self.sorted.remove(at);
            }
        }
        let at = self.sorted.partition_point(|x| *x < row);
        self.sorted.insert(at, row);
    }

    fn clear(&mut self) {
        self.sorted.clear();
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "q is in 0..=1, so the rank is a small whole number"
    )]
    fn value(&self, _window: &Window<1>) -> Result<Cell, Cause> {
        let rank = self.q * (count(self.sorted.len()) - 1.0);
        let below = rank.floor();
        let at = |i: usize| self.sorted.get(i).copied();
        let lo = at(below as usize).ok_or(Cause::WarmingUp)?;
        let hi = at(below as usize + 1).unwrap_or(lo);
        Ok(Cell::number(lo + (rank - below) * (hi - lo)))
    }
}
