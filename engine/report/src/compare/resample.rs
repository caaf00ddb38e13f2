//! Tails, and intervals by resampling: the stationary bootstrap (Politis and Romano, 1994) and percentiles.
//!
//! Draws come from a seeded generator written out here (`SplitMix64`), so that the same sample gives the same interval.

/// A reproducible source of numbers: Steele, Lea and Flood's `SplitMix64`.
#[derive(Clone, Debug)]
pub struct Draws(u64);

impl Draws {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform from zero up to one.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    /// Uniform below `n`, which is not zero.
    fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).unwrap_or(u64::MAX).max(1);
        // The high half of the product: its bias is below one in 2^32 for samples that fit in memory.
        let wide = u128::from(self.next()) * u128::from(n);
        usize::try_from(wide >> 64).unwrap_or(0)
    }
}

/// Indices of one resample of `n` observations in blocks of geometric length, `block` on average, wrapping at the end.
pub fn stationary(draws: &mut Draws, n: usize, block: f64, out: &mut Vec<usize>) {
    out.clear();
    let restart = 1.0 / block.max(1.0);
    let mut at = 0;
    for i in 0..n {
        at = if i == 0 || draws.unit() < restart {
            draws.below(n)
        } else {
            (at + 1) % n
        };
        out.push(at);
    }
}

/// Mean block length for `n` observations when none is given: the rate of Politis and White's optimum, the cube root, at least
/// five (a trading week).
#[must_use]
pub fn block_length(n: usize) -> f64 {
    let n = f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    n.cbrt().max(5.0)
}

/// Mean of the worst share of a sample of gains, as a loss (positive): conditional value at risk at `1 − share`. The last
/// observation counts with what is left of the share (Rockafellar and Uryasev, 2002). None for an empty sample.
#[must_use]
pub fn tail_loss(gains: &[f64], share: f64) -> Option<f64> {
    let mut sorted = gains.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = f64::from(u32::try_from(sorted.len()).ok()?);
    let whole = n * share;
    if whole <= 0.0 {
        return None;
    }
    let (mut left, mut sum) = (whole, 0.0);
    for x in &sorted {
        let weight = left.min(1.0);
        if weight <= 0.0 {
            break;
        }
        sum += weight * x;
        left -= weight;
    }
    Some(-sum / whole)
}

/// Quantile by linear interpolation between order statistics (numpy's default). None for an empty sample.
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = share.clamp(0.0, 1.0) * f64::from(u32::try_from(last).ok()?);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from zero to the length"
    )]
    let low = at.floor() as usize;
    let (a, b) = (*sorted.get(low)?, *sorted.get((low + 1).min(last))?);
    Some(a + (b - a) * (at - at.floor()))
}

/// Middle and ends of a figure: the point and the 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The figure itself.
    pub point: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The percentile interval of resampled values around a point. None with fewer than a hundred values.
#[must_use]
pub fn interval(point: f64, mut values: Vec<f64>) -> Option<Interval> {
    values.retain(|v| v.is_finite());
    if values.len() < 100 || !point.is_finite() {
        return None;
    }
    values.sort_by(f64::total_cmp);
    Some(Interval {
        point,
        low: quantile(&values, 0.025)?,
        high: quantile(&values, 0.975)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x(i) = ((37 i) mod 101 − 50) / 10 + 3 sin(i / 5): a sample that depends on its past.
    fn sample(n: u32) -> Vec<f64> {
        (0..n)
            .map(|i| (f64::from(i * 37 % 101) - 50.0) / 10.0 + 3.0 * (f64::from(i) / 5.0).sin())
            .collect()
    }

    /// `tests/golden/compare.py` by numpy, the tails by another formula: the least of c + E[(loss − c)⁺] / share.
    #[test]
    fn tails_and_quantiles_are_those_of_numpy() {
        let x = sample(250);
        let golden = [GOLDEN_CVAR_95, GOLDEN_CVAR_99];
        for (share, wanted) in [(0.05, golden[0]), (0.01, golden[1])] {
            let found = tail_loss(&x, share).unwrap();
            assert!((found - wanted).abs() < 1e-9, "{share}: {found}");
        }
        let mut sorted = x;
        sorted.sort_by(f64::total_cmp);
        assert!((quantile(&sorted, 0.025).unwrap() - GOLDEN_LOW).abs() < 1e-9);
        assert!((quantile(&sorted, 0.975).unwrap() - GOLDEN_HIGH).abs() < 1e-9);
        assert_eq!(tail_loss(&[], 0.05), None);
        assert_eq!(quantile(&[], 0.5), None);
    }

    const GOLDEN_CVAR_95: f64 = 6.802_402_538_736_092;
    const GOLDEN_CVAR_99: f64 = 7.627_851_113_704_697;
    const GOLDEN_LOW: f64 = -6.511_091_425_880_703;
    const GOLDEN_HIGH: f64 = 6.757_414_654_029_186;
    const GOLDEN_DEVIATION: f64 = 0.300_832_079_010_984_74;

    /// The standard deviation of a resampled mean has a closed form (Politis and Romano, 1994, lemma 1), evaluated by numpy in
    /// `tests/golden/compare.py`; `arch`'s `StationaryBootstrap` gives the same to its own sampling error.
    #[test]
    fn resampled_means_spread_as_the_closed_form_says() {
        let x = sample(250);
        let mut draws = Draws::new(1);
        let mut at = Vec::new();
        let means: Vec<f64> = (0..20_000)
            .map(|_| {
                stationary(&mut draws, x.len(), 8.0, &mut at);
                at.iter().map(|i| x[*i]).sum::<f64>() / 250.0
            })
            .collect();
        let mean = means.iter().sum::<f64>() / 20_000.0;
        let variance = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / 20_000.0;
        let found = variance.sqrt();
        // Four standard errors of a deviation of 20,000 values are 2 %.
        assert!((found / GOLDEN_DEVIATION - 1.0).abs() < 0.02, "{found}");
        let truth = x.iter().sum::<f64>() / 250.0;
        assert!((mean - truth).abs() < 4.0 * found / 20_000_f64.sqrt());
    }

    #[test]
    fn the_same_seed_gives_the_same_blocks() {
        let draw = |seed| {
            let mut out = Vec::new();
            stationary(&mut Draws::new(seed), 1_000, 20.0, &mut out);
            out
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
        let joins = draw(3).windows(2).filter(|w| (w[0] + 1) % 1_000 != w[1]).count();
        // One in twenty starts a block.
        assert!((20..90).contains(&joins), "{joins}");
    }
}
