//! Whatever the text: no panic, findings inside the text, and a graph that keeps its invariants or none.

use super::graph::{WORKED, invariants};
use alula_dsl::compile::compile;
use alula_dsl::diagnostic::{has_errors, render};
use alula_dsl::draw;
use alula_dsl::source::NoImports;
use proptest::prelude::*;

/// Words and signs that mean something somewhere.
const TOKENS: &[&str] = &[
    "VIX",
    "VIX.last",
    "VX[1].close",
    "SPX",
    "core",
    "book",
    "equity",
    "vega(core)",
    "profit",
    "short.delta",
    "hurdle",
    "curve",
    "fomc",
    "rsi(VIX.close, 14)",
    "macd(VIX.close, 12, 26, 9)",
    "since entry",
    "0",
    "35 vol",
    "$5",
    "16 delta",
    "2%",
    "50 pts",
    "1.5 sd",
    "3 bars",
    "20 sessions",
    "and",
    "or",
    "not",
    "until",
    "for 3 bars",
    "+",
    "-",
    "*",
    "/",
    "of",
    "<",
    ">=",
    "=",
    "in 1..2",
    "(",
    ")",
    "{",
    "}",
    "[2]",
    "@ 5m",
    ".close",
    ",",
    "when",
    "require",
    "short put",
    "long call",
    "at money",
    "wings 5 pts",
    "iron fly",
    "legs",
    "calendar",
    "same expiry",
    "recentred",
    "votes",
    "by margin",
    "by votes",
    "at strike of short put",
    "50 pts below long put",
    "#allow(A0601) because \"x\"",
    "\n",
    "é",
    "\u{0}",
];

/// One change of the text: at a share of its length, so many bytes go and a token comes.
fn edits() -> impl Strategy<Value = Vec<(f64, usize, usize)>> {
    prop::collection::vec((0.0..1.0f64, 0usize..24, 0..TOKENS.len()), 1..6)
}

fn edited(edits: &[(f64, usize, usize)]) -> String {
    let mut text = WORKED.to_owned();
    for (at, drop, token) in edits {
        let boundary = |mut i: usize, text: &str| {
            while !text.is_char_boundary(i) {
                i -= 1;
            }
            i
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a length"
        )]
        let from = boundary((text.len() as f64 * at) as usize, &text);
        let to = boundary((from + drop).min(text.len()), &text);
        text.replace_range(from..to.max(from), &format!(" {} ", TOKENS[*token]));
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_strategy_gives_findings_or_a_sound_graph(edits in edits()) {
        let text = edited(&edits);
        let c = compile("damaged.alula", text.as_bytes(), &NoImports);
        prop_assert_eq!(c.graph.is_some(), !has_errors(&c.diagnostics));
        for d in &c.diagnostics {
            for label in std::iter::once(&d.primary).chain(&d.secondary) {
                let source = c.sources.get(label.span.file).expect("a file that was read");
                let range = label.span.start as usize..label.span.end as usize;
                prop_assert!(source.text.get(range).is_some(), "{:?} of {}", label.span, d.message);
            }
        }
        let _ = render::human(&c.sources, &c.diagnostics, true, 80);
        let _ = render::sarif(&c.sources, &c.diagnostics);
        if let Some(graph) = &c.graph {
            invariants(graph);
            prop_assert!(draw::svg(graph).ends_with("</svg>\n"));
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let c = compile("bytes.alula", &bytes, &NoImports);
        let _ = render::json(&c.sources, &c.diagnostics);
        let mut headed = b"alula 1\n".to_vec();
        headed.extend(bytes);
        let c = compile("bytes.alula", &headed, &NoImports);
        let _ = render::human(&c.sources, &c.diagnostics, false, 80);
    }
}
