//! Rows of a run as tables, and back.

use super::file_error;
use crate::error::RunError;
use crate::output::{
    DailyRow, DecisionRow, GreekSum, NodeRow, OrderRow, PositionRow, RuleStat, RunOutput, TickRow, TradeLegRow,
    TradeRow,
};
use crate::tables::{Kind, RowReader, Table, Value};
use alula_book::{Band, ExecutionKind, PositionId};
use alula_core::decision::RuleKind;
use alula_core::trace::{Scope, TraceCell};
use alula_core::value::{Cause, Cell};
use std::collections::BTreeMap;

use Kind::{Bool, Day, Float, Int, Money, Points, Text, Time};

type Columns = &'static [(&'static str, Kind)];

const DECISIONS: Columns = &[
    ("tick", Int),
    ("at", Time),
    ("key", Text),
    ("kind", Text),
    ("position", Int),
    ("condition", Bool),
    ("condition_missing", Text),
    ("require", Bool),
    ("require_missing", Text),
    ("verdict", Text),
    ("order", Text),
    ("detail", Text),
];
const ORDERS: Columns = &[
    ("id", Text),
    ("key", Text),
    ("kind", Text),
    ("structure", Text),
    ("position", Int),
    ("lots", Int),
    ("package", Text),
    ("limit_points", Points),
    ("decided_at", Time),
    ("status", Text),
    ("ended_at", Time),
    ("reason", Text),
];
const TRADES: Columns = &[
    ("trade", Int),
    ("at", Time),
    ("decided_at", Time),
    ("kind", Text),
    ("position", Int),
    ("structure", Text),
    ("key", Text),
    ("order", Text),
    ("lots", Int),
    ("net_mid_points", Points),
    ("net_share_points", Points),
    ("net_natural_points", Points),
    ("cash_mid_usd", Money),
    ("cash_share_usd", Money),
    ("cash_natural_usd", Money),
    ("fees_usd", Money),
    ("underlying_points", Points),
    ("approximate", Bool),
];
const TRADE_LEGS: Columns = &[
    ("trade", Int),
    ("root", Text),
    ("expiry", Day),
    ("right", Text),
    ("strike", Points),
    ("ratio", Int),
    ("mid_points", Points),
    ("share_points", Points),
    ("natural_points", Points),
    ("bid", Points),
    ("ask", Points),
];
const POSITIONS: Columns = &[
    ("position", Int),
    ("structure", Text),
    ("opened_by", Text),
    ("opened_at", Time),
    ("closed_by", Text),
    ("closed_at", Time),
    ("lots", Int),
    ("lots_open", Int),
    ("package", Text),
    ("credit_mid_usd", Money),
    ("credit_share_usd", Money),
    ("credit_natural_usd", Money),
    ("pnl_mid_usd", Money),
    ("pnl_share_usd", Money),
    ("pnl_natural_usd", Money),
    ("realized_mid_usd", Money),
    ("realized_share_usd", Money),
    ("realized_natural_usd", Money),
    ("fees_usd", Money),
    ("max_loss_usd", Money),
    ("rolls", Int),
    ("approximate", Bool),
];
const DAILY: Columns = &[
    ("date", Day),
    ("at", Time),
    ("equity_mid_usd", Money),
    ("equity_share_usd", Money),
    ("equity_natural_usd", Money),
    ("drawdown_mid_usd", Money),
    ("drawdown_share_usd", Money),
    ("drawdown_natural_usd", Money),
    ("drawdown_max_mid_usd", Money),
    ("drawdown_max_share_usd", Money),
    ("drawdown_max_natural_usd", Money),
    ("drawdown_peak_mid_usd", Money),
    ("drawdown_peak_share_usd", Money),
    ("drawdown_peak_natural_usd", Money),
    ("cash_mid_usd", Money),
    ("cash_share_usd", Money),
    ("cash_natural_usd", Money),
    ("fees_usd", Money),
    ("margin_usd", Money),
    ("margin_max_usd", Money),
    ("delta", Float),
    ("gamma", Float),
    ("vega_usd", Float),
    ("theta_usd", Float),
    ("positions", Int),
    ("underlying_points", Points),
    ("stale_marks", Bool),
];
const TICKS: Columns = &[
    ("tick", Int),
    ("at", Time),
    ("chain", Text),
    ("equity_share_usd", Money),
    ("called", Int),
    ("orders", Int),
];
const RULES: Columns = &[
    ("key", Text),
    ("kind", Text),
    ("text", Text),
    ("was_true", Int),
    ("was_false", Int),
    ("was_unknown", Int),
    ("fired", Int),
];
const ALERTS: Columns = &[("at", Time), ("key", Text), ("text", Text)];
const NODES: Columns =
    &[("node", Int), ("key", Text), ("text", Text), ("clock", Text), ("domain", Text), ("unit", Text)];
