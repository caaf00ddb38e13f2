//! Many operators over a whole history, a stretch of steps at a time.
//!
//! One operator after the other over the whole history would carry every intermediate column out to memory and back. A
//! sweep takes [`STRETCH_STEPS`] steps through all its operators before it takes the next ones: what one operator writes is
//! still in the nearest cache when another reads it, and a column that nobody asked to keep is written over by the next.
//! Operators without memory stand together as far as that goes, so that a `Tape` can take them through a stretch in
//! which nothing is missing.

use super::tape::{self, BLOCK_STEPS, Tape};
use super::{INLINE_INPUTS, Operator};
use crate::column::{Column, Input, WORD};
use crate::value::{Cause, Cell};
use alula_dsl::graph::ValueKind;
use std::ops::Range;

/// Steps that go through all operators before the next do: two columns of numbers fill a third of a first-level cache.
pub const STRETCH_STEPS: usize = 2048;

/// Where a computation reads an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// A column that is given to the sweep, by its position.
    Given(usize),
    /// The result of an earlier computation, by its position.
    Computed(usize),
    /// The same at each step.
    Constant(Cell),
}

/// One operator of a sweep.
#[derive(Clone, Debug)]
pub struct Computation {
    /// Operator, in the state from which it continues.
    pub operator: Box<dyn Operator>,
    /// Kind of its values.
    pub kind: ValueKind,
    /// Its inputs, in its order.
    pub sources: Vec<Source>,
    /// Its column is wanted at the end.
    pub keep: bool,
}

/// Where a step reads, once registers are dealt out.
#[derive(Clone, Copy, Debug)]
enum Read {
    Given(usize),
    Computed(Place),
    Constant(Cell),
}

/// Where a step writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A column of one stretch, written over by the next.
    Register(usize),
    /// The column of a step that is kept: whole from the first stretch on, and never copied.
    Kept(usize),
}

#[derive(Clone, Debug)]
struct Step {
    operator: Box<dyn Operator>,
    reads: Vec<Read>,
    out: Place,
}

/// Steps that stand one after the other, and the tape that does their work where it can.
#[derive(Clone, Debug)]
struct Section {
    steps: Range<usize>,
    tape: Option<Tape>,
    /// Where the tape reads.
    reads: Vec<Read>,
}

/// Operators in an order in which each comes after those it reads, and the state they are in.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    steps: Vec<Step>,
    sections: Vec<Section>,
    /// Which step a computation became.
    step_of: Vec<usize>,
    registers: Vec<Column>,
    /// By step.
    kept: Vec<Option<Column>>,
    done: usize,
}

impl Sweep {
    /// A sweep through computations, each reading only earlier ones. A source that does not come before reads as
    /// `missing(no data)`.
    #[must_use]
    pub fn new(computations: Vec<Computation>) -> Self {
        let (computations, step_of) = ordered(computations);
        let mut last_use = vec![0; computations.len()];
        for (at, computation) in computations.iter().enumerate() {
            for source in &computation.sources {
                if let Source::Computed(i) = source
                    && let Some(slot) = last_use.get_mut(*i)
                {
                    *slot = at;
                }
            }
        }
        let mut sweep = Self {
            step_of,
            sections: sections(&computations, &last_use),
            ..Self::default()
        };
        let mut place_of: Vec<Place> = Vec::new();
        // Free registers: of numbers, of truth values.
        let mut free: [Vec<usize>; 2] = [Vec::new(), Vec::new()];
        for (
            at,
            Computation {
                operator,
                kind,
                sources,
                keep,
            },
        ) in computations.into_iter().enumerate()
        {
            let pool = |kind: &Column| usize::from(matches!(kind, Column::Booleans(_)));
            let column = Column::new(kind);
            let out = if keep {
                Place::Kept(at)
            } else {
                let recycled = free.get_mut(pool(&column)).and_then(Vec::pop);
                Place::Register(recycled.unwrap_or_else(|| {
                    sweep.registers.push(column.clone());
                    sweep.registers.len() - 1
                }))
            };
            let read = |source: &Source| match *source {
                Source::Given(i) => Read::Given(i),
                Source::Constant(cell) => Read::Constant(cell),
                Source::Computed(i) => match place_of.get(i) {
                    Some(place) => Read::Computed(*place),
                    None => Read::Constant(Cell::missing(Cause::NoData)),
                },
            };
            if let Some(section) = sweep.sections.iter_mut().find(|s| s.steps.start == at)
                && let Some(tape) = &section.tape
            {
                // The inputs lie in their places when the section begins: nothing of it has been written.
                section.reads = tape.inputs.iter().map(read).collect();
            }
            let reads = sources.iter().map(read).collect();
            sweep.steps.push(Step { operator, reads, out });
            sweep.kept.push(keep.then_some(column));
            place_of.push(out);
            // Results read for the last time here, and one that nothing reads, give their registers back.
            let mut done: Vec<Place> = sources
                .iter()
                .filter_map(|s| match s {
                    Source::Computed(i) if last_use.get(*i) == Some(&at) => place_of.get(*i).copied(),
                    _ => None,
                })
                .collect();
            done.extend((last_use.get(at).is_none_or(|last| *last <= at)).then_some(out));
            done.sort_unstable();
            done.dedup();
            for place in done {
                let Place::Register(register) = place else {
                    continue;
                };
                let of = sweep.registers.get(register).map_or(0, pool);
                if let Some(pool) = free.get_mut(of) {
                    pool.push(register);
                }
            }
        }
        sweep
    }

