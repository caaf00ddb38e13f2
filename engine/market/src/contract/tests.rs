//! Facts of contracts against what exchanges published and what was recorded.

use super::listing::{self, Class, Cycle, WhyNot, listed};
use super::since::Since;
use super::tick::{self, Quoted, Rounding};
use super::*;
use crate::testing::shared;
use chrono::Datelike as _;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::io::Read as _;

fn d(text: &str) -> Date {
    text.parse().unwrap()
}

fn p(text: &str) -> Price {
    Price::parse(text).unwrap()
}

#[test]
fn increments_follow_class_package_premium_and_date() {
    // Source: Cboe SPX and XSP specifications; Cboe announcement of 2022-11-29 for VIX; CFE and CME specifications.
    let on = d("2024-05-01");
    let old = d("2019-05-01");
    let cases = [
        (Root::Spxw.ticks(), Quoted::Single, "2.95", on, "0.05"),
        (Root::Spxw.ticks(), Quoted::Single, "3.00", on, "0.10"),
        (Root::Spx.ticks(), Quoted::Single, "-3.00", on, "0.10"),
        (Root::Spxw.ticks(), Quoted::Package, "12.00", on, "0.05"),
        (Root::Spxw.ticks(), Quoted::PackageLeg, "12.00", on, "0.01"),
        (Root::Xsp.ticks(), Quoted::Single, "12.00", on, "0.01"),
        (Root::Vix.ticks(), Quoted::Single, "2.99", on, "0.01"),
        (Root::Vix.ticks(), Quoted::Single, "3.00", on, "0.05"),
        (Root::Vixw.ticks(), Quoted::Package, "3.00", on, "0.01"),
        (Root::Vix.ticks(), Quoted::Single, "2.99", old, "0.05"),
        (Root::Vix.ticks(), Quoted::Single, "3.00", old, "0.10"),
        (Root::Vix.ticks(), Quoted::Package, "1.00", old, "0.05"),
        (Root::Vix.ticks(), Quoted::Single, "1.00", d("2022-11-27"), "0.05"),
        (Root::Vix.ticks(), Quoted::Single, "1.00", d("2022-11-28"), "0.01"),
        (FutureRoot::Vx.ticks(), Quoted::Single, "18.00", on, "0.05"),
        (FutureRoot::Vx.ticks(), Quoted::Package, "-1.00", on, "0.01"),
        (
            FutureRoot::Vx.ticks(),
            Quoted::Single,
            "18.00",
            d("2008-05-01"),
            "0.01",
        ),
        (FutureRoot::Vxm.ticks(), Quoted::Single, "18.00", on, "0.01"),
        (FutureRoot::Es.ticks(), Quoted::Single, "5000.00", on, "0.25"),
        (FutureRoot::Mes.ticks(), Quoted::Package, "50.00", on, "0.05"),
    ];
    for (table, quoted, price, day, expected) in cases {
        assert_eq!(
            tick::increment(table, quoted, p(price), day),
            p(expected),
            "{price} {quoted:?} {day}"
        );
    }
    assert!(tick::is_on_tick(
        Root::Spxw.ticks(),
        Quoted::Single,
        p("3.10"),
        on
    ));
    assert!(!tick::is_on_tick(
        Root::Spxw.ticks(),
        Quoted::Single,
        p("3.05"),
        on
    ));
}

#[test]
fn recorded_vx_settlements_stand_on_the_increments_of_their_day() {
    // Settlements may be set off the increment of trading; before 2009-02-02 a third were, in the two years after it almost
    // none. That is where the table's date comes from.
    let Some(file) = shared("context/leyhline_8_m_settle.csv") else {
        return;
    };
    let text = std::fs::read_to_string(file).unwrap();
    let (mut before, mut after) = ((0, 0), (0, 0));
    for line in text.lines().skip(1) {
        let f: Vec<&str> = line.split(',').collect();
        let day = d(f[1]);
        let count = if (d("2008-01-01")..d("2009-02-02")).contains(&day) {
            &mut before
        } else if (d("2009-02-02")..d("2011-01-01")).contains(&day) {
            &mut after
        } else {
            continue;
        };
        for price in f[2..5].iter().filter_map(|c| Price::parse(c)) {
            count.0 += 1;
            count.1 += i32::from(price.0 % 50 != 0);
        }
    }
    assert!(before.1 * 3 > before.0, "{before:?}");
    assert!(after.1 * 20 < after.0, "{after:?}");
}

