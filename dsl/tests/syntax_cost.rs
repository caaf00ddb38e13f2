//! Parse cost grows linearly: counted in calls of pest's rules, not in seconds. Items are parsed one by one, so their number
//! is a factor and nothing else.
//!
//! The call limit is a setting of the whole process, so this file holds one test and nothing else.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may fail loudly, and so may its helpers"
)]

use alula_dsl::span::FileId;
use alula_dsl::syntax::parse;
use std::num::NonZeroUsize;

fn parses(text: &str, limit: usize) -> bool {
    pest::set_call_limit(NonZeroUsize::new(limit));
    let p = parse(FileId(0), text.as_bytes());
    pest::set_call_limit(None);
    assert!(
        p.diagnostics.iter().all(|d| d.message.contains("too deep")),
        "{:?}",
        p.diagnostics
    );
    p.diagnostics.is_empty()
}

/// The least number of counted calls with which `text` parses.
fn calls(text: &str) -> usize {
    assert!(parses(text, 0), "it has to parse without a limit: {text}");
    let (mut low, mut high) = (0, 1);
    while !parses(text, high) {
        low = high;
        high *= 2;
    }
    while high - low > 1 {
        let middle = low.midpoint(high);
        if parses(text, middle) {
            high = middle
        } else {
            low = middle
        }
    }
    high
}

/// Asserts that twice the size costs about twice the calls, less what a text of size nought costs.
fn linear(what: &str, n: usize, text: impl Fn(usize) -> String) {
    // Line ends for blanks keep lines below their own limit, and cost the same.
    let file = |n: usize| format!("alula 1\n{}\n", text(n).replace(' ', "\n"));
    let (one, two, four) = (calls(&file(n)), calls(&file(2 * n)), calls(&file(4 * n)));
    // Growth over equal steps: linear cost has growth in the ratio of the steps.
    let (first, second) = (two - one, four - two);
    let ratio = second as f64 / first as f64;
    println!("{what:32} n={n:3} calls {one:6} {two:6} {four:6}  growth ratio {ratio:.3}");
    assert!(
        (1.9..=2.1).contains(&ratio),
        "{what}: {one}, {two}, {four} calls; the steps grow by {ratio:.3}, not by 2"
    );
}

#[test]
fn parse_cost_is_linear_in_every_bracketed_construct_and_chain() {
    let nest = |open: &'static str, close: &'static str| {
        move |n: usize| format!("signal x = {}a{}", open.repeat(n), close.repeat(n))
    };
    // Depth.
    linear("nested parentheses", 5, nest("(", ")"));
    linear("nested calls", 5, nest("f(", ")"));
    linear("calls nested second", 5, nest("f(b, ", ")"));
    linear("calls nested first", 5, nest("f(", ", b)"));
    linear("nested named arguments", 5, nest("f(x = ", ")"));
    linear("nested indexes", 5, nest("VX[", "]"));
    linear("nested script calls", 5, nest("script f(", ") -> ratio"));
    linear("nested behind prefixes", 5, nest("-(b + ", ")"));
    linear("nested behind not", 5, nest("not (b and ", ")"));
    linear("nested right operands", 5, nest("b + (", ")"));
    linear("nested left operands", 5, nest("(", " and b)"));
    linear("nested with suffixes", 5, nest("(", " for 3 bars)"));
    // Length.
    let join = |op: &'static str| move |n: usize| format!("signal x = {}", vec!["a"; n].join(op));
    linear("chain of +", 15, join(" + "));
    linear("chain of and", 15, join(" and "));
    linear("chain of of", 15, join(" of "));
    linear("chain of fields", 15, join("."));
    linear("unary chain", 2, |n| format!("signal x = {}a", "not ".repeat(n)));
    linear("suffix chain", 5, |n| {
        format!("signal x = a{}", " for 3 bars".repeat(n))
    });
    linear("arguments", 10, |n| {
        format!("signal x = f({})", vec!["a"; n].join(", "))
    });
    linear("scenario shifts", 10, |n| {
        format!("signal x = f(under {})", vec!["vol +5"; n].join(" & "))
    });
    linear("votes", 10, |n| {
        format!(
            "hedge h on c {{ layer l {{ vote {} }} }}",
            vec!["f(a) > b"; n].join(", ")
        )
    });
    // Blocks.
    linear("settings", 10, |n| {
        format!("strategy s {{ {} }}", "capital $5 ".repeat(n))
    });
    linear("legs", 10, |n| {
        format!(
            "structure s = legs on SPX {{ {} }}",
            "short put at 16 delta ".repeat(n)
        )
    });
    linear("legs of legs", 10, |n| {
        format!(
            "structure s = legs on SPX {{ {} }}",
            "short put 5 pts below long put, expiry nearest 5 dte ".repeat(n)
        )
    });
    linear("opens", 10, |n| {
        format!(
            "policy p on c {{ {} }}",
            "open a when b size 1 lots up to 3 positions require d limit mid ".repeat(n)
        )
    });
    linear("closes", 10, |n| {
        format!(
            "policy p on c {{ {} }}",
            "close a when b portion 50% unknown act ".repeat(n)
        )
    });
    linear("rolls", 10, |n| {
        format!(
            "policy p on c {{ {} }}",
            "roll a when b to 45 dte, recentred ".repeat(n)
        )
    });
    linear("layers", 10, |n| {
        format!(
            "hedge h on c {{ {} }}",
            "layer l { own call on VIX { at 5 delta } active when a until b } ".repeat(n)
        )
    });
    linear("overlay clauses", 10, |n| {
        format!(
            "overlay o on c {{ {} }}",
            "trade ES to delta 0 ± 5 delta require a ".repeat(n)
        )
    });
    linear("guard rules", 10, |n| {
        format!(
            "guard g {{ {} }}",
            "require f(a) in 1..2 else block open ".repeat(n)
        )
    });
    linear("script parameters", 10, |n| {
        format!(
            "script f({}) -> ratio from \"f.rhai\"",
            vec!["a: vol"; n].join(", ")
        )
    });
    linear("attributes", 10, |n| {
        format!("{}signal x = 1", "#allow(A0601) because \"y\" ".repeat(n))
    });
}
