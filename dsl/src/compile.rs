//! One call from text to graph.

use crate::check;
use crate::diagnostic::{Code, Diagnostic, MAX_FINDINGS, finish, has_errors};
use crate::graph::Graph;
use crate::lint;
use crate::resolve::{imports, symbols};
use crate::source::{SourceLoader, SourceMap};
use crate::span::Span;

pub use crate::resolve::ParsedFile;
pub use crate::resolve::imports::{MAX_FILES, MAX_IMPORT_DEPTH};

/// What a compilation gives. Never fails: a graph, or findings that say why there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// The texts, the entry first.
    pub sources: SourceMap,
    /// Findings in their final order.
    pub diagnostics: Vec<Diagnostic>,
    /// The graph, when there is no error.
    pub graph: Option<Graph>,
    /// The trees, imported files before those that import them, the entry last.
    pub files: Vec<ParsedFile>,
}

impl Compiled {
    /// Whether the author lives with a warning in the item around a place: `#allow(code) because "…"`. For what is found
    /// after compiling, in data; what the compiler finds has gone through it.
    #[must_use]
    pub fn allows(&self, code: Code, place: Span) -> bool {
        lint::allow::allowed(self.files.iter().flat_map(|f| &f.ast.items), code, place)
    }
}

/// Compiles a strategy: parses it and its imports, resolves names, checks units and shapes, lints, and lowers.
///
/// `entry_name` is the path of the file relative to the project folder (`/` separated); imports are read through `loader`.
#[must_use]
pub fn compile(entry_name: &str, bytes: &[u8], loader: &dyn SourceLoader) -> Compiled {
    let read = imports::read(entry_name, bytes, loader);
    let mut findings = read.findings;
    let graph = {
        let symbols = symbols(&read.files, &read.broken, &mut findings);
        let graph = check::check(&read.sources, &read.files, &symbols, &mut findings);
        lint::lint(
            &symbols,
            read.files.last().map(|f| f.id),
            graph.as_ref(),
            &mut findings,
        );
        graph
    };
    let graph = graph.filter(|_| !has_errors(&findings));
    let diagnostics = finish(findings, MAX_FINDINGS);
    Compiled {
        sources: read.sources,
        diagnostics,
        graph,
        files: read.files,
    }
}
