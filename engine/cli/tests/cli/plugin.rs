//! From an empty folder to a backtest with a plugin in C, and what happens to plugins that misbehave.
#![cfg(all(unix, not(target_vendor = "apple")))]

use crate::support::{Folder, Outcome};
use std::path::Path;
use std::process::Command;

pub fn here(folder: &Folder, args: &[&str]) -> Outcome {
    let state = folder.join("state");
    folder.alula_with(args, "", &[("XDG_STATE_HOME", &state.to_string_lossy())])
}

/// Compiles a file of C in the folder; false where there is no compiler.
#[expect(clippy::print_stdout, reason = "says that a test was skipped")]
pub fn cc(folder: &Folder, source: &Path, flags: &[&str], library: &str) -> bool {
    if Command::new("cc").arg("--version").output().is_err() {
        println!("skipped: cc absent");
        return false;
    }
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/abi/include");
    let done = Command::new("cc")
        .args([
            "-std=c11",
            "-O2",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-fPIC",
            "-shared",
            "-fvisibility=hidden",
            "-I",
        ])
        .arg(include)
        .arg(source)
        .args(flags)
        .args(["-lm", "-o"])
        .arg(folder.join(library))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    true
}

fn probe(folder: &Folder, flags: &[&str]) -> bool {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/loader/tests/fixtures/probe.c");
    cc(folder, &source, flags, "libprobe.so")
}

#[test]
fn a_new_plugin_in_c_is_built_checked_trusted_run_and_verified() {
    let folder = Folder::new(&[]);
    let new = here(&folder, &["plugin", "new", "my-indicator", "--lang", "c"]);
    assert_eq!(new.code, 0, "{new}");
    let source = folder.join("my-indicator/my_indicator.c");
    if !cc(&folder, &source, &[], "my-indicator/libmy_indicator.so") {
        return;
    }
    let strategy = "my-indicator/my_indicator.alula";
    let library = "my-indicator/libmy_indicator.so";

    // Before it is trusted the run says that it goes without.
    let period = ["--to", "2023-06-30"];
    let mut args = vec!["backtest", strategy, "--out", "without"];
    args.extend(period);
    let without = here(&folder, &args);
    assert!(without.stderr.contains("is in no `plugins.lock`"), "{without}");

    let checked = here(&folder, &["plugin", "check", library]);
    assert_eq!(checked.code, 0, "{checked}");
    assert!(checked.stdout.contains("✓ batch"), "{checked}");
    let trusted = here(&folder, &["plugin", "trust", library]);
    assert_eq!(trusted.code, 0, "{trusted}");
    assert!(
        trusted.stdout.starts_with("my_indicator is trusted in"),
        "{trusted}"
    );
    assert!(
        folder
            .read("plugins.lock")
            .contains("file = \"my-indicator/libmy_indicator.so\"")
    );
    let list = here(&folder, &["plugin", "list"]);
    assert!(list.stdout.contains("✓ my_indicator"), "{list}");
    let shown = here(&folder, &["plugin", "inspect", "my_indicator"]);
    let line = "use plugin \"my_indicator\" as my_indicator(close: vol, length = 20) -> percent";
    assert!(shown.stdout.contains(line), "{shown}");

    for (mode, out) in [("batch", "with"), ("streaming", "streamed")] {
        let mut args = vec!["backtest", strategy, "--out", out, "--mode", mode];
        args.extend(period);
        let run = here(&folder, &args);
        assert_eq!(run.code, 0, "{run}");
        assert!(!run.stdout.contains("is not loaded"), "{run}");
    }
    assert_eq!(folder.read("with/ticks.csv"), folder.read("streamed/ticks.csv"));
    let verified = here(&folder, &["verify", "with"]);
    assert_eq!(verified.code, 0, "{verified}");
    assert!(verified.stdout.contains("plugin my_indicator hash"), "{verified}");

    // Numbers out of range, and a declaration that is not the plugin's, are found before the first tick.
    let text = folder.read(strategy);
    folder.write("out.alula", &text.replace("length = 10", "length = 1"));
    let out = here(&folder, &["backtest", "out.alula"]);
    assert_eq!(out.code, 2, "{out}");
    assert!(out.stderr.contains("`length` is 1, outside 2..1000"), "{out}");
    folder.write(
        "other.alula",
        &text.replace("-> percent", "-> vol").replace("< 10%", "< 10 vol"),
    );
    let other = here(&folder, &["backtest", "other.alula"]);
    assert_eq!(other.code, 1, "{other}");
    assert!(other.stderr.contains("declare it so: use plugin"), "{other}");

    // Other bytes are not what was trusted.
    folder.write(library, "something else");
    let tampered = here(&folder, &["backtest", strategy]);
    assert_eq!(tampered.code, 2, "{tampered}");
    assert!(
        tampered.stderr.contains("is not the file that was trusted"),
        "{tampered}"
    );
    assert_eq!(here(&folder, &["plugin", "list"]).code, 1);
}

