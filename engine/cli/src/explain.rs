//! Reasons of decisions in plain words, for reports and for `alula why`.

use crate::exit::Failure;
use alula_core::registry::Registry;
use alula_core::succession::{Orphans, graft};
use alula_core::why::{Why, render};
use alula_dsl::compile::compile;
use alula_dsl::graph::Graph;
use alula_dsl::source::SourceLoader;
use alula_report::from_run::from_run;
use alula_report::html::DECISIONS_MAX;
use alula_report::model::Report;
use alula_run::course::SWAPS;
use alula_run::output::DecisionRow;
use alula_run::{Explainer, RunOutput};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The report of a run, each decision that it shows with its reason.
///
/// # Errors
/// When the graph is not the run's.
pub fn report(run: &RunOutput, graph: &Graph) -> Result<Report, Failure> {
    let explainer = Explainer::new(run, graph).map_err(|e| crate::exit::failure(&e))?;
    let mut asked = 0;
    Ok(from_run(run, |decision| {
        asked += 1;
        if asked > DECISIONS_MAX {
            return String::new();
        }
        reason(&explainer, run, decision).unwrap_or_default()
    }))
}

/// The body of a decision's explanation: the headline is in the report already, and so is the outcome.
fn reason(explainer: &Explainer<'_>, run: &RunOutput, decision: &DecisionRow) -> Option<String> {
    let tick = run.ticks.get(usize::try_from(decision.tick).ok()?)?;
    let all = explainer.explain(tick, Some(&decision.key)).ok()?;
    let mut found: Why = all
        .into_iter()
        .find(|w| w.position.map(|p| p.0) == decision.position)?;
    found.outcome = None;
    let text = render(&found);
    let body: Vec<&str> = text
        .lines()
        .skip(1)
        .map(|l| l.strip_prefix("  ").unwrap_or(l))
        .collect();
    Some(body.join("\n"))
}

struct Recorded<'a>(&'a BTreeMap<String, Vec<u8>>);

impl SourceLoader for Recorded<'_> {
    fn load(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| "it is not among the inputs of the run".to_owned())
    }
}

/// Compiles the strategies that took over while a run was under way, from the inputs in its folder, with what was carried into
/// each: explanations need them.
///
/// # Errors
/// When one does not compile any more.
pub fn with_strategies(run: &mut RunOutput) -> Result<(), Failure> {
    if run.strategies.is_empty() {
        return Ok(());
    }
    let lost = |version: u32| {
        Failure::usage(format!(
            "version {version} of the strategy does not compile from the run's inputs"
        ))
        .help("ask with the program version that made the run")
    };
    let mut before = Arc::new(graph_of(run)?);
    let registry = Registry::default();
    for at in 1..run.strategies.len() {
        let Some(row) = run.strategies.get(at).cloned() else {
            break;
        };
        let own = compile_input(run, &row.source).ok_or_else(|| lost(row.version))?;
        let values = row.tick.checked_sub(1).map(|t| run.thresholds_at(t));
        let values = values.unwrap_or_else(|| run.manifest.thresholds.iter().map(|t| t.value).collect());
        let carried: BTreeMap<String, Orphans> = row
            .carried
            .split("; ")
            .filter_map(|w| w.rsplit_once(' '))
            .filter_map(|(key, how)| Some((key.to_owned(), Orphans::from_word(how)?)))
            .collect();
        let whole = graft((&before, &registry, &values), (&own, &registry), &carried);
        let whole = Arc::new(whole.map_err(|_| lost(row.version))?);
        before = Arc::clone(&whole);
        if let Some(row) = run.strategies.get_mut(at) {
            row.graph = Some(whole);
        }
    }
    Ok(())
}

/// Compiles a strategy of the inputs, with what it imports from beside it.
fn compile_input(run: &RunOutput, source: &str) -> Option<Graph> {
    let (folder, entry) = entry_of(source);
    let beside: BTreeMap<String, Vec<u8>> = run
        .inputs
        .iter()
        .filter_map(|(name, bytes)| Some((name.strip_prefix(folder)?.to_owned(), bytes.clone())))
        .collect();
    compile(entry, run.inputs.get(source)?, &Recorded(&beside)).graph
}

/// The folder of a strategy that took over among the inputs, `swaps/0002-…/`, and its entry below it.
#[must_use]
pub fn entry_of(source: &str) -> (&str, &str) {
    let begins = source.strip_prefix(SWAPS).and_then(|rest| rest.find('/'));
    source.split_at(begins.map_or(0, |at| SWAPS.len() + at + 1))
}

/// The graph that a run was made from, compiled again from the inputs in its folder.
///
/// # Errors
/// When no input compiles to the run's strategy, as when another version of the language wrote it.
pub fn graph_of(run: &RunOutput) -> Result<Graph, Failure> {
    strategy_of(run).map(|(_, graph)| graph)
}

/// The same with the name of the input that it was compiled from.
///
/// # Errors
/// As [`graph_of`].
pub fn strategy_of(run: &RunOutput) -> Result<(&str, Graph), Failure> {
    let began = || run.inputs.iter().filter(|(name, _)| !name.starts_with(SWAPS));
    let strategies = began().filter(|(name, _)| name.ends_with(".alula"));
    // A run read from standard input has a name without an ending.
    let others = began().filter(|(name, _)| !name.ends_with(".alula"));
    for (name, bytes) in strategies.chain(others) {
        let graph = compile(name, bytes, &Recorded(&run.inputs)).graph;
        if let Some(graph) = graph.filter(|g| g.settings.name == run.manifest.strategy) {
            return Ok((name, graph));
        }
    }
    Err(Failure::usage(format!(
        "the inputs of the run do not compile to its strategy `{}`",
        run.manifest.strategy
    ))
    .help("ask with the program version that made the run"))
}
