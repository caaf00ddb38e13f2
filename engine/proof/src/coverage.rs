//! What tests have seen of a strategy: each condition true, false and unknown, each rule acting, each part deciding.
//!
//! *Deciding* is the masking form of modified condition/decision coverage (Chilenski, *An investigation of three forms of
//! the MC/DC criterion*, FAA 2001): a part of a condition is shown to matter when it was seen true and seen false, each
//! time in company that left the whole condition to it.

use alula_core::decision::LayerPhase;
use alula_core::trace::Scope;
use alula_core::value::Cell;
use alula_core::why::{Recorded, candidate, find, keys};
use alula_dsl::graph::{Domain, Graph, NodeId, Op};
use alula_dsl::span::Span;
use alula_run::output::TickRow;
use alula_run::{Explainer, RunOutput};
use std::collections::{BTreeMap, BTreeSet};

/// Nesting of a condition that is looked into.
const DEPTH_MAX: u32 = 64;

/// Values that a condition was seen to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// True.
    pub yes: bool,
    /// False.
    pub no: bool,
    /// Unknown.
    pub unknown: bool,
    /// True where the whole condition turned on it.
    pub decided_yes: bool,
    /// False where the whole condition turned on it.
    pub decided_no: bool,
}

impl Seen {
    fn note(&mut self, cell: Cell) {
        match cell.truth() {
            Some(true) => self.yes = true,
            Some(false) => self.no = true,
            None => self.unknown = true,
        }
    }

    const fn join(&mut self, other: Self) {
        self.yes |= other.yes;
        self.no |= other.no;
        self.unknown |= other.unknown;
        self.decided_yes |= other.decided_yes;
        self.decided_no |= other.decided_no;
    }
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    seen: BTreeMap<NodeId, Seen>,
    acted: BTreeSet<String>,
    /// Phases of the layers of hedges, by key.
    phases: BTreeMap<String, BTreeSet<LayerPhase>>,
}

/// A condition with what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionRow {
    /// Rule or guard whose condition it is, or is a part of.
    pub rule: String,
    /// As written.
    pub text: String,
    /// Where first written.
    pub span: Span,
    /// It is a part of the rule's condition, not the whole: `decided` counts for it.
    pub part: bool,
    /// What was seen.
    pub seen: Seen,
}

/// A rule or guard, and whether it acted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRow {
    /// Key.
    pub key: String,
    /// Kind's word.
    pub kind: &'static str,
    /// It acted.
    pub acted: bool,
}

/// A layer of a hedge, and which of its phases were seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerPhases {
    /// Key.
    pub key: String,
    /// Where declared.
    pub span: Span,
    /// `dormant`, `active`, and for a layer that does it `rotated` and `migrated`; whether it was seen.
    pub phases: Vec<(&'static str, bool)>,
}

impl LayerPhases {
    /// Every phase was seen.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.phases.iter().all(|(_, seen)| *seen)
    }
}

impl Coverage {
    /// What was seen of one graph, told of another that has the same rules: the strategy's, of a run that also watched its
    /// claims. What only the one graph has is left out.
    #[must_use]
    pub fn told_of(&self, from: &Graph, to: &Graph) -> Self {
        let mut out = Self::default();
        for (key, _) in keys(to) {
            let (Some((_, when, require)), Some((_, other_when, other_require))) =
                (find(from, key), find(to, key))
            else {
                continue;
            };
            let roots = [(Some(when), Some(other_when)), (require, other_require)];
            for (was, is) in roots.into_iter().filter_map(|(a, b)| a.zip(b)) {
                let (mut own, mut others) = (vec![was], vec![is]);
                split(from, was, 0, &mut own);
                split(to, is, 0, &mut others);
                for (was, is) in own.iter().zip(&others) {
                    if let Some(seen) = self.seen.get(was) {
                        out.seen.entry(*is).or_default().join(*seen);
                    }
                }
            }
            if self.acted.contains(key) {
                out.acted.insert(key.to_owned());
            }
        }
        out.phases.clone_from(&self.phases);
        out
    }