#[test]
fn a_plugin_that_hangs_crashes_or_leaves_is_a_finding() {
    for (how, case, why) in [
        ("-DP_DEFAULT=5", "values", "did not return within 1 seconds"),
        ("-DP_DEFAULT=6", "values", "the process crashed"),
        ("-DP_DEFAULT=9", "values", "the plugin ended the process"),
        ("-DP_DEFAULT=8", "lifetime", "bytes behind"),
        ("-DP_DEFAULT=10", "values", "signal: 11"),
        ("-DP_DEFAULT=11", "lifetime", "did not return within 1 seconds"),
        ("-DP_DEFAULT=12", "lifetime", "did not return within 1 seconds"),
        ("-DP_LOCALE=\"C.utf8\"", "loads", "locale: C before"),
        ("-ffast-math", "loads", "subnormal numbers"),
        ("-DP_MAJOR=2", "loads", "update alula"),
    ] {
        let folder = Folder::new(&[]);
        if !probe(&folder, &[how]) {
            return;
        }
        if how == "-ffast-math" && !cfg!(target_arch = "x86_64") {
            continue;
        }
        let deadline = if why.contains("within 1") { "1" } else { "30" };
        let found = here(
            &folder,
            &["plugin", "check", "libprobe.so", "--deadline", deadline],
        );
        assert_eq!(found.code, 1, "{found}");
        let line = found.stdout.lines().find(|l| l.contains(&format!("✗ {case}")));
        assert!(line.is_some_and(|l| l.contains(why)), "{how}: {found}");
        let trust = here(&folder, &["plugin", "trust", "libprobe.so"]);
        assert_eq!(trust.code == 0, case != "loads", "{trust}");
    }
}

#[test]
fn what_is_no_plugin_is_refused_in_words() {
    let folder = Folder::new(&[("notes.txt", "no library"), ("libfolder.so/x", "")]);
    for (args, code, why) in [
        (&["plugin", "trust", "notes.txt"][..], 2, "it is no ELF file"),
        (&["plugin", "trust", "nowhere.so"], 2, "nowhere.so"),
        (&["plugin", "trust", "libfolder.so"], 2, "folder"),
        (
            &["plugin", "inspect", "volatility"],
            2,
            "there is no file `volatility`",
        ),
        (&["plugin", "check", "notes.txt"], 1, ""),
        (&["plugin", "new", "Policy"], 2, "lower-case letter"),
        (&["plugin", "list"], 0, "begins a `plugins.lock`"),
    ] {
        let outcome = here(&folder, args);
        assert_eq!(outcome.code, code, "{args:?}: {outcome}");
        assert!(outcome.stderr.contains(why), "{args:?}: {outcome}");
    }
}

#[test]
fn a_plugin_that_reads_chains_gives_the_same_in_columns_and_tick_by_tick() {
    let text = "alula 1

strategy interest {
    capital  $250_000
    evaluate every 30m in SPX.regular
}

use plugin \"interest\" as interest(chain: chain) -> put_call: ratio, change: number, sound: bool

signal sound   = interest(SPX).sound
signal crowded = interest(SPX).put_call > 0.9 and sma(interest(SPX).put_call, 3 bars) > 0.9
signal moved   = interest(SPX).change > 0 or interest(SPX).change < 0

structure core = iron condor on SPX {
    expiry     nearest 45 dte in 35..55 dte
    short put  at 16 delta
    long put   about 50 pts below short put
    short call at 16 delta
    long call  about 50 pts above short call
}

policy income on core {
    open when sound and crowded size 1 lot up to 3 positions
    close moved when moved
    close time when dte <= 21
}
";
    let folder = Folder::new(&[("interest.alula", text)]);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/loader/tests/fixtures/chain.c");
    if !cc(&folder, &source, &[], "libinterest.so") {
        return;
    }
    let trusted = here(&folder, &["plugin", "trust", "libinterest.so"]);
    assert_eq!(trusted.code, 0, "{trusted}");
    for mode in ["batch", "streaming"] {
        let args = [
            "backtest",
            "interest.alula",
            "--to",
            "2023-01-13",
            "--out",
            mode,
            "--mode",
            mode,
        ];
        let run = here(&folder, &args);
        assert_eq!(run.code, 0, "{run}");
        assert!(!run.stdout.contains("stopped"), "{run}");
    }
    for file in ["ticks.csv", "decisions.csv", "orders.csv"] {
        let (batch, streamed) = (format!("batch/{file}"), format!("streaming/{file}"));
        assert_eq!(folder.read(&batch), folder.read(&streamed), "{file}");
    }
    // It was known, and true: orders went out.
    assert!(folder.read("batch/orders.csv").lines().count() > 1);
    // An instrument without options, and series beside it, are found before anything runs.
    for (wrong, why) in [
        ("interest(SPY).sound", "`SPY` has no option chain"),
        (
            "interest(SPX, VIX.close).sound",
            "`interest` reads one option chain",
        ),
    ] {
        folder.write("wrong.alula", &text.replace("interest(SPX).sound", wrong));
        let found = here(&folder, &["check", "wrong.alula"]);
        assert_eq!(found.code, 1, "{found}");
        assert!(
            found.stderr.contains(why) || found.stdout.contains(why),
            "{found}"
        );
    }
}

