//! Rules against peers: 200 rules of about five and a half operations over twenty inputs, drawn from a fixed seed.
//!
//! The same rules as text for Alula, rhai, cel, evalexpr and fasteval, and as native Rust for the limit. Before anything is
//! timed every engine's verdicts are compared with the native ones, so that nobody wins by being wrong.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench that cannot do its work stops, and speaks to the person who runs it"
)]

mod alula;
mod peers;
mod rule;

use alula::Alula;
use alula_bench::{Race, is_wanted};
use alula_core::column::Column;
use alula_core::value::Cell;
use fearless_simd::{Level, dispatch};
use peers::{Cel, Evalexpr, Fasteval, Peer, Rhai, RowsOf};
use rule::Rule;
use std::hint::black_box;
use std::time::Duration;

/// Ticks of the batch contestants.
const TICKS: usize = 102_400;
/// Ticks of the engines that evaluate row by row.
const PEER_TICKS: usize = 200;
/// Bars of the streaming driver: enough for what it does once not to count.
const STREAM_BARS: usize = 5_000;
/// Ticks that the native loop handles at a time, so that what it writes stays in the first cache.
const CHUNK: usize = 512;
const ROUNDS: u32 = 9;
const SLICE: Duration = Duration::from_millis(40);

fn main() {
    let columns = rule::market(TICKS);
    for count in [200, 20] {
        let rules = rule::rules(count);
        let operations = rule::operations(&rules);
        println!(
            "\n{count} rules of {operations:.2} operations over {} inputs",
            rule::INPUTS
        );
        let engine = Alula::new(&rules, &columns);
        check(&engine, &rules, &columns);
        if std::env::args().any(|arg| arg == "alone") {
            alone(&engine, &rules, &columns);
            continue;
        }
        if is_wanted("batch") {
            batch(&engine, &rules, &columns);
        }
        if is_wanted("row") {
            row(&engine, &rules, &columns);
        }
    }
}

/// Every engine against the native form: the whole history for the batch driver, the peers' ticks for the rest.
fn check(engine: &Alula, rules: &[Rule], columns: &[Vec<f64>]) {
    let batch = engine.batch();
    let mut row = vec![0.0; rule::INPUTS];
    let mut held = 0_usize;
    for tick in 0..TICKS {
        for (slot, column) in row.iter_mut().zip(columns) {
            *slot = column[tick];
        }
        for (i, rule) in rules.iter().enumerate() {
            let truth = engine.truth(&batch, i)[tick / 64] >> (tick % 64) & 1 == 1;
            assert_eq!(truth, rule.row(&row), "alula, rule {i}, tick {tick}: {rule:?}");
            held += usize::from(truth);
        }
    }
    println!("verdicts equal; {held} of {} hold", TICKS * rules.len());
    let inputs: Vec<Column> = columns
        .iter()
        .map(|c| Column::from_numbers(c.iter().map(|x| Cell::number(*x))))
        .collect();
    let mut sweep = engine.sweep();
    sweep.run(&inputs.iter().collect::<Vec<_>>(), TICKS);
    for (i, words) in engine.swept(&sweep).into_iter().enumerate() {
        assert_eq!(words, engine.truth(&batch, i), "sweep, rule {i}");
    }
    let (program, mut cells, places) = engine.program();
    let by_input = engine.programs_by_input();
    let mut partly = cells.clone();
    for tick in 0..PEER_TICKS {
        for (i, (place, column)) in places.iter().zip(columns).enumerate() {
            cells.set(*place, Cell::number(column[tick]));
            partly.set(*place, Cell::number(column[tick]));
            by_input[i].run(&mut partly, |_, _| panic!("no rule remembers"));
        }
        program.run(&mut cells, |_, _| panic!("no rule remembers"));
        let roots = (0..rules.len()).map(|i| engine.root(i));
        for root in roots {
            assert_eq!(partly.get(root), cells.get(root), "input by input, tick {tick}");
        }
        for i in 0..rules.len() {
            let truth = engine.truth(&batch, i)[tick / 64] >> (tick % 64) & 1 == 1;
            assert_eq!(
                cells.get(engine.root(i)),
                Cell::boolean(truth),
                "program, rule {i}, tick {tick}"
            );
        }
    }
    let mut stream = engine.stream();
    for bar in 0..PEER_TICKS {
        engine.arrive(&mut stream, bar);
        for i in 0..rules.len() {
            let truth = engine.truth(&batch, i)[bar / 64] >> (bar % 64) & 1 == 1;
            assert_eq!(engine.holds(&stream, i), truth, "stream, rule {i}, bar {bar}");
        }
    }
    let mut level = [0_u8; CHUNK];
    let stretch: Vec<&[f64]> = columns.iter().map(|c| &c[..CHUNK]).collect();
    for (i, rule) in rules.iter().enumerate() {
        rule.columns(&stretch, &mut level);
        for (tick, byte) in level.iter().enumerate() {
            let truth = engine.truth(&batch, i)[tick / 64] >> (tick % 64) & 1 == 1;
            assert_eq!(*byte == 1, truth, "native columns, rule {i}, tick {tick}");
        }
    }
    let market = RowsOf {
        columns,
        ticks: PEER_TICKS,
    };
    for (name, peer) in &mut peers(rules) {
        market.each(|tick, row| {
            peer.row(row, &mut |i, truth| {
                let want = engine.truth(&batch, i)[tick / 64] >> (tick % 64) & 1 == 1;
                assert_eq!(truth, want, "{name}, rule {i}, tick {tick}");
            });
        });
    }
}

fn peers(rules: &[Rule]) -> Vec<(&'static str, Box<dyn Peer>)> {
    vec![
        ("fasteval, variables by name", Box::new(Fasteval::new(rules))),
        ("rhai, one AST per rule", Box::new(Rhai::new(rules))),
        ("cel", Box::new(Cel::new(rules))),
        ("evalexpr", Box::new(Evalexpr::new(rules))),
    ]
}

