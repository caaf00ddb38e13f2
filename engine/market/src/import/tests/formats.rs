//! One test a vendor's layout: numbers are invented, headers are the vendors' own.

use super::*;

pub(super) fn quote(h: &StoreHistory, underlying: &str, at: Instant, contract: &str) -> Option<(i64, i64)> {
    let contract = OptionContract::parse_osi(contract).unwrap();
    let s = h.snapshot(underlying, at).unwrap();
    let chain = s.expiry(contract.root, contract.expiry)?;
    let i = chain.index_of(contract.strike)?;
    let side = chain.side(contract.right);
    Some((side.bid[i].0, side.ask[i].0))
}

pub(super) fn layouts(report: &ImportReport) -> Vec<&str> {
    report.quality.files.iter().map(|f| f.layout.as_str()).collect()
}

const INTERVALS: &str = "underlying_symbol,quote_datetime,root,expiration,strike,option_type,open,high,low,close,trade_volume,bid_size,bid,ask_size,ask,underlying_bid,underlying_ask";

/// Two minutes of two contracts; the underlying's columns as given.
fn intervals(header: &str, tail: &str, day: &str, minutes: [&str; 2]) -> String {
    let mut text = format!("{header}\n");
    for minute in minutes {
        for (right, bid, ask) in [("C", "12.3000", "12.7000"), ("P", "9.1000", "9.4000")] {
            text += &format!(
                "^SPX,{day} {minute},SPXW,2024-01-19,4750.000,{right},0.0000,0.0000,0.0000,0.0000,7,11,{bid},20,{ask},{tail}\n"
            );
        }
    }
    text
}

#[test]
fn datashop_intervals_are_eastern_snapshots_with_and_without_calculations() {
    let calcs = ",implied_underlying_price,active_underlying_price,implied_volatility,delta,gamma,theta,vega,rho,open_interest";
    let times = ["09:31:00", "09:32:00"];
    let plain = intervals(INTERVALS, "4752.1000,4752.1400", "2024-01-16", times);
    let with = intervals(
        &format!("{INTERVALS}{calcs}"),
        // No index licence: bid and ask are zero, the active price stands.
        "0.0000,0.0000,4753.0000,4752.1200,0.1320,0.5100,0.0040,-1.0,2.0,0.5,321",
        "2024-01-16",
        times,
    );
    for (text, iv, interest) in [(plain, None, 0), (with, Some(0.132), 321)] {
        let bench = Bench::new();
        bench.put("UnderlyingOptionsIntervals_60sec_2024-01-16.csv", text);
        let report = bench.import().unwrap();
        assert_eq!(layouts(&report), ["datashop-intervals"]);
        let day = &report.quality.chain_days[0];
        assert_eq!((day.snapshots, day.snapshot.as_str()), (2, "09:31 to 09:32"));
        let h = bench.open();
        let first = at("2024-01-16", 9, 31);
        assert_eq!(
            h.ticks("SPX", d("2024-01-01"), d("2024-02-01")),
            [first, at("2024-01-16", 9, 32)]
        );
        assert_eq!(h.snapshot("SPX", first).unwrap().spot, Price(4_752_120));
        assert_eq!(quote(&h, "SPX", first, "SPXW240119P04750000"), Some((9100, 9400)));
        let row = h.day_rows(Root::Spxw, d("2024-01-16")).unwrap()[0].rows[1];
        assert_eq!((row.bid_size, row.ask_size), (Some(11), Some(20)));
        let snapshot = h.snapshot("SPX", first).unwrap();
        let calls = &snapshot.expiry(Root::Spxw, d("2024-01-19")).unwrap().calls;
        assert_eq!((&calls.bid_size[..], &calls.ask_size[..]), (&[11][..], &[20][..]));
        // One strike is not the six that say how deep the book is.
        assert!(h.series("SPX.DEPTH", BarSize::Session).unwrap().is_none());
        assert_eq!((row.vendor.iv, row.open_interest), (iv, interest));
    }
}

