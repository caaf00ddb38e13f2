//! `alula mutate [PATH…]`: how much of a rule do its tests hold on to?

use crate::args::{MutateArgs, TextFormat};
use crate::command::test::{Suite, find, parallel};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use alula_proof::Harness;
use alula_proof::mutate::{Mutant, mutants};
use alula_report::text::plural;
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

const TITLE: Style = Style::new().bold();
const NO: Style = AnsiColor::Red.on_default();
const DIM: Style = Style::new().dimmed();

/// What came of the mutants of one strategy.
struct Score {
    strategy: String,
    total: usize,
    cases: usize,
    survivors: Vec<(String, String)>,
}

impl Score {
    fn noticed(&self) -> usize {
        self.total - self.survivors.len()
    }

    fn percent(&self) -> usize {
        // Nothing to notice is nothing missed.
        (self.noticed() * 100).checked_div(self.total).unwrap_or(100)
    }
}

/// Runs the tests against every mutant and lists those that no test notices.
///
/// # Errors
/// When a strategy or its tests have errors, or the tests fail as they are.
pub fn run(args: &MutateArgs, out: &mut Output) -> Result<Exit, Failure> {
    let mut scores = Vec::new();
    for file in find::tests(&args.paths)? {
        scores.push(score(&file, out)?);
    }
    let text = match args.format {
        TextFormat::Text => scores.iter().map(text).collect(),
        TextFormat::Json => {
            let all: Vec<Value> = scores.iter().map(value).collect();
            format!("{:#}\n", json!({ "strategies": all }))
        }
    };
    out.data(&text)?;
    let wanted = args.min_score.map(usize::from);
    let low = scores.iter().any(|s| wanted.is_some_and(|w| s.percent() < w));
    Ok(if low { Exit::Findings } else { Exit::Ok })
}

fn score(file: &Path, out: &mut Output) -> Result<Score, Failure> {
    let suite = Suite::load(file, None, out)?;
    let own = suite.run();
    if let Some(failed) = own.iter().find(|c| !c.passed()) {
        return Err(Failure::new(
            Exit::Findings,
            format!(
                "the case `{}` of `{}` fails as it is",
                failed.name,
                file.display()
            ),
        )
        .help("tests must pass before they can notice a change: `alula test` shows what failed"));
    }
    let graph = suite.harness.graph();
    let all = mutants(graph, suite.harness.subject().thresholds);
    out.detail(&format!("{} of {}", plural(all.len(), "mutant"), file.display()));
    // The same changes with what must hold throughout watched beside them.
    let watched = suite
        .watched
        .as_ref()
        .map(|w| mutants(w.graph(), w.subject().thresholds));
    let noticed = parallel(all.len(), |i| {
        let mutant = all.get(i)?;
        let with_claims = || mutant.watched(watched.as_deref()?);
        let broken = || with_claims().is_some_and(|m| breaks(&suite, m));
        Some(notices(&suite, &own, mutant) || broken())
    });
    let sources = &suite.project.compiled.sources;
    let survivors = all
        .iter()
        .zip(noticed)
        .filter(|(_, noticed)| !noticed)
        .map(|(m, _)| (sources.place(m.span), m.what.clone()))
        .collect();
    Ok(Score {
        strategy: graph.settings.name.clone(),
        total: all.len(),
        cases: own.len(),
        survivors,
    })
}

/// Some case fails, or says something else where explanations are kept. A mutant that cannot even be linked is noticed.
fn notices(suite: &Suite, own: &[alula_proof::CaseResult], mutant: &Mutant) -> bool {
    let graph = Arc::new(mutant.graph.clone());
    let harness = Harness::new(graph, suite.registry.clone(), mutant.thresholds.clone());
    let Ok(harness) = harness else { return true };
    let mut plain = suite
        .tests
        .cases
        .iter()
        .zip(own)
        .filter(|(case, _)| case.claims.is_empty());
    plain.any(|(case, own)| {
        let words = suite.tests.snapshots.then_some(own.explanation.as_str());
        harness.notices(case, suite.base(case), &suite.harness, words)
    })
}

/// Some claim does not hold, or an expectation beside it. Asked last: such cases are about long markets.
fn breaks(suite: &Suite, mutant: &Mutant) -> bool {
    let Some(original) = &suite.watched else {
        return false;
    };
    let (graph, claims) = (Arc::new(mutant.graph.clone()), original.claims().to_vec());
    let harness = Harness::with_claims(graph, suite.registry.clone(), mutant.thresholds.clone(), claims);
    let Ok(harness) = harness else { return true };
    let mut claimed = suite.tests.cases.iter().filter(|c| !c.claims.is_empty());
    claimed.any(|case| harness.notices(case, suite.base(case), original, None))
}

fn text(score: &Score) -> String {
    let mut out = format!(
        "{TITLE}{}{TITLE:#}  {} of {} noticed by {} ({} %)\n",
        score.strategy,
        score.noticed(),
        plural(score.total, "mutant"),
        plural(score.cases, "case"),
        score.percent()
    );
    for (place, what) in &score.survivors {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {NO}not noticed{NO:#}  {what}  {DIM}{place}{DIM:#}");
    }
    out
}

fn value(score: &Score) -> Value {
    let survivors: Vec<Value> = score
        .survivors
        .iter()
        .map(|(place, what)| json!({ "at": place, "what": what }))
        .collect();
    json!({
        "strategy": score.strategy,
        "mutants": score.total,
        "noticed": score.noticed(),
        "percent": score.percent(),
        "cases": score.cases,
        "survivors": survivors,
    })
}
