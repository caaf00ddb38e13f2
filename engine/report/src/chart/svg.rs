//! A string that SVG is written into.

use std::fmt::{Display, Write as _};

/// Escapes text for element content and attribute values.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A coordinate: one decimal, none when it is whole.
pub fn num(x: f64) -> String {
    let text = format!("{x:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// The drawing under way.
#[derive(Debug, Default)]
pub struct Svg {
    body: String,
}

impl Svg {
    fn push(&mut self, text: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.body, "{text}");
    }

    pub fn line(&mut self, class: &str, x1: f64, y1: f64, x2: f64, y2: f64) {
        let (x1, y1, x2, y2) = (num(x1), num(y1), num(x2), num(y2));
        self.push(format_args!(
            r#"<line class="{class}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#
        ));
    }

    pub fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        if points.is_empty() {
            return;
        }
        self.push(format_args!(
            r#"<polyline class="{class}" points="{}"/>"#,
            Self::points(points)
        ));
    }

    pub fn polygon(&mut self, class: &str, points: &[(f64, f64)]) {
        if points.is_empty() {
            return;
        }
        self.push(format_args!(
            r#"<polygon class="{class}" points="{}"/>"#,
            Self::points(points)
        ));
    }

    fn points(points: &[(f64, f64)]) -> String {
        let mut text = String::new();
        for (i, (x, y)) in points.iter().enumerate() {
            let gap = if i == 0 { "" } else { " " };
            let _ = write!(text, "{gap}{},{}", num(*x), num(*y));
        }
        text
    }

    /// A rectangle with a tooltip.
    pub fn rect(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64, title: &str) {
        let (x, y, w, h) = (num(x), num(y), num(width), num(height));
        let title = escape(title);
        self.push(format_args!(
            r#"<rect class="{class}" x="{x}" y="{y}" width="{w}" height="{h}"><title>{title}</title></rect>"#
        ));
    }

    /// Text at a place; `anchor` is `start`, `middle` or `end`.
    pub fn text(&mut self, class: &str, x: f64, y: f64, anchor: &str, text: &str) {
        let (x, y, text) = (num(x), num(y), escape(text));
        self.push(format_args!(
            r#"<text class="{class}" x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    /// A path around a centre, with a tooltip.
    pub fn mark(&mut self, class: &str, x: f64, y: f64, path: &str, title: &str, scale: f64) {
        let (x, y, title) = (num(x), num(y), escape(title));
        let scale = if scale < 1.0 {
            format!(" scale({scale})")
        } else {
            String::new()
        };
        self.push(format_args!(
            r#"<path class="{class}" transform="translate({x} {y}){scale}" d="{path}"><title>{title}</title></path>"#
        ));
    }

    /// What was drawn, for an element that the caller makes.
    pub fn into_body(self) -> String {
        self.body
    }

    /// The finished element. `label` says to a screen reader what is drawn; `data` are further attributes.
    pub fn finish(self, class: &str, width: f64, height: f64, label: &str, data: &str) -> String {
        let (w, h, label) = (num(width), num(height), escape(label));
        format!(
            r#"<svg class="chart {class}" viewBox="0 0 {w} {h}" role="img" aria-label="{label}"{data}>{}</svg>"#,
            self.body
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_names_cannot_leave_its_place() {
        let mut svg = Svg::default();
        svg.text("t", 1.0, -0.04, "start", "<b x='1'>&\"");
        assert_eq!(
            svg.finish("c", 10.0, 2.55, "a\"b", ""),
            "<svg class=\"chart c\" viewBox=\"0 0 10 2.5\" role=\"img\" aria-label=\"a&quot;b\">\
             <text class=\"t\" x=\"1\" y=\"0\" text-anchor=\"start\">&lt;b x=&#39;1&#39;&gt;&amp;&quot;</text></svg>"
        );
    }
}
