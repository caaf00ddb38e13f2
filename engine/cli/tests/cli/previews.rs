//! Previews on the account of a run whose orders a broker fills: only its newest tick is decided anew, nothing is sent, nothing is
//! pushed, and neither the journal nor the account is another one afterwards. Of a run that has ended, and of one under way.
#![cfg(target_os = "linux")]

use crate::broker::{paper, trusted};
use crate::kills::{BUSY, account, going_on, said, signal, start, store};
use crate::plugin::here;
use crate::support::{Folder, Outcome};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};

/// It opens at every tick.
fn eager() -> Folder {
    let rules = BUSY
        .replace("up to 4 positions", "up to 40 positions")
        .replace("size 3 lots", "size 1 lot")
        .replace("in 15..80 vol", "in 5..80 vol");
    let folder = Folder::new(&[("busy.alula", &rules)]);
    folder.write(
        "never.alula",
        &rules.replace("VIX.last < vix_ceiling", "VIX.last < 5 vol"),
    );
    folder.write("same.alula", &rules);
    // No market has a VIX below five.
    let low = "strategy: busy\nthresholds:\n  vix_ceiling: 5 vol\n...\n";
    folder.write("low.yaml", low);
    trusted(&folder, &paper(), "paper");
    folder
}

/// Asks for a preview; what it says, as JSON, and how it left.
fn preview(folder: &Folder, args: &[&str]) -> (Value, Outcome) {
    let own = ["--state", "journals/busy", "--data", store(), "--format", "json"];
    let done = here(folder, &[args, &own].concat());
    let value = serde_json::from_str(&done.stdout).unwrap_or(Value::Null);
    (value, done)
}

/// One decision differs, at the newest tick: what was opened is not.
fn only_the_newest_opening(value: &Value, done: &Outcome) {
    assert_eq!(done.code, 1, "{done}");
    let at = |path: &str| value.pointer(path).unwrap_or(&Value::Null);
    let count = |path: &str| at(path).as_array().map(Vec::len);
    assert_eq!(count("/differ"), Some(1), "{value:#}");
    assert_eq!(at("/differ/0/rule"), "income.open", "{value:#}");
    let old = at("/differ/0/old/0").as_str().unwrap_or_default();
    assert!(old.contains("open 1 lot"), "{value:#}");
    assert_eq!(count("/differ/0/new"), Some(0), "{value:#}");
}

/// Whatever the journals and the broker's account say of orders.
fn everything(folder: &Folder) -> String {
    let (said, account) = (said(folder), account(folder));
    format!(
        "{:?} {:?} {:?} {:?}",
        said.intents, said.trades, account.orders, account.trades
    )
}

#[test]
fn previews_of_a_run_at_a_broker_decide_its_newest_tick_anew_and_touch_nothing() {
    let folder = eager();
    let args = going_on(&["--to", "2023-01-04"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = here(&folder, &args);
    assert_eq!(done.code, 0, "{done}");
    let before = everything(&folder);
    let (low, told) = preview(&folder, &["thresholds", "preview", "busy.alula", "low.yaml"]);
    only_the_newest_opening(&low, &told);
    let because = low["differ"][0]["because"][0].as_str().unwrap();
    assert!(
        because.starts_with("new: income.open: ✗ VIX.last < vix_ceiling"),
        "{because}"
    );
    assert_eq!(low["changes"][0]["after"], "5 vol");
    // As text it names the account that it was tried on.
    let args = [
        "thresholds",
        "preview",
        "busy.alula",
        "low.yaml",
        "--state",
        "journals/busy",
    ];
    let text = here(&folder, &[&args[..], &["--data", store()]].concat());
    assert!(
        text.stdout.contains("the account of run ") && text.stdout.contains(" at its newest tick, "),
        "{text}"
    );
    let args = [
        "thresholds",
        "push",
        "busy.alula",
        "low.yaml",
        "--preview",
        "--state",
        "journals/busy",
    ];
    let told = here(&folder, &[&args[..], &["--data", store()]].concat());
    assert_eq!(told.code, 1, "{told}");
    assert!(told.stdout.contains(" the same, 1 differ"), "{told}");
    assert!(told.stderr.contains("nothing was pushed"), "{told}");
    assert!(!folder.join("busy.thresholds.yaml").exists());
    let (never, told) = preview(&folder, &["rules", "preview", "busy.alula", "never.alula"]);
    only_the_newest_opening(&never, &told);
    let (same, told) = preview(&folder, &["rules", "preview", "busy.alula", "same.alula"]);
    assert_eq!(told.code, 0, "{told}");
    assert_eq!(same["differ"].as_array().unwrap().len(), 0, "{same:#}");
    assert_eq!(everything(&folder), before);
}

#[test]
fn previews_of_a_run_under_way_at_a_broker_are_answered_while_it_goes_on() {
    let folder = eager();
    // A tick in half a second.
    let mut child = start(&folder, &going_on(&["--speed", "3600x"]), &[]);
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let mut tick = || lines.find(|l| l.contains("\"event\":\"tick\"")).unwrap();
    for _ in 0..3 {
        tick();
    }
    let (low, told) = preview(&folder, &["thresholds", "preview", "busy.alula", "low.yaml"]);
    let (never, word) = preview(&folder, &["rules", "preview", "busy.alula", "never.alula"]);
    // It went on meanwhile, and goes on.
    for _ in 0..2 {
        tick();
    }
    signal(child.id(), "-TERM");
    only_the_newest_opening(&low, &told);
    only_the_newest_opening(&never, &word);
    lines.for_each(drop);
    assert!(child.wait().unwrap().success(), "{}", folder.read("stderr"));
    crate::kills::compare(&folder);
    crate::kills::replays(&folder);
}
