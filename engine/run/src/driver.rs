//! The market's nodes, by either driver: whole columns, or event by event.

use crate::crank::{Setup, Shared};
use crate::data::Snapshots;
use crate::error::RunError;
use crate::output::Mode;
use alula_core::batch::Batch;
use alula_core::market::{Grids, MarketData, Rows, ViewSource, Views};
use alula_core::plan::Plan;
use alula_core::stream::{Event, Stream, schedule};
use alula_core::value::Cell;
use alula_market::time::Instant;
use std::sync::Arc;

/// The market's nodes, by either driver.
#[derive(Clone)]
pub enum Driver {
    Batch {
        batch: Arc<Batch>,
        /// Nodes whose columns are of another run: its thresholds.
        slots: Vec<usize>,
    },
    Stream {
        stream: Box<Stream>,
        events: Arc<[(Instant, Event)]>,
        next: usize,
    },
}

impl Driver {
    /// At the first tick of the period: what comes before it has been taken.
    pub fn new(
        setup: &Setup<'_>,
        snapshots: &mut Snapshots<'_>,
        shared: &mut Shared<'_>,
    ) -> Result<Self, RunError> {
        match setup.mode {
            Mode::Batch => {
                if let Some(batch) = &shared.batch {
                    return Ok(Self::Batch {
                        batch: Arc::clone(batch),
                        slots: setup.plan.threshold_nodes().collect(),
                    });
                }
                let batch = Batch::run(&setup.plan, &setup.data, &setup.ticks, snapshots)?;
                let batch = Arc::new(batch);
                if shared.keep && !setup.plan.market_reads_thresholds() {
                    shared.batch = Some(Arc::clone(&batch));
                }
                Ok(Self::Batch {
                    batch,
                    slots: Vec::new(),
                })
            }
            mode @ (Mode::Streaming | Mode::Permuted) => {
                let mut driver = Self::events((&setup.plan, &setup.data), &setup.ticks, mode);
                for at in setup.ticks.iter().take(setup.warm_up) {
                    driver.walk((&setup.plan, &setup.data), *at, snapshots)?;
                }
                Ok(driver)
            }
        }
    }

    /// Streaming, before the first tick of all.
    pub fn before(setup: &Setup<'_>, plan: &Plan) -> Self {
        Self::events((plan, &setup.data), &setup.ticks, setup.mode)
    }

    /// Whole columns over these ticks.
    pub fn columns(
        (plan, data): (&Plan, &MarketData),
        ticks: &[Instant],
        snapshots: &mut Snapshots<'_>,
    ) -> Result<Self, RunError> {
        Ok(Self::Batch {
            batch: Arc::new(Batch::run(plan, data, ticks, snapshots)?),
            slots: Vec::new(),
        })
    }

    /// Event by event, before the first one.
    pub fn events((plan, data): (&Plan, &MarketData), ticks: &[Instant], mode: Mode) -> Self {
        let grids = Grids::new(plan, data, ticks);
        let last = ticks.last().copied().unwrap_or(Instant(i64::MIN));
        let mut events = schedule(data, &grids, last);
        if mode == Mode::Permuted {
            permute(&mut events);
        }
        Self::Stream {
            stream: Box::new(Stream::new(plan, grids)),
            events: events.into(),
            next: 0,
        }
    }

    /// A tick at which nothing is decided: what the market's nodes remember of it.
    pub fn walk(
        &mut self,
        (plan, data): (&Plan, &MarketData),
        at: Instant,
        snapshots: &mut Snapshots<'_>,
    ) -> Result<(), RunError> {
        let views = if plan.reads_chains() {
            snapshots.views(at)?
        } else {
            Vec::new().into()
        };
        self.advance((plan, data), at, &views);
        snapshots.release(at);
        Ok(())
    }

    /// Streaming: takes every event up to a tick, then the tick.
    pub fn advance(&mut self, (plan, data): (&Plan, &MarketData), at: Instant, views: &Views) {
        self.events_until((plan, data), at);
        if let Self::Stream { stream, .. } = self {
            stream.tick(plan, data, at, views);
        }
    }

    /// Streaming: takes every event up to an instant.
    pub fn events_until(&mut self, (plan, data): (&Plan, &MarketData), at: Instant) {
        let Self::Stream { stream, events, next } = self else {
            return;
        };
        while let Some((now, _)) = events.get(*next).filter(|(t, _)| *t <= at).copied() {
            while let Some((_, event)) = events.get(*next).filter(|(t, _)| *t == now) {
                stream.push(plan, data, now, *event);
                *next += 1;
            }
            stream.settle(plan, now);
        }
    }

    /// The data have more bars than before, each known after the newest tick.
    pub fn grown(&mut self, data: &MarketData) {
        if let Self::Stream { stream, events, .. } = self {
            // Those that were taken come first, as they did: what is new is known later than they were.
            *events = schedule(data, stream.grids(), Instant(i64::MAX)).into();
        }
    }

    /// The values of thresholds were replaced: what is computed from now on uses the new ones.
    pub fn swapped(&mut self, plan: &Plan) {
        if let Self::Stream { stream, .. } = self {
            stream.constants(plan);
        }
    }

    /// The cells of a tick by node number.
    pub fn cells(&self, plan: &Plan, tick: usize, cells: &mut [Cell]) {
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

    /// Rows of a node.
    pub fn rows(&self, plan: &Plan, node: usize) -> Option<Rows<'_>> {
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
