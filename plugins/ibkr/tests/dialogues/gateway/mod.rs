//! A double of TWS: it listens on loopback, speaks the wire, answers questions from a book that the test fills, and does
//! with orders what the test says.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "a double of a wire for tests: what it cannot write or read fails the test"
)]

pub mod wire;

use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wire::{Fields, Msg};

/// The oldest wire that is spoken: everything is protobuf, and nothing newer is asked.
const SERVER_VERSION: &str = "213";

/// Numbers of requests.
pub mod ask {
    pub const MARKET_DATA: u32 = 1;
    pub const CANCEL_MARKET_DATA: u32 = 2;
    pub const PLACE_ORDER: u32 = 3;
    pub const CANCEL_ORDER: u32 = 4;
    pub const EXECUTIONS: u32 = 7;
    pub const CONTRACT: u32 = 9;
    pub const ALL_OPEN_ORDERS: u32 = 16;
    pub const TIME: u32 = 49;
    pub const MARKET_DATA_TYPE: u32 = 59;
    pub const POSITIONS: u32 = 61;
    pub const ACCOUNT_SUMMARY: u32 = 62;
    pub const START_API: u32 = 71;
    pub const CHAINS: u32 = 78;
    pub const COMPLETED_ORDERS: u32 = 99;
}

/// Numbers of answers.
pub mod tell {
    pub const TICK_PRICE: u32 = 1;
    pub const TICK_SIZE: u32 = 2;
    pub const ORDER_STATUS: u32 = 3;
    pub const ERROR: u32 = 4;
    pub const OPEN_ORDER: u32 = 5;
    pub const NEXT_VALID_ID: u32 = 9;
    pub const CONTRACT: u32 = 10;
    pub const EXECUTION: u32 = 11;
    pub const MANAGED_ACCOUNTS: u32 = 15;
    pub const TIME: u32 = 49;
    pub const CONTRACT_END: u32 = 52;
    pub const OPEN_ORDER_END: u32 = 53;
    pub const EXECUTION_END: u32 = 55;
    pub const MARKET_DATA_TYPE: u32 = 58;
    pub const COMMISSION: u32 = 59;
    pub const POSITION: u32 = 61;
    pub const POSITION_END: u32 = 62;
    pub const ACCOUNT_SUMMARY: u32 = 63;
    pub const ACCOUNT_SUMMARY_END: u32 = 64;
    pub const CHAIN: u32 = 75;
    pub const CHAIN_END: u32 = 76;
    pub const COMPLETED_ORDER: u32 = 101;
    pub const COMPLETED_ORDERS_END: u32 = 102;
}

