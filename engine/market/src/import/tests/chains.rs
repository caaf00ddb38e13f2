use super::*;

pub(super) const HEADER: &str = "underlying,underlying_last,exchange,optionroot,type,expiration,quotedate,strike,last,net,bid,ask,volume,openinterest,impliedvol,delta,gamma";

/// One simulated contract: symbol root, expiry, right, strike and quotes in points.
#[derive(Clone, Copy)]
pub(super) struct Contract {
    pub(super) root: &'static str,
    pub(super) expiry: &'static str,
    pub(super) right: char,
    pub(super) strike: i64,
    pub(super) bid: f64,
    pub(super) ask: f64,
    pub(super) volume: u32,
}

fn us(date: &str) -> String {
    d(date).format("%m/%d/%Y").to_string()
}

fn line(c: &Contract, date: &str, spot: &str) -> String {
    let symbol = format!(
        "{}{}{}{:08}",
        c.root,
        d(c.expiry).format("%y%m%d"),
        c.right,
        c.strike * 1000
    );
    let kind = if c.right == 'C' { "call" } else { "put" };
    format!(
        "SPX,{spot},CBOE,{symbol},{kind},{},{},{}.0,{},0.0,{},{},{},31,0.1532,0.25,0.0011",
        us(c.expiry),
        us(date),
        c.strike,
        c.bid,
        c.bid,
        c.ask,
        c.volume
    )
}

/// A simulated day: two expiries of SPXW and one of SPX, `shift` moves every quote and volume.
pub(super) fn contracts(shift: u32) -> Vec<Contract> {
    let mut out = Vec::new();
    for (root, expiry) in [
        ("SPX", "2019-06-21"),
        ("SPXW", "2019-06-21"),
        ("SPXW", "2019-06-28"),
    ] {
        for n in 0..20u32 {
            for right in ['C', 'P'] {
                let bid = f64::from(n + shift) / 2.0;
                let volume = n * 3 + shift;
                let strike = 2800 + i64::from(n) * 5;
                out.push(Contract {
                    root,
                    expiry,
                    right,
                    strike,
                    bid,
                    ask: bid + 0.5,
                    volume,
                });
            }
        }
    }
    out
}

pub(super) fn day(date: &str, spot: &str, shift: u32) -> String {
    let mut text = format!("{HEADER}\n");
    for c in contracts(shift) {
        text += &line(&c, date, spot);
        text.push('\n');
    }
    text
}

#[test]
fn a_day_of_quotes_arrives_as_a_direct_reading_of_the_file_would_give_it() {
    let bench = Bench::new();
    bench.put(
        "SIM_20190430.csv.gz",
        gzip(day("2019-04-30", "2943.15", 3).as_bytes()),
    );
    let report = bench.import().unwrap();
    assert_eq!(report.quality.totals().all_rows(), 120);
    let h = bench.open();
    let when = at("2019-04-30", 15, 45);
    assert_eq!(h.ticks("SPX", d("2019-01-01"), d("2019-12-31")), [when]);
    let s = h.snapshot("SPX", when).unwrap();
    assert_eq!(s.spot, Price(2_943_150));
    let listed: usize = s.expiries.iter().map(|c| c.strikes.len() * 2).sum();
    assert_eq!(listed, 120);
    for c in contracts(3) {
        let contract = OptionContract {
            root: Root::parse(c.root).unwrap(),
            expiry: d(c.expiry),
            right: if c.right == 'C' { Right::Call } else { Right::Put },
            strike: Price(c.strike * 1000),
        };
        let expected = Quote {
            bid: Price::from_f64(c.bid).unwrap(),
            ask: Price::from_f64(c.ask).unwrap(),
        };
        assert_eq!(s.quote(&contract), Some(expected), "{contract}");
        let chain = s.expiry(contract.root, contract.expiry).unwrap();
        let i = chain.index_of(contract.strike).unwrap();
        assert_eq!(chain.side(contract.right).volume[i], c.volume);
    }
    let spx = s.expiry(Root::Spx, d("2019-06-21")).unwrap();
    let spxw = s.expiry(Root::Spxw, d("2019-06-21")).unwrap();
    assert_eq!(spx.settles_at, at("2019-06-21", 9, 30));
    assert_eq!(spxw.settles_at, at("2019-06-21", 16, 0));
    let row = h.day_rows(Root::Spx, d("2019-04-30")).unwrap()[0].rows[0];
    assert_eq!((row.vendor.iv, row.vendor.delta), (Some(0.1532), Some(0.25)));
}

