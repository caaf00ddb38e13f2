//! Bad inputs: a clear error each, and nothing half-written.

use super::mapping::{CSV, mapping};
use super::*;

fn mapped(bench: &Bench, text: &str) -> Result<ImportReport, ImportError> {
    let file = bench.put("quotes.csv", text);
    let mut request = ImportRequest::new(vec![file], bench.store());
    request.mapping = Some(mapping(MAPPING_EXAMPLE));
    let result = run(&request, &mut ());
    if result.is_err() {
        assert_eq!(
            fs::read_dir(bench.dir.path()).unwrap().count(),
            1,
            "nothing half-written is left"
        );
    }
    result
}

/// A day of quotes around the money, bids and asks as given by `price`.
fn day(price: impl Fn(i64) -> (i64, i64)) -> String {
    let mut text =
        "quote_date,quote_time,root,expiration,strike,cp,bid_px,ask_px,last_px,vol,oi,iv_pct,spot\n"
            .to_owned();
    for i in 0..40 {
        let (bid, ask) = price(i);
        text += &format!(
            "2024-03-14,15:45:00,SPXW,20240415,{}000,P,{}.{:02},{}.{:02},,0,0,,5150.48\n",
            5000 + 5 * i,
            bid / 100,
            bid % 100,
            ask / 100,
            ask % 100
        );
    }
    text
}

#[test]
fn swapped_bid_and_ask_columns_are_seen() {
    let bench = Bench::new();
    let error = mapped(&bench, &day(|i| (1_250 + i, 1_200 + i))).unwrap_err();
    assert_eq!(error.kind, ImportErrorKind::Swapped);
    assert!(
        error
            .to_string()
            .contains("bid and ask look swapped: on 2024-03-14 the bid is above the ask in 40 of 40 quotes"),
        "{error}"
    );
    assert!(!error.help().is_empty());
    // A few crossed quotes are a market's; they are counted, not refused.
    let report = mapped(
        &bench,
        &day(|i| {
            if i % 10 == 0 {
                (1_250, 1_200)
            } else {
                (1_200, 1_250)
            }
        }),
    )
    .unwrap();
    assert_eq!(report.quality.totals().crossed, 4);
}

#[test]
fn a_contract_given_twice_is_counted_or_refused() {
    let bench = Bench::new();
    let line = CSV.lines().nth(1).unwrap();
    let other = line.replace("61.50", "61.60");
    let error = mapped(&bench, &format!("{CSV}{}\n", other.replace("15:45", "16:00"))).unwrap_err();
    assert!(
        error.to_string().contains("is given twice with different quotes")
            || error.kind == ImportErrorKind::BadRow,
        "{error}"
    );
    let again = CSV.lines().last().unwrap();
    let report = mapped(&bench, &format!("{CSV}{again}\n")).unwrap();
    assert_eq!(report.quality.totals().duplicates, 1);
}

#[test]
fn a_negative_strike_and_a_negative_price_are_refused_with_their_place() {
    let bench = Bench::new();
    let told = |from: &str, to: &str| {
        mapped(&bench, &CSV.replacen(from, to, 1))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        told("5150000", "-5150000"),
        "`quotes.csv` line 2, column `strike`: `-5150000` times 0.001 is negative"
    );
    assert_eq!(
        told("61.50", "-61.50"),
        "`quotes.csv` line 2, column `bid_px`: `-61.50` is negative"
    );
    assert_eq!(
        told("5150000", "0"),
        "`quotes.csv` line 2, column `strike`: `0` is not above zero"
    );
}

#[test]
fn a_day_from_a_holiday_is_refused_and_alone_it_is_no_store() {
    let bench = Bench::new();
    // Good Friday.
    let error = mapped(&bench, &CSV.replace("2024-03-14", "2024-03-29")).unwrap_err();
    assert_eq!(error.kind, ImportErrorKind::Nothing);
    assert!(
        error
            .to_string()
            .contains("2024-03-29 was no trading day: NYSE was closed"),
        "{error}"
    );
}

#[test]
fn the_wrong_delimiter_is_named_with_and_without_a_mapping() {
    let bench = Bench::new();
    for (mark, word) in [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")] {
        let error = mapped(&bench, &CSV.replace(',', mark)).unwrap_err();
        assert_eq!(error.kind, ImportErrorKind::Delimiter);
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn a_gzip_stream_that_was_cut_short_leaves_the_store_as_it_was() {
    let bench = Bench::new();
    mapped(&bench, CSV).unwrap();
    let before = tree(&bench.store());
    let packed = gzip(CSV.replace("2024-03-14", "2024-03-15").repeat(50).as_bytes());
    for cut in [3, 12, packed.len() / 2, packed.len() - 5] {
        let file = bench.put("more.csv.gz", &packed[..cut]);
        let mut request = ImportRequest::new(vec![file], bench.store());
        request.append = true;
        request.mapping = Some(mapping(MAPPING_EXAMPLE));
        let error = run(&request, &mut ()).unwrap_err();
        assert!(
            matches!(
                error.kind,
                ImportErrorKind::Truncated | ImportErrorKind::NotText | ImportErrorKind::BadRow
            ),
            "{error}"
        );
        assert_eq!(tree(&bench.store()), before);
    }
}

/// Every file under a folder with its bytes, without the lock.
fn tree(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            out.extend(tree(&path).into_iter().map(|(n, b)| (format!("{name}/{n}"), b)));
        } else if name != ".lock" {
            out.push((name, fs::read(&path).unwrap()));
        }
    }
    out.sort();
    out
}
