//! From a structure to contracts: which expiry, which strikes, or the reason why not.
//!
//! Only contracts with a two-sided quote can be picked. *Expiry*: the listed one nearest to the target inside the window,
//! of two as near the earlier one; of two roots on one date the PM-settled one, unless the strategy says `only am`. *Strike*:
//! where the nearest is taken, ties go to the strike further from the money. A target that the listed strikes do not bracket
//! is not reachable: there is no pick, and the reason says what the nearest would have been.

mod picker;
mod roll;
mod strike;

use crate::analytics::SnapshotView;
use crate::decision::PickError;
use crate::value::Cell;
use alula_book::{Leg, Package, PositionLeg, payoff};
use alula_dsl::ast;
use alula_dsl::graph::{ExpiryPick, LegDef, NodeId, StrikeAnchor, StrikePick, StructureDef};
use alula_market::contract::Right;
use alula_market::money::Price;
use picker::Picker;
pub use roll::{roll_expiries, roll_target, roll_told};

/// Reads an amount of a selector.
pub type Amount<'a> = &'a dyn Fn(NodeId) -> Cell;

/// A pick that failed: the leg's name (empty when it is about the whole package) and why.
#[derive(Clone, Debug, PartialEq)]
pub struct NoPick {
    /// Leg.
    pub leg: String,
    /// Reason.
    pub reason: PickError,
}

impl From<PickError> for NoPick {
    fn from(reason: PickError) -> Self {
        Self {
            leg: String::new(),
            reason,
        }
    }
}

/// The market room's right.
#[must_use]
pub const fn market_right(right: ast::Right) -> Right {
    match right {
        ast::Right::Put => Right::Put,
        ast::Right::Call => Right::Call,
    }
}

const fn signed(def: &LegDef) -> Option<i32> {
    if def.ratio > i32::MAX as u32 {
        return None;
    }
    #[expect(clippy::cast_possible_wrap, reason = "not above i32::MAX")]
    let ratio = def.ratio as i32;
    Some(match def.side {
        ast::Side::Long => ratio,
        ast::Side::Short => -ratio,
    })
}

/// What a pick is told besides the structure.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told<'a> {
    /// Strikes that a leg (by its place in the structure) may not take: the next nearest is taken.
    pub avoid: &'a [(usize, Price)],
    /// Legs that choose their expiry by days take this one of the snapshot.
    pub expiry: Option<usize>,
}

/// Picks the whole structure, as an `open` does.
///
/// # Errors
/// The first leg that has no contract, and why.
pub fn pick(structure: &StructureDef, view: &SnapshotView, amount: Amount<'_>) -> Result<Package, NoPick> {
    pick_told(structure, view, amount, Told::default())
}

/// The same with something told.
///
/// # Errors
/// As [`pick`].
pub fn pick_told(
    structure: &StructureDef,
    view: &SnapshotView,
    amount: Amount<'_>,
    told: Told<'_>,
) -> Result<Package, NoPick> {
    pick_in(
        structure,
        (view, told),
        amount,
        &|def| Ok(def.expiry.clone()),
        &[],
    )
}

/// The leg to choose anew when a leg may not have its strike: itself, or the one that it is measured from.
#[must_use]
pub fn chosen_by(structure: &StructureDef, leg: usize) -> Option<usize> {
    let mut at = leg;
    for _ in 0..structure.legs.len() {
        match &structure.legs.get(at)?.strike {
            StrikePick::Offset {
                anchor: StrikeAnchor::Leg(to),
                exact: true,
                ..
            }
            | StrikePick::SameAs(to) => at = usize::from(*to),
            StrikePick::Held => return None,
            _ => return Some(at),
        }
    }
    None
}

/// Picks the whole structure with every leg in the monthly expiry of a number, counted from the front.
///
/// # Errors
/// As [`pick`].
pub fn pick_month(
    structure: &StructureDef,
    view: &SnapshotView,
    amount: Amount<'_>,
    month: u8,
) -> Result<Package, NoPick> {
    pick_in(
        structure,
        (view, Told::default()),
        amount,
        &|_| Ok(ExpiryPick::Month(month)),
        &[],
    )
}

/// Picks every leg; `expiry_of` says which expiry each takes, `held` are the legs held (rolls), in structure order.
fn pick_in(
    structure: &StructureDef,
    (view, told): (&SnapshotView, Told<'_>),
    amount: Amount<'_>,
    expiry_of: &dyn Fn(&LegDef) -> Result<ExpiryPick, PickError>,
    held: &[PositionLeg],
) -> Result<Package, NoPick> {
    let mut picker = Picker {
        view,
        amount,
        told,
        strikes: Vec::new(),
    };
    let mut legs = Vec::new();
    for (at, def) in structure.legs.iter().enumerate() {
        let fail = |reason| NoPick {
            leg: def.name.clone(),
            reason,
        };
        let pick = expiry_of(def).map_err(fail)?;
        let leg = picker
            .leg((at, def), &pick, &def.strike, held.get(at))
            .map_err(fail)?;
        picker.strikes.push(leg.contract.strike);
        legs.push(leg);
    }
    finish(structure, legs)
}

/// The package of legs that were chosen together; what the structure's certificate rests on holds, or there is none.
fn finish(structure: &StructureDef, legs: Vec<Leg>) -> Result<Package, NoPick> {
    if structure.keeps_sides_apart() && sides_cross(&legs) {
        return Err(PickError::SidesCross.into());
    }
    bounded(structure, legs)
}

/// A sold put stands above a sold call that settles with it, so that both can be lost at once.
fn sides_cross(legs: &[Leg]) -> bool {
    let sold = |right: Right| {
        legs.iter()
            .filter(move |l| l.ratio < 0 && l.contract.right == right)
    };
    sold(Right::Put).any(|put| {
        sold(Right::Call)
            .filter(|call| {
                call.contract.expiry == put.contract.expiry && call.contract.root == put.contract.root
            })
            .any(|call| put.contract.strike > call.contract.strike)
    })
}

fn bounded(structure: &StructureDef, legs: Vec<Leg>) -> Result<Package, NoPick> {
    let package = Package::new(legs).map_err(PickError::Package)?;
    if structure.defined_risk && payoff::worst(&package).is_none() {
        return Err(PickError::NotDefinedRisk.into());
    }
    Ok(package)
}

/// Right, and ratio with the side's sign, by which legs of a structure are told apart when some are gone. `None` for a
/// future.
pub(crate) fn leg_kind(def: &LegDef) -> Option<(Right, i32)> {
    Some((market_right(def.right?), signed(def)?))
}
