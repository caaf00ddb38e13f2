//! Vendors' services and the exchange's free quotes: numbers are invented, headers are theirs.

use super::formats::{layouts, quote};
use super::*;

#[test]
fn orats_strikes_take_roots_from_symbols_or_from_when_they_settle() {
    let near_eod = "ticker,cOpra,pOpra,stkPx,expirDate,yte,strike,cVolu,cOi,pVolu,pOi,cBidPx,cValue,cAskPx,pBidPx,pValue,pAskPx,cBidIv,cMidIv,cAskIv,smoothSmvVol,pBidIv,pMidIv,pAskIv,iRate,divRate,residualRateData,delta,gamma,theta,vega,rho,phi,driftlessTheta,extVol,extCTheo,extPTheo,spot_px,trade_date\n";
    let row = |root: &str, bid: &str| {
        format!(
            "SPX,{root}240119C04750000,{root}240119P04750000,4769.1,1/19/2024,0.008,4750,10,20,30,40,{bid},31.0,31.4,14.8,15.0,15.2,.12,.131,.14,.13,.12,.132,.14,.05,.01,0,.6,.004,-1,2,1,1,-1,.13,31,15,4765.98,1/16/2024\n"
        )
    };
    let bench = Bench::new();
    bench.put(
        "ORATS_SMV_Strikes_20240116.csv",
        format!("{near_eod}{}{}", row("SPX", "30.9"), row("SPXW", "30.8")),
    );
    let report = bench.import().unwrap();
    assert_eq!(layouts(&report), ["orats"]);
    let h = bench.open();
    let when = at("2024-01-16", 15, 46);
    assert_eq!(h.snapshot("SPX", when).unwrap().spot, Price(4_765_980));
    assert_eq!(
        quote(&h, "SPX", when, "SPX240119C04750000"),
        Some((30_900, 31_400))
    );
    assert_eq!(
        quote(&h, "SPX", when, "SPXW240119C04750000"),
        Some((30_800, 31_400))
    );
    let rows = h.day_rows(Root::Spx, d("2024-01-16")).unwrap().remove(0).rows;
    let of = |i: usize| {
        (
            rows[i].right,
            rows[i].open_interest,
            rows[i].vendor.iv,
            rows[i].vendor.delta,
        )
    };
    assert_eq!((rows[0].bid_size, rows[0].ask_size), (None, None));
    assert_eq!(of(0), (Right::Put, 40, Some(0.132), Some(0.6 - 1.0)));
    assert_eq!(of(1), (Right::Call, 20, Some(0.131), Some(0.6)));
    assert!(
        report
            .quality
            .assumptions
            .iter()
            .any(|a| a.contains("15:46 ET is assumed"))
    );

    let service = "ticker,tradeDate,expirDate,dte,strike,stockPrice,callVolume,callOpenInterest,callBidSize,callAskSize,putVolume,putOpenInterest,putBidSize,putAskSize,callBidPrice,callValue,callAskPrice,putBidPrice,putValue,putAskPrice,callMidIv,smvVol,putMidIv,delta,gamma,spotPrice,quoteDate,updatedAt,snapShotEstTime,snapShotDate,expiryTod\n";
    let row = |time: &str, tod: &str| {
        format!(
            "SPX,2024-01-16,2024-01-19,3,4750,4769.1,1,2,3,4,5,6,7,8,30.9,31,31.4,14.8,15,15.2,.131,.13,.132,.6,.004,4765.98,x,x,{time},2024-01-16T14:31:02Z,{tod}\n"
        )
    };
    let bench = Bench::new();
    bench.put(
        "minutes.csv",
        format!(
            "{service}{}{}{}",
            row("0931", "am"),
            row("0931", "pm"),
            row("1600", "pm")
        ),
    );
    let report = bench.import().unwrap();
    let rows = report.quality.totals().rows;
    assert_eq!((rows["SPX"], rows["SPXW"]), (2, 4));
    assert_eq!(
        bench.open().ticks("SPX", d("2024-01-16"), d("2024-01-16")),
        [at("2024-01-16", 9, 31), at("2024-01-16", 16, 0)]
    );
    let rows = bench
        .open()
        .day_rows(Root::Spx, d("2024-01-16"))
        .unwrap()
        .remove(0)
        .rows;
    let sizes: Vec<_> = rows.iter().map(|r| (r.bid_size, r.ask_size)).collect();
    assert_eq!(sizes, [(Some(7), Some(8)), (Some(3), Some(4))]);
    let e = Bench::new().fails("minutes2.csv", format!("{service}{}", row("0931", "")));
    assert_eq!(e.kind, ImportErrorKind::Ambiguous);
}

