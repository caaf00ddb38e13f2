//! From what a run yields to what a report shows.

use crate::model::{
    DataLabel, Day, Ending, Firing, FiringKind, Holding, Leg, LinearHeld, MarginCall, Report, RuleStats,
    ThresholdValue, Trade,
};
use crate::text;
use alula_book::ExecutionKind;
use alula_book::instrument::Flow;
use alula_core::decision::RuleKind;
use alula_market::contract::{Right, Root};
use alula_market::money::Price;
use alula_market::time::{Date, Instant};
use alula_run::output::{DecisionRow, LinearRow, MarginCallRow, PositionRow, RunOutput, TradeRow};
use std::collections::BTreeMap;

/// The report of a run. `why` puts a decision's reason in plain words; it is asked for decisions that did something.
#[must_use]
pub fn from_run(run: &RunOutput, mut why: impl FnMut(&DecisionRow) -> String) -> Report {
    let m = &run.manifest;
    let first = run
        .daily
        .first()
        .map(|d| d.date)
        .or_else(|| m.first_tick.map(Instant::date))
        .or(m.from);
    let last = run
        .daily
        .last()
        .map(|d| d.date)
        .or_else(|| m.last_tick.map(Instant::date))
        .or(m.to);
    let end = m.last_tick.unwrap_or_default();
    // Simulation and gaps have places of their own in every report.
    let elsewhere = |mark: &&String| !mark.starts_with("simulated:") && !mark.starts_with("gaps:");
    let mut marks: Vec<String> = m
        .marks
        .iter()
        .filter(elsewhere)
        .map(|mark| mark.strip_prefix("open: ").unwrap_or(mark).to_owned())
        .collect();
    if !m.empty_chains.is_empty() {
        marks.push(format!(
            "{} without a usable chain",
            text::plural(m.empty_chains.len(), "snapshot")
        ));
    }
    Report {
        strategy: m.strategy.clone(),
        doc: m.doc.clone(),
        underlying: m.underlying.clone(),
        period: (first.unwrap_or_default(), last.or(first).unwrap_or_default()),
        ticks: m.ticks,
        capital: m.capital,
        cross: share_words(&m.settings),
        depth: m
            .settings
            .get("depth")
            .cloned()
            .unwrap_or_else(|| "unlimited".to_owned()),
        rulebook: rulebook(&m.settings),
        rulebooks: rulebooks(&rulebook(&m.settings)),
        margin_calls: run.margin_calls.iter().map(margin_call).collect(),
        data: DataLabel {
            label: m.data_label.clone(),
            simulated: m.simulated,
            hash: m.hashes.get("data").cloned().unwrap_or_default(),
            notes: m.data_notes.clone(),
        },
        marks,
        gaps: m.gaps.clone(),
        days: run.daily.iter().map(day).collect(),
        trades: run.positions.iter().map(|p| trade(p, run, end)).collect(),
        firings: run
            .decisions
            .iter()
            .filter_map(|d| firing(d, run, &mut why))
            .collect(),
        rules: run
            .rules
            .iter()
            .map(|r| RuleStats {
                key: r.key.clone(),
                text: r.text.clone(),
                was_true: r.was_true,
                was_false: r.was_false,
                was_unknown: r.was_unknown,
                fired: r.fired,
            })
            .collect(),
        thresholds: m
            .thresholds
            .iter()
            .map(|t| ThresholdValue {
                name: t.name.clone(),
                value: with_suffix(t.value, &t.suffix),
                default: with_suffix(t.default, &t.suffix),
                range: format!(
                    "{}..{}",
                    with_suffix(t.min, &t.suffix),
                    with_suffix(t.max, &t.suffix)
                ),
                doc: t.doc.clone(),
                changed: t.value.to_bits() != t.default.to_bits(),
            })
            .collect(),
        settings: m.settings.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        hashes: m
            .hashes
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .chain([
                ("run".to_owned(), m.run_id.clone()),
                ("decisions".to_owned(), m.chain.clone()),
            ])
            .collect(),
        twin: run.twin.iter().map(|t| (t.date, t.equity)).collect(),
        stopped: None,
        operator: crate::operator::Operator::of(run),
    }
}

