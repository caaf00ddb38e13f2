//! Elementary functions for the column kernels: branch-free, so that a loop over them becomes vector code.
//!
//! Only `+ − × ÷`, comparisons and bit moves are used, no fused multiply-add and no call into a system library. Each of those is
//! exactly rounded everywhere, so a row's bits are the same on every processor and at every vector width.
//!
//! The constants come from `tests/golden/coefficients.py`.

use core::f64::consts::{LN_2, LOG2_E};

/// Options handled at once: a few registers of the widest kind there is, so that their chains of operations overlap.
pub(crate) const LANES: usize = 16;

const EXPONENT: u64 = 0x7FF << 52;
const BIAS: u64 = 1023;
/// `1.5 · 2^52`: added to a small number it leaves the nearest integer in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
const TWO_52: f64 = 4_503_599_627_370_496.0;

/// `ln(a / b)` for positive normal numbers whose quotient is one too.
///
/// Keeps its relative precision when the two are close: with `b` scaled by a power of two (which is exact) to within a
/// factor 1.5 of `a`, `u = (a − b) / (a + b)` has no rounding but its last, and `ln(a / b) = 2 atanh(u)`.
/// Relative error below 6e-16.
#[inline(always)]
pub(crate) fn ln_ratio(a: f64, b: f64) -> f64 {
    let (power, scaled) = scaled_near(a, b);
    ln_from(power, (a - scaled) / (a + scaled))
}

/// `ln(a / b)` as [`ln_ratio`], and `1 / c`, for the price of one division. Relative error of the logarithm below 1e-15.
#[inline(always)]
pub(crate) fn ln_ratio_and_inverse(a: f64, b: f64, c: f64) -> (f64, f64) {
    let (power, scaled) = scaled_near(a, b);
    let sum = a + scaled;
    let inverse = 1.0 / (sum * c);
    (ln_from(power, (a - scaled) * (c * inverse)), sum * inverse)
}

/// The power of two that takes `b` to within a factor 1.5 of `a`, and `b` so scaled.
#[inline(always)]
fn scaled_near(a: f64, b: f64) -> (f64, f64) {
    // The exponent of a/b, read off the difference of the bit patterns: half a unit is added to round.
    let exponent = a
        .to_bits()
        .wrapping_sub(b.to_bits())
        .wrapping_add((BIAS << 52) + (1 << 51))
        & EXPONENT;
    // The biased exponent as a number: placed into the low bits of 2^52, which is then taken off again.
    #[expect(clippy::cast_precision_loss, reason = "1023 is exact")]
    let power = f64::from_bits(TWO_52.to_bits() | (exponent >> 52)) - (TWO_52 + BIAS as f64);
    (power, b * f64::from_bits(exponent))
}

#[inline(always)]
fn ln_from(power: f64, u: f64) -> f64 {
    let z = u * u;
    power * LN_2 + (2.0 * u + u * (z * polynomial(z, &LN_SERIES)))
}

/// `e^y` for `y ≤ 0`; zero below −708, where the result leaves the normal numbers.
/// Relative error below 2e-16 plus the rounding of `y` itself.
#[inline(always)]
pub(crate) fn exp_nonpositive(y: f64) -> f64 {
    let clamped = if y > -708.0 { y } else { -708.0 };
    let shifted = clamped * LOG2_E + ROUNDER;
    let power = shifted - ROUNDER;
    // ln 2 in two parts, the first with 21 zero bits at its end, so that its product with `power` is exact (fdlibm).
    let r = (clamped - power * 6.931_471_803_691_238e-1) - power * 1.908_214_929_270_587_7e-10;
    let tail = polynomial(r, &EXP_SERIES);
    let scale = f64::from_bits(shifted.to_bits().wrapping_add(BIAS) << 52);
    let result = (1.0 + (r + (r * r) * tail)) * scale;
    if y > -708.0 { result } else { 0.0 }
}

/// Mills' ratio `Φ(−a)/φ(a)` for `0 ≤ a`, as numerator and denominator so that two of them can share a division.
///
/// Rational of degree 8 over 9 with positive coefficients, so no cancellation: relative error below 1.5e-15 up to a = 20 and 1e-11 at
/// 40, where the density has long left the normal numbers; larger arguments count as 40.
#[inline(always)]
pub(crate) fn mills(a: f64) -> (f64, f64) {
    let a = if a < 40.0 { a } else { 40.0 };
    (polynomial(a, &MILLS_P), polynomial(a, &MILLS_Q))
}

/// `Z(L)/L` with `L = ln(1 + m/w)`: from the out-of-the-money value `w` of an option at distance `m` under the normal
/// (Bachelier) model to that distance in standard deviations, `Z`. Relative error 1.1e-4 for Z up to 10. As numerator and denominator.
#[inline(always)]
pub(crate) fn normal_distance(l: f64) -> (f64, f64) {
    (polynomial(l, &DISTANCE_P), polynomial(l, &DISTANCE_Q))
}

/// A polynomial, lowest coefficient first: Horner's rule on every other coefficient, which halves the chain of operations that
/// wait for one another.
///
/// A bare loop: of iterator adapters the compiler leaves one as a call in some builds, and then the kernel around it is not
/// vector code any more, five times slower.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "indices from 0 to N - 1")]
fn polynomial<const N: usize>(x: f64, coefficients: &[f64; N]) -> f64 {
    const { assert!(N >= 2, "two chains need a coefficient each") };
    let square = x * x;
    let (mut first, mut second) = (coefficients[N - 1], coefficients[N - 2]);
    let mut k = 2;
    while k < N {
        let c = coefficients[N - 1 - k];
        if k % 2 == 0 {
            first = first * square + c;
        } else {
            second = second * square + c;
        }
        k += 1;
    }
    // The first chain ends at the constant when there is an odd number of coefficients, the second when even.
    if N % 2 == 1 {
        first + x * second
    } else {
        second + x * first
    }
}

