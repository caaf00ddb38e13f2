use crate::support::{CONDOR, Folder};
use serde_json::Value;

/// The condor with another exit.
fn calmer() -> String {
    CONDOR.replace("profit >= 50% of credit", "profit >= 40% of credit")
}

fn here() -> Folder {
    Folder::new(&[
        ("condor.alula", CONDOR),
        ("calmer.alula", &calmer()),
        ("wide.alula", &CONDOR.replace("core", "wide")),
        ("rich.alula", &CONDOR.replace("$100_000", "$200_000")),
    ])
}

#[test]
fn a_backtest_with_another_strategy_is_verified_from_its_folder_and_why_names_the_version() {
    let here = here();
    let run = here.alula(&[
        "backtest",
        "condor.alula",
        "--seed",
        "5",
        "--to",
        "2023-10-31",
        "--swap",
        "2023-06-01=calmer.alula",
        "--out",
        "run",
    ]);
    assert_eq!(run.code, 0, "{run}");
    assert!(run.stdout.contains("strategy: changed once"), "{run}");
    let table = here.read("run/strategies.csv");
    assert!(table.contains("rule `income.take_profit` is changed"), "{table}");
    let again = here.alula(&["verify", "run"]);
    assert_eq!(again.code, 0, "{again}");
    assert!(
        again.stdout.contains("batch"),
        "whole columns can do it too: {again}"
    );
    for (at, version, percent) in [("2023-05-15", 1, "50%"), ("2023-09-05", 2, "40%")] {
        let why = here.alula(&["why", "run", "--at", at, "income.take_profit", "--format", "json"]);
        let value: Value = serde_json::from_str(&why.stdout).unwrap();
        assert_eq!(value["strategy_version"], version, "{why}");
        let why = here.alula(&["why", "run", "--at", at, "income.take_profit"]);
        assert!(
            why.stdout.contains(percent) || why.stdout.contains("none was open"),
            "{why}"
        );
        assert!(
            why.stdout.contains(&format!("strategy version {version}")),
            "{why}"
        );
    }
    // What was changed in the folder is found.
    let name = here.read("run/strategies.csv");
    let name = name.lines().nth(2).unwrap().split(',').nth(4).unwrap().to_owned();
    here.write(&format!("run/inputs/{name}"), CONDOR);
    assert_ne!(here.alula(&["verify", "run"]).code, 0);
}

#[test]
fn a_structure_that_ends_needs_a_word_about_its_positions() {
    let here = here();
    let swap = [
        "backtest",
        "condor.alula",
        "--seed",
        "5",
        "--to",
        "2023-10-31",
        "--swap",
        "2023-06-01=wide.alula",
    ];
    let run = here.alula(&swap);
    assert_eq!(run.code, 2, "{run}");
    assert!(run.stderr.contains("positions of `core` are open"), "{run}");
    for how in ["keep", "close"] {
        let out = format!("run-{how}");
        let run = here.alula(&[&swap[..], &["--positions", how, "--out", &out]].concat());
        assert_eq!(run.code, 0, "{run}");
        assert!(
            here.read(&format!("{out}/strategies.csv"))
                .contains(&format!("core {how}"))
        );
        let again = here.alula(&["verify", &out]);
        assert_eq!(again.code, 0, "{again}");
    }
    let rich = here.alula(&[
        "backtest",
        "condor.alula",
        "--seed",
        "5",
        "--to",
        "2023-10-31",
        "--swap",
        "2023-06-01=rich.alula",
    ]);
    assert!(
        rich.stderr.contains("`capital` of the strategy changes"),
        "{rich}"
    );
}

