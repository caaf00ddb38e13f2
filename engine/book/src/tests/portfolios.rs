//! Portfolio margin against figures worked out in 50 digits by `tests/golden/portfolio_margin.py` (mpmath, Black-76).

use super::support::usd;
use crate::portfolio::{
    ClassHoldings, House, RANGES, StressRange, contract_minimum, moves, range_of, requirement,
};
use alula_market::money::Usd;
use alula_pricing::stress::{Asset, Holding};
use alula_pricing::{ExpiryTerms, Right};

/// Right, strike, vol, contracts.
type Option = (Right, f64, f64, f64);

/// Options of one expiry in 30 days at 2 %, multiplier 100.
fn class(range: &'static StressRange, forward: f64, options: &[Option]) -> ClassHoldings {
    let terms = ExpiryTerms::with_rate(forward, 30.0 / 365.0, 0.02).unwrap();
    let holding = |&(right, strike, vol, contracts): &Option| Holding {
        asset: Asset::Option {
            terms,
            right,
            strike,
            vol,
        },
        units: contracts * 100.0,
    };
    let minimum = |&(right, strike, vol, contracts): &Option| {
        contract_minimum(contracts, 100.0, terms.price(right, strike, vol).unwrap())
    };
    ClassHoldings {
        range,
        holdings: options.iter().map(holding).collect(),
        minimum: options.iter().map(minimum).sum(),
    }
}

fn spx(options: &[Option]) -> ClassHoldings {
    class(range_of("SPX").unwrap(), 2950.0, options)
}

fn of(house: House, classes: &[ClassHoldings]) -> Usd {
    requirement(house, classes).unwrap()
}

const CONDOR: [Option; 4] = [
    (Right::Put, 2775.0, 0.18, 1.0),
    (Right::Put, 2825.0, 0.165, -1.0),
    (Right::Call, 3015.0, 0.12, -1.0),
    (Right::Call, 3065.0, 0.115, 1.0),
];

#[test]
fn a_condor_is_margined_at_its_worst_point_of_the_grid() {
    assert_eq!(of(House::Regulatory, &[spx(&CONDOR)]), usd("2590.94"));
    // Strategy-based it is 5000: the width, whatever the probability.
    assert_eq!(of(House::Ibkr, &[spx(&CONDOR)]), usd("2738.44"));
    let wide = spx(&[(Right::Put, 2500.0, 0.30, 3.0), (Right::Put, 2825.0, 0.165, -3.0)]);
    assert_eq!(of(House::Regulatory, &[wide]), usd("28227.84"));
}

#[test]
fn a_short_put_is_margined_at_eight_percent_down_and_more_with_its_vol_up() {
    let put = [(Right::Put, 2700.0, 0.2, -1.0)];
    assert_eq!(of(House::Regulatory, &[spx(&put)]), usd("5079.99"));
    assert_eq!(of(House::Ibkr, &[spx(&put)]), usd("6003.57"));
}

/// 0.375 points a contract: 37.50 dollars; a long option's at most what it is worth.
#[test]
fn no_contract_is_margined_below_the_minimum_and_no_long_option_above_its_value() {
    assert_eq!(
        of(House::Regulatory, &[spx(&[(Right::Call, 4500.0, 0.25, -1.0)])]),
        usd("37.5")
    );
    assert_eq!(
        of(House::Regulatory, &[spx(&[(Right::Put, 1500.0, 0.60, 1.0)])]),
        usd("0.35")
    );
    assert_eq!(of(House::Regulatory, &[]), Usd::ZERO);
}

#[test]
fn gains_of_one_class_count_nine_tenths_against_losses_of_another() {
    let put = spx(&[(Right::Put, 2700.0, 0.2, -1.0)]);
    let hedge = class(range_of("XSP").unwrap(), 295.0, &[(Right::Put, 280.0, 0.17, 5.0)]);
    let together = of(House::Regulatory, &[put.clone(), hedge.clone()]);
    assert_eq!(together, usd("720.43"));
    assert!(together < of(House::Regulatory, &[put]));
    // The order of classes is of no consequence.
    let put = spx(&[(Right::Put, 2700.0, 0.2, -1.0)]);
    assert_eq!(of(House::Regulatory, &[hedge, put]), together);
}

#[test]
fn ten_moves_lie_five_down_and_five_up() {
    let found: Vec<String> = moves(&RANGES[0])
        .iter()
        .map(|m| format!("{:.3}", m * 100.0))
        .collect();
    let wanted = [
        "-8.000", "-6.400", "-4.800", "-3.200", "-1.600", "1.200", "2.400", "3.600", "4.800", "6.000",
    ];
    assert_eq!(found, wanted);
    assert!(
        range_of("VIX").is_none(),
        "no range is published that could be cited"
    );
}
