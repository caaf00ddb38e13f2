//! After a break, and after a restart: what is found again, and that nothing is sent twice.

use crate::gateway::wire::Msg;
use crate::gateway::{Book, Gateway, Trade, ask, commission, status, tell};
use crate::talk::*;
use alula_ibkr::model::{Event, Instrument, NANO, Right, Status};
use alula_ibkr::session::Submission;
use std::time::Duration;

#[test]
fn an_order_whose_fate_a_broken_connection_hides_is_found_in_the_snapshot_and_never_sent_again() {
    let gateway = Gateway::start(book());
    let session = up(&gateway);
    gateway.book(|b| b.hang_up_on_order = true);
    assert_eq!(session.submit(&condor("main-a-1")), Submission::Sent);
    until(&session, "down", is_down);
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
        matches!(e, Event::SnapshotEnd { .. })
    });
    let events = events.events;
    let acknowledged = Event::Acknowledged {
        order: "main-a-1".to_owned(),
        broker_order: "9001".to_owned(),
    };
    assert_eq!(events[..2], [acknowledged, Event::SnapshotBegin { request: 5 }]);
    assert!(
        matches!(&events[2], Event::SnapshotOrder { request: 5, row } if row.order.as_deref() == Some("main-a-1")
            && row.broker_order == "9001" && row.status == Status::Working && (row.filled, row.left) == (0, 2)),
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
fn an_order_from_before_this_process_is_known_and_can_be_taken_back_as_soon_as_the_snapshot_is_told() {
    let order = |client, reference: &str| {
        let order = Msg::new()
            .int(1, client)
            .int(3, 9000 + client)
            .text(5, "BUY")
            .text(6, "2")
            .text(8, "LMT");
        order.text(12, ACCOUNT).text(28, reference)
    };
    let bag = Msg::new().text(2, "SPX").text(3, "BAG").text(10, "USD");
    let open = |number, order: &Msg| {
        let state = Msg::new().text(1, "Submitted");
        (
            tell::OPEN_ORDER,
            Msg::new()
                .int(1, number)
                .msg(2, &bag)
                .msg(3, order)
                .msg(4, &state),
        )
    };
    // The same number of another client is another order.
    let rows = vec![
        open(12, &order(17, "main-old-3")),
        open(12, &order(18, "main-else-1")),
    ];
    let gateway = Gateway::start(Book { open: rows, ..book() });
    let session = up(&gateway);
    session.snapshot(1, NOW).unwrap();
    let told = until(&session, "end of the snapshot", |e| {
        matches!(e, Event::SnapshotEnd { .. })
    });
    session.cancel("main-old-3").unwrap();
    assert_eq!(gateway.wait_for(ask::CANCEL_ORDER).int(1), Some(12));
    assert!(
        session
            .cancel("main-else-1")
            .unwrap_err()
            .contains("another client number")
    );
    let orders: Vec<_> = told
        .events
        .iter()
        .filter_map(|e| match e {
            Event::SnapshotOrder { row, .. } => row.order.as_deref(),
            _ => None,
        })
        .collect();
    assert_eq!(orders, ["main-old-3", "main-else-1"]);
    // Sent again under its old name it is a duplicate.
    assert_eq!(session.submit(&condor("main-old-3")), Submission::Duplicate);
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
        matches!(e, Event::SnapshotEnd { request: 9 })
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
    let rows = &events.events;
    assert_eq!(
        (&rows[0], &rows[rows.len() - 1]),
        (
            &Event::SnapshotBegin { request: 9 },
            &Event::SnapshotEnd { request: 9 }
        )
    );
    let Event::SnapshotOrder {
        request: 9,
        row: done,
    } = &rows[1]
    else {
        panic!("{rows:?}")
    };
    assert_eq!(
        (done.order.as_deref(), done.status, done.filled, done.left),
        (Some("main-old-3"), Status::Filled, 2, 0)
    );
    // The correction alone, with its commission and with the name of what it replaces.
    let Event::SnapshotFill {
        request: 9,
        execution: fill,
    } = &rows[2]
    else {
        panic!("{rows:?}")
    };
    assert_eq!(
        (fill.id.as_str(), fill.corrects.as_deref(), fill.fee_e9),
        ("y.01.02", Some("y.01.01"), Some(3_400_000_000))
    );
    assert_eq!((fill.quantity, fill.order.as_deref()), (-3, Some("main-old-3")));
    // Tuesday is the last day of trading of what expires on Wednesday.
    let call = Instrument {
        symbol: word("VIX"),
        class: word("VIX"),
        expiry: 20_260_121,
        strike_e9: 20 * NANO,
        ..spxw(Right::Call, 20)
    };
    let held: Vec<_> = rows
        .iter()
        .filter_map(|e| match e {
            Event::SnapshotHolding {
                request: 9,
                contract,
                quantity,
            } => Some((*contract, *quantity)),
            _ => None,
        })
        .collect();
    assert_eq!(held, [(spxw(Right::Put, 5700), -3), (call, 10)]);
    let Event::SnapshotAccount {
        request: 9,
        account: money,
    } = &rows[rows.len() - 2]
    else {
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
    assert!(events.notes.iter().any(|n| n.contains("ZC")), "{events:?}");
    // The gateway copies its answers to the stream of orders: what a whole snapshot told does not come as news.
    working(&gateway, &session, "main-a-1");
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
    let (session, told) = connected(config);
    assert_eq!(told.events, [Event::Up]);
    session.snapshot(4, NOW).unwrap();
    let events = hear(
        &session,
        "word of it",
        |_| false,
        |n| n.contains("snapshot 4 is not whole"),
    );
    assert_eq!(events.events, [Event::SnapshotBegin { request: 4 }]);
}

#[test]
fn a_snapshot_that_the_connection_did_not_outlive_begins_and_never_ends() {
    let gateway = Gateway::start(Book {
        no_position_end: true,
        ..book()
    });
    let session = up(&gateway);
    // The first hangs on its positions, the second behind it.
    session.snapshot(1, NOW).unwrap();
    session.snapshot(2, NOW).unwrap();
    gateway.wait_for(ask::POSITIONS);
    gateway.hang_up();
    let told = until(&session, "up again", |e| *e == Event::Up);
    let begun = |request| Event::SnapshotBegin { request };
    assert!(
        matches!(told.events.as_slice(), [one, two, Event::Down { .. }, Event::Up] if *one == begun(1) && *two == begun(2)),
        "{told:?}"
    );
}
