use crate::support::Folder;

/// The expiries named in a table, in order.
fn expiries(table: &str) -> Vec<&str> {
    let rows = table.lines().filter_map(|l| l.split_whitespace().next());
    rows.filter(|w| w.len() == 10 && w.starts_with("20")).collect()
}

#[test]
fn a_surface_is_a_table_a_document_and_a_picture() {
    let here = Folder::new(&[]);
    let table = here.alula(&["surface"]);
    assert_eq!(table.code, 0, "{table}");
    assert!(
        table.stdout.contains("simulated") && table.stdout.contains("inside"),
        "{table}"
    );
    assert!(
        table.stdout.contains("0 with arbitrage inside the quotes"),
        "{table}"
    );
    let listed = expiries(&table.stdout);
    assert!(listed.len() > 3, "{table}");
    let expiry = listed[2];

    let json = here.alula(&["surface", "--expiry", expiry, "--format", "json"]);
    assert_eq!(json.code, 0, "{json}");
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(document["simulated"], true);
    let smile = &document["expiries"][0];
    assert_eq!(smile["expiry"], expiry);
    assert!(smile["fit"]["inside"].as_f64().unwrap() > 0.8, "{json}");
    assert!(
        smile["butterfly"]["least_durrleman"].as_f64().unwrap() >= 0.0,
        "{json}"
    );
    let again = here.alula(&["surface", "--expiry", expiry, "--format", "json"]);
    assert_eq!(again.stdout, json.stdout);

    let picture = here.alula(&[
        "surface",
        "--expiry",
        expiry,
        "--format",
        "svg",
        "-o",
        "smile.svg",
    ]);
    assert_eq!((picture.code, picture.stdout.as_str()), (0, ""), "{picture}");
    let svg = here.read("smile.svg");
    assert!(svg.starts_with("<svg") && svg.contains("simulated market") && svg.contains(expiry));
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
}

/// A put spread of the simulated market: one break-even at each date, the last of them the short strike less the credit.
#[test]
fn a_package_breaks_even_date_by_date() {
    let here = Folder::new(&[]);
    let listed = here.alula(&["surface"]);
    let expiry = expiries(&listed.stdout)[4].to_owned();
    let json = here.alula(&["surface", "--expiry", &expiry, "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let smile = &document["expiries"][0];
    let strikes: Vec<f64> = smile["quotes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|q| q[0].as_f64().unwrap())
        .collect();
    let below = strikes.partition_point(|k| *k < smile["forward"].as_f64().unwrap());
    let (short, long) = (strikes[below - 3], strikes[below - 6]);
    let legs = format!("-1p{short} +1p{long}");
    let outcome = here.alula(&[
        "surface", "--expiry", &expiry, "--legs", &legs, "--format", "json",
    ]);
    assert_eq!(outcome.code, 0, "{outcome}");
    let package: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(package["simulated"], true);
    let credit = package["credit"].as_f64().unwrap();
    let loss = package["max_loss"].as_f64().unwrap();
    assert!((loss + credit - (short - long)).abs() < 1e-9, "{outcome}");
    let dates = package["dates"].as_array().unwrap();
    assert!(
        dates.len() > 1
            && dates
                .iter()
                .all(|d| d["break_evens"].as_array().unwrap().len() == 1),
        "{outcome}"
    );
    let last: f64 = dates.last().unwrap()["break_evens"][0]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((last - (short - credit)).abs() < 0.06, "{outcome}");
    let table = here.alula(&["surface", "--expiry", &expiry, "--legs", &legs]);
    assert!(
        table.stdout.contains("simulated") && table.stdout.contains("maximum loss"),
        "{table}"
    );
    for (legs, what) in [("nonsense", "is not a leg"), ("-1p1", "strike `1` is not listed")] {
        let outcome = here.alula(&["surface", "--expiry", &expiry, "--legs", legs]);
        assert!(outcome.code == 2 && outcome.stderr.contains(what), "{outcome}");
    }
}

#[test]
fn a_surface_that_is_not_there_is_said_so() {
    let here = Folder::new(&[]);
    for (arguments, what, help) in [
        (
            &["--date", "1999-01-04"][..],
            "no snapshot of `SPX` on `1999-01-04`",
            "nearest snapshot",
        ),
        (
            &["--date", "monday"],
            "`monday` is neither a day nor a time",
            "--date 2019-05-03",
        ),
        (
            &["--expiry", "2099-01-01"],
            "no expiry `2099-01-01`",
            "the nearest is",
        ),
        (&["--underlying", "ndx"], "no chains of `NDX`", "--underlying"),
        (&["--data", "nowhere"], "nowhere", ""),
    ] {
        let outcome = here.alula(&[&["surface"], arguments].concat());
        assert_eq!(outcome.code, 2, "{outcome}");
        assert_eq!(outcome.stdout, "", "{outcome}");
        assert!(
            outcome.stderr.contains(what) && outcome.stderr.contains(help),
            "{outcome}"
        );
    }
}
