//! The comparison as one page that needs nothing else.

use super::screen::{cents, cents_interval, interval_words, lower_words, worst_head, written};
use super::{Claims, Sample, claims};
use crate::chart::escape;
use crate::text::{percent, signed_dollars, signed_percent};
use alula_market::money::Usd;
use std::fmt::Write as _;

const STYLE: &str = "\
body{font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;margin:0;background:#f7f8fa;color:#1f2933}\
main{max-width:1020px;margin:0 auto;padding:24px}h1{font-size:22px}h2{font-size:17px;margin-top:32px}\
table{border-collapse:collapse;width:100%;background:#fff}th,td{padding:6px 10px;text-align:right;border-bottom:1px solid #e4e7ec;\
font-variant-numeric:tabular-nums}th:first-child,td:first-child{text-align:left}th{color:#667085;font-weight:600}\
.mark{background:#fff4e5;color:#b54708;padding:8px 12px;border-radius:6px;font-weight:600}.dim{color:#667085;font-size:13px}\
.box{background:#fff;padding:12px;overflow-x:auto}.says li{margin:6px 0}svg{width:100%;height:auto;display:block}\
svg text{font-size:11px;fill:#667085}.grid{stroke:#e4e7ec}.zero{stroke:#98a2b3}.l0{stroke:#c2410c}.l1{stroke:#1d6fa5}.l2{stroke:#2e7d4f}\
.l3{stroke:#7a4fa3}.line{fill:none;stroke-width:1.8;stroke-linejoin:round}.key{stroke-width:3}";

/// Lines drawn at most: more could not be told apart.
const LINES_MAX: usize = 4;

fn chart(
    title: &str,
    lines: &[(String, Vec<f64>)],
    dates: &[alula_market::time::Date],
    words: fn(f64) -> String,
) -> String {
    let (width, height, left, top, bottom) = (960.0, 284.0, 70.0, 30.0, 262.0);
    let all = || lines.iter().flat_map(|l| l.1.iter().copied());
    let (low, high) = all().fold((0.0_f64, 0.0_f64), |(a, b), x| (a.min(x), b.max(x)));
    let step = crate::chart::nice_step(high - low, 5.0);
    let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
    let high = if high > low { high } else { low + 1.0 };
    let longest = lines.iter().map(|l| l.1.len()).max().unwrap_or(1).max(2);
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let y = |v: f64| bottom - (v - low) / (high - low) * (bottom - top);
    let x = |i: usize| left + count(i) / count(longest - 1) * (width - left - 10.0);
    let mut out = format!(
        r#"<div class="box"><svg viewBox="0 0 {width} {height}" role="img" aria-label="{}">"#,
        escape(title)
    );
    let mut tick = low;
    while tick <= high + 0.5 * step {
        let class = if tick.abs() < 1e-9 * step { "zero" } else { "grid" };
        let _ = write!(
            out,
            r#"<line class="{class}" x1="{left}" x2="950" y1="{0:.1}" y2="{0:.1}"/><text x="{1}" y="{2:.1}" text-anchor="end">{3}</text>"#,
            y(tick),
            left - 8.0,
            y(tick) + 4.0,
            escape(&words(tick))
        );
        tick += step;
    }
    // Beginning, quarters and end: sessions stand at equal distances.
    let last = dates.len().saturating_sub(1);
    for part in 0..=4_usize {
        let i = last * part / 4;
        let anchor = ["start", "middle", "middle", "middle", "end"].get(part).copied();
        if let (Some(date), Some(anchor)) = (dates.get(i), anchor) {
            let _ = write!(
                out,
                r#"<text x="{:.1}" y="{:.1}" text-anchor="{anchor}">{date}</text>"#,
                x(i),
                bottom + 16.0
            );
        }
    }
    for (n, (name, values)) in lines.iter().take(LINES_MAX).enumerate() {
        let at = left + 190.0 * count(n);
        let _ = write!(
            out,
            r#"<line class="key l{n}" x1="{at}" x2="{}" y1="12" y2="12"/><text x="{}" y="16">{}</text>"#,
            at + 18.0,
            at + 24.0,
            escape(name)
        );
        let points: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(i, v)| format!("{:.1},{:.1}", x(i), y(*v)))
            .collect();
        let _ = write!(
            out,
            r#"<polyline class="line l{n}" points="{}"/>"#,
            points.join(" ")
        );
    }
    out.push_str("</svg></div>");
    out
}

fn short(x: f64) -> String {
    Usd::from_f64(x).map_or_else(String::new, crate::text::dollars)
}

fn gains(sample: &Sample) -> Vec<f64> {
    sample.rows.iter().map(|r| r.equity - sample.capital).collect()
}

fn falls(sample: &Sample) -> Vec<f64> {
    let mut peak = sample.capital;
    let fall = |r: &super::SessionRow| {
        peak = peak.max(r.equity);
        r.equity - peak
    };
    sample.rows.iter().map(fall).collect()
}

fn row(out: &mut String, tag: &str, cells: &[String]) {
    out.push_str("<tr>");
    for cell in cells {
        let _ = write!(out, "<{tag}>{}</{tag}>", escape(cell));
    }
    out.push_str("</tr>");
}

