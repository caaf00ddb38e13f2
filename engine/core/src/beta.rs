//! Dollar betas: what positions make for a return of 100 % of SPX, in a straight line.
//!
//! An option on SPX or XSP has `delta * spot * multiplier`: the index has a beta of one to itself, and so have ES, SPY and the
//! mini index. What is on VIX has the beta that the strategy declares (`beta VIX by …`), the return of a VX future for one of
//! SPX, `b`:
//!
//! - a VX future `price * multiplier * b`;
//! - a VIX option `delta * forward * multiplier * b`, with the forward of its expiry, since it is an option on the future that
//!   settles with it;
//! - a share of a note what its futures have, each for the dollars of it that the share holds ([`crate::etp`]).
//!
//! `b` is the same for every expiry, or with `at 30 days` that of what is so far away, and decays from there as the mapping of vega
//! does ([`crate::vega`]). Nothing is assumed where the strategy says nothing: the beta is missing then.
//!
//! Dollar betas add, so a part's marginal contribution is its own over the sum of all (for betas to one index, cov/var is linear in
//! the position).

use crate::etp;
use crate::linear::float;
use crate::observe::{Sight, days, package_greek};
use crate::value::Cause;
use crate::vega::{Mapping, VIX};
use alula_book::instrument::LinearLeg;
use alula_book::{Book, Package};
use alula_dsl::builtin::Greek;
use alula_market::contract::Instrument;

/// Dollar beta of one lot of options.
///
/// # Errors
/// The cause of the first part that is missing: a quote, a forward, the beta of VIX.
pub(crate) fn exposure(sight: &Sight<'_>, package: &Package, mapping: Mapping) -> Result<f64, Cause> {
    let dollars = i32::try_from(package.multiplier()).map_or(f64::MAX, f64::from);
    if package.underlying() != VIX {
        let delta = package_greek(sight, package, 1, Greek::Delta)?;
        return Ok(delta * sight.spot(package)?.to_f64() * dollars);
    }
    let view = sight.view(package.underlying()).ok_or(Cause::NoQuote)?;
    let mut sum = 0.0;
    for leg in package.legs() {
        let (_, expiry) = view.of(&leg.contract).ok_or(Cause::NotListed)?;
        let forward = expiry.terms()?.forward();
        let b = mapping.at(days(sight.at.date(), leg.contract.expiry))?;
        sum += f64::from(leg.ratio) * sight.greeks(leg)?.delta * forward * b;
    }
    Ok(sum * dollars)
}

/// Dollar beta of futures and shares.
///
/// # Errors
/// As [`exposure`].
pub(crate) fn linear(sight: &Sight<'_>, legs: &[LinearLeg], mapping: Mapping) -> Result<f64, Cause> {
    let mut sum = 0.0;
    for leg in legs {
        let quantity = float(leg.quantity);
        sum += match leg.instrument {
            Instrument::Share(share) if etp::on_vix(share) => {
                quantity * etp::mapped_notional(sight, share, mapping)?
            }
            _ => {
                let price = sight.linear.price(&leg.instrument).ok_or(Cause::NoQuote)?;
                let b = match leg.instrument {
                    Instrument::Future(c) if c.root.is_vix() => {
                        mapping.at(days(sight.at.date(), c.expiry))?
                    }
                    _ => 1.0,
                };
                quantity * float(leg.instrument.multiplier()) * price.to_f64() * b
            }
        };
    }
    Ok(sum)
}

/// Dollar beta of what is held, of one structure or of all.
///
/// # Errors
/// As [`exposure`].
pub(crate) fn held(
    sight: &Sight<'_>,
    book: &Book,
    structure: Option<&str>,
    mapping: Mapping,
) -> Result<f64, Cause> {
    let mut sum = 0.0;
    for p in book
        .positions()
        .filter(|p| structure.is_none_or(|s| &*p.structure == s))
    {
        let package = p.held().ok_or(Cause::NoPosition)?;
        sum += f64::from(p.lots) * exposure(sight, package, mapping)?;
    }
    for p in book
        .ledger()
        .positions()
        .filter(|p| structure.is_none_or(|s| &*p.structure == s))
    {
        sum += linear(sight, &p.held, mapping)?;
    }
    Ok(sum)
}
