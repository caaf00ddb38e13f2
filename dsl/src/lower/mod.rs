//! Builds the graph: equal computations become one node, clocks are brought together, what nothing uses is pruned.

mod finish;
pub(crate) mod ids;

pub(crate) use finish::finish;

use crate::graph::{Arith, Clock, Domain, Node, NodeId, Op, ValueKind};
use crate::span::Span;
use std::collections::{BTreeMap, BTreeSet};

/// Where a node comes from: its key, the text that it is shown as, and the place where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) key: String,
    pub(crate) text: String,
    pub(crate) span: Span,
}

impl Origin {
    pub(crate) fn new(key: impl Into<String>, text: impl Into<String>, span: Span) -> Self {
        Self {
            key: key.into(),
            text: text.into(),
            span,
        }
    }

    /// The same place, one step further down its path.
    pub(crate) fn child(&self, step: &str) -> Self {
        Self {
            key: format!("{}.{step}", self.key),
            ..self.clone()
        }
    }
}

/// Nodes under construction. A node's inputs always precede it.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    nodes: Vec<Node>,
    /// Computation (in a canonical spelling) to node. Only looked up, never iterated.
    known: BTreeMap<String, NodeId>,
    keys: BTreeSet<String>,
}

impl Builder {
    /// The node of an id that this builder gave out.
    pub(crate) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// Every node so far.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) fn kind(&self, id: NodeId) -> ValueKind {
        self.node(id).map_or(ValueKind::Bool, |n| n.kind)
    }

    pub(crate) fn clock(&self, id: NodeId) -> Clock {
        self.node(id).map_or(Clock::Constant, |n| n.clock)
    }

    pub(crate) fn domain(&self, id: NodeId) -> Domain {
        self.node(id).map_or(Domain::Market, |n| n.domain)
    }

    pub(crate) fn text(&self, id: NodeId) -> String {
        self.node(id).map(|n| n.text.clone()).unwrap_or_default()
    }

    /// The value of a constant node.
    pub(crate) fn constant(&self, id: NodeId) -> Option<f64> {
        match self.node(id)?.op {
            Op::Number(x) => Some(x),
            _ => None,
        }
    }

    /// The node of this computation; a new one only when there is none yet. `own` is the domain that the operation has by
    /// itself; the inputs' domains are added.
    pub(crate) fn emit(
        &mut self,
        op: Op,
        inputs: Vec<NodeId>,
        kind: ValueKind,
        clock: Clock,
        own: Domain,
        origin: Origin,
    ) -> NodeId {
        let domain = inputs.iter().map(|i| self.domain(*i)).fold(own, Domain::max);
        // The derived spelling of an operation tells all its parameters apart, the bits of its numbers included.
        let mut computation = format!("{op:?} {inputs:?} {kind:?} {clock:?} {domain:?}");
        if matches!(op, Op::Number(_)) {
            // `2` and `200%` are one number, but a trace that shows the one where the other stands would puzzle.
            computation.push_str(&origin.text);
        }
        if let Some(id) = self.known.get(&computation) {
            return *id;
        }
        let rank = inputs
            .iter()
            .filter_map(|i| self.node(*i))
            .map(|n| n.rank + 1)
            .max()
            .unwrap_or(0);
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        let key = self.fresh(origin.key);
        self.nodes.push(Node {
            key,
            op,
            inputs,
            kind,
            clock,
            domain,
            rank,
            text: origin.text,
            span: origin.span,
        });
        self.known.insert(computation, id);
        id
    }

    /// A key that no node has yet: paths are unique by themselves, so the number is for paths that only look alike.
    fn fresh(&mut self, key: String) -> String {
        let mut candidate = key.clone();
        let mut n = 2;
        while !self.keys.insert(candidate.clone()) {
            candidate = format!("{key}~{n}");
            n += 1;
        }
        candidate
    }

    /// Gives a node the name of the item that defines it, unless it already carries another item's name.
    pub(crate) fn name(&mut self, id: NodeId, name: &str, named: &mut BTreeSet<NodeId>) {
        if !named.insert(id) || self.node(id).is_some_and(|n| n.key == name) {
            return;
        }
        let key = self.fresh(name.to_owned());
        if let Some(node) = self.nodes.get_mut(id.0 as usize) {
            // A source keeps its own name too well known to replace: `VIX.last` stays readable in traces.
            if !matches!(node.op, Op::Field { .. } | Op::Feed(_) | Op::Threshold(_)) {
                self.keys.remove(&std::mem::replace(&mut node.key, key));
                return;
            }
        }
        self.keys.remove(&key);
    }

    /// A constant.
    pub(crate) fn number(&mut self, x: f64, kind: ValueKind, origin: Origin) -> NodeId {
        // One zero: a negative one would print and compare differently for no reason a reader could see.
        let x = if x == 0.0 { 0.0 } else { x };
        self.emit(
            Op::Number(x),
            Vec::new(),
            kind,
            Clock::Constant,
            Domain::Market,
            origin,
        )
    }

    /// Arithmetic; two constants are computed at once, with the very operation that the engine would use.
    pub(crate) fn arith(
        &mut self,
        op: Arith,
        a: NodeId,
        b: NodeId,
        kind: ValueKind,
        origin: Origin,
    ) -> NodeId {
        if let (Some(x), Some(y)) = (self.constant(a), self.constant(b)) {
            let z = match op {
                Arith::Add => x + y,
                Arith::Sub => x - y,
                Arith::Mul => x * y,
                Arith::Div => x / y,
            };
            if z.is_finite() {
                return self.number(z, kind, origin);
            }
        }
        let (inputs, clock) = self.align(&[a, b]);
        self.emit(Op::Arith(op), inputs, kind, clock, Domain::Market, origin)
    }

    /// The newest value of a slower clock, read at each tick.
    pub(crate) fn at_tick(&mut self, id: NodeId) -> NodeId {
        match self.clock(id) {
            Clock::Constant | Clock::Tick => id,
            Clock::Session | Clock::Minutes(_) => self.resample(Op::AsOf, id, Clock::Tick, "asof"),
        }
    }

    /// A tick-clock value sampled at the last tick of each session.
    pub(crate) fn at_session(&mut self, id: NodeId) -> NodeId {
        self.resample(Op::SessionLast, id, Clock::Session, "session")
    }

    fn resample(&mut self, op: Op, id: NodeId, clock: Clock, step: &str) -> NodeId {
        let Some(node) = self.node(id) else { return id };
        let (kind, origin) = (
            node.kind,
            Origin::new(&node.key, &node.text, node.span).child(step),
        );
        self.emit(op, vec![id], kind, clock, Domain::Market, origin)
    }

    /// Brings inputs to one clock: their common one, or each to the tick.
    pub(crate) fn align(&mut self, ids: &[NodeId]) -> (Vec<NodeId>, Clock) {
        let mut common = Clock::Constant;
        let mut mixed = false;
        for clock in ids
            .iter()
            .map(|i| self.clock(*i))
            .filter(|c| *c != Clock::Constant)
        {
            mixed |= common != Clock::Constant && common != clock;
            common = clock;
        }
        if mixed {
            return (ids.iter().map(|i| self.at_tick(*i)).collect(), Clock::Tick);
        }
        (ids.to_vec(), common)
    }

    pub(crate) fn into_nodes(self) -> Vec<Node> {
        self.nodes
    }
}
