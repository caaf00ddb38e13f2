//! Both drivers decide alike, and nothing decides on what it cannot know yet: over random strategies and random data with holes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "tests may fail loudly, and their numbers are small"
)]

mod common;

use alula_market::series::BarSize;
use alula_run::{Mode, RunOutput};
use common::{Double, date, run_graph};
use proptest::prelude::*;
use proptest::test_runner::Config;

/// A small generator of numbers, so that a whole case shrinks to one seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // splitmix64 (Steele, Lea, Flood 2014)
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }

    fn unit(&mut self) -> f64 {
        self.roll(1 << 30) as f64 / f64::from(1 << 30)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len() as u64) as usize]
    }
}

/// A number in vol points on the session clock.
fn vol(d: &mut Dice, depth: u32) -> String {
    if depth == 0 {
        return d
            .pick(&["VIX.close", "VVIX.close", "VIX.high", "VIX.low"])
            .to_owned();
    }
    let n = 2 + d.roll(5);
    match d.roll(6) {
        0 => format!("sma({}, {n})", vol(d, depth - 1)),
        1 => format!("ema({}, {n})", vol(d, depth - 1)),
        2 => format!("highest({}, {n})", vol(d, depth - 1)),
        3 => format!("lag({}, {n})", vol(d, depth - 1)),
        4 => format!("({} + {})", vol(d, depth - 1), vol(d, depth - 1)),
        _ => vol(d, depth - 1),
    }
}

fn condition(d: &mut Dice, depth: u32) -> String {
    if depth > 0 {
        let (a, b) = (condition(d, depth - 1), condition(d, depth - 1));
        return match d.roll(6) {
            0 => format!("({a} and {b})"),
            1 => format!("({a} or {b})"),
            2 => format!("not ({a})"),
            3 => format!("(({a}) for {} bars)", 1 + d.roll(4)),
            4 => format!("({a} until {b})"),
            _ => a,
        };
    }
    let level = 14 + d.roll(10);
    let cmp = d.pick(&["<", "<=", ">", ">="]);
    match d.roll(9) {
        0 => format!("VIX.last {cmp} {level} vol"),
        1 => format!("{} {cmp} {level} vol", vol(d, 2)),
        2 => format!(
            "{} crosses {} {level} vol",
            vol(d, 1),
            d.pick(&["above", "below"])
        ),
        3 => format!("rsi(VIX.close, {}) {cmp} {}", 2 + d.roll(6), 30 + d.roll(40)),
        4 => format!("zscore({}, {}) {cmp} 0.5", vol(d, 1), 3 + d.roll(5)),
        5 => format!(
            "within {} days {} fomc",
            1 + d.roll(4),
            d.pick(&["before", "after", "of"])
        ),
        6 => format!("implied_vol(SPX, 30 days) {cmp} {level} vol"),
        7 => format!("SPX.last {cmp} {} pts", 2850 + d.roll(100)),
        _ => format!("breadth {cmp} {}", d.roll(10)),
    }
}

fn strategy(d: &mut Dice) -> String {
    let entry = condition(d, 2);
    let exit = condition(d, 1);
    let held = condition(d, 1);
    let roll = d.pick(&[
        "to 18 dte, recentred",
        "to same expiry, tested side at 16 delta",
        "to 18 dte, same strikes",
    ]);
    let policy = format!(
        "series breadth = feed(\"NYSE.ADLINE\") stale after {stale} sessions\n\npolicy p on core {{\n    \
         open when {entry} size 6% of equity by max_loss up to {up} positions\n    \
         close out when profit >= 40% of credit or ({exit}) {unknown}\n    \
         close worn when (dte < 5 and ({held})) for 2 bars portion 50%\n    \
         roll away when abs(short.delta) > {delta} delta {roll}\n}}\n\n\
         guard g {{\n    require drawdown(book) <= 2% of equity else {act}\n    require delta(book) in -{lim} delta..{lim} delta else block open\n}}",
        stale = 1 + d.roll(3),
        up = 1 + d.roll(3),
        unknown = d.pick(&["", "unknown act"]),
        delta = 25 + d.roll(20),
        act = d.pick(&["block open", "halt open", "flatten core"]),
        lim = 20 + d.roll(200),
    );
    let policy = format!("{policy}\n\n{}", hedge(d));
    common::strategy("", &policy).replace("nearest 21 dte in 10..35 dte", "nearest 11 dte in 6..35 dte")
}

