//! A session leaves nothing running behind it. Alone in its process, so that threads can be counted.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what cannot be had fails the test")]

mod gateway;

use alula_ibkr::model::{Event, Instrument, Kind, NANO};
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
        symbol: "SPY".to_owned(),
        trading_class: "SPY".to_owned(),
        currency: "USD".to_owned(),
        expiry: 0,
        right: None,
        strike_e9: 0,
        multiplier_e9: NANO,
    };
    let before = threads();
    for _ in 0..3 {
        let session = Session::new(config(gateway.port)).unwrap();
        session.connect();
        session.watch(vec![share.clone()]);
        let (start, mut events) = (Instant::now(), Vec::new());
        while !events.contains(&Event::Up) {
            session.poll(Duration::from_millis(20), &mut events);
            assert!(start.elapsed() < Duration::from_secs(20), "{events:?}");
        }
        assert!(threads() > before);
        drop(session);
        assert_eq!(threads(), before);
        // Nobody listens here: the session is waiting for its next attempt.
        let trying = Session::new(config(free)).unwrap();
        trying.connect();
        trying.poll(Duration::from_secs(5), &mut Vec::new());
        drop(trying);
        assert_eq!(threads(), before);
    }
}
