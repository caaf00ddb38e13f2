//! Fills on quotes, and marks.

use super::{Flow, Holding, HoldingKey, Ledger, LinearEvent, LinearExecution, per_lot};
use crate::band::{Band, Cross};
use crate::fees::Fees;
use crate::id::{OrderId, PositionId};
use crate::instrument::order::{
    LinearKind, LinearLeg, LinearOrder, LinearPart, LinearRequest, LinearTold, Unfilled,
};
use crate::instrument::position::LinearPosition;
use crate::instrument::quote::{LinearQuote, QuoteKind};
use alula_market::contract::Instrument;
use alula_market::money::{Price, Usd};
use alula_market::time::Instant;
use std::sync::Arc;

/// Quotes of instruments at one instant.
pub type QuoteOf<'a> = &'a dyn Fn(&Instrument) -> Option<LinearQuote>;

impl Ledger {
    /// Tries the orders that were decided before `at`, oldest first, and marks what is held. All legs of an order fill, or none.
    pub fn on_quotes(&mut self, at: Instant, quote_of: QuoteOf<'_>) -> Vec<LinearEvent> {
        self.on_quotes_for(at, quote_of, &|_| true)
    }

    /// The same for the orders that these quotes are for; others stay as they are, and no round counts for them.
    pub fn on_quotes_for(
        &mut self,
        at: Instant,
        quote_of: QuoteOf<'_>,
        due: &dyn Fn(&LinearRequest) -> bool,
    ) -> Vec<LinearEvent> {
        self.now = self.now.max(Some(at));
        let mut events = Vec::new();
        for mut order in std::mem::take(&mut self.orders) {
            if self.is_early(&order, at) || !due(&order.request) {
                self.orders.push(order);
                continue;
            }
            match self.priced(&order, at, quote_of) {
                Ok(quotes) => {
                    let legs = order.request.legs.iter().zip(quotes);
                    let filled: Vec<Filled> = legs.map(|(leg, quote)| Filled::inside(leg, quote)).collect();
                    let executed = self.fill(&mut order, &filled, at);
                    events.extend(executed.into_iter().map(LinearEvent::Executed));
                }
                Err(reason) => {
                    order.tries = order.tries.saturating_add(1);
                    let over = matches!(
                        reason,
                        Unfilled::LastTradePassed(_) | Unfilled::PositionChanged(_)
                    );
                    let id = order.id.clone();
                    if over || order.tries >= order.request.good_for {
                        events.push(LinearEvent::Cancelled {
                            order: id,
                            at,
                            reason,
                        });
                    } else {
                        events.push(LinearEvent::Waiting {
                            order: id,
                            at,
                            reason,
                        });
                        self.orders.push(order);
                    }
                }
            }
        }
        self.mark(at, quote_of);
        events
    }

    /// The same where somebody else fills the orders and says what came of them since it was asked last. The quotes are the edges
    /// of the band and the reason why an order waits. An order is at work until it is told to be over, or all of it traded:
    /// of what [`Self::overdue`] lists the rest has to be taken back. What is told of an order that is over counts too.
    pub fn on_quotes_told(
        &mut self,
        at: Instant,
        quote_of: QuoteOf<'_>,
        due: &dyn Fn(&LinearRequest) -> bool,
        told: &[(OrderId, LinearTold)],
    ) -> Vec<LinearEvent> {
        self.now = self.now.max(Some(at));
        let mut events = Vec::new();
        for (id, told) in told {
            if let Some(mut order) = self.past.remove(id) {
                self.take_parts((&mut order, &told.parts), (at, quote_of), &mut events);
                self.end(order, at);
            }
        }
        for mut order in std::mem::take(&mut self.orders) {
            if let Some((_, told)) = told.iter().find(|(id, _)| *id == order.id) {
                self.take_parts((&mut order, &told.parts), (at, quote_of), &mut events);
                if told.over || order.is_done() {
                    if !order.is_done() {
                        let given_up = order.tries >= order.request.good_for;
                        let reason = match order.why {
                            _ if order.is_begun() => Unfilled::Rest,
                            Some(why) if given_up => why,
                            _ => Unfilled::Ended,
                        };
                        events.push(LinearEvent::Cancelled {
                            order: order.id.clone(),
                            at,
                            reason,
                        });
                    }
                    self.end(order, at);
                    continue;
                }
            }
            if !self.is_early(&order, at) && due(&order.request) {
                let reason = self.priced(&order, at, quote_of).err();
                let reason = reason.unwrap_or(Unfilled::Outside);
                order.tries = order.tries.saturating_add(1);
                order.why = Some(reason);
                events.push(LinearEvent::Waiting {
                    order: order.id.clone(),
                    at,
                    reason,
                });
            }
            self.orders.push(order);
        }
        self.mark(at, quote_of);
        events
    }

