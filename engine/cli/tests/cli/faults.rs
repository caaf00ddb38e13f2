//! Faults around the real binary: a disk that is full, slow or fails to flush, writes cut short, a clock that jumps, file
//! watching that is dead, a broker that is stopped, disconnected or refuses, an engine that stands still. Where the run has to
//! end, it says why, leaves with 4, and the next one goes on; where it need not, nothing comes of it.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

use crate::broker::opened;
use crate::kills::{busy, children, compare, going_on, replays, signal, start};
use crate::plugin::here;
use crate::support::{Folder, Outcome};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A few sessions are enough: a fault comes early.
const SHORT: [&str; 2] = ["--to", "2023-01-06"];

/// The faults as a library; none where there is no compiler.
#[expect(clippy::print_stdout, reason = "says that a test was skipped")]
pub fn faults(folder: &Folder) -> Option<PathBuf> {
    let library = folder.join("faults.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/faults.c");
    let done = Command::new("cc")
        .args([
            "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o",
        ])
        .args([&library, &source])
        .output();
    let Ok(done) = done else {
        println!("skipped: cc absent");
        return None;
    };
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Some(library)
}

/// A run of the short period with a fault, or without.
fn run(folder: &Folder, fault: &[(&str, &str)], more: &[&str]) -> Outcome {
    let state = folder.join("state");
    let state = state.to_string_lossy();
    let env = [&[("XDG_STATE_HOME", &*state)], fault].concat();
    folder.alula_with(&going_on(&[&SHORT[..], more].concat()), "", &env)
}

/// Trades of the run that nobody disturbs.
fn undisturbed() -> &'static str {
    static TRADES: OnceLock<String> = OnceLock::new();
    TRADES.get_or_init(|| {
        let folder = busy();
        let done = run(&folder, &[], &[]);
        assert_eq!(done.code, 0, "{done}");
        folder.read("out/trades.csv")
    })
}

/// Runs with a fault that must end the run with these words, then goes on without it: nothing is lost, nothing doubled.
fn ends_and_goes_on(kind: &str, path: &str, nth: &str, words: &str) {
    let ended = faulty(kind, path, nth);
    if let Some(ended) = ended {
        assert_eq!(ended.code, 4, "{kind} {path} {nth}: {ended}");
        assert!(ended.stderr.contains(words), "{kind} {path} {nth}: {ended}");
    }
}

/// Runs with a fault, then goes on without it: nothing is lost, nothing doubled. Gives how the first one ended.
fn faulty(kind: &str, path: &str, nth: &str) -> Option<Outcome> {
    let folder = busy();
    let library = faults(&folder)?;
    let fault = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("ALULA_FAULT", kind),
        ("ALULA_FAULT_PATH", path),
        ("ALULA_FAULT_NTH", nth),
    ];
    let ended = run(&folder, &fault, &[]);
    let last = run(&folder, &[], &[]);
    assert_eq!(last.code, 0, "{kind} {path} {nth}: {last}");
    let (said, _) = compare(&folder);
    replays(&folder);
    let same = folder.read("out/trades.csv") == undisturbed();
    assert!(
        same || !said.abandoned.is_empty(),
        "{kind} {path} {nth}: other trades"
    );
    Some(ended)
}

/// Runs with a fault of which nothing may come.
fn goes_on(kind: &str, path: &str, nth: &str) {
    let folder = busy();
    let Some(library) = faults(&folder) else { return };
    let fault = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("ALULA_FAULT", kind),
        ("ALULA_FAULT_PATH", path),
        ("ALULA_FAULT_NTH", nth),
    ];
    for turn in 0..2 {
        // The second goes on with the first, which has ended.
        let done = run(&folder, &fault, &[]);
        assert_eq!(done.code, 0, "{kind} {path}, {turn}: {done}");
    }
    compare(&folder);
    assert_eq!(folder.read("out/trades.csv"), undisturbed());
}

#[test]
fn a_flush_of_the_journal_that_fails_ends_the_run_and_is_not_tried_again() {
    for nth in ["3", "30", "77"] {
        ends_and_goes_on("sync-eio", ".redb", nth, "the journal could not be written");
    }
}

#[test]
fn a_flush_that_takes_too_long_ends_the_run() {
    ends_and_goes_on("sync-slow", ".redb", "40", "more than 2s");
}

#[test]
fn a_full_disk_ends_the_run_before_anything_is_done_that_is_not_written() {
    ends_and_goes_on("full", ".redb", "25", "the journal could not be written");
}

