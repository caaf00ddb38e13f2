//! What the run earned on the money it needed: a year on the capital, on the margin held, on what was at risk; and how much of
//! it was the underlying's doing.

use crate::model::Report;
use crate::text::{dollars, percent, signed_percent};
use alula_market::money::Usd;
use alula_market::time::{Date, Instant};
use alula_pricing::returns::{
    Capm, CashFlow, IrrError, MarginReturn, annualised, capm, internal_rate, modified_rate, on_margin,
};

/// The figures, all at the stated share of the spread, fees included, open positions marked.
#[derive(Clone, Debug, PartialEq)]
pub struct Returns {
    /// Internal rate of the account's flows: the capital in at the first session, the equity out at the last. A fraction a year;
    /// none in a run of one session.
    pub account: Option<f64>,
    /// Return on margin, by the margin at the end of each session; none where it is unknown or was never needed.
    pub margin: Option<MarginReturn>,
    /// Internal rate of what was at risk: each trade's maximum loss out when it was opened, and back with its profit when it
    /// ended. `None` without trades, or with one whose loss has no bound.
    pub at_risk: Option<Result<f64, IrrError>>,
    /// Modified internal rate of the same flows, money between trades earning nothing: one number also where the internal rate
    /// is several. `None` without trades or such a rate.
    pub at_risk_modified: Option<f64>,
    /// Of a strategy with overlays: the account's rate without them on the same path, and what they made, costs counted.
    pub passive: Option<(Option<f64>, Usd)>,
    /// Beta of the account's daily returns to the underlying's, no riskless rate taken off.
    pub beta: Option<Capm>,
}

/// Years from one day to another, by the spreadsheets' 365 days.
fn years(from: Date, to: Date) -> f64 {
    (to - from).num_days() as f64 / 365.0
}

impl Returns {
    /// Computes them.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let days = &report.days;
        let ends = days.first().zip(days.last());
        let gain = ends
            .map_or(Usd::ZERO, |(_, last)| last.equity.share - report.capital)
            .to_f64();
        let account = ends.and_then(|(first, last)| {
            annualised(gain, report.capital.to_f64(), years(first.date, last.date))
        });
        let steps: Option<Vec<(f64, f64)>> = ends.and_then(|(first, _)| {
            let step = |d: &crate::model::Day| Some((years(first.date, d.date), d.margin?.to_f64()));
            days.iter().map(step).collect()
        });
        let flows = at_risk(report);
        Self {
            account,
            margin: steps.and_then(|steps| on_margin(gain, &steps)),
            passive: report.twin.last().zip(ends).map(|((_, twin), (first, last))| {
                let without = (twin.share - report.capital).to_f64();
                let rate = annualised(without, report.capital.to_f64(), years(first.date, last.date));
                (rate, last.equity.share - twin.share)
            }),
            at_risk: flows.as_deref().map(internal_rate),
            at_risk_modified: flows.and_then(|flows| modified_rate(&flows, 0.0, 0.0).ok()),
            beta: beta(report),
        }
    }

    /// The figures for people: name, value, and what to know about it.
    #[must_use]
    pub fn lines(&self, underlying: &str) -> Vec<(&'static str, String, String)> {
        let dash = || "–".to_owned();
        let a_year = |r: f64| format!("{} a year", signed_percent(r));
        let (at_risk, about) = match &self.at_risk {
            None => (dash(), String::new()),
            Some(Ok(rate)) => (a_year(*rate), "IRR".to_owned()),
            Some(Err(IrrError::Several(rates))) => {
                let rates: Vec<String> = rates.iter().map(|r| percent(r.rate)).collect();
                (
                    dash(),
                    format!("{} rates and so none: {}", rates.len(), rates.join(", ")),
                )
            }
            Some(Err(error)) => (dash(), error.to_string()),
        };
        let margin = self.margin.map_or_else(
            || (dash(), String::new()),
            |m| {
                let average = Usd::from_f64(m.average).map_or_else(dash, dollars);
                (a_year(m.a_year), format!("on {average}"))
            },
        );
        let account = self.account.map_or_else(dash, a_year);
        let mut lines = vec![
            ("return", account, "XIRR".to_owned()),
            ("return on margin", margin.0, margin.1),
            ("return at risk", at_risk, about),
        ];
        if let Some((rate, made)) = &self.passive {
            let about = format!(
                "passive twin, same path; overlays made {} after costs",
                crate::text::signed_dollars(*made)
            );
            lines.push(("without overlays", rate.map_or_else(dash, a_year), about));
        }
        if let Some(rate) = self.at_risk_modified {
            lines.push(("modified return", a_year(rate), "MIRR".to_owned()));
        }
        if let Some(b) = &self.beta {
            let value = format!("{:.3} ± {:.3}", b.beta, b.beta_error);
            lines.push(("beta", value, format!("to {underlying}")));
        }
        lines
    }
}

