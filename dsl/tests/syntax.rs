//! Text to tree: what parses, what is refused and where the finger points.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may fail loudly, and so may its helpers"
)]

use alula_dsl::ast::{
    Arg, Expr, ExprKind, ItemKind, LegClause, LitUnit, RollStrikes, Rule, SizeExpr, UnaryOp,
};
use alula_dsl::diagnostic::Severity;
use alula_dsl::format::literal_text;
use alula_dsl::span::FileId;
use alula_dsl::syntax::{Parsed, is_reserved, parse};

const WORKED: &str = include_str!("syntax/worked.alula");
const EVERYTHING: &str = include_str!("syntax/everything.alula");

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

/// The expression of `signal x = …`, fully bracketed.
fn tree(expr: &str) -> String {
    let p = read(format!("alula 1\nsignal x = {expr}"));
    assert_eq!(findings(&p), Vec::<String>::new(), "{expr}");
    match &p.ast.items[0].kind {
        ItemKind::Signal(s) => lisp(&s.expr),
        other => panic!("{other:?}"),
    }
}

fn lisp(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Literal(l) => literal_text(l).replace(' ', "_"),
        ExprKind::Text(t) => format!("{t:?}"),
        ExprKind::Name(n) => n.clone(),
        ExprKind::Leg(l) => {
            let name = l.name.as_ref().map_or(String::new(), |n| format!(" {}", n.value));
            format!("(leg {:?} {:?}{name})", l.side, l.right)
        }
        ExprKind::Field(of, f) => format!("(. {} {})", lisp(of), f.value),
        ExprKind::Index(of, i) => format!("([] {} {})", lisp(of), lisp(i)),
        ExprKind::OnBars(of, l) => format!("(@ {} {})", lisp(of), literal_text(l)),
        ExprKind::Call(f, args) => {
            let args: Vec<String> = args
                .iter()
                .map(|a| match a {
                    Arg::Value(e) => lisp(e),
                    Arg::Named(n, e) => format!("{}: {}", n.value, lisp(e)),
                    Arg::Over(l) => format!("over {}", literal_text(l)),
                    Arg::SinceEntry(_) => "since entry".to_owned(),
                    Arg::Range(a, b) => format!("{}..{}", literal_text(a), literal_text(b)),
                    Arg::Under(s) => {
                        let shifts = s.iter().map(|s| s.value.words());
                        format!("under {}", shifts.collect::<Vec<_>>().join(" & "))
                    }
                })
                .collect();
            format!("{}({})", f.value, args.join(", "))
        }
        ExprKind::ScriptCall { name, args, returns } => {
            let args: Vec<String> = args.iter().map(lisp).collect();
            format!("script {}({}) -> {}", name.value, args.join(", "), returns.value)
        }
        ExprKind::Unary(UnaryOp::Neg, e) => format!("(neg {})", lisp(e)),
        ExprKind::Unary(UnaryOp::Not, e) => format!("(not {})", lisp(e)),
        ExprKind::Binary(op, l, r) => format!("({op:?} {} {})", lisp(l), lisp(r)),
        ExprKind::InRange(x, lo, hi) => format!("(in {} {} {})", lisp(x), lisp(lo), lisp(hi)),
        ExprKind::Within(l, side, e) => format!("(within {} {side:?} {})", literal_text(l), e.value),
        ExprKind::For(e, l) => format!("(for {} {})", lisp(e), literal_text(l)),
        ExprKind::Until(on, off) => format!("(until {} {})", lisp(on), lisp(off)),
        ExprKind::Moves {
            expr,
            direction,
            amount,
            over,
        } => {
            format!(
                "(moves {} {direction:?} {} {})",
                lisp(expr),
                literal_text(amount),
                literal_text(over)
            )
        }
    }
}

#[test]
fn the_worked_example_parses_verbatim() {
    let p = read(WORKED);
    assert_eq!(findings(&p), Vec::<String>::new());
    assert_eq!(p.ast.items.len(), 16);
    assert_eq!(p.ast.version.as_ref().map(|v| v.value), Some(1));
    let docs: Vec<&str> = p
        .ast
        .items
        .iter()
        .map(|i| i.doc.as_str())
        .filter(|d| !d.is_empty())
        .collect();
    assert_eq!(docs.len(), 4);
    assert_eq!(docs[3], "share of the condor's vega to carry");
}

