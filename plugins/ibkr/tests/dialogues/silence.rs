//! A gateway that is there and says nothing: nothing waits for it without an end, and every end is a sentence.

use crate::gateway::{Book, Gateway, ask};
use crate::talk::*;
use alula_ibkr::model::{Event, Told};
use alula_ibkr::session::{Config, Session, Submission};
use std::time::{Duration, Instant};

/// The library's own wait for a first word is half a minute: who is let go before it did not wait for it.
const BEFORE_THE_LIBRARY: Duration = Duration::from_secs(20);
/// Everything that a gateway is asked before an order, and for.
const EVERYTHING: [u32; 9] = [
    ask::TIME,
    ask::CONTRACT,
    ask::PLACE_ORDER,
    ask::CANCEL_ORDER,
    ask::ALL_OPEN_ORDERS,
    ask::COMPLETED_ORDERS,
    ask::EXECUTIONS,
    ask::POSITIONS,
    ask::ACCOUNT_SUMMARY,
];

fn impatient(gateway: &Gateway) -> Config {
    let mut config = config(gateway);
    config.waits.answer = Duration::from_millis(300);
    config.waits.greeting = Duration::from_millis(200);
    config
}

fn awake(gateway: &Gateway) {
    gateway.book(|b| {
        b.mute_greeting = false;
        b.mute.clear();
    });
}

#[test]
fn a_gateway_that_takes_the_connection_and_says_nothing_is_said_to_and_is_waited_for() {
    for (greeting, mute) in [(true, vec![]), (false, vec![ask::START_API])] {
        let gateway = Gateway::start(Book {
            mute_greeting: greeting,
            mute,
            ..book()
        });
        let (talk, told) = connected(impatient(&gateway));
        let why = why_down(&told);
        assert!(
            why.contains("took the connection and has said nothing for 0.2 s")
                && why.contains("client number 17"),
            "{why}"
        );
        assert_eq!(
            talk.submit(&condor("main-a-1")),
            Submission::NotSent("not connected".to_owned())
        );
        assert!(talk.snapshot(1, NOW).is_err());
        if greeting {
            // It wakes up, and the same connection goes on.
            awake(&gateway);
            let then = until(&talk, "up", |e| *e == Event::Up);
            assert_eq!(then.events, [Event::Up], "it is said once");
            working(&gateway, &talk, "main-a-1");
        }
        // Whoever has had enough of it is let go at once.
        let began = Instant::now();
        drop(talk);
        assert!(began.elapsed() < BEFORE_THE_LIBRARY);
    }
}

#[test]
fn whoever_does_not_want_a_silent_gateway_any_more_does_not_wait_for_it() {
    let gateway = Gateway::start(Book {
        mute_greeting: true,
        ..book()
    });
    let (talk, _) = connected(impatient(&gateway));
    let began = Instant::now();
    talk.disconnect();
    let told = until(&talk, "the end", is_down);
    assert_eq!(why_down(&told), "not wanted any more");
    assert!(began.elapsed() < BEFORE_THE_LIBRARY);
}

#[test]
fn a_gateway_that_falls_silent_in_the_middle_of_a_snapshot_is_left_and_connected_to_anew() {
    for silent in [
        ask::ALL_OPEN_ORDERS,
        ask::COMPLETED_ORDERS,
        ask::EXECUTIONS,
        ask::POSITIONS,
        ask::ACCOUNT_SUMMARY,
    ] {
        let gateway = Gateway::start(Book {
            mute: vec![silent, ask::TIME],
            ..book()
        });
        let (talk, told) = connected(impatient(&gateway));
        assert_eq!(told.events, [Event::Up]);
        talk.snapshot(4, NOW).unwrap();
        let told = until(&talk, "down", is_down);
        assert_eq!(told.events.first(), Some(&Event::SnapshotBegin { request: 4 }));
        let whole = |told: &Told| told.events.iter().any(|e| matches!(e, Event::SnapshotEnd { .. }));
        assert!(!whole(&told), "{told:?}");
        assert!(
            told.notes
                .iter()
                .any(|n| n.contains("snapshot 4 is not whole") && n.contains("does not answer")),
            "{told:?}"
        );
        assert!(why_down(&told).contains("asked for its time, it said nothing for 0.3 s"));
        awake(&gateway);
        gateway.book(|b| b.time = Some(NOW / 1_000_000_000));
        until(&talk, "up", |e| *e == Event::Up);
        talk.snapshot(5, NOW).unwrap();
        until(&talk, "a whole snapshot", |e| {
            *e == Event::SnapshotEnd { request: 5 }
        });
    }
}

