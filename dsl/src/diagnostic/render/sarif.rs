//! SARIF 2.1.0 (OASIS), the interchange format of static analysis: one run, one rule for each code that occurs.

use super::{Place, place, severity_word};
use crate::diagnostic::{Code, Diagnostic, codes};
use crate::source::SourceMap;
use crate::span::Span;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<Finding>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    name: &'static str,
    short_description: Text,
    help: Text,
}

#[derive(Serialize)]
struct Text {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    markdown: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    rule_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    physical_location: Physical,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
}

fn text(text: impl Into<String>) -> Text {
    Text {
        text: text.into(),
        markdown: None,
    }
}

/// Renders findings as a SARIF 2.1.0 log, ending in a line feed.
#[must_use]
pub fn sarif(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut used: Vec<Code> = diagnostics.iter().map(|d| d.code).collect();
    used.sort_unstable();
    used.dedup();
    let log = Log {
        schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "alula",
                    version: env!("CARGO_PKG_VERSION"),
                    rules: used.iter().map(|c| rule(*c)).collect(),
                },
            },
            column_kind: "unicodeCodePoints",
            results: diagnostics.iter().map(|d| finding(sources, d, &used)).collect(),
        }],
    };
    serde_json::to_string_pretty(&log)
        .map(|s| s + "\n")
        .unwrap_or_default()
}

fn rule(code: Code) -> Rule {
    let (name, page) = codes::info(code).map_or(("", ""), |i| (i.name, i.page));
    // The first sentence of the page says what the code means.
    let first = page
        .split_inclusive(['.', ':'])
        .next()
        .unwrap_or_default()
        .trim_end_matches(':');
    Rule {
        id: code.to_string(),
        name,
        short_description: text(first.replace('\n', " ")),
        help: Text {
            text: page.to_owned(),
            markdown: Some(page.to_owned()),
        },
    }
}

fn finding(sources: &SourceMap, d: &Diagnostic, used: &[Code]) -> Finding {
    let message = match &d.help {
        Some(help) => format!("{}\nhelp: {help}", d.message),
        None => d.message.clone(),
    };
    Finding {
        rule_id: d.code.to_string(),
        rule_index: used.binary_search(&d.code).ok(),
        level: severity_word(d.severity),
        message: text(message),
        locations: [location(sources, d.primary.span, None, &d.primary.text)],
        related_locations: d
            .secondary
            .iter()
            .enumerate()
            .map(|(i, l)| location(sources, l.span, Some(i), &l.text))
            .collect(),
    }
}

fn location(sources: &SourceMap, span: Span, id: Option<usize>, label: &str) -> Location {
    let Place { file, start, end } = place(sources, span);
    Location {
        id,
        physical_location: Physical {
            artifact_location: Artifact { uri: uri(&file) },
            region: Region {
                start_line: start.line,
                start_column: start.column,
                end_line: end.line,
                end_column: end.column,
            },
        },
        message: (!label.is_empty()).then(|| text(label)),
    }
}

/// A relative path as a URI reference (RFC 3986): everything but unreserved characters and `/` is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
