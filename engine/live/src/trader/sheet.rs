//! The book's orders beside what they are at a broker: named, told to the book package by package, and what of them is not whole.

use super::{ARRIVES_WITHIN_S, TradeError};
use crate::broker::{ClientOrderId, OrderLife};
use crate::order::{Draft, OrderState, Orders, Part, Purpose};
use alula_book::instrument::{LinearKind, LinearLeg, LinearOrder, LinearPart, LinearTold};
use alula_book::{
    Answer, Book, CancelReason, Fees, Leg, NoFill, Order, OrderId, OrderKind, PositionId, Told, TradedLeg,
};
use alula_market::contract::{Instrument, OptionContract};
use alula_market::money::{Price, Usd};
use alula_market::time::Instant;
use alula_run::{Broken, Odd};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What an order of the book, or of its ledger (without legs here), is at the broker.
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
    /// Position that it closes or rolls.
    position: Option<PositionId>,
    /// Of futures and shares: what was told to the ledger, and whether it was told to be over.
    linear: Option<(Pieces, bool)>,
    /// When the newest of its trades was that the ledger was told.
    heard: Option<Instant>,
}

/// What traded of an order for futures or shares, trades at one price together: how many, and their fees where they are told.
type Pieces = BTreeMap<(Instrument, Price), (i64, Option<Usd>)>;

/// An order of the book that nobody has sent yet.
#[derive(Clone, Debug)]
pub(crate) struct Unsent {
    pub id: OrderId,
    pub draft: Draft,
    pub legs: Vec<Leg>,
    /// Position that it closes or rolls.
    pub position: Option<PositionId>,
}

/// The book's orders beside their names at the broker, and how much of them the book was told. A replay keeps the same sheet.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    sent: BTreeMap<OrderId, Sent>,
    /// Those that the book has no more: a broker may still correct what traded of them.
    past: BTreeMap<OrderId, Sent>,
}

impl Sheet {
    /// Forgets orders that the book has no more.
    pub(crate) fn forget(&mut self, book: &Book) {
        let linear = book.ledger().orders();
        let known =
            |id: &OrderId| book.orders().iter().any(|o| o.id == *id) || linear.iter().any(|o| o.id == *id);
        let gone: Vec<OrderId> = self.sent.keys().filter(|id| !known(id)).cloned().collect();
        for id in gone {
            if let Some(sent) = self.sent.remove(&id)
                && sent.name.is_ok()
            {
                self.past.insert(id, sent);
            }
        }
    }

    /// Orders that ended with trades other than those that the book was told of.
    pub(crate) fn broken(&self, orders: &Orders, book: &Book) -> Result<Vec<Broken>, TradeError> {
        let mut out = Vec::new();
        for (id, sent) in self.past.iter().chain(&self.sent) {
            let (Ok(name), false) = (&sent.name, sent.legs.is_empty()) else {
                continue;
            };
            let Some(known) = orders.get(name).filter(|o| o.state.is_end()) else {
                continue;
            };
            let told = i64::from(sent.packages);
            let whole = |(leg, traded): (&Leg, &i64)| *traded == i64::from(leg.ratio).saturating_mul(told);
            // Nearly all of them: as many as the book knows of, at the prices that it knows, and nothing else.
            let corrected = orders.fills().of(name).any(|f| f.corrects.is_some());
            if !corrected && !known.traded.strange && sent.legs.iter().zip(&known.traded.legs).all(whole) {
                continue;
            }
            out.extend(sent.broken((id, name), known, orders, book)?);
        }
        Ok(out)
    }

    /// Orders for futures and shares that the book gave up.
    pub(crate) fn given_up(&self, book: &Book) -> Vec<ClientOrderId> {
        let linear = book.ledger().orders();
        let gone = self
            .sent
            .iter()
            .filter(|(id, sent)| sent.legs.is_empty() && linear.iter().all(|o| o.id != **id));
        gone.filter_map(|(_, sent)| sent.name.clone().ok()).collect()
    }

