//! Warnings about conditions, read off the graph: those that flap, that never change, that come too late.

use crate::ast::{Hedge, ItemKind, LayerClause, Overlay, OverlayClause, Right};
use crate::builtin::PositionObs;
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Clock, Cmp, Graph, NodeId, Op, RuleAction, RuleDef, ValueKind};
use crate::resolve::Symbols;
use crate::span::Span;

pub(super) fn lint(symbols: &Symbols<'_>, graph: &Graph, findings: &mut Vec<Diagnostic>) {
    flapping(symbols, graph, findings);
    constant(graph, findings);
    shadowed(graph, findings);
    one_sided(graph, findings);
}

/// Switches of layers and overlays that nothing steadies. Policies are left out: a position opens and closes once.
fn flapping(symbols: &Symbols<'_>, graph: &Graph, findings: &mut Vec<Diagnostic>) {
    for item in &symbols.items {
        match &item.kind {
            ItemKind::Hedge(h) => hedge(h, graph, findings),
            ItemKind::Overlay(o) => overlay(o, graph, findings),
            _ => {}
        }
    }
}

fn hedge(h: &Hedge, graph: &Graph, findings: &mut Vec<Diagnostic>) {
    let layers = graph
        .hedges
        .iter()
        .filter(|d| d.key == h.name.value)
        .flat_map(|d| &d.layers);
    for (layer, def) in h.layers.iter().zip(layers) {
        for clause in &layer.value.clauses {
            let rotate = def
                .clauses
                .iter()
                .find(|(word, _)| word == "rotate")
                .map(|(_, id)| *id);
            let (word, when, id) = match &clause.value {
                LayerClause::Active { when, until: None } => ("active", when, def.active),
                LayerClause::Rotate {
                    when,
                    until: None,
                    to: _,
                } => ("rotate", when, rotate),
                _ => continue,
            };
            flaps(
                graph,
                id,
                when.span,
                &format!("`{word}` of the layer `{}`", def.key),
                findings,
            );
        }
    }
}

fn overlay(o: &Overlay, graph: &Graph, findings: &mut Vec<Diagnostic>) {
    let Some(def) = graph.overlays.iter().find(|d| d.key == o.name.value) else {
        return;
    };
    let active = def
        .clauses
        .iter()
        .find(|(word, _)| word == "active")
        .map(|(_, id)| *id);
    for clause in &o.clauses {
        if let OverlayClause::Active { when, until: None } = &clause.value {
            flaps(
                graph,
                active,
                when.span,
                &format!("`active` of the overlay `{}`", def.key),
                findings,
            );
        }
    }
}

fn flaps(graph: &Graph, root: Option<NodeId>, span: Span, what: &str, findings: &mut Vec<Diagnostic>) {
    let Some(level) = root
        .and_then(|id| bare_level(graph, id))
        .and_then(|id| graph.node(id))
    else {
        return;
    };
    let message = format!(
        "{what} can flap: `{}` switches at every wiggle around its level",
        level.text
    );
    let help = format!(
        "add `until …` with a level further back, or persistence: `{} for 3 bars`",
        level.text
    );
    let mut d = Diagnostic::warning(codes::CAN_FLAP, span, message).help(help);
    if level.span != span {
        d = d.also(level.span, "the level");
    }
    findings.push(d);
}

/// The first comparison that the condition follows directly, without a latch or persistence in between. Walks with a
/// stack of its own: signals may be chained as long as a file has lines.
fn bare_level(graph: &Graph, root: NodeId) -> Option<NodeId> {
    let mut stack = vec![root];
    while let Some(id) = stack.pop() {
        let node = graph.node(id)?;
        match &node.op {
            Op::Compare(Cmp::Lt | Cmp::Le | Cmp::Gt | Cmp::Ge) | Op::InRange => {
                // What only an operator can change does not wiggle.
                let moves = |id: &NodeId| graph.node(*id).is_some_and(|n| n.clock != Clock::Constant);
                if node.inputs.iter().any(moves) {
                    return Some(id);
                }
            }
            Op::And | Op::Or | Op::Not | Op::AsOf | Op::SessionLast => stack.extend(node.inputs.iter().rev()),
            _ => {}
        }
    }
    None
}

