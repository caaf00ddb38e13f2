//! Types and contexts: what is refused, with which words, and what is accepted.

use super::common::{codes, errors, opens_when, refuses, shown, sound, with_core};
use alula_dsl::compile::compile;
use alula_dsl::graph::{Clock, Domain, Op, PluginId, ValueKind};
use alula_dsl::source::NoImports;
use alula_dsl::unit::Unit;

fn signal(expr: &str) -> String {
    format!("signal x = {expr}\nguard g {{ require x else block open }}")
}

/// Each expression compiles as a condition of the market.
#[track_caller]
fn accepts(expressions: &[&str]) {
    for e in expressions {
        let c = with_core(&signal(e));
        assert!(c.graph.is_some(), "{e}\n{}", shown(&c));
    }
}

#[test]
fn units_are_types() {
    refuses(
        &signal("VIX.last < 35"),
        "A0301",
        &["write `35 vol`", "this is vol", "this is a plain number"],
    );
    refuses(&signal("35 > VIX.last"), "A0301", &["write `35 vol`"]);
    refuses(&signal("SPX.last < 4_000"), "A0301", &["write `4_000 pts`"]);
    refuses(
        &signal("VIX.last < 35 pts"),
        "A0301",
        &["cannot compare vol with points"],
    );
    refuses(
        &signal("VIX.last + SPX.last > 0"),
        "A0301",
        &["cannot add vol and points"],
    );
    refuses(
        &signal("VIX.last - SPX.last > 0"),
        "A0301",
        &["cannot subtract points from vol"],
    );
    refuses(
        &signal("min(VIX.last, SPX.last) > 0"),
        "A0301",
        &["vol", "points"],
    );
    refuses(&signal("VIX.last in 10..20"), "A0301", &["write `10 vol`"]);
    accepts(&[
        "VIX.last < 35 vol",
        "VIX.last > 0",
        "VIX.last in 10..20 vol",
        "VIX.last / VIX3M.last > 1",
        "VIX.last / VIX3M.last > 95%",
        "VIX.last * VIX.last > 400 vol * 1 vol",
        "SPX.last > 1.05 * lag(SPX.close, 20)",
        "sqrt(VIX.last * VVIX.last) > 30 vol",
        "rsi(VIX.close, 14) > 70",
        "abs(VIX.last - VIX.close) > 2 vol",
        "0 < VIX.last",
    ]);
}

#[test]
fn rules_mix_money_points_and_deltas_only_on_purpose() {
    let close = |e: &str| format!("policy p on core {{ close c when {e} }}");
    refuses(&close("profit >= 50%"), "A0301", &["`50% of credit`"]);
    refuses(&close("profit >= 500"), "A0301", &["write `$500`"]);
    refuses(&close("profit >= -500"), "A0301", &["write `-$500`"]);
    refuses(&close("abs(short.delta) > 0.30"), "A0301", &["write `30 delta`"]);
    refuses(&close("abs(short.delta) > 30"), "A0301", &["write `30 delta`"]);
    refuses(&close("credit > 1.50 pts"), "A0301", &["credit_points"]);
    refuses(&close("short put.strike > VIX.last"), "A0301", &["points", "vol"]);
    refuses(&close("profit >= $5 of credit"), "A0311", &["is not a share"]);
    for fine in [
        "profit >= 50% of credit",
        "credit_points >= 1.50 pts",
        "short put.strike > SPX.last",
        "dte <= 21",
        "dte <= 21 dte",
        "days_held >= 5 days",
        "profit / credit >= 50%",
        "max_loss > 3% of equity",
        "short put.delta < -30 delta",
        "vega(core) < -$500 or core.dte < 3 or positions(book) > 4",
        "profit < 50% of highest(profit, since entry)",
        "profit crosses below $0 or loss > $500 for 3 bars",
        "VIX.last > 1.2 * lowest(VIX.last, since entry)",
        "profit up 10% over 3 ticks",
    ] {
        let c = with_core(&close(fine));
        assert!(c.graph.is_some(), "{fine}\n{}", shown(&c));
    }
}

