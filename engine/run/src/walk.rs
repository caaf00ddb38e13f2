//! The tick loop.
//!
//! At each snapshot: settle what expired before it, fill orders of earlier ticks, mark, check the invariants; at a tick also
//! decide and submit. At the end of each session what expired during it is settled and the account is recorded. Sessions
//! without a snapshot are not invented: positions keep their last mark, and the manifest lists the gap.

use crate::backtest::{BacktestRequest, Progress, end_of_day};
use crate::data::Snapshots;
use crate::error::RunError;
use crate::futures::LinearFeed;
use crate::hash::Chain;
use crate::marks::{self, Facts, GuardActs};
use crate::output::{Manifest, Mode, RunOutput};
use crate::record::{Recorder, Submitted};
use alula_book::{Book, OrderId, Rulebook};
use alula_core::batch::Batch;
use alula_core::linear::LinearMarket;
use alula_core::market::{Grids, MarketData, Rows, ViewSource, Views};
use alula_core::observe::Sight;
use alula_core::plan::Plan;
use alula_core::state::State;
use alula_core::step::{Tick, step};
use alula_core::stream::{Event, Stream, schedule};
use alula_core::trace::Trace;
use alula_core::value::{Cause, Cell};
use alula_core::vega::Mapping;
use alula_dsl::graph::{Clock, Domain};
use alula_market::contract::{Root, SettlementValue};
use alula_market::history::HistoryError;
use alula_market::time::{Date, Instant};
use std::cell::RefCell;
use std::sync::Arc;

/// What the runs of a sweep have in common: the same market, whatever the thresholds.
#[derive(Default)]
pub struct Shared<'a> {
    /// There are more runs to come.
    keep: bool,
    snapshots: Option<Snapshots<'a>>,
    /// Columns of the market's nodes; of thresholds they hold the first run's values.
    batch: Option<Arc<Batch>>,
}

impl Shared<'_> {
    /// For several runs.
    pub fn kept() -> Self {
        Self {
            keep: true,
            ..Self::default()
        }
    }
}

/// A run about to start.
pub struct Walk<'r, 'a> {
    pub request: &'r mut BacktestRequest<'a>,
    pub shared: &'r mut Shared<'a>,
    pub plan: Plan,
    pub data: MarketData,
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
    pub book: Book,
    pub rulebook: Rulebook,
    pub manifest: Manifest,
    /// Last second of the period.
    pub last_instant: Instant,
}

/// The market's nodes, by either driver.
enum Driver {
    Batch {
        batch: Arc<Batch>,
        /// Nodes whose columns are of another run: its thresholds.
        slots: Vec<usize>,
    },
    Stream {
        stream: Box<Stream>,
        events: Vec<(Instant, Event)>,
        next: usize,
    },
}

impl Driver {
    fn new(walk: &mut Walk<'_, '_>, snapshots: &mut Snapshots<'_>) -> Result<Self, RunError> {
        match walk.request.mode {
            Mode::Batch => {
                if let Some(batch) = &walk.shared.batch {
                    return Ok(Self::Batch {
                        batch: Arc::clone(batch),
                        slots: walk.plan.threshold_nodes().collect(),
                    });
                }
                let batch = Batch::run(&walk.plan, &walk.data, &walk.ticks, snapshots)?;
                let batch = Arc::new(batch);
                if walk.shared.keep && !walk.plan.market_reads_thresholds() {
                    walk.shared.batch = Some(Arc::clone(&batch));
                }
                Ok(Self::Batch {
                    batch,
                    slots: Vec::new(),
                })
            }
            mode @ (Mode::Streaming | Mode::Permuted) => {
                let grids = Grids::new(&walk.plan, &walk.data, &walk.ticks);
                let last = walk.ticks.last().copied().unwrap_or(Instant(i64::MIN));
                let mut events = schedule(&walk.data, &grids, last);
                if mode == Mode::Permuted {
                    permute(&mut events);
                }
                let mut driver = Self::Stream {
                    stream: Box::new(Stream::new(&walk.plan, grids)),
                    events,
                    next: 0,
                };
                for at in walk.ticks.iter().take(walk.warm_up) {
                    let views = if walk.plan.reads_chains() {
                        snapshots.views(*at)?
                    } else {
                        Vec::new().into()
                    };
                    driver.advance(walk, *at, &views);
                    snapshots.release(*at);
                }
                Ok(driver)
            }
        }
    }

    /// Streaming: takes every event up to a tick, then the tick.
    fn advance(&mut self, walk: &Walk<'_, '_>, at: Instant, views: &Views) {
        let Self::Stream { stream, events, next } = self else {
            return;
        };
        while let Some((now, _)) = events.get(*next).filter(|(t, _)| *t <= at).copied() {
            while let Some((_, event)) = events.get(*next).filter(|(t, _)| *t == now) {
                stream.push(&walk.plan, &walk.data, now, *event);
                *next += 1;
            }
            stream.settle(&walk.plan, now);
        }
        stream.tick(&walk.plan, &walk.data, at, views);
    }