#[test]
fn dialects_of_the_layout_read_the_same() {
    let plain = day("2019-04-30", "2943.15", 3);
    let read = |name: &str, content: &[u8]| {
        let bench = Bench::new();
        bench.put(name, content);
        bench.import().unwrap_or_else(|e| panic!("{name}: {e}"));
        (*bench.open().snapshot("SPX", at("2019-04-30", 15, 45)).unwrap()).clone()
    };
    let expected = read("SIM_20190430.csv", plain.as_bytes());
    // A byte-order mark, Windows line ends, spaces in the header and around values.
    let windows = format!(
        "\u{feff}{}",
        plain
            .replace('\n', "\r\n")
            .replace(",exchange,", ", exchange,")
            .replace(",call,", ", CALL ,")
    );
    assert_eq!(read("20190430.csv", windows.as_bytes()), expected);
    // ISO dates, reversed columns, a file name without a date, several gzip members.
    let iso = plain
        .replace("04/30/2019", "2019-04-30")
        .replace("06/21/2019", "2019-06-21")
        .replace("06/28/2019", "6/28/2019 0:00:00");
    let reversed: String = iso
        .lines()
        .map(|l| l.split(',').rev().collect::<Vec<_>>().join(",") + "\n")
        .collect();
    let (head, tail) = reversed.as_bytes().split_at(777);
    assert_eq!(
        read("quotes.csv.gz", &[gzip(head), gzip(tail)].concat()),
        expected
    );
    // The 2018 header names.
    let names = "UnderlyingSymbol,UnderlyingPrice,Flags,OptionSymbol,Type,Expiration,DataDate,Strike,Last,net,Bid,Ask,Volume,OpenInterest,IVMean,Delta,Gamma";
    assert_eq!(read("x.csv", plain.replace(HEADER, names).as_bytes()), expected);
    // Quoted fields.
    let quoted: String = plain
        .lines()
        .map(|l| format!("\"{}\"\n", l.replace(',', "\",\"")))
        .collect();
    assert_eq!(read("x.csv", quoted.as_bytes()), expected);
}