#[test]
fn a_level_is_not_a_change() {
    refuses(
        &signal("VIX.last > VIX.close - lag(VIX.close, 1)"),
        "A0304",
        &["this is a change", "this is a level"],
    );
    refuses(&signal("change(VIX.close, 1) > VIX.last"), "A0304", &[]);
    refuses(&signal("VIX.last > atr(VIX, 14)"), "A0304", &[]);
    refuses(&signal("VIX.last > stdev(VIX.close, 20)"), "A0304", &[]);
    refuses(
        &signal("VIX.close up 15 over 3 sessions"),
        "A0305",
        &["`15 vol`", "`15%`"],
    );
    refuses(
        &signal("VIX.close up 15 pts over 3 sessions"),
        "A0301",
        &["cannot move"],
    );
    refuses(&signal("VIX.close up -15% over 3 sessions"), "A0308", &["`down`"]);
    accepts(&[
        "VIX.close up 15 vol over 3 sessions",
        "VIX.close down 15% over 3 sessions",
        "rsi(VIX.close, 14) up 10 over 3 bars",
        "VIX.last > lag(VIX.close, 1) + 2 vol",
        "VIX.last > VIX.close + change(VIX.close, 1)",
        "VIX.last - VIX.close > 10% of VIX.close",
        "change(VIX.close, 1) > stdev(VIX.close, 20)",
        "change(VIX.close, 1) > 2 * stdev(VIX.close, 20)",
        "(VIX.last + VIX.close) / 2 > 20 vol",
    ]);
}

#[test]
fn conditions_and_numbers_are_not_confused() {
    refuses(&signal("VIX.last"), "A0302", &["this is vol"]);
    refuses(&signal("VIX.last > 20 vol and 5"), "A0302", &[]);
    refuses(&signal("not VIX.last"), "A0302", &[]);
    refuses(&signal("VIX.last for 3 bars"), "A0302", &[]);
    refuses(&signal("(VIX.last > 20 vol) + 1 > 0"), "A0303", &[]);
    refuses(&signal("abs(VIX.last > 20 vol) > 0"), "A0303", &[]);
    refuses(&signal("\"text\" = 1"), "A0303", &[]);
}

#[test]
fn names_mean_something_only_in_their_place() {
    refuses(&signal("equity > $5"), "A0215", &["function of the market"]);
    refuses(&signal("vega(core) > $5"), "A0215", &[]);
    refuses(&signal("core.dte > 5"), "A0215", &[]);
    refuses(&signal("short.delta > 5 delta"), "A0215", &[]);
    refuses(
        &signal("highest(VIX.last, since entry) > 5 vol"),
        "A0215",
        &["since entry"],
    );
    refuses(&opens_when("profit > $5"), "A0215", &["`close` or `roll`"]);
    refuses(&opens_when("credit > $5"), "A0215", &["`require`"]);
    refuses(&opens_when("drawdown > $5"), "A0215", &["drawdown(book)"]);
    refuses(&opens_when("vega < $5"), "A0215", &["vega(core)"]);
    refuses(&opens_when("votes > 1"), "A0215", &["`vote` clause"]);
    refuses(&opens_when("expected_gain > 1%"), "A0215", &["overlay"]);
    refuses(&opens_when("cost(1..2 bps) > 1%"), "A0215", &["overlay"]);
    refuses(
        "policy p on core { close c when net credit > $5 }",
        "A0215",
        &["`require`"],
    );
    refuses(
        "policy p on core { open when VIX.last < 30 vol size 1 lot require profit > $5 }",
        "A0215",
        &["has none yet"],
    );
    refuses(
        "guard g { require short.delta < 5 delta else block open }",
        "A0215",
        &[],
    );
}

#[test]
fn instruments_fields_and_curves() {
    refuses(&signal("VIX > 20 vol"), "A0306", &["VIX.last", "VIX.close"]);
    refuses(&signal("VX.last > 20 vol"), "A0306", &["VX[1]"]);
    refuses(&signal("VX[1] > 20 vol"), "A0306", &["VX[1].last"]);
    refuses(&signal("VX[0].last > 20 vol"), "A0308", &["from 1"]);
    refuses(&signal("VX[13].last > 20 vol"), "A0308", &[]);
    refuses(&signal("VX[1.5].last > 20 vol"), "A0308", &[]);
    refuses(&signal("SPX[1].last > 20 pts"), "A0308", &[]);
    refuses(
        &signal("vix.last > 20 vol"),
        "A0217",
        &["did you mean `VIX`?", "case-sensitive"],
    );
    refuses(&signal("NDX.last > 20 pts"), "A0217", &["feed("]);
    refuses(
        &signal("VIX.closing > 20 vol"),
        "A0206",
        &["did you mean `close`?"],
    );
    refuses(&signal("SPX.last @ 5m > 20 pts"), "A0309", &[]);
    refuses(&signal("SPX.close @ 0m > 20 pts"), "A0309", &[]);
    refuses(&signal("SPX.close @ 391m > 20 pts"), "A0309", &[]);
    accepts(&[
        "SPX.close @ 390m > 20 pts",
        "SPX.close @ 1h > 0",
        "VX[2].price / VX[1].price - 1 < 0%",
        "SPX.volume > 5",
    ]);
}

