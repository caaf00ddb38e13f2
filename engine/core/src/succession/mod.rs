//! One strategy after another: what of the old one goes on in the new one, what begins, and what ends.
//!
//! A node goes on when the new graph has one of the same identity: what it computes, from what, all the way down. Its name does
//! not matter, so that a value that is only renamed keeps what it remembers. Rules, layers and structures are known by their
//! keys, which orders and positions carry. What ends and cannot be had again from history is for an operator to confirm.
//!
//! Positions of a structure that ends are never left to nobody: the new graph gets the structure from the old one, with its
//! exits or with a guard that closes it (see [`graft`]).

mod graft;
mod identity;

pub use graft::{GraftError, Orphans, graft};

use crate::registry::Registry;
use alula_dsl::graph::{Graph, Node};
use identity::{Identities, Identity, shape};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What an item of a strategy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKind {
    /// A structure.
    Structure,
    /// A rule of a policy.
    Rule,
    /// A guard.
    Guard,
    /// A hedge, its layers apart.
    Hedge,
    /// A layer of a hedge.
    Layer,
    /// An overlay.
    Overlay,
    /// A subaccount.
    Subaccount,
    /// A threshold slot.
    Threshold,
    /// A named value.
    Value,
}

impl ItemKind {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::Rule => "rule",
            Self::Guard => "guard",
            Self::Hedge => "hedge",
            Self::Layer => "layer",
            Self::Overlay => "overlay",
            Self::Subaccount => "subaccount",
            Self::Threshold => "threshold",
            Self::Value => "value",
        }
    }
}

/// What becomes of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is there, as it was.
    Kept,
    /// It is there under another name.
    Renamed {
        /// Its name before.
        from: String,
    },
    /// It is there and says something else.
    Changed,
    /// It was not there.
    New,
    /// It is not there any more.
    Dropped,
}

/// One item of either strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Its key.
    pub key: String,
    /// What becomes of it.
    pub fate: Fate,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, key, fate } = self;
        match fate {
            Fate::Kept => write!(f, "{} `{key}` is kept", kind.word()),
            Fate::Renamed { from } => write!(f, "{} `{from}` is called `{key}`", kind.word()),
            Fate::Changed => write!(f, "{} `{key}` is changed", kind.word()),
            Fate::New => write!(f, "{} `{key}` is new", kind.word()),
            Fate::Dropped => write!(f, "{} `{key}` is dropped", kind.word()),
        }
    }
}

/// What becomes of a strategy when another takes its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Succession {
    /// Every item of both, by kind and key; those of positional keys (guards) as they are called in the new one.
    pub items: Vec<Item>,
    /// By node of the new graph: the node of the old one with the same identity.
    nodes: Vec<Option<usize>>,
    /// Settings that differ, with both values; a running account cannot follow them.
    settings: Vec<(&'static str, String, String)>,
    /// Structures that both have, with other legs.
    reshaped: BTreeSet<String>,
}

