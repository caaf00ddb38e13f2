//! `alula verify RUN`: is this run what its inputs give, whoever computes it and in whatever order the events came?

use crate::args::{TextFormat, VerifyArgs};
use crate::command::backtest::{history, market};
use crate::exit::{Exit, Failure, failure};
use crate::explain::strategy_of;
use crate::output::Output;
use crate::project::{Linked, Project};
use crate::run_folder;
use crate::strategy::fit;
use alula_core::succession::Orphans;
use alula_core::thresholds::{ThresholdSet, read};
use alula_dsl::graph::Graph;
use alula_market::history::History;
use alula_run::course::SWAPS;
use alula_run::output::{StrategyRow, TickRow, VersionRow};
use alula_run::{BacktestRequest, Course, Mode, NewRules, RunOutput, Swap, SwapFile, backtest};
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const TITLE: Style = Style::new().bold();
const YES: Style = AnsiColor::Green.on_default();
const NO: Style = AnsiColor::Red.on_default();

/// Drivers that a run is computed again with, and what each shows.
const MODES: [(Mode, &str); 3] = [
    (Mode::Batch, "whole columns first, then tick by tick"),
    (Mode::Streaming, "event by event"),
    (
        Mode::Permuted,
        "event by event, events of one instant the other way round",
    ),
];

/// One run computed again.
struct Again {
    mode: Mode,
    about: &'static str,
    ticks: usize,
    /// The first tick that differs: as recorded, and as computed now.
    differs: Option<(Option<TickRow>, Option<TickRow>)>,
    chain: String,
    run_id: String,
}

impl Again {
    fn same(&self, run: &RunOutput) -> bool {
        self.differs.is_none() && self.chain == run.manifest.chain && self.run_id == run.manifest.run_id
    }
}

/// Runs it again and compares, tick by tick.
///
/// # Errors
/// When the run cannot be read, its inputs do not compile any more, or the data are other data.
pub fn run(args: &VerifyArgs, out: &mut Output) -> Result<Exit, Failure> {
    let recorded = run_folder::read(&args.run)?.output;
    let (name, _) = strategy_of(&recorded)?;
    let project = Project::load(&inputs(&args.run).join(name))?;
    let is_swap = |name: &str| name.starts_with(SWAPS);
    let mut files = recorded.inputs.keys();
    let thresholds = files.find(|name| name.ends_with(".yaml") && !is_swap(name));
    let thresholds = thresholds.map(|name| inputs(&args.run).join(name));
    let linked = project.checked(thresholds.as_deref(), out)?;
    let mut graph = linked.graph.clone();
    alula_run::restore(&mut graph.settings, &recorded.manifest.settings);
    let store = args.data.clone().or_else(|| store_of(&args.run, &recorded));
    let data = data_of(&recorded, store.as_deref(), &graph)?;
    let mut all = Vec::new();
    let course = course(&recorded, &graph, &args.run, out)?;
    for (mode, about) in MODES {
        // Whole columns know one set of values.
        if mode == Mode::Batch && course.swaps.iter().any(|s| s.rules.is_none()) {
            continue;
        }
        out.detail(&format!("computing it {about}"));
        all.push(again(
            &recorded,
            (&linked, &graph),
            (data.as_ref(), &course),
            (mode, about),
        )?);
    }
    let good = all.iter().all(|a| a.same(&recorded));
    match args.format {
        TextFormat::Text => out.data(&text(&recorded, &all))?,
        TextFormat::Json => out.data(&format!("{:#}\n", value(&recorded, &all)))?,
    }
    Ok(if good { Exit::Ok } else { Exit::Findings })
}

