//! Many operators over one step: what a live tick costs.
//!
//! Stepping a graph node by node costs more for finding out what to do than for doing it: an indirect call, a gathered list
//! of inputs, and a branch that no processor predicts. Here nodes of one operation stand together as far as their inputs
//! allow, so that each group is one loop over (input, input, output) with the operation known; formulas are those of the
//! operators themselves.
//!
//! Where everything that a stretch of groups reads is known, which is the rule, the loops handle numbers alone and note only
//! whether all results are finite. If one is not, the stretch is done again by the definition, cause by cause.

use super::pure::{self, Pure};
use super::{INLINE_INPUTS, Operator};
use crate::column::WORD;
use crate::value::{Cause, Cell};
use alula_dsl::graph::{Arith, Cmp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The cells of one step: numbers, which of them are known, and why the others are not.
#[derive(Clone, Debug, Default)]
pub struct RowCells {
    /// 0 where missing.
    values: Vec<f64>,
    known: Vec<u64>,
    /// Only of those that are missing.
    causes: Vec<Cause>,
}

impl RowCells {
    /// So many cells, all `missing(no data)`.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self {
            values: vec![0.0; count],
            known: vec![0; count.div_ceil(WORD)],
            causes: vec![Cause::NoData; count],
        }
    }

    /// A cell; `missing(no data)` where there is none.
    #[must_use]
    #[inline]
    pub fn get(&self, i: usize) -> Cell {
        if self
            .known
            .get(i / WORD)
            .is_some_and(|word| word >> (i % WORD) & 1 == 1)
        {
            self.values
                .get(i)
                .map_or(Cell::missing(Cause::NoData), |v| Cell::number(*v))
        } else {
            Cell::missing(self.causes.get(i).copied().unwrap_or(Cause::NoData))
        }
    }

    /// Writes a cell, if there is one.
    #[inline]
    pub fn set(&mut self, i: usize, cell: Cell) {
        if let (Some(v), Some(known)) = (self.values.get_mut(i), self.known.get_mut(i / WORD)) {
            *v = cell.raw();
            let bit = 1 << (i % WORD);
            match cell.cause() {
                None => *known |= bit,
                Some(cause) => {
                    *known &= !bit;
                    if let Some(slot) = self.causes.get_mut(i) {
                        *slot = cause;
                    }
                }
            }
        }
    }

    fn all_known(&self, of: &Positions) -> bool {
        let word = |at: u32| self.known.get(at as usize).copied().unwrap_or(0);
        of.0.iter().all(|(at, bits)| bits & !word(*at) == 0)
    }

    /// Notes that cells are known, whose numbers have been written.
    fn know(&mut self, of: &Positions) {
        for (at, bits) in &of.0 {
            if let Some(known) = self.known.get_mut(*at as usize) {
                *known |= bits;
            }
        }
    }
}

/// Positions of cells, as bits of words.
#[derive(Clone, Debug, Default)]
struct Positions(Vec<(u32, u64)>);

impl Positions {
    fn new(positions: impl IntoIterator<Item = u32>) -> Self {
        let mut words: BTreeMap<u32, u64> = BTreeMap::new();
        for i in positions {
            *words.entry(i / 64).or_default() |= 1 << (i % 64);
        }
        Self(words.into_iter().collect())
    }

    fn len(&self) -> usize {
        self.0.iter().map(|(_, bits)| bits.count_ones() as usize).sum()
    }
}

/// One operation: positions of its inputs and of its result among the cells.
#[derive(Clone, Copy, Debug)]
struct Place {
    a: u32,
    b: u32,
    out: u32,
}

/// Operations that can be done in any order, but for a conjunction's or disjunction's own inputs.
#[derive(Clone, Debug)]
enum Group {
    Arith(Arith, Vec<Place>),
    Compare(Cmp, Vec<Place>),
    And(Vec<Place>),
    Or(Vec<Place>),
    /// `b` is not read.
    Not(Vec<Place>),
    /// Everything else without memory.
    Pure(Vec<(Pure, Vec<u32>, u32)>),
    /// Operators that the caller steps, by their cells' positions.
    Other(Vec<usize>),
}

