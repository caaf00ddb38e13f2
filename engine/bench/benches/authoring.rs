//! What an author waits for: the cases of a rule test, and the compiler over a file of thousands of lines.
//!
//! Cases run as `alula test` runs them, in this process and on one thread. Before anything is timed every case must pass, and
//! the compiled file must be free of findings.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench that cannot do its work stops, and speaks to the person who runs it"
)]

use alula_bench::{Race, Results, is_wanted};
use alula_core::registry::Registry;
use alula_core::thresholds::ThresholdSet;
use alula_dsl::compile::{Compiled, compile};
use alula_dsl::graph::Graph;
use alula_dsl::source::NoImports;
use alula_dsl::span::FileId;
use alula_dsl::syntax::parse;
use alula_proof::{CaseMarket, ChainCache, Harness, TestFile, read};
use alula_run::{BacktestRequest, Mode, backtest};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

const ROUNDS: u32 = 9;
const SLICE: Duration = Duration::from_millis(100);

/// Strategies with their rule tests.
const RULES: [(&str, &str, &str); 2] = [
    (
        "iron_condor",
        include_str!("../../../rules/iron_condor.alula"),
        include_str!("../../../rules/iron_condor.test.yaml"),
    ),
    (
        "weekly_condor",
        include_str!("../../../rules/weekly_condor.alula"),
        include_str!("../../../rules/weekly_condor.test.yaml"),
    ),
];

/// Lines of the generated file, and of a tenth of it: is the time in proportion?
const LINES: [usize; 2] = [5_000, 500];

fn main() {
    if is_wanted("cases") {
        for (name, strategy, tests) in RULES {
            cases(name, strategy, tests);
        }
    }
    if is_wanted("compile") {
        compiler();
    }
}

fn compiled(name: &str, text: &str) -> Compiled {
    let compiled = compile(name, text.as_bytes(), &NoImports);
    assert!(compiled.diagnostics.is_empty(), "{:#?}", compiled.diagnostics);
    compiled
}

fn harness(graph: &Arc<Graph>) -> Harness {
    let values = ThresholdSet::defaults(&graph.thresholds).values().to_vec();
    Harness::new(Arc::clone(graph), Registry::default(), values).unwrap()
}

fn tests_of(harness: &Harness, text: &str) -> TestFile {
    read(text.as_bytes(), &harness.subject()).unwrap_or_else(|found| panic!("{found:#?}"))
}

fn cases(name: &str, strategy: &str, text: &str) {
    let graph = Arc::new(compiled(name, strategy).graph.unwrap());
    let harness = harness(&graph);
    let tests = tests_of(&harness, text);
    let mut steps = 0;
    for case in &tests.cases {
        let result = harness.run(case, None, Mode::Batch);
        assert!(result.passed(), "{}: {:#?}", case.name, result.failures);
        steps += case.market.steps;
    }
    let count = u32::try_from(tests.cases.len()).unwrap();
    let chains = ChainCache::default();
    let title = format!("{name}.test.yaml: {count} cases, {steps} sessions");
    let whole = "verdicts, words and coverage";
    let first = "the first time: file read, chains computed";
    let results = Race::new(title, "case", count)
        .with(whole, || {
            let passed = |c| harness.run(c, None, Mode::Batch).passed();
            f64::from(u8::from(tests.cases.iter().all(passed)))
        })
        .with("verdicts alone, as for a mutant", || {
            let noticed = |c| harness.notices(c, None, &harness, None);
            f64::from(u8::from(tests.cases.iter().any(noticed)))
        })
        .with("limit: the runs alone, nothing judged", || {
            let mut rows = 0.0;
            for case in &tests.cases {
                let market = CaseMarket::new(&case.market, &chains, None);
                let run = backtest(BacktestRequest {
                    thresholds: case.thresholds.clone(),
                    ..BacktestRequest::new(Arc::clone(&graph), &market, &mut |_| {})
                });
                rows += f64::from(u32::try_from(run.unwrap().daily.len()).unwrap());
            }
            rows
        })
        .with(first, || {
            let fresh = self::harness(&graph);
            let tests = tests_of(&fresh, text);
            let passed = |c| fresh.run(c, None, Mode::Batch).passed();
            f64::from(u8::from(tests.cases.iter().all(passed)))
        })
        .run(ROUNDS, SLICE);
    results.print();
    for line in [whole, first] {
        per_second(&results, line, "cases");
    }
}

fn compiler() {
    for lines in LINES {
        let text = generated(lines);
        let lines = text.lines().count();
        let graph = compiled("generated.alula", &text).graph.unwrap();
        let title = format!(
            "compile: {lines} lines, {} bytes, {} thresholds, {} structures, {} policies",
            text.len(),
            graph.thresholds.len(),
            graph.structures.len(),
            graph.policies.len()
        );
        let whole = "text to graph: parse, resolve, check, lint, lower";
        let results = Race::new(title, "line", u32::try_from(lines).unwrap())
            .with(whole, || {
                let compiled = compile("generated.alula", text.as_bytes(), &NoImports);
                f64::from(u8::from(compiled.graph.is_some()))
            })
            .with("of which parsing", || {
                let parsed = parse(FileId(0), text.as_bytes());
                f64::from(u8::from(parsed.diagnostics.is_empty()))
            })
            .run(ROUNDS, SLICE);
        results.print();
        per_second(&results, whole, "lines");
    }
}

fn per_second(results: &Results, name: &str, unit: &str) {
    if let Some(ns) = results.ns(name) {
        println!("  {name}: {:.0} {unit} a second", 1e9 / ns);
    }
}

/// A strategy of `lines` lines, give or take a block: thresholds, signals, a structure and a policy in each block of 26 lines.
fn generated(lines: usize) -> String {
    let mut text = String::from(
        "alula 1

/// Many condors, each with its own thresholds.
strategy generated {
    capital  $10_000_000
    evaluate every 1 session in SPX.regular
    cross    60% of spread
    fees     ibkr
}
",
    );
    let (mut at, mut block) = (text.lines().count(), 0_usize);
    while at < lines {
        let wing = 25 + 5 * (block % 10);
        let days = 5 + block % 60;
        let written = format!(
            "
threshold delta_{block}   = 16 delta in 5..30 delta  /// absolute delta of both short strikes at entry
threshold ceiling_{block} = 35 vol   in 15..80 vol   /// no new condor at or above this VIX
threshold target_{block}  = 50%      in 10%..90%     /// share of the credit at which profit is taken
threshold loss_{block}    = 200%     in 50%..500%    /// loss at which a condor is closed

signal calm_{block}   = VIX.last < ceiling_{block} and not within 1 day before fomc
signal trend_{block}  = SPX.close > sma(SPX.close, {days}) and rsi(SPX.close, 14) < 70
signal steady_{block} = (calm_{block} or VIX.close < 15 vol) and not (trend_{block} and VIX.close > 25 vol)

structure core_{block} = iron condor on SPX {{
    expiry     nearest 45 dte in 35..55 dte
    short put  at delta_{block}
    long put   about {wing} pts below short put
    short call at delta_{block}
    long call  about {wing} pts above short call
}}

policy income_{block} on core_{block} {{
    open when calm_{block} and steady_{block}
         size 1% of equity by max_loss, at most 20 lots
         up to 5 positions
    close take_profit when profit >= target_{block} of credit
    close stop        when loss >= loss_{block} of credit or trend_{block}
}}
"
        );
        at += written.lines().count();
        block += 1;
        let _ = write!(text, "{written}");
    }
    text
}
