//! Indicators that hang, crash or leave in the middle of a run: in a process of their own the run goes on without them; inside the engine
//! it ends, and the next start knows which it was.
#![cfg(all(unix, not(target_vendor = "apple")))]

use crate::plugin::{cc, here};
use crate::support::{Folder, Outcome};
use std::path::Path;

const TEXT: &str = "alula 1

strategy probed {
    capital  $250_000
    evaluate every 30m in SPX.regular
}

use plugin \"probe\" as probe(x: number, how = 0) -> mean: number, above: bool

signal dear = probe(VIX.close / 1 vol).above

structure core = iron condor on SPX {
    expiry     nearest 45 dte in 35..55 dte
    short put  at 16 delta
    long put   about 50 pts below short put
    short call at 16 delta
    long call  about 50 pts above short call
}

policy income on core {
    open when probe(VIX.close / 1 vol).mean > 5 size 1 lot up to 6 positions
    close time when dte <= 40 or dear
}
";

/// The ways to die of the probe, by its parameter `how`.
const NO_NUMBER: &str = "1";
const HANG: &str = "5";
const ABORT: &str = "6";
const EXIT: &str = "9";
const SEGV: &str = "10";

/// A folder with a strategy and a probe that does this after 260 rows, in the second week of the run, trusted like this; none where there is no compiler.
fn probed(how: &str, trusted: &[&str]) -> Option<Folder> {
    let text = TEXT.replace("how = 0", &format!("how = {how}"));
    let folder = Folder::new(&[("probed.alula", &text)]);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/loader/tests/fixtures/probe.c");
    if !cc(&folder, &source, &["-DP_AFTER=260"], "libprobe.so") {
        return None;
    }
    trust(&folder, trusted);
    Some(folder)
}

fn trust(folder: &Folder, how: &[&str]) -> Outcome {
    let args = [&["plugin", "trust", "libprobe.so", "--id", "probe"], how].concat();
    let trusted = here(folder, &args);
    assert_eq!(trusted.code, 0, "{trusted}");
    trusted
}

fn backtest(folder: &Folder, mode: &str, out: &str) -> Outcome {
    let period = ["--seed", "5", "--to", "2023-01-24"];
    let args = [
        &[
            "backtest",
            "probed.alula",
            "--mode",
            mode,
            "--out",
            out,
            "--force",
        ][..],
        &period,
    ];
    here(folder, &args.concat())
}

fn run(folder: &Folder, more: &[&str]) -> Outcome {
    let own =
        "run probed.alula --seed 5 --to 2023-01-24 --speed max --state journals --out live --force --plain";
    let args: Vec<&str> = own.split(' ').chain(more.iter().copied()).collect();
    here(folder, &args)
}

const TABLES: [&str; 3] = ["ticks.csv", "decisions.csv", "orders.csv"];

fn same(folder: &Folder, a: &str, b: &str) {
    for file in TABLES {
        assert_eq!(
            folder.read(&format!("{a}/{file}")),
            folder.read(&format!("{b}/{file}")),
            "{a} {b} {file}"
        );
    }
}

fn orders(folder: &Folder, run: &str) -> usize {
    folder.read(&format!("{run}/orders.csv")).lines().count() - 1
}

#[test]
fn in_a_process_of_its_own_an_indicator_gives_the_same_in_columns_and_bar_by_bar() {
    let Some(folder) = probed("0", &[]) else { return };
    for mode in ["batch", "streaming"] {
        let done = backtest(&folder, mode, &format!("inside-{mode}"));
        assert_eq!(done.code, 0, "{done}");
    }
    let trusted = trust(
        &folder,
        &["--isolate", "--deadline", "60", "--on-failure", "stop"],
    );
    assert!(
        trusted
            .stdout
            .contains("(a process of its own; 60 s a call; its failure stops the run)"),
        "{trusted}"
    );
    for mode in ["batch", "streaming"] {
        let done = backtest(&folder, mode, &format!("own-{mode}"));
        assert_eq!(done.code, 0, "{done}");
        assert!(!done.stdout.contains("stopped"), "{done}");
        same(&folder, &format!("inside-{mode}"), &format!("own-{mode}"));
    }
    assert!(orders(&folder, "own-batch") > 0);
    let list = here(&folder, &["plugin", "list"]);
    assert!(list.stdout.contains("probe  (a process of its own)"), "{list}");
    let shown = here(&folder, &["plugin", "inspect", "probe"]);
    assert!(shown.stdout.contains("run     a process of its own"), "{shown}");
    // A build that is trusted later keeps what was said, until somebody says otherwise.
    let again = trust(&folder, &[]);
    assert!(again.stdout.contains("a process of its own"), "{again}");
    let inside = trust(&folder, &["--in-process", "--on-failure", "go-on"]);
    assert!(!inside.stdout.contains("a process of its own"), "{inside}");
    let lock = folder.read("plugins.lock");
    assert!(
        !lock.contains("isolated") && !lock.contains("on_failure"),
        "{lock}"
    );
    assert!(lock.contains("deadline = 60"), "{lock}");
}