    /// Orders filled elsewhere that have had their rounds, or that nothing can come of any more: to be taken back.
    pub fn overdue(&self, at: Instant) -> impl Iterator<Item = &LinearOrder> {
        self.orders.iter().filter(move |order| {
            let legs = &order.request.legs;
            let gone = |leg: &LinearLeg| leg.instrument.last_trade_at().is_some_and(|last| last < at);
            order.tries >= order.request.good_for || legs.iter().any(gone) || !self.still_fits(order)
        })
    }

    fn is_early(&self, order: &LinearOrder, at: Instant) -> bool {
        let decided = order.request.decided_at;
        decided > at || (decided == at && !self.config.same_bar)
    }

    /// Whether its position is still there for what is left of an order.
    fn still_fits(&self, order: &LinearOrder) -> bool {
        let request = &order.request;
        let left = match request.kind {
            LinearKind::Roll { .. } => request.lots,
            _ => request.lots.saturating_sub(order.lots_traded().0),
        };
        let position = request.kind.position();
        position.is_none_or(|position| self.fits(position, request, left))
    }

    /// Books parts of an order that traded elsewhere.
    fn take_parts(
        &mut self,
        (order, parts): (&mut LinearOrder, &[LinearPart]),
        (at, quote_of): (Instant, QuoteOf<'_>),
        events: &mut Vec<LinearEvent>,
    ) {
        if parts.is_empty() {
            return;
        }
        let with_quote = |part: &LinearPart| Filled::told(part, quote_of(&part.instrument), at);
        let filled: Vec<Filled> = parts.iter().map(with_quote).collect();
        let executed = self.fill(order, &filled, at);
        events.extend(executed.into_iter().map(LinearEvent::Executed));
    }

    /// An order is over; trades of it may still be told, also of one of which nothing had traded.
    fn end(&mut self, order: LinearOrder, at: Instant) {
        if let Some(position) = order.position {
            self.finish(position, &order.request.key, at);
        }
        self.past.insert(order.id.clone(), order);
    }

    /// Quotes of every leg, or why it does not fill.
    fn priced(
        &self,
        order: &LinearOrder,
        at: Instant,
        quote_of: QuoteOf<'_>,
    ) -> Result<Vec<LinearQuote>, Unfilled> {
        let request = &order.request;
        if let Some(position) = request.kind.position().filter(|_| !self.still_fits(order)) {
            return Err(Unfilled::PositionChanged(position));
        }
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
        let quotes: Vec<LinearQuote> = request.legs.iter().map(quote).collect::<Result<_, _>>()?;
        if let Some(limit) = request.limit {
            let limit = limit.times(i64::from(request.lots));
            let cross = self.config.cross;
            let legs = request.legs.iter().zip(&quotes);
            let net: Price = legs
                .map(|(l, q)| -q.price(l.quantity > 0, cross).share.times(l.quantity))
                .sum();
            if net < limit {
                return Err(Unfilled::Limit { net, limit });
            }
        }
        Ok(quotes)
    }

    /// Books what traded of an order: all of it, or a piece.
    fn fill(&mut self, order: &mut LinearOrder, filled: &[Filled], at: Instant) -> Vec<LinearExecution> {
        // What an overlay or hedge holds is one position: a late piece goes where it holds by now.
        let moves = order.request.kind == LinearKind::Adjust;
        let id = match order.position {
            Some(id) if !moves || self.open.contains_key(&id) => id,
            _ => self.position_for(&order.request, at),
        };
        order.position = Some(id);
        self.reopen(id);
        let (before, was_done) = (order.lots_traded(), order.is_done());
        let executed = filled.iter().map(|leg| self.trade(id, order, leg, at)).collect();
        filled.iter().for_each(|part| order.note(&part.leg));
        let (whole, begun) = order.lots_traded();
        let (done, request) = (order.is_done(), &order.request);
        if let Some(position) = self.open.get_mut(&id) {
            match request.kind {
                LinearKind::Open => {
                    let more = position.lots.saturating_add(begun);
                    position.lots = more.saturating_sub(before.1);
                    position.lots_opened = position.lots_opened.max(begun);
                }
                LinearKind::Close { .. } => {
                    let less = position.lots.saturating_add(before.0);
                    position.lots = less.saturating_sub(whole);
                }
                LinearKind::Roll { .. } if done && !was_done => {
                    position.rolls = position.rolls.saturating_add(1);
                    position.legs = per_lot(&position.held, position.lots);
                }
                LinearKind::Roll { .. } => {}
                LinearKind::Adjust => {
                    position.lots = position.size();
                    position.lots_opened = position.lots_opened.max(position.lots);
                    if !position.held.is_empty() {
                        position.legs.clone_from(&position.held);
                    }
                }
            }
            if !position.held.is_empty() {
                position.lots = position.lots.max(1);
            }
        }
        if done {
            // Between two pieces a position may hold nothing for a while.
            self.finish(id, &request.key, at);
        }
        executed
    }

    /// A position that was closed holds something again: a trade came late, or was taken back.
    fn reopen(&mut self, id: PositionId) {
        if let Some(mut position) = self.closed.remove(&id) {
            (position.closed_at, position.closed_by) = (None, None);
            self.open.insert(id, position);
        }
    }

    /// The position that an order changes; a new one where it opens.
    fn position_for(&mut self, request: &LinearRequest, at: Instant) -> PositionId {
        let moved = || {
            let mut own = self.open.values();
            own.find(|p| p.structure == request.structure).map(|p| p.id)
        };
        let found = match request.kind {
            LinearKind::Close { position } | LinearKind::Roll { position } => Some(position),
            LinearKind::Adjust => moved(),
            LinearKind::Open => None,
        };
        if let Some(id) = found {
            return id;
        }
        let id = self.take_position();
        let position = LinearPosition {
            id,
            structure: Arc::clone(&request.structure),
            opened_by: Arc::clone(&request.key),
            opened_at: at,
            closed_by: None,
            closed_at: None,
            lots: 0,
            lots_opened: 0,
            legs: per_lot(&request.legs, request.lots),
            held: Vec::new(),
            cash: Band::default(),
            premium: Band::default(),
            fees: Usd::ZERO,
            rolls: 0,
            executions: Vec::new(),
            approximate: false,
        };
        self.open.insert(id, position);
        id
    }

    fn trade(
        &mut self,
        position: PositionId,
        order: &LinearOrder,
        filled: &Filled,
        at: Instant,
    ) -> LinearExecution {
        let request = &order.request;
        let cross = self.config.cross;
        let (leg, quote) = (&filled.leg, &filled.quote);
        let price = filled.price(cross);
        let paid = -price.dollars(leg.instrument.multiplier(), leg.quantity);
        let future = matches!(leg.instrument, Instrument::Future(_));
        let key = HoldingKey {
            structure: Arc::clone(&request.structure),
            position,
            instrument: leg.instrument,
        };
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
        let by_table = || self.fees_of(&leg.instrument, leg.quantity, price.share, at.date());
        let fees = match filled.fee {
            Some(fee) => Fees {
                commission: fee,
                ..Fees::ZERO
            },
            None => by_table().unwrap_or(Fees::ZERO),
        };
        self.record(LinearExecution {
            sequence: 0,
            at,
            decided_at: request.decided_at,
            flow: Flow::Trade,
            position,
            structure: Arc::clone(&request.structure),
            key: Arc::clone(&request.key),
            order: Some(order.id.clone()),
            instrument: leg.instrument,
            quantity: leg.quantity,
            price,
            cash: if future { Band::default() } else { paid },
            fees,
            approximate: quote.kind == QuoteKind::Assumed,
        })
    }

    /// Marks what is held at quotes no older than its mark. What has no quote holds its mark.
    pub fn mark(&mut self, at: Instant, quote_of: QuoteOf<'_>) {
        self.now = self.now.max(Some(at));
        for (key, held) in &mut self.holdings {
            if let Some(quote) = quote_of(&key.instrument).filter(|q| q.at >= held.marked_at) {
                held.mark = quote.price(held.quantity < 0, self.config.cross);
                held.marked_at = quote.at;
            }
        }
    }
}

/// A leg that trades, or a part of one.
struct Filled {
    leg: LinearLeg,
    quote: LinearQuote,
    /// What it traded at and what that cost, where somebody else says so.
    told: Option<Price>,
    fee: Option<Usd>,
}

impl Filled {
    const fn inside(leg: &LinearLeg, quote: LinearQuote) -> Self {
        Self {
            leg: *leg,
            quote,
            told: None,
            fee: None,
        }
    }

    /// Without a quote the price that was told is all three.
    fn told(part: &LinearPart, quote: Option<LinearQuote>, at: Instant) -> Self {
        let alone = LinearQuote {
            bid: part.price,
            ask: part.price,
            at,
            kind: QuoteKind::Quoted,
        };
        Self {
            leg: LinearLeg {
                instrument: part.instrument,
                quantity: part.quantity,
            },
            quote: quote.unwrap_or(alone),
            told: Some(part.price),
            fee: part.fee,
        }
    }

    /// The edges of the band hold what was told.
    fn price(&self, cross: Cross) -> Band<Price> {
        let buys = self.leg.quantity > 0;
        let quoted = self.quote.price(buys, cross);
        let Some(told) = self.told else { return quoted };
        let (mid, natural) = if buys {
            (quoted.mid.min(told), quoted.natural.max(told))
        } else {
            (quoted.mid.max(told), quoted.natural.min(told))
        };
        Band {
            mid,
            share: told,
            natural,
        }
    }
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
