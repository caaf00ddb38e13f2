//! Pictures of a graph: text for terminals, DOT and Mermaid for other tools, SVG for people.

mod dot;
mod layout;
mod mermaid;
mod sketch;
mod svg;
mod text;
pub(crate) mod words;

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::{MAX_BOXES, MAX_COLUMNS, svg};
pub use text::text;

/// Breaks a text at spaces so that no line is longer than `width` characters, unless one word is.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let fits = line.chars().count() + 1 + word.chars().count() <= width;
        if !line.is_empty() && !fits {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::layout::{Size, layout};
    use super::sketch::sketch;
    use crate::compile::compile;
    use crate::graph::Graph;
    use crate::source::NoImports;

    fn worked() -> Graph {
        let text = include_bytes!("../../tests/semantics/worked.alula");
        compile("worked.alula", text, &NoImports)
            .graph
            .expect("the worked example compiles")
    }

    #[test]
    fn boxes_of_a_column_never_overlap_and_arrows_run_to_the_right() {
        let sketch = sketch(&worked());
        let sizes: Vec<Size> = sketch
            .shapes
            .iter()
            .map(|s| Size {
                width: 200.0,
                height: 30.0 + 16.0 * s.lines.len() as f64,
                ports: s.ports.iter().map(|_| 20.0).collect(),
            })
            .collect();
        let placed = layout(&sketch, &sizes, 0.0, 0.0);
        let spans: Vec<(usize, f64, f64)> = (0..sketch.shapes.len())
            .map(|i| {
                (
                    placed.column_of[i],
                    placed.boxes[i].1,
                    placed.boxes[i].1 + sizes[i].height,
                )
            })
            .collect();
        for (i, a) in spans.iter().enumerate() {
            assert!(a.1 >= 0.0 && a.2 <= placed.height);
            for b in &spans[i + 1..] {
                assert!(a.0 != b.0 || a.2 <= b.1 || b.2 <= a.1, "{a:?} overlaps {b:?}");
            }
        }
        for (arrow, points) in sketch.arrows.iter().zip(&placed.arrows) {
            assert!(placed.column_of[arrow.from] < placed.column_of[arrow.to]);
            assert!(points.windows(2).all(|p| p[0].0 <= p[1].0), "{points:?}");
        }
    }

    #[test]
    fn every_rule_layer_guard_and_overlay_is_drawn_in_every_format() {
        let g = worked();
        let (svg, dot, mermaid, text) = (
            super::svg(&g),
            super::dot(&g),
            super::mermaid(&g),
            super::text(&g),
        );
        let words = [
            "take_profit",
            "forward",
            "contingent",
            "flatten core",
            "trade ES",
            "alvh.adaptive",
            "hedge_share = 35%",
        ];
        for word in words {
            for (format, picture) in [("svg", &svg), ("dot", &dot), ("mermaid", &mermaid)] {
                assert!(picture.contains(word), "{word} is missing in {format}");
            }
        }
        for t in &g.thresholds {
            assert!(
                svg.contains(&format!("{} = ", t.name)) && text.contains(&t.name),
                "{}",
                t.name
            );
        }
        assert!(text.contains("income.take_profit") && text.contains("nodes: number"));
    }

    #[test]
    fn the_text_tells_layers_and_overlays_as_written() {
        let text = super::text(&worked());
        for words in [
            "rotate to mid_term when",
            "migrate 50% to month 2 when",
            "overlay scalp on core: trade ES to delta 0 ± 5 delta",
            "active when rv_iv",
        ] {
            assert!(text.contains(words), "{words} is missing in\n{text}");
        }
        assert!(!text.contains("not evaluated"), "{text}");
    }

    #[test]
    fn a_subaccount_stands_beside_what_it_pays_for() {
        let text = "alula 1\nstrategy s { capital $100_000 evaluate every 1 session in SPX.regular }\n\
                    #allow(no-loss-bound) because \"a long future\"\nstructure front = future on VX { long month 2 }\n\
                    policy rolls on front { open when VIX.last > 20 vol size 1 lot  close calm when VIX.last < 15 vol }\n\
                    subaccount second { capital $40_000 holds rolls }";
        let found = compile("t.alula", text.as_bytes(), &NoImports);
        let g = found.graph.unwrap_or_else(|| panic!("{:#?}", found.diagnostics));
        for picture in [super::svg(&g), super::dot(&g), super::mermaid(&g)] {
            for words in ["subaccount second", "$40_000 set apart", "paid by"] {
                assert!(picture.contains(words), "{words} is missing in\n{picture}");
            }
        }
        let told = super::text(&g);
        assert!(
            told.contains("subaccount second: $40_000 set apart\n  holds rolls"),
            "{told}"
        );
        // What closes is not paid for.
        let sketch = sketch(&g);
        let paid = sketch
            .shapes
            .iter()
            .filter(|s| s.ports.iter().any(|p| p == "paid by"));
        assert_eq!(paid.map(|s| s.id.as_str()).collect::<Vec<_>>(), ["rolls.open"]);
    }

    #[test]
    fn texts_are_escaped_for_each_format() {
        let text = "alula 1\n/// a <b> & \"c\"\nstrategy s { capital $1 evaluate every 5m in SPX.regular }\n\
                    guard g { require VIX.last < 5 vol else alert \"x <y> & z\" }";
        let g = compile("t.alula", text.as_bytes(), &NoImports).graph.unwrap();
        let svg = super::svg(&g);
        assert!(svg.contains("a &lt;b&gt; &amp; &quot;c&quot;") && !svg.contains("<b>"));
        assert!(svg.contains("x &lt;y&gt; &amp; z"));
        assert!(super::dot(&g).contains("else alert \\\"x <y> & z\\\""));
        assert!(super::mermaid(&g).contains("#quot;x #lt;y#gt; #amp; z#quot;"));
    }

    #[test]
    fn a_strategy_without_rules_still_gives_a_picture() {
        let text = "alula 1\nstrategy s { capital $1 evaluate every 5m in SPX.regular }";
        let g = compile("t.alula", text.as_bytes(), &NoImports).graph.unwrap();
        assert!(super::svg(&g).ends_with("</svg>\n"));
        assert!(super::dot(&g).ends_with("}\n") && super::mermaid(&g).starts_with("flowchart LR"));
    }
}
