//! Journal and broker compared: after a start, after each reconnection, and every few minutes.
//!
//! A snapshot counts when its end has come, and two in a row must say the same. What they show is taken in: orders that
//! were found are gone on with, orders that are not there are abandoned and never sent again, trades that nobody told us of
//! count. What does not fit blocks entries until a person has looked. Missing is not flat.
//!
//! [`plan`] is a function of what is known; [`Reconciler`] says when to ask. Neither has a clock or does anything.

mod machine;
#[cfg(test)]
mod tests;

pub use machine::{Action, Occasion, Reconciler};

use crate::broker::{
    AccountRow, BrokerEvent, Capabilities, ClientOrderId, Fill, FillKind, OrderRow, OrderStatus,
};
use crate::order::{Order, OrderState, Orders, convert};
use alula_book::instrument::LinearLeg;
use alula_journal::wire::{self, Record};
use alula_market::contract::Instrument;
use alula_market::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// What to do with orders and positions that are not ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum External {
    /// Entries wait for a person.
    #[default]
    Halt,
    /// They are left alone as long as they share no instrument with ours.
    Ignore,
    /// Positions are taken over into the journal; orders are left alone.
    Adopt,
}

/// How journal and broker are compared. Times in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What is not ours.
    pub external: External,
    /// Send an order of unknown fate again under its old name, where the broker refuses names that it has seen.
    pub resend: bool,
    /// Nothing can be on its way: every call to the broker was answered or its process is gone, and no other has the account. An
    /// order that is not there is abandoned at once.
    pub drained: bool,
    /// Least wait before the first question.
    pub quiet_s: i64,
    /// Longest time that a message is on its way.
    pub flight_s: i64,
    /// Most that the broker's clock may be behind ours.
    pub skew_s: i64,
    /// Time for an answer.
    pub answer_s: i64,
    /// Time between comparisons while all is well.
    pub every_s: i64,
    /// Time between comparisons while something does not fit.
    pub again_s: i64,
}

impl Default for Policy {
    /// Wait 5 s, flight 10 s, clocks 2 s apart, answers in 30 s; every 5 minutes, each minute while something is wrong.
    fn default() -> Self {
        Self {
            external: External::Halt,
            resend: false,
            drained: false,
            quiet_s: 5,
            flight_s: 10,
            skew_s: 2,
            answer_s: 30,
            every_s: 300,
            again_s: 60,
        }
    }
}

/// What a broker has, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// As asked.
    pub request: u64,
    /// Orders, by the broker's names.
    pub orders: BTreeMap<Arc<str>, OrderRow>,
    /// Positions that were named, zeros too.
    pub positions: BTreeMap<Instrument, i64>,
    /// Trades, by their numbers.
    pub fills: BTreeMap<Arc<str>, Fill>,
    /// Account.
    pub account: Option<AccountRow>,
    /// Rows that contradict each other; such a snapshot says nothing.
    pub contradiction: Option<String>,
}

impl Snapshot {
    /// They say the same of orders, positions and trades. Money moves with the market.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        let sound = self.contradiction.is_none() && other.contradiction.is_none();
        sound && self.orders == other.orders && self.positions == other.positions && self.fills == other.fills
    }

    fn odd(&mut self, what: String) {
        self.contradiction.get_or_insert(what);
    }
}

/// Puts the rows of a snapshot together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collector {
    wanted: Option<u64>,
    rows: Option<Snapshot>,
}

impl Collector {
    /// Waits for the rows of that request; those of others are nothing.
    pub fn ask(&mut self, request: u64) {
        *self = Self {
            wanted: Some(request),
            rows: None,
        };
    }

    /// Waits for nothing.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Takes an event; gives the snapshot when it is whole.
    pub fn take(&mut self, event: &BrokerEvent) -> Option<Snapshot> {
        let wanted = self.wanted?;
        if let BrokerEvent::SnapshotBegin { request } = event
            && *request == wanted
        {
            self.rows = Some(Snapshot {
                request: wanted,
                ..Snapshot::default()
            });
            return None;
        }
        if let BrokerEvent::SnapshotEnd { request } = event
            && *request == wanted
        {
            let rows = self.rows.take()?;
            self.wanted = None;
            return Some(rows);
        }
        let rows = self.rows.as_mut()?;
        match event {
            BrokerEvent::SnapshotOrder { request, row } if *request == wanted => {
                let before = rows.orders.insert(Arc::clone(&row.broker_order), row.clone());
                if before.is_some_and(|b| b != *row) {
                    rows.odd(format!(
                        "the broker's order `{}` stands in it twice",
                        row.broker_order
                    ));
                }
            }
            BrokerEvent::SnapshotPosition { request, held } if *request == wanted => {
                let before = rows.positions.insert(held.instrument, held.quantity);
                if before.is_some_and(|b| b != held.quantity) {
                    rows.odd(format!("the position in {} stands in it twice", held.instrument));
                }
            }
            BrokerEvent::SnapshotFill { request, fill } if *request == wanted => {
                let before = rows.fills.insert(Arc::clone(&fill.exec_id), fill.clone());
                if before.is_some_and(|b| b != *fill) {
                    rows.odd(format!("the trade `{}` stands in it twice", fill.exec_id));
                }
            }
            BrokerEvent::SnapshotAccount { request, row } if *request == wanted => rows.account = Some(*row),
            _ => {}
        }
        None
    }
}

