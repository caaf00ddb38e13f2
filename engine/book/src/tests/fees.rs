//! What orders cost.

use super::support::*;
use crate::fees::{Class, Component, FeeDay, FeeLeg, FeeSchedule, Fees};
use alula_market::contract::Root;
use alula_market::money::{Price, Usd};

fn leg(symbol: &'static str, ratio: i32, premium: i64) -> FeeLeg {
    FeeLeg {
        symbol,
        class: Class::Option,
        ratio,
        premium: Price(premium),
        closing: false,
    }
}

fn future(symbol: &'static str, ratio: i32) -> FeeLeg {
    FeeLeg {
        class: Class::Future,
        ..leg(symbol, ratio, 4_000_000)
    }
}

fn on(text: &str) -> FeeDay {
    FeeDay::first(day(text))
}

fn condor_at(root: Root, premiums: [i64; 4]) -> Vec<FeeLeg> {
    let ratios = [1, -1, -1, 1];
    ratios
        .iter()
        .zip(premiums)
        .map(|(&ratio, p)| leg(root.symbol(), ratio, p))
        .collect()
}

/// The published worked example: an SPXW condor for 0.70, every leg between 0.10 and 1.00, costs about 4.75 dollars:
/// (0.65 + 0.49 + 0.02 + 0.027) × 4, here with the exact regulatory rate and the activity fee on the two sales.
#[test]
fn an_spxw_condor_for_seventy_cents_costs_four_seventy_five() {
    let ibkr = FeeSchedule::named("ibkr").unwrap();
    let legs = condor_at(Root::Spxw, [150, 500, 550, 200]);
    let fees = ibkr.fees(&legs, 1, on("2024-01-02")).unwrap();
    let expected = Fees {
        commission: usd("2.60"),    // 4 × 0.65
        exchange: usd("1.96"),      // 4 × 0.49
        regulatory: usd("0.11298"), // 4 × 0.02685 + 2 × 0.00279
        clearing: usd("0.08"),      // 4 × 0.02
        stand_in: false,
    };
    assert_eq!(fees, expected);
    assert_eq!(fees.total(), usd("4.75298"));
    assert_eq!(fees.total().to_string(), "4.75");
}

#[test]
fn premium_bands_are_closed_below_and_open_above() {
    let ibkr = FeeSchedule::named("ibkr").unwrap();
    let one = |root: Root, premium| {
        let legs = vec![leg(root.symbol(), 10, premium)];
        let fees = ibkr.fees(&legs, 1, on("2024-01-02")).unwrap();
        (fees.commission, fees.exchange)
    };
    assert_eq!(one(Root::Spx, 49), (usd("2.50"), usd("3.60")));
    assert_eq!(one(Root::Spx, 50), (usd("5.00"), usd("3.60")));
    assert_eq!(one(Root::Spx, 99), (usd("5.00"), usd("3.60")));
    assert_eq!(one(Root::Spx, 100), (usd("6.50"), usd("3.60")));
    assert_eq!(one(Root::Spx, 1_000), (usd("6.50"), usd("4.50")));
    assert_eq!(one(Root::Spxw, 1_000), (usd("6.50"), usd("5.80")));
    assert_eq!(one(Root::Vix, 110), (usd("6.50"), usd("2.50")));
    assert_eq!(one(Root::Xsp, 500), (usd("6.50"), usd("0.70")));
}

#[test]
fn an_order_pays_the_minimum_commission_and_clearing_is_capped_per_leg() {
    let ibkr = FeeSchedule::named("ibkr").unwrap();
    let one = vec![leg("SPXW", 1, 20)];
    assert_eq!(
        ibkr.fees(&one, 1, on("2024-01-02")).unwrap().commission,
        usd("1.00")
    );
    assert_eq!(
        ibkr.fees(&one, 2_750, on("2024-01-02")).unwrap().clearing,
        usd("55")
    );
    assert_eq!(
        ibkr.fees(&one, 5_000, on("2024-01-02")).unwrap().clearing,
        usd("55")
    );
    assert_eq!(ibkr.fees(&[], 1, on("2024-01-02")).unwrap(), Fees::ZERO);
}

#[test]
fn complex_vix_orders_pay_less_than_single_ones() {
    let ibkr = FeeSchedule::named("ibkr").unwrap();
    let leg = leg("VIX", 1, 500);
    let on = on("2024-01-02");
    assert_eq!(ibkr.fees(&[leg], 1, on).unwrap().exchange, usd("0.25"));
    assert_eq!(ibkr.fees(&[leg, leg], 1, on).unwrap().exchange, usd("0.34"));
}

#[test]
fn flat_and_none_are_what_they_say() {
    let legs = condor_at(Root::Spx, [150, 500, 550, 200]);
    let on = on("2024-01-02");
    let flat = FeeSchedule::named("flat").unwrap();
    assert_eq!(flat.fees(&legs, 2, on).unwrap().total(), usd("10.40"));
    assert_eq!(FeeSchedule::none().fees(&legs, 2, on).unwrap(), Fees::ZERO);
    assert_eq!(FeeSchedule::named("ibrk"), None);
}

#[test]
fn the_newest_row_in_force_applies() {
    let mut schedule = FeeSchedule::named("flat").unwrap();
    let mut dearer = schedule.rows[0].clone();
    dearer.from = day("2025-01-01");
    dearer.each = Usd(1_000_000);
    schedule.rows.push(dearer);
    let leg = [leg("SPXW", -1, 500)];
    assert_eq!(
        schedule.fees(&leg, 1, on("2024-12-31")).unwrap().commission,
        usd("0.65")
    );
    assert_eq!(
        schedule.fees(&leg, 1, on("2025-01-01")).unwrap().commission,
        usd("1.00")
    );
}

