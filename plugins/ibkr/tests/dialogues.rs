//! Dialogues with a double of the gateway on loopback: what goes over the wire, and what is told of it.
#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

mod gateway;

use alula_ibkr::model::{Event, Holding, Instrument, Kind, Leg, NANO, Package, Right, Standing};
use alula_ibkr::order::Combos;
use alula_ibkr::session::{Config, Session, Submission, Waits};
use gateway::wire::{Fields, Msg};
use gateway::{Book, Gateway, Trade, ask, commission, error, option, status, tell};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ACCOUNT: &str = "DU1234567";
/// 2026-01-15 15:30:05 UTC, from `date -u -d … +%s`.
const NOW: i64 = 1_768_491_005_000_000_000;

fn book() -> Book {
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

fn config(gateway: &Gateway) -> Config {
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
            fee: Duration::from_secs(30),
            again: Duration::from_millis(20),
            look: Duration::from_millis(5),
        },
    }
}

fn spxw(right: Right, strike: i64) -> Instrument {
    Instrument {
        kind: Kind::Option,
        symbol: "SPX".to_owned(),
        trading_class: "SPXW".to_owned(),
        currency: "USD".to_owned(),
        expiry: 20_260_116,
        right: Some(right),
        strike_e9: strike * NANO,
        multiplier_e9: 100 * NANO,
    }
}

fn package(id: &str, legs: &[(i32, Instrument)], limit_e9: i64) -> Package {
    Package {
        id: id.to_owned(),
        legs: legs
            .iter()
            .map(|(ratio, instrument)| Leg {
                ratio: *ratio,
                instrument: instrument.clone(),
            })
            .collect(),
        quantity: 2,
        limit_e9: Some(limit_e9),
        until_cancelled: false,
        not_after_ns: NOW + NANO,
    }
}

fn condor(id: &str) -> Package {
    let legs = [
        (1, spxw(Right::Put, 5700)),
        (-1, spxw(Right::Put, 5750)),
        (-1, spxw(Right::Call, 6100)),
        (1, spxw(Right::Call, 6150)),
    ];
    package(id, &legs, -1_150_000_000)
}

/// Polls until an event fits; everything that came is returned, the fitting one last.
fn until(session: &Session, what: &str, fits: impl Fn(&Event) -> bool) -> Vec<Event> {
    let start = Instant::now();
    let mut out: Vec<Event> = Vec::new();
    loop {
        let mut news = Vec::new();
        session.poll(Duration::from_millis(50), &mut news);
        for event in news {
            let found = fits(&event);
            out.push(event);
            if found {
                return out;
            }
        }
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "no {what} came, but {out:#?}"
        );
    }
}

/// A session that is up.
fn up(gateway: &Gateway) -> Session {
    let session = Session::new(config(gateway)).unwrap();
    session.connect();
    until(&session, "up", |e| *e == Event::Up);
    session
}

fn told(events: &[Event]) -> Vec<&Event> {
    events.iter().filter(|e| !matches!(e, Event::Note(_))).collect()
}

/// Sends the condor and has the gateway acknowledge it; the order's number on the wire.
fn working(gateway: &Gateway, session: &Session, id: &str) -> i64 {
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
        events.last(),
        Some(&Event::Acknowledged {
            order: id.to_owned(),
            broker_order: "9001".to_owned()
        })
    );
    number
}

fn leg(con_id: i64) -> Msg {
    book()
        .listed
        .into_iter()
        .map(|(contract, _)| contract)
        .find(|c| Fields::parse(&c.clone().into_bytes()).int(1) == Some(con_id))
        .unwrap()
}