#[test]
fn a_thread_of_a_plugin_that_talks_to_the_end_harms_no_end() {
    let text = "alula 1

strategy probed {
    capital  $250_000
    evaluate every 1 session in SPX.regular
}

use plugin \"probe\" as probe(x: number, how = 0) -> mean: number, above: bool

structure core = iron condor on SPX {
    expiry     nearest 45 dte in 35..55 dte
    short put  at 16 delta
    long put   about 50 pts below short put
    short call at 16 delta
    long call  about 50 pts above short call
}

policy income on core {
    open when probe(VIX.close / 1 vol).mean > 5 size 1 lot up to 2 positions
    close time when dte <= 40
}
";
    let folder = Folder::new(&[("probed.alula", text)]);
    if !probe(&folder, &["-DP_THREAD=1", "-pthread"]) {
        return;
    }
    let refused = here(&folder, &["plugin", "trust", "libprobe.so", "--id", "probe"]);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(refused.stderr.contains("threads: 1 before, 2 after"), "{refused}");
    // One that starts it later is not found then, and every end is a good one.
    assert!(probe(&folder, &["-DP_THREAD=2", "-pthread"]));
    for place in ["--in-process", "--isolate"] {
        let trusted = here(
            &folder,
            &[
                "plugin",
                "trust",
                "libprobe.so",
                "--id",
                "probe",
                place,
                "--deadline",
                "60",
            ],
        );
        assert_eq!(trusted.code, 0, "{trusted}");
        for out in ["one", "two", "three"] {
            let args = [
                "backtest",
                "probed.alula",
                "--to",
                "2023-01-10",
                "--out",
                out,
                "--force",
            ];
            let done = here(&folder, &args);
            assert_eq!(done.code, 0, "{place}: {done}");
            assert!(!done.stdout.contains("stopped"), "{done}");
        }
    }
}