proptest! {
    #[test]
    fn rounding_lands_on_a_tick_on_the_right_side(mills in -20_000i64..20_000, vix in any::<bool>(), single in any::<bool>(), late in any::<bool>()) {
        let table = if vix { Root::Vix.ticks() } else { Root::Spxw.ticks() };
        let quoted = if single { Quoted::Single } else { Quoted::Package };
        let on = if late { d("2024-01-02") } else { d("2019-01-02") };
        let price = Price(mills);
        let down = tick::round_to_tick(table, quoted, price, on, Rounding::Down);
        let up = tick::round_to_tick(table, quoted, price, on, Rounding::Up);
        let near = tick::round_to_tick(table, quoted, price, on, Rounding::Nearest);
        prop_assert!(down <= price && price <= up);
        prop_assert!(near == down || near == up);
        prop_assert!((near - price).abs() <= (down - price).abs().min((up - price).abs()));
        for rounded in [down, up, near] {
            prop_assert!(tick::is_on_tick(table, quoted, rounded, on), "{price} -> {rounded}");
        }
        prop_assert_eq!(-tick::round_to_tick(table, quoted, -price, on, Rounding::Down), up);
    }

    #[test]
    fn option_symbols_round_trip(root in 0usize..5, days in 0i64..36_524, put in any::<bool>(), strike in 1i64..100_000_000) {
        let contract = OptionContract {
            root: Root::ALL[root],
            expiry: d("2000-01-01") + chrono::Duration::days(days),
            right: if put { Right::Put } else { Right::Call },
            strike: Price(strike),
        };
        let symbol = contract.osi().unwrap();
        prop_assert_eq!(symbol.len(), 21);
        prop_assert_eq!(OptionContract::parse_osi(&symbol), Ok(contract));
        prop_assert_eq!(OptionContract::parse_osi(&contract.compact().unwrap()), Ok(contract));
    }

    #[test]
    fn no_text_makes_a_symbol_parser_panic(text in "\\PC{0,30}") {
        let _ = OptionContract::parse_osi(&text);
        let _ = FutureContract::parse(&text, d("2024-01-02"));
    }

    #[test]
    fn futures_symbols_round_trip(root in 0usize..4, year in 2000i32..2090, month in 1u32..=12, days in 0u64..2900) {
        let root = FutureRoot::ALL[root];
        if let Some(contract) = FutureContract::monthly(root, year, month) {
            prop_assert_eq!(FutureContract::parse(&contract.code(), d("2024-01-02")), Ok(contract));
            // One digit is enough while the contract is alive.
            let on = contract.expiry - chrono::Days::new(days);
            prop_assert_eq!(FutureContract::parse(&contract.short_code(), on), Ok(contract));
        }
    }
}

#[test]
fn option_symbols_are_those_of_the_clearing_house() {
    // Source: the OSI example of macroption.com and symbols of the 2019 chains.
    let contract = OptionContract {
        root: Root::Spxw,
        expiry: d("2019-05-31"),
        right: Right::Put,
        strike: p("2825"),
    };
    assert_eq!(contract.osi().as_deref(), Some("SPXW  190531P02825000"));
    for same in [
        "SPXW190531P02825000",
        "O:SPXW190531P02825000",
        " SPXW  190531P02825000 ",
    ] {
        assert_eq!(OptionContract::parse_osi(same), Ok(contract), "{same}");
    }
    let bad = [
        ("SPXW190531P0282500", "shorter root"),
        ("AAPL  190531P00100000", "not one of ours"),
        ("SPXW  190231P02825000", "no such day"),
        ("SPXW  190531X02825000", "no right"),
        ("SPXW  19053 P02825000", "a blank inside"),
        ("SPXW  190531P00000000", "no strike"),
        ("", "empty"),
        ("€SPXW190531P0282500", "not ascii"),
    ];
    for (symbol, why) in bad {
        assert!(OptionContract::parse_osi(symbol).is_err(), "{why}: {symbol}");
    }
    let too_large = OptionContract {
        strike: Price(100_000_000),
        ..contract
    };
    assert_eq!(too_large.osi(), None);
}

