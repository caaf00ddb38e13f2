//! Which contracts a structure of futures becomes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

use alula_book::instrument::LinearLeg;
use alula_core::decision::PickError;
use alula_core::futures::{is_futures, pick_futures};
use alula_dsl::graph::StructureDef;
use alula_dsl::source::NoImports;
use alula_market::contract::{FutureContract, FutureRoot, Instrument};
use alula_market::curve::{CurvePoint, FuturesCurve};
use alula_market::money::Price;
use alula_market::time::{Date, Instant};

fn structure(kind: &str, clauses: &str) -> StructureDef {
    let text = format!(
        "alula 1\n\nstrategy s {{\n    capital  $100_000\n    evaluate every 1 session in SPX.regular\n}}\n\n\
         structure core = {kind} on VX {{ {clauses} }}\n\npolicy p on core {{ open when VIX.last < 20 vol size 1 lot }}\n"
    );
    let compiled = alula_dsl::compile::compile("test.alula", text.as_bytes(), &NoImports);
    let graph = compiled
        .graph
        .unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
    graph.structures[0].clone()
}

fn at(day: &str, hour: u32, minute: u32) -> Instant {
    Instant::from_eastern(day.parse().unwrap(), hour, minute).unwrap()
}

/// A curve of the monthlys of 2019 from February on; month 7 of it has no price.
fn curve(at: Instant) -> FuturesCurve {
    let session: Date = "2019-01-15".parse().unwrap();
    let points = (1..=12)
        .filter(|m| *m != 8)
        .filter_map(|m| FutureContract::monthly(FutureRoot::Vx, 2019, m))
        .map(|contract| CurvePoint {
            contract,
            price: Price(18_000),
            session,
            known_at: at,
        })
        .collect();
    FuturesCurve {
        root: FutureRoot::Vx,
        at,
        points,
    }
}

fn vx(month: u32, quantity: i64) -> LinearLeg {
    LinearLeg {
        instrument: Instrument::Future(FutureContract::monthly(FutureRoot::Vx, 2019, month).unwrap()),
        quantity,
    }
}

#[test]
fn months_are_contracts_and_move_on_the_settlement_morning() {
    let spread = structure("future spread", "long month 4, short month 6");
    assert!(is_futures(&spread));
    // VX of January 2019 settled on Wednesday the 16th at 09:30.
    let before = pick_futures(&spread, Some(&curve(at("2019-01-16", 9, 0)))).unwrap();
    assert_eq!(before, [vx(4, 1), vx(6, -1)]);
    let after = pick_futures(&spread, Some(&curve(at("2019-01-16", 9, 30)))).unwrap();
    assert_eq!(after, [vx(5, 1), vx(7, -1)]);
    let single = structure("future", "short month 1");
    assert_eq!(
        pick_futures(&single, Some(&curve(at("2019-01-16", 9, 45)))).unwrap(),
        [vx(2, -1)]
    );
}

#[test]
fn a_month_without_a_price_is_not_picked() {
    let spread = structure("future spread", "long month 4, short month 7");
    let curve = curve(at("2019-01-17", 9, 45));
    let no = pick_futures(&spread, Some(&curve)).unwrap_err();
    assert_eq!(no.reason, PickError::NoFuture { month: 7 });
    assert_eq!(no.reason.to_string(), "the curve has no price for month 7");
    assert_eq!(
        pick_futures(&spread, None).unwrap_err().reason,
        PickError::NoCurve("VX")
    );
    let es = FuturesCurve {
        root: FutureRoot::Es,
        ..curve
    };
    assert_eq!(
        pick_futures(&spread, Some(&es)).unwrap_err().reason,
        PickError::NoCurve("VX")
    );
}
