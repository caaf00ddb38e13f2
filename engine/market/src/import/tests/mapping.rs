//! Tables of no known layout, read by a mapping file. All numbers are invented.

use super::*;
use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::{ByteArray, FixedLenByteArray};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use std::sync::Arc;

/// The file that the example's comments describe, with a put beside the call and a later snapshot.
pub(super) const CSV: &str = "\
quote_date,quote_time,root,expiration,strike,cp,bid_px,ask_px,last_px,vol,oi,iv_pct,spot
2024-03-14,15:45:00,SPXW,20240415,5150000,C,61.50,62.10,61.8,1204,3310,12.4,5150.48
2024-03-14,15:45:00,SPXW,20240415,5150000,P,41.50,42.00,,12,10,12.6,5150.48
2024-03-14,15:45:00,SPXW,20240415,5200500,P,,,,0,0,,5150.48
2024-03-14,16:00:00,SPXW,20240415,5150000,C,60.50,61.10,61.8,1300,3310,12.4,5149.00
";

pub(super) fn mapping(text: &str) -> Mapping {
    Mapping::parse(text.as_bytes()).unwrap_or_else(|found| panic!("{found:#?}"))
}

fn import(bench: &Bench, file: PathBuf, yaml: &str) -> Result<ImportReport, ImportError> {
    let mut request = ImportRequest::new(vec![file], bench.store());
    request.mapping = Some(mapping(yaml));
    run(&request, &mut ())
}

fn check_the_day(bench: &Bench) {
    let h = bench.open();
    let day = d("2024-03-14");
    let snapshots = h.day_rows(Root::Spxw, day).unwrap();
    assert_eq!(
        snapshots.iter().map(|s| (s.at, s.spot)).collect::<Vec<_>>(),
        [
            (at("2024-03-14", 15, 45), Price(5_150_480)),
            (at("2024-03-14", 16, 0), Price(5_149_000))
        ]
    );
    let [put, call, empty] = snapshots[0].rows.as_slice() else {
        panic!("{:?}", snapshots[0]);
    };
    assert_eq!(
        (put.right, put.bid, put.ask, put.last),
        (Right::Put, Price(41_500), Price(42_000), None)
    );
    assert_eq!(
        (call.strike, call.bid, call.ask),
        (Price(5_150_000), Price(61_500), Price(62_100))
    );
    assert_eq!(
        (call.last, call.volume, call.open_interest),
        (Some(Price(61_800)), 1204, 3310)
    );
    assert!((call.vendor.iv.unwrap() - 0.124).abs() < 1e-15);
    assert_eq!((call.expiry, empty.strike), (d("2024-04-15"), Price(5_200_500)));
    assert_eq!(
        (empty.bid, empty.ask, empty.vendor.iv),
        (Price::ZERO, Price::ZERO, None)
    );
}

#[test]
fn the_example_reads_the_file_that_its_comments_describe() {
    let bench = Bench::new();
    let file = bench.put("quotes.csv", CSV);
    import(&bench, file, MAPPING_EXAMPLE).unwrap();
    check_the_day(&bench);
    // What it shows as comments is read too.
    let commented = |from: &str, to: &str| {
        let all = MAPPING_EXAMPLE.split(from).nth(1).unwrap();
        let lines = all
            .trim_start()
            .split(to)
            .next()
            .unwrap()
            .lines()
            .take_while(|l| l.starts_with('#'));
        let text = lines
            .filter_map(|l| l.strip_prefix("#   "))
            .map(|l| l.to_owned() + "\n");
        from.trim_start_matches("#   ").to_owned() + "\n" + &text.collect::<String>()
    };
    assert_eq!(
        mapping(&commented("#   kind: series", "# Intraday")).kind(),
        MappingKind::Series
    );
    assert_eq!(
        mapping(&commented("#   kind: bars", "\u{0}")).kind(),
        MappingKind::Bars
    );
}

