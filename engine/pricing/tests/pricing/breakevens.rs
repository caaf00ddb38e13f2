//! Break-evens before expiry: against mpmath, against the exact ones at expiry, and laws.

use alula_pricing::breakeven::{Dynamics, Scenario, Zero};
use alula_pricing::payoff::{Breakeven, Payoff, PayoffLeg};
use alula_pricing::stress::{Asset, Holding, Shift, VolShift};
use alula_pricing::surface::{SmileQuote, Surface};
use alula_pricing::{ExpiryTerms, Right};
use proptest::prelude::*;

const LEGS: [(Right, i32, f64, i32); 4] = [
    (Right::Put, 4_600, 0.22, 1),
    (Right::Put, 4_650, 0.21, -1),
    (Right::Call, 5_300, 0.13, -1),
    (Right::Call, 5_350, 0.125, 1),
];
const STILL: VolShift = VolShift::Points(0.0);

fn terms() -> ExpiryTerms {
    ExpiryTerms::with_rate(5_000.0, 45.0 / 365.0, 0.05).unwrap()
}

fn holdings() -> Vec<Holding> {
    LEGS.iter()
        .map(|(right, strike, vol, units)| Holding {
            asset: Asset::Option {
                terms: terms(),
                right: *right,
                strike: f64::from(*strike),
                vol: *vol,
            },
            units: f64::from(*units),
        })
        .collect()
}

fn scenario<'a>(holdings: &'a [Holding], surface: Option<&'a Surface>, dynamics: Dynamics) -> Scenario<'a> {
    Scenario {
        holdings,
        cash: 9.2,
        surface,
        dynamics,
    }
}

/// mpmath 1.3.0 by `tests/golden/stress.py`: each leg at its own vol, 15 days on, 9.20 in hand.
#[test]
fn break_evens_before_expiry_equal_mpmath() {
    let held = holdings();
    let zeros = scenario(&held, None, Dynamics::StickyStrike)
        .breakevens(15.0, STILL)
        .unwrap();
    assert_eq!(zeros.iter().map(|z| z.rising).collect::<Vec<_>>(), [true, false]);
    for (zero, want) in zeros.iter().zip(AFTER_15_DAYS) {
        assert!((zero.shift - want).abs() < 1e-12, "{} {want}", zero.shift);
    }
}

const AFTER_15_DAYS: [f64; 2] = [-0.037_109_624_111_749, 0.022_040_937_482_731_8];

#[test]
fn at_expiry_they_are_those_of_the_payoff() {
    let held = holdings();
    let legs: Vec<PayoffLeg> = LEGS
        .iter()
        .map(|(right, strike, _, ratio)| PayoffLeg {
            right: *right,
            strike_mills: i64::from(*strike) * 1_000,
            ratio: i64::from(*ratio),
        })
        .collect();
    let exact = Payoff::new(&legs, 9_200).unwrap().breakevens();
    let zeros = scenario(&held, None, Dynamics::StickyStrike)
        .breakevens(45.0, STILL)
        .unwrap();
    assert_eq!(exact.len(), zeros.len());
    for (zero, exact) in zeros.iter().zip(exact) {
        let Breakeven::At { mills, .. } = exact else {
            panic!()
        };
        assert!((5_000_000.0 * (1.0 + zero.shift) - mills as f64).abs() < 1e-3);
    }
}

/// A skewed surface of two expiries.
fn surface() -> Surface {
    let slice = |years: f64, level: f64| {
        let terms = ExpiryTerms::with_rate(5_000.0, years, 0.05).unwrap();
        let quotes: Vec<SmileQuote> = (0..60)
            .map(|i| {
                let k = -0.3 + 0.01 * f64::from(i);
                let vol = level - 0.6 * k + 1.5 * k * k;
                SmileQuote {
                    strike: 5_000.0 * k.exp(),
                    bid_vol: vol - 0.001,
                    mid_vol: vol,
                    ask_vol: vol + 0.001,
                }
            })
            .collect();
        (terms, quotes)
    };
    let (surface, refused) = Surface::fit(&[slice(10.0 / 365.0, 0.15), slice(45.0 / 365.0, 0.16)]);
    assert!(refused.is_empty());
    surface.unwrap()
}

