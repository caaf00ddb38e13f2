//! The reference of built-in names is true: every example compiles where it is said to.

use super::common::{CORE, HEAD, graph, shown, with_core};
use alula_dsl::builtin::{Indicator, Math};
use alula_dsl::compile::compile;
use alula_dsl::graph::Op;
use alula_dsl::reference::{BOOK, Entry, FUNCTIONS, LEG_FIELDS, POSITION, Place, SPECIAL};
use alula_dsl::source::NoImports;

/// An example in a place where its name has a meaning.
fn placed(place: Place, example: &str) -> String {
    match place {
        Place::Anywhere => format!("signal x = {example}\npolicy p on core {{ open when x size 1 lot }}"),
        Place::Book => format!("guard g {{ require {example} else block open }}"),
        Place::Position => format!("policy p on core {{ close c when {example} }}"),
        Place::PositionOrCandidate => format!(
            "policy p on core {{ open when VIX.last < 30 vol size 1 lot require {example}\n close c when {example} }}"
        ),
        Place::Candidate => {
            format!("policy p on core {{ open when VIX.last < 30 vol size 1 lot require {example} }}")
        }
        Place::Layer => format!(
            "hedge h on core {{ layer a {{ own call on VIX {{ expiry nearest 30 dte, strike at 30 delta }}\n size 10% of max_loss(core)\n\
             vote VIX.last > 30 vol, VIX.last > 40 vol, VIX.last > 50 vol\n active when {example} until votes = 0 }} }}"
        ),
        Place::Overlay => {
            format!("overlay o on core {{ trade ES to delta 0 ± 5 delta\n require {example} }}")
        }
    }
}

fn all() -> impl Iterator<Item = &'static Entry> {
    [FUNCTIONS, BOOK, POSITION, SPECIAL, LEG_FIELDS]
        .into_iter()
        .flatten()
}

#[test]
fn every_example_compiles_where_its_name_has_a_meaning() {
    for entry in all() {
        let c = with_core(&placed(entry.place, entry.example));
        assert!(
            c.graph.is_some(),
            "`{}`: `{}`\n{}",
            entry.name,
            entry.example,
            shown(&c)
        );
    }
}

#[test]
fn every_example_uses_the_name_that_it_explains_and_has_words() {
    for entry in all() {
        let name = entry.name.replace("net_credit", "net credit");
        assert!(entry.example.contains(&name), "{}", entry.name);
        assert!(entry.signature.contains(&name), "{}", entry.name);
        assert!(entry.doc.ends_with('.') && entry.doc.len() > 4, "{}", entry.name);
    }
}

#[test]
fn position_names_have_no_meaning_in_signals() {
    for entry in POSITION.iter().filter(|e| e.name != "net_credit") {
        let c = with_core(&format!("signal x = {} > 0", entry.name));
        assert!(c.graph.is_none(), "{} compiled in a signal", entry.name);
    }
}

#[test]
fn every_indicator_and_function_of_the_engine_is_reachable_from_text() {
    let mut text = format!("{HEAD}{CORE}");
    for (i, entry) in FUNCTIONS
        .iter()
        .filter(|f| f.place == Place::Anywhere)
        .enumerate()
    {
        text += &format!(
            "signal x{i} = {}\nguard g{i} {{ require x{i} else block open }}\n",
            entry.example
        );
    }
    let c = compile("all.alula", text.as_bytes(), &NoImports);
    let graph = graph(&c);
    let indicators = [
        Indicator::Rsi,
        Indicator::Ema,
        Indicator::Sma,
        Indicator::Macd,
        Indicator::Atr,
        Indicator::Bollinger,
        Indicator::Stdev,
        Indicator::Zscore,
        Indicator::PercentileRank,
        Indicator::Quantile,
        Indicator::Correlation,
        Indicator::Beta,
        Indicator::RealizedVol,
        Indicator::Divergence,
        Indicator::Highest,
        Indicator::Lowest,
        Indicator::Lag,
        Indicator::Change,
    ];
    for wanted in indicators {
        let found = graph
            .nodes
            .iter()
            .any(|n| matches!(&n.op, Op::Indicator { which, .. } if *which == wanted));
        assert!(found, "{wanted:?}");
    }
    for wanted in [Math::Abs, Math::Min, Math::Max, Math::Sqrt, Math::Ln, Math::Exp] {
        assert!(graph.nodes.iter().any(|n| n.op == Op::Math(wanted)), "{wanted:?}");
    }
}
