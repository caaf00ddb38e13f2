//! The account against the engine's own book, over restarts, and through its bad days.

mod bookkeeping;
mod days;
mod files;
mod margin;

use super::Paper;
use crate::account::{MICRO, contract};
use alula_market::contract::{Instrument, OptionContract, Right, Root};
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use alula_plugin_sdk::abi::broker::{Leg, Life, SCALE};
use alula_plugin_sdk::abi::host::{Connection, Submitted};
use alula_plugin_sdk::prelude::*;
use alula_plugin_sdk::testing::{broker_conforms, brokers};
use std::path::Path;
use std::time::Duration;

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn ns(at: Instant) -> i64 {
    at.0 * SCALE
}

fn option(root: Root, expiry: &str, right: Right, strike: i64) -> OptionContract {
    OptionContract {
        root,
        expiry: day(expiry),
        right,
        strike: Price(strike * 1000),
    }
}

fn settings(folder: &Path, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let folder = ("folder", folder.to_str().unwrap());
    let all = [folder].into_iter().chain(more.iter().copied());
    all.map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

/// A broker through the contract's calls, connected.
fn open(folder: &Path, more: &[(&str, &str)]) -> Connection {
    let brokers = brokers::<Paper>().unwrap();
    let mut broker = brokers
        .open(&brokers.brokers()[0], &settings(folder, more))
        .unwrap();
    broker.connect().unwrap();
    assert_eq!(poll(&mut broker), [Event::Up]);
    broker
}

fn poll(broker: &mut Connection) -> Vec<Event> {
    let mut events = Vec::new();
    broker.poll(Duration::ZERO, &mut events).unwrap();
    events
}

fn quote(what: Instrument, at: Instant, (bid, ask): (i64, i64), sizes: Option<(u32, u32)>) -> Quote {
    Quote {
        contract: contract(&what).unwrap(),
        at_ns: ns(at),
        bid_e9: (bid > 0).then_some(bid * 1_000_000),
        ask_e9: (ask > 0).then_some(ask * 1_000_000),
        bid_size: sizes.map(|s| s.0),
        ask_size: sizes.map(|s| s.1),
    }
}

fn order(id: &str, legs: &[(Instrument, i32)], quantity: u32, limit: Option<Price>) -> Order {
    let leg = |(what, ratio): &(Instrument, i32)| Leg {
        contract: contract(what).unwrap(),
        ratio: *ratio,
    };
    Order {
        id: id.to_owned(),
        group: "test".to_owned(),
        legs: legs.iter().map(leg).collect(),
        quantity,
        limit_e9: limit.map(|l| -l.0 * 1_000_000),
        not_after_ns: ns(Instant::from_eastern(day("2026-01-02"), 16, 0).unwrap()),
        life: Life::UntilCancelled,
    }
}

fn snapshot(broker: &mut Connection, request: u64) -> Vec<Event> {
    broker.request_snapshot(request, 0).unwrap();
    let mut rows = poll(broker);
    rows.retain(|e| e.request() == Some(request));
    rows
}

fn cash(rows: &[Event]) -> Usd {
    let row = rows.iter().find_map(|e| match e {
        Event::SnapshotAccount { account, .. } => Some(account.cash_e9),
        _ => None,
    });
    Usd(row.unwrap() / MICRO)
}

#[test]
fn it_passes_every_check_of_a_broker() {
    let mut folders = Vec::new();
    broker_conforms::<Paper>(|| {
        let folder = tempfile::tempdir().unwrap();
        let given = settings(&folder.path().join("account"), &[]);
        folders.push(folder);
        given
    })
    .unwrap();
}

#[test]
fn it_passes_every_check_with_latency_and_partial_fills() {
    let mut folders = Vec::new();
    broker_conforms::<Paper>(|| {
        let folder = tempfile::tempdir().unwrap();
        let bad = [
            ("latency_ms", "90000"),
            ("latency_rounds", "1"),
            ("partial_rate", "0.7"),
        ];
        let given = settings(folder.path(), &bad);
        folders.push(folder);
        given
    })
    .unwrap();
}
