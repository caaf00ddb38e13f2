//! On the real binary, at the simulated broker: futures that fill in pieces and legs apart while the engine is killed again and
//! again, and legs of options that nobody repairs before they expire. The run's books and the broker's account must hold the same
//! contracts and the same dollars.
#![cfg(target_os = "linux")]
#![expect(
    clippy::indexing_slicing,
    reason = "helpers of tests may fail loudly, as tests do"
)]

use crate::broker::{opened, paper, trusted};
use crate::kills::{busy, compare, going_on, replays, signal, start};
use crate::plugin::here;
use crate::support::Folder;
use alula_live::broker::{BrokerEvent, Fill};
use alula_market::contract::Instrument;
use alula_market::time::Instant;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::time::Duration;

/// Futures that are opened, sold in parts, rolled and settled.
const FUTURES: &str = r#"alula 1

strategy busy {
    capital  $400_000
    evaluate every 30m in SPX.regular
    cross    60% of spread
    fees     ibkr
}

#allow(no-loss-bound) because "a long VX future loses no more than its price"
structure front = future on VX {
    long month 1
}

#allow(no-loss-bound) because "its legs settle apart"
structure curve = future spread on VX {
    long month 2, short month 4
}

policy outright on front {
    open when VIX.last < 90 vol
         size 5 lots
         up to 3 positions

    close half when profit >= $200, portion 40%
}

policy carry on curve {
    open when VIX.last < 90 vol
         size 4 lots
         up to 3 positions

    close late when profit >= $100 or profit <= -$100
}
"#;

/// Rows of a table by the names of its columns.
fn rows(folder: &Folder, table: &str) -> Vec<BTreeMap<String, String>> {
    let text = folder.read(&format!("out/{table}.csv"));
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let cells = names.iter().zip(line.split(','));
        cells.map(|(n, c)| ((*n).to_owned(), c.to_owned())).collect()
    };
    lines.map(row).collect()
}

/// Micro-dollars, or mills of a millionth.
fn micros(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |t| (-1, t));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part = format!("{part:0<6}");
    sign * (whole.parse::<i128>().unwrap() * 1_000_000 + part.parse::<i128>().unwrap())
}

/// What the broker's account holds, and everything that happened in it.
fn account(folder: &Folder) -> (BTreeMap<String, i64>, Vec<Fill>) {
    let found = fs::read_dir(folder.join("journals/busy")).unwrap();
    let mut found = found.map(|e| e.unwrap().path());
    let home = found
        .find(|p| p.extension().is_some_and(|e| e == "paper"))
        .unwrap();
    let mut broker = opened(folder, "paper", &[("folder", &home.to_string_lossy())], 20_000);
    broker.connect().unwrap();
    broker.request_snapshot(1, Instant(0)).unwrap();
    let mut events = Vec::new();
    broker.poll(Duration::ZERO, &mut events).unwrap();
    let (mut held, mut fills) = (BTreeMap::new(), Vec::new());
    for event in events {
        match event {
            BrokerEvent::SnapshotPosition { held: leg, .. } => {
                held.insert(name(&leg.instrument), leg.quantity);
            }
            BrokerEvent::SnapshotFill { fill, .. } => fills.push(fill),
            _ => {}
        }
    }
    (held, fills)
}

fn name(instrument: &Instrument) -> String {
    match instrument {
        Instrument::Option(c) => c.to_string(),
        Instrument::Future(c) => format!("{} {}", c.code(), c.expiry),
        Instrument::Share(s) => s.symbol().to_owned(),
    }
}

/// The account is the run's books, contract by contract and dollar by dollar.
fn account_is_the_book(folder: &Folder) {
    let (held, fills) = account(folder);
    let mut dollars = 0_i128;
    for fill in &fills {
        dollars -= i128::from(fill.price.dollars(fill.instrument.multiplier(), fill.quantity).0);
        dollars -= i128::from(fill.fee.unwrap_or_default().0);
    }
    let (mut own, mut money): (BTreeMap<String, i64>, i128) = (BTreeMap::new(), 0);
    let legs = rows(folder, "trade_legs");
    for trade in rows(folder, "trades") {
        let ours = legs.iter().filter(|l| l["trade"] == trade["trade"]);
        let ours: Vec<(String, i64)> = ours
            .map(|l| {
                let right = if l["right"].starts_with(['c', 'C']) {
                    'C'
                } else {
                    'P'
                };
                let contract = format!(
                    "{} {} {right}{}",
                    l["root"],
                    l["expiry"],
                    l["strike"].trim_end_matches(".00")
                );
                let lots: i64 = trade["lots"].parse().unwrap();
                (contract, l["ratio"].parse::<i64>().unwrap() * lots)
            })
            .collect();
        // What settled after the last look the broker has not heard of.
        if trade["kind"] == "expiry" && ours.iter().any(|(c, _)| held.contains_key(c)) {
            continue;
        }
        for (contract, quantity) in ours {
            *own.entry(contract).or_default() += quantity;
        }
        money += micros(&trade["cash_share_usd"]) - micros(&trade["fees_usd"]);
    }
    for row in rows(folder, "linear") {
        let contract = format!("{} {}", row["symbol"], row["expiry"]);
        let quantity: i64 = row["quantity"].parse().unwrap();
        money -= micros(&row["fees_usd"]);
        if row["flow"] == "variation" || (row["flow"] == "final" && held.contains_key(&contract)) {
            continue;
        }
        *own.entry(contract).or_default() += quantity;
        money -= micros(&row["price_share_points"]) * 1_000 * i128::from(quantity);
    }
    own.retain(|_, q| *q != 0);
    assert_eq!(own, held, "contracts");
    assert_eq!(money, dollars, "dollars");
}