#[test]
fn every_construct_parses() {
    let p = read(EVERYTHING);
    assert_eq!(findings(&p), Vec::<String>::new());
    assert_eq!(p.ast.items.len(), 28);
}

#[test]
fn operators_bind_as_documented() {
    let cases = [
        ("a + b * c - d", "(Sub (Add a (Mul b c)) d)"),
        ("a - b - c", "(Sub (Sub a b) c)"),
        ("50% of 20% of x * 2", "(Mul (Of 50% (Of 20% x)) 2)"),
        ("votes >= 2 of 4", "(Ge votes (Of 2 4))"),
        ("-x.y of z", "(Of (neg (. x y)) z)"),
        ("a or b and not c > d", "(Or a (And b (not (Gt c d))))"),
        ("not a and b", "(And (not a) b)"),
        ("not x for 3 bars", "(not (for x 3 bars))"),
        ("a and b for 3 bars", "(And a (for b 3 bars))"),
        (
            "a > b + 1 for 3 bars until c or d",
            "(until (for (Gt a (Add b 1)) 3 bars) (Or c d))",
        ),
        ("a until b until c", "(until (until a b) c)"),
        (
            "x in lo + 1..hi * 2 and y",
            "(And (in x (Add lo 1) (Mul hi 2)) y)",
        ),
        ("x + 1 in 5..10 vol", "(in (Add x 1) 5_vol 10_vol)"),
        (
            "VIX.close up 15% over 3 sessions and b",
            "(And (moves (. VIX close) Above 15% 3 sessions) b)",
        ),
        ("a + b down 2 vol over 2h", "(moves (Add a b) Below 2 vol 2h)"),
        (
            "a above b or c crosses  below d",
            "(Or (Above a b) (CrossesBelow c d))",
        ),
        (
            "VX[2].price / VX[1 + 1].price - 1",
            "(Sub (Div (. ([] VX 2) price) (. ([] VX (Add 1 1)) price)) 1)",
        ),
        ("SPX.close @ 5m + 1", "(Add (@ (. SPX close) 5m) 1)"),
        (
            "macd(VVIX.close, 12, 26, 9).histogram",
            "(. macd((. VVIX close), 12, 26, 9) histogram)",
        ),
        ("-5 + - 5 - -5", "(Sub (Add -5 -5) -5)"),
        ("-(5)", "(neg 5)"),
        ("--5", "(neg -5)"),
        ("-5 .x", "(neg (. 5 x))"),
        ("a - +5 vol", "(Sub a +5_vol)"),
        ("((a + b)) * c", "(Mul (Add a b) c)"),
        ("a + not b", "(Add a (not b))"),
        ("net credit >= $0", "(Ge net_credit $0)"),
        ("net\n  credit", "net_credit"),
        ("net + credit", "(Add net credit)"),
        (
            "short.delta + long call.strike",
            "(Add (. (leg Short None) delta) (. (leg Long Some(Call)) strike))",
        ),
        ("short put far.delta", "(. (leg Short Some(Put) far) delta)"),
        (
            "within 5 days before fomc or x",
            "(Or (within 5 days Before fomc) x)",
        ),
        (
            "f(a = b, c, over 20 sessions, since entry, 8..15 bps)",
            "f(a: b, c, over 20 sessions, since entry, 8 bps..15 bps)",
        ),
        ("f((a = b))", "f((Eq a b))"),
        (
            "cushion(under vol +10 & spot -5%)",
            "cushion(under vol +10 & spot -5%)",
        ),
        (
            "script q(a, b + 1) -> ratio > 3",
            "(Gt script q(a, (Add b 1)) -> ratio 3)",
        ),
        ("SPX.open + x.event", "(Add (. SPX open) (. x event))"),
        ("x = \"a \\\"b\\\" \\\\\"", "(Eq x \"a \\\"b\\\" \\\\\")"),
        ("1_000.50 pts", "1000.50_pts"),
        ("a>b and(c)<d", "(And (Gt a b) (Lt c d))"),
        ("delta > 5 delta", "(Gt delta 5_delta)"),
        ("f()", "f()"),
    ];
    for (text, expected) in cases {
        assert_eq!(tree(text), expected, "{text}");
    }
}

