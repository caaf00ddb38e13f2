//! Structures: the legs that shapes make, their anchors and windows, and whether the loss is bounded.

use super::common::{HEAD, errors, graph, refuses, shown, with_core};
use alula_dsl::ast::{Direction, Right, Side};
use alula_dsl::builtin::PositionObs;
use alula_dsl::compile::{Compiled, compile};
use alula_dsl::graph::{ExpiryPick, OffsetAmount, Op, StrikeAnchor, StrikePick, StructureDef};
use alula_dsl::source::NoImports;

const EXP: &str = "expiry nearest 45 dte\n";

fn shape(kind: &str, clauses: &str) -> Compiled {
    shape_on(kind, "SPX", &format!("{EXP}{clauses}"))
}

fn shape_on(kind: &str, underlying: &str, clauses: &str) -> Compiled {
    let text = format!(
        "{HEAD}structure core = {kind} on {underlying} {{ {clauses} }}\npolicy p on core {{ open when VIX.last < 30 vol size 1 lot }}\n"
    );
    compile("test.alula", text.as_bytes(), &NoImports)
}

#[track_caller]
fn made(kind: &str, clauses: &str) -> StructureDef {
    graph(&shape(kind, clauses)).structures[0].clone()
}

#[track_caller]
fn refused(kind: &str, clauses: &str, code: &str, word: &str) {
    let c = shape(kind, clauses);
    assert_eq!(errors(&c), [code], "{kind}: {clauses}\n{}", shown(&c));
    assert!(shown(&c).contains(word), "`{word}` is missing in\n{}", shown(&c));
}

fn names(s: &StructureDef) -> Vec<&str> {
    s.legs.iter().map(|l| l.name.as_str()).collect()
}

#[test]
fn an_iron_condor_has_four_legs_each_after_its_anchor() {
    let s = made(
        "iron condor",
        "long put 50 pts below short put\nshort put at 16 delta\nlong call about 5% above short call\nshort call at 1.20 pts",
    );
    assert_eq!(names(&s), ["short put", "long put", "short call", "long call"]);
    assert!(s.defined_risk);
    assert!(matches!(s.legs[0].strike, StrikePick::Delta(_)));
    assert!(matches!(s.legs[2].strike, StrikePick::Premium(_)));
    let StrikePick::Offset {
        amount: OffsetAmount::Points(_),
        direction: Direction::Below,
        anchor: StrikeAnchor::Leg(0),
        exact: true,
    } = s.legs[1].strike
    else {
        panic!("{:?}", s.legs[1].strike)
    };
    let StrikePick::Offset {
        amount: OffsetAmount::Fraction(_),
        anchor: StrikeAnchor::Leg(2),
        exact: false,
        ..
    } = s.legs[3].strike
    else {
        panic!("{:?}", s.legs[3].strike)
    };
}

#[test]
fn wings_stand_for_both_bought_legs() {
    let s = made(
        "iron condor",
        "short put at 16 delta\nshort call at 16 delta\nwings 50 pts",
    );
    assert_eq!(names(&s), ["short put", "long put", "short call", "long call"]);
    let s = made("iron fly", "strike at money\nwings 50 pts");
    assert_eq!(names(&s), ["short put", "short call", "long put", "long call"]);
    assert_eq!(s.legs[1].strike, StrikePick::SameAs(0));
    let s = made("put butterfly", "at 5 delta, wings 50 pts");
    let legs: Vec<_> = s
        .legs
        .iter()
        .map(|l| (l.name.as_str(), l.side, l.ratio))
        .collect();
    assert_eq!(
        legs,
        [
            ("short put", Side::Short, 2),
            ("long put below", Side::Long, 1),
            ("long put above", Side::Long, 1)
        ]
    );
    assert!(s.defined_risk);
    assert!(
        !made("short put butterfly", "at 5 delta, wings 50 pts")
            .legs
            .is_empty()
    );
}

#[test]
fn singles_straddles_strangles_and_spreads() {
    let s = made("call", "strike at 30 delta");
    assert_eq!(
        (s.legs[0].side, s.legs[0].right, s.defined_risk),
        (Side::Long, Some(Right::Call), true)
    );
    assert!(!made("short put", "strike at 30 delta").defined_risk);
    assert!(!made("put", "short put at 30 delta").defined_risk);
    let s = made(
        "straddle",
        "short put at money\nshort call at strike of short put",
    );
    assert_eq!(s.legs[1].strike, StrikePick::SameAs(0));
    assert!(!s.defined_risk);
    assert!(made("straddle", "strike at money").defined_risk);
    assert!(!made("strangle", "short put at 16 delta\nshort call at 16 delta").defined_risk);
    assert!(
        made(
            "put spread",
            "short put at 16 delta\nlong put 50 pts below short put"
        )
        .defined_risk
    );
    assert!(
        made(
            "call spread",
            "long call at 30 delta\nshort call 50 pts above long call"
        )
        .defined_risk
    );
}