/// What happened to the run under way, from its versions of the thresholds and the files that they came from.
fn course(run: &RunOutput, graph: &Graph, folder: &Path, out: &mut Output) -> Result<Course, Failure> {
    if let Some(row) = run.manifest.upgrades.first() {
        let what = format!(
            "the plugin `{}` was upgraded under way, at {}",
            row.plugin, row.at
        );
        return Err(Failure::usage(what)
            .help("the run's journal names every build: compute it again with `alula replay JOURNAL`"));
    }
    let damaged = |what: String| Failure::usage(what).help("the run folder was not written by this program");
    let mut swaps = Vec::new();
    let mut graph = Arc::new(graph.clone());
    for version in versions(run) {
        let rules = rules(run, &version, folder, out)?;
        graph = rules.as_ref().map_or(graph, |r| Arc::clone(&r.graph));
        let bytes = run.inputs.get(&version.source).cloned();
        let set = ThresholdSet::from_values(&graph.thresholds, version.values.clone())
            .map_err(|e| damaged(format!("version {} of the thresholds: {e}", version.version)))?;
        // What the file says and what was in force must be one thing.
        let said = bytes
            .as_ref()
            .map(|b| read(b, &graph.settings.name, &graph.thresholds));
        let differs = said.is_some_and(|said| said.map_or(true, |s| s.hash() != set.hash()));
        if differs || set.hash_hex() != version.hash {
            return Err(damaged(format!(
                "version {} of the thresholds is not what `{}` says",
                version.version, version.source
            )));
        }
        swaps.push(Swap {
            at: version.at,
            set,
            file: bytes.map(SwapFile::new),
            entries: version.entries,
            rules,
        });
    }
    Ok(Course {
        swaps,
        acts: run.manifest.operator.clone(),
        until: run.manifest.stopped,
        rails: super::run::rails::recorded(&run.manifest.settings)?,
        deaths: run.manifest.deaths.clone(),
    })
}

/// The versions after the first, those without any threshold included, which no table of thresholds has.
fn versions(run: &RunOutput) -> Vec<VersionRow> {
    let mut all: Vec<VersionRow> = run.versions.iter().filter(|v| v.version > 1).cloned().collect();
    for row in run.strategies.iter().skip(1) {
        if !all.iter().any(|v| v.version == row.thresholds) {
            all.push(VersionRow {
                version: row.thresholds,
                tick: row.tick,
                at: row.at,
                hash: ThresholdSet::defaults(&[]).hash_hex(),
                source: String::new(),
                entries: row.entries,
                names: Vec::new(),
                values: Vec::new(),
            });
        }
    }
    all.sort_by_key(|v| v.version);
    all
}

/// The strategy that came with a version of the thresholds, compiled from the run's inputs.
fn rules(
    run: &RunOutput,
    version: &VersionRow,
    folder: &Path,
    out: &mut Output,
) -> Result<Option<Arc<NewRules>>, Failure> {
    let came = |s: &&StrategyRow| s.version > 1 && s.thresholds == version.version;
    let Some(row) = run.strategies.iter().find(came) else {
        return Ok(None);
    };
    let project = Project::load(&inputs(folder).join(&row.source))?;
    let terms = |graph: &Graph| {
        let mut graph = graph.clone();
        alula_run::restore(&mut graph.settings, &run.manifest.settings);
        Ok(graph)
    };
    let fit = fit(&project, None, &terms, (&project.path, &BTreeMap::new()), out)?
        .map_err(|unfit| Failure::new(Exit::Findings, unfit.what).help(unfit.help))?;
    let carried = row.carried.split("; ").filter_map(|w| w.rsplit_once(' '));
    let carry = carried.filter_map(|(key, how)| Some((key.to_owned(), Orphans::from_word(how)?)));
    let rules = NewRules {
        carry: carry.collect(),
        ..fit.rules
    };
    if rules.hash() != row.hash {
        return Err(Failure::usage(format!(
            "version {} of the strategy is not what its files say",
            row.version
        ))
        .help("the run folder was not written by this program"));
    }
    Ok(Some(Arc::new(rules)))
}

fn inputs(run: &Path) -> PathBuf {
    run.join("inputs")
}

