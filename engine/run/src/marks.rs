//! Marks: what a reader of the results has to know before believing them, one line each.

use crate::death::Death;
use crate::output::{Manifest, MarginCallRow};
use crate::warm_up::{self, WarmingUp};
use alula_book::instrument::LinearExecution;
use alula_book::{Book, NoFill};
use alula_core::decision::{Decision, PickError, RuleOutcome, Skip, Verdict};
use alula_core::market::MarketData;
use alula_core::plan::Plan;
use alula_core::plugin::PluginHost;
use alula_dsl::builtin::Field;
use alula_dsl::graph::{Graph, GuardAct, Length, Op};
use alula_market::contract::Instrument;
use alula_market::series::{BarSize, SeriesData};
use alula_market::time::{Date, Instant};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What guards did that lasts or costs: it can decide a whole run, and no table of trades shows it.
#[derive(Debug, Default)]
pub struct GuardActs {
    /// When opening was halted, and by which guard.
    halted: Option<(Date, Arc<str>)>,
    /// First flattening: when, by which guard; and the ticks at which guards flattened.
    flattened: Option<(Date, Arc<str>, u32)>,
    /// Ticks at which a guard was unknown and blocked opening for it.
    unknown: BTreeMap<Arc<str>, u32>,
    /// Ticks at which a package could not be priced for want of a displayed size.
    without_size: u32,
}

impl GuardActs {
    /// Takes note of a decision.
    pub fn note(&mut self, decision: &Decision) {
        let date = decision.at.date();
        let mut flattens = None;
        let wants_size = |o: &RuleOutcome| {
            let Verdict::Skipped(Skip::Pick { reason, .. }) = &o.verdict else {
                return false;
            };
            matches!(reason, PickError::NoFill(NoFill::NoSize(_)))
        };
        if decision.outcomes.iter().any(wants_size) {
            self.without_size = self.without_size.saturating_add(1);
        }
        for outcome in &decision.outcomes {
            match &outcome.verdict {
                Verdict::Guarded {
                    act: GuardAct::HaltOpen,
                    ..
                } => {
                    self.halted
                        .get_or_insert_with(|| (date, Arc::clone(&outcome.key)));
                }
                Verdict::Guarded {
                    act: GuardAct::Flatten(_),
                    orders,
                    linear,
                } if !orders.is_empty() || !linear.is_empty() => {
                    flattens.get_or_insert(&outcome.key);
                }
                Verdict::Guarded {
                    act: GuardAct::BlockOpen,
                    ..
                } if outcome.condition.truth().is_none() => {
                    *self.unknown.entry(Arc::clone(&outcome.key)).or_default() += 1;
                }
                _ => {}
            }
        }
        if let Some(key) = flattens {
            self.flattened.get_or_insert_with(|| (date, Arc::clone(key), 0)).2 += 1;
        }
    }

    fn marks(&self, plan: &Plan, ticks: usize) -> Vec<String> {
        let text = |key: &str| {
            let guard = plan.graph().guards.iter().find(|g| g.key == key);
            let node = guard.and_then(|g| plan.graph().node(g.require));
            node.map(|n| format!(" (`require {}`)", n.text))
                .unwrap_or_default()
        };
        let mut marks = Vec::new();
        if self.without_size > 0 {
            marks.push(format!(
                "depth: at {} of {ticks} ticks nothing could be ordered, because the data show no size and `depth` names none \
                 to `assume`",
                self.without_size
            ));
        }
        if let Some((date, key)) = &self.halted {
            marks.push(format!(
                "halted: opening halted on {date} by `{key}`{}; nothing opened after it",
                text(key)
            ));
        }
        if let Some((date, key, times)) = &self.flattened {
            let more = if *times == 1 {
                String::new()
            } else {
                format!(", guards flattened at {times} ticks in all")
            };
            marks.push(format!(
                "flattened: positions closed on {date} by `{key}`{}{more}",
                text(key)
            ));
        }
        marks.extend(self.unknown.iter().map(|(key, times)| {
            format!(
                "unknown: guard `{key}`{} was unknown at {times} of {ticks} ticks and blocked opening",
                text(key)
            )
        }));
        marks
    }
}

