//! Comments, strings, numbers and words, and the characters that no token begins with.

use super::{Scanner, Token};
use crate::diagnostic::{Diagnostic, codes};
use crate::syntax::trivia::Comment;
use crate::syntax::{limits, lookalike};

impl Scanner<'_> {
    /// A dot before a digit begins a number only where no value stands before it.
    pub(super) fn starts_number(&self) -> bool {
        match self.previous {
            Some((Token::Word | Token::Field | Token::Number | Token::Text | Token::Close(_), ..)) => false,
            Some((Token::Other(b), ..)) => b != b'.',
            _ => true,
        }
    }

    pub(super) fn comment(&mut self, at: usize) -> usize {
        let end = self.line_end(at);
        let text = self.slice(at, end).trim_end();
        let doc = text.starts_with("///") && !text.starts_with("////");
        let span = self.span(at, at + text.len());
        let own_line = self.line_fresh;
        self.out.comments.push(Comment { span, doc, own_line });
        self.blank(at, end);
        end
    }

    pub(super) fn blank(&mut self, start: usize, end: usize) {
        if let Some(area) = self.masked.get_mut(start..end) {
            area.iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
        }
    }

    pub(super) fn block_comment(&mut self, at: usize) -> usize {
        let rest = self.slice(at + 2, self.bytes.len());
        let end = rest.find("*/").map_or(self.bytes.len(), |n| at + 2 + n + 2);
        let d = Diagnostic::error(
            codes::UNEXPECTED_CHARACTER,
            self.span(at, at + 2),
            "`/*` begins no comment here",
        );
        self.refuse(at, end, d.help("begin each line of a comment with `//`"))
    }

    pub(super) fn hash_comment(&mut self, at: usize) -> usize {
        let end = self.line_end(at);
        let d = Diagnostic::error(
            codes::UNEXPECTED_CHARACTER,
            self.span(at, at + 1),
            "`#` begins no comment here",
        );
        self.refuse(
            at,
            end,
            d.help("begin a comment with `//`; `#` stands only in `#allow(code) because \"…\"`"),
        )
    }

    pub(super) fn single_quote(&mut self, at: usize) -> usize {
        let line = self.slice(at + 1, self.line_end(at));
        let end = line.find('\'').map_or(at + 1, |n| at + n + 2);
        let d = Diagnostic::error(codes::UNEXPECTED_CHARACTER, self.span(at, end), "unexpected `'`");
        self.refuse(at, end, d.help("write strings between double quotes: \"…\""))
    }

    pub(super) fn foreign(&mut self, at: usize) -> usize {
        let Some(c) = self.slice(at, self.bytes.len()).chars().next() else {
            return at + 1;
        };
        let end = at + c.len_utf8();
        if c == '±' {
            self.token(Token::Other(b'~'), at, end);
            return end;
        }
        let d = lookalike::finding(self.span(at, end), c);
        self.refuse(at, end, d)
    }

    pub(super) fn string(&mut self, at: usize) -> usize {
        let line_end = self.line_end(at);
        let mut bad = None;
        let mut i = at + 1;
        while i < line_end && self.byte(i) != b'"' {
            if self.byte(i) == b'\\' {
                if !matches!(self.byte(i + 1), b'"' | b'\\') {
                    bad = bad.or(Some(i));
                }
                i += 1;
            }
            i += 1;
        }
        if i >= line_end {
            self.token(Token::Text, at, line_end);
            let d = Diagnostic::error(
                codes::UNCLOSED_STRING,
                self.span(at, at + 1),
                "this string has no end on its line",
            );
            self.fail(d.help("add the closing `\"`"));
            return line_end;
        }
        self.token(Token::Text, at, i + 1);
        if let Some(b) = bad {
            let escape = self.slice(
                b,
                b + 1
                    + self
                        .slice(b + 1, line_end)
                        .chars()
                        .next()
                        .map_or(0, char::len_utf8),
            );
            let d = Diagnostic::error(
                codes::BAD_ESCAPE,
                self.span(b, b + escape.len()),
                format!("unknown escape `{escape}`"),
            );
            self.fail(d.help("write `\\\\` for a backslash and `\\\"` for a quote; paths use `/`"));
        } else if i - at - 1 > limits::STRING_BYTES {
            let d = Diagnostic::error(
                codes::STRING_TOO_LONG,
                self.span(at, i + 1),
                format!("a string of {} bytes", i - at - 1),
            );
            self.fail(d.help(format!(
                "at most {} bytes may stand between the quotes",
                limits::STRING_BYTES
            )));
        }
        i + 1
    }

    pub(super) fn number(&mut self, at: usize) -> usize {
        let run = |s: &Self, mut i: usize| {
            while s.byte(i).is_ascii_digit() || s.byte(i) == b'_' {
                i += 1;
            }
            i
        };
        let mut end = run(self, at);
        let mut bad = None;
        if self.byte(end) == b'.' && self.byte(end + 1).is_ascii_digit() {
            end = run(self, end + 1);
            if self.byte(end) == b'.' && self.byte(end + 1).is_ascii_digit() {
                end = run(self, end + 1);
                bad = Some("write one decimal point: `1.25`");
            }
        } else if self.byte(end) == b'.'
            && self.byte(end + 1) != b'.'
            && !self.byte(end + 1).is_ascii_alphabetic()
        {
            end += 1;
            bad = Some("write a digit after the decimal point: `1.0`");
        }
        let dollar = matches!(self.previous, Some((Token::Other(b'$'), _, e)) if e == at);
        if dollar && self.byte(end) == b',' && run(self, end + 1) == end + 4 {
            end += 4;
            bad = Some("group digits with `_`: `$1_000`");
        }
        if matches!(self.byte(end), b'e' | b'E')
            && (self.byte(end + 1).is_ascii_digit() || matches!(self.byte(end + 1), b'+' | b'-'))
        {
            end = run(self, end + 2);
            bad = Some("write the number out: `1_000_000`");
        }
        self.token(Token::Number, at, end);
        let text = self.slice(at, end);
        let digits = text
            .bytes()
            .filter(u8::is_ascii_digit)
            .skip_while(|b| *b == b'0')
            .count();
        if let Some(help) = bad {
            let d = Diagnostic::error(
                codes::BAD_NUMBER,
                self.span(at, end),
                format!("`{text}` is not a number"),
            );
            self.fail(d.help(help));
        } else if digits > limits::NUMBER_DIGITS || text.len() > limits::NUMBER_CHARACTERS {
            let d = Diagnostic::error(
                codes::NUMBER_TOO_LONG,
                self.span(at, end),
                format!("a number of {digits} digits"),
            );
            let (digits, all) = (limits::NUMBER_DIGITS, limits::NUMBER_CHARACTERS);
            self.fail(d.help(format!(
                "round it: at most {digits} significant digits and {all} characters are kept"
            )));
        }
        end
    }

    pub(super) fn bare_fraction(&mut self, at: usize) -> usize {
        let mut end = at + 1;
        while self.byte(end).is_ascii_digit() {
            end += 1;
        }
        let text = self.slice(at, end).to_owned();
        let d = Diagnostic::error(
            codes::BAD_NUMBER,
            self.span(at, end),
            format!("`{text}` is not a number"),
        );
        self.refuse(at, end, d.help(format!("write `0{text}`")))
    }

    pub(super) fn word(&mut self, at: usize) -> usize {
        let mut end = at;
        while self.byte(end).is_ascii_alphanumeric() || self.byte(end) == b'_' {
            end += 1;
        }
        let field = matches!(self.previous, Some((Token::Other(b'.'), ..)));
        self.token(if field { Token::Field } else { Token::Word }, at, end);
        if end - at > limits::NAME_BYTES {
            let d = Diagnostic::error(
                codes::NAME_TOO_LONG,
                self.span(at, end),
                format!("a name of {} bytes", end - at),
            );
            self.fail(d.help(format!("at most {} are allowed", limits::NAME_BYTES)));
        }
        end
    }
}
