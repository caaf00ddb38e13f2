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
    evaluate every 5m in SPX.regular
}

use plugin \"interest\" as interest(chain: chain) -> put_call: ratio, change: number, sound: bool

signal sound   = interest(SPX).sound
signal crowded = interest(SPX).put_call > 1.2 and sma(interest(SPX).put_call, 3 bars) > 1
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
            "2023-02-28",
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
