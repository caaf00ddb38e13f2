//! Text to tree.
//!
//! Parsing never fails and never panics: it gives a tree of what could be read and findings about the rest. The way is
//! bytes → text (`text`) → items (`prescan`) → pest pairs of one item (`strategy.pest`) → tree (`parse/`).
//!
//! Absent on purpose: no name is looked up here and no unit is judged; see `resolve` and `check`.

pub(crate) mod binding;
mod expected;
mod grammar;
pub mod limits;
mod lookalike;
mod measure;
mod parse;
mod prescan;
mod text;
pub mod trivia;

use crate::ast;
use crate::diagnostic::{self, Diagnostic, codes};
use crate::span::{FileId, Span};
use trivia::Trivia;

/// The language version that this parser reads.
pub const VERSION: u32 = 1;

/// What parsing gives.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The text that all spans refer to: without byte-order mark; bytes that are no UTF-8 are replaced.
    pub text: String,
    /// The tree of the items that could be read.
    pub ast: ast::File,
    /// What was wrong, in textual order.
    pub diagnostics: Vec<Diagnostic>,
    /// Comments.
    pub trivia: Trivia,
    /// Names of the items that could not be read, so that their uses elsewhere are not reported as unknown.
    pub broken: Vec<ast::Ident>,
}

/// Reads one file. Never fails, never panics, and needs little stack whatever the bytes are.
#[must_use]
pub fn parse(file: FileId, bytes: &[u8]) -> Parsed {
    let read = text::read(file, bytes);
    let mut parsed = Parsed {
        text: read.text,
        diagnostics: read.findings,
        ..Parsed::default()
    };
    if let Some(clean) = read.clean {
        let scan = prescan::scan(file, &clean);
        parsed.trivia.comments = scan.comments.clone();
        read_items(file, scan, &mut parsed);
    }
    parsed.diagnostics = diagnostic::finish(parsed.diagnostics, limits::DIAGNOSTICS);
    parsed
}

/// Whether `word` begins a clause or joins expressions, so that nothing can be named so.
#[must_use]
pub fn is_reserved(word: &str) -> bool {
    grammar::is_reserved(word)
}

/// A span of byte offsets that are known to be below the byte limit of a file.
fn span(file: FileId, start: usize, end: usize) -> Span {
    Span::new(
        file,
        u32::try_from(start).unwrap_or(u32::MAX),
        u32::try_from(end).unwrap_or(u32::MAX),
    )
}

fn read_items(file: FileId, mut scan: prescan::Scan, parsed: &mut Parsed) {
    parsed.diagnostics.append(&mut scan.findings);
    let version = read_version(file, &scan, parsed);
    let Some(known) = version else { return };
    parsed.ast.version = known;
    for chunk in &scan.chunks {
        let tree = match chunk.keyword {
            _ if chunk.broken => None,
            Some(keyword) => {
                let source = scan.masked.get(chunk.start..chunk.end).unwrap_or("");
                parse::item(file, keyword, source, chunk.start, &mut parsed.diagnostics)
            }
            None => {
                parsed.diagnostics.push(stray(file, chunk, &scan.masked));
                None
            }
        };
        match tree {
            Some((allow, kind)) => {
                let span = span(file, chunk.keyword_at, chunk.end);
                parsed.ast.items.push(ast::Item {
                    doc: String::new(),
                    allow,
                    kind,
                    span,
                });
            }
            None => {
                if let Some((start, end)) = chunk.name
                    && let Some(name) = scan.masked.get(start..end)
                {
                    parsed
                        .broken
                        .push(ast::Node::new(name.to_owned(), span(file, start, end)));
                }
            }
        }
    }
    let starts: Vec<usize> = scan.chunks.iter().map(|c| c.start).collect();
    parse::docs::attach(&starts, parsed);
}

/// Reads the first line. `None` when the rest would be read by rules that are not known here.
fn read_version(file: FileId, scan: &prescan::Scan, parsed: &mut Parsed) -> Option<Option<ast::Node<u32>>> {
    let first = scan.first.unwrap_or(0);
    let Some((start, end)) = scan.version else {
        let word = scan
            .masked
            .get(first..)
            .unwrap_or("")
            .split_whitespace()
            .next()
            .unwrap_or("");
        let close = strsim::damerau_levenshtein(&word.to_lowercase(), "alula") <= 2 && !word.is_empty();
        let d = if close {
            let d = Diagnostic::error(
                codes::BAD_VERSION,
                span(file, first, first + word.len()),
                format!("`{word}` is not the word `alula`"),
            );
            d.help(format!("begin the file with `alula {VERSION}`"))
        } else if scan.first.is_none() {
            let message = if scan.comments.is_empty() {
                "the file is empty"
            } else {
                "the file holds only comments"
            };
            Diagnostic::error(codes::MISSING_VERSION, span(file, 0, 0), message)
                .help(format!("begin it with `alula {VERSION}`"))
        } else {
            Diagnostic::error(
                codes::MISSING_VERSION,
                span(file, first, first),
                "the first line does not name the language version",
            )
            .help(format!("begin the file with `alula {VERSION}`"))
        };
        parsed.diagnostics.push(d);
        return Some(None);
    };
    let line = scan.masked.get(start..end).unwrap_or("");
    let number = line.strip_prefix("alula").unwrap_or("").trim();
    let place = span(file, start, end);
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    match number.parse::<u32>() {
        Ok(n) if digits && (1..=VERSION).contains(&n) => {
            let at = span(file, end - number.len(), end);
            Some(Some(ast::Node::new(n, at)))
        }
        _ if digits && number.contains(|c| c != '0') => {
            let d = Diagnostic::error(
                codes::FUTURE_VERSION,
                place,
                format!("language version {number} is not known here"),
            );
            parsed.diagnostics.push(d.help(format!(
                "this program reads version {VERSION}: update it, or write `alula {VERSION}`"
            )));
            None
        }
        _ => {
            // A look-alike or control character on the line was reported already.
            if !parsed
                .diagnostics
                .iter()
                .any(|d| d.primary.span.start >= place.start && d.primary.span.end <= place.end)
            {
                let d = Diagnostic::error(
                    codes::BAD_VERSION,
                    place,
                    format!("`{line}` is not a language version"),
                );
                parsed
                    .diagnostics
                    .push(d.help(format!("the first line is `alula {VERSION}` and nothing else")));
            }
            Some(None)
        }
    }
}

/// The finding for text that begins no item.
fn stray(file: FileId, chunk: &prescan::Chunk, masked: &str) -> Diagnostic {
    let text = masked.get(chunk.start..chunk.end).unwrap_or("");
    if text.starts_with('#') {
        let place = span(file, chunk.start, chunk.end);
        let d = Diagnostic::error(codes::UNKNOWN_ITEM, place, "this attribute stands before no item");
        return d.help("write `#allow(code) because \"…\"` on the line before the item");
    }
    let len = text
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
        .count();
    let len = if len > 0 {
        len
    } else {
        text.chars().next().map_or(0, char::len_utf8)
    };
    let word = text.get(..len).unwrap_or("");
    let d = Diagnostic::error(
        codes::UNKNOWN_ITEM,
        span(file, chunk.start, chunk.start + len),
        format!("`{word}` begins no item"),
    );
    if word == "alula" {
        return d.help("the language version stands once, on the first line");
    }
    match expected::nearest(word, &prescan::ITEM_KEYWORDS) {
        Some(k) => d.help(format!("did you mean `{k}`?")),
        None => d.help(format!(
            "an item begins with {}",
            expected::list(prescan::ITEM_KEYWORDS.iter().map(|k| format!("`{k}`")))
        )),
    }
}
