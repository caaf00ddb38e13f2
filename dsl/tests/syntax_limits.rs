//! Every limit, at the limit and one past it; hostile files on a small stack.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may fail loudly, and so may its helpers"
)]

use alula_dsl::diagnostic::codes;
use alula_dsl::format::format;
use alula_dsl::span::FileId;
use alula_dsl::syntax::{Parsed, limits, parse};

/// Stack of the threads below: what a small embedded host or a language server's worker may have.
const SMALL_STACK: usize = 256 * 1024;

fn on_small_stack<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new()
        .stack_size(SMALL_STACK)
        .spawn(f)
        .expect("a thread");
    thread.join().expect("no panic")
}

/// Parses on a small stack, drops the tree there too, and gives the codes found.
fn codes_of(text: String) -> Vec<u16> {
    on_small_stack(move || {
        let p: Parsed = parse(FileId(0), text.as_bytes());
        p.diagnostics.iter().map(|d| d.code.0).collect()
    })
}

fn signal(expr: &str) -> String {
    format!("alula 1\nsignal x = {expr}\n")
}

/// `text(limit)` is accepted, `text(limit + 1)` gives exactly the finding `code`.
fn limit(code: alula_dsl::diagnostic::Code, at: usize, text: impl Fn(usize) -> String) {
    assert_eq!(codes_of(text(at)), Vec::<u16>::new(), "at the limit of {code}");
    assert_eq!(
        codes_of(text(at + 1)),
        vec![code.0],
        "one past the limit of {code}"
    );
}

#[test]
fn bytes_of_a_file() {
    limit(codes::FILE_TOO_LARGE, limits::FILE_BYTES, |n| {
        let line = format!("// {}\n", "x".repeat(96));
        let mut text = format!("alula 1\n{}", line.repeat(2_600));
        text.push_str(&"\n".repeat(n - text.len()));
        text
    });
}

#[test]
fn lines_of_a_file() {
    limit(codes::TOO_MANY_LINES, limits::LINES, |n| {
        format!("alula 1\n{}", "\n".repeat(n - 1))
    });
}

#[test]
fn characters_of_a_line() {
    limit(codes::LINE_TOO_LONG, limits::LINE_CHARACTERS, |n| {
        format!("alula 1\n// {}\r\n", "é".repeat(n - 3))
    });
}

#[test]
fn open_brackets() {
    // Brackets that say nothing.
    limit(codes::NESTED_TOO_DEEPLY, limits::NESTING, |n| {
        signal(&format!("{}a{}", "(".repeat(n), ")".repeat(n)))
    });
    limit(codes::NESTED_TOO_DEEPLY, limits::NESTING - 1, |n| {
        format!(
            "alula 1\nguard g {{ require {}a{} else block open }}",
            "(".repeat(n),
            ")".repeat(n)
        )
    });
    // Brackets that the expression needs.
    let each = [
        ("f(", ")"),
        ("VX[", "]"),
        ("-(b + ", ")"),
        ("f((a = ", "))"),
        ("script f(", ") -> ratio"),
        ("f(x = ", ")"),
    ];
    for (open, close) in each {
        let per = open.matches(['(', '[']).count();
        limit(codes::NESTED_TOO_DEEPLY, limits::EXPRESSION_NESTING / per, |n| {
            signal(&format!("{}a{}", open.repeat(n), close.repeat(n)))
        });
    }
}

#[test]
fn items_of_a_file() {
    limit(codes::TOO_MANY_ITEMS, limits::ITEMS, |n| {
        format!("alula 1\n{}", "signal x = 1\n".repeat(n))
    });
}

#[test]
fn prefixes_in_a_row() {
    for op in ["not ", "-", "- ", "not -"] {
        let per = op.trim().split(' ').count();
        limit(codes::UNARY_CHAIN_TOO_LONG, limits::UNARY_CHAIN / per, |n| {
            signal(&format!("{}a", op.repeat(n)))
        });
    }
}

#[test]
fn operands_of_an_expression() {
    const {
        assert!(
            limits::OPERANDS < limits::TREE_HEIGHT,
            "this limit is reached before the height"
        )
    };
    for op in [" + ", " and ", " or ", " of ", " * ", " until "] {
        limit(codes::TOO_MANY_OPERANDS, limits::OPERANDS, |n| {
            signal(&vec!["a"; n].join(op))
        });
    }
    limit(codes::TOO_MANY_OPERANDS, limits::OPERANDS, |n| {
        signal(&format!("a{}", ".b".repeat(n)))
    });
    // Brackets that say nothing do not help.
    limit(codes::TOO_MANY_OPERANDS, limits::OPERANDS - 40, |n| {
        signal(&format!(
            "({}) + {}",
            vec!["a"; 40].join(" + "),
            vec!["a"; n].join(" + ")
        ))
    });
    limit(codes::UNARY_CHAIN_TOO_LONG, limits::UNARY_CHAIN - 2, |n| {
        signal(&format!("not (not ({}a))", "not ".repeat(n)))
    });
}

