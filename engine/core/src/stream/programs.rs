//! Row programs for what has changed: which operators a set of sources reaches, put together once it has been seen twice.

use crate::ops::row::{RowCells, RowNode, RowProgram};
use crate::ops::{INLINE_INPUTS, Operator};
use crate::value::{Cause, Cell};
use std::collections::BTreeMap;

/// Programs kept; a feed that changes ever other sources starts anew past it.
const PROGRAMS: usize = 256;

/// A set of sources.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Set(Vec<u64>);

impl Set {
    pub(super) fn empty(sources: usize) -> Self {
        Self(vec![0; sources.div_ceil(64)])
    }

    pub(super) fn insert(&mut self, source: usize) {
        if let Some(word) = self.0.get_mut(source / 64) {
            *word |= 1 << (source % 64);
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    pub(super) fn is_part_of(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a & !b == 0)
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let bits = (0..64).filter(move |bit| word >> bit & 1 == 1);
            bits.map(move |bit| at * 64 + bit)
        })
    }
}

/// An operator among the cells of its clock.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) operator: Box<dyn Operator>,
    /// Positions of its inputs' cells.
    pub(super) inputs: Vec<usize>,
    /// Position of its cell.
    pub(super) out: usize,
    /// Sources that it rests on.
    pub(super) rests_on: Set,
}

impl Member {
    pub(super) fn step(&mut self, cells: &mut RowCells) {
        let mut inline = [Cell::missing(Cause::NoData); INLINE_INPUTS];
        let cell = match inline.get_mut(..self.inputs.len()) {
            Some(gathered) => {
                for (slot, i) in gathered.iter_mut().zip(&self.inputs) {
                    *slot = cells.get(*i);
                }
                self.operator.step(gathered)
            }
            None => {
                let gathered: Vec<Cell> = self.inputs.iter().map(|i| cells.get(*i)).collect();
                self.operator.step(&gathered)
            }
        };
        cells.set(self.out, cell);
    }
}

/// The operators of a clock, inputs first; their cells lie in the same order behind those of sources and constants.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    members: Vec<Member>,
    /// Position of the first one's cell.
    first: usize,
    /// By what has changed; `None` for what has been seen once.
    programs: BTreeMap<Vec<u64>, Option<RowProgram>>,
    key: Vec<u64>,
}

impl Members {
    pub(super) fn new(members: Vec<Member>, first: usize) -> Self {
        Self {
            members,
            first,
            programs: BTreeMap::new(),
            key: Vec::new(),
        }
    }

    pub(super) fn all(&self) -> &[Member] {
        &self.members
    }

    /// The operator whose cell is at a position.
    pub(super) fn at(&self, cell: usize) -> Option<&Member> {
        self.members.get(cell.checked_sub(self.first)?)
    }

    /// Steps the operators that are `wanted`, always the same ones for the same `sets`.
    pub(super) fn run(&mut self, sets: &[&Set], cells: &mut RowCells, wanted: impl Fn(&Member) -> bool) {
        self.key.clear();
        sets.iter().for_each(|set| self.key.extend(set.words()));
        match self.programs.get_mut(self.key.as_slice()) {
            Some(Some(program)) => {
                let (members, first) = (&mut self.members, self.first);
                program.run(cells, |out, cells| {
                    if let Some(member) = out.checked_sub(first).and_then(|i| members.get_mut(i)) {
                        member.step(cells);
                    }
                });
            }
            found => {
                if let Some(unbuilt) = found {
                    let nodes = self.members.iter().filter(|m| wanted(m)).map(|m| RowNode {
                        out: m.out,
                        operator: m.operator.as_ref(),
                        inputs: &m.inputs,
                    });
                    *unbuilt = Some(RowProgram::new(nodes));
                } else {
                    if self.programs.len() >= PROGRAMS {
                        self.programs.clear();
                    }
                    self.programs.insert(self.key.clone(), None);
                }
                for member in self.members.iter_mut().filter(|m| wanted(m)) {
                    member.step(cells);
                }
            }
        }
    }
}
