//! `report.html`: one file that needs nothing else, neither network nor font nor script.

use crate::chart::{self, Size};
use crate::edge::{Edge, Verdict};
use crate::model::{self, Attribution, Ending, MarginCall, Report, Sum, Trade};
use crate::returns::Returns;
use crate::stats::Stats;
use crate::{caveats, text, words};
use minijinja::value::Serde;
use minijinja::{Environment, Value};
use serde::Serialize;

/// Decisions explained in the page at most; the run folder has all of them.
pub const DECISIONS_MAX: usize = 400;

/// The page could not be written: the template does not fit its values.
#[derive(Debug, thiserror::Error)]
#[error("the report page could not be written: {0}")]
pub struct HtmlError(#[from] minijinja::Error);

#[derive(Serialize)]
struct Pair {
    wide: String,
    narrow: String,
}

impl Pair {
    fn of(draw: impl Fn(Size) -> String) -> Self {
        Self {
            wide: draw(Size::Wide),
            narrow: draw(Size::Narrow),
        }
    }
}

#[derive(Serialize)]
struct GreekView {
    name: &'static str,
    unit: &'static str,
    wide: String,
    narrow: String,
}

#[derive(Serialize)]
struct Figure {
    name: &'static str,
    value: String,
    note: String,
    class: &'static str,
}

#[derive(Serialize)]
struct TradeView {
    number: u32,
    opened: String,
    ended: String,
    days: i64,
    lots: String,
    legs: Vec<String>,
    credit: String,
    pnl: String,
    band: String,
    class: &'static str,
    of_credit: String,
    fees: String,
    ended_by: String,
}

#[derive(Serialize)]
struct OwnerView {
    owner: String,
    sum: bool,
    trades: String,
    rolls: String,
    pnl: String,
    class: &'static str,
    natural: String,
    mid: String,
    fees: String,
}

/// Rows of the table of what the P&L comes from; none where a single owner made all of it.
fn owners(report: &Report) -> Vec<OwnerView> {
    let rows = model::attribution(report);
    if rows.len() < 2 {
        return Vec::new();
    }
    let view = |row: Attribution| OwnerView {
        sum: row.sum != Sum::None,
        trades: text::count(row.trades),
        rolls: text::count(row.rolls),
        pnl: text::signed_dollars(row.pnl.share),
        class: tone(row.pnl.share),
        natural: text::signed_dollars(row.pnl.natural),
        mid: text::signed_dollars(row.pnl.mid),
        fees: text::dollars(row.fees),
        owner: row.owner,
    };
    rows.into_iter().map(view).collect()
}

#[derive(Serialize)]
struct RuleView<'a> {
    key: &'a str,
    text: &'a str,
    was_true: String,
    was_false: String,
    was_unknown: String,
    some_unknown: bool,
    fired: String,
}

#[derive(Serialize)]
struct FiringView<'a> {
    at: String,
    key: &'a str,
    action: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct ThresholdView<'a> {
    name: &'a str,
    value: &'a str,
    default: &'a str,
    range: &'a str,
    doc: &'a str,
    changed: bool,
}

#[derive(Serialize)]
struct MarginView<'a> {
    rulebook: &'a str,
    enforced: bool,
    highest: String,
    on_margin: String,
}

#[derive(Serialize)]
struct CallView {
    at: String,
    ended: String,
    required: String,
    available: String,
    shortfall: String,
    flattened: bool,
}

fn margins<'a>(report: &'a Report, stats: &Stats) -> Vec<MarginView<'a>> {
    let dash = || "–".to_owned();
    let pairs = report.rulebooks.iter().zip(stats.margins);
    pairs
        .map(|(name, (highest, on_margin))| MarginView {
            rulebook: name,
            enforced: *name == report.rulebook,
            highest: highest.map_or_else(dash, text::dollars),
            on_margin: on_margin.map_or_else(dash, text::signed_percent),
        })
        .collect()
}