#[test]
fn rules_diff_and_preview_say_what_would_be() {
    let here = here();
    let same = here.alula(&["rules", "diff", "condor.alula", "condor.alula"]);
    assert_eq!(
        (same.code, same.stdout.as_str()),
        (0, "both say the same\n"),
        "{same}"
    );
    let diff = here.alula(&["rules", "diff", "condor.alula", "wide.alula"]);
    assert_eq!(diff.code, 1, "{diff}");
    assert!(
        diff.stdout
            .contains("structure `core` is dropped: to be confirmed"),
        "{diff}"
    );
    let preview = here.alula(&[
        "rules",
        "preview",
        "condor.alula",
        "calmer.alula",
        "--days",
        "120",
    ]);
    assert_eq!(preview.code, 1, "{preview}");
    assert!(
        preview.stdout.contains("rule `income.take_profit` is changed"),
        "{preview}"
    );
    assert!(preview.stdout.contains("differ"), "{preview}");
}

/// Saved while it runs: taken, journaled, and computed again from the journal alone.
#[cfg(unix)]
#[test]
fn a_saved_strategy_is_taken_by_a_run_under_way_and_replayed_from_its_journal() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;
    // Seven ticks in a session, so that it takes its time; a night takes none.
    let hourly = |text: &str| text.replace("every 1 session", "every 60m");
    let here = here();
    here.write("condor.alula", &hourly(CONDOR));
    let mut child = crate::support::command()
        .args([
            "run",
            "condor.alula",
            "--speed",
            "14400x",
            "--seed",
            "5",
            "--format",
            "json",
        ])
        .args(["--state", "state", "--out", "live"])
        .current_dir(here.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map(|l| serde_json::from_str::<Value>(&l.unwrap()).unwrap());
    let mut until = |event: &str| {
        let found = lines.find(|v| v["event"] == event);
        found.unwrap_or_else(|| panic!("the run ended before `{event}`"))
    };
    until("tick");
    here.write("condor.alula", "alula 1\n\nstragety condor {\n");
    let refused = until("strategy_rejected");
    assert!(
        refused["why"]
            .as_str()
            .unwrap()
            .contains("condor.alula:3: `{` is never closed"),
        "{refused}"
    );
    here.write("condor.alula", &hourly(&calmer()));
    let taken = until("strategy_accepted");
    assert!(
        taken["changes"].to_string().contains("income.take_profit"),
        "{taken}"
    );
    here.write(
        "condor.alula",
        &hourly(&calmer()).replace("    close take_profit when profit >= 40% of credit\n", ""),
    );
    let waits = until("strategy_waits");
    assert!(
        waits["drops"].to_string().contains("income.take_profit"),
        "{waits}"
    );
    let digest = waits["sha256"].as_str().unwrap()[..10].to_owned();
    let wrong = here.alula(&["ctl", "confirm", "state/condor", "0123456789"]);
    assert_eq!(wrong.code, 2, "{wrong}");
    let said = here.alula(&["ctl", "confirm", "state/condor", &digest]);
    assert_eq!(said.code, 0, "{said}");
    until("strategy_accepted");
    until("tick");
    let stop = here.alula(&["ctl", "stop", "state/condor"]);
    assert_eq!(stop.code, 0, "{stop}");
    for _ in lines.by_ref() {}
    assert!(child.wait().unwrap().success());
    assert_eq!(here.alula(&["verify", "live"]).code, 0);
    let journal = std::fs::read_dir(here.join("state/condor"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "redb"))
        .unwrap();
    let replay = here.alula(&["replay", journal.to_str().unwrap()]);
    assert_eq!(replay.code, 0, "{replay}");
    // Gone on with: it begins with what the journal holds, and finds the files as they are in force.
    let resumed = here.alula(&[
        "run",
        "condor.alula",
        "--speed",
        "max",
        "--state",
        "state",
        "--resume",
        "--out",
        "resumed",
    ]);
    assert_eq!(resumed.code, 0, "{resumed}");
    assert!(
        !resumed.stdout.contains("refused"),
        "a thresholds file that there never was is not missing: {resumed}"
    );
    assert!(
        here.read("resumed/strategies.csv").lines().count() == 4,
        "{resumed}"
    );
    assert_eq!(here.alula(&["verify", "resumed"]).code, 0);
}
