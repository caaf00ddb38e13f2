//! The crank: one snapshot at a time, for whoever turns it.
//!
//! At each snapshot: settle what expired before it, fill orders of earlier ticks, mark, check the invariants; at a tick also
//! decide and submit. At the end of each session what expired during it is settled and the account is recorded. Sessions
//! without a snapshot are not invented: positions keep their last mark, and the manifest lists the gap.
//!
//! A backtest turns it as fast as it goes, a live run as time passes; what is decided, and every link of the chain of hashes,
//! is the same. New threshold values take effect between two ticks, never inside one.

mod broken;
mod change;
mod finish;
mod gate;
mod operator;
mod visit;

use crate::Inputs;
use crate::backtest::{BacktestRequest, prepare};
use crate::course::{HaltLevel, OperatorAct, Swap};
use crate::data::{Snapshots, ViewPool};
use crate::death::{Lives, bury};
use crate::driver::Driver;
use crate::error::{ErrorClass, RunError};
use crate::futures::LinearFeed;
use crate::hash::Chain;
use crate::marks::GuardActs;
use crate::output::{Manifest, Mode, RunOutput};
use crate::outside::{Outside, Whoever, lent};
use crate::rails::Rails;
use crate::record::Recorder;
use crate::successor::Successor;
use crate::upgrade::{Shadow, Upgrade};
use alula_book::{Book, Rulebook};
use alula_core::batch::Batch;
use alula_core::decision::Decision;
use alula_core::linear::LinearMarket;
use alula_core::market::{MarketData, ViewSource as _, Views};
use alula_core::observe::Sight;
use alula_core::plan::Plan;
use alula_core::registry::Registry;
use alula_core::state::State;
use alula_core::succession::Orphans;
use alula_core::thresholds::ThresholdSet;
use alula_core::trace::Trace;
use alula_core::value::{Cause, Cell};
use alula_core::vega::Mapping;
use alula_dsl::graph::{Clock, Domain, Graph};
use alula_market::history::History;
use alula_market::time::{Date, Instant};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What the runs of a sweep have in common: the same market, whatever the thresholds.
#[derive(Default)]
pub struct Shared<'a> {
    /// There are more runs to come.
    pub(crate) keep: bool,
    snapshots: Option<Snapshots<'a>>,
    /// What snapshots imply, from runs over other histories too.
    views: Option<&'a ViewPool>,
    /// Columns of the market's nodes; of thresholds they hold the first run's values.
    pub(crate) batch: Option<Arc<Batch>>,
}

impl<'a> Shared<'a> {
    /// For a run that shares what snapshots imply with others.
    pub fn with_views(views: &'a ViewPool) -> Self {
        Self {
            views: Some(views),
            ..Self::default()
        }
    }

    /// For several runs.
    pub fn kept() -> Self {
        Self {
            keep: true,
            ..Self::default()
        }
    }
}

/// A run about to start.
pub(crate) struct Setup<'a> {
    pub plan: Plan,
    pub data: MarketData,
    pub history: &'a dyn History,
    pub registry: Registry,
    pub inputs: Inputs,
    pub mode: Mode,
    /// What the strategy reads and the data do not have.
    pub absent: Vec<String>,
    /// How the period asked for was cut to the data.
    pub cut: Option<String>,
    /// Snapshots of the period in regular hours.
    pub visited: Vec<Instant>,
    /// Ticks before the period, if some node remembers them, then those of the period.
    pub ticks: Vec<Instant>,
    /// How many of `ticks` come before the period.
    pub warm_up: usize,
    pub rulebook: Rulebook,
    pub manifest: Manifest,
    /// What the run's identity is the hash of.
    pub identity: BTreeMap<String, String>,
    /// Last second of the period.
    pub last_instant: Instant,
    /// Values that the run begins with.
    pub thresholds: Vec<f64>,
}

impl Setup<'_> {
    /// Ticks of the period, as many as were decided.
    fn decided(&self, count: usize) -> &[Instant] {
        let ticks = self.ticks.get(self.warm_up..).unwrap_or_default();
        ticks.get(..count).unwrap_or(ticks)
    }
}

/// A session under way.
struct Session {
    date: Date,
    /// Its newest tick and what was seen there.
    seen: Option<(Instant, Arc<Views>)>,
}

/// What a snapshot was to the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turned {
    /// Number of the tick, if it was one.
    pub tick: Option<u32>,
    /// First snapshot of a session.
    pub new_session: bool,
    /// Changes of thresholds that took effect.
    pub swaps: usize,
}

