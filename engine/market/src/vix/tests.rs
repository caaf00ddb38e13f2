use super::strip::strip;
use super::*;
use crate::chain::{ExpiryChain, QuoteColumns};
use crate::money::Price;
use crate::testing::shared;

/// The quotes of the worked example in Cboe's white paper.
fn whitepaper(text: &str) -> Vec<StripQuote> {
    let rows = text.lines().filter(|l| !l.starts_with('#'));
    rows.map(|line| {
        let v: Vec<f64> = line.split(',').map(|x| x.parse().unwrap()).collect();
        let side = |bid: f64, ask: f64| QuoteSide {
            bid,
            price: (bid + ask) / 2.0,
        };
        StripQuote {
            strike: v[0],
            call: side(v[1], v[2]),
            put: side(v[3], v[4]),
        }
    })
    .collect()
}

fn expiry_term_of(root: Root, expiry: &str, minutes: f64, term: Term) -> ExpiryTerm {
    ExpiryTerm {
        root,
        expiry: expiry.parse().unwrap(),
        settlement: root.settlement(),
        settles_at: Instant(0),
        minutes,
        term,
    }
}

/// Source of every number: Cboe, Volatility Index white paper (2019), "The VIX Index Calculation: Step-by-Step".
#[test]
fn the_worked_example_of_the_white_paper_comes_out() {
    let near = strip(
        &whitepaper(include_str!("whitepaper/near.csv")),
        35_924.0 / 525_600.0,
        0.000_305,
    )
    .unwrap();
    let next = strip(
        &whitepaper(include_str!("whitepaper/next.csv")),
        46_394.0 / 525_600.0,
        0.000_286,
    )
    .unwrap();
    assert!((near.years - 0.068_348_6).abs() < 1e-7 && (next.years - 0.088_268_6).abs() < 1e-7);
    assert!((near.forward - 1_962.899_96).abs() < 5e-6, "{}", near.forward);
    assert!((next.forward - 1_962.400_06).abs() < 5e-6, "{}", next.forward);
    assert_eq!((near.strike_atm, next.strike_atm), (1965.0, 1960.0));
    assert_eq!((near.k0, next.k0), (1960.0, 1960.0));
    // The 1350 and 1355 puts and the 2225 call have bids and lie beyond two strikes without one.
    assert_eq!((near.lowest, near.highest), (1370.0, 2125.0));
    assert_eq!((next.lowest, next.highest), (1275.0, 2200.0));
    assert!((near.variance - 0.018_462_92).abs() < 5e-9, "{}", near.variance);
    assert!((next.variance - 0.018_821_01).abs() < 5e-9, "{}", next.variance);
    let vix = interpolate(
        Family::Vix,
        Instant(0),
        expiry_term_of(Root::Spx, "2013-11-15", 35_924.0, near),
        expiry_term_of(Root::Spxw, "2013-11-22", 46_394.0, next),
    )
    .unwrap();
    assert_eq!(format!("{:.2}", vix.value), "13.69");
}

fn mixture() -> [(f64, f64, f64); 2] {
    // (weight, mean, deviation) of the log return; means chosen so that the price return has mean zero.
    let (p, a, s, b) = (0.12, -0.11, 0.09, 0.035);
    let other = (1.0 - p * f64::exp(a + s * s / 2.0)) / (1.0 - p);
    [(p, a, s), (1.0 - p, other.ln() - b * b / 2.0, b)]
}