/// The store of a run that is not named: a folder of its name here or above the run. Whether it is the same is seen by its hash.
pub(super) fn store_of(run: &Path, recorded: &RunOutput) -> Option<PathBuf> {
    if recorded.manifest.simulated {
        return None;
    }
    let label = Path::new(&recorded.manifest.data_label);
    let above = run.ancestors().skip(1).take(4).map(|folder| folder.join(label));
    std::iter::once(label.to_owned())
        .chain(above)
        .find(|p| p.is_dir())
}

/// The seed of a run on the simulated market.
fn seed(run: &RunOutput) -> Option<u64> {
    let (_, seed) = run.manifest.data_label.split_once("seed ")?;
    seed.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The data of a run: a store, or the simulated market of its seed, as long as it was.
pub(super) fn data_of(
    run: &RunOutput,
    store: Option<&Path>,
    graph: &Graph,
) -> Result<Box<dyn History>, Failure> {
    let data = history(store, seed(run), graph)?;
    let refused = match same_data(run, data.as_ref(), store.is_some()) {
        Ok(()) => return Ok(data),
        Err(refused) => refused,
    };
    // The label does not say for how many years `alula run` had it made.
    if store.is_none() && run.manifest.simulated {
        for years in 1..=20 {
            let data = market(None, seed(run), Some(years), graph)?;
            if same_data(run, data.as_ref(), false).is_ok() {
                return Ok(data);
            }
        }
    }
    Err(refused)
}

/// Refuses data that are not those of the run; `named`: a store was.
fn same_data(run: &RunOutput, data: &dyn History, named: bool) -> Result<(), Failure> {
    let now = data.provenance();
    let was = run
        .manifest
        .hashes
        .get("data")
        .map(String::as_str)
        .unwrap_or_default();
    if now.hash == was {
        return Ok(());
    }
    let what = format!(
        "the run rests on `{}`, these data are others",
        run.manifest.data_label
    );
    let help = match (named, run.manifest.simulated) {
        (false, false) => "name the store that the run was made from with `--data`".to_owned(),
        (true, true) => "leave `--data` out: the run was made on the simulated market".to_owned(),
        _ => format!("their hash is {}, the run's is {was}", now.hash),
    };
    Err(Failure::new(Exit::Data, what).help(help))
}

fn again(
    recorded: &RunOutput,
    (linked, graph): (&Linked<'_>, &Graph),
    (history, course): (&dyn History, &Course),
    (mode, about): (Mode, &'static str),
) -> Result<Again, Failure> {
    let run = backtest(BacktestRequest {
        from: recorded.manifest.from,
        to: recorded.manifest.to,
        mode,
        course: course.clone(),
        ..linked.request(graph, history, &mut |_| {})
    })
    .map_err(|e| failure(&e))?;
    Ok(compare(recorded, run, mode, about))
}

/// The first tick that differs, if one does.
fn compare(recorded: &RunOutput, run: RunOutput, mode: Mode, about: &'static str) -> Again {
    let longest = run.ticks.len().max(recorded.ticks.len());
    let differs = (0..longest)
        .map(|i| (recorded.ticks.get(i), run.ticks.get(i)))
        .find(|(was, now)| was != now)
        .map(|(was, now)| (was.cloned(), now.cloned()));
    Again {
        mode,
        about,
        ticks: run.ticks.len(),
        differs,
        chain: run.manifest.chain,
        run_id: run.manifest.run_id,
    }
}

fn text(run: &RunOutput, all: &[Again]) -> String {
    let m = &run.manifest;
    let mut out = format!("{TITLE}{}{TITLE:#}  run {}\n", m.strategy, m.run_id);
    // Writing to a string cannot fail; the results are dropped on purpose throughout.
    for a in all {
        let (style, mark) = if a.same(run) { (YES, '✓') } else { (NO, '✗') };
        let _ = writeln!(
            out,
            "  {style}{mark}{style:#} {:<9}  {} ticks  {}",
            a.mode.word(),
            a.ticks,
            a.about
        );
        if let Some((was, now)) = &a.differs {
            let tick = was.as_ref().or(now.as_ref());
            let at = tick.map_or_else(String::new, |t| format!("tick {} at {}", t.tick, t.at));
            let _ = writeln!(out, "      the first that differs is {at}");
            let link =
                |t: &Option<TickRow>| t.as_ref().map_or("no such tick".to_owned(), |t| t.chain.clone());
            let _ = writeln!(
                out,
                "      recorded  {}\n      computed  {}",
                link(was),
                link(now)
            );
        } else if a.run_id != m.run_id {
            let _ = writeln!(out, "      its inputs are others: it would be run {}", a.run_id);
        } else if a.chain != m.chain {
            let _ = writeln!(
                out,
                "      every tick agrees, what came after the last one differs"
            );
        }
    }
    let _ = writeln!(out, "\n{TITLE}rests on{TITLE:#}");
    let _ = writeln!(out, "  {:<16} {}", "engine", m.engine);
    let _ = writeln!(out, "  {:<16} {}", "data", m.data_label);
    for (name, hash) in &m.hashes {
        let _ = writeln!(out, "  {:<16} {hash}", format!("{name} hash"));
    }
    for row in run.strategies.iter().filter(|s| s.version > 1) {
        let name = format!("strategy {}", row.version);
        let _ = writeln!(
            out,
            "  {name:<16} {}  from tick {} at {} on",
            row.hash, row.tick, row.at
        );
    }
    let _ = writeln!(out, "  {:<16} {}", "last link", m.chain);
    out
}

fn value(run: &RunOutput, all: &[Again]) -> Value {
    let m = &run.manifest;
    let again: Vec<Value> = all
        .iter()
        .map(|a| {
            let differs = a.differs.as_ref().map(|(was, now)| {
                let tick = was.as_ref().or(now.as_ref());
                json!({
                    "tick": tick.map(|t| t.tick),
                    "at": tick.map(|t| t.at.eastern().to_rfc3339()),
                    "recorded": was.as_ref().map(|t| &t.chain),
                    "computed": now.as_ref().map(|t| &t.chain),
                })
            });
            json!({ "mode": a.mode.word(), "same": a.same(run), "ticks": a.ticks, "first_difference": differs })
        })
        .collect();
    let later = run.strategies.iter().filter(|s| s.version > 1);
    let strategies: Vec<Value> = later
        .map(|s| json!({ "version": s.version, "hash": s.hash, "tick": s.tick, "at": s.at.eastern().to_rfc3339() }))
        .collect();
    json!({
        "strategy": m.strategy, "run": m.run_id, "simulated": m.simulated, "engine": m.engine,
        "data": m.data_label, "hashes": m.hashes, "strategies": strategies, "chain": m.chain, "again": again,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alula_market::time::Instant;

    fn run(chains: &[&str]) -> RunOutput {
        let tick = |(i, chain): (usize, &&str)| TickRow {
            tick: u32::try_from(i).unwrap(),
            at: Instant(1_700_000_000 + i64::try_from(i).unwrap()),
            chain: (*chain).to_owned(),
            equity: alula_market::money::Usd::ZERO,
            called: 0,
            orders: 0,
        };
        RunOutput {
            ticks: chains.iter().enumerate().map(tick).collect(),
            ..RunOutput::default()
        }
    }

    #[test]
    fn the_first_tick_that_differs_is_named_and_a_missing_one_differs() {
        let recorded = run(&["a", "b", "c"]);
        let first = |other: &[&str]| {
            let again = compare(&recorded, run(other), Mode::Streaming, "");
            let tick = again
                .differs
                .as_ref()
                .map(|(was, now)| was.as_ref().or(now.as_ref()).map(|t| t.tick));
            (again.same(&recorded), tick.flatten())
        };
        assert_eq!(first(&["a", "b", "c"]), (true, None));
        assert_eq!(first(&["a", "x", "y"]), (false, Some(1)));
        assert_eq!(first(&["a", "b"]), (false, Some(2)));
        assert_eq!(first(&["a", "b", "c", "d"]), (false, Some(3)));
    }
}
