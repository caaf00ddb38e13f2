//! From a structure of futures to contracts: `long month 4, short month 7` on the curve that is known at an instant.
//!
//! A month counts from the nearest contract whose final settlement is still to come, so that on a settlement morning the
//! front month is already the next one. A month whose contract has no price on the curve is not picked.
//!
//! Shares are picked by their name: `long 100 shares` is a lot.

use crate::decision::PickError;
use crate::select::NoPick;
use alula_book::instrument::LinearLeg;
use alula_dsl::ast::Side;
use alula_dsl::builtin::Instrument as Name;
use alula_dsl::graph::{Graph, LegDef, StructureDef};
use alula_market::contract::{FutureRoot, Instrument, Share};
use alula_market::curve::FuturesCurve;

/// Whether every leg of a structure is a future or shares: nothing in it is an option.
#[must_use]
pub fn is_futures(structure: &StructureDef) -> bool {
    !structure.legs.is_empty() && structure.legs.iter().all(|l| l.right.is_none())
}

/// The class of futures that a structure's underlying names.
#[must_use]
pub const fn class_of(underlying: Name) -> Option<FutureRoot> {
    match underlying {
        Name::Vx => Some(FutureRoot::Vx),
        Name::Es => Some(FutureRoot::Es),
        _ => None,
    }
}

/// Classes of futures and shares that a strategy trades.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinearNeeds {
    /// Classes of futures.
    pub roots: Vec<FutureRoot>,
    /// Shares.
    pub shares: Vec<Share>,
}

impl LinearNeeds {
    /// What the structures of policies, the layers of hedges and the overlays of a strategy trade.
    #[must_use]
    pub fn of(graph: &Graph) -> Self {
        let policies = graph.policies.iter().map(|p| p.structure);
        let layers = graph.hedges.iter().flat_map(|h| &h.layers);
        let owned = layers.flat_map(|l| l.own.into_iter().chain(l.rotate));
        let structures = policies.chain(owned);
        let names = structures
            .filter_map(|s| graph.structures.get(s.0 as usize))
            .filter(|s| is_futures(s))
            .map(|s| s.underlying)
            .chain(graph.overlays.iter().map(|o| o.instrument));
        let mut needs = Self::default();
        for name in names {
            needs.roots.extend(class_of(name));
            needs.shares.extend(share_of(name));
            // What a note on VX futures carries is read off their curve.
            needs.roots.extend(name.is_vix_shares().then_some(FutureRoot::Vx));
        }
        needs.roots.sort_unstable();
        needs.roots.dedup();
        needs.shares.sort_unstable();
        needs.shares.dedup();
        needs
    }

    /// Nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.roots.is_empty() && self.shares.is_empty()
    }
}

/// The share that an instrument's name is.
#[must_use]
pub const fn share_of(name: Name) -> Option<Share> {
    match name {
        Name::Spy => Some(Share::Spy),
        Name::Vxx => Some(Share::Vxx),
        Name::Vxz => Some(Share::Vxz),
        Name::Vixy => Some(Share::Vixy),
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
    pick_futures_from(structure, curve, None)
}

/// The same, moved along the curve as a whole so that its nearest leg stands in a month from the front.
///
/// # Errors
/// As [`pick_futures`].
pub fn pick_futures_from(
    structure: &StructureDef,
    curve: Option<&FuturesCurve>,
    nearest: Option<u8>,
) -> Result<Vec<LinearLeg>, NoPick> {
    if !is_futures(structure) {
        return Err(PickError::Unsupported("futures beside options in one structure").into());
    }
    if let Some(share) = share_of(structure.underlying) {
        let leg = |def: &LegDef| LinearLeg {
            instrument: Instrument::Share(share),
            quantity: match def.side {
                Side::Long => i64::from(def.ratio),
                Side::Short => -i64::from(def.ratio),
            },
        };
        return Ok(structure.legs.iter().map(leg).collect());
    }
    let class = structure.underlying.name();
    let curve = curve.ok_or(PickError::NoCurve(class))?;
    if class_of(structure.underlying) != Some(curve.root) {
        return Err(PickError::NoCurve(class).into());
    }
    let first = structure.legs.iter().filter_map(|l| l.month).min();
    let mut legs: Vec<LinearLeg> = Vec::new();
    for def in &structure.legs {
        let fail = |reason| NoPick {
            leg: def.name.clone(),
            reason,
        };
        let month = def.month.ok_or(PickError::NoExpiry).map_err(fail)?;
        let month = match (nearest, first) {
            (Some(to), Some(first)) => month.saturating_sub(first).saturating_add(to),
            _ => month,
        };
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
