//! A book whose orders fill elsewhere: a broker says what came of each, and the book takes it in.
//!
//! What was paid is what the broker says. The edges of the band, mid and natural, come from the snapshot where it quotes the
//! leg and are widened to hold the price paid; a leg without a quote has the price paid three times. Each answer is taken
//! whole or refused; a refusal changes nothing. A settlement that ends a position ends the orders on it, as in any book:
//! whoever sent them has to take them back.

use super::Book;
use crate::fees::{FeeError, Fees};
use crate::fill::{self, NoFill, PackagePrice, PricedLeg};
use crate::id::OrderId;
use crate::order::{BookEvent, CancelReason, Order, OrderKind};
use crate::package::Leg;
use alula_market::chain::ChainSnapshot;
use alula_market::contract::OptionContract;
use alula_market::money::Price;

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Order.
    pub order: OrderId,
    /// What.
    pub told: Told,
}

/// What a broker tells of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// So many packages traded. What is left stays at work until the order is told to be at its end.
    Filled {
        /// Packages, at most those left; a roll fills whole.
        lots: u32,
        /// What each leg brought: every leg that the order has to trade, once, in any order.
        legs: Vec<TradedLeg>,
        /// Fees of these packages; `None` where the broker does not tell: the book's table charges them.
        fees: Option<Fees>,
    },
    /// Nothing traded, and it stays at work.
    Waiting(NoFill),
    /// It is over; what traded before stays traded.
    Ended(CancelReason),
}

/// What a leg brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradedLeg {
    /// Contract.
    pub contract: OptionContract,
    /// Points per package, credits positive: the price of a contract times those sold, less those bought.
    pub points: Price,
}

/// Why an answer was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The book prices its orders itself.
    #[error("the book fills its orders itself and takes no answers")]
    Inside,
    /// No such order is at work.
    #[error("order {0} is not at work")]
    Unknown(OrderId),
    /// The snapshot is of another underlying.
    #[error("order {order} is not on `{underlying}`")]
    Underlying {
        /// Order.
        order: OrderId,
        /// Of the snapshot.
        underlying: String,
    },
    /// The snapshot is older than the decision.
    #[error("order {0} was decided later than its answer")]
    Early(OrderId),
    /// No lots, or more than are left.
    #[error("order {order} has {left} lots left, {lots} were filled")]
    Lots {
        /// Order.
        order: OrderId,
        /// Left.
        left: u32,
        /// Told.
        lots: u32,
    },
    /// A roll leaves one position, so that it fills whole.
    #[error("order {order} rolls {left} lots at once, {lots} were filled")]
    PartOfRoll {
        /// Order.
        order: OrderId,
        /// Left.
        left: u32,
        /// Told.
        lots: u32,
    },
    /// The order's position settled, closed or shrank meanwhile.
    #[error("the position of order {0} changed before its fill came")]
    PositionChanged(OrderId),
    /// Other legs than the order has to trade.
    #[error("the legs filled are not those of order {0}")]
    Legs(OrderId),
    /// Nobody knows when the contract settles.
    #[error("`{0}` has no settlement time")]
    NoTimes(OptionContract),
    /// A price that no contract has.
    #[error("{points} points for `{contract}` are out of range")]
    Price {
        /// Contract.
        contract: OptionContract,
        /// Told.
        points: Price,
    },
    /// The fee schedule has no row.
    #[error(transparent)]
    Fees(#[from] FeeError),
    /// The book has as many positions as it takes.
    #[error("the book is full: too many positions")]
    Full,
}

impl Book {
    /// Most points of a leg that are taken for a price: 1 000 000 a package, either way.
    pub const MAX_TOLD: Price = Price(1_000_000_000);

    /// The same book with its orders filled elsewhere: [`Book::on_snapshot`] then counts tries and fills nothing, and
    /// [`Book::answer`] says what came of them.
    #[must_use]
    pub const fn outside(mut self) -> Self {
        self.outside = true;
        self
    }

    /// Whether its orders fill elsewhere.
    #[must_use]
    pub const fn is_outside(&self) -> bool {
        self.outside
    }

    /// Orders that have had their snapshots, or whose position no longer allows them: to be taken back where they are at
    /// work. Only of a book whose orders fill elsewhere; any other ends them itself.
    pub fn overdue(&self) -> impl Iterator<Item = &Order> {
        let over = |o: &&Order| o.tries >= o.request.good_for || self.trade_legs(o).is_none();
        self.orders.iter().filter(move |o| self.outside && over(o))
    }