#[test]
fn semicolons_decimal_commas_and_symbols_are_a_matter_of_the_mapping() {
    let bench = Bench::new();
    let text = "Zeit;Kontrakt;Geld;Brief;Index\n\
                1710445500000;SPXW240415C05150000;61,50;62,10;5150,48\n\
                1710445500000;SPX   240419P05150000;41,50;42,00;5150,48\n";
    let file = bench.put("kurse.csv", text);
    let yaml = "delimiter: ';'\ndecimal: ','\ntimestamp: {column: Zeit, format: unix_ms}\nsymbol: Kontrakt\nbid: Geld\nask: Brief\nspot: Index\n";
    let report = import(&bench, file, yaml).unwrap();
    let h = bench.open();
    let s = h.snapshot("SPX", at("2024-03-14", 15, 45)).unwrap();
    assert_eq!(s.spot, Price(5_150_480));
    let quote = |root, expiry: &str, right| {
        s.quote(&OptionContract {
            root,
            expiry: d(expiry),
            right,
            strike: Price(5_150_000),
        })
    };
    let want = Quote {
        bid: Price(61_500),
        ask: Price(62_100),
    };
    assert_eq!(quote(Root::Spxw, "2024-04-15", Right::Call), Some(want));
    assert!(quote(Root::Spx, "2024-04-19", Right::Put).is_some());
    assert!(
        report
            .quality
            .assumptions
            .iter()
            .any(|a| a.contains("no open interest"))
    );
}

#[test]
fn a_row_with_both_rights_gives_two_quotes_and_a_blank_side_none() {
    let bench = Bench::new();
    let text = "day,exp,k,cb,ca,pb,pa,s\n2024-03-14,2024-04-15,5150,61.5,62.1,41.5,42,5150.48\n2024-03-14,2024-04-15,5200,,,70.5,71,5150.48\n";
    let file = bench.put("wide.csv", text);
    let yaml = "date: day\nroot: {value: SPXW}\nexpiry: exp\nstrike: k\nspot: s\nquotes:\n  \
                - {right: {value: C}, bid: cb, ask: ca}\n  - {right: {value: P}, bid: pb, ask: pa}\n";
    let report = import(&bench, file, yaml).unwrap();
    assert_eq!(report.quality.totals().rows["SPXW"], 3);
    assert!(
        report
            .quality
            .assumptions
            .iter()
            .any(|a| a.contains("15:45 ET is assumed"))
    );
}

