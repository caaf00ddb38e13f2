//! A sweep's runs are the runs that each set of values gives by itself.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "tests may fail loudly, and their numbers are small"
)]

mod common;

use alula_dsl::graph::Graph;
use alula_market::history::History;
use alula_run::{BacktestRequest, Mode, RunOutput, Sweep};
use common::{Double, date, finished, graph, request, strategy};
use std::sync::Arc;

fn alone(graph: &Arc<Graph>, thresholds: &[f64], history: &dyn History, mode: Mode) -> RunOutput {
    let progress = &mut |_| {};
    finished(BacktestRequest {
        thresholds: thresholds.to_vec(),
        ..request(graph, history, mode, progress)
    })
}

/// Runs a strategy with two thresholds over a grid of values, in a sweep and one by one.
fn compare(other: &str, others: [f64; 3], open: &str, mode: Mode) {
    let text = strategy(
        "cross 60% of spread",
        &format!(
            "threshold gain = 50% in 5%..90% /// share of the credit taken\n\
             threshold {other} /// when to open\n\n\
             policy p on core {{\n    open when {open} size 1 lot up to 4 positions\n    \
             close win when profit >= gain of credit\n}}"
        ),
    );
    let graph = graph(&text);
    let history = Double::new(date(2019, 5, 1), 40, |i| {
        (
            2900.0 + 25.0 * (i as f64 * 0.9).sin(),
            0.15 + 0.1 * (i as f64 * 0.4).sin().abs(),
        )
    });
    let progress = &mut |_| {};
    let mut sweep = Sweep::new(request(&graph, &history, mode, progress));
    let mut chains = Vec::new();
    for gain in [0.05, 0.5, 0.9, 0.05] {
        for other in others {
            let values = [gain, other];
            let run = sweep.run(&values).unwrap();
            let one = alone(&graph, &values, &history, mode);
            assert!(run == one, "{values:?}: {:?} {:?}", run.manifest, one.manifest);
            chains.push(run.manifest.chain);
        }
    }
    assert_eq!(chains[..3], chains[9..], "the same values give the same run");
    chains.sort_unstable();
    chains.dedup();
    assert!(chains.len() > 4, "the values made no difference: {chains:?}");
    // A set that is refused leaves the sweep as it was.
    assert!(sweep.run(&[2.0, others[1]]).is_err());
    assert!(sweep.run(&[0.5, others[1]]).unwrap() == alone(&graph, &[0.5, others[1]], &history, mode));
}

#[test]
fn with_thresholds_in_conditions_of_the_market() {
    let ceiling = "ceiling = 30 vol in 5..80 vol";
    let open = "implied_vol(SPX, 20 days) < ceiling for 2 bars";
    compare(ceiling, [16.0, 22.0, 80.0], open, Mode::Batch);
    compare(ceiling, [16.0, 22.0, 80.0], open, Mode::Streaming);
}

#[test]
fn with_thresholds_that_only_positions_and_the_account_read() {
    let open = "positions(core) < most and implied_vol(SPX, 20 days) < 24 vol";
    compare("most = 2 in 0..8", [1.0, 2.0, 4.0], open, Mode::Batch);
    compare("most = 2 in 0..8", [1.0, 2.0, 4.0], open, Mode::Streaming);
}
