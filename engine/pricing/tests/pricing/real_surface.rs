//! Smiles fitted to real SPX chains, where the data is at hand: how far the curves stand from the quotes.

use crate::real_chain::{Strike, days, read};
use alula_pricing::surface::{
    OptionQuote, SmileFit, SmileKind, SmileQuote, Surface, fit_smile, otm_smile_quotes,
};
use alula_pricing::{ExpiryTerms, ForwardOptions, ParityQuote, Right, parity_forward, years_between};
use std::collections::BTreeMap;
use std::path::Path;

type Expiry = (ExpiryTerms, Vec<SmileQuote>);

fn expiry(now: i64, settles: i64, strikes: &BTreeMap<i32, Strike>) -> Option<Expiry> {
    let years = years_between(now, settles)?;
    let quoted = |strike: &Strike, side: usize| strike.quotes[side].map(|(bid, ask, _)| (bid, ask));
    let mid = |(bid, ask): (f64, f64)| (bid > 0.0 && ask >= bid).then_some(0.5 * (bid + ask));
    let pairs: Vec<ParityQuote> = strikes
        .iter()
        .filter_map(|(k, s)| {
            let (put, call) = (quoted(s, 0).and_then(mid)?, quoted(s, 1).and_then(mid)?);
            Some(ParityQuote {
                strike: f64::from(*k),
                call,
                put,
            })
        })
        .collect();
    let discount = (-0.0243 * years).exp();
    let forward = parity_forward(&pairs, discount, ForwardOptions::default())
        .ok()?
        .forward;
    let terms = ExpiryTerms::new(forward, years, discount).ok()?;
    let mut quotes = Vec::new();
    for (k, s) in strikes {
        for (side, right) in [Right::Put, Right::Call].into_iter().enumerate() {
            if let Some((bid, ask)) = quoted(s, side) {
                quotes.push(OptionQuote {
                    right,
                    strike: f64::from(*k),
                    bid,
                    ask,
                });
            }
        }
    }
    Some((terms, otm_smile_quotes(&terms, &quotes)))
}

/// What a smile says of quotes it did not see: every other quote held back, the share of those (between the outermost seen)
/// that the curve passes between, and the root mean square of its error, vol points.
fn held_back((terms, quotes): &Expiry) -> Option<(f64, f64)> {
    let seen: Vec<SmileQuote> = quotes.iter().copied().step_by(2).collect();
    let fit = fit_smile(terms, &seen)
        .ok()
        .filter(|f| f.kind != SmileKind::Points)?;
    let (mut inside, mut squares, mut count) = (0.0, 0.0, 0.0);
    for quote in quotes.iter().skip(1).step_by(2) {
        let k = (quote.strike / terms.forward()).ln();
        if k > fit.range.1 {
            continue;
        }
        let vol = (fit.smile.total_variance(k) / terms.years()).sqrt();
        inside += f64::from(u8::from(quote.bid_vol <= vol && vol <= quote.ask_vol));
        squares += (100.0 * (vol - quote.mid_vol)).powi(2);
        count += 1.0;
    }
    (count > 0.0).then(|| (inside / count, (squares / count).sqrt()))
}

fn middle_and_worst(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0], values[values.len() - 1])
}

/// Two days of the set; with `ALULA_ALL_DAYS` in the environment, and better in a release build, all of them.
#[test]
fn smiles_stand_by_the_quotes_of_real_days() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/spx_chain_2019");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("skipped: spx_chain_2019 absent");
        return;
    };
    let mut files: Vec<_> = files.filter_map(|f| f.ok().map(|f| f.path())).collect();
    // The file of 27 May, a holiday, is a stale copy.
    files.retain(|f| f.to_string_lossy().ends_with(".csv.gz") && !f.to_string_lossy().contains("20190527"));
    files.sort();
    let stride = if std::env::var_os("ALULA_ALL_DAYS").is_some() {
        1
    } else {
        25
    };
    let (mut fits, mut held, mut crossings, mut points, mut days_read) =
        (Vec::new(), Vec::new(), Vec::new(), 0, 0);
    for file in files.iter().step_by(stride) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let date = format!("{}/{}/{}", &name[8..10], &name[10..12], &name[4..8]);
        let now = days(&date) * 86_400 + (15 + 4) * 3_600 + 45 * 60;
        let expiries: Vec<Expiry> = read(file)
            .iter()
            .filter_map(|((settles, _), strikes)| expiry(now, *settles, strikes))
            .collect();
        days_read += 1;
        held.extend(expiries.iter().filter_map(held_back));
        let (surface, _) = Surface::fit(&expiries);
        let surface = surface.unwrap();
        for slice in surface.slices() {
            match slice.fit.kind {
                SmileKind::Points => points += 1,
                _ => fits.push((slice.terms.years() * 365.0, slice.fit.clone())),
            }
        }
        crossings.extend(surface.crossings());
    }
    println!(
        "{days_read} days, {} curves, {points} smiles of points; vol points:",
        fits.len()
    );
    for (low, high) in [(0.0, 2.0), (2.0, 7.0), (7.0, 30.0), (30.0, 90.0), (90.0, 1e4)] {
        let band: Vec<_> = fits
            .iter()
            .filter(|(d, _)| (low..high).contains(d))
            .map(|f| &f.1)
            .collect();
        if band.is_empty() {
            continue;
        }
        let of = |f: fn(&SmileFit) -> f64| middle_and_worst(band.iter().map(|x| f(x)).collect());
        let (rms, vega, inside) = (of(|f| f.rms), of(|f| f.rms_by_vega), of(|f| f.inside));
        println!(
            "{low:>3} to {high:<5} days: {:4} curves, rms {:.3} (worst {:.3}), by vega {:.3} ({:.3}), inside {:.3} ({:.3})",
            band.len(),
            rms.0,
            rms.2,
            vega.0,
            vega.2,
            inside.0,
            inside.1
        );
        assert!(vega.0 < 0.3 && inside.0 > 0.9, "{low}-{high} days");
    }
    let (inside, rms): (Vec<f64>, Vec<f64>) = held.into_iter().unzip();
    let (inside, rms) = (middle_and_worst(inside), middle_and_worst(rms));
    println!(
        "every other quote held back: inside {:.3} ({:.3}), rms {:.3} ({:.3})",
        inside.0, inside.1, rms.0, rms.2
    );
    let quoted: Vec<_> = crossings.iter().filter(|c| c.quoted).collect();
    let deepest = quoted.iter().map(|c| c.vol_points).fold(0.0, f64::max);
    println!(
        "calendar: {} pairs cross inside their quotes, by {deepest:.4} at most; {} beyond them",
        quoted.len(),
        crossings.len() - quoted.len()
    );
    let arbitrage = fits.iter().filter(|(_, f)| f.is_arbitrage()).count();
    println!("butterfly arbitrage: {arbitrage}");
    assert_eq!(arbitrage, 0);
    // Lines through the few quotes of an expiring day are not moved, and quotes that cross each other stay what they are.
    assert!(
        quoted.len() * 25 < fits.len(),
        "{} of {}",
        quoted.len(),
        fits.len()
    );
    assert!(inside.0 > 0.9 && rms.0 < 0.5);
}
