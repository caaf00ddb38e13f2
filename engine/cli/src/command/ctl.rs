//! `alula ctl` and `alula halt`: words to a run that is under way.

use crate::args::{CtlArgs, CtlCommand, HaltArgs, OverlayCommand};
use crate::command::run::control;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use serde_json::{Value, json};
use std::path::Path;

/// Says something to a run, and prints its answer.
///
/// # Errors
/// When no run answers there.
pub fn run(args: &CtlArgs, out: &mut Output) -> Result<Exit, Failure> {
    let line = match &args.command {
        CtlCommand::Status { .. } => "status".to_owned(),
        CtlCommand::Halt { why, level, .. } => format!("{} {why}", level.command()),
        CtlCommand::Resume { why, .. } => format!("resume {why}"),
        CtlCommand::Why { key, .. } => format!("why {key}"),
        CtlCommand::Overlay { command } => overlay(command),
        CtlCommand::Confirm {
            digest, positions, ..
        } => {
            let how = positions.map_or("", |p| p.orphans().word());
            format!("confirm {digest} {how}")
        }
        CtlCommand::Reload { .. } => "reload".to_owned(),
        CtlCommand::Stop { .. } => "stop".to_owned(),
    };
    say(args.command.state(), &line, out)
}

/// As a run is told of an overlay.
fn overlay(command: &OverlayCommand) -> String {
    match command {
        OverlayCommand::List { .. } => "overlays".to_owned(),
        OverlayCommand::Add { what, why, name, .. } => {
            format!(
                "overlay {}",
                json!({ "add": what.join(" "), "why": why, "name": name })
            )
        }
        OverlayCommand::Drop { id, why, name, .. } => {
            format!("overlay {}", json!({ "drop": id, "why": why, "name": name }))
        }
    }
}

/// Halts opening.
///
/// # Errors
/// When no run answers there.
pub fn halt(args: &HaltArgs, out: &mut Output) -> Result<Exit, Failure> {
    say(
        &args.state,
        &format!("{} {}", args.level.command(), args.why),
        out,
    )
}

fn say(state: &Path, line: &str, out: &mut Output) -> Result<Exit, Failure> {
    let answer = control::ask(state, line)?;
    if let Some(error) = answer.get("error").and_then(Value::as_str) {
        let help = answer.get("help").and_then(Value::as_str).unwrap_or_default();
        return Err(Failure::usage(error.to_owned()).help(help));
    }
    match answer.get("text").and_then(Value::as_str) {
        Some(text) => out.data(text)?,
        None => out.data(&format!("{answer:#}\n"))?,
    }
    Ok(Exit::Ok)
}
