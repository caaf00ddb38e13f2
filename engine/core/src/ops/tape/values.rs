//! One operator over one block, eight steps at a time.

use super::{BLOCK_STEPS, Condition, LANES, Lane, Number, Op, Truth, WORDS};
use crate::column::WORD;
use crate::ops::kernel::{One, Two, bits};
use crate::ops::pure::math1;
use alula_dsl::graph::Cmp;
use fearless_simd::{Simd, f64x8, mask64x8, prelude::*};

/// What the operators of a tape read in one block.
pub(super) struct Values<'a> {
    pub(super) lanes: &'a [Lane<'a>],
    pub(super) block: usize,
    pub(super) numbers: &'a [Vec<f64>],
    pub(super) truths: &'a [Truth],
}

/// Numbers of a block, eight at a time, or the same everywhere.
#[derive(Clone, Copy)]
enum Eights<'a> {
    Each(&'a [[f64; LANES]]),
    All(f64),
}

impl<'a> Values<'a> {
    #[inline(always)]
    fn eights(&self, number: Number) -> Option<Eights<'a>> {
        let values = match number {
            Number::All(x) => return Some(Eights::All(x)),
            Number::Register(i) => self.numbers.get(i)?.as_slice(),
            Number::Input(i) => match self.lanes.get(i)? {
                Lane::Numbers(values) => {
                    let from = self.block * BLOCK_STEPS;
                    values.get(from..from + BLOCK_STEPS)?
                }
                Lane::Truths(_) => return None,
            },
        };
        Some(Eights::Each(values.as_chunks().0))
    }

    #[inline(always)]
    fn truth(&self, condition: Condition) -> Option<Truth> {
        Some(match condition {
            Condition::All(true) => [!0; WORDS],
            Condition::All(false) => [0; WORDS],
            Condition::Register(i) => *self.truths.get(i)?,
            Condition::Input(i) => match self.lanes.get(i)? {
                Lane::Truths(words) => *words.get(self.block * WORDS..)?.first_chunk()?,
                Lane::Numbers(_) => return None,
            },
        })
    }

    /// Writes an operator's numbers; false where one is not finite.
    #[inline(always)]
    pub(super) fn number<S: Simd>(&self, simd: S, op: &Op, out: &mut [f64]) -> bool {
        let out = out.as_chunks_mut().0;
        match op {
            Op::Two(op, x, y) => {
                let (Some(x), Some(y)) = (self.eights(*x), self.eights(*y)) else {
                    return false;
                };
                // Each arm names its operation, so that each loop is compiled for it alone.
                match op {
                    Two::Add => pairs(simd, x, y, out, |a, b| a + b),
                    Two::Sub => pairs(simd, x, y, out, |a, b| a - b),
                    Two::Mul => pairs(simd, x, y, out, |a, b| a * b),
                    Two::Div => pairs(simd, x, y, out, |a, b| a / b),
                    Two::Min => pairs(simd, x, y, out, |a, b| b.simd_lt(a).select(b, a)),
                    Two::Max => pairs(simd, x, y, out, |a, b| b.simd_gt(a).select(b, a)),
                }
            }
            Op::One(op, x) => {
                let Some(x) = self.eights(*x) else { return false };
                let none = Eights::All(0.0);
                match op {
                    One::Neg => pairs(simd, x, none, out, |a, _| -a),
                    One::Abs => pairs(simd, x, none, out, |a, _| a.abs()),
                    One::Sqrt => pairs(simd, x, none, out, |a, _| a.sqrt()),
                }
            }
            Op::Each(op, x) => {
                let Some(x) = self.eights(*x) else { return false };
                let mut finite = true;
                for (i, out) in out.iter_mut().enumerate() {
                    let from = match x {
                        Eights::Each(x) => x.get(i).copied().unwrap_or_default(),
                        Eights::All(x) => [x; LANES],
                    };
                    *out = from.map(|x| math1(*op, x) + 0.0);
                    finite &= out.iter().all(|r| r.is_finite());
                }
                finite
            }
            Op::Votes(inputs) => {
                out.fill([0.0; LANES]);
                for input in inputs {
                    let Some(truth) = self.truth(*input) else {
                        return false;
                    };
                    for (bit, vote) in out.as_flattened_mut().iter_mut().enumerate() {
                        let word = truth.get(bit / WORD).copied().unwrap_or(0);
                        *vote += if word >> (bit % WORD) & 1 == 1 { 1.0 } else { 0.0 };
                    }
                }
                true
            }
            _ => false,
        }
    }

    #[inline(always)]
    pub(super) fn condition<S: Simd>(&self, simd: S, op: &Op) -> Option<Truth> {
        Some(match op {
            Op::Compare(op, x, y) => compare(simd, *op, self.eights(*x)?, self.eights(*y)?),
            Op::Compared(two, x, y, op, z) => {
                let inputs = [self.eights(*x)?, self.eights(*y)?, self.eights(*z)?];
                // As above, an arm for each operation.
                match two {
                    Two::Add => compared(simd, inputs, *op, |a, b| a + b),
                    Two::Sub => compared(simd, inputs, *op, |a, b| a - b),
                    Two::Mul => compared(simd, inputs, *op, |a, b| a * b),
                    Two::Div => compared(simd, inputs, *op, |a, b| a / b),
                    Two::Min | Two::Max => None,
                }?
            }
            Op::InRange(x, lo, hi) => {
                let x = self.eights(*x)?;
                let above = compare(simd, Cmp::Ge, x, self.eights(*lo)?);
                let below = compare(simd, Cmp::Le, x, self.eights(*hi)?);
                both(above, below, |a, b| a & b)
            }
            Op::And(inputs) => {
                let mut so_far = [!0; WORDS];
                for input in inputs {
                    so_far = both(so_far, self.truth(*input)?, |a, b| a & b);
                }
                so_far
            }
            Op::Or(inputs) => {
                let mut so_far = [0; WORDS];
                for input in inputs {
                    so_far = both(so_far, self.truth(*input)?, |a, b| a | b);
                }
                so_far
            }
            Op::Not(input) => self.truth(*input)?.map(|word| !word),
            _ => return None,
        })
    }
}

