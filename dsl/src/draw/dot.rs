//! Graphviz DOT.

use super::sketch::{Kind, sketch};
use super::{words, wrap};
use crate::graph::Graph;
use std::fmt::Write;

/// The graph in DOT: `dot -Tpdf`. Left to right, thresholds as hexagons, frames as clusters.
#[must_use]
pub fn dot(g: &Graph) -> String {
    let mut out = String::new();
    let _ = write(g, &mut out);
    out
}

/// A text as a quoted DOT string.
fn quoted(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    )
}

fn write(g: &Graph, out: &mut String) -> std::fmt::Result {
    let s = sketch(g);
    writeln!(out, "digraph {} {{", quoted(&g.settings.name))?;
    writeln!(
        out,
        "  rankdir=LR; node [fontname=\"monospace\" fontsize=11 style=filled]; edge [color=\"#6b7280\"];"
    )?;
    for (i, shape) in s.shapes.iter().enumerate().filter(|(_, x)| x.group.is_none()) {
        write_shape(out, "  ", i, shape)?;
    }
    for (group, title) in s.groups.iter().enumerate() {
        writeln!(
            out,
            "  subgraph cluster_{group} {{ label={}; color=\"#9ca3af\";",
            quoted(title)
        )?;
        for (i, shape) in s
            .shapes
            .iter()
            .enumerate()
            .filter(|(_, x)| x.group == Some(group))
        {
            write_shape(out, "    ", i, shape)?;
        }
        writeln!(out, "  }}")?;
    }
    for (i, t) in g.thresholds.iter().enumerate() {
        if s.shapes
            .iter()
            .any(|x| x.thresholds.iter().any(|n| *n as usize == i))
        {
            let (value, range) = words::threshold_value(t);
            let label = format!("{} = {value}\n{range}", t.name);
            writeln!(
                out,
                "  t{i} [shape=hexagon fillcolor=\"#fde68a\" label={}];",
                quoted(&label)
            )?;
        }
    }
    for (i, shape) in s.shapes.iter().enumerate() {
        for t in &shape.thresholds {
            writeln!(out, "  t{t} -> n{i} [style=dashed];")?;
        }
    }
    for a in &s.arrows {
        let port = a.port.and_then(|p| s.shapes.get(a.to)?.ports.get(p));
        let label = port
            .map(|p| format!(" [label={} fontsize=9]", quoted(p)))
            .unwrap_or_default();
        writeln!(out, "  n{} -> n{}{label};", a.from, a.to)?;
    }
    writeln!(out, "}}")
}

fn write_shape(out: &mut String, indent: &str, i: usize, shape: &super::sketch::Shape) -> std::fmt::Result {
    let (form, fill) = match shape.kind {
        Kind::Market => ("ellipse", "#dbeafe"),
        Kind::Account => ("ellipse", "#dcfce7"),
        Kind::Position => ("ellipse", "#ede9fe"),
        Kind::Signal => ("box", "#e0f2fe"),
        Kind::Condition => ("box", "#ffffff"),
        Kind::Gate => ("diamond", "#f3f4f6"),
        Kind::Action => ("box", "#fee2e2"),
        Kind::Structure => ("note", "#fef3c7"),
    };
    let lines = shape
        .title
        .iter()
        .cloned()
        .chain(shape.lines.iter().flat_map(|l| wrap(l, 40)));
    let label = lines.collect::<Vec<_>>().join("\n");
    writeln!(
        out,
        "{indent}n{i} [shape={form} fillcolor=\"{fill}\" label={}];",
        quoted(&label)
    )
}
