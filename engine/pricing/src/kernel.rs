//! The loops behind [`crate::chain`]: [`LANES`] options at a time, all alike, no branch inside.

use fearless_simd::{Level, Simd, dispatch};

use crate::black76::{ExpiryTerms, MAX_PRICE_POINTS, MAX_VOL, MIN_PRICE_POINTS, Right};
use crate::implied::TIME_VALUE_RESOLUTION;
use crate::lanes::{LANES, exp_nonpositive, ln_ratio, ln_ratio_and_inverse, mills, normal_distance};

const FRAC_1_SQRT_2PI: f64 = 0.398_942_280_401_432_7;
const SQRT_2PI: f64 = 2.506_628_274_631_000_7;

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

/// Options of the blocks that most of a column goes through: so many that the constants of a stage are loaded once for several
/// registers of options, and that the chains of operations of many options overlap. What is left goes through blocks of [`LANES`].
const WIDE: usize = 64;

/// Price and greeks of all rows into `out` (price, delta, gamma, vega, theta, rho), every slice of one length. Whether every row is
/// plain: strike and vol in range, and the vol at least `vol_min`. Rows that are not get numbers without meaning: the caller
/// overwrites them.
pub(crate) fn greeks(
    level: Level,
    shared: &Shared,
    (strikes, vols, vol_min): (&[f64], &[f64], f64),
    out: [&mut [f64]; 6],
) -> bool {
    dispatch!(level, simd => {
        let rows = (strikes, vols, vol_min);
        blocks_at::<Greeks, 6>(simd, shared, rows, out)
    })
}

/// What a block of options is valued to, in `C` columns. A type and not a function that is handed over: a call through one is not
/// inlined into code that is compiled for a level of vectors, and takes three times as long.
trait Block<const C: usize> {
    fn of<const N: usize>(shared: &Shared, strikes: &[f64; N], vols: &[f64; N]) -> [[f64; N]; C];
}

struct Greeks;
struct Prices;

impl Block<6> for Greeks {
    #[inline(always)]
    fn of<const N: usize>(shared: &Shared, strikes: &[f64; N], vols: &[f64; N]) -> [[f64; N]; 6] {
        greeks_block(shared, strikes, vols)
    }
}

impl Block<2> for Prices {
    #[inline(always)]
    fn of<const N: usize>(shared: &Shared, strikes: &[f64; N], vols: &[f64; N]) -> [[f64; N]; 2] {
        prices_block(shared, strikes, vols)
    }
}

/// Goes through rows in blocks, [`WIDE`] at first and then [`LANES`], and stores each block's columns. Whether every row is plain.
#[inline(always)]
fn blocks_at<B: Block<C>, const C: usize>(
    simd: impl Simd,
    shared: &Shared,
    (mut strikes, mut vols, vol_min): (&[f64], &[f64], f64),
    mut out: [&mut [f64]; C],
) -> bool {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut plain = true;
            while let (Some((k, strikes_left)), Some((v, vols_left))) = (
                strikes.split_first_chunk::<WIDE>(),
                vols.split_first_chunk::<WIDE>(),
            ) {
                plain &= all_plain(k, v, vol_min);
                let values = B::of(shared, k, v);
                store(&mut out, &values, WIDE);
                (strikes, vols) = (strikes_left, vols_left);
            }
            for (strikes, vols) in strikes.chunks(LANES).zip(vols.chunks(LANES)) {
                // A column's last block is padded with an option that is as good as any.
                let (k, rows) = padded(strikes, shared.forward);
                let (v, _) = padded(vols, 1.0);
                plain &= all_plain(&k, &v, vol_min);
                let values = B::of(shared, &k, &v);
                store(&mut out, &values, rows);
            }
            plain
        },
    )
}

/// Moves the first `rows` values of each column to the front of `out`, which then begins behind them.
#[inline(always)]
fn store<const N: usize, const C: usize>(out: &mut [&mut [f64]; C], values: &[[f64; N]; C], rows: usize) {
    for (column, values) in out.iter_mut().zip(values) {
        let left = core::mem::take(column);
        let (cells, left) = left.split_at_mut(rows.min(left.len()));
        if let Some(values) = values.get(..cells.len()) {
            cells.copy_from_slice(values);
        }
        *column = left;
    }
}

#[inline(always)]
fn all_plain<const N: usize>(strikes: &[f64; N], vols: &[f64; N], vol_min: f64) -> bool {
    strikes
        .iter()
        .zip(vols)
        .fold(true, |all, (k, v)| all & is_plain(*k, *v, vol_min))
}