#[test]
fn each_malformed_field_is_an_error_with_file_line_and_column() {
    let bench = Bench::new();
    let good = day("2019-04-30", "2943.15", 3);
    // Column, position, bad text, words of the message. The third data row is line 4.
    let cases = [
        ("underlying_last", 1, "abc", "`abc` is not a number"),
        ("underlying_last", 1, "0", "not above zero"),
        ("underlying_last", 1, "2944.00", "a day is one snapshot"),
        ("underlying", 0, "NDX", "not the underlying SPX"),
        ("optionroot", 3, "SPX19", "not a contract symbol"),
        ("type", 4, "straddle", "neither `call` nor `put`"),
        ("type", 4, "put", "contradicts contract"),
        ("expiration", 5, "05/32/2019", "is not a date"),
        ("expiration", 5, "05/24/2019", "not the expiry 2019-06-21"),
        ("quotedate", 6, "", "is not a date"),
        ("strike", 7, "2810", "not the strike"),
        ("strike", 7, "-5", "negative"),
        ("last", 8, "1..2", "not a number"),
        ("bid", 10, "NaN", "`NaN` is not a number"),
        ("bid", 10, "-0.05", "negative"),
        ("bid", 10, "1.23456", "finer than a thousandth"),
        ("bid", 10, "", "is empty"),
        ("ask", 11, "inf", "not a number"),
        ("ask", 11, "1e300", "too large"),
        ("volume", 12, "-1", "negative"),
        ("volume", 12, "1.5", "not a count"),
        ("openinterest", 13, "many", "not a number"),
        ("impliedvol", 14, "-0.2", "negative"),
        ("delta", 15, "NaN", "not a number"),
    ];
    for (column, position, bad, words) in cases {
        let mut lines: Vec<String> = good.lines().map(str::to_owned).collect();
        let mut fields: Vec<&str> = lines[3].split(',').collect();
        fields[position] = bad;
        lines[3] = fields.join(",");
        let e = bench.fails("SIM_20190430.csv", lines.join("\n"));
        assert_eq!(e.kind, ImportErrorKind::BadRow, "{e}");
        assert_eq!(
            (e.file.as_deref(), e.line, e.column.as_deref()),
            (Some("SIM_20190430.csv"), Some(4), Some(column)),
            "{e}"
        );
        assert!(e.what.contains(words), "{column}: {e}");
        assert!(e.help().contains("--skip-bad"));
    }
    let e = bench.fails("SIM_20190430.csv", good.replacen(",0.0011\n", "\n", 1));
    assert_eq!((e.line, e.column.as_deref()), (Some(2), Some("gamma")), "{e}");
    assert!(e.what.contains("16 fields, the header 17"), "{e}");
    let mut bytes = good.clone().into_bytes();
    let at = good.find("CBOE").unwrap() + 5;
    bytes[at] = 0xff;
    assert!(bench.fails("SIM_20190430.csv", bytes).what.contains("UTF-8"));
    let e = bench.fails(
        "SIM_20190430.csv",
        format!("{good}{}", good.lines().nth(1).unwrap().replace(",31,", ",32,")),
    );
    assert!(e.what.contains("given twice with different quotes"), "{e}");
}

#[test]
fn skip_bad_counts_lists_and_leaves_out() {
    let bench = Bench::new();
    let good = day("2019-04-30", "2943.15", 3);
    let broken: String = good
        .lines()
        .enumerate()
        .map(|(i, l)| {
            if i % 4 == 1 {
                l.replace(",31,", ",x,") + "\n"
            } else {
                l.to_owned() + "\n"
            }
        })
        .collect();
    // The same row twice is no error, but not two rows either.
    let doubled = format!("{broken}{}\n", good.lines().nth(2).unwrap());
    bench.put("SIM_20190430.csv", doubled);
    let report = run(
        &ImportRequest {
            skip_bad: true,
            ..bench.request()
        },
        &mut (),
    )
    .unwrap();
    let q = &report.quality;
    assert_eq!((q.bad_rows.count, q.bad_rows.first.len()), (30, LISTED_MAX));
    assert_eq!(
        (q.bad_rows.first[1].line, q.bad_rows.first[1].column.as_str()),
        (6, "openinterest")
    );
    assert_eq!((q.totals().all_rows(), q.totals().duplicates), (90, 1));
    assert!(q.to_text().contains("bad row  … and 10 more"), "{}", q.to_text());
    assert!(q.to_json().contains("\"column\": \"openinterest\""));
    let stored: serde_json::Value =
        serde_json::from_str(&bench.open().quality_json().unwrap().unwrap()).unwrap();
    assert_eq!(stored[0]["bad_rows"]["count"], 30);
}

