//! Overlays of operators: a live run with them is the backtest with the same ones, tick by tick, and no hedge is carried above
//! its ceiling by any of them.

use crate::support::root;
use alula_core::operator::Instruction;
use alula_dsl::compile::compile;
use alula_dsl::graph::Graph;
use alula_dsl::source::NoImports;
use alula_live::Live;
use alula_live::swap::{Desk, Rules};
use alula_market::history::History;
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_run::{Act, BacktestRequest, Course, Crank, HaltLevel, Mode, OperatorAct, RunOutput, backtest};
use proptest::prelude::*;
use std::sync::Arc;

/// A shipped rule in promoter posture.
fn promoted(name: &str) -> Arc<Graph> {
    let text = std::fs::read_to_string(root().join("rules").join(name)).expect("a shipped rule");
    let text = if text.contains("posture") {
        text.replace("posture    steward ", "posture    promoter")
            .replace("posture  steward", "posture  promoter")
    } else {
        text.replacen("{\n    capital", "{\n    posture promoter\n    capital", 1)
    };
    let compiled = compile("test.alula", text.as_bytes(), &NoImports);
    let graph = compiled
        .graph
        .unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    assert!(graph.settings.promoter, "{name}");
    Arc::new(graph)
}

fn simulated(sessions: u32) -> SimulatedMarket {
    SimulatedMarket::new(SimConfig {
        sessions,
        ..SimConfig::default()
    })
    .expect("a market")
}

fn request<'a>(
    graph: &Arc<Graph>,
    history: &'a dyn History,
    (mode, course): (Mode, Course),
    progress: &'a mut dyn FnMut(alula_run::Progress),
) -> BacktestRequest<'a> {
    BacktestRequest {
        mode,
        course,
        ..BacktestRequest::new(Arc::clone(graph), history, progress)
    }
}

fn turned(graph: &Arc<Graph>, history: &dyn History, mode: Mode, acts: &[OperatorAct]) -> RunOutput {
    let course = Course {
        acts: acts.to_vec(),
        ..Course::default()
    };
    backtest(request(graph, history, (mode, course), &mut |_| {})).expect("a run")
}

/// A live run to which the acts are said before the first snapshot at or after their instants.
fn lived(graph: &Arc<Graph>, history: &dyn History, acts: &[OperatorAct]) -> RunOutput {
    let mut silent = |_| {};
    let request = request(graph, history, (Mode::Streaming, Course::default()), &mut silent);
    let crank = Crank::start(&request).expect("a run");
    let desk = Desk::new(&graph.settings.name, &graph.thresholds, Rules::default());
    let mut live = Live::new(crank, desk);
    let mut acts = acts.iter().peekable();
    while let Some(at) = live.next() {
        while let Some(act) = acts.next_if(|a| a.at <= at) {
            if let Act::Add { number, .. } = &act.act {
                assert_eq!(live.crank().next_overlay(), *number);
            }
            live.act(act.act.clone(), (&act.who, &act.why), Some(1000), 0)
                .expect("an act");
        }
        live.turn(0).expect("a turn");
    }
    live.finish("the feed ended", 0).expect("an end")
}

/// Acts at ticks by their numbers.
fn acts(history: &dyn History, said: &[(usize, &str)]) -> Vec<OperatorAct> {
    let (first, last) = history.range("SPX").expect("chains");
    let ticks = history.ticks("SPX", first, last);
    let mut number = 0;
    said.iter()
        .map(|(tick, text)| {
            let act = Act::parse(text).unwrap_or_else(|| {
                number += 1;
                let instruction = Instruction::parse(text).expect("an instruction");
                Act::Add { number, instruction }
            });
            OperatorAct {
                at: ticks[*tick],
                act,
                who: "alice (uid 1000)".to_owned(),
                why: format!("reason {tick}"),
            }
        })
        .collect()
}

