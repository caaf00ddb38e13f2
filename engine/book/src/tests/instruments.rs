//! Futures and shares beside options.

use super::support::*;
use crate::fees::FeeSchedule;
use crate::instrument::*;
use crate::{Band, Book, Cross, Invariant, RunId};
use alula_market::contract::{FutureContract, FutureRoot, Instrument, SettlementValue, Share};
use alula_market::money::{Price, Usd};
use alula_market::time::Instant;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn vx(year: i32, month: u32) -> FutureContract {
    FutureContract::monthly(FutureRoot::Vx, year, month).unwrap()
}

fn future(contract: FutureContract) -> Instrument {
    Instrument::Future(contract)
}

fn at(date: &str, hour: u32, minute: u32) -> Instant {
    Instant::from_eastern(day(date), hour, minute).unwrap()
}

fn order(legs: &[(Instrument, i64)], decided_at: Instant) -> LinearRequest {
    LinearRequest {
        key: Arc::from("alvh.adaptive.open"),
        structure: Arc::from("alvh.adaptive"),
        kind: LinearKind::Adjust,
        lots: 1,
        limit: None,
        legs: legs
            .iter()
            .map(|(instrument, quantity)| LinearLeg {
                instrument: *instrument,
                quantity: *quantity,
            })
            .collect(),
        decided_at,
        good_for: 2,
    }
}

fn config(cross: Cross, fees: &str) -> LedgerConfig {
    LedgerConfig {
        cross,
        fees: FeeSchedule::named(fees).unwrap(),
        same_bar: false,
        settle_approximate: false,
    }
}

fn quotes(rows: &[(Instrument, &str, &str)], at: Instant) -> BTreeMap<Instrument, LinearQuote> {
    rows.iter()
        .map(|(i, bid, ask)| (*i, LinearQuote::quoted(pts(bid), pts(ask), at).unwrap()))
        .collect()
}

fn book(cross: Cross, fees: &str) -> Book {
    Book::new(super::support::config()).with_ledger(config(cross, fees))
}

/// Worked by hand: buy 2 VX at 15.00 (ask), settle at 15.40, 14.90, sell 1 at 14.80 (bid), final 16.20.
#[test]
fn a_future_pays_its_variation_every_day() {
    let contract = vx(2019, 6);
    let instrument = future(contract);
    let mut book = book(Cross::NATURAL, "none");
    book.submit_linear(order(&[(instrument, 2)], at("2019-05-28", 15, 45)))
        .unwrap();
    // Nothing fills on the quotes of its decision.
    let decided = at("2019-05-28", 15, 45);
    let shown = quotes(&[(instrument, "14.90", "14.95")], decided);
    assert!(
        book.ledger_mut()
            .on_quotes(decided, &|i| shown.get(i).copied())
            .is_empty()
    );
    let next = at("2019-05-29", 9, 45);
    let shown = quotes(&[(instrument, "14.90", "15.00")], next);
    let events = book.ledger_mut().on_quotes(next, &|i| shown.get(i).copied());
    let [LinearEvent::Executed(fill)] = &events[..] else {
        panic!("{events:?}")
    };
    // The trade of a future moves no money.
    assert_eq!((fill.cash.natural, fill.price.natural), (Usd::ZERO, pts("15.00")));
    assert_eq!(book.equity().natural, usd("250000") - usd("200")); // marked at the bid
    assert_eq!(book.equity().mid, usd("250000"));
    let settle = |book: &mut Book, date: &str, price: &str| {
        let events = book
            .ledger_mut()
            .settle_day(at(date, 16, 15), &|_| Some(DayPrice::official(pts(price))));
        let [LinearEvent::Executed(paid)] = &events[..] else {
            panic!("{events:?}")
        };
        book.check().unwrap();
        paid.cash.natural
    };
    assert_eq!(settle(&mut book, "2019-05-29", "15.40"), usd("800"));
    assert_eq!(settle(&mut book, "2019-05-30", "14.90"), usd("-1000"));
    assert_eq!(book.cash().natural, usd("249800"));
    assert_eq!(book.equity().natural, usd("249800"));
    book.submit_linear(order(&[(instrument, -1)], at("2019-05-30", 16, 15)))
        .unwrap();
    let next = at("2019-05-31", 9, 45);
    let shown = quotes(&[(instrument, "14.80", "14.85")], next);
    book.ledger_mut().on_quotes(next, &|i| shown.get(i).copied());
    assert_eq!(book.ledger().quantity("alvh.adaptive", &instrument), 1);
    book.check().unwrap();
    // No settlement price that day: the final one pays for both.
    assert!(
        book.ledger_mut()
            .settle_day(at("2019-05-31", 16, 15), &|_| None)
            .is_empty()
    );
    let value = SettlementValue {
        price: pts("16.20"),
        at: contract.settles_at().unwrap(),
        approximate: false,
    };
    let before = Instant(value.at.0 - 1);
    let early = book
        .ledger_mut()
        .settle_final(before, &|_| panic!("asked too early"));
    assert_eq!(early, Ok(Vec::new()));
    let events = book
        .ledger_mut()
        .settle_final(value.at, &|_| Some(value))
        .unwrap();
    assert_eq!(events.len(), 1);
    // 2 bought at 15.00; 1 sold at 14.80, 1 settled at 16.20: -200 + 1200.
    assert_eq!(book.equity().natural, usd("251000"));
    assert_eq!(book.cash().natural, book.equity().natural);
    assert_eq!(book.ledger().holdings().count(), 0);
    book.check().unwrap();
    book.audit().unwrap();
}