/// Conditions of constants alone.
fn constant(graph: &Graph, findings: &mut Vec<Diagnostic>) {
    // Nodes precede their users, so one pass tells which depend on nothing that can change.
    let mut fixed: Vec<bool> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let is_fixed = match node.op {
            Op::Number(_) => true,
            Op::Arith(_)
            | Op::Neg
            | Op::Math(_)
            | Op::Compare(_)
            | Op::InRange
            | Op::And
            | Op::Or
            | Op::Not => node.inputs.iter().all(|i| fixed.get(i.0 as usize) == Some(&true)),
            _ => false,
        };
        fixed.push(is_fixed);
        if is_fixed && node.kind == ValueKind::Bool && matches!(node.op, Op::Compare(_) | Op::InRange) {
            let message = format!("`{}` never changes", node.text);
            let help = "compare something of the market or of the position, or remove it";
            findings.push(Diagnostic::warning(codes::CONSTANT_CONDITION, node.span, message).help(help));
        }
    }
}

/// Rules that never act because an earlier one of their kind has the same condition.
fn shadowed(graph: &Graph, findings: &mut Vec<Diagnostic>) {
    for policy in &graph.policies {
        for (i, rule) in policy.rules.iter().enumerate() {
            let earlier = policy.rules.iter().take(i).find(|e| shadows(e, rule));
            let Some(earlier) = earlier else { continue };
            let message = format!(
                "`{}` never acts: `{}` has the same condition and stands before it",
                rule.key, earlier.key
            );
            let d = Diagnostic::warning(codes::SHADOWED_RULE, rule.span, message)
                .also(earlier.span, "the earlier rule")
                .help("remove one of them, or change its condition");
            findings.push(d);
        }
    }
}

fn shadows(earlier: &RuleDef, rule: &RuleDef) -> bool {
    let same_kind = matches!(
        (&earlier.action, &rule.action),
        (RuleAction::Close { .. }, RuleAction::Close { .. })
            | (RuleAction::Roll { .. }, RuleAction::Roll { .. })
    );
    // A requirement of the earlier one may fail and let the later one act.
    same_kind && earlier.when == rule.when && (earlier.require.is_none() || earlier.require == rule.require)
}

/// `short.delta >= 30 delta`: a put's delta is negative, so only calls are seen.
fn one_sided(graph: &Graph, findings: &mut Vec<Diagnostic>) {
    for node in &graph.nodes {
        let [a, b] = node.inputs.as_slice() else { continue };
        let (leg, bound) = match node.op {
            Op::Compare(Cmp::Gt | Cmp::Ge) => (a, b),
            Op::Compare(Cmp::Lt | Cmp::Le) => (b, a),
            _ => continue,
        };
        let (Some(leg), Some(bound)) = (graph.node(*leg), graph.node(*bound)) else {
            continue;
        };
        let Op::Position(PositionObs::LegDelta(pick)) = leg.op else {
            continue;
        };
        let positive = match bound.op {
            Op::Number(x) => x > 0.0,
            Op::Threshold(id) => graph.thresholds.get(id.0 as usize).is_some_and(|t| t.min > 0.0),
            _ => false,
        };
        // A call's delta is positive; without a right the leg may be either.
        if !positive || pick.right == Some(Right::Call) {
            continue;
        }
        let message = format!("`{}` never holds for a put, whose delta is negative", node.text);
        let help = format!("write `abs({})`", leg.text);
        findings.push(Diagnostic::warning(codes::ONE_SIDED_DELTA, node.span, message).help(help));
    }
}
