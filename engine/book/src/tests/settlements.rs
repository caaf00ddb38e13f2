//! Expiry.

use super::support::*;
use crate::{Book, BookConfig, BookEvent, ExecutionKind, Invariant, Leg, OrderKind, Package, SettleError};
use alula_market::contract::Right::{Call, Put};
use alula_market::contract::{Root, SettlementValue};
use alula_market::money::Price;
use alula_market::time::{Date, Instant};

/// Opens packages at one snapshot, one lot each.
fn holding(packages: &[Package], rows: &[Row], config: BookConfig) -> Book {
    let mut book = Book::new(config);
    for package in packages {
        let kind = OrderKind::Open {
            package: package.clone(),
        };
        book.submit(request(kind, 1, tick_on("2019-04-29"))).unwrap();
    }
    let events = book.on_snapshot(&chain(tick_on("2019-04-30"), 2943, rows));
    assert!(
        events.iter().all(|e| matches!(e, BookEvent::Filled(_))),
        "{events:?}"
    );
    book
}

fn at(date: &str, hour: u32, minute: u32) -> Instant {
    Instant::from_eastern(day(date), hour, minute).unwrap()
}

/// nautilus_trader #4966: a call vertical 6135/6145 expires at 16:00; the index is 6142.62 then, 6145.11 was stale. Each
/// leg settles at the one official value: 7.62 and 0.00, never 10.11.
#[test]
fn every_leg_of_an_expiry_settles_at_one_value() {
    let expiry = "2019-05-31";
    let rows = [
        (contract(Root::Spxw, expiry, Call, 6135), 9_000, 9_200),
        (contract(Root::Spxw, expiry, Call, 6145), 4_000, 4_200),
    ];
    let value = settles(Root::Spxw, expiry, "6142.62");
    for order in [
        [(Call, 6135, 1), (Call, 6145, -1)],
        [(Call, 6145, -1), (Call, 6135, 1)],
    ] {
        let mut book = holding(&[legs(expiry, &order)], &rows, config());
        // A second before, nothing is due: the stale value has no way in.
        let before = Instant(value.at.0 - 1);
        let events = book.settle(before, &|_, _| panic!("asked too early")).unwrap();
        assert_eq!(events, []);
        let events = book.settle(value.at, &|_, _| Some(value)).unwrap();
        let [BookEvent::Settled(execution)] = &events[..] else {
            panic!("{events:?}")
        };
        let worth = |strike: i64| {
            execution
                .legs
                .iter()
                .find(|l| l.contract.strike == Price(strike * 1000))
                .unwrap()
                .points
                .share
        };
        assert_eq!((worth(6135), worth(6145)), (pts("7.62"), pts("0.00")));
        assert_eq!(execution.cash.share, usd("762"));
        assert_eq!(execution.kind, ExecutionKind::Settle);
        assert_eq!(book.closed()[0].closed_by.as_deref(), Some("expiry"));
        book.check().unwrap();
        book.audit().unwrap();
    }
}

#[test]
fn a_calendar_keeps_its_far_leg() {
    let far = Leg {
        contract: contract(Root::Spxw, "2019-06-28", Call, 2900),
        ratio: 1,
    };
    let near = Leg {
        contract: contract(Root::Spxw, "2019-05-31", Call, 2900),
        ratio: -1,
    };
    let rows = [(far.contract, 80_000, 80_600), (near.contract, 60_000, 60_600)];
    let mut book = holding(&[Package::new(vec![near, far]).unwrap()], &rows, config());
    let value = settles(Root::Spxw, "2019-05-31", "2950");
    book.settle(value.at, &|_, _| Some(value)).unwrap();
    let position = book.positions().next().unwrap();
    assert_eq!(position.legs.len(), 1);
    assert_eq!(position.legs[0].contract, far.contract);
    // Paid 20.60 at natural; the near leg cost 50.
    assert_eq!(position.cash.natural, usd("-2060") + usd("-5000"));
    book.check().unwrap();
    book.mark(&chain(
        tick_on("2019-06-03"),
        2950,
        &[(far.contract, 70_000, 70_600)],
    ));
    assert_eq!(book.equity().natural, usd("250000") + usd("-7060") + usd("7000"));
    book.check().unwrap();
}

