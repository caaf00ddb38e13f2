//! `alula new`.

use crate::args::NewArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Not there yet.
///
/// # Errors
/// Always.
pub fn run(_args: &NewArgs, _out: &mut Output) -> Result<Exit, Failure> {
    Err(Failure::usage("this command is not there yet"))
}
