//! A broker that fills as a script says, and a run at it whose journal is in memory.

use alula_book::instrument::LinearLeg;
use alula_core::registry::Registry;
use alula_core::succession::Orphans;
use alula_core::thresholds::ThresholdSet;
use alula_dsl::compile::compile;
use alula_dsl::graph::Graph;
use alula_dsl::source::NoImports;
use alula_journal::store::{MemoryDisk, MemoryStore};
use alula_journal::{Journal, Limits, Manifest, Record, Stamp, Store, each, wire};
use alula_live::again::{Again, Heard};
use alula_live::broker::{
    AccountRow, Broker, BrokerEvent, BrokerFacts, BrokerFault, BrokerOrder, Capabilities, ClientOrderId,
    Expired, Fill, FillKind, FinalValue, OrderRow, OrderStatus, Quote, Submission, WhatIf,
};
use alula_live::keeper::{Basis, Keeper};
use alula_live::order::{OrderDesk, Orders};
use alula_live::rails::{RailLimits, Rails};
use alula_live::strategy::Offered;
use alula_live::swap::{Desk, Rules};
use alula_live::trader::Sheet;
use alula_live::{Happening, Live, LiveError};
use alula_market::contract::{Instrument, Right};
use alula_market::money::{Price, Usd};
use alula_market::sim::SimulatedMarket;
use alula_market::time::Instant;
use alula_run::{
    Act, BacktestRequest, Broken, Course, Crank, Entries, Inputs, Mode, NewRules, OperatorAct, Swap, Way,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub fn graph(text: &str) -> Arc<Graph> {
    let compiled = compile("test.alula", text.as_bytes(), &NoImports);
    Arc::new(
        compiled
            .graph
            .unwrap_or_else(|| panic!("{:?}", compiled.diagnostics)),
    )
}

fn crank<'a>(
    history: &'a SimulatedMarket,
    text: &str,
    (acts, swaps): (Vec<OperatorAct>, Vec<Swap>),
) -> Crank<'a> {
    let graph = graph(text);
    let mut crank = Crank::start(&BacktestRequest {
        thresholds: ThresholdSet::defaults(&graph.thresholds).values().to_vec(),
        graph,
        registry: Registry::default(),
        inputs: inputs(text),
        history,
        from: None,
        to: None,
        mode: Mode::Streaming,
        course: Course {
            acts,
            swaps,
            ..Course::default()
        },
        // The run outlives this function, and so does whom it tells.
        progress: Box::leak(Box::new(|_| {})),
    })
    .unwrap();
    crank.fill_outside("double").unwrap();
    crank
}

/// What the broker does with an order at quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Does {
    /// All that is left of it fills.
    Fills,
    /// These legs trade, the others do not, and the order is cancelled.
    Parts(Vec<bool>),
    /// It fills, and at the next quotes the trade of a leg is busted.
    Busts(usize),
    /// It fills, and at the next quotes the price of a leg's trade is corrected.
    Corrects(usize),
    /// So many contracts of each leg trade, at most those left.
    Pieces(Vec<i64>),
    /// What is left of it is cancelled.
    Ends,
    /// Nothing.
    Waits,
}

pub type Script = Box<dyn FnMut(usize, &BrokerOrder, bool) -> Does + Send>;

/// An order at the broker.
#[derive(Clone, Debug)]
pub struct Held {
    pub order: BrokerOrder,
    sent: i64,
    status: OrderStatus,
    /// What traded of each leg.
    traded: Vec<i64>,
}

impl Held {
    /// Whole packages.
    fn filled(&self) -> u32 {
        let whole = self
            .order
            .legs
            .iter()
            .zip(&self.traded)
            .map(|(l, t)| t / l.quantity);
        u32::try_from(whole.min().unwrap().max(0)).unwrap()
    }
}

#[derive(Default)]
pub struct Venue {
    pub now: i64,
    quotes: BTreeMap<Instrument, Price>,
    events: Vec<BrokerEvent>,
    pub orders: Vec<Held>,
    pub fills: Vec<Fill>,
    /// Trades to be busted, or to be corrected by a tick, at the next quotes.
    corrections: Vec<(usize, bool)>,
    /// Orders are taken back at the next quotes, and not at once.
    pub slow: bool,
    leaving: Vec<usize>,
    pub positions: BTreeMap<Instrument, i64>,
    /// Micro-dollars that came in for trades and final settlements; daily variation is a loan in between.
    pub cash: i64,
    script: Option<Script>,
}

