//! `alula import`.

use crate::args::ImportArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Not there yet.
///
/// # Errors
/// Always.
pub fn run(_args: &ImportArgs, _out: &mut Output) -> Result<Exit, Failure> {
    Err(Failure::usage("this command is not there yet"))
}
