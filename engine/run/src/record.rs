//! Turns what happened into rows.

mod days;
mod rows;

use crate::by_structure::ByStructure;
use crate::output::{DecisionRow, NodeRow, OrderRow, RuleStat, RunOutput, TickRow};
use alula_book::instrument::{LegWords, LinearEvent, LinearRequest, Unfilled};
use alula_book::{
    Band, Book, BookEvent, CancelReason, OrderId, OrderKind, OrderRequest, Position, PositionId,
};
use alula_core::decision::{Clip, Decision, LayerPhase, RuleKind, RuleOutcome, Verdict};
use alula_core::margin::AccountMargin;
use alula_core::plan::Plan;
use alula_core::step::MARGIN_CALL;
use alula_core::trace::{Scope, TraceCell};
use alula_dsl::graph::{Clock, Domain, Graph, ValueKind};
use alula_market::money::Usd;
use alula_market::time::Instant;
use rows::{act_text, answer, layer_row, linear_row, trade_row};
pub use rows::{linear_text, order_text};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An order that was sent and has not ended.
const WORKING: &str = "working";
/// An order that was taken back.
const CANCELLED: &str = "cancelled";
const PARTLY: &str = "partly filled";

/// What the book said to the orders of a decision: their ids, or an error text where it took none.
#[derive(Debug, Default)]
pub struct Submitted {
    /// Of packages of options.
    pub orders: Vec<Result<OrderId, Refused>>,
    /// Of futures and shares.
    pub linear: Vec<Result<OrderId, Refused>>,
}

/// Why an order that was decided was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The book did not take it.
    Book(String),
    /// A rail stopped it: which one, and why.
    Rail(&'static str, String),
    /// Decisions of the run are written down and not sent.
    Shadow,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Book(why) => write!(f, "the book refused the order: {why}"),
            Self::Rail(_, why) => write!(f, "the order was not sent: {why}"),
            Self::Shadow => f.write_str("decided and not sent: the run is a shadow"),
        }
    }
}

/// What a layer does, without the numbers that move at every tick.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Doing {
    phase: LayerPhase,
    votes: Option<u64>,
    lots: u32,
    trades: (u32, u32),
    clips: Vec<std::mem::Discriminant<Clip>>,
    skips: bool,
    band: Option<&'static str>,
}

/// Collects the rows of a run.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    pub output: RunOutput,
    stats: BTreeMap<String, usize>,
    /// Rule counted last: its key comes for every open position in turn.
    counted: Option<(Arc<str>, usize)>,
    orders: BTreeMap<String, usize>,
    /// Highest equity so far.
    peak: Band<Usd>,
    /// Of the session at hand: deepest drawdown, the peak before it, largest margin (none: unknown at some snapshot).
    deepest: Option<(Band<Usd>, Band<Usd>)>,
    margin: Option<Option<Usd>>,
    /// Account margin at the snapshot marked last, until something happens in the book.
    margin_now: Option<(Instant, Option<AccountMargin>)>,
    /// The margin call under way: its place in the output.
    call: Option<usize>,
    /// The strategy closes every position on a call.
    flattens: bool,
    /// What the numbers of the strategy's nodes begin with.
    base: u32,
    /// What each layer did at the tick before.
    doing: BTreeMap<Arc<str>, Doing>,
    /// What each structure had made by the session before.
    by_structure: ByStructure,
}

impl Recorder {
    /// With one row of statistics for each rule, in the order of the file: policies, then guards, then hedges and overlays.
    pub fn new(graph: &Graph, capital: Usd) -> Self {
        let mut recorder = Self {
            peak: Band::flat(capital),
            flattens: graph.settings.flatten_on_call,
            by_structure: ByStructure::new(graph, capital),
            ..Self::default()
        };
        recorder.stats_of(graph);
        recorder
    }

    /// Another strategy takes over: its rules are counted on under their keys.
    pub fn succeed(&mut self, graph: &Graph, nodes: u32) {
        self.base = nodes;
        self.counted = None;
        self.stats_of(graph);
    }

    /// What the numbers of the strategy's nodes begin with.
    pub const fn base(&self) -> u32 {
        self.base
    }