#[test]
fn windows_are_said_in_what_the_series_has() {
    refuses(
        &signal("sma(SPX.close @ 5m, 20 sessions) > 0"),
        "A0307",
        &["bars"],
    );
    refuses(&signal("sma(SPX.close, 15m) > 0"), "A0307", &["sessions"]);
    refuses(&signal("sma(SPX.close @ 10m, 15m) > 0"), "A0307", &[]);
    refuses(&signal("sma(SPX.close, 20 days) > 0"), "A0307", &["trading days"]);
    refuses(&signal("VIX.last > 20 vol for 15m"), "A0307", &["ticks"]);
    refuses(
        "guard g { require equity > $5 for 3 sessions else block open }",
        "A0307",
        &["ticks"],
    );
    refuses(
        &signal("correlation(VIX.last, SPX.close, 20) > 0"),
        "A0307",
        &["20 sessions"],
    );
    refuses(&signal("sma(SPX.close, 0) > 0"), "A0308", &[]);
    refuses(&signal("sma(SPX.close, 10_001) > 0"), "A0308", &[]);
    refuses(&signal("stdev(SPX.close, 1) > 0"), "A0308", &["at least 2"]);
    refuses(
        "threshold n = 14 in 5..50 /// window\nsignal x = rsi(VIX.close, n) > 70\nguard g { require x else block open }",
        "A0308",
        &["warm-up"],
    );
    accepts(&[
        "sma(SPX.close, 10_000) > 0",
        "sma(SPX.close, 20 sessions) > 0",
        "sma(SPX.close, over 20 sessions) > 0",
        "sma(SPX.close, 20 bars) > 0",
        "sma(SPX.close @ 5m, 30m) > 0",
        "sma(SPX.last, 3 ticks) > 0",
        "correlation(VIX.last, SPX.close, 20 sessions) > 0",
        "VIX.last > 20 vol for 3 sessions",
        "atr(SPX @ 5m, 14) > 5 pts",
        "realized_vol(SPX, 20, estimator = parkinson) > 5 vol",
        "correlation(VIX, SPX, 20, returns = level) < 0",
    ]);
}

#[test]
fn functions_check_their_arguments() {
    for wrong in [
        "rsi(VIX.close) > 0",
        "rsi(VIX.close, 14, 3) > 0",
        "rsi(VIX.close, 14, k = 3) > 0",
        "macd(VIX.close, 26, 12, 9).line > 0",
        "atr(SPX.close, 14) > 0",
        "implied_vol(SPX, 30) > 0",
        "implied_vol(ES, 30 days) > 0",
        "constant_maturity(VIX, 30 days) > 0",
        "abs(1, 2) > 0",
    ] {
        refuses(&signal(wrong), "A0208", &["write `"]);
    }
    refuses(
        &signal("macd(VIX.close, 12, 26, 9).hist > 0"),
        "A0206",
        &["did you mean `histogram`?"],
    );
    refuses(&signal("rsi(VIX.close, 14).line > 0"), "A0206", &[]);
    refuses(&signal("quantile(VIX.close, 20, 1.5) > 0"), "A0308", &[]);
    refuses(
        &signal("realized_vol(SPX, 20, estimator = yz) > 0"),
        "A0508",
        &["yang_zhang"],
    );
    refuses(&signal("sma(5, 20) > 0"), "A0313", &["no history"]);
    refuses(&opens_when("vega(cor) > $5"), "A0201", &["did you mean `core`?"]);
    refuses(&opens_when("drawdown(core) > $5"), "A0208", &["drawdown(book)"]);
    refuses(&opens_when("equity(core) > $5"), "A0208", &[]);
    refuses(
        &opens_when("irr(core, under vol 5%) > 5%"),
        "A0208",
        &["scenario"],
    );
}

#[test]
fn habits_of_other_tools_are_answered() {
    for (wrong, hint) in [
        ("ema200 > 0", "`ema(SPX.close, 200)`"),
        ("RSI14 > 0", "`rsi(SPX.close, 14)`"),
        ("pnl > $5", "`profit`"),
        ("iv_rank > 50%", "percentile_rank"),
        ("hv > 20 vol", "realized_vol"),
    ] {
        refuses(&signal(wrong), "A0201", &[hint]);
    }
    refuses(&signal("stddev(VIX.close, 20) > 0"), "A0205", &["stdev"]);
}

