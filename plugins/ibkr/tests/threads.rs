//! A session leaves nothing running behind it. Alone in its process, so that threads can be counted.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what cannot be had fails the test")]

#[path = "dialogues/gateway/mod.rs"]
mod gateway;

use alula_ibkr::model::{Event, Instrument, Kind, NANO, Told, Word};
use alula_ibkr::order::Combos;
use alula_ibkr::session::{Config, Session, Waits};
use gateway::{Book, Gateway};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn dropping_a_session_joins_its_threads_whether_it_was_up_or_still_trying() {
    let gateway = Gateway::start(Book {
        accounts: "DU1".to_owned(),
        next_id: 1,
        ..Book::default()
    });
    let config = |port| Config {
        host: "127.0.0.1".to_owned(),
        port,
        client_id: 1,
        account: "DU1".to_owned(),
        live: false,
        delayed: false,
        combos: Combos::Guaranteed,
        clock: Arc::new(|| 0),
        waits: Waits {
            look: Duration::from_millis(5),
            ..Waits::default()
        },
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let share = Instrument {
        kind: Kind::Share,
        symbol: Word::new("SPY").unwrap(),
        class: Word::new("SPY").unwrap(),
        currency: Word::new("USD").unwrap(),
        expiry: 0,
        right: None,
        strike_e9: 0,
        multiplier_e9: NANO,
    };
    let before = threads();
    // Not connected, it has none.
    let idle = Session::new(config(gateway.port)).unwrap();
    assert_eq!(threads(), before);
    drop(idle);
    for _ in 0..3 {
        let mut session = Session::new(config(gateway.port)).unwrap();
        session.connect().unwrap();
        session.watch(vec![share]);
        let (start, mut told) = (Instant::now(), Told::default());
        while !told.events.contains(&Event::Up) {
            session.poll(Duration::from_millis(20), &mut told);
            assert!(start.elapsed() < Duration::from_secs(20), "{told:?}");
        }
        assert!(threads() > before);
        drop(session);
        assert_eq!(threads(), before);
        // Nobody listens here: the session is waiting for its next attempt.
        let mut trying = Session::new(config(free)).unwrap();
        trying.connect().unwrap();
        trying.poll(Duration::from_secs(5), &mut Told::default());
        drop(trying);
        assert_eq!(threads(), before);
    }
}
