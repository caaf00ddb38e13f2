//! Where a run is written, read back, and what to do with it next.

use crate::exit::{Failure, failure, reason};
use alula_report::html;
use alula_report::model::{FiringKind, Report};
use alula_run::RunOutput;
use alula_run::folder::{self, MANIFEST, RunFolder};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Name of the page in a run folder.
pub const REPORT: &str = "report.html";

/// Refuses, before a long run, a folder that its result could not be written to.
///
/// # Errors
/// When the path is a file, holds something else, or holds a run and `force` is not given.
pub fn check_target(dir: &Path, force: bool) -> Result<(), Failure> {
    let refused = |why: &str, help: &str| {
        Err(Failure::usage(format!("cannot write the run to `{}`: {why}", dir.display())).help(help))
    };
    match std::fs::read_dir(dir).map(|mut entries| entries.next().is_some()) {
        Ok(false) => Ok(()),
        Ok(true) if !dir.join(MANIFEST).is_file() => refused(
            "the folder holds something that is not a run",
            "choose another `--out`",
        ),
        Ok(true) if force => Ok(()),
        Ok(true) => refused(
            "the folder holds a run already",
            "choose another `--out`, or replace it with `--force`",
        ),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => {
            refused("it is a file", "choose another `--out`")
        }
        Err(e) => refused(&reason(&e), "choose another `--out`"),
    }
}

/// Writes the run folder with its page and returns where it is.
///
/// # Errors
/// When it cannot be written, or something stands in the way and `force` is not given.
pub fn write(out: Option<&Path>, run: &RunOutput, report: &Report, force: bool) -> Result<PathBuf, Failure> {
    let m = &run.manifest;
    let name = format!("{}-{}", m.strategy, m.run_id.get(..12).unwrap_or(&m.run_id));
    let dir = out.map_or_else(|| Path::new("runs").join(name), Path::to_owned);
    let page = html::render(report).map_err(|e| Failure::usage(e.to_string()))?;
    let extras = BTreeMap::from([(REPORT.to_owned(), page.into_bytes())]);
    // The name says what went in: what stands there already is this very run.
    let replace = force || out.is_none();
    folder::write(run, &dir, &extras, replace).map_err(|e| failure(&e))?;
    Ok(dir)
}

/// Reads a run folder; every file is compared with its hash.
///
/// # Errors
/// When it is missing, not a run folder, or was changed.
pub fn read(dir: &Path) -> Result<RunFolder, Failure> {
    if dir.is_file() {
        return Err(
            Failure::usage(format!("cannot read `{}`: it is a file", dir.display()))
                .help("name the run folder, not a file in it"),
        );
    }
    folder::read(dir).map_err(|e| failure(&e))
}

/// What to look at and type next.
#[must_use]
pub fn next_steps(report: &Report, dir: &Path) -> String {
    let dir = dir.display();
    let mut text = format!("\nRun folder  {dir}\nReport      {dir}/{REPORT}\n");
    // The first closing is what people ask about first; any decision is better than none.
    let asked = report
        .firings
        .iter()
        .find(|f| f.kind == FiringKind::Close)
        .or(report.firings.first());
    match (asked, report.days.last()) {
        (Some(f), _) => {
            let at = f.at.eastern().format("%Y-%m-%dT%H:%M");
            let _ = writeln!(text, "Why?        alula why {dir} --at {at} {}", f.key);
        }
        (None, Some(day)) => {
            let _ = writeln!(text, "Why not?    alula why {dir} --at {}", day.date);
        }
        (None, None) => {}
    }
    text
}