#[test]
fn scripts_have_one_signature() {
    let declared = "script f(a: vol, b: number) -> bool from \"f.rhai\"\n";
    let g = sound(&format!(
        "{declared}guard g {{ require f(VIX.last, 0) else block open }}"
    ));
    assert_eq!(g.scripts.len(), 1);
    assert_eq!(g.scripts[0].file, "f.rhai");
    refuses(
        &format!("{declared}guard g {{ require f(SPX.last, 0) else block open }}"),
        "A0311",
        &["parameter `a`"],
    );
    refuses(
        &format!("{declared}guard g {{ require f(VIX.last) else block open }}"),
        "A0208",
        &["declared here"],
    );
    refuses(
        "signal a = script k(VIX.last) -> number\nsignal b = script k(SPX.last) -> number\nguard g { require a > b else block open }",
        "A0216",
        &["(vol) -> a plain number", "(points) -> a plain number"],
    );
    refuses(
        "script f(a: vol, a: vol) -> bool from \"f.rhai\"\nguard g { require f(VIX.last, VIX.last) else block open }",
        "A0202",
        &["parameter"],
    );
}

#[test]
fn functions_of_plugins_have_a_declared_signature() {
    let uses = "use plugin \"breadth\" as mcclellan(up: number, down: number, fast = 19, floor = -5 vol) \
        -> line: number, hot: bool\n\
        use plugin \"smooth\" as kama(x: vol) -> vol\n";
    let with = |condition: &str| format!("{uses}{}", opens_when(condition));
    let text = "mcclellan(SPX.volume, SPY.volume, fast = 9).line > 50 and kama(VIX.close) < 30 vol";
    let g = sound(&with(text));
    let ops: Vec<_> = g
        .nodes
        .iter()
        .filter(|n| matches!(n.op, Op::Plugin { .. }))
        .collect();
    assert_eq!(
        ops[0].op,
        Op::Plugin {
            function: PluginId(0),
            params: vec![9.0, -5.0],
            output: 0,
            chain: None,
        }
    );
    assert_eq!(
        (ops[0].inputs.len(), ops[0].clock, ops[0].domain),
        (2, Clock::Session, Domain::Market)
    );
    assert_eq!(ops[1].kind, ValueKind::Number(Unit::VOL));
    let def = &g.plugins[0];
    assert_eq!(
        (def.plugin.as_str(), def.function.as_str()),
        ("breadth", "mcclellan")
    );
    assert_eq!(def.numbers[0], ("fast".to_owned(), Unit::NONE, 19.0));
    assert_eq!(def.outputs[1], ("hot".to_owned(), ValueKind::Bool));
    // A condition of it, a call in a call, the numbers in any order; told apart by their numbers.
    let g = sound(&with(
        "mcclellan(1, 2, floor = 1 vol, fast = 3).hot and mcclellan(1, 2).hot and kama(kama(VIX.last)) > 5 vol",
    ));
    assert_eq!(
        g.nodes
            .iter()
            .filter(|n| matches!(n.op, Op::Plugin { .. }))
            .count(),
        4
    );
    // Nothing evaluates them yet, and the check says so once for each.
    assert_eq!(codes(&with_core(&with(text))), ["A0606", "A0606"]);
    for (wrong, code, words) in [
        ("mcclellan(1, 2) > 5", "A0314", &["several outputs", ".line"][..]),
        ("mcclellan(1, 2).lin > 5", "A0206", &["no output `lin`", "line"]),
        ("kama(VIX.close).x > 5 vol", "A0206", &["leave the field out"]),
        ("mcclellan(1).line > 5", "A0208", &["reads 2 series"]),
        (
            "mcclellan(1, 2, over 5 bars).line > 5",
            "A0208",
            &["reads 2 series"],
        ),
        (
            "mcclellan(1, 2, fats = 5).line > 5",
            "A0208",
            &["no number `fats`", "fast"],
        ),
        (
            "mcclellan(1, 2, fast = VIX.last / 1 vol).line > 5",
            "A0208",
            &["may change"],
        ),
        ("mcclellan(1, 2, fast = 5 vol).line > 5", "A0311", &["`fast`"]),
        ("kama(SPX.close) > 5 vol", "A0311", &["series `x`"]),
        ("kama(VIX.close) > 5", "A0301", &["vol"]),
        ("kama > 5 vol", "A0204", &["with its arguments"]),
    ] {
        refuses(&with(wrong), code, words);
    }
    for (wrong, code) in [
        ("use plugin \"p\" as rsi(x: vol) -> vol", "A0203"),
        ("use plugin \"p\" as f(x: vol, x = 5) -> vol", "A0202"),
        ("use plugin \"p\" as f(x: vols) -> vol", "A0209"),
        ("use plugin \"p\" as f(x: vol) -> line: vol, vol", "A0314"),
        ("use plugin \"p\" as f(x: vol, n = 5 sessions) -> vol", "A0312"),
    ] {
        refuses(wrong, code, &[]);
    }
}

