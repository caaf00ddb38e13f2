//! Indicators over a window of two series: correlation, beta, divergence.

use super::state::{Tag, Writer};
use super::stats::{Spread, co_squares, count, log_ratio, slope, variance};
use super::window::Window;
use super::windowed::Formula;
use crate::value::{Cause, Cell};

/// Pearson correlation of the n newest one-bar log returns (n + 1 bars), in -1..=1. A series without variance is a division
/// by zero; a level at or below zero has no log return and is refused (`out of domain`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Correlation;

/// Pearson correlation of the n newest levels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LevelCorrelation;

fn pearson(window: &Window<2>) -> Result<Cell, Cause> {
    let (xs, ys) = window
        .lane::<0>()
        .zip(window.lane::<1>())
        .ok_or(Cause::WarmingUp)?;
    let (sx, sy) = (Spread::of(xs), Spread::of(ys));
    // Roots first: the product of two tiny sums of squares could vanish.
    let scale = sx.squares.sqrt() * sy.squares.sqrt();
    if scale == 0.0 {
        return Err(Cause::DivisionByZero);
    }
    Ok(Cell::number(
        (co_squares(xs, sx, ys, sy) / scale).clamp(-1.0, 1.0),
    ))
}

impl Formula<2, 2> for Correlation {
    const BEFORE: u32 = 1;

    fn tag(&self) -> Tag {
        Tag::Correlation
    }

    fn params(&self, w: &mut Writer<'_>) {
        w.u8(0);
    }

    fn row(&self, before: Option<&[f64; 2]>, &[x, y]: &[f64; 2]) -> Result<Option<[f64; 2]>, Cause> {
        if x <= 0.0 || y <= 0.0 {
            return Err(Cause::OutOfDomain);
        }
        Ok(before.map(|&[px, py]| [log_ratio(x, px), log_ratio(y, py)]))
    }

    fn value(&self, window: &Window<2>) -> Result<Cell, Cause> {
        pearson(window)
    }
}

impl Formula<2, 2> for LevelCorrelation {
    fn tag(&self) -> Tag {
        Tag::Correlation
    }

    fn params(&self, w: &mut Writer<'_>) {
        w.u8(1);
    }

    fn row(&self, _before: Option<&[f64; 2]>, bar: &[f64; 2]) -> Result<Option<[f64; 2]>, Cause> {
        Ok(Some(*bar))
    }

    fn value(&self, window: &Window<2>) -> Result<Cell, Cause> {
        pearson(window)
    }
}

/// Slope of y's one-bar simple returns on x's over the n newest returns (n + 1 bars): covariance over variance of x.
/// Inputs y, x. A zero level is refused (it has no return from it); an x without variance is a division by zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beta;

impl Formula<2, 2> for Beta {
    const BEFORE: u32 = 1;

    fn tag(&self) -> Tag {
        Tag::Beta
    }

    fn row(&self, before: Option<&[f64; 2]>, &[y, x]: &[f64; 2]) -> Result<Option<[f64; 2]>, Cause> {
        if x == 0.0 || y == 0.0 {
            return Err(Cause::OutOfDomain);
        }
        Ok(before.map(|&[py, px]| [(y - py) / py, (x - px) / px]))
    }

    fn value(&self, window: &Window<2>) -> Result<Cell, Cause> {
        let (ys, xs) = window
            .lane::<0>()
            .zip(window.lane::<1>())
            .ok_or(Cause::WarmingUp)?;
        let (sy, sx) = (Spread::of(ys), Spread::of(xs));
        if sx.squares == 0.0 {
            return Err(Cause::DivisionByZero);
        }
        Ok(Cell::number(co_squares(ys, sy, xs, sx) / sx.squares))
    }
}

/// True when the least-squares slopes of both series over the n bars ending now have opposite signs and each net move
/// (last minus first) is at least `min_z` times the sample standard deviation of its own n - 1 one-bar changes times
/// sqrt(n).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Divergence {
    pub(crate) min_z: f64,
}

impl Divergence {
    fn moved(self, xs: &[f64]) -> Result<bool, Cause> {
        let (first, last) = xs.first().zip(xs.last()).ok_or(Cause::WarmingUp)?;
        let changes: Vec<f64> = xs.iter().zip(xs.iter().skip(1)).map(|(a, b)| b - a).collect();
        let sd = variance(&changes).sqrt();
        Ok((last - first).abs() >= self.min_z * sd * count(xs.len()).sqrt())
    }
}

impl Formula<2, 2> for Divergence {
    fn tag(&self) -> Tag {
        Tag::Divergence
    }

    fn params(&self, w: &mut Writer<'_>) {
        w.f64(self.min_z);
    }

    fn row(&self, _before: Option<&[f64; 2]>, bar: &[f64; 2]) -> Result<Option<[f64; 2]>, Cause> {
        Ok(Some(*bar))
    }

    fn value(&self, window: &Window<2>) -> Result<Cell, Cause> {
        let (xs, ys) = window
            .lane::<0>()
            .zip(window.lane::<1>())
            .ok_or(Cause::WarmingUp)?;
        let (sx, sy) = (slope(xs), slope(ys));
        let opposite = (sx > 0.0 && sy < 0.0) || (sx < 0.0 && sy > 0.0);
        Ok(Cell::boolean(opposite && self.moved(xs)? && self.moved(ys)?))
    }
}