    fn cells(&self, plan: &Plan, tick: usize, cells: &mut [Cell]) {
        match self {
            Self::Batch { batch, slots } => {
                batch.cells(plan, tick, cells);
                for &index in slots {
                    let value = plan.nodes().get(index).and_then(|n| plan.fixed(n));
                    if let (Some(cell), Some(value)) = (cells.get_mut(index), value) {
                        *cell = value;
                    }
                }
            }
            Self::Stream { stream, .. } => stream.cells(plan, cells),
        }
    }

    fn rows(&self, plan: &Plan, node: usize) -> Option<Rows<'_>> {
        match self {
            Self::Batch { batch, .. } => batch.rows(node),
            Self::Stream { stream, .. } => stream.rows(plan, node),
        }
    }
}

/// Turns the order of events of one instant around; bars of one series stay in order.
fn permute(events: &mut [(Instant, Event)]) {
    let key = |event: &Event| match event {
        Event::SessionEnd(row) => (0, *row),
        Event::Bar { series, bar } => (usize::MAX - series, *bar),
    };
    events.sort_by(|(a, x), (b, y)| (a, key(x)).cmp(&(b, key(y))));
}

/// A session under way.
struct Session {
    date: Date,
    /// Its newest tick and what was seen there.
    seen: Option<(Instant, Arc<Views>)>,
}

/// What the loop carries from snapshot to snapshot.
struct Turn<'a> {
    snapshots: Snapshots<'a>,
    driver: Driver,
    state: State,
    trace: Trace,
    recorder: Recorder,
    guards: GuardActs,
    chain: Chain,
    /// Number of the next tick of the period.
    tick: usize,
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
}

