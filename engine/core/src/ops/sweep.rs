//! Many operators over a whole history, a stretch of steps at a time.
//!
//! One operator after the other over the whole history would carry every intermediate column out to memory and back. A
//! sweep takes [`STRETCH_STEPS`] steps through all its operators before it takes the next ones: what one operator writes is
//! still in the nearest cache when another reads it, and a column that nobody asked to keep is written over by the next.

use super::{INLINE_INPUTS, Operator};
use crate::column::{Column, Input};
use crate::value::{Cause, Cell};
use alula_dsl::graph::ValueKind;

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
    Register(usize),
    Constant(Cell),
}

#[derive(Clone, Debug)]
struct Step {
    operator: Box<dyn Operator>,
    reads: Vec<Read>,
    register: usize,
    kept: Option<Column>,
}

/// Operators in an order in which each comes after those it reads, and the state they are in.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    steps: Vec<Step>,
    registers: Vec<Column>,
    done: usize,
}

impl Sweep {
    /// A sweep through computations, each reading only earlier ones. A source that does not come before reads as
    /// `missing(no data)`.
    #[must_use]
    pub fn new(computations: Vec<Computation>) -> Self {
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
        let mut sweep = Self::default();
        let mut register_of: Vec<usize> = Vec::new();
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
            let recycled = free.get_mut(pool(&column)).and_then(Vec::pop);
            let register = recycled.unwrap_or_else(|| {
                sweep.registers.push(column.clone());
                sweep.registers.len() - 1
            });
            let read = |source: &Source| match *source {
                Source::Given(i) => Read::Given(i),
                Source::Constant(cell) => Read::Constant(cell),
                Source::Computed(i) => match register_of.get(i) {
                    Some(register) => Read::Register(*register),
                    None => Read::Constant(Cell::missing(Cause::NoData)),
                },
            };
            let reads = sources.iter().map(read).collect();
            sweep.steps.push(Step {
                operator,
                reads,
                register,
                kept: keep.then_some(column),
            });
            register_of.push(register);
            // Results read for the last time here, and one that nothing reads, give their registers back.
            let mut done: Vec<usize> = sources
                .iter()
                .filter_map(|s| match s {
                    Source::Computed(i) if last_use.get(*i) == Some(&at) => register_of.get(*i).copied(),
                    _ => None,
                })
                .collect();
            done.extend((last_use.get(at).is_none_or(|last| *last <= at)).then_some(register));
            done.sort_unstable();
            done.dedup();
            for register in done {
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
        for kept in self.steps.iter_mut().filter_map(|s| s.kept.as_mut()) {
            kept.reserve(upto.saturating_sub(kept.len()));
        }
        while self.done < upto {
            let steps = STRETCH_STEPS.min(upto - self.done);
            self.stretch(given, steps);
            self.done += steps;
        }
    }

    fn stretch(&mut self, given: &[&Column], steps: usize) {
        for step in &mut self.steps {
            let Some(slot) = self.registers.get_mut(step.register) else {
                continue;
            };
            let mut out = std::mem::replace(slot, Column::booleans());
            out.clear();
            out.reserve(steps);
            let input = |read: &Read| match *read {
                Read::Given(i) => {
                    let column = given.get(i).map(|c| Input::Stretch(c, self.done));
                    column.unwrap_or(Input::Constant(Cell::missing(Cause::NoData)))
                }
                Read::Register(i) => {
                    let column = self.registers.get(i).map(Input::Column);
                    column.unwrap_or(Input::Constant(Cell::missing(Cause::NoData)))
                }
                Read::Constant(cell) => Input::Constant(cell),
            };
            let mut inline = [Input::Constant(Cell::FALSE); INLINE_INPUTS];
            match inline.get_mut(..step.reads.len()) {
                Some(inputs) => {
                    for (slot, read) in inputs.iter_mut().zip(&step.reads) {
                        *slot = input(read);
                    }
                    step.operator.extend(inputs, steps, &mut out);
                }
                None => {
                    let inputs: Vec<Input<'_>> = step.reads.iter().map(input).collect();
                    step.operator.extend(&inputs, steps, &mut out);
                }
            }
            if let Some(kept) = &mut step.kept {
                kept.append(&out);
            }
            if let Some(slot) = self.registers.get_mut(step.register) {
                *slot = out;
            }
        }
    }

    /// The column of a computation that was to be kept.
    #[must_use]
    pub fn kept(&self, computation: usize) -> Option<&Column> {
        self.steps.get(computation).and_then(|s| s.kept.as_ref())
    }

    /// Takes the column of a computation that was to be kept.
    pub fn take(&mut self, computation: usize) -> Option<Column> {
        self.steps.get_mut(computation).and_then(|s| s.kept.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::pure::Pure;
    use crate::ops::recursive::{Ema, Recursive};
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
                operator: Box::new(Recursive::new(Ema(5))),
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
        ]
    }

    fn columns(steps: u32) -> [Column; 2] {
        [3_u32, 5].map(|m| {
            Column::from_numbers((0..steps).map(|i| match i.wrapping_mul(2_654_435_761) >> 24 {
                0..8 => Cell::missing(Cause::NoQuote),
                8..16 => Cell::number(0.0),
                v => Cell::number(f64::from(v) / f64::from(m)),
            }))
        })
    }

    /// Each operator over the whole history, one after the other.
    fn one_by_one(given: &[Column; 2], steps: usize) -> Vec<Column> {
        let mut done: Vec<Column> = Vec::new();
        for mut c in computations() {
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
            let given = columns(steps);
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
                            "computation {i}, {steps} steps, cut {cut}"
                        ),
                        None => assert!(!c.keep),
                    }
                }
            }
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