/// Skewness of a mixture of normals from its raw moments, against the strip's on a fine chain priced from the mixture.
#[test]
fn skew_is_the_skewness_of_the_distribution_behind_the_prices() {
    let parts = mixture();
    let moment = |f: fn(f64, f64) -> f64| parts.iter().map(|(w, m, s)| w * f(*m, *s)).sum::<f64>();
    let (p1, p2, p3) = (
        moment(|m, _| m),
        moment(|m, s| m * m + s * s),
        moment(|m, s| m * m * m + 3.0 * m * s * s),
    );
    let expected = Moments { p1, p2, p3 }.skewness();
    let years = 30.0 / 365.0;
    let price = |right, strike: f64| {
        let part = |(w, m, s): &(f64, f64, f64)| {
            let forward = 4000.0 * f64::exp(m + s * s / 2.0);
            w * alula_pricing::price(right, forward, strike, years, s / years.sqrt(), 1.0).unwrap()
        };
        parts.iter().map(part).sum::<f64>()
    };
    let side = |right, strike| QuoteSide {
        bid: 1.0,
        price: price(right, strike),
    };
    let quotes: Vec<StripQuote> = (1500..8000)
        .map(|k| f64::from(k) + 0.3)
        .map(|strike| StripQuote {
            strike,
            put: side(alula_pricing::Right::Put, strike),
            call: side(alula_pricing::Right::Call, strike),
        })
        .collect();
    let term = term(&quotes, years, 0.0).unwrap();
    assert!((term.forward - 4000.0).abs() < 1e-6);
    assert!((term.moments.p1 - p1).abs() < 2e-7, "{} {p1}", term.moments.p1);
    assert!((term.moments.p2 / p2 - 1.0).abs() < 1e-4);
    assert!(
        (term.moments.skewness() / expected - 1.0).abs() < 2e-3,
        "{} {expected}",
        term.moments.skewness()
    );
    // Twice the mean of minus the log return is the variance of the log contract.
    assert!((term.variance * years + 2.0 * p1).abs() < 1e-6);
}

#[test]
fn a_strike_without_a_bid_is_left_out_and_two_in_a_row_end_the_walk() {
    let strip_of = |bids: &[f64]| -> Vec<StripQuote> {
        let n = bids.len() as f64;
        bids.iter()
            .enumerate()
            .map(|(i, bid)| {
                let strike = 100.0 - n + i as f64;
                StripQuote {
                    strike,
                    put: QuoteSide {
                        bid: *bid,
                        price: 1.0,
                    },
                    call: QuoteSide {
                        bid: 1.0,
                        price: 1.0 + 100.0 - strike,
                    },
                }
            })
            .chain((0..4).map(|i| StripQuote {
                strike: 100.0 + f64::from(i),
                put: QuoteSide { bid: 1.0, price: 1.0 },
                call: QuoteSide { bid: 1.0, price: 1.0 },
            }))
            .collect()
    };
    let lone = term(&strip_of(&[1.0, 1.0, 0.0, 1.0, 1.0]), 0.1, 0.0).unwrap();
    assert_eq!((lone.lowest, lone.strikes_used), (95.0, 8));
    let cut = term(&strip_of(&[1.0, 1.0, 0.0, 0.0, 1.0]), 0.1, 0.0).unwrap();
    assert_eq!((cut.lowest, cut.strikes_used), (99.0, 5));
    assert_eq!(term(&[], 0.1, 0.0), None);
    assert_eq!(term(&strip_of(&[0.0])[..1], 0.1, 0.0), None);
}

fn bare(root: Root, expiry: &str) -> ExpiryChain {
    let calendar = crate::calendar::ExchangeCalendar::nyse();
    let expiry: Date = expiry.parse().unwrap();
    ExpiryChain {
        root,
        expiry,
        settlement: root.settlement(),
        settles_at: calendar.settles_at(root, expiry).unwrap(),
        last_trade_at: calendar.last_trade_at(root, expiry).unwrap(),
        strikes: vec![Price(100_000)],
        puts: QuoteColumns::default(),
        calls: QuoteColumns::default(),
    }
}

