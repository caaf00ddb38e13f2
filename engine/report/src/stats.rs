//! Figures that a trader asks for first, computed from the model alone.

use crate::model::{Band, Ending, Report, Trade};
use alula_market::money::Usd;
use alula_market::time::Date;

/// Deepest fall of equity from its highest point so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawdown {
    /// Depth, positive.
    pub depth: Usd,
    /// Highest point before it.
    pub peak: Usd,
    /// Session of the highest point.
    pub from: Option<Date>,
    /// Session of the lowest point.
    pub to: Option<Date>,
}

impl Drawdown {
    /// Depth as a fraction of the peak.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        ratio(self.depth, self.peak)
    }
}

/// The figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    /// P&L over the run, open positions marked, fees included.
    pub pnl: Band,
    /// Trades that ended.
    pub closed: usize,
    /// Trades still open.
    pub open: usize,
    /// Of those that ended: with a profit at the stated share.
    pub wins: usize,
    /// Share of winners among the trades that ended, 0..=1; none when none ended.
    pub win_rate: Option<f64>,
    /// P&L at the stated share over the capital.
    pub return_on_capital: f64,
    /// Deepest drawdown at the stated share.
    pub drawdown: Drawdown,
    /// Deepest drawdown at natural prices.
    pub drawdown_natural: Drawdown,
    /// Sum of commissions and fees.
    pub fees: Usd,
    /// Mean entry credit of a trade, dollars per lot.
    pub average_credit_per_lot: Option<Usd>,
    /// Mean profit of winners and mean loss of losers, among trades that ended.
    pub average_win: Option<Usd>,
    /// See `average_win`; zero or negative.
    pub average_loss: Option<Usd>,
    /// Sum of gains over sum of losses; none without a loss.
    pub profit_factor: Option<f64>,
    /// Largest margin at a session's end.
    pub margin_peak: Option<Usd>,
    /// Number and P&L of the worst trade.
    pub worst: Option<(u32, Usd)>,
    /// Number and P&L of the best trade.
    pub best: Option<(u32, Usd)>,
    /// Mean calendar days held, trades that ended.
    pub average_days: Option<f64>,
    /// Rolls.
    pub rolls: u32,
    /// Conditions that came out unknown, over all rules.
    pub unknowns: u64,
    /// Sessions with a position, over all sessions.
    pub exposure: Option<f64>,
}

fn ratio(a: Usd, b: Usd) -> f64 {
    if b.0 == 0 { 0.0 } else { a.to_f64() / b.to_f64() }
}

fn mean(values: impl Iterator<Item = Usd>) -> Option<Usd> {
    let (mut sum, mut n) = (Usd::ZERO, 0_i64);
    for v in values {
        sum += v;
        n += 1;
    }
    (n > 0).then(|| Usd(sum.0 / n))
}

/// Deepest drawdown of a line that starts at `start`.
#[must_use]
pub fn deepest(start: Usd, line: impl Iterator<Item = (Date, Usd)>) -> Drawdown {
    let mut peak = (start, None);
    let mut worst = Drawdown {
        depth: Usd::ZERO,
        peak: start,
        from: None,
        to: None,
    };
    for (date, equity) in line {
        if equity > peak.0 {
            peak = (equity, Some(date));
        }
        let depth = peak.0 - equity;
        if depth > worst.depth {
            worst = Drawdown {
                depth,
                peak: peak.0,
                from: peak.1,
                to: Some(date),
            };
        }
    }
    worst
}

impl Stats {
    /// Computes them.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let pnl = report
            .days
            .last()
            .map_or_else(Band::default, |d| d.equity - Band::flat(report.capital));
        let ended: Vec<&Trade> = report
            .trades
            .iter()
            .filter(|t| t.ending != Ending::Open)
            .collect();
        let wins = ended.iter().filter(|t| t.pnl.share.0 > 0).count();
        let gains: Usd = ended.iter().map(|t| t.pnl.share).filter(|p| p.0 > 0).sum();
        let losses: Usd = ended.iter().map(|t| t.pnl.share).filter(|p| p.0 < 0).sum();
        let lots: i64 = report.trades.iter().map(|t| t.lots).sum();
        let credit: Usd = report.trades.iter().map(|t| t.credit).sum();
        let days: Vec<f64> = ended
            .iter()
            .map(|t| (t.ended.date() - t.opened.date()).num_days() as f64)
            .collect();
        let held = report.days.iter().filter(|d| d.open_positions > 0).count();
        Self {
            pnl,
            closed: ended.len(),
            open: report.trades.len() - ended.len(),
            wins,
            win_rate: (!ended.is_empty()).then(|| wins as f64 / ended.len() as f64),
            return_on_capital: ratio(pnl.share, report.capital),
            drawdown: deepest(
                report.capital,
                report.days.iter().map(|d| (d.date, d.equity.share)),
            ),
            drawdown_natural: deepest(
                report.capital,
                report.days.iter().map(|d| (d.date, d.equity.natural)),
            ),
            fees: report.trades.iter().map(|t| t.fees).sum(),
            average_credit_per_lot: (lots > 0).then(|| Usd(credit.0 / lots)),
            average_win: mean(ended.iter().map(|t| t.pnl.share).filter(|p| p.0 > 0)),
            average_loss: mean(ended.iter().map(|t| t.pnl.share).filter(|p| p.0 <= 0)),
            profit_factor: (losses.0 < 0).then(|| gains.to_f64() / -losses.to_f64()),
            margin_peak: report.days.iter().filter_map(|d| d.margin).max(),
            worst: report
                .trades
                .iter()
                .map(|t| (t.number, t.pnl.share))
                .min_by_key(|t| (t.1, t.0)),
            best: report
                .trades
                .iter()
                .map(|t| (t.number, t.pnl.share))
                .max_by_key(|t| (t.1, t.0)),
            average_days: (!days.is_empty()).then(|| days.iter().sum::<f64>() / days.len() as f64),
            rolls: report.trades.iter().map(|t| t.rolls).sum(),
            unknowns: report.rules.iter().map(|r| r.was_unknown).sum(),
            exposure: (!report.days.is_empty()).then(|| held as f64 / report.days.len() as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: u32) -> Date {
        Date::from_ymd_opt(2019, 5, n).unwrap()
    }

    #[test]
    fn the_deepest_drawdown_is_measured_from_the_peak_before_it() {
        let line = [100, 120, 90, 130, 101].into_iter().enumerate();
        let d = deepest(
            Usd(100),
            line.map(|(i, v)| (day(1 + u32::try_from(i).unwrap()), Usd(v))),
        );
        assert_eq!(
            d,
            Drawdown {
                depth: Usd(30),
                peak: Usd(120),
                from: Some(day(2)),
                to: Some(day(3))
            }
        );
    }

    #[test]
    fn a_loss_from_the_first_day_counts_from_the_capital() {
        let d = deepest(Usd(100), [(day(1), Usd(80))].into_iter());
        assert_eq!((d.depth, d.from), (Usd(20), None));
        assert!((d.fraction() - 0.2).abs() < 1e-15);
    }
}
