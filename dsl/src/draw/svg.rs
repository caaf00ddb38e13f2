//! SVG for people: observables left, then signals, conditions, and what they lead to; thresholds as amber hexagons.
//!
//! Self-contained: no script, no network, fonts of the system. A light sheet of its own keeps it readable on dark pages.

use super::layout::{FRAME_FOOT, FRAME_HEAD, Layout, Size, columns as columns_of, layout};
use super::sketch::{Arrow, Kind, Shape, Sketch, sketch};
use super::{words, wrap};
use crate::graph::Graph;
use std::fmt::Write;

/// Width of a character of the text font, at most: common monospace fonts need 0.602 em at 12 pixels.
const CHAR: f64 = 7.3;
/// The same at 11 pixels.
const SMALL_CHAR: f64 = 6.7;
/// Height of a line of text.
const LINE: f64 = 16.0;
/// Space between a box's edge and its text.
const PAD: f64 = 10.0;
/// Height of a threshold's hexagon with the space below it.
const CHIP: f64 = 24.0;
/// Margin around everything.
const MARGIN: f64 = 24.0;

/// Most characters in a line of a box.
const fn columns(kind: Kind) -> usize {
    match kind {
        Kind::Market | Kind::Account | Kind::Position => 26,
        Kind::Signal | Kind::Condition => 36,
        Kind::Gate => 12,
        Kind::Action => 38,
        Kind::Structure => 40,
    }
}

/// Fill and border.
const fn colours(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Market => ("#e3f0fb", "#4a7fb5"),
        Kind::Account => ("#e2f3e6", "#4b9461"),
        Kind::Position => ("#eee8f8", "#7e64ae"),
        Kind::Signal => ("#d9f0f2", "#2f8189"),
        Kind::Condition => ("#ffffff", "#6b7280"),
        Kind::Gate => ("#eceff3", "#6b7280"),
        Kind::Action => ("#fdeae6", "#b8503a"),
        Kind::Structure => ("#f5f0e1", "#8a7440"),
    }
}

/// A box's text, laid out.
struct Content {
    title: Option<String>,
    ports: Vec<String>,
    lines: Vec<String>,
    chips: Vec<(String, String)>,
    size: Size,
}

/// Most boxes, and most columns, of a picture: beyond them nobody could read it.
pub const MAX_BOXES: usize = 600;
/// See [`MAX_BOXES`].
pub const MAX_COLUMNS: usize = 40;

/// The graph as an SVG document. One that is too large to read says so instead: see [`MAX_BOXES`].
#[must_use]
pub fn svg(g: &Graph) -> String {
    let mut out = String::new();
    let _ = write(g, &mut out);
    out
}

/// Text for XML: the five special characters escaped, what XML cannot hold left out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' => {}
            '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}

fn chars(text: &str) -> f64 {
    // Wide scripts take two columns; counting them so errs on the roomy side.
    text.chars()
        .map(|c| {
            if c.is_ascii() || ('\u{a0}'..'\u{2000}').contains(&c) {
                1.0
            } else {
                1.7
            }
        })
        .sum()
}

fn content(g: &Graph, shape: &Shape) -> Content {
    let width = columns(shape.kind);
    let lines: Vec<String> = shape.lines.iter().flat_map(|l| wrap(l, width)).collect();
    let ports: Vec<String> = shape.ports.clone();
    let chips: Vec<(String, String)> = shape
        .thresholds
        .iter()
        .filter_map(|i| g.thresholds.get(*i as usize))
        .map(|t| {
            let (value, range) = words::threshold_value(t);
            (format!("{} = {value}", t.name), range)
        })
        .collect();
    let texts = lines.iter().chain(&ports).map(|l| chars(l) * CHAR);
    let titles = shape.title.iter().map(|t| chars(t) * (CHAR + 0.8));
    let hexagons = chips.iter().map(|(a, b)| chips_width(a, b));
    let widest = texts.chain(titles).chain(hexagons).fold(40.0, f64::max);
    let title_height = if shape.title.is_some() { LINE + 4.0 } else { 0.0 };
    #[expect(clippy::cast_precision_loss, reason = "a box has far fewer lines than 2^53")]
    let rows = |n: usize| n as f64;
    let ports_at: Vec<f64> = (0..ports.len())
        .map(|i| PAD + title_height + rows(i) * (LINE + 2.0) + LINE / 2.0)
        .collect();
    let height = PAD * 1.6
        + title_height
        + rows(ports.len()) * (LINE + 2.0)
        + rows(lines.len()) * LINE
        + rows(chips.len()) * CHIP
        + if chips.is_empty() { 0.0 } else { 4.0 };
    let size = Size {
        width: widest + PAD * 2.0,
        height,
        ports: ports_at,
    };
    Content {
        title: shape.title.clone(),
        ports,
        lines,
        chips,
        size,
    }
}

