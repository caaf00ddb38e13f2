//! The crank: one snapshot at a time, for whoever turns it.
//!
//! At each snapshot: settle what expired before it, fill orders of earlier ticks, mark, check the invariants; at a tick also
//! decide and submit. At the end of each session what expired during it is settled and the account is recorded. Sessions
//! without a snapshot are not invented: positions keep their last mark, and the manifest lists the gap.
//!
//! A backtest turns it as fast as it goes, a live run as time passes; what is decided, and every link of the chain of hashes,
//! is the same. New threshold values take effect between two ticks, never inside one.

mod gate;
mod operator;

use crate::Inputs;
use crate::backtest::{BacktestRequest, end_of_day, prepare};
use crate::course::{Act, Entries, HaltLevel, NewRules, OperatorAct, SWAPS, Swap};
use crate::data::{Snapshots, ViewPool};
use crate::driver::Driver;
use crate::error::{ErrorClass, RunError};
use crate::futures::LinearFeed;
use crate::hash::Chain;
use crate::manifest;
use crate::marks::{self, Facts, GuardActs};
use crate::output::{Manifest, Mode, RunOutput, StrategyRow, UpgradeRow, VersionRow};
use crate::outside::{Outside, Whoever, lent};
use crate::rails::{Agreement, Halt, RailLimits, Rails};
use crate::record::{Recorder, Refused, Submitted};
use crate::successor::{Before, Past, Successor, open_keys};
use crate::upgrade::{Shadow, Upgrade};
use crate::warm_up;
use alula_book::{Answer, Book, BookEvent, OrderId, Rulebook, Told};
use alula_core::batch::Batch;
use alula_core::decision::{Decision, OPERATOR, RuleKind};
use alula_core::linear::LinearMarket;
use alula_core::market::{MarketData, ViewSource, Views};
use alula_core::observe::Sight;
use alula_core::plan::Plan;
use alula_core::registry::Registry;
use alula_core::state::State;
use alula_core::step::{Tick, step};
use alula_core::succession::Orphans;
use alula_core::thresholds::ThresholdSet;
use alula_core::trace::Trace;
use alula_core::value::{Cause, Cell};
use alula_core::vega::Mapping;
use alula_dsl::graph::{Clock, Domain, Graph};
use alula_market::chain::ChainSnapshot;
use alula_market::contract::{Root, SettlementValue};
use alula_market::history::{History, HistoryError};
use alula_market::money::Price;
use alula_market::time::{Date, Instant};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
            setup,
            book,
        };
        for swap in &request.course.swaps {
            crank.swap(swap.clone())?;
        }
        crank.judge_course()?;
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

    /// Values that are in force from the next tick on: those of the last change that waits, else those in force.
    #[must_use]
    pub fn next_thresholds(&self) -> &ThresholdSet {
        self.pending.back().map_or(&self.set, |s| &s.set)
    }

    /// Number of the version in force; 1 is what the run began with.
    #[must_use]
    pub fn version(&self) -> u32 {
        u32::try_from(self.applied.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1)
    }

    /// Number of the strategy in force; 1 is what the run began with.
    #[must_use]
    pub fn rules_version(&self) -> u32 {
        let changes = self.applied.iter().filter(|s| s.rules.is_some()).count();
        u32::try_from(changes).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The strategy as its files say it, without what was carried into it, and what it is linked with.
    #[must_use]
    pub const fn own_graph(&self) -> &Arc<Graph> {
        &self.own
    }

    /// The strategy that is in force from the next tick on, as its files say it.
    #[must_use]
    pub fn next_graph(&self) -> &Arc<Graph> {
        let waiting = self.pending.iter().rev().find_map(|s| s.rules.as_ref());
        waiting.map_or(&self.own, |r| &r.graph)
    }

    /// Another strategy waits for the next tick.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        self.pending.iter().any(|s| s.rules.is_some())
    }

    /// Keys of structures, layers and overlays under which something is open or ordered, and that were carried into the
    /// strategy in force, with what becomes of them.
    #[must_use]
    pub const fn carried(&self) -> &BTreeMap<String, Orphans> {
        &self.carried
    }

    /// Keys under which something is open or ordered.
    #[must_use]
    pub fn open_keys(&self) -> BTreeSet<Arc<str>> {
        open_keys(&self.book)
    }

    /// Values in force so far, with the ticks that they came into force at.
    fn past(&self) -> Vec<Past> {
        let first = self.applied.iter().find_map(|s| s.rules.as_ref());
        let mut graph: &Graph = self
            .recorder
            .output
            .strategies
            .first()
            .and_then(|s| s.graph.as_deref())
            .filter(|_| first.is_some())
            .unwrap_or_else(|| self.setup.plan.graph());
        let mut out = vec![Past {
            tick: None,
            defs: graph.thresholds.clone(),
            values: self.setup.thresholds.clone(),
        }];
        for (swap, tick) in self.applied.iter().zip(&self.since) {
            if let Some(rules) = &swap.rules {
                graph = &rules.graph;
            }
            let past = Swap::past(&swap.set, &graph.thresholds, *tick);
            out.retain(|p| p.tick != past.tick);
            out.push(past);
        }
        out
    }

    /// Another strategy beside the running one, as it would take its place at the next tick. [`Crank::work`] computes its values
    /// up to there.
    ///
    /// # Errors
    /// When the running account cannot follow it, or it cannot be linked.
    pub fn successor(&self, swap: &Swap) -> Result<Option<Successor<'a>>, RunError> {
        let Some(rules) = &swap.rules else {
            return Ok(None);
        };
        for overlay in &self.state.overlays {
            overlay.instruction.fits(&rules.graph)?;
        }
        let before = Before {
            setup: &self.setup,
            book: &self.book,
            own: &self.own,
            carried: &self.carried,
            past: self.past(),
            outside: self.filled_by.is_some(),
        };
        Successor::new(&before, swap, rules).map(Some)
    }

    /// Computes a successor's values for at most so many ticks; says how many are left until the next one of the run.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn work(&self, successor: &mut Successor<'a>, most: usize) -> Result<usize, RunError> {
        successor.work(self.tick, most)
    }

    /// Takes a change with the strategy that was computed beside the running one.
    ///
    /// # Errors
    /// As [`Crank::swap`].
    pub fn swap_to(&mut self, swap: Swap, successor: Successor<'a>) -> Result<(), RunError> {
        self.swap(swap)?;
        self.ready.push_back(successor);
        Ok(())
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

    /// Takes a change of thresholds. It takes effect at the first tick at or after its instant, before anything of that tick is
    /// computed; changes for one tick take effect in the order in which they came.
    ///
    /// # Errors
    /// When a value is not allowed, the change is for an earlier instant than one that waits, or whole columns are computed
    /// first.
    pub fn swap(&mut self, swap: Swap) -> Result<(), RunError> {
        let refuse = |what: String, help: &str| Err(RunError::new(ErrorClass::Request, what, help));
        if self.setup.mode == Mode::Batch && swap.rules.is_none() {
            return refuse(
                "thresholds cannot change under way where whole columns are computed first".to_owned(),
                "choose the streaming driver",
            );
        }
        if self.pending.back().is_some_and(|last| last.at > swap.at) {
            let what = format!("the change of thresholds at {} comes after a later one", swap.at);
            return refuse(what, "give changes in the order of their instants");
        }
        let waiting = self.pending.iter().rev().find_map(|s| s.rules.as_ref());
        let graph = swap.rules.as_ref().or(waiting).map(|r| &r.graph);
        let defs = &graph.unwrap_or_else(|| self.setup.plan.graph()).thresholds;
        ThresholdSet::from_values(defs, swap.set.values().to_vec())
            .map_err(|e| RunError::new(ErrorClass::Request, e.to_string(), "check the thresholds file"))?;
        self.pending.push_back(swap);
        Ok(())
    }

    /// Takes what an operator did. It is in force from the first tick at or after its instant.
    pub fn act(&mut self, act: OperatorAct) {
        self.acts.push_back(act);
    }

    /// Computes the market up to here with other builds of plugins, and compares what their functions give.
    ///
    /// # Errors
    /// When a new build refuses the numbers that it is set up with, whole columns are computed first, or the data cannot be read.
    pub fn shadow(&mut self, registry: &Registry) -> Result<Shadow, RunError> {
        let versions = &self.recorder.output.versions;
        Shadow::new(&self.setup, &mut self.snapshots, versions, registry, self.tick)
    }

    /// Takes another build of a plugin. It takes effect at the first tick at or after its instant, before anything of that tick is
    /// computed; what was computed with it already need not be computed again.
    pub fn upgrade(&mut self, upgrade: Upgrade, shadow: Option<Shadow>) {
        self.upgrades.push_back((upgrade, shadow));
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

    /// One snapshot.
    fn visit(&mut self, at: Instant, turned: &mut Turned, mut outside: Whoever<'_>) -> Result<(), RunError> {
        self.settle(at, lent(&mut outside))?;
        let number = self.setup.warm_up + self.tick;
        let is_tick = self.setup.ticks.get(number) == Some(&at);
        let at_work = !self.book.orders().is_empty() || !self.book.ledger().orders().is_empty();
        if !is_tick && !at_work {
            return Ok(());
        }
        let views = self.snapshots.views(at)?;
        self.fill_and_mark(at, &views, outside)?;
        if is_tick {
            turned.tick = u32::try_from(self.tick).ok();
            self.take_upgrades(at)?;
            let strategies = self.recorder.output.strategies.len();
            turned.swaps = self.take_swaps(at, &views)?;
            self.take_acts(at);
            // Another strategy may look at other chains, and at more ticks before the first.
            let views = if strategies == self.recorder.output.strategies.len() {
                views
            } else {
                self.snapshots.views(at)?
            };
            self.decide(at, self.setup.warm_up + self.tick, &views)?;
            if let Some(day) = &mut self.day {
                day.seen = Some((at, views));
            }
        }
        self.snapshots.release(at);
        Ok(())
    }

    fn fill_and_mark(
        &mut self,
        at: Instant,
        views: &Views,
        mut outside: Whoever<'_>,
    ) -> Result<(), RunError> {
        for view in views.iter().flatten() {
            let events = self.book.on_snapshot(&view.snapshot);
            self.recorder.events(&events);
            if !self.book.is_outside() {
                self.book.mark(&view.snapshot);
            }
        }
        if self.book.is_outside() {
            self.ask(at, views, lent(&mut outside))?;
            for view in views.iter().flatten() {
                self.book.mark(&view.snapshot);
            }
        }
        let events = self
            .linear
            .on_snapshot(&mut self.book, &self.setup.plan, views, at, outside)?;
        self.recorder.linear_events(&events);
        self.book.check()?;
        let sight = Sight::new(&self.setup.plan, at, views, self.setup.rulebook);
        self.recorder.observe(&self.book, Some(&sight));
        Ok(())
    }

    /// Takes in what came of orders that fill outside, then takes those back that have had their snapshots.
    fn ask(&mut self, at: Instant, views: &Views, outside: Whoever<'_>) -> Result<(), RunError> {
        let Some(outside) = outside else {
            let what = "nobody says what came of the orders, which fill outside of the run";
            return Err(RunError::new(
                ErrorClass::Request,
                what,
                "turn it with its broker",
            ));
        };
        let answers = outside.round(at, views, &self.book)?;
        self.take_in(at, views, &answers)?;
        let overdue: Vec<OrderId> = self.book.overdue().map(|o| o.id.clone()).collect();
        if !overdue.is_empty() {
            let answers = outside.take_back(at, &overdue, &self.book)?;
            self.take_in(at, views, &answers)?;
        }
        Ok(())
    }

    /// The book takes answers in by underlying, as it fills its own orders.
    fn take_in(&mut self, at: Instant, views: &Views, answers: &[Answer]) -> Result<(), RunError> {
        let misfit = |what: String| {
            let help = "what the broker did is not what was ordered: look at the account, and at the journal";
            RunError::new(ErrorClass::Invariant, what, help).at(at)
        };
        let seen = |underlying: &str| {
            let mut snapshots = views.iter().flatten().map(|v| &v.snapshot);
            snapshots.position(|s| s.underlying == underlying)
        };
        let of = |book: &Book, answer: &Answer| {
            let order = book.orders().iter().find(|o| o.id == answer.order)?;
            Some(book.underlying_of(order))
        };
        let mut places: Vec<(usize, &Answer)> = Vec::with_capacity(answers.len());
        for answer in answers {
            let Some(underlying) = of(&self.book, answer) else {
                return Err(misfit(format!("order {} is not at work", answer.order)));
            };
            places.push((underlying.and_then(seen).unwrap_or(usize::MAX), answer));
        }
        places.sort_by_key(|(place, _)| *place);
        let mut events: Vec<BookEvent> = Vec::new();
        for (place, answer) in places {
            let snapshot = views.iter().flatten().map(|v| &v.snapshot).nth(place);
            let event = match (snapshot, &answer.told) {
                (Some(snapshot), _) => self.book.answer(snapshot, answer),
                (None, Told::Waiting(_)) => continue,
                // An end needs no quotes.
                (None, Told::Ended(_)) => {
                    let underlying = of(&self.book, answer).flatten().unwrap_or_default();
                    let empty = ChainSnapshot {
                        at,
                        underlying: underlying.to_owned(),
                        spot: Price::ZERO,
                        expiries: Vec::new(),
                    };
                    self.book.answer(&empty, answer)
                }
                (None, Told::Filled { .. }) => {
                    let what = format!("order {} filled where its underlying is not quoted", answer.order);
                    return Err(misfit(what));
                }
            };
            events.push(event.map_err(|e| misfit(e.to_string()))?);
        }
        self.recorder.events(&events);
        Ok(())
    }

    /// Puts changes of thresholds into force that are due at a tick; says how many.
    fn take_swaps(&mut self, at: Instant, views: &Views) -> Result<usize, RunError> {
        if self.pending.front().is_none_or(|s| s.at > at) {
            return Ok(0);
        }
        let tick = u32::try_from(self.tick).unwrap_or(u32::MAX);
        if self.applied.is_empty() {
            self.note_version(
                0,
                self.setup.ticks.get(self.setup.warm_up).copied().unwrap_or(at),
                None,
            );
        }
        let called = self.called_without(at, views)?;
        let before = self.applied.len();
        let mut waits = false;
        while let Some(swap) = self.pending.pop_front_if(|s| s.at <= at) {
            waits |= swap.entries == Entries::Wait;
            if let Some(rules) = &swap.rules {
                self.succeed(&swap, rules, at)?;
                continue;
            }
            self.setup.plan.set_thresholds(swap.set.values())?;
            self.set = swap.set.clone();
            self.chain.swap(self.set.hash());
            self.applied.push(swap.clone());
            self.since.push(self.tick);
            self.note_version(tick, at, Some(&swap));
        }
        self.driver.swapped(&self.setup.plan);
        if waits {
            self.state.swapped(called);
        }
        Ok(self.applied.len() - before)
    }

    /// Puts other builds of plugins into force that are due at a tick.
    fn take_upgrades(&mut self, at: Instant) -> Result<(), RunError> {
        while let Some((upgrade, shadow)) = self.upgrades.pop_front_if(|(u, _)| u.at <= at) {
            let shadow = match shadow.filter(|s| s.tick == self.tick) {
                Some(shadow) => shadow,
                None => self.shadow(&upgrade.registry)?,
            };
            let difference = shadow.difference().map(ToString::to_string);
            self.chain.plugin(&upgrade.plugin, &upgrade.sha256);
            self.recorder.output.manifest.upgrades.push(UpgradeRow {
                tick: u32::try_from(self.tick).unwrap_or(u32::MAX),
                at,
                plugin: upgrade.plugin,
                sha256: upgrade.sha256,
                difference: difference.unwrap_or_default(),
            });
            self.setup.plan = shadow.plan;
            self.setup.registry = upgrade.registry;
            self.driver = shadow.driver;
        }
        Ok(())
    }

    /// Puts another strategy in the place of the running one.
    fn succeed(&mut self, swap: &Swap, rules: &Arc<NewRules>, at: Instant) -> Result<(), RunError> {
        let made = self.ready.pop_front_if(|s| Arc::ptr_eq(&s.rules, rules));
        let made = match made {
            Some(made) => Some(made),
            None => self.successor(swap)?,
        };
        let Some(mut next) = made else { return Ok(()) };
        let past = self.past();
        next.arrive(past, self.tick)?;
        let there = |key: &Arc<str>| {
            let graph = next.plan.graph();
            graph.structures.iter().any(|s| s.key == **key) || graph.overlays.iter().any(|o| o.key == **key)
        };
        if let Some(key) = open_keys(&self.book).iter().find(|key| !there(key)) {
            let what = format!("positions of `{key}` are open, and nothing was said about them");
            return Err(RunError::new(
                ErrorClass::Invariant,
                what,
                "say what becomes of them: `keep` or `close`",
            ));
        }
        let tick = u32::try_from(self.tick).unwrap_or(u32::MAX);
        if self.recorder.output.strategies.is_empty() {
            self.note_first_strategy(at);
        }
        self.close_epoch();
        let nodes = u32::try_from(self.setup.plan.nodes().len()).unwrap_or(u32::MAX);
        let base = self.recorder.base().saturating_add(nodes);
        self.recorder.succeed(next.plan.graph(), base);
        self.state.succeed(&next.plan, &self.book, &next.succession);
        // A history gives the same snapshots to both; what they imply has been computed.
        if next.plan.chains() != self.setup.plan.chains() {
            next.snapshots.without_rate |= self.snapshots.without_rate;
            self.snapshots = next.snapshots;
        }
        self.driver = next.driver;
        self.hashed = hashed(&next.plan);
        self.cells = vec![Cell::missing(Cause::NoData); next.plan.nodes().len()];
        self.setup.plan = next.plan;
        self.setup.data = next.data;
        self.setup.absent = next.absent;
        self.setup.ticks = next.ticks;
        self.setup.warm_up = next.warm_up;
        self.setup.registry = rules.registry.clone();
        self.own = Arc::clone(&rules.graph);
        self.carried = next.carried;
        self.began = self.tick;
        self.set = swap.set.clone();
        let hash = rules.hash();
        self.chain.succeed(&hash, &self.carried, self.set.hash());
        let changes: Vec<String> = next.succession.differs().map(ToString::to_string).collect();
        let resolved = NewRules {
            carry: self.carried.clone(),
            ..NewRules::clone(rules)
        };
        self.applied.push(Swap {
            rules: Some(Arc::new(resolved)),
            ..swap.clone()
        });
        self.since.push(self.tick);
        self.note_version(tick, at, Some(swap));
        let row = StrategyRow {
            version: self.rules_version(),
            tick,
            at,
            source: self.note_files(rules, &hash),
            hash,
            thresholds: self.version(),
            nodes: base,
            entries: swap.entries,
            carried: carried_text(&self.carried),
            changes: changes.join("; "),
            graph: Some(Arc::clone(self.setup.plan.graph())),
        };
        self.recorder.output.strategies.push(row);
        Ok(())
    }

    fn note_first_strategy(&mut self, at: Instant) {
        let inputs = &self.setup.inputs;
        let first = NewRules {
            graph: Arc::clone(&self.own),
            registry: Registry::default(),
            inputs: inputs.clone(),
            carry: BTreeMap::new(),
            others: None,
        };
        let source = inputs.sources.first().map(|(name, _)| name.clone());
        self.recorder.output.strategies.push(StrategyRow {
            version: 1,
            tick: 0,
            at: self.setup.ticks.get(self.setup.warm_up).copied().unwrap_or(at),
            hash: first.hash(),
            source: source.unwrap_or_default(),
            thresholds: 1,
            nodes: 0,
            entries: Entries::Wait,
            carried: String::new(),
            changes: String::new(),
            graph: Some(first.graph),
        });
    }

    /// Puts down what the strategy in force read, before another one takes its place.
    fn close_epoch(&mut self) {
        read(
            &mut self.recorder,
            &self.setup,
            &self.driver,
            (self.began, self.tick),
        );
        let mut trace = std::mem::take(&mut self.trace);
        self.recorder.cells(&mut trace.cells);
    }

    /// Files of a strategy, among the inputs; the name of its entry.
    fn note_files(&mut self, rules: &NewRules, hash: &str) -> String {
        let short: String = hash.chars().take(12).collect();
        let folder = format!("{SWAPS}{:04}-{short}", self.version());
        let inputs = &rules.inputs;
        for (name, bytes) in inputs.sources.iter().chain(&inputs.scripts) {
            let name = format!("{folder}/{name}");
            self.recorder.output.inputs.insert(name, bytes.clone());
        }
        let entry = inputs.sources.first().map_or("", |(name, _)| name.as_str());
        format!("{folder}/{entry}")
    }

    /// Does what an operator did that is due at a tick.
    fn take_acts(&mut self, at: Instant) {
        while let Some(act) = self.acts.pop_front_if(|a| a.at <= at) {
            match &act.act {
                Act::Halt(level) => {
                    self.state.halted = Some(Arc::from(OPERATOR));
                    self.halted = Some((*level, act.clone()));
                    if *level == HaltLevel::All {
                        self.rails.halt = Halt::All(act.why.clone());
                    }
                }
                Act::Resume => {
                    self.state.resume();
                    self.halted = None;
                    self.rails.halt = Halt::None;
                }
                Act::Add { number, instruction } => self.add_overlay(*number, instruction, &act, at),
                Act::Drop(number) => self.drop_overlay(*number, &act, at),
            }
            self.recorder
                .output
                .manifest
                .operator
                .push(OperatorAct { at, ..act });
        }
    }

    fn note_version(&mut self, tick: u32, at: Instant, swap: Option<&Swap>) {
        let version = self.version();
        let source = swap.and_then(|s| s.file.as_ref()).map(|file| {
            let short: String = file.hash.chars().take(12).collect();
            let name = format!("{SWAPS}{version:04}-{short}.yaml");
            self.recorder
                .output
                .inputs
                .insert(name.clone(), file.bytes.clone());
            name
        });
        self.recorder.output.versions.push(VersionRow {
            version,
            tick,
            at,
            hash: self.set.hash_hex(),
            source: source.unwrap_or_default(),
            entries: swap.map_or(Entries::Wait, |s| s.entries),
            names: self
                .setup
                .plan
                .graph()
                .thresholds
                .iter()
                .map(|t| t.name.clone())
                .collect(),
            values: self.set.values().to_vec(),
        });
    }

    /// Entries that call at a tick with the values in force before a change: what the market alone brings about.
    fn called_without(&mut self, at: Instant, views: &Views) -> Result<BTreeSet<Arc<str>>, RunError> {
        let mut driver = self.driver.clone();
        let mut state = self.state.clone();
        let mut cells = self.cells.clone();
        let mut trace = Trace::default();
        let plan = &self.setup.plan;
        driver.advance((plan, &self.setup.data), at, views);
        driver.cells(plan, self.setup.warm_up + self.tick, &mut cells);
        let prices = if plan.linear().is_empty() {
            LinearMarket::default()
        } else {
            self.linear.market(plan, self.setup.history, at)?
        };
        let tick = Tick {
            at,
            number: u32::try_from(self.tick).unwrap_or(u32::MAX),
            views,
            linear: &prices,
        };
        let decision = step(
            plan,
            &mut state,
            &tick,
            &mut cells,
            &self.book,
            self.setup.rulebook,
            &mut trace,
        );
        let calls = decision.outcomes.into_iter().filter(|o| {
            o.kind == RuleKind::Open
                && o.condition.truth() == Some(true)
                && o.require.is_none_or(|r| r.truth() == Some(true))
        });
        let waiting: BTreeSet<&str> = state.waiting().collect();
        // Who waits since an earlier change goes on waiting.
        Ok(calls
            .map(|o| o.key)
            .filter(|key| !waiting.contains(&**key))
            .collect())
    }

    fn decide(&mut self, at: Instant, number: usize, views: &Views) -> Result<(), RunError> {
        let setup = &self.setup;
        if views
            .first()
            .and_then(Option::as_ref)
            .is_none_or(|v| v.snapshot.expiries.is_empty())
        {
            self.empty.push(at);
        }
        self.driver.advance((&setup.plan, &setup.data), at, views);
        self.driver.cells(&setup.plan, number, &mut self.cells);
        let tick_number = u32::try_from(self.tick).unwrap_or(u32::MAX);
        if !setup.plan.linear().is_empty() {
            self.prices = self.linear.market(&setup.plan, setup.history, at)?;
        }
        let tick = Tick {
            at,
            number: tick_number,
            views,
            linear: &self.prices,
        };
        let alone = operator::without(setup, &self.state, &tick, &self.cells, &self.book);
        let decision = step(
            &setup.plan,
            &mut self.state,
            &tick,
            &mut self.cells,
            &self.book,
            setup.rulebook,
            &mut self.trace,
        );
        let rows = &mut self.recorder.output;
        operator::note(rows, &tick, (&decision, alone));
        self.guards.note(&decision);
        let cells = (self.cells.as_slice(), self.hashed.as_slice());
        self.chain.tick(at, cells, (&decision, &self.state), &self.book);
        let mut submitted: Vec<Result<OrderId, Refused>> = Vec::new();
        for request in &decision.orders {
            if let Err(why) = self.passes(at, views, &decision, gate::Wanted::Package(request)) {
                submitted.push(Err(why));
                continue;
            }
            match self.book.submit(request.clone()) {
                Ok(id) => {
                    self.recorder.order(&id, request, &self.book);
                    submitted.push(Ok(id));
                }
                Err(why) => submitted.push(Err(Refused::Book(why.to_string()))),
            }
        }
        let mut linear: Vec<Result<OrderId, Refused>> = Vec::new();
        for request in &decision.linear {
            if let Err(why) = self.passes(at, views, &decision, gate::Wanted::Linear(request)) {
                linear.push(Err(why));
                continue;
            }
            match self.book.submit_linear(request.clone()) {
                Ok(id) => {
                    self.recorder.linear_order(&id, request);
                    linear.push(Ok(id));
                }
                Err(why) => linear.push(Err(Refused::Book(why.to_string()))),
            }
        }
        let submitted = Submitted {
            orders: submitted,
            linear,
        };
        let equity = self.book.equity().share;
        self.recorder
            .decision(tick_number, &decision, &submitted, equity, self.chain.hex());
        self.newest = Some(decision);
        self.tick += 1;
        if self.book.config().same_bar {
            self.fill_and_mark(at, views, None)?;
        }
        Ok(())
    }

    /// Settles what is due at an instant.
    fn settle(&mut self, now: Instant, outside: Whoever<'_>) -> Result<(), RunError> {
        let history = self.setup.history;
        let failed: RefCell<Option<HistoryError>> = RefCell::new(None);
        let value = |root: Root, expiry: Date| -> Option<SettlementValue> {
            history.settlement(root, expiry).unwrap_or_else(|e| {
                failed.borrow_mut().get_or_insert(e);
                None
            })
        };
        let result = self.book.settle(now, &value);
        if let Some(e) = failed.into_inner() {
            return Err(RunError::from(e).at(now));
        }
        let events = result.map_err(|e| RunError::from(e).at(now))?;
        self.recorder.events(&events);
        let events = self.linear.advance(&mut self.book, history, now, outside)?;
        self.recorder.linear_events(&events);
        Ok(())
    }

    /// The end of the session at hand: what expired during it is settled, the account is recorded.
    fn end_day(&mut self, outside: Whoever<'_>) -> Result<(), RunError> {
        let Some(Session { date, seen }) = self.day.take() else {
            return Ok(());
        };
        // A run that is stopped within a session ends there.
        let end = end_of_day(date).min(self.setup.last_instant);
        self.settle(end, outside)?;
        self.book.check().map_err(|e| RunError::from(e).at(end))?;
        self.recorder.observe(&self.book, None);
        if let Some((at, views)) = seen {
            let sight = Sight::new(&self.setup.plan, at, &views, self.setup.rulebook)
                .with_linear(&self.prices)
                .with_mapping(Mapping::of_account(&self.setup.plan, &self.cells));
            self.recorder.day(date, at, &self.book, Some(&sight));
        }
        Ok(())
    }

    /// Ends the run where it stands: the snapshots that have not been visited are left out, and the manifest says where it
    /// stopped. A run that has visited all of them is not changed.
    pub fn stop_here(&mut self) {
        if self.done >= self.setup.visited.len() {
            return;
        }
        let begin = self
            .setup
            .visited
            .first()
            .map_or(Instant(i64::MIN), |t| Instant(t.0 - 1));
        let newest = self.done.checked_sub(1).and_then(|i| self.setup.visited.get(i));
        self.stop_at(newest.copied().unwrap_or(begin));
    }

    /// Leaves out every snapshot after an instant.
    pub(crate) fn stop_at(&mut self, until: Instant) {
        let setup = &mut self.setup;
        setup.visited.retain(|t| *t <= until);
        setup.last_instant = setup.last_instant.min(until);
        setup.manifest.stopped = Some(until);
        setup.manifest.to = Some(until.date());
        setup.manifest.gaps.retain(|d| *d <= until.date());
        setup.identity.insert("to".to_owned(), until.date().to_string());
        setup.identity.insert("stopped".to_owned(), until.0.to_string());
    }

    /// Ends the run: the rest of the last session and of the period, then everything that is known at the end alone.
    ///
    /// # Errors
    /// When a settlement is missing or the books do not add up.
    pub fn finish(self) -> Result<RunOutput, RunError> {
        crate::backtest::with_twin(self, &mut Shared::default())
    }

    /// The strategy.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        self.setup.plan.graph()
    }

    /// The run so far as far as explanations need it: ticks, decisions, positions, and what was read.
    #[must_use]
    pub fn so_far(&self) -> RunOutput {
        let mut recorder = self.recorder.clone();
        recorder.positions(&self.book);
        read(&mut recorder, &self.setup, &self.driver, (self.began, self.tick));
        recorder.cells(&mut self.trace.cells.clone());
        let mut output = recorder.output;
        output.manifest = self.setup.manifest.clone();
        output
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

    pub(crate) fn applied(&self) -> &[Swap] {
        &self.applied
    }

    pub(crate) fn finish_with(mut self, shared: &mut Shared<'a>) -> Result<RunOutput, RunError> {
        let end = self.setup.last_instant;
        self.end_day(None)?;
        self.settle(end, None)?;
        self.book.check().map_err(|e| RunError::from(e).at(end))?;
        self.recorder.last_day(&self.book);
        self.book.audit()?;
        let Self {
            mut setup,
            book,
            snapshots,
            driver,
            trace,
            mut recorder,
            guards,
            mut chain,
            tick,
            done,
            empty,
            applied,
            filled_by,
            rails,
            stopped,
            began,
            ..
        } = self;
        recorder.positions(&book);
        recorder.add_up(&book).map_err(|e| e.at(end))?;
        let rows = &mut recorder.output;
        crate::overlay::add_up(&mut rows.overlays, &rows.overlay_changes, &rows.positions);
        chain.end(&book);
        read(&mut recorder, &setup, &driver, (began, tick));
        setup.manifest.first_tick = setup.decided(tick).first().copied();
        setup.manifest.last_tick = setup.decided(tick).last().copied();
        let mut cells = trace.cells;
        recorder.cells(&mut cells);
        setup.manifest.ticks = u64::try_from(tick).unwrap_or(u64::MAX);
        setup.manifest.chain = chain.hex();
        setup.manifest.empty_chains = empty;
        let ticks = setup.decided(tick);
        setup.manifest.marks = marks::of(&Facts {
            plan: &setup.plan,
            data: &setup.data,
            manifest: &setup.manifest,
            book: &book,
            guards: &guards,
            calls: &recorder.output.margin_calls,
            cut: setup.cut.as_deref(),
            absent: &setup.absent,
            warming_up: &warm_up::of(
                &setup.plan,
                &setup.data,
                setup
                    .ticks
                    .get(..setup.warm_up + ticks.len())
                    .unwrap_or(&setup.ticks),
                setup.warm_up,
            ),
            plugins: setup.registry.plugins(),
            without_rate: snapshots.without_rate,
            visited: setup.visited.get(..done).unwrap_or(&setup.visited),
            ticks,
        });
        if let Some(by) = &filled_by {
            let how = if by.starts_with("ibkr") {
                "as it told them"
            } else {
                "which simulates them from the quotes of the run"
            };
            setup
                .manifest
                .marks
                .push(format!("fills: by the broker `{by}`, {how}"));
        }
        setup.manifest.marks.extend(gate::mark(&rails.limits, stopped));
        let (strategies, thresholds): (Vec<&Swap>, Vec<&Swap>) =
            applied.iter().partition(|s| s.rules.is_some());
        if !strategies.is_empty() {
            let times = times(strategies.len());
            setup.manifest.marks.push(format!(
                "strategy: changed {times} while the run was under way; `strategies.csv` says what was in force when"
            ));
        }
        let changes = thresholds.len();
        if changes > 0 {
            let times = times(changes);
            setup.manifest.marks.push(format!(
                "thresholds: changed {times} while the run was under way; `thresholds.csv` says what was in force when"
            ));
        }
        for act in &recorder.output.manifest.operator {
            let why = if act.why.is_empty() {
                String::new()
            } else {
                format!(": {}", act.why)
            };
            setup.manifest.marks.push(format!(
                "operator: {}{} at {}{why}",
                act.act.text(),
                by(&act.who),
                act.at
            ));
        }
        setup.manifest.upgrades = std::mem::take(&mut recorder.output.manifest.upgrades);
        for row in &setup.manifest.upgrades {
            let short = row.sha256.get(..12).unwrap_or_default();
            let agreed = match row.difference.as_str() {
                "" => "it gives what the build before gave".to_owned(),
                difference => format!("taken although {difference}"),
            };
            setup.manifest.marks.push(format!(
                "plugin: `{}` is build {short} from {} on; {agreed}",
                row.plugin, row.at
            ));
        }
        if let Some(at) = setup.manifest.stopped {
            setup.manifest.marks.push(format!(
                "stopped: the run was stopped at {at}, before the end of what it was to visit"
            ));
        }
        shared.snapshots = shared.keep.then_some(snapshots);
        setup.manifest.operator = std::mem::take(&mut recorder.output.manifest.operator);
        let changed = !applied.is_empty() || !setup.manifest.upgrades.is_empty();
        if setup.manifest.stopped.is_some() || changed || !setup.manifest.operator.is_empty() {
            for (i, row) in setup.manifest.upgrades.iter().enumerate() {
                let text = format!("{} {} {}", row.at.0, row.plugin, row.sha256);
                setup.identity.insert(format!("plugin {i:06}"), text);
            }
            for (i, act) in setup.manifest.operator.iter().enumerate() {
                let text = format!("{} {} {}{}", act.at.0, act.act.text(), act.who, act.why);
                setup.identity.insert(format!("operator {i:06}"), text);
            }
            for (i, row) in recorder.output.versions.iter().enumerate().skip(1) {
                setup.identity.insert(
                    format!("thresholds {i:06}"),
                    format!("{} {} {}", row.at.0, row.hash, row.entries.word()),
                );
            }
            for (i, row) in recorder.output.strategies.iter().enumerate().skip(1) {
                let text = format!("{} {} {} {}", row.at.0, row.hash, row.entries.word(), row.carried);
                setup.identity.insert(format!("strategy {i:06}"), text);
            }
            setup.manifest.run_id = manifest::run_id(&setup.identity);
        }
        let mut output = recorder.output;
        let inputs = setup.inputs;
        let files = inputs
            .sources
            .into_iter()
            .chain(inputs.thresholds)
            .chain(inputs.scripts);
        output.inputs.extend(files);
        output.manifest = setup.manifest;
        Ok(output)
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
