//! Values against independent sources, and the kit's checks on every indicator.
//!
//! The inputs are the same in the sources: `c = 4000 + 120 sin(0.35 i) + 3 i - 25 cos(1.7 i)`,
//! `v = 18 + 4 cos(0.21 i) + 0.02 i`, `up = 1500 + 700 sin(0.5 i) + 13 (i mod 7)`, `down = 3000 - up + 11 (i mod 5)`, for
//! `i` from 0 to 79. Each expected row is that of the last of them.

use crate::{breadth, gamma, moves, premium, rsi, term};
use alula_plugin_sdk::Indicator;
use alula_plugin_sdk::abi::chain::{Chain, Contracts, Expiry, Settles};
use alula_plugin_sdk::testing::{chain_conforms, chain_rows, conforms, rows};
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

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
    chain_conforms::<gamma::GammaExposure>().unwrap();
    chain_conforms::<gamma::ZeroGamma>().unwrap();
}

/// Columns of a chain that a test fills.
#[derive(Default)]
struct Columns {
    spot: f64,
    expiries: Vec<(u32, f64, f64, f64)>,
    expiry_of: Vec<u32>,
    right: Vec<u32>,
    strike: Vec<f64>,
    vol: Vec<f64>,
    interest: Vec<f64>,
    unknown: Vec<f64>,
}

impl Columns {
    fn row(&mut self, expiry: usize, right: char, strike: f64, vol: f64, interest: f64) {
        self.expiry_of.push(u32::try_from(expiry).unwrap());
        self.right.push(u32::from(right));
        self.strike.push(strike);
        self.vol.push(vol);
        self.interest.push(interest);
        self.unknown.push(f64::NAN);
    }

    fn chain(&self) -> Chain<'_> {
        let expiries = self.expiries.iter();
        Chain {
            underlying: "SPX",
            date: 20_190_430,
            spot: self.spot,
            multiplier: 100.0,
            expiries: expiries
                .map(|&(date, years, forward, discount)| Expiry {
                    root: "SPXW",
                    date,
                    settles: Settles::Pm,
                    years,
                    forward,
                    discount,
                })
                .collect(),
            contracts: Contracts {
                expiry_of: &self.expiry_of,
                right: &self.right,
                strike: &self.strike,
                bid: &self.unknown,
                ask: &self.unknown,
                mid: &self.unknown,
                vol: &self.vol,
                delta: &self.unknown,
                gamma: &self.unknown,
                open_interest: &self.interest,
                volume: &self.unknown,
            },
        }
    }
}

/// The chain of `golden/gamma.py`. Only the out-of-the-money side of a strike has a vol.
fn invented() -> Columns {
    const STRIKES: [f64; 6] = [3600.0, 3800.0, 3950.0, 4000.0, 4050.0, 4200.0];
    const PUTS: [[f64; 6]; 3] = [
        [900.0, 2500.0, 4100.0, 3000.0, 300.0, 40.0],
        [5200.0, 7100.0, 2900.0, 1500.0, 200.0, 15.0],
        [8000.0, 6400.0, 2100.0, 1900.0, 350.0, 60.0],
    ];
    const CALLS: [[f64; 6]; 3] = [
        [10.0, 150.0, 1800.0, 5200.0, 4400.0, 1200.0],
        [25.0, 300.0, 900.0, 3100.0, 5100.0, 6100.0],
        [70.0, 500.0, 800.0, 2600.0, 3300.0, 7200.0],
    ];
    let (spot, r, q) = (4000.0_f64, 0.05_f64, 0.015_f64);
    let mut made = Columns {
        spot,
        ..Columns::default()
    };
    for (i, days) in [5.0, 20.0, 60.0].into_iter().enumerate() {
        let years = days / 365.0;
        let forward = spot * ((r - q) * years).exp();
        let date = 20_190_500 + u32::try_from(i).unwrap();
        made.expiries.push((date, years, forward, (-r * years).exp()));
        for (j, k) in STRIKES.into_iter().enumerate() {
            let m = (k / spot).ln();
            let level = if i == 0 {
                0.14
            } else {
                0.14 + 0.02 * f64::from(u32::try_from(i).unwrap())
            };
            let vol = 100.0 * (level - 0.25 * m + 0.9 * m * m);
            let (put, call) = if k < forward {
                (vol, f64::NAN)
            } else {
                (f64::NAN, vol)
            };
            made.row(i, 'P', k, put, PUTS[i][j]);
            made.row(i, 'C', k, call, CALLS[i][j]);
        }
    }
    made
}

#[test]
fn gamma_exposure_is_that_of_scipy() {
    // golden/gamma.py, scipy 1.17: Black-Scholes gammas on the spot.
    let made = invented();
    let seen = chain_rows::<gamma::GammaExposure>(&[], &[made.chain()]).unwrap();
    let expected = [
        594_170_279.405_108_9,
        1_761_025_520.261_911,
        -1_166_855_240.856_802,
        361_804_628.151_382_27,
        189_882_893.715_944_2,
        42_482_757.537_782_91,
        1.0,
    ];
    let ours = seen[0].clone().unwrap();
    assert_eq!(ours.len(), expected.len());
    close_to(&ours, &expected);
    // golden/gamma.py: scipy's brentq on the sum at shifted spots.
    let seen = chain_rows::<gamma::ZeroGamma>(&[], &[made.chain()]).unwrap();
    close_to(
        &seen[0].clone().unwrap(),
        &[3_938.602_004_711_056, 0.015_588_778_763_506_506],
    );
    // Every expiry is near, and none.
    for (near, far, at) in [(365.0, 366.0, 3), (0.0, 1.0, 5)] {
        let params = [("near", near), ("far", far)];
        let seen = chain_rows::<gamma::GammaExposure>(&params, &[made.chain()]).unwrap();
        let seen = seen[0].clone().unwrap();
        close_to(&[seen[at]], &[expected[0]]);
    }
    assert!(chain_rows::<gamma::GammaExposure>(&[("near", 50.0)], &[made.chain()]).is_err());
}

