//! For terminals: what the strategy is made of, then every node in the order of evaluation.

use super::words;
use crate::certificate;
use crate::graph::{Clock, Domain, Graph, NodeId, Op, ValueKind};
use std::fmt::Write;

/// The graph as text, ending in a line feed.
#[must_use]
pub fn text(g: &Graph) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(g, &mut out);
    out
}

fn write(g: &Graph, out: &mut String) -> std::fmt::Result {
    let s = &g.settings;
    writeln!(out, "strategy {}", s.name)?;
    for line in s.doc.lines() {
        writeln!(out, "  {line}")?;
    }
    let every = words::length(s.every);
    writeln!(
        out,
        "  capital ${}, every {every} in {}.{}",
        words::grouped(s.capital_usd),
        s.instrument.name(),
        s.session
    )?;
    if !g.thresholds.is_empty() {
        writeln!(out, "\nthresholds")?;
        let width = g
            .thresholds
            .iter()
            .map(|t| t.name.chars().count())
            .max()
            .unwrap_or(0);
        for t in &g.thresholds {
            let (value, range) = words::threshold_value(t);
            writeln!(
                out,
                "  {:width$}  {value}  [{range}]  {}",
                t.name,
                t.doc.lines().next().unwrap_or_default()
            )?;
        }
    }
    let certificate = certificate::certificate(g);
    for (at, def) in g.structures.iter().enumerate() {
        writeln!(
            out,
            "\nstructure {}: {} on {}",
            def.key,
            def.shape,
            def.underlying.name()
        )?;
        for line in words::structure_lines(g, def) {
            writeln!(out, "  {line}")?;
        }
        let owned = certificate.owned.iter().find(|o| o.structure.0 as usize == at);
        let opened = owned.and_then(|o| o.reached.first());
        if let Some(bounded) = opened.and_then(|r| r.bound.as_ref().ok()) {
            writeln!(out, "  loses {}", certificate::bound_text(&def.legs, bounded))?;
        } else if opened.is_some() {
            writeln!(out, "  loses without bound")?;
        }
    }
    for policy in &g.policies {
        writeln!(
            out,
            "\npolicy {} on {}",
            policy.key,
            words::structure_name(g, policy.structure)
        )?;
        for rule in &policy.rules {
            let (word, lines) = words::rule(g, rule);
            writeln!(out, "  {word} {}", rule.key)?;
            line(out, g, "when", Some(rule.when))?;
            line(out, g, "require", rule.require)?;
            for l in lines {
                writeln!(out, "    {l}")?;
            }
        }
    }
    for hedge in &g.hedges {
        writeln!(
            out,
            "\nhedge {} on {}",
            hedge.key,
            words::structure_name(g, hedge.structure)
        )?;
        for layer in &hedge.layers {
            writeln!(out, "  layer {}", layer.key)?;
            if let Some(id) = layer.own {
                writeln!(out, "    own {}", words::structure_name(g, id))?;
            }
            for l in words::layer_lines(g, layer) {
                writeln!(out, "    {l}")?;
            }
            for vote in &layer.votes {
                line(out, g, "vote", Some(*vote))?;
            }
            line(out, g, "active when", layer.active)?;
            for (word, id) in &layer.clauses {
                line(out, g, &words::layer_clause(g, layer, word), Some(*id))?;
            }
        }
    }
    for overlay in &g.overlays {
        let on = words::structure_name(g, overlay.structure);
        writeln!(
            out,
            "\noverlay {} on {on}: trade {} {}",
            overlay.key,
            overlay.instrument.name(),
            words::overlay_target(g, overlay).unwrap_or_default()
        )?;
        for (word, id) in &overlay.clauses {
            let word = if word == "active" { "active when" } else { word };
            line(out, g, word, Some(*id))?;
        }
    }
    for subaccount in &g.subaccounts {
        writeln!(
            out,
            "\nsubaccount {}: ${} set apart",
            subaccount.key,
            words::grouped(subaccount.capital_usd)
        )?;
        for doc in subaccount.doc.lines() {
            writeln!(out, "  {doc}")?;
        }
        writeln!(out, "  holds {}", subaccount.holds.join(", "))?;
    }
    if !g.guards.is_empty() {
        writeln!(out, "\nguards")?;
        for rule in &g.guards {
            writeln!(out, "  {}", rule.key)?;
            line(out, g, "require", Some(rule.require))?;
            writeln!(out, "    else {}", words::guard_action(g, &rule.action))?;
        }
    }
    nodes(out, g)
}

fn line(out: &mut String, g: &Graph, word: &str, id: Option<NodeId>) -> std::fmt::Result {
    match id {
        Some(id) => writeln!(out, "    {word} {}  #{}", words::text(g, id), id.0),
        None => Ok(()),
    }
}

/// Every node: number, rank, domain, clock, kind, key, text, inputs.
fn nodes(out: &mut String, g: &Graph) -> std::fmt::Result {
    writeln!(
        out,
        "\n{} nodes: number, rank, depends on, changes, yields, key: text <- inputs",
        g.nodes.len()
    )?;
    for (i, n) in g.nodes.iter().enumerate() {
        let domain = match n.domain {
            Domain::Market => "market",
            Domain::Book => "book",
            Domain::Position => "position",
            Domain::Candidate => "candidate",
        };
        let clock = match n.clock {
            Clock::Constant => "never".to_owned(),
            Clock::Session => "session".to_owned(),
            Clock::Minutes(m) => format!("{m}m"),
            Clock::Tick => "tick".to_owned(),
        };
        let kind = match n.kind {
            ValueKind::Bool => "condition".to_owned(),
            ValueKind::Number(unit) => unit.to_string(),
        };
        let inputs: Vec<String> = n.inputs.iter().map(|id| format!("#{}", id.0)).collect();
        let arrow = if inputs.is_empty() {
            String::new()
        } else {
            format!(" <- {}", inputs.join(" "))
        };
        let sampled = match n.op {
            Op::AsOf => " (newest value)",
            Op::SessionLast => " (last of each session)",
            _ => "",
        };
        writeln!(
            out,
            "  #{i:<3} r{:<2} {domain:9} {clock:7} {kind:14} {}: {}{sampled}{arrow}",
            n.rank, n.key, n.text
        )?;
    }
    Ok(())
}