#[test]
fn an_account_that_cannot_be_written_is_opened_anew_or_the_next_run_finds_out_what_was() {
    for (kind, nth) in [
        ("sync-eio", "4"),
        ("sync-eio", "9"),
        ("sync-eio", "16"),
        ("full", "12"),
    ] {
        if let Some(ended) = faulty(kind, "account.paper", nth) {
            let said = ended.code == 4 && ended.stderr.contains("the account's file");
            assert!(ended.code == 0 || said, "{kind} {nth}: {ended}");
        }
    }
}

#[test]
fn writes_that_are_cut_short_are_gone_on_with() {
    goes_on("short", ".redb", "1");
    goes_on("short", "account.paper", "1");
}

#[test]
fn a_clock_that_jumps_a_day_back_and_forth_changes_nothing() {
    goes_on("clock", "", "7");
    goes_on("clock", "", "500");
}

#[test]
fn where_watching_files_is_dead_a_changed_file_is_seen_all_the_same() {
    let folder = busy();
    let Some(library) = faults(&folder) else { return };
    let fault = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("ALULA_FAULT", "inotify"),
    ];
    let mut child = start(&folder, &going_on(&["--speed", "7200x"]), &fault);
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(lines.by_ref().any(|l| l.contains("\"event\":\"tick\"")));
    folder.write(
        "busy.thresholds.yaml",
        "strategy: busy\nthresholds:\n  vix_ceiling: 59 vol\n...\n",
    );
    let seen = lines.any(|l| l.contains("\"event\":\"thresholds\"") || l.contains("59"));
    signal(child.id(), "-KILL");
    child.wait().unwrap();
    assert!(seen);
    assert!(
        folder.read("stderr").contains("watch"),
        "{}",
        folder.read("stderr")
    );
}

/// What was started, and what is done to it after some ticks.
fn disturbed(more: &[&str], after: usize, disturb: impl FnOnce(u32)) -> (Folder, String) {
    let folder = busy();
    let mut child = start(&folder, &going_on(&[&SHORT[..], more].concat()), &[]);
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let ticks = lines.by_ref().filter(|l| l.contains("\"event\":\"tick\""));
    assert_eq!(ticks.take(after).count(), after);
    disturb(child.id());
    let told: Vec<String> = lines.collect();
    let status = child.wait().unwrap();
    let stderr = folder.read("stderr");
    assert!(status.success(), "{status}\n{stderr}");
    (folder, told.join("\n"))
}

#[test]
fn a_broker_that_is_stopped_is_ended_and_opened_anew() {
    let (folder, told) = disturbed(&["--broker-deadline", "5"], 4, |pid| {
        for broker in children(pid) {
            signal(broker, "-STOP");
        }
    });
    let (said, _) = compare(&folder);
    assert_eq!(said.reconnects, 1);
    for words in [
        "did not answer within 5 seconds and was ended",
        "opened anew",
        "it agrees with the journal",
    ] {
        assert!(told.contains(words), "{words}\n{told}");
    }
    replays(&folder);
    let same = folder.read("out/trades.csv") == undisturbed();
    assert!(same || !said.abandoned.is_empty());
}

#[test]
fn an_engine_that_stands_still_for_a_while_goes_on_as_if_nothing_had_been() {
    let (folder, _) = disturbed(&[], 4, |pid| {
        signal(pid, "-STOP");
        std::thread::sleep(Duration::from_millis(1_500));
        signal(pid, "-CONT");
    });
    compare(&folder);
    assert_eq!(folder.read("out/trades.csv"), undisturbed());
}

#[test]
fn a_connection_that_breaks_and_comes_back_loses_nothing() {
    for (seed, more) in [("seed=3", "down_rounds=1"), ("seed=4", "down_rounds=5")] {
        let folder = busy();
        let settings = [
            "disconnect_rate=0.15",
            "partial_rate=0.5",
            "reject_rate=0.1",
            "latency_rounds=1",
            seed,
            more,
        ];
        let args: Vec<&str> = settings.iter().flat_map(|s| ["--broker-set", s]).collect();
        let done = run(&folder, &[], &args);
        assert_eq!(done.code, 0, "{done}");
        // It may have ended without a connection: the next one hears of what filled meanwhile.
        let last = run(&folder, &[], &[]);
        assert_eq!(last.code, 0, "{last}");
        let (said, _) = compare(&folder);
        assert!(said.reconnects > 1, "{}", said.reconnects);
        assert!(
            said.refused.iter().any(|w| w.contains("no connection")),
            "{:?}",
            said.refused
        );
        replays(&folder);
    }
}

