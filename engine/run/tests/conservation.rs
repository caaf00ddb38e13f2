//! Nothing is made and nothing is lost: over simulated years, what layers made is their hedge, hedges and cores are the
//! book, and cash is the sum of flows, to the micro-dollar, on every session, at all three fills.
//!
//! A few weeks of each rule by default. `ALULA_YEARS=1000 cargo test --release -p alula-run --test conservation -- --nocapture`
//! runs a thousand years, a second or so each. The sums here are taken from the rows that a run folder has, and share
//! nothing with the accounts that the engine checks at every tick.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "tests may fail loudly, and their numbers are small"
)]

mod common;

use alula_book::Band;
use alula_core::registry::Registry;
use alula_core::script::{ScriptHost, Signature};
use alula_dsl::graph::Graph;
use alula_dsl::source::NoImports;
use alula_market::money::Usd;
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_run::{BacktestRequest, Mode, RunOutput};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// A core alone, all three shells with an overlay, futures as a shell, a book of its own in a subaccount.
const RULES: [&str; 4] = ["iron_condor", "spx_condor_alvh", "hedge_futures", "second_engine"];
/// Years of one market, on which each rule runs.
const YEARS: u32 = 5;
/// Sessions of a year.
const SESSIONS: u32 = 252;

fn rule(name: &str) -> (Arc<Graph>, Registry) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let text = std::fs::read(folder.join(format!("{name}.alula"))).unwrap();
    let compiled = alula_dsl::compile::compile(name, &text, &NoImports);
    let graph = compiled
        .graph
        .unwrap_or_else(|| panic!("{name}: {:#?}", compiled.diagnostics));
    let mut host = ScriptHost::new();
    let scripts = graph.scripts.iter().map(|def| {
        let text = std::fs::read_to_string(folder.join(&def.file)).unwrap();
        let script = host.compile(&def.name, &text, Signature::from(def));
        Some(Arc::new(
            script.unwrap_or_else(|e| panic!("{name}: {}", e.message)),
        ))
    });
    let registry = Registry::with_scripts(scripts.collect());
    (Arc::new(graph), registry)
}

#[derive(Default)]
struct Tally {
    sessions: usize,
    positions: usize,
    sums: usize,
    made: f64,
}

type Amounts = [i64; 3];

fn amounts(band: Band<Usd>) -> Amounts {
    [band.mid.0, band.share.0, band.natural.0]
}

fn add(sum: &mut Amounts, more: Amounts, sign: i64) {
    for (s, m) in sum.iter_mut().zip(more) {
        *s += sign * m;
    }
}

/// Every sum of a run; what differs is said.
fn check(run: &RunOutput, tally: &mut Tally) -> Vec<String> {
    let mut broken = Vec::new();
    let mut same = |what: String, a: Amounts, b: Amounts| {
        tally.sums += 3;
        if a != b {
            broken.push(format!("{what}: {a:?} and {b:?}"));
        }
    };
    let capital = [run.manifest.capital.0; 3];
    // Session by session: what the structures made is the change of equity.
    let mut by_day: BTreeMap<_, Amounts> = BTreeMap::new();
    let mut total: BTreeMap<&str, Amounts> = BTreeMap::new();
    for row in &run.structures {
        add(by_day.entry(row.date).or_default(), amounts(row.gain), 1);
        let total = total.entry(&row.structure).or_default();
        add(total, amounts(row.gain), 1);
        same(
            format!("{} by {}", row.structure, row.date),
            *total,
            amounts(row.pnl),
        );
    }
    let mut before = capital;
    let dates: BTreeSet<_> = run.daily.iter().map(|d| d.date).collect();
    for date in &dates {
        // Settlements after the last tick have a row of their own.
        let end = run.daily.iter().rfind(|d| d.date == *date).unwrap();
        let mut change = amounts(end.equity);
        add(&mut change, before, -1);
        before = amounts(end.equity);
        same(
            format!("{date}"),
            by_day.get(date).copied().unwrap_or_default(),
            change,
        );
    }
    // Position by position: layers are their hedge, hedges and cores the book, cash the flows.
    let mut owners: BTreeMap<&str, Amounts> = BTreeMap::new();
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for p in &run.positions {
        add(owners.entry(&p.structure).or_default(), amounts(p.pnl), 1);
        if p.closed_by.is_empty() {
            open.insert(&p.structure);
        }
    }
    let mut flows: BTreeMap<&str, Amounts> = BTreeMap::new();
    let options = run.trades.iter().map(|t| (&t.structure, t.cash, t.fees));
    let linear = run.linear.iter().map(|t| (&t.structure, t.cash, t.fees));
    for (structure, cash, fees) in options.chain(linear) {
        let flow = flows.entry(structure).or_default();
        add(flow, amounts(cash), 1);
        add(flow, [fees.0; 3], -1);
    }
    let mut hedges: BTreeMap<&str, Amounts> = BTreeMap::new();
    for (name, pnl) in &owners {
        let hedge = name.split('.').next().unwrap_or(name);
        add(hedges.entry(hedge).or_default(), *pnl, 1);
        same(
            format!("{name} by session"),
            *pnl,
            total.get(name).copied().unwrap_or_default(),
        );
        if !open.contains(name) {
            same(
                format!("{name} by trade"),
                *pnl,
                flows.get(name).copied().unwrap_or_default(),
            );
        }
    }
    let (mut book, mut cash) = (capital, capital);
    hedges.values().for_each(|h| add(&mut book, *h, 1));
    flows.values().for_each(|f| add(&mut cash, *f, 1));
    if let Some(last) = run.daily.last() {
        same("the book".to_owned(), book, amounts(last.equity));
        same("cash".to_owned(), cash, amounts(last.cash));
        tally.made += (last.equity.share - run.manifest.capital).to_f64();
    }
    tally.sessions += dates.len();
    tally.positions += run.positions.len();
    broken
}

#[test]
fn layers_are_their_hedge_hedges_and_core_the_book_and_cash_the_flows() {
    let years: Option<u32> = std::env::var("ALULA_YEARS").ok().and_then(|y| y.parse().ok());
    let (markets, sessions) = match years {
        Some(y) => (y.div_ceil(YEARS * 4), YEARS * SESSIONS),
        None => (1, 45),
    };
    let rules = RULES.map(|name| (name, rule(name)));
    let mut tallies: [Tally; 4] = Default::default();
    for market in 0..markets {
        let history = SimulatedMarket::new(SimConfig {
            seed: 1 + u64::from(market),
            sessions,
            start: common::date(2018, 1, 2),
            ..SimConfig::default()
        })
        .unwrap();
        for ((name, (graph, registry)), tally) in rules.iter().zip(&mut tallies) {
            let progress = &mut |_| {};
            let run = common::finished(BacktestRequest {
                registry: registry.clone(),
                ..common::request(graph, &history, Mode::Batch, progress)
            });
            let broken = check(&run, tally);
            assert!(broken.is_empty(), "{name}, seed {}: {broken:#?}", market + 1);
            assert!(!run.structures.is_empty(), "{name} did nothing");
        }
        if years.is_some() {
            println!("{} years done", (market + 1) * YEARS * 4);
        }
    }
    for (name, t) in RULES.iter().zip(&tallies) {
        let years = f64::from(u32::try_from(t.sessions).unwrap()) / f64::from(SESSIONS);
        println!(
            "{name}: {years:.1} years, {} positions, {} sums, none differs; made ${:.0}",
            t.positions, t.sums, t.made
        );
    }
}