/// `(2 atanh(u)/u − 2) / u²` in `u²`, for |u| ≤ 0.201; 6e-17.
const LN_SERIES: [f64; 7] = [
    0.666_666_666_666_669_5,
    0.399_999_999_993_043_9,
    0.285_714_288_463_892_5,
    0.222_221_815_412_894_37,
    0.181_846_760_955_643_14,
    0.152_821_025_267_224_5,
    0.151_329_651_942_731_15,
];

/// `(e^r − 1 − r) / r²` for |r| ≤ ln(2)/2; 1.3e-17.
const EXP_SERIES: [f64; 10] = [
    0.500_000_000_000_000_1,
    0.166_666_666_666_666_69,
    0.041_666_666_666_623_824,
    0.008_333_333_333_330_039,
    0.001_388_888_891_736_708_1,
    0.000_198_412_698_631_715_57,
    2.480_152_105_786_820_4e-5,
    2.755_726_827_690_569_6e-6,
    2.762_020_159_103_154_7e-7,
    2.510_047_250_569_499_6e-8,
];

const MILLS_P: [f64; 9] = [
    1.253_314_137_315_500_8,
    1.750_690_906_930_876,
    1.210_539_787_764_003_6,
    0.525_766_669_787_836_3,
    0.155_114_052_490_871_8,
    0.031_703_436_009_413_16,
    0.004_389_064_205_189_161,
    0.000_378_654_959_163_449_7,
    1.580_098_146_309_45e-5,
];

const MILLS_Q: [f64; 10] = [
    1.0,
    2.194_733_806_181_053_7,
    2.217_015_225_916_185_7,
    1.357_017_945_434_971_3,
    0.556_713_901_600_276_1,
    0.159_471_455_076_476_64,
    0.032_082_093_346_530_7,
    0.004_404_865_121_064_987,
    0.000_378_654_960_274_909_7,
    1.580_098_145_442_110_6e-5,
];

const DISTANCE_P: [f64; 4] = [
    0.398_930_927_613_962_26,
    0.037_296_891_950_473_93,
    0.004_978_009_979_606_208,
    2.268_730_003_339_31e-5,
];

const DISTANCE_Q: [f64; 4] = [
    1.0,
    0.093_219_571_504_210_95,
    0.016_436_931_629_525_44,
    0.000_388_256_931_418_399_7,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_equals_libm() {
        for i in 1..4_000 {
            let a = 0.037 * f64::from(i);
            for b in [1e-9, 0.5, 1.0, 17.35, 74.0, 5_000.0, 1e12] {
                let want = if (0.5..=2.0).contains(&(a / b)) {
                    libm::log1p((a - b) / b)
                } else {
                    libm::log(a / b)
                };
                let error = (ln_ratio(a, b) - want).abs();
                assert!(error <= 6e-16 * want.abs(), "{a} {b}: {error:e} of {want:e}");
                let (ln, inverse) = ln_ratio_and_inverse(a, b, 0.003);
                assert!((ln - want).abs() <= 1e-15 * want.abs(), "{a} {b}");
                assert!((inverse * 0.003 - 1.0).abs() < 1e-15);
            }
        }
        assert_eq!(ln_ratio(5_000.0, 5_000.0).to_bits(), 0);
        let next = 5_000.0_f64.next_up();
        assert!((ln_ratio(next, 5_000.0) / ((next - 5_000.0) / 5_000.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn exponential_equals_libm() {
        for i in 0..70_000 {
            let y = -0.010_1 * f64::from(i);
            let error = (exp_nonpositive(y) / libm::exp(y) - 1.0).abs();
            assert!(error <= 5e-16, "{y}: {error:e}");
        }
        assert_eq!(exp_nonpositive(0.0).to_bits(), 1.0_f64.to_bits());
        for y in [-708.0, -745.0, -1e300, f64::NEG_INFINITY] {
            assert_eq!(exp_nonpositive(y).to_bits(), 0);
        }
    }

    #[test]
    fn mills_ratio_equals_libm() {
        for i in 0..2_000 {
            let a = 0.01 * f64::from(i);
            let (p, q) = mills(a);
            let want = crate::black76::normal_cdf(-a) / crate::black76::normal_pdf(a);
            // Up to eight, libm itself is good to 9e-15; beyond, its own tail and the exponential's argument tell.
            let allowed = 1e-14 + 4e-16 * a * a;
            assert!(
                (p / q / want - 1.0).abs() < allowed,
                "{a}: {:e}",
                p / q / want - 1.0
            );
        }
    }

    #[test]
    fn normal_distance_is_close() {
        for i in 1..1_000 {
            let z = 0.01 * f64::from(i);
            let value = crate::black76::normal_pdf(z) - z * crate::black76::normal_cdf(-z);
            let l = libm::log1p(z / value);
            let (p, q) = normal_distance(l);
            assert!((l * p / q / z - 1.0).abs() < 2e-4, "{z}: {}", l * p / q);
        }
    }
}
