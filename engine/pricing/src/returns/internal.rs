//! The internal rate of return of dated flows (spreadsheets' XIRR), every one there is.
//!
//! With `x = ln(1 + r)` the value of the flows is a sum of exponentials, `f(x) = Σ c e^(−t x)`. Money in and money out are
//! each a falling function of `x`, so on any stretch their values at its two ends bound `f` from both sides, and the same
//! holds for its slope. A stretch is thrown away when `f` cannot be zero on it, solved by halving when `f` only rises or only
//! falls on it, and cut in two otherwise. So no root is missed and none invented, which Newton's method, from whatever guess,
//! cannot say.

use crate::roots::bracketed;

/// Flows that are accepted at most.
pub const FLOWS_MAX: usize = 100_000;
/// Rates beyond `e^700 − 1` have no number.
const LOG_RATE_MAX: f64 = 700.0;
/// Evaluations of one flow before the search gives up.
const WORK_MAX: usize = 400_000_000;
/// A stretch of this share of the longest time's inverse is not cut further: two roots in it, or one that only touches, cannot be
/// told apart.
const WIDTH_MIN: f64 = 1e-9;

/// Money at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CashFlow {
    /// When, years from any common start (days over 365 for the spreadsheets' convention).
    pub years: f64,
    /// How much, positive when received.
    pub amount: f64,
}

/// How the value of the flows passes zero at a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// A higher rate makes the flows worth less, as when money goes out first: a return, and the higher the better.
    Invested,
    /// A higher rate makes them worth more, as when money comes in first: the price of a loan, and the lower the better.
    Borrowed,
    /// The value touches zero without passing it, or passes it several times within what can be told apart.
    Touching,
}

/// An annual rate that makes the flows worth nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The rate, a fraction: 0.1 is 10 % a year; above −1.
    pub rate: f64,
    /// What kind of rate it is.
    pub sense: Sense,
}

/// Why the rates of some flows cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RatesError {
    /// A time or amount that is not finite, or times so far apart that no rate has a number.
    #[error("a flow's time or amount is not a number")]
    Unsound,
    /// More than [`FLOWS_MAX`].
    #[error("{0} flows are more than {FLOWS_MAX}")]
    TooMany(usize),
    /// No flow, or none but zeros.
    #[error("there are no flows")]
    NoFlows,
    /// All flows on one day: no time passes, so there is no rate.
    #[error("all flows fall on one day, so no time passes")]
    OneDay,
    /// Money only comes in, or only goes out: what was lost whole has no rate.
    #[error("money only goes one way, so no rate balances it")]
    OneSign,
    /// A rate too large or too near −1 to be written as a number.
    #[error("a rate is beyond what a number can hold")]
    OutOfReach,
    /// The search came to its limit.
    #[error("the flows are too many and too entangled to find every rate")]
    Unresolved,
}

/// Why flows have no single internal rate of return.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum IrrError {
    /// The rates cannot be told.
    #[error(transparent)]
    Rates(#[from] RatesError),
    /// Money goes both ways and still no rate balances it.
    #[error("no rate balances the flows")]
    NoRate,
    /// There are several, ascending: none of them is *the* return.
    #[error("{} rates balance the flows", .0.len())]
    Several(Vec<Rate>),
    /// The one rate is that of a loan: money came in first. Put the capital that was bound in front.
    #[error("money comes in first: {:.1}% is the cost of a loan and no return", 100.0 * .0.rate)]
    Loan(Rate),
}

/// Value of the flows at an annual `rate`, at the time of the first. None for a rate not above −1 or a value that is not finite.
#[must_use]
pub fn net_present_value(flows: &[CashFlow], rate: f64) -> Option<f64> {
    if !(rate > -1.0 && rate.is_finite()) {
        return None;
    }
    let x = libm::log1p(rate);
    let first = flows.iter().map(|f| f.years).fold(f64::INFINITY, f64::min);
    let value: f64 = flows
        .iter()
        .map(|f| f.amount * libm::exp(-(f.years - first) * x))
        .sum();
    value.is_finite().then_some(value)
}

