//! Margin, loss bounds and widths.

use super::support::*;
use crate::margin::{Rulebook, requirement};
use crate::{Leg, Package, payoff};
use alula_market::contract::Right::{Call, Put};
use alula_market::contract::Root;
use alula_market::money::{Price, Usd};

const NEAR: &str = "2019-05-31";
const FAR: &str = "2019-06-28";

fn free(_: &Leg) -> Price {
    Price::ZERO
}

fn condor_of(lp: i64, sp: i64, sc: i64, lc: i64) -> Package {
    legs(
        NEAR,
        &[(Put, lp, 1), (Put, sp, -1), (Call, sc, -1), (Call, lc, 1)],
    )
}

/// Widths and the greater-of column: QuantConnect LEAN #9775. The IBKR column: its rule that unequal wings are two
/// spreads. Two lots each.
#[test]
fn condor_margins_equal_the_published_table() {
    let table = [
        ((7090, 7185, 7510, 7605), "19000", "19000"),
        ((7135, 7185, 7500, 7660), "32000", "42000"),
        ((7090, 7235, 7510, 7605), "29000", "48000"),
    ];
    for ((lp, sp, sc, lc), cboe, ibkr) in table {
        let package = condor_of(lp, sp, sc, lc);
        let of = |book| requirement(book, &package, 2, pts("7350"), free);
        assert_eq!(of(Rulebook::Cboe), usd(cboe));
        assert_eq!(of(Rulebook::Ibkr), usd(ibkr));
        assert_eq!(
            payoff::loss_bound(&package, Price::ZERO).unwrap().dollars(100, 2),
            usd(cboe)
        );
    }
}

#[test]
fn debit_spreads_and_long_options_cost_their_premium() {
    let price = |l: &Leg| if l.ratio > 0 { pts("12.00") } else { pts("4.50") };
    let debit = legs(NEAR, &[(Call, 2900, 1), (Call, 2950, -1)]);
    assert_eq!(
        requirement(Rulebook::Cboe, &debit, 1, pts("2900"), price),
        usd("750")
    );
    let long = legs(NEAR, &[(Put, 2800, 1)]);
    assert_eq!(
        requirement(Rulebook::Ibkr, &long, 3, pts("2900"), price),
        usd("3600")
    );
}

/// Index formula by hand: underlying 2900, short 2800 put at 10.00: 10 + max(15 % × 2900 − 100, 10 % × 2800) = 345;
/// short 3000 call at 5.00: 5 + max(435 − 100, 290) = 340. The strangle: 345 + 5.
#[test]
fn short_strangles_carry_the_greater_side_and_the_other_premium() {
    let price = |l: &Leg| {
        if l.contract.right == Put {
            pts("10.00")
        } else {
            pts("5.00")
        }
    };
    let put = legs(NEAR, &[(Put, 2800, -1)]);
    let strangle = legs(NEAR, &[(Put, 2800, -1), (Call, 3000, -1)]);
    let of = |p: &Package| requirement(Rulebook::Cboe, p, 1, pts("2900"), price);
    assert!(payoff::worst(&strangle).is_none());
    assert_eq!(of(&strangle), usd("35000"));
    // A short put is bounded by its strike, yet brokers ask for the formula.
    assert_eq!(payoff::worst(&put), Some(pts("-2800")));
    assert_eq!(of(&put), usd("34500"));
}

#[test]
fn a_long_calendar_is_margined_as_a_spread() {
    let leg = |expiry, ratio| Leg {
        contract: contract(Root::Spxw, expiry, Call, 2900),
        ratio,
    };
    let price = |l: &Leg| if l.ratio > 0 { pts("60.00") } else { pts("40.00") };
    let long = Package::new(vec![leg(FAR, 1), leg(NEAR, -1)]).unwrap();
    let short = Package::new(vec![leg(FAR, -1), leg(NEAR, 1)]).unwrap();
    assert_eq!(
        requirement(Rulebook::Cboe, &long, 1, pts("2900"), price),
        usd("2000")
    );
    // Its debit is what it can lose when both legs settle at once, and no bound for its life.
    assert_eq!(payoff::loss_bound(&long, pts("-20")), None);
    assert_eq!(payoff::worst(&short), None);
    // Naked short: 40... the far one: 60 is the long price here, the short carries 40 + 435; the long one 60 is paid.
    assert_eq!(
        requirement(Rulebook::Cboe, &short, 1, pts("2900"), price),
        usd("53500")
    );
}

#[test]
fn a_put_calendar_can_lose_its_short_strike_and_its_debit() {
    let leg = |expiry, ratio| Leg {
        contract: contract(Root::Spxw, expiry, Put, 2900),
        ratio,
    };
    let calendar = Package::new(vec![leg(NEAR, -1), leg(FAR, 1)]).unwrap();
    // Settled at zero the near put costs 2900; the market may then rise, and the far put expires worthless.
    assert_eq!(payoff::loss_bound(&calendar, pts("-21.75")), Some(pts("2921.75")));
}

#[test]
fn a_morning_and_a_closing_leg_of_one_date_do_not_cover_each_other() {
    let leg = |root, strike, ratio| Leg {
        contract: contract(root, "2019-06-21", Call, strike),
        ratio,
    };
    let apart = Package::new(vec![leg(Root::Spx, 2900, -1), leg(Root::Spxw, 2950, 1)]).unwrap();
    assert_eq!(payoff::worst(&apart), None);
}

#[test]
fn widths_are_of_the_widest_wing() {
    assert_eq!(
        payoff::width(&condor_of(7135, 7185, 7500, 7660)),
        Some(pts("160"))
    );
    let broken = legs(NEAR, &[(Put, 2900, 1), (Put, 2850, -2), (Put, 2750, 1)]);
    assert_eq!(payoff::width(&broken), Some(pts("100")));
    assert_eq!(payoff::width(&legs(NEAR, &[(Put, 2900, -1)])), None);
    assert_eq!(payoff::width(&legs(NEAR, &[(Put, 2900, 1)])), None);
}

#[test]
fn two_condors_of_two_expiries_add_up() {
    let mut both = condor_of(2775, 2825, 3015, 3065).legs().to_vec();
    let far = legs(
        FAR,
        &[(Put, 2700, 1), (Put, 2800, -1), (Call, 3050, -1), (Call, 3100, 1)],
    );
    both.extend(far.legs());
    let both = Package::new(both).unwrap();
    assert_eq!(payoff::worst(&both), Some(pts("-150")));
    assert!(!payoff::one_settlement(&both));
}

#[test]
fn a_box_cannot_lose_at_expiry() {
    let long_box = legs(
        NEAR,
        &[(Call, 2900, 1), (Call, 2950, -1), (Put, 2950, 1), (Put, 2900, -1)],
    );
    assert_eq!(payoff::worst(&long_box), Some(pts("50")));
    assert_eq!(payoff::loss_bound(&long_box, pts("-49.80")), Some(Price::ZERO));
    assert_eq!(
        requirement(Rulebook::Cboe, &long_box, 1, pts("2900"), free),
        Usd::ZERO
    );
}