/// Nanoseconds of an Eastern time.
fn ns(date: &str, hour: u32, minute: u32, second: i64) -> i64 {
    (at(date, hour, minute).0 + second) * 1_000_000_000 + 5
}

#[test]
fn polygon_quotes_are_sampled_so_that_each_snapshot_holds_what_stood() {
    let day = "2024-01-16";
    let mut text = "ticker,ask_exchange,ask_price,ask_size,bid_exchange,bid_price,bid_size,sequence_number,sip_timestamp\n".to_owned();
    let mut tick = |ticker: &str, at: i64, bid: f64, ask: f64| {
        text += &format!("{ticker},300,{ask},10,300,{bid},12,77,{at}\n");
    };
    for k in 0..6 {
        let strike = 4740 + k * 5;
        for right in ["C", "P"] {
            let ticker = format!("O:SPXW240119{right}0{strike}000");
            let base = if right == "C" { 4765 - strike } else { 0 } + 20;
            tick(&ticker, ns(day, 9, 30, 1), f64::from(base), f64::from(base) + 0.4);
            // Withdrawn at noon, back a minute later.
            tick(&ticker, ns(day, 11, 59, 30), 0.0, 0.0);
            tick(
                &ticker,
                ns(day, 12, 1, 0),
                f64::from(base) - 1.0,
                f64::from(base) - 0.6,
            );
        }
    }
    tick("O:AAPL240119C00185000", ns(day, 9, 30, 1), 1.0, 1.1);
    let bench = Bench::new();
    bench.put("2024-01-16.csv", &text);
    let e = bench.import().unwrap_err();
    assert_eq!(e.kind, ImportErrorKind::NoUnderlying, "{e}");
    let request = |every| ImportRequest {
        spot: SpotFrom::Parity,
        sample_minutes: every,
        store: bench.dir.path().join(format!("{every:?}")),
        ..bench.request()
    };
    // Without a grid: one snapshot, at the snapshot time.
    let report = run(&request(None), &mut ()).unwrap();
    assert_eq!(layouts(&report), ["polygon-quotes"]);
    assert!(
        report.quality.refused[0]
            .reason
            .starts_with("1 quotes of roots other than")
    );
    assert!(
        report
            .quality
            .assumptions
            .iter()
            .any(|a| a.contains("put-call parity"))
    );
    let h = StoreHistory::open(&request(None).store).unwrap();
    let s = h.snapshot("SPX", at(day, 15, 45)).unwrap();
    assert_eq!(s.spot, Price(4_765_000));
    assert_eq!(s.expiries[0].calls.bid[0], Price(44_000));
    // At every quarter of an hour what stood then: the opening quote, nothing at noon, the later one.
    let e = run(&request(Some(15)), &mut ()).unwrap_err();
    assert!(
        e.what.contains("2024-01-16 12:00 ET"),
        "no parity without quotes: {e}"
    );
    let report = run(&request(Some(100)), &mut ()).unwrap();
    let day_of = &report.quality.chain_days[0];
    assert_eq!(
        (day_of.snapshots, day_of.snapshot.as_str()),
        (4, "11:10 to 16:10")
    );
    let h = StoreHistory::open(&request(Some(100)).store).unwrap();
    let bid = |hour, minute| {
        h.snapshot("SPX", at(day, hour, minute)).unwrap().expiries[0]
            .calls
            .bid[0]
    };
    assert_eq!(
        (bid(11, 10), bid(12, 50), bid(16, 10)),
        (Price(45_000), Price(44_000), Price(44_000))
    );

    let bench = Bench::new();
    let e = bench.fails(
        "2024-01-17.csv",
        "ticker,volume,open,close,high,low,window_start,transactions\nO:SPXW240119C04750000,200,11.8,9.8,11.8,8.0,1678680000000000000,62\n",
    );
    assert!(e.what.contains("aggregates of trades"), "{e}");
    let back = text.replace(&ns(day, 12, 1, 0).to_string(), &ns(day, 11, 0, 0).to_string());
    assert!(bench.fails("back.csv", back).what.contains("go back in time"));
    let seconds = text.replace(&ns(day, 9, 30, 1).to_string(), "1705415400");
    assert!(
        bench
            .fails("seconds.csv", seconds)
            .what
            .contains("not a time in nanoseconds")
    );
}

