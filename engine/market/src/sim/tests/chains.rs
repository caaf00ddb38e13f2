//! What option chains of the simulated market promise.

use super::*;

/// XSP is a tenth of SPX: strikes of its own in whole points, closing series alone, ticks of a cent, wider by the price.
#[test]
fn the_mini_index_has_chains_of_its_own() {
    let market = market(7);
    let mut wider = 0;
    let mut strikes = 0;
    for at in all_ticks(&market).into_iter().step_by(60) {
        let (large, mini) = (
            market.snapshot("SPX", at).unwrap(),
            market.snapshot("XSP", at).unwrap(),
        );
        assert!((10 * mini.spot.0 - large.spot.0).abs() <= 50);
        for chain in &mini.expiries {
            assert_eq!((chain.root, chain.settlement), (Root::Xsp, Settlement::Pm));
            assert!(
                chain.strikes.iter().all(|k| k.0 % 1_000 == 0),
                "{:?}",
                chain.expiry
            );
            assert!(
                listed(Root::Xsp, chain.expiry, at.date()).is_ok(),
                "{}",
                chain.expiry
            );
            let Some(theirs) = large.expiry(Root::Spxw, chain.expiry) else {
                continue;
            };
            for (strike, quote) in chain.quotes(Right::Put) {
                // Third Fridays of XSP are listed as long as the morning series, SPXW's not.
                let Some(n) = theirs.index_of(Price(10 * strike.0)) else {
                    continue;
                };
                let large = theirs.quote(Right::Put, n).unwrap();
                // One value behind both: each market's bid is below the other's ask.
                assert!(10 * quote.bid.0 <= large.ask.0 && large.bid.0 <= 10 * quote.ask.0);
                wider += usize::from(10 * (quote.ask - quote.bid).0 >= (large.ask - large.bid).0);
                strikes += 1;
            }
        }
        assert!(mini.expiries.len() > 20, "{}", mini.expiries.len());
    }
    assert!(
        strikes > 1_000 && 10 * wider > 9 * strikes,
        "{wider} of {strikes}"
    );
    let settled = |root, expiry| market.settlement(root, day(expiry)).unwrap().unwrap().price;
    let (mini, large) = (
        settled(Root::Xsp, "2023-06-16"),
        settled(Root::Spxw, "2023-06-16"),
    );
    assert!((10 * mini.0 - large.0).abs() <= 50);
}

/// Contracts are shown on every side that has a price, in the numbers that `SPX.DEPTH` speaks of, fewer when VIX is high.
#[test]
fn quotes_show_sizes_that_shrink_with_stress() {
    let near_the_money = |regime| {
        let market = SimulatedMarket::new(SimConfig {
            sessions: 60,
            regime,
            ..SimConfig::default()
        })
        .unwrap();
        let mut sizes = vec![];
        for snapshot in sample(&market, 10) {
            for chain in &snapshot.expiries {
                for side in [&chain.puts, &chain.calls] {
                    assert_eq!(side.bid_size.len(), chain.strikes.len());
                    assert_eq!(side.ask_size.len(), chain.strikes.len());
                    for (bid, size) in side.bid.iter().zip(&side.bid_size) {
                        assert_eq!(*bid > Price::ZERO, *size > 0);
                    }
                    assert!(side.ask_size.iter().all(|s| *s > 0));
                }
                let near = chain.strikes.partition_point(|k| *k < snapshot.spot);
                sizes.extend(chain.puts.ask_size.get(near).map(|s| f64::from(*s)));
            }
        }
        mean(&sizes)
    };
    let (calm, stress) = (near_the_money(Regime::Calm), near_the_money(Regime::Stress));
    assert!(calm > 1.5 * stress && stress > 5.0, "{calm} {stress}");
}

/// One forward makes every conversion and reversal a loss: buying a synthetic at one strike and selling it at any other
/// never pays.
#[test]
fn parity_holds_inside_the_quotes() {
    every_regime(|market, snapshot| {
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
                "{} {} {}",
                snapshot.underlying,
                snapshot.at,
                chain.expiry
            );
        }
    });
}

/// Verticals and butterflies of neighbouring strikes cannot be bought for less than nothing.
#[test]
fn no_spread_or_butterfly_pays_for_itself() {
    every_regime(|_, snapshot| {
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
    });
}

/// The later of two index expiries is never to be had for less than the earlier, at one strike in units of each one's
/// forward: with K₂ = K₁ F₂/F₁ an option on the same index with more time is worth at least D₂F₂/(D₁F₁) times the earlier.
/// Listed strikes do not lie so, hence the nearest listed strike on the cheap side of it stands in.
#[test]
fn no_calendar_pays_for_itself() {
    let mut compared = 0u32;
    every_regime(|market, snapshot| {
        if snapshot.underlying != "SPX" {
            return;
        }
        let rate = market.rate(snapshot.at).unwrap().unwrap();
        for pair in snapshot.expiries.windows(2) {
            let years =
                |c: &ExpiryChain| alula_pricing::years_between(snapshot.at.0, c.settles_at.0).unwrap();
            let (near, next) = (&pair[0], &pair[1]);
            let (t1, t2) = (years(near), years(next));
            if t2 <= t1 {
                continue;
            }
            // Forwards by carry, as the market makes them; only their ratio matters.
            let growth = ((rate - desk::DIVIDENDS) * (t2 - t1)).exp();
            let discount = (-rate * (t2 - t1)).exp();
            for (i, strike) in near.strikes.iter().enumerate() {
                let target = strike.to_f64() * growth;
                // A put of a higher strike is worth more: the dearer neighbour's ask bounds it from above.
                let at = next.strikes.partition_point(|k| k.to_f64() < target);
                if at == next.strikes.len() {
                    continue;
                }
                let early = near.quote(Right::Put, i).unwrap();
                let late = next.quote(Right::Put, at).unwrap();
                assert!(
                    late.ask.to_f64() >= discount * growth * early.bid.to_f64() - 1e-9,
                    "{} {strike}: {} {}",
                    snapshot.at,
                    near.expiry,
                    next.expiry
                );
                compared += 1;
            }
        }
    });
    assert!(compared > 100_000, "{compared}");
}

#[test]
fn quotes_are_two_sided_on_ticks_and_wings_run_out_of_bids() {
    let market = market(7);
    let mut zero_bids = 0;
    for snapshot in sample(&market, 100)
        .into_iter()
        .chain(sample_of(&market, "VIX", 20))
    {
        for chain in &snapshot.expiries {
            for side in [&chain.puts, &chain.calls] {
                for (bid, ask) in side.bid.iter().zip(&side.ask) {
                    assert!(bid.0 >= 0 && ask > bid);
                    for price in [bid, ask] {
                        assert!(is_on_tick(
                            chain.root.ticks(),
                            Quoted::Single,
                            *price,
                            snapshot.at.date()
                        ));
                    }
                    zero_bids += usize::from(bid.0 == 0);
                }
            }
        }
    }
    assert!(zero_bids > 100);
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
        let vix = market.day(snapshot.at.date()).unwrap().1.last().unwrap().state;
        let vix = market.world.model.vix(vix, 30.0);
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
    assert!(built * 100 >= tried * 95, "{built} of {tried}");
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
