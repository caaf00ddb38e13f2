use super::*;
use proptest::prelude::*;

fn lot(measure: f64, carries: f64) -> Lot {
    Lot {
        measure,
        carries,
        risk: Some(measure.abs()),
        debit: measure.max(0.0),
    }
}

fn held(lots: u32, measure: f64, carries: f64) -> Held {
    Held {
        lots,
        lot: lot(measure, carries),
        fixed: false,
    }
}

fn ask(layer: usize, wanted: f64, held: Vec<Held>, fresh: Lot) -> Ask {
    Ask {
        layer,
        wanted: Some(wanted),
        held,
        fresh: Some(fresh),
        by_target: false,
    }
}

fn one(ask: Ask) -> Problem {
    Problem {
        asks: vec![ask],
        layers: vec![Limits::default()],
        ..Problem::default()
    }
}

#[test]
fn a_layer_buys_whole_lots_up_to_what_it_asks_for() {
    // 18 % of 4000 at risk is 720; a lot of 150 goes in four times.
    let grants = solve(&one(ask(0, 720.0, vec![], lot(150.0, 20.0))));
    assert_eq!(grants[0].buy, 4);
    // Three are held: one more.
    let grants = solve(&one(ask(0, 720.0, vec![held(3, 150.0, 20.0)], lot(150.0, 20.0))));
    assert_eq!(grants[0].buy, 1);
}

#[test]
fn a_lot_with_the_sign_of_what_is_hedged_is_not_bought() {
    // Of vega and beta a lot may add to what is to be taken back; what is held of it stays.
    let grants = solve(&one(ask(0, 720.0, vec![held(2, -150.0, 0.0)], lot(-150.0, 0.0))));
    assert_eq!((grants[0].buy, &grants[0].sell[..]), (0, &[0][..]));
    assert_eq!(grants[0].clips, [Clip::WrongSide]);
    let grants = solve(&one(ask(0, 720.0, vec![], lot(0.0, 0.0))));
    assert_eq!(grants[0].clips, [Clip::NoMeasure]);
}

#[test]
fn an_exact_share_is_not_a_lot_short() {
    let grants = solve(&one(ask(0, 0.3, vec![], lot(0.1, 0.0))));
    assert_eq!(grants[0].buy, 3);
}

#[test]
fn what_is_too_much_is_sold_oldest_first_and_all_when_nothing_is_wanted() {
    let both = vec![held(2, 100.0, 1.0), held(3, 100.0, 1.0)];
    let grants = solve(&one(ask(0, 250.0, both.clone(), lot(100.0, 1.0))));
    assert_eq!((grants[0].sell.clone(), grants[0].buy), (vec![2, 1], 0));
    let grants = solve(&one(ask(0, 0.0, both, lot(100.0, 1.0))));
    assert_eq!(grants[0].sell, vec![2, 3]);
}

#[test]
fn the_ceiling_is_filled_in_textual_order() {
    let mut problem = Problem {
        asks: vec![
            ask(0, 500.0, vec![], lot(100.0, 30.0)),
            ask(1, 500.0, vec![], lot(100.0, 30.0)),
        ],
        layers: vec![Limits::default(); 2],
        target: Target::Known {
            ceiling: 200.0,
            limit: 230.0,
        },
        ..Problem::default()
    };
    let grants = solve(&problem);
    // Five of the first carry 150; of the second one fits into the 50 that are left.
    assert_eq!((grants[0].buy, grants[1].buy), (5, 1));
    assert!(matches!(grants[1].clips.as_slice(), [Clip::Target { .. }]));
    // What a later layer holds counts until it is sold.
    problem.asks[1].held = vec![held(5, 100.0, 30.0)];
    problem.asks[1].wanted = Some(0.0);
    let grants = solve(&problem);
    assert_eq!((grants[0].buy, grants[1].sell.clone()), (1, vec![5]));
}

#[test]
fn above_the_band_the_last_layer_is_cut_to_the_target() {
    let problem = Problem {
        asks: vec![
            ask(0, 500.0, vec![held(5, 100.0, 30.0)], lot(100.0, 30.0)),
            ask(1, 500.0, vec![held(5, 100.0, 30.0)], lot(100.0, 30.0)),
        ],
        layers: vec![Limits::default(); 2],
        target: Target::Known {
            ceiling: 200.0,
            limit: 250.0,
        },
        ..Problem::default()
    };
    let grants = solve(&problem);
    // 300 are carried; four lots of 30 have to go so that 200 are not exceeded.
    assert_eq!(
        (grants[0].sell.clone(), grants[1].sell.clone()),
        (vec![0], vec![4])
    );
    let calm = Problem {
        target: Target::Known {
            ceiling: 200.0,
            limit: 300.0,
        },
        ..problem
    };
    assert!(
        solve(&calm).iter().all(|g| g.sell.iter().all(|n| *n == 0)),
        "inside the band"
    );
}

