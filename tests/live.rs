//! A live run and a backtest are one computation: the same decisions, link by link, with thresholds changed under way.

use crate::support::{chain_store, real_data, root};
use alula_core::thresholds::ThresholdSet;
use alula_dsl::compile::compile;
use alula_dsl::graph::Graph;
use alula_dsl::source::NoImports;
use alula_live::swap::{Desk, Rules};
use alula_live::{Happening, Live};
use alula_market::history::History;
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_market::time::Instant;
use alula_run::{BacktestRequest, Course, Crank, Entries, Mode, RunOutput, Swap, SwapFile, backtest};
use proptest::prelude::*;
use std::sync::Arc;

fn graph(text: &str) -> Arc<Graph> {
    let compiled = compile("test.alula", text.as_bytes(), &NoImports);
    Arc::new(
        compiled
            .graph
            .unwrap_or_else(|| panic!("{:?}", compiled.diagnostics)),
    )
}

fn shipped(name: &str) -> Arc<Graph> {
    graph(&std::fs::read_to_string(root().join("rules").join(name)).expect("a shipped rule"))
}

fn request<'a>(
    graph: &Arc<Graph>,
    history: &'a dyn History,
    mode: Mode,
    course: Course,
    progress: &'a mut dyn FnMut(alula_run::Progress),
) -> BacktestRequest<'a> {
    BacktestRequest {
        mode,
        course,
        ..BacktestRequest::new(Arc::clone(graph), history, progress)
    }
}

fn turned(graph: &Arc<Graph>, history: &dyn History, mode: Mode, course: Course) -> RunOutput {
    backtest(request(graph, history, mode, course, &mut |_| {})).expect("a run")
}

/// A live run over a history: files are offered before the first snapshot at or after their instants, as they would be
/// found on the disk then. Stops after so many snapshots.
fn lived(
    graph: &Arc<Graph>,
    history: &dyn History,
    files: &[(Instant, String)],
    entries: Entries,
    stop: Option<usize>,
) -> (RunOutput, Vec<Happening>) {
    let mut silent = |_| {};
    let request = request(graph, history, Mode::Streaming, Course::default(), &mut silent);
    let crank = Crank::start(&request).expect("a run");
    let rules = Rules {
        step_max: 1e9,
        entries,
    };
    let desk = Desk::new(&graph.settings.name, &graph.thresholds, rules);
    let mut live = Live::new(crank, desk);
    let mut news = Vec::new();
    let mut files = files.iter().peekable();
    while let Some(at) = live.next() {
        while let Some((_, text)) = files.next_if(|(when, _)| *when <= at) {
            news.extend(
                live.offer(Ok(text.clone().into_bytes()), "file", 0)
                    .expect("an offer"),
            );
        }
        if stop.is_some_and(|n| live.crank().done() >= n) {
            break;
        }
        news.extend(live.turn(0).expect("a turn"));
    }
    (live.finish("the feed ended", 0).expect("an end"), news)
}

/// What a run says happened to it, for a backtest.
fn course(graph: &Graph, run: &RunOutput) -> Course {
    let swaps = run.versions.iter().skip(1).map(|v| Swap {
        at: v.at,
        set: ThresholdSet::from_values(&graph.thresholds, v.values.clone()).expect("values in range"),
        file: run.inputs.get(&v.source).cloned().map(SwapFile::new),
        entries: v.entries,
        rules: None,
    });
    Course {
        swaps: swaps.collect(),
        acts: run.manifest.operator.clone(),
        until: run.manifest.stopped,
        ..Course::default()
    }
}

fn file(graph: &Graph, lines: &[(&str, &str)]) -> String {
    let lines: String = lines.iter().map(|(n, v)| format!("  {n}: {v}\n")).collect();
    format!("strategy: {}\nthresholds:\n{lines}...\n", graph.settings.name)
}

fn simulated(sessions: u32) -> SimulatedMarket {
    SimulatedMarket::new(SimConfig {
        sessions,
        ..SimConfig::default()
    })
    .expect("a market")
}

/// Three changes in the middle of a history, a quarter of it apart.
fn three(graph: &Graph, history: &dyn History, texts: [&[(&str, &str)]; 3]) -> Vec<(Instant, String)> {
    let underlying = graph.structures[0].underlying.name();
    let (first, last) = history.range(underlying).expect("chains");
    let ticks = history.ticks(underlying, first, last);
    let at = |part: usize| ticks[ticks.len() * part / 4];
    texts
        .iter()
        .zip(1..)
        .map(|(lines, part)| (at(part), file(graph, lines)))
        .collect()
}

