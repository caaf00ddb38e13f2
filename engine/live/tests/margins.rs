//! What an order would take by its broker's word: asked before what opens something is sent, held against the limits of the run
//! and the account's worth, and never asked when the run is computed again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

use alula_book::instrument::LinearLeg;
use alula_core::registry::Registry;
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
use alula_live::order::OrderDesk;
use alula_live::rails::{RailLimits, Rails};
use alula_live::swap::{Desk, Rules};
use alula_live::trader::{Advice, Reopen, Sheet};
use alula_live::view::View;
use alula_live::{Happening, Live};
use alula_market::contract::{Instrument, Right};
use alula_market::money::{Price, Usd};
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_market::time::Instant;
use alula_run::{BacktestRequest, Course, Crank, Inputs, Mode};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Sells condors, and buys puts for as long as there are none.
const RULES: &str = r"alula 1

strategy margins {
    capital  $250_000
    evaluate every 1 session in SPX.regular
    cross    60% of spread
}

structure core = iron condor on SPX {
    expiry     nearest 30 dte in 20..45 dte
    short put  at 16 delta
    long put   about 50 pts below short put
    short call at 16 delta
    long call  about 50 pts above short call
}

structure wing = long put on SPX {
    expiry   nearest 30 dte in 20..45 dte
    long put at 8 delta
}

policy income on core {
    open when VIX.close < 90 vol
         size 2 lots
         up to 2 positions

    close win  when profit >= 30% of credit
    close late when dte <= 12 dte
}

policy tail on wing {
    open when VIX.close < 90 vol
         size 1 lot
         up to 1 position

    close late when dte <= 12 dte
}
";

fn graph() -> Arc<Graph> {
    let compiled = compile("margins.alula", RULES.as_bytes(), &NoImports);
    Arc::new(
        compiled
            .graph
            .unwrap_or_else(|| panic!("{:?}", compiled.diagnostics)),
    )
}

fn market() -> SimulatedMarket {
    SimulatedMarket::new(SimConfig {
        sessions: 60,
        ..SimConfig::default()
    })
    .unwrap()
}

fn crank(history: &SimulatedMarket, rails: Option<RailLimits>) -> Crank<'_> {
    let graph = graph();
    let mut crank = Crank::start(&BacktestRequest {
        thresholds: ThresholdSet::defaults(&graph.thresholds).values().to_vec(),
        graph,
        registry: Registry::default(),
        inputs: Inputs {
            sources: vec![("margins.alula".to_owned(), RULES.as_bytes().to_vec())],
            ..Inputs::default()
        },
        history,
        from: None,
        to: None,
        mode: Mode::Streaming,
        course: Course {
            rails,
            ..Course::default()
        },
        // The run outlives this function, and so does whom it tells.
        progress: Box::leak(Box::new(|_| {})),
    })
    .unwrap();
    crank.fill_outside("double").unwrap();
    crank
}

const fn usd(dollars: i64) -> Usd {
    Usd(dollars * 1_000_000)
}

/// What a broker answers to its `n`th question.
type Says = Box<dyn FnMut(usize, &BrokerOrder) -> Result<i64, BrokerFault> + Send>;

struct Venue {
    now: i64,
    events: Vec<BrokerEvent>,
    orders: Vec<(BrokerOrder, OrderStatus)>,
    fills: Vec<Fill>,
    positions: BTreeMap<Instrument, i64>,
    says: Says,
    /// What it was asked of, in its order.
    asked: Vec<BrokerOrder>,
    worth: Usd,
    /// It is not there any more until it is opened anew.
    dead: bool,
    opened: u32,
    /// It was told the time since it was opened.
    clocked: bool,
}

impl Venue {
    fn fill(
        &mut self,
        order: Option<ClientOrderId>,
        (instrument, quantity): (Instrument, i64),
        price: Price,
    ) {
        let fill = Fill {
            kind: if order.is_some() {
                FillKind::Trade
            } else {
                FillKind::Settlement
            },
            exec_id: format!("x{}", self.fills.len()).into(),
            corrects: None,
            order,
            instrument,
            quantity,
            price,
            fee: Some(Usd::ZERO),
            at: Instant(self.now),
        };
        *self.positions.entry(instrument).or_default() += quantity;
        self.positions.retain(|_, q| *q != 0);
        self.fills.push(fill.clone());
        self.events.push(BrokerEvent::Filled(fill));
    }
}

/// A broker that fills everything at the next quotes and tells margins by a script.
#[derive(Clone)]
struct Double {
    venue: Arc<Mutex<Venue>>,
    facts: BrokerFacts,
}

