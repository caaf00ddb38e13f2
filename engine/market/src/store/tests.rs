//! The market in these tests is simulated: numbers made up to be checked by eye.

use super::*;
use crate::calendar::ExchangeCalendar;
use crate::chain::{ChainSnapshot, ExpiryChain, QuoteColumns};
use crate::contract::{Right, Root, Settlement};
use crate::history::History;
use crate::money::Price;
use crate::series::{BarSize, EventData, EventRow, SeriesData, Vintage, Vintages};
use crate::time::{Date, Instant};
use chrono::NaiveDate;
use proptest::prelude::*;
use std::fs;
use std::path::Path;

fn d(text: &str) -> Date {
    text.parse().unwrap()
}

fn at(date: &str, hour: u32, minute: u32) -> Instant {
    Instant::from_eastern(d(date), hour, minute).unwrap()
}

fn row(expiry: &str, strike: i64, right: Right, bid: i64, ask: i64) -> ChainRow {
    ChainRow {
        expiry: d(expiry),
        strike: Price(strike * 1000),
        right,
        bid: Price(bid),
        ask: Price(ask),
        bid_size: None,
        ask_size: None,
        last: Some(Price(bid)),
        volume: 7,
        open_interest: u32::MAX,
        vendor: VendorGreeks {
            iv: Some(0.125),
            delta: None,
            gamma: Some(-0.5),
        },
    }
}

fn rows() -> SnapshotRows {
    let rows = vec![
        row("2019-05-17", 2800, Right::Put, 10_000, 10_300),
        row("2019-05-17", 2800, Right::Call, 120_000, 121_000),
        row("2019-05-17", 2850, Right::Call, 80_000, 81_000),
        row("2019-05-31", 2800, Right::Put, 0, 50),
    ];
    SnapshotRows {
        at: at("2019-05-16", 15, 45),
        spot: Price(2_880_120),
        rows,
    }
}

fn bars(dates: &[&str]) -> SeriesData {
    let cal = ExchangeCalendar::nyse();
    let n = dates.len();
    SeriesData {
        date: dates.iter().map(|x| d(x)).collect(),
        starts_at: dates.iter().map(|x| cal.open_at(d(x)).unwrap()).collect(),
        available_at: dates.iter().map(|x| cal.close_at(d(x)).unwrap()).collect(),
        open: vec![Some(2_850.126); n],
        high: Vec::new(),
        low: Vec::new(),
        close: (0..n).map(|i| (i != 1).then_some(2_876.318_848)).collect(),
        volume: Vec::new(),
    }
}

fn sample(target: &Path) {
    let mut w = StoreWriter::create(target).unwrap();
    w.add_chains(Root::Spx, d("2019-05-16"), &[rows()]).unwrap();
    w.add_chains(Root::Spxw, d("2019-05-16"), &[rows()]).unwrap();
    w.put_series(
        "SPX",
        BarSize::Session,
        &bars(&["2019-05-16", "2019-05-17", "2019-05-20"]),
    )
    .unwrap();
    let row = EventRow {
        at: at("2019-05-01", 14, 0),
        scheduled_known_at: at("2019-02-01", 0, 0),
        actual: None,
        consensus: Some(0.5),
    };
    w.put_events("FOMC", &EventData { rows: vec![row] }).unwrap();
    w.assume("snapshot time 15:45 Eastern");
    w.put_quality("{\"rows\": 12}").unwrap();
    w.finish().unwrap();
}

fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            out.extend(files(&path).into_iter().map(|(n, b)| (format!("{name}/{n}"), b)));
        } else {
            out.push((name, fs::read(&path).unwrap()));
        }
    }
    out.sort();
    out
}

