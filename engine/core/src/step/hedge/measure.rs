//! What a lot of a layer measures: dollars at risk, margin, notional, vega; and what it carries of the hedge's target.

use crate::beta;
use crate::observe::{Sight, package_margin};
use crate::value::Cause;
use crate::vega::{Mapping, exposure};
use alula_book::{Package, payoff};
use alula_dsl::builtin::Greek;
use alula_dsl::graph::SizeBasis;
use alula_market::money::{Price, Usd};

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

/// Dollars that one lot can still lose, bought or held at `credit` points.
pub fn risk(package: &Package, credit: Price) -> Option<f64> {
    payoff::loss_bound(package, credit).map(|p| p.dollars(package.multiplier(), 1).to_f64())
}

/// One lot by a basis; vega and beta have a sign, the others have none.
pub fn by_basis(
    sight: &Sight<'_>,
    package: &Package,
    credit: Price,
    (by, returns): (SizeBasis, Mapping),
) -> Result<f64, Cause> {
    match by {
        SizeBasis::MaxLoss => risk(package, credit).ok_or(Cause::Unbounded),
        SizeBasis::Credit => Ok(credit.dollars(package.multiplier(), 1).to_f64().abs()),
        SizeBasis::Margin => package_margin(sight, package, 1).map(Usd::to_f64),
        SizeBasis::Notional => {
            let spot = sight.spot(package)?;
            Ok(spot.dollars(package.multiplier(), 1).to_f64())
        }
        SizeBasis::Beta => beta::exposure(sight, package, returns),
        SizeBasis::Vega => exposure(sight, package, Greek::Vega, Mapping::Decay),
    }
}