fn chips_width(name: &str, range: &str) -> f64 {
    (chars(name) + chars(range) + 3.0) * SMALL_CHAR + 20.0
}

fn write(g: &Graph, out: &mut String) -> std::fmt::Result {
    let sketch = sketch(g);
    let depth = columns_of(&sketch).iter().max().map_or(0, |c| c + 1);
    if sketch.shapes.len() > MAX_BOXES || depth > MAX_COLUMNS {
        return too_large(sketch.shapes.len(), depth, out);
    }
    let mut contents: Vec<Content> = sketch.shapes.iter().map(|s| content(g, s)).collect();
    // Frames are as wide as their titles.
    for (shape, content) in sketch.shapes.iter().zip(&mut contents) {
        if let Some(title) = shape.group.and_then(|group| sketch.groups.get(group)) {
            let widest = wrap(title, 44)
                .iter()
                .map(|l| chars(l) * CHAR)
                .fold(0.0, f64::max);
            content.size.width = content.size.width.max(widest);
        }
    }
    let sizes: Vec<Size> = contents.iter().map(|c| c.size.clone()).collect();
    let doc = wrap(&words::first_paragraph(&g.settings.doc), 120);
    #[expect(clippy::cast_precision_loss, reason = "a few lines")]
    let head = MARGIN + 46.0 + doc.len() as f64 * LINE + 48.0;
    let placed = layout(&sketch, &sizes, head, MARGIN + FRAME_FOOT);
    let right = placed.columns.iter().map(|(x, w)| x + w).fold(560.0, f64::max) + MARGIN + FRAME_FOOT;
    let legend_y = placed.height + 28.0;
    let height = legend_y + 34.0 + MARGIN;
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {right:.0} {height:.0}\" width=\"{right:.0}\" height=\"{height:.0}\" \
         role=\"img\" font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"12\">"
    )?;
    let name = escape(&g.settings.name);
    writeln!(out, "<title>Execution graph of {name}</title>")?;
    writeln!(
        out,
        "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path d=\"M0 0.8 L8 4 L0 7.2 z\" fill=\"#7b8696\"/></marker></defs>"
    )?;
    writeln!(
        out,
        "<rect width=\"{right:.0}\" height=\"{height:.0}\" rx=\"10\" fill=\"#fcfcfa\" stroke=\"#d8d8d2\"/>"
    )?;
    heading(g, &doc, out)?;
    column_heads(&sketch, &placed, head, out)?;
    frames(&sketch, &sizes, &placed, out)?;
    for (arrow, points) in sketch.arrows.iter().zip(&placed.arrows) {
        draw_arrow(&sketch, *arrow, points, out)?;
    }
    for (i, (shape, content)) in sketch.shapes.iter().zip(&contents).enumerate() {
        let column = placed.column_of.get(i).and_then(|c| placed.columns.get(*c));
        let (Some(at), Some((_, width))) = (placed.boxes.get(i), column) else {
            continue;
        };
        draw_box(shape, content, *at, *width, out)?;
    }
    legend(legend_y, out)?;
    writeln!(out, "</svg>")
}

fn too_large(boxes: usize, depth: usize, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 80\" width=\"640\" height=\"80\" role=\"img\" \
         font-family=\"monospace\" font-size=\"13\"><rect width=\"640\" height=\"80\" rx=\"10\" fill=\"#fcfcfa\" stroke=\"#d8d8d2\"/>\
         <text x=\"24\" y=\"34\" fill=\"#1c2430\">{boxes} boxes in {depth} columns are too many for a picture.</text>\
         <text x=\"24\" y=\"56\" fill=\"#5b6676\">The text, DOT and Mermaid forms have all of them.</text></svg>"
    )
}

fn heading(g: &Graph, doc: &[String], out: &mut String) -> std::fmt::Result {
    let s = &g.settings;
    writeln!(
        out,
        "<text x=\"{MARGIN}\" y=\"{}\" font-size=\"20\" font-weight=\"700\" fill=\"#1c2430\">{}</text>",
        MARGIN + 18.0,
        escape(&s.name)
    )?;
    let mut y = MARGIN + 40.0;
    for line in doc.iter().filter(|l| !l.is_empty()) {
        writeln!(
            out,
            "<text x=\"{MARGIN}\" y=\"{y}\" fill=\"#3c4656\">{}</text>",
            escape(line)
        )?;
        y += LINE;
    }
    let every = words::length(s.every);
    let posture = if s.promoter {
        " · operator overlays allowed"
    } else {
        ""
    };
    let capital = words::grouped(s.capital_usd);
    writeln!(
        out,
        "<text x=\"{MARGIN}\" y=\"{y}\" fill=\"#5b6676\">capital ${capital} · every {every} in {}.{}{posture}</text>",
        s.instrument.name(),
        escape(&s.session)
    )
}

