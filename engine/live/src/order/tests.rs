use super::*;
use crate::broker::FillKind;
use alula_market::contract::{OptionContract, Right, Root};
use alula_market::time::Date;

fn option(right: Right, strike: i64) -> Instrument {
    Instrument::Option(OptionContract {
        root: Root::parse("SPXW").unwrap(),
        expiry: Date::from_ymd_opt(2026, 12, 18).unwrap(),
        right,
        strike: Price(strike * 1_000),
    })
}

fn condor() -> Vec<LinearLeg> {
    [
        (Right::Put, 4_900, 1),
        (Right::Put, 5_000, -1),
        (Right::Call, 6_000, -1),
        (Right::Call, 6_100, 1),
    ]
    .map(|(right, strike, quantity)| LinearLeg {
        instrument: option(right, strike),
        quantity,
    })
    .to_vec()
}

fn id() -> ClientOrderId {
    ClientOrderId::new("cond-000001-0000000").unwrap()
}

fn intent(quantity: u32) -> Record {
    wire::OrderIntent {
        order: id().to_string(),
        group: "condor".to_owned(),
        rule: "entry".to_owned(),
        purpose: "open".to_owned(),
        legs: condor().iter().map(convert::leg_out).collect(),
        quantity,
        limit_mills: Some(1_200),
        not_after_s: 1_000,
        until_cancelled: false,
        risk_micros: Some(10_000),
        thresholds: 3,
        number: 0,
        shadow: false,
    }
    .into()
}

fn fill(exec: &str, leg: usize, packages: i64, price: i64) -> Fill {
    let leg = condor()[leg];
    Fill {
        kind: FillKind::Trade,
        exec_id: exec.into(),
        corrects: None,
        order: Some(id()),
        instrument: leg.instrument,
        quantity: leg.quantity * packages,
        price: Price(price),
        fee: Some(Usd(650_000)),
        at: Instant(500),
    }
}

fn said(event: &BrokerEvent) -> Record {
    wire::Broker {
        said: convert::event_out(event).unwrap(),
    }
    .into()
}

fn orders(quantity: u32) -> Orders {
    let mut orders = Orders::default();
    orders.apply(1, &intent(quantity)).unwrap();
    orders
}

fn take(orders: &mut Orders, event: &BrokerEvent) -> Vec<Notice> {
    orders.apply(2, &said(event)).unwrap()
}

fn filled(orders: &mut Orders, fill: Fill) -> Vec<Notice> {
    take(orders, &BrokerEvent::Filled(fill))
}

fn state(orders: &Orders) -> OrderState {
    orders.get(&id()).unwrap().state
}

fn keys(notices: &[Notice]) -> Vec<&str> {
    notices
        .iter()
        .filter_map(|n| match n {
            Notice::Alarm { key, .. } => Some(*key),
            _ => None,
        })
        .collect()
}

fn packages(notices: &[Notice]) -> u32 {
    let count = |n: &Notice| {
        if let Notice::Packages { packages, .. } = n {
            *packages
        } else {
            0
        }
    };
    notices.iter().map(count).sum()
}

#[test]
fn legs_in_any_order_make_packages() {
    let mut orders = orders(2);
    take(
        &mut orders,
        &BrokerEvent::Acknowledged {
            order: id(),
            broker_order: "77".into(),
        },
    );
    assert_eq!(state(&orders), OrderState::Working);
    let mut told = 0;
    for (exec, leg, count, price) in [("a", 3, 2, 500), ("b", 0, 1, 400), ("c", 1, 2, 900)] {
        told += packages(&filled(&mut orders, fill(exec, leg, count, price)));
    }
    assert_eq!((told, state(&orders)), (0, OrderState::Partial));
    told += packages(&filled(&mut orders, fill("d", 2, 2, 700)));
    assert_eq!(told, 1, "the put that protects was bought once");
    let notices = filled(&mut orders, fill("e", 0, 1, 600));
    assert_eq!((packages(&notices), state(&orders)), (1, OrderState::Filled));
    let order = orders.get(&id()).unwrap();
    // Sold 2 x (0.9 + 0.7), bought 2 x 0.5, 0.4 and 0.6: 3.2 - 1.0 - 1.0 in points.
    assert_eq!(order.traded.net(), Price(1_200));
    assert_eq!(order.traded.fee, Usd(5 * 650_000));
    assert_eq!(orders.positions().len(), 4);
}