#[test]
fn missing_and_approximate_final_values_stop_before_anything_settles() {
    let (near, far) = (vx(2019, 6), vx(2019, 7));
    let mut book = book(Cross::MID, "none");
    let next = at("2019-06-03", 9, 45);
    book.submit_linear(order(
        &[(future(near), -3), (future(far), 3)],
        at("2019-05-31", 16, 0),
    ))
    .unwrap();
    let shown = quotes(
        &[(future(near), "17.00", "17.10"), (future(far), "17.50", "17.60")],
        next,
    );
    book.ledger_mut().on_quotes(next, &|i| shown.get(i).copied());
    let now = at("2019-06-19", 9, 45);
    let before = book.clone();
    assert!(book.ledger_mut().settle_final(now, &|_| None).is_err());
    let stand_in = SettlementValue {
        price: pts("14.50"),
        at: near.settles_at().unwrap(),
        approximate: true,
    };
    assert!(book.ledger_mut().settle_final(now, &|_| Some(stand_in)).is_err());
    assert_eq!(book.cash(), before.cash());
    // Left unsettled for a day, it is a breach.
    book.ledger_mut().mark(at("2019-06-20", 16, 0), &|_| None);
    assert_eq!(book.check().unwrap_err().which, Invariant::NothingPastExpiry);

    let accepts = LedgerConfig {
        settle_approximate: true,
        ..config(Cross::MID, "none")
    };
    let mut lenient = Book::new(super::support::config()).with_ledger(accepts);
    lenient
        .submit_linear(order(&[(future(near), 1)], at("2019-05-31", 16, 0)))
        .unwrap();
    lenient.ledger_mut().on_quotes(next, &|i| shown.get(i).copied());
    assert!(!lenient.is_approximate());
    lenient
        .ledger_mut()
        .settle_final(now, &|_| Some(stand_in))
        .unwrap();
    assert!(lenient.is_approximate());
    lenient.audit().unwrap();
}

#[test]
fn orders_fill_whole_or_wait_and_end() {
    let (near, far) = (future(vx(2019, 6)), future(vx(2019, 7)));
    let mut ledger = Ledger::new(config(Cross::MID, "none"));
    let id = crate::OrderId {
        run: RunId(1),
        sequence: 0,
        key: Arc::from("k"),
    };
    let decided = at("2019-05-31", 16, 0);
    ledger
        .submit(id.clone(), order(&[(near, -1), (far, 1)], decided))
        .unwrap();
    let half = quotes(&[(near, "17.00", "17.10")], at("2019-06-03", 9, 45));
    let round = |ledger: &mut Ledger, when| ledger.on_quotes(when, &|i| half.get(i).copied());
    let waiting = |order: &crate::OrderId, at, reason| LinearEvent::Waiting {
        order: order.clone(),
        at,
        reason,
    };
    let cancelled = |order: &crate::OrderId, at, reason| LinearEvent::Cancelled {
        order: order.clone(),
        at,
        reason,
    };
    let (morning, close) = (at("2019-06-03", 9, 45), at("2019-06-03", 15, 45));
    assert_eq!(
        round(&mut ledger, morning),
        [waiting(&id, morning, Unfilled::NoQuote(far))]
    );
    assert_eq!(
        round(&mut ledger, close),
        [cancelled(&id, close, Unfilled::NoQuote(far))]
    );
    assert!(ledger.executions().is_empty() && ledger.orders().is_empty());
    // Past its last trade, and a symbol that does not trade.
    ledger
        .submit(id.clone(), order(&[(near, 1)], at("2019-06-19", 8, 0)))
        .unwrap();
    assert_eq!(
        round(&mut ledger, at("2019-06-19", 9, 45)),
        [cancelled(
            &id,
            at("2019-06-19", 9, 45),
            Unfilled::LastTradePassed(near)
        )]
    );
    ledger
        .submit(
            id.clone(),
            order(&[(Instrument::Share(Share::Vxx), 1)], at("2019-03-01", 8, 0)),
        )
        .unwrap();
    let vxx = Instrument::Share(Share::Vxx);
    assert_eq!(
        round(&mut ledger, at("2019-03-04", 9, 45)),
        [waiting(&id, at("2019-03-04", 9, 45), Unfilled::NotTraded(vxx))]
    );
    assert!(ledger.withdraw(&id));
    for bad in [
        order(&[], decided),
        order(&[(near, 0)], decided),
        order(&[(near, 1), (near, 1)], decided),
        order(&[(near, Ledger::MAX_QUANTITY + 1)], decided),
        LinearRequest {
            good_for: 0,
            ..order(&[(near, 1)], decided)
        },
    ] {
        assert!(ledger.submit(id.clone(), bad).is_err());
    }
}