fn call(c: &MarginCall) -> CallView {
    CallView {
        at: c.at.to_string(),
        ended: c
            .ended
            .map_or_else(|| "not within the run".to_owned(), |t| t.to_string()),
        required: text::dollars(c.required),
        available: text::dollars(c.available),
        shortfall: text::dollars(c.shortfall),
        flattened: c.flattened,
    }
}

/// Everything the template names.
#[derive(Serialize)]
struct Page<'a> {
    css: &'static str,
    js: &'static str,
    version: &'static str,
    strategy: &'a str,
    doc: &'a str,
    underlying: &'a str,
    from: String,
    to: String,
    sessions: String,
    ticks: String,
    simulated: bool,
    data_label: &'a str,
    data_hash: &'a str,
    marks: &'a [String],
    gaps: bool,
    gap_words: String,
    stopped: Option<&'a str>,
    cross: &'a str,
    figures: Vec<Figure>,
    equity: Pair,
    drawdown: Pair,
    trades_chart: Pair,
    firings_chart: Pair,
    greeks: Vec<GreekView>,
    owners: Vec<OwnerView>,
    trades: Vec<TradeView>,
    some_linear: bool,
    rules: Vec<RuleView<'a>>,
    edge: String,
    margins: Vec<MarginView<'a>>,
    margin_calls: Vec<CallView>,
    operator: Option<crate::operator::View>,
    firings_left_out: usize,
    firings: Vec<FiringView<'a>>,
    caveats: Vec<String>,
    thresholds: Vec<ThresholdView<'a>>,
    settings: &'a [(String, String)],
    hashes: &'a [(String, String)],
    days: String,
}

/// Values behind the pointer's read-out, as columns.
#[derive(Default, Serialize)]
struct DaysView {
    at: Vec<i64>,
    date: Vec<String>,
    mid: Vec<f64>,
    share: Vec<f64>,
    natural: Vec<f64>,
    fall: Vec<f64>,
    price: Vec<Option<f64>>,
    open: Vec<u32>,
    delta: Vec<Option<f64>>,
    gamma: Vec<Option<f64>>,
    vega: Vec<Option<f64>>,
    theta: Vec<Option<f64>>,
}

/// Rounds for the page: six significant digits are more than a pointer can tell apart.
fn brief(x: f64) -> Option<f64> {
    format!("{x:.5e}").parse().ok().filter(|v: &f64| v.is_finite())
}

fn days(report: &Report) -> String {
    let mut view = DaysView::default();
    let mut peak = report.capital;
    for d in &report.days {
        peak = peak.max(d.equity.share);
        view.at.push(chart::session_end(d.date));
        view.date.push(d.date.to_string());
        view.mid.push(d.equity.mid.round_to_cents().to_f64());
        view.share.push(d.equity.share.round_to_cents().to_f64());
        view.natural.push(d.equity.natural.round_to_cents().to_f64());
        view.fall.push((d.equity.share - peak).round_to_cents().to_f64());
        view.price.push(d.underlying.and_then(brief));
        view.open.push(d.open_positions);
        view.delta.push(d.delta.and_then(brief));
        view.gamma.push(d.gamma.and_then(brief));
        view.vega.push(d.vega.and_then(brief));
        view.theta.push(d.theta.and_then(brief));
    }
    // A page must not be able to end the script element from inside a string.
    serde_json::to_string(&view)
        .unwrap_or_else(|_| "{}".to_owned())
        .replace('<', "\\u003c")
}

fn tone(amount: alula_market::money::Usd) -> &'static str {
    match amount.0 {
        1.. => "good",
        0 => "",
        _ => "bad",
    }
}

