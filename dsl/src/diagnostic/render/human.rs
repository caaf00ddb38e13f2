//! For people: the source with the spans underlined, in the manner of rustc.

use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::source::{SourceFile, SourceMap};
use crate::span::{FileId, Span};
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};

/// Renders findings one below the other, each ending in a line feed; empty without findings.
///
/// Whether to colour is the caller's decision (terminal, `NO_COLOR`); `columns` is the width of the terminal.
#[must_use]
pub fn human(sources: &SourceMap, diagnostics: &[Diagnostic], color: bool, columns: usize) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let renderer = renderer
        .decor_style(DecorStyle::Ascii)
        .term_width(columns.max(40));
    let mut out = String::new();
    for (i, d) in diagnostics.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        out.push_str(&one(sources, d, &renderer));
        out.push('\n');
    }
    out
}

fn one(sources: &SourceMap, d: &Diagnostic, renderer: &Renderer) -> String {
    let level = match d.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group: Group<'_> = Group::with_title(
        level
            .primary_title(normalize_untrusted_str(&d.message))
            .id(d.code.to_string()),
    );
    // The file of the primary span comes first, the others in the order in which the labels name them.
    let mut files = vec![d.primary.span.file];
    for label in &d.secondary {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    for file in files {
        if let Some(source) = sources.get(file) {
            group = group.element(snippet(source, file, d));
        }
    }
    if let Some(help) = &d.help {
        group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
    }
    renderer.render(&[group])
}

/// The lines of one file between the first and the last label.
fn snippet<'a>(
    source: &'a SourceFile,
    file: FileId,
    d: &'a Diagnostic,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let labels: Vec<(AnnotationKind, &Label)> = std::iter::once((AnnotationKind::Primary, &d.primary))
        .chain(d.secondary.iter().map(|l| (AnnotationKind::Context, l)))
        .filter(|(_, l)| l.span.file == file)
        .collect();
    let text = source.text.as_str();
    let ranges: Vec<_> = labels.iter().map(|(_, l)| clamp(text, l.span)).collect();
    let first = ranges.iter().map(|r| r.start).min().unwrap_or(0);
    let last = ranges.iter().map(|r| r.end).max().unwrap_or(0);
    let from = text.get(..first).and_then(|s| s.rfind('\n')).map_or(0, |i| i + 1);
    let to = text
        .get(last..)
        .and_then(|s| s.find('\n'))
        .map_or(text.len(), |i| last + i);
    let (line, _) = source.line_column(u32::try_from(from).unwrap_or(u32::MAX));
    let mut snippet = Snippet::source(text.get(from..to).unwrap_or_default())
        .line_start(line as usize)
        .path(normalize_untrusted_str(&source.name));
    for ((kind, label), range) in labels.into_iter().zip(ranges) {
        let annotation = kind.span(range.start - from..range.end - from);
        let words = (!label.text.is_empty()).then(|| normalize_untrusted_str(&label.text));
        snippet = snippet.annotation(annotation.label(words));
    }
    snippet
}

/// A span as a range of the text that is surely inside it and on character boundaries.
fn clamp(text: &str, span: Span) -> std::ops::Range<usize> {
    let at = |offset: u32| {
        let mut at = (offset as usize).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = at(span.start);
    start..at(span.end).max(start)
}
