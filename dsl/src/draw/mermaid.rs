//! Mermaid flowcharts, as shown by GitHub and many editors.

use super::sketch::{Kind, Shape, sketch};
use super::{words, wrap};
use crate::graph::Graph;
use std::fmt::Write;

/// The graph as a Mermaid flowchart, left to right; thresholds are hexagons.
#[must_use]
pub fn mermaid(g: &Graph) -> String {
    let mut out = String::new();
    let _ = write(g, &mut out);
    out
}

/// A text inside a quoted label: Mermaid reads entities, and `#` begins one.
fn label(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '`' => out.push_str("#96;"),
            '\n' => out.push_str("<br>"),
            c => out.push(c),
        }
    }
    out
}

fn write(g: &Graph, out: &mut String) -> std::fmt::Result {
    let s = sketch(g);
    writeln!(out, "flowchart LR")?;
    for (i, shape) in s.shapes.iter().enumerate().filter(|(_, x)| x.group.is_none()) {
        write_shape(out, "  ", i, shape)?;
    }
    for (group, title) in s.groups.iter().enumerate() {
        writeln!(out, "  subgraph g{group}[\"{}\"]", label(title))?;
        for (i, shape) in s
            .shapes
            .iter()
            .enumerate()
            .filter(|(_, x)| x.group == Some(group))
        {
            write_shape(out, "    ", i, shape)?;
        }
        writeln!(out, "  end")?;
    }
    let mut drawn = Vec::new();
    for (i, t) in g.thresholds.iter().enumerate() {
        if s.shapes
            .iter()
            .any(|x| x.thresholds.iter().any(|n| *n as usize == i))
        {
            let (value, range) = words::threshold_value(t);
            let text = format!("{} = {value}\n{range}", t.name);
            writeln!(out, "  t{i}{{{{\"{}\"}}}}", label(&text))?;
            drawn.push(format!("t{i}"));
        }
    }
    for (i, shape) in s.shapes.iter().enumerate() {
        for t in &shape.thresholds {
            writeln!(out, "  t{t} -.-> n{i}")?;
        }
    }
    for a in &s.arrows {
        match a.port.and_then(|p| s.shapes.get(a.to)?.ports.get(p)) {
            Some(port) => writeln!(out, "  n{} -->|\"{}\"| n{}", a.from, label(port), a.to)?,
            None => writeln!(out, "  n{} --> n{}", a.from, a.to)?,
        }
    }
    let classes = [
        (Kind::Market, "market", "#dbeafe"),
        (Kind::Account, "account", "#dcfce7"),
        (Kind::Position, "position", "#ede9fe"),
        (Kind::Signal, "signal", "#e0f2fe"),
        (Kind::Condition, "condition", "#ffffff"),
        (Kind::Gate, "gate", "#f3f4f6"),
        (Kind::Action, "action", "#fee2e2"),
        (Kind::Structure, "structure", "#fef3c7"),
    ];
    for (kind, name, fill) in classes {
        let members: Vec<String> = s
            .shapes
            .iter()
            .enumerate()
            .filter(|(_, x)| x.kind == kind)
            .map(|(i, _)| format!("n{i}"))
            .collect();
        if !members.is_empty() {
            writeln!(out, "  classDef {name} fill:{fill},stroke:#6b7280,color:#111827")?;
            writeln!(out, "  class {} {name}", members.join(","))?;
        }
    }
    if !drawn.is_empty() {
        writeln!(
            out,
            "  classDef threshold fill:#fde68a,stroke:#b45309,color:#111827"
        )?;
        writeln!(out, "  class {} threshold", drawn.join(","))?;
    }
    Ok(())
}

fn write_shape(out: &mut String, indent: &str, i: usize, shape: &Shape) -> std::fmt::Result {
    let lines = shape
        .title
        .iter()
        .cloned()
        .chain(shape.lines.iter().flat_map(|l| wrap(l, 40)));
    let text = label(&lines.collect::<Vec<_>>().join("\n"));
    match shape.kind {
        Kind::Market | Kind::Account | Kind::Position => writeln!(out, "{indent}n{i}([\"{text}\"])"),
        Kind::Gate => writeln!(out, "{indent}n{i}{{\"{text}\"}}"),
        Kind::Structure => writeln!(out, "{indent}n{i}[/\"{text}\"/]"),
        Kind::Signal | Kind::Condition | Kind::Action => writeln!(out, "{indent}n{i}[\"{text}\"]"),
    }
}
