//! The columns of a plan's market nodes, and how operators are taken through them together.
//!
//! Operators whose inputs are there and that make the same number of steps on the same clock go into one sweep. Of its
//! columns those are kept that something outside the sweep reads; the others are computed again, all at once, if somebody asks
//! for them.

use crate::column::{Column, Input};
use crate::ops::Operator;
use crate::ops::sweep::{Computation, Source, Sweep};
use crate::plan::{NodeKind, Plan, PlanNode};
use crate::rows::{Lanes, Rows};
use crate::value::{Cause, Cell};
use alula_dsl::graph::{Clock, Domain};
use alula_market::time::Instant;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Columns by node.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    /// Steps of the tick clock.
    ticks: usize,
    lanes: Lanes,
    /// When the rows of a node can be read.
    lane: Vec<Option<usize>>,
    columns: Vec<Option<Column>>,
    /// Nodes that are the same at each step.
    constants: Vec<Option<Cell>>,
    /// Market nodes that read a node.
    readers: Vec<Vec<usize>>,
    groups: Vec<Group>,
    /// Group of a node whose column was not kept, and its position there.
    place: Vec<Option<(usize, usize)>>,
}

/// Operators that went through one sweep, as they were before it.
#[derive(Clone, Debug)]
struct Group {
    computations: Vec<Computation>,
    /// Nodes whose columns were given.
    given: Vec<usize>,
    steps: usize,
    /// The columns that were not kept, once somebody has asked.
    rest: OnceLock<Vec<Option<Column>>>,
}

/// Operators with this key make the same steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    clock: Clock,
    steps: usize,
}

impl Columns {
    /// No columns yet; constants are there.
    pub(crate) fn new(plan: &Plan, ticks: usize) -> Self {
        let nodes = plan.nodes();
        let count = nodes.len();
        let mut readers = vec![Vec::new(); count];
        for &index in plan.order() {
            let market = nodes.get(index).filter(|n| n.domain == Domain::Market);
            for input in market.into_iter().flat_map(|n| &n.inputs) {
                if let Some(of) = readers.get_mut(*input) {
                    of.push(index);
                }
            }
        }
        Self {
            ticks,
            lanes: Lanes::default(),
            lane: vec![None; count],
            columns: vec![None; count],
            constants: nodes
                .iter()
                .map(|n| plan.fixed(n).filter(|_| !n.has_rows()))
                .collect(),
            readers,
            groups: Vec::new(),
            place: vec![None; count],
        }
    }

    /// A constant-clock node's cell.
    pub(crate) fn put_constant(&mut self, node: usize, cell: Cell) {
        put(&mut self.constants, node, cell);
    }

    /// The rows of a node that is read from a source.
    pub(crate) fn put_rows(&mut self, node: usize, column: Column, visible: Vec<Instant>) {
        let lane = self.lanes.intern(visible);
        self.put_in_lane(node, column, lane);
    }

    /// As [`Columns::put_rows`], for rows that can be read as those of a lane.
    pub(crate) fn put_in_lane(&mut self, node: usize, column: Column, lane: usize) {
        put(&mut self.lane, node, lane);
        put(&mut self.columns, node, column);
    }

    /// Rows of an operator that are there, which can be read when those of its inputs can.
    pub(crate) fn put_beside_inputs(&mut self, plan: &Plan, node: usize, column: Column) {
        let lane = plan.nodes().get(node).map(|n| self.join(n));
        self.put_in_lane(node, column, lane.unwrap_or_default());
    }

    /// The lane of an operator's rows.
    fn join(&mut self, node: &PlanNode) -> usize {
        let mut joined = None;
        for input in &node.inputs {
            if let Some(lane) = self.lane_of(*input) {
                joined = Some(joined.map_or(lane, |so_far| self.lanes.join(so_far, lane)));
            }
        }
        joined.unwrap_or_else(|| self.lanes.intern(Vec::new()))
    }

    /// A lane for rows that can be read from these instants on.
    pub(crate) fn lane(&mut self, visible: Vec<Instant>) -> usize {
        self.lanes.intern(visible)
    }

    /// Lane of a node's rows.
    pub(crate) fn lane_of(&self, node: usize) -> Option<usize> {
        self.lane.get(node).copied().flatten()
    }

    /// Instants of a lane.
    pub(crate) fn visible(&self, lane: usize) -> &[Instant] {
        self.lanes.list(lane)
    }

    /// The column of a tick-clock node.
    pub(crate) fn put_ticks(&mut self, node: usize, column: Column) {
        put(&mut self.columns, node, column);
    }

    /// Whether a node has been computed.
    pub(crate) fn is_done(&self, node: usize) -> bool {
        self.constant(node).is_some() || self.column(node).is_some() || self.place(node).is_some()
    }

    /// The cell of a node that is the same at each step.
    pub(crate) fn constant(&self, node: usize) -> Option<Cell> {
        self.constants.get(node).copied().flatten()
    }

    /// A column that was kept.
    pub(crate) fn column(&self, node: usize) -> Option<&Column> {
        self.columns.get(node).and_then(Option::as_ref)
    }

