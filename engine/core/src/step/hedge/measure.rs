//! What a lot of a layer measures: dollars at risk, margin, notional, vega; and what it carries of the hedge's target.
//!
//! *Vega across underlyings.* SPX options gain or lose their own vega for each point of SPX implied vol. A VIX option does
//! not: it is an option on the VX future of its expiry, and gains its delta for each point that this future moves. So one
//! VIX option carries, in dollars for a point of SPX implied vol,
//!
//! `delta * multiplier * b`, `b` = points that the VX future of its expiry moves when SPX implied vol moves one.
//!
//! `map VIX by …` gives `b`, as a number, a threshold or a signal. Without it `b = exp(-4 T)`, `T` in years to the expiry:
//! the sensitivity of a future on a mean-reverting volatility to the volatility itself (A. Grünbichler and F. A. Longstaff,
//! *Valuing futures and options on volatility*, Journal of Banking and Finance 20, 1996), with a speed of 4 a year, a
//! half-life of 63 days. Its own vega, to the vol of VIX, is not a hedge of SPX vega and does not count.
//!
//! Of the other greeks a VIX option carries nothing: its delta and gamma are of another underlying, and nobody has said how
//! the two move together.

use crate::observe::{Sight, package_greek, package_margin};
use crate::value::Cause;
use alula_book::{Package, payoff};
use alula_dsl::builtin::Greek;
use alula_dsl::graph::SizeBasis;
use alula_market::money::{Price, Usd};

/// Mean reversion of volatility in the default mapping, a year.
pub const MAP_SPEED: f64 = 4.0;
/// Days of a year in the default mapping.
const YEAR_DAYS: f64 = 365.0;
/// The underlying whose options stand on futures of their own.
const VIX: &str = "VIX";

/// What a size is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Whole lots.
    Lots,
    /// A basis.
    Basis(SizeBasis),
    /// The greek of the hedge's target.
    Target(Greek),
}

impl Measure {
    /// Word of files and explanations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Lots => "lots",
            Self::Basis(by) => crate::decision::basis_word(by),
            Self::Target(Greek::Delta) => "delta of target",
            Self::Target(Greek::Gamma) => "gamma of target",
            Self::Target(Greek::Vega) => "vega of target",
            Self::Target(Greek::Theta) => "theta of target",
        }
    }
}

/// How VIX counts against SPX vol.
#[derive(Clone, Copy, Debug)]
pub enum Mapping {
    /// The default.
    Decay,
    /// A number for every expiry, or the cause why it is missing.
    Given(Result<f64, Cause>),
}

impl Mapping {
    /// Points of the VX future of an expiry so many days away, for one point of SPX implied vol.
    pub fn at(self, days: f64) -> Result<f64, Cause> {
        match self {
            Self::Decay => Ok((-MAP_SPEED * days / YEAR_DAYS).exp()),
            Self::Given(ratio) => ratio,
        }
    }
}

/// The mapping's number for a package; none where it is not on VIX.
pub fn mapped_by(sight: &Sight<'_>, package: &Package, mapping: Mapping) -> Option<f64> {
    let leg = package.legs().first().filter(|_| package.underlying() == VIX)?;
    mapping
        .at(crate::observe::days(sight.at.date(), leg.contract.expiry))
        .ok()
}

/// What one lot of a package has of a greek, in the terms of SPX.
pub fn exposure(sight: &Sight<'_>, package: &Package, greek: Greek, mapping: Mapping) -> Result<f64, Cause> {
    if package.underlying() != VIX {
        return package_greek(sight, package, 1, greek);
    }
    if greek != Greek::Vega {
        return Ok(0.0);
    }
    let dollars = i32::try_from(package.multiplier()).map_or(f64::MAX, f64::from);
    let mut sum = 0.0;
    for leg in package.legs() {
        let days = crate::observe::days(sight.at.date(), leg.contract.expiry);
        sum += f64::from(leg.ratio) * sight.greeks(leg)?.delta * mapping.at(days)?;
    }
    Ok(sum * dollars)
}

/// Dollars that one lot can still lose, bought or held at `credit` points.
pub fn risk(package: &Package, credit: Price) -> Option<f64> {
    payoff::loss_bound(package, credit).map(|p| p.dollars(package.multiplier(), 1).to_f64())
}

/// One lot by a basis, vega apart.
pub fn by_basis(sight: &Sight<'_>, package: &Package, credit: Price, by: SizeBasis) -> Result<f64, Cause> {
    match by {
        SizeBasis::MaxLoss => risk(package, credit).ok_or(Cause::Unbounded),
        SizeBasis::Credit => Ok(credit.dollars(package.multiplier(), 1).to_f64().abs()),
        SizeBasis::Margin => package_margin(sight, package, 1).map(Usd::to_f64),
        SizeBasis::Notional => {
            let spot = sight.spot(package)?;
            Ok(spot.dollars(package.multiplier(), 1).to_f64())
        }
        SizeBasis::Vega => exposure(sight, package, Greek::Vega, Mapping::Decay),
    }
}
