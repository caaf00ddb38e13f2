//! What is said of broken files: which finding, where, and what to do.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may fail loudly, and so may its helpers"
)]

use alula_dsl::span::FileId;
use alula_dsl::syntax::{Parsed, parse};

fn read(text: impl AsRef<[u8]>) -> Parsed {
    parse(FileId(0), text.as_ref())
}

/// Findings as `A0101 3:7 message | help`.
fn findings(p: &Parsed) -> Vec<String> {
    let source = alula_dsl::source::SourceFile::new("x", p.text.clone());
    let line = |d: &alula_dsl::diagnostic::Diagnostic| {
        let (line, column) = source.line_column(d.primary.span.start);
        let help = d.help.as_deref().map_or(String::new(), |h| format!(" | {h}"));
        format!("{} {line}:{column} {}{help}", d.code, d.message)
    };
    p.diagnostics.iter().map(line).collect()
}

/// Asserts the findings of a file whose first line is the version.
fn check(body: &str, expect: &[&str]) {
    let p = read(format!("alula 1\n{body}"));
    assert_eq!(findings(&p), expect, "{body}");
}

#[test]
fn three_broken_items_give_three_errors_and_the_others_parse() {
    let p = read(
        "alula 1
signal one = rsi(VIX.close, 14)
signal two = 3 +
policy three on core {
    open when one size 3 lotz of x
}
signal four = one > 5
structure five = iron condor on SPX {
    short put at delta 16
}
guard six { require four else block open }
",
    );
    assert_eq!(
        findings(&p),
        [
            "A0101 3:16 expected a value, found the end of the item",
            "A0101 5:26 expected `lots`, found `lotz` | did you mean `lots`?",
            "A0120 9:18 the unit `delta` stands before its number | write `16 delta`",
        ]
    );
    assert_eq!(p.ast.items.len(), 3);
    let broken: Vec<&str> = p.broken.iter().map(|b| b.value.as_str()).collect();
    assert_eq!(broken, ["two", "three", "five"]);
}

#[test]
fn an_unclosed_bracket_points_at_its_opener_and_ends_at_the_next_item() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}")] {
        let p = read(format!("alula 1\nsignal a = x{open}1\nsignal b = 2\n"));
        let expected = format!("A0108 2:13 `{open}` is never closed | add the missing `{close}`");
        assert_eq!(findings(&p), [expected]);
        assert_eq!(p.ast.items.len(), 1);
        assert_eq!(p.diagnostics[0].secondary[0].text, "the next item begins here");
    }
    check(
        "hedge h on c {\n  layer a {\n    cap $5\n  layer b {\n  }\n}\nsignal y = 1",
        &["A0108 3:11 `{` is never closed | add the missing `}`"],
    );
    check(
        "policy p on c {\n  close a when (b\n}\nsignal y = 1",
        &["A0108 3:16 `(` is never closed | add the missing `)`"],
    );
    check(
        "strategy s {\n  capital $5\n",
        &["A0108 2:12 `{` is never closed | add the missing `}`"],
    );
    check(
        "import \"x\nsignal y = 1",
        &["A0109 2:8 this string has no end on its line | add the closing `\"`"],
    );
    check(
        "signal a = (b]",
        &["A0110 2:14 `]` closes nothing | remove it, or open it before"],
    );
    check(
        "signal a = b)\nsignal c = 1",
        &["A0110 2:13 `)` closes nothing | remove it, or open it before"],
    );
    check(
        "}\nsignal a = 1",
        &["A0110 2:1 `}` closes nothing | remove it, or open it before"],
    );
    // Words behind a dot are fields, whatever they are elsewhere.
    check(
        "signal a = b.in\nscript f() -> ratio from \"f.rhai\"\nsignal c = d.policy",
        &[],
    );
    // Words of items inside brackets are not items unless they begin a line and name something.
    check("signal a = x.policy + f(\n  script g() -> ratio)", &[]);
}

