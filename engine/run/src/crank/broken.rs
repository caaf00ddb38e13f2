//! Legs that make no whole package, in a run under way: held leg by leg as soon as they are seen, set apart until an operator has
//! said what becomes of them.

use super::Crank;
use super::gate::Wanted;
use crate::broken::{Broken, Odd, Way};
use crate::course::OperatorAct;
use crate::error::{ErrorClass, RunError};
use alula_book::{
    Answer, Book, BookEvent, Fees, Leg, OrderId, OrderKind, OrderRequest, Package, Position, PositionId,
    Told, TradedLeg,
};
use alula_core::market::Views;
use alula_market::chain::ChainSnapshot;
use alula_market::contract::{Instrument, OptionContract};
use alula_market::money::{Price, Usd};
use alula_market::time::Instant;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Key of the orders that put single legs in their place.
const REPAIR: &str = "operator.repair";
/// Snapshots for which an order that closes an odd leg is good.
const GOOD_FOR: u32 = 20;

/// What orders left that is not whole, by their names.
#[derive(Clone, Debug, Default)]
pub(super) struct Quarantine(BTreeMap<Arc<str>, Apart>);

/// What one order left.
#[derive(Clone, Debug)]
struct Apart {
    /// All of it.
    broken: Broken,
    /// What the book was told of it, and of its fees.
    told: Vec<Odd>,
    fee: Usd,
    /// Of that, what an operator has dealt with.
    dealt: Vec<Odd>,
    /// Positions that hold it leg by leg.
    held: BTreeSet<PositionId>,
    /// Why the book could not take the newest of it in.
    why: Option<String>,
    /// Nothing is opened for its structure.
    locked: bool,
}

/// What a repair did to the book.
struct Repaired {
    book: Book,
    orders: Vec<(OrderId, OrderRequest)>,
    events: Vec<BookEvent>,
    /// Positions of single legs that it opened.
    held: Vec<PositionId>,
}

