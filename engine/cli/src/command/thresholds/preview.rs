//! `alula thresholds preview`: which decisions would have been others with new values?

use super::{TITLE, changes_json, changes_text};
use crate::args::TextFormat;
use crate::args::thresholds::PreviewArgs;
use crate::command::backtest::history;
use crate::command::replay::beside;
use crate::exit::{Exit, Failure, failure};
use crate::output::Output;
use crate::project::{Linked, Project};
use alula_core::thresholds::{Change, ThresholdSet, value_text};
use alula_core::why::{Why, line};
use alula_dsl::graph::Graph;
use alula_market::history::History;
use alula_market::time::{Date, Instant};
use alula_report::text::{plural, signed_dollars};
use alula_run::output::DecisionRow;
use alula_run::{BacktestRequest, Entries, Explainer, RunOutput, Swap, backtest};
use chrono::Days;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a rule did at a tick, with each set; no line for nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct Differs {
    at: Instant,
    tick: u32,
    key: String,
    old: Vec<String>,
    new: Vec<String>,
    /// Where it did nothing with one of the sets: its condition and what it read, or what kept it from acting.
    because: Vec<String>,
}

/// Both runs and what they have in common.
pub struct Preview<'a> {
    /// The strategy of the old run.
    pub graph: &'a Graph,
    /// As it is.
    pub old: RunOutput,
    /// As it would be.
    pub new: RunOutput,
    /// Values that differ.
    pub changes: Vec<Change>,
    /// What else differs, in words.
    pub items: Vec<String>,
    /// The account that both rest on, where it is that of a run.
    pub basis: Option<String>,
    /// Decisions that differ.
    pub differ: Vec<Differs>,
    /// Decisions that both made.
    pub same: usize,
}

pub(super) fn run(args: &PreviewArgs, out: &mut Output) -> Result<Exit, Failure> {
    let project = Project::load(&args.file)?;
    let before = project.checked(args.old.as_deref(), out)?;
    let after = project.checked(Some(&args.new), out)?;
    let graph = before.graph;
    let mut changes = after
        .thresholds
        .changes_from(&before.thresholds, &graph.thresholds);
    let (old, new, basis);
    if let Some(state) = &args.state {
        out.detail("computing the run again from its journal, then with the new values");
        let change = |_: &Graph, at: Instant| Swap {
            at,
            set: after.thresholds.clone(),
            file: None,
            entries: Entries::Wait,
            rules: None,
        };
        let both = beside(state, args.data.as_deref(), args.days, &change, out)?;
        // What the run has in force may be something else than the file beside its strategy.
        changes.retain(|c| !both.values.contains_key(&c.name));
        changes.extend(differing(graph, &both.values, &after.thresholds));
        (old, new, basis) = (both.old, both.new, Some(both.basis));
    } else {
        let data = history(args.data.as_deref(), None, graph)?;
        let from = first_day(graph, data.as_ref(), args.days);
        out.detail("computing the days with the old values, then with the new ones");
        old = replay(&before, data.as_ref(), from)?;
        new = replay(&after, data.as_ref(), from)?;
        basis = None;
    }
    let (differ, same) = compare(graph, &old, &new)?;
    let preview = Preview {
        graph,
        old,
        new,
        changes,
        items: Vec::new(),
        basis,
        differ,
        same,
    };
    preview.show(args.format, args.limit, out)
}

/// What differs from values in force, for thresholds that have one, in declared order.
fn differing(graph: &Graph, in_force: &BTreeMap<String, f64>, new: &ThresholdSet) -> Vec<Change> {
    let values = graph.thresholds.iter().zip(new.values());
    values
        .filter_map(|(def, value)| {
            let before = in_force.get(&def.name)?;
            (before.to_bits() != value.to_bits()).then(|| Change {
                name: def.name.clone(),
                before: value_text(*before, def.suffix),
                after: value_text(*value, def.suffix),
            })
        })
        .collect()
}