impl<'a> Walk<'_, 'a> {
    pub fn run(mut self) -> Result<RunOutput, RunError> {
        let keep = self.shared.keep;
        let snapshots = self.shared.snapshots.take();
        let mut snapshots =
            snapshots.unwrap_or_else(|| Snapshots::new(&self.plan, self.request.history, keep));
        snapshots.without_rate = false;
        let driver = Driver::new(&mut self, &mut snapshots)?;
        let mut turn = Turn {
            snapshots,
            driver,
            state: State::new(&self.plan),
            trace: Trace::default(),
            recorder: Recorder::new(self.plan.graph(), self.book.config().capital),
            guards: GuardActs::default(),
            chain: Chain::new(),
            tick: 0,
            cells: vec![Cell::missing(Cause::NoData); self.plan.nodes().len()],
            hashed: hashed(&self.plan),
            day: None,
            empty: Vec::new(),
            linear: LinearFeed::default(),
            prices: LinearMarket::default(),
        };
        let visited = std::mem::take(&mut self.visited);
        let total = visited.len();
        for (done, &at) in visited.iter().enumerate() {
            let date = at.date();
            if turn.day.as_ref().map(|d| d.date) != Some(date) {
                self.end_day(&mut turn)?;
                turn.day = Some(Session { date, seen: None });
                (self.request.progress)(Progress { done, total, date });
            }
            self.visit(&mut turn, at)
                .map_err(|e| if e.at.is_some() { e } else { e.at(at) })?;
        }
        self.end_day(&mut turn)?;
        self.settle(&mut turn, self.last_instant)?;
        self.book
            .check()
            .map_err(|e| RunError::from(e).at(self.last_instant))?;
        turn.recorder.last_day(&self.book);
        let date = self.last_instant.date();
        (self.request.progress)(Progress {
            done: total,
            total,
            date,
        });
        self.visited = visited;
        self.finish(turn)
    }

    /// One snapshot.
    fn visit(&mut self, turn: &mut Turn<'a>, at: Instant) -> Result<(), RunError> {
        self.settle(turn, at)?;
        let number = self.warm_up + turn.tick;
        let is_tick = self.ticks.get(number) == Some(&at);
        let at_work = !self.book.orders().is_empty() || !self.book.ledger().orders().is_empty();
        if !is_tick && !at_work {
            return Ok(());
        }
        let views = turn.snapshots.views(at)?;
        self.fill_and_mark(turn, at, &views)?;
        if is_tick {
            self.tick(turn, at, number, &views)?;
            if let Some(day) = &mut turn.day {
                day.seen = Some((at, views));
            }
        }
        turn.snapshots.release(at);
        Ok(())
    }

    fn fill_and_mark(&mut self, turn: &mut Turn<'a>, at: Instant, views: &Views) -> Result<(), RunError> {
        for view in views.iter().flatten() {
            let events = self.book.on_snapshot(&view.snapshot);
            turn.recorder.events(&events);
            self.book.mark(&view.snapshot);
        }
        let events = turn.linear.on_snapshot(&mut self.book, &self.plan, views, at);
        turn.recorder.linear_events(&events);
        self.book.check()?;
        let sight = Sight::new(&self.plan, at, views, self.rulebook);
        turn.recorder.observe(&self.book, Some(&sight));
        Ok(())
    }

    fn tick(
        &mut self,
        turn: &mut Turn<'a>,
        at: Instant,
        number: usize,
        views: &Views,
    ) -> Result<(), RunError> {
        if views
            .first()
            .and_then(Option::as_ref)
            .is_none_or(|v| v.snapshot.expiries.is_empty())
        {
            turn.empty.push(at);
        }
        turn.driver.advance(self, at, views);
        turn.driver.cells(&self.plan, number, &mut turn.cells);
        let tick_number = u32::try_from(turn.tick).unwrap_or(u32::MAX);
        if !self.plan.linear().is_empty() {
            turn.prices = turn.linear.market(&self.plan, self.request.history, at)?;
        }
        let tick = Tick {
            at,
            number: tick_number,
            views,
            linear: &turn.prices,
        };
        let decision = step(
            &self.plan,
            &mut turn.state,
            &tick,
            &mut turn.cells,
            &self.book,
            self.rulebook,
            &mut turn.trace,
        );
        turn.guards.note(&decision);
        let cells = (turn.cells.as_slice(), turn.hashed.as_slice());
        turn.chain.tick(at, cells, (&decision, &turn.state), &self.book);
        let mut submitted: Vec<Result<OrderId, String>> = Vec::new();
        for request in &decision.orders {
            match self.book.submit(request.clone()) {
                Ok(id) => {
                    turn.recorder.order(&id, request, &self.book);
                    submitted.push(Ok(id));
                }
                Err(why) => submitted.push(Err(why.to_string())),
            }
        }
        let mut linear: Vec<Result<OrderId, String>> = Vec::new();
        for request in &decision.linear {
            match self.book.submit_linear(request.clone()) {
                Ok(id) => {
                    turn.recorder.linear_order(&id, request);
                    linear.push(Ok(id));
                }
                Err(why) => linear.push(Err(why.to_string())),
            }
        }
        let submitted = Submitted {
            orders: submitted,
            linear,
        };
        let equity = self.book.equity().share;
        turn.recorder
            .decision(tick_number, &decision, &submitted, equity, turn.chain.hex());
        turn.tick += 1;
        if self.book.config().same_bar {
            self.fill_and_mark(turn, at, views)?;
        }
        Ok(())
    }

    /// Settles what is due at an instant.
    fn settle(&mut self, turn: &mut Turn<'a>, now: Instant) -> Result<(), RunError> {
        let history = self.request.history;
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
        turn.recorder.events(&events);
        let events = turn.linear.advance(&mut self.book, history, now)?;
        turn.recorder.linear_events(&events);
        Ok(())
    }

    /// The end of the session at hand: what expired during it is settled, the account is recorded.
    fn end_day(&mut self, turn: &mut Turn<'a>) -> Result<(), RunError> {
        let Some(Session { date, seen }) = turn.day.take() else {
            return Ok(());
        };
        self.settle(turn, end_of_day(date))?;
        self.book
            .check()
            .map_err(|e| RunError::from(e).at(end_of_day(date)))?;
        turn.recorder.observe(&self.book, None);
        if let Some((at, views)) = seen {
            let sight = Sight::new(&self.plan, at, &views, self.rulebook)
                .with_linear(&turn.prices)
                .with_mapping(Mapping::of_account(&self.plan, &turn.cells));
            turn.recorder.day(date, at, &self.book, Some(&sight));
        }
        Ok(())
    }

    fn finish(mut self, turn: Turn<'a>) -> Result<RunOutput, RunError> {
        self.book.audit()?;
        let Turn {
            mut recorder,
            driver,
            trace,
            mut chain,
            snapshots,
            empty,
            guards,
            tick,
            ..
        } = turn;
        recorder.positions(&self.book);
        recorder.add_up(&self.book).map_err(|e| e.at(self.last_instant))?;
        chain.end(&self.book);
        recorder.nodes(&self.plan);
        let ticks = self.ticks.get(self.warm_up..).unwrap_or_default();
        if let (Some(first), Some(last)) = (ticks.first().copied(), ticks.last().copied()) {
            recorder.rows(&self.plan, |i| driver.rows(&self.plan, i), (first, last));
            self.manifest.first_tick = Some(first);
            self.manifest.last_tick = Some(last);
        }
        let mut cells = trace.cells;
        recorder.output.trace.append(&mut cells);
        self.manifest.ticks = u64::try_from(tick).unwrap_or(u64::MAX);
        self.manifest.chain = chain.hex();
        self.manifest.empty_chains = empty;
        self.manifest.marks = marks::of(&Facts {
            plan: &self.plan,
            data: &self.data,
            manifest: &self.manifest,
            book: &self.book,
            guards: &guards,
            calls: &recorder.output.margin_calls,
            cut: self.cut.as_deref(),
            absent: &self.absent,
            plugins: self.request.registry.plugins(),
            without_rate: snapshots.without_rate,
            visited: &self.visited,
            ticks: self.ticks.get(self.warm_up..).unwrap_or_default(),
        });
        self.shared.snapshots = self.shared.keep.then_some(snapshots);
        let mut output = recorder.output;
        let inputs = &self.request.inputs;
        let files = inputs
            .sources
            .iter()
            .chain(&inputs.thresholds)
            .chain(&inputs.scripts);
        output.inputs = files.cloned().collect();
        output.manifest = self.manifest;
        Ok(output)
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
