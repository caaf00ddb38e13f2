//! Loops over whole words of 64 steps: numbers eight at a time in the widest vectors that the processor has, truth values
//! as bits.
//!
//! Only `+ − × ÷`, comparisons and bit moves are used, each exactly rounded on every processor, so the instructions that are
//! chosen at run time change the speed and never a bit. A comparison goes straight to a mask: a portable loop that packs
//! bytes costs more than twice as much.

use crate::column::{Column, Input, WORD};
use alula_dsl::graph::Cmp;
use fearless_simd::{Level, Simd, dispatch, f64x8, mask64x8, prelude::*};

/// 64 numbers.
pub(crate) type Lanes = [f64; WORD];

/// Numbers of some whole words of steps.
#[derive(Clone, Copy)]
pub(crate) enum Numbers<'a> {
    /// One for each step; 0 where missing.
    Each(&'a [Lanes], &'a [u64]),
    /// The same at each step, known or not.
    All(f64, bool),
}

/// Truth and known bits of some whole words of steps; truth is a subset of known.
#[derive(Clone, Copy)]
pub(crate) enum Truths<'a> {
    Each(&'a [u64], &'a [u64]),
    All(u64, u64),
}

const fn word_of(bit: bool) -> u64 {
    if bit { !0 } else { 0 }
}

/// `words` words of an input from a step on; `None` where it does not have them as numbers, or not at a word's start.
pub(crate) fn numbers(input: Input<'_>, step: usize, words: usize) -> Option<Numbers<'_>> {
    let (column, step) = match input {
        Input::Constant(cell) => return Some(Numbers::All(cell.raw(), cell.is_known())),
        Input::Column(column) => (column, step),
        Input::Stretch(column, from) => (column, step.checked_add(from)?),
        Input::Late(column, from) => (column, step.checked_sub(from)?),
    };
    let Column::Numbers(c) = column else { return None };
    let end = words.checked_mul(WORD)?.checked_add(step)?;
    let values = c.values().get(step..end)?;
    let known = c.known().words().get(step / WORD..end / WORD)?;
    step.is_multiple_of(WORD)
        .then_some(Numbers::Each(values.as_chunks().0, known))
}

/// As [`numbers`], for truth values.
pub(crate) fn truths(input: Input<'_>, step: usize, words: usize) -> Option<Truths<'_>> {
    let (column, step) = match input {
        Input::Constant(cell) => return Some(Truths::All(word_of(cell.is_true()), word_of(cell.is_known()))),
        Input::Column(column) => (column, step),
        Input::Stretch(column, from) => (column, step.checked_add(from)?),
        Input::Late(column, from) => (column, step.checked_sub(from)?),
    };
    let Column::Booleans(c) = column else { return None };
    let stretch = step / WORD..(step / WORD).checked_add(words)?;
    let (truth, known) = (
        c.truth().words().get(stretch.clone())?,
        c.known().words().get(stretch)?,
    );
    step.is_multiple_of(WORD).then_some(Truths::Each(truth, known))
}

/// Operations on two numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Two {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
}

/// Operations on one number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum One {
    Neg,
    Abs,
    Sqrt,
}

/// Two inputs to one result, in the form that columns hold: no negative zero, and a result that is not finite is missing.
pub(crate) fn two(op: Two, x: Numbers<'_>, y: Numbers<'_>, out: &mut [Lanes], known: &mut [u64]) {
    both_known(x, y, known);
    dispatch!(Level::new(), simd => two_at(simd, op, x, y, out, known));
}

#[inline(always)]
fn two_at<S: Simd>(simd: S, op: Two, x: Numbers<'_>, y: Numbers<'_>, out: &mut [Lanes], known: &mut [u64]) {
    // Each arm names its operation, so that each loop is compiled for it alone.
    match op {
        Two::Add => pairs(simd, x, y, out, known, |a, b| a + b),
        Two::Sub => pairs(simd, x, y, out, known, |a, b| a - b),
        Two::Mul => pairs(simd, x, y, out, known, |a, b| a * b),
        Two::Div => pairs(simd, x, y, out, known, |a, b| a / b),
        Two::Min => pairs(simd, x, y, out, known, |a, b| b.simd_lt(a).select(b, a)),
        Two::Max => pairs(simd, x, y, out, known, |a, b| b.simd_gt(a).select(b, a)),
    }
}