/// The page.
#[must_use]
pub fn page(found: &Claims) -> String {
    let names: Vec<String> = found.samples.iter().map(|s| s.name.clone()).collect();
    let title = format!("Compared: {}", names.join(", "));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,\
         initial-scale=1\"><title>{0}</title><style>{STYLE}</style></head><body><main><h1>{0}</h1><p class=\"dim\">{1} · {2}</p>",
        escape(&title),
        escape(&found.label),
        escape(&found.period)
    );
    if found.simulated {
        out.push_str("<p class=\"mark\">Simulated market: every number rests on a simulation.</p>");
    }
    out.push_str("<h2>What this says</h2><ul class=\"says\">");
    for sentence in claims(found) {
        let _ = write!(out, "<li>{}</li>", escape(&sentence));
    }
    out.push_str("</ul>");
    if !found.samples.is_empty() {
        let lines = |of: fn(&Sample) -> Vec<f64>| -> Vec<(String, Vec<f64>)> {
            found.samples.iter().map(|s| (s.name.clone(), of(s))).collect()
        };
        let longest = found.samples.iter().max_by_key(|s| s.rows.len());
        let dates: Vec<_> = longest
            .iter()
            .flat_map(|s| s.rows.iter().map(|r| r.date))
            .collect();
        out.push_str("<h2>Gain, dollars</h2>");
        out.push_str(&chart("gain by session", &lines(gains), &dates, short));
        out.push_str("<h2>Drawdown, dollars</h2>");
        out.push_str(&chart("drawdown by session", &lines(falls), &dates, short));
        out.push_str("<h2>Absolute gamma, underlyings a point</h2>");
        let gamma = |s: &Sample| s.rows.iter().map(|r| r.gamma.unwrap_or(0.0)).collect();
        out.push_str(&chart("absolute gamma by session", &lines(gamma), &dates, |x| {
            format!("{x:.3}")
        }));
    }
    for c in &found.comparisons {
        let _ = write!(
            out,
            "<h2>{} against {}</h2><table>",
            escape(&c.other),
            escape(&c.base)
        );
        let head = ["", &c.base, &c.other, "change, 95%", "relative", "95%"];
        row(&mut out, "th", &head.map(ToOwned::to_owned));
        for r in &c.rows {
            let (point, ends) = lower_words(r);
            let cells = [
                r.figure.name().to_owned(),
                written(r.figure, r.base),
                written(r.figure, r.other),
                interval_words(r.figure, r.change),
                point,
                ends,
            ];
            row(&mut out, "td", &cells);
        }
        let _ = write!(out, "</table><p class=\"dim\">{}</p>", escape(&c.method));
        out.push_str("<table>");
        row(
            &mut out,
            "th",
            &[
                "gain by structure".to_owned(),
                c.base.clone(),
                c.other.clone(),
                "95%".to_owned(),
            ],
        );
        let money = |x: f64| Usd::from_f64(x).map_or_else(String::new, signed_dollars);
        for (name, a, b) in &c.structures {
            let of = c.gains.iter().find(|(n, _)| n == name).map(|(_, i)| i);
            let ends = of.map_or_else(
                || "–".to_owned(),
                |i| format!("{} … {}", money(i.low), money(i.high)),
            );
            row(&mut out, "td", &[name.clone(), money(*a), money(*b), ends]);
        }
        out.push_str("</table>");
        if let Some(w) = c.worst.as_ref().filter(|w| !w.layers.is_empty()) {
            let _ = write!(
                out,
                "<h3>Layers on the worst days</h3><p class=\"dim\">{}</p><table>",
                escape(&worst_head(c, w))
            );
            let head = ["layer", "gain there", "cents a dollar lost", "95%"];
            row(&mut out, "th", &head.map(ToOwned::to_owned));
            for l in &w.layers {
                let cells = [
                    l.name.clone(),
                    money(l.gain),
                    cents(l.efficiency),
                    cents_interval(l.interval),
                ];
                row(&mut out, "td", &cells);
            }
            out.push_str("</table>");
        }
    }
    if !found.sizes.is_empty() {
        out.push_str("<h2>Sizes</h2><table>");
        let head = [
            "size",
            "lots opened",
            "max drawdown",
            "gain a year",
            "slippage a year",
            "orders filled whole",
        ];
        row(&mut out, "th", &head.map(ToOwned::to_owned));
        for s in &found.sizes {
            let cells = [
                format!("{}x", s.scale),
                s.lots.to_string(),
                percent(s.drawdown),
                signed_percent(s.gain),
                format!("{:.2}%", 100.0 * s.slippage),
                s.filled.map_or_else(|| "–".to_owned(), percent),
            ];
            row(&mut out, "td", &cells);
        }
        out.push_str("</table>");
    }
    out.push_str(
        "<p class=\"dim\">Gamma is the absolute net gamma of what is held on the index at the last tick of a session; vega that of everything, each option's to its own vol. Shares are of the capital, \
         drawdowns of the peak over ends of sessions. CVaR is the mean loss on the worst 5% or 1% of sessions.</p></main></body></html>\n",
    );
    out
}
