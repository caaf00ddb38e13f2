//! Checks against exchange data in the shared folder.

use super::*;
use std::io::Read as _;

/// Source of the counts: pandas over the same files (`read_csv`, then sums), without `SPX_20190527`.
#[test]
fn the_2019_chains_import_as_an_independent_count_says() {
    let Some(folder) = shared("spx_chain_2019") else {
        return;
    };
    let inputs = ["context", "rates", "events"].iter().filter_map(|p| shared(p));
    let dir = tempfile::tempdir().unwrap();
    let request = ImportRequest::new(
        [folder.clone()].into_iter().chain(inputs).collect(),
        dir.path().join("spx"),
    );
    let report = run(&request, &mut ()).unwrap();
    let t = report.quality.totals();
    assert_eq!((t.days, t.all_rows(), t.rows["SPX"]), (41, 569_184, 155_290));
    assert_eq!(
        (t.zero_bid, t.zero_ask, t.locked, t.crossed, t.iv_zero),
        (36_375, 562, 0, 0, 43_218)
    );
    assert_eq!((t.settled, t.duplicates, t.bad_rows), (562, 0, 0));
    let stale = report
        .quality
        .refused
        .iter()
        .find(|r| r.file == "SPX_20190527.csv.gz")
        .unwrap();
    assert!(
        stale.reason.contains("NYSE was closed") && stale.reason.contains("stale copy"),
        "{}",
        stale.reason
    );
    assert_eq!(
        report.quality.gaps["SPX"],
        [
            "2019-05-10",
            "2019-05-17",
            "2019-06-14",
            "2019-06-17",
            "2019-06-18"
        ]
    );
    let series = |id: &str| report.quality.series.iter().find(|s| s.id == id).unwrap();
    assert_eq!(series("VIX").off_session.count, 33);
    assert_eq!(series("VVIX").missing_sessions.count, 61);
    assert_eq!(
        (
            series("SPX").missing_sessions.count,
            series("SPX").conflicts.count
        ),
        (0, 0)
    );
    assert!(report.quality.series.iter().all(|s| s.conflicts.count == 0));

    let h = StoreHistory::open(&request.store).unwrap();
    let (mut volume, mut interest, mut bids, mut asks) = (0u64, 0u64, 0i64, 0i64);
    for root in [Root::Spx, Root::Spxw] {
        for day in ExchangeCalendar::nyse().sessions(d("2019-04-25"), d("2019-06-28")) {
            for row in h.day_rows(root, *day).unwrap().iter().flat_map(|s| &s.rows) {
                volume += u64::from(row.volume);
                interest += u64::from(row.open_interest);
                bids += row.bid.0;
                asks += row.ask.0;
            }
        }
    }
    assert_eq!((volume, interest), (44_085_204, 671_104_263));
    assert_eq!((bids, asks), (136_614_336_650, 138_005_347_500));

    // The condor of the data folder's notes: natural credit 7.90, mid 8.42 (8.425 exactly).
    let s = h.snapshot("SPX", at("2019-04-30", 15, 45)).unwrap();
    assert_eq!(s.spot, Price(2_943_150));
    let quote = |right, strike: i64| {
        let strike = Price(strike * 1000);
        s.quote(&OptionContract {
            root: Root::Spxw,
            expiry: d("2019-05-31"),
            right,
            strike,
        })
        .unwrap()
    };
    let (lp, sp) = (quote(Right::Put, 2775), quote(Right::Put, 2825));
    let (sc, lc) = (quote(Right::Call, 3015), quote(Right::Call, 3065));
    assert_eq!(sp.bid - lp.ask + sc.bid - lc.ask, Price(7_900));
    assert_eq!(sp.mid() - lp.mid() + sc.mid() - lc.mid(), Price(8_425));
    assert!(
        s.expiry(Root::Spx, d("2019-05-17")).is_some() && s.expiry(Root::Spxw, d("2019-05-17")).is_some()
    );
    // On its settlement day the AM monthly is no market any more; the PM one is.
    let june = h.snapshot("SPX", at("2019-06-21", 15, 45)).unwrap();
    assert!(
        june.expiry(Root::Spx, d("2019-06-21")).is_none()
            && june.expiry(Root::Spxw, d("2019-06-21")).is_some()
    );

    // S&P 500 close of 2019-05-31, as published by S&P Dow Jones Indices: 2752.06.
    let settled = h.settlement(Root::Spxw, d("2019-05-31")).unwrap().unwrap();
    assert_eq!((settled.price, settled.approximate), (Price(2_752_060), false));
    assert!(
        h.settlement(Root::Spx, d("2019-06-21"))
            .unwrap()
            .unwrap()
            .approximate
    );
    let fomc = h.events("FOMC").unwrap().unwrap();
    assert!(fomc.rows.iter().any(|r| r.at == at("2019-06-19", 14, 0)));
}