#[inline(always)]
fn pairs<S: Simd>(
    simd: S,
    x: Numbers<'_>,
    y: Numbers<'_>,
    out: &mut [Lanes],
    known: &mut [u64],
    f: impl Fn(f64x8<S>, f64x8<S>) -> f64x8<S>,
) {
    let outs = out.iter_mut().zip(known);
    match (x, y) {
        (Numbers::Each(x, _), Numbers::Each(y, _)) => {
            for (((out, known), x), y) in outs.zip(x).zip(y) {
                put(
                    simd,
                    out,
                    known,
                    eights(simd, x).zip(eights(simd, y)).map(|(a, b)| f(a, b)),
                );
            }
        }
        (Numbers::Each(x, _), Numbers::All(y, _)) => {
            let y = f64x8::splat(simd, y);
            for ((out, known), x) in outs.zip(x) {
                put(simd, out, known, eights(simd, x).map(|a| f(a, y)));
            }
        }
        (Numbers::All(x, _), Numbers::Each(y, _)) => {
            let x = f64x8::splat(simd, x);
            for ((out, known), y) in outs.zip(y) {
                put(simd, out, known, eights(simd, y).map(|b| f(x, b)));
            }
        }
        (Numbers::All(x, _), Numbers::All(y, _)) => {
            let r = f(f64x8::splat(simd, x), f64x8::splat(simd, y));
            for (out, known) in outs {
                put(simd, out, known, std::iter::repeat_n(r, WORD / 8));
            }
        }
    }
}

/// One input to one result, as [`two`].
pub(crate) fn one(op: One, x: Numbers<'_>, out: &mut [Lanes], known: &mut [u64]) {
    both_known(x, Numbers::All(0.0, true), known);
    dispatch!(Level::new(), simd => one_at(simd, op, x, out, known));
}

#[inline(always)]
fn one_at<S: Simd>(simd: S, op: One, x: Numbers<'_>, out: &mut [Lanes], known: &mut [u64]) {
    let none = Numbers::All(0.0, true);
    match op {
        One::Neg => pairs(simd, x, none, out, known, |a, _| -a),
        One::Abs => pairs(simd, x, none, out, known, |a, _| a.abs()),
        One::Sqrt => pairs(simd, x, none, out, known, |a, _| a.sqrt()),
    }
}

/// One input to one result through a function of one number.
pub(crate) fn each(f: impl Fn(f64) -> f64, x: Numbers<'_>, out: &mut [Lanes], known: &mut [u64]) {
    both_known(x, Numbers::All(0.0, true), known);
    match x {
        Numbers::Each(x, _) => {
            for (out, x) in out.iter_mut().zip(x) {
                *out = x.map(&f);
            }
        }
        Numbers::All(x, _) => out.fill([f(x); WORD]),
    }
    settle(out, known);
}

/// Puts results into the form that columns hold.
pub(crate) fn settle(out: &mut [Lanes], known: &mut [u64]) {
    dispatch!(Level::new(), simd => {
        for (out, known) in out.iter_mut().zip(known) {
            let values = *out;
            put(simd, out, known, eights(simd, &values));
        }
    });
}

#[inline(always)]
fn eights<S: Simd>(simd: S, x: &Lanes) -> impl DoubleEndedIterator<Item = f64x8<S>> + ExactSizeIterator {
    x.as_chunks::<8>()
        .0
        .iter()
        .map(move |eight| f64x8::load_array_ref(simd, eight))
}

/// Writes a word of results: adds zero, which changes no number but a negative zero, takes what is not finite off the known
/// bits, and leaves 0 where the result is missing.
#[inline(always)]
fn put<S: Simd>(simd: S, out: &mut Lanes, known: &mut u64, results: impl Iterator<Item = f64x8<S>>) {
    let (zero, largest) = (f64x8::splat(simd, 0.0), f64x8::splat(simd, f64::MAX));
    let mut finite = mask64x8::splat(simd, true);
    for (to, r) in out.as_chunks_mut::<8>().0.iter_mut().zip(results) {
        let r = r + zero;
        finite &= r.abs().simd_le(largest);
        r.store_slice(to);
    }
    // The rule is that all are: which ones are not is only looked at when some are not.
    if !finite.all_true() {
        *known &= bits(eights(simd, out).map(|r| r.abs().simd_le(largest)));
    }
    if *known != !0 {
        for (bit, v) in out.iter_mut().enumerate() {
            if *known >> bit & 1 == 0 {
                *v = 0.0;
            }
        }
    }
}

