//! Where a run is written, and what to do with it next.

use crate::exit::{Failure, reason};
use crate::files;
use alula_report::html;
use alula_report::model::{FiringKind, Report};
use alula_run::RunOutput;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Refuses a folder that holds something else.
///
/// # Errors
/// When the path is a file, or a folder with content and `force` is not given.
pub fn check_target(dir: &Path, force: bool) -> Result<(), Failure> {
    let exists = |what: &str| {
        Failure::usage(format!("cannot write the run to `{}`: {what}", dir.display()))
            .help("choose another `--out`, or replace it with `--force`")
    };
    match std::fs::read_dir(dir) {
        Ok(mut entries) => {
            if entries.next().is_some() && !force {
                return Err(exists("the folder is not empty"));
            }
            Ok(())
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => Err(Failure::usage(format!(
            "cannot write the run to `{}`: it is a file",
            dir.display()
        ))
        .help("choose another `--out`")),
        Err(e) => Err(Failure::usage(format!(
            "cannot use `{}`: {}",
            dir.display(),
            reason(&e)
        ))),
    }
}

/// Writes the run folder and returns where it is.
///
/// # Errors
/// When it cannot be written, or holds something else and `force` is not given.
pub fn write(out: Option<&Path>, run: &RunOutput, report: &Report, _force: bool) -> Result<PathBuf, Failure> {
    let m = &run.manifest;
    let name = format!("{}-{}", m.strategy, m.run_id.get(..12).unwrap_or(&m.run_id));
    let dir = out.map_or_else(|| Path::new("runs").join(name), Path::to_owned);
    let page = html::render(report).map_err(|e| Failure::usage(e.to_string()))?;
    std::fs::create_dir_all(&dir).map_err(|e| Failure::io("create", &dir, &e))?;
    files::write_atomic(&dir.join("report.html"), page.as_bytes())?;
    Ok(dir)
}

/// What to look at and type next.
#[must_use]
pub fn next_steps(report: &Report, dir: &Path) -> String {
    let dir = dir.display();
    let mut text = format!("\nRun folder  {dir}\nReport      {dir}/report.html\n");
    // The first closing is what people ask about first; any decision is better than none.
    let asked = report
        .firings
        .iter()
        .find(|f| f.kind == FiringKind::Close)
        .or(report.firings.first());
    match (asked, report.days.last()) {
        (Some(f), _) => {
            let _ = writeln!(
                text,
                "Why?        alula why {dir} --at {} {}",
                f.at.eastern().format("%Y-%m-%dT%H:%M"),
                f.key
            );
        }
        (None, Some(day)) => {
            let _ = writeln!(text, "Why not?    alula why {dir} --at {}", day.date);
        }
        (None, None) => {}
    }
    text
}