/// The first of the last `days` calendar days of the data; `None` where there are no data to be cut.
pub fn first_day(graph: &Graph, data: &dyn History, days: u32) -> Option<Date> {
    let underlying = graph.structures.first().map(|s| s.underlying.name())?;
    let (_, last) = data.range(underlying)?;
    last.checked_sub_days(Days::new(u64::from(days.saturating_sub(1))))
}

fn replay(linked: &Linked<'_>, data: &dyn History, from: Option<Date>) -> Result<RunOutput, Failure> {
    backtest(BacktestRequest {
        from,
        ..linked.request(linked.graph, data, &mut |_| {})
    })
    .map_err(|e| failure(&e))
}

/// What was done, by tick and rule, in order of position.
type Made<'a> = BTreeMap<(u32, &'a str), Vec<&'a DecisionRow>>;

/// Orders and acts of guards. What was called for and skipped is not among them: it follows from what was done before.
fn made(run: &RunOutput) -> Made<'_> {
    let mut out = Made::new();
    let acts = run
        .decisions
        .iter()
        .filter(|d| matches!(d.verdict.as_str(), "ordered" | "guarded"));
    for d in acts {
        out.entry((d.tick, d.key.as_str())).or_default().push(d);
    }
    out
}

/// Decisions that differ between two runs that began with the same strategy, and how many do not.
///
/// # Errors
/// When a run is not of the strategy.
pub fn compare(graph: &Graph, old: &RunOutput, new: &RunOutput) -> Result<(Vec<Differs>, usize), Failure> {
    let (before, now) = (made(old), made(new));
    let explain = |run| Explainer::new(run, graph).map_err(|e| failure(&e));
    let (explain_old, explain_new) = (explain(old)?, explain(new)?);
    let mut keys: Vec<&(u32, &str)> = before.keys().chain(now.keys()).collect();
    keys.sort();
    keys.dedup();
    let (mut differ, mut same) = (Vec::new(), 0);
    for key in keys {
        let a = before.get(key).cloned().unwrap_or_default();
        let b = now.get(key).cloned().unwrap_or_default();
        let words = |acts: &[&DecisionRow]| acts.iter().map(|d| d.detail.clone()).collect::<Vec<_>>();
        let (was, is) = (words(&a), words(&b));
        if was == is {
            same += 1;
            continue;
        }
        let because = if b.is_empty() {
            silence("new", &explain_new, new, key, &a)
        } else if a.is_empty() {
            silence("old", &explain_old, old, key, &b)
        } else {
            Vec::new()
        };
        differ.push(Differs {
            at: a.first().or(b.first()).map_or(Instant(0), |d| d.at),
            tick: key.0,
            key: key.1.to_owned(),
            old: was,
            new: is,
            because,
        });
    }
    Ok((differ, same))
}

/// Why a rule called for nothing where, with the other values, it did something with the positions of `acts`.
fn silence(
    which: &str,
    explainer: &Explainer<'_>,
    run: &RunOutput,
    &(tick, rule): &(u32, &str),
    acts: &[&DecisionRow],
) -> Vec<String> {
    let row = usize::try_from(tick).ok().and_then(|i| run.ticks.get(i));
    let told = row.and_then(|row| explainer.explain(row, Some(rule)).ok());
    let acted_on = |position: Option<u32>| acts.iter().any(|d| d.position == position);
    let found: Vec<Why> = told.unwrap_or_default();
    let read = found
        .iter()
        .filter(|w| acted_on(w.position.map(|p| p.0)))
        .map(line);
    let skipped =
        |d: &&DecisionRow| d.tick == tick && d.key == rule && d.verdict == "skipped" && acted_on(d.position);
    let kept = run.decisions.iter().filter(skipped).map(|d| d.detail.clone());
    let mut said: Vec<String> = read.chain(kept).map(|l| format!("{which}: {l}")).collect();
    if said.is_empty() {
        said.push(format!("{which}: the position is not open"));
    }
    said
}

