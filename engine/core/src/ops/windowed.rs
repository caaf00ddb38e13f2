//! The frame of every windowed indicator: admits a bar, turns it into a row, and asks the formula once the window is full.

use super::state::{Reader, Tag, Writer};
use super::window::Window;
use super::{Operator, StateError, input};
use crate::value::{Cause, Cell};
use std::fmt;

/// A function of the last rows of a series of bars. `I` inputs make a bar, `L` numbers a row.
pub(crate) trait Formula<const I: usize, const L: usize>:
    Clone + fmt::Debug + Send + Sync + 'static
{
    /// Kind of the saved state.
    fn tag(&self) -> Tag;

    /// Parameters beyond the window's length, for the saved state's header.
    fn params(&self, _w: &mut Writer<'_>) {}

    /// Bars that are needed before the first row (1 when rows are differences).
    const BEFORE: u32 = 0;

    /// The bar of a step's inputs: all of them, unless a formula needs fewer.
    ///
    /// # Errors
    /// The cause of the first missing input.
    fn bar(&self, inputs: &[Cell]) -> Result<[f64; I], Cause> {
        bar(inputs)
    }

    /// The row of a bar, given the one before (`None` for the first bar). `Ok(None)` only for the first bar of a formula
    /// on differences.
    ///
    /// # Errors
    /// The cause when a bar cannot be used; it then counts as missing and nothing advances.
    fn row(&self, before: Option<&[f64; I]>, bar: &[f64; I]) -> Result<Option<[f64; L]>, Cause>;

    /// Told of every row that enters and the one that leaves, for formulas that keep an order.
    fn rolled(&mut self, _out: Option<[f64; L]>, _row: [f64; L]) {}

    /// Forgets what `rolled` built.
    fn clear(&mut self) {}

    /// The value of a full window.
    ///
    /// # Errors
    /// The cause when the formula is not defined on it.
    fn value(&self, window: &Window<L>) -> Result<Cell, Cause>;
}

/// An indicator over a window.
#[derive(Clone, Debug)]
pub(crate) struct Windowed<F, const I: usize, const L: usize> {
    formula: F,
    window: Window<L>,
    before: Option<[f64; I]>,
}

impl<F: Formula<I, L>, const I: usize, const L: usize> Windowed<F, I, L> {
    /// `rows` is at least 1 and at most the window limit.
    pub(crate) fn new(formula: F, rows: u32) -> Self {
        Self {
            formula,
            window: Window::new(rows),
            before: None,
        }
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut w = Writer(&mut out);
        w.header(self.formula.tag());
        w.u32(self.window.bars());
        self.formula.params(&mut w);
        out
    }

    fn admit(&mut self, row: [f64; L]) {
        let out = self.window.push(row);
        self.formula.rolled(out, row);
    }
}

/// The inputs as one bar; the first missing one's cause otherwise.
pub(crate) fn bar<const I: usize>(inputs: &[Cell]) -> Result<[f64; I], Cause> {
    let mut bar = [0.0; I];
    for (i, v) in bar.iter_mut().enumerate() {
        *v = input(inputs, i).get()?;
    }
    Ok(bar)
}

impl<F: Formula<I, L>, const I: usize, const L: usize> Operator for Windowed<F, I, L> {
    fn step(&mut self, inputs: &[Cell]) -> Cell {
        let bar = match self.formula.bar(inputs) {
            Ok(bar) => bar,
            Err(cause) => return Cell::missing(cause),
        };
        match self.formula.row(self.before.as_ref(), &bar) {
            // A difference of finite bars can overflow; such a bar is refused like any other unusable one.
            Ok(Some(row)) if row.iter().all(|v| v.is_finite()) => self.admit(row),
            Ok(Some(_)) => return Cell::missing(Cause::OutOfDomain),
            Ok(None) => {}
            Err(cause) => return Cell::missing(cause),
        }
        self.before = Some(bar);
        if self.window.lane::<0>().is_none() {
            return Cell::missing(Cause::WarmingUp);
        }
        self.formula.value(&self.window).unwrap_or_else(Cell::missing)
    }

    fn reset(&mut self) {
        self.window.clear();
        self.formula.clear();
        self.before = None;
    }

    fn warmup(&self) -> u32 {
        self.window.bars().saturating_sub(1).saturating_add(F::BEFORE)
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend(self.header());
        let mut w = Writer(out);
        w.u8(u8::from(self.before.is_some()));
        self.before.iter().flatten().for_each(|v| w.f64(*v));
        self.window.save(&mut w);
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.reset();
        let mut r = Reader::after(&self.header(), bytes)?;
        let before = match r.u8()? {
            0 => None,
            1 => {
                let mut bar = [0.0; I];
                for v in &mut bar {
                    *v = r.f64()?;
                }
                Some(bar)
            }
            _ => return Err(StateError::Damaged),
        };
        let rows = self.window.read(&mut r)?;
        r.end()?;
        rows.into_iter().for_each(|row| self.admit(row));
        self.before = before;
        Ok(())
    }

    fn boxed_clone(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
