//! Numbers as a trader writes them.

use alula_dsl::graph::ValueKind;
use alula_dsl::unit::Unit;

/// How a number is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `$1234.50`
    Usd,
    /// `2943.15 pts`
    Points,
    /// `15.8 vol`
    Vol,
    /// `16.2 delta` (hundredths)
    Delta,
    /// `12.5%`
    Percent,
    /// A plain number.
    Plain,
}

/// Style of a value of a kind; its text tells a percentage from a plain ratio.
#[must_use]
pub fn style_of(kind: ValueKind, text: &str) -> Style {
    match kind {
        ValueKind::Number(Unit::USD) => Style::Usd,
        ValueKind::Number(Unit::PTS) => Style::Points,
        ValueKind::Number(Unit::VOL) => Style::Vol,
        ValueKind::Number(Unit::DELTA) => Style::Delta,
        ValueKind::Number(Unit::NONE) if text.ends_with('%') => Style::Percent,
        _ => Style::Plain,
    }
}

/// A number in a style: as many decimals as it takes to tell it from its neighbours, and no more.
#[must_use]
pub fn show(value: f64, style: Style) -> String {
    match style {
        Style::Usd => {
            let sign = if value < 0.0 { "-" } else { "" };
            format!("{sign}${:.2}", value.abs())
        }
        Style::Points => format!("{} pts", plain(value)),
        Style::Vol => format!("{} vol", plain(value)),
        Style::Delta => format!("{} delta", plain(value * 100.0)),
        Style::Percent => format!("{}%", plain(value * 100.0)),
        Style::Plain => plain(value),
    }
}

/// Four significant digits at least, two decimals for what is larger, no trailing zeros.
fn plain(value: f64) -> String {
    let size = value.abs();
    let decimals = if size == 0.0 || size >= 10.0 {
        2
    } else if size >= 1.0 {
        3
    } else if size >= 0.01 {
        4
    } else {
        8
    };
    let text = format!("{value:.decimals$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_a_trader_writes_them() {
        assert_eq!(show(15.8, Style::Vol), "15.8 vol");
        assert_eq!(show(0.162, Style::Delta), "16.2 delta");
        assert_eq!(show(-1234.5, Style::Usd), "-$1234.50");
        assert_eq!(show(0.5, Style::Percent), "50%");
        assert_eq!(show(-0.021_34, Style::Percent), "-2.134%");
        assert_eq!(show(2943.15, Style::Points), "2943.15 pts");
        assert_eq!(show(0.0, Style::Plain), "0");
        assert_eq!(show(21.0, Style::Plain), "21");
        assert_eq!(show(0.000_012_3, Style::Plain), "0.0000123");
    }
}
