//! Values over many steps: numbers with a mask of what is known, truth values as two masks.
//!
//! A column is append-only and reads back exactly the [`Cell`]s that were pushed. Masks are words of 64 steps, bit 0 the
//! earliest; bits past the end are zero. A missing step holds the number 0 (or a clear truth bit), so kernels may compute
//! over it without meeting NaN. Causes are held as runs: a run says what every missing step from its start on is missing
//! for, until the next run; most columns have one (`warming up`).

use crate::ops::kernel;
use crate::value::{Cause, Cell};
use alula_dsl::graph::ValueKind;

/// Steps in a word of a mask.
pub const WORD: usize = 64;

/// Bits of a mask, 64 steps to a word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    words: Vec<u64>,
    len: usize,
}

impl Mask {
    /// Number of steps.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no step.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bit of a step; false past the end.
    #[must_use]
    pub fn get(&self, step: usize) -> bool {
        self.word(step / WORD) >> (step % WORD) & 1 == 1
    }

    /// Word `w` (steps `64 w ..`); zero past the end.
    #[must_use]
    pub fn word(&self, w: usize) -> u64 {
        self.words.get(w).copied().unwrap_or(0)
    }

    /// All words.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    fn push(&mut self, bit: bool) {
        let at = self.len % WORD;
        if at == 0 {
            self.words.push(0);
        }
        if let Some(last) = self.words.last_mut() {
            *last |= u64::from(bit) << at;
        }
        self.len += 1;
    }

    /// Appends whole words of zeros and gives them; only where the length is a multiple of 64.
    fn append(&mut self, words: usize) -> &mut [u64] {
        let first = self.words.len();
        self.words.resize(first + words, 0);
        self.len += words * WORD;
        self.words.get_mut(first..).unwrap_or_default()
    }

    /// Appends another mask; only where the length is a multiple of 64.
    fn extend(&mut self, other: &Self) {
        self.words.extend_from_slice(&other.words);
        self.len += other.len;
    }

    fn clear(&mut self) {
        self.words.clear();
        self.len = 0;
    }
}

/// Causes of missing steps, as runs in ascending order of start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Causes {
    runs: Vec<(usize, Cause)>,
}

impl Causes {
    fn push(&mut self, step: usize, cause: Cause) {
        if self.runs.last().is_none_or(|(_, last)| *last != cause) {
            self.runs.push((step, cause));
        }
    }

    /// Notes the missing steps of words that begin at step `base`.
    fn note(&mut self, base: usize, known: &[u64], mut cause: impl FnMut(usize) -> Cause) {
        if known.iter().fold(!0, |all, word| all & word) == !0 {
            return;
        }
        for (word, known) in known.iter().enumerate() {
            let mut missing = !known;
            while missing != 0 {
                let step = base + word * WORD + missing.trailing_zeros() as usize;
                self.push(step, cause(step));
                missing &= missing - 1;
            }
        }
    }

    /// Appends another column's runs; its step 0 is step `base` here.
    fn extend(&mut self, base: usize, other: &Self) {
        other
            .runs
            .iter()
            .for_each(|(start, cause)| self.push(base + start, *cause));
    }

    fn at(&self, step: usize) -> Cause {
        let after = self.runs.partition_point(|(start, _)| *start <= step);
        // A missing step always has a run at or before it; `NoData` covers reads past the end.
        after
            .checked_sub(1)
            .and_then(|i| self.runs.get(i))
            .map_or(Cause::NoData, |(_, cause)| *cause)
    }
}

/// A column of numbers.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    /// At least as many as there are steps: a cleared column keeps its numbers, to be written over without being zeroed.
    values: Vec<f64>,
    known: Mask,
    causes: Causes,
}

impl Numbers {
    /// Values; 0 where missing.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        self.values.get(..self.known.len).unwrap_or_default()
    }

    /// Which steps are known.
    #[must_use]
    pub const fn known(&self) -> &Mask {
        &self.known
    }
}

/// A column of truth values.
#[derive(Clone, Debug, Default)]
pub struct Booleans {
    truth: Mask,
    known: Mask,
    causes: Causes,
}

