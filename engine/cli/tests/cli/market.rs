//! `alula contracts` and `alula calendar`.

use crate::support::Folder;

#[test]
fn every_class_is_listed_and_shown_with_its_facts() {
    let here = Folder::new(&[]);
    let all = here.alula(&["contracts", "--on", "2024-05-01"]);
    assert_eq!(all.code, 0, "{all}");
    for class in [
        "SPX", "SPXW", "XSP", "VIX", "VIXW", "VX", "VXM", "ES", "MES", "SPY", "VXX", "VXZ",
    ] {
        assert!(
            all.stdout.lines().any(|l| l.starts_with(&format!("{class} "))),
            "{class}: {all}"
        );
        let one = here.alula(&["contracts", class, "--on", "2024-05-01"]);
        assert_eq!(one.code, 0, "{one}");
        assert!(one.stdout.contains("multiplier"), "{one}");
        let json = here.alula(&["contracts", class, "--format", "json"]);
        let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(value["class"], class);
    }
    let vix = here.alula(&["contracts", "vix", "--on", "2019-05-01"]);
    assert!(vix.stdout.contains("0.05 below 3.00, then 0.10"), "{vix}");
    let vix = here.alula(&["contracts", "vix", "--on", "2023-05-01"]);
    assert!(vix.stdout.contains("0.01 below 3.00, then 0.05"), "{vix}");
}

#[test]
fn a_contract_that_did_not_exist_is_a_finding() {
    let here = Folder::new(&[]);
    let was = here.alula(&["contracts", "SPXW190531P02825000", "--on", "2019-04-30"]);
    assert_eq!(was.code, 0, "{was}");
    assert!(was.stdout.contains("SPXW  190531P02825000"), "{was}");
    let was_not = here.alula(&["contracts", "SPXW190507C02900000", "--on", "2019-04-30"]);
    assert_eq!(was_not.code, 1, "{was_not}");
    assert!(
        was_not.stdout.contains("no Tuesdays") && was_not.stdout.contains("2022-04-18"),
        "{was_not}"
    );
    let off_grid = here.alula(&["contracts", "SPXW190531P02823000", "--on", "2019-04-30"]);
    assert_eq!(off_grid.code, 1, "{off_grid}");
    let future = here.alula(&["contracts", "/VXK6", "--on", "2026-04-01", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&future.stdout).unwrap();
    assert_eq!(value["settles"], "2026-05-19 09:30 ET");
    for bad in [
        &["contracts", "AAPL"][..],
        &["contracts", ""],
        &["contracts", "SPY", "--expiries", "2019-05-01..2019-06-01"],
        &["contracts", "SPX", "--expiries", "2019-06-01..2019-05-01"],
        &["contracts", "--expiries", "2019-05-01..2019-06-01"],
    ] {
        let outcome = here.alula(bad);
        assert_eq!(outcome.code, 2, "{outcome}");
        assert_eq!(outcome.stdout, "", "{outcome}");
    }
}

#[test]
fn expiries_by_rule_are_those_that_the_exchange_listed() {
    // Source: the SPXW expiries of the recorded chain of 2019-04-25.
    let here = Folder::new(&[]);
    let shown = here.alula(&[
        "contracts",
        "SPXW",
        "--on",
        "2019-04-25",
        "--expiries",
        "2019-04-26..2019-05-10",
    ]);
    let days: Vec<&str> = shown
        .stdout
        .lines()
        .filter(|l| l.contains(" dte "))
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    assert_eq!(
        days,
        [
            "2019-04-26",
            "2019-04-29",
            "2019-04-30",
            "2019-05-01",
            "2019-05-03",
            "2019-05-06",
            "2019-05-08",
            "2019-05-10"
        ],
        "{shown}"
    );
}

#[test]
fn the_calendar_shows_half_days_holidays_and_moved_expiries() {
    // Source: design notes: VIX of May 2026 goes on Tuesday the 19th, SPX of June on Thursday the 18th.
    let here = Folder::new(&[]);
    let line = |args: &[&str], day: &str| {
        let outcome = here.alula(args);
        assert_eq!(outcome.code, 0, "{outcome}");
        outcome
            .stdout
            .lines()
            .find(|l| l.starts_with(day))
            .unwrap_or_else(|| panic!("{outcome}"))
            .to_owned()
    };
    let range = ["calendar", "--from", "2026-05-18", "--to", "2026-06-22"];
    let vix = line(&range, "2026-05-19");
    assert!(
        vix.contains("VIX am to VRO") && vix.contains("VX to VRO"),
        "{vix}"
    );
    assert!(line(&range, "2026-05-18").contains("last day of VIX"));
    assert!(line(&range, "2026-05-25").contains("closed: Memorial Day"));
    assert!(line(&range, "2026-06-18").contains("SPX am to SET"));
    assert!(line(&range, "2026-06-19").contains("closed: Juneteenth"));
    let half = line(
        &[
            "calendar",
            "--from",
            "2024-12-24",
            "--to",
            "2024-12-25",
            "--zone",
            "ct",
        ],
        "2024-12-24",
    );
    assert!(
        half.contains("HALF DAY") && half.contains("08:30-12:15"),
        "{half}"
    );
    let json = here.alula(&[
        "calendar",
        "--from",
        "2024-12-24",
        "--to",
        "2024-12-25",
        "--format",
        "json",
    ]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(value["days"][0]["half_day"], true);
    assert_eq!(value["days"][1]["closed"], "Christmas Day");
    assert_eq!(
        here.alula(&["calendar", "--from", "2024-12-25", "--to", "2024-12-24"])
            .code,
        2
    );
    assert_eq!(here.alula(&["calendar", "--from", "1980-12-25"]).code, 2);
    assert_eq!(
        here.alula(&["calendar", "--from", "2000-01-01", "--to", "2020-01-01"])
            .code,
        2
    );
}