#[inline(always)]
fn both(a: Truth, b: Truth, f: impl Fn(u64, u64) -> u64) -> Truth {
    let mut out = a;
    out.iter_mut().zip(b).for_each(|(a, b)| *a = f(*a, b));
    out
}

#[inline(always)]
fn pairs<S: Simd>(
    simd: S,
    x: Eights<'_>,
    y: Eights<'_>,
    out: &mut [[f64; LANES]],
    f: impl Fn(f64x8<S>, f64x8<S>) -> f64x8<S>,
) -> bool {
    let (zero, largest) = (f64x8::splat(simd, 0.0), f64x8::splat(simd, f64::MAX));
    let mut finite = mask64x8::splat(simd, true);
    let load = |x: &[f64; LANES]| f64x8::load_array_ref(simd, x);
    let mut put = |to: &mut [f64; LANES], r: f64x8<S>| {
        // Adding zero changes no number but a negative zero.
        let r = r + zero;
        finite &= r.abs().simd_le(largest);
        r.store_slice(to);
    };
    match (x, y) {
        (Eights::Each(x), Eights::Each(y)) => {
            for ((to, x), y) in out.iter_mut().zip(x).zip(y) {
                put(to, f(load(x), load(y)));
            }
        }
        (Eights::Each(x), Eights::All(y)) => {
            let y = f64x8::splat(simd, y);
            for (to, x) in out.iter_mut().zip(x) {
                put(to, f(load(x), y));
            }
        }
        (Eights::All(x), Eights::Each(y)) => {
            let x = f64x8::splat(simd, x);
            for (to, y) in out.iter_mut().zip(y) {
                put(to, f(x, load(y)));
            }
        }
        (Eights::All(x), Eights::All(y)) => {
            let r = f(f64x8::splat(simd, x), f64x8::splat(simd, y));
            out.iter_mut().for_each(|to| put(to, r));
        }
    }
    finite.all_true()
}

#[inline(always)]
fn compare<S: Simd>(simd: S, op: Cmp, x: Eights<'_>, y: Eights<'_>) -> Truth {
    match op {
        Cmp::Lt => masks(simd, x, y, |a, b| a.simd_lt(b)),
        Cmp::Le => masks(simd, x, y, |a, b| a.simd_le(b)),
        Cmp::Gt => masks(simd, x, y, |a, b| a.simd_gt(b)),
        Cmp::Ge => masks(simd, x, y, |a, b| a.simd_ge(b)),
        Cmp::Eq => masks(simd, x, y, |a, b| a.simd_eq(b)),
        Cmp::Ne => masks(simd, x, y, |a, b| !a.simd_eq(b)),
    }
}

/// Eights by the word of their truth.
#[inline(always)]
fn words(x: &[[f64; LANES]]) -> &[[[f64; LANES]; WORD / LANES]] {
    x.as_chunks().0
}