#[test]
fn futures_symbols_are_those_of_the_exchanges() {
    let on = d("2015-07-24");
    // Source: Cboe's table of 2015-07-24 (31VX/Q5 expires on August 5, VIXQ5 on August 19).
    let weekly = FutureContract {
        root: FutureRoot::Vx,
        expiry: d("2015-08-05"),
    };
    assert_eq!(FutureContract::parse("31VX/Q5", on), Ok(weekly));
    assert_eq!(
        (weekly.code(), weekly.short_code()),
        ("VX31Q15".into(), "/VX31Q5".into())
    );
    let monthly = FutureContract {
        root: FutureRoot::Vx,
        expiry: d("2015-08-19"),
    };
    assert_eq!(FutureContract::parse("VX/Q5", on), Ok(monthly));
    assert_eq!(monthly.code(), "VXQ15");
    // Source: design notes, table of moved expiries; Juneteenth 2026 is a third Friday.
    let code = |text: &str| FutureContract::parse(text, d("2026-01-02")).map(|c| c.expiry);
    assert_eq!(code("VXF26"), Ok(d("2026-01-21")));
    assert_eq!(code("/VXK6"), Ok(d("2026-05-19")));
    assert_eq!(code("/ESH6"), Ok(d("2026-03-20")));
    assert_eq!(code("MESM26"), Ok(d("2026-06-18")));
    assert_eq!(code("VXMF26"), Ok(d("2026-01-21")));
    // A one-digit year looks one year back and eight ahead.
    assert_eq!(code("VXF5"), Ok(d("2025-01-22")));
    assert_eq!(code("VXF4"), Ok(d("2034-01-18")));
    for bad in [
        "VX", "VXF", "VXA6", "ESF26", "VX54F26", "VX00F26", "ES31Q26", "VXF126", "VX31F15", "VX33Q15", "F26",
        "VX+5Q15", "",
    ] {
        assert!(
            FutureContract::parse(bad, d("2026-01-02")).is_err(),
            "{bad} was taken"
        );
    }
}

#[test]
fn weeks_of_the_year_name_each_weekly_once() {
    let weeklys = Cycle::VixWeekly.expiries(d("2015-07-29"), d("2027-12-31"));
    let mut seen = BTreeSet::new();
    for expiry in weeklys {
        let contract = FutureContract {
            root: FutureRoot::Vx,
            expiry,
        };
        assert!(seen.insert(contract.code()), "{contract} twice");
        assert_eq!(
            FutureContract::parse(&contract.code(), expiry),
            Ok(contract),
            "{contract}"
        );
    }
    // New Year's Day 2020 was a Wednesday: its series went on the last Tuesday of 2019, in week 53.
    let moved = FutureContract {
        root: FutureRoot::Vx,
        expiry: d("2019-12-31"),
    };
    assert_eq!((moved.is_weekly(), moved.week()), (true, Some(53)));
    // The series of the day of mourning.
    assert!(seen.contains("VX49Z18"));
}

