//! `alula backtest FILE`.

use crate::args::{BacktestArgs, ModeArg, TermsArgs, TextFormat};
use crate::at;
use crate::command::store;
use crate::exit::{Exit, Failure, failure};
use crate::output::Output;
use crate::progress::Bar;
use crate::project::{Linked, Project};
use crate::run_folder;
use crate::strategy::fit;
use alula_book::FillModelError;
use alula_core::thresholds;
use alula_dsl::graph::{Graph, Length};
use alula_market::history::History;
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_market::time::Instant;
use alula_report::model::Report;
use alula_report::{summary, terminal};
use alula_run::{BacktestRequest, Course, Mode, Moment, RunOutput, Swap, SwapFile, backtest};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Sessions simulated when a strategy looks at the market within the day: a quarter shows it, and two years would make
/// its first user wait.
const INTRADAY_SESSIONS: u32 = 63;

/// Sessions of a year.
const SESSIONS: u32 = 252;

/// Runs a strategy, writes the run folder and shows the summary.
///
/// # Errors
/// When strategy, thresholds, scripts or data do not do, the run had to stop, or the folder cannot be written.
pub fn run(args: &BacktestArgs, out: &mut Output) -> Result<Exit, Failure> {
    let project = Project::load(&args.file)?;
    let linked = project.checked(args.thresholds.as_deref(), out)?;
    let graph = with_terms(&args.terms, linked.graph)?;
    let course = course(args, (&linked, &graph), out)?;
    let history = history(args.data.as_deref(), args.seed, &graph)?;
    if let Some(dir) = &args.out {
        // Better to say it before a long run than after.
        run_folder::check_target(dir, args.force)?;
    }
    let waits = waits(&course);
    let run = turn(args, (&linked, &graph), (history.as_ref(), course), out)?;
    never_looked_at(&waits, &run, out);
    let report = crate::explain::report(&run, &graph)?;
    let dir = run_folder::write(args.out.as_deref(), &run, &report, args.force)?;
    match args.format {
        TextFormat::Text => out.data(&text(&report, &dir, out.columns))?,
        TextFormat::Json => out.data(&summary::json(&report, &dir.to_string_lossy()))?,
    }
    Ok(Exit::Ok)
}

/// The graph with what the command line says about fills, fees and margin written over the strategy block; the run's
/// identity and its settings are those of the result.
///
/// # Errors
/// When a fill model is unknown.
pub fn with_terms(args: &TermsArgs, graph: &Graph) -> Result<Graph, Failure> {
    let mut graph = graph.clone();
    let settings = &mut graph.settings;
    if let Some(text) = &args.fill {
        alula_run::set_fill_model(settings, text)
            .map_err(|e| Failure::usage(e.to_string()).help(FillModelError::HELP))?;
    }
    if let Some(name) = &args.fees {
        settings.fees.clone_from(name);
    }
    if let Some(name) = &args.margin {
        settings.margin.clone_from(name);
    }
    settings.flatten_on_call |= args.flatten_on_call;
    Ok(graph)
}

