//! Latency, refusals, parts, breaks, and what contracts end as.

use super::*;
use alula_market::contract::{FutureContract, FutureRoot, Share};
use alula_plugin_sdk::abi::broker::{ExecKind, Kind, Status, Word};

fn at(minute: u32) -> Instant {
    Instant::from_eastern(day("2024-06-03"), 10, minute).unwrap()
}

fn put(strike: i64) -> Instrument {
    Instrument::Option(option(Root::Spxw, "2024-06-21", Right::Put, strike))
}

fn spread(id: &str, quantity: u32) -> Order {
    order(id, &[(put(5_050), 1), (put(5_100), -1)], quantity, None)
}

fn rows(minute: u32) -> Vec<Quote> {
    vec![
        quote(put(5_050), at(minute), (8_000, 8_400), None),
        quote(put(5_100), at(minute), (11_500, 11_900), None),
    ]
}

fn round(broker: &mut Connection, minute: u32) -> Vec<Event> {
    broker.quotes(ns(at(minute)), &rows(minute)).unwrap();
    poll(broker)
}

fn filled(events: &[Event]) -> i64 {
    let quantity = |e: &Event| match e {
        Event::Filled(e) => e.quantity.abs(),
        _ => 0,
    };
    events.iter().map(quantity).sum()
}

#[test]
fn an_order_fills_on_quotes_after_it_and_after_its_latency() {
    for (more, wanted) in [
        (("latency_ms", "0"), 2),
        (("latency_ms", "60000"), 2),
        (("latency_ms", "60001"), 3),
        (("latency_rounds", "2"), 4),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut broker = open(folder.path(), &[more]);
        round(&mut broker, 1);
        assert_eq!(broker.submit(&spread("a", 1)), Submitted::Sent);
        // The same quotes again: they were there before the order.
        assert_eq!(filled(&round(&mut broker, 1)), 0);
        let first = (2..9).find(|m| filled(&round(&mut broker, *m)) > 0);
        assert_eq!(first, Some(wanted), "{more:?}");
    }
}

#[test]
fn an_order_that_arrives_past_its_time_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = open(folder.path(), &[("latency_ms", "120000")]);
    round(&mut broker, 1);
    let mut late = spread("late", 1);
    late.not_after_ns = ns(at(2));
    assert_eq!(broker.submit(&late), Submitted::Sent);
    round(&mut broker, 2);
    let events = round(&mut broker, 3);
    assert!(
        matches!(&events[..], [Event::Rejected { order, text }] if order == "late" && text.contains("too late")),
        "{events:?}"
    );
}

#[test]
fn a_day_order_ends_with_its_day_and_another_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = open(folder.path(), &[]);
    round(&mut broker, 1);
    let dear = Some(Price(40_000));
    let legs = [(put(5_050), 1), (put(5_100), -1)];
    let mut today = order("today", &legs, 1, dear);
    today.life = Life::Day;
    broker.submit(&today);
    broker.submit(&order("stays", &legs, 1, dear));
    round(&mut broker, 30);
    let next = Instant::from_eastern(day("2024-06-04"), 9, 45).unwrap();
    broker.quotes(ns(next), &[]).unwrap();
    assert_eq!(
        poll(&mut broker),
        [Event::Expired {
            order: "today".to_owned()
        }]
    );
    let rows = snapshot(&mut broker, 1);
    let working: Vec<&str> = rows
        .iter()
        .filter_map(|e| match e {
            Event::SnapshotOrder { row, .. } if row.status == Status::Working => row.order.as_deref(),
            _ => None,
        })
        .collect();
    assert_eq!(working, ["stays"]);
}

#[test]
fn refusals_and_parts_follow_the_seed_and_nothing_else() {
    let run = |seed: &str| {
        let folder = tempfile::tempdir().unwrap();
        let more = [("seed", seed), ("reject_rate", "0.4"), ("partial_rate", "0.6")];
        let mut broker = open(folder.path(), &more);
        round(&mut broker, 1);
        let mut events = Vec::new();
        for n in 0..12 {
            broker.submit(&spread(&format!("n{n}"), 5));
        }
        for minute in 2..40 {
            events.extend(round(&mut broker, minute));
        }
        events
    };
    let (a, b, c) = (run("1"), run("1"), run("2"));
    assert_eq!(a, b);
    assert_ne!(a, c);
    let rejected = a.iter().filter(|e| matches!(e, Event::Rejected { .. })).count();
    assert!((1..12).contains(&rejected), "{rejected}");
    // All that was not refused filled whole, in more rounds than one.
    assert_eq!(filled(&a), i64::try_from(12 - rejected).unwrap() * 5 * 2);
}