#[test]
fn a_surface_moves_vols_and_leaves_today_as_it_is_marked() {
    let (held, surface) = (holdings(), surface());
    let plain = scenario(&held, None, Dynamics::StickyStrike);
    let strike = scenario(&held, Some(&surface), Dynamics::StickyStrike);
    let moneyness = scenario(&held, Some(&surface), Dynamics::StickyMoneyness);
    let at = |s: &Scenario<'_>, forward, days| {
        s.profit(&Shift {
            forward,
            vol: STILL,
            days,
        })
        .unwrap()
    };
    for s in [&strike, &moneyness] {
        assert!((at(s, 0.0, 0.0) - at(&plain, 0.0, 0.0)).abs() < 1e-9);
    }
    // No time passes: a strike that keeps its vol is a leg that keeps its own.
    assert!((at(&strike, -0.05, 0.0) - at(&plain, -0.05, 0.0)).abs() < 1e-9);
    // With the smile moving down too, the short put side (in a falling market) loses vol: less is lost.
    assert!((at(&moneyness, -0.05, 0.0) - at(&plain, -0.05, 0.0)).abs() > 0.1);
    // Nearer to expiry the short expiry's level takes over.
    assert!((at(&strike, 0.0, 35.0) - at(&plain, 0.0, 35.0)).abs() > 1e-3);
    assert_eq!(strike.breakevens(20.0, STILL).unwrap().len(), 2);
}

/// In the market that the vols themselves expect, a package bought at its value earns its cost's interest and nothing more; a
/// short one in a calmer market earns, in a wilder one loses; marked after days, the mark counts.
#[test]
fn rates_in_a_shifted_market() {
    let held = holdings();
    let mut s = scenario(&held, None, Dynamics::StickyStrike);
    s.cash = -alula_pricing::stress::value(&held).unwrap();
    let shift = |points, days| Shift {
        forward: 0.0,
        vol: VolShift::Points(points),
        days,
    };
    let growth = s.cash * (1.0 - 1.0 / terms().discount());
    assert!((s.expected(&Shift::NONE).unwrap() - growth).abs() < 1e-9);
    let rate = |shift: &Shift| s.rate(shift, 40.0).unwrap().unwrap();
    assert!(rate(&shift(-3.0, 0.0)) > 0.1 && rate(&shift(3.0, 0.0)) < -0.1);
    let profit = s.profit(&shift(0.0, 10.0)).unwrap();
    let want = (1.0 + profit / 40.0).powf(36.5) - 1.0;
    assert!((rate(&shift(0.0, 10.0)) / want - 1.0).abs() < 1e-12);
    assert_eq!(s.rate(&shift(0.0, 10.0), 0.0).unwrap(), None);
    let crash = Shift {
        forward: -0.2,
        ..shift(0.0, 10.0)
    };
    assert_eq!(s.rate(&crash, 1.0).unwrap(), Some(-1.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// At each break-even the profit is nothing next to its slope, they alternate between rising and falling, and between two of
    /// them the profit keeps its sign.
    #[test]
    fn profit_is_zero_there_and_nowhere_between(days in 0.0..44.0, cash in -40.0..40.0, points in -5.0..10.0) {
        let held = holdings();
        let s = Scenario { cash, ..scenario(&held, None, Dynamics::StickyStrike) };
        let vol = VolShift::Points(points);
        let zeros: Vec<Zero> = s.breakevens(days, vol).unwrap();
        prop_assert!(zeros.windows(2).all(|w| w[0].shift < w[1].shift && w[0].rising != w[1].rising));
        let at = |forward| s.profit(&Shift { forward, vol, days }).unwrap();
        for zero in &zeros {
            prop_assert!(at(zero.shift).abs() < 1e-9);
        }
        let mut ends = vec![-0.7];
        ends.extend(zeros.iter().map(|z| z.shift));
        ends.push(1.9);
        for pair in ends.windows(2) {
            let middle = at(0.5 * (pair[0] + pair[1]));
            let quarter = at(0.75 * pair[0] + 0.25 * pair[1]);
            // Far out both are a constant, where a sign may be rounding.
            prop_assert!(middle.abs() < 1e-9 || quarter.abs() < 1e-9 || (middle > 0.0) == (quarter > 0.0));
        }
    }
}
