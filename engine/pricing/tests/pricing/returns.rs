//! Rates of return: against spreadsheets' documented examples, numpy-financial 1.0.0, numpy's polynomial roots and scipy 1.17.1.

use alula_pricing::returns::{
    CapmError, CashFlow, IrrError, MirrError, Rate, RatesError, Sense, annualised, capm, internal_rate,
    internal_rates, modified_rate, net_present_value, on_capital, on_margin,
};
use proptest::prelude::*;

/// Flows a year apart.
fn yearly(amounts: &[f64]) -> Vec<CashFlow> {
    amounts
        .iter()
        .enumerate()
        .map(|(i, amount)| CashFlow {
            years: i as f64,
            amount: *amount,
        })
        .collect()
}

#[track_caller]
fn close(got: f64, want: f64, within: f64) {
    assert!((got - want).abs() < within, "{got} {want}");
}

/// The example of Excel's documentation of XIRR (days 0, 60, 303, 411, 456): 37.34 %; the digits beyond by scipy's brentq.
#[test]
fn xirr_of_the_spreadsheets_example() {
    let flows: Vec<CashFlow> = [
        (0, -10_000.0),
        (60, 2_750.0),
        (303, 4_250.0),
        (411, 3_250.0),
        (456, 2_750.0),
    ]
    .iter()
    .map(|(day, amount)| CashFlow {
        years: f64::from(*day) / 365.0,
        amount: *amount,
    })
    .collect();
    close(internal_rate(&flows).unwrap(), 0.373_362_533_518_831_53, 1e-14);
}

/// The examples of numpy-financial's documentation of `irr`, and of Excel's of IRR; all real roots by numpy.roots.
#[test]
fn irr_of_documented_examples_with_every_root() {
    for (flows, want) in [
        (
            &[-100.0, 39.0, 59.0, 55.0, 20.0][..],
            &[0.280_948_421_159_960_66][..],
        ),
        (&[-100.0, 0.0, 0.0, 74.0], &[-0.095_495_830_348_972_8]),
        (
            &[-70_000.0, 12_000.0, 15_000.0, 18_000.0, 21_000.0, 26_000.0],
            &[0.086_630_948_036_531_49],
        ),
        (&[-100.0, 100.0, 0.0, 7.0], &[0.062_058_485_629_929_55]),
        // numpy-financial answers −0.0833 and keeps the other to itself.
        (
            &[-100.0, 100.0, 0.0, -7.0],
            &[-0.678_894_373_632_386_7, -0.083_299_666_184_932_56],
        ),
        (
            &[-5.0, 10.5, 1.0, -8.0, 1.0],
            &[
                -0.870_201_247_484_741_1,
                0.088_598_338_527_755_34,
                0.709_559_527_686_184_1,
            ],
        ),
        // The textbook's pump: 25 % and 400 %.
        (&[-1_600.0, 10_000.0, -10_000.0], &[0.25, 4.0]),
    ] {
        let found = internal_rates(&yearly(flows)).unwrap();
        assert_eq!(found.len(), want.len(), "{flows:?}: {found:?}");
        for (rate, want) in found.iter().zip(want) {
            close(rate.rate, *want, 1e-12);
        }
        match internal_rate(&yearly(flows)) {
            Ok(rate) => assert!(want.len() == 1 && (rate - want[0]).abs() < 1e-12),
            Err(IrrError::Several(all)) => assert_eq!(all, found),
            Err(other) => panic!("{other}"),
        }
    }
}