/// Whether a row's numbers are in range and away from the limits, so that the kernel's answer stands.
#[inline(always)]
pub(crate) fn is_plain(strike: f64, vol: f64, vol_min: f64) -> bool {
    (MIN_PRICE_POINTS..=MAX_PRICE_POINTS).contains(&strike) & (vol_min..=MAX_VOL).contains(&vol)
}

/// Price and greeks of a block, `vol √T` of each at least [`crate::MIN_TOTAL_VOL`].
///
/// One exponential serves all: `F φ(d1) = K φ(d2)`, and with Mills' ratio `Φ(−|d|) = φ(d) M(|d|)` both distribution
/// functions follow from the density. The out-of-the-money option is valued, and the other by parity from it.
///
/// One loop for each stage: a loop over whole options would be a single chain of operations longer than a processor looks ahead.
#[inline(always)]
#[expect(
    clippy::indexing_slicing,
    reason = "every array has N elements and i runs below that"
)]
fn greeks_block<const N: usize>(shared: &Shared, strikes: &[f64; N], vols: &[f64; N]) -> [[f64; N]; 6] {
    let t = *shared;
    let (mut otm, mut total_inverse) = ([0.0; N], [0.0; N]);
    let (mut d1, mut d2) = ([0.0; N], [0.0; N]);
    for i in 0..N {
        let total = vols[i] * t.sqrt_years;
        let (x, inverse) = ln_ratio_and_inverse(t.forward, strikes[i], total);
        let scaled = x * inverse;
        d1[i] = scaled + 0.5 * total;
        d2[i] = scaled - 0.5 * total;
        total_inverse[i] = inverse;
        // Out of the money is the put when the forward stands above the strike.
        otm[i] = if x > 0.0 { -1.0 } else { 1.0 };
    }
    let mut density = [0.0; N];
    for i in 0..N {
        density[i] = t.density_scale * exp_nonpositive(-0.5 * d1[i] * d1[i]);
    }
    let (mut p1, mut q1) = ([0.0; N], [0.0; N]);
    for i in 0..N {
        (p1[i], q1[i]) = mills(d1[i].abs());
    }
    let (mut p2, mut q2) = ([0.0; N], [0.0; N]);
    for i in 0..N {
        (p2[i], q2[i]) = mills(d2[i].abs());
    }
    let mut block = [[0.0; N]; 6];
    let [price, delta, gamma, vega, theta, rho] = &mut block;
    for i in 0..N {
        let forward_density = t.forward * density[i];
        let shared_inverse = 1.0 / (q1[i] * q2[i]);
        let tail1 = density[i] * (p1[i] * (q2[i] * shared_inverse));
        let tail2 = forward_density * (p2[i] * (q1[i] * shared_inverse));
        let body1 = t.discount - tail1;
        let body2 = t.discount * strikes[i] - tail2;
        let (side1, side2) = (otm[i] * d1[i], otm[i] * d2[i]);
        let leg1 = if side1 >= 0.0 { body1 } else { tail1 };
        let leg2 = if side2 >= 0.0 { body2 } else { tail2 };
        let otm_value = otm[i] * (t.forward * leg1 - leg2);
        let otm_value = if otm_value > 0.0 { otm_value } else { 0.0 };
        let intrinsic = t.sign * (t.forward - strikes[i]);
        let intrinsic = if intrinsic > 0.0 { intrinsic } else { 0.0 };
        let value = otm_value + t.discount * intrinsic;
        let exercised = if t.sign * d1[i] >= 0.0 { body1 } else { tail1 };
        price[i] = value;
        delta[i] = t.sign * exercised;
        gamma[i] = density[i] * total_inverse[i] * t.forward_inverse;
        vega[i] = forward_density * t.vega_scale;
        theta[i] = t.theta_growth * value - forward_density * vols[i] * t.theta_vol_scale;
        rho[i] = t.rho_scale * value;
    }
    block
}

/// Prices of both rights of all rows into `puts` and `calls`, every slice of one length. Whether every row is plain, as for
/// [`greeks`], whose prices these are to the bit.
pub(crate) fn prices(
    level: Level,
    shared: &Shared,
    (strikes, vols, vol_min): (&[f64], &[f64], f64),
    out: [&mut [f64]; 2],
) -> bool {
    dispatch!(level, simd => {
        let rows = (strikes, vols, vol_min);
        blocks_at::<Prices, 2>(simd, shared, rows, out)
    })
}