impl Venue {
    fn trade(&mut self, fill: Fill) {
        let old = fill
            .corrects
            .as_ref()
            .and_then(|c| self.fills.iter().find(|f| f.exec_id == *c))
            .cloned();
        let mut count = |f: &Fill, sign: i64| {
            *self.positions.entry(f.instrument).or_default() += sign * f.quantity;
            self.cash -= f.price.dollars(f.instrument.multiplier(), sign * f.quantity).0;
        };
        if let Some(old) = old {
            count(&old, -1);
        }
        count(&fill, 1);
        self.positions.retain(|_, q| *q != 0);
        self.fills.push(fill.clone());
        self.events.push(BrokerEvent::Filled(fill));
    }

    fn fill(&mut self, order: Option<&BrokerOrder>, instrument: Instrument, quantity: i64, price: Price) {
        let fill = Fill {
            kind: if order.is_some() {
                FillKind::Trade
            } else {
                FillKind::Settlement
            },
            exec_id: format!("x{}", self.fills.len()).into(),
            corrects: None,
            order: order.map(|o| o.id.clone()),
            instrument,
            quantity,
            price,
            fee: Some(Usd::ZERO),
            at: Instant(self.now),
        };
        self.trade(fill);
    }

    /// What a contract trades at. Nobody hands in quotes of futures but at the end of a session: they have a price of their own.
    fn price(&self, instrument: &Instrument) -> Option<Price> {
        let hours = self.now / 3_600;
        match instrument {
            Instrument::Future(f) if f.root.is_vix() => Some(Price(19_000 + hours % 37 * 50)),
            Instrument::Future(_) => Some(Price(4_000_000 + hours % 41 * 250)),
            _ => self.quotes.get(instrument).copied(),
        }
    }

    fn correct(&mut self) {
        for (place, bust) in std::mem::take(&mut self.corrections) {
            let old = self.fills[place].clone();
            let (quantity, up) = if bust { (0, 0) } else { (old.quantity, 50) };
            self.trade(Fill {
                exec_id: format!("{}-corrected", old.exec_id).into(),
                corrects: Some(Arc::clone(&old.exec_id)),
                quantity,
                price: Price(old.price.0 + up),
                ..old
            });
        }
    }

    fn round(&mut self) {
        self.correct();
        for number in 0..self.orders.len() {
            let held = self.orders[number].clone();
            let order = &held.order;
            let quoted = order.legs.iter().all(|l| self.price(&l.instrument).is_some());
            if held.status != OrderStatus::Working || held.sent >= self.now || !quoted {
                continue;
            }
            let position = |l: &LinearLeg| self.positions.get(&l.instrument).copied().unwrap_or(0);
            let closes = order
                .legs
                .iter()
                .all(|l| position(l).signum() == -l.quantity.signum());
            let mut script = self.script.take().unwrap();
            let does = script(number, order, closes);
            self.script = Some(script);
            let first = self.fills.len();
            for (i, leg) in order.legs.iter().enumerate() {
                let left = leg.quantity * i64::from(order.quantity) - held.traded[i];
                let now = match &does {
                    Does::Waits | Does::Ends => 0,
                    Does::Parts(legs) if !legs[i] => 0,
                    Does::Pieces(pieces) => pieces[i].min(left.abs()) * left.signum(),
                    _ => left,
                };
                if now != 0 {
                    let price = self.price(&leg.instrument).unwrap();
                    self.fill(Some(order), leg.instrument, now, price);
                    self.orders[number].traded[i] += now;
                }
            }
            if self.orders[number].filled() == order.quantity {
                self.orders[number].status = OrderStatus::Filled;
            } else if matches!(does, Does::Parts(_) | Does::Ends) {
                self.end(number, "its legs parted");
            }
            match does {
                Does::Busts(leg) => self.corrections.push((first + leg, true)),
                Does::Corrects(leg) => self.corrections.push((first + leg, false)),
                _ => {}
            }
        }
        for number in std::mem::take(&mut self.leaving) {
            self.end(number, "as asked");
        }
    }

