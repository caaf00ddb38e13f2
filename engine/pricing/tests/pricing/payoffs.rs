//! Payoffs at expiry, in exact mills.

use alula_pricing::Right::{self, Call, Put};
use alula_pricing::payoff::{Bound, Breakeven, Payoff, PayoffError, PayoffLeg};
use proptest::prelude::*;

fn leg(ratio: i64, right: Right, strike_points: i64) -> PayoffLeg {
    PayoffLeg {
        right,
        strike_mills: strike_points * 1_000,
        ratio,
    }
}

fn at(mills: i64) -> Breakeven {
    Breakeven::At { mills, exact: true }
}

#[test]
fn an_iron_condor_loses_at_most_width_less_credit() {
    let legs = [
        leg(1, Put, 2_800),
        leg(-1, Put, 2_850),
        leg(-1, Call, 3_000),
        leg(1, Call, 3_040),
    ];
    let condor = Payoff::new(&legs, 9_350).unwrap();
    assert_eq!(condor.profit_max(), Bound::Mills(9_350));
    assert_eq!(condor.profit_min(), Bound::Mills(-40_650)); // the wider, put side
    assert_eq!(condor.loss_max_mills(), Some(40_650));
    assert_eq!(condor.breakevens(), [at(2_840_650), at(3_009_350)]);
    assert_eq!(condor.profit_at(3_020_000), Ok(-10_650));
}

#[test]
fn naked_calls_lose_without_bound_and_naked_puts_do_not() {
    let strangle = Payoff::new(&[leg(-1, Put, 2_700), leg(-1, Call, 3_100)], 20_000).unwrap();
    assert_eq!(strangle.profit_min(), Bound::Unbounded);
    assert_eq!(strangle.loss_max_mills(), None);
    assert_eq!(strangle.breakevens(), [at(2_680_000), at(3_120_000)]);
    let put = Payoff::new(&[leg(-1, Put, 2_700)], 20_000).unwrap();
    assert_eq!(put.profit_min(), Bound::Mills(-2_680_000));
    let backspread = Payoff::new(&[leg(-1, Call, 3_000), leg(2, Call, 3_050)], 500).unwrap();
    assert_eq!(backspread.profit_max(), Bound::Unbounded);
    assert_eq!(backspread.profit_min(), Bound::Mills(-49_500));
}

#[test]
fn breakevens_between_mills_and_flat_stretches_are_told_apart() {
    let third = Payoff::new(&[leg(3, Call, 1)], -1_000).unwrap();
    assert_eq!(
        third.breakevens(),
        [Breakeven::At {
            mills: 1_333,
            exact: false
        }]
    );
    let free = Payoff::new(&[leg(1, Put, 2_800)], 0).unwrap();
    assert_eq!(
        free.breakevens(),
        [Breakeven::Flat {
            from_mills: 2_800_000,
            to_mills: None
        }]
    );
    let none = Payoff::new(&[], 0).unwrap();
    assert_eq!(
        none.breakevens(),
        [Breakeven::Flat {
            from_mills: 0,
            to_mills: None
        }]
    );
    let free_condor = [leg(1, Put, 1), leg(-1, Put, 2), leg(-1, Call, 3), leg(1, Call, 4)];
    let flat = Payoff::new(&free_condor, 0).unwrap();
    assert_eq!(
        flat.breakevens(),
        [Breakeven::Flat {
            from_mills: 2_000,
            to_mills: Some(3_000)
        }]
    );
    let butterfly = [leg(1, Call, 10), leg(-2, Call, 20), leg(1, Call, 30)];
    assert_eq!(
        Payoff::new(&butterfly, -10_000).unwrap().breakevens(),
        [at(20_000)]
    );
}

#[test]
fn what_cannot_be_computed_is_refused() {
    assert_eq!(
        Payoff::new(&[leg(1, Put, -1)], 0),
        Err(PayoffError::NegativeStrike(-1_000))
    );
    let huge = PayoffLeg {
        right: Put,
        strike_mills: i64::MAX,
        ratio: i64::MAX,
    };
    assert_eq!(Payoff::new(&[huge, huge, huge], 0), Err(PayoffError::Overflow));
    let call = PayoffLeg {
        right: Call,
        strike_mills: 0,
        ratio: i64::MIN,
    };
    assert_eq!(
        Payoff::new(&[call], i64::MIN).unwrap().profit_at(i64::MAX),
        Err(PayoffError::Overflow)
    );
    assert_eq!(
        Payoff::new(&[], 0).unwrap().profit_at(-1),
        Err(PayoffError::NegativeSettlement(-1))
    );
}

fn packages() -> impl Strategy<Value = (Vec<PayoffLeg>, i64)> {
    let legs = (any::<bool>(), 0..60_i64, -3..=3_i64).prop_map(|(call, strike, ratio)| PayoffLeg {
        right: if call { Call } else { Put },
        strike_mills: strike,
        ratio,
    });
    (proptest::collection::vec(legs, 0..6), -40..40_i64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Against a walk over every settlement value.
    #[test]
    fn bounds_and_breakevens_equal_those_of_a_walk((legs, cash) in packages()) {
        let payoff = Payoff::new(&legs, cash).unwrap();
        let walk: Vec<i64> = (0..600_i64)
            .map(|s| cash + legs.iter().map(|l| l.ratio * match l.right {
                Put => (l.strike_mills - s).max(0),
                Call => (s - l.strike_mills).max(0),
            }).sum::<i64>())
            .collect();
        for (s, profit) in (0_i64..).zip(&walk) {
            prop_assert_eq!(payoff.profit_at(s), Ok(*profit));
        }
        let slope = walk[599] - walk[598];
        let least = if slope < 0 { Bound::Unbounded } else { Bound::Mills(*walk.iter().min().unwrap()) };
        let most = if slope > 0 { Bound::Unbounded } else { Bound::Mills(*walk.iter().max().unwrap()) };
        prop_assert_eq!(payoff.profit_min(), least);
        prop_assert_eq!(payoff.profit_max(), most);
        let breakevens = payoff.breakevens();
        let inside = |s: i64| breakevens.iter().any(|b| match *b {
            Breakeven::At { mills, exact } => exact && mills == s,
            Breakeven::Flat { from_mills, to_mills } => s >= from_mills && to_mills.is_none_or(|t| s <= t),
        });
        for (s, profit) in (0_i64..).zip(&walk) {
            prop_assert_eq!(*profit == 0, inside(s), "at {}: {:?}", s, &breakevens);
        }
        // A crossing between two mills is there, and rounded to one of them.
        for (s, pair) in (0_i64..).zip(walk.windows(2)) {
            if pair[0].signum() * pair[1].signum() < 0 {
                let near = breakevens.iter().any(|b| matches!(
                    *b, Breakeven::At { mills, exact: false } if mills == s || mills == s + 1));
                prop_assert!(near, "between {s} and {}: {breakevens:?}", s + 1);
            }
        }
    }
}
