//! What a definition is, apart from where it stands and how it is numbered.
//!
//! A node is what it computes and what it computes that from, all the way down: a threshold by its name, a feed by its place in
//! the store, a script by its text. Two nodes of two graphs with one identity have had the same value at every tick.

use crate::registry::Registry;
use alula_dsl::graph::{
    Graph, GuardAct, GuardRuleDef, HedgeDef, LayerDef, Node, NodeId, Op, OverlayDef, PolicyDef, RuleDef,
    StructureDef, StructureId, SubaccountDef, ThresholdDef, ids,
};
use alula_dsl::span::Span;
use sha2::{Digest, Sha256};
use std::fmt::Debug;

/// A definition's identity.
pub(super) type Identity = [u8; 32];

/// Identities of everything that stands in one graph.
pub(super) struct Identities<'g> {
    pub graph: &'g Graph,
    /// By node number.
    pub nodes: Vec<Identity>,
}

fn hash(parts: &[&[u8]]) -> Identity {
    let mut all = Sha256::new();
    for part in parts {
        all.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        all.update(part);
    }
    all.finalize().into()
}

fn text(what: &impl Debug) -> String {
    format!("{what:?}")
}

impl<'g> Identities<'g> {
    /// Of a graph, with the scripts that it is linked with.
    pub fn of(graph: &'g Graph, registry: &Registry) -> Self {
        let mut found = Self {
            graph,
            nodes: Vec::with_capacity(graph.nodes.len()),
        };
        for node in &graph.nodes {
            let identity = found.node(node, registry);
            found.nodes.push(identity);
        }
        found
    }

    fn node(&self, node: &Node, registry: &Registry) -> Identity {
        let what = self.op(&node.op, registry);
        let kind = text(&(node.kind, node.clock, node.domain));
        let inputs: Vec<u8> = node.inputs.iter().flat_map(|id| self.at(*id)).collect();
        hash(&[what.as_bytes(), kind.as_bytes(), &inputs])
    }

    fn op(&self, op: &Op, registry: &Registry) -> String {
        let graph = self.graph;
        let event = |id: u32| graph.events.get(id as usize).map(|e| &e.feed);
        match op {
            // The sign of zero and every bit of a number count.
            Op::Number(x) => format!("number {:016x}", x.to_bits()),
            Op::Threshold(id) => {
                let def = graph.thresholds.get(id.0 as usize);
                format!("threshold {:?}", def.map(|d| (&d.name, d.unit, d.suffix)))
            }
            Op::Feed(id) => {
                let def = graph.feeds.get(id.0 as usize);
                format!("feed {:?}", def.map(|f| (&f.feed, f.unit, f.stale_after)))
            }
            Op::Within {
                event: id,
                side,
                length,
            } => format!("within {:?} {side:?} {length:?}", event(id.0)),
            Op::Surprise(id) => format!("surprise {:?}", event(id.0)),
            Op::Reaction {
                event: id,
                instrument,
                least,
            } => format!("reaction {:?} {instrument:?} {least}", event(id.0)),
            Op::Script(id) => {
                let def = graph.scripts.get(id.0 as usize);
                let body = registry.script(*id).map(|s| s.hash_hex());
                format!(
                    "script {:?} {body:?}",
                    def.map(|d| (&d.name, &d.params, d.returns))
                )
            }
            Op::Plugin {
                function,
                params,
                output,
                chain,
            } => {
                let def = graph.plugins.get(function.0 as usize);
                let names = def.map(|d| (&d.plugin, &d.function, &d.inputs, &d.numbers, &d.outputs));
                let bits: Vec<u64> = params.iter().map(|p| p.to_bits()).collect();
                format!("plugin {names:?} {bits:?} {output} {chain:?}")
            }
            Op::Book { what, of } => format!("book {what:?} {:?}", of.map(|id| self.structure_key(id))),
            Op::Irr { of, under } => format!("irr {} {under:?}", self.structure_key(*of)),
            other => text(other),
        }
    }

