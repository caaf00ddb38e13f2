//! Shipped rules over the simulated market: both drivers agree, and the books balance.
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

use alula_core::why::render;
use alula_dsl::source::NoImports;
use alula_market::history::History;
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_run::{BacktestRequest, Explainer, Inputs, Mode, Moment, RunOutput, folder};
use common::{finished, graph, request};
use std::collections::BTreeMap;

fn run(text: &str, history: &dyn History, mode: Mode) -> RunOutput {
    let (graph, progress) = (graph(text), &mut |_| {});
    finished(BacktestRequest {
        inputs: Inputs {
            sources: vec![("test.alula".to_owned(), text.as_bytes().to_vec())],
            ..Inputs::default()
        },
        ..request(&graph, history, mode, progress)
    })
}

fn market(sessions: u32) -> SimulatedMarket {
    SimulatedMarket::new(SimConfig {
        sessions,
        ..SimConfig::default()
    })
    .unwrap()
}

#[test]
fn the_shipped_condor_trades_and_both_drivers_agree() {
    let text = include_str!("../../../rules/iron_condor.alula");
    let history = market(120);
    let batch = run(text, &history, Mode::Batch);
    let streaming = run(text, &history, Mode::Streaming);
    assert!(batch.trades.len() > 20);
    assert_eq!(batch.ticks, streaming.ticks);
    assert_eq!(batch.trace, streaming.trace);
    assert_eq!(batch.trades, streaming.trades);
    assert_eq!(batch.decisions, streaming.decisions);
    assert_eq!(batch.manifest.run_id, streaming.manifest.run_id);
    let kinds: Vec<&str> = batch.orders.iter().map(|o| o.kind.as_str()).collect();
    for kind in ["open", "close", "roll"] {
        assert!(kinds.contains(&kind), "no {kind} in {kinds:?}");
    }
    assert!(batch.manifest.marks.iter().any(|m| m.starts_with("simulated")));
}

#[test]
fn a_run_folder_is_the_same_each_time_reads_back_and_notices_a_change() {
    let text = include_str!("../../../rules/weekly_condor.alula");
    let history = market(60);
    let output = run(text, &history, Mode::Batch);
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let extras = BTreeMap::from([("report.html".to_owned(), b"<html>".to_vec())]);
    let manifest = folder::write(&output, &one, &extras, false).unwrap();
    folder::write(&run(text, &history, Mode::Batch), &two, &extras, false).unwrap();
    for name in manifest.files.keys().chain([&folder::MANIFEST.to_owned()]) {
        assert_eq!(
            std::fs::read(one.join(name)).unwrap(),
            std::fs::read(two.join(name)).unwrap(),
            "{name}"
        );
    }
    let back = folder::read(&one).unwrap();
    assert_eq!(back.extras, ["report.html"]);
    let mut expected = output.clone();
    expected.manifest = manifest;
    assert_eq!(back.output, expected);

    let refused = folder::write(&output, &one, &extras, false).unwrap_err();
    assert!(refused.what.contains("holds a run already"), "{refused}");
    folder::write(&output, &one, &extras, true).unwrap();
    std::fs::write(one.join("daily.csv"), "date\n").unwrap();
    let changed = folder::read(&one).unwrap_err();
    assert!(changed.what.contains("was changed after the run"), "{changed}");
    std::fs::remove_file(two.join("ticks.parquet")).unwrap();
    assert!(folder::read(&two).is_err());
    let other = dir.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("letter.txt"), "dear").unwrap();
    assert!(folder::write(&output, &other, &extras, true).is_err());
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        3,
        "nothing is left beside the folders"
    );
}

#[test]
fn an_input_cannot_leave_the_run_folder() {
    let text = include_str!("../../../rules/weekly_condor.alula");
    let mut output = run(text, &market(2), Mode::Batch);
    output.inputs.insert("../escape".to_owned(), Vec::new());
    let dir = tempfile::tempdir().unwrap();
    assert!(folder::write(&output, &dir.path().join("run"), &BTreeMap::new(), false).is_err());
}

