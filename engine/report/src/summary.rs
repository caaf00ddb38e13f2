//! The summary for programs: one JSON document, amounts as decimal strings so that no cent is lost on the way.

use crate::caveats;
use crate::edge::{Edge, Verdict};
use crate::model::{Attribution, Band, Report, attribution};
use crate::returns::Returns;
use crate::stats::{Drawdown, Stats};
use alula_market::money::Usd;
use alula_pricing::returns::IrrError;
use serde::Serialize;

/// Version of the document; raised when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 2;

#[derive(Serialize)]
struct Money {
    mid: String,
    share: String,
    natural: String,
}

impl From<Band> for Money {
    fn from(b: Band) -> Self {
        Self {
            mid: b.mid.to_string(),
            share: b.share.to_string(),
            natural: b.natural.to_string(),
        }
    }
}

#[derive(Serialize)]
struct Fall {
    depth: String,
    fraction: f64,
    from: Option<String>,
    to: Option<String>,
}

impl From<Drawdown> for Fall {
    fn from(d: Drawdown) -> Self {
        Self {
            depth: d.depth.to_string(),
            fraction: d.fraction(),
            from: d.from.map(|d| d.to_string()),
            to: d.to.map(|d| d.to_string()),
        }
    }
}

/// Rates as fractions a year.
#[derive(Serialize)]
struct Earned {
    account_xirr: Option<f64>,
    on_margin_a_year: Option<f64>,
    on_average_margin: Option<f64>,
    on_peak_margin: Option<f64>,
    average_margin: Option<f64>,
    at_risk_irr: Option<f64>,
    /// The same flows, money between trades earning nothing.
    at_risk_mirr: Option<f64>,
    /// Why there is no rate, where there are trades of bounded loss.
    at_risk_refused: Option<String>,
    /// All rates, where there are several.
    at_risk_rates: Vec<f64>,
    beta: Option<f64>,
    beta_error: Option<f64>,
}

impl From<Returns> for Earned {
    fn from(r: Returns) -> Self {
        let refused = r.at_risk.as_ref().and_then(|found| found.as_ref().err());
        Self {
            account_xirr: r.account,
            on_margin_a_year: r.margin.map(|m| m.a_year),
            on_average_margin: r.margin.map(|m| m.on_average),
            on_peak_margin: r.margin.map(|m| m.on_peak),
            average_margin: r.margin.map(|m| m.average),
            at_risk_irr: r.at_risk.as_ref().and_then(|found| found.as_ref().ok().copied()),
            at_risk_mirr: r.at_risk_modified,
            at_risk_refused: refused.map(ToString::to_string),
            at_risk_rates: match refused {
                Some(IrrError::Several(rates)) => rates.iter().map(|r| r.rate).collect(),
                _ => Vec::new(),
            },
            beta: r.beta.map(|b| b.beta),
            beta_error: r.beta.map(|b| b.beta_error),
        }
    }
}

/// See [`crate::model::attribution`]; `kind` is `owner` (a structure, a layer or an overlay), `hedge` (the sum of its layers)
/// or `book` (everything).
#[derive(Serialize)]
struct Owner {
    owner: String,
    kind: &'static str,
    trades: u32,
    rolls: u32,
    pnl: Money,
    fees: String,
}

impl From<Attribution> for Owner {
    fn from(a: Attribution) -> Self {
        Self {
            owner: a.owner,
            kind: a.sum.word(),
            trades: a.trades,
            rolls: a.rolls,
            pnl: a.pnl.into(),
            fees: a.fees.to_string(),
        }
    }
}

#[derive(Serialize)]
struct OneTrade {
    number: u32,
    structure: String,
    lots: i64,
    opened: String,
    ended: Option<String>,
    opened_by: String,
    ended_by: String,
    rolls: u32,
    credit: String,
    pnl: Money,
    fees: String,
}

#[derive(Serialize)]
struct Rule {
    key: String,
    was_true: u64,
    was_false: u64,
    was_unknown: u64,
    fired: u64,
}

/// See [`crate::edge`]. Shares are of the half-spread.
#[derive(Serialize)]
struct BreakEven {
    verdict: &'static str,
    share: Option<f64>,
    paid_share: Option<f64>,
    contracts: i64,
    spare_per_contract: Option<String>,
    text: String,
}

impl BreakEven {
    fn of(report: &Report) -> Self {
        let edge = Edge::of(report);
        let (verdict, share) = match edge.verdict {
            Verdict::NoTrades => ("no_trades", None),
            Verdict::NoEdge => ("no_edge", None),
            Verdict::SurvivesNatural => ("survives_natural", None),
            Verdict::DiesAt(share) => ("dies", Some(share)),
        };
        Self {
            verdict,
            share,
            paid_share: edge.paid,
            contracts: edge.contracts,
            spare_per_contract: edge.spare_per_contract.map(|s| s.to_string()),
            text: edge.long(),
        }
    }
}