/// The one internal rate of return of `flows`, as an annual fraction.
///
/// # Errors
/// [`IrrError`]: where there is no rate, more than one, or the one there is speaks of a loan, the caller is told so and no number
/// is chosen.
pub fn internal_rate(flows: &[CashFlow]) -> Result<f64, IrrError> {
    let rates = internal_rates(flows)?;
    match rates.as_slice() {
        [] => Err(IrrError::NoRate),
        [
            Rate {
                rate,
                sense: Sense::Invested,
            },
        ] => Ok(*rate),
        [
            loan @ Rate {
                sense: Sense::Borrowed,
                ..
            },
        ] => Err(IrrError::Loan(*loan)),
        _ => Err(IrrError::Several(rates)),
    }
}

/// Every annual rate above −1 that makes `flows` worth nothing, ascending; none where money goes both ways and never balances.
///
/// Flows come in any order; those of one time are added up. There are never more rates than changes of sign in the flows by time.
///
/// # Errors
/// [`RatesError`], each cause documented there.
pub fn internal_rates(flows: &[CashFlow]) -> Result<Vec<Rate>, RatesError> {
    let merged = merged(flows)?;
    let (Some(first), Some(last)) = (merged.first(), merged.last()) else {
        return Err(RatesError::NoFlows);
    };
    let span = last.0 - first.0;
    if merged.len() < 2 {
        let other_day = |f: &CashFlow| !f.years.total_cmp(&first.0).is_eq();
        let one_way = flows.iter().any(other_day);
        return Err(if one_way {
            RatesError::OneSign
        } else {
            RatesError::OneDay
        });
    }
    if merged.iter().all(|f| f.1 > 0.0) || merged.iter().all(|f| f.1 < 0.0) {
        return Err(RatesError::OneSign);
    }
    // Rates from zero up, where the first flow counts most in the end; and from zero down, where the last does. On either side
    // every exponential stays at or below one.
    let up: Vec<(f64, f64)> = merged.iter().map(|(t, c)| (t - first.0, *c)).collect();
    // In the same order, so that both sides find the same sum, to the bit, at a rate of zero where they meet.
    let down: Vec<(f64, f64)> = merged.iter().map(|(t, c)| (last.0 - t, *c)).collect();
    let mut work = WORK_MAX;
    let mut found: Vec<(f64, Sense)> = Vec::new();
    for (sum, side) in [(Sum::new(&down, span), -1.0), (Sum::new(&up, span), 1.0)] {
        for (y, rising) in sum.roots(&mut work)? {
            // Along `y` downwards the rate falls, so what rises there falls with the rate.
            let sense = match rising {
                None => Sense::Touching,
                Some(rising) if rising == (side > 0.0) => Sense::Borrowed,
                Some(_) => Sense::Invested,
            };
            let x = side * y;
            // Zero itself belongs to both sides.
            if side > 0.0 && y == 0.0 && found.iter().any(|f| f.0 == 0.0) {
                continue;
            }
            found.push((x + 0.0, sense));
        }
    }
    if found.iter().any(|(x, _)| x.abs() > LOG_RATE_MAX) {
        return Err(RatesError::OutOfReach);
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rate = |(x, sense): (f64, Sense)| Rate {
        rate: libm::expm1(x),
        sense,
    };
    Ok(found.into_iter().map(rate).collect())
}

/// Times and amounts, ascending, one entry for each time, zeros left out.
fn merged(flows: &[CashFlow]) -> Result<Vec<(f64, f64)>, RatesError> {
    if flows.len() > FLOWS_MAX {
        return Err(RatesError::TooMany(flows.len()));
    }
    let sound = |f: &CashFlow| f.years.abs() <= 1e6 && f.amount.abs() <= 1e200;
    if !flows.iter().all(sound) {
        return Err(RatesError::Unsound);
    }
    let mut sorted: Vec<(f64, f64)> = flows.iter().map(|f| (f.years + 0.0, f.amount)).collect();
    // Within a time by amount too, so that the sum does not depend on the order they came in.
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut merged: Vec<(f64, f64)> = Vec::new();
    for (years, amount) in sorted {
        match merged.last_mut() {
            Some(last) if last.0.total_cmp(&years).is_eq() => last.1 += amount,
            _ => merged.push((years, amount)),
        }
    }
    merged.retain(|f| f.1 != 0.0);
    Ok(merged)
}

/// `Σ c e^(−t y)` for `y ≥ 0`, one `t` zero and the others positive.
struct Sum<'a> {
    terms: &'a [(f64, f64)],
    span: f64,
}

/// Money in, money out, and both with their times: each falls with `y`.
#[derive(Clone, Copy)]
struct Parts {
    gains: f64,
    losses: f64,
    gains_timed: f64,
    losses_timed: f64,
}