fn column_heads(sketch: &Sketch, placed: &Layout, head: f64, out: &mut String) -> std::fmt::Result {
    let mut seen: Vec<&str> = Vec::new();
    for (column, (x, _)) in placed.columns.iter().enumerate() {
        let kinds: Vec<Kind> = sketch
            .shapes
            .iter()
            .zip(&placed.column_of)
            .filter(|(_, c)| **c == column)
            .map(|(s, _)| s.kind)
            .collect();
        let has = |k: Kind| kinds.contains(&k);
        let word = if has(Kind::Action) {
            "what is done"
        } else if has(Kind::Structure) {
            "what is owned"
        } else if has(Kind::Condition) || has(Kind::Gate) {
            "conditions"
        } else if has(Kind::Signal) {
            "signals"
        } else {
            "observables"
        };
        if seen.contains(&word) {
            continue;
        }
        seen.push(word);
        writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"11\" letter-spacing=\"1.2\" fill=\"#7b8696\">{}</text>",
            head - 18.0,
            word.to_uppercase()
        )?;
    }
    Ok(())
}

/// A frame around the boxes of each policy, hedge, overlay and guard.
fn frames(sketch: &Sketch, sizes: &[Size], placed: &Layout, out: &mut String) -> std::fmt::Result {
    for (group, title) in sketch.groups.iter().enumerate() {
        let members: Vec<usize> = sketch
            .shapes
            .iter()
            .enumerate()
            .filter(|(_, s)| s.group == Some(group))
            .map(|(i, _)| i)
            .collect();
        let corners = members
            .iter()
            .filter_map(|i| placed.boxes.get(*i).zip(sizes.get(*i)));
        let (mut top, mut bottom, mut left) = (f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY);
        for ((x, y), size) in corners {
            top = top.min(*y);
            bottom = bottom.max(y + size.height);
            left = left.min(*x);
        }
        let column = members
            .first()
            .and_then(|i| placed.column_of.get(*i))
            .and_then(|c| placed.columns.get(*c));
        let (Some((_, width)), true) = (column, top.is_finite()) else {
            continue;
        };
        let (x, y) = (left - FRAME_FOOT, top - FRAME_HEAD);
        let (w, h) = (width + FRAME_FOOT * 2.0, bottom - top + FRAME_HEAD + FRAME_FOOT);
        writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"9\" fill=\"#f3f3ee\" stroke=\"#c9c9c0\"/>"
        )?;
        // The first line of a long title; the whole of it on hovering.
        let lines = wrap(title, 44);
        let more = if lines.len() > 1 { " …" } else { "" };
        writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-weight=\"700\" fill=\"#4a4a40\"><title>{}</title>{}{more}</text>",
            x + FRAME_FOOT,
            y + 20.0,
            escape(title),
            escape(lines.first().map_or("", String::as_str))
        )?;
    }
    Ok(())
}

/// A curve through the points: level inside columns, an S between them.
fn draw_arrow(sketch: &Sketch, arrow: Arrow, points: &[(f64, f64)], out: &mut String) -> std::fmt::Result {
    let Some((x, y)) = points.first() else {
        return Ok(());
    };
    let mut path = format!("M{x:.1} {y:.1}");
    for (i, pair) in points.windows(2).enumerate() {
        let [(x1, y1), (x2, y2)] = pair else { continue };
        if i % 2 == 1 {
            path += &format!(" L{x2:.1} {y2:.1}");
        } else {
            let middle = (x1 + x2) / 2.0;
            path += &format!(" C{middle:.1} {y1:.1} {middle:.1} {y2:.1} {x2:.1} {y2:.1}");
        }
    }
    let port = arrow.port.and_then(|p| sketch.shapes.get(arrow.to)?.ports.get(p));
    let dashed = if port.is_some_and(|p| p.starts_with("require")) {
        " stroke-dasharray=\"5 3\""
    } else {
        ""
    };
    writeln!(
        out,
        "<path d=\"{path}\" fill=\"none\" stroke=\"#98a2b1\" stroke-width=\"1.3\"{dashed} marker-end=\"url(#tip)\"/>"
    )
}