#[test]
fn revisions_are_kept_beside_first_prints() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("v");
    sample(&target);
    assert_eq!(StoreHistory::open(&target).unwrap().vintages("GDP"), Ok(None));
    let v = |month: u32, day: &str, value| Vintage {
        period: NaiveDate::from_ymd_opt(2019, month, 1).unwrap(),
        known_at: at(day, 8, 30),
        value,
    };
    let first = vec![v(1, "2019-04-26", 3.2), v(1, "2019-05-30", 3.1)];
    let revised = [
        first.clone(),
        vec![v(1, "2019-06-27", 3.1), v(4, "2019-07-26", 2.1)],
    ]
    .concat();
    for rows in [first, revised.clone()] {
        let mut w = StoreWriter::append(&target).unwrap();
        w.put_vintages("GDP", &Vintages::new(rows).unwrap()).unwrap();
        w.finish().unwrap();
    }
    let h = StoreHistory::open(&target).unwrap();
    let held = h.vintages("GDP").unwrap().unwrap();
    assert_eq!(held.rows(), revised);
    let q1 = d("2019-01-01");
    assert_eq!(held.as_of(q1, at("2019-04-26", 8, 29)), None);
    assert_eq!(held.as_of(q1, at("2019-05-29", 16, 0)), Some(3.2));
    assert_eq!(held.as_of(q1, at("2019-05-30", 8, 30)), Some(3.1));
    // What is stored under one name once is one file, and the older one is gone.
    let names: Vec<String> = files(&target).into_iter().map(|(n, _)| n).collect();
    assert_eq!(names.iter().filter(|n| n.starts_with("vintages/")).count(), 1);
}

#[test]
fn a_store_gives_back_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("sim");
    sample(&target);
    let h = StoreHistory::open(&target).unwrap();
    let when = at("2019-05-16", 15, 45);
    assert_eq!(h.ticks("SPX", d("2019-05-16"), d("2019-05-16")), [when]);
    assert_eq!(h.ticks("SPX", d("2019-05-17"), d("2019-05-30")), []);
    assert_eq!(h.ticks("VIX", d("2019-05-01"), d("2019-05-30")), []);
    assert_eq!(h.range("SPX"), Some((d("2019-05-16"), d("2019-05-16"))));
    let s = h.snapshot("SPX", when).unwrap();
    assert_eq!(
        (s.at, s.spot, s.underlying.as_str()),
        (when, Price(2_880_120), "SPX")
    );
    let keys: Vec<_> = s
        .expiries
        .iter()
        .map(|c| (c.expiry.to_string(), c.root))
        .collect();
    let (may, end) = ("2019-05-17".to_owned(), "2019-05-31".to_owned());
    assert_eq!(
        keys,
        [
            (may.clone(), Root::Spx),
            (may, Root::Spxw),
            (end.clone(), Root::Spx),
            (end, Root::Spxw)
        ]
    );
    let chain = s.expiry(Root::Spx, d("2019-05-17")).unwrap();
    assert_eq!(chain.strikes, [Price(2_800_000), Price(2_850_000)]);
    assert_eq!(chain.puts.bid, [Price(10_000), Price(0)]);
    assert_eq!(chain.puts.ask, [Price(10_300), Price(0)]);
    assert_eq!(chain.calls.ask, [Price(121_000), Price(81_000)]);
    assert_eq!(chain.calls.open_interest, [u32::MAX, u32::MAX]);
    assert_eq!(chain.puts.volume, [7, 0]);
    assert_eq!(h.day_rows(Root::Spx, d("2019-05-16")).unwrap(), [rows()]);
    assert_eq!(
        *h.series("SPX", BarSize::Session).unwrap().unwrap(),
        bars(&["2019-05-16", "2019-05-17", "2019-05-20"])
    );
    assert!(h.series("SPX", BarSize::Minutes(5)).unwrap().is_none());
    assert_eq!(h.events("FOMC").unwrap().unwrap().rows[0].consensus, Some(0.5));
    assert!(h.events("CPI").unwrap().is_none());
    assert!(
        h.provenance()
            .notes
            .contains(&"snapshot time 15:45 Eastern".to_owned())
    );
    assert!(!h.provenance().simulated);
}

