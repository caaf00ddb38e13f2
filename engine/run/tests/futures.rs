//! Futures carried through the simulated market: the money is what the settlements say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

use alula_book::fees::FeeSchedule;
use alula_book::instrument::{Flow, LedgerConfig, LinearEvent, LinearKind, LinearLeg, LinearRequest};
use alula_book::{Book, BookConfig, Cross, RunId};
use alula_market::calendar::ExchangeCalendar;
use alula_market::contract::{FutureRoot, Instrument};
use alula_market::curve::{final_settlement, settlement_on, vx_curve};
use alula_market::money::{Price, Usd};
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_market::time::{Date, Instant};
use alula_run::futures::LinearFeed;
use std::sync::Arc;

fn d(text: &str) -> Date {
    text.parse().unwrap()
}

fn market() -> SimulatedMarket {
    SimulatedMarket::new(SimConfig {
        start: d("2024-01-02"),
        sessions: 70,
        ..SimConfig::default()
    })
    .unwrap()
}

fn book(cross: Cross) -> Book {
    let config = BookConfig {
        run: RunId(1),
        capital: Usd(100_000_000_000),
        fills: cross.into(),
        fees: FeeSchedule::none(),
        same_bar: false,
        settle_approximate: false,
    };
    Book::new(config).with_ledger(LedgerConfig {
        cross,
        fees: FeeSchedule::named("flat").unwrap(),
        same_bar: false,
        settle_approximate: false,
    })
}

fn spread(near: Instrument, far: Instrument, decided_at: Instant) -> LinearRequest {
    LinearRequest {
        key: Arc::from("alvh.adaptive"),
        structure: Arc::from("alvh.adaptive"),
        kind: LinearKind::Adjust,
        lots: 1,
        limit: None,
        legs: vec![
            LinearLeg {
                instrument: near,
                quantity: -2,
            },
            LinearLeg {
                instrument: far,
                quantity: 3,
            },
        ],
        decided_at,
        good_for: 1,
    }
}

#[test]
fn a_calendar_spread_of_futures_makes_what_its_settlements_say() {
    let market = market();
    let calendar = ExchangeCalendar::nyse();
    let days = calendar.sessions(d("2024-01-05"), d("2024-03-28"));
    let decided = Instant::from_eastern(days[0], 15, 45).unwrap();
    let curve = vx_curve(&market, FutureRoot::Vx, decided).unwrap().unwrap();
    let (near, far) = (curve.contract(1).unwrap(), curve.contract(2).unwrap());
    let run = |per_day: &[(u32, u32)], cross: Cross| {
        let mut book = book(cross);
        let mut feed = LinearFeed::default();
        let mut events = feed.advance(&mut book, &market, decided, None).unwrap();
        book.submit_linear(spread(Instrument::Future(near), Instrument::Future(far), decided))
            .unwrap();
        // Nothing fills at the instant of the decision.
        assert!(
            feed.advance(&mut book, &market, decided, None)
                .unwrap()
                .is_empty()
        );
        for day in &days[1..] {
            for (hour, minute) in per_day {
                let now = Instant::from_eastern(*day, *hour, *minute).unwrap();
                events.extend(feed.advance(&mut book, &market, now, None).unwrap());
                book.check().unwrap();
            }
        }
        book.audit().unwrap();
        (book, events)
    };
    let (daily, events) = run(&[(15, 45)], Cross::NATURAL);
    // Filled at the settlement of the day of the decision, which was known half an hour after it.
    let price_on = |c, day: Date| {
        let late = Instant::from_eastern(day, 23, 0).unwrap();
        settlement_on(&market, c, day, late).unwrap().unwrap()
    };
    let close = calendar.options_close_at(days[0]).unwrap();
    let fills: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            LinearEvent::Executed(x) if x.flow == Flow::Trade => Some(x.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(fills.len(), 2);
    assert!(fills.iter().all(|f| f.at == close && f.approximate));
    let expected_price = |c, day: Date, buys: bool| {
        // One increment of 0.05 around it, 25 mills each way.
        price_on(c, day) + Price(if buys { 25 } else { -25 })
    };
    assert_eq!(fills[0].price.natural, expected_price(&near, days[0], false));
    assert_eq!(fills[1].price.natural, expected_price(&far, days[0], true));
    // Independently: minus quantity times price in, plus quantity times final value.
    let last = |c| final_settlement(&market, c).unwrap().unwrap().price;
    let made = (last(&near) - fills[0].price.natural).dollars(1_000, -2)
        + (last(&far) - fills[1].price.natural).dollars(1_000, 3)
        - Usd(5 * 2_360_000);
    assert_eq!(daily.equity().natural, Usd(100_000_000_000) + made);
    assert_eq!(daily.ledger().holdings().count(), 0);
    assert!(daily.is_approximate());
    // However often it is looked at, and if only once a month, the account ends the same.
    let (often, _) = run(&[(9, 45), (12, 0), (15, 45), (16, 15), (18, 0)], Cross::NATURAL);
    assert_eq!(often.cash(), daily.cash());
    assert_eq!(often.ledger().executions(), daily.ledger().executions());
    // Equity moves every day by the day's settlements, not only at the end.
    let variations = daily
        .ledger()
        .executions()
        .iter()
        .filter(|e| e.flow == Flow::Variation)
        .count();
    assert!(variations > 30, "{variations}");
}

#[test]
fn an_order_without_a_price_ends_and_an_idle_account_costs_nothing() {
    let market = market();
    let mut book = book(Cross::MID);
    let mut feed = LinearFeed::new(3);
    for day in ["2024-01-05", "2024-02-01"] {
        let now = Instant::from_eastern(d(day), 15, 45).unwrap();
        assert!(feed.advance(&mut book, &market, now, None).unwrap().is_empty());
    }
    let decided = Instant::from_eastern(d("2024-02-01"), 15, 45).unwrap();
    let far = alula_market::contract::FutureContract::monthly(FutureRoot::Es, 2027, 12).unwrap();
    let vx = vx_curve(&market, FutureRoot::Vx, decided)
        .unwrap()
        .unwrap()
        .contract(1)
        .unwrap();
    // The history has no prices of a contract so far ahead: neither leg fills.
    book.submit_linear(spread(Instrument::Future(vx), Instrument::Future(far), decided))
        .unwrap();
    let next = Instant::from_eastern(d("2024-02-02"), 9, 45).unwrap();
    let events = feed.advance(&mut book, &market, next, None).unwrap();
    assert!(
        matches!(&events[..], [LinearEvent::Cancelled { .. }]),
        "{events:?}"
    );
    assert!(book.ledger().executions().is_empty());
}