    /// Adds what a run saw.
    pub(crate) fn add(&mut self, explainer: &Explainer<'_>, run: &RunOutput, graph: &Graph) {
        for row in &run.decisions {
            if matches!(row.verdict.as_str(), "ordered" | "guarded") {
                self.acted.insert(row.key.clone());
            }
        }
        for row in &run.layers {
            if let Some(phase) = LayerPhase::parse(&row.phase) {
                self.phases.entry(row.layer.clone()).or_default().insert(phase);
            }
        }
        for tick in &run.ticks {
            for (key, _) in keys(graph) {
                self.rule(explainer, graph, tick, key);
            }
        }
    }

    fn rule(&mut self, explainer: &Explainer<'_>, graph: &Graph, tick: &TickRow, key: &str) {
        let Some((_, when, require)) = find(graph, key) else {
            return;
        };
        let about_position = graph.node(when).is_some_and(|n| n.domain == Domain::Position);
        let positions = explainer.open_at(key, tick.at);
        if about_position {
            for position in &positions {
                self.condition(&explainer.recorded(tick, Scope::Position(*position)), when);
            }
        } else {
            self.condition(&explainer.recorded(tick, Scope::Global), when);
        }
        let Some(require) = require else { return };
        let mut whose: Vec<_> = positions.into_iter().map(Some).collect();
        whose.push(None);
        for position in whose {
            let Some(scope) = candidate(graph, key, position) else {
                continue;
            };
            let cells = explainer.recorded(tick, scope);
            // A requirement that does not look at the package has a value at every tick; it is asked only with a package.
            let looked = graph.node(require).is_some_and(|n| n.domain == Domain::Candidate);
            if looked && cells.weighed(require) {
                self.condition(&cells, require);
            }
        }
    }

    /// Notes the values of a condition and its parts at one evaluation.
    fn condition(&mut self, cells: &Recorded<'_>, root: NodeId) {
        let mut parts = Vec::new();
        split(cells.graph, root, 0, &mut parts);
        self.seen.entry(root).or_default().note(cells.cell(root, 0));
        for part in parts.iter().filter(|p| **p != root) {
            let cell = cells.cell(*part, 0);
            let with = |value: bool| evaluate(cells, root, (*part, value), 0);
            let decides = matches!((with(true), with(false)), (Some(a), Some(b)) if a != b);
            let seen = self.seen.entry(*part).or_default();
            seen.note(cell);
            match cell.truth() {
                Some(true) if decides => seen.decided_yes = true,
                Some(false) if decides => seen.decided_no = true,
                _ => {}
            }
        }
    }

    /// Adds what another run saw.
    pub fn join(&mut self, other: &Self) {
        for (id, seen) in &other.seen {
            self.seen.entry(*id).or_default().join(*seen);
        }
        self.acted.extend(other.acted.iter().cloned());
        for (layer, phases) in &other.phases {
            self.phases.entry(layer.clone()).or_default().extend(phases);
        }
    }

    /// Layers of hedges in the order of the file, with the phases that each can be in.
    #[must_use]
    pub fn layers(&self, graph: &Graph) -> Vec<LayerPhases> {
        let layers = graph.hedges.iter().flat_map(|h| &h.layers);
        layers
            .map(|layer| {
                let seen = |wanted: &[LayerPhase]| {
                    let own = self.phases.get(&layer.key);
                    own.is_some_and(|own| wanted.iter().any(|p| own.contains(p)))
                };
                let both = LayerPhase::RotatedMigrated;
                let mut phases = vec![
                    ("dormant", seen(&[LayerPhase::Dormant])),
                    ("active", seen(&[LayerPhase::Active])),
                ];
                if layer.clauses.iter().any(|(word, _)| word == "rotate") {
                    phases.push(("rotated", seen(&[LayerPhase::Rotated, both])));
                }
                if layer.clauses.iter().any(|(word, _)| word == "migrate") {
                    phases.push(("migrated", seen(&[LayerPhase::Migrated, both])));
                }
                LayerPhases {
                    key: layer.key.clone(),
                    span: layer.span,
                    phases,
                }
            })
            .collect()
    }

