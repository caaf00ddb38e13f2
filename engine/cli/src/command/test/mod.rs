//! `alula test [PATH…]`: rule tests that live beside the rules.

mod find;
mod report;

use crate::args::{TestArgs, TestFormat};
use crate::command::backtest::failure;
use crate::command::store;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use crate::project::{Findings, Project, span_at};
use alula_core::registry::Registry;
use alula_dsl::diagnostic::{Diagnostic, codes, render};
use alula_dsl::source::SourceFile;
use alula_market::history::History;
use alula_market::store::StoreHistory;
use alula_proof::spec::Case;
use alula_proof::{CaseResult, Harness, read};
use alula_run::Mode;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant as Clock;

/// What came of one file.
#[derive(Debug)]
pub struct FileResult {
    /// The test file, as it is shown.
    pub file: PathBuf,
    /// Cases in the order of the file.
    pub cases: Vec<CaseResult>,
    /// Cases that `--filter` left out.
    pub left_out: usize,
}

/// Runs the cases and says what was not as expected.
///
/// # Errors
/// When a path holds no tests, a strategy has errors, a test file cannot be read, or recorded data that a case names is
/// not there.
pub fn run(args: &TestArgs, out: &mut Output) -> Result<Exit, Failure> {
    let found = find::tests(&args.paths)?;
    let began = Clock::now();
    let mut results = Vec::new();
    for file in &found {
        results.push(one(file, args, out)?);
    }
    let seconds = began.elapsed().as_secs_f64();
    let ran: usize = results.iter().map(|r| r.cases.len()).sum();
    if ran == 0 {
        let filter = args.filter.as_deref().unwrap_or_default();
        return Err(Failure::usage(format!("no case has `{filter}` in its name"))
            .help("leave `--filter` out to see the names"));
    }
    let text = match args.format {
        TestFormat::Human => report::human(&results, args.verbose_cases),
        TestFormat::Json => report::json(&results),
        TestFormat::Junit => report::junit(&results),
        TestFormat::Github => report::github(&results),
    };
    out.data(&text)?;
    out.note(&report::summary(&results, seconds));
    let failed = results.iter().flat_map(|r| &r.cases).any(|c| !c.passed());
    Ok(if failed { Exit::Findings } else { Exit::Ok })
}

fn one(file: &Path, args: &TestArgs, out: &mut Output) -> Result<FileResult, Failure> {
    let strategy = find::strategy_of(file);
    let project = Project::load(&strategy)?;
    let linked = project.checked(None, out)?;
    let graph = Arc::new(linked.graph.clone());
    let registry = Registry::with_scripts(linked.scripts.clone());
    let values = linked.thresholds.values().to_vec();
    let harness = Harness::new(graph, registry, values).map_err(|e| failure(&e))?;
    let bytes = files::read(file)?;
    let cases = read(&bytes, &harness.subject()).map_err(|found| findings(file, &bytes, found, out))?;
    let total = cases.len();
    let chosen: Vec<Case> = cases
        .into_iter()
        .filter(|c| args.filter.as_ref().is_none_or(|f| c.name.contains(f.as_str())))
        .collect();
    let stores = stores(file, &chosen)?;
    let results = all(&harness, &chosen, &stores);
    Ok(FileResult {
        file: file.to_owned(),
        left_out: total - chosen.len(),
        cases: results,
    })
}

/// Shows what is wrong with a test file.
fn findings(file: &Path, bytes: &[u8], found: Vec<alula_yaml::Finding>, out: &mut Output) -> Failure {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut shown = Findings::default();
    let id = shown
        .sources
        .add(SourceFile::new(file.display().to_string(), text.clone()));
    for f in found {
        let span = span_at(id, &text, f.line as usize, f.column as usize);
        shown.push(
            Diagnostic::error(codes::TEST_FILE, span, f.message)
                .label(f.why)
                .help(f.fix),
        );
    }
    out.message(&render::human(
        &shown.sources,
        &shown.diagnostics,
        true,
        out.columns,
    ));
    Failure::new(Exit::Findings, format!("`{}` has errors", file.display()))
        .help("mend what is shown above; no case was run")
}

/// Stores that cases name, each opened once, by the path in the file.
fn stores(file: &Path, cases: &[Case]) -> Result<BTreeMap<String, StoreHistory>, Failure> {
    let mut out = BTreeMap::new();
    for data in cases.iter().filter_map(|c| c.data.as_ref()) {
        if !out.contains_key(&data.store) {
            let folder = file.parent().unwrap_or(Path::new(""));
            out.insert(data.store.clone(), store::open(&folder.join(&data.store))?);
        }
    }
    Ok(out)
}

/// Cases share nothing that one could change under another, so as many run at once as the machine has cores. Results keep
/// the order of the file.
fn all(harness: &Harness, cases: &[Case], stores: &BTreeMap<String, StoreHistory>) -> Vec<CaseResult> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(index) else { return done };
            let base = case.data.as_ref().and_then(|d| stores.get(&d.store));
            let base = base.map(|s| s as &dyn History);
            done.push((index, harness.run(case, base, Mode::Batch)));
        }
    };
    let mut results = std::thread::scope(|scope| {
        let others: Vec<_> = (1..workers.min(cases.len())).map(|_| scope.spawn(work)).collect();
        let mut results = work();
        for other in others {
            // A worker that panicked would be a defect of the engine: its cases would be missing, which the count shows.
            results.extend(other.join().unwrap_or_default());
        }
        results
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