    fn end(&mut self, number: usize, why: &str) {
        let held = &mut self.orders[number];
        if held.status == OrderStatus::Working {
            held.status = OrderStatus::Cancelled;
            let (order, why) = (held.order.id.clone(), why.to_owned());
            self.events.push(BrokerEvent::Cancelled { order, why });
        }
    }
}

#[derive(Clone)]
pub struct Double {
    pub venue: Arc<Mutex<Venue>>,
    facts: BrokerFacts,
}

impl Double {
    pub fn new(script: impl FnMut(usize, &BrokerOrder, bool) -> Does + Send + 'static) -> Self {
        let venue = Venue {
            script: Some(Box::new(script)),
            ..Venue::default()
        };
        Self {
            venue: Arc::new(Mutex::new(venue)),
            facts: BrokerFacts {
                id: "double".to_owned(),
                version: "1".to_owned(),
                caps: Capabilities {
                    combos: true,
                    orders: true,
                    fills: true,
                    positions: true,
                    simulated: true,
                    ..Capabilities::default()
                },
            },
        }
    }
}

impl Broker for Double {
    fn facts(&self) -> &BrokerFacts {
        &self.facts
    }

    fn connect(&mut self) -> Result<(), BrokerFault> {
        self.venue.lock().unwrap().events.push(BrokerEvent::Up);
        Ok(())
    }

    fn disconnect(&mut self) -> Result<(), BrokerFault> {
        Ok(())
    }

    fn poll(&mut self, _: Duration, events: &mut Vec<BrokerEvent>) -> Result<(), BrokerFault> {
        events.append(&mut self.venue.lock().unwrap().events);
        Ok(())
    }

    fn submit(&mut self, order: &BrokerOrder) -> Submission {
        let mut venue = self.venue.lock().unwrap();
        let number = venue.orders.len().to_string();
        venue.events.push(BrokerEvent::Acknowledged {
            order: order.id.clone(),
            broker_order: number.into(),
        });
        let now = venue.now;
        venue.orders.push(Held {
            order: order.clone(),
            sent: now,
            status: OrderStatus::Working,
            traded: vec![0; order.legs.len()],
        });
        Submission::Sent
    }

    fn cancel(&mut self, order: &ClientOrderId) -> Result<(), BrokerFault> {
        let mut venue = self.venue.lock().unwrap();
        let found = venue.orders.iter().position(|o| o.order.id == *order);
        match found {
            Some(number) if venue.slow => venue.leaving.push(number),
            Some(number) => venue.end(number, "as asked"),
            None => {}
        }
        Ok(())
    }

    fn request_snapshot(&mut self, request: u64, since: Instant) -> Result<(), BrokerFault> {
        let mut venue = self.venue.lock().unwrap();
        let mut rows = vec![BrokerEvent::SnapshotBegin { request }];
        for (number, held) in venue.orders.iter().enumerate() {
            rows.push(BrokerEvent::SnapshotOrder {
                request,
                row: OrderRow {
                    order: Some(held.order.id.clone()),
                    broker_order: number.to_string().into(),
                    status: held.status,
                    filled: held.filled(),
                    left: held.order.quantity - held.filled(),
                },
            });
        }
        for (instrument, quantity) in &venue.positions {
            rows.push(BrokerEvent::SnapshotPosition {
                request,
                held: LinearLeg {
                    instrument: *instrument,
                    quantity: *quantity,
                },
            });
        }
        for fill in venue.fills.iter().filter(|f| f.at >= since) {
            let fill = fill.clone();
            rows.push(BrokerEvent::SnapshotFill { request, fill });
        }
        let row = AccountRow::default();
        rows.push(BrokerEvent::SnapshotAccount { request, row });
        rows.push(BrokerEvent::SnapshotEnd { request });
        venue.events.extend(rows);
        Ok(())
    }

    fn what_if(&mut self, _: &BrokerOrder) -> Result<WhatIf, BrokerFault> {
        Err(BrokerFault {
            what: "not told".to_owned(),
            dead: false,
        })
    }

