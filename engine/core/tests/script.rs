//! Scripts: what they may do, what they may not, and each limit at its edge.
#![expect(clippy::panic, clippy::expect_used, reason = "a test may fail loudly")]

use alula_core::script::{
    MAX_ARRAY_ITEMS, MAX_CALL_LEVELS, MAX_EXPRESSION_DEPTH, MAX_FUNCTIONS, MAX_MAP_ENTRIES, MAX_PARAMETERS,
    MAX_SOURCE_BYTES, MAX_STRING_BYTES, MAX_VARIABLES, Script, ScriptError, ScriptHost, Signature,
};
use alula_core::value::{Cause, Cell, ScriptFault};
use alula_dsl::graph::ValueKind;
use alula_dsl::unit::Unit;

const NUMBER: ValueKind = ValueKind::Number(Unit::NONE);

fn compile(source: &str, params: usize, returns: ValueKind) -> Result<Script, ScriptError> {
    ScriptHost::new().compile(
        "f",
        source,
        Signature {
            params: vec![NUMBER; params],
            returns,
        },
    )
}

/// The result of `f` on numbers.
fn run(source: &str, inputs: &[f64]) -> Cell {
    let script = compile(source, inputs.len(), NUMBER).unwrap_or_else(|e| panic!("{e} at {:?}", e.line));
    script.call(&inputs.iter().map(|x| Cell::number(*x)).collect::<Vec<_>>())
}

fn fault(fault: ScriptFault) -> Cell {
    Cell::missing(Cause::Script(fault))
}

fn refused(source: &str) -> ScriptError {
    compile(source, 0, NUMBER).expect_err(source)
}

#[test]
fn arithmetic_logic_and_maths_work() {
    let ratio = "fn f(volume, depth) { if depth > 0.0 { volume / depth } else { 0.0 } }";
    assert_eq!(run(ratio, &[6.0, 4.0]), Cell::number(1.5));
    assert_eq!(
        run("fn f(x) { sqrt(abs(x)) + max(x, 1.0) + x.floor() }", &[-4.0]),
        Cell::number(2.0 + 1.0 - 4.0)
    );
    assert_eq!(
        run(
            "fn f(x) { let n = 0; while x > 1.0 { x /= 2.0; n += 1; } n }",
            &[8.0]
        ),
        Cell::number(3.0)
    );
    assert_eq!(
        run("fn g(x) { x * 2.0 } fn f(x) { g(g(x)) }", &[3.0]),
        Cell::number(12.0)
    );
    assert_eq!(
        run("fn f() { pow(2, 10) + pow(2.0, 3) + pow(4.0, 0.5) }", &[]),
        Cell::number(1024.0 + 8.0 + 2.0)
    );
    assert_eq!(run("fn f() { PI() }", &[]), Cell::number(std::f64::consts::PI));
    assert_eq!(
        run("fn f(x) { switch x { 1.0 => 10.0, _ => 20.0 } }", &[1.0]),
        Cell::number(10.0)
    );
    // A byte-order mark is not part of the text.
    assert_eq!(run("\u{feff}fn f() { 1.0 }", &[]), Cell::number(1.0));
}

#[test]
fn transcendental_functions_are_libms_on_every_machine() {
    for x in [0.1, 0.7, 1.3, 2.9] {
        let cases: [(&str, f64); 9] = [
            ("exp(x)", libm::exp(x)),
            ("ln(x)", libm::log(x)),
            ("log(x)", libm::log10(x)),
            ("sin(x)", libm::sin(x)),
            ("tanh(x)", libm::tanh(x)),
            ("atan(x, 2.0)", libm::atan2(x, 2.0)),
            ("hypot(x, 2.0)", libm::hypot(x, 2.0)),
            ("pow(x, 1.7)", libm::pow(x, 1.7)),
            ("x.cos()", libm::cos(x)),
        ];
        for (call, want) in cases {
            assert_eq!(
                run(&format!("fn f(x) {{ {call} }}"), &[x]),
                Cell::number(want),
                "{call} of {x}"
            );
        }
    }
}