impl Booleans {
    /// Which steps are known true.
    #[must_use]
    pub const fn truth(&self) -> &Mask {
        &self.truth
    }

    /// Which steps are known.
    #[must_use]
    pub const fn known(&self) -> &Mask {
        &self.known
    }
}

/// A column of either kind.
#[derive(Clone, Debug)]
pub enum Column {
    /// Numbers.
    Numbers(Numbers),
    /// Truth values.
    Booleans(Booleans),
}

impl Column {
    /// An empty column for values of `kind`.
    #[must_use]
    pub fn new(kind: ValueKind) -> Self {
        match kind {
            ValueKind::Number(_) => Self::numbers(),
            ValueKind::Bool => Self::booleans(),
        }
    }

    /// An empty column of numbers.
    #[must_use]
    pub fn numbers() -> Self {
        Self::Numbers(Numbers::default())
    }

    /// An empty column of truth values.
    #[must_use]
    pub fn booleans() -> Self {
        Self::Booleans(Booleans::default())
    }

    /// A column of numbers from cells.
    #[must_use]
    pub fn from_numbers(cells: impl IntoIterator<Item = Cell>) -> Self {
        let mut out = Self::numbers();
        cells.into_iter().for_each(|cell| out.push(cell));
        out
    }

    /// A column of truth values from cells.
    #[must_use]
    pub fn from_booleans(cells: impl IntoIterator<Item = Cell>) -> Self {
        let mut out = Self::booleans();
        cells.into_iter().for_each(|cell| out.push(cell));
        out
    }

    /// Room for `steps` more steps, so that appending them does not allocate (causes aside).
    pub fn reserve(&mut self, steps: usize) {
        let words = steps.div_ceil(WORD) + 1;
        match self {
            Self::Numbers(c) => {
                let spare = c.values.len().saturating_sub(c.known.len);
                c.values.reserve(steps.saturating_sub(spare));
                c.known.words.reserve(words);
            }
            Self::Booleans(c) => {
                c.truth.words.reserve(words);
                c.known.words.reserve(words);
            }
        }
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        match self {
            Self::Numbers(c) => {
                c.known.clear();
                c.causes.runs.clear();
            }
            Self::Booleans(c) => {
                c.truth.clear();
                c.known.clear();
                c.causes.runs.clear();
            }
        }
    }

