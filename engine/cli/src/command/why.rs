//! `alula why RUN --at TIME [KEY]`.

use crate::args::{TextFormat, WhyArgs};
use crate::at;
use crate::command::replay;
use crate::command::test::{Suite, find};
use crate::exit::{Exit, Failure, failure};
use crate::explain::{graph_of, with_strategies};
use crate::output::Output;
use crate::run_folder;
use alula_core::decision::RuleKind;
use alula_core::value::Cell;
use alula_core::why::{Condition, Why, miss, render};
use alula_dsl::graph::Graph;
use alula_market::time::Instant;
use alula_report::text::short_hash;
use alula_run::{Death, Explainer, Mode, Moment, RunOutput};
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

const TITLE: Style = Style::new().bold();
const YES: Style = AnsiColor::Green.on_default();
const NO: Style = AnsiColor::Red.on_default();
const UNKNOWN: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();

/// Explains the decisions of a tick, or of one rule at it.
///
/// # Errors
/// When the run cannot be read, or has no such tick or rule.
pub fn run(args: &WhyArgs, out: &mut Output) -> Result<Exit, Failure> {
    let (run, graph) = match &args.case {
        Some(name) => of_case(&args.run, name, out)?,
        None if args.run.extension().is_some_and(|e| e == "redb") => of_journal(args, out)?,
        None => {
            let mut run = run_folder::read(&args.run)?.output;
            with_strategies(&mut run)?;
            let graph = graph_of(&run)?;
            (run, graph)
        }
    };
    let explainer = Explainer::new(&run, &graph).map_err(|e| failure(&e))?;
    let last = run.ticks.last().filter(|_| args.near.is_none());
    let moment = match (&args.at, last) {
        (Some(at), _) => at::parse(at)?,
        (None, Some(last)) => Moment::At(last.at),
        (None, None) => return near(args, &run, &explainer, out),
    };
    let tick = explainer.tick(moment).map_err(|e| failure(&e))?;
    if let Moment::At(asked) = moment
        && tick.at < asked
    {
        out.note(&format!(
            "there is no tick at {asked}; this is the last one before it"
        ));
    }
    let found = explainer
        .explain(tick, args.key.as_deref())
        .map_err(|e| failure(&e))?;
    match args.format {
        TextFormat::Text => {
            let simulated = run.manifest.simulated;
            let label = if simulated {
                "simulated market"
            } else {
                "recorded data"
            };
            let name = &run.manifest.strategy;
            let rules = run.strategy_row(tick.tick).map_or_else(String::new, |s| {
                format!(" · strategy version {}, {}", s.version, short_hash(&s.hash))
            });
            let version = run.version_row(tick.tick).map_or_else(String::new, |v| {
                format!(
                    "{rules} · thresholds version {}, {}",
                    v.version,
                    short_hash(&v.hash)
                )
            });
            let mut text = format!(
                "{TITLE}{name} at {}{TITLE:#} {DIM}· {label} · tick {}{version}{DIM:#}\n",
                tick.at, tick.tick
            );
            if found.is_empty() {
                let about = args.key.as_deref().unwrap_or("rules");
                let _ = writeln!(text, "\n`{about}` is about open positions, and none was open");
            }
            // Without a key there is a rule for each position: those that called for nothing get one line each.
            let full = args.key.is_some() || out.verbose;
            let (loud, calm): (Vec<&Why>, Vec<&Why>) = found.iter().partition(|w| full || called(w));
            for why in loud {
                text.push('\n');
                text.push_str(&painted(why));
            }
            if !calm.is_empty() {
                let _ = writeln!(text, "\n{TITLE}called for nothing{TITLE:#}");
                calm.iter().for_each(|w| text.push_str(&brief(w)));
                let key = calm.first().map_or("KEY", |w| w.key.as_str());
                let _ = writeln!(
                    text,
                    "\n{DIM}name a rule to see what would have changed it: … {key}{DIM:#}"
                );
            }
            text.push_str(&deaths(&run, tick.at));
            out.data(&text)?;
        }
        TextFormat::Json => {
            let all: Vec<Value> = found.iter().map(value).collect();
            let document = json!({
                "strategy": run.manifest.strategy,
                "run": run.manifest.run_id,
                "simulated": run.manifest.simulated,
                "thresholds_version": run.version_at(tick.tick),
                "strategy_version": run.rules_at(tick.tick),
                "tick": tick.tick,
                "at": tick.at.eastern().to_rfc3339(),
                "rules": all,
                "deaths": died(&run, tick.at).map(ToString::to_string).collect::<Vec<_>>(),
            });
            out.data(&format!("{document:#}\n"))?;
        }
    }
    Ok(Exit::Ok)
}

/// Indicators that had died by a tick: what rests on them is missing there.
fn died(run: &RunOutput, at: Instant) -> impl Iterator<Item = &Death> {
    run.manifest.deaths.iter().filter(move |d| d.at <= at)
}

/// The same in words; nothing where none had.
pub fn deaths(run: &RunOutput, at: Instant) -> String {
    let mut text = String::new();
    for death in died(run, at) {
        let _ = writeln!(text, "\ndied at {}: {death}", death.at);
    }
    text
}