const TRACE: Columns = &[
    ("node", Int),
    ("scope", Text),
    ("rule", Int),
    ("position", Int),
    ("step", Int),
    ("at", Time),
    ("value", Float),
    ("missing", Text),
];

/// Tables that people open are written as CSV too; the trace is for programs alone.
const PARQUET_ONLY: &str = "trace";

fn int(x: u64) -> Value {
    Value::from(x)
}

/// A condition: true, false or null, and the cause where it is missing.
fn truth(cell: Option<Cell>) -> [Value; 2] {
    match cell {
        None => [Value::Null, Value::Null],
        Some(cell) => [Value::from(cell.truth()), Value::from(cell.cause().map(cause_text).as_deref())],
    }
}

fn cause_text(cause: Cause) -> String {
    cause.to_string()
}

fn cause_of(text: &str) -> Option<Cause> {
    Cause::ALL.into_iter().find(|c| c.to_string() == text)
}

impl From<&String> for Value {
    fn from(x: &String) -> Self {
        Self::Text(x.clone())
    }
}

fn band<T: Copy + Into<Value>>(b: Band<T>) -> [Value; 3] {
    [b.mid.into(), b.share.into(), b.natural.into()]
}

const fn execution_word(kind: ExecutionKind) -> &'static str {
    match kind {
        ExecutionKind::Open => "open",
        ExecutionKind::Close => "close",
        ExecutionKind::Roll => "roll",
        ExecutionKind::Settle => "expiry",
    }
}

fn execution_kind(word: &str) -> Option<ExecutionKind> {
    let all = [ExecutionKind::Open, ExecutionKind::Close, ExecutionKind::Roll, ExecutionKind::Settle];
    all.into_iter().find(|k| execution_word(*k) == word)
}

/// Every table of a run, in both forms.
pub(super) fn tables(run: &RunOutput) -> Result<BTreeMap<String, Vec<u8>>, RunError> {
    let mut out = BTreeMap::new();
    let all = [
        ("decisions", decisions(run)),
        ("orders", orders(run)),
        ("trades", trades(run)),
        ("trade_legs", trade_legs(run)),
        ("positions", positions(run)),
        ("daily", daily(run)),
        ("ticks", ticks(run)),
        ("rules", rules(run)),
        ("alerts", alerts(run)),
        ("nodes", nodes(run)),
        ("trace", trace(run)),
    ];
    for (name, table) in all {
        out.insert(format!("{name}.parquet"), table.to_parquet()?);
        if name != PARQUET_ONLY {
            out.insert(format!("{name}.csv"), table.to_csv()?);
        }
    }
    Ok(out)
}

fn decisions(run: &RunOutput) -> Table {
    let mut t = Table::new(DECISIONS);
    for r in &run.decisions {
        let mut row = vec![r.tick.into(), r.at.into(), (&r.key).into(), r.kind.word().into(), r.position.into()];
        row.extend(truth(Some(r.condition)));
        row.extend(truth(r.require));
        row.extend([(&r.verdict).into(), r.order.as_ref().into(), (&r.detail).into()]);
        t.push(row);
    }
    t
}

fn orders(run: &RunOutput) -> Table {
    let mut t = Table::new(ORDERS);
    for r in &run.orders {
        t.push(vec![
            (&r.id).into(),
            (&r.key).into(),
            (&r.kind).into(),
            (&r.structure).into(),
            r.position.into(),
            r.lots.into(),
            (&r.package).into(),
            r.limit.into(),
            r.decided_at.into(),
            (&r.status).into(),
            r.ended_at.into(),
            (&r.reason).into(),
        ]);
    }
    t
}

