//! `alula test [PATH…]`: rule tests that live beside the rules.

mod coverage;
pub mod find;
mod report;
mod snapshot;
mod watch;

use crate::args::{TestArgs, TestFormat};
use crate::command::store;
use crate::exit::{Exit, Failure, failure};
use crate::files;
use crate::output::Output;
use crate::project::{Findings, Project, span_at};
use alula_core::registry::Registry;
use alula_dsl::diagnostic::{Diagnostic, codes, render};
use alula_dsl::source::SourceFile;
use alula_market::history::History;
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_proof::coverage::Coverage;
use alula_proof::property::watched;
use alula_proof::shrink::shrink;
use alula_proof::spec::{Case, DataSource};
use alula_proof::{CaseResult, Failure as CaseFailure, Harness, TestFile, read};
use alula_report::text::plural;
use alula_run::Mode;
use coverage::Covered;
use snapshot::{Compared, Pending};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant as Clock};

/// What came of one file.
#[derive(Debug)]
pub struct FileResult {
    /// The test file, as it is shown.
    pub file: PathBuf,
    /// Cases in the order of the file.
    pub cases: Vec<CaseResult>,
    /// Cases that `--filter` left out.
    pub left_out: usize,
    /// What the cases have seen of the strategy.
    pub covered: Covered,
    /// Snapshots that differ, and those whose case is gone.
    pub snapshots: Compared,
}

impl FileResult {
    fn failed(&self) -> bool {
        !self.snapshots.pending.is_empty() || self.cases.iter().any(|c| !c.passed())
    }
}

/// How often `--watch` looks at the files.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Runs the cases and says what was not as expected.
///
/// # Errors
/// When a path holds no tests, a strategy has errors, a test file cannot be read, or data that a case names are not there.
pub fn run(args: &TestArgs, out: &mut Output) -> Result<Exit, Failure> {
    if !args.watch {
        return once(args, out);
    }
    loop {
        let seen = watch::stamp(&args.paths);
        match once(args, out) {
            Ok(_) => {}
            Err(failure) if failure.closed => return Err(failure),
            Err(failure) => out.error(&failure),
        }
        out.note("watching; Ctrl-C ends it");
        out.flush()?;
        while watch::stamp(&args.paths) == seen {
            std::thread::sleep(LOOK_EVERY);
        }
        out.data("\n")?;
    }
}

fn once(args: &TestArgs, out: &mut Output) -> Result<Exit, Failure> {
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
    settle(args, &mut results, out)?;
    if args.format == TestFormat::Human && (args.coverage || args.strict) {
        for result in &results {
            out.data(&format!("\n{}", result.covered.text()))?;
        }
    }
    if let Some(path) = &args.coverage_html {
        for result in &results {
            let page = coverage::page(path, &result.covered.name, results.len() == 1);
            files::write_atomic(&page, result.covered.html().as_bytes())?;
            out.note(&format!("wrote {}", page.display()));
        }
    }
    out.note(&report::summary(&results, seconds));
    let failed = results.iter().any(FileResult::failed);
    let incomplete = args.strict && results.iter().any(|r| !r.covered.is_complete());
    Ok(if failed || incomplete {
        Exit::Findings
    } else {
        Exit::Ok
    })
}

/// What becomes of snapshots that differ, and of those without a case.
fn settle(args: &TestArgs, results: &mut [FileResult], out: &mut Output) -> Result<(), Failure> {
    for result in results {
        if args.accept {
            for pending in std::mem::take(&mut result.snapshots.pending) {
                snapshot::accept(&pending)?;
                out.note(&format!("accepted {}", pending.path.display()));
            }
        } else if args.review {
            review(&mut result.snapshots.pending, out)?;
        } else if std::env::var_os("CI").is_none_or(|v| v.is_empty() || v == "false") {
            // Nobody reviews what a build server leaves behind.
            snapshot::leave(&result.snapshots.pending)?;
        }
        if !args.accept && !result.snapshots.pending.is_empty() {
            out.note("`alula test --review` shows the differences one by one, `--accept` takes them all");
        }
        for orphan in &result.snapshots.orphans {
            if args.prune {
                std::fs::remove_file(orphan).map_err(|e| Failure::io("delete", orphan, &e))?;
                out.note(&format!("deleted {}", orphan.display()));
            } else {
                out.warn(&format!(
                    "no case has the snapshot `{}`; `--prune` deletes it",
                    orphan.display()
                ));
            }
        }
    }
    Ok(())
}

