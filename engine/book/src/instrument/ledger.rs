//! Holdings of futures and shares, and every flow of money that they cause.

mod check;
mod settle;
mod trade;

pub use settle::DayPrice;
pub use trade::QuoteOf;

use super::order::{LinearKind, LinearLeg, LinearOrder, LinearRefusal, LinearRequest, Unfilled};
use super::position::LinearPosition;
use crate::band::{Band, Cross};
use crate::fees::{Class, FeeDay, FeeLeg, FeeSchedule, Fees};
use crate::id::{OrderId, PositionId};
use alula_market::contract::{FutureContract, Instrument};
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use chrono::Datelike;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Settings of a ledger; fixed for its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerConfig {
    /// Share of the half-spread that fills and marks give up.
    pub cross: Cross,
    /// Fees: the account's dated table.
    pub fees: FeeSchedule,
    /// Orders may fill on the quotes of their decision.
    pub same_bar: bool,
    /// Settlement values that stand in for official ones are accepted: results are marked.
    pub settle_approximate: bool,
}

impl Default for LedgerConfig {
    /// Fills at mid, without fees.
    fn default() -> Self {
        Self {
            cross: Cross::MID,
            fees: FeeSchedule::none(),
            same_bar: false,
            settle_approximate: false,
        }
    }
}

/// What an execution was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flow {
    /// A trade.
    Trade,
    /// Daily settlement of a future: variation.
    Variation,
    /// Final settlement of a future.
    Final,
    /// A split; money for fractions of a share.
    Split,
}

impl Flow {
    /// All.
    pub const ALL: [Self; 4] = [Self::Trade, Self::Variation, Self::Final, Self::Split];

    /// Word used in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::Variation => "variation",
            Self::Final => "final",
            Self::Split => "split",
        }
    }
}

/// A trade, settlement or split of one instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearExecution {
    /// Executions of the ledger before it.
    pub sequence: u32,
    /// When.
    pub at: Instant,
    /// When it was decided; `at` for settlements and splits.
    pub decided_at: Instant,
    /// What.
    pub flow: Flow,
    /// Position.
    pub position: PositionId,
    /// Structure.
    pub structure: Arc<str>,
    /// Key of the rule; `settlement` or `split` otherwise.
    pub key: Arc<str>,
    /// Order; `None` for settlements and splits.
    pub order: Option<OrderId>,
    /// Instrument.
    pub instrument: Instrument,
    /// Change of the quantity held.
    pub quantity: i64,
    /// Price of a trade or settlement; of a share after a split.
    pub price: Band<Price>,
    /// Money that changed hands, before fees. Nothing for the trade of a future.
    pub cash: Band<Usd>,
    /// Fees, the same in all three bands.
    pub fees: Fees,
    /// It rests on an assumed spread or on a value that stands in for the official one.
    pub approximate: bool,
}

/// Identity of a holding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldingKey {
    /// Structure.
    pub structure: Arc<str>,
    /// Position.
    pub position: PositionId,
    /// Instrument.
    pub instrument: Instrument,
}

/// What is held of one instrument in one position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Contracts or shares: positive long, negative short. Zero only for a future that was closed and waits for its variation.
    pub quantity: i64,
    /// Futures: dollars of trades since the last settlement, not yet paid: minus quantity times price.
    pub unsettled: Band<Usd>,
    /// Average price of what is held, for display; money never depends on it.
    pub entry: Band<Price>,
    /// What getting rid of one would bring, or buying one back would cost.
    pub mark: Band<Price>,
    /// Quote of the mark.
    pub marked_at: Instant,
    /// Newest settlement price of a future.
    pub settled: Option<Price>,
}

/// What happened in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinearEvent {
    /// A trade, settlement or split.
    Executed(LinearExecution),
    /// An order could not fill on these quotes and stays at work.
    Waiting {
        /// Order.
        order: OrderId,
        /// Quotes.
        at: Instant,
        /// Why.
        reason: Unfilled,
    },
    /// An order ended without a fill.
    Cancelled {
        /// Order.
        order: OrderId,
        /// Quotes.
        at: Instant,
        /// Why.
        reason: Unfilled,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    cash: Band<Usd>,
    fees: Usd,
}

