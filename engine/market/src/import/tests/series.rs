use super::*;
use proptest::prelude::*;

fn close(h: &StoreHistory, id: &str, date: &str) -> Option<(f64, Instant)> {
    let s = h.series(id, BarSize::Session).unwrap()?;
    let i = s.date.binary_search(&d(date)).ok()?;
    Some((s.close[i]?, s.available_at[i]))
}

fn value(h: &StoreHistory, id: &str, date: &str) -> Option<f64> {
    close(h, id, date).map(|(value, _)| value)
}

#[test]
fn every_layout_of_daily_series_is_recognised_and_timed() {
    let bench = Bench::new();
    bench.put("VIX_History.csv", "DATE,OPEN,HIGH,LOW,CLOSE\n05/23/2019,15,17,14,16.9\n05/24/2019,16,17,15,15.85\n05/27/2019,15,16,14,15\n");
    bench.put("VVIX_sim.csv", "DATE,VVIX\n05/24/2019,93.55\n");
    bench.put("sim_yahoo.csv", "Price,Close,High,Low,Open,Volume\nTicker,^GSPC,^GSPC,^GSPC,^GSPC,^GSPC\nDate,,,,,\n2019-05-24,2826.06005859375,2841.36,2820.19,2832.41,2887390000\n2019-07-03,2995.82,2995.84,2977.96,2978.08,1963720000\n");
    bench.put(
        "DFF_sim.csv",
        "date,value\n1954-07-01,1.13\n2019-05-24,2.39\n2019-05-25,2.39\n2019-05-27,2.39\n2019-05-28,.\n",
    );
    bench.put("vx.csv", "\"\",\"date\",\"M1\",\"M2\",\"M3\",\"M4\",\"M5\",\"M6\",\"M7\",\"M8\"\n\"1\",2019-05-24,16.1,16.3,NA,16.5,0,17,17,17\n");
    bench.put(
        "bill.csv",
        "fecha,NDX_close,IRX_close,DFF\n2019-05-24,7300.5,2.2899999618530273,2.39\n",
    );
    let report = bench.import().unwrap();
    let h = bench.open();
    assert_eq!(
        close(&h, "VIX", "2019-05-24"),
        Some((15.85, at("2019-05-24", 16, 15)))
    );
    assert_eq!(close(&h, "VIX", "2019-05-27"), None);
    assert_eq!(
        close(&h, "VVIX", "2019-05-24"),
        Some((93.55, at("2019-05-24", 16, 15)))
    );
    assert_eq!(
        close(&h, "SPX", "2019-05-24"),
        Some((2_826.060_058_593_75, at("2019-05-24", 16, 0)))
    );
    assert_eq!(close(&h, "SPX", "2019-07-03").unwrap().1, at("2019-07-03", 13, 0));
    assert_eq!(
        h.series("SPX", BarSize::Session).unwrap().unwrap().volume[0],
        Some(2_887_390_000.0)
    );
    let (rate, known) = close(&h, "DFF", "2019-05-24").unwrap();
    assert!((rate - 0.0239).abs() < 1e-15, "percent is stored as a fraction");
    assert_eq!(known, at("2019-05-28", 9, 30));
    assert_eq!(value(&h, "VX1", "2019-05-24"), Some(16.1));
    assert_eq!(close(&h, "VX3", "2019-05-24"), None);
    assert_eq!(close(&h, "VX5", "2019-05-24"), None, "a settlement of 0 is none");
    assert_eq!(
        close(&h, "IRX13W", "2019-05-24").unwrap().1,
        at("2019-05-24", 16, 15)
    );
    let q = |id: &str| report.quality.series.iter().find(|s| s.id == id).unwrap();
    assert_eq!(
        (q("VIX").off_session.count, q("VIX").off_session.first[0].as_str()),
        (1, "2019-05-27")
    );
    assert_eq!(
        (q("DFF").between_sessions, q("DFF").before_calendar, q("DFF").rows),
        (2, 1, 1)
    );
    assert_eq!((q("DFF").files.len(), q("DFF").conflicts.count), (2, 0));
    let settled = h.settlement(Root::Spxw, d("2019-05-24")).unwrap().unwrap();
    assert_eq!((settled.price, settled.approximate), (Price(2_826_060), false));
    let rate = h.rate(at("2019-05-28", 15, 45)).unwrap().unwrap();
    assert!((rate - 365.0 * f64::ln_1p(0.0239 / 360.0)).abs() < 1e-15);
    // Until fed funds are published, the bill of the same day is the best rate known.
    let bill = h.rate(at("2019-05-24", 16, 15)).unwrap().unwrap();
    assert!((bill + 365.0 / 91.0 * f64::ln_1p(-0.022_899_999_618_530_273 * 91.0 / 360.0)).abs() < 1e-12);
    assert_eq!(h.rate(at("2019-05-24", 16, 14)).unwrap(), None);
}

