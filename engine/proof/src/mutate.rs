//! Mutants of a strategy: the same rules with one small thing changed, to see whether any test notices.
//!
//! A mutant is made in the execution graph. A computation that several rules share is one node, so a mutant changes it for
//! all of them. What is not changed: structures (strikes, expiries), sizes and prices of orders, scripts, hedges.

use alula_dsl::graph::{Cmp, Graph, GuardAct, Node, NodeId, Op, RuleAction, ThresholdDef, ValueKind};
use alula_dsl::span::Span;

/// Share of its range by which a threshold is moved.
const THRESHOLD_SHARE: f64 = 0.1;
/// Share by which a literal number is moved.
const LITERAL_SHARE: f64 = 0.1;

/// What a mutant changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// A threshold's value, by slot.
    Threshold(usize),
    /// A node.
    Node(NodeId),
    /// A rule or a guard as a whole.
    Rule,
}

/// A strategy with one thing changed.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// What was changed.
    pub changed: Changed,
    /// What was changed, in words: `` `<` became `<=` in `VIX.last < ceiling` ``.
    pub what: String,
    /// Where the changed thing is written.
    pub span: Span,
    /// The changed graph.
    pub graph: Graph,
    /// Threshold values, canonical scale. For a moved threshold the declared default moved with it.
    pub thresholds: Vec<f64>,
}

impl Mutant {
    /// The same change of the graph that also watches the strategy's claims, among its mutants. None where a claim reads what
    /// is changed: it would be judged by another measure.
    #[must_use]
    pub fn watched<'a>(&self, among: &'a [Self]) -> Option<&'a Self> {
        let same = among
            .iter()
            .find(|m| (m.span, m.what.as_str()) == (self.span, self.what.as_str()))?;
        let read = crate::property::read_by_claims(&same.graph);
        let is_read = match same.changed {
            Changed::Rule => false,
            Changed::Node(id) => read.contains(&id),
            Changed::Threshold(slot) => read
                .iter()
                .filter_map(|id| same.graph.node(*id))
                .any(|n| matches!(n.op, Op::Threshold(s) if usize::try_from(s.0) == Ok(slot))),
        };
        (!is_read).then_some(same)
    }
}

fn changed(index: usize) -> Changed {
    Changed::Node(NodeId(u32::try_from(index).unwrap_or(u32::MAX)))
}

/// Every mutant, in the order of the graph: thresholds, conditions, rules, guards.
#[must_use]
pub fn mutants(graph: &Graph, thresholds: &[f64]) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (slot, def) in graph.thresholds.iter().enumerate() {
        moved_thresholds(graph, thresholds, slot, def, &mut out);
    }
    for index in 0..graph.nodes.len() {
        nodes(graph, thresholds, index, &mut out);
    }
    rules(graph, thresholds, &mut out);
    out
}

fn moved_thresholds(graph: &Graph, values: &[f64], slot: usize, def: &ThresholdDef, out: &mut Vec<Mutant>) {
    let Some(value) = values.get(slot).copied() else {
        return;
    };
    let step = (def.max - def.min) * THRESHOLD_SHARE;
    for (moved, word) in [(value + step, "raised"), (value - step, "lowered")] {
        // Written in a report: without the dust of binary fractions.
        let moved = ((moved * 1e9).round() / 1e9).clamp(def.min, def.max);
        if moved.to_bits() == value.to_bits() {
            continue;
        }
        let mut thresholds = values.to_vec();
        if let Some(held) = thresholds.get_mut(slot) {
            *held = moved;
        }
        let shown = |v: f64| alula_core::thresholds::value_text(v, def.suffix);
        out.push(Mutant {
            what: format!(
                "threshold `{}` {word} from {} to {}",
                def.name,
                shown(value),
                shown(moved)
            ),
            changed: Changed::Threshold(slot),
            span: def.span,
            graph: graph.clone(),
            thresholds,
        });
    }
}

/// Changes of one node.
fn nodes(graph: &Graph, thresholds: &[f64], index: usize, out: &mut Vec<Mutant>) {
    let Some(node) = graph.nodes.get(index) else {
        return;
    };
    let mut push = |what: String, change: &dyn Fn(&mut Node)| {
        let mut mutant = graph.clone();
        if let Some(node) = mutant.nodes.get_mut(index) {
            change(node);
        }
        out.push(Mutant {
            changed: changed(index),
            what: format!("{what} in `{}`", node.text),
            span: node.span,
            graph: mutant,
            thresholds: thresholds.to_vec(),
        });
    };
    match &node.op {
        Op::Compare(cmp) => {
            for other in others(*cmp) {
                let what = format!("`{}` became `{}`", sign(*cmp), sign(other));
                push(what, &|n| n.op = Op::Compare(other));
            }
        }
        Op::And => push("`and` became `or`".to_owned(), &|n| n.op = Op::Or),
        Op::Or => push("`or` became `and`".to_owned(), &|n| n.op = Op::And),
        Op::For(steps) => {
            let steps = *steps;
            push(format!("`for {steps}` became `for {}`", steps + 1), &|n| {
                n.op = Op::For(steps + 1);
            });
            if steps > 1 {
                push(format!("`for {steps}` became `for {}`", steps - 1), &|n| {
                    n.op = Op::For(steps - 1);
                });
            }
        }
        Op::Crosses(direction) => {
            use alula_dsl::ast::Direction::{Above, Below};
            let flipped = match direction {
                Above => Below,
                Below => Above,
            };
            push("the crossing was turned around".to_owned(), &|n| {
                n.op = Op::Crosses(flipped);
            });
        }
        _ => {}
    }
    if matches!(node.op, Op::And | Op::Or) && node.inputs.len() > 1 {
        for (at, input) in node.inputs.iter().enumerate() {
            let part = graph.node(*input).map_or("", |n| n.text.as_str());
            push(format!("`{part}` was left out"), &|n| {
                if at < n.inputs.len() {
                    n.inputs.remove(at);
                }
            });
        }
    }
    literals(graph, thresholds, index, out);
}

