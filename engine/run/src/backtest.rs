//! A backtest over a history.

use crate::course::{Act, Course, NewRules, OperatorAct, Swap};
use crate::crank::{Crank, Setup, Shared};
use crate::data::{ViewPool, load};
use crate::death::Death;
use crate::error::{ErrorClass, RunError};
use crate::manifest;
use crate::output::{DailyRow, Mode, RunOutput, TwinRow};
use crate::terms::{Terms, terms};
use crate::warm_up::{self, WarmingUp};
use alula_book::{Book, BookConfig, RunId};
use alula_core::clock::{cadence, in_regular_session};
use alula_core::plan::link;
use alula_core::registry::Registry;
use alula_core::succession::Orphans;
use alula_dsl::graph::Graph;
use alula_market::history::History;
use alula_market::time::{Date, Instant};
use std::sync::Arc;

/// Files that a run rests on, by path as they appear under the run folder's `inputs/`, for the record and its hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Strategy file and its imports, the entry first.
    pub sources: Vec<(String, Vec<u8>)>,
    /// Thresholds file, if there is one.
    pub thresholds: Option<(String, Vec<u8>)>,
    /// Scripts.
    pub scripts: Vec<(String, Vec<u8>)>,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Snapshots visited.
    pub done: usize,
    /// Snapshots in all.
    pub total: usize,
    /// Session at hand.
    pub date: Date,
}

/// What to run.
pub struct BacktestRequest<'a> {
    /// Compiled strategy.
    pub graph: Arc<Graph>,
    /// Threshold values, canonical scale, in the graph's order.
    pub thresholds: Vec<f64>,
    /// Operators, with the strategy's scripts.
    pub registry: Registry,
    /// Files for the record.
    pub inputs: Inputs,
    /// Market.
    pub history: &'a dyn History,
    /// First session; the history's first when `None`.
    pub from: Option<Date>,
    /// Last session; the history's last when `None`.
    pub to: Option<Date>,
    /// Driver.
    pub mode: Mode,
    /// Changes of thresholds under way, and an early end.
    pub course: Course,
    /// Told how far the run has come.
    pub progress: &'a mut dyn FnMut(Progress),
}

impl<'a> BacktestRequest<'a> {
    /// A run over all of a history in batch: thresholds at their defaults, built-in operators, no files for the record.
    /// What else is wanted is written over it: `BacktestRequest { mode, ..BacktestRequest::new(…) }`.
    pub fn new(graph: Arc<Graph>, history: &'a dyn History, progress: &'a mut dyn FnMut(Progress)) -> Self {
        Self {
            thresholds: graph.thresholds.iter().map(|t| t.default).collect(),
            graph,
            registry: Registry::default(),
            inputs: Inputs::default(),
            history,
            from: None,
            to: None,
            mode: Mode::Batch,
            course: Course::default(),
            progress,
        }
    }
}

impl std::fmt::Debug for BacktestRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BacktestRequest")
            .field("strategy", &self.graph.settings.name)
            .field("from", &self.from)
            .field("to", &self.to)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// Runs a strategy over a history.
///
/// # Errors
/// See [`ErrorClass`]. Rows recorded until then are lost: a run that stopped has no result.
pub fn backtest(mut request: BacktestRequest<'_>) -> Result<RunOutput, RunError> {
    run(&mut request, &mut Shared::default())
}

/// As [`backtest`], to the byte; what snapshots imply is taken from the pool, and left there.
///
/// # Errors
/// As for [`backtest`].
pub fn backtest_with<'a>(
    mut request: BacktestRequest<'a>,
    views: &'a ViewPool,
) -> Result<RunOutput, RunError> {
    run(&mut request, &mut Shared::with_views(views))
}

/// One strategy over one market with many sets of threshold values: what does not depend on them is read and computed once.
/// Each run is the one that [`backtest`] gives for its values, byte for byte.
pub struct Sweep<'a> {
    request: BacktestRequest<'a>,
    shared: Shared<'a>,
}

impl std::fmt::Debug for Sweep<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sweep")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl<'a> Sweep<'a> {
    /// A sweep of a request; its own threshold values are not used. Snapshots are kept in memory with what was computed from
    /// them, up to a few million strikes.
    #[must_use]
    pub fn new(request: BacktestRequest<'a>) -> Self {
        Self {
            request,
            shared: Shared::kept(),
        }
    }

    /// Runs with these threshold values, canonical scale, in the graph's order.
    ///
    /// # Errors
    /// As for [`backtest`]. Other runs of the sweep are not affected.
    pub fn run(&mut self, thresholds: &[f64]) -> Result<RunOutput, RunError> {
        self.request.thresholds = thresholds.to_vec();
        run(&mut self.request, &mut self.shared)
    }
}

