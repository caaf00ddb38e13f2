//! The operators of a clock with rows, row by row as their sources close them.
//!
//! A frame holds the cells of one row until every source has closed it. When all do so at one instant, which is the rule, there is
//! one frame and one program.

use super::programs::{Member, Members, Set};
use crate::column::Column;
use crate::ops::row::RowCells;
use crate::plan::{NodeKind, Plan};
use crate::rows::Rows;
use crate::value::Cell;
use alula_dsl::graph::{Clock, Domain};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[derive(Clone, Debug)]
struct Frame {
    cells: RowCells,
    arrived: Set,
}

/// The operators of one clock.
#[derive(Clone, Debug)]
pub(super) struct Frames {
    /// Nodes that are read from a source, and how many of their rows have been taken. Their cells come first.
    sources: Vec<(usize, usize)>,
    /// Constant nodes that operators read; their cells follow.
    constants: Vec<usize>,
    /// Nodes of the operators.
    nodes: Vec<usize>,
    members: Members,
    /// Rows that some source has closed and some has not.
    open: VecDeque<Frame>,
    /// Row of the first of them.
    base: usize,
    /// The row before it.
    last: Frame,
    spare: Option<Frame>,
    all: Set,
    /// Set aside to be written.
    before: Set,
    /// The rows of every operator, kept from the moment on at which they can no longer be computed again.
    kept: Option<Vec<Column>>,
    /// The rows of code from outside, which may not give the same again: position in `nodes`, and column.
    remembered: Vec<(usize, Column)>,
}

impl Frames {
    /// The operators of a clock, and where the cell of each is.
    pub(super) fn new(plan: &Plan, clock: Clock) -> (Self, BTreeMap<usize, usize>) {
        let mut sources: BTreeSet<usize> = BTreeSet::new();
        let mut constants: BTreeSet<usize> = BTreeSet::new();
        // Operators without any source never make a step, nor do those that read them.
        let mut found: BTreeSet<usize> = BTreeSet::new();
        let of_clock = |i: &usize| {
            let node = plan.nodes().get(*i)?;
            (node.domain == Domain::Market && node.clock == clock).then_some(node)
        };
        for &index in plan.order() {
            let Some(node) = of_clock(&index).filter(|n| matches!(n.kind, NodeKind::Operator(_))) else {
                continue;
            };
            let with_rows = |i: &&usize| plan.nodes().get(**i).is_some_and(|n| n.has_rows());
            let is_source = |i: &usize| of_clock(i).is_some_and(|n| !matches!(n.kind, NodeKind::Operator(_)));
            let mut slow = node.inputs.iter().filter(with_rows).peekable();
            if slow.peek().is_none() || !slow.all(|i| found.contains(i) || is_source(i)) {
                continue;
            }
            for &input in &node.inputs {
                if is_source(&input) {
                    sources.insert(input);
                } else if !found.contains(&input) {
                    constants.insert(input);
                }
            }
            found.insert(index);
        }
        let nodes: Vec<usize> = plan
            .order()
            .iter()
            .copied()
            .filter(|i| found.contains(i))
            .collect();
        let cells = sources.iter().chain(&constants).chain(&nodes);
        let place: BTreeMap<usize, usize> = cells.enumerate().map(|(at, node)| (*node, at)).collect();
        let first = sources.len() + constants.len();
        let mut members: Vec<Member> = Vec::with_capacity(nodes.len());
        let mut remembered: Vec<(usize, Column)> = Vec::new();
        for (at, index) in nodes.iter().enumerate() {
            let Some(node) = plan.nodes().get(*index) else {
                continue;
            };
            let NodeKind::Operator(operator) = &node.kind else {
                continue;
            };
            let inputs: Vec<usize> = node
                .inputs
                .iter()
                .map(|i| place.get(i).copied().unwrap_or(usize::MAX))
                .collect();
            let mut rests_on = Set::empty(sources.len());
            for input in &inputs {
                if *input < sources.len() {
                    rests_on.insert(*input);
                } else if let Some(member) = input.checked_sub(first).and_then(|i| members.get(i)) {
                    rests_on.join(&member.rests_on);
                }
            }
            if operator.is_foreign() {
                remembered.push((at, Column::new(node.value)));
            }
            members.push(Member {
                operator: operator.boxed_clone(),
                inputs,
                out: first + at,
                rests_on,
            });
        }
        let mut all = Set::empty(sources.len());
        (0..sources.len()).for_each(|i| all.insert(i));
        let frame = Frame {
            cells: RowCells::new(place.len()),
            arrived: Set::empty(sources.len()),
        };
        let place = nodes.iter().enumerate().map(|(at, i)| (*i, first + at)).collect();
        let frames = Self {
            before: Set::empty(sources.len()),
            sources: sources.into_iter().map(|i| (i, 0)).collect(),
            constants: constants.into_iter().collect(),
            members: Members::new(members, first),
            nodes,
            open: VecDeque::new(),
            base: 0,
            last: frame,
            spare: None,
            all,
            kept: None,
            remembered,
        };
        (frames, place)
    }