#[test]
fn results_are_of_the_declared_type_or_missing() {
    let of = |source: &str, returns| compile(source, 0, returns).unwrap().call(&[]);
    assert_eq!(of("fn f() { true }", ValueKind::Bool), Cell::TRUE);
    assert_eq!(of("fn f() { 1 }", ValueKind::Bool), fault(ScriptFault::WrongType));
    assert_eq!(of("fn f() { true }", NUMBER), fault(ScriptFault::WrongType));
    assert_eq!(of("fn f() { \"1.0\" }", NUMBER), fault(ScriptFault::WrongType));
    assert_eq!(of("fn f() { }", NUMBER), fault(ScriptFault::WrongType));
    assert_eq!(of("fn f() { [1.0] }", NUMBER), fault(ScriptFault::WrongType));
    assert_eq!(of("fn f() { 42 }", NUMBER), Cell::number(42.0));
    // 2^53 is the last integer below which all are exact.
    assert_eq!(
        of("fn f() { 9007199254740992 }", NUMBER),
        Cell::number(9_007_199_254_740_992.0)
    );
    assert_eq!(
        of("fn f() { 9007199254740993 }", NUMBER),
        fault(ScriptFault::WrongType)
    );
    assert_eq!(of("fn f() { 1.0 / 0.0 }", NUMBER), fault(ScriptFault::NotFinite));
    assert_eq!(of("fn f() { 0.0 / 0.0 }", NUMBER), fault(ScriptFault::NotFinite));
    assert_eq!(of("fn f() { pow(2, 64) }", NUMBER), fault(ScriptFault::Error));
    assert_eq!(
        of("fn f() { 9223372036854775807 + 1 }", NUMBER),
        fault(ScriptFault::Error)
    );
    assert_eq!(of("fn f() { throw \"no\" }", NUMBER), fault(ScriptFault::Error));
    assert_eq!(of("fn f() { 1 + true }", NUMBER), fault(ScriptFault::Error));
    assert_eq!(of("fn f() { [1.0][3] }", NUMBER), fault(ScriptFault::Error));
}

#[test]
fn a_missing_input_passes_its_cause_and_the_script_is_not_called() {
    let script = compile("fn f(a, b) { throw \"called\" }", 2, NUMBER).unwrap();
    let stale = Cell::missing(Cause::Stale);
    assert_eq!(script.call(&[stale, Cell::missing(Cause::NoQuote)]), stale);
    assert_eq!(script.call(&[Cell::number(1.0), stale]), stale);
    assert_eq!(script.call(&[Cell::number(1.0)]), Cell::missing(Cause::NoData));
    assert_eq!(
        script.call(&[Cell::number(1.0), Cell::number(1.0)]),
        fault(ScriptFault::Error)
    );
}

#[test]
fn boolean_parameters_arrive_as_booleans() {
    let signature = Signature {
        params: vec![ValueKind::Bool, NUMBER],
        returns: NUMBER,
    };
    let script = ScriptHost::new()
        .compile("f", "fn f(on, x) { if on { x } else { -x } }", signature)
        .unwrap();
    assert_eq!(script.call(&[Cell::FALSE, Cell::number(2.0)]), Cell::number(-2.0));
}

#[test]
fn what_reaches_out_of_a_function_does_not_compile() {
    for body in [
        "sleep(1)",
        "print(1)",
        "debug(1)",
        "eval(\"1\")",
        "timestamp()",
        "import \"x\" as y; 1",
        "Fn(\"f\")",
        "exit(1)",
        "export x",
        "is_def_var(\"x\")",
        "call(1)",
        "rand()",
        "parse_int(\"1\")",
        "[].pad(100000000, 0)",
        "[1].len()",
        "\"x\".len()",
        "type_of(1)",
        "let g = |x| x; 1",
        "this",
        "for i in 0..3 { }",
        "x.elapsed",
    ] {
        let error = refused(&format!("fn f() {{ {body} }}"));
        assert!(error.line.is_some(), "{body}: {error}");
    }
    // The same where it can never run.
    assert!(
        refused("fn f() { if false { sleep(1) } 1.0 }")
            .message
            .contains("`sleep`")
    );
    assert!(
        refused("fn g() { timestamp() } fn f() { 1.0 }")
            .message
            .contains("`timestamp`")
    );
}