#[test]
fn a_root_without_rows_is_an_error() {
    let mut schedule = FeeSchedule::named("flat").unwrap();
    schedule.rows[0].symbols = &["SPXW"];
    let leg = [leg("VIX", -1, 500)];
    let error = schedule.fees(&leg, 1, on("2024-12-31")).unwrap_err();
    assert_eq!(error.to_string(), "fee schedule `flat` has no row for `VIX`");
}

/// Clearing: OCC announcements of 2020-09-01, 2021-06-01 and 2025. Regulatory: IBKR's pages of 2024-01-01 and 2025-03-03;
/// FINRA's rate of each January.
#[test]
fn a_fill_pays_the_rates_of_its_day() {
    let ibkr = FeeSchedule::named("ibkr").unwrap();
    let sale = [leg("SPXW", -1, 500)];
    let of = |text: &str| {
        let fees = ibkr.fees(&sale, 1, on(text)).unwrap();
        assert!(!fees.stand_in, "{text}");
        (fees.clearing, fees.regulatory)
    };
    assert_eq!(of("2020-08-31").0, usd("0.055"));
    assert_eq!(of("2020-09-01").0, usd("0.045"));
    assert_eq!(of("2021-06-01").0, usd("0.02"));
    assert_eq!(of("2023-12-31").1, usd("0.02135") + usd("0.00244"));
    assert_eq!(of("2024-01-01").1, usd("0.02685") + usd("0.00279"));
    assert_eq!(of("2025-03-03"), (usd("0.025"), usd("0.02815") + usd("0.00279")));
    // The cap on one trade's clearing went with the rate of 2025.
    let many = |text: &str| {
        ibkr.fees(&[leg("SPXW", 1, 500)], 5_000, on(text))
            .unwrap()
            .clearing
    };
    assert_eq!((many("2024-12-31"), many("2025-01-02")), (usd("55"), usd("125")));
}

#[test]
fn a_day_outside_the_table_pays_the_nearest_rates_and_says_so() {
    let ibkr = FeeSchedule::named("ibkr").unwrap();
    assert_eq!(ibkr.known_from(), Some(day("2018-11-06")));
    let sale = [leg("SPXW", -1, 500)];
    let early = ibkr.fees(&sale, 1, on("2012-03-01")).unwrap();
    assert!(early.stand_in);
    assert_eq!((early.exchange, early.clearing), (usd("0.48"), usd("0.05")));
    let late = ibkr.fees(&sale, 1, on("2031-03-01")).unwrap();
    assert!(late.stand_in);
    assert_eq!(late.clearing, usd("0.025"));
    assert!(
        !FeeSchedule::named("flat")
            .unwrap()
            .fees(&sale, 1, on("1999-01-04"))
            .unwrap()
            .stand_in
    );
}

/// 9,990 contracts this month: ten more at 0.65, the rest at 0.50; from 50,000 at 0.25 whatever the premium.
#[test]
fn volume_of_the_month_moves_the_next_contracts_to_the_next_tier() {
    let ibkr = FeeSchedule::named("ibkr").unwrap();
    let of = |month_contracts| {
        let day = FeeDay {
            on: day("2024-01-31"),
            month_contracts,
        };
        ibkr.fees(&[leg("SPX", 25, 500)], 1, day).unwrap().commission
    };
    assert_eq!(of(0), usd("16.25"));
    assert_eq!(of(9_990), usd("14.00"));
    assert_eq!(of(49_999), usd("6.50"));
    assert_eq!(of(200_000), usd("3.75"));
    // A spread's second leg counts the first one's contracts.
    let day = FeeDay {
        on: day("2024-01-31"),
        month_contracts: 9_999,
    };
    let two = ibkr
        .fees(&[leg("SPX", 1, 500), leg("SPX", -1, 500)], 1, day)
        .unwrap();
    assert_eq!(two.commission, usd("1.15"));
}

/// IBKR's futures page: 0.85, micro contracts 0.25; CFE 1.51 (VX) and 0.20 (VXM); CME 1.38 and 0.35; NFA 0.02.
#[test]
fn futures_have_their_own_rows() {
    let ibkr = FeeSchedule::named("ibkr").unwrap();
    let total = |symbol| {
        ibkr.fees(&[future(symbol, -2)], 1, on("2024-06-03"))
            .unwrap()
            .total()
    };
    assert_eq!(total("VX"), usd("4.76"));
    assert_eq!(total("VXM"), usd("0.94"));
    assert_eq!(total("ES"), usd("4.50"));
    assert_eq!(total("MES"), usd("1.24"));
    let mut bare = ibkr.clone();
    bare.rows.retain(|r| r.class == Class::Option);
    let error = bare.fees(&[future("VX", 1)], 1, on("2024-06-03")).unwrap_err();
    assert_eq!(error.to_string(), "fee schedule `ibkr` has no row for `VX`");
}

#[test]
fn every_row_has_a_source_a_day_and_a_component_that_is_shown() {
    for name in FeeSchedule::NAMES {
        let schedule = FeeSchedule::named(name).unwrap();
        assert!(!schedule.about.is_empty());
        for row in &schedule.rows {
            assert!(!row.source.is_empty() && Component::ALL.contains(&row.component));
            assert!(row.until.is_none_or(|u| u > row.from));
        }
    }
}
