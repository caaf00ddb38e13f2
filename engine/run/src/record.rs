//! Turns what happened into rows.

use crate::by_structure::ByStructure;
use crate::error::{ErrorClass, RunError};
use crate::output::{
    DailyRow, DecisionRow, GreekSum, LayerRow, LinearRow, MarginCallRow, NodeRow, OrderRow, PositionRow,
    RuleStat, RunOutput, TickRow, TradeLegRow, TradeRow,
};
use alula_book::instrument::{
    Ledger, LegWords, LinearEvent, LinearExecution, LinearKind, LinearPosition, LinearRequest, Unfilled,
};
use alula_book::{
    Band, Book, BookEvent, CancelReason, Execution, OrderId, OrderKind, OrderRequest, Position, PositionId,
    Rulebook,
};
use alula_core::decision::{
    Clip, Decision, HedgeTrace, LayerPhase, LayerTrace, RuleKind, RuleOutcome, Verdict,
};
use alula_core::margin::{self, AccountMargin};
use alula_core::observe::{self, Sight};
use alula_core::plan::Plan;
use alula_core::step::MARGIN_CALL;
use alula_core::trace::{Scope, TraceCell};
use alula_core::vega;
use alula_dsl::graph::{Clock, Domain, Graph, GuardAct, ValueKind};
use alula_market::contract::{Instrument, Right};
use alula_market::money::Usd;
use alula_market::time::{Date, Instant};
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

