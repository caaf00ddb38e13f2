//! Operators without memory over a block of steps in which everything is known, which is the rule.
//!
//! Then there are no masks to carry: numbers are numbers, and whether a result is finite is noted once for a whole block.
//! A block of [`BLOCK_STEPS`] steps goes through all operators before the next does, so that inputs and results lie in
//! the nearest cache, and a division has other operators' work to hide behind. Where something is missing or a result is
//! not finite the sweep takes the operators through the stretch one by one, by their definition.

mod values;

use super::kernel::{One, Two};
use super::pure::{Pure, one_of, two_of};
use super::sweep::{Computation, Source};
use crate::column::{Column, WORD};
use alula_dsl::builtin::Math;
use alula_dsl::graph::{Cmp, ValueKind};
use fearless_simd::{Level, Simd, dispatch};
use values::Values;

/// Steps that go through all operators before the next do.
pub(super) const BLOCK_STEPS: usize = 256;
const WORDS: usize = BLOCK_STEPS / WORD;
const LANES: usize = 8;

/// Truth of a block's steps.
type Truth = [u64; WORDS];

/// Numbers of a block.
#[derive(Clone, Copy, Debug)]
enum Number {
    /// From outside the tape, by position among its inputs.
    Input(usize),
    Register(usize),
    All(f64),
}

/// Truth values of a block.
#[derive(Clone, Copy, Debug)]
enum Condition {
    Input(usize),
    Register(usize),
    All(bool),
}

#[derive(Clone, Debug)]
enum Op {
    Two(Two, Number, Number),
    One(One, Number),
    /// A function that is computed number by number.
    Each(Math, Number),
    Votes(Vec<Condition>),
    Compare(Cmp, Number, Number),
    /// A comparison of a result that nothing else reads, the first of the two inputs one for each step.
    Compared(Two, Number, Number, Cmp, Number),
    InRange(Number, Number, Number),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Condition),
}

#[derive(Clone, Debug)]
struct Entry {
    op: Op,
    /// Register of the result, among those of its kind.
    out: usize,
    /// Position among the columns that are wanted.
    export: Option<usize>,
}

/// Operators of a sweep that stand one after the other.
#[derive(Clone, Debug)]
pub(super) struct Tape {
    entries: Vec<Entry>,
    numbers: Vec<Vec<f64>>,
    truths: Vec<Truth>,
    /// What is read from outside.
    pub(super) inputs: Vec<Source>,
    kinds: Vec<bool>,
    /// Computations whose columns are wanted, and what they are.
    pub(super) exports: Vec<(usize, Column)>,
}

/// What a tape reads of a column over a stretch.
#[derive(Clone, Copy, Debug)]
enum Lane<'a> {
    Numbers(&'a [f64]),
    Truths(&'a [u64]),
}

/// Whether a tape can hold a computation.
pub(super) fn can_hold(c: &Computation) -> bool {
    let Some(op) = c.operator.pure() else { return false };
    let arity = match op {
        Pure::Arith(_) | Pure::Compare(_) | Pure::Math(Math::Min | Math::Max) => 2..=2,
        Pure::Neg | Pure::Not | Pure::Math(_) => 1..=1,
        Pure::InRange => 3..=3,
        Pure::And | Pure::Or | Pure::Votes => 1..=usize::MAX,
    };
    let number = matches!(c.kind, ValueKind::Number(_));
    let known = |s: &Source| !matches!(s, Source::Constant(cell) if !cell.is_known());
    arity.contains(&c.sources.len()) && number == gives_number(op) && c.sources.iter().all(known)
}

const fn gives_number(op: Pure) -> bool {
    matches!(op, Pure::Arith(_) | Pure::Neg | Pure::Math(_) | Pure::Votes)
}

/// Whether it reads numbers (not truth values).
const fn reads_numbers(op: Pure) -> bool {
    !matches!(op, Pure::And | Pure::Or | Pure::Not | Pure::Votes)
}

/// Registers of one kind: dealt out, given back.
#[derive(Default)]
struct Registers {
    count: usize,
    free: Vec<usize>,
}

impl Registers {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        })
    }
}

