//! Brokers in processes of their own: a whole dialogue with the simulated one, and what becomes of those that crash, hang or
//! leave. The process that is killed here is killed for real.
#![cfg(all(unix, not(target_vendor = "apple")))]

use crate::plugin::{cc, here};
use crate::support::{CONDOR, Folder};
use alula::broker::{Opening, open_broker};
use alula_book::instrument::LinearLeg;
use alula_live::broker::{
    Broker, BrokerEvent, BrokerOrder, ClientOrderId, Expired, Fill, FillKind, FinalValue, OrderLife,
    OrderStatus, Quote, Submission,
};
use alula_market::contract::{Instrument, OptionContract, Right, Root};
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The simulated broker's library, as it was built with these tests.
pub fn paper() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let name = "libalula_paper.so";
    let found = own
        .ancestors()
        .skip(1)
        .take(2)
        .map(|f| f.join(name))
        .find(|p| p.is_file());
    // It is built with these tests, which depend on it.
    found.unwrap()
}

pub fn trusted(folder: &Folder, library: &Path, id: &str) {
    let done = here(
        folder,
        &["plugin", "trust", &library.to_string_lossy(), "--id", id],
    );
    assert_eq!(done.code, 0, "{done}");
}

pub fn opened(
    folder: &Folder,
    name: &str,
    settings: &[(&str, &str)],
    deadline: u64,
) -> Box<dyn Broker + Send> {
    let (strategy, cache) = (folder.join("strategy.alula"), folder.join("state/cache"));
    let settings: Vec<(String, String)> = settings
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    let opening = Opening {
        strategy: &strategy,
        cache: Some(&cache),
        deadline: Duration::from_millis(deadline),
        ..Opening::default()
    };
    open_broker(name, &settings, &opening).unwrap()
}

fn at(minute: i64) -> Instant {
    let ten: Date = "2024-06-03".parse().unwrap();
    Instant(Instant::from_eastern(ten, 10, 0).unwrap().0 + minute * 60)
}

const STRIKES: [(i64, Right, i64, i64); 4] = [
    (5_050, Right::Put, 8_000, 1),
    (5_100, Right::Put, 11_500, -1),
    (5_500, Right::Call, 9_200, -1),
    (5_550, Right::Call, 5_600, 1),
];

fn option(strike: i64, right: Right) -> Instrument {
    Instrument::Option(OptionContract {
        root: Root::Spxw,
        expiry: "2024-06-21".parse().unwrap(),
        right,
        strike: Price(strike * 1000),
    })
}

/// Quotes with so many contracts shown on each side.
fn quotes(minute: i64, size: u32) -> Vec<Quote> {
    let row = |(strike, right, mid, _): &(i64, Right, i64, i64)| Quote {
        instrument: option(*strike, *right),
        bid: Some(Price(mid - 100)),
        ask: Some(Price(mid + 100)),
        bid_size: Some(size),
        ask_size: Some(size),
        at: at(minute),
    };
    STRIKES.iter().map(row).collect()
}

pub fn condor(id: &str, quantity: u32, limit: i64) -> BrokerOrder {
    let leg = |(strike, right, _, ratio): &(i64, Right, i64, i64)| LinearLeg {
        instrument: option(*strike, *right),
        quantity: *ratio,
    };
    BrokerOrder {
        id: ClientOrderId::new(id).unwrap(),
        group: "income#1".into(),
        legs: STRIKES.iter().map(leg).collect(),
        quantity,
        limit: Some(Price(limit)),
        not_after: at(600),
        life: OrderLife::Day,
    }
}

fn poll(broker: &mut dyn Broker) -> Vec<BrokerEvent> {
    let mut events = Vec::new();
    broker.poll(Duration::ZERO, &mut events).unwrap();
    events
}

fn round(broker: &mut dyn Broker, minute: i64, size: u32) -> Vec<BrokerEvent> {
    broker.quotes(at(minute), &quotes(minute, size)).unwrap();
    poll(broker)
}

fn fills(events: &[BrokerEvent]) -> Vec<Fill> {
    let fill = |e: &BrokerEvent| match e {
        BrokerEvent::Filled(fill) | BrokerEvent::SnapshotFill { fill, .. } => Some(fill.clone()),
        _ => None,
    };
    events.iter().filter_map(fill).collect()
}

