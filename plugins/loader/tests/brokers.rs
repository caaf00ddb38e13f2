//! A broker in C through the loader: what is right passes every check, and each way of being wrong is found by one of them, or
//! by the host at its first call.
// Says to clippy that all of this is test code, helpers included.
#![cfg(test)]
#![cfg(all(unix, not(target_vendor = "apple")))]

use alula_plugin_abi::broker::{Caps, Contract, Event, Kind, Leg, Life, Order, Quote, Right, SCALE, Word};
use alula_plugin_abi::conformance::BROKER_CASES;
use alula_plugin_abi::float::Mode;
use alula_plugin_abi::host::{Connection, FaultKind, Submitted};
use alula_plugin_loader::{Library, LoadError, open};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// The broker of the fixture, built with these flags; none where there is no compiler.
fn built(flags: &[&str]) -> Option<Result<Arc<Library>, LoadError>> {
    if Command::new("cc").arg("--version").output().is_err() {
        println!("skipped: cc absent");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("broker.so");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let done = Command::new("cc")
        .args([
            "-std=c11",
            "-D_POSIX_C_SOURCE=200809L",
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-fPIC",
            "-shared",
        ])
        .args(["-fvisibility=hidden", "-I"])
        .arg(here.join("../abi/include"))
        .arg(here.join("tests/fixtures/broker.c"))
        .args(flags)
        .arg("-o")
        .arg(&out)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let cache = tempfile::tempdir().unwrap();
    Some(open(&fs::read(out).unwrap(), cache.path()))
}

fn library() -> Option<Arc<Library>> {
    built(&[]).map(Result::unwrap)
}

fn how(n: u32) -> Vec<(String, String)> {
    vec![("how".to_owned(), n.to_string())]
}

fn broker(library: &Library, n: u32) -> Connection {
    let info = library.brokers.find("probe").unwrap();
    let mut broker = library.brokers.open(info, &how(n)).unwrap();
    broker.connect().unwrap();
    broker.quotes(SCALE, &[]).unwrap();
    broker
}

fn put(strike: i64) -> Contract {
    Contract {
        kind: Kind::Option,
        symbol: Word::new("SPX").unwrap(),
        class: Word::new("SPXW").unwrap(),
        currency: Word::new("USD").unwrap(),
        expiry: 20_240_621,
        right: Some(Right::Put),
        strike_e9: strike * SCALE,
        multiplier_e9: 100 * SCALE,
    }
}

fn order(id: &str) -> Order {
    Order {
        id: id.to_owned(),
        group: String::new(),
        legs: vec![Leg {
            contract: put(5_000),
            ratio: 1,
        }],
        quantity: 1,
        limit_e9: None,
        not_after_ns: 100 * SCALE,
        life: Life::Day,
    }
}

fn poll(broker: &mut Connection) -> Result<Vec<Event>, String> {
    let mut events = Vec::new();
    broker.poll(Duration::ZERO, &mut events).map_err(|f| f.text)?;
    Ok(events)
}

#[test]
fn a_broker_in_c_passes_every_check() {
    let Some(library) = library() else { return };
    assert!(library.factory.indicators().is_empty());
    let info = library.brokers.find("probe").unwrap();
    assert!(info.caps.has(Caps::SIMULATED.and(Caps::COMBOS)));
    for case in BROKER_CASES {
        (case.run)(&library.brokers, info, &mut || how(0))
            .unwrap_or_else(|why| panic!("{}: {why}", case.name));
    }
}

#[test]
fn each_way_of_being_wrong_is_found() {
    let Some(library) = library() else { return };
    let info = library.brokers.find("probe").unwrap();
    for (n, case, why) in [
        (1, "package", "two executions have the id `e1`"),
        (2, "snapshot", "had no end"),
        (3, "late", "takes an order past its `not_after`"),
        (12, "package", "did not fill"),
        (14, "duplicates", "filled 24 contracts of 12"),
        (
            15,
            "cancel",
            "filled far better than the market, or after it was taken back",
        ),
        (17, "cancel", "did not say so"),
    ] {
        let case = BROKER_CASES.iter().find(|c| c.name == case).unwrap();
        let said = (case.run)(&library.brokers, info, &mut || how(n));
        let said = said.unwrap_err();
        assert!(said.contains(why), "how {n}, {}: {said}", case.name);
    }
}

#[test]
fn a_broker_is_dead_after_the_first_thing_that_breaks_the_contract() {
    let Some(library) = library() else { return };
    for (n, why) in [
        (8, "an event is of kind 99"),
        (9, "is not valid UTF-8"),
        (10, "an event says that it has 8 bytes"),
    ] {
        let mut broker = broker(&library, n);
        poll(&mut broker).unwrap();
        assert_eq!(broker.submit(&order("a")), Submitted::Sent);
        let said = poll(&mut broker).unwrap_err();
        assert!(said.contains(why), "{said}");
        assert_eq!(broker.dead().unwrap().kind, FaultKind::Contract);
        // Never called again: what is submitted now certainly does not leave.
        assert!(matches!(broker.submit(&order("b")), Submitted::NotSent(_)));
        assert!(broker.cancel("a").is_err() && broker.connect().is_err());
    }
    for (n, why) in [
        (18, "an execution's id has 2000 bytes, more than 64"),
        (21, "an execution is absent"),
    ] {
        let mut broker = broker(&library, n);
        poll(&mut broker).unwrap();
        assert_eq!(broker.submit(&order("a")), Submitted::Sent);
        let quote = Quote {
            contract: put(5_000),
            at_ns: 2 * SCALE,
            bid_e9: Some(SCALE),
            ask_e9: Some(2 * SCALE),
            bid_size: None,
            ask_size: None,
        };
        broker.quotes(2 * SCALE, &[quote]).unwrap();
        let said = poll(&mut broker).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
    let mut outside = broker(&library, 13);
    outside.request_snapshot(5, 0).unwrap();
    let said = poll(&mut outside).unwrap_err();
    assert!(
        said.contains("a row of snapshot 5 stands outside of it"),
        "{said}"
    );
}

#[test]
fn an_order_whose_status_means_nothing_is_unknown() {
    let Some(library) = library() else { return };
    let mut status = broker(&library, 11);
    assert!(matches!(status.submit(&order("a")), Submitted::Unknown(f) if f.text.contains("the status 7")));
    assert!(status.dead().is_some());
    if cfg!(target_arch = "x86_64") {
        let mut mode = broker(&library, 16);
        assert!(matches!(mode.submit(&order("a")), Submitted::Unknown(f) if f.kind == FaultKind::Mode));
        assert_eq!(Mode::now(), Mode::PLAIN);
    }
}

#[test]
fn orders_that_the_contract_forbids_never_reach_the_broker() {
    let Some(library) = library() else { return };
    let mut broker = broker(&library, 5);
    let not_sent = |broker: &mut Connection, change: &dyn Fn(&mut Order)| {
        let mut wrong = order("a");
        change(&mut wrong);
        // It would end this process if it were called.
        assert!(
            matches!(broker.submit(&wrong), Submitted::NotSent(_)),
            "{wrong:?}"
        );
    };
    not_sent(&mut broker, &|o| o.id = "a b".to_owned());
    not_sent(&mut broker, &|o| o.id = "x".repeat(33));
    not_sent(&mut broker, &|o| o.id = String::new());
    not_sent(&mut broker, &|o| o.legs.clear());
    not_sent(&mut broker, &|o| o.quantity = 0);
    not_sent(&mut broker, &|o| o.legs[0].ratio = 0);
    not_sent(&mut broker, &|o| o.legs.push(o.legs[0]));
    not_sent(&mut broker, &|o| o.legs[0].contract.expiry = 20_241_340);
    not_sent(&mut broker, &|o| o.legs[0].contract.right = None);
    not_sent(&mut broker, &|o| o.not_after_ns = -1);
    not_sent(&mut broker, &|o| o.limit_e9 = Some(i64::MIN));
    not_sent(&mut broker, &|o| o.group = "g".repeat(2_000));
}

#[test]
fn tables_of_the_wrong_size_or_sense_are_refused_before_a_call() {
    let Some(short) = built(&["-DB_DESC_SIZE=16"]) else {
        return;
    };
    assert!(
        short
            .unwrap_err()
            .what
            .contains("a description of a broker says that it has 16 bytes")
    );
    let both = built(&["-DB_CAPS=(ALULA_BRK_SIMULATED|ALULA_BRK_LIVE)"]).unwrap();
    assert!(
        both.unwrap_err()
            .what
            .contains("simulated and that it trades real money")
    );
    let open = |flags: &[&str]| {
        let library = built(flags).unwrap().unwrap();
        let info = library.brokers.find("probe").unwrap();
        library.brokers.open(info, &[]).unwrap_err().text
    };
    let no_quotes = open(&["-DB_VTBL_SIZE=offsetof(alula_broker_vtbl, quotes)"]);
    assert!(no_quotes.contains("takes no quotes"), "{no_quotes}");
    let cut = open(&["-DB_VTBL_SIZE=offsetof(alula_broker_vtbl, submit)"]);
    assert!(cut.contains("is absent that every broker has"), "{cut}");
    let what_if = open(&["-DB_CAPS=(ALULA_BRK_SIMULATED|ALULA_BRK_WHAT_IF)"]);
    assert!(what_if.contains("says that it has `what_if`"), "{what_if}");
}