const TABLE: &str = "\nStandard & Poors 500 Index,Last: 4505.1001,Change:  37.6601\n\"Date: September 14, 2023 at 4:31 PM EDT\",Bid: 4483.25,Ask: 4526.27,Size: 1*1,\"Volume: 1,234\"\nExpiration Date,Calls,Last Sale,Net,Bid,Ask,Volume,IV,Delta,Gamma,Open Interest,Strike,Puts,Last Sale,Net,Bid,Ask,Volume,IV,Delta,Gamma,Open Interest\n\
    Fri Sep 15 2023,SPX230915C04500000,0,0,11.3,11.8,0,0.1,0.6,0.01,5,4500.00,SPX230915P04500000,0,0,6,6.3,2,0.11,-0.4,0.01,9\n\
    Fri Sep 15 2023,SPXW230915C04500000,0,0,12.3,12.8,0,0.1,0.6,0.01,5,4500.00,SPXW230915P04500000,0,0,0,7.3,2,0.11,-0.4,0.01,9\n";

#[test]
fn cboes_web_table_has_its_time_above_and_calls_left_of_puts() {
    let bench = Bench::new();
    bench.put("spx_quotedata.csv", TABLE);
    let report = bench.import().unwrap();
    assert_eq!(layouts(&report), ["cboe-table"]);
    let h = bench.open();
    // Saved after the close: the quotes are those of the close. The AM series has traded its last day by then.
    let when = at("2023-09-14", 16, 15);
    let s = h.snapshot("SPX", when).unwrap();
    assert_eq!(s.spot, Price(4_505_100));
    assert_eq!(
        quote(&h, "SPX", when, "SPXW230915C04500000"),
        Some((12_300, 12_800))
    );
    assert_eq!(quote(&h, "SPX", when, "SPXW230915P04500000"), Some((0, 7_300)));
    assert_eq!(report.quality.totals().zero_bid, 1);
    assert!(report.quality.assumptions.iter().any(|a| a.contains("delayed")));
    let open = TABLE.replace("4:31 PM EDT", "11:05 AM CDT");
    let bench = Bench::new();
    bench.put("spx.csv", open);
    bench.import().unwrap();
    assert_eq!(
        bench.open().ticks("SPX", d("2023-09-14"), d("2023-09-14")),
        [at("2023-09-14", 12, 5)]
    );
    let bench = Bench::new();
    let e = bench.fails("zone.csv", TABLE.replace(" EDT", ""));
    assert_eq!(e.kind, ImportErrorKind::NoTimeZone, "{e}");
    let e = bench.fails("other.csv", TABLE.replacen("SPX230915C045", "SPX230915C046", 1));
    assert!(e.what.contains("is not the contract of 2023-09-15 4500"), "{e}");
    assert_eq!(e.line, Some(5));
    let e = bench.fails("cut.csv", TABLE.replace(",Strike,Puts", ",Puts"));
    assert!(e.what.contains("no column `strike`"), "{e}");
    let e = bench.fails("undated.csv", TABLE.replace("Date: ", "Saved: "));
    assert!(e.what.contains("Date: "), "{e}");
}

