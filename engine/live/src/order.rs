//! Orders at work: what was meant, what was sent, what came back, and what is therefore held.
//!
//! [`Orders`] is a fold over the journal: every change is an entry first, and [`Orders::apply`] makes of entries what they
//! mean, the same in a run and in a replay of it. No clock, no disk, no broker.

pub mod convert;
mod desk;
mod fills;
pub mod id;
mod machine;
#[cfg(test)]
mod tests;

pub use alula_run::rails::{OpenRisk, Purpose};
pub use convert::Unreadable;
pub use desk::{DeskError, OrderDesk};
pub use fills::{Added, Fills};
pub use machine::{Filled, Happened, Order, OrderState, Part, Traded};

use crate::broker::{BrokerEvent, BrokerOrder, ClientOrderId, Fill, OrderLife, OrderStatus};
use alula_book::instrument::LinearLeg;
use alula_journal::Record;
use alula_journal::wire::{self, Blob};
use alula_market::contract::Instrument;
use alula_market::money::{Price, Usd};
use alula_market::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Days for which trades are carried from run to run one by one.
const KEEP_DAYS: i64 = 10;

/// An order that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Structure.
    pub group: Arc<str>,
    /// Rule or policy that wants it.
    pub rule: Arc<str>,
    /// What it is for.
    pub purpose: Purpose,
    /// One package.
    pub legs: Vec<LinearLeg>,
    /// Packages.
    pub quantity: u32,
    /// Worst net price in points, credits positive; `None` is a market order.
    pub limit: Option<Price>,
    /// The broker must refuse it from then on.
    pub not_after: Instant,
    /// How long it stays at work.
    pub life: OrderLife,
    /// Most that it can lose, where it is known.
    pub risk: Option<Usd>,
    /// Version of the thresholds.
    pub thresholds: u64,
}

impl Draft {
    /// The order that it becomes.
    #[must_use]
    pub fn named(&self, name: ClientOrderId, number: u64, shadow: bool) -> Order {
        let spec = BrokerOrder {
            id: name,
            group: self.group.clone(),
            legs: self.legs.clone(),
            quantity: self.quantity,
            limit: self.limit,
            not_after: self.not_after,
            life: self.life,
        };
        Order {
            traded: Traded::of(&spec, std::iter::empty()),
            rule: self.rule.clone(),
            purpose: self.purpose,
            risk: self.risk,
            thresholds: self.thresholds,
            number,
            intent: 0,
            shadow,
            state: OrderState::Intent,
            broker_order: None,
            cancel_asked: false,
            resent: false,
            spec,
        }
    }
}

/// What follows from an entry. Nothing of it may leave the process before the entry is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An order changed how it stands.
    State {
        /// Order.
        order: ClientOrderId,
        /// Before.
        from: OrderState,
        /// Now.
        to: OrderState,
    },
    /// A trade or settlement counts: a position moved.
    Counted(Fill),
    /// Packages of an order became whole.
    Packages {
        /// Order.
        order: ClientOrderId,
        /// How many.
        packages: u32,
        /// Their trades, in pieces.
        parts: Vec<Part>,
    },
    /// A correction changed trades that had counted; what was told of the order's packages before is void.
    Corrected {
        /// Order, if it is of one.
        order: Option<ClientOrderId>,
        /// The correction.
        fill: Fill,
        /// What it replaces.
        replaced: Arc<str>,
    },
    /// An order that counts as never sent is at work, and has to be taken back.
    TakeBack(ClientOrderId),
    /// A person must see it.
    Alarm {
        /// Kind.
        key: &'static str,
        /// In a sentence.
        text: String,
    },
}

/// Halt of trading, as it was last said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Halted {
    /// `none`, `entries`, `all`; empty is none.
    pub level: String,
    /// Why.
    pub why: String,
}

/// All orders of a run and of the ones before it that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    orders: BTreeMap<ClientOrderId, Order>,
    fills: Fills,
    /// Number of the next intent of this run.
    next: u64,
    halted: Halted,
    /// Last thresholds in force: version, canonical form.
    thresholds: (u64, Vec<u8>),
    /// Highest number of a snapshot request.
    request: u64,
}

