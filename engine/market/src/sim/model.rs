//! The joint model: two factors of variance, what options pay for them, and what futures on VIX are worth.
//!
//! **Real world.** Spot variance is a floor plus a fast factor; the fast one reverts to a slow one, which reverts to a
//! level. Both factors are as volatile as they are large (so that VIX moves by a like percentage at 12 and at 50), the
//! fast one also jumps up by exponential amounts, and the index falls with it.
//!
//! **Option prices.** The same equations with other speeds and levels (the variance risk premium). Expectations are linear
//! in the factors, so the at-the-money total variance θ(T) is a closed form that grows with T in every state; the smile on
//! it is [`super::surface`].
//!
//! **VIX futures.** VIX² is θ over 30 days times the smile's log-contract ratio: near enough linear in the factors. Under
//! such dynamics the first two moments of a linear function of the factors are linear in (1, f, s, f², fs, s²), with
//! coefficients that depend on the time ahead alone (six linear differential equations, solved once). The future is the
//! risk-neutral expectation of VIX in the approximation that VIX² has those two moments and the law to which such a
//! diffusion settles, the inverse gamma: with α = 2 + 1/c, c = `E[V²]/E[V]² − 1`, `E[√V] = √(E[V] (α − 1)) Γ(α − ½)/Γ(α)`. At
//! expiry c is nothing and the future is VIX. The same law's variance of ln V, ψ′(α), is that of 2 ln VIX to expiry, hence
//! the level of VIX options' own volatility. A test holds the closed form against simulated risk-neutral paths.

use super::surface::{self, log_contract_ratio};

/// A kind of market to simulate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Regime {
    /// Low level, few jumps.
    Calm,
    /// Tuned to the published statistics of 2000 to 2025.
    #[default]
    Mixed,
    /// High level, many jumps, and a start in the middle of one.
    Stress,
}

impl Regime {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Calm, Self::Mixed, Self::Stress];

    /// `calm`, `mixed` or `stress`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Mixed => "mixed",
            Self::Stress => "stress",
        }
    }
}

/// Numbers of the model. Rates are a year, variances annual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Params {
    /// Smallest spot variance.
    pub(super) floor: f64,
    /// Speed of the fast factor: real world, option prices.
    pub(super) kappa: (f64, f64),
    /// Volatility of the fast factor, per unit of itself.
    pub(super) xi: f64,
    /// Speed of the slow factor: real world, option prices.
    pub(super) kappa_slow: (f64, f64),
    /// Volatility of the slow factor, per unit of itself.
    pub(super) xi_slow: f64,
    /// Level of the slow factor.
    pub(super) level: f64,
    /// Jumps a year.
    pub(super) jumps: f64,
    /// Mean jump of the fast factor (exponential).
    pub(super) jump: f64,
    /// Jump of the log index: constant, per unit of the variance jump, noise.
    pub(super) jump_return: (f64, f64, f64),
    /// Correlation of index and variance shocks.
    pub(super) leverage: f64,
    /// Correlation of the factors' shocks.
    pub(super) slow_with_fast: f64,
    /// Scale of option-implied variance, and its slow factor against the real one.
    pub(super) premium: (f64, f64),
    /// Fast factor at the start, over its resting place.
    pub(super) shock: f64,
}

impl Params {
    pub(super) const fn of(regime: Regime) -> Self {
        let mixed = Self {
            floor: 0.0025,
            kappa: (9.5, 8.0),
            xi: 3.5,
            kappa_slow: (0.5, 0.65),
            xi_slow: 0.9,
            level: 0.0235,
            jumps: 6.0,
            jump: 0.010,
            jump_return: (-0.004, -0.30, 0.008),
            leverage: -0.86,
            slow_with_fast: 0.4,
            premium: (0.92, 1.75),
            shock: 0.0,
        };
        match regime {
            Regime::Mixed => mixed,
            Regime::Calm => Self {
                level: 0.011,
                jumps: 2.0,
                jump: 0.007,
                xi_slow: 0.5,
                ..mixed
            },
            Regime::Stress => Self {
                level: 0.055,
                jumps: 12.0,
                jump: 0.016,
                shock: 0.10,
                ..mixed
            },
        }
    }

    /// Mean jump of the log index.
    pub(super) const fn jump_return_mean(&self) -> f64 {
        self.jump_return.0 + self.jump_return.1 * self.jump
    }

