//! Closes and rolls that come too late: evaluated once a session, the last evaluation before expiry has no snapshot after it
//! on which an order could fill.

use crate::builtin::{Instrument, PositionObs};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Cmp, ExpiryOnly, ExpiryPick, Graph, Length, NodeId, Op, RuleAction, StructureDef};

pub(super) fn lint(graph: &Graph, findings: &mut Vec<Diagnostic>) {
    let settings = &graph.settings;
    // A session's evaluation is at its last snapshot, whatever the data; minutes leave others for the order to fill on.
    let by_session = matches!(settings.every, Length::Sessions(_) | Length::Days(_));
    if settings.fill_same_bar || !by_session {
        return;
    }
    for policy in &graph.policies {
        let Some(structure) = graph.structures.get(policy.structure.0 as usize) else {
            continue;
        };
        let morning = settles_in_the_morning(structure);
        let (last, early) = if morning { (1.0, 5) } else { (0.0, 4) };
        let rules = policy.rules.iter();
        for rule in rules.filter(|r| !matches!(r.action, RuleAction::Open { .. })) {
            if !only_by(graph, rule.when, last) {
                continue;
            }
            let message = format!(
                "`{}` comes too late: its order would fill on the next session, after the position has settled",
                rule.key
            );
            let why = if morning {
                "these options settle on the morning of expiry, and trade to the day before"
            } else {
                "on its last day the position settles before the next evaluation"
            };
            let help = format!(
                "ask earlier: `dte <= {early}` acts before every expiry, over a weekend and a holiday too"
            );
            findings.push(
                Diagnostic::warning(codes::TOO_LATE_TO_FILL, rule.span, message)
                    .label(why)
                    .help(help),
            );
        }
    }
}

/// Every leg surely settles on a morning. Of SPX that depends on the expiry chosen, unless the clause says it.
fn settles_in_the_morning(structure: &StructureDef) -> bool {
    let am = |pick: &ExpiryPick| {
        matches!(
            pick,
            ExpiryPick::Nearest {
                only: Some(ExpiryOnly::Am),
                ..
            }
        )
    };
    structure.underlying == Instrument::Vix || structure.legs.iter().all(|l| am(&l.expiry))
}

/// Whether a condition can hold only with so many days to expiry, or fewer.
fn only_by(graph: &Graph, condition: NodeId, last: f64) -> bool {
    let Some(node) = graph.node(condition) else {
        return false;
    };
    let dte = |id: &NodeId| {
        matches!(
            graph.node(*id).map(|n| &n.op),
            Some(Op::Position(PositionObs::Dte))
        )
    };
    match (&node.op, node.inputs.as_slice()) {
        (Op::And, all) => all.iter().any(|id| only_by(graph, *id, last)),
        (Op::Or, all) => !all.is_empty() && all.iter().all(|id| only_by(graph, *id, last)),
        (Op::For(_), [on]) => only_by(graph, *on, last),
        (Op::InRange, [x, _, hi]) if dte(x) => number(graph, *hi).is_some_and(|hi| hi < last + 1.0),
        (Op::Compare(cmp), [a, b]) => {
            let (cmp, bound) = match (dte(a), dte(b)) {
                (true, false) => (*cmp, number(graph, *b)),
                (false, true) => (cmp.mirrored(), number(graph, *a)),
                _ => return false,
            };
            // Days to expiry are whole numbers.
            bound.is_some_and(|bound| match cmp {
                Cmp::Le | Cmp::Eq => bound < last + 1.0,
                Cmp::Lt => bound <= last + 1.0,
                Cmp::Gt | Cmp::Ge | Cmp::Ne => false,
            })
        }
        _ => false,
    }
}

/// A number that the text states: of a threshold its default.
fn number(graph: &Graph, id: NodeId) -> Option<f64> {
    match graph.node(id)?.op {
        Op::Number(x) => Some(x),
        Op::Threshold(slot) => graph.thresholds.get(slot.0 as usize).map(|t| t.default),
        _ => None,
    }
}
