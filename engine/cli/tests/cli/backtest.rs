use crate::support::{CONDOR, Folder};
use std::collections::BTreeMap;
use std::path::Path;

/// Two months of the simulated market: enough for trades, short enough for a test.
const PERIOD: [&str; 4] = ["--from", "2023-01-03", "--to", "2023-02-28"];

fn backtest(here: &Folder, more: &[&str]) -> crate::support::Outcome {
    let mut args = vec!["backtest", "condor.alula"];
    args.extend(PERIOD);
    args.extend(more);
    here.alula(&args)
}

/// Every file below a folder by its relative path.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn a_first_run_needs_no_data_and_says_everywhere_that_it_is_simulated() {
    let here = Folder::new(&[("condor.alula", CONDOR)]);
    let outcome = backtest(&here, &["--out", "run"]);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert!(
        outcome.stdout.starts_with("condor  SIMULATED MARKET\n"),
        "{outcome}"
    );
    assert!(outcome.stdout.contains("The market is simulated."), "{outcome}");
    assert!(outcome.stdout.contains("alula why run --at "), "{outcome}");
    let page = here.read("run/report.html");
    assert!(page.contains("simulated market") && page.contains("</html>"));
    assert!(here.read("run/manifest.json").contains("\"simulated\": true"));
}

#[test]
fn the_same_inputs_give_the_same_folder_byte_for_byte_and_both_drivers_agree() {
    let here = Folder::new(&[("condor.alula", CONDOR)]);
    for (out, mode) in [("a", "batch"), ("b", "batch"), ("c", "streaming")] {
        assert_eq!(backtest(&here, &["--out", out, "--mode", mode]).code, 0);
    }
    let (a, b, c) = (
        tree(&here.join("a")),
        tree(&here.join("b")),
        tree(&here.join("c")),
    );
    assert!(a.len() > 5, "{:?}", a.keys());
    for (name, bytes) in &a {
        assert!(Some(bytes) == b.get(name), "{name} differs between two runs");
        // The manifest says which driver computed; nothing else may.
        if name != "manifest.json" {
            assert!(Some(bytes) == c.get(name), "{name} differs between the drivers");
        }
    }
}

#[test]
fn another_seed_is_another_market() {
    let here = Folder::new(&[("condor.alula", CONDOR)]);
    let hash = |seed: &str| {
        let outcome = backtest(
            &here,
            &["--out", &format!("run{seed}"), "--seed", seed, "--format", "json"],
        );
        let json: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(json["simulated"], true);
        json["data_hash"].as_str().unwrap().to_owned()
    };
    assert_ne!(hash("1"), hash("2"));
}

