//! Cases over small strategies: what passes, what fails and how it is told, and what a test file may not say.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by stopping"
)]

use alula_core::registry::Registry;
use alula_core::thresholds::ThresholdSet;
use alula_dsl::source::NoImports;
use alula_proof::property::{Claim, watched};
use alula_proof::shrink::{RUNS_MAX, shrink};
use alula_proof::{CaseResult, Harness, TestFile, read};
use alula_run::Mode;
use std::sync::Arc;

const STRATEGY: &str = "alula 1

strategy t {
    capital  $250_000
    evaluate every 1 session in SPX.regular
    fees     none
}

threshold ceiling = 35 vol in 15..80 vol /// no new condor at or above this VIX

signal calm  = VIX.last < ceiling and not within 1 day before fomc
signal risen = VIX.close > 20 vol for 2 sessions

structure core = iron condor on SPX {
    expiry     nearest 45 dte in 35..55 dte
    short put  at 16 delta
    long put   about 50 pts below short put
    short call at 16 delta
    long call  about 50 pts above short call
}

policy income on core {
    open when calm
         size 2 lots
         up to 1 position

    close stop when risen
}
";

fn harness() -> Harness {
    let compiled = alula_dsl::compile::compile("t.alula", STRATEGY.as_bytes(), &NoImports);
    let graph = Arc::new(
        compiled
            .graph
            .unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics)),
    );
    let values = ThresholdSet::defaults(&graph.thresholds).values().to_vec();
    Harness::new(graph, Registry::default(), values).unwrap()
}

fn run(cases: &str) -> Vec<CaseResult> {
    let harness = harness();
    let cases = read(cases.as_bytes(), &harness.subject()).unwrap_or_else(|f| panic!("{f:#?}"));
    cases
        .cases
        .iter()
        .map(|c| {
            let batch = harness.run(c, None, Mode::Batch);
            let streaming = harness.run(c, None, Mode::Streaming);
            assert_eq!(batch.failures, streaming.failures, "{}", c.name);
            assert_eq!(batch.explanation, streaming.explanation, "{}", c.name);
            batch
        })
        .collect()
}

fn passes(cases: &str) {
    for result in run(cases) {
        assert!(result.passed(), "{:#?}\n{}", result.failures, result.explanation);
    }
}

/// The one failure of the one case.
fn failure(case: &str) -> String {
    let results = run(case);
    let [result] = results.as_slice() else {
        panic!("{results:#?}")
    };
    let [failure] = result.failures.as_slice() else {
        panic!("{:#?}\n{}", result.failures, result.explanation)
    };
    failure.what.clone()
}

fn refused(file: &str) -> Vec<String> {
    let harness = harness();
    let found = read(file.as_bytes(), &harness.subject()).unwrap_err();
    found
        .iter()
        .map(|f| format!("{}:{} {} | {}", f.line, f.column, f.message, f.fix))
        .collect()
}

#[test]
fn what_is_decided_is_what_the_rule_says() {
    passes(
        "cases:
  - name: opens below the ceiling and not at it
    series: {VIX: 35 34.99}
    expect:
      - {at: 1, orders: [], not: [calm, income.open]}
      - {at: 2, orders: [income.open], because: [calm]}
  - name: the ceiling is a threshold
    thresholds: {ceiling: 40 vol}
    series: {VIX: 39}
    orders: [{rule: income.open, lots: 2}]
  - name: no order the day before the Fed
    series: {VIX: 18}
    events: {fomc: [2024-01-17]}
    orders: []
  - name: a missing value is not a calm one
    series: {VIX: _x2 18}
    expect:
      - {at: 1, orders: [], unknown: [calm: no data]}
      - {at: 3, orders: [income.open]}
  - name: closes after two sessions above twenty and not before
    before: {VIX: 15x5}
    series: {VIX: 18 25x3 18}
    expect:
      - {at: 1, orders: [income.open], positions: {core: 0}}
      - {at: 2, orders: [], positions: {core: 1}}
      - {at: 3, orders: [], not: [risen]}
      - {at: 4, orders: [income.stop], because: [risen]}
      - {at: 5, orders: [income.open], positions: {core: 0}}
",
    );
}

#[test]
fn an_order_that_nobody_listed_fails_the_case() {
    let what = failure("cases:\n  - name: a\n    series: {VIX: 18x2}\n    at: 2\n    orders: []\n");
    assert!(
        what.starts_with("`income.open` made an order that the case does not list: open 2 lots: "),
        "{what}"
    );
}

