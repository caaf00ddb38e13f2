//! From a graph's operator to the code that computes it.

use crate::ops::Operator;
use alula_dsl::graph::Op;

/// Why there is no operator for a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Read from the market, the book or a position by the engine itself; not a computation on inputs.
    #[error("`{0}` is read from its source, not computed")]
    Source(String),
    /// A parameter that the operator cannot work with.
    #[error("{name}: {why}")]
    Parameter {
        /// Function name.
        name: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Wrong number of inputs.
    #[error("{name}: takes {expected} inputs, was given {given}")]
    Arity {
        /// Function name.
        name: &'static str,
        /// Inputs wanted.
        expected: usize,
        /// Inputs given.
        given: usize,
    },
    /// No script was compiled for this id.
    #[error("script {0} was not compiled")]
    NoScript(u32),
}

/// What nodes can be linked to.
#[derive(Clone, Debug, Default)]
pub struct Registry {}

impl Registry {
    /// The operator of a node with `arity` inputs, in its initial state.
    ///
    /// # Errors
    /// For sources (fields, feeds, book and position observables, events, constants: the engine reads those itself),
    /// parameters out of range, a wrong number of inputs, or a script that was not compiled.
    pub fn operator(&self, op: &Op, arity: usize) -> Result<Box<dyn Operator>, RegistryError> {
        let _ = arity;
        Err(RegistryError::Source(format!("{op:?}")))
    }
}
