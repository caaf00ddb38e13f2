//! `alula journal`.
#![expect(
    clippy::indexing_slicing,
    reason = "helpers of tests may fail loudly, as tests do"
)]

use crate::support::Folder;
use alula_journal::folder::Folder as State;
use alula_journal::wire::{self, BrokerSaid, Instrument, Leg};
use alula_journal::{Entry, Limits, Manifest, Record, Stamp, Store as _, store::RedbStore};
use std::path::Path;

fn stamp(s: i64) -> Stamp {
    let ns = (1_772_463_600 + s) * 1_000_000_000;
    Stamp {
        engine_ns: ns,
        received_ns: ns + 1_500,
    }
}

fn records() -> Vec<(u64, Record)> {
    let legs = [(4_900, 1), (5_000, -1)].map(|(strike, quantity)| Leg {
        instrument: Instrument::Option {
            class: "SPXW".to_owned(),
            expiry: 20_260_417,
            call: false,
            strike_mills: strike * 1_000,
        },
        quantity,
    });
    let order = "cond-000001-0000000".to_owned();
    let fill = wire::Fill {
        settlement: false,
        exec_id: "x1".to_owned(),
        corrects: None,
        order: Some(order.clone()),
        instrument: legs[0].instrument.clone(),
        quantity: 2,
        price_mills: 1_255,
        fee_micros: Some(1_320_000),
        at_s: 1_772_463_610,
    };
    let timer = wire::Timer {
        name: "decide".to_owned(),
        at_s: 1_772_463_600,
    };
    let intent = wire::OrderIntent {
        order: order.clone(),
        group: "condor".to_owned(),
        rule: "income".to_owned(),
        purpose: "open".to_owned(),
        legs: legs.to_vec(),
        quantity: 2,
        limit_mills: Some(1_200),
        not_after_s: 1_772_463_660,
        until_cancelled: false,
        risk_micros: None,
        thresholds: 1,
        number: 0,
        shadow: false,
    };
    let sent = wire::SubmitResult {
        order,
        submission: wire::Submission::Sent,
    };
    let said = BrokerSaid::Filled(fill);
    vec![
        (0, timer.into()),
        (1, intent.into()),
        (2, sent.into()),
        (0, wire::Broker { said }.into()),
    ]
}

/// A run that ended and one that died, in `state`.
fn state(folder: &Folder) -> std::path::PathBuf {
    let path = folder.join("state");
    let state = State::open(&path).unwrap();
    let mut first = state
        .create(
            Manifest::new("20260302T150000", 1, stamp(0).engine_ns),
            None,
            Limits::default(),
        )
        .unwrap();
    for (i, (cause, record)) in records().iter().enumerate() {
        first
            .append(stamp(i64::try_from(i).unwrap()), *cause, record)
            .unwrap();
    }
    first.end(stamp(9).engine_ns, "stopped by the operator").unwrap();
    let before = state.predecessor(0).unwrap();
    let manifest = Manifest::new("20260302T160000", 2, stamp(3_600).engine_ns);
    let mut second = state
        .create(manifest, before.as_ref(), Limits::default())
        .unwrap();
    second.append(stamp(3_600), 0, &records()[0].1).unwrap();
    second.commit().unwrap();
    path
}

fn tamper(file: &Path) {
    let mut store = RedbStore::open(file).unwrap();
    let mut entry = Entry::from_bytes(&store.read(2, 1).unwrap()[0].1).unwrap();
    entry.received_ns += 1;
    let last = Entry::from_bytes(&store.read(4, 1).unwrap()[0].1).unwrap();
    store.append(&[entry, last]).unwrap();
}

#[test]
fn a_whole_journal_is_verified_and_a_changed_one_is_named() {
    let folder = Folder::new(&[]);
    state(&folder);
    let one = folder.alula(&["journal", "verify", "state/20260302T150000.redb"]);
    assert_eq!(one.code, 0, "{one}");
    for words in [
        "entries   4 (timer 1, broker 1, order-intent 1, submit-result 1)",
        "status    ended in good order; stopped by the operator",
        "chain     whole: nothing is missing, changed or torn",
    ] {
        assert!(one.stdout.contains(words), "{words}\n{one}");
    }
    let newest = folder.alula(&["journal", "verify", "state"]);
    assert!(
        newest.stdout.contains("died and not recovered yet")
            && newest.stdout.contains("parent    20260302T150000"),
        "{newest}"
    );
    let all = folder.alula(&["journal", "verify", "state", "--all", "--format", "json"]);
    let rows: serde_json::Value = serde_json::from_str(&all.stdout).unwrap();
    assert_eq!(rows[1]["manifest"]["parent_head"], rows[0]["head"], "{all}");
    tamper(&folder.join("state/20260302T150000.redb"));
    let broken = folder.alula(&["journal", "verify", "state", "--all"]);
    assert_eq!(broken.code, 1, "{broken}");
    assert!(
        broken
            .stdout
            .contains("BROKEN after entry 1: entry 2 was changed after it was written"),
        "{broken}"
    );
    assert!(
        broken
            .stdout
            .contains("it goes on from another end of `20260302T150000`"),
        "{broken}"
    );
    let shown = folder.alula(&["journal", "show", "state/20260302T150000.redb"]);
    assert_eq!((shown.code, shown.stdout.lines().count()), (1, 1), "{shown}");
    assert!(shown.stderr.contains("warning: the journal is broken"), "{shown}");
}