/// Holdings of futures and shares, orders on them, and the money they moved. Starts with none: capital is the book's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    config: LedgerConfig,
    orders: Vec<LinearOrder>,
    /// Those filled elsewhere that are over: more may be told of them.
    past: BTreeMap<OrderId, LinearOrder>,
    holdings: BTreeMap<HoldingKey, Holding>,
    open: BTreeMap<PositionId, LinearPosition>,
    closed: BTreeMap<PositionId, LinearPosition>,
    executions: Vec<LinearExecution>,
    totals: BTreeMap<Arc<str>, Totals>,
    cash: Band<Usd>,
    now: Option<Instant>,
    splits_until: Option<Date>,
    /// Month of the newest fill (months since year 0) and the futures traded in it: brokers' volume tiers.
    month: (i32, i64),
    /// Number of the account's next position, options' among them: it fills in both places, and one row counts them.
    next_position: u32,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new(LedgerConfig::default())
    }
}

/// A leg as the fee table sees it: each is charged alone.
fn fee_leg(instrument: &Instrument, quantity: i64, price: Price) -> FeeLeg {
    FeeLeg {
        symbol: instrument.class(),
        class: fee_class(instrument),
        ratio: i32::try_from(quantity).unwrap_or(i32::MAX),
        premium: price,
        closing: false,
    }
}

const fn fee_class(instrument: &Instrument) -> Class {
    match instrument {
        Instrument::Option(_) => Class::Option,
        Instrument::Future(_) => Class::Future,
        Instrument::Share(_) => Class::Share,
    }
}

impl Ledger {
    /// Most contracts or shares of one leg.
    pub const MAX_QUANTITY: i64 = 10_000_000;
    /// Most legs of one order.
    pub const MAX_LEGS: usize = 16;
    /// Most orders at work.
    pub const MAX_ORDERS: usize = 10_000;

    /// An empty ledger.
    #[must_use]
    pub fn new(config: LedgerConfig) -> Self {
        Self {
            config,
            orders: Vec::new(),
            past: BTreeMap::new(),
            holdings: BTreeMap::new(),
            open: BTreeMap::new(),
            closed: BTreeMap::new(),
            executions: Vec::new(),
            totals: BTreeMap::new(),
            cash: Band::default(),
            now: None,
            splits_until: None,
            month: (i32::MIN, 0),
            next_position: 1,
        }
    }

    /// Settings.
    #[must_use]
    pub const fn config(&self) -> &LedgerConfig {
        &self.config
    }

    /// The number of the next position of the account.
    pub(crate) const fn next_position(&self) -> u32 {
        self.next_position
    }

    /// Takes the next number for a position.
    pub(crate) const fn take_position(&mut self) -> PositionId {
        let id = PositionId(self.next_position);
        self.next_position = self.next_position.saturating_add(1);
        id
    }

    /// Takes an order.
    ///
    /// # Errors
    /// See [`LinearRefusal`]; the ledger is unchanged then.
    pub fn submit(&mut self, id: OrderId, request: LinearRequest) -> Result<(), LinearRefusal> {
        if self.orders.len() >= Self::MAX_ORDERS
            || request.legs.len() > Self::MAX_LEGS
            || self.next_position == u32::MAX
        {
            return Err(LinearRefusal::Full);
        }
        if request.legs.is_empty() || request.good_for == 0 || request.lots == 0 {
            return Err(LinearRefusal::Size(0));
        }
        for (at, leg) in request.legs.iter().enumerate() {
            if leg.quantity == 0 || leg.quantity.unsigned_abs() > Self::MAX_QUANTITY.unsigned_abs() {
                return Err(LinearRefusal::Size(leg.quantity));
            }
            if matches!(leg.instrument, Instrument::Option(_)) {
                return Err(LinearRefusal::Option(leg.instrument));
            }
            let mut before = request.legs.iter().take(at);
            if before.any(|l| l.instrument == leg.instrument) {
                return Err(LinearRefusal::Twice(leg.instrument));
            }
            let symbol = (fee_class(&leg.instrument), leg.instrument.class());
            self.config.fees.covers([symbol])?;
        }
        if let Some(position) = request.kind.position() {
            if !self.fits(position, &request, request.lots) {
                return Err(LinearRefusal::Position(position));
            }
            if let Some(order) = self.working_on(position) {
                return Err(LinearRefusal::AlreadyWorking(position, order.id.clone()));
            }
        }
        self.orders.push(LinearOrder::new(id, request));
        Ok(())
    }

    /// Whether a position is as an order on it needs it, of which so many lots are left.
    fn fits(&self, position: PositionId, request: &LinearRequest, left: u32) -> bool {
        self.open.get(&position).is_some_and(|p| {
            let lots = match request.kind {
                LinearKind::Roll { .. } => p.lots == left,
                _ => p.lots >= left,
            };
            lots && p.structure == request.structure
        })
    }

    /// Orders at work, oldest first.
    #[must_use]
    pub fn orders(&self) -> &[LinearOrder] {
        &self.orders
    }

