//! What a package costs.

use super::support::*;
use crate::fill::{NoFill, price_close, price_open, price_roll};
use crate::package::{round_against, tick};
use crate::{Band, Cross, Package, PackageError};
use alula_market::contract::{Right, Root};
use alula_market::money::Price;

const EXPIRY: &str = "2019-05-31";

fn cross(share: f64) -> Cross {
    Cross::from_f64(share).unwrap()
}

#[test]
fn a_condor_fills_between_mid_and_natural_on_the_package_tick() {
    let snapshot = chain(tick_on("2019-04-30"), 2943, &condor_rows(EXPIRY));
    let price = price_open(&condor(EXPIRY), &snapshot, cross(0.7)).unwrap();
    // Mid: -9.10 + 14.15 + 4.30 - 0.95 = 8.40. Natural: -9.20 + 14.00 + 4.20 - 1.10 = 7.90.
    // Half-spreads add up to 0.50; 70 % is 0.35; 8.05 is on the tick.
    assert_eq!(
        price.net,
        Band {
            mid: pts("8.40"),
            share: pts("8.05"),
            natural: pts("7.90")
        }
    );
    // At 69 %: 8.055, rounded against the trader to 8.05; at 71 %: 8.045 becomes 8.00.
    assert_eq!(
        price_open(&condor(EXPIRY), &snapshot, cross(0.69))
            .unwrap()
            .net
            .share,
        pts("8.05")
    );
    assert_eq!(
        price_open(&condor(EXPIRY), &snapshot, cross(0.71))
            .unwrap()
            .net
            .share,
        pts("8.00")
    );
    assert_eq!(
        price_open(&condor(EXPIRY), &snapshot, Cross::MID)
            .unwrap()
            .net
            .share,
        pts("8.40")
    );
    assert_eq!(
        price_open(&condor(EXPIRY), &snapshot, Cross::NATURAL)
            .unwrap()
            .net
            .share,
        pts("7.90")
    );
}

#[test]
fn legs_add_up_to_the_net_and_none_is_worse_than_natural() {
    let snapshot = chain(tick_on("2019-04-30"), 2943, &condor_rows(EXPIRY));
    for millis in 0..=1000 {
        let price = price_open(&condor(EXPIRY), &snapshot, cross(f64::from(millis) / 1000.0)).unwrap();
        let sum: Band<Price> = price.legs.iter().map(|l| l.points).sum();
        assert_eq!(sum, price.net);
        assert!(price.net.is_ordered());
        assert!(
            price.legs.iter().all(|l| l.points.is_ordered()),
            "{millis}: {:?}",
            price.legs
        );
        assert_eq!(price.net.share.0 % 50, 0);
    }
}

#[test]
fn closing_pays_the_spread_again() {
    let snapshot = chain(tick_on("2019-04-30"), 2943, &condor_rows(EXPIRY));
    let price = price_close(&condor(EXPIRY), &snapshot, cross(0.7)).unwrap();
    assert_eq!(
        price.net,
        Band {
            mid: pts("-8.40"),
            share: pts("-8.75"),
            natural: pts("-8.90")
        }
    );
}

#[test]
fn each_bad_quote_has_its_own_reason() {
    let with = |at: usize, bid: i64, ask: i64| {
        let mut rows = condor_rows(EXPIRY);
        rows[at].1 = bid;
        rows[at].2 = ask;
        let snapshot = chain(tick_on("2019-04-30"), 2943, &rows);
        price_open(&condor(EXPIRY), &snapshot, cross(0.7)).unwrap_err()
    };
    let rows = condor_rows(EXPIRY);
    assert_eq!(with(0, 0, 0), NoFill::NoQuote(rows[0].0));
    assert_eq!(with(1, 14_000, 14_000), NoFill::Locked(rows[1].0));
    assert_eq!(with(2, 4_400, 4_200), NoFill::Crossed(rows[2].0));
    assert_eq!(with(2, 0, 50), NoFill::NoBid(rows[2].0));
    let snapshot = chain(tick_on("2019-04-30"), 2943, &rows[..3]);
    assert_eq!(
        price_open(&condor(EXPIRY), &snapshot, cross(0.7)).unwrap_err(),
        NoFill::NoStrike(rows[3].0)
    );
    let other = chain(tick_on("2019-04-30"), 2943, &condor_rows("2019-06-28"));
    assert_eq!(
        price_open(&condor(EXPIRY), &other, cross(0.7)).unwrap_err(),
        NoFill::NoChain(rows[0].0)
    );
}

