//! Rates that need no root: the modified internal rate, and returns on the capital that was bound.

use super::internal::CashFlow;

/// Why there is no modified internal rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MirrError {
    /// A time, amount or rate that is not a number in its range (a rate above −1).
    #[error("a flow's time or amount, or a rate, is not a number")]
    Unsound,
    /// Money only comes in, or only goes out.
    #[error("money only goes one way, so there is no return")]
    OneSign,
    /// All flows on one day.
    #[error("all flows fall on one day, so no time passes")]
    OneDay,
}

/// The modified internal rate of return: outflows brought to the first flow's time at the `finance` rate, inflows carried to the
/// last flow's time at the `reinvest` rate, and the annual growth from the one to the other. Always one number where the
/// internal rate may be several.
///
/// # Errors
/// [`MirrError`], each cause documented there.
pub fn modified_rate(flows: &[CashFlow], finance: f64, reinvest: f64) -> Result<f64, MirrError> {
    let rate = |r: f64| r > -1.0 && r < 1e6;
    let sound = flows.iter().all(|f| f.years.is_finite() && f.amount.is_finite());
    if !(sound && rate(finance) && rate(reinvest)) {
        return Err(MirrError::Unsound);
    }
    let first = flows.iter().map(|f| f.years).fold(f64::INFINITY, f64::min);
    let last = flows.iter().map(|f| f.years).fold(f64::NEG_INFINITY, f64::max);
    let (mut paid, mut received) = (0.0, 0.0);
    for flow in flows {
        if flow.amount < 0.0 {
            paid -= flow.amount * libm::exp(-(flow.years - first) * libm::log1p(finance));
        } else {
            received += flow.amount * libm::exp((last - flow.years) * libm::log1p(reinvest));
        }
    }
    if !(paid > 0.0 && received > 0.0) {
        return Err(MirrError::OneSign);
    }
    if last - first <= 0.0 {
        return Err(MirrError::OneDay);
    }
    finite(libm::expm1(libm::log(received / paid) / (last - first))).ok_or(MirrError::Unsound)
}

fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}

/// The annual rate at which `capital` grew by `gain` over `years`, compounding: `(1 + gain/capital)^(1/years) − 1`. A loss of
/// all of it is −1. None without capital or time, for a loss of more than all, and beyond what a number holds.
#[must_use]
pub fn annualised(gain: f64, capital: f64, years: f64) -> Option<f64> {
    if !(capital > 0.0 && years > 0.0 && capital.is_finite() && years.is_finite() && gain.is_finite()) {
        return None;
    }
    let growth = gain / capital;
    if growth < -1.0 {
        return None;
    }
    if growth <= -1.0 {
        return Some(-1.0);
    }
    finite(libm::expm1(libm::log1p(growth) / years))
}

/// The flows of a structure seen from the capital that it binds: `capital` out at the start, and back with the `gain` (or
/// without the loss) after `years`. Its internal rate is [`annualised`].
#[must_use]
pub const fn on_capital(gain: f64, capital: f64, years: f64) -> [CashFlow; 2] {
    [
        CashFlow {
            years: 0.0,
            amount: -capital,
        },
        CashFlow {
            years,
            amount: capital + gain,
        },
    ]
}

/// What a gain was on the margin that was held for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarginReturn {
    /// Margin averaged over the whole time, stretches without any included.
    pub average: f64,
    /// Greatest margin.
    pub peak: f64,
    /// Gain over the average margin, a fraction, for the whole time.
    pub on_average: f64,
    /// Gain over the greatest margin.
    pub on_peak: f64,
    /// Gain for each dollar of margin held for a year, simple: `gain / Σ margin × years`. Not compounded, as nobody reinvests a
    /// credit at its own rate.
    pub a_year: f64,
}

/// Return on margin: `steps` are times (years, ascending) and the margin from each to the next, the last one's only an end.
///
/// None where no margin was held, times fall back, or a number is not finite.
#[must_use]
pub fn on_margin(gain: f64, steps: &[(f64, f64)]) -> Option<MarginReturn> {
    let (mut held, mut peak) = (0.0, 0.0_f64);
    for (from, to) in steps.iter().zip(steps.iter().skip(1)) {
        let years = to.0 - from.0;
        if !(years >= 0.0 && from.1 >= 0.0) {
            return None;
        }
        held += years * from.1;
        peak = peak.max(from.1);
    }
    let span = steps.last()?.0 - steps.first()?.0;
    if !(held > 0.0 && held.is_finite() && gain.is_finite()) {
        return None;
    }
    let average = held / span;
    Some(MarginReturn {
        average,
        peak,
        on_average: gain / average,
        on_peak: gain / peak,
        a_year: gain / held,
    })
}
