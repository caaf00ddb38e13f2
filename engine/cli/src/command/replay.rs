//! `alula replay JOURNAL`: computes a run again from its journal and compares every tick and every link.

use crate::args::{ReplayArgs, TextFormat};
use crate::command::backtest::market;
use crate::command::run::basis::{self, Basis};
use crate::command::run::quotes::Quotes;
use crate::command::run::told::{Differs, Told};
use crate::exit::{Exit, Failure, failure};
use crate::output::Output;
use crate::project::Project;
use alula_dsl::graph::Graph;
use alula_report::text::plural;
use alula_run::{BacktestRequest, Crank, Mode, RunOutput};
use anstyle::{AnsiColor, Style};
use serde_json::json;
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
    let mut told = Told::read(journal)?;
    let basis = basis::read(told.sources.as_deref().unwrap_or_default())?;
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
    told.upgrades(&mut crank, Path::new(""))?;
    let mut orders = told.again(&mut crank)?;
    let differs = told.compare(&mut crank, orders.as_mut())?;
    let output = if whole {
        crank.stop_here();
        Some(crank.finish().map_err(|e| failure(&e))?)
    } else {
        None
    };
    Ok(Replayed {
        told,
        basis,
        graph,
        differs,
        output,
    })
}

fn report(args: &ReplayArgs, replayed: &Replayed, out: &mut Output) -> Result<(), Failure> {
    let (told, basis, differs) = (&replayed.told, &replayed.basis, replayed.differs.as_ref());
    if args.format == TextFormat::Json {
        let first = differs.map(|d| {
            json!({ "tick": d.tick, "at": d.at.eastern().to_rfc3339(), "what": d.what, "recorded": d.recorded,
                "computed": d.computed })
        });
        let value = json!({
            "schema_version": 1, "run": told.run, "data": basis.label, "simulated": basis.simulated,
            "decisions": told.decisions.len(), "swaps": told.swaps.len(), "rejected": told.rejected,
            "operator": told.acts.len(), "ended": told.ended, "same": differs.is_none(), "first_difference": first,
        });
        return out.data(&format!("{value:#}\n"));
    }
    let ended = told.ended.as_deref().unwrap_or("it did not end in good order");
    let mut text = format!(
        "{TITLE}{}{TITLE:#}  {}\n  {}, {} of thresholds ({} refused), {}; {ended}\n",
        told.run,
        basis.label,
        plural(told.decisions.len(), "decision"),
        plural(told.swaps.len(), "change"),
        told.rejected,
        plural(told.acts.len(), "word").replace("word", "operator's word"),
    );
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
