//! One strategy after another in one run: what goes on, what begins, what ends, and what becomes of what is open.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "tests may fail loudly, and their numbers are small"
)]

mod common;

use alula_core::registry::Registry;
use alula_core::succession::Orphans;
use alula_core::thresholds::ThresholdSet;
use alula_core::why::render;
use alula_dsl::graph::Graph;
use alula_market::history::History;
use alula_market::time::Instant;
use alula_run::output::DecisionRow;
use alula_run::{
    BacktestRequest, Course, Entries, Explainer, Inputs, Mode, NewRules, RunError, RunOutput, Swap, backtest,
    folder,
};
use common::{Double, date, graph, request, strategy};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const MODES: [Mode; 3] = [Mode::Batch, Mode::Streaming, Mode::Permuted];

/// Forty sessions that move enough for entries, exits and latches.
fn market() -> Double {
    Double::new(date(2019, 5, 1), 40, |i| {
        (
            2900.0 + 30.0 * (i as f64 * 0.7).sin(),
            0.15 + 0.06 * (i as f64 * 0.4).sin().abs(),
        )
    })
}

/// Noon of a day of May or June 2019.
fn at(month: u32, day: u32) -> Instant {
    Instant::from_eastern(date(2019, month, day), 12, 0).unwrap()
}

fn inputs(text: &str) -> Inputs {
    Inputs {
        sources: vec![("t.alula".to_owned(), text.as_bytes().to_vec())],
        ..Inputs::default()
    }
}

/// The strategy of a text from an instant on, with its declared values.
fn to(at: Instant, text: &str, others: Option<Orphans>) -> Swap {
    let graph = graph(text);
    Swap {
        at,
        set: ThresholdSet::defaults(&graph.thresholds),
        file: None,
        entries: Entries::Evaluate,
        rules: Some(Arc::new(NewRules {
            graph,
            registry: Registry::default(),
            inputs: inputs(text),
            carry: BTreeMap::new(),
            others,
        })),
    }
}

fn try_with(text: &str, swaps: &[Swap], mode: Mode, history: &dyn History) -> Result<RunOutput, RunError> {
    let graph: Arc<Graph> = graph(text);
    let progress = &mut |_| {};
    backtest(BacktestRequest {
        inputs: inputs(text),
        course: Course {
            swaps: swaps.to_vec(),
            ..Course::default()
        },
        ..request(&graph, history, mode, progress)
    })
}

/// By every driver, which must agree on every link.
fn with(text: &str, swaps: &[Swap]) -> RunOutput {
    let history = market();
    let runs = MODES.map(|mode| {
        try_with(text, swaps, mode, &history).unwrap_or_else(|e| panic!("{mode:?}: {e} ({})", e.help))
    });
    for run in &runs[1..] {
        let differs = runs[0].ticks.iter().zip(&run.ticks).find(|(a, b)| a != b);
        assert_eq!(differs, None);
        assert_eq!(runs[0].manifest.chain, run.manifest.chain);
    }
    runs[1].clone()
}

/// What was decided from a day on, apart from the links.
fn decided(run: &RunOutput, from: Instant, except: &str) -> Vec<DecisionRow> {
    let rows = run.decisions.iter();
    let mut rows: Vec<DecisionRow> = rows
        .filter(|d| d.at >= from && (except.is_empty() || !d.key.starts_with(except)))
        .cloned()
        .collect();
    // An order's name has the run's in it.
    rows.iter_mut().for_each(|d| d.order = None);
    rows
}

fn trades(run: &RunOutput) -> Vec<String> {
    let rows = run.trades.iter();
    rows.map(|t| {
        format!(
            "{} {} {} {} {:?} {:?}",
            t.at, t.key, t.position, t.lots, t.net, t.cash
        )
    })
    .collect()
}

const RULES: &str = "signal quiet = VIX.close < 19 vol until VIX.close > 21 vol\n\
    signal slow = sma(SPX.close, 5 sessions)\n\n\
    guard book {\n    require drawdown(book) < 60% of capital else block open\n}\n\n\
    policy p on core {\n    open when quiet and SPX.close < slow size 1 lot up to 6 positions\n    \
    close win when profit >= 40% of credit\n    close half when profit >= 15% of credit, portion 50%\n    \
    close late when dte <= 5 dte\n    close top when profit < highest(profit, since entry) - $200\n}";

fn base() -> String {
    strategy("cross 60% of spread", RULES)
}

#[test]
fn the_same_strategy_in_its_place_changes_nothing() {
    let text = base();
    let alone = with(&text, &[]);
    assert!(alone.trades.len() > 10, "{:?}", alone.trades.len());
    for entries in [Entries::Evaluate, Entries::Wait] {
        let mut swap = to(at(5, 20), &text, None);
        swap.entries = entries;
        let run = with(&text, &[swap]);
        assert_eq!(decided(&run, Instant(0), ""), decided(&alone, Instant(0), ""));
        assert_eq!(trades(&run), trades(&alone));
        assert_eq!(run.daily, alone.daily);
        assert_eq!(run.strategies[1].changes, "");
        assert_eq!((run.rules_at(0), run.rules_at(39)), (1, 2));
    }
}

