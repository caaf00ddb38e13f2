use crate::support::{CONDOR, Folder, Outcome};

/// A run over the first weeks of the simulated market.
fn run(thresholds: &str) -> Folder {
    run_of(CONDOR, thresholds)
}

fn run_of(strategy: &str, thresholds: &str) -> Folder {
    let here = Folder::new(&[("condor.alula", strategy), ("condor.thresholds.yaml", thresholds)]);
    let period = ["--from", "2023-01-03", "--to", "2023-02-10"];
    let outcome = here.alula(&[&["backtest", "condor.alula", "--out", "run"][..], &period].concat());
    assert_eq!(outcome.code, 0, "{outcome}");
    here
}

fn why(here: &Folder, args: &[&str]) -> Outcome {
    here.alula(&[&["why", "run"][..], args].concat())
}

#[test]
fn a_decision_is_explained_with_the_values_it_read() {
    let here = run("thresholds:\n  vix_ceiling: 80 vol\n");
    let outcome = why(&here, &["--at", "2023-01-03", "income.open"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{outcome}");
    for words in [
        "simulated market",
        "the condition held",
        "✓ VIX.last < vix_ceiling",
        "vix_ceiling 80 vol",
        "filled at 2023-01-04 15:45 ET",
    ] {
        assert!(outcome.stdout.contains(words), "`{words}`: {outcome}");
    }
}

#[test]
fn the_absence_of_a_decision_is_explained_with_the_smallest_change_that_flips_it() {
    // No simulated January has seen a VIX of 80.
    let panic_only = CONDOR.replace("VIX.last < vix_ceiling", "VIX.last > vix_ceiling");
    let here = run_of(&panic_only, "thresholds:\n  vix_ceiling: 80 vol\n");
    let outcome = why(&here, &["--at", "2023-01-03", "income.open"]);
    for words in [
        "the condition did not hold",
        "✗ VIX.last > vix_ceiling",
        "VIX.last were > 80 vol",
        "`vix_ceiling` were set below",
    ] {
        assert!(outcome.stdout.contains(words), "`{words}`: {outcome}");
    }
}

#[test]
fn without_a_key_the_rules_that_called_for_nothing_get_one_line_each() {
    let here = run("thresholds:\n  vix_ceiling: 80 vol\n");
    let outcome = why(&here, &["--at", "2023-01-06T15:45"]);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert!(outcome.stdout.contains("called for nothing\n"), "{outcome}");
    assert!(
        outcome
            .stdout
            .contains("✗ income.take_profit #1: profit >= 50% of credit"),
        "{outcome}"
    );
    assert!(!outcome.stdout.contains("profit were"), "{outcome}");
    assert!(
        why(&here, &["-v", "--at", "2023-01-06T15:45"])
            .stdout
            .contains("profit were")
    );
}

#[test]
fn the_json_form_has_every_condition() {
    let here = run("thresholds:\n  vix_ceiling: 80 vol\n");
    let outcome = why(&here, &["--at", "2023-01-06", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(json["simulated"], true);
    assert_eq!(json["rules"][0]["key"], "income.open");
    assert_eq!(json["rules"][0]["condition"]["conjuncts"][0]["value"], true);
    assert_eq!(json["rules"][1]["position"], 1);
}

#[test]
fn a_time_without_a_tick_or_a_name_without_a_rule_says_what_there_is() {
    let here = run("thresholds:\n  vix_ceiling: 80 vol\n");
    let outcome = why(&here, &["--at", "2023-01-07"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{outcome}");
    assert!(
        outcome
            .stderr
            .contains("2023-01-06 15:45 ET and 2023-01-09 15:45 ET"),
        "{outcome}"
    );
    let outcome = why(&here, &["--at", "2023-01-06T16:10", "income.open"]);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert!(outcome.stderr.contains("the last one before it"), "{outcome}");
    let outcome = why(&here, &["--at", "2023-01-06", "income.opne"]);
    assert_eq!(outcome.code, 2, "{outcome}");
    assert!(outcome.stderr.contains("income.take_profit"), "{outcome}");
    assert_eq!(why(&here, &["--at", "last week"]).code, 2);
}

#[test]
fn a_run_that_was_changed_or_is_none_is_refused() {
    let here = run("thresholds:\n  vix_ceiling: 80 vol\n");
    let text = here.read("run/rules.csv").replace("income", "outcome");
    here.write("run/rules.csv", &text);
    let outcome = why(&here, &["--at", "2023-01-06"]);
    assert_eq!(outcome.code, 2, "{outcome}");
    assert!(outcome.stderr.contains("rules.csv"), "{outcome}");
    for other in ["nowhere", ".", "condor.alula"] {
        let outcome = here.alula(&["why", other, "--at", "2023-01-06"]);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (2, ""),
            "{other}: {outcome}"
        );
    }
}

#[test]
fn the_closest_misses_of_a_run_are_listed_nearest_first() {
    let panic_only = CONDOR.replace("VIX.last < vix_ceiling", "VIX.last > vix_ceiling");
    let here = run_of(&panic_only, "thresholds:\n  vix_ceiling: 80 vol\n");
    let outcome = why(&here, &["--near=3", "income.open", "--format", "json"]);
    assert_eq!(outcome.code, 0, "{outcome}");
    let value: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let misses = value["misses"].as_array().unwrap();
    let distances: Vec<f64> = misses.iter().map(|m| m["distance"].as_f64().unwrap()).collect();
    assert!(!distances.is_empty() && distances.is_sorted(), "{outcome}");
    assert!(misses.iter().all(|m| m["key"] == "income.open"), "{outcome}");
    let neither = why(&here, &[]);
    assert_eq!(neither.code, 2, "{neither}");
}

#[test]
fn a_value_that_is_too_old_is_said_to_be_missing_and_a_case_is_explained_at_its_last_tick() {
    let rule = CONDOR.replace("VIX.last < vix_ceiling", "VIX.close < vix_ceiling");
    let case = "strategy: condor\ndefaults:\n  start: 2024-01-16\n  chain: {SPX: flat 16 vol}\ncases:\n  - name: no close\n    before: {VIX: 16 _}\n    series: {VIX: _}\n    \
                at: first\n    orders: []\n    unknown: [income.open]\n";
    let here = Folder::new(&[("condor.alula", &rule), ("condor.test.yaml", case)]);
    let found = here.alula(&["why", "condor.test.yaml", "--case", "no close", "income.open"]);
    assert_eq!(found.code, 0, "{found}");
    assert!(found.stdout.contains("the condition was unknown"), "{found}");
    assert!(
        found.stdout.contains("? VIX.close < vix_ceiling") && found.stdout.contains("missing: stale"),
        "{found}"
    );
    assert!(!found.stdout.contains("✓ VIX.close"), "{found}");
}
