//! A run's orders at a broker: what was decided is sent, what came of it goes back into the book.
//!
//! At each snapshot a simulated broker is handed the values of what expired and the quotes of what is ordered or held, then
//! asked what happened; everything it says is in the journal before the book takes it in. After the decision the new orders
//! pass the rails, are written down, and leave.

use crate::broker::{Broker, BrokerEvent, BrokerFault, ClientOrderId, Expired, FinalValue, OrderLife, Quote};
use crate::keeper::stamp;
use crate::order::{DeskError, Draft, OrderDesk, OrderState, Purpose};
use crate::rails::Seen;
use crate::reconcile::{Action, Policy, Reconciler};
use alula_book::instrument::LinearLeg;
use alula_book::{
    Answer, Book, CancelReason, ExecutionKind, Fees, Leg, NoFill, Order, OrderId, OrderKind, Told, TradedLeg,
};
use alula_core::market::Views;
use alula_journal::Stamp;
use alula_market::chain::ChainSnapshot;
use alula_market::contract::{Instrument, OptionContract};
use alula_market::money::{Price, Usd};
use alula_market::time::Instant;
use alula_run::{ErrorClass, Outside, RunError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Seconds after its decision from which a broker must refuse an order that arrives late.
const ARRIVES_WITHIN_S: i64 = 60;
/// Looks at the answers to one comparison before it counts as failed.
const LOOKS_MAX: u32 = 64;

/// Why orders can no longer be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TradeError {
    /// The journal, or what it holds.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The broker, or the way to it.
    #[error(transparent)]
    Broker(#[from] BrokerFault),
    /// What the broker did is not what was ordered.
    #[error("{0}")]
    Odd(String),
}

/// What an order of the book is at the broker.
#[derive(Clone, Debug)]
struct Sent {
    /// Our name for it, or why a rail did not let it through.
    name: Result<ClientOrderId, Arc<str>>,
    /// Legs of one package, as they were sent.
    legs: Vec<Leg>,
    /// Told to the book: packages, mills brought by each leg, fees.
    packages: u32,
    brought: Vec<Price>,
    fee: Usd,
}

/// The orders of a run at a broker.
pub struct Trader {
    broker: Box<dyn Broker + Send>,
    sent: BTreeMap<OrderId, Sent>,
    /// Executions of the book whose settlements the broker knows.
    settled: usize,
    connected: bool,
}

impl std::fmt::Debug for Trader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trader")
            .field("broker", self.broker.facts())
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

impl Trader {
    /// Connects, and compares journal and broker before anything is sent.
    ///
    /// # Errors
    /// When the broker is not a simulated one, does not answer, or holds what the journal does not know.
    pub fn connect(
        broker: Box<dyn Broker + Send>,
        desk: &mut OrderDesk,
        now: Instant,
        received_ns: i64,
    ) -> Result<Self, TradeError> {
        if !broker.facts().caps.simulated {
            return Err(TradeError::Odd(format!(
                "broker `{}` is not a simulated one, and a run sends orders to no other yet",
                broker.facts().id
            )));
        }
        let mut trader = Self {
            broker,
            sent: BTreeMap::new(),
            settled: 0,
            connected: false,
        };
        trader.broker.connect()?;
        // A simulated broker has nothing on its way: there is nothing to wait for.
        let policy = Policy {
            quiet_s: 0,
            flight_s: 0,
            skew_s: 0,
            ..Policy::default()
        };
        let caps = trader.broker.facts().caps;
        let mut reconciler = Reconciler::new(policy, caps, desk.orders().last_request());
        let when = stamp(now, received_ns);
        for _ in 0..LOOKS_MAX {
            let mut events = Vec::new();
            trader.broker.poll(Duration::ZERO, &mut events)?;
            let mut actions: Vec<Action> = Vec::new();
            // The comparison looks at the orders as they stand after each event.
            for event in &events {
                trader.hear(event);
                desk.take(when, event)?;
                actions.extend(reconciler.event(now, desk.orders(), event));
            }
            actions.extend(reconciler.clock(now, desk.orders()));
            for action in actions {
                match action {
                    Action::Ask { request, since } => trader.broker.request_snapshot(request, since)?,
                    Action::Settle { plan, occasion, .. } => {
                        desk.settle(when, 0, occasion, &plan)?;
                        if let Some(first) = plan.mismatches.first() {
                            return Err(TradeError::Odd(first.to_string()));
                        }
                        reconciler.settled(now, true);
                        return Ok(trader);
                    }
                }
            }
        }
        Err(TradeError::Odd(format!(
            "broker `{}` did not say what it holds",
            trader.broker.facts().id
        )))
    }

    fn hear(&mut self, event: &BrokerEvent) {
        match event {
            BrokerEvent::Up => self.connected = true,
            BrokerEvent::Down(_) => self.connected = false,
            _ => {}
        }
    }

    /// Everything that happened, into the journal.
    fn poll(&mut self, desk: &mut OrderDesk, when: Stamp) -> Result<(), TradeError> {
        let mut events = Vec::new();
        let polled = self.broker.poll(Duration::ZERO, &mut events);
        for event in &events {
            self.hear(event);
            desk.take(when, event)?;
        }
        polled?;
        if !self.connected {
            return Err(TradeError::Odd(format!(
                "the connection to broker `{}` broke",
                self.broker.facts().id
            )));
        }
        Ok(())
    }

    /// Sends every order of the book that was not sent before.
    ///
    /// # Errors
    /// When the journal or the broker fails.
    pub fn send(
        &mut self,
        desk: &mut OrderDesk,
        book: &Book,
        (at, received_ns): (Instant, i64),
        thresholds: u32,
    ) -> Result<(), TradeError> {
        let when = stamp(at, received_ns);
        self.sent
            .retain(|id, _| book.orders().iter().any(|o| o.id == *id));
        for order in book.orders() {
            if self.sent.contains_key(&order.id) {
                continue;
            }
            let Some(legs) = book.legs_of(order) else { continue };
            let seen = Seen {
                connected: self.connected,
                quotes_at: Some(at),
                ..Seen::default()
            };
            let draft = draft(order, &legs, at, thresholds);
            let name = desk.intend(when, 0, &draft, &seen)?;
            let sent = Sent {
                name: name.map_err(|refusal| Arc::from(refusal.why.as_str())),
                brought: vec![Price::ZERO; legs.len()],
                legs,
                packages: 0,
                fee: Usd::ZERO,
            };
            self.sent.insert(order.id.clone(), sent);
        }
        desk.flush(when, self.broker.as_mut())?;
        Ok(())
    }

    /// Hands the broker what expired and what is quoted.
    fn show(&mut self, at: Instant, views: &Views, book: &Book) -> Result<(), TradeError> {
        let mut values: BTreeMap<Expired, FinalValue> = BTreeMap::new();
        let executions = book.trades().get(self.settled..).unwrap_or_default();
        for execution in executions.iter().filter(|e| e.kind == ExecutionKind::Settle) {
            for leg in &execution.legs {
                let of = Expired::Options(leg.contract.root, leg.contract.expiry);
                let value = FinalValue {
                    of,
                    price: execution.underlying,
                    approximate: execution.approximate,
                };
                values.insert(of, value);
            }
        }
        self.settled = book.trades().len();
        if !values.is_empty() {
            let values: Vec<FinalValue> = values.into_values().collect();
            self.broker.final_values(at, &values)?;
        }
        let mut wanted: BTreeSet<OptionContract> = BTreeSet::new();
        for order in book.orders() {
            wanted.extend(book.legs_of(order).iter().flatten().map(|l| l.contract));
        }
        for position in book.positions() {
            wanted.extend(position.legs.iter().map(|l| l.contract));
        }
        let quotes: Vec<Quote> = wanted.iter().filter_map(|c| quote(c, views)).collect();
        self.broker.quotes(at, &quotes)?;
        Ok(())
    }

    /// What the journal knows of the book's orders beyond what the book was told.
    fn answers(&mut self, desk: &OrderDesk, book: &Book) -> Result<Vec<Answer>, TradeError> {
        let mut answers = Vec::new();
        for order in book.orders() {
            let Some(sent) = self.sent.get_mut(&order.id) else {
                continue;
            };
            let answer = |told| Answer {
                order: order.id.clone(),
                told,
            };
            let name = match &sent.name {
                Ok(name) => name.clone(),
                Err(why) => {
                    answers.push(answer(Told::Ended(CancelReason::Outside(Arc::clone(why)))));
                    continue;
                }
            };
            let Some(known) = desk.orders().get(&name) else {
                return Err(TradeError::Odd(format!("order `{name}` is not in the journal")));
            };
            let odd = |what: &str| TradeError::Odd(format!("order `{name}`: {what}"));
            if known.traded.over || known.traded.strange {
                return Err(odd("something else traded than was ordered"));
            }
            let ended = known.state.is_end();
            if ended && known.traded.is_lopsided(&known.spec) {
                return Err(odd("it ended with legs that do not make whole packages"));
            }
            let more = known.traded.packages.saturating_sub(sent.packages);
            // A roll leaves one position: the book hears of it when it is whole.
            let whole = known.traded.packages == known.spec.quantity;
            let rolls = matches!(order.request.kind, OrderKind::Roll { .. });
            if rolls && ended && more > 0 && !whole {
                return Err(odd("a part of a roll traded, and the rest will not"));
            }
            let mut left = order.request.lots;
            if more > 0 && (whole || !rolls) {
                let mut legs = Vec::with_capacity(sent.legs.len());
                for (leg, told) in sent.legs.iter().zip(&mut sent.brought) {
                    let parts = known.traded.parts.iter();
                    let ours = parts.filter(|p| p.instrument == Instrument::Option(leg.contract));
                    let all: Price = ours.map(|p| p.price.times(p.quantity.saturating_neg())).sum();
                    let new = all - *told;
                    *told = all;
                    if new.0 % i64::from(more) != 0 {
                        return Err(odd("its price does not divide by its packages"));
                    }
                    legs.push(TradedLeg {
                        contract: leg.contract,
                        points: Price(new.0 / i64::from(more)),
                    });
                }
                let all_told = desk.orders().fills().of(&name).all(|f| f.fee.is_some());
                let fees = all_told.then(|| Fees {
                    commission: known.traded.fee - sent.fee,
                    ..Fees::ZERO
                });
                sent.fee = known.traded.fee;
                sent.packages = known.traded.packages;
                left = left.saturating_sub(more);
                answers.push(answer(Told::Filled {
                    lots: more,
                    legs,
                    fees,
                }));
            } else if !ended {
                answers.push(answer(Told::Waiting(NoFill::Outside)));
            }
            if ended && left > 0 {
                let reason = match known.state {
                    _ if sent.packages > 0 => CancelReason::Rest { left },
                    OrderState::Cancelled if known.cancel_asked => CancelReason::NotFilled(NoFill::Outside),
                    state => CancelReason::Outside(Arc::from(format!("{state} at the broker"))),
                };
                answers.push(answer(Told::Ended(reason)));
            }
        }
        Ok(answers)
    }

    /// Ends the connection in good order; orders at work stay at work.
    pub fn disconnect(&mut self) -> Result<(), TradeError> {
        Ok(self.broker.disconnect()?)
    }

    /// Who the broker is.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.broker.facts().id
    }
}

