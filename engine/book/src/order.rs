//! Orders: what was decided, and what became of it.

use crate::fees::FeeError;
use crate::fill::NoFill;
use crate::id::{OrderId, PositionId};
use crate::package::Package;
use crate::position::Execution;
use alula_market::contract::OptionContract;
use alula_market::money::Price;
use alula_market::time::Instant;
use std::fmt;
use std::sync::Arc;

/// What an order does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// Opens a new position.
    Open {
        /// What to hold, per lot.
        package: Package,
    },
    /// Closes the order's lots of a position.
    Close {
        /// Which.
        position: PositionId,
    },
    /// Turns every lot of a position into another package by one order; legs in both do not trade.
    Roll {
        /// Which.
        position: PositionId,
        /// What to hold afterwards, per lot.
        to: Package,
    },
}

impl OrderKind {
    /// What would be held after a fill; `None` for a close, which holds less of the same.
    #[must_use]
    pub const fn target(&self) -> Option<&Package> {
        match self {
            Self::Open { package } | Self::Roll { to: package, .. } => Some(package),
            Self::Close { .. } => None,
        }
    }
}

/// What the engine asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRequest {
    /// Key of the rule (`income.take_profit`).
    pub key: Arc<str>,
    /// Key of the structure.
    pub structure: Arc<str>,
    /// What.
    pub kind: OrderKind,
    /// Packages: positive. For a roll, all lots of the position.
    pub lots: u32,
    /// Worst net price accepted in points per package, credits positive. `None` takes the share price.
    pub limit: Option<Price>,
    /// Tick of the decision. The order fills at a later snapshot (the same one only under `same_bar`).
    pub decided_at: Instant,
    /// Snapshots at which a fill is tried before the order is cancelled; at least 1.
    pub good_for: u32,
}

/// An order at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Identity.
    pub id: OrderId,
    /// As asked.
    pub request: OrderRequest,
    /// Snapshots tried so far.
    pub tries: u32,
    /// Newest snapshot tried.
    pub tried_at: Option<Instant>,
}

/// Why an order was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// No lots, no snapshots to live for, or more than [`crate::Book::MAX_LOTS`].
    #[error("an order of {lots} lots good for {good_for} snapshots is out of range")]
    Size {
        /// Lots.
        lots: u32,
        /// Snapshots.
        good_for: u32,
    },
    /// The position is not open.
    #[error("position {0} is not open")]
    NoPosition(PositionId),
    /// The order's structure is not the position's.
    #[error("position {position} belongs to `{structure}`")]
    WrongStructure {
        /// Position.
        position: PositionId,
        /// Whose it is.
        structure: Arc<str>,
    },
    /// Another order on the position is at work; two could both fill.
    #[error("position {position} already has order {order} at work")]
    AlreadyWorking {
        /// Position.
        position: PositionId,
        /// Order.
        order: OrderId,
    },
    /// More lots than are held, or a roll of fewer.
    #[error("position {position} holds {held} lots, the order has {lots}")]
    Lots {
        /// Position.
        position: PositionId,
        /// Held.
        held: u32,
        /// Ordered.
        lots: u32,
    },
    /// A roll into what is held already.
    #[error("the roll of position {0} changes nothing")]
    NothingToRoll(PositionId),
    /// A roll of a position to another underlying.
    #[error("position {position} is on `{from}`, the roll's target on `{to}`")]
    Underlying {
        /// Position.
        position: PositionId,
        /// Held.
        from: &'static str,
        /// Target.
        to: &'static str,
    },
    /// The change that a roll has to trade has too many legs.
    #[error(transparent)]
    Package(#[from] crate::package::PackageError),
    /// The fee schedule has no row for it.
    #[error(transparent)]
    Fees(#[from] FeeError),
    /// The book holds or has seen as much as its limits allow.
    #[error("the book is full: {0}")]
    Full(&'static str),
}

/// Why an order ended without a fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// It could not fill at any of its snapshots; the newest reason.
    NotFilled(NoFill),
    /// Its position settled, closed or shrank meanwhile.
    PositionChanged,
    /// A leg no longer trades.
    LastTradePassed,
    /// A position that was opened meanwhile holds a contract the other way round: the trade would shrink it.
    Conflict {
        /// Contract.
        contract: OptionContract,
        /// Position that holds it.
        position: PositionId,
    },
    /// Some packages filled, and the rest is not tried again.
    Rest {
        /// Packages that did not fill.
        left: u32,
    },
    /// Taken back.
    Withdrawn,
    /// Whoever fills the orders ended it, in these words.
    Outside(Arc<str>),
}

/// What happened in the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookEvent {
    /// An order filled, whole or in part: what is left stays at work while it has snapshots, else it is cancelled. Each
    /// fill of an opening order is a position of its own.
    Filled(Execution),
    /// An order could not fill at this snapshot and stays at work.
    Waiting {
        /// Order.
        order: OrderId,
        /// Snapshot.
        at: Instant,
        /// Why.
        reason: NoFill,
    },
    /// An order ended.
    Cancelled {
        /// Order.
        order: OrderId,
        /// Snapshot.
        at: Instant,
        /// Why.
        reason: CancelReason,
    },
    /// Legs of a position settled to cash.
    Settled(Execution),
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFilled(why) => write!(f, "not filled: {why}"),
            Self::PositionChanged => f.write_str("the position changed meanwhile"),
            Self::LastTradePassed => f.write_str("a leg no longer trades"),
            Self::Conflict { contract, position } => {
                write!(f, "position {position} holds `{contract}` the other way round")
            }
            Self::Rest { left } => write!(f, "{left} left unfilled: no more was shown"),
            Self::Withdrawn => f.write_str("withdrawn"),
            Self::Outside(why) => f.write_str(why),
        }
    }
}