/// Operators with memory, then groups without.
#[derive(Clone, Debug, Default)]
struct Stretch {
    others: Vec<usize>,
    groups: Vec<Group>,
    /// Cells that the groups read and do not write.
    reads: Positions,
    /// Cells that the groups write.
    writes: Positions,
}

/// The nodes of a graph, ordered for stepping them together.
#[derive(Clone, Debug, Default)]
pub struct RowProgram {
    stretches: Vec<Stretch>,
}

/// A node as a row program sees it.
#[derive(Clone, Copy, Debug)]
pub struct RowNode<'a> {
    /// Position of its cell.
    pub out: usize,
    /// Its operator.
    pub operator: &'a dyn Operator,
    /// Positions of its inputs' cells.
    pub inputs: &'a [usize],
}

impl RowProgram {
    /// A program for nodes that come in an order in which each stands after those it reads. Cells that no node writes
    /// (sources, constants) are the caller's to fill.
    #[must_use]
    pub fn new<'a>(nodes: impl IntoIterator<Item = RowNode<'a>>) -> Self {
        let nodes: Vec<RowNode<'a>> = nodes.into_iter().collect();
        let mut writer: Vec<Option<usize>> = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            if writer.len() <= node.out {
                writer.resize(node.out + 1, None);
            }
            if let Some(slot) = writer.get_mut(node.out) {
                *slot = Some(at);
            }
        }
        let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
        let mut waiting = vec![0_usize; nodes.len()];
        for (at, node) in nodes.iter().enumerate() {
            // What does not come before is read as it stands.
            let before = node
                .inputs
                .iter()
                .filter_map(|i| writer.get(*i).copied().flatten())
                .filter(|w| *w < at);
            for w in before {
                if let (Some(of), Some(count)) = (readers.get_mut(w), waiting.get_mut(at)) {
                    of.push(at);
                    *count += 1;
                }
            }
        }
        let mut ready: BTreeMap<u8, VecDeque<usize>> = BTreeMap::new();
        let release = |ready: &mut BTreeMap<u8, VecDeque<usize>>, at: usize| {
            if let Some(node) = nodes.get(at) {
                ready.entry(family(node)).or_default().push_back(at);
            }
        };
        (0..nodes.len())
            .filter(|at| waiting.get(*at) == Some(&0))
            .for_each(|at| release(&mut ready, at));
        let mut groups = Vec::new();
        // The longest group first: the fewer groups there are, the less is spent between them.
        while let Some((family, _)) = ready
            .iter()
            .max_by_key(|(family, nodes)| (nodes.len(), Reverse(**family)))
        {
            let family = *family;
            let mut group: Option<Group> = None;
            while let Some(at) = ready.get_mut(&family).and_then(VecDeque::pop_front) {
                let Some(node) = nodes.get(at) else { continue };
                add(group.get_or_insert_with(|| empty(node)), node);
                for reader in readers.get(at).into_iter().flatten() {
                    if let Some(count) = waiting.get_mut(*reader) {
                        *count -= 1;
                        if *count == 0 {
                            release(&mut ready, *reader);
                        }
                    }
                }
            }
            ready.remove(&family);
            groups.extend(group);
        }
        Self::of(groups)
    }

    fn of(groups: Vec<Group>) -> Self {
        let mut stretches = vec![Stretch::default()];
        for group in groups {
            match group {
                Group::Other(others) => stretches.push(Stretch {
                    others,
                    ..Stretch::default()
                }),
                group => {
                    if let Some(stretch) = stretches.last_mut() {
                        stretch.groups.push(group);
                    }
                }
            }
        }
        stretches.retain(|s| !s.others.is_empty() || !s.groups.is_empty());
        for stretch in &mut stretches {
            let written: BTreeSet<u32> = stretch.groups.iter().flat_map(Group::writes).collect();
            let read: BTreeSet<u32> = stretch.groups.iter().flat_map(Group::reads).collect();
            stretch.reads = Positions::new(read.difference(&written).copied());
            stretch.writes = Positions::new(written);
        }
        Self { stretches }
    }

    /// How many operators it computes.
    #[must_use]
    pub fn len(&self) -> usize {
        let of = |s: &Stretch| s.others.len() + s.writes.len();
        self.stretches.iter().map(of).sum()
    }

    /// Whether it computes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// Computes one step. `other` steps an operator with memory, given the position of its cell.
    pub fn run(&self, cells: &mut RowCells, mut other: impl FnMut(usize, &mut RowCells)) {
        for stretch in &self.stretches {
            stretch.others.iter().for_each(|out| other(*out, cells));
            if cells.all_known(&stretch.reads)
                && stretch
                    .groups
                    .iter()
                    .fold(true, |finite, group| group.numbers(&mut cells.values) & finite)
            {
                cells.know(&stretch.writes);
            } else {
                stretch.groups.iter().for_each(|group| group.cells(cells));
            }
        }
    }
}