fn trades(run: &RunOutput) -> Table {
    let mut t = Table::new(TRADES);
    for r in &run.trades {
        let mut row = vec![
            r.sequence.into(),
            r.at.into(),
            r.decided_at.into(),
            execution_word(r.kind).into(),
            r.position.into(),
            (&r.structure).into(),
            (&r.key).into(),
            (&r.order).into(),
            r.lots.into(),
        ];
        row.extend(band(r.net));
        row.extend(band(r.cash));
        row.extend([r.fees.into(), r.underlying.into(), r.approximate.into()]);
        t.push(row);
    }
    t
}

fn trade_legs(run: &RunOutput) -> Table {
    let mut t = Table::new(TRADE_LEGS);
    for r in &run.trades {
        for l in &r.legs {
            let mut row = vec![
                r.sequence.into(),
                (&l.root).into(),
                l.expiry.into(),
                (&l.right).into(),
                l.strike.into(),
                l.ratio.into(),
            ];
            row.extend(band(l.points));
            row.extend([l.bid.into(), l.ask.into()]);
            t.push(row);
        }
    }
    t
}

fn positions(run: &RunOutput) -> Table {
    let mut t = Table::new(POSITIONS);
    for r in &run.positions {
        let mut row = vec![
            r.number.into(),
            (&r.structure).into(),
            (&r.opened_by).into(),
            r.opened_at.into(),
            (&r.closed_by).into(),
            r.closed_at.into(),
            r.lots.into(),
            r.lots_open.into(),
            (&r.package).into(),
        ];
        row.extend(band(r.credit));
        row.extend(band(r.pnl));
        row.extend(band(r.realized));
        row.extend([r.fees.into(), r.max_loss.into(), r.rolls.into(), r.approximate.into()]);
        t.push(row);
    }
    t
}

fn daily(run: &RunOutput) -> Table {
    let mut t = Table::new(DAILY);
    for r in &run.daily {
        let mut row = vec![r.date.into(), r.at.into()];
        row.extend(band(r.equity));
        row.extend(band(r.drawdown));
        row.extend(band(r.drawdown_max));
        row.extend(band(r.drawdown_peak));
        row.extend(band(r.cash));
        row.extend([r.fees.into(), r.margin.into(), r.margin_max.into()]);
        let greek = |f: fn(&GreekSum) -> f64| Value::from(r.greeks.as_ref().map(f));
        row.extend([greek(|g| g.delta), greek(|g| g.gamma), greek(|g| g.vega), greek(|g| g.theta)]);
        row.extend([r.positions.into(), r.underlying.into(), r.stale_marks.into()]);
        t.push(row);
    }
    t
}

fn ticks(run: &RunOutput) -> Table {
    let mut t = Table::new(TICKS);
    for r in &run.ticks {
        let chain = (&r.chain).into();
        t.push(vec![r.tick.into(), r.at.into(), chain, r.equity.into(), r.called.into(), r.orders.into()]);
    }
    t
}

fn rules(run: &RunOutput) -> Table {
    let mut t = Table::new(RULES);
    for r in &run.rules {
        let mut row = vec![(&r.key).into(), (&r.kind).into(), (&r.text).into()];
        row.extend([int(r.was_true), int(r.was_false), int(r.was_unknown), int(r.fired)]);
        t.push(row);
    }
    t
}

fn alerts(run: &RunOutput) -> Table {
    let mut t = Table::new(ALERTS);
    for (at, key, text) in &run.alerts {
        t.push(vec![(*at).into(), key.into(), text.into()]);
    }
    t
}

fn nodes(run: &RunOutput) -> Table {
    let mut t = Table::new(NODES);
    for r in &run.nodes {
        let words = [&r.key, &r.text, &r.clock, &r.domain, &r.unit];
        t.push(std::iter::once(r.node.into()).chain(words.map(Value::from)).collect());
    }
    t
}

fn trace(run: &RunOutput) -> Table {
    let mut t = Table::new(TRACE);
    for r in &run.trace {
        let (scope, rule, position) = match r.scope {
            Scope::Global => ("global", None, None),
            Scope::Position(id) => ("position", None, Some(id.0)),
            Scope::Candidate(rule, id) => ("candidate", Some(rule), id.map(|p| p.0)),
        };
        t.push(vec![
            r.node.into(),
            scope.into(),
            rule.into(),
            position.into(),
            r.step.into(),
            r.at.into(),
            r.cell.known().into(),
            r.cell.cause().map(cause_text).as_deref().into(),
        ]);
    }
    t
}