#[test]
fn the_first_line_is_the_version() {
    let missing = "the first line does not name the language version | begin the file with `alula 1`";
    let cases: &[(&str, &str)] = &[
        ("", "A0102 1:1 the file is empty | begin it with `alula 1`"),
        (" \n\t\n", "A0102 1:1 the file is empty | begin it with `alula 1`"),
        (
            "// only a comment",
            "A0102 1:1 the file holds only comments | begin it with `alula 1`",
        ),
        ("signal a = 1", &format!("A0102 1:1 {missing}")),
        ("\n\n  signal a = 1", &format!("A0102 3:3 {missing}")),
        (
            "alula",
            "A0103 1:1 `alula` is not a language version | the first line is `alula 1` and nothing else",
        ),
        (
            "alula 0",
            "A0103 1:1 `alula 0` is not a language version | the first line is `alula 1` and nothing else",
        ),
        (
            "alula 1.0",
            "A0103 1:1 `alula 1.0` is not a language version | the first line is `alula 1` and nothing else",
        ),
        (
            "alula one",
            "A0103 1:1 `alula one` is not a language version | the first line is `alula 1` and nothing else",
        ),
        (
            "alula 1 signal a = 1",
            "A0103 1:1 `alula 1 signal a = 1` is not a language version | the first line is `alula 1` and nothing else",
        ),
        (
            "alulla 1",
            "A0103 1:1 `alulla` is not the word `alula` | begin the file with `alula 1`",
        ),
        (
            "alula 2\nnonsense",
            "A0104 1:1 language version 2 is not known here | this program reads version 1: update it, or write `alula 1`",
        ),
        (
            "alula 99999999999",
            "A0104 1:1 language version 99999999999 is not known here | this program reads version 1: update it, or write `alula 1`",
        ),
    ];
    for (text, expected) in cases {
        let found = findings(&read(text));
        assert_eq!(found.first().map(String::as_str), Some(*expected), "{text}");
    }
    assert_eq!(
        findings(&read("// licence\n\n  alula   1  // why\nsignal a = 1")),
        Vec::<String>::new()
    );
    // The items are read all the same, except those of a version that is not known.
    assert_eq!(read("signal a = 1").ast.items.len(), 1);
    assert_eq!(read("alula 2\nsignal a = 1").ast.items.len(), 0);
    check(
        "alula 1\nsignal a = 1",
        &["A0111 2:1 `alula` begins no item | the language version stands once, on the first line"],
    );
}

#[test]
fn bytes_that_are_no_plain_text() {
    // Byte-order mark, Windows line ends, tabs, no final newline: all fine.
    let p = read("\u{FEFF}alula 1\r\n\tsignal\ta = 1 // note\r\nsignal b = 2");
    assert_eq!(findings(&p), Vec::<String>::new());
    assert_eq!(p.ast.items.len(), 2);
    assert!(!p.text.starts_with('\u{FEFF}'));
    assert_eq!(p.trivia.comments[0].text(&p.text), "// note");
    let bytes: &[(&[u8], &str)] = &[
        (
            b"alula 1\nsignal a = \xFF1",
            "A0105 2:12 byte 0xFF at line 2, column 12 is not UTF-8 text | save the file as UTF-8",
        ),
        (
            b"alula 1\n// \xC3\xA9 \xC3",
            "A0105 2:6 byte 0xC3 at line 2, column 6 is not UTF-8 text | save the file as UTF-8",
        ),
        (
            b"\xFF\xFEa\0l\0",
            "A0105 1:1 byte 0xFF at line 1, column 1 is not UTF-8 text | this looks like UTF-16; save the file as UTF-8",
        ),
        (
            b"\x1F\x8B\x08\0",
            "A0105 1:2 byte 0x8B at line 1, column 2 is not UTF-8 text | this looks like a gzip archive; unpack it first",
        ),
        (
            b"alula 1\nsignal a =\0 1",
            "A0106 2:11 NUL in the text | delete it",
        ),
        (
            b"alula 1\n// \x1B[31m \x1B",
            "A0106 2:4 control character U+001B in the text (2 in this file) | delete it",
        ),
        (
            b"alula 1\rsignal a = 1",
            "A0106 1:8 carriage return without a line feed in the text | end lines with LF or CR LF",
        ),
        (
            "alula 1\n// \u{202E}x".as_bytes(),
            "A0106 2:4 control character U+202E in the text | delete it",
        ),
    ];
    for (bytes, expected) in bytes {
        assert_eq!(findings(&read(bytes)), [*expected], "{bytes:?}");
    }
}