/// Asks about each difference: accept, reject (leave the snapshot, forget what is pending), or skip.
fn review(pending: &mut Vec<Pending>, out: &mut Output) -> Result<(), Failure> {
    let mut left = Vec::new();
    let mut lines = std::io::stdin().lines();
    for one in std::mem::take(pending) {
        out.data(&format!("\n{}\n{}\n", one.case, snapshot::shown(&one)))?;
        let answer = loop {
            out.data("accept, reject or skip? [a/r/s] ")?;
            out.flush()?;
            match lines.next() {
                Some(Ok(line)) => match line.trim() {
                    "a" | "accept" => break 'a',
                    "r" | "reject" => break 'r',
                    "s" | "skip" | "" => break 's',
                    _ => {}
                },
                // The input ended: nothing more is decided.
                _ => break 's',
            }
        };
        match answer {
            'a' => snapshot::accept(&one)?,
            'r' => {
                snapshot::forget(&one);
                left.push(one);
            }
            _ => {
                snapshot::leave(std::slice::from_ref(&one))?;
                left.push(one);
            }
        }
    }
    *pending = left;
    Ok(())
}

/// A test file with the strategy that it is about, ready to run.
pub struct Suite {
    /// The strategy.
    pub project: Project,
    /// The strategy, linked.
    pub harness: Harness,
    /// The strategy with what its cases say must hold throughout; none where no case says so.
    pub watched: Option<Harness>,
    /// Its scripts.
    pub registry: Registry,
    /// Cases that were asked for.
    pub tests: TestFile,
    /// Cases that were not.
    pub left_out: usize,
    /// Data below the cases.
    pub bases: Bases,
}

impl Suite {
    /// Reads a test file and what it rests on.
    ///
    /// # Errors
    /// When the strategy or the file has errors, which were shown, or data are not there.
    pub fn load(file: &Path, filter: Option<&str>, out: &mut Output) -> Result<Self, Failure> {
        let project = Project::load(&find::strategy_of(file))?;
        let linked = project.checked(None, out)?;
        let graph = Arc::new(linked.graph.clone());
        let registry = linked.registry();
        let values = linked.thresholds.values().to_vec();
        let harness = Harness::new(graph, registry.clone(), values).map_err(|e| failure(&e))?;
        let bytes = files::read(file)?;
        let mut tests =
            read(&bytes, &harness.subject()).map_err(|found| findings(file, &bytes, found, out))?;
        let watched = if tests.claims.is_empty() {
            None
        } else {
            let name = find::strategy_of(file);
            let name = name.file_name().map(|n| n.to_string_lossy().into_owned());
            let name = name.unwrap_or_default();
            let graph = watched(&name, &project.bytes, &project.loader, &tests.claims)
                .map_err(|found| findings(file, &bytes, found, out))?;
            let (scripts, values) = (registry.clone(), linked.thresholds.values().to_vec());
            let claims = tests.claims.clone();
            let harness = Harness::with_claims(Arc::new(graph), scripts, values, claims);
            Some(harness.map_err(|e| failure(&e))?)
        };
        let total = tests.cases.len();
        tests.cases.retain(|c| filter.is_none_or(|f| c.name.contains(f)));
        let bases = bases(file, &tests.cases)?;
        Ok(Self {
            left_out: total - tests.cases.len(),
            project,
            harness,
            watched,
            registry,
            tests,
            bases,
        })
    }

    /// The data below a case.
    pub fn base(&self, case: &Case) -> Option<&dyn History> {
        base(&self.bases, case)
    }

    /// Runs every case.
    pub fn run(&self) -> Vec<CaseResult> {
        parallel(self.tests.cases.len(), |i| {
            let case = self.tests.cases.get(i)?;
            Some(self.harness_of(case).run(case, self.base(case), Mode::Batch))
        })
    }

    /// What a case runs on: the strategy, or the strategy with what must hold throughout.
    pub fn harness_of(&self, case: &Case) -> &Harness {
        let watched = self.watched.as_ref().filter(|_| !case.claims.is_empty());
        watched.unwrap_or(&self.harness)
    }

    /// Adds to each claim that a case breaks the smallest case found that breaks it too.
    fn shrink(&self, results: &mut [CaseResult]) -> Vec<String> {
        let mut found = Vec::new();
        let Some(watched) = &self.watched else {
            return found;
        };
        let mut seen = BTreeSet::new();
        for (case, result) in self.tests.cases.iter().zip(results) {
            for failure in &mut result.failures {
                // One counter-example for each claim is enough: other seeds show the same.
                let Some(claim) = failure.claim.filter(|c| seen.insert(*c)) else {
                    continue;
                };
                let Some(small) = shrink(watched, case, self.base(case), claim) else {
                    continue;
                };
                let (now, before) = (small.sessions.1, small.sessions.0);
                let mut why = failure.why.take().unwrap_or_default();
                if small.yaml.is_empty() {
                    why.push_str(&format!(
                        "smallest window: {now} of {before} sessions, to {}\n",
                        small.at
                    ));
                } else {
                    why.push_str("a case that fails in the same way (`--keep` adds it to the file):\n");
                    why.push_str(&small.yaml);
                    found.push(small.yaml);
                }
                failure.why = Some(why);
            }
        }
        found
    }
}

