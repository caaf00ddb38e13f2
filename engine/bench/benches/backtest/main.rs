//! A backtest over 2.4 million option rows from Parquet: rows a second, where the time goes, and how far from the limit.
//!
//! One condor a day, 45 days out, short 16 delta, long 5 delta, bought at the ask and sold at the bid; closed at half the
//! credit, at twice the credit lost, or at 21 days. The market is simulated. The limit is the same strategy as a loop written
//! for it alone, over the same loaded chains; both must open and close the same condors and end at the same result.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "a bench that cannot do its work stops, and speaks to the person who runs it"
)]

mod market;
mod plain;

use alula_bench::{Race, is_wanted};
use alula_core::registry::Registry;
use alula_dsl::graph::Graph;
use alula_dsl::source::NoImports;
use alula_market::chain::ChainSnapshot;
use alula_market::history::History;
use alula_market::store::StoreHistory;
use alula_run::{BacktestRequest, Inputs, Mode, RunOutput, backtest};
use plain::Outcome;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const STRATEGY: &str = "alula 1

strategy daily_condor {
    capital  $10_000_000
    evaluate every 1 session in SPX.regular
    cross    100% of spread
    fees     none
}

structure core = iron condor on SPX {
    expiry     nearest 45 dte in 35..55 dte
    short put  at 16 delta
    long put   at 5 delta
    short call at 16 delta
    long call  at 5 delta
}

policy income on core {
    open when SPX.last > 0 pts
         size 1 lot
         up to 100 positions

    close take_profit when profit >= 50% of credit
    close stop        when loss >= 200% of credit
    close time        when dte <= 21
}
";
const ROUNDS: u32 = 5;

fn main() {
    let store = market::store();
    let graph = compile();
    // First of all, while nothing else has been in memory: one run from the files, and what it took.
    let started = Instant::now();
    let history = StoreHistory::open(&store).unwrap();
    let output = run(&graph, &history);
    let once = started.elapsed();
    let peak = peak_mb();
    let rows: u64 = history
        .manifest()
        .chains
        .values()
        .flat_map(|d| d.values())
        .flat_map(|c| &c.snapshots)
        .map(|s| s.rows)
        .sum();
    let bytes: u64 = history
        .manifest()
        .chains
        .values()
        .flat_map(|d| d.values())
        .map(|c| c.file.bytes)
        .sum();
    println!(
        "\nsimulated market: {} days, {:.2} million option rows, {:.0} MB of Parquet",
        output.daily.len(),
        rows as f64 / 1e6,
        bytes as f64 / 1e6
    );
    println!(
        "first run from the files: {:.0} ms wall, peak memory {peak:.0} MB",
        once.as_secs_f64() * 1e3
    );

    let snapshots = load(&history);
    let rates: Vec<f64> = snapshots
        .iter()
        .map(|s| history.rate(s.at).unwrap().unwrap())
        .collect();
    let want = plain::run(&snapshots, &rates);
    println!("plain loop: {want:?}");
    println!("alula:      {:?}", outcome(&output));
    assert_eq!(outcome(&output), want, "both must trade the same");

    let count = u32::try_from(rows).unwrap();
    if is_wanted("whole") {
        whole(&store, &graph, &history, (&snapshots, &rates), count);
    }
    if is_wanted("run") {
        only_the_run(&graph, &history, (&snapshots, &rates), count);
    }
}

const WHOLE: &str = "alula, end to end: Parquet files to finished run";
const LOADING: &str = "  of which reading, checking and decoding the files";
const RUN: &str = "  of which the run, chains loaded";
const PLAIN: &str = "limit: the same strategy as a plain loop, chains loaded";

/// What the plain loop reads.
type Loaded<'a> = (&'a [Arc<ChainSnapshot>], &'a [f64]);

fn whole(store: &Path, graph: &Arc<Graph>, history: &StoreHistory, loaded: Loaded<'_>, rows: u32) {
    let results = Race::new("backtest over the whole store", "row", rows)
        .with(WHOLE, || {
            let history = StoreHistory::open(store).unwrap();
            run(graph, &history).daily.len() as f64
        })
        .with(LOADING, || load(&StoreHistory::open(store).unwrap()).len() as f64)
        .with(RUN, || run(graph, history).daily.len() as f64)
        .with(PLAIN, || plain::run(loaded.0, loaded.1).points_mills as f64)
        .run(ROUNDS, Duration::from_millis(200));
    results.print();
    let [loading, ran, limit] = [LOADING, RUN, PLAIN].map(|name| results.ratio(name).unwrap());
    println!("  run / plain loop: {:.2}", ran / limit);
    println!(
        "  end to end / plain loop with its loading: {:.2}",
        1.0 / (loading + limit)
    );
    if let Some(ns) = results.ns(WHOLE) {
        println!(
            "  end to end: {:.1} million rows per second of processor time",
            1e3 / ns
        );
    }
}

/// The run against the limit and nothing else: what a profiler should look at.
fn only_the_run(graph: &Arc<Graph>, history: &StoreHistory, loaded: Loaded<'_>, rows: u32) {
    Race::new("the run, chains loaded", "row", rows)
        .with(PLAIN, || plain::run(loaded.0, loaded.1).points_mills as f64)
        .with(RUN, || run(graph, history).daily.len() as f64)
        .run(4 * ROUNDS, Duration::from_millis(200))
        .print();
}

fn compile() -> Arc<Graph> {
    let compiled = alula_dsl::compile::compile("bench.alula", STRATEGY.as_bytes(), &NoImports);
    Arc::new(
        compiled
            .graph
            .unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics)),
    )
}

fn run(graph: &Arc<Graph>, history: &dyn History) -> RunOutput {
    let request = BacktestRequest {
        graph: Arc::clone(graph),
        thresholds: Vec::new(),
        registry: Registry::default(),
        inputs: Inputs::default(),
        history,
        from: None,
        to: None,
        mode: Mode::Batch,
        progress: &mut |_| {},
    };
    backtest(request).unwrap_or_else(|e| panic!("{e} ({}) at {:?}", e.help, e.at))
}

fn load(history: &StoreHistory) -> Vec<Arc<ChainSnapshot>> {
    let (from, to) = history.range("SPX").unwrap();
    history
        .ticks("SPX", from, to)
        .into_iter()
        .map(|at| history.snapshot("SPX", at).unwrap())
        .collect()
}

fn outcome(output: &RunOutput) -> Outcome {
    let opened = output.positions.len();
    let closed = output.positions.iter().filter(|p| p.closed_at.is_some()).count();
    let result = output.daily.last().unwrap().equity.share - output.manifest.capital;
    // A point of one lot is a hundred dollars, so a mill is 100 000 micro-dollars; half away from zero.
    Outcome {
        opened,
        closed,
        points_mills: result.0.signum() * ((result.0.abs() + 50_000) / 100_000),
    }
}

/// Largest memory of this process so far, in MB; nothing where the system does not say.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    let kib = status.lines().find_map(|l| {
        l.strip_prefix("VmHWM:")?
            .trim()
            .strip_suffix(" kB")?
            .trim()
            .parse::<f64>()
            .ok()
    });
    kib.map_or(f64::NAN, |k| k * 1024.0 / 1e6)
}
