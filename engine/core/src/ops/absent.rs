//! A function of a plugin that is not loaded.

use super::{Operator, StateError};
use crate::value::{Cause, Cell};

/// Steps on its clock like any operator, and gives nothing but the cause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Absent;

impl Operator for Absent {
    fn step(&mut self, _inputs: &[Cell]) -> Cell {
        Cell::missing(Cause::Plugin)
    }

    fn reset(&mut self) {}

    fn warmup(&self) -> u32 {
        0
    }

    fn save(&self, _out: &mut Vec<u8>) {}

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        if bytes.is_empty() {
            Ok(())
        } else {
            Err(StateError::Foreign)
        }
    }

    fn boxed_clone(&self) -> Box<dyn Operator> {
        Box::new(*self)
    }
}