impl Double {
    fn new(says: impl FnMut(usize, &BrokerOrder) -> Result<i64, BrokerFault> + Send + 'static) -> Self {
        Self {
            venue: Arc::new(Mutex::new(Venue {
                now: 0,
                events: Vec::new(),
                orders: Vec::new(),
                fills: Vec::new(),
                positions: BTreeMap::new(),
                says: Box::new(says),
                asked: Vec::new(),
                worth: usd(250_000),
                dead: false,
                opened: 1,
                clocked: false,
            })),
            facts: BrokerFacts {
                id: "double".to_owned(),
                version: "1".to_owned(),
                caps: Capabilities {
                    combos: true,
                    orders: true,
                    fills: true,
                    positions: true,
                    what_if: true,
                    simulated: true,
                    ..Capabilities::default()
                },
            },
        }
    }

    fn alive(&self) -> Result<std::sync::MutexGuard<'_, Venue>, BrokerFault> {
        let venue = self.venue.lock().unwrap();
        if venue.dead {
            return Err(gone());
        }
        Ok(venue)
    }
}

fn gone() -> BrokerFault {
    BrokerFault {
        what: "its process did not answer within 10 seconds and was ended".to_owned(),
        dead: true,
    }
}

fn late() -> BrokerFault {
    BrokerFault {
        what: "the gateway does not answer what an order would take".to_owned(),
        dead: false,
    }
}

impl Broker for Double {
    fn facts(&self) -> &BrokerFacts {
        &self.facts
    }

    fn connect(&mut self) -> Result<(), BrokerFault> {
        self.alive()?.events.push(BrokerEvent::Up);
        Ok(())
    }

    fn disconnect(&mut self) -> Result<(), BrokerFault> {
        Ok(())
    }

    fn poll(&mut self, _: Duration, events: &mut Vec<BrokerEvent>) -> Result<(), BrokerFault> {
        events.append(&mut self.alive()?.events);
        Ok(())
    }

    fn submit(&mut self, order: &BrokerOrder) -> Submission {
        let mut venue = match self.alive() {
            Ok(venue) => venue,
            Err(fault) => return Submission::NotSent(fault),
        };
        if !venue.clocked {
            let what = "no quotes have come yet, which are its clock".to_owned();
            return Submission::NotSent(BrokerFault { what, dead: false });
        }
        let broker_order = venue.orders.len().to_string().into();
        let id = order.id.clone();
        venue.events.push(BrokerEvent::Acknowledged {
            order: id,
            broker_order,
        });
        venue.orders.push((order.clone(), OrderStatus::Working));
        Submission::Sent
    }

    fn cancel(&mut self, order: &ClientOrderId) -> Result<(), BrokerFault> {
        let mut venue = self.alive()?;
        let working = |o: &&mut (BrokerOrder, OrderStatus)| o.0.id == *order && o.1 == OrderStatus::Working;
        if let Some(row) = venue.orders.iter_mut().find(working) {
            row.1 = OrderStatus::Cancelled;
            let (order, why) = (order.clone(), "as asked".to_owned());
            venue.events.push(BrokerEvent::Cancelled { order, why });
        }
        Ok(())
    }

    fn request_snapshot(&mut self, request: u64, since: Instant) -> Result<(), BrokerFault> {
        let mut venue = self.alive()?;
        let mut rows = vec![BrokerEvent::SnapshotBegin { request }];
        for (number, (order, status)) in venue.orders.iter().enumerate() {
            let filled = if *status == OrderStatus::Filled {
                order.quantity
            } else {
                0
            };
            rows.push(BrokerEvent::SnapshotOrder {
                request,
                row: OrderRow {
                    order: Some(order.id.clone()),
                    broker_order: number.to_string().into(),
                    status: *status,
                    filled,
                    left: order.quantity - filled,
                },
            });
        }
        for (instrument, quantity) in &venue.positions {
            let (instrument, quantity) = (*instrument, *quantity);
            let held = LinearLeg { instrument, quantity };
            rows.push(BrokerEvent::SnapshotPosition { request, held });
        }
        for fill in venue.fills.iter().filter(|f| f.at >= since) {
            let fill = fill.clone();
            rows.push(BrokerEvent::SnapshotFill { request, fill });
        }
        let row = AccountRow {
            net_liquidation: venue.worth,
            ..AccountRow::default()
        };
        rows.push(BrokerEvent::SnapshotAccount { request, row });
        rows.push(BrokerEvent::SnapshotEnd { request });
        venue.events.extend(rows);
        Ok(())
    }