#[test]
fn settlements_come_from_the_close_to_the_cent_and_morning_ones_are_marked_approximate() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("sim");
    sample(&target);
    let h = StoreHistory::open(&target).unwrap();
    let pm = h.settlement(Root::Spxw, d("2019-05-16")).unwrap().unwrap();
    assert_eq!(
        (pm.price, pm.at, pm.approximate),
        (Price(2_876_320), at("2019-05-16", 16, 0), false)
    );
    let am = h.settlement(Root::Spx, d("2019-05-17")).unwrap().unwrap();
    assert_eq!(
        (am.price, am.at, am.approximate),
        (Price(2_850_130), at("2019-05-17", 9, 30), true)
    );
    let mini = h.settlement(Root::Xsp, d("2019-05-16")).unwrap().unwrap();
    assert_eq!(mini.price, Price(287_630));
    assert_eq!(
        h.settlement(Root::Spxw, d("2019-05-17")).unwrap(),
        None,
        "the close of that day is missing"
    );
    assert_eq!(h.settlement(Root::Vix, d("2019-05-22")).unwrap(), None);
}

#[test]
fn the_official_opening_settlement_is_exact_where_the_store_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("sim");
    let mut w = StoreWriter::create(&target).unwrap();
    let set = SeriesData {
        open: Vec::new(),
        ..bars(&["2019-05-17"])
    };
    w.put_series("SET", BarSize::Session, &set).unwrap();
    w.put_series("SPX", BarSize::Session, &bars(&["2019-05-17"]))
        .unwrap();
    w.put_series("VIX", BarSize::Session, &bars(&["2019-05-22"]))
        .unwrap();
    w.finish().unwrap();
    let h = StoreHistory::open(&target).unwrap();
    let am = h.settlement(Root::Spx, d("2019-05-17")).unwrap().unwrap();
    assert_eq!(
        (am.price, am.at, am.approximate),
        (Price(2_876_320), at("2019-05-17", 9, 30), false)
    );
    let vix = h.settlement(Root::Vix, d("2019-05-22")).unwrap().unwrap();
    assert_eq!((vix.price, vix.approximate), (Price(2_850_130), true));
    // An expiry dated on a Saturday is settled on its Friday.
    assert_eq!(h.settlement(Root::Spx, d("2019-05-18")).unwrap().unwrap(), am);
}

#[test]
fn a_rate_is_known_from_its_publication_and_forgotten_when_old() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("sim");
    let mut data = bars(&["2019-05-16"]);
    data.available_at = vec![at("2019-05-17", 9, 30)];
    data.open.clear();
    data.close = vec![Some(0.024)];
    let mut w = StoreWriter::create(&target).unwrap();
    w.put_series("DFF", BarSize::Session, &data).unwrap();
    w.finish().unwrap();
    let h = StoreHistory::open(&target).unwrap();
    assert_eq!(h.rate(at("2019-05-17", 9, 29)).unwrap(), None);
    let rate = h.rate(at("2019-05-17", 9, 30)).unwrap().unwrap();
    assert!((rate - 365.0 * f64::ln_1p(0.024 / 360.0)).abs() < 1e-15);
    assert!(h.rate(at("2019-05-30", 15, 45)).unwrap().is_some());
    assert_eq!(h.rate(at("2019-05-31", 15, 45)).unwrap(), None);
}

#[test]
fn a_series_that_stopped_trading_is_no_market_though_its_rows_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("sim");
    let mut w = StoreWriter::create(&target).unwrap();
    let morning = SnapshotRows {
        at: at("2019-05-17", 15, 45),
        ..rows()
    };
    w.add_chains(Root::Spx, d("2019-05-17"), std::slice::from_ref(&morning))
        .unwrap();
    w.add_chains(Root::Spxw, d("2019-05-17"), std::slice::from_ref(&morning))
        .unwrap();
    w.finish().unwrap();
    let h = StoreHistory::open(&target).unwrap();
    let s = h.snapshot("SPX", morning.at).unwrap();
    assert!(s.expiry(Root::Spx, d("2019-05-17")).is_none(), "settled at 09:30");
    assert!(s.expiry(Root::Spxw, d("2019-05-17")).is_some(), "trades to 16:00");
    assert_eq!(h.day_rows(Root::Spx, d("2019-05-17")).unwrap(), [morning]);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    sample(&dir.path().join("a"));
    sample(&dir.path().join("elsewhere"));
    assert_eq!(files(&dir.path().join("a")), files(&dir.path().join("elsewhere")));
    let names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "no working folder is left: {names:?}");
}

