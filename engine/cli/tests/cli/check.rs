use crate::support::{CONDOR, Folder};
use insta::assert_snapshot;

const BROKEN: &str = "alula 1

strategy broken {
    capital  $100_000
    evaluate every 1 session in SPX.regular
}

signal hot = rsi(VIX.close, 14) > 70 vol
signal odd = VIX.clsoe > 20 vol

structure core = iron condor on SPX {
    expiry     nearest 45 dte in 35..55 dte
    short put  at 16 delta
    long put   50 pts below short put
    short call at 16 delta
    long call  50 pts above short call
}

policy income on core {
    open when hot and odd
         size 1 lot
    close take_profit when proft >= 50% of credit
}
";

#[test]
fn a_sound_strategy_gives_no_findings_and_leaves_with_0() {
    let here = Folder::new(&[("condor.alula", CONDOR)]);
    assert_snapshot!(here.alula(&["check", "condor.alula"]), @r"
    exit: 0
    --- stdout
    --- stderr
    checked 1 file: no findings
    ");
    assert_snapshot!(here.alula(&["check", "-q", "condor.alula"]), @r"
    exit: 0
    --- stdout
    --- stderr
    ");
}

#[test]
fn three_broken_items_give_three_errors_and_leave_with_1() {
    let here = Folder::new(&[("sub/broken.alula", BROKEN)]);
    assert_snapshot!(here.alula(&["check", "sub/broken.alula"]));
}

#[test]
fn the_json_sarif_and_github_forms_name_the_file_as_typed() {
    let here = Folder::new(&[("sub/broken.alula", BROKEN)]);
    let check = |format: &str| here.alula(&["check", "-q", "--format", format, "sub/broken.alula"]);
    assert_snapshot!(check("github"));
    let json: serde_json::Value = serde_json::from_str(&check("json").stdout).unwrap();
    assert_eq!(json["errors"], 3);
    assert_eq!(json["diagnostics"][0]["primary"]["file"], "sub/broken.alula");
    let sarif: serde_json::Value = serde_json::from_str(&check("sarif").stdout).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 3);
}

#[test]
fn several_files_make_one_document() {
    let here = Folder::new(&[("a.alula", BROKEN), ("b.alula", CONDOR), ("c.alula", BROKEN)]);
    let outcome = here.alula(&["check", "--format", "json", "a.alula", "b.alula", "c.alula"]);
    assert_eq!(outcome.code, 1);
    let json: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(json["errors"], 6);
    assert_eq!(json["diagnostics"][0]["primary"]["file"], "a.alula");
    assert_eq!(json["diagnostics"][5]["primary"]["file"], "c.alula");
}

#[test]
fn warnings_are_findings_only_when_denied() {
    let flapping = CONDOR.replace(
        "threshold vix_ceiling = 35 vol in 15..80 vol  /// no new condor at or above this VIX",
        "threshold vix_ceiling = 35 vol in 15..80 vol",
    );
    let here = Folder::new(&[("condor.alula", &flapping)]);
    assert_eq!(here.alula(&["check", "condor.alula"]).code, 0);
    assert_snapshot!(here.alula(&["check", "--deny-warnings", "condor.alula"]));
}

#[test]
fn the_thresholds_file_beside_the_strategy_is_checked_with_it() {
    let thresholds = "strategy: condor\nthresholds:\n  vix_cieling: 30 vol\n  vix_ceiling: 99 vol\n";
    let here = Folder::new(&[
        ("s/condor.alula", CONDOR),
        ("s/condor.thresholds.yaml", thresholds),
    ]);
    assert_snapshot!(here.alula(&["check", "s/condor.alula"]));
    here.write("good.yaml", "thresholds:\n  vix_ceiling: 30 vol\n");
    assert_eq!(
        here.alula(&["check", "s/condor.alula", "--thresholds", "good.yaml"])
            .code,
        0
    );
    assert_snapshot!(here.alula(&["check", "s/condor.alula", "--thresholds", "god.yaml"]), @r"
    exit: 2
    --- stdout
    --- stderr
    error: cannot read `god.yaml`: no such file or folder
      help: did you mean `good.yaml`?
    ");
}

#[test]
fn a_script_that_is_missing_or_does_not_fit_is_found_in_both_files() {
    let strategy = CONDOR.replace(
        "structure core",
        "script calm(vix: vol) -> bool from \"calm.rhai\"\nsignal quiet = calm(VIX.last)\n\nstructure core",
    );
    let strategy = strategy.replace(
        "open when VIX.last < vix_ceiling",
        "open when VIX.last < vix_ceiling and quiet",
    );
    let here = Folder::new(&[("condor.alula", &strategy)]);
    assert_snapshot!("script_missing", here.alula(&["check", "condor.alula"]));
    here.write("calm.rhai", "fn calm(vix) {\n    vix <\n}\n");
    assert_snapshot!("script_syntax", here.alula(&["check", "condor.alula"]));
    here.write("calm.rhai", "fn calm(vix) { vix < 20.0 }\n");
    assert_eq!(here.alula(&["check", "condor.alula"]).code, 0);
}

#[test]
fn imports_stay_in_the_folder_of_the_strategy() {
    let importing = CONDOR.replace(
        "alula 1\n",
        "alula 1\n\nimport \"../secret.alula\"\nimport \"link.alula\"\n",
    );
    let here = Folder::new(&[
        ("project/condor.alula", &importing),
        ("secret.alula", "alula 1\n"),
    ]);
    #[cfg(unix)]
    std::os::unix::fs::symlink("../secret.alula", here.join("project/link.alula")).unwrap();
    let outcome = here.alula(&["check", "project/condor.alula"]);
    assert_eq!(outcome.code, 1);
    #[cfg(unix)]
    assert_snapshot!(outcome);
}

#[test]
fn files_that_are_not_there_or_no_files_are_told_apart() {
    let here = Folder::new(&[("condor.alula", CONDOR)]);
    std::fs::create_dir(here.join("rules")).unwrap();
    assert_snapshot!(here.alula(&["check", "condro.alula"]), @r"
    exit: 2
    --- stdout
    --- stderr
    error: cannot read `condro.alula`: no such file or folder
      help: did you mean `condor.alula`?
    ");
    assert_snapshot!(here.alula(&["check", "rules"]), @r"
    exit: 2
    --- stdout
    --- stderr
    error: `rules` holds no `*.alula` files
      help: name a strategy, or a folder that has some
    ");
    assert_snapshot!(here.alula(&["check"]));
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_utf8_is_read_like_any_other() {
    use std::os::unix::ffi::OsStrExt as _;
    let here = Folder::new(&[]);
    let name = std::ffi::OsStr::from_bytes(b"con\xffdor.alula");
    if std::fs::write(here.join(name), CONDOR).is_err() {
        println!("skipped: this file system wants UTF-8");
        return;
    }
    let outcome = here.alula(&[std::ffi::OsStr::new("check"), name]);
    assert_eq!(outcome.code, 0, "{outcome}");
}

#[test]
fn bytes_that_are_no_text_give_a_finding_and_no_panic() {
    let here = Folder::new(&[]);
    std::fs::write(here.join("x.alula"), b"alula 1\n\xff\xfe\0\n").unwrap();
    std::fs::write(here.join("empty.alula"), b"").unwrap();
    for file in ["x.alula", "empty.alula"] {
        let outcome = here.alula(&["check", file]);
        assert_eq!(outcome.code, 1, "{outcome}");
        assert!(outcome.stdout.contains("error[A0"), "{outcome}");
    }
}

#[test]
fn standard_input_is_checked_too() {
    let here = Folder::new(&[]);
    assert_eq!(here.alula_with(&["check", "-"], CONDOR, &[]).code, 0);
    let outcome = here.alula_with(&["check", "-"], "nonsense", &[]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stdout.contains("<stdin>"), "{outcome}");
}

#[test]
fn the_certificate_says_what_a_lot_can_lose_and_names_what_has_no_bound() {
    let naked = CONDOR
        .replace("long call", "// long call")
        .replace("iron condor on", "legs on");
    let here = Folder::new(&[("condor.alula", CONDOR), ("naked.alula", &naked)]);
    assert_snapshot!(here.alula(&["check", "--certificate", "condor.alula"]));
    let found = here.alula(&["check", "--certificate", "naked.alula"]);
    assert_eq!(found.code, 1, "{found}");
    let named = "no bound: `short call` is sold, and nothing bought covers it";
    assert!(found.stdout.contains(named), "{found}");
    // A width that is promised is a number.
    here.write("exact.alula", &CONDOR.replace("about ", ""));
    let machine = here.alula(&["check", "--certificate", "--format", "json", "exact.alula"]);
    assert_eq!(machine.code, 0, "{machine}");
    let value: serde_json::Value = serde_json::from_str(&machine.stdout).unwrap();
    let certificate = &value["certificates"][0];
    let opened = &certificate["structures"][0]["packages"][0];
    assert_eq!(certificate["certified"], true);
    assert_eq!(
        (&opened["points_max"], &opened["dollars_a_lot_max"]),
        (&50.0.into(), &5000.0.into())
    );
    let naked = here.alula(&["check", "-q", "--certificate", "--format", "json", "naked.alula"]);
    assert_eq!(naked.code, 1, "{naked}");
    let value: serde_json::Value = serde_json::from_str(&naked.stdout).unwrap();
    let broken = &value["certificates"][0]["structures"][0]["packages"][0]["no_bound"][0];
    assert_eq!(
        (&broken["leg"], &broken["reason"]),
        (&"short call".into(), &"uncovered".into())
    );
    let sarif = here.alula(&["check", "--certificate", "--format", "sarif", "condor.alula"]);
    assert_eq!(sarif.code, 2, "{sarif}");
}

#[test]
fn what_must_hold_throughout_is_shrunk_kept_and_explained() {
    let tests = "cases:\n  - name: never more than none\n    series: {VIX: 16x6, SPX: 4500x3 4510 4520x2}\n    always: positions(core) = 0\n";
    let here = Folder::new(&[("condor.alula", CONDOR), ("condor.test.yaml", tests)]);
    let found = here.alula(&["test", "--keep", "condor.alula"]);
    assert_eq!(found.code, 1, "{found}");
    assert!(
        found.stdout.contains("always `positions(core) = 0`: was false"),
        "{found}"
    );
    assert!(
        found.stderr.contains("added 1 case to condor.test.yaml"),
        "{found}"
    );
    let kept = here.alula(&["test", "condor.alula", "--filter", "counter-example"]);
    assert_eq!(kept.code, 1, "{kept}");
    let why = here.alula(&[
        "why",
        "condor.test.yaml",
        "--case",
        "counter",
        "--at",
        "2024-01-16",
    ]);
    assert_eq!(why.code, 0, "{why}");
    assert!(why.stdout.contains("income.open"), "{why}");
    let unknown = here.alula(&["why", "condor.test.yaml", "--case", "odd", "--at", "2024-01-16"]);
    assert_eq!(unknown.code, 2, "{unknown}");
}
