//! Values over many steps: numbers with a mask of what is known, truth values as two masks.
//!
//! A column is append-only and reads back exactly the [`Cell`]s that were pushed. Masks are words of 64 steps, bit 0 the
//! earliest; bits past the end are zero. A missing step holds the number 0 (or a clear truth bit), so kernels may compute
//! over it without meeting NaN. Causes are held as runs: a run says what every missing step from its start on is missing
//! for, until the next run; most columns have one (`warming up`).

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

    /// Appends a whole word; only where the length is a multiple of 64.
    fn push_word(&mut self, word: u64) {
        self.words.push(word);
        self.len += WORD;
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
    values: Vec<f64>,
    known: Mask,
    causes: Causes,
}

impl Numbers {
    /// Values; 0 where missing.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
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
                c.values.reserve(steps);
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
                c.values.clear();
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
            Self::Numbers(c) => match c.values.get(step) {
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
                c.values.push(cell.raw());
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

    /// Appends 64 numbers at once; `values` must be 0 outside `known` and finite inside. `cause` is asked for each missing
    /// step, in order. Falls back to single pushes off a word boundary or on a column of truth values.
    pub(crate) fn push_numbers(
        &mut self,
        values: &[f64; WORD],
        known: u64,
        mut cause: impl FnMut(usize) -> Cause,
    ) {
        let base = self.len();
        match self {
            Self::Numbers(c) if base.is_multiple_of(WORD) => {
                c.values.extend_from_slice(values);
                c.known.push_word(known);
                each_clear_bit(known, |bit| c.causes.push(base + bit, cause(base + bit)));
            }
            _ => {
                for (bit, &v) in values.iter().enumerate() {
                    let cell = if known >> bit & 1 == 1 {
                        Cell::number(v)
                    } else {
                        Cell::missing(cause(base + bit))
                    };
                    self.push(cell);
                }
            }
        }
    }

    /// Appends 64 truth values at once; `truth` must be a subset of `known`. As [`Column::push_numbers`].
    pub(crate) fn push_booleans(&mut self, truth: u64, known: u64, mut cause: impl FnMut(usize) -> Cause) {
        let base = self.len();
        match self {
            Self::Booleans(c) if base.is_multiple_of(WORD) => {
                c.truth.push_word(truth);
                c.known.push_word(known);
                each_clear_bit(known, |bit| c.causes.push(base + bit, cause(base + bit)));
            }
            _ => {
                for bit in 0..WORD {
                    let cell = if known >> bit & 1 == 1 {
                        Cell::boolean(truth >> bit & 1 == 1)
                    } else {
                        Cell::missing(cause(base + bit))
                    };
                    self.push(cell);
                }
            }
        }
    }
}

fn each_clear_bit(word: u64, mut f: impl FnMut(usize)) {
    let mut rest = !word;
    while rest != 0 {
        f(rest.trailing_zeros() as usize);
        rest &= rest - 1;
    }
}

/// What a batch operator reads: a column, or one cell for all steps (constants and thresholds).
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A column over the steps of the node's clock.
    Column(&'a Column),
    /// The same at each step.
    Constant(Cell),
}

impl Input<'_> {
    /// The cell of a step.
    #[must_use]
    pub fn get(&self, step: usize) -> Cell {
        match self {
            Self::Column(column) => column.get(step),
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
        for offset in [0, 1, 63, 64] {
            let mut whole = Column::numbers();
            let mut single = Column::numbers();
            for _ in 0..offset {
                whole.push(Cell::number(1.0));
                single.push(Cell::number(1.0));
            }
            let mut values = [0.0; WORD];
            let known = 0xF0F0_0000_FFFF_1234;
            for (i, v) in values.iter_mut().enumerate() {
                let cell = if known >> i & 1 == 1 {
                    Cell::number(7.5)
                } else {
                    Cell::missing(Cause::NoQuote)
                };
                *v = cell.raw();
                single.push(cell);
            }
            whole.push_numbers(&values, known, |_| Cause::NoQuote);
            assert!(whole.iter().eq(single.iter()));
        }
    }
}