fn one(file: &Path, args: &TestArgs, out: &mut Output) -> Result<FileResult, Failure> {
    let suite = Suite::load(file, args.filter.as_deref(), out)?;
    let mut cases = suite.run();
    let mut seen = Coverage::default();
    for (case, result) in suite.tests.cases.iter().zip(&cases) {
        match &suite.watched {
            // Claims are conditions of their own: what a case with some sees is told of the strategy's.
            Some(watched) if !case.claims.is_empty() => {
                seen.join(&result.coverage.told_of(watched.graph(), suite.harness.graph()));
            }
            _ => seen.join(&result.coverage),
        }
    }
    let found = suite.shrink(&mut cases);
    if args.keep && !found.is_empty() {
        keep(file, &suite, &found, out)?;
    }
    let mut result = FileResult {
        file: file.to_owned(),
        left_out: suite.left_out,
        cases,
        covered: Covered::new(
            &seen,
            suite.harness.graph(),
            &suite.project.compiled.sources,
            &suite.tests.excused,
        ),
        snapshots: Compared::default(),
    };
    if suite.tests.snapshots {
        result.snapshots = snapshot::compare(&result)?;
        if !args.accept && !args.review {
            for pending in &result.snapshots.pending {
                let case = result.cases.iter_mut().find(|c| c.name == pending.case);
                if let Some(case) = case {
                    case.failures.push(CaseFailure {
                        place: case.place,
                        at: None,
                        what: format!("the explanation is not its snapshot `{}`", pending.path.display()),
                        why: Some(snapshot::brief(pending)),
                        claim: None,
                    });
                }
            }
        }
    }
    Ok(result)
}

/// Adds cases to the end of a test file, where the list of its cases ends it and the result can be read.
fn keep(file: &Path, suite: &Suite, found: &[String], out: &mut Output) -> Result<(), Failure> {
    let mut text = files::read_text(file)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    found.iter().for_each(|case| text.push_str(case));
    let more = read(text.as_bytes(), &suite.harness.subject());
    let wanted = suite.tests.cases.len() + suite.left_out + found.len();
    if more.is_ok_and(|m| m.cases.len() == wanted) {
        files::write_atomic(file, text.as_bytes())?;
        out.note(&format!(
            "added {} to {}",
            plural(found.len(), "case"),
            file.display()
        ));
    } else {
        out.warn(&format!(
            "the cases found were not added to `{}`: it holds one of that name, or does not end with its cases",
            file.display()
        ));
    }
    Ok(())
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

/// Data below the cases, by where it comes from.
pub type Bases = BTreeMap<DataSource, Box<dyn History>>;

/// What the cases name, each opened once.
fn bases(file: &Path, cases: &[Case]) -> Result<Bases, Failure> {
    let mut out = Bases::new();
    for data in cases.iter().filter_map(|c| c.data.as_ref()) {
        if out.contains_key(&data.source) {
            continue;
        }
        let history: Box<dyn History> = match &data.source {
            DataSource::Store(path) => {
                let folder = file.parent().unwrap_or(Path::new(""));
                Box::new(store::open(&folder.join(path))?)
            }
            DataSource::Simulated(seed) => {
                let config = SimConfig {
                    seed: *seed,
                    ..SimConfig::default()
                };
                Box::new(SimulatedMarket::new(config).map_err(|e| Failure::usage(e.what).help(e.help))?)
            }
        };
        out.insert(data.source.clone(), history);
    }
    Ok(out)
}

fn base<'a>(bases: &'a Bases, case: &Case) -> Option<&'a dyn History> {
    let data = case.data.as_ref()?;
    bases.get(&data.source).map(Box::as_ref)
}

/// Work that shares nothing one part of which could change under another: as many parts run at once as the machine has
/// cores. Results keep the order of the numbers.
pub fn parallel<T: Send>(count: usize, work: impl Fn(usize) -> Option<T> + Sync) -> Vec<T> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let turn = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return done;
            }
            done.extend(work(index).map(|result| (index, result)));
        }
    };
    let mut results = std::thread::scope(|scope| {
        let others: Vec<_> = (1..workers.min(count)).map(|_| scope.spawn(turn)).collect();
        let mut results = turn();
        for other in others {
            // A worker that panicked would be a defect of the engine: its part would be missing, which the count shows.
            results.extend(other.join().unwrap_or_default());
        }
        results
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
