//! What was decided in a case, in plain words: short, and the same bytes whenever the decisions are the same.

use alula_core::decision::RuleKind;
use alula_core::value::Cell;
use alula_core::why::{Why, keys, line, parts};
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

/// What a case asks about: ticks, and names of rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// Numbers of ticks, ascending.
    pub ticks: &'a [u32],
    /// Rules and guards by key.
    pub rules: &'a [&'a str],
}

/// The explanation of a case: every tick at which something was ordered, guarded or skipped, and every tick that the
/// case asks about.
pub(crate) fn explanation(
    name: &str,
    explainer: &Explainer<'_>,
    run: &RunOutput,
    graph: &Graph,
    asked: Asked<'_>,
) -> String {
    let mut out = format!("{name}\n");
    let mut calm = 0_usize;
    for tick in &run.ticks {
        let loud = run
            .decisions
            .iter()
            .any(|d| d.tick == tick.tick && d.verdict != "idle");
        if loud || asked.ticks.binary_search(&tick.tick).is_ok() {
            quiet(&mut out, calm);
            calm = 0;
            self::tick(&mut out, explainer, run, graph, tick, asked);
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

fn tick(
    out: &mut String,
    explainer: &Explainer<'_>,
    run: &RunOutput,
    graph: &Graph,
    tick: &TickRow,
    asked: Asked<'_>,
) {
    let _ = writeln!(out, "  {}", tick.at);
    for (key, kind) in keys(graph) {
        let loud = |position: Option<u32>| {
            run.decisions
                .iter()
                .any(|d| d.tick == tick.tick && d.key == key && d.verdict != "idle" && d.position == position)
        };
        // What did nothing and nobody asks about is left out, but for the rules that open: their silence is the question.
        let told = kind == RuleKind::Open || asked.rules.contains(&key);
        for why in explainer.explain(tick, Some(key)).unwrap_or_default() {
            if loud(why.position.map(|p| p.0)) {
                acted(out, &why);
            } else if told {
                let _ = writeln!(out, "    {}", line(&why));
            }
        }
    }
}

/// A rule that called for action: what came of it, and the parts of its condition with what they read.
fn acted(out: &mut String, why: &Why) {
    let about = why
        .position
        .map(|p| format!(" on position {p}"))
        .unwrap_or_default();
    let outcome = why.outcome.as_deref().unwrap_or_default();
    let _ = writeln!(out, "    {}{about}: {outcome}", why.key);
    for condition in std::iter::once(&why.condition).chain(&why.require) {
        for part in parts(condition) {
            let _ = writeln!(out, "      {part}");
        }
    }
}