    /// What a node gives to those that read it.
    pub(crate) fn input(&self, node: usize) -> Input<'_> {
        match (self.constant(node), self.column(node)) {
            (Some(cell), _) => Input::Constant(cell),
            (None, Some(column)) => Input::Column(column),
            (None, None) => Input::Constant(Cell::missing(Cause::NoData)),
        }
    }

    /// Rows of a node, computed again if they were not kept.
    pub(crate) fn rows(&self, node: usize) -> Option<Rows<'_>> {
        let visible = self.visible(self.lane_of(node)?);
        let column = match self.column(node) {
            Some(column) => column,
            None => {
                let (group, position) = self.place(node)?;
                let group = self.groups.get(group)?;
                let rest = group.rest.get_or_init(|| self.rest(group));
                rest.get(position)?.as_ref()?
            }
        };
        Some(Rows { column, visible })
    }

    fn place(&self, node: usize) -> Option<(usize, usize)> {
        self.place.get(node).copied().flatten()
    }

    fn given<'a>(&'a self, nodes: &[usize], none: &'a Column) -> Vec<&'a Column> {
        nodes.iter().map(|i| self.column(*i).unwrap_or(none)).collect()
    }

    fn rest(&self, group: &Group) -> Vec<Option<Column>> {
        let none = Column::numbers();
        let mut sweep = Sweep::new(group.computations.clone());
        sweep.run(&self.given(&group.given, &none), group.steps);
        (0..group.computations.len()).map(|i| sweep.take(i)).collect()
    }

    /// Takes the operators among these nodes (in the plan's order) that can be computed now through their inputs' columns.
    pub(crate) fn sweep(&mut self, plan: &Plan, nodes: &[usize]) {
        let mut groups: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
        let mut key_of: BTreeMap<usize, Key> = BTreeMap::new();
        for &index in nodes {
            let Some(node) = plan.nodes().get(index) else {
                continue;
            };
            if !matches!(node.kind, NodeKind::Operator(_)) || node.clock == Clock::Constant {
                continue;
            }
            let Some(key) = self.key(index, node, &key_of) else {
                continue;
            };
            key_of.insert(index, key);
            groups.entry(key).or_default().push(index);
        }
        for (key, nodes) in groups {
            self.sweep_group(plan, &nodes, key.steps);
        }
    }

    /// The steps that an operator makes, if its inputs are computed or make the same ones in the same sweep. The lane of its
    /// rows is noted.
    fn key(&mut self, index: usize, node: &PlanNode, key_of: &BTreeMap<usize, Key>) -> Option<Key> {
        let ready = |i: &usize| self.is_done(*i) || key_of.contains_key(i);
        if !node.inputs.iter().all(ready) {
            return None;
        }
        let mut key = Key {
            clock: node.clock,
            steps: self.ticks,
        };
        if node.has_rows() {
            let lane = self.join(node);
            key.steps = self.lanes.list(lane).len();
            put(&mut self.lane, index, lane);
        }
        let together = node.inputs.iter().filter_map(|i| key_of.get(i));
        together.into_iter().all(|k| *k == key).then_some(key)
    }

    fn sweep_group(&mut self, plan: &Plan, nodes: &[usize], steps: usize) {
        let positions: BTreeMap<usize, usize> = nodes.iter().enumerate().map(|(at, i)| (*i, at)).collect();
        let mut given: Vec<usize> = Vec::new();
        let mut given_at: BTreeMap<usize, usize> = BTreeMap::new();
        let mut computations = Vec::new();
        for &index in nodes {
            let Some((node, operator)) = plan.nodes().get(index).and_then(operator) else {
                continue;
            };
            let source = |input: &usize| {
                if let Some(at) = positions.get(input) {
                    return Source::Computed(*at);
                }
                match (self.constant(*input), self.column(*input)) {
                    (Some(cell), _) => Source::Constant(cell),
                    (None, Some(_)) => Source::Given(*given_at.entry(*input).or_insert_with(|| {
                        given.push(*input);
                        given.len() - 1
                    })),
                    (None, None) => Source::Constant(Cell::missing(Cause::NoData)),
                }
            };
            let sources = node.inputs.iter().map(source).collect();
            let outside = |i: &usize| !positions.contains_key(i);
            let keep = !node.has_rows()
                || self
                    .readers
                    .get(index)
                    .is_some_and(|readers| readers.iter().any(outside));
            computations.push(Computation {
                operator,
                kind: node.value,
                sources,
                keep,
            });
        }
        let mut sweep = Sweep::new(computations.clone());
        let none = Column::numbers();
        sweep.run(&self.given(&given, &none), steps);
        let group = self.groups.len();
        for (at, (&index, computation)) in nodes.iter().zip(&mut computations).enumerate() {
            match sweep.take(at) {
                Some(column) => put(&mut self.columns, index, column),
                None => put(&mut self.place, index, (group, at)),
            }
            computation.keep = !computation.keep;
        }
        if computations.iter().any(|c| c.keep) {
            self.groups.push(Group {
                computations,
                given,
                steps,
                rest: OnceLock::new(),
            });
        }
    }
}

/// A node's operator in its initial state.
fn operator(node: &PlanNode) -> Option<(&PlanNode, Box<dyn Operator>)> {
    match &node.kind {
        NodeKind::Operator(operator) => Some((node, operator.boxed_clone())),
        _ => None,
    }
}

fn put<T>(slots: &mut [Option<T>], index: usize, value: T) {
    if let Some(slot) = slots.get_mut(index) {
        *slot = Some(value);
    }
}
