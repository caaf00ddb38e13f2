use crate::support::Folder;

/// The folder that `alula new` writes, with snapshots on.
fn scaffold() -> Folder {
    let here = Folder::new(&[]);
    let outcome = here.alula(&["new", "calm"]);
    assert_eq!(outcome.code, 0, "{outcome}");
    here
}

fn with_snapshots(here: &Folder) {
    let path = here.join("calm/calm.test.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        text.replace("strategy: calm", "strategy: calm\nsnapshots: true"),
    )
    .unwrap();
}

fn snapshots(here: &Folder) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(here.join("calm/snapshots"))
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_new_strategy_passes_its_tests() {
    let here = scaffold();
    let outcome = here.alula(&["test", "calm"]);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert!(
        outcome.stdout.contains("  ✓ half the credit is taken\n"),
        "{outcome}"
    );
    assert!(outcome.stderr.contains("4 cases passed in 1 file"), "{outcome}");
}

#[test]
fn a_rule_that_changed_fails_with_the_reason_in_every_format() {
    let here = scaffold();
    let path = here.join("calm/calm.thresholds.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("vix_ceiling: 35 vol", "vix_ceiling: 29 vol")).unwrap();
    let human = here.alula(&["test", "calm/calm.alula", "--filter", "half"]);
    assert_eq!(human.code, 1, "{human}");
    for part in [
        "  ✗ half the credit is taken",
        "expected an order of `income.open`; it made none",
        "✗ VIX.last < vix_ceiling  (VIX.last 30 vol, vix_ceiling 29 vol)",
        "or if `vix_ceiling` were set above 30 vol (it is 29 vol)",
    ] {
        assert!(human.stdout.contains(part), "{part}\n{human}");
    }
    let json = here.alula(&["test", "calm", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let cases = value["files"][0]["cases"].as_array().unwrap();
    let failed: Vec<&str> = cases
        .iter()
        .filter(|c| c["passed"] == false)
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["half the credit is taken"]);
    let junit = here.alula(&["test", "calm", "--format", "junit"]);
    assert!(
        junit
            .stdout
            .contains("<testsuites name=\"alula\" tests=\"4\" failures=\"1\" errors=\"0\">"),
        "{junit}"
    );
    let github = here.alula(&["test", "calm", "--format", "github"]);
    assert!(
        github
            .stdout
            .starts_with("::error file=calm/calm.test.yaml,line="),
        "{github}"
    );
    assert!(
        github.stdout.lines().all(|l| l.starts_with("::error ")),
        "{github}"
    );
}

#[test]
fn a_snapshot_is_left_for_review_accepted_and_found_again() {
    let here = scaffold();
    with_snapshots(&here);
    let first = here.alula(&["test", "calm"]);
    assert_eq!(first.code, 1, "{first}");
    assert!(first.stderr.contains("4 snapshots to review"), "{first}");
    assert!(
        snapshots(&here).iter().all(|n| n.ends_with(".snap.new")),
        "{:?}",
        snapshots(&here)
    );
    let accepted = here.alula(&["test", "calm", "--accept"]);
    assert_eq!(accepted.code, 0, "{accepted}");
    assert!(
        snapshots(&here).iter().all(|n| n.ends_with(".snap")),
        "{:?}",
        snapshots(&here)
    );
    assert_eq!(here.alula(&["test", "calm"]).code, 0);

    // A threshold changes: the decisions that differ are told, with the part of the condition that made them.
    let path = here.join("calm/calm.thresholds.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("vix_ceiling: 35 vol", "vix_ceiling: 29 vol")).unwrap();
    let changed = here.alula(&["test", "calm", "--filter", "half"]);
    assert_eq!(changed.code, 1, "{changed}");
    for part in [
        "2024-01-16 15:45 ET  income.open\n",
        "  now:    called for nothing\n",
        "because ✓ VIX.last < vix_ceiling  (VIX.last 30 vol, vix_ceiling 35 vol)\n",
        "became  ✗ VIX.last < vix_ceiling  (VIX.last 30 vol, vix_ceiling 29 vol)\n",
    ] {
        assert!(changed.stdout.contains(part), "{part}\n{changed}");
    }
    std::fs::write(&path, text).unwrap();

    // A case that is gone leaves an orphan, which is told and deleted on request alone.
    let path = here.join("calm/calm.test.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("half the credit is taken", "profit")).unwrap();
    let orphan = here.alula(&["test", "calm", "--accept"]);
    assert!(orphan.stderr.contains("no case has the snapshot"), "{orphan}");
    assert_eq!(
        snapshots(&here).len(),
        6,
        "four, the orphan, and what was left of it for review"
    );
    here.alula(&["test", "calm", "--prune"]);
    assert_eq!(snapshots(&here).len(), 4);
}

#[test]
fn what_was_not_seen_is_named_and_strict_minds() {
    let here = scaffold();
    let page = here.join("page.html");
    let outcome = here.alula(&["test", "calm", "--strict", "--coverage-html", "page.html"]);
    assert_eq!(outcome.code, 1, "{outcome}");
    assert!(
        outcome.stdout.contains("never acted    income.stop (close)"),
        "{outcome}"
    );
    assert!(
        outcome.stdout.contains("  conditions true and false "),
        "{outcome}"
    );
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("<h1>Coverage of calm</h1>"), "{html}");
    let mutants = here.alula(&["mutate", "calm", "--min-score", "100"]);
    assert_eq!(mutants.code, 1, "{mutants}");
    assert!(
        mutants
            .stdout
            .contains("not noticed  rule `income.stop` was removed"),
        "{mutants}"
    );
}

#[test]
fn a_careless_call_is_told_what_to_do() {
    let here = scaffold();
    let nothing = Folder::new(&[("a.txt", "")]);
    assert!(
        nothing
            .alula(&["test"])
            .stderr
            .contains("`.` holds no `*.test.yaml` files")
    );
    let none = here.alula(&["test", "calm", "--filter", "zebra"]);
    assert_eq!(none.code, 2, "{none}");
    assert!(none.stderr.contains("no case has `zebra` in its name"), "{none}");
    let path = here.join("calm/calm.test.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("[income.open]", "[income.opne]")).unwrap();
    let wrong = here.alula(&["test", "calm"]);
    assert_eq!(wrong.code, 1, "{wrong}");
    assert!(
        wrong.stderr.contains("A0905") && wrong.stderr.contains("did you mean `income.open`?"),
        "{wrong}"
    );
}