    pub(super) fn nodes(&self) -> &[usize] {
        &self.nodes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether no operator has made a step.
    pub(super) fn is_fresh(&self) -> bool {
        self.sources.iter().all(|(_, taken)| *taken == 0)
    }

    /// Cells of constants, for all steps to come.
    pub(super) fn constants(&mut self, cell: impl Fn(usize) -> Cell) {
        let frames = self
            .open
            .iter_mut()
            .chain([&mut self.last])
            .chain(&mut self.spare);
        for frame in frames {
            for (at, node) in self.constants.iter().enumerate() {
                frame.cells.set(self.sources.len() + at, cell(*node));
            }
        }
    }

    /// From now on every row is kept; `so_far` are those until now, in the order of [`Frames::nodes`].
    pub(super) fn keep(&mut self, so_far: Vec<Column>) {
        self.kept = Some(so_far);
    }

    /// The rows that are kept, in the order of [`Frames::nodes`].
    pub(super) fn kept(&self) -> Option<&[Column]> {
        self.kept.as_deref()
    }

    /// Nodes whose rows are remembered from the first on, with them.
    pub(super) fn remembered(&self) -> impl Iterator<Item = (usize, &Column)> {
        let all = self.remembered.iter();
        all.filter_map(|(at, column)| Some((*self.nodes.get(*at)?, column)))
    }

    /// Computes every row that can be computed now.
    pub(super) fn settle<'r>(&mut self, rows: impl Fn(usize) -> Option<Rows<'r>>) {
        let closed = |node: usize| rows(node).map_or(0, |r| r.len());
        let news = self.sources.iter().map(|(node, taken)| (*taken, closed(*node)));
        let news: (usize, usize) = news
            .filter(|(taken, closed)| taken < closed)
            .fold((usize::MAX, 0), |(from, until), (taken, closed)| {
                (from.min(taken), until.max(closed))
            });
        for row in news.0..news.1 {
            while self.base + self.open.len() <= row {
                let frame = self.spare.take().unwrap_or_else(|| self.last.clone());
                self.open.push_back(frame);
                if let Some(frame) = self.open.back_mut() {
                    frame.arrived.clear();
                }
            }
            let Some(frame) = row.checked_sub(self.base).and_then(|i| self.open.get_mut(i)) else {
                break;
            };
            self.before.clone_from(&frame.arrived);
            for (at, (node, taken)) in self.sources.iter_mut().enumerate() {
                if *taken == row
                    && let Some(found) = rows(*node).filter(|r| r.len() > row)
                {
                    frame.cells.set(at, found.column.get(row));
                    frame.arrived.insert(at);
                    *taken += 1;
                }
            }
            if frame.arrived == self.before {
                continue;
            }
            let (before, now) = (&self.before, &frame.arrived);
            let wanted = |m: &Member| m.rests_on.is_part_of(now) && !m.rests_on.is_part_of(before);
            self.members.run(&[before, now], &mut frame.cells, wanted);
            if let Some(kept) = &mut self.kept {
                for (column, member) in kept.iter_mut().zip(self.members.all()) {
                    if wanted(member) {
                        column.push(frame.cells.get(member.out));
                    }
                }
            }
            for (at, column) in &mut self.remembered {
                let member = self.members.all().get(*at);
                if let Some(member) = member.filter(|m| wanted(m)) {
                    column.push(frame.cells.get(member.out));
                }
            }
            if row == self.base
                && frame.arrived == self.all
                && let Some(frame) = self.open.pop_front()
            {
                self.spare = Some(std::mem::replace(&mut self.last, frame));
                self.base += 1;
            }
        }
    }

    /// The newest row of an operator whose cell is at a position: its number and its value.
    pub(super) fn newest(&self, place: usize) -> Option<(usize, Cell)> {
        let closed = if self.open.is_empty() {
            self.base
        } else {
            let rests_on = &self.members.at(place)?.rests_on;
            let taken = rests_on.iter().filter_map(|i| self.sources.get(i));
            taken.map(|(_, taken)| *taken).min()?
        };
        let row = closed.checked_sub(1)?;
        let frame = match row.checked_sub(self.base) {
            Some(open) => self.open.get(open)?,
            None => &self.last,
        };
        Some((row, frame.cells.get(place)))
    }
}
