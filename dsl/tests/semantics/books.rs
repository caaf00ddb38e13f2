//! Subaccounts, ranked rolls, conflicts, and layers that own futures.

use super::common::{errors, refuses, shown, with_core};
use alula_dsl::ast::Conflict;
use alula_dsl::format::format;

const POLICY: &str = "policy income on core { open when VIX.last < 30 vol size 1 lot }\n";

/// Errors of items beside a structure and a policy on it.
fn with_policy(items: &str) -> Vec<String> {
    errors(&with_core(&format!("{POLICY}{items}")))
}

#[test]
fn a_subaccount_holds_what_it_names_and_no_more_than_there_is() {
    let spikes = "structure spikes = call on VIX { expiry nearest 30 dte strike at 30 delta }\n\
        policy engine on spikes { open when VIX.last < 30 vol size 1 lot }\n";
    let fine = format!("{POLICY}{spikes}subaccount second {{ capital $40_000 holds engine }}");
    let graph = with_core(&fine).graph.expect("sound");
    let second = &graph.subaccounts[0];
    assert_eq!((second.key.as_str(), second.capital_usd), ("second", 40_000.0));
    assert_eq!(second.structures, ["spikes"]);
    for (wrong, code) in [
        // Without money, without anything in it, with more than the strategy has, in no money at all.
        ("subaccount b { holds engine }", "A0507"),
        ("subaccount b { capital $1_000 }", "A0507"),
        ("subaccount b { capital $260_000 holds engine }", "A0308"),
        ("subaccount b { capital 20% holds engine }", "A0311"),
        // A name that is not there, that is of a structure, that stands twice.
        ("subaccount b { capital $1_000 holds engin }", "A0201"),
        ("subaccount b { capital $1_000 holds spikes }", "A0204"),
        ("subaccount b { capital $1_000 holds engine, engine }", "A0212"),
        // One book for each structure.
        (
            "subaccount b { capital $1_000 holds engine }\nsubaccount c { capital $1_000 holds engine }",
            "A0215",
        ),
        (
            "policy more on spikes { close out when profit > $1 }\nsubaccount b { capital $1_000 holds engine }",
            "A0215",
        ),
    ] {
        assert_eq!(with_policy(&format!("{spikes}{wrong}")), [code], "{wrong}");
    }
}

#[test]
fn a_roll_ranks_the_expiries_of_a_window_and_a_conflict_takes_the_next_strike() {
    let roll = |to: &str| format!("policy p on core {{ roll out when dte <= 21 {to} }}");
    let fine = roll("to 45 dte in 30..60 dte, recentred, rank by extrinsic / dte, conflict next");
    let graph = with_core(&fine).graph.expect("sound");
    let rule = &graph.policies[0].rules[0];
    assert!(rule.rank.is_some() && rule.conflict == Conflict::Next);
    for (wrong, code) in [
        ("to 45 dte, recentred, rank by extrinsic", "A0505"),
        (
            "to same expiry, tested side at 16 delta, rank by extrinsic",
            "A0505",
        ),
        ("to 45 dte in 30..60 dte, recentred, rank by dte > 3", "A0303"),
        ("to 45 dte in 30..60 dte, recentred, rank by profit", "A0215"),
        ("to 45 dte, recentred, conflict next, conflict skip", "A0117"),
    ] {
        assert_eq!(errors(&with_core(&roll(wrong))), [code], "{wrong}");
    }
}

#[test]
fn futures_of_a_layer_have_sizes_that_they_can_have() {
    let layer = |own: &str, size: &str| {
        with_policy(&format!(
            "hedge h on core {{ target vega = 35% of vega(core)\nlayer a {{ own {own}\nsize {size} }} }}"
        ))
    };
    let spread = "future spread on VX { long month 4, short month 7 }";
    let long = "future on VX { long month 2 }";
    for size in [
        "3 lots",
        "35% of vega(core)",
        "2% of equity by margin",
        "2% of equity by notional",
    ] {
        assert_eq!(layer(spread, size), [""; 0], "{size}");
    }
    assert_eq!(layer(long, "20% of equity by max_loss"), [""; 0]);
    assert_eq!(layer(spread, "5% of max_loss(core)"), ["A0503"]);
    assert_eq!(layer(spread, "5% of credit(core)"), ["A0502"]);
    assert_eq!(layer(long, "5% of credit(core)"), ["A0502"]);
}