#[test]
fn line_ends_and_comments_mean_nothing_inside_an_item() {
    let spaced =
        "signal x = a and b for 3 bars until c\npolicy p on c { open when x size 3 lots, at most 5 lots }";
    let broken = spaced.replace(' ', " // note { ( \" \n\t ");
    let (one, two) = (
        read(format!("alula 1\n{spaced}")),
        read(format!("alula 1\n{broken}")),
    );
    assert_eq!(findings(&two), Vec::<String>::new());
    assert_eq!(one.ast, two.ast);
}

#[test]
fn the_lower_end_of_a_range_shares_the_unit_of_the_upper() {
    let p = read(
        "alula 1\nthreshold a = 5 vol in 1..9 vol\nthreshold b = $5 in 1..$9\nthreshold c = 5 in 1 vol..9",
    );
    let unit = |n: usize| match &p.ast.items[n].kind {
        ItemKind::Threshold(t) => (t.min.unit, t.max.unit),
        other => panic!("{other:?}"),
    };
    assert_eq!(unit(0), (LitUnit::Vol, LitUnit::Vol));
    assert_eq!(unit(1), (LitUnit::None, LitUnit::Usd));
    assert_eq!(unit(2), (LitUnit::Vol, LitUnit::None));
}

#[test]
fn sizes_limits_and_legs_are_told_apart() {
    let p = read(
        "alula 1\npolicy p on c {
           open when a size 3 lots open b when a size n open c when a size 15% open d when a size (n)
           open e when a size 2% of equity by margin
           roll f when a to 45 dte, put side at 16 delta }
         structure s = legs on SPX { short put at 16 delta, expiry nearest 90 dte expiry nearest 30 dte }",
    );
    assert_eq!(findings(&p), Vec::<String>::new());
    let ItemKind::Policy(policy) = &p.ast.items[0].kind else {
        panic!()
    };
    let sizes: Vec<&str> = policy
        .rules
        .iter()
        .map(|r| match &r.value {
            Rule::Open {
                size: SizeExpr::Lots(_),
                ..
            } => "lots",
            Rule::Open {
                size: SizeExpr::Of(_),
                ..
            } => "of",
            Rule::Open {
                size: SizeExpr::Budget { .. },
                ..
            } => "budget",
            Rule::Roll { to, .. } if matches!(to.strikes, RollStrikes::Side(..)) => "side",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sizes, ["lots", "lots", "of", "of", "budget", "side"]);
    // After a comma the expiry is the leg's own, without one it is the structure's.
    let ItemKind::Structure(s) = &p.ast.items[1].kind else {
        panic!()
    };
    assert!(matches!(
        &s.shape.clauses[0].value,
        LegClause::Leg { expiry: Some(_), .. }
    ));
    assert!(matches!(&s.shape.clauses[1].value, LegClause::Expiry(_)));
}

#[test]
fn documentation_finds_its_item() {
    let p = read(
        "/// before the version\nalula 1\n\n/// one\n// plain\n/// two\n\n#allow(x) because \"y\"\n/// three\nsignal a = 1 /// four
         signal b = 2\n//// not documentation\nhedge h on c {\n  /// inner\n  band 5%\n  /// layer one\n  layer l {\n }\n}\n/// last",
    );
    let docs: Vec<&str> = p.ast.items.iter().map(|i| i.doc.as_str()).collect();
    assert_eq!(docs, ["one\ntwo\nthree\nfour", "", ""]);
    let ItemKind::Hedge(h) = &p.ast.items[2].kind else {
        panic!()
    };
    assert_eq!(h.layers[0].value.doc, "layer one");
    let misplaced =
        "this comment documents nothing | write it with two slashes, or put it before an item or a layer";
    let at = |place: &str| format!("A0116 {place} {misplaced}");
    assert_eq!(findings(&p), [at("1:1"), at("14:3"), at("20:1")]);
    assert!(p.diagnostics.iter().all(|d| d.severity == Severity::Warning));
}

#[test]
fn reserved_words_are_no_names() {
    for word in [
        "when", "open", "overlay", "over", "on", "only", "order", "in", "use", "strategy",
    ] {
        assert_eq!(is_reserved(word), word != "order", "{word}");
        let found = findings(&read(format!("alula 1\nsignal {word} = 1")));
        assert_eq!(found.is_empty(), word == "order", "{word}");
    }
    // A name may begin with a reserved word.
    for word in [
        "opening", "in_range", "overlays", "ontario", "use2", "not_a", "atr", "format", "upper",
    ] {
        check(&format!("signal {word} = {word}({word})"), &[]);
    }
}