/// For each sum, difference, product or quotient that one comparison and nothing else reads, that comparison: the two are done in
/// one go, and the result is never written down.
fn folded(computations: &[Computation], from: usize, wanted: impl Fn(usize) -> bool) -> Vec<Option<usize>> {
    let mut readers = vec![0_usize; computations.len()];
    let inside = |s: &Source| match s {
        Source::Computed(i) => i.checked_sub(from).filter(|at| *at < computations.len()),
        _ => None,
    };
    for at in computations.iter().flat_map(|c| &c.sources).filter_map(inside) {
        if let Some(count) = readers.get_mut(at) {
            *count += 1;
        }
    }
    let foldable = |at: usize| {
        let arith = computations.get(at).filter(|c| {
            let each = c
                .sources
                .first()
                .is_some_and(|s| !matches!(s, Source::Constant(_)));
            each && matches!(c.operator.pure(), Some(Pure::Arith(_)))
        });
        arith.is_some() && readers.get(at) == Some(&1) && !wanted(from + at)
    };
    let mut out = vec![None; computations.len()];
    for (at, c) in computations.iter().enumerate() {
        if !matches!(
            c.operator.pure(),
            Some(Pure::Compare(Cmp::Lt | Cmp::Le | Cmp::Gt | Cmp::Ge))
        ) {
            continue;
        }
        if let Some(slot) = c
            .sources
            .iter()
            .filter_map(inside)
            .find(|i| foldable(*i))
            .and_then(|i| out.get_mut(i))
        {
            *slot = Some(at);
        }
    }
    out
}

/// The comparison with its sides exchanged.
const fn mirrored(op: Cmp) -> Cmp {
    match op {
        Cmp::Lt => Cmp::Gt,
        Cmp::Le => Cmp::Ge,
        Cmp::Gt => Cmp::Lt,
        Cmp::Ge => Cmp::Le,
        Cmp::Eq | Cmp::Ne => op,
    }
}