/// What the broker has, and how it behaves.
#[derive(Clone, Default)]
pub struct Book {
    pub accounts: String,
    pub next_id: i64,
    /// Contract and details of each listed contract.
    pub listed: Vec<(Msg, Msg)>,
    pub open: Vec<(u32, Msg)>,
    pub completed: Vec<Msg>,
    /// Answers to a question for executions, without the request's number.
    pub executions: Vec<(u32, Msg)>,
    pub positions: Vec<Msg>,
    /// Option parameters: exchange, class, expirations, strikes.
    pub chains: Vec<(&'static str, &'static str, Vec<&'static str>, Vec<f64>)>,
    pub summary: Vec<(&'static str, &'static str, &'static str)>,
    /// Seconds since 1970 on its clock; it does not answer for its time without.
    pub time: Option<i64>,
    /// Says nothing of the end of positions.
    pub no_position_end: bool,
    /// Answers so many connections with "client id in use".
    pub busy: u32,
    /// Gives so many streams at once; 0 for as many as are asked for.
    pub lines: usize,
    /// Shuts the connection when an order comes, before any answer.
    pub hang_up_on_order: bool,
    /// Takes a connection and says nothing, for as long as this stands.
    pub mute_greeting: bool,
    /// Requests that it reads and does not answer.
    pub mute: Vec<u32>,
}

struct Inner {
    book: Mutex<Book>,
    stream: Mutex<Option<TcpStream>>,
    closed: Mutex<bool>,
}

/// The double.
pub struct Gateway {
    pub port: u16,
    inner: Arc<Inner>,
    requests: Receiver<(u32, Fields)>,
}

impl Gateway {
    pub fn start(book: Book) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner = Arc::new(Inner {
            book: Mutex::new(book),
            stream: Mutex::new(None),
            closed: Mutex::new(false),
        });
        let (sender, requests) = channel();
        let theirs = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                if *theirs.closed.lock().unwrap() {
                    return;
                }
                serve(stream, &theirs, &sender);
            }
        });
        Self {
            port,
            inner,
            requests,
        }
    }

    pub fn book(&self, change: impl FnOnce(&mut Book)) {
        change(&mut self.inner.book.lock().unwrap());
    }

    /// Says something unasked.
    pub fn send(&self, number: u32, msg: &Msg) {
        let mut stream = self.inner.stream.lock().unwrap();
        wire::send(stream.as_mut().expect("connected"), number, msg).unwrap();
    }

    /// Cuts the connection.
    pub fn hang_up(&self) {
        if let Some(stream) = self.inner.stream.lock().unwrap().take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// The next request of a kind; what came before it is passed over.
    pub fn wait_for(&self, number: u32) -> Fields {
        loop {
            match self.requests.recv_timeout(Duration::from_secs(20)) {
                Ok((n, fields)) if n == number => return fields,
                Ok(_) => {}
                Err(_) => panic!("request {number} did not come"),
            }
        }
    }

    /// All requests that have come and were not waited for.
    pub fn requests(&self) -> Vec<(u32, Fields)> {
        self.requests.try_iter().collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        *self.inner.closed.lock().unwrap() = true;
        self.hang_up();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// One connection, to its end.
fn serve(mut stream: TcpStream, inner: &Inner, requests: &Sender<(u32, Fields)>) {
    use std::io::{Read, Write};
    let mut hello = [0; 4];
    if stream.read_exact(&mut hello).is_err() {
        return;
    }
    assert_eq!(&hello, b"API\0");
    let versions = String::from_utf8(wire::body(&mut stream).unwrap()).unwrap();
    assert!(versions.starts_with("v213.."), "{versions}");
    *inner.stream.lock().unwrap() = Some(stream.try_clone().unwrap());
    while inner.book.lock().unwrap().mute_greeting {
        if *inner.closed.lock().unwrap() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let text = format!("{SERVER_VERSION}\0{}\0", "20260115 10:00:00 US/Eastern");
    let mut ack = (text.len() as u32).to_be_bytes().to_vec();
    ack.extend_from_slice(text.as_bytes());
    if stream.write_all(&ack).is_err() {
        // Who did not want to wait any more has gone.
        return;
    }
    let mut streams = 0;
    while let Some((number, fields)) = wire::receive(&mut stream) {
        let book = inner.book.lock().unwrap().clone();
        let answers = if book.mute.contains(&number) {
            Vec::new()
        } else {
            answer(number, &fields, &book)
        };
        let request = (number, fields.int(1).unwrap_or_default());
        let _ = requests.send((number, fields));
        if number == ask::START_API && book.busy > 0 {
            inner.book.lock().unwrap().busy -= 1;
            let in_use = error(-1, 326, "Unable to connect as the client id is already in use");
            let _ = wire::send(&mut stream, tell::ERROR, &in_use);
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
        if number == ask::PLACE_ORDER && book.hang_up_on_order {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
        let mut answers = answers;
        match request {
            (ask::MARKET_DATA, id) if book.lines > 0 && streams >= book.lines => {
                answers.push((
                    tell::ERROR,
                    error(id, 101, "Max number of tickers has been reached"),
                ));
            }
            (ask::MARKET_DATA, _) => streams += 1,
            (ask::CANCEL_MARKET_DATA, _) => streams -= 1,
            _ => {}
        }
        for (number, msg) in answers {
            let mut out = inner.stream.lock().unwrap();
            if let Some(out) = out.as_mut() {
                let _ = wire::send(out, number, &msg);
            }
        }
    }
}

fn answer(number: u32, fields: &Fields, book: &Book) -> Vec<(u32, Msg)> {
    let request = fields.int(1).unwrap_or_default();
    let mut out = Vec::new();
    match number {
        ask::START_API if book.busy == 0 => {
            out.push((tell::MANAGED_ACCOUNTS, Msg::new().text(1, &book.accounts)));
            out.push((tell::NEXT_VALID_ID, Msg::new().int(1, book.next_id)));
            out.push((
                tell::ERROR,
                error(-1, 2104, "Market data farm connection is OK:usopt"),
            ));
        }
        ask::TIME => out.extend(book.time.map(|t| (tell::TIME, Msg::new().int(1, t)))),
        ask::CONTRACT => {
            let wanted = fields.one(2);
            let found: Vec<_> = book
                .listed
                .iter()
                .filter(|(contract, _)| fits(&wanted, contract))
                .collect();
            if found.is_empty() {
                out.push((
                    tell::ERROR,
                    error(
                        request,
                        200,
                        "No security definition has been found for the request",
                    ),
                ));
            } else {
                for (contract, details) in found {
                    out.push((
                        tell::CONTRACT,
                        Msg::new().int(1, request).msg(2, contract).msg(3, details),
                    ));
                }
                out.push((tell::CONTRACT_END, Msg::new().int(1, request)));
            }
        }
        ask::ALL_OPEN_ORDERS => {
            out.extend(book.open.iter().cloned());
            out.push((tell::OPEN_ORDER_END, Msg::new()));
        }
        ask::COMPLETED_ORDERS => {
            out.extend(book.completed.iter().map(|m| (tell::COMPLETED_ORDER, m.clone())));
            out.push((tell::COMPLETED_ORDERS_END, Msg::new()));
        }
        ask::EXECUTIONS => {
            for (number, msg) in &book.executions {
                let msg = if *number == tell::EXECUTION {
                    with_request(msg, request)
                } else {
                    msg.clone()
                };
                out.push((*number, msg));
            }
            out.push((tell::EXECUTION_END, Msg::new().int(1, request)));
        }
        ask::CHAINS => {
            for (exchange, class, expirations, strikes) in &book.chains {
                let mut row = Msg::new()
                    .int(1, request)
                    .text(2, exchange)
                    .text(4, class)
                    .text(5, "100");
                for expiration in expirations {
                    row = row.text(6, expiration);
                }
                for strike in strikes {
                    row = row.double(7, *strike);
                }
                out.push((tell::CHAIN, row));
            }
            out.push((tell::CHAIN_END, Msg::new().int(1, request)));
        }
        ask::POSITIONS => {
            out.extend(book.positions.iter().map(|m| (tell::POSITION, m.clone())));
            if !book.no_position_end {
                out.push((tell::POSITION_END, Msg::new()));
            }
        }
        ask::ACCOUNT_SUMMARY => {
            for (tag, value, currency) in &book.summary {
                let account = book.accounts.split(',').next().unwrap_or_default();
                let row = Msg::new()
                    .int(1, request)
                    .text(2, account)
                    .text(3, tag)
                    .text(4, value)
                    .text(5, currency);
                out.push((tell::ACCOUNT_SUMMARY, row));
            }
            out.push((tell::ACCOUNT_SUMMARY_END, Msg::new().int(1, request)));
        }
        _ => {}
    }
    out
}

fn with_request(msg: &Msg, request: i64) -> Msg {
    // A field that stands twice counts as it stands last.
    let fields = msg.clone();
    fields.int(1, request)
}

/// Whether a listed contract answers a question: every word of the question has to agree, and a month fits its days.
fn fits(wanted: &Fields, listed: &Msg) -> bool {
    let listed = Fields::parse(&listed.clone().into_bytes());
    if let Some(con_id) = wanted.int(1).filter(|id| *id != 0) {
        return listed.int(1) == Some(con_id);
    }
    let same = |field: u32| wanted.text(field).is_empty() || wanted.text(field) == listed.text(field);
    let strike = wanted
        .double(5)
        .is_none_or(|s| s == 0.0 || Some(s) == listed.double(5));
    same(2)
        && same(3)
        && listed.text(4).starts_with(&wanted.text(4))
        && strike
        && same(6)
        && same(10)
        && same(12)
}

/// An error frame.
pub fn error(id: i64, code: i64, text: &str) -> Msg {
    Msg::new().int(1, id).int(3, code).text(4, text)
}

/// An option as the broker lists it: its number, class, last trading day, right, strike, OCC symbol and real expiry.
pub fn option(
    con_id: i64,
    class: &str,
    last: &str,
    right: &str,
    strike: f64,
    local: &str,
    real: &str,
) -> (Msg, Msg) {
    let symbol = class.trim_end_matches('W');
    let contract = Msg::new()
        .int(1, con_id)
        .text(2, symbol)
        .text(3, "OPT")
        .text(4, last)
        .double(5, strike)
        .text(6, right)
        .double(7, 100.0)
        .text(8, "SMART")
        .text(10, "USD")
        .text(11, local)
        .text(12, class);
    (contract, Msg::new().text(1, class).text(22, real))
}

/// An index as the broker lists it.
pub fn index(con_id: i64, symbol: &str) -> (Msg, Msg) {
    let contract = Msg::new()
        .int(1, con_id)
        .text(2, symbol)
        .text(3, "IND")
        .text(8, "CBOE")
        .text(10, "USD")
        .text(11, symbol)
        .text(12, symbol);
    (contract, Msg::new().text(1, symbol))
}

/// A status frame.
pub fn status(
    order_id: i64,
    status: &str,
    filled: &str,
    remaining: &str,
    perm_id: i64,
    client_id: i64,
) -> Msg {
    Msg::new()
        .int(1, order_id)
        .text(2, status)
        .text(3, filled)
        .text(4, remaining)
        .int(6, perm_id)
        .int(9, client_id)
}

/// An execution frame.
pub struct Trade<'a> {
    pub contract: &'a Msg,
    pub order_id: i64,
    pub client_id: i64,
    pub exec_id: &'a str,
    pub side: &'a str,
    pub shares: &'a str,
    pub price: f64,
    pub reference: &'a str,
}

impl Trade<'_> {
    pub fn msg(&self) -> Msg {
        let execution = Msg::new()
            .int(1, self.order_id)
            .text(2, self.exec_id)
            .text(3, "20260115 10:30:05 US/Eastern")
            .text(4, "DU1234567")
            .text(6, self.side)
            .text(7, self.shares)
            .double(8, self.price)
            .int(9, 9001)
            .int(10, self.client_id)
            .text(14, self.reference);
        Msg::new().int(1, -1).msg(2, self.contract).msg(3, &execution)
    }
}

/// A commission frame.
pub fn commission(exec_id: &str, fee: f64) -> Msg {
    Msg::new().text(1, exec_id).double(2, fee).text(3, "USD")
}
