//! What was decided in a case, in plain words: short, and the same bytes whenever the decisions are the same.

use alula_core::value::Cell;
use alula_core::why::{Why, keys, line, render};
use alula_dsl::graph::Graph;
use alula_run::output::TickRow;
use alula_run::{Explainer, RunOutput};
use std::fmt::Write as _;

/// `true`, `false`, `unknown (warming up)`, or a number.
pub(crate) fn truth(cell: Cell) -> String {
    match (cell.truth(), cell.cause(), cell.known()) {
        (_, Some(cause), _) => format!("unknown ({cause})"),
        (Some(truth), _, _) => truth.to_string(),
        (None, None, Some(x)) => x.to_string(),
        (None, None, None) => "unknown".to_owned(),
    }
}

/// The explanation of a case: every tick at which something was ordered, guarded or skipped, and every tick that the
/// case asks about.
pub(crate) fn explanation(
    name: &str,
    explainer: &Explainer<'_>,
    run: &RunOutput,
    graph: &Graph,
    asked: &[u32],
) -> String {
    let mut out = format!("{name}\n");
    let mut calm = 0_usize;
    for tick in &run.ticks {
        let loud = run
            .decisions
            .iter()
            .any(|d| d.tick == tick.tick && d.verdict != "idle");
        if loud || asked.contains(&tick.tick) {
            quiet(&mut out, calm);
            calm = 0;
            self::tick(&mut out, explainer, run, graph, tick);
        } else {
            calm += 1;
        }
    }
    quiet(&mut out, calm);
    for trade in run.trades.iter().filter(|t| t.order.is_empty()) {
        // Writing to a string cannot fail; the results are dropped on purpose throughout.
        let _ = writeln!(
            out,
            "  position {} settled at {} for {} net",
            trade.position, trade.at, trade.net.share
        );
    }
    let open = run.positions.iter().filter(|p| p.closed_at.is_none()).count();
    let _ = writeln!(
        out,
        "  at the end: {open} of {} positions open",
        run.positions.len()
    );
    out
}

fn quiet(out: &mut String, ticks: usize) {
    match ticks {
        0 => {}
        1 => out.push_str("  (one tick without a decision)\n"),
        n => {
            let _ = writeln!(out, "  ({n} ticks without a decision)");
        }
    }
}

fn tick(out: &mut String, explainer: &Explainer<'_>, run: &RunOutput, graph: &Graph, tick: &TickRow) {
    let _ = writeln!(out, "  {}", tick.at);
    for (key, _) in keys(graph) {
        let rows: Vec<_> = run
            .decisions
            .iter()
            .filter(|d| d.tick == tick.tick && d.key == key && d.verdict != "idle")
            .collect();
        let all: Vec<Why> = explainer.explain(tick, Some(key)).unwrap_or_default();
        for why in all {
            let position = why.position.map(|p| p.0);
            if rows.iter().any(|d| d.position == position) {
                for text in render(&why).lines() {
                    let at = format!(" at {}", tick.at);
                    let _ = writeln!(out, "    {}", text.replacen(&at, "", 1));
                }
            } else {
                let _ = writeln!(out, "    {}", line(&why));
            }
        }
    }
}
