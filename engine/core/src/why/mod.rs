//! Why a rule did, or did not, call for action at a tick: from the graph and recorded cells alone.
//!
//! The condition is taken apart into its conjuncts in textual order, each with the values it read; the first that is not
//! true is the one that failed first. Then the smallest single change that would flip the whole condition is sought,
//! through `and`, `or`, `not`, `for`, `until` and crossings; where no single change suffices, those that are needed
//! together are listed.

mod flip;
mod recorded;
mod show;
mod text;

pub use flip::{Change, Need};
pub use recorded::{Recorded, TraceIndex};
pub use show::{Style, show, style_of};
pub use text::{line, miss, parts, render};

use crate::decision::RuleKind;
use crate::plan::rule_keys;
use crate::trace::Scope;
use crate::value::{Cause, Cell};
use alula_book::PositionId;
use alula_dsl::graph::{Clock, Graph, Node, NodeId, Op, RuleAction, ValueKind};
use alula_market::time::Instant;

/// What is asked about: a rule at a tick, for a position where it is about positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject<'a> {
    /// Key of the rule or guard.
    pub key: &'a str,
    /// Position.
    pub position: Option<PositionId>,
    /// Number of the tick.
    pub tick: u32,
    /// Tick.
    pub at: Instant,
}

/// A value that a condition read.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What, as written.
    pub text: String,
    /// Value.
    pub cell: Cell,
    /// How to show it.
    pub style: Style,
}

/// A conjunct of a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Conjunct {
    /// As written.
    pub text: String,
    /// Its value.
    pub cell: Cell,
    /// Values that it read, in textual order, literals left out.
    pub readings: Vec<Reading>,
    /// Where its unknown comes from: the innermost missing node's text, and the cause.
    pub unknown: Option<(String, Cause)>,
}

/// A condition explained.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// As written.
    pub text: String,
    /// Its value.
    pub cell: Cell,
    /// Conjuncts in textual order; one when it is no conjunction.
    pub conjuncts: Vec<Conjunct>,
    /// The first conjunct that is not true.
    pub failed_first: Option<usize>,
    /// What would flip the condition.
    pub need: Need,
}

/// The explanation of a rule at a tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    /// Rule's key.
    pub key: String,
    /// Kind.
    pub kind: RuleKind,
    /// Tick.
    pub at: Instant,
    /// Position.
    pub position: Option<PositionId>,
    /// Condition (for guards: the requirement).
    pub condition: Condition,
    /// The rule's `require`, where a package was weighed at this tick.
    pub require: Option<Condition>,
    /// What came of it, in words, as recorded: filled in by who knows (an order's fate, a guard, a missing quote).
    pub outcome: Option<String>,
}

/// Explains a rule or guard at a tick; `None` when the graph has no such key.
#[must_use]
pub fn why(graph: &Graph, thresholds: &[f64], trace: &TraceIndex, subject: &Subject<'_>) -> Option<Why> {
    let (kind, when, require) = find(graph, subject.key)?;
    let scope = subject.position.map_or(Scope::Global, Scope::Position);
    let cells = Recorded {
        trace,
        graph,
        thresholds,
        tick: subject.tick,
        at: subject.at,
        scope,
    };
    let condition = explain(&cells, when);
    let require = require.and_then(|node| {
        let scope = candidate(graph, subject.key, subject.position)?;
        let cells = Recorded { scope, ..cells };
        cells.weighed(node).then(|| explain(&cells, node))
    });
    Some(Why {
        key: subject.key.to_owned(),
        kind,
        at: subject.at,
        position: subject.position,
        condition,
        require,
        outcome: None,
    })
}

/// Whose cells the `require` of a rule read: those of the package that the rule weighed, for a position or for none.
#[must_use]
pub fn candidate(graph: &Graph, key: &str, position: Option<PositionId>) -> Option<Scope> {
    let rule = rule_keys(graph).iter().position(|k| *k == key)?;
    Some(Scope::Candidate(u32::try_from(rule).ok()?, position))
}