/// The same rows as [`CSV`], in the types that other programs write.
fn parquet(group_rows: usize) -> Vec<u8> {
    let schema = parse_message_type(
        "message quotes {
            required int64 ts (timestamp(micros, true));
            required binary root (utf8);
            required int32 expiration (date);
            required int64 strike (decimal(18, 3));
            required boolean call;
            optional double bid_px;
            optional fixed_len_byte_array(4) ask_px (decimal(9, 2));
            optional float last_px;
            required int32 vol (integer(32, false));
            required int64 oi;
            optional double iv_pct;
            required double spot;
        }",
    )
    .unwrap();
    let t = |h, m| at("2024-03-14", h, m).0 * 1_000_000;
    let expiry = d("2024-04-15").to_epoch_days();
    let none: [Option<f64>; 4] = [Some(61.5), Some(41.5), None, Some(60.5)];
    let asks = [Some(6210i32), Some(4200), None, Some(6110)];
    let lasts = [Some(61.8f32), None, None, Some(61.8)];
    let ivs = [Some(12.4), Some(12.6), Some(f64::NAN), Some(12.4)];
    let mut writer = SerializedFileWriter::new(
        Vec::new(),
        Arc::new(schema),
        Arc::new(WriterProperties::default()),
    )
    .unwrap();
    let all: Vec<usize> = (0..4).collect();
    for rows in all.chunks(group_rows) {
        let mut group = writer.next_row_group().unwrap();
        let mut i = 0;
        while let Some(mut column) = group.next_column().unwrap() {
            fn levels<T: Copy>(rows: &[usize], all: &[Option<T>]) -> (Vec<T>, Vec<i16>) {
                let levels = rows.iter().map(|r| i16::from(all[*r].is_some())).collect();
                (rows.iter().filter_map(|r| all[*r]).collect(), levels)
            }
            match column.untyped() {
                ColumnWriter::Int64ColumnWriter(w) => {
                    let all = match i {
                        0 => [t(15, 45), t(15, 45), t(15, 45), t(16, 0)],
                        3 => [5_150_000, 5_150_000, 5_200_500, 5_150_000],
                        _ => [3310, 10, 0, 3310],
                    };
                    let values: Vec<i64> = rows.iter().map(|r| all[*r]).collect();
                    w.write_batch(&values, None, None).unwrap();
                }
                ColumnWriter::ByteArrayColumnWriter(w) => {
                    w.write_batch(&vec![ByteArray::from("SPXW"); rows.len()], None, None)
                        .unwrap();
                }
                ColumnWriter::Int32ColumnWriter(w) => {
                    let all = if i == 2 { [expiry; 4] } else { [1204, 12, 0, 1300] };
                    let values: Vec<i32> = rows.iter().map(|r| all[*r]).collect();
                    w.write_batch(&values, None, None).unwrap();
                }
                ColumnWriter::BoolColumnWriter(w) => {
                    let values: Vec<bool> = rows.iter().map(|r| [true, false, false, true][*r]).collect();
                    w.write_batch(&values, None, None).unwrap();
                }
                ColumnWriter::DoubleColumnWriter(w) if i == 11 => {
                    let values: Vec<f64> = rows
                        .iter()
                        .map(|r| if *r == 3 { 5149.0 } else { 5150.48 })
                        .collect();
                    w.write_batch(&values, None, None).unwrap();
                }
                ColumnWriter::DoubleColumnWriter(w) => {
                    let (values, levels) = levels(rows, if i == 5 { &none } else { &ivs });
                    w.write_batch(&values, Some(&levels), None).unwrap();
                }
                ColumnWriter::FloatColumnWriter(w) => {
                    let (values, levels) = levels(rows, &lasts);
                    w.write_batch(&values, Some(&levels), None).unwrap();
                }
                ColumnWriter::FixedLenByteArrayColumnWriter(w) => {
                    let (values, levels) = levels(rows, &asks);
                    let values: Vec<FixedLenByteArray> = values
                        .iter()
                        .map(|v| FixedLenByteArray::from(v.to_be_bytes().to_vec()))
                        .collect();
                    w.write_batch(&values, Some(&levels), None).unwrap();
                }
                _ => panic!("unexpected column"),
            }
            column.close().unwrap();
            i += 1;
        }
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

const PARQUET: &str = "timestamp: ts\nroot: root\nexpiry: expiration\nstrike: strike\n\
                       right: {column: call, call: 'true', put: 'false'}\nbid: bid_px\nask: ask_px\nlast: last_px\n\
                       volume: vol\nopen_interest: oi\niv: {column: iv_pct, scale: 0.01}\nspot: spot\n";

#[test]
fn parquet_is_read_as_the_csv_file_with_the_same_content() {
    for group_rows in [4, 3, 1] {
        let bench = Bench::new();
        let file = bench.put("quotes.parquet", parquet(group_rows));
        import(&bench, file, PARQUET).unwrap();
        check_the_day(&bench);
    }
}

#[test]
fn a_parquet_file_that_was_cut_short_or_changed_is_refused_whole() {
    let whole = parquet(2);
    let bench = Bench::new();
    for cut in [5, 100, whole.len() / 2, whole.len() - 1] {
        let file = bench.put("q.parquet", &whole[..cut]);
        let error = import(&bench, file, PARQUET).unwrap_err();
        assert_eq!(error.kind, ImportErrorKind::Truncated, "{error}");
        assert!(
            error.to_string().contains("the Parquet file is damaged"),
            "{error}"
        );
        assert!(!bench.store().exists());
    }
    // Whatever byte is wrong: an error or other numbers, never a panic and never half a store.
    for at in (4..whole.len()).step_by(13) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        let file = bench.put("q.parquet", bytes);
        if import(&bench, file, PARQUET).is_ok() {
            fs::remove_dir_all(bench.store()).unwrap();
        }
        assert!(!bench.store().exists());
    }
}