    /// Rules and guards in the order of the file.
    #[must_use]
    pub fn rules(&self, graph: &Graph) -> Vec<RuleRow> {
        let row = |(key, kind): (&str, alula_core::decision::RuleKind)| RuleRow {
            key: key.to_owned(),
            kind: kind.word(),
            acted: self.acted.contains(key),
        };
        keys(graph).into_iter().map(row).collect()
    }

    /// Conditions and their parts, by rule in the order of the file.
    #[must_use]
    pub fn conditions(&self, graph: &Graph) -> Vec<ConditionRow> {
        let mut out = Vec::new();
        for (key, _) in keys(graph) {
            let Some((_, when, require)) = find(graph, key) else {
                continue;
            };
            for root in std::iter::once(when).chain(require) {
                let mut parts = vec![root];
                split(graph, root, 0, &mut parts);
                let mut told = BTreeSet::new();
                for id in parts {
                    let Some(node) = graph.node(id) else { continue };
                    // `close when true` and the like cannot be anything else.
                    if !told.insert(id) || matches!(node.op, Op::Number(_)) {
                        continue;
                    }
                    out.push(ConditionRow {
                        rule: key.to_owned(),
                        text: node.text.clone(),
                        span: node.span,
                        part: id != root,
                        seen: self.seen.get(&id).copied().unwrap_or_default(),
                    });
                }
            }
        }
        out
    }
}

/// The parts below `and`, `or` and `not`, in textual order.
fn split(graph: &Graph, id: NodeId, depth: u32, out: &mut Vec<NodeId>) {
    let Some(node) = graph.node(id) else { return };
    if let (true, true) = (matches!(node.op, Op::And | Op::Or | Op::Not), depth < DEPTH_MAX) {
        for input in &node.inputs {
            split(graph, *input, depth + 1, out);
        }
        return;
    }
    match graph.node(graph.carried(id)) {
        // Parts behind a slower clock are read where they stand, so that a stale whole is not taken for a false part.
        Some(inner) if matches!(inner.op, Op::And | Op::Or | Op::Not) && depth < DEPTH_MAX => {
            for input in &inner.inputs {
                split(graph, *input, depth + 1, out);
            }
        }
        _ => out.push(id),
    }
}

/// The condition with one part set to a value, the others as they were; three-valued after Kleene.
fn evaluate(cells: &Recorded<'_>, id: NodeId, set: (NodeId, bool), depth: u32) -> Option<bool> {
    if id == set.0 {
        return Some(set.1);
    }
    let node = cells.node(id)?;
    let inside = depth < DEPTH_MAX;
    let all = |inputs: &[NodeId], stop: bool| {
        let mut unknown = false;
        for input in inputs {
            match evaluate(cells, *input, set, depth + 1) {
                Some(value) if value == stop => return Some(stop),
                Some(_) => {}
                None => unknown = true,
            }
        }
        (!unknown).then_some(!stop)
    };
    match node.op {
        Op::And if inside => all(&node.inputs, false),
        Op::Or if inside => all(&node.inputs, true),
        Op::Not if inside => node
            .inputs
            .first()
            .and_then(|i| evaluate(cells, *i, set, depth + 1))
            .map(|v| !v),
        _ => match cells.graph.carried(id) {
            input if input != id && inside && reaches(cells.graph, input, set.0, depth) => {
                evaluate(cells, input, set, depth + 1)
            }
            _ => cells.cell(id, 0).truth(),
        },
    }
}

fn reaches(graph: &Graph, from: NodeId, to: NodeId, depth: u32) -> bool {
    from == to
        || (depth < DEPTH_MAX
            && graph.node(from).is_some_and(|n| {
                matches!(n.op, Op::And | Op::Or | Op::Not | Op::AsOf | Op::SessionLast)
                    && n.inputs.iter().any(|i| reaches(graph, *i, to, depth + 1))
            }))
}