#[test]
fn look_alikes_are_named() {
    check(
        "signal a = –5%",
        &["A0107 2:12 unexpected character `–` | write `-`"],
    );
    check(
        "series a = feed(“X”)",
        &["A0107 2:17 unexpected character `“` | write `\"`"],
    );
    check(
        "signal a =\u{A0}5",
        &["A0107 2:11 unexpected character U+00A0 | replace it by an ordinary space"],
    );
    check(
        "signal a = b ≥ 5",
        &["A0107 2:14 unexpected character `≥` | write `>=`"],
    );
    check(
        "signal a = b × 5",
        &["A0107 2:14 unexpected character `×` | write `*`"],
    );
    check(
        "signal a = b\u{200B}",
        &["A0107 2:13 unexpected character U+200B | delete it"],
    );
    check(
        "signal größe = 5",
        &["A0107 2:10 unexpected character `ö` | names are made of ASCII letters, digits and `_`"],
    );
    check(
        "signal a = ５",
        &["A0107 2:12 unexpected character `５` | write `5`"],
    );
    check(
        "signal a = 'x'",
        &["A0107 2:12 unexpected `'` | write strings between double quotes: \"…\""],
    );
    check(
        "signal a = 1;",
        &["A0107 2:13 unexpected `;` | leave it out: each clause begins with its own word"],
    );
    check(
        "/* x */ signal a = 1",
        &["A0107 2:1 `/*` begins no comment here | begin each line of a comment with `//`"],
    );
    check(
        "# x\nsignal a = 1",
        &[
            "A0107 2:1 `#` begins no comment here | begin a comment with `//`; `#` stands only in `#allow(code) because \"…\"`",
        ],
    );
    // In comments and strings they are text.
    check("series a = feed(\"– “ \u{A0}\") // – “ é", &[]);
    check("overlay o on c { trade ES to delta 0 ± 5 delta }", &[]);
}

#[test]
fn habits_from_other_languages_are_met() {
    let operator = |text: &str, column: usize, help: &str| {
        let place = format!("A0112 2:{column}");
        let found = findings(&read(format!("alula 1\nsignal x = {text}")));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(
            found[0].starts_with(&place) && found[0].ends_with(&format!("| {help}")),
            "{text}: {found:?}"
        );
    };
    operator("a == b", 14, "write `=`");
    operator("a && b", 14, "write `and`");
    operator("a & b", 14, "write `and`");
    operator("a || b", 14, "write `or`");
    operator("!a", 12, "write `not`");
    operator("a <> b", 14, "write `!=`");
    operator("a =< b", 14, "write `<=`");
    operator("a => b", 14, "write `>=`");
    operator("a ^ 2", 14, "there is no power operator: write `x * x`");
    operator("a is b", 14, "write `=`");
    operator("a between 1 and 5", 14, "write a range: `x in 12..20`");
    operator("+a", 12, "leave it out; a sign stands only before a number");
    let unit = |text: &str, help: &str| {
        let found = findings(&read(format!("alula 1\nsignal x = {text}")));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(
            found[0].starts_with("A0119") && found[0].ends_with(&format!("| {help}")),
            "{text}: {found:?}"
        );
    };
    unit("5 percent", "write `5%`");
    unit("50 points", "write `50 pts`");
    unit("5 minutes", "write `5m`");
    unit("20 dollars", "write `$20`");
    unit("2 weeks", "write calendar `days` or trading `sessions`");
    unit("3 contracts", "write `3 lots`");
    unit("16d", "write `16 delta` or `16 days`");
    check(
        "signal x = VIX.close > vol 35",
        &["A0120 2:24 the unit `vol` stands before its number | write `35 vol`"],
    );
    check(
        "signal x = a < b < c",
        &[
            "A0115 2:18 two comparisons in a row | join two comparisons with `and`, or use a range: `x in 12..20`",
        ],
    );
    check(
        "signal x = a > 1..2",
        &["A0121 2:16 a range where one value is needed | a range stands after `in`: `x in 12..20`"],
    );
    check(
        "signal x = a in 5",
        &["A0121 2:14 `in` without a range after it | write both ends: `x in 12..20`"],
    );
    check(
        "signal x = .5",
        &["A0113 2:12 `.5` is not a number | write `0.5`"],
    );
    check(
        "signal x = 5.",
        &["A0113 2:12 `5.` is not a number | write a digit after the decimal point: `1.0`"],
    );
    check(
        "signal x = $1,000",
        &["A0113 2:13 `1,000` is not a number | group digits with `_`: `$1_000`"],
    );
    check(
        "signal x = 1.2.3",
        &["A0113 2:12 `1.2.3` is not a number | write one decimal point: `1.25`"],
    );
    check(
        "signal x = 1e6",
        &["A0113 2:12 `1e6` is not a number | write the number out: `1_000_000`"],
    );
    check(
        "signal x = $5 vol",
        &["A0113 2:12 `$5 vol` has two units | keep the `$` or the unit"],
    );
    let ends = |text: &str, help: &str| {
        let found = findings(&read(format!("alula 1\n{text}")));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].ends_with(&format!("| {help}")), "{text}: {found:?}");
    };
    ends(
        "strategy s {\n    capital $100k\n}",
        "write the number out: `100_000`",
    );
    ends("signal x = a > $2M", "write the number out: `2_000_000`");
    ends(
        "policy p on c {\n    close when dte < 21\n}",
        "give the rule a name: `close early when …`",
    );
    ends(
        "policy p on c {\n    open when a\n        size 1 contract\n}",
        "write `1 lot`",
    );
    ends(
        "policy p on c {\n    close loss when loss >= 2x credit\n}",
        "a multiple is written as a share: `200% of credit`",
    );
    check(
        "import \"a\\b\"",
        &[
            "A0114 2:10 unknown escape `\\b` | write `\\\\` for a backslash and `\\\"` for a quote; paths use `/`",
        ],
    );
}