#[test]
fn a_reverse_split_changes_the_count_and_no_value() {
    let vxx = Instrument::Share(Share::Vxx);
    let mut book = book(Cross::MID, "none");
    let bought = at("2017-08-22", 9, 45);
    book.submit_linear(order(&[(vxx, 1_003)], at("2017-08-21", 15, 45)))
        .unwrap();
    let shown = quotes(&[(vxx, "11.93", "11.95")], bought);
    book.ledger_mut().on_quotes(bought, &|i| shown.get(i).copied());
    assert_eq!(book.cash().mid, usd("250000") - usd("11975.82")); // 1003 at 11.94
    let before = book.equity();
    assert!(
        book.ledger_mut()
            .apply_splits(day("2017-08-22"), at("2017-08-22", 9, 30))
            .is_empty()
    );
    let events = book
        .ledger_mut()
        .apply_splits(day("2017-08-23"), at("2017-08-23", 9, 30));
    let [LinearEvent::Executed(split)] = &events[..] else {
        panic!("{events:?}")
    };
    // 250 shares and three quarters of one, at 47.76.
    assert_eq!(book.ledger().quantity("alvh.adaptive", &vxx), 250);
    assert_eq!((split.quantity, split.price.mid), (250 - 1_003, pts("47.76")));
    assert_eq!(split.cash.mid, usd("35.82"));
    assert_eq!(book.equity(), before);
    // Once only.
    assert!(
        book.ledger_mut()
            .apply_splits(day("2017-08-23"), at("2017-08-23", 9, 30))
            .is_empty()
    );
    book.check().unwrap();
    book.audit().unwrap();
}

#[test]
fn fees_and_assumed_spreads_are_what_their_tables_say() {
    // Source: IBKR tiered 0.85, CFE customer fee 1.40 (1.51 from October 2023), NFA 0.02 a side; IBKR fixed share rates.
    let dated = Ledger::new(config(Cross::NATURAL, "ibkr"));
    let fee = |instrument: &Instrument, quantity, on: &str| {
        dated
            .fees_of(instrument, quantity, pts("17.00"), day(on))
            .unwrap()
            .total()
    };
    assert_eq!(fee(&future(vx(2019, 6)), -10, "2019-06-03"), usd("22.70"));
    assert_eq!(fee(&future(vx(2024, 6)), -10, "2024-06-03"), usd("23.80"));
    let vxx = Instrument::Share(Share::Vxx);
    assert_eq!(fee(&vxx, 100, "2019-06-03"), usd("1.00"));
    assert_eq!(fee(&vxx, 1_000, "2019-06-03"), usd("5.00"));
    // Sold at 17.00: 20.70 a million of 17,000 dollars to the SEC, 0.000119 a share to FINRA; the latter 5.95 at most.
    assert_eq!(
        fee(&vxx, -1_000, "2019-06-03"),
        usd("5.00") + usd("0.3519") + usd("0.119")
    );
    assert_eq!(
        fee(&vxx, -100_000, "2019-06-03"),
        usd("500.00") + usd("35.19") + usd("5.95")
    );
    assert_eq!(fee(&vxx, -1_000, "2025-06-03"), usd("5.00") + usd("0.166"));
    let when = at("2019-06-03", 15, 45);
    let quote = LinearQuote::assumed(&future(vx(2019, 6)), pts("17.025"), 1, when).unwrap();
    assert_eq!((quote.bid, quote.ask), (pts("17.000"), pts("17.050")));
    assert_eq!(quote.kind, QuoteKind::Assumed);
    let wide = LinearQuote::assumed(&future(vx(2019, 6)), pts("17.025"), 3, when).unwrap();
    assert_eq!(wide.ask - wide.bid, pts("0.15"));
    assert!(LinearQuote::assumed(&future(vx(2019, 6)), pts("0.01"), 3, when).is_err());
    assert!(LinearQuote::quoted(pts("17.00"), pts("17.00"), when).is_err());
    let mut ledger = Ledger::new(config(Cross::NATURAL, "ibkr"));
    let id = crate::OrderId {
        run: RunId(1),
        sequence: 0,
        key: Arc::from("k"),
    };
    ledger
        .submit(id, order(&[(future(vx(2019, 6)), 1)], at("2019-06-03", 9, 45)))
        .unwrap();
    ledger.on_quotes(when, &|_| Some(wide));
    assert!(ledger.is_approximate());
    assert_eq!(ledger.fees(), usd("2.27"));
}

