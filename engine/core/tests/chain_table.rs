//! What a plugin is given to read of a chain, on a chain whose answers can be worked out by hand. Greeks by scipy, Black 1976.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "tests may fail loudly, and their numbers are small"
)]

use alula_core::analytics::SnapshotView;
use alula_market::calendar::ExchangeCalendar;
use alula_market::chain::{ChainSnapshot, ExpiryChain, QuoteColumns};
use alula_market::contract::{Root, Settlement};
use alula_market::money::Price;
use alula_market::time::{Date, Instant};
use std::sync::Arc;

const SPOT: f64 = 2900.0;
const VOL: f64 = 0.20;

fn date(m: u32, d: u32) -> Date {
    Date::from_ymd_opt(2019, m, d).unwrap()
}

/// Monday 3 June 2019, 15:45.
fn now() -> Instant {
    Instant::from_eastern(date(6, 3), 15, 45).unwrap()
}

/// Strikes 2800 to 3000 by 50, a flat vol, no rate, quotes a dime wide around the model's price to the mill.
fn chain(root: Root, expiry: Date) -> ExpiryChain {
    let calendar = ExchangeCalendar::nyse();
    let settles_at = calendar.settles_at(root, expiry).unwrap();
    let years = ((settles_at.0 - now().0).max(1)) as f64 / (365.0 * 86400.0);
    let strikes: Vec<i64> = (0..5).map(|k| 2800 + k * 50).collect();
    let column = |right| {
        let mut q = QuoteColumns::default();
        for k in &strikes {
            let price = alula_pricing::price(right, SPOT, *k as f64, years, VOL, 1.0).unwrap();
            let mid = (price * 1000.0).round() as i64;
            q.bid.push(Price((mid - 50).max(0)));
            q.ask.push(Price(mid + 50));
            q.volume.push(0);
            q.open_interest.push(0);
        }
        q
    };
    ExpiryChain {
        root,
        expiry,
        settlement: root.settlement(),
        settles_at,
        last_trade_at: calendar.last_trade_at(root, expiry).unwrap(),
        puts: column(alula_pricing::Right::Put),
        calls: column(alula_pricing::Right::Call),
        strikes: strikes.iter().map(|k| Price(k * 1000)).collect(),
    }
}

fn view(expiries: Vec<ExpiryChain>, spot: f64) -> SnapshotView {
    let snapshot = ChainSnapshot {
        at: now(),
        underlying: "SPX".to_owned(),
        spot: Price::from_f64(spot).unwrap(),
        expiries,
    };
    SnapshotView::new(Arc::new(snapshot), Some(0.0))
}

#[test]
fn contracts_stand_by_expiry_then_strike_a_put_before_its_call_with_greeks_of_black_1976() {
    let expiries = vec![chain(Root::Spx, date(6, 21)), chain(Root::Spxw, date(6, 28))];
    let view = view(expiries, SPOT);
    let table = view.table();
    assert_eq!((table.underlying.as_str(), table.date), ("SPX", 20_190_603));
    assert_eq!((table.spot, table.multiplier), (2900.0, 100.0));
    let lines: Vec<(&str, u32, Settlement)> = table
        .expiries
        .iter()
        .map(|e| (e.root, e.date, e.settlement))
        .collect();
    assert_eq!(
        lines,
        [
            ("SPX", 20_190_621, Settlement::Am),
            ("SPXW", 20_190_628, Settlement::Pm)
        ]
    );
    assert_eq!(table.expiry_of, [[0; 10], [1; 10]].concat());
    assert_eq!(table.right, [u32::from(b'P'), u32::from(b'C')].repeat(10));
    let strikes: Vec<f64> = (0..5).flat_map(|k| [2800.0 + 50.0 * f64::from(k); 2]).collect();
    assert_eq!(table.strike, [strikes.clone(), strikes].concat());
    // 25 days and a quarter of an hour.
    assert_eq!(table.expiries[1].years, 2_160_900.0 / 31_536_000.0);
    assert!((table.expiries[1].forward - 2900.0).abs() < 0.01);
    assert_eq!(table.expiries[1].discount, 1.0);
    // The put of 2850 and the call of 2900, four weeks out.
    for (at, vol, delta, gamma) in [
        (12, 20.0, -0.360_031, 0.002_464_2),
        (15, 20.0, 0.510_442, 0.002_626_8),
    ] {
        assert!((table.vol[at] - vol).abs() < 0.01, "{}", table.vol[at]);
        assert!((table.delta[at] - delta).abs() < 2e-4, "{}", table.delta[at]);
        assert!((table.gamma[at] - gamma).abs() < 5e-6, "{}", table.gamma[at]);
    }
    assert!((table.bid[15] + 0.1 - table.ask[15]).abs() < 1e-9);
    assert!(((table.bid[15] + table.ask[15]) / 2.0 - table.mid[15]).abs() < 1e-9);
}

#[test]
fn what_is_not_known_is_no_number_and_what_has_settled_is_not_there() {
    let mut open = chain(Root::Spxw, date(6, 28));
    // Crossed, locked, and one without anything at all.
    open.puts.bid[0] = open.puts.ask[0] + Price(50);
    open.puts.open_interest[0] = 7;
    open.calls.bid[1] = open.calls.ask[1];
    open.calls.volume[1] = 3;
    open.puts.ask[2] = Price(0);
    open.puts.bid[2] = Price(0);
    let mut gone = chain(Root::Spxw, date(6, 3));
    gone.settles_at = now();
    let view = view(vec![gone, open], 0.0);
    let table = view.table();
    assert!(table.spot.is_nan());
    assert_eq!(table.expiries.len(), 1);
    assert_eq!(table.strike.len(), 9);
    for at in [0, 3] {
        for column in [
            &table.bid,
            &table.ask,
            &table.mid,
            &table.vol,
            &table.delta,
            &table.gamma,
        ] {
            assert!(column[at].is_nan(), "{at}");
        }
    }
    // Nobody says a word of the put of 2900; the call of it is there.
    let rows: Vec<(f64, u32)> = table
        .strike
        .iter()
        .zip(&table.right)
        .map(|(k, r)| (*k, *r))
        .collect();
    assert!(!rows.contains(&(2900.0, u32::from(b'P'))));
    assert!(rows.contains(&(2900.0, u32::from(b'C'))));
    // Known for one, they are known for all: nothing is a number.
    assert!(table.has_interest());
    assert_eq!((table.open_interest[0], table.open_interest[1]), (7.0, 0.0));
    assert_eq!((table.volume[3], table.volume[0]), (3.0, 0.0));
    assert!(
        table
            .open_interest
            .iter()
            .chain(&table.volume)
            .all(|x| !x.is_nan())
    );
}

#[test]
fn data_without_open_interest_say_that_none_is_known_and_an_empty_chain_is_empty() {
    let whole = view(vec![chain(Root::Spxw, date(6, 28))], SPOT);
    let table = whole.table();
    assert!(!table.has_interest());
    assert!(
        table
            .open_interest
            .iter()
            .chain(&table.volume)
            .all(|x| x.is_nan())
    );
    let none = view(Vec::new(), SPOT);
    assert!(none.table().strike.is_empty() && none.table().expiries.is_empty());
    assert!(!none.table().has_interest());
}
