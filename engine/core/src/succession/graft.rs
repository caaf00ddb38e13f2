//! Structures of the strategy before that still have positions, put into the strategy after it.
//!
//! What is kept gets its exits from the old graph: closing rules, and every node that they read. What is closed gets a guard
//! that flattens it and holds once it is flat. Neither opens anything, and neither can be opened by the new strategy, which
//! does not know the structure.

use super::identity::Identities;
use crate::registry::Registry;
use alula_dsl::ast::Side;
use alula_dsl::builtin::BookObs;
use alula_dsl::graph::{
    Clock, Cmp, Domain, ExpiryPick, Graph, GuardAct, GuardRuleDef, GuardUnknown, LegDef, Node, NodeId, Op,
    PolicyDef, RuleAction, RuleDef, StrikePick, StructureDef, StructureId, ThresholdId, ValueKind, ids,
};
use alula_dsl::span::Span;
use alula_dsl::unit::Unit;
use std::collections::BTreeMap;

/// What becomes of the open positions of a structure that the new strategy does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Orphans {
    /// They stay until they expire or their old exits close them.
    Keep,
    /// They are closed at once.
    Close,
}

impl Orphans {
    /// `keep` or `close`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Close => "close",
        }
    }

    /// From its word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Keep, Self::Close].into_iter().find(|o| o.word() == word)
    }
}

/// Why positions cannot be carried into the new strategy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraftError {
    /// Neither graph knows it.
    #[error("there is no structure `{0}` to carry over")]
    Unknown(String),
    /// The new strategy has a structure of this name.
    #[error("the new strategy has a `{0}` of its own")]
    Taken(String),
    /// What an overlay holds does not expire and has no exits.
    #[error("`{0}` holds shares or futures for an overlay, which nothing would close")]
    Overlay(String),
    /// An exit looks at another structure that ends.
    #[error("an exit of `{structure}` looks at `{other}`, which the new strategy does not have")]
    Other {
        /// Structure.
        structure: String,
        /// The one looked at.
        other: String,
    },
    /// A script or plugin behind an exit is not part of the new strategy.
    #[error("an exit of `{structure}` reads `{text}`, which the new strategy does not bring")]
    Native {
        /// Structure.
        structure: String,
        /// The node's text.
        text: String,
    },
}

/// What is grafted, from where, and the values that its thresholds have.
struct Graft<'g> {
    old: Identities<'g>,
    /// Values in force, by threshold of the old graph.
    values: &'g [f64],
    out: Graph,
    /// Nodes of the old graph that the new one has or got.
    nodes: BTreeMap<usize, NodeId>,
}

/// The new graph with the structures named, from the old graph; `thresholds` are the values in force there. A threshold that the
/// new one does not declare becomes a number.
///
/// # Errors
/// When a structure cannot be carried so.
pub fn graft(
    (old, registry, thresholds): (&Graph, &Registry, &[f64]),
    (new, new_registry): (&Graph, &Registry),
    carry: &BTreeMap<String, Orphans>,
) -> Result<Graph, GraftError> {
    let mut known: BTreeMap<super::Identity, NodeId> = BTreeMap::new();
    for (id, identity) in (0u32..).zip(Identities::of(new, new_registry).nodes) {
        known.entry(identity).or_insert(NodeId(id));
    }
    let identities = Identities::of(old, registry);
    let found = identities.nodes.iter().enumerate();
    let nodes = found
        .filter_map(|(i, identity)| Some((i, *known.get(identity)?)))
        .collect();
    let mut graft = Graft {
        old: identities,
        values: thresholds,
        out: new.clone(),
        nodes,
    };
    for (key, how) in carry {
        graft.structure(key, *how)?;
    }
    Ok(graft.out)
}