    fn quotes(&mut self, at: Instant, quotes: &[Quote]) -> Result<(), BrokerFault> {
        let mut venue = self.venue.lock().unwrap();
        venue.now = at.0;
        venue.quotes.clear();
        for quote in quotes {
            let (bid, ask) = (quote.bid.unwrap_or(Price::ZERO), quote.ask.unwrap_or(Price::ZERO));
            // A whole number of cents.
            venue
                .quotes
                .insert(quote.instrument, Price((bid.0 + ask.0) / 20 * 10));
        }
        venue.round();
        Ok(())
    }

    fn final_values(&mut self, at: Instant, values: &[FinalValue]) -> Result<(), BrokerFault> {
        let mut venue = self.venue.lock().unwrap();
        venue.now = at.0;
        for value in values {
            let held: Vec<(Instrument, i64)> = venue.positions.iter().map(|(i, q)| (*i, *q)).collect();
            for (instrument, quantity) in held {
                let worth = match (value.of, instrument) {
                    (Expired::Options(root, expiry), Instrument::Option(option))
                        if (root, expiry) == (option.root, option.expiry) =>
                    {
                        let sign = if option.right == Right::Call { 1 } else { -1 };
                        (sign * (value.price.0 - option.strike.0)).max(0)
                    }
                    (Expired::Future(of), Instrument::Future(future)) if of == future => value.price.0,
                    _ => continue,
                };
                venue.fill(None, instrument, -quantity, Price(worth));
            }
        }
        Ok(())
    }
}

/// A run at the double, its journals in memory.
pub struct Trial<'a> {
    pub live: Live<'a>,
    pub double: Double,
    text: &'static str,
    /// Strategies that took its place.
    offered: Vec<String>,
    disks: Vec<MemoryDisk>,
    pub news: Vec<Happening>,
    late: bool,
}

fn stamp() -> Stamp {
    Stamp {
        engine_ns: 0,
        received_ns: 0,
    }
}

fn basis() -> Basis {
    Basis {
        sources: Vec::new(),
        rules: [0; 32],
        mode: "paper".to_owned(),
        broker: "double".to_owned(),
        feed: "simulated".to_owned(),
        safe_mode: None,
    }
}

fn rails() -> Rails {
    Rails::new(RailLimits {
        settle_s: 0,
        ..RailLimits::default()
    })
}

/// The name of the strategy in the names of its orders.
const NAME: &str = "test";

impl<'a> Trial<'a> {
    pub fn new(history: &'a SimulatedMarket, text: &'static str, double: Double) -> Self {
        let graph = graph(text);
        let disk = MemoryDisk::new();
        let manifest = Manifest::new("r1", 7, 0);
        let journal = Journal::create(Box::new(disk.open()), manifest, Limits::default()).unwrap();
        let set = ThresholdSet::defaults(&graph.thresholds);
        let values = set.canonical_text(NAME, &graph.thresholds);
        let carried = wire::Carried {
            positions: Vec::new(),
            orders: Vec::new(),
            fills: Vec::new(),
            halt: String::new(),
            halt_why: String::new(),
            thresholds: wire::Blob(values.clone().into_bytes()),
            thresholds_version: 1,
        };
        let desk = OrderDesk::begin(journal, NAME, rails(), carried, stamp()).unwrap();
        let keeper = Keeper::begin(desk, &basis(), (&set, values), 0).unwrap();
        let mut live = Live::new(
            crank(history, text, (Vec::new(), Vec::new())),
            Desk::new(NAME, &graph.thresholds, Rules::default()),
        );
        live.keep(keeper);
        live.trade((Box::new(double.clone()), None), Sheet::default(), 0)
            .unwrap();
        Self {
            live,
            double,
            text,
            offered: Vec::new(),
            disks: vec![disk],
            news: Vec::new(),
            late: false,
        }
    }

    /// Another strategy in its place, computed up to the tick at hand.
    pub fn offer(&mut self, text: &str) -> Vec<Happening> {
        self.offered.push(text.to_owned());
        let offered = Offered {
            swap: swap(text, BTreeMap::new()),
            sources: Vec::new(),
            ended: true,
            ack: None,
        };
        let news = self.live.offer_strategy(Ok(offered), "file", 0).unwrap();
        self.prepared(news)
    }

    /// An operator's word for the one that waits, and what becomes of what is open.
    pub fn confirm(&mut self, digest: &str, how: Option<Orphans>) -> Result<Vec<Happening>, LiveError> {
        let news = self.live.confirm(digest, how, None, 0)?;
        Ok(self.prepared(news))
    }