impl Orders {
    /// Of that name.
    #[must_use]
    pub fn get(&self, id: &ClientOrderId) -> Option<&Order> {
        self.orders.get(id)
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }

    /// Those that may be at work, or come to be.
    pub fn open(&self) -> impl Iterator<Item = &Order> {
        self.orders.values().filter(|o| o.is_open())
    }

    /// Trades and positions.
    #[must_use]
    pub fn fills(&self) -> &Fills {
        &self.fills
    }

    /// What is held, without zeros.
    #[must_use]
    pub fn positions(&self) -> &BTreeMap<Instrument, i64> {
        self.fills.positions()
    }

    /// What halts trading.
    #[must_use]
    pub fn halted(&self) -> &Halted {
        &self.halted
    }

    /// Version and canonical form of the last thresholds in force; version 0 before any.
    #[must_use]
    pub fn thresholds(&self) -> (u64, &[u8]) {
        (self.thresholds.0, &self.thresholds.1)
    }

    /// Number of the next intent.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// Highest number of a request for a snapshot that was answered.
    #[must_use]
    pub fn last_request(&self) -> u64 {
        self.request
    }

    /// Risk of all orders that may still trade. An order of which nobody knows whether it left counts whole.
    #[must_use]
    pub fn open_risk(&self) -> OpenRisk {
        let mut risk = OpenRisk::default();
        for order in self.open() {
            match order.open_risk() {
                Some(amount) => risk.known += amount,
                None => risk.unknown = risk.unknown.saturating_add(1),
            }
        }
        risk
    }

    /// Applies an entry of the journal.
    ///
    /// # Errors
    /// When it says something that this program does not know; nothing has changed then.
    pub fn apply(&mut self, seq: u64, record: &Record) -> Result<Vec<Notice>, Unreadable> {
        let mut out = Vec::new();
        match record {
            Record::OrderIntent(intent) => {
                self.insert(seq, intent)?;
                self.next = self.next.max(intent.number.saturating_add(1));
            }
            Record::SubmitResult(result) => {
                let happened = match &result.submission {
                    wire::Submission::Sent => Happened::Sent,
                    wire::Submission::NotSent(_) => Happened::NotSent,
                    wire::Submission::Unknown(_) => Happened::SentOrNot,
                };
                self.happen(&convert::id_in(&result.order)?, happened, &mut out);
            }
            Record::Broker(broker) => {
                let event = convert::event_in(&broker.said)?;
                self.event(&event, &mut out);
            }
            Record::IntentAbandoned(abandoned) => {
                self.happen(&convert::id_in(&abandoned.order)?, Happened::Abandoned, &mut out);
            }
            Record::Adopted(adopted) => {
                let id = convert::id_in(&adopted.order)?;
                self.name(&id, &adopted.broker_order);
                let happened = match convert::status_in(adopted.status) {
                    OrderStatus::Working => Happened::Acknowledged,
                    OrderStatus::Filled => Happened::Traded,
                    OrderStatus::Cancelled => Happened::Cancelled,
                    OrderStatus::Expired => Happened::Expired,
                    OrderStatus::Rejected => Happened::Rejected,
                };
                self.happen(&id, happened, &mut out);
            }
            Record::CancelIntent(cancel) => {
                if let Some(order) = self.orders.get_mut(&convert::id_in(&cancel.order)?) {
                    order.cancel_asked = true;
                }
            }
            Record::Resent(resent) => {
                if let Some(order) = self.orders.get_mut(&convert::id_in(&resent.order)?) {
                    order.resent = true;
                }
            }
            Record::PositionMoved(moved) => {
                let leg = convert::leg_in(&moved.moved)?;
                self.fills.move_by(leg.instrument, leg.quantity);
            }
            Record::Halt(halt) => {
                self.halted = Halted {
                    level: halt.level.clone(),
                    why: halt.why.clone(),
                };
            }
            Record::ThresholdsApplied(applied) => {
                self.thresholds = (applied.version, applied.canonical.0.clone());
            }
            Record::Carried(carried) => self.carried(seq, carried)?,
            _ => {}
        }
        Ok(out)
    }

