//! Net greeks over time, one small chart each.

use super::axis::{Frame, Size};
use super::svg::Svg;
use crate::model::{Day, Report};

/// A greek that has a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greek {
    /// In underlyings.
    Delta,
    /// In underlyings for one point.
    Gamma,
    /// In dollars for one vol point.
    Vega,
    /// In dollars for one calendar day.
    Theta,
}

impl Greek {
    /// All that are charted, in order.
    pub const ALL: [Self; 4] = [Self::Delta, Self::Gamma, Self::Vega, Self::Theta];

    /// Name and unit.
    #[must_use]
    pub const fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::Delta => ("delta", "underlyings"),
            Self::Gamma => ("gamma", "delta per point"),
            Self::Vega => ("vega", "$ per vol point"),
            Self::Theta => ("theta", "$ per calendar day"),
        }
    }

    /// Value on a day.
    #[must_use]
    pub const fn of(self, day: &Day) -> Option<f64> {
        match self {
            Self::Delta => day.delta,
            Self::Gamma => day.gamma,
            Self::Vega => day.vega,
            Self::Theta => day.theta,
        }
    }
}

/// A number on an axis: as many decimals as it needs.
fn axis_number(v: f64) -> String {
    let decimals = match v.abs() {
        a if a >= 100.0 => 0,
        a if a >= 1.0 => 1,
        _ => 4,
    };
    let mut text = format!("{v:.decimals$}");
    if text.contains('.') {
        while text.ends_with('0') {
            text.pop();
        }
        if text.ends_with('.') {
            text.pop();
        }
    }
    crate::text::tidy_zero(text)
}

/// One greek by session; days on which it is unknown are left open.
#[must_use]
pub fn greek(report: &Report, which: Greek, size: Size) -> String {
    let values = report.days.iter().filter_map(|d| which.of(d));
    let frame = Frame::new(size, 130.0, 62.0, report, values, true);
    let mut svg = Svg::default();
    frame.grid(&mut svg, axis_number);
    frame.dates(&mut svg);
    for stretch in report.days.split(|d| which.of(d).is_none()) {
        let line = frame.line(stretch.iter().filter_map(|d| Some((d.date, which.of(d)?))));
        match line.as_slice() {
            [one] => svg.mark("dot", one.0, one.1, "M-2 0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0", "", 1.0),
            _ => svg.polyline("main", &line),
        }
    }
    let (name, unit) = which.title();
    let label = format!("net {name} by session, {unit}");
    svg.finish(
        size.class(),
        size.width(),
        frame.height,
        &label,
        &frame.data(name),
    )
}

#[cfg(test)]
mod tests {
    use super::axis_number;

    #[test]
    fn axis_numbers_have_no_idle_zeros() {
        assert_eq!(axis_number(-0.02), "-0.02");
        assert_eq!(axis_number(250.0), "250");
        assert_eq!(axis_number(2.5), "2.5");
        assert_eq!(axis_number(-0.000_01), "0");
    }
}
