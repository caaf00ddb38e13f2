//! The journal of a run: one folder for each strategy, one run at a time.

use super::basis;
use crate::args::RunArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::project::Linked;
use alula_journal::{Folder, FolderError, Hash, Limits, Manifest};
use alula_live::keeper::{Basis, Keeper};
use alula_run::Crank;
use std::path::Path;
use std::time::SystemTime;

/// Seconds from 1970 to 2020, where epochs begin.
const EPOCH: i64 = 1_577_836_800;

/// The machine's clock, ns since 1970.
pub fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
}

/// Opens the state folder of a strategy, locks it, and begins the journal of a new run.
///
/// # Errors
/// When another process runs the strategy there, the journal of the run before is broken, or nothing can be written.
pub fn begin(
    state: &Path,
    args: &RunArgs,
    (linked, crank): (&Linked<'_>, &Crank<'_>),
    out: &mut Output,
) -> Result<(Folder, Keeper), Failure> {
    let m = crank.manifest();
    let folder = Folder::open(&state.join(&m.strategy)).map_err(|e| refused(&e))?;
    let now = now_ns();
    let before = folder.predecessor(now).map_err(|e| refused(&e))?;
    if let Some(before) = before.as_ref().filter(|b| b.crashed) {
        out.warn(&format!(
            "the run before, `{}`, died after {} entries; its journal is whole, and the engine's own account begins anew \
             (`alula replay {}` computes what it did)",
            before.verdict.manifest.run,
            before.verdict.entries,
            before.path.display()
        ));
    }
    let seconds = now.div_euclid(1_000_000_000);
    let epoch = u32::try_from(seconds.saturating_sub(EPOCH)).unwrap_or(u32::MAX);
    let name = run_name(now);
    let hash = |name: &str| {
        m.hashes
            .get(name)
            .and_then(|h| Hash::parse(h))
            .unwrap_or_default()
    };
    let manifest = Manifest {
        mode: "paper".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        binary: binary(),
        config: hash("threshold values"),
        rules: hash("rules"),
        seed: args.seed.unwrap_or_default(),
        ..Manifest::new(&name, epoch, now)
    };
    let rules = manifest.rules.0;
    let journal = folder
        .create(manifest, before.as_ref(), Limits::default())
        .map_err(|e| refused(&e))?;
    let basis = Basis {
        sources: basis::write(linked, m, (args.seed, args.years)),
        rules,
        mode: "paper".to_owned(),
        broker: format!("internal {}", env!("CARGO_PKG_VERSION")),
        feed: m.data_label.clone(),
    };
    let set = crank.thresholds();
    let graph = crank.plan().graph();
    let text = set.canonical_text(&graph.settings.name, &graph.thresholds);
    let keeper = Keeper::begin(journal, &basis, (set, text), now).map_err(|e| broken(&e))?;
    out.note(&format!(
        "journal  {}",
        folder.path().join(format!("{name}.redb")).display()
    ));
    Ok((folder, keeper))
}

/// Names sort by time: `20261121T101503123`.
fn run_name(now_ns: i64) -> String {
    let time = chrono::DateTime::from_timestamp_nanos(now_ns);
    time.format("%Y%m%dT%H%M%S%3f").to_string()
}

/// Hash of this program's file; zeros where it cannot be read.
fn binary() -> Hash {
    let bytes = std::env::current_exe().and_then(std::fs::read);
    let hash = bytes.map(|b| alula_market::digest::sha256(&b));
    hash.ok().and_then(|h| Hash::parse(&h)).unwrap_or_default()
}

fn refused(error: &FolderError) -> Failure {
    let help = match error {
        FolderError::Locked(_) => "end the other run, or name another `--state`",
        FolderError::Quarantined { .. } => {
            "look at it with `alula journal verify`; move the file away to begin anew"
        }
        _ => "check the path, the space and the permissions",
    };
    Failure::usage(error.to_string()).help(help)
}

/// A journal that takes nothing more stops the run.
pub fn broken(error: &alula_journal::JournalError) -> Failure {
    Failure::new(Exit::Stopped, error.to_string())
        .help("nothing was done that the journal does not hold; check the disk")
}
