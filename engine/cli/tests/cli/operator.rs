//! What an operator says to a run that is under way, what is told of it elsewhere, and what never is.

use crate::broker::{paper, trusted};
use crate::plugin::here as trusting;
use crate::support::{CONDOR, Folder};
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for a run to be where a test wants it.
const LONGEST: Duration = Duration::from_secs(120);

fn here(posture: &str) -> Folder {
    let text = CONDOR.replace("every 1 session", "every 30m");
    let text = text.replace("    cross ", &format!("    posture  {posture}\n    cross "));
    Folder::new(&[("condor.alula", &text)])
}

fn running(here: &Folder, more: &[&str], stderr: Stdio) -> Child {
    let run = [
        "run",
        "condor.alula",
        "--speed",
        "3600x",
        "--seed",
        "5",
        "--state",
        "state",
        "--out",
        "live",
    ];
    let child = Command::new(env!("CARGO_BIN_EXE_alula"))
        .args(run)
        .args(more)
        .current_dir(here.path())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .unwrap();
    let since = Instant::now();
    while !here.join("state/condor/control.sock").exists() {
        assert!(since.elapsed() < LONGEST, "no socket");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn status(here: &Folder) -> Value {
    let status = here.alula(&["ctl", "status", "state/condor"]);
    assert_eq!(status.code, 0, "{status}");
    serde_json::from_str(&status.stdout).unwrap()
}

fn journal(here: &Folder) -> String {
    let entries = std::fs::read_dir(here.join("state/condor")).unwrap();
    let mut found = entries.map(|e| e.unwrap().path());
    let path = found
        .find(|p| p.extension().is_some_and(|e| e == "redb"))
        .unwrap();
    path.to_str().unwrap().to_owned()
}

#[cfg(unix)]
#[test]
fn overlays_are_said_to_a_run_stand_in_its_journal_and_are_computed_again() {
    let here = here("promoter");
    let mut child = running(&here, &[], Stdio::null());
    let add = |what: &str| {
        let words = ["ctl", "overlay", "add", "state/condor"];
        let rest = ["--why", "CPI in ten minutes", "--name", "alice"];
        let all: Vec<&str> = words.into_iter().chain(what.split(' ')).chain(rest).collect();
        here.alula(&all)
    };
    let pause = add("pause core");
    assert_eq!(pause.code, 0, "{pause}");
    let said: Value = serde_json::from_str(&pause.stdout).unwrap();
    assert_eq!(
        (said["overlay"].as_u64(), said["what"].as_str()),
        (Some(1), Some("pause core"))
    );
    assert!(said["who"].as_str().unwrap().starts_with("alice (uid "), "{said}");
    for (wrong, help) in [
        ("pause coer", "core"),
        ("scale core 150%", "none"),
        ("pause core until soon", "exchange time"),
    ] {
        let refused = add(wrong);
        assert_eq!(refused.code, 2, "{refused}");
        assert!(refused.stderr.contains(help), "{refused}");
    }
    let close = add("close core");
    assert_eq!(close.code, 0, "{close}");
    let dropped = here.alula(&["ctl", "overlay", "drop", "state/condor", "9", "--why", "over"]);
    assert_eq!(dropped.code, 2, "{dropped}");
    assert!(dropped.stderr.contains("no overlay 9 is in force"), "{dropped}");
    let why = here.alula(&["ctl", "overlay", "drop", "state/condor", "1"]);
    assert_eq!(why.code, 2, "a reason is asked for: {why}");
    let list = here.alula(&["ctl", "overlay", "list", "state/condor"]);
    assert!(list.stdout.contains("1  pause core"), "{list}");
    // In force from the next tick on; the journal of a run under way is read through the run.
    let since = Instant::now();
    let before = status(&here)["tick"].as_u64().unwrap();
    while status(&here)["tick"].as_u64().unwrap() < before + 2 {
        assert!(since.elapsed() < LONGEST, "no ticks");
    }
    let show = here.alula(&["journal", "show", "state/condor", "--kind", "operator"]);
    assert_eq!(show.code, 0, "{show}");
    assert!(
        show.stdout
            .contains("overlay 1 pause core CPI in ten minutes alice (uid "),
        "{show}"
    );
    let verify = here.alula(&["journal", "verify", "state/condor"]);
    assert_eq!(verify.code, 0, "{verify}");
    assert!(verify.stdout.contains("chain     whole"), "{verify}");
    let drop = here.alula(&[
        "ctl",
        "overlay",
        "drop",
        "state/condor",
        "1",
        "--why",
        "over",
        "--name",
        "bob",
    ]);
    assert_eq!(drop.code, 0, "{drop}");
    let all = here.alula(&["halt", "state/condor", "--level", "all", "the quotes are wrong"]);
    assert_eq!(all.code, 0, "{all}");
    let since = Instant::now();
    while status(&here)["halt"]["level"] != "all" {
        assert!(since.elapsed() < LONGEST, "no halt");
    }
    assert_eq!(status(&here)["halt"]["why"], "the quotes are wrong");
    assert_eq!(here.alula(&["ctl", "stop", "state/condor"]).code, 0);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let again = here.alula(&["verify", "live"]);
    assert_eq!(again.code, 0, "{again}");
    let replay = here.alula(&["replay", &journal(&here), "--format", "json"]);
    assert_eq!(replay.code, 0, "{replay}");
    let value: Value = serde_json::from_str(&replay.stdout).unwrap();
    assert_eq!(value["operator"], 4);
    assert!(here.read("live/overlays.csv").contains("pause core"));
    assert!(here.read("live/report.html").contains("What the operator added"));
    // The kill switch outlives the run that it was said to.
    let mut next = running(&here, &["--force"], Stdio::null());
    let since = Instant::now();
    while status(&here)["halt"]["level"] != "all" {
        assert!(since.elapsed() < LONGEST, "no halt");
    }
    let why = status(&here)["halt"]["why"].as_str().unwrap().to_owned();
    assert_eq!(why, "carried over: the quotes are wrong");
    assert_eq!(here.alula(&["ctl", "stop", "state/condor"]).code, 0);
    assert_eq!(next.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_steward_takes_no_overlays_and_says_what_to_do() {
    let here = here("steward");
    let mut child = running(&here, &[], Stdio::null());
    let refused = here.alula(&[
        "ctl",
        "overlay",
        "add",
        "state/condor",
        "pause",
        "core",
        "--why",
        "x",
    ]);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(
        refused
            .stderr
            .contains("runs in steward posture: only its rules act"),
        "{refused}"
    );
    assert!(refused.stderr.contains("write `posture promoter`"), "{refused}");
    assert_eq!(here.alula(&["ctl", "stop", "state/condor"]).code, 0);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Words that are secrets: they must stand nowhere.
const CANARY: &str = "canary-7c1f";

#[test]
fn secrets_stand_in_no_journal_log_folder_or_error() {
    let here = here("promoter");
    let address = format!("http://user:{CANARY}@127.0.0.1:9/{CANARY}?token={CANARY}\n");
    here.write("hook.txt", &address);
    let run = here.alula_with(
        &[
            "run",
            "condor.alula",
            "--speed",
            "max",
            "--seed",
            "5",
            "--to",
            "2023-01-06",
            "--state",
            "state",
            "--out",
            "live",
            "--webhook-file",
            "hook.txt",
            "--log",
            "trace",
            "--log-format",
            "json",
            "-v",
        ],
        "",
        &[("ALULA_TEST_TOKEN", CANARY)],
    );
    assert_eq!(run.code, 0, "{run}");
    assert!(run.stderr.contains("alula::webhook"), "nothing was tried: {run}");
    assert!(run.stderr.contains("the webhook did not take"), "{run}");
    assert!(
        !run.stderr.contains(CANARY) && !run.stdout.contains(CANARY),
        "{run}"
    );
    let mut folders = vec![here.join("state"), here.join("live")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(bytes) = std::fs::read(&path) else { continue };
            files += 1;
            let found = bytes.windows(CANARY.len()).any(|w| w == CANARY.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
    assert!(files > 10, "{files}");
    let bad = here.alula(&["run", "condor.alula", "--webhook", &format!("ftp://{CANARY}/x")]);
    assert_eq!(bad.code, 2, "{bad}");
    assert!(!bad.stderr.contains(CANARY), "{bad}");
}

#[test]
fn a_log_changes_no_byte_of_the_run_folder_and_its_events_have_fields() {
    let here = here("steward");
    let run = |out: &str, more: &[&str]| {
        let args = [
            "run",
            "condor.alula",
            "--speed",
            "max",
            "--seed",
            "5",
            "--to",
            "2023-01-06",
            "--out",
            out,
        ];
        let all: Vec<&str> = args.iter().chain(more).copied().collect();
        let run = here.alula(&all);
        assert_eq!(run.code, 0, "{run}");
        run
    };
    let silent = run("silent", &[]);
    assert!(!silent.stderr.contains("alula::"), "{silent}");
    let logged = run(
        "logged",
        &[
            "--log",
            "alula::tick=debug,alula::fill=info",
            "--log-format",
            "json",
        ],
    );
    let events: Vec<Value> = logged
        .stderr
        .lines()
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect();
    let of = |target: &str| events.iter().filter(|e| e["target"] == target).count();
    assert!(of("alula::tick") > 10 && of("alula::fill") > 0, "{logged}");
    assert_eq!(of("alula::order"), 0);
    assert!(
        events
            .iter()
            .all(|e| e["timestamp"].is_string() && e["level"].is_string())
    );
    for name in ["manifest.json", "decisions.csv", "ticks.csv", "report.html"] {
        assert_eq!(
            here.read(&format!("silent/{name}")),
            here.read(&format!("logged/{name}")),
            "{name}"
        );
    }
    let wrong = here.alula(&["run", "condor.alula", "--log", "alula::tick=loud"]);
    assert_eq!(wrong.code, 2, "{wrong}");
}

#[test]
fn a_run_that_could_not_begin_leaves_a_journal_that_says_so() {
    let here = here("steward");
    trusted(&here, &paper(), "paper");
    let run = trusting(
        &here,
        &[
            "run",
            "condor.alula",
            "--speed",
            "max",
            "--broker",
            "paper",
            "--broker-set",
            "moon=1",
            "--state",
            "state",
        ],
    );
    assert_eq!(run.code, 2, "{run}");
    assert!(run.stderr.contains("moon"), "{run}");
    let verify = here.alula(&["journal", "verify", "state/condor"]);
    assert_eq!(verify.code, 0, "{verify}");
    assert!(
        verify
            .stdout
            .contains("ended in good order; it did not begin: broker `paper`:"),
        "{verify}"
    );
    let next = here.alula(&[
        "run",
        "condor.alula",
        "--speed",
        "max",
        "--to",
        "2023-01-06",
        "--seed",
        "5",
        "--state",
        "state",
    ]);
    assert_eq!(next.code, 0, "{next}");
    assert!(!next.stderr.contains("died"), "{next}");
}

#[test]
fn nothing_goes_on_with_a_run_that_could_not_begin() {
    let here = here("steward");
    trusted(&here, &paper(), "paper");
    let run = |more: &[&str]| {
        let fixed = ["run", "condor.alula", "--speed", "max", "--to", "2023-01-06"];
        let state = ["--seed", "5", "--state", "state", "--resume"];
        trusting(&here, &[&fixed[..], &state, more].concat())
    };
    let first = run(&["--broker", "paper", "--broker-set", "moon=1"]);
    assert_eq!(first.code, 2, "{first}");
    // Another broker fills the orders now, which a run that goes on could not change.
    let next = run(&[]);
    assert_eq!(next.code, 0, "{next}");
    assert!(next.stderr.contains("this one begins anew"), "{next}");
}
