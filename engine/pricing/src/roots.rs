//! Roots of a function of one number, found by halving: certain, and the same bits on every machine.

/// A root of `f` between two places where its signs differ, to the last bit that halving can tell; an end that is zero is the
/// root. None where the signs do not differ, an end is not finite or `f` is not a number there.
pub(crate) fn bracketed(f: impl Fn(f64) -> f64, low: f64, high: f64) -> Option<f64> {
    let (mut low, mut high) = (low.min(high), low.max(high));
    let (at_low, at_high) = (f(low), f(high));
    if at_low == 0.0 {
        return Some(low);
    }
    if at_high == 0.0 {
        return Some(high);
    }
    if !(low.is_finite() && high.is_finite()) || at_low.is_nan() || at_high.is_nan() {
        return None;
    }
    let rising = at_low < 0.0;
    if rising == (at_high < 0.0) {
        return None;
    }
    // Halving the width of 2^1074 at most: every number is reached, and most brackets close far sooner.
    for _ in 0..2_100 {
        let middle = low + 0.5 * (high - low);
        if middle <= low || middle >= high {
            break;
        }
        let value = f(middle);
        if value == 0.0 {
            return Some(middle);
        }
        if value.is_nan() {
            return None;
        }
        if (value < 0.0) == rising {
            low = middle;
        } else {
            high = middle;
        }
    }
    // Of two neighbours the one nearer to zero.
    Some(if f(low).abs() <= f(high).abs() { low } else { high })
}

#[cfg(test)]
mod tests {
    use super::bracketed;

    #[test]
    fn roots_are_found_to_the_last_bit() {
        let root = bracketed(|x| x * x - 2.0, 0.0, 2.0).unwrap();
        assert!((root - core::f64::consts::SQRT_2).abs() <= f64::EPSILON);
        assert_eq!(bracketed(|x| x, 0.0, 1.0), Some(0.0));
        assert_eq!(bracketed(|x| 3.0 - x, 4.0, -1.0), Some(3.0));
        assert_eq!(bracketed(|x| x * x + 1.0, -1.0, 1.0), None);
        assert_eq!(bracketed(|_| f64::NAN, -1.0, 1.0), None);
        assert!(bracketed(|x| x - 1e-300, -1e300, 1e300).is_some_and(|x| (x - 1e-300).abs() < 1e-310));
    }
}
