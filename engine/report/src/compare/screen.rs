//! Comparisons as a screen and as a document.

use super::resample::Interval;
use super::worst::WorstDays;
use super::{Claims, Comparison, Difference, Figure, claims};
use crate::columns::{self, align_right};
use crate::text::{dollars, percent, signed_percent, tidy_zero};
use alula_market::money::Usd;
use anstyle::{AnsiColor, Style};
use comfy_table::Table;
use serde_json::{Value, json};
use std::fmt::Write as _;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const WARN: Style = AnsiColor::Yellow.on_default().bold();

/// A figure as it is written.
pub(super) fn written(figure: Figure, x: Option<f64>) -> String {
    let Some(x) = x else {
        return "–".to_owned();
    };
    if figure.is_share() {
        return tidy_zero(format!("{:.2}%", 100.0 * x));
    }
    if figure == Figure::Vega {
        return Usd::from_f64(x).map_or_else(|| "–".to_owned(), dollars);
    }
    tidy_zero(format!("{x:.4}"))
}

pub(super) fn interval_words(figure: Figure, i: Option<Interval>) -> String {
    i.map_or_else(
        || "–".to_owned(),
        |i| {
            format!(
                "{} … {}",
                written(figure, Some(i.low)),
                written(figure, Some(i.high))
            )
        },
    )
}

/// How much lower the figure is, where lower means something.
pub(super) fn lower_words(row: &Difference) -> (String, String) {
    if row.figure == Figure::Gain {
        return ("–".to_owned(), "–".to_owned());
    }
    let point = row
        .lower_point
        .map_or_else(|| "–".to_owned(), |p| signed_percent(-p));
    let ends = row.lower_by.map_or_else(
        || "–".to_owned(),
        |i| format!("{} … {}", signed_percent(-i.high), signed_percent(-i.low)),
    );
    (point, ends)
}

fn push(out: &mut String, table: &mut Table, numbers: std::ops::RangeInclusive<usize>) {
    align_right(table, numbers);
    columns::push(out, " ", table);
}

fn comparison(out: &mut String, c: &Comparison) {
    let _ = writeln!(out, "\n{BOLD}{} against {}{BOLD:#}", c.other, c.base);
    let mut table = columns::table();
    table.set_header(["", &c.base, &c.other, "change, 95%", "relative", "95%"]);
    for row in &c.rows {
        let (point, ends) = lower_words(row);
        table.add_row([
            row.figure.name().to_owned(),
            written(row.figure, row.base),
            written(row.figure, row.other),
            interval_words(row.figure, row.change),
            point,
            ends,
        ]);
    }
    push(out, &mut table, 1..=5);
    let _ = writeln!(out, "{DIM} {}{DIM:#}", c.method);
    if !c.structures.is_empty() {
        let _ = writeln!(out, "\n {BOLD}gain by structure{BOLD:#}");
        let mut table = columns::table();
        table.set_header(["", &c.base, &c.other, "95%"]);
        let money = |x: f64| Usd::from_f64(x).map_or_else(|| "–".to_owned(), crate::text::signed_dollars);
        for (name, a, b) in &c.structures {
            let of = c.gains.iter().find(|(n, _)| n == name).map(|(_, i)| i);
            let ends = of.map_or_else(
                || "–".to_owned(),
                |i| format!("{} … {}", money(i.low), money(i.high)),
            );
            table.add_row([name.clone(), money(*a), money(*b), ends]);
        }
        push(out, &mut table, 1..=3);
    }
    worst(out, c);
}

/// A share as cents of a dollar.
pub(super) fn cents(x: Option<f64>) -> String {
    x.map_or_else(|| "–".to_owned(), |x| tidy_zero(format!("{:.1}", 100.0 * x)))
}

pub(super) fn cents_interval(i: Option<Interval>) -> String {
    i.map_or_else(
        || "–".to_owned(),
        |i| format!("{} … {}", cents(Some(i.low)), cents(Some(i.high))),
    )
}

/// Which days, and what the core lost on them.
pub(super) fn worst_head(c: &Comparison, w: &WorstDays) -> String {
    let money = |x: f64| Usd::from_f64(x).map_or_else(|| "–".to_owned(), crate::text::signed_dollars);
    let of = match w.dates.as_slice() {
        [] => format!("{} a path", w.days),
        [one] => one.to_string(),
        [first, .., last] => format!("{} from {first} to {last}", w.days),
    };
    format!(
        "worst 1% of sessions of {}: {of}; core {} there",
        c.base,
        money(-w.core_loss)
    )
}

fn worst(out: &mut String, c: &Comparison) {
    let Some(w) = c.worst.as_ref().filter(|w| !w.layers.is_empty()) else {
        return;
    };
    let _ = writeln!(
        out,
        "\n {BOLD}layers on the worst days{BOLD:#} {DIM}· {}{DIM:#}",
        worst_head(c, w)
    );
    let mut table = columns::table();
    table.set_header(["", "gain there", "cents a dollar lost", "95%"]);
    for l in &w.layers {
        let gain = Usd::from_f64(l.gain).map_or_else(|| "–".to_owned(), crate::text::signed_dollars);
        table.add_row([
            l.name.clone(),
            gain,
            cents(l.efficiency),
            cents_interval(l.interval),
        ]);
    }
    push(out, &mut table, 1..=3);
}