    /// What the journal knows of orders for futures and shares beyond what the ledger was told, up to an instant where one is
    /// given: every trade as it came, whole packages or not.
    pub(crate) fn linear(
        &mut self,
        orders: &Orders,
        upto: Option<Instant>,
    ) -> Result<Vec<(OrderId, LinearTold)>, TradeError> {
        let mut all = Vec::new();
        for (id, sent) in self.past.iter_mut().chain(&mut self.sent) {
            let Some((told, over)) = &mut sent.linear else {
                continue;
            };
            let mut news = LinearTold::default();
            match &sent.name {
                Err(_) => news.over = !*over,
                Ok(name) => {
                    let Some(known) = orders.get(name) else {
                        if *over {
                            // The journals of later runs no longer name it.
                            continue;
                        }
                        return Err(TradeError::Odd(format!("order `{name}` is not in the journal")));
                    };
                    // What was told once is not untold, wherever the clock of the snapshots stands.
                    let upto = upto.map(|upto| sent.heard.map_or(upto, |heard| upto.max(heard)));
                    let (now, newest, later) = pieces(orders, name, upto)?;
                    sent.heard = sent.heard.max(newest);
                    news.parts = beyond(told, &now);
                    news.over = known.state.is_end() && !later && !*over;
                    *told = now;
                }
            }
            *over |= news.over;
            if news.over || !news.parts.is_empty() {
                all.push((id.clone(), news));
            }
        }
        Ok(all)
    }

    /// Orders of the book that were not sent, in its order, then those of its ledger.
    pub(crate) fn unsent(&self, book: &Book, at: Instant, thresholds: u32) -> Vec<Unsent> {
        let news = book.orders().iter().filter(|o| !self.sent.contains_key(&o.id));
        let options = news.filter_map(|order| {
            let legs = book.legs_of(order)?;
            Some(Unsent {
                id: order.id.clone(),
                draft: draft(order, &legs, at, thresholds),
                legs,
                position: match order.request.kind {
                    OrderKind::Open { .. } => None,
                    OrderKind::Close { position } | OrderKind::Roll { position, .. } => Some(position),
                },
            })
        });
        let news = book
            .ledger()
            .orders()
            .iter()
            .filter(|o| !self.sent.contains_key(&o.id));
        let linear = news.map(|order| Unsent {
            id: order.id.clone(),
            draft: linear_draft(order, at, thresholds),
            legs: Vec::new(),
            position: None,
        });
        options.chain(linear).collect()
    }

    /// Notes what became of an order: its name, or why it was not sent.
    pub(crate) fn note(&mut self, order: Unsent, name: Result<ClientOrderId, Arc<str>>) {
        let sent = Sent {
            linear: order.legs.is_empty().then(|| (Pieces::new(), false)),
            heard: None,
            name,
            brought: vec![Price::ZERO; order.legs.len()],
            legs: order.legs,
            packages: 0,
            fee: Usd::ZERO,
            position: order.position,
        };
        self.sent.insert(order.id, sent);
    }

    /// Our name for an order at the broker.
    pub(crate) fn name(&self, id: &OrderId) -> Option<&ClientOrderId> {
        self.sent.get(id)?.name.as_ref().ok()
    }