/// What the layers of hedges do, by key, with the condition of each, in the order of the file.
pub fn layer_rules(graph: &Graph) -> impl Iterator<Item = (&str, NodeId)> {
    let layers = graph.hedges.iter().flat_map(|h| &h.layers);
    layers
        .flat_map(|l| &l.rules)
        .map(|(key, when)| (key.as_str(), *when))
}

/// Overlays by key, in the order of the file: what switches each, and what its trades have to meet.
pub fn overlay_rules(graph: &Graph) -> impl Iterator<Item = (&str, NodeId, Option<NodeId>)> {
    graph.overlays.iter().filter_map(|o| {
        let clause = |word: &str| o.clauses.iter().find(|(w, _)| w == word).map(|(_, id)| *id);
        Some((o.key.as_str(), clause("active")?, clause("require")))
    })
}

/// Kind, condition and requirement of a rule, a layer, an overlay or a guard; `None` when the graph has no such key.
#[must_use]
pub fn find(graph: &Graph, key: &str) -> Option<(RuleKind, NodeId, Option<NodeId>)> {
    if let Some(guard) = graph.guards.iter().find(|g| g.key == key) {
        return Some((RuleKind::Guard, guard.require, None));
    }
    if let Some((_, when)) = layer_rules(graph).find(|(k, _)| *k == key) {
        return Some((RuleKind::Hedge, when, None));
    }
    if let Some((_, when, require)) = overlay_rules(graph).find(|(k, ..)| *k == key) {
        return Some((RuleKind::Hedge, when, require));
    }
    let rule = graph
        .policies
        .iter()
        .flat_map(|p| &p.rules)
        .find(|r| r.key == key)?;
    let kind = match rule.action {
        RuleAction::Open { .. } => RuleKind::Open,
        RuleAction::Close { .. } => RuleKind::Close,
        RuleAction::Roll { .. } => RuleKind::Roll,
    };
    Some((kind, rule.when, rule.require))
}

/// Keys of every rule, layer, overlay and guard that can be asked about, in the order of the file.
#[must_use]
pub fn keys(graph: &Graph) -> Vec<(&str, RuleKind)> {
    let rules = graph
        .policies
        .iter()
        .flat_map(|p| &p.rules)
        .map(|r| r.key.as_str());
    let guards = graph.guards.iter().map(|g| g.key.as_str());
    rules
        .chain(layer_rules(graph).map(|(k, _)| k))
        .chain(overlay_rules(graph).map(|(k, ..)| k))
        .chain(guards)
        .filter_map(|k| find(graph, k).map(|(kind, _, _)| (k, kind)))
        .collect()
}

/// Explains one condition.
fn explain(cells: &Recorded<'_>, id: NodeId) -> Condition {
    let id = through(cells, id);
    let cell = cells.cell(id, 0);
    let text = cells.node(id).map(|n| n.text.clone()).unwrap_or_default();
    let parts = match cells.node(id) {
        Some(Node {
            op: Op::And, inputs, ..
        }) => inputs.clone(),
        _ => vec![id],
    };
    let conjuncts: Vec<Conjunct> = parts.into_iter().map(|p| conjunct(cells, p)).collect();
    let failed_first = conjuncts.iter().position(|c| !c.cell.is_true());
    let need = flip::need(cells, id, !cell.is_true());
    Condition {
        text,
        cell,
        conjuncts,
        failed_first,
        need,
    }
}

fn conjunct(cells: &Recorded<'_>, id: NodeId) -> Conjunct {
    let mut readings = Vec::new();
    collect(cells, id, &mut readings, 0);
    let cell = cells.cell(id, 0);
    let unknown = cell.cause().map(|cause| (missing_leaf(cells, id), cause));
    let text = cells.node(id).map(|n| n.text.clone()).unwrap_or_default();
    Conjunct {
        text,
        cell,
        readings,
        unknown,
    }
}