    /// Puts down cells of the strategy's nodes.
    pub fn cells(&mut self, cells: &mut Vec<TraceCell>) {
        let base = self.base;
        let own = |cell: TraceCell| TraceCell {
            node: cell.node.saturating_add(base),
            ..cell
        };
        self.output.trace.extend(cells.drain(..).map(own));
    }

    fn stats_of(&mut self, graph: &Graph) {
        let recorder = self;
        let text = |id: alula_dsl::graph::NodeId| graph.node(id).map(|n| n.text.clone()).unwrap_or_default();
        for policy in &graph.policies {
            for rule in &policy.rules {
                let kind = match rule.action {
                    alula_dsl::graph::RuleAction::Open { .. } => RuleKind::Open,
                    alula_dsl::graph::RuleAction::Close { .. } => RuleKind::Close,
                    alula_dsl::graph::RuleAction::Roll { .. } => RuleKind::Roll,
                };
                recorder.add_stat(&rule.key, kind, text(rule.when));
            }
        }
        for guard in &graph.guards {
            recorder.add_stat(&guard.key, RuleKind::Guard, text(guard.require));
        }
        if graph.settings.flatten_on_call {
            let text = format!("margin by {} within the account", graph.settings.margin);
            recorder.add_stat(MARGIN_CALL, RuleKind::Guard, text);
        }
        for (key, when) in alula_core::why::layer_rules(graph) {
            recorder.add_stat(key, RuleKind::Hedge, text(when));
        }
        for (key, when, _) in alula_core::why::overlay_rules(graph) {
            recorder.add_stat(key, RuleKind::Hedge, text(when));
        }
    }

    fn add_stat(&mut self, key: &str, kind: RuleKind, text: String) {
        if let Some(known) = self.stats.get(key).and_then(|at| self.output.rules.get_mut(*at)) {
            known.text = text;
            return;
        }
        self.stats.insert(key.to_owned(), self.output.rules.len());
        let stat = RuleStat {
            key: key.to_owned(),
            kind: kind.word().to_owned(),
            text,
            ..RuleStat::default()
        };
        self.output.rules.push(stat);
    }

    fn count(&mut self, outcome: &RuleOutcome) {
        let index = match &self.counted {
            Some((key, index)) if Arc::ptr_eq(key, &outcome.key) => *index,
            _ => {
                let Some(index) = self.stats.get(&*outcome.key).copied() else {
                    return;
                };
                self.counted = Some((Arc::clone(&outcome.key), index));
                index
            }
        };
        let Some(stat) = self.output.rules.get_mut(index) else {
            return;
        };
        match outcome.condition.truth() {
            Some(true) => stat.was_true += 1,
            Some(false) => stat.was_false += 1,
            None => stat.was_unknown += 1,
        }
        let acted = matches!(
            outcome.verdict,
            Verdict::Ordered(_) | Verdict::OrderedLinear(_) | Verdict::Guarded { .. }
        );
        if acted {
            stat.fired += 1;
        }
    }

    /// A decision, with what the book said to its orders.
    pub fn decision(
        &mut self,
        tick: u32,
        decision: &Decision,
        submitted: &Submitted,
        equity: Usd,
        chain: String,
    ) {
        let mut called = 0;
        for outcome in &decision.outcomes {
            self.count(outcome);
            if matches!(outcome.verdict, Verdict::Idle) {
                continue;
            }
            called += 1;
            let (order, detail) = match &outcome.verdict {
                Verdict::Ordered(i) => {
                    answer(submitted.orders.get(*i), decision.orders.get(*i).map(order_text))
                }
                Verdict::OrderedLinear(i) => {
                    answer(submitted.linear.get(*i), decision.linear.get(*i).map(linear_text))
                }
                Verdict::Guarded { act, orders, linear } => {
                    (None, act_text(act, orders.len() + linear.len()))
                }
                Verdict::Skipped(skip) => (None, skip.to_string()),
                Verdict::Idle => (None, String::new()),
            };
            let roll = decision
                .rolls
                .iter()
                .find(|r| r.key == outcome.key && Some(r.position) == outcome.position);
            let detail = match roll {
                Some(roll) if !detail.is_empty() => format!("{detail}; {roll}"),
                _ => detail,
            };
            self.output.decisions.push(DecisionRow {
                tick,
                at: decision.at,
                key: outcome.key.to_string(),
                kind: outcome.kind,
                position: outcome.position.map(|p| p.0),
                condition: outcome.condition,
                require: outcome.require,
                verdict: outcome.verdict.word().to_owned(),
                order,
                detail,
            });
        }
        self.layers(tick, decision);
        for alert in &decision.alerts {
            self.output
                .alerts
                .push((decision.at, alert.key.to_string(), alert.text.clone()));
        }
        let all = submitted.orders.iter().chain(&submitted.linear);
        let orders = all.filter(|s| s.is_ok()).count();
        self.output.ticks.push(TickRow {
            tick,
            at: decision.at,
            chain,
            equity,
            called,
            orders: u32::try_from(orders).unwrap_or(u32::MAX),
        });
    }

