//! Working orders against a snapshot.

use super::Book;
use crate::band::Band;
use crate::fees::{Class, FeeError, FeeLeg, Fees};
use crate::fill::{self, NoFill, PackagePrice, PricedLeg, TradeLeg, Trying};
use crate::id::PositionId;
use crate::order::{BookEvent, CancelReason, Order, OrderKind};
use crate::package::{Leg, Package};
use crate::payoff;
use crate::position::{Execution, ExecutionKind, LegFill, Position, PositionLeg};
use alula_market::chain::ChainSnapshot;
use alula_market::money::{Price, Usd};
use alula_market::time::Date;
use std::sync::Arc;

/// What trying an order gave.
enum Outcome {
    /// So many packages, at this price.
    Fill(PackagePrice, Fees, u32),
    Wait(NoFill),
    Cancel(CancelReason),
}

impl Book {
    /// Tries every order on the snapshot's underlying, oldest first, and returns what happened.
    ///
    /// An order decided at the snapshot's own instant is left alone unless the book fills on the same bar. Calling
    /// twice with one snapshot tries an order once. A book whose orders fill elsewhere counts the try and no more: see
    /// [`Book::answer`].
    pub fn on_snapshot(&mut self, snapshot: &ChainSnapshot) -> Vec<BookEvent> {
        self.now = self.now.max(snapshot.at);
        if self.outside {
            self.count_tries(snapshot);
            return Vec::new();
        }
        let mut events = Vec::new();
        for mut order in std::mem::take(&mut self.orders) {
            if !self.is_due(&order, snapshot) {
                self.orders.push(order);
                continue;
            }
            order.tries = order.tries.saturating_add(1);
            order.tried_at = Some(snapshot.at);
            let id = order.id.clone();
            match self.attempt(&order, snapshot) {
                Outcome::Fill(price, fees, lots) => {
                    if let Some(execution) = self.apply(&order, &price, (fees, lots), snapshot) {
                        events.push(BookEvent::Filled(execution));
                    }
                    order.request.lots = order.request.lots.saturating_sub(lots);
                    if order.request.lots == 0 {
                        continue;
                    }
                    if order.tries < order.request.good_for {
                        self.orders.push(order);
                        continue;
                    }
                    let left = order.request.lots;
                    events.push(BookEvent::Cancelled {
                        order: id,
                        at: snapshot.at,
                        reason: CancelReason::Rest { left },
                    });
                }
                Outcome::Wait(reason) if order.tries < order.request.good_for => {
                    events.push(BookEvent::Waiting {
                        order: id,
                        at: snapshot.at,
                        reason,
                    });
                    self.orders.push(order);
                }
                Outcome::Wait(reason) => {
                    let reason = CancelReason::NotFilled(reason);
                    events.push(BookEvent::Cancelled {
                        order: id,
                        at: snapshot.at,
                        reason,
                    });
                }
                Outcome::Cancel(reason) => {
                    events.push(BookEvent::Cancelled {
                        order: id,
                        at: snapshot.at,
                        reason,
                    });
                }
            }
        }
        events
    }

    pub(super) fn is_due(&self, order: &Order, snapshot: &ChainSnapshot) -> bool {
        let underlying = self.underlying_of(order);
        // An order whose position is gone is due at once, to be cancelled.
        let ours = underlying.is_none_or(|u| u == snapshot.underlying);
        let decided = order.request.decided_at;
        let later = decided < snapshot.at || (self.config.same_bar && decided == snapshot.at);
        ours && later && order.tried_at.is_none_or(|t| t < snapshot.at)
    }