/// A box is as wide as its column: edges line up, and arrows begin where the box ends.
fn draw_box(
    shape: &Shape,
    content: &Content,
    (x, y): (f64, f64),
    width: f64,
    out: &mut String,
) -> std::fmt::Result {
    let (fill, border) = colours(shape.kind);
    let Size { height, ports, .. } = &content.size;
    let radius = match shape.kind {
        Kind::Market | Kind::Account | Kind::Position => (height / 2.0).min(16.0),
        _ => 5.0,
    };
    writeln!(
        out,
        "<g><title>{}</title>",
        escape(&format!("{}\n{}", shape.id, shape.lines.join("\n")))
    )?;
    writeln!(
        out,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{radius:.1}\" fill=\"{fill}\" stroke=\"{border}\"/>"
    )?;
    let left = x + PAD;
    let mut base = y + PAD * 0.8 + 12.0;
    if let Some(title) = &content.title {
        writeln!(
            out,
            "<text x=\"{left:.1}\" y=\"{base:.1}\" font-size=\"13\" font-weight=\"700\" fill=\"#1c2430\">{}</text>",
            escape(title)
        )?;
        base += LINE + 4.0;
    }
    for (port, at) in content.ports.iter().zip(ports) {
        writeln!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"3.2\" fill=\"{border}\"/>",
            y + at
        )?;
        let line = y + at + 4.0;
        writeln!(
            out,
            "<text x=\"{left:.1}\" y=\"{line:.1}\" font-style=\"italic\" fill=\"{border}\">{}</text>",
            escape(port)
        )?;
        base = line + LINE + 2.0;
    }
    for line in &content.lines {
        writeln!(
            out,
            "<text x=\"{left:.1}\" y=\"{base:.1}\" fill=\"#1c2430\">{}</text>",
            escape(line)
        )?;
        base += LINE;
    }
    let mut top = base - 12.0 + 4.0;
    for (name, range) in &content.chips {
        chip(left, top, name, range, out)?;
        top += CHIP;
    }
    writeln!(out, "</g>")
}

/// A threshold: an amber hexagon with its value, and its range in a lighter voice.
fn chip(x: f64, y: f64, name: &str, range: &str, out: &mut String) -> std::fmt::Result {
    let (w, h) = (chips_width(name, range), CHIP - 4.0);
    let (r, m) = (x + w, y + h / 2.0);
    writeln!(
        out,
        "<polygon points=\"{x:.1},{m:.1} {:.1},{y:.1} {:.1},{y:.1} {r:.1},{m:.1} {:.1},{:.1} {:.1},{:.1}\" fill=\"#fde9a9\" stroke=\"#b07d12\"/>",
        x + 8.0,
        r - 8.0,
        r - 8.0,
        y + h,
        x + 8.0,
        y + h
    )?;
    writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#4d3800\"><tspan font-weight=\"700\">{}</tspan><tspan dx=\"6\" fill=\"#7d6320\">[{}]</tspan></text>",
        x + 10.0,
        m + 4.0,
        escape(name),
        escape(range)
    )
}

fn legend(y: f64, out: &mut String) -> std::fmt::Result {
    let entries = [
        (Kind::Market, "market"),
        (Kind::Account, "account"),
        (Kind::Position, "position or package"),
        (Kind::Signal, "signal"),
        (Kind::Condition, "condition"),
        (Kind::Action, "action"),
        (Kind::Structure, "structure"),
    ];
    let mut x = MARGIN;
    let mut top = y;
    let limit = 540.0;
    for (kind, word) in entries {
        let (fill, border) = colours(kind);
        let width = 26.0 + chars(word) * SMALL_CHAR + 18.0;
        if x + width > limit + MARGIN && x > MARGIN {
            x = MARGIN;
            top += 20.0;
        }
        writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"18\" height=\"12\" rx=\"3\" fill=\"{fill}\" stroke=\"{border}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#5b6676\">{word}</text>",
            top - 10.0,
            x + 26.0,
            top
        )?;
        x += width;
    }
    let m = top - 4.0;
    writeln!(
        out,
        "<polygon points=\"{x:.1},{m:.1} {:.1},{:.1} {:.1},{:.1} {:.1},{m:.1} {:.1},{:.1} {:.1},{:.1}\" fill=\"#fde9a9\" stroke=\"#b07d12\"/>\
         <text x=\"{:.1}\" y=\"{top:.1}\" font-size=\"11\" fill=\"#5b6676\">threshold = default [range]</text>",
        x + 5.0,
        m - 6.0,
        x + 15.0,
        m - 6.0,
        x + 20.0,
        x + 15.0,
        m + 6.0,
        x + 5.0,
        m + 6.0,
        x + 26.0
    )
}