    fn insert(&mut self, seq: u64, intent: &wire::OrderIntent) -> Result<(), Unreadable> {
        let spec = convert::order_in(intent)?;
        let purpose = Purpose::of_word(&intent.purpose)
            .ok_or_else(|| Unreadable(format!("`{}` is no purpose of an order", intent.purpose)))?;
        let order = Order {
            rule: intent.rule.as_str().into(),
            purpose,
            risk: intent.risk_micros.map(Usd),
            thresholds: intent.thresholds,
            number: intent.number,
            intent: seq,
            shadow: intent.shadow,
            state: OrderState::Intent,
            broker_order: None,
            cancel_asked: false,
            resent: false,
            traded: Traded::of(&spec, std::iter::empty()),
            spec,
        };
        self.orders.insert(order.spec.id.clone(), order);
        Ok(())
    }

    fn carried(&mut self, seq: u64, carried: &wire::Carried) -> Result<(), Unreadable> {
        for leg in &carried.positions {
            let leg = convert::leg_in(leg)?;
            self.fills.move_by(leg.instrument, leg.quantity);
        }
        for fill in &carried.fills {
            self.fills.add(&convert::fill_in(fill)?);
        }
        for row in &carried.orders {
            self.insert(seq, &row.intent)?;
            let state = OrderState::of_word(&row.state)
                .ok_or_else(|| Unreadable(format!("`{}` is no state of an order", row.state)))?;
            if let Some(order) = self.orders.get_mut(&convert::id_in(&row.intent.order)?) {
                order.state = state;
                order.broker_order = row.broker_order.as_deref().map(Arc::from);
                order.cancel_asked = row.cancel_asked;
                order.resent = row.resent;
                order.traded = Traded::of(&order.spec, self.fills.of(&order.spec.id));
            }
        }
        self.halted = Halted {
            level: carried.halt.clone(),
            why: carried.halt_why.clone(),
        };
        self.thresholds = (carried.thresholds_version, carried.thresholds.0.clone());
        Ok(())
    }

    fn event(&mut self, event: &BrokerEvent, out: &mut Vec<Notice>) {
        match event {
            BrokerEvent::Acknowledged { order, broker_order } => {
                self.name(order, broker_order);
                self.happen(order, Happened::Acknowledged, out);
            }
            // Of a resent order the next comparison tells what became of it.
            BrokerEvent::Rejected { order, .. } if self.get(order).is_some_and(|o| o.resent) => {}
            BrokerEvent::Rejected { order, .. } => self.happen(order, Happened::Rejected, out),
            BrokerEvent::Cancelled { order, .. } => self.happen(order, Happened::Cancelled, out),
            BrokerEvent::Expired { order } => self.happen(order, Happened::Expired, out),
            BrokerEvent::Filled(fill) => self.trade(fill, out),
            BrokerEvent::SnapshotBegin { request } => self.request = self.request.max(*request),
            // Rows of a snapshot count only once it is whole and compared; what it teaches comes as entries of its own.
            BrokerEvent::Up
            | BrokerEvent::Down(_)
            | BrokerEvent::SnapshotOrder { .. }
            | BrokerEvent::SnapshotPosition { .. }
            | BrokerEvent::SnapshotFill { .. }
            | BrokerEvent::SnapshotAccount { .. }
            | BrokerEvent::SnapshotEnd { .. }
            // The market is not for the orders.
            | BrokerEvent::Quote(_)
            | BrokerEvent::Level(_)
            | BrokerEvent::Listed { .. }
            | BrokerEvent::ListEnd { .. } => {}
        }
    }

    fn name(&mut self, id: &ClientOrderId, broker_order: &str) {
        if let Some(order) = self.orders.get_mut(id)
            && !broker_order.is_empty()
        {
            order.broker_order = Some(broker_order.into());
        }
    }

