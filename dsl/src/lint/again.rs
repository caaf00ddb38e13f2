//! Triggers that can oscillate: rolls whose target still calls for the roll, and latches that are released where they are set.

use crate::builtin::PositionObs;
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Cmp, ExpiryPick, Graph, NodeId, Op, RollDef, RuleAction, RuleDef, StrikePick};

pub(super) fn lint(graph: &Graph, findings: &mut Vec<Diagnostic>) {
    for rule in graph.policies.iter().flat_map(|p| &p.rules) {
        if let RuleAction::Roll { to } = &rule.action {
            rolls_again(graph, rule, to, findings);
        }
    }
    latches(graph, findings);
}

/// A roll whose condition surely holds of what it rolls to.
fn rolls_again(graph: &Graph, rule: &RuleDef, to: &RollDef, findings: &mut Vec<Diagnostic>) {
    let expiry = match to {
        RollDef::Recentred(e) | RollDef::SameStrikes(e) => e,
        RollDef::Side { expiry, .. } => expiry,
    };
    // The days to expiry of the target: its window, or the number aimed at.
    let days = match expiry {
        ExpiryPick::Same | ExpiryPick::Month(_) => None,
        ExpiryPick::Nearest { dte, window, .. } => {
            let (lo, hi) = window.unwrap_or((*dte, *dte));
            number(graph, lo).zip(number(graph, hi))
        }
    };
    // The absolute delta of the short leg that moves, where it is chosen by delta.
    let delta = match to {
        RollDef::Side {
            strike: StrikePick::Delta(d),
            ..
        } => number(graph, *d).map(|d| (d, d)),
        _ => None,
    };
    if !holds(graph, rule.when, days, delta) {
        return;
    }
    let text = graph.node(rule.when).map_or("", |n| n.text.as_str());
    findings.push(
        Diagnostic::warning(
            codes::ROLLS_AGAIN,
            rule.span,
            format!(
                "`{}` rolls to what it would roll again: `{text}` holds there too",
                rule.key
            ),
        )
        .help(
            "roll further than the condition reaches: `when dte <= 21 to 45 dte`; each roll pays the spread",
        ),
    );
}

/// Whether a condition surely holds of a package with so many days to expiry and such a short delta.
fn holds(graph: &Graph, id: NodeId, days: Option<(f64, f64)>, delta: Option<(f64, f64)>) -> bool {
    let Some(node) = graph.node(graph.carried(id)) else {
        return false;
    };
    let of = |id: &NodeId| match graph.node(*id).map(|n| &n.op) {
        Some(Op::Position(PositionObs::Dte)) => days,
        Some(Op::Math(crate::builtin::Math::Abs)) => {
            let inner = graph.node(*id).and_then(|n| n.inputs.first());
            let op = inner.and_then(|i| graph.node(*i)).map(|n| &n.op);
            matches!(op, Some(Op::Position(PositionObs::LegDelta(_))))
                .then_some(delta)
                .flatten()
        }
        _ => None,
    };
    match (&node.op, node.inputs.as_slice()) {
        (Op::And, all) => !all.is_empty() && all.iter().all(|i| holds(graph, *i, days, delta)),
        (Op::Or, all) => all.iter().any(|i| holds(graph, *i, days, delta)),
        (Op::InRange, [x, lo, hi]) => match (of(x), number(graph, *lo), number(graph, *hi)) {
            (Some((a, b)), Some(lo), Some(hi)) => a >= lo && b <= hi,
            _ => false,
        },
        (Op::Compare(cmp), [a, b]) => {
            let (cmp, range, bound) = match (of(a), of(b)) {
                (Some(r), None) => (*cmp, r, number(graph, *b)),
                (None, Some(r)) => (cmp.mirrored(), r, number(graph, *a)),
                _ => return false,
            };
            bound.is_some_and(|bound| match cmp {
                Cmp::Lt => range.1 < bound,
                Cmp::Le => range.1 <= bound,
                Cmp::Gt => range.0 > bound,
                Cmp::Ge => range.0 >= bound,
                Cmp::Eq | Cmp::Ne => false,
            })
        }
        _ => false,
    }
}

/// `x < 1 until x >= 1`, or a release that lies on the near side of the trigger: nothing is held.
fn latches(graph: &Graph, findings: &mut Vec<Diagnostic>) {
    for node in graph.nodes.iter().filter(|n| n.op == Op::Until) {
        let [on, off] = node.inputs.as_slice() else {
            continue;
        };
        let (Some(a), Some(b)) = (level(graph, *on), level(graph, *off)) else {
            continue;
        };
        let (below, above) = (matches!(a.1, Cmp::Lt | Cmp::Le), matches!(b.1, Cmp::Lt | Cmp::Le));
        // Set below a level and released above one (or the other way round), with no room between the two.
        let room = if below { b.2 - a.2 } else { a.2 - b.2 };
        if a.0 != b.0 || below == above || room > 0.0 {
            continue;
        }
        let message = format!("`{}` holds nothing: it is released where it is set", node.text);
        findings.push(
            Diagnostic::warning(codes::LATCH_WITHOUT_ROOM, node.span, message)
                .help("release it further back: `active when x < 1.0 until x > 1.2`"),
        );
    }
}

/// A comparison of a value with a number: the value, how, and the number.
fn level(graph: &Graph, id: NodeId) -> Option<(NodeId, Cmp, f64)> {
    let node = graph.node(graph.carried(id))?;
    let (Op::Compare(cmp @ (Cmp::Lt | Cmp::Le | Cmp::Gt | Cmp::Ge)), [a, b]) =
        (&node.op, node.inputs.as_slice())
    else {
        return None;
    };
    match (number(graph, *a), number(graph, *b)) {
        (None, Some(at)) => Some((*a, *cmp, at)),
        (Some(at), None) => Some((*b, cmp.mirrored(), at)),
        _ => None,
    }
}

/// A number that the text states: of a threshold its default.
fn number(graph: &Graph, id: NodeId) -> Option<f64> {
    match graph.node(id)?.op {
        Op::Number(x) => Some(x),
        Op::Threshold(slot) => graph
            .thresholds
            .get(usize::try_from(slot.0).ok()?)
            .map(|t| t.default),
        _ => None,
    }
}
