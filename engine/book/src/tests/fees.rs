//! What orders cost.

use super::support::*;
use crate::fees::{FeeLeg, FeeSchedule, Fees};
use alula_market::contract::Root;
use alula_market::money::{Price, Usd};

fn condor_at(root: Root, premiums: [i64; 4]) -> Vec<FeeLeg> {
    let ratios = [1, -1, -1, 1];
    ratios
        .iter()
        .zip(premiums)
        .map(|(&ratio, p)| FeeLeg {
            root,
            ratio,
            premium: Price(p),
        })
        .collect()
}

/// The published worked example: an SPXW condor for 0.70, every leg between 0.10 and 1.00, costs about 4.75 dollars:
/// (0.65 + 0.49 + 0.02 + 0.027) × 4, here with the exact regulatory rate and the activity fee on the two sales.
#[test]
fn an_spxw_condor_for_seventy_cents_costs_four_seventy_five() {
    let ibkr = FeeSchedule::named("ibkr").unwrap();
    let legs = condor_at(Root::Spxw, [150, 500, 550, 200]);
    let fees = ibkr.fees(&legs, 1, day("2024-01-02")).unwrap();
    let expected = Fees {
        commission: usd("2.60"),    // 4 × 0.65
        exchange: usd("1.96"),      // 4 × 0.49
        regulatory: usd("0.11298"), // 4 × 0.02685 + 2 × 0.00279
        clearing: usd("0.08"),      // 4 × 0.02
    };
    assert_eq!(fees, expected);
    assert_eq!(fees.total(), usd("4.75298"));
    assert_eq!(fees.total().to_string(), "4.75");
}

#[test]
fn premium_bands_are_closed_below_and_open_above() {
    let ibkr = FeeSchedule::named("ibkr").unwrap();
    let one = |root, premium| {
        let legs = vec![FeeLeg {
            root,
            ratio: 10,
            premium: Price(premium),
        }];
        let fees = ibkr.fees(&legs, 1, day("2024-01-02")).unwrap();
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
    let one = vec![FeeLeg {
        root: Root::Spxw,
        ratio: 1,
        premium: Price(20),
    }];
    assert_eq!(
        ibkr.fees(&one, 1, day("2024-01-02")).unwrap().commission,
        usd("1.00")
    );
    assert_eq!(
        ibkr.fees(&one, 2_750, day("2024-01-02")).unwrap().clearing,
        usd("55")
    );
    assert_eq!(
        ibkr.fees(&one, 5_000, day("2024-01-02")).unwrap().clearing,
        usd("55")
    );
    assert_eq!(ibkr.fees(&[], 1, day("2024-01-02")).unwrap(), Fees::ZERO);
}

#[test]
fn complex_vix_orders_pay_less_than_single_ones() {
    let ibkr = FeeSchedule::named("ibkr").unwrap();
    let leg = FeeLeg {
        root: Root::Vix,
        ratio: 1,
        premium: Price(500),
    };
    let on = day("2024-01-02");
    assert_eq!(ibkr.fees(&[leg], 1, on).unwrap().exchange, usd("0.25"));
    assert_eq!(ibkr.fees(&[leg, leg], 1, on).unwrap().exchange, usd("0.34"));
}

#[test]
fn flat_and_none_are_what_they_say() {
    let legs = condor_at(Root::Spx, [150, 500, 550, 200]);
    let on = day("2024-01-02");
    let flat = FeeSchedule::named("flat").unwrap();
    assert_eq!(flat.fees(&legs, 2, on).unwrap().total(), usd("10.40"));
    assert_eq!(FeeSchedule::none().fees(&legs, 2, on).unwrap(), Fees::ZERO);
    assert_eq!(FeeSchedule::named("ibrk"), None);
}

#[test]
fn the_newest_row_in_force_applies() {
    let mut schedule = FeeSchedule::named("flat").unwrap();
    let mut dearer = schedule.rows[0].clone();
    dearer.effective = Some(day("2025-01-01"));
    dearer.each = Usd(1_000_000);
    schedule.rows.push(dearer);
    let leg = [FeeLeg {
        root: Root::Spxw,
        ratio: -1,
        premium: Price(500),
    }];
    assert_eq!(
        schedule.fees(&leg, 1, day("2024-12-31")).unwrap().commission,
        usd("0.65")
    );
    assert_eq!(
        schedule.fees(&leg, 1, day("2025-01-01")).unwrap().commission,
        usd("1.00")
    );
}

#[test]
fn a_root_without_rows_is_an_error() {
    let mut schedule = FeeSchedule::named("flat").unwrap();
    schedule.rows[0].root = Some(Root::Spxw);
    let leg = [FeeLeg {
        root: Root::Vix,
        ratio: -1,
        premium: Price(500),
    }];
    let error = schedule.fees(&leg, 1, day("2024-12-31")).unwrap_err();
    assert_eq!(error.to_string(), "fee schedule `flat` has no row for `VIX`");
}
