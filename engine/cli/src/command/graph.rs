//! `alula graph`.

use crate::args::GraphArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Not there yet.
///
/// # Errors
/// Always.
pub fn run(_args: &GraphArgs, _out: &mut Output) -> Result<Exit, Failure> {
    Err(Failure::usage("this command is not there yet"))
}