    /// Number of steps.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.known().len()
    }

    /// Whether there is no step.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which steps are known.
    #[must_use]
    pub const fn known(&self) -> &Mask {
        match self {
            Self::Numbers(c) => &c.known,
            Self::Booleans(c) => &c.known,
        }
    }

    /// The cell of a step, exactly as pushed; `missing(no data)` past the end.
    #[must_use]
    pub fn get(&self, step: usize) -> Cell {
        match self {
            Self::Numbers(c) => match c.values().get(step) {
                Some(&v) if c.known.get(step) => Cell::number(v),
                Some(_) => Cell::missing(c.causes.at(step)),
                None => Cell::missing(Cause::NoData),
            },
            Self::Booleans(c) => {
                if c.known.get(step) {
                    Cell::boolean(c.truth.get(step))
                } else if step < c.known.len() {
                    Cell::missing(c.causes.at(step))
                } else {
                    Cell::missing(Cause::NoData)
                }
            }
        }
    }

    /// Appends a step.
    pub fn push(&mut self, cell: Cell) {
        let step = self.len();
        match self {
            Self::Numbers(c) => {
                match c.values.get_mut(step) {
                    Some(spare) => *spare = cell.raw(),
                    None => c.values.push(cell.raw()),
                }
                c.known.push(cell.is_known());
                if let Some(cause) = cell.cause() {
                    c.causes.push(step, cause);
                }
            }
            Self::Booleans(c) => {
                c.truth.push(cell.is_true());
                c.known.push(cell.is_known());
                if let Some(cause) = cell.cause() {
                    c.causes.push(step, cause);
                }
            }
        }
    }

    /// All cells in order.
    pub fn iter(&self) -> impl Iterator<Item = Cell> + '_ {
        (0..self.len()).map(|step| self.get(step))
    }

    /// Appends whole words of numbers to a column of numbers at a word's start; `fill` writes them and their known bits, 0
    /// where missing and finite elsewhere. `cause` is asked for each missing step, in order. False where the column is
    /// another; then nothing is done.
    pub(crate) fn append_numbers(
        &mut self,
        words: usize,
        fill: impl FnOnce(&mut [[f64; WORD]], &mut [u64]),
        cause: impl FnMut(usize) -> Cause,
    ) -> bool {
        let Self::Numbers(c) = self else { return false };
        let base = c.known.len;
        if !base.is_multiple_of(WORD) {
            return false;
        }
        let end = base + words * WORD;
        if c.values.len() < end {
            c.values.resize(end, 0.0);
        }
        let values = c.values.get_mut(base..end).unwrap_or_default().as_chunks_mut().0;
        let known = c.known.append(words);
        fill(values, known);
        c.causes.note(base, known, cause);
        true
    }

    /// As [`Column::append_numbers`], for truth values; `fill` writes truth and known bits, the first a part of the second.
    pub(crate) fn append_booleans(
        &mut self,
        words: usize,
        fill: impl FnOnce(&mut [u64], &mut [u64]),
        cause: impl FnMut(usize) -> Cause,
    ) -> bool {
        let Self::Booleans(c) = self else { return false };
        let base = c.known.len;
        if !base.is_multiple_of(WORD) {
            return false;
        }
        let known = c.known.append(words);
        fill(c.truth.append(words), known);
        c.causes.note(base, known, cause);
        true
    }

    /// Appends words of numbers, settled, to a column of numbers that ends with a whole word; `cause` is asked for each missing
    /// step, in order.
    pub(crate) fn append_words(
        &mut self,
        words: &[[f64; WORD]],
        known: &[u64],
        cause: impl FnMut(usize) -> Cause,
    ) {
        if let Self::Numbers(c) = self {
            let base = c.known.len;
            c.values.truncate(base);
            c.values.extend_from_slice(words.as_flattened());
            c.known.append(words.len()).copy_from_slice(known);
            c.causes.note(base, known, cause);
        }
    }

    /// Appends known, finite numbers without negative zeros to a column of numbers that ends with a whole word.
    pub(crate) fn append_known_numbers(&mut self, words: &[[f64; WORD]]) {
        if let Self::Numbers(c) = self {
            c.values.truncate(c.known.len);
            c.values.extend_from_slice(words.as_flattened());
            c.known.append(words.len()).fill(!0);
        }
    }

    /// Appends known truth values to a column of them that ends with a whole word.
    pub(crate) fn append_known_truths(&mut self, words: &[u64]) {
        if let Self::Booleans(c) = self {
            c.truth.append(words.len()).copy_from_slice(words);
            c.known.append(words.len()).fill(!0);
        }
    }

    /// An empty column of the same kind.
    pub(crate) fn empty(&self) -> Self {
        match self {
            Self::Numbers(_) => Self::numbers(),
            Self::Booleans(_) => Self::booleans(),
        }
    }

    /// Appends numbers to a column of numbers; what is `None` is `missing(no data)`.
    pub(crate) fn extend_options(&mut self, values: &[Option<f64>]) {
        let aligned = self.len().is_multiple_of(WORD);
        let (words, rest) = values.as_chunks::<WORD>();
        let fill = |lanes: &mut [[f64; WORD]], known: &mut [u64]| {
            for ((lanes, known), values) in lanes.iter_mut().zip(&mut *known).zip(words) {
                *lanes = values.map(Option::unwrap_or_default);
                let bits = values.iter().rev();
                *known = bits.fold(0, |word, v| word << 1 | u64::from(v.is_some()));
            }
            kernel::settle(lanes, known);
        };
        let base = self.len();
        let cell = |v: &Option<f64>| Cell::number_or(*v, Cause::NoData);
        let cause = |step: usize| {
            let value = step.checked_sub(base).and_then(|i| values.get(i));
            value.and_then(|v| cell(v).cause()).unwrap_or(Cause::NoData)
        };
        if aligned && self.append_numbers(words.len(), fill, cause) {
            rest.iter().for_each(|v| self.push(cell(v)));
        } else {
            values.iter().for_each(|v| self.push(cell(v)));
        }
    }

    /// Appends, one after the other, the steps of another column of the same kind that are named; where there is no such
    /// step, missing with the cause that belongs to its name.
    pub(crate) fn gather(&mut self, from: &Self, steps: &[u32], none: impl Fn(u32) -> Cause) {
        let cell = |step: u32| {
            if (step as usize) < from.len() {
                from.get(step as usize)
            } else {
                Cell::missing(none(step))
            }
        };
        let base = self.len();
        let (words, rest) = steps.as_chunks::<WORD>();
        let cause = |step: usize| {
            let named = step.checked_sub(base).and_then(|i| steps.get(i));
            named.and_then(|s| cell(*s).cause()).unwrap_or(Cause::NoData)
        };
        let known_of = |steps: &[u32; WORD]| {
            let bits = steps.iter().rev();
            bits.fold(0, |word, s| word << 1 | u64::from(from.known().get(*s as usize)))
        };
        let done = base.is_multiple_of(WORD)
            && match from {
                Self::Numbers(of) => {
                    let fill = |lanes: &mut [[f64; WORD]], known: &mut [u64]| {
                        for ((lanes, known), steps) in lanes.iter_mut().zip(known).zip(words) {
                            *lanes = steps.map(|s| of.values().get(s as usize).copied().unwrap_or(0.0));
                            *known = known_of(steps);
                        }
                    };
                    self.append_numbers(words.len(), fill, cause)
                }
                Self::Booleans(of) => {
                    let fill = |truth: &mut [u64], known: &mut [u64]| {
                        for ((truth, known), steps) in truth.iter_mut().zip(known).zip(words) {
                            let bits = steps.iter().rev();
                            *truth = bits.fold(0, |word, s| word << 1 | u64::from(of.truth.get(*s as usize)));
                            *known = known_of(steps);
                        }
                    };
                    self.append_booleans(words.len(), fill, cause)
                }
            };
        let rest = if done { rest } else { steps };
        rest.iter().for_each(|s| self.push(cell(*s)));
    }

    /// Appends all steps of another column.
    pub(crate) fn append(&mut self, other: &Self) {
        let base = self.len();
        match (&mut *self, other) {
            (Self::Numbers(to), Self::Numbers(from)) if base.is_multiple_of(WORD) => {
                to.values.truncate(base);
                to.values.extend_from_slice(from.values());
                to.known.extend(&from.known);
                to.causes.extend(base, &from.causes);
            }
            (Self::Booleans(to), Self::Booleans(from)) if base.is_multiple_of(WORD) => {
                to.truth.extend(&from.truth);
                to.known.extend(&from.known);
                to.causes.extend(base, &from.causes);
            }
            _ => other.iter().for_each(|cell| self.push(cell)),
        }
    }
}