impl<'a> Sum<'a> {
    const fn new(terms: &'a [(f64, f64)], span: f64) -> Self {
        Self { terms, span }
    }

    fn parts(&self, y: f64) -> Parts {
        let mut parts = Parts {
            gains: 0.0,
            losses: 0.0,
            gains_timed: 0.0,
            losses_timed: 0.0,
        };
        for (t, c) in self.terms {
            let value = c * libm::exp(-t * y);
            if value >= 0.0 {
                parts.gains += value;
                parts.gains_timed += t * value;
            } else {
                parts.losses -= value;
                parts.losses_timed -= t * value;
            }
        }
        parts
    }

    /// The sum, put together as the bounds are, so that both speak of the same number.
    fn value(&self, y: f64) -> f64 {
        let parts = self.parts(y);
        parts.gains - parts.losses
    }

    /// Whether the value is no more than the rounding of its terms.
    fn is_noise(&self, y: f64) -> bool {
        let parts = self.parts(y);
        (parts.gains - parts.losses).abs() <= 16.0 * f64::EPSILON * (parts.gains + parts.losses)
    }

    /// Beyond this the first term outweighs all others together: no root lies there.
    fn end(&self) -> Result<f64, RatesError> {
        let later = || self.terms.iter().filter(|(t, _)| *t > 0.0);
        let first: f64 = self.terms.iter().filter(|(t, _)| *t <= 0.0).map(|(_, c)| c).sum();
        let gap = later().map(|(t, _)| *t).fold(f64::INFINITY, f64::min);
        let others = |y: f64| -> f64 { later().map(|(t, c)| c.abs() * libm::exp(-t * y)).sum() };
        let mut y = 1.0 / self.span;
        while others(y) >= first.abs() {
            y *= 2.0;
            if !(y * gap < 1e6 && y < 1e12) {
                return Err(RatesError::OutOfReach);
            }
        }
        Ok(y)
    }

    /// Roots, and whether the sum rises there; none of that where it only touches.
    fn roots(&self, work: &mut usize) -> Result<Vec<(f64, Option<bool>)>, RatesError> {
        let end = self.end()?;
        let mut found = Vec::new();
        let mut open = vec![(0.0, self.parts(0.0), end, self.parts(end))];
        while let Some((low, at_low, high, at_high)) = open.pop() {
            *work = work.checked_sub(self.terms.len()).ok_or(RatesError::Unresolved)?;
            // Each part falls from `low` to `high`, so its ends bound it.
            let (most, least) = (at_low.gains - at_high.losses, at_high.gains - at_low.losses);
            if most < 0.0 || least > 0.0 {
                continue;
            }
            // The slope is losses_timed − gains_timed.
            let steepest = at_low.losses_timed - at_high.gains_timed;
            let flattest = at_high.losses_timed - at_low.gains_timed;
            let (f_low, f_high) = (at_low.gains - at_low.losses, at_high.gains - at_high.losses);
            if steepest < 0.0 || flattest > 0.0 {
                let rising = flattest > 0.0;
                // A root on a cut belongs to the stretch that it begins.
                let inside = f_low == 0.0 || (f_high != 0.0 && (f_low < 0.0) != (f_high < 0.0));
                if inside {
                    let root = bracketed(|y| self.value(y), low, high).unwrap_or(if f_low == 0.0 {
                        low
                    } else {
                        high
                    });
                    found.push((root, Some(rising)));
                }
                continue;
            }
            let middle = 0.5 * (low + high);
            if (high - low) * self.span < WIDTH_MIN || middle <= low || middle >= high {
                let crosses = (f_low < 0.0) != (f_high < 0.0);
                found.push((middle, crosses.then_some(f_low < 0.0)));
                continue;
            }
            let at_middle = self.parts(middle);
            open.push((middle, at_middle, high, at_high));
            open.push((low, at_low, middle, at_middle));
        }
        // Where the value is rounding all the way from one to the next, its sign there says nothing: they are one place, at which
        // it touches zero as far as can be told.
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut joined: Vec<(f64, Option<bool>)> = Vec::new();
        for (y, rising) in found {
            match joined.last_mut() {
                Some(last)
                    if (y - last.0) * self.span <= 4.0 * WIDTH_MIN || self.is_noise(0.5 * (last.0 + y)) =>
                {
                    *last = (y, None);
                }
                _ => joined.push((y, rising)),
            }
        }
        Ok(joined)
    }
}
