//! `why`, from what a run recorded: which tick is meant, which rules, and what became of them.

use crate::error::{ErrorClass, RunError};
use crate::output::{DecisionRow, OverlayRow, RunOutput, StrategyRow, TickRow};
use alula_book::PositionId;
use alula_core::decision::RuleKind;
use alula_core::operator::{OVERLAY_KEY, number_of};
use alula_core::trace::{Scope, TraceCell};
use alula_core::why::{Condition, Conjunct, Need, Recorded, Subject, TraceIndex, Why, keys, why};
use alula_dsl::graph::Graph;
use alula_market::time::{Date, Instant};

/// A moment as a person gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A session: its last tick.
    Day(Date),
    /// An instant: the newest tick at or before it, on the same day.
    At(Instant),
}

/// Answers questions about one run.
#[derive(Debug)]
pub struct Explainer<'a> {
    run: &'a RunOutput,
    began: &'a Graph,
    nothing: TraceIndex,
    epochs: Vec<Epoch<'a>>,
    /// Values of each version, with the first tick they are in force at; those that the run began with first.
    versions: Vec<(u32, Vec<f64>)>,
}

/// A strategy, the first tick that it is in force at, and what its nodes were.
#[derive(Debug)]
struct Epoch<'a> {
    since: u32,
    graph: &'a Graph,
    trace: TraceIndex,
}

/// The cells of nodes from a number on, up to another, numbered as their graph numbers them.
fn own_cells(run: &RunOutput, base: u32, end: u32) -> Vec<TraceCell> {
    let own = run.trace.iter().filter(|c| (base..end).contains(&c.node));
    own.map(|c| TraceCell {
        node: c.node - base,
        ..*c
    })
    .collect()
}

fn is_of(run: &RunOutput, graph: &Graph, base: u32, end: u32) -> bool {
    let own = run.nodes.iter().filter(|n| (base..end).contains(&n.node));
    own.filter_map(|row| {
        let at = usize::try_from(row.node - base).ok()?;
        graph.nodes.get(at).map(|node| node.key == row.key)
    })
    .all(|same| same)
}

fn request(what: String, help: impl Into<String>) -> RunError {
    RunError::new(ErrorClass::Request, what, help)
}

impl<'a> Explainer<'a> {
    /// With the run and the graph that it was made from (compiled again from the run's inputs).
    ///
    /// # Errors
    /// When the graph is another one than the run's.
    pub fn new(run: &'a RunOutput, graph: &'a Graph) -> Result<Self, RunError> {
        let later: Vec<&StrategyRow> = run.strategies.iter().skip(1).collect();
        let mut begins: Vec<u32> = later.iter().map(|s| s.nodes).collect();
        begins.push(u32::MAX);
        let mut ends = begins.into_iter();
        let end = ends.next().unwrap_or(u32::MAX);
        let mut matches = is_of(run, graph, 0, end);
        let trace = if later.is_empty() {
            TraceIndex::new(&run.trace)
        } else {
            TraceIndex::new(&own_cells(run, 0, end))
        };
        let mut epochs = vec![Epoch {
            since: 0,
            graph,
            trace,
        }];
        for (row, end) in later.into_iter().zip(ends) {
            let Some(graph) = row.graph.as_deref() else {
                return Err(request(
                    format!("version {} of the strategy is not at hand", row.version),
                    "the run folder must hold its files",
                ));
            };
            matches &= is_of(run, graph, row.nodes, end);
            epochs.push(Epoch {
                since: row.tick,
                graph,
                trace: TraceIndex::new(&own_cells(run, row.nodes, end)),
            });
        }
        if !matches || run.manifest.thresholds.len() != graph.thresholds.len() {
            return Err(request(
                "the strategy is not the one of the run".to_owned(),
                "ask with the program version that made the run",
            ));
        }
        let began = run.manifest.thresholds.iter().map(|t| t.value).collect();
        let later = run.versions.iter().map(|v| (v.tick, v.values.clone()));
        let versions = std::iter::once((0, began)).chain(later).collect();
        Ok(Self {
            run,
            began: graph,
            nothing: TraceIndex::new(&[]),
            epochs,
            versions,
        })
    }