impl Graft<'_> {
    fn structure(&mut self, key: &str, how: Orphans) -> Result<(), GraftError> {
        let old = self.old.graph;
        if self.out.structures.iter().any(|s| s.key == key) || self.out.overlays.iter().any(|o| o.key == key)
        {
            return Err(GraftError::Taken(key.to_owned()));
        }
        let id = StructureId(number(self.out.structures.len()));
        let policy = match old.structures.iter().position(|s| s.key == key) {
            Some(at) => {
                let mut def = old.structures.get(at).cloned().unwrap_or_else(|| held(key, old));
                let mut failed = None;
                for leg in &mut def.legs {
                    ids::leg(leg, &mut |node| self.moved(node, key, &mut failed));
                }
                failed.map_or(Ok(()), Err)?;
                self.out.structures.push(def);
                let of_it = |p: &&PolicyDef| p.structure.0 as usize == at;
                old.policies.iter().find(of_it)
            }
            None if old.overlays.iter().any(|o| o.key == key) => {
                if how == Orphans::Keep {
                    return Err(GraftError::Overlay(key.to_owned()));
                }
                self.out.structures.push(held(key, old));
                None
            }
            None => return Err(GraftError::Unknown(key.to_owned())),
        };
        let mut rules = Vec::new();
        let exits = policy.into_iter().flat_map(|p| &p.rules);
        for rule in exits.filter(|r| how == Orphans::Keep && matches!(r.action, RuleAction::Close { .. })) {
            rules.push(self.exit(rule, key)?);
        }
        let own = policy.map_or(key, |p| p.key.as_str());
        let taken = self.out.policies.iter().any(|p| p.key == own);
        self.out.policies.push(PolicyDef {
            key: if taken {
                format!("{own}.before")
            } else {
                own.to_owned()
            },
            structure: id,
            rules,
            doc: String::new(),
            span: Span::default(),
        });
        if how == Orphans::Close {
            self.close(key, id);
        }
        Ok(())
    }

    fn exit(&mut self, rule: &RuleDef, structure: &str) -> Result<RuleDef, GraftError> {
        let mut rule = rule.clone();
        let mut failed = None;
        ids::rule(&mut rule, &mut |node| self.moved(node, structure, &mut failed));
        failed.map_or(Ok(()), Err)?;
        let taken = |key: &str| {
            self.out
                .policies
                .iter()
                .flat_map(|p| &p.rules)
                .any(|r| r.key == key)
        };
        while taken(&rule.key) {
            rule.key.push_str(".before");
        }
        Ok(rule)
    }

    /// Puts the node that a place names into the new graph.
    fn moved(&mut self, place: &mut NodeId, structure: &str, failed: &mut Option<GraftError>) {
        match self.node(place.0 as usize, structure) {
            Ok(id) => *place = id,
            Err(e) => {
                failed.get_or_insert(e);
            }
        }
    }

    fn node(&mut self, index: usize, structure: &str) -> Result<NodeId, GraftError> {
        // Inputs come before users, so that walking upwards finds each of them done.
        let mut wanted = vec![index];
        let mut at = 0;
        while let Some(next) = wanted.get(at).copied() {
            at += 1;
            if self.nodes.contains_key(&next) {
                continue;
            }
            let node = self.old.graph.nodes.get(next);
            wanted.extend(node.into_iter().flat_map(|n| &n.inputs).map(|i| i.0 as usize));
        }
        wanted.sort_unstable();
        wanted.dedup();
        for next in wanted {
            if self.nodes.contains_key(&next) {
                continue;
            }
            let Some(node) = self.old.graph.nodes.get(next) else {
                continue;
            };
            let mut node = node.clone();
            node.op = self.op(&node, structure)?;
            for input in &mut node.inputs {
                if let Some(id) = self.nodes.get(&(input.0 as usize)) {
                    *input = *id;
                }
            }
            let id = self.push(node);
            self.nodes.insert(next, id);
        }
        Ok(self.nodes.get(&index).copied().unwrap_or(NodeId(u32::MAX)))
    }

    fn push(&mut self, node: Node) -> NodeId {
        let id = NodeId(number(self.out.nodes.len()));
        self.out.nodes.push(node);
        id
    }

    /// What a node computes, by the numbers of the new graph.
    fn op(&mut self, node: &Node, structure: &str) -> Result<Op, GraftError> {
        let old = self.old.graph;
        Ok(match &node.op {
            Op::Threshold(id) => {
                let def = old.thresholds.get(id.0 as usize);
                let same = |d: &alula_dsl::graph::ThresholdDef| {
                    def.is_some_and(|o| o.name == d.name && o.unit == d.unit)
                };
                match self.out.thresholds.iter().position(same) {
                    Some(at) => Op::Threshold(ThresholdId(number(at))),
                    None => Op::Number(self.values.get(id.0 as usize).copied().unwrap_or_default()),
                }
            }
            Op::Feed(id) => {
                let def = old.feeds.get(id.0 as usize).cloned();
                Op::Feed(alula_dsl::graph::FeedId(place(&mut self.out.feeds, def)))
            }
            Op::Within { event, side, length } => Op::Within {
                event: self.event(event.0),
                side: *side,
                length: *length,
            },
            Op::Surprise(event) => Op::Surprise(self.event(event.0)),
            Op::Reaction {
                event,
                instrument,
                least,
            } => Op::Reaction {
                event: self.event(event.0),
                instrument: *instrument,
                least: *least,
            },
            Op::Script(_) | Op::Plugin { .. } => {
                return Err(GraftError::Native {
                    structure: structure.to_owned(),
                    text: node.text.clone(),
                });
            }
            Op::Book { what, of } => Op::Book {
                what: *what,
                of: of.map(|id| self.other(id, structure)).transpose()?,
            },
            Op::Irr { of, under } => Op::Irr {
                of: self.other(*of, structure)?,
                under: under.clone(),
            },
            other => other.clone(),
        })
    }

    fn event(&mut self, id: u32) -> alula_dsl::graph::EventId {
        let def = self.old.graph.events.get(id as usize).cloned();
        alula_dsl::graph::EventId(place(&mut self.out.events, def))
    }

    /// A structure of the old graph by its key in the new one.
    fn other(&self, id: StructureId, structure: &str) -> Result<StructureId, GraftError> {
        let key = self.old.structure_key(id);
        let at = self.out.structures.iter().position(|s| s.key == key);
        at.map(|at| StructureId(number(at)))
            .ok_or_else(|| GraftError::Other {
                structure: structure.to_owned(),
                other: key.to_owned(),
            })
    }

    /// A guard that closes a structure and holds once nothing of it is open.
    fn close(&mut self, key: &str, id: StructureId) {
        let node = |op, inputs, kind, domain, rank, text: String| Node {
            key: String::new(),
            op,
            inputs,
            kind,
            clock: if domain == Domain::Market {
                Clock::Constant
            } else {
                Clock::Tick
            },
            domain,
            rank,
            text,
            span: Span::default(),
        };
        let number = ValueKind::Number(Unit::NONE);
        let count = Op::Book {
            what: BookObs::Positions,
            of: Some(id),
        };
        let count = self.push(node(
            count,
            Vec::new(),
            number,
            Domain::Book,
            0,
            format!("positions({key})"),
        ));
        let none = self.push(node(
            Op::Number(0.0),
            Vec::new(),
            number,
            Domain::Market,
            0,
            "0".to_owned(),
        ));
        let flat = self.push(node(
            Op::Compare(Cmp::Eq),
            vec![count, none],
            ValueKind::Bool,
            Domain::Book,
            1,
            format!("positions({key}) = 0"),
        ));
        self.out.guards.push(GuardRuleDef {
            key: closing(key),
            require: flat,
            action: GuardAct::Flatten(id),
            unknown: GuardUnknown::Hold,
            span: Span::default(),
        });
    }
}

/// Key of the guard that closes what a dropped structure left.
fn closing(structure: &str) -> String {
    format!("closing.{structure}")
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The place of a definition among others, at their end where it is not there yet.
fn place<T: PartialEq>(all: &mut Vec<T>, def: Option<T>) -> u32 {
    let Some(def) = def else { return u32::MAX };
    let at = all.iter().position(|d| *d == def);
    number(at.unwrap_or_else(|| {
        all.push(def);
        all.len() - 1
    }))
}

/// What an overlay holds, as a structure of one leg that nothing picks.
fn held(key: &str, old: &Graph) -> StructureDef {
    let overlay = old.overlays.iter().find(|o| o.key == key);
    StructureDef {
        key: key.to_owned(),
        shape: "overlay".to_owned(),
        underlying: overlay.map_or(old.settings.instrument, |o| o.instrument),
        legs: vec![LegDef {
            name: "held".to_owned(),
            side: Side::Long,
            right: None,
            ratio: 1,
            strike: StrikePick::Spot,
            expiry: ExpiryPick::Month(1),
            month: Some(1),
            span: Span::default(),
        }],
        defined_risk: false,
        span: Span::default(),
    }
}