#[test]
fn compile_errors_say_where_and_why() {
    let error = refused("fn f() {\n  let x = 1;\n  x + y\n}");
    assert_eq!((error.line, error.column), (Some(3), Some(7)));
    assert!(error.message.contains('y'), "{error}");

    let error = refused("fn f() {\n  1.0 ** 2.0\n}");
    assert_eq!(error.line, Some(2));
    assert_eq!(error.help.as_deref(), Some("write `pow(x, y)`"), "{error}");
    assert_eq!(
        refused("fn f() { let x = 2.0; x **= 2.0; x }").help.as_deref(),
        Some("write `pow(x, y)`")
    );

    let error = refused("fn f() { for i in [1] { } 1.0 }");
    assert_eq!(
        error.help.as_deref(),
        Some("scripts loop with `while` and `loop`"),
        "{error}"
    );

    let error = refused("const A = 1;\nfn f() { 1 }");
    assert_eq!(
        (error.line, error.message.as_str()),
        (Some(1), "only functions may stand at the top of a script")
    );

    let error = compile("fn f(x) { x }", 2, NUMBER).unwrap_err();
    assert_eq!(error.message, "`f` takes 1 parameters, but 2 are declared");
    let error = compile("fn g(x) { x }", 1, NUMBER).unwrap_err();
    assert_eq!(
        (error.message.as_str(), error.help.as_deref()),
        ("the script has no function `f`", Some("it has g"))
    );
    assert_eq!(
        compile("private fn f() { 1 }", 0, NUMBER).unwrap_err().message,
        "`f` is private to its script"
    );
    assert_eq!(
        compile("", 0, NUMBER).unwrap_err().help.as_deref(),
        Some("write `fn f(…) { … }`")
    );
    assert!(compile("fn f() { 1 } fn f() { 2 }", 0, NUMBER).is_err());
    // Overloads are told apart by the number of parameters.
    assert!(compile("fn f() { 1 } fn f(x) { x }", 1, NUMBER).is_ok());
}

/// The largest `n` that passes, with everything below passing and everything above not.
fn edge(mut low: usize, mut high: usize, passes: impl Fn(usize) -> bool) -> usize {
    assert!(passes(low) && !passes(high));
    while high - low > 1 {
        let middle = low.midpoint(high);
        if passes(middle) {
            low = middle
        } else {
            high = middle
        }
    }
    low
}

#[test]
fn operations_are_budgeted_to_the_last_one() {
    let source = "fn f(n) { let i = 0.0; while i < n { i += 1.0; } i }";
    let turns = |n: usize| run(source, &[n as f64]);
    let last = edge(1, 100_000, |n| turns(n).is_known());
    assert_eq!(turns(last), Cell::number(last as f64));
    assert_eq!(turns(last + 1), fault(ScriptFault::Budget));
    assert_eq!(run("fn f() { loop { } }", &[]), fault(ScriptFault::Budget));
    // A script cannot catch it.
    assert_eq!(
        run("fn f() { try { loop { } } catch { } 1.0 }", &[]),
        fault(ScriptFault::Budget)
    );
    // Nor does a call leave less for the next.
    let script = compile(source, 1, NUMBER).unwrap();
    for _ in 0..3 {
        assert!(script.call(&[Cell::number(last as f64)]).is_known());
    }
}

#[test]
fn calls_nest_to_the_limit_and_no_deeper() {
    let source = "fn f(n) { if n <= 1.0 { 1.0 } else { 1.0 + f(n - 1.0) } }";
    // n calls are the one from outside and n - 1 nested in it.
    let last = MAX_CALL_LEVELS as f64 + 1.0;
    assert_eq!(run(source, &[last]), Cell::number(last));
    assert_eq!(run(source, &[last + 1.0]), fault(ScriptFault::Limit));
    assert_eq!(
        run("fn f() { try { f() } catch { 1.0 } }", &[]),
        fault(ScriptFault::Limit)
    );
}

#[test]
fn the_deepest_calls_with_the_deepest_expressions_fit_a_small_stack() {
    let deepest = edge(1, 1_000, |n| compile(&nested(n, "x"), 1, NUMBER).is_ok());
    let body = nested(deepest - 4, "if x < 1.0 { 1.0 } else { f(x - 1.0) }");
    let handle = std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(move || run(&body, &[1e9]))
        .unwrap();
    assert_eq!(handle.join().unwrap(), fault(ScriptFault::Limit));
}

fn nested(depth: usize, inner: &str) -> String {
    format!("fn f(x) {{ {}{inner}{} }}", "-(".repeat(depth), ")".repeat(depth))
}

#[test]
fn expressions_nest_to_the_limit_and_no_deeper() {
    let deepest = edge(1, 1_000, |n| compile(&nested(n, "x"), 1, NUMBER).is_ok());
    assert!(deepest <= MAX_EXPRESSION_DEPTH, "{deepest}");
    assert!(
        compile(&nested(deepest + 1, "x"), 1, NUMBER)
            .unwrap_err()
            .line
            .is_some()
    );
    // Far past it, on a small stack: an error, not an abort.
    let hostile = nested(10_000, "x");
    let handle = std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(move || compile(&hostile, 1, NUMBER).is_err());
    assert!(handle.unwrap().join().unwrap());
}

