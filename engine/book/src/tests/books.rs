//! Orders, positions and P&L of the book.

use super::support::*;
use crate::fill::NoFill;
use crate::{
    Band, Book, BookConfig, BookEvent, CancelReason, ExecutionKind, FeeSchedule, OrderKind, OrderRequest,
    PositionId, SubmitError,
};
use alula_market::contract::Right::{Call, Put};
use alula_market::contract::Root;
use alula_market::money::Price;
use alula_market::time::Instant;
use std::sync::Arc;

const EXPIRY: &str = "2019-05-31";

fn open(lots: u32) -> OrderRequest {
    request(
        OrderKind::Open {
            package: condor(EXPIRY),
        },
        lots,
        tick_on("2019-04-29"),
    )
}

fn close(lots: u32, decided_at: Instant) -> OrderRequest {
    request(
        OrderKind::Close {
            position: PositionId(1),
        },
        lots,
        decided_at,
    )
}

fn opened(lots: u32) -> Book {
    let mut book = Book::new(config());
    book.submit(open(lots)).unwrap();
    book.on_snapshot(&chain(tick_on("2019-04-30"), 2943, &condor_rows(EXPIRY)));
    book
}

/// The condor's quotes at a later day, much cheaper: mid 2.10, half-spreads 0.30.
fn cheap_rows() -> Vec<Row> {
    let c = |right, strike| contract(Root::Spxw, EXPIRY, right, strike);
    vec![
        (c(Put, 2775), 1_000, 1_100),
        (c(Put, 2825), 2_400, 2_600),
        (c(Call, 3015), 800, 1_000),
        (c(Call, 3065), 200, 300),
    ]
}