#[test]
fn in_a_process_of_its_own_an_indicator_that_dies_is_missing_and_the_run_goes_on() {
    for (how, why) in [
        (SEGV, "its process is gone (signal: 11"),
        (ABORT, "its process is gone (signal: 6"),
        (EXIT, "its process is gone (exit status: 0)"),
        (HANG, "did not answer within 1 seconds and was ended"),
    ] {
        let Some(folder) = probed(how, &["--isolate", "--deadline", "1"]) else {
            return;
        };
        // Bar by bar once for each way to be gone: by itself, or by the deadline.
        let modes = if [SEGV, HANG].contains(&how) { 2 } else { 1 };
        for mode in ["batch", "streaming"].into_iter().take(modes) {
            let done = backtest(&folder, mode, mode);
            assert_eq!(done.code, 0, "{how}: {done}");
            let report = folder.read(&format!("{mode}/manifest.json"));
            assert!(report.contains(why), "{how} {mode}: {report}");
            assert!(report.contains("(row 260)"), "{how} {mode}: {report}");
        }
        // What was known before it died is the same, however many rows were on their way; so is everything after.
        if modes == 2 {
            same(&folder, "batch", "streaming");
        }
        assert!(orders(&folder, "batch") > 0, "{how}");
    }
}

#[test]
fn a_run_under_way_says_at_once_that_an_indicator_died_and_its_journal_gives_the_same_again() {
    let Some(folder) = probed(SEGV, &["--isolate"]) else {
        return;
    };
    let done = run(&folder, &[]);
    assert_eq!(done.code, 0, "{done}");
    assert!(
        done.stdout
            .contains("`probe` of plugin `probe` stopped: its process is gone"),
        "{done}"
    );
    assert_eq!(backtest(&folder, "streaming", "alone").code, 0);
    same(&folder, "live", "alone");
    let journals = std::fs::read_dir(folder.join("journals/probed")).unwrap();
    let journal = journals
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "redb"));
    let journal = journal.unwrap().to_string_lossy().into_owned();
    let replay = here(&folder, &["replay", &journal, "--format", "json"]);
    assert!(replay.stdout.contains("\"same\": true"), "{replay}");
}

#[test]
fn where_the_lock_says_so_an_indicator_that_dies_ends_the_run() {
    for (how, place) in [(SEGV, "--isolate"), (NO_NUMBER, "--in-process")] {
        let Some(folder) = probed(how, &[place, "--on-failure", "stop"]) else {
            return;
        };
        let ended = backtest(&folder, "batch", "out");
        assert_eq!(ended.code, 4, "{ended}");
        assert!(ended.stderr.contains("on_failure = \"stop\""), "{ended}");
        assert!(!folder.join("out/manifest.json").exists());
    }
}

#[test]
fn inside_the_engine_an_indicator_that_dies_ends_the_run_and_the_next_start_knows_which_it_was() {
    for (how, code, place) in [
        (SEGV, -1, ""),
        (HANG, 4, "has not returned for 1 seconds"),
        (EXIT, 4, "`probe` of plugin `probe` ended this process"),
    ] {
        // A death may have come from outside, and is tried once more; a call that does not return is known.
        let deaths = if how == HANG { 1 } else { 2 };
        let Some(folder) = probed(how, &["--deadline", "1"]) else {
            return;
        };
        for death in 0..deaths {
            let ended = run(&folder, if death == 0 { &[] } else { &["--resume"] });
            assert_eq!(ended.code, code, "{how}: {ended}");
            assert!(ended.stderr.contains(place), "{ended}");
            let told = ended.stderr.contains("ended during a call of plugin `probe`");
            assert_eq!(told, death > 0, "{ended}");
            assert!(!folder.join("live/manifest.json").exists(), "{how}");
        }
        for more in [&[][..], &["--resume"]] {
            let refused = run(&folder, more);
            assert_eq!(refused.code, 4, "{how}: {refused}");
            assert!(
                refused
                    .stderr
                    .contains("runs died inside plugin `probe`, which is in quarantine"),
                "{refused}"
            );
            assert!(refused.stderr.contains("--id probe --isolate"), "{refused}");
        }
        // One way out: without it. Nothing is learned of it that way.
        for _ in 0..2 {
            let without = run(&folder, &["--without-plugin", "probe"]);
            assert_eq!(without.code, 0, "{how}: {without}");
            assert!(
                without.stderr.contains("plugin `probe` stays in quarantine"),
                "{without}"
            );
            assert_eq!(orders(&folder, "live"), 0);
        }
        let refused = run(&folder, &[]);
        assert_eq!(refused.code, 4, "{how}: {refused}");
        assert!(refused.stderr.contains("`--lift-quarantine probe`"), "{refused}");
        if how == SEGV {
            // An operator who knows better: it is called again, and dies again.
            let lifted = run(&folder, &["--lift-quarantine", "probe"]);
            assert_eq!(lifted.code, code, "{lifted}");
            assert!(
                lifted.stderr.contains("plugin `probe` is out of quarantine"),
                "{lifted}"
            );
            // One death is no quarantine, and is not forgotten by a run without it either.
            let without = run(&folder, &["--without-plugin", "probe"]);
            assert_eq!(without.code, 0, "{without}");
            let again = run(&folder, &[]);
            assert_eq!(again.code, code, "{again}");
            assert!(
                again.stderr.contains("ended during a call of plugin `probe`"),
                "{again}"
            );
            assert_eq!(run(&folder, &[]).code, 4);
        }
    }
}