#[test]
fn each_expectation_can_fail_and_says_what_was_found() {
    let one = |expect: &str| {
        failure(&format!(
            "cases:\n  - name: a\n    series: {{VIX: 40}}\n    {expect}\n"
        ))
    };
    assert_eq!(
        one("orders: [income.open]"),
        "expected an order of `income.open`; it made none"
    );
    assert_eq!(one("because: [calm]"), "expected `calm` to be true; it was false");
    assert_eq!(
        one("because: [income.open]"),
        "expected `income.open` to act; its condition did not call for action"
    );
    assert_eq!(
        one("unknown: [calm]"),
        "expected `calm` to be unknown; it was false"
    );
    assert_eq!(
        one("positions: {core: 1}"),
        "expected 1 open positions of `core`, found 0"
    );
    assert!(one("at: 2\n    orders: []").contains("the case has no step 2, it has 1"));
    let open = "cases:\n  - name: a\n    series: {VIX: 18}\n    orders: [{rule: income.open, lots: 3}]\n";
    let results = run(open);
    let told: Vec<&str> = results[0].failures.iter().map(|f| f.what.as_str()).collect();
    assert!(told[0].starts_with("expected an order of `income.open` for 3 lots; it ordered 2 lots: "));
}

#[test]
fn quotes_of_the_case_are_the_market() {
    // The only contracts there are: three pairs that give the forward, and four that delta picks among.
    let file = "cases:
  - name: chosen from a table
    series: {VIX: 18, SPX: 4500}
    chain: {SPX: none}
    quotes:
      SPXW 2024-03-01 P4475: 105.00/106.00
      SPXW 2024-03-01 C4475: 130.00/131.00
      SPXW 2024-03-01 P4500: 117.00/118.00
      SPXW 2024-03-01 C4500: 117.00/118.00
      SPXW 2024-03-01 P4525: 130.00/131.00
      SPXW 2024-03-01 C4525: 105.00/106.00
      SPXW 2024-03-01 P4225: 24.00/24.40
      SPXW 2024-03-01 P4175: 18.00/18.40
      SPXW 2024-03-01 C4800: 19.00/19.40
      SPXW 2024-03-01 C4850: 13.40/13.80
    orders:
      - rule: income.open
        package: -1 SPXW 2024-03-01 P4225, +1 SPXW 2024-03-01 P4175, -1 SPXW 2024-03-01 C4800, +1 SPXW 2024-03-01 C4850
";
    let results = run(file);
    assert!(
        results[0].passed(),
        "{:#?}\n{}",
        results[0].failures,
        results[0].explanation
    );
}

#[test]
fn the_explanation_is_short_and_plain() {
    let results = run(
        "cases:\n  - name: a calm day\n    series: {VIX: 18 40 40}\n    expect:\n      - {at: 1, orders: [income.open]}\n      - {at: last, not: [income.open]}\n",
    );
    let text = &results[0].explanation;
    for part in [
        "a calm day\n  2024-01-16 15:45 ET\n",
        "income.open: open 2 lots: ",
        "      ✓ VIX.last < ceiling  (VIX.last 18 vol, ceiling 35 vol)\n",
        "(one tick without a decision)",
        "income.open: ✗ VIX.last < ceiling  (VIX.last 40 vol, ceiling 35 vol)",
        "at the end: 1 of 1 positions open",
    ] {
        assert!(text.contains(part), "`{part}` in\n{text}");
    }
}