#[test]
fn why_names_values_the_first_failure_and_the_smallest_change() {
    let text = include_str!("../../../rules/iron_condor.alula");
    let output = run(text, &market(120), Mode::Batch);
    let graph = alula_dsl::compile::compile("test.alula", text.as_bytes(), &NoImports)
        .graph
        .unwrap();
    let explainer = Explainer::new(&output, &graph).unwrap();
    for tick in &output.ticks {
        let all = explainer.explain(tick, None).unwrap();
        for why in &all {
            let recorded = output
                .decisions
                .iter()
                .find(|d| d.tick == tick.tick && d.key == why.key && d.position == why.position.map(|p| p.0));
            // The explanation is recomputed from the trace; it must say what the run decided.
            assert_eq!(recorded.is_none(), why.outcome.is_none());
            let parts = why.condition.conjuncts.iter().map(|c| c.cell).collect::<Vec<_>>();
            assert_eq!(
                alula_core::value::Cell::all(&parts),
                why.condition.cell,
                "{}",
                render(why)
            );
        }
    }
    let asked = |tick: usize, key: &str| {
        explainer
            .explain(&output.ticks[tick], Some(key))
            .unwrap()
            .iter()
            .map(render)
            .collect::<String>()
    };
    let profit = asked(20, "income.take_profit");
    assert!(
        profit.contains("profit_target of credit $") && profit.contains("or if `profit_target` were set"),
        "{profit}"
    );
    assert!(explainer.explain(&output.ticks[0], Some("income.tset")).is_err());
    let sunday = chrono::NaiveDate::from_ymd_opt(2023, 1, 8).unwrap();
    assert!(
        explainer
            .tick(Moment::Day(sunday))
            .unwrap_err()
            .help
            .contains("2023-01-06")
    );
}

/// VIX calls alone: a lot has delta × 100 × b of the account's vega, b the mapping's number at the days that are left, and no
/// delta in SPX. The daily row says the same.
#[test]
fn the_vega_of_the_account_counts_vix_by_the_mapping() {
    let strategy = |hedge: &str| {
        format!(
            "alula 1\n\nstrategy s {{\n    capital  $250_000\n    evaluate every 1 session in SPX.regular\n}}\n\n\
             structure core = iron condor on SPX {{\n    expiry     nearest 45 dte\n    short put  at 16 delta\n    \
             long put   about 50 pts below short put\n    short call at 16 delta\n    long call  about 50 pts above short call\n}}\n\n\
             structure calls = call on VIX {{ expiry nearest 30 dte, strike at 30 delta }}\n\n\
             policy never on core {{\n    open when VIX.last > 500 vol size 1 lot\n}}\n\n\
             policy own on calls {{\n    open when VIX.last > 1 vol size 3 lots\n\n    close late when dte <= 0 and long.delta > 500 delta\n}}\n\n\
             {hedge}\
             guard g {{\n    require vega(book) < $1_000_000 else block open\n    require delta(book) < 500 delta else block open\n}}\n"
        )
    };
    let history = market(12);
    // Half-life of 63 days: exp(-4 T).
    let decay = |days: f64| (-4.0 * days / 365.0).exp();
    let given = "hedge h on core {\n    map VIX by 60%\n\n    layer a {\n        own  call on VIX { expiry nearest 30 dte, strike at 30 delta }\n        \
                 size 1 lot\n    }\n}\n\n";
    let cases: [(&str, &dyn Fn(f64) -> f64); 2] = [("", &decay), (given, &|_| 0.6)];
    for (hedge, ratio) in cases {
        let out = run(&strategy(hedge), &history, Mode::Batch);
        let node = |text: &str| out.nodes.iter().find(|n| n.text == text).unwrap().node;
        let seen = |text: &str| -> BTreeMap<u32, f64> {
            let node = node(text);
            let cells = out.trace.iter().filter(|c| c.node == node);
            cells.filter_map(|c| Some((c.step, c.cell.known()?))).collect()
        };
        let (vega, delta, own, dte) = (
            seen("vega(book)"),
            seen("delta(book)"),
            seen("long.delta"),
            seen("dte"),
        );
        assert!(own.len() > 5, "{own:?}");
        for (tick, one) in &own {
            let want = 3.0 * one * 100.0 * ratio(dte[tick]);
            assert!(
                (vega[tick] - want).abs() < 1e-9 * want,
                "tick {tick}: {} for {want}",
                vega[tick]
            );
        }
        // A value that stays is recorded once.
        assert_eq!(delta.into_values().collect::<Vec<_>>(), [0.0]);
        let last = out.daily.last().unwrap().greeks.as_ref().unwrap();
        assert!(
            (last.vega - vega.values().last().unwrap()).abs() < 1e-6,
            "{last:?}"
        );
    }
}
