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