#[test]
fn the_joined_table_gives_series_and_events() {
    let bench = Bench::new();
    let header = "date,spx_close,spx_high,spx_low,spx_open,spx_volume,vix_open,vix_high,vix_low,vix_close,vvix_vvix,skew_skew,vx_m1,vx_m2,dff_pct,irx_13w_pct,fomc_day,cpi_day,early_close,spx_chain_file";
    let rows = "2019-05-01,2923.73,2954.13,2923.36,2952.33,1,13,15,12,14.8,93,120,14.7,15.9,2.45,2.37,1,0,0,x\n2019-05-10,2881.4,2891.31,2825.39,2863.1,1,19,22,15,16.04,101,118,16.9,17.2,2.39,2.37,0,1,0,x\n";
    bench.put("daily.csv", format!("{header}\n{rows}"));
    let report = bench.import().unwrap();
    let h = bench.open();
    assert_eq!(value(&h, "VX2", "2019-05-10"), Some(17.2));
    assert_eq!(value(&h, "SKEW", "2019-05-01"), Some(120.0));
    assert_eq!(
        h.series("SPX", BarSize::Session).unwrap().unwrap().open,
        [Some(2952.33), Some(2863.1)]
    );
    let fomc = h.events("FOMC").unwrap().unwrap();
    assert_eq!(fomc.rows[0].at, at("2019-05-01", 14, 0));
    assert!(fomc.rows[0].scheduled_known_at < at("2019-03-01", 0, 0));
    assert_eq!(
        h.events("CPI").unwrap().unwrap().rows[0].at,
        at("2019-05-10", 8, 30)
    );
    assert!(
        report
            .quality
            .assumptions
            .iter()
            .any(|a| a.contains("90 days ahead"))
    );
    let e = Bench::new().fails(
        "daily.csv",
        format!("{header}\n{}", rows.replace(",1,0,0,x", ",1,0,1,x")),
    );
    assert_eq!(
        (e.line, e.column.as_deref()),
        (Some(2), Some("early_close")),
        "{e}"
    );
}

#[test]
fn events_carry_their_hour_their_announcement_and_their_figures() {
    let bench = Bench::new();
    bench.put("fomc.csv", "date,minutes,press_conference,projections,monetary_policy,source,is_nyse_session\n\
        2012-04-25,1.0,1.0,1.0,0.0,sim,1.0\n2012-10-23,1.0,0.0,0.0,0.0,sim,1.0\n2012-10-24,1.0,0.0,0.0,0.0,sim,1.0\n\
        2019-10-04,0.0,0.0,0.0,0.0,sim,1.0\n2020-03-15,1.0,1.0,0.0,1.0,sim,0.0\n2026-01-28,,,,,sim,1.0\n");
    bench.put(
        "cpi.csv",
        "release_date,reference_month\n2022-02-10,2022-01\n2022-03-10,2022-02\n",
    );
    bench.put("releases.csv", "date,time,impact,text,actual,forecast,previous\n\
        2022-02-10,8:30am,high,CPI m/m,0.6%,0.4%,0.6%\n2022-03-10,7:30am,high,CPI m/m,0.8%,,0.6%\n\
        2022-02-04,8:30am,high,Non-Farm Employment Change,467K,110K,510K\n2022-02-04,9:00am,low,Something Else,1,2,3\n");
    let report = bench.import().unwrap();
    let h = bench.open();
    let times: Vec<_> = h
        .events("FOMC")
        .unwrap()
        .unwrap()
        .rows
        .iter()
        .map(|r| r.at)
        .collect();
    assert_eq!(
        times,
        [
            at("2012-04-25", 12, 30),
            at("2012-10-24", 14, 15),
            at("2026-01-28", 14, 0)
        ]
    );
    let surprise = h.events("FOMC_UNSCHEDULED").unwrap().unwrap();
    assert_eq!(surprise.rows[0].at, at("2019-10-04", 16, 0));
    assert_eq!(
        surprise.rows[1].at,
        at("2020-03-16", 9, 30),
        "a Sunday meeting is known at the next open"
    );
    assert!(surprise.rows.iter().all(|r| r.scheduled_known_at == r.at));
    let cpi = h.events("CPI").unwrap().unwrap();
    assert_eq!(
        (cpi.rows[0].actual, cpi.rows[0].consensus),
        (Some(0.006), Some(0.004))
    );
    assert_eq!(
        cpi.rows[1].at,
        at("2022-03-10", 8, 30),
        "not before the agency's own hour"
    );
    assert_eq!(h.events("NFP").unwrap().unwrap().rows[0].actual, Some(467_000.0));
    let left_out = report.quality.events.iter().find(|e| e.id == "OTHER").unwrap();
    assert_eq!(left_out.left_out.count, 1);
}