fn both_known(x: Numbers<'_>, y: Numbers<'_>, known: &mut [u64]) {
    match (x, y) {
        (Numbers::Each(_, a), Numbers::Each(_, b)) => {
            for ((known, a), b) in known.iter_mut().zip(a).zip(b) {
                *known = a & b;
            }
        }
        (Numbers::Each(_, a), Numbers::All(_, b)) | (Numbers::All(_, b), Numbers::Each(_, a)) => {
            for (known, a) in known.iter_mut().zip(a) {
                *known = a & word_of(b);
            }
        }
        (Numbers::All(_, a), Numbers::All(_, b)) => known.fill(word_of(a && b)),
    }
}

/// Compares pair by pair.
pub(crate) fn compare(op: Cmp, x: Numbers<'_>, y: Numbers<'_>, truth: &mut [u64], known: &mut [u64]) {
    both_known(x, y, known);
    dispatch!(Level::new(), simd => compare_at(simd, op, x, y, truth));
    for (truth, known) in truth.iter_mut().zip(known) {
        *truth &= *known;
    }
}

#[inline(always)]
fn compare_at<S: Simd>(simd: S, op: Cmp, x: Numbers<'_>, y: Numbers<'_>, truth: &mut [u64]) {
    match op {
        Cmp::Lt => masks(simd, x, y, truth, |a, b| a.simd_lt(b)),
        Cmp::Le => masks(simd, x, y, truth, |a, b| a.simd_le(b)),
        Cmp::Gt => masks(simd, x, y, truth, |a, b| a.simd_gt(b)),
        Cmp::Ge => masks(simd, x, y, truth, |a, b| a.simd_ge(b)),
        Cmp::Eq => masks(simd, x, y, truth, |a, b| a.simd_eq(b)),
        Cmp::Ne => masks(simd, x, y, truth, |a, b| !a.simd_eq(b)),
    }
}

#[inline(always)]
fn masks<S: Simd>(
    simd: S,
    x: Numbers<'_>,
    y: Numbers<'_>,
    truth: &mut [u64],
    f: impl Fn(f64x8<S>, f64x8<S>) -> mask64x8<S>,
) {
    match (x, y) {
        (Numbers::Each(x, _), Numbers::Each(y, _)) => {
            for ((truth, x), y) in truth.iter_mut().zip(x).zip(y) {
                *truth = bits(eights(simd, x).zip(eights(simd, y)).map(|(a, b)| f(a, b)));
            }
        }
        (Numbers::Each(x, _), Numbers::All(y, _)) => {
            let y = f64x8::splat(simd, y);
            for (truth, x) in truth.iter_mut().zip(x) {
                *truth = bits(eights(simd, x).map(|a| f(a, y)));
            }
        }
        (Numbers::All(x, _), Numbers::Each(y, _)) => {
            let x = f64x8::splat(simd, x);
            for (truth, y) in truth.iter_mut().zip(y) {
                *truth = bits(eights(simd, y).map(|b| f(x, b)));
            }
        }
        (Numbers::All(x, _), Numbers::All(y, _)) => {
            let (x, y) = (f64x8::splat(simd, x), f64x8::splat(simd, y));
            truth.fill(bits(std::iter::repeat_n(f(x, y), WORD / 8)));
        }
    }
}

#[inline(always)]
pub(super) fn bits<S: Simd>(masks: impl DoubleEndedIterator<Item = mask64x8<S>>) -> u64 {
    // From the last to the first, each step waiting for the one before: a form that the compiler leaves in general registers.
    masks.rev().fold(0, |word, mask| word << 8 | mask.to_bitmask())
}

/// Kleene conjunction of one more input: `truth` and `known` hold the result so far.
pub(crate) fn and(input: Truths<'_>, truth: &mut [u64], known: &mut [u64]) {
    fold(input, truth, known, |(ta, ka), (tb, kb)| {
        let truth = ta & tb;
        (truth, truth | (ka & !ta) | (kb & !tb))
    });
}

/// Kleene disjunction of one more input, as [`and`].
pub(crate) fn or(input: Truths<'_>, truth: &mut [u64], known: &mut [u64]) {
    fold(input, truth, known, |(ta, ka), (tb, kb)| {
        let truth = ta | tb;
        (truth, truth | ((ka & !ta) & (kb & !tb)))
    });
}

/// Negation.
pub(crate) fn not(input: Truths<'_>, truth: &mut [u64], known: &mut [u64]) {
    fold(input, truth, known, |_, (t, k)| (!t & k, k));
}

