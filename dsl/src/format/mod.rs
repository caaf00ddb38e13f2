//! The formatter: one way to write each tree, no options.
//!
//! It keeps every comment and single blank lines, and it reads its own output again before it returns it: when tree or
//! comments differ from those of the input it returns an error, never a text that says something else.

mod blocks;
mod expr;
mod items;
mod layout;
mod phrases;
mod pieces;

use crate::ast::File;
use crate::diagnostic::{Diagnostic, Severity};
use crate::span::FileId;
use crate::syntax::{Parsed, parse};
pub use expr::{expr_text, literal_text};
use layout::Printer;

/// Why a text was not formatted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FormatError {
    /// The text has errors; these are its findings.
    #[error("the file has errors")]
    Syntax(Vec<Diagnostic>),
    /// The formatter's own output does not read back as the same strategy. A defect of the formatter; nothing was changed.
    #[error("the formatter would have changed the meaning of the file; please report this with the file")]
    Internal {
        /// What differs: `tree`, `comments`, or the first finding about the output.
        what: String,
        /// The output that was refused.
        output: String,
    },
}

/// The canonical form of a source text.
///
/// # Errors
/// [`FormatError::Syntax`] when the text has errors, [`FormatError::Internal`] when the output does not read back equal.
pub fn format(text: &str) -> Result<String, FormatError> {
    let before = parse(FileId::default(), text.as_bytes());
    if is_broken(&before) {
        return Err(FormatError::Syntax(before.diagnostics));
    }
    let output = Printer::new(&before.text, &before.trivia.comments).file(&before.ast);
    let after = parse(FileId::default(), output.as_bytes());
    let what = match after.diagnostics.iter().find(|d| d.severity == Severity::Error) {
        Some(d) => d.message.clone(),
        None if after.ast != before.ast => "tree".to_owned(),
        None if comment_words(&after) != comment_words(&before) => "comments".to_owned(),
        None => return Ok(output),
    };
    Err(FormatError::Internal { what, output })
}

/// The canonical text of a tree that has no source text; documentation is written before its item.
#[must_use]
pub fn print(file: &File) -> String {
    Printer::new("", &[]).file(file)
}

fn is_broken(parsed: &Parsed) -> bool {
    parsed.diagnostics.iter().any(|d| d.severity == Severity::Error)
}

/// The words of all comments. Slashes are left out: a misplaced `///` becomes `//`.
fn comment_words(parsed: &Parsed) -> Vec<&str> {
    parsed
        .trivia
        .comments
        .iter()
        .map(|c| c.text(&parsed.text).trim_start_matches('/'))
        .collect()
}
