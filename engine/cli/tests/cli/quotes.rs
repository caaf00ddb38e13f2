//! Runs on the quotes of a broker, and orders for futures at a broker: each must be the backtest.
#![cfg(target_os = "linux")]

use crate::broker::{paper, trusted};
use crate::kills::{BUSY, busy, compare, going_on, journals, replays, signal, start};
use crate::plugin::here;
use crate::support::{Folder, Outcome};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules")
}

fn done(folder: &Folder, words: &str) -> String {
    let args: Vec<&str> = words.split_whitespace().collect();
    let outcome = here(folder, &args);
    assert_eq!(outcome.code, 0, "{words}: {outcome}");
    outcome.to_string()
}

fn chain(folder: &Folder, run: &str) -> String {
    let manifest = fs::read_to_string(folder.join(format!("{run}/manifest.json"))).unwrap();
    let at = manifest.find("\"chain\"").unwrap();
    manifest[at..].chars().take(90).collect()
}

fn file(folder: &Folder, path: &str) -> String {
    fs::read_to_string(folder.join(path)).unwrap()
}

/// A table without the hash of the data in the names of orders: quotes of a broker are other data than the store's.
fn nameless(table: &str) -> String {
    let plain = |cell: &str| match cell.split_once('-') {
        Some((hash, rest)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            rest.to_owned()
        }
        _ => cell.to_owned(),
    };
    let row = |line: &str| line.split(',').map(plain).collect::<Vec<_>>().join(",");
    table.lines().map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_run_on_the_quotes_of_a_broker_is_the_backtest_and_its_journal_gives_it_again() {
    let folder = Folder::new(&[("busy.alula", BUSY)]);
    trusted(&folder, &paper(), "paper");
    let market = "--seed 5 --to 2023-01-04";
    let live = "run busy.alula --broker paper --feed broker --state st --broker-deadline 300 --speed max --years 1 --plain";
    done(&folder, &format!("{live} {market} --out live"));
    done(&folder, &format!("backtest busy.alula {market} --out backtest"));
    assert_eq!(chain(&folder, "live"), chain(&folder, "backtest"));
    assert_eq!(
        file(&folder, "live/ticks.csv"),
        file(&folder, "backtest/ticks.csv")
    );
    assert_eq!(
        file(&folder, "live/positions.csv"),
        file(&folder, "backtest/positions.csv")
    );
    assert!(file(&folder, "live/trades.csv").lines().count() > 3);
    let journal = fs::read_dir(folder.join("st/busy")).unwrap();
    let journal = journal
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "redb"));
    let told = done(&folder, &format!("replay {}", journal.unwrap().display()));
    assert!(told.contains("every tick saw the same quotes"), "{told}");
}

#[test]
fn with_few_lines_the_contracts_that_can_be_picked_are_watched_first() {
    let folder = Folder::new(&[("busy.alula", BUSY)]);
    trusted(&folder, &paper(), "paper");
    let run = "run busy.alula --broker paper --feed broker --state st --broker-deadline 300 --speed max --years 1 --plain --lines 80";
    let told = done(&folder, &format!("{run} --seed 5 --to 2023-01-03 --out live"));
    assert!(told.contains("lines"), "{told}");
    // Condors are found among eighty contracts, and nothing is picked that was not quoted.
    assert!(file(&folder, "live/trades.csv").lines().count() > 1);
    let none = here(
        &folder,
        &["run", "busy.alula", "--feed", "broker", "--speed", "max"],
    );
    assert_eq!(none.code, 2, "{none}");
}