impl Preview<'_> {
    /// Shows it, at most so many decisions as text. Decisions that differ are findings.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn show(&self, format: TextFormat, limit: usize, out: &mut Output) -> Result<Exit, Failure> {
        match format {
            TextFormat::Text => out.data(&self.text(limit))?,
            TextFormat::Json => out.data(&format!("{:#}\n", self.value()))?,
        }
        Ok(if self.differ.is_empty() {
            Exit::Ok
        } else {
            Exit::Findings
        })
    }

    fn pnl(&self, run: &RunOutput) -> String {
        let end = run.daily.last().map(|d| d.equity.share);
        let capital = run.manifest.capital;
        end.map_or_else(|| "–".to_owned(), |e| signed_dollars(e - capital))
    }

    /// For people.
    fn text(&self, limit: usize) -> String {
        let m = &self.new.manifest;
        let label = if m.simulated {
            "SIMULATED MARKET"
        } else {
            "RECORDED DATA"
        };
        let mut out = format!(
            "{TITLE}{}{TITLE:#}  {label}\n{} to {} · {} · {}\n\n",
            m.strategy,
            m.from.map_or_else(String::new, |d| d.to_string()),
            m.to.map_or_else(String::new, |d| d.to_string()),
            plural(self.new.ticks.len(), "tick"),
            m.data_label
        );
        if let Some(basis) = &self.basis {
            let _ = writeln!(out, "{TITLE}Account{TITLE:#}  {basis}\n");
        }
        if !self.items.is_empty() {
            let _ = writeln!(out, "{TITLE}Strategy{TITLE:#}");
            self.items.iter().for_each(|item| {
                let _ = writeln!(out, "  {item}");
            });
            out.push('\n');
        }
        let what = if self.items.is_empty() {
            "values"
        } else {
            "strategy"
        };
        let _ = writeln!(out, "{TITLE}Values{TITLE:#}");
        out.push_str(&changes_text(&self.changes, self.graph.thresholds.len()));
        let _ = writeln!(
            out,
            "\n{TITLE}Decisions{TITLE:#}  {} the same, {} differ · P&L {} with the old {what}, {} with the new",
            self.same,
            self.differ.len(),
            self.pnl(&self.old),
            self.pnl(&self.new)
        );
        for d in self.differ.iter().take(limit) {
            let _ = writeln!(out, "  {}  {}", d.at, d.key);
            for (which, lines) in [("old", &d.old), ("new", &d.new)] {
                if lines.is_empty() && d.because.is_empty() {
                    let _ = writeln!(out, "    {which}: nothing");
                }
                for l in lines {
                    let _ = writeln!(out, "    {which}: {l}");
                }
            }
            for l in &d.because {
                let _ = writeln!(out, "    {l}");
            }
        }
        if let Some(more) = self.differ.len().checked_sub(limit).filter(|n| *n > 0) {
            let _ = writeln!(out, "  … and {more} more: `--limit {}`", self.differ.len());
        }
        if !self.differ.is_empty() {
            out.push_str("  after the first difference, others follow because the positions are others\n");
        }
        out
    }

    /// For programs.
    fn value(&self) -> Value {
        let m = &self.new.manifest;
        let differ: Vec<Value> = self
            .differ
            .iter()
            .map(|d| {
                json!({
                    "tick": d.tick, "at": d.at.eastern().to_rfc3339(), "rule": d.key, "old": d.old, "new": d.new,
                    "because": d.because,
                })
            })
            .collect();
        json!({
            "schema_version": 1, "strategy": m.strategy, "simulated": m.simulated, "data": m.data_label,
            "from": m.from.map(|d| d.to_string()), "to": m.to.map(|d| d.to_string()), "ticks": self.new.ticks.len(),
            "changes": changes_json(&self.changes), "items": self.items, "account": self.basis, "same": self.same, "differ": differ,
        })
    }
}