    /// The order at work on a position.
    #[must_use]
    pub fn working_on(&self, position: PositionId) -> Option<&LinearOrder> {
        let mut orders = self.orders.iter();
        orders.find(|o| o.request.kind.position() == Some(position))
    }

    /// The order at work of which a position holds what has traded.
    #[must_use]
    pub fn filling(&self, position: PositionId) -> Option<&LinearOrder> {
        self.orders.iter().find(|o| o.position == Some(position))
    }

    /// Takes an order back; false when it is not at work.
    pub fn withdraw(&mut self, id: &OrderId) -> bool {
        let before = self.orders.len();
        self.orders.retain(|o| o.id != *id);
        self.orders.len() < before
    }

    /// Fees of trading so many contracts or shares of one instrument on a day, either way: the table that fills are charged by.
    ///
    /// # Errors
    /// When the schedule has no row for the class.
    pub fn fees_of(
        &self,
        instrument: &Instrument,
        quantity: i64,
        price: Price,
        on: Date,
    ) -> Result<Fees, crate::fees::FeeError> {
        let month_contracts = if self.month.0 == month_of(on) {
            self.month.1
        } else {
            0
        };
        let day = FeeDay { on, month_contracts };
        self.config
            .fees
            .fees(&[fee_leg(instrument, quantity, price)], 1, day)
    }

    fn record(&mut self, mut execution: LinearExecution) -> LinearExecution {
        execution.sequence = u32::try_from(self.executions.len()).unwrap_or(u32::MAX);
        let fees = execution.fees.total();
        if execution.flow == Flow::Trade && matches!(execution.instrument, Instrument::Future(_)) {
            let month = month_of(execution.at.date());
            let before = if self.month.0 == month { self.month.1 } else { 0 };
            self.month = (month, before.saturating_add(execution.quantity.saturating_abs()));
        }
        let totals = self.totals.entry(Arc::clone(&execution.structure)).or_default();
        totals.cash += execution.cash;
        totals.fees += fees;
        self.cash += execution.cash - Band::flat(fees);
        let id = execution.position;
        let position = match self.open.get_mut(&id) {
            Some(open) => Some(open),
            None => self.closed.get_mut(&id),
        };
        if let Some(position) = position {
            position.cash += execution.cash;
            if matches!(execution.instrument, Instrument::Share(_)) {
                position.premium += execution.cash;
            }
            position.fees += fees;
            position.executions.push(execution.sequence);
            position.approximate |= execution.approximate;
            position.moved(execution.instrument, execution.quantity);
        }
        self.executions.push(execution.clone());
        execution
    }

    /// Moves a position that holds nothing to the closed ones.
    fn finish(&mut self, id: PositionId, key: &Arc<str>, at: Instant) {
        if self.open.get(&id).is_none_or(|p| !p.held.is_empty()) {
            return;
        }
        if let Some(mut position) = self.open.remove(&id) {
            position.closed_at = Some(at);
            position.closed_by = Some(Arc::clone(key));
            position.lots = 0;
            self.closed.insert(id, position);
        }
    }

    /// Everything that happened, in order.
    #[must_use]
    pub fn executions(&self) -> &[LinearExecution] {
        &self.executions
    }