/// Each vendor's columns of sizes, and the depth that rules read as `SPX.depth`.
#[test]
fn sizes_come_with_the_quotes_and_make_a_series_of_depth() {
    let bench = Bench::new();
    let mut text = format!("{INTERVALS}\n");
    for (day, size) in [("2024-01-16", 10), ("2024-01-17", 30)] {
        for strike in (4700..=4800).step_by(10) {
            for right in ["C", "P"] {
                text += &format!(
                    "^SPX,{day} 15:45:00,SPXW,2024-02-16,{strike}.000,{right},0,0,0,0,{},{size},{}.3,{size},{}.7,4752.1,4752.1\n",
                    // Another day has other trades, or it would be a copy.
                    strike % 13 + size,
                    strike % 97 + size,
                    strike % 97 + size
                );
            }
        }
    }
    bench.put("intervals.csv", text);
    let report = bench.import().unwrap();
    let h = bench.open();
    let depth = h.series("SPX.DEPTH", BarSize::Session).unwrap().unwrap();
    // Six strikes, a put and a call each.
    assert_eq!(depth.close, [Some(120.0), Some(360.0)]);
    assert_eq!(depth.available_at[0], at("2024-01-16", 16, 15));
    let told = &report.quality.assumptions;
    assert!(
        told.iter().any(|a| a.starts_with("series SPX.DEPTH: ")),
        "{told:?}"
    );

    // OptionsDX writes both sizes in one field.
    let bench = Bench::new();
    bench.put(
        "spx_eod_202401.txt",
        "[QUOTE_UNIXTIME], [QUOTE_READTIME], [UNDERLYING_LAST], [EXPIRE_DATE], [STRIKE], [C_SIZE], [C_BID], [C_ASK], [P_BID], [P_ASK], [P_SIZE]\n\
         1705438800, 2024-01-16 16:00, 4765.9, 2024-01-26, 4750, 51 x 2, 31, 32, 14, 15, \n",
    );
    bench.import().unwrap();
    let rows = bench
        .open()
        .day_rows(Root::Spxw, d("2024-01-16"))
        .unwrap()
        .remove(0)
        .rows;
    let sizes: Vec<_> = rows.iter().map(|r| (r.bid_size, r.ask_size)).collect();
    assert_eq!(sizes, [(None, None), (Some(51), Some(2))]);
    let e = Bench::new().fails(
        "spx_eod_202402.txt",
        "[QUOTE_UNIXTIME], [QUOTE_READTIME], [UNDERLYING_LAST], [EXPIRE_DATE], [STRIKE], [C_SIZE], [C_BID], [C_ASK], [P_BID], [P_ASK], [P_SIZE]\n\
         1705438800, 2024-01-16 16:00, 4765.9, 2024-01-26, 4750, many, 31, 32, 14, 15, 1 x 1\n",
    );
    assert!(
        e.to_string()
            .contains("`many` is not two sizes such as `12 x 40`"),
        "{e}"
    );
}

#[test]
fn quotes_outside_the_session_are_left_out_and_counted() {
    let bench = Bench::new();
    // A half day: 13:15 is the last minute of index options.
    let day = "2023-11-24";
    let mut text = intervals(INTERVALS, "4559.0,4559.0", day, ["13:15:00", "13:16:00"]);
    let night = intervals(INTERVALS, "4560.0,4560.0", day, ["03:00:00", "09:30:00"]);
    text += night.split_once('\n').unwrap().1;
    bench.put("quotes.csv", text);
    let report = bench.import().unwrap();
    assert_eq!(report.quality.totals().outside_hours, 4);
    assert!(
        report
            .quality
            .to_text()
            .contains("outside the regular session left out 4")
    );
    assert_eq!(
        bench.open().ticks("SPX", d(day), d(day)),
        [at(day, 9, 30), at(day, 13, 15)]
    );
}

#[test]
fn a_day_may_have_so_many_snapshots_and_no_more() {
    let limit = i64::try_from(readers::SNAPSHOTS_MAX).unwrap();
    let text = |n: i64| {
        let first = at("2024-01-16", 9, 30).eastern();
        let rows = (0..n).map(|i| {
            let time = (first + chrono::Duration::seconds(i)).format("%H:%M:%S");
            format!(
                "^SPX,2024-01-16 {time},SPXW,2024-01-19,4750.000,C,0,0,0,0,7,11,12.3,20,12.7,4752.1,4752.1\n"
            )
        });
        format!("{INTERVALS}\n{}", rows.collect::<String>())
    };
    let bench = Bench::new();
    bench.put("seconds.csv", text(limit));
    let report = bench.import().unwrap();
    assert_eq!(report.quality.chain_days[0].snapshots, 5_000);
    let e = Bench::new().fails("seconds.csv", text(limit + 1));
    assert_eq!(e.line, Some(5_002), "{e}");
    assert!(
        e.what.contains("more than 5000 different times on 2024-01-16"),
        "{e}"
    );
}

