//! Smiles: total implied variance over log-moneyness, for the index and for VIX.
//!
//! SSVI (Gatheral and Jacquier 2014): w(k, θ) = θ/2 (1 + ρφk + √((φk + ρ)² + 1 − ρ²)), φ = η / √(θ(1 + θ)). With
//! η²(1 + |ρ|) ≤ 4 it has no butterfly arbitrage, and with θ increasing in T no calendar arbitrage. The index's smile falls
//! towards high strikes; that of VIX rises.

use std::sync::LazyLock;

/// A shape: correlation ρ and curvature η.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape {
    rho: f64,
    eta: f64,
}

/// Options on the index: puts dear.
const INDEX: Shape = Shape {
    rho: -0.74,
    eta: 0.90,
};
/// Options on VIX: calls dear.
const VIX: Shape = Shape { rho: 0.62, eta: 0.95 };

/// Total implied variance at log-moneyness `k = ln(K / F)`.
pub(super) struct Smile {
    half_theta: f64,
    phi: f64,
    rho: f64,
}

impl Smile {
    fn new(shape: Shape, theta: f64) -> Self {
        Self {
            half_theta: theta / 2.0,
            phi: shape.eta / (theta * (1.0 + theta)).sqrt(),
            rho: shape.rho,
        }
    }

    /// Of the index.
    pub(super) fn index(theta: f64) -> Self {
        Self::new(INDEX, theta)
    }

    /// Of VIX.
    pub(super) fn vix(theta: f64) -> Self {
        Self::new(VIX, theta)
    }

    pub(super) fn total_variance(&self, k: f64) -> f64 {
        let x = self.phi * k;
        let lean = x + self.rho;
        let root = (lean * lean + 1.0 - self.rho * self.rho).sqrt();
        self.half_theta * (1.0 + self.rho * x + root)
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
pub(super) fn log_contract_ratio(theta: f64) -> f64 {
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
    let smile = Smile::index(theta);
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

    /// Gatheral and Jacquier 2014, theorem 4.2: sufficient for no butterfly arbitrage.
    #[test]
    fn the_smiles_have_no_butterfly_arbitrage() {
        for shape in [INDEX, VIX] {
            assert!(shape.eta * shape.eta * (1.0 + shape.rho.abs()) <= 4.0);
            for n in 0..80 {
                let theta = libm::exp(-10.0 + 0.2 * f64::from(n));
                let phi = Smile::new(shape, theta).phi;
                assert!(
                    theta * phi * (1.0 + shape.rho.abs()) < 4.0 || theta > 10.0,
                    "{theta}"
                );
                assert!(theta * phi * phi * (1.0 + shape.rho.abs()) <= 4.0, "{theta}");
            }
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