/// Reads a day with nothing but `split`, and compares every contract.
#[test]
fn a_real_day_equals_a_naive_reading() {
    let Some(file) = shared("spx_chain_2019/SPX_20190531.csv.gz") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let request = ImportRequest::new(vec![file.clone()], dir.path().join("spx"));
    run(&request, &mut ()).unwrap();
    let s = StoreHistory::open(&request.store)
        .unwrap()
        .snapshot("SPX", at("2019-05-31", 15, 45))
        .unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(file).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let mut rows = 0usize;
    for line in text.lines().skip(1) {
        let f: Vec<&str> = line.split(',').collect();
        let split = f[3].len() - 15;
        let root = if &f[3][..split] == "SPXW" {
            Root::Spxw
        } else {
            Root::Spx
        };
        let (m, day) = f[5].split_once('/').unwrap();
        let (day, y) = day.split_once('/').unwrap();
        let mills = |x: &str| {
            let (whole, rest) = x.split_once('.').unwrap_or((x, ""));
            Price(format!("{whole}{rest:0<3}").parse().unwrap())
        };
        let chain = s.expiry(root, d(&format!("{y}-{m}-{day}"))).unwrap();
        let side = if f[4] == "call" { &chain.calls } else { &chain.puts };
        let i = chain.index_of(mills(f[7])).unwrap();
        assert_eq!((side.bid[i], side.ask[i]), (mills(f[10]), mills(f[11])), "{line}");
        assert_eq!(
            (side.volume[i], side.open_interest[i]),
            (f[12].parse().unwrap(), f[13].parse().unwrap()),
            "{line}"
        );
        rows += 1;
    }
    assert_eq!(rows, 13_944);
    // Every strike of the snapshot came from a row: both sides are listed for each here.
    assert_eq!(
        s.expiries.iter().map(|c| c.strikes.len() * 2).sum::<usize>(),
        rows
    );
}

