//! A broker that delays, loses, repeats, reorders, fills in parts, corrects, breaks connections and forgets at midnight.
//!
//! It outlives the processes that talk to it, and knows the truth. Everything follows from its seed.

use alula_book::instrument::LinearLeg;
use alula_journal::sim::Rng;
use alula_live::broker::{
    AccountRow, Broker, BrokerEvent, BrokerFacts, BrokerFault, BrokerOrder, Capabilities, ClientOrderId,
    Fill, FillKind, OrderLife, OrderRow, OrderStatus, Quote, Submission, WhatIf,
};
use alula_market::contract::Instrument;
use alula_market::money::Price;
use alula_market::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Longest way of a message, s.
pub const FLIGHT: u64 = 8;

/// How bad things are, in percent.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Orders that never arrive.
    pub lost: u64,
    /// Events that come twice.
    pub twice: u64,
    /// Submissions of which nobody can say whether they left.
    pub unknown: u64,
    /// Broken connections, in a thousand seconds.
    pub breaks: u64,
    /// Trades that are corrected.
    pub corrected: u64,
    /// Orders that trade something in a second.
    pub fills: u64,
    /// Trades of an order of which some legs are missing, and after which it is cancelled.
    pub apart: u64,
    /// Trades that are taken back altogether, in a thousand.
    pub busted: u64,
}

impl Weather {
    pub fn of(rng: &mut Rng) -> Self {
        Self {
            lost: rng.below(12),
            twice: rng.below(15),
            unknown: rng.below(12),
            breaks: rng.below(20),
            corrected: rng.below(10),
            fills: 5 + rng.below(40),
            apart: 0,
            busted: 0,
        }
    }

    pub fn calm() -> Self {
        Self {
            lost: 0,
            twice: 0,
            unknown: 0,
            breaks: 0,
            corrected: 0,
            fills: 30,
            apart: 0,
            busted: 0,
        }
    }
}

#[derive(Debug)]
enum Message {
    Order(Box<BrokerOrder>),
    Cancel(ClientOrderId),
    Snapshot { request: u64, since: Instant },
}

#[derive(Debug)]
struct Held {
    spec: BrokerOrder,
    status: OrderStatus,
    filled: u32,
    /// Ended on an earlier day: it stands in no snapshot any more.
    forgotten: bool,
}

/// The truth, and the wires.
#[derive(Debug)]
pub struct Venue {
    rng: Rng,
    pub weather: Weather,
    pub now: i64,
    pub caps: Capabilities,
    to_venue: Vec<(i64, Message)>,
    /// When, in which order, on which connection.
    to_us: Vec<(i64, u64, u64, BrokerEvent)>,
    number: u64,
    connection: u64,
    up: bool,
    coming: Option<i64>,
    orders: BTreeMap<u64, Held>,
    fills: Vec<Fill>,
    corrections: Vec<(i64, usize)>,
    /// Trades that are taken back, and what they were in.
    busts: Vec<(i64, usize)>,
    busted: BTreeSet<Instrument>,
    pub positions: BTreeMap<Instrument, i64>,
    /// Runs that sent a name.
    pub senders: BTreeMap<ClientOrderId, Vec<usize>>,
    /// Names that were accepted, and how often.
    pub accepted: BTreeMap<ClientOrderId, u32>,
    /// Names whose intent and cause are on disk.
    pub durable: BTreeSet<String>,
    pub violations: Vec<String>,
    /// Commits and calls of a broker so far.
    pub effects: u64,
    /// The process dies at that effect, before or after it happens.
    pub crash: Option<(u64, bool)>,
    pub dead: bool,
    /// Worst position of a structure, in packages, that the strategy may ever hold.
    pub most: i64,
    pub stats: Stats,
}

/// What happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    pub sent: u64,
    pub accepted: u64,
    pub trades: u64,
    pub breaks: u64,
    /// Trades of packages of which legs are missing, and trades taken back.
    pub apart: u64,
    pub busted: u64,
}

/// Whether an effect happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Happens,
    /// And then the process is dead.
    HappensLast,
    Not,
}

#[derive(Clone, Debug)]
pub struct Shared(pub Arc<Mutex<Venue>>);

