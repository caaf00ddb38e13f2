//! From bytes to text: encoding, size, and characters that no text should hold.

use super::limits;
use crate::diagnostic::{Diagnostic, codes};
use crate::span::{FileId, Span};

/// Bytes made readable.
pub(super) struct Text {
    /// What the spans refer to: without byte-order mark; where bytes were no UTF-8, with replacement characters.
    pub text: String,
    /// The same length, with control characters, tabs and carriage returns as blanks. `None` when the text is not fit to
    /// be read any further.
    pub clean: Option<String>,
    /// What was wrong.
    pub findings: Vec<Diagnostic>,
}

/// Decodes `bytes`.
pub(super) fn read(file: FileId, bytes: &[u8]) -> Text {
    if bytes.len() > limits::FILE_BYTES {
        let d = Diagnostic::error(
            codes::FILE_TOO_LARGE,
            super::span(file, 0, 0),
            format!("the file has {} bytes", bytes.len()),
        );
        let d = d.help(format!(
            "at most {} are allowed; split it and `import` the parts",
            limits::FILE_BYTES
        ));
        return Text {
            text: String::new(),
            clean: None,
            findings: vec![d],
        };
    }
    let body = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(body) {
        Ok(text) => check(file, text),
        Err(e) => {
            let at = e.valid_up_to();
            let good = body.get(..at).unwrap_or_default();
            let line = good.iter().filter(|b| **b == b'\n').count() + 1;
            let line_text = good.rsplit(|b| *b == b'\n').next().unwrap_or_default();
            let column = String::from_utf8_lossy(line_text).chars().count() + 1;
            let byte = body.get(at).copied().unwrap_or_default();
            let message = format!("byte 0x{byte:02X} at line {line}, column {column} is not UTF-8 text");
            let span = super::span(file, at, at + '\u{FFFD}'.len_utf8());
            let help = match bytes {
                [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "this looks like UTF-16; save the file as UTF-8",
                [0x1F, 0x8B, ..] => "this looks like a gzip archive; unpack it first",
                _ => "save the file as UTF-8",
            };
            let d = Diagnostic::error(codes::NOT_UTF8, span, message).help(help);
            Text {
                text: String::from_utf8_lossy(body).into_owned(),
                clean: None,
                findings: vec![d],
            }
        }
    }
}

fn check(file: FileId, text: &str) -> Text {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > limits::LINES {
        let d = Diagnostic::error(
            codes::TOO_MANY_LINES,
            super::span(file, 0, 0),
            format!("the file has {lines} lines"),
        );
        findings.push(d.help(format!(
            "at most {} are allowed; split it and `import` the parts",
            limits::LINES
        )));
        return Text {
            text: text.to_owned(),
            clean: None,
            findings,
        };
    }
    let mut start = 0;
    for line in text.split('\n') {
        // Most lines are short enough by their bytes alone.
        let characters = if line.len() > limits::LINE_CHARACTERS {
            line.trim_end_matches('\r').chars().count()
        } else {
            0
        };
        if characters > limits::LINE_CHARACTERS {
            let message = format!("a line of {characters} characters");
            let cut: usize = line
                .chars()
                .take(limits::LINE_CHARACTERS)
                .map(char::len_utf8)
                .sum();
            let span = super::span(file, start + cut, start + line.len());
            let d = Diagnostic::error(codes::LINE_TOO_LONG, span, message);
            findings.push(d.help(format!(
                "break it: at most {} are allowed",
                limits::LINE_CHARACTERS
            )));
        }
        start += line.len() + 1;
    }
    let clean = clean(file, text, &mut findings);
    Text {
        text: text.to_owned(),
        clean: Some(clean),
        findings,
    }
}

/// Blanks out what may not be seen, each kind reported once.
fn clean(file: FileId, text: &str, findings: &mut Vec<Diagnostic>) -> String {
    let mut seen: Vec<(char, Span, usize)> = Vec::new();
    let mut out = String::with_capacity(text.len());
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let next_is_line_feed = rest.peek().is_some_and(|(_, n)| *n == '\n');
        match c {
            '\t' => out.push(' '),
            '\r' if next_is_line_feed => out.push(' '),
            '\n' => out.push('\n'),
            c if is_hidden(c) => {
                // A lone carriage return ends a line for the editor that wrote it, so a comment ends there too.
                let blank = if c == '\r' { '\n' } else { ' ' };
                out.extend(std::iter::repeat_n(blank, c.len_utf8()));
                match seen.iter_mut().find(|(s, ..)| *s == c) {
                    Some((_, _, n)) => *n += 1,
                    None => seen.push((c, super::span(file, at, at + c.len_utf8()), 1)),
                }
            }
            c => out.push(c),
        }
    }
    for (c, span, count) in seen {
        let name = match c {
            '\0' => "NUL".to_owned(),
            '\r' => "carriage return without a line feed".to_owned(),
            c => format!("control character U+{:04X}", u32::from(c)),
        };
        let more = if count > 1 {
            format!(" ({count} in this file)")
        } else {
            String::new()
        };
        let help = if c == '\r' {
            "end lines with LF or CR LF"
        } else {
            "delete it"
        };
        findings.push(
            Diagnostic::error(
                codes::CONTROL_CHARACTER,
                span,
                format!("{name} in the text{more}"),
            )
            .help(help),
        );
    }
    out
}

/// Control characters, and the marks that make text look different from what it means.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}
