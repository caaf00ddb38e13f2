//! Short ways to compile and to ask.

use alula_dsl::compile::{Compiled, compile};
use alula_dsl::diagnostic::{Severity, render};
use alula_dsl::graph::{Graph, Node, NodeId};
use alula_dsl::source::{NoImports, SourceLoader};
use std::collections::BTreeMap;

/// A strategy block and a structure that most tests need.
pub const HEAD: &str = "alula 1\nstrategy s { capital $250_000 evaluate every 5m in SPX.regular }\n";
/// A plain iron condor named `core`.
pub const CORE: &str = "structure core = iron condor on SPX { expiry nearest 45 dte in 38..52 dte\n\
    short put at 16 delta\nlong put 50 pts below short put\nshort call at 16 delta\nlong call 50 pts above short call }\n";

/// Files in memory.
#[derive(Default)]
pub struct Files(pub BTreeMap<&'static str, &'static str>);

impl SourceLoader for Files {
    fn load(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0
            .get(path)
            .map(|t| t.as_bytes().to_vec())
            .ok_or_else(|| "no such file".to_owned())
    }
}

/// Compiles `HEAD`, `CORE` and some items.
pub fn with_core(items: &str) -> Compiled {
    compile(
        "test.alula",
        format!("{HEAD}{CORE}{items}\n").as_bytes(),
        &NoImports,
    )
}

/// Codes of the findings, in order, errors only.
pub fn errors(c: &Compiled) -> Vec<String> {
    c.diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Error)
        .map(|d| d.code.to_string())
        .collect()
}

/// Codes of all findings, in order.
pub fn codes(c: &Compiled) -> Vec<String> {
    c.diagnostics.iter().map(|d| d.code.to_string()).collect()
}

/// As people see them.
pub fn shown(c: &Compiled) -> String {
    render::human(&c.sources, &c.diagnostics, false, 120)
}

/// The graph, or a panic with the findings.
pub fn graph(c: &Compiled) -> &Graph {
    c.graph
        .as_ref()
        .unwrap_or_else(|| panic!("no graph:\n{}", shown(c)))
}

/// The graph of items that must be sound, beside `core`.
pub fn sound(items: &str) -> Graph {
    graph(&with_core(items)).clone()
}

/// The items must give exactly this error, and it must mention these words.
pub fn refuses(items: &str, code: &str, words: &[&str]) {
    let c = with_core(items);
    assert_eq!(errors(&c), vec![code.to_owned()], "{items}\n{}", shown(&c));
    let text = shown(&c);
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in:\n{text}");
    }
}

/// A node by its key.
pub fn node<'g>(g: &'g Graph, key: &str) -> (NodeId, &'g Node) {
    let at = g.nodes.iter().position(|n| n.key == key);
    let keys = || {
        g.nodes
            .iter()
            .map(|n| n.key.as_str())
            .collect::<Vec<_>>()
            .join("\n")
    };
    let at = at.unwrap_or_else(|| panic!("no node `{key}` among:\n{}", keys()));
    (NodeId(u32::try_from(at).unwrap()), &g.nodes[at])
}

/// A policy that opens under a condition, so that its signal is used.
pub fn opens_when(condition: &str) -> String {
    format!("policy p on core {{ open when {condition} size 1 lot }}")
}