#[test]
fn a_file_that_cannot_be_what_it_says_is_refused_with_a_fix() {
    let bench = Bench::new();
    let good = day("2019-04-30", "2943.15", 3);
    let packed = gzip(good.as_bytes());
    let check = |name: &str, content: &[u8], kind: ImportErrorKind, what: &str, help: &str| {
        let e = bench.fails(name, content);
        assert_eq!(e.kind, kind, "{e}");
        assert!(e.to_string().contains(what), "{e}");
        assert!(e.help().contains(help), "{e}: {}", e.help());
    };
    use ImportErrorKind as K;
    check(
        "SIM_20190430.csv.gz",
        &packed[..packed.len() / 2],
        K::Truncated,
        "ends in the middle",
        "download it again",
    );
    check(
        "SIM_20190430.csv.gz",
        &packed[..packed.len() - 4],
        K::Truncated,
        "ends in the middle",
        "again",
    );
    check(
        "SIM_20190430.csv.gz",
        &packed[..12],
        K::Truncated,
        "ends in the middle",
        "again",
    );
    let mut flipped = packed.clone();
    let last = flipped.len() - 6;
    flipped[last] ^= 0x55;
    check("SIM_20190430.csv.gz", &flipped, K::Truncated, "damaged", "again");
    check(
        "SIM_20190430.csv.gz",
        good.as_bytes(),
        K::NotText,
        "not gzip",
        ".csv",
    );
    check("SIM_20190430.csv", b"", K::Empty, "is empty", "leave it out");
    check(
        "SIM_20190430.csv.gz",
        &gzip(b""),
        K::Empty,
        "is empty",
        "leave it out",
    );
    check(
        "SIM_20190430.csv",
        b"\n\n  \n",
        K::Empty,
        "is empty",
        "leave it out",
    );
    check(
        "SIM_20190430.csv",
        format!("{HEADER}\n").as_bytes(),
        K::Empty,
        "no rows",
        "leave it out",
    );
    for column in [
        "bid",
        "strike",
        "optionroot",
        "quotedate",
        "underlying_last",
        "openinterest",
    ] {
        let text = good.replacen(column, "other", 1);
        check(
            "SIM_20190430.csv",
            text.as_bytes(),
            K::MissingColumn,
            &format!("no column `{column}`"),
            "the header has: ",
        );
    }
    check(
        "SIM_20190430.csv",
        good.replace(',', ";").as_bytes(),
        K::Delimiter,
        "semicolons",
        "commas",
    );
    check(
        "SIM_20190430.csv",
        good.replace(',', "\t").as_bytes(),
        K::Delimiter,
        "tabs",
        "commas",
    );
    check(
        "SIM_20190429.csv",
        good.as_bytes(),
        K::DateMismatch,
        "its name says 2019-04-29, its rows are of 2019-04-30",
        "rename",
    );
    check("x.csv", b"PK\x03\x04 zip", K::NotText, "zip archive", "unpack");
    check("x.csv", b"\xff\xfeu\0n\0d\0", K::NotText, "UTF-16", "UTF-8");
    check("x.csv", b"abc\0def,1\n", K::NotText, "binary", "CSV");
    check(
        "x.csv",
        b"name,colour\nfoo,red\n,\n",
        K::UnknownLayout,
        "no layout begins with `name,colour`",
        "option-chain",
    );
    let runaway = format!("{good}\"{}", "x,\n".repeat(40_000));
    check(
        "x.csv",
        runaway.as_bytes(),
        K::NotText,
        "longer than 65536 bytes",
        "quote",
    );
    check(
        "x.csv",
        "1".repeat(70_000).as_bytes(),
        K::NotText,
        "longer than",
        "CSV",
    );
    let back = format!(
        "{good}{}{}",
        day("2019-05-01", "2946", 9).split_once('\n').unwrap().1,
        good.split_once('\n').unwrap().1
    );
    check(
        "x.csv",
        back.as_bytes(),
        K::Duplicate,
        "come back after another day",
        "sort",
    );
    let e = run(
        &ImportRequest::new(vec![bench.dir.path().join("none.csv")], bench.store()),
        &mut (),
    )
    .unwrap_err();
    assert_eq!(e.kind, K::Io);
    assert!(e.what.contains("none.csv"), "{e}");
    let e = run(
        &ImportRequest::new(vec![bench.dir.path().join("in")], bench.store()),
        &mut (),
    )
    .unwrap_err();
    assert!(e.what.contains("holds no .csv"), "{e}");
    assert!(run(&ImportRequest::new(Vec::new(), bench.store()), &mut ()).is_err());
}