    /// What the journal knows of the book's orders beyond what the book was told.
    pub(crate) fn answers(&mut self, orders: &Orders, book: &Book) -> Result<Vec<Answer>, TradeError> {
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
            let Some(known) = orders.get(&name) else {
                return Err(TradeError::Odd(format!("order `{name}` is not in the journal")));
            };
            let ended = known.state.is_end();
            let more = known.traded.packages.saturating_sub(sent.packages);
            // A roll leaves one position: the book hears of it when it is whole.
            let whole = known.traded.packages == known.spec.quantity;
            let rolls = matches!(order.request.kind, OrderKind::Roll { .. });
            let mut left = order.request.lots;
            // What the book cannot take in is set apart when the order has ended: it traded something else, or more.
            let fits = !known.traded.over && !known.traded.strange;
            let fills = if more > 0 && fits && (whole || !rolls) {
                let (mut new, mut brought) = (Vec::new(), Vec::new());
                for (leg, told) in sent.legs.iter().zip(&sent.brought) {
                    let parts = known.traded.parts.iter();
                    let ours = parts.filter(|p| p.instrument == Instrument::Option(leg.contract));
                    let all: Price = ours.map(|p| p.price.times(p.quantity.saturating_neg())).sum();
                    new.push(all - *told);
                    brought.push(all);
                }
                let fills = match evenly(&sent.legs, &new, more) {
                    Some(legs) => Some(vec![(more, legs)]),
                    // Several trades came at once, at prices of their own: the book hears of each.
                    None if !rolls => one_by_one(&sent.legs, &known.traded.parts, (sent.packages, more))
                        .filter(|fills| add_up(fills, &sent.legs, &new)),
                    None => None,
                };
                fills.map(|fills| (fills, brought))
            } else {
                None
            };
            if let Some((fills, brought)) = fills {
                sent.brought = brought;
                let all_told = orders.fills().of(&name).all(|f| f.fee.is_some());
                let mut fees = all_told.then(|| Fees {
                    commission: known.traded.fee - sent.fee,
                    ..Fees::ZERO
                });
                sent.fee = known.traded.fee;
                sent.packages = known.traded.packages;
                left = left.saturating_sub(more);
                for (lots, legs) in fills {
                    answers.push(answer(Told::Filled { lots, legs, fees }));
                    // They were paid with the first.
                    fees = fees.map(|_| Fees::ZERO);
                }
            } else if !ended {
                answers.push(answer(Told::Waiting(NoFill::Outside)));
            }
            if ended && left > 0 {
                let apart = known.traded.packages != sent.packages || known.traded.is_lopsided(&known.spec);
                let reason = match known.state {
                    _ if apart => CancelReason::Outside(Arc::from(
                        "it ended with trades that the book cannot take in; they are set apart until `alula ctl repair`",
                    )),
                    _ if sent.packages > 0 => CancelReason::Rest { left },
                    OrderState::Cancelled if known.cancel_asked => CancelReason::NotFilled(NoFill::Outside),
                    OrderState::Abandoned => CancelReason::Outside(Arc::from(
                        "abandoned: it never arrived at the broker, and is not sent again",
                    )),
                    state => CancelReason::Outside(Arc::from(format!("{state} at the broker"))),
                };
                answers.push(answer(Told::Ended(reason)));
            }
        }
        Ok(answers)
    }
}

impl Sent {
    /// What traded of an order beyond what the book was told, or short of it.
    fn broken(
        &self,
        (id, name): (&OrderId, &ClientOrderId),
        known: &crate::order::Order,
        orders: &Orders,
        book: &Book,
    ) -> Result<Option<Broken>, TradeError> {
        let mut all: BTreeMap<OptionContract, (i64, Price)> = BTreeMap::new();
        let mut fee = Usd::ZERO;
        for fill in orders.fills().of(name) {
            fee += fill.fee.unwrap_or_default();
            let Instrument::Option(contract) = fill.instrument else {
                if fill.quantity == 0 {
                    continue;
                }
                let what = format!("order `{name}` of options traded `{}`", fill.instrument);
                return Err(TradeError::Odd(what));
            };
            let row = all.entry(contract).or_insert((0, Price::ZERO));
            row.0 = row.0.saturating_add(fill.quantity);
            row.1 += fill.price.times(fill.quantity.saturating_neg());
        }
        let told = i64::from(self.packages);
        for (leg, brought) in self.legs.iter().zip(&self.brought) {
            let row = all.entry(leg.contract).or_insert((0, Price::ZERO));
            row.0 = row.0.saturating_sub(i64::from(leg.ratio).saturating_mul(told));
            row.1 -= *brought;
        }
        let odd: Vec<Odd> = all
            .iter()
            .map(|(contract, (quantity, points))| Odd {
                contract: *contract,
                quantity: *quantity,
                points: *points,
            })
            .filter(|odd| !odd.is_nothing())
            .collect();
        // What is whole again after a correction is told too: it may have been other before.
        // As many packages as were begun, beyond those that the book knows.
        let begun = self.legs.iter().zip(&known.traded.legs).map(|(leg, traded)| {
            let ratio = i64::from(leg.ratio).unsigned_abs().max(1);
            traded.unsigned_abs().div_ceil(ratio)
        });
        let begun = i64::try_from(begun.max().unwrap_or(0))
            .unwrap_or(i64::MAX)
            .max(told);
        let missing = self
            .legs
            .iter()
            .zip(&known.traded.legs)
            .filter_map(|(leg, traded)| {
                let wanted = i64::from(leg.ratio).saturating_mul(begun).saturating_sub(*traded);
                (wanted != 0).then_some((leg.contract, wanted))
            });
        // What it opened stands in the book's trades.
        let opened = || {
            book.trades()
                .iter()
                .find(|e| e.order.as_ref() == Some(id))
                .map(|e| e.position)
        };
        Ok(Some(Broken {
            order: Arc::from(name.as_str()),
            structure: Arc::clone(&known.spec.group),
            rule: Arc::clone(&known.rule),
            position: self.position.or_else(opened),
            missing: missing.collect(),
            odd,
            fee: fee - self.fee,
        }))
    }
}