#[test]
fn what_did_not_exist_says_why_and_since_when() {
    let no = |class: Class, expiry: &str, on: &str| listed(class, d(expiry), d(on)).unwrap_err();
    let tuesday = no(Root::Spxw.into(), "2019-05-07", "2019-04-25");
    assert_eq!(
        tuesday.to_string(),
        "SPXW had no Tuesdays on 2019-04-25 (expiry 2019-05-07): listed since 2022-04-18"
    );
    assert_eq!(tuesday.nearest, Some(d("2019-05-06")));
    assert_eq!(
        tuesday.help(),
        "the nearest SPXW expiry listed that day is 2019-05-06"
    );
    // A Tuesday that is a month-end existed.
    assert_eq!(listed(Root::Spxw, d("2019-04-30"), d("2019-04-25")), Ok(()));
    // And one that stands for a Monday holiday (Labor Day 2016), as Cboe announced on 2016-08-17.
    assert_eq!(listed(Root::Spxw, d("2016-09-06"), d("2016-08-22")), Ok(()));
    assert_eq!(
        no(Root::Spxw.into(), "2016-09-06", "2016-08-12").why,
        WhyNot::NotYet(Cycle::Weekly(chrono::Weekday::Mon))
    );
    for (weekday, first) in [
        ("2022-04-26", "2022-04-18"),
        ("2022-05-19", "2022-05-11"),
        ("2016-03-02", "2016-02-23"),
    ] {
        let before = d(first).pred_opt().unwrap();
        assert_eq!(listed(Root::Spxw, d(weekday), d(first)), Ok(()));
        assert!(listed(Root::Spxw, d(weekday), before).is_err(), "{weekday}");
    }
    // The closing third Friday under this root.
    assert!(listed(Root::Spxw, d("2017-04-21"), d("2017-04-03")).is_err());
    assert_eq!(listed(Root::Spxw, d("2017-05-19"), d("2017-05-01")), Ok(()));
    assert_eq!(listed(Root::Spx, d("2017-04-21"), d("2017-04-03")), Ok(()));
    // Vendors' Saturdays.
    assert_eq!(listed(Root::Spx, d("2014-12-20"), d("2014-12-01")), Ok(()));
    // A morning contract is gone on its settlement day, a closing one is not.
    assert_eq!(
        no(Root::Spx.into(), "2019-05-17", "2019-05-17").why,
        WhyNot::Expired
    );
    assert_eq!(listed(Root::Spxw, d("2019-05-17"), d("2019-05-17")), Ok(()));
    assert_eq!(
        no(Root::Spx.into(), "2019-05-16", "2019-05-01").why,
        WhyNot::NoExpiry
    );
    // VIX weeklys and the future of the same week.
    assert!(listed(Root::Vixw, d("2015-10-14"), d("2015-10-07")).is_err());
    assert_eq!(listed(Root::Vixw, d("2015-10-14"), d("2015-10-08")), Ok(()));
    assert_eq!(listed(FutureRoot::Vx, d("2015-08-05"), d("2015-07-23")), Ok(()));
    assert!(listed(FutureRoot::Vx, d("2015-08-05"), d("2015-07-22")).is_err());
    assert_eq!(
        no(Root::Vixw.into(), "2019-09-04", "2019-04-25").why,
        WhyNot::TooFar(Cycle::VixWeekly)
    );
    assert_eq!(
        no(FutureRoot::Vxm.into(), "2020-09-16", "2020-08-07")
            .since
            .unwrap()
            .to_string(),
        "2020-08-10"
    );
    assert!(listed(FutureRoot::Mes, d("2019-06-21"), d("2019-05-03")).is_err());
    // Nine serial months of VX, then the February cycle.
    assert_eq!(listed(FutureRoot::Vx, d("2020-02-19"), d("2019-04-25")), Ok(()));
    assert_eq!(
        no(FutureRoot::Vx.into(), "2020-03-18", "2019-04-25").why,
        WhyNot::TooFar(Cycle::VixMonthly)
    );
    assert_eq!(
        no(Root::Spx.into(), "2150-01-01", "2019-04-25").why,
        WhyNot::Unknown
    );
}

#[test]
fn each_expiry_of_the_recorded_chains_is_listed_by_rule() {
    // Source: recorded SPX chains of April to June 2019, and DataShop's VIX file of 2016-06-01.
    let Some(folder) = shared("spx_chain_2019") else {
        return;
    };
    let mut seen: BTreeSet<(Root, Date, Date)> = BTreeSet::new();
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    for file in files
        .iter()
        .filter(|f| !f.to_string_lossy().contains("20190527"))
        .step_by(4)
    {
        let mut text = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        for line in text.lines().skip(1) {
            let f: Vec<&str> = line.split(',').collect();
            let contract = OptionContract::parse_osi(f[3]).unwrap();
            let us = |t: &str| Date::parse_from_str(t, "%m/%d/%Y").unwrap();
            assert_eq!(contract.expiry, us(f[5]));
            assert_eq!(Some(contract.strike), Price::parse(f[7]));
            let on = us(f[6]);
            assert!(contract.root.strike_on_grid(contract.strike, on), "{contract}");
            seen.insert((contract.root, contract.expiry, on));
        }
    }
    assert!(seen.len() > 300, "{}", seen.len());
    for (root, expiry, on) in &seen {
        // An expired morning series can stand in the file of its settlement day.
        if let Err(why) = listed(*root, *expiry, *on) {
            assert!(
                why.why == WhyNot::Expired && expiry == on && root.settlement() == Settlement::Am,
                "{why}"
            );
        }
    }
    // What the exchange listed for the next four weeks is what the rule says, no more and no less.
    let on = d("2019-04-25");
    let until = d("2019-05-24");
    let recorded: BTreeSet<Date> = seen
        .iter()
        .filter(|(r, e, o)| *r == Root::Spxw && *o == on && *e <= until)
        .map(|s| s.1)
        .collect();
    let ruled: BTreeSet<Date> = listing::expiries(Root::Spxw, on, on, until)
        .into_iter()
        .map(|e| e.0)
        .collect();
    assert_eq!(recorded, ruled);

    let Some(file) = shared("vix_options/vix_options_cboe_datashop_eodquotes.csv") else {
        return;
    };
    let on = d("2016-06-01");
    let mut expiries = BTreeSet::new();
    for line in std::fs::read_to_string(file).unwrap().lines().skip(1) {
        let f: Vec<&str> = line.split(',').collect();
        if f[2] != "VIX" {
            continue;
        }
        let strike = Price::parse(f[4]).unwrap();
        assert!(Root::Vix.strike_on_grid(strike, on), "{strike}");
        expiries.insert(d(f[3]));
    }
    let ruled = listing::expiries(Root::Vix, on, on, d("2016-07-06"));
    let recorded: Vec<Date> = expiries
        .iter()
        .copied()
        .filter(|e| *e > on && *e <= d("2016-07-06"))
        .collect();
    let near: Vec<Date> = ruled
        .into_iter()
        .map(|e| e.0)
        .filter(|e| recorded.contains(e))
        .collect();
    assert_eq!(near, recorded);
    for expiry in expiries.iter().filter(|e| **e > on) {
        assert_eq!(listed(Root::Vix, *expiry, on), Ok(()));
    }
}