#[test]
fn damage_is_found_at_opening_or_at_the_first_read() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("sim");
    sample(&target);
    let chain = target.join("chains/root=SPX/date=2019-05-16.parquet");
    let good = fs::read(&chain).unwrap();

    fs::write(&chain, &good[..good.len() / 2]).unwrap();
    let e = StoreHistory::open(&target).unwrap_err();
    assert_eq!(e.kind, StoreErrorKind::Damaged);
    assert!(
        e.what.contains("root=SPX/date=2019-05-16.parquet") && e.what.contains("bytes"),
        "{e}"
    );

    let mut bad = good.clone();
    bad[40] ^= 1;
    fs::write(&chain, &bad).unwrap();
    let h = StoreHistory::open(&target).unwrap();
    let e = h.snapshot("SPX", at("2019-05-16", 15, 45)).unwrap_err();
    assert!(e.what.contains("not what manifest.json recorded"), "{e}");

    fs::remove_file(&chain).unwrap();
    assert_eq!(
        StoreHistory::open(&target).unwrap_err().kind,
        StoreErrorKind::Damaged
    );
    fs::write(&chain, &good).unwrap();
    assert!(
        StoreHistory::open(&target)
            .unwrap()
            .snapshot("SPX", at("2019-05-16", 15, 45))
            .is_ok()
    );

    // The quality report too: cut short, gone, or another text of the same length.
    let quality = target.join("quality.json");
    let report = fs::read(&quality).unwrap();
    fs::write(&quality, &report[1..]).unwrap();
    let e = StoreHistory::open(&target).unwrap_err();
    assert!(e.what.contains("quality.json") && e.what.contains("bytes"), "{e}");
    fs::remove_file(&quality).unwrap();
    assert_eq!(
        StoreHistory::open(&target).unwrap_err().kind,
        StoreErrorKind::Damaged
    );
    fs::write(&quality, "{\"rows\": 21}").unwrap();
    let e = StoreHistory::open(&target).unwrap().quality_json().unwrap_err();
    assert!(e.what.contains("not what manifest.json recorded"), "{e}");
    fs::write(&quality, &report).unwrap();

    assert_eq!(
        StoreHistory::open(&dir.path().join("none")).unwrap_err().kind,
        StoreErrorKind::NotFound
    );
    assert_eq!(
        StoreHistory::open(dir.path()).unwrap_err().kind,
        StoreErrorKind::NotAStore
    );
    let manifest = target.join(MANIFEST);
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\"schema\": 2", "\"schema\": 9")).unwrap();
    assert_eq!(
        StoreHistory::open(&target).unwrap_err().kind,
        StoreErrorKind::Version
    );
    fs::write(&manifest, text.replace("series/SPX.parquet", "../SPX.parquet")).unwrap();
    assert!(
        StoreHistory::open(&target)
            .unwrap_err()
            .what
            .contains("outside the store")
    );
    fs::write(&manifest, &text[..text.len() / 2]).unwrap();
    assert_eq!(
        StoreHistory::open(&target).unwrap_err().kind,
        StoreErrorKind::Damaged
    );
}

#[test]
fn a_writer_that_does_not_finish_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("sim");
    let mut w = StoreWriter::create(&target).unwrap();
    w.add_chains(Root::Spx, d("2019-05-16"), &[rows()]).unwrap();
    drop(w);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

    sample(&target);
    let before = files(&target);
    let mut w = StoreWriter::append(&target).unwrap();
    w.put_series("VIX", BarSize::Session, &bars(&["2019-05-16"]))
        .unwrap();
    assert_eq!(
        StoreWriter::append(&target).unwrap_err().kind,
        StoreErrorKind::Busy
    );
    drop(w);
    let after: Vec<_> = files(&target).into_iter().filter(|(n, _)| n != ".lock").collect();
    assert_eq!(after, before);
}

