//! Implied variance: a forward variance curve from the model's state, and a smile on it.
//!
//! Term structure. Spot variance reverts quickly to a slow level, which reverts to a constant (two-factor square-root
//! process with jumps, after Duffie, Pan and Singleton); expectations are linear in both, so the at-the-money total
//! variance θ(T) is a closed form that increases with T. Options carry a premium: their long-run level and their scale
//! lie above the real ones.
//!
//! Smile. SSVI (Gatheral and Jacquier 2014): w(k, θ) = θ/2 (1 + ρφk + √((φk + ρ)² + 1 − ρ²)), φ = η / √(θ(1 + θ)). With
//! η²(1 + |ρ|) ≤ 4 it has no butterfly arbitrage, and with θ increasing in T no calendar arbitrage.

use std::sync::LazyLock;

/// Correlation parameter of the smile.
const RHO: f64 = -0.74;
/// Curvature parameter of the smile.
const ETA: f64 = 0.85;

/// Smallest spot variance: about 6.5 vol points.
pub(super) const FLOOR: f64 = 0.0042;
/// Speed of the fast factor, per year.
pub(super) const KAPPA: f64 = 6.0;
/// Vol of variance of the fast factor.
pub(super) const XI: f64 = 0.34;
/// Speed of the slow factor.
pub(super) const KAPPA_SLOW: f64 = 0.9;
/// Vol of variance of the slow factor.
pub(super) const XI_SLOW: f64 = 0.06;
/// Long-run level of the slow factor.
pub(super) const LEVEL: f64 = 0.0075;
/// Jumps per year.
pub(super) const JUMPS: f64 = 1.3;
/// Mean jump of variance (exponential).
pub(super) const JUMP_VARIANCE: f64 = 0.035;
/// Jump of the log index: constant, per unit of the variance jump, and noise.
pub(super) const JUMP_RETURN: (f64, f64, f64) = (-0.006, -0.45, 0.010);

/// Scale and long-run level of option-implied variance against the real one.
const PREMIUM: (f64, f64) = (1.04, 1.60);

/// Mean of a jump of the log index.
pub(super) const fn jump_return_mean() -> f64 {
    JUMP_RETURN.0 + JUMP_RETURN.1 * JUMP_VARIANCE
}

/// Mean square of a jump of the log index (the variance jump is exponential, so its variance is its mean squared).
const fn jump_return_square() -> f64 {
    let (mean, slope, noise) = (jump_return_mean(), JUMP_RETURN.1 * JUMP_VARIANCE, JUMP_RETURN.2);
    mean * mean + slope * slope + noise * noise
}

/// Variance state at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct State {
    /// Fast factor: spot variance above the floor.
    pub(super) fast: f64,
    /// Slow factor.
    pub(super) slow: f64,
}

impl State {
    /// Where both factors rest.
    pub(super) const fn resting() -> Self {
        Self {
            fast: LEVEL + JUMPS * JUMP_VARIANCE / KAPPA,
            slow: LEVEL,
        }
    }

    /// At-the-money total implied variance to a horizon in years.
    pub(super) fn theta(self, years: f64) -> f64 {
        let (scale, level) = PREMIUM;
        let decay = |k: f64| (1.0 - libm::exp(-k * years)) / k;
        let (quick, slow) = (decay(KAPPA), decay(KAPPA_SLOW));
        let rest = LEVEL * level;
        let drift = JUMPS * JUMP_VARIANCE / KAPPA;
        let level_gap = (self.slow * level - rest) * KAPPA / (KAPPA - KAPPA_SLOW) * (slow - quick);
        let factors = (rest + drift) * years + level_gap + (self.fast - rest - drift) * quick;
        scale * (factors + (FLOOR + JUMPS * jump_return_square()) * years)
    }

    /// Variance of the log contract to a horizon, annualised: what a VIX of that horizon squares to.
    pub(super) fn log_contract_total(self, years: f64) -> f64 {
        let theta = self.theta(years);
        theta * log_contract_ratio(theta)
    }

    /// A volatility index of so many days, in vol points. It is the continuous limit of the Cboe formula (2022
    /// mathematics): all strikes, exact maturity; the formula on the listed chain differs by its strikes and its ends.
    pub(super) fn vix(self, days: f64) -> f64 {
        let years = days / 365.0;
        100.0 * (self.log_contract_total(years) / years).sqrt()
    }
}

/// φ(θ) of the smile.
fn phi(theta: f64) -> f64 {
    ETA / (theta * (1.0 + theta)).sqrt()
}

/// Total implied variance at log-moneyness `k = ln(K / F)`.
pub(super) struct Smile {
    theta: f64,
    phi: f64,
}

impl Smile {
    pub(super) fn new(theta: f64) -> Self {
        Self {
            theta,
            phi: phi(theta),
        }
    }

    pub(super) fn total_variance(&self, k: f64) -> f64 {
        let x = self.phi * k;
        let root = ((x + RHO) * (x + RHO) + 1.0 - RHO * RHO).sqrt();
        self.theta / 2.0 * (1.0 + RHO * x + root)
    }
}

