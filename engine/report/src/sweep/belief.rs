//! How far the best of many tries can be believed.
//!
//! Bailey and López de Prado, "The Deflated Sharpe Ratio" (Journal of Portfolio Management 40, 2014): equation 1 for the best
//! Sharpe ratio that tries without skill are expected to reach, equation 2 for the probability that one is above it, given the
//! skewness and kurtosis of its returns. Points of a grid are alike, so that there are fewer independent tries than points: what
//! is said here is on the side of caution.

use super::{By, Sweep};
use alula_pricing::normal_cdf;

const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// Moments of a sample of gains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moments {
    /// Mean over standard deviation.
    pub sharpe: f64,
    pub skew: f64,
    pub kurtosis: f64,
}

/// None where the gains do not move.
#[must_use]
pub(super) fn moments(gains: &[f64]) -> Option<Moments> {
    let n = f64::from(u32::try_from(gains.len()).ok()?);
    if n < 2.0 {
        return None;
    }
    let mean = gains.iter().sum::<f64>() / n;
    let power = |p: i32| gains.iter().map(|g| (g - mean).powi(p)).sum::<f64>() / n;
    let variance = power(2);
    if variance <= 0.0 {
        return None;
    }
    Some(Moments {
        // The ratio takes the sample's deviation; skewness and kurtosis take the population's, as their definitions do.
        sharpe: mean / (variance * n / (n - 1.0)).sqrt(),
        skew: power(3) / variance.powf(1.5),
        kurtosis: power(4) / (variance * variance),
    })
}

/// The number below which a standard normal variable stays with a probability, 0 < p < 1: bisection of the distribution function.
fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-40.0_f64, 40.0_f64);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if normal_cdf(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The best Sharpe ratio expected of so many tries without skill whose ratios vary by `variance`, in the ratios' own period; zero
/// for a single try.
#[must_use]
pub fn expected_best(tries: usize, variance: f64) -> f64 {
    let Ok(n) = u32::try_from(tries) else {
        return f64::INFINITY;
    };
    if n < 2 || variance <= 0.0 {
        return 0.0;
    }
    let n = f64::from(n);
    let first = normal_quantile(1.0 - 1.0 / n);
    let second = normal_quantile(1.0 - 1.0 / (n * std::f64::consts::E));
    variance.sqrt() * ((1.0 - EULER_GAMMA) * first + EULER_GAMMA * second)
}

/// Probability that a Sharpe ratio is above `benchmark`, both in the period of its `observations`. None where the moments leave no
/// variance.
#[must_use]
pub fn probability_of_skill(
    sharpe: f64,
    benchmark: f64,
    (skew, kurtosis): (f64, f64),
    observations: usize,
) -> Option<f64> {
    let n = f64::from(u32::try_from(observations).ok()?);
    let variance = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe;
    (variance > 0.0 && n > 1.0).then(|| normal_cdf((sharpe - benchmark) * (n - 1.0).sqrt() / variance.sqrt()))
}

/// What is to be thought of the best point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Belief {
    /// Points that were tried.
    pub tries: usize,
    /// Sharpe ratio of the best, a year.
    pub sharpe: f64,
    /// What the best of so many tries without skill is expected to have, a year.
    pub luck: f64,
    /// Probability that the best has skill at all.
    pub probability: f64,
}

impl Belief {
    /// About the best point by a measure; none where there are fewer than two points that moved.
    #[must_use]
    pub fn of(sweep: &Sweep, by: By) -> Option<Self> {
        let ratios: Vec<f64> = sweep
            .points
            .iter()
            .filter_map(|p| p.figures.as_ref()?.sharpe)
            .collect();
        let n = f64::from(u32::try_from(ratios.len()).ok().filter(|n| *n > 1)?);
        let mean = ratios.iter().sum::<f64>() / n;
        let variance = ratios.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / (n - 1.0);
        let (_, best, _) = *sweep.ranked(by).first()?;
        let sharpe = best.sharpe?;
        let luck = expected_best(ratios.len(), variance);
        let probability = probability_of_skill(sharpe, luck, (best.skew, best.kurtosis), best.sessions)?;
        let year = super::SESSIONS.sqrt();
        Some(Self {
            tries: ratios.len(),
            sharpe: sharpe * year,
            luck: luck * year,
            probability,
        })
    }
}