#[test]
fn a_folder_that_holds_something_else_is_not_touched_without_force() {
    let here = Folder::new(&[("condor.alula", CONDOR), ("mine/notes.txt", "keep")]);
    let outcome = backtest(&here, &["--out", "mine"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{outcome}");
    assert!(outcome.stderr.contains("`mine`"), "{outcome}");
    assert_eq!(tree(&here.join("mine")).len(), 1);
    let outcome = backtest(&here, &["--out", "condor.alula"]);
    assert_eq!(outcome.code, 2, "{outcome}");
    assert_eq!(here.read("condor.alula"), CONDOR);
}

#[test]
fn without_out_the_folder_is_named_after_strategy_and_inputs() {
    let here = Folder::new(&[("condor.alula", CONDOR)]);
    assert_eq!(backtest(&here, &[]).code, 0);
    let before = tree(&here.join("runs"));
    assert!(
        before.keys().all(|k| k.starts_with("condor-")),
        "{:?}",
        before.keys()
    );
    let again = backtest(&here, &[]);
    assert_eq!(again.code, 0, "the same run may be written again: {again}");
    assert!(tree(&here.join("runs")) == before);
}

#[test]
fn a_threshold_in_force_is_shown_with_its_default() {
    let here = Folder::new(&[
        ("condor.alula", CONDOR),
        (
            "condor.thresholds.yaml",
            "strategy: condor\nthresholds:\n  vix_ceiling: 15 vol\n",
        ),
    ]);
    let outcome = backtest(&here, &["--out", "run"]);
    assert_eq!(outcome.code, 0, "{outcome}");
    let page = here.read("run/report.html");
    assert!(page.contains("15 vol") && page.contains("35 vol"));
    here.write("condor.thresholds.yaml", "thresholds:\n  vix_ceiling: 15\n");
    let outcome = backtest(&here, &["--out", "run2"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{outcome}");
    assert!(
        outcome.stderr.contains("A0904") && !here.join("run2").exists(),
        "{outcome}"
    );
}

#[test]
fn what_cannot_run_says_why() {
    let here = Folder::new(&[("condor.alula", CONDOR), ("broken.alula", "alula 1\nnonsense\n")]);
    let outcome = here.alula(&["backtest", "broken.alula"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{outcome}");
    let outcome = here.alula(&["backtest", "condor.alula", "--data", "nowhere"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{outcome}");
    assert!(
        outcome.stderr.contains("there is no store at `nowhere`"),
        "{outcome}"
    );
    let outcome = here.alula(&[
        "backtest",
        "condor.alula",
        "--from",
        "2024-02-01",
        "--to",
        "2024-01-01",
    ]);
    assert_eq!(outcome.code, 2, "{outcome}");
    let outcome = here.alula(&[
        "backtest",
        "condor.alula",
        "--from",
        "1990-01-01",
        "--to",
        "1990-02-01",
    ]);
    assert_eq!(outcome.code, 2, "{outcome}");
    assert!(!here.join("runs").exists());
}

#[test]
fn recorded_chains_are_labelled_as_such_with_their_gaps() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !data.is_dir() {
        println!("skipped: {} absent", data.display());
        return;
    }
    let here = Folder::new(&[("condor.alula", CONDOR)]);
    let mut args = vec!["import".to_owned(), "--store".to_owned(), "spx".to_owned()];
    for day in ["0506", "0507", "0508", "0509", "0513", "0514"] {
        args.push(
            data.join(format!("spx_chain_2019/SPX_2019{day}.csv.gz"))
                .display()
                .to_string(),
        );
    }
    args.push(
        data.join("context/daily_context_2019-04-25_2019-06-28.csv")
            .display()
            .to_string(),
    );
    let outcome = here.alula(&args);
    assert_eq!(outcome.code, 0, "{outcome}");
    let outcome = here.alula(&["backtest", "condor.alula", "--data", "spx", "--out", "run"]);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert!(outcome.stdout.starts_with("condor  RECORDED DATA\n"), "{outcome}");
    assert!(
        outcome.stdout.contains("2019-05-10"),
        "the missing day is told: {outcome}"
    );
    assert!(!here.read("run/report.html").contains("simulated market</span>"));
    let verified = here.alula(&["verify", "run"]);
    assert_eq!(
        verified.code, 0,
        "the store of its name beside the run is found: {verified}"
    );
}

#[test]
fn a_missing_settlement_value_stops_the_run_and_leaves_no_folder() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/spx_chain_2019");
    if !data.is_dir() {
        println!("skipped: {} absent", data.display());
        return;
    }
    // Chains alone: nothing says at which level the index closed.
    let expiring = CONDOR
        .replace("nearest 45 dte in 35..55 dte", "nearest 2 dte in 1..3 dte")
        .replace("VIX.last < vix_ceiling", "SPX.last > 0 pts")
        .replace(
            "threshold vix_ceiling = 35 vol in 15..80 vol  /// no new condor at or above this VIX\n\n",
            "",
        );
    let here = Folder::new(&[("condor.alula", &expiring)]);
    let mut args = vec!["import".to_owned(), "--store".to_owned(), "spx".to_owned()];
    args.extend(
        ["0506", "0507", "0508", "0509"]
            .map(|d| data.join(format!("SPX_2019{d}.csv.gz")).display().to_string()),
    );
    assert_eq!(here.alula(&args).code, 0);
    let outcome = here.alula(&["backtest", "condor.alula", "--data", "spx", "--out", "run"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (4, ""), "{outcome}");
    assert!(
        outcome.stderr.contains("no settlement value for SPXW"),
        "{outcome}"
    );
    assert!(!here.join("run").exists());
}

#[test]
fn a_run_is_computed_again_and_agrees_tick_by_tick() {
    let here = Folder::new(&[("condor.alula", CONDOR)]);
    let outcome = backtest(&here, &["--out", "run"]);
    assert_eq!(outcome.code, 0, "{outcome}");
    let verified = here.alula(&["verify", "run"]);
    assert_eq!(verified.code, 0, "{verified}");
    for part in ["  ✓ batch ", "  ✓ streaming ", "  ✓ permuted ", "data hash"] {
        assert!(verified.stdout.contains(part), "{part}\n{verified}");
    }
    let nowhere = here.alula(&["verify", "run", "--data", "nowhere"]);
    assert_ne!(nowhere.code, 0, "{nowhere}");
}