#[test]
fn strings_arrays_and_maps_stop_at_their_limits() {
    let string = |n: usize| {
        compile(
            &format!("fn f() {{ let s = \"{}\"; 1.0 }}", "x".repeat(n)),
            0,
            NUMBER,
        )
    };
    assert!(string(MAX_STRING_BYTES).is_ok());
    assert!(string(MAX_STRING_BYTES + 1).is_err());
    let joined = |extra: &str| {
        let head = "x".repeat(MAX_STRING_BYTES - 1);
        run(
            &format!("fn f() {{ let s = \"{head}\"; s += \"{extra}\"; 1.0 }}"),
            &[],
        )
    };
    assert_eq!(joined("y"), Cell::number(1.0));
    assert_eq!(joined("yz"), fault(ScriptFault::Limit));

    let array = |n: usize| {
        compile(
            &format!("fn f() {{ let a = [{}]; 1.0 }}", vec!["0"; n].join(",")),
            0,
            NUMBER,
        )
    };
    assert!(array(MAX_ARRAY_ITEMS - 1).is_ok());
    assert!(array(MAX_ARRAY_ITEMS).is_err());
    let grown = |n: usize| {
        run(
            "fn f(n) { let a = []; let i = 0.0; while i < n { a += i; i += 1.0; } a[-1] }",
            &[n as f64],
        )
    };
    assert_eq!(grown(MAX_ARRAY_ITEMS), Cell::number(MAX_ARRAY_ITEMS as f64 - 1.0));
    assert_eq!(grown(MAX_ARRAY_ITEMS + 1), fault(ScriptFault::Limit));

    let map = |n: usize| {
        let entries: Vec<String> = (0..n).map(|i| format!("k{i}: 0")).collect();
        compile(
            &format!("fn f() {{ let m = #{{{}}}; 1.0 }}", entries.join(",")),
            0,
            NUMBER,
        )
    };
    assert!(map(MAX_MAP_ENTRIES).is_ok());
    assert!(map(MAX_MAP_ENTRIES + 1).is_err());
}

#[test]
fn memory_bombs_are_stopped() {
    for bomb in [
        "let s = \"x\"; loop { s += s; }",
        "let s = \"x\"; loop { s = s + s; }",
        "let s = \"x\"; loop { s = `${s}${s}`; }",
        "let a = [0]; loop { a = [a, a]; }",
        "let a = [0]; loop { a += a; }",
        "let m = #{a: 0}; loop { m = #{a: m, b: m}; }",
        "let b = \"\"; loop { b += 'x'; }",
    ] {
        let value = run(&format!("fn f() {{ {bomb} }}"), &[]);
        assert!(
            matches!(value.cause(), Some(Cause::Script(_))),
            "{bomb}: {value:?}"
        );
    }
}

#[test]
fn variables_functions_parameters_and_bytes_stop_at_their_limits() {
    let variables = |n: usize| {
        let lets: String = (0..n).map(|i| format!("let v{i} = 0; ")).collect();
        compile(&format!("fn f() {{ {lets} 1.0 }}"), 0, NUMBER).map(|s| s.call(&[]))
    };
    assert_eq!(variables(MAX_VARIABLES), Ok(Cell::number(1.0)));
    assert_eq!(variables(MAX_VARIABLES + 1), Ok(fault(ScriptFault::Limit)));

    let functions = |n: usize| {
        let more: String = (1..n).map(|i| format!("fn g{i}() {{ 1 }}\n")).collect();
        compile(&format!("fn f() {{ 1.0 }}\n{more}"), 0, NUMBER)
    };
    assert!(functions(MAX_FUNCTIONS).is_ok());
    assert!(functions(MAX_FUNCTIONS + 1).is_err());

    let params = |n: usize| {
        let names: Vec<String> = (0..n).map(|i| format!("p{i}")).collect();
        compile(&format!("fn f({}) {{ 1.0 }}", names.join(",")), n, NUMBER)
    };
    assert!(params(MAX_PARAMETERS).is_ok());
    assert!(params(MAX_PARAMETERS + 1).is_err());

    let bytes = |n: usize| {
        let code = "fn f() { 1.0 }";
        compile(&format!("{code}{}", " ".repeat(n - code.len())), 0, NUMBER)
    };
    assert!(bytes(MAX_SOURCE_BYTES).is_ok());
    assert!(bytes(MAX_SOURCE_BYTES + 1).unwrap_err().message.contains("65536"));
}

#[test]
fn calls_share_nothing_and_repeat_bit_for_bit() {
    let script = compile(
        "fn f(x) { let n = 0.0; n += x; n += 0.1; sin(n) * exp(n) }",
        1,
        NUMBER,
    )
    .unwrap();
    let first = script.call(&[Cell::number(0.3)]);
    for other in [5.0, -1.0, 1e300] {
        let _ = script.call(&[Cell::number(other)]);
        assert_eq!(script.call(&[Cell::number(0.3)]), first);
    }
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let script = script.clone();
            std::thread::spawn(move || script.call(&[Cell::number(0.3)]))
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), first);
    }
}