#[test]
fn what_is_told_of_packages_adds_up_to_the_trades() {
    let mut orders = orders(3);
    let mut parts = Vec::new();
    for (i, (leg, count)) in [(0, 3), (1, 1), (2, 2), (3, 3), (1, 2), (2, 1)]
        .into_iter()
        .enumerate()
    {
        for notice in filled(&mut orders, fill(&format!("x{i}"), leg, count, 100)) {
            if let Notice::Packages { parts: more, .. } = notice {
                parts.extend(more);
            }
        }
    }
    let mut sums: BTreeMap<Instrument, i64> = BTreeMap::new();
    for part in parts {
        *sums.entry(part.instrument).or_default() += part.quantity;
    }
    assert_eq!(&sums, orders.positions());
    assert_eq!(state(&orders), OrderState::Filled);
}

#[test]
fn a_trade_that_comes_twice_counts_once() {
    let mut orders = orders(1);
    filled(&mut orders, fill("a", 0, 1, 100));
    let before = orders.clone();
    assert_eq!(filled(&mut orders, fill("a", 0, 1, 100)), []);
    assert_eq!(orders, before);
    let other = filled(&mut orders, fill("a", 0, 1, 999));
    assert_eq!(keys(&other), ["fill-differs"]);
    assert_eq!(orders, before);
}

#[test]
fn a_correction_replaces_in_whatever_order_it_comes() {
    let correction = |exec: &str, old: &str, price: i64| Fill {
        corrects: Some(old.into()),
        ..fill(exec, 0, 1, price)
    };
    let chain = [
        fill("a", 0, 1, 100),
        correction("b", "a", 200),
        correction("c", "b", 300),
    ];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut orders = orders(1);
        for i in order {
            filled(&mut orders, chain[i].clone());
        }
        assert_eq!(
            orders.positions().values().copied().collect::<Vec<_>>(),
            [1],
            "{order:?}"
        );
        let prices: Vec<i64> = orders.fills().of(&id()).map(|f| f.price.0).collect();
        assert_eq!(prices, [300], "{order:?}");
    }
}

#[test]
fn a_correction_that_takes_a_trade_back_takes_it_back() {
    let mut orders = orders(1);
    for leg in 0..3 {
        filled(&mut orders, fill(&format!("l{leg}"), leg, 1, 100));
    }
    let bust = Fill {
        corrects: Some("l0".into()),
        quantity: 0,
        ..fill("bust", 0, 1, 0)
    };
    let notices = filled(&mut orders, bust);
    assert!(keys(&notices).contains(&"fill-corrected"));
    assert_eq!(orders.positions().len(), 2);
}

/// I5.
#[test]
fn ends_absorb_whatever_happens_afterwards() {
    let all = [
        Happened::Sent,
        Happened::NotSent,
        Happened::SentOrNot,
        Happened::Acknowledged,
        Happened::Traded,
        Happened::Cancelled,
        Happened::Expired,
        Happened::Rejected,
        Happened::Abandoned,
    ];
    for state in OrderState::ALL {
        for event in all {
            for share in [Filled::None, Filled::Some, Filled::All] {
                let next = state.after(event, share);
                if state.is_end() {
                    assert_eq!(next, state);
                }
                // Nothing goes back to before the send, and what has traded is never called abandoned or refused.
                assert!(next != OrderState::Intent || state == OrderState::Intent);
                if share != Filled::None && !state.is_end() {
                    assert!(!matches!(next, OrderState::Abandoned | OrderState::Rejected));
                }
            }
        }
    }
}

#[test]
fn a_trade_after_the_end_counts_and_is_told() {
    let mut orders = orders(1);
    let cancelled = BrokerEvent::Cancelled {
        order: id(),
        why: String::new(),
    };
    take(&mut orders, &cancelled);
    let notices = filled(&mut orders, fill("late", 0, 1, 100));
    assert_eq!(keys(&notices), ["late-fill"]);
    assert_eq!(state(&orders), OrderState::Cancelled);
    assert_eq!(orders.positions().len(), 1);
}