    /// Mean square of a jump of the log index (the variance jump is exponential: its variance is its mean squared).
    const fn jump_return_square(&self) -> f64 {
        let (mean, slope, noise) = (
            self.jump_return_mean(),
            self.jump_return.1 * self.jump,
            self.jump_return.2,
        );
        mean * mean + slope * slope + noise * noise
    }

    /// Where a path begins.
    pub(super) const fn start(&self) -> State {
        State {
            fast: self.level + self.jumps * self.jump / self.kappa.0 + self.shock,
            slow: self.level,
        }
    }
}

/// Variance state at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct State {
    /// Fast factor: spot variance above the floor.
    pub(super) fast: f64,
    /// Slow factor.
    pub(super) slow: f64,
}

/// Coefficients on (1, f, s, f², fs, s²).
type Row = [f64; 6];

/// Steps of the tables: half days, to 400 days.
const TABLE_STEP_DAYS: f64 = 0.5;
const TABLE_STEPS: usize = 800;
/// Runge-Kutta steps between two rows of the tables.
const SUBSTEPS: u32 = 4;
const DAYS_PER_YEAR: f64 = 365.0;
/// Horizon of VIX in years.
const WINDOW: f64 = 30.0 / DAYS_PER_YEAR;

/// The model with its tables.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) params: Params,
    /// First and second moment of the 30-day variance so many half days ahead.
    moments: Vec<(Row, Row)>,
}

impl Model {
    pub(super) fn new(regime: Regime) -> Self {
        let params = Params::of(regime);
        let moments = moment_tables(&params);
        Self { params, moments }
    }

    /// θ(T) as coefficients on (1, fast, slow).
    fn theta_row(params: &Params, years: f64) -> [f64; 3] {
        let (scale, level) = params.premium;
        let (kappa, kappa_slow) = (params.kappa.1, params.kappa_slow.1);
        let decay = |k: f64| (1.0 - libm::exp(-k * years)) / k;
        let (quick, slow) = (decay(kappa), decay(kappa_slow));
        let rest = params.level * level;
        let drift = params.jumps * params.jump / kappa;
        let gap = kappa / (kappa - kappa_slow) * (slow - quick);
        let constant = (rest + drift) * (years - quick) - rest * gap
            + (params.floor + params.jumps * params.jump_return_square()) * years;
        [scale * constant, scale * quick, scale * level * gap]
    }

    /// At-the-money total implied variance to a horizon in years.
    pub(super) fn theta(&self, state: State, years: f64) -> f64 {
        let [c, f, s] = Self::theta_row(&self.params, years);
        c + f * state.fast + s * state.slow
    }

    /// A volatility index of so many days in the continuous limit of the formula: all strikes, exact maturity.
    pub(super) fn vix(&self, state: State, days: f64) -> f64 {
        let years = days / DAYS_PER_YEAR;
        let theta = self.theta(state, years);
        100.0 * (theta * log_contract_ratio(theta) / years).sqrt()
    }

    /// The VIX future that expires in so many years, and the annual volatility of its log to expiry. Both are for VIX in the
    /// continuous limit.
    pub(super) fn vix_future(&self, state: State, years: f64) -> (f64, f64) {
        let at = (years * DAYS_PER_YEAR / TABLE_STEP_DAYS).max(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and bounded next"
        )]
        let below = (at.floor().min(1e6) as usize).min(TABLE_STEPS - 1);
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let weight = (at - below as f64).min(1.0);
        let (f, s) = (state.fast, state.slow);
        let basis = [1.0, f, s, f * f, f * s, s * s];
        let dot = |row: &Row| row.iter().zip(&basis).map(|(a, b)| a * b).sum::<f64>();
        let point = |n: usize| self.moments.get(n).map_or((0.0, 0.0), |(a, b)| (dot(a), dot(b)));
        let (low, high) = (point(below), point(below + 1));
        let mean = low.0 + weight * (high.0 - low.0);
        let square = low.1 + weight * (high.1 - low.1);
        let (root, spread) = inverse_gamma(square / (mean * mean) - 1.0);
        let theta = mean * WINDOW;
        let price = 100.0 * (mean * log_contract_ratio(theta)).sqrt() * root;
        // Between expiry and the table's first row the moments are a straight line: so is the spread.
        let years = years.max(0.01 * TABLE_STEP_DAYS / DAYS_PER_YEAR);
        (price, 0.5 * (spread / years).sqrt())
    }
}

