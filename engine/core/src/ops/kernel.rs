//! Loops over 64 steps in portable Rust that the compiler turns into vector code: fixed-size arrays, no branches, masks
//! packed by multiplication.

use crate::column::{Column, Input, WORD};
use alula_dsl::graph::Cmp;

/// 64 numbers.
pub(crate) type Lanes = [f64; WORD];

/// Truth and known bits of 64 steps; truth is a subset of known.
pub(crate) type Truths = (u64, u64);

/// The numbers of word `w` and which are known; borrowed where the column holds the whole word.
fn lanes<'a>(input: Input<'a>, w: usize, scratch: &'a mut Lanes) -> (&'a Lanes, u64) {
    match input {
        Input::Constant(cell) => {
            *scratch = [cell.raw(); WORD];
            (scratch, if cell.is_known() { !0 } else { 0 })
        }
        Input::Column(Column::Numbers(c)) => {
            let tail = c.values().get(w.saturating_mul(WORD)..).unwrap_or(&[]);
            let known = c.known().word(w);
            match tail.first_chunk::<WORD>() {
                Some(whole) => (whole, known),
                None => {
                    for (to, from) in scratch.iter_mut().zip(tail) {
                        *to = *from;
                    }
                    (scratch, known)
                }
            }
        }
        Input::Column(Column::Booleans(c)) => {
            let truth = c.truth().word(w);
            for (bit, v) in scratch.iter_mut().enumerate() {
                *v = if truth >> bit & 1 == 1 { 1.0 } else { 0.0 };
            }
            (scratch, c.known().word(w))
        }
    }
}

/// The truth values of word `w`.
pub(crate) fn truths(input: Input<'_>, w: usize) -> Truths {
    match input {
        Input::Constant(cell) => (
            if cell.is_true() { !0 } else { 0 },
            if cell.is_known() { !0 } else { 0 },
        ),
        Input::Column(Column::Booleans(c)) => (c.truth().word(w), c.known().word(w)),
        Input::Column(Column::Numbers(_)) => {
            let mut scratch = [0.0; WORD];
            let (x, known) = lanes(input, w, &mut scratch);
            let mut bytes = [0; WORD];
            for (to, v) in bytes.iter_mut().zip(x) {
                *to = u8::from(*v != 0.0);
            }
            (pack(&bytes) & known, known)
        }
    }
}

/// Kleene conjunction.
pub(crate) const fn and(a: Truths, b: Truths) -> Truths {
    let truth = a.0 & b.0;
    let is_false = (a.1 & !a.0) | (b.1 & !b.0);
    (truth, truth | is_false)
}

/// Kleene disjunction.
pub(crate) const fn or(a: Truths, b: Truths) -> Truths {
    let truth = a.0 | b.0;
    let is_false = (a.1 & !a.0) & (b.1 & !b.0);
    (truth, truth | is_false)
}

/// One input to one result; missing lanes hold rubbish until [`settle`].
pub(crate) fn unary(a: Input<'_>, w: usize, f: impl Fn(f64) -> f64) -> (Lanes, u64) {
    let mut sa = [0.0; WORD];
    let (x, known) = lanes(a, w, &mut sa);
    let mut out = [0.0; WORD];
    for (to, x) in out.iter_mut().zip(x) {
        *to = f(*x);
    }
    (out, known)
}

/// Two inputs to one result, as [`unary`].
pub(crate) fn binary(a: Input<'_>, b: Input<'_>, w: usize, f: impl Fn(f64, f64) -> f64) -> (Lanes, u64) {
    let (mut sa, mut sb) = ([0.0; WORD], [0.0; WORD]);
    let (x, ka) = lanes(a, w, &mut sa);
    let (y, kb) = lanes(b, w, &mut sb);
    let mut out = [0.0; WORD];
    for ((to, x), y) in out.iter_mut().zip(x).zip(y) {
        *to = f(*x, *y);
    }
    (out, ka & kb)
}

/// Puts results into the form that columns hold: no negative zero, 0 where missing. Returns what is known: the given
/// mask without the lanes that are not finite.
pub(crate) fn settle(values: &mut Lanes, known: u64) -> u64 {
    let mut finite = [0; WORD];
    for (to, v) in finite.iter_mut().zip(values.iter_mut()) {
        *v += 0.0;
        *to = u8::from(v.is_finite());
    }
    let known = known & pack(&finite);
    if known != !0 {
        for (bit, v) in values.iter_mut().enumerate() {
            if known >> bit & 1 == 0 {
                *v = 0.0;
            }
        }
    }
    known
}

/// Compares 64 pairs.
pub(crate) fn compare(op: Cmp, a: Input<'_>, b: Input<'_>, w: usize) -> Truths {
    let (mut sa, mut sb) = ([0.0; WORD], [0.0; WORD]);
    let (x, ka) = lanes(a, w, &mut sa);
    let (y, kb) = lanes(b, w, &mut sb);
    let known = ka & kb;
    #[expect(
        clippy::float_cmp,
        reason = "`=` in the language is exact equality of two finite numbers"
    )]
    let truth = match op {
        Cmp::Lt => compare_lanes(x, y, |x, y| x < y),
        Cmp::Le => compare_lanes(x, y, |x, y| x <= y),
        Cmp::Gt => compare_lanes(x, y, |x, y| x > y),
        Cmp::Ge => compare_lanes(x, y, |x, y| x >= y),
        Cmp::Eq => compare_lanes(x, y, |x, y| x == y),
        Cmp::Ne => compare_lanes(x, y, |x, y| x != y),
    };
    (truth & known, known)
}

fn compare_lanes(x: &Lanes, y: &Lanes, f: impl Fn(f64, f64) -> bool) -> u64 {
    let mut bytes = [0; WORD];
    for ((to, x), y) in bytes.iter_mut().zip(x).zip(y) {
        *to = u8::from(f(*x, *y));
    }
    pack(&bytes)
}

/// 64 bytes of 0 or 1 to 64 bits. The multiplication moves byte k's bit to bit 56 + k of the product.
fn pack(bytes: &[u8; WORD]) -> u64 {
    let mut out = 0;
    for (i, chunk) in bytes.as_chunks::<8>().0.iter().enumerate() {
        out |= (u64::from_le_bytes(*chunk).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_puts_byte_k_at_bit_k() {
        for pattern in [0_u64, !0, 1, 1 << 63, 0xDEAD_BEEF_0123_4567] {
            let mut bytes = [0; WORD];
            for (k, b) in bytes.iter_mut().enumerate() {
                *b = u8::from(pattern >> k & 1 == 1);
            }
            assert_eq!(pack(&bytes), pattern);
        }
    }
}