/// A run under way.
pub struct Crank<'a> {
    setup: Setup<'a>,
    book: Book,
    snapshots: Snapshots<'a>,
    driver: Driver,
    state: State,
    trace: Trace,
    recorder: Recorder,
    guards: GuardActs,
    chain: Chain,
    /// Number of the next tick of the period.
    tick: usize,
    /// Snapshots visited.
    done: usize,
    cells: Vec<Cell>,
    /// Nodes of the market and the account whose cells the chain of hashes covers.
    hashed: Vec<usize>,
    /// Session at hand.
    day: Option<Session>,
    empty: Vec<Instant>,
    /// Futures and shares of the account.
    linear: LinearFeed,
    /// Their prices as known at the newest tick.
    prices: LinearMarket,
    /// Values in force.
    set: ThresholdSet,
    /// Changes that wait for their tick, earliest first.
    pending: VecDeque<Swap>,
    /// Changes that took effect.
    applied: Vec<Swap>,
    /// The ticks at which they did.
    since: Vec<usize>,
    /// Strategies that wait for their tick, computed beside the running one; those of a backtest are made when they are due.
    ready: VecDeque<Successor<'a>>,
    /// The strategy as its files say it, and what was carried into it since.
    own: Arc<Graph>,
    carried: BTreeMap<String, Orphans>,
    /// Tick that the strategy in force began at.
    began: usize,
    /// What the strategy that the run began with is linked with.
    first: Registry,
    /// What an operator did and waits for its tick, earliest first.
    acts: VecDeque<OperatorAct>,
    /// Other builds of plugins that wait for their tick, earliest first, with what was computed with them already.
    upgrades: VecDeque<(Upgrade, Option<Shadow>)>,
    /// The newest decision.
    newest: Option<Decision>,
    /// Who fills the orders, where the book does not.
    filled_by: Option<String>,
    /// Limits that no strategy can lift, and the kill switch.
    rails: Rails,
    /// Orders that they stopped.
    stopped: u64,
    /// What an operator halted, and when.
    halted: Option<(HaltLevel, OperatorAct)>,
    /// How much of a history that grows has been taken in.
    grown: u64,
    /// Legs that make no whole package.
    quarantine: broken::Quarantine,
    /// Until when the instances of plugins' functions live.
    lives: Lives,
}

impl std::fmt::Debug for Crank<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crank")
            .field("strategy", &self.setup.manifest.strategy)
            .field("tick", &self.tick)
            .finish_non_exhaustive()
    }
}

impl<'a> Crank<'a> {
    /// A run before its first snapshot. The request's own changes of thresholds are waiting already; its progress is not told
    /// of anything.
    ///
    /// # Errors
    /// As for [`fn@crate::backtest`].
    pub fn start(request: &BacktestRequest<'a>) -> Result<Self, RunError> {
        Self::start_with(request, &mut Shared::default())
    }

    pub(crate) fn start_with(
        request: &BacktestRequest<'a>,
        shared: &mut Shared<'a>,
    ) -> Result<Self, RunError> {
        let (setup, book) = prepare(request, shared.views)?;
        let mut lives = Lives::new(&request.course.deaths);
        bury(&setup.plan, &lives.next());
        lives.begin(&setup.plan);
        let snapshots = shared.snapshots.take();
        let mut snapshots = snapshots
            .unwrap_or_else(|| Snapshots::new(&setup.plan, setup.history, shared.keep, shared.views));
        snapshots.without_rate = false;
        let driver = Driver::new(&setup, &mut snapshots, shared)?;
        let defs = &setup.plan.graph().thresholds;
        let set = ThresholdSet::from_values(defs, setup.thresholds.clone())
            .map_err(|e| RunError::new(ErrorClass::Request, e.to_string(), "check the thresholds file"))?;
        let mut crank = Self {
            snapshots,
            driver,
            state: State::new(&setup.plan),
            trace: Trace::default(),
            recorder: Recorder::new(setup.plan.graph(), book.config().capital),
            guards: GuardActs::default(),
            chain: Chain::new(),
            tick: 0,
            done: 0,
            cells: vec![Cell::missing(Cause::NoData); setup.plan.nodes().len()],
            hashed: hashed(&setup.plan),
            day: None,
            empty: Vec::new(),
            linear: LinearFeed::default(),
            prices: LinearMarket::default(),
            set,
            pending: VecDeque::new(),
            applied: Vec::new(),
            since: Vec::new(),
            ready: VecDeque::new(),
            own: Arc::clone(setup.plan.graph()),
            carried: BTreeMap::new(),
            began: 0,
            first: setup.registry.clone(),
            acts: request.course.acts.iter().cloned().collect(),
            upgrades: VecDeque::new(),
            newest: None,
            filled_by: None,
            rails: gate::rails(request.course.rails.as_ref()),
            stopped: 0,
            halted: None,
            grown: setup.history.grown(),
            quarantine: broken::Quarantine::default(),
            lives,
            setup,
            book,
        };
        for swap in &request.course.swaps {
            crank.swap(swap.clone())?;
        }
        crank.judge_course()?;
        // What died before the first tick.
        let first = crank.setup.ticks.get(crank.setup.warm_up).copied();
        crank.note_deaths(first.or_else(|| crank.next()).unwrap_or_default());
        Ok(crank)
    }

