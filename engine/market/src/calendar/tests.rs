use super::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn d(text: &str) -> Date {
    text.parse().unwrap()
}

fn shared(path: &str) -> Option<PathBuf> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(path);
    if file.exists() {
        return Some(file);
    }
    println!("skipped: shared data {path} absent");
    None
}

#[test]
fn every_day_from_2000_to_mid_2027_equals_the_reference_calendar() {
    // Source: exchange_calendars (XNYS), with opening and closing instants in UTC.
    let Some(file) = shared("calendars/xnys_sessions_2000_2027.csv") else {
        return;
    };
    let cal = ExchangeCalendar::nyse();
    let text = std::fs::read_to_string(file).unwrap();
    let mut expected = Vec::new();
    for line in text.lines().skip(1) {
        let f: Vec<&str> = line.split(',').collect();
        let day = d(f[0]);
        let utc = |at: Option<Instant>| at.unwrap().utc().format("%Y-%m-%dT%H:%MZ").to_string();
        assert_eq!(utc(cal.open_at(day)), f[3], "open of {day}");
        assert_eq!(utc(cal.close_at(day)), f[4], "close of {day}");
        assert_eq!(cal.is_early_close(day), f[5] == "1", "half day {day}");
        expected.push(day);
    }
    assert_eq!(cal.sessions(d("2000-01-01"), d("2027-06-30")), expected);

    let closures =
        std::fs::read_to_string(shared("calendars/xnys_full_closures_2000_2027.csv").unwrap()).unwrap();
    let closed: Vec<Date> = closures.lines().skip(1).map(d).collect();
    let computed: Vec<Date> = d("2000-01-01")
        .iter_days()
        .take_while(|x| *x <= d("2027-06-30"))
        .filter(|x| !matches!(x.weekday(), Weekday::Sat | Weekday::Sun) && !cal.is_session(*x))
        .collect();
    assert_eq!(computed, closed);
}

#[test]
fn vix_expiries_move_when_the_wednesday_or_the_friday_is_a_holiday() {
    // Source: computed by hand from Cboe's rule (design notes, table of moved expiries); SPX expiry is the AM monthly.
    let cal = ExchangeCalendar::nyse();
    let moved = [
        ((2019, 3), "2019-03-19", (2019, 4), "2019-04-18"),
        ((2022, 3), "2022-03-15", (2022, 4), "2022-04-14"),
        ((2024, 6), "2024-06-18", (2024, 7), "2024-07-19"),
        ((2025, 3), "2025-03-18", (2025, 4), "2025-04-17"),
        ((2026, 5), "2026-05-19", (2026, 6), "2026-06-18"),
    ];
    for ((vy, vm), vix, (sy, sm), spx) in moved {
        assert_eq!(cal.vix_monthly_expiry(vy, vm), Some(d(vix)));
        assert_eq!(cal.spx_monthly_expiry(sy, sm), Some(d(spx)));
    }
    let regular_2026 = [
        "2026-01-21",
        "2026-02-18",
        "2026-03-18",
        "2026-04-15",
        "2026-05-19",
        "2026-06-17",
        "2026-07-22",
        "2026-08-19",
        "2026-09-16",
        "2026-10-21",
        "2026-11-18",
        "2026-12-16",
    ];
    assert_eq!(cal.vx_expiries(d("2025-12-31"), 12), regular_2026.map(d));
    assert_eq!(cal.vix_expiry_of_week(d("2018-12-05")), Some(d("2018-12-06")));
    // On settlement morning the expiring future is no longer the front month.
    assert_eq!(cal.vx_expiries(d("2026-01-21"), 1), [d("2026-02-18")]);
    assert_eq!(cal.vx_expiries(d("2026-01-20"), 1), [d("2026-01-21")]);
}

#[test]
fn am_series_stop_the_evening_before_and_pm_series_at_the_close_of_their_day() {
    let cal = ExchangeCalendar::nyse();
    let at = |x: Option<Instant>| x.unwrap().to_string();
    let may = d("2019-05-17");
    assert_eq!(at(cal.settles_at(Root::Spx, may)), "2019-05-17 09:30 ET");
    assert_eq!(at(cal.last_trade_at(Root::Spx, may)), "2019-05-16 16:15 ET");
    assert_eq!(at(cal.settles_at(Root::Spxw, may)), "2019-05-17 16:00 ET");
    assert_eq!(at(cal.last_trade_at(Root::Spxw, may)), "2019-05-17 16:00 ET");
    // A half day settles at 13:00; an AM series whose eve is a half day trades to 13:15.
    assert_eq!(
        at(cal.settles_at(Root::Spxw, d("2019-07-03"))),
        "2019-07-03 13:00 ET"
    );
    assert_eq!(
        at(cal.last_trade_at(Root::Vix, d("2018-12-26"))),
        "2018-12-24 13:15 ET"
    );
    assert_eq!(
        at(cal.settles_at(Root::Vix, d("2019-03-19"))),
        "2019-03-19 09:30 ET"
    );
    // A Saturday-dated monthly means its Friday.
    assert_eq!(
        at(cal.settles_at(Root::Spx, d("2014-12-20"))),
        "2014-12-19 09:30 ET"
    );
}

#[test]
fn sessions_are_counted_and_walked_across_holidays() {
    let cal = ExchangeCalendar::nyse();
    assert_eq!(cal.next_session(d("2019-05-24")), Some(d("2019-05-28")));
    assert_eq!(cal.previous_session(d("2019-05-28")), Some(d("2019-05-24")));
    assert_eq!(cal.session_index(d("2019-05-27")), None);
    let (a, b) = (
        cal.session_index(d("2019-04-25")).unwrap(),
        cal.session_index(d("2019-06-28")).unwrap(),
    );
    assert_eq!(b - a + 1, 46);
    assert_eq!(cal.sessions(d("2019-04-25"), d("2019-06-28")).len(), 46);
    assert_eq!(cal.offset(d("2019-05-27"), 1), Some(d("2019-05-28")));
    assert_eq!(cal.offset(d("2019-05-28"), -1), Some(d("2019-05-24")));
    assert!(cal.sessions(d("2019-06-28"), d("2019-04-25")).is_empty());
    assert!(!cal.is_session(d("1980-01-02")) && !cal.is_session(d("2150-01-04")));
    assert_eq!(cal.next_session(d("2150-01-04")), None);
    assert_eq!(cal.previous_session(d("1980-01-04")), None);
}

#[test]
fn vx_expiries_equal_the_recorded_ones_from_2006_to_2016() {
    // Source: the `leyhline` record of VX contracts alive each day; its last contracts are known to be wrong, and the
    // earliest ones expired under older rules.
    let Some(file) = shared("context/leyhline_expirations.csv") else {
        return;
    };
    let cal = ExchangeCalendar::nyse();
    let text = std::fs::read_to_string(file).unwrap();
    let cells = text.lines().skip(1).flat_map(|line| line.split(',').skip(2));
    let recorded: BTreeSet<Date> = cells
        .filter_map(|f| f.parse().ok())
        .filter(|e: &Date| (2006..=2016).contains(&e.year()))
        .collect();
    let months = (2006..=2016).flat_map(|y| (1..=12).map(move |m| (y, m)));
    let computed: BTreeSet<Date> = months.filter_map(|(y, m)| cal.vix_monthly_expiry(y, m)).collect();
    assert_eq!(computed, recorded);
}
