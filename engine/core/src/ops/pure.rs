//! Operators without memory: one formula for a step, and kernels over words of 64 steps with the same formula.

use super::kernel::{self, One, Truths, Two};
use super::state::{Reader, Tag, Writer};
use super::{Operator, StateError, input};
use crate::column::{Column, Input, WORD};
use crate::value::{Cause, Cell};
use alula_dsl::builtin::Math;
use alula_dsl::graph::{Arith, Cmp};

/// An operator whose output depends on this step's inputs alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pure {
    /// Arithmetic on two numbers.
    Arith(Arith),
    /// Minus a number.
    Neg,
    /// A function of numbers.
    Math(Math),
    /// Comparison of two numbers.
    Compare(Cmp),
    /// Whether the first number lies between the other two, bounds included.
    InRange,
    /// Kleene conjunction.
    And,
    /// Kleene disjunction.
    Or,
    /// Kleene negation.
    Not,
    /// How many conditions hold.
    Votes,
}

pub(super) const fn two_of(op: Arith) -> Two {
    match op {
        Arith::Add => Two::Add,
        Arith::Sub => Two::Sub,
        Arith::Mul => Two::Mul,
        Arith::Div => Two::Div,
    }
}

/// Functions of one number that vectors have.
pub(super) const fn one_of(op: Math) -> Option<One> {
    match op {
        Math::Abs => Some(One::Abs),
        Math::Sqrt => Some(One::Sqrt),
        Math::Ln | Math::Exp | Math::Min | Math::Max => None,
    }
}

fn arith(op: Arith, a: f64, b: f64) -> f64 {
    match op {
        Arith::Add => a + b,
        Arith::Sub => a - b,
        Arith::Mul => a * b,
        Arith::Div => a / b,
    }
}

/// The smaller; both are finite. Written as a comparison so that step and kernel agree on every machine.
fn min(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}

fn max(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

/// `exp` and `ln` are libm's own (pure Rust), not the platform's: the same bits everywhere.
pub(super) fn math1(op: Math, x: f64) -> f64 {
    match op {
        Math::Abs | Math::Min | Math::Max => x.abs(),
        Math::Sqrt => x.sqrt(),
        Math::Ln => libm::log(x),
        Math::Exp => libm::exp(x),
    }
}

#[expect(
    clippy::float_cmp,
    reason = "`=` in the language is exact equality of two finite numbers"
)]
#[inline]
pub(super) fn holds(op: Cmp, a: f64, b: f64) -> bool {
    match op {
        Cmp::Lt => a < b,
        Cmp::Le => a <= b,
        Cmp::Gt => a > b,
        Cmp::Ge => a >= b,
        Cmp::Eq => a == b,
        Cmp::Ne => a != b,
    }
}

#[inline]
pub(super) fn divide(x: f64, y: f64) -> Cell {
    if y == 0.0 {
        Cell::missing(Cause::DivisionByZero)
    } else {
        Cell::number(x / y)
    }
}

fn unary(a: Cell, f: impl Fn(f64) -> Cell) -> Cell {
    a.known().map_or(a, f)
}

fn binary(a: Cell, b: Cell, f: impl Fn(f64, f64) -> Cell) -> Cell {
    match (a.known(), b.known()) {
        (Some(x), Some(y)) => f(x, y),
        (None, _) => a,
        (_, None) => b,
    }
}

pub(crate) fn compare(op: Cmp, a: Cell, b: Cell) -> Cell {
    binary(a, b, |x, y| Cell::boolean(holds(op, x, y)))
}

impl Pure {
    #[inline]
    pub(crate) fn eval(self, inputs: &[Cell]) -> Cell {
        let [a, b] = [input(inputs, 0), input(inputs, 1)];
        match self {
            Self::Arith(Arith::Div) => binary(a, b, divide),
            Self::Arith(op) => binary(a, b, |x, y| Cell::number(arith(op, x, y))),
            Self::Neg => unary(a, |x| Cell::number(-x)),
            Self::Math(Math::Min) => binary(a, b, |x, y| Cell::number(min(x, y))),
            Self::Math(Math::Max) => binary(a, b, |x, y| Cell::number(max(x, y))),
            Self::Math(op) => unary(a, |x| Cell::number(math1(op, x))),
            Self::Compare(op) => compare(op, a, b),
            // Kleene: below a known bound decides, whatever the other bound is. Causes: x, lower, upper.
            Self::InRange => compare(Cmp::Ge, a, b).and(compare(Cmp::Le, a, input(inputs, 2))),
            Self::And => Cell::all(inputs),
            Self::Or => Cell::any(inputs),
            Self::Not => !a,
            Self::Votes => {
                let mut votes = 0.0;
                for cell in inputs {
                    match cell.truth() {
                        Some(true) => votes += 1.0,
                        Some(false) => {}
                        None => return *cell,
                    }
                }
                Cell::number(votes)
            }
        }
    }