#[test]
fn known_layouts_are_told_from_parquet_headers_too() {
    let schema =
        parse_message_type("message m { required binary date (utf8); required double value; }").unwrap();
    let properties = Arc::new(WriterProperties::default());
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    while let Some(mut column) = group.next_column().unwrap() {
        match column.untyped() {
            ColumnWriter::ByteArrayColumnWriter(w) => {
                w.write_batch(&[ByteArray::from("2024-03-14")], None, None)
                    .unwrap();
            }
            ColumnWriter::DoubleColumnWriter(w) => {
                w.write_batch(&[5.33], None, None).unwrap();
            }
            _ => panic!("unexpected column"),
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    let bench = Bench::new();
    bench.put("DFF_fred.parquet", writer.into_inner().unwrap());
    bench.import().unwrap();
    let rates = bench.open().series("DFF", BarSize::Session).unwrap().unwrap();
    assert_eq!(rates.close, [Some(0.0533)]);
}

#[test]
fn all_that_is_wrong_with_a_mapping_is_told_with_its_place() {
    let text = "kind: chains\ndelimter: ';'\nzone: America/New_Yrok\ntimestamp: {column: ts, format: unix_sm}\n\
                root: {value: SPYX}\nexpiry: exp\nstrike: {column: k, scal: 0.01}\nright: {column: cp, call: C}\nask: {scale: 2}\n";
    let told = |text: &str| -> Vec<String> {
        let found = Mapping::parse(text.as_bytes()).unwrap_err();
        found.iter().map(|f| format!("{f} | {}", f.fix)).collect()
    };
    assert_eq!(
        told(text),
        ["2:1: there is no `delimter` in the mapping | did you mean `delimiter`?"]
    );
    let found = told(&text.replace("delimter", "delimiter"));
    let want = [
        "3:7: there is no time zone `America/New_Yrok` | did you mean `America/New_York`?",
        "4:33: `unix_sm` is not a format | did you mean `unix_ms`?",
        "5:7: `SPYX` is no root that the engine knows",
        "7:21: there is no `scal` in `strike` | did you mean `scale`?",
        "8:27: words are given for one of `call` and `put` alone",
        "9:6: `ask` says neither column nor value",
    ];
    for want in want {
        assert!(
            found.iter().any(|f| f.starts_with(want)),
            "{want} is not in {found:#?}"
        );
    }
    assert!(
        found.iter().any(|f| f.ends_with("write `bid: COLUMN`")),
        "{found:#?}"
    );
    assert_eq!(
        told("kind: bar\n"),
        ["1:7: `bar` is no kind of table | did you mean `bars`?"]
    );
    assert!(told("")[0].contains("the mapping is empty"));
    assert!(told("date: a\ndate: b\n")[0].contains("`date` stands here a second time"));
    assert!(told("date: *a\n")[0].contains("aliases are not read"));
}

#[test]
fn a_column_that_the_table_lacks_and_a_zone_that_nobody_says_are_told() {
    let bench = Bench::new();
    let lacking = MAPPING_EXAMPLE.replace("bid: bid_px", "bid: bid_xp");
    let file = bench.put("quotes.csv", CSV);
    let error = import(&bench, file.clone(), &lacking).unwrap_err();
    assert_eq!(error.kind, ImportErrorKind::MissingColumn);
    assert!(
        error
            .to_string()
            .contains("no column `bid_xp`, which the mapping names for `bid`"),
        "{error}"
    );
    assert!(
        error.help().starts_with("did you mean `bid_px`?"),
        "{}",
        error.help()
    );
    let zoneless = MAPPING_EXAMPLE.replace("\nzone: America/New_York", "\n#");
    let error = import(&bench, file.clone(), &zoneless).unwrap_err();
    assert_eq!(error.kind, ImportErrorKind::NoTimeZone);
    let mut request = ImportRequest::new(vec![file], bench.store());
    request.mapping = Some(mapping(&zoneless));
    request.time_zone = Some(chrono_tz::America::New_York);
    run(&request, &mut ()).unwrap();
    check_the_day(&bench);
}
