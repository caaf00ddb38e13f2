//! Legs that make no whole package, in a run under way: set apart, and repaired as an operator says.

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
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Key of the orders that a repair makes.
const REPAIR: &str = "operator.repair";
/// Snapshots for which an order that closes an odd leg is good.
const GOOD_FOR: u32 = 20;

/// What is set apart, and what was repaired.
#[derive(Clone, Debug, Default)]
pub(super) struct Quarantine {
    found: BTreeMap<Arc<str>, Broken>,
    done: BTreeMap<Arc<str>, Vec<Odd>>,
}

/// What a repair did to the book.
struct Repaired {
    book: Book,
    orders: Vec<(OrderId, OrderRequest)>,
    events: Vec<BookEvent>,
}

impl Crank<'_> {
    /// Orders that left legs which make no whole package, and that nobody repaired.
    pub fn broken(&self) -> impl Iterator<Item = &Broken> {
        self.quarantine.found.values()
    }

    /// Takes in what is broken now; what is new is told, and what came whole by itself too.
    pub(super) fn note_broken(&mut self, at: Instant, all: Vec<Broken>) {
        let mut found = BTreeMap::new();
        for broken in all {
            let done = self.quarantine.done.get(&broken.order);
            let Some(mut broken) = broken.without(done.map_or(&[][..], Vec::as_slice)) else {
                continue;
            };
            // What has settled is cash at the broker, and nothing is left to be repaired.
            broken
                .odd
                .retain(|o| Instrument::Option(o.contract).settles_at().is_none_or(|t| t > at));
            if !broken.odd.is_empty() {
                found.insert(Arc::clone(&broken.order), broken);
            }
        }
        let mut tell = |text: String| {
            let alert = (at, "quarantine".to_owned(), text);
            self.recorder.output.alerts.push(alert);
        };
        for (order, broken) in &found {
            if self.quarantine.found.get(order) != Some(broken) {
                tell(format!(
                    "{broken}. Nothing is opened for `{}` until `alula ctl repair` says what becomes of them",
                    broken.structure
                ));
            }
        }
        for (order, broken) in &self.quarantine.found {
            if !found.contains_key(order) {
                tell(format!(
                    "order `{order}` of `{}` left nothing more that is not whole: it traded, or it expired",
                    broken.structure
                ));
            }
        }
        self.quarantine.found = found;
    }

    /// Why an order may not leave while something is set apart.
    pub(super) fn set_apart(&self, wanted: Wanted<'_>) -> Option<String> {
        let Wanted::Package(request) = wanted else {
            return None;
        };
        let concerns = |broken: &&Broken| match &request.kind {
            OrderKind::Open { .. } => broken.structure == request.structure,
            OrderKind::Close { position } => self.is_taken_from(broken, *position),
            OrderKind::Roll { position, .. } => {
                broken.structure == request.structure || self.is_taken_from(broken, *position)
            }
        };
        let broken = self.broken().find(concerns)?;
        Some(format!("set apart until `alula ctl repair`: {broken}"))
    }

    fn is_taken_from(&self, broken: &Broken, position: PositionId) -> bool {
        broken.position == Some(position) && broken.packages(&self.book) > 0
    }

    /// Whether a repair can be had.
    pub(super) fn judge_repair(&self, order: &str) -> Result<(), RunError> {
        if self.quarantine.found.contains_key(order) {
            return Ok(());
        }
        let names: Vec<&str> = self.quarantine.found.keys().map(AsRef::as_ref).collect();
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
        let (key, tell) = ("quarantine".to_owned(), |crank: &mut Self, key, text| {
            crank.recorder.output.alerts.push((at, key, text));
        });
        let Some(broken) = self.quarantine.found.get(order).cloned() else {
            tell(
                self,
                key,
                format!("order `{order}` is whole: there is nothing to repair"),
            );
            return;
        };
        let by = super::by(&act.who);
        if way != Way::Gone {
            match self.taken_on(&broken, way, at, views) {
                Ok(repaired) => {
                    self.book = repaired.book;
                    for (id, request) in &repaired.orders {
                        self.recorder.order(id, request, &self.book);
                    }
                    self.recorder.events(&repaired.events);
                }
                Err(why) => {
                    tell(
                        self,
                        key,
                        format!(
                            "the repair `{way}` of order `{order}`{by} failed: {why}",
                            way = way.word()
                        ),
                    );
                    return;
                }
            }
        }
        self.quarantine.found.remove(order);
        let done = self.quarantine.done.entry(Arc::clone(&broken.order)).or_default();
        done.extend(broken.odd.iter().copied());
        let what = match way {
            Way::Take => format!("held as `{}`", broken.own_key()),
            Way::Close => format!("held as `{}`, and orders close them", broken.own_key()),
            Way::Gone => "forgotten: what they cost does not count in this account".to_owned(),
        };
        tell(
            self,
            key,
            format!(
                "the legs of order `{order}` are repaired{by}: {} {what}",
                broken.held_text()
            ),
        );
    }

    /// The book as it is when the legs are taken on: the packages that lost legs end, and what is left of them is held leg by
    /// leg. Legs that did not trade change their place at their mark, so that nothing is won or lost by it.
    fn taken_on(&self, broken: &Broken, way: Way, at: Instant, views: &Views) -> Result<Repaired, String> {
        let mut done = Repaired {
            book: self.book.clone(),
            orders: Vec::new(),
            events: Vec::new(),
        };
        // Single contracts, those of one leg with their exact sum.
        let mut units: BTreeMap<OptionContract, (i64, VecDeque<Price>)> = BTreeMap::new();
        for odd in &broken.odd {
            units.insert(odd.contract, (odd.quantity.signum(), singles(odd)));
        }
        // What is held leg by leg: contract, side, points of one, and how many.
        let mut own: BTreeMap<(OptionContract, i64, Price), u32> = BTreeMap::new();
        let mut hold = |contract, side, points: Price| {
            let count = own.entry((contract, side, points)).or_insert(0_u32);
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
                let request = OrderRequest {
                    key: Arc::from(REPAIR),
                    structure: Arc::clone(&position.structure),
                    kind: OrderKind::Close {
                        position: position.id,
                    },
                    lots: 1,
                    limit: None,
                    decided_at: at,
                    good_for: 1,
                };
                done.fill(request, told, Fees::ZERO, (at, views))?;
            }
        }
        for (contract, (side, queue)) in units {
            for points in queue {
                hold(contract, side, points);
            }
        }
        let mut fee = broken.fee;
        for ((contract, side, points), lots) in own {
            let ratio = if side > 0 { 1 } else { -1 };
            let package = Package::new(vec![Leg { contract, ratio }]).map_err(|e| e.to_string())?;
            let request = OrderRequest {
                key: Arc::from(REPAIR),
                structure: broken.own_key(),
                kind: OrderKind::Open { package },
                lots,
                limit: None,
                decided_at: at,
                good_for: 1,
            };
            let fees = Fees {
                commission: std::mem::replace(&mut fee, Usd::ZERO),
                ..Fees::ZERO
            };
            let id = done.fill(request, vec![TradedLeg { contract, points }], fees, (at, views))?;
            if way == Way::Close {
                let request = OrderRequest {
                    key: Arc::from(REPAIR),
                    structure: broken.own_key(),
                    kind: OrderKind::Close { position: id },
                    lots,
                    limit: market(&contract, side, views),
                    decided_at: at,
                    good_for: GOOD_FOR,
                };
                let order = done.book.submit(request.clone()).map_err(|e| e.to_string())?;
                done.orders.push((order, request));
            }
        }
        done.book.check().map_err(|e| e.to_string())?;
        Ok(done)
    }
}

impl Repaired {
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
    let chain = snapshot.expiry(contract.root, contract.expiry)?;
    let (quotes, i) = (chain.side(contract.right), chain.index_of(contract.strike)?);
    let (bid, ask) = (*quotes.bid.get(i)?, *quotes.ask.get(i)?);
    if ask <= Price::ZERO {
        return None;
    }
    Some(if side > 0 { bid } else { -ask })
}