const JSON: &str = r#"{"timestamp": "2023-09-14 15:05:11", "symbol": "_SPX", "data": {"symbol": "^SPX", "current_price": 4505.1001, "options": [
  {"option":"SPXW230915C04500000","bid":12.3,"bid_size":59.0,"ask":12.8,"ask_size":28.0,"iv":0.1,"open_interest":151.0,"volume":6.0,"delta":0.6,"gamma":0.01,"vega":0.2,"theta":-0.2,"rho":-0.01,"theo":12.5,"change":0.05,"open":0.65,"high":0.85,"low":0.65,"tick":"up","last_trade_price":12.4},
  {"option":"SPXW230915P04500000","bid":0.0,"ask":7.3,"iv":0.11,"open_interest":9.0,"volume":2.0,"delta":-0.4,"gamma":0.01,"last_trade_price":null},
  {"option":"SPY230915P00450000","bid":1.0,"ask":1.1,"iv":0.11,"open_interest":9.0,"volume":2.0,"delta":-0.4,"gamma":0.01,"last_trade_price":null}
]}}"#;

#[test]
fn cboes_delayed_json_is_one_snapshot_whose_zone_must_be_named() {
    let bench = Bench::new();
    let e = bench.fails("_SPX.json", JSON);
    assert_eq!(e.kind, ImportErrorKind::NoTimeZone, "{e}");
    bench.put("_SPX.json.gz", gzip(JSON.as_bytes()));
    let request = ImportRequest {
        time_zone: time_zone("UTC"),
        ..bench.request()
    };
    let report = run(&request, &mut ()).unwrap();
    assert_eq!(layouts(&report), ["cboe-json"]);
    assert_eq!(
        report.quality.totals().rows,
        BTreeMap::from([("SPXW".to_owned(), 2)])
    );
    let h = bench.open();
    let ticks = h.ticks("SPX", d("2023-09-14"), d("2023-09-14"));
    assert_eq!(ticks, [Instant(at("2023-09-14", 11, 5).0 + 11)]);
    assert_eq!(
        quote(&h, "SPX", ticks[0], "SPXW230915C04500000"),
        Some((12_300, 12_800))
    );
    let row = h.day_rows(Root::Spxw, d("2023-09-14")).unwrap().remove(0).rows[1];
    assert_eq!((row.bid_size, row.ask_size), (Some(59), Some(28)));
    let zoned = JSON.replace("15:05:11\"", "15:05:11Z\"");
    let check = |text: String, words: &str| {
        let e = Bench::new().fails("_SPX.json", text);
        assert!(e.to_string().contains(words), "{e}");
    };
    check(
        zoned.replacen("12.3", "-12.3", 1),
        "column `data.options[0].bid`: `-12.3` is negative",
    );
    check(zoned.replacen("151.0", "1.5", 1), "data.options[0].open_interest");
    check(
        zoned.replacen("SPXW230915C", "SPXW220915C", 1),
        "expires before the quote date",
    );
    check(
        zoned.replace("\"2023-09-14 15:05:11Z\"", "null"),
        "`timestamp` is missing",
    );
    check(
        zoned.replace("\"options\"", "\"quotes\""),
        "is not JSON of Cboe's delayed quotes: missing field `options`",
    );
    check(zoned[..zoned.len() / 2].to_owned(), "is not JSON");
    let limit = readers::JSON_BYTES_MAX;
    for (extra, words) in [(0, "has no time zone"), (1, "is longer than")] {
        let pad = limit - JSON.len() + extra;
        check(format!("{JSON}{}", " ".repeat(pad)), words);
    }
}
