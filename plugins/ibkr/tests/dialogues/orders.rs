//! Orders: what goes out, and what comes back of it.

use crate::gateway::wire::Msg;
use crate::gateway::{Gateway, Trade, ask, commission, error, status, tell};
use crate::talk::*;
use alula_ibkr::model::{Event, Instrument, NANO, Right};
use alula_ibkr::session::Submission;

#[test]
fn a_condor_goes_out_as_one_guaranteed_combination_and_comes_back_leg_by_leg() {
    let gateway = Gateway::start(book());
    let session = up(&gateway);
    assert_eq!(session.submit(&condor("main-a-1")), Submission::Sent);
    let sent = gateway.wait_for(ask::PLACE_ORDER);
    let (contract, order) = (sent.one(2), sent.one(3));
    // The gateway's first valid number.
    assert_eq!(sent.int(1), Some(40));
    assert_eq!(
        (
            contract.text(2),
            contract.text(3),
            contract.text(8),
            contract.text(10)
        ),
        (
            "SPX".to_owned(),
            "BAG".to_owned(),
            "SMART".to_owned(),
            "USD".to_owned()
        )
    );
    let legs: Vec<_> = contract
        .all(20)
        .iter()
        .map(|l| (l.int(1).unwrap(), l.int(2).unwrap(), l.text(3), l.text(4)))
        .collect();
    let smart = |id, side: &str| (id, 1, side.to_owned(), "SMART".to_owned());
    assert_eq!(
        legs,
        [
            smart(101, "BUY"),
            smart(102, "SELL"),
            smart(103, "SELL"),
            smart(104, "BUY")
        ]
    );
    assert_eq!(
        (order.text(5), order.text(6), order.text(8)),
        ("BUY".to_owned(), "2".to_owned(), "LMT".to_owned())
    );
    assert_eq!(
        (order.double(9), order.text(11), order.text(12)),
        (Some(-1.15), "DAY".to_owned(), ACCOUNT.to_owned())
    );
    assert_eq!(order.text(28), "main-a-1");
    // Nothing asks for an order that may leg in.
    assert!(order.all(64).is_empty());

    gateway.send(
        tell::ORDER_STATUS,
        &status(40, "PreSubmitted", "0", "2", 9001, 17),
    );
    gateway.send(tell::ORDER_STATUS, &status(40, "Submitted", "0", "2", 9001, 17));
    // The combination itself is reported too, and moves nothing.
    let bag = Msg::new()
        .int(1, 28_812_380)
        .text(2, "SPX")
        .text(3, "BAG")
        .text(8, "SMART")
        .text(10, "USD");
    let whole = Trade {
        contract: &bag,
        order_id: 40,
        client_id: 17,
        exec_id: "e.00.01",
        side: "BOT",
        shares: "1",
        price: -1.15,
        reference: "main-a-1",
    };
    gateway.send(tell::EXECUTION, &whole.msg());
    for (con_id, exec_id, side, price) in [
        (101, "e.01.01", "BOT", 2.1),
        (102, "e.02.01", "SLD", 2.6),
        (103, "e.03.01", "SLD", 1.55),
        (104, "e.04.01", "BOT", 0.9),
    ] {
        gateway.send(tell::EXECUTION, &trade(con_id, 40, exec_id, side, "1", price));
        gateway.send(tell::COMMISSION, &commission(exec_id, 1.14));
    }
    gateway.send(tell::ORDER_STATUS, &status(40, "Submitted", "1", "1", 9001, 17));
    let events = until(
        &session,
        "fourth leg",
        |e| matches!(e, Event::Filled(f) if f.id == "e.04.01"),
    );
    assert!(!events.notes.iter().any(|n| n.contains("not told")), "{events:?}");
    let events = events.events;
    assert_eq!(
        events[0],
        Event::Acknowledged {
            order: "main-a-1".to_owned(),
            broker_order: "9001".to_owned()
        }
    );
    let fills: Vec<_> = events
        .iter()
        .skip(1)
        .map(|e| match e {
            Event::Filled(f) => {
                assert_eq!(
                    (f.order.as_deref(), f.corrects.as_deref(), f.fee_e9),
                    (Some("main-a-1"), None, Some(1_140_000_000))
                );
                // 10:30:05 in New York.
                assert_eq!(f.at_ns, NOW);
                (f.contract, f.quantity, f.price_e9)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        fills,
        [
            (spxw(Right::Put, 5700), 1, 2_100_000_000),
            (spxw(Right::Put, 5750), -1, 2_600_000_000),
            (spxw(Right::Call, 6100), -1, 1_550_000_000),
            (spxw(Right::Call, 6150), 1, 900_000_000),
        ]
    );
}

#[test]
fn the_trading_class_decides_which_contract_is_ordered() {
    let gateway = Gateway::start(book());
    let session = up(&gateway);
    let morning = Instrument {
        class: word("SPX"),
        ..spxw(Right::Put, 5750)
    };
    assert_eq!(
        session.submit(&package("m-1", &[(1, morning)], 2_600_000_000)),
        Submission::Sent
    );
    let asked = gateway.wait_for(ask::CONTRACT).one(2);
    assert_eq!(
        (asked.text(12), asked.text(4), asked.text(6), asked.double(5)),
        ("SPX".into(), "202601".into(), "P".into(), Some(5750.0))
    );
    let sent = gateway.wait_for(ask::PLACE_ORDER);
    assert_eq!(
        (sent.one(2).int(1), sent.one(3).double(9)),
        (Some(201), Some(2.6))
    );
    // A contract is asked for once.
    let again = Instrument {
        class: word("SPX"),
        ..spxw(Right::Put, 5750)
    };
    assert_eq!(
        session.submit(&package("m-2", &[(-1, again)], -2_600_000_000)),
        Submission::Sent
    );
    let sold = gateway.wait_for(ask::PLACE_ORDER).one(3);
    assert_eq!((sold.text(5), sold.double(9)), ("SELL".to_owned(), Some(2.6)));
    assert!(gateway.requests().iter().all(|(n, _)| *n != ask::CONTRACT));
    // One that is not listed is not sent.
    let refused = session.submit(&package("m-3", &[(1, spxw(Right::Put, 1234))], NANO));
    assert_eq!(
        refused,
        Submission::Refused("the broker has no contract `SPXW 20260116 P1234`".to_owned())
    );
}

#[test]
fn a_refused_order_is_told_once_with_the_brokers_words() {
    let gateway = Gateway::start(book());
    let session = up(&gateway);
    assert_eq!(session.submit(&condor("main-a-1")), Submission::Sent);
    let number = gateway.wait_for(ask::PLACE_ORDER).int(1).unwrap();
    gateway.send(
        tell::ERROR,
        &error(number, 201, "Order rejected - reason:Insufficient margin"),
    );
    gateway.send(
        tell::ORDER_STATUS,
        &status(number, "Inactive", "0", "2", 9001, 17),
    );
    gateway.send(
        tell::ORDER_STATUS,
        &status(number, "Cancelled", "0", "2", 9001, 17),
    );
    // Something later, before which a second word of the rejection would have come.
    assert_eq!(session.submit(&condor("main-a-2")), Submission::Sent);
    let second = gateway.wait_for(ask::PLACE_ORDER).int(1).unwrap();
    gateway.send(
        tell::ORDER_STATUS,
        &status(second, "Submitted", "0", "2", 9002, 17),
    );
    let events = until(&session, "acknowledgement", |e| {
        matches!(e, Event::Acknowledged { .. })
    });
    let why = "Order rejected - reason:Insufficient margin [201]".to_owned();
    let rejected = Event::Rejected {
        order: "main-a-1".to_owned(),
        text: why,
    };
    let acknowledged = Event::Acknowledged {
        order: "main-a-2".to_owned(),
        broker_order: "9002".to_owned(),
    };
    assert_eq!(events.events, [rejected, acknowledged]);
}

#[test]
fn words_of_any_length_never_hide_what_became_of_an_order() {
    let gateway = Gateway::start(book());
    let session = up(&gateway);
    assert_eq!(session.submit(&condor("main-a-1")), Submission::Sent);
    let number = gateway.wait_for(ask::PLACE_ORDER).int(1).unwrap();
    let long = format!("Order rejected - reason:\n{}", "é".repeat(2000));
    gateway.send(tell::ERROR, &error(number, 201, &long));
    let told = until(&session, "rejection", |e| matches!(e, Event::Rejected { .. }));
    assert!(
        matches!(told.events.as_slice(), [Event::Rejected { text, .. }] if text.starts_with("Order rejected - reason: é") && text.len() <= 1024),
        "{told:?}"
    );
}

#[test]
fn an_order_is_taken_back_by_its_number_and_its_trades_come_before_its_end() {
    let gateway = Gateway::start(book());
    let session = up(&gateway);
    let number = working(&gateway, &session, "main-a-1");
    assert!(session.cancel("main-b-7").unwrap_err().contains("`main-b-7`"));
    session.cancel("main-a-1").unwrap();
    assert_eq!(gateway.wait_for(ask::CANCEL_ORDER).int(1), Some(number));
    // A trade was faster, and its commission is still to come.
    gateway.send(tell::EXECUTION, &trade(101, number, "e.01.01", "BOT", "1", 2.1));
    gateway.send(tell::ERROR, &error(number, 202, "Order Canceled - reason:"));
    gateway.send(
        tell::ORDER_STATUS,
        &status(number, "Cancelled", "0", "2", 9001, 17),
    );
    let events = until(&session, "cancel", |e| matches!(e, Event::Cancelled { .. }));
    let events = events.events;
    assert!(
        matches!(&events[0], Event::Filled(f) if f.id == "e.01.01" && f.fee_e9.is_none()),
        "{events:?}"
    );
    assert_eq!(
        events[1],
        Event::Cancelled {
            order: "main-a-1".to_owned(),
            text: "Order Canceled - reason: [202]".to_owned()
        }
    );
}

#[test]
fn a_cancel_that_is_refused_leaves_the_order_at_work() {
    let gateway = Gateway::start(book());
    let session = up(&gateway);
    let number = working(&gateway, &session, "main-a-1");
    session.cancel("main-a-1").unwrap();
    gateway.wait_for(ask::CANCEL_ORDER);
    gateway.send(
        tell::ERROR,
        &error(
            number,
            10148,
            "OrderId 40 that needs to be cancelled cannot be cancelled, state: Filled.",
        ),
    );
    gateway.send(tell::EXECUTION, &trade(101, number, "e.01.01", "BOT", "2", 2.1));
    gateway.send(tell::COMMISSION, &commission("e.01.01", 1.0));
    let events = until(&session, "fill", |e| matches!(e, Event::Filled(_)));
    assert!(events.notes.iter().any(|n| n.contains("could not be taken back")));
    assert_eq!(events.events.len(), 1);
}

#[test]
fn an_execution_counts_once_and_its_correction_replaces_it() {
    let gateway = Gateway::start(book());
    let session = up(&gateway);
    let number = working(&gateway, &session, "main-a-1");
    for (exec_id, price) in [
        ("e.01.01", 2.1),
        ("e.01.01", 2.1),
        ("e.01.02", 2.05),
        ("e.01.01", 2.1),
        ("e.01.02", 2.05),
        ("e.02.01", 2.6),
    ] {
        gateway.send(tell::EXECUTION, &trade(101, number, exec_id, "BOT", "1", price));
        gateway.send(tell::COMMISSION, &commission(exec_id, 1.0));
    }
    let events = until(
        &session,
        "last trade",
        |e| matches!(e, Event::Filled(f) if f.id == "e.02.01"),
    );
    let fills: Vec<_> = events
        .events
        .iter()
        .map(|e| match e {
            Event::Filled(f) => (f.id.as_str(), f.corrects.as_deref(), f.price_e9),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        fills,
        [
            ("e.01.01", None, 2_100_000_000),
            ("e.01.02", Some("e.01.01"), 2_050_000_000),
            ("e.02.01", None, 2_600_000_000)
        ]
    );
}

#[test]
fn a_margin_is_asked_for_and_nothing_is_ordered() {
    let gateway = Gateway::start(book());
    let session = up(&gateway);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| session.what_if(&condor("main-a-1")));
        let sent = gateway.wait_for(ask::PLACE_ORDER);
        assert_eq!(sent.one(3).int(65), Some(1), "it only asks");
        let state = Msg::new()
            .text(1, "PreSubmitted")
            .double(8, 9500.5)
            .double(9, 8000.0)
            .double(11, 4.56)
            .text(14, "USD")
            .text(15, "USD");
        let order = Msg::new()
            .int(1, 17)
            .text(5, "BUY")
            .text(6, "2")
            .text(8, "LMT")
            .text(28, "main-a-1")
            .int(65, 1);
        let bag = Msg::new().text(2, "SPX").text(3, "BAG").text(10, "USD");
        gateway.send(
            tell::OPEN_ORDER,
            &Msg::new().int(1, 40).msg(2, &bag).msg(3, &order).msg(4, &state),
        );
        let told = asked.join().unwrap().unwrap();
        assert_eq!(
            (told.initial_margin_e9, told.maintenance_margin_e9, told.fee_e9),
            (9_500_500_000_000, 8_000_000_000_000, 4_560_000_000)
        );
    });
    // The id is still free: the order can follow, and only it is told of.
    working(&gateway, &session, "main-a-1");
}