#[test]
fn a_run_that_died_of_an_indicator_goes_on_once_that_has_a_process_of_its_own() {
    let Some(folder) = probed(SEGV, &[]) else { return };
    let ended = run(&folder, &[]);
    assert_eq!(ended.code, -1, "{ended}");
    trust(&folder, &["--isolate"]);
    let done = run(&folder, &["--resume"]);
    assert_eq!(done.code, 0, "{done}");
    assert_eq!(backtest(&folder, "streaming", "alone").code, 0);
    // Nothing of what was decided before is lost, and it is the run that nobody disturbed.
    same(&folder, "live", "alone");
    assert!(orders(&folder, "live") > 0);
}

/// Hangs in one call for as long as a file is there, which that call takes away.
const HANG_ONCE: &str = "13";

/// A folder whose probe stalls once, the file for it, and the arguments that its C is compiled with.
fn stalling() -> Option<(Folder, std::path::PathBuf)> {
    let text = TEXT.replace("how = 0", &format!("how = {HANG_ONCE}"));
    // One instance is enough, so that it is the one that stalls.
    let text = text
        .replace("signal dear = probe(VIX.close / 1 vol).above", "")
        .replace(" or dear", "");
    let folder = Folder::new(&[("probed.alula", &text)]);
    let stall = folder.join("stall");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/loader/tests/fixtures/probe.c");
    let place = format!("-DP_STALL=\"{}\"", stall.display());
    if !cc(&folder, &source, &["-DP_AFTER=260", &place], "libprobe.so") {
        return None;
    }
    trust(&folder, &["--isolate", "--deadline", "4"]);
    Some((folder, stall))
}

fn journals(folder: &Folder) -> Vec<String> {
    let all = std::fs::read_dir(folder.join("journals/probed")).unwrap();
    let all = all.map(|e| e.unwrap().path());
    let all = all.filter(|p| p.extension().is_some_and(|e| e == "redb"));
    let mut all: Vec<String> = all.map(|p| p.to_string_lossy().into_owned()).collect();
    all.sort();
    all
}

fn replayed(folder: &Folder, journal: &str) -> (i32, serde_json::Value) {
    let replay = here(folder, &["replay", journal, "--format", "json"]);
    assert!(replay.stdout.starts_with('{'), "{replay}");
    (replay.code, serde_json::from_str(&replay.stdout).unwrap())
}

const STALLED: &str = "did not answer within 4 seconds and was ended";

#[test]
fn an_indicator_that_stalls_once_is_dead_wherever_the_run_is_computed_again() {
    let Some((folder, stall)) = stalling() else { return };
    std::fs::write(&stall, "").unwrap();
    let done = run(&folder, &[]);
    assert_eq!(done.code, 0, "{done}");
    assert!(done.stdout.contains(STALLED), "{done}");
    assert!(done.stdout.contains("is missing from its row"), "{done}");
    assert!(!stall.exists());
    let journal = journals(&folder).remove(0);
    let (code, said) = replayed(&folder, &journal);
    assert_eq!(code, 0, "{said:#}");
    assert_eq!(said["same"], true, "{said:#}");
    assert_eq!(said["deaths"].as_array().map(Vec::len), Some(1), "{said:#}");
    assert_eq!(said["other_deaths"], serde_json::json!([]));
    let shown = here(&folder, &["journal", "show", &journal, "--kind", "plugin-died"]);
    assert!(shown.stdout.contains(STALLED), "{shown}");
    // It would have gone on otherwise: the run that nobody disturbed is another one.
    assert_eq!(backtest(&folder, "streaming", "alone").code, 0);
    assert_ne!(folder.read("live/ticks.csv"), folder.read("alone/ticks.csv"));
    // The folder of the run knows it too.
    let verified = here(&folder, &["verify", "live"]);
    assert_eq!(verified.code, 0, "{verified}");
    let why = here(&folder, &["why", &journal, "--at", "2023-01-24"]);
    assert!(why.stdout.contains(STALLED), "{why}");
    let resumed = run(&folder, &["--resume"]);
    assert_eq!(resumed.code, 0, "{resumed}");
    assert!(resumed.stderr.contains("every link as it was"), "{resumed}");
    let newest = journals(&folder).pop().unwrap();
    assert_eq!(replayed(&folder, &newest).1["same"], true);
}

