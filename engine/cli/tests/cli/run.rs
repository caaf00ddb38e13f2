use crate::support::{CONDOR, Folder};
use serde_json::Value;

const TIGHT: &str = "strategy: condor\nthresholds:\n  vix_ceiling: 25 vol\n...\n";

fn here() -> Folder {
    Folder::new(&[("condor.alula", CONDOR), ("tight.yaml", TIGHT)])
}

/// A run at an hour a second, under way.
#[cfg(unix)]
fn running(here: &Folder, more: &[&str], stdout: std::process::Stdio) -> std::process::Child {
    let run = [
        "run",
        "condor.alula",
        "--speed",
        "3600x",
        "--seed",
        "5",
        "--out",
        "live",
    ];
    std::process::Command::new(env!("CARGO_BIN_EXE_alula"))
        .args(run)
        .args(more)
        .current_dir(here.path())
        .stdout(stdout)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_run_as_fast_as_it_goes_writes_the_folder_of_the_backtest() {
    let here = here();
    let live = here.alula(&[
        "run",
        "condor.alula",
        "--speed",
        "max",
        "--years",
        "1",
        "--seed",
        "5",
        "--out",
        "live",
    ]);
    assert_eq!(live.code, 0, "{live}");
    assert!(live.stdout.contains("SIMULATED"), "{live}");
    assert!(
        live.stdout.contains("fills       simulated by the engine"),
        "{live}"
    );
    let again = here.alula(&["verify", "live"]);
    assert_eq!(again.code, 0, "{again}");
}

#[test]
fn a_backtest_with_swaps_is_verified_from_its_folder_and_why_names_the_version() {
    let here = here();
    let swap = [
        "--swap",
        "2023-03-01=tight.yaml",
        "--until",
        "2023-06-15",
        "--out",
        "bt",
    ];
    let run = here.alula(&[&["backtest", "condor.alula"], &swap[..]].concat());
    assert_eq!(run.code, 0, "{run}");
    assert!(
        run.stdout.contains("changed once while the run was under way"),
        "{run}"
    );
    let again = here.alula(&["verify", "bt"]);
    assert_eq!(again.code, 0, "{again}");
    assert!(
        again.stdout.contains("streaming") && !again.stdout.contains("batch"),
        "{again}"
    );
    let why = |at: &str| here.alula(&["why", "bt", "--at", at, "--format", "json"]);
    let version = |at: &str| {
        let value: Value = serde_json::from_str(&why(at).stdout).unwrap();
        value["thresholds_version"].as_u64().unwrap()
    };
    assert_eq!((version("2023-02-28"), version("2023-03-01")), (1, 2));
    let text = here.alula(&["why", "bt", "--at", "2023-03-01", "income.open"]);
    assert!(text.stdout.contains("thresholds version 2"), "{text}");
    assert!(text.stdout.contains("vix_ceiling 25 vol"), "{text}");
    let history = here.alula(&["thresholds", "history", "bt"]);
    assert!(
        history.stdout.contains("vix_ceiling 35 vol → 25 vol"),
        "{history}"
    );
    let back = here.alula(&["thresholds", "rollback", "condor.alula", "2", "--from", "bt"]);
    assert_eq!(back.code, 0, "{back}");
    let pushed = std::fs::read_to_string(here.join("condor.thresholds.yaml")).unwrap();
    assert!(
        pushed.contains("vix_ceiling: 25 vol") && pushed.ends_with("...\n"),
        "{pushed}"
    );
}

#[test]
fn a_swap_for_a_time_after_the_run_is_said() {
    let here = here();
    let run = here.alula(&[
        "backtest",
        "condor.alula",
        "--to",
        "2023-03-31",
        "--swap",
        "2033-03-01=tight.yaml",
    ]);
    assert_eq!(run.code, 0, "{run}");
    assert!(
        run.stderr.contains("2033-03-01") && run.stderr.contains("never took effect"),
        "{run}"
    );
}

#[test]
fn nonsense_about_swaps_is_refused_with_what_to_write() {
    let here = here();
    here.write("broken.alula", "alula 1\nstrategy {");
    for (swap, what) in [
        ("tight.yaml", "no time and file"),
        ("yesterday=tight.yaml", "neither a day nor a time"),
        ("2023-03-01=nope.yaml", "no such file"),
        ("2023-03-01=broken.alula", "broken.alula"),
    ] {
        let run = here.alula(&["backtest", "condor.alula", "--swap", swap]);
        assert_ne!(run.code, 0, "{run}");
        assert!(run.stderr.contains(what), "{what}: {run}");
    }
    let feed = here.alula(&["run", "condor.alula", "--feed", "replay"]);
    assert_eq!(feed.code, 2, "{feed}");
    assert!(feed.stderr.contains("--data"), "{feed}");
    let speed = here.alula(&["run", "condor.alula", "--speed", "warp"]);
    assert_eq!(speed.code, 2, "{speed}");
}

#[test]
fn a_journal_gives_the_same_links_again_and_notices_when_it_was_changed() {
    let here = here();
    let live = here.alula(&[
        "run",
        "condor.alula",
        "--speed",
        "max",
        "--years",
        "1",
        "--seed",
        "5",
        "--state",
        "state",
        "--format",
        "json",
    ]);
    assert_eq!(live.code, 0, "{live}");
    let events: Vec<Value> = live
        .stdout
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(events.first().unwrap()["event"], "begin");
    assert_eq!(events.last().unwrap()["event"], "ended");
    let ticks = events.iter().filter(|e| e["event"] == "tick").count();
    let journal = std::fs::read_dir(here.join("state/condor")).unwrap();
    let mut journal: Vec<_> = journal.map(|e| e.unwrap().path()).collect();
    journal.retain(|p| p.extension().is_some_and(|e| e == "redb"));
    let journal = journal.pop().unwrap();
    let path = journal.to_str().unwrap().to_owned();
    let again = here.alula(&["replay", &path, "--format", "json"]);
    assert_eq!(again.code, 0, "{again}");
    let value: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        usize::try_from(value["decisions"].as_u64().unwrap()).unwrap(),
        ticks
    );
    assert_eq!(value["same"], true);
    let why = here.alula(&["why", &path, "--at", "2023-02-01", "income.open"]);
    assert_eq!(why.code, 0, "{why}");
    assert!(why.stdout.contains("VIX.last < vix_ceiling"), "{why}");
    let history = here.alula(&["thresholds", "history", "state/condor"]);
    assert!(history.stdout.contains("as it began"), "{history}");
    let mut bytes = std::fs::read(&journal).unwrap();
    let at = bytes.windows(11).rposition(|w| w == b"income.open").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    let broken = here.alula(&["replay", &path]);
    assert_ne!(broken.code, 0, "{broken}");
}

