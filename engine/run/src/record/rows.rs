//! Rows and words of orders, executions and positions.

use super::Refused;
use crate::output::{LayerRow, LinearRow, PositionRow, TradeLegRow, TradeRow};
use alula_book::instrument::{Ledger, LegWords, LinearExecution, LinearKind, LinearPosition, LinearRequest};
use alula_book::{Execution, OrderId, OrderKind, OrderRequest, Position};
use alula_core::decision::{HedgeTrace, LayerTrace};
use alula_dsl::graph::GuardAct;
use alula_market::contract::{Instrument, Right};
use alula_market::money::Usd;
use alula_market::time::Instant;

/// The id that the book gave an order and what it is, or why it took none.
pub(super) fn answer(
    said: Option<&Result<OrderId, Refused>>,
    text: Option<String>,
) -> (Option<String>, String) {
    match said {
        Some(Ok(id)) => (Some(id.to_string()), text.unwrap_or_default()),
        Some(Err(why @ Refused::Book(_))) => (None, why.to_string()),
        Some(Err(why)) => (None, format!("{}; {why}", text.unwrap_or_default())),
        None => (None, String::new()),
    }
}

pub fn linear_text(request: &LinearRequest) -> String {
    let limit = request.limit.map(|l| format!(", limit {l}")).unwrap_or_default();
    let lots = request.lots;
    let word = if lots == 1 { "lot" } else { "lots" };
    let legs = LegWords(&request.legs);
    match request.kind {
        LinearKind::Open => format!("open {lots} {word}: {legs}{limit}"),
        LinearKind::Close { position } => {
            format!("close {lots} {word} of position {position}: {legs}{limit}")
        }
        LinearKind::Roll { position } => format!("roll position {position}, {lots} {word}: {legs}{limit}"),
        LinearKind::Adjust => format!("trade {legs}{limit}"),
    }
}

pub(super) fn linear_row(e: &LinearExecution) -> LinearRow {
    LinearRow {
        sequence: e.sequence,
        at: e.at,
        decided_at: e.decided_at,
        flow: e.flow,
        position: e.position.0,
        structure: e.structure.to_string(),
        key: e.key.to_string(),
        order: e.order.as_ref().map(ToString::to_string).unwrap_or_default(),
        symbol: match e.instrument {
            Instrument::Future(contract) => contract.code(),
            other => other.class().to_owned(),
        },
        expiry: e.instrument.expiry(),
        quantity: e.quantity,
        price: e.price,
        cash: e.cash,
        fees: e.fees.total(),
        approximate: e.approximate,
    }
}

pub(super) fn linear_position_row(ledger: &Ledger, p: &LinearPosition) -> PositionRow {
    PositionRow {
        number: p.id.0,
        structure: p.structure.to_string(),
        opened_by: p.opened_by.to_string(),
        opened_at: p.opened_at,
        closed_by: p.closed_by.as_ref().map(ToString::to_string).unwrap_or_default(),
        closed_at: p.closed_at,
        lots: p.lots_opened,
        lots_open: p.lots,
        package: LegWords(&p.legs).to_string(),
        credit: p.premium,
        pnl: ledger.position_pnl(p),
        realized: ledger.position_realized(p),
        fees: p.fees,
        max_loss: None,
        rolls: p.rolls,
        approximate: p.approximate,
    }
}

pub fn order_text(request: &OrderRequest) -> String {
    let limit = request.limit.map(|l| format!(", limit {l}")).unwrap_or_default();
    let lots = request.lots;
    let word = if lots == 1 { "lot" } else { "lots" };
    match &request.kind {
        OrderKind::Open { package } => format!("open {lots} {word}: {package}{limit}"),
        OrderKind::Close { position } => format!("close {lots} {word} of position {position}{limit}"),
        OrderKind::Roll { position, to } => {
            format!("roll position {position}, {lots} {word}, to {to}{limit}")
        }
    }
}

pub(super) fn act_text(act: &GuardAct, orders: usize) -> String {
    match act {
        GuardAct::BlockOpen => "blocks opening".to_owned(),
        GuardAct::HaltOpen => "halts opening".to_owned(),
        GuardAct::Flatten(_) => format!("flattens: {orders} closing orders"),
        GuardAct::Alert(text) => format!("alert: {text}"),
    }
}

pub(super) fn trade_row(e: &Execution) -> TradeRow {
    TradeRow {
        sequence: e.sequence,
        at: e.at,
        decided_at: e.decided_at,
        kind: e.kind,
        position: e.position.0,
        structure: e.structure.to_string(),
        key: e.key.to_string(),
        order: e.order.as_ref().map(ToString::to_string).unwrap_or_default(),
        lots: e.lots,
        legs: e
            .legs
            .iter()
            .map(|l| TradeLegRow {
                root: l.contract.root.symbol().to_owned(),
                expiry: l.contract.expiry,
                right: match l.contract.right {
                    Right::Put => "put".to_owned(),
                    Right::Call => "call".to_owned(),
                },
                strike: l.contract.strike,
                ratio: i64::from(l.ratio),
                points: l.points,
                bid: l.bid,
                ask: l.ask,
            })
            .collect(),
        net: e.net,
        cash: e.cash,
        fees: e.fees.total(),
        underlying: e.underlying,
        approximate: e.approximate,
    }
}

pub(super) fn position_row(p: &Position) -> PositionRow {
    PositionRow {
        number: p.id.0,
        structure: p.structure.to_string(),
        opened_by: p.opened_by.to_string(),
        opened_at: p.opened_at,
        closed_by: p.closed_by.as_ref().map(ToString::to_string).unwrap_or_default(),
        closed_at: p.closed_at,
        lots: p.lots_opened,
        lots_open: if p.is_open() { p.lots } else { 0 },
        package: p.package.to_string(),
        credit: p.credit,
        pnl: p.pnl(),
        realized: p.realized(),
        fees: p.fees,
        max_loss: p.worst.map(|w| (-w).max(Usd::ZERO)),
        rolls: p.rolls,
        approximate: p.approximate,
    }
}

pub(super) fn layer_row(tick: u32, at: Instant, hedge: &HedgeTrace, layer: &LayerTrace) -> LayerRow {
    let mut why: Vec<String> = layer.clips.iter().map(ToString::to_string).collect();
    why.extend(layer.skip.as_ref().map(ToString::to_string));
    LayerRow {
        tick,
        at,
        hedge: hedge.key.to_string(),
        layer: layer.key.to_string(),
        phase: layer.phase.word().to_owned(),
        votes: layer.votes.and_then(|(n, _)| n.known()).map(|n| {
            // A count of a handful of votes.
            (0..=u32::from(u16::MAX))
                .find(|k| f64::from(*k) >= n)
                .unwrap_or(0)
        }),
        lots: layer.lots,
        buys: layer.buys,
        sells: layer.sells,
        measure: layer.measure.to_owned(),
        wanted: layer.wanted.known(),
        held: layer.held.known(),
        carried: layer.carried.known(),
        mapped_by: layer.mapped_by,
        beta: layer.beta.known(),
        beta_share: hedge.beta_share(layer),
        hedge_share: hedge.share(),
        band: hedge.outside().unwrap_or_default().to_owned(),
        why: why.join("; "),
    }
}
