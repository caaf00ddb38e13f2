//! One strategy at several sizes: drawdown, slippage and fills.

use super::resample::{Draws, Interval, interval, stationary};
use super::{Resampling, Sample, drawdown};

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

/// The means of each size over simulated paths (`paths` holds the sizes of one path), and the drawdown of the larger of
/// [`ends`] over that of the smaller, less one: a ratio of means, with an interval by resampling paths from ten on.
#[must_use]
pub fn over_paths(paths: &[Vec<SizeRow>], how: Resampling) -> (Vec<SizeRow>, Option<Interval>) {
    let scales = paths.first().map_or(0, Vec::len);
    let n = f64::from(u32::try_from(paths.len()).unwrap_or(u32::MAX));
    let mean = |i: usize, of: &dyn Fn(&SizeRow) -> f64| {
        paths.iter().filter_map(|p| p.get(i)).map(of).sum::<f64>() / n
    };
    let known = |i: usize, of: &dyn Fn(&SizeRow) -> Option<f64>| {
        let values: Vec<f64> = paths.iter().filter_map(|p| of(p.get(i)?)).collect();
        let n = f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX));
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / n)
    };
    let rows: Vec<SizeRow> = (0..scales)
        .filter_map(|i| {
            let first = paths.first()?.get(i)?;
            let lots: u64 = paths.iter().filter_map(|p| p.get(i)).map(|r| r.lots).sum();
            Some(SizeRow {
                scale: first.scale,
                lots: lots / u64::try_from(paths.len()).unwrap_or(1).max(1),
                drawdown: mean(i, &|r| r.drawdown),
                gain: mean(i, &|r| r.gain),
                slippage: mean(i, &|r| r.slippage),
                slippage_a_lot: known(i, &|r| r.slippage_a_lot),
                filled: known(i, &|r| r.filled),
            })
        })
        .collect();
    let (small, large) = ends(&rows);
    let change = |at: &mut dyn Iterator<Item = usize>| -> Option<f64> {
        let (mut a, mut b) = (0.0, 0.0);
        for path in at.filter_map(|p| paths.get(p)) {
            a += path.get(small?)?.drawdown;
            b += path.get(large?)?.drawdown;
        }
        (a > 0.0).then(|| b / a - 1.0)
    };
    let point = change(&mut (0..paths.len()));
    let mut draws = Draws::new(how.seed);
    let mut at = Vec::new();
    let resampled = (0..how.count)
        .filter_map(|_| {
            stationary(&mut draws, paths.len(), 1.0, &mut at);
            change(&mut at.iter().copied())
        })
        .collect();
    let found = point
        .filter(|_| paths.len() >= 10)
        .and_then(|p| interval(p, resampled));
    (rows, found)
}

/// Places of the sizes that the claim is about: 20 and 200 times, else the first and the last.
#[must_use]
pub fn ends(rows: &[SizeRow]) -> (Option<usize>, Option<usize>) {
    let find = |n: u32| rows.iter().position(|r| r.scale == n);
    let named = find(20).zip(find(200));
    let found = named.or_else(|| Some((0, rows.len().checked_sub(1)?)));
    (found.map(|f| f.0), found.map(|f| f.1))
}
