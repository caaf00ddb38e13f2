use super::*;
use crate::model::{Instrument, Leg, NANO, Right, Word};

fn word(text: &str) -> Word {
    Word::new(text).unwrap()
}

fn option(class: &str, underlying: &str, expiry: u32, right: Right, strike: i64) -> Instrument {
    Instrument {
        kind: Kind::Option,
        symbol: word(underlying),
        class: word(class),
        currency: word("USD"),
        expiry,
        right: Some(right),
        strike_e9: strike * NANO,
        multiplier_e9: 100 * NANO,
    }
}

fn put(strike: i64) -> Instrument {
    option("SPXW", "SPX", 20_260_116, Right::Put, strike)
}

fn call(strike: i64) -> Instrument {
    option("SPXW", "SPX", 20_260_116, Right::Call, strike)
}

fn package(legs: &[(i32, Instrument)], limit_e9: Option<i64>) -> Package {
    Package {
        id: "main-abc-17".to_owned(),
        group: String::new(),
        legs: legs
            .iter()
            .map(|(ratio, instrument)| Leg {
                ratio: *ratio,
                contract: *instrument,
            })
            .collect(),
        quantity: 2,
        limit_e9,
        life: Life::Day,
        not_after_ns: i64::MAX,
    }
}

/// Contracts 101, 102 …, in the package's order.
fn resolve(package: &Package) -> Vec<Resolved> {
    (101..)
        .zip(&package.legs)
        .map(|(con_id, leg)| Resolved {
            instrument: leg.contract,
            con_id,
            symbol: leg.contract.symbol.to_string(),
            exchange: if leg.contract.kind == Kind::Future {
                "CFE"
            } else {
                "SMART"
            }
            .to_owned(),
        })
        .collect()
}

fn built(package: &Package) -> Result<Built, String> {
    build(package, &resolve(package), "DU1", Combos::Guaranteed)
}

fn legs(built: &Built) -> Vec<(i32, i32, &str)> {
    built
        .contract
        .combo_legs
        .iter()
        .map(|l| (l.contract_id, l.ratio, l.action.as_str()))
        .collect()
}

#[test]
fn a_condor_is_bought_at_a_negative_price_with_each_leg_as_written() {
    // Sold for a credit of 1.15: the long wings bought, the short strikes sold.
    let p = package(
        &[(1, put(5700)), (-1, put(5750)), (-1, call(6100)), (1, call(6150))],
        Some(-1_150_000_000),
    );
    let b = built(&p).unwrap();
    assert_eq!(
        legs(&b),
        [
            (101, 1, "BUY"),
            (102, 1, "SELL"),
            (103, 1, "SELL"),
            (104, 1, "BUY")
        ]
    );
    assert_eq!((b.order.action, b.order.limit_price), (Action::Buy, Some(-1.15)));
    assert_eq!(
        (b.order.total_quantity, b.order.order_type.as_str()),
        (2.0, "LMT")
    );
    assert_eq!(
        (b.contract.symbol.to_string(), b.contract.exchange.to_string()),
        ("SPX".to_owned(), "SMART".to_owned())
    );
    assert_eq!(b.contract.security_type, SecurityType::Spread);
    assert_eq!(
        (b.order.order_ref.as_str(), b.order.account.as_str()),
        ("main-abc-17", "DU1")
    );
    assert_eq!(b.order.tif, TimeInForce::Day);
    // Guaranteed is what the broker does when nothing else is asked.
    assert!(b.order.smart_combo_routing_params.is_empty());
}

#[test]
fn closing_the_condor_is_bought_at_a_positive_price() {
    let p = package(
        &[(-1, put(5700)), (1, put(5750)), (1, call(6100)), (-1, call(6150))],
        Some(400_000_000),
    );
    let b = built(&p).unwrap();
    assert_eq!(
        legs(&b),
        [
            (101, 1, "SELL"),
            (102, 1, "BUY"),
            (103, 1, "BUY"),
            (104, 1, "SELL")
        ]
    );
    assert_eq!((b.order.action, b.order.limit_price), (Action::Buy, Some(0.4)));
}

#[test]
fn a_vertical_and_a_calendar_keep_ratios_and_signs() {
    let debit = package(&[(1, call(6000)), (-1, call(6050))], Some(12_300_000_000));
    assert_eq!(built(&debit).unwrap().order.limit_price, Some(12.3));
    // Two VIX expiries, of a monthly and a weekly class: one underlying.
    let near = option("VIXW", "VIX", 20_260_114, Right::Call, 20);
    let far = option("VIX", "VIX", 20_260_121, Right::Call, 20);
    let calendar = package(&[(-1, near), (2, far)], Some(900_000_000));
    let b = built(&calendar).unwrap();
    assert_eq!(legs(&b), [(101, 1, "SELL"), (102, 2, "BUY")]);
    assert_eq!(b.contract.symbol.to_string(), "VIX");
}