impl Shared {
    pub fn new(seed: u64, start: i64, caps: Capabilities, most: i64) -> Self {
        let mut rng = Rng::new(seed);
        let weather = Weather::of(&mut rng);
        Self(Arc::new(Mutex::new(Venue {
            rng,
            weather,
            now: start,
            caps,
            to_venue: Vec::new(),
            to_us: Vec::new(),
            number: 0,
            connection: 0,
            up: false,
            coming: None,
            orders: BTreeMap::new(),
            fills: Vec::new(),
            corrections: Vec::new(),
            busts: Vec::new(),
            busted: BTreeSet::new(),
            positions: BTreeMap::new(),
            senders: BTreeMap::new(),
            accepted: BTreeMap::new(),
            durable: BTreeSet::new(),
            violations: Vec::new(),
            effects: 0,
            crash: None,
            dead: false,
            most,
            stats: Stats::default(),
        })))
    }

    pub fn get(&self) -> MutexGuard<'_, Venue> {
        self.0.lock().unwrap()
    }

    /// A process's way to it.
    pub fn door(&self, life: usize) -> Door {
        let caps = self.get().caps;
        Door {
            venue: self.clone(),
            life,
            facts: BrokerFacts {
                id: "simulated".to_owned(),
                version: "1".to_owned(),
                caps,
            },
        }
    }
}

impl Venue {
    /// Counts an effect; says what becomes of it.
    pub fn effect(&mut self) -> Fate {
        if self.dead {
            return Fate::Not;
        }
        self.effects += 1;
        match self.crash {
            Some((at, after)) if at == self.effects => {
                self.dead = true;
                if after { Fate::HappensLast } else { Fate::Not }
            }
            _ => Fate::Happens,
        }
    }

    pub fn violation(&mut self, what: String) {
        if self.violations.len() < 20 {
            self.violations.push(what);
        }
    }

    fn way(&mut self) -> i64 {
        self.now + 1 + self.rng.below(FLIGHT) as i64
    }

    fn say(&mut self, event: BrokerEvent) {
        if !self.up {
            return;
        }
        let at = self.way();
        self.say_at(at, event.clone());
        if self.rng.percent(self.weather.twice) {
            let at = self.way();
            self.say_at(at, event);
        }
    }

    fn say_at(&mut self, at: i64, event: BrokerEvent) {
        self.number += 1;
        self.to_us.push((at, self.number, self.connection, event));
    }

    fn receive(&mut self, order: BrokerOrder) {
        if self.now >= order.not_after.0 {
            self.say(BrokerEvent::Rejected {
                order: order.id,
                why: "too late".to_owned(),
            });
            return;
        }
        let seen = self.accepted.entry(order.id.clone()).or_default();
        if self.caps.dedup && *seen > 0 {
            // As brokers do it: a refusal under the name of an order that may well be at work.
            self.say(BrokerEvent::Rejected {
                order: order.id,
                why: "duplicate order id".to_owned(),
            });
            return;
        }
        *seen += 1;
        if *seen > 1 {
            let text = format!("I1: the venue accepted `{}` {seen} times", order.id);
            self.violation(text);
        }
        self.stats.accepted += 1;
        let number = self.orders.len() as u64 + 1;
        self.say(BrokerEvent::Acknowledged {
            order: order.id.clone(),
            broker_order: number.to_string().into(),
        });
        let held = Held {
            spec: order,
            status: OrderStatus::Working,
            filled: 0,
            forgotten: false,
        };
        self.orders.insert(number, held);
    }

    fn end(&mut self, number: u64, status: OrderStatus) {
        let Some(held) = self.orders.get_mut(&number) else {
            return;
        };
        if held.status != OrderStatus::Working {
            return;
        }
        held.status = status;
        let order = held.spec.id.clone();
        self.say(match status {
            OrderStatus::Expired => BrokerEvent::Expired { order },
            _ => BrokerEvent::Cancelled {
                order,
                why: "as asked".to_owned(),
            },
        });
    }