    fn prepared(&mut self, mut news: Vec<Happening>) -> Vec<Happening> {
        while self.live.is_preparing() {
            news.extend(self.live.work(100, 0).unwrap());
        }
        news
    }

    /// The run dies where it stands, and another goes on with it from its journals.
    pub fn killed(self, history: &'a SimulatedMarket) -> Self {
        let Self {
            live,
            double,
            text,
            offered,
            mut disks,
            news,
            late,
        } = self;
        let before = live.crank().output().ticks.len();
        drop(live);
        let (heard, acts) = heard(&disks);
        let mut crank = crank(history, text, (acts, Vec::new()));
        let mut again = Again::new(NAME, heard);
        while again.goes_on() {
            computed(&mut crank, &mut again);
        }
        assert_eq!(crank.output().ticks.len(), before);
        let (orders, sheet): (Orders, Sheet) = again.into_parts().unwrap();
        let now = crank.next().unwrap();
        let disk = MemoryDisk::new();
        let number = u32::try_from(disks.len()).unwrap() + 1;
        let manifest = Manifest::new(&format!("r{number}"), 6 + number, 0);
        let journal = Journal::create(Box::new(disk.open()), manifest, Limits::default()).unwrap();
        let desk = OrderDesk::begin(journal, NAME, rails(), orders.carry(now), stamp()).unwrap();
        let thresholds = crank.thresholds().clone();
        let keeper = Keeper::resume(desk, &basis(), (&thresholds, 1, 1), 0).unwrap();
        let defs = graph(text).thresholds.clone();
        let mut live = Live::new(crank, Desk::new(NAME, &defs, Rules::default()));
        live.keep(keeper);
        live.trade((Box::new(double.clone()), None), sheet, 0).unwrap();
        disks.push(disk);
        Self {
            live,
            double,
            text,
            offered,
            disks,
            news,
            late,
        }
    }

    pub fn turn(&mut self) -> bool {
        if self.live.next().is_none() {
            return false;
        }
        self.news.extend(self.live.turn(0).unwrap());
        self.agrees();
        true
    }

    /// Turns until something holds.
    pub fn until(&mut self, what: impl Fn(&Self) -> bool) {
        while !what(self) {
            assert!(self.turn(), "the feed ended before");
        }
    }

    pub fn broken(&self) -> Vec<Broken> {
        self.live.crank().broken().cloned().collect()
    }

    /// The account is the book, contract by contract and dollar by dollar.
    fn agrees(&mut self) {
        let venue = self.double.venue.lock().unwrap();
        // What is taken back after its expiry settles in the book at once, and at the double with the next quotes.
        let settles_at = |i: &Instrument| i.settles_at().unwrap().0;
        let late = venue.positions.keys().any(|i| settles_at(i) <= venue.now);
        assert!(!(late && self.late), "it settles with the next quotes");
        self.late = late;
        if late {
            return;
        }
        let book = self.live.crank().book();
        let mut held: BTreeMap<Instrument, i64> = BTreeMap::new();
        for position in book.positions() {
            for leg in &position.legs {
                *held.entry(Instrument::Option(leg.contract)).or_default() +=
                    i64::from(leg.ratio) * i64::from(position.lots);
            }
        }
        let ledger = book.ledger();
        for (key, holding) in ledger.holdings() {
            *held.entry(key.instrument).or_default() += holding.quantity;
        }
        // Of futures what was paid of variation and what is not yet paid are together what they traded at.
        let unpaid: i64 = ledger.holdings().map(|(_, h)| h.unsettled.share.0).sum();
        let paid: i64 = ledger.executions().iter().map(|e| e.cash.share.0).sum();
        let options: i64 = book.trades().iter().map(|e| e.cash.share.0).sum();
        held.retain(|_, q| *q != 0);
        assert_eq!(held, venue.positions, "contracts");
        assert_eq!(options + paid + unpaid, venue.cash, "dollars");
    }

    pub fn repair(&mut self, order: &str, way: Way) -> Result<(), String> {
        let act = Act::Repair {
            order: order.to_owned(),
            way,
        };
        match self.live.act(act, ("alice", "it must be whole"), Some(1), 0) {
            Ok(news) => {
                self.news.extend(news);
                Ok(())
            }
            Err(LiveError::Run(e)) => Err(e.what),
            Err(e) => panic!("{e}"),
        }
    }

