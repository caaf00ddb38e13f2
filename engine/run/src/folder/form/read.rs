//! Tables of a folder as rows of a run.

use super::schema::{
    ALERTS, Columns, DAILY, DECISIONS, LAYERS, LINEAR, MARGIN_CALLS, NODES, ORDERS, OVERLAY_CHANGES,
    OVERLAYS, POSITIONS, RULES, STRATEGIES, STRUCTURES, THRESHOLDS, TICKS, TRACE, TRADE_LEGS, TRADES, TWIN,
};
use super::{ALONE_ROWS, CHANGE_ROWS, OVERLAY_ROWS, STRATEGIES_TABLE, VERSIONS, cause_of, execution_kind};
use crate::course::Entries;
use crate::error::RunError;
use crate::folder::file_error;
use crate::output::{
    DailyRow, DecisionRow, GreekSum, LayerRow, LinearRow, MarginCallRow, NodeRow, OrderRow, OverlayChangeRow,
    OverlayRow, PositionRow, Role, RuleStat, RunOutput, StrategyRow, StructureDayRow, TickRow, TradeLegRow,
    TradeRow, TwinRow, VersionRow,
};
use crate::tables::{RowReader, Table};
use alula_book::instrument::Flow;
use alula_book::{Band, PositionId};
use alula_core::decision::RuleKind;
use alula_core::trace::{Scope, TraceCell};
use alula_core::value::Cell;
use std::collections::BTreeMap;

/// Takes the tables out of a folder's contents.
pub(in crate::folder) fn from_tables(
    contents: &mut BTreeMap<String, Vec<u8>>,
) -> Result<RunOutput, RunError> {
    let changed = contents.contains_key(&format!("{VERSIONS}.parquet"));
    let overlaid = contents.contains_key(&format!("{OVERLAY_ROWS}.parquet"));
    let by_structure = contents.contains_key("structures.parquet");
    let swapped = contents.contains_key(&format!("{STRATEGIES_TABLE}.parquet"));
    let mut take = |name: &str, columns: Columns| -> Result<Table, RunError> {
        contents.remove(&format!("{name}.csv"));
        let file = format!("{name}.parquet");
        let bytes = contents.remove(&file).ok_or_else(|| {
            file_error(
                format!("the run folder has no `{file}`"),
                "run the backtest again",
            )
        })?;
        Table::from_parquet(bytes, columns)
            .map_err(|e| file_error(format!("`{file}` cannot be read: {e}"), "run the backtest again"))
    };
    let versions = if changed {
        read_versions(&take(VERSIONS, THRESHOLDS)?)?
    } else {
        Vec::new()
    };
    let strategies = if swapped {
        rows(
            STRATEGIES_TABLE,
            &take(STRATEGIES_TABLE, STRATEGIES)?,
            read_strategy,
        )?
    } else {
        Vec::new()
    };
    let equity = |r: &mut RowReader<'_>| {
        Some(TwinRow {
            date: r.day()?,
            equity: dollars(r)?,
        })
    };
    let (mut overlays, mut overlay_changes, mut rules_alone) = (Vec::new(), Vec::new(), Vec::new());
    if overlaid {
        overlays = rows(OVERLAY_ROWS, &take(OVERLAY_ROWS, OVERLAYS)?, read_overlay)?;
        overlay_changes = rows(
            CHANGE_ROWS,
            &take(CHANGE_ROWS, OVERLAY_CHANGES)?,
            read_overlay_change,
        )?;
        rules_alone = rows(ALONE_ROWS, &take(ALONE_ROWS, TWIN)?, equity)?;
    }
    // Folders from before there was this table have none.
    let structures = if by_structure {
        rows("structures", &take("structures", STRUCTURES)?, |r| {
            Some(StructureDayRow {
                date: r.day()?,
                structure: r.text(),
                role: {
                    let word = r.text();
                    Role::ALL.into_iter().find(|role| role.word() == word)?
                },
                gain: dollars(r)?,
                pnl: dollars(r)?,
            })
        })?
    } else {
        Vec::new()
    };
    let mut run = RunOutput {
        versions,
        strategies,
        overlays,
        overlay_changes,
        rules_alone,
        decisions: rows("decisions", &take("decisions", DECISIONS)?, read_decision)?,
        orders: rows("orders", &take("orders", ORDERS)?, read_order)?,
        trades: rows("trades", &take("trades", TRADES)?, read_trade)?,
        linear: rows("linear", &take("linear", LINEAR)?, read_linear)?,
        positions: rows("positions", &take("positions", POSITIONS)?, read_position)?,
        daily: rows("daily", &take("daily", DAILY)?, read_day)?,
        structures,
        twin: rows("twin", &take("twin", TWIN)?, equity)?,
        ticks: rows("ticks", &take("ticks", TICKS)?, read_tick)?,
        rules: rows("rules", &take("rules", RULES)?, read_rule)?,
        alerts: rows("alerts", &take("alerts", ALERTS)?, |r| {
            Some((r.time()?, r.text(), r.text()))
        })?,
        margin_calls: rows(
            "margin_calls",
            &take("margin_calls", MARGIN_CALLS)?,
            read_margin_call,
        )?,
        layers: rows("layers", &take("layers", LAYERS)?, read_layer)?,
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

fn read_overlay(r: &mut RowReader<'_>) -> Option<OverlayRow> {
    Some(OverlayRow {
        number: r.u32()?,
        at: r.time()?,
        who: r.text(),
        what: r.text(),
        why: r.text(),
        ended_at: r.time(),
        how: r.text(),
        changed: r.u32()?,
        opened: r.u32()?,
        opened_pnl: dollars(r)?,
        closed: r.u32()?,
        closed_pnl: dollars(r)?,
    })
}

fn read_overlay_change(r: &mut RowReader<'_>) -> Option<OverlayChangeRow> {
    Some(OverlayChangeRow {
        tick: r.u32()?,
        at: r.time()?,
        overlays: r
            .text()
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?,
        key: r.text(),
        position: r.u32(),
        with: r.text(),
        without: r.text(),
    })
}

fn read_strategy(r: &mut RowReader<'_>) -> Option<StrategyRow> {
    Some(StrategyRow {
        version: r.u32()?,
        tick: r.u32()?,
        at: r.time()?,
        hash: r.text(),
        source: r.text(),
        thresholds: r.u32()?,
        nodes: r.u32()?,
        entries: Entries::from_word(&r.text())?,
        carried: r.text(),
        changes: r.text(),
        graph: None,
    })
}

/// One row for each threshold of each version, versions in order.
fn read_versions(table: &Table) -> Result<Vec<VersionRow>, RunError> {
    let read = |r: &mut RowReader<'_>| {
        let mut version = VersionRow {
            version: r.u32()?,
            tick: r.u32()?,
            at: r.time()?,
            hash: r.text(),
            source: r.text(),
            entries: Entries::from_word(&r.text())?,
            names: Vec::new(),
            values: Vec::new(),
        };
        version.names.push(r.text());
        version.values.push(r.float()?);
        Some(version)
    };
    let mut out: Vec<VersionRow> = Vec::new();
    for row in rows(VERSIONS, table, read)? {
        match out.last_mut().filter(|v| v.version == row.version) {
            Some(version) => {
                version.names.extend(row.names);
                version.values.extend(row.values);
            }
            None => out.push(row),
        }
    }
    Ok(out)
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
            read(&mut r).ok_or_else(|| {
                file_error(
                    format!("row {i} of `{name}.parquet` is damaged"),
                    "run the backtest again",
                )
            })
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
    Some(Band {
        mid: r.price()?,
        share: r.price()?,
        natural: r.price()?,
    })
}

