//! Smiles of one or many expiries: what is quoted, and the curve through it. A picture that stands alone.

use super::axis::nice_step;
use super::svg::{Svg, escape, num};
use std::fmt::Write as _;

/// One expiry to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct SmileChart {
    /// What it is: `SPXW 2019-05-31, 36 days`.
    pub title: String,
    /// How well the curve stands by the quotes, in words.
    pub subtitle: String,
    /// Forward, points.
    pub forward: f64,
    /// Strike, and vol of bid, mid and ask, fractions; ascending.
    pub quotes: Vec<(f64, f64, f64, f64)>,
    /// Strike and vol of the curve, ascending.
    pub curve: Vec<(f64, f64)>,
}

/// Most expiries of one picture: beyond them nobody could read it.
pub const MAX_SMILES: usize = 60;

const STYLE: &str = "\
.smiles{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;font-size:12px}\
.sheet{fill:#fff}.title{font-weight:600;fill:#1f2933}.sub,.label{fill:#667085;font-size:11px}\
.grid{stroke:#e4e7ec;stroke-width:1}.forward{stroke:#98a2b3;stroke-width:1;stroke-dasharray:3 3}\
.spread{stroke:#9db8d9;stroke-width:1.6}.out{stroke:#d9826b;stroke-width:1.6}.mid{fill:#3f6ea8}\
.curve{fill:none;stroke:#c2410c;stroke-width:1.6;stroke-linejoin:round}\
.head{font-size:15px;font-weight:600;fill:#1f2933}.mark{font-weight:600;fill:#b54708}";

/// Draws them under a heading; `mark` (such as `simulated market`) stands beside it.
#[must_use]
pub fn smiles(heading: &str, mark: Option<&str>, charts: &[SmileChart]) -> String {
    let charts = charts.get(..charts.len().min(MAX_SMILES)).unwrap_or(charts);
    let one = charts.len() == 1;
    let columns: usize = if one { 1 } else { 3.min(charts.len().max(1)) };
    let (width, height) = if one { (960.0, 460.0) } else { (340.0, 230.0) };
    let as_f64 = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let rows = charts.len().div_ceil(columns);
    let (gap, head) = (18.0, 44.0);
    let total_width = as_f64(columns) * (width + gap) + gap;
    let total_height = head + as_f64(rows) * (height + gap) + 26.0;
    let mut body = String::new();
    for (i, chart) in charts.iter().enumerate() {
        let (column, row) = (as_f64(i % columns), as_f64(i / columns));
        let (x, y) = (gap + column * (width + gap), head + row * (height + gap));
        let _ = write!(
            body,
            r#"<g transform="translate({} {})">{}</g>"#,
            num(x),
            num(y),
            drawn(chart, width, height, one)
        );
    }
    let (w, h) = (num(total_width), num(total_height));
    let mark = mark.map_or_else(String::new, |m| {
        format!(
            r#"<text class="mark" x="{}" y="28" text-anchor="end">{}</text>"#,
            num(total_width - gap),
            escape(m)
        )
    });
    let legend = "bars: bid to ask, red where the curve passes outside; dots: mid; line: fitted curve; dashes: forward; vol in points";
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="smiles" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" aria-label="{label}"><style>{STYLE}</style><rect class="sheet" width="{w}" height="{h}"/><text class="head" x="{gap}" y="28">{label}</text>{mark}{body}<text class="sub" x="{gap}" y="{foot}">{legend}</text></svg>
"#,
        label = escape(heading),
        gap = num(gap),
        foot = num(total_height - 12.0),
    )
}

/// Straight line between the points of the curve.
fn curve_at(curve: &[(f64, f64)], strike: f64) -> Option<f64> {
    let after = curve.partition_point(|p| p.0 < strike);
    let high = curve.get(after)?;
    let low = after.checked_sub(1).and_then(|i| curve.get(i)).unwrap_or(high);
    let span = high.0 - low.0;
    Some(if span > 0.0 {
        low.1 + (high.1 - low.1) * (strike - low.0) / span
    } else {
        high.1
    })
}