#[test]
fn ratios_and_expiries_decide_whether_the_loss_is_bounded() {
    let ratio = "short 2 put at 16 delta\nlong put 50 pts below short put";
    assert!(!made("legs", ratio).defined_risk);
    let backspread = "short put at 16 delta\nlong 2 put 50 pts below short put";
    assert!(made("legs", backspread).defined_risk);
    let two = |short: u32, long: u32| {
        format!(
            "short put at 30 delta, expiry nearest {short} dte\nlong put at strike of short put, expiry nearest {long} dte"
        )
    };
    // The long leg outlives the short one's settlement, and may be worth nothing later.
    assert!(!graph(&shape_on("calendar", "SPX", &two(30, 60))).structures[0].defined_risk);
    assert!(!graph(&shape_on("calendar", "SPX", &two(60, 30))).structures[0].defined_risk);
}

#[test]
fn futures_and_their_spreads_go_by_month() {
    let s = graph(&shape_on("future spread", "VX", "long month 4, short month 7")).structures[0].clone();
    let months: Vec<_> = s.legs.iter().map(|l| (l.side, l.month, l.right)).collect();
    assert_eq!(
        months,
        [(Side::Long, Some(4), None), (Side::Short, Some(7), None)]
    );
    assert!(!s.defined_risk);
    for (kind, clauses, code) in [
        ("future spread", "long month 4", "A0402"),
        ("future spread", "long month 4, short month 4", "A0412"),
        ("future spread", "long month 4, long month 7", "A0412"),
        ("future", "long month 1, short month 2", "A0403"),
        ("future", "long month 13", "A0308"),
        ("future", "expiry nearest 30 dte, long month 1", "A0403"),
    ] {
        assert_eq!(errors(&shape_on(kind, "VX", clauses)), [code], "{kind} {clauses}");
    }
    assert_eq!(errors(&shape_on("future", "SPX", "long month 1")), ["A0411"]);
    // Options on VX are those on VIX; those on SPY are American and deliver shares.
    for underlying in ["VX", "SPY"] {
        let found = errors(&shape_on("put", underlying, "expiry nearest 30 dte, at 30 delta"));
        assert_eq!(found, ["A0411"], "{underlying}");
    }
}

#[test]
fn strikes_of_options_on_volatility_are_in_vol() {
    let c = shape_on(
        "call spread",
        "VIX",
        "expiry nearest 30 dte\nlong call at 30 delta\nshort call 5 vol above long call",
    );
    assert!(c.graph.is_some(), "{}", shown(&c));
    refused(
        "put spread",
        "short put at 16 delta\nlong put 5 vol below short put",
        "A0409",
        "distance",
    );
}

#[test]
fn formulas_words_and_sd_choose_strikes() {
    let s = made(
        "legs",
        "long put at strike SPX.last * 0.95\nlong put far at 1.5 sd\nlong call 2% above spot\nlong call far 20 pts above forward\nshort call at 5% otm",
    );
    assert!(matches!(s.legs[0].strike, StrikePick::Formula(_)));
    assert!(matches!(s.legs[1].strike, StrikePick::Sd(_)));
    assert!(matches!(
        s.legs[2].strike,
        StrikePick::Offset {
            anchor: StrikeAnchor::Spot,
            exact: false,
            ..
        }
    ));
    assert!(matches!(
        s.legs[3].strike,
        StrikePick::Offset {
            anchor: StrikeAnchor::Forward,
            exact: false,
            ..
        }
    ));
    assert!(matches!(s.legs[4].strike, StrikePick::Otm(_)));
    refused("legs", "long put at strike VIX.last", "A0311", "points");
    refused("legs", "long put at strike 4_000", "A0311", "4_000 pts");
}

#[test]
fn thresholds_choose_strikes_and_windows() {
    let text = format!(
        "{HEAD}threshold d = 16 delta in 5 delta..30 delta /// x\nthreshold days = 45 dte in 30 dte..60 dte /// x\n\
         structure core = iron condor on SPX {{ expiry nearest days in 30..60 dte\nshort put at d\nshort call at d\nwings 50 pts }}\n\
         policy p on core {{ open when VIX.last < 30 vol size 1 lot }}"
    );
    let c = compile("t.alula", text.as_bytes(), &NoImports);
    let g = graph(&c);
    let ExpiryPick::Nearest { dte, .. } = g.structures[0].legs[0].expiry else {
        panic!()
    };
    assert!(matches!(g.node(dte).unwrap().op, Op::Threshold(_)));
    let StrikePick::Delta(id) = g.structures[0].legs[0].strike else {
        panic!()
    };
    assert_eq!(g.node(id).unwrap().key, "d");
}

