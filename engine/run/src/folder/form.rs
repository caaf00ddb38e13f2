//! Rows of a run as tables, and back.

mod read;
mod schema;

pub(super) use read::from_tables;

use crate::error::RunError;
use crate::output::{GreekSum, RunOutput, TwinRow};
use crate::tables::{Table, Value};
use alula_book::{Band, ExecutionKind};
use alula_core::trace::Scope;
use alula_core::value::{Cause, Cell};
use schema::{
    ALERTS, DAILY, DECISIONS, LAYERS, LINEAR, MARGIN_CALLS, NODES, ORDERS, OVERLAY_CHANGES, OVERLAYS,
    POSITIONS, RULES, STRATEGIES, STRUCTURES, THRESHOLDS, TICKS, TRACE, TRADE_LEGS, TRADES, TWIN,
};
use std::collections::BTreeMap;

/// Tables that people open are written as CSV too; the trace is for programs alone.
const PARQUET_ONLY: &str = "trace";

/// Tables of operators' overlays; written where there are any.
const OVERLAY_ROWS: &str = "overlays";
const CHANGE_ROWS: &str = "overlay_changes";
const ALONE_ROWS: &str = "rules_alone";

/// Table of the versions of the thresholds; written where there is more than one.
const VERSIONS: &str = "thresholds";

/// Table of the strategies; written where there is more than one.
const STRATEGIES_TABLE: &str = "strategies";

fn int(x: u64) -> Value {
    Value::from(x)
}