#[inline(always)]
fn masks<S: Simd>(
    simd: S,
    x: Eights<'_>,
    y: Eights<'_>,
    f: impl Fn(f64x8<S>, f64x8<S>) -> mask64x8<S>,
) -> Truth {
    let load = |x: &[f64; LANES]| f64x8::load_array_ref(simd, x);
    let mut out = [0; WORDS];
    match (x, y) {
        (Eights::Each(x), Eights::Each(y)) => {
            for ((to, x), y) in out.iter_mut().zip(words(x)).zip(words(y)) {
                *to = bits(x.iter().zip(y).map(|(a, b)| f(load(a), load(b))));
            }
        }
        (Eights::Each(x), Eights::All(y)) => {
            let y = f64x8::splat(simd, y);
            for (to, x) in out.iter_mut().zip(words(x)) {
                *to = bits(x.iter().map(|a| f(load(a), y)));
            }
        }
        (Eights::All(x), Eights::Each(y)) => {
            let x = f64x8::splat(simd, x);
            for (to, y) in out.iter_mut().zip(words(y)) {
                *to = bits(y.iter().map(|b| f(x, load(b))));
            }
        }
        (Eights::All(x), Eights::All(y)) => {
            let mask = f(f64x8::splat(simd, x), f64x8::splat(simd, y));
            out.fill(bits(std::iter::repeat_n(mask, WORD / LANES)));
        }
    }
    out
}

#[inline(always)]
fn compared<S: Simd>(
    simd: S,
    inputs: [Eights<'_>; 3],
    op: Cmp,
    f: impl Fn(f64x8<S>, f64x8<S>) -> f64x8<S>,
) -> Option<Truth> {
    match op {
        Cmp::Lt => folded_masks(simd, inputs, f, |a, b| a.simd_lt(b)),
        Cmp::Le => folded_masks(simd, inputs, f, |a, b| a.simd_le(b)),
        Cmp::Gt => folded_masks(simd, inputs, f, |a, b| a.simd_gt(b)),
        Cmp::Ge => folded_masks(simd, inputs, f, |a, b| a.simd_ge(b)),
        Cmp::Eq | Cmp::Ne => None,
    }
}

/// Truth of `g(f(x, y), z)`; `None` where a result of `f` is not finite. A negative zero compares as zero does.
#[inline(always)]
fn folded_masks<S: Simd>(
    simd: S,
    [x, y, z]: [Eights<'_>; 3],
    f: impl Fn(f64x8<S>, f64x8<S>) -> f64x8<S>,
    g: impl Fn(f64x8<S>, f64x8<S>) -> mask64x8<S>,
) -> Option<Truth> {
    let largest = f64x8::splat(simd, f64::MAX);
    let mut finite = mask64x8::splat(simd, true);
    let load = |x: &[f64; LANES]| f64x8::load_array_ref(simd, x);
    let mut test = |x, y, z| {
        let r = f(x, y);
        finite &= r.abs().simd_le(largest);
        g(r, z)
    };
    let mut out = [0; WORDS];
    match (x, y, z) {
        (Eights::Each(x), Eights::Each(y), Eights::Each(z)) => {
            for (((to, x), y), z) in out.iter_mut().zip(words(x)).zip(words(y)).zip(words(z)) {
                let both = x.iter().zip(y).zip(z);
                *to = bits(both.map(|((a, b), c)| test(load(a), load(b), load(c))));
            }
        }
        (Eights::Each(x), Eights::Each(y), Eights::All(z)) => {
            let z = f64x8::splat(simd, z);
            for ((to, x), y) in out.iter_mut().zip(words(x)).zip(words(y)) {
                *to = bits(x.iter().zip(y).map(|(a, b)| test(load(a), load(b), z)));
            }
        }
        (Eights::Each(x), Eights::All(y), Eights::Each(z)) => {
            let y = f64x8::splat(simd, y);
            for ((to, x), z) in out.iter_mut().zip(words(x)).zip(words(z)) {
                *to = bits(x.iter().zip(z).map(|(a, c)| test(load(a), y, load(c))));
            }
        }
        (Eights::Each(x), Eights::All(y), Eights::All(z)) => {
            let (y, z) = (f64x8::splat(simd, y), f64x8::splat(simd, z));
            for (to, x) in out.iter_mut().zip(words(x)) {
                *to = bits(x.iter().map(|a| test(load(a), y, z)));
            }
        }
        (Eights::All(_), ..) => return None,
    }
    finite.all_true().then_some(out)
}
