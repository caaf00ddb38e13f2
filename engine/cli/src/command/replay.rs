//! `alula replay JOURNAL`: computes a run again from its journal and compares every tick and every link.

use crate::args::{ReplayArgs, TextFormat};
use crate::command::backtest::{failure, market};
use crate::command::run::basis::{self, Basis};
use crate::command::run::told::{Differs, Told};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::project::Project;
use alula_report::text::plural;
use alula_run::{BacktestRequest, Crank, Mode};
use anstyle::{AnsiColor, Style};
use serde_json::json;

const TITLE: Style = Style::new().bold();
const YES: Style = AnsiColor::Green.on_default();
const NO: Style = AnsiColor::Red.on_default();

/// Computes it again.
///
/// # Errors
/// When the journal cannot be read or is broken, its strategy does not compile any more, or the data are others.
pub fn run(args: &ReplayArgs, out: &mut Output) -> Result<Exit, Failure> {
    let told = Told::read(&args.journal)?;
    let basis = basis::read(told.sources.as_deref().unwrap_or_default())?;
    let folder = tempfile::tempdir().map_err(|e| Failure::io("write in", &std::env::temp_dir(), &e))?;
    let project = Project::load(&basis.unpack(folder.path())?)?;
    let thresholds = basis.thresholds.as_ref().map(|name| folder.path().join(name));
    let linked = project.checked(thresholds.as_deref(), out)?;
    let mut graph = linked.graph.clone();
    alula_run::restore(&mut graph.settings, &basis.settings);
    if args.data.is_none() && !basis.simulated {
        return Err(Failure::usage(format!("the run rests on `{}`", basis.label))
            .help("name that store with `--data`"));
    }
    let history = market(args.data.as_deref(), basis.seed, basis.years, &graph)?;
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
        course: told.course(&graph)?,
        ..linked.request(&graph, history.as_ref(), &mut silent)
    };
    let mut crank = Crank::start(&request).map_err(|e| failure(&e))?;
    let differs = told.compare(&mut crank)?;
    report(args, (&told, &basis), differs.as_ref(), out)?;
    Ok(if differs.is_none() {
        Exit::Ok
    } else {
        Exit::Findings
    })
}

fn report(
    args: &ReplayArgs,
    (told, basis): (&Told, &Basis),
    differs: Option<&Differs>,
    out: &mut Output,
) -> Result<(), Failure> {
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
