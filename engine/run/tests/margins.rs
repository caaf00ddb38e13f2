//! Margin is enforced at entry by the rulebook named, watched after, and reported by every rulebook each session; fees and
//! sizes that the data or the tables do not have are said.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "tests may fail loudly, and their numbers are small"
)]

mod common;

use alula_market::contract::{OptionContract, Right, Root};
use alula_market::history::History;
use alula_market::money::{Price, Usd};
use alula_run::RunOutput;
use common::{Double, date, flat, run, told};

/// A short put of about 5 % out of the money, one lot, opened while the index stands above 2850.
fn short_put(capital: u32, margin: &str) -> String {
    format!(
        "alula 1\n\nstrategy t {{\n    capital ${capital}\n    evaluate every 1 session in SPX.regular\n    fees none\n    {margin}\n}}\n\n\
         structure core = legs on SPX {{\n    expiry nearest 30 dte in 20..45 dte only pm\n    short put at 5% otm\n}}\n\n\
         policy p on core {{\n    open when SPX.last > 2850 pts size 1 lot\n}}\n"
    )
}

/// A condor with a put wing of 50 and a call wing of 100 points, one lot.
fn unequal(capital: u32, margin: &str) -> String {
    format!(
        "alula 1\n\nstrategy t {{\n    capital ${capital}\n    evaluate every 1 session in SPX.regular\n    fees ibkr\n    margin {margin}\n}}\n\n\
         structure core = iron condor on SPX {{\n    expiry nearest 21 dte in 10..35 dte only pm\n    short put at 20 delta\n    \
         long put 50 pts below short put\n    short call at 20 delta\n    long call 100 pts above short call\n}}\n\n\
         policy p on core {{\n    open when SPX.last > 0 pts size 1 lot\n}}\n"
    )
}

fn refusal(run: &RunOutput) -> String {
    let found = told(run, "p.open")
        .into_iter()
        .find(|(_, verdict, _)| verdict == "skipped");
    found.map(|(_, _, detail)| detail).unwrap_or_default()
}

/// Mid of the 2750 put of the position at a session's snapshot.
fn mid(market: &Double, day: usize, contract: &OptionContract) -> Price {
    let at = market.ticks("SPX", market.days[day].date, market.days[day].date)[0];
    market.snapshot("SPX", at).unwrap().quote(contract).unwrap().mid()
}

fn dollars(points: f64) -> Usd {
    Usd::from_f64(points * 100.0).unwrap()
}

/// By hand: spot 2900, strike 2750, out of the money by 150: premium + max(15 % × 2900 - 150, 10 % × 2750) = premium + 285.
#[test]
fn an_order_whose_margin_does_not_fit_is_not_sent_and_the_trace_has_both_figures() {
    let market = flat(4);
    let refused = run(&short_put(28_000, ""), &market);
    assert_eq!(refused.orders, []);
    let detail = refusal(&refused);
    assert!(
        detail.starts_with("margin does not fit: by `cboe` the account would need $29")
            // The capital and the premium of the sale.
            && detail.contains("and would have $29140.00"),
        "{detail}"
    );
    let taken = run(&short_put(30_000, ""), &market);
    assert_eq!(taken.positions.len(), 1);
    let leg = &taken.trades[0].legs[0];
    let put = OptionContract {
        root: Root::Spxw,
        expiry: leg.expiry,
        right: Right::Put,
        strike: leg.strike,
    };
    assert_eq!(put.strike, Price(2_750_000));
    let held = &taken.daily[1];
    let premium = mid(&market, 1, &put).to_f64();
    assert_eq!(held.margins[0], Some(dollars(premium + 285.0)));
    assert_eq!(held.margins[0], held.margin);
    assert!(taken.margin_calls.is_empty());
}

/// Portfolio margin asks for a stressed loss, much less than the index formula: with 20,000 dollars the put is sold by it alone.
#[test]
fn the_rulebook_named_decides_and_the_others_are_reported_beside_it() {
    let market = flat(4);
    assert_eq!(run(&short_put(20_000, "margin cboe"), &market).orders, []);
    let portfolio = run(&short_put(20_000, "margin portfolio"), &market);
    assert_eq!(portfolio.positions.len(), 1);
    let [cboe, ibkr, stressed] = portfolio.daily[1].margins.map(Option::unwrap);
    assert_eq!(cboe, ibkr);
    assert_eq!(Some(stressed), portfolio.daily[1].margin);
    assert!(
        stressed < Usd(cboe.0 / 2) && stressed > Usd(cboe.0 / 5),
        "{stressed} of {cboe}"
    );
    let house = run(&short_put(20_000, "margin portfolio_ibkr"), &market);
    assert!(house.daily[1].margins[2].unwrap() > stressed);
}