#[test]
fn what_is_not_known_is_left_out_and_said() {
    // No open interest at all: missing. Strikes without a vol: not covered. Calls alone: no zero.
    let mut made = invented();
    made.interest.fill(f64::NAN);
    assert_eq!(
        chain_rows::<gamma::GammaExposure>(&[], &[made.chain()]).unwrap(),
        [None]
    );
    let mut made = invented();
    let all: f64 = made.interest.iter().sum();
    made.vol[..12].fill(f64::NAN);
    let first: f64 = made.interest[..12].iter().sum();
    let seen = chain_rows::<gamma::GammaExposure>(&[], &[made.chain()]).unwrap();
    let seen = seen[0].clone().unwrap();
    close_to(&[seen[6], seen[3]], &[1.0 - first / all, 0.0]);
    made.expiries.iter_mut().for_each(|e| e.2 = f64::NAN);
    assert_eq!(
        chain_rows::<gamma::GammaExposure>(&[], &[made.chain()]).unwrap(),
        [None]
    );
    let mut made = invented();
    for (right, interest) in made.right.iter().zip(&mut made.interest) {
        if *right == u32::from('P') {
            *interest = 0.0;
        }
    }
    assert_eq!(
        chain_rows::<gamma::ZeroGamma>(&[], &[made.chain()]).unwrap(),
        [None]
    );
}

/// Rows of a file of real chains; nothing where there is none, or nobody who unpacks it.
fn real(file: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/spx_chain_2019")
        .join(file);
    let unpack = || {
        Command::new("gzip")
            .arg("-dc")
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()
    };
    let Some(mut child) = path.is_file().then(unpack).and_then(Result::ok) else {
        println!("skipped: {file} absent");
        return None;
    };
    let mut text = String::new();
    child.stdout.as_mut()?.read_to_string(&mut text).ok()?;
    child.wait().ok()?.success().then_some(text)
}

#[test]
fn on_a_real_chain_it_is_what_the_vendors_gammas_add_up_to() {
    // The independent side is Perfiliev's sum over the vendor's own gammas, computed with the vendor's own rates and calendar.
    let days = |text: &str| -> Option<i32> {
        let mut parts = text.split('/').map(|p| p.parse::<i32>().ok());
        let (m, d) = (parts.next()??, parts.next()??);
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        Some((parts.next()?? - 2019) * 365 + before.get(usize::try_from(m - 1).ok()?)? + d)
    };
    let Some(text) = real("SPX_20190430.csv.gz") else {
        return;
    };
    let today = days("04/30/2019").unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|h| h.trim() == name).unwrap();
    let (root, kind, expiration, strike) = (at("optionroot"), at("type"), at("expiration"), at("strike"));
    let (interest, vol, gamma_at, last) = (
        at("openinterest"),
        at("impliedvol"),
        at("gamma"),
        at("underlying_last"),
    );
    // By expiry, root, strike and right: a put before its call.
    let mut rows: Vec<(i32, bool, f64, bool, f64, f64, f64)> = Vec::new();
    let mut made = Columns::default();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |i: usize| cells[i].trim().parse::<f64>().unwrap();
        made.spot = number(last);
        let expiry = days(cells[expiration]).unwrap();
        rows.push((
            expiry,
            cells[root].starts_with("SPXW"),
            number(strike),
            cells[kind].starts_with('c'),
            number(interest),
            number(vol),
            number(gamma_at),
        ));
    }
    // From a week to half a year: near the end the snapshot's unrecorded time of day decides, far out the dividends do.
    rows.retain(|r| (7..=180).contains(&(r.0 - today)));
    rows.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let mut roots = None;
    let mut theirs = 0.0;
    for (expiry, weekly, strike, is_call, interest, vol, gamma) in rows.iter().copied() {
        if roots.replace((expiry, weekly)) != Some((expiry, weekly)) {
            let years = f64::from(expiry - today) / 365.0;
            made.expiries
                .push((u32::try_from(expiry).unwrap(), years, made.spot, 1.0));
        }
        let vol = if vol > 0.0 { 100.0 * vol } else { f64::NAN };
        let right = if is_call { 'C' } else { 'P' };
        made.row(made.expiries.len() - 1, right, strike, vol, interest);
        let sign = if is_call { 1.0 } else { -1.0 };
        theirs += sign * gamma * interest * 100.0 * made.spot * made.spot * 0.01;
    }
    let seen = chain_rows::<gamma::GammaExposure>(&[], &[made.chain()]).unwrap();
    let ours = seen[0].clone().unwrap();
    println!(
        "ours {:.4e}, the vendor's {theirs:.4e}, covered {:.3}",
        ours[0], ours[6]
    );
    assert!(ours[6] > 0.9, "covered {}", ours[6]);
    assert!((ours[0] / theirs - 1.0).abs() < 0.1, "{} and {theirs}", ours[0]);
}