/// All rules over all columns, a stretch of ticks at a time.
#[inline(always)]
fn native(rules: &[Rule], columns: &[Vec<f64>]) -> f64 {
    let mut out = [0_u8; CHUNK];
    let mut stretch: Vec<&[f64]> = Vec::with_capacity(columns.len());
    let mut start = 0;
    while start < TICKS {
        let end = (start + CHUNK).min(TICKS);
        stretch.clear();
        stretch.extend(columns.iter().map(|c| &c[start..end]));
        for rule in rules {
            rule.columns(&stretch, &mut out[..end - start]);
            black_box(&mut out);
        }
        start = end;
    }
    f64::from(out[0])
}

fn evaluations(rules: &[Rule], ticks: usize) -> u32 {
    u32::try_from(rules.len() * ticks).unwrap()
}

/// The contestants over columns that need no other engine: also what `peers/batch_rules.py` runs between its own.
fn alone(engine: &Alula, rules: &[Rule], columns: &[Vec<f64>]) {
    let inputs = inputs(columns);
    over_columns(engine, rules, columns, &inputs.iter().collect::<Vec<_>>())
        .run(ROUNDS, SLICE)
        .print();
}

fn inputs(columns: &[Vec<f64>]) -> Vec<Column> {
    let column = |c: &Vec<f64>| Column::from_numbers(c.iter().map(|x| Cell::number(*x)));
    columns.iter().map(column).collect()
}

fn over_columns<'a>(
    engine: &'a Alula,
    rules: &'a [Rule],
    columns: &'a [Vec<f64>],
    given: &'a [&'a Column],
) -> Race<'a> {
    let level = Level::new();
    let title = format!("batch: {} rules, {TICKS} ticks", rules.len());
    let prepared = engine.sweep();
    Race::new(title, "rule", evaluations(rules, TICKS))
        .with(
            "alula, the plan's operators over columns, a stretch at a time",
            move || {
                let mut sweep = prepared.clone();
                sweep.run(given, TICKS);
                engine.swept(&sweep)[0][0] as f64
            },
        )
        .with(
            "alula, batch driver, all it does (bars in, verdicts' columns out)",
            || {
                let batch = engine.batch();
                engine.truth(&batch, 0)[0] as f64
            },
        )
        .with(
            "limit: native columnar, run-time dispatch",
            move || dispatch!(level, _simd => native(rules, columns)),
        )
        .with("limit: native columnar, as this build compiles it", || {
            native(rules, columns)
        })
}

fn batch(engine: &Alula, rules: &[Rule], columns: &[Vec<f64>]) {
    let market = RowsOf {
        columns,
        ticks: PEER_TICKS,
    };
    let few = evaluations(rules, PEER_TICKS);
    let inputs = inputs(columns);
    let given: Vec<&Column> = inputs.iter().collect();
    let mut race = over_columns(engine, rules, columns, &given);
    for (name, mut peer) in peers(rules) {
        let market = &market;
        race = race.with_units(name, few, move || evaluate(peer.as_mut(), market));
    }
    race.run(ROUNDS, SLICE).print();
}

fn evaluate(peer: &mut dyn Peer, market: &RowsOf<'_>) -> f64 {
    let mut held = 0_u32;
    market.each(|_, row| peer.row(row, &mut |_, truth| held += u32::from(truth)));
    f64::from(held)
}

fn row(engine: &Alula, rules: &[Rule], columns: &[Vec<f64>]) {
    let market = RowsOf {
        columns,
        ticks: PEER_TICKS,
    };
    let few = evaluations(rules, PEER_TICKS);
    let (program, mut cells, places) = engine.program();
    let held: Vec<usize> = (0..rules.len()).map(|i| engine.root(i)).collect();
    let by_input = engine.programs_by_input();
    let mut partly = cells.clone();
    let mut race = Race::new(format!("row by row: {} rules", rules.len()), "rule", few)
        .with("alula, the plan's operators as a row program", || {
            let mut count = 0_u32;
            market.each(|_, row| {
                for (place, x) in places.iter().zip(row) {
                    cells.set(*place, Cell::number(*x));
                }
                program.run(&mut cells, |_, _| ());
                count += held
                    .iter()
                    .map(|i| u32::from(cells.get(*i).is_true()))
                    .sum::<u32>();
            });
            f64::from(count)
        })
        .with("alula, the same with one input of twenty changed", || {
            let mut count = 0_u32;
            market.each(|tick, row| {
                let input = tick % rule::INPUTS;
                partly.set(places[input], Cell::number(row[input]));
                by_input[input].run(&mut partly, |_, _| ());
                count += held
                    .iter()
                    .map(|i| u32::from(partly.get(*i).is_true()))
                    .sum::<u32>();
            });
            f64::from(count)
        })
        .with_units(
            "alula, streaming driver, all it does (bars in, verdicts out)",
            evaluations(rules, STREAM_BARS),
            || {
                let mut stream = engine.stream();
                for bar in 0..STREAM_BARS {
                    engine.arrive(&mut stream, bar);
                }
                f64::from(u8::from(engine.holds(&stream, 0)))
            },
        )
        .with("limit: native, row by row", || {
            let mut held = 0_u32;
            market.each(|_, row| {
                held += rules
                    .iter()
                    .map(|r| u32::from(black_box(r).row(row)))
                    .sum::<u32>()
            });
            f64::from(held)
        });
    for (name, mut peer) in peers(rules) {
        let market = &market;
        race = race.with(name, move || evaluate(peer.as_mut(), market));
    }
    race.run(ROUNDS, SLICE).print();
}