/// An item's key and identity.
type Entry = (String, Identity);
type Keyed = Vec<Entry>;
/// Reads the items of one kind.
type Reader = fn(&Identities<'_>) -> Keyed;

impl Succession {
    /// What becomes of `old` when `new` takes its place; each with what it is linked with.
    #[must_use]
    pub fn of((old, old_registry): (&Graph, &Registry), (new, new_registry): (&Graph, &Registry)) -> Self {
        let (before, after) = (
            Identities::of(old, old_registry),
            Identities::of(new, new_registry),
        );
        let mut of_old: BTreeMap<Identity, usize> = BTreeMap::new();
        for (index, identity) in before.nodes.iter().enumerate() {
            of_old.entry(*identity).or_insert(index);
        }
        let nodes = after.nodes.iter().map(|i| of_old.get(i).copied()).collect();
        let kinds: [(ItemKind, Reader); 9] = [
            (ItemKind::Structure, structures),
            (ItemKind::Rule, rules),
            (ItemKind::Guard, guards),
            (ItemKind::Hedge, hedges),
            (ItemKind::Layer, layers),
            (ItemKind::Overlay, overlays),
            (ItemKind::Subaccount, subaccounts),
            (ItemKind::Threshold, thresholds),
            (ItemKind::Value, values),
        ];
        let mut items = Vec::new();
        for (kind, keyed) in kinds {
            compare(kind, &keyed(&before), &keyed(&after), &mut items);
        }
        let shapes: BTreeMap<&str, String> = old
            .structures
            .iter()
            .map(|s| (s.key.as_str(), shape(s)))
            .collect();
        let reshaped = new.structures.iter().filter(|s| {
            let was = shapes.get(s.key.as_str());
            was.is_some_and(|was| *was != shape(s))
        });
        Self {
            items,
            nodes,
            settings: settings(old, new),
            reshaped: reshaped.map(|s| s.key.clone()).collect(),
        }
    }

    /// Both say the same: every item is kept, and the order of what is walked in order too.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.settings.is_empty() && self.items.iter().all(|i| i.fate == Fate::Kept)
    }

    /// What an operator has to confirm: what ends and cannot be had again from history.
    pub fn dropped(&self) -> impl Iterator<Item = &Item> {
        let counts = |i: &&Item| !matches!(i.kind, ItemKind::Threshold | ItemKind::Value);
        self.items
            .iter()
            .filter(|i| i.fate == Fate::Dropped)
            .filter(counts)
    }

    /// Everything that is not as it was.
    pub fn differs(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|i| i.fate != Fate::Kept)
    }

    /// Settings of the strategy that differ: name, before, after.
    #[must_use]
    pub fn settings(&self) -> &[(&'static str, String, String)] {
        &self.settings
    }

    /// Structures that both have, with legs of other names, sides or numbers.
    #[must_use]
    pub const fn reshaped(&self) -> &BTreeSet<String> {
        &self.reshaped
    }

    /// The node of the old graph that a node of the new one goes on with.
    #[must_use]
    pub fn node(&self, new: usize) -> Option<usize> {
        self.nodes.get(new).copied().flatten()
    }

    /// Whether an item is there as it was.
    #[must_use]
    pub fn keeps(&self, kind: ItemKind, key: &str) -> bool {
        self.items
            .iter()
            .any(|i| i.kind == kind && i.key == key && i.fate == Fate::Kept)
    }
}

/// Guards stand in an order and have no names of their own; values may be renamed without a trace. Everything else is known by
/// the key that orders and positions carry.
const fn follows_names(kind: ItemKind) -> bool {
    !matches!(kind, ItemKind::Guard | ItemKind::Value)
}

fn compare(kind: ItemKind, old: &Keyed, new: &Keyed, out: &mut Vec<Item>) {
    let mut left: Vec<&Entry> = old.iter().collect();
    let mut fates: Vec<Option<Fate>> = vec![None; new.len()];
    let mut pass = |matches: fn(&Entry, &Entry) -> bool, fate: fn(&Entry) -> Fate| {
        for (item, slot) in new.iter().zip(&mut fates) {
            if slot.is_none()
                && let Some(at) = left.iter().position(|was| matches(was, item))
            {
                *slot = Some(fate(left.remove(at)));
            }
        }
    };
    pass(|was, is| was == is, |_| Fate::Kept);
    if !follows_names(kind) {
        pass(
            |was, is| was.1 == is.1,
            |was| Fate::Renamed { from: was.0.clone() },
        );
    }
    pass(|was, is| was.0 == is.0, |_| Fate::Changed);
    for ((key, _), fate) in new.iter().zip(fates) {
        out.push(Item {
            kind,
            key: key.clone(),
            fate: fate.unwrap_or(Fate::New),
        });
    }
    for (key, _) in left {
        out.push(Item {
            kind,
            key: key.clone(),
            fate: Fate::Dropped,
        });
    }
}

