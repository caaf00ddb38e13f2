//! Laws that hold for every input, tried on random ones.

use alula_pricing::chain::{self, GreekTable, RowStatus};
use alula_pricing::{ExpiryTerms, IvError, Right, implied_vol, price};
use proptest::prelude::*;

const RIGHTS: [Right; 2] = [Right::Put, Right::Call];

/// The strike `sds` standard deviations from the forward, within a factor of 50.
fn strike_at(terms: &ExpiryTerms, sds: f64, vol: f64) -> f64 {
    terms.forward() * (sds * vol * terms.sqrt_years()).clamp(-3.9, 3.9).exp()
}

/// Terms and a strike within nine standard deviations of the forward, and a vol.
fn markets() -> impl Strategy<Value = (ExpiryTerms, f64, f64)> {
    (1.0..10_000.0, 2e-6..3.0, 0.9..1.01, 0.03..2.0, -9.0..9.0).prop_map(
        |(forward, years, discount, vol, sds): (f64, f64, f64, f64, f64)| {
            let terms = ExpiryTerms::new(forward, years, discount).unwrap();
            (terms, strike_at(&terms, sds, vol), vol)
        },
    )
}

/// Any bits at all, with the awkward ones often.
fn bits() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        Just(0.0),
        Just(-0.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::MIN_POSITIVE),
        Just(f64::MAX),
        Just(5000.0),
        Just(0.2),
        1e-10..1e13,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn parity_holds((terms, strike, vol) in markets()) {
        let call = terms.price(Right::Call, strike, vol).unwrap();
        let put = terms.price(Right::Put, strike, vol).unwrap();
        let forward_value = terms.discount() * (terms.forward() - strike);
        let scale = terms.forward().max(strike);
        prop_assert!((call - put - forward_value).abs() <= 4.0 * f64::EPSILON * scale);
    }

    #[test]
    fn prices_of_both_rights_are_those_of_the_greeks(
        (terms, strike, vol) in markets(),
        wild in proptest::collection::vec((bits(), bits()), 0..3),
        rows in 0_usize..150,
    ) {
        // Plain rows around the strike, through wide blocks and the rest, then rows that have to be caught.
        let spread = (0..rows).map(|i| (strike * (1.0 + 0.001 * f64::from(u32::try_from(i).unwrap())), vol));
        let (strikes, vols): (Vec<f64>, Vec<f64>) = spread.chain(wild).unzip();
        let mut puts = vec![1.0; strikes.len()];
        let mut calls = vec![1.0; strikes.len()];
        let mut status = vec![RowStatus::BadVol; strikes.len()];
        let mut out = chain::PriceColumns { puts: &mut puts, calls: &mut calls, status: &mut status };
        chain::prices(&terms, &strikes, &vols, &mut out).unwrap();
        let mut table = GreekTable::default();
        for (right, prices) in [(Right::Put, &puts), (Right::Call, &calls)] {
            chain::greeks(&terms, right, &strikes, &vols, &mut table.columns(strikes.len())).unwrap();
            prop_assert_eq!(&table.status, &status);
            let bits = |column: &[f64]| column.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&table.price), bits(prices));
        }
    }

    #[test]
    fn call_and_put_share_gamma_and_vega((terms, strike, vol) in markets()) {
        let call = terms.greeks(Right::Call, strike, vol).unwrap();
        let put = terms.greeks(Right::Put, strike, vol).unwrap();
        prop_assert_eq!(call.gamma.to_bits(), put.gamma.to_bits());
        prop_assert_eq!(call.vega.to_bits(), put.vega.to_bits());
        prop_assert!((call.delta - put.delta - terms.discount()).abs() <= 4.0 * f64::EPSILON);
    }

    #[test]
    fn price_stays_between_intrinsic_and_its_bound((terms, strike, vol) in markets()) {
        for right in RIGHTS {
            let price = terms.price(right, strike, vol).unwrap();
            let bound = match right { Right::Call => terms.forward(), Right::Put => strike };
            prop_assert!(price >= terms.discount() * right.intrinsic(terms.forward(), strike));
            prop_assert!(price <= terms.discount() * bound);
        }
    }

    #[test]
    fn price_rises_with_vol_and_falls_away_from_the_money((terms, strike, vol) in markets(), up in 1.001..1.5) {
        for right in RIGHTS {
            let price = terms.price(right, strike, vol).unwrap();
            // The last place of a deep in-the-money price may round either way.
            let slack = 2.0 * f64::EPSILON * price;
            prop_assert!(terms.price(right, strike, vol * up).unwrap() >= price - slack);
            let further = terms.price(right, if right == Right::Call { strike * up } else { strike / up }, vol).unwrap();
            prop_assert!(further <= price + slack);
        }
    }

    #[test]
    fn columns_equal_single_options(
        (terms, _, _) in markets(),
        options in proptest::collection::vec((-9.0..9.0, 0.03..2.0), 0..40),
    ) {
        let vols: Vec<f64> = options.iter().map(|o: &(f64, f64)| o.1).collect();
        let strikes: Vec<f64> =
            options.iter().map(|(sds, vol)| strike_at(&terms, *sds, *vol)).collect();
        let mut table = GreekTable::default();
        for right in RIGHTS {
            chain::greeks(&terms, right, &strikes, &vols, &mut table.columns(strikes.len())).unwrap();
            for i in 0..strikes.len() {
                let one = terms.greeks(right, strikes[i], vols[i]).unwrap();
                prop_assert_eq!(table.status[i], RowStatus::Ok);
                prop_assert!((table.price[i] - one.price).abs() <= 4e-15 * (terms.forward() + strikes[i]));
                prop_assert!((table.delta[i] - one.delta).abs() <= 2e-14);
                // Relative error of a density at d1 is d1 times the rounding of d1.
                let tail = 1e-10 * one.gamma + f64::MIN_POSITIVE;
                prop_assert!((table.gamma[i] - one.gamma).abs() <= tail, "{} {}", table.gamma[i], one.gamma);
                prop_assert!((table.vega[i] - one.vega).abs() <= 1e-10 * one.vega + 1e-300);
            }
        }
    }

    /// A row's numbers do not depend on its neighbours or on its place, so batch and single-row use agree to the bit.
    #[test]
    fn a_row_does_not_depend_on_its_place(
        (terms, _, _) in markets(),
        options in proptest::collection::vec((bits(), bits(), bits()), 1..40),
        at in any::<proptest::sample::Index>(),
    ) {
        let strikes: Vec<f64> = options.iter().map(|o| o.0).collect();
        let vols: Vec<f64> = options.iter().map(|o| o.1).collect();
        let prices: Vec<f64> = options.iter().map(|o| o.2).collect();
        let n = strikes.len();
        let i = at.index(n);
        for right in RIGHTS {
            let (mut all, mut one) = (GreekTable::default(), GreekTable::default());
            chain::greeks(&terms, right, &strikes, &vols, &mut all.columns(n)).unwrap();
            chain::greeks(&terms, right, &strikes[i..=i], &vols[i..=i], &mut one.columns(1)).unwrap();
            for (a, b) in [
                (&all.price, &one.price), (&all.delta, &one.delta), (&all.gamma, &one.gamma),
                (&all.vega, &one.vega), (&all.theta, &one.theta), (&all.rho, &one.rho),
            ] {
                prop_assert_eq!(a[i].to_bits(), b[0].to_bits());
            }
            prop_assert_eq!(all.status[i], one.status[0]);
            let (mut v, mut s) = (vec![0.0; n], vec![RowStatus::Ok; n]);
            chain::implied_vols(&terms, right, &strikes, &prices, &mut v, &mut s).unwrap();
            let (mut v1, mut s1) = ([0.0], [RowStatus::Ok]);
            chain::implied_vols(&terms, right, &strikes[i..=i], &prices[i..=i], &mut v1, &mut s1).unwrap();
            prop_assert_eq!(v[i].to_bits(), v1[0].to_bits());
            prop_assert_eq!(s[i], s1[0]);
        }
    }

    /// Whatever the bits: an error or finite numbers, in the single functions and in the columns, and they agree on which.
    #[test]
    fn no_bits_give_nan(
        forward in bits(), strike in bits(), years in bits(), vol in bits(), discount in bits(), quote in bits(),
    ) {
        for right in RIGHTS {
            if let Ok(x) = price(right, forward, strike, years, vol, discount) {
                prop_assert!(x.is_finite() && x >= 0.0);
            }
            if let Ok(x) = implied_vol(quote, forward, strike, years, discount, right) {
                prop_assert!(x.is_finite() && x > 0.0);
            }
            let Ok(terms) = ExpiryTerms::new(forward, years, discount) else { continue };
            let one = terms.greeks(right, strike, vol);
            let mut table = GreekTable::default();
            chain::greeks(&terms, right, &[strike], &[vol], &mut table.columns(1)).unwrap();
            let row = [table.price[0], table.delta[0], table.gamma[0], table.vega[0], table.theta[0], table.rho[0]];
            prop_assert!(row.iter().all(|x| x.is_finite()), "{row:?}");
            prop_assert_eq!(one.is_ok(), table.status[0].is_ok());
            if let Ok(g) = one {
                let cells = [g.price, g.delta, g.gamma, g.vega, g.theta, g.rho];
                prop_assert!(cells.iter().all(|x| x.is_finite()), "{g:?}");
            } else {
                prop_assert!(row.iter().all(|x| x.to_bits() == 0), "{row:?}");
            }
            let (mut v, mut s) = ([f64::NAN], [RowStatus::Ok]);
            chain::implied_vols(&terms, right, &[strike], &[quote], &mut v, &mut s).unwrap();
            match terms.implied_vol(right, strike, quote) {
                Ok(x) => prop_assert!(s[0].is_ok() && (v[0] / x - 1.0).abs() < 1e-9),
                Err(e) => prop_assert!(s[0] == RowStatus::from(e) && v[0].to_bits() == 0),
            }
        }
    }
}