#[test]
fn messages_speak_of_what_could_stand_there() {
    check(
        "treshold x = 5 in 1..2",
        &["A0111 2:1 `treshold` begins no item | did you mean `threshold`?"],
    );
    check(
        "Signal x = 5",
        &["A0111 2:1 `Signal` begins no item | did you mean `signal`?"],
    );
    check(
        "signal when = 5",
        &["A0101 2:8 expected a name, found `when` | `when` is a word of the language; choose another name"],
    );
    check("signal x 5", &["A0101 2:10 expected `=`, found `5`"]);
    check(
        "threshold x = 5 in 1-2",
        &["A0101 2:21 expected `..` or a unit, found `-`"],
    );
    check(
        "policy p on c { close a profit > 5 }",
        &["A0101 2:25 expected `when`, found `profit`"],
    );
    check(
        "policy p on c { open wen a > b }",
        &["A0101 2:22 expected `when`, found `wen` | did you mean `when`?"],
    );
    check(
        "policy p on c { open when a siz 3 lots }",
        &["A0101 2:29 expected `size`, found `siz` | did you mean `size`?"],
    );
    check(
        "strategy s { capitol $5 }",
        &["A0101 2:14 expected `capital`, found `capitol` | did you mean `capital`?"],
    );
    check(
        "guard g { require a else stop }",
        &[
            "A0101 2:26 expected `block open`, `halt open`, `flatten STRUCTURE` or `alert \"…\"`, found `stop`",
        ],
    );
    check(
        "signal x = within 3 days fomc",
        &["A0101 2:26 expected `before`, `after` or `of`, found `fomc`"],
    );
    check(
        "structure s = iron condor on SPX { short put 16 delta }",
        &[
            "A0101 2:46 `16 delta` alone is not a strike | write `at 16 delta`, or say from where it is measured: `16 delta below short put`",
        ],
    );
    check(
        "policy p on c { open when a require b }",
        &["A0118 2:17 this `open` has no `size` | add one, such as `size 2% of equity by max_loss`"],
    );
    check(
        "policy p on c { roll r when a }",
        &["A0118 2:17 this `roll` does not say where `to` | add one, such as `to 45 dte, recentred`"],
    );
    check(
        "policy p on c { open when a size 1 lots size 2 lots }",
        &["A0117 2:41 a second `size` clause in one rule | keep one of them"],
    );
    check(
        "policy p on c { open when a size 1 lots unknown act }",
        &[
            "A0122 2:41 an `open` has no `unknown` clause | leave it out: an `open` needs its condition to be true, and never opens while it is unknown",
        ],
    );
    check(
        "#allow(A0601) because \"no item\"",
        &[
            "A0111 2:1 this attribute stands before no item | write `#allow(code) because \"…\"` on the line before the item",
        ],
    );
}