#[test]
fn an_existing_store_is_extended_only_on_request_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("sim");
    sample(&target);
    let e = StoreWriter::create(&target).unwrap_err();
    assert_eq!(e.kind, StoreErrorKind::Exists);
    assert!(e.help.contains("--append"));
    let other = dir.path().join("notes");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("a.txt"), "mine").unwrap();
    assert!(
        StoreWriter::create(&other)
            .unwrap_err()
            .what
            .contains("not empty")
    );

    let old = StoreHistory::open(&target).unwrap();
    let mut w = StoreWriter::append(&target).unwrap();
    assert!(
        !w.add_chains(Root::Spx, d("2019-05-16"), &[rows()]).unwrap(),
        "the same day again adds nothing"
    );
    let other = SnapshotRows {
        spot: Price(1),
        ..rows()
    };
    assert_eq!(
        w.add_chains(Root::Spx, d("2019-05-16"), &[other])
            .unwrap_err()
            .kind,
        StoreErrorKind::Exists
    );
    let later = SnapshotRows {
        at: at("2019-05-17", 15, 45),
        ..rows()
    };
    assert!(w.add_chains(Root::Spxw, d("2019-05-20"), &[later]).unwrap());
    w.put_series("SPX", BarSize::Session, &bars(&["2019-05-16"]))
        .unwrap();
    w.finish().unwrap();
    let new = StoreHistory::open(&target).unwrap();
    assert_eq!(new.manifest().generation, 2);
    assert_eq!(new.manifest().series["SPX"].file.path, "series/SPX.2.parquet");
    assert_eq!(
        new.series("SPX", BarSize::Session).unwrap().unwrap().date.len(),
        1
    );
    assert!(!target.join("series/SPX.parquet").exists());
    assert_eq!(new.manifest().chains["SPXW"].len(), 2);
    assert_ne!(new.provenance().hash, old.provenance().hash);
    let names = files(&target);
    assert!(
        names.iter().all(|(n, _)| !n.contains("partial")),
        "{:?}",
        names.iter().map(|(n, _)| n).collect::<Vec<_>>()
    );
}

#[test]
fn a_series_may_not_be_readable_before_it_ends_nor_hold_nan() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = StoreWriter::create(&dir.path().join("sim")).unwrap();
    let good = bars(&["2019-05-16", "2019-05-17"]);
    let mut put = |f: &dyn Fn(&mut SeriesData)| {
        let mut data = good.clone();
        f(&mut data);
        w.put_series("SPX", BarSize::Session, &data).unwrap_err().what
    };
    assert!(put(&|s| s.available_at[0] = s.starts_at[0]).contains("before it ends"));
    assert!(
        put(&|s| s.available_at.swap(0, 1)).contains("known before it ends")
            || put(&|s| s.available_at.swap(0, 1)).contains("order")
    );
    assert!(put(&|s| s.close[0] = Some(f64::NAN)).contains("finite"));
    assert!(put(&|s| s.close.truncate(1)).contains("unequal"));
    assert!(put(&|s| *s = SeriesData::default()).contains("no rows"));
    for id in ["", "../x", "a b", ".hidden", "é", &"x".repeat(65)] {
        assert!(w.put_series(id, BarSize::Session, &good).is_err(), "{id}");
    }
    assert!(is_valid_id("NYSE.ADLINE") && is_valid_id("VX1") && is_valid_id(&"x".repeat(64)));
}

#[test]
fn the_cache_is_bounded_and_transparent() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("sim");
    let mut w = StoreWriter::create(&target).unwrap();
    let days = ["2019-05-13", "2019-05-14", "2019-05-15", "2019-05-16"];
    for (i, day) in days.iter().enumerate() {
        let spot = Price(i64::try_from(i).unwrap());
        w.add_chains(
            Root::Spx,
            d(day),
            &[SnapshotRows {
                at: at(day, 15, 45),
                spot,
                ..rows()
            }],
        )
        .unwrap();
    }
    w.finish().unwrap();
    // Room for two snapshots of four rows; `0` keeps none.
    for cache_rows_max in [8, 0] {
        let h = StoreHistory::open_with(
            &target,
            StoreOptions {
                cache_rows_max,
                ..StoreOptions::default()
            },
        )
        .unwrap();
        for i in [0usize, 1, 2, 0, 3, 1, 0, 2, 2, 3] {
            let s = h.snapshot("SPX", at(days[i], 15, 45)).unwrap();
            assert_eq!(s.spot, Price(i64::try_from(i).unwrap()));
        }
    }
}