fn trade(con_id: i64, number: i64, exec_id: &str, side: &str, shares: &str, price: f64) -> Msg {
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
        |e| matches!(e, Event::Filled(f) if f.exec_id == "e.04.01"),
    );
    let events = told(&events);
    assert_eq!(
        *events[0],
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
                (f.instrument.clone(), f.quantity, f.price_e9)
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
        trading_class: "SPX".to_owned(),
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
        trading_class: "SPX".to_owned(),
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
        why,
    };
    let acknowledged = Event::Acknowledged {
        order: "main-a-2".to_owned(),
        broker_order: "9002".to_owned(),
    };
    assert_eq!(told(&events), [&rejected, &acknowledged]);
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
    let events = told(&events);
    assert!(
        matches!(events[0], Event::Filled(f) if f.exec_id == "e.01.01" && f.fee_e9.is_none()),
        "{events:?}"
    );
    assert_eq!(
        *events[1],
        Event::Cancelled {
            order: "main-a-1".to_owned(),
            why: "Order Canceled - reason: [202]".to_owned()
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
    assert!(
        events
            .iter()
            .any(|e| matches!(e, Event::Note(text) if text.contains("could not be taken back")))
    );
    assert_eq!(told(&events).len(), 1);
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
        |e| matches!(e, Event::Filled(f) if f.exec_id == "e.02.01"),
    );
    let fills: Vec<_> = told(&events)
        .into_iter()
        .map(|e| match e {
            Event::Filled(f) => (f.exec_id.as_str(), f.corrects.as_deref(), f.price_e9),
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
fn an_order_whose_fate_a_broken_connection_hides_is_found_in_the_snapshot_and_never_sent_again() {
    let gateway = Gateway::start(book());
    let session = up(&gateway);
    gateway.book(|b| b.hang_up_on_order = true);
    assert_eq!(session.submit(&condor("main-a-1")), Submission::Sent);
    until(&session, "down", |e| matches!(e, Event::Down(_)));
    // Before it is up again nothing leaves.
    let order = Msg::new()
        .int(1, 17)
        .int(3, 9001)
        .text(5, "BUY")
        .text(6, "2")
        .text(8, "LMT")
        .text(12, ACCOUNT)
        .text(28, "main-a-1");
    let bag = Msg::new().text(2, "SPX").text(3, "BAG").text(10, "USD");
    gateway.book(|b| {
        b.hang_up_on_order = false;
        let open = Msg::new()
            .int(1, 40)
            .msg(2, &bag)
            .msg(3, &order)
            .msg(4, &Msg::new().text(1, "Submitted"));
        b.open = vec![
            (tell::OPEN_ORDER, open),
            (tell::ORDER_STATUS, status(40, "Submitted", "0", "2", 9001, 17)),
        ];
    });
    until(&session, "up again", |e| *e == Event::Up);
    session.snapshot(5, NOW).unwrap();
    let events = until(&session, "end of the snapshot", |e| {
        matches!(e, Event::SnapshotEnd(_))
    });
    let events = told(&events);
    assert_eq!(*events[0], Event::SnapshotBegin(5));
    assert!(
        matches!(events[1], Event::SnapshotOrder(5, row) if row.order.as_deref() == Some("main-a-1")
            && row.broker_order == "9001" && row.standing == Standing::Working && (row.filled, row.left) == (0, 2)),
        "{events:?}"
    );
    assert_eq!(session.submit(&condor("main-a-1")), Submission::Duplicate);
    let placed: Vec<_> = gateway
        .requests()
        .into_iter()
        .filter(|(n, _)| *n == ask::PLACE_ORDER)
        .collect();
    assert_eq!(placed.len(), 1, "sent once and no more");
    // It can be taken back in the new connection.
    session.cancel("main-a-1").unwrap();
    assert_eq!(gateway.wait_for(ask::CANCEL_ORDER).int(1), Some(40));
    // The gateway never saw the order as its own and says 40 again: that number is not given away twice.
    assert_eq!(session.submit(&condor("main-a-2")), Submission::Sent);
    assert_eq!(gateway.wait_for(ask::PLACE_ORDER).int(1), Some(41));
}

#[test]
fn a_snapshot_asks_in_the_order_of_recovery_over_midnight_and_is_bracketed() {
    let mut book = book();
    let vix = book.listed[5].0.clone();
    let wing = book.listed[0].0.clone();
    // A position in shares of a company, in no class of ours, and one of another account.
    let corn = Msg::new()
        .int(1, 900)
        .text(2, "ZC")
        .text(3, "FUT")
        .text(4, "20260313")
        .double(7, 50.0)
        .text(10, "USD");
    let row = |account: &str, contract: &Msg, n: &str| {
        Msg::new()
            .text(1, account)
            .msg(2, contract)
            .text(3, n)
            .double(4, 1.0)
    };
    book.positions = vec![
        row(ACCOUNT, &wing, "-3"),
        row(ACCOUNT, &vix, "10"),
        row(ACCOUNT, &corn, "1"),
        row("DU9", &wing, "7"),
        row(ACCOUNT, &book.listed[1].0, "0"),
    ];
    let mut done = Msg::new()
        .int(1, 17)
        .int(3, 9000)
        .text(5, "BUY")
        .text(6, "0")
        .text(8, "LMT")
        .text(12, ACCOUNT)
        .text(28, "main-old-3");
    done = done.text(115, "2");
    book.completed = vec![
        Msg::new()
            .msg(1, &wing)
            .msg(2, &done)
            .msg(3, &Msg::new().text(1, "Filled")),
    ];
    let yesterday = |exec_id| Trade {
        contract: &wing,
        order_id: 12,
        client_id: 17,
        exec_id,
        side: "SLD",
        shares: "3",
        price: 2.0,
        reference: "main-old-3",
    };
    book.executions = vec![
        (tell::EXECUTION, yesterday("y.01.01").msg()),
        (tell::COMMISSION, commission("y.01.01", 3.5)),
        (tell::EXECUTION, yesterday("y.01.02").msg()),
        (tell::COMMISSION, commission("y.01.02", 3.4)),
    ];
    let gateway = Gateway::start(book);
    let session = up(&gateway);
    session.snapshot(9, NOW - 86_400 * NANO).unwrap();
    let events = until(&session, "end of the snapshot", |e| {
        matches!(e, Event::SnapshotEnd(9))
    });
    let asked: Vec<u32> = gateway.requests().iter().map(|(n, _)| *n).collect();
    let order = [
        ask::ALL_OPEN_ORDERS,
        ask::COMPLETED_ORDERS,
        ask::EXECUTIONS,
        ask::POSITIONS,
        ask::ACCOUNT_SUMMARY,
    ];
    let at: Vec<_> = order
        .iter()
        .map(|n| asked.iter().position(|a| a == n).unwrap())
        .collect();
    assert!(at.is_sorted(), "{asked:?}");
    let rows = told(&events);
    assert_eq!(
        (rows[0], rows[rows.len() - 1]),
        (&Event::SnapshotBegin(9), &Event::SnapshotEnd(9))
    );
    let Event::SnapshotOrder(9, done) = rows[1] else {
        panic!("{rows:?}")
    };
    assert_eq!(
        (done.order.as_deref(), done.standing, done.filled, done.left),
        (Some("main-old-3"), Standing::Filled, 2, 0)
    );
    // The correction alone, with its commission and with the name of what it replaces.
    let Event::SnapshotFill(9, fill) = rows[2] else {
        panic!("{rows:?}")
    };
    assert_eq!(
        (fill.exec_id.as_str(), fill.corrects.as_deref(), fill.fee_e9),
        ("y.01.02", Some("y.01.01"), Some(3_400_000_000))
    );
    assert_eq!((fill.quantity, fill.order.as_deref()), (-3, Some("main-old-3")));
    // Tuesday is the last day of trading of what expires on Wednesday.
    let call = Instrument {
        symbol: "VIX".to_owned(),
        trading_class: "VIX".to_owned(),
        expiry: 20_260_121,
        strike_e9: 20 * NANO,
        ..spxw(Right::Call, 20)
    };
    let held: Vec<_> = rows
        .iter()
        .filter_map(|e| {
            if let Event::SnapshotHolding(9, h) = e {
                Some(h.clone())
            } else {
                None
            }
        })
        .collect();
    assert_eq!(
        held,
        [
            Holding {
                instrument: spxw(Right::Put, 5700),
                quantity: -3
            },
            Holding {
                instrument: call,
                quantity: 10
            }
        ]
    );
    let Event::SnapshotAccount(9, money) = rows[rows.len() - 2] else {
        panic!("{rows:?}")
    };
    assert_eq!(
        (money.cash_e9, money.net_liquidation_e9),
        (98_000_250_000_000, 101_234_500_000_000)
    );
    assert_eq!(
        (money.initial_margin_e9, money.maintenance_margin_e9),
        (Some(4_000_000_000_000), Some(3_500_000_000_000))
    );
    assert!(
        events
            .iter()
            .any(|e| matches!(e, Event::Note(text) if text.contains("ZC"))),
        "{events:?}"
    );
}

#[test]
fn executions_are_asked_for_as_many_days_back_as_the_gap_needs() {
    let gateway = Gateway::start(book());
    let session = up(&gateway);
    for (request, since, days) in [
        (1, NOW - 60 * NANO, None),
        (2, NOW - 86_400 * NANO, Some(2)),
        (3, NOW - 3 * 86_400 * NANO, Some(4)),
    ] {
        session.snapshot(request, since).unwrap();
        let filter = gateway.wait_for(ask::EXECUTIONS).one(2);
        assert_eq!((filter.int(8), filter.text(2)), (days, ACCOUNT.to_owned()));
    }
}

#[test]
fn a_snapshot_that_is_not_whole_has_no_end() {
    let gateway = Gateway::start(Book {
        no_position_end: true,
        ..book()
    });
    let mut config = config(&gateway);
    config.waits.answer = Duration::from_millis(300);
    let session = Session::new(config).unwrap();
    session.connect();
    until(&session, "up", |e| *e == Event::Up);
    session.snapshot(4, NOW).unwrap();
    let events = until(
        &session,
        "word of it",
        |e| matches!(e, Event::Note(text) if text.contains("snapshot 4 is not whole")),
    );
    assert_eq!(told(&events), [&Event::SnapshotBegin(4)]);
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

#[test]
fn nothing_is_sent_after_its_time_or_without_a_connection() {
    let gateway = Gateway::start(book());
    let session = Session::new(config(&gateway)).unwrap();
    assert_eq!(
        session.submit(&condor("main-a-1")),
        Submission::NotSent("not connected".to_owned())
    );
    session.connect();
    until(&session, "up", |e| *e == Event::Up);
    let late = Package {
        not_after_ns: NOW,
        ..condor("main-a-2")
    };
    assert_eq!(
        session.submit(&late),
        Submission::NotSent("its time to be sent is over".to_owned())
    );
    // The gateway is there, the broker is not.
    gateway.send(
        tell::ERROR,
        &error(
            -1,
            1100,
            "Connectivity between IBKR and Trader Workstation has been lost.",
        ),
    );
    let events = until(&session, "down", |e| matches!(e, Event::Down(_)));
    assert!(matches!(events.last(), Some(Event::Down(why)) if why.ends_with("lost. [1100]")));
    assert_eq!(
        session.submit(&condor("main-a-3")),
        Submission::NotSent("the gateway has lost the broker".to_owned())
    );
    assert!(session.snapshot(1, NOW).is_err());
    gateway.send(
        tell::ERROR,
        &error(-1, 1102, "Connectivity has been restored - data maintained."),
    );
    until(&session, "up again", |e| *e == Event::Up);
    assert_eq!(session.submit(&condor("main-a-3")), Submission::Sent);
    let numbers: Vec<_> = gateway
        .requests()
        .into_iter()
        .filter(|(n, _)| *n == ask::PLACE_ORDER)
        .collect();
    assert!(numbers.len() <= 1);
}

#[test]
fn quotes_are_told_when_they_change_and_asked_for_again_after_a_reconnect() {
    let gateway = Gateway::start(book());
    let mut config = config(&gateway);
    config.delayed = true;
    let session = Session::new(config).unwrap();
    session.connect();
    until(&session, "up", |e| *e == Event::Up);
    assert_eq!(gateway.wait_for(ask::MARKET_DATA_TYPE).int(1), Some(3));
    session.watch(vec![spxw(Right::Put, 5700)]);
    let asked = gateway.wait_for(ask::MARKET_DATA);
    assert_eq!(asked.one(2).int(1), Some(101));
    let request = asked.int(1).unwrap();
    let price = |kind, price: f64, size: &str| {
        Msg::new()
            .int(1, request)
            .int(2, kind)
            .double(3, price)
            .text(4, size)
    };
    gateway.send(tell::MARKET_DATA_TYPE, &Msg::new().int(1, request).int(2, 3));
    // 66 and 67: bid and ask, delayed.
    gateway.send(tell::TICK_PRICE, &price(66, 2.0, "11"));
    gateway.send(tell::TICK_PRICE, &price(67, 2.2, "12"));
    let events = until(
        &session,
        "ask",
        |e| matches!(e, Event::Quote(q) if q.ask_e9.is_some()),
    );
    let Some(Event::Quote(quote)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(
        (quote.bid_e9, quote.ask_e9, quote.delayed),
        (Some(2_000_000_000), Some(2_200_000_000), true)
    );
    assert_eq!(
        (quote.bid_size, quote.ask_size, quote.at_ns),
        (Some(11), Some(12), NOW)
    );
    assert!(
        events
            .iter()
            .any(|e| matches!(e, Event::Note(text) if text.contains("delayed")))
    );
    // The bid is gone.
    gateway.send(tell::TICK_PRICE, &price(66, -1.0, "0"));
    let events = until(&session, "no bid", |e| matches!(e, Event::Quote(_)));
    assert!(
        matches!(events.last(), Some(Event::Quote(q)) if q.bid_e9.is_none() && q.bid_size.is_none() && q.ask_e9.is_some())
    );
    gateway.hang_up();
    until(&session, "up again", |e| *e == Event::Up);
    assert_eq!(gateway.wait_for(ask::MARKET_DATA).one(2).int(1), Some(101));
}

#[test]
fn a_login_that_is_not_the_account_or_not_paper_is_refused_for_good() {
    for (accounts, word) in [
        ("DU7654321", "has no account `DU1234567`"),
        ("DU1234567,U1234567", "`U1234567`, which is no paper account"),
    ] {
        let gateway = Gateway::start(Book {
            accounts: accounts.to_owned(),
            ..book()
        });
        let session = Session::new(config(&gateway)).unwrap();
        session.connect();
        let events = until(&session, "down", |e| matches!(e, Event::Down(_)));
        assert!(
            matches!(events.last(), Some(Event::Down(why)) if why.contains(word)),
            "{events:?}"
        );
        assert_eq!(
            session.submit(&condor("main-a-1")),
            Submission::NotSent("not connected".to_owned())
        );
    }
    let gateway = Gateway::start(book());
    let live = Config {
        account: "U1234567".to_owned(),
        ..config(&gateway)
    };
    assert!(
        Session::new(live.clone())
            .err()
            .is_some_and(|why| why.contains("no paper account"))
    );
    assert!(Session::new(Config { live: true, ..live }).is_ok());
    assert!(
        gateway.requests().is_empty(),
        "nothing is connected before it is asked for"
    );
}

#[test]
fn a_client_number_that_is_still_held_is_tried_again() {
    let gateway = Gateway::start(Book { busy: 2, ..book() });
    let session = Session::new(config(&gateway)).unwrap();
    session.connect();
    let events = until(&session, "up", |e| *e == Event::Up);
    // Said once, not once for each attempt.
    let downs: Vec<_> = events.iter().filter(|e| matches!(e, Event::Down(_))).collect();
    assert!(
        matches!(downs.as_slice(), [Event::Down(why)] if why.contains("client number 17 is in use")),
        "{events:?}"
    );
}

#[test]
fn nobody_listening_is_said_in_words_that_help() {
    let gateway = Gateway::start(book());
    let mut config = config(&gateway);
    // A port that was free a moment ago.
    config.port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let session = Session::new(config).unwrap();
    session.connect();
    let events = until(&session, "down", |e| matches!(e, Event::Down(_)));
    assert!(
        matches!(events.last(), Some(Event::Down(why)) if why.contains("is TWS or the gateway running")),
        "{events:?}"
    );
}