    fn what_if(&mut self, order: &BrokerOrder) -> Result<WhatIf, BrokerFault> {
        let mut venue = self.alive()?;
        let n = venue.asked.len();
        venue.asked.push(order.clone());
        let told = (venue.says)(n, order);
        venue.dead = told.as_ref().is_err_and(|f| f.dead);
        told.map(|dollars| WhatIf {
            initial_margin: usd(dollars),
            maintenance_margin: usd(dollars),
            fee: Usd(4_560_000),
        })
    }

    fn quotes(&mut self, at: Instant, quotes: &[Quote]) -> Result<(), BrokerFault> {
        let mut venue = self.alive()?;
        let earlier = venue.now < at.0;
        venue.now = at.0;
        venue.clocked = true;
        let price = |wanted: &Instrument| {
            let quote = quotes.iter().find(|q| q.instrument == *wanted)?;
            let (bid, ask) = (quote.bid.unwrap_or(Price::ZERO), quote.ask.unwrap_or(Price::ZERO));
            Some(Price((bid.0 + ask.0) / 20 * 10))
        };
        for number in 0..venue.orders.len() {
            let (order, status) = venue.orders[number].clone();
            let prices: Option<Vec<Price>> = order.legs.iter().map(|l| price(&l.instrument)).collect();
            let (OrderStatus::Working, true, Some(prices)) = (status, earlier, prices) else {
                continue;
            };
            for (leg, price) in order.legs.iter().zip(prices) {
                let quantity = leg.quantity * i64::from(order.quantity);
                venue.fill(Some(order.id.clone()), (leg.instrument, quantity), price);
            }
            venue.orders[number].1 = OrderStatus::Filled;
        }
        Ok(())
    }

    fn final_values(&mut self, at: Instant, values: &[FinalValue]) -> Result<(), BrokerFault> {
        let mut venue = self.alive()?;
        venue.now = at.0;
        for value in values {
            for (instrument, quantity) in venue.positions.clone() {
                let Instrument::Option(option) = instrument else {
                    continue;
                };
                if value.of != Expired::Options(option.root, option.expiry) {
                    continue;
                }
                let sign = if option.right == Right::Call { 1 } else { -1 };
                let worth = (sign * (value.price.0 - option.strike.0)).max(0);
                venue.fill(None, (instrument, -quantity), Price(worth));
            }
        }
        Ok(())
    }
}

struct Trial<'a> {
    live: Live<'a>,
    double: Double,
    disk: MemoryDisk,
    news: Vec<Happening>,
    rails: Option<RailLimits>,
}

impl<'a> Trial<'a> {
    fn new(history: &'a SimulatedMarket, double: Double, (policy, most): (Advice, Option<i64>)) -> Self {
        let graph = graph();
        let disk = MemoryDisk::new();
        let manifest = Manifest::new("r1", 7, 0);
        let journal = Journal::create(Box::new(disk.open()), manifest, Limits::default()).unwrap();
        let limits = RailLimits {
            settle_s: 0,
            ..RailLimits::default()
        };
        let set = ThresholdSet::defaults(&graph.thresholds);
        let text = set.canonical_text("margins", &graph.thresholds);
        let carried = wire::Carried {
            positions: Vec::new(),
            orders: Vec::new(),
            fills: Vec::new(),
            halt: String::new(),
            halt_why: String::new(),
            thresholds: wire::Blob(text.clone().into_bytes()),
            thresholds_version: 1,
        };
        let stamp = Stamp {
            engine_ns: 0,
            received_ns: 0,
        };
        let desk = OrderDesk::begin(journal, "margins", Rails::new(limits), carried, stamp).unwrap();
        let basis = Basis {
            sources: Vec::new(),
            rules: [0; 32],
            mode: "paper".to_owned(),
            broker: "double".to_owned(),
            feed: "simulated".to_owned(),
            safe_mode: None,
        };
        let keeper = Keeper::begin(desk, &basis, (&set, text), 0).unwrap();
        let rails = most.map(|most| RailLimits {
            margin: Some(usd(most)),
            ..RailLimits::none()
        });
        let mut live = Live::new(
            crank(history, rails.clone()),
            Desk::new("margins", &graph.thresholds, Rules::default()),
        );
        live.keep(keeper);
        live.ask_margins(policy);
        let again = double.clone();
        let reopen: Reopen = Box::new(move || {
            let mut venue = again.venue.lock().unwrap();
            venue.dead = false;
            venue.opened += 1;
            venue.clocked = false;
            drop(venue);
            Ok(Box::new(again.clone()))
        });
        live.trade((Box::new(double.clone()), Some(reopen)), Sheet::default(), 0)
            .unwrap();
        Self {
            live,
            double,
            disk,
            news: Vec::new(),
            rails,
        }
    }