#[test]
fn the_underlying_of_a_chain_comes_from_minute_bars_of_the_same_import() {
    let bench = Bench::new();
    let quotes: String = theta_v2("20240119", 4_750_000)
        .lines()
        .filter(|l| !l.ends_with("20240117"))
        .map(|l| l.to_owned() + "\n")
        .collect();
    bench.put("SPXW_20240119.csv", quotes);
    // The bar from 09:30 is known at 09:31, the one from 15:59 at 16:00.
    let bars = [
        ("09:29", 1.0),
        ("09:30", 4751.25),
        ("09:31", 2.0),
        ("15:58", 3.0),
        ("15:59", 4765.5),
    ];
    let rows = bars.map(|(time, close)| format!("2024-01-16 {time},{close},{close},{close},{close}\n"));
    bench.put(
        "minutes.csv",
        format!("datetime,open,high,low,close\n{}", rows.concat()),
    );
    let request = ImportRequest {
        series_id: Some("SPX".to_owned()),
        time_zone: time_zone("America/New_York"),
        ..bench.request()
    };
    run(&request, &mut ()).unwrap();
    let h = bench.open();
    let spot = |hour, minute| h.snapshot("SPX", at("2024-01-16", hour, minute)).unwrap().spot;
    assert_eq!((spot(9, 31), spot(16, 0)), (Price(4_751_250), Price(4_765_500)));
}

#[test]
fn a_saturday_and_the_friday_before_it_are_one_expiry() {
    let header = super::chains::HEADER;
    let row = |stated: &str, symbol: &str| {
        format!(
            "SPX,1965.99,CBOE,SPX{symbol}C01900000,call,{stated},09/12/2014,1900,70,0,69.1,70.2,3,31,0.12,0.9,0.001\n"
        )
    };
    for (stated, symbol) in [("09/20/2014", "140919"), ("09/19/2014", "140920")] {
        let bench = Bench::new();
        bench.put("a.csv", format!("{header}\n{}", row(stated, symbol)));
        assert_eq!(bench.import().unwrap().quality.totals().all_rows(), 1, "{stated}");
    }
    let e = Bench::new().fails("a.csv", format!("{header}\n{}", row("09/26/2014", "140919")));
    assert!(e.what.contains("not the expiry 2014-09-19"), "{e}");
}

#[test]
fn datashop_end_of_day_takes_the_1545_columns_and_the_active_price_without_a_licence() {
    let header = "underlying_symbol,quote_date,root,expiration,strike,option_type,open,high,low,close,trade_volume,bid_size_1545,bid_1545,ask_size_1545,ask_1545,underlying_bid_1545,underlying_ask_1545,implied_underlying_price_1545,active_underlying_price_1545,implied_volatility_1545,delta_1545,gamma_1545,theta_1545,vega_1545,rho_1545,bid_size_eod,bid_eod,ask_size_eod,ask_eod,underlying_bid_eod,underlying_ask_eod,vwap,open_interest,delivery_code";
    let row = |root: &str, expiry: &str, right: &str, delivery: &str| {
        format!(
            "^SPX,2020-11-27,{root},{expiry},3600.000,{right},0,0,0,0,3,5,41.2,6,41.9,,,3639.1,3638.35,0.19,0.6,0.003,-1,2,1,4,40,4,43,,,0,17,{delivery}\n"
        )
    };
    let bench = Bench::new();
    let text = format!(
        "{header}\n{}{}{}",
        row("SPX", "2020-12-18", "C", ""),
        row("SPXW", "2020-12-18", "C", ""),
        row("SPXW", "2020-12-18", "P", "X")
    );
    bench.put("UnderlyingOptionsEODCalcs_2020-11-27.csv", text);
    let report = bench.import().unwrap();
    let h = bench.open();
    // A half day since 2020: the snapshot is of 12:45, whatever the column says.
    let when = at("2020-11-27", 12, 45);
    assert_eq!(h.ticks("SPX", d("2020-11-01"), d("2020-12-01")), [when]);
    let s = h.snapshot("SPX", when).unwrap();
    assert_eq!((s.spot, s.expiries.len()), (Price(3_638_350), 2));
    assert!(report.quality.refused[0].reason.contains("SPXW with delivery X"));
}