#[test]
fn a_file_that_does_not_fit_is_refused_with_a_way_out() {
    for (file, message) in [
        (
            "",
            "1:1 the file holds no cases | write `cases:` and one `- name: …` for each; `alula new NAME` writes an example",
        ),
        (
            "cases: []\n",
            "1:1 the file holds no cases | write one `- name: …` below `cases:`",
        ),
        (
            "strategy: u\ncases:\n  - {name: a, orders: []}\n",
            "1:11 `u` is another strategy | write `strategy: t`, or give the file that belongs to it",
        ),
        (
            "cases:\n  - {name: a, orders: [income.opne]}\n",
            "2:24 the strategy has no rule `income.opne` | did you mean `income.open`?",
        ),
        (
            "cases:\n  - {name: a, not: [clam]}\n",
            "2:21 the strategy has no rule or condition `clam` | did you mean `calm`?",
        ),
        (
            "cases:\n  - {name: a, series: {VIXX: 2}, orders: []}\n",
            "2:24 the strategy has no series `VIXX` | did you mean `VIX`?",
        ),
        (
            "cases:\n  - {name: a, events: {fmoc: []}, orders: []}\n",
            "2:24 the strategy has no event `fmoc` | did you mean `fomc`?",
        ),
        (
            "cases:\n  - {name: a, thresholds: {cieling: 30 vol}, orders: []}\n",
            "2:28 the strategy has no threshold `cieling` | did you mean `ceiling`?",
        ),
        (
            "cases:\n  - {name: a, thresholds: {ceiling: 30}, orders: []}\n",
            "2:37 `30` has no unit, but `ceiling` is declared with `vol` | write `30 vol`",
        ),
        (
            "cases:\n  - {name: a, thresholds: {ceiling: 90 vol}, orders: []}\n",
            "2:37 `90 vol` is above the range of `ceiling` | choose a value in the range, or widen the range in the strategy",
        ),
        (
            "cases:\n  - {name: a, capital: much, orders: []}\n",
            "2:24 `much` is no capital | write dollars, such as `capital: $5_000_000`",
        ),
        (
            "cases:\n  - {name: a, capital: -1, orders: []}\n",
            "2:24 `-1` is no capital | write dollars, such as `capital: $5_000_000`",
        ),
        (
            "cases:\n  - {name: a, positions: {cor: 1}}\n",
            "2:27 the strategy has no structure `cor` | did you mean `core`?",
        ),
        (
            "cases:\n  - {name: a}\n",
            "2:5 the case expects nothing | write `at: last` and `orders: []`, or what else must be decided",
        ),
        (
            "cases:\n  - {name: a, expct: []}\n",
            "2:15 there is no `expct` in a case | did you mean `expect`?",
        ),
        (
            "cases:\n  - {name: a, orders: []}\n  - {name: a, orders: []}\n",
            "3:5 there is a case `a` already | give it another name",
        ),
        (
            "cases:\n  - {name: a, start: 2024-01-15, orders: []}\n",
            "2:22 the exchange is closed on 2024-01-15 | write `start: 2024-01-16`",
        ),
        (
            "cases:\n  - {name: a, series: {VIX: 1 2, SPX: 1 2 3}, orders: []}\n",
            "2:29 `VIX` has 2 values, the case has 3 steps | give every series one value per step, or a single value that holds throughout",
        ),
        (
            "cases:\n  - {name: a, at: noon, orders: []}\n",
            "2:19 `noon` is not a moment of a case | write `first`, `last`, `every`, a number from 1, `2024-01-18` or `2024-01-18 15:45`",
        ),
        (
            "cases:\n  - {name: a, chain: {SPX: round}, orders: []}\n",
            "2:28 `round` is not a chain | write `flat 18 vol`, `flat VIX`, `none`, or `{vol: 18, skew: 4, spread: 2%, spot: 4500}`",
        ),
        (
            "cases:\n  - {name: a, quotes: {SPXW P4300: 1/2}, orders: []}\n",
            "2:24 `SPXW P4300` is not a contract | write `SPXW 2024-03-01 P4300`",
        ),
    ] {
        assert_eq!(refused(file), [message], "{file}");
    }
}

#[test]
fn no_text_makes_the_reader_panic() {
    use proptest::prelude::*;
    let harness = harness();
    const WORDS: [&str; 20] = [
        "cases:",
        "- name: a",
        "series:",
        "VIX: 28+4x4",
        "at: last",
        "orders: []",
        "expect:",
        "  ",
        "\n",
        "{",
        "}",
        "[",
        "]",
        "quotes:",
        "chain:",
        "steps: 99999999",
        "start: 9999-12-31",
        "before:",
        "_x3",
        "data:",
    ];
    let text = proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..30);
    proptest!(|(parts in text)| {
        if let Ok(file) = read(parts.join(" ").as_bytes(), &harness.subject()) {
            for case in file.cases {
                let _ = harness.run(&case, None, Mode::Batch);
            }
        }
    });
}

/// A file with claims, and the strategy that watches them.
fn claimed(file: &str) -> Result<(Harness, TestFile), Vec<String>> {
    let plain = harness();
    let words = |found: Vec<alula_yaml::Finding>| -> Vec<String> {
        found
            .iter()
            .map(|f| format!("{}:{} {} ({})", f.line, f.column, f.message, f.fix))
            .collect()
    };
    let tests = read(file.as_bytes(), &plain.subject()).map_err(words)?;
    let graph = watched("t.alula", STRATEGY.as_bytes(), &NoImports, &tests.claims).map_err(words)?;
    let values = plain.subject().thresholds.to_vec();
    let harness =
        Harness::with_claims(Arc::new(graph), Registry::default(), values, tests.claims.clone()).unwrap();
    Ok((harness, tests))
}

