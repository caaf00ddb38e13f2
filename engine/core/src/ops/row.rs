//! Many operators over one step: what a live tick costs.
//!
//! Stepping a graph node by node costs more for finding out what to do than for doing it: an indirect call, a gathered list
//! of inputs, and a branch that no processor predicts. Here nodes of one operation stand together as far as their inputs
//! allow, so that each group is one loop over (input, input, output) with the operation known; formulas are those of the operators themselves.

use super::pure::{self, Pure};
use super::{INLINE_INPUTS, Operator};
use crate::value::{Cause, Cell};
use alula_dsl::graph::{Arith, Cmp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

/// One operation: positions of its inputs and of its result among the cells.
#[derive(Clone, Copy, Debug)]
struct Place {
    a: u32,
    b: u32,
    out: u32,
}

/// Operations that can be done in any order.
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

/// The nodes of a graph, ordered for stepping them together.
#[derive(Clone, Debug, Default)]
pub struct RowProgram {
    groups: Vec<Group>,
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
        let mut program = Self::default();
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
            program.groups.extend(group);
        }
        program
    }

    /// Computes one step. `other` steps an operator with memory, given the position of its cell.
    pub fn run(&self, cells: &mut [Cell], mut other: impl FnMut(usize, &mut [Cell])) {
        for group in &self.groups {
            match group {
                Group::Arith(op, places) => {
                    let all = Pure::Arith(*op);
                    match op {
                        Arith::Add => each(cells, places, all, |x, y| Cell::number(x + y)),
                        Arith::Sub => each(cells, places, all, |x, y| Cell::number(x - y)),
                        Arith::Mul => each(cells, places, all, |x, y| Cell::number(x * y)),
                        Arith::Div => each(cells, places, all, pure::divide),
                    }
                }
                Group::Compare(op, places) => {
                    let all = Pure::Compare(*op);
                    match op {
                        Cmp::Lt => each(cells, places, all, |x, y| truth(x < y)),
                        Cmp::Le => each(cells, places, all, |x, y| truth(x <= y)),
                        Cmp::Gt => each(cells, places, all, |x, y| truth(x > y)),
                        Cmp::Ge => each(cells, places, all, |x, y| truth(x >= y)),
                        Cmp::Eq | Cmp::Ne => each(cells, places, all, |x, y| truth(pure::holds(*op, x, y))),
                    }
                }
                Group::And(places) => {
                    each(cells, places, Pure::And, |x, y| {
                        truth(if x != 0.0 { y } else { x } != 0.0)
                    });
                }
                Group::Or(places) => {
                    each(cells, places, Pure::Or, |x, y| {
                        truth(if x != 0.0 { x } else { y } != 0.0)
                    });
                }
                Group::Not(places) => {
                    each(cells, places, Pure::Not, |x, _| truth(x == 0.0));
                }
                Group::Pure(nodes) => {
                    for (op, inputs, out) in nodes {
                        let value = evaluate(*op, inputs, cells);
                        put(cells, *out, value);
                    }
                }
                Group::Other(nodes) => nodes.iter().for_each(|out| other(*out, cells)),
            }
        }
    }
}

fn evaluate(op: Pure, inputs: &[u32], cells: &[Cell]) -> Cell {
    let mut inline = [Cell::FALSE; INLINE_INPUTS];
    match inline.get_mut(..inputs.len()) {
        Some(gathered) => {
            for (slot, i) in gathered.iter_mut().zip(inputs) {
                *slot = get(cells, *i);
            }
            op.eval(gathered)
        }
        None => op.eval(&inputs.iter().map(|i| get(cells, *i)).collect::<Vec<_>>()),
    }
}

#[inline(always)]
fn get(cells: &[Cell], i: u32) -> Cell {
    cells
        .get(i as usize)
        .copied()
        .unwrap_or(Cell::missing(Cause::NoData))
}

#[inline(always)]
fn put(cells: &mut [Cell], i: u32, value: Cell) {
    if let Some(slot) = cells.get_mut(i as usize) {
        *slot = value;
    }
}

/// One formula over a group: `known` where both inputs are, which is the rule, and the operator's own definition elsewhere.
///
/// A function of its own for each formula: put into one, the compiler joins the loops and decides anew at every node.
#[inline(never)]
fn each(cells: &mut [Cell], places: &[Place], op: Pure, known: impl Fn(f64, f64) -> Cell) {
    for place in places {
        let value = match (cells.get(place.a as usize), cells.get(place.b as usize)) {
            (Some(a), Some(b)) if a.is_known() & b.is_known() => known(a.raw(), b.raw()),
            _ => missing(cells, *place, op),
        };
        put(cells, place.out, value);
    }
}

/// A truth value without a branch: which way a condition falls is what a processor cannot guess.
#[inline(always)]
fn truth(truth: bool) -> Cell {
    Cell::number(if truth { 1.0 } else { 0.0 })
}

#[cold]
fn missing(cells: &[Cell], place: Place, op: Pure) -> Cell {
    op.eval(&[get(cells, place.a), get(cells, place.b)])
}

/// Nodes of one family share a group.
fn family(node: &RowNode<'_>) -> u8 {
    let Some(op) = node.operator.pure() else { return 0 };
    match (op, node.inputs.len()) {
        (Pure::Arith(op), 2) => 10 + op as u8,
        (Pure::Compare(op), 2) => 20 + op as u8,
        (Pure::And, 2) => 30,
        (Pure::Or, 2) => 31,
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
        (Pure::And, 2) => Group::And(Vec::new()),
        (Pure::Or, 2) => Group::Or(Vec::new()),
        (Pure::Not, 1) => Group::Not(Vec::new()),
        _ => Group::Pure(Vec::new()),
    }
}

fn add(group: &mut Group, node: &RowNode<'_>) {
    // A graph of four thousand million nodes does not exist; a position past it reads as missing.
    let position = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
    let out = position(node.out);
    match group {
        Group::Arith(_, places)
        | Group::Compare(_, places)
        | Group::And(places)
        | Group::Or(places)
        | Group::Not(places) => {
            if let (Some(a), Some(b)) = (node.inputs.first().copied(), node.inputs.last().copied()) {
                places.push(Place {
                    a: position(a),
                    b: position(b),
                    out,
                });
            }
        }
        Group::Pure(nodes) => {
            if let Some(op) = node.operator.pure() {
                nodes.push((op, node.inputs.iter().map(|i| position(*i)).collect(), out));
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
        out.push((Box::new(Recursive::new(Ema(3))), vec![4]));
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
                let mut got = want.clone();
                for (i, (operator, inputs)) in nodes.iter_mut().enumerate() {
                    let inputs: Vec<Cell> = inputs.iter().map(|i| want[*i]).collect();
                    want[i + 3] = operator.step(&inputs);
                }
                program.run(&mut got, |out, cells| {
                    let (operator, inputs) = &mut others[out - 3];
                    let inputs: Vec<Cell> = inputs.iter().map(|i| cells[*i]).collect();
                    cells[out] = operator.step(&inputs);
                });
                assert_eq!(got, want, "{a:?} {b:?}");
            }
        }
    }
}
