//! What the layers of hedges remember between ticks: their switches, the share granted, what each position was chosen as,
//! and what was spent in the calendar month and year.

use alula_book::instrument::{Flow, Ledger, LinearExecution, LinearPosition};
use alula_book::{Book, Execution, ExecutionKind, PositionId};
use alula_market::money::Usd;
use alula_market::time::{Date, Instant};
use chrono::Datelike;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the contracts of a position were chosen as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sleeve {
    /// From what the layer rotates into, not from its own.
    pub rotated: bool,
    /// In this monthly expiry from the front, by migration.
    pub month: Option<u8>,
}

/// Spending of one calendar month and year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    period: (i32, u32),
    month: Usd,
    year: Usd,
    /// Variation of futures on balance, what was paid above zero.
    month_flow: Usd,
    year_flow: Usd,
}

impl Spent {
    fn enter(&mut self, on: Date) {
        let (year, month) = (on.year(), on.month());
        if self.period == (year, month) {
            return;
        }
        if self.period.0 != year {
            self.year = Usd::ZERO;
            self.year_flow = Usd::ZERO;
        }
        self.month = Usd::ZERO;
        self.month_flow = Usd::ZERO;
        self.period = (year, month);
    }

    fn add(&mut self, on: Date, amount: Usd) {
        self.enter(on);
        self.month += amount;
        self.year += amount;
    }

    /// Variation and final settlement of futures.
    fn flow(&mut self, on: Date, cash: Usd) {
        self.enter(on);
        self.month_flow += -cash;
        self.year_flow += -cash;
    }

    /// Spent in the month and in the year of a date. Of futures what variation cost on balance: its gains refund its losses
    /// within the period, and nothing else.
    #[must_use]
    pub fn at(mut self, on: Date) -> (Usd, Usd) {
        self.enter(on);
        (
            self.month + self.month_flow.max(Usd::ZERO),
            self.year + self.year_flow.max(Usd::ZERO),
        )
    }
}

/// What one layer remembers.
#[derive(Clone, Debug, Default)]
pub struct LayerState {
    /// `active` when last known.
    pub active: bool,
    /// `rotate` when last known.
    pub rotated: bool,
    /// `migrate` when last known.
    pub migrated: bool,
    /// Amount held when the migration in force began: what its share is a share of.
    pub(crate) migrating: Option<f64>,
    /// Share of a scaled size in force, and the one at the end of the session before.
    pub(crate) share: f64,
    pub(crate) share_before: f64,
    pub(crate) share_day: Option<Date>,
    /// What each open position was chosen as.
    pub(crate) sleeves: BTreeMap<PositionId, Sleeve>,
    /// What ordered packages were chosen as, by the tick and key of the order; of a roll, by its position too.
    ordered: Vec<(Instant, Arc<str>, Option<PositionId>, Sleeve)>,
    /// When the futures of each open position were last chosen.
    pub(crate) chosen: BTreeMap<PositionId, Date>,
    /// Period for which there is nothing left to roll.
    pub(crate) rolled: Option<i64>,
    /// Spending.
    pub(crate) spent: Spent,
}

impl LayerState {
    /// Takes note of what an order's package was chosen as.
    pub(crate) fn order(&mut self, at: Instant, key: Arc<str>, position: Option<PositionId>, sleeve: Sleeve) {
        self.ordered.push((at, key, position, sleeve));
    }

    /// The share of a scaled size, at most `step` away from that of the session before.
    pub(crate) fn step_share(&mut self, on: Date, wanted: f64, step: Option<f64>) -> f64 {
        if self.share_day != Some(on) {
            self.share_before = self.share;
            self.share_day = Some(on);
        }
        let (low, high) = step.map_or((0.0, f64::MAX), |s| {
            (self.share_before - s, self.share_before + s)
        });
        self.share = wanted.max(low).min(high);
        self.share
    }

