//! Many operators over one step: what a live tick costs.
//!
//! Stepping a graph node by node costs more for finding out what to do than for doing it: an indirect call, a gathered list
//! of inputs, and a branch that no processor predicts. Here nodes of one rank and one operation stand together, so that each
//! group is one loop over (input, input, output) with the operation known; formulas are those of the operators themselves.

use super::pure::Pure;
use super::{INLINE_INPUTS, Operator};
use crate::value::{Cause, Cell};
use alula_dsl::graph::{Arith, Cmp};

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
        let mut ranks: Vec<u32> = Vec::new();
        let mut ranked: Vec<((u32, u8), RowNode<'a>)> = Vec::new();
        for node in nodes {
            let rank = node.inputs.iter().filter_map(|i| ranks.get(*i)).max().map_or(1, |r| r + 1);
            if ranks.len() <= node.out {
                ranks.resize(node.out + 1, 0);
            }
            if let Some(slot) = ranks.get_mut(node.out) {
                *slot = rank;
            }
            ranked.push(((rank, family(&node)), node));
        }
        ranked.sort_by_key(|(key, _)| *key);
        let mut program = Self::default();
        let mut newest = None;
        for (key, node) in ranked {
            if newest.replace(key) != Some(key) {
                program.groups.push(empty(&node));
            }
            if let Some(group) = program.groups.last_mut() {
                add(group, &node);
            }
        }
        program
    }

    /// Computes one step. `other` steps an operator with memory, given the position of its cell.
    pub fn run(&self, cells: &mut [Cell], mut other: impl FnMut(usize, &mut [Cell])) {
        for group in &self.groups {
            match group {
                Group::Arith(Arith::Add, places) => numbers(cells, places, |a, b| a + b),
                Group::Arith(Arith::Sub, places) => numbers(cells, places, |a, b| a - b),
                Group::Arith(Arith::Mul, places) => numbers(cells, places, |a, b| a * b),
                Group::Arith(op @ Arith::Div, places) => {
                    each(cells, places, |a, b| Pure::Arith(*op).eval(&[a, b]));
                }
                Group::Compare(Cmp::Lt, places) => truths(cells, places, |a, b| a < b),
                Group::Compare(Cmp::Le, places) => truths(cells, places, |a, b| a <= b),
                Group::Compare(Cmp::Gt, places) => truths(cells, places, |a, b| a > b),
                Group::Compare(Cmp::Ge, places) => truths(cells, places, |a, b| a >= b),
                Group::Compare(op, places) => each(cells, places, |a, b| Pure::Compare(*op).eval(&[a, b])),
                Group::And(places) => each(cells, places, |a, b| match (a.known(), b.known()) {
                    (Some(a), Some(b)) => Cell::boolean((a != 0.0) & (b != 0.0)),
                    _ => Cell::all(&[a, b]),
                }),
                Group::Or(places) => each(cells, places, |a, b| match (a.known(), b.known()) {
                    (Some(a), Some(b)) => Cell::boolean((a != 0.0) | (b != 0.0)),
                    _ => Cell::any(&[a, b]),
                }),
                Group::Pure(nodes) => {
                    for (op, inputs, out) in nodes {
                        let value = pure(*op, inputs, cells);
                        put(cells, *out, value);
                    }
                }
                Group::Other(nodes) => nodes.iter().for_each(|out| other(*out, cells)),
            }
        }
    }
}

fn pure(op: Pure, inputs: &[u32], cells: &[Cell]) -> Cell {
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
    cells.get(i as usize).copied().unwrap_or(Cell::missing(Cause::NoData))
}

#[inline(always)]
fn put(cells: &mut [Cell], i: u32, value: Cell) {
    if let Some(slot) = cells.get_mut(i as usize) {
        *slot = value;
    }
}

#[inline(always)]
fn each(cells: &mut [Cell], places: &[Place], f: impl Fn(Cell, Cell) -> Cell) {
    for place in places {
        let value = f(get(cells, place.a), get(cells, place.b));
        put(cells, place.out, value);
    }
}

#[inline(always)]
fn numbers(cells: &mut [Cell], places: &[Place], f: impl Fn(f64, f64) -> f64) {
    each(cells, places, |a, b| match (a.known(), b.known()) {
        (Some(x), Some(y)) => Cell::number(f(x, y)),
        (None, _) => a,
        (_, None) => b,
    });
}

#[inline(always)]
fn truths(cells: &mut [Cell], places: &[Place], f: impl Fn(f64, f64) -> bool) {
    each(cells, places, |a, b| match (a.known(), b.known()) {
        (Some(x), Some(y)) => Cell::boolean(f(x, y)),
        (None, _) => a,
        (_, None) => b,
    });
}

/// Nodes of one family share a group.
fn family(node: &RowNode<'_>) -> u8 {
    let Some(op) = node.operator.pure() else { return 0 };
    match (op, node.inputs.len()) {
        (Pure::Arith(op), 2) => 10 + op as u8,
        (Pure::Compare(op), 2) => 20 + op as u8,
        (Pure::And, 2) => 30,
        (Pure::Or, 2) => 31,
        _ => 32,
    }
}

fn empty(node: &RowNode<'_>) -> Group {
    let Some(op) = node.operator.pure() else { return Group::Other(Vec::new()) };
    match (op, node.inputs.len()) {
        (Pure::Arith(op), 2) => Group::Arith(op, Vec::new()),
        (Pure::Compare(op), 2) => Group::Compare(op, Vec::new()),
        (Pure::And, 2) => Group::And(Vec::new()),
        (Pure::Or, 2) => Group::Or(Vec::new()),
        _ => Group::Pure(Vec::new()),
    }
}

fn add(group: &mut Group, node: &RowNode<'_>) {
    // A graph of four thousand million nodes does not exist; a position past it reads as missing.
    let position = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
    let out = position(node.out);
    match group {
        Group::Arith(_, places) | Group::Compare(_, places) | Group::And(places) | Group::Or(places) => {
            if let [a, b] = *node.inputs {
                places.push(Place { a: position(a), b: position(b), out });
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
        out.push((Box::new(Pure::Votes), vec![12, 13, 14, 15, 16, 17, 18, 19, 20, 21]));
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
