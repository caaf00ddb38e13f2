//! A strategy that changes while it runs: what is taken, what waits for a word, what is refused; and that a live run with such a
//! change is the backtest with the same change, link by link.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

use alula_core::registry::Registry;
use alula_core::succession::Orphans;
use alula_core::thresholds::ThresholdSet;
use alula_dsl::compile::compile;
use alula_dsl::graph::Graph;
use alula_dsl::source::NoImports;
use alula_live::strategy::{Files, Offered};
use alula_live::swap::{Desk, Rejected, Rejection, Rules};
use alula_live::{Happening, Live, LiveError};
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_market::time::Instant;
use alula_run::{BacktestRequest, Course, Crank, Entries, Inputs, Mode, NewRules, RunOutput, Swap, backtest};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const CONDOR: &str = r"alula 1

strategy condor {
    capital  $250_000
    evaluate every 1 session in SPX.regular
    cross    60% of spread
}

threshold gain = 50% in 5%..90%  /// of the credit

signal calm = VIX.close < 22 vol until VIX.close > 30 vol

structure core = iron condor on SPX {
    expiry     nearest 30 dte in 20..45 dte
    short put  at 16 delta
    long put   about 50 pts below short put
    short call at 16 delta
    long call  about 50 pts above short call
}

policy income on core {
    open when calm and rsi(SPX.close, 9 sessions) > 40
         size 1 lot
         up to 4 positions

    close win  when profit >= gain of credit
    close late when dte <= 10 dte
}
";

fn graph(text: &str) -> Arc<Graph> {
    let compiled = compile("test.alula", text.as_bytes(), &NoImports);
    Arc::new(
        compiled
            .graph
            .unwrap_or_else(|| panic!("{:?}", compiled.diagnostics)),
    )
}

fn market() -> SimulatedMarket {
    SimulatedMarket::new(SimConfig {
        sessions: 160,
        ..SimConfig::default()
    })
    .unwrap()
}

fn inputs(text: &str) -> Inputs {
    Inputs {
        sources: vec![("condor.alula".to_owned(), text.as_bytes().to_vec())],
        ..Inputs::default()
    }
}

fn request<'a>(
    text: &str,
    history: &'a SimulatedMarket,
    (mode, course): (Mode, Course),
    progress: &'a mut dyn FnMut(alula_run::Progress),
) -> BacktestRequest<'a> {
    BacktestRequest {
        inputs: inputs(text),
        mode,
        course,
        ..BacktestRequest::new(graph(text), history, progress)
    }
}

fn offered(text: &str, values: Option<Vec<f64>>) -> Offered {
    let graph = graph(text);
    let set = values.map_or_else(
        || ThresholdSet::defaults(&graph.thresholds),
        |v| ThresholdSet::from_values(&graph.thresholds, v).unwrap(),
    );
    Offered {
        swap: Swap {
            at: Instant(0),
            set,
            file: None,
            entries: Entries::Wait,
            rules: Some(Arc::new(NewRules {
                graph,
                registry: Registry::default(),
                inputs: inputs(text),
                carry: BTreeMap::new(),
                others: None,
            })),
        },
        sources: Vec::new(),
        ended: true,
        ack: None,
    }
}

fn live(history: &SimulatedMarket) -> Live<'_> {
    let crank = Crank::start(&request(
        CONDOR,
        history,
        (Mode::Streaming, Course::default()),
        // The run outlives this function, and so does whom it tells.
        Box::leak(Box::new(|_| {})),
    ))
    .unwrap();
    let graph = graph(CONDOR);
    Live::new(crank, Desk::new("condor", &graph.thresholds, Rules::default()))
}

/// Turns so many snapshots, with some work for a strategy on its way between two of them.
fn turn(live: &mut Live<'_>, snapshots: usize, news: &mut Vec<Happening>) {
    for _ in 0..snapshots {
        news.extend(live.work(7, 0).unwrap());
        news.extend(live.turn(0).unwrap());
    }
}

fn rest(mut live: Live<'_>, news: &mut Vec<Happening>) -> RunOutput {
    while live.next().is_some() {
        turn(&mut live, 1, news);
    }
    live.finish("the feed ended", 0).unwrap()
}

/// The same changes in a backtest.
fn again(run: &RunOutput, texts: &[&str], history: &SimulatedMarket, mode: Mode) -> RunOutput {
    let swaps = run.strategies.iter().skip(1).zip(texts).map(|(row, text)| {
        let mut swap = offered(text, Some(run.thresholds_at(row.tick))).swap;
        swap.at = row.at;
        swap.entries = row.entries;
        let carried = row.carried.split("; ").filter_map(|w| w.rsplit_once(' '));
        let carry = carried.map(|(k, how)| (k.to_owned(), Orphans::from_word(how).unwrap()));
        let mut rules = NewRules::clone(swap.rules.as_ref().unwrap());
        rules.carry = carry.collect();
        swap.rules = Some(Arc::new(rules));
        swap
    });
    let course = Course {
        swaps: swaps.collect(),
        ..Course::default()
    };
    backtest(request(CONDOR, history, (mode, course), &mut |_| {})).unwrap()
}

