//! `alula sweep`.

use crate::support::{CONDOR, Folder};
use serde_json::Value;

fn folder() -> Folder {
    Folder::new(&[("condor.alula", CONDOR)])
}

const A_QUARTER: [&str; 2] = ["--to", "2023-03-31"];

fn sweep<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec!["sweep", "condor.alula", "--vary", "vix_ceiling=16..20:2"];
    all.extend(A_QUARTER);
    all.extend(more);
    all
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn each_point_is_the_backtest_of_its_values() {
    let folder = folder();
    let shown = folder.alula(&sweep(&["--format", "json"]));
    assert_eq!(shown.code, 0, "{shown}");
    let found = document(&shown.stdout);
    let points = found["points"].as_array().unwrap();
    assert_eq!(points.len(), 3);
    for (at, ceiling) in [(0, 16), (2, 20)] {
        let thresholds = format!("strategy: condor\nthresholds:\n  vix_ceiling: {ceiling} vol\n");
        folder.write("t.yaml", &thresholds);
        let mut alone = vec![
            "backtest",
            "condor.alula",
            "--thresholds",
            "t.yaml",
            "--format",
            "json",
        ];
        alone.extend(A_QUARTER);
        let alone = folder.alula(&alone);
        assert_eq!(alone.code, 0, "{alone}");
        let alone = document(&alone.stdout);
        let figures = &points[at]["figures"];
        // A summary writes dollars as text, to the cent.
        for (key, of) in [("pnl", "share"), ("natural", "natural"), ("mid", "mid")] {
            let dollars = figures[key].as_f64().unwrap();
            assert_eq!(Some(format!("{dollars:.2}").as_str()), alone["pnl"][of].as_str());
        }
    }
}

#[test]
fn parts_run_anywhere_and_join_to_the_same_bytes() {
    let folder = folder();
    let whole = folder.alula(&sweep(&["--json", "whole.json", "--jobs", "1"]));
    assert_eq!(whole.code, 0, "{whole}");
    for part in ["1/3", "2/3", "3/3"] {
        let name = format!("part{}.json", &part[..1]);
        let shown = folder.alula(&sweep(&["--shard", part, "--json", &name]));
        assert_eq!(shown.code, 0, "{shown}");
    }
    let join = [
        "sweep",
        "--join",
        "part3.json",
        "part1.json",
        "part2.json",
        "--json",
        "joined.json",
    ];
    let joined = folder.alula(&join);
    assert_eq!(joined.code, 0, "{joined}");
    assert_eq!(joined.stdout, whole.stdout);
    let text = |name| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(text("whole.json"), text("joined.json"));
    let missing = folder.alula(&["sweep", "--join", "part3.json", "part1.json"]);
    assert_eq!(missing.code, 3, "{missing}");
    assert!(missing.stderr.contains("1 of 3 points are missing"), "{missing}");
}

#[test]
fn sessions_held_out_have_no_part_in_the_choice() {
    let folder = folder();
    let shown = folder.alula(&sweep(&["--hold-out", "30%", "--csv", "all.csv"]));
    assert_eq!(shown.code, 0, "{shown}");
    for part in [
        "SIMULATED MARKET",
        "had no part in the choice",
        "tries without skill",
        "P&L after",
    ] {
        assert!(shown.stdout.contains(part), "{part}: {shown}");
    }
    let csv = std::fs::read_to_string(folder.join("all.csv")).unwrap();
    assert_eq!(csv.lines().count(), 4, "{csv}");
    // The two parts of a run are the run.
    let all = document(&folder.alula(&sweep(&["--format", "json"])).stdout);
    let cut = document(
        &folder
            .alula(&sweep(&["--hold-out", "30%", "--format", "json"]))
            .stdout,
    );
    let pnl = |d: &Value, part: &str| d["points"][1][part]["pnl"].as_f64().unwrap();
    let sum = pnl(&cut, "figures") + pnl(&cut, "after");
    assert!((sum - pnl(&all, "figures")).abs() < 1e-6);
}

#[test]
fn what_cannot_be_swept_is_refused_in_words() {
    let folder = folder();
    let refused = |args: &[&str], part: &str| {
        let shown = folder.alula(args);
        assert_eq!(shown.code, 2, "{shown}");
        assert!(shown.stderr.contains(part), "{part}: {shown}");
    };
    refused(&["sweep", "condor.alula"], "--vary");
    refused(
        &["sweep", "condor.alula", "--vary", "vix=1"],
        "the strategy declares vix_ceiling",
    );
    refused(
        &["sweep", "condor.alula", "--vary", "vix_ceiling=5 vol"],
        "below the range",
    );
    refused(&sweep(&["--shard", "4/3"]), "second of eight");
    refused(&sweep(&["--hold-out", "most"]), "neither a share nor a day");
    refused(&sweep(&["--hold-out", "2031-01-01"]), "no session to choose on");
    refused(&sweep(&["--join", "a.json"]), "cannot be used with");
    folder.write("a.json", "{\"format\": 1");
    let shown = folder.alula(&["sweep", "--join", "a.json"]);
    assert_eq!(shown.code, 3, "{shown}");
}
