//! The loops behind [`crate::chain`]: [`LANES`] options at a time, all alike, no branch inside.
//!
//! A kernel sees sound rows only; the callers put a harmless stand-in into the others' places and overwrite their results.

use fearless_simd::{Level, Simd, dispatch};

use crate::black76::{ExpiryTerms, Right};
use crate::lanes::{LANES, exp_nonpositive, ln_ratio, mills, normal_distance};

const FRAC_1_SQRT_2PI: f64 = 0.398_942_280_401_432_7;
const SQRT_2PI: f64 = 2.506_628_274_631_000_7;

/// One value per lane.
pub(crate) type Lanes = [f64; LANES];

/// What the rows of one call share, multiplied out once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared {
    sign: f64,
    forward: f64,
    forward_inverse: f64,
    discount: f64,
    density_scale: f64,
    sqrt_years: f64,
    vega_scale: f64,
    theta_vol_scale: f64,
    theta_growth: f64,
    rho_scale: f64,
}

impl Shared {
    pub(crate) fn new(terms: &ExpiryTerms, right: Right) -> Self {
        Self {
            sign: right.sign(),
            forward: terms.forward(),
            forward_inverse: 1.0 / terms.forward(),
            discount: terms.discount(),
            density_scale: terms.discount() * FRAC_1_SQRT_2PI,
            sqrt_years: terms.sqrt_years(),
            vega_scale: terms.sqrt_years() / 100.0,
            theta_vol_scale: 0.5 / (terms.sqrt_years() * 365.0),
            theta_growth: terms.rate() / 365.0,
            rho_scale: -terms.years() / 100.0,
        }
    }
}

/// Results of [`greeks`], one value per lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GreekLanes {
    pub(crate) price: Lanes,
    pub(crate) delta: Lanes,
    pub(crate) gamma: Lanes,
    pub(crate) vega: Lanes,
    pub(crate) theta: Lanes,
    pub(crate) rho: Lanes,
}

impl GreekLanes {
    pub(crate) const ZERO: Self = Self {
        price: [0.0; LANES],
        delta: [0.0; LANES],
        gamma: [0.0; LANES],
        vega: [0.0; LANES],
        theta: [0.0; LANES],
        rho: [0.0; LANES],
    };
}

/// Price and greeks of one option, `vol √T` at least [`crate::MIN_TOTAL_VOL`].
///
/// One exponential serves all: `F φ(d1) = K φ(d2)`, and with Mills' ratio `Φ(−|d|) = φ(d) M(|d|)` both distribution
/// functions follow from the density. The out-of-the-money option is valued, and the other by parity from it.
#[inline(always)]
fn greeks_of(t: &Shared, strike: f64, vol: f64) -> [f64; 6] {
    let total = vol * t.sqrt_years;
    let total_inverse = 1.0 / total;
    let x = ln_ratio(t.forward, strike);
    let scaled = x * total_inverse;
    let d1 = scaled + 0.5 * total;
    let d2 = scaled - 0.5 * total;
    let density = t.density_scale * exp_nonpositive(-0.5 * d1 * d1);
    let forward_density = t.forward * density;
    let (p1, q1) = mills(d1.abs());
    let (p2, q2) = mills(d2.abs());
    let shared_inverse = 1.0 / (q1 * q2);
    let tail1 = density * (p1 * (q2 * shared_inverse));
    let tail2 = forward_density * (p2 * (q1 * shared_inverse));
    let body1 = t.discount - tail1;
    let body2 = t.discount * strike - tail2;
    // Out of the money is the put when the forward stands above the strike.
    let otm = if x > 0.0 { -1.0 } else { 1.0 };
    let (side1, side2) = (otm * d1, otm * d2);
    let leg1 = if side1 >= 0.0 { body1 } else { tail1 };
    let leg2 = if side2 >= 0.0 { body2 } else { tail2 };
    let otm_value = otm * (t.forward * leg1 - leg2);
    let otm_value = if otm_value > 0.0 { otm_value } else { 0.0 };
    let intrinsic = t.sign * (t.forward - strike);
    let intrinsic = if intrinsic > 0.0 { intrinsic } else { 0.0 };
    let price = otm_value + t.discount * intrinsic;
    let exercised = if t.sign * d1 >= 0.0 { body1 } else { tail1 };
    [
        price,
        t.sign * exercised,
        density * total_inverse * t.forward_inverse,
        forward_density * t.vega_scale,
        t.theta_growth * price - forward_density * vol * t.theta_vol_scale,
        t.rho_scale * price,
    ]
}

/// Price and greeks of [`LANES`] options.
#[inline]
pub(crate) fn greeks(level: Level, shared: &Shared, strikes: &Lanes, vols: &Lanes, out: &mut GreekLanes) {
    dispatch!(level, simd => greeks_at(simd, shared, strikes, vols, out));
}

