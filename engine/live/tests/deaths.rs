//! Indicators of plugins that die once and not the second time: what the run knew of it is in its journal, and with that it is
//! computed again as it was, link by link, by every driver, before and after other strategies and other builds.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "tests may fail loudly, and their numbers are small"
)]

use alula_core::ops::StateError;
use alula_core::plugin::{PluginHost, PluginInstance};
use alula_core::registry::Registry;
use alula_core::thresholds::ThresholdSet;
use alula_core::value::{Cause, Cell};
use alula_dsl::compile::compile;
use alula_dsl::graph::{Graph, PluginId};
use alula_dsl::source::NoImports;
use alula_journal::store::{MemoryDisk, MemoryStore};
use alula_journal::{Journal, Limits, Manifest, Record, each};
use alula_live::keeper::{Basis, Keeper, died_in};
use alula_live::swap::{Desk, Rules};
use alula_live::view::View;
use alula_live::{Happening, Live};
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_market::time::Instant;
use alula_run::{
    BacktestRequest, Course, Crank, Death, Entries, Inputs, Mode, NewRules, RunOutput, Swap, Upgrade,
    backtest,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const TEXT: &str = "alula 1

strategy probed {
    capital  $250_000
    evaluate every 1 session in SPX.regular
    cross    60% of spread
}

use plugin \"probe\" as probe(x: number) -> number

structure core = iron condor on SPX {
    expiry     nearest 30 dte in 20..45 dte
    short put  at 16 delta
    long put   about 50 pts below short put
    short call at 16 delta
    long call  about 50 pts above short call
}

policy income on core {
    open when sma(probe(VIX.close / 1 vol), 3 sessions) > 1 size 1 lot up to 6 positions
    close late when dte <= 10 dte
}
";

/// When instances die, and how often that still happens.
#[derive(Debug, Default)]
struct Fate {
    /// Rows that an instance takes before it dies.
    rows: AtomicU64,
    times: AtomicU64,
    /// The largest number of rows that one took.
    taken: AtomicU64,
}

impl Fate {
    fn at(rows: u64) -> Arc<Self> {
        let fate = Self::default();
        fate.arm(rows);
        Arc::new(fate)
    }

    /// One more dies, after so many rows.
    fn arm(&self, rows: u64) {
        self.rows.store(rows, Ordering::Relaxed);
        self.times.store(1, Ordering::Relaxed);
    }
}

/// Mean of all rows.
#[derive(Clone, Debug)]
struct Mean {
    rows: u64,
    sum: f64,
    dead: bool,
    fate: Arc<Fate>,
}

impl PluginInstance for Mean {
    fn row(&mut self, inputs: &[f64]) -> Cell {
        let fate = &self.fate;
        let now = self.rows == fate.rows.load(Ordering::Relaxed);
        let less = |times: u64| times.checked_sub(1);
        self.dead |= now
            && fate
                .times
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
                .is_ok();
        if self.dead {
            return Cell::missing(Cause::Plugin);
        }
        self.rows += 1;
        self.fate.taken.fetch_max(self.rows, Ordering::Relaxed);
        self.sum += inputs[0];
        Cell::number(self.sum / self.rows as f64)
    }
    fn rows(&mut self, inputs: &[&[f64]], rows: usize, out: &mut Vec<Cell>) {
        for at in 0..rows {
            let row: Vec<f64> = inputs.iter().map(|lane| lane[at]).collect();
            out.push(self.row(&row));
        }
    }
    fn reset(&mut self) {
        (self.rows, self.sum, self.dead) = (0, 0.0, false);
    }
    fn warmup(&self) -> u64 {
        0
    }
    fn save(&mut self, out: &mut Vec<u8>) {
        out.extend(self.rows.to_le_bytes());
    }
    fn load(&mut self, _: &[u8]) -> Result<(), StateError> {
        Err(StateError::Foreign)
    }
    fn copy(&mut self) -> Box<dyn PluginInstance> {
        Box::new(self.clone())
    }
    fn fault(&self) -> Option<String> {
        self.dead
            .then(|| "`probe` of plugin `probe` stopped: it did not answer".to_owned())
    }
}

#[derive(Debug)]
struct Host(Arc<Fate>);

impl PluginHost for Host {
    fn instance(&self, _: PluginId, _: &[f64], _: u8) -> Result<Option<Box<dyn PluginInstance>>, String> {
        Ok(Some(Box::new(Mean {
            rows: 0,
            sum: 0.0,
            dead: false,
            fate: Arc::clone(&self.0),
        })))
    }
    fn loaded(&self) -> Vec<(String, String)> {
        vec![("probe".to_owned(), "00".repeat(32))]
    }
    fn take_faults(&self) -> Vec<String> {
        Vec::new()
    }
}

fn registry(fate: &Arc<Fate>) -> Registry {
    Registry::default().and_plugins(Some(Arc::new(Host(Arc::clone(fate)))))
}

fn graph(text: &str) -> Arc<Graph> {
    let compiled = compile("test.alula", text.as_bytes(), &NoImports);
    Arc::new(
        compiled
            .graph
            .unwrap_or_else(|| panic!("{:?}", compiled.diagnostics)),
    )
}

fn market() -> SimulatedMarket {
    let config = SimConfig {
        sessions: 90,
        ..SimConfig::default()
    };
    SimulatedMarket::new(config).unwrap()
}

fn inputs(text: &str) -> Inputs {
    Inputs {
        sources: vec![("probed.alula".to_owned(), text.as_bytes().to_vec())],
        ..Inputs::default()
    }
}

fn request<'a>(
    history: &'a SimulatedMarket,
    fate: &Arc<Fate>,
    (mode, course): (Mode, Course),
) -> BacktestRequest<'a> {
    BacktestRequest {
        registry: registry(fate),
        inputs: inputs(TEXT),
        mode,
        course,
        // The run outlives this function, and so does whom it tells.
        ..BacktestRequest::new(graph(TEXT), history, Box::leak(Box::new(|_| {})))
    }
}