#[test]
fn caps_budgets_and_the_band_bind_and_say_so() {
    let base = || ask(0, 1000.0, vec![], lot(100.0, 0.0));
    let with = |limits: Limits, hedge: Limits| Problem {
        layers: vec![limits],
        hedge,
        ..one(base())
    };
    let some = |cap: Option<f64>, budget: Option<f64>| Limits { cap, budget };
    let none = Limits::default();
    let cases = [
        (with(some(Some(450.0), None), none), 4, Clip::Cap(450.0)),
        (with(some(None, Some(250.0)), none), 2, Clip::Budget(250.0)),
        (with(none, some(Some(120.0), None)), 1, Clip::HedgeCap(120.0)),
        (with(none, some(None, Some(99.0))), 0, Clip::HedgeBudget(99.0)),
    ];
    for (problem, lots, clip) in cases {
        let grant = solve(&problem).remove(0);
        assert_eq!((grant.buy, grant.clips), (lots, vec![clip]));
    }
    let near = Problem {
        band: 0.25,
        ..one(ask(0, 1000.0, vec![held(8, 100.0, 0.0)], lot(100.0, 0.0)))
    };
    let grant = solve(&near).remove(0);
    assert_eq!((grant.buy, grant.clips), (0, vec![Clip::Band]));
}

#[test]
fn an_unknown_target_buys_nothing_and_still_sells() {
    let problem = Problem {
        target: Target::Unknown,
        ..one(ask(0, 300.0, vec![], lot(100.0, 1.0)))
    };
    assert_eq!(solve(&problem)[0].clips, vec![Clip::Unknown]);
    let problem = Problem {
        target: Target::Unknown,
        ..one(ask(0, 0.0, vec![held(2, 100.0, 1.0)], lot(100.0, 1.0)))
    };
    assert_eq!(solve(&problem)[0].sell, vec![2]);
}

prop_compose! {
    fn some_lot()(measure in -10.0..300.0_f64, carries in -50.0..50.0_f64, bounded in any::<bool>()) -> Lot {
        Lot { measure, carries, risk: bounded.then_some(measure.abs()), debit: measure.max(0.0) }
    }
}

prop_compose! {
    fn some_ask()(
        layer in 0..3_usize,
        wanted in proptest::option::of(-10.0..2000.0_f64),
        held in proptest::collection::vec((0..20_u32, some_lot(), any::<bool>()), 0..4),
        fresh in proptest::option::of(some_lot()),
        by_target in any::<bool>(),
    ) -> Ask {
        let held = held.into_iter().map(|(lots, lot, fixed)| Held { lots, lot, fixed }).collect();
        Ask { layer, wanted, held, fresh, by_target }
    }
}

proptest! {
    /// Whatever subset of the orders fills, the hedge never carries more than the larger of its ceiling and what it held.
    #[test]
    fn no_fill_of_the_grants_over_hedges(
        asks in proptest::collection::vec(some_ask(), 0..6),
        ceiling in 0.0..500.0_f64,
        width in 0.0..100.0_f64,
        band in 0.0..0.5_f64,
        cap in proptest::option::of(0.0..3000.0_f64),
        budget in proptest::option::of(0.0..3000.0_f64),
    ) {
        let limits = Limits { cap, budget };
        let problem = Problem {
            layers: vec![limits; 3],
            hedge: limits,
            target: Target::Known { ceiling, limit: ceiling + width },
            band,
            asks,
        };
        let grants = solve(&problem);
        let before = carried(&problem.asks);
        let bought: f64 = problem.asks.iter().zip(&grants)
            .map(|(a, g)| f64::from(g.buy) * a.fresh.map_or(0.0, |l| l.carries.max(0.0)))
            .sum();
        // Only buys filled, no sale did.
        prop_assert!(before + bought <= before.max(ceiling) + 1e-6, "{before} + {bought} above {ceiling}");
        let spent: f64 = problem.asks.iter().zip(&grants)
            .map(|(a, g)| f64::from(g.buy) * a.fresh.map_or(0.0, |l| l.debit))
            .sum();
        prop_assert!(budget.is_none_or(|b| spent <= b + 1e-6));
        for (ask, grant) in problem.asks.iter().zip(&grants) {
            prop_assert_eq!(ask.held.len(), grant.sell.len());
            for (h, n) in ask.held.iter().zip(&grant.sell) {
                prop_assert!(*n <= h.lots && (*n == 0 || !h.fixed));
            }
            prop_assert!(grant.buy == 0 || grant.sell.iter().all(|n| *n == 0));
        }
    }
}