#[test]
fn morning_and_closing_roots_of_one_date_settle_apart() {
    let third_friday = "2019-05-17";
    let am = Leg {
        contract: contract(Root::Spx, third_friday, Put, 2900),
        ratio: 1,
    };
    let pm = Leg {
        contract: contract(Root::Spxw, third_friday, Put, 2900),
        ratio: -1,
    };
    let rows = [(am.contract, 20_000, 20_600), (pm.contract, 21_000, 21_600)];
    let mut book = holding(&[Package::new(vec![am, pm]).unwrap()], &rows, config());
    let values = |root: Root, _: Date| {
        Some(settles(
            root,
            third_friday,
            if root == Root::Spx { "2890" } else { "2860" },
        ))
    };
    assert_eq!(book.settle(at(third_friday, 9, 29), &values).unwrap(), []);
    assert_eq!(book.settle(at(third_friday, 9, 30), &values).unwrap().len(), 1);
    assert_eq!(book.positions().next().unwrap().legs.len(), 1);
    assert_eq!(book.settle(at(third_friday, 16, 0), &values).unwrap().len(), 1);
    let position = &book.closed()[0];
    // 0.40 taken in at natural, 10 received, 40 paid.
    assert_eq!(position.pnl().natural, usd("40") + usd("1000") - usd("4000"));
    // Late in one call gives the same money.
    let mut late = holding(&[Package::new(vec![am, pm]).unwrap()], &rows, config());
    late.settle(at("2019-05-20", 9, 45), &values).unwrap();
    assert_eq!(late.closed()[0].pnl(), position.pnl());
}