/// The screen. It carries ANSI styles; the caller's stream removes them where they do not belong.
#[must_use]
pub fn text(found: &Claims) -> String {
    let mut out = String::new();
    let mark = if found.simulated {
        format!(" {WARN}simulated{WARN:#}")
    } else {
        String::new()
    };
    let _ = writeln!(
        out,
        "{BOLD}{}{BOLD:#} {DIM}· {}{DIM:#}{mark}",
        found.label, found.period
    );
    for c in &found.comparisons {
        comparison(&mut out, c);
    }
    if !found.sizes.is_empty() {
        let _ = writeln!(
            out,
            "\n{BOLD}sizes{BOLD:#} {DIM}· times the strategy's own lots and capital{DIM:#}"
        );
        let mut table = columns::table();
        table.set_header([
            "size",
            "lots opened",
            "max drawdown",
            "gain a year",
            "slippage a year",
            "a lot",
            "orders filled whole",
        ]);
        let dash = || "–".to_owned();
        for s in &found.sizes {
            table.add_row([
                format!("{}x", s.scale),
                crate::text::count(s.lots),
                format!("{:.2}%", 100.0 * s.drawdown),
                signed_percent(s.gain),
                format!("{:.2}%", 100.0 * s.slippage),
                s.slippage_a_lot.map_or_else(dash, |x| format!("${x:.2}")),
                s.filled.map_or_else(dash, percent),
            ]);
        }
        push(&mut out, &mut table, 0..=6);
    }
    let _ = writeln!(out, "\n{BOLD}what this says{BOLD:#}");
    for sentence in claims(found) {
        let _ = writeln!(out, " · {sentence}");
    }
    let _ = writeln!(
        out,
        "\n{DIM}Gamma is the absolute net gamma of what is held on the index, in underlyings a point, at the last tick of a session; vega that of \
         everything, each option's to its own vol. Shares are \
         of the capital; drawdowns of the peak, over ends of sessions. CVaR is the mean loss on the worst 5% or 1% of \
         sessions. On the worst days a layer's gain stands over what the core of the same run lost; what is financed apart is neither.{DIM:#}"
    );
    out
}

fn span(i: Option<Interval>) -> Value {
    i.map_or(
        Value::Null,
        |i| json!({ "point": i.point, "low": i.low, "high": i.high }),
    )
}

/// The document.
#[must_use]
pub fn json(found: &Claims) -> String {
    let comparisons: Vec<Value> = found
        .comparisons
        .iter()
        .map(|c| {
            let rows: serde_json::Map<String, Value> = c
                .rows
                .iter()
                .map(|r| {
                    let value = json!({
                        "base": r.base, "other": r.other, "change": span(r.change),
                        "lower_by": r.lower_point, "lower_by_interval": span(r.lower_by),
                    });
                    (r.figure.key().to_owned(), value)
                })
                .collect();
            let structures: Vec<Value> = c
                .structures
                .iter()
                .map(|(name, a, b)| {
                    let ends = c.gains.iter().find(|(n, _)| n == name).map(|(_, i)| *i);
                    json!({ "structure": name, "base": a, "other": b, "interval": span(ends) })
                })
                .collect();
            let worst = c.worst.as_ref().map(|w| {
                let layers: Vec<Value> = w
                    .layers
                    .iter()
                    .map(|l| {
                        json!({
                            "layer": l.name, "gain": l.gain, "efficiency": l.efficiency, "interval": span(l.interval),
                        })
                    })
                    .collect();
                let dates: Vec<String> = w.dates.iter().map(ToString::to_string).collect();
                json!({ "days": w.days, "dates": dates, "core_loss": w.core_loss, "layers": layers })
            });
            json!({
                "base": c.base, "other": c.other, "figures": rows, "structures": structures, "worst_days": worst,
                "method": c.method,
            })
        })
        .collect();
    let sizes: Vec<Value> = found
        .sizes
        .iter()
        .map(|s| {
            json!({
                "scale": s.scale, "lots_opened": s.lots, "max_drawdown": s.drawdown, "gain_a_year": s.gain,
                "slippage_a_year": s.slippage, "slippage_a_lot": s.slippage_a_lot, "orders_filled_whole": s.filled,
            })
        })
        .collect();
    let document = json!({
        "data": found.label, "simulated": found.simulated, "period": found.period, "seed": found.seed,
        "interval": "95%", "units": "shares of capital, drawdown of the peak; gamma in underlyings a point; vega in dollars a vol point",
        "comparisons": comparisons, "sizes": sizes, "drawdown_of_sizes_change": span(found.size_change), "claims": claims(found),
    });
    format!("{document:#}\n")
}