#[test]
fn a_record_at_the_length_limit_is_read_and_one_past_it_is_not() {
    let limit = input::RECORD_BYTES_MAX;
    let good = day("2019-04-30", "2943.15", 3);
    // A padded exchange name: the text between the line ends is `limit` bytes long, then one more.
    for (extra, ok) in [(0usize, true), (1, false)] {
        let bench = Bench::new();
        let first = good.lines().nth(1).unwrap();
        let pad = limit - first.len() + extra;
        let text = good.replacen(",CBOE,", &format!(",CBOE{},", "x".repeat(pad)), 1);
        bench.put("SIM_20190430.csv", text);
        assert_eq!(bench.import().is_ok(), ok);
    }
}

#[test]
fn holidays_and_stale_copies_are_refused_and_gaps_are_told() {
    let bench = Bench::new();
    bench.put("SIM_20190523.csv", day("2019-05-23", "2822.24", 1));
    bench.put("SIM_20190524.csv", day("2019-05-24", "2826.06", 4));
    // Memorial Day, with new quotes: refused for the calendar alone.
    bench.put("SIM_20190527.csv", day("2019-05-27", "2826.06", 9));
    // A session that repeats the one before it.
    bench.put("SIM_20190529.csv", day("2019-05-29", "2826.06", 4));
    bench.put("SIM_20190530.csv", day("2019-05-30", "2788.86", 6));
    let report = bench.import().unwrap();
    let q = &report.quality;
    let refused: Vec<_> = q
        .refused
        .iter()
        .map(|r| (r.file.as_str(), r.reason.as_str()))
        .collect();
    assert_eq!(
        refused,
        [
            (
                "SIM_20190527.csv",
                "2019-05-27 was no trading day: NYSE was closed"
            ),
            (
                "SIM_20190529.csv",
                "stale copy: 100% of the contracts that traded have the same last price and volume as on 2019-05-24"
            ),
        ]
    );
    assert_eq!(q.gaps["SPX"], ["2019-05-28", "2019-05-29"]);
    let h = bench.open();
    assert_eq!(
        h.gaps("SPX", d("2019-01-01"), d("2020-01-01")),
        [d("2019-05-28"), d("2019-05-29")]
    );
    assert_eq!(h.ticks("SPX", d("2019-05-01"), d("2019-05-31")).len(), 3);
    let notes = h.provenance().notes.join("\n");
    assert!(
        notes.contains("SIM_20190527.csv (2019-05-27): 2019-05-27 was no trading day"),
        "{notes}"
    );
    assert!(
        notes.contains("15:45 ET is assumed") && notes.contains("SPX chains are missing for 2 sessions"),
        "{notes}"
    );

    let strict = ImportRequest {
        strict: true,
        store: bench.dir.path().join("strict"),
        ..bench.request()
    };
    let e = run(&strict, &mut ()).unwrap_err();
    assert_eq!(
        (e.kind, e.file.as_deref()),
        (ImportErrorKind::Strict, Some("SIM_20190527.csv"))
    );
    assert!(!strict.store.exists());
}

#[test]
fn a_quiet_day_is_tested_by_its_quotes() {
    let quiet = |date: &str, shift: u32| {
        let text = day(date, "2826.06", shift);
        let zero = |l: &str| {
            let mut f: Vec<&str> = l.split(',').collect();
            if f[12] != "volume" {
                f[12] = "0";
            }
            f.join(",") + "\n"
        };
        text.lines().map(zero).collect::<String>()
    };
    let bench = Bench::new();
    bench.put("SIM_20190523.csv", quiet("2019-05-23", 2));
    bench.put("SIM_20190524.csv", quiet("2019-05-24", 2));
    bench.put("SIM_20190528.csv", quiet("2019-05-28", 3));
    let report = bench.import().unwrap();
    assert_eq!(report.quality.refused.len(), 1);
    assert!(
        report.quality.refused[0]
            .reason
            .contains("same bid and ask as on 2019-05-23")
    );
}