#[test]
fn a_text_is_compiled_once() {
    let mut host = ScriptHost::new();
    let signature = Signature {
        params: vec![],
        returns: NUMBER,
    };
    let source = "fn f() { 1.0 } fn g() { 2.0 }";
    let a = host.compile("f", source, signature.clone()).unwrap();
    let b = host.compile("g", source, signature.clone()).unwrap();
    assert_eq!(host.compiled(), 1);
    assert_eq!((a.call(&[]), b.call(&[])), (Cell::number(1.0), Cell::number(2.0)));
    assert_eq!(a.hash(), b.hash());
    // SHA-256 of the text by coreutils: printf '%s' 'fn f() { 1.0 } fn g() { 2.0 }' | sha256sum
    assert_eq!(
        a.hash_hex(),
        "b80aa1eba3069c079a2af80fd9e23685545ed6d32c5b0223b50a6bab14b1d7da"
    );
    host.compile("f", "fn f() { 1.5 }", signature).unwrap();
    assert_eq!(host.compiled(), 2);
}

#[test]
fn hostile_texts_are_refused_on_a_small_stack() {
    let open = [
        "(",
        "[",
        "#{a: ",
        "{",
        "-",
        "!",
        "if true {",
        "while true {",
        "loop {",
        "do {",
        "`${",
        "x.",
        "x[",
        "1 + ",
        "f(",
        "1 ?? ",
        "switch 1 { _ => ",
        "fn g() { ",
        "if true { } else ",
        "return ",
        "throw ",
        "try {",
        "let x = ",
        "x = ",
        "/* ",
        "true && ",
        "\"\\",
        "r#\"",
        "0x",
        "1.",
        "?.",
        "1 in ",
        "x::",
    ];
    for part in open {
        for body in [
            part.repeat(10_000),
            format!("let x = [1]; {}", part.repeat(3_000)),
        ] {
            let source = format!(
                "fn f() {{ {} }}",
                body.chars().take(MAX_SOURCE_BYTES - 64).collect::<String>()
            );
            let run = move || {
                compile(&source, 0, NUMBER)
                    .map(|script| script.call(&[]))
                    .is_err()
            };
            let handle = std::thread::Builder::new()
                .stack_size(1 << 20)
                .spawn(run)
                .unwrap();
            assert!(handle.join().unwrap(), "{part}");
        }
    }
}

#[test]
fn long_chains_run_or_are_refused_on_a_small_stack() {
    let n = 9_000;
    let chains = [
        format!("1{}", " + 1".repeat(n)),
        format!("2.0{}", " * 1.0".repeat(n)),
        format!("true{}", " && true".repeat(n / 2)),
        format!("1{}", " ?? 1".repeat(n)),
        format!("1{}", " == 1".repeat(n)),
        format!("let x = #{{}}; x{}", ".a".repeat(n)),
        format!("let x = [1]; x{}", "[0]".repeat(n)),
        format!("1.0{}", ".abs()".repeat(n)),
        format!(
            "if false {{ 0 }}{} else {{ 1 }}",
            " else if false { 0 }".repeat(n / 4)
        ),
        "let x = 1; ".repeat(n / 2),
        "1;".repeat(n),
        format!("`{}`", "${1}".repeat(n)),
        format!("f({})", "1, ".repeat(n)),
        format!(
            "switch 1 {{ {} _ => 1 }}",
            (2..n / 2).map(|i| format!("{i} => 0, ")).collect::<String>()
        ),
    ];
    for body in chains {
        let source = format!("fn f() {{ {body} }}");
        assert!(
            source.len() < MAX_SOURCE_BYTES,
            "{} {}",
            source.len(),
            &source[..40]
        );
        let run = move || compile(&source, 0, NUMBER).map(|script| script.call(&[]));
        // Either is right; an abort is not.
        let _ = std::thread::Builder::new()
            .stack_size(1 << 20)
            .spawn(run)
            .unwrap()
            .join()
            .unwrap();
    }
}

proptest::proptest! {
    #[test]
    fn any_text_compiles_or_is_refused_without_panic(text in "[a-z0-9 (){}\\[\\];:,.+*/%<>=!&|?#\"'`$_~^@\\\\\n-]{0,160}") {
        for source in [text.clone(), format!("fn f() {{ {text} }}")] {
            if let Ok(script) = compile(&source, 0, NUMBER) {
                let _ = script.call(&[]);
            }
        }
    }
}