/// Computes a run again from its journal, up to its last decision.
fn of_journal(args: &WhyArgs, out: &mut Output) -> Result<(RunOutput, Graph), Failure> {
    let replayed = replay::again(&args.run, args.data.as_deref(), true, out)?;
    if let (Some(differs), Some(death)) = (&replayed.differs, replayed.others.first()) {
        let what = format!(
            "an indicator died while the run was computed again, and it had not died in the run: {death}; from tick {} at {} on nothing \
             is the same",
            differs.tick, differs.at
        );
        return Err(Failure::new(Exit::Data, what).help("try again: the journal is as it was"));
    }
    if let Some(differs) = &replayed.differs {
        let what = format!(
            "the run is not the same any more from tick {} at {} on: {} differs",
            differs.tick, differs.at, differs.what
        );
        return Err(Failure::new(Exit::Data, what)
            .help("`alula replay` shows what was recorded and what is computed now"));
    }
    let graph = replayed.graph;
    let run = replayed.output;
    let run = run.ok_or_else(|| Failure::usage("the journal has no decision".to_owned()))?;
    Ok((run, graph))
}

/// Runs a case of a test file: what it recorded, and the graph that decided.
fn of_case(path: &Path, name: &str, out: &mut Output) -> Result<(RunOutput, Graph), Failure> {
    let found = find::tests(&[path.to_owned()])?;
    let [file] = found.as_slice() else {
        return Err(
            Failure::usage(format!("`{}` holds several test files", path.display()))
                .help("name the one that the case stands in"),
        );
    };
    let suite = Suite::load(file, None, out)?;
    let cases = &suite.tests.cases;
    let exact: Vec<_> = cases.iter().filter(|c| c.name == name).collect();
    let parts: Vec<_> = cases.iter().filter(|c| c.name.contains(name)).collect();
    let case = match (exact.as_slice(), parts.as_slice()) {
        ([case], _) | ([], [case]) => case,
        _ => {
            let listed: Vec<String> = if parts.is_empty() {
                cases.iter().map(|c| format!("`{}`", c.name)).collect()
            } else {
                parts.iter().map(|c| format!("`{}`", c.name)).collect()
            };
            let which = if parts.is_empty() {
                "no case"
            } else {
                "more than one case"
            };
            return Err(
                Failure::usage(format!("{which} of `{}` is called `{name}`", file.display()))
                    .help(format!("write one of {}", listed.join(", "))),
            );
        }
    };
    let harness = suite.harness_of(case);
    let result = harness.run(case, suite.base(case), Mode::Batch);
    let run = result.run.ok_or_else(|| {
        let why = result.failures.first().map(|f| f.what.clone());
        Failure::new(
            Exit::Findings,
            why.unwrap_or_else(|| "the case could not run".to_owned()),
        )
        .help("`alula test` shows the case")
    })?;
    Ok((run, harness.graph().clone()))
}

/// A rule at a tick that almost called for action.
struct Miss {
    distance: f64,
    change: String,
    why: Why,
}

/// Lists the closest misses: of each stretch in which a rule kept missing, the tick at which it was closest.
fn near(
    args: &WhyArgs,
    run: &RunOutput,
    explainer: &Explainer<'_>,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut all: Vec<Miss> = Vec::new();
    // By rule and position: where its stretch stands in the list, and the tick at which it was seen last.
    let mut open: BTreeMap<(String, Option<u32>), (usize, u32)> = BTreeMap::new();
    // By stretch: rule, position, last tick.
    let mut ends: Vec<(String, Option<u32>, u32)> = Vec::new();
    for tick in &run.ticks {
        let found = explainer
            .explain(tick, args.key.as_deref())
            .map_err(|e| failure(&e))?;
        for why in found {
            let Some((distance, change)) = miss(&why) else {
                continue;
            };
            let key = (why.key.clone(), why.position.map(|p| p.0));
            let candidate = Miss {
                distance,
                change,
                why,
            };
            match open.get_mut(&key) {
                Some((index, last)) if *last + 1 == tick.tick => {
                    *last = tick.tick;
                    if let Some(end) = ends.get_mut(*index) {
                        end.2 = tick.tick;
                    }
                    if let Some(held) = all.get_mut(*index).filter(|m| distance < m.distance) {
                        *held = candidate;
                    }
                }
                _ => {
                    ends.push((key.0.clone(), key.1, tick.tick));
                    open.insert(key, (all.len(), tick.tick));
                    all.push(candidate);
                }
            }
        }
    }
    // A stretch that ends with the rule calling for action was no miss but a wait.
    let mut waits: Vec<usize> = open_ends(run, &ends);
    waits.sort_unstable_by(|a, b| b.cmp(a));
    for index in waits {
        if index < all.len() {
            all.remove(index);
        }
    }
    all.sort_by(|a, b| {
        let by = a.distance.total_cmp(&b.distance);
        by.then_with(|| (a.why.at, &a.why.key).cmp(&(b.why.at, &b.why.key)))
    });
    all.truncate(usize::from(args.near.unwrap_or(10)));
    match args.format {
        TextFormat::Text => {
            let simulated = if run.manifest.simulated {
                " · simulated market"
            } else {
                ""
            };
            let mut text = format!(
                "{TITLE}{}: closest misses{TITLE:#}{DIM}{simulated}{DIM:#}\n",
                run.manifest.strategy
            );
            if all.is_empty() {
                text.push_str("  no rule missed by a number\n");
            }
            for m in &all {
                let about = m.why.position.map(|p| format!(" {p}")).unwrap_or_default();
                let _ = writeln!(
                    text,
                    "  {:>7.2} %  {}  {}{about}: if {}",
                    m.distance * 100.0,
                    m.why.at,
                    m.why.key,
                    m.change
                );
            }
            out.data(&text)?;
        }
        TextFormat::Json => {
            let misses: Vec<Value> = all
                .iter()
                .map(|m| {
                    json!({
                        "at": m.why.at.eastern().to_rfc3339(), "key": m.why.key,
                        "position": m.why.position.map(|p| p.0),
                        "distance": m.distance, "change": m.change,
                    })
                })
                .collect();
            let document = json!({
                "strategy": run.manifest.strategy, "run": run.manifest.run_id,
                "simulated": run.manifest.simulated, "misses": misses,
            });
            out.data(&format!("{document:#}\n"))?;
        }
    }
    Ok(Exit::Ok)
}

