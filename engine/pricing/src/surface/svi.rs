//! The SVI smile: total variance as a hyperbola in log-moneyness.
//!
//! Source: J. Gatheral and A. Jacquier, "Arbitrage-free SVI volatility surfaces", Quantitative Finance 14 (2014) 59–71. With
//! `k = ln(K/F)`:
//!
//! ```text
//! w(k) = a + b [ρ (k − m) + √((k − m)² + σ²)]
//! ```

/// The steepest wing that is accepted, total variance per unit of log-moneyness: Lee's moment formula allows no smile beyond 2.
pub const WING_SLOPE_MAX: f64 = 2.0;

/// Why five numbers are no smile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SviError {
    /// A parameter is not finite, `b` is negative, `ρ` outside −1..=1 or `σ` not positive.
    #[error("the parameters are outside their ranges")]
    Range,
    /// The lowest total variance, `a + b σ √(1 − ρ²)`, is negative.
    #[error("total variance falls below zero")]
    NegativeVariance,
    /// A wing rises by more than [`WING_SLOPE_MAX`].
    #[error("a wing is steeper than Lee's bound of 2")]
    SteepWing,
    /// The jump-wing numbers belong to no SVI smile.
    #[error("the jump wings belong to no smile")]
    JumpWings,
}

/// A smile of one expiry in the raw SVI form.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Svi {
    a: f64,
    b: f64,
    rho: f64,
    m: f64,
    sigma: f64,
}

/// The same smile in numbers that a trader reads: per year, so that expiries can be compared (Gatheral and Jacquier, section 3.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JumpWings {
    /// Variance at the forward, `σ²` a year.
    pub atm_variance: f64,
    /// Skew at the forward: `∂σ/∂k √T`.
    pub atm_skew: f64,
    /// Slope of the put wing, `b (1 − ρ) / √w(0)`.
    pub put_slope: f64,
    /// Slope of the call wing, `b (1 + ρ) / √w(0)`.
    pub call_slope: f64,
    /// Least variance of the smile, `σ²` a year.
    pub least_variance: f64,
}

impl Svi {
    /// A smile of raw parameters.
    ///
    /// # Errors
    /// [`SviError`], each cause documented there. A smile that is accepted may still hold butterfly arbitrage: see
    /// `Smile::durrleman`.
    pub fn new(a: f64, b: f64, rho: f64, m: f64, sigma: f64) -> Result<Self, SviError> {
        let finite = [a, b, rho, m, sigma]
            .iter()
            .all(|x| x.is_finite() && x.abs() < 1e6);
        if !finite || b < 0.0 || rho.abs() > 1.0 || sigma <= 0.0 {
            return Err(SviError::Range);
        }
        if b * (1.0 + rho.abs()) > WING_SLOPE_MAX {
            return Err(SviError::SteepWing);
        }
        let svi = Self { a, b, rho, m, sigma };
        if svi.least() < 0.0 {
            return Err(SviError::NegativeVariance);
        }
        Ok(svi)
    }

    /// As [`Svi::new`] for parameters that satisfy it by how they were made.
    pub(super) const fn unchecked([a, b, rho, m, sigma]: [f64; 5]) -> Self {
        Self { a, b, rho, m, sigma }
    }

    /// The raw parameters `a, b, ρ, m, σ`.
    #[must_use]
    pub const fn raw(&self) -> [f64; 5] {
        [self.a, self.b, self.rho, self.m, self.sigma]
    }

    /// Least total variance over all strikes.
    #[must_use]
    pub fn least(&self) -> f64 {
        self.a + self.b * self.sigma * (1.0 - self.rho * self.rho).max(0.0).sqrt()
    }

    /// Total variance `σ²T` at log-moneyness `k = ln(K/F)`.
    #[must_use]
    pub fn total_variance(&self, k: f64) -> f64 {
        let x = k - self.m;
        self.a + self.b * (self.rho * x + (x * x + self.sigma * self.sigma).sqrt())
    }