/// What a batch operator reads: a column, or one cell for all steps (constants and thresholds).
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A column over the steps of the node's clock.
    Column(&'a Column),
    /// A column of which only the steps from the given one on are read: step 0 of the operator is that step.
    Stretch(&'a Column, usize),
    /// A column that begins late: the given step of the operator is its first.
    Late(&'a Column, usize),
    /// The same at each step.
    Constant(Cell),
}

impl Input<'_> {
    /// The cell of a step.
    #[must_use]
    pub fn get(&self, step: usize) -> Cell {
        match self {
            Self::Column(column) => column.get(step),
            Self::Stretch(column, from) => column.get(from.saturating_add(step)),
            // What comes before the first reads as what comes after the last does.
            Self::Late(column, from) => column.get(step.checked_sub(*from).unwrap_or(usize::MAX)),
            Self::Constant(cell) => *cell,
        }
    }
}

impl<'a> From<&'a Column> for Input<'a> {
    fn from(column: &'a Column) -> Self {
        Self::Column(column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells() -> Vec<Cell> {
        (0..200_u32)
            .map(|i| match i % 7 {
                0 if i < 90 => Cell::missing(Cause::WarmingUp),
                3 => Cell::missing(Cause::Stale),
                _ => Cell::number(f64::from(i) / 3.0),
            })
            .collect()
    }

    #[test]
    fn a_column_reads_back_what_was_pushed() {
        let cells = cells();
        let column = Column::from_numbers(cells.iter().copied());
        assert_eq!(column.iter().collect::<Vec<_>>(), cells);
        assert_eq!(column.get(200), Cell::missing(Cause::NoData));
        let truths: Vec<Cell> = cells
            .iter()
            .map(|c| c.truth().map_or(*c, Cell::boolean))
            .collect();
        let column = Column::from_booleans(truths.iter().copied());
        assert_eq!(column.iter().collect::<Vec<_>>(), truths);
        assert_eq!(column.get(64 * 64), Cell::missing(Cause::NoData));
    }

    #[test]
    fn words_and_single_pushes_give_the_same_column() {
        for offset in [0, 64, 128] {
            let mut whole = Column::numbers();
            let mut single = Column::numbers();
            for _ in 0..offset {
                whole.push(Cell::number(1.0));
                single.push(Cell::number(1.0));
            }
            let masks = [0xF0F0_0000_FFFF_1234, !0, 0];
            let cause = |step: usize| {
                if step.is_multiple_of(3) {
                    Cause::NoQuote
                } else {
                    Cause::Stale
                }
            };
            for step in 0..masks.len() * WORD {
                let known = masks[step / WORD] >> (step % WORD) & 1 == 1;
                single.push(if known {
                    Cell::number(7.5)
                } else {
                    Cell::missing(cause(offset + step))
                });
            }
            let fill = |values: &mut [[f64; WORD]], known: &mut [u64]| {
                known.copy_from_slice(&masks);
                for (step, v) in values.iter_mut().flatten().enumerate() {
                    *v = if masks[step / WORD] >> (step % WORD) & 1 == 1 {
                        7.5
                    } else {
                        0.0
                    };
                }
            };
            assert!(whole.append_numbers(masks.len(), fill, cause));
            assert!(whole.iter().eq(single.iter()));
            assert!(!whole.append_booleans(1, |_, _| {}, cause));
        }
    }

    #[test]
    fn options_become_the_column_that_pushing_them_gives() {
        let values: Vec<Option<f64>> = (0..200_u32)
            .map(|i| match i % 11 {
                0 => None,
                3 => Some(f64::INFINITY),
                5 => Some(-0.0),
                _ => Some(f64::from(i) - 99.5),
            })
            .collect();
        let cells = || values.iter().map(|v| Cell::number_or(*v, Cause::NoData));
        for offset in [0, 1, 64] {
            let mut column = Column::from_numbers((0..offset).map(|_| Cell::TRUE));
            column.extend_options(&values);
            assert!(column.iter().skip(offset).eq(cells()));
        }
    }

    #[test]
    fn gathered_steps_are_the_cells_of_the_other_column() {
        let numbers = Column::from_numbers(cells());
        let truths = Column::from_booleans(cells().into_iter().map(|c| c.truth().map_or(c, Cell::boolean)));
        let steps: Vec<u32> = (0..300_u32)
            .map(|i| if i % 17 == 0 { u32::MAX } else { i * 7 % 220 })
            .collect();
        for from in [numbers, truths] {
            for offset in [0, 3] {
                let mut out = from.empty();
                (0..offset).for_each(|_| out.push(Cell::TRUE));
                out.gather(&from, &steps, |_| Cause::Stale);
                for (i, step) in steps.iter().enumerate() {
                    let step = *step as usize;
                    let want = if step < 200 {
                        from.get(step)
                    } else {
                        Cell::missing(Cause::Stale)
                    };
                    assert_eq!(out.get(offset + i), want);
                }
            }
        }
    }

    #[test]
    fn a_column_put_together_from_stretches_is_the_column() {
        let cells = cells();
        for cut in [64, 128, 100, 7] {
            let (a, b) = cells.split_at(cut);
            let mut whole = Column::from_numbers(a.iter().copied());
            whole.append(&Column::from_numbers(b.iter().copied()));
            assert_eq!(whole.iter().collect::<Vec<_>>(), cells);
            let stretch = Input::Stretch(&whole, cut);
            assert!((0..b.len()).all(|i| stretch.get(i) == b[i]));
        }
    }
}
