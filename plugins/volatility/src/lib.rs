//! Indicators for sellers of volatility, as a native plugin: `alula plugin inspect` prints the line that declares each.
//!
//! Volatilities are in points (20 is 20%), percentages are fractions, as everywhere in the language.

mod breadth;
mod gamma;
mod moves;
mod premium;
mod rsi;
mod term;

use alula_plugin_sdk::export_plugin;

export_plugin!(
    term::TermStructure,
    premium::VariancePremium,
    moves::ExpectedMove,
    breadth::McClellan,
    rsi::RsiBands;
    chains: gamma::GammaExposure,
    gamma::ZeroGamma
);

/// Trading days of a year, by which volatilities are quoted.
const YEAR_DAYS: f64 = 252.0;

/// What every indicator says when the host gives it another number of ports; the kit checks that before.
fn other_ports() -> String {
    "another number of inputs or outputs".to_owned()
}

/// A small count as a number.
fn number(n: usize) -> f64 {
    // Windows end at a few thousand rows.
    u32::try_from(n).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod golden;