#[test]
fn a_push_is_checked_as_the_engine_will_and_replaces_the_file_in_one_step() {
    let here = here();
    let push = |args: &[&str]| here.alula(&[&["thresholds", "push", "condor.alula"], args].concat());
    let pushed = push(&["tight.yaml"]);
    assert_eq!(pushed.code, 0, "{pushed}");
    let same = push(&["tight.yaml"]);
    assert!(same.stdout.contains("nothing to push"), "{same}");
    here.write("far.yaml", "thresholds:\n  vix_ceiling: 60 vol\n...\n");
    let far = push(&["far.yaml"]);
    assert_eq!(far.code, 1, "{far}");
    assert!(far.stderr.contains("--ack"), "{far}");
    let check = here.alula(&["thresholds", "check", "condor.alula", "far.yaml"]);
    assert_eq!(check.code, 1, "{check}");
    assert!(check.stdout.contains("ack: "), "{check}");
    let acked = push(&["far.yaml", "--ack"]);
    assert_eq!(acked.code, 0, "{acked}");
    here.write("torn.yaml", "thresholds:\n  vix_ceiling: 50 vol\n");
    let torn = here.alula(&["thresholds", "check", "condor.alula", "torn.yaml"]);
    assert!(torn.stdout.contains("the last line is not `...`"), "{torn}");
    here.write("wrong.yaml", "thresholds:\n  vix_cieling: 50 vol\n...\n");
    assert_eq!(push(&["wrong.yaml"]).code, 1);
    // A broken file in place does not keep a good one out.
    here.write("condor.thresholds.yaml", "thresholds: {{{");
    let mended = push(&["tight.yaml"]);
    assert_eq!(mended.code, 0, "{mended}");
    assert!(mended.stderr.contains("broken as it stands"), "{mended}");
}