#[test]
fn entries_are_shown_by_kind_number_and_order() {
    let folder = Folder::new(&[]);
    state(&folder);
    let file = "state/20260302T150000.redb";
    let shown = folder.alula(&["journal", "show", file]);
    let lines: Vec<&str> = shown.stdout.lines().collect();
    assert_eq!(
        lines[1],
        "      2      <1  2026-03-02T15:00:01.000Z  order-intent        cond-000001-0000000 open condor: 2 x [+1 SPXW \
         2026-04-17 P4900, -1 SPXW 2026-04-17 P5000], limit 1.20, by income"
    );
    assert!(
        lines[3].ends_with("cond-000001-0000000 traded +2 SPXW 2026-04-17 P4900 at 1.255 (x1, fee $1.32)"),
        "{shown}"
    );
    let count = |args: &[&str]| {
        let shown = folder.alula(&[&["journal", "show", file], args].concat());
        assert_eq!(shown.code, 0, "{shown}");
        shown.stdout.lines().count()
    };
    assert_eq!(count(&["--kind", "broker,timer"]), 2);
    assert_eq!(count(&["--from", "2", "--to", "3"]), 2);
    assert_eq!(count(&["--order", "cond-000001-0000000"]), 3);
    assert_eq!(count(&["--last", "1"]), 1);
    let json = folder.alula(&["journal", "show", file, "--last", "1", "--format", "json"]);
    let row: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(row["says"]["said"]["filled"]["exec_id"], "x1", "{json}");
}

#[test]
fn entries_are_exported_as_json_lines_and_parquet() {
    let folder = Folder::new(&[]);
    state(&folder);
    let file = "state/20260302T150000.redb";
    let lines = folder.alula(&["journal", "export", file]);
    assert_eq!((lines.code, lines.stdout.lines().count()), (0, 4), "{lines}");
    let out = folder.alula(&["journal", "export", file, "-o", "run.parquet"]);
    assert_eq!(out.code, 0, "{out}");
    let bytes = std::fs::read(folder.join("run.parquet")).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    let out = folder.alula(&["journal", "export", file, "-o", "run.jsonl", "--kind", "broker"]);
    assert_eq!(folder.read("run.jsonl").lines().count(), 1, "{out}");
}

#[test]
fn what_is_no_journal_is_refused_with_advice() {
    let folder = Folder::new(&[("x.redb", "this is a text"), ("empty/readme", "")]);
    let refused = |args: &[&str]| folder.alula(&[&["journal"], args].concat());
    let text = refused(&["verify", "x.redb"]);
    assert_eq!(text.code, 3, "{text}");
    assert!(text.stderr.contains("cannot read the journal `x.redb`"), "{text}");
    assert_eq!(refused(&["show", "nothing.redb"]).code, 2);
    let empty = refused(&["verify", "empty"]);
    assert!(
        empty.code == 2 && empty.stderr.contains("no journal in `empty`"),
        "{empty}"
    );
    state(&folder);
    // The folder above the one of a strategy will do, as long as it holds one strategy's.
    let above = folder.join("above/condor");
    std::fs::create_dir_all(&above).unwrap();
    std::fs::copy(
        folder.join("state/20260302T150000.redb"),
        above.join("20260302T150000.redb"),
    )
    .unwrap();
    assert_eq!(refused(&["verify", "above"]).code, 0);
    let kind = refused(&["show", "state", "--kind", "order-intend"]);
    assert!(
        kind.code == 2 && kind.stderr.contains("did you mean `order-intent`?"),
        "{kind}"
    );
}

#[test]
fn the_journal_of_a_run_at_work_is_left_alone() {
    let folder = Folder::new(&[]);
    let state = State::open(&folder.join("state")).unwrap();
    let _journal = state
        .create(Manifest::new("r1", 1, 0), None, Limits::default())
        .unwrap();
    let busy = folder.alula(&["journal", "verify", "state"]);
    assert!(
        busy.code == 2 && busy.stderr.contains("the run is at work"),
        "{busy}"
    );
}