/// Live without changes is the backtest; live with three is the backtest with the same three, and not the one without.
fn prove(graph: &Arc<Graph>, history: &dyn History, files: &[(Instant, String)]) {
    let (plain, _) = lived(graph, history, &[], Entries::Wait, None);
    assert_eq!(plain, turned(graph, history, Mode::Streaming, Course::default()));
    let batch = turned(graph, history, Mode::Batch, Course::default());
    assert_eq!(plain.ticks, batch.ticks);
    for entries in [Entries::Wait, Entries::Evaluate] {
        let (live, news) = lived(graph, history, files, entries, None);
        assert_eq!(live.versions.len(), files.len() + 1, "{news:?}");
        let course = course(graph, &live);
        let again = turned(graph, history, Mode::Streaming, course.clone());
        let differs = live.ticks.iter().zip(&again.ticks).find(|(a, b)| a != b);
        assert_eq!(differs, None, "the first tick that differs");
        assert_eq!(live, again);
        let permuted = turned(graph, history, Mode::Permuted, course.clone());
        assert_eq!(live.ticks, permuted.ticks);
        assert_eq!(live.manifest.run_id, permuted.manifest.run_id);
        // The proof can fail: without the changes, or with one of them a tick later, it is another chain.
        assert_ne!(live.manifest.chain, plain.manifest.chain);
        let mut late = course;
        late.swaps[0].at = Instant(late.swaps[0].at.0 + 1);
        let late = turned(graph, history, Mode::Streaming, late);
        let split = live
            .ticks
            .iter()
            .zip(&late.ticks)
            .position(|(a, b)| a.chain != b.chain);
        assert_eq!(split, Some(live.versions[1].tick as usize));
    }
}

#[test]
fn a_live_run_over_real_chains_with_three_swaps_is_the_backtest_with_the_same_three() {
    let Some(_) = real_data("spx_chain_2019") else {
        return;
    };
    let Some(data) = real_data(".") else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let history = chain_store(&data, &dir.path().join("store"));
    let graph = shipped("weekly_condor.alula");
    let files = three(
        &graph,
        &history,
        [
            &[("short_delta", "10 delta"), ("profit_target", "40%")],
            &[("short_delta", "14 delta"), ("profit_target", "60%")],
            &[("risk_share", "1%")],
        ],
    );
    prove(&graph, &history, &files);
}

#[test]
fn a_live_run_over_the_simulated_market_is_the_backtest() {
    let graph = shipped("iron_condor.alula");
    let history = simulated(90);
    let files = three(
        &graph,
        &history,
        [
            &[("vix_ceiling", "18 vol"), ("profit_target", "30%")],
            &[("vix_ceiling", "30 vol"), ("stop_multiple", "120%")],
            &[("short_delta", "12 delta"), ("exit_dte", "25")],
        ],
    );
    prove(&graph, &history, &files);
}

#[test]
fn a_hedge_with_scripts_of_votes_swaps_as_a_backtest_does() {
    let graph = shipped("hedge_adaptive.alula");
    let history = simulated(90);
    let def = &graph.thresholds[0];
    let value = |x: f64| alula_core::thresholds::value_text(x, def.suffix);
    let (low, high) = (value(def.min), value(def.max));
    let one: &[(&str, &str)] = &[(&def.name, &low)];
    let two: &[(&str, &str)] = &[(&def.name, &high)];
    let files = three(&graph, &history, [one, two, one]);
    let (live, _) = lived(&graph, &history, &files, Entries::Wait, None);
    let again = turned(&graph, &history, Mode::Streaming, course(&graph, &live));
    assert_eq!(live.ticks, again.ticks);
    assert_eq!(live, again);
}

#[test]
fn a_run_that_is_stopped_is_the_backtest_until_then() {
    let graph = shipped("iron_condor.alula");
    let history = simulated(60);
    let files = three(
        &graph,
        &history,
        [&[("vix_ceiling", "18 vol")], &[("vix_ceiling", "25 vol")], &[]],
    );
    for stop in [0, 1, 29, 59] {
        let (live, _) = lived(&graph, &history, &files, Entries::Wait, Some(stop));
        assert_eq!(live.ticks.len(), stop);
        let again = turned(&graph, &history, Mode::Streaming, course(&graph, &live));
        assert_eq!(live.ticks, again.ticks, "{stop}");
        assert_eq!(live.manifest.chain, again.manifest.chain, "{stop}");
        assert_eq!(live.manifest.stopped, again.manifest.stopped);
        if stop > 0 {
            let to = live.manifest.to;
            let again = backtest(BacktestRequest {
                from: live.manifest.from,
                to,
                ..request(
                    &graph,
                    &history,
                    Mode::Streaming,
                    course(&graph, &live),
                    &mut |_| {},
                )
            })
            .expect("a run");
            assert_eq!(live.manifest.run_id, again.manifest.run_id, "{stop}");
            assert_eq!(live.manifest.chain, again.manifest.chain, "{stop}");
        }
    }
}

const LEVEL: &str = "alula 1
strategy level { capital $250_000
 evaluate every 1 session in SPX.regular }
threshold ceiling = 10 vol in 1 vol..99 vol  /// no entry at or above
threshold floor = -90% in -100%..0%  /// close below
structure core = iron condor on SPX { expiry nearest 45 dte in 30..60 dte
 short put at 16 delta
 long put 50 pts below short put
 short call at 16 delta
 long call 50 pts above short call }