    /// Snapshots of the period, in order; [`Crank::turn`] wants each of them once.
    #[must_use]
    pub fn instants(&self) -> &[Instant] {
        &self.setup.visited
    }

    /// How many of them have been visited.
    #[must_use]
    pub const fn done(&self) -> usize {
        self.done
    }

    /// The next snapshot.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.setup.visited.get(self.done).copied()
    }

    /// The rows recorded so far. Positions, nodes and the manifest's results come at the end.
    #[must_use]
    pub const fn output(&self) -> &RunOutput {
        &self.recorder.output
    }

    /// What the run is.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.setup.manifest
    }

    /// The plan, with the threshold values in force.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.setup.plan
    }

    /// The account.
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// What the strategy remembers.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The newest decision.
    #[must_use]
    pub const fn decision(&self) -> Option<&Decision> {
        self.newest.as_ref()
    }

    /// Values in force; changes that wait for their tick are not among them.
    #[must_use]
    pub const fn thresholds(&self) -> &ThresholdSet {
        &self.set
    }

    /// The strategy as its files say it, without what was carried into it, and what it is linked with.
    #[must_use]
    pub const fn own_graph(&self) -> &Arc<Graph> {
        &self.own
    }

    /// Keys of structures, layers and overlays under which something is open or ordered, and that were carried into the
    /// strategy in force, with what becomes of them.
    #[must_use]
    pub const fn carried(&self) -> &BTreeMap<String, Orphans> {
        &self.carried
    }

    /// What is held, as the account is seen at the newest tick of the session at hand.
    pub fn with_sight<T>(&self, look: impl FnOnce(&Sight<'_>) -> T) -> Option<T> {
        let (at, views) = self.day.as_ref()?.seen.as_ref()?;
        let plan = &self.setup.plan;
        let sight = Sight::new(plan, *at, views, self.setup.rulebook)
            .with_linear(&self.prices)
            .with_mapping(Mapping::of_account(plan, &self.cells));
        Some(look(&sight))
    }

    /// What nodes are linked to.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.setup.registry
    }

    /// The next snapshot, if it is a tick: its number, its instant and a hash of everything that was quoted there.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn peek(&mut self) -> Result<Option<(u32, Instant, [u8; 32])>, RunError> {
        let at = self.next();
        let number = self.setup.warm_up + self.tick;
        let Some(at) = at.filter(|at| self.setup.ticks.get(number) == Some(at)) else {
            return Ok(None);
        };
        let views = self.snapshots.views(at)?;
        let tick = u32::try_from(self.tick).unwrap_or(u32::MAX);
        Ok(Some((tick, at, crate::hash::of_views(&views))))
    }

    /// From here on orders are filled by somebody else, whom the results name: [`Crank::turn_with`] asks what came of them.
    ///
    /// # Errors
    /// When orders fill on the snapshot of their decision, or when the run has begun.
    pub fn fill_outside(&mut self, by: &str) -> Result<(), RunError> {
        let refuse = |what: &str, help: &str| Err(RunError::new(ErrorClass::Request, what, help));
        if self.book.config().same_bar {
            return refuse(
                "an order that is sent to a broker cannot fill on the snapshot of its decision",
                "leave fills on the same bar out, or choose `--broker internal`",
            );
        }
        if self.book.is_outside() {
            // They are filled elsewhere already, in a run that is gone on with.
            self.filled_by = Some(by.to_owned());
            return Ok(());
        }
        if self.done > 0 {
            return refuse(
                "a run that has begun cannot change who fills its orders",
                "begin anew",
            );
        }
        self.book = self.book.clone().outside();
        self.filled_by = Some(by.to_owned());
        Ok(())
    }

    /// Ends the last session of a run whose orders fill outside, while whoever fills them is there; then [`Crank::finish`].
    ///
    /// # Errors
    /// As [`Crank::turn_with`].
    pub fn end_with(&mut self, outside: &mut dyn Outside) -> Result<(), RunError> {
        let end = self.setup.last_instant;
        self.end_day(Some(&mut *outside))?;
        self.settle(end, Some(outside))
    }

    /// Takes in what a history that grows has got since it was asked last. Call it before a snapshot is visited.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn refresh(&mut self) -> Result<(), RunError> {
        let grown = self.setup.history.grown();
        if grown != self.grown {
            self.grown = grown;
            self.setup.data = crate::data::load(&self.setup.plan, self.setup.history)?.0;
            self.driver.grown(&self.setup.data);
        }
        Ok(())
    }

    /// The history that is visited.
    #[must_use]
    pub const fn history(&self) -> &'a dyn History {
        self.setup.history
    }

    /// The newest value of a node at a tick, and before the first one of what is the same throughout.
    #[must_use]
    pub fn value(&self, node: alula_dsl::graph::NodeId) -> Cell {
        let plan = &self.setup.plan;
        let at = plan.at_tick(node);
        let fixed = plan.nodes().get(at).and_then(|n| plan.fixed(n));
        let newest = || self.cells.get(at).copied();
        fixed.or_else(newest).unwrap_or(Cell::missing(Cause::NoData))
    }

    /// Who fills the orders, where the book does not.
    #[must_use]
    pub fn filled_by(&self) -> Option<&str> {
        self.filled_by.as_deref()
    }

    /// Visits the next snapshot; nothing when there is none.
    ///
    /// # Errors
    /// When the data cannot be read, a settlement is missing, or an invariant broke; and where orders fill outside: then use
    /// [`Crank::turn_with`].
    pub fn turn(&mut self) -> Result<Option<Turned>, RunError> {
        self.turned(None)
    }

    /// Visits the next snapshot and asks what came of the orders.
    ///
    /// # Errors
    /// As [`Crank::turn`], and when an answer does not fit the order.
    pub fn turn_with(&mut self, outside: &mut dyn Outside) -> Result<Option<Turned>, RunError> {
        self.turned(Some(outside))
    }

    fn turned(&mut self, mut outside: Whoever<'_>) -> Result<Option<Turned>, RunError> {
        let Some(at) = self.next() else {
            return Ok(None);
        };
        let mut turned = Turned::default();
        let date = at.date();
        if self.day.as_ref().map(|d| d.date) != Some(date) {
            self.end_day(lent(&mut outside))?;
            self.day = Some(Session { date, seen: None });
            turned.new_session = true;
        }
        self.visit(at, &mut turned, outside)
            .map_err(|e| if e.at.is_some() { e } else { e.at(at) })?;
        self.done += 1;
        Ok(Some(turned))
    }

    /// The strategy.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        self.setup.plan.graph()
    }

    pub(crate) const fn setup(&self) -> &Setup<'a> {
        &self.setup
    }

    /// The strategy that the run began with.
    #[must_use]
    pub fn began_with(&self) -> Arc<Graph> {
        let first = self.recorder.output.strategies.first();
        let first = first.and_then(|s| s.graph.as_ref());
        Arc::clone(first.unwrap_or_else(|| self.setup.plan.graph()))
    }

    /// What it was linked with.
    pub(crate) const fn began_registry(&self) -> &Registry {
        &self.first
    }
}