fn same(live: &RunOutput, other: &RunOutput) {
    let differs = live.ticks.iter().zip(&other.ticks).find(|(a, b)| a != b);
    assert_eq!(differs, None, "the first tick that differs");
    assert_eq!(live.manifest.chain, other.manifest.chain);
    assert_eq!(live.manifest.run_id, other.manifest.run_id);
    assert_eq!(live.decisions, other.decisions);
    assert_eq!(live.trades, other.trades);
    assert_eq!(live.trace, other.trace);
}

#[test]
fn a_live_run_with_changed_strategies_is_the_backtest_with_the_same_changes() {
    let history = market();
    let mut live = live(&history);
    let mut news = Vec::new();
    turn(&mut live, 50, &mut news);
    let second = CONDOR
        .replace(
            "rsi(SPX.close, 9 sessions) > 40",
            "rsi(SPX.close, 14 sessions) > 45",
        )
        .replace(
            "close late",
            "close stop when profit <= -150% of credit\n    close late",
        );
    news.extend(
        live.offer_strategy(Ok(offered(&second, None)), "file", 0)
            .unwrap(),
    );
    assert!(live.is_preparing());
    turn(&mut live, 40, &mut news);
    assert!(!live.is_preparing());
    let third = second.replace("VIX.close > 30 vol", "VIX.close > 28 vol");
    news.extend(
        live.offer_strategy(Ok(offered(&third, Some(vec![0.4]))), "file", 0)
            .unwrap(),
    );
    let run = rest(live, &mut news);
    let taken: Vec<&Happening> = news
        .iter()
        .filter(|n| matches!(n, Happening::Strategy { .. }))
        .collect();
    assert_eq!(taken.len(), 2, "{taken:?}");
    assert_eq!(run.strategies.len(), 3);
    assert!(run.strategies[1].tick > 50 && run.strategies[2].tick > run.strategies[1].tick);
    for mode in [Mode::Streaming, Mode::Permuted] {
        same(&run, &again(&run, &[&second, &third], &history, mode));
    }
    // The proof can fail.
    assert_ne!(
        run.manifest.chain,
        again(&run, &[&second, &second], &history, Mode::Streaming)
            .manifest
            .chain
    );
    let plain = backtest(request(
        CONDOR,
        &history,
        (Mode::Streaming, Course::default()),
        &mut |_| {},
    ))
    .unwrap();
    let split = run
        .ticks
        .iter()
        .zip(&plain.ticks)
        .position(|(a, b)| a.chain != b.chain);
    assert_eq!(split, Some(run.strategies[1].tick as usize));
    assert_eq!(run.ticks.len(), plain.ticks.len(), "no tick was missed");
}

#[test]
fn the_same_strategy_said_otherwise_changes_nothing() {
    let history = market();
    let mut live = live(&history);
    let mut news = Vec::new();
    turn(&mut live, 30, &mut news);
    let spaced = CONDOR.replace("policy income", "// what earns\n\npolicy income");
    assert_eq!(
        live.offer_strategy(Ok(offered(&spaced, None)), "file", 0)
            .unwrap(),
        []
    );
    assert!(!live.is_preparing());
    let run = rest(live, &mut news);
    let plain = backtest(request(
        CONDOR,
        &history,
        (Mode::Streaming, Course::default()),
        &mut |_| {},
    ))
    .unwrap();
    assert_eq!(run, plain);
}

#[test]
fn what_ends_waits_for_a_word_and_open_positions_for_another() {
    let history = market();
    let mut live = live(&history);
    let mut news = Vec::new();
    turn(&mut live, 50, &mut news);
    let fewer = CONDOR.replace("    close late when dte <= 10 dte\n", "");
    let told = live.offer_strategy(Ok(offered(&fewer, None)), "file", 0).unwrap();
    let [
        Happening::Proposed {
            digest, drops, open, ..
        },
    ] = told.as_slice()
    else {
        panic!("{told:?}");
    };
    assert_eq!(
        (drops.as_slice(), open.as_slice()),
        (&["rule `income.late` is dropped".to_owned()][..], &[][..])
    );
    // It waits for as long as nobody says anything.
    turn(&mut live, 10, &mut news);
    assert!(live.crank().output().strategies.is_empty());
    let no = |e: LiveError| match e {
        LiveError::Run(e) => e.what,
        other => panic!("{other:?}"),
    };
    assert!(no(live.confirm("beef1234", None, None, 0).unwrap_err()).contains("not `beef1234`"));
    live.confirm(&digest[..8], None, None, 0).unwrap();
    turn(&mut live, 15, &mut news);
    assert_eq!(live.crank().rules_version(), 2);
    // Another structure in the place of one with open positions.
    let other = fewer.replace("core", "wide");
    while live.crank().open_keys().is_empty() {
        turn(&mut live, 1, &mut news);
    }
    let told = live.offer_strategy(Ok(offered(&other, None)), "file", 0).unwrap();
    let [Happening::Proposed { digest, open, .. }] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(open.as_slice(), ["core"]);
    assert!(no(live.confirm(digest, None, None, 0).unwrap_err()).contains("positions of `core` are open"));
    live.confirm(digest, Some(Orphans::Keep), None, 0).unwrap();
    let run = rest(live, &mut news);
    assert_eq!(run.strategies[2].carried, "core keep");
    same(&run, &again(&run, &[&fewer, &other], &history, Mode::Streaming));
    let open = |s: &str| run.positions.iter().filter(|p| p.structure == s).count();
    assert!(open("core") > 0 && open("wide") > 0);
    assert!(no(live_after_the_end(&history)).contains("no strategy waits"));
}