    /// Appends whole words, all steps of which the inputs have. False where inputs or column are not of the kinds that the
    /// operator is about, or begin inside a word; then nothing is done.
    fn words(self, inputs: &[Input<'_>], words: usize, out: &mut Column) -> bool {
        let base = out.len();
        let cause = |step: usize| self.cause(inputs, step);
        let number = |i: usize| kernel::numbers(*inputs.get(i)?, base, words);
        let truths = || inputs.iter().map(|i| kernel::truths(*i, base, words));
        let two = |op: Two, out: &mut Column| {
            let (Some(x), Some(y)) = (number(0), number(1)) else {
                return false;
            };
            out.append_numbers(words, |values, known| kernel::two(op, x, y, values, known), cause)
        };
        let one = |op: One, out: &mut Column| {
            let Some(x) = number(0) else { return false };
            out.append_numbers(words, |values, known| kernel::one(op, x, values, known), cause)
        };
        match self {
            Self::Arith(op) => two(two_of(op), out),
            Self::Neg => one(One::Neg, out),
            Self::Math(Math::Min) => two(Two::Min, out),
            Self::Math(Math::Max) => two(Two::Max, out),
            Self::Math(Math::Abs) => one(One::Abs, out),
            Self::Math(Math::Sqrt) => one(One::Sqrt, out),
            Self::Math(op @ (Math::Ln | Math::Exp)) => {
                let Some(x) = number(0) else { return false };
                out.append_numbers(
                    words,
                    |values, known| kernel::each(|v| math1(op, v), x, values, known),
                    cause,
                )
            }
            Self::Compare(op) => {
                let (Some(x), Some(y)) = (number(0), number(1)) else {
                    return false;
                };
                out.append_booleans(
                    words,
                    |truth, known| kernel::compare(op, x, y, truth, known),
                    cause,
                )
            }
            Self::InRange => {
                let (Some(x), Some(lo), Some(hi)) = (number(0), number(1), number(2)) else {
                    return false;
                };
                let (mut below, mut known_below) = (vec![0; words], vec![0; words]);
                kernel::compare(Cmp::Le, x, hi, &mut below, &mut known_below);
                let fill = |truth: &mut [u64], known: &mut [u64]| {
                    kernel::compare(Cmp::Ge, x, lo, truth, known);
                    kernel::and(Truths::Each(&below, &known_below), truth, known);
                };
                out.append_booleans(words, fill, cause)
            }
            Self::And | Self::Or | Self::Not => {
                // Every input must be there before the first is used: a column half filled cannot be taken back.
                if truths().any(|t| t.is_none()) || (self == Self::Not && inputs.is_empty()) {
                    return false;
                }
                let fill = |truth: &mut [u64], known: &mut [u64]| {
                    truth.fill(if self == Self::And { !0 } else { 0 });
                    known.fill(!0);
                    for input in truths().flatten() {
                        match self {
                            Self::And => kernel::and(input, truth, known),
                            Self::Or => kernel::or(input, truth, known),
                            _ => kernel::not(input, truth, known),
                        }
                    }
                };
                out.append_booleans(words, fill, cause)
            }
            Self::Votes => {
                if truths().any(|t| t.is_none()) {
                    return false;
                }
                let fill = |values: &mut [[f64; WORD]], known: &mut [u64]| {
                    values.fill([0.0; WORD]);
                    known.fill(!0);
                    truths()
                        .flatten()
                        .for_each(|input| kernel::vote(input, values, known));
                    kernel::settle(values, known);
                };
                out.append_numbers(words, fill, cause)
            }
        }
    }

    /// The cause of a missing step, by the definition; cold.
    fn cause(self, inputs: &[Input<'_>], step: usize) -> Cause {
        let cells: Vec<Cell> = inputs.iter().map(|i| i.get(step)).collect();
        self.eval(&cells).cause().unwrap_or(Cause::OutOfDomain)
    }
}

impl Operator for Pure {
    fn step(&mut self, inputs: &[Cell]) -> Cell {
        self.eval(inputs)
    }

    fn extend(&mut self, inputs: &[Input<'_>], upto: usize, out: &mut Column) {
        let aligned = out.len().next_multiple_of(WORD).min(upto);
        if out.len() < aligned {
            super::extend_by_steps(self, inputs, aligned, out);
        }
        let words = upto.saturating_sub(out.len()) / WORD;
        if words > 0 {
            self.words(inputs, words, out);
        }
        if out.len() < upto {
            super::extend_by_steps(self, inputs, upto, out);
        }
    }

    fn reset(&mut self) {}

    fn warmup(&self) -> u32 {
        0
    }

    fn save(&self, out: &mut Vec<u8>) {
        Writer(out).header(Tag::Stateless);
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let mut header = Vec::new();
        self.save(&mut header);
        Reader::after(&header, bytes)?.end()
    }

    fn pure(&self) -> Option<Self> {
        Some(*self)
    }

    fn boxed_clone(&self) -> Box<dyn Operator> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn num(v: f64) -> Cell {
        Cell::number(v)
    }

    const STALE: Cell = Cell::missing(Cause::Stale);
    const QUOTE: Cell = Cell::missing(Cause::NoQuote);

    #[test]
    fn numbers_that_do_not_exist_are_missing_with_the_reason() {
        let div = Pure::Arith(Arith::Div);
        assert_eq!(
            div.eval(&[num(1.0), num(0.0)]),
            Cell::missing(Cause::DivisionByZero)
        );
        assert_eq!(
            div.eval(&[num(0.0), num(0.0)]),
            Cell::missing(Cause::DivisionByZero)
        );
        assert_eq!(div.eval(&[QUOTE, num(0.0)]), QUOTE);
        assert_eq!(
            Pure::Math(Math::Sqrt).eval(&[num(-1.0)]),
            Cell::missing(Cause::OutOfDomain)
        );
        assert_eq!(
            Pure::Math(Math::Ln).eval(&[num(0.0)]),
            Cell::missing(Cause::OutOfDomain)
        );
        assert_eq!(
            Pure::Math(Math::Exp).eval(&[num(1e3)]),
            Cell::missing(Cause::OutOfDomain)
        );
        assert_eq!(
            Pure::Arith(Arith::Mul).eval(&[num(1e200), num(1e200)]),
            Cell::missing(Cause::OutOfDomain)
        );
        assert_eq!(Pure::Neg.eval(&[num(0.0)]), num(0.0));
        assert_eq!(Pure::Arith(Arith::Add).eval(&[STALE, QUOTE]), STALE);
        assert_eq!(
            Pure::Arith(Arith::Add).eval(&[num(1.0)]),
            Cell::missing(Cause::NoData)
        );
    }

    #[test]
    fn a_range_is_inclusive_and_one_known_bound_may_decide() {
        let within = |x, lo, hi| Pure::InRange.eval(&[x, lo, hi]);
        assert_eq!(within(num(38.0), num(38.0), num(52.0)), Cell::TRUE);
        assert_eq!(within(num(52.0), num(38.0), num(52.0)), Cell::TRUE);
        assert_eq!(within(num(53.0), num(38.0), num(52.0)), Cell::FALSE);
        assert_eq!(within(num(1.0), num(38.0), STALE), Cell::FALSE);
        assert_eq!(within(num(60.0), STALE, num(52.0)), Cell::FALSE);
        assert_eq!(within(num(40.0), num(38.0), STALE), STALE);
        assert_eq!(within(QUOTE, STALE, num(52.0)), QUOTE);
    }

    #[test]
    fn votes_count_and_need_every_vote() {
        assert_eq!(Pure::Votes.eval(&[Cell::TRUE, Cell::FALSE, Cell::TRUE]), num(2.0));
        assert_eq!(Pure::Votes.eval(&[Cell::TRUE, STALE, QUOTE]), STALE);
        assert_eq!(Pure::Votes.eval(&[]), num(0.0));
    }
}