fn prove(graph: &Arc<Graph>, history: &dyn History, said: &[(usize, &str)]) -> RunOutput {
    let acts = acts(history, said);
    let live = lived(graph, history, &acts);
    let again = turned(graph, history, Mode::Streaming, &acts);
    let differs = live.ticks.iter().zip(&again.ticks).find(|(a, b)| a != b);
    assert_eq!(differs, None, "the first tick that differs");
    assert_eq!(live, again);
    for mode in [Mode::Batch, Mode::Permuted] {
        let other = turned(graph, history, mode, &acts);
        assert_eq!(live.ticks, other.ticks);
        assert_eq!(live.overlays, other.overlays);
        assert_eq!(live.overlay_changes, other.overlay_changes);
        assert_eq!(live.manifest.run_id, other.manifest.run_id);
    }
    // The run says what was said to it, and computes the same from that.
    assert_eq!(live.manifest.operator.len(), acts.len());
    let recorded = turned(graph, history, Mode::Streaming, &live.manifest.operator);
    assert_eq!(live.manifest.chain, recorded.manifest.chain);
    // The proof can fail: without the overlays it is another chain, from the tick of the first on.
    let plain = turned(graph, history, Mode::Streaming, &[]);
    let split = live
        .ticks
        .iter()
        .zip(&plain.ticks)
        .position(|(a, b)| a.chain != b.chain);
    assert_eq!(split, Some(said[0].0));
    // What the rules alone would have made is that run.
    let alone: Vec<_> = live.rules_alone.iter().map(|t| (t.date, t.equity)).collect();
    let rules: Vec<_> = plain.daily.iter().map(|d| (d.date, d.equity)).collect();
    assert_eq!(alone, rules);
    live
}

#[test]
fn a_live_run_with_overlays_is_the_backtest_with_the_same_ones() {
    let graph = promoted("iron_condor.alula");
    let history = simulated(90);
    let run = prove(
        &graph,
        &history,
        &[
            (20, "pause core"),
            (22, "drop 1"),
            (24, "open core"),
            (30, "close core"),
            (30, "pause core until 2023-03-20"),
            (60, "halt"),
            (61, "open core"),
            (62, "resume"),
        ],
    );
    let row = |n: usize| &run.overlays[n - 1];
    assert!(
        row(1).how.starts_with("dropped by alice (uid 1000): reason 22"),
        "{}",
        row(1).how
    );
    assert!(row(1).changed > 0, "{:?}", run.overlay_changes);
    let held = run
        .overlay_changes
        .iter()
        .find(|c| c.overlays == [1])
        .expect("a change");
    assert_eq!(held.key, "income.open");
    assert!(
        held.with.contains("overlay 1 of the operator holds entries back"),
        "{held:?}"
    );
    assert!(held.without.starts_with("open "), "{held:?}");
    // What it closed belongs to the rules or to the overlay before, and is told as its own doing.
    assert!(
        row(3).closed > 0 && row(3).how == "nothing of it is held",
        "{:?}",
        row(3)
    );
    assert!(run.positions.iter().any(|p| p.closed_by == "operator-3"));
    assert_eq!(row(4).how, "its time is over");
    // A halt stops the operator's own entry too.
    assert_eq!(
        (row(5).opened, row(5).how.as_str()),
        (0, "tried, and kept from it")
    );
    let tried = run
        .decisions
        .iter()
        .find(|d| d.key == "operator-5")
        .expect("a decision");
    assert!(
        tried.detail.contains("halted by the operator"),
        "{}",
        tried.detail
    );
}

#[test]
fn a_layer_that_is_scaled_stays_below_the_targets_ceiling() {
    let graph = promoted("hedge_base.alula");
    let history = simulated(120);
    let run = prove(
        &graph,
        &history,
        &[
            (20, "scale alvh.base 300%"),
            (50, "drop 1"),
            (70, "scale alvh.base 0%"),
            (90, "pause alvh"),
        ],
    );
    let scaled = run
        .layers
        .iter()
        .filter(|l| l.why.contains("overlay 1 of the operator: 300% of the size"));
    assert!(
        scaled.count() > 0,
        "{:?}",
        run.layers.iter().map(|l| &l.why).collect::<Vec<_>>()
    );
    // From nothing asked for nothing is held.
    let last = run.layers.iter().rfind(|l| l.tick >= 75 && l.tick < 90);
    assert!(last.is_none_or(|l| l.lots == 0), "{last:?}");
    below_the_ceiling(&graph, &run);
}

