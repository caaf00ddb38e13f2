//! From a structure of futures to contracts: `long month 4, short month 7` on the curve that is known at an instant.
//!
//! A month counts from the nearest contract whose final settlement is still to come, so that on a settlement morning the
//! front month is already the next one. A month whose contract has no price on the curve is not picked.

use crate::decision::PickError;
use crate::select::NoPick;
use alula_book::instrument::LinearLeg;
use alula_dsl::ast::Side;
use alula_dsl::builtin::Instrument as Name;
use alula_dsl::graph::StructureDef;
use alula_market::contract::{FutureRoot, Instrument};
use alula_market::curve::FuturesCurve;

/// Whether every leg of a structure is a future.
#[must_use]
pub fn is_futures(structure: &StructureDef) -> bool {
    !structure.legs.is_empty() && structure.legs.iter().all(|l| l.right.is_none())
}

/// The class of futures that a structure's underlying names.
#[must_use]
pub const fn class_of(underlying: Name) -> Option<FutureRoot> {
    match underlying {
        Name::Vx => Some(FutureRoot::Vx),
        _ => None,
    }
}

/// Picks every leg of a structure of futures on a curve, for one lot.
///
/// # Errors
/// The first leg that has no contract, and why.
pub fn pick_futures(
    structure: &StructureDef,
    curve: Option<&FuturesCurve>,
) -> Result<Vec<LinearLeg>, NoPick> {
    if !is_futures(structure) {
        return Err(PickError::Unsupported("futures beside options in one structure").into());
    }
    let curve = curve.ok_or(PickError::NoChain)?;
    if class_of(structure.underlying) != Some(curve.root) {
        return Err(PickError::NoChain.into());
    }
    let mut legs: Vec<LinearLeg> = Vec::new();
    for def in &structure.legs {
        let fail = |reason| NoPick {
            leg: def.name.clone(),
            reason,
        };
        let month = def.month.ok_or(PickError::NoExpiry).map_err(fail)?;
        let point = curve
            .month(usize::from(month))
            .ok_or(PickError::NoFuture { month })
            .map_err(fail)?;
        let size = i64::from(def.ratio);
        legs.push(LinearLeg {
            instrument: Instrument::Future(point.contract),
            quantity: match def.side {
                Side::Long => size,
                Side::Short => -size,
            },
        });
    }
    Ok(legs)
}