fn drawn(chart: &SmileChart, width: f64, height: f64, large: bool) -> String {
    let mut svg = Svg::default();
    let (left, right, top, bottom) = (38.0, width - 6.0, 36.0, height - 20.0);
    svg.text("title", 0.0, 12.0, "start", &chart.title);
    svg.text("sub", 0.0, 27.0, "start", &chart.subtitle);
    let strikes = chart.quotes.iter().map(|q| q.0).chain([chart.forward]);
    let (low_k, high_k) = strikes.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), k| {
        (a.min(k), b.max(k))
    });
    // A wing quoted very wide would flatten the rest: asks are cut at a third above the dearest mid.
    let most = chart.quotes.iter().map(|q| q.2).fold(0.0, f64::max) * 1.34;
    let vols = chart.quotes.iter().flat_map(|q| [q.1, q.3.min(most)]);
    let (low, high) = vols.fold((f64::INFINITY, 0.0), |(a, b): (f64, f64), v| (a.min(v), b.max(v)));
    if !(low.is_finite() && high_k > low_k) {
        svg.text("sub", left, 0.5 * (top + bottom), "start", "no quotes");
        return svg.into_body();
    }
    let step = nice_step((high - low).max(0.01) * 100.0, if large { 8.0 } else { 5.0 }) / 100.0;
    let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
    let x = |k: f64| left + (k - low_k) / (high_k - low_k) * (right - left);
    let y = |v: f64| bottom - (v - low) / (high - low) * (bottom - top);
    let mut tick = low;
    while tick <= high + 0.5 * step {
        svg.line("grid", left, y(tick), right, y(tick));
        let digits = usize::from(step < 0.01);
        svg.text(
            "label",
            left - 5.0,
            y(tick) + 4.0,
            "end",
            &format!("{:.digits$}", 100.0 * tick),
        );
        tick += step;
    }
    let step = nice_step(high_k - low_k, if large { 10.0 } else { 4.0 });
    let mut tick = (low_k / step).ceil() * step;
    while tick <= high_k {
        svg.line("grid", x(tick), top, x(tick), bottom);
        let digits = usize::from(step < 1.0);
        svg.text(
            "label",
            x(tick),
            bottom + 14.0,
            "middle",
            &format!("{tick:.digits$}"),
        );
        tick += step;
    }
    svg.line("forward", x(chart.forward), top, x(chart.forward), bottom);
    for (strike, bid, _, ask) in &chart.quotes {
        let inside = curve_at(&chart.curve, *strike).is_none_or(|v| *bid <= v && v <= *ask);
        let class = if inside { "spread" } else { "out" };
        let px = x(*strike);
        svg.line(class, px, y(bid.clamp(low, high)), px, y(ask.clamp(low, high)));
    }
    for (strike, _, mid, _) in &chart.quotes {
        let size = if large { 1.0 } else { 0.6 };
        svg.mark(
            "mid",
            x(*strike),
            y(*mid),
            "M-2 0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0",
            &format!("{strike}: {:.2}", 100.0 * mid),
            size,
        );
    }
    let line: Vec<(f64, f64)> = chart
        .curve
        .iter()
        .filter(|(k, v)| (low_k..=high_k).contains(k) && (low..=high).contains(v))
        .map(|(k, v)| (x(*k), y(*v)))
        .collect();
    svg.polyline("curve", &line);
    svg.into_body()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_that_the_curve_misses_is_marked() {
        let chart = SmileChart {
            title: "SPX <1>".to_owned(),
            subtitle: "a & b".to_owned(),
            forward: 100.0,
            quotes: vec![
                (90.0, 0.19, 0.2, 0.21),
                (100.0, 0.15, 0.16, 0.17),
                (110.0, 0.14, 0.15, 0.16),
            ],
            curve: vec![(90.0, 0.2), (100.0, 0.18), (110.0, 0.15)],
        };
        let svg = smiles("h", Some("simulated market"), std::slice::from_ref(&chart));
        assert_eq!(svg.matches("class=\"out\"").count(), 1);
        assert_eq!(svg.matches("class=\"spread\"").count(), 2);
        assert!(svg.contains("SPX &lt;1&gt;") && svg.contains("simulated market") && !svg.contains("NaN"));
        let empty = SmileChart {
            quotes: vec![],
            curve: vec![],
            ..chart
        };
        assert!(smiles("h", None, &[empty]).contains("no quotes"));
        assert!(smiles("h", None, &[]).starts_with("<svg"));
    }
}