#[test]
fn names_spaces_and_order_of_definitions_do_not_matter() {
    let text = base();
    let renamed = text
        .replace("quiet", "peaceful")
        .replace("slow", "average")
        .replace("    close late", "\n    // late\n    close late");
    let (alone, run) = (with(&text, &[]), with(&text, &[to(at(5, 20), &renamed, None)]));
    assert_eq!(decided(&run, Instant(0), ""), decided(&alone, Instant(0), ""));
    assert_eq!(trades(&run), trades(&alone));
    let changes = &run.strategies[1].changes;
    assert!(
        changes.contains("value `quiet` is called `peaceful`"),
        "{changes}"
    );
    assert!(!changes.contains("rule"), "{changes}");
}

#[test]
fn a_rule_that_is_added_leaves_every_other_decision_as_it_was() {
    let text = base();
    let more = text.replace(
        "    close late",
        "    close never when profit < -100000% of credit\n    close late",
    );
    let (alone, run) = (with(&text, &[]), with(&text, &[to(at(5, 20), &more, None)]));
    assert_eq!(
        decided(&run, Instant(0), "p.never"),
        decided(&alone, Instant(0), "")
    );
    assert_eq!(trades(&run), trades(&alone));
    assert_eq!(run.strategies[1].changes, "rule `p.never` is new");
    let stat = run.rules.iter().find(|r| r.key == "p.never").unwrap();
    assert!(stat.was_false > 0 && stat.was_true == 0, "{stat:?}");
}

/// Values of the market stand where they would had the new strategy been there from the start: a changed window is warm, a latch
/// has taken its past.
#[test]
fn new_and_changed_values_of_the_market_have_their_past() {
    let text = base();
    let new = text
        .replace("sma(SPX.close, 5 sessions)", "sma(SPX.close, 9 sessions)")
        .replace("VIX.close > 21 vol", "VIX.close > 20 vol");
    let from = at(6, 3);
    let (whole, run) = (with(&new, &[]), with(&text, &[to(from, &new, None)]));
    let cells = |run: &RunOutput, base: u32, key: &str| {
        let node = run
            .nodes
            .iter()
            .find(|n| n.key == key && n.node >= base)
            .unwrap_or_else(|| panic!("{key}"));
        let own = run.trace.iter().filter(|c| c.node == node.node && c.at >= from);
        own.map(|c| (c.step, c.at, c.cell)).collect::<Vec<_>>()
    };
    let base = run.strategies[1].nodes;
    assert!(base > 0);
    for key in ["slow", "quiet"] {
        let now = cells(&run, base, key);
        let known = now.iter().filter(|(_, _, c)| c.known().is_some()).count();
        assert!(known > 10, "{key}: {now:?}");
        assert_eq!(now, cells(&whole, 0, key), "{key}");
    }
    let changes = &run.strategies[1].changes;
    for change in [
        "value `slow` is changed",
        "value `quiet` is changed",
        "rule `p.open` is changed",
    ] {
        assert!(changes.contains(change), "{changes}");
    }
}

/// A position's memory goes on where the definition is the same, and begins anew where it is not.
#[test]
fn memory_of_positions_goes_on_with_the_same_definition() {
    let text = base();
    let other = text.replace(
        "profit < highest(profit, since entry) - $200",
        "profit < highest(profit, since entry) - $150",
    );
    let swap = at(5, 20);
    let run = with(&text, &[to(swap, &other, None)]);
    // The highest profit is one value of both: at every tick it is what it is without the change.
    let alone = with(&text, &[]);
    let cells = |run: &RunOutput, base: u32| {
        let of = |n: &&alula_run::output::NodeRow| n.text.starts_with("highest(profit") && n.node >= base;
        let node = run.nodes.iter().find(of).unwrap().node;
        let own = run.trace.iter().filter(move |c| c.node == node);
        own.map(|c| (format!("{:?}", c.scope), c.at, c.cell))
            .collect::<Vec<_>>()
    };
    let (was, is) = (cells(&alone, 0), cells(&run, run.strategies[1].nodes));
    let open: BTreeSet<&String> = was.iter().filter(|c| c.1 < swap).map(|c| &c.0).collect();
    let mut compared = 0;
    for (scope, at, cell) in is.iter().filter(|c| open.contains(&c.0)) {
        let newest = was.iter().rev().find(|c| c.0 == *scope && c.1 <= *at).unwrap();
        assert_eq!(newest.2, *cell, "{scope} at {at}");
        compared += 1;
    }
    assert!(compared > 0, "{was:?} {is:?}");
}