/// Put and call prices of a block: the operations of [`greeks_block`] that lead to its prices, in their order. The value out of the
/// money serves both rights.
#[inline(always)]
#[expect(
    clippy::indexing_slicing,
    reason = "every array has N elements and i runs below that"
)]
fn prices_block<const N: usize>(shared: &Shared, strikes: &[f64; N], vols: &[f64; N]) -> [[f64; N]; 2] {
    let t = *shared;
    let mut otm = [0.0; N];
    let (mut d1, mut d2) = ([0.0; N], [0.0; N]);
    for i in 0..N {
        let total = vols[i] * t.sqrt_years;
        let (x, inverse) = ln_ratio_and_inverse(t.forward, strikes[i], total);
        let scaled = x * inverse;
        d1[i] = scaled + 0.5 * total;
        d2[i] = scaled - 0.5 * total;
        otm[i] = if x > 0.0 { -1.0 } else { 1.0 };
    }
    let mut density = [0.0; N];
    for i in 0..N {
        density[i] = t.density_scale * exp_nonpositive(-0.5 * d1[i] * d1[i]);
    }
    let (mut p1, mut q1) = ([0.0; N], [0.0; N]);
    for i in 0..N {
        (p1[i], q1[i]) = mills(d1[i].abs());
    }
    let (mut p2, mut q2) = ([0.0; N], [0.0; N]);
    for i in 0..N {
        (p2[i], q2[i]) = mills(d2[i].abs());
    }
    let mut block = [[0.0; N]; 2];
    let [put, call] = &mut block;
    for i in 0..N {
        let forward_density = t.forward * density[i];
        let shared_inverse = 1.0 / (q1[i] * q2[i]);
        let tail1 = density[i] * (p1[i] * (q2[i] * shared_inverse));
        let tail2 = forward_density * (p2[i] * (q1[i] * shared_inverse));
        let body1 = t.discount - tail1;
        let body2 = t.discount * strikes[i] - tail2;
        let (side1, side2) = (otm[i] * d1[i], otm[i] * d2[i]);
        let leg1 = if side1 >= 0.0 { body1 } else { tail1 };
        let leg2 = if side2 >= 0.0 { body2 } else { tail2 };
        let otm_value = otm[i] * (t.forward * leg1 - leg2);
        let otm_value = if otm_value > 0.0 { otm_value } else { 0.0 };
        let above = t.forward - strikes[i];
        let (below, above) = (
            if -above > 0.0 { -above } else { 0.0 },
            if above > 0.0 { above } else { 0.0 },
        );
        put[i] = otm_value + t.discount * below;
        call[i] = otm_value + t.discount * above;
    }
    block
}

/// A block of exactly [`LANES`] values, and how many of them are rows.
#[inline(always)]
fn padded(rows: &[f64], stand_in: f64) -> ([f64; LANES], usize) {
    if let Some(block) = rows.first_chunk::<LANES>() {
        return (*block, LANES);
    }
    let mut block = [stand_in; LANES];
    for (to, from) in block.iter_mut().zip(rows) {
        *to = *from;
    }
    (block, rows.len())
}

/// Steps of the solver. More would change nothing: see [`LAST_STEP_MAX`].
const STEPS: usize = 3;
/// The last step of a row may be at most this share of its total vol: the steps converge with the third power, so what is
/// left is then below 1e-15. A row that is not there yet goes to the certain solver.
const LAST_STEP_MAX: f64 = 1e-5;
/// Below this total vol the subtraction of the two terms costs more digits than are promised.
const TOTAL_VOL_MIN: f64 = 5e-5;
/// Above this total vol the price hardly moves any more with vol.
const TOTAL_VOL_MAX: f64 = 3.0;
/// Share of its bound (the lesser of forward and strike) above which a value is left to the certain solver.
const VALUE_SHARE_MAX: f64 = 0.9;
/// Share of the forward below which a value is left to the certain solver.
const VALUE_SHARE_MIN: f64 = 1e-15;

/// What the rows of one [`vols`] call share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SharedVol {
    sign: f64,
    forward: f64,
    discount: f64,
    sqrt_years: f64,
    value_min: f64,
}

impl SharedVol {
    pub(crate) fn new(terms: &ExpiryTerms, right: Right) -> Self {
        Self {
            sign: right.sign(),
            forward: terms.forward(),
            discount: terms.discount(),
            sqrt_years: terms.sqrt_years(),
            value_min: VALUE_SHARE_MIN * terms.forward(),
        }
    }
}