fn fold(
    input: Truths<'_>,
    truth: &mut [u64],
    known: &mut [u64],
    f: impl Fn((u64, u64), (u64, u64)) -> (u64, u64),
) {
    let so_far = truth.iter_mut().zip(known);
    match input {
        Truths::Each(t, k) => {
            for (((truth, known), t), k) in so_far.zip(t).zip(k) {
                (*truth, *known) = f((*truth, *known), (*t, *k));
            }
        }
        Truths::All(t, k) => {
            for (truth, known) in so_far {
                (*truth, *known) = f((*truth, *known), (t, k));
            }
        }
    }
}

/// Adds an input's votes; a step with a missing vote is missing.
pub(crate) fn vote(input: Truths<'_>, out: &mut [Lanes], known: &mut [u64]) {
    for (i, (out, known)) in out.iter_mut().zip(known).enumerate() {
        let (truth, k) = match input {
            Truths::Each(t, k) => (t.get(i).copied().unwrap_or(0), k.get(i).copied().unwrap_or(0)),
            Truths::All(t, k) => (t, k),
        };
        *known &= k;
        for (bit, v) in out.iter_mut().enumerate() {
            *v += if truth >> bit & 1 == 1 { 1.0 } else { 0.0 };
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "equality is one of the comparisons under test")]
mod tests {
    use super::*;

    fn sample(seed: u64) -> Vec<Lanes> {
        let special = [0.0, -0.0, 1.5, -1.5, 1e300, -1e300, f64::MIN_POSITIVE / 8.0, 3.25];
        let mut state = seed;
        (0..3)
            .map(|_| {
                std::array::from_fn(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    special[usize::try_from(state >> 61).unwrap()]
                })
            })
            .collect()
    }

    /// One vector width after the other, from the widest that the processor has down to the fallback.
    fn levels() -> Vec<Level> {
        let mut all = vec![Level::baseline(), Level::new()];
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            all.extend(Level::new().as_sse4_2().map(Level::Sse4_2));
            all.extend(Level::new().as_avx2().map(Level::Avx2));
        }
        all
    }

    #[test]
    fn every_vector_width_gives_the_bits_of_the_plain_formula() {
        let (x, y, mask) = (sample(1), sample(2), [!0, 0xF0F0, !0]);
        for level in levels() {
            for (op, plain) in [
                (Two::Add, (|a, b| a + b) as fn(f64, f64) -> f64),
                (Two::Sub, |a, b| a - b),
                (Two::Mul, |a, b| a * b),
                (Two::Div, |a, b| a / b),
                (Two::Min, |a, b| if b < a { b } else { a }),
                (Two::Max, |a, b| if b > a { b } else { a }),
            ] {
                let (mut out, mut known) = (vec![[9.0; WORD]; 3], mask);
                let (a, b) = (Numbers::Each(&x, &mask), Numbers::Each(&y, &mask));
                dispatch!(level, simd => two_at(simd, op, a, b, &mut out, &mut known));
                for word in 0..3 {
                    for bit in 0..WORD {
                        let r = plain(x[word][bit], y[word][bit]);
                        let is_known = mask[word] >> bit & 1 == 1 && r.is_finite();
                        assert_eq!(known[word] >> bit & 1 == 1, is_known);
                        let want = if is_known { r + 0.0 } else { 0.0 };
                        assert_eq!(out[word][bit].to_bits(), want.to_bits());
                    }
                }
            }
            for (op, plain) in [
                (Cmp::Lt, (|a, b| a < b) as fn(f64, f64) -> bool),
                (Cmp::Le, |a, b| a <= b),
                (Cmp::Gt, |a, b| a > b),
                (Cmp::Ge, |a, b| a >= b),
                (Cmp::Eq, |a: f64, b: f64| a == b),
                (Cmp::Ne, |a: f64, b: f64| a != b),
            ] {
                let mut truth = [0; 3];
                let forms = [
                    (Numbers::Each(&x, &mask), Numbers::Each(&y, &mask)),
                    (Numbers::Each(&x, &mask), Numbers::All(1.5, true)),
                    (Numbers::All(1.5, true), Numbers::Each(&y, &mask)),
                    (Numbers::All(1.5, true), Numbers::All(-1.5, true)),
                ];
                for (a, b) in forms {
                    dispatch!(level, simd => compare_at(simd, op, a, b, &mut truth));
                    let at = |n: Numbers<'_>, word: usize, bit: usize| match n {
                        Numbers::Each(v, _) => v[word][bit],
                        Numbers::All(v, _) => v,
                    };
                    for (word, got) in truth.iter().enumerate() {
                        for bit in 0..WORD {
                            assert_eq!(got >> bit & 1 == 1, plain(at(a, word, bit), at(b, word, bit)));
                        }
                    }
                }
            }
        }
    }
}