    fn trade(&mut self, number: u64) {
        let Some(held) = self.orders.get_mut(&number) else {
            return;
        };
        let left = u64::from(held.spec.quantity - held.filled);
        let packages = 1 + self.rng.below(left) as i64;
        let parts =
            held.spec.legs.len() > 1 && self.weather.apart > 0 && self.rng.percent(self.weather.apart);
        if !parts {
            held.filled += packages as u32;
            if held.filled == held.spec.quantity {
                held.status = OrderStatus::Filled;
            }
        }
        let spec = held.spec.clone();
        for leg in &spec.legs {
            if parts && self.rng.percent(50) {
                continue;
            }
            let quantity = leg.quantity * packages;
            *self.positions.entry(leg.instrument).or_default() += quantity;
            self.stats.trades += 1;
            let fill = Fill {
                kind: FillKind::Trade,
                exec_id: format!("e{}", self.fills.len()).into(),
                corrects: None,
                order: Some(spec.id.clone()),
                instrument: leg.instrument,
                quantity,
                price: Price(1_000 + self.rng.below(500) as i64),
                fee: None,
                at: Instant(self.now),
            };
            if self.rng.percent(self.weather.corrected) {
                let at = self.way();
                self.corrections.push((at, self.fills.len()));
            }
            if self.weather.busted > 0 && self.rng.below(1_000) < self.weather.busted {
                let at = self.way();
                self.busts.push((at, self.fills.len()));
            }
            self.fills.push(fill.clone());
            self.say(BrokerEvent::Filled(fill));
            if parts {
                self.stats.apart += 1;
            }
            if self.busted.contains(&leg.instrument) {
                // What was taken back may have been closed since.
                continue;
            }
            let held = self.positions.get(&leg.instrument).copied().unwrap_or(0);
            if held * self.sign_of(leg) < 0 || held.abs() > self.most {
                let text = format!("the account holds {held} of {}: traded twice", leg.instrument);
                self.violation(text);
            }
        }
        if parts {
            self.end(number, OrderStatus::Cancelled);
        }
    }

    /// A trade is taken back as if it had never been.
    fn bust(&mut self, index: usize) {
        // One that was corrected is left alone: which of the two would be meant?
        let Some(old) = self.fills.get(index).cloned() else {
            return;
        };
        if self
            .fills
            .iter()
            .any(|f| f.corrects.as_ref() == Some(&old.exec_id))
        {
            return;
        }
        *self.positions.entry(old.instrument).or_default() -= old.quantity;
        self.busted.insert(old.instrument);
        self.stats.busted += 1;
        let fill = Fill {
            exec_id: format!("{}b", old.exec_id).into(),
            corrects: Some(old.exec_id),
            quantity: 0,
            ..old
        };
        self.fills.push(fill.clone());
        self.say(BrokerEvent::Filled(fill));
    }

    /// Sign in which the structure that opens holds the leg: puts at even strikes and so on are told by the caller's order.
    fn sign_of(&self, leg: &LinearLeg) -> i64 {
        // Long legs stand at strikes that end in 50, short ones at whole hundreds.
        let Instrument::Option(option) = leg.instrument else {
            return 1;
        };
        if option.strike.0 % 100_000 == 50_000 {
            1
        } else {
            -1
        }
    }

    fn correct(&mut self, index: usize) {
        let Some(old) = self.fills.get(index).cloned() else {
            return;
        };
        if self
            .fills
            .iter()
            .any(|f| f.corrects.as_ref() == Some(&old.exec_id))
        {
            return;
        }
        let fill = Fill {
            exec_id: format!("{}c", old.exec_id).into(),
            corrects: Some(old.exec_id),
            price: old.price + Price(5),
            ..old
        };
        self.fills.push(fill.clone());
        self.say(BrokerEvent::Filled(fill));
    }

