//! Notes and funds on VX futures (VXX, VXZ, VIXY) at a tick: what a share of them gains for a point of each future.
//!
//! A share is a claim on VX futures of constant maturity, fully paid. With `w` units of each future at price `F`, and `P` the price
//! of the share, one share gains `P * w / sum of w * F` dollars for a point of a future; see [`alula_market::etp`] for the units. The
//! fee and the bill's interest move nothing at an instant.
//!
//! *In the terms of SPX*: each future counts with the mapping's points for its distance, as a future that is held does.

use crate::observe::{Sight, days};
use crate::value::Cause;
use crate::vega::Mapping;
use alula_market::contract::{FutureContract, FutureRoot, Instrument, Share};
use alula_market::etp::{held_during, maturity};
use alula_market::time::Date;

/// What one share gains for a point of a future.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    /// The future's final settlement.
    pub expiry: Date,
    /// Its price.
    pub price: f64,
    /// Dollars.
    pub dollars: f64,
}

/// Whether a share holds VX futures.
#[must_use]
pub const fn on_vix(share: Share) -> bool {
    maturity(share).is_some()
}

/// What one share gains for a point of each future that it holds, nearest first; nothing for a share that holds none.
///
/// # Errors
/// `no quote` where the share or one of the futures has no price, `no data` outside the calendar.
pub fn gains(sight: &Sight<'_>, share: Share) -> Result<Vec<Gain>, Cause> {
    if !on_vix(share) {
        return Ok(Vec::new());
    }
    let price = |i: &Instrument| sight.linear.price(i).ok_or(Cause::NoQuote);
    let own = price(&Instrument::Share(share))?.to_f64();
    let held = held_during(sight.at.date(), share).ok_or(Cause::NoData)?;
    let mut gains = Vec::new();
    let mut worth = 0.0;
    for (expiry, weight) in held {
        let root = FutureRoot::Vx;
        let future = price(&Instrument::Future(FutureContract { root, expiry }))?.to_f64();
        worth += weight * future;
        gains.push(Gain {
            expiry,
            price: future,
            dollars: own * weight,
        });
    }
    for gain in &mut gains {
        gain.dollars /= worth;
    }
    let sound = gains.iter().all(|g| g.dollars.is_finite());
    if sound { Ok(gains) } else { Err(Cause::OutOfDomain) }
}

/// Dollars of one share for a point of every VX future.
///
/// # Errors
/// As [`gains`].
pub fn vega(sight: &Sight<'_>, share: Share) -> Result<f64, Cause> {
    Ok(gains(sight, share)?.iter().map(|g| g.dollars).sum())
}

/// Dollars of one share for a point of SPX implied vol.
///
/// # Errors
/// As [`gains`], and the cause why the mapping's number is missing.
pub fn mapped_vega(sight: &Sight<'_>, share: Share, mapping: Mapping) -> Result<f64, Cause> {
    mapped(sight, share, mapping, |gain| gain.dollars)
}

/// Dollars of futures in one share, each times the mapping's number for its distance: with the beta of returns the dollar beta of
/// the share.
///
/// # Errors
/// As [`mapped_vega`].
pub fn mapped_notional(sight: &Sight<'_>, share: Share, mapping: Mapping) -> Result<f64, Cause> {
    mapped(sight, share, mapping, |gain| gain.dollars * gain.price)
}

/// What its futures count, each times the mapping's number for its distance.
fn mapped(
    sight: &Sight<'_>,
    share: Share,
    mapping: Mapping,
    counts: impl Fn(&Gain) -> f64,
) -> Result<f64, Cause> {
    let mut sum = 0.0;
    for gain in gains(sight, share)? {
        sum += counts(&gain) * mapping.at(days(sight.at.date(), gain.expiry))?;
    }
    Ok(sum)
}

/// The mapping's number for a share: that of its futures, by what each counts.
///
/// # Errors
/// As [`mapped_vega`].
pub fn mapped_by(sight: &Sight<'_>, share: Share, mapping: Mapping) -> Result<f64, Cause> {
    let own = vega(sight, share)?;
    let mapped = mapped_vega(sight, share, mapping)?;
    if own > 0.0 {
        Ok(mapped / own)
    } else {
        Err(Cause::NoLeg)
    }
}