impl Tape {
    /// A tape of computations `from..` (positions count from there), each of which it [`can_hold`]. `wanted` says whose
    /// columns are.
    pub(super) fn new(computations: &[Computation], from: usize, wanted: impl Fn(usize) -> bool) -> Self {
        let inside = |i: usize| i.checked_sub(from).filter(|at| *at < computations.len());
        let mut last_use: Vec<usize> = (0..computations.len()).collect();
        for (at, c) in computations.iter().enumerate() {
            for source in &c.sources {
                if let Source::Computed(i) = source
                    && let Some(slot) = inside(*i).and_then(|i| last_use.get_mut(i))
                {
                    *slot = at;
                }
            }
        }
        let folded = folded(computations, from, &wanted);
        let mut folds: Vec<Option<usize>> = vec![None; computations.len()];
        for (at, reader) in folded.iter().enumerate() {
            if let Some(slot) = reader.and_then(|r| folds.get_mut(r)) {
                *slot = Some(at);
            }
        }
        for (at, reader) in folded.iter().enumerate() {
            let sources = computations
                .get(at)
                .filter(|_| reader.is_some())
                .map(|c| &c.sources);
            for source in sources.into_iter().flatten() {
                if let Source::Computed(i) = source
                    && let Some(slot) = inside(*i).and_then(|i| last_use.get_mut(i))
                {
                    *slot = (*slot).max(reader.unwrap_or_default());
                }
            }
        }
        let mut tape = Self {
            entries: Vec::with_capacity(computations.len()),
            numbers: Vec::new(),
            truths: Vec::new(),
            inputs: Vec::new(),
            kinds: Vec::new(),
            exports: Vec::new(),
        };
        let mut registers = [Registers::default(), Registers::default()];
        let mut register_of: Vec<usize> = Vec::with_capacity(computations.len());
        for (at, c) in computations.iter().enumerate() {
            let Some(op) = c.operator.pure() else { continue };
            if folded.get(at).is_some_and(Option::is_some) {
                register_of.push(usize::MAX);
                continue;
            }
            let folds = folds.get(at).copied().flatten();
            let numbers = reads_numbers(op);
            let mut number = |source: Option<&Source>| match source {
                Some(Source::Constant(cell)) => Number::All(cell.raw()),
                Some(Source::Computed(i)) if inside(*i).is_some() => Number::Register(
                    inside(*i)
                        .and_then(|i| register_of.get(i))
                        .copied()
                        .unwrap_or(usize::MAX),
                ),
                Some(source) => Number::Input(tape.input(*source, numbers)),
                None => Number::Input(usize::MAX),
            };
            let op = match op {
                Pure::Arith(op) => Op::Two(two_of(op), number(c.sources.first()), number(c.sources.get(1))),
                Pure::Math(Math::Min) => {
                    Op::Two(Two::Min, number(c.sources.first()), number(c.sources.get(1)))
                }
                Pure::Math(Math::Max) => {
                    Op::Two(Two::Max, number(c.sources.first()), number(c.sources.get(1)))
                }
                Pure::Neg => Op::One(One::Neg, number(c.sources.first())),
                Pure::Math(op) => match one_of(op) {
                    Some(one) => Op::One(one, number(c.sources.first())),
                    None => Op::Each(op, number(c.sources.first())),
                },
                Pure::Compare(op) => match folds.and_then(|i| Some((i, computations.get(i)?))) {
                    Some((i, inner)) => {
                        let first = c.sources.first() == Some(&Source::Computed(from + i));
                        let (op, other) = if first {
                            (op, c.sources.get(1))
                        } else {
                            (mirrored(op), c.sources.first())
                        };
                        let Some(Pure::Arith(arith)) = inner.operator.pure() else {
                            continue;
                        };
                        let (x, y) = (number(inner.sources.first()), number(inner.sources.get(1)));
                        Op::Compared(two_of(arith), x, y, op, number(other))
                    }
                    None => Op::Compare(op, number(c.sources.first()), number(c.sources.get(1))),
                },
                Pure::InRange => Op::InRange(
                    number(c.sources.first()),
                    number(c.sources.get(1)),
                    number(c.sources.get(2)),
                ),
                Pure::And | Pure::Or | Pure::Not | Pure::Votes => {
                    let condition = |source: &Source| match number(Some(source)) {
                        Number::Input(i) => Condition::Input(i),
                        Number::Register(i) => Condition::Register(i),
                        Number::All(x) => Condition::All(x != 0.0),
                    };
                    let inputs: Vec<Condition> = c.sources.iter().map(condition).collect();
                    match op {
                        Pure::And => Op::And(inputs),
                        Pure::Or => Op::Or(inputs),
                        Pure::Votes => Op::Votes(inputs),
                        _ => Op::Not(inputs.first().copied().unwrap_or(Condition::Input(usize::MAX))),
                    }
                }
            };
            let [of_numbers, of_truths] = &mut registers;
            let of = |is_number: bool| -> usize { usize::from(!is_number) };
            let is_number = matches!(c.kind, ValueKind::Number(_));
            let out = if is_number {
                of_numbers.take()
            } else {
                of_truths.take()
            };
            register_of.push(out);
            let export = wanted(from + at).then(|| {
                tape.exports.push((from + at, Column::new(c.kind)));
                tape.exports.len() - 1
            });
            tape.entries.push(Entry { op, out, export });
            // What is read for the last time here gives its register back, and so does what nothing reads.
            let inner = folds.and_then(|i| computations.get(i)).map(|c| &c.sources);
            let mut done: Vec<usize> = c
                .sources
                .iter()
                .chain(inner.into_iter().flatten())
                .filter_map(|s| match s {
                    Source::Computed(i) => inside(*i),
                    _ => None,
                })
                .filter(|i| last_use.get(*i) == Some(&at) && folded.get(*i) == Some(&None))
                .collect();
            done.extend((last_use.get(at) == Some(&at)).then_some(at));
            done.sort_unstable();
            done.dedup();
            for i in done {
                let kind = computations
                    .get(i)
                    .map(|c| of(matches!(c.kind, ValueKind::Number(_))));
                if let (Some(kind), Some(register)) = (kind, register_of.get(i))
                    && let Some(registers) = registers.get_mut(kind)
                {
                    registers.free.push(*register);
                }
            }
        }
        let [of_numbers, of_truths] = registers;
        tape.numbers = vec![vec![0.0; BLOCK_STEPS]; of_numbers.count];
        tape.truths = vec![[0; WORDS]; of_truths.count];
        tape
    }