    fn attempt(&self, order: &Order, snapshot: &ChainSnapshot) -> Outcome {
        let Some(legs) = self.trade_legs(order) else {
            return Outcome::Cancel(CancelReason::PositionChanged);
        };
        if let Some(reason) = self.crossing(order) {
            return Outcome::Cancel(reason);
        }
        let (model, wanted) = (self.config.fills, order.request.lots);
        let lots = match fill::fillable(&legs, snapshot, model, wanted) {
            Ok(lots) => lots,
            Err(reason) => return self.unfilled(order, reason, snapshot),
        };
        // A roll leaves one position, so it fills whole or not at all.
        if lots < wanted && matches!(order.request.kind, OrderKind::Roll { .. }) {
            let reason = fill::narrowest(&legs, snapshot, model, wanted);
            return reason.map_or(Outcome::Cancel(CancelReason::PositionChanged), Outcome::Wait);
        }
        let price = match fill::price(&legs, snapshot, Trying { model, lots }) {
            Ok(price) => price,
            Err(reason) => return self.unfilled(order, reason, snapshot),
        };
        if price.legs.iter().any(|l| snapshot.at > l.last_trade_at) {
            return Outcome::Cancel(CancelReason::LastTradePassed);
        }
        if let Some(limit) = order.request.limit.filter(|l| price.net.share < *l) {
            return Outcome::Wait(NoFill::Limit {
                net: price.net.share,
                limit,
            });
        }
        match self.fees_of(&price, lots, snapshot.at.date()) {
            Ok(fees) => Outcome::Fill(price, fees, lots),
            // Roots were checked when the order was taken; a position's own roots were traded before.
            Err(_) => Outcome::Cancel(CancelReason::PositionChanged),
        }
    }

    /// What a trade at these prices would pay in fees on a day: the table that fills are charged by.
    ///
    /// # Errors
    /// When the schedule has no row for a symbol.
    pub fn fees_of(&self, price: &PackagePrice, lots: u32, on: Date) -> Result<Fees, FeeError> {
        let leg = |l: &PricedLeg| FeeLeg {
            symbol: l.contract.root.symbol(),
            class: Class::Option,
            ratio: l.ratio,
            premium: l.price.share,
            closing: l.closing,
        };
        let legs: Vec<FeeLeg> = price.legs.iter().map(leg).collect();
        self.config.fees.fees(&legs, lots, self.fee_day(on))
    }

    /// Whether another position holds a contract of the order's target the other way round. The engine asks before it
    /// orders; between that and the fill another order may have filled.
    fn crossing(&self, order: &Order) -> Option<CancelReason> {
        let own = match order.request.kind {
            OrderKind::Roll { position, .. } => Some(position),
            OrderKind::Open { .. } | OrderKind::Close { .. } => None,
        };
        let target = order.request.kind.target()?;
        let found = self
            .conflicts(target)
            .into_iter()
            .find(|(id, _)| Some(*id) != own);
        found.map(|(position, contract)| CancelReason::Conflict { contract, position })
    }

    /// A missing chain after the last trade of a held leg is an end, not a wait.
    fn unfilled(&self, order: &Order, reason: NoFill, snapshot: &ChainSnapshot) -> Outcome {
        let held = match &order.request.kind {
            OrderKind::Open { .. } => None,
            OrderKind::Close { position } | OrderKind::Roll { position, .. } => self.open.get(position),
        };
        let over = held.is_some_and(|p| p.legs.iter().any(|l| snapshot.at > l.last_trade_at));
        if over {
            Outcome::Cancel(CancelReason::LastTradePassed)
        } else {
            Outcome::Wait(reason)
        }
    }

    /// What the order has to trade now; `None` when its position no longer allows it.
    pub(super) fn trade_legs(&self, order: &Order) -> Option<Vec<TradeLeg>> {
        let request = &order.request;
        let position = |id: &PositionId| self.open.get(id).filter(|p| p.lots >= request.lots);
        match &request.kind {
            OrderKind::Open { package } => Some(
                package
                    .legs()
                    .iter()
                    .map(|l| TradeLeg {
                        leg: *l,
                        closing: false,
                    })
                    .collect(),
            ),
            OrderKind::Close { position: id } => {
                let legs = &position(id)?.legs;
                let flip = |l: &PositionLeg| Leg {
                    contract: l.contract,
                    ratio: -l.ratio,
                };
                Some(
                    legs.iter()
                        .map(|l| TradeLeg {
                            leg: flip(l),
                            closing: true,
                        })
                        .collect(),
                )
            }
            OrderKind::Roll { position: id, to } => {
                let held = position(id).filter(|p| p.lots == request.lots)?.held()?;
                let legs = fill::roll_legs(held, to);
                (!legs.is_empty()).then_some(legs)
            }
        }
    }

