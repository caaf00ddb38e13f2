//! The defined-risk certificate: what is proven, and that no payoff ever breaks it.

use super::common::{HEAD, codes, graph, shown};
use alula_dsl::ast::{Right, Side};
use alula_dsl::certificate::{Certificate, Loss, Why, certificate, text};
use alula_dsl::compile::{Compiled, compile};
use alula_dsl::graph::{LegDef, OffsetAmount, Op, StrikeAnchor, StrikePick};
use alula_dsl::source::NoImports;
use proptest::prelude::*;

fn compiled(structure: &str, rules: &str) -> Compiled {
    let items = format!(
        "{HEAD}structure core = {structure}\npolicy p on core {{ open when VIX.last < 30 vol size 1 lot\n{rules} }}\n"
    );
    compile("test.alula", items.as_bytes(), &NoImports)
}

#[track_caller]
fn of(structure: &str, rules: &str) -> (Certificate, Vec<LegDef>) {
    let c = compiled(structure, rules);
    let g = graph(&c);
    (certificate(g), g.structures[0].legs.clone())
}

/// Each package reached: how, and its bound in words and points, or the legs that break it.
#[track_caller]
fn told(structure: &str, rules: &str) -> Vec<String> {
    let (found, legs) = of(structure, rules);
    let reached = found.owned[0].reached.iter();
    reached
        .map(|r| {
            let bound = match &r.bound {
                Ok(b) => format!("{} {:?}", b.loss.text(&legs), b.points),
                Err(breaks) => breaks
                    .iter()
                    .map(|b| format!("{} {:?}", b.name, b.why))
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            format!("{:?} +{:?}: {bound}", r.by, r.also)
        })
        .collect()
}

const CONDOR: &str = "iron condor on SPX { expiry nearest 45 dte in 38..52 dte\nshort put at 16 delta\n\
    long put 50 pts below short put\nshort call at 16 delta\nlong call 75 pts above short call }";
const ROLL: &str = "require net credit >= $0 limit 0 pts";

#[test]
fn a_condor_loses_one_wing_and_a_recentred_one_no_more() {
    assert_eq!(
        told(
            CONDOR,
            &format!(
                "roll forward when dte <= 21 to 45 dte, recentred {ROLL}\nroll tested when dte <= 9 to same expiry, tested side at 16 delta {ROLL}"
            )
        ),
        [
            "[] +[\"p.forward\"]: the larger of (short put - long put, long call - short call) Some((75.0, 75.0))",
            "[\"p.tested\"] +[]: the larger of (short put - long put, long call - short call) Some((75.0, 75.0))",
        ],
    );
}

#[test]
fn sides_that_settle_apart_or_cross_lose_both_wings() {
    let both = "(short put - long put) + (long call - short call) Some((125.0, 125.0))";
    let in_time = told(
        CONDOR,
        &format!("roll out when dte <= 9 to 30 dte, put side at 16 delta {ROLL}"),
    );
    assert_eq!(in_time[1], format!("[\"p.out\"] +[]: {both}"));
    // By name a side may cross the other one; the tested one moves away from it.
    let by_name = told(
        CONDOR,
        &format!("roll inward when dte <= 9 to same expiry, call side at 16 delta {ROLL}"),
    );
    assert_eq!(by_name[1], format!("[\"p.inward\"] +[]: {both}"));
    let c = compiled(
        CONDOR,
        &format!("roll inward when dte <= 9 to same expiry, call side at 16 delta {ROLL}"),
    );
    assert!(
        !codes(&c).contains(&"A0619".to_owned()),
        "one lot is no choice by loss\n{}",
        shown(&c)
    );
}

#[test]
fn what_nothing_covers_is_named() {
    assert_eq!(
        told(
            "strangle on SPX { expiry nearest 45 dte\nshort put at 16 delta\nshort call at 16 delta }",
            ""
        ),
        ["[] +[]: short put Uncovered, short call Uncovered"]
    );
    let calendar = told(
        "calendar on SPX { short call at 30 delta, expiry nearest 30 dte\nlong call at strike of short call, expiry nearest 60 dte }",
        "",
    );
    assert_eq!(calendar, ["[] +[]: short call SettlesAlone"]);
    let (futures, _) = of("future spread on VX { long month 4, short month 7 }", "");
    let breaks = futures.owned[0].reached[0].bound.clone().unwrap_err();
    assert!(breaks.iter().all(|b| b.why == Why::Future) && breaks.len() == 2);
    assert!(!futures.is_given());
}

#[test]
fn a_butterfly_and_bought_options_lose_their_price_alone() {
    for bought in [
        "put butterfly on SPX { expiry nearest 30 dte\nstrike at 5 delta\nwings 50 pts }",
        "call on VIX { expiry nearest 30 dte\nstrike at 30 delta }",
        "legs on SPX { long put near at 30 delta, expiry nearest 30 dte\nlong put far at 30 delta, expiry nearest 60 dte }",
    ] {
        let c = compiled(bought, "");
        let found = certificate(graph(&c));
        let b = found.owned[0].reached[0].bound.as_ref().unwrap();
        assert_eq!(
            (&b.loss, b.points),
            (&Loss::Nothing, Some((0.0, 0.0))),
            "{bought}"
        );
    }
}

#[test]
fn wings_by_delta_are_bounded_by_the_strikes_found_and_thresholds_by_their_range() {
    let by_delta = "put spread on SPX { expiry nearest 45 dte\nshort put at 16 delta\nlong put at 5 delta }";
    assert_eq!(told(by_delta, ""), ["[] +[]: short put - long put None"]);
    let items = format!(
        "{HEAD}threshold wing = 50 pts in 25..100 pts /// wing\nstructure core = put spread on SPX {{ expiry nearest 45 dte\n\
         short put at 16 delta\nlong put wing below short put }}\npolicy p on core {{ open when VIX.last < 30 vol size 2% of equity by max_loss, at most 3 lots }}\n"
    );
    let c = compile("test.alula", items.as_bytes(), &NoImports);
    let found = certificate(graph(&c));
    assert_eq!(
        found.owned[0].reached[0].bound.as_ref().unwrap().points,
        Some((25.0, 100.0))
    );
    let words = text(graph(&c), &found);
    assert!(
        words.contains("at most 3 lots in 1 position: $30_000 in all"),
        "{words}"
    );
}

/// Payoff of legs at one settlement value, in points.
fn payoff(legs: &[LegDef], strikes: &[f64], together: &[usize], settles: f64) -> f64 {
    let worth = |at: &usize| {
        let leg = &legs[*at];
        let intrinsic = match leg.right.unwrap() {
            Right::Put => strikes[*at] - settles,
            Right::Call => settles - strikes[*at],
        };
        let sign = if leg.side == Side::Long { 1.0 } else { -1.0 };
        intrinsic.max(0.0) * sign * f64::from(leg.ratio)
    };
    together.iter().map(worth).sum()
}

fn leg_text() -> impl Strategy<Value = (bool, bool, u32, u32)> {
    (any::<bool>(), any::<bool>(), 1_u32..3, 0_u32..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Random legs, each chosen anew or at a distance from one before: whatever strikes come of it, no settlement value on a
    /// grid costs more than the bound, and a package without a bound really has none.
    #[test]
    fn no_payoff_breaks_the_bound(
        legs in prop::collection::vec(leg_text(), 1..6),
        widths in prop::collection::vec(1_u32..40, 6),
        free in prop::collection::vec(20_u32..400, 6),
        later in prop::collection::vec(0_u32..4, 6),
        side_roll in any::<bool>(),
    ) {
        let mut body = String::new();
        let names = ["a", "b", "c", "d", "e", "f"];
        let word = |(long, put, ..): &(bool, bool, u32, u32)| {
            format!("{} {}", if *long { "long" } else { "short" }, if *put { "put" } else { "call" })
        };
        for (i, leg) in legs.iter().enumerate() {
            let side = if leg.0 { "long" } else { "short" };
            let ratio = if leg.2 == 1 { String::new() } else { format!("{} ", leg.2) };
            let right = if leg.1 { "put" } else { "call" };
            let strike = match (leg.3, i) {
                (0, _) | (_, 0) => "at 16 delta".to_owned(),
                (1, _) => format!("{} pts below {} {}", widths[i] * 5, word(&legs[i - 1]), names[i - 1]),
                _ => format!("{} pts above {} {}", widths[i] * 5, word(&legs[i - 1]), names[i - 1]),
            };
            let expiry = if later[i] == 0 { ", expiry nearest 60 dte" } else { "" };
            body.push_str(&format!("{side} {ratio}{right} {} {strike}{expiry}\n", names[i]));
        }
        let structure = format!("legs on SPX {{ expiry nearest 30 dte\n{body}}}");
        let roll = if side_roll { format!("roll out when dte <= 9 to 45 dte, put side at 16 delta {ROLL}") } else { String::new() };
        let c = compiled(&structure, &roll);
        prop_assume!(c.graph.is_some());
        let g = graph(&c);
        let def = &g.structures[0];
        let number = |id: alula_dsl::graph::NodeId| match g.node(id).map(|n| &n.op) {
            Some(Op::Number(x)) => *x,
            other => panic!("{other:?}"),
        };
        // The strikes that a chain could give: free ones anywhere, the others where the text puts them.
        let mut strikes: Vec<f64> = Vec::new();
        for (i, leg) in def.legs.iter().enumerate() {
            let at = match &leg.strike {
                StrikePick::Offset { amount: OffsetAmount::Points(n), direction, anchor: StrikeAnchor::Leg(a), exact: true } => {
                    let sign = if *direction == alula_dsl::ast::Direction::Above { 1.0 } else { -1.0 };
                    strikes[usize::from(*a)] + sign * number(*n)
                }
                _ => f64::from(free[i]) * 5.0 + 500.0,
            };
            strikes.push(at);
        }
        for (state, reached) in certificate(g).owned[0].reached.iter().enumerate() {
            // After the roll the puts stand anywhere, as one block, and settle by themselves.
            let shift = if state == 0 { 0.0 } else { f64::from(free[5]) * 5.0 - 900.0 };
            let moved = |i: usize| state > 0 && def.legs[i].right == Some(Right::Put);
            let at: Vec<f64> = (0..strikes.len()).map(|i| strikes[i] + if moved(i) { shift } else { 0.0 }).collect();
            let settlement = |i: usize| if moved(i) { 2 } else { usize::from(def.legs[i].expiry != def.legs[0].expiry) };
            let grid: Vec<f64> = (0..=1000).map(|s| f64::from(s) * 5.0).collect();
            let together = |n: usize| -> Vec<usize> { (0..strikes.len()).filter(|i| settlement(*i) == n).collect() };
            match &reached.bound {
                Ok(bound) => {
                    // Each settlement may be the worst one.
                    let worst: f64 = (0..3)
                        .map(|n| grid.iter().map(|s| payoff(&def.legs, &at, &together(n), *s)).fold(f64::INFINITY, f64::min))
                        .sum();
                    let most = bound.loss.points(&def.legs, &at);
                    prop_assert!(worst >= -most - 1e-6, "{structure}\nworst {worst}, bound {most} {at:?}");
                    if let Some((lo, hi)) = bound.points {
                        prop_assert!(lo <= most + 1e-6 && most <= hi + 1e-6, "{structure}\n{lo} {most} {hi}");
                    }
                }
                Err(breaks) => {
                    for b in breaks {
                        prop_assert_eq!(def.legs[b.leg].side, Side::Short);
                        // The sold ones of its right and settlement outnumber the bought ones.
                        let of = together(settlement(b.leg));
                        let net: i64 = of.iter().filter(|i| def.legs[**i].right == def.legs[b.leg].right)
                            .map(|i| i64::from(def.legs[*i].ratio) * if def.legs[*i].side == Side::Long { 1 } else { -1 }).sum();
                        prop_assert!(net < 0, "{structure}");
                    }
                }
            }
        }
    }
}
