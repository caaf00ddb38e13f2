//! Lines, comments and blank lines: the part of the formatter that knows the source text.

use super::pieces::{INDENT, Line};
use crate::span::Span;
use crate::syntax::limits;
use crate::syntax::trivia::Comment;

/// A comment longer than this stands above its line and not behind it, so that no line can pass the limit of the language.
const TRAILING_CHARACTERS: usize = 380;

/// One line of output.
struct Out {
    code: String,
    comment: Option<String>,
}

/// Writes a tree, taking comments and blank lines from the text that it was read from.
pub(super) struct Printer<'t> {
    text: &'t str,
    comments: &'t [Comment],
    next: usize,
    lines: Vec<Out>,
    /// End in the source of what was written last.
    last_end: u32,
    /// A blank line may stand before what comes next (not at the beginning of a file or block).
    may_blank: bool,
    indent: usize,
}

impl<'t> Printer<'t> {
    pub fn new(text: &'t str, comments: &'t [Comment]) -> Self {
        Self {
            text,
            comments,
            next: 0,
            lines: Vec::new(),
            last_end: 0,
            may_blank: false,
            indent: 0,
        }
    }

    /// Whether there is a source text (else the tree was made by a program).
    pub fn has_source(&self) -> bool {
        !self.text.is_empty()
    }

    /// Columns of the present indentation.
    pub fn column(&self) -> usize {
        self.indent * INDENT
    }