const OPTIONSDX: &str = "[QUOTE_UNIXTIME], [QUOTE_READTIME], [QUOTE_DATE], [QUOTE_TIME_HOURS], [UNDERLYING_LAST], [EXPIRE_DATE], [EXPIRE_UNIX], [DTE], [C_DELTA], [C_GAMMA], [C_VEGA], [C_THETA], [C_RHO], [C_IV], [C_VOLUME], [C_LAST], [C_SIZE], [C_BID], [C_ASK], [STRIKE], [P_BID], [P_ASK], [P_SIZE], [P_LAST], [P_DELTA], [P_GAMMA], [P_VEGA], [P_THETA], [P_RHO], [P_IV], [P_VOLUME], [STRIKE_DISTANCE], [STRIKE_DISTANCE_PCT]";

fn optionsdx_row(expiry: &str, strike: u32, call_bid: &str) -> String {
    // 2024-01-16 16:00 in New York.
    format!(
        "1705438800, 2024-01-16 16:00, 2024-01-16, 16.000000, 4765.980000, {expiry}, 1705611600, 2.000000, 0.510000, 0.004000, 1.0, -2.0, 0.1, 0.131000, 12.000000, 30.100000, 10 x 12, {call_bid}, 31.400000, {strike}.000000, 14.800000, 15.200000, 9 x 30, 15.000000, -0.490000, 0.004000, 1.0, -2.0, -0.1, -0.000490, , 15.98, 0.003\n"
    )
}

#[test]
fn optionsdx_gives_a_call_and_a_put_a_row_and_leaves_roots_to_be_stated() {
    let bench = Bench::new();
    let day = |expiry| {
        format!(
            "{OPTIONSDX}\n{}{}",
            optionsdx_row(expiry, 4750, "30.9"),
            optionsdx_row(expiry, 4755, "")
        )
    };
    // An expiry that SPXW alone has needs no rule.
    bench.put("spx_eod_202401-ab12cd.txt", day("2024-01-17"));
    let report = bench.import().unwrap();
    assert_eq!(layouts(&report), ["optionsdx"]);
    let h = bench.open();
    let when = at("2024-01-16", 16, 0);
    assert_eq!(
        quote(&h, "SPX", when, "SPXW240117C04750000"),
        Some((30_900, 31_400))
    );
    // A blank bid is no bid; a negative volatility is none.
    assert_eq!(quote(&h, "SPX", when, "SPXW240117C04755000"), Some((0, 31_400)));
    let rows = h.day_rows(Root::Spxw, d("2024-01-16")).unwrap().remove(0).rows;
    assert_eq!((rows[0].vendor.iv, rows[1].vendor.iv), (None, Some(0.131)));
    let notes = report.quality.assumptions.join("\n");
    assert!(
        notes.contains("by the calendar") && notes.contains("no open interest"),
        "{notes}"
    );

    // The monthly expiry and its eve are ambiguous, and nothing is guessed.
    for expiry in ["2024-01-18", "2024-01-19"] {
        let e = Bench::new().fails("spx_eod_202401.txt", day(expiry));
        assert_eq!((e.kind, e.line), (ImportErrorKind::Ambiguous, Some(2)), "{e}");
        assert!(
            e.what.contains("may be SPX (AM settled) or SPXW (PM settled)"),
            "{e}"
        );
        assert!(e.help().contains("--root monthly=SPX,other=SPXW") && e.help().contains("eve=SPX"));
    }
    let stated = |bench: &Bench, expiry, rule: &str| {
        bench.put("spx_eod_202401.txt", day(expiry));
        let request = ImportRequest {
            roots: Some(RootRule::parse(rule).unwrap()),
            ..bench.request()
        };
        let report = run(&request, &mut ()).unwrap();
        (
            report.quality.totals().rows,
            report.quality.assumptions.join("\n"),
            bench.open(),
        )
    };
    let rule = "eve=SPX,monthly=SPXW,other=SPXW";
    let (rows, notes, _) = stated(&Bench::new(), "2024-01-19", rule);
    assert_eq!(rows, BTreeMap::from([("SPXW".to_owned(), 4)]));
    assert!(
        notes.contains(&format!("as stated, the source does not say them: {rule}")),
        "{notes}"
    );
    // AM series under their last trading day get the morning on which they settle.
    let bench = Bench::new();
    let (rows, _, h) = stated(&bench, "2024-01-18", rule);
    assert_eq!(rows, BTreeMap::from([("SPX".to_owned(), 4)]));
    assert_eq!(
        h.snapshot("SPX", when).unwrap().expiries[0].expiry,
        d("2024-01-19")
    );

    // Two quotes of one strike on a day that two roots share: no rule tells them apart.
    let twice = format!(
        "{OPTIONSDX}\n{}{}",
        optionsdx_row("2024-01-19", 4750, "30.9"),
        optionsdx_row("2024-01-19", 4750, "30.8")
    );
    let bench = Bench::new();
    bench.put("spx_eod_202401.txt", twice);
    let request = ImportRequest {
        roots: Some(RootRule::parse("SPXW").unwrap()),
        skip_bad: true,
        ..bench.request()
    };
    let e = run(&request, &mut ()).unwrap_err();
    assert_eq!((e.kind, e.line), (ImportErrorKind::Ambiguous, Some(3)), "{e}");
    assert!(
        e.what.contains("stands there twice") && e.help().contains("monthly=skip"),
        "{e}"
    );
}

