//! An instance that lives elsewhere: the same calls, answered over a line to another process. What comes back is believed no more
//! than what a plugin in this process says.

use super::table::Handle;
use super::{Fault, Given};
use crate::chain::Chain;
use std::fmt;

/// The functions of one instance, unchecked: [`super::Instance`] stands before them.
pub trait Bare: fmt::Debug + Send {
    /// The function is there that takes a row: from a chain, or from series.
    fn reads(&self, chain: bool) -> bool;
    /// It takes rows at once.
    fn has_batch(&self) -> bool;
    /// Rows before the first that can be ready.
    fn warmup(&mut self) -> u64;
    /// Back to before the first row.
    ///
    /// # Errors
    /// When it cannot.
    fn reset(&mut self) -> Result<(), Fault>;
    /// One row; whether it is ready.
    ///
    /// # Errors
    /// What ends the instance.
    fn update(&mut self, inputs: &[f64], out: &mut [f64]) -> Result<bool, Fault>;
    /// One row from a chain; whether it is ready.
    ///
    /// # Errors
    /// What ends the instance.
    fn update_chain(&mut self, chain: &Chain<'_>, out: &mut [f64]) -> Result<bool, Fault>;
    /// Rows at once: lanes of `ready.len()` numbers each. A row that was not reached keeps what stands in `ready`, which is neither 0
    /// nor 1. None where it cannot.
    fn batch(
        &mut self,
        inputs: &[&[f64]],
        out: &mut [Vec<f64>],
        ready: &mut [u8],
    ) -> Option<Result<(), Fault>>;
    /// The bytes of its state.
    ///
    /// # Errors
    /// When it cannot save.
    fn save(&mut self) -> Result<Vec<u8>, Fault>;
    /// Takes bytes as its state.
    ///
    /// # Errors
    /// When it does not take them.
    fn load(&mut self, version: u32, bytes: &[u8]) -> Result<(), Fault>;
}

/// Makes instances elsewhere.
pub trait Maker: fmt::Debug + Send + Sync {
    /// An instance of an indicator with these parameters.
    ///
    /// # Errors
    /// The plugin's refusal, or why it could not be asked.
    fn make(&self, id: &str, given: &[Given]) -> Result<Box<dyn Bare>, Fault>;
}

impl Bare for Handle {
    fn reads(&self, chain: bool) -> bool {
        Self::reads(self, chain)
    }
    fn has_batch(&self) -> bool {
        Self::has_batch(self)
    }
    fn warmup(&mut self) -> u64 {
        Self::warmup(self)
    }
    fn reset(&mut self) -> Result<(), Fault> {
        Self::reset(self)
    }
    fn update(&mut self, inputs: &[f64], out: &mut [f64]) -> Result<bool, Fault> {
        Self::update(self, inputs, out)
    }
    fn update_chain(&mut self, chain: &Chain<'_>, out: &mut [f64]) -> Result<bool, Fault> {
        Self::update_chain(self, chain, out)
    }
    fn batch(
        &mut self,
        inputs: &[&[f64]],
        out: &mut [Vec<f64>],
        ready: &mut [u8],
    ) -> Option<Result<(), Fault>> {
        Self::batch(self, inputs, out, ready)
    }
    fn save(&mut self) -> Result<Vec<u8>, Fault> {
        Self::save(self)
    }
    fn load(&mut self, version: u32, bytes: &[u8]) -> Result<(), Fault> {
        Self::load(self, version, bytes)
    }
}

/// An instance here or elsewhere. A match, not a table: what is here costs no more than before.
#[derive(Debug)]
pub(super) enum Body {
    Here(Handle),
    Elsewhere(Box<dyn Bare>),
}

macro_rules! either {
    ($self:ident, $at:ident => $call:expr) => {
        match $self {
            Self::Here($at) => $call,
            Self::Elsewhere($at) => $call,
        }
    };
}

impl Body {
    pub(super) fn reads(&self, chain: bool) -> bool {
        either!(self, at => at.reads(chain))
    }
    pub(super) fn has_batch(&self) -> bool {
        either!(self, at => at.has_batch())
    }
    pub(super) fn warmup(&mut self) -> u64 {
        either!(self, at => at.warmup())
    }
    pub(super) fn reset(&mut self) -> Result<(), Fault> {
        either!(self, at => at.reset())
    }
    pub(super) fn update(&mut self, inputs: &[f64], out: &mut [f64]) -> Result<bool, Fault> {
        either!(self, at => at.update(inputs, out))
    }
    pub(super) fn update_chain(&mut self, chain: &Chain<'_>, out: &mut [f64]) -> Result<bool, Fault> {
        either!(self, at => at.update_chain(chain, out))
    }
    pub(super) fn batch(
        &mut self,
        inputs: &[&[f64]],
        out: &mut [Vec<f64>],
        ready: &mut [u8],
    ) -> Option<Result<(), Fault>> {
        either!(self, at => at.batch(inputs, out, ready))
    }
    pub(super) fn save(&mut self) -> Result<Vec<u8>, Fault> {
        either!(self, at => at.save())
    }
    pub(super) fn load(&mut self, version: u32, bytes: &[u8]) -> Result<(), Fault> {
        either!(self, at => at.load(version, bytes))
    }
    pub(super) fn into_bare(self) -> Box<dyn Bare> {
        match self {
            Self::Here(handle) => Box::new(handle),
            Self::Elsewhere(bare) => bare,
        }
    }
}
