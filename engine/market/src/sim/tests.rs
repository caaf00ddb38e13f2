//! What the simulated market promises.

mod chains;
mod volatility;

use super::*;
use crate::chain::ExpiryChain;
use crate::contract::tick::{Quoted, is_on_tick};
use crate::contract::{Right, listed};
use crate::vix::{self, Family};
use chrono::Days;
use sha2::{Digest as _, Sha256};

fn market(seed: u64) -> SimulatedMarket {
    SimulatedMarket::new(SimConfig {
        seed,
        ..SimConfig::default()
    })
    .unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn all_ticks(market: &SimulatedMarket) -> Vec<Instant> {
    let (from, to) = market.range("SPX").unwrap();
    market.ticks("SPX", from, to)
}

/// Some snapshots spread over the history.
fn sample(market: &SimulatedMarket, every: usize) -> Vec<Arc<ChainSnapshot>> {
    sample_of(market, "SPX", every)
}

fn sample_of(market: &SimulatedMarket, underlying: &str, every: usize) -> Vec<Arc<ChainSnapshot>> {
    let ticks = all_ticks(market).into_iter().step_by(every);
    ticks.map(|at| market.snapshot(underlying, at).unwrap()).collect()
}

/// A year of each kind of market, its chains on both underlyings: many of the index, all of VIX.
fn every_regime(mut check: impl FnMut(&SimulatedMarket, &ChainSnapshot)) {
    for regime in Regime::ALL {
        let config = SimConfig {
            sessions: 252,
            regime,
            ..SimConfig::default()
        };
        let market = SimulatedMarket::new(config).unwrap();
        let index = sample_of(&market, "SPX", 12).into_iter();
        let mini = sample_of(&market, "XSP", 24).into_iter();
        for snapshot in index.chain(mini).chain(sample_of(&market, "VIX", 3)) {
            check(&market, &snapshot);
        }
    }
}

fn mean(v: &[f64]) -> f64 {
    v.iter().sum::<f64>() / v.len() as f64
}

#[test]
fn equal_settings_give_equal_markets_and_seeds_differ() {
    let (a, b, other) = (market(7), market(7), market(8));
    assert_eq!(a.world.days, b.world.days);
    assert_ne!(a.world.days, other.world.days);
    assert_ne!(a.provenance().hash, other.provenance().hash);
    assert_eq!(a.provenance().label, "simulated market, seed 7");
    assert!(a.provenance().simulated);
    let at = all_ticks(&a)[100];
    assert_eq!(a.snapshot("SPX", at).unwrap(), b.snapshot("SPX", at).unwrap());
}

#[test]
fn a_longer_market_begins_with_the_shorter_one() {
    let short = SimulatedMarket::new(SimConfig {
        sessions: 40,
        ..SimConfig::default()
    })
    .unwrap();
    let long = market(7);
    assert_eq!(short.world.days[..], long.world.days[..short.world.days.len()]);
    let fine = SimulatedMarket::new(SimConfig {
        every_minutes: Some(5),
        sessions: 40,
        ..SimConfig::default()
    });
    let fine = fine.unwrap();
    assert_eq!(short.world.days, fine.world.days);
    let at = all_ticks(&short)[3];
    assert_eq!(
        short.snapshot("SPX", at).unwrap(),
        fine.snapshot("SPX", at).unwrap()
    );
}

/// Bits of the path, so that a platform or a change of the model that moves a number is noticed. Not a claim about the
/// values: when the model changes on purpose, `MODEL` and this change with it.
#[test]
fn the_path_is_the_same_on_every_platform() {
    let market = market(7);
    let mut digest = Sha256::new();
    for edge in market.world.days.iter().flat_map(|d| &d.edges) {
        digest.update(edge.spot.to_bits().to_le_bytes());
        digest.update(edge.state.fast.to_bits().to_le_bytes());
    }
    let found = crate::digest::hex(&digest.finalize()[..8]);
    assert_eq!(found, "fc10d67595641e58");
}

#[test]
fn the_default_is_two_years_of_daily_snapshots() {
    let market = market(7);
    assert_eq!(market.range("SPX"), Some((day("2023-01-03"), day("2024-12-31"))));
    let ticks = all_ticks(&market);
    assert_eq!(ticks.len(), 502);
    assert_eq!(ticks[0].to_string(), "2023-01-03 15:45 ET");
    let half_day = market.ticks("SPX", day("2023-11-24"), day("2023-11-24"));
    assert_eq!(half_day[0].to_string(), "2023-11-24 12:45 ET");
    assert_eq!(market.ticks("VIX", day("2023-01-03"), day("2024-12-31")), ticks);
    assert_eq!(market.ticks("RUT", day("2023-01-03"), day("2024-12-31")), []);
    assert_eq!(market.gaps("SPX", day("2023-01-03"), day("2024-12-31")), []);
}

#[test]
fn settings_out_of_range_are_refused_with_a_way_out() {
    let with = |f: fn(&mut SimConfig)| {
        let mut config = SimConfig::default();
        f(&mut config);
        SimulatedMarket::new(config).err().unwrap()
    };
    assert_eq!(
        with(|c| c.sessions = 0).to_string(),
        "a simulated market of `0` sessions"
    );
    assert!(
        with(|c| c.sessions = SimConfig::SESSIONS_MAX + 1)
            .help
            .contains("5040")
    );
    assert_eq!(
        with(|c| c.every_minutes = Some(7)).help,
        "take a multiple of 5 minutes"
    );
    assert_eq!(
        with(|c| c.every_minutes = Some(0)).help,
        "take a multiple of 5 minutes"
    );
    assert!(with(|c| c.spot = f64::NAN).to_string().contains("NaN"));
    assert!(with(|c| c.start = Date::MAX).to_string().contains("no sessions"));
    assert!(with(|c| c.start = Date::MIN).to_string().contains("no sessions"));
    let market = market(7);
    let error = market.snapshot("SPX", Instant(0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no simulated `SPX` chain at 1969-12-31 19:00 ET"
    );
}

#[test]
fn bars_are_sound_and_sessions_are_their_minutes_joined() {
    let market = market(7);
    let world = World::new(
        7,
        market.world.model.clone(),
        market.world.days[..45].to_vec(),
        Some(5),
        Date::MIN,
    );
    for id in ["SPX", "ES", "VIX", "VIX9D", "VIX3M", "VIX6M", "SPY", "VX1", "VX4"] {
        let session = bars::series(&world, id, BarSize::Session).unwrap();
        let five = bars::series(&world, id, BarSize::Minutes(5)).unwrap();
        for bars in [&session, &five] {
            assert!(bars.available_at.windows(2).all(|w| w[0] <= w[1]));
            assert!(bars.starts_at.windows(2).all(|w| w[0] < w[1]));
            for n in 0..bars.close.len() {
                let at = |c: &[Option<f64>]| c[n].unwrap();
                let (o, h, l, c) = (at(&bars.open), at(&bars.high), at(&bars.low), at(&bars.close));
                assert!(h >= o.max(c) && l <= o.min(c) && l > 0.0, "{id} {n}");
                assert!(bars.available_at[n] > bars.starts_at[n]);
            }
        }
        for (n, date) in session.date.iter().enumerate().step_by(4) {
            let inside: Vec<usize> = (0..five.date.len()).filter(|i| five.date[*i] == *date).collect();
            let (first, last) = (inside[0], inside[inside.len() - 1]);
            assert_eq!(session.open[n], five.open[first]);
            assert_eq!(session.close[n], five.close[last]);
            let high = inside
                .iter()
                .map(|i| five.high[*i].unwrap())
                .fold(f64::MIN, f64::max);
            assert_eq!(session.high[n], Some(high));
        }
    }
    assert!(market.series("SPX", BarSize::Minutes(7)).unwrap().is_none());
    assert!(market.series("SPX", BarSize::Minutes(0)).unwrap().is_none());
    assert!(market.series("QQQ", BarSize::Session).unwrap().is_none());
    assert!(market.series("VX9", BarSize::Session).unwrap().is_none());
}

#[test]
fn the_index_in_a_snapshot_is_the_index_of_the_bars() {
    let market = market(7);
    let five = market.series("SPX", BarSize::Minutes(5)).unwrap().unwrap();
    for snapshot in sample(&market, 75) {
        let bar = five
            .available_at
            .iter()
            .position(|at| *at == snapshot.at)
            .unwrap();
        assert_eq!(Some(snapshot.spot), Price::from_f64(five.close[bar].unwrap()));
    }
}

#[test]
fn every_series_of_the_language_is_there() {
    let market = SimulatedMarket::new(SimConfig {
        sessions: 40,
        start: day("2024-11-01"),
        ..SimConfig::default()
    })
    .unwrap();
    let months = (1..=8).map(|n| format!("VX{n}"));
    let names = [
        "SPX",
        "XSP",
        "SPY",
        "ES",
        "VIX",
        "VIX9D",
        "VIX3M",
        "VIX6M",
        "VVIX",
        "SKEW",
        "VXX",
        "VXZ",
        "SET",
        "DFF",
        "SPX.DEPTH",
        "NYSE.ADLINE",
    ];
    for id in names.into_iter().map(str::to_owned).chain(months) {
        let series = market.series(&id, BarSize::Session).unwrap().unwrap();
        assert_eq!(series.close.len(), 40 + 260, "{id}");
        assert!(series.close.iter().all(Option::is_some), "{id}");
    }
    for id in ["FOMC", "CPI", "PPI"] {
        let events = market.events(id).unwrap().unwrap();
        assert!(events.rows.len() >= 8, "{id}");
        assert!(events.rows.windows(2).all(|w| w[0].at < w[1].at));
        for row in &events.rows {
            assert!(
                ExchangeCalendar::nyse().is_session(row.at.date()),
                "{id} {}",
                row.at
            );
            assert!(row.scheduled_known_at < row.at);
            assert!(row.consensus.is_some());
            assert_eq!(
                row.actual.is_some(),
                row.at.date() <= day("2024-12-31"),
                "{id} {}",
                row.at
            );
        }
    }
    assert!(market.events("NFP").unwrap().is_none());
}

#[test]
fn settlements_are_the_open_and_the_close() {
    let market = market(7);
    let friday = day("2023-06-16");
    let spx = market.series("SPX", BarSize::Session).unwrap().unwrap();
    let n = spx.date.binary_search(&friday).unwrap();
    let pm = market.settlement(Root::Spxw, friday).unwrap().unwrap();
    assert_eq!(Some(pm.price), Price::from_f64(spx.close[n].unwrap()));
    assert_eq!(pm.at.to_string(), "2023-06-16 16:00 ET");
    let am = market.settlement(Root::Spx, friday).unwrap().unwrap();
    assert!((am.price.to_f64() / spx.open[n].unwrap() - 1.0).abs() < 0.003);
    assert_eq!(am.at.to_string(), "2023-06-16 09:30 ET");
    assert!(!am.approximate && !pm.approximate);
    let wednesday = day("2023-06-21");
    let vix = market.series("VIX", BarSize::Session).unwrap().unwrap();
    let n = vix.date.binary_search(&wednesday).unwrap();
    let vro = market.settlement(Root::Vix, wednesday).unwrap().unwrap();
    assert!((vro.price.to_f64() / vix.open[n].unwrap() - 1.0).abs() < 0.08);
    let beyond = day("2024-12-31").checked_add_days(Days::new(17)).unwrap();
    assert_eq!(market.settlement(Root::Spx, beyond).unwrap(), None);
}

#[test]
fn regimes_differ_as_their_names_say() {
    let vix = |regime| {
        let config = SimConfig {
            sessions: 252,
            regime,
            ..SimConfig::default()
        };
        let market = SimulatedMarket::new(config).unwrap();
        assert_eq!(
            market.provenance().label.contains(regime.name()),
            regime != Regime::Mixed
        );
        let days = market.with_chains();
        let level = |d: &Day| market.world.model.vix(d.last().unwrap().state, 30.0);
        mean(&days.iter().map(level).collect::<Vec<_>>())
    };
    let (calm, mixed, stress) = (vix(Regime::Calm), vix(Regime::Mixed), vix(Regime::Stress));
    assert!(
        calm < 0.85 * mixed && stress > 1.25 * mixed,
        "{calm} {mixed} {stress}"
    );
}

/// A store made of the market answers as the market does.
#[cfg(feature = "store")]
#[test]
fn a_written_market_reads_back_as_itself() {
    use crate::store::{StoreErrorKind, StoreHistory};
    let market = SimulatedMarket::new(SimConfig {
        sessions: 6,
        start: day("2023-06-14"),
        ..SimConfig::default()
    })
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let mut seen = vec![];
    let written = export::export(&market, &one, &mut |done, total, _| seen.push((done, total))).unwrap();
    assert_eq!((written.days, written.snapshots), (6, 18));
    assert_eq!(seen, (1..=6).map(|n| (n, 6)).collect::<Vec<_>>());
    export::export(&market, &two, &mut |_, _, _| {}).unwrap();
    let manifest = |p: &std::path::Path| std::fs::read(p.join("manifest.json")).unwrap();
    assert_eq!(manifest(&one), manifest(&two));
    let store = StoreHistory::open(&one).unwrap();
    let p = store.provenance();
    assert!(
        p.simulated && p.notes.iter().any(|n| n.starts_with("SIMULATED")),
        "{p:?}"
    );
    assert!(
        store
            .quality_json()
            .unwrap()
            .unwrap()
            .contains("\"simulated\": true")
    );
    for underlying in ["SPX", "XSP", "VIX"] {
        let ticks = market.ticks(underlying, Date::MIN, Date::MAX);
        let (from, to) = store.range(underlying).unwrap();
        assert_eq!(store.ticks(underlying, from, to), ticks);
        for at in ticks {
            assert_eq!(
                store.snapshot(underlying, at).unwrap(),
                market.snapshot(underlying, at).unwrap()
            );
            let (a, b) = (
                store.rate(at).unwrap().unwrap(),
                market.rate(at).unwrap().unwrap(),
            );
            assert!((a - b).abs() < 1e-12, "{a} {b}");
        }
    }
    for id in export::SERIES {
        let (a, b) = (
            store.series(id, BarSize::Session).unwrap().unwrap(),
            market.series(id, BarSize::Session).unwrap().unwrap(),
        );
        assert_eq!(a, b, "{id}");
    }
    for (root, expiry) in [
        (Root::Spx, "2023-06-16"),
        (Root::Spxw, "2023-06-16"),
        (Root::Vix, "2023-06-21"),
        (Root::Vixw, "2023-06-14"),
    ] {
        assert_eq!(
            store.settlement(root, day(expiry)).unwrap(),
            market.settlement(root, day(expiry)).unwrap(),
            "{root:?}"
        );
    }
    let again = export::export(&market, &one, &mut |_, _, _| {}).unwrap_err();
    assert!(matches!(again, export::ExportError::Store(e) if e.kind == StoreErrorKind::Exists));
}

/// The tuned kind of market over many seeds: the mean of each statistic lies within one and a half of its usual spread.
#[test]
fn statistics_average_near_those_of_the_real_market() {
    use super::stats::{Measure, Statistics};
    let mut sums: BTreeMap<Measure, Vec<f64>> = BTreeMap::new();
    for seed in 1..=5 {
        let market = market(seed);
        for line in Statistics::of(&market, Date::MIN, Date::MAX)
            .unwrap()
            .beside(None)
        {
            sums.entry(line.measure).or_default().push(line.off);
        }
    }
    assert_eq!(sums.len(), stats::TARGETS.len());
    for (measure, off) in sums {
        println!("{:<44} {:+.2}", measure.words(), mean(&off));
        // Two years hold fewer extremes than twenty-five, and their own mean hides what moves slowly: extremes and
        // autocorrelations come out smaller than over the long period.
        let bound = match measure {
            Measure::VixMax | Measure::VixMin | Measure::ReturnKurtosis | Measure::VixSd => 2.5,
            Measure::VixLag1 | Measure::VixLag5 | Measure::VixLag20 => 2.5,
            Measure::SquaresLag1 | Measure::SquaresLag5 | Measure::SquaresLag20 => 2.5,
            _ => 1.5,
        };
        assert!(mean(&off).abs() < bound, "{}: {off:?}", measure.words());
    }
}