/// Gains and losses that cancel but for the rounding of their sum: one rate next to zero, found once.
#[test]
fn a_rate_of_zero_is_found_once_whatever_the_rounding() {
    for flows in [
        &[-0.1, -0.2, 0.3][..],
        &[-0.3, 0.1, 0.2],
        &[-0.7, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
        &[-1.1, -2.2, 3.3],
        &[-400.0, 400.0],
    ] {
        let rate = internal_rate(&yearly(flows)).unwrap();
        assert!(rate.abs() < 1e-15, "{flows:?}: {rate}");
    }
}

#[test]
fn what_has_no_single_rate_is_refused_with_the_reason() {
    let rate = |amounts: &[f64]| internal_rate(&yearly(amounts));
    assert_eq!(rate(&[]), Err(RatesError::NoFlows.into()));
    assert_eq!(rate(&[0.0, 0.0]), Err(RatesError::NoFlows.into()));
    assert_eq!(rate(&[-1.0]), Err(RatesError::OneDay.into()));
    assert_eq!(rate(&[-1.0, -2.0]), Err(RatesError::OneSign.into()));
    assert_eq!(rate(&[1.0, f64::NAN]), Err(RatesError::Unsound.into()));
    // 1000 − 3000/(1+r) + 2500/(1+r)²: no real root.
    assert_eq!(rate(&[1_000.0, -3_000.0, 2_500.0]), Err(IrrError::NoRate));
    // (1 − 1.1/(1+r))²: touches zero at 10 %.
    let touching = internal_rates(&yearly(&[1.0, -2.2, 1.21])).unwrap();
    assert!(
        touching.len() == 1 && touching[0].sense == Sense::Touching,
        "{touching:?}"
    );
    close(touching[0].rate, 0.1, 1e-7);
    assert!(matches!(rate(&[1.0, -2.2, 1.21]), Err(IrrError::Several(_))));
    // Doubled within half a minute: 2^(1e6) a year is no number.
    let near = [(0.0, 1.0), (1e-6, -2.0)].map(|(years, amount)| CashFlow { years, amount });
    assert_eq!(internal_rates(&near), Err(RatesError::OutOfReach));
    assert_eq!(
        internal_rates(&vec![near[0]; 100_001]),
        Err(RatesError::TooMany(100_001))
    );
}

/// A condor that brings 150 and costs 60 to close after 30 days: its own flows are a loan at less than nothing, which is no return.
/// On the 350 of margin that it binds it earned 90.
#[test]
fn a_short_structure_earns_on_the_capital_that_it_binds() {
    let years = 30.0 / 365.0;
    let bare = [
        CashFlow {
            years: 0.0,
            amount: 150.0,
        },
        CashFlow { years, amount: -60.0 },
    ];
    let Err(IrrError::Loan(Rate {
        rate,
        sense: Sense::Borrowed,
    })) = internal_rate(&bare)
    else {
        panic!("{:?}", internal_rate(&bare));
    };
    close(rate, (60.0_f64 / 150.0).powf(1.0 / years) - 1.0, 1e-12);
    let earned = internal_rate(&on_capital(90.0, 350.0, years)).unwrap();
    close(earned, (440.0_f64 / 350.0).powf(1.0 / years) - 1.0, 1e-10);
    close(annualised(90.0, 350.0, years).unwrap(), earned, 1e-10);
    assert_eq!(annualised(-350.0, 350.0, years), Some(-1.0));
    assert_eq!(annualised(-351.0, 350.0, years), None);
    assert_eq!(annualised(1.0, 0.0, years), None);
}

/// Excel's documentation of MIRR: 12.61 % after five years, −4.80 % after three; numpy-financial's digits.
#[test]
fn mirr_of_documented_examples() {
    let mirr = |amounts: &[f64], finance, reinvest| modified_rate(&yearly(amounts), finance, reinvest);
    let five = [-120_000.0, 39_000.0, 30_000.0, 21_000.0, 37_000.0, 46_000.0];
    close(mirr(&five, 0.1, 0.12).unwrap(), 0.126_094_130_365_905_1, 1e-14);
    close(
        mirr(&five[..4], 0.1, 0.12).unwrap(),
        -0.048_044_655_249_980_917,
        1e-14,
    );
    close(
        mirr(&[-100.0, 50.0, -60.0, 70.0], 0.1, 0.12).unwrap(),
        -0.039_093_665_943_564_67,
        1e-14,
    );
    let ten = [
        -4_500.0, -800.0, 800.0, 800.0, 600.0, 600.0, 800.0, 800.0, 700.0, 3_000.0,
    ];
    close(mirr(&ten, 0.08, 0.055).unwrap(), 0.066_597_175_031_553_49, 1e-14);
    assert_eq!(mirr(&[1.0, 2.0], 0.1, 0.1), Err(MirrError::OneSign));
    assert_eq!(mirr(&[-1.0, 2.0], -1.0, 0.1), Err(MirrError::Unsound));
    let day = [-1.0, 2.0].map(|amount| CashFlow { years: 0.5, amount });
    assert_eq!(modified_rate(&day, 0.1, 0.1), Err(MirrError::OneDay));
}

#[test]
fn return_on_margin_counts_how_long_margin_was_held() {
    // 1,000 for half a year, nothing for a quarter, 2,000 for a quarter: 1,000 on average.
    let steps = [(0.0, 1_000.0), (0.5, 0.0), (0.75, 2_000.0), (1.0, 0.0)];
    let got = on_margin(150.0, &steps).unwrap();
    close(got.average, 1_000.0, 1e-9);
    close(got.peak, 2_000.0, 1e-9);
    close(got.on_average, 0.15, 1e-12);
    close(got.on_peak, 0.075, 1e-12);
    close(got.a_year, 0.15, 1e-12);
    assert_eq!(on_margin(150.0, &[(0.0, 0.0), (1.0, 0.0)]), None);
    assert_eq!(on_margin(150.0, &[(1.0, 5.0), (0.0, 0.0)]), None);
    assert_eq!(on_margin(150.0, &[]), None);
}

/// scipy.stats.linregress on twelve invented pairs, a riskless rate of 0.0001 a period taken off both.
#[test]
fn beta_equals_scipys_regression() {
    let market = [
        0.000_41, 0.003_39, -0.002_34, -0.008_51, -0.004_15, -0.009_52, 0.001, 0.013_8, -0.004_52, -0.005_8,
        0.005_3, 0.003_97,
    ];
    let portfolio = [
        0.000_77, -0.002_34, -0.000_74, 0.0, -0.006_63, -0.004_96, -0.007_05, -0.000_13, -0.008_75,
        -0.002_77, -0.003_01, 0.002_67,
    ];
    let fit = capm(&portfolio, &market, &[0.000_1; 12]).unwrap();
    close(fit.beta, 0.188_793_359_762_525_73, 1e-13);
    close(fit.alpha, -0.002_716_463_187_561_68, 1e-15);
    close(fit.r_squared, 0.127_545_286_140_293_1, 1e-13);
    close(fit.beta_error, 0.156_144_235_526_970_18, 1e-13);
    close(fit.expected(0.0001, 0.0011), 0.0001 + fit.beta * 0.001, 1e-16);
    assert_eq!(capm(&market, &market, &[0.0; 11]), Err(CapmError::Length));
    assert_eq!(
        capm(&market[..2], &market[..2], &[0.0; 2]),
        Err(CapmError::TooFew(2))
    );
    assert_eq!(capm(&market, &[0.01; 12], &[0.0; 12]), Err(CapmError::FlatMarket));
    close(capm(&market, &market, &[0.0; 12]).unwrap().beta, 1.0, 1e-15);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Every rate balances the flows, there are never more than changes of sign, of the same parity when none touches, in any
    /// order of the flows, and wherever the value changes its sign on a fine grid of rates one of them lies.
    #[test]
    fn every_rate_balances_and_none_is_missed(
        flows in proptest::collection::vec((0_u16..2_000, -1_000.0..1_000.0), 2..12),
    ) {
        let flows: Vec<CashFlow> = flows
            .iter()
            .map(|(day, amount): &(u16, f64)| CashFlow { years: f64::from(*day) / 365.0, amount: amount.round() })
            .collect();
        let Ok(rates) = internal_rates(&flows) else { return Ok(()) };
        let mut reversed = flows.clone();
        reversed.reverse();
        prop_assert_eq!(&rates, &internal_rates(&reversed).unwrap());
        let size: f64 = flows.iter().map(|f| f.amount.abs()).sum();
        let mut by_day = std::collections::BTreeMap::new();
        for f in &flows {
            *by_day.entry(f.years.to_bits()).or_insert(0.0) += f.amount;
        }
        let signs: Vec<bool> = by_day.values().filter(|a| **a != 0.0).map(|a| *a > 0.0).collect();
        let changes = signs.windows(2).filter(|w| w[0] != w[1]).count();
        prop_assert!(rates.len() <= changes);
        if rates.iter().all(|r| r.sense != Sense::Touching) {
            prop_assert_eq!(rates.len() % 2, changes % 2);
        }
        for rate in rates.iter().filter(|r| (-0.9..10.0).contains(&r.rate) && r.sense != Sense::Touching) {
            let value = net_present_value(&flows, rate.rate).unwrap();
            let scale = size * (1.0 + rate.rate).powf(-6.0).max(1.0);
            prop_assert!(value.abs() < 1e-10 * scale, "{value} at {}", rate.rate);
        }
        let grid: Vec<f64> = (0..400).map(|i| (-2.3 + 0.0117 * f64::from(i)).exp() - 1.0).collect();
        for pair in grid.windows(2) {
            let (a, b) = (net_present_value(&flows, pair[0]).unwrap(), net_present_value(&flows, pair[1]).unwrap());
            if a.abs() > 1e-9 * size && b.abs() > 1e-9 * size && (a > 0.0) != (b > 0.0) {
                prop_assert!(rates.iter().any(|r| pair[0] <= r.rate && r.rate <= pair[1]), "{pair:?} {rates:?}");
            }
        }
    }
}