/// Turns the crank over the whole period.
fn run<'a>(request: &mut BacktestRequest<'a>, shared: &mut Shared<'a>) -> Result<RunOutput, RunError> {
    let crank = walk(request, shared)?;
    with_twin(crank, shared)
}

fn walk<'a>(request: &mut BacktestRequest<'a>, shared: &mut Shared<'a>) -> Result<Crank<'a>, RunError> {
    let mut crank = Crank::start_with(request, shared)?;
    if let Some(until) = request.course.until {
        crank.stop_at(until);
    }
    let total = crank.instants().len();
    let mut date = None;
    while let Some(at) = crank.next() {
        if date.replace(at.date()) != Some(at.date()) {
            let date = at.date();
            (request.progress)(Progress {
                done: crank.done(),
                total,
                date,
            });
        }
        crank.turn()?;
    }
    let date = crank.setup().last_instant.date();
    (request.progress)(Progress {
        done: total,
        total,
        date,
    });
    Ok(crank)
}

/// Ends a run; of a strategy with overlays also its passive twin runs: the same strategy without them on the same path.
pub(crate) fn with_twin<'a>(crank: Crank<'a>, shared: &mut Shared<'a>) -> Result<RunOutput, RunError> {
    let setup = crank.setup();
    let began = crank.began_with();
    let graph = &*began;
    let overlaid = !crank.output().overlays.is_empty() && crank.filled_by().is_none();
    let mut later = crank.applied().iter().filter_map(|s| s.rules.as_ref());
    let has_overlays = !graph.overlays.is_empty() || later.any(|r| !r.graph.overlays.is_empty());
    if !has_overlays && !overlaid {
        return crank.finish_with(shared);
    }
    let mut bare = Graph::clone(graph);
    bare.overlays.clear();
    let acts = crank.output().manifest.operator.clone();
    let manifest = &crank.output().manifest;
    // The twins take no other builds: what died of the first one died before them.
    let known = |d: &&Death| manifest.upgrades.is_empty() || d.generation == 1;
    let deaths: Vec<Death> = manifest.deaths.iter().filter(known).cloned().collect();
    let request = |graph: Graph, passive: bool, acts: Vec<OperatorAct>, progress| BacktestRequest {
        graph: Arc::new(graph),
        thresholds: setup.thresholds.clone(),
        registry: crank.began_registry().clone(),
        inputs: Inputs::default(),
        history: setup.history,
        from: setup.manifest.from,
        to: setup.manifest.to,
        mode: setup.mode,
        course: Course {
            swaps: crank.applied().iter().map(|s| beside(s, passive)).collect(),
            acts,
            until: setup.manifest.stopped,
            rails: crank.limits().cloned(),
            deaths: deaths.clone(),
        },
        progress,
    };
    let mut silent = [|_| {}, |_| {}];
    let [first, second] = &mut silent;
    let passive = has_overlays.then(|| {
        let fits = |a: &OperatorAct| match &a.act {
            Act::Add { instruction, .. } => instruction.fits(&bare).is_ok(),
            _ => true,
        };
        let mut acts: Vec<OperatorAct> = acts.iter().filter(|a| fits(a)).cloned().collect();
        let added = added(&acts);
        acts.retain(|a| !matches!(a.act, Act::Drop(n) if !added.contains(&n)));
        request(bare.clone(), true, acts, first)
    });
    let alone = overlaid.then(|| {
        let halts = |a: &&OperatorAct| matches!(a.act, Act::Halt(_) | Act::Resume);
        request(
            Graph::clone(graph),
            false,
            acts.iter().filter(halts).cloned().collect(),
            second,
        )
    });
    let passive = passive.map(equities).transpose()?;
    let alone = alone.map(equities).transpose()?;
    let mut output = crank.finish_with(shared)?;
    output.twin = passive.unwrap_or_default();
    output.rules_alone = alone.unwrap_or_default();
    Ok(output)
}

/// Numbers of the overlays that acts add.
fn added(acts: &[OperatorAct]) -> Vec<u32> {
    let numbers = acts.iter().filter_map(|a| match a.act {
        Act::Add { number, .. } => Some(number),
        _ => None,
    });
    numbers.collect()
}

/// Equity by session of another run on the same path.
fn equities(mut request: BacktestRequest<'_>) -> Result<Vec<TwinRow>, RunError> {
    let mut own = Shared::default();
    let run = walk(&mut request, &mut own)?.finish_with(&mut own)?;
    let row = |d: &DailyRow| TwinRow {
        date: d.date,
        equity: d.equity,
    };
    Ok(run.daily.iter().map(row).collect())
}

/// A change as a run beside the run takes it: with overlays, or passive. Its positions may be others: what nothing was said
/// about stays.
fn beside(swap: &Swap, passive: bool) -> Swap {
    let mut swap = swap.clone();
    if let Some(rules) = &mut swap.rules {
        let mut other = NewRules::clone(rules);
        if passive {
            let mut graph = Graph::clone(&other.graph);
            graph.overlays.clear();
            other.graph = Arc::new(graph);
        }
        other.others = Some(Orphans::Keep);
        *rules = Arc::new(other);
    }
    swap
}