/// What each leg of a package brought, where all packages brought the same.
fn evenly(legs: &[Leg], new: &[Price], packages: u32) -> Option<Vec<TradedLeg>> {
    let packages = i64::from(packages);
    let each = |(leg, all): (&Leg, &Price)| {
        (all.0 % packages == 0).then(|| TradedLeg {
            contract: leg.contract,
            points: Price(all.0 / packages),
        })
    };
    legs.iter().zip(new).map(each).collect()
}

/// Packages in the order of their trades; those that brought the same together.
fn one_by_one(legs: &[Leg], parts: &[Part], (told, more): (u32, u32)) -> Option<Vec<(u32, Vec<TradedLeg>)>> {
    let mut queues: Vec<Vec<(i64, Price)>> = Vec::with_capacity(legs.len());
    for leg in legs {
        let ours = parts
            .iter()
            .filter(|p| p.instrument == Instrument::Option(leg.contract));
        queues.push(ours.map(|p| (p.quantity, p.price)).rev().collect());
    }
    let mut fills: Vec<(u32, Vec<TradedLeg>)> = Vec::new();
    for package in 0..told.checked_add(more)? {
        let mut brought = Vec::with_capacity(legs.len());
        for (leg, queue) in legs.iter().zip(&mut queues) {
            let (mut wanted, mut points) = (i64::from(leg.ratio), Price::ZERO);
            while wanted != 0 {
                let (quantity, price) = queue.pop()?;
                let taken = if quantity.abs() > wanted.abs() {
                    wanted
                } else {
                    quantity
                };
                points += price.times(taken.saturating_neg());
                wanted = wanted.saturating_sub(taken);
                if quantity != taken {
                    queue.push((quantity.saturating_sub(taken), price));
                }
            }
            brought.push(TradedLeg {
                contract: leg.contract,
                points,
            });
        }
        if package < told {
            continue;
        }
        match fills.last_mut() {
            Some((lots, same)) if *same == brought => *lots = lots.saturating_add(1),
            _ => fills.push((1, brought)),
        }
    }
    Some(fills)
}