/// Rows of a snapshot without its number and its account, which is marked at the market.
fn snapshot(broker: &mut dyn Broker, request: u64) -> (Vec<BrokerEvent>, Usd) {
    broker.request_snapshot(request, Instant(0)).unwrap();
    let mut rows = poll(broker);
    assert_eq!(rows.first(), Some(&BrokerEvent::SnapshotBegin { request }));
    assert_eq!(rows.last(), Some(&BrokerEvent::SnapshotEnd { request }));
    let mut cash = None;
    rows.retain(|row| {
        if let BrokerEvent::SnapshotAccount { row, .. } = row {
            cash = Some(row.cash);
        }
        !matches!(
            row,
            BrokerEvent::SnapshotBegin { .. }
                | BrokerEvent::SnapshotEnd { .. }
                | BrokerEvent::SnapshotAccount { .. }
        )
    });
    for row in &mut rows {
        match row {
            BrokerEvent::SnapshotOrder { request, .. }
            | BrokerEvent::SnapshotFill { request, .. }
            | BrokerEvent::SnapshotPosition { request, .. } => *request = 0,
            other => unreachable!("{other:?}"),
        }
    }
    (rows, cash.unwrap())
}

/// Processes of this one that a broker lives in, by their lock.
fn processes(lock: &Path) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).into_owned();
        if words.contains("broker-host") && words.contains(&*lock.to_string_lossy()) {
            found.push(id);
        }
    }
    found
}