    /// The layers whose doing changed.
    fn layers(&mut self, tick: u32, decision: &Decision) {
        for hedge in &decision.hedges {
            for layer in &hedge.layers {
                let doing = Doing {
                    phase: layer.phase,
                    votes: layer.votes.and_then(|(n, _)| n.known()).map(f64::to_bits),
                    lots: layer.lots,
                    trades: (layer.buys, layer.sells),
                    clips: layer.clips.iter().map(std::mem::discriminant).collect(),
                    skips: layer.skip.is_some(),
                    band: hedge.outside(),
                };
                let traded = layer.buys > 0 || layer.sells > 0;
                let before = self.doing.insert(Arc::clone(&layer.key), doing.clone());
                if before.as_ref() == Some(&doing) && !traded {
                    continue;
                }
                self.output
                    .layers
                    .push(layer_row(tick, decision.at, hedge, layer));
            }
        }
    }

    /// An order that the book took.
    pub fn order(&mut self, id: &OrderId, request: &OrderRequest, book: &Book) {
        let (kind, position, package) = match &request.kind {
            OrderKind::Open { package } => ("open", None, package.to_string()),
            OrderKind::Close { position } => {
                let held = book
                    .position(*position)
                    .and_then(Position::held)
                    .map(|p| p.flipped().to_string());
                ("close", Some(position.0), held.unwrap_or_default())
            }
            OrderKind::Roll { position, to } => ("roll", Some(position.0), to.to_string()),
        };
        self.working(OrderRow {
            id: id.to_string(),
            key: request.key.to_string(),
            kind: kind.to_owned(),
            structure: request.structure.to_string(),
            position,
            lots: request.lots,
            package,
            limit: request.limit,
            decided_at: request.decided_at,
            status: WORKING.to_owned(),
            ended_at: None,
            reason: String::new(),
        });
    }

    fn working(&mut self, row: OrderRow) {
        self.orders.insert(row.id.clone(), self.output.orders.len());
        self.output.orders.push(row);
    }

    fn filled(&mut self, order: Option<&OrderId>, at: Instant, position: PositionId) {
        if let Some(row) = self.order_row(order) {
            row.status = "filled".to_owned();
            row.ended_at = Some(at);
            row.position = Some(position.0);
        }
    }

    fn waits(&mut self, order: &OrderId, reason: String) {
        if let Some(row) = self.order_row(Some(order)) {
            row.reason = reason;
        }
    }

    fn ended(&mut self, order: &OrderId, at: Instant, status: &str, reason: String) {
        if let Some(row) = self.order_row(Some(order)) {
            row.status = status.to_owned();
            row.ended_at = Some(at);
            row.reason = reason;
        }
    }

    /// What happened in the book.
    pub fn events(&mut self, events: &[BookEvent]) {
        if !events.is_empty() {
            self.margin_now = None;
        }
        for event in events {
            match event {
                BookEvent::Filled(execution) => {
                    self.filled(execution.order.as_ref(), execution.at, execution.position);
                    self.output.trades.push(trade_row(execution));
                }
                BookEvent::Waiting { order, reason, .. } => self.waits(order, reason.to_string()),
                BookEvent::Cancelled { order, at, reason } => {
                    let partly = matches!(reason, CancelReason::Rest { .. });
                    let status = if partly { PARTLY } else { CANCELLED };
                    self.ended(order, *at, status, reason.to_string());
                }
                BookEvent::Settled(execution) => self.output.trades.push(trade_row(execution)),
            }
        }
    }