#[test]
fn an_abandoned_order_that_lives_is_taken_back() {
    let mut orders = orders(1);
    let abandoned = wire::IntentAbandoned {
        order: id().to_string(),
        why: String::new(),
    };
    orders.apply(2, &abandoned.into()).unwrap();
    let notices = take(
        &mut orders,
        &BrokerEvent::Acknowledged {
            order: id(),
            broker_order: "1".into(),
        },
    );
    assert!(notices.contains(&Notice::TakeBack(id())));
    assert_eq!(state(&orders), OrderState::Abandoned);
}

#[test]
fn an_order_of_unknown_fate_counts_as_open_risk() {
    let mut orders = orders(1);
    let result = wire::SubmitResult {
        order: id().to_string(),
        submission: wire::Submission::Unknown("timeout".to_owned()),
    };
    orders.apply(2, &result.into()).unwrap();
    assert_eq!(state(&orders), OrderState::Unknown);
    assert_eq!(orders.open_risk().known, Usd(10_000));
    let expired = BrokerEvent::Expired { order: id() };
    take(&mut orders, &expired);
    assert_eq!(orders.open_risk().known, Usd::ZERO);
}

#[test]
fn a_package_that_ends_with_uneven_legs_is_told() {
    let mut orders = orders(1);
    filled(&mut orders, fill("a", 1, 1, 100));
    let notices = take(&mut orders, &BrokerEvent::Expired { order: id() });
    assert_eq!(keys(&notices), ["broken-package"]);
}

#[test]
fn strange_trades_and_too_many_are_told_and_count() {
    let mut orders = orders(1);
    let strange = Fill {
        instrument: option(Right::Call, 9_000),
        ..fill("s", 0, 1, 100)
    };
    assert_eq!(keys(&filled(&mut orders, strange)), ["strange-fill"]);
    assert_eq!(keys(&filled(&mut orders, fill("o", 0, 2, 100))), ["overfill"]);
    assert_eq!(orders.positions().len(), 2);
}

#[test]
fn what_is_carried_is_the_same_again() {
    let mut orders = orders(2);
    filled(&mut orders, fill("a", 0, 1, 100));
    filled(
        &mut orders,
        Fill {
            corrects: Some("a".into()),
            ..fill("b", 0, 1, 150)
        },
    );
    let leg = condor()[1];
    orders
        .apply(
            5,
            &wire::PositionMoved {
                moved: convert::leg_out(&leg),
                why: String::new(),
            }
            .into(),
        )
        .unwrap();
    let carried = orders.carry(Instant(600));
    let mut next = Orders::default();
    next.apply(1, &carried.clone().into()).unwrap();
    assert_eq!(next.positions(), orders.positions());
    assert_eq!(next.get(&id()).unwrap().traded, orders.get(&id()).unwrap().traded);
    assert_eq!(next.carry(Instant(600)), carried);
    // Eleven days on, the trades of ended orders are part of the positions alone.
    let expired = BrokerEvent::Expired { order: id() };
    take(&mut next, &expired);
    let late = next.carry(Instant(600 + 11 * 86_400));
    assert_eq!((late.fills.len(), late.orders.len()), (0, 0));
    let mut last = Orders::default();
    last.apply(1, &late.into()).unwrap();
    assert_eq!(last.positions(), orders.positions());
}

#[test]
fn events_come_back_from_the_journals_words() {
    let events = [
        BrokerEvent::Filled(fill("a", 2, 1, -50)),
        BrokerEvent::SnapshotOrder {
            request: 3,
            row: crate::broker::OrderRow {
                order: Some(id()),
                broker_order: "x".into(),
                status: OrderStatus::Expired,
                filled: 1,
                left: 0,
            },
        },
        BrokerEvent::SnapshotPosition {
            request: 1,
            held: condor()[1],
        },
        BrokerEvent::Quote(crate::broker::Quote {
            instrument: option(Right::Put, 1),
            bid: None,
            ask: Some(Price(5)),
            bid_size: None,
            ask_size: Some(1),
            at: Instant(4),
        }),
    ];
    for event in events {
        let record = said(&event);
        let bytes = record.to_bytes().unwrap();
        let Record::Broker(read) = Record::from_bytes(record.kind(), 1, &bytes).unwrap() else {
            panic!()
        };
        assert_eq!(convert::event_in(&read.said), Ok(event));
    }
    let strange = wire::Instrument::Share {
        symbol: "NOPE".to_owned(),
    };
    assert!(convert::instrument_in(&strange).is_err());
}
