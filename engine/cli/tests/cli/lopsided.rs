//! On the real binary: legs that fill apart at the simulated broker, quotes that stand still, a strategy that changes while an
//! order is at work.
#![cfg(target_os = "linux")]

use crate::kills::{BUSY, busy, compare, going_on, replays, said, start};
use crate::plugin::here;
use crate::support::Folder;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::Child;

const SHORT: [&str; 2] = ["--to", "2023-01-06"];

/// A run's events as they come.
fn events(child: &mut Child) -> impl Iterator<Item = Value> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines
        .map_while(Result::ok)
        .filter_map(|l| serde_json::from_str(&l).ok())
}

fn is(event: &Value, name: &str) -> bool {
    event["event"] == name
}

fn json(folder: &Folder, args: &[&str]) -> Value {
    let done = here(folder, args);
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn legs_that_fill_apart_are_set_apart_and_repaired_by_a_word() {
    let folder = busy();
    // Slow enough for a dozen words; every order of more than one leg parts.
    let slow = [
        "--to",
        "2023-01-05",
        "--speed",
        "3600x",
        "--broker-set",
        "apart_rate=1",
    ];
    let args = going_on(&slow);
    let mut child = start(&folder, &args, &[]);
    let mut events = events(&mut child);
    let alert = events.find(|e| is(e, "alert") && e["text"].to_string().contains("no whole package"));
    assert!(alert.is_some(), "{}", folder.read("stderr"));
    let status = json(&folder, &["ctl", "status", "journals/busy"]);
    let row = &status["quarantine"][0];
    assert_eq!(
        (row["structure"].as_str(), row["ways"][1].as_str()),
        (Some("core"), Some("close"))
    );
    assert!(!row["there"].as_array().unwrap().is_empty());
    let order = row["order"].as_str().unwrap().to_owned();
    let list = here(&folder, &["ctl", "repair", "journals/busy"]);
    assert!(
        list.stdout.contains(&order) && list.stdout.contains("--confirm"),
        "{list}"
    );
    let asked = here(&folder, &["ctl", "repair", "journals/busy", &order, "close"]);
    assert!(asked.stdout.contains("nothing is done yet"), "{asked}");
    let silent = here(
        &folder,
        &["ctl", "repair", "journals/busy", &order, "close", "--confirm"],
    );
    assert!(silent.stderr.contains("needs its reason"), "{silent}");
    let held = here(
        &folder,
        &[
            "ctl",
            "repair",
            "journals/busy",
            &order,
            "gone",
            "--confirm",
            "--why",
            "i think so",
        ],
    );
    assert!(held.stderr.contains("the broker holds"), "{held}");
    let done = here(
        &folder,
        &[
            "ctl",
            "repair",
            "journals/busy",
            &order,
            "close",
            "--confirm",
            "--why",
            "a wing never filled",
        ],
    );
    assert_eq!(done.code, 0, "{done}");
    assert!(events.any(|e| is(&e, "alert") && e["text"].to_string().contains("orders close them")));
    assert!(events.any(|e| is(&e, "ended")), "{}", folder.read("stderr"));
    drop(events);
    assert!(child.wait().unwrap().success());
    let told = here(
        &folder,
        &["journal", "show", "journals/busy", "--kind", "operator"],
    );
    assert!(
        told.stdout.contains(&order) && told.stdout.contains("a wing never filled"),
        "{told}"
    );
    compare(&folder);
    replays(&folder);
    let ended = here(&folder, &["ctl", "status", "journals/busy"]);
    assert_eq!(ended.code, 1, "{ended}");
    assert!(
        ended.stdout.contains("\"status\": \"ended\"") && ended.stdout.contains("the feed ended"),
        "{ended}"
    );
}

#[test]
fn a_strategy_that_changes_while_orders_are_at_work_loses_and_doubles_none() {
    // The same structure with another exit; and another structure, so that the orders are of one that ends.
    let other = BUSY.replace("core", "wide");
    for (text, how) in [
        (BUSY.replace("8% of credit", "9% of credit"), None),
        (other, Some("keep")),
    ] {
        let folder = busy();
        let slow = ["--speed", "20000x", "--broker-set", "latency_rounds=3"];
        let mut child = start(&folder, &going_on(&[&SHORT[..], &slow].concat()), &[]);
        let mut events = events(&mut child);
        assert!(events.any(|e| is(&e, "order")));
        folder.write("busy.alula", &text);
        if let Some(how) = how {
            let told = events.find(|e| is(e, "strategy_waits")).unwrap();
            let digest = told["sha256"].as_str().unwrap().to_owned();
            let word = here(
                &folder,
                &["ctl", "confirm", "journals/busy", &digest, "--positions", how],
            );
            assert_eq!(word.code, 0, "{word}");
        }
        let ended = events.find(|e| is(e, "ended")).unwrap();
        assert_eq!(ended["never_in_force"], serde_json::json!([]), "{ended}");
        drop(events);
        assert!(child.wait().unwrap().success(), "{}", folder.read("stderr"));
        compare(&folder);
        let all = said(&folder);
        // Each order ended under the structure that it was meant for.
        let own: Vec<&str> = all.intents.values().map(|i| i.group.as_str()).collect();
        assert!(own.contains(&"core"), "{own:?}");
        assert!(how.is_none() || own.contains(&"wide"), "{own:?}");
        let table = folder.read("out/strategies.csv");
        assert_eq!(table.lines().count(), 3, "{table}");
        replays(&folder);
    }
}

#[test]
fn quotes_that_stand_still_halt_opening_until_they_are_fresh() {
    let folder = busy();
    // From 11:00 to 13:30 in New York on the second day.
    let frozen = "frozen=1672848000 1672857000";
    let args = "run busy.alula --broker paper --feed broker --state st --broker-deadline 300 --speed max --years 1 --plain --seed 5 \
                --to 2023-01-05 --out live --format json";
    let mut args: Vec<&str> = args.split_whitespace().collect();
    args.extend(["--broker-set", frozen]);
    let done = here(&folder, &args);
    assert_eq!(done.code, 0, "{done}");
    let events: Vec<Value> = done
        .stdout
        .lines()
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect();
    let at = |words: &str| {
        let told = events
            .iter()
            .position(|e| is(e, "alert") && e["text"].to_string().contains(words));
        told.unwrap_or_else(|| panic!("{words}: {done}"))
    };
    let (old, fresh) = (at("are too old"), at("quotes are fresh again"));
    assert!(old < fresh);
    let opened = |rows: &[Value]| {
        rows.iter()
            .filter(|e| is(e, "order") && e["kind"] == "open")
            .count()
    };
    assert_eq!(opened(&events[old..fresh]), 0);
    assert!(events[fresh..].iter().any(|e| is(e, "tick")));
    assert!(
        events[old..fresh].iter().any(|e| is(e, "tick")),
        "it goes on turning"
    );
}
