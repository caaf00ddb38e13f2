//! Realized volatility in vol points (16 is 16 % a year), annualised with 252 bars a year: five estimators over a window.
//! Inputs open, high, low, close, each above zero (a bar that is not is refused as `out of domain`).
//!
//! With o = ln(O/C of the bar before), u = ln(H/O), d = ln(L/O), c = ln(C/O):
//!
//! | estimator | variance of one bar | source |
//! | --- | --- | --- |
//! | close-close | sample variance (n - 1, mean removed) of ln(C/C of the bar before): n returns, n + 1 bars | |
//! | Parkinson | sum (u - d)^2 / (4 n ln 2) | Parkinson, J. Business 53 (1980) |
//! | Garman-Klass | mean of (u - d)^2 / 2 - (2 ln 2 - 1) c^2 | Garman and Klass, J. Business 53 (1980) |
//! | Rogers-Satchell | mean of u (u - c) + d (d - c) | Rogers and Satchell, Ann. Appl. Prob. 1 (1991) |
//! | Yang-Zhang | var(o) + k var(c) + (1 - k) RS, k = 0.34 / (1.34 + (n+1)/(n-1)), n + 1 bars | Yang and Zhang, J. Business 73 (2000) |

use super::input;
use super::state::Tag;
use super::stats::{log_ratio, mean, square, variance};
use super::window::Window;
use super::windowed::Formula;
use crate::value::{Cause, Cell};
use std::f64::consts::LN_2;

/// Bars in a year.
pub const BARS_PER_YEAR: f64 = 252.0;

fn points(variance_per_bar: f64) -> Cell {
    // A sum that is negative beyond rounding comes from a bar whose high or low contradicts its open or close.
    Cell::number(100.0 * (variance_per_bar * BARS_PER_YEAR).sqrt())
}

fn positive(bar: &[f64; 4]) -> Result<(), Cause> {
    if bar.iter().all(|p| *p > 0.0) {
        Ok(())
    } else {
        Err(Cause::OutOfDomain)
    }
}

fn rogers_satchell([o, h, l, c]: [f64; 4]) -> f64 {
    log_ratio(h, o) * log_ratio(h, c) + log_ratio(l, o) * log_ratio(l, c)
}

/// Estimators whose rows are one number and whose value is one statistic of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RangeBased {
    Parkinson,
    GarmanKlass,
    RogersSatchell,
}

impl Formula<4, 1> for RangeBased {
    fn tag(&self) -> Tag {
        match self {
            Self::Parkinson => Tag::Parkinson,
            Self::GarmanKlass => Tag::GarmanKlass,
            Self::RogersSatchell => Tag::RogersSatchell,
        }
    }

    fn row(&self, _before: Option<&[f64; 4]>, bar: &[f64; 4]) -> Result<Option<[f64; 1]>, Cause> {
        positive(bar)?;
        let [o, h, l, c] = *bar;
        Ok(Some([match self {
            Self::Parkinson => square(log_ratio(h, l)) / (4.0 * LN_2),
            Self::GarmanKlass => 0.5 * square(log_ratio(h, l)) - (2.0 * LN_2 - 1.0) * square(log_ratio(c, o)),
            Self::RogersSatchell => rogers_satchell(*bar),
        }]))
    }

    fn value(&self, window: &Window<1>) -> Result<Cell, Cause> {
        Ok(points(mean(window.lane::<0>().ok_or(Cause::WarmingUp)?)))
    }
}

/// Close to close; reads the closes alone, so that a series without a true open can be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloseClose;

impl Formula<4, 1> for CloseClose {
    const BEFORE: u32 = 1;

    fn tag(&self) -> Tag {
        Tag::CloseClose
    }

    fn bar(&self, inputs: &[Cell]) -> Result<[f64; 4], Cause> {
        let close = input(inputs, 3).get()?;
        Ok([close; 4])
    }

    fn row(&self, before: Option<&[f64; 4]>, bar: &[f64; 4]) -> Result<Option<[f64; 1]>, Cause> {
        positive(bar)?;
        let [.., close] = *bar;
        Ok(before.map(|&[.., previous]| [log_ratio(close, previous)]))
    }

    fn value(&self, window: &Window<1>) -> Result<Cell, Cause> {
        Ok(points(variance(window.lane::<0>().ok_or(Cause::WarmingUp)?)))
    }
}

/// Yang and Zhang; rows are overnight return, open-to-close return, Rogers-Satchell term.
#[derive(Clone, Copy, Debug)]
pub(crate) struct YangZhang;

impl Formula<4, 3> for YangZhang {
    const BEFORE: u32 = 1;

    fn tag(&self) -> Tag {
        Tag::YangZhang
    }

    fn row(&self, before: Option<&[f64; 4]>, bar: &[f64; 4]) -> Result<Option<[f64; 3]>, Cause> {
        positive(bar)?;
        let [open, _, _, close] = *bar;
        Ok(before.map(|&[.., previous]| {
            [
                log_ratio(open, previous),
                log_ratio(close, open),
                rogers_satchell(*bar),
            ]
        }))
    }

    fn value(&self, window: &Window<3>) -> Result<Cell, Cause> {
        let overnight = window.lane::<0>().ok_or(Cause::WarmingUp)?;
        let day = window.lane::<1>().ok_or(Cause::WarmingUp)?;
        let range = window.lane::<2>().ok_or(Cause::WarmingUp)?;
        let n = f64::from(window.bars());
        let k = 0.34 / (1.34 + (n + 1.0) / (n - 1.0));
        Ok(points(
            variance(overnight) + k * variance(day) + (1.0 - k) * mean(range),
        ))
    }
}
