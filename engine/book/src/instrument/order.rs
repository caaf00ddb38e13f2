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

/// What a broker tells of an order for futures or shares, beyond what it told before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinearTold {
    /// What traded. A correction takes back what it corrects: the same price, the other way round.
    pub parts: Vec<LinearPart>,
    /// Nothing more will trade.
    pub over: bool,
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
    /// What of it traded, where it fills in pieces.
    pub(super) traded: Vec<LinearLeg>,
    /// Position that its first piece changed.
    pub(super) position: Option<PositionId>,
    /// Why it waits, as it was said last.
    pub(super) why: Option<Unfilled>,
}

impl LinearOrder {
    pub(super) const fn new(id: OrderId, request: LinearRequest) -> Self {
        Self {
            id,
            request,
            tries: 0,
            traded: Vec::new(),
            position: None,
            why: None,
        }
    }

    /// What traded of a leg.
    #[must_use]
    pub fn traded(&self, instrument: &Instrument) -> i64 {
        let found = self.traded.iter().find(|l| l.instrument == *instrument);
        found.map_or(0, |l| l.quantity)
    }

    /// What is still to trade.
    #[must_use]
    pub fn left(&self) -> Vec<LinearLeg> {
        let left = |leg: &LinearLeg| {
            let rest = leg.quantity.saturating_sub(self.traded(&leg.instrument));
            // Of what traded beyond the order nothing is left.
            let quantity = if rest.signum() == leg.quantity.signum() {
                rest
            } else {
                0
            };
            LinearLeg { quantity, ..*leg }
        };
        let legs = self.request.legs.iter().map(left);
        legs.filter(|l| l.quantity != 0).collect()
    }

    /// Something of it traded.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.traded.iter().any(|l| l.quantity != 0)
    }

    /// All of it traded.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.left().is_empty()
    }

    pub(super) fn note(&mut self, part: &LinearLeg) {
        match self.traded.iter_mut().find(|l| l.instrument == part.instrument) {
            Some(leg) => leg.quantity = leg.quantity.saturating_add(part.quantity),
            None => self.traded.push(*part),
        }
    }

    /// Its lots of which every leg traded, and those of which some leg did.
    pub(super) fn lots_traded(&self) -> (u32, u32) {
        let lots = i128::from(self.request.lots);
        let (mut whole, mut begun) = (lots, 0);
        for leg in &self.request.legs {
            let of = i128::from(leg.quantity);
            let traded = i128::from(self.traded(&leg.instrument)).saturating_mul(lots);
            // Rounded down, and up, whichever way the leg goes.
            whole = whole.min((traded.saturating_mul(of.signum())).div_euclid(of.saturating_abs()));
            begun = begun.max(-((-traded.saturating_mul(of.signum())).div_euclid(of.saturating_abs())));
        }
        let bounded = |n: i128| u32::try_from(n.clamp(0, lots)).unwrap_or(0);
        (bounded(whole), bounded(begun))
    }
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
    /// A part of it traded, and the rest will not.
    Rest,
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
            Self::Rest => {
                f.write_str("a part of it traded, and the rest was taken back or ended at the broker")
            }
            Self::Limit { net, limit } => {
                write!(f, "a net of {net} points is worse than the limit of {limit}")
            }
        }
    }
}
