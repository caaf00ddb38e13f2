//! The shipped weekly condor over the real chains of spring 2019, computed twice: by the engine, and by hand from the
//! CSV files with nothing in common but the rule's text.
//!
//! `chains`, `black`, `price`, `ledger` and `walk` are the hand's side: they use `csv`, `flate2`, `libm` and dates, and
//! nothing of the rooms under test. `compare` is the only file that names them.

mod black;
mod chains;
mod compare;
mod ledger;
mod price;
mod walk;

use crate::support::real_data;
use black::{ForwardBy, Terms};
use chains::{Data, Right};
use chrono::NaiveDate;
use ledger::{Kind, Numbers, Outcome, Reading, SHARE, SHIPPED, Three};
use std::path::PathBuf;
use std::sync::OnceLock;

fn folder() -> Option<PathBuf> {
    real_data("spx_chain_2019").map(|chains| chains.join(".."))
}

fn date(month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2019, month, day).expect("a date of 2019")
}

fn three(x: Three, scale: f64) -> String {
    x.map(|v| format!("{:.3}", v as f64 / scale)).join(" / ")
}

/// The outcome as a table, shown when a test fails (and with `--nocapture`).
fn print(out: &Outcome) {
    println!("trades: points per package, mid / 60% of half-spread / natural, credits positive");
    for t in &out.trades {
        let legs = t.fills.iter().map(|f| {
            let right = if f.leg.right == Right::Put { 'P' } else { 'C' };
            format!(
                "{:+} {} {right}{}",
                f.leg.ratio,
                f.leg.expiry.format("%m-%d"),
                f.leg.strike / 1000
            )
        });
        println!(
            "{} decided {} #{} {:?} {} x{} net {} fees {:.4} | {}",
            t.on,
            t.decided,
            t.position,
            t.kind,
            t.rule,
            t.lots,
            three(t.net, 1e3),
            t.fees as f64 / 1e6,
            legs.collect::<Vec<_>>().join(", ")
        );
    }
    for p in &out.positions {
        let end = p
            .closed
            .map_or("open".to_owned(), |(on, by)| format!("{on} {by}"));
        println!(
            "#{} {} to {end}: x{} rolls {} credit {} p&l {} fees {:.4}",
            p.number,
            p.opened,
            p.lots,
            p.rolls,
            three(p.credit, 1e6),
            three(p.pnl(), 1e6),
            p.fees as f64 / 1e6,
        );
    }
    println!(
        "end: equity {} cash {}",
        three(out.last_equity, 1e6),
        three(out.last_cash, 1e6)
    );
    println!("narrowest strike pick: {:.5} of delta", out.narrowest_pick);
    for n in &out.notes {
        println!("note: {n}");
    }
}

/// The files, read once, and the shipped rule's outcome.
fn by_hand() -> Option<&'static (Data, Outcome)> {
    static ONCE: OnceLock<(Data, Outcome)> = OnceLock::new();
    let folder = folder()?;
    Some(ONCE.get_or_init(|| {
        let data = chains::read(&folder);
        let out = walk::walk(&data, SHIPPED, Reading::default());
        (data, out)
    }))
}

#[test]
fn by_hand_the_run_has_opens_closes_rolls_and_expiries_and_adds_up() {
    let Some((data, out)) = by_hand() else { return };
    print(out);
    for kind in [Kind::Open, Kind::Close, Kind::Roll, Kind::Settle] {
        assert!(out.trades.iter().any(|t| t.kind == kind), "{kind:?}");
    }
    // Files of 42 days, of which one has no session.
    assert_eq!(
        (data.days.len(), data.refused.as_slice()),
        (41, [date(5, 27)].as_slice())
    );
    assert!(data.days.iter().all(|d| d.monthly_rows > 3_000));
    // Cash is capital plus every flow; equity is capital plus the P&L of every position.
    for i in 0..3 {
        let flows: i64 = out.trades.iter().map(|t| t.cash[i] - t.fees).sum();
        assert_eq!(out.last_cash[i], 250_000_000_000 + flows);
        let pnl: i64 = out.positions.iter().map(|p| p.pnl()[i]).sum();
        assert_eq!(out.last_equity[i], 250_000_000_000 + pnl);
    }
    // A better price is never worse: mid, share, natural.
    assert!(
        out.trades
            .iter()
            .all(|t| t.net[0] >= t.net[1] && t.net[1] >= t.net[2])
    );
    // Never more than four at once, never two opens on one day.
    assert!(out.days.iter().all(|d| d.positions <= 4));
    let opened: Vec<NaiveDate> = out.positions.iter().map(|p| p.opened).collect();
    assert!(opened.windows(2).all(|w| w[0] < w[1]));
}

/// Quotes of `SPX_20190430` copied by eye: 2825 put 11.00 / 11.30, 2775 put 7.40 / 7.70, 3015 call 6.20 / 6.50,
/// 3065 call 1.45 / 1.60. Natural 11.00 + 6.20 - 7.70 - 1.60 = 7.90; mid 11.15 + 6.35 - 7.55 - 1.525 = 8.425, which the
/// data's own page rounds to 8.42.
#[test]
fn the_reader_by_hand_sees_the_condor_that_the_data_page_describes() {
    let Some((data, _)) = by_hand() else { return };
    let expiry = date(5, 31);
    let day = data.days.iter().find(|d| d.date == date(4, 30)).expect("the day");
    let quote = |right, strike| day.quote(expiry, right, strike).expect("a quote");
    let (sp, lp) = (quote(Right::Put, 2_825_000), quote(Right::Put, 2_775_000));
    let (sc, lc) = (quote(Right::Call, 3_015_000), quote(Right::Call, 3_065_000));
    assert_eq!(sp.bid + sc.bid - lp.ask - lc.ask, 7_900);
    assert_eq!(
        sp.twice_mid() + sc.twice_mid() - lp.twice_mid() - lc.twice_mid(),
        2 * 8_425
    );
    // All four legs are in every file up to expiry.
    for day in data
        .days
        .iter()
        .filter(|d| (date(4, 30)..=expiry).contains(&d.date))
    {
        for (right, strike) in [
            (Right::Put, 2775),
            (Right::Put, 2825),
            (Right::Call, 3015),
            (Right::Call, 3065),
        ] {
            let listed = &day.weeklys[&expiry].side(right).listed;
            assert!(listed.contains(&(strike * 1_000)), "{} {strike}", day.date);
        }
    }
}