#[test]
fn a_worthless_long_leg_is_sold_for_nothing_when_closing() {
    let mut rows = condor_rows(EXPIRY);
    rows[3].1 = 0;
    rows[3].2 = 100;
    let snapshot = chain(tick_on("2019-04-30"), 2943, &rows);
    let price = price_close(&condor(EXPIRY), &snapshot, cross(0.7)).unwrap();
    assert_eq!(
        price.legs[3].points,
        Band {
            mid: pts("0.05"),
            share: pts("0"),
            natural: pts("0")
        }
    );
    // Buying a leg without a bid pays the share of its spread like any other.
    let price = price_open(&condor(EXPIRY), &snapshot, cross(0.7)).unwrap();
    assert_eq!(price.legs[3].price.share, pts("0.085"));
}

#[test]
fn a_spread_does_not_trade_for_more_than_its_width() {
    let spread = legs(EXPIRY, &[(Right::Put, 2825, -1), (Right::Put, 2775, 1)]);
    let mut rows = condor_rows(EXPIRY);
    (rows[0].1, rows[0].2) = (100_000, 120_000);
    (rows[1].1, rows[1].2) = (150_000, 180_000);
    let snapshot = chain(tick_on("2019-04-30"), 2700, &rows);
    // Buying it back asks 172 - 102.5..., more than 50 points.
    assert!(matches!(
        price_close(&spread, &snapshot, cross(0.7)),
        Err(NoFill::BeyondPayoff { .. })
    ));
    // At mid it is 55: still beyond. Selling it at 0.7 brings 41: allowed.
    assert!(matches!(
        price_close(&spread, &snapshot, Cross::MID),
        Err(NoFill::BeyondPayoff { .. })
    ));
    assert!(price_open(&spread, &snapshot, cross(0.7)).is_ok());
}

#[test]
fn a_roll_trades_only_what_changes() {
    use Right::{Call, Put};
    let to = legs(
        EXPIRY,
        &[(Put, 2725, 1), (Put, 2775, -1), (Call, 3015, -1), (Call, 3065, 1)],
    );
    let mut rows = condor_rows(EXPIRY);
    rows.push((contract(Root::Spxw, EXPIRY, Put, 2725), 6_000, 6_200));
    let snapshot = chain(tick_on("2019-04-30"), 2943, &rows);
    let price = price_roll(&condor(EXPIRY), &to, &snapshot, Cross::NATURAL).unwrap();
    let traded: Vec<(i64, i32)> = price
        .legs
        .iter()
        .map(|l| (l.contract.strike.0 / 1000, l.ratio))
        .collect();
    assert_eq!(traded, [(2775, -2), (2825, 1), (2725, 1)]);
    // Sell two 2775 at 9.00, buy 2825 at 14.30 and 2725 at 6.20.
    assert_eq!(price.net.natural, pts("-2.50"));
}

#[test]
fn ticks_follow_product_price_and_date() {
    let on = day("2024-01-02");
    assert_eq!(tick(Root::Spxw, 4, pts("8.40"), on), pts("0.05"));
    assert_eq!(tick(Root::Spx, 1, pts("2.99"), on), pts("0.05"));
    assert_eq!(tick(Root::Spx, 1, pts("-3.00"), on), pts("0.10"));
    assert_eq!(tick(Root::Xsp, 1, pts("5.00"), on), pts("0.01"));
    assert_eq!(tick(Root::Vix, 2, pts("5.00"), on), pts("0.01"));
    assert_eq!(tick(Root::Vix, 1, pts("5.00"), on), pts("0.05"));
    assert_eq!(tick(Root::Vix, 2, pts("5.00"), day("2019-01-02")), pts("0.05"));
    assert_eq!(round_against(pts("1.049"), pts("0.05")), pts("1.00"));
    assert_eq!(round_against(pts("-1.01"), pts("0.05")), pts("-1.05"));
}

#[test]
fn a_package_is_checked_when_it_is_made() {
    let leg = |strike, ratio| crate::Leg {
        contract: contract(Root::Spxw, EXPIRY, Right::Put, strike),
        ratio,
    };
    let vix = crate::Leg {
        contract: contract(Root::Vix, "2019-06-19", Right::Call, 20),
        ratio: 1,
    };
    assert_eq!(Package::new(vec![]), Err(PackageError::Empty));
    assert_eq!(
        Package::new(vec![leg(2800, 1); 2]),
        Err(PackageError::Twice(leg(2800, 1).contract))
    );
    assert!(matches!(
        Package::new(vec![leg(2800, 0)]),
        Err(PackageError::Ratio { ratio: 0, .. })
    ));
    assert!(matches!(
        Package::new(vec![leg(2800, i32::MIN)]),
        Err(PackageError::Ratio { .. })
    ));
    assert_eq!(
        Package::new(vec![leg(2800, 1), vix]),
        Err(PackageError::Underlyings("SPX", "VIX"))
    );
    let many: Vec<_> = (0..17).map(|n| leg(2800 + n, 1)).collect();
    assert_eq!(Package::new(many.clone()), Err(PackageError::TooMany(17)));
    assert!(Package::new(many[..16].to_vec()).is_ok());
}
