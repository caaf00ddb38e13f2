//! Holdings of futures and shares, and every flow of money that they cause.

use super::fees::{LinearFeeError, LinearFees};
use super::quote::{LinearQuote, QuoteKind};
use crate::band::{Band, Cross};
use crate::book::{Breach, Invariant};
use crate::order::OrderId;
use alula_market::contract::{FutureContract, Instrument, SettlementValue, Share};
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Settings of a ledger; fixed for its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerConfig {
    /// Share of the half-spread that fills and marks give up.
    pub cross: Cross,
    /// Fees.
    pub fees: LinearFees,
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
            fees: LinearFees::none(),
            same_bar: false,
            settle_approximate: false,
        }
    }
}

/// One leg of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearLeg {
    /// A future or a share.
    pub instrument: Instrument,
    /// Contracts or shares: positive bought, negative sold.
    pub quantity: i64,
}

/// What the engine asks for: legs that fill together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearRequest {
    /// Key of the rule.
    pub key: Arc<str>,
    /// Key of the structure that holds what is bought.
    pub structure: Arc<str>,
    /// Legs; no instrument twice.
    pub legs: Vec<LinearLeg>,
    /// Tick of the decision. It fills on later quotes (the same ones only under `same_bar`).
    pub decided_at: Instant,
    /// Rounds of quotes at which a fill is tried; at least 1.
    pub good_for: u32,
}

/// An order at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearOrder {
    /// Identity.
    pub id: OrderId,
    /// As asked.
    pub request: LinearRequest,
    /// Rounds tried.
    pub tries: u32,
}

/// Why an order was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinearRefusal {
    /// No legs, no rounds to live for, or a leg of nothing or too much.
    #[error("an order of {0} contracts or shares is out of range")]
    Size(i64),
    /// Two legs are the same instrument.
    #[error("two legs are the same instrument `{0}`")]
    Twice(Instrument),
    /// Options are held as packages, not here.
    #[error("`{0}` is an option")]
    Option(Instrument),
    /// Too many legs or orders.
    #[error("the ledger is full")]
    Full,
    /// No fee for the class.
    #[error(transparent)]
    Fees(#[from] LinearFeeError),
}

/// Why an order did not fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfilled {
    /// No quote.
    NoQuote(Instrument),
    /// It trades no longer.
    LastTradePassed(Instrument),
    /// The share does not trade under this symbol on the day.
    NotTraded(Instrument),
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

/// A trade, settlement or split of one instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearExecution {
    /// Executions of the ledger before it.
    pub sequence: u32,
    /// When.
    pub at: Instant,
    /// What.
    pub flow: Flow,
    /// Structure.
    pub structure: Arc<str>,
    /// Key of the rule; `settlement` or `split` otherwise.
    pub key: Arc<str>,
    /// Instrument.
    pub instrument: Instrument,
    /// Change of the quantity held.
    pub quantity: i64,
    /// Price of a trade or settlement; of a share after a split.
    pub price: Band<Price>,
    /// Money that changed hands, before fees. Nothing for the trade of a future.
    pub cash: Band<Usd>,
    /// Fee.
    pub fee: Usd,
    /// It rests on an assumed spread or on a value that stands in for the official one.
    pub approximate: bool,
}

/// Identity of a holding: structure, then instrument.
pub type HoldingKey = (Arc<str>, Instrument);

/// What is held of one instrument for one structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Contracts or shares: positive long, negative short. Never zero while held.
    pub quantity: i64,
    /// Futures: dollars of trades since the last settlement, not yet paid: minus quantity times price.
    pub unsettled: Band<Usd>,
    /// Average price of what is held, for display; money never depends on it.
    pub entry: Band<Price>,
    /// What getting rid of one would bring, or buying one back would cost.
    pub mark: Band<Price>,
    /// Quote of the mark.
    pub marked_at: Instant,
    /// Newest official settlement price of a future.
    pub settled: Option<Price>,
}

/// What happened in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinearEvent {
    /// A trade, settlement or split.
    Executed(LinearExecution),
    /// An order could not fill on these quotes and stays at work.
    Waiting(OrderId, Unfilled),
    /// An order ended without a fill.
    Cancelled(OrderId, Unfilled),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    cash: Band<Usd>,
    fees: Usd,
}

