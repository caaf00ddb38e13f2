//! From a published rate to a continuously compounded one.

/// A published rate (a fraction a year) as a continuously compounded one over 365 days.
type Convert = fn(f64) -> Option<f64>;

/// Series that can give the risk-free rate, best first.
pub(super) const SOURCES: [(&str, Convert); 2] = [("DFF", from_fed_funds), ("IRX13W", from_bill_discount)];

/// A rate older than this is no longer known: the series has ended, or lost its tail.
pub(super) const AGE_DAYS_MAX: i64 = 14;

/// Federal funds: simple interest overnight on a 360-day year (H.15), compounded daily.
fn from_fed_funds(rate: f64) -> Option<f64> {
    finite(365.0 * libm::log1p(rate / 360.0))
}

/// Thirteen-week bill: a bank discount on a 360-day year over 91 days; price `1 - d 91/360` pays 1.
fn from_bill_discount(discount: f64) -> Option<f64> {
    finite(-365.0 / 91.0 * libm::log1p(-discount * 91.0 / 360.0))
}

fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_rates_become_continuous_ones() {
        // Source: Python's decimal at 40 digits: 365 ln(1 + 0.0244/360); -(365/91) ln(1 - 0.02365 * 91/360).
        assert!((from_fed_funds(0.0244).unwrap() - 0.024_738_050_553_312_3).abs() < 1e-15);
        assert!((from_bill_discount(0.02365).unwrap() - 0.024_050_433_147_873_7).abs() < 1e-15);
        assert_eq!(from_bill_discount(5.0), None);
    }
}
