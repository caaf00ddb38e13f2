//! Series that say when their values were known, intraday bars, and figures restated later. All numbers are invented.

use super::*;

/// A quarterly figure with a revision, and one printed after the close of a Friday.
const KNOWN: &str = "\
date,known_at,value
2019-01-01,2019-04-26 08:30,3.2
2019-01-01,2019-05-30 08:30,3.1
2019-04-01,2019-07-26 16:30,2.1
2018-10-01,2019-01-30,2.6
";

fn request(bench: &Bench, file: PathBuf, id: &str) -> ImportRequest {
    let mut request = ImportRequest::new(vec![file], bench.store());
    request.series_id = Some(id.to_owned());
    request.time_zone = Some(chrono_tz::America::New_York);
    request
}

#[test]
fn a_value_is_known_when_the_source_says_and_its_revision_later() {
    let bench = Bench::new();
    let file = bench.put("gdp.csv", KNOWN);
    let report = run(&request(&bench, file, "US.GDP"), &mut ()).unwrap();
    let quality = &report.quality.series[0];
    assert_eq!((quality.rows, quality.revisions), (3, 1));
    assert_eq!(quality.availability, "as the source says");
    let h = bench.open();
    let bars = h.series("US.GDP", BarSize::Session).unwrap().unwrap();
    // A date alone counts from the next open; a print after the close belongs to the next session; the revision makes no bar.
    let shown: Vec<String> = bars
        .date
        .iter()
        .zip(&bars.available_at)
        .zip(&bars.close)
        .map(|((d, k), v)| format!("{d} {k} {}", v.unwrap()))
        .collect();
    assert_eq!(
        shown,
        [
            "2019-01-31 2019-01-31 09:30 ET 2.6",
            "2019-04-26 2019-04-26 08:30 ET 3.2",
            "2019-07-29 2019-07-26 16:30 ET 2.1"
        ]
    );
    let kept = h.vintages("US.GDP").unwrap().unwrap();
    assert_eq!(kept.as_of(d("2019-01-01"), at("2019-05-30", 8, 29)), Some(3.2));
    assert_eq!(kept.as_of(d("2019-01-01"), at("2019-05-30", 8, 30)), Some(3.1));

    // Another import adds a later revision; what was known stays.
    let more = bench.put(
        "gdp2.csv",
        "date,known_at,value\n2019-01-01,2019-06-27 08:30,3.4\n2019-01-01,2019-04-26 08:30,3.2\n",
    );
    let mut again = request(&bench, more, "US.GDP");
    again.append = true;
    let report = run(&again, &mut ()).unwrap();
    assert_eq!(
        (
            report.quality.series[0].revisions,
            report.quality.series[0].conflicts.count
        ),
        (2, 0)
    );
    let kept = bench.open().vintages("US.GDP").unwrap().unwrap();
    assert_eq!(kept.rows().len(), 5);
    assert_eq!(kept.as_of(d("2019-01-01"), at("2019-06-26", 16, 0)), Some(3.1));
}

#[test]
fn a_time_without_a_zone_is_refused_and_an_offset_needs_none() {
    let bench = Bench::new();
    let file = bench.put("gdp.csv", KNOWN);
    let mut zoneless = request(&bench, file, "US.GDP");
    zoneless.time_zone = None;
    let error = run(&zoneless, &mut ()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("line 2: the times in `known_at` have no time zone"),
        "{error}"
    );
    assert!(!bench.store().exists());
    let text = "date,known_at,value\n2019-05-23,2019-05-23T18:00:00-04:00,151\n2019-05-24,2019-05-24T22:00:00Z,-210\n";
    let file = bench.put("breadth.csv", text);
    let mut told = request(&bench, file, "NYSE.ADLINE");
    told.time_zone = None;
    run(&told, &mut ()).unwrap();
    let bars = bench
        .open()
        .series("NYSE.ADLINE", BarSize::Session)
        .unwrap()
        .unwrap();
    assert_eq!(bars.date, [d("2019-05-23"), d("2019-05-24")]);
    assert_eq!(
        bars.available_at,
        [at("2019-05-23", 18, 0), at("2019-05-24", 18, 0)]
    );
    assert_eq!(bars.close, [Some(151.0), Some(-210.0)]);
}