/// Two layers with random switches, sizes and limits, one of which rotates.
fn hedge(d: &mut Dice) -> String {
    let (off, on, turn, back) = (condition(d, 1), condition(d, 0), condition(d, 0), condition(d, 0));
    let votes = format!("{}, {}", condition(d, 0), condition(d, 1));
    format!(
        "structure far = put on SPX {{\n    expiry nearest 18 dte\n    strike at 25 delta\n}}\n\n\
         hedge h on core {{\n    target vega = {share}% of vega(core) within 10%..{high}%\n    {limit}\n    {band}\n    \
         layer a {{\n        own put on SPX {{ expiry nearest 11 dte, strike at 20 delta }}\n        \
         size {size}% of max_loss(core)\n        active when {on} until {off}\n        roll {every}\n        \
         rotate to far when {turn} until {back}\n        {unknown}\n    }}\n    \
         layer b {{\n        own put spread on SPX {{ expiry nearest 11 dte, long put at 25 delta, short put about 25 pts below long put }}\n        \
         vote {votes}\n        size scale 10%..100% of target by votes, step at most {step}% per day\n    }}\n}}",
        share = 20 + d.roll(60),
        high = 80 + d.roll(20),
        limit = d.pick(&["", "cap $9_000", "budget $4_000 per month"]),
        band = d.pick(&["", "band 20%"]),
        size = 2 + d.roll(30),
        every = d.pick(&["daily", "weekly", "monthly"]),
        unknown = d.pick(&["", "unknown act"]),
        step = 10 + d.roll(90),
    )
}

/// Thirty-odd sessions of a random walk with gaps, empty chains, missing quotes, missing bars and late bars.
fn market(d: &mut Dice) -> Double {
    let mut path = Vec::new();
    let (mut spot, mut vol) = (2900.0_f64, 0.17_f64);
    for _ in 0..36 {
        spot *= 1.0 + (d.unit() - 0.5) * 0.03;
        vol = (vol + (d.unit() - 0.5) * 0.03).clamp(0.09, 0.4);
        path.push((spot, vol));
    }
    let mut m = Double::new(date(2019, 5, 28), path.len(), |i| path[i]);
    for day in &mut m.days {
        day.gap = d.roll(12) == 0;
        day.empty = d.roll(15) == 0;
        if d.roll(4) == 0 {
            day.holes = (0..6).map(|_| 2700 + 25 * d.roll(16) as i64).collect();
        }
    }
    // The period, and with it the run's identity, must not hang on the dice.
    m.days[0].gap = false;
    m.days[35].gap = false;
    let holes = |d: &mut Dice, f: &dyn Fn(&common::Day, &mut Dice) -> f64, m: &Double| -> Vec<Option<f64>> {
        m.days
            .iter()
            .map(|day| (d.roll(9) != 0).then(|| f(day, d)))
            .collect()
    };
    let vix = holes(d, &|day, _| (day.vol * 1e4).round() / 100.0, &m);
    m.closes("VIX", &vix);
    let vvix = holes(d, &|day, d| (day.vol * 500.0 + d.unit() * 5.0).round(), &m);
    m.closes("VVIX", &vvix);
    let breadth = holes(d, &|_, d| d.roll(12) as f64, &m);
    m.closes("NYSE.ADLINE", &breadth);
    // Some bars come late: hours or days after their session.
    for series in m.series.values_mut() {
        let mut newest = alula_market::time::Instant(0);
        for at in &mut series.available_at {
            if d.roll(7) == 0 {
                at.0 += i64::try_from(d.roll(60)).unwrap() * 3600;
            }
            newest = newest.max(*at);
            *at = newest;
        }
    }
    m.event("FOMC", &[date(2019, 5, 1), date(2019, 6, 19), date(2019, 7, 31)]);
    m
}

fn both(seed: u64) -> (String, RunOutput, RunOutput) {
    let mut d = Dice(seed);
    let text = strategy(&mut d);
    let m = market(&mut d);
    let graph = common::graph(&text);
    let batch = run_graph(&graph, &m, Mode::Batch).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let streaming = run_graph(&graph, &m, Mode::Streaming).unwrap_or_else(|e| panic!("{e}\n{text}"));
    (text, batch, streaming)
}