fn dollars(r: &mut RowReader<'_>) -> Option<Band<alula_market::money::Usd>> {
    Some(Band {
        mid: r.usd()?,
        share: r.usd()?,
        natural: r.usd()?,
    })
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

fn read_linear(r: &mut RowReader<'_>) -> Option<LinearRow> {
    let (sequence, at, decided_at, word) = (r.u32()?, r.time()?, r.time()?, r.text());
    Some(LinearRow {
        sequence,
        at,
        decided_at,
        flow: Flow::ALL.into_iter().find(|f| f.word() == word)?,
        position: r.u32()?,
        structure: r.text(),
        key: r.text(),
        order: r.text(),
        symbol: r.text(),
        expiry: r.day(),
        quantity: r.int()?,
        price: prices(r)?,
        cash: dollars(r)?,
        fees: r.usd()?,
        approximate: r.bool(),
    })
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

fn read_margin_call(r: &mut RowReader<'_>) -> Option<MarginCallRow> {
    Some(MarginCallRow {
        at: r.time()?,
        rulebook: r.text(),
        required: r.usd()?,
        available: r.usd()?,
        shortfall_max: r.usd()?,
        ended_at: r.time(),
        flattened: r.bool(),
    })
}

fn read_day(r: &mut RowReader<'_>) -> Option<DailyRow> {
    let (date, at) = (r.day()?, r.time()?);
    let (equity, drawdown) = (dollars(r)?, dollars(r)?);
    let (drawdown_max, drawdown_peak, cash) = (dollars(r)?, dollars(r)?, dollars(r)?);
    let (fees, margin, margin_max) = (r.usd()?, r.usd(), r.usd());
    let (margin_available, margins) = (r.usd(), [r.usd(), r.usd(), r.usd()]);
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
        margin_available,
        margins,
        greeks: match greeks {
            [Some(delta), Some(gamma), Some(vega), Some(theta)] => Some(GreekSum {
                delta,
                gamma,
                vega,
                theta,
            }),
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
    Some(RuleStat {
        key,
        kind,
        text,
        was_true: count()?,
        was_false: count()?,
        was_unknown: count()?,
        fired: count()?,
    })
}

fn read_layer(r: &mut RowReader<'_>) -> Option<LayerRow> {
    Some(LayerRow {
        tick: r.u32()?,
        at: r.time()?,
        hedge: r.text(),
        layer: r.text(),
        phase: r.text(),
        votes: r.u32(),
        lots: r.u32()?,
        buys: r.u32()?,
        sells: r.u32()?,
        measure: r.text(),
        wanted: r.float(),
        held: r.float(),
        carried: r.float(),
        mapped_by: r.float(),
        beta: r.float(),
        beta_share: r.float(),
        hedge_share: r.float(),
        band: r.text(),
        why: r.text(),
    })
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
    Some(TraceCell {
        node,
        scope,
        step,
        at,
        cell,
    })
}