    /// What stands in the source between two offsets.
    fn between(&self, from: u32, to: u32) -> &'t str {
        self.text.get(from as usize..to as usize).unwrap_or("")
    }

    /// Whether a blank line stands in the source between two offsets.
    pub fn blank_between(&self, from: u32, to: u32) -> bool {
        let mut lines = self.between(from, to).split('\n');
        lines.next();
        let mut lines = lines.peekable();
        while let Some(line) = lines.next() {
            // What follows the last line feed is the beginning of the next thing's line.
            if lines.peek().is_some() && line.trim().is_empty() {
                return true;
            }
        }
        false
    }

    /// Comments not yet written that begin before `end`.
    pub fn pending(&self, end: u32) -> &'t [Comment] {
        let rest = self.comments.get(self.next..).unwrap_or_default();
        rest.get(..rest.partition_point(|c| c.span.start < end))
            .unwrap_or_default()
    }

    /// Whether a comment will stand on a line of its own between two one-line items: after the first, which ends at `from`, and
    /// before the second, which stands at `begin..end` (comments inside it are put above it).
    pub fn interrupted(&self, from: u32, begin: u32, end: u32) -> bool {
        let inside = self.pending(end);
        let behind = self.comments.get(self.next + inside.len());
        let long = |c: &Comment| {
            let same_line = !c.own_line && !self.between(end, c.span.start).contains('\n');
            same_line && c.text(self.text).chars().count() > TRAILING_CHARACTERS
        };
        let inside = inside
            .iter()
            .any(|c| c.span.start >= from && (c.own_line || c.span.start >= begin));
        inside || behind.is_some_and(long)
    }

    /// A comment as it is written: documentation that documents nothing loses a slash.
    fn comment_text(&self, c: &Comment) -> String {
        let text = c.text(self.text);
        if !c.doc && text.starts_with("///") && !text.starts_with("////") {
            return text.get(1..).unwrap_or("").to_owned();
        }
        text.to_owned()
    }

    /// Writes the pending comments before `end`, each on a line of its own; `force` puts a blank line before the n-th.
    pub fn leading(&mut self, end: u32, force: Option<usize>) {
        for (n, c) in self.pending(end).iter().enumerate() {
            self.own_line(c, force == Some(n));
        }
    }

    fn own_line(&mut self, c: &Comment, force: bool) {
        let blank = force || self.blank_between(self.last_end, c.span.start);
        self.blank_line(blank);
        let text = self.comment_text(c);
        // A comment near the longest line that is allowed moves left when its block is indented more deeply.
        let room = limits::LINE_CHARACTERS.saturating_sub(text.chars().count());
        let code = " ".repeat(self.column().min(room));
        self.lines.push(Out {
            code: code + &text,
            comment: None,
        });
        self.next += 1;
        self.last_end = self.last_end.max(c.span.end);
        self.may_blank = true;
    }

    /// Writes an empty line if `wanted` and if one may stand here.
    pub fn blank_line(&mut self, wanted: bool) {
        if wanted && self.may_blank {
            self.lines.push(Out {
                code: String::new(),
                comment: None,
            });
        }
        self.may_blank = false;
    }

    /// Writes a documentation line of a tree without source.
    pub fn doc(&mut self, doc: &str) {
        if self.has_source() || doc.is_empty() {
            return;
        }
        for line in doc.split('\n') {
            let words = if line.is_empty() {
                String::new()
            } else {
                format!(" {line}")
            };
            self.lines.push(Out {
                code: format!("{}///{words}", " ".repeat(self.column())),
                comment: None,
            });
            self.may_blank = false;
        }
    }

    /// The comment that ends the source line on which `end` stands, if only punctuation stands between.
    fn trailing(&self, end: u32) -> Option<&'t Comment> {
        let c = self.comments.get(self.next)?;
        let fits = c.span.start >= end
            && self
                .between(end, c.span.start)
                .chars()
                .all(|c| matches!(c, ' ' | '\t' | '{' | ',' | ')' | ']'));
        (fits && self.has_source()).then_some(c)
    }

    /// Writes one row with the comments before, inside and behind it. `span` is where it stands in the source; `forced` asks
    /// for a blank line before it.
    pub fn row(&mut self, span: Span, forced: bool, lines: Vec<String>) {
        self.put(span, forced, true, lines);
    }

    fn put(&mut self, span: Span, forced: bool, behind: bool, lines: Vec<String>) {
        self.leading(span.end, None);
        let mut comment = None;
        // Behind the row, but too long to stay there.
        let mut above = None;
        if let Some(c) = self.trailing(span.end).filter(|_| behind) {
            if c.text(self.text).chars().count() <= TRAILING_CHARACTERS {
                comment = Some(self.comment_text(c));
            } else {
                above = Some(c);
            }
        }
        let blank = forced || (span.start >= self.last_end && self.blank_between(self.last_end, span.start));
        self.blank_line(blank);
        if let Some(c) = above {
            self.last_end = self.last_end.max(c.span.start);
            self.own_line(c, false);
        }
        let last = lines.len().saturating_sub(1);
        let indent = " ".repeat(self.column());
        for (n, line) in lines.into_iter().enumerate() {
            let code = if n == 0 { format!("{indent}{line}") } else { line };
            let comment = if n == last { comment.take() } else { None };
            if comment.is_some() {
                let end = self.comments.get(self.next).map_or(0, |c| c.span.end);
                self.next += 1;
                self.last_end = self.last_end.max(end);
            }
            self.lines.push(Out { code, comment });
        }
        self.last_end = self.last_end.max(span.end);
        self.may_blank = true;
    }

    /// Writes a later row of a rule, which has no blank line before it. `end` is where its text ends in the source; where that
    /// is not known no comment stands behind it, and those around it wait for the next row.
    pub fn clause_row(&mut self, span: Span, end: Option<u32>, lines: Vec<String>) {
        let known = end.unwrap_or(0).max(self.last_end);
        self.put(
            Span {
                start: self.last_end,
                end: known,
                ..span
            },
            false,
            end.is_some(),
            lines,
        );
    }

    /// Writes a logical line as a row, wrapped; continuation lines hang `hang` columns right of the indentation.
    pub fn line(&mut self, span: Span, line: &Line, hang: usize) {
        let column = self.column();
        self.row(span, false, line.wrap(column, column + hang));
    }

    /// Begins a block after its header row.
    pub fn open_block(&mut self) {
        self.indent += 1;
        self.may_blank = false;
    }

    /// Writes the comments at the end of a block and its closing brace, which ends at `end` in the source.
    pub fn close_block(&mut self, span: Span) {
        let brace = Span {
            start: span.end.saturating_sub(1),
            ..span
        };
        self.leading(brace.start, None);
        self.indent = self.indent.saturating_sub(1);
        self.may_blank = false;
        self.row(brace, false, vec!["}".to_owned()]);
    }

    /// Writes the last comments and gives the whole text.
    pub fn finish(mut self, force_blank: bool) -> String {
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.leading(end, force_blank.then_some(0));
        let mut out = String::new();
        let columns = align(&self.lines);
        for (line, column) in self.lines.iter().zip(columns) {
            out.push_str(line.code.trim_end());
            if let Some(comment) = &line.comment {
                out.push_str(&" ".repeat(column.saturating_sub(line.code.chars().count())));
                out.push_str(comment);
            }
            out.push('\n');
        }
        out
    }
}

/// The column of the comment behind each line: comments behind adjacent lines of one indentation stand below each other.
fn align(lines: &[Out]) -> Vec<usize> {
    let indent = |l: &Out| l.code.len() - l.code.trim_start().len();
    let mut columns = vec![0; lines.len()];
    let mut start = 0;
    while start < lines.len() {
        let first = lines.get(start).map_or(0, indent);
        let run = lines.get(start..).unwrap_or_default().iter();
        let run: Vec<usize> = run
            .take_while(|l| l.comment.is_some() && indent(l) == first)
            .map(|l| l.code.chars().count())
            .collect();
        let column = run.iter().max().map_or(0, |w| w + 2);
        columns
            .iter_mut()
            .skip(start)
            .take(run.len())
            .for_each(|c| *c = column);
        start += run.len().max(1);
    }
    columns
}
