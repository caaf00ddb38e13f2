//! When each rule acted: one row for each rule.

use super::axis::{Frame, Size};
use super::svg::Svg;
use crate::model::{FiringKind, Report};
use crate::text;

const ROW: f64 = 30.0;

const fn shape(kind: FiringKind) -> (&'static str, &'static str) {
    match kind {
        FiringKind::Open => ("mark open", "M0 -6L5 4L-5 4Z"),
        FiringKind::Close => ("mark close", "M0 6L5 -4L-5 -4Z"),
        FiringKind::Roll => ("mark roll", "M0 -5L5 0L0 5L-5 0Z"),
        FiringKind::Guard => ("mark guard", "M-4 -4L4 -4L4 4L-4 4Z"),
    }
}

/// The timeline. Rules that never acted are named too: that they did not is a finding.
#[must_use]
pub fn firings(report: &Report, size: Size) -> String {
    let mut keys: Vec<&str> = report.rules.iter().map(|r| r.key.as_str()).collect();
    for firing in &report.firings {
        if !keys.contains(&firing.key.as_str()) {
            keys.push(&firing.key);
        }
    }
    let height = 34.0 + ROW * keys.len() as f64;
    let mut frame = Frame::new(size, height, 62.0, report, std::iter::empty(), true);
    frame.left = 10.0;
    let mut svg = Svg::default();
    frame.dates(&mut svg);
    for (i, key) in keys.iter().enumerate() {
        let y = frame.top + ROW * (i as f64 + 1.0) - 8.0;
        let here = report.firings.iter().filter(|f| f.key == *key);
        let times = here.clone().count();
        let scale = if times > 40 { 0.7 } else { 1.0 };
        svg.line("grid", frame.left, y, frame.right, y);
        let quiet = if times == 0 { "row quiet" } else { "row" };
        svg.text(
            quiet,
            frame.left,
            y - 9.0,
            "start",
            &format!("{key} · {}", text::count(times)),
        );
        for firing in here {
            let (class, path) = shape(firing.kind);
            svg.mark(
                class,
                frame.x(firing.at.0),
                y,
                path,
                &format!("{} {}\n{}", firing.at, firing.key, firing.action),
                scale,
            );
        }
    }
    let label = format!(
        "{} of {}",
        text::plural(report.firings.len(), "firing"),
        text::plural(keys.len(), "rule")
    );
    svg.finish(size.class(), size.width(), height, &label, "")
}
