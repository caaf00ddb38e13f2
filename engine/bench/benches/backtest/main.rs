//! A backtest over 2.4 million option rows from Parquet: rows a second, where the time goes, and how far from the limit.
//!
//! One condor a day, 45 days out, short 16 delta, long 5 delta, bought at the ask and sold at the bid; closed at half the
//! credit, at twice the credit lost, or at 21 days. The market is simulated. The limit is the same strategy as a loop written
//! for it alone, over the same loaded chains; both must open and close the same condors and end at the same result.
//!
//! `-- whole`, `-- run` and `-- sweep` run one race; `-- run --export=DIR` also writes the quotes for `peers/condor_polars.py`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "a bench that cannot do its work stops, and speaks to the person who runs it"
)]

mod export;
mod market;
mod plain;

use alula_bench::{Race, is_wanted};
use alula_dsl::graph::Graph;
use alula_dsl::source::NoImports;
use alula_market::chain::ChainSnapshot;
use alula_market::history::History;
use alula_market::store::StoreHistory;
use alula_run::{BacktestRequest, Progress, RunOutput, Sweep, backtest};
use plain::{Exits, Outcome};
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

threshold gain = 50%  in 5%..95%    /// share of the credit at which profit is taken
threshold stop = 200% in 50%..1000% /// loss, as a share of the credit, at which a condor is closed

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

    close take_profit when profit >= gain of credit
    close stop        when loss >= stop of credit
    close time        when dte <= 21
}
";
const ROUNDS: u32 = 5;
/// The thresholds' defaults.
const EXITS: Exits = Exits { gain: 0.5, stop: 2.0 };

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
    let want = plain::run(&snapshots, &rates, EXITS);
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
    if is_wanted("sweep") {
        sweep(&graph, &history, (&snapshots, &rates));
    }
    if let Some(dir) = export::wanted() {
        println!("wrote {}", export::write(&dir, &snapshots, &rates).display());
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
        .with(PLAIN, || {
            plain::run(loaded.0, loaded.1, EXITS).points_mills as f64
        })
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
        .with(PLAIN, || {
            plain::run(loaded.0, loaded.1, EXITS).points_mills as f64
        })
        .with(RUN, || run(graph, history).daily.len() as f64)
        .run(4 * ROUNDS, Duration::from_millis(200))
        .print();
}

/// A hundred backtests: ten shares of the credit at which to take profits, ten at which to stop.
fn sweep(graph: &Arc<Graph>, history: &StoreHistory, loaded: Loaded<'_>) {
    let points: Vec<Exits> = (1..=10)
        .flat_map(|g| (1..=10).map(move |s| (f64::from(g) * 0.09, f64::from(s) * 0.5)))
        .map(|(gain, stop)| Exits { gain, stop })
        .collect();
    let all = |all: Vec<Outcome>| all.iter().map(|o| o.points_mills as f64).sum::<f64>();
    let alula = || {
        let progress = &mut |_| {};
        let mut sweep = Sweep::new(request(graph, history, progress));
        let points = points.iter();
        points
            .map(|e| outcome(&sweep.run(&[e.gain, e.stop]).unwrap()))
            .collect::<Vec<Outcome>>()
    };
    let chosen_once = || {
        let entries = plain::entries(loaded.0, loaded.1);
        let points = points.iter();
        points
            .map(|e| plain::walk(loaded.0, entries.iter().copied(), *e))
            .collect::<Vec<Outcome>>()
    };
    assert_eq!(alula(), chosen_once(), "all points must trade the same");
    let (again, once, one) = (
        "the plain loop a hundred times",
        "limit: the plain loop, strikes chosen once",
        "alula, a hundred runs by themselves",
    );
    let results = Race::new(
        "a hundred backtests over two thresholds, chains loaded",
        "run",
        100,
    )
    .with("alula, one sweep", || all(alula()))
    .with_units(one, 10, || {
        (0..10).map(|_| run(graph, history).daily.len() as f64).sum()
    })
    .with_units(again, 10, || {
        let points = points.iter().take(10);
        all(points.map(|e| plain::run(loaded.0, loaded.1, *e)).collect())
    })
    .with(once, || all(chosen_once()))
    .run(ROUNDS, Duration::from_millis(200));
    results.print();
    for (name, what) in [
        (once, "sweep / plain, strikes chosen once"),
        (again, "sweep / plain, run again for each point"),
    ] {
        println!("  {what}: {:.2}", 1.0 / results.ratio(name).unwrap());
    }
}

fn compile() -> Arc<Graph> {
    let compiled = alula_dsl::compile::compile("bench.alula", STRATEGY.as_bytes(), &NoImports);
    Arc::new(
        compiled
            .graph
            .unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics)),
    )
}

fn request<'a>(
    graph: &Arc<Graph>,
    history: &'a dyn History,
    progress: &'a mut dyn FnMut(Progress),
) -> BacktestRequest<'a> {
    BacktestRequest {
        thresholds: vec![EXITS.gain, EXITS.stop],
        ..BacktestRequest::new(Arc::clone(graph), history, progress)
    }
}

fn run(graph: &Arc<Graph>, history: &dyn History) -> RunOutput {
    backtest(request(graph, history, &mut |_| {}))
        .unwrap_or_else(|e| panic!("{e} ({}) at {:?}", e.help, e.at))
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
