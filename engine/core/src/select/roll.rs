//! The target of a roll.

use super::picker::{Picker, allowed, days_between};
use super::strike::exact;
use super::{Amount, NoPick, Told, bounded, finish, leg_kind, market_right, pick_in};
use crate::analytics::SnapshotView;
use crate::decision::PickError;
use alula_book::{Leg, Package, PositionLeg};
use alula_dsl::ast;
use alula_dsl::graph::{ExpiryPick, LegDef, NodeId, RollDef, StrikePick, StructureDef};
use alula_market::contract::{Right, Settlement};

/// The expiries in the window of a roll's target, by their places in the snapshot; none where the target has no window.
///
/// # Errors
/// When an amount of the window is missing.
pub fn roll_expiries(to: &RollDef, view: &SnapshotView, amount: Amount<'_>) -> Result<Vec<usize>, NoPick> {
    let (RollDef::Recentred(expiry) | RollDef::SameStrikes(expiry) | RollDef::Side { expiry, .. }) = to;
    let ExpiryPick::Nearest {
        window: Some((lo, hi)),
        only,
        ..
    } = expiry
    else {
        return Ok(Vec::new());
    };
    let number = |id: NodeId| amount(id).get().map_err(PickError::Amount);
    let (lo, hi) = (number(*lo)?, number(*hi)?);
    let at = view.snapshot.at;
    let mut found: Vec<usize> = Vec::new();
    let chains = &view.snapshot.expiries;
    for (index, chain) in chains.iter().enumerate() {
        let days = days_between(at.date(), chain.expiry);
        if chain.last_trade_at <= at || !allowed(chain, *only) || days < lo || days > hi {
            continue;
        }
        // Of two roots on one date the PM-settled one, which comes later.
        let before = found.last().and_then(|i| chains.get(*i));
        if before.is_some_and(|b| b.expiry == chain.expiry) {
            if chain.settlement != Settlement::Pm {
                continue;
            }
            found.pop();
        }
        found.push(index);
    }
    Ok(found)
}

/// Picks the target of a roll of held legs (in structure order).
///
/// `Recentred` and `SameStrikes` apply their expiry to every leg that shares the first leg's expiry clause; a leg with an
/// expiry of its own keeps that clause. `Side` moves all legs of the tested (or named) right by the distance that its short
/// leg moves; the side's wing keeps its distance, and the other side stays.
///
/// # Errors
/// The first leg that has no contract, and why.
pub fn roll_target(
    structure: &StructureDef,
    to: &RollDef,
    held: &[PositionLeg],
    view: &SnapshotView,
    amount: Amount<'_>,
) -> Result<Package, NoPick> {
    roll_told(structure, to, held, (view, Told::default()), amount)
}

