//! What the tree leaves out and the formatter must keep: comments.

use crate::span::Span;

/// One comment, from its first slash to the end of its line (trailing blanks not counted).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Where.
    pub span: Span,
    /// It begins with exactly three slashes and documents an item or a layer.
    pub doc: bool,
    /// Nothing but blanks stands before it on its line.
    pub own_line: bool,
}

impl Comment {
    /// The comment as written, slashes included; `text` is the text that was parsed.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.span.start as usize..self.span.end as usize)
            .unwrap_or("")
    }

    /// The words of a documentation comment: without slashes and without the blank after them.
    #[must_use]
    pub fn words<'t>(&self, text: &'t str) -> &'t str {
        let inner = self.text(text).trim_start_matches('/');
        inner.strip_prefix(' ').unwrap_or(inner)
    }
}

/// The comments of one file, in textual order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trivia {
    /// All of them.
    pub comments: Vec<Comment>,
}