impl Crank<'_> {
    /// Orders that left legs which make no whole package, as long as an operator has not said what becomes of them and something
    /// of them is held.
    pub fn broken(&self) -> impl Iterator<Item = &Broken> {
        let locked = self.quarantine.0.values().filter(|a| a.locked);
        locked.map(|apart| &apart.broken)
    }

    /// Takes in what is broken now. The book holds what is new leg by leg from here on; it is told, and so is what is no longer held.
    pub(super) fn note_broken(
        &mut self,
        at: Instant,
        views: &Views,
        all: Vec<Broken>,
    ) -> Result<(), RunError> {
        for broken in all {
            let order = Arc::clone(&broken.order);
            let before = self.quarantine.0.remove(&order);
            let told = before.as_ref().map_or((&[][..], Usd::ZERO), |a| (&a.told, a.fee));
            let Some(news) = broken.clone().without(told) else {
                if let Some(before) = before {
                    self.quarantine.0.insert(order, before);
                }
                continue;
            };
            let mut apart = before.unwrap_or_else(|| Apart::new(&broken));
            apart.locked |= news.has_legs();
            match self.taken_on(&news, at, views) {
                Ok(repaired) => {
                    self.chain.operator(&format!("apart {news}"));
                    apart.told.extend(news.odd.iter().copied());
                    (apart.fee, apart.why) = (broken.fee, None);
                    apart.held.extend(self.keep(repaired));
                    if news.odd.iter().any(|odd| has_settled(odd, at)) {
                        // They settled before anybody knew of them.
                        self.settle_options(at)?;
                    }
                    let corrected = news.corrected();
                    if corrected != Usd::ZERO {
                        let text = format!(
                            "the broker corrected prices of order `{order}` of `{}` after it had ended: {corrected} for the account",
                            broken.structure
                        );
                        self.tell_apart(at, text);
                    }
                    if !news.has_legs() {
                        apart.broken = broken;
                        self.quarantine.0.insert(order, apart);
                        continue;
                    }
                    let text = if broken.has_legs() {
                        format!(
                            "{broken}. They are held as `{}`, and nothing is opened for `{}` until `alula ctl repair` says what becomes of them",
                            broken.own_key(),
                            broken.structure
                        )
                    } else {
                        format!(
                            "order `{order}` is whole again at the broker, and its legs are held one by one as `{}` until they expire or `alula ctl repair` closes them",
                            broken.own_key()
                        )
                    };
                    self.tell_apart(at, text);
                }
                Err(why) => {
                    let text = format!(
                        "{broken}. The book could not take them in ({why}), and nothing is opened for `{}`; it is tried again at each snapshot",
                        broken.structure
                    );
                    if apart.why.as_ref() != Some(&why) {
                        apart.why = Some(why);
                        self.tell_apart(at, text);
                    }
                }
            }
            let rest = broken.clone().without((&apart.dealt, Usd::ZERO));
            apart.broken = rest.unwrap_or(broken);
            self.quarantine.0.insert(order, apart);
        }
        self.let_go(at);
        Ok(())
    }

    /// Nothing is set apart any more of which nothing is held.
    pub(super) fn let_go(&mut self, at: Instant) {
        let mut over: Vec<String> = Vec::new();
        for (order, apart) in &mut self.quarantine.0 {
            let open = |id: &PositionId| self.book.position(*id).is_some_and(Position::is_open);
            apart.held.retain(open);
            apart.broken.odd.retain(|odd| !has_settled(odd, at));
            if apart.locked && apart.why.is_none() && apart.held.is_empty() {
                apart.locked = false;
                over.push(format!(
                    "nothing of what order `{order}` of `{}` left is held any more: it was closed, or it expired",
                    apart.broken.structure
                ));
            }
        }
        for text in over {
            self.tell_apart(at, text);
        }
    }

    fn tell_apart(&mut self, at: Instant, text: String) {
        let alert = (at, "quarantine".to_owned(), text);
        self.recorder.output.alerts.push(alert);
    }

    /// Puts a repair into force; the positions of single legs that it opened.
    fn keep(&mut self, repaired: Repaired) -> Vec<PositionId> {
        self.book = repaired.book;
        for (id, request) in &repaired.orders {
            self.recorder.order(id, request, &self.book);
        }
        self.recorder.events(&repaired.events);
        repaired.held
    }

    /// Why an order may not leave while something is set apart.
    pub(super) fn set_apart(&self, wanted: Wanted<'_>) -> Option<String> {
        let Wanted::Package(request) = wanted else {
            return None;
        };
        let concerns = |apart: &&Apart| match &request.kind {
            OrderKind::Open { .. } => apart.broken.structure == request.structure,
            OrderKind::Close { position } => self.is_taken_from(apart, *position),
            OrderKind::Roll { position, .. } => {
                apart.broken.structure == request.structure || self.is_taken_from(apart, *position)
            }
        };
        let mut locked = self.quarantine.0.values().filter(|a| a.locked);
        let apart = locked.find(concerns)?;
        Some(format!("set apart until `alula ctl repair`: {}", apart.broken))
    }

    /// Whether legs are gone from a position and the book could not be told.
    fn is_taken_from(&self, apart: &Apart, position: PositionId) -> bool {
        let broken = &apart.broken;
        apart.why.is_some() && broken.position == Some(position) && broken.packages(&self.book) > 0
    }

    /// Whether a repair can be had.
    pub(super) fn judge_repair(&self, order: &str) -> Result<(), RunError> {
        let names: Vec<&str> = self.broken().map(|b| &*b.order).collect();
        if names.contains(&order) {
            return Ok(());
        }
        let help = if names.is_empty() {
            "every package is whole".to_owned()
        } else {
            format!("there is `{}`", names.join("`, `"))
        };
        Err(RunError::new(
            ErrorClass::Request,
            format!("no order `{order}` left legs that make no whole package"),
            help,
        ))
    }

    /// Does what an operator said of legs that make no whole package. What cannot be done changes nothing and is told.
    pub(super) fn repair(
        &mut self,
        (order, way): (&str, Way),
        act: &OperatorAct,
        at: Instant,
        views: &Views,
    ) {
        self.chain.operator(&act.act.text());
        let found = self.quarantine.0.get(order).filter(|a| a.locked).cloned();
        let Some(mut apart) = found else {
            self.tell_apart(
                at,
                format!("order `{order}` is whole: there is nothing to repair"),
            );
            return;
        };
        let by = super::by(&act.who);
        let done = match way {
            Way::Take => match &apart.why {
                None => Ok(None),
                Some(why) => Err(why.clone()),
            },
            Way::Close => self.closing(&apart, at, views).map(Some),
            Way::Gone => {
                let back = apart.undone(at);
                back.map(|back| self.taken_on(&back, at, views)).transpose()
            }
        };
        match done {
            Ok(repaired) => {
                if let Some(repaired) = repaired {
                    apart.held.extend(self.keep(repaired));
                }
            }
            Err(why) => {
                let way = way.word();
                self.tell_apart(
                    at,
                    format!("the repair `{way}` of order `{order}`{by} failed: {why}"),
                );
                return;
            }
        }
        let what = match way {
            Way::Take => format!("held as `{}`", apart.broken.own_key()),
            Way::Close => format!("held as `{}`, and orders close them", apart.broken.own_key()),
            Way::Gone => "forgotten: what they cost does not count in this account".to_owned(),
        };
        let text = format!(
            "the legs of order `{order}` are repaired{by}: {} {what}",
            apart.broken.held_text()
        );
        if apart.why.take().is_some() {
            // What the book was never told of is not told any more.
            let all = apart.dealt.iter().chain(&apart.broken.odd).copied();
            apart.told = all.collect();
        }
        apart.dealt.clone_from(&apart.told);
        apart.locked = false;
        self.quarantine.0.insert(Arc::clone(&apart.broken.order), apart);
        self.tell_apart(at, text);
    }

    /// The book with an order that closes each position that holds what an order left.
    fn closing(&self, apart: &Apart, at: Instant, views: &Views) -> Result<Repaired, String> {
        if let Some(why) = &apart.why {
            return Err(why.clone());
        }
        let mut done = Repaired::of(&self.book);
        for id in &apart.held {
            let Some(position) = self.book.position(*id).filter(|p| p.is_open()) else {
                continue;
            };
            if self.book.working_on(*id).is_some() {
                continue;
            }
            let leg = position.legs.first();
            let request = OrderRequest {
                key: Arc::from(REPAIR),
                structure: Arc::clone(&position.structure),
                kind: OrderKind::Close { position: *id },
                lots: position.lots,
                limit: leg.and_then(|l| market(&l.contract, i64::from(l.ratio), views)),
                decided_at: at,
                good_for: GOOD_FOR,
            };
            let order = done.book.submit(request.clone()).map_err(|e| e.to_string())?;
            done.orders.push((order, request));
        }
        Ok(done)
    }

    /// The book as it is with the legs: single legs that they close are closed, the packages that lost legs end, and what is left
    /// is held leg by leg. Legs that did not trade change their place at their mark, so that nothing is won or lost by it.
    fn taken_on(&self, broken: &Broken, at: Instant, views: &Views) -> Result<Repaired, String> {
        let mut done = Repaired::of(&self.book);
        // Single contracts, those of one leg with their exact sum.
        let mut units: BTreeMap<OptionContract, (i64, VecDeque<Price>)> = BTreeMap::new();
        for odd in broken.odd.iter().filter(|odd| odd.quantity != 0) {
            units.insert(odd.contract, (odd.quantity.signum(), singles(odd)));
        }
        let mut fee = broken.fee;
        let mut charge = || Fees {
            commission: std::mem::replace(&mut fee, Usd::ZERO),
            ..Fees::ZERO
        };
        let own = broken.own_key();
        let single = self
            .book
            .positions()
            .filter(|p| p.structure == own && self.book.working_on(p.id).is_none());
        for position in single {
            let [leg] = position.legs.as_slice() else { continue };
            let Some((side, queue)) = units.get_mut(&leg.contract) else {
                continue;
            };
            if *side == i64::from(leg.ratio.signum()) {
                continue;
            }
            for _ in 0..position.lots {
                let Some(points) = queue.pop_front() else { break };
                let contract = leg.contract;
                let close = request(
                    &own,
                    OrderKind::Close {
                        position: position.id,
                    },
                    1,
                    at,
                );
                done.fill(close, vec![TradedLeg { contract, points }], charge(), (at, views))?;
            }
        }
        // What is held leg by leg: contract, side, points of one, and how many.
        let mut own_legs: BTreeMap<(OptionContract, i64, Price), u32> = BTreeMap::new();
        let mut hold = |contract, side, points: Price| {
            let count = own_legs.entry((contract, side, points)).or_insert(0_u32);
            *count = count.saturating_add(1);
        };
        let position = broken.position.and_then(|id| self.book.position(id)).cloned();
        if let Some(position) = &position {
            for _ in 0..broken.packages(&self.book) {
                let mut told = Vec::with_capacity(position.legs.len());
                for leg in &position.legs {
                    // Trading it away is the other side of holding it.
                    let (held, mut points) = (i64::from(leg.ratio.signum()), Price::ZERO);
                    for _ in 0..leg.ratio.unsigned_abs() {
                        let traded = units.get_mut(&leg.contract).filter(|(side, _)| *side == -held);
                        match traded.and_then(|(_, queue)| queue.pop_front()) {
                            Some(brought) => points += brought,
                            None => {
                                let mark = leg.mark.mid;
                                points += mark.times(held);
                                hold(leg.contract, held, mark.times(-held));
                            }
                        }
                    }
                    told.push(TradedLeg {
                        contract: leg.contract,
                        points,
                    });
                }
                let kind = OrderKind::Close {
                    position: position.id,
                };
                let close = request(&position.structure, kind, 1, at);
                done.fill(close, told, charge(), (at, views))?;
            }
        }
        for (contract, (side, queue)) in units {
            for points in queue {
                hold(contract, side, points);
            }
        }
        for ((contract, side, points), lots) in own_legs {
            let ratio = if side > 0 { 1 } else { -1 };
            let package = Package::new(vec![Leg { contract, ratio }]).map_err(|e| e.to_string())?;
            let open = request(&own, OrderKind::Open { package }, lots, at);
            let id = done.fill(open, vec![TradedLeg { contract, points }], charge(), (at, views))?;
            done.held.push(id);
        }
        // Of prices that were corrected there is only money: bought for nothing and sold for it, or the other way round.
        for odd in broken.odd.iter().filter(|odd| odd.quantity == 0) {
            let contract = odd.contract;
            let package = Package::new(vec![Leg { contract, ratio: 1 }]).map_err(|e| e.to_string())?;
            let open = request(&own, OrderKind::Open { package }, 1, at);
            let (paid, brought) = (odd.points.min(Price::ZERO), odd.points.max(Price::ZERO));
            let leg = |points| vec![TradedLeg { contract, points }];
            let no_quotes: &Views = &Vec::new();
            let position = done.fill(open, leg(paid), charge(), (at, no_quotes))?;
            let close = request(&own, OrderKind::Close { position }, 1, at);
            done.fill(close, leg(brought), Fees::ZERO, (at, no_quotes))?;
        }
        // What has settled is settled before anybody looks at the book.
        if !broken.odd.iter().any(|odd| has_settled(odd, at)) {
            done.book.check().map_err(|e| e.to_string())?;
        }
        Ok(done)
    }
}

