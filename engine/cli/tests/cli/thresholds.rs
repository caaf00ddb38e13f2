use crate::support::{CONDOR, Folder};
use insta::assert_snapshot;
use serde_json::Value;

const TIGHT: &str = "strategy: condor\nthresholds:\n  vix_ceiling: 15 vol\n";

fn here() -> Folder {
    Folder::new(&[("condor.alula", CONDOR), ("tight.yaml", TIGHT)])
}

#[test]
fn values_are_shown_with_their_range_and_what_init_prints_reads_back() {
    let here = here();
    let shown = here.alula(&["thresholds", "show", "condor.alula"]);
    assert_eq!(shown.code, 0, "{shown}");
    let version =
        |text: &str| text.lines().next().unwrap().split_once("version ").unwrap().1[..12].to_owned();
    assert!(shown.stdout.contains("declared defaults"), "{shown}");
    assert!(
        shown
            .stdout
            .contains("vix_ceiling  35 vol  in 15 vol..80 vol  no new condor at or above this VIX"),
        "{shown}"
    );
    let init = here.alula(&["thresholds", "init", "condor.alula"]);
    here.write("condor.thresholds.yaml", &init.stdout);
    let again = here.alula(&["thresholds", "show", "condor.alula"]);
    assert_eq!(version(&again.stdout), version(&shown.stdout));
    assert!(again.stdout.contains("condor.thresholds.yaml"), "{again}");
    let json: Value = serde_json::from_str(
        &here
            .alula(&[
                "thresholds",
                "show",
                "condor.alula",
                "--thresholds",
                "tight.yaml",
                "--format",
                "json",
            ])
            .stdout,
    )
    .unwrap();
    assert_eq!(json["thresholds"][0]["value"], "15 vol");
    assert_eq!(json["thresholds"][0]["default"], "35 vol");
    assert_eq!(json["thresholds"][0]["from_file"], true);
}

#[test]
fn files_are_compared_with_each_other_or_with_the_values_in_force() {
    let here = here();
    assert_snapshot!(here.alula(&["thresholds", "diff", "condor.alula", "tight.yaml"]), @r"
    exit: 1
    --- stdout
      vix_ceiling  35 vol → 15 vol
    --- stderr
    ");
    let same = here.alula(&["thresholds", "diff", "condor.alula", "tight.yaml", "tight.yaml"]);
    assert_eq!(
        (same.code, same.stdout.as_str()),
        (0, "no difference: 1 threshold\n")
    );
    here.write("wild.yaml", "thresholds:\n  vix_ceiling: 99 vol\n");
    let wild = here.alula(&["thresholds", "diff", "condor.alula", "wild.yaml"]);
    assert_eq!(wild.code, 1);
    assert!(wild.stderr.contains("wild.yaml:2:16"), "{wild}");
}

#[test]
fn a_preview_names_each_decision_that_would_differ_and_the_condition_behind_it() {
    let here = here();
    let none = here.alula(&[
        "thresholds",
        "preview",
        "condor.alula",
        "tight.yaml",
        "--old",
        "tight.yaml",
    ]);
    assert_eq!(none.code, 0, "{none}");
    assert!(none.stdout.contains(" 0 differ"), "{none}");
    // No market has a VIX below 5: every open is gone.
    here.write("condor.alula", &CONDOR.replace("15..80", "5..80"));
    here.write("tight.yaml", &TIGHT.replace("15 vol", "5 vol"));
    let json = here.alula(&[
        "thresholds",
        "preview",
        "condor.alula",
        "tight.yaml",
        "--days",
        "10",
        "--format",
        "json",
    ]);
    assert_eq!(json.code, 1, "{json}");
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["simulated"], true);
    assert_eq!(json["changes"][0]["after"], "5 vol");
    let differ = json["differ"].as_array().unwrap();
    let gone: Vec<&Value> = differ.iter().filter(|d| d["rule"] == "income.open").collect();
    assert!(!gone.is_empty(), "{json:#}");
    for d in gone {
        assert_eq!(d["new"].as_array().unwrap().len(), 0);
        let because = d["because"][0].as_str().unwrap();
        assert!(
            because.starts_with("new: income.open: ✗ VIX.last < vix_ceiling"),
            "{because}"
        );
    }
    let text = here.alula(&[
        "thresholds",
        "preview",
        "condor.alula",
        "tight.yaml",
        "--days",
        "10",
        "--limit",
        "1",
    ]);
    assert!(text.stdout.starts_with("condor  SIMULATED MARKET\n"), "{text}");
}

#[test]
fn the_schema_has_a_form_for_each_value_and_takes_no_other_name() {
    let here = here();
    let schema: Value =
        serde_json::from_str(&here.alula(&["thresholds", "schema", "condor.alula"]).stdout).unwrap();
    let thresholds = &schema["properties"]["thresholds"];
    assert_eq!(thresholds["additionalProperties"], false);
    let ceiling = &thresholds["properties"]["vix_ceiling"];
    assert_eq!(ceiling["pattern"], r"^[-+]? *[0-9][0-9_]*(\.[0-9][0-9_]*)? *vol$");
    assert_eq!(ceiling["default"], "35 vol");
    assert_eq!(
        ceiling["description"],
        "no new condor at or above this VIX (15 vol..80 vol, default 35 vol)"
    );
}