policy p on core { open when VIX.last < ceiling size 1 lot
 close out when VIX.last > ceiling }
";

#[test]
fn an_entry_that_the_operator_made_true_waits_and_an_exit_does_not() {
    let graph = graph(LEVEL);
    let history = simulated(120);
    let files = three(
        &graph,
        &history,
        // Nothing was below 10; everything is below 98: the line moved, the market did not.
        [
            &[("ceiling", "98 vol")],
            &[("ceiling", "98 vol")],
            &[("ceiling", "2 vol")],
        ],
    );
    let (waits, _) = lived(&graph, &history, &files, Entries::Wait, None);
    let opened = |run: &RunOutput| run.orders.iter().filter(|o| o.kind == "open").count();
    assert_eq!(opened(&waits), 0);
    let skipped = waits.decisions.iter().filter(|d| d.key == "p.open");
    assert!(skipped.clone().count() > 10);
    assert!(
        skipped
            .clone()
            .all(|d| d.detail.contains("change of thresholds alone")),
        "{:?}",
        skipped.clone().next_back()
    );
    let (acts, _) = lived(&graph, &history, &files, Entries::Evaluate, None);
    let first = acts.orders.iter().find(|o| o.kind == "open").expect("an entry");
    assert_eq!(first.decided_at, acts.versions[1].at);
    // The exit acts at the very tick of the change.
    let exit = acts.orders.iter().find(|o| o.kind == "close").expect("an exit");
    assert_eq!(exit.decided_at, acts.versions.last().expect("versions").at);
}

#[test]
fn an_entry_that_waits_acts_once_the_market_has_crossed_the_new_line() {
    let graph = graph(LEVEL);
    let history = simulated(250);
    let vix = |run: &RunOutput| -> Vec<(u32, Option<bool>)> {
        let rows = run.decisions.iter().filter(|d| d.key == "p.open");
        rows.map(|d| (d.tick, d.condition.truth())).collect()
    };
    // A line inside what VIX does: it is crossed again and again.
    let files = three(&graph, &history, [&[("ceiling", "16 vol")], &[], &[]]);
    let files = &files[..1];
    let (waits, _) = lived(&graph, &history, files, Entries::Wait, None);
    let (acts, _) = lived(&graph, &history, files, Entries::Evaluate, None);
    let first = |run: &RunOutput| {
        let opens = run.orders.iter().find(|o| o.kind == "open");
        opens.map(|o| o.decided_at)
    };
    let (Some(early), Some(late)) = (first(&acts), first(&waits)) else {
        panic!("no entry: {:?}", vix(&waits));
    };
    let swap = waits.versions[1].at;
    if early == swap {
        assert!(late > swap);
        // In between it has been false: at some tick the rule called for nothing.
        let called: Vec<Instant> = waits
            .decisions
            .iter()
            .filter(|d| d.key == "p.open")
            .map(|d| d.at)
            .collect();
        let silent = waits
            .ticks
            .iter()
            .any(|t| t.at > swap && t.at < late && !called.contains(&t.at));
        assert!(silent, "it never was false between {swap} and {late}");
    } else {
        // The line was not crossed by the change: nothing waits.
        assert_eq!(early, late);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Some two and a half thousand changes in each run, many for one tick, and a stop anywhere.
    #[test]
    fn any_storm_of_swaps_is_explained_by_one_version_for_each_tick(
        storm in proptest::collection::vec((0_u32..40, 15_u32..80, 10_u32..90), 2_500),
        stop in 1_usize..41,
    ) {
        let graph = shipped("iron_condor.alula");
        let history = simulated(40);
        let (first, last) = history.range("SPX").expect("chains");
        let ticks = history.ticks("SPX", first, last);
        let mut files: Vec<(Instant, String)> = storm
            .iter()
            .map(|(tick, ceiling, target)| {
                let lines = [("vix_ceiling", format!("{ceiling} vol")), ("profit_target", format!("{target}%"))];
                let lines: Vec<(&str, &str)> = lines.iter().map(|(n, v)| (*n, v.as_str())).collect();
                (ticks[*tick as usize], file(&graph, &lines))
            })
            .collect();
        files.sort_by_key(|(at, _)| *at);
        let (live, _) = lived(&graph, &history, &files, Entries::Wait, Some(stop));
        prop_assert!(live.versions.iter().zip(1..).all(|(v, n)| v.version == n));
        prop_assert!(live.versions.windows(2).all(|w| w[0].tick <= w[1].tick));
        let again = turned(&graph, &history, Mode::Streaming, course(&graph, &live));
        prop_assert_eq!(&live.ticks, &again.ticks);
        prop_assert_eq!(&live.versions, &again.versions);
        prop_assert_eq!(&live.manifest.chain, &again.manifest.chain);
        // Every known threshold cell of a tick is the value of the version in force there.
        for row in live.ticks.iter() {
            prop_assert_eq!(live.thresholds_at(row.tick), again.thresholds_at(row.tick));
        }
    }
}