/// Stretches after whose last tick the rule called for action.
fn open_ends(run: &RunOutput, ends: &[(String, Option<u32>, u32)]) -> Vec<usize> {
    let called: BTreeSet<(&str, Option<u32>, u32)> = run
        .decisions
        .iter()
        .filter(|d| d.verdict != "idle")
        .map(|d| (d.key.as_str(), d.position, d.tick))
        .collect();
    let ended = |(key, position, last): &(String, Option<u32>, u32)| {
        called.contains(&(key.as_str(), *position, last + 1))
    };
    let stretches = ends.iter().enumerate();
    stretches.filter(|(_, end)| ended(end)).map(|(i, _)| i).collect()
}

/// The explanation with its marks coloured. The instant is in the headline of the page already.
fn painted(why: &Why) -> String {
    let mut text = String::new();
    let at = format!(" at {}", why.at);
    for (i, line) in render(why).lines().enumerate() {
        let trimmed = line.trim_start();
        let style = match trimmed.chars().next() {
            _ if i == 0 => TITLE,
            Some('✓') => YES,
            Some('✗') => NO,
            Some('?') => UNKNOWN,
            _ => Style::new(),
        };
        let line = if i == 0 {
            line.replacen(&at, "", 1)
        } else {
            line.to_owned()
        };
        let _ = writeln!(text, "{style}{line}{style:#}");
    }
    text
}

/// The condition was unknown, or such that the rule acts; or something was recorded about it.
fn called(why: &Why) -> bool {
    let acts = if why.kind == RuleKind::Guard {
        Some(false)
    } else {
        Some(true)
    };
    why.condition.cell.truth() == acts || !why.condition.cell.is_known()
}

/// The condition that decided, in one line.
fn brief(why: &Why) -> String {
    let about = why.position.map(|p| format!(" {p}")).unwrap_or_default();
    let text = render(why);
    let marks = |mark: char| text.lines().map(str::trim).find(|l| l.starts_with(mark));
    let line = marks('✗').or_else(|| marks('✓')).unwrap_or_default();
    let line = line.split("  ← ").next().unwrap_or_default();
    let style = if line.starts_with('✗') { NO } else { YES };
    let head = line.chars().next().map(String::from).unwrap_or_default();
    let rest = line.strip_prefix(&head).unwrap_or_default();
    format!(
        "  {style}{head}{style:#} {}{about}: {}\n",
        why.key,
        rest.trim_start()
    )
}

fn cell(cell: Cell, is_bool: bool) -> Value {
    match (cell.known(), cell.truth(), cell.cause()) {
        (_, _, Some(cause)) => json!({ "missing": cause.to_string() }),
        (_, Some(truth), _) if is_bool => json!(truth),
        (number, _, _) => json!(number),
    }
}

fn condition(c: &Condition) -> Value {
    let conjuncts: Vec<Value> = c
        .conjuncts
        .iter()
        .map(|part| {
            let read: Vec<Value> = part
                .readings
                .iter()
                .map(|r| json!({ "text": r.text, "value": cell(r.cell, false) }))
                .collect();
            json!({ "text": part.text, "value": cell(part.cell, true), "read": read })
        })
        .collect();
    json!({ "text": c.text, "value": cell(c.cell, true), "conjuncts": conjuncts, "failed_first": c.failed_first })
}

fn value(why: &Why) -> Value {
    json!({
        "key": why.key,
        "kind": why.kind.word(),
        "position": why.position.map(|p| p.0),
        "condition": condition(&why.condition),
        "require": why.require.as_ref().map(condition),
        "outcome": why.outcome,
        "words": render(why),
    })
}