    /// A trade of no order of ours is somebody else's: it is told and does not count. A settlement closes what our trades
    /// make, and no more.
    fn trade(&mut self, fill: &Fill, out: &mut Vec<Notice>) {
        let mut fill = fill.clone();
        let ours = fill.order.as_ref().is_some_and(|o| self.orders.contains_key(o));
        if fill.kind == crate::broker::FillKind::Settlement {
            if self.fills.knows(&fill.exec_id) {
                return;
            }
            let held = self.positions().get(&fill.instrument).copied().unwrap_or(0);
            let closes = held.signum() == -fill.quantity.signum();
            let most = if closes { held.abs() } else { 0 };
            fill.quantity = fill.quantity.clamp(-most, most);
        } else if !ours {
            let text = match &fill.order {
                Some(order) => format!("a trade came of order `{order}`, which this journal does not know"),
                None => format!(
                    "trade `{}` in {} is of no order of ours",
                    fill.exec_id, fill.instrument
                ),
            };
            out.push(alarm("external-fill", text));
            return;
        }
        let fill = &fill;
        match self.fills.add(fill) {
            Added::Again => return,
            Added::Differs => {
                let text = format!(
                    "trade `{}` came twice with different words; the first ones count",
                    fill.exec_id
                );
                out.push(alarm("fill-differs", text));
                return;
            }
            Added::Superseded => {}
            Added::New => out.push(Notice::Counted(fill.clone())),
            Added::Corrects(replaced) => {
                let text = format!("trade `{replaced}` was corrected by `{}`", fill.exec_id);
                out.push(alarm("fill-corrected", text));
                out.push(Notice::Corrected {
                    order: fill.order.clone(),
                    fill: fill.clone(),
                    replaced,
                });
            }
        }
        if let Some(order) = fill.order.as_ref().filter(|_| ours) {
            self.happen(order, Happened::Traded, out);
        }
    }

    fn happen(&mut self, id: &ClientOrderId, happened: Happened, out: &mut Vec<Notice>) {
        let Some(order) = self.orders.get_mut(id) else {
            let text = format!("the broker speaks of order `{id}`, which this journal does not know");
            out.push(alarm("external-order", text));
            return;
        };
        let before = std::mem::take(&mut order.traded);
        order.traded = Traded::of(&order.spec, self.fills.of(id));
        let from = order.state;
        let share = order.traded.share(&order.spec);
        order.state = from.after(happened, share);
        if order.state != from {
            out.push(Notice::State {
                order: id.clone(),
                from,
                to: order.state,
            });
        }
        if order.traded.packages > before.packages {
            out.push(Notice::Packages {
                order: id.clone(),
                packages: order.traded.packages - before.packages,
                parts: difference(&before.parts, &order.traded.parts),
            });
        }
        let more = order.traded.legs != before.legs;
        if from.is_end() && happened == Happened::Traded && more {
            let text = format!("order `{id}` traded after it was {from}; the trade counts");
            out.push(alarm("late-fill", text));
        }
        if from == OrderState::Abandoned
            && matches!(happened, Happened::Acknowledged | Happened::Traded)
            && !order.cancel_asked
        {
            let text = format!("order `{id}` counted as never sent and is at work; it is taken back");
            out.push(alarm("abandoned-order", text));
            out.push(Notice::TakeBack(id.clone()));
        }
        if happened == Happened::Rejected && share != Filled::None && !from.is_end() {
            let text = format!("order `{id}` was refused after a part of it had traded");
            out.push(alarm("refused-after-trade", text));
        }
        if order.traded.over && !before.over {
            let text = format!("more of order `{id}` traded than was ordered");
            out.push(alarm("overfill", text));
        }
        if order.traded.strange && !before.strange {
            let text = format!("order `{id}` traded something that is none of its legs");
            out.push(alarm("strange-fill", text));
        }
        let ended = order.state.is_end() && !from.is_end();
        if ended && order.traded.is_lopsided(&order.spec) {
            let text = format!("order `{id}` ended with legs that do not make whole packages");
            out.push(alarm("broken-package", text));
        }
    }