#[test]
fn samples_in_other_dialects_import() {
    let Some(folder) = shared("formats/small_samples") else {
        return;
    };
    for (name, rows) in [
        ("spx_2014-12_2015-03_4rows_per_day.csv", 244),
        ("spx_2017-01_2017-05_4rows_per_day.csv", 392),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let request = ImportRequest::new(vec![folder.join(name)], dir.path().join("spx"));
        let report = run(&request, &mut ()).unwrap();
        assert_eq!(report.quality.totals().all_rows(), rows, "{name}");
    }
    for (name, root) in [
        ("spy_2021_20contracts_per_day.csv", "SPY"),
        ("A_2016-01-05_historicaloptiondata_v2.csv", "A"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let request = ImportRequest::new(vec![folder.join(name)], dir.path().join("s"));
        let e = run(&request, &mut ()).unwrap_err();
        assert!(e.what.contains(&format!("rows of root `{root}`")), "{e}");
    }
    // The index's price is in `underlying_bid_1545`; the active price is zero in this file.
    let name = "spx_datashop_with_calcs_2016-01_tiny.csv";
    let dir = tempfile::tempdir().unwrap();
    let request = ImportRequest::new(vec![folder.join(name)], dir.path().join("spx"));
    let report = run(&request, &mut ()).unwrap();
    assert_eq!(report.quality.files[0].layout, "datashop-chain");
    let s = StoreHistory::open(&request.store)
        .unwrap()
        .snapshot("SPX", at("2016-01-04", 15, 45))
        .unwrap();
    assert_eq!(s.spot, Price(2_003_820));
    let request = ImportRequest {
        time_zone: time_zone("UTC"),
        ..ImportRequest::new(
            vec![folder.join("cboe_delayed_quotes_spx_json_excerpt.json")],
            dir.path().join("json"),
        )
    };
    // The excerpt has no time.
    let e = run(&request, &mut ()).unwrap_err();
    assert!(e.what.contains("`timestamp` is missing"), "{e}");
}

#[test]
fn a_datashop_day_of_vix_options_leaves_out_the_binary_ones() {
    let Some(vix) = shared("vix_options/vix_options_cboe_datashop_eodquotes.csv") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let request = ImportRequest::new(vec![vix], dir.path().join("vix"));
    let report = run(&request, &mut ()).unwrap();
    let reason = &report.quality.refused[0].reason;
    assert!(
        reason.starts_with("158 rows of root `BVZ`: binary options"),
        "{reason}"
    );
    assert_eq!(report.quality.totals().all_rows(), 724);
    let h = StoreHistory::open(&request.store).unwrap();
    let when = at("2016-06-01", 15, 45);
    assert_eq!(h.ticks("VIX", d("2016-01-01"), d("2016-12-31")), [when]);
    assert_eq!(h.snapshot("VIX", when).unwrap().spot, Price(14_575));
}

/// Some rows date a Friday's expiry on the Saturday.
#[test]
fn options_on_vxx_shares_are_refused_and_counted() {
    let Some(vxx) = shared("vix_options/vxx_options_2016.csv") else {
        return;
    };
    let rows = fs::read_to_string(&vxx).unwrap().lines().count() - 1;
    let dir = tempfile::tempdir().unwrap();
    let e = run(&ImportRequest::new(vec![vxx], dir.path().join("vxx")), &mut ()).unwrap_err();
    assert_eq!(e.kind, ImportErrorKind::Nothing);
    assert!(e.what.contains(&format!("{rows} rows of root `VXX`")), "{e}");
    assert!(e.what.contains("options on shares may be exercised early"), "{e}");
}

/// Counts by `grep -c` and `awk` over the same files.
#[test]
fn cboes_quote_tables_of_2023_import_with_their_close() {
    let Some(folder) = shared("formats/cboe_quotedata_2023") else {
        return;
    };
    for (name, underlying, spot) in [
        ("spx_quotedata.csv", "SPX", 4_505_100),
        ("xsp_quotedata.csv", "XSP", 450_510),
    ] {
        let lines = fs::read_to_string(folder.join(name)).unwrap();
        let rows = lines
            .lines()
            .filter(|l| l.contains(&format!(",{underlying}")))
            .count() as u64;
        let dir = tempfile::tempdir().unwrap();
        let request = ImportRequest::new(vec![folder.join(name)], dir.path().join("s"));
        let report = run(&request, &mut ()).unwrap();
        let t = report.quality.totals();
        assert_eq!(
            (t.all_rows(), t.duplicates, t.bad_rows),
            (rows * 2, 0, 0),
            "{name}"
        );
        let h = StoreHistory::open(&request.store).unwrap();
        let ticks = h.ticks(underlying, d("2023-09-14"), d("2023-09-14"));
        assert_eq!(ticks, [at("2023-09-14", 16, 15)]);
        assert_eq!(h.snapshot(underlying, ticks[0]).unwrap().spot, Price(spot));
    }
}

/// Counts by Python's csv module over the same files.
#[test]
fn real_releases_have_consensus_first_print_and_revisions() {
    let Some(file) = shared("events/us_key_releases_2022_forexfactory.csv") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let report = run(&ImportRequest::new(vec![file], dir.path().join("s")), &mut ()).unwrap();
    let counts = |id: &str| {
        let e = report.quality.events.iter().find(|e| e.id == id).unwrap();
        (e.rows, e.with_actual, e.with_consensus, e.revisions)
    };
    assert_eq!(counts("CPI"), (10, 10, 10, 0));
    assert_eq!(counts("PPI"), (10, 10, 10, 1));
    assert_eq!(counts("NFP"), (10, 10, 10, 8));
    let h = StoreHistory::open(&dir.path().join("s")).unwrap();
    for id in ["CPI", "PPI", "NFP"] {
        let (events, kept) = (h.events(id).unwrap().unwrap(), h.vintages(id).unwrap().unwrap());
        for row in &events.rows {
            // What rules read is what was known first, at the release and not a second before.
            assert_eq!(kept.as_of(row.at.date(), row.at), row.actual, "{id} {}", row.at);
            assert_eq!(kept.as_of(row.at.date(), Instant(row.at.0 - 1)), None);
        }
    }
}

#[test]
fn real_put_call_ratios_are_series_by_a_mapping() {
    let Some(file) = shared("context/cboe_put_call_ratios_2019_2026.csv") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let mut request = ImportRequest::new(vec![file], dir.path().join("s"));
    let yaml = "kind: series\ndate: fecha\nseries:\n  CBOE.PCR: total_put_call_ratio\n  CBOE.PCR.SPX: spx_spxw_put_call_ratio\n";
    request.mapping = Some(super::mapping::mapping(yaml));
    let report = run(&request, &mut ()).unwrap();
    let total = report.quality.series.iter().find(|s| s.id == "CBOE.PCR").unwrap();
    // The national day of mourning of 2025-01-09 is in the file and was no session.
    assert_eq!(
        (total.rows, total.off_session.first.as_slice()),
        (1704, ["2025-01-09".to_owned()].as_slice())
    );
    let h = StoreHistory::open(&request.store).unwrap();
    let ratio = h.series("CBOE.PCR", BarSize::Session).unwrap().unwrap();
    assert_eq!((ratio.date[0], ratio.close[0]), (d("2019-10-07"), Some(1.05)));
    assert_eq!(ratio.available_at[0], at("2019-10-08", 9, 30));
}