/// One rulebook's margin over the run, at session ends.
#[derive(Serialize)]
struct Margin {
    rulebook: String,
    enforced: bool,
    highest: Option<String>,
    return_on_margin: Option<f64>,
}

#[derive(Serialize)]
struct Call {
    at: String,
    required: String,
    available: String,
    shortfall: String,
    ended: Option<String>,
    flattened: bool,
}

#[derive(Serialize)]
struct Document {
    schema_version: u32,
    run: String,
    strategy: String,
    simulated: bool,
    data: String,
    data_hash: String,
    from: String,
    to: String,
    sessions: usize,
    ticks: u64,
    capital: String,
    cross: String,
    depth: String,
    break_even: BreakEven,
    pnl: Money,
    return_on_capital: f64,
    returns: Earned,
    drawdown: Fall,
    drawdown_natural: Fall,
    trades_ended: usize,
    trades_open: usize,
    wins: usize,
    win_rate: Option<f64>,
    profit_factor: Option<f64>,
    average_credit_per_lot: Option<String>,
    highest_margin: Option<String>,
    margins: Vec<Margin>,
    margin_calls: Vec<Call>,
    fees: String,
    rolls: u32,
    unknown_conditions: u64,
    gaps: Vec<String>,
    marks: Vec<String>,
    caveats: Vec<String>,
    hashes: std::collections::BTreeMap<String, String>,
    attribution: Vec<Owner>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<crate::operator::View>,
    trades: Vec<OneTrade>,
    rules: Vec<Rule>,
}

/// The document; `run` is where the run folder is.
#[must_use]
pub fn json(report: &Report, run: &str) -> String {
    let s = Stats::of(report);
    let money = |m: Option<Usd>| m.map(|m| m.to_string());
    let document = Document {
        schema_version: SCHEMA_VERSION,
        run: run.to_owned(),
        strategy: report.strategy.clone(),
        simulated: report.data.simulated,
        data: report.data.label.clone(),
        data_hash: report.data.hash.clone(),
        from: report.period.0.to_string(),
        to: report.period.1.to_string(),
        sessions: report.days.len(),
        ticks: report.ticks,
        capital: report.capital.to_string(),
        cross: report.cross.clone(),
        depth: report.depth.clone(),
        break_even: BreakEven::of(report),
        pnl: s.pnl.into(),
        return_on_capital: s.return_on_capital,
        returns: Returns::of(report).into(),
        drawdown: s.drawdown.into(),
        drawdown_natural: s.drawdown_natural.into(),
        trades_ended: s.closed,
        trades_open: s.open,
        wins: s.wins,
        win_rate: s.win_rate,
        profit_factor: s.profit_factor,
        average_credit_per_lot: money(s.average_credit_per_lot),
        highest_margin: money(s.margin_peak),
        margins: report
            .rulebooks
            .iter()
            .zip(s.margins)
            .map(|(name, (highest, on_margin))| Margin {
                rulebook: name.clone(),
                enforced: *name == report.rulebook,
                highest: money(highest),
                return_on_margin: on_margin,
            })
            .collect(),
        margin_calls: report
            .margin_calls
            .iter()
            .map(|c| Call {
                at: c.at.to_string(),
                required: c.required.to_string(),
                available: c.available.to_string(),
                shortfall: c.shortfall.to_string(),
                ended: c.ended.map(|t| t.to_string()),
                flattened: c.flattened,
            })
            .collect(),
        fees: s.fees.to_string(),
        rolls: s.rolls,
        unknown_conditions: s.unknowns,
        gaps: report.gaps.iter().map(ToString::to_string).collect(),
        marks: report.marks.clone(),
        caveats: caveats::lines(report),
        hashes: report.hashes.iter().cloned().collect(),
        attribution: attribution(report).into_iter().map(Owner::from).collect(),
        operator: report
            .operator
            .as_ref()
            .map(|o| crate::operator::View::of(o, usize::MAX, |usd| usd.to_string())),
        trades: report
            .trades
            .iter()
            .map(|t| OneTrade {
                number: t.number,
                structure: t.structure.clone(),
                lots: t.lots,
                opened: t.opened.to_string(),
                ended: (t.ending != crate::model::Ending::Open).then(|| t.ended.to_string()),
                opened_by: t.opened_by.clone(),
                ended_by: t.ended_by.clone(),
                rolls: t.rolls,
                credit: t.credit.to_string(),
                pnl: t.pnl.into(),
                fees: t.fees.to_string(),
            })
            .collect(),
        rules: report
            .rules
            .iter()
            .map(|r| Rule {
                key: r.key.clone(),
                was_true: r.was_true,
                was_false: r.was_false,
                was_unknown: r.was_unknown,
                fired: r.fired,
            })
            .collect(),
    };
    // Strings, numbers and lists serialise without error.
    serde_json::to_string_pretty(&document)
        .map(|t| t + "\n")
        .unwrap_or_default()
}