/// ` by alice`, where it is known who it was.
fn by(who: &str) -> String {
    if who.is_empty() {
        String::new()
    } else {
        format!(" by {who}")
    }
}

fn times(n: usize) -> String {
    if n == 1 {
        "once".to_owned()
    } else {
        format!("{n} times")
    }
}

/// What was carried into a strategy, in one line.
fn carried_text(carried: &BTreeMap<String, Orphans>) -> String {
    let all = carried.iter().map(|(key, how)| format!("{key} {}", how.word()));
    all.collect::<Vec<_>>().join("; ")
}

/// Puts down the nodes, and the rows that the ticks decided with them could read.
fn read(recorder: &mut Recorder, setup: &Setup<'_>, driver: &Driver, (began, tick): (usize, usize)) {
    let plan = &setup.plan;
    recorder.nodes(plan);
    let ticks = setup.decided(tick);
    let ticks = ticks.get(began..).unwrap_or(ticks);
    if let (Some(first), Some(last)) = (ticks.first(), ticks.last()) {
        recorder.rows(plan, |i| driver.rows(plan, i), (*first, *last));
    }
}

/// Cells that are the same at every tick take no part, nor do those of slower nodes: a tick reads them through others.
fn hashed(plan: &Plan) -> Vec<usize> {
    let is_hashed = |i: &usize| {
        plan.nodes().get(*i).is_some_and(|node| {
            node.domain <= Domain::Book && node.clock != Clock::Constant && !node.has_rows()
        })
    };
    plan.order().iter().copied().filter(is_hashed).collect()
}
