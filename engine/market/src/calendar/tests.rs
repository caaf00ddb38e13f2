use super::*;
use crate::testing::shared;
use std::collections::BTreeSet;

fn d(text: &str) -> Date {
    text.parse().unwrap()
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

/// Opening and closing of a venue's sessions of a day, Chicago time.
fn chicago(venue: Venue, day: &str) -> Vec<String> {
    let local = |at: Instant| {
        at.in_zone(crate::time::Zone::Chicago)
            .format("%d %H:%M")
            .to_string()
    };
    ExchangeCalendar::nyse()
        .sessions_of(venue, d(day))
        .iter()
        .map(|s| format!("{} {} - {}", s.kind, local(s.opens_at), local(s.closes_at)))
        .collect()
}

#[test]
fn option_hours_follow_their_history() {
    // Source: Cboe (2015-02-27 blog, go.cboe.com/24x5) and SEC releases 34-93403 and 34-100524.
    assert_eq!(chicago(Venue::Spx, "2014-06-10"), ["regular 10 08:30 - 10 15:15"]);
    assert_eq!(
        chicago(Venue::Vix, "2015-03-02"),
        ["overnight 02 02:00 - 02 08:15", "regular 02 08:30 - 02 15:15"]
    );
    // SPX followed a week later.
    assert_eq!(chicago(Venue::Spx, "2015-03-06"), ["regular 06 08:30 - 06 15:15"]);
    assert_eq!(chicago(Venue::Spx, "2015-03-09").len(), 2);
    assert_eq!(
        chicago(Venue::Spx, "2021-11-22"),
        ["overnight 21 19:15 - 22 08:15", "regular 22 08:30 - 22 15:15"]
    );
    assert_eq!(
        chicago(Venue::Xsp, "2022-04-25"),
        [
            "overnight 24 19:15 - 25 08:15",
            "regular 25 08:30 - 25 15:15",
            "curb 25 15:15 - 25 16:00"
        ]
    );
    assert_eq!(
        chicago(Venue::Spx, "2025-07-08"),
        [
            "overnight 07 19:15 - 08 08:25",
            "regular 08 08:30 - 08 15:15",
            "curb 08 15:15 - 08 16:00"
        ]
    );
    // A half day ends at 12:15, without a curb; a holiday has nothing.
    assert_eq!(
        chicago(Venue::Spx, "2024-12-24"),
        ["overnight 23 19:15 - 24 08:25", "regular 24 08:30 - 24 12:15"]
    );
    assert!(chicago(Venue::Spx, "2024-12-25").is_empty());
}

#[test]
fn futures_hours_follow_their_history() {
    // Source: CFE pages on extended trading hours; CME specifications.
    assert_eq!(chicago(Venue::Cfe, "2010-06-10"), ["regular 10 08:30 - 10 15:15"]);
    assert_eq!(
        chicago(Venue::Cfe, "2012-06-12")[0],
        "overnight 12 07:00 - 12 08:30"
    );
    // A Tuesday began the afternoon before; a Monday at two in the morning.
    assert_eq!(
        chicago(Venue::Cfe, "2014-01-14"),
        [
            "overnight 13 15:30 - 13 16:15",
            "overnight 14 02:00 - 14 08:30",
            "regular 14 08:30 - 14 15:15"
        ]
    );
    assert_eq!(
        chicago(Venue::Cfe, "2014-01-13")[0],
        "overnight 13 02:00 - 13 08:30"
    );
    // Nearly all day: the Sunday evening, then the afternoon before.
    assert_eq!(
        chicago(Venue::Cfe, "2014-06-23")[0],
        "overnight 22 17:00 - 23 08:30"
    );
    assert_eq!(
        chicago(Venue::Cfe, "2014-06-24")[0],
        "overnight 23 15:30 - 24 08:30"
    );
    // After a holiday, at five on its evening.
    assert_eq!(
        chicago(Venue::Cfe, "2015-02-17")[0],
        "overnight 16 17:00 - 17 08:30"
    );
    assert_eq!(
        chicago(Venue::Cfe, "2019-05-08"),
        [
            "overnight 07 17:00 - 08 08:30",
            "regular 08 08:30 - 08 15:15",
            "curb 08 15:30 - 08 16:00"
        ]
    );
    assert_eq!(
        chicago(Venue::Cfe, "2024-05-08"),
        [
            "overnight 07 17:00 - 08 08:30",
            "regular 08 08:30 - 08 15:00",
            "curb 08 15:00 - 08 16:00"
        ]
    );
    assert_eq!(
        chicago(Venue::Cme, "2019-05-08"),
        [
            "overnight 07 17:00 - 08 08:30",
            "regular 08 08:30 - 08 15:15",
            "curb 08 15:30 - 08 16:00"
        ]
    );
    assert_eq!(chicago(Venue::Cme, "2024-11-29").len(), 2);
}

#[test]
fn instants_find_their_session_and_trade_date() {
    let cal = ExchangeCalendar::nyse();
    let at = |day: &str, h, m| Instant::from_eastern(d(day), h, m).unwrap();
    let kind = |x: Instant| cal.session_at(Venue::Spx, x).map(|s| (s.kind, s.trade_date));
    use SessionKind::{Curb, Overnight, Regular};
    assert_eq!(kind(at("2025-07-07", 20, 15)), Some((Overnight, d("2025-07-08"))));
    assert_eq!(kind(at("2025-07-08", 9, 24)), Some((Overnight, d("2025-07-08"))));
    assert_eq!(kind(at("2025-07-08", 9, 25)), None);
    assert_eq!(kind(at("2025-07-08", 9, 30)), Some((Regular, d("2025-07-08"))));
    assert_eq!(kind(at("2025-07-08", 16, 15)), Some((Curb, d("2025-07-08"))));
    assert_eq!(kind(at("2025-07-08", 17, 0)), None);
    // Friday night belongs to nobody, Sunday evening to Monday.
    assert_eq!(kind(at("2025-07-11", 20, 30)), None);
    assert_eq!(kind(at("2025-07-13", 20, 30)), Some((Overnight, d("2025-07-14"))));
    // Between sessions the next one decides.
    assert_eq!(
        cal.trade_date(Venue::Spx, at("2025-07-08", 18, 0)),
        Some(d("2025-07-09"))
    );
    assert_eq!(
        cal.trade_date(Venue::Spx, at("2025-07-08", 9, 27)),
        Some(d("2025-07-08"))
    );
    assert_eq!(
        cal.trade_date(Venue::Nyse, at("2025-07-03", 15, 0)),
        Some(d("2025-07-07"))
    );
    assert_eq!(
        cal.next_opening(Venue::Nyse, at("2025-07-03", 9, 30))
            .map(|s| s.trade_date),
        Some(d("2025-07-07"))
    );
    assert_eq!(
        cal.minutes_to_settlement(Root::Spxw, d("2025-07-08"), at("2025-07-08", 15, 59)),
        Some(1)
    );
    assert_eq!(
        cal.minutes_to_settlement(Root::Spx, d("2025-07-18"), at("2025-07-17", 16, 15)),
        Some(17 * 60 + 15)
    );
    assert_eq!(
        cal.minutes_to_settlement(Root::Spxw, d("2025-07-03"), at("2025-07-03", 12, 0)),
        Some(60)
    );
}

#[test]
fn clocks_move_and_sessions_keep_their_local_times() {
    let cal = ExchangeCalendar::nyse();
    let length = |venue, day: &str, kind| {
        let s = cal
            .sessions_of(venue, d(day))
            .into_iter()
            .find(|s| s.kind == kind)
            .unwrap();
        (s.minutes(), s.opens_at.utc().format("%H:%M").to_string())
    };
    // Clocks go forward on Sunday 2025-03-09 and back on Sunday 2025-11-02, in New York and Chicago alike; the Monday
    // session opens on the Sunday evening, after the change, so that its length stays.
    for (venue, minutes) in [(Venue::Spx, 790), (Venue::Cfe, 930)] {
        for day in ["2025-03-07", "2025-03-10", "2025-10-31", "2025-11-03"] {
            assert_eq!(
                length(venue, day, SessionKind::Overnight).0,
                minutes,
                "{venue:?} {day}"
            );
        }
    }
    assert_eq!(length(Venue::Spx, "2025-03-07", SessionKind::Regular).1, "14:30");
    assert_eq!(length(Venue::Spx, "2025-03-10", SessionKind::Regular).1, "13:30");
    assert_eq!(length(Venue::Spx, "2025-10-31", SessionKind::Regular).1, "13:30");
    assert_eq!(length(Venue::Spx, "2025-11-03", SessionKind::Regular).1, "14:30");
    // Chicago's regular opening is New York's, all year.
    for day in cal.sessions(d("2024-01-01"), d("2025-12-31")) {
        let opens = |v| {
            cal.sessions_of(v, *day)
                .into_iter()
                .find(|s| s.kind == SessionKind::Regular)
                .map(|s| s.opens_at)
        };
        assert_eq!(opens(Venue::Spx), opens(Venue::Nyse), "{day}");
    }
    // An hour that does not exist, and one that comes twice.
    assert_eq!(Instant::from_eastern(d("2025-03-09"), 2, 30), None);
    let twice = Instant::from_eastern(d("2025-11-02"), 1, 30).unwrap();
    assert_eq!(twice.utc().format("%H:%M").to_string(), "05:30");
    // A daily expiry across the change counts real minutes.
    let friday = Instant::from_eastern(d("2025-03-07"), 16, 0).unwrap();
    assert_eq!(
        cal.minutes_to_settlement(Root::Spxw, d("2025-03-10"), friday),
        Some(3 * 1440 - 60)
    );
}

#[test]
fn sessions_of_a_venue_never_overlap() {
    let cal = ExchangeCalendar::nyse();
    for venue in Venue::ALL {
        let mut last = Instant(i64::MIN);
        for day in cal.sessions(d("2010-01-01"), d("2027-06-30")) {
            for session in cal.sessions_of(venue, *day) {
                assert!(session.opens_at >= last, "{session:?}");
                last = session.closes_at;
            }
        }
    }
}

#[test]
fn exchange_files_agree_with_the_computed_hours() {
    // Source: pandas_market_calendars. Days and half days follow NYSE; the Cboe file is known to miss half days (2024-12-24
    // among them), so that a full day there may be a half day here, never the other way round.
    let cal = ExchangeCalendar::nyse();
    for (file, venue) in [
        ("calendars/cboe_index_options_sessions_2004_2027.csv", Venue::Spx),
        ("calendars/cfe_sessions_2004_2027.csv", Venue::Cfe),
    ] {
        let Some(path) = shared(file) else { continue };
        let text = std::fs::read_to_string(path).unwrap();
        let mut days = Vec::new();
        let mut missed = 0;
        for line in text.lines().skip(1) {
            let f: Vec<&str> = line.split(',').collect();
            let day = d(f[0]);
            days.push(day);
            let sessions = cal.sessions_of(venue, day);
            let regular = sessions.iter().find(|s| s.kind == SessionKind::Regular);
            // VX began on 2004-03-26.
            let Some(regular) = regular else {
                assert!(venue == Venue::Cfe && day < d("2004-03-26"), "{venue:?} {day}");
                continue;
            };
            let local = |at: Instant| at.in_zone(crate::time::Zone::Chicago).format("%H:%M").to_string();
            assert_eq!(local(regular.opens_at), f[1], "{venue:?} {day}");
            if cal.is_early_close(day) {
                missed += i32::from(f[2] != "12:15");
                assert_eq!(local(regular.closes_at), "12:15");
            } else {
                assert_eq!(f[2], "15:15", "{venue:?} {day}");
            }
        }
        assert_eq!(cal.sessions(days[0], *days.last().unwrap()), days, "{file}");
        println!("{file}: {missed} half days are full days there");
        assert!(missed > 0 && cal.is_early_close(d("2024-12-24")));
    }
}