/// What the marks are about.
pub struct Facts<'a> {
    pub plan: &'a Plan,
    pub data: &'a MarketData,
    pub manifest: &'a Manifest,
    pub book: &'a Book,
    pub guards: &'a GuardActs,
    /// How the period asked for was cut.
    pub cut: Option<&'a str>,
    /// What the strategy reads and the data do not have.
    pub absent: &'a [String],
    /// Plugins that are loaded.
    pub plugins: Option<&'a Arc<dyn PluginHost>>,
    /// Their instances that died.
    pub deaths: &'a [Death],
    /// Values that are unknown at ticks for want of bars.
    pub warming_up: &'a [WarmingUp],
    /// Margin calls.
    pub calls: &'a [MarginCallRow],
    /// Some discount had to come from box spreads.
    pub without_rate: bool,
    /// Snapshots of the period.
    pub visited: &'a [Instant],
    /// Ticks of the period.
    pub ticks: &'a [Instant],
}

/// All marks of a run.
pub fn of(facts: &Facts<'_>) -> Vec<String> {
    let Facts {
        plan, manifest, book, ..
    } = facts;
    let mut marks = Vec::new();
    if manifest.simulated {
        marks.push("simulated: every number rests on a simulated market".to_owned());
    }
    marks.extend(facts.guards.marks(plan, facts.ticks.len()));
    marks.extend(facts.cut.map(ToOwned::to_owned));
    if book.config().same_bar {
        marks.push("same bar: orders fill on the snapshot they were decided on".to_owned());
    }
    if book.trades().iter().any(|t| t.approximate) {
        marks.push("approximate: some settlement values stand in for missing official ones".to_owned());
    }
    if book.ledger().is_approximate() {
        marks.push(
            "approximate: futures and shares fill at settlements, closes or the forwards that options imply, with an assumed \
             spread of one increment"
                .to_owned(),
        );
    }
    let futures = |e: &LinearExecution| matches!(e.instrument, Instrument::Future(_));
    if book.ledger().executions().iter().any(futures) {
        marks.push("margin of futures: a table of round numbers, not an exchange's or a broker's".to_owned());
    }
    marks.extend(call_mark(facts.calls));
    marks.extend(fee_mark(book));
    if facts.without_rate {
        marks.push("no rate: discounts come from box spreads where no risk-free rate is known".to_owned());
    }
    let gaps = manifest.gaps.len();
    if gaps > 0 {
        let word = if gaps == 1 { "session has" } else { "sessions have" };
        marks.push(format!(
            "gaps: {gaps} {word} no snapshot; positions were held at the last mark"
        ));
    }
    let open = book.positions().count() + book.ledger().positions().count();
    if open > 0 {
        let word = if open == 1 { "position is" } else { "positions are" };
        marks.push(format!(
            "open: {open} {word} open at the end, marked and not closed"
        ));
    }
    marks.extend(
        facts.absent.iter().map(|a| {
            format!("absent: {a} is not in the data; what rests on it is unknown until it is imported (`alula import FILE --append`)")
        }),
    );
    marks.extend(warm_up::marks(facts.warming_up));
    marks.extend(coarser(plan.graph().settings.every, facts.visited));
    marks.extend(yesterdays(facts));
    let graph = plan.graph();
    marks.extend(plugin_marks(graph, facts.plugins, facts.deaths));
    marks
}

/// Plugins that are not loaded, and those whose functions stopped giving values.
fn plugin_marks(graph: &Graph, plugins: Option<&Arc<dyn PluginHost>>, deaths: &[Death]) -> Vec<String> {
    let loaded: BTreeSet<String> = plugins
        .iter()
        .flat_map(|p| p.loaded())
        .map(|(name, _)| name)
        .collect();
    let named: BTreeSet<&str> = graph.plugins.iter().map(|p| p.plugin.as_str()).collect();
    let absent = named.into_iter().filter(|name| !loaded.contains(*name));
    let mut marks: Vec<String> = absent
        .map(|name| format!("plugin: `{name}` is not loaded; what rests on it is unknown"))
        .collect();
    // A death that a record knows is not met again.
    let mut faults: BTreeSet<String> = deaths.iter().map(|d| d.why.clone()).collect();
    faults.extend(plugins.map(|p| p.take_faults()).unwrap_or_default());
    marks.extend(
        faults
            .iter()
            .map(|fault| format!("plugin: {fault}; what rests on it is unknown from then on")),
    );
    marks
}

