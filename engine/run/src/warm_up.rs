//! Values whose windows the data fill late, or never.
//!
//! Counted from the bars themselves: an operator says how many known steps pass before its first value, and a series how many
//! known bars it has by a tick. A chain of operators adds up. Conditions are not judged, only the values below them: `and`,
//! `or`, `for` and `until` can be decided by what is known.

use alula_core::market::{MarketData, bar_cell};
use alula_core::plan::{BarField, NodeKind, Plan, PlanNode};
use alula_dsl::graph::{Clock, Domain, Graph, NodeId, Op, ValueKind};
use alula_market::time::Instant;
use std::collections::BTreeSet;

/// A value that is unknown at first, or throughout, because it needs more bars than there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmingUp {
    /// Node of the graph.
    pub node: NodeId,
    /// As written.
    pub text: String,
    /// Bars that it needs to be known once.
    pub needs: usize,
    /// Bars of what: `session`, `5-minute bar`, `evaluation`.
    pub unit: String,
    /// Bars that there are by the last tick; of several series the fewest.
    pub has: usize,
    /// Ticks of the period before it can be known; all of them when it never is.
    pub unknown: usize,
    /// Ticks of the period.
    pub ticks: usize,
}

impl WarmingUp {
    /// It is known at no tick.
    #[must_use]
    pub const fn is_never_known(&self) -> bool {
        self.has < self.needs
    }

    /// One line: what it needs, what there is.
    #[must_use]
    pub fn words(&self) -> String {
        let (text, needs, unit, has) = (&self.text, self.needs, &self.unit, self.has);
        if self.is_never_known() {
            format!("`{text}` needs {needs} {unit}s and the data have {has}; it is unknown at every tick")
        } else {
            let (unknown, ticks) = (self.unknown, self.ticks);
            format!("`{text}` needs {needs} {unit}s; it is unknown at the first {unknown} of {ticks} ticks")
        }
    }
}

/// What a value's bars come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Series(usize, BarField),
    /// Sessions with a tick.
    Sessions,
    Ticks,
}

/// What a value needs.
#[derive(Clone, Debug, Default)]
struct Need {
    /// Steps that pass before the first that can be known.
    before: usize,
    from: BTreeSet<Source>,
}

/// Values that are unknown at ticks of a period for want of bars, those of the longest need first. `warm_up` of the `ticks`
/// come before the period.
#[must_use]
pub fn of(plan: &Plan, data: &MarketData, ticks: &[Instant], warm_up: usize) -> Vec<WarmingUp> {
    let period = ticks.get(warm_up..).unwrap_or_default();
    let Some(last) = period.last() else {
        return Vec::new();
    };
    let mut needs = vec![Need::default(); plan.nodes().len()];
    let mut found: Vec<WarmingUp> = Vec::new();
    for &index in plan.order() {
        let Some(node) = plan.nodes().get(index).filter(|n| n.domain == Domain::Market) else {
            continue;
        };
        let graph_node = plan.graph().nodes.get(index);
        let own = graph_node.map_or(0, |_| own(plan.graph(), index, node));
        let need = need(node, own, &needs);
        if own > 0
            && let Some(written) = graph_node
            && let Some((has, from)) = known_from(&need, data, ticks, *last)
        {
            let unknown = from.map_or(period.len(), |from| period.partition_point(|t| *t < from));
            let twice = found.iter().any(|w| w.text == written.text);
            if unknown > 0 && !twice {
                found.push(WarmingUp {
                    node: NodeId(u32::try_from(index).unwrap_or(u32::MAX)),
                    text: written.text.clone(),
                    needs: need.before + 1,
                    unit: unit(node.clock),
                    has,
                    unknown,
                    ticks: period.len(),
                });
            }
        }
        if let Some(slot) = needs.get_mut(index) {
            *slot = need;
        }
    }
    found.sort_by_key(|w| (!w.is_never_known(), std::cmp::Reverse(w.needs)));
    found
}