#[test]
fn one_leg_is_an_order_in_its_contract_with_a_price_above_zero() {
    let bought = built(&package(&[(1, call(6000))], Some(5_250_000_000))).unwrap();
    assert_eq!(
        (bought.order.action, bought.order.limit_price),
        (Action::Buy, Some(5.25))
    );
    assert_eq!(
        (bought.contract.contract_id, bought.contract.combo_legs.len()),
        (101, 0)
    );
    let sold = built(&package(&[(-1, call(6000))], Some(-5_250_000_000))).unwrap();
    assert_eq!(
        (sold.order.action, sold.order.limit_price),
        (Action::Sell, Some(5.25))
    );
    let market = built(&package(&[(-1, call(6000))], None)).unwrap();
    assert_eq!(
        (market.order.order_type.as_str(), market.order.limit_price),
        ("MKT", None)
    );
    for (ratio, limit) in [(1, -5_250_000_000), (-1, 5_250_000_000), (1, 0)] {
        assert!(
            built(&package(&[(ratio, call(6000))], Some(limit))).is_err(),
            "{ratio} at {limit}"
        );
    }
}

#[test]
fn packages_with_a_common_divisor_are_sent_in_lowest_terms_and_counted_back() {
    let p = package(&[(-3, put(5750)), (3, put(5700))], Some(-3_450_000_000));
    let b = built(&p).unwrap();
    assert_eq!(legs(&b), [(101, 1, "SELL"), (102, 1, "BUY")]);
    assert_eq!(
        (b.units, b.order.total_quantity, b.order.limit_price),
        (3, 6.0, Some(-1.15))
    );
    assert_eq!(parse_reference(&b.order.order_ref), Some(("main-abc-17", 3)));
    // 3.46 is no price of three equal parts in billionths; it is not rounded against anybody.
    assert!(built(&package(&[(-3, put(5750)), (3, put(5700))], Some(-3_460_000_001))).is_err());
}

#[test]
fn what_cannot_be_guaranteed_is_refused_and_legging_in_only_by_asking() {
    let vix = option("VIX", "VIX", 20_260_121, Right::Call, 20);
    let two = package(&[(-1, put(5750)), (1, vix)], Some(-500_000_000));
    assert!(built(&two).unwrap_err().contains("two underlyings"));
    let future = Instrument {
        kind: Kind::Future,
        class: word("ES"),
        right: None,
        strike_e9: 0,
        multiplier_e9: 50 * NANO,
        ..put(5750)
    };
    assert!(
        built(&package(&[(-1, put(5750)), (1, future)], None))
            .unwrap_err()
            .contains("no guaranteed combination")
    );
    let p = package(&[(-1, put(5750)), (1, put(5700))], Some(-1_150_000_000));
    let legged = build(&p, &resolve(&p), "DU1", Combos::MayLegIn).unwrap();
    assert_eq!(
        legged.order.smart_combo_routing_params,
        [TagValue {
            tag: "NonGuaranteed".into(),
            value: "1".into()
        }]
    );
}

#[test]
fn futures_of_one_class_are_the_exchanges_own_spread() {
    let vx = |expiry| Instrument {
        kind: Kind::Future,
        symbol: word("VIX"),
        class: word("VX"),
        expiry,
        right: None,
        strike_e9: 0,
        multiplier_e9: 1000 * NANO,
        ..put(1)
    };
    let b = built(&package(
        &[(-1, vx(20_260_121)), (1, vx(20_260_218))],
        Some(700_000_000),
    ))
    .unwrap();
    assert_eq!(b.contract.exchange.to_string(), "CFE");
}

#[test]
fn careless_packages_are_refused_in_words() {
    let good = [(-1, put(5750)), (1, put(5700))];
    for (spoil, word) in [
        (
            Box::new(|p: &mut Package| p.quantity = 0) as Box<dyn Fn(&mut Package)>,
            "packages",
        ),
        (Box::new(|p: &mut Package| p.id = "a b".to_owned()), "order id"),
        (
            Box::new(|p: &mut Package| p.legs.iter_mut().for_each(|l| l.ratio = 0)),
            "no contracts",
        ),
        (
            Box::new(|p: &mut Package| p.legs.iter_mut().for_each(|l| l.contract = put(5700))),
            "twice",
        ),
        (Box::new(|p: &mut Package| p.legs.clear()), "no contracts"),
    ] {
        let mut p = package(&good, Some(-1_150_000_000));
        spoil(&mut p);
        let why = built(&p).unwrap_err();
        assert!(why.contains(word), "{why}");
    }
}

#[test]
fn references_that_are_not_ours_are_nobodys() {
    for (text, read) in [
        ("main-abc-17", Some(("main-abc-17", 1))),
        ("x.3", Some(("x", 3))),
        ("", None),
        ("bought by hand", None),
        ("x.1", None),
        ("x.-3", None),
        ("x.y", None),
    ] {
        assert_eq!(parse_reference(text), read, "{text}");
    }
}