/// Something that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The broker cannot show what would be compared.
    Blind(&'static str),
    /// More packages are filled than trades are known.
    Trades {
        /// Order.
        order: ClientOrderId,
        /// Packages at the broker.
        broker: u32,
        /// Packages in the journal.
        journal: u32,
    },
    /// An order that has ended for us is at work.
    Zombie {
        /// Order.
        order: ClientOrderId,
        /// How it stands for us.
        state: OrderState,
    },
    /// An order that is not ours.
    Order {
        /// The broker's name.
        broker_order: Arc<str>,
        /// A name like ours, if it has one.
        order: Option<ClientOrderId>,
    },
    /// A position that is not what our trades make; `None` when the broker does not name it.
    Position {
        /// Instrument.
        instrument: Instrument,
        /// By our trades.
        journal: i64,
        /// At the broker.
        broker: Option<i64>,
    },
    /// A package of which legs are missing.
    Legs {
        /// Order.
        order: ClientOrderId,
        /// Structure.
        group: Arc<str>,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blind(what) => write!(f, "the broker cannot show {what}, so nothing can be compared"),
            Self::Trades {
                order,
                broker,
                journal,
            } => write!(
                f,
                "order `{order}`: the broker filled {broker} packages, and the journal has the trades of {journal}"
            ),
            Self::Zombie { order, state } => {
                write!(f, "order `{order}` is at work, and the journal has it as {state}")
            }
            Self::Order {
                broker_order,
                order: Some(order),
            } => write!(
                f,
                "the broker's order `{broker_order}` is named `{order}` and stands in no journal of ours"
            ),
            Self::Order { broker_order, .. } => {
                write!(f, "the broker's order `{broker_order}` is not ours")
            }
            Self::Position {
                instrument,
                journal,
                broker: Some(broker),
            } => write!(
                f,
                "{instrument}: the broker holds {broker}, and our trades make {journal}"
            ),
            Self::Position {
                instrument, journal, ..
            } => write!(
                f,
                "{instrument}: our trades make {journal}, and the broker does not name it; missing is not flat"
            ),
            Self::Legs { order, group } => write!(
                f,
                "order `{order}` of {group} ended with legs that do not make whole packages; they are held"
            ),
        }
    }
}

/// What a comparison comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Entries to write, in this order.
    pub records: Vec<Record>,
    /// Orders to send again under their old names.
    pub resend: Vec<ClientOrderId>,
    /// Orders to take back.
    pub take_back: Vec<ClientOrderId>,
    /// What does not fit; entries wait unless there is nothing.
    pub mismatches: Vec<Mismatch>,
    /// Orders of ours that left legs which make no whole package. Journal and broker agree on them: only their structures wait.
    pub broken: Vec<Mismatch>,
    /// Orders gone on with.
    pub adopted: u32,
    /// Intents abandoned.
    pub abandoned: u32,
}

/// Seconds to wait before the first question: a message may still be on its way, and an order counts as not there only when
/// the broker would refuse it by then.
#[must_use]
pub fn quiet_for(orders: &Orders, caps: &Capabilities, policy: &Policy, now: Instant) -> i64 {
    if policy.drained {
        return policy.quiet_s;
    }
    let resends = policy.resend && caps.dedup;
    let last = orders.open().filter(|o| !o.state.has_arrived() && !resends);
    let last = last.map(|o| {
        o.spec
            .not_after
            .0
            .saturating_sub(now.0)
            .saturating_add(policy.skew_s)
    });
    last.max().unwrap_or(0).max(policy.flight_s).max(policy.quiet_s)
}

/// Instant since which trades are asked for: a day before the oldest order whose end is not known, or before now.
#[must_use]
pub fn trades_since(orders: &Orders, last: Option<Instant>, now: Instant) -> Instant {
    let open = orders.open().map(|o| o.spec.not_after);
    let oldest = open.chain(last).min().unwrap_or(now).min(now);
    Instant(oldest.0.saturating_sub(86_400))
}

