//! One strategy at several sizes: drawdown, slippage and fills.

use super::{Sample, drawdown};

/// A size.
#[derive(Clone, Debug, PartialEq)]
pub struct SizeRow {
    /// Times the strategy's own size, capital included.
    pub scale: u32,
    /// Lots opened, in all.
    pub lots: u64,
    /// Deepest drawdown, a share of the peak.
    pub drawdown: f64,
    /// Gain a year, a share of the capital.
    pub gain: f64,
    /// Given up to the spread a year, a share of the capital.
    pub slippage: f64,
    /// The same in dollars for each lot opened.
    pub slippage_a_lot: Option<f64>,
    /// Share of orders filled whole.
    pub filled: Option<f64>,
}

impl SizeRow {
    /// Of a run at a size.
    #[must_use]
    pub fn of(scale: u32, sample: &Sample) -> Self {
        let years = sample.years().max(f64::MIN_POSITIVE);
        let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        let gain: f64 = sample.rows.iter().map(|r| r.gain).sum();
        let lots = f64::from(u32::try_from(sample.lots).unwrap_or(u32::MAX));
        Self {
            scale,
            lots: sample.lots,
            drawdown: drawdown(sample.capital, &sample.rows),
            gain: gain / years / sample.capital,
            slippage: sample.spread / years / sample.capital,
            slippage_a_lot: (lots > 0.0).then(|| sample.spread / lots),
            filled: (sample.orders.0 > 0).then(|| count(sample.orders.1) / count(sample.orders.0)),
        }
    }
}