impl Group {
    fn writes(&self) -> Vec<u32> {
        match self {
            Self::Arith(_, places)
            | Self::Compare(_, places)
            | Self::And(places)
            | Self::Or(places)
            | Self::Not(places) => places.iter().map(|p| p.out).collect(),
            Self::Pure(nodes) => nodes.iter().map(|(_, _, out)| *out).collect(),
            Self::Other(_) => Vec::new(),
        }
    }

    fn reads(&self) -> Vec<u32> {
        match self {
            Self::Arith(_, places)
            | Self::Compare(_, places)
            | Self::And(places)
            | Self::Or(places)
            | Self::Not(places) => places.iter().flat_map(|p| [p.a, p.b]).collect(),
            Self::Pure(nodes) => nodes.iter().flat_map(|(_, inputs, _)| inputs.clone()).collect(),
            Self::Other(_) => Vec::new(),
        }
    }

    /// Where every input is known. False where a result is not finite, which makes it missing: then nothing that was written
    /// counts.
    fn numbers(&self, cells: &mut [f64]) -> bool {
        match self {
            Self::Arith(Arith::Add, places) => arith(cells, places, |x, y| x + y),
            Self::Arith(Arith::Sub, places) => arith(cells, places, |x, y| x - y),
            Self::Arith(Arith::Mul, places) => arith(cells, places, |x, y| x * y),
            // A quotient by zero is not finite.
            Self::Arith(Arith::Div, places) => arith(cells, places, |x, y| x / y),
            Self::Compare(Cmp::Lt, places) => truths(cells, places, |x, y| x < y),
            Self::Compare(Cmp::Le, places) => truths(cells, places, |x, y| x <= y),
            Self::Compare(Cmp::Gt, places) => truths(cells, places, |x, y| x > y),
            Self::Compare(Cmp::Ge, places) => truths(cells, places, |x, y| x >= y),
            Self::Compare(op, places) => truths(cells, places, |x, y| pure::holds(*op, x, y)),
            Self::And(places) => truths(cells, places, |x, y| (x != 0.0) & (y != 0.0)),
            Self::Or(places) => truths(cells, places, |x, y| (x != 0.0) | (y != 0.0)),
            Self::Not(places) => truths(cells, places, |x, _| x == 0.0),
            Self::Pure(nodes) => nodes.iter().fold(true, |finite, (op, inputs, out)| {
                let number = |i: u32| {
                    cells
                        .get(i as usize)
                        .map_or(Cell::missing(Cause::NoData), |v| Cell::number(*v))
                };
                let value = evaluate(*op, inputs, number);
                if let Some(slot) = cells.get_mut(*out as usize) {
                    *slot = value.raw();
                }
                finite & value.is_known()
            }),
            Self::Other(_) => true,
        }
    }