/// Holdings of futures and shares, orders on them, and the money they moved. Starts with none: capital is the book's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    config: LedgerConfig,
    orders: Vec<LinearOrder>,
    holdings: BTreeMap<HoldingKey, Holding>,
    executions: Vec<LinearExecution>,
    totals: BTreeMap<Arc<str>, Totals>,
    cash: Band<Usd>,
    now: Option<Instant>,
    splits_until: Option<Date>,
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
            ..Self::default()
        }
    }

    /// Settings.
    #[must_use]
    pub const fn config(&self) -> &LedgerConfig {
        &self.config
    }

    /// Takes an order.
    ///
    /// # Errors
    /// See [`LinearRefusal`]; the ledger is unchanged then.
    pub fn submit(&mut self, id: OrderId, request: LinearRequest) -> Result<(), LinearRefusal> {
        if self.orders.len() >= Self::MAX_ORDERS || request.legs.len() > Self::MAX_LEGS {
            return Err(LinearRefusal::Full);
        }
        if request.legs.is_empty() || request.good_for == 0 {
            return Err(LinearRefusal::Size(0));
        }
        for (at, leg) in request.legs.iter().enumerate() {
            if leg.quantity == 0 || leg.quantity.unsigned_abs() > Self::MAX_QUANTITY.unsigned_abs() {
                return Err(LinearRefusal::Size(leg.quantity));
            }
            if matches!(leg.instrument, Instrument::Option(_)) {
                return Err(LinearRefusal::Option(leg.instrument));
            }
            if request
                .legs
                .iter()
                .take(at)
                .any(|l| l.instrument == leg.instrument)
            {
                return Err(LinearRefusal::Twice(leg.instrument));
            }
            self.config.fees.fee(&leg.instrument, leg.quantity)?;
        }
        self.orders.push(LinearOrder {
            id,
            request,
            tries: 0,
        });
        Ok(())
    }

    /// Orders at work, oldest first.
    #[must_use]
    pub fn orders(&self) -> &[LinearOrder] {
        &self.orders
    }

    /// Takes an order back; false when it is not at work.
    pub fn withdraw(&mut self, id: &OrderId) -> bool {
        let before = self.orders.len();
        self.orders.retain(|o| o.id != *id);
        self.orders.len() < before
    }

    /// Tries the orders that were decided before `at`, oldest first, and marks what is held. All legs of an order fill, or none.
    pub fn on_quotes(
        &mut self,
        at: Instant,
        quote_of: &dyn Fn(&Instrument) -> Option<LinearQuote>,
    ) -> Vec<LinearEvent> {
        self.now = self.now.max(Some(at));
        let mut events = Vec::new();
        for mut order in std::mem::take(&mut self.orders) {
            let decided = order.request.decided_at;
            if decided > at || (decided == at && !self.config.same_bar) {
                self.orders.push(order);
                continue;
            }
            match priced(&order.request, at, quote_of) {
                Ok(quotes) => {
                    for (leg, quote) in order.request.legs.iter().zip(quotes) {
                        let executed = self.trade(&order.request, leg, &quote, at);
                        events.push(LinearEvent::Executed(executed));
                    }
                }
                Err(reason) => {
                    order.tries = order.tries.saturating_add(1);
                    let over = matches!(reason, Unfilled::LastTradePassed(_));
                    if over || order.tries >= order.request.good_for {
                        events.push(LinearEvent::Cancelled(order.id, reason));
                    } else {
                        events.push(LinearEvent::Waiting(order.id.clone(), reason));
                        self.orders.push(order);
                    }
                }
            }
        }
        self.mark(at, quote_of);
        events
    }

    fn trade(
        &mut self,
        request: &LinearRequest,
        leg: &LinearLeg,
        quote: &LinearQuote,
        at: Instant,
    ) -> LinearExecution {
        let cross = self.config.cross;
        let price = quote.price(leg.quantity > 0, cross);
        let paid = -price.dollars(leg.instrument.multiplier(), leg.quantity);
        let future = matches!(leg.instrument, Instrument::Future(_));
        let key = (Arc::clone(&request.structure), leg.instrument);
        let held = self.holdings.entry(key.clone()).or_insert_with(|| Holding {
            quantity: 0,
            unsettled: Band::default(),
            entry: price,
            mark: price,
            marked_at: at,
            settled: None,
        });
        held.entry = entry_after(held, leg.quantity, price);
        held.quantity = held.quantity.saturating_add(leg.quantity);
        held.mark = quote.price(held.quantity < 0, cross);
        held.marked_at = at;
        if future {
            held.unsettled += paid;
        }
        // A future that is closed keeps its unpaid dollars until the settlement; a share that is sold is gone.
        let gone = held.quantity == 0 && !future;
        if gone {
            self.holdings.remove(&key);
        }
        // The schedule has a row: the order was taken.
        let fee = self
            .config
            .fees
            .fee(&leg.instrument, leg.quantity)
            .unwrap_or(Usd::ZERO);
        let execution = LinearExecution {
            sequence: 0,
            at,
            flow: Flow::Trade,
            structure: Arc::clone(&request.structure),
            key: Arc::clone(&request.key),
            instrument: leg.instrument,
            quantity: leg.quantity,
            price,
            cash: if future { Band::default() } else { paid },
            fee,
            approximate: quote.kind == QuoteKind::Assumed,
        };
        self.record(execution)
    }

    /// Marks what is held at quotes no older than its mark. What has no quote holds its mark.
    pub fn mark(&mut self, at: Instant, quote_of: &dyn Fn(&Instrument) -> Option<LinearQuote>) {
        self.now = self.now.max(Some(at));
        for ((_, instrument), held) in &mut self.holdings {
            if let Some(quote) = quote_of(instrument).filter(|q| q.at >= held.marked_at) {
                held.mark = quote.price(held.quantity < 0, self.config.cross);
                held.marked_at = quote.at;
            }
        }
    }

    /// Daily settlement: pays every future its variation at the official price and marks it there. Contracts without a price
    /// wait: the next settlement pays for both days.
    pub fn settle_day(
        &mut self,
        at: Instant,
        price_of: &dyn Fn(&FutureContract) -> Option<Price>,
    ) -> Vec<LinearEvent> {
        self.now = self.now.max(Some(at));
        let futures: Vec<(HoldingKey, FutureContract)> = self.futures();
        let mut events = Vec::new();
        for (key, contract) in futures {
            let expired = contract.settles_at().is_none_or(|s| s <= at);
            if let Some(price) = price_of(&contract).filter(|_| !expired) {
                events.extend(self.pay(&key, at, price, Flow::Variation, false));
            }
        }
        events
    }

    /// Final settlement of every future whose instant has come and whose value is known by `now`, in the order of holdings
    /// whatever order values became known in.
    ///
    /// # Errors
    /// When a value is missing, or approximate and not accepted; nothing is settled then.
    pub fn settle_final(
        &mut self,
        now: Instant,
        value_of: &dyn Fn(&FutureContract) -> Option<SettlementValue>,
    ) -> Result<Vec<LinearEvent>, (FutureContract, &'static str)> {
        self.now = self.now.max(Some(now));
        let mut due = Vec::new();
        for (key, contract) in self.futures() {
            if contract.settles_at().is_none_or(|s| s > now) {
                continue;
            }
            let value = value_of(&contract).ok_or((contract, "no final settlement value"))?;
            if value.approximate && !self.config.settle_approximate {
                return Err((contract, "the official final settlement value is missing"));
            }
            if value.at <= now {
                due.push((key, value));
            }
        }
        let mut events = Vec::new();
        for (key, value) in due {
            events.extend(self.pay(&key, value.at, value.price, Flow::Final, value.approximate));
        }
        Ok(events)
    }

    fn futures(&self) -> Vec<(HoldingKey, FutureContract)> {
        let future = |(key, _): (&HoldingKey, &Holding)| match key.1 {
            Instrument::Future(contract) => Some((key.clone(), contract)),
            Instrument::Option(_) | Instrument::Share(_) => None,
        };
        self.holdings.iter().filter_map(future).collect()
    }

    fn pay(
        &mut self,
        key: &HoldingKey,
        at: Instant,
        price: Price,
        flow: Flow,
        approximate: bool,
    ) -> Option<LinearEvent> {
        let held = self.holdings.get_mut(key)?;
        let worth = price.dollars(key.1.multiplier(), held.quantity);
        let cash = held.unsettled + Band::flat(worth);
        let quantity = if flow == Flow::Final { -held.quantity } else { 0 };
        let idle = flow == Flow::Variation && held.quantity == 0 && held.unsettled == Band::default();
        held.unsettled = Band::flat(-worth);
        held.settled = Some(price);
        held.mark = Band::flat(price);
        held.marked_at = held.marked_at.max(at);
        if flow == Flow::Final || held.quantity == 0 {
            self.holdings.remove(key);
        }
        if idle {
            return None;
        }
        let execution = LinearExecution {
            sequence: 0,
            at,
            flow,
            structure: Arc::clone(&key.0),
            key: Arc::from("settlement"),
            instrument: key.1,
            quantity,
            price: Band::flat(price),
            cash,
            fee: Usd::ZERO,
            approximate,
        };
        Some(LinearEvent::Executed(self.record(execution)))
    }

    /// Applies the splits of held shares from the day after the last call up to and including a day, before its first quote.
    /// The first call looks at that day alone. Whole shares are exchanged; a fraction is paid out at the last mark.
    pub fn apply_splits(&mut self, on: Date, at: Instant) -> Vec<LinearEvent> {
        let after = self.splits_until.or_else(|| on.pred_opt()).unwrap_or(on);
        self.splits_until = self.splits_until.max(Some(on));
        let shares: Vec<(HoldingKey, Share)> = self
            .holdings
            .keys()
            .filter_map(|k| match k.1 {
                Instrument::Share(share) => Some((k.clone(), share)),
                Instrument::Option(_) | Instrument::Future(_) => None,
            })
            .collect();
        let mut events = Vec::new();
        for (key, share) in shares {
            for split in share.splits_between(after, on) {
                events.extend(self.split(&key, split.new, split.old, at));
            }
        }
        events
    }

    fn split(&mut self, key: &HoldingKey, new: i64, old: i64, at: Instant) -> Option<LinearEvent> {
        let held = self.holdings.get_mut(key)?;
        let scaled = held.quantity.checked_mul(new)?;
        let (whole, rest) = (scaled.checked_div(old)?, scaled.checked_rem(old)?);
        // `rest` parts of `old` of a new share, each new share worth mark times old over new: rest times mark over new.
        let fraction = held
            .mark
            .map(|m| Usd(m.dollars(1, rest).0.checked_div(new).unwrap_or(0)));
        let moved = |p: Price| Price(p.0.saturating_mul(old).checked_div(new).unwrap_or(p.0));
        let change = whole.saturating_sub(held.quantity);
        held.quantity = whole;
        held.mark = held.mark.map(moved);
        held.entry = held.entry.map(moved);
        let price = held.mark;
        if whole == 0 {
            self.holdings.remove(key);
        }
        let execution = LinearExecution {
            sequence: 0,
            at,
            flow: Flow::Split,
            structure: Arc::clone(&key.0),
            key: Arc::from("split"),
            instrument: key.1,
            quantity: change,
            price,
            cash: fraction,
            fee: Usd::ZERO,
            approximate: false,
        };
        Some(LinearEvent::Executed(self.record(execution)))
    }

    fn record(&mut self, mut execution: LinearExecution) -> LinearExecution {
        execution.sequence = u32::try_from(self.executions.len()).unwrap_or(u32::MAX);
        let totals = self.totals.entry(Arc::clone(&execution.structure)).or_default();
        totals.cash += execution.cash;
        totals.fees += execution.fee;
        self.cash += execution.cash - Band::flat(execution.fee);
        self.executions.push(execution.clone());
        execution
    }

    /// Everything that happened, in order.
    #[must_use]
    pub fn executions(&self) -> &[LinearExecution] {
        &self.executions
    }

    /// What is held, in order of (structure, instrument).
    pub fn holdings(&self) -> impl Iterator<Item = (&HoldingKey, &Holding)> {
        self.holdings.iter()
    }

    /// Quantity that a structure holds of an instrument.
    #[must_use]
    pub fn quantity(&self, structure: &str, instrument: &Instrument) -> i64 {
        let found = self
            .holdings
            .iter()
            .find(|((s, i), _)| &**s == structure && i == instrument);
        found.map_or(0, |(_, held)| held.quantity)
    }

    /// Futures held over all structures, netted by contract as a broker does.
    #[must_use]
    pub fn net_futures(&self) -> BTreeMap<FutureContract, i64> {
        let mut net: BTreeMap<FutureContract, i64> = BTreeMap::new();
        for ((_, instrument), held) in &self.holdings {
            if let Instrument::Future(contract) = instrument {
                let total = net.entry(*contract).or_default();
                *total = total.saturating_add(held.quantity);
            }
        }
        net.retain(|_, n| *n != 0);
        net
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

    /// Structures that ever traded here, in order.
    pub fn structures(&self) -> impl Iterator<Item = &Arc<str>> {
        self.totals.keys()
    }

    /// P&L of one structure, fees included.
    #[must_use]
    pub fn structure_pnl(&self, structure: &str) -> Band<Usd> {
        let totals = self.totals.get(structure).copied().unwrap_or_default();
        let of_it = self.holdings.iter().filter(|((s, _), _)| &**s == structure);
        let held: Band<Usd> = of_it.map(|(key, held)| value(key, held)).sum();
        totals.cash + held - Band::flat(totals.fees)
    }

    /// Some result rests on an assumed spread or on a value that stands in for an official one.
    #[must_use]
    pub fn is_approximate(&self) -> bool {
        self.executions.iter().any(|e| e.approximate)
    }

    /// Checks what holds at every moment: structures add up, nothing lives past its final settlement by more than a day, the
    /// band is in order. Costs one pass over what is held.
    ///
    /// # Errors
    /// The first breach, in the order of [`Invariant`].
    pub fn check(&self) -> Result<(), Breach> {
        let structures: Band<Usd> = self.totals.keys().map(|s| self.structure_pnl(s)).sum();
        if structures != self.pnl() {
            return breach(
                Invariant::StructuresSumToBook,
                format!(
                    "structures made {structures:?}, futures and shares {:?}",
                    self.pnl()
                ),
            );
        }
        let today = self.now.map(Instant::date);
        for ((_, instrument), held) in &self.holdings {
            let past = instrument.expiry().is_some_and(|e| today.is_some_and(|t| t > e));
            if past && held.quantity != 0 {
                return breach(
                    Invariant::NothingPastExpiry,
                    format!("`{instrument}` is still held on {today:?}"),
                );
            }
        }
        if !self.pnl().is_ordered() {
            return breach(Invariant::BandIsOrdered, format!("{:?}", self.pnl()));
        }
        Ok(())
    }

    /// Checks everything from scratch: money is what the executions moved, quantities are what they changed. For the end of a
    /// run.
    ///
    /// # Errors
    /// As for [`Ledger::check`].
    pub fn audit(&self) -> Result<(), Breach> {
        self.check()?;
        let moved = self.executions.iter().map(|e| e.cash - Band::flat(e.fee));
        let flows: Band<Usd> = moved.sum();
        if flows != self.cash {
            return breach(
                Invariant::EquityIsCashPlusPositions,
                format!(
                    "futures and shares moved {flows:?}, their cash is {:?}",
                    self.cash
                ),
            );
        }
        let mut net: BTreeMap<(&str, Instrument), i64> = BTreeMap::new();
        for e in &self.executions {
            let total = net.entry((&*e.structure, e.instrument)).or_default();
            *total = total.saturating_add(e.quantity);
        }
        net.retain(|_, n| *n != 0);
        let held: BTreeMap<(&str, Instrument), i64> = self
            .holdings
            .iter()
            .filter(|(_, h)| h.quantity != 0)
            .map(|((s, i), h)| ((&**s, *i), h.quantity))
            .collect();
        if net != held {
            return breach(
                Invariant::LotsAgree,
                format!("held {held:?}, the executions leave {net:?}"),
            );
        }
        Ok(())
    }
}

