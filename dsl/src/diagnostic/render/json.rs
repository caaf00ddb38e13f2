//! For other programs: one JSON document.

use super::{Place, place, severity_word};
use crate::certificate::{Certificate, form::CertificateForm};
use crate::diagnostic::{Diagnostic, Label, Severity, codes};
use crate::graph::Graph;
use crate::source::SourceMap;
use serde::Serialize;

/// Version of the document's layout; fields are added, never renamed or removed, without raising it.
pub const JSON_SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document {
    schema_version: u32,
    errors: usize,
    warnings: usize,
    notes: usize,
    diagnostics: Vec<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificates: Option<Vec<CertificateForm>>,
}

#[derive(Serialize)]
struct Entry {
    code: String,
    name: &'static str,
    severity: &'static str,
    message: String,
    primary: Marked,
    secondary: Vec<Marked>,
    help: Option<String>,
}

#[derive(Serialize)]
struct Marked {
    #[serde(flatten)]
    place: Place,
    label: String,
}

/// Renders findings as JSON, indented, ending in a line feed.
///
/// Lines and columns count from 1, columns in characters, ends are exclusive; `offset` is in bytes from 0.
#[must_use]
pub fn json(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    document(sources, diagnostics, None)
}

/// The same with the certificates of the strategies, one for each that compiled. `sources` are those of all files; a graph's
/// spans point into the sources beside it.
#[must_use]
pub fn json_with_certificates(
    sources: &SourceMap,
    diagnostics: &[Diagnostic],
    certificates: &[(&SourceMap, &Graph, Certificate)],
) -> String {
    let forms = certificates
        .iter()
        .map(|(own, graph, c)| CertificateForm::new(own, graph, c));
    document(sources, diagnostics, Some(forms.collect()))
}

fn document(
    sources: &SourceMap,
    diagnostics: &[Diagnostic],
    certificates: Option<Vec<CertificateForm>>,
) -> String {
    let marked = |l: &Label| Marked {
        place: place(sources, l.span),
        label: l.text.clone(),
    };
    let count = |s: Severity| diagnostics.iter().filter(|d| d.severity == s).count();
    let document = Document {
        schema_version: JSON_SCHEMA_VERSION,
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        notes: count(Severity::Note),
        diagnostics: diagnostics
            .iter()
            .map(|d| Entry {
                code: d.code.to_string(),
                name: codes::info(d.code).map_or("", |i| i.name),
                severity: severity_word(d.severity),
                message: d.message.clone(),
                primary: marked(&d.primary),
                secondary: d.secondary.iter().map(marked).collect(),
                help: d.help.clone(),
            })
            .collect(),
        certificates,
    };
    // Strings, numbers and lists serialise without error.
    serde_json::to_string_pretty(&document)
        .map(|s| s + "\n")
        .unwrap_or_default()
}