#[test]
fn optionsdx_without_a_name_or_a_zone_asks_for_them() {
    let bench = Bench::new();
    let text = format!("{OPTIONSDX}\n{}", optionsdx_row("2024-01-17", 4750, "30.9"));
    let e = bench.fails("chains.csv", &text);
    assert_eq!(e.kind, ImportErrorKind::Ambiguous);
    assert!(
        e.what.contains("whose options") && e.help().contains("--root SPXW"),
        "{e}"
    );
    let without: String = text
        .lines()
        .map(|l| l.split_once(", ").unwrap().1.to_owned() + "\n")
        .collect();
    let e = bench.fails("spx_eod.csv", &without);
    assert_eq!(e.kind, ImportErrorKind::NoTimeZone);
    assert!(e.help().contains("--time-zone America/New_York"), "{e}");
    bench.put("spx_eod.csv", &without);
    let request = ImportRequest {
        time_zone: time_zone("America/Chicago"),
        ..bench.request()
    };
    run(&request, &mut ()).unwrap();
    // 16:00 in Chicago is an hour after the close: the quotes are those of the close.
    assert_eq!(
        bench.open().ticks("SPX", d("2024-01-16"), d("2024-01-16")),
        [at("2024-01-16", 16, 15)]
    );
    let e = Bench::new().fails("spx_eod_2.csv", text.replace("1705438800", "1705435200"));
    assert!(
        e.what
            .contains("which `2024-01-16 16:00` (America/New_York) is not"),
        "{e}"
    );
}

const THETA_V2: &str = "root,expiration,strike,right,ms_of_day,bid_size,bid_exchange,bid,bid_condition,ask_size,ask_exchange,ask,ask_condition,date";

/// Contract after contract, as the service answers: a call and a put at two times of two days.
fn theta_v2(expiry: &str, strike: u32) -> String {
    let mut text = format!("{THETA_V2}\n");
    for (right, bid, ask) in [("C", 8.1, 8.3), ("P", 5.0, 5.2)] {
        for date in ["20240116", "20240117"] {
            for ms in [34_260_000, 57_600_000] {
                text += &format!("SPXW,{expiry},{strike},{right},{ms},10,5,{bid},50,12,5,{ask},50,{date}\n");
            }
        }
    }
    text
}

