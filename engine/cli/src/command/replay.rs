//! `alula replay JOURNAL`: computes a run again from its journal and compares every tick and every link.

use crate::args::{ReplayArgs, TextFormat};
use crate::command::backtest::market;
use crate::command::journal;
use crate::command::run::basis::{self, Basis};
use crate::command::run::quotes::Quotes;
use crate::command::run::told::{Differs, Told};
use crate::exit::{Exit, Failure, failure};
use crate::output::Output;
use crate::project::Project;
use alula_dsl::graph::Graph;
use alula_market::time::Instant;
use alula_report::text::plural;
use alula_run::{BacktestRequest, Crank, Death, Mode, RunOutput, Swap};
use anstyle::{AnsiColor, Style};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

const TITLE: Style = Style::new().bold();
const YES: Style = AnsiColor::Green.on_default();
const NO: Style = AnsiColor::Red.on_default();

/// A run computed again from its journal.
pub struct Replayed {
    told: Told,
    basis: Basis,
    /// Strategy.
    pub graph: Graph,
    /// First tick that is not what the journal says.
    pub differs: Option<Differs>,
    /// Indicators that died now and had not died in the run.
    pub others: Vec<Death>,
    /// The run up to its last decision, where it was asked for.
    pub output: Option<RunOutput>,
}

/// Computes it again.
///
/// # Errors
/// When the journal cannot be read or is broken, its strategy does not compile any more, or the data are others.
pub fn run(args: &ReplayArgs, out: &mut Output) -> Result<Exit, Failure> {
    let replayed = again(&args.journal, args.data.as_deref(), false, out)?;
    report(args, &replayed, out)?;
    Ok(if replayed.differs.is_none() {
        Exit::Ok
    } else {
        Exit::Findings
    })
}

/// A change that a run under way might take, as of an instant: made of the strategy in force there and its values.
pub type Change<'c> = &'c dyn Fn(&Graph, Instant) -> Swap;

/// A run as it stands, and as it would stand with a change.
pub struct Beside {
    /// The strategy that it began with.
    pub graph: Graph,
    /// Thresholds in force where it stands, by name.
    pub values: BTreeMap<String, f64>,
    /// As it stands.
    pub old: RunOutput,
    /// With the change.
    pub new: RunOutput,
    /// What the change was tried on, in words.
    pub basis: String,
}

/// Computes the newest run of a state folder from its journal, also one that is under way, as it is and with a change: so many
/// days before its newest decision, or at that decision where a broker fills its orders and nobody knows what it would have made
/// of others. What was changed under way before stays as it was.
///
/// # Errors
/// As [`run`]; when the run has not decided anything yet.
pub fn beside(
    state: &Path,
    data: Option<&Path>,
    days: u32,
    change: Change<'_>,
    out: &mut Output,
) -> Result<Beside, Failure> {
    let journal = journal::meant(state)?;
    // Read once: a run under way goes on meanwhile, and both computations must end where this one does.
    let told = Told::of(journal::open(&journal)?.as_ref(), &journal)?;
    let Some((newest, ..)) = told.decisions.last() else {
        return Err(Failure::usage("the run has not decided anything yet").help("leave `--state` out"));
    };
    let outside = !told.heard.is_empty();
    let back = i64::from(days).saturating_mul(86_400);
    let since = if outside {
        *newest
    } else {
        Instant(newest.0.saturating_sub(back))
    };
    let since = told.swaps.last().map_or(since, |s| since.max(s.at)).min(*newest);
    let basis = if outside {
        format!("the account of run {} at its newest tick, {newest}", told.run)
    } else {
        format!(
            "the account of run {} from {since} to its newest tick, {newest}",
            told.run
        )
    };
    // A replay takes what it was told to pieces.
    let old = computed(told.clone(), data, None, out)?;
    let new = computed(told, data, Some((since, change)), out)?;
    Ok(Beside {
        graph: old.graph,
        values: old.values,
        old: old.output,
        new: new.output,
        basis,
    })
}

/// A run up to its newest decision.
struct Computed {
    graph: Graph,
    values: BTreeMap<String, f64>,
    output: RunOutput,
}

