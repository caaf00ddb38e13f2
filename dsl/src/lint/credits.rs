//! Findings about rolls and the credit: what a requirement binds, and what a debit does to the rules that measure by it.

use crate::builtin::PositionObs;
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Clock, Cmp, Graph, LimitDef, NodeId, Op, PolicyDef, RuleAction, RuleDef};
use std::collections::BTreeSet;

pub(super) fn lint(graph: &Graph, findings: &mut Vec<Diagnostic>) {
    for policy in &graph.policies {
        for roll in policy
            .rules
            .iter()
            .filter(|r| matches!(r.action, RuleAction::Roll { .. }))
        {
            let net =
                |node: NodeId| behind(graph, node, |_| true).any(|op| is(op, &[PositionObs::NetCredit]));
            if !roll.require.is_some_and(net) && !never_costs(graph, roll) {
                turning(graph, policy, roll, findings);
            } else if roll.limit == LimitDef::Market {
                let message = format!(
                    "`{}` asks for a net credit of the decision, not of the fill",
                    roll.key
                );
                let help = "add `limit 0 pts`: the worst price accepted at the fill, credits positive";
                findings.push(Diagnostic::note(codes::ROLL_WITHOUT_LIMIT, roll.span, message).help(help));
            }
        }
    }
}

/// The fill is bound to a credit by a written limit.
fn never_costs(graph: &Graph, roll: &RuleDef) -> bool {
    let LimitDef::At(node) = roll.limit else {
        return false;
    };
    matches!(graph.node(node).map(|n| &n.op), Some(Op::Number(points)) if *points >= 0.0)
}

/// A roll that may cost money beside a rule that measures a result by the credit.
fn turning(graph: &Graph, policy: &PolicyDef, roll: &RuleDef, findings: &mut Vec<Diagnostic>) {
    let measures =
        |rule: &&RuleDef| !matches!(rule.action, RuleAction::Open { .. }) && by_credit(graph, rule.when);
    let Some(rule) = policy.rules.iter().find(measures) else {
        return;
    };
    let message = format!(
        "`{}` may pay the credit away, and `{}` measures by it",
        roll.key, rule.key
    );
    let d = Diagnostic::warning(codes::CREDIT_MAY_TURN, roll.span, message)
        .also(
            rule.span,
            "with a credit below zero this comparison means the opposite",
        )
        .help("add `require net credit >= $0` and `limit 0 pts` to the roll");
    findings.push(d);
}

/// Whether a condition compares something that moves with an amount made of the credit.
fn by_credit(graph: &Graph, when: NodeId) -> bool {
    let is_amount = |op: &Op| matches!(op, Op::Arith(_) | Op::Neg);
    let made_of_credit = |node: NodeId| {
        behind(graph, node, is_amount).any(|op| is(op, &[PositionObs::Credit, PositionObs::CreditPoints]))
    };
    let moves = |node: NodeId| graph.node(node).is_some_and(|n| n.clock != Clock::Constant);
    reached(graph, when, |_| true)
        .into_iter()
        .filter_map(|id| graph.node(id))
        .any(|node| {
            let (Op::Compare(Cmp::Lt | Cmp::Le | Cmp::Gt | Cmp::Ge), [a, b]) =
                (&node.op, node.inputs.as_slice())
            else {
                return false;
            };
            moves(*a) && moves(*b) && (made_of_credit(*a) || made_of_credit(*b))
        })
}

fn is(op: &Op, of: &[PositionObs]) -> bool {
    matches!(op, Op::Position(what) if of.contains(what))
}

/// Operations behind a node, itself first, through those that `through` allows.
fn behind(graph: &Graph, from: NodeId, through: impl Fn(&Op) -> bool) -> impl Iterator<Item = &Op> {
    reached(graph, from, through)
        .into_iter()
        .filter_map(|id| graph.node(id))
        .map(|n| &n.op)
}

fn reached(graph: &Graph, from: NodeId, through: impl Fn(&Op) -> bool) -> BTreeSet<NodeId> {
    let mut seen = BTreeSet::new();
    let mut stack = vec![from];
    while let Some(id) = stack.pop() {
        if !seen.insert(id) {
            continue;
        }
        if let Some(node) = graph.node(id).filter(|n| through(&n.op)) {
            stack.extend(node.inputs.iter().copied());
        }
    }
    seen
}
