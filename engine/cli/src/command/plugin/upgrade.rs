//! `alula plugin upgrade STATE ID FILE`: another build of a plugin for a run under way.

use super::{check, lock};
use crate::args::PluginUpgradeArgs;
use crate::command::run::control;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use alula_plugin_abi::conformance::CASES;
use alula_plugin_loader::{LIBRARY_BYTES_MAX, sha256};
use serde_json::{Value, json};
use std::time::Duration;

/// How often a run is asked whether it is done.
const LOOK: Duration = Duration::from_millis(200);

/// Runs every check on the library in processes of its own, then asks the run to take it.
///
/// # Errors
/// When it is not trusted, a check fails, no run answers, or the run refuses it.
pub fn run(args: &PluginUpgradeArgs, out: &mut Output) -> Result<Exit, Failure> {
    let file = args.file.to_string_lossy().into_owned();
    let hash = sha256(&files::read_up_to(&args.file, LIBRARY_BYTES_MAX)?);
    let trusted = lock()?.is_some_and(|l| l.pin(&args.id).is_ok_and(|pin| pin.sha256 == hash));
    if !trusted {
        return Err(Failure::usage(format!(
            "`{file}` is not what `plugins.lock` pins as `{}`",
            args.id
        ))
        .help(format!(
            "trust it first: `alula plugin trust {file} --id {}`; the run goes on with its own copy",
            args.id
        )));
    }
    checked(args, &file)?;
    let asked = json!({
        "id": args.id, "sha256": hash, "bars": args.bars, "accept": args.accept_divergence, "why": args.why,
    });
    let mut answer = control::ask(&args.state, &format!("plugin-upgrade {asked}"))?;
    // The run computes its past between its ticks; a long one takes a while.
    while answer.get("upgrading").is_some() {
        std::thread::sleep(LOOK);
        answer = control::ask(&args.state, &format!("plugin-upgrade-state {hash}"))?;
    }
    if let Some(error) = answer.get("error").and_then(Value::as_str) {
        let refused = Failure::new(Exit::Findings, error.to_owned());
        return Err(if error.contains("do not agree") {
            refused.help("the run goes on with the build in force; if the new values are right: `--accept-divergence --why …`")
        } else {
            refused
        });
    }
    out.data(&format!("{answer:#}\n"))?;
    Ok(Exit::Ok)
}

/// All checks, each in a process of its own.
fn checked(args: &PluginUpgradeArgs, file: &str) -> Result<(), Failure> {
    let how = (Duration::from_secs(args.deadline), [].as_slice());
    let failed = |case: &str, why: String| {
        Failure::new(
            Exit::Findings,
            format!("`{file}` fails the check `{case}`: {why}"),
        )
        .help("the run goes on with the build in force")
    };
    let said = check::one(file, "", check::LOADS, how)?.map_err(|why| failed(check::LOADS, why))?;
    for id in said.lines().filter(|id| !id.starts_with(check::BROKER)) {
        for case in CASES {
            check::one(file, id, case.name, how)?.map_err(|why| failed(case.name, why))?;
        }
    }
    Ok(())
}
