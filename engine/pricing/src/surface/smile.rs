//! A smile of one expiry, whatever it is made of, and the check for butterfly arbitrage.

use super::bends::Bends;
use super::svi::{Svi, durrleman};

/// A fitted curve: SVI, and what it takes to bend it to the quotes where SVI alone does not reach them.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The SVI part; the wings are its wings.
    pub svi: Svi,
    /// Correction of total vol, gone beyond the quotes.
    pub bends: Option<Bends>,
}

/// Total variance of one expiry over log-moneyness `k = ln(K/F)`.
#[derive(Clone, Debug, PartialEq)]
pub enum Smile {
    /// A fitted curve.
    Curve(Curve),
    /// Total variances at log-moneyness, ascending, at least one: linear in between, level beyond the ends. For expiries with too
    /// few quotes for a curve.
    Points(Vec<(f64, f64)>),
}

/// Where a smile comes closest to butterfly arbitrage, or breaks into it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Butterfly {
    /// Least value of Durrleman's function that was found: negative is arbitrage.
    pub least: f64,
    /// Log-moneyness at which.
    pub at: f64,
}

impl Butterfly {
    /// The smile prices some butterfly below zero.
    #[must_use]
    pub fn is_arbitrage(&self) -> bool {
        self.least < 0.0
    }
}

/// Steps of the search over a smile, in `asinh(k/s)` with `s` one standard deviation: fine where a smile bends.
const STEPS: u16 = 500;

/// Total vol and its derivatives from total variance and its derivatives.
pub(super) fn vol_form([w, slope, curve]: [f64; 3]) -> [f64; 3] {
    if w <= 0.0 {
        return [0.0; 3];
    }
    let s = w.sqrt();
    let first = 0.5 * slope / s;
    [s, first, (0.5 * curve - first * first) / s]
}

impl Curve {
    /// Total vol `σ√T` at log-moneyness `k`, and its first two derivatives.
    #[must_use]
    pub fn total_vol(&self, k: f64) -> [f64; 3] {
        let mut vol = vol_form(self.svi.with_derivatives(k));
        if let Some(bends) = &self.bends {
            for (total, part) in vol.iter_mut().zip(bends.at(k)) {
                *total += part;
            }
        }
        vol
    }

    /// Durrleman's function `g(k)`, which a smile without butterfly arbitrage keeps at or above zero: it is the density of the
    /// settlement value but for a positive factor (Gatheral and Jacquier, equation 2.1). The least finite number where total
    /// vol is not positive.
    ///
    /// ```text
    /// g = (1 − k w' / (2w))² − w'²/4 (1/w + 1/4) + w''/2
    /// ```
    #[must_use]
    pub fn durrleman(&self, k: f64) -> f64 {
        durrleman(k, self.total_vol(k))
    }
}

impl Smile {
    /// Total variance at log-moneyness `k`; never negative.
    #[must_use]
    pub fn total_variance(&self, k: f64) -> f64 {
        match self {
            Self::Curve(curve) => {
                let total = curve.total_vol(k)[0].max(0.0);
                total * total
            }
            Self::Points(points) => between(points, k),
        }
    }

    /// Slope of total vol by log-moneyness at the forward.
    #[must_use]
    pub fn atm_slope(&self) -> f64 {
        match self {
            Self::Curve(curve) => curve.total_vol(0.0)[1],
            Self::Points(points) => {
                let above = points.partition_point(|p| p.0 <= 0.0);
                let low = above.checked_sub(1).and_then(|i| points.get(i));
                match (low, points.get(above)) {
                    (Some(low), Some(high)) => (high.1.sqrt() - low.1.sqrt()) / (high.0 - low.0),
                    _ => 0.0,
                }
            }
        }
    }

    /// Least of Durrleman's function from `low` to `high`, by a search in steps that are fine where the smile bends and then
    /// narrowed around the lowest; none for a smile of points, whose corners have no density to speak of.
    #[must_use]
    pub fn butterfly(&self, low: f64, high: f64) -> Option<Butterfly> {
        let Self::Curve(curve) = self else { return None };
        let at_forward = curve.total_vol(0.0)[0];
        let scale = if at_forward > 0.0 { at_forward } else { 1.0 };
        let (from, to) = (libm::asinh(low / scale), libm::asinh(high / scale));
        let at = |u: f64| scale * libm::sinh(u);
        let g = |u: f64| curve.durrleman(at(u));
        let step = (to - from) / f64::from(STEPS);
        let mut best = (from, g(from));
        for i in 1..=STEPS {
            let u = from + step * f64::from(i);
            let value = g(u);
            if value < best.1 {
                best = (u, value);
            }
        }
        // Thirds around the lowest step: 40 of them narrow it to a ten-millionth of a step.
        let (mut a, mut b) = ((best.0 - step).max(from), (best.0 + step).min(to));
        for _ in 0..40 {
            let (x, y) = (a + (b - a) / 3.0, b - (b - a) / 3.0);
            if g(x) <= g(y) { b = y } else { a = x }
        }
        let u = 0.5 * (a + b);
        let value = g(u);
        if value < best.1 {
            best = (u, value);
        }
        Some(Butterfly {
            least: best.1,
            at: at(best.0),
        })
    }

    /// Slopes of total variance far out on either side; Lee's bound of 2 holds for both.
    #[must_use]
    pub fn wing_slopes(&self) -> (f64, f64) {
        match self {
            Self::Curve(curve) => curve.svi.wing_slopes(),
            Self::Points(_) => (0.0, 0.0),
        }
    }
}

fn between(points: &[(f64, f64)], k: f64) -> f64 {
    let above = points.partition_point(|p| p.0 < k);
    let high = points.get(above).or(points.last());
    let low = above.checked_sub(1).and_then(|i| points.get(i)).or(high);
    let (Some(low), Some(high)) = (low, high) else {
        return 0.0;
    };
    let span = high.0 - low.0;
    if span <= 0.0 {
        return low.1;
    }
    let share = ((k - low.0) / span).clamp(0.0, 1.0);
    low.1 * (1.0 - share) + high.1 * share
}
