//! Equity as a band from natural to mid, and its drawdown.

use super::axis::{Frame, Size};
use super::svg::Svg;
use crate::model::Report;
use crate::text;
use alula_market::money::Usd;

/// Dollars on an axis: short, because the margin is.
pub(super) fn axis_dollars(v: f64) -> String {
    let (scaled, suffix) = match v.abs() {
        a if a >= 1e6 => (v / 1e6, "M"),
        a if a >= 1e4 => (v / 1e3, "k"),
        _ => (v, ""),
    };
    let sign = if scaled < 0.0 { "-" } else { "" };
    let mut digits = format!("{:.2}", scaled.abs());
    while digits.ends_with('0') {
        digits.pop();
    }
    if digits.ends_with('.') {
        digits.pop();
    }
    if suffix.is_empty() {
        let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
        digits = format!("{}{rest}", text::grouped(whole));
    }
    text::tidy_zero(format!("{sign}${digits}{suffix}"))
}

/// Equity by session: the band between natural and mid, and the line at the stated share.
#[must_use]
pub fn equity(report: &Report, size: Size) -> String {
    let days = &report.days;
    let values = days
        .iter()
        .flat_map(|d| [d.equity.mid, d.equity.natural])
        .map(Usd::to_f64);
    let frame = Frame::new(
        size,
        260.0,
        62.0,
        report,
        values.chain([report.capital.to_f64()]),
        false,
    );
    let mut svg = Svg::default();
    frame.grid(&mut svg, axis_dollars);
    frame.dates(&mut svg);
    let upper = frame.line(days.iter().map(|d| (d.date, d.equity.mid.to_f64())));
    let mut band = frame.line(days.iter().map(|d| (d.date, d.equity.natural.to_f64())));
    let lower = band.clone();
    band.reverse();
    let around: Vec<_> = upper.iter().copied().chain(band).collect();
    let y = frame.y(report.capital.to_f64());
    svg.line("capital", frame.left, y, frame.right, y);
    svg.polygon("band", &around);
    svg.polyline("edge", &upper);
    svg.polyline("edge", &lower);
    svg.polyline(
        "main",
        &frame.line(days.iter().map(|d| (d.date, d.equity.share.to_f64()))),
    );
    let label = format!(
        "equity from {} to {}: from {} to {}",
        report.period.0,
        report.period.1,
        text::dollars(report.capital),
        days.last()
            .map_or_else(|| "no value".to_owned(), |d| text::dollars(d.equity.share)),
    );
    svg.finish(
        size.class(),
        size.width(),
        frame.height,
        &label,
        &frame.data("equity"),
    )
}

/// Deepest drawdown of each session, at the stated share and at natural prices.
#[must_use]
pub fn drawdown(report: &Report, size: Size) -> String {
    let falls = |of: fn(&crate::model::Band) -> Usd| -> Vec<f64> {
        report.days.iter().map(|d| -of(&d.fall).to_f64()).collect()
    };
    let (share, natural) = (falls(|b| b.share), falls(|b| b.natural));
    let frame = Frame::new(
        size,
        150.0,
        62.0,
        report,
        share.iter().chain(&natural).copied(),
        true,
    );
    let mut svg = Svg::default();
    frame.grid(&mut svg, axis_dollars);
    frame.dates(&mut svg);
    let dates = || report.days.iter().map(|d| d.date);
    let line = frame.line(dates().zip(share.iter().copied()));
    let mut area = line.clone();
    if let (Some(first), Some(last)) = (line.first(), line.last()) {
        area.extend([(last.0, frame.y(0.0)), (first.0, frame.y(0.0))]);
    }
    svg.polygon("fall", &area);
    svg.polyline("edge fall-edge", &frame.line(dates().zip(natural)));
    svg.polyline("main fall-line", &line);
    let deepest = share.iter().copied().fold(0.0, f64::min);
    let label = format!("drawdown, deepest {}", axis_dollars(deepest));
    svg.finish(
        size.class(),
        size.width(),
        frame.height,
        &label,
        &frame.data("drawdown"),
    )
}

#[cfg(test)]
mod tests {
    use super::axis_dollars;

    #[test]
    fn axis_labels_are_short() {
        assert_eq!(axis_dollars(250_000.0), "$250k");
        assert_eq!(axis_dollars(1_250_000.0), "$1.25M");
        assert_eq!(axis_dollars(-2_500.0), "-$2,500");
        assert_eq!(axis_dollars(-0.0), "$0");
    }
}