/// The run with what is known of deaths, by indicators that do not die any more.
fn again(history: &SimulatedMarket, swaps: &[Swap], deaths: &[Death], mode: Mode) -> (RunOutput, Arc<Fate>) {
    let fate = Arc::new(Fate::default());
    let course = Course {
        swaps: swaps.to_vec(),
        deaths: deaths.to_vec(),
        ..Course::default()
    };
    (backtest(request(history, &fate, (mode, course))).unwrap(), fate)
}

fn same(run: &RunOutput, other: &RunOutput) {
    let differs = run.ticks.iter().zip(&other.ticks).find(|(a, b)| a != b);
    assert_eq!(differs, None, "the first tick that differs");
    assert_eq!(run.manifest.chain, other.manifest.chain);
}

const MODES: [Mode; 3] = [Mode::Batch, Mode::Streaming, Mode::Permuted];

#[test]
fn a_death_stands_in_the_journal_before_its_decision_and_a_replay_has_it_without_asking() {
    let history = market();
    let fate = Fate::at(40);
    let crank = Crank::start(&request(&history, &fate, (Mode::Streaming, Course::default()))).unwrap();
    let mut live = Live::new(
        crank,
        Desk::new("probed", &graph(TEXT).thresholds, Rules::default()),
    );
    let disk = MemoryDisk::new();
    let manifest = Manifest::new("20240101T000000000", 7, 0);
    let journal = Journal::create(Box::new(disk.open()), manifest, Limits::default()).unwrap();
    let basis = Basis {
        sources: Vec::new(),
        rules: [7; 32],
        mode: "paper".to_owned(),
        broker: "internal".to_owned(),
        feed: "simulated".to_owned(),
        safe_mode: None,
    };
    let set = ThresholdSet::defaults(&graph(TEXT).thresholds);
    live.keep(Keeper::begin(journal, &basis, (&set, String::new()), 0).unwrap());
    let mut alerts = Vec::new();
    while live.next().is_some() {
        for news in live.turn(0).unwrap() {
            if let Happening::Alert { at, key, text } = news {
                alerts.push((at, key, text));
            }
        }
    }
    let dead = View::of(&live).dead;
    let run = live.finish("the feed ended", 0).unwrap();
    assert_eq!(dead, [run.manifest.deaths[0].to_string()]);
    let store: MemoryStore = disk.open();
    let mut records = Vec::new();
    let verdict = each(&store, |_, record| {
        records.extend(record.cloned());
        Ok(())
    });
    assert!(verdict.unwrap().broken.is_none());
    let place = records.iter().position(|r| matches!(r, Record::PluginDied(_)));
    let place = place.unwrap();
    let (Record::Tick(tick), Record::Decision(decision)) = (&records[place - 1], &records[place + 1]) else {
        panic!("{:?}", &records[place - 1..=place + 1]);
    };
    let deaths: Vec<Death> = records
        .iter()
        .filter_map(|r| match r {
            Record::PluginDied(d) => Some(died_in(d)),
            _ => None,
        })
        .collect();
    let [death] = deaths.as_slice() else {
        panic!("{deaths:?}")
    };
    assert_eq!((tick.at_s, decision.at_s), (death.at.0, death.at.0));
    assert_eq!((death.generation, death.row), (1, 40));
    assert_eq!(death.text, "probe(VIX.close / 1 vol)");
    assert_eq!(alerts.len(), 1);
    assert_eq!((alerts[0].0, &*alerts[0].1), (death.at, "plugin"));
    assert!(
        alerts[0]
            .2
            .contains("stopped: it did not answer; `probe(VIX.close / 1 vol)` is missing from its row 40 on"),
        "{}",
        alerts[0].2
    );
    for mode in MODES {
        let (replayed, asked) = again(&history, &[], &deaths, mode);
        same(&run, &replayed);
        // The rows before it, and no more.
        assert_eq!(asked.taken.load(Ordering::Relaxed), 40);
        if mode != Mode::Batch {
            let mut known = run.manifest.deaths.clone();
            known.iter_mut().for_each(|d| d.recorded = true);
            assert_eq!(replayed.manifest.deaths, known);
        }
        let mark = |r: &RunOutput| r.manifest.marks.iter().any(|m| m.contains("it did not answer"));
        assert!(mode == Mode::Batch || (mark(&run) && mark(&replayed)));
        // Without it the run is another one.
        let (undisturbed, _) = again(&history, &[], &[], mode);
        assert_ne!(undisturbed.manifest.chain, run.manifest.chain);
    }
    // One that dies only now says so, and is told from those of the record.
    let fate = Fate::at(12);
    let course = Course {
        deaths: deaths.clone(),
        ..Course::default()
    };
    let other = backtest(request(&history, &fate, (Mode::Streaming, course))).unwrap();
    let [found] = other.manifest.deaths.as_slice() else {
        panic!("{:?}", other.manifest.deaths)
    };
    assert_eq!((found.row, found.recorded), (12, false));
    assert!(!found.is_of(death));
}