    pub(super) fn apply(
        &mut self,
        order: &Order,
        price: &PackagePrice,
        (fees, lots): (Fees, u32),
        snapshot: &ChainSnapshot,
    ) -> Option<Execution> {
        let request = &order.request;
        let (position, kind) = match &request.kind {
            OrderKind::Open { package } => {
                let id = self.start(order, (package, lots), price, snapshot);
                (id, ExecutionKind::Open)
            }
            OrderKind::Close { position } => (*position, ExecutionKind::Close),
            OrderKind::Roll { position, .. } => (*position, ExecutionKind::Roll),
        };
        let multiplier = self.open.get(&position)?.package.multiplier();
        let execution = Execution {
            sequence: u32::try_from(self.trades.len()).unwrap_or(u32::MAX),
            at: snapshot.at,
            kind,
            position,
            structure: request.structure.clone(),
            key: request.key.clone(),
            order: Some(order.id.clone()),
            decided_at: request.decided_at,
            lots,
            legs: price.legs.iter().map(leg_fill).collect(),
            net: price.net,
            cash: price.net.dollars(multiplier, i64::from(lots)),
            fees,
            underlying: snapshot.spot,
            approximate: false,
        };
        self.record(&execution);
        self.reshape(&request.kind, &execution, price, snapshot);
        Some(execution)
    }

    /// Creates the position that an opening fill is about to change.
    fn start(
        &mut self,
        order: &Order,
        (package, lots): (&Package, u32),
        price: &PackagePrice,
        snapshot: &ChainSnapshot,
    ) -> PositionId {
        let id = self.ledger.take_position();
        let request = &order.request;
        let mut position = Position {
            id,
            structure: request.structure.clone(),
            opened_by: request.key.clone(),
            opened_at: snapshot.at,
            opened_underlying: snapshot.spot,
            closed_by: None,
            closed_at: None,
            lots,
            lots_opened: lots,
            legs: Vec::new(),
            package: package.clone(),
            credit: Band::default(),
            credit_points: Band::default(),
            cash: Band::default(),
            fees: Usd::ZERO,
            rolls: 0,
            worst: worst_dollars(
                package,
                price.net.share.dollars(package.multiplier(), i64::from(lots)),
                lots,
            ),
            executions: Vec::new(),
            approximate: false,
            held: None,
        };
        let legs = price.legs.iter();
        position.hold(
            legs.map(|l| held_leg(l, (l.ratio, price.legs.len()), l.points, self, snapshot))
                .collect(),
        );
        self.open.insert(id, position);
        self.structures
            .entry(request.structure.clone())
            .or_default()
            .opened += 1;
        id
    }

    /// Books an execution's money: the book's cash, the position's and the structure's totals.
    pub(super) fn record(&mut self, execution: &Execution) {
        let fees = execution.fees.total();
        if execution.order.is_some() {
            let traded =
                |l: &LegFill| i64::from(l.ratio.unsigned_abs()).saturating_mul(i64::from(execution.lots));
            let contracts: i64 = execution.legs.iter().map(traded).sum();
            let month = super::month_of(execution.at.date());
            let before = if self.month.0 == month { self.month.1 } else { 0 };
            self.month = (month, before.saturating_add(contracts));
        }
        self.cash += execution.cash - Band::flat(fees);
        let totals = self.structures.entry(execution.structure.clone()).or_default();
        totals.cash += execution.cash;
        totals.fees += fees;
        if let Some(position) = self.open.get_mut(&execution.position) {
            position.cash += execution.cash;
            position.fees += fees;
            position.executions.push(execution.sequence);
            position.approximate |= execution.approximate;
            if matches!(execution.kind, ExecutionKind::Open | ExecutionKind::Roll) {
                position.credit += execution.cash;
                position.credit_points += execution.net;
            }
        }
        self.touched.insert(execution.position);
        self.trades.push(execution.clone());
    }