fn draft(order: &Order, legs: &[Leg], at: Instant, thresholds: u32) -> Draft {
    let request = &order.request;
    let purpose = match request.kind {
        OrderKind::Open { .. } => Purpose::Open,
        OrderKind::Close { .. } => Purpose::Close,
        OrderKind::Roll { .. } => Purpose::Roll,
    };
    let leg = |l: &Leg| LinearLeg {
        instrument: Instrument::Option(l.contract),
        quantity: i64::from(l.ratio),
    };
    Draft {
        group: Arc::clone(&request.structure),
        rule: Arc::clone(&request.key),
        purpose,
        legs: legs.iter().map(leg).collect(),
        quantity: request.lots,
        limit: request.limit,
        not_after: Instant(at.0.saturating_add(ARRIVES_WITHIN_S)),
        // It lives for the snapshots that the strategy gives it, and those may lie days apart.
        life: OrderLife::UntilCancelled,
        risk: None,
        thresholds: u64::from(thresholds),
    }
}

/// What a snapshot shows of a contract, as it stands there: also what is locked or crossed.
fn quote(contract: &OptionContract, views: &Views) -> Option<Quote> {
    let mut snapshots = views.iter().flatten().map(|v| -> &ChainSnapshot { &v.snapshot });
    let snapshot = snapshots.find(|s| s.underlying == contract.root.underlying())?;
    let chain = snapshot.expiry(contract.root, contract.expiry)?;
    let (side, i) = (chain.side(contract.right), chain.index_of(contract.strike)?);
    let (bid, ask) = (*side.bid.get(i)?, *side.ask.get(i)?);
    let quoted = ask > Price::ZERO;
    Some(Quote {
        instrument: Instrument::Option(*contract),
        bid: quoted.then_some(bid),
        ask: quoted.then_some(ask),
        bid_size: side.bid_size.get(i).copied(),
        ask_size: side.ask_size.get(i).copied(),
        at: snapshot.at,
    })
}