proptest! {
    #![proptest_config(Config { cases: 60, max_shrink_iters: 0, failure_persistence: None, ..Config::default() })]

    #[test]
    fn batch_and_streaming_give_the_same_hash_chain(seed in any::<u64>()) {
        let (text, batch, streaming) = both(seed);
        for (a, b) in batch.ticks.iter().zip(&streaming.ticks) {
            prop_assert_eq!(a, b, "first tick that differs\n{}", text);
        }
        prop_assert_eq!(&batch.trace, &streaming.trace);
        prop_assert_eq!(&batch.trades, &streaming.trades);
        prop_assert_eq!(&batch.layers, &streaming.layers);
        // The layers never carry more than the band's upper end because of what they bought: above it they only sell.
        for row in batch.layers.iter().filter(|r| r.band == "above") {
            prop_assert_eq!(row.buys, 0, "{:?}\n{}", row, text);
        }
    }

    #[test]
    fn data_that_become_available_later_change_no_earlier_decision(seed in any::<u64>(), cut in 3_usize..34) {
        let mut d = Dice(seed);
        let text = strategy(&mut d);
        let known = market(&mut d);
        let graph = common::graph(&text);
        let full = run_graph(&graph, &known, Mode::Batch).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let mut other = known.clone();
        let day = known.days[cut].date;
        // Everything from the day after the cut on is another market.
        for later in other.days.iter_mut().filter(|x| x.date > day) {
            later.spot *= 0.9;
            later.vol += 0.07;
            later.gap = d.roll(5) == 0;
            later.empty = d.roll(5) == 0;
        }
        other.days[35].gap = false;
        let Some(tick) = full.ticks.iter().rev().find(|t| t.at.date() <= day) else { return Ok(()) };
        for series in other.series.values_mut() {
            for i in 0..series.date.len() {
                if series.available_at[i] <= tick.at {
                    continue;
                }
                for column in [&mut series.open, &mut series.high, &mut series.low, &mut series.close] {
                    column[i] = column[i].filter(|_| d.roll(4) != 0).map(|x| x * 1.3);
                }
            }
            // And some of those bars never come.
            if d.roll(2) == 0 {
                let keep = series.available_at.iter().take_while(|t| **t <= tick.at).count();
                truncate(series, keep);
            }
        }
        let changed = run_graph(&graph, &other, Mode::Batch).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let until = |r: &RunOutput| r.ticks.iter().filter(|t| t.at <= tick.at).cloned().collect::<Vec<_>>();
        prop_assert_eq!(until(&full), until(&changed), "{}", text);
    }
}

fn truncate(s: &mut alula_market::series::SeriesData, keep: usize) {
    s.date.truncate(keep);
    s.starts_at.truncate(keep);
    s.available_at.truncate(keep);
    for column in [&mut s.open, &mut s.high, &mut s.low, &mut s.close, &mut s.volume] {
        column.truncate(keep);
    }
}

#[test]
fn random_cases_reach_every_kind_of_execution() {
    let mut seen = std::collections::BTreeMap::new();
    let mut layers = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let (_, batch, _) = both(seed);
        for trade in &batch.trades {
            *seen.entry(trade.kind).or_insert(0) += 1;
        }
        let keys = batch.orders.iter().map(|o| o.key.clone());
        layers.extend(keys.filter(|k| k.starts_with("h.")));
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
    let all = ["h.a", "h.a.roll", "h.a.rotate", "h.b"];
    assert_eq!(layers.iter().map(String::as_str).collect::<Vec<_>>(), all);
}

#[test]
fn a_session_bar_is_not_seen_before_it_is_available() {
    // VIX closes at 40 on the fourth session; at 15:45 of that session nobody knows.
    let mut m = Double::new(date(2019, 6, 3), 8, |_| (2900.0, 0.16));
    let closes: Vec<Option<f64>> = (0..8).map(|i| Some(if i == 3 { 40.0 } else { 16.0 })).collect();
    m.closes("VIX", &closes);
    assert!(m.series.contains_key(&("VIX".to_owned(), BarSize::Session)));
    let policy = "policy p on core {\n    open when VIX.last > 35 vol size 1 lots\n}";
    let r = common::run(&common::strategy("", policy), &m);
    let decided: Vec<_> = r.orders.iter().map(|o| o.decided_at.date()).collect();
    assert_eq!(decided, [m.days[4].date]);
}
