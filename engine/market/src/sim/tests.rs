//! What the simulated market promises.

use super::*;
use crate::chain::ExpiryChain;
use crate::contract::Right;
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
    let ticks = all_ticks(market).into_iter().step_by(every);
    ticks.map(|at| market.snapshot("SPX", at).unwrap()).collect()
}

fn closes(market: &SimulatedMarket, id: &str) -> Vec<f64> {
    let series = market.series(id, BarSize::Session).unwrap().unwrap();
    series.close.iter().map(|c| c.unwrap()).collect()
}

fn mean(v: &[f64]) -> f64 {
    v.iter().sum::<f64>() / v.len() as f64
}

fn moment(v: &[f64], n: i32) -> f64 {
    let m = mean(v);
    v.iter().map(|x| (x - m).powi(n)).sum::<f64>() / v.len() as f64
}

fn log_returns(v: &[f64]) -> Vec<f64> {
    v.windows(2).map(|w| (w[1] / w[0]).ln()).collect()
}

#[test]
fn equal_settings_give_equal_markets_and_seeds_differ() {
    let (a, b, other) = (market(7), market(7), market(8));
    assert_eq!(a.days, b.days);
    assert_ne!(a.days, other.days);
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
    assert_eq!(short.days[..], long.days[..short.days.len()]);
    let fine = SimulatedMarket::new(SimConfig {
        every_minutes: Some(5),
        sessions: 40,
        ..SimConfig::default()
    });
    let fine = fine.unwrap();
    assert_eq!(short.days, fine.days);
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
    for edge in market.days.iter().flat_map(|d| &d.edges) {
        digest.update(edge.spot.to_bits().to_le_bytes());
        digest.update(edge.state.fast.to_bits().to_le_bytes());
    }
    let found = crate::digest::hex(&digest.finalize()[..8]);
    assert_eq!(found, "521bcf1edf87ebc6");
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
    assert_eq!(market.ticks("VIX", day("2023-01-03"), day("2024-12-31")), []);
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

/// One forward makes every conversion and reversal a loss: buying a synthetic at one strike and selling it at any other
/// never pays.
#[test]
fn parity_holds_inside_the_quotes() {
    let market = market(7);
    for snapshot in sample(&market, 50) {
        let rate = market.rate(snapshot.at).unwrap().unwrap();
        for chain in &snapshot.expiries {
            let years = alula_pricing::years_between(snapshot.at.0, chain.settles_at.0).unwrap();
            let grow = (rate * years).exp();
            let (mut highest_bid, mut lowest_ask) = (f64::MIN, f64::MAX);
            for (i, k) in chain.strikes.iter().enumerate() {
                let (put, call) = (
                    chain.quote(Right::Put, i).unwrap(),
                    chain.quote(Right::Call, i).unwrap(),
                );
                let k = k.to_f64();
                highest_bid = highest_bid.max(k + grow * (call.bid - put.ask).to_f64());
                lowest_ask = lowest_ask.min(k + grow * (call.ask - put.bid).to_f64());
            }
            assert!(
                highest_bid <= lowest_ask + 1e-9,
                "{} {}",
                snapshot.at,
                chain.expiry
            );
        }
    }
}

/// Verticals and butterflies of neighbouring strikes cannot be bought for less than nothing.
#[test]
fn no_spread_or_butterfly_pays_for_itself() {
    let market = market(7);
    for snapshot in sample(&market, 60) {
        for chain in &snapshot.expiries {
            for right in [Right::Put, Right::Call] {
                let quotes: Vec<_> = (0..chain.strikes.len())
                    .map(|i| chain.quote(right, i).unwrap())
                    .collect();
                for (k, q) in chain.strikes.windows(2).zip(quotes.windows(2)) {
                    let (dear, cheap) = if right == Right::Call {
                        (q[0], q[1])
                    } else {
                        (q[1], q[0])
                    };
                    assert!(dear.ask >= cheap.bid, "{} {k:?}", chain.expiry);
                    assert!(dear.bid - cheap.ask <= k[1] - k[0], "{} {k:?}", chain.expiry);
                }
                for (k, q) in chain.strikes.windows(3).zip(quotes.windows(3)) {
                    let (left, right) = ((k[1] - k[0]).0, (k[2] - k[1]).0);
                    let wings = q[0].ask.0 * right + q[2].ask.0 * left;
                    assert!(wings >= q[1].bid.0 * (left + right), "{} {k:?}", chain.expiry);
                }
            }
        }
    }
}

#[test]
fn quotes_are_two_sided_on_ticks_and_wings_run_out_of_bids() {
    let market = market(7);
    let mut zero_bids = 0;
    for snapshot in sample(&market, 100) {
        for chain in &snapshot.expiries {
            for side in [&chain.puts, &chain.calls] {
                for (bid, ask) in side.bid.iter().zip(&side.ask) {
                    assert!(bid.0 >= 0 && ask > bid);
                    for price in [bid, ask] {
                        assert_eq!(price.0 % if *price < Price(3_000) { 50 } else { 100 }, 0);
                    }
                    zero_bids += usize::from(bid.0 == 0);
                }
            }
        }
    }
    assert!(zero_bids > 100);
}

/// Interpolated total variance of the Cboe formula (its 2022 mathematics) on two expiries around 30 days.
fn cboe_formula(snapshot: &ChainSnapshot, rate: f64) -> f64 {
    let term = |chain: &ExpiryChain| {
        let years = alula_pricing::years_between(snapshot.at.0, chain.settles_at.0).unwrap();
        let grow = (rate * years).exp();
        let mid = |right, i| chain.quote(right, i).unwrap().mid().to_f64();
        let gap = |i: &usize| (mid(Right::Call, *i) - mid(Right::Put, *i)).abs();
        let nearest = (0..chain.strikes.len())
            .min_by(|a, b| gap(a).total_cmp(&gap(b)))
            .unwrap();
        let k = |i: usize| chain.strikes[i].to_f64();
        let forward = k(nearest) + grow * (mid(Right::Call, nearest) - mid(Right::Put, nearest));
        let centre = (0..chain.strikes.len()).rev().find(|i| k(*i) <= forward).unwrap();
        let bid = |right, i| chain.quote(right, i).unwrap().bid;
        // Walk out from the centre; two strikes without a bid in a row end a side.
        let walk = |right, steps: Vec<usize>| {
            let mut kept = Vec::new();
            let mut empty = 0;
            for i in steps {
                empty = if bid(right, i) == Price::ZERO {
                    empty + 1
                } else {
                    0
                };
                if empty == 2 {
                    break;
                }
                if empty == 0 {
                    kept.push((i, mid(right, i)));
                }
            }
            kept
        };
        let mut used = walk(Right::Put, (0..centre).rev().collect());
        used.push((centre, (mid(Right::Put, centre) + mid(Right::Call, centre)) / 2.0));
        used.extend(walk(Right::Call, (centre + 1..chain.strikes.len()).collect()));
        used.sort_by_key(|(i, _)| *i);
        let mut sum = 0.0;
        for (n, (i, price)) in used.iter().enumerate() {
            let below = if n == 0 { k(*i) } else { k(used[n - 1].0) };
            let above = used.get(n + 1).map_or(k(*i), |u| k(u.0));
            let width = if n == 0 || n + 1 == used.len() {
                above - below
            } else {
                (above - below) / 2.0
            };
            sum += width / (k(*i) * k(*i)) * grow * price;
        }
        let variance = 2.0 / years * sum - (forward / k(centre) - 1.0).powi(2) / years;
        (years, variance)
    };
    let dte = |c: &&ExpiryChain| (c.expiry - snapshot.at.date()).num_days();
    let near = snapshot
        .expiries
        .iter()
        .rfind(|c| dte(c) <= 30 && dte(c) > 23)
        .unwrap();
    let far = snapshot
        .expiries
        .iter()
        .find(|c| dte(c) > 30 && dte(c) < 37)
        .unwrap();
    let ((t1, v1), (t2, v2)) = (term(near), term(far));
    let target = 30.0 / 365.0;
    let weight = (t2 - target) / (t2 - t1);
    100.0 * ((t1 * v1 * weight + t2 * v2 * (1.0 - weight)) / target).sqrt()
}

#[test]
fn vix_is_what_the_cboe_formula_gives_on_the_chain() {
    let market = market(7);
    for snapshot in sample(&market, 20) {
        let rate = market.rate(snapshot.at).unwrap().unwrap();
        let formula = cboe_formula(&snapshot, rate);
        let (_, day) = market.day(snapshot.at.date()).unwrap();
        let model = day.edge_at(snapshot.at).unwrap().state.vix(30.0);
        assert!(
            (formula / model - 1.0).abs() < 0.025,
            "{}: {formula} {model}",
            snapshot.at
        );
    }
}

#[test]
fn a_listed_strike_stays_listed_to_its_expiry() {
    let market = market(7);
    let ticks = all_ticks(&market);
    let mut last: BTreeMap<(Date, Root), Vec<Price>> = BTreeMap::new();
    for at in ticks.iter().skip(200).take(45) {
        let snapshot = market.snapshot("SPX", *at).unwrap();
        for (key, old) in &last {
            let listed = snapshot.expiry(key.1, key.0);
            if key.0 > at.date() {
                let now = &listed.unwrap().strikes;
                assert!(
                    old.iter().all(|k| now.binary_search(k).is_ok()),
                    "{key:?} at {at}"
                );
            }
        }
        for chain in &snapshot.expiries {
            last.insert((chain.expiry, chain.root), chain.strikes.clone());
        }
    }
    assert!(last.len() > 60);
}

/// The nearest listed strikes about one and two deviations out have, nearly always, a listed strike fifty points beyond.
#[test]
fn condors_of_forty_five_days_can_be_built_every_day() {
    let market = market(7);
    let (mut built, mut tried) = (0, 0);
    for snapshot in sample(&market, 5) {
        let dte = |c: &&ExpiryChain| (c.expiry - snapshot.at.date()).num_days();
        let window = snapshot.expiries.iter().filter(|c| (38..=52).contains(&dte(c)));
        let chain = window.min_by_key(|c| (dte(c) - 45).abs()).unwrap();
        let vix = market
            .day(snapshot.at.date())
            .unwrap()
            .1
            .last()
            .unwrap()
            .state
            .vix(30.0);
        let deviation = vix / 100.0 * (dte(&chain) as f64 / 365.0).sqrt();
        for (right, sds) in [
            (Right::Put, -1.0),
            (Right::Put, -1.8),
            (Right::Call, 0.9),
            (Right::Call, 1.4),
        ] {
            let target = Price::from_f64(snapshot.spot.to_f64() * (sds * deviation).exp()).unwrap();
            let short = *chain.strikes.iter().min_by_key(|k| (**k - target).abs()).unwrap();
            assert!(
                (short - target).abs() < Price(15_000),
                "{short} {target} at {}",
                snapshot.at
            );
            let out = if right == Right::Put {
                Price(-50_000)
            } else {
                Price(50_000)
            };
            tried += 1;
            built += usize::from(chain.index_of(short + out).is_some());
        }
    }
    assert!(built * 100 >= tried * 98, "{built} of {tried}");
}

#[test]
fn third_fridays_have_morning_and_closing_series() {
    let market = market(7);
    let at = market.ticks("SPX", day("2023-06-01"), day("2023-06-01"))[0];
    let snapshot = market.snapshot("SPX", at).unwrap();
    let friday = day("2023-06-16");
    let (am, pm) = (
        snapshot.expiry(Root::Spx, friday).unwrap(),
        snapshot.expiry(Root::Spxw, friday).unwrap(),
    );
    assert_eq!(am.settles_at.to_string(), "2023-06-16 09:30 ET");
    // Juneteenth is the Monday after; the last trade of the morning series is on the Thursday.
    assert_eq!(am.last_trade_at.to_string(), "2023-06-15 16:15 ET");
    assert_eq!(pm.settles_at.to_string(), "2023-06-16 16:00 ET");
    // Month-end and every weekday of the next five weeks.
    assert!(snapshot.expiry(Root::Spxw, day("2023-06-30")).is_some());
    let sessions = ExchangeCalendar::nyse().sessions(day("2023-06-01"), day("2023-07-06"));
    assert!(sessions.iter().all(|d| snapshot.expiry(Root::Spxw, *d).is_some()));
    // On its last morning nothing of a morning series is quoted.
    let at = market.ticks("SPX", friday, friday)[0];
    assert!(
        market
            .snapshot("SPX", at)
            .unwrap()
            .expiry(Root::Spx, friday)
            .is_none()
    );
}

#[test]
fn before_2022_there_are_no_tuesday_and_thursday_series() {
    let config = SimConfig {
        start: day("2019-03-01"),
        sessions: 5,
        ..SimConfig::default()
    };
    let market = SimulatedMarket::new(config).unwrap();
    let snapshot = market.snapshot("SPX", all_ticks(&market)[0]).unwrap();
    assert!(snapshot.expiry(Root::Spxw, day("2019-03-06")).is_some());
    assert!(snapshot.expiry(Root::Spxw, day("2019-03-05")).is_none());
    assert!(snapshot.expiry(Root::Spxw, day("2019-03-07")).is_none());
}

#[test]
fn bars_are_sound_and_sessions_are_their_minutes_joined() {
    let market = market(7);
    for id in ["SPX", "VIX", "VIX9D", "VIX3M", "VIX6M", "SPY"] {
        let session = market.series(id, BarSize::Session).unwrap().unwrap();
        let five = market.series(id, BarSize::Minutes(5)).unwrap().unwrap();
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
        for (n, date) in session.date.iter().enumerate().step_by(37) {
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
    let market = market(7);
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
        "SPX.DEPTH",
        "NYSE.ADLINE",
    ];
    for id in names.into_iter().map(str::to_owned).chain(months) {
        let series = market.series(&id, BarSize::Session).unwrap().unwrap();
        assert_eq!(series.close.len(), 502 + 260, "{id}");
        assert!(series.close.iter().all(Option::is_some), "{id}");
    }
    for id in ["FOMC", "CPI", "PPI"] {
        let events = market.events(id).unwrap().unwrap();
        assert!(events.rows.len() >= 24, "{id}");
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

/// Loose bounds of what the real market shows, over eight markets of three years.
#[test]
fn the_statistics_are_those_of_such_a_market() {
    let (mut kurtosis, mut correlation, mut vix_mean, mut contango, mut premium) =
        (vec![], vec![], vec![], vec![], vec![]);
    for seed in 1..=8 {
        let market = market(seed);
        let (spx, vix) = (closes(&market, "SPX"), closes(&market, "VIX"));
        let (rs, rv) = (log_returns(&spx), log_returns(&vix));
        kurtosis.push(moment(&rs, 4) / moment(&rs, 2).powi(2));
        let (ms, mv) = (mean(&rs), mean(&rv));
        let cov = rs.iter().zip(&rv).map(|(a, b)| (a - ms) * (b - mv)).sum::<f64>() / rs.len() as f64;
        correlation.push(cov / (moment(&rs, 2) * moment(&rv, 2)).sqrt());
        vix_mean.push(mean(&vix));
        let (near, next) = (closes(&market, "VX1"), closes(&market, "VX2"));
        let up = near.iter().zip(&next).filter(|(a, b)| b > a).count();
        contango.push(up as f64 / near.len() as f64);
        premium.push(mean(&vix) - 100.0 * (moment(&rs, 2) * 252.0).sqrt());
        assert!(vix.iter().all(|v| (8.0..90.0).contains(v)), "seed {seed}");
    }
    assert!((3.5..15.0).contains(&mean(&kurtosis)), "{kurtosis:?}");
    assert!((-0.9..-0.6).contains(&mean(&correlation)), "{correlation:?}");
    assert!((13.0..23.0).contains(&mean(&vix_mean)), "{vix_mean:?}");
    assert!((0.6..0.95).contains(&mean(&contango)), "{contango:?}");
    assert!((0.5..6.0).contains(&mean(&premium)), "{premium:?}");
}
