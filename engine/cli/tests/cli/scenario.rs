//! `alula scenario`.

use crate::support::{CONDOR, Folder};
use serde_json::Value;

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap()
}

#[test]
fn a_package_before_entry_is_shown_over_the_grid_with_margin_by_every_rulebook() {
    let folder = Folder::new(&[("condor.alula", CONDOR)]);
    let shown = folder.alula(&[
        "scenario",
        "condor.alula",
        "--at",
        "2023-03-01",
        "--lots",
        "10",
        "--vol",
        "0",
        "--spot",
        "-60,0,60",
        "--days",
        "0,90",
        "--format",
        "json",
        "--svg",
        "heat.svg",
    ]);
    assert_eq!(shown.code, 0, "{shown}");
    let document: Value = serde_json::from_str(&shown.stdout).unwrap();
    let cells = document["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 6);
    // By hand: ten condors of 50 points, after expiry beyond a wing the credit less the width is lost, whichever the wing, and
    // nothing is left to require a margin.
    let credit = -number(&document["now"], "profit");
    assert!(
        credit > 0.0 && credit < 5_000.0,
        "crossing costs something: {credit}"
    );
    let far: Vec<f64> = [3, 5].iter().map(|i| number(&cells[*i], "profit")).collect();
    assert!(
        (far[0] - far[1]).abs() < 0.01 && far[0] < -30_000.0 && far[0] > -50_000.0,
        "{far:?}"
    );
    assert!(number(&cells[4], "profit") > 0.0);
    assert_eq!(cells[4]["margin"]["cboe"].as_f64(), Some(0.0));
    assert_eq!(cells[1]["margin"]["cboe"].as_f64(), Some(50_000.0));
    assert!(number(&cells[1]["margin"], "portfolio") < 50_000.0);
    assert!(document["simulated"] == true && document["break_evens"][0]["levels"].is_array());
    let svg = std::fs::read_to_string(folder.join("heat.svg")).unwrap();
    assert!(svg.contains("simulated market") && svg.matches("<g ").count() == 2);
}

#[test]
fn what_a_run_held_is_shifted_and_careless_input_is_refused() {
    let folder = Folder::new(&[("condor.alula", CONDOR)]);
    assert_eq!(
        folder
            .alula(&["backtest", "condor.alula", "--to", "2023-03-01", "--out", "run"])
            .code,
        0
    );
    let shown = folder.alula(&["scenario", "run", "--at", "2023-02-01", "--format", "json"]);
    assert_eq!(shown.code, 0, "{shown}");
    let document: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert!(!document["held"].as_array().unwrap().is_empty());
    assert_eq!(document["now"]["profit"].as_f64(), Some(0.0));
    let text = folder.alula(&["scenario", "run", "--at", "2023-02-01"]);
    for part in [
        "after 0 days: profit",
        "break-evens",
        "margin over the grid",
        "calls in",
    ] {
        assert!(text.stdout.contains(part), "{text}");
    }
    for (wrong, words) in [
        (&["scenario", "run", "--at", "1999-01-01"][..], "no snapshot"),
        (&["scenario", "run", "--vol", "x"], "`x` is not a value"),
        (
            &["scenario", "condor.alula", "--structure", "cor"],
            "no structure `cor`",
        ),
        (
            &["scenario", "condor.alula", "--path", "5 0 0, 1 0 0"],
            "back in time",
        ),
        (&["scenario", "nothing.alula"], "no such file"),
    ] {
        let refused = folder.alula(wrong);
        assert_eq!(refused.code, 2, "{refused}");
        assert!(refused.stderr.contains(words), "{refused}");
    }
}

#[test]
fn an_event_is_projected_from_its_past_reactions_or_refused() {
    let folder = Folder::new(&[("condor.alula", CONDOR)]);
    let shown = folder.alula(&[
        "scenario",
        "condor.alula",
        "--at",
        "2024-11-01",
        "--event",
        "fomc",
    ]);
    assert_eq!(shown.code, 0, "{shown}");
    assert!(
        shown.stdout.contains("past reactions") && shown.stdout.contains("FOMC: "),
        "{shown}"
    );
    // Closes from before the first snapshot count: a month into the chains there have been meetings enough.
    let early = folder.alula(&[
        "scenario",
        "condor.alula",
        "--at",
        "2023-02-15",
        "--event",
        "FOMC",
    ]);
    assert_eq!(early.code, 0, "{early}");
    assert!(early.stdout.contains("past reactions"), "{early}");
    let unknown = folder.alula(&["scenario", "condor.alula", "--event", "EARNINGS"]);
    assert_eq!(unknown.code, 3, "{unknown}");
}