impl Apart {
    fn new(broken: &Broken) -> Self {
        Self {
            broken: broken.clone(),
            told: Vec::new(),
            dealt: Vec::new(),
            fee: Usd::ZERO,
            held: BTreeSet::new(),
            why: None,
            locked: false,
        }
    }

    /// What the book was told of and an operator has not dealt with, the other way round; what has settled apart.
    fn undone(&self, at: Instant) -> Option<Broken> {
        let mut told: Vec<Odd> = self.told.clone();
        let back = |odd: &Odd| Odd {
            quantity: odd.quantity.saturating_neg(),
            points: -odd.points,
            ..*odd
        };
        told.extend(self.dealt.iter().map(back));
        told.retain(|odd| !has_settled(odd, at));
        let none = Broken {
            odd: Vec::new(),
            position: None,
            ..self.broken.clone()
        };
        let mut back = none.without((&told, self.broken.fee))?;
        // A price that was corrected stays so.
        back.odd.retain(|odd| odd.quantity != 0);
        back.has_legs().then_some(back)
    }
}

fn request(structure: &Arc<str>, kind: OrderKind, lots: u32, at: Instant) -> OrderRequest {
    OrderRequest {
        key: Arc::from(REPAIR),
        structure: Arc::clone(structure),
        kind,
        lots,
        limit: None,
        decided_at: at,
        good_for: 1,
    }
}

