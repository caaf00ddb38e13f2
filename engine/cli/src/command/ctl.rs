//! `alula ctl` and `alula halt`: words to a run that is under way.

use crate::args::{CtlArgs, CtlCommand, HaltArgs, OverlayCommand};
use crate::command::journal;
use crate::command::run::control;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use alula_journal::Status;
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
        CtlCommand::Repair {
            order,
            way,
            why,
            name,
            confirm,
            ..
        } => {
            let way = way.map(|w| w.way().word());
            let said = json!({ "order": order, "way": way, "why": why, "name": name, "confirm": confirm });
            format!("repair {said}")
        }
        CtlCommand::Reload { .. } => "reload".to_owned(),
        CtlCommand::Stop { .. } => "stop".to_owned(),
    };
    let answer = control::ask(args.command.state(), &line);
    if let (Err(_), CtlCommand::Status { state }) = (&answer, &args.command)
        && let Some(ended) = ended(state)
    {
        out.data(&format!("{ended:#}\n"))?;
        out.note("no run is at work there");
        return Ok(Exit::Findings);
    }
    show(&answer?, out)
}

/// How the newest run of a state folder ended, where none answers; nothing where there never was one.
fn ended(state: &Path) -> Option<Value> {
    let store = journal::open(&journal::meant(state).ok()?).ok()?;
    let manifest = store.manifest().ok()?;
    let time = |ns: i64| chrono::DateTime::from_timestamp_nanos(ns).to_rfc3339();
    let (status, why) = match manifest.status {
        // Nobody writes it, and it does not say that it ended.
        Status::Running => (
            "died",
            "it did not end in good order; `alula run --resume` goes on with it",
        ),
        Status::Ended => ("ended", manifest.note.as_str()),
        Status::CrashedRecovered => ("died", manifest.note.as_str()),
        Status::Quarantined => ("quarantined", manifest.note.as_str()),
    };
    Some(json!({
        "running": false, "run": manifest.run, "status": status, "why": why, "began_at": time(manifest.started_ns),
        "ended_at": manifest.ended_ns.map(time),
    }))
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
    let line = format!("{} {}", args.level.command(), args.why);
    show(&control::ask(&args.state, &line)?, out)
}

/// Shows what a run answered.
fn show(answer: &Value, out: &mut Output) -> Result<Exit, Failure> {
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
