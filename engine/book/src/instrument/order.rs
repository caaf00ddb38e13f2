//! Orders for futures and shares, and why one is not taken or not filled.

use crate::fees::FeeError;
use crate::id::{OrderId, PositionId};
use alula_market::contract::Instrument;
use alula_market::money::{Price, Usd};
use alula_market::time::Instant;
use std::fmt;
use std::sync::Arc;

/// One leg of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearLeg {
    /// A future or a share.
    pub instrument: Instrument,
    /// Contracts or shares: positive bought, negative sold.
    pub quantity: i64,
}

/// Which position an order changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinearKind {
    /// Opens a new position.
    Open,
    /// Closes the order's lots of a position.
    Close {
        /// Which.
        position: PositionId,
    },
    /// Turns all lots of a position into other contracts.
    Roll {
        /// Which.
        position: PositionId,
    },
    /// Moves what a structure holds by the legs: its open position, or a new one where there is none. For hedges and
    /// overlays, which hold a quantity and not lots of a package.
    Adjust,
}

impl LinearKind {
    /// The position that must be open.
    #[must_use]
    pub const fn position(&self) -> Option<PositionId> {
        match self {
            Self::Close { position } | Self::Roll { position } => Some(*position),
            Self::Open | Self::Adjust => None,
        }
    }

    /// Word used in files.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close { .. } => "close",
            Self::Roll { .. } => "roll",
            Self::Adjust => "adjust",
        }
    }
}

/// What the engine asks for: legs that fill together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearRequest {
    /// Key of the rule.
    pub key: Arc<str>,
    /// Key of the structure that holds what is bought.
    pub structure: Arc<str>,
    /// Which position it changes.
    pub kind: LinearKind,
    /// What is traded in all (not per lot); no instrument twice.
    pub legs: Vec<LinearLeg>,
    /// Lots of the package, for opening, closing and rolling; at least 1.
    pub lots: u32,
    /// Worst net price accepted in points per lot, credits positive. `None` takes the share price.
    pub limit: Option<Price>,
    /// Tick of the decision. It fills on later quotes (the same ones only under `same_bar`).
    pub decided_at: Instant,
    /// Rounds of quotes at which a fill is tried; at least 1.
    pub good_for: u32,
}

/// A part of an order that traded elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearPart {
    /// What.
    pub instrument: Instrument,
    /// Positive bought, negative sold.
    pub quantity: i64,
    /// Points or dollars of each.
    pub price: Price,
    /// Fees of all of them; `None` where the broker does not tell: the ledger's table charges them.
    pub fee: Option<Usd>,
}

/// What a broker tells of an order for futures or shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinearTold {
    /// All of it traded: the parts add up to its legs.
    Filled(Vec<LinearPart>),
    /// It is at work.
    Waiting,
    /// It is over, and nothing traded.
    Ended,
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// The position is not open, belongs to another structure, or holds fewer lots (for a roll: other lots).
    #[error("position {0} is not open with so many lots of the structure")]
    Position(PositionId),
    /// Another order on the position is at work; two could both fill.
    #[error("position {0} already has order {1} at work")]
    AlreadyWorking(PositionId, OrderId),
    /// Too many legs or orders.
    #[error("the ledger is full")]
    Full,
    /// No fee for the class.
    #[error(transparent)]
    Fees(#[from] FeeError),
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
    /// The position settled, closed or shrank meanwhile.
    PositionChanged(PositionId),
    /// Whoever fills it has not yet.
    Outside,
    /// Whoever fills it ended it, or a rail never let it out.
    Ended,
    /// The legs cost more, or bring less, than the order accepts.
    Limit {
        /// Points for all lots, credits positive.
        net: Price,
        /// Accepted for all lots.
        limit: Price,
    },
}

impl fmt::Display for Unfilled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoQuote(i) => write!(f, "`{i}` has no price"),
            Self::LastTradePassed(i) => write!(f, "`{i}` no longer trades"),
            Self::NotTraded(i) => write!(f, "`{i}` does not trade on that day"),
            Self::PositionChanged(p) => write!(f, "position {p} changed meanwhile"),
            Self::Outside => f.write_str("it has not filled at the broker"),
            Self::Ended => f.write_str("it ended at the broker, or was never sent"),
            Self::Limit { net, limit } => {
                write!(f, "a net of {net} points is worse than the limit of {limit}")
            }
        }
    }
}