/// No layer bought while the hedge carried more than its target.
fn below_the_ceiling(graph: &Graph, run: &RunOutput) {
    let target = graph.thresholds.iter().find(|t| t.name == "hedge_share");
    let target = target.expect("a threshold").default;
    for l in &run.layers {
        if let (Some(share), true) = (l.hedge_share, l.buys > 0) {
            assert!(share < target, "{l:?}");
        }
    }
}

#[test]
fn what_an_operator_cannot_do_is_refused_before_it_stands_in_the_record() {
    let text = std::fs::read_to_string(root().join("rules/iron_condor.alula")).expect("a shipped rule");
    let steward = Arc::new(
        compile("t.alula", text.as_bytes(), &NoImports)
            .graph
            .expect("a graph"),
    );
    let fits = |graph: &Graph, text: &str| Instruction::parse(text).expect("an instruction").fits(graph);
    let refused = fits(&steward, "pause core").unwrap_err();
    assert!(
        refused.what.contains("steward posture: only its rules act"),
        "{refused}"
    );
    assert!(refused.help.contains("posture promoter"), "{}", refused.help);
    let graph = promoted("hedge_base.alula");
    assert_eq!(fits(&graph, "scale alvh.base 50%"), Ok(()));
    for (wrong, help) in [
        ("scale core 50%", "alvh.base"),
        ("scale alvh.bass 50%", "alvh.base"),
        ("pause nothing", "core"),
        ("close alvh.base", "scale alvh.base 0%"),
        ("open alvh.base", "core"),
    ] {
        let refused = fits(&graph, wrong).unwrap_err();
        assert!(
            refused.help.contains(help),
            "{wrong}: {refused} ({})",
            refused.help
        );
    }
    let history = simulated(10);
    let drop = acts(&history, &[(1, "drop 4")]);
    let course = Course {
        acts: drop,
        ..Course::default()
    };
    let mut silent = |_| {};
    let request = request(&graph, &history, (Mode::Streaming, course), &mut silent);
    assert!(Crank::start(&request).is_err());
}

#[test]
fn acts_read_back_as_they_are_recorded() {
    let texts = [
        "halt",
        "halt all",
        "resume",
        "overlay 3 pause core until 2019-05-10 00:00",
        "drop 3",
    ];
    for text in texts {
        assert_eq!(Act::parse(text).expect("an act").text(), text);
    }
    assert_eq!(Act::parse("halt entries"), Some(Act::Halt(HaltLevel::Entries)));
    for text in [
        "",
        "overlay",
        "overlay x pause core",
        "overlay 3 dance",
        "drop",
        "halt some",
    ] {
        assert_eq!(Act::parse(text), None, "{text}");
    }
}

fn said() -> impl Strategy<Value = Vec<(usize, String)>> {
    let one = prop_oneof![
        (0_u32..=300).prop_map(|p| format!("scale alvh.base {p}%")),
        Just("pause core".to_owned()),
        Just("pause alvh".to_owned()),
        Just("close core".to_owned()),
        Just("open core".to_owned()),
        (1_u32..28).prop_map(|d| format!("scale alvh.base 300% until 2023-03-{d:02}")),
    ];
    proptest::collection::vec((0_usize..60, one), 1..12).prop_map(|mut all| {
        all.sort_by_key(|(tick, _)| *tick);
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Whatever an operator says, the live run is the backtest, the books add up (a run that breaks an invariant stops), and
    /// the hedge buys nothing above its target.
    #[test]
    fn no_overlay_carries_a_hedge_above_its_target(said in said()) {
        let graph = promoted("hedge_base.alula");
        let history = simulated(60);
        let said: Vec<(usize, &str)> = said.iter().map(|(t, s)| (*t, s.as_str())).collect();
        let acts = acts(&history, &said);
        let live = lived(&graph, &history, &acts);
        let again = turned(&graph, &history, Mode::Batch, &acts);
        prop_assert_eq!(&live.ticks, &again.ticks);
        prop_assert_eq!(&live.overlays, &again.overlays);
        below_the_ceiling(&graph, &live);
    }
}