/// Wings of 50 and 100 points: 10,000 as one condor, 15,000 as two spreads.
#[test]
fn unequal_wings_are_two_spreads_by_one_rulebook_and_a_condor_by_the_other() {
    let market = flat(4);
    let cboe = run(&unequal(12_000, "cboe"), &market);
    assert_eq!(cboe.positions.len(), 1);
    assert_eq!(
        cboe.daily[1].margins[..2],
        [Some(dollars(100.0)), Some(dollars(150.0))]
    );
    let ibkr = run(&unequal(12_000, "ibkr"), &market);
    assert_eq!(ibkr.orders, []);
    assert!(
        refusal(&ibkr).contains("by `ibkr` the account would need $15000.00"),
        "{}",
        refusal(&ibkr)
    );
    assert_eq!(run(&unequal(15_000, "ibkr"), &market).positions.len(), 1);
}

/// 2900 at first, 2800 from the fourth session to the sixth, then 2900 again.
fn dip() -> Double {
    Double::new(date(2019, 6, 3), 9, |i| {
        (if (3..6).contains(&i) { 2800.0 } else { 2900.0 }, 0.16)
    })
}

/// By hand at 2800: out of the money by 50: premium + 15 % × 2800 - 50 = premium + 370.
#[test]
fn a_margin_call_is_an_event_with_its_figures_and_ends_when_the_account_has_enough() {
    let market = dip();
    let run = run(&short_put(32_000, ""), &market);
    let [call] = &run.margin_calls[..] else {
        panic!("{:?}", run.margin_calls)
    };
    assert_eq!(call.at.date(), market.days[3].date);
    assert_eq!(call.ended_at.unwrap().date(), market.days[6].date);
    let fill = &run.trades[0];
    let put = OptionContract {
        root: Root::Spxw,
        expiry: fill.legs[0].expiry,
        right: Right::Put,
        strike: fill.legs[0].strike,
    };
    let premium = mid(&market, 3, &put).to_f64();
    assert_eq!(call.required, dollars(premium + 370.0));
    // Cash with the premium; what the put would cost is in the requirement already.
    assert_eq!(call.available, run.manifest.capital + fill.cash.share);
    assert!(call.shortfall_max >= call.required - call.available && !call.flattened);
    let mark = run
        .manifest
        .marks
        .iter()
        .find(|m| m.starts_with("margin call: once by `cboe`"));
    assert!(
        mark.is_some_and(|m| m.ends_with("it was reported and nothing was closed")),
        "{:?}",
        run.manifest.marks
    );
    assert!(run.trades.iter().all(|t| t.key != "margin.call"));
}

#[test]
fn a_margin_call_closes_everything_where_the_strategy_says_so() {
    let market = dip();
    let run = run(&short_put(32_000, "margin cboe, flatten on call"), &market);
    let [call] = &run.margin_calls[..] else {
        panic!("{:?}", run.margin_calls)
    };
    assert!(call.flattened);
    let close = run.trades.iter().find(|t| t.key == "margin.call").unwrap();
    assert_eq!(close.decided_at.date(), market.days[3].date);
    assert_eq!(close.at.date(), market.days[4].date);
    let stat = run.rules.iter().find(|r| r.key == "margin.call").unwrap();
    assert!(stat.fired >= 1 && stat.was_true > 0);
    let acted = told(&run, "margin.call");
    assert_eq!(acted[0].2, "flattens: 1 closing orders");
    // Nothing opens while the call lasts; afterwards the index is above 2850 again.
    let reopened = run.positions.iter().filter(|p| p.opened_at > close.at).count();
    assert_eq!(reopened, 1);
}

#[test]
fn a_size_that_is_not_shown_is_a_mark_and_an_assumed_one_fills_in_part() {
    let market = flat(6);
    let open = "policy p on core {\n    open when SPX.last > 0 pts size 10 lots\n}";
    let none = run(&common::strategy("depth limited", open), &market);
    assert_eq!(none.orders, []);
    let mark = "depth: at 6 of 6 ticks nothing could be ordered, because the data show no size and `depth` names none to `assume`";
    assert!(
        none.manifest.marks.iter().any(|m| m == mark),
        "{:?}",
        none.manifest.marks
    );
    let some = run(
        &common::strategy("cross by legs\n    depth limited assume 4 lots", open),
        &market,
    );
    assert_eq!(some.trades[0].lots, 4);
    assert_eq!(
        (some.orders[0].lots, some.orders[0].status.as_str()),
        (10, "partly filled")
    );
    assert_eq!(some.orders[0].reason, "6 left unfilled: no more was shown");
    assert_eq!(some.manifest.settings["depth"], "limited assume 4 lots");
    assert_eq!(some.manifest.settings["cross"], "by legs");
}

#[test]
fn fills_on_days_that_the_fee_table_does_not_cover_are_a_mark() {
    let text = unequal(100_000, "cboe");
    let known = run(&text, &flat(4));
    assert!(!known.manifest.marks.iter().any(|m| m.starts_with("fees:")));
    let early = run(&text, &Double::new(date(2017, 6, 5), 4, |_| (2400.0, 0.12)));
    let mark = early
        .manifest
        .marks
        .iter()
        .find(|m| m.starts_with("fees:"))
        .unwrap();
    assert_eq!(
        mark,
        "fees: 1 fill from 2017-06-06 to 2017-06-06 paid the nearest rates of `ibkr`, whose rates are known from 2018-11-06 to \
         2025-12-31"
    );
}