/// Implied vols of all rows, and zero in each row where this fast way is not sure of its digits or its input.
///
/// Every slice is of one length. Start: the normal model's distance in standard deviations, a function of one variable (see
/// [`normal_distance`]), with the first term of the expansion between the two models' vols. Steps: Halley's on `ln(price)`,
/// whose curvature is mild from the money to the far wing.
pub(crate) fn vols(level: Level, shared: &SharedVol, strikes: &[f64], prices: &[f64], out: &mut [f64]) {
    dispatch!(level, simd => vols_at(simd, shared, strikes, prices, out));
}

#[inline(always)]
fn vols_at<S: Simd>(simd: S, shared: &SharedVol, strikes: &[f64], prices: &[f64], out: &mut [f64]) {
    simd.vectorize(
        #[inline(always)]
        || {
            let rows = strikes
                .chunks(LANES)
                .zip(prices.chunks(LANES))
                .zip(out.chunks_mut(LANES));
            for ((strikes, prices), out) in rows {
                let (strikes, rows) = padded(strikes, shared.forward);
                let (prices, _) = padded(prices, 0.0);
                let block = vols_block(shared, &strikes, &prices);
                if let Some(values) = block.get(..rows) {
                    out.copy_from_slice(values);
                }
            }
        },
    );
}

#[inline(always)]
#[expect(
    clippy::indexing_slicing,
    reason = "every array has LANES elements and i runs below that"
)]
fn vols_block(shared: &SharedVol, strikes: &[f64; LANES], prices: &[f64; LANES]) -> [f64; LANES] {
    let t = *shared;
    let mut state = [[0.0; LANES]; 5];
    let [strike, value, x, total, last] = &mut state;
    for i in 0..LANES {
        [strike[i], value[i], x[i], total[i]] = vol_start(&t, strikes[i], prices[i]);
    }
    // One loop per step over all lanes: a loop of steps inside a loop of lanes would not become vector code.
    for _ in 0..STEPS {
        for i in 0..LANES {
            (total[i], last[i]) = vol_step(t.forward, strike[i], value[i], x[i], total[i]);
        }
    }
    let mut vols = [0.0; LANES];
    for i in 0..LANES {
        // The stand-in of an unsound row has a value of zero.
        let sure = (last[i] <= LAST_STEP_MAX) & (TOTAL_VOL_MIN..=TOTAL_VOL_MAX).contains(&total[i]);
        let vol = total[i] / t.sqrt_years;
        let sound = (value[i] >= t.value_min) & (vol <= MAX_VOL);
        vols[i] = if sure & sound { vol } else { 0.0 };
    }
    vols
}

/// Strike, undiscounted time value, log-moneyness and a first total vol of one row; a value of zero when the row is not for this solver.
#[inline(always)]
fn vol_start(t: &SharedVol, strike: f64, price: f64) -> [f64; 4] {
    let sound = (MIN_PRICE_POINTS..=MAX_PRICE_POINTS).contains(&strike);
    let strike = if sound { strike } else { t.forward };
    let undiscounted = price / t.discount;
    let intrinsic = t.sign * (t.forward - strike);
    let in_the_money = intrinsic > 0.0;
    let value = undiscounted - if in_the_money { intrinsic } else { 0.0 };
    // In the money the value is a difference, and what is left of it may be rounding.
    let larger = if undiscounted > t.forward {
        undiscounted
    } else {
        t.forward
    };
    let larger = if larger > strike { larger } else { strike };
    let noise = if in_the_money {
        TIME_VALUE_RESOLUTION * larger
    } else {
        0.0
    };
    let bound = VALUE_SHARE_MAX * if t.forward < strike { t.forward } else { strike };
    let sound = sound & (value >= t.value_min) & (value > noise) & (value < bound);
    let value = if sound { value } else { 0.04 * t.forward };
    let strike = if sound { strike } else { t.forward };

    let x = ln_ratio(t.forward, strike);
    let distance = (t.forward - strike).abs();
    let geometric = (t.forward * strike).sqrt();
    let l = ln_ratio(value + distance, value);
    let (p, q) = normal_distance(l);
    let near = SQRT_2PI * value / geometric;
    let wide = x.abs() * q / (l * p);
    let start = if distance > 1e-4 * value { wide } else { near };
    let total = start * (1.0 + start * start * (1.0 / 24.0));
    [strike, if sound { value } else { 0.0 }, x, total]
}