    /// By the definition.
    #[cold]
    fn cells(&self, cells: &mut RowCells) {
        let mut each = |op: Pure, places: &[Place]| {
            for place in places {
                let [a, b] = [place.a, place.b].map(|i| cells.get(i as usize));
                cells.set(place.out as usize, op.eval(&[a, b]));
            }
        };
        match self {
            Self::Arith(op, places) => each(Pure::Arith(*op), places),
            Self::Compare(op, places) => each(Pure::Compare(*op), places),
            Self::And(places) => each(Pure::And, places),
            Self::Or(places) => each(Pure::Or, places),
            Self::Not(places) => each(Pure::Not, places),
            Self::Pure(nodes) => {
                for (op, inputs, out) in nodes {
                    let value = evaluate(*op, inputs, |i| cells.get(i as usize));
                    cells.set(*out as usize, value);
                }
            }
            Self::Other(_) => {}
        }
    }
}

fn evaluate(op: Pure, inputs: &[u32], cell: impl Fn(u32) -> Cell) -> Cell {
    let mut inline = [Cell::FALSE; INLINE_INPUTS];
    match inline.get_mut(..inputs.len()) {
        Some(gathered) => {
            for (slot, i) in gathered.iter_mut().zip(inputs) {
                *slot = cell(*i);
            }
            op.eval(gathered)
        }
        None => op.eval(&inputs.iter().map(|i| cell(*i)).collect::<Vec<_>>()),
    }
}

/// One formula over a group of numbers; whether all results are finite.
///
/// A function of its own for each formula: put into one, the compiler joins the loops and decides anew at every node.
#[inline(never)]
fn arith(cells: &mut [f64], places: &[Place], f: impl Fn(f64, f64) -> f64) -> bool {
    let mut finite = true;
    for place in places {
        let (Some(x), Some(y)) = (cells.get(place.a as usize), cells.get(place.b as usize)) else {
            return false;
        };
        // Adding zero changes no number but a negative zero.
        let r = f(*x, *y) + 0.0;
        finite &= r.abs() <= f64::MAX;
        match cells.get_mut(place.out as usize) {
            Some(slot) => *slot = r,
            None => return false,
        }
    }
    finite
}

/// One condition over a group, without a branch: which way it falls is what a processor cannot guess.
#[inline(never)]
fn truths(cells: &mut [f64], places: &[Place], f: impl Fn(f64, f64) -> bool) -> bool {
    for place in places {
        let (Some(x), Some(y)) = (cells.get(place.a as usize), cells.get(place.b as usize)) else {
            return false;
        };
        let r = f64::from(u8::from(f(*x, *y)));
        match cells.get_mut(place.out as usize) {
            Some(slot) => *slot = r,
            None => return false,
        }
    }
    true
}

/// Nodes of one family share a group.
fn family(node: &RowNode<'_>) -> u8 {
    let Some(op) = node.operator.pure() else { return 0 };
    match (op, node.inputs.len()) {
        (Pure::Arith(op), 2) => 10 + op as u8,
        (Pure::Compare(op), 2) => 20 + op as u8,
        (Pure::And, 1..) => 30,
        (Pure::Or, 1..) => 31,
        (Pure::Not, 1) => 32,
        _ => 33,
    }
}

fn empty(node: &RowNode<'_>) -> Group {
    let Some(op) = node.operator.pure() else {
        return Group::Other(Vec::new());
    };
    match (op, node.inputs.len()) {
        (Pure::Arith(op), 2) => Group::Arith(op, Vec::new()),
        (Pure::Compare(op), 2) => Group::Compare(op, Vec::new()),
        (Pure::And, 1..) => Group::And(Vec::new()),
        (Pure::Or, 1..) => Group::Or(Vec::new()),
        (Pure::Not, 1) => Group::Not(Vec::new()),
        _ => Group::Pure(Vec::new()),
    }
}