/// A node that only carries another one to the tick's clock says nothing of its own, unless the row that it carries is too
/// old: then it is missing at the tick although the row itself is known.
pub(crate) fn through(cells: &Recorded<'_>, id: NodeId) -> NodeId {
    let mut at = id;
    while let Some(node) = cells.node(at) {
        let Some(input) = carried(node, at) else { break };
        if is_stale(cells, at) {
            break;
        }
        at = input;
    }
    at
}

/// What a node carries to the tick's clock.
fn carried(node: &Node, at: NodeId) -> Option<NodeId> {
    let input = *node.inputs.first()?;
    (matches!(node.op, Op::AsOf) && node.kind == ValueKind::Bool && input < at).then_some(input)
}

/// Whether a row was too old for the tick.
fn is_stale(cells: &Recorded<'_>, id: NodeId) -> bool {
    cells.cell(id, 0).cause() == Some(Cause::Stale)
}

/// Depth to which readings are collected; deeper values are behind named nodes as a rule.
const READING_DEPTH: u32 = 8;

/// The numbers that comparisons read, and conditions that are no comparison.
fn collect(cells: &Recorded<'_>, id: NodeId, out: &mut Vec<Reading>, depth: u32) {
    let Some(node) = cells.node(id) else { return };
    if depth > READING_DEPTH {
        return;
    }
    match &node.op {
        Op::Compare(_) | Op::InRange | Op::Crosses(_) | Op::Moves { .. } => {
            let style = flip::style_among(cells, node);
            for input in &node.inputs {
                let Some(source) = cells.node(*input) else {
                    continue;
                };
                if matches!(source.op, Op::Number(_)) {
                    continue;
                }
                let reading = Reading {
                    text: source.text.clone(),
                    cell: cells.cell(*input, 0),
                    style,
                };
                if !out.contains(&reading) {
                    out.push(reading);
                }
                moves(cells, source, out);
            }
        }
        _ if node.kind == ValueKind::Bool && node.clock != Clock::Constant && !logical(&node.op) => {
            for input in &node.inputs {
                let Some(source) = cells.node(*input) else {
                    continue;
                };
                let (style, cell) = (style_of(source.kind, &source.text), cells.cell(*input, 0));
                if !matches!(source.op, Op::Number(_)) {
                    out.push(Reading {
                        text: source.text.clone(),
                        cell,
                        style,
                    });
                }
            }
        }
        _ => node
            .inputs
            .iter()
            .for_each(|input| collect(cells, *input, out, depth + 1)),
    }
}

/// What a scenario takes from past reactions: their means, how many they are and how they spread.
fn moves(cells: &Recorded<'_>, scenario: &Node, out: &mut Vec<Reading>) {
    for input in &scenario.inputs {
        let Some(source) = cells.node(*input) else {
            continue;
        };
        let reading = Reading {
            text: source.text.clone(),
            cell: cells.cell(*input, 0),
            style: style_of(source.kind, &source.text),
        };
        if matches!(source.op, Op::EventMove { .. }) && !out.contains(&reading) {
            out.push(reading);
        }
    }
}

const fn logical(op: &Op) -> bool {
    matches!(
        op,
        Op::And | Op::Or | Op::Not | Op::For(_) | Op::Until | Op::AsOf | Op::SessionLast
    )
}

/// The innermost missing node on the path that made a node missing, as written.
fn missing_leaf(cells: &Recorded<'_>, id: NodeId) -> String {
    let mut at = id;
    loop {
        let Some(node) = cells.node(at) else {
            return String::new();
        };
        let next = node
            .inputs
            .iter()
            .find(|i| **i < at && !cells.cell(**i, 0).is_known());
        match next {
            Some(input) => at = *input,
            None => return node.text.clone(),
        }
    }
}
