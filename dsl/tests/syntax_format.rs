//! The formatter: one form, every comment, the same meaning.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may fail loudly, and so may its helpers"
)]

use alula_dsl::format::{FormatError, expr_text, format, literal_text, print};
use alula_dsl::span::FileId;
use alula_dsl::syntax::parse;

const WORKED: &str = include_str!("syntax/worked.alula");
const EVERYTHING: &str = include_str!("syntax/everything.alula");

/// Formats, and checks that formatting again changes nothing.
fn formatted(text: &str) -> String {
    let once = format(text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    let twice = format(&once).unwrap_or_else(|e| panic!("{e:?}\n{once}"));
    assert_eq!(once, twice, "not idempotent");
    once
}

fn check(before: &str, after: &str) {
    assert_eq!(formatted(before), after);
}

#[test]
fn the_worked_example_in_canonical_form() {
    check(WORKED, include_str!("syntax/worked.formatted.alula"));
}

#[test]
fn every_construct_in_canonical_form() {
    check(EVERYTHING, include_str!("syntax/everything.formatted.alula"));
}

#[test]
fn the_form_does_not_depend_on_the_line_ends_and_blanks_of_the_source() {
    let out = formatted(WORKED);
    assert_eq!(formatted(&WORKED.replace('\n', "\r\n")), out);
    assert_eq!(formatted(&WORKED.replace("    ", "\t")), out);
    assert_eq!(formatted(&format!("\u{FEFF}{}", WORKED.trim_end())), out);
    assert_eq!(formatted(&WORKED.replace("\n\n", "\n\n \n\n")), out);
}

#[test]
fn comments_stay_where_they_are() {
    check(
        "// top
alula 1 // version

// lead one

// lead two
strategy s { // on the brace
  // first inside
  capital $5 // money

  // before the end
} // behind the brace
// between
signal a = 1 // one
signal bcd = 2 // two
signal e = f( // inside
  g, // more inside
  h)

// the end

// the very end",
        "// top
alula 1  // version

// lead one

// lead two
strategy s {  // on the brace
    // first inside
    capital  $5  // money

    // before the end
}  // behind the brace

// between
signal a   = 1  // one
signal bcd = 2  // two
// inside
// more inside
signal e = f(g, h)

// the end

// the very end
",
    );
}

#[test]
fn comments_in_rules_and_layers_stay_with_their_clause() {
    check(
        "alula 1
policy p on c {
  // about the rule
  open when a // if a
    // about the size
    size 1 lots, // not more
    at most 2 lots
    require b // and b
  close x when c
    // why half
    portion 50%
}
hedge h on c {
  band 5% // wide
  // about l
  /// doc of l
  layer l { // opens
    own put on VIX { // inside a shape
      expiry nearest 30 dte, strike at 30 delta }
    // last
  } // closes
}
",
        "alula 1

policy p on c {
    // about the rule
    open when a  // if a
         // about the size
         // not more
         size 1 lot, at most 2 lots
         require b  // and b
    // why half
    close x when c, portion 50%
}

hedge h on c {
    band 5%  // wide
    // about l
    /// doc of l
    layer l {  // opens
        // inside a shape
        own     put on VIX { expiry nearest 30 dte, strike at 30 delta }
        // last
    }  // closes
}
"
        .replace("         // about", "    // about")
        .replace("         // not", "    // not")
        .as_str(),
    );
}

#[test]
fn a_comment_that_documents_nothing_loses_a_slash() {
    check(
        "alula 1\nguard g {\n  /// not documentation\n  //// four\n}",
        "alula 1\n\nguard g {\n    // not documentation\n    //// four\n}\n",
    );
}

#[test]
fn very_long_comments_stand_above_their_line() {
    let long = format!("// {}", "x".repeat(900));
    check(
        &format!("alula 1\nsignal a = 1 {long}"),
        &format!("alula 1\n\n{long}\nsignal a = 1\n"),
    );
    let doc = format!("/// {}", "x".repeat(900));
    check(
        &format!("alula 1\n/// one\nsignal a = 1 {doc}"),
        &format!("alula 1\n\n/// one\n{doc}\nsignal a = 1\n"),
    );
    // As long as a line may be: it moves left rather than past the limit.
    let longest = format!("// {}", "x".repeat(997));
    check(
        &format!("alula 1\nguard g {{\n{longest}\n}}"),
        &format!("alula 1\n\nguard g {{\n{longest}\n}}\n"),
    );
}

#[test]
fn long_lines_break_at_the_loosest_operator() {
    check(
        "alula 1
signal a = first_long_condition_name > second_long_name or third_long_condition_name > fourth_long_name and fifth_long_name < 5 vol or sixth
signal b = some_function_with_a_long_name(first_long_argument_name, second_long_argument_name, third_long_argument_name + 1, fourth)
policy p on c { open when the_first_long_condition_name > second_long_name and the_third_long_condition_name > fourth_long_name size 1 lots
 roll r when first_long_condition_name > second_long_name to nearest 45 dte in 30..60 dte only pm, tested side at 16 delta, require a }
guard g { require the_first_long_condition_name > second_long_name and the_third_long_condition_name > fourth_long_name else block open }
",
        "alula 1

signal a = first_long_condition_name > second_long_name
    or third_long_condition_name > fourth_long_name and fifth_long_name < 5 vol or sixth
signal b = some_function_with_a_long_name(first_long_argument_name, second_long_argument_name,
    third_long_argument_name + 1, fourth)

policy p on c {
    open when the_first_long_condition_name > second_long_name
             and the_third_long_condition_name > fourth_long_name
         size 1 lot
    roll r when first_long_condition_name > second_long_name
         to nearest 45 dte in 30..60 dte only pm, tested side at 16 delta
         require a
}

guard g {
    require the_first_long_condition_name > second_long_name
            and the_third_long_condition_name > fourth_long_name
        else block open
}
"
        .replace("nearest 45", "45")
        .as_str(),
    );
}

#[test]
fn a_file_with_errors_is_refused_with_its_findings() {
    let Err(FormatError::Syntax(findings)) = format("alula 1\nsignal a = ") else {
        panic!("it was formatted")
    };
    assert_eq!(findings.len(), 1);
    assert!(
        format("signal a = 1").is_err(),
        "a file without version could mean anything"
    );
}

#[test]
fn one_expression_and_one_number_have_a_canonical_text() {
    let cases = [
        ("((a+b))*c", "(a + b) * c"),
        ("a-(b-c)", "a - (b - c)"),
        ("(a-b)-c", "a - b - c"),
        ("not (a and b)", "not (a and b)"),
        ("(not a) and b", "not a and b"),
        ("(a and b) for 3 bars", "(a and b) for 3 bars"),
        ("(50% of a) of b", "(50% of a) of b"),
        ("a + not b", "a + (not b)"),
        ("(a < b) = c", "(a < b) = c"),
        ("-(5) + -(a) - (-5)", "-(5) + -a - -5"),
        ("5 vol .x", "(5 vol).x"),
        ("(a until b) until c", "a until b until c"),
        (
            "f((a = b), ((a = b) and c), a != b)",
            "f((a = b), (a = b and c), a != b)",
        ),
        ("x in 1 vol..2 vol", "x in 1..2 vol"),
        ("x in (a+1)..b", "x in a + 1..b"),
        (
            "250000 + $1000 + 1000 + 10000 + -$8000.50 + +5 + 1.20",
            "250_000 + $1_000 + 1000 + 10_000 + -$8_000.50 + +5 + 1.20",
        ),
        (
            "1 day + 2 day + 1 lots + 1.0 session + 5 m",
            "1 day + 2 days + 1 lot + 1.0 sessions + 5m",
        ),
        ("(script f(a) -> ratio).x @ 5m", "(script f(a) -> ratio).x @ 5m"),
    ];
    for (before, after) in cases {
        let p = parse(FileId(0), format!("alula 1\nsignal x = {before}").as_bytes());
        let Some(alula_dsl::ast::ItemKind::Signal(s)) = p.ast.items.first().map(|i| &i.kind) else {
            panic!("{before}: {:?}", p.diagnostics)
        };
        assert_eq!(expr_text(&s.expr), after);
        let again = parse(FileId(0), format!("alula 1\nsignal x = {after}").as_bytes());
        assert_eq!(again.ast, p.ast, "{after}");
    }
    let p = parse(FileId(0), b"alula 1\nthreshold t = -$8_000.50 in 0..1");
    let Some(alula_dsl::ast::ItemKind::Threshold(t)) = p.ast.items.first().map(|i| &i.kind) else {
        panic!()
    };
    assert_eq!(literal_text(&t.default), "-$8_000.50");
}

#[test]
fn a_tree_without_source_is_printed_and_reads_back() {
    for text in [WORKED, EVERYTHING] {
        let p = parse(FileId(0), text.as_bytes());
        let printed = print(&p.ast);
        let again = parse(FileId(0), printed.as_bytes());
        assert!(again.diagnostics.is_empty(), "{:?}\n{printed}", again.diagnostics);
        assert_eq!(again.ast, p.ast);
    }
}