    /// Takes the given columns' steps up to `upto` through all operators, from where the last call ended.
    pub fn run(&mut self, given: &[&Column], upto: usize) {
        for kept in self.kept.iter_mut().flatten() {
            kept.reserve(upto.saturating_sub(kept.len()));
        }
        while self.done < upto {
            let left = upto - self.done;
            // What is left of a block at the end is a stretch of its own.
            let steps = if left < BLOCK_STEPS {
                left
            } else {
                STRETCH_STEPS.min(left - left % BLOCK_STEPS)
            };
            for at in 0..self.sections.len() {
                let whole = steps.is_multiple_of(BLOCK_STEPS) && self.done.is_multiple_of(WORD);
                if !(whole && self.tape(at, given, steps)) {
                    let section = self.sections.get(at).map(|s| s.steps.clone());
                    self.stretch(section.unwrap_or_default(), given, steps);
                }
            }
            self.done += steps;
        }
    }

    /// A section by its tape, if it has one that can do this stretch.
    fn tape(&mut self, section: usize, given: &[&Column], steps: usize) -> bool {
        let Some(Section {
            tape: Some(tape),
            reads,
            ..
        }) = self.sections.get_mut(section)
        else {
            return false;
        };
        let mut columns: Vec<(&Column, usize)> = Vec::with_capacity(reads.len());
        for read in reads.iter() {
            let column = match *read {
                Read::Given(i) => given.get(i).map(|c| (*c, self.done)),
                Read::Computed(Place::Register(i)) => self.registers.get(i).map(|c| (c, 0)),
                Read::Computed(Place::Kept(i)) => column(&self.kept, i).map(|c| (c, self.done)),
                Read::Constant(_) => None,
            };
            match column {
                Some(column) => columns.push(column),
                None => return false,
            }
        }
        if !tape.run(&columns, steps) {
            return false;
        }
        for (step, column) in &mut tape.exports {
            match self.steps.get(*step).map(|s| s.out) {
                Some(Place::Kept(i)) => {
                    if let Some(Some(kept)) = self.kept.get_mut(i) {
                        kept.append(column);
                    }
                }
                Some(Place::Register(i)) => {
                    if let Some(slot) = self.registers.get_mut(i) {
                        std::mem::swap(slot, column);
                    }
                }
                None => {}
            }
        }
        true
    }

    fn stretch(&mut self, section: Range<usize>, given: &[&Column], steps: usize) {
        for step in self.steps.get_mut(section).unwrap_or_default() {
            // What is written is taken out while it is. In a register a stretch begins at step 0; in a column that is kept, and
            // in those that are given, where the stretch begins in the history.
            let mut out = match step.out {
                Place::Register(i) => self.registers.get_mut(i).map(take),
                Place::Kept(i) => self.kept.get_mut(i).and_then(Option::take),
            }
            .unwrap_or_else(Column::booleans);
            let at = match step.out {
                Place::Register(_) => {
                    out.clear();
                    out.reserve(steps);
                    0
                }
                Place::Kept(_) => out.len(),
            };
            let done = self.done;
            let whole = |c| match step.out {
                Place::Register(_) => Input::Stretch(c, done),
                Place::Kept(_) => Input::Column(c),
            };
            let input = |read: &Read| {
                let input = match *read {
                    Read::Given(i) => given.get(i).copied().map(whole),
                    Read::Computed(Place::Kept(i)) => column(&self.kept, i).map(whole),
                    Read::Computed(Place::Register(i)) => self.registers.get(i).map(|c| Input::Late(c, at)),
                    Read::Constant(cell) => Some(Input::Constant(cell)),
                };
                input.unwrap_or(Input::Constant(Cell::missing(Cause::NoData)))
            };
            let mut inline = [Input::Constant(Cell::FALSE); INLINE_INPUTS];
            match inline.get_mut(..step.reads.len()) {
                Some(inputs) => {
                    for (slot, read) in inputs.iter_mut().zip(&step.reads) {
                        *slot = input(read);
                    }
                    step.operator.extend(inputs, at + steps, &mut out);
                }
                None => {
                    let inputs: Vec<Input<'_>> = step.reads.iter().map(input).collect();
                    step.operator.extend(&inputs, at + steps, &mut out);
                }
            }
            match step.out {
                Place::Register(i) => {
                    if let Some(slot) = self.registers.get_mut(i) {
                        *slot = out;
                    }
                }
                Place::Kept(i) => {
                    if let Some(slot) = self.kept.get_mut(i) {
                        *slot = Some(out);
                    }
                }
            }
        }
    }

