//! The first pass: one linear walk over the characters that understands comments, strings, numbers and brackets.
//!
//! It blanks out comments, splits the file into items, refuses what is too deep or too long before any recursive code
//! sees it, and reports what only makes sense at this level: unclosed and unmatched brackets, unclosed strings,
//! look-alike characters. An item with such a finding is not parsed further: one mistake, one message.

mod tokens;

use super::limits;
use super::trivia::Comment;
use crate::diagnostic::{Diagnostic, codes};
use crate::span::{FileId, Span};

/// The words that begin an item.
pub(super) const ITEM_KEYWORDS: [&str; 14] = [
    "import",
    "use",
    "strategy",
    "threshold",
    "series",
    "event",
    "signal",
    "script",
    "structure",
    "policy",
    "hedge",
    "overlay",
    "guard",
    "subaccount",
];

/// After these words an expression goes on, so `script` after them is a call and not an item.
const JOINING_WORDS: [&str; 14] = [
    "and", "or", "not", "of", "in", "above", "below", "until", "when", "require", "size", "limit", "cap",
    "strike",
];

/// The text of one item.
#[derive(Debug)]
pub(super) struct Chunk {
    /// First byte: of `#allow` or of the keyword.
    pub start: usize,
    /// One past its last byte that is not blank.
    pub end: usize,
    /// Its keyword; `None` for text that begins no item.
    pub keyword: Option<&'static str>,
    /// First byte of the keyword, or of the first word.
    pub keyword_at: usize,
    /// The word after the keyword, when there is one.
    pub name: Option<(usize, usize)>,
    /// Something about it was reported already.
    pub broken: bool,
    complete: bool,
    attribute: bool,
    words: usize,
}

/// What the walk found.
pub(super) struct Scan {
    /// The text with comments, tabs, carriage returns and control characters blanked out, byte for byte.
    pub masked: String,
    /// The tokens on the line of the word `alula`, when the file begins with it.
    pub version: Option<(usize, usize)>,
    /// First byte that is neither blank nor comment.
    pub first: Option<usize>,
    /// Items in textual order.
    pub chunks: Vec<Chunk>,
    /// Comments in textual order.
    pub comments: Vec<Comment>,
    /// What was wrong.
    pub findings: Vec<Diagnostic>,
}

/// The brackets that are open, with a count of each kind so that a search among them costs nothing.
#[derive(Default)]
struct Brackets {
    stack: Vec<(u8, usize)>,
    curly: usize,
    round: usize,
    square: usize,
}

impl Brackets {
    fn count(&mut self, b: u8) -> &mut usize {
        match b {
            b'{' => &mut self.curly,
            b'(' => &mut self.round,
            _ => &mut self.square,
        }
    }

    fn push(&mut self, b: u8, at: usize) {
        *self.count(b) += 1;
        self.stack.push((b, at));
    }

    fn pop(&mut self) -> Option<(u8, usize)> {
        let top = self.stack.pop()?;
        *self.count(top.0) -= 1;
        Some(top)
    }

    fn has(&mut self, b: u8) -> bool {
        *self.count(b) > 0
    }

    fn last(&self) -> Option<(u8, usize)> {
        self.stack.last().copied()
    }

    fn len(&self) -> usize {
        self.stack.len()
    }

    fn is_empty(&self) -> bool {
        self.stack.is_empty()
    }