#[test]
fn height_of_an_expression() {
    // Brackets on the left that are needed, so that the heights of short chains add up.
    let chains = 6;
    let each = 10;
    limit(
        codes::EXPRESSION_TOO_TALL,
        limits::TREE_HEIGHT - chains * (each + 1),
        |n| {
            let mut text = vec!["a"; n].join(" + ");
            for _ in 0..chains {
                text = format!("-({text}){}", " + a".repeat(each));
            }
            signal(&text)
        },
    );
}

#[test]
fn numbers_strings_and_names() {
    limit(codes::NUMBER_TOO_LONG, limits::NUMBER_DIGITS, |n| {
        signal(&"7".repeat(n))
    });
    limit(codes::NUMBER_TOO_LONG, limits::NUMBER_DIGITS, |n| {
        signal(&format!("0.{}", "7".repeat(n)))
    });
    limit(codes::NUMBER_TOO_LONG, limits::NUMBER_CHARACTERS, |n| {
        signal(&format!("1{}", "_".repeat(n - 1)))
    });
    limit(codes::STRING_TOO_LONG, limits::STRING_BYTES, |n| {
        format!("alula 1\nimport \"{}\"", "x".repeat(n))
    });
    limit(codes::NAME_TOO_LONG, limits::NAME_BYTES, |n| {
        format!("alula 1\nsignal {} = 1", "x".repeat(n))
    });
    limit(codes::NAME_TOO_LONG, limits::NAME_BYTES, |n| {
        format!("alula 1\n#allow({}) because \"y\" signal x = 1", "a".repeat(n))
    });
}

#[test]
fn findings_of_a_file() {
    let broken = |n: usize| format!("alula 1\n{}", "signal x = \n".repeat(n));
    assert_eq!(codes_of(broken(limits::DIAGNOSTICS)).len(), limits::DIAGNOSTICS);
    let past = codes_of(broken(limits::DIAGNOSTICS + 1));
    assert_eq!(past.len(), limits::DIAGNOSTICS + 1);
    assert!(past.contains(&codes::MORE_FINDINGS.0));
}

#[test]
fn ten_thousand_of_anything_give_findings_on_a_small_stack() {
    let n = 10_000;
    let nested = [
        "(",
        "[",
        "{",
        "f(",
        "VX[",
        "((",
        "-(",
        "not (",
        "f(a, ",
        "f(x = ",
        "script f(",
        "a[b(",
        "{ layer x ",
    ];
    for open in nested {
        let close: String = open
            .chars()
            .rev()
            .filter_map(|c| match c {
                '(' => Some(')'),
                '[' => Some(']'),
                '{' => Some('}'),
                _ => None,
            })
            .collect();
        for break_lines in [false, true] {
            let open = if break_lines {
                format!("{open}\n")
            } else {
                open.to_owned()
            };
            // Without line ends the line is refused as well; the file has to stay below the limit of bytes either way.
            for text in [format!("{}a{}", open.repeat(n), close.repeat(n)), open.repeat(n)] {
                let found = codes_of(signal(&text));
                assert!(!found.is_empty(), "{open:?}");
            }
        }
    }
    for prefix in ["not ", "-", "- -", "+", "!", "not\n"] {
        assert!(!codes_of(signal(&format!("{}a", prefix.repeat(n)))).is_empty());
    }
    for join in [
        " + ",
        " and\n",
        " of ",
        " until\n",
        "..",
        " in ",
        ".",
        " @ 5m\n",
        ", ",
        " = ",
        " for 3 bars\n",
    ] {
        assert!(!codes_of(signal(&vec!["a"; n].join(join))).is_empty(), "{join}");
    }
    for item in [
        "{}",
        "}",
        ")",
        "]}",
        "#",
        "#allow",
        "\"",
        "'",
        "/*",
        "layer\n",
        "script\n",
        "strategy x {\n",
        "\u{202E}",
        "±",
        "“",
    ] {
        assert!(
            !codes_of(format!("alula 1\n{}", item.repeat(n))).is_empty(),
            "{item}"
        );
    }
    assert!(!codes_of("alula 1\n".repeat(n / 2)).is_empty());
    assert!(!codes_of("alula ".repeat(n)).is_empty());
}

#[test]
fn what_is_at_the_limits_is_formatted_on_a_small_stack() {
    let n = limits::EXPRESSION_NESTING;
    let mut deep = vec!["a"; limits::TREE_HEIGHT - n / 2 * 3].join(" + ");
    // Two needed brackets and three levels of the tree each.
    for _ in 0..n / 2 {
        deep = format!("b + not -({deep})");
    }
    let calls = format!("{}a{}", "f(b, ".repeat(n), ")".repeat(n));
    for expr in [deep, vec!["a"; limits::OPERANDS].join(" of "), calls] {
        let same = on_small_stack(move || {
            let text =
                format!("alula 1\nhedge h on c {{ layer l {{ own legs on SPX {{ at strike {expr} }} }} }}");
            let once = format(&text).expect("formats");
            format(&once).expect("formats") == once
        });
        assert!(same);
    }
}
