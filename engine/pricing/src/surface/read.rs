//! From single vols to the vols people speak of: at the forward, at a constant maturity; and distances in strikes.

use crate::black76::{ExpiryTerms, Input, InputError, log_moneyness};

/// A strike and its implied vol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmilePoint {
    /// Strike, points.
    pub strike: f64,
    /// Implied vol at that strike, fraction.
    pub vol: f64,
}

/// An expiry's time and its vol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TermPoint {
    /// Years to the settlement instant.
    pub years: f64,
    /// Vol for that expiry, fraction.
    pub vol: f64,
}

/// Why a vol could not be read off a smile or term structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SurfaceError {
    /// No strike with a vol on one side of the forward: reading past the last strike would be a guess.
    #[error("the strikes with a vol do not reach both sides of the forward")]
    ForwardNotBracketed,
    /// No expiry on one side of the maturity asked for.
    #[error("the expiries with a vol do not reach both sides of the maturity")]
    MaturityNotBracketed,
    /// Total variance falls by more than [`VARIANCE_FALL_MAX`] from one expiry to the next: a calendar arbitrage too large to be
    /// the width of the quotes, so one of the vols is wrong.
    #[error("total variance falls from one expiry to the next")]
    FallingVariance,
    /// An input is not finite or outside its range.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// Vol at the forward: total variance interpolated in log-moneyness `ln(K/F)` between the two strikes that bracket it.
///
/// `smile` is ordered by strike, ascending; points that are not sound are passed over. A strike equal to the forward answers alone.
///
/// # Errors
/// [`SurfaceError::ForwardNotBracketed`].
pub fn atm_forward_vol(terms: &ExpiryTerms, smile: &[SmilePoint]) -> Result<f64, SurfaceError> {
    let mut below: Option<SmilePoint> = None;
    let mut above: Option<SmilePoint> = None;
    for point in smile {
        if Input::Strike.check(point.strike).is_err()
            || Input::Vol.check(point.vol).is_err()
            || point.vol <= 0.0
        {
            continue;
        }
        if point.strike <= terms.forward() && below.is_none_or(|b| point.strike > b.strike) {
            below = Some(*point);
        }
        if point.strike >= terms.forward() && above.is_none_or(|a| point.strike < a.strike) {
            above = Some(*point);
        }
    }
    let (below, above) = below.zip(above).ok_or(SurfaceError::ForwardNotBracketed)?;
    let low = -log_moneyness(terms.forward(), below.strike);
    let high = -log_moneyness(terms.forward(), above.strike);
    if high - low <= 0.0 {
        return Ok(below.vol);
    }
    let share = -low / (high - low);
    let variance = below.vol * below.vol * (1.0 - share) + above.vol * above.vol * share;
    Ok(variance.sqrt())
}

/// Share by which total variance may fall from one expiry to the next before [`constant_maturity_vol`] takes a vol for wrong.
///
/// Two expiries of one day (morning and afternoon settlement) differ in time by less than their vols' quotes do, so a
/// small fall is everyday noise and interpolates soundly.
pub const VARIANCE_FALL_MAX: f64 = 0.1;

/// Vol at a constant maturity: total variance `σ²T` interpolated linearly in time between the two expiries around it
/// (Cboe VIX method, step 3, with vols in place of the strips' variances).
///
/// `term` in any order; points without time or vol are passed over; on equal times the first given counts.
///
/// # Errors
/// [`SurfaceError::MaturityNotBracketed`], [`SurfaceError::FallingVariance`], [`SurfaceError::Input`] for the maturity.
pub fn constant_maturity_vol(term: &[TermPoint], years: f64) -> Result<f64, SurfaceError> {
    let years = Input::Years.check(years)?;
    if years <= 0.0 {
        return Err(InputError {
            input: Input::Years,
            value: years,
        }
        .into());
    }
    let mut near: Option<TermPoint> = None;
    let mut far: Option<TermPoint> = None;
    for point in term {
        let sound = Input::Years.check(point.years).is_ok() && Input::Vol.check(point.vol).is_ok();
        if !sound || point.years <= 0.0 || point.vol <= 0.0 {
            continue;
        }
        if point.years <= years && near.is_none_or(|n| point.years > n.years) {
            near = Some(*point);
        }
        if point.years >= years && far.is_none_or(|f| point.years < f.years) {
            far = Some(*point);
        }
    }
    let (near, far) = near.zip(far).ok_or(SurfaceError::MaturityNotBracketed)?;
    let span = far.years - near.years;
    if span <= 0.0 {
        return Ok(near.vol);
    }
    let (w_near, w_far) = (near.vol * near.vol * near.years, far.vol * far.vol * far.years);
    if w_far < w_near * (1.0 - VARIANCE_FALL_MAX) {
        return Err(SurfaceError::FallingVariance);
    }
    let share = (years - near.years) / span;
    Ok(((w_near * (1.0 - share) + w_far * share) / years).sqrt())
}

/// One standard deviation of the settlement value around the forward, in points: `F σ √T`.
///
/// The traders' expected move with `vol` taken at the money. Not the log-normal's own standard deviation, which is
/// larger by half a percent at `σ√T` = 0.1.
///
/// # Errors
/// [`InputError`] for a vol that is not finite or outside its range.
pub fn strike_sd(terms: &ExpiryTerms, vol: f64) -> Result<f64, InputError> {
    Ok(terms.forward() * Input::Vol.check(vol)? * terms.sqrt_years())
}

/// Distance of `strike` from the forward in standard deviations, `(K − F) / (F σ √T)`: negative below the forward.
///
/// # Errors
/// [`InputError`] for a strike or vol outside its range, or when the standard deviation is zero (reported as the vol).
pub fn strike_sds(terms: &ExpiryTerms, vol: f64, strike: f64) -> Result<f64, InputError> {
    let strike = Input::Strike.check(strike)?;
    let sd = strike_sd(terms, vol)?;
    if sd < terms.forward() * crate::black76::MIN_TOTAL_VOL {
        return Err(InputError {
            input: Input::Vol,
            value: vol,
        });
    }
    Ok((strike - terms.forward()) / sd)
}