#[test]
fn thresholds_keep_their_unit_and_range() {
    refuses(
        "threshold t = 98 in 50..95 /// x\nguard g { require t > 0 else block open }",
        "A0901",
        &["from 50 to 95"],
    );
    refuses(
        "threshold t = -2% in 0%..-20% /// x\nguard g { require t > 0 else block open }",
        "A0902",
        &["-20%..0%"],
    );
    refuses(
        "threshold t = 0.3 in 30%..40% /// x\nguard g { require t > 0 else block open }",
        "A0903",
        &[],
    );
    refuses(
        "threshold t = 5m in 1m..10m /// x\nguard g { require t > 0 else block open }",
        "A0312",
        &[],
    );
    let g =
        sound("threshold t = 0 in 0..40 delta /// x\nguard g { require delta(book) < t else block open }");
    assert_eq!(
        (g.thresholds[0].suffix, g.thresholds[0].max.to_bits()),
        ("delta", 0.4f64.to_bits())
    );
    refuses(
        "threshold t = 5 vol in 1 vol..9 vol /// x\npolicy p on core { close c when dte <= 5 portion t }",
        "A0311",
        &[],
    );
}

#[test]
fn sizes_say_of_what() {
    let size = |s: &str| format!("policy p on core {{ open when VIX.last < 30 vol size {s} }}");
    refuses(&size("15%"), "A0501", &["of equity by max_loss"]);
    refuses(&size("15% by max_loss"), "A0501", &["share of what"]);
    refuses(&size("$5_000"), "A0501", &["by max_loss"]);
    refuses(&size("2% of equity"), "A0501", &["by which measure"]);
    refuses(
        &size("2% of equity by maxloss"),
        "A0502",
        &["did you mean `max_loss`?"],
    );
    refuses(&size("5 vol by margin"), "A0311", &["dollars"]);
    refuses(&size("1.5 lots"), "A0308", &[]);
    refuses(&size("0 lots"), "A0308", &[]);
    refuses(&size("2% of equity by max_loss, at most 0 lots"), "A0308", &[]);
    refuses(&size("1 lot up to 0 positions"), "A0308", &[]);
    for fine in [
        "2% of equity by max_loss",
        "$5_000 by margin",
        "3 lots",
        "$200 by vega",
        "1% of capital by notional",
    ] {
        let c = with_core(&size(fine));
        assert!(c.graph.is_some(), "{fine}\n{}", shown(&c));
    }
}

#[test]
fn layers_and_overlays() {
    let layer = |clauses: &str| {
        format!(
            "hedge h on core {{ layer a {{ own call on VIX {{ expiry nearest 30 dte, strike at 30 delta }}\n{clauses} }} }}"
        )
    };
    refuses(&layer("size 10%"), "A0501", &["max_loss(core)"]);
    refuses(&layer("size 10% of positions(core)"), "A0501", &[]);
    refuses(&layer("size 2% of equity"), "A0501", &["by max_loss"]);
    refuses(
        &layer("size max_loss(core) + vega(core)"),
        "A0501",
        &["mixes measures"],
    );
    refuses(&layer("size $5_000 by maxloss"), "A0502", &["max_loss"]);
    refuses(
        &layer("size 10% of max_loss(core) rotate to a when VIX.last > 30 vol until VIX.last < 20 vol"),
        "A0215",
        &["into itself"],
    );
    refuses(
        &layer("size scale 0%..100% of target by votes vote VIX.last > 30 vol for 2 bars"),
        "A0507",
        &["target vega"],
    );
    refuses(
        "hedge h on core { map SPX by 60% layer a { own call on VIX { expiry nearest 30 dte, strike at 30 delta } size 1 lot } }",
        "A0508",
        &["map VIX"],
    );
    refuses(
        &layer("size 10% of max_loss(core) active when votes > 1"),
        "A0215",
        &["no votes"],
    );
    refuses(
        &layer("size 10% of max_loss(core) rotate to nowhere when VIX.last > 30 vol until VIX.last < 20 vol"),
        "A0201",
        &["declare it", "structure nowhere"],
    );
    refuses(
        &layer("size 10% of max_loss(core) size 5% of max_loss(core)"),
        "A0212",
        &["again here"],
    );
    refuses(
        &layer("active when VIX.last > 30 vol until VIX.last < 20 vol"),
        "A0507",
        &["`size`"],
    );
    refuses(
        &layer("size 10% of max_loss(core) vote VIX.last > 30 vol active when votes >= 1 of 2"),
        "A0506",
        &["1 vote"],
    );
    refuses(
        "hedge h on core { target vega = 35% of delta(core) layer a { own call on VIX { expiry nearest 30 dte, strike at 30 delta } size 1 lot } }",
        "A0311",
        &["dollars"],
    );
    refuses(
        "overlay o on core { active when VIX.last > 30 vol for 3 bars }",
        "A0507",
        &["trade ES"],
    );
    refuses(
        "overlay o on core { trade SPX to delta 0 ± 5 delta }",
        "A0411",
        &["`ES` or `SPY`"],
    );
    refuses(
        "overlay o on core { trade ES to gamma 0 ± 5 delta }",
        "A0508",
        &["`delta`"],
    );
    refuses(
        "overlay o on core { trade ES to delta 0 ± 5 }",
        "A0311",
        &["`5 delta`"],
    );
}