fn structures(of: &Identities<'_>) -> Keyed {
    let layers = of.graph.hedges.iter().flat_map(|h| &h.layers);
    let owned: BTreeSet<u32> = layers.filter_map(|l| l.own).map(|id| id.0).collect();
    let all = (0u32..).zip(&of.graph.structures);
    // What a layer owns is part of the layer.
    all.filter(|(id, _)| !owned.contains(id))
        .map(|(_, s)| (s.key.clone(), of.structure(s)))
        .collect()
}

fn rules(of: &Identities<'_>) -> Keyed {
    let one = |p| move |r| (p, r);
    let all = of.graph.policies.iter().flat_map(|p| p.rules.iter().map(one(p)));
    all.map(|(p, r)| (r.key.clone(), of.rule(p, r))).collect()
}

fn guards(of: &Identities<'_>) -> Keyed {
    let all = of.graph.guards.iter();
    all.map(|g| (g.key.clone(), of.guard(g))).collect()
}

fn hedges(of: &Identities<'_>) -> Keyed {
    let all = of.graph.hedges.iter();
    all.map(|h| (h.key.clone(), of.hedge(h))).collect()
}

fn layers(of: &Identities<'_>) -> Keyed {
    let all = of.graph.hedges.iter().flat_map(|h| &h.layers);
    all.map(|l| (l.key.clone(), of.layer(l))).collect()
}

fn overlays(of: &Identities<'_>) -> Keyed {
    let all = of.graph.overlays.iter();
    all.map(|o| (o.key.clone(), of.overlay(o))).collect()
}

fn subaccounts(of: &Identities<'_>) -> Keyed {
    let all = of.graph.subaccounts.iter();
    all.map(|s| (s.key.clone(), of.subaccount(s))).collect()
}

fn thresholds(of: &Identities<'_>) -> Keyed {
    let all = of.graph.thresholds.iter();
    all.map(|t| (t.name.clone(), of.threshold(t))).collect()
}

/// Nodes with a name of their own: others are keyed by the place of their first use.
fn values(of: &Identities<'_>) -> Keyed {
    let named = |(node, identity): (&Node, &Identity)| {
        let own = !node.key.is_empty() && !node.key.contains('.') && !node.key.contains(' ');
        own.then(|| (node.key.clone(), *identity))
    };
    of.graph.nodes.iter().zip(&of.nodes).filter_map(named).collect()
}

/// Settings that a running account cannot follow: the words of the documentation alone may change.
fn settings(old: &Graph, new: &Graph) -> Vec<(&'static str, String, String)> {
    let (a, b) = (&old.settings, &new.settings);
    let mut out = Vec::new();
    let mut differ = |name, was: String, is: String| {
        if was != is {
            out.push((name, was, is));
        }
    };
    differ("name", a.name.clone(), b.name.clone());
    differ("capital", a.capital_usd.to_string(), b.capital_usd.to_string());
    differ("every", format!("{:?}", a.every), format!("{:?}", b.every));
    differ(
        "instrument",
        a.instrument.name().to_owned(),
        b.instrument.name().to_owned(),
    );
    differ("session", a.session.clone(), b.session.clone());
    differ("promoter", a.promoter.to_string(), b.promoter.to_string());
    differ(
        "fill",
        format!("{:?}, {:?}, same bar {}", a.cross, a.depth, a.fill_same_bar),
        format!("{:?}, {:?}, same bar {}", b.cross, b.depth, b.fill_same_bar),
    );
    differ("fees", a.fees.clone(), b.fees.clone());
    differ(
        "settle approximate",
        a.settle_approximate.to_string(),
        b.settle_approximate.to_string(),
    );
    differ("margin", a.margin.clone(), b.margin.clone());
    differ(
        "flatten on call",
        a.flatten_on_call.to_string(),
        b.flatten_on_call.to_string(),
    );
    out
}