#[test]
fn a_whole_dialogue_survives_the_death_of_the_brokers_process() {
    let folder = Folder::new(&[("strategy.alula", "")]);
    trusted(&folder, &paper(), "paper");
    let account = folder.join("account");
    let settings = [
        ("folder", account.to_str().unwrap()),
        ("fill", "natural+limited"),
        ("fees", "flat"),
    ];
    let mut broker = opened(&folder, "paper", &settings, 10_000);
    let broker_ref = &mut *broker;
    assert!(broker_ref.facts().caps.simulated && !broker_ref.facts().caps.live);
    assert_eq!(broker_ref.facts().id, "paper/paper");
    // Nothing is sent before it stands.
    assert!(matches!(broker_ref.submit(&condor("early-1", 1, 0)), Submission::NotSent(f) if !f.dead));
    broker_ref.connect().unwrap();
    assert_eq!(poll(broker_ref), [BrokerEvent::Up]);
    round(broker_ref, 1, 50);

    // Five condors at market where two are shown: a partial fill, then the rest is taken back.
    let first = condor("income-1", 5, 6_700);
    assert_eq!(broker_ref.submit(&first), Submission::Sent);
    let events = round(broker_ref, 2, 2);
    assert!(matches!(&events[0], BrokerEvent::Acknowledged { order, .. } if order.as_str() == "income-1"));
    let mut filled: BTreeMap<Instrument, i64> = BTreeMap::new();
    for fill in fills(&events) {
        assert_eq!(fill.order.as_ref().map(ClientOrderId::as_str), Some("income-1"));
        assert_eq!(fill.kind, FillKind::Trade);
        *filled.entry(fill.instrument).or_default() += fill.quantity;
        // Bought at the ask, sold at the bid.
        let (_, _, mid, ratio) = STRIKES
            .iter()
            .find(|(k, r, ..)| option(*k, *r) == fill.instrument)
            .unwrap();
        assert_eq!(fill.price, Price(mid + 100 * ratio));
    }
    let wanted: BTreeMap<Instrument, i64> = STRIKES
        .iter()
        .map(|(k, r, _, n)| (option(*k, *r), n * 2))
        .collect();
    assert_eq!(filled, wanted);
    broker_ref.cancel(&first.id).unwrap();
    assert!(
        matches!(&poll(broker_ref)[..], [BrokerEvent::Cancelled { order, .. }] if order.as_str() == "income-1")
    );
    assert_eq!(round(broker_ref, 3, 50), []);

    // The connection ends and stands again; an order at work stays at work.
    let dear = condor("income-2", 1, 40_000);
    assert_eq!(broker_ref.submit(&dear), Submission::Sent);
    poll(broker_ref);
    broker_ref.disconnect().unwrap();
    assert!(matches!(
        broker_ref.submit(&condor("off-1", 1, 0)),
        Submission::NotSent(_)
    ));
    broker_ref.connect().unwrap();
    assert_eq!(poll(broker_ref), [BrokerEvent::Up]);
    let (before, cash) = snapshot(broker_ref, 1);
    let working = before.iter().filter(
        |row| matches!(row, BrokerEvent::SnapshotOrder { row, .. } if row.status == OrderStatus::Working),
    );
    assert_eq!(working.count(), 1);

    // kill -9: the engine goes on, is told, and an order sent into the silence counts as unknown.
    let lock = fs::canonicalize(folder.join("plugins.lock")).unwrap();
    let own = processes(&lock);
    assert_eq!(own.len(), 1, "{own:?}");
    let killed = std::process::Command::new("kill")
        .args(["-9", &own[0].to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    match broker_ref.submit(&condor("income-3", 1, 6_700)) {
        Submission::Unknown(fault) => {
            assert!(fault.dead);
            assert!(
                fault.what.contains("its process is gone (signal: 9"),
                "{}",
                fault.what
            );
        }
        other => unreachable!("{other:?}"),
    }
    assert!(matches!(broker_ref.submit(&condor("income-4", 1, 6_700)), Submission::NotSent(f) if f.dead));
    assert!(broker_ref.poll(Duration::ZERO, &mut Vec::new()).unwrap_err().dead);
    drop(broker);

    // Started again: nothing lost, nothing doubled, and what was unknown turns out not to be there.
    let mut again = opened(&folder, "paper", &settings, 10_000);
    let again = &mut *again;
    again.connect().unwrap();
    assert_eq!(poll(again), [BrokerEvent::Up]);
    assert_eq!(snapshot(again, 2), (before, cash));
    again.quotes(at(4), &[]).unwrap();
    // An id that was used counts as sent, and does nothing.
    assert_eq!(again.submit(&first), Submission::Sent);
    assert_eq!(fills(&round(again, 5, 50)), []);

    // Expiry: the two condors left settle to cash; both calls and puts end without worth but the short put at 5 100.
    let end = Instant::from_eastern("2024-06-21".parse().unwrap(), 16, 30).unwrap();
    again.quotes(end, &[]).unwrap();
    let value = FinalValue {
        of: Expired::Options(Root::Spxw, "2024-06-21".parse().unwrap()),
        price: Price(5_090_000),
        approximate: false,
    };
    again.final_values(end, &[value]).unwrap();
    let settled = fills(&poll(again));
    assert!(
        settled
            .iter()
            .all(|f| f.kind == FillKind::Settlement && f.order.is_none())
    );
    let owed: i64 = settled.iter().map(|f| f.quantity * f.price.0).sum();
    assert_eq!(owed, 2 * 10_000, "ten points on two short puts, in mills");
    let (rows, after) = snapshot(again, 3);
    assert!(
        !rows
            .iter()
            .any(|row| matches!(row, BrokerEvent::SnapshotPosition { .. }))
    );
    assert_eq!(after, cash - Usd::parse("2000").unwrap());
}

#[test]
fn a_broker_that_crashes_hangs_or_leaves_is_dead_and_the_engine_is_not() {
    let folder = Folder::new(&[("strategy.alula", "")]);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/loader/tests/fixtures/broker.c");
    if !cc(&folder, &source, &["-D_POSIX_C_SOURCE=200809L"], "libprobe.so") {
        return;
    }
    trusted(&folder, &folder.join("libprobe.so"), "probe");
    let order = condor("income-1", 1, 0);
    for (how, why) in [
        ("5", "its process is gone (signal: 6"),
        ("6", "its process is gone (signal: 11"),
    ] {
        let mut broker = opened(&folder, "probe", &[("how", how)], 10_000);
        broker.connect().unwrap();
        round(&mut *broker, 1, 50);
        match broker.submit(&order) {
            Submission::Unknown(fault) => assert!(fault.dead && fault.what.contains(why), "{}", fault.what),
            other => unreachable!("{other:?}"),
        }
    }
    for (how, deadline, why) in [
        ("4", 700, "did not answer within 0.7 seconds and was ended"),
        ("7", 10_000, "its process is gone (exit status: 3)"),
        ("8", 10_000, "it broke the contract: an event is of kind 99"),
    ] {
        let mut broker = opened(&folder, "probe", &[("how", how)], deadline);
        broker.connect().unwrap();
        round(&mut *broker, 1, 50);
        assert_eq!(broker.submit(&order), Submission::Sent);
        let fault = broker.poll(Duration::ZERO, &mut Vec::new()).unwrap_err();
        assert!(fault.dead && fault.what.contains(why), "{}", fault.what);
        assert!(broker.cancel(&order.id).unwrap_err().dead);
    }
    // One that hangs when it is made is ended too, and one that hangs when it goes does not hold the engine.
    let (strategy, cache) = (folder.join("strategy.alula"), folder.join("state/cache"));
    let opening = Opening {
        strategy: &strategy,
        cache: Some(&cache),
        deadline: Duration::from_millis(700),
        ..Opening::default()
    };
    let made = open_broker("probe", &[("how".to_owned(), "20".to_owned())], &opening);
    assert!(
        made.err().unwrap().what.contains("did not answer"),
        "hanging in create"
    );
    drop(opened(&folder, "probe", &[("how", "19")], 10_000));
    let lock = fs::canonicalize(folder.join("plugins.lock")).unwrap();
    assert_eq!(processes(&lock), Vec::<u32>::new(), "no process is left behind");
}

#[test]
fn a_broker_is_opened_only_as_the_lock_and_the_run_allow() {
    let folder = Folder::new(&[("strategy.alula", "")]);
    let (strategy, cache) = (folder.join("strategy.alula"), folder.join("state/cache"));
    let refused = |name: &str, settings: &[(&str, &str)], live: bool| {
        let settings: Vec<(String, String)> = settings
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        let opening = Opening {
            strategy: &strategy,
            cache: Some(&cache),
            live,
            ..Opening::default()
        };
        let failure = open_broker(name, &settings, &opening).err().unwrap();
        format!("{}; {}", failure.what, failure.help.unwrap_or_default())
    };
    trusted(&folder, &paper(), "paper");
    assert!(refused("house", &[], false).contains("names no plugin `house`"));
    assert!(refused("paper", &[], false).contains("`paper` needs a `folder`"));
    assert!(
        refused("paper", &[("folder", "x"), ("seed", "-1")], false)
            .contains("no whole number in 0..2147483647")
    );
    assert!(refused("paper", &[("folder", "x"), ("luck", "1")], false).contains("has no setting `luck`"));
    assert!(
        refused("paper", &[("folder", "x"), ("fill", "half")], false).contains("`half` is not a fill model")
    );
    assert!(refused("paper/other", &[], false).contains("it has `paper/paper`"));

    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/loader/tests/fixtures/broker.c");
    let live = [
        "-D_POSIX_C_SOURCE=200809L",
        "-DB_CAPS=(ALULA_BRK_COMBOS|ALULA_BRK_LIVE)",
    ];
    if !cc(&folder, &source, &live, "liblive.so") {
        return;
    }
    trusted(&folder, &folder.join("liblive.so"), "live");
    assert!(refused("live", &[], true).contains("`plugins.lock` does not allow it"));
    let allowed = here(&folder, &["plugin", "trust", "liblive.so", "--allow-live"]);
    assert_eq!(allowed.code, 0, "{allowed}");
    assert!(folder.read("plugins.lock").contains("capabilities = [\"live\"]"));
    assert!(refused("live", &[], false).contains("this run is not armed for it"));
    let opening = Opening {
        strategy: &strategy,
        cache: Some(&cache),
        live: true,
        ..Opening::default()
    };
    let broker = open_broker("live", &[], &opening).unwrap();
    assert!(broker.facts().caps.live);
}

#[test]
fn the_plugin_command_knows_brokers() {
    let folder = Folder::new(&[]);
    trusted(&folder, &paper(), "paper");
    assert!(folder.read("plugins.lock").contains("kind = \"broker\""));
    let list = here(&folder, &["plugin", "list"]);
    assert!(list.stdout.contains("broker paper"), "{list}");
    let shown = here(&folder, &["plugin", "inspect", "paper"]);
    assert!(shown.stdout.contains("broker paper 1.0.0: simulated"), "{shown}");
    assert!(
        shown
            .stdout
            .contains("latency_ms       whole in 0..3600000, 0 if not said"),
        "{shown}"
    );
    let json = here(&folder, &["plugin", "inspect", "paper", "--format", "json"]);
    assert!(json.stdout.contains("\"capabilities\""), "{json}");
    let checked = here(&folder, &["plugin", "check", "paper"]);
    assert_eq!(checked.code, 0, "{checked}");
    for case in ["settings", "package", "restart", "duplicates"] {
        assert!(checked.stdout.contains(&format!("✓ {case}")), "{checked}");
    }
}

#[test]
fn the_checks_find_brokers_that_misbehave() {
    for (how, deadline, case, why) in [
        ("1", "30", "package", "two executions have the id `e1`"),
        ("2", "30", "snapshot", "had no end"),
        ("3", "30", "late", "past its `not_after`"),
        ("4", "1", "package", "did not return within 1 seconds"),
        ("6", "30", "package", "the process crashed (signal: 11"),
        ("7", "30", "package", "the process crashed (exit status: 3)"),
        ("10", "30", "package", "an event says that it has 8 bytes"),
        ("19", "1", "lifetime", "did not return within 1 seconds"),
        ("20", "1", "lifetime", "did not return within 1 seconds"),
    ] {
        let folder = Folder::new(&[]);
        let source =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/loader/tests/fixtures/broker.c");
        let flag = format!("-DB_DEFAULT={how}");
        if !cc(
            &folder,
            &source,
            &["-D_POSIX_C_SOURCE=200809L", &flag],
            "libprobe.so",
        ) {
            return;
        }
        let found = here(
            &folder,
            &["plugin", "check", "libprobe.so", "--deadline", deadline],
        );
        assert_eq!(found.code, 1, "{found}");
        let line = found.stdout.lines().find(|l| l.contains(&format!("✗ {case}")));
        assert!(line.is_some_and(|l| l.contains(why)), "{how}: {found}");
    }
}

/// Zero latency, the strategy's own fill model and fees: every decision, fill, position and dollar is that of the engine's own
/// fills, down to the last link of the chain. What is sent is in the journal, which computes again to the same.
#[test]
fn a_run_with_the_simulated_broker_is_the_run_with_the_engines_own_fills() {
    let folder = Folder::new(&[("plain.alula", CONDOR)]);
    trusted(&folder, &paper(), "paper");
    let market = ["--speed", "max", "--years", "1", "--seed", "5"];
    let (plain, fill) = (
        ["run", "plain.alula"],
        ["--fill", "legs+limited:3", "--fees", "ibkr"],
    );
    for (name, extra) in [("a", &[][..]), ("b", &fill[..])] {
        let (inside, outside) = (format!("in-{name}"), format!("out-{name}"));
        let own = here(
            &folder,
            &[&plain[..], &market, extra, &["--out", &inside]].concat(),
        );
        assert_eq!(own.code, 0, "{own}");
        let sent = ["--broker", "paper", "--state", "journals", "--out", &outside];
        let run = here(&folder, &[&plain[..], &market, extra, &sent].concat());
        assert_eq!(run.code, 0, "{run}");
        assert!(
            run.stdout.contains("simulated by the broker `paper/paper`"),
            "{run}"
        );
        let read = |dir: &str, file: &str| folder.read(&format!("{dir}/{file}"));
        for file in [
            "trades.csv",
            "ticks.csv",
            "decisions.csv",
            "positions.csv",
            "daily.csv",
        ] {
            assert_eq!(read(&inside, file), read(&outside, file), "{file}");
        }
        assert!(read(&outside, "trades.csv").lines().count() > 10);
        assert!(read(&outside, "manifest.json").contains("by the broker `paper/paper`"));
        let again = here(&folder, &["verify", &outside]);
        assert_eq!(again.code, 0, "{again}");
        let other = [
            "run",
            "plain.alula",
            "--speed",
            "max",
            "--state",
            "journals",
            "--resume",
        ];
        let other = here(&folder, &other);
        assert!(
            other.stderr.contains("has its positions at the broker"),
            "{other}"
        );
    }
}

#[test]
fn a_run_with_a_broker_needs_a_journal_and_a_plugin_that_is_trusted() {
    let folder = Folder::new(&[("condor.alula", CONDOR)]);
    let run = |extra: &[&str]| {
        let args = [
            &["run", "condor.alula", "--speed", "max", "--broker", "paper"],
            extra,
        ]
        .concat();
        let done = here(&folder, &args);
        assert_ne!(done.code, 0, "{done}");
        done.stderr
    };
    assert!(run(&[]).contains("--state"));
    assert!(run(&["--state", "s"]).contains("plugin trust"));
    assert!(
        !folder.join("s").exists(),
        "nothing is left of a run that could not begin"
    );
}
