//! Characters that look like the language's own and are not.

use crate::diagnostic::{Diagnostic, codes};
use crate::span::Span;

/// What was probably meant by `c`, and what `c` is called.
fn meant(c: char) -> Option<(&'static str, &'static str)> {
    Some(match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}' => ("-", "a dash"),
        '\u{201C}'..='\u{201F}' | '«' | '»' | '\u{FF02}' => ("\"", "a curly quote"),
        '\u{2018}'..='\u{201B}' | '\u{2032}' | '\u{2033}' | '`' | '´' => ("\"", "a curly quote"),
        '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => (" ", "a special space"),
        '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}' | '\u{AD}' => ("", "an invisible character"),
        '≤' | '⩽' => ("<=", "a mathematical sign"),
        '≥' | '⩾' => (">=", "a mathematical sign"),
        '≠' => ("!=", "a mathematical sign"),
        '×' | '⋅' | '·' => ("*", "a mathematical sign"),
        '÷' | '∕' | '\u{2044}' => ("/", "a mathematical sign"),
        '∓' => ("±", "a mathematical sign"),
        '∧' => ("and", "a mathematical sign"),
        '∨' => ("or", "a mathematical sign"),
        '¬' => ("not", "a mathematical sign"),
        '→' | '⇒' => ("->", "an arrow"),
        '…' => ("..", "an ellipsis"),
        '€' | '£' | '¥' => ("$", "another currency; money is in dollars"),
        '‰' => ("%", "per mille"),
        '\u{37E}' => ("", "a Greek question mark"),
        // Full-width forms of ASCII.
        '\u{FF01}'..='\u{FF5E}' => return full_width(c).map(|ascii| (ascii, "a full-width character")),
        _ => return None,
    })
}

fn full_width(c: char) -> Option<&'static str> {
    const ASCII: &str =
        "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
    let n = usize::try_from(u32::from(c).checked_sub(0xFF01)?).ok()?;
    ASCII.get(n..=n)
}

/// The finding for a character outside ASCII that stands in code.
pub(super) fn finding(span: Span, c: char) -> Diagnostic {
    let shown = if c.is_whitespace() || c.is_control() || meant(c).is_some_and(|(m, _)| m.is_empty()) {
        format!("U+{:04X}", u32::from(c))
    } else {
        format!("`{c}`")
    };
    let d = Diagnostic::error(
        codes::UNEXPECTED_CHARACTER,
        span,
        format!("unexpected character {shown}"),
    );
    match meant(c) {
        Some(("", what)) => d.label(what).help("delete it"),
        Some((" ", what)) => d.label(what).help("replace it by an ordinary space"),
        Some((ascii, what)) => d.label(what).help(format!("write `{ascii}`")),
        None if c.is_alphabetic() => d.help("names are made of ASCII letters, digits and `_`"),
        None => d.help("remove it; such characters may stand in comments and strings"),
    }
}