    pub fn alerts(&self) -> Vec<String> {
        let text = |h: &Happening| match h {
            Happening::Alert { key, text, .. } if key == "quarantine" => Some(text.clone()),
            _ => None,
        };
        self.news.iter().filter_map(text).collect()
    }

    /// Orders that the broker was sent of a structure.
    pub fn sent(&self, structure: &str) -> usize {
        let venue = self.double.venue.lock().unwrap();
        venue
            .orders
            .iter()
            .filter(|o| *o.order.group == *structure)
            .count()
    }

    /// To the end; then the run computed again from its journals.
    pub fn end(mut self, history: &SimulatedMarket) {
        while self.turn() {}
        let chain = |crank: &Crank<'_>| -> Vec<String> {
            crank.output().ticks.iter().map(|t| t.chain.clone()).collect()
        };
        let live = chain(self.live.crank());
        assert!(!live.is_empty());
        let output = self.live.finish("the feed ended", 0).unwrap();
        assert!(!output.orders.is_empty());
        let (heard, acts) = heard(&self.disks);
        let swaps = output
            .strategies
            .iter()
            .skip(1)
            .zip(&self.offered)
            .map(|(row, text)| {
                let carried = row.carried.split("; ").filter_map(|w| w.rsplit_once(' '));
                let carry = carried.map(|(k, how)| (k.to_owned(), Orphans::from_word(how).unwrap()));
                Swap {
                    at: row.at,
                    entries: row.entries,
                    ..swap(text, carry.collect())
                }
            });
        let mut crank = crank(history, self.text, (acts, swaps.collect()));
        let mut again = Again::new(NAME, heard);
        while crank.output().ticks.len() < live.len() {
            computed(&mut crank, &mut again);
        }
        let again = chain(&crank);
        let differs = again.iter().zip(&live).position(|(a, b)| a != b);
        assert_eq!((differs, again.len()), (None, live.len()), "computed again");
    }
}

fn swap(text: &str, carry: BTreeMap<String, Orphans>) -> Swap {
    let graph = graph(text);
    Swap {
        at: Instant(0),
        set: ThresholdSet::defaults(&graph.thresholds),
        file: None,
        entries: Entries::Wait,
        rules: Some(Arc::new(NewRules {
            graph,
            registry: Registry::default(),
            inputs: inputs(text),
            carry,
            others: None,
        })),
    }
}

fn inputs(text: &str) -> Inputs {
    Inputs {
        sources: vec![("test.alula".to_owned(), text.as_bytes().to_vec())],
        ..Inputs::default()
    }
}

/// What the journals say of orders, and what an operator did.
fn heard(disks: &[MemoryDisk]) -> (Vec<Heard>, Vec<OperatorAct>) {
    let (mut all, mut acts) = (Vec::new(), Vec::new());
    for disk in disks {
        let store: MemoryStore = disk.open();
        let mut heard = Heard {
            epoch: store.manifest().unwrap().epoch,
            ..Heard::default()
        };
        let verdict = each(&store, |entry, record| {
            if let Some(record) = record {
                if Heard::wants(record) {
                    heard.records.push((entry.seq, record.clone()));
                }
                // A word for another strategy stands among what it did too.
                if let Record::Operator(r) = record
                    && let Some(act) = Act::parse(&r.command)
                {
                    acts.push(OperatorAct {
                        at: Instant(entry.engine_ns / 1_000_000_000),
                        act,
                        who: r.arguments[1].clone(),
                        why: r.arguments[0].clone(),
                    });
                }
            }
            Ok(())
        })
        .unwrap();
        assert!(verdict.broken.is_none());
        all.push(heard);
    }
    (all, acts)
}

/// One snapshot of a run that is computed again.
fn computed(crank: &mut Crank<'_>, again: &mut Again) {
    let at = crank.next().unwrap();
    let turned = crank.turn_with(again).unwrap().unwrap();
    let tick = turned.tick.map(|_| crank.version());
    again.left(crank.book(), at, tick).unwrap();
    assert_eq!(again.differs(), None);
}

/// Numbers that look like chance.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % n as u64).unwrap()
    }
}