#[cfg(unix)]
#[test]
fn a_file_pushed_to_a_running_engine_counts_from_the_next_tick_and_an_interrupt_ends_it_well() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};
    let here = here();
    let intraday = CONDOR.replace("every 1 session", "every 30m");
    here.write("condor.alula", &intraday);
    let mut child = running(&here, &["--format", "json"], Stdio::piped());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut wait = |event: &str| -> Value {
        loop {
            let line = lines.next().expect("the run goes on").unwrap();
            let value: Value = serde_json::from_str(&line).unwrap();
            if value["event"] == event {
                return value;
            }
        }
    };
    wait("tick");
    let pushed = here.alula(&["thresholds", "push", "condor.alula", "tight.yaml"]);
    assert_eq!(pushed.code, 0, "{pushed}");
    let accepted = wait("thresholds_accepted");
    let in_force = wait("thresholds_in_force");
    assert_eq!(accepted["sha256"], in_force["sha256"]);
    assert_eq!(in_force["version"], 2);
    // The decision that comes next is of that very tick.
    assert_eq!(wait("tick")["tick"], in_force["tick"]);
    here.write(
        "condor.thresholds.yaml",
        "thresholds:\n  vix_ceiling: .nan\n...\n",
    );
    let refused = wait("thresholds_rejected");
    assert_eq!(refused["findings"][0]["line"], 2);
    wait("tick");
    let stop = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(stop.unwrap().success());
    let ended = wait("ended");
    assert!(ended["summary"].is_object());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let again = here.alula(&["verify", "live"]);
    assert_eq!(again.code, 0, "{again}");
}

