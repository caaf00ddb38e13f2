//! Operators: what a node of the graph computes, one step at a time or over columns.
//!
//! One implementation serves both drivers. [`Operator::step`] is the definition; [`Operator::extend`] appends many steps to
//! a column and is either the same step in a loop (everything with state) or a kernel over words of 64 steps (everything
//! without), whose missing steps are re-evaluated by `step` for their cause. Kernels and `step` share their formulas.
//!
//! **Missing inputs.** A bar on which an input is missing gives a missing output for that bar, with the cause of the first
//! missing input in textual order, and does not advance the state: recursions skip it and windows count known bars.
//! Exceptions, by definition of the language: `and`, `or`, `in`, `for` and `until` are Kleene and may be decided by what
//! is known.

pub(crate) mod absent;
pub mod chained;
pub(crate) mod foreign;
pub(crate) mod kernel;
pub(crate) mod latch;
pub(crate) mod paired;
pub(crate) mod pure;
pub mod realized;
pub(crate) mod recursive;
pub mod row;
pub(crate) mod single;
mod state;
mod stats;
pub mod sweep;
mod tape;
pub mod window;
pub(crate) mod windowed;

use crate::column::{Column, Input};
use crate::value::{Cause, Cell};
use std::fmt;

/// Inputs gathered without allocation, at most.
pub(crate) const INLINE_INPUTS: usize = 8;

/// Saved state that does not belong to this operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Written by another operator, with other parameters, or by another version.
    #[error("the saved state belongs to another operator or version")]
    Foreign,
    /// Cut short, too long, or holding values that no run can have produced.
    #[error("the saved state is damaged")]
    Damaged,
}

/// A node's computation with its state.
///
/// `inputs` come in the order of `Node::inputs`. A missing entry (too few inputs) reads as `missing(no data)`.
pub trait Operator: fmt::Debug + Send + Sync {
    /// Advances by one step of the node's clock and gives that step's value.
    fn step(&mut self, inputs: &[Cell]) -> Cell;

    /// Appends steps `out.len()..upto` to `out`, reading the same steps of the inputs.
    fn extend(&mut self, inputs: &[Input<'_>], upto: usize, out: &mut Column) {
        extend_by_steps(self, inputs, upto, out);
    }

    /// Back to the first step.
    fn reset(&mut self);

    /// How many known steps pass before the first that can be known: 0 for an operator without memory.
    fn warmup(&self) -> u32;

    /// Appends the state as bytes: the same bytes for the same history on every machine.
    fn save(&self, out: &mut Vec<u8>);

    /// Restores what [`Operator::save`] wrote; continues bit for bit. On error the operator is as after `reset`.
    ///
    /// # Errors
    /// When the bytes were not written by an operator of this kind and parameters, or are damaged.
    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError>;

    /// The formula, for an operator that is nothing else: its value depends on this step's inputs alone.
    fn pure(&self) -> Option<pure::Pure> {
        None
    }

    /// It is code from outside, which nobody knows to give the same twice: its rows are remembered, not computed again.
    fn is_foreign(&self) -> bool {
        false
    }

    /// A copy with its state.
    fn boxed_clone(&self) -> Box<dyn Operator>;
}

impl Clone for Box<dyn Operator> {
    fn clone(&self) -> Self {
        self.boxed_clone()
    }
}

/// The default of [`Operator::extend`].
fn extend_by_steps<O: Operator + ?Sized>(op: &mut O, inputs: &[Input<'_>], upto: usize, out: &mut Column) {
    let mut inline = [Cell::missing(Cause::NoData); INLINE_INPUTS];
    let mut heap = Vec::new();
    let cells: &mut [Cell] = match inline.get_mut(..inputs.len()) {
        Some(cells) => cells,
        None => {
            heap.resize(inputs.len(), Cell::missing(Cause::NoData));
            &mut heap
        }
    };
    for step in out.len()..upto {
        for (cell, input) in cells.iter_mut().zip(inputs) {
            *cell = input.get(step);
        }
        out.push(op.step(cells));
    }
}

/// Input `i`; `missing(no data)` where the caller passed too few.
pub(crate) fn input(inputs: &[Cell], i: usize) -> Cell {
    inputs.get(i).copied().unwrap_or(Cell::missing(Cause::NoData))
}