    /// An order for futures or shares that the book took.
    pub fn linear_order(&mut self, id: &OrderId, request: &LinearRequest) {
        self.working(OrderRow {
            id: id.to_string(),
            key: request.key.to_string(),
            kind: request.kind.word().to_owned(),
            structure: request.structure.to_string(),
            position: request.kind.position().map(|p| p.0),
            lots: request.lots,
            package: LegWords(&request.legs).to_string(),
            limit: request.limit,
            decided_at: request.decided_at,
            status: WORKING.to_owned(),
            ended_at: None,
            reason: String::new(),
        });
    }

    /// What happened to futures and shares.
    pub fn linear_events(&mut self, events: &[LinearEvent]) {
        if !events.is_empty() {
            self.margin_now = None;
        }
        for event in events {
            match event {
                LinearEvent::Executed(execution) => {
                    self.filled(execution.order.as_ref(), execution.at, execution.position);
                    self.output.linear.push(linear_row(execution));
                }
                LinearEvent::Waiting { order, reason, .. } => self.waits(order, reason.to_string()),
                LinearEvent::Cancelled { order, at, reason } => {
                    let partly = *reason == Unfilled::Rest;
                    let status = if partly { PARTLY } else { CANCELLED };
                    self.ended(order, *at, status, reason.to_string());
                }
            }
        }
    }

    fn order_row(&mut self, id: Option<&OrderId>) -> Option<&mut OrderRow> {
        let index = *self.orders.get(&id?.to_string())?;
        self.output.orders.get_mut(index)
    }

    /// The nodes that were evaluated.
    pub fn nodes(&mut self, plan: &Plan) {
        for &index in plan.order() {
            let (Some(node), Ok(number)) = (plan.nodes().get(index), u32::try_from(index)) else {
                continue;
            };
            let own = plan.graph().nodes.get(index);
            self.output.nodes.push(NodeRow {
                node: number.saturating_add(self.base),
                key: own.map(|n| n.key.clone()).unwrap_or_default(),
                text: own.map(|n| n.text.clone()).unwrap_or_default(),
                clock: match node.clock {
                    Clock::Constant => "constant".to_owned(),
                    Clock::Session => "session".to_owned(),
                    Clock::Minutes(n) => format!("{n}m"),
                    Clock::Tick => "tick".to_owned(),
                },
                domain: match node.domain {
                    Domain::Market => "market",
                    Domain::Book => "book",
                    Domain::Position => "position",
                    Domain::Candidate => "candidate",
                }
                .to_owned(),
                unit: match node.value {
                    ValueKind::Bool => "condition".to_owned(),
                    ValueKind::Number(unit) => unit.to_string(),
                },
            });
        }
        self.output.nodes.sort_by_key(|n| n.node);
    }

    /// The rows of slower nodes that rules rest on, as far as a run could read them.
    pub fn rows<'r>(
        &mut self,
        plan: &Plan,
        rows: impl Fn(usize) -> Option<alula_core::market::Rows<'r>>,
        (first, last): (Instant, Instant),
    ) {
        let keep = longest_look_back(plan);
        for &index in plan.order() {
            let (Some(found), Ok(node)) = (rows(index), u32::try_from(index)) else {
                continue;
            };
            let end = found.newest(last).map_or(0, |r| r + 1);
            let start = found.newest(first).unwrap_or(0).saturating_sub(keep);
            for row in start..end {
                let (Some(at), Ok(step)) = (found.visible.get(row), u32::try_from(row)) else {
                    continue;
                };
                let cell = found.column.get(row);
                self.output.trace.push(TraceCell {
                    node: node.saturating_add(self.base),
                    scope: Scope::Global,
                    step,
                    at: *at,
                    cell,
                });
            }
        }
    }
}

/// Rows before the first tick that an explanation may need: the longest `for`, a crossing's one.
fn longest_look_back(plan: &Plan) -> usize {
    let steps = plan.graph().nodes.iter().map(|n| match n.op {
        alula_dsl::graph::Op::For(n) | alula_dsl::graph::Op::Moves { bars: n, .. } => n as usize,
        _ => 1,
    });
    steps.max().unwrap_or(1).min(1_000)
}