#[test]
fn a_death_before_the_first_tick_is_one_of_the_run() {
    let history = market();
    let fate = Fate::at(3);
    let from = {
        let (all, _) = again(&history, &[], &[], Mode::Streaming);
        all.ticks[20].at.date()
    };
    let with = |fate: &Arc<Fate>, mode, deaths: &[Death]| {
        let course = Course {
            deaths: deaths.to_vec(),
            ..Course::default()
        };
        let request = BacktestRequest {
            from: Some(from),
            ..request(&history, fate, (mode, course))
        };
        backtest(request).unwrap()
    };
    let run = with(&fate, Mode::Streaming, &[]);
    let deaths = run.manifest.deaths.clone();
    assert_eq!(deaths.len(), 1);
    assert_eq!((deaths[0].row, deaths[0].at), (3, run.ticks[0].at));
    for mode in MODES {
        let healthy = Arc::new(Fate::default());
        same(&run, &with(&healthy, mode, &deaths));
    }
    assert!(run.orders.is_empty());
}

/// Turns until so many ticks were decided.
fn turn(crank: &mut Crank<'_>, ticks: usize) {
    while crank.output().ticks.len() < ticks && crank.turn().unwrap().is_some() {}
}

#[test]
fn a_strategy_that_takes_over_begins_with_living_instances_and_theirs_die_for_themselves() {
    let history = market();
    let fate = Fate::at(20);
    let mut crank = Crank::start(&request(&history, &fate, (Mode::Streaming, Course::default()))).unwrap();
    turn(&mut crank, 30);
    let text = TEXT.replace("dte <= 10 dte", "dte <= 12 dte");
    let swap = Swap {
        at: crank.next().unwrap(),
        set: ThresholdSet::defaults(&graph(&text).thresholds),
        file: None,
        entries: Entries::Evaluate,
        rules: Some(Arc::new(NewRules {
            graph: graph(&text),
            registry: registry(&fate),
            inputs: inputs(&text),
            carry: BTreeMap::new(),
            others: None,
        })),
    };
    crank.swap(swap.clone()).unwrap();
    turn(&mut crank, 40);
    // The new ones took the rows of the past, and were not what died.
    assert!(fate.taken.load(Ordering::Relaxed) >= 40);
    fate.arm(fate.taken.load(Ordering::Relaxed) + 5);
    turn(&mut crank, usize::MAX);
    let run = crank.finish().unwrap();
    let deaths = run.manifest.deaths.clone();
    let known: Vec<(u32, u64)> = deaths.iter().map(|d| (d.generation, d.row)).collect();
    assert_eq!(known.len(), 2, "{deaths:?}");
    assert_eq!((known[0], known[1].0), ((1, 20), 2));
    let healthy = Arc::new(Fate::default());
    let swap = Swap {
        rules: swap.rules.map(|r| {
            Arc::new(NewRules {
                registry: registry(&healthy),
                ..NewRules::clone(&r)
            })
        }),
        ..swap
    };
    for mode in [Mode::Streaming, Mode::Permuted] {
        same(
            &run,
            &again(&history, std::slice::from_ref(&swap), &deaths, mode).0,
        );
        let (without, _) = again(&history, std::slice::from_ref(&swap), &deaths[..1], mode);
        assert_ne!(without.manifest.chain, run.manifest.chain);
    }
}