/// A condition: true, false or null, and the cause where it is missing.
fn truth(cell: Option<Cell>) -> [Value; 2] {
    match cell {
        None => [Value::Null, Value::Null],
        Some(cell) => [
            Value::from(cell.truth()),
            Value::from(cell.cause().map(cause_text).as_deref()),
        ],
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
    let all = [
        ExecutionKind::Open,
        ExecutionKind::Close,
        ExecutionKind::Roll,
        ExecutionKind::Settle,
    ];
    all.into_iter().find(|k| execution_word(*k) == word)
}

/// Every table of a run, in both forms.
pub(super) fn tables(run: &RunOutput) -> Result<BTreeMap<String, Vec<u8>>, RunError> {
    let mut out = BTreeMap::new();
    let mut all = vec![
        ("decisions", decisions(run)),
        ("orders", orders(run)),
        ("trades", trades(run)),
        ("trade_legs", trade_legs(run)),
        ("linear", linear(run)),
        ("positions", positions(run)),
        ("daily", daily(run)),
        ("structures", structures(run)),
        ("twin", equities(&run.twin)),
        ("ticks", ticks(run)),
        ("rules", rules(run)),
        ("alerts", alerts(run)),
        ("margin_calls", margin_calls(run)),
        ("layers", layers(run)),
        ("nodes", nodes(run)),
        ("trace", trace(run)),
    ];
    if !run.versions.is_empty() {
        all.push((VERSIONS, versions(run)));
    }
    if !run.overlays.is_empty() {
        all.push((OVERLAY_ROWS, overlays(run)));
        all.push((CHANGE_ROWS, overlay_changes(run)));
        all.push((ALONE_ROWS, equities(&run.rules_alone)));
    }
    if !run.strategies.is_empty() {
        all.push((STRATEGIES_TABLE, strategies(run)));
    }
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
        let mut row = vec![
            r.tick.into(),
            r.at.into(),
            (&r.key).into(),
            r.kind.word().into(),
            r.position.into(),
        ];
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

fn linear(run: &RunOutput) -> Table {
    let mut t = Table::new(LINEAR);
    for r in &run.linear {
        let mut row = vec![
            r.sequence.into(),
            r.at.into(),
            r.decided_at.into(),
            r.flow.word().into(),
            r.position.into(),
            (&r.structure).into(),
            (&r.key).into(),
            (&r.order).into(),
            (&r.symbol).into(),
            r.expiry.into(),
            r.quantity.into(),
        ];
        row.extend(band(r.price));
        row.extend(band(r.cash));
        row.extend([r.fees.into(), r.approximate.into()]);
        t.push(row);
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
        row.extend([
            r.fees.into(),
            r.max_loss.into(),
            r.rolls.into(),
            r.approximate.into(),
        ]);
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
        row.extend([
            r.fees.into(),
            r.margin.into(),
            r.margin_max.into(),
            r.margin_available.into(),
        ]);
        row.extend(r.margins.map(Value::from));
        let greek = |f: fn(&GreekSum) -> f64| Value::from(r.greeks.as_ref().map(f));
        row.extend([
            greek(|g| g.delta),
            greek(|g| g.gamma),
            greek(|g| g.vega),
            greek(|g| g.theta),
        ]);
        row.extend([r.positions.into(), r.underlying.into(), r.stale_marks.into()]);
        t.push(row);
    }
    t
}

fn structures(run: &RunOutput) -> Table {
    let mut t = Table::new(STRUCTURES);
    for r in &run.structures {
        let mut row = vec![r.date.into(), (&r.structure).into(), r.role.word().into()];
        row.extend(band(r.gain));
        row.extend(band(r.pnl));
        t.push(row);
    }
    t
}

fn equities(rows: &[TwinRow]) -> Table {
    let mut t = Table::new(TWIN);
    for r in rows {
        let mut row = vec![r.date.into()];
        row.extend(band(r.equity));
        t.push(row);
    }
    t
}

fn overlays(run: &RunOutput) -> Table {
    let mut t = Table::new(OVERLAYS);
    for r in &run.overlays {
        let mut row = vec![
            r.number.into(),
            r.at.into(),
            (&r.who).into(),
            (&r.what).into(),
            (&r.why).into(),
            r.ended_at.into(),
            (&r.how).into(),
            r.changed.into(),
            r.opened.into(),
        ];
        row.extend(band(r.opened_pnl));
        row.push(r.closed.into());
        row.extend(band(r.closed_pnl));
        t.push(row);
    }
    t
}

fn overlay_changes(run: &RunOutput) -> Table {
    let mut t = Table::new(OVERLAY_CHANGES);
    for r in &run.overlay_changes {
        let numbers: Vec<String> = r.overlays.iter().map(ToString::to_string).collect();
        t.push(vec![
            r.tick.into(),
            r.at.into(),
            numbers.join(" ").as_str().into(),
            (&r.key).into(),
            r.position.into(),
            (&r.with).into(),
            (&r.without).into(),
        ]);
    }
    t
}

fn ticks(run: &RunOutput) -> Table {
    let mut t = Table::new(TICKS);
    for r in &run.ticks {
        let chain = (&r.chain).into();
        t.push(vec![
            r.tick.into(),
            r.at.into(),
            chain,
            r.equity.into(),
            r.called.into(),
            r.orders.into(),
        ]);
    }
    t
}

fn versions(run: &RunOutput) -> Table {
    let mut t = Table::new(THRESHOLDS);
    for v in &run.versions {
        for (name, value) in v.names.iter().zip(&v.values) {
            t.push(vec![
                v.version.into(),
                v.tick.into(),
                v.at.into(),
                (&v.hash).into(),
                (&v.source).into(),
                v.entries.word().into(),
                name.into(),
                (*value).into(),
            ]);
        }
    }
    t
}

fn strategies(run: &RunOutput) -> Table {
    let mut t = Table::new(STRATEGIES);
    for s in &run.strategies {
        t.push(vec![
            s.version.into(),
            s.tick.into(),
            s.at.into(),
            (&s.hash).into(),
            (&s.source).into(),
            s.thresholds.into(),
            s.nodes.into(),
            s.entries.word().into(),
            (&s.carried).into(),
            (&s.changes).into(),
        ]);
    }
    t
}

fn rules(run: &RunOutput) -> Table {
    let mut t = Table::new(RULES);
    for r in &run.rules {
        let mut row = vec![(&r.key).into(), (&r.kind).into(), (&r.text).into()];
        row.extend([
            int(r.was_true),
            int(r.was_false),
            int(r.was_unknown),
            int(r.fired),
        ]);
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

fn margin_calls(run: &RunOutput) -> Table {
    let mut t = Table::new(MARGIN_CALLS);
    for r in &run.margin_calls {
        t.push(vec![
            r.at.into(),
            (&r.rulebook).into(),
            r.required.into(),
            r.available.into(),
            r.shortfall_max.into(),
            r.ended_at.into(),
            r.flattened.into(),
        ]);
    }
    t
}

fn layers(run: &RunOutput) -> Table {
    let mut t = Table::new(LAYERS);
    for r in &run.layers {
        t.push(vec![
            r.tick.into(),
            r.at.into(),
            (&r.hedge).into(),
            (&r.layer).into(),
            (&r.phase).into(),
            r.votes.into(),
            r.lots.into(),
            r.buys.into(),
            r.sells.into(),
            (&r.measure).into(),
            r.wanted.into(),
            r.held.into(),
            r.carried.into(),
            r.mapped_by.into(),
            r.beta.into(),
            r.beta_share.into(),
            r.hedge_share.into(),
            (&r.band).into(),
            (&r.why).into(),
        ]);
    }
    t
}

fn nodes(run: &RunOutput) -> Table {
    let mut t = Table::new(NODES);
    for r in &run.nodes {
        let words = [&r.key, &r.text, &r.clock, &r.domain, &r.unit];
        t.push(
            std::iter::once(r.node.into())
                .chain(words.map(Value::from))
                .collect(),
        );
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