/// The files of a day serve all of its snapshots: what was read and proven once is not read again.
#[test]
fn the_snapshots_of_a_day_read_its_files_once() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("sim");
    let mut w = StoreWriter::create(&target).unwrap();
    let day = "2019-05-16";
    let snapshot = |minute| SnapshotRows {
        at: at(day, 15, minute),
        ..rows()
    };
    for root in [Root::Spx, Root::Spxw] {
        w.add_chains(root, d(day), &[snapshot(0), snapshot(15), snapshot(30)])
            .unwrap();
    }
    w.finish().unwrap();
    let open = |cache_bytes_max| {
        let cache_rows_max = 0;
        let options = StoreOptions {
            cache_rows_max,
            cache_bytes_max,
        };
        StoreHistory::open_with(&target, options).unwrap()
    };
    let (holds, holds_nothing) = (open(1 << 20), open(0));
    let ask = |h: &StoreHistory, minute| h.snapshot("SPX", at(day, 15, minute));
    assert_eq!(ask(&holds, 0).unwrap(), ask(&holds_nothing, 0).unwrap());
    fs::remove_dir_all(target.join("chains")).unwrap();
    assert_eq!(ask(&holds, 15).unwrap().expiries.len(), 4);
    assert_eq!(ask(&holds, 30).unwrap().at, at(day, 15, 30));
    assert!(ask(&holds_nothing, 15).is_err());
}

fn sized(bid_size: u32) -> SnapshotRows {
    let mut snapshot = rows();
    for row in &mut snapshot.rows {
        (row.bid_size, row.ask_size) = (Some(bid_size), Some(u32::MAX));
    }
    snapshot
}

/// Makes a store of layout version 1 of one: without sizes, and the manifest says so.
fn age(target: &Path) {
    let manifest = target.join(MANIFEST);
    let mut text = fs::read_to_string(&manifest).unwrap();
    let thirteen: Vec<&str> = chains::SCHEMA.lines().filter(|l| !l.contains("_size")).collect();
    for (name, bytes) in files(&target.join("chains")) {
        let path = target.join("chains").join(&name);
        let open = columns::File::open(bytes.clone()).unwrap();
        let snapshot = chains::decode_rows(&open, 0).unwrap();
        let mut columns = chains::columns_of(&snapshot);
        columns.truncate(13);
        let old = columns::encode(&thirteen.join("\n"), &[columns]).unwrap();
        let (sha, len) = (crate::digest::sha256(&bytes), bytes.len());
        text = text.replace(&sha, &crate::digest::sha256(&old));
        text = text.replace(&format!("\"bytes\": {len}"), &format!("\"bytes\": {}", old.len()));
        fs::write(path, old).unwrap();
    }
    fs::write(manifest, text.replace("\"schema\": 2", "\"schema\": 1")).unwrap();
}

#[test]
fn a_store_without_sizes_opens_and_can_be_added_to() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("sim");
    let mut w = StoreWriter::create(&target).unwrap();
    w.add_chains(Root::Spx, d("2019-05-16"), &[sized(9)]).unwrap();
    w.finish().unwrap();
    let when = at("2019-05-16", 15, 45);
    let shown = |h: &StoreHistory| {
        let snapshot = h.snapshot("SPX", when).unwrap();
        let chain = snapshot.expiry(Root::Spx, d("2019-05-17")).unwrap();
        (chain.puts.bid_size.clone(), chain.calls.ask_size.clone())
    };
    // 2850 is listed as a call alone.
    let with = (vec![9, 0], vec![u32::MAX, u32::MAX]);
    assert_eq!(shown(&StoreHistory::open(&target).unwrap()), with);

    age(&target);
    let old = StoreHistory::open(&target).unwrap();
    assert_eq!(old.manifest().schema, 1);
    assert_eq!(shown(&old), (vec![], vec![]));
    assert_eq!(old.day_rows(Root::Spx, d("2019-05-16")).unwrap(), [rows()]);

    // The same day with sizes is the same day; another day makes it a store of this version.
    let mut w = StoreWriter::append(&target).unwrap();
    assert!(!w.add_chains(Root::Spx, d("2019-05-16"), &[sized(9)]).unwrap());
    let next = SnapshotRows {
        at: at("2019-05-17", 9, 0),
        ..sized(3)
    };
    assert!(w.add_chains(Root::Spx, d("2019-05-17"), &[next]).unwrap());
    w.finish().unwrap();
    let both = StoreHistory::open(&target).unwrap();
    assert_eq!(both.manifest().schema, 2);
    assert_eq!(shown(&both), (vec![], vec![]));
    let rows = both.day_rows(Root::Spx, d("2019-05-17")).unwrap();
    assert_eq!(rows[0].rows[0].bid_size, Some(3));
    // Quotes that differ are another day still.
    let mut other = sized(9);
    other.rows[0].bid = Price(9_999);
    let mut w = StoreWriter::append(&target).unwrap();
    let e = w.add_chains(Root::Spx, d("2019-05-16"), &[other]).unwrap_err();
    assert_eq!(e.kind, StoreErrorKind::Exists);
}