#[test]
fn what_happens_while_the_connection_is_broken_is_in_the_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    // It breaks at every round that it stands in.
    let more = [("disconnect_rate", "1"), ("down_rounds", "2")];
    let mut broker = open(folder.path(), &more);
    // Taken at a moment at which it stands: before the first round there is no clock, so the break is unheard.
    broker.quotes(ns(at(1)), &rows(1)).unwrap();
    let mut arrived = Vec::new();
    for n in 0..20 {
        let id = format!("u{n}");
        assert!(matches!(broker.submit(&spread(&id, 1)), Submitted::Unknown(_)));
        arrived.push(id);
    }
    assert!(matches!(&poll(&mut broker)[..], [Event::Down { .. }]));
    // Now it is known to be down: nothing is sent, and nothing is unknown.
    assert!(matches!(
        broker.submit(&spread("known", 1)),
        Submitted::NotSent(_)
    ));
    assert!(broker.request_snapshot(1, 0).is_err());
    assert_eq!(round(&mut broker, 2), []);
    assert_eq!(round(&mut broker, 3), []);
    assert_eq!(round(&mut broker, 4), [Event::Up]);
    let rows = snapshot(&mut broker, 2);
    let known: Vec<&String> = rows
        .iter()
        .filter_map(|e| match e {
            Event::SnapshotOrder { row, .. } => {
                assert_eq!(row.status, Status::Filled);
                row.order.as_ref()
            }
            _ => None,
        })
        .collect();
    assert!(!known.is_empty() && known.len() < arrived.len(), "{known:?}");
    let fills = rows
        .iter()
        .filter(|e| matches!(e, Event::SnapshotFill { .. }))
        .count();
    assert_eq!(fills, known.len() * 2);
}

#[test]
fn futures_and_shares_fill_at_the_models_share_and_futures_pay_when_they_settle() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = open(
        folder.path(),
        &[("fill", "natural"), ("fees", "none"), ("cash", "50000")],
    );
    let expiry = FutureRoot::Vx.monthly_expiry(2024, 6).unwrap();
    let vx = Instrument::Future(FutureContract {
        root: FutureRoot::Vx,
        expiry,
    });
    let spy = Instrument::Share(Share::Spy);
    let rows = |minute| {
        vec![
            quote(vx, at(minute), (14_000, 14_050), None),
            quote(spy, at(minute), (530_000, 530_020), None),
        ]
    };
    broker.quotes(ns(at(1)), &rows(1)).unwrap();
    broker.submit(&order("vx", &[(vx, -1)], 2, None));
    broker.submit(&order("spy", &[(spy, 10)], 1, None));
    let mixed = order("mixed", &[(vx, 1), (put(5_050), 1)], 1, None);
    assert!(matches!(broker.submit(&mixed), Submitted::NotSent(_)));
    broker.quotes(ns(at(2)), &rows(2)).unwrap();
    // Ten shares are paid at once: 5 300.20 dollars. The futures have cost nothing yet.
    assert_eq!(cash(&snapshot(&mut broker, 1)), Usd::parse("44699.8").unwrap());
    let settled = vx.settles_at().unwrap();
    broker.quotes(ns(Instant(settled.0 + 60)), &[]).unwrap();
    let last = FinalValue {
        kind: Kind::Future,
        class: Word::new("VX").unwrap(),
        expiry: vx.fields().expiry,
        price_e9: 13_100_000_000,
        approximate: false,
    };
    broker.final_values(ns(Instant(settled.0 + 60)), &[last]).unwrap();
    let events = poll(&mut broker);
    assert!(
        matches!(events.last(), Some(Event::Filled(e)) if e.kind == ExecKind::Settlement && e.quantity == 2)
    );
    // Two sold at 14.00 and settled at 13.10, a thousand dollars a point: 1 800 dollars.
    assert_eq!(cash(&snapshot(&mut broker, 2)), Usd::parse("46499.8").unwrap());
}

#[test]
fn a_final_value_before_its_time_and_quotes_from_the_past_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = open(folder.path(), &[]);
    round(&mut broker, 1);
    broker.submit(&spread("a", 1));
    round(&mut broker, 2);
    assert!(broker.quotes(ns(at(1)), &rows(1)).is_err());
    let early = FinalValue {
        kind: Kind::Option,
        class: Word::new("SPXW").unwrap(),
        expiry: 20_240_621,
        price_e9: 5_000 * SCALE,
        approximate: false,
    };
    assert!(broker.final_values(ns(at(3)), &[early]).is_err());
    assert!(broker.dead().is_none());
}