#[test]
fn a_mapping_holds_at_a_distance() {
    let hedge = |map: &str| {
        with_policy(&format!(
            "hedge h on core {{ target vega = 35% of vega(core)\n{map}\nlayer a {{ own call on VIX {{ expiry nearest 30 dte strike at 30 \
             delta }}\nsize 3 lots }} }}"
        ))
    };
    assert_eq!(hedge("map VIX by 60% at 30 days"), [""; 0]);
    assert_eq!(hedge("map VIX by 60% at 30 vol"), ["A0311"]);
    assert_eq!(hedge("map VIX by 60% at 0 days"), ["A0311"]);
}

#[test]
fn what_is_new_prints_one_way() {
    let text = "alula 1\n\nsubaccount b {\n    capital $1_000\n    holds   engine, rolls\n}\n\nhedge h on core {\n    map VIX by 60% at 30 days\n    beta VIX by -3 at 30 days\n}\n";
    assert_eq!(format(text).expect("reads"), text);
}

#[test]
fn sizes_by_beta_say_how_vix_moves_with_the_index() {
    let hedge = |clauses: &str, own: &str, size: &str| {
        format!("hedge h on core {{ {clauses}\nlayer a {{ own {own}\nsize {size} }} }}")
    };
    let call = "call on VIX { expiry nearest 30 dte strike at 30 delta }";
    let fly = "put butterfly on SPX { expiry nearest 30 dte, at 5 delta, wings 50 pts }";
    for (clauses, own, size) in [
        ("beta VIX by -3", call, "30% of beta(core)"),
        ("beta VIX by -3 at 30 days", call, "$5_000 by beta"),
        (
            "beta VIX by beta(VX[1].close, SPX.close, 60) at 15 days",
            "future on VX { long month 4 }",
            "30% of beta(core)",
        ),
        (
            "beta VIX by -3",
            "shares on VXX { long 10 shares }",
            "30% of beta(core)",
        ),
        // What is on the index has a beta of one.
        ("", fly, "30% of beta(core)"),
    ] {
        let c = with_core(&hedge(clauses, own, size));
        assert!(c.graph.is_some(), "{clauses} {own} {size}\n{}", shown(&c));
    }
    refuses(
        &hedge("", call, "30% of beta(core)"),
        "A0507",
        &["`h.a`", "beta VIX by -3 at 30 days"],
    );
    refuses(
        &hedge("map VIX by 60%", call, "$5_000 by beta"),
        "A0507",
        &["how VIX moves with SPX"],
    );
    refuses(
        &hedge("beta VIX by -3", call, "30% of beta(book)"),
        "A0215",
        &["counts the layer itself", "beta(core)"],
    );
    refuses(&hedge("beta SPX by 1", call, "1 lot"), "A0508", &["beta VIX by"]);
    refuses(
        &hedge("beta VIX by -3 at 30 vol", call, "1 lot"),
        "A0311",
        &["at 30 days"],
    );
    refuses(&hedge("beta VIX by -3 vol", call, "1 lot"), "A0311", &[]);
    refuses(
        &hedge("beta VIX by -3\nbeta VIX by -4", call, "1 lot"),
        "A0212",
        &["again here"],
    );
    // A guard asks for the beta of a book that may hold VIX.
    refuses(
        &format!(
            "structure calls = {call}\nguard g {{ require abs(beta(book)) < $100_000 else block open }}"
        ),
        "A0507",
        &["what is on VIX"],
    );
    let c = with_core(
        "guard g { require abs(beta(book)) < 50% of equity and beta(core) < $1_000_000 else block open }",
    );
    assert!(c.graph.is_some(), "{}", shown(&c));
    // The indicator keeps its name.
    let c = with_core("guard g { require beta(SPY.close, SPX.close, 60) > 0.5 else block open }");
    assert!(c.graph.is_some(), "{}", shown(&c));
    refuses(
        "guard g { require beta(cor) > $0 else block open }",
        "A0201",
        &["`core`"],
    );
    refuses(
        "signal s = beta(core)\nguard g { require s > $0 else block open }",
        "A0215",
        &["the account"],
    );
}

#[test]
fn the_event_of_a_shift_may_begin_a_line() {
    let c =
        with_core("policy p on core { open when irr(core, under vol +5 &\nevent fomc) >= 5% size 1 lot }");
    assert!(c.graph.is_some(), "{}", shown(&c));
    // An event that is declared there closes what was left open.
    let open = with_core(
        "signal a = (VIX.close\nevent own = feed(\"OWN\")\npolicy p on core { open when VIX.last < 30 vol size 1 lot }",
    );
    assert_eq!(errors(&open), ["A0108"], "{}", shown(&open));
}