/// `E[√V]/√E[V]` and the variance of ln V of an inverse gamma law with this squared coefficient of variation.
fn inverse_gamma(c: f64) -> (f64, f64) {
    if c < 1e-3 {
        // The first terms of both: Γ's quotient loses its digits here.
        let c = c.max(0.0);
        return (1.0 - c / 8.0, c);
    }
    let alpha = 2.0 + 1.0 / c;
    let root = 0.5 * libm::log(alpha - 1.0) + libm::lgamma(alpha - 0.5) - libm::lgamma(alpha);
    (libm::exp(root), trigamma(alpha))
}

/// ψ′(x) for x ≥ 2: ψ′(x) = ψ′(x + 1) + 1/x², and Stirling's series beyond 8 (Abramowitz and Stegun 6.4.6, 6.4.12).
fn trigamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 8.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    sum + 1.0 / x + y / 2.0 + y / x * (1.0 / 6.0 - y * (1.0 / 30.0 - y * (1.0 / 42.0 - y / 30.0)))
}

/// The generator of (1, f, s, f², fs, s²) under the option-implied dynamics: row i has `d/dt E[i]`.
fn generator(p: &Params) -> [Row; 6] {
    let (k, ks, l) = (p.kappa.1, p.kappa_slow.1, p.premium.1);
    let (rate, mean, level) = (p.jumps, p.jump, p.level);
    let cross = p.slow_with_fast * p.xi * p.xi_slow;
    [
        [0.0; 6],
        [rate * mean, -k, k * l, 0.0, 0.0, 0.0],
        [ks * level, 0.0, -ks, 0.0, 0.0, 0.0],
        [
            2.0 * rate * mean * mean,
            2.0 * rate * mean,
            0.0,
            p.xi * p.xi - 2.0 * k,
            2.0 * k * l,
            0.0,
        ],
        [0.0, ks * level, rate * mean, 0.0, cross - k - ks, k * l],
        [
            0.0,
            0.0,
            2.0 * ks * level,
            0.0,
            0.0,
            p.xi_slow * p.xi_slow - 2.0 * ks,
        ],
    ]
}

/// r' = r G from the rows at expiry, by Runge and Kutta.
fn moment_tables(p: &Params) -> Vec<(Row, Row)> {
    let g = generator(p);
    let times = |r: &Row| {
        let mut out = [0.0; 6];
        for (x, row) in r.iter().zip(&g) {
            for (o, y) in out.iter_mut().zip(row) {
                *o += x * y;
            }
        }
        out
    };
    let plus = |a: &Row, h: f64, b: &Row| {
        let mut out = *a;
        for (o, y) in out.iter_mut().zip(b) {
            *o += h * y;
        }
        out
    };
    let h = TABLE_STEP_DAYS / DAYS_PER_YEAR / f64::from(SUBSTEPS);
    let step = |r: &Row| {
        let mut r = *r;
        for _ in 0..SUBSTEPS {
            let k1 = times(&r);
            let k2 = times(&plus(&r, h / 2.0, &k1));
            let k3 = times(&plus(&r, h / 2.0, &k2));
            let k4 = times(&plus(&r, h, &k3));
            r = plus(&plus(&r, h / 6.0, &k1), h / 6.0, &k4);
            r = plus(&plus(&r, h / 3.0, &k2), h / 3.0, &k3);
        }
        r
    };
    let [a, b, c] = Model::theta_row(p, WINDOW).map(|x| x / WINDOW);
    let first = (
        [a, b, c, 0.0, 0.0, 0.0],
        [a * a, 2.0 * a * b, 2.0 * a * c, b * b, 2.0 * b * c, c * c],
    );
    std::iter::successors(Some(first), |(one, two)| Some((step(one), step(two))))
        .take(TABLE_STEPS + 1)
        .collect()
}

