//! Figures that a trader asks for first, computed from the model alone.

use crate::model::{Band, Day, Ending, Report, Trade};
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
    /// Largest margin at any snapshot.
    pub margin_peak: Option<Usd>,
    /// Largest margin at a session's end by each rulebook of [`Report::rulebooks`], and the P&L over it.
    pub margins: [(Option<Usd>, Option<f64>); 3],
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

/// Deepest drawdown of a run that starts with `capital`, over every snapshot of its sessions, at one of the band's values.
#[must_use]
pub fn deepest(capital: Usd, days: &[Day], of: impl Fn(&Band) -> Usd) -> Drawdown {
    let mut worst = Drawdown {
        depth: Usd::ZERO,
        peak: capital,
        from: None,
        to: None,
    };
    for day in days {
        let depth = of(&day.fall);
        if depth > worst.depth {
            worst = Drawdown {
                depth,
                peak: of(&day.fall_from),
                from: None,
                to: Some(day.date),
            };
        }
    }
    // The capital itself is no session's high.
    let reached = |d: &&Day| worst.peak > capital && of(&d.high) >= worst.peak;
    worst.from = days.iter().find(reached).map(|d| d.date);
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
            drawdown: deepest(report.capital, &report.days, |b| b.share),
            drawdown_natural: deepest(report.capital, &report.days, |b| b.natural),
            fees: report.trades.iter().map(|t| t.fees).sum(),
            average_credit_per_lot: (lots > 0).then(|| Usd(credit.0 / lots)),
            average_win: mean(ended.iter().map(|t| t.pnl.share).filter(|p| p.0 > 0)),
            average_loss: mean(ended.iter().map(|t| t.pnl.share).filter(|p| p.0 <= 0)),
            profit_factor: (losses.0 < 0).then(|| gains.to_f64() / -losses.to_f64()),
            margin_peak: report.days.iter().filter_map(|d| d.margin_max).max(),
            margins: [0, 1, 2].map(|i| {
                let of = |d: &Day| d.margins.get(i).copied().flatten();
                let most = report.days.iter().filter_map(of).max();
                let held = most.filter(|m| m.0 > 0);
                (most, held.map(|m| ratio(pnl.share, m)))
            }),
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

    fn date(n: u32) -> Date {
        Date::from_ymd_opt(2019, 5, n).unwrap()
    }

    /// A session that ends at `equity` with `high` so far, and fell by `fall` from `from` on the way.
    fn day(n: u32, equity: i64, high: i64, (fall, from): (i64, i64)) -> Day {
        Day {
            date: date(n),
            equity: Band::flat(Usd(equity)),
            high: Band::flat(Usd(high)),
            fall: Band::flat(Usd(fall)),
            fall_from: Band::flat(Usd(from)),
            underlying: None,
            open_positions: 0,
            margin: None,
            margin_max: None,
            margins: [None; 3],
            delta: None,
            gamma: None,
            vega: None,
            theta: None,
        }
    }

    #[test]
    fn the_deepest_drawdown_is_measured_within_sessions_from_the_peak_before_it() {
        let days = [
            day(1, 100, 100, (0, 100)),
            day(2, 120, 125, (4, 120)),
            // Down to 90 and back within the session, which ends near its high.
            day(3, 124, 125, (35, 125)),
            day(4, 101, 130, (29, 130)),
        ];
        let worst = Drawdown {
            depth: Usd(35),
            peak: Usd(125),
            from: Some(date(2)),
            to: Some(date(3)),
        };
        assert_eq!(deepest(Usd(100), &days, |b| b.share), worst);
    }

    #[test]
    fn a_loss_from_the_first_day_counts_from_the_capital() {
        let d = deepest(Usd(100), &[day(1, 80, 100, (20, 100))], |b| b.share);
        assert_eq!((d.depth, d.from), (Usd(20), None));
        assert!((d.fraction() - 0.2).abs() < 1e-15);
    }
}
