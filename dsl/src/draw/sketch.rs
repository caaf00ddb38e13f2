//! What a drawing shows: observables, signals, conditions and what they lead to. Arithmetic and constants are folded into
//! the texts, so that a strategy of a page stays a picture of a page.

use super::words;
use crate::builtin::Indicator;
use crate::graph::{Domain, Graph, GuardUnknown, Node, NodeId, Op, RuleAction, StructureId};
use crate::lower::ids;
use std::collections::{BTreeMap, BTreeSet};

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Market,
    Account,
    Position,
    Signal,
    Condition,
    Gate,
    Action,
    Structure,
}

/// A box.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) id: String,
    pub(super) kind: Kind,
    /// A name, when it has one beside its text.
    pub(super) title: Option<String>,
    pub(super) lines: Vec<String>,
    /// Inputs by name, for actions: `when all of`, `require`, `active`.
    pub(super) ports: Vec<String>,
    /// Indices of the thresholds that it reads.
    pub(super) thresholds: BTreeSet<u32>,
    /// Frame that it stands in.
    pub(super) group: Option<usize>,
}

/// An arrow between boxes, into a port of an action when there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrow {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) port: Option<usize>,
}

/// The whole picture before it is laid out.
#[derive(Clone, Debug, Default)]
pub(super) struct Sketch {
    pub(super) shapes: Vec<Shape>,
    pub(super) arrows: BTreeSet<Arrow>,
    /// Titles of frames: `policy income on core`.
    pub(super) groups: Vec<String>,
}

struct Sketcher<'g> {
    g: &'g Graph,
    out: Sketch,
    by_node: BTreeMap<u32, usize>,
    by_source: BTreeMap<String, usize>,
    structures: BTreeMap<u32, usize>,
}

pub(super) fn sketch(g: &Graph) -> Sketch {
    let mut s = Sketcher {
        g,
        out: Sketch::default(),
        by_node: BTreeMap::new(),
        by_source: BTreeMap::new(),
        structures: BTreeMap::new(),
    };
    // Signals in their order: each finds those that it reads, so no walk is longer than one expression.
    for (i, n) in g.nodes.iter().enumerate().filter(|(_, n)| is_signal(n)) {
        s.inner(NodeId(u32::try_from(i).unwrap_or(u32::MAX)), n);
    }
    s.guards();
    s.policies();
    s.hedges();
    s.overlays();
    s.subaccounts();
    s.out
}

/// Whether a node has no inputs of its own and shows something of the world.
fn is_source(n: &Node) -> bool {
    n.inputs.is_empty() && !matches!(n.op, Op::Number(_) | Op::Threshold(_))
}

/// Whether a node carries the name of a signal: its key is one word.
fn is_signal(n: &Node) -> bool {
    !n.inputs.is_empty() && n.key.chars().all(|c| c.is_alphanumeric() || c == '_')
}