#[test]
fn theta_v2_strikes_are_tenths_of_a_cent_and_days_come_in_several_files() {
    let bench = Bench::new();
    bench.put("SPXW_20240119.csv", theta_v2("20240119", 4_750_000));
    bench.put("SPXW_20240126.csv", theta_v2("20240126", 4_752_500));
    let e = bench.import().unwrap_err();
    assert_eq!(e.kind, ImportErrorKind::NoUnderlying, "{e}");
    assert!(e.what.contains("no price of SPX"), "{e}");
    assert!(e.help().contains("--append") && e.help().contains("--underlying parity"));

    // The close is known at 16:00; in the morning nothing is.
    bench.put(
        "GSPC.csv",
        "DATE,OPEN,HIGH,LOW,CLOSE\n01/16/2024,4774,4782,4747,4765.98\n01/17/2024,4739,4744,4714,4739.21\n",
    );
    let series = ImportRequest {
        inputs: vec![bench.dir.path().join("in/GSPC.csv")],
        series_id: Some("SPX".to_owned()),
        ..bench.request()
    };
    run(&series, &mut ()).unwrap();
    fs::remove_file(bench.dir.path().join("in/GSPC.csv")).unwrap();
    let add = ImportRequest {
        append: true,
        ..bench.request()
    };
    assert_eq!(
        run(&add, &mut ()).unwrap_err().kind,
        ImportErrorKind::NoUnderlying
    );
    for name in ["SPXW_20240119.csv", "SPXW_20240126.csv"] {
        let path = bench.dir.path().join("in").join(name);
        let late: String = fs::read_to_string(&path)
            .unwrap()
            .lines()
            .filter(|l| !l.contains(",34260000,"))
            .map(|l| l.to_owned() + "\n")
            .collect();
        fs::write(path, late).unwrap();
    }
    let report = run(&add, &mut ()).unwrap();
    assert_eq!(layouts(&report), ["theta-v2", "theta-v2"]);
    let day = &report.quality.chain_days[0];
    assert_eq!(
        (day.file.as_str(), day.rows["SPXW"], day.expiries),
        ("SPXW_20240119.csv and 1 more", 4, 2)
    );
    let h = bench.open();
    let when = at("2024-01-17", 16, 0);
    assert_eq!(
        h.ticks("SPX", d("2024-01-16"), d("2024-01-17")),
        [at("2024-01-16", 16, 0), when]
    );
    assert_eq!(h.snapshot("SPX", when).unwrap().spot, Price(4_739_210));
    assert_eq!(quote(&h, "SPX", when, "SPXW240126P04752500"), Some((5000, 5200)));
    let notes = report.quality.assumptions.join("\n");
    assert!(
        notes.contains("last one known of its series") && notes.contains("no open interest"),
        "{notes}"
    );
    // The same contract at the same time with other quotes, in another file.
    bench.put(
        "again.csv",
        theta_v2("20240119", 4_750_000)
            .replace("8.1", "7.9")
            .replace("34260000", "57600000"),
    );
    let e = run(
        &ImportRequest {
            store: bench.dir.path().join("other"),
            spot: SpotFrom::Parity,
            ..bench.request()
        },
        &mut (),
    )
    .unwrap_err();
    assert!(e.what.contains("given twice with different quotes"), "{e}");
}