/// Whether fills bring what the legs brought in all.
fn add_up(fills: &[(u32, Vec<TradedLeg>)], legs: &[Leg], new: &[Price]) -> bool {
    legs.iter().zip(new).all(|(leg, all)| {
        let of = |(lots, told): &(u32, Vec<TradedLeg>)| -> Price {
            let ours = told.iter().filter(|t| t.contract == leg.contract);
            ours.map(|t| t.points.times(i64::from(*lots))).sum()
        };
        fills.iter().map(of).sum::<Price>() == *all
    })
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

/// An order for futures or shares as packages: its lots where each has whole legs, else as many as its legs have in common.
fn linear_draft(order: &LinearOrder, at: Instant, thresholds: u32) -> Draft {
    let request = &order.request;
    let lots = i64::from(request.lots);
    let whole = request.legs.iter().all(|l| l.quantity % lots == 0) && request.kind != LinearKind::Adjust;
    let common = request
        .legs
        .iter()
        .fold(0, |a, l| common(a, l.quantity.unsigned_abs()));
    let packages = if whole {
        u64::from(request.lots)
    } else {
        common.max(1)
    };
    let packages = u32::try_from(packages).unwrap_or(1).max(1);
    let each = i64::from(packages);
    let leg = |l: &LinearLeg| LinearLeg {
        instrument: l.instrument,
        quantity: l.quantity.checked_div(each).unwrap_or(l.quantity),
    };
    // The worst net of a package: what does not divide counts against the broker.
    let limit = request.limit.map(|limit| {
        let all = limit.times(lots).0;
        Price(all.div_euclid(each) + i64::from(all.rem_euclid(each) != 0))
    });
    Draft {
        group: Arc::clone(&request.structure),
        rule: Arc::clone(&request.key),
        purpose: match request.kind {
            LinearKind::Open => Purpose::Open,
            LinearKind::Adjust => Purpose::Hedge,
            LinearKind::Close { .. } => Purpose::Close,
            LinearKind::Roll { .. } => Purpose::Roll,
        },
        legs: request.legs.iter().map(leg).collect(),
        quantity: packages,
        limit,
        not_after: Instant(at.0.saturating_add(ARRIVES_WITHIN_S)),
        life: OrderLife::UntilCancelled,
        risk: None,
        thresholds: u64::from(thresholds),
    }
}

/// Greatest common divisor.
const fn common(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// What traded of an order for futures or shares up to an instant, when the newest of it did, and whether more traded later.
fn pieces(
    orders: &Orders,
    name: &ClientOrderId,
    upto: Option<Instant>,
) -> Result<(Pieces, Option<Instant>, bool), TradeError> {
    let (mut all, mut newest, mut later) = (Pieces::new(), None, false);
    for fill in orders.fills().of(name) {
        if upto.is_some_and(|upto| fill.at > upto) {
            later = true;
            continue;
        }
        if matches!(fill.instrument, Instrument::Option(_)) && fill.quantity != 0 {
            return Err(TradeError::Odd(format!(
                "order `{name}` of futures or shares traded `{}`",
                fill.instrument
            )));
        }
        newest = newest.max(Some(fill.at));
        let piece = all
            .entry((fill.instrument, fill.price))
            .or_insert((0, Some(Usd::ZERO)));
        piece.0 = piece.0.saturating_add(fill.quantity);
        piece.1 = piece.1.zip(fill.fee).map(|(a, b)| a + b);
    }
    all.retain(|_, (quantity, _)| *quantity != 0);
    Ok((all, newest, later))
}

/// What is in `now` beyond what was told. What was told and is not there any more was corrected: it trades the other way round.
fn beyond(told: &Pieces, now: &Pieces) -> Vec<LinearPart> {
    let none = (0, Some(Usd::ZERO));
    let all: BTreeSet<&(Instrument, Price)> = told.keys().chain(now.keys()).collect();
    let part = |key: &(Instrument, Price)| {
        let (before, after) = (told.get(key).unwrap_or(&none), now.get(key).unwrap_or(&none));
        LinearPart {
            instrument: key.0,
            quantity: after.0.saturating_sub(before.0),
            price: key.1,
            fee: after.1.zip(before.1).map(|(after, before)| after - before),
        }
    };
    let parts = all.into_iter().map(part);
    let mut parts: Vec<LinearPart> = parts.filter(|p| p.quantity != 0).collect();
    // A trade whose fee nobody knows was charged by the table once. What only changes its price is charged nothing again.
    let taken_back = |p: &LinearPart| {
        let before = told.get(&(p.instrument, p.price)).unwrap_or(&none).0;
        p.fee.is_none() && before.signum() == -p.quantity.signum()
    };
    for i in 0..parts.len() {
        let Some(back) = parts.get(i).copied().filter(taken_back) else {
            continue;
        };
        let replaces = |p: &&mut LinearPart| {
            p.instrument == back.instrument && p.quantity == -back.quantity && p.fee.is_none()
        };
        if let Some(other) = parts.iter_mut().find(replaces) {
            other.fee = Some(Usd::ZERO);
        }
        if let Some(own) = parts.get_mut(i) {
            own.fee = Some(Usd::ZERO);
        }
    }
    parts
}