/// The account is not what the journal says: somebody else traded on it.
#[test]
fn a_run_that_does_not_agree_with_its_broker_is_not_gone_on_with() {
    use alula_live::broker::{BrokerOrder, ClientOrderId, OrderLife, Submission};
    let folder = busy();
    let (_, _) = {
        let mut child = start(&folder, &going_on(&SHORT), &[]);
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        assert!(
            lines
                .by_ref()
                .filter(|l| l.contains("\"event\":\"tick\""))
                .nth(5)
                .is_some()
        );
        signal(child.id(), "-KILL");
        (child.wait().unwrap(), lines.count())
    };
    let homes = std::fs::read_dir(folder.join("journals/busy")).unwrap();
    let mut homes = homes.map(|e| e.unwrap().path());
    let home = homes
        .find(|p| p.extension().is_some_and(|e| e == "paper"))
        .unwrap();
    let began = Instant::now();
    // The process of the engine that died goes within a second.
    while std::fs::File::open(home.join("account.paper"))
        .unwrap()
        .try_lock()
        .is_err()
    {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut broker = opened(&folder, "paper", &[("folder", &home.to_string_lossy())], 20_000);
    broker.connect().unwrap();
    let at = alula_market::time::Instant(1_673_000_000);
    broker.quotes(at, &[]).unwrap();
    let mut order: BrokerOrder = crate::broker::condor("by-hand-1", 1, -90_000);
    order.life = OrderLife::UntilCancelled;
    order.id = ClientOrderId::new("by-hand-1").unwrap();
    order.not_after = alula_market::time::Instant(at.0 + 600);
    assert!(matches!(broker.submit(&order), Submission::Sent));
    drop(broker);
    let refused = run(&folder, &[], &[]);
    assert_eq!(refused.code, 4, "{refused}");
    let said = |l: &&str| l.contains("error") || l.contains("help");
    let words: Vec<&str> = refused.stderr.lines().filter(said).collect();
    insta::assert_snapshot!(words.join("\n"), @"
    error: the journal and broker `paper/paper` do not agree: the broker's order `sim:by-hand-1` is named `by-hand-1` and stands in no journal of ours
      help: nothing was sent, and nothing will be: look at the account, and at `alula journal show STATE --kind reconciled,alarm`; put the account right, then start again with `--resume`, or begin anew without it
    ");
}

/// Four deaths in ten minutes: exits go on, nothing new is opened until somebody says so.
#[test]
fn a_run_that_dies_too_often_opens_nothing_new() {
    let folder = busy();
    for _ in 0..4 {
        let mut child = start(&folder, &going_on(&SHORT), &[]);
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        assert!(
            lines
                .by_ref()
                .filter(|l| l.contains("\"event\":\"tick\""))
                .nth(2)
                .is_some()
        );
        signal(child.id(), "-KILL");
        child.wait().unwrap();
    }
    let mut child = start(&folder, &going_on(&["--restarts", "3", "--speed", "3600x"]), &[]);
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(lines.by_ref().any(|l| l.contains("\"event\":\"tick\"")));
    let safe = || {
        let status = here(&folder, &["ctl", "status", "journals/busy"]);
        let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
        assert_eq!(status["broker"]["connected"], true, "{status}");
        status["broker"]["safe_mode"].clone()
    };
    assert_eq!(safe(), "5 starts in 10 minutes, and 3 is the most");
    let lifted = here(&folder, &["ctl", "resume", "journals/busy", "the disk was full"]);
    assert_eq!(lifted.code, 0, "{lifted}");
    assert_eq!(safe(), serde_json::Value::Null);
    signal(child.id(), "-KILL");
    child.wait().unwrap();
    let done = run(&folder, &[], &["--restarts", "3"]);
    assert_eq!(done.code, 0, "{done}");
    assert!(
        done.stderr
            .contains("SAFE MODE: 6 starts in 10 minutes, and 3 is the most"),
        "{done}"
    );
    let (said, _) = compare(&folder);
    assert!(
        said.refused.iter().all(|w| w.contains("starts in 10 minutes")),
        "{:?}",
        said.refused
    );
    assert!(!said.refused.is_empty());
    replays(&folder);
    // It closes what it has.
    assert!(said.intents.values().any(|i| i.purpose == "close"));
}