#[test]
fn three_broken_items_give_three_errors() {
    let c = with_core(
        "signal a = VIX.last < 35\nsignal b = nothing\nsignal c = rsi(VIX.close)\nsignal d = a and b\nguard g { require d and c > 0 else block open }",
    );
    assert_eq!(errors(&c), ["A0301", "A0201", "A0208"], "{}", shown(&c));
}

#[test]
fn rules_about_a_wrong_structure_are_checked_and_its_legs_are_not_blamed_twice() {
    let c = with_core(
        "structure bad = put spread on SPX { expiry nearest 45 dte, short put at 16 vol, long put 50 pts below short put }\n\
         policy p on bad {\n open when VIX.last < 20 vol size 2%\n close early when los > $0\n\
         close tested when short.delta > 30 delta\n roll out when dte <= 9 to 45 dte, tested side at 16 delta\n}",
    );
    // The strike, the size without a basis, the unknown name; nothing of `short.delta` and `tested side`.
    assert_eq!(errors(&c), ["A0409", "A0501", "A0201"], "{}", shown(&c));
}

#[test]
fn warnings_can_be_allowed_for_an_item_with_a_reason() {
    let flapping = "hedge h on core { layer a { own call on VIX { expiry nearest 30 dte, strike at 30 delta }\n\
                    size 10% of max_loss(core) active when VIX.last > 30 vol } }";
    assert_eq!(codes(&with_core(flapping)), ["A0601"]);
    let allowed = format!("#allow(A0601) because \"x\"\n{flapping}");
    assert_eq!(codes(&with_core(&allowed)), Vec::<String>::new());
    // Hysteresis, persistence, crossings and votes are steady.
    for steady in [
        "VIX.last > 30 vol until VIX.last < 25 vol",
        "VIX.last > 30 vol for 3 bars",
        "VIX.last crosses above 30 vol",
        "within 5 days before fomc",
    ] {
        let text = flapping.replace("VIX.last > 30 vol", steady);
        assert_eq!(codes(&with_core(&text)), Vec::<String>::new(), "{steady}");
    }
}

#[test]
fn what_is_unused_constant_or_shadowed_is_said() {
    assert_eq!(
        codes(&with_core("signal x = VIX.last > 5 vol")),
        ["A0602", "A0602"],
        "the signal, and `core`"
    );
    assert_eq!(codes(&with_core(&opens_when("1 < 2"))), ["A0604"]);
    assert_eq!(
        codes(&with_core(
            "threshold t = 1 in 0..2\npolicy p on core { open when t > 0 size 1 lot }"
        )),
        ["A0603"]
    );
    let twice = "policy p on core { close a when dte <= 5\n close b when dte <= 5 }";
    assert_eq!(codes(&with_core(twice)), ["A0605"]);
    let rolls = "policy p on core { roll a when dte <= 5 to 45 dte, recentred, require net credit >= $0, limit 0 pts\n roll b when dte <= 5 to 45 dte, recentred }";
    assert_eq!(
        codes(&with_core(rolls)),
        Vec::<String>::new(),
        "the first may fail its requirement"
    );
}

#[test]
fn what_a_roll_may_do_to_the_credit_is_said() {
    let policy = |close: &str, roll: &str| {
        let text = format!(
            "policy p on core {{ close c when {close}\n roll r when dte <= 5 to 45 dte, recentred{roll} }}"
        );
        codes(&with_core(&text))
    };
    let none = Vec::<String>::new();
    let bound = ", require net credit >= $0, limit 0 pts";
    assert_eq!(policy("loss >= $500", ""), none);
    assert_eq!(policy("loss >= $500", ", require net credit >= $0"), ["A0612"]);
    assert_eq!(
        policy("loss >= $500", ", require net credit >= $0, limit mid"),
        none
    );
    for measure in [
        "profit >= 50% of credit",
        "loss >= 2 * credit",
        "dte < 9 and -(50% of credit) > profit",
    ] {
        assert_eq!(policy(measure, ""), ["A0613"], "{measure}");
        assert_eq!(
            policy(measure, ", limit -1 pts"),
            ["A0613"],
            "may cost a point: {measure}"
        );
        assert_eq!(
            policy(measure, ", limit 0 pts"),
            none,
            "binds the fill: {measure}"
        );
        assert_eq!(policy(measure, bound), none, "{measure}");
    }
    assert_eq!(
        policy("credit < $100", ""),
        none,
        "the credit itself may be asked for"
    );
}

