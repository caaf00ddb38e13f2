//! What a change under way costs: from a saved file to the first tick decided with it, ticks missed or late, and what the tick
//! loop pays. Thresholds and rules, on the loop of a live run: a look at the files, a slice of work on a strategy that is on its
//! way, the tick when it is due.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench that cannot do its work stops, and a bench prints"
)]

use alula_bench::is_wanted;
use alula_core::registry::Registry;
use alula_core::thresholds::read;
use alula_dsl::compile::compile;
use alula_dsl::graph::Graph;
use alula_dsl::source::NoImports;
use alula_live::Live;
use alula_live::source::{AGAIN, SETTLE, Source};
use alula_live::strategy::{Files, Offered};
use alula_live::swap::{Desk, Rules};
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_run::{BacktestRequest, Crank, Entries, Inputs, Mode, NewRules, Swap, backtest};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two ticks: a session at five minutes takes eight seconds.
const TICK: Duration = Duration::from_millis(100);
/// Saves of each kind.
const SAVES: usize = 12;
/// Ticks between two saves.
const APART: usize = 12;
/// A slice of work, as in a live run.
const SLICE: Duration = Duration::from_millis(20);

fn text(window: usize) -> String {
    format!(
        "alula 1\n\nstrategy condor {{\n    capital $250_000\n    evaluate every 5m in SPX.regular\n    \
         cross 60% of spread\n}}\n\nthreshold gain = 50% in 5%..90%  /// of the credit\n\n\
         signal calm = VIX.last < 22 vol until VIX.last > 30 vol\n\n\
         structure core = iron condor on SPX {{\n    expiry nearest 30 dte in 20..45 dte\n    short put at 16 delta\n    \
         long put about 50 pts below short put\n    short call at 16 delta\n    long call about 50 pts above short call\n}}\n\n\
         policy income on core {{\n    open when calm and rsi(SPX.close, {window} sessions) > 40\n         size 1 lot\n         \
         up to 4 positions\n\n    close win when profit >= gain of credit\n    close late when dte <= 10 dte\n}}\n"
    )
}

fn values(percent: usize) -> String {
    format!("strategy: condor\nthresholds:\n  gain: {percent}%\n...\n")
}

fn graph(text: &str) -> Arc<Graph> {
    let compiled = compile("condor.alula", text.as_bytes(), &NoImports);
    Arc::new(
        compiled
            .graph
            .unwrap_or_else(|| panic!("{:?}", compiled.diagnostics)),
    )
}

fn request<'a>(
    graph: &Arc<Graph>,
    history: &'a SimulatedMarket,
    progress: &'a mut dyn FnMut(alula_run::Progress),
) -> BacktestRequest<'a> {
    BacktestRequest {
        mode: Mode::Streaming,
        ..BacktestRequest::new(Arc::clone(graph), history, progress)
    }
}

/// What is saved while the run is under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Saved {
    Nothing,
    Thresholds,
    Rules,
}

/// What was measured.
#[derive(Default)]
struct Seen {
    /// From the save until the run has taken the file.
    taken: Vec<Duration>,
    /// From the save until the first tick is decided with it.
    effect: Vec<Duration>,
    /// Of each tick: how late it began, and how long it took.
    late: Vec<Duration>,
    tick: Vec<Duration>,
    decided: usize,
    expected: usize,
}