/// Compares. `asked` is the instant at which the first of the two equal snapshots was asked for.
#[must_use]
pub fn plan(
    orders: &Orders,
    snapshot: &Snapshot,
    caps: &Capabilities,
    policy: &Policy,
    (asked, now): (Instant, Instant),
) -> Plan {
    let mut work = Work {
        after: orders.clone(),
        plan: Plan::default(),
    };
    work.trades(snapshot);
    work.orders(snapshot, caps, policy, asked, now);
    work.external_orders(snapshot, policy);
    work.positions(snapshot, caps, policy, now);
    work.legs();
    work.plan
}

struct Work {
    /// The orders as they are after the records so far.
    after: Orders,
    plan: Plan,
}

impl Work {
    fn record(&mut self, record: Record) {
        // Every record here was made of this program's own types, so it can be applied.
        if self.after.apply(0, &record).is_ok() {
            self.plan.records.push(record);
        }
    }

    /// Trades that nobody told us of, the oldest first.
    fn trades(&mut self, snapshot: &Snapshot) {
        let mut news: Vec<&Fill> = snapshot.fills.values().collect();
        news.retain(|f| !self.after.fills().knows(&f.exec_id));
        news.retain(|f| match (&f.order, f.kind) {
            (Some(order), _) => self.after.get(order).is_some(),
            (None, FillKind::Settlement) => self.after.positions().contains_key(&f.instrument),
            (None, FillKind::Trade) => false,
        });
        news.sort_by(|a, b| (a.at, &a.exec_id).cmp(&(b.at, &b.exec_id)));
        for fill in news {
            let said = wire::BrokerSaid::Filled(convert::fill_out(fill));
            self.record(wire::Broker { said }.into());
        }
    }

    fn orders(
        &mut self,
        snapshot: &Snapshot,
        caps: &Capabilities,
        policy: &Policy,
        asked: Instant,
        now: Instant,
    ) {
        // An intent that still waits in our own box has not left.
        let open: Vec<Order> = self.after.open().cloned().collect();
        if !caps.orders && open.iter().any(|o| o.state != OrderState::Intent) {
            self.plan.mismatches.push(Mismatch::Blind("orders"));
            return;
        }
        for order in open.iter().filter(|o| o.state != OrderState::Intent) {
            match row_of(snapshot, order) {
                Some(row) => self.found(order, row),
                None => self.absent(order, caps, policy, asked, now),
            }
        }
    }

    fn found(&mut self, order: &Order, row: &OrderRow) {
        let id = &order.spec.id;
        let known = order.traded.packages;
        let taken_back = self.was_taken_back(id);
        if row.filled > known && !taken_back {
            self.plan.mismatches.push(Mismatch::Trades {
                order: id.clone(),
                broker: row.filled,
                journal: known,
            });
        }
        if row.status == OrderStatus::Filled && taken_back {
            // Its trades do not fill it any more, and no more will come.
            self.plan.adopted = self.plan.adopted.saturating_add(1);
            self.record(
                wire::Adopted {
                    order: id.to_string(),
                    broker_order: row.broker_order.as_ref().to_owned(),
                    status: wire::OrderStatus::Cancelled,
                    filled: known,
                }
                .into(),
            );
            return;
        }
        let news = row.status != OrderStatus::Working || !order.state.has_arrived();
        // An order that is filled ends by its trades, which are there or are missed above.
        if news && (row.status != OrderStatus::Filled || !order.state.has_arrived()) {
            self.plan.adopted = self.plan.adopted.saturating_add(1);
            self.record(
                wire::Adopted {
                    order: id.to_string(),
                    broker_order: row.broker_order.as_ref().to_owned(),
                    status: convert::status_out(row.status),
                    filled: row.filled,
                }
                .into(),
            );
        }
        if row.status == OrderStatus::Working && order.cancel_asked {
            self.plan.take_back.push(id.clone());
        }
    }

    /// A trade of the order was corrected to another quantity. Brokers go on counting its packages as filled; what is held
    /// is compared contract by contract.
    fn was_taken_back(&self, id: &ClientOrderId) -> bool {
        let fills = self.after.fills();
        fills.all().filter(|f| f.order.as_ref() == Some(id)).any(|fill| {
            let Some(corrects) = &fill.corrects else {
                return false;
            };
            let before = fills.all().find(|f| f.exec_id == *corrects);
            before.is_none_or(|before| before.quantity != fill.quantity)
        })
    }