/// What a fill gives up, from the settings: `60% of spread` or `by legs`.
fn share_words(settings: &BTreeMap<String, String>) -> String {
    match settings.get("cross").map(String::as_str) {
        Some("by legs") => "75% (one leg) to 56% (four) of the half-spread".to_owned(),
        said => {
            let share = said.and_then(|v| v.split('%').next()?.trim().parse::<f64>().ok());
            format!("{:.0}% of the half-spread", share.unwrap_or(100.0))
        }
    }
}

/// The enforced rulebook's name: `cboe` of `cboe, flatten on call`.
fn rulebook(settings: &BTreeMap<String, String>) -> String {
    let said = settings.get("margin").and_then(|m| m.split(',').next());
    said.unwrap_or("cboe").trim().to_owned()
}

/// The rulebooks of [`alula_run::output::DailyRow::margins`].
fn rulebooks(enforced: &str) -> [String; 3] {
    let portfolio = if enforced.starts_with("portfolio") {
        enforced
    } else {
        "portfolio"
    };
    ["cboe", "ibkr", portfolio].map(ToOwned::to_owned)
}

fn margin_call(c: &MarginCallRow) -> MarginCall {
    MarginCall {
        at: c.at,
        required: c.required,
        available: c.available,
        shortfall: c.shortfall_max,
        ended: c.ended_at,
        flattened: c.flattened,
    }
}

/// Contracts that the orders of a position traded, of futures too; shares are no contracts.
fn contracts(number: u32, run: &RunOutput) -> i64 {
    let orders = run
        .trades
        .iter()
        .filter(|t| t.position == number && t.kind != ExecutionKind::Settle);
    let options: i64 = orders
        .map(|t| i64::from(t.lots) * t.legs.iter().map(|l| l.ratio.abs()).sum::<i64>())
        .sum();
    let traded = run
        .linear
        .iter()
        .filter(|l| l.position == number && l.flow == Flow::Trade && l.expiry.is_some());
    options + traded.map(|l| l.quantity.abs()).sum::<i64>()
}

/// A canonical value as it is written in a thresholds file: 0.16 with suffix `delta` is `16 delta`.
#[must_use]
pub fn with_suffix(value: f64, suffix: &str) -> String {
    let (scale, before, after) = match suffix {
        "%" => (100.0, "", "%"),
        "bps" => (10_000.0, "", " bps"),
        "delta" => (100.0, "", " delta"),
        "$" => (1.0, "$", ""),
        "" => (1.0, "", ""),
        other => return format!("{} {other}", number(value)),
    };
    let text = number(value * scale);
    match text.strip_prefix('-') {
        Some(rest) => format!("-{before}{rest}{after}"),
        None => format!("{before}{text}{after}"),
    }
}