#[test]
fn a_series_of_ones_own_needs_a_name_and_is_read_a_session_late() {
    let bench = Bench::new();
    let e = bench.fails("breadth.csv", "date,value\n2019-05-24,-120\n");
    assert!(e.help().contains("--series-id"), "{e}");
    let path = bench.put("breadth.csv", "date,value\n2019-05-23,-120\n2019-05-24,310.5\n");
    let request = ImportRequest {
        series_id: Some("NYSE.ADLINE".to_owned()),
        ..ImportRequest::new(vec![path], bench.store())
    };
    run(&request, &mut ()).unwrap();
    let h = bench.open();
    assert_eq!(
        close(&h, "NYSE.ADLINE", "2019-05-24"),
        Some((310.5, at("2019-05-28", 9, 30)))
    );
    assert!(h.provenance().notes.iter().any(|n| n.contains("NYSE.ADLINE")));
    let bad = ImportRequest {
        series_id: Some("../x".to_owned()),
        ..request.clone()
    };
    assert_eq!(run(&bad, &mut ()).unwrap_err().kind, ImportErrorKind::Request);
    bench.put("other.csv", "date,value\n2019-05-23,-120\n");
    let two = ImportRequest {
        inputs: vec![bench.dir.path().join("in")],
        store: bench.dir.path().join("two"),
        ..request
    };
    assert!(run(&two, &mut ()).unwrap_err().what.contains("2 files"));
}

#[test]
fn sources_that_disagree_are_told_and_the_first_is_kept() {
    let bench = Bench::new();
    bench.put(
        "VIX_a.csv",
        "DATE,OPEN,HIGH,LOW,CLOSE\n05/23/2019,15,17,14,16.92\n",
    );
    bench.put(
        "VIX_b.csv",
        "DATE,OPEN,HIGH,LOW,CLOSE\n05/23/2019,15,17,14,16.29\n05/24/2019,15,14,16,15.9\n",
    );
    let report = bench.import().unwrap();
    let vix = &report.quality.series[0];
    assert_eq!(
        vix.conflicts.first,
        ["2019-05-23 close: 16.92 in VIX_a.csv, 16.29 in VIX_b.csv; the first was kept"]
    );
    assert_eq!(vix.inconsistent.first, ["2019-05-24"]);
    assert_eq!(value(&bench.open(), "VIX", "2019-05-23"), Some(16.92));
    let strict = ImportRequest {
        strict: true,
        store: bench.dir.path().join("strict"),
        ..bench.request()
    };
    assert_eq!(run(&strict, &mut ()).unwrap_err().kind, ImportErrorKind::Strict);
    // Adding to a store keeps what it has.
    let path = bench.put(
        "VIX_c.csv",
        "DATE,OPEN,HIGH,LOW,CLOSE\n05/23/2019,15,17,14,1\n05/28/2019,15,18,15,17.5\n",
    );
    let add = ImportRequest {
        append: true,
        ..ImportRequest::new(vec![path], bench.store())
    };
    let report = run(&add, &mut ()).unwrap();
    assert!(report.quality.series[0].conflicts.first[0].contains("16.92 in the store"));
    let h = bench.open();
    assert_eq!(value(&h, "VIX", "2019-05-23"), Some(16.92));
    assert_eq!(value(&h, "VIX", "2019-05-28"), Some(17.5));
}