    fn input(&mut self, source: Source, numbers: bool) -> usize {
        let known = self.inputs.iter().zip(&self.kinds);
        let found = known.into_iter().position(|(s, n)| *s == source && *n == numbers);
        found.unwrap_or_else(|| {
            self.inputs.push(source);
            self.kinds.push(numbers);
            self.inputs.len() - 1
        })
    }

    /// Takes a stretch of whole blocks through the operators; `columns` are the inputs', each with the step in it at which the
    /// stretch begins. The exported columns hold the stretch then. False where something is missing, or is not of the kind that is
    /// read, or a result is not finite: then nothing that was written counts.
    pub(super) fn run(&mut self, columns: &[(&Column, usize)], steps: usize) -> bool {
        let mut lanes = Vec::with_capacity(columns.len());
        for ((column, from), numbers) in columns.iter().zip(&self.kinds) {
            let Some(lane) =
                dense(column, *from, steps).filter(|l| matches!(l, Lane::Numbers(_)) == *numbers)
            else {
                return false;
            };
            lanes.push(lane);
        }
        for (_, column) in &mut self.exports {
            column.clear();
            column.reserve(steps);
        }
        dispatch!(Level::new(), simd => self.blocks(simd, &lanes, steps))
    }

    #[inline(always)]
    fn blocks<S: Simd>(&mut self, simd: S, lanes: &[Lane<'_>], steps: usize) -> bool {
        for block in 0..steps / BLOCK_STEPS {
            for entry in &self.entries {
                let done = match &entry.op {
                    Op::Two(..) | Op::One(..) | Op::Each(..) | Op::Votes(_) => {
                        let mut out = match self.numbers.get_mut(entry.out) {
                            Some(register) => std::mem::take(register),
                            None => return false,
                        };
                        let values = Values {
                            lanes,
                            block,
                            numbers: &self.numbers,
                            truths: &self.truths,
                        };
                        let done = values.number(simd, &entry.op, &mut out);
                        if let Some((_, column)) = entry.export.and_then(|e| self.exports.get_mut(e)) {
                            column.append_known_numbers(out.as_chunks().0);
                        }
                        if let Some(register) = self.numbers.get_mut(entry.out) {
                            *register = out;
                        }
                        done
                    }
                    op => {
                        let values = Values {
                            lanes,
                            block,
                            numbers: &self.numbers,
                            truths: &self.truths,
                        };
                        let Some(out) = values.condition(simd, op) else {
                            return false;
                        };
                        if let Some((_, column)) = entry.export.and_then(|e| self.exports.get_mut(e)) {
                            column.append_known_truths(&out);
                        }
                        match self.truths.get_mut(entry.out) {
                            Some(register) => *register = out,
                            None => return false,
                        }
                        true
                    }
                };
                if !done {
                    return false;
                }
            }
        }
        true
    }
}

/// A stretch of a column, if every step of it is known.
fn dense(column: &Column, from: usize, steps: usize) -> Option<Lane<'_>> {
    if !from.is_multiple_of(WORD) || !steps.is_multiple_of(WORD) {
        return None;
    }
    let words = from / WORD..(from + steps) / WORD;
    let known = column.known().words().get(words.clone())?;
    if known.iter().fold(!0, |all, word| all & word) != !0 {
        return None;
    }
    Some(match column {
        Column::Numbers(c) => Lane::Numbers(c.values().get(from..from + steps)?),
        Column::Booleans(c) => Lane::Truths(c.truth().words().get(words)?),
    })
}
