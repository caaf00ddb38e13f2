//! The tick-clock nodes of a stream: what is read from sources at each tick, and the operators that a change reaches.

use super::programs::{Member, Members, Set};
use crate::clock::Freshness;
use crate::market::is_tick_node;
use crate::ops::row::RowCells;
use crate::plan::{NodeKind, Plan};
use crate::value::Cell;
use alula_dsl::graph::Clock;
use alula_market::series::BarSize;
use std::collections::BTreeMap;

/// How a node reads the newest row of another: on which grid, under which rule of age.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Manner {
    pub(super) size: Option<BarSize>,
    pub(super) fresh: Vec<Freshness>,
}

/// Where a source of the tick clock is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Read {
    /// The newest row of a node, in a manner.
    Newest {
        /// Node with rows.
        input: usize,
        /// Position in [`Ticks::manners`].
        manner: usize,
    },
    /// Snapshots, bars and events.
    Source,
}

/// The tick-clock nodes.
#[derive(Clone, Debug)]
pub(super) struct Ticks {
    /// Nodes that are read; their cells come first.
    pub(super) sources: Vec<(usize, Read)>,
    pub(super) manners: Vec<Manner>,
    /// All nodes in the order of their cells: sources, constants, operators.
    nodes: Vec<usize>,
    place: BTreeMap<usize, usize>,
    cells: RowCells,
    members: Members,
    changed: Set,
}

impl Ticks {
    pub(super) fn new(plan: &Plan) -> Self {
        let tick_nodes: Vec<usize> = plan
            .order()
            .iter()
            .copied()
            .filter(|i| plan.nodes().get(*i).is_some_and(is_tick_node))
            .collect();
        let mut manners: Vec<Manner> = Vec::new();
        let (mut sources, mut constants, mut operators) = (Vec::new(), Vec::new(), Vec::new());
        for &index in &tick_nodes {
            let Some(node) = plan.nodes().get(index) else {
                continue;
            };
            if node.clock == Clock::Constant || plan.fixed(node).is_some() {
                constants.push(index);
                continue;
            }
            match &node.kind {
                NodeKind::Operator(operator) => operators.push((index, node, operator)),
                NodeKind::AsOf(fresh) => {
                    let input = node.inputs.first().copied().unwrap_or(usize::MAX);
                    let manner = Manner {
                        size: plan.nodes().get(input).and_then(|n| n.size()),
                        fresh: fresh.clone(),
                    };
                    let at = manners.iter().position(|m| *m == manner).unwrap_or_else(|| {
                        manners.push(manner);
                        manners.len() - 1
                    });
                    sources.push((index, Read::Newest { input, manner: at }));
                }
                _ => sources.push((index, Read::Source)),
            }
        }
        let nodes: Vec<usize> = sources
            .iter()
            .map(|(i, _)| *i)
            .chain(constants.iter().copied())
            .chain(operators.iter().map(|(i, ..)| *i))
            .collect();
        let place: BTreeMap<usize, usize> = nodes.iter().enumerate().map(|(at, i)| (*i, at)).collect();
        let first = sources.len() + constants.len();
        // What remembers steps at every tick, whatever changes: one more source, which always does.
        let memory = sources.len();
        let mut members: Vec<Member> = Vec::with_capacity(operators.len());
        for (at, (_, node, operator)) in operators.iter().enumerate() {
            let inputs: Vec<usize> = node
                .inputs
                .iter()
                .map(|i| place.get(i).copied().unwrap_or(usize::MAX))
                .collect();
            let mut rests_on = Set::empty(memory + 1);
            if operator.pure().is_none() {
                rests_on.insert(memory);
            }
            for input in &inputs {
                if *input < memory {
                    rests_on.insert(*input);
                } else if let Some(member) = input.checked_sub(first).and_then(|i| members.get(i)) {
                    rests_on.join(&member.rests_on);
                }
            }
            if rests_on == Set::empty(memory + 1) {
                rests_on.insert(memory);
            }
            members.push(Member {
                operator: operator.boxed_clone(),
                inputs,
                out: first + at,
                rests_on,
            });
        }
        let mut ticks = Self {
            changed: Set::empty(memory + 1),
            cells: RowCells::new(nodes.len()),
            members: Members::new(members, first),
            sources,
            manners,
            nodes,
            place,
        };
        ticks.everything();
        ticks
    }

    /// The next tick computes everything.
    fn everything(&mut self) {
        (0..=self.sources.len()).for_each(|i| self.changed.insert(i));
    }

    /// Writes the cell of a constant.
    pub(super) fn constant(&mut self, node: usize, cell: Cell) {
        if let Some(at) = self.place.get(&node) {
            self.cells.set(*at, cell);
            self.everything();
        }
    }

    /// Writes the cell of a source, by its position.
    pub(super) fn source(&mut self, at: usize, cell: Cell) {
        if self.cells.get(at) != cell {
            self.cells.set(at, cell);
            self.changed.insert(at);
        }
    }

    /// Computes the operators that what has changed reaches, and those that remember.
    pub(super) fn run(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        self.members
            .run(&[&changed], &mut self.cells, |m| m.rests_on.meets(&changed));
        self.changed = changed;
        self.changed.clear();
        self.changed.insert(self.sources.len());
    }

    pub(super) fn get(&self, node: usize) -> Option<Cell> {
        self.place.get(&node).map(|at| self.cells.get(*at))
    }

    /// All cells with their nodes.
    pub(super) fn cells(&self) -> impl Iterator<Item = (usize, Cell)> + '_ {
        self.nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (*node, self.cells.get(at)))
    }
}
