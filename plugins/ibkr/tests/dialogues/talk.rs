//! What the dialogues have in common: the book of the double, packages, and waiting for what is told.

use crate::gateway::wire::{Fields, Msg};
use crate::gateway::{Book, Gateway, Trade, ask, option, status, tell};
use alula_ibkr::model::{Event, Instrument, Kind, Leg, Life, NANO, Package, Right, Told, Word};
use alula_ibkr::order::Combos;
use alula_ibkr::session::{Config, Session, Submission, Waits};
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub const ACCOUNT: &str = "DU1234567";
/// 2026-01-15 15:30:05 UTC, from `date -u -d … +%s`.
pub const NOW: i64 = 1_768_491_005_000_000_000;

pub fn book() -> Book {
    let put = |id, strike: f64, local| option(id, "SPXW", "20260116", "P", strike, local, "20260116");
    let call = |id, strike: f64, local| option(id, "SPXW", "20260116", "C", strike, local, "20260116");
    Book {
        accounts: ACCOUNT.to_owned(),
        next_id: 40,
        listed: vec![
            put(101, 5700.0, "SPXW  260116P05700000"),
            put(102, 5750.0, "SPXW  260116P05750000"),
            call(103, 6100.0, "SPXW  260116C06100000"),
            call(104, 6150.0, "SPXW  260116C06150000"),
            // Of the same day and strike, settled in the morning, traded last on Thursday.
            option(
                201,
                "SPX",
                "20260115",
                "P",
                5750.0,
                "SPX   260116P05750000",
                "20260116",
            ),
            option(202, "VIX", "20260120", "C", 20.0, "", "20260121"),
        ],
        summary: vec![
            ("TotalCashValue", "98000.25", "USD"),
            ("NetLiquidation", "101234.50", "USD"),
            ("InitMarginReq", "4000.00", "USD"),
            ("MaintMarginReq", "3500.00", "USD"),
        ],
        ..Book::default()
    }
}

pub fn config(gateway: &Gateway) -> Config {
    Config {
        host: "127.0.0.1".to_owned(),
        port: gateway.port,
        client_id: 17,
        account: ACCOUNT.to_owned(),
        live: false,
        delayed: false,
        combos: Combos::Guaranteed,
        clock: Arc::new(|| NOW),
        waits: Waits {
            answer: Duration::from_secs(10),
            greeting: Duration::from_secs(10),
            fee: Duration::from_secs(30),
            again: Duration::from_millis(20),
            look: Duration::from_millis(5),
            pace: Duration::from_millis(5),
            beat: Duration::from_secs(3600),
        },
    }
}

pub fn word(text: &str) -> Word {
    Word::new(text).unwrap()
}

pub fn spxw(right: Right, strike: i64) -> Instrument {
    Instrument {
        kind: Kind::Option,
        symbol: word("SPX"),
        class: word("SPXW"),
        currency: word("USD"),
        expiry: 20_260_116,
        right: Some(right),
        strike_e9: strike * NANO,
        multiplier_e9: 100 * NANO,
    }
}

pub fn package(id: &str, legs: &[(i32, Instrument)], limit_e9: i64) -> Package {
    Package {
        id: id.to_owned(),
        group: String::new(),
        legs: legs
            .iter()
            .map(|(ratio, instrument)| Leg {
                ratio: *ratio,
                contract: *instrument,
            })
            .collect(),
        quantity: 2,
        limit_e9: Some(limit_e9),
        life: Life::Day,
        not_after_ns: NOW + NANO,
    }
}

pub fn condor(id: &str) -> Package {
    let legs = [
        (1, spxw(Right::Put, 5700)),
        (-1, spxw(Right::Put, 5750)),
        (-1, spxw(Right::Call, 6100)),
        (1, spxw(Right::Call, 6150)),
    ];
    package(id, &legs, -1_150_000_000)
}

/// A session, and what it told behind what was waited for.
pub struct Talk {
    pub session: Session,
    pub rest: Mutex<Told>,
}

impl Deref for Talk {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

/// Polls until an event or a note fits; what was told up to there, a fitting event last.
pub fn hear(talk: &Talk, what: &str, event: impl Fn(&Event) -> bool, note: impl Fn(&str) -> bool) -> Told {
    let (start, mut out) = (Instant::now(), Told::default());
    let mut rest = talk.rest.lock().unwrap();
    loop {
        let noted = rest.notes.iter().any(|n| note(n));
        out.notes.append(&mut rest.notes);
        let at = rest.events.iter().position(&event);
        let upto = at.map_or(rest.events.len(), |at| at + 1);
        out.events.extend(rest.events.drain(..upto));
        if noted || at.is_some() {
            return out;
        }
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "no {what} came, but {out:#?}"
        );
        talk.session.poll(Duration::from_millis(50), &mut rest);
    }
}

/// Polls until an event fits.
pub fn until(talk: &Talk, what: &str, event: impl Fn(&Event) -> bool) -> Told {
    hear(talk, what, event, |_| false)
}

/// Connected, or not: what was told of it.
pub fn connected(config: Config) -> (Talk, Told) {
    let mut session = Session::new(config).unwrap();
    session.connect().unwrap();
    let talk = Talk {
        session,
        rest: Mutex::default(),
    };
    let told = until(&talk, "word of the connection", |e| {
        matches!(e, Event::Up | Event::Down { .. })
    });
    (talk, told)
}

/// A session that is up.
pub fn up(gateway: &Gateway) -> Talk {
    let (talk, told) = connected(config(gateway));
    assert_eq!(told.events, [Event::Up]);
    talk
}

pub fn is_down(event: &Event) -> bool {
    matches!(event, Event::Down { .. })
}

/// The words of the last event, which is a break.
pub fn why_down(told: &Told) -> &str {
    match told.events.last() {
        Some(Event::Down { text }) => text,
        other => panic!("{other:?}"),
    }
}

/// Sends the condor and has the gateway acknowledge it; the order's number on the wire.
pub fn working(gateway: &Gateway, session: &Talk, id: &str) -> i64 {
    assert_eq!(session.submit(&condor(id)), Submission::Sent);
    let number = gateway.wait_for(ask::PLACE_ORDER).int(1).unwrap();
    gateway.send(
        tell::ORDER_STATUS,
        &status(number, "Submitted", "0", "2", 9001, 17),
    );
    let events = until(session, "acknowledgement", |e| {
        matches!(e, Event::Acknowledged { .. })
    });
    assert_eq!(
        events.events,
        [Event::Acknowledged {
            order: id.to_owned(),
            broker_order: "9001".to_owned()
        }]
    );
    number
}

pub fn leg(con_id: i64) -> Msg {
    book()
        .listed
        .into_iter()
        .map(|(contract, _)| contract)
        .find(|c| Fields::parse(&c.clone().into_bytes()).int(1) == Some(con_id))
        .unwrap()
}

pub fn trade(con_id: i64, number: i64, exec_id: &str, side: &str, shares: &str, price: f64) -> Msg {
    Trade {
        contract: &leg(con_id),
        order_id: number,
        client_id: 17,
        exec_id,
        side,
        shares,
        price,
        reference: "main-a-1",
    }
    .msg()
}