fn layer_row(tick: u32, at: Instant, hedge: &HedgeTrace, layer: &LayerTrace) -> LayerRow {
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

    /// The account after a snapshot was marked, or (without sight) after a settlement: the session's extremes.
    pub fn observe(&mut self, book: &Book, sight: Option<&Sight<'_>>) {
        let equity = book.equity();
        self.peak = self.peak.zip(equity, |a: Usd, b: Usd| a.max(b));
        let fall = self.peak - equity;
        let (mut depth, mut from) = self.deepest.unwrap_or((fall, self.peak));
        for (new, depth, peak, from) in [
            (fall.mid, &mut depth.mid, self.peak.mid, &mut from.mid),
            (fall.share, &mut depth.share, self.peak.share, &mut from.share),
            (
                fall.natural,
                &mut depth.natural,
                self.peak.natural,
                &mut from.natural,
            ),
        ] {
            if new > *depth {
                (*depth, *from) = (new, peak);
            }
        }
        self.deepest = Some((depth, from));
        if let Some(sight) = sight {
            let account = margin::account(sight, book, sight.rulebook).ok();
            self.margin_now = Some((sight.at, account));
            self.watch(sight, account);
            let now = account.map(|a| a.required);
            self.margin = Some(self.margin.map_or(now, |so_far| Some(so_far?.max(now?))));
        }
    }

    /// A margin call begins, grows or ends. Where the requirement is not known nothing changes.
    fn watch(&mut self, sight: &Sight<'_>, account: Option<AccountMargin>) {
        let Some(account) = account else { return };
        let under_way = self.call.and_then(|i| self.output.margin_calls.get_mut(i));
        match (under_way, account.is_called()) {
            (None, false) => {}
            (Some(call), true) => {
                call.shortfall_max = call.shortfall_max.max(account.required - account.available);
            }
            (Some(call), false) => {
                call.ended_at = Some(sight.at);
                self.call = None;
            }
            (None, true) => {
                self.call = Some(self.output.margin_calls.len());
                self.output.margin_calls.push(MarginCallRow {
                    at: sight.at,
                    rulebook: sight.rulebook.name().to_owned(),
                    required: account.required,
                    available: account.available,
                    shortfall_max: account.required - account.available,
                    ended_at: None,
                    flattened: self.flattens,
                });
            }
        }
    }

    /// The account at the end of a session; `at` is its last tick.
    pub fn day(&mut self, date: Date, at: Instant, book: &Book, sight: Option<&Sight<'_>>) {
        self.observe(book, None);
        let equity = book.equity();
        let held = book.positions().count() + book.ledger().positions().count();
        let flat = held == 0;
        let underlying = sight
            .and_then(|s| s.plan.chains().first().and_then(|c| s.view(c)))
            .map(|v| v.snapshot.spot)
            .filter(|p| p.0 > 0);
        let account = match (sight, self.margin_now) {
            (Some(s), Some((at, now))) if s.at == at => now,
            (Some(s), _) => margin::account(s, book, s.rulebook).ok(),
            (None, _) => None,
        };
        let margin = match sight {
            Some(_) => account.map(|a| a.required),
            None => flat.then_some(Usd::ZERO),
        };
        let margins = sight.map_or([flat.then_some(Usd::ZERO); 3], |s| {
            reported(s.rulebook).map(|r| {
                if r == s.rulebook {
                    margin
                } else {
                    margin::account(s, book, r).ok().map(|a| a.required)
                }
            })
        });
        let rows = self.by_structure.day(date, book);
        self.output.structures.extend(rows);
        let (drawdown_max, drawdown_peak) = self.deepest.take().unwrap_or_default();
        self.output.daily.push(DailyRow {
            date,
            at,
            equity,
            drawdown: self.peak - equity,
            drawdown_max,
            drawdown_peak,
            cash: book.cash(),
            fees: book.fees(),
            margin,
            margin_max: self.margin.take().unwrap_or(margin),
            margin_available: account.map(|a| a.available),
            margins,
            greeks: sight.map_or_else(|| flat.then(GreekSum::default), |s| greeks(s, book)),
            positions: u32::try_from(held).unwrap_or(u32::MAX),
            underlying,
            stale_marks: book.positions().any(|p| p.mark_age_secs(at) > 0),
        });
    }

    /// A last row, if the account is not what the last one says: settlements and fills after the last tick count too.
    pub fn last_day(&mut self, book: &Book) {
        let told = self.output.daily.last().map(|d| (d.equity, d.cash));
        let capital = Band::flat(book.config().capital);
        if told.unwrap_or((capital, capital)) == (book.equity(), book.cash()) {
            return;
        }
        let linear = book.ledger().executions().last().map(|e| e.at);
        let executed = book.trades().last().map(|e| e.at).max(linear);
        let Some(at) = executed.max(self.output.daily.last().map(|d| d.at)) else {
            return;
        };
        self.day(at.date(), at, book, None);
    }

    /// The last row, the book and the positions must tell one story, to the cent.
    pub fn add_up(&self, book: &Book) -> Result<(), RunError> {
        self.by_structure.add_up()?;
        let capital = Band::flat(book.config().capital);
        let positions = self.output.positions.iter().fold(capital, |sum, p| sum + p.pnl);
        let row = self.output.daily.last().map_or(capital, |d| d.equity);
        let book = book.equity();
        if row == book && book == positions {
            return Ok(());
        }
        Err(RunError::new(
            ErrorClass::Invariant,
            format!(
                "accounting invariant broken: equity is {book:?} in the book, {row:?} in the last daily row, {positions:?} \
                 from capital and P&L of positions"
            ),
            "the results cannot be trusted; please report this with the strategy and the data",
        ))
    }

    /// The positions as they stand at the end.
    pub fn positions(&mut self, book: &Book) {
        let mut all: Vec<&Position> = book.closed().iter().chain(book.positions()).collect();
        all.sort_by_key(|p| p.id);
        let mut rows: Vec<PositionRow> = all.into_iter().map(position_row).collect();
        let ledger = book.ledger();
        let linear = ledger.closed().chain(ledger.positions());
        rows.extend(linear.map(|p| linear_position_row(ledger, p)));
        rows.sort_by_key(|r| r.number);
        self.output.positions = rows;
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

/// The rulebooks whose requirement is reported every session, whichever is enforced.
fn reported(enforced: Rulebook) -> [Rulebook; 3] {
    let portfolio = if enforced == Rulebook::PortfolioIbkr {
        enforced
    } else {
        Rulebook::Portfolio
    };
    [Rulebook::Cboe, Rulebook::Ibkr, portfolio]
}

/// The account's greeks; none when one is missing.
fn greeks(sight: &Sight<'_>, book: &Book) -> Option<GreekSum> {
    observe::prepare_greeks(sight, book);
    let sum = vega::account(sight, book).ok()?;
    Some(GreekSum {
        delta: sum.delta,
        gamma: sum.gamma,
        vega: sum.vega,
        theta: sum.theta,
    })
}

/// The id that the book gave an order and what it is, or why it took none.
fn answer(said: Option<&Result<OrderId, Refused>>, text: Option<String>) -> (Option<String>, String) {
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

fn linear_row(e: &LinearExecution) -> LinearRow {
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

fn linear_position_row(ledger: &Ledger, p: &LinearPosition) -> PositionRow {
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

fn act_text(act: &GuardAct, orders: usize) -> String {
    match act {
        GuardAct::BlockOpen => "blocks opening".to_owned(),
        GuardAct::HaltOpen => "halts opening".to_owned(),
        GuardAct::Flatten(_) => format!("flattens: {orders} closing orders"),
        GuardAct::Alert(text) => format!("alert: {text}"),
    }
}

fn trade_row(e: &Execution) -> TradeRow {
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

fn position_row(p: &Position) -> PositionRow {
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