/// A rule that closes a part keeps its occasion; the same rule said otherwise waits until it has been false.
#[test]
fn a_part_is_not_closed_twice_for_one_occasion() {
    let text = base();
    let other = text.replace(
        "close half 50% when profit >= 15%",
        "close half 50% when profit >= 14%",
    );
    let (alone, run) = (with(&text, &[]), with(&text, &[to(at(5, 16), &other, None)]));
    let halves = |run: &RunOutput| -> BTreeMap<u32, usize> {
        let mut out = BTreeMap::new();
        for t in run.trades.iter().filter(|t| t.key == "p.half") {
            *out.entry(t.position).or_default() += 1;
        }
        out
    };
    let (before, after) = (halves(&alone), halves(&run));
    assert!(!before.is_empty());
    for (position, n) in &after {
        let most = before.get(position).copied().unwrap_or_default().max(1);
        assert!(*n <= most, "position {position}: {n} of {most}");
    }
}

fn other_structure() -> String {
    base().replace("core", "narrow")
}

#[test]
fn open_positions_of_a_structure_that_ends_are_not_left_to_nobody() {
    let refused = try_with(
        &base(),
        &[to(at(5, 20), &other_structure(), None)],
        Mode::Streaming,
        &market(),
    )
    .unwrap_err();
    assert!(
        refused.what.contains("positions of `core` are open"),
        "{refused:?}"
    );
    assert!(
        refused.help.contains("keep") && refused.help.contains("close"),
        "{refused:?}"
    );
    // Other legs under the same name are other positions.
    let legs = base().replace("iron condor on SPX {\n    expiry nearest 21 dte in 10..35 dte only pm\n    short put at 20 delta\n    long put 50 pts below short put\n    short call at 20 delta\n    long call 50 pts above short call", "put spread on SPX {\n    expiry nearest 21 dte in 10..35 dte only pm\n    short put at 20 delta\n    long put 50 pts below short put");
    assert_ne!(legs, base());
    let refused = try_with(
        &base(),
        &[to(at(5, 20), &legs, Some(Orphans::Keep))],
        Mode::Streaming,
        &market(),
    )
    .unwrap_err();
    assert!(refused.what.contains("other legs under this name"), "{refused:?}");
}

/// Kept: the old exits close what is open, at the ticks and prices at which they would have closed it.
#[test]
fn what_is_kept_leaves_by_its_old_exits() {
    let swap = at(5, 20);
    let alone = with(&base(), &[]);
    let run = with(&base(), &[to(swap, &other_structure(), Some(Orphans::Keep))]);
    let old: BTreeSet<u32> = run
        .positions
        .iter()
        .filter(|p| p.structure == "core")
        .map(|p| p.number)
        .collect();
    assert!(old.len() >= 2, "{old:?}");
    let of = |run: &RunOutput| {
        let rows = run.trades.iter().filter(|t| old.contains(&t.position));
        rows.map(|t| format!("{} {} {} {:?}", t.at, t.position, t.lots, t.cash))
            .collect::<Vec<_>>()
    };
    assert_eq!(of(&run), of(&alone));
    assert!(run.positions.iter().any(|p| p.structure == "narrow"));
    // The new strategy has policies of this name: the old one's exits are told apart.
    let late = run
        .trades
        .iter()
        .filter(|t| t.at > swap && old.contains(&t.position));
    assert!(late.clone().count() > 0);
    assert!(
        late.into_iter()
            .all(|t| t.key.ends_with(".before") || t.key.is_empty() || t.order.is_empty()),
        "{:?}",
        trades(&run)
    );
    assert_eq!(run.strategies[1].carried, "core keep");
}

#[test]
fn what_is_closed_is_flat_after_the_next_snapshots() {
    let swap = at(5, 20);
    let run = with(&base(), &[to(swap, &other_structure(), Some(Orphans::Close))]);
    let old: Vec<_> = run.positions.iter().filter(|p| p.structure == "core").collect();
    let open = old
        .iter()
        .filter(|p| p.closed_at.is_none_or(|c| c > swap))
        .count();
    assert!(open >= 1);
    // Decided at the first tick after noon, filled at the next snapshot.
    for p in &old {
        let closed = p.closed_at.unwrap();
        assert!(closed <= at(5, 23), "{} closed {closed}", p.number);
    }
    let acts: Vec<_> = run.decisions.iter().filter(|d| d.key == "closing.core").collect();
    assert_eq!(acts.len(), 1, "{acts:?}");
    // A later change carries the guard on without being asked again.
    let third = other_structure().replace("40% of credit", "45% of credit");
    let twice = with(
        &base(),
        &[
            to(swap, &other_structure(), Some(Orphans::Close)),
            to(at(5, 21), &third, None),
        ],
    );
    assert!(
        twice
            .positions
            .iter()
            .filter(|p| p.structure == "core")
            .all(|p| p.closed_at.unwrap() <= at(5, 23))
    );
}

