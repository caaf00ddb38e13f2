//! What does this file say: YAML read strictly, every value with its line and column, or refused with a reason and a fix.
//!
//! Readers of YAML differ, and a file that two of them understand differently must not move money. So two parsers read
//! each text: `granit-parser` gives structure, positions and the way a scalar was written; `serde_yaml` has the last word
//! on what a scalar is; what they disagree about is refused. So is all that a plain file has no use for: tags, anchors,
//! aliases, merge keys, directives, a second document, names given twice, `.nan`, hexadecimal. Size, depth and the number
//! of values are limited before anything is built.
//!
//! ```
//! use alula_yaml::{Limits, read};
//!
//! let file = read(b"delimiter: ';'\nstrike: {column: k, scale: 1000}\n", Limits::SMALL).unwrap();
//! let top = file.root.as_ref().unwrap().fields("the mapping", &["delimiter", "strike"]).unwrap();
//! let strike = top.get("strike").unwrap().fields("`strike`", &["column", "scale"]).unwrap();
//! assert_eq!(strike.get("scale").unwrap().integer("`scale`"), Ok(1000));
//! assert_eq!(top.get("delimiter").unwrap().text("`delimiter`"), Ok(";"));
//! ```

mod agree;
mod node;
mod parse;

pub use node::{Entry, Fields, Meaning, Node, Place, Scalar, Style, Value, near};

/// What a file may be at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes.
    pub bytes: usize,
    /// Lists and mappings within one another; at most 64 count.
    pub depth: usize,
    /// Values, lists, mappings and names together.
    pub nodes: usize,
}

impl Limits {
    /// For settings written by hand: 64 KiB, 8 levels, 20,000 values.
    pub const SMALL: Self = Self {
        bytes: 64 * 1024,
        depth: 8,
        nodes: 20_000,
    };
}

/// Something in a file that must be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct Finding {
    /// Line from 1.
    pub line: u32,
    /// Column from 1, in characters.
    pub column: u32,
    /// What is wrong: one line, lower case, the user's text in backticks.
    pub message: String,
    /// Why it is.
    pub why: String,
    /// What to write.
    pub fix: String,
}

impl Finding {
    /// A finding at a place.
    #[must_use]
    pub fn new(
        at: Place,
        message: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            line: at.line,
            column: at.column,
            message: message.into(),
            why: why.into(),
            fix: fix.into(),
        }
    }
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What stands in it; `None` when there is nothing but comments.
    pub root: Option<Node>,
    /// Its last line with text is the end marker `...`: proof that a file being written has arrived whole.
    pub ended: bool,
}

/// Reads a file.
///
/// # Errors
/// The first thing that must be changed.
pub fn read(bytes: &[u8], limits: Limits) -> Result<Document, Finding> {
    let text = parse::text(bytes, limits)?;
    let ended = text.lines().rev().find(|l| !l.trim().is_empty()) == Some("...");
    let mut root = parse::tree(text, limits)?;
    if let Some(root) = &mut root {
        agree::resolve(text, root)?;
    }
    Ok(Document { root, ended })
}