/// A run over the simulated market at five hours a second, under way; what it takes to talk to it.
pub fn running(folder: &Folder) -> std::process::Child {
    let child = Command::new(env!("CARGO_BIN_EXE_alula"))
        .args([
            "run",
            "probed.alula",
            "--speed",
            "18000x",
            "--seed",
            "5",
            "--state",
            "state",
        ])
        .args(["--out", "live", "--plain"])
        .env("XDG_STATE_HOME", folder.join("state-home"))
        .current_dir(folder.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let since = std::time::Instant::now();
    while !folder.join("state/probed/control.sock").exists() {
        assert!(since.elapsed().as_secs() < 120, "no socket");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    child
}

/// The build of a start, one of other bytes and the same arithmetic, and one that gives twice as much; false where there is no compiler.
pub fn builds(folder: &Folder) -> bool {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/loader/tests/fixtures/probe.c");
    [
        ("first.so", "-DP_MINOR=2"),
        ("same.so", "-DP_MINOR=1"),
        ("twice.so", "-DP_SCALE=2.0"),
    ]
    .iter()
    .all(|(library, flag)| cc(folder, &source, &[flag], library))
}

#[test]
fn another_build_comes_into_a_run_once_it_gives_the_same_or_somebody_accepts_that_it_does_not() {
    let text = "alula 1

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
    open when dear and probe(VIX.close / 1 vol).mean > 5 size 1 lot up to 2 positions
    close time when dte <= 40 or not dear
}
";
    let folder = Folder::new(&[("probed.alula", text)]);
    let home = folder.join("state-home");
    let alula = |args: &[&str]| folder.alula_with(args, "", &[("XDG_STATE_HOME", &home.to_string_lossy())]);
    if !builds(&folder) {
        return;
    }
    let trust = |library: &str| {
        let trusted = alula(&["plugin", "trust", library, "--id", "probe"]);
        assert_eq!(trusted.code, 0, "{trusted}");
    };
    trust("first.so");
    let mut child = running(&folder);
    let upgrade = |library: &str, more: &[&str]| {
        let mut args = vec!["plugin", "upgrade", "state/probed", "probe", library];
        args.extend(more);
        alula(&args)
    };
    // Not trusted, not taken; nor is what is in force already.
    let unknown = upgrade("same.so", &[]);
    assert_eq!(unknown.code, 2, "{unknown}");
    assert!(unknown.stderr.contains("trust it first"), "{unknown}");
    let again = upgrade("first.so", &[]);
    assert!(again.stderr.contains("is in force"), "{again}");
    trust("same.so");
    let many = upgrade("same.so", &["--bars", "1000000"]);
    assert_eq!(many.code, 1, "{many}");
    assert!(many.stderr.contains("1000000 are wanted"), "{many}");
    let same = upgrade("same.so", &["--bars", "20"]);
    assert_eq!(same.code, 0, "{same}");
    assert!(same.stdout.contains("\"difference\": null"), "{same}");
    trust("twice.so");
    let other = upgrade("twice.so", &[]);
    assert_eq!(other.code, 1, "{other}");
    assert!(
        other
            .stderr
            .contains("the two builds do not agree: `probe(VIX.close"),
        "{other}"
    );
    let taken = upgrade(
        "twice.so",
        &["--accept-divergence", "--why", "the mean was half of it"],
    );
    assert_eq!(taken.code, 0, "{taken}");
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(alula(&["ctl", "stop", "state/probed"]).code, 0);
    assert_eq!(child.wait().unwrap().code(), Some(0));

    let manifest: serde_json::Value = serde_json::from_str(&folder.read("live/manifest.json")).unwrap();
    let upgrades = manifest["upgrades"].as_array().unwrap();
    assert_eq!(upgrades.len(), 2, "{upgrades:?}");
    assert!(upgrades[0]["difference"].is_null());
    assert!(
        upgrades[1]["difference"]
            .as_str()
            .unwrap()
            .contains("by the new one")
    );
    let sha = |library: &str| {
        let shown = alula(&["plugin", "inspect", library, "--format", "json"]);
        let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
        shown["sha256"].as_str().unwrap().to_owned()
    };
    assert_eq!(upgrades[0]["sha256"], sha("same.so"));
    assert_eq!(upgrades[1]["sha256"], sha("twice.so"));

    // The journal computes it again with the same builds at the same ticks, link by link, whatever is trusted now.
    trust("first.so");
    let journal = std::fs::read_dir(folder.join("state/probed")).unwrap();
    let journal = journal
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "redb"));
    let journal = journal.unwrap().to_string_lossy().into_owned();
    let replay = alula(&["replay", &journal, "--format", "json"]);
    assert_eq!(replay.code, 0, "{replay}");
    assert!(replay.stdout.contains("\"same\": true"), "{replay}");
    let shown = alula(&["journal", "show", &journal]);
    assert!(shown.stdout.contains(&sha("same.so")[..8]), "{shown}");
    assert!(
        shown.stdout.contains("refused: the two builds do not agree"),
        "{shown}"
    );
    let verify = alula(&["verify", "live"]);
    assert!(verify.stderr.contains("alula replay"), "{verify}");

    // Up to the changed build it is the run without any upgrade; from its tick on it is not.
    let alone = alula(&[
        "backtest",
        "probed.alula",
        "--seed",
        "5",
        "--mode",
        "streaming",
        "--out",
        "alone",
    ]);
    assert_eq!(alone.code, 0, "{alone}");
    let changed = upgrades[1]["tick"].as_u64().unwrap();
    let decisions = |name: &str, below: u64| -> Vec<String> {
        let text = folder.read(name);
        let mut lines = text.lines();
        let header = lines.next().unwrap();
        let at = header.split(',').position(|h| h == "tick").unwrap();
        lines
            .filter(|l| l.split(',').nth(at).unwrap().parse::<u64>().unwrap() < below)
            .map(str::to_owned)
            .collect()
    };
    let before = decisions("live/decisions.csv", changed);
    assert!(changed > 0);
    assert_eq!(before, decisions("alone/decisions.csv", changed));
    let first = upgrades[0]["tick"].as_u64().unwrap();
    let links = |name: &str, below: u64| decisions(name, below).len();
    assert_eq!(links("live/ticks.csv", first), links("alone/ticks.csv", first));
}
