//! Scales, grid lines and their labels.

use super::svg::Svg;
use super::{decimate, session_end};
use crate::model::Report;
use alula_market::time::{Date, Instant};
use chrono::{Datelike, Days, Months};

/// Which of the two drawings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// For screens from a tablet upwards.
    Wide,
    /// For phones.
    Narrow,
}

impl Size {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Wide, Self::Narrow];

    pub(crate) const fn width(self) -> f64 {
        match self {
            Self::Wide => 960.0,
            Self::Narrow => 400.0,
        }
    }

    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }

    const fn labels(self) -> i64 {
        match self {
            Self::Wide => 10,
            Self::Narrow => 5,
        }
    }
}

/// Smallest step of 1, 2, 2.5 or 5 times a power of ten that divides `span` into at most `parts`.
pub fn nice_step(span: f64, parts: f64) -> f64 {
    if !(span.is_finite() && span > 0.0) {
        return 1.0;
    }
    let raw = span / parts;
    let power = 10_f64.powf(raw.log10().floor());
    for factor in [1.0, 2.0, 2.5, 5.0] {
        if factor * power >= raw * 0.999_999 {
            return factor * power;
        }
    }
    10.0 * power
}

/// A plot area with its scales.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub size: Size,
    pub height: f64,
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    /// Seconds at the left and right edge.
    pub time: (i64, i64),
    /// Values at the bottom and top edge.
    pub value: (f64, f64),
    step: f64,
}

impl Frame {
    /// A frame over the report's period. Values are widened to whole grid steps; `zero` keeps zero in view.
    pub fn new(
        size: Size,
        height: f64,
        left: f64,
        report: &Report,
        values: impl Iterator<Item = f64>,
        zero: bool,
    ) -> Self {
        let mut low = if zero { 0.0 } else { f64::INFINITY };
        let mut high = if zero { 0.0 } else { f64::NEG_INFINITY };
        for v in values.filter(|v| v.is_finite()) {
            low = low.min(v);
            high = high.max(v);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if high - low < 1e-9 * high.abs().max(1e-6) {
            let pad = (high.abs() * 0.01).max(0.5);
            (low, high) = (low - pad, high + pad);
        }
        let step = nice_step(high - low, 4.0);
        let value = ((low / step).floor() * step, (high / step).ceil() * step);
        let first = session_end(report.period.0).saturating_sub(86_400);
        let last = session_end(report.period.1).max(first.saturating_add(86_400));
        Self {
            size,
            height,
            left,
            right: size.width() - 8.0,
            top: 10.0,
            bottom: height - 22.0,
            time: (first, last),
            value,
            step,
        }
    }

    pub fn x(&self, seconds: i64) -> f64 {
        let clipped = seconds.clamp(self.time.0, self.time.1);
        let share = (clipped - self.time.0) as f64 / (self.time.1 - self.time.0) as f64;
        self.left + share * (self.right - self.left)
    }

    pub fn y(&self, value: f64) -> f64 {
        let share = (value - self.value.0) / (self.value.1 - self.value.0);
        self.bottom - share * (self.bottom - self.top)
    }

    /// Points of a daily line, thinned to what can be seen.
    pub fn line(&self, values: impl Iterator<Item = (Date, f64)>) -> Vec<(f64, f64)> {
        let all: Vec<_> = values.map(|(d, v)| (self.x(session_end(d)), self.y(v))).collect();
        decimate(&all, self.right - self.left)
    }

    /// Horizontal lines with the values' labels.
    pub fn grid(&self, svg: &mut Svg, label: impl Fn(f64) -> String) {
        let (low, high) = self.value;
        let steps = ((high - low) / self.step).round().clamp(1.0, 12.0);
        let mut i = 0.0;
        while i <= steps {
            let v = low + i * self.step;
            let y = self.y(v);
            let class = if v.abs() < self.step * 1e-9 {
                "grid zero"
            } else {
                "grid"
            };
            svg.line(class, self.left, y, self.right, y);
            svg.text("label", self.left - 6.0, y + 4.0, "end", &label(v));
            i += 1.0;
        }
    }

    /// Date labels under the plot, and the light vertical lines that go with them.
    pub fn dates(&self, svg: &mut Svg) {
        for (date, text) in self.date_labels() {
            let x = self.x(session_end(date));
            svg.line("grid", x, self.top, x, self.bottom);
            svg.text("label", x, self.bottom + 15.0, "middle", &text);
        }
    }

    /// Attributes by which the page's script finds the day under the pointer.
    pub fn data(&self, chart: &str) -> String {
        let (l, r) = (super::svg::num(self.left), super::svg::num(self.right));
        format!(
            r#" data-chart="{chart}" data-left="{l}" data-right="{r}" data-from="{}" data-to="{}""#,
            self.time.0, self.time.1
        )
    }

    fn date_labels(&self) -> Vec<(Date, String)> {
        let (first, last) = (Instant(self.time.0).date(), Instant(self.time.1).date());
        let span = (last - first).num_days();
        let most = self.size.labels();
        // Labels too near an edge would be cut off.
        let margin = if self.size == Size::Wide { 2 } else { 4 };
        let inside = |d: &Date| {
            (*d - first).num_days() * 100 > span * margin && (last - *d).num_days() * 100 > span * margin
        };
        let mut out = Vec::new();
        if span <= 31 * most {
            let step = [1, 2, 7, 14, 28].into_iter().find(|s| span / s <= most);
            if let Some(step) = step {
                // Weeks start on Monday, so that the lines fall on the same weekday throughout.
                let shift = if step >= 7 {
                    (7 - i64::from(first.weekday().num_days_from_monday())) % 7
                } else {
                    0
                };
                let mut day = first.checked_add_days(Days::new(shift.unsigned_abs()));
                while let Some(d) = day.filter(|d| *d <= last) {
                    out.push((d, d.format("%b %-d").to_string()));
                    day = d.checked_add_days(Days::new(step.unsigned_abs()));
                }
                out.retain(|(d, _)| inside(d));
                return out;
            }
        }
        let months = span / 30;
        let step = [1, 2, 3, 6, 12, 24, 60, 120]
            .into_iter()
            .find(|s| months / s <= most)
            .unwrap_or(240);
        let mut day = first
            .with_day(1)
            .and_then(|d| if step >= 12 { d.with_month(1) } else { Some(d) });
        while let Some(d) = day.filter(|d| *d <= last) {
            let style = if step >= 12 { "%Y" } else { "%b %y" };
            out.push((d, d.format(style).to_string()));
            day = d.checked_add_months(Months::new(step.unsigned_abs().try_into().unwrap_or(12)));
        }
        out.retain(|(d, _)| inside(d));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::nice_step;

    #[test]
    fn grid_steps_are_round_numbers() {
        assert!((nice_step(100.0, 4.0) - 25.0).abs() < 1e-9);
        assert!((nice_step(4.0, 4.0) - 1.0).abs() < 1e-9);
        assert!((nice_step(0.07, 4.0) - 0.02).abs() < 1e-9);
        assert!((nice_step(0.0, 4.0) - 1.0).abs() < 1e-9);
    }
}