/// A run and its account before the first snapshot.
pub(crate) fn prepare<'a>(
    request: &BacktestRequest<'a>,
    pool: Option<&ViewPool>,
) -> Result<(Setup<'a>, Book), RunError> {
    let plan = link(&request.graph, &request.thresholds, &request.registry)?;
    if let Some(plugins) = request.registry.plugins() {
        // What linking tried out, and what an earlier run of a sweep met, is not this run's.
        drop(plugins.take_faults());
    }
    let underlying = request.graph.settings.instrument.name().to_owned();
    let (first, last, cut) = period(request, &underlying)?;
    let (data, absent) = load(&plan, request.history)?;
    let settings = &request.graph.settings;
    let Terms {
        capital,
        fills,
        fees,
        rulebook,
    } = terms(settings)?;
    let graph_hash = pool.map_or_else(
        || manifest::graph_hash(&request.graph),
        |pool| pool.graph_hash(&request.graph),
    );
    let (manifest, identity) =
        manifest::start(request, &plan, &underlying, (first, last), capital, graph_hash);
    let history_first = request
        .history
        .range(&underlying)
        .map_or(first, |r| r.0.min(first));
    let snapshots = request.history.ticks(&underlying, history_first, last);
    let mut ticks = cadence(settings.every, &snapshots);
    // Counted from the history's first snapshot, so that a later start of the run does not shift the rhythm.
    let mut warm_up = ticks.partition_point(|t| t.date() < first);
    if !plan.remembers_ticks() {
        ticks.drain(..warm_up);
        warm_up = 0;
    }
    let visited = snapshots
        .into_iter()
        .filter(|t| t.date() >= first && in_regular_session(*t))
        .collect();
    let book = Book::new(BookConfig {
        run: RunId(manifest::id_number(&manifest.run_id)),
        capital,
        fills,
        fees,
        same_bar: settings.fill_same_bar,
        settle_approximate: settings.settle_approximate,
    });
    let setup = Setup {
        plan,
        data,
        history: request.history,
        registry: request.registry.clone(),
        inputs: request.inputs.clone(),
        mode: request.mode,
        absent,
        cut,
        visited,
        ticks,
        warm_up,
        rulebook,
        manifest,
        identity,
        last_instant: end_of_day(last),
        thresholds: request.thresholds.clone(),
    };
    Ok((setup, book))
}

/// Values of a strategy that would be unknown at ticks of a run for want of bars, found without running it; with them what
/// it reads and the data do not have.
///
/// # Errors
/// When the strategy cannot be linked, the data cannot be read, or the period does not do.
pub fn warming_up(request: &BacktestRequest<'_>) -> Result<(Vec<WarmingUp>, Vec<String>), RunError> {
    let (setup, _) = prepare(request, None)?;
    let found = warm_up::of(&setup.plan, &setup.data, &setup.ticks, setup.warm_up);
    Ok((found, setup.absent))
}

/// The last second of an exchange day.
pub(crate) fn end_of_day(date: Date) -> Instant {
    Instant::from_eastern(date, 23, 59).map_or(Instant(i64::MAX), |t| Instant(t.0 + 59))
}

/// The period asked for, cut to what the history has, and a line about the cut. Beyond the data nothing may happen: open
/// positions would settle to closes that no snapshot of the run led to.
fn period(request: &BacktestRequest<'_>, underlying: &str) -> Result<(Date, Date, Option<String>), RunError> {
    let (first, last) = request.history.range(underlying).ok_or_else(|| {
        let what = format!("the data hold no option chains of `{underlying}`");
        RunError::new(
            ErrorClass::Data,
            what,
            "import chains first, or choose other data",
        )
    })?;
    let (from, to) = (request.from.unwrap_or(first), request.to.unwrap_or(last));
    if from > to {
        let what = format!("the period `{from}` to `{to}` runs backwards");
        return Err(RunError::new(
            ErrorClass::Request,
            what,
            "give the earlier date first",
        ));
    }
    if to < first || from > last {
        let what = format!("the data have chains from {first} to {last}, none from `{from}` to `{to}`");
        return Err(RunError::new(
            ErrorClass::Request,
            what,
            "choose dates inside the data",
        ));
    }
    let early = (from < first).then(|| format!("asked from {from}, the data begin {first}"));
    let late = (to > last).then(|| format!("asked to {to}, the data end {last}"));
    let cut: Vec<String> = early.into_iter().chain(late).collect();
    let cut = (!cut.is_empty()).then(|| format!("period: {}", cut.join("; ")));
    Ok((from.max(first), to.min(last), cut))
}