/// A run of so many ticks from the middle of a quarter, with saves.
fn lived(history: &SimulatedMarket, saved: Saved, skip: usize) -> Seen {
    let dir = std::env::temp_dir().join(format!("alula-bench-swap-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (rules, yaml) = (dir.join("condor.alula"), dir.join("condor.thresholds.yaml"));
    save(&rules, &text(9));
    save(&yaml, &values(50));
    let first = graph(&text(9));
    let mut silent = |_| {};
    let crank = Crank::start(&request(&first, history, &mut silent)).unwrap();
    let mut live = Live::new(crank, Desk::new("condor", &first.thresholds, Rules::default()));
    for _ in 0..skip {
        live.turn(0).unwrap();
    }
    let mut seen = Seen {
        expected: SAVES * APART,
        ..Seen::default()
    };
    let (mut source, mut files) = (Source::new(&yaml), Files::new(std::slice::from_ref(&rules)));
    let begun = Instant::now();
    let mut at_save: Option<Instant> = None;
    let mut versions = live.crank().version();
    let mut told = live.reloads().accepted;
    for tick in 0..seen.expected {
        let due = TICK * u32::try_from(tick + 1).unwrap();
        if tick % APART == 2 {
            let n = tick / APART;
            match saved {
                Saved::Nothing => {}
                Saved::Thresholds => save(&yaml, &values(40 + n % 2 * 10 + n)),
                Saved::Rules => save(&rules, &text(10 + n)),
            }
            if saved != Saved::Nothing {
                at_save = Some(Instant::now());
                // What a watcher of the folder says.
                source.trigger(begun.elapsed());
                files.trigger(begun.elapsed());
            }
        }
        while begun.elapsed() < due {
            let now = begun.elapsed();
            if let Some(read) = source.poll(now) {
                live.offer(read, "file", 0).unwrap();
            }
            if files.poll(now) {
                let bytes = std::fs::read_to_string(&rules).unwrap();
                let said = Ok(offered(&bytes, &yaml));
                live.offer_strategy(said, "file", 0).unwrap();
            }
            let slice = Instant::now();
            while live.is_preparing() && slice.elapsed() < SLICE && begun.elapsed() < due {
                live.work(4, 0).unwrap();
            }
            if live.reloads().accepted > told {
                told = live.reloads().accepted;
                seen.taken.extend(at_save.map(|at| at.elapsed()));
            }
            let rest = due.saturating_sub(begun.elapsed());
            let wait = if live.is_preparing() { Duration::ZERO } else { rest };
            let wait = wait.min(source.due().min(files.due()).saturating_sub(begun.elapsed()));
            std::thread::sleep(wait);
        }
        seen.late.push(begun.elapsed().saturating_sub(due));
        let started = Instant::now();
        live.turn(0).unwrap();
        seen.tick.push(started.elapsed());
        if live.crank().version() > versions {
            versions = live.crank().version();
            seen.effect.extend(at_save.take().map(|at| at.elapsed()));
        }
    }
    seen.decided = live.crank().output().ticks.len().saturating_sub(skip);
    std::fs::remove_dir_all(&dir).unwrap();
    seen
}

fn save(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

fn offered(text: &str, yaml: &Path) -> Offered {
    let graph = graph(text);
    let set = read(&std::fs::read(yaml).unwrap(), "condor", &graph.thresholds).unwrap();
    Offered {
        swap: Swap {
            at: alula_market::time::Instant(0),
            set,
            file: None,
            entries: Entries::Wait,
            rules: Some(Arc::new(NewRules {
                graph,
                registry: Registry::default(),
                inputs: Inputs {
                    sources: vec![("condor.alula".to_owned(), text.as_bytes().to_vec())],
                    ..Inputs::default()
                },
                carry: BTreeMap::new(),
                others: None,
            })),
        },
        sources: text.as_bytes().to_vec(),
        ended: true,
        ack: None,
    }
}

fn median(all: &[Duration]) -> Duration {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn most(all: &[Duration]) -> Duration {
    all.iter().max().copied().unwrap_or_default()
}

fn main() {
    if !is_wanted("swap") {
        return;
    }
    let history = SimulatedMarket::new(SimConfig {
        sessions: 63,
        every_minutes: Some(5),
        ..SimConfig::default()
    })
    .unwrap();
    // A month of ticks lies behind the run, which a new strategy has to take.
    let skip = 1_600;
    println!(
        "a tick each {} ms, {SAVES} saves {APART} ticks apart, {skip} ticks of the past; a file has to be quiet for {} ms first",
        TICK.as_millis(),
        (SETTLE + AGAIN).as_millis()
    );
    let plain = lived(&history, Saved::Nothing, skip);
    let all = [
        ("nothing", plain),
        ("thresholds", lived(&history, Saved::Thresholds, skip)),
        ("rules", lived(&history, Saved::Rules, skip)),
    ];
    let base = all.first().map_or(0.0, |(_, s)| median(&s.tick).as_secs_f64());
    println!(
        "{:<11} {:>6} {:>18} {:>18} {:>7} {:>12} {:>20}",
        "saved", "taken", "save to taken", "save to effect", "missed", "late, most", "tick (to nothing's)"
    );
    for (name, s) in &all {
        println!(
            "{name:<11} {:>6} {:>8.0?} / {:>7.0?} {:>8.0?} / {:>7.0?} {:>7} {:>12.2?} {:>11.2?} ({:.2})",
            s.effect.len(),
            median(&s.taken),
            most(&s.taken),
            median(&s.effect),
            most(&s.effect),
            s.expected - s.decided,
            most(&s.late),
            median(&s.tick),
            median(&s.tick).as_secs_f64() / base
        );
    }
    // The same work at once: what the first tick with another strategy waits for where nothing was prepared.
    let mut silent = |_| {};
    let first = graph(&text(9));
    let started = Instant::now();
    let run = backtest(request(&first, &history, &mut silent)).unwrap();
    println!(
        "the whole quarter as a backtest: {:.2?}, {} ticks",
        started.elapsed(),
        run.ticks.len()
    );
}