/// Strike, put bid and ask, call bid and ask, in mills.
type Quotes = (i64, [i64; 2], [i64; 2]);

fn chain(root: Root, expiry: Date, quotes: &[Quotes]) -> ExpiryChain {
    let cal = ExchangeCalendar::nyse();
    let side = |pick: fn(&Quotes) -> [i64; 2]| QuoteColumns {
        bid: quotes.iter().map(|q| Price(pick(q)[0])).collect(),
        ask: quotes.iter().map(|q| Price(pick(q)[1])).collect(),
        volume: quotes
            .iter()
            .map(|q| u32::try_from(q.0 % 7).unwrap() * u32::from(pick(q)[1] > 0))
            .collect(),
        open_interest: quotes.iter().map(|_| 0).collect(),
        bid_size: quotes.iter().map(|q| u32::from(pick(q)[1] > 0) * 4).collect(),
        ask_size: quotes.iter().map(|q| u32::from(pick(q)[1] > 0) * 7).collect(),
    };
    ExpiryChain {
        root,
        expiry,
        settlement: Settlement::Pm,
        settles_at: cal.settles_at(root, expiry).unwrap(),
        last_trade_at: cal.last_trade_at(root, expiry).unwrap(),
        strikes: quotes.iter().map(|q| Price(q.0)).collect(),
        puts: side(|q| q.1),
        calls: side(|q| q.2),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any simulated snapshot, written and read, is itself: one-sided strikes, several expiries and all.
    #[test]
    fn a_snapshot_survives_the_disk(
        strikes in prop::collection::btree_map(1i64..9_000_000, (0i64..99_999, 1i64..999, any::<bool>(), any::<bool>()), 1..60),
        expiries in prop::collection::btree_set(0u64..400, 1..5),
    ) {
        let quotes: Vec<_> = strikes
            .into_iter()
            // A strike must be listed on one side at least, or it would not be in a chain.
            .map(|(k, (bid, wide, put, call))| {
                let q = [bid, bid + wide];
                (k, if put || !call { q } else { [0, 0] }, if call { q } else { [0, 0] })
            })
            .collect();
        let when = at("2019-05-16", 15, 45);
        let snapshot = ChainSnapshot {
            at: when,
            underlying: "SPX".to_owned(),
            spot: Price(2_876_320),
            expiries: expiries
                .into_iter()
                .map(|n| chain(Root::Spxw, d("2019-05-16") + chrono::Days::new(n), &quotes))
                .filter(|c| c.last_trade_at >= when)
                .collect(),
        };
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("sim");
        let mut w = StoreWriter::create(&target).unwrap();
        w.mark_simulated();
        w.add_snapshots(d("2019-05-16"), &[&snapshot]).unwrap();
        w.finish().unwrap();
        let h = StoreHistory::open(&target).unwrap();
        prop_assert!(h.provenance().simulated);
        if !snapshot.expiries.is_empty() {
            prop_assert_eq!(&*h.snapshot("SPX", when).unwrap(), &snapshot);
        }
    }
}
