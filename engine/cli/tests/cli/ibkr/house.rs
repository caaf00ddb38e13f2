//! A whole broker behind the double of the gateway's wire: it lists chains, quotes a market, fills orders by a script, and keeps
//! an account that says in the end what really happened.
//!
//! Its market is an invention: one vol for every strike, an index that breathes. What matters is the talk around it.

use super::gateway::wire::{self, Fields, Msg};
use super::gateway::{ask, commission, error, index, option, status, tell};
use super::warp::Warp;
use std::collections::{BTreeMap, VecDeque};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub const ACCOUNT: &str = "DU1234567";

/// What becomes of an order that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Filled at once.
    Fill,
    /// One package at once, one more with each beat.
    Piecemeal,
    /// Refused.
    Reject,
    /// The connection is cut before it arrives.
    CutBefore,
    /// It arrives and fills, and the connection is cut before a word of it is said.
    CutAfter,
}

/// A listed contract.
#[derive(Clone)]
struct Listed {
    contract: Msg,
    details: Msg,
    what: What,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Index(&'static str),
    /// Class, days as `20230127`: its own and the last on which it trades; call, strike.
    Option(&'static str, u32, u32, bool, f64),
    /// Place of its month, from 1.
    Future(u32, u32),
}

/// An order that arrived.
pub struct Arrived {
    pub reference: String,
    pub perm_id: i64,
    number: i64,
    contract: Msg,
    order: Msg,
    /// Contracts, ratios with their sign.
    legs: Vec<(i64, i64)>,
    pub quantity: i64,
    pub filled: i64,
    pub state: &'static str,
    fate: Fate,
}

#[derive(Default)]
struct State {
    listed: BTreeMap<i64, Listed>,
    stream: Option<TcpStream>,
    /// Streams of quotes, by the request.
    watched: BTreeMap<i64, i64>,
    watched_most: usize,
    fates: VecDeque<Fate>,
    orders: Vec<Arrived>,
    /// Executions with their commissions.
    trades: Vec<(String, Msg)>,
    positions: BTreeMap<i64, i64>,
    connections: u32,
    accounts: String,
    beats: u64,
    /// Where the index breathes.
    spot: f64,
    /// It reads everything and says nothing.
    silent: bool,
    /// Orders whose margin was asked for, by their names.
    asked: Vec<String>,
    /// What came that this broker does not know.
    strange: Vec<u32>,
    closed: bool,
}

/// The broker.
pub struct House {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

/// Days with options on SPX that settle in the afternoon, and the monthly of the morning, around the tests' day, 2023-01-20.
const DAYS: [u32; 10] = [
    20_230_123, 20_230_124, 20_230_125, 20_230_126, 20_230_127, 20_230_130, 20_230_131, 20_230_201,
    20_230_202, 20_230_203,
];
/// Settlement mornings of VX by the exchange's calendar of 2023.
const MONTHS: [u32; 8] = [
    20_230_215, 20_230_322, 20_230_419, 20_230_517, 20_230_621, 20_230_719, 20_230_816, 20_230_920,
];

fn strikes() -> impl Iterator<Item = f64> {
    (0..121_u32).map(|n| f64::from(3_000 + n * 25))
}

/// Classes of options on VIX with their days, Wednesdays, all of which trade last on the Tuesday before: the weekly class and the
/// monthly one by the exchange's calendar of 2023.
const VIX_DAYS: [(&str, u32); 6] = [
    ("VIXW", 20_230_125),
    ("VIXW", 20_230_201),
    ("VIXW", 20_230_208),
    ("VIX", 20_230_215),
    ("VIXW", 20_230_222),
    ("VIX", 20_230_322),
];

fn vix_strikes() -> impl Iterator<Item = f64> {
    (10..46_u32).map(f64::from)
}

/// Day of the class, and its last trading day.
const fn last_trade(day: u32) -> u32 {
    if day == 20_230_201 { 20_230_131 } else { day - 1 }
}

/// Days from the tests' day.
fn days(day: u32) -> f64 {
    let ordinal = |d: u32| {
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        f64::from(before[(d / 100 % 100 - 1) as usize] + d % 100)
    };
    ordinal(day) - 20.0
}

fn normal(x: f64) -> f64 {
    // Abramowitz and Stegun 26.2.17.
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let poly = t
        * (0.319_381_530
            + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * poly;
    if x < 0.0 { tail } else { 1.0 - tail }
}

fn tick(x: f64) -> f64 {
    (x * 20.0).round() / 20.0
}

/// Bid and ask; an index has its value twice.
fn quoted(what: &What, (spot, beats): (f64, u64)) -> (f64, f64) {
    let breath = (beats % 40) as f64 / 40.0;
    let spot = spot + breath * 2.0;
    match what {
        What::Index("SPX") => (spot, spot),
        What::Index("VIX") => (19.0 + breath / 10.0, 19.0 + breath / 10.0),
        What::Index(_) => (100.0 + breath, 100.0 + breath),
        What::Future(place, _) => {
            let mid = 19.5 + f64::from(*place) * 0.4;
            (tick(mid), tick(mid) + 0.05)
        }
        What::Option(class, day, _, call, strike) => {
            let years = days(*day) / 365.0;
            // What is written on VIX stands on its future of that day.
            let on_vix = class.starts_with("VIX");
            let (spot, vol) = if on_vix {
                (19.5 + years * 12.0 * 0.4 + breath / 10.0, 0.9)
            } else {
                (spot, 0.19)
            };
            let sd = vol * years.sqrt();
            let d1 = (spot / strike).ln() / sd + sd / 2.0;
            let (a, b) = if *call {
                (normal(d1), normal(d1 - sd))
            } else {
                (normal(d1) - 1.0, normal(d1 - sd) - 1.0)
            };
            let mid = (spot * a - strike * b).max(0.0);
            let half = 0.05 + mid * 0.01;
            ((tick(mid - half)).max(0.0), tick(mid + half).max(0.05))
        }
    }
}

/// The value at which something trades.
fn middle(what: &What, now: (f64, u64)) -> f64 {
    let (bid, ask) = quoted(what, now);
    tick(f64::midpoint(bid, ask))
}

fn listing() -> BTreeMap<i64, Listed> {
    let mut out = BTreeMap::new();
    for (id, name) in [(416_904, "SPX"), (13_455_763, "VIX")] {
        let (contract, details) = index(id, name);
        out.insert(
            id,
            Listed {
                contract,
                details,
                what: What::Index(name),
            },
        );
    }
    let mut id = 10_000;
    let monthly = ("SPX", 20_230_217, 20_230_216);
    let afternoons = DAYS.iter().chain(&[20_230_217]).map(|d| ("SPXW", *d, *d));
    for (class, day, last) in afternoons.chain([monthly]) {
        for strike in strikes() {
            for call in [false, true] {
                id += 1;
                let right = if call { "C" } else { "P" };
                let local = format!(
                    "{class:<6}{}{right}{:08}",
                    day % 1_000_000,
                    (strike * 1000.0) as u64
                );
                let (contract, details) = option(
                    id,
                    class,
                    &last.to_string(),
                    right,
                    strike,
                    &local,
                    &day.to_string(),
                );
                let what = What::Option(class, day, last, call, strike);
                out.insert(
                    id,
                    Listed {
                        contract,
                        details,
                        what,
                    },
                );
            }
        }
    }
    for (class, day) in VIX_DAYS {
        let last = last_trade(day);
        for strike in vix_strikes() {
            for call in [false, true] {
                id += 1;
                let right = if call { "C" } else { "P" };
                let strike_mills = (strike * 1000.0) as u64;
                let local = format!("{class:<6}{}{right}{strike_mills:08}", day % 1_000_000);
                let (last_day, own_day) = (last.to_string(), day.to_string());
                let (contract, details) = option(id, class, &last_day, right, strike, &local, &own_day);
                let what = What::Option(class, day, last, call, strike);
                out.insert(
                    id,
                    Listed {
                        contract,
                        details,
                        what,
                    },
                );
            }
        }
    }
    for (place, day) in (1..).zip(MONTHS) {
        let id = 500 + i64::from(place);
        let contract = Msg::new()
            .int(1, id)
            .text(2, "VIX")
            .text(3, "FUT")
            .text(4, &day.to_string())
            .double(7, 1000.0)
            .text(8, "CFE")
            .text(10, "USD")
            .text(11, &format!("VX{place}"))
            .text(12, "VX");
        let details = Msg::new().text(1, "VX").text(22, &day.to_string());
        let what = What::Future(place, day);
        out.insert(
            id,
            Listed {
                contract,
                details,
                what,
            },
        );
    }
    out
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl House {
    pub fn open(warp: Warp, spot: f64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State {
            listed: listing(),
            accounts: ACCOUNT.to_owned(),
            spot,
            ..State::default()
        }));
        let (theirs, clock) = (Arc::clone(&state), warp.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if lock(&theirs).closed {
                    return;
                }
                let (state, clock) = (Arc::clone(&theirs), clock.clone());
                std::thread::spawn(move || serve(stream, &state, &clock));
            }
        });
        let theirs = Arc::clone(&state);
        std::thread::spawn(move || {
            while !lock(&theirs).closed {
                std::thread::sleep(Duration::from_millis(250));
                lock(&theirs).beat(&warp);
            }
        });
        Self { port, state }
    }

    /// What becomes of the next orders; of those after them that they fill.
    pub fn script(&self, fates: &[Fate]) {
        lock(&self.state).fates.extend(fates);
    }

    pub fn login(&self, accounts: &str) {
        accounts.clone_into(&mut lock(&self.state).accounts);
    }

    pub fn connections(&self) -> u32 {
        lock(&self.state).connections
    }

    /// Orders that arrived: reference, state, packages, filled.
    pub fn orders(&self) -> Vec<(String, &'static str, i64, i64)> {
        let row = |o: &Arrived| (o.reference.clone(), o.state, o.quantity, o.filled);
        lock(&self.state).orders.iter().map(row).collect()
    }

    /// Ids of executions of legs.
    pub fn trades(&self) -> Vec<String> {
        lock(&self.state)
            .trades
            .iter()
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Contracts held, by the broker's numbers.
    pub fn positions(&self) -> BTreeMap<i64, i64> {
        let state = lock(&self.state);
        let held = state.positions.iter().filter(|(_, n)| **n != 0);
        held.map(|(id, n)| (*id, *n)).collect()
    }

    /// It says nothing any more, or talks again: connections stand, and are taken.
    pub fn silent(&self, silent: bool) {
        lock(&self.state).silent = silent;
    }

    /// Orders whose margin was asked for.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.state).asked.clone()
    }

    /// Options of this day and before are settled in cash and held no more.
    pub fn expire(&self, day: u32) {
        let mut state = lock(&self.state);
        let over = |w: &What| matches!(w, What::Option(_, own, ..) if *own <= day);
        let State {
            listed, positions, ..
        } = &mut *state;
        positions.retain(|id, _| !over(&listed[id].what));
    }

    /// Options that are held: class, day, call, strike, contracts.
    pub fn options_held(&self) -> Vec<(&'static str, u32, bool, f64, i64)> {
        let state = lock(&self.state);
        let held = state.positions.iter().filter(|(_, n)| **n != 0);
        let option = |(id, n): (&i64, &i64)| match state.listed[id].what {
            What::Option(class, day, _, call, strike) => Some((class, day, call, strike, *n)),
            _ => None,
        };
        held.filter_map(option).collect()
    }

    /// Most streams of quotes at once.
    pub fn watched_most(&self) -> usize {
        lock(&self.state).watched_most
    }

    /// Futures whose quotes are asked for now, by the places of their months.
    pub fn futures_watched(&self) -> Vec<u32> {
        let state = lock(&self.state);
        let place = |id: &i64| match state.listed.get(id).map(|l| &l.what) {
            Some(What::Future(place, _)) => Some(*place),
            _ => None,
        };
        let mut found: Vec<u32> = state.watched.values().filter_map(place).collect();
        found.sort_unstable();
        found
    }

    /// Streams of quotes now.
    pub fn watched(&self) -> usize {
        lock(&self.state).watched.len()
    }

    pub fn strange(&self) -> Vec<u32> {
        lock(&self.state).strange.clone()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.cut();
        drop(state);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>, warp: &Warp) {
    let mut hello = [0; 4];
    if stream.read_exact(&mut hello).is_err() || &hello != b"API\0" {
        return;
    }
    let Some(versions) = wire::body(&mut stream) else {
        return;
    };
    assert!(versions.starts_with(b"v213.."));
    // One that is silent takes the connection and does not even greet.
    while lock(state).silent {
        if lock(state).closed {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let text = "213\x0020230120 09:00:00 US/Eastern\0";
    let mut ack = (text.len() as u32).to_be_bytes().to_vec();
    ack.extend_from_slice(text.as_bytes());
    if stream.write_all(&ack).is_err() {
        return;
    }
    {
        let mut state = lock(state);
        state.connections += 1;
        state.watched.clear();
        state.stream = stream.try_clone().ok();
    }
    while let Some((number, fields)) = wire::receive(&mut stream) {
        lock(state).take(number, &fields, warp);
    }
}

impl State {
    fn cut(&mut self) {
        if let Some(stream) = self.stream.take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn say(&mut self, number: u32, msg: &Msg) {
        if self.silent {
            return;
        }
        if let Some(stream) = &mut self.stream {
            // Who has gone hears nothing.
            let _ = wire::send(stream, number, msg);
        }
    }

    /// Quotes what is watched, and fills what fills piece by piece.
    fn beat(&mut self, warp: &Warp) {
        self.beats += 1;
        for (request, id) in self.watched.clone() {
            self.quote(request, id);
        }
        for at in 0..self.orders.len() {
            let order = &self.orders[at];
            if order.state == "Submitted" && order.fate == Fate::Piecemeal && order.filled < order.quantity {
                self.fill(at, 1, warp);
                self.standing(at);
            }
        }
    }

    fn quote(&mut self, request: i64, id: i64) {
        let what = self.listed[&id].what.clone();
        let (bid, ask) = quoted(&what, (self.spot, self.beats));
        let kinds: &[(i64, f64)] = if matches!(what, What::Index(_)) {
            &[(4, bid)]
        } else {
            &[(1, bid), (2, ask)]
        };
        for (kind, price) in kinds {
            let row = Msg::new()
                .int(1, request)
                .int(2, *kind)
                .double(3, *price)
                .text(4, "40");
            self.say(tell::TICK_PRICE, &row);
        }
    }

    fn take(&mut self, number: u32, fields: &Fields, warp: &Warp) {
        let request = fields.int(1).unwrap_or_default();
        match number {
            ask::START_API => {
                let accounts = self.accounts.clone();
                self.say(tell::MANAGED_ACCOUNTS, &Msg::new().text(1, &accounts));
                let next = self.orders.iter().map(|o| o.number + 1).max().unwrap_or(1);
                self.say(tell::NEXT_VALID_ID, &Msg::new().int(1, next));
            }
            ask::TIME => self.say(tell::TIME, &Msg::new().int(1, warp.now())),
            ask::CONTRACT => self.details(request, &fields.one(2)),
            ask::CHAINS => self.chains(request, &fields.text(2)),
            ask::MARKET_DATA => {
                let id = fields.one(2).int(1).unwrap_or_default();
                self.watched.insert(request, id);
                self.watched_most = self.watched_most.max(self.watched.len());
                self.quote(request, id);
            }
            ask::CANCEL_MARKET_DATA => {
                self.watched.remove(&request);
            }
            ask::PLACE_ORDER => self.order(request, fields, warp),
            ask::CANCEL_ORDER => {
                let Some(at) = self.orders.iter().position(|o| o.number == request) else {
                    return self.say(tell::ERROR, &error(request, 10147, "not found"));
                };
                if self.orders[at].state != "Submitted" {
                    return self.say(tell::ERROR, &error(request, 10148, "cannot be cancelled"));
                }
                self.orders[at].state = "Cancelled";
                self.say(tell::ERROR, &error(request, 202, "Order Canceled - reason:"));
                self.standing(at);
            }
            ask::ALL_OPEN_ORDERS => {
                for at in 0..self.orders.len() {
                    if self.orders[at].state == "Submitted" {
                        self.open(at);
                    }
                }
                self.say(tell::OPEN_ORDER_END, &Msg::new());
            }
            ask::COMPLETED_ORDERS => {
                for at in 0..self.orders.len() {
                    let order = &self.orders[at];
                    if order.state == "Submitted" {
                        continue;
                    }
                    let state = Msg::new().text(1, order.state);
                    let done = order
                        .order
                        .clone()
                        .text(6, "0")
                        .text(115, &order.filled.to_string());
                    let row = Msg::new().msg(1, &order.contract).msg(2, &done).msg(3, &state);
                    self.say(tell::COMPLETED_ORDER, &row);
                }
                self.say(tell::COMPLETED_ORDERS_END, &Msg::new());
            }
            ask::EXECUTIONS => {
                for (id, trade) in self.trades.clone() {
                    self.say(tell::EXECUTION, &trade.int(1, request));
                    self.say(tell::COMMISSION, &commission(&id, 1.14));
                }
                self.say(tell::EXECUTION_END, &Msg::new().int(1, request));
            }
            ask::POSITIONS => {
                for (id, quantity) in self.positions.clone() {
                    let contract = self.listed[&id].contract.clone();
                    let row = Msg::new().text(1, ACCOUNT).msg(2, &contract);
                    self.say(tell::POSITION, &row.text(3, &quantity.to_string()).double(4, 1.0));
                }
                self.say(tell::POSITION_END, &Msg::new());
            }
            ask::ACCOUNT_SUMMARY => {
                for (tag, value) in [
                    ("TotalCashValue", "200000.00"),
                    ("NetLiquidation", "200000.00"),
                    ("InitMarginReq", "9000.00"),
                    ("MaintMarginReq", "8000.00"),
                ] {
                    let row = Msg::new().int(1, request).text(2, ACCOUNT).text(3, tag);
                    self.say(tell::ACCOUNT_SUMMARY, &row.text(4, value).text(5, "USD"));
                }
                self.say(tell::ACCOUNT_SUMMARY_END, &Msg::new().int(1, request));
            }
            // Answers that are not wanted any more: of the account, of positions.
            ask::MARKET_DATA_TYPE | 63 | 64 => {}
            other => self.strange.push(other),
        }
    }

    fn details(&mut self, request: i64, wanted: &Fields) {
        let fits = |id: i64, listed: &Listed| {
            if let Some(named) = wanted.int(1).filter(|n| *n != 0) {
                return named == id;
            }
            let own = Fields::parse(&listed.contract.clone().into_bytes());
            let same = |field: u32| wanted.text(field).is_empty() || wanted.text(field) == own.text(field);
            let strike = wanted
                .double(5)
                .is_none_or(|s| s == 0.0 || Some(s) == own.double(5));
            let month = own.text(4).starts_with(&wanted.text(4));
            same(2) && same(3) && month && strike && same(6) && same(12)
        };
        let found: Vec<Listed> = self
            .listed
            .iter()
            .filter(|(id, l)| fits(**id, l))
            .map(|(_, l)| l.clone())
            .collect();
        if found.is_empty() {
            return self.say(
                tell::ERROR,
                &error(request, 200, "No security definition has been found"),
            );
        }
        for one in found {
            let row = Msg::new()
                .int(1, request)
                .msg(2, &one.contract)
                .msg(3, &one.details);
            self.say(tell::CONTRACT, &row);
        }
        self.say(tell::CONTRACT_END, &Msg::new().int(1, request));
    }

    fn chains(&mut self, request: i64, underlying: &str) {
        let afternoons: Vec<u32> = DAYS.iter().chain(&[20_230_217]).copied().collect();
        let on_vix = |class: &str| {
            let own = VIX_DAYS.iter().filter(|(c, _)| *c == class);
            own.map(|(_, day)| last_trade(*day)).collect()
        };
        let (classes, strikes): ([(&str, Vec<u32>); 2], Vec<f64>) = if underlying == "VIX" {
            let classes = ["VIX", "VIXW"].map(|class| (class, on_vix(class)));
            (classes, vix_strikes().collect())
        } else {
            let classes = [("SPXW", afternoons), ("SPX", vec![20_230_216])];
            (classes, strikes().collect())
        };
        for (class, expirations) in classes {
            let mut row = Msg::new()
                .int(1, request)
                .text(2, "SMART")
                .text(4, class)
                .text(5, "100");
            for day in expirations {
                row = row.text(6, &day.to_string());
            }
            for strike in &strikes {
                row = row.double(7, *strike);
            }
            self.say(tell::CHAIN, &row);
        }
        self.say(tell::CHAIN_END, &Msg::new().int(1, request));
    }

    fn order(&mut self, number: i64, fields: &Fields, warp: &Warp) {
        let (contract, order) = (fields.one(2), fields.one(3));
        let signed = |side: &str| if side == "BUY" { 1 } else { -1 };
        let own = signed(&order.text(5));
        let legs: Vec<(i64, i64)> = if contract.text(3) == "BAG" {
            let leg = |l: &Fields| (l.int(1).unwrap(), own * signed(&l.text(3)) * l.int(2).unwrap());
            contract.all(20).iter().map(leg).collect()
        } else {
            vec![(contract.int(1).unwrap(), own)]
        };
        let known = |l: &(i64, i64)| self.listed.contains_key(&l.0);
        assert!(
            legs.iter().all(known),
            "an order in a contract that is not listed"
        );
        assert_eq!(order.text(12), ACCOUNT);
        if order.int(65) == Some(1) {
            return self.margins(number, &contract, &order);
        }
        let fate = self.fates.pop_front().unwrap_or(Fate::Fill);
        if fate == Fate::CutBefore {
            return self.cut();
        }
        let reference = order.text(28);
        let perm_id = 9_000 + self.orders.len() as i64;
        let told = Msg::new()
            .int(1, 17)
            .int(3, perm_id)
            .text(5, &order.text(5))
            .text(6, &order.text(6))
            .text(8, &order.text(8))
            .text(12, ACCOUNT)
            .text(28, &reference);
        let shown = if contract.text(3) == "BAG" {
            let symbol = contract.text(2);
            Msg::new().text(2, &symbol).text(3, "BAG").text(10, "USD")
        } else {
            self.listed[&legs[0].0].contract.clone()
        };
        self.orders.push(Arrived {
            reference,
            perm_id,
            number,
            contract: shown,
            order: told,
            legs,
            quantity: order.text(6).parse::<f64>().unwrap() as i64,
            filled: 0,
            state: "Submitted",
            fate,
        });
        let at = self.orders.len() - 1;
        match fate {
            Fate::Reject => {
                self.orders[at].state = "Inactive";
                self.say(
                    tell::ERROR,
                    &error(number, 201, "Order rejected - reason:Insufficient margin"),
                );
                self.standing(at);
            }
            Fate::CutAfter => {
                self.cut();
                self.fill(at, self.orders[at].quantity, warp);
            }
            Fate::Piecemeal => {
                self.open(at);
                self.fill(at, 1, warp);
                self.standing(at);
            }
            Fate::Fill | Fate::CutBefore => {
                self.open(at);
                self.fill(at, self.orders[at].quantity, warp);
                self.standing(at);
            }
        }
    }

    /// What an order would take: five thousand dollars a package on top of what the account needs.
    fn margins(&mut self, number: i64, contract: &Fields, order: &Fields) {
        self.asked.push(order.text(28));
        let packages: f64 = order.text(6).parse().unwrap();
        let state = Msg::new()
            .text(1, "PreSubmitted")
            .double(8, 9_000.0 + 5_000.0 * packages)
            .double(9, 8_000.0 + 5_000.0 * packages)
            .double(11, 1.14 * packages)
            .text(14, "USD")
            .text(15, "USD");
        let told = Msg::new()
            .int(1, 17)
            .text(5, &order.text(5))
            .text(6, &order.text(6))
            .text(8, &order.text(8))
            .text(28, &order.text(28))
            .int(65, 1);
        let shown = Msg::new()
            .text(2, &contract.text(2))
            .text(3, &contract.text(3))
            .text(10, "USD");
        let row = Msg::new()
            .int(1, number)
            .msg(2, &shown)
            .msg(3, &told)
            .msg(4, &state);
        self.say(tell::OPEN_ORDER, &row);
    }

    /// Shows an order, and how it stands.
    fn open(&mut self, at: usize) {
        let order = &self.orders[at];
        let state = Msg::new().text(1, order.state);
        let row = Msg::new()
            .int(1, order.number)
            .msg(2, &order.contract)
            .msg(3, &order.order)
            .msg(4, &state);
        self.say(tell::OPEN_ORDER, &row);
        self.standing(at);
    }

    fn standing(&mut self, at: usize) {
        let o = &self.orders[at];
        let (filled, left) = (o.filled.to_string(), (o.quantity - o.filled).to_string());
        let row = status(o.number, o.state, &filled, &left, o.perm_id, 17);
        self.say(tell::ORDER_STATUS, &row);
    }

    /// Packages trade, each leg at its own price.
    fn fill(&mut self, at: usize, packages: i64, warp: &Warp) {
        let (legs, number, perm_id, reference) = {
            let o = &mut self.orders[at];
            o.filled += packages;
            if o.filled == o.quantity {
                o.state = "Filled";
            }
            (o.legs.clone(), o.number, o.perm_id, o.reference.clone())
        };
        for (leg, (id, ratio)) in legs.iter().enumerate() {
            let quantity = ratio * packages;
            let price = middle(&self.listed[id].what, (self.spot, self.beats));
            let exec_id = format!("h{}.{leg}.{}.01", perm_id, self.trades.len());
            let execution = Msg::new()
                .int(1, number)
                .text(2, &exec_id)
                .text(3, &warp.eastern())
                .text(4, ACCOUNT)
                .text(6, if quantity > 0 { "BOT" } else { "SLD" })
                .text(7, &quantity.abs().to_string())
                .double(8, price)
                .int(9, perm_id)
                .int(10, 17)
                .text(14, &reference);
            let contract = self.listed[id].contract.clone();
            let row = Msg::new().int(1, -1).msg(2, &contract).msg(3, &execution);
            *self.positions.entry(*id).or_default() += quantity;
            self.trades.push((exec_id.clone(), row.clone()));
            self.say(tell::EXECUTION, &row);
            self.say(tell::COMMISSION, &commission(&exec_id, 1.14));
        }
    }
}