#[test]
fn at_the_settlement_instant_an_option_is_its_intrinsic_value() {
    let terms = ExpiryTerms::new(5_000.0, 0.0, 1.0).unwrap();
    let put = terms.greeks(Right::Put, 5_010.0, 0.2).unwrap();
    assert_eq!(
        (put.price, put.delta, put.gamma, put.vega, put.theta, put.rho),
        (10.0, -1.0, 0.0, 0.0, 0.0, 0.0)
    );
    let call = terms.greeks(Right::Call, 5_010.0, 0.2).unwrap();
    assert_eq!((call.price, call.delta), (0.0, 0.0));
    let at_the_strike = terms.greeks(Right::Call, 5_000.0, 0.2).unwrap();
    assert_eq!((at_the_strike.delta, at_the_strike.gamma), (0.5, 0.0));
    assert_eq!(terms.implied_vol(Right::Put, 5_010.0, 12.0), Err(IvError::NoTime));
}

#[test]
fn each_price_without_a_vol_says_why() {
    let terms = ExpiryTerms::new(5_000.0, 0.1, 0.99).unwrap();
    let put = |strike, price| terms.implied_vol(Right::Put, strike, price);
    assert_eq!(put(5_100.0, 98.9), Err(IvError::BelowIntrinsic));
    assert_eq!(put(5_100.0, 99.0), Err(IvError::NoTimeValue));
    assert_eq!(put(4_900.0, 0.0), Err(IvError::NoTimeValue));
    assert_eq!(put(4_900.0, 4_900.0 * 0.99), Err(IvError::AboveMax));
    assert_eq!(put(4_900.0, 1e7), Err(IvError::AboveMax));
    assert_eq!(
        put(4_900.0, f64::NAN).unwrap_err().to_string(),
        "price `NaN` is not a number from 0 to 1000000000000"
    );
    assert!(matches!(put(4_900.0, -1.0), Err(IvError::Input(_))));
    assert!(matches!(put(f64::INFINITY, 1.0), Err(IvError::Input(_))));
    assert!(ExpiryTerms::new(5_000.0, -1e-9, 1.0).is_err());
    assert!(ExpiryTerms::new(f64::NAN, 1.0, 1.0).is_err());
}

