//! Vols read off smiles and terms.

use alula_pricing::{
    ExpiryTerms, SmilePoint, SurfaceError, TermPoint, atm_forward_vol, constant_maturity_vol, strike_sd,
    strike_sds,
};

fn smile(points: &[(f64, f64)]) -> Vec<SmilePoint> {
    points
        .iter()
        .map(|&(strike, vol)| SmilePoint { strike, vol })
        .collect()
}

#[test]
fn vol_at_the_forward_lies_between_its_strikes() {
    let terms = ExpiryTerms::new(5_002.5, 0.1, 1.0).unwrap();
    let points = smile(&[(4_900.0, 0.18), (5_000.0, 0.16), (5_005.0, 0.15), (5_100.0, 0.14)]);
    let vol = atm_forward_vol(&terms, &points).unwrap();
    // Half way, by mpmath 1.3.0: sqrt(0.16² + w (0.15² − 0.16²)), w = ln(5002.5/5000)/ln(5005/5000).
    assert!((vol - 0.155_079_375_461_848_73).abs() < 1e-12, "{vol}");
    let at_strike = ExpiryTerms::new(5_000.0, 0.1, 1.0).unwrap();
    assert_eq!(atm_forward_vol(&at_strike, &points), Ok(0.16));
}

#[test]
fn vol_at_the_forward_is_not_guessed() {
    let terms = ExpiryTerms::new(5_200.0, 0.1, 1.0).unwrap();
    let points = smile(&[(4_900.0, 0.18), (5_000.0, 0.16), (5_300.0, f64::NAN)]);
    assert_eq!(
        atm_forward_vol(&terms, &points),
        Err(SurfaceError::ForwardNotBracketed)
    );
    assert_eq!(
        atm_forward_vol(&terms, &[]),
        Err(SurfaceError::ForwardNotBracketed)
    );
}

#[test]
fn constant_maturity_is_linear_in_total_variance() {
    let term = [
        TermPoint {
            years: 23.0 / 365.0,
            vol: 0.20,
        },
        TermPoint {
            years: 37.0 / 365.0,
            vol: 0.24,
        },
    ];
    // (0.04·23 + 0.0576·37)/2 over 30 days at the middle: sqrt(0.050853333…).
    let vol = constant_maturity_vol(&term, 30.0 / 365.0).unwrap();
    assert!(
        (vol - ((0.04_f64 * 23.0 + 0.0576 * 37.0) / 60.0).sqrt()).abs() < 1e-14,
        "{vol}"
    );
    assert_eq!(constant_maturity_vol(&term, 23.0 / 365.0), Ok(0.20));
    assert_eq!(
        constant_maturity_vol(&term, 45.0 / 365.0),
        Err(SurfaceError::MaturityNotBracketed)
    );
    assert!(matches!(
        constant_maturity_vol(&term, 0.0),
        Err(SurfaceError::Input(_))
    ));
    let falling = [
        TermPoint {
            years: 0.05,
            vol: 0.5,
        },
        TermPoint { years: 0.1, vol: 0.2 },
    ];
    assert_eq!(
        constant_maturity_vol(&falling, 0.07),
        Err(SurfaceError::FallingVariance)
    );
}

#[test]
fn standard_deviation_in_points() {
    let terms = ExpiryTerms::new(5_000.0, 0.25, 1.0).unwrap();
    assert_eq!(strike_sd(&terms, 0.16), Ok(400.0));
    assert_eq!(strike_sds(&terms, 0.16, 4_600.0), Ok(-1.0));
    assert!(strike_sds(&terms, 0.0, 4_600.0).is_err());
}