    /// The column of a computation that was to be kept.
    #[must_use]
    pub fn kept(&self, computation: usize) -> Option<&Column> {
        let step = self.step_of.get(computation)?;
        column(&self.kept, *step)
    }

    /// Takes the column of a computation that was to be kept.
    pub fn take(&mut self, computation: usize) -> Option<Column> {
        let step = self.step_of.get(computation)?;
        self.kept.get_mut(*step).and_then(Option::take)
    }
}

fn column(kept: &[Option<Column>], step: usize) -> Option<&Column> {
    kept.get(step).and_then(Option::as_ref)
}

fn take(register: &mut Column) -> Column {
    std::mem::replace(register, Column::booleans())
}

/// Computations in an order in which those that one tape can hold stand together, and where each has gone.
fn ordered(computations: Vec<Computation>) -> (Vec<Computation>, Vec<usize>) {
    // A level is a section that a tape cannot hold and the one behind it that it can.
    let mut levels: Vec<(usize, bool)> = Vec::with_capacity(computations.len());
    for c in &computations {
        let behind = c.sources.iter().filter_map(|s| match s {
            Source::Computed(i) => levels.get(*i).copied(),
            _ => None,
        });
        let level = behind.map(|(level, _)| level).max().unwrap_or(0);
        let held = tape::can_hold(c);
        // Those that read each other without a tape between them can stand in one section: it is done one by one.
        let after_tape = |s: &Source| match s {
            Source::Computed(i) => levels.get(*i).is_some_and(|(l, held)| *held && *l == level),
            _ => false,
        };
        let next = !held && c.sources.iter().any(after_tape);
        levels.push((level + usize::from(next), held));
    }
    let mut order: Vec<usize> = (0..computations.len()).collect();
    order.sort_by_key(|i| levels.get(*i).copied());
    let mut step_of = vec![0; order.len()];
    for (step, i) in order.iter().enumerate() {
        if let Some(slot) = step_of.get_mut(*i) {
            *slot = step;
        }
    }
    let moved = |at: usize, s: &Source| match *s {
        Source::Computed(i) if i < at => Source::Computed(step_of.get(i).copied().unwrap_or(usize::MAX)),
        Source::Computed(_) => Source::Constant(Cell::missing(Cause::NoData)),
        other => other,
    };
    let mut all: Vec<Option<Computation>> = computations.into_iter().map(Some).collect();
    let mut out = Vec::with_capacity(all.len());
    for i in order {
        if let Some(mut c) = all.get_mut(i).and_then(Option::take) {
            c.sources = c.sources.iter().map(|s| moved(i, s)).collect();
            out.push(c);
        }
    }
    (out, step_of)
}