#[test]
fn a_rule_whose_order_comes_after_the_settlement_is_said() {
    let on = |settings: &str, structure: &str, when: &str| {
        let text = format!(
            "alula 1\nstrategy s {{ capital $250_000 {settings} }}\n\
             threshold exit = 0 in 0..45 /// days to expiry\n\
             structure put = put on {structure} at 30 delta }}\n\
             policy p on put {{ open when exit >= 0 and VIX.last > 0 vol size 1 lot close c when {when} }}\n"
        );
        codes(&compile("test.alula", text.as_bytes(), &NoImports))
    };
    let daily = "evaluate every 1 session in SPX.regular";
    let spx = "SPX { expiry nearest 30 dte,";
    let none = Vec::<String>::new();
    for late in [
        "dte <= 0",
        "dte = 0",
        "dte < 1",
        "0 >= dte",
        "dte in 0..0",
        "dte <= exit",
        "dte <= 0 and profit > $0",
        "dte < 1 or dte = 0",
        "dte <= 0 for 2 bars",
    ] {
        assert_eq!(on(daily, spx, late), ["A0614"], "{late}");
    }
    for fine in [
        "dte <= 1",
        "dte < 2",
        "dte >= 3",
        "dte <= 0 or profit > $500",
        "not dte <= 0",
        "dte <= exit + 1",
        "profit > $500",
    ] {
        assert_eq!(on(daily, spx, fine), none, "{fine}");
    }
    // Options that settle in the morning trade to the day before.
    for morning in [
        "SPX { expiry nearest 30 dte only am,",
        "VIX { expiry nearest 30 dte,",
    ] {
        assert_eq!(on(daily, morning, "dte <= 1"), ["A0614"], "{morning}");
        assert_eq!(on(daily, morning, "dte <= 2"), none, "{morning}");
    }
    assert_eq!(
        on(daily, "SPX { expiry nearest 30 dte only monthly,", "dte <= 1"),
        none
    );
    // Minutes leave snapshots for the order, and on the same bar it needs none.
    assert_eq!(on("evaluate every 5m in SPX.regular", spx, "dte <= 0"), none);
    assert_eq!(on(&format!("{daily} fill same bar"), spx, "dte <= 0"), ["A0626"]);
}

#[test]
fn a_comparison_of_delta_that_no_put_can_pass_is_said() {
    let close = |e: &str| codes(&with_core(&format!("policy p on core {{ close c when {e} }}")));
    for wrong in [
        "short.delta >= 30 delta",
        "short put.delta > 30 delta",
        "30 delta < short.delta",
    ] {
        assert_eq!(close(wrong), ["A0610"], "{wrong}");
    }
    for fine in [
        "abs(short.delta) >= 30 delta",
        "short call.delta >= 30 delta",
        "short put.delta <= -30 delta",
    ] {
        assert_eq!(close(fine), Vec::<String>::new(), "{fine}");
    }
}

#[test]
fn a_bare_window_that_counts_evaluations_is_said() {
    let code = |e: &str| codes(&with_core(&opens_when(e)));
    assert_eq!(code("rsi(VIX.last, 14) > 70"), ["A0611"]);
    for fine in [
        "rsi(VIX.last, 14 sessions) > 70",
        "rsi(VIX.last, 14 ticks) > 70",
        "rsi(VIX.close, 14) > 70",
    ] {
        assert_eq!(code(fine), Vec::<String>::new(), "{fine}");
    }
    let daily = super::common::HEAD.replace("5m", "1 session");
    let text = format!("{daily}guard g {{ require rsi(VIX.last, 14) > 70 else block open }}");
    let c = alula_dsl::compile::compile("t.alula", text.as_bytes(), &alula_dsl::source::NoImports);
    assert_eq!(codes(&c), Vec::<String>::new());
}

#[test]
fn shipped_rules_are_formatted_and_warn_only_of_flapping() {
    let shipped: [(&str, &[&str]); 2] = [("iron_condor.alula", &[]), ("spx_condor_alvh.alula", &["A0601"])];
    for (name, may) in shipped {
        let rules = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
        let text = std::fs::read_to_string(rules.join(name)).expect(name);
        let compiled = alula_dsl::compile::compile(name, text.as_bytes(), &alula_dsl::source::NoImports);
        let found = codes(&compiled);
        assert!(
            found.iter().all(|c| may.contains(&c.as_str())),
            "{}",
            shown(&compiled)
        );
        assert_eq!(alula_dsl::format::format(&text).expect(name), text);
    }
}