/// The trader and the desk for one snapshot. What went wrong is kept beside what the run says of it.
pub(crate) struct AtWork<'t> {
    pub trader: &'t mut Trader,
    pub desk: &'t mut OrderDesk,
    pub received_ns: i64,
    pub fault: Option<TradeError>,
}

impl AtWork<'_> {
    fn noted<T>(&mut self, result: Result<T, TradeError>) -> Result<T, RunError> {
        result.map_err(|error| {
            let text = error.to_string();
            self.fault = Some(error);
            RunError::new(ErrorClass::Invariant, text, "look at the journal")
        })
    }

    fn rounded(&mut self, at: Instant, views: &Views, book: &Book) -> Result<Vec<Answer>, TradeError> {
        self.trader.show(at, views, book)?;
        self.trader.poll(self.desk, stamp(at, self.received_ns))?;
        self.trader.answers(self.desk, book)
    }

    fn taken_back(
        &mut self,
        at: Instant,
        orders: &[OrderId],
        book: &Book,
    ) -> Result<Vec<Answer>, TradeError> {
        let when = stamp(at, self.received_ns);
        for id in orders {
            if let Some(Ok(name)) = self.trader.sent.get(id).map(|s| s.name.clone()) {
                self.desk.cancel(when, 0, &name, "it has had its snapshots")?;
            }
        }
        self.desk.flush(when, self.trader.broker.as_mut())?;
        self.trader.poll(self.desk, when)?;
        self.trader.answers(self.desk, book)
    }
}

impl Outside for AtWork<'_> {
    fn round(&mut self, at: Instant, views: &Views, book: &Book) -> Result<Vec<Answer>, RunError> {
        let answers = self.rounded(at, views, book);
        self.noted(answers)
    }

    fn take_back(&mut self, at: Instant, orders: &[OrderId], book: &Book) -> Result<Vec<Answer>, RunError> {
        let answers = self.taken_back(at, orders, book);
        self.noted(answers)
    }
}
