//! Every node id that a graph holds outside its nodes, in one place, so that pruning can neither miss nor dangle one.

use crate::graph::{
    ExpiryPick, Graph, LegDef, LimitDef, NodeId, OffsetAmount, RollDef, RuleAction, RuleDef, SizeDef,
    StrikePick, StructureDef,
};

/// Calls `f` on each node id in the graph's definitions, in a fixed order.
pub(super) fn each_id(graph: &mut Graph, f: &mut dyn FnMut(&mut NodeId)) {
    for structure in &mut graph.structures {
        structure.legs.iter_mut().for_each(|leg| visit_leg(leg, f));
    }
    for guard in &mut graph.guards {
        f(&mut guard.require);
    }
    for policy in &mut graph.policies {
        policy.rules.iter_mut().for_each(|rule| visit_rule(rule, f));
    }
    for hedge in &mut graph.hedges {
        if let Some((_, amount, band)) = &mut hedge.target {
            f(amount);
            if let Some((lo, hi)) = band {
                f(lo);
                f(hi);
            }
        }
        hedge.clauses.iter_mut().for_each(|(_, id)| f(id));
        for layer in &mut hedge.layers {
            if let Some(size) = &mut layer.size {
                visit_size(size, f);
            }
            layer.votes.iter_mut().for_each(&mut *f);
            if let Some(active) = &mut layer.active {
                f(active);
            }
            layer.clauses.iter_mut().for_each(|(_, id)| f(id));
            layer.rules.iter_mut().for_each(|(_, id)| f(id));
        }
    }
    for overlay in &mut graph.overlays {
        if let Some((target, band)) = &mut overlay.target {
            f(target);
            f(band);
        }
        overlay.clauses.iter_mut().for_each(|(_, id)| f(id));
    }
}

/// The ids of one structure.
pub(crate) fn of_structure(def: &StructureDef) -> Vec<NodeId> {
    let mut out = Vec::new();
    def.clone()
        .legs
        .iter_mut()
        .for_each(|leg| visit_leg(leg, &mut |id| out.push(*id)));
    out
}

/// The ids of one rule.
pub(crate) fn of_rule(rule: &RuleDef) -> Vec<NodeId> {
    let mut out = Vec::new();
    visit_rule(&mut rule.clone(), &mut |id| out.push(*id));
    out
}

/// The ids of one size.
pub(crate) fn of_size(size: &SizeDef) -> Vec<NodeId> {
    let mut out = Vec::new();
    visit_size(&mut size.clone(), &mut |id| out.push(*id));
    out
}

fn visit_rule(rule: &mut RuleDef, f: &mut dyn FnMut(&mut NodeId)) {
    f(&mut rule.when);
    if let Some(require) = &mut rule.require {
        f(require);
    }
    if let Some(rank) = &mut rule.rank {
        f(rank);
    }
    if let LimitDef::At(id) = &mut rule.limit {
        f(id);
    }
    match &mut rule.action {
        RuleAction::Open { size, at_most, up_to } => {
            visit_size(size, f);
            if let Some(id) = at_most {
                f(id);
            }
            f(up_to);
        }
        RuleAction::Close { portion } => {
            if let Some(id) = portion {
                f(id);
            }
        }
        RuleAction::Roll { to } => match to {
            RollDef::Recentred(expiry) | RollDef::SameStrikes(expiry) => visit_expiry(expiry, f),
            RollDef::Side {
                side: _,
                strike,
                expiry,
            } => {
                visit_strike(strike, f);
                visit_expiry(expiry, f);
            }
        },
    }
}

fn visit_size(size: &mut SizeDef, f: &mut dyn FnMut(&mut NodeId)) {
    match size {
        SizeDef::Lots(id) => f(id),
        SizeDef::Budget { amount, by: _ } => f(amount),
        SizeDef::Scale { lo, hi, by, step } => {
            f(lo);
            f(hi);
            f(by);
            if let Some(id) = step {
                f(id);
            }
        }
    }
}

fn visit_leg(leg: &mut LegDef, f: &mut dyn FnMut(&mut NodeId)) {
    visit_strike(&mut leg.strike, f);
    visit_expiry(&mut leg.expiry, f);
}

fn visit_expiry(expiry: &mut ExpiryPick, f: &mut dyn FnMut(&mut NodeId)) {
    if let ExpiryPick::Nearest { dte, window, only: _ } = expiry {
        f(dte);
        if let Some((lo, hi)) = window {
            f(lo);
            f(hi);
        }
    }
}

fn visit_strike(strike: &mut StrikePick, f: &mut dyn FnMut(&mut NodeId)) {
    match strike {
        StrikePick::Delta(id)
        | StrikePick::Premium(id)
        | StrikePick::Otm(id)
        | StrikePick::Sd(id)
        | StrikePick::Formula(id) => f(id),
        StrikePick::Offset {
            amount,
            direction: _,
            anchor: _,
            exact: _,
        } => match amount {
            OffsetAmount::Points(id) | OffsetAmount::Fraction(id) | OffsetAmount::Sd(id) => f(id),
        },
        StrikePick::Spot | StrikePick::Forward | StrikePick::SameAs(_) | StrikePick::Held => {}
    }
}
