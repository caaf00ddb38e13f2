//! The wire's doubles and decimals as whole billionths, and back. Nothing that is not a number gets through.

use crate::model::NANO;

/// A double as billionths, rounded to the nearest. `None` for what is no number, and for the largest double, by which the
/// wire says that it does not know.
#[must_use]
pub fn from_f64(value: f64) -> Option<i64> {
    let scaled = (value * 1e9).round();
    // 9.2e18 is inside of i64.
    if !scaled.is_finite() || scaled.abs() > 9.2e18 {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is whole and its range was checked"
    )]
    Some(scaled as i64)
}

/// Billionths as the double nearest to their decimal.
#[must_use]
pub fn to_f64(value: i64) -> f64 {
    // Up to 2^53 billionths, nine million points, both operands are exact and the quotient is the nearest double.
    #[expect(
        clippy::cast_precision_loss,
        reason = "larger amounts are rounded once, far below a cent"
    )]
    {
        value as f64 / 1e9
    }
}

/// A double that counts whole things.
#[must_use]
pub fn whole(value: f64) -> Option<i64> {
    let exact = value.is_finite() && value.fract().abs() < 1e-9 && value.abs() <= 1e15;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is whole and its range was checked"
    )]
    exact.then(|| value.round() as i64)
}

/// A count as a double; none above a million million.
#[must_use]
pub fn count(value: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "its range was checked")]
    (value.unsigned_abs() <= 1_000_000_000_000).then_some(value as f64)
}

/// A decimal text, as account values come, as billionths. Digits below a billionth are refused, not rounded.
#[must_use]
pub fn from_text(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && part.is_empty() || part.len() > 9 {
        return None;
    }
    let number = |s: &str| {
        if s.is_empty() {
            Some(0)
        } else {
            s.bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| s.parse::<i64>().ok())?
        }
    };
    let scale = 10_i64.checked_pow(u32::try_from(9 - part.len()).ok()?)?;
    let value = number(whole)?
        .checked_mul(NANO)?
        .checked_add(number(part)?.checked_mul(scale)?)?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_of_prices_become_the_decimals_they_were_meant_to_be() {
        for (double, billionths) in [
            (1.05, 1_050_000_000),
            (-0.35, -350_000_000),
            (5925.5, 5_925_500_000_000),
            (0.0, 0),
            (0.1 + 0.2, 300_000_000),
        ] {
            assert_eq!(from_f64(double), Some(billionths));
        }
        for none in [f64::NAN, f64::INFINITY, f64::MAX, 1e10] {
            assert_eq!(from_f64(none), None, "{none}");
        }
        assert_eq!(to_f64(-1_150_000_000).to_bits(), (-1.15_f64).to_bits());
        assert_eq!(to_f64(5_925_500_000_000).to_bits(), 5925.5_f64.to_bits());
    }

    #[test]
    fn counts_are_whole_or_nothing() {
        assert_eq!(
            (whole(3.0), whole(-2.0), whole(0.5), whole(f64::NAN)),
            (Some(3), Some(-2), None, None)
        );
    }

    #[test]
    fn texts_of_money_are_read_exactly() {
        assert_eq!(from_text("123456.78"), Some(123_456_780_000_000));
        assert_eq!(from_text("-0.000000001"), Some(-1));
        assert_eq!(from_text(".5"), Some(500_000_000));
        for none in ["", ".", "1e5", "1,000", "abc", "0.0000000001", "99999999999999"] {
            assert_eq!(from_text(none), None, "{none}");
        }
    }
}
