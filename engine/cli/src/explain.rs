//! Reasons of decisions in plain words, for reports and for `alula why`.

use crate::exit::Failure;
use alula_core::why::{Why, render};
use alula_dsl::compile::compile;
use alula_dsl::graph::Graph;
use alula_dsl::source::SourceLoader;
use alula_report::from_run::from_run;
use alula_report::html::DECISIONS_MAX;
use alula_report::model::Report;
use alula_run::output::DecisionRow;
use alula_run::{Explainer, RunOutput};
use std::collections::BTreeMap;

/// The report of a run, each decision that it shows with its reason.
///
/// # Errors
/// When the graph is not the run's.
pub fn report(run: &RunOutput, graph: &Graph) -> Result<Report, Failure> {
    let explainer = Explainer::new(run, graph).map_err(|e| crate::command::backtest::failure(&e))?;
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
    let strategies = run.inputs.iter().filter(|(name, _)| name.ends_with(".alula"));
    // A run read from standard input has a name without an ending.
    let others = run.inputs.iter().filter(|(name, _)| !name.ends_with(".alula"));
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