/// With a later roll at any price, the condor of 2019-05-20 is held to its end: 2790/2740 puts and 2935/2985 calls sold for
/// 7.05 at the share. The index closed at 2783.02 on 2019-05-29, so 2790.00 - 2783.02 = 6.98 is paid, and
/// (7.05 - 6.98) * 100 less the fees of the opening stays.
#[test]
fn an_expiry_is_the_arithmetic_that_a_trader_does_on_paper() {
    let Some((data, _)) = by_hand() else { return };
    let numbers = Numbers {
        tested_delta: 40,
        rolls_for_credit: false,
        ..SHIPPED
    };
    let out = walk::walk(data, numbers, Reading::default());
    assert_eq!(data.close[&date(5, 29)], 2_783_020);
    let settled = out
        .trades
        .iter()
        .find(|t| t.kind == Kind::Settle)
        .expect("an expiry");
    assert_eq!(
        (settled.on, settled.net, settled.fees),
        (date(5, 29), [-6_980; 3], 0)
    );
    let p = &out.positions[settled.position as usize - 1];
    assert_eq!(p.pnl()[SHARE], 7_000_000 - p.fees);
    let opened = out
        .trades
        .iter()
        .find(|t| t.position == settled.position)
        .expect("its opening");
    assert_eq!(
        (opened.on, opened.net[SHARE], opened.fees),
        (date(5, 20), 7_050, p.fees)
    );
}

/// 4 legs at 0.70 commission, 0.055 clearing and 0.0379 ORF; two sold legs with 0.002 TAF; exchange fee 0.57 for three
/// legs from 1.00 and 0.48 for one below.
#[test]
fn fees_by_hand_follow_the_published_tables() {
    let legs = [(-1, 5_000), (1, 1_500), (-1, 2_000), (1, 400)];
    let want = 4 * (700_000 + 55_000 + 37_900) + 2 * 2_000 + 3 * 570_000 + 480_000;
    assert_eq!(price::fees(&legs, 1), want);
    assert_eq!(price::fees(&legs, 3), 3 * want);
    // One leg under a nickel: 0.25 is lifted to the order's minimum of 1.00.
    assert_eq!(
        price::fees(&[(-1, 40)], 1),
        1_000_000 + 480_000 + 55_000 + 37_900 + 2_000
    );
}

/// Hull, *Options, Futures, and Other Derivatives*, example on Black's model: a European put on a future, F = K = 20,
/// r = 9%, vol 25%, four months: 1.12.
#[test]
fn the_formula_by_hand_prices_a_textbook_option() {
    let years = 4.0 / 12.0;
    let terms = Terms {
        forward: 20.0,
        years,
        discount: (-0.09 * years).exp(),
    };
    let price = terms.price(Right::Put, 20.0, 0.25);
    assert!((price - 1.12).abs() < 0.005, "{price}");
    let vol = terms.implied_vol(Right::Put, 20.0, price).expect("a vol");
    assert!((vol - 0.25).abs() < 1e-12, "{vol}");
    // Put delta less call delta in size is minus the discount at every strike.
    let both = terms.abs_delta(Right::Put, 19.0, 0.25) + terms.abs_delta(Right::Call, 19.0, 0.25);
    assert!((both - terms.discount).abs() < 1e-15);
}

/// Where the documents leave room, this sample does not take it: the forward from one strike, seven or 24, exit values
/// rounded to the package's tick or not, legs held the other way round, and rolls that have no price on the day of their
/// decision all give the same trades.
#[test]
fn readings_that_the_documents_leave_open_do_not_change_the_result() {
    let Some((data, out)) = by_hand() else { return };
    let plain = Reading::default();
    for reading in [
        Reading {
            forward: ForwardBy::OneStrike,
            ..plain
        },
        Reading {
            forward: ForwardBy::Wide,
            ..plain
        },
        Reading {
            no_conflict: false,
            ..plain
        },
        Reading {
            exit_rounded: true,
            ..plain
        },
        Reading {
            roll_needs_price: false,
            ..plain
        },
    ] {
        let other = walk::walk(data, SHIPPED, reading);
        assert_eq!(other.orders, out.orders, "{reading:?}");
        assert_eq!(other.last_equity, out.last_equity, "{reading:?}");
    }
    // Long legs without a bid, sold at zero in the mid band as well: only that band moves, down by the halves of the asks.
    let zero = walk::walk(
        data,
        SHIPPED,
        Reading {
            bidless_mid_is_zero: true,
            ..plain
        },
    );
    assert_eq!(zero.orders, out.orders);
    assert_eq!(zero.last_equity[1..], out.last_equity[1..]);
    let lost = out.last_equity[0] - zero.last_equity[0];
    println!(
        "mid equity with legs without a bid at zero: lower by ${:.2}",
        lost as f64 / 1e6
    );
    assert!((1..100_000_000).contains(&lost));
}