    /// Changes the legs and lots of a position after its money is booked.
    fn reshape(
        &mut self,
        kind: &OrderKind,
        execution: &Execution,
        price: &PackagePrice,
        snapshot: &ChainSnapshot,
    ) {
        let id = execution.position;
        match kind {
            OrderKind::Open { .. } => {}
            OrderKind::Close { .. } => {
                let Some(position) = self.open.get_mut(&id) else {
                    return;
                };
                position.lots = position.lots.saturating_sub(execution.lots);
                if position.lots == 0 {
                    position.hold(Vec::new());
                    self.finish(id, &execution.key, execution);
                }
            }
            OrderKind::Roll { to, .. } => {
                let Some(position) = self.open.get(&id) else {
                    return;
                };
                let legs: Vec<PositionLeg> = to
                    .legs()
                    .iter()
                    .filter_map(|leg| {
                        let held = position.legs.iter().find(|l| l.contract == leg.contract);
                        let traded = price.legs.iter().find(|l| l.contract == leg.contract);
                        rolled_leg((*leg, to.legs().len()), held, traded, self, snapshot)
                    })
                    .collect();
                let worst = worst_dollars(to, position.cash.share, position.lots);
                if let Some(position) = self.open.get_mut(&id) {
                    position.hold(legs);
                    position.package = to.clone();
                    position.worst = worst;
                    position.rolls = position.rolls.saturating_add(1);
                }
            }
        }
    }

    /// Moves a position that holds nothing to the closed ones.
    pub(super) fn finish(&mut self, id: PositionId, key: &Arc<str>, execution: &Execution) {
        let Some(mut position) = self.open.remove(&id) else {
            return;
        };
        position.closed_at = Some(execution.at);
        position.closed_by = Some(key.clone());
        position.lots = 0;
        self.closed_pnl += position.pnl();
        self.structures
            .entry(position.structure.clone())
            .or_default()
            .closed += 1;
        self.closed.push(position);
    }
}

fn leg_fill(leg: &PricedLeg) -> LegFill {
    let PricedLeg {
        contract,
        ratio,
        points,
        quote,
        ..
    } = *leg;
    LegFill {
        contract,
        ratio,
        points,
        bid: quote.bid,
        ask: quote.ask,
    }
}

/// A leg held after a fill as one of so many, marked at the fill's quote.
fn held_leg(
    leg: &PricedLeg,
    (ratio, held): (i32, usize),
    basis: Band<Price>,
    book: &Book,
    snapshot: &ChainSnapshot,
) -> PositionLeg {
    let cross = book.config.fills.cross(held);
    PositionLeg {
        contract: leg.contract,
        ratio,
        settles_at: leg.settles_at,
        last_trade_at: leg.last_trade_at,
        basis,
        mark: fill::mark_of(ratio, leg.quote, cross, snapshot.at),
    }
}

/// A leg after a roll: kept, changed in ratio, or new.
fn rolled_leg(
    (to, legs): (Leg, usize),
    held: Option<&PositionLeg>,
    traded: Option<&PricedLeg>,
    book: &Book,
    snapshot: &ChainSnapshot,
) -> Option<PositionLeg> {
    let Some(traded) = traded else {
        return held.copied();
    };
    let (new, change) = (i64::from(to.ratio), i64::from(traded.ratio));
    let old = held.map_or(0, |l| i64::from(l.ratio));
    let old_basis = held.map_or_else(Band::default, |l| l.basis);
    let part = |b: Band<Price>, n: i64, of: i64| {
        b.map(|p| Price(p.0.saturating_mul(n).checked_div(of).unwrap_or(0)))
    };
    let basis = if old == 0 || (old > 0) != (new > 0) {
        // New, or turned round: what was traded beyond closing the old.
        part(traded.points, new, change)
    } else if new.abs() > old.abs() {
        old_basis + traded.points
    } else {
        part(old_basis, new, old)
    };
    Some(held_leg(traded, (to.ratio, legs), basis, book, snapshot))
}

/// Worst P&L in dollars before fees given the cash so far, where one settlement bounds it.
fn worst_dollars(package: &Package, cash: Usd, lots: u32) -> Option<Usd> {
    if !payoff::one_settlement(package) {
        return None;
    }
    let worst = payoff::worst(package)?.min(Price::ZERO);
    Some(cash + worst.dollars(package.multiplier(), i64::from(lots)))
}
