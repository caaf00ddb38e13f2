//! Orders for futures that fill elsewhere, in pieces.

use super::support::*;
use crate::instrument::*;
use crate::{Book, OrderId};
use alula_market::contract::{FutureContract, FutureRoot, Instrument, SettlementValue};
use alula_market::money::Usd;
use alula_market::time::Instant;
use std::sync::Arc;

fn vx(month: u32) -> Instrument {
    Instrument::Future(FutureContract::monthly(FutureRoot::Vx, 2019, month).unwrap())
}

fn at(date: &str, hour: u32, minute: u32) -> Instant {
    Instant::from_eastern(day(date), hour, minute).unwrap()
}

fn leg((instrument, quantity): &(Instrument, i64)) -> LinearLeg {
    LinearLeg {
        instrument: *instrument,
        quantity: *quantity,
    }
}

fn request(kind: LinearKind, legs: &[(Instrument, i64)], lots: u32, on: &str) -> LinearRequest {
    LinearRequest {
        key: Arc::from("front.open"),
        structure: Arc::from("front"),
        kind,
        legs: legs.iter().map(leg).collect(),
        lots,
        limit: None,
        decided_at: at(on, 10, 0),
        good_for: 1,
    }
}

fn submit(book: &mut Book, request: LinearRequest) -> OrderId {
    book.submit_linear(request).unwrap()
}

/// Tells of an order: what, how many, at what price, for what fee; and whether it is over.
fn tell(
    book: &mut Book,
    when: Instant,
    id: &OrderId,
    parts: &[(Instrument, i64, &str, &str)],
    over: bool,
) -> Vec<LinearEvent> {
    let part = |(instrument, quantity, price, fee): &(Instrument, i64, &str, &str)| LinearPart {
        instrument: *instrument,
        quantity: *quantity,
        price: pts(price),
        fee: Some(usd(fee)),
    };
    let told = LinearTold {
        parts: parts.iter().map(part).collect(),
        over,
    };
    let told = [(id.clone(), told)];
    let events = book
        .ledger_mut()
        .on_quotes_told(when, &|_| None, &|_| false, &told);
    book.check().unwrap();
    events
}

fn settle(book: &mut Book, date: &str, prices: &[(Instrument, &str)]) -> Usd {
    let price = |contract: &FutureContract| {
        let found = prices.iter().find(|(i, _)| *i == Instrument::Future(*contract));
        found.map(|(_, p)| DayPrice::official(pts(p)))
    };
    let events = book.ledger_mut().settle_day(at(date, 16, 15), &price);
    book.check().unwrap();
    let paid = events.iter().map(|e| match e {
        LinearEvent::Executed(e) => e.cash.share,
        other => panic!("{other:?}"),
    });
    paid.sum()
}

fn lots(book: &Book) -> Vec<(u32, Vec<i64>)> {
    let of = |p: &LinearPosition| (p.lots, p.held.iter().map(|l| l.quantity).collect());
    book.ledger().positions().map(of).collect()
}

/// Worked by hand: 5 VX bought as 2 at 15.00 and 1 at 15.10 on one day, 2 at 15.30 on the next; settlements 15.20, 15.50. A point is
/// $1,000: the first day pays 2 × 200 + 100, the second 3 × 300 + 2 × 200.
#[test]
fn an_opening_in_pieces_is_held_as_it_comes_and_pays_variation_from_each_price() {
    let june = vx(6);
    let mut book = Book::new(config());
    let id = submit(
        &mut book,
        request(LinearKind::Open, &[(june, 5)], 5, "2019-05-28"),
    );
    tell(
        &mut book,
        at("2019-05-28", 11, 0),
        &id,
        &[(june, 2, "15.00", "3")],
        false,
    );
    assert_eq!(lots(&book), [(2, vec![2])]);
    assert_eq!(book.ledger().orders()[0].left(), [leg(&(june, 3))]);
    tell(
        &mut book,
        at("2019-05-28", 12, 0),
        &id,
        &[(june, 1, "15.10", "1.50")],
        false,
    );
    assert_eq!(settle(&mut book, "2019-05-28", &[(june, "15.20")]), usd("500"));
    let events = tell(
        &mut book,
        at("2019-05-29", 9, 45),
        &id,
        &[(june, 2, "15.30", "3")],
        true,
    );
    assert!(
        matches!(&events[..], [LinearEvent::Executed(e)] if e.quantity == 2),
        "{events:?}"
    );
    assert_eq!(lots(&book), [(5, vec![5])]);
    assert!(book.ledger().orders().is_empty());
    assert_eq!(settle(&mut book, "2019-05-29", &[(june, "15.50")]), usd("1300"));
    assert_eq!(book.equity().share, usd("250000") + usd("1800") - usd("7.50"));
    let position = book.ledger().positions().next().unwrap();
    assert_eq!(position.lots_opened, 5);
    book.audit().unwrap();
}