#[test]
fn another_build_is_a_generation_of_its_own_also_when_it_dies_over_the_past() {
    let history = market();
    for dies_in_the_past in [false, true] {
        let first = Fate::at(20);
        let mut crank =
            Crank::start(&request(&history, &first, (Mode::Streaming, Course::default()))).unwrap();
        turn(&mut crank, 30);
        let second = Arc::new(Fate::default());
        let upgrade = |fate: &Arc<Fate>, at: Instant| Upgrade {
            at,
            plugin: "probe".to_owned(),
            sha256: "11".repeat(32),
            registry: registry(fate),
        };
        let at = crank.next().unwrap();
        // The build in force is computed again beside the new one: it is dead there where it was, and where it dies now is not where it
        // died in the run.
        first.arm(7);
        if dies_in_the_past {
            second.arm(9);
        }
        let mut shadow = crank.shadow(&registry(&second)).unwrap();
        while crank.follow(&mut shadow, usize::MAX).unwrap() > 0 {}
        assert!(shadow.difference().is_some());
        crank.upgrade(upgrade(&second, at), Some(shadow));
        turn(&mut crank, 40);
        if !dies_in_the_past {
            second.arm(second.taken.load(Ordering::Relaxed) + 5);
        }
        turn(&mut crank, usize::MAX);
        let run = crank.finish().unwrap();
        let deaths = run.manifest.deaths.clone();
        let known: Vec<(u32, u64)> = deaths.iter().map(|d| (d.generation, d.row)).collect();
        assert_eq!(known.len(), 2, "{deaths:?}");
        assert_eq!((known[0], known[1].0), ((1, 20), 2));
        assert_eq!(known[1].1 == 9, dies_in_the_past);
        let healthy = Arc::new(Fate::default());
        let course = Course {
            deaths: deaths.clone(),
            ..Course::default()
        };
        let mut crank = Crank::start(&request(&history, &healthy, (Mode::Streaming, course))).unwrap();
        crank.upgrade(upgrade(&healthy, at), None);
        turn(&mut crank, usize::MAX);
        same(&run, &crank.finish().unwrap());
    }
}