    fn absent(&mut self, order: &Order, caps: &Capabilities, policy: &Policy, asked: Instant, now: Instant) {
        let id = &order.spec.id;
        if order.state.has_arrived() {
            // It was there and is no more; what traded of it has been taken in above.
            self.plan.adopted = self.plan.adopted.saturating_add(1);
            self.record(
                wire::Adopted {
                    order: id.to_string(),
                    broker_order: order.broker_order.as_deref().unwrap_or_default().to_owned(),
                    status: wire::OrderStatus::Cancelled,
                    filled: order.traded.packages,
                }
                .into(),
            );
            return;
        }
        let may_arrive = !policy.drained && order.spec.not_after.0.saturating_add(policy.skew_s) > asked.0;
        if policy.resend && caps.dedup && now < order.spec.not_after {
            self.plan.resend.push(id.clone());
        } else if !may_arrive {
            self.plan.abandoned = self.plan.abandoned.saturating_add(1);
            let why = if policy.drained {
                "the broker does not have it, and nothing is on its way to it"
            } else {
                "the broker does not have it, and would refuse it by now"
            };
            self.record(
                wire::IntentAbandoned {
                    order: id.to_string(),
                    why: why.to_owned(),
                }
                .into(),
            );
        }
    }

    fn external_orders(&mut self, snapshot: &Snapshot, policy: &Policy) {
        for row in snapshot
            .orders
            .values()
            .filter(|r| r.status == OrderStatus::Working)
        {
            let named = row.order.as_ref().and_then(|id| self.after.get(id));
            let ours = named.or_else(|| {
                let same = |o: &&Order| o.broker_order.as_ref() == Some(&row.broker_order);
                self.after.iter().find(same)
            });
            match ours {
                Some(order) if order.state.is_end() => {
                    let (id, state) = (order.spec.id.clone(), order.state);
                    self.plan.take_back.push(id.clone());
                    self.plan.mismatches.push(Mismatch::Zombie { order: id, state });
                }
                Some(_) => {}
                None if policy.external == External::Halt => self.plan.mismatches.push(Mismatch::Order {
                    broker_order: Arc::clone(&row.broker_order),
                    order: row.order.clone(),
                }),
                None => {}
            }
        }
    }

    fn positions(&mut self, snapshot: &Snapshot, caps: &Capabilities, policy: &Policy, now: Instant) {
        if !caps.positions {
            self.plan.mismatches.push(Mismatch::Blind("positions"));
            return;
        }
        let named = snapshot.positions.keys().copied();
        let all: BTreeSet<Instrument> = self.after.positions().keys().copied().chain(named).collect();
        for instrument in all {
            let journal = self.after.positions().get(&instrument).copied().unwrap_or(0);
            let broker = snapshot.positions.get(&instrument).copied();
            if broker.unwrap_or(0) == journal && (broker.is_some() || journal == 0) {
                continue;
            }
            let expired = instrument.settles_at().is_some_and(|at| at <= now);
            let moved = match broker {
                // It has settled, and brokers forget what has.
                None | Some(0) if expired => Some((0, "it expired, and the broker holds it no more")),
                Some(held) if policy.external == External::Adopt => {
                    Some((held, "taken over as the broker holds it"))
                }
                _ => None,
            };
            if let Some((held, why)) = moved {
                let quantity = held.saturating_sub(journal);
                let leg = LinearLeg { instrument, quantity };
                self.record(
                    wire::PositionMoved {
                        moved: convert::leg_out(&leg),
                        why: why.to_owned(),
                    }
                    .into(),
                );
                continue;
            }
            let traded = || self.after.fills().all().any(|f| f.instrument == instrument);
            if policy.external == External::Ignore && journal == 0 && !traded() {
                continue;
            }
            self.plan.mismatches.push(Mismatch::Position {
                instrument,
                journal,
                broker,
            });
        }
    }

    /// Packages that ended lopsided, as long as something of them is held. No order of ours repairs them by itself.
    fn legs(&mut self) {
        let broken = |o: &&Order| o.state.is_end() && o.traded.is_lopsided(&o.spec);
        for order in self.after.iter().filter(broken) {
            let held = |l: &LinearLeg| self.after.positions().contains_key(&l.instrument);
            if order.spec.legs.iter().any(held) {
                self.plan.broken.push(Mismatch::Legs {
                    order: order.spec.id.clone(),
                    group: Arc::clone(&order.spec.group),
                });
            }
        }
    }
}

fn row_of<'a>(snapshot: &'a Snapshot, order: &Order) -> Option<&'a OrderRow> {
    let named = |r: &&OrderRow| r.order.as_ref() == Some(&order.spec.id);
    snapshot.orders.values().find(named).or_else(|| {
        let bound = order.broker_order.as_ref()?;
        snapshot.orders.get(bound).filter(|r| r.order.is_none())
    })
}
