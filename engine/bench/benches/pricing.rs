//! Pricing against peers: an SPX-like set of chains, price and greeks, then implied vols.
//!
//! 18 expiries from 1 to 730 days, 200 strikes each from 50 % to 150 % of the forward, a skewed smile, calls.
//! Before anything is timed the contestants' answers are compared, so that nobody wins by being wrong.

use std::time::Duration;

use alula_bench::Race;
use alula_pricing::chain::{self, GreekTable, RowStatus};
use alula_pricing::{ExpiryTerms, Right};
use implied_vol::{DefaultSpecialFn, ImpliedBlackVolatility};

const STRIKES: u32 = 200;
const DAYS: [f64; 18] = [
    1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 21.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 270.0, 365.0, 540.0,
    730.0,
];
const ROUNDS: u32 = 15;
const SLICE: Duration = Duration::from_millis(40);

/// One expiry; prices are those of the out-of-the-money side, as a trader quotes a smile.
struct Expiry {
    terms: ExpiryTerms,
    strikes: Vec<f64>,
    vols: Vec<f64>,
    otm: Vec<f64>,
    split: usize,
}

fn chains() -> Vec<Expiry> {
    DAYS.iter()
        .filter_map(|days| {
            let terms = ExpiryTerms::with_rate(5_000.0, days / 365.0, 0.045).ok()?;
            let strikes: Vec<f64> = (0..STRIKES).map(|i| 2_500.0 + 25.0 * f64::from(i)).collect();
            let vols: Vec<f64> = strikes
                .iter()
                .map(|k| {
                    let x = libm::log(k / terms.forward()) / terms.sqrt_years();
                    (0.15 - 0.08 * x + 0.1 * x * x).clamp(0.08, 1.2)
                })
                .collect();
            let split = strikes.partition_point(|k| *k < terms.forward());
            let otm = strikes
                .iter()
                .zip(&vols)
                .map(|(k, v)| {
                    let right = if *k < terms.forward() {
                        Right::Put
                    } else {
                        Right::Call
                    };
                    terms.price(right, *k, *v).unwrap_or(0.0)
                })
                .collect();
            Some(Expiry {
                terms,
                strikes,
                vols,
                otm,
                split,
            })
        })
        .collect()
}

/// The formulas as a textbook prints them, with libm: what one writes first.
fn textbook(f: f64, k: f64, t: f64, v: f64, r: f64) -> [f64; 6] {
    let d = libm::exp(-r * t);
    let cdf = |x: f64| 0.5 * libm::erfc(-x / core::f64::consts::SQRT_2);
    let pdf = |x: f64| libm::exp(-0.5 * x * x) / (2.0 * core::f64::consts::PI).sqrt();
    let s = v * t.sqrt();
    let d1 = libm::log(f / k) / s + 0.5 * s;
    let d2 = d1 - s;
    let price = d * (f * cdf(d1) - k * cdf(d2));
    let delta = d * cdf(d1);
    let gamma = d * pdf(d1) / (f * s);
    let vega = d * f * pdf(d1) * t.sqrt() / 100.0;
    let theta = (r * price - d * f * pdf(d1) * v / (2.0 * t.sqrt())) / 365.0;
    [price, delta, gamma, vega, theta, -t * price / 100.0]
}

