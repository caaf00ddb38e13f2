//! Tiny chains and short names.

use crate::{BookConfig, Cross, FeeSchedule, FillModel, Leg, OrderKind, OrderRequest, Package, RunId};
use alula_market::chain::{ChainSnapshot, ExpiryChain, QuoteColumns};
use alula_market::contract::{OptionContract, Right, Root, Settlement, SettlementValue};
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use std::sync::Arc;

pub fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// 15:45 on a day.
pub fn tick_on(text: &str) -> Instant {
    Instant::from_eastern(day(text), 15, 45).unwrap()
}

pub fn pts(text: &str) -> Price {
    Price::parse(text).unwrap()
}

pub fn usd(text: &str) -> Usd {
    Usd::parse(text).unwrap()
}

pub fn contract(root: Root, expiry: &str, right: Right, strike: i64) -> OptionContract {
    OptionContract {
        root,
        expiry: day(expiry),
        right,
        strike: Price(strike * 1000),
    }
}

/// `p(2825, -1)`-style legs of one SPXW expiry.
pub fn legs(expiry: &str, of: &[(Right, i64, i32)]) -> Package {
    let leg = |&(right, strike, ratio)| Leg {
        contract: contract(Root::Spxw, expiry, right, strike),
        ratio,
    };
    Package::new(of.iter().map(leg).collect()).unwrap()
}

pub fn condor(expiry: &str) -> Package {
    use Right::{Call, Put};
    legs(
        expiry,
        &[(Put, 2775, 1), (Put, 2825, -1), (Call, 3015, -1), (Call, 3065, 1)],
    )
}

/// One row of a chain: contract, bid, ask in mills.
pub type Row = (OptionContract, i64, i64);

pub fn chain(at: Instant, spot: i64, rows: &[Row]) -> ChainSnapshot {
    let mut keys: Vec<(Date, Root)> = rows.iter().map(|r| (r.0.expiry, r.0.root)).collect();
    keys.sort_unstable();
    keys.dedup();
    let expiries = keys.iter().map(|key| expiry_chain(*key, rows)).collect();
    ChainSnapshot {
        at,
        underlying: "SPX".to_owned(),
        spot: Price(spot * 1000),
        expiries,
    }
}

fn expiry_chain((expiry, root): (Date, Root), rows: &[Row]) -> ExpiryChain {
    let ours = || rows.iter().filter(|r| r.0.expiry == expiry && r.0.root == root);
    let mut strikes: Vec<Price> = ours().map(|r| r.0.strike).collect();
    strikes.sort_unstable();
    strikes.dedup();
    let columns = |right: Right| {
        let at = |k: &Price| {
            ours()
                .find(|r| r.0.strike == *k && r.0.right == right)
                .map_or((0, 0), |r| (r.1, r.2))
        };
        QuoteColumns {
            bid: strikes.iter().map(|k| Price(at(k).0)).collect(),
            ask: strikes.iter().map(|k| Price(at(k).1)).collect(),
            volume: vec![0; strikes.len()],
            open_interest: vec![0; strikes.len()],
            ..QuoteColumns::default()
        }
    };
    let (puts, calls) = (columns(Right::Put), columns(Right::Call));
    let (settles_at, last_trade_at) = match root.settlement() {
        Settlement::Pm => (
            Instant::from_eastern(expiry, 16, 0),
            Instant::from_eastern(expiry, 16, 0),
        ),
        Settlement::Am => (
            Instant::from_eastern(expiry, 9, 30),
            Instant::from_eastern(expiry.pred_opt().unwrap(), 16, 15),
        ),
    };
    ExpiryChain {
        root,
        expiry,
        settlement: root.settlement(),
        settles_at: settles_at.unwrap(),
        last_trade_at: last_trade_at.unwrap(),
        strikes,
        puts,
        calls,
    }
}

/// Four quotes of the condor: credit 7.90 natural, 8.40 mid.
pub fn condor_rows(expiry: &str) -> Vec<Row> {
    use Right::{Call, Put};
    let c = |right, strike| contract(Root::Spxw, expiry, right, strike);
    vec![
        (c(Put, 2775), 9_000, 9_200),
        (c(Put, 2825), 14_000, 14_300),
        (c(Call, 3015), 4_200, 4_400),
        (c(Call, 3065), 800, 1_100),
    ]
}

pub fn config() -> BookConfig {
    BookConfig {
        run: RunId(42),
        capital: usd("250000"),
        fills: FillModel::fixed(Cross::from_f64(0.7).unwrap()),
        fees: FeeSchedule::none(),
        same_bar: false,
        settle_approximate: false,
    }
}

pub fn request(kind: OrderKind, lots: u32, decided_at: Instant) -> OrderRequest {
    let key = match kind {
        OrderKind::Open { .. } => "income.open",
        OrderKind::Close { .. } => "income.take_profit",
        OrderKind::Roll { .. } => "income.tested",
    };
    OrderRequest {
        key: Arc::from(key),
        structure: Arc::from("core"),
        kind,
        lots,
        limit: None,
        decided_at,
        good_for: 1,
    }
}

/// A settlement value known at 16:00 (or 09:30) of its expiry.
pub fn settles(root: Root, expiry: &str, price: &str) -> SettlementValue {
    let hour = if root.settlement() == Settlement::Pm {
        (16, 0)
    } else {
        (9, 30)
    };
    SettlementValue {
        price: pts(price),
        at: Instant::from_eastern(day(expiry), hour.0, hour.1).unwrap(),
        approximate: false,
    }
}