fn live_after_the_end(history: &SimulatedMarket) -> LiveError {
    live(history).confirm("12345678", None, None, 0).unwrap_err()
}

#[test]
fn what_is_wrong_is_told_once_and_the_last_good_one_stays() {
    let history = market();
    let mut live = live(&history);
    let mut news = Vec::new();
    turn(&mut live, 20, &mut news);
    let rejected = |told: &[Happening]| match told {
        [Happening::Rejected(r)] => r.to_string(),
        other => panic!("{other:?}"),
    };
    let broken = || {
        Err(Rejected {
            hash: "ab".repeat(32),
            why: Rejection::Strategy {
                what: "condor.alula:3:1: `stragety` begins no item".to_owned(),
                help: String::new(),
            },
        })
    };
    assert!(rejected(&live.offer_strategy(broken(), "file", 0).unwrap()).contains("stragety"));
    assert_eq!(live.offer_strategy(broken(), "file", 0).unwrap(), []);
    let richer = CONDOR.replace("$250_000", "$500_000");
    let told = live
        .offer_strategy(Ok(offered(&richer, None)), "file", 0)
        .unwrap();
    assert!(rejected(&told).contains("`capital` changes from 250000 to 500000"));
    // A value that both have moves too far with it.
    let new = CONDOR.replace("rsi(SPX.close, 9", "rsi(SPX.close, 10");
    let told = live
        .offer_strategy(Ok(offered(&new, Some(vec![0.1]))), "file", 0)
        .unwrap();
    assert!(rejected(&told).contains("`gain` moves from 50% to 10%"));
    assert_eq!(live.reloads().rejected, 3);
    let run = rest(live, &mut news);
    assert!(run.strategies.is_empty());
}

#[test]
fn a_strategy_that_is_saved_again_on_its_way_takes_the_place_of_the_first() {
    let history = market();
    let mut live = live(&history);
    let mut news = Vec::new();
    turn(&mut live, 60, &mut news);
    let first = CONDOR.replace("rsi(SPX.close, 9", "rsi(SPX.close, 10");
    let second = CONDOR.replace("rsi(SPX.close, 9", "rsi(SPX.close, 11");
    let third = CONDOR.replace("rsi(SPX.close, 9", "rsi(SPX.close, 12");
    news.extend(live.offer_strategy(Ok(offered(&first, None)), "file", 0).unwrap());
    news.extend(live.work(1, 0).unwrap());
    news.extend(
        live.offer_strategy(Ok(offered(&second, None)), "file", 0)
            .unwrap(),
    );
    while live.is_preparing() {
        news.extend(live.work(10, 0).unwrap());
    }
    // Taken, and not in force yet: the next one waits behind it.
    news.extend(live.offer_strategy(Ok(offered(&third, None)), "file", 0).unwrap());
    let run = rest(live, &mut news);
    let taken = news
        .iter()
        .filter(|n| matches!(n, Happening::Strategy { .. }))
        .count();
    assert_eq!((taken, run.strategies.len()), (2, 3));
    same(&run, &again(&run, &[&second, &third], &history, Mode::Streaming));
}

#[test]
fn files_of_a_strategy_count_as_one_when_all_of_them_are_quiet() {
    let dir = tempfile::tempdir().unwrap();
    let (entry, script) = (dir.path().join("a.alula"), dir.path().join("b.rhai"));
    let write = |path: &Path, text: &str| std::fs::write(path, text).unwrap();
    write(&entry, "one");
    write(&script, "two");
    let mut files = Files::new(&[entry.clone(), script.clone()]);
    let ms = Duration::from_millis;
    let mut now = ms(0);
    let mut run = |files: &mut Files, until: Duration| {
        let mut told = 0;
        while now < until {
            now += ms(10);
            told += usize::from(files.poll(now));
        }
        told
    };
    assert_eq!(run(&mut files, ms(3_000)), 0);
    write(&entry, "one, changed");
    files.trigger(ms(3_000));
    assert_eq!(run(&mut files, ms(3_100)), 0);
    write(&script, "two, changed");
    files.trigger(ms(3_100));
    assert_eq!(run(&mut files, ms(6_000)), 1, "both together, once");
    assert_eq!(files.told(&script).unwrap().unwrap(), b"two, changed");
    std::fs::remove_file(&script).unwrap();
    assert_eq!(run(&mut files, ms(12_000)), 1);
    assert!(files.told(&script).unwrap().is_err());
}
