//! Time to the settlement instant as a year fraction.

/// The day count of every year fraction in the project, by its usual name.
pub const DAY_COUNT: &str = "ACT/365 fixed, to the settlement instant";

/// Seconds of one year of the day count: 365 days of 24 hours.
pub const SECONDS_PER_YEAR: f64 = 365.0 * 24.0 * 3600.0;

/// Years from `now` to `settlement`, both in unix seconds (UTC): actual elapsed time over a year of 365 × 24 × 60 minutes.
///
/// An index option near its end lives by the minute, so days are never rounded: at 15:59 an option that settles at 16:00
/// has `1 / 525 600` years left. At the settlement instant the answer is zero; after it there is no answer.
#[must_use]
pub fn years_between(now_unix_s: i64, settlement_unix_s: i64) -> Option<f64> {
    let seconds = settlement_unix_s.checked_sub(now_unix_s)?;
    if seconds < 0 {
        return None;
    }
    // Exact: a count of seconds below 2^53 (285 million years) has no rounding as f64.
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds between two instants are far below 2^53"
    )]
    let seconds = seconds as f64;
    Some(seconds / SECONDS_PER_YEAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_minute_is_one_of_525600() {
        assert_eq!(years_between(0, 60), Some(1.0 / 525_600.0));
        assert_eq!(
            years_between(1_556_222_400, 1_556_222_400 + 365 * 86_400),
            Some(1.0)
        );
    }

    #[test]
    fn settled_is_zero_and_past_is_nothing() {
        assert_eq!(years_between(7, 7), Some(0.0));
        assert_eq!(years_between(8, 7), None);
        assert_eq!(years_between(i64::MIN, i64::MAX), None);
    }
}
