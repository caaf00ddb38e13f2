//! Every place of a definition that names a node, in one order, in one piece of code, so that neither pruning nor a move between graphs
//! can miss or dangle one.

use super::{
    ExpiryPick, GuardRuleDef, HedgeDef, LayerDef, LegDef, LimitDef, NodeId, OffsetAmount, OverlayDef,
    RollDef, RuleAction, RuleDef, SizeDef, StrikePick,
};

/// What is done with a place that names a node.
pub type Visit<'a> = dyn FnMut(&mut NodeId) + 'a;

/// A leg.
pub fn leg(leg: &mut LegDef, f: &mut Visit<'_>) {
    strike(&mut leg.strike, f);
    expiry(&mut leg.expiry, f);
}

/// A rule of a policy.
pub fn rule(rule: &mut RuleDef, f: &mut Visit<'_>) {
    f(&mut rule.when);
    rule.require.iter_mut().for_each(&mut *f);
    rule.rank.iter_mut().for_each(&mut *f);
    if let LimitDef::At(id) = &mut rule.limit {
        f(id);
    }
    match &mut rule.action {
        RuleAction::Open {
            size: much,
            at_most,
            up_to,
        } => {
            size(much, f);
            at_most.iter_mut().for_each(&mut *f);
            f(up_to);
        }
        RuleAction::Close { portion } => portion.iter_mut().for_each(f),
        RuleAction::Roll { to } => match to {
            RollDef::Recentred(pick) | RollDef::SameStrikes(pick) => expiry(pick, f),
            RollDef::Side {
                strike: pick,
                expiry: when,
                ..
            } => {
                strike(pick, f);
                expiry(when, f);
            }
        },
    }
}

/// A guard.
pub fn guard(guard: &mut GuardRuleDef, f: &mut Visit<'_>) {
    f(&mut guard.require);
}

/// A layer of a hedge.
pub fn layer(layer: &mut LayerDef, f: &mut Visit<'_>) {
    if let Some(much) = &mut layer.size {
        size(much, f);
    }
    layer.votes.iter_mut().for_each(&mut *f);
    layer.active.iter_mut().for_each(&mut *f);
    layer.clauses.iter_mut().for_each(|(_, id)| f(id));
    layer.rules.iter_mut().for_each(|(_, id)| f(id));
}

/// A hedge without its layers.
pub fn hedge(hedge: &mut HedgeDef, f: &mut Visit<'_>) {
    if let Some((_, amount, band)) = &mut hedge.target {
        f(amount);
        if let Some((lo, hi)) = band {
            f(lo);
            f(hi);
        }
    }
    hedge.clauses.iter_mut().for_each(|(_, id)| f(id));
}

/// An overlay.
pub fn overlay(overlay: &mut OverlayDef, f: &mut Visit<'_>) {
    if let Some((target, band)) = &mut overlay.target {
        f(target);
        f(band);
    }
    overlay.clauses.iter_mut().for_each(|(_, id)| f(id));
}

/// A size.
pub fn size(size: &mut SizeDef, f: &mut Visit<'_>) {
    match size {
        SizeDef::Lots(id) => f(id),
        SizeDef::Budget { amount, .. } => f(amount),
        SizeDef::Scale { lo, hi, by, step } => {
            f(lo);
            f(hi);
            f(by);
            step.iter_mut().for_each(f);
        }
    }
}

fn expiry(pick: &mut ExpiryPick, f: &mut Visit<'_>) {
    if let ExpiryPick::Nearest { dte, window, .. } = pick {
        f(dte);
        if let Some((lo, hi)) = window {
            f(lo);
            f(hi);
        }
    }
}

fn strike(pick: &mut StrikePick, f: &mut Visit<'_>) {
    match pick {
        StrikePick::Delta(id)
        | StrikePick::Premium(id)
        | StrikePick::Otm(id)
        | StrikePick::Sd(id)
        | StrikePick::Formula(id) => f(id),
        StrikePick::Offset { amount, .. } => match amount {
            OffsetAmount::Points(id) | OffsetAmount::Fraction(id) | OffsetAmount::Sd(id) => f(id),
        },
        StrikePick::Spot | StrikePick::Forward | StrikePick::SameAs(_) | StrikePick::Held => {}
    }
}