/// Known steps that pass before a node's own first value; of conditions none, they may be decided earlier.
fn own(graph: &Graph, index: usize, node: &PlanNode) -> usize {
    let decides = graph.nodes.get(index).is_none_or(|n| {
        n.kind == ValueKind::Bool && matches!(n.op, Op::For(_) | Op::Until | Op::And | Op::Or)
    });
    match &node.kind {
        NodeKind::Operator(operator) if !decides => usize::try_from(operator.warmup()).unwrap_or(usize::MAX),
        _ => 0,
    }
}

fn need(node: &PlanNode, own: usize, needs: &[Need]) -> Need {
    let leaf = |source| Need {
        before: 0,
        from: BTreeSet::from([source]),
    };
    match &node.kind {
        NodeKind::Bars { series, field } => leaf(Source::Series(*series, *field)),
        // The front month paces the rows of the curve.
        NodeKind::VxMaturity(_) => {
            let front = node.inputs.first().and_then(|i| needs.get(*i));
            front.cloned().unwrap_or_default()
        }
        NodeKind::SessionLast => leaf(Source::Sessions),
        NodeKind::Operator(_) if node.clock == Clock::Tick => {
            let inputs = node.inputs.iter().filter_map(|i| needs.get(*i));
            // A slower input is read through another node, which counts no ticks.
            let ticks = inputs.filter(|n| n.from.contains(&Source::Ticks));
            let before = ticks.map(|n| n.before).max().unwrap_or(0);
            Need {
                before: before.saturating_add(own),
                ..leaf(Source::Ticks)
            }
        }
        NodeKind::Operator(_) => {
            let mut all = Need::default();
            for input in node.inputs.iter().filter_map(|i| needs.get(*i)) {
                all.before = all.before.max(input.before);
                all.from.extend(&input.from);
            }
            all.before = all.before.saturating_add(own);
            all
        }
        _ => Need::default(),
    }
}

/// How many steps there are by the last tick, and from when on a value can be known; `None` where nothing is counted: a
/// series is absent, which is said elsewhere.
fn known_from(
    need: &Need,
    data: &MarketData,
    ticks: &[Instant],
    last: Instant,
) -> Option<(usize, Option<Instant>)> {
    let mut has = usize::MAX;
    let mut from = Some(Instant(i64::MIN));
    for source in &need.from {
        let known: Vec<Instant> = match source {
            Source::Series(index, field) => {
                let series = data.series(*index)?;
                let bars = series.available_at.iter().enumerate();
                bars.filter(|(i, at)| **at <= last && bar_cell(series, *i, *field).known().is_some())
                    .map(|(_, at)| *at)
                    .collect()
            }
            Source::Sessions => {
                let mut days: Vec<Instant> = ticks.to_vec();
                days.dedup_by_key(|t| t.date());
                days
            }
            Source::Ticks => ticks.to_vec(),
        };
        has = has.min(known.len());
        from = from.zip(known.get(need.before)).map(|(a, b)| a.max(*b));
    }
    (!need.from.is_empty()).then_some((has, from))
}

fn unit(clock: Clock) -> String {
    match clock {
        Clock::Session => "session".to_owned(),
        Clock::Minutes(n) => format!("{n}-minute bar"),
        Clock::Constant | Clock::Tick => "evaluation".to_owned(),
    }
}

/// Values named in the marks of a run.
const NAMED_MAX: usize = 4;

/// Marks of a run: one line for each of the longest, and how many more there are.
pub fn marks(found: &[WarmingUp]) -> Vec<String> {
    let mut out: Vec<String> = found
        .iter()
        .take(NAMED_MAX)
        .map(|w| format!("warming up: {}", w.words()))
        .collect();
    let more = found.len().saturating_sub(NAMED_MAX);
    if more > 0
        && let Some(line) = out.last_mut()
    {
        line.push_str(&format!(
            " (and {more} more: `alula check FILE --data STORE` lists them)"
        ));
    }
    out
}