#[test]
fn legs_that_do_not_fit_are_refused_with_what_to_write() {
    refused("condor", "short put at 16 delta", "A0401", "iron condor");
    refused("iron butterfly", "strike at money", "A0401", "iron fly");
    refused(
        "iron condor",
        "short put at 16 delta\nshort call at 16 delta",
        "A0402",
        "wings 50 pts",
    );
    refused(
        "iron condor",
        "short put at 16 delta\nlong put 50 pts below short put\nwings 50 pts\nshort call at 16 delta",
        "A0403",
        "already given",
    );
    refused(
        "iron condor",
        "strike at money\nwings 50 pts",
        "A0403",
        "short put at 16 delta",
    );
    refused("iron fly", "strike at money", "A0402", "wings");
    refused(
        "put spread",
        "short put at 16 delta\nlong call at 5 delta",
        "A0412",
        "long put",
    );
    refused(
        "strangle",
        "short put at 16 delta\nlong call at 16 delta",
        "A0412",
        "both `short` or both `long`",
    );
    refused(
        "straddle",
        "short put at 16 delta\nshort call at 16 delta",
        "A0412",
        "share their strike",
    );
    refused(
        "calendar",
        "short put at 30 delta\nlong put at strike of short put",
        "A0412",
        "differ in their expiry",
    );
    refused(
        "put",
        "strike at 30 delta\nshort put at 5 delta",
        "A0412",
        "single option",
    );
    refused(
        "put spread",
        "short 2 put at 16 delta\nlong put 50 pts below short put",
        "A0410",
        "legs",
    );
    refused(
        "legs",
        "short put at 16 delta\nshort put at 5 delta",
        "A0212",
        "again here",
    );
    refused(
        "legs",
        "short put at 16 delta\nshort put far at 5 delta\nlong put 50 pts below short put near",
        "A0404",
        "short put far",
    );
    refused("legs", "", "A0402", "add legs");
}

#[test]
fn a_leg_with_a_name_of_its_own_is_spoken_of_by_it() {
    let calendar = "structure diag = legs on SPX { short put near at 30 delta, expiry nearest 20 dte\n\
        short put far at 20 delta, expiry nearest 60 dte\n\
        long 2 put at 10 delta, expiry nearest 60 dte }\n";
    let on = |rule: &str| format!("{calendar}policy p on diag {{ {rule} }}");
    let delta = |text: &str| {
        let compiled = with_core(&on(&format!("close c when {text} < -20 delta")));
        let graph = graph(&compiled);
        let picks = graph.nodes.iter().filter_map(|n| match n.op {
            Op::Position(PositionObs::LegDelta(pick)) => Some((n.text.clone(), pick.leg)),
            _ => None,
        });
        picks.collect::<Vec<_>>()
    };
    assert_eq!(
        delta("short put near.delta"),
        [("short put near.delta".to_owned(), Some(0))]
    );
    assert_eq!(
        delta("short put far.delta"),
        [("short put far.delta".to_owned(), Some(1))]
    );
    // Side and right tell the bought puts from the others.
    assert_eq!(delta("long put.delta"), [("long put.delta".to_owned(), None)]);
    // Without a right: the tested one of several, as ever.
    assert_eq!(delta("short.delta"), [("short.delta".to_owned(), None)]);
    for (rule, words) in [
        (
            "close c when short put.delta < -20 delta",
            &["could be any of several", "short put near` or `short put far"][..],
        ),
        (
            "close c when short put fat.delta < -20 delta",
            &["no leg `short put fat`", "`short put far`"],
        ),
        (
            "close c when long put far.delta < -20 delta",
            &["no leg `long put far`", "`long put`"],
        ),
        (
            "close c when short call.delta < 20 delta",
            &["no leg `short call`"],
        ),
    ] {
        refuses(&on(rule), "A0404", words);
    }
    // A butterfly's wings are named by where they stand.
    let fly = "structure fly = put butterfly on SPX { expiry nearest 30 dte, at 5 delta, wings 50 pts }\n";
    let rule = "policy p on fly { close c when long put above.strike - long put below.strike > 90 pts }";
    let compiled = with_core(&format!("{fly}{rule}"));
    let legs: Vec<_> = graph(&compiled)
        .nodes
        .iter()
        .filter_map(|n| match n.op {
            Op::Position(PositionObs::LegStrike(pick)) => pick.leg,
            _ => None,
        })
        .collect();
    assert_eq!(legs, [2, 1]);
}

