//! The door to a broker: what is sent, what comes back, and what is not known.
//!
//! An order is one package: its legs trade together or not at all. What became of a submission is one of three things, and
//! *unknown* is never *not sent*. A snapshot counts only when its end has come.

use alula_book::instrument::LinearLeg;
use alula_market::contract::{FutureContract, Instrument, Root};
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// An order's name, chosen by us before it is sent and never used twice on an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientOrderId(Arc<str>);

impl ClientOrderId {
    /// Most characters.
    pub const MAX: usize = 32;

    /// A name of 1 to 32 characters out of `0-9 A-Z a-z -`.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let fits = (1..=Self::MAX).contains(&text.len()) && text.bytes().all(allowed);
        fits.then(|| Self(text.into()))
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An order as a broker gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerOrder {
    /// Our name for it.
    pub id: ClientOrderId,
    /// The structure that it belongs to, for people who look at the broker's screen.
    pub group: Arc<str>,
    /// Contracts or shares for one package: positive bought, negative sold. Several legs are one atomic order.
    pub legs: Vec<LinearLeg>,
    /// Packages.
    pub quantity: u32,
    /// Worst net price accepted in points per package, credits positive; `None` is a market order.
    pub limit: Option<Price>,
    /// The broker must refuse it from this instant on, should it arrive late.
    pub not_after: Instant,
    /// How long it stays at work once it has arrived in time.
    pub life: OrderLife,
}

/// How long an order stays at work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderLife {
    /// To the end of the session.
    #[default]
    Day,
    /// Until it is taken back.
    UntilCancelled,
}

/// What is known after sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// It was handed over; what became of it comes as events.
    Sent,
    /// It certainly never left.
    NotSent(BrokerFault),
    /// Nobody can say. It counts as open until a snapshot shows otherwise.
    Unknown(BrokerFault),
}

/// Something that a broker, or the way to it, could not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct BrokerFault {
    /// One line.
    pub what: String,
    /// The plugin or its process is gone or may not be called again.
    pub dead: bool,
}

/// What moved a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FillKind {
    /// A trade.
    #[default]
    Trade,
    /// An expired contract was settled to cash: it belongs to no order, and its price is what a contract was worth.
    Settlement,
}

/// Trade or settlement of one leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// What it is.
    pub kind: FillKind,
    /// Unique per account; a fill that comes twice counts once.
    pub exec_id: Arc<str>,
    /// The fill that this one replaces, when it is a correction.
    pub corrects: Option<Arc<str>>,
    /// Our order, if the broker knows it as ours.
    pub order: Option<ClientOrderId>,
    /// What was traded.
    pub instrument: Instrument,
    /// Contracts or shares: positive bought, negative sold.
    pub quantity: i64,
    /// Points per contract, or dollars per share; a leg of a package may be below zero.
    pub price: Price,
    /// Fees of this leg, positive paid; `None` when the broker tells later or never.
    pub fee: Option<Usd>,
    /// The venue's time.
    pub at: Instant,
}

/// An order as the broker has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// Our name, if it carries one.
    pub order: Option<ClientOrderId>,
    /// The broker's.
    pub broker_order: Arc<str>,
    /// How it stands.
    pub status: OrderStatus,
    /// Packages filled.
    pub filled: u32,
    /// Packages at work.
    pub left: u32,
}

/// How an order stands at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderStatus {
    /// At work.
    Working,
    /// Filled whole.
    Filled,
    /// Taken back.
    Cancelled,
    /// Its time is over.
    Expired,
    /// Refused.
    Rejected,
}