/// A number with at most six decimals and no idle zeros; scaling by 100 must not show as 14.000000000000002.
fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    text::tidy_zero(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

fn day(d: &alula_run::output::DailyRow) -> Day {
    Day {
        date: d.date,
        equity: d.equity,
        high: d.equity + d.drawdown,
        fall: d.drawdown_max,
        fall_from: d.drawdown_peak,
        underlying: d.underlying.map(Price::to_f64),
        open_positions: d.positions,
        margin: d.margin,
        margin_max: d.margin_max,
        margins: d.margins,
        delta: d.greeks.map(|g| g.delta),
        gamma: d.greeks.map(|g| g.gamma),
        vega: d.greeks.map(|g| g.vega),
        theta: d.greeks.map(|g| g.theta),
    }
}

/// Contracts per package, by expiry, right and strike.
type Package = BTreeMap<(Date, String, Right, Price), i64>;

fn legs(package: &Package) -> Vec<Leg> {
    let mut legs: Vec<Leg> = package
        .iter()
        .map(|((expiry, _, right, strike), ratio)| Leg {
            ratio: *ratio,
            right: *right,
            strike: *strike,
            expiry: *expiry,
        })
        .collect();
    legs.sort_by_key(|l| (l.strike, l.right, l.expiry));
    legs
}

/// What a package's options are on; a package is on one underlying.
fn underlying(package: &Package) -> String {
    let Some((_, root, _, _)) = package.keys().next() else {
        return String::new();
    };
    Root::parse(root).map_or_else(|| root.clone(), |r| r.underlying().to_owned())
}

/// Replays the fills of a position: what was held from when to when.
fn holdings(number: u32, trades: &[TradeRow], end: Instant) -> Vec<Holding> {
    let mut out: Vec<Holding> = Vec::new();
    let mut package = Package::new();
    let mut lots = 0_i64;
    for row in trades.iter().filter(|t| t.position == number) {
        let partial = row.kind == ExecutionKind::Close && i64::from(row.lots) < lots;
        match row.kind {
            ExecutionKind::Open => lots += i64::from(row.lots),
            ExecutionKind::Close => lots -= i64::from(row.lots),
            ExecutionKind::Roll | ExecutionKind::Settle => {}
        }
        // Fewer packages of the same legs are the same picture.
        if partial {
            continue;
        }
        if let Some(last) = out.last_mut() {
            last.to = row.at;
        }
        for leg in &row.legs {
            let right = if leg.right == "put" {
                Right::Put
            } else {
                Right::Call
            };
            let key = (leg.expiry, leg.root.clone(), right, leg.strike);
            let held = package.entry(key.clone()).or_insert(0);
            *held += leg.ratio;
            if *held == 0 {
                package.remove(&key);
            }
        }
        if !package.is_empty() {
            out.push(Holding {
                from: row.at,
                to: end.max(row.at),
                underlying: underlying(&package),
                legs: legs(&package),
            });
        }
    }
    out
}

/// Replays a position's futures and shares: the most held of each, in the order of their first trades.
fn linear(number: u32, rows: &[LinearRow]) -> Vec<LinearHeld> {
    // Quantity held now, beside the largest so far.
    let mut out: Vec<(i64, LinearHeld)> = Vec::new();
    for row in rows.iter().filter(|r| r.position == number) {
        let place = out.iter().position(|(_, held)| held.symbol == row.symbol);
        let index = place.unwrap_or(out.len());
        if place.is_none() {
            let symbol = row.symbol.clone();
            out.push((0, LinearHeld { symbol, quantity: 0 }));
        }
        if let Some((now, most)) = out.get_mut(index) {
            *now = now.saturating_add(row.quantity);
            if now.unsigned_abs() > most.quantity.unsigned_abs() {
                most.quantity = *now;
            }
        }
    }
    out.into_iter().map(|(_, held)| held).collect()
}

fn trade(p: &PositionRow, run: &RunOutput, end: Instant) -> Trade {
    let ending = match p.closed_at {
        None => Ending::Open,
        Some(_) if p.closed_by == "expiry" => Ending::Settled,
        Some(_) => Ending::Closed,
    };
    Trade {
        number: p.number,
        structure: p.structure.clone(),
        lots: i64::from(p.lots),
        opened: p.opened_at,
        ended: p.closed_at.unwrap_or(end),
        ending,
        opened_by: p.opened_by.clone(),
        ended_by: p.closed_by.clone(),
        rolls: p.rolls,
        credit: p.credit.share,
        max_loss: p.max_loss,
        pnl: p.pnl,
        fees: p.fees,
        contracts: contracts(p.number, run),
        holdings: holdings(p.number, &run.trades, end),
        linear: linear(p.number, &run.linear),
        approximate: p.approximate,
    }
}

fn firing(d: &DecisionRow, run: &RunOutput, why: &mut impl FnMut(&DecisionRow) -> String) -> Option<Firing> {
    let kind = match (d.verdict.as_str(), d.kind) {
        ("guarded", _) => FiringKind::Guard,
        ("ordered", RuleKind::Open) => FiringKind::Open,
        ("ordered", RuleKind::Close | RuleKind::Guard) => FiringKind::Close,
        ("ordered", RuleKind::Roll | RuleKind::Hedge) => FiringKind::Roll,
        _ => return None,
    };
    let order = d
        .order
        .as_ref()
        .and_then(|id| run.orders.iter().find(|o| o.id == *id));
    let outcome = order.map(|o| match (o.status.as_str(), o.ended_at) {
        ("filled", Some(at)) => format!("; filled {at}"),
        (status, _) if o.reason.is_empty() => format!("; {status}"),
        (status, _) => format!("; {status}: {}", o.reason),
    });
    let named = d.detail.contains("position");
    let of = d
        .position
        .filter(|_| !named)
        .map(|p| format!(" (position {p})"))
        .unwrap_or_default();
    Some(Firing {
        at: d.at,
        key: d.key.clone(),
        kind,
        action: format!("{}{of}{}", d.detail, outcome.unwrap_or_default()),
        why: why(d),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alula_book::Band;
    use alula_market::money::Usd;
    use alula_run::output::TradeLegRow;

    #[test]
    fn futures_are_told_by_the_most_that_was_held_of_each() {
        let at = Instant::from_eastern(Date::from_ymd_opt(2019, 6, 5).unwrap(), 15, 45).unwrap();
        let row = |position: u32, symbol: &str, quantity: i64| LinearRow {
            sequence: 0,
            at,
            decided_at: at,
            flow: Flow::Trade,
            position,
            structure: "flat".to_owned(),
            key: "flat".to_owned(),
            order: "O1".to_owned(),
            symbol: symbol.to_owned(),
            expiry: None,
            quantity,
            price: Band::flat(Price::ZERO),
            cash: Band::flat(Usd::ZERO),
            fees: Usd::ZERO,
            approximate: false,
        };
        let rows = [
            row(1, "ESM19", -3),
            row(2, "SPY", 100),
            row(1, "ESM19", -1),
            row(1, "ESM19", 4),
            row(1, "ESU19", 2),
        ];
        assert_eq!(crate::words::linear(&linear(1, &rows)), "−4 ESM19 +2 ESU19");
        assert!(linear(3, &rows).is_empty());
    }

    fn fill(day: u32, kind: ExecutionKind, lots: u32, legs: &[(i64, i64)]) -> TradeRow {
        let date = Date::from_ymd_opt(2019, 5, day).unwrap();
        let at = Instant::from_eastern(date, 15, 45).unwrap();
        let zero = Band::flat(Price::ZERO);
        let leg = |&(ratio, strike): &(i64, i64)| TradeLegRow {
            root: "SPXW".to_owned(),
            expiry: Date::from_ymd_opt(2019, 5, 31).unwrap(),
            right: "put".to_owned(),
            strike: Price(strike * 1000),
            ratio,
            points: zero,
            bid: Price::ZERO,
            ask: Price::ZERO,
        };
        TradeRow {
            sequence: day,
            at,
            decided_at: at,
            kind,
            position: 1,
            structure: "core".to_owned(),
            key: "income.open".to_owned(),
            order: String::new(),
            lots,
            legs: legs.iter().map(leg).collect(),
            net: zero,
            cash: Band::default(),
            fees: alula_market::money::Usd::ZERO,
            underlying: Price::ZERO,
            approximate: false,
        }
    }

    #[test]
    fn holdings_follow_rolls_partial_closings_and_settlements() {
        use ExecutionKind::{Close, Open, Roll, Settle};
        let fills = [
            fill(1, Open, 2, &[(-1, 2800), (1, 2750)]),
            fill(2, Close, 1, &[(1, 2800), (-1, 2750)]),
            fill(3, Roll, 1, &[(1, 2800), (-1, 2750), (-1, 2700), (1, 2650)]),
            fill(6, Settle, 1, &[(1, 2700)]),
            fill(7, Settle, 1, &[(-1, 2650)]),
        ];
        let end = fills[4].at;
        let seen: Vec<(u32, u32, Vec<i64>)> = holdings(1, &fills, end)
            .iter()
            .map(|h| {
                let day = |i: Instant| chrono::Datelike::day(&i.date());
                (
                    day(h.from),
                    day(h.to),
                    h.legs.iter().map(|l| l.ratio * l.strike.0 / 1000).collect(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (1, 3, vec![2750, -2800]),
                (3, 6, vec![2650, -2700]),
                (6, 7, vec![2650]),
            ]
        );
        assert!(holdings(2, &fills, end).is_empty());
    }

    #[test]
    fn thresholds_read_as_they_are_written() {
        assert_eq!(with_suffix(0.16, "delta"), "16 delta");
        assert_eq!(with_suffix(-0.02, "%"), "-2%");
        assert_eq!(with_suffix(0.14, "%"), "14%");
        assert_eq!(with_suffix(-8000.0, "$"), "-$8000");
        assert_eq!(with_suffix(35.0, "vol"), "35 vol");
        assert_eq!(with_suffix(21.0, ""), "21");
        assert_eq!(with_suffix(0.0008, "bps"), "8 bps");
    }
}
