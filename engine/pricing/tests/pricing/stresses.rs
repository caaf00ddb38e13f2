//! Shifted values: against mpmath, and laws of grids.

use alula_pricing::stress::{Asset, Holding, Shift, VolShift, equidistant, grid, profit, value};
use alula_pricing::{ExpiryTerms, Right};
use proptest::prelude::*;

fn option(terms: ExpiryTerms, right: Right, strike: f64, vol: f64, units: f64) -> Holding {
    Holding {
        asset: Asset::Option {
            terms,
            right,
            strike,
            vol,
        },
        units,
    }
}

fn condor(terms: ExpiryTerms) -> Vec<Holding> {
    vec![
        option(terms, Right::Put, 4_600.0, 0.22, 100.0),
        option(terms, Right::Put, 4_650.0, 0.21, -100.0),
        option(terms, Right::Call, 5_300.0, 0.13, -100.0),
        option(terms, Right::Call, 5_350.0, 0.125, 100.0),
    ]
}

/// mpmath 1.3.0, 50 digits, `tests/golden/stress.py`: the condor above, forward 5,000, 45 days, 5 % a year.
#[test]
fn a_condor_under_stress_equals_mpmath() {
    let terms = ExpiryTerms::with_rate(5_000.0, 45.0 / 365.0, 0.05).unwrap();
    let condor = condor(terms);
    let at = |forward, points, days| {
        let shift = Shift {
            forward,
            vol: VolShift::Points(points),
            days,
        };
        profit(&condor, &shift).unwrap()
    };
    let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-7, "{got} {want}");
    close(value(&condor).unwrap(), VALUE);
    close(at(-0.08, 0.0, 0.0), DOWN_8);
    close(at(0.06, 0.0, 0.0), UP_6);
    close(at(-0.05, 10.0, 0.0), DOWN_5_VOL_10);
    close(at(0.0, 0.0, 30.0), DAYS_30);
    // At expiry, between the short strikes, the whole credit is earned.
    close(at(0.0, 5.0, 45.0), -VALUE);
}

const VALUE: f64 = -918.856_945_349_869;
const DOWN_8: f64 = -1_148.200_506_467_55;
const UP_6: f64 = -1_736.753_022_891_13;
const DOWN_5_VOL_10: f64 = -1_045.330_457_908_25;
const DAYS_30: f64 = 754.918_356_275_348;

#[test]
fn a_linear_holding_moves_with_the_forward_alone() {
    let future = [Holding {
        asset: Asset::Linear { price: 17.5 },
        units: -1_000.0,
    }];
    let grid = grid(
        &future,
        &[-0.1, 0.0, 0.2],
        &[VolShift::Share(0.5), VolShift::Points(-3.0)],
        4.0,
    )
    .unwrap();
    assert_eq!(grid.profits.len(), 6);
    for (got, want) in grid
        .profits
        .iter()
        .zip([1_750.0, 0.0, -3_500.0, 1_750.0, 0.0, -3_500.0])
    {
        assert!((got - want).abs() < 1e-9, "{got} {want}");
    }
    let worst = grid.worst().unwrap();
    assert_eq!((worst.forward, worst.vol), (0.2, VolShift::Share(0.5)));
}

#[test]
fn unsound_holdings_and_shifts_are_refused() {
    let terms = ExpiryTerms::new(5_000.0, 0.1, 0.99).unwrap();
    for (units, vol, shift) in [
        (f64::NAN, 0.2, 0.0),
        (1.0, f64::NAN, 0.0),
        (1.0, -0.2, 0.0),
        (1.0, 0.2, -1.0),
        (1.0, 0.2, -1.5),
        (1.0, 0.2, f64::NAN),
        (1.0, 0.2, f64::INFINITY),
        (f64::MAX, 0.2, 1e4),
    ] {
        let held = [option(terms, Right::Call, 5_000.0, vol, units)];
        assert!(
            grid(&held, &[shift], &[VolShift::Points(0.0)], 0.0).is_err(),
            "{units} {vol} {shift}"
        );
    }
    let held = condor(terms);
    assert!(grid(&held, &[0.0], &[VolShift::Points(f64::NAN)], 0.0).is_err());
    assert!(grid(&held, &[0.0], &[VolShift::Points(0.0)], f64::NAN).is_err());
    assert!(grid(&[], &[], &[], 0.0).unwrap().worst().is_none());
}

#[test]
fn grid_points_reach_both_ends() {
    let points = equidistant(-0.08, 0.06, 10);
    assert_eq!(points.len(), 10);
    assert_eq!(
        (points[0].to_bits(), points[9].to_bits()),
        ((-0.08_f64).to_bits(), 0.06_f64.to_bits())
    );
    let step = points[1] - points[0];
    assert!(points.windows(2).all(|w| (w[1] - w[0] - step).abs() < 1e-15));
    assert_eq!(equidistant(-0.1, 0.1, 1), [-0.1]);
    assert!(equidistant(-0.1, 0.1, 0).is_empty());
}

proptest! {
    /// Each cell is the profit of its own shift but for the kernels' last digits, no shift is no profit to the bit, and a defined-risk package never loses more
    /// than its width.
    #[test]
    fn a_grid_is_its_shifts_one_by_one(
        shifts in proptest::collection::vec(-0.5..0.5, 1..8),
        vols in proptest::collection::vec(-30.0..60.0, 1..5),
        days in 0.0..60.0,
    ) {
        let terms = ExpiryTerms::with_rate(5_000.0, 45.0 / 365.0, 0.05).unwrap();
        let condor = condor(terms);
        let rows: Vec<VolShift> = vols.iter().map(|v| VolShift::Points(*v)).collect();
        let still = grid(&condor, &[0.0], &[VolShift::Points(0.0)], 0.0).unwrap();
        prop_assert_eq!(still.profits[0].to_bits(), 0);
        let grid = grid(&condor, &shifts, &rows, days).unwrap();
        for cell in grid.cells() {
            let shift = Shift { forward: cell.forward, vol: cell.vol, days };
            let alone = profit(&condor, &shift).unwrap();
            // A hundred units of four options on 5,000 points.
            prop_assert!((cell.profit - alone).abs() < 4.0 * 100.0 * 5_000.0 * 1e-14, "{} {}", cell.profit, alone);
        }
        prop_assert_eq!(profit(&condor, &Shift::NONE).unwrap().to_bits(), 0);
        let worst = grid.worst().unwrap().profit;
        prop_assert!(grid.profits.iter().all(|p| *p >= worst));
    }
}