fn add(group: &mut Group, node: &RowNode<'_>) {
    // A graph of four thousand million nodes does not exist; a position past it reads as missing.
    let position = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
    let out = position(node.out);
    let inputs: Vec<u32> = node.inputs.iter().map(|i| position(*i)).collect();
    match group {
        Group::Arith(_, places) | Group::Compare(_, places) | Group::Not(places) => {
            if let (Some(a), Some(b)) = (inputs.first().copied(), inputs.last().copied()) {
                places.push(Place { a, b, out });
            }
        }
        // Two at a time: the first two, then the result so far and the next. Truth and cause are those of all at once.
        Group::And(places) | Group::Or(places) => {
            if let Some((&first, rest)) = inputs.split_first() {
                let b = rest.first().copied().unwrap_or(first);
                places.push(Place { a: first, b, out });
                let more = rest.iter().skip(1).map(|b| Place { a: out, b: *b, out });
                places.extend(more);
            }
        }
        Group::Pure(nodes) => {
            if let Some(op) = node.operator.pure() {
                nodes.push((op, inputs, out));
            }
        }
        Group::Other(nodes) => nodes.push(node.out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::recursive::{Ema, Recursive};
    use alula_dsl::builtin::Math;

    /// Nodes on cells 0 and 1 (sources) and 2 (a constant), each on any cell before it.
    fn nodes() -> Vec<(Box<dyn Operator>, Vec<usize>)> {
        let mut out: Vec<(Box<dyn Operator>, Vec<usize>)> = Vec::new();
        for op in [Arith::Add, Arith::Sub, Arith::Mul, Arith::Div] {
            out.push((Box::new(Pure::Arith(op)), vec![0, 1]));
            out.push((Box::new(Pure::Arith(op)), vec![out.len() + 2, 2]));
        }
        out.push((Box::new(Recursive::new(Ema::new(3))), vec![4]));
        for op in [Cmp::Lt, Cmp::Le, Cmp::Gt, Cmp::Ge, Cmp::Eq, Cmp::Ne] {
            out.push((Box::new(Pure::Compare(op)), vec![0, 1]));
            out.push((Box::new(Pure::Compare(op)), vec![11, 2]));
        }
        let bools = 12..24;
        for (i, op) in bools.zip([Pure::And, Pure::Or].into_iter().cycle()) {
            out.push((Box::new(op), vec![i, i + 3]));
        }
        out.push((Box::new(Pure::And), vec![12, 13, 14]));
        out.push((
            Box::new(Pure::Votes),
            vec![12, 13, 14, 15, 16, 17, 18, 19, 20, 21],
        ));
        out.push((Box::new(Pure::Not), vec![30]));
        out.push((Box::new(Pure::Neg), vec![10]));
        out.push((Box::new(Pure::Math(Math::Max)), vec![3, 4]));
        out.push((Box::new(Pure::InRange), vec![0, 1, 2]));
        out
    }

    #[test]
    fn a_program_gives_what_stepping_each_node_gives() {
        let mut nodes = nodes();
        let program = RowProgram::new(nodes.iter().enumerate().map(|(i, (operator, inputs))| RowNode {
            out: i + 3,
            operator: operator.as_ref(),
            inputs,
        }));
        let mut others = nodes.clone();
        let values = [
            Cell::number(0.0),
            Cell::number(2.5),
            Cell::number(-2.5),
            Cell::missing(Cause::Stale),
            Cell::missing(Cause::NoQuote),
            Cell::number(1e300),
        ];
        for a in values {
            for b in values {
                let mut want = vec![Cell::missing(Cause::NoData); nodes.len() + 3];
                want[..3].copy_from_slice(&[a, b, Cell::number(1.5)]);
                let mut got = RowCells::new(want.len());
                want.iter().enumerate().for_each(|(i, cell)| got.set(i, *cell));
                for (i, (operator, inputs)) in nodes.iter_mut().enumerate() {
                    let inputs: Vec<Cell> = inputs.iter().map(|i| want[*i]).collect();
                    want[i + 3] = operator.step(&inputs);
                }
                program.run(&mut got, |out, cells| {
                    let (operator, inputs) = &mut others[out - 3];
                    let inputs: Vec<Cell> = inputs.iter().map(|i| cells.get(*i)).collect();
                    cells.set(out, operator.step(&inputs));
                });
                let got: Vec<Cell> = (0..want.len()).map(|i| got.get(i)).collect();
                assert_eq!(got, want, "{a:?} {b:?}");
            }
        }
    }
}