#[test]
fn anchors_wings_windows_and_amounts_make_sense() {
    refused(
        "put spread",
        "short put 50 pts above long put\nlong put 50 pts below short put",
        "A0405",
        "each other",
    );
    refused("legs", "short put 50 pts above short put", "A0405", "itself");
    refused(
        "iron condor",
        "short put at 16 delta\nlong put 50 pts above short put\nshort call at 16 delta\nlong call 50 pts above short call",
        "A0406",
        "below short put",
    );
    refused(
        "iron condor",
        "short put at 16 delta\nlong put 50 pts below short put\nshort call at 16 delta\nlong call 50 pts below short call",
        "A0406",
        "above short call",
    );
    refused(
        "iron condor",
        "short put at 5 delta\nlong put at 16 delta\nshort call at 5 delta\nlong call at 2 delta",
        "A0406",
        "smaller delta",
    );
    for (amount, code) in [
        ("16", "A0409"),
        ("0 delta", "A0409"),
        ("100 delta", "A0409"),
        ("$5", "A0409"),
        ("-5 pts", "A0409"),
    ] {
        refused("put", &format!("strike at {amount}"), code, "chooses no strike");
    }
    refused(
        "put spread",
        "short put at 16 delta\nlong put 50 below short put",
        "A0409",
        "`50 pts`",
    );
    refused(
        "put spread",
        "short put at 16 delta\nlong put 5 delta below short put",
        "A0409",
        "at 5 delta",
    );
    for (window, code) in [("50..60 dte", "A0407"), ("52..38 dte", "A0407")] {
        let c = shape_on(
            "put",
            "SPX",
            &format!("expiry nearest 45 dte in {window}, at 16 delta"),
        );
        assert_eq!(errors(&c), [code], "{window}");
    }
    assert_eq!(errors(&shape_on("put", "SPX", "at 16 delta")), ["A0408"]);
    assert_eq!(
        errors(&shape_on(
            "put",
            "SPX",
            "expiry nearest 45 dte only weekly, at 16 delta"
        )),
        ["A0508"]
    );
    assert_eq!(
        errors(&shape_on("put", "SPX", "expiry nearest 45.5 dte, at 16 delta")),
        ["A0308"]
    );
}

#[test]
fn unbounded_structures_cannot_be_sized_by_their_loss() {
    let text = |size: &str, extra: &str| {
        let c = format!(
            "{HEAD}structure core = strangle on SPX {{ {EXP} short put at 16 delta\nshort call at 16 delta }}\n\
             policy p on core {{ open when VIX.last < 30 vol size {size} {extra} }}"
        );
        errors(&compile("t.alula", c.as_bytes(), &NoImports))
    };
    assert_eq!(text("2% of equity by max_loss", ""), ["A0503"]);
    assert_eq!(text("2% of equity by margin", ""), Vec::<String>::new());
    assert_eq!(text("1 lot", "require max_loss < $5_000"), ["A0503"]);
    assert_eq!(
        text(
            "1 lot",
            "} guard g { require max_loss(core) < $5_000 else block open"
        ),
        ["A0503"]
    );
}

#[test]
fn rolls_fit_their_structure() {
    let roll = |kind: &str, legs: &str, to: &str| {
        let text = format!(
            "{HEAD}structure core = {kind} on SPX {{ {EXP}{legs} }}\npolicy p on core {{ roll r when dte <= 5 to {to} }}"
        );
        errors(&compile("t.alula", text.as_bytes(), &NoImports))
    };
    let spread = "short put at 16 delta\nlong put 50 pts below short put";
    for fine in [
        "same expiry, tested side at 16 delta",
        "45 dte, put side at 16 delta",
        "60 dte in 50..70 dte, same strikes",
        "45 dte only pm, recentred",
    ] {
        assert_eq!(roll("put spread", spread, fine), Vec::<String>::new(), "{fine}");
    }
    assert_eq!(
        roll("put spread", spread, "45 dte, call side at 16 delta"),
        ["A0505"]
    );
    assert_eq!(roll("put spread", spread, "same expiry, same strikes"), ["A0505"]);
    assert_eq!(
        roll(
            "put spread",
            spread,
            "same expiry, tested side 50 pts below short put"
        ),
        ["A0505"]
    );
    assert_eq!(
        roll("call", "strike at 30 delta", "45 dte, tested side at 16 delta"),
        ["A0505"]
    );
}