    /// Total variance and its first two derivatives by `k`.
    #[must_use]
    pub fn with_derivatives(&self, k: f64) -> [f64; 3] {
        let x = k - self.m;
        let root = (x * x + self.sigma * self.sigma).sqrt();
        [
            self.a + self.b * (self.rho * x + root),
            self.b * (self.rho + x / root),
            self.b * self.sigma * self.sigma / (root * root * root),
        ]
    }

    /// Slopes of the two wings, `b (1 − ρ)` to the left and `b (1 + ρ)` to the right; neither above [`WING_SLOPE_MAX`].
    #[must_use]
    pub fn wing_slopes(&self) -> (f64, f64) {
        (self.b * (1.0 - self.rho), self.b * (1.0 + self.rho))
    }

    /// The smile in jump-wing form, `years` from its settlement; none where the variance at the forward or the time is zero.
    #[must_use]
    pub fn jump_wings(&self, years: f64) -> Option<JumpWings> {
        let [at_forward, slope, _] = self.with_derivatives(0.0);
        if !(at_forward > 0.0 && years > 0.0) {
            return None;
        }
        let root = at_forward.sqrt();
        let (left, right) = self.wing_slopes();
        Some(JumpWings {
            atm_variance: at_forward / years,
            atm_skew: 0.5 * slope / root,
            put_slope: left / root,
            call_slope: right / root,
            least_variance: self.least() / years,
        })
    }

    /// The smile of given jump wings (Gatheral and Jacquier, lemma 3.2).
    ///
    /// # Errors
    /// [`SviError::JumpWings`] where no smile has them, else as [`Svi::new`].
    pub fn from_jump_wings(wings: &JumpWings, years: f64) -> Result<Self, SviError> {
        let w = wings.atm_variance * years;
        if !(w > 0.0 && years > 0.0) {
            return Err(SviError::JumpWings);
        }
        let root = w.sqrt();
        let b = 0.5 * root * (wings.call_slope + wings.put_slope);
        if b <= 0.0 {
            return Err(SviError::JumpWings);
        }
        let rho = 1.0 - wings.put_slope * root / b;
        let beta = rho - 2.0 * wings.atm_skew * root / b;
        if !(rho.abs() <= 1.0 && beta.abs() <= 1.0) {
            return Err(SviError::JumpWings);
        }
        let rise = (wings.atm_variance - wings.least_variance) * years;
        let bend = (1.0 - rho * rho).sqrt();
        let (m, sigma) = if beta == 0.0 {
            // The lowest slope stands at the forward: m = 0, and the rise alone tells σ.
            if bend >= 1.0 {
                return Err(SviError::JumpWings);
            }
            (0.0, rise / (b * (1.0 - bend)))
        } else {
            let alpha = (1.0 / (beta * beta) - 1.0).sqrt().copysign(beta);
            let m = rise / (b * (-rho + (1.0 + alpha * alpha).sqrt().copysign(alpha) - alpha * bend));
            (m, alpha * m)
        };
        let a = wings.least_variance * years - b * sigma * bend;
        Self::new(a, b, rho, m, sigma)
    }
}

/// Durrleman's function from total vol `s = √w` and its derivatives by `k`. In `w` it reads
/// `(1 − k w'/(2w))² − w'²/4 (1/w + 1/4) + w''/2`; with `w = s²` it becomes
///
/// ```text
/// g = (1 − k s'/s)² + s s'' − s² s'² / 4
/// ```
///
/// The least finite number where total vol is not positive.
pub(super) fn durrleman(k: f64, [s, slope, curve]: [f64; 3]) -> f64 {
    if s <= 0.0 {
        return f64::MIN;
    }
    let tilt = 1.0 - k * slope / s;
    tilt * tilt + s * curve - 0.25 * s * s * slope * slope
}

/// Derivatives of [`durrleman`] by `s`, `s'` and `s''`.
pub(super) fn durrleman_gradient(k: f64, [s, slope, curve]: [f64; 3]) -> [f64; 3] {
    if s <= 0.0 {
        return [0.0; 3];
    }
    let tilt = 1.0 - k * slope / s;
    [
        2.0 * tilt * k * slope / (s * s) + curve - 0.5 * s * slope * slope,
        -2.0 * tilt * k / s - 0.5 * s * s * slope,
        s,
    ]
}