fn greeks(chains: &[Expiry]) {
    let rows = u32::try_from(chains.iter().map(|e| e.strikes.len()).sum::<usize>()).unwrap_or(u32::MAX);
    let mut table = GreekTable::default();
    let own = |table: &mut GreekTable| {
        let mut sum = 0.0;
        for e in chains {
            let rows = e.strikes.len();
            let done = chain::greeks(
                &e.terms,
                Right::Call,
                &e.strikes,
                &e.vols,
                &mut table.columns(rows),
            );
            assert!(done.is_ok(), "columns are of one length");
            sum += table.price.last().copied().unwrap_or(0.0) + table.theta.first().copied().unwrap_or(0.0);
        }
        sum
    };
    for e in chains {
        let rows = e.strikes.len();
        let _ = chain::greeks(
            &e.terms,
            Right::Call,
            &e.strikes,
            &e.vols,
            &mut table.columns(rows),
        );
        for (i, (k, v)) in e.strikes.iter().zip(&e.vols).enumerate() {
            let t = textbook(e.terms.forward(), *k, e.terms.years(), *v, e.terms.rate());
            let got = [
                &table.price,
                &table.delta,
                &table.gamma,
                &table.vega,
                &table.theta,
                &table.rho,
            ];
            for (column, want) in got.into_iter().zip(t) {
                let off = column.get(i).map_or(f64::INFINITY, |x| (x - want).abs());
                assert!(off < 1e-9, "row {i}: {off:e}");
            }
        }
    }
    Race::new("Price and five greeks of one right", "option", rows)
        .with("alula: columns", || own(&mut table))
        .with("alula: one option at a time (implied-vol price, libm)", || {
            let mut sum = 0.0;
            for e in chains {
                for (k, v) in e.strikes.iter().zip(&e.vols) {
                    if let Ok(g) = e.terms.greeks(Right::Call, *k, *v) {
                        sum += g.price + g.delta + g.gamma + g.vega + g.theta + g.rho;
                    }
                }
            }
            sum
        })
        .with("textbook loop with libm", || {
            let mut sum = 0.0;
            for e in chains {
                for (k, v) in e.strikes.iter().zip(&e.vols) {
                    sum += textbook(e.terms.forward(), *k, e.terms.years(), *v, e.terms.rate())
                        .iter()
                        .sum::<f64>();
                }
            }
            sum
        })
        .with("black_scholes 0.11: price and five greeks, a call each", || {
            let mut sum = 0.0;
            for e in chains {
                let (s, r, t) = (
                    e.terms.forward() * e.terms.discount(),
                    e.terms.rate(),
                    e.terms.years(),
                );
                for (k, v) in e.strikes.iter().zip(&e.vols) {
                    sum += black_scholes::call(s, *k, r, *v, t)
                        + black_scholes::call_delta(s, *k, r, *v, t)
                        + black_scholes::call_gamma(s, *k, r, *v, t)
                        + black_scholes::call_vega(s, *k, r, *v, t)
                        + black_scholes::call_theta(s, *k, r, *v, t)
                        + black_scholes::call_rho(s, *k, r, *v, t);
                }
            }
            sum
        })
        .with("black_scholes 0.11: compute_all (both rights, nine each)", || {
            let mut sum = 0.0;
            for e in chains {
                let (s, r, t) = (
                    e.terms.forward() * e.terms.discount(),
                    e.terms.rate(),
                    e.terms.years(),
                );
                for (k, v) in e.strikes.iter().zip(&e.vols) {
                    let g = black_scholes::compute_all(s, *k, r, *v, t);
                    sum +=
                        g.call_price + g.call_delta + g.call_gamma + g.call_vega + g.call_theta + g.call_rho;
                }
            }
            sum
        })
        .with("implied-vol 2.1: price only", || {
            let mut sum = 0.0;
            for e in chains {
                for (k, v) in e.strikes.iter().zip(&e.vols) {
                    sum += e.terms.price(Right::Call, *k, *v).unwrap_or(0.0);
                }
            }
            sum
        })
        .run(ROUNDS, SLICE)
        .print();
}