/// Smile of the index at a horizon.
pub(super) fn smile(theta: f64) -> surface::Smile {
    surface::Smile::index(theta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::random::{Draws, Purpose};

    fn states() -> impl Iterator<Item = State> {
        let fasts = [1e-5, 0.002, 0.02, 0.3, 1.5];
        fasts
            .into_iter()
            .flat_map(|fast| [1e-4, 0.0235, 0.3].map(|slow| State { fast, slow }))
    }

    #[test]
    fn total_variance_grows_with_time_in_every_state() {
        for regime in Regime::ALL {
            let model = Model::new(regime);
            for state in states() {
                let mut last = 0.0;
                for days in 1..=800u32 {
                    let theta = model.theta(state, f64::from(days) / 365.0);
                    assert!(theta > last, "{regime:?} {state:?} {days}");
                    last = theta;
                }
            }
        }
    }

    #[test]
    fn a_future_at_expiry_is_vix_and_never_lacks_a_volatility() {
        for regime in Regime::ALL {
            let model = Model::new(regime);
            for state in states() {
                let (price, _) = model.vix_future(state, 0.0);
                assert!(
                    (price / model.vix(state, 30.0) - 1.0).abs() < 1e-9,
                    "{regime:?} {state:?}"
                );
                for days in 1..=300u32 {
                    let (price, vol) = model.vix_future(state, f64::from(days) / 365.0);
                    assert!(
                        (3.0..250.0).contains(&price),
                        "{regime:?} {state:?} {days}: {price}"
                    );
                    assert!((0.1..4.0).contains(&vol), "{regime:?} {state:?} {days}: {vol}");
                }
            }
        }
    }

    /// Source: scipy.special 1.x, polygamma(1, x), and gamma for the root.
    #[test]
    fn the_law_of_vix_squared_has_its_textbook_moments() {
        for (x, expected) in [
            (2.0, 0.644_934_066_848_226_4),
            (3.5, 0.330_357_756_100_234_9),
            (40.0, 0.025_315_103_841_291_03),
        ] {
            assert!((trigamma(x) - expected).abs() < 1e-10, "{x}: {}", trigamma(x));
        }
        let (root, spread) = inverse_gamma(1.0);
        assert!((root - 0.939_985_602_986_625_3).abs() < 1e-12, "{root}");
        assert!((spread - 0.394_934_066_848_226_4).abs() < 1e-10, "{spread}");
        let (near, far) = (inverse_gamma(0.999e-3), inverse_gamma(1.001e-3));
        assert!((near.0 - far.0).abs() < 1e-6 && (near.1 - far.1).abs() < 5e-6);
    }

    /// The closed moments and the law's root against the mean of VIX over simulated risk-neutral paths.
    #[test]
    fn a_future_is_the_risk_neutral_mean_of_vix() {
        let model = Model::new(Regime::Mixed);
        let p = model.params;
        let (paths, per_day) = (4_000u32, 4u32);
        for start in [
            State {
                fast: 0.015,
                slow: 0.02,
            },
            State {
                fast: 0.12,
                slow: 0.04,
            },
        ] {
            for days in [21u32, 63, 147] {
                let mut draws = Draws::new(u64::from(days), Purpose::Path);
                let years = f64::from(days) / 365.0;
                let steps = days * per_day;
                let dt = years / f64::from(steps);
                let mut sum = 0.0;
                for _ in 0..paths {
                    let State { mut fast, mut slow } = start;
                    for _ in 0..steps {
                        let (a, b) = (draws.normal(), draws.normal());
                        let c = p.slow_with_fast * a + (1.0 - p.slow_with_fast.powi(2)).sqrt() * b;
                        let jump = if draws.uniform() < p.jumps * dt {
                            p.jump * draws.exponential()
                        } else {
                            0.0
                        };
                        let to = fast + p.kappa.1 * (p.premium.1 * slow - fast) * dt;
                        fast = to * (p.xi * dt.sqrt() * a - 0.5 * p.xi * p.xi * dt).exp() + jump;
                        let to = slow + p.kappa_slow.1 * (p.level - slow) * dt;
                        slow = to * (p.xi_slow * dt.sqrt() * c - 0.5 * p.xi_slow * p.xi_slow * dt).exp();
                    }
                    sum += model.vix(State { fast, slow }, 30.0);
                }
                let mean = sum / f64::from(paths);
                let (price, _) = model.vix_future(start, years);
                println!("{start:?} {days} days: closed {price:.3}, simulated {mean:.3}");
                assert!((price / mean - 1.0).abs() < 0.015, "{days}: {price} {mean}");
            }
        }
    }
}