/// What has settled is cash at the broker.
fn has_settled(odd: &Odd, at: Instant) -> bool {
    Instrument::Option(odd.contract)
        .settles_at()
        .is_some_and(|t| t <= at)
}

impl Repaired {
    fn of(book: &Book) -> Self {
        Self {
            book: book.clone(),
            orders: Vec::new(),
            events: Vec::new(),
            held: Vec::new(),
        }
    }

    /// An order of the book that is filled already; its position.
    fn fill(
        &mut self,
        request: OrderRequest,
        legs: Vec<TradedLeg>,
        fees: Fees,
        (at, views): (Instant, &Views),
    ) -> Result<PositionId, String> {
        let underlying = match &request.kind {
            OrderKind::Open { package } => Some(package.underlying()),
            OrderKind::Close { position } | OrderKind::Roll { position, .. } => {
                let held = self.book.position(*position).and_then(Position::held);
                held.map(Package::underlying)
            }
        };
        let underlying = underlying.unwrap_or_default();
        let mut seen = views.iter().flatten().map(|v| &v.snapshot);
        // Where it is not quoted at this tick its legs have the prices that were paid.
        let snapshot = seen.find(|s| s.underlying == underlying).cloned();
        let snapshot = snapshot.unwrap_or_else(|| {
            Arc::new(ChainSnapshot {
                at,
                underlying: underlying.to_owned(),
                spot: Price::ZERO,
                expiries: Vec::new(),
            })
        });
        let id = self.book.submit(request.clone()).map_err(|e| e.to_string())?;
        let answer = Answer {
            order: id.clone(),
            told: Told::Filled {
                lots: request.lots,
                legs,
                fees: Some(fees),
            },
        };
        let event = self.book.answer(&snapshot, &answer).map_err(|e| e.to_string())?;
        let BookEvent::Filled(execution) = &event else {
            return Err("the book did not take it in".to_owned());
        };
        let position = execution.position;
        self.orders.push((id, request));
        self.events.push(event);
        Ok(position)
    }
}

/// What each contract brought: as many as there are, with their exact sum.
fn singles(odd: &Odd) -> VecDeque<Price> {
    let count = i64::try_from(odd.quantity.unsigned_abs())
        .unwrap_or(i64::MAX)
        .max(1);
    let (low, more) = (odd.points.0.div_euclid(count), odd.points.0.rem_euclid(count));
    (0..count).map(|i| Price(low + i64::from(i < more))).collect()
}

/// What getting rid of a leg brings at once: a long one at its bid, a short one at its ask; nothing where it is not quoted.
fn market(contract: &OptionContract, side: i64, views: &Views) -> Option<Price> {
    let mut snapshots = views.iter().flatten().map(|v| &v.snapshot);
    let snapshot = snapshots.find(|s| s.underlying == contract.root.underlying())?;
    let raw = snapshot.raw_quote(contract)?;
    if !raw.is_quoted() {
        return None;
    }
    Some(if side > 0 { raw.bid } else { -raw.ask })
}