/// Stretches of computations that a tape can hold, and those between them.
fn sections(computations: &[Computation], last_use: &[usize]) -> Vec<Section> {
    let mut out = Vec::new();
    let mut from = 0;
    for some in computations.chunk_by(|a, b| tape::can_hold(a) == tape::can_hold(b)) {
        let steps = from..from + some.len();
        from = steps.end;
        let outside = |i: usize| last_use.get(i).is_some_and(|last| *last >= steps.end);
        let keep = |i: usize| computations.get(i).is_some_and(|c| c.keep);
        let held = some.first().is_some_and(tape::can_hold);
        out.push(Section {
            tape: held.then(|| Tape::new(some, steps.start, |i| keep(i) || outside(i))),
            steps,
            reads: Vec::new(),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::pure::Pure;
    use crate::ops::recursive::{Ema, Recursive};
    use alula_dsl::builtin::Math;
    use alula_dsl::graph::{Arith, Cmp};
    use alula_dsl::unit::Unit;

    const NUMBER: ValueKind = ValueKind::Number(Unit::NONE);

    fn computations() -> Vec<Computation> {
        let pure = |op: Pure, kind, sources: Vec<Source>, keep| Computation {
            operator: Box::new(op),
            kind,
            sources,
            keep,
        };
        let (x, y) = (Source::Given(0), Source::Given(1));
        let one = Source::Constant(Cell::number(1.0));
        vec![
            pure(Pure::Arith(Arith::Sub), NUMBER, vec![x, y], false),
            pure(
                Pure::Arith(Arith::Div),
                NUMBER,
                vec![Source::Computed(0), y],
                true,
            ),
            Computation {
                operator: Box::new(Recursive::new(Ema::new(5))),
                kind: NUMBER,
                sources: vec![Source::Computed(1)],
                keep: false,
            },
            pure(
                Pure::Compare(Cmp::Gt),
                ValueKind::Bool,
                vec![Source::Computed(2), one],
                true,
            ),
            pure(Pure::Compare(Cmp::Lt), ValueKind::Bool, vec![x, y], false),
            pure(
                Pure::Or,
                ValueKind::Bool,
                vec![Source::Computed(3), Source::Computed(4)],
                true,
            ),
            pure(Pure::Not, ValueKind::Bool, vec![Source::Computed(5)], true),
            // Reads what does not come before.
            pure(Pure::Not, ValueKind::Bool, vec![Source::Computed(9)], true),
            pure(Pure::Neg, NUMBER, vec![Source::Computed(0)], false),
            pure(Pure::Math(Math::Abs), NUMBER, vec![Source::Computed(8)], false),
            pure(Pure::Math(Math::Sqrt), NUMBER, vec![Source::Computed(9)], true),
            pure(Pure::Math(Math::Ln), NUMBER, vec![y], true),
            pure(
                Pure::Math(Math::Max),
                NUMBER,
                vec![Source::Computed(11), one],
                false,
            ),
            pure(
                Pure::Math(Math::Min),
                NUMBER,
                vec![one, Source::Computed(12)],
                true,
            ),
            pure(Pure::InRange, ValueKind::Bool, vec![x, one, y], false),
            pure(Pure::Compare(Cmp::Ne), ValueKind::Bool, vec![x, y], false),
            pure(
                Pure::And,
                ValueKind::Bool,
                vec![Source::Computed(14), Source::Computed(15), Source::Computed(4)],
                true,
            ),
            pure(
                Pure::Votes,
                NUMBER,
                vec![Source::Computed(16), Source::Computed(15), Source::Computed(14)],
                true,
            ),
            pure(
                Pure::Arith(Arith::Mul),
                NUMBER,
                vec![Source::Computed(17), Source::Computed(8)],
                false,
            ),
            // A memory behind a memory, and one whose column only a memory reads.
            Computation {
                operator: Box::new(Recursive::new(Ema::new(3))),
                kind: NUMBER,
                sources: vec![Source::Computed(2)],
                keep: false,
            },
            Computation {
                operator: Box::new(Recursive::new(Ema::new(2))),
                kind: NUMBER,
                sources: vec![Source::Computed(18)],
                keep: false,
            },
            pure(
                Pure::Arith(Arith::Add),
                NUMBER,
                vec![Source::Computed(19), Source::Computed(20)],
                true,
            ),
        ]
    }

    /// What is in the two given columns.
    #[derive(Clone, Copy, Debug)]
    enum Of {
        /// Missing steps and zeros everywhere.
        Holes,
        Known,
        /// Known, and one quotient that does not exist.
        Zero,
    }

    fn columns(steps: u32, of: Of) -> [Column; 2] {
        [3_u32, 5].map(|m| {
            Column::from_numbers(
                (0..steps).map(|i| match (i.wrapping_mul(2_654_435_761) >> 24, of) {
                    (0..8, Of::Holes) => Cell::missing(Cause::NoQuote),
                    (8..16, Of::Holes) => Cell::number(0.0),
                    (_, Of::Zero) if i == 1_500 => Cell::number(0.0),
                    (v, _) => Cell::number(f64::from(v + 1) / f64::from(m)),
                }),
            )
        })
    }

    /// Each operator over the whole history, one after the other.
    fn one_by_one(given: &[Column; 2], steps: usize) -> Vec<Column> {
        one_after_the_other(computations(), given, steps)
    }

    fn one_after_the_other(all: Vec<Computation>, given: &[Column; 2], steps: usize) -> Vec<Column> {
        let mut done: Vec<Column> = Vec::new();
        for mut c in all {
            let input = |s: &Source| match *s {
                Source::Given(i) => Input::Column(&given[i]),
                Source::Computed(i) => done
                    .get(i)
                    .map_or(Input::Constant(Cell::missing(Cause::NoData)), Input::Column),
                Source::Constant(cell) => Input::Constant(cell),
            };
            let mut out = Column::new(c.kind);
            let inputs: Vec<Input<'_>> = c.sources.iter().map(input).collect();
            c.operator.extend(&inputs, steps, &mut out);
            done.push(out);
        }
        done
    }

    #[test]
    fn stretches_give_the_columns_of_whole_histories() {
        for steps in [0, 1, 63, 64, 1_000, 1_024, 1_025, 5_000] {
            for of in [Of::Holes, Of::Known, Of::Zero] {
                let given = columns(steps, of);
                let steps = steps as usize;
                let want = one_by_one(&given, steps);
                // In one go, and in calls that end anywhere.
                for cut in [steps, steps / 3, 100.min(steps)] {
                    let mut sweep = Sweep::new(computations());
                    sweep.run(&[&given[0], &given[1]], cut);
                    sweep.run(&[&given[0], &given[1]], steps);
                    for (i, (want, c)) in want.iter().zip(computations()).enumerate() {
                        match sweep.kept(i) {
                            Some(got) => assert!(
                                got.iter().eq(want.iter()),
                                "computation {i}, {steps} steps, cut {cut}, {of:?}"
                            ),
                            None => assert!(!c.keep),
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_comparison_of_a_result_that_nothing_else_reads_is_the_comparison() {
        let (x, y) = (Source::Given(0), Source::Given(1));
        let level = Source::Constant(Cell::number(40.0));
        let factor = Source::Constant(Cell::number(0.75));
        let mut all = Vec::new();
        for arith in [Arith::Add, Arith::Sub, Arith::Mul, Arith::Div] {
            for cmp in [Cmp::Lt, Cmp::Le, Cmp::Gt, Cmp::Ge, Cmp::Eq] {
                for [a, b] in [[x, y], [x, factor], [factor, y]] {
                    for other in [x, y, level] {
                        for first in [true, false] {
                            let result = Source::Computed(all.len());
                            let sources = if first { [result, other] } else { [other, result] };
                            all.push((Pure::Arith(arith), NUMBER, vec![a, b]));
                            all.push((Pure::Compare(cmp), ValueKind::Bool, sources.to_vec()));
                        }
                    }
                }
            }
        }
        let computations: Vec<Computation> = all
            .into_iter()
            .map(|(op, kind, sources)| Computation {
                operator: Box::new(op),
                kind,
                sources,
                keep: kind == ValueKind::Bool,
            })
            .collect();
        let given = columns(2_048, Of::Known);
        let mut sweep = Sweep::new(computations.clone());
        assert!(sweep.clone().tape(0, &[&given[0], &given[1]], 2_048));
        sweep.run(&[&given[0], &given[1]], 2_048);
        for (i, want) in one_after_the_other(computations, &given, 2_048)
            .iter()
            .enumerate()
        {
            if let Some(got) = sweep.kept(i) {
                assert!(got.iter().eq(want.iter()), "computation {i}");
            }
        }
    }

    #[test]
    fn a_tape_does_what_it_can() {
        for (of, want) in [(Of::Holes, false), (Of::Known, true), (Of::Zero, false)] {
            let given = columns(2_048, of);
            let mut sweep = Sweep::new(computations());
            let done = (0..sweep.sections.len()).filter(|at| sweep.tape(*at, &[&given[0], &given[1]], 2_048));
            assert_eq!(done.count() > 0, want, "{of:?}");
        }
    }

    #[test]
    fn registers_are_used_again() {
        let chain = (0..100)
            .map(|i| Computation {
                operator: Box::new(Pure::Neg),
                kind: NUMBER,
                sources: vec![if i == 0 {
                    Source::Given(0)
                } else {
                    Source::Computed(i - 1)
                }],
                keep: i == 99,
            })
            .collect();
        let sweep = Sweep::new(chain);
        assert_eq!(sweep.registers.len(), 2);
    }
}
