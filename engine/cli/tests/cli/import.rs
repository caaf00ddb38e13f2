use crate::support::{Folder, Outcome};
use insta::assert_snapshot;
use std::path::PathBuf;

const HEADER: &str = "underlying,underlying_last,exchange,optionroot,optionext,type,expiration,quotedate,strike,last,net,bid,ask,volume,openinterest,impliedvol,delta,gamma,theta,vega,optionalias\n";

/// A made-up chain file of one day in the historical-option-data layout; not a price in it was ever quoted.
fn chain(day: &str) -> String {
    let mut text = HEADER.to_owned();
    for (i, strike) in [2900, 2925, 2950].into_iter().enumerate() {
        for (kind, letter) in [("call", 'C'), ("put", 'P')] {
            text += &format!(
                "SPX,2931.00,*,SPXW190614{letter}0{strike}000,,{kind},06/14/2019,{day},{strike},10.00,0,{bid}.10,{ask}.30,5,100,0.12,0.5,0.01,0,0,SPXW190614{letter}0{strike}000\n",
                bid = 10 + i,
                ask = 11 + i,
            );
        }
    }
    text
}

fn import(here: &Folder, args: &[&str]) -> Outcome {
    let mut all = vec!["import"];
    all.extend(args);
    here.alula(&all)
}

#[test]
fn chains_make_a_store_that_shows_what_it_holds() {
    let here = Folder::new(&[
        ("chains/SPX_20190513.csv", &chain("05/13/2019")),
        ("chains/SPX_20190515.csv", &chain("05/15/2019")),
    ]);
    let outcome = import(&here, &["chains", "--store", "spx"]);
    assert_snapshot!("import", outcome);
    let outcome = here.alula(&["store", "spx", "--verify"]);
    let hash = outcome
        .stdout
        .lines()
        .next()
        .unwrap()
        .rsplit(' ')
        .next()
        .unwrap()
        .to_owned();
    assert_snapshot!("store", outcome.to_string().replace(&hash, "HASH"));
    let json: serde_json::Value =
        serde_json::from_str(&here.alula(&["store", "spx", "--format", "json"]).stdout).unwrap();
    assert_eq!(json["chains"][0]["gaps"][0], "2019-05-14");
}

#[test]
fn a_malformed_row_is_named_and_leaves_no_store() {
    let bad = chain("05/13/2019").replace("10.10", "ten");
    let here = Folder::new(&[("SPX_20190513.csv", &bad)]);
    assert_snapshot!(import(&here, &["SPX_20190513.csv", "--store", "spx"]));
    assert!(!here.join("spx").exists());
    let outcome = import(&here, &["SPX_20190513.csv", "--store", "spx", "--skip-bad"]);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert!(
        outcome.stderr.contains("2 malformed rows were left out"),
        "{outcome}"
    );
}

#[test]
fn requests_that_make_no_sense_are_usage_errors() {
    let here = Folder::new(&[("SPX_20190513.csv", &chain("05/13/2019"))]);
    let file = "SPX_20190513.csv";
    assert_snapshot!(import(
        &here,
        &[file, "--store", "spx", "--snapshot-time", "quarter to four"]
    ));
    assert_snapshot!(import(&here, &[file, "--store", "spx", "--kind", "ohcl"]));
    assert_snapshot!(import(&here, &["nothing", "--store", "spx"]));
    assert_snapshot!(import(&here, &[file, "--store", "spx", "--append"]));
    assert_snapshot!(here.alula(&["store", "spx"]));
    assert_eq!(import(&here, &[file, "--store", "spx"]).code, 0);
    assert_snapshot!(import(&here, &[file, "--store", "spx"]));
}

#[test]
fn a_damaged_store_is_refused() {
    let here = Folder::new(&[("SPX_20190513.csv", &chain("05/13/2019"))]);
    assert_eq!(import(&here, &["SPX_20190513.csv", "--store", "spx"]).code, 0);
    let file = here.join("spx/chains/root=SPXW/date=2019-05-13.parquet");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let outcome = here.alula(&["store", "spx", "--verify"]);
    assert_eq!(outcome.code, 3, "{outcome}");
    assert!(outcome.stderr.contains("date=2019-05-13.parquet"), "{outcome}");
}

#[test]
fn the_chains_of_2019_refuse_the_holiday_copy_and_report_the_missing_days() {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/spx_chain_2019");
    if !data.is_dir() {
        println!("skipped: {} absent", data.display());
        return;
    }
    let files = [
        "SPX_20190524.csv.gz",
        "SPX_20190527.csv.gz",
        "SPX_20190528.csv.gz",
    ];
    let paths: Vec<String> = files.iter().map(|f| data.join(f).display().to_string()).collect();
    let here = Folder::new(&[]);
    let mut args = vec!["--store", "spx"];
    args.extend(paths.iter().map(String::as_str));
    let outcome = import(&here, &args);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert!(
        outcome.stdout.contains("refused  SPX_20190527.csv.gz"),
        "{outcome}"
    );
    assert!(outcome.stderr.contains("1 file or day was refused"), "{outcome}");
    let outcome = import(
        &here,
        &[&args[..], &["--store", "strict", "--strict"]]
            .concat()
            .split_off(2),
    );
    assert_eq!(outcome.code, 3, "{outcome}");
    assert!(!here.join("strict").exists());
}