/// The account had less than its positions required.
fn call_mark(calls: &[MarginCallRow]) -> Option<String> {
    let first = calls.first()?;
    let times = match calls.len() {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    };
    let done = if first.flattened {
        "positions were closed"
    } else {
        "it was reported and nothing was closed"
    };
    Some(format!(
        "margin call: {times} by `{}`, first on {} (required ${}, available ${}); {done}",
        first.rulebook,
        first.at.date(),
        first.required,
        first.available
    ))
}

/// Fills on days that the fee table does not cover.
fn fee_mark(book: &Book) -> Option<String> {
    let options = book.trades().iter().map(|t| (t.at, t.fees.stand_in));
    let linear = book.ledger().executions().iter();
    let all = options.chain(linear.map(|e| (e.at, e.fees.stand_in)));
    let days: Vec<Date> = all.filter(|(_, s)| *s).map(|(at, _)| at.date()).collect();
    let (count, first, last) = (days.len(), days.iter().min()?, days.iter().max()?);
    let fees = &book.config().fees;
    let known = match (fees.known_from(), fees.known_to) {
        (Some(from), Some(to)) => format!(", whose rates are known from {from} to {to}"),
        _ => String::new(),
    };
    let fills = if count == 1 { "fill" } else { "fills" };
    Some(format!(
        "fees: {count} {fills} from {first} to {last} paid the nearest rates of `{}`{known}",
        fees.name
    ))
}

/// The strategy asks to be evaluated more often than there are snapshots.
fn coarser(every: Length, visited: &[Instant]) -> Option<String> {
    let Length::Minutes(asked) = every else {
        return None;
    };
    let same_day = visited
        .iter()
        .zip(visited.iter().skip(1))
        .filter(|(a, b)| a.date() == b.date());
    let Some(finest) = same_day.map(|(a, b)| b.0 - a.0).min() else {
        let what = "the data have one snapshot a session";
        return (!visited.is_empty()).then(|| {
            format!("coarser: the rules ask for every {asked}m, {what}; they were evaluated once a session")
        });
    };
    // Snapshots are minutes apart; one a few seconds late does not make the data coarser.
    let finest = (finest + 30) / 60;
    (finest > i64::from(asked)).then(|| {
        format!("coarser: the rules ask for every {asked}m, the data have a snapshot every {finest}m at best")
    })
}

/// Instruments whose `last` comes from daily bars alone, read before the day's bar is known: the value is the day before's.
fn yesterdays(facts: &Facts<'_>) -> Option<String> {
    let mut names = BTreeSet::new();
    for &index in facts.plan.order() {
        let Some(node) = facts.plan.graph().nodes.get(index) else {
            continue;
        };
        let Op::Field {
            instrument,
            month,
            field: Field::Last,
        } = &node.op
        else {
            continue;
        };
        let name = month.map_or_else(
            || instrument.name().to_owned(),
            |m| format!("{}{m}", instrument.name()),
        );
        let found = |daily: bool| {
            let needs = facts.plan.series().iter().zip(&facts.data.series);
            let mut series = needs.filter(|(n, _)| n.id == name && (n.size == BarSize::Session) == daily);
            series.find_map(|(_, s)| s.as_deref())
        };
        // A snapshot's own spot comes before any bar.
        let chained = facts.plan.chains().first().is_some_and(|c| *c == name);
        if let Some(daily) = found(true).filter(|_| !chained && found(false).is_none())
            && facts.ticks.iter().any(|t| is_early(daily, *t))
        {
            names.insert(format!("`{}`", node.text));
        }
    }
    let names: Vec<String> = names.into_iter().collect();
    let (is, only) = if names.len() == 1 {
        ("is", "it has")
    } else {
        ("are", "they have")
    };
    (!names.is_empty()).then(|| {
        format!("daily only: {} {is} the close of the session before, as {only} daily bars only and ticks come before the close", names.join(", "))
    })
}

/// Whether a tick comes before its own session's bar is known.
fn is_early(daily: &SeriesData, tick: Instant) -> bool {
    let row = daily.date.partition_point(|d| *d < tick.date());
    daily.date.get(row) == Some(&tick.date())
        && daily.available_at.get(row).is_some_and(|known| *known > tick)
}
