//! The rules of a plan, in the order in which a tick walks them.

use crate::decision::RuleKind;
use alula_dsl::ast::{Conflict, OnUnknown};
use alula_dsl::builtin::Instrument;
use alula_dsl::graph::LimitDef;
use alula_dsl::graph::{
    ExpiryPick, Graph, GuardAct, GuardUnknown, LegDef, NodeId, OffsetAmount, OverlayDef, RollDef, RuleAction,
    RuleDef, SizeDef, StrikePick, StructureId,
};
use std::sync::Arc;

/// A close, roll or open rule.
#[derive(Clone, Debug)]
pub struct PlanRule {
    /// Stable key.
    pub key: Arc<str>,
    /// Kind.
    pub kind: RuleKind,
    /// Structure acted on.
    pub structure: StructureId,
    /// What it does.
    pub action: RuleAction,
    /// Condition: plan node to read at a tick.
    pub when: usize,
    /// Condition on the package.
    pub require: Option<usize>,
    /// Order price.
    pub limit: LimitDef,
    /// When unknown.
    pub unknown: OnUnknown,
    /// Rolls: of several expiries, the one with the largest value.
    pub rank: Option<usize>,
    /// When a contract stands the other way round in another position or order.
    pub conflict: Conflict,
    /// Position-domain nodes that the rule reads, inputs first.
    pub position_nodes: Vec<usize>,
    /// Candidate-domain nodes that the rule reads, inputs first.
    pub candidate_nodes: Vec<usize>,
}

/// A guard rule.
#[derive(Clone, Debug)]
pub struct PlanGuard {
    /// Stable key.
    pub key: Arc<str>,
    /// What must hold: plan node to read at a tick.
    pub require: usize,
    /// What happens when it does not.
    pub act: GuardAct,
    /// When unknown.
    pub unknown: GuardUnknown,
}

/// An overlay.
#[derive(Clone, Debug)]
pub struct PlanOverlay {
    /// Stable key: what it holds is booked under it.
    pub key: Arc<str>,
    /// Structure whose delta it trades.
    pub structure: StructureId,
    /// What it trades.
    pub instrument: Instrument,
    /// Target: plan node to read at a tick.
    pub target: usize,
    /// Band around it.
    pub band: usize,
    /// When it is active; always, where it does not say.
    pub active: Option<usize>,
    /// Condition on its trade.
    pub require: Option<usize>,
    /// Candidate-domain nodes that `require` reads, inputs first.
    pub candidate_nodes: Vec<usize>,
}

/// Node ids that overlays read.
pub(super) fn overlay_reads(overlay: &OverlayDef) -> Vec<NodeId> {
    let mut ids: Vec<NodeId> = overlay.clauses.iter().map(|(_, id)| *id).collect();
    ids.extend(overlay.target.iter().flat_map(|(target, band)| [*target, *band]));
    ids
}

/// Kind of a rule.
pub(super) const fn kind_of(rule: &RuleDef) -> RuleKind {
    match rule.action {
        RuleAction::Open { .. } => RuleKind::Open,
        RuleAction::Close { .. } => RuleKind::Close,
        RuleAction::Roll { .. } => RuleKind::Roll,
    }
}

/// Keys of all rules in the order in which a tick walks them, then of the overlays: the numbers that a trace names them by.
#[must_use]
pub fn rule_keys(graph: &Graph) -> Vec<&str> {
    let mut rules: Vec<&RuleDef> = graph.policies.iter().flat_map(|p| &p.rules).collect();
    rules.sort_by_key(|r| kind_of(r));
    let overlays = graph.overlays.iter().map(|o| o.key.as_str());
    rules
        .into_iter()
        .map(|r| r.key.as_str())
        .chain(overlays)
        .collect()
}

/// Node ids that a rule reads besides its structure's.
pub(super) fn rule_reads(rule: &RuleDef) -> Vec<NodeId> {
    let mut ids = vec![rule.when];
    ids.extend(rule.require);
    ids.extend(rule.rank);
    if let LimitDef::At(id) = rule.limit {
        ids.push(id);
    }
    match &rule.action {
        RuleAction::Open { size, at_most, up_to } => {
            size_reads(size, &mut ids);
            ids.extend(*at_most);
            ids.push(*up_to);
        }
        RuleAction::Close { portion } => ids.extend(*portion),
        RuleAction::Roll { to } => match to {
            RollDef::Recentred(expiry) | RollDef::SameStrikes(expiry) => expiry_reads(expiry, &mut ids),
            RollDef::Side { strike, expiry, .. } => {
                strike_reads(strike, &mut ids);
                expiry_reads(expiry, &mut ids);
            }
        },
    }
    ids
}

pub(super) fn size_reads(size: &SizeDef, ids: &mut Vec<NodeId>) {
    match size {
        SizeDef::Lots(id) => ids.push(*id),
        SizeDef::Budget { amount, .. } => ids.push(*amount),
        SizeDef::Scale { lo, hi, by, step } => {
            ids.extend([*lo, *hi, *by]);
            ids.extend(*step);
        }
    }
}

/// Node ids that picking a structure's legs reads.
pub(super) fn leg_reads(legs: &[LegDef]) -> Vec<NodeId> {
    let mut ids = Vec::new();
    for leg in legs {
        strike_reads(&leg.strike, &mut ids);
        expiry_reads(&leg.expiry, &mut ids);
    }
    ids
}

fn expiry_reads(expiry: &ExpiryPick, ids: &mut Vec<NodeId>) {
    if let ExpiryPick::Nearest { dte, window, .. } = expiry {
        ids.push(*dte);
        if let Some((lo, hi)) = window {
            ids.extend([*lo, *hi]);
        }
    }
}

fn strike_reads(strike: &StrikePick, ids: &mut Vec<NodeId>) {
    match strike {
        StrikePick::Delta(id)
        | StrikePick::Premium(id)
        | StrikePick::Otm(id)
        | StrikePick::Sd(id)
        | StrikePick::Formula(id) => ids.push(*id),
        StrikePick::Offset { amount, .. } => match amount {
            OffsetAmount::Points(id) | OffsetAmount::Fraction(id) | OffsetAmount::Sd(id) => ids.push(*id),
        },
        StrikePick::Spot | StrikePick::Forward | StrikePick::SameAs(_) | StrikePick::Held => {}
    }
}
