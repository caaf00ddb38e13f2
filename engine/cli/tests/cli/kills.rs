//! A run at the simulated broker that dies again and again: the engine, the broker's process, or both, killed for real at
//! instants drawn from a seed. What the broker's own account holds at the end must be what the journals say, order by order.
//!
//! `ALULA_KILLS=500` makes the long version, `ALULA_KILL_SEED=7` repeats one history.
#![cfg(target_os = "linux")]
#![expect(
    clippy::indexing_slicing,
    reason = "helpers of tests may fail loudly, as tests do"
)]

use crate::broker::{opened, paper, trusted};
use crate::plugin::here;
use crate::support::{Folder, Outcome};
use alula_journal::store::RedbStore;
use alula_journal::wire::{BrokerSaid, OrderIntent, Submission};
use alula_journal::{Record, each};
use alula_live::broker::{BrokerEvent, OrderStatus};
use alula_market::history::History as _;
use alula_market::series::BarSize;
use alula_market::sim::export::export;
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_market::store::StoreHistory;
use alula_market::time::Instant as MarketTime;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// A strategy that trades all the time: weeklies, quick profits, quick losses, several positions.
pub const BUSY: &str = r"alula 1

/// Sells a condor of a week or so whenever it may, and takes what little it brings.
strategy busy {
    capital  $200_000
    evaluate every 30m in SPX.regular
    cross    60% of spread
}

threshold vix_ceiling = 60 vol in 15..80 vol  /// no new condor at or above this VIX

structure core = iron condor on SPX {
    expiry     nearest 9 dte in 5..14 dte
    short put  at 20 delta
    long put   about 50 pts below short put
    short call at 20 delta
    long call  about 50 pts above short call
}

policy income on core {
    open when VIX.last < vix_ceiling
         size 3 lots
         up to 4 positions

    close take_profit when profit >= 8% of credit
    close stop_loss when profit <= -60% of credit
}
";

/// Sessions of the market.
const SESSIONS: u32 = 12;

/// Some sessions of a simulated market as a store, made once: it is there at once when a run starts, and they start often.
pub fn store() -> &'static str {
    static STORE: OnceLock<String> = OnceLock::new();
    STORE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let name = format!("market-{}", std::process::id());
        for old in fs::read_dir(folder).unwrap().flatten() {
            let left = old.file_name().to_string_lossy().into_owned();
            let pid = left.strip_prefix("market-").and_then(|p| p.parse::<u32>().ok());
            // Of tests that have ended.
            if pid.is_some_and(|p| !Path::new(&format!("/proc/{p}")).exists()) || left == name {
                fs::remove_dir_all(old.path()).unwrap();
            }
        }
        let config = SimConfig {
            seed: 5,
            sessions: SESSIONS,
            every_minutes: Some(30),
            ..SimConfig::default()
        };
        let market = SimulatedMarket::new(config).unwrap();
        let path = folder.join(name);
        export(&market, &path, &mut |_, _, _| {}).unwrap();
        path.to_string_lossy().into_owned()
    })
}

/// Value of the index at the end of that market.
pub fn last_close() -> f64 {
    let history = StoreHistory::open(Path::new(store())).unwrap();
    let bars = history.series("SPX", BarSize::Session).unwrap().unwrap();
    bars.close.iter().rev().find_map(|c| *c).unwrap()
}

/// Numbers that look like chance.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

/// A folder in which the busy strategy runs at the simulated broker.
pub fn busy() -> Folder {
    let folder = Folder::new(&[("busy.alula", BUSY)]);
    trusted(&folder, &paper(), "paper");
    folder
}

/// The arguments of a run that goes on with whatever there is.
pub fn going_on(more: &[&str]) -> Vec<String> {
    let own = "run busy.alula --broker paper --state journals --resume --force --restarts 1000000 --out out";
    let mut args: Vec<String> = own.split(' ').map(str::to_owned).collect();
    args.extend(["--data", store(), "--speed", "max"].map(str::to_owned));
    // What is said last counts.
    for pair in more.chunks(2) {
        let before = args
            .iter()
            .position(|a| a == pair[0] && pair[0] != "--broker-set");
        if let Some(at) = before {
            args.drain(at..at + 2);
        }
        args.extend(pair.iter().map(|a| (*a).to_owned()));
    }
    args
}

/// Starts it, its events as lines.
pub fn start(folder: &Folder, args: &[String], env: &[(&str, &str)]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_alula"))
        .args(args)
        .args(["--format", "json"])
        .env("XDG_STATE_HOME", folder.join("state"))
        .envs(env.iter().copied())
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(folder.join("stderr")).unwrap())
        .spawn()
        .unwrap()
}

/// Processes that a process started.
pub fn children(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(text.split_whitespace().filter_map(|p| p.parse::<u32>().ok()));
    }
    found
}