    fn turns(&mut self, n: usize) {
        for _ in 0..n {
            assert!(self.live.next().is_some(), "the feed ended before");
            self.news.extend(self.live.turn(0).unwrap());
        }
    }

    /// Structures of the orders that arrived, in their order.
    fn arrived(&self) -> Vec<String> {
        let venue = self.double.venue.lock().unwrap();
        venue.orders.iter().map(|o| o.0.group.to_string()).collect()
    }

    fn asked(&self) -> Vec<String> {
        let venue = self.double.venue.lock().unwrap();
        venue.asked.iter().map(|o| o.group.to_string()).collect()
    }

    fn alerts(&self) -> Vec<String> {
        let text = |h: &Happening| match h {
            Happening::Alert { key, text, .. } if key == "double" => Some(text.clone()),
            _ => None,
        };
        self.news.iter().filter_map(text).collect()
    }

    fn answers(&self) -> alula_live::trader::Answers {
        View::of(&self.live).broker.unwrap().margins.unwrap()
    }

    /// To the end; what stands in the journal of margins; and the run computed again from it, which asks nobody.
    fn end(mut self, history: &SimulatedMarket) -> Vec<wire::WhatIf> {
        while self.live.next().is_some() {
            self.turns(1);
        }
        let chain = |crank: &Crank<'_>| -> Vec<String> {
            crank.output().ticks.iter().map(|t| t.chain.clone()).collect()
        };
        let live = chain(self.live.crank());
        self.live.finish("the feed ended", 0).unwrap();
        let asked = self.double.venue.lock().unwrap().asked.len();
        let store: MemoryStore = self.disk.open();
        let (mut heard, mut told) = (Heard::default(), Vec::new());
        heard.epoch = store.manifest().unwrap().epoch;
        let verdict = each(&store, |entry, record| {
            if let Some(Record::WhatIf(asked)) = record {
                told.push(asked.clone());
            }
            if let Some(record) = record.filter(|r| Heard::wants(r)) {
                heard.records.push((entry.seq, record.clone()));
            }
            Ok(())
        })
        .unwrap();
        assert!(verdict.broken.is_none());
        let mut crank = crank(history, self.rails);
        let mut again = Again::new("margins", vec![heard]);
        while crank.output().ticks.len() < live.len() {
            let at = crank.next().unwrap();
            let turned = crank.turn_with(&mut again).unwrap().unwrap();
            let tick = turned.tick.map(|_| crank.version());
            again.left(crank.book(), at, tick).unwrap();
            assert_eq!(again.differs(), None);
        }
        assert_eq!(chain(&crank), live, "computed again");
        let venue = self.double.venue.lock().unwrap();
        assert_eq!(venue.asked.len(), asked, "nobody is asked again");
        told
    }
}

#[test]
fn what_opens_something_is_asked_for_once_before_it_is_sent_and_what_is_paid_for_and_exits_are_not() {
    let history = market();
    let mut trial = Trial::new(&history, Double::new(|_, _| Ok(11_000)), (Advice::Advise, None));
    trial.turns(30);
    let (asked, arrived) = (trial.asked(), trial.arrived());
    assert!(asked.len() >= 2 && asked.iter().all(|g| g == "core"), "{asked:?}");
    assert!(arrived.iter().any(|g| g == "wing"), "{arrived:?}");
    assert!(
        arrived.len() > asked.len() + 1,
        "exits are not asked for: {arrived:?}"
    );
    // What is asked for is what is sent, under the name that it gets.
    {
        let venue = trial.double.venue.lock().unwrap();
        let first = venue.orders.iter().find(|o| *o.0.group == *"core").unwrap();
        assert_eq!(venue.asked[0], first.0);
    }
    let answers = trial.answers();
    assert_eq!(
        (answers.answered, answers.unanswered, answers.refused),
        (asked.len() as u64, 0, 0)
    );
    // Two condors of fifty points: ten thousand dollars by the rulebook, one after the other.
    let newest = answers.newest.clone().unwrap();
    assert_eq!(
        (newest.told.initial_margin, newest.told.fee),
        (usd(11_000), Usd(4_560_000))
    );
    assert_eq!(answers.percent.unwrap().1, 110);
    assert!(answers.to_string().contains("% of the engine's own"), "{answers}");
    assert_eq!(trial.alerts().iter().filter(|t| t.contains("take")).count(), 0);
    let told = trial.end(&history);
    assert!(told.len() >= asked.len());
    assert_eq!(told[0].own_micros, Some(10_000 * 1_000_000));
    assert!(matches!(
        told[0].told,
        wire::Told::Margins {
            initial_micros: 11_000_000_000,
            fee_micros: 4_560_000,
            ..
        }
    ));
}