/// The same with something told.
///
/// # Errors
/// As [`roll_target`].
pub fn roll_told(
    structure: &StructureDef,
    to: &RollDef,
    held: &[PositionLeg],
    (view, told): (&SnapshotView, Told<'_>),
    amount: Amount<'_>,
) -> Result<Package, NoPick> {
    let partly = || PickError::PartlyExpired {
        left: held.len(),
        of: structure.legs.len(),
    };
    if let RollDef::Side { side, strike, expiry } = to {
        let held = matched(structure, held).ok_or_else(partly)?;
        return roll_side(
            structure,
            side.map(market_right),
            (strike, expiry),
            &held,
            (view, told),
            amount,
        );
    }
    if held.len() != structure.legs.len() {
        return Err(partly().into());
    }
    let common = structure.legs.first().map(|l| &l.expiry);
    let rolled = |def: &LegDef, to: &ExpiryPick| {
        Ok(if common == Some(&def.expiry) {
            to.clone()
        } else {
            def.expiry.clone()
        })
    };
    match to {
        RollDef::Recentred(expiry) => {
            pick_in(structure, (view, told), amount, &|def| rolled(def, expiry), held)
        }
        RollDef::SameStrikes(expiry) => {
            let mut picker = Picker {
                view,
                amount,
                told,
                strikes: Vec::new(),
            };
            let mut legs = Vec::new();
            for (at, (def, now)) in structure.legs.iter().zip(held).enumerate() {
                let fail = |reason| NoPick {
                    leg: def.name.clone(),
                    reason,
                };
                let pick = rolled(def, expiry).map_err(fail)?;
                legs.push(
                    picker
                        .leg((at, def), &pick, &StrikePick::Held, Some(now))
                        .map_err(fail)?,
                );
            }
            picker.strikes.clear();
            bounded(structure, legs)
        }
        // Done above.
        RollDef::Side { .. } => Err(partly().into()),
    }
}

/// Legs held with what the structure says of them, in structure order. After some have settled the others are known by
/// right, side and ratio; `None` where that could be several.
fn matched<'a>(
    structure: &'a StructureDef,
    held: &'a [PositionLeg],
) -> Option<Vec<(&'a LegDef, &'a PositionLeg)>> {
    if held.len() == structure.legs.len() {
        return Some(structure.legs.iter().zip(held).collect());
    }
    let fits = |def: &LegDef, leg: &PositionLeg| leg_kind(def) == Some((leg.contract.right, leg.ratio));
    held.iter()
        .map(|leg| {
            let mut defs = structure.legs.iter().filter(|def| fits(def, leg));
            let alone = held
                .iter()
                .filter(|l| l.contract.right == leg.contract.right && l.ratio == leg.ratio)
                .count()
                == 1;
            defs.next()
                .filter(|_| alone && defs.next().is_none())
                .map(|def| (def, leg))
        })
        .collect()
}

fn roll_side(
    structure: &StructureDef,
    side: Option<Right>,
    (strike, expiry): (&StrikePick, &ExpiryPick),
    held: &[(&LegDef, &PositionLeg)],
    (view, told): (&SnapshotView, Told<'_>),
    amount: Amount<'_>,
) -> Result<Package, NoPick> {
    let shorts = held.iter().copied().filter(|(def, leg)| {
        matches!(def.side, ast::Side::Short) && side.is_none_or(|right| leg.contract.right == right)
    });
    // The tested leg: largest absolute delta; of equal ones the first in structure order.
    let mut tested: Option<(&LegDef, &PositionLeg, f64)> = None;
    for (def, leg) in shorts {
        let delta = view
            .greeks(&leg.contract)
            .map_err(|cause| NoPick {
                leg: def.name.clone(),
                reason: PickError::Analytics(cause),
            })?
            .delta
            .abs();
        if tested.is_none_or(|(_, _, most)| delta > most) {
            tested = Some((def, leg, delta));
        }
    }
    let Some((def, short, _)) = tested else {
        return Err(PickError::NoQuotes.into());
    };
    // A side that the rule names may cross the other; the tested one moves away from the money.
    let made = if side.is_some() { bounded } else { finish };
    let fail = |name: &str, reason| NoPick {
        leg: name.to_owned(),
        reason,
    };
    let mut picker = Picker {
        view,
        amount,
        told,
        strikes: held.iter().map(|(_, l)| l.contract.strike).collect(),
    };
    let place = structure
        .legs
        .iter()
        .position(|l| std::ptr::eq(l, def))
        .unwrap_or(0);
    let moved = picker
        .leg((place, def), expiry, strike, Some(short))
        .map_err(|e| fail(&def.name, e))?;
    let shift = moved.contract.strike - short.contract.strike;
    let mut legs = Vec::new();
    for &(def, now) in held {
        if now.contract.right != short.contract.right {
            legs.push(Leg {
                contract: now.contract,
                ratio: now.ratio,
            });
            continue;
        }
        let wanted = now.contract.strike + shift;
        let contract = picker
            .expiry(expiry, Some(now))
            .and_then(|(chain, _)| exact(chain, now.contract.right, wanted))
            .map_err(|e| fail(&def.name, e))?;
        legs.push(Leg {
            contract,
            ratio: now.ratio,
        });
    }
    made(structure, legs)
}