/// Takes the tables out of a folder's contents.
pub(super) fn from_tables(contents: &mut BTreeMap<String, Vec<u8>>) -> Result<RunOutput, RunError> {
    let mut take = |name: &str, columns: Columns| -> Result<Table, RunError> {
        contents.remove(&format!("{name}.csv"));
        let file = format!("{name}.parquet");
        let bytes = contents
            .remove(&file)
            .ok_or_else(|| file_error(format!("the run folder has no `{file}`"), "run the backtest again"))?;
        Table::from_parquet(bytes, columns)
            .map_err(|e| file_error(format!("`{file}` cannot be read: {e}"), "run the backtest again"))
    };
    let mut run = RunOutput {
        decisions: rows("decisions", &take("decisions", DECISIONS)?, read_decision)?,
        orders: rows("orders", &take("orders", ORDERS)?, read_order)?,
        trades: rows("trades", &take("trades", TRADES)?, read_trade)?,
        positions: rows("positions", &take("positions", POSITIONS)?, read_position)?,
        daily: rows("daily", &take("daily", DAILY)?, read_day)?,
        ticks: rows("ticks", &take("ticks", TICKS)?, read_tick)?,
        rules: rows("rules", &take("rules", RULES)?, read_rule)?,
        alerts: rows("alerts", &take("alerts", ALERTS)?, |r| Some((r.time()?, r.text(), r.text())))?,
        nodes: rows("nodes", &take("nodes", NODES)?, read_node)?,
        trace: rows("trace", &take("trace", TRACE)?, read_trace)?,
        ..RunOutput::default()
    };
    let legs: Vec<(u32, TradeLegRow)> = rows("trade_legs", &take("trade_legs", TRADE_LEGS)?, read_leg)?;
    for (trade, leg) in legs {
        if let Some(row) = run.trades.iter_mut().find(|t| t.sequence == trade) {
            row.legs.push(leg);
        }
    }
    Ok(run)
}