    /// Underlying of an order; `None` when its position is gone.
    #[must_use]
    pub fn underlying_of(&self, order: &Order) -> Option<&'static str> {
        match &order.request.kind {
            OrderKind::Open { package } => Some(package.underlying()),
            OrderKind::Close { position } | OrderKind::Roll { position, .. } => {
                self.open.get(position).map(|p| p.package.underlying())
            }
        }
    }

    /// What an order has to trade now, for one package; `None` when its position no longer allows it.
    #[must_use]
    pub fn legs_of(&self, order: &Order) -> Option<Vec<Leg>> {
        let legs = self.trade_legs(order)?;
        Some(legs.iter().map(|l| l.leg).collect())
    }

    /// Counts a try of every order that is due at a snapshot.
    pub(super) fn count_tries(&mut self, snapshot: &ChainSnapshot) {
        let mut orders = std::mem::take(&mut self.orders);
        for order in &mut orders {
            if self.is_due(order, snapshot) {
                order.tries = order.tries.saturating_add(1);
                order.tried_at = Some(snapshot.at);
            }
        }
        self.orders = orders;
    }

    /// Takes in what a broker said of an order, as of a snapshot of its underlying.
    ///
    /// # Errors
    /// See [`AnswerError`]; the book is unchanged then.
    pub fn answer(&mut self, snapshot: &ChainSnapshot, answer: &Answer) -> Result<BookEvent, AnswerError> {
        if !self.outside {
            return Err(AnswerError::Inside);
        }
        let id = || answer.order.clone();
        let place = self.orders.iter().position(|o| o.id == answer.order);
        let Some((place, order)) = place.and_then(|i| Some((i, self.orders.get(i)?.clone()))) else {
            return Err(AnswerError::Unknown(id()));
        };
        if self
            .underlying_of(&order)
            .is_some_and(|u| u != snapshot.underlying)
        {
            return Err(AnswerError::Underlying {
                order: id(),
                underlying: snapshot.underlying.clone(),
            });
        }
        if snapshot.at < order.request.decided_at {
            return Err(AnswerError::Early(id()));
        }
        let (lots, legs, fees) = match &answer.told {
            Told::Waiting(reason) => {
                return Ok(BookEvent::Waiting {
                    order: id(),
                    at: snapshot.at,
                    reason: *reason,
                });
            }
            Told::Ended(reason) => {
                self.orders.remove(place);
                return Ok(BookEvent::Cancelled {
                    order: id(),
                    at: snapshot.at,
                    reason: reason.clone(),
                });
            }
            Told::Filled { lots, legs, fees } => (*lots, legs, *fees),
        };
        let price = self.told_price(&order, lots, legs, snapshot)?;
        let fees = match fees {
            Some(fees) => fees,
            None => self.fees_of(&price, lots, snapshot.at.date())?,
        };
        self.now = self.now.max(snapshot.at);
        if let OrderKind::Close { position } = &order.request.kind
            && fill::is_beyond_payoff(&price.legs)
            && let Some(position) = self.open.get_mut(position)
        {
            // More was paid than the legs can ever be worth: what the position can lose is no longer bounded by them.
            position.worst = None;
        }
        let Some(execution) = self.apply(&order, &price, (fees, lots), snapshot) else {
            // Its position was there a moment ago.
            return Err(AnswerError::PositionChanged(id()));
        };
        if let Some(order) = self.orders.get_mut(place) {
            order.request.lots = order.request.lots.saturating_sub(lots);
            if order.request.lots == 0 {
                self.orders.remove(place);
            }
        }
        Ok(BookEvent::Filled(execution))
    }

    /// What was told, as a price of what the order has to trade; an error if it does not fit.
    fn told_price(
        &self,
        order: &Order,
        lots: u32,
        told: &[TradedLeg],
        snapshot: &ChainSnapshot,
    ) -> Result<PackagePrice, AnswerError> {
        let (id, left) = (|| order.id.clone(), order.request.lots);
        if lots == 0 || lots > left {
            let order = id();
            return Err(AnswerError::Lots { order, left, lots });
        }
        if lots != left && matches!(order.request.kind, OrderKind::Roll { .. }) {
            let order = id();
            return Err(AnswerError::PartOfRoll { order, left, lots });
        }
        if matches!(order.request.kind, OrderKind::Open { .. })
            && (self.open.len() >= Self::MAX_POSITIONS || self.ledger.next_position() == u32::MAX)
        {
            return Err(AnswerError::Full);
        }
        let trade = self
            .trade_legs(order)
            .ok_or_else(|| AnswerError::PositionChanged(id()))?;
        if trade.len() != told.len() {
            return Err(AnswerError::Legs(id()));
        }
        let mut legs: Vec<PricedLeg> = Vec::with_capacity(trade.len());
        for leg in &trade {
            // As many told as traded, and each traded one told: no room for one told twice.
            let contract = leg.leg.contract;
            let Some(found) = told.iter().find(|t| t.contract == contract) else {
                return Err(AnswerError::Legs(id()));
            };
            let points = found.points;
            if !(-Self::MAX_TOLD..=Self::MAX_TOLD).contains(&points) {
                return Err(AnswerError::Price { contract, points });
            }
            legs.push(fill::as_told(leg, points, snapshot).ok_or(AnswerError::NoTimes(contract))?);
        }
        let net = legs.iter().map(|l| l.points).sum();
        Ok(PackagePrice { net, legs })
    }
}