#[inline(always)]
fn greeks_at<S: Simd>(simd: S, shared: &Shared, strikes: &Lanes, vols: &Lanes, out: &mut GreekLanes) {
    simd.vectorize(
        #[inline(always)]
        || {
            let shared = *shared;
            let mut local = GreekLanes::ZERO;
            #[expect(
                clippy::indexing_slicing,
                reason = "every array has LANES elements and i runs below that"
            )]
            for i in 0..LANES {
                let row = greeks_of(&shared, strikes[i], vols[i]);
                local.price[i] = row[0];
                local.delta[i] = row[1];
                local.gamma[i] = row[2];
                local.vega[i] = row[3];
                local.theta[i] = row[4];
                local.rho[i] = row[5];
            }
            *out = local;
        },
    );
}

/// Steps of the solver; the third has always been the last that mattered, and a row for which it was not is refused.
const STEPS: usize = 3;
/// The last step of a row may be at most this share of its total vol: the steps converge with the third power, so what is
/// left is then below 1e-15.
const LAST_STEP_MAX: f64 = 1e-5;
/// Below this total vol the subtraction of the two terms costs more digits than are promised.
const TOTAL_VOL_MIN: f64 = 5e-5;
/// Above this total vol the price hardly moves any more with vol.
const TOTAL_VOL_MAX: f64 = 3.0;

/// Total vol `σ√T` of one option from the undiscounted value `value` of the out-of-the-money side, and zero when this
/// fast way is not sure of its digits.
///
/// Start: the normal model's distance in standard deviations, a function of one variable (see [`normal_distance`]), with
/// the first term of the expansion between the two models' vols. Steps: Halley's on `ln(price)`, whose curvature is mild from the money to
/// the far wing. Source of the derivatives: with `b` the price and `v = ∂b/∂s = F φ(d1)`, `v'/v = x²/s³ − s/4`.
#[inline(always)]
fn total_vol_of(forward: f64, strike: f64, value: f64) -> f64 {
    let x = ln_ratio(forward, strike);
    let x_abs = x.abs();
    let distance = (forward - strike).abs();
    // The square root of F·K to two digits would do, and is cheap anyhow.
    let geometric = (forward * strike).sqrt();
    let l = ln_ratio(value + distance, value);
    let (p, q) = normal_distance(l);
    let near = SQRT_2PI * value / geometric;
    let wide = x_abs * q / (l * p);
    let start = if distance > 1e-4 * value { wide } else { near };
    let mut s = start * (1.0 + start * start * (1.0 / 24.0));
    let otm = if x > 0.0 { -1.0 } else { 1.0 };
    let mut last = 1.0;
    for _ in 0..STEPS {
        s = if s > 1e-6 { s } else { 1e-6 };
        s = if s < 8.0 { s } else { 8.0 };
        let s_inverse = 1.0 / s;
        let scaled = x * s_inverse;
        let d1 = scaled + 0.5 * s;
        let d2 = scaled - 0.5 * s;
        let density = FRAC_1_SQRT_2PI * exp_nonpositive(-0.5 * d1 * d1);
        let vega = forward * density;
        let (p1, q1) = mills(d1.abs());
        let (p2, q2) = mills(d2.abs());
        let shared_inverse = 1.0 / (q1 * q2);
        let tail1 = density * (p1 * (q2 * shared_inverse));
        let tail2 = vega * (p2 * (q1 * shared_inverse));
        let leg1 = if otm * d1 >= 0.0 { 1.0 - tail1 } else { tail1 };
        let leg2 = if otm * d2 >= 0.0 { strike - tail2 } else { tail2 };
        let price = otm * (forward * leg1 - leg2);
        let price = if price > 1e-100 { price } else { 1e-100 };
        let slope = vega / price;
        // f = ln(price/value), f' = slope, f'' = slope (v'/v − slope).
        let f = ln_ratio(price, value);
        let curve = scaled * scaled * s_inverse - 0.25 * s - slope;
        // Halley: s − (f/f') / (1 − f f''/(2 f'²)); the denominator is kept from turning over far from the root.
        let newton = f / slope;
        let bend = 1.0 - 0.5 * newton * curve;
        let bend = if bend > 0.5 { bend } else { 0.5 };
        let step = newton / bend;
        s -= step;
        last = step.abs() * s_inverse;
    }
    let sure = (last <= LAST_STEP_MAX) & (TOTAL_VOL_MIN..=TOTAL_VOL_MAX).contains(&s);
    if sure { s } else { 0.0 }
}

/// Total vols of [`LANES`] options, zero where the fast way is not sure; see [`total_vol_of`].
#[inline]
pub(crate) fn total_vols(level: Level, forward: f64, strikes: &Lanes, values: &Lanes, out: &mut Lanes) {
    dispatch!(level, simd => total_vols_at(simd, forward, strikes, values, out));
}

#[inline(always)]
fn total_vols_at<S: Simd>(simd: S, forward: f64, strikes: &Lanes, values: &Lanes, out: &mut Lanes) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut local = [0.0; LANES];
            #[expect(
                clippy::indexing_slicing,
                reason = "every array has LANES elements and i runs below that"
            )]
            for i in 0..LANES {
                local[i] = total_vol_of(forward, strikes[i], values[i]);
            }
            *out = local;
        },
    );
}