#[test]
fn an_order_at_a_silent_gateway_is_not_sent_and_those_behind_it_do_not_wait() {
    let gateway = Gateway::start(Book {
        mute: EVERYTHING.to_vec(),
        ..book()
    });
    let (talk, told) = connected(impatient(&gateway));
    assert_eq!(told.events, [Event::Up]);
    let first = talk.submit(&condor("main-a-1"));
    assert!(
        matches!(&first, Submission::Refused(why) if why.contains("does not answer what a contract is")),
        "{first:?}"
    );
    // Nothing more is asked until it has shown that it is there.
    for id in ["main-a-2", "main-a-3"] {
        let next = talk.submit(&condor(id));
        assert!(matches!(next, Submission::NotSent(_)), "{next:?}");
        assert!(talk.what_if(&condor(id)).is_err());
        assert!(talk.snapshot(1, NOW).is_err());
    }
    assert!(why_down(&until(&talk, "down", is_down)).contains("does not answer any more"));
    awake(&gateway);
    until(&talk, "up", |e| *e == Event::Up);
    gateway.requests();
    working(&gateway, &talk, "main-a-4");
    let orders = gateway.requests();
    assert!(orders.iter().all(|(n, _)| *n != ask::PLACE_ORDER), "{orders:?}");
}

#[test]
fn a_margin_without_an_answer_is_a_fault_and_a_gateway_that_tells_its_time_goes_on() {
    let gateway = Gateway::start(Book {
        time: Some(NOW / 1_000_000_000),
        ..book()
    });
    let (talk, _) = connected(impatient(&gateway));
    let asked = talk.what_if(&condor("main-a-1")).unwrap_err();
    assert!(
        asked.contains("does not answer what an order would take"),
        "{asked}"
    );
    // It was asked at once whether it is there, and it is.
    let began = Instant::now();
    while talk.snapshot(1, NOW).is_err() {
        assert!(began.elapsed() < BEFORE_THE_LIBRARY);
        std::thread::sleep(Duration::from_millis(5));
    }
    let told = until(&talk, "a whole snapshot", |e| {
        *e == Event::SnapshotEnd { request: 1 }
    });
    assert!(!told.events.iter().any(is_down), "{told:?}");
    // One that is not there is left.
    gateway.book(|b| b.time = None);
    assert!(talk.what_if(&condor("main-a-1")).is_err());
    until(&talk, "down", is_down);
}

#[test]
fn an_order_that_is_never_answered_is_not_in_the_next_snapshot() {
    let gateway = Gateway::start(book());
    let session: Session = up(&gateway).session;
    assert_eq!(session.submit(&condor("main-a-1")), Submission::Sent);
    gateway.wait_for(ask::PLACE_ORDER);
    let talk = Talk {
        session,
        rest: std::sync::Mutex::default(),
    };
    talk.snapshot(1, NOW).unwrap();
    let told = until(&talk, "a whole snapshot", |e| {
        *e == Event::SnapshotEnd { request: 1 }
    });
    let orders = |e: &Event| matches!(e, Event::SnapshotOrder { .. } | Event::Acknowledged { .. });
    assert!(!told.events.iter().any(orders), "{told:?}");
    // Its name stays taken: it is never sent again.
    assert_eq!(talk.submit(&condor("main-a-1")), Submission::Duplicate);
}