    /// Executions of a position, in order.
    pub fn executions_of<'a>(
        &'a self,
        position: &'a LinearPosition,
    ) -> impl Iterator<Item = &'a LinearExecution> {
        position
            .executions
            .iter()
            .filter_map(|n| self.executions.get(usize::try_from(*n).ok()?))
    }

    /// Open positions by number.
    pub fn positions(&self) -> impl Iterator<Item = &LinearPosition> {
        self.open.values()
    }

    /// Closed positions by number.
    pub fn closed(&self) -> impl Iterator<Item = &LinearPosition> {
        self.closed.values()
    }

    /// A position, open or closed.
    #[must_use]
    pub fn position(&self, id: PositionId) -> Option<&LinearPosition> {
        self.open.get(&id).or_else(|| self.closed.get(&id))
    }

    /// What is held, in order of (structure, position, instrument).
    pub fn holdings(&self) -> impl Iterator<Item = (&HoldingKey, &Holding)> {
        self.holdings.iter()
    }

    /// Holdings of a position, closed futures that wait for their variation among them.
    pub fn holdings_of<'a>(
        &'a self,
        position: &'a LinearPosition,
    ) -> impl Iterator<Item = (&'a HoldingKey, &'a Holding)> {
        self.holdings.iter().filter(|(k, _)| k.position == position.id)
    }

    /// Quantity that a structure holds of an instrument, over all its positions.
    #[must_use]
    pub fn quantity(&self, structure: &str, instrument: &Instrument) -> i64 {
        let own = self.open.values().filter(|p| &*p.structure == structure);
        own.map(|p| p.quantity(instrument)).sum()
    }

    /// Futures held over all structures, netted by contract as a broker does.
    #[must_use]
    pub fn net_futures(&self) -> BTreeMap<FutureContract, i64> {
        let mut net: BTreeMap<FutureContract, i64> = BTreeMap::new();
        for (contract, quantity) in self.open.values().flat_map(LinearPosition::futures) {
            let total = net.entry(contract).or_default();
            *total = total.saturating_add(quantity);
        }
        net.retain(|_, n| *n != 0);
        net
    }

    /// Value of the shares held, long and short ones apart: each positive.
    #[must_use]
    pub fn share_values(&self) -> (Usd, Usd) {
        let (mut long, mut short) = (Usd::ZERO, Usd::ZERO);
        for (key, held) in &self.holdings {
            if matches!(key.instrument, Instrument::Share(_)) {
                let value = held.mark.share.dollars(1, held.quantity);
                if value > Usd::ZERO {
                    long += value;
                } else {
                    short += -value;
                }
            }
        }
        (long, short)
    }

    /// Money moved so far, fees included; below zero when more was paid than taken in.
    #[must_use]
    pub const fn cash(&self) -> Band<Usd> {
        self.cash
    }

    /// Fees paid so far.
    #[must_use]
    pub fn fees(&self) -> Usd {
        self.totals.values().map(|t| t.fees).sum()
    }

    /// Value of what is held: shares at their marks, futures at what has not been paid since their settlement.
    #[must_use]
    pub fn market_value(&self) -> Band<Usd> {
        self.holdings.iter().map(|(key, held)| value(key, held)).sum()
    }

    /// P&L of everything ever traded here, fees included.
    #[must_use]
    pub fn pnl(&self) -> Band<Usd> {
        self.cash + self.market_value()
    }

    /// P&L of a position, fees included; marked while open.
    #[must_use]
    pub fn position_pnl(&self, position: &LinearPosition) -> Band<Usd> {
        let held: Band<Usd> = self.holdings_of(position).map(|(k, h)| value(k, h)).sum();
        position.cash + held - Band::flat(position.fees)
    }

    /// Of a position's P&L, what no price can change any more: variation paid, and what shares sold made over their average
    /// price.
    #[must_use]
    pub fn position_realized(&self, position: &LinearPosition) -> Band<Usd> {
        if !position.is_open() {
            return self.position_pnl(position);
        }
        let shares = self
            .holdings_of(position)
            .filter(|(k, _)| matches!(k.instrument, Instrument::Share(_)));
        let cost: Band<Usd> = shares.map(|(_, h)| h.entry.dollars(1, h.quantity)).sum();
        position.cash + cost - Band::flat(position.fees)
    }

    /// Structures that ever traded here, in order.
    pub fn structures(&self) -> impl Iterator<Item = &Arc<str>> {
        self.totals.keys()
    }

    /// P&L of one structure, fees included.
    #[must_use]
    pub fn structure_pnl(&self, structure: &str) -> Band<Usd> {
        let totals = self.totals.get(structure).copied().unwrap_or_default();
        let of_it = self.holdings.iter().filter(|(k, _)| &*k.structure == structure);
        let held: Band<Usd> = of_it.map(|(key, held)| value(key, held)).sum();
        totals.cash + held - Band::flat(totals.fees)
    }

    /// Cash flows of one structure, fees deducted.
    #[must_use]
    pub fn structure_cash(&self, structure: &str) -> Band<Usd> {
        let totals = self.totals.get(structure).copied().unwrap_or_default();
        totals.cash - Band::flat(totals.fees)
    }

    /// Some result rests on an assumed spread or on a value that stands in for an official one.
    #[must_use]
    pub fn is_approximate(&self) -> bool {
        self.executions.iter().any(|e| e.approximate)
    }
}

/// Months since year 0.
fn month_of(on: Date) -> i32 {
    let zero_based = i32::try_from(on.month0()).unwrap_or(0);
    on.year().saturating_mul(12).saturating_add(zero_based)
}

fn value(key: &HoldingKey, held: &Holding) -> Band<Usd> {
    held.mark.dollars(key.instrument.multiplier(), held.quantity) + held.unsettled
}

/// What an order trades per lot.
fn per_lot(legs: &[LinearLeg], lots: u32) -> Vec<LinearLeg> {
    let one = |leg: &LinearLeg| LinearLeg {
        quantity: leg.quantity.checked_div(i64::from(lots)).unwrap_or(leg.quantity),
        ..*leg
    };
    legs.iter().map(one).collect()
}