#[test]
fn terms_are_fridays_around_the_horizon_by_the_minute() {
    let on = |day: &str| {
        let mut expiries = vec![
            bare(Root::Spxw, "2019-03-22"),
            bare(Root::Spxw, "2019-03-27"),
            bare(Root::Spxw, "2019-03-29"),
            bare(Root::Spxw, "2019-04-05"),
            bare(Root::Spxw, "2019-04-12"),
            // Good Friday 2019-04-19: the monthlys end on the Thursday.
            bare(Root::Spx, "2019-04-18"),
            bare(Root::Spxw, "2019-04-18"),
            bare(Root::Spxw, "2019-04-26"),
            bare(Root::Spx, "2019-05-17"),
            bare(Root::Spx, "2019-06-21"),
            bare(Root::Spx, "2019-09-20"),
        ];
        expiries.sort_by_key(|c| (c.expiry, c.root));
        ChainSnapshot {
            at: Instant::from_eastern(day.parse().unwrap(), 15, 45).unwrap(),
            underlying: "SPX".to_owned(),
            spot: Price(2_800_000),
            expiries,
        }
    };
    let chosen = |day: &str, family| {
        let snapshot = on(day);
        let (near, next) = select(&snapshot, family).map_err(|e| e.to_string())?;
        Ok::<_, String>(format!(
            "{} {} {} {}",
            near.root.symbol(),
            near.expiry,
            next.root.symbol(),
            next.expiry
        ))
    };
    assert_eq!(
        chosen("2019-03-15", Family::Vix).unwrap(),
        "SPXW 2019-04-12 SPX 2019-04-18"
    );
    // A Wednesday: the Friday in 30 days is 15 minutes past the horizon.
    assert_eq!(
        chosen("2019-03-27", Family::Vix).unwrap(),
        "SPX 2019-04-18 SPXW 2019-04-26"
    );
    assert_eq!(
        chosen("2019-03-18", Family::Vix9d).unwrap(),
        "SPXW 2019-03-22 SPXW 2019-03-29"
    );
    assert_eq!(
        chosen("2019-03-18", Family::Vix3m).unwrap(),
        "SPX 2019-05-17 SPX 2019-06-21"
    );
    let refused = chosen("2019-06-03", Family::Vix).unwrap_err();
    assert_eq!(
        refused,
        "no two VIX expiries bracket 30 days: SPX 2019-06-21 and SPX 2019-09-20"
    );
    assert!(Family::Vix.takes(Root::Spx, "2019-04-18".parse().unwrap()));
    assert!(!Family::Vix.takes(Root::Spxw, "2019-04-17".parse().unwrap()));
}

/// On the real chains of 2019 the computed VIX lies in the published range of every day whose terms bracket 30 days. The
/// snapshots are intraday at unrecorded minutes, so the close is not met exactly.
#[cfg(feature = "store")]
#[test]
fn on_the_chains_of_2019_vix_lies_in_the_published_range_of_every_day() {
    use crate::import::{ImportRequest, run};
    use crate::store::StoreHistory;
    let inputs: Option<Vec<_>> = [
        "spx_chain_2019",
        "context/vix-daily_pddl.csv",
        "context/SKEW_History_cboe.csv",
        "rates/DFF_fred.csv",
    ]
    .iter()
    .map(|p| shared(p))
    .collect();
    let Some(inputs) = inputs else { return };
    let dir = tempfile::tempdir().unwrap();
    let request = ImportRequest::new(inputs, dir.path().join("spx"));
    run(&request, &mut ()).unwrap();
    let store = StoreHistory::open(&request.store).unwrap();
    let (from, to) = ("2019-04-25".parse().unwrap(), "2019-06-28".parse().unwrap());
    let study = study(&store, Family::Vix, from, to).unwrap();
    for day in &study.days {
        println!(
            "{} {:?} {:?}",
            day.at,
            day.computed
                .as_ref()
                .map(|c| (c.value, c.skew, c.near.expiry, c.next.expiry)),
            day.published
        );
    }
    let agreement = study.agreement().unwrap();
    println!("{agreement:?}");
    assert_eq!(study.days.len(), 41);
    assert_eq!(agreement.days, 41);
    assert_eq!(agreement.inside, agreement.ranged);
    assert!(agreement.median < 0.3, "{agreement:?}");

    let ivs = compare_implied(&store, from, to).unwrap();
    for (class, s) in &ivs.classes {
        println!(
            "{:>7} rows, median {:.3}, p99 {:.2}: {} ({:?})",
            s.rows,
            s.median,
            s.p99,
            class.words(),
            s.worst
        );
    }
    println!(
        "vendor absent {}, unquoted {}, unsolved {}",
        ivs.vendor_absent, ivs.unquoted, ivs.unsolved
    );
    assert!(ivs.classes[&RowClass::Sound].median < 0.5);
}
