//! Renderers of diagnostics: for people, for other programs, for SARIF viewers, for GitHub's checks.
//!
//! All of them take findings already in their final order ([`super::finish`]) and lose none.

mod github;
mod human;
mod json;
mod sarif;

pub use github::github;
pub use human::human;
pub use json::{JSON_SCHEMA_VERSION, json, json_with_certificates};
pub use sarif::sarif;

use super::Severity;
use crate::source::SourceMap;
use crate::span::Span;

/// A span as people and editors count: file name, lines and columns from 1 (columns in characters, the end exclusive),
/// and byte offsets from 0.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Place {
    file: String,
    start: Point,
    end: Point,
}

/// One end of a [`Place`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Point {
    line: u32,
    column: u32,
    offset: u32,
}

/// Resolves a span; a span of a file that is not there is shown at the start of a nameless file.
pub(crate) fn place(sources: &SourceMap, span: Span) -> Place {
    let point = |offset: u32| {
        let (line, column) = sources.get(span.file).map_or((1, 1), |f| f.line_column(offset));
        Point { line, column, offset }
    };
    Place {
        file: sources.get(span.file).map(|f| f.name.clone()).unwrap_or_default(),
        start: point(span.start),
        end: point(span.end.max(span.start)),
    }
}

/// `error`, `warning` or `note`.
const fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}