#[test]
fn an_order_fills_on_the_next_snapshot_and_never_on_its_own() {
    let mut book = Book::new(config());
    let mut order = open(2);
    order.decided_at = tick_on("2019-04-30");
    let id = book.submit(order.clone()).unwrap();
    assert_eq!(id.to_string(), "000000000000002a-0-income.open");
    let today = chain(tick_on("2019-04-30"), 2943, &condor_rows(EXPIRY));
    assert_eq!(book.on_snapshot(&today), []);
    let events = book.on_snapshot(&chain(tick_on("2019-05-01"), 2943, &condor_rows(EXPIRY)));
    let [BookEvent::Filled(fill)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(
        (fill.kind, fill.at, fill.lots),
        (ExecutionKind::Open, tick_on("2019-05-01"), 2)
    );
    assert_eq!(fill.cash.share, usd("1610"));
    assert_eq!(fill.order.as_ref(), Some(&id));

    let mut same = Book::new(BookConfig {
        same_bar: true,
        ..config()
    });
    same.submit(order).unwrap();
    assert!(matches!(same.on_snapshot(&today)[..], [BookEvent::Filled(_)]));
}

#[test]
fn equity_falls_by_the_spread_at_entry_and_comes_back_at_mid() {
    let book = opened(1);
    // Entry at 8.05 against an exit at 8.75 for the share: 0.70 points are gone; at mid nothing is.
    let expected = Band {
        mid: usd("250000"),
        share: usd("249930"),
        natural: usd("249900"),
    };
    assert_eq!(book.equity(), expected);
    let position = book.positions().next().unwrap();
    assert_eq!(position.credit_points.share, pts("8.05"));
    assert_eq!(position.unrealized(), position.pnl());
    assert_eq!(position.worst, Some(usd("805") - usd("5000")));
}

#[test]
fn a_round_trip_realizes_the_difference_minus_fees() {
    let fees = FeeSchedule::named("flat").unwrap();
    let mut book = Book::new(BookConfig { fees, ..config() });
    book.submit(open(2)).unwrap();
    book.on_snapshot(&chain(tick_on("2019-04-30"), 2943, &condor_rows(EXPIRY)));
    book.check().unwrap();
    book.submit(close(2, tick_on("2019-05-01"))).unwrap();
    let events = book.on_snapshot(&chain(tick_on("2019-05-02"), 2943, &cheap_rows()));
    assert!(matches!(events[..], [BookEvent::Filled(_)]));
    // Mid to close: -(2.5 - 1.05) - (0.9 - 0.25) = -2.10; half-spreads 0.30; share -2.31, on the tick -2.35.
    let position = &book.closed()[0];
    let fees = usd("20.80"); // 2 orders × 4 legs × 2 lots × 1.30
    assert_eq!(position.fees, fees);
    assert_eq!(position.pnl().share, usd("1610") - usd("470") - fees);
    assert_eq!(position.pnl().mid, usd("1680") - usd("420") - fees);
    assert_eq!(position.pnl().natural, usd("1580") - usd("480") - fees);
    assert_eq!(position.realized(), position.pnl());
    assert_eq!(book.equity(), book.cash());
    assert_eq!(book.structure_pnl("core"), position.pnl());
    book.check().unwrap();
    book.audit().unwrap();
}

#[test]
fn part_of_a_position_can_close() {
    let mut book = opened(3);
    book.submit(close(1, tick_on("2019-05-01"))).unwrap();
    book.on_snapshot(&chain(tick_on("2019-05-02"), 2943, &cheap_rows()));
    let position = book.positions().next().unwrap();
    assert_eq!((position.lots, position.lots_opened), (2, 3));
    assert_eq!(position.realized().share, usd("805") - usd("235"));
    assert_eq!(position.credit.share, usd("2415"));
    book.check().unwrap();
    // Two more lots than are left are refused.
    let error = book.submit(close(3, tick_on("2019-05-02"))).unwrap_err();
    assert_eq!(
        error,
        SubmitError::Lots {
            position: PositionId(1),
            held: 2,
            lots: 3
        }
    );
}

#[test]
fn a_roll_is_one_order_and_keeps_the_position() {
    let mut book = opened(1);
    let to = super::support::legs(
        EXPIRY,
        &[(Put, 2725, 1), (Put, 2775, -1), (Call, 3015, -1), (Call, 3065, 1)],
    );
    let kind = OrderKind::Roll {
        position: PositionId(1),
        to: to.clone(),
    };
    book.submit(request(kind, 1, tick_on("2019-04-30"))).unwrap();
    let mut rows = condor_rows(EXPIRY);
    // Not filled, the old position stands.
    let events = book.on_snapshot(&chain(tick_on("2019-05-01"), 2943, &rows));
    let [
        BookEvent::Cancelled {
            reason: CancelReason::NotFilled(why),
            ..
        },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(*why, NoFill::NoStrike(contract(Root::Spxw, EXPIRY, Put, 2725)));
    assert_eq!(book.positions().next().unwrap().package, condor(EXPIRY));

    rows.push((contract(Root::Spxw, EXPIRY, Put, 2725), 6_000, 6_200));
    let kind = OrderKind::Roll {
        position: PositionId(1),
        to: to.clone(),
    };
    book.submit(request(kind, 1, tick_on("2019-05-01"))).unwrap();
    book.on_snapshot(&chain(tick_on("2019-05-02"), 2943, &rows));
    let position = book.positions().next().unwrap();
    assert_eq!(position.package, to);
    assert_eq!(position.held(), Some(&to));
    assert_eq!(position.rolls, 1);
    // Natural: opened for 7.90, rolled for -2.50.
    assert_eq!(position.credit_points.natural, pts("5.40"));
    assert_eq!(position.cash.natural, usd("540"));
    // Kept legs keep what was taken in for them; the turned leg has what it was sold for beyond the close.
    assert_eq!(position.legs[1].basis.natural, pts("9.00"));
    assert_eq!(position.legs[2].basis.natural, pts("4.20"));
    // Realized: 2775 bought 9.20 sold 9.00; 2825 sold 14.00 bought 14.30.
    assert_eq!(position.realized().natural, usd("-50"));
    book.check().unwrap();
    book.audit().unwrap();
}

#[test]
fn orders_wait_as_long_as_they_are_good_for() {
    let mut book = opened(1);
    let mut order = close(1, tick_on("2019-04-30"));
    order.limit = Some(pts("-2.00"));
    order.good_for = 2;
    let id = book.submit(order).unwrap();
    let first = chain(tick_on("2019-05-01"), 2943, &cheap_rows());
    let reason = NoFill::Limit {
        net: pts("-2.35"),
        limit: pts("-2.00"),
    };
    let waiting = BookEvent::Waiting {
        order: id.clone(),
        at: first.at,
        reason,
    };
    assert_eq!(book.on_snapshot(&first), [waiting]);
    // The same snapshot again is no second try.
    assert_eq!(book.on_snapshot(&first), []);
    let second = chain(tick_on("2019-05-02"), 2943, &cheap_rows());
    let reason = CancelReason::NotFilled(reason);
    assert_eq!(
        book.on_snapshot(&second),
        [BookEvent::Cancelled {
            order: id,
            at: second.at,
            reason
        }]
    );
    assert!(book.orders().is_empty());
}

#[test]
fn two_orders_never_work_on_one_position() {
    let mut book = opened(1);
    let first = book.submit(close(1, tick_on("2019-04-30"))).unwrap();
    let error = book.submit(close(1, tick_on("2019-04-30"))).unwrap_err();
    assert_eq!(
        error,
        SubmitError::AlreadyWorking {
            position: PositionId(1),
            order: first.clone()
        }
    );
    assert!(book.withdraw(&first));
    assert!(!book.withdraw(&first));
    assert_ne!(book.submit(close(1, tick_on("2019-04-30"))).unwrap(), first);
}

#[test]
fn an_order_does_not_open_what_would_shrink_a_position_opened_meanwhile() {
    let mut book = Book::new(config());
    book.submit(open(1)).unwrap();
    // Buys the put that the condor sells: neither is held when both are ordered.
    let package = legs(EXPIRY, &[(Put, 2825, 1)]);
    let against = request(OrderKind::Open { package }, 1, tick_on("2019-04-29"));
    let id = book.submit(against).unwrap();
    let events = book.on_snapshot(&chain(tick_on("2019-04-30"), 2943, &condor_rows(EXPIRY)));
    let [BookEvent::Filled(_), BookEvent::Cancelled { order, reason, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    let contract = contract(Root::Spxw, EXPIRY, Put, 2825);
    let position = PositionId(1);
    assert_eq!(
        (order, reason),
        (&id, &CancelReason::Conflict { contract, position })
    );
}

#[test]
fn an_order_ends_with_its_position() {
    let mut book = opened(1);
    let mut order = close(1, tick_on(EXPIRY));
    order.good_for = 100;
    let id = book.submit(order).unwrap();
    let value = settles(Root::Spxw, EXPIRY, "2900");
    let events = book.settle(value.at, &|_, _| Some(value)).unwrap();
    let [BookEvent::Settled(_), BookEvent::Cancelled { order, reason, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((order, reason), (&id, &CancelReason::PositionChanged));
    // Everything expired worthless: the credit is the profit.
    assert_eq!(book.closed()[0].pnl().share, usd("805"));
}

#[test]
fn nothing_trades_after_its_last_trade() {
    let mut book = opened(1);
    let mut order = close(1, tick_on("2019-05-30"));
    order.good_for = 100;
    book.submit(order).unwrap();
    let after = Instant::from_eastern(day(EXPIRY), 16, 1).unwrap();
    let events = book.on_snapshot(&chain(after, 2943, &cheap_rows()));
    let [BookEvent::Cancelled { reason, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(*reason, CancelReason::LastTradePassed);
}

#[test]
fn a_missing_quote_holds_the_last_mark_and_says_how_old_it_is() {
    let mut book = opened(1);
    let before = book.equity();
    let mut rows = cheap_rows();
    rows[1].2 = 0;
    let later = tick_on("2019-05-02");
    book.mark(&chain(later, 2943, &rows));
    let stale = book.stale_marks();
    let short_put = contract(Root::Spxw, EXPIRY, Put, 2825);
    assert_eq!(stale, [(PositionId(1), short_put, 2 * 24 * 3600)]);
    assert_eq!(
        book.positions().next().unwrap().mark_age_secs(later),
        2 * 24 * 3600
    );
    assert_ne!(book.equity(), before);
    let marks: Vec<Price> = book
        .positions()
        .next()
        .unwrap()
        .legs
        .iter()
        .map(|l| l.mark.mid)
        .collect();
    assert_eq!(marks, [pts("1.05"), pts("14.15"), pts("0.90"), pts("0.25")]);
}

#[test]
fn refused_orders_leave_the_book_as_it_was() {
    let mut book = opened(1);
    let before = book.clone();
    let at = tick_on("2019-04-30");
    assert!(matches!(
        book.submit(OrderRequest { lots: 0, ..open(1) }),
        Err(SubmitError::Size { .. })
    ));
    assert!(matches!(
        book.submit(open(Book::MAX_LOTS + 1)),
        Err(SubmitError::Size { .. })
    ));
    assert!(matches!(
        book.submit(OrderRequest {
            good_for: 0,
            ..open(1)
        }),
        Err(SubmitError::Size { .. })
    ));
    let elsewhere = OrderRequest {
        structure: Arc::from("other"),
        ..close(1, at)
    };
    assert!(matches!(
        book.submit(elsewhere),
        Err(SubmitError::WrongStructure { .. })
    ));
    let gone = request(
        OrderKind::Close {
            position: PositionId(9),
        },
        1,
        at,
    );
    assert_eq!(book.submit(gone), Err(SubmitError::NoPosition(PositionId(9))));
    let still = request(
        OrderKind::Roll {
            position: PositionId(1),
            to: condor(EXPIRY),
        },
        1,
        at,
    );
    assert_eq!(book.submit(still), Err(SubmitError::NothingToRoll(PositionId(1))));
    assert_eq!(book, before);
}

#[test]
fn legs_held_the_other_way_are_named() {
    let book = opened(1);
    let against = super::support::legs(EXPIRY, &[(Put, 2825, 1), (Put, 2775, 1)]);
    let short_put = contract(Root::Spxw, EXPIRY, Put, 2825);
    assert_eq!(book.conflicts(&against), [(PositionId(1), short_put)]);
}