#[cfg(unix)]
#[test]
fn a_run_answers_its_own_user_and_a_halt_stands_in_journal_and_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Stdio;
    use std::time::{Duration, Instant};
    let here = here();
    here.write("condor.alula", &CONDOR.replace("every 1 session", "every 30m"));
    let mut child = running(&here, &["--state", "state"], Stdio::null());
    let socket = here.join("state/condor/control.sock");
    let since = Instant::now();
    while !socket.exists() {
        assert!(since.elapsed() < Duration::from_secs(60), "no socket");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mode = |path: &str| std::fs::metadata(here.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode("state/condor/control.sock"), mode("state/condor")),
        (0o600, 0o700)
    );
    let status = || -> Value {
        let status = here.alula(&["ctl", "status", "state/condor"]);
        serde_json::from_str(&status.stdout).unwrap()
    };
    let in_force = |version: u64| {
        while status()["thresholds"]["config_version"] != version {
            assert!(since.elapsed() < Duration::from_secs(60), "no version {version}");
        }
    };
    // Its versions can be read, and taken back, while it runs.
    let pushed = here.alula(&["thresholds", "push", "condor.alula", "tight.yaml"]);
    assert_eq!(pushed.code, 0, "{pushed}");
    in_force(2);
    let history = here.alula(&["thresholds", "history", "state/condor"]);
    let lines: Vec<&str> = history.stdout.lines().collect();
    assert!(
        lines.len() == 2 && lines[1].contains("vix_ceiling 35 vol → 25 vol"),
        "{history}"
    );
    let back = ["thresholds", "rollback", "condor.alula", "1", "--from", "state"];
    let back = here.alula(&back);
    assert_eq!(back.code, 0, "{back}");
    in_force(3);
    // Told to look, it looks at the rules too: they are the same, so this is a change of values and nothing else.
    here.write("condor.thresholds.yaml", TIGHT);
    assert_eq!(here.alula(&["ctl", "reload", "state"]).code, 0);
    in_force(4);
    let halt = here.alula(&["halt", "state/condor", "CPI soon"]);
    assert_eq!(halt.code, 0, "{halt}");
    let mut halted = Value::Null;
    while halted.is_null() {
        assert!(since.elapsed() < Duration::from_secs(60), "no halt");
        let status = here.alula(&["ctl", "status", "state/condor"]);
        let value: Value = serde_json::from_str(&status.stdout).unwrap();
        halted = value["halted"].clone();
    }
    assert_eq!(halted, "operator");
    let why = here.alula(&["ctl", "why", "state/condor", "income.open"]);
    assert_eq!(why.code, 0, "{why}");
    assert!(why.stdout.starts_with("income.open (open) at 2023-"), "{why}");
    assert!(why.stdout.contains("VIX.last < vix_ceiling"), "{why}");
    let none = here.alula(&["ctl", "why", "state/condor", "income.opne"]);
    assert_eq!(none.code, 2, "{none}");
    // One run at a time.
    let second = here.alula(&["run", "condor.alula", "--speed", "max", "--state", "state"]);
    assert_eq!(second.code, 2, "{second}");
    assert!(second.stderr.contains("locked"), "{second}");
    assert_eq!(here.alula(&["ctl", "stop", "state/condor"]).code, 0);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!socket.exists());
    let over = here.alula(&["ctl", "status", "state/condor"]);
    assert_eq!(over.code, 1, "{over}");
    let over: Value = serde_json::from_str(&over.stdout).unwrap();
    assert_eq!(
        (&over["running"], &over["status"]),
        (&Value::Bool(false), &Value::from("ended"))
    );
    let again = here.alula(&["verify", "live"]);
    assert_eq!(again.code, 0, "{again}");
    let journal = std::fs::read_dir(here.join("state/condor")).unwrap();
    let mut journal = journal.map(|e| e.unwrap().path());
    let journal = journal
        .find(|p| p.extension().is_some_and(|e| e == "redb"))
        .unwrap();
    let replay = here.alula(&["replay", journal.to_str().unwrap(), "--format", "json"]);
    assert_eq!(replay.code, 0, "{replay}");
    let value: Value = serde_json::from_str(&replay.stdout).unwrap();
    assert_eq!(value["operator"], 1);
    assert_eq!((&value["swaps"], &value["strategies"]), (&3.into(), &0.into()));
    // The next one begins anew: what the one before it had in force is not its own, and nobody holds its journal.
    let mut child = running(&here, &["--state", "state", "--force"], Stdio::null());
    let since = Instant::now();
    let history = loop {
        let history = here.alula(&["thresholds", "history", "state"]);
        if history.code == 0 && socket.exists() {
            break history;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{history}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(history.stdout.lines().count(), 1, "{history}");
    let replay = here.alula(&["replay", journal.to_str().unwrap()]);
    assert_eq!(replay.code, 0, "{replay}");
    assert_eq!(here.alula(&["ctl", "stop", "state"]).code, 0);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn metrics_stay_on_this_machine() {
    let here = here();
    let run = here.alula(&["run", "condor.alula", "--speed", "max", "--metrics", "0.0.0.0:0"]);
    assert_eq!(run.code, 2, "{run}");
    assert!(run.stderr.contains("loopback"), "{run}");
}

#[cfg(unix)]
#[test]
fn a_run_that_is_killed_again_and_again_goes_on_and_ends_as_if_nothing_had_happened() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};
    let here = here();
    here.write("condor.alula", &CONDOR.replace("every 1 session", "every 30m"));
    let period = ["--to", "2023-01-10", "--seed", "5"];
    let whole = here.alula(
        &[
            &["run", "condor.alula", "--speed", "max", "--out", "whole"],
            &period[..],
        ]
        .concat(),
    );
    assert_eq!(whole.code, 0, "{whole}");
    // Killed after a few ticks each time, wherever that falls: between the decision and its entry, or after.
    for (kill, after) in [3, 1, 7, 2, 5].into_iter().enumerate() {
        let mut child = Command::new(env!("CARGO_BIN_EXE_alula"))
            .args([
                "run",
                "condor.alula",
                "--speed",
                "36000x",
                "--format",
                "json",
                "--state",
                "state",
                "--resume",
            ])
            .args(period)
            .current_dir(here.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ticks = lines
            .map_while(Result::ok)
            .filter(|l| l.contains("\"event\":\"tick\""));
        let seen = ticks.take(after).count();
        assert_eq!(seen, after, "kill {kill}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let resume = [
        "run",
        "condor.alula",
        "--speed",
        "max",
        "--state",
        "state",
        "--resume",
        "--out",
        "resumed",
        "--force",
    ];
    let last = here.alula(&[&resume[..], &period].concat());
    assert_eq!(last.code, 0, "{last}");
    assert!(last.stderr.contains("every link as it was"), "{last}");
    let manifest = |run: &str| {
        let text = std::fs::read_to_string(here.join(run).join("manifest.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    // Every file of the folder, by its hash.
    assert_eq!(manifest("resumed"), manifest("whole"));
    let journals = std::fs::read_dir(here.join("state/condor")).unwrap();
    let mut journals: Vec<_> = journals.map(|e| e.unwrap().path()).collect();
    journals.retain(|p| p.extension().is_some_and(|e| e == "redb"));
    journals.sort();
    assert!(journals.len() >= 2, "{journals:?}");
    let replay = here.alula(&[
        "replay",
        journals.last().unwrap().to_str().unwrap(),
        "--format",
        "json",
    ]);
    assert_eq!(replay.code, 0, "{replay}");
    let value: Value = serde_json::from_str(&replay.stdout).unwrap();
    assert_eq!(value["decisions"], manifest("whole")["ticks"]);
    // A strategy that was changed meanwhile: the run goes on with the one in its journal.
    here.write(
        "condor.alula",
        &CONDOR
            .replace("every 1 session", "every 30m")
            .replace("1 lot", "2 lots"),
    );
    let changed = here.alula(&[&resume[..], &period].concat());
    assert_eq!(changed.code, 0, "{changed}");
    assert_eq!(manifest("resumed")["chain"], manifest("whole")["chain"]);
}

#[test]
fn a_broken_thresholds_file_keeps_a_run_from_starting_unless_the_last_good_values_are_wanted() {
    let here = here();
    here.write("condor.thresholds.yaml", TIGHT);
    let run = [
        "run",
        "condor.alula",
        "--speed",
        "max",
        "--to",
        "2023-01-31",
        "--state",
        "state",
    ];
    let good = here.alula(&[&run[..], &["--out", "good"]].concat());
    assert_eq!(good.code, 0, "{good}");
    here.write(
        "condor.thresholds.yaml",
        "thresholds:\n  vix_ceiling: .nan\n...\n",
    );
    let refused = here.alula(&run);
    assert_eq!(refused.code, 1, "{refused}");
    let last = here.alula(&[&run[..], &["--last-good", "--out", "last"]].concat());
    assert_eq!(last.code, 0, "{last}");
    assert!(last.stderr.contains("THE THRESHOLDS FILE IS BROKEN"), "{last}");
    let chain = |run: &str| {
        let text = std::fs::read_to_string(here.join(run).join("manifest.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["chain"].clone()
    };
    assert_eq!(chain("good"), chain("last"));
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_does_not_end_a_run() {
    use std::process::{Command, Stdio};
    let here = here();
    let mut child = Command::new(env!("CARGO_BIN_EXE_alula"))
        .args([
            "run",
            "condor.alula",
            "--speed",
            "max",
            "--format",
            "json",
            "--out",
            "live",
        ])
        .current_dir(here.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    child.wait().unwrap();
    assert!(here.join("live/manifest.json").is_file());
}

#[test]
fn a_guard_that_stands_is_told_once_and_not_at_every_tick() {
    let guarded =
        format!("{CONDOR}\nguard never {{\n    require SPX.last > 100_000 pts else block open\n}}\n");
    let here = Folder::new(&[("condor.alula", &guarded)]);
    let run = [
        "run",
        "condor.alula",
        "--speed",
        "max",
        "--years",
        "1",
        "--seed",
        "5",
    ];
    let told = here.alula(&[&run[..], &["--out", "a"]].concat());
    assert_eq!(told.code, 0, "{told}");
    let lines = told.stdout.lines().filter(|l| l.contains("  guard  ")).count();
    assert_eq!(lines, 1, "{told}");
    let all = here.alula(&[&run[..], &["--out", "b", "-v"]].concat());
    let lines = all.stdout.lines().filter(|l| l.contains("  guard  ")).count();
    assert!(lines > 200, "{lines}");
}