#[test]
fn malformed_series_rows_name_their_place() {
    let bench = Bench::new();
    let cases = [
        (
            "DATE,OPEN,HIGH,LOW,CLOSE\n05/23/2019,15,17,14,x\n",
            Some(2),
            "close",
            "not a number",
        ),
        (
            "DATE,OPEN,HIGH,LOW,CLOSE\n05/23/2019,15,17,-14,16\n",
            Some(2),
            "low",
            "not above zero",
        ),
        (
            "DATE,OPEN,HIGH,LOW,CLOSE\n\n23.05.2019,15,17,14,16\n",
            Some(3),
            "date",
            "not a date",
        ),
        (
            "DATE,OPEN,HIGH,LOW,CLOSE\n05/23/2019,15\n",
            Some(2),
            "high",
            "the row has 2 fields",
        ),
        // Windows line ends, a blank line, and a last line without an end.
        (
            "DATE,OPEN,HIGH,LOW,CLOSE\r\n05/23/2019,15,17,14,16\r\n\r\n05/24/2019,15,17,14,?",
            Some(4),
            "close",
            "not a number",
        ),
    ];
    for (text, line, column, words) in cases {
        let e = bench.fails("VIX_sim.csv", text);
        assert_eq!(
            (e.kind, e.line, e.column.as_deref()),
            (ImportErrorKind::BadRow, line, Some(column)),
            "{e}"
        );
        assert!(e.what.contains(words), "{e}");
    }
    assert_eq!(
        bench.fails("VIX_sim.csv", "DATE,OPEN,HIGH,LOW,CLOSE\n").kind,
        ImportErrorKind::Empty
    );
    assert_eq!(
        bench
            .fails("VIX_sim.csv", "DATE,OPEN,HIGH,LOW,SHUT\n05/23/2019,1,1,1,1\n")
            .kind,
        ImportErrorKind::UnknownLayout
    );
    let e = bench.fails("VIX_sim.csv", "DATE,OPEN,HIGH,LOW,CLOSE\n05/27/2019,1,1,1,1\n");
    assert_eq!(e.kind, ImportErrorKind::Nothing, "{e}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever the series and the day: its bar cannot be read before its session has closed, nor before an earlier bar.
    #[test]
    fn no_value_is_readable_before_its_availability(
        id in prop::sample::select(vec!["SPX", "VIX", "VVIX", "VX1", "DFF", "IRX13W", "MY.FEED"]),
        offsets in prop::collection::btree_set(0u64..9_000, 1..40),
    ) {
        let bench = Bench::new();
        let start = d("2001-01-02");
        let mut text = "date,value\n".to_owned();
        for n in &offsets {
            text += &format!("{},{}\n", start + chrono::Days::new(*n), n + 1);
        }
        let path = bench.put("sim.csv", text);
        let request = ImportRequest { series_id: Some(id.to_owned()), ..ImportRequest::new(vec![path], bench.store()) };
        let cal = ExchangeCalendar::nyse();
        let sessions = offsets.iter().filter(|n| cal.is_session(start + chrono::Days::new(**n))).count();
        match run(&request, &mut ()) {
            Err(e) => prop_assert!(sessions == 0 && e.kind == ImportErrorKind::Nothing, "{}", e),
            Ok(_) => {
                let s = bench.open().series(id, BarSize::Session).unwrap().unwrap();
                prop_assert_eq!(s.date.len(), sessions);
                for (i, date) in s.date.iter().enumerate() {
                    prop_assert!(s.available_at[i] >= cal.close_at(*date).unwrap());
                    prop_assert!(s.available_at[i].0 - s.starts_at[i].0 < 6 * 86_400);
                    prop_assert!(i == 0 || s.available_at[i] > s.available_at[i - 1]);
                    // What a reader at any instant sees is the bars whose availability has passed, and no other.
                    let seen = s.available_at.partition_point(|k| *k <= s.starts_at[i]);
                    prop_assert!(seen <= i);
                }
            }
        }
    }
}

const CFE: &str = "Trade Date,Futures,Open,High,Low,Close,Settle,Change,Total Volume,EFP,Open Interest\n";

/// Contracts keep their own series, and each session's price stands at the place that the contract had on that curve.
#[test]
fn futures_by_contract_give_their_places_on_the_curve() {
    let bench = Bench::new();
    let row = |date: &str, name: &str, settle: &str| {
        format!("{date},{name},14.0,14.2,13.9,14.0,{settle},0.1,1200,0,3400\n")
    };
    // Expiries by the exchange's rule: 2024-01-17, 2024-02-14; the week of 2024-02-07 is the sixth of the year.
    let february = "G (Feb 2024)";
    bench.put(
        "VX_2024-02-14.csv",
        [
            CFE.to_owned(),
            row("2024-01-16", february, "15.25"),
            row("2024-01-17", february, "15.40"),
            row("2024-01-18", february, "0"),
            // The exchange's last row is of the settlement morning.
            row("2024-02-14", february, "14.91"),
        ]
        .concat(),
    );
    bench.put(
        "VX_2024-02-07.csv",
        CFE.to_owned() + &row("2024-01-17", "VX06 (Feb 2024)", "15.10"),
    );
    // The archive names a file by the month.
    bench.put(
        "CFE_F24_VXM.csv",
        CFE.to_owned() + &row("2024-01-16", "F (Jan 24)", "13.75"),
    );
    bench.put(
        "index_futures.csv",
        "date,symbol,settlement_price\n2024-01-16,ESH24,4785.25\n2024-01-16,/MESM4,4840.5\n2024-01-16,NQH24,16900\n2024-03-14,ESM24,5220.75\n2024-03-15,ESM24,5175.5\n",
    );
    let report = bench.import().unwrap();
    let files: Vec<_> = report.quality.files.iter().map(|f| f.layout.as_str()).collect();
    assert_eq!(
        files,
        ["cfe-futures", "cfe-futures", "cfe-futures", "future-settlements"]
    );
    let h = bench.open();
    let of = |id: &str, date: &str| value(&h, id, date);
    assert_eq!(of("VX.2024-02-14", "2024-01-16"), Some(15.25));
    assert_eq!(
        (of("VX2", "2024-01-16"), of("VX1", "2024-01-16")),
        (Some(15.25), None)
    );
    assert_eq!(
        (of("VX1", "2024-01-17"), of("VX2", "2024-01-17")),
        (Some(15.4), None)
    );
    assert_eq!(of("VX1", "2024-01-18"), None);
    assert_eq!(of("VX.2024-02-14", "2024-02-14"), None);
    assert_eq!(of("VX.2024-02-07", "2024-01-17"), Some(15.1));
    assert_eq!(
        (of("VXM1", "2024-01-16"), of("VXM.2024-01-17", "2024-01-16")),
        (Some(13.75), Some(13.75))
    );
    assert_eq!(
        (of("ES1", "2024-01-16"), of("MES2", "2024-01-16")),
        (Some(4785.25), Some(4840.5))
    );
    // On the morning of an expiry the next quarter is the first.
    assert_eq!(
        (of("ES2", "2024-03-14"), of("ES1", "2024-03-15")),
        (Some(5220.75), Some(5175.5))
    );
    assert_eq!(close(&h, "ES1", "2024-01-16").unwrap().1, at("2024-01-16", 16, 0));
    let told = &report.quality.assumptions;
    assert!(
        told.iter()
            .any(|a| a == "index_futures.csv: 1 rows of other futures were left out"),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|a| a.contains("final settlements come from VRO and SET")),
        "{told:?}"
    );
}

