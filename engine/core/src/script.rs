//! Scripts: typed pure functions in Rhai, compiled once, called under a budget, giving a value or missing with a cause.
//!
//! A script sees its parameters and nothing else: no clock, no file, no output, no other script, no memory between calls.
//! What it may do is arithmetic, logic and elementary maths; every resource has a limit below. What can be known at
//! compile time is refused at compile time, with line and column: syntax, unknown names, functions that do not exist here,
//! a missing function, a wrong number of parameters, statements outside functions.
//!
//! | at run time | gives |
//! | --- | --- |
//! | a missing input | missing, with that input's cause (the first in textual order); the script is not called |
//! | an error (overflow, index, type, `throw`) | missing(script: error) |
//! | too many operations | missing(script: budget exceeded) |
//! | too deep calls, too long strings, arrays or maps, too many variables | missing(script: limit exceeded) |
//! | a result that is not of the declared type | missing(script: wrong type) |
//! | NaN or an infinity | missing(script: not a finite number) |
//!
//! A declared number may be returned as a float, or as an integer that a float holds exactly (beyond 2^53 it is a wrong
//! type); truth values and numbers never convert into each other. Numbers arrive as floats, so `x / 2` is not an integer
//! division; between integer literals `1 / 2` is 0, as in Rhai.
//!
//! Transcendental functions are libm's (pure Rust) and `**` is refused in favour of `pow(x, y)`, because the platform's
//! own may differ in the last bit from machine to machine.

mod host;

pub use host::{Script, ScriptHost};

use crate::ops::{Operator, StateError, input};
use crate::value::Cell;
use alula_dsl::graph::{ScriptDef, ValueKind};
use std::sync::Arc;

/// Bytes of a source file.
pub const MAX_SOURCE_BYTES: usize = 64 * 1024;
/// Operations of one call (Rhai's own count: roughly one per expression node and statement).
pub const MAX_OPERATIONS: u64 = 100_000;
/// Calls nested in the called function.
pub const MAX_CALL_LEVELS: usize = 16;
/// Nesting of expressions and statements.
pub const MAX_EXPRESSION_DEPTH: usize = 32;
/// Bytes of a string.
pub const MAX_STRING_BYTES: usize = 4_096;
/// Items of an array (of a literal: one fewer, which Rhai checks early).
pub const MAX_ARRAY_ITEMS: usize = 1_024;
/// Entries of an object map.
pub const MAX_MAP_ENTRIES: usize = 256;
/// Variables at once, parameters included.
pub const MAX_VARIABLES: usize = 64;
/// Functions in a file.
pub const MAX_FUNCTIONS: usize = 64;
/// Parameters of a declared function.
pub const MAX_PARAMETERS: usize = 16;

/// What a script takes and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Kinds of the parameters, in order.
    pub params: Vec<ValueKind>,
    /// Kind of the result.
    pub returns: ValueKind,
}

impl From<&ScriptDef> for Signature {
    fn from(def: &ScriptDef) -> Self {
        Self {
            params: def.params.iter().map(|(_, kind)| *kind).collect(),
            returns: def.returns,
        }
    }
}

/// Why a script cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScriptError {
    /// One line, lower case.
    pub message: String,
    /// Line from 1, where known.
    pub line: Option<usize>,
    /// Column from 1, where known.
    pub column: Option<usize>,
    /// What to do, where there is something better than reading the message.
    pub help: Option<String>,
}

/// A script as an operator: no memory.
#[derive(Clone, Debug)]
pub(crate) struct ScriptOperator(pub(crate) Arc<Script>);

impl Operator for ScriptOperator {
    fn step(&mut self, inputs: &[Cell]) -> Cell {
        self.0.call(inputs)
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
        Box::new(self.clone())
    }
}

/// The first `arity` inputs; `Err` with the first missing one.
fn known_inputs(inputs: &[Cell], arity: usize) -> Result<impl Iterator<Item = f64> + '_, Cell> {
    match (0..arity).map(|i| input(inputs, i)).find(|cell| !cell.is_known()) {
        Some(missing) => Err(missing),
        None => Ok(inputs.iter().take(arity).map(|cell| cell.raw())),
    }
}