#[test]
fn a_mapping_reads_several_series_out_of_one_table() {
    let bench = Bench::new();
    let text = "Fecha,total,index,pe\n2019-10-07,1.05,1.25,\n2019-10-08,1.01,,22.5\n2019-10-12,9,9,9\n";
    let file = bench.put("ratios.csv", text);
    let mut request = ImportRequest::new(vec![file], bench.store());
    let yaml = "kind: series\ndate: fecha\nseries:\n  CBOE.PCR: total\n  CBOE.PCR.INDEX: {column: index, scale: 100}\n  SPX.PE: pe\n";
    request.mapping = Some(super::mapping::mapping(yaml));
    let report = run(&request, &mut ()).unwrap();
    let by_id = |id: &str| report.quality.series.iter().find(|s| s.id == id).unwrap();
    // A Saturday has no session, and nothing says when its value was known.
    assert_eq!(
        (by_id("CBOE.PCR").rows, by_id("CBOE.PCR").off_session.count),
        (2, 1)
    );
    assert_eq!((by_id("SPX.PE").rows, by_id("CBOE.PCR.INDEX").rows), (1, 1));
    let h = bench.open();
    let ratio = h.series("CBOE.PCR.INDEX", BarSize::Session).unwrap().unwrap();
    assert_eq!(ratio.close, [Some(125.0)]);
    assert_eq!(ratio.available_at, [at("2019-10-08", 9, 30)]);
    assert!(h.vintages("CBOE.PCR").unwrap().is_none());
    assert!(
        report
            .quality
            .assumptions
            .iter()
            .any(|a| a.contains("SPX.PE: the source does not say when"))
    );
}

#[test]
fn minute_bars_are_known_at_their_end() {
    let bench = Bench::new();
    let text = "datetime,open,high,low,close,volume\n\
                2019-05-24 09:29:00,1,1,1,1,1\n\
                2019-05-24 09:30:00,2832.4,2833,2831,2832,100\n\
                2019-05-24 09:31:00,2832,2834,2832,2833.5,50\n\
                2019-05-24 16:15:00,2832,2834,2832,2833.5,50\n\
                2019-05-27 10:00:00,2832,2834,2832,2833.5,50\n";
    let file = bench.put("SPX_1min.csv", text);
    let mut request = ImportRequest::new(vec![file.clone()], bench.store());
    let error = run(&request, &mut ()).unwrap_err();
    assert!(error.kind == ImportErrorKind::NoTimeZone, "{error}");
    request.time_zone = Some(chrono_tz::America::New_York);
    let report = run(&request, &mut ()).unwrap();
    let quality = &report.quality.series[0];
    assert_eq!(quality.id, "SPX@1m");
    // Before the open, after 16:15, and on Memorial Day.
    assert_eq!(
        (quality.rows, quality.between_sessions, quality.off_session.count),
        (2, 2, 1)
    );
    let bars = bench.open().series("SPX", BarSize::Minutes(1)).unwrap().unwrap();
    assert_eq!(bars.starts_at, [at("2019-05-24", 9, 30), at("2019-05-24", 9, 31)]);
    assert_eq!(
        bars.available_at,
        [at("2019-05-24", 9, 31), at("2019-05-24", 9, 32)]
    );
    assert_eq!(
        (bars.open[0], bars.high[1], bars.volume[1]),
        (Some(2832.4), Some(2834.0), Some(50.0))
    );
    assert!(
        report
            .quality
            .assumptions
            .iter()
            .any(|a| a.contains("stamped by their start and 1 minutes long"))
    );

    // Stamped by their ends, the same times are the bars before, and the first one counts.
    let yaml = "kind: bars\nseries: SPX\nminutes: 1\nstamp: end\nzone: America/New_York\ntimestamp: datetime\nopen: open\nhigh: high\nlow: low\nclose: close\n";
    let other = Bench::new();
    let mut request = ImportRequest::new(vec![file], other.store());
    request.mapping = Some(super::mapping::mapping(yaml));
    run(&request, &mut ()).unwrap();
    let bars = other.open().series("SPX", BarSize::Minutes(1)).unwrap().unwrap();
    assert_eq!(bars.available_at[0], at("2019-05-24", 9, 31));
    assert_eq!(
        bars.starts_at,
        [at("2019-05-24", 9, 30), at("2019-05-24", 16, 14)]
    );
    assert!(bars.volume.is_empty());
}

#[test]
fn what_a_release_makes_of_the_one_before_is_a_vintage() {
    let bench = Bench::new();
    let text = "date,time,impact,text,actual,forecast,previous\n\
                2022-01-13,8:30am,high,PPI m/m,0.2%,0.4%,1.0%\n\
                2022-02-15,8:30am,high,PPI m/m,1.0%,0.5%,0.4%\n\
                2022-03-15,8:30am,high,PPI m/m,0.8%,0.9%,1.0%\n";
    bench.put("releases.csv", text);
    let report = bench.import().unwrap();
    let ppi = report.quality.events.iter().find(|e| e.id == "PPI").unwrap();
    assert_eq!((ppi.rows, ppi.with_consensus, ppi.revisions), (3, 3, 1));
    let h = bench.open();
    let rows = &h.events("PPI").unwrap().unwrap().rows;
    // The first print stays what rules read.
    assert_eq!(
        (rows[0].actual, rows[0].consensus),
        (Some(0.2 * 0.01), Some(0.4 * 0.01))
    );
    let kept = h.vintages("PPI").unwrap().unwrap();
    let january = d("2022-01-13");
    assert_eq!(kept.as_of(january, at("2022-01-13", 8, 29)), None);
    assert_eq!(kept.as_of(january, at("2022-02-15", 8, 29)), Some(0.2 * 0.01));
    assert_eq!(kept.as_of(january, at("2022-02-15", 8, 30)), Some(0.4 * 0.01));
}