/// One step of Halley's method for `f(s) = ln(price(s) / value)`: the next total vol, and the step's share of it.
///
/// With `b` the price and `v = ∂b/∂s = F φ(d1)`: `f' = v/b`, `f'' = f' (v'/v − f')` and `v'/v = x²/s³ − s/4`.
#[inline(always)]
fn vol_step(forward: f64, strike: f64, value: f64, x: f64, s: f64) -> (f64, f64) {
    let s = if s > 1e-6 { s } else { 1e-6 };
    let s = if s < 8.0 { s } else { 8.0 };
    let s_inverse = 1.0 / s;
    let scaled = x * s_inverse;
    let d1 = scaled + 0.5 * s;
    let d2 = scaled - 0.5 * s;
    let otm = if x > 0.0 { -1.0 } else { 1.0 };
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
    // A stand-in's value of zero would take the logarithm out of its range.
    let value = if value > 1e-100 { value } else { 1e-100 };
    let f = ln_ratio(price, value);
    // Halley's step (f/f') / (1 − f f''/(2 f'²)), multiplied out to one division; far from the root the denominator is kept
    // from turning over.
    let curve = scaled * scaled * s_inverse - 0.25 * s;
    let half = 0.5 * f;
    let denominator = vega + half * (vega - curve * price);
    let denominator = if denominator > 0.5 * vega {
        denominator
    } else {
        0.5 * vega
    };
    let step = f * price / denominator;
    (s - step, step.abs() * s_inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every level this machine can run, from the least: the baseline of the build first.
    fn levels() -> Vec<Level> {
        let best = Level::new();
        let mut levels = vec![Level::baseline(), best];
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            levels.extend(best.as_sse2().map(Level::Sse2));
            levels.extend(best.as_sse4_2().map(Level::Sse4_2));
            levels.extend(best.as_avx2().map(Level::Avx2));
        }
        levels
    }

    #[test]
    fn every_vector_width_gives_the_same_bits() {
        let terms = ExpiryTerms::new(5_013.7, 0.137, 0.993).unwrap();
        let n = 333;
        let strikes: Vec<f64> = (0..n).map(|i| 1_000.0 + 31.7 * f64::from(i)).collect();
        let vols: Vec<f64> = (0..n).map(|i| 0.05 + 0.004 * f64::from(i)).collect();
        let prices: Vec<f64> = (0..n).map(|i| (f64::from(i) * 0.05 - 6.0).exp()).collect();
        let run = |level: Level| {
            let rows = strikes.len();
            let mut bits: Vec<u64> = Vec::new();
            for right in [Right::Put, Right::Call] {
                let mut columns = [(); 6].map(|()| vec![0.0; rows]);
                let out = columns.each_mut().map(Vec::as_mut_slice);
                greeks(level, &Shared::new(&terms, right), (&strikes, &vols, 1e-9), out);
                bits.extend(columns.iter().flatten().map(|x| x.to_bits()));
                let mut solved = vec![0.0; rows];
                super::vols(
                    level,
                    &SharedVol::new(&terms, right),
                    &strikes,
                    &prices,
                    &mut solved,
                );
                assert!(solved.iter().filter(|v| **v > 0.0).count() > 100);
                bits.extend(solved.iter().map(|x| x.to_bits()));
            }
            bits
        };
        let want = run(Level::baseline());
        for level in levels() {
            assert_eq!(run(level), want, "{level:?}");
        }
    }

    /// Ordinary prices must not need the slow solver: that would be correct, and several times slower.
    #[test]
    fn the_fast_solver_is_sure_of_a_whole_smile() {
        for (forward, years) in [
            (5_000.0, 1.0 / 365.0),
            (5_000.0, 45.0 / 365.0),
            (5_000.0, 2.0),
            (17.35, 0.2),
        ] {
            let terms = ExpiryTerms::new(forward, years, 0.99).unwrap();
            for vol in [0.08, 0.16, 0.4, 1.2] {
                let mut tried = 0;
                for sd in -70..=70 {
                    let strike = forward * (0.1 * f64::from(sd) * vol * terms.sqrt_years()).exp();
                    let right = if strike < forward { Right::Put } else { Right::Call };
                    let price = terms.price(right, strike, vol).unwrap();
                    if price < 1e-8 {
                        continue;
                    }
                    tried += 1;
                    let mut solved = [0.0];
                    super::vols(
                        Level::new(),
                        &SharedVol::new(&terms, right),
                        &[strike],
                        &[price],
                        &mut solved,
                    );
                    let error = (solved[0] / vol - 1.0).abs();
                    assert!(
                        error < 1e-11,
                        "{forward} {years} {vol} {sd}: {:?}, {error:e}",
                        solved[0]
                    );
                }
                assert!(tried > 80);
            }
        }
    }
}