#[test]
fn an_indicator_that_stalls_in_a_replay_alone_is_told_as_that() {
    let Some((folder, stall)) = stalling() else { return };
    let done = run(&folder, &[]);
    assert_eq!(done.code, 0, "{done}");
    assert!(!done.stdout.contains("stopped"), "{done}");
    let journal = journals(&folder).remove(0);
    std::fs::write(&stall, "").unwrap();
    let replay = here(&folder, &["replay", &journal]);
    assert_eq!(replay.code, 1, "{replay}");
    assert!(
        replay
            .stdout
            .contains("and not in the run: `probe` of plugin `probe` stopped"),
        "{replay}"
    );
    assert!(replay.stdout.contains(STALLED), "{replay}");
    std::fs::write(&stall, "").unwrap();
    let refused = run(&folder, &["--resume"]);
    assert_eq!(refused.code, 4, "{refused}");
    assert!(
        refused
            .stderr
            .contains("an indicator died while the run was computed again, and it had not died in the run"),
        "{refused}"
    );
    // Nothing was lost: the next try goes on.
    let resumed = run(&folder, &["--resume"]);
    assert_eq!(resumed.code, 0, "{resumed}");
    assert_eq!(
        replayed(&folder, &journals(&folder).pop().unwrap()).1["same"],
        true
    );
}

/// Backtests a folder's strategy by both drivers, in this process and then in one of its own: every table must be the same.
fn both_ways(folder: &Folder, strategy: &str, library: &str, id: &str, more: &[&str]) {
    for (way, place) in [("inside", "--in-process"), ("own", "--isolate")] {
        let trusted = here(
            folder,
            &[
                "plugin",
                "trust",
                library,
                "--id",
                id,
                place,
                "--deadline",
                "60",
                "--on-failure",
                "stop",
            ],
        );
        assert_eq!(trusted.code, 0, "{trusted}");
        for mode in ["batch", "streaming"] {
            let out = format!("{way}-{mode}");
            let own = ["backtest", strategy, "--mode", mode, "--out", &out];
            let done = here(folder, &[&own, more].concat());
            assert_eq!(done.code, 0, "{done}");
            same(folder, "inside-batch", &out);
        }
    }
    assert!(orders(folder, "own-streaming") > 0);
}

#[test]
fn in_a_process_of_its_own_an_indicator_reads_the_same_option_chains() {
    let text = TEXT.replace(
        "use plugin \"probe\" as probe(x: number, how = 0) -> mean: number, above: bool",
        "use plugin \"interest\" as interest(chain: chain) -> put_call: ratio, change: number, sound: bool",
    );
    let text = text
        .replace(
            "signal dear = probe(VIX.close / 1 vol).above",
            "signal dear = interest(SPX).change > 1000000",
        )
        .replace(
            "probe(VIX.close / 1 vol).mean > 5",
            "interest(SPX).sound and interest(SPX).put_call > 0",
        );
    let folder = Folder::new(&[("chained.alula", &text)]);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/loader/tests/fixtures/chain.c");
    if cc(&folder, &source, &[], "libinterest.so") {
        both_ways(
            &folder,
            "chained.alula",
            "libinterest.so",
            "interest",
            &["--seed", "5", "--to", "2023-01-06"],
        );
    }
}

/// The shipped pack, where it was built beside this test (`cargo build -p alula-volatility`).
#[test]
fn in_a_process_of_its_own_gamma_exposure_is_the_same_bit_for_bit() {
    let built = std::env::current_exe().unwrap();
    let built = built
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("libalula_volatility.so");
    if !built.exists() {
        println!("skipped: {} absent", built.display());
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("examples/gamma/gamma_condor.alula")).unwrap();
    let folder = Folder::new(&[("gamma_condor.alula", &text)]);
    std::fs::copy(&built, folder.join("libvolatility.so")).unwrap();
    both_ways(
        &folder,
        "gamma_condor.alula",
        "libvolatility.so",
        "volatility",
        &["--seed", "5", "--to", "2023-02-28"],
    );
}