    /// The strategy that a tick was decided with.
    fn epoch(&self, tick: u32) -> Option<&Epoch<'a>> {
        self.epochs.iter().rev().find(|e| e.since <= tick)
    }

    /// The strategy that a tick was decided with.
    ///
    /// # Errors
    /// Never for a tick of the run.
    fn epoch_of(&self, tick: u32) -> Result<&Epoch<'a>, RunError> {
        let none = || request(format!("the run has no tick {tick}"), "ask for another one");
        self.epoch(tick).ok_or_else(none)
    }

    /// The threshold values that a tick was decided with.
    fn thresholds(&self, tick: u32) -> &[f64] {
        let newest = self.versions.iter().rev().find(|(since, _)| *since <= tick);
        newest.map_or(&[], |(_, values)| values)
    }

    /// The tick that a moment means.
    ///
    /// # Errors
    /// When the run has no tick there; the help names the nearest ones.
    pub fn tick(&self, moment: Moment) -> Result<&'a TickRow, RunError> {
        let (date, until) = match moment {
            Moment::Day(date) => (date, Instant(i64::MAX)),
            Moment::At(at) => (at.date(), at),
        };
        let found = self
            .run
            .ticks
            .iter()
            .rev()
            .find(|t| t.at.date() == date && t.at <= until);
        found.ok_or_else(|| {
            let what = match moment {
                Moment::Day(date) => format!("the run has no tick on {date}"),
                Moment::At(at) => format!("the run has no tick on {date} at or before {at}"),
            };
            let before = self
                .run
                .ticks
                .iter()
                .rev()
                .find(|t| t.at <= until && t.at.date() < date);
            let after = self
                .run
                .ticks
                .iter()
                .find(|t| t.at.date() > date || (t.at.date() == date && t.at > until));
            let near: Vec<String> = before
                .into_iter()
                .chain(after)
                .map(|t| t.at.to_string())
                .collect();
            let gap = if self.run.manifest.gaps.contains(&date) {
                "the data have no snapshot of that session; "
            } else {
                ""
            };
            let near = match near.as_slice() {
                [] => "the run has no tick at all".to_owned(),
                near => format!("the nearest ticks are {}", near.join(" and ")),
            };
            request(what, format!("{gap}{near}"))
        })
    }

    /// Explains one rule, or all of them, at a tick. Rules about positions are explained for each position open then.
    ///
    /// # Errors
    /// When the strategy has no such rule.
    pub fn explain(&self, tick: &TickRow, key: Option<&str>) -> Result<Vec<Why>, RunError> {
        let epoch = self.epoch_of(tick.tick)?;
        let known = keys(epoch.graph);
        if let Some(number) = key.and_then(number_of) {
            return self.explain_overlay(tick, number);
        }
        if let Some(key) = key
            && !known.iter().any(|(k, _)| *k == key)
        {
            let names: Vec<&str> = known.iter().map(|(k, _)| *k).collect();
            return Err(request(
                format!("no rule `{key}`"),
                format!("the strategy has {}", names.join(", ")),
            ));
        }
        let mut out = Vec::new();
        for (rule, kind) in known
            .into_iter()
            .filter(|(k, _)| key.is_none_or(|wanted| wanted == *k))
        {
            let positions: Vec<Option<PositionId>> = match kind {
                RuleKind::Close | RuleKind::Roll => self
                    .open_under(epoch.graph, rule, tick.at)
                    .into_iter()
                    .map(Some)
                    .collect(),
                RuleKind::Guard | RuleKind::Hedge | RuleKind::Open => vec![None],
            };
            for position in positions {
                let subject = Subject {
                    key: rule,
                    position,
                    tick: tick.tick,
                    at: tick.at,
                };
                if let Some(mut found) = why(epoch.graph, self.thresholds(tick.tick), &epoch.trace, &subject)
                {
                    self.complete(&mut found, tick);
                    out.push(found);
                }
            }
        }
        Ok(out)
    }

    /// The cells that a tick saw: of the market and the book, of a position, or of a package.
    #[must_use]
    pub fn recorded(&self, tick: &TickRow, scope: Scope) -> Recorded<'_> {
        // There is always the one that the run began with.
        let epoch = self.epoch(tick.tick).or(self.epochs.first());
        Recorded {
            trace: epoch.map_or(&self.nothing, |e| &e.trace),
            graph: epoch.map_or(self.began, |e| e.graph),
            thresholds: self.thresholds(tick.tick),
            tick: tick.tick,
            at: tick.at,
            scope,
        }
    }

    /// Positions of the rule's structure that were open when a tick was decided.
    #[must_use]
    pub fn open_at(&self, rule: &str, at: Instant) -> Vec<PositionId> {
        let tick = self.run.ticks.iter().rev().find(|t| t.at <= at);
        let epoch = self.epoch(tick.map_or(0, |t| t.tick));
        self.open_under(epoch.map_or(self.began, |e| e.graph), rule, at)
    }

    fn open_under(&self, graph: &Graph, rule: &str, at: Instant) -> Vec<PositionId> {
        let policy = graph
            .policies
            .iter()
            .find(|p| p.rules.iter().any(|r| r.key == rule));
        policy
            .and_then(|p| graph.structures.get(p.structure.0 as usize))
            .map_or_else(Vec::new, |s| self.open_positions(&s.key, at))
    }

    /// Positions of a structure that were open when a tick was decided.
    #[must_use]
    pub fn open_positions(&self, structure: &str, at: Instant) -> Vec<PositionId> {
        // Orders fill before a tick is decided, so what was filled at the tick's own instant was there, and what was closed
        // then was gone. On the same bar it is the other way round.
        let same_bar = self
            .run
            .manifest
            .settings
            .get("fill")
            .is_some_and(|f| f == "same bar");
        let there = |opened: Instant, closed: Option<Instant>| {
            if same_bar {
                opened < at && closed.is_none_or(|end| end >= at)
            } else {
                opened <= at && closed.is_none_or(|end| end > at)
            }
        };
        self.run
            .positions
            .iter()
            .filter(|p| p.structure == structure && there(p.opened_at, p.closed_at))
            .map(|p| PositionId(p.number))
            .collect()
    }

    /// Adds what was recorded of the outcome.
    fn complete(&self, why: &mut Why, tick: &TickRow) {
        let position = why.position.map(|p| p.0);
        let row = self
            .run
            .decisions
            .iter()
            .find(|d| d.tick == tick.tick && d.key == why.key && d.position == position);
        // The cell that decided is the recorded one, where there is a record.
        if let Some(row) = row {
            why.condition.cell = row.condition;
            if let (Some(require), Some(cell)) = (&mut why.require, row.require) {
                require.cell = cell;
            }
            if row.require.is_none() {
                why.require = None;
            }
        } else {
            why.require = None;
        }
        let outcomes: Vec<String> = if why.kind == RuleKind::Hedge {
            // A layer may sell one position and buy another at one tick.
            let rows = self.run.decisions.iter();
            let rows = rows.filter(|d| d.tick == tick.tick && d.key == why.key);
            let held = self.layer_words(tick, &why.key);
            // What kept it from acting stands in its own words.
            let rows = rows.filter(|r| held.is_none() || r.verdict != "skipped");
            rows.map(|r| self.outcome(r)).chain(held.clone()).collect()
        } else {
            row.map(|r| self.outcome(r)).into_iter().collect()
        };
        let overlaid = self.overlaid(tick, &why.key, position);
        let outcomes: Vec<String> = outcomes.into_iter().chain(overlaid).collect();
        why.outcome = (!outcomes.is_empty()).then(|| outcomes.join("; "));
    }

    /// What overlays changed of a decision, in words.
    fn overlaid(&self, tick: &TickRow, key: &str, position: Option<u32>) -> Vec<String> {
        let rows = self.run.overlay_changes.iter();
        let rows = rows.filter(|c| c.tick == tick.tick && c.key == key && c.position == position);
        let mut seen: Vec<u32> = Vec::new();
        let told = rows.map(|c| {
            seen.extend(&c.overlays);
            let of: Vec<String> = c.overlays.iter().map(|n| self.overlay_words(*n)).collect();
            format!("{}: without it {}", of.join(" and "), c.without)
        });
        let mut out: Vec<String> = told.collect();
        // One that kept a rule from what something else would have kept it from anyway is named all the same.
        let rows = self.run.decisions.iter();
        let rows = rows.filter(|d| d.tick == tick.tick && d.key == key && d.position == position);
        for number in rows.flat_map(|d| named(&d.detail)) {
            if !seen.contains(&number) {
                seen.push(number);
                out.push(self.overlay_words(number));
            }
        }
        out
    }

    /// `overlay 3 of alice (uid 1000), 2019-05-07 10:05 ET: pause core (CPI in ten minutes)`.
    #[must_use]
    pub fn overlay_words(&self, number: u32) -> String {
        let row = self.run.overlays.iter().find(|o| o.number == number);
        row.map_or_else(|| format!("overlay {number}"), OverlayRow::words)
    }

    /// The orders of an overlay at a tick, explained.
    fn explain_overlay(&self, tick: &TickRow, number: u32) -> Result<Vec<Why>, RunError> {
        if self.run.overlays.iter().all(|o| o.number != number) {
            let numbers: Vec<String> = self.run.overlays.iter().map(|o| o.number.to_string()).collect();
            let help = if numbers.is_empty() {
                "no operator added one".to_owned()
            } else {
                format!("there is {}", numbers.join(", "))
            };
            return Err(request(format!("the run has no overlay {number}"), help));
        }
        let key = format!("{OVERLAY_KEY}{number}");
        let rows = self.run.decisions.iter();
        let rows = rows.filter(|d| d.tick == tick.tick && d.key == key);
        let told = rows.map(|d| Why {
            key: key.clone(),
            kind: d.kind,
            at: tick.at,
            position: d.position.map(PositionId),
            condition: Condition {
                text: self.overlay_words(number),
                cell: d.condition,
                conjuncts: vec![Conjunct {
                    text: self.overlay_words(number),
                    cell: d.condition,
                    readings: Vec::new(),
                    unknown: None,
                }],
                failed_first: None,
                need: Need::Nothing,
            },
            require: None,
            outcome: Some(self.outcome(d)),
        });
        Ok(told.collect())
    }

    /// What a layer was doing at a tick, in words; for its own key alone.
    fn layer_words(&self, tick: &TickRow, key: &str) -> Option<String> {
        self.layer(key, tick.tick).map(crate::output::LayerRow::words)
    }

    /// The newest row of a layer at or before a tick.
    #[must_use]
    pub fn layer(&self, key: &str, tick: u32) -> Option<&'a crate::output::LayerRow> {
        let mut rows = self.run.layers.iter().rev();
        rows.find(|r| r.layer == key && r.tick <= tick)
    }

    fn outcome(&self, row: &DecisionRow) -> String {
        let order = row
            .order
            .as_ref()
            .and_then(|id| self.run.orders.iter().find(|o| o.id == *id));
        let Some(order) = order else {
            return row.detail.clone();
        };
        let fate = match (order.status.as_str(), order.ended_at) {
            ("filled", Some(at)) => {
                let net = self
                    .run
                    .trades
                    .iter()
                    .find(|t| t.order == order.id)
                    .map(|t| t.net.share);
                let price = net.map(|n| format!(" for {n} net")).unwrap_or_default();
                format!("filled at {at}{price}")
            }
            ("cancelled", Some(at)) => format!("cancelled at {at}: {}", order.reason),
            _ if order.reason.is_empty() => "still at work at the end of the run".to_owned(),
            _ => format!("still at work at the end of the run: {}", order.reason),
        };
        format!("{}; {fate}", row.detail)
    }
}

/// Numbers of the overlays that a decision's line names.
fn named(detail: &str) -> Vec<u32> {
    let parts = detail.split("overlay ").skip(1);
    let numbers = parts.filter(|p| p.contains(" of the operator"));
    let numbers = numbers.filter_map(|p| p.split(' ').next()?.parse().ok());
    numbers.collect()
}