#[test]
fn theta_v3_reads_intervals_with_greeks_and_the_report_of_the_day() {
    let bench = Bench::new();
    let greeks = "symbol,expiration,strike,right,timestamp,bid,ask,delta,theta,vega,rho,epsilon,lambda,implied_vol,iv_error,underlying_timestamp,underlying_price\n\
        \"SPXW\",\"2024-01-19\",4750.000,\"CALL\",2024-01-16T15:45:00.000,12.30,12.50,0.52,-1.10,0.88,0.31,0.0,0.0,0.1832,0.0,2024-01-16T15:45:00.000,4752.25\n\
        \"SPXW\",\"2024-01-19\",4750.000,\"PUT\",2024-01-16T15:45:00.000,0.0,10.50,-0.48,-1.10,0.88,0.31,0.0,0.0,-0.01,9.0,2024-01-16T15:45:00.000,4752.25\n";
    bench.put("greeks.csv", greeks);
    let report = bench.import().unwrap();
    assert_eq!(layouts(&report), ["theta-v3"]);
    assert_eq!(report.quality.totals().zero_bid, 1);
    let h = bench.open();
    let when = at("2024-01-16", 15, 45);
    assert_eq!(h.snapshot("SPX", when).unwrap().spot, Price(4_752_250));
    assert_eq!(
        quote(&h, "SPX", when, "SPXW240119C04750000"),
        Some((12_300, 12_500))
    );
    let rows = h.day_rows(Root::Spxw, d("2024-01-16")).unwrap().remove(0).rows;
    assert_eq!((rows[0].vendor.iv, rows[1].vendor.iv), (None, Some(0.1832)));

    // The report of 17:15 holds the last quotes of the day. In the one with greeks `timestamp` is the last trade's.
    let bench = Bench::new();
    bench.put(
        "eod.csv",
        "symbol,expiration,strike,right,timestamp,open,high,low,close,volume,count,bid_size,bid_exchange,bid,bid_condition,ask_size,ask_exchange,ask,ask_condition,delta,implied_vol,iv_error,underlying_timestamp,underlying_price\n\
        \"SPXW\",\"2024-01-19\",4750.000,\"CALL\",2024-01-12T11:14:46.635,1.74,2.10,0.86,1.26,438,44,306,60,12.30,50,1,1,12.50,50,0.52,0.18,0.0,2024-01-16T17:15:18.701,4765.9800\n\
        \"SPXW\",\"2024-01-19\",4750.000,\"PUT\",2024-01-16T16:09:57.619,3.06,4.44,2.20,2.90,137,15,306,1,2.96,50,112,69,3.00,50,-0.48,0.17,0.0,2024-01-16T17:15:18.701,4765.9800\n",
    );
    bench.import().unwrap();
    let h = bench.open();
    assert_eq!(
        h.ticks("SPX", d("2024-01-01"), d("2024-01-31")),
        [at("2024-01-16", 16, 15)]
    );
    let rows = h.day_rows(Root::Spxw, d("2024-01-16")).unwrap().remove(0).rows;
    assert_eq!((rows[1].volume, rows[1].last), (438, Some(Price(1260))));

    let e = Bench::new().fails(
        "snapshot.csv",
        "timestamp,symbol,expiration,strike,right,bid_size,bid_exchange,bid,bid_condition,ask_size,ask_exchange,ask,ask_condition\n2026-03-17T11:00:00.000,SPXW,2026-03-20,5000,call,10,1,12.30,0,10,1,12.50,0\n",
    );
    assert!(e.what.contains("every contract has a time of its own"), "{e}");
}

#[test]
fn a_file_like_no_layout_is_told_which_is_nearest_and_kind_overrides() {
    let bench = Bench::new();
    // Three of OptionsDX's eight columns are not there: too few to call it that.
    let e = bench.fails(
        "x.csv",
        "quote_readtime,underlying_last,expire_date,strike,mid\n1,2,3,4,5\n",
    );
    assert_eq!(e.kind, ImportErrorKind::UnknownLayout);
    assert!(
        e.help()
            .contains("nearest is optionsdx, which also needs `c_bid`, `c_ask`, `p_bid`, `p_ask`"),
        "{}",
        e.help()
    );
    // One missing column is named.
    let e = bench.fails("spx_x.csv", OPTIONSDX.replace("[P_ASK]", "[P_OFFER]"));
    assert_eq!(e.kind, ImportErrorKind::MissingColumn);
    assert!(
        e.what.contains("no column `p_ask`") && e.help().contains("layout optionsdx"),
        "{e}"
    );
    // A header that fits two layouts is not guessed at.
    let both = format!("{},symbol,timestamp", THETA_V2);
    let e = bench.fails("both.csv", format!("{both}\n"));
    assert!(e.what.contains("fits 2 layouts: theta-v2, theta-v3"), "{e}");
    let text: String = theta_v2("20240119", 4_750_000)
        .lines()
        .map(|l| {
            if l == THETA_V2 {
                format!("{both}\n")
            } else {
                format!("{l},SPXW,x\n")
            }
        })
        .collect();
    bench.put("both.csv", text);
    let request = ImportRequest {
        kind: Some(Layout::ThetaV2),
        ..bench.request()
    };
    assert_eq!(
        run(&request, &mut ()).unwrap_err().kind,
        ImportErrorKind::NoUnderlying
    );
}