    /// What the next run takes over at that instant, in the journal's words.
    #[must_use]
    pub fn carry(&self, now: Instant) -> wire::Carried {
        let oldest = now.0.saturating_sub(KEEP_DAYS * 86_400);
        let young = self.orders.values().filter(|o| o.spec.not_after.0 >= oldest);
        let mut wanted: BTreeSet<&ClientOrderId> = self.open().chain(young).map(|o| &o.spec.id).collect();
        let mut kept: BTreeSet<&Arc<str>> = BTreeSet::new();
        // All trades of an order stay together, and a correction and what it corrects: a part of them would say that the rest was
        // taken back.
        loop {
            let before = (kept.len(), wanted.len());
            for fill in self.fills.all() {
                let of_wanted = fill.order.as_ref().is_some_and(|o| wanted.contains(o));
                let corrects = |old: &Arc<str>| kept.contains(old) || kept.contains(&fill.exec_id);
                if fill.at.0 >= oldest || of_wanted || fill.corrects.as_ref().is_some_and(corrects) {
                    kept.insert(&fill.exec_id);
                    kept.extend(&fill.corrects);
                    wanted.extend(&fill.order);
                } else if kept.contains(&fill.exec_id) {
                    wanted.extend(&fill.order);
                }
            }
            if (kept.len(), wanted.len()) == before {
                break;
            }
        }
        // What is not kept one by one is part of the base.
        let mut base = self.fills.positions().clone();
        for fill in self.fills.all() {
            if kept.contains(&fill.exec_id) && self.fills.counts(&fill.exec_id) {
                let held = base.entry(fill.instrument).or_default();
                *held = held.saturating_sub(fill.quantity);
            }
        }
        // Trades of an order stay in the order in which they came: its packages are made of the oldest.
        let mut fills: Vec<&Fill> = self.fills.all().filter(|f| kept.contains(&f.exec_id)).collect();
        fills.sort_by_key(|f| (self.fills.place(f), Arc::clone(&f.exec_id)));
        let recent = |o: &&Order| wanted.contains(&o.spec.id);
        wire::Carried {
            positions: base
                .iter()
                .filter(|(_, quantity)| **quantity != 0)
                .map(|(instrument, quantity)| wire::Leg {
                    instrument: convert::instrument_out(instrument),
                    quantity: *quantity,
                })
                .collect(),
            orders: self.iter().filter(recent).map(carried_order).collect(),
            fills: fills.into_iter().map(convert::fill_out).collect(),
            halt: self.halted.level.clone(),
            halt_why: self.halted.why.clone(),
            thresholds: Blob(self.thresholds.1.clone()),
            thresholds_version: self.thresholds.0,
        }
    }
}

fn alarm(key: &'static str, text: String) -> Notice {
    Notice::Alarm { key, text }
}

/// Parts that are in `now` beyond those in `before`, piece by piece.
fn difference(before: &[Part], now: &[Part]) -> Vec<Part> {
    let mut told: BTreeMap<&Arc<str>, i64> = BTreeMap::new();
    for part in before {
        let sum = told.entry(&part.exec_id).or_default();
        *sum = sum.saturating_add(part.quantity);
    }
    let mut out = Vec::new();
    for part in now {
        let old = told.remove(&part.exec_id).unwrap_or(0);
        let quantity = part.quantity.saturating_sub(old);
        if quantity != 0 {
            out.push(Part {
                quantity,
                ..part.clone()
            });
        }
    }
    out
}

/// An intent in the journal's words.
pub(crate) fn intent_out(order: &Order) -> wire::OrderIntent {
    wire::OrderIntent {
        order: order.spec.id.to_string(),
        group: order.spec.group.as_ref().to_owned(),
        rule: order.rule.as_ref().to_owned(),
        purpose: order.purpose.word().to_owned(),
        legs: order.spec.legs.iter().map(convert::leg_out).collect(),
        quantity: order.spec.quantity,
        limit_mills: order.spec.limit.map(|p| p.0),
        not_after_s: order.spec.not_after.0,
        until_cancelled: order.spec.life == OrderLife::UntilCancelled,
        risk_micros: order.risk.map(|r| r.0),
        thresholds: order.thresholds,
        number: order.number,
        shadow: order.shadow,
    }
}

fn carried_order(order: &Order) -> wire::CarriedOrder {
    // Written down and not known to be sent: it may have left before the end came.
    let state = match order.state {
        OrderState::Intent | OrderState::Sent if !order.shadow => OrderState::Unknown,
        state => state,
    };
    wire::CarriedOrder {
        intent: intent_out(order),
        state: state.word().to_owned(),
        broker_order: order.broker_order.as_deref().map(str::to_owned),
        cancel_asked: order.cancel_asked,
        resent: order.resent,
    }
}
