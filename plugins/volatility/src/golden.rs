//! Values against independent sources, and the kit's checks on every indicator.
//!
//! The inputs are the same in the sources: `c = 4000 + 120 sin(0.35 i) + 3 i - 25 cos(1.7 i)`,
//! `v = 18 + 4 cos(0.21 i) + 0.02 i`, `up = 1500 + 700 sin(0.5 i) + 13 (i mod 7)`, `down = 3000 - up + 11 (i mod 5)`, for
//! `i` from 0 to 79. Each expected row is that of the last of them.

use crate::{breadth, moves, premium, rsi, term};
use alula_plugin_sdk::Indicator;
use alula_plugin_sdk::testing::{conforms, rows};

fn series() -> Vec<[f64; 4]> {
    (0..80)
        .map(|n: i32| {
            let i = f64::from(n);
            let up = 1500.0 + 700.0 * (0.5 * i).sin() + f64::from(n % 7) * 13.0;
            [
                4000.0 + 120.0 * (0.35 * i).sin() + 3.0 * i - 25.0 * (1.7 * i).cos(),
                18.0 + 4.0 * (0.21 * i).cos() + 0.02 * i,
                up,
                3000.0 - up + f64::from(n % 5) * 11.0,
            ]
        })
        .collect()
}

fn last<T: Indicator>(params: &[(&str, f64)], pick: impl Fn(&[f64; 4]) -> Vec<f64>) -> Vec<f64> {
    let lanes: Vec<Vec<f64>> = series().iter().map(pick).collect();
    let lanes: Vec<&[f64]> = lanes.iter().map(Vec::as_slice).collect();
    rows::<T>(params, &lanes)
        .unwrap()
        .pop()
        .flatten()
        .expect("the last row is ready")
}

fn close_to(ours: &[f64], theirs: &[f64]) {
    for (a, b) in ours.iter().zip(theirs) {
        assert!(
            (a - b).abs() <= 1e-9 * b.abs().max(1.0),
            "{ours:?} and {theirs:?}"
        );
    }
}

#[test]
fn the_variance_premium_is_that_of_numpy() {
    // numpy 2.4: rv = 100 sqrt(252 mean(diff(log(c))[-21:]**2)); rv, v - rv, v / rv, v**2 - rv**2.
    let ours = last::<premium::VariancePremium>(&[], |r| vec![r[0], r[1]]);
    close_to(
        &ours,
        &[
            14.345_300_869_858_042,
            2.692_378_989_474_500_3,
            1.187_683_689_167_625_2,
            84.494_877_942_355_86,
        ],
    );
}

#[test]
fn rsi_is_that_of_ta_lib_and_its_bands_are_numpys_quantiles() {
    // TA-Lib 0.8.2: RSI(c, 14); numpy 2.4: quantile(rsi[-40:], [0.1, 0.9]).
    let ours = last::<rsi::RsiBands>(&[("window", 40.0)], |r| vec![r[0]]);
    close_to(
        &ours,
        &[
            62.726_891_569_845_67,
            43.854_170_813_911_77,
            66.865_296_831_215_8,
            0.0,
            0.0,
        ],
    );
}

#[test]
fn the_mcclellan_oscillator_is_that_of_pandas() {
    // pandas: ewm(span=19, adjust=False).mean() - ewm(span=39, adjust=False).mean() of 1000 (up - down) / (up + down), and
    // its sum from row 38 on.
    let ours = last::<breadth::McClellan>(&[], |r| vec![r[2], r[3]]);
    close_to(&ours, &[32.766_863_199_579_33, -60.875_614_096_774_925]);
}

#[test]
fn expected_moves_are_those_of_the_formula_in_python() {
    // s = c v / 100 sqrt(5 / 252); s, s sqrt(2 / pi), s sqrt(8 / pi), c - 1.5 s, c + 1.5 s.
    let ours = last::<moves::ExpectedMove>(&[("days", 5.0), ("width", 1.5)], |r| vec![r[0], r[1]]);
    close_to(
        &ours,
        &[
            103.790_639_461_313_7,
            82.812_948_782_038_83,
            165.625_897_564_077_66,
            4_169.083_907_562_277,
            4_480.455_825_946_217,
        ],
    );
}

#[test]
fn the_term_structure_is_plain_arithmetic() {
    let seen = rows::<term::TermStructure>(&[], &[&[22.0, 20.0, 16.0], &[12.0, 16.0, 20.0]]).unwrap();
    assert_eq!(
        seen,
        [
            Some(vec![1.1, 1.25, -4.0, -2.0, 1.0]),
            Some(vec![0.75, 0.8, 4.0, 0.0, 0.0])
        ]
    );
}

#[test]
fn every_indicator_does_all_that_it_must() {
    conforms::<term::TermStructure>().unwrap();
    conforms::<premium::VariancePremium>().unwrap();
    conforms::<moves::ExpectedMove>().unwrap();
    conforms::<breadth::McClellan>().unwrap();
    conforms::<rsi::RsiBands>().unwrap();
}
