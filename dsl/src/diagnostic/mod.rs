//! Diagnostics as plain values: a stable code, the spans that matter, why, and what to do. Renderers are in [`render`].

pub mod codes;
pub mod render;

use crate::span::Span;
pub use codes::{Code, CodeInfo, explain};

/// Findings shown of one compilation; the rest is counted.
pub const MAX_FINDINGS: usize = 200;

/// Brings findings into their final order (file, position, code, text), drops repetitions, and cuts them at `max` with a
/// last note that counts the rest. Errors are never cut in favour of warnings.
#[must_use]
pub fn finish(mut findings: Vec<Diagnostic>, max: usize) -> Vec<Diagnostic> {
    let place = |d: &Diagnostic| (d.primary.span, d.code, d.severity, d.message.clone());
    findings.sort_by_cached_key(place);
    findings.dedup();
    if findings.len() <= max {
        return findings;
    }
    findings.sort_by_key(|d| d.severity);
    let rest = findings.split_off(max);
    findings.sort_by_cached_key(place);
    if let Some(first) = rest.first() {
        let message = format!(
            "and {} more {}",
            rest.len(),
            if rest.len() == 1 { "finding" } else { "findings" }
        );
        let more = Diagnostic::note(codes::MORE_FINDINGS, first.primary.span, message);
        findings.push(more.help("mend the first ones and check again"));
    }
    findings
}

/// Whether a strategy with these findings can run.
#[must_use]
pub fn has_errors(findings: &[Diagnostic]) -> bool {
    findings.iter().any(|d| d.severity == Severity::Error)
}

/// How grave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The strategy cannot run.
    Error,
    /// It can, but probably not as meant.
    Warning,
    /// Worth knowing.
    Note,
}

/// A place with a word about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What about it (lower case, short); may be empty.
    pub text: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code.
    pub code: Code,
    /// How grave.
    pub severity: Severity,
    /// One line, lower case, the user's text in backticks.
    pub message: String,
    /// The place that is wrong.
    pub primary: Label,
    /// Other places that matter.
    pub secondary: Vec<Label>,
    /// What to do, concretely.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at `span`.
    #[must_use]
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            primary: Label {
                span,
                text: String::new(),
            },
            secondary: Vec::new(),
            help: None,
        }
    }

    /// A warning at `span`.
    #[must_use]
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, span, message)
        }
    }

    /// A note at `span`.
    #[must_use]
    pub fn note(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::error(code, span, message)
        }
    }

    /// Words under the primary span.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Another place that matters.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// What to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }
}