pub fn signal(pid: u32, name: &str) {
    // It may have gone meanwhile.
    let _ = Command::new("kill")
        .args([name, &pid.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// Journals of the runs, the oldest first.
pub fn journals(folder: &Folder) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder.join("journals/busy"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "redb"))
        .collect();
    found.sort();
    found
}

/// What all journals together say of orders.
#[derive(Default)]
pub struct Said {
    pub intents: BTreeMap<String, OrderIntent>,
    /// Names that certainly never left, or were abandoned.
    pub never: BTreeSet<String>,
    pub abandoned: BTreeSet<String>,
    /// Names that the broker acknowledged, or that were found there.
    pub there: BTreeSet<String>,
    pub trades: BTreeSet<String>,
    pub refused: Vec<String>,
    pub alarms: Vec<String>,
    pub breaks: Vec<String>,
    pub reconnects: u64,
}

pub fn said(folder: &Folder) -> Said {
    let mut all = Said::default();
    for path in journals(folder) {
        let store = RedbStore::open(&path).unwrap();
        let verdict = each(&store, |_, record| {
            match record {
                Some(Record::OrderIntent(intent)) => {
                    let before = all.intents.insert(intent.order.clone(), intent.clone());
                    assert!(before.is_none(), "`{}` was meant twice", intent.order);
                }
                Some(Record::SubmitResult(result)) => {
                    if let Submission::NotSent(_) = result.submission {
                        all.never.insert(result.order.clone());
                    }
                }
                Some(Record::IntentAbandoned(a)) => {
                    all.abandoned.insert(a.order.clone());
                }
                Some(Record::Adopted(a)) => {
                    all.there.insert(a.order.clone());
                }
                Some(Record::Broker(b)) => match &b.said {
                    BrokerSaid::Acknowledged { order, .. } => {
                        all.there.insert(order.clone());
                    }
                    BrokerSaid::Filled(fill) => {
                        all.trades.insert(fill.exec_id.clone());
                        all.there.extend(fill.order.clone());
                    }
                    _ => {}
                },
                Some(Record::Refused(r)) => all.refused.push(r.why.clone()),
                Some(Record::Alarm(a)) => all.alarms.push(a.text.clone()),
                Some(Record::Reconciled(r)) => {
                    all.breaks.extend(r.breaks.clone());
                    all.reconnects += u64::from(r.occasion == "reconnect");
                }
                _ => {}
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(verdict.broken, None, "{}", path.display());
    }
    all
}

/// What the broker's own account holds: orders with their ends, trades.
pub struct Account {
    pub orders: BTreeMap<String, OrderStatus>,
    pub trades: BTreeMap<String, Option<String>>,
    pub positions: usize,
}

pub fn account(folder: &Folder) -> Account {
    let found = fs::read_dir(folder.join("journals/busy")).unwrap();
    let mut found = found.map(|e| e.unwrap().path());
    let home = found
        .find(|p| p.extension().is_some_and(|e| e == "paper"))
        .unwrap();
    let mut broker = opened(folder, "paper", &[("folder", &home.to_string_lossy())], 20_000);
    broker.connect().unwrap();
    broker.request_snapshot(1, MarketTime(0)).unwrap();
    let mut events = Vec::new();
    broker.poll(Duration::ZERO, &mut events).unwrap();
    let mut account = Account {
        orders: BTreeMap::new(),
        trades: BTreeMap::new(),
        positions: 0,
    };
    for event in events {
        match event {
            BrokerEvent::SnapshotOrder { row, .. } => {
                let name = row.order.unwrap().to_string();
                let before = account.orders.insert(name.clone(), row.status);
                assert_eq!(before, None, "`{name}` is at the broker twice");
            }
            BrokerEvent::SnapshotFill { fill, .. } => {
                let order = fill.order.map(|o| o.to_string());
                account.trades.insert(fill.exec_id.to_string(), order);
            }
            BrokerEvent::SnapshotPosition { .. } => account.positions += 1,
            _ => {}
        }
    }
    account
}

/// No order lost, none doubled, every one explained.
pub fn compare(folder: &Folder) -> (Said, Account) {
    let (said, account) = (said(folder), account(folder));
    for name in account.orders.keys() {
        assert!(
            said.intents.contains_key(name),
            "`{name}` is at the broker and in no journal"
        );
    }
    for name in said.intents.keys() {
        let never = said.never.contains(name) || said.abandoned.contains(name);
        let at_broker = account.orders.contains_key(name);
        assert!(
            at_broker != never,
            "`{name}`: at the broker {at_broker}, in the journals as never sent {never}"
        );
    }
    for (trade, order) in &account.trades {
        assert!(said.trades.contains(trade), "trade `{trade}` is in no journal");
        assert!(order.as_ref().is_none_or(|o| said.intents.contains_key(o)));
    }
    assert_eq!(said.trades.len(), account.trades.len());
    assert_eq!(said.breaks, Vec::<String>::new());
    (said, account)
}

/// The journal gives the same again, decisions, orders and links.
pub fn replays(folder: &Folder) -> Outcome {
    let newest = journals(folder).pop().unwrap();
    let newest = newest.to_string_lossy();
    let again = here(folder, &["replay", &newest, "--data", store()]);
    assert_eq!(again.code, 0, "{again}");
    again
}

pub fn whole(folder: &Folder) -> Outcome {
    let args = going_on(&[]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    here(folder, &args)
}

/// What is to die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Engine,
    Broker,
    Both,
}

/// Figures of many histories.
#[derive(Default, Debug)]
struct Figures {
    engine: u64,
    broker: u64,
    both: u64,
    runs: u64,
    orders: u64,
    trades: u64,
    abandoned: u64,
    refused: u64,
    reconnects: u64,
    /// Histories whose trades are those of the run that nobody disturbed.
    same: u64,
    histories: u64,
}

/// One run from its begin to its end with so many kills in it.
fn history(seed: u64, kills: u64, undisturbed: &str, figures: &mut Figures) {
    let folder = busy();
    let mut draw = Draw(seed);
    let mut left = kills;
    while left > 0 {
        let mut child = start(&folder, &going_on(&[]), &[]);
        let pid = child.id();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let mut over = false;
        // The broker may die several times under one engine.
        loop {
            let target =
                [Target::Engine, Target::Broker, Target::Both][usize::try_from(draw.below(3)).unwrap()];
            match draw.below(8) {
                // While it starts and recovers.
                0 => std::thread::sleep(Duration::from_millis(draw.below(600))),
                _ => {
                    let after = usize::try_from(1 + draw.below(12)).unwrap();
                    let ticks = lines.by_ref().filter(|l| l.contains("\"event\":\"tick\""));
                    over = ticks.take(after).count() < after;
                    std::thread::sleep(Duration::from_micros(draw.below(8_000)));
                }
            }
            if over {
                break;
            }
            left = left.saturating_sub(1);
            let brokers = children(pid);
            match target {
                Target::Engine => {
                    signal(pid, "-KILL");
                    figures.engine += 1;
                }
                Target::Broker => {
                    brokers.iter().for_each(|b| signal(*b, "-KILL"));
                    figures.broker += 1;
                }
                Target::Both => {
                    let first = draw.below(2) == 0;
                    if first {
                        signal(pid, "-KILL");
                    }
                    brokers.iter().for_each(|b| signal(*b, "-KILL"));
                    if !first {
                        signal(pid, "-KILL");
                    }
                    figures.both += 1;
                }
            }
            if target != Target::Broker || left == 0 {
                break;
            }
        }
        if !over {
            signal(pid, "-KILL");
        }
        let status = child.wait().unwrap();
        figures.runs += 1;
        if over {
            let stderr = folder.read("stderr");
            assert!(status.success(), "seed {seed}: {status}\n{stderr}");
            break;
        }
    }
    let last = whole(&folder);
    assert_eq!(last.code, 0, "seed {seed}: {last}");
    let (said, account) = compare(&folder);
    replays(&folder);
    let same = folder.read("out/trades.csv") == undisturbed;
    let explained = !said.abandoned.is_empty() || !said.never.is_empty() || !said.refused.is_empty();
    assert!(
        same || explained,
        "seed {seed}: other trades, and no order that was abandoned"
    );
    figures.runs += 1;
    figures.histories += 1;
    figures.same += u64::from(same);
    figures.orders += said.intents.len() as u64;
    figures.trades += account.trades.len() as u64;
    figures.abandoned += said.abandoned.len() as u64;
    figures.refused += said.refused.len() as u64;
    figures.reconnects += said.reconnects;
}

#[test]
fn no_order_is_lost_or_doubled_however_often_engine_and_broker_are_killed() {
    let number = |name: &str| std::env::var(name).ok().and_then(|t| t.parse::<u64>().ok());
    let all = number("ALULA_KILLS").unwrap_or(24);
    let undisturbed = busy();
    let run = whole(&undisturbed);
    assert_eq!(run.code, 0, "{run}");
    compare(&undisturbed);
    replays(&undisturbed);
    let trades = undisturbed.read("out/trades.csv");
    assert!(trades.lines().count() > 40, "{}", trades.lines().count());
    let mut figures = Figures::default();
    let mut seed = number("ALULA_KILL_SEED").unwrap_or(1);
    while figures.engine + figures.broker + figures.both < all {
        let done = figures.engine + figures.broker + figures.both;
        history(seed, (all - done).min(12), &trades, &mut figures);
        seed += 1;
        println!(
            "{} kills, {} histories",
            figures.engine + figures.broker + figures.both,
            figures.histories
        );
    }
    println!("{figures:#?}");
}