#[test]
fn columns_of_unequal_length_are_refused() {
    let terms = ExpiryTerms::new(5_000.0, 0.1, 0.99).unwrap();
    let mut table = GreekTable::default();
    let error = chain::greeks(&terms, Right::Put, &[1.0, 2.0], &[0.2], &mut table.columns(2)).unwrap_err();
    assert_eq!(error.to_string(), "column `vols` has 1 rows, the strikes have 2");
    let (mut v, mut s) = ([0.0; 2], [RowStatus::Ok; 1]);
    assert!(chain::implied_vols(&terms, Right::Put, &[1.0, 2.0], &[1.0, 1.0], &mut v, &mut s).is_err());
}

#[test]
fn a_row_without_a_vol_keeps_its_cause() {
    let terms = ExpiryTerms::new(5_000.0, 0.1, 1.0).unwrap();
    let strikes = [4_800.0, 5_200.0, 4_900.0];
    let (mut vols, mut status) = ([0.0; 3], [RowStatus::Ok; 3]);
    chain::implied_vols(
        &terms,
        Right::Put,
        &strikes,
        &[20.0, 150.0, 40.0],
        &mut vols,
        &mut status,
    )
    .unwrap();
    assert_eq!(status, [RowStatus::Ok, RowStatus::BelowIntrinsic, RowStatus::Ok]);
    let mut table = GreekTable::default();
    chain::greeks_where_solved(
        &terms,
        Right::Put,
        &strikes,
        &vols,
        &status,
        &mut table.columns(3),
    )
    .unwrap();
    assert_eq!(table.status, status);
    assert!((table.price[0] - 20.0).abs() < 1e-10 && (table.price[2] - 40.0).abs() < 1e-10);
    assert_eq!((table.price[1], table.delta[1], table.vega[1]), (0.0, 0.0, 0.0));
}