/// Runs a shipped strategy with futures at the simulated broker, and as a backtest: every table must be the same.
fn futures_through_the_broker(folder: &Folder, (name, to, feed): (&str, &str, &str)) {
    let entry = format!("{name}.alula");
    fs::copy(rules().join(&entry), folder.join(&entry)).unwrap();
    let live = "--state st --broker-deadline 300 --speed max --plain";
    done(
        folder,
        &format!("run {entry} --broker paper --feed {feed} {live} --to {to} --out live_{name}"),
    );
    done(
        folder,
        &format!("backtest {entry} --to {to} --out backtest_{name}"),
    );
    let of = |run: &str, table: &str| nameless(&file(folder, &format!("{run}_{name}/{table}.csv")));
    for table in ["linear", "ticks", "trades", "positions"] {
        let (live, backtest) = (of("live", table), of("backtest", table));
        match (feed, table) {
            // What settles after the last look nobody hears of: the last day's variation.
            ("broker", "linear") => {
                assert!(backtest.starts_with(&live), "{live}\n\n{backtest}");
                assert!(backtest.lines().count() <= live.lines().count() + 1);
            }
            ("broker", "positions") => {}
            _ => assert_eq!(live, backtest, "{name}, {feed}: {table}"),
        }
    }
    let rows = file(folder, &format!("live_{name}/linear.csv"));
    assert!(rows.lines().count() > 2, "{rows}");
    // The last link is over the account at the end, and so over what settles after the last look; those of the ticks were compared.
    if feed != "broker" {
        assert_eq!(
            chain(folder, &format!("live_{name}")),
            chain(folder, &format!("backtest_{name}"))
        );
    }
}

#[test]
fn orders_for_futures_go_through_the_broker_and_come_back_row_by_row() {
    let folder = Folder::new(&[]);
    trusted(&folder, &paper(), "paper");
    for (name, to) in [("hedge_futures", "2023-03-17"), ("scalp", "2023-07-07")] {
        futures_through_the_broker(&folder, (name, to, "simulated"));
    }
}

#[test]
fn the_curve_of_futures_that_a_broker_tells_contract_by_contract_is_that_of_the_store() {
    let folder = Folder::new(&[]);
    trusted(&folder, &paper(), "paper");
    futures_through_the_broker(&folder, ("hedge_futures", "2023-02-03", "broker"));
}

fn to_its_end(folder: &Folder, args: &[String]) -> Outcome {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    here(folder, &args)
}

/// Kills a run when it has told of so many ticks.
fn killed_after(folder: &Folder, args: &[String], ticks: usize) {
    let mut child = start(folder, args, &[]);
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let told = lines
        .filter(|l| l.contains("\"event\":\"tick\""))
        .take(ticks)
        .count();
    signal(child.id(), "-KILL");
    child.wait().unwrap();
    assert_eq!(told, ticks, "{}", folder.read("stderr"));
}

/// Whole chains took 1.9 MB a look before they were packed.
fn takes_little_room(folder: &Folder) {
    let journal = journals(folder).pop().unwrap();
    let told = done(
        folder,
        &format!("journal show {} --kind seen --last 1", journal.display()),
    );
    assert!(told.contains("quotes"), "{told}");
    let looks = folder.read("out/ticks.csv").lines().count() as u64 - 1;
    let bytes = fs::metadata(&journal).unwrap().len();
    assert!(bytes / looks < 200_000, "{bytes} bytes for {looks} looks");
}

#[test]
fn a_run_on_the_quotes_of_a_broker_is_killed_and_gone_on_with_as_if_nothing_had_been() {
    let args = going_on(&["--feed", "broker", "--to", "2023-01-05"]);
    let undisturbed = busy();
    let whole = to_its_end(&undisturbed, &args);
    assert_eq!(whole.code, 0, "{whole}");
    takes_little_room(&undisturbed);
    let folder = busy();
    for ticks in [5, 1, 9] {
        killed_after(&folder, &args, ticks);
    }
    // Who goes on with it without the broker's quotes is told.
    let other = going_on(&["--to", "2023-01-05"]);
    let refused = to_its_end(&folder, &other);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(refused.stderr.contains("--feed broker"), "{refused}");
    let last = to_its_end(&folder, &args);
    assert_eq!(last.code, 0, "{last}");
    assert!(last.stderr.contains("every link as it was"), "{last}");
    for table in ["ticks", "trades", "positions"] {
        let of = |f: &Folder| f.read(&format!("out/{table}.csv"));
        assert_eq!(of(&folder), of(&undisturbed), "{table}");
    }
    assert!(folder.read("out/trades.csv").lines().count() > 3);
    compare(&folder);
    replays(&folder);
}
