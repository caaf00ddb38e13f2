//! A run's orders at a broker: what was decided is sent, what came of it goes back into the book.
//!
//! At each snapshot a simulated broker is handed the values of what expired and the quotes of what is ordered or held, then
//! asked what happened; everything it says is in the journal before the book takes it in. After the decision the new orders
//! pass the rails, are written down, and leave.

use crate::broker::{Broker, BrokerEvent, BrokerFault, Expired, FinalValue, Quote};
use crate::feed::Wish;
use crate::keeper::stamp;
use crate::link::Link;
use crate::order::{DeskError, OrderDesk};
use crate::rails::Seen;
use alula_book::instrument::{Flow, LinearQuote, LinearTold};
use alula_book::{Answer, Book, ExecutionKind, OrderId};
use alula_core::market::Views;
use alula_journal::{Record, Stamp, wire};
use alula_market::chain::ChainSnapshot;
use alula_market::contract::{Instrument, OptionContract};
use alula_market::time::Instant;
use alula_run::{Broken, Crank, ErrorClass, Outside, RunError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

mod margins;
mod sheet;

pub(crate) use margins::Margins;
pub use margins::{Advice, Answers, Asked};
pub use sheet::Sheet;
pub(crate) use sheet::Unsent;

/// Seconds after its decision from which a broker must refuse an order that arrives late.
const ARRIVES_WITHIN_S: i64 = 60;
/// Mark where the book takes in what came of its orders, at a snapshot.
pub(crate) const ROUND: &str = "round";
/// Mark where it takes in what came of orders for futures and shares.
pub(crate) const LINEAR: &str = "linear";
/// Mark where it takes in what came of those that were taken back.
pub(crate) const TAKEN_BACK: &str = "taken-back";
/// Mark where a snapshot that is no tick was left.
pub(crate) const VISITED: &str = "visited";

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
    /// At the start of a run the journal and the broker say different things.
    #[error("the journal and broker `{broker}` do not agree: {}", .mismatches.join("; "))]
    Mismatch {
        /// Who.
        broker: String,
        /// What does not fit.
        mismatches: Vec<String>,
    },
}

/// Opens a broker anew whose process is gone.
pub type Reopen = Box<dyn FnMut() -> Result<Box<dyn Broker + Send>, BrokerFault> + Send>;

/// The orders of a run at a broker.
pub struct Trader {
    pub(crate) broker: Box<dyn Broker + Send>,
    pub(crate) reopen: Option<Reopen>,
    pub(crate) sheet: Sheet,
    /// Executions of the book whose settlements the broker knows.
    pub(crate) settled: usize,
    /// The same of futures and shares.
    pub(crate) settled_linear: usize,
    pub(crate) link: Link,
    /// It quotes by itself: nobody hands it quotes.
    pub(crate) quotes_itself: bool,
    /// What it said of the market and nobody has taken.
    pub(crate) market: Vec<BrokerEvent>,
    /// What it says that orders would take.
    pub(crate) margins: Margins,
}

impl std::fmt::Debug for Trader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trader")
            .field("broker", self.broker.facts())
            .field("sheet", &self.sheet)
            .finish_non_exhaustive()
    }
}

impl Trader {
    /// From here on its own quotes are listened to, and it is handed none.
    ///
    /// # Errors
    /// When it gives none.
    pub fn quotes_itself(&mut self) -> Result<(), TradeError> {
        let caps = self.broker.facts().caps;
        if !(caps.quotes && caps.indices && caps.chains) {
            return Err(TradeError::Odd(format!(
                "broker `{}` gives no quotes, no values of indices, or does not say what is listed",
                self.broker.facts().id
            )));
        }
        self.quotes_itself = true;
        Ok(())
    }

    /// Asks for what a feed wants to hear, and gives what was said of the market until then.
    ///
    /// # Errors
    /// When the journal or the broker fails.
    pub fn ask(
        &mut self,
        desk: &mut OrderDesk,
        wishes: &[Wish],
        when: (Instant, i64),
    ) -> Result<Vec<BrokerEvent>, TradeError> {
        for wish in wishes {
            let asked = match wish {
                Wish::List { request, underlying } => self.broker.list(*request, underlying),
                Wish::Watch(what) => self.broker.watch(what),
            };
            match asked {
                // Over a network a connection may have broken that nobody has heard of yet: it is asked again.
                Err(fault) if !fault.dead && !self.broker.facts().caps.simulated => {
                    self.link.not_asked(fault.what);
                }
                asked => asked?,
            }
        }
        self.hear_all(desk, when)?;
        Ok(std::mem::take(&mut self.market))
    }

