//! `alula fmt`.

use crate::args::FmtArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Not there yet.
///
/// # Errors
/// Always.
pub fn run(_args: &FmtArgs, _out: &mut Output) -> Result<Exit, Failure> {
    Err(Failure::usage("this command is not there yet"))
}