#[test]
fn an_answer_beyond_the_limit_of_the_run_stops_the_order_as_a_rail_does_until_it_is_lower() {
    let history = market();
    let double = Double::new(|n, _| Ok(if n < 3 { 40_001 } else { 40_000 }));
    let mut trial = Trial::new(&history, double, (Advice::Advise, Some(40_000)));
    trial.turns(3);
    assert_eq!(trial.asked().len(), 3);
    assert!(trial.arrived().iter().all(|g| g == "wing"));
    let alerts = trial.alerts();
    assert!(
        alerts.iter().any(|t| t.contains(
            "not sent: the broker asks for $40,001.00 of initial margin with the order, and $40,000.00 is the most; the \
             engine counts $10,000.00"
        )),
        "{alerts:?}"
    );
    assert_eq!(trial.answers().refused, 3);
    // The order that it was in the book is over, with the reason.
    let rows = &trial.live.crank().output().orders;
    let over = rows
        .iter()
        .filter(|o| format!("{o:?}").contains("the broker asks for $40,001.00"));
    assert!(over.count() >= 2, "{rows:?}");
    trial.turns(2);
    assert!(trial.arrived().iter().any(|g| g == "core"));
    trial.end(&history);
}

#[test]
fn an_answer_beyond_what_the_account_is_worth_stops_the_order() {
    let history = market();
    let double = Double::new(|_, _| Ok(11_000));
    double.venue.lock().unwrap().worth = usd(9_000);
    let mut trial = Trial::new(&history, double, (Advice::Advise, None));
    trial.turns(2);
    assert!(trial.arrived().iter().all(|g| g == "wing"));
    let alerts = trial.alerts();
    let worth =
        |t: &String| t.contains("of initial margin with the order, and the account is worth $9,000.00");
    assert!(alerts.iter().any(worth), "{alerts:?}");
    trial.end(&history);
}

#[test]
fn a_broker_that_does_not_say_is_told_of_once_and_stops_only_who_requires_its_word() {
    let history = market();
    let run = |policy| {
        let mut trial = Trial::new(&history, Double::new(|_, _| Err(late())), (policy, None));
        trial.turns(4);
        trial
    };
    let advised = run(Advice::Advise);
    assert!(advised.arrived().iter().any(|g| g == "core"));
    let told = advised.alerts();
    let untold = told
        .iter()
        .filter(|t| t.contains("the engine's own margin counts"));
    assert_eq!(untold.count(), 1, "{told:?}");
    assert!(advised.answers().unanswered >= 2);
    let rows = advised.end(&history);
    assert!(matches!(&rows[0].told, wire::Told::Nothing(why) if why.contains("does not answer")));
    let required = run(Advice::Require);
    assert!(required.arrived().iter().all(|g| g == "wing"));
    let told = required.alerts();
    assert!(
        told.iter()
            .any(|t| t.contains("nothing is opened without its word")),
        "{told:?}"
    );
    required.end(&history);
    let off = run(Advice::Off);
    assert!(off.asked().is_empty() && off.arrived().iter().any(|g| g == "core"));
    off.end(&history);
}

#[test]
fn a_broker_that_dies_of_the_question_is_opened_anew_and_the_order_goes_out_once() {
    let history = market();
    let double = Double::new(|n, _| if n == 0 { Err(gone()) } else { Ok(11_000) });
    let mut trial = Trial::new(&history, double, (Advice::Advise, None));
    trial.turns(1);
    assert_eq!(trial.asked().len(), 1, "it is asked once at an instant");
    let core = trial.arrived().iter().filter(|g| *g == "core").count();
    assert_eq!(core, 1);
    assert_eq!(trial.double.venue.lock().unwrap().opened, 2);
    trial.turns(20);
    let venue = Arc::clone(&trial.double.venue);
    trial.end(&history);
    let venue = venue.lock().unwrap();
    let mut names: Vec<_> = venue.orders.iter().map(|o| o.0.id.clone()).collect();
    names.dedup();
    assert_eq!(names.len(), venue.orders.len());
}