/// What a broker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerEvent {
    /// The connection stands.
    Up,
    /// It broke.
    Down(String),
    /// The broker has the order.
    Acknowledged {
        /// Our name.
        order: ClientOrderId,
        /// The broker's.
        broker_order: Arc<str>,
    },
    /// The broker will not have it.
    Rejected {
        /// Our name.
        order: ClientOrderId,
        /// Its words.
        why: String,
    },
    /// A leg traded.
    Filled(Fill),
    /// Taken back; what filled before stays filled.
    Cancelled {
        /// Our name.
        order: ClientOrderId,
        /// Its words.
        why: String,
    },
    /// Its time is over.
    Expired {
        /// Our name.
        order: ClientOrderId,
    },
    /// Rows of a snapshot follow.
    SnapshotBegin {
        /// As asked.
        request: u64,
    },
    /// An order of the snapshot.
    SnapshotOrder {
        /// As asked.
        request: u64,
        /// Order.
        row: OrderRow,
    },
    /// A position of the snapshot; an instrument that is not named is not held only once the end has come.
    SnapshotPosition {
        /// As asked.
        request: u64,
        /// What is held, signed.
        held: LinearLeg,
    },
    /// A trade of the snapshot.
    SnapshotFill {
        /// As asked.
        request: u64,
        /// Trade.
        fill: Fill,
    },
    /// The account of the snapshot.
    SnapshotAccount {
        /// As asked.
        request: u64,
        /// Account.
        row: AccountRow,
    },
    /// The snapshot is whole.
    SnapshotEnd {
        /// As asked.
        request: u64,
    },
    /// A quote that was subscribed to.
    Quote(Quote),
    /// The value of an index that was subscribed to.
    Level(Level),
    /// Options of a class and expiry are listed, as was asked.
    Listed {
        /// As asked.
        request: u64,
        /// What.
        listing: Listing,
    },
    /// All that is listed was told.
    ListEnd {
        /// As asked.
        request: u64,
    },
}

impl BrokerEvent {
    /// It says what is listed.
    #[must_use]
    pub const fn is_a_listing(&self) -> bool {
        matches!(self, Self::Listed { .. } | Self::ListEnd { .. })
    }

    /// It speaks of the market, not of the account.
    #[must_use]
    pub const fn is_of_the_market(&self) -> bool {
        matches!(
            self,
            Self::Quote(_) | Self::Level(_) | Self::Listed { .. } | Self::ListEnd { .. }
        )
    }
}

/// The value of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Symbol: `SPX`, `VIX`.
    pub name: Arc<str>,
    /// Points; `None` while it is not told.
    pub value: Option<Price>,
    /// When it was so.
    pub at: Instant,
}

/// Strikes of a class and expiry. Some may turn out not to be there: venues name the strikes of a class for all of its
/// expiries together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Class.
    pub root: Root,
    /// Expiry.
    pub expiry: Date,
    /// Strikes, ascending.
    pub strikes: Vec<Price>,
}

/// Something whose quotes are asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Watched {
    /// Something that is traded.
    Instrument(Instrument),
    /// An index, by its symbol.
    Level(Arc<str>),
}

/// Money as the broker has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountRow {
    /// Cash.
    pub cash: Usd,
    /// Cash and positions at market.
    pub net_liquidation: Usd,
    /// Initial margin; `None` when the broker does not tell.
    pub initial_margin: Option<Usd>,
    /// Maintenance margin; `None` when the broker does not tell.
    pub maintenance_margin: Option<Usd>,
}

/// What expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expired {
    /// All options of a root and expiry.
    Options(Root, Date),
    /// A future.
    Future(FutureContract),
}

/// The value that expired contracts settle to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalValue {
    /// What expired.
    pub of: Expired,
    /// Value of the underlying, in points.
    pub price: Price,
    /// It stands in for an official value that is missing.
    pub approximate: bool,
}

/// Bid and ask of one instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Instrument.
    pub instrument: Instrument,
    /// Points; `None` without a bid.
    pub bid: Option<Price>,
    /// Points; `None` without an ask.
    pub ask: Option<Price>,
    /// Contracts at the bid, where it is told.
    pub bid_size: Option<u32>,
    /// At the ask.
    pub ask_size: Option<u32>,
    /// When it was so.
    pub at: Instant,
}