fn figures(report: &Report, s: &Stats) -> Vec<Figure> {
    let figure = |name, value, note, class| Figure {
        name,
        value,
        note,
        class,
    };
    let dash = || "–".to_owned();
    let mut out = vec![
        figure(
            "P&L",
            text::signed_dollars(s.pnl.share),
            format!(
                "{} natural … {} mid",
                text::signed_dollars(s.pnl.natural),
                text::signed_dollars(s.pnl.mid)
            ),
            if s.pnl.share.0 < 0 {
                "lead bad"
            } else {
                "lead good"
            },
        ),
        figure(
            "return on capital",
            text::signed_percent(s.return_on_capital),
            format!("capital {}", text::dollars(report.capital)),
            tone(s.pnl.share),
        ),
        figure(
            "max drawdown",
            text::dollars(s.drawdown.depth),
            format!("{} of the peak", text::percent(s.drawdown.fraction())),
            "",
        ),
        figure(
            "trades",
            text::count(s.closed + s.open),
            format!(
                "{} ended, {} open, {}",
                s.closed,
                s.open,
                text::plural(s.rolls as usize, "roll")
            ),
            "",
        ),
        figure(
            "win rate",
            s.win_rate.map_or_else(dash, text::percent),
            format!("{} of {}", s.wins, s.closed),
            "",
        ),
        figure(
            "average win / loss",
            format!(
                "{} / {}",
                s.average_win.map_or_else(dash, text::dollars),
                s.average_loss.map_or_else(dash, text::dollars)
            ),
            s.profit_factor
                .map_or_else(String::new, |f| format!("profit factor {f:.2}")),
            "",
        ),
    ];
    if let Some((number, pnl)) = s.worst {
        out.push(figure(
            "worst trade",
            text::signed_dollars(pnl),
            format!("trade {number}"),
            tone(pnl),
        ));
    }
    if let Some(credit) = s.average_credit_per_lot {
        let days = s
            .average_days
            .map_or_else(String::new, |d| format!("held {d:.0} days on average"));
        out.push(figure("credit per lot", text::dollars(credit), days, ""));
    }
    out.push(figure("fees", text::dollars(s.fees), String::new(), ""));
    let edge = Edge::of(report);
    let (value, class) = match edge.verdict {
        Verdict::NoTrades => (dash(), ""),
        Verdict::NoEdge => ("none".to_owned(), "bad"),
        Verdict::SurvivesNatural => ("beyond natural".to_owned(), "good"),
        Verdict::DiesAt(share) => (
            text::percent(share),
            if edge.paid.is_some_and(|p| p > share) {
                "bad"
            } else {
                "good"
            },
        ),
    };
    out.push(figure("break-even cost", value, edge.note(), class));
    if let Some(margin) = s.margin_peak {
        let share = margin.to_f64() / report.capital.to_f64().max(0.01);
        out.push(figure(
            "highest margin",
            text::dollars(margin),
            format!("{} of capital, by {}", text::percent(share), report.rulebook),
            "",
        ));
    }
    for (name, value, about) in Returns::of(report).lines(&report.underlying) {
        out.push(figure(name, value, about, ""));
    }
    let (unknowns, gaps) = (
        text::count(s.unknowns),
        text::plural(report.gaps.len(), "session"),
    );
    out.push(figure(
        "unknown conditions",
        unknowns,
        format!("{gaps} without data"),
        "",
    ));
    out
}

fn trade(t: &Trade, home: &str) -> TradeView {
    let ended = match t.ending {
        Ending::Open => "open".to_owned(),
        Ending::Closed | Ending::Settled => t.ended.date().to_string(),
    };
    let of_credit = if t.credit.0 > 0 {
        text::signed_percent(t.pnl.share.to_f64() / t.credit.to_f64())
    } else {
        "–".to_owned()
    };
    TradeView {
        number: t.number,
        opened: t.opened.date().to_string(),
        ended,
        days: (t.ended.date() - t.opened.date()).num_days(),
        lots: text::count(t.lots),
        legs: (t.holdings.iter().map(|h| words::held(h, home, words::legs)))
            .chain((!t.linear.is_empty()).then(|| words::linear(&t.linear)))
            .collect(),
        credit: text::dollars(t.credit),
        pnl: text::signed_dollars(t.pnl.share),
        band: format!(
            "{} … {}",
            text::signed_dollars(t.pnl.natural),
            text::signed_dollars(t.pnl.mid)
        ),
        class: tone(t.pnl.share),
        of_credit,
        fees: text::dollars(t.fees),
        ended_by: if t.approximate {
            format!("{} (approximate)", t.ended_by)
        } else {
            t.ended_by.clone()
        },
    }
}