#[test]
fn what_is_left_of_an_order_is_taken_back_and_what_traded_stays() {
    let june = vx(6);
    let mut book = Book::new(config());
    let id = submit(
        &mut book,
        request(LinearKind::Open, &[(june, 5)], 5, "2019-05-28"),
    );
    tell(
        &mut book,
        at("2019-05-28", 11, 0),
        &id,
        &[(june, 5, "15.00", "0")],
        true,
    );
    let position = book.ledger().positions().next().unwrap().id;
    let close = request(LinearKind::Close { position }, &[(june, -4)], 4, "2019-05-29");
    let id = submit(&mut book, close);
    let when = at("2019-05-29", 11, 0);
    tell(&mut book, when, &id, &[(june, -3, "15.40", "0")], false);
    assert_eq!(lots(&book), [(2, vec![2])]);
    // One round, and its time is over; it stays at work until somebody says that it is not.
    let closes = at("2019-05-29", 16, 0);
    let events = book
        .ledger_mut()
        .on_quotes_told(closes, &|_| None, &|_| true, &[]);
    assert!(matches!(events[..], [LinearEvent::Waiting { .. }]), "{events:?}");
    assert_eq!(book.ledger().overdue(closes).count(), 1);
    let events = tell(&mut book, closes, &id, &[], true);
    let expected = LinearEvent::Cancelled {
        order: id.clone(),
        at: closes,
        reason: Unfilled::Rest,
    };
    assert_eq!(events, [expected]);
    assert_eq!(lots(&book), [(2, vec![2])]);
    // The cancel came too late for one of them.
    tell(
        &mut book,
        at("2019-05-30", 9, 45),
        &id,
        &[(june, -1, "15.40", "0")],
        false,
    );
    assert_eq!(lots(&book), [(1, vec![1])]);
    book.audit().unwrap();
}

/// Worked by hand: 2 June bought at 15.00, rolled to July: June sold at 15.40 before July is bought at 15.60; July settles at 15.70.
#[test]
fn a_roll_whose_legs_trade_one_after_the_other_stays_one_position() {
    let (june, july) = (vx(6), vx(7));
    let mut book = Book::new(config());
    let id = submit(
        &mut book,
        request(LinearKind::Open, &[(june, 2)], 2, "2019-05-28"),
    );
    tell(
        &mut book,
        at("2019-05-28", 11, 0),
        &id,
        &[(june, 2, "15.00", "0")],
        true,
    );
    let position = book.ledger().positions().next().unwrap().id;
    let roll = request(
        LinearKind::Roll { position },
        &[(june, -2), (july, 2)],
        2,
        "2019-05-29",
    );
    let id = submit(&mut book, roll);
    tell(
        &mut book,
        at("2019-05-29", 11, 0),
        &id,
        &[(june, -2, "15.40", "0")],
        false,
    );
    assert_eq!(lots(&book), [(2, vec![])]);
    tell(
        &mut book,
        at("2019-05-29", 12, 0),
        &id,
        &[(july, 1, "15.60", "0")],
        false,
    );
    tell(
        &mut book,
        at("2019-05-29", 13, 0),
        &id,
        &[(july, 1, "15.60", "0")],
        true,
    );
    assert_eq!(lots(&book), [(2, vec![2])]);
    let held = book.ledger().positions().next().unwrap();
    assert_eq!((held.id, held.rolls, held.legs.len()), (position, 1, 1));
    assert_eq!(held.quantity(&july), 2);
    let paid = settle(&mut book, "2019-05-29", &[(june, "99"), (july, "15.70")]);
    assert_eq!(paid, usd("800") + usd("200"));
    book.audit().unwrap();
}