#[test]
fn half_days_are_taken_three_hours_earlier_and_the_assumption_is_on_record() {
    let bench = Bench::new();
    bench.put(
        "SIM_20190703.csv",
        day("2019-07-03", "2995.82", 1)
            .replace("06/21/2019", "07/19/2019")
            .replace("190621", "190719")
            .replace("06/28/2019", "07/31/2019")
            .replace("190628", "190731"),
    );
    bench.import().unwrap();
    assert_eq!(
        bench.open().ticks("SPX", d("2019-07-01"), d("2019-07-05")),
        [at("2019-07-03", 12, 45)]
    );
    for (time, ok) in [
        ((9, 30), true),
        ((16, 15), true),
        ((9, 29), false),
        ((16, 16), false),
        ((12, 60), false),
        ((u32::MAX, 0), false),
    ] {
        let request = ImportRequest {
            snapshot_time: time,
            store: bench.dir.path().join(format!("{}-{}", time.0, time.1)),
            ..bench.request()
        };
        assert_eq!(
            run(&request, &mut ()).map_err(|e| e.kind).err(),
            (!ok).then_some(ImportErrorKind::Request),
            "{time:?}"
        );
    }
}

#[test]
fn roots_that_the_engine_does_not_know_are_left_out_and_told() {
    let bench = Bench::new();
    let mixed = day("2019-04-30", "2943.15", 3).replace("SPXW190628C", "SPXPM190628C");
    bench.put("SIM_20190430.csv", mixed);
    let report = bench.import().unwrap();
    assert_eq!(report.quality.totals().all_rows(), 100);
    assert_eq!(
        report.quality.refused[0].reason,
        "20 rows of root `SPXPM`, which is none of SPX, SPXW, XSP, VIX, VIXW"
    );
    let bench = Bench::new();
    let e = bench.fails(
        "SIM_20190430.csv",
        day("2019-04-30", "2943.15", 3)
            .replace(",SPX19", ",SPY19")
            .replace("SPXW", "SPY"),
    );
    assert_eq!(e.kind, ImportErrorKind::Nothing);
    assert!(e.what.contains("120 rows of root `SPY`"), "{e}");
}

#[test]
fn more_days_can_be_added_and_the_same_days_again_change_nothing() {
    let bench = Bench::new();
    bench.put("SIM_20190523.csv", day("2019-05-23", "2822.24", 1));
    bench.import().unwrap();
    let e = bench.import().unwrap_err();
    assert_eq!(
        e.kind,
        ImportErrorKind::Store(crate::store::StoreErrorKind::Exists)
    );
    assert!(e.help().contains("--append"));
    // A later stale copy is told from the stored day.
    bench.put("SIM_20190524.csv", day("2019-05-24", "2822.24", 1));
    bench.put("SIM_20190528.csv", day("2019-05-28", "2802.39", 7));
    let add = ImportRequest {
        append: true,
        ..bench.request()
    };
    let report = run(&add, &mut ()).unwrap();
    assert!(
        report.appended && report.quality.refused[0].reason.contains("stale copy"),
        "{:?}",
        report.quality.refused
    );
    let h = bench.open();
    assert_eq!(h.ticks("SPX", d("2019-05-01"), d("2019-05-31")).len(), 2);
    assert_eq!(h.gaps("SPX", d("2019-05-01"), d("2019-05-31")), [d("2019-05-24")]);
    let stored: serde_json::Value = serde_json::from_str(&h.quality_json().unwrap().unwrap()).unwrap();
    assert_eq!(stored.as_array().unwrap().len(), 2);
    // The same day again, in another file, is told and changes nothing.
    let report = run(&add, &mut ()).unwrap();
    assert_eq!(
        report.quality.already_stored,
        ["2019-05-23 (SIM_20190523.csv)", "2019-05-28 (SIM_20190528.csv)"]
    );
    assert_eq!(
        (report.quality.chain_days.len(), bench.open().provenance().hash),
        (0, h.provenance().hash)
    );
    // Other quotes for a stored day are a contradiction, and leave the store as it is.
    bench.put("SIM_20190528.csv", day("2019-05-28", "2802.39", 8));
    let e = run(&add, &mut ()).unwrap_err();
    assert_eq!(
        e.kind,
        ImportErrorKind::Store(crate::store::StoreErrorKind::Exists)
    );
    assert_eq!(
        (e.file.as_deref(), bench.open().provenance().hash),
        (Some("SIM_20190528.csv"), h.provenance().hash)
    );
    let nothing = ImportRequest {
        store: bench.dir.path().join("none"),
        ..add
    };
    assert_eq!(
        run(&nothing, &mut ()).unwrap_err().kind,
        ImportErrorKind::Store(crate::store::StoreErrorKind::NotFound)
    );
}