impl Sketcher<'_> {
    fn add(&mut self, shape: Shape) -> usize {
        self.out.shapes.push(shape);
        self.out.shapes.len() - 1
    }

    fn arrow(&mut self, from: usize, to: usize, port: Option<usize>) {
        self.out.arrows.insert(Arrow { from, to, port });
    }

    /// The box of a source. Fields of one instrument on one clock that a window reads together are one box.
    fn source(&mut self, id: NodeId, n: &Node) -> usize {
        if let Some(at) = self.by_node.get(&id.0) {
            return *at;
        }
        let kind = match n.domain {
            Domain::Market => Kind::Market,
            Domain::Book => Kind::Account,
            Domain::Position | Domain::Candidate => Kind::Position,
        };
        // A position and a candidate are observed alike.
        let label = n.text.clone();
        let key = format!("{kind:?} {label}");
        if let Some(at) = self.by_source.get(&key) {
            return *at;
        }
        let at = self.add(Shape {
            id: n.key.clone(),
            kind,
            title: None,
            lines: vec![label],
            ports: Vec::new(),
            thresholds: BTreeSet::new(),
            group: None,
        });
        self.by_source.insert(key, at);
        self.by_node.insert(id.0, at);
        at
    }

    /// One box for the fields that a function of whole bars reads together: `SPX.high, low, close`.
    fn bars(&mut self, n: &Node) -> Option<usize> {
        let fields: Vec<&Node> = n.inputs.iter().filter_map(|id| self.g.node(*id)).collect();
        let first = fields.first()?;
        let (owner, _) = first.text.split_once('.')?;
        let (_, bars) = first.text.split_once(" @").map_or(("", ""), |(a, b)| (a, b));
        let names: Vec<&str> = fields
            .iter()
            .filter_map(|f| {
                f.text
                    .split_once('.')
                    .map(|(_, word)| word.split(' ').next().unwrap_or_default())
            })
            .collect();
        let at = if bars.is_empty() {
            String::new()
        } else {
            format!(" @{bars}")
        };
        let label = format!("{owner}.{}{at}", names.join(", "));
        if let Some(at) = self.by_source.get(&label) {
            return Some(*at);
        }
        let at = self.add(Shape {
            id: label.clone(),
            kind: Kind::Market,
            title: None,
            lines: vec![label.clone()],
            ports: Vec::new(),
            thresholds: BTreeSet::new(),
            group: None,
        });
        self.by_source.insert(label, at);
        Some(at)
    }

    /// Boxes and thresholds that a node reads, through arithmetic and constants.
    fn reads(&mut self, id: NodeId, boxes: &mut BTreeSet<usize>, thresholds: &mut BTreeSet<u32>) {
        let Some(n) = self.g.node(id) else { return };
        if let Op::Threshold(t) = n.op {
            thresholds.insert(t.0);
        } else if is_source(n) {
            boxes.insert(self.source(id, n));
        } else if is_signal(n) || n.op == Op::Votes {
            boxes.insert(self.inner(id, n));
        } else if let Op::Indicator {
            which: Indicator::Atr | Indicator::RealizedVol,
            ..
        } = n.op
        {
            boxes.extend(self.bars(n));
        } else {
            for input in n.inputs.clone() {
                self.reads(input, boxes, thresholds);
            }
        }
    }

    /// The box of a signal or of votes.
    fn inner(&mut self, id: NodeId, n: &Node) -> usize {
        if let Some(at) = self.by_node.get(&id.0) {
            return *at;
        }
        let votes = n.op == Op::Votes;
        let (mut boxes, mut thresholds) = (BTreeSet::new(), BTreeSet::new());
        if votes {
            for input in &n.inputs {
                boxes.insert(self.condition(*input));
            }
        } else if let Op::Indicator {
            which: Indicator::Atr | Indicator::RealizedVol,
            ..
        } = n.op
        {
            boxes.extend(self.bars(n));
        } else {
            for input in &n.inputs {
                self.reads(*input, &mut boxes, &mut thresholds);
            }
        }
        let shape = Shape {
            id: n.key.clone(),
            kind: if votes { Kind::Gate } else { Kind::Signal },
            title: (!votes).then(|| n.key.clone()),
            lines: vec![if votes {
                format!("votes of {}", n.inputs.len())
            } else {
                n.text.clone()
            }],
            ports: Vec::new(),
            thresholds,
            group: None,
        };
        let at = self.add(shape);
        self.by_node.insert(id.0, at);
        for from in boxes {
            self.arrow(from, at, None);
        }
        at
    }

    /// The box of a condition: a gate of conditions, a signal, or a text.
    fn condition(&mut self, id: NodeId) -> usize {
        let id = self.unsampled(id);
        if let Some(at) = self.by_node.get(&id.0) {
            return *at;
        }
        let Some(n) = self.g.node(id) else { return 0 };
        if is_source(n) && !matches!(n.op, Op::Within { .. }) {
            return self.source(id, n);
        }
        if is_signal(n) {
            return self.inner(id, n);
        }
        let gate = matches!(n.op, Op::And | Op::Or);
        let (mut boxes, mut thresholds) = (BTreeSet::new(), BTreeSet::new());
        for input in &n.inputs {
            if gate {
                boxes.insert(self.condition(*input));
            } else {
                self.reads(*input, &mut boxes, &mut thresholds);
            }
        }
        let word = if n.op == Op::And { "all of" } else { "any of" };
        let at = self.add(Shape {
            id: n.key.clone(),
            kind: if gate { Kind::Gate } else { Kind::Condition },
            title: None,
            lines: vec![if gate { word.to_owned() } else { n.text.clone() }],
            ports: Vec::new(),
            thresholds,
            group: None,
        });
        self.by_node.insert(id.0, at);
        for from in boxes {
            self.arrow(from, at, None);
        }
        at
    }

    /// The node itself, when it is only read on another clock.
    fn unsampled(&self, mut id: NodeId) -> NodeId {
        while let Some((Op::AsOf | Op::SessionLast, [input])) =
            self.g.node(id).map(|n| (&n.op, n.inputs.as_slice()))
        {
            id = *input;
        }
        id
    }

    /// Leads a condition into a port of an action; a conjunction or disjunction at its top becomes the port's word.
    fn lead(&mut self, id: NodeId, to: usize, word: &str) {
        let id = self.unsampled(id);
        let Some(n) = self.g.node(id) else { return };
        let split = matches!(n.op, Op::And | Op::Or) && !is_signal(n);
        let label = match n.op {
            Op::And if split => format!("{word} all of"),
            Op::Or if split => format!("{word} any of"),
            _ => word.to_owned(),
        };
        let parts = if split { n.inputs.clone() } else { vec![id] };
        let Some(shape) = self.out.shapes.get_mut(to) else {
            return;
        };
        shape.ports.push(label);
        let port = shape.ports.len() - 1;
        for part in parts {
            let from = self.condition(part);
            self.arrow(from, to, Some(port));
        }
    }

    /// An action's box, with the thresholds of its amounts.
    fn action(
        &mut self,
        id: &str,
        title: String,
        lines: Vec<String>,
        amounts: &[NodeId],
        group: usize,
    ) -> usize {
        let mut thresholds = BTreeSet::new();
        for amount in amounts {
            self.reads_amount(*amount, &mut thresholds);
        }
        let shape = Shape {
            id: id.to_owned(),
            kind: Kind::Action,
            title: Some(title),
            lines,
            ports: Vec::new(),
            thresholds,
            group: Some(group),
        };
        self.add(shape)
    }

    /// Thresholds of an amount; its observables are in its text, and votes are drawn as conditions.
    fn reads_amount(&self, id: NodeId, thresholds: &mut BTreeSet<u32>) {
        let mut seen: BTreeSet<u32> = BTreeSet::new();
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            let Some(n) = self.g.node(id).filter(|n| n.op != Op::Votes && seen.insert(id.0)) else {
                continue;
            };
            if let Op::Threshold(t) = n.op {
                thresholds.insert(t.0);
            }
            stack.extend(&n.inputs);
        }
    }

    fn group(&mut self, title: String) -> usize {
        self.out.groups.push(title);
        self.out.groups.len() - 1
    }

    /// The box of a structure, once.
    fn structure(&mut self, id: StructureId) -> Option<usize> {
        if let Some(at) = self.structures.get(&id.0) {
            return Some(*at);
        }
        let def = self.g.structures.get(id.0 as usize)?;
        let mut thresholds = BTreeSet::new();
        for id in ids::of_structure(def) {
            self.reads_amount(id, &mut thresholds);
        }
        let risk = if def.defined_risk {
            "loss bounded"
        } else {
            "loss not bounded"
        };
        let mut lines = vec![format!("{} on {} · {risk}", def.shape, def.underlying.name())];
        lines.extend(words::structure_lines(self.g, def));
        let at = self.add(Shape {
            id: def.key.clone(),
            kind: Kind::Structure,
            title: Some(def.key.clone()),
            lines,
            ports: Vec::new(),
            thresholds,
            group: None,
        });
        self.structures.insert(id.0, at);
        Some(at)
    }

    fn owns(&mut self, from: usize, id: Option<StructureId>) {
        if let Some(at) = id.and_then(|id| self.structure(id)) {
            self.arrow(from, at, None);
        }
    }

    fn policies(&mut self) {
        let g = self.g;
        for policy in &g.policies {
            let on = words::structure_name(g, policy.structure);
            let of = words::of_subaccount(g, &policy.key);
            let group = self.group(format!("policy {} on {on}{of}", policy.key));
            for rule in &policy.rules {
                let (word, lines) = words::rule(g, rule);
                let mut amounts = ids::of_rule(rule);
                amounts.retain(|id| *id != rule.when && Some(*id) != rule.require);
                let name = rule.key.rsplit('.').next().unwrap_or_default();
                let title = if name == word {
                    word.to_owned()
                } else {
                    format!("{word} {name}")
                };
                let at = self.action(&rule.key, title, lines, &amounts, group);
                self.lead(rule.when, at, "when");
                if let Some(id) = rule.require {
                    self.lead(id, at, "require");
                }
                self.owns(at, Some(policy.structure));
            }
        }
    }

    fn guards(&mut self) {
        let g = self.g;
        let mut last = None;
        for rule in &g.guards {
            let name = rule.key.split('.').next().unwrap_or_default().to_owned();
            let group = match &last {
                Some((known, group)) if *known == name => *group,
                _ => self.group(format!("guard {name}")),
            };
            last = Some((name, group));
            let title = format!("else {}", words::guard_action(g, &rule.action));
            let lines = match rule.unknown {
                GuardUnknown::Block => Vec::new(),
                GuardUnknown::Hold => vec!["unknown hold".to_owned()],
                GuardUnknown::Act => vec!["unknown act".to_owned()],
            };
            let at = self.action(&rule.key, title, lines, &[], group);
            self.lead(rule.require, at, "require");
        }
    }

    fn hedges(&mut self) {
        let g = self.g;
        for hedge in &g.hedges {
            let on = words::structure_name(g, hedge.structure);
            let of = words::of_subaccount(g, &hedge.key);
            let group = self.group(format!("hedge {} on {on}{of}", hedge.key));
            if let Some((greek, amount, band)) = &hedge.target {
                let mut lines = vec![words::text(g, *amount)];
                let mut amounts = vec![*amount];
                if let Some((lo, hi)) = band {
                    lines.push(format!("within {}..{}", words::text(g, *lo), words::text(g, *hi)));
                    amounts.extend([*lo, *hi]);
                }
                let title = format!("target {}", format!("{greek:?}").to_lowercase());
                self.action(&format!("{}.target", hedge.key), title, lines, &amounts, group);
            }
            for layer in &hedge.layers {
                let name = layer.key.rsplit('.').next().unwrap_or_default();
                let lines = words::layer_lines(g, layer);
                let amounts: Vec<NodeId> = layer.size.iter().flat_map(ids::of_size).collect();
                let at = self.action(&layer.key, format!("layer {name}"), lines, &amounts, group);
                if let Some(id) = layer.active {
                    self.lead(id, at, "active when");
                }
                for (word, id) in &layer.clauses {
                    if matches!(word.as_str(), "rotate" | "migrate") {
                        self.lead(*id, at, &words::layer_clause(g, layer, word));
                    }
                }
                self.owns(at, layer.own);
            }
        }
    }

    fn overlays(&mut self) {
        let g = self.g;
        for overlay in &g.overlays {
            let on = words::structure_name(g, overlay.structure);
            let of = words::of_subaccount(g, &overlay.key);
            let group = self.group(format!("overlay {} on {on}{of}", overlay.key));
            let (mut lines, mut amounts) = (Vec::new(), Vec::new());
            lines.extend(words::overlay_target(g, overlay));
            if let Some((target, band)) = overlay.target {
                amounts = vec![target, band];
            }
            let title = format!("trade {}", overlay.instrument.name());
            let at = self.action(&overlay.key, title, lines, &amounts, group);
            for (word, id) in &overlay.clauses {
                let word = if word == "active" { "active when" } else { word };
                self.lead(*id, at, word);
            }
            self.owns(at, Some(overlay.structure));
        }
    }

    /// A box for each subaccount, which leads into what it pays for: opens of policies, layers, overlays.
    fn subaccounts(&mut self) {
        let g = self.g;
        for subaccount in &g.subaccounts {
            let holds = |name: &str| subaccount.holds.iter().any(|h| h == name);
            let policies = g.policies.iter().filter(|p| holds(&p.key));
            let opens = policies.flat_map(|p| &p.rules);
            let opens = opens.filter(|r| matches!(r.action, RuleAction::Open { .. }));
            let layers = g.hedges.iter().filter(|h| holds(&h.key)).flat_map(|h| &h.layers);
            let overlays = g.overlays.iter().filter(|o| holds(&o.key));
            let paid: BTreeSet<&str> = opens
                .map(|r| r.key.as_str())
                .chain(layers.map(|l| l.key.as_str()))
                .chain(overlays.map(|o| o.key.as_str()))
                .collect();
            let from = self.add(Shape {
                id: subaccount.key.clone(),
                kind: Kind::Account,
                title: Some(format!("subaccount {}", subaccount.key)),
                lines: vec![format!("${} set apart", words::grouped(subaccount.capital_usd))],
                ports: Vec::new(),
                thresholds: BTreeSet::new(),
                group: None,
            });
            for to in 0..from {
                let Some(shape) = self.out.shapes.get_mut(to) else {
                    continue;
                };
                if shape.kind == Kind::Action && paid.contains(shape.id.as_str()) {
                    shape.ports.push("paid by".to_owned());
                    let port = shape.ports.len() - 1;
                    self.arrow(from, to, Some(port));
                }
            }
        }
    }
}
