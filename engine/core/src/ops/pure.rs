//! Operators without memory: one formula for a step, and kernels over 64 steps at a time with the same formula.

use super::kernel::{self, Lanes};
use super::state::{Reader, Tag, Writer};
use super::{Operator, StateError, input};
use crate::column::{Column, Input, WORD};
use crate::value::{Cause, Cell};
use alula_dsl::builtin::Math;
use alula_dsl::graph::{Arith, Cmp};

/// An operator whose output depends on this step's inputs alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pure {
    Arith(Arith),
    Neg,
    Math(Math),
    Compare(Cmp),
    InRange,
    And,
    Or,
    Not,
    Votes,
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
fn math1(op: Math, x: f64) -> f64 {
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
fn holds(op: Cmp, a: f64, b: f64) -> bool {
    match op {
        Cmp::Lt => a < b,
        Cmp::Le => a <= b,
        Cmp::Gt => a > b,
        Cmp::Ge => a >= b,
        Cmp::Eq => a == b,
        Cmp::Ne => a != b,
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
    fn eval(self, inputs: &[Cell]) -> Cell {
        let [a, b] = [input(inputs, 0), input(inputs, 1)];
        match self {
            Self::Arith(Arith::Div) => binary(a, b, |x, y| {
                if y == 0.0 {
                    Cell::missing(Cause::DivisionByZero)
                } else {
                    Cell::number(x / y)
                }
            }),
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

    /// Appends the 64 steps of word `w`.
    fn word(self, inputs: &[Input<'_>], w: usize, out: &mut Column) {
        let cause = |step: usize| self.cause(inputs, step);
        let at = |i: usize| {
            inputs
                .get(i)
                .copied()
                .unwrap_or(Input::Constant(Cell::missing(Cause::NoData)))
        };
        let [a, b] = [at(0), at(1)];
        let numbers = |out: &mut Column, mut r: Lanes, known: u64| {
            let known = kernel::settle(&mut r, known);
            out.push_numbers(&r, known, cause);
        };
        macro_rules! two {
            ($f:expr) => {{
                let (r, known) = kernel::binary(a, b, w, $f);
                numbers(out, r, known);
            }};
        }
        macro_rules! one {
            ($f:expr) => {{
                let (r, known) = kernel::unary(a, w, $f);
                numbers(out, r, known);
            }};
        }
        // Each arm names its operation, so that each loop is compiled for it alone.
        match self {
            Self::Arith(Arith::Add) => two!(|x, y| x + y),
            Self::Arith(Arith::Sub) => two!(|x, y| x - y),
            Self::Arith(Arith::Mul) => two!(|x, y| x * y),
            Self::Arith(Arith::Div) => two!(|x, y| x / y),
            Self::Neg => one!(|x: f64| -x),
            Self::Math(Math::Abs) => one!(f64::abs),
            Self::Math(Math::Min) => two!(min),
            Self::Math(Math::Max) => two!(max),
            Self::Math(op @ (Math::Sqrt | Math::Ln | Math::Exp)) => one!(|x| math1(op, x)),
            Self::Compare(op) => {
                let (truth, known) = kernel::compare(op, a, b, w);
                out.push_booleans(truth, known, cause);
            }
            Self::InRange => {
                let lo = kernel::compare(Cmp::Ge, a, b, w);
                let hi = kernel::compare(Cmp::Le, a, at(2), w);
                let (truth, known) = kernel::and(lo, hi);
                out.push_booleans(truth, known, cause);
            }
            Self::And => {
                let all = inputs
                    .iter()
                    .fold((!0, !0), |acc, i| kernel::and(acc, kernel::truths(*i, w)));
                out.push_booleans(all.0, all.1, cause);
            }
            Self::Or => {
                let any = inputs
                    .iter()
                    .fold((0, !0), |acc, i| kernel::or(acc, kernel::truths(*i, w)));
                out.push_booleans(any.0, any.1, cause);
            }
            Self::Not => {
                let (truth, known) = kernel::truths(a, w);
                out.push_booleans(!truth & known, known, cause);
            }
            Self::Votes => {
                let mut r = [0.0; WORD];
                let mut known = !0;
                for i in inputs {
                    let (truth, k) = kernel::truths(*i, w);
                    known &= k;
                    for (bit, v) in r.iter_mut().enumerate() {
                        *v += if truth >> bit & 1 == 1 { 1.0 } else { 0.0 };
                    }
                }
                numbers(out, r, known);
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
        super::extend_by_steps(self, inputs, aligned, out);
        while upto.saturating_sub(out.len()) >= WORD {
            self.word(inputs, out.len() / WORD, out);
        }
        super::extend_by_steps(self, inputs, upto, out);
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