    fn truncate(&mut self, len: usize) {
        while self.stack.len() > len {
            self.pop();
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    Word,
    /// A word behind a dot: never a keyword.
    Field,
    Number,
    Text,
    Open(u8),
    Close(u8),
    Other(u8),
}

struct Scanner<'t> {
    file: FileId,
    text: &'t str,
    bytes: &'t [u8],
    masked: Vec<u8>,
    brackets: Brackets,
    chunk: Option<Chunk>,
    previous: Option<(Token, usize, usize)>,
    line_fresh: bool,
    full: bool,
    out: Scan,
}

/// Walks over `text`, whose control characters were blanked out in `clean` (same length).
pub(super) fn scan(file: FileId, clean: &str) -> Scan {
    let mut s = Scanner {
        file,
        text: clean,
        bytes: clean.as_bytes(),
        masked: clean.as_bytes().to_vec(),
        brackets: Brackets::default(),
        chunk: None,
        previous: None,
        line_fresh: true,
        full: false,
        out: Scan {
            masked: String::new(),
            version: None,
            first: None,
            chunks: Vec::new(),
            comments: Vec::new(),
            findings: Vec::new(),
        },
    };
    let mut at = 0;
    while at < s.bytes.len() && !s.full {
        at = s.step(at);
    }
    s.finish()
}

impl Scanner<'_> {
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(b'\n')
    }

    fn span(&self, start: usize, end: usize) -> Span {
        super::span(self.file, start, end)
    }

    fn slice(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or("")
    }

    /// Reads one token, comment or blank at `at`; returns where the next begins (always further on).
    fn step(&mut self, at: usize) -> usize {
        let b = self.byte(at);
        match b {
            b'\n' => {
                self.line_fresh = true;
                at + 1
            }
            b' ' => at + 1,
            b'/' if self.byte(at + 1) == b'/' => self.comment(at),
            b'/' if self.byte(at + 1) == b'*' => self.block_comment(at),
            b'#' if !self.slice(at, self.bytes.len()).starts_with("#allow") => self.hash_comment(at),
            b'"' => self.string(at),
            b'\'' => self.single_quote(at),
            b'0'..=b'9' => self.number(at),
            b'.' if self.byte(at + 1).is_ascii_digit() && self.starts_number() => self.bare_fraction(at),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(at),
            b'{' | b'(' | b'[' => self.open(at, b),
            b'}' | b')' | b']' => self.close(at, b),
            b';' => {
                let d = Diagnostic::error(
                    codes::UNEXPECTED_CHARACTER,
                    self.span(at, at + 1),
                    "unexpected `;`",
                );
                self.refuse(
                    at,
                    at + 1,
                    d.help("leave it out: each clause begins with its own word"),
                )
            }
            0x80.. => self.foreign(at),
            _ => {
                self.token(Token::Other(b), at, at + 1);
                at + 1
            }
        }
    }

    fn line_end(&self, at: usize) -> usize {
        self.slice(at, self.bytes.len())
            .find('\n')
            .map_or(self.bytes.len(), |n| at + n)
    }

    /// Reports something that no item survives, and skips it.
    fn refuse(&mut self, start: usize, end: usize, finding: Diagnostic) -> usize {
        self.token(Token::Other(b'?'), start, end);
        self.fail(finding);
        end
    }

    /// Reports the first thing that is wrong with the item at hand.
    fn fail(&mut self, finding: Diagnostic) {
        match &mut self.chunk {
            Some(c) if c.broken => {}
            Some(c) => {
                c.broken = true;
                self.out.findings.push(finding);
            }
            None => self.out.findings.push(finding),
        }
    }

    fn open(&mut self, at: usize, b: u8) -> usize {
        self.token(Token::Open(b), at, at + 1);
        if self.brackets.len() == limits::NESTING {
            let d = Diagnostic::error(
                codes::NESTED_TOO_DEEPLY,
                self.span(at, at + 1),
                "brackets are nested too deeply",
            );
            let help = format!(
                "at most {} may be open at once; name an inner part as a signal",
                limits::NESTING
            );
            self.fail(d.help(help));
        }
        self.brackets.push(b, at);
        at + 1
    }

    fn close(&mut self, at: usize, b: u8) -> usize {
        let opener = match b {
            b'}' => b'{',
            b')' => b'(',
            _ => b'[',
        };
        let here = self.span(at, at + 1);
        let shown = char::from(b);
        self.token(Token::Close(b), at, at + 1);
        match self.brackets.last() {
            Some((top, _)) if top == opener => {
                self.brackets.pop();
            }
            Some((top, top_at)) if self.brackets.has(opener) => {
                self.unclosed(
                    top,
                    top_at,
                    here,
                    format!("`{shown}` stands here while it is still open"),
                );
                while self.brackets.pop().is_some_and(|(o, _)| o != opener) {}
            }
            open => {
                let mut d = Diagnostic::error(
                    codes::UNMATCHED_BRACKET,
                    here,
                    format!("`{shown}` closes nothing"),
                );
                if let Some((top, top_at)) = open {
                    d = d.also(
                        self.span(top_at, top_at + 1),
                        format!("`{}` is open", char::from(top)),
                    );
                }
                self.fail(d.help("remove it, or open it before"));
            }
        }
        if self.brackets.is_empty()
            && b == b'}'
            && let Some(c) = &mut self.chunk
        {
            c.complete = true;
        }
        at + 1
    }

    fn unclosed(&mut self, bracket: u8, at: usize, other: Span, why: String) {
        let (open, close) = (char::from(bracket), closing(bracket));
        let message = format!("`{open}` is never closed");
        let d = Diagnostic::error(codes::UNCLOSED_BRACKET, self.span(at, at + 1), message);
        self.fail(
            d.label("opened here")
                .also(other, why)
                .help(format!("add the missing `{close}`")),
        );
    }

    /// Hands one token to the splitter.
    fn token(&mut self, token: Token, start: usize, end: usize) {
        let fresh = std::mem::replace(&mut self.line_fresh, false);
        self.out.first.get_or_insert(start);
        if self.previous.is_none() && token == Token::Word && self.slice(start, end) == "alula" {
            self.out.version = Some((start, end));
        } else if let Some((_, version_end)) = &mut self.out.version
            && self.chunk.is_none()
            && self.out.chunks.is_empty()
            && !fresh
        {
            *version_end = end;
        } else {
            self.split(token, start, end, fresh);
        }
        self.previous = Some((token, start, end));
    }

    fn split(&mut self, token: Token, start: usize, end: usize, fresh: bool) {
        let keyword = match token {
            Token::Word => self.item_keyword(start, end),
            _ => None,
        };
        if !self.brackets.is_empty() {
            let new_item = keyword.is_some_and(|k| {
                // `under event fomc` may begin a line too.
                let declares = k != "event" || self.declares(end);
                fresh && k != "script" && declares && self.names_something(end)
            });
            let new_layer = token == Token::Word
                && fresh
                && self.brackets.len() > 1
                && self.slice(start, end) == "layer"
                && self.names_something(end);
            if new_item || new_layer {
                let here = self.span(start, end);
                if let Some((top, at)) = self.brackets.last() {
                    let what = if new_item {
                        "the next item begins here"
                    } else {
                        "the next layer begins here"
                    };
                    self.unclosed(top, at, here, what.to_owned());
                }
                if new_layer {
                    self.brackets.truncate(1);
                } else {
                    self.brackets.truncate(0);
                }
            }
        }
        let top = self.brackets.is_empty();
        let attribute_open = self
            .chunk
            .as_ref()
            .is_some_and(|c| c.attribute && c.keyword.is_none());
        if top && token == Token::Other(b'#') && !attribute_open {
            self.begin(start, end, None);
            if let Some(c) = &mut self.chunk {
                c.attribute = true;
            }
            return;
        }
        if let Some(k) = keyword.filter(|k| top && (*k != "script" || !self.expects_value())) {
            match &mut self.chunk {
                Some(c) if attribute_open => {
                    c.keyword = Some(k);
                    c.keyword_at = start;
                    c.words = 1;
                    c.end = end;
                }
                _ => self.begin(start, end, Some(k)),
            }
            return;
        }
        let stray = self.chunk.as_ref().is_none_or(|c| c.complete);
        if stray {
            self.begin(start, end, None);
        } else if let Some(c) = &mut self.chunk {
            c.end = end;
            if token == Token::Word && c.words == 1 && c.name.is_none() {
                c.name = Some((start, end));
            }
        }
    }

    fn begin(&mut self, start: usize, end: usize, keyword: Option<&'static str>) {
        self.out.chunks.extend(self.chunk.take());
        if self.out.chunks.len() == limits::ITEMS {
            let d = Diagnostic::error(
                codes::TOO_MANY_ITEMS,
                self.span(start, end),
                "the file has too many items",
            );
            let help = format!(
                "at most {} are allowed; split the file and `import` the parts",
                limits::ITEMS
            );
            self.out.findings.push(d.help(help));
            self.full = true;
            return;
        }
        self.brackets.truncate(0);
        self.chunk = Some(Chunk {
            start,
            end,
            keyword,
            keyword_at: start,
            name: None,
            broken: false,
            complete: false,
            attribute: false,
            words: 1,
        });
    }

    fn item_keyword(&self, start: usize, end: usize) -> Option<&'static str> {
        let word = self.slice(start, end);
        ITEM_KEYWORDS.iter().copied().find(|k| *k == word)
    }

    /// Whether the text goes on with a name or a string, as it does after an item's keyword.
    fn names_something(&self, at: usize) -> bool {
        let rest = self.slice(at, self.bytes.len()).trim_start_matches([' ', '\n']);
        rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '"')
    }

    /// Whether a name and an equals sign follow.
    fn declares(&self, at: usize) -> bool {
        let blank = [' ', '\n'];
        let rest = self.slice(at, self.bytes.len()).trim_start_matches(blank);
        let after = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        after.trim_start_matches(blank).starts_with('=')
    }

    /// Whether the token before leaves an expression open, so that a value must follow.
    fn expects_value(&self) -> bool {
        match self.previous {
            Some((Token::Other(b), ..)) => !matches!(b, b'?' | b'%'),
            Some((Token::Word, start, end)) => JOINING_WORDS.contains(&self.slice(start, end)),
            Some((Token::Open(_), ..)) => true,
            _ => false,
        }
    }

    fn finish(mut self) -> Scan {
        if let Some((top, at)) = self.brackets.last() {
            let end = self.text.trim_end().len();
            let here = self.span(end.saturating_sub(1), end);
            self.unclosed(top, at, here, "the file ends here".to_owned());
        }
        self.out.chunks.extend(self.chunk.take());
        // Blanking writes spaces over whole comments only, so this is UTF-8 again.
        self.out.masked = String::from_utf8(self.masked).unwrap_or_default();
        self.out
    }
}

const fn closing(open: u8) -> char {
    match open {
        b'{' => '}',
        b'(' => ')',
        _ => ']',
    }
}