/// What is to happen to the run under way.
fn course(
    args: &BacktestArgs,
    (linked, graph): (&Linked<'_>, &Graph),
    out: &mut Output,
) -> Result<Course, Failure> {
    let mut named = Vec::new();
    for text in &args.swap {
        let wrong = || {
            Failure::usage(format!("`{text}` is no time and file"))
                .help("write `--swap 2019-05-20=tighter.yaml` or `--swap 2019-05-20T10:30=tighter.yaml`")
        };
        let (time, path) = text.split_once('=').ok_or_else(wrong)?;
        let at = begin_of(at::parse_as(time, "--swap")?);
        named.push((at, Path::new(path)));
    }
    // Equal times keep the order in which they were given.
    named.sort_by_key(|(at, _)| *at);
    let mut swaps = Vec::new();
    let first = graph;
    let mut graph = Arc::new(graph.clone());
    let inputs = &linked.inputs;
    let mut values = inputs
        .thresholds
        .as_ref()
        .map(|(name, bytes)| (PathBuf::from(name), bytes.clone()));
    for (at, path) in named {
        if path.extension().is_some_and(|e| e == "alula") {
            let swap = strategy_swap(args, (at, path), &mut values, out)?;
            graph = swap.rules.as_ref().map_or(graph, |r| Arc::clone(&r.graph));
            swaps.push(swap);
            continue;
        }
        let bytes = crate::files::read(path)?;
        let set = thresholds::read(&bytes, &graph.settings.name, &graph.thresholds).map_err(|found| {
            let all: Vec<String> = found.iter().map(ToString::to_string).collect();
            let fixes: Vec<&str> = found.iter().map(|f| f.fix.as_str()).collect();
            Failure::new(
                Exit::Findings,
                format!("`{}`: {}", path.display(), all.join("; ")),
            )
            .help(fixes.join("\n"))
        })?;
        values = Some((path.to_owned(), bytes.clone()));
        swaps.push(Swap {
            at,
            set,
            file: Some(SwapFile::new(bytes)),
            entries: args.on_swap.entries(),
            rules: None,
        });
    }
    let until = args.until.as_deref().map(|text| at::parse_as(text, "--until"));
    let until = until.transpose()?.map(|moment| match moment {
        Moment::Day(date) => Instant(begin_of(Moment::Day(date.succ_opt().unwrap_or(date))).0 - 1),
        Moment::At(at) => at,
    });
    Ok(Course {
        swaps,
        acts: args
            .overlays
            .as_deref()
            .map(|path| crate::overlays::read(path, first))
            .transpose()?
            .unwrap_or_default(),
        until,
        rails: args.rails.limits(),
        deaths: Vec::new(),
    })
}

/// Another strategy from an instant on, with the thresholds file beside it, else with the one in force.
fn strategy_swap(
    args: &BacktestArgs,
    (at, path): (Instant, &Path),
    values: &mut Option<(PathBuf, Vec<u8>)>,
    out: &mut Output,
) -> Result<Swap, Failure> {
    let project = Project::load(path)?;
    if let Some(own) = project.thresholds_path(None) {
        let bytes = crate::files::read(&own)?;
        *values = Some((own, bytes));
    }
    let terms = |graph: &Graph| with_terms(&args.terms, graph);
    let mut fit = fit(
        &project,
        values.clone(),
        &terms,
        (&project.path, &BTreeMap::new()),
        out,
    )?
    .map_err(|unfit| Failure::new(Exit::Findings, unfit.what).help(unfit.help))?;
    fit.rules.others = args.positions.map(crate::args::PositionsArg::orphans);
    Ok(fit.swap(at, args.on_swap.entries()))
}

/// What a course has for later, by the flag that said so.
fn waits(course: &Course) -> Vec<(Instant, &'static str)> {
    let swaps = course.swaps.iter().map(|swap| (swap.at, "--swap"));
    let acts = course.acts.iter().map(|act| (act.at, "--overlays"));
    swaps.chain(acts).collect()
}

/// Says what a run ended before: a wrong year in a flag must not look like a change without effect.
fn never_looked_at(waits: &[(Instant, &'static str)], run: &RunOutput, out: &mut Output) {
    let Some(last) = run.manifest.last_tick else {
        return;
    };
    for (at, flag) in waits.iter().filter(|(at, _)| *at > last) {
        out.warn(&format!(
            "`{flag}`: what is for {at} never took effect, since the run's last look at the market was at {last}"
        ));
    }
}

/// A time, or the beginning of a day at the exchange.
fn begin_of(moment: Moment) -> Instant {
    match moment {
        Moment::At(at) => at,
        Moment::Day(date) => Instant::from_eastern(date, 0, 0).unwrap_or_default(),
    }
}

/// The data: a store, or the simulated market of a seed as a strategy's cadence wants it.
///
/// # Errors
/// When there is no usable store at the path, or the simulator refuses.
pub fn history(data: Option<&Path>, seed: Option<u64>, graph: &Graph) -> Result<Box<dyn History>, Failure> {
    market(data, seed, None, graph)
}

/// The same with so many simulated years.
///
/// # Errors
/// As for [`history`].
pub fn market(
    data: Option<&Path>,
    seed: Option<u64>,
    years: Option<u32>,
    graph: &Graph,
) -> Result<Box<dyn History>, Failure> {
    if let Some(path) = data {
        return Ok(Box::new(store::open(path)?));
    }
    let market = SimulatedMarket::new(simulated(seed, years, graph));
    let market = market.map_err(|e| Failure::usage(e.what).help(e.help))?;
    Ok(Box::new(market))
}

/// The simulated market of a strategy.
pub fn simulated(seed: Option<u64>, years: Option<u32>, graph: &Graph) -> SimConfig {
    let mut config = SimConfig::default();
    if let Some(seed) = seed {
        config.seed = seed;
    }
    if let Length::Minutes(minutes) = graph.settings.every {
        config.every_minutes = Some(grid(minutes));
        config.sessions = INTRADAY_SESSIONS;
    }
    if let Some(years) = years {
        config.sessions = years.saturating_mul(SESSIONS);
    }
    config
}

/// The simulator's grid that a cadence fits on: multiples of five minutes.
fn grid(minutes: u32) -> u16 {
    let five = (minutes / 5).max(1).saturating_mul(5);
    let fits = if minutes.is_multiple_of(5) { five } else { 5 };
    u16::try_from(fits).unwrap_or(390).min(390)
}

fn turn(
    args: &BacktestArgs,
    (linked, graph): (&Linked<'_>, &Graph),
    (history, course): (&dyn History, Course),
    out: &Output,
) -> Result<RunOutput, Failure> {
    let bar = Bar::of_ticks(out);
    let mut begun = false;
    let mut progress = |p: alula_run::Progress| {
        let n = |x: usize| u64::try_from(x).unwrap_or(u64::MAX);
        if !begun {
            bar.begin(n(p.total));
            begun = true;
        }
        bar.at(n(p.done), &p.date.to_string());
    };
    let result = backtest(BacktestRequest {
        from: args.from,
        to: args.to,
        mode: match args.mode {
            // Whole columns know one set of values.
            ModeArg::Batch if course.swaps.iter().all(|s| s.rules.is_some()) => Mode::Batch,
            ModeArg::Batch | ModeArg::Streaming => Mode::Streaming,
        },
        course,
        ..linked.request(graph, history, &mut progress)
    });
    drop(bar);
    result.map_err(|e| failure(&e))
}

/// The summary of a run, and what to look at next.
#[must_use]
pub fn text(report: &Report, dir: &Path, columns: usize) -> String {
    let mut text = terminal::summary(report, u16::try_from(columns).unwrap_or(100));
    text.push_str(&run_folder::next_steps(report, dir));
    text
}

#[cfg(test)]
mod tests {
    use super::grid;

    #[test]
    fn a_cadence_finds_a_grid_of_the_simulator() {
        assert_eq!(grid(5), 5);
        assert_eq!(grid(30), 30);
        assert_eq!(grid(1), 5);
        assert_eq!(grid(7), 5);
        assert_eq!(grid(100_000), 390);
    }
}