#[test]
fn a_value_published_later_is_waited_for() {
    let expiry = "2019-05-17";
    let leg = Leg {
        contract: contract(Root::Spx, expiry, Put, 2900),
        ratio: 1,
    };
    let mut book = holding(
        &[Package::new(vec![leg]).unwrap()],
        &[(leg.contract, 20_000, 20_600)],
        config(),
    );
    let value = SettlementValue {
        at: at(expiry, 10, 30),
        ..settles(Root::Spx, expiry, "2890")
    };
    assert_eq!(book.settle(at(expiry, 9, 45), &|_, _| Some(value)).unwrap(), []);
    book.check().unwrap();
    let events = book.settle(at(expiry, 15, 45), &|_, _| Some(value)).unwrap();
    let [BookEvent::Settled(execution)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(execution.at, at(expiry, 10, 30));
}

#[test]
fn missing_and_approximate_values_stop_before_anything_settles() {
    let expiry = "2019-05-31";
    let rows = condor_rows(expiry);
    let mut book = holding(&[condor(expiry)], &rows, config());
    let before = book.clone();
    let now = at(expiry, 16, 0);
    let error = book.settle(now, &|_, _| None).unwrap_err();
    assert_eq!(
        error,
        SettleError::Missing {
            root: Root::Spxw,
            expiry: day(expiry)
        }
    );
    assert_eq!(
        error.to_string(),
        "no settlement value for SPXW expiring 2019-05-31"
    );
    let stand_in = SettlementValue {
        approximate: true,
        ..settles(Root::Spxw, expiry, "2900")
    };
    let error = book.settle(now, &|_, _| Some(stand_in)).unwrap_err();
    assert!(matches!(error, SettleError::Approximate { .. }));
    assert_eq!(book.trades(), before.trades());
    assert_eq!(book.cash(), before.cash());

    let mut lenient = holding(
        &[condor(expiry)],
        &rows,
        BookConfig {
            settle_approximate: true,
            ..config()
        },
    );
    assert!(!lenient.is_approximate());
    lenient.settle(now, &|_, _| Some(stand_in)).unwrap();
    assert!(lenient.is_approximate());
    assert!(lenient.closed()[0].approximate);
}

#[test]
fn a_leg_is_past_its_settlement_instant_not_its_label() {
    // Listed with a Saturday as expiry, as monthly options were until 2015, and settled on the Friday.
    let mut book = Book::new(config());
    let package = legs("2013-06-22", &[(Put, 1500, 1)]);
    let rows = [(contract(Root::Spxw, "2013-06-22", Put, 1500), 1_000, 1_100)];
    let snapshot = |on: &str| {
        let mut chain = chain(tick_on(on), 1600, &rows);
        for expiry in &mut chain.expiries {
            expiry.settles_at = Instant::from_eastern(day("2013-06-21"), 16, 0).unwrap();
        }
        chain
    };
    book.submit(request(OrderKind::Open { package }, 1, tick_on("2013-06-19")))
        .unwrap();
    book.on_snapshot(&snapshot("2013-06-20"));
    book.check().unwrap();
    book.mark(&snapshot("2013-06-22"));
    assert_eq!(book.check().unwrap_err().which, Invariant::NothingPastExpiry);
}

#[test]
fn a_leg_past_its_expiry_is_a_breach() {
    let expiry = "2019-05-31";
    let mut book = holding(&[condor(expiry)], &condor_rows(expiry), config());
    book.mark(&chain(tick_on(expiry), 2943, &[]));
    book.check().unwrap();
    book.mark(&chain(tick_on("2019-06-03"), 2943, &[]));
    let breach = book.check().unwrap_err();
    assert_eq!(breach.which, Invariant::NothingPastExpiry);
    assert!(breach.evidence.contains("SPXW 2019-05-31 P2775"), "{breach}");
}

/// Positions opened in any order, values of one instant that become known in any order, one call or several: the money is the
/// same, and it is what the payoffs say.
#[test]
fn events_of_one_instant_settle_alike_in_any_order() {
    let near = "2019-05-17";
    let put = |root, expiry: &str, strike, ratio| Leg {
        contract: contract(root, expiry, Put, strike),
        ratio,
    };
    let packages = [
        Package::new(vec![
            put(Root::Spx, near, 2900, -1),
            put(Root::Spx, near, 2850, 1),
        ])
        .unwrap(),
        Package::new(vec![
            put(Root::Spxw, near, 2900, 1),
            put(Root::Spxw, near, 2850, -1),
        ])
        .unwrap(),
        Package::new(vec![put(Root::Spxw, near, 2950, 2)]).unwrap(),
    ];
    let rows: Vec<Row> = packages
        .iter()
        .flat_map(|p| p.legs())
        .map(|l| {
            let bid = (l.contract.strike.0 - 2_800_000) / 5;
            (l.contract, bid, bid + 600)
        })
        .collect();
    let known = at(near, 16, 0);
    let worth = |root: Root| if root == Root::Spx { "2880.00" } else { "2860.00" };
    let mut all = Vec::new();
    let roots = [Root::Spx, Root::Spxw, Root::Spxw];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1], [1, 2, 0], [0, 2, 1]] {
        for steps in [1, 3] {
            let opened: Vec<Package> = order.iter().map(|n| packages[*n].clone()).collect();
            let mut book = holding(&opened, &rows, config());
            let paid = book.cash();
            for upto in (4 - steps)..=3 {
                // Values that are not given yet become known a second later.
                let given: Vec<Root> = order.iter().take(upto).map(|n| roots[*n]).collect();
                book.settle(known, &|root, expiry| {
                    let late = Instant(known.0 + 1);
                    Some(SettlementValue {
                        at: if given.contains(&root) { known } else { late },
                        ..settles(root, &expiry.to_string(), worth(root))
                    })
                })
                .unwrap();
                book.check().unwrap();
            }
            book.audit().unwrap();
            assert_eq!(book.positions().count(), 0);
            all.push((book.cash(), book.cash() - paid));
        }
    }
    assert!(all.iter().all(|a| *a == all[0]));
    // By hand: -20, +40 (the 2850 are worthless), 2 times 90, a hundred dollars a point.
    assert_eq!(all[0].1.share, usd("20000"));
}