/// Thresholds that change before, with and after the strategy; a slot that is new, one that goes.
#[test]
fn thresholds_and_the_strategy_change_in_one_run() {
    let with_slot = |name: &str, value: &str, text: &str| {
        text.replace(
            "signal quiet",
            &format!("threshold {name} = {value} /// share\n\nsignal quiet"),
        )
        .replace("40% of credit", &format!("{name} of credit"))
    };
    let first = with_slot("gain", "40% in 5%..90%", &base());
    let second =
        with_slot("aim", "30% in 5%..90%", &base()).replace("VIX.close < 19 vol", "VIX.close < 18.5 vol");
    let set = |text: &str, value: f64| {
        let graph = graph(text);
        ThresholdSet::from_values(&graph.thresholds, vec![value]).unwrap()
    };
    let value = |at: Instant, text: &str, value: f64| Swap {
        at,
        set: set(text, value),
        file: None,
        entries: Entries::Evaluate,
        rules: None,
    };
    let mut swap = to(at(5, 20), &second, None);
    swap.set = set(&second, 0.35);
    let swaps = [value(at(5, 14), &first, 0.5), swap, value(at(6, 3), &second, 0.2)];
    let history = market();
    let runs =
        [Mode::Streaming, Mode::Permuted].map(|mode| try_with(&first, &swaps, mode, &history).unwrap());
    assert_eq!(runs[0].ticks, runs[1].ticks);
    let run = &runs[0];
    let names: Vec<_> = run
        .versions
        .iter()
        .map(|v| (v.names.join(","), v.values.clone()))
        .collect();
    assert_eq!(
        names,
        [
            ("gain".to_owned(), vec![0.4]),
            ("gain".to_owned(), vec![0.5]),
            ("aim".to_owned(), vec![0.35]),
            ("aim".to_owned(), vec![0.2]),
        ]
    );
    assert_eq!(run.strategies[1].thresholds, 3);
    // Values of another strategy are refused before the run begins.
    let wrong = [to(at(5, 20), &base(), None), value(at(6, 3), &second, 0.2)];
    assert!(try_with(&first, &wrong, Mode::Streaming, &history).is_err());
}

#[test]
fn settings_that_an_account_cannot_follow_are_refused() {
    for (was, is) in [
        ("$250_000", "$300_000"),
        ("fees none", "fees flat"),
        ("every 1 session", "every 5m"),
    ] {
        let other = base().replace(was, is);
        let Err(e) = try_with(
            &base(),
            &[to(at(5, 20), &other, None)],
            Mode::Streaming,
            &market(),
        ) else {
            panic!("{is} was taken");
        };
        assert!(e.what.contains("a running account cannot follow"), "{e:?}");
    }
}

/// Every decision is explained by the strategy that made it, from the run and from what a folder holds.
#[test]
fn decisions_are_explained_by_their_own_strategy() {
    let text = base();
    let other = text.replace("profit >= 40%", "profit >= 35%");
    let run = with(&text, &[to(at(5, 20), &other, None)]);
    let first = graph(&text);
    let explainer = Explainer::new(&run, &first).unwrap();
    let mut told = BTreeSet::new();
    for tick in &run.ticks {
        let percent = if run.rules_at(tick.tick) == 1 {
            "40%"
        } else {
            "35%"
        };
        for why in explainer.explain(tick, Some("p.win")).unwrap() {
            let text = render(&why);
            assert!(text.contains(percent), "{} {text}", tick.at);
            told.insert(percent);
        }
    }
    assert_eq!(told.len(), 2);
    let dir = tempfile::tempdir().unwrap();
    folder::write(&run, &dir.path().join("run"), &BTreeMap::new(), false).unwrap();
    let mut back = folder::read(&dir.path().join("run")).unwrap().output;
    for (row, was) in back.strategies.iter_mut().zip(&run.strategies) {
        row.graph.clone_from(&was.graph);
    }
    assert_eq!(back.strategies, run.strategies);
    assert_eq!(
        back.versions.len(),
        0,
        "a strategy without thresholds has no versions of them"
    );
    assert!(
        back.inputs
            .keys()
            .any(|n| n.starts_with("swaps/0002-") && n.ends_with("/t.alula"))
    );
    let again = Explainer::new(&back, &first).unwrap();
    let told = |e: &Explainer<'_>, tick| {
        let all = e.explain(&run.ticks[tick], None).unwrap();
        all.iter().map(render).collect::<Vec<_>>()
    };
    for tick in [3, 12, 13, 14, 30] {
        assert_eq!(told(&again, tick), told(&explainer, tick), "tick {tick}");
    }
}