#[test]
fn a_trade_that_is_taken_back_after_its_order_ended_is_not_held_any_more() {
    let june = vx(6);
    let mut book = Book::new(config());
    let id = submit(
        &mut book,
        request(LinearKind::Open, &[(june, 2)], 2, "2019-05-28"),
    );
    tell(
        &mut book,
        at("2019-05-28", 11, 0),
        &id,
        &[(june, 2, "15.00", "3")],
        true,
    );
    tell(
        &mut book,
        at("2019-05-28", 12, 0),
        &id,
        &[(june, -2, "15.00", "-3"), (june, 2, "15.05", "3")],
        false,
    );
    assert_eq!(lots(&book), [(2, vec![2])]);
    assert_eq!(settle(&mut book, "2019-05-28", &[(june, "15.20")]), usd("300"));
    let position = book.ledger().positions().next().unwrap().id;
    let close = request(LinearKind::Close { position }, &[(june, -2)], 2, "2019-05-29");
    let id = submit(&mut book, close);
    tell(
        &mut book,
        at("2019-05-29", 11, 0),
        &id,
        &[(june, -2, "15.30", "3")],
        true,
    );
    assert_eq!(lots(&book), []);
    tell(
        &mut book,
        at("2019-05-29", 12, 0),
        &id,
        &[(june, 1, "15.30", "-1.50")],
        false,
    );
    assert_eq!(lots(&book), [(1, vec![1])]);
    // What nobody closes settles.
    let value = SettlementValue {
        price: pts("15.90"),
        at: june.settles_at().unwrap(),
        approximate: false,
    };
    book.ledger_mut()
        .settle_final(value.at, &|_| Some(value))
        .unwrap();
    book.check().unwrap();
    assert_eq!(lots(&book), []);
    // 250 of the one sold, 850 of the one settled; 4.50 of fees.
    assert_eq!(book.equity().share, usd("250000") + usd("1100") - usd("4.50"));
    book.audit().unwrap();
}

#[test]
fn legs_of_a_spread_that_trade_apart_are_held_as_they_are() {
    let (june, july) = (vx(6), vx(7));
    let mut book = Book::new(config());
    let id = submit(
        &mut book,
        request(LinearKind::Open, &[(june, 4), (july, -4)], 4, "2019-05-28"),
    );
    tell(
        &mut book,
        at("2019-05-28", 11, 0),
        &id,
        &[(june, 3, "15.00", "0"), (july, -1, "15.40", "0")],
        false,
    );
    // As many lots as were begun, so that closing them closes all that is held.
    assert_eq!(lots(&book), [(3, vec![3, -1])]);
    let order = &book.ledger().orders()[0];
    assert_eq!(order.left(), [leg(&(june, 1)), leg(&(july, -3))]);
    let position = book.ledger().positions().next().unwrap().id;
    assert_eq!(book.ledger().filling(position).map(|o| &o.id), Some(&id));
    tell(&mut book, at("2019-05-28", 12, 0), &id, &[], true);
    assert_eq!(lots(&book), [(3, vec![3, -1])]);
    assert!(book.ledger().filling(position).is_none());
    book.audit().unwrap();
}

#[test]
fn a_trade_that_comes_after_its_order_ended_with_none_is_held() {
    let june = vx(6);
    let mut book = Book::new(config());
    let id = submit(
        &mut book,
        request(LinearKind::Open, &[(june, 2)], 2, "2019-05-28"),
    );
    let events = tell(&mut book, at("2019-05-28", 16, 0), &id, &[], true);
    assert!(
        matches!(&events[..], [LinearEvent::Cancelled { reason, .. }] if *reason == Unfilled::Ended),
        "{events:?}"
    );
    tell(
        &mut book,
        at("2019-05-29", 9, 45),
        &id,
        &[(june, 1, "15.00", "1.50")],
        false,
    );
    assert_eq!(lots(&book), [(1, vec![1])]);
    assert_eq!(settle(&mut book, "2019-05-29", &[(june, "15.20")]), usd("200"));
    book.audit().unwrap();
}

/// A lot of two contracts is a lot until both are gone, whichever way it is held.
#[test]
fn half_a_lot_that_is_closed_is_no_lot_less() {
    for side in [1, -1] {
        let june = vx(6);
        let mut book = Book::new(config());
        let open = request(LinearKind::Open, &[(june, 4 * side)], 2, "2019-05-28");
        let id = submit(&mut book, open);
        let when = at("2019-05-28", 11, 0);
        tell(&mut book, when, &id, &[(june, 4 * side, "15.00", "0")], true);
        assert_eq!(lots(&book), [(2, vec![4 * side])]);
        let position = book.ledger().positions().next().unwrap().id;
        let close = request(
            LinearKind::Close { position },
            &[(june, -4 * side)],
            2,
            "2019-05-29",
        );
        let id = submit(&mut book, close);
        let when = at("2019-05-29", 11, 0);
        tell(&mut book, when, &id, &[(june, -side, "15.10", "0")], false);
        assert_eq!(lots(&book), [(2, vec![3 * side])]);
        tell(&mut book, when, &id, &[(june, -side, "15.10", "0")], false);
        assert_eq!(lots(&book), [(1, vec![2 * side])]);
    }
}