#[test]
fn tables_hold_real_dates_in_order() {
    let day = |s: &Since| assert!(s.date.year_ce().1 > 1900, "{s}");
    let classes = Root::ALL
        .map(Class::Option)
        .into_iter()
        .chain(FutureRoot::ALL.map(Class::Future));
    for class in classes {
        let table = class.table();
        assert!(!table.is_empty());
        table.iter().for_each(|r| day(&r.since));
    }
    for share in Share::ALL {
        let spec = share.spec();
        assert_eq!(spec.share, share);
        day(&spec.since);
        let dates: Vec<Date> = spec.splits.iter().map(|s| s.on).collect();
        assert!(dates.is_sorted());
        for split in spec.splits {
            assert!(split.new > 0 && split.old > 0 && share.existed(split.on));
            assert!(
                crate::calendar::ExchangeCalendar::nyse().is_session(split.on),
                "{share} {}",
                split.on
            );
        }
    }
    for root in FutureRoot::ALL {
        assert_eq!(root.spec().root, root);
        root.ticks().iter().for_each(|r| day(&r.since));
    }
    for root in Root::ALL {
        assert_eq!(root.spec().root, root);
        root.ticks().iter().for_each(|r| day(&r.since));
        root.spec().strikes.iter().for_each(|r| day(&r.since));
    }
}

#[test]
fn splits_are_found_between_two_days() {
    let found: Vec<i64> = Share::Vxx
        .splits_between(d("2016-08-08"), d("2017-08-23"))
        .map(|s| s.old)
        .collect();
    assert_eq!(found, [4, 4]);
    assert_eq!(
        Share::Vxx
            .splits_between(d("2016-08-09"), d("2017-08-22"))
            .count(),
        0
    );
    assert!(!Share::Vxx.existed(d("2019-03-01")) && Share::Vxx.existed(d("2019-05-02")));
}

#[test]
fn futures_settle_in_the_morning_and_stop_before_it() {
    let vx = FutureContract::monthly(FutureRoot::Vx, 2019, 5).unwrap();
    let at = |x: Option<Instant>| x.unwrap().to_string();
    assert_eq!(at(vx.settles_at()), "2019-05-22 09:30 ET");
    // Source: CFE: the expiring contract trades to 08:00 Chicago of the settlement morning.
    assert_eq!(at(vx.last_trade_at()), "2019-05-22 09:00 ET");
    let old = FutureContract::monthly(FutureRoot::Vx, 2011, 4).unwrap();
    // Source: cboeoptionshub.com 2011-04-19: the last day to trade April VX, to 15:15 Chicago.
    assert_eq!(at(old.last_trade_at()), "2011-04-19 16:15 ET");
    let es = FutureContract::monthly(FutureRoot::Es, 2019, 6).unwrap();
    assert_eq!(at(es.last_trade_at()), "2019-06-21 09:30 ET");
    assert_eq!(FutureContract::monthly(FutureRoot::Es, 2019, 5), None);
}