fn first(file: &str) -> (Harness, TestFile, CaseResult) {
    let (harness, tests) = claimed(file).unwrap_or_else(|f| panic!("{f:#?}"));
    let result = harness.run(&tests.cases[0], None, Mode::Batch);
    (harness, tests, result)
}

const WILD: &str = "cases:
  - name: one position
    series: {VIX: 16x4 18 17 17 19x5 21x4, SPX: 4500x5 4510 4520 4490 4480x4 4400x4}
";

#[test]
fn what_must_hold_throughout_is_read_by_the_compiler_and_lists_no_orders() {
    for fine in [
        "always: positions(core) <= 1",
        "never: short options naked",
        "never: [positions(core) > 1, not calm]",
    ] {
        let (_, _, result) = first(&format!("{WILD}    {fine}\n"));
        assert!(result.passed(), "{fine}: {:#?}", result.failures);
    }
    let (_, _, broken) = first(&format!("{WILD}    always: positions(core) = 0\n"));
    assert_eq!(broken.failures.len(), 1);
    let what = &broken.failures[0].what;
    assert!(
        what.starts_with("always `positions(core) = 0`: was false"),
        "{what}"
    );
    // Listed orders are exact again.
    let (_, _, listed) = first(&format!(
        "{WILD}    always: positions(core) <= 1\n    at: first\n    orders: []\n"
    ));
    assert!(!listed.passed());
    let refused = |line: &str| claimed(&format!("{WILD}    {line}\n")).unwrap_err().join("\n");
    assert!(
        refused("always: vega(book) in 1 vol..2 vol")
            .contains("4:13 `vega(book) in 1 vol..2 vol` cannot be asked")
    );
    assert!(refused("always: vgea(book) > $0").contains("did you mean `vega`"));
    assert!(refused("always: \"true } guard x { require calm else block open\"").contains("cannot be"));
    assert!(refused("always: short options naked").contains("never: short options naked"));
    assert!(refused("never: []").contains("expects nothing"));
}

#[test]
fn a_condition_that_is_never_known_proves_nothing() {
    let (_, _, result) = first("cases:\n  - name: x\n    series: {VIX: 16x2}\n    always: core.dte >= 0\n");
    let ever = result
        .failures
        .iter()
        .any(|f| f.what.contains("unknown at every tick"));
    assert!(ever || result.passed(), "{:#?}", result.failures);
    let (_, _, result) = first("cases:\n  - name: x\n    series: {VIX: 50x2}\n    always: core.dte >= 0\n");
    assert!(
        result.failures[0].what.contains("unknown at every tick"),
        "{:#?}",
        result.failures
    );
}

#[test]
fn a_counter_example_is_shrunk_to_a_case_that_fails_when_it_is_read_again() {
    let file = format!("{WILD}    always: positions(core) = 0\n");
    let (harness, tests, _) = first(&file);
    let small = shrink(&harness, &tests.cases[0], None, 0).unwrap();
    assert!(small.runs <= RUNS_MAX);
    // Opened at the first tick, held at the second: two sessions are needed, and no price needs to move.
    assert_eq!(small.sessions, (16, 2), "{}", small.yaml);
    for fields in small.case.market.now.values() {
        assert!(fields.close.windows(2).all(|w| w[0] == w[1]), "{}", small.yaml);
    }
    let again = shrink(&harness, &tests.cases[0], None, 0).unwrap();
    assert_eq!(again.yaml, small.yaml);
    let (_, _, broken) = first(&format!("cases:\n{}", small.yaml));
    assert_eq!(broken.failures.len(), 1, "{}", small.yaml);
    assert_eq!(broken.failures[0].at, Some(small.at));
    assert!(
        shrink(&harness, &small.case, None, 1).is_none(),
        "there is no such claim"
    );
}

#[test]
fn several_seeds_are_several_cases() {
    let file = "cases:\n  - name: x\n    data: {simulated: [3, 1, 3], from: 2023-01-03, to: 2023-01-10}\n    never: short options naked\n";
    let (_, tests) = claimed(file).unwrap();
    let names: Vec<&str> = tests.cases.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["x (seed 1)", "x (seed 3)"]);
    let claim: &Claim = &tests.claims[0];
    assert!(claim.is_naked() && tests.claims.len() == 1);
}