/// What was at risk, out when a trade was opened and back with its profit when it ended.
fn at_risk(report: &Report) -> Option<Vec<CashFlow>> {
    let start = report.trades.iter().map(|t| t.opened.0).min()?;
    let at = |instant: Instant| (instant.0 - start) as f64 / (365.0 * 86_400.0);
    let mut flows = Vec::with_capacity(2 * report.trades.len());
    for trade in &report.trades {
        let risked = trade.max_loss?.to_f64();
        flows.push(CashFlow {
            years: at(trade.opened),
            amount: -risked,
        });
        flows.push(CashFlow {
            years: at(trade.ended),
            amount: risked + trade.pnl.share.to_f64(),
        });
    }
    Some(flows)
}

fn beta(report: &Report) -> Option<Capm> {
    let (mut own, mut market) = (Vec::new(), Vec::new());
    for (before, day) in report.days.iter().zip(report.days.iter().skip(1)) {
        let (Some(from), Some(to)) = (before.underlying, day.underlying) else {
            continue;
        };
        let base = before.equity.share.to_f64();
        if base <= 0.0 || from <= 0.0 {
            continue;
        }
        own.push((day.equity.share - before.equity.share).to_f64() / base);
        market.push(to / from - 1.0);
    }
    // An account that never moved has nothing to explain.
    let moved = own.iter().any(|r| *r != 0.0);
    capm(&own, &market, &vec![0.0; own.len()]).ok().filter(|_| moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Band, DataLabel, Day, Ending, Trade};

    fn at(day: u32) -> Instant {
        Instant(1_546_300_800 + i64::from(day) * 86_400)
    }

    fn date(day: u32) -> Date {
        Date::from_ymd_opt(2019, 1, 1).unwrap() + chrono::Days::new(u64::from(day))
    }

    fn usd(dollars: i64) -> Usd {
        Usd(dollars * 1_000_000)
    }

    fn trade(number: u32, (opened, ended): (u32, u32), max_loss: Option<i64>, pnl: i64) -> Trade {
        Trade {
            number,
            structure: "core".to_owned(),
            lots: 1,
            opened: at(opened),
            ended: at(ended),
            ending: Ending::Closed,
            opened_by: "p.open".to_owned(),
            ended_by: "p.close".to_owned(),
            rolls: 0,
            credit: usd(100),
            max_loss: max_loss.map(usd),
            pnl: Band::flat(usd(pnl)),
            fees: Usd::ZERO,
            contracts: 2,
            holdings: Vec::new(),
            linear: Vec::new(),
            approximate: false,
        }
    }

    fn day(n: u32, equity: i64, margin: i64, underlying: f64) -> Day {
        let equity = Band::flat(usd(equity));
        Day {
            date: date(n),
            equity,
            high: equity,
            fall: Band::default(),
            fall_from: equity,
            underlying: Some(underlying),
            open_positions: 1,
            margin: Some(usd(margin)),
            margin_max: None,
            margins: [None; 3],
            delta: None,
            gamma: None,
            vega: None,
            theta: None,
        }
    }

    fn report(days: Vec<Day>, trades: Vec<Trade>) -> Report {
        Report {
            strategy: "s".to_owned(),
            doc: String::new(),
            underlying: "SPX".to_owned(),
            period: (date(0), date(365)),
            ticks: 1,
            capital: usd(10_000),
            cross: "60% of the half-spread".to_owned(),
            depth: "unlimited".to_owned(),
            rulebook: "cboe".to_owned(),
            rulebooks: ["cboe", "ibkr", "portfolio"].map(ToOwned::to_owned),
            margin_calls: Vec::new(),
            data: DataLabel {
                label: String::new(),
                simulated: false,
                hash: String::new(),
                notes: Vec::new(),
            },
            marks: Vec::new(),
            gaps: Vec::new(),
            days,
            trades,
            firings: Vec::new(),
            rules: Vec::new(),
            thresholds: Vec::new(),
            settings: Vec::new(),
            hashes: Vec::new(),
            twin: Vec::new(),
            operator: None,
            stopped: None,
        }
    }

    /// By hand: 10,000 become 11,000 in 365 days. 1,000 of margin for 73 days and 2,000 for 73 more are 600 dollar-years. A trade
    /// that makes 100 on 400 in 73 days makes 1.25^5 − 1 a year.
    #[test]
    fn returns_of_a_year_worked_by_hand() {
        let days = vec![
            day(0, 10_000, 1_000, 100.0),
            day(73, 10_100, 2_000, 101.0),
            day(146, 10_201, 0, 102.01),
            day(365, 11_000, 0, 110.0),
        ];
        let found = Returns::of(&report(days, vec![trade(1, (0, 73), Some(400), 100)]));
        assert!((found.account.unwrap() - 0.1).abs() < 1e-12);
        let margin = found.margin.unwrap();
        assert!((margin.average - 600.0).abs() < 1e-9 && (margin.a_year - 1_000.0 / 600.0).abs() < 1e-9);
        let rate = found.at_risk.clone().unwrap().unwrap();
        assert!((rate - (1.25_f64.powi(5) - 1.0)).abs() < 1e-9, "{rate}");
        // The account moved with the market, one for one.
        assert!((found.beta.unwrap().beta - 1.0).abs() < 0.02);
        let lines = found.lines("SPX");
        assert_eq!(lines[0].1, "+10.0% a year");
        assert_eq!(lines[2].1, "+205.2% a year");
        // One trade has no idle cash: both rates are one.
        assert!((found.at_risk_modified.unwrap() - rate).abs() < 1e-9);
        assert_eq!(
            (lines[3].0, lines[3].1.as_str()),
            ("modified return", "+205.2% a year")
        );
    }

    /// By hand: 400 out, 500 back after 73 days, 500 out again on day 292, 450 back on day 365. With idle cash at nothing, 900
    /// paid have become 950 in a year: 950/900 − 1. The internal rate discounts instead.
    #[test]
    fn idle_cash_counts_in_the_modified_rate() {
        let trades = vec![
            trade(1, (0, 73), Some(400), 100),
            trade(2, (292, 365), Some(500), -50),
        ];
        let found = Returns::of(&report(vec![day(0, 10_000, 0, 100.0)], trades));
        assert!((found.at_risk_modified.unwrap() - (950.0 / 900.0 - 1.0)).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_said_is_not_said() {
        let bare = Returns::of(&report(Vec::new(), Vec::new()));
        assert_eq!((bare.account, bare.margin, bare.beta), (None, None, None));
        assert_eq!(bare.at_risk, None);
        let naked = Returns::of(&report(Vec::new(), vec![trade(1, (0, 9), None, 5)]));
        assert_eq!(naked.at_risk, None);
        // Everything lost: no rate above −100 % balances it.
        let lost = Returns::of(&report(Vec::new(), vec![trade(1, (0, 9), Some(400), -400)]));
        assert!(matches!(lost.at_risk, Some(Err(_))));
        assert!(lost.lines("SPX")[2].2.contains("one way"));
    }
}