#[test]
fn futures_that_are_not_what_they_say_are_refused_with_a_fix() {
    let bench = Bench::new();
    let row = "2024-01-16,G (Feb 2024),14,14,14,14,15.25,0,0,0,0\n";
    let says = |name: &str, text: String, what: &str| {
        let e = bench.fails(name, text);
        assert!(e.to_string().contains(what), "{e}");
    };
    says("prices.csv", CFE.to_owned() + row, "says which class");
    says(
        "VX_2024-02-15.csv",
        CFE.to_owned() + row,
        "no such contract settled",
    );
    says(
        "CFE_G24_VX.csv",
        CFE.to_owned() + "2024-01-16,H (Feb 2024),1,1,1,1,15,0,0,0,0\n",
        "is not a month",
    );
    says(
        "VX_2024-01-17.csv",
        CFE.to_owned() + "2024-01-18,F (Jan 2024),1,1,1,1,15,0,0,0,0\n",
        "after the settlement",
    );
    says(
        "VX_2024-02-14.csv",
        CFE.to_owned() + &row.replace("15.25", "-1"),
        "is negative",
    );
    says(
        "f.csv",
        "date,symbol,settle\n2024-01-16,ESF24,4800\n".to_owned(),
        "no contract of that month",
    );
    says(
        "f.csv",
        "date,symbol,settle\n2024-01-16,NQH24,16900\n".to_owned(),
        "has no settlement price of VX",
    );
    // CFE's rescaling of 2007-03-26.
    says(
        "f.csv",
        "date,symbol,settle\n2007-03-23,VXJ07,141.20\n".to_owned(),
        "divide by ten",
    );
}
