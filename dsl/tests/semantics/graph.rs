//! Lowering: invariants of every graph, one node per computation, clocks, keys, pruning, determinism.

use super::common::{CORE, HEAD, errors, graph, node, opens_when, sound, with_core};
use alula_dsl::compile::compile;
use alula_dsl::graph::{Clock, Domain, Graph, Op, RuleAction, SizeBasis, SizeDef, StructureId, ValueKind};
use alula_dsl::source::NoImports;

/// The worked example of the language, with its hurdle declared.
pub const WORKED: &str = include_str!("worked.alula");

/// What holds of every graph.
pub fn invariants(g: &Graph) {
    for (i, n) in g.nodes.iter().enumerate() {
        let inputs: Vec<_> = n
            .inputs
            .iter()
            .map(|id| g.node(*id).expect("inputs exist"))
            .collect();
        assert!(
            n.inputs.iter().all(|id| (id.0 as usize) < i),
            "inputs of `{}` precede it",
            n.key
        );
        let rank = inputs.iter().map(|m| m.rank + 1).max().unwrap_or(0);
        assert_eq!(n.rank, rank, "rank of `{}`", n.key);
        let domain = inputs.iter().map(|m| m.domain).max().unwrap_or(Domain::Market);
        assert!(n.domain >= domain, "domain of `{}`", n.key);
        if !matches!(n.op, Op::Position(_) | Op::Book { .. } | Op::SinceEntry(_)) && !inputs.is_empty() {
            assert_eq!(n.domain, domain, "domain of `{}` is its inputs'", n.key);
        }
        let clocks: Vec<Clock> = inputs
            .iter()
            .map(|m| m.clock)
            .filter(|c| *c != Clock::Constant)
            .collect();
        match n.op {
            Op::AsOf => assert_eq!(n.clock, Clock::Tick),
            Op::SessionLast => assert_eq!(n.clock, Clock::Session),
            _ => assert!(
                clocks.iter().all(|c| *c == n.clock),
                "clock of `{}` is its inputs'",
                n.key
            ),
        }
        assert!(!n.key.is_empty() && !n.text.is_empty());
    }
    let mut keys: Vec<&str> = g.nodes.iter().map(|n| n.key.as_str()).collect();
    keys.sort_unstable();
    let count = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), count, "keys are unique");
    for rule in g.policies.iter().flat_map(|p| &p.rules) {
        let when = g.node(rule.when).expect("conditions exist");
        assert_eq!(when.kind, ValueKind::Bool);
        assert!(
            matches!(when.clock, Clock::Tick | Clock::Constant),
            "`{}` is read at the tick",
            rule.key
        );
    }
    for structure in &g.structures {
        assert!(!structure.legs.is_empty(), "{}", structure.key);
    }
}

#[test]
fn the_worked_example_compiles_and_keeps_the_invariants() {
    let c = compile("worked.alula", WORKED.as_bytes(), &NoImports);
    assert_eq!(errors(&c), Vec::<String>::new());
    let g = graph(&c);
    invariants(g);
    assert_eq!(g.settings.capital_usd.to_bits(), 250_000f64.to_bits());
    let keys: Vec<&str> = g
        .policies
        .iter()
        .flat_map(|p| &p.rules)
        .map(|r| r.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "income.open",
            "income.take_profit",
            "income.stop",
            "income.tested",
            "income.forward"
        ]
    );
    let layers: Vec<&str> = g
        .hedges
        .iter()
        .flat_map(|h| &h.layers)
        .map(|l| l.key.as_str())
        .collect();
    assert_eq!(layers, ["alvh.base", "alvh.adaptive", "alvh.contingent"]);
    assert_eq!(
        g.guards.iter().map(|r| r.key.as_str()).collect::<Vec<_>>(),
        ["book.0", "book.1", "book.2"]
    );
    assert_eq!(g.overlays.len(), 1);
    assert_eq!(
        g.structures.iter().map(|s| s.key.as_str()).collect::<Vec<_>>(),
        [
            "core",
            "mid_term",
            "alvh.base",
            "alvh.adaptive",
            "alvh.contingent"
        ]
    );
    let base = &g.hedges[0].layers[0];
    let keys: Vec<&str> = base.rules.iter().map(|(k, _)| k.as_str()).collect();
    assert_eq!(
        keys,
        [
            "alvh.base",
            "alvh.base.roll",
            "alvh.base.rotate",
            "alvh.base.migrate"
        ]
    );
    let names = |id: Option<StructureId>| id.map(|i| g.structures[i.0 as usize].key.as_str());
    assert_eq!(
        (names(base.own), names(base.rotate)),
        (Some("alvh.base"), Some("mid_term"))
    );
    // A layer that says nothing is on while there is something to hedge; a size is measured by what it is a share of.
    let active = g.node(base.active.expect("lowered")).expect("a node");
    assert_eq!(active.text, "positions(core) > 0");
    assert!(matches!(
        base.size,
        Some(SizeDef::Budget {
            by: SizeBasis::MaxLoss,
            ..
        })
    ));
}