/// Grid of the ratio table: ln θ from here, by this step.
const GRID: (f64, f64, usize) = (-12.0, 0.25, 57);

static RATIOS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    (0..GRID.2)
        .map(|n| {
            #[expect(clippy::cast_precision_loss, reason = "a small count")]
            let theta = libm::exp(GRID.0 + GRID.1 * n as f64);
            integrate_log_contract(theta) / theta
        })
        .collect()
});

/// Log-contract variance over at-the-money variance, linear in ln θ between the points of a table.
fn log_contract_ratio(theta: f64) -> f64 {
    let at = ((libm::log(theta) - GRID.0) / GRID.1).max(0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and bounded next"
    )]
    let below = (at.floor().min(1e6) as usize).min(GRID.2 - 2);
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let weight = (at - below as f64).min(1.0);
    let point = |n: usize| RATIOS.get(n).copied().unwrap_or(1.0);
    point(below) * (1.0 - weight) + point(below + 1) * weight
}

/// 2 ∫ Q(K)/K² dK of out-of-the-money prices on a forward of 1, in k: 2 ∫ Q(e^k) e^{−k} dk, by the trapezoid rule.
fn integrate_log_contract(theta: f64) -> f64 {
    let smile = Smile::new(theta);
    let steps = 4_000u32;
    let reach = 40.0 * theta.sqrt();
    let width = 2.0 * reach / f64::from(steps);
    let mut sum = 0.0;
    for n in 0..=steps {
        let k = -reach + width * f64::from(n);
        let end = if n == 0 || n == steps { 0.5 } else { 1.0 };
        sum += end * out_of_the_money(1.0, libm::exp(k), k, smile.total_variance(k).sqrt()) * libm::exp(-k);
    }
    2.0 * sum * width
}

/// Undiscounted Black-76 price of the option that is out of the money: a put below the forward, a call above it.
///
/// `alula_pricing` prices by a library whose elementary functions are the platform's; here every bit has to be the same
/// everywhere, so the textbook formula stands on `libm` (a test holds the two together).
///
/// `moneyness` is `ln(strike / forward)`.
pub(super) fn out_of_the_money(forward: f64, strike: f64, moneyness: f64, total_vol: f64) -> f64 {
    let put = strike <= forward;
    let d1 = 0.5 * total_vol - moneyness / total_vol;
    let d2 = d1 - total_vol;
    // Beyond six and a half deviations a price is a millionth of a point: no tick sees it.
    if (put && d2 > 6.5) || (!put && d1 < -6.5) {
        return 0.0;
    }
    let cdf = alula_pricing::normal_cdf;
    let price = if put {
        strike * cdf(-d2) - forward * cdf(-d1)
    } else {
        forward * cdf(d1) - strike * cdf(d2)
    };
    price.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_agree_with_the_pricing_room() {
        for strike in [2000.0, 3500.0, 3990.0, 4000.0, 4010.0, 4500.0, 7000.0] {
            let right = if strike <= 4000.0 {
                alula_pricing::Right::Put
            } else {
                alula_pricing::Right::Call
            };
            let theirs = alula_pricing::price(right, 4000.0, strike, 0.25, 0.3, 1.0).unwrap();
            let moneyness = libm::log(strike / 4000.0);
            let ours = out_of_the_money(4000.0, strike, moneyness, 0.3 * 0.5);
            assert!((ours - theirs).abs() < 1e-5, "{strike}: {ours} {theirs}");
        }
    }

    #[test]
    fn total_variance_grows_with_time_in_every_state() {
        for fast in [0.0, 0.002, 0.02, 0.3, 2.0] {
            for slow in [0.0, 0.0085, 0.1] {
                let state = State { fast, slow };
                let mut last = 0.0;
                for days in 1..=800u32 {
                    let theta = state.theta(f64::from(days) / 365.0);
                    assert!(theta > last, "{state:?} {days}");
                    last = theta;
                }
            }
        }
    }

    /// Gatheral and Jacquier 2014, theorem 4.2: sufficient for no butterfly arbitrage.
    #[test]
    fn the_smile_has_no_butterfly_arbitrage() {
        const { assert!(ETA * ETA * (1.0 - RHO) <= 4.0) };
        for n in 0..60 {
            let theta = libm::exp(-10.0 + 0.2 * f64::from(n));
            let phi = phi(theta);
            assert!(theta * phi * (1.0 - RHO) < 4.0, "{theta}");
            assert!(theta * phi * phi * (1.0 - RHO) <= 4.0, "{theta}");
        }
    }

    #[test]
    fn the_log_contract_of_a_flat_smile_is_its_variance() {
        // With no skew and no curvature the ratio is 1; here it lies above, and moderately so.
        for theta in [1e-4, 1e-3, 1e-2, 0.1] {
            let ratio = log_contract_ratio(theta);
            assert!((1.0..1.5).contains(&ratio), "{theta}: {ratio}");
            let direct = integrate_log_contract(theta) / theta;
            assert!((ratio - direct).abs() < 2e-3, "{theta}: {ratio} {direct}");
        }
    }
}
