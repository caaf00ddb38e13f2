//! A real day of SPX chains, where the data is at hand: does the room's arithmetic fit what the market quoted?
//!
//! The files carry a vendor's implied vols from another model and an unrecorded time of day; they are a second opinion, not a
//! golden value, and the tolerances are those of a second opinion.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use alula_pricing::chain::{self, RowStatus};
use alula_pricing::{
    ExpiryTerms, ForwardOptions, ParityQuote, Right, SmilePoint, atm_forward_vol, box_discount,
    parity_forward, years_between,
};

const DAY: &str = "spx_chain_2019/SPX_20190425.csv.gz";
/// 2019-04-25 15:45 in New York, unix seconds. The true time of the quotes is not recorded.
const NOW: i64 = 1_556_221_500;

#[derive(Default)]
pub struct Strike {
    /// Bid, ask and the vendor's vol, put then call.
    pub quotes: [Option<(f64, f64, f64)>; 2],
}

/// Days since 1970-01-01 of a `MM/DD/YYYY` date (Hinnant's civil-from-days, inverted).
pub fn days(date: &str) -> i64 {
    let part = |range: std::ops::Range<usize>| date[range].parse::<i64>().unwrap();
    let (m, d, y) = (part(0..2), part(3..5), part(6..10) - i64::from(part(0..2) <= 2));
    let era_year = y.rem_euclid(400);
    let day_of_year = (153 * (if m > 2 { m - 3 } else { m + 9 }) + 2) / 5 + d - 1;
    y.div_euclid(400) * 146_097 + era_year * 365 + era_year / 4 - era_year / 100 + day_of_year - 719_468
}

/// Expiries by (settlement instant, root), each with its strikes in points.
pub fn read(path: &Path) -> BTreeMap<(i64, String), BTreeMap<i32, Strike>> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let mut chains: BTreeMap<_, BTreeMap<i32, Strike>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let f: Vec<&str> = line.split(',').collect();
        let root = if f[3].starts_with("SPXW") { "SPXW" } else { "SPX" };
        // New York is four hours behind in summer, five in winter; an hour is nothing to a vol of months.
        let local = if root == "SPXW" {
            16 * 3_600
        } else {
            9 * 3_600 + 1_800
        };
        let settles = days(f[5]) * 86_400 + local + 4 * 3_600;
        // Every strike of the root is a whole number of points.
        let strike = f[7].strip_suffix(".0").unwrap().parse::<i32>().unwrap();
        let number = |i: usize| f[i].parse::<f64>().unwrap();
        let side = usize::from(f[4] == "call");
        chains
            .entry((settles, root.to_owned()))
            .or_default()
            .entry(strike)
            .or_default()
            .quotes[side] = Some((number(10), number(11), number(14)));
    }
    chains
}

#[test]
fn parity_forwards_and_vols_fit_a_real_day() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(DAY);
    if !path.exists() {
        println!("skipped: {DAY} absent");
        return;
    }
    let chains = read(&path);
    assert!(chains.len() > 30, "{} expiries", chains.len());
    let (mut gaps, mut solved, mut refused, mut rates) = (Vec::new(), 0, 0, Vec::new());
    for ((settles, root), strikes) in &chains {
        let years = years_between(NOW, *settles).unwrap();
        let two_sided = |q: &Option<(f64, f64, f64)>| q.filter(|(bid, ask, _)| *bid > 0.0 && ask >= bid);
        let pairs: Vec<ParityQuote> = strikes
            .iter()
            .filter_map(|(k, s)| {
                let (put, call) = (two_sided(&s.quotes[0])?, two_sided(&s.quotes[1])?);
                let mid = |(bid, ask, _): (f64, f64, f64)| 0.5 * (bid + ask);
                Some(ParityQuote {
                    strike: f64::from(*k),
                    call: mid(call),
                    put: mid(put),
                })
            })
            .collect();
        // Fed funds stood at 2.44 %, the 13-week bill at 2.42 % that week.
        let discount = (-0.0243 * years).exp();
        let found = parity_forward(&pairs, discount, ForwardOptions::default()).unwrap();
        // 2 919.04 spot, less about 1.9 % of dividends a year plus 2.4 % of interest.
        assert!(
            (found.forward / 2_919.04 - 1.0).abs() < 0.002 + 0.01 * years,
            "{root} {years}: {found:?}"
        );
        assert!(found.dispersion < 1.0, "{root} {years}: {found:?}");
        if years > 0.1 {
            rates.push(box_discount(&pairs, years).unwrap().rate);
        }
        let terms = ExpiryTerms::new(found.forward, years, discount).unwrap();
        let mut smile = Vec::new();
        for (side, right) in [Right::Put, Right::Call].into_iter().enumerate() {
            let (mut ks, mut mids, mut vendor) = (Vec::new(), Vec::new(), Vec::new());
            for (k, s) in strikes {
                let k = f64::from(*k);
                if right.intrinsic(found.forward, k) > 0.0 {
                    continue;
                }
                if let Some((bid, ask, vol)) = two_sided(&s.quotes[side]) {
                    ks.push(k);
                    mids.push(0.5 * (bid + ask));
                    vendor.push(vol);
                }
            }
            let (mut vols, mut status) = (vec![0.0; ks.len()], vec![RowStatus::Ok; ks.len()]);
            chain::implied_vols(&terms, right, &ks, &mids, &mut vols, &mut status).unwrap();
            for i in 0..ks.len() {
                if !status[i].is_ok() {
                    refused += 1;
                    continue;
                }
                solved += 1;
                let one = terms.implied_vol(right, ks[i], mids[i]).unwrap();
                assert!((vols[i] / one - 1.0).abs() < 1e-10);
                smile.push(SmilePoint {
                    strike: ks[i],
                    vol: vols[i],
                });
                if (7.0 / 365.0..0.5).contains(&years) && mids[i] >= 0.5 && vendor[i] > 0.0 {
                    gaps.push((vols[i] - vendor[i]).abs());
                }
            }
        }
        smile.sort_by(|a, b| a.strike.total_cmp(&b.strike));
        let atm = atm_forward_vol(&terms, &smile).unwrap();
        // The VIX closed at 13.25 that day; at the money the vols of all expiries lay around it.
        assert!((0.06..0.20).contains(&atm), "{root} {years}: {atm}");
    }
    gaps.sort_by(f64::total_cmp);
    rates.sort_by(f64::total_cmp);
    let middle = |v: &[f64]| v[v.len() / 2];
    println!(
        "{} expiries, {solved} vols, {refused} without; median distance from the vendor's {:.5}; box rate {:.4}",
        chains.len(),
        middle(&gaps),
        middle(&rates)
    );
    assert!(
        solved > 5_000 && refused == 0,
        "{solved} solved, {refused} refused"
    );
    assert!(middle(&gaps) < 0.005, "median {}", middle(&gaps));
    assert!(
        (middle(&rates) - 0.0245).abs() < 0.004,
        "box rate {}",
        middle(&rates)
    );
}