#[test]
fn the_worked_example_without_its_hurdle_gives_that_one_error() {
    let text: String = WORKED
        .lines()
        .filter(|l| !l.starts_with("threshold hurdle"))
        .map(|l| format!("{l}\n"))
        .collect();
    let c = compile("worked.alula", text.as_bytes(), &NoImports);
    assert_eq!(errors(&c), ["A0201"]);
    assert!(c.diagnostics.iter().any(|d| d.message.contains("`hurdle`")));
}

#[test]
fn the_same_file_gives_the_same_graph() {
    let one = compile("worked.alula", WORKED.as_bytes(), &NoImports);
    let two = compile("worked.alula", WORKED.as_bytes(), &NoImports);
    assert_eq!(one, two);
}

#[test]
fn equal_computations_are_one_node() {
    let g = sound(
        "signal a = rsi(VIX.close, 14)\nsignal b = rsi(VIX.close, 14) > 70\npolicy p on core { open when a > 60 and b size 1 lot }",
    );
    let count = g
        .nodes
        .iter()
        .filter(|n| matches!(n.op, Op::Indicator { .. }))
        .count();
    assert_eq!(count, 1);
    assert_eq!(node(&g, "a").1.text, "rsi(VIX.close, 14)");
}

#[test]
fn a_number_keeps_the_text_under_which_it_is_explained() {
    let g = sound("policy p on core { close a when loss >= 200% of credit\n close b when dte <= 2 }");
    assert_eq!(node(&g, "p.a.when.1.0").1.text, "200%");
    assert_eq!(node(&g, "p.b.when.1").1.text, "2");
}

#[test]
fn what_nothing_uses_is_pruned() {
    let g = sound(
        "series f = feed(\"X\")\nsignal unused = sma(f, 10) + 1\nscript k(a: number) -> number from \"k.rhai\"\nsignal other = k(f)\n\
         guard g { require drawdown(book) < $5 else block open }",
    );
    assert!(
        g.nodes
            .iter()
            .all(|n| !matches!(n.op, Op::Feed(_) | Op::Script(_) | Op::Indicator { .. }))
    );
    assert!(g.feeds.is_empty() && g.scripts.is_empty());
}

#[test]
fn slower_clocks_are_read_at_the_tick_and_ticks_sampled_by_session() {
    let g = sound(&opens_when("VIX.last > VIX.close"));
    let (_, compare) = node(&g, "p.open.when");
    assert_eq!(compare.clock, Clock::Tick);
    assert_eq!(g.node(compare.inputs[0]).unwrap().key, "VIX.last");
    assert_eq!(g.node(compare.inputs[1]).unwrap().key, "VIX.close.asof");

    let g = sound(&opens_when("rsi(VIX.last, 14 sessions) > 70"));
    assert_eq!(node(&g, "VIX.last.session").1.op, Op::SessionLast);
    assert_eq!(node(&g, "p.open.when.asof").1.op, Op::AsOf);

    let g = sound(&opens_when("sma(SPX.close @ 5m, 30m) > 0"));
    let indicator = g
        .nodes
        .iter()
        .find(|n| matches!(n.op, Op::Indicator { .. }))
        .unwrap();
    assert_eq!(indicator.clock, Clock::Minutes(5));
    assert_eq!(
        format!("{:?}", indicator.op),
        "Indicator { which: Sma, params: [Count(6)], output: 0 }"
    );
}

#[test]
fn constants_have_no_clock_to_bring_together() {
    let g = sound(
        "threshold hot = 70 in 50..95 /// x\npolicy p on core { open when rsi(VIX.close, 14) > hot size 1 lot }",
    );
    assert!(g.nodes.iter().filter(|n| n.op == Op::AsOf).count() == 1);
    assert_eq!(node(&g, "hot").1.clock, Clock::Constant);
}

#[test]
fn positions_candidates_and_the_book_are_different_domains() {
    let g = sound(
        "policy p on core { open when positions(core) < 3 size 1 lot require credit >= 10% of width\n close c when profit >= 50% of credit and vega(book) < $0 }",
    );
    assert_eq!(node(&g, "p.open.when").1.domain, Domain::Book);
    assert_eq!(node(&g, "p.open.require").1.domain, Domain::Candidate);
    assert_eq!(node(&g, "p.c.when").1.domain, Domain::Position);
    assert_eq!(node(&g, "position.credit").1.domain, Domain::Position);
    assert_eq!(node(&g, "candidate.credit").1.domain, Domain::Candidate);
}

#[test]
fn a_market_value_followed_since_entry_belongs_to_the_position() {
    let g = sound("policy p on core { close c when VIX.last > 1.2 * lowest(VIX.last, since entry) }");
    let (_, n) = g
        .nodes
        .iter()
        .enumerate()
        .find(|(_, n)| matches!(n.op, Op::SinceEntry(_)))
        .unwrap();
    assert_eq!(n.domain, Domain::Position);
}

#[test]
fn chains_of_and_are_one_node_in_textual_order() {
    let g = sound(&opens_when(
        "VIX.last < 30 vol and SPX.last > 2000 pts and (VVIX.last < 90 vol or VIX3M.last > 20 vol)",
    ));
    let (_, n) = node(&g, "p.open.when");
    assert_eq!(n.op, Op::And);
    assert_eq!(n.inputs.len(), 3);
    assert_eq!(g.node(n.inputs[2]).unwrap().op, Op::Or);
}