#[test]
fn futures_that_fill_in_pieces_are_booked_as_they_come_however_often_the_engine_is_killed() {
    let folder = Folder::new(&[("busy.alula", FUTURES)]);
    trusted(&folder, &paper(), "paper");
    let how = [
        "--broker-set",
        "partial_rate=0.7",
        "--broker-set",
        "apart_rate=0.3",
    ];
    for ticks in [3, 14, 9, 26, 1, 17] {
        let mut child = start(&folder, &going_on(&how), &[]);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines
            .map_while(Result::ok)
            .filter(|l| l.contains("\"event\":\"tick\""));
        let told = told.take(ticks).count();
        signal(child.id(), "-KILL");
        child.wait().unwrap();
        assert_eq!(told, ticks, "{}", folder.read("stderr"));
    }
    let args = going_on(&how);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let last = here(&folder, &args);
    assert_eq!(last.code, 0, "{last}");
    let orders = rows(&folder, "orders");
    let partly = orders.iter().filter(|o| o["status"] == "partly filled").count();
    assert!(partly >= 3, "{partly} of {} partly filled", orders.len());
    let linear = rows(&folder, "linear");
    let count = |flow: &str| linear.iter().filter(|r| r["flow"] == flow).count();
    assert!(
        count("trade") >= 10 && count("variation") >= 10 && count("final") >= 1,
        "{} trades, {} variations, {} final",
        count("trade"),
        count("variation"),
        count("final")
    );
    compare(&folder);
    account_is_the_book(&folder);
    replays(&folder);
}

#[test]
fn another_strategy_takes_over_with_futures_held_and_at_work() {
    let folder = Folder::new(&[("busy.alula", FUTURES)]);
    trusted(&folder, &paper(), "paper");
    let slow = ["--speed", "30000x", "--broker-set", "partial_rate=0.7"];
    let mut child = start(&folder, &going_on(&slow), &[]);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut events = lines
        .map_while(Result::ok)
        .filter_map(|l| serde_json::from_str::<Value>(&l).ok());
    // Something is held of it, and something is at work.
    assert!(events.any(|e| e["event"] == "fill"), "{}", folder.read("stderr"));
    assert!(events.any(|e| e["event"] == "order"));
    folder.write("busy.alula", &FUTURES.replace("front", "other"));
    let waits = events.find(|e| e["event"] == "strategy_waits").unwrap();
    assert!(waits["open"].to_string().contains("front"), "{waits}");
    let digest = waits["sha256"].as_str().unwrap();
    let word = ["ctl", "confirm", "journals/busy", digest, "--positions", "keep"];
    let word = here(&folder, &word);
    assert_eq!(word.code, 0, "{word}");
    let ended = events.find(|e| e["event"] == "ended").unwrap();
    assert_eq!(ended["never_in_force"], serde_json::json!([]), "{ended}");
    drop(events);
    assert!(child.wait().unwrap().success(), "{}", folder.read("stderr"));
    let traded = rows(&folder, "linear");
    for structure in ["front", "other"] {
        let own = |r: &&BTreeMap<String, String>| r["structure"] == structure && r["flow"] == "trade";
        assert!(traded.iter().any(|r| own(&r)), "{structure}");
    }
    compare(&folder);
    account_is_the_book(&folder);
    replays(&folder);
}

#[test]
fn legs_that_nobody_repairs_settle_in_the_book_as_they_do_at_the_broker() {
    let folder = busy();
    let args = going_on(&["--broker-set", "apart_rate=0.5"]);
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    args.extend(["--format", "json"]);
    let done = here(&folder, &args);
    assert_eq!(done.code, 0, "{done}");
    for words in ["make no whole package", "it was closed, or it expired"] {
        assert!(done.stdout.contains(words), "{words}: {done}");
    }
    let trades = rows(&folder, "trades");
    let single =
        |t: &&BTreeMap<String, String>| t["structure"] == "core.single-legs" && t["kind"] == "expiry";
    assert!(trades.iter().filter(single).count() > 0);
    compare(&folder);
    account_is_the_book(&folder);
    replays(&folder);
}