    fn snapshot(&mut self, request: u64, since: Instant) {
        if !self.up {
            return;
        }
        let mut rows = vec![BrokerEvent::SnapshotBegin { request }];
        for (number, held) in self.orders.iter().filter(|(_, h)| !h.forgotten) {
            rows.push(BrokerEvent::SnapshotOrder {
                request,
                row: OrderRow {
                    order: Some(held.spec.id.clone()),
                    broker_order: number.to_string().into(),
                    status: held.status,
                    filled: held.filled,
                    left: held.spec.quantity - held.filled,
                },
            });
        }
        for (instrument, quantity) in self.positions.iter().filter(|(_, q)| **q != 0) {
            let held = LinearLeg {
                instrument: *instrument,
                quantity: *quantity,
            };
            rows.push(BrokerEvent::SnapshotPosition { request, held });
        }
        for fill in self.fills.iter().filter(|f| f.at >= since) {
            let fill = fill.clone();
            rows.push(BrokerEvent::SnapshotFill { request, fill });
        }
        let row = AccountRow::default();
        rows.push(BrokerEvent::SnapshotAccount { request, row });
        rows.push(BrokerEvent::SnapshotEnd { request });
        let at = self.way();
        for row in rows {
            self.say_at(at, row);
        }
    }

    fn disconnect(&mut self) {
        if self.up {
            self.up = false;
            self.stats.breaks += 1;
            // What was under way is gone, and nothing repeats it.
            self.to_us.clear();
            self.connection += 1;
        }
    }

    /// The process is gone; what it had sent stays under way.
    pub fn hang_up(&mut self) {
        self.disconnect();
        self.coming = None;
        self.dead = false;
        self.crash = None;
    }

    /// A second passes.
    pub fn second(&mut self, midnight: bool) {
        self.now += 1;
        if midnight {
            let numbers: Vec<u64> = self.orders.keys().copied().collect();
            for number in numbers {
                if self
                    .orders
                    .get(&number)
                    .is_some_and(|h| h.spec.life == OrderLife::Day)
                {
                    self.end(number, OrderStatus::Expired);
                }
                if let Some(held) = self.orders.get_mut(&number) {
                    held.forgotten = held.status != OrderStatus::Working;
                }
            }
        }
        if self.up && self.rng.below(1_000) < self.weather.breaks {
            self.disconnect();
            self.number += 1;
            let down = BrokerEvent::Down("the line broke".to_owned());
            self.to_us.push((self.now, self.number, self.connection, down));
        }
        let mut arrived = Vec::new();
        let mut index = 0;
        while index < self.to_venue.len() {
            if self.to_venue[index].0 <= self.now {
                arrived.push(self.to_venue.remove(index).1);
            } else {
                index += 1;
            }
        }
        for message in arrived {
            match message {
                Message::Order(order) => self.receive(*order),
                Message::Cancel(id) => {
                    let found = self.orders.iter().find(|(_, h)| h.spec.id == id);
                    if let Some(number) = found.map(|(n, _)| *n) {
                        self.end(number, OrderStatus::Cancelled);
                    }
                }
                Message::Snapshot { request, since } => self.snapshot(request, since),
            }
        }
        let due: Vec<usize> = self
            .corrections
            .iter()
            .filter(|(at, _)| *at <= self.now)
            .map(|(_, i)| *i)
            .collect();
        self.corrections.retain(|(at, _)| *at > self.now);
        for index in due {
            self.correct(index);
        }
        let due: Vec<usize> = self
            .busts
            .iter()
            .filter(|(at, _)| *at <= self.now)
            .map(|(_, i)| *i)
            .collect();
        self.busts.retain(|(at, _)| *at > self.now);
        for index in due {
            self.bust(index);
        }
        let working: Vec<u64> = self
            .orders
            .iter()
            .filter(|(_, h)| h.status == OrderStatus::Working)
            .map(|(n, _)| *n)
            .collect();
        for number in working {
            if self.rng.percent(self.weather.fills) {
                self.trade(number);
            } else if self.rng.percent(1) {
                self.end(number, OrderStatus::Cancelled);
            }
        }
        if self.coming.is_some_and(|at| at <= self.now) {
            self.coming = None;
            self.up = true;
            self.number += 1;
            self.to_us
                .push((self.now, self.number, self.connection, BrokerEvent::Up));
        }
    }

    /// Names that were ever sent.
    pub fn names(&self) -> Vec<ClientOrderId> {
        self.senders.keys().cloned().collect()
    }