/// Implied vols of the out-of-the-money prices between two bounds, in points.
fn implied(chains: &[Expiry], low: f64, high: f64) {
    // The strikes whose price lies in the band, per expiry and side, kept as columns.
    struct Side<'a> {
        terms: &'a ExpiryTerms,
        right: Right,
        strikes: Vec<f64>,
        prices: Vec<f64>,
        true_vols: Vec<f64>,
    }
    let mut sides = Vec::new();
    for e in chains {
        for right in [Right::Put, Right::Call] {
            let mut side = Side {
                terms: &e.terms,
                right,
                strikes: vec![],
                prices: vec![],
                true_vols: vec![],
            };
            for (i, ((k, v), p)) in e.strikes.iter().zip(&e.vols).zip(&e.otm).enumerate() {
                if (right == Right::Put) == (i < e.split) && *p >= low && *p < high {
                    side.strikes.push(*k);
                    side.prices.push(*p);
                    side.true_vols.push(*v);
                }
            }
            sides.push(side);
        }
    }
    let rows = sides.iter().map(|s| s.strikes.len()).sum::<usize>();
    let mut vols = vec![0.0; 1_000];
    let mut status = vec![RowStatus::Ok; 1_000];
    let mut worst: f64 = 0.0;
    for s in &sides {
        let n = s.strikes.len();
        let (Some(v), Some(st)) = (vols.get_mut(..n), status.get_mut(..n)) else {
            continue;
        };
        let done = chain::implied_vols(s.terms, s.right, &s.strikes, &s.prices, v, st);
        assert!(
            done.is_ok() && st.iter().all(|x| x.is_ok()),
            "a price without a vol"
        );
        worst = v
            .iter()
            .zip(&s.true_vols)
            .fold(worst, |w, (got, want)| w.max((got / want - 1.0).abs()));
    }
    assert!(worst < 1e-9, "{worst:e}");
    let title = format!(
        "Implied vol, {rows} out-of-the-money prices from {low:e} to {high:e} points (columns' greatest relative error {worst:.1e})"
    );
    Race::new(title, "option", u32::try_from(rows).unwrap_or(u32::MAX))
        .with("alula: columns", || {
            let mut sum = 0.0;
            for s in &sides {
                let n = s.strikes.len();
                let (Some(v), Some(st)) = (vols.get_mut(..n), status.get_mut(..n)) else {
                    continue;
                };
                if chain::implied_vols(s.terms, s.right, &s.strikes, &s.prices, v, st).is_ok() {
                    sum += v.iter().sum::<f64>();
                }
            }
            sum
        })
        .with("implied-vol 2.1 (its default, hybrid)", || {
            let mut sum = 0.0;
            for s in &sides {
                for (k, p) in s.strikes.iter().zip(&s.prices) {
                    sum += ImpliedBlackVolatility::builder()
                        .forward(s.terms.forward())
                        .strike(*k)
                        .expiry(s.terms.years())
                        .is_call(s.right == Right::Call)
                        .option_price(p / s.terms.discount())
                        .build()
                        .and_then(|b| b.calculate::<DefaultSpecialFn>())
                        .unwrap_or(0.0);
                }
            }
            sum
        })
        .with("black_scholes 0.11 (failures counted as zero)", || {
            let mut sum = 0.0;
            for s in &sides {
                let (spot, r, t) = (
                    s.terms.forward() * s.terms.discount(),
                    s.terms.rate(),
                    s.terms.years(),
                );
                for (k, p) in s.strikes.iter().zip(&s.prices) {
                    sum += match s.right {
                        Right::Call => black_scholes::call_iv(*p, spot, *k, r, t),
                        Right::Put => black_scholes::put_iv(*p, spot, *k, r, t),
                    }
                    .unwrap_or(0.0);
                }
            }
            sum
        })
        .run(ROUNDS, SLICE)
        .print();
}

/// For a script that runs a peer of another language in turns with this: nanoseconds an option, and the sum of the prices.
#[expect(clippy::print_stdout, reason = "the script reads it")]
fn alone(chains: &[Expiry]) {
    let rows = chains.iter().map(|e| e.strikes.len()).sum::<usize>();
    let mut table = GreekTable::default();
    let mut sum = 0.0;
    for e in chains {
        let rows = e.strikes.len();
        let done = chain::greeks(
            &e.terms,
            Right::Call,
            &e.strikes,
            &e.vols,
            &mut table.columns(rows),
        );
        assert!(done.is_ok(), "columns are of one length");
        sum += table.price.iter().sum::<f64>();
    }
    let mut work = || {
        for e in chains {
            let mut columns = table.columns(e.strikes.len());
            let done = chain::greeks(&e.terms, Right::Call, &e.strikes, &e.vols, &mut columns);
            std::hint::black_box(done.is_ok());
        }
    };
    // Warm-up, then at least a third of a second of processor time.
    (0..200).for_each(|_| work());
    let start = cpu_time::ProcessTime::now();
    let mut calls = 0_u32;
    while start.elapsed() < Duration::from_millis(300) {
        (0..50).for_each(|_| work());
        calls += 50;
    }
    let options = f64::from(calls) * f64::from(u32::try_from(rows).unwrap_or(u32::MAX));
    println!(
        "alone greeks {} {sum}",
        start.elapsed().as_secs_f64() / options * 1e9
    );
}

fn main() {
    let chains = chains();
    if std::env::args().any(|argument| argument == "alone") {
        return alone(&chains);
    }
    if alula_bench::is_wanted("greeks") {
        greeks(&chains);
    }
    if alula_bench::is_wanted("implied") {
        implied(&chains, 1e-2, 1e4);
        implied(&chains, 1e-8, 1e-2);
    }
}