    /// What the broker has said of the market by an instant, which is the clock of a simulated one; what it said of the account
    /// is in the journal.
    ///
    /// # Errors
    /// When the journal or the broker fails.
    pub fn listen(
        &mut self,
        desk: &mut OrderDesk,
        when: (Instant, i64),
    ) -> Result<Vec<BrokerEvent>, TradeError> {
        self.lively(desk, when, |trader, desk| {
            trader.set_clock(when.0)?;
            trader.hear_all(desk, when)
        })?;
        Ok(std::mem::take(&mut self.market))
    }

    /// Sends every order of the book that was not sent before.
    ///
    /// # Errors
    /// When the journal or the broker fails.
    pub fn send(
        &mut self,
        desk: &mut OrderDesk,
        crank: &Crank<'_>,
        (at, received_ns): (Instant, i64),
    ) -> Result<(), TradeError> {
        let (book, when) = (crank.book(), stamp(at, received_ns));
        self.margins.equity(book.equity().share);
        for name in self.sheet.given_up(book) {
            desk.cancel(when, 0, &name, "it has had its quotes")?;
        }
        self.sheet.forget(book);
        let unsent = self.sheet.unsent(book, at, crank.version());
        if !unsent.is_empty() {
            self.lively(desk, (at, received_ns), |trader, _| trader.set_clock(at))?;
        }
        for order in unsent {
            let refusal = self.asked(desk, (at, received_ns), &order, (crank, &self.seen(at)))?;
            let name = match refusal {
                Some(refusal) => {
                    desk.refuse(when, 0, &order.draft, &refusal)?;
                    Err(refusal)
                }
                None => desk.intend(when, 0, &order.draft, &self.seen(at))?,
            };
            if let Ok(name) = &name {
                self.link.unheard(name.clone(), at);
            }
            self.sheet
                .note(order, name.map_err(|refusal| Arc::from(refusal.why.as_str())));
        }
        self.flush(desk, when)
    }

    /// Sends what is written and not sent.
    fn flush(&mut self, desk: &mut OrderDesk, when: Stamp) -> Result<(), TradeError> {
        for notice in desk.flush(when, self.broker.as_mut())? {
            self.link.note(notice);
        }
        Ok(())
    }

    /// What is the case around an order that was priced now.
    fn seen(&self, at: Instant) -> Seen {
        Seen {
            connected: self.link.is_up(),
            quotes_at: Some(at),
            ..Seen::default()
        }
    }