/// The whole page.
///
/// # Errors
/// When the template does not fit its values, which would be a defect of this crate.
pub fn render(report: &Report) -> Result<String, HtmlError> {
    let stats = Stats::of(report);
    let rules: Vec<RuleView<'_>> = report
        .rules
        .iter()
        .map(|r| RuleView {
            key: &r.key,
            text: &r.text,
            was_true: text::count(r.was_true),
            was_false: text::count(r.was_false),
            was_unknown: text::count(r.was_unknown),
            some_unknown: r.was_unknown > 0,
            fired: text::count(r.fired),
        })
        .collect();
    let firings: Vec<FiringView<'_>> = report
        .firings
        .iter()
        .take(DECISIONS_MAX)
        .map(|f| FiringView {
            at: f.at.to_string(),
            key: &f.key,
            action: &f.action,
            why: &f.why,
        })
        .collect();
    let thresholds: Vec<ThresholdView<'_>> = report
        .thresholds
        .iter()
        .map(|t| ThresholdView {
            name: &t.name,
            value: &t.value,
            default: &t.default,
            range: &t.range,
            doc: &t.doc,
            changed: t.changed,
        })
        .collect();
    let greeks: Vec<GreekView> = chart::Greek::ALL
        .into_iter()
        .filter(|g| report.days.iter().any(|d| g.of(d).is_some()))
        .map(|g| {
            let (name, unit) = g.title();
            let Pair { wide, narrow } = Pair::of(|size| chart::greek(report, g, size));
            GreekView {
                name,
                unit,
                wide,
                narrow,
            }
        })
        .collect();
    let mut env = Environment::new();
    env.add_template("report.html", include_str!("../templates/report.html"))?;
    let page = Page {
        css: include_str!("../templates/report.css"),
        js: include_str!("../templates/report.js"),
        version: env!("CARGO_PKG_VERSION"),
        strategy: &report.strategy,
        doc: &report.doc,
        underlying: &report.underlying,
        from: report.period.0.to_string(),
        to: report.period.1.to_string(),
        sessions: text::count(report.days.len()),
        ticks: text::count(report.ticks),
        simulated: report.data.simulated,
        data_label: &report.data.label,
        data_hash: text::short_hash(&report.data.hash),
        marks: &report.marks,
        gaps: !report.gaps.is_empty(),
        gap_words: format!("{} without data", text::plural(report.gaps.len(), "session")),
        stopped: report.stopped.as_deref(),
        cross: &report.cross,
        figures: figures(report, &stats),
        equity: Pair::of(|size| chart::equity(report, size)),
        drawdown: Pair::of(|size| chart::drawdown(report, size)),
        trades_chart: Pair::of(|size| chart::trades(report, size)),
        firings_chart: Pair::of(|size| chart::firings(report, size)),
        greeks,
        owners: owners(report),
        trades: report
            .trades
            .iter()
            .map(|t| trade(t, &report.underlying))
            .collect(),
        some_linear: report.trades.iter().any(|t| !t.linear.is_empty()),
        rules,
        edge: Edge::of(report).long(),
        margins: margins(report, &stats),
        margin_calls: report.margin_calls.iter().map(call).collect(),
        operator: report
            .operator
            .as_ref()
            .map(|o| crate::operator::View::of(o, crate::operator::CHANGES_MAX, text::signed_dollars)),
        firings_left_out: report.firings.len().saturating_sub(firings.len()),
        firings,
        caveats: caveats::lines(report),
        thresholds,
        settings: &report.settings,
        hashes: &report.hashes,
        days: days(report),
    };
    let page = env
        .get_template("report.html")?
        .render(Value::from(Serde(&page)))?;
    Ok(page)
}