#[test]
fn a_share_compared_with_hundredths_is_told_how_it_is_written() {
    let text = "alula 1\n\nstrategy t {\n    capital $100_000\n    evaluate every 1 session in SPX.regular\n}\n\n\
                signal x = percentile_rank(VIX.close, 252) > 30\n\nguard g {\n    require x else block open\n}\n";
    let compiled = compile("test.alula", text.as_bytes(), &NoImports);
    let help = compiled.diagnostics.iter().find_map(|d| d.help.clone());
    assert_eq!(help.as_deref(), Some("a share of one is written `30%`"));
}

#[test]
fn conditions_that_cannot_change_are_proven_so_and_others_left_alone() {
    let on = |signal: &str| {
        let text = format!(
            "alula 1\n\nstrategy t {{\n    capital $100_000\n    evaluate every 1 session in SPX.regular\n}}\n\n\
             threshold lo = 20 vol in 15..25 vol /// low\nthreshold hi = 30 vol in 22..40 vol /// high\n\n\
             signal x = {signal}\n\nguard g {{\n    require x else block open\n}}\n"
        );
        let mut found = codes(&compile("test.alula", text.as_bytes(), &NoImports));
        // Not every condition speaks of both thresholds.
        found.retain(|c| c != "A0602");
        found
    };
    for never in [
        "rsi(VIX.close, 14) > 100",
        "rsi(VIX.close, 14) < 0",
        "VIX.close < 0 vol",
        "abs(correlation(VIX, SPX, 20)) > 1.0",
        "percentile_rank(VIX.close, 20) > 100%",
        "abs(change(VIX.close, 1)) < 0 vol",
        "VIX.close < 15 vol and VIX.close > 20 vol",
        "VIX.close < lo and VIX.close > 26 vol",
        "ema(rsi(VIX.close, 14), 5) > 100",
    ] {
        assert_eq!(on(never), ["A0615"], "{never}");
    }
    for always in [
        "rsi(VIX.close, 14) <= 100",
        "VIX.close >= 0 vol",
        "correlation(VIX, SPX, 20) >= -1.0",
    ] {
        assert_eq!(on(always), ["A0616"], "{always}");
    }
    for fine in [
        "rsi(VIX.close, 14) > 70",
        "rsi(VIX.close, 14) >= 100",
        "VIX.close - SPX.close / SPX.close * 1 vol < 0 vol",
        // The ranges of the two thresholds overlap: it depends on how they are set.
        "VIX.close < lo and VIX.close > hi",
        "VIX.close <= 20 vol and VIX.close >= 20 vol",
        "VIX.close / VIX3M.close > 1",
        "macd(VIX.close, 12, 26, 9).histogram < 0 vol",
    ] {
        assert_eq!(on(fine), Vec::<String>::new(), "{fine}");
    }
}

#[test]
fn a_rule_that_an_earlier_one_always_outruns_is_told() {
    let on = |first: &str, second: &str| {
        let text = format!(
            "alula 1\n\nstrategy t {{\n    capital $100_000\n    evaluate every 1 session in SPX.regular\n}}\n\n\
             structure core = iron condor on SPX {{\n    expiry nearest 45 dte in 38..52 dte\n    short put at 16 delta\n    \
             long put 50 pts below short put\n    short call at 16 delta\n    long call 50 pts above short call\n}}\n\n\
             policy p on core {{\n    open when VIX.close < 20 vol size 1 lot\n    close a when {first}\n    close b when {second}\n}}\n"
        );
        codes(&compile("test.alula", text.as_bytes(), &NoImports))
    };
    assert_eq!(on("dte <= 21", "dte <= 10"), ["A0605"]);
    assert_eq!(on("dte <= 21", "dte <= 10 and days_held > 3"), ["A0605"]);
    assert_eq!(
        on("profit >= 30% of credit", "profit >= 30% of credit and dte < 30"),
        ["A0605"]
    );
    assert_eq!(on("VIX.close < 25 vol", "loss > $500"), ["A0617"]);
    for (first, second) in [
        ("dte <= 10", "dte <= 21"),
        ("dte <= 21 and days_held > 3", "dte <= 10"),
        ("dte <= 21, portion 50%", "dte <= 10"),
        ("VIX.close > 25 vol", "VIX.close > 20 vol"),
    ] {
        assert_eq!(on(first, second), Vec::<String>::new(), "{first} / {second}");
    }
}