    fn at(&self, id: NodeId) -> Identity {
        self.nodes.get(id.0 as usize).copied().unwrap_or_default()
    }

    pub fn structure_key(&self, id: StructureId) -> &'g str {
        let found = self.graph.structures.get(id.0 as usize);
        found.map_or("", |s| s.key.as_str())
    }

    /// Of a definition that was taken apart: what is left of it without numbers of nodes, those nodes, and names beside it.
    fn definition<T: Debug>(
        &self,
        mut what: T,
        names: &str,
        visit: impl FnOnce(&mut T, &mut ids::Visit<'_>),
    ) -> Identity {
        let mut reads: Vec<u8> = Vec::new();
        visit(&mut what, &mut |id| {
            reads.extend(self.at(*id));
            *id = NodeId(0);
        });
        hash(&[text(&what).as_bytes(), &reads, names.as_bytes()])
    }

    pub fn structure(&self, def: &StructureDef) -> Identity {
        let mut plain = def.clone();
        plain.span = Span::default();
        plain.legs.iter_mut().for_each(|l| l.span = Span::default());
        self.definition(plain, "", |s, f| s.legs.iter_mut().for_each(|l| ids::leg(l, f)))
    }

    pub fn rule(&self, policy: &PolicyDef, def: &RuleDef) -> Identity {
        let mut plain = def.clone();
        (plain.span, plain.doc, plain.key) = (Span::default(), String::new(), String::new());
        self.definition(plain, self.structure_key(policy.structure), |r, f| {
            ids::rule(r, f)
        })
    }

    pub fn guard(&self, def: &GuardRuleDef) -> Identity {
        let mut plain = def.clone();
        (plain.span, plain.key) = (Span::default(), String::new());
        let mut structure = "";
        if let GuardAct::Flatten(id) = &mut plain.action {
            structure = self.structure_key(*id);
            *id = StructureId(0);
        }
        self.definition(plain, structure, |g, f| ids::guard(g, f))
    }

    pub fn layer(&self, def: &LayerDef) -> Identity {
        let mut plain = def.clone();
        plain.span = Span::default();
        let ids = [plain.own.take(), plain.rotate.take()];
        let structures = ids.map(|id| id.map(|id| self.structure_key(id)));
        let own = ids.first().copied().flatten();
        let own = own.and_then(|id| self.graph.structures.get(id.0 as usize));
        // A layer is what it owns, too.
        let own = own.map(|s| self.structure(s));
        self.definition(plain, &text(&(structures, own)), |l, f| ids::layer(l, f))
    }

    pub fn hedge(&self, def: &HedgeDef) -> Identity {
        let mut plain = def.clone();
        (plain.span, plain.doc) = (Span::default(), String::new());
        plain.layers.clear();
        let structure = self.structure_key(std::mem::replace(&mut plain.structure, StructureId(0)));
        self.definition(plain, structure, |h, f| ids::hedge(h, f))
    }

    pub fn overlay(&self, def: &OverlayDef) -> Identity {
        let mut plain = def.clone();
        plain.span = Span::default();
        let structure = self.structure_key(std::mem::replace(&mut plain.structure, StructureId(0)));
        self.definition(plain, structure, |o, f| ids::overlay(o, f))
    }

    pub fn subaccount(&self, def: &SubaccountDef) -> Identity {
        let mut plain = def.clone();
        (plain.span, plain.doc) = (Span::default(), String::new());
        hash(&[text(&plain).as_bytes()])
    }

    pub fn threshold(&self, def: &ThresholdDef) -> Identity {
        let mut plain = def.clone();
        (plain.span, plain.doc) = (Span::default(), String::new());
        hash(&[text(&plain).as_bytes()])
    }
}

/// What the legs of a structure are, whatever strikes and expiries they take: positions of two structures that agree in this
/// read alike.
pub(super) fn shape(def: &StructureDef) -> String {
    let legs = def.legs.iter().map(|l| (&l.name, l.side, l.right, l.ratio));
    text(&(&def.shape, def.underlying, legs.collect::<Vec<_>>()))
}