    /// Hands the broker what expired and what is quoted.
    pub(crate) fn show(&mut self, at: Instant, views: &Views, book: &Book) -> Result<(), TradeError> {
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
        let executions = book.ledger().executions();
        let ended = executions.get(self.settled_linear..).unwrap_or_default().iter();
        for execution in ended.filter(|e| e.flow == Flow::Final) {
            if let Instrument::Future(future) = execution.instrument {
                let of = Expired::Future(future);
                let value = FinalValue {
                    of,
                    price: execution.price.share,
                    approximate: execution.approximate,
                };
                values.insert(of, value);
            }
        }
        if !values.is_empty() {
            let values: Vec<FinalValue> = values.into_values().collect();
            self.broker.final_values(at, &values)?;
        }
        self.settled = book.trades().len();
        self.settled_linear = book.ledger().executions().len();
        if self.quotes_itself {
            return self.set_clock(at);
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
        self.link.clock = Some(at);
        Ok(())
    }

    /// Hands the broker quotes of futures and shares.
    fn show_linear(&mut self, at: Instant, quotes: &[(Instrument, LinearQuote)]) -> Result<(), TradeError> {
        if self.quotes_itself && !self.broker.facts().caps.simulated {
            return self.set_clock(at);
        }
        // A simulated broker that quotes by itself has no futures to fill at: it is handed them as ever.
        let quotes: Vec<Quote> = quotes
            .iter()
            .map(|(instrument, q)| Quote {
                instrument: *instrument,
                bid: Some(q.bid),
                ask: Some(q.ask),
                bid_size: None,
                ask_size: None,
                at,
            })
            .collect();
        self.broker.quotes(at, &quotes)?;
        self.link.clock = self.link.clock.max(Some(at));
        Ok(())
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

/// What a snapshot shows of a contract, as it stands there: also what is locked or crossed.
fn quote(contract: &OptionContract, views: &Views) -> Option<Quote> {
    let mut snapshots = views.iter().flatten().map(|v| -> &ChainSnapshot { &v.snapshot });
    let snapshot = snapshots.find(|s| s.underlying == contract.root.underlying())?;
    let raw = snapshot.raw_quote(contract)?;
    Some(Quote {
        instrument: Instrument::Option(*contract),
        bid: raw.is_quoted().then_some(raw.bid),
        ask: raw.is_quoted().then_some(raw.ask),
        bid_size: raw.bid_size,
        ask_size: raw.ask_size,
        at: snapshot.at,
    })
}

/// The trader and the desk for one snapshot. What went wrong is kept beside what the run says of it.
pub(crate) struct AtWork<'t> {
    pub trader: &'t mut Trader,
    pub desk: &'t mut OrderDesk,
    pub received_ns: i64,
    pub fault: Option<TradeError>,
    /// The book took in what is known of its orders.
    pub asked: bool,
}

impl<'t> AtWork<'t> {
    /// Nothing asked and nothing wrong yet.
    pub(crate) const fn new(trader: &'t mut Trader, desk: &'t mut OrderDesk, received_ns: i64) -> Self {
        Self {
            trader,
            desk,
            received_ns,
            fault: None,
            asked: false,
        }
    }

    fn noted<T>(&mut self, result: Result<T, TradeError>) -> Result<T, RunError> {
        result.map_err(|error| {
            let text = error.to_string();
            self.fault = Some(error);
            RunError::new(ErrorClass::Invariant, text, "look at the journal")
        })
    }

    fn rounded(&mut self, at: Instant, views: &Views, book: &Book) -> Result<Vec<Answer>, TradeError> {
        self.asked = true;
        let when = (at, self.received_ns);
        self.trader.lively(self.desk, when, |trader, desk| {
            trader.show(at, views, book)?;
            trader.hear_all(desk, when)
        })?;
        self.told(at, ROUND)?;
        self.trader.sheet.answers(self.desk.orders(), book)
    }

    fn linear_told(
        &mut self,
        at: Instant,
        quotes: &[(Instrument, LinearQuote)],
    ) -> Result<Vec<(OrderId, LinearTold)>, TradeError> {
        self.asked = true;
        let when = (at, self.received_ns);
        self.trader.lively(self.desk, when, |trader, desk| {
            trader.show_linear(at, quotes)?;
            trader.hear_all(desk, when)
        })?;
        self.told(at, LINEAR)?;
        // The end of a session is looked at on the next: what traded since is of that one.
        self.trader.sheet.linear(self.desk.orders(), Some(at))
    }

    /// Takes orders back, and writes down that the book takes in here what is known of them.
    fn taken_back(&mut self, at: Instant, orders: &[OrderId]) -> Result<(), TradeError> {
        let when = stamp(at, self.received_ns);
        for id in orders {
            if let Some(name) = self.trader.sheet.name(id) {
                self.desk.cancel(when, 0, name, "it has had its snapshots")?;
            }
        }
        self.desk.flush(when, self.trader.broker.as_mut())?;
        let now = (at, self.received_ns);
        self.trader
            .lively(self.desk, now, |trader, desk| trader.hear_all(desk, now))?;
        self.told(at, TAKEN_BACK)
    }

    /// Writes down that the book takes in here what the journal knows of its orders.
    fn told(&mut self, at: Instant, name: &str) -> Result<(), TradeError> {
        let record = mark(at, name);
        self.desk.record(stamp(at, self.received_ns), 0, &record)?;
        Ok(())
    }
}

/// What stands in the journal where the book takes something in, or a snapshot that is no tick was visited.
pub(crate) fn mark(at: Instant, name: &str) -> Record {
    let name = name.to_owned();
    wire::Timer { name, at_s: at.0 }.into()
}

impl Outside for AtWork<'_> {
    fn round(&mut self, at: Instant, views: &Views, book: &Book) -> Result<Vec<Answer>, RunError> {
        let answers = self.rounded(at, views, book);
        self.noted(answers)
    }

    fn linear(
        &mut self,
        at: Instant,
        quotes: &[(Instrument, LinearQuote)],
        _: &[OrderId],
        _: &Book,
    ) -> Result<Vec<(OrderId, LinearTold)>, RunError> {
        let told = self.linear_told(at, quotes);
        self.noted(told)
    }

    fn linear_by_now(&mut self, _: &Book) -> Result<Vec<(OrderId, LinearTold)>, RunError> {
        let told = self.trader.sheet.linear(self.desk.orders(), None);
        self.noted(told)
    }

    fn take_back_linear(
        &mut self,
        at: Instant,
        orders: &[OrderId],
        _: &Book,
    ) -> Result<Vec<(OrderId, LinearTold)>, RunError> {
        let told = self
            .taken_back(at, orders)
            .and_then(|()| self.trader.sheet.linear(self.desk.orders(), None));
        self.noted(told)
    }

    fn take_back(&mut self, at: Instant, orders: &[OrderId], book: &Book) -> Result<Vec<Answer>, RunError> {
        let answers = self
            .taken_back(at, orders)
            .and_then(|()| self.trader.sheet.answers(self.desk.orders(), book));
        self.noted(answers)
    }

    fn broken(&mut self, book: &Book) -> Result<Vec<Broken>, RunError> {
        let broken = self.trader.sheet.broken(self.desk.orders(), book);
        self.noted(broken)
    }
}