/// What a broker can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Packages of several legs as one order.
    pub combos: bool,
    /// Orders at work can be changed.
    pub replace: bool,
    /// An order id that was used is refused, so that sending the same again is safe.
    pub dedup: bool,
    /// Snapshots have orders.
    pub orders: bool,
    /// Snapshots have trades.
    pub fills: bool,
    /// Snapshots have positions.
    pub positions: bool,
    /// Margin of an order can be asked for before it is sent.
    pub what_if: bool,
    /// It gives quotes.
    pub quotes: bool,
    /// And values of indices.
    pub indices: bool,
    /// It says which options are listed.
    pub chains: bool,
    /// It lives from quotes that the engine hands it: a simulated broker. What comes of it is labelled so.
    pub simulated: bool,
    /// Real money.
    pub live: bool,
}

/// Who a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerFacts {
    /// Plugin and broker id.
    pub id: String,
    /// Version.
    pub version: String,
    /// What it can do.
    pub caps: Capabilities,
}

/// Margin and fees that an order would take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WhatIf {
    /// Initial margin of the account with it.
    pub initial_margin: Usd,
    /// Maintenance margin of the account with it.
    pub maintenance_margin: Usd,
    /// Fees.
    pub fee: Usd,
}

/// A broker, wherever it runs. Calls do not wait for the venue: answers come out of [`Broker::poll`].
pub trait Broker {
    /// Who it is.
    fn facts(&self) -> &BrokerFacts;

    /// Starts to connect; [`BrokerEvent::Up`] follows, or a fault.
    ///
    /// # Errors
    /// When it cannot even start.
    fn connect(&mut self) -> Result<(), BrokerFault>;

    /// Ends the connection in good order. Orders at work stay at work.
    ///
    /// # Errors
    /// When it cannot.
    fn disconnect(&mut self) -> Result<(), BrokerFault>;

    /// What has happened since the call before, in its order; waits at most so long for something to happen.
    ///
    /// # Errors
    /// When the broker is gone; what `events` took before counts.
    fn poll(&mut self, wait: Duration, events: &mut Vec<BrokerEvent>) -> Result<(), BrokerFault>;

    /// Sends an order.
    fn submit(&mut self, order: &BrokerOrder) -> Submission;

    /// Asks to take an order back; the answer is an event, and a fill may come first.
    ///
    /// # Errors
    /// When the request certainly did not leave.
    fn cancel(&mut self, order: &ClientOrderId) -> Result<(), BrokerFault>;

    /// Asks for orders, trades since an instant, positions and the account; rows come as events under the request's number.
    ///
    /// # Errors
    /// When the request did not leave.
    fn request_snapshot(&mut self, request: u64, since: Instant) -> Result<(), BrokerFault>;

    /// Margin of an order, if it can tell.
    ///
    /// # Errors
    /// When it cannot tell, or the request did not leave.
    fn what_if(&mut self, order: &BrokerOrder) -> Result<WhatIf, BrokerFault>;

    /// Asks for quotes of these and of nothing else, from now on; they come as [`BrokerEvent::Quote`] and
    /// [`BrokerEvent::Level`].
    ///
    /// # Errors
    /// When it gives none, or the request did not leave.
    fn watch(&mut self, what: &[Watched]) -> Result<(), BrokerFault> {
        let _ = what;
        Err(BrokerFault {
            what: "this broker gives no quotes".to_owned(),
            dead: false,
        })
    }

    /// Asks which options of an underlying are listed; they come as [`BrokerEvent::Listed`] under the request's number, then
    /// [`BrokerEvent::ListEnd`].
    ///
    /// # Errors
    /// When it cannot tell, or the request did not leave.
    fn list(&mut self, request: u64, underlying: &str) -> Result<(), BrokerFault> {
        let _ = (request, underlying);
        Err(BrokerFault {
            what: "this broker lists no chains".to_owned(),
            dead: false,
        })
    }

    /// Hands a simulated broker the quotes of an instant; the instant is its clock. Others ignore it.
    ///
    /// # Errors
    /// When the broker is gone.
    fn quotes(&mut self, at: Instant, quotes: &[Quote]) -> Result<(), BrokerFault>;

    /// Hands a simulated broker the values that contracts settle to, once each is known. Others ignore it.
    ///
    /// # Errors
    /// When the broker is gone.
    fn final_values(&mut self, at: Instant, values: &[FinalValue]) -> Result<(), BrokerFault> {
        let _ = (at, values);
        Ok(())
    }
}