#[test]
fn defaults_are_those_documented() {
    let g = sound(
        "policy p on core { open when VIX.last < 30 vol size 1 lot\n close c when loss > $5 unknown act }",
    );
    assert_eq!(g.settings.fees, "ibkr");
    assert_eq!(g.settings.margin, "cboe");
    assert_eq!(g.settings.cross, alula_dsl::graph::Cross::Share(0.6));
    assert_eq!(g.settings.depth, alula_dsl::graph::Depth::Unlimited);
    assert!(!g.settings.flatten_on_call);
    assert!(!g.settings.fill_same_bar && !g.settings.promoter && !g.settings.settle_approximate);
    let rules = &g.policies[0].rules;
    assert_eq!(
        format!("{:?} {:?}", rules[0].unknown, rules[1].unknown),
        "Hold Act"
    );
    let guards = sound(
        "guard g { require VIX.last < 30 vol else halt open\nrequire VIX.last < 31 vol else halt open unknown act\n\
         require VIX.last < 32 vol else halt open unknown hold }",
    );
    let unknown: Vec<String> = guards.guards.iter().map(|g| format!("{:?}", g.unknown)).collect();
    assert_eq!(unknown, ["Block", "Act", "Hold"]);
    let RuleAction::Open { up_to, size, .. } = &rules[0].action else {
        panic!()
    };
    assert_eq!(g.node(*up_to).unwrap().op, Op::Number(1.0));
    assert!(matches!(size, SizeDef::Lots(_)));
}

#[test]
fn a_roll_keeps_the_width_of_the_structures_window() {
    use alula_dsl::graph::{ExpiryPick, RollDef};
    let g = sound("policy p on core { roll r when dte <= 21 to 60 dte, recentred }");
    let RuleAction::Roll {
        to:
            RollDef::Recentred(ExpiryPick::Nearest {
                dte,
                window: Some((lo, hi)),
                ..
            }),
    } = &g.policies[0].rules[0].action
    else {
        panic!()
    };
    let values: Vec<_> = [dte, lo, hi]
        .iter()
        .map(|id| g.node(**id).unwrap().op.clone())
        .collect();
    assert_eq!(values, [Op::Number(60.0), Op::Number(53.0), Op::Number(67.0)]);
}

#[test]
fn signals_may_be_declared_in_any_order_and_in_long_chains() {
    let mut text = format!("{HEAD}{CORE}");
    for i in 0..1_500 {
        text += &format!("signal s{i} = s{} + 1\n", i + 1);
    }
    text += "signal s1500 = rsi(VIX.close, 14)\nguard g { require s0 > 1 else block open }\n";
    let c = compile("chain.alula", text.as_bytes(), &NoImports);
    let g = graph(&c);
    invariants(g);
    assert_eq!(node(g, "s0").1.rank, 1_501);
    // Pictures walk the graph without deep recursion; one that nobody could read is not drawn.
    assert!(alula_dsl::draw::svg(g).contains("too many for a picture"));
    assert!(alula_dsl::draw::dot(g).contains("s1499") && alula_dsl::draw::mermaid(g).contains("s1499"));
}

#[test]
fn expressions_at_the_parsers_limits_fit_a_small_stack() {
    // The tallest tree that is parsed, checked on a stack of 512 KiB in a debug build.
    use alula_dsl::syntax::limits::{OPERANDS, TREE_HEIGHT};
    let chain = vec!["VIX.last"; (TREE_HEIGHT - 20).min(OPERANDS)].join("\n+ ");
    let tall = format!("{}{chain}{}", "abs(".repeat(16), ")".repeat(16));
    let text = format!("{HEAD}{CORE}signal a = {tall}\nguard g {{ require a > 0 else block open }}\n");
    let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(move || {
        let c = compile("deep.alula", text.as_bytes(), &NoImports);
        assert!(c.graph.is_some(), "{}", super::common::shown(&c));
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn a_broken_item_is_not_reported_again_where_it_is_used() {
    let c = with_core("signal a = = 1\nsignal b = a + 1\npolicy p on core { open when b > 1 size 1 lot }");
    assert_eq!(errors(&c).len(), 1, "{}", super::common::shown(&c));
}

#[test]
fn realized_vol_of_intraday_bars_is_annualised_by_their_number() {
    let scales = |text: &str| -> Vec<f64> {
        let compiled = with_core(&opens_when(&format!("realized_vol({text}, 20) > 5 vol")));
        let numbers = graph(&compiled).nodes.iter().filter_map(|n| match n.op {
            Op::Number(x) if n.text.contains("bars per session") => Some(x),
            _ => None,
        });
        numbers.collect()
    };
    assert!(scales("SPX").is_empty(), "daily bars need no scale");
    // 390 minutes of a regular session are 78 bars of five.
    assert_eq!(scales("SPX @ 5m"), [78_f64.sqrt()]);
}