/// The run up to its newest decision, with a change where one is given; what the journal says of it is not compared.
fn computed(
    mut told: Told,
    data: Option<&Path>,
    change: Option<(Instant, Change<'_>)>,
    out: &mut Output,
) -> Result<Computed, Failure> {
    let basis = basis::read(told.sources.as_deref().unwrap_or_default())?;
    with_run((&mut told, &basis), data, out, &mut |told, graph, mut crank| {
        if let Some((at, change)) = change {
            let swap = change(crank.next_graph(), at);
            crank.swap(swap).map_err(|e| failure(&e))?;
        }
        let mut orders = told.again(&mut crank)?;
        told.turn_all(&mut crank, orders.as_mut())?;
        crank.stop_here();
        let slots = crank.own_graph().thresholds.iter().map(|t| t.name.clone());
        let values = slots.zip(crank.thresholds().values().iter().copied()).collect();
        let output = crank.finish().map_err(|e| failure(&e))?;
        Ok(Computed {
            graph: graph.clone(),
            values,
            output,
        })
    })
}

/// What is done with a run that is about to be computed again.
type Work<'w, T> = &'w mut dyn FnMut(&mut Told, &Graph, Crank<'_>) -> Result<T, Failure>;

/// Links a run as its journal has it, its changes waiting for their ticks.
fn with_run<T>(
    (told, basis): (&mut Told, &Basis),
    data: Option<&Path>,
    out: &mut Output,
    work: Work<'_, T>,
) -> Result<T, Failure> {
    let folder = tempfile::tempdir().map_err(|e| Failure::io("write in", &std::env::temp_dir(), &e))?;
    let project = Project::load(&basis.unpack(folder.path())?)?;
    let thresholds = basis.thresholds.as_ref().map(|name| folder.path().join(name));
    let linked = project.checked_with(thresholds.as_deref(), told.builds().as_ref(), out)?;
    let mut graph = linked.graph.clone();
    alula_run::restore(&mut graph.settings, &basis.settings);
    if data.is_none() && !basis.simulated {
        return Err(Failure::usage(format!("the run rests on `{}`", basis.label))
            .help("name that store with `--data`"));
    }
    let mut history = market(data, basis.seed, basis.years, &graph)?;
    if let Some(feed) = &basis.feed {
        (history, _) = Quotes::again(feed, &told.seen, history)?;
    }
    let now = history.provenance();
    if now.hash != basis.data {
        return Err(Failure::new(
            Exit::Data,
            format!("the run rests on `{}`, these data are others", basis.label),
        )
        .help(format!("their hash is {}, the run's is {}", now.hash, basis.data)));
    }
    let mut silent = |_| {};
    let request = BacktestRequest {
        from: basis.from,
        to: basis.to,
        mode: Mode::Streaming,
        course: told.course(&graph, &basis.settings, Path::new(""), out)?,
        ..linked.request(&graph, history.as_ref(), &mut silent)
    };
    let mut crank = Crank::start(&request).map_err(|e| failure(&e))?;
    drop(request);
    told.upgrades(&mut crank, Path::new(""))?;
    work(told, &graph, crank)
}

/// Computes a run again from its journal; `whole`: with everything that a run folder holds.
///
/// # Errors
/// As [`run`].
pub fn again(
    journal: &Path,
    data: Option<&Path>,
    whole: bool,
    out: &mut Output,
) -> Result<Replayed, Failure> {
    let mut told = Told::of(journal::open(journal)?.as_ref(), journal)?;
    let basis = basis::read(told.sources.as_deref().unwrap_or_default())?;
    let (graph, differs, others, output) =
        with_run((&mut told, &basis), data, out, &mut |told, graph, mut crank| {
            let mut orders = told.again(&mut crank)?;
            let differs = told.compare(&mut crank, orders.as_mut())?;
            let others = told.other_deaths(&crank);
            let output = if whole {
                crank.stop_here();
                Some(crank.finish().map_err(|e| failure(&e))?)
            } else {
                None
            };
            Ok((graph.clone(), differs, others, output))
        })?;
    Ok(Replayed {
        told,
        basis,
        graph,
        differs,
        others,
        output,
    })
}

fn report(args: &ReplayArgs, replayed: &Replayed, out: &mut Output) -> Result<(), Failure> {
    let (told, basis, differs) = (&replayed.told, &replayed.basis, replayed.differs.as_ref());
    // Values that came with a strategy are a part of its change.
    let strategies = told.swaps.iter().filter(|s| s.strategy.is_some()).count();
    if args.format == TextFormat::Json {
        let first = differs.map(|d| {
            json!({ "tick": d.tick, "at": d.at.eastern().to_rfc3339(), "what": d.what, "recorded": d.recorded,
                "computed": d.computed })
        });
        let value = json!({
            "schema_version": 1, "run": told.run, "data": basis.label, "simulated": basis.simulated,
            "decisions": told.decisions.len(), "swaps": told.swaps.len().saturating_sub(strategies), "strategies": strategies,
            "confirmed": told.confirmed, "rejected": told.rejected, "operator": told.acts.len(),
            "deaths": deaths(&told.deaths), "other_deaths": deaths(&replayed.others), "ended": told.ended, "same": differs.is_none(), "first_difference": first,
        });
        return out.data(&format!("{value:#}\n"));
    }
    let ended = told.ended.as_deref().unwrap_or("it did not end in good order");
    let mut text = format!(
        "{TITLE}{}{TITLE:#}  {}\n  {}, {} of thresholds ({} refused), {} of the strategy ({} confirmed), {}; {ended}\n",
        told.run,
        basis.label,
        plural(told.decisions.len(), "decision"),
        plural(told.swaps.len().saturating_sub(strategies), "change"),
        told.rejected,
        strategies,
        told.confirmed.len(),
        plural(told.acts.len(), "word").replace("word", "operator's word"),
    );
    for death in &told.deaths {
        text.push_str(&format!("  died at {}: {death}\n", death.at));
    }
    for death in &replayed.others {
        text.push_str(&format!(
            "  {NO}✗{NO:#} died now, at {}, and not in the run: {death}\n",
            death.at
        ));
    }
    match differs {
        None => text.push_str(&format!(
            "  {YES}✓{YES:#} computed again: every tick saw the same quotes and gave the same link\n"
        )),
        Some(d) => text.push_str(&format!(
            "  {NO}✗{NO:#} the first that differs is tick {} at {}: {}\n      recorded  {}\n      computed  {}\n",
            d.tick, d.at, d.what, d.recorded, d.computed
        )),
    }
    out.data(&text)
}

/// Deaths of indicators as JSON.
fn deaths(all: &[Death]) -> Vec<serde_json::Value> {
    let one = |d: &Death| {
        json!({ "plugin": d.plugin, "function": d.function, "node": d.node, "text": d.text, "generation": d.generation, "row": d.row,
            "at": d.at.eastern().to_rfc3339(), "why": d.why })
    };
    all.iter().map(one).collect()
}