    fn executed(&mut self, e: &Execution) {
        if matches!(e.kind, ExecutionKind::Open | ExecutionKind::Roll) {
            let rolled = (e.kind == ExecutionKind::Roll).then_some(e.position);
            let of = |o: &&(Instant, Arc<str>, Option<PositionId>, Sleeve)| {
                o.0 == e.decided_at && *o.1 == *e.key && o.2 == rolled
            };
            if let Some((_, _, _, sleeve)) = self.ordered.iter().find(of) {
                self.sleeves.insert(e.position, *sleeve);
            }
        }
        let paid = (-e.cash.share).max(Usd::ZERO) + e.fees.total();
        self.spent.add(e.at.date(), paid);
    }
}

impl LayerState {
    /// A trade, settlement or split of futures or shares.
    fn executed_linear(&mut self, ledger: &Ledger, e: &LinearExecution) {
        let day = e.at.date();
        self.spent.add(day, e.fees.total());
        // Shares are paid for, and what their sale brings is there again; a future's price is not money.
        self.spent.flow(day, e.cash.share);
        if e.flow != Flow::Trade {
            return;
        }
        let opens = ledger
            .position(e.position)
            .is_some_and(|p| p.opened_at == e.at && p.opened_by == e.key);
        let of = |o: &&(Instant, Arc<str>, Option<PositionId>, Sleeve)| {
            let fits = o.2.map_or(opens, |id| id == e.position);
            o.0 == e.decided_at && *o.1 == *e.key && fits
        };
        if let Some((_, _, _, sleeve)) = self.ordered.iter().find(of) {
            self.sleeves.insert(e.position, *sleeve);
            self.chosen.insert(e.position, day);
        }
    }
}

/// Every layer, by key.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    pub(crate) layers: BTreeMap<Arc<str>, LayerState>,
    /// Executions of the book that were taken note of.
    seen: usize,
    /// The same of futures and shares.
    seen_linear: usize,
}

impl Layers {
    /// With one state for each key.
    pub(crate) fn new(keys: impl Iterator<Item = Arc<str>>) -> Self {
        Self {
            layers: keys.map(|k| (k, LayerState::default())).collect(),
            seen: 0,
            seen_linear: 0,
        }
    }

    /// Moves to the layers of another strategy. One that is not there any more keeps what it has spent and forgets the rest:
    /// should it come back, its budget is not new.
    pub(crate) fn succeed(&mut self, keys: impl Iterator<Item = Arc<str>>) {
        let keys: Vec<Arc<str>> = keys.collect();
        for (key, layer) in &mut self.layers {
            if !keys.contains(key) {
                *layer = LayerState {
                    spent: layer.spent,
                    ..LayerState::default()
                };
            }
        }
        for key in keys {
            self.layers.entry(key).or_default();
        }
    }

    /// A layer's.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&LayerState> {
        self.layers.get(key)
    }

    /// Takes note of what was executed since.
    pub(crate) fn observe(&mut self, book: &Book) {
        let trades = book.trades();
        for execution in trades.iter().skip(self.seen) {
            if let Some(layer) = self.layers.get_mut(&execution.structure) {
                layer.executed(execution);
            }
        }
        self.seen = trades.len();
        let ledger = book.ledger();
        let linear = ledger.executions();
        for execution in linear.iter().skip(self.seen_linear) {
            if let Some(layer) = self.layers.get_mut(&execution.structure) {
                layer.executed_linear(ledger, execution);
            }
        }
        self.seen_linear = linear.len();
        let open = |id: &PositionId| {
            book.position(*id).is_some_and(alula_book::Position::is_open)
                || ledger.position(*id).is_some_and(LinearPosition::is_open)
        };
        for layer in self.layers.values_mut() {
            // Orders live for one snapshot; what is at work may still fill.
            let at_work = |at: Instant| {
                book.orders().iter().any(|o| o.request.decided_at == at)
                    || ledger.orders().iter().any(|o| o.request.decided_at == at)
            };
            layer.ordered.retain(|(at, ..)| at_work(*at));
            layer.sleeves.retain(|id, _| open(id));
            layer.chosen.retain(|id, _| open(id));
        }
    }
}