    /// Orders at work.
    pub fn working(&self) -> Vec<ClientOrderId> {
        let working = self.orders.values().filter(|h| h.status == OrderStatus::Working);
        working.map(|h| h.spec.id.clone()).collect()
    }

    pub fn is_up(&self) -> bool {
        self.up || self.coming.is_some()
    }
}

/// A process's way to the venue.
#[derive(Debug)]
pub struct Door {
    venue: Shared,
    life: usize,
    facts: BrokerFacts,
}

fn fault(what: &str) -> BrokerFault {
    BrokerFault {
        what: what.to_owned(),
        dead: false,
    }
}

impl Broker for Door {
    fn facts(&self) -> &BrokerFacts {
        &self.facts
    }

    fn connect(&mut self) -> Result<(), BrokerFault> {
        let mut venue = self.venue.get();
        if !venue.is_up() {
            let at = venue.way();
            venue.coming = Some(at);
        }
        Ok(())
    }

    fn disconnect(&mut self) -> Result<(), BrokerFault> {
        self.venue.get().disconnect();
        Ok(())
    }

    fn poll(&mut self, _wait: Duration, events: &mut Vec<BrokerEvent>) -> Result<(), BrokerFault> {
        let mut venue = self.venue.get();
        let now = venue.now;
        let mut due: Vec<_> = Vec::new();
        venue.to_us.retain(|row| {
            let here = row.0 <= now;
            if here {
                due.push(row.clone());
            }
            !here
        });
        due.sort_by_key(|(at, number, ..)| (*at, *number));
        events.extend(due.into_iter().map(|(.., event)| event));
        Ok(())
    }

    fn submit(&mut self, order: &BrokerOrder) -> Submission {
        let mut venue = self.venue.get();
        let fate = venue.effect();
        if fate == Fate::Not {
            return Submission::Unknown(fault("the process is dead"));
        }
        venue.stats.sent += 1;
        if !venue.durable.contains(order.id.as_str()) {
            let text = format!("I3: `{}` was sent before its intent was on disk", order.id);
            venue.violation(text);
        }
        let dedup = venue.caps.dedup;
        let senders = venue.senders.entry(order.id.clone()).or_default();
        // A venue that refuses old names may hear one twice.
        let again = !senders.is_empty() && !dedup;
        senders.push(self.life);
        if again {
            let text = format!("I1: `{}` was sent again", order.id);
            venue.violation(text);
        }
        if !venue.up {
            return Submission::NotSent(fault("no connection"));
        }
        let unknown = venue.weather.unknown;
        let draw = venue.rng.below(100);
        let lost = venue.weather.lost;
        if draw < unknown && venue.rng.percent(50) || venue.rng.percent(lost) {
            return if draw < unknown {
                Submission::Unknown(fault("no answer"))
            } else {
                Submission::Sent
            };
        }
        let at = venue.way();
        venue.to_venue.push((at, Message::Order(Box::new(order.clone()))));
        if draw < unknown {
            Submission::Unknown(fault("no answer"))
        } else {
            Submission::Sent
        }
    }

    fn cancel(&mut self, order: &ClientOrderId) -> Result<(), BrokerFault> {
        let mut venue = self.venue.get();
        if venue.effect() == Fate::Not || !venue.up {
            return Err(fault("no connection"));
        }
        let lost = venue.weather.lost;
        if !venue.rng.percent(lost) {
            let at = venue.way();
            venue.to_venue.push((at, Message::Cancel(order.clone())));
        }
        Ok(())
    }

    fn request_snapshot(&mut self, request: u64, since: Instant) -> Result<(), BrokerFault> {
        let mut venue = self.venue.get();
        if venue.effect() == Fate::Not || !venue.up {
            return Err(fault("no connection"));
        }
        let lost = venue.weather.lost;
        if !venue.rng.percent(lost) {
            let at = venue.way();
            venue.to_venue.push((at, Message::Snapshot { request, since }));
        }
        Ok(())
    }

    fn what_if(&mut self, _order: &BrokerOrder) -> Result<WhatIf, BrokerFault> {
        Err(fault("not told"))
    }

    fn quotes(&mut self, _at: Instant, _quotes: &[Quote]) -> Result<(), BrokerFault> {
        Ok(())
    }
}