#[test]
fn the_same_files_give_the_same_store_wherever_they_lie() {
    let hash = || {
        let bench = Bench::new();
        bench.put(
            "SIM_20190523.csv.gz",
            gzip(day("2019-05-23", "2822.24", 1).as_bytes()),
        );
        bench.put("SIM_20190524.csv", day("2019-05-24", "2826.06", 4));
        bench.put("VVIX_sim.csv", "DATE,VVIX\n05/23/2019,99.5\n05/24/2019,98\n");
        bench.import().unwrap();
        (
            bench.open().provenance().hash,
            fs::read(bench.store().join("manifest.json")).unwrap(),
        )
    };
    assert_eq!(hash(), hash());
}

#[test]
fn progress_adds_up_to_the_bytes_read() {
    #[derive(Default)]
    struct Count {
        total: u64,
        seen: u64,
        finished: bool,
    }
    impl Progress for Count {
        fn start(&mut self, total: u64) {
            self.total = total;
        }
        fn advance(&mut self, n: u64, what: &str) {
            assert!(what.starts_with("SIM_") || what.starts_with("notes"));
            self.seen += n;
        }
        fn finish(&mut self) {
            self.finished = true;
        }
    }
    let bench = Bench::new();
    bench.put(
        "SIM_20190523.csv.gz",
        gzip(day("2019-05-23", "2822.24", 1).as_bytes()),
    );
    bench.put("SIM_20190524.csv", day("2019-05-24", "2826.06", 4));
    bench.put("notes.csv", "a,b,c\n1,2,3\n");
    let mut count = Count::default();
    run(&bench.request(), &mut count).unwrap();
    assert!(count.finished && count.total > 10_000);
    assert_eq!(count.seen, count.total);
}

#[test]
fn datashop_quotes_read_with_their_own_root_and_time() {
    let bench = Bench::new();
    let text = "underlying_symbol,quote_date,root,expiration,strike,option_type,close,trade_volume,bid_1545,ask_1545,underlying_bid_1545,open_interest\n\
        ^VIX,2016-06-01,VIX,2016-06-15,15.000,C,0,10,1.1000,1.2000,14.5750,6\n\
        ^VIX,2016-06-01,VIX,2016-06-15,15.000,P,0,0,0.9000,1.0000,14.5750,0\n\
        ^VIX,2016-06-01,BVZ,2016-06-15,15.000,P,0,0,0.9000,1.0000,14.5750,0\n";
    bench.put("datashop.csv", text);
    let report = bench.import().unwrap();
    assert!(report.quality.refused[0].reason.contains("1 rows of root `BVZ`"));
    let h = bench.open();
    let s = h.snapshot("VIX", at("2016-06-01", 15, 45)).unwrap();
    assert_eq!(s.spot, Price(14_575));
    assert_eq!(s.expiries[0].calls.bid, [Price(1100)]);
    assert_eq!(s.expiries[0].settles_at, at("2016-06-15", 9, 30));
    assert!(
        !h.provenance().notes.iter().any(|n| n.contains("assumed")),
        "{:?}",
        h.provenance().notes
    );
}