fn breach(which: Invariant, evidence: String) -> Result<(), Breach> {
    Err(Breach { which, evidence })
}

fn value(key: &HoldingKey, held: &Holding) -> Band<Usd> {
    held.mark.dollars(key.1.multiplier(), held.quantity) + held.unsettled
}

/// Quotes of every leg, or why there are none.
fn priced(
    request: &LinearRequest,
    at: Instant,
    quote_of: &dyn Fn(&Instrument) -> Option<LinearQuote>,
) -> Result<Vec<LinearQuote>, Unfilled> {
    let quote = |leg: &LinearLeg| {
        let instrument = leg.instrument;
        match instrument {
            Instrument::Share(share) if !share.existed(at.date()) => {
                return Err(Unfilled::NotTraded(instrument));
            }
            _ if instrument.last_trade_at().is_some_and(|last| last < at) => {
                return Err(Unfilled::LastTradePassed(instrument));
            }
            _ => {}
        }
        quote_of(&instrument).ok_or(Unfilled::NoQuote(instrument))
    };
    request.legs.iter().map(quote).collect()
}

/// Average price after a trade: weighted when the position grows, kept when it shrinks, the trade's own when it turns round.
fn entry_after(held: &Holding, quantity: i64, price: Band<Price>) -> Band<Price> {
    let (before, after) = (held.quantity, held.quantity.saturating_add(quantity));
    if before == 0 || after == 0 || (before > 0) != (after > 0) {
        return price;
    }
    if after.unsigned_abs() < before.unsigned_abs() {
        return held.entry;
    }
    held.entry.zip(price, |old, new| {
        let sum = i128::from(old.0) * i128::from(before) + i128::from(new.0) * i128::from(quantity);
        let average = sum.checked_div(i128::from(after)).unwrap_or(0);
        Price(i64::try_from(average).unwrap_or(i64::MAX))
    })
}