/// A literal that a comparison or a range reads, moved up and down.
fn literals(graph: &Graph, thresholds: &[f64], index: usize, out: &mut Vec<Mutant>) {
    let Some(node) = graph.nodes.get(index) else {
        return;
    };
    let Op::Number(value) = node.op else { return };
    let compared = graph.nodes.iter().any(|n| {
        matches!(n.op, Op::Compare(_) | Op::InRange | Op::Crosses(_))
            && n.inputs.iter().any(|i| i.0 as usize == index)
    });
    if !compared || node.kind == ValueKind::Bool {
        return;
    }
    let step = if value == 0.0 {
        1.0
    } else {
        value.abs() * LITERAL_SHARE
    };
    for (moved, word) in [(value + step, "raised"), (value - step, "lowered")] {
        let mut mutant = graph.clone();
        if let Some(held) = mutant.nodes.get_mut(index) {
            held.op = Op::Number(moved);
        }
        let amount = if value == 0.0 { "by 1" } else { "by a tenth" };
        out.push(Mutant {
            changed: changed(index),
            what: format!("the number `{}` was {word} {amount}", node.text),
            span: node.span,
            graph: mutant,
            thresholds: thresholds.to_vec(),
        });
    }
}

fn rules(graph: &Graph, thresholds: &[f64], out: &mut Vec<Mutant>) {
    let mut push = |what: String, span: Span, change: &dyn Fn(&mut Graph)| {
        let mut mutant = graph.clone();
        change(&mut mutant);
        out.push(Mutant {
            changed: Changed::Rule,
            what,
            span,
            graph: mutant,
            thresholds: thresholds.to_vec(),
        });
    };
    for (p, policy) in graph.policies.iter().enumerate() {
        for (r, rule) in policy.rules.iter().enumerate() {
            push(format!("rule `{}` was removed", rule.key), rule.span, &|g| {
                if let Some(rules) = g.policies.get_mut(p).map(|p| &mut p.rules)
                    && r < rules.len()
                {
                    rules.remove(r);
                }
            });
            let of = |g: &mut Graph, change: &dyn Fn(&mut alula_dsl::graph::RuleDef)| {
                if let Some(rule) = g.policies.get_mut(p).and_then(|p| p.rules.get_mut(r)) {
                    change(rule);
                }
            };
            if rule.require.is_some() {
                push(
                    format!("`require` of `{}` was removed", rule.key),
                    rule.span,
                    &|g| of(g, &|rule| rule.require = None),
                );
            }
            if matches!(rule.action, RuleAction::Close { portion: Some(_) }) {
                push(
                    format!("`{}` closes all, not a part", rule.key),
                    rule.span,
                    &|g| of(g, &|rule| rule.action = RuleAction::Close { portion: None }),
                );
            }
        }
    }
    for (at, guard) in graph.guards.iter().enumerate() {
        push(format!("guard `{}` was removed", guard.key), guard.span, &|g| {
            if at < g.guards.len() {
                g.guards.remove(at);
            }
        });
        if guard.action == GuardAct::HaltOpen {
            push(
                format!("guard `{}` blocks for the tick and does not halt", guard.key),
                guard.span,
                &|g| {
                    if let Some(guard) = g.guards.get_mut(at) {
                        guard.action = GuardAct::BlockOpen;
                    }
                },
            );
        }
    }
}

/// The neighbour at the bound, and the opposite.
const fn others(cmp: Cmp) -> [Cmp; 2] {
    match cmp {
        Cmp::Lt => [Cmp::Le, Cmp::Ge],
        Cmp::Le => [Cmp::Lt, Cmp::Gt],
        Cmp::Gt => [Cmp::Ge, Cmp::Le],
        Cmp::Ge => [Cmp::Gt, Cmp::Lt],
        Cmp::Eq => [Cmp::Ne, Cmp::Ge],
        Cmp::Ne => [Cmp::Eq, Cmp::Gt],
    }
}

const fn sign(cmp: Cmp) -> &'static str {
    match cmp {
        Cmp::Lt => "<",
        Cmp::Le => "<=",
        Cmp::Gt => ">",
        Cmp::Ge => ">=",
        Cmp::Eq => "=",
        Cmp::Ne => "!=",
    }
}