#[test]
fn calendar_spreads_of_futures_need_less_than_outrights() {
    let table = FuturesMargin::round_numbers();
    let on = day("2019-05-29");
    let need = |positions: &[(FutureContract, i64)]| table.requirement(positions.iter().copied(), on);
    let (m1, m4, m7) = (vx(2019, 6), vx(2019, 9), vx(2019, 12));
    assert_eq!(need(&[(m1, 2)]), Some(usd("20000")));
    assert_eq!(need(&[(m1, -2)]), need(&[(m1, 2)]));
    // One spread at the nearer row, one outright left over.
    assert_eq!(need(&[(m4, 2), (m7, -1)]), Some(usd("1500") + usd("5000")));
    assert_eq!(need(&[]), Some(Usd::ZERO));
    let es = FutureContract::monthly(FutureRoot::Es, 2019, 6).unwrap();
    // Classes do not offset one another.
    assert_eq!(need(&[(m1, 1), (es, -1)]), Some(usd("23000")));
    let empty = FuturesMargin {
        rows: Vec::new(),
        ..table
    };
    assert_eq!(empty.requirement([(m1, 1)], on), None);
}

proptest! {
    /// Whatever is traded and settled in whatever order, the money is what a list of trades says: minus quantity times price for
    /// each trade, plus what is held at the final value.
    #[test]
    fn money_is_what_the_list_of_trades_says(
        trades in prop::collection::vec((0usize..3, -5i64..=5, 10_000i64..40_000, 1i64..4), 1..12),
        settles in prop::collection::vec(any::<bool>(), 12),
        finals in prop::array::uniform3(9_000i64..60_000),
        backwards in any::<bool>(),
    ) {
        let contracts = [vx(2019, 6), vx(2019, 7), vx(2019, 8)];
        let mut book = book(Cross::from_f64(0.6).unwrap(), "none");
        let mut expected = Band::flat(usd("250000"));
        let mut held = [0i64; 3];
        let days = ["2019-05-20", "2019-05-21", "2019-05-22", "2019-05-23", "2019-05-24", "2019-05-28", "2019-05-29", "2019-05-30",
            "2019-05-31", "2019-06-03", "2019-06-04", "2019-06-05", "2019-06-06"];
        for (n, (which, quantity, mid, half)) in trades.iter().enumerate() {
            if *quantity == 0 { continue; }
            let instrument = future(contracts[*which]);
            book.submit_linear(order(&[(instrument, *quantity)], at(days[n], 16, 0))).unwrap();
            let when = at(days[n + 1], 9, 45);
            let quote = LinearQuote::quoted(Price(mid - half * 25), Price(mid + half * 25), when).unwrap();
            book.ledger_mut().on_quotes(when, &|i| (*i == instrument).then_some(quote));
            let price = quote.price(*quantity > 0, Cross::from_f64(0.6).unwrap());
            expected += -price.dollars(1_000, *quantity);
            held[*which] += quantity;
            book.check().unwrap();
            if settles[n] {
                let evening = at(days[n + 1], 16, 15);
                book.ledger_mut().settle_day(evening, &|c| Some(DayPrice::official(Price(20_000 + mid % 977 * i64::from(c.root.is_vix())))));
                book.check().unwrap();
            }
        }
        let mut order_of_finals: Vec<usize> = vec![0, 1, 2];
        if backwards { order_of_finals.reverse(); }
        // Values become known late and in any order; each call settles those that are.
        let known = at("2019-08-22", 9, 45);
        for upto in 1..=3 {
            let given: Vec<usize> = order_of_finals[..upto].to_vec();
            let result = book.ledger_mut().settle_final(known, &|c| {
                let which = contracts.iter().position(|x| x == c)?;
                let later = Instant(known.0 + 1);
                Some(SettlementValue { price: Price(finals[which]), at: if given.contains(&which) { known } else { later }, approximate: false })
            });
            prop_assert!(result.is_ok());
        }
        for which in 0..3 {
            expected += Band::flat(Price(finals[which]).dollars(1_000, held[which]));
        }
        prop_assert_eq!(book.cash(), expected);
        prop_assert_eq!(book.equity(), expected);
        book.check().unwrap();
        book.audit().unwrap();
    }
}
