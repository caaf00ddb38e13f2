//! `alula check`.

use crate::args::CheckArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Not there yet.
///
/// # Errors
/// Always.
pub fn run(_args: &CheckArgs, _out: &mut Output) -> Result<Exit, Failure> {
    Err(Failure::usage("this command is not there yet"))
}
