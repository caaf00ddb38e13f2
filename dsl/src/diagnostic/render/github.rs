//! GitHub Actions workflow commands: findings become annotations on the changed lines.

use super::place;
use crate::diagnostic::{Diagnostic, Severity, codes};
use crate::source::SourceMap;

/// Renders findings as one `::error …::…` line each.
#[must_use]
pub fn github(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for d in diagnostics {
        let command = match d.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let p = place(sources, d.primary.span);
        let name = codes::info(d.code).map_or("", |i| i.name);
        let mut message = d.message.clone();
        for label in &d.secondary {
            let at = place(sources, label.span);
            message += &format!(
                "\n{}:{}:{}: {}",
                at.file, at.start.line, at.start.column, label.text
            );
        }
        if let Some(help) = &d.help {
            message += &format!("\nhelp: {help}");
        }
        out += &format!(
            "::{command} file={},line={},col={},endLine={},endColumn={},title={}::{}\n",
            property(&p.file),
            p.start.line,
            p.start.column,
            p.end.line,
            p.end.column,
            property(&format!("{} {name}", d.code)),
            data(&message),
        );
    }
    out
}

/// Escapes the message of a workflow command (as `escapeData` of actions/toolkit does).
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a workflow command (as `escapeProperty` of actions/toolkit does).
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