fn rows<T>(
    name: &str,
    table: &Table,
    read: impl Fn(&mut RowReader<'_>) -> Option<T>,
) -> Result<Vec<T>, RunError> {
    table
        .readers()
        .enumerate()
        .map(|(i, mut r)| {
            read(&mut r)
                .ok_or_else(|| file_error(format!("row {i} of `{name}.parquet` is damaged"), "run the backtest again"))
        })
        .collect()
}

fn read_truth(r: &mut RowReader<'_>) -> Option<Option<Cell>> {
    let truth = r.opt_bool();
    let cause = r.opt_text();
    match (truth, cause) {
        (Some(t), _) => Some(Some(Cell::boolean(t))),
        (None, Some(text)) => cause_of(&text).map(|c| Some(Cell::missing(c))),
        (None, None) => Some(None),
    }
}

fn read_decision(r: &mut RowReader<'_>) -> Option<DecisionRow> {
    Some(DecisionRow {
        tick: r.u32()?,
        at: r.time()?,
        key: r.text(),
        kind: RuleKind::parse(&r.text())?,
        position: r.u32(),
        condition: read_truth(r)??,
        require: read_truth(r)?,
        verdict: r.text(),
        order: r.opt_text(),
        detail: r.text(),
    })
}

fn read_order(r: &mut RowReader<'_>) -> Option<OrderRow> {
    Some(OrderRow {
        id: r.text(),
        key: r.text(),
        kind: r.text(),
        structure: r.text(),
        position: r.u32(),
        lots: r.u32()?,
        package: r.text(),
        limit: r.price(),
        decided_at: r.time()?,
        status: r.text(),
        ended_at: r.time(),
        reason: r.text(),
    })
}

fn prices(r: &mut RowReader<'_>) -> Option<Band<alula_market::money::Price>> {
    Some(Band { mid: r.price()?, share: r.price()?, natural: r.price()? })
}

fn dollars(r: &mut RowReader<'_>) -> Option<Band<alula_market::money::Usd>> {
    Some(Band { mid: r.usd()?, share: r.usd()?, natural: r.usd()? })
}

fn read_trade(r: &mut RowReader<'_>) -> Option<TradeRow> {
    Some(TradeRow {
        sequence: r.u32()?,
        at: r.time()?,
        decided_at: r.time()?,
        kind: execution_kind(&r.text())?,
        position: r.u32()?,
        structure: r.text(),
        key: r.text(),
        order: r.text(),
        lots: r.u32()?,
        legs: Vec::new(),
        net: prices(r)?,
        cash: dollars(r)?,
        fees: r.usd()?,
        underlying: r.price()?,
        approximate: r.bool(),
    })
}

fn read_leg(r: &mut RowReader<'_>) -> Option<(u32, TradeLegRow)> {
    let trade = r.u32()?;
    let leg = TradeLegRow {
        root: r.text(),
        expiry: r.day()?,
        right: r.text(),
        strike: r.price()?,
        ratio: r.int()?,
        points: prices(r)?,
        bid: r.price()?,
        ask: r.price()?,
    };
    Some((trade, leg))
}

fn read_position(r: &mut RowReader<'_>) -> Option<PositionRow> {
    Some(PositionRow {
        number: r.u32()?,
        structure: r.text(),
        opened_by: r.text(),
        opened_at: r.time()?,
        closed_by: r.text(),
        closed_at: r.time(),
        lots: r.u32()?,
        lots_open: r.u32()?,
        package: r.text(),
        credit: dollars(r)?,
        pnl: dollars(r)?,
        realized: dollars(r)?,
        fees: r.usd()?,
        max_loss: r.usd(),
        rolls: r.u32()?,
        approximate: r.bool(),
    })
}

fn read_day(r: &mut RowReader<'_>) -> Option<DailyRow> {
    let (date, at) = (r.day()?, r.time()?);
    let (equity, drawdown) = (dollars(r)?, dollars(r)?);
    let (drawdown_max, drawdown_peak, cash) = (dollars(r)?, dollars(r)?, dollars(r)?);
    let (fees, margin, margin_max) = (r.usd()?, r.usd(), r.usd());
    let greeks = [r.float(), r.float(), r.float(), r.float()];
    Some(DailyRow {
        date,
        at,
        equity,
        drawdown,
        drawdown_max,
        drawdown_peak,
        cash,
        fees,
        margin,
        margin_max,
        greeks: match greeks {
            [Some(delta), Some(gamma), Some(vega), Some(theta)] => Some(GreekSum { delta, gamma, vega, theta }),
            _ => None,
        },
        positions: r.u32()?,
        underlying: r.price(),
        stale_marks: r.bool(),
    })
}

fn read_tick(r: &mut RowReader<'_>) -> Option<TickRow> {
    Some(TickRow {
        tick: r.u32()?,
        at: r.time()?,
        chain: r.text(),
        equity: r.usd()?,
        called: r.u32()?,
        orders: r.u32()?,
    })
}

fn read_rule(r: &mut RowReader<'_>) -> Option<RuleStat> {
    let (key, kind, text) = (r.text(), r.text(), r.text());
    let mut count = || r.int().and_then(|x| u64::try_from(x).ok());
    Some(RuleStat { key, kind, text, was_true: count()?, was_false: count()?, was_unknown: count()?, fired: count()? })
}

fn read_node(r: &mut RowReader<'_>) -> Option<NodeRow> {
    Some(NodeRow {
        node: r.u32()?,
        key: r.text(),
        text: r.text(),
        clock: r.text(),
        domain: r.text(),
        unit: r.text(),
    })
}

fn read_trace(r: &mut RowReader<'_>) -> Option<TraceCell> {
    let node = r.u32()?;
    let word = r.text();
    let (rule, position) = (r.u32(), r.u32().map(PositionId));
    let scope = match word.as_str() {
        "global" => Scope::Global,
        "position" => Scope::Position(position?),
        "candidate" => Scope::Candidate(rule?, position),
        _ => return None,
    };
    let (step, at, value, missing) = (r.u32()?, r.time()?, r.float(), r.opt_text());
    let cell = match (value, missing) {
        (Some(x), _) => Cell::number(x),
        (None, Some(text)) => Cell::missing(cause_of(&text)?),
        (None, None) => return None,
    };
    Some(TraceCell { node, scope, step, at, cell })
}
