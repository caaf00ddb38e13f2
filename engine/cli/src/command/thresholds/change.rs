//! `alula thresholds check | push | history | rollback`: values on their way into a running strategy, and back.

use super::{changes_json, changes_text, preview};
use crate::args::TextFormat;
use crate::args::thresholds::{CheckFileArgs, HistoryArgs, PreviewArgs, PushArgs, RollbackArgs};
use crate::command::journal;
use crate::command::run::told::RUNS_MAX;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use crate::project::Project;
use crate::run_folder;
use alula_core::thresholds::{Change, ThresholdSet, read, value_text};
use alula_dsl::graph::Graph;
use alula_journal::{Record, each};
use alula_live::swap::{Desk, Judged, Rejection, Rules};
use alula_market::time::Instant;
use alula_report::text::short_hash;
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const TITLE: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

fn rules(max_step: u32) -> Rules {
    Rules {
        step_max: f64::from(max_step) / 100.0,
        ..Rules::default()
    }
}

/// The file that a running engine watches, and the values that it holds now: the declared defaults where there is none, nothing
/// where it is broken, since only the engine knows what is in force then.
fn target(
    project: &Project,
    to: Option<&Path>,
    out: &mut Output,
) -> Result<(PathBuf, Option<ThresholdSet>), Failure> {
    let path = to.map_or_else(|| project.path.with_extension("thresholds.yaml"), Path::to_owned);
    let Some(graph) = &project.compiled.graph else {
        // Shows what is wrong with the strategy.
        project.checked(None, out)?;
        return Ok((path, None));
    };
    if !path.exists() {
        return Ok((path, Some(ThresholdSet::defaults(&graph.thresholds))));
    }
    let set = read(&files::read(&path)?, &graph.settings.name, &graph.thresholds).ok();
    if set.is_none() {
        out.warn(&format!(
            "`{}` is broken as it stands: what is in force is not known here, and the running engine alone judges the size of \
             the step",
            path.display()
        ));
    }
    Ok((path, set))
}

/// Would a running engine take this file?
pub(super) fn check(args: &CheckFileArgs, out: &mut Output) -> Result<Exit, Failure> {
    let project = Project::load(&args.file)?;
    let (watched, in_force) = target(&project, args.to.as_deref(), out)?;
    let path = args.new.clone().unwrap_or(watched);
    // Shows what is wrong with it, each at its place.
    let linked = project.checked(Some(&path), out)?;
    let graph = linked.graph;
    let in_force = in_force.unwrap_or_else(|| linked.thresholds.clone());
    let mut desk = Desk::new(&graph.settings.name, &graph.thresholds, rules(args.max_step));
    let judged = desk.judge(Ok(files::read(&path)?), &in_force, Instant(0));
    let version = linked.thresholds.hash_hex();
    let (word, changes, refused): (&str, Vec<Change>, Option<Rejection>) = match judged {
        Judged::Same | Judged::KnownBad => ("same", Vec::new(), None),
        Judged::Accepted(a) => ("accepted", a.changes, None),
        Judged::Rejected(r) => {
            let changes = linked.thresholds.changes_from(&in_force, &graph.thresholds);
            ("refused", changes, Some(r.why))
        }
    };
    match args.format {
        TextFormat::Json => {
            let value = json!({
                "schema_version": 1, "strategy": graph.settings.name, "file": path.to_string_lossy(), "version": version,
                "in_force": in_force.hash_hex(), "verdict": word, "changes": changes_json(&changes),
                "why": refused.as_ref().map(ToString::to_string), "help": refused.as_ref().map(Rejection::help),
            });
            out.data(&format!("{value:#}\n"))?;
        }
        TextFormat::Text => {
            let head = match &refused {
                None if changes.is_empty() => "it says what is in force".to_owned(),
                None => format!("{GOOD}✓{GOOD:#} a running engine would take it"),
                Some(why) => format!(
                    "{BAD}✗{BAD:#} a running engine would refuse it: {why}\n  help: {}",
                    why.help()
                ),
            };
            let changes = if changes.is_empty() {
                String::new()
            } else {
                changes_text(&changes, graph.thresholds.len())
            };
            out.data(&format!(
                "{TITLE}{}{TITLE:#}  version {}\n{changes}  {head}\n",
                path.display(),
                short_hash(&version)
            ))?;
        }
    }
    Ok(if refused.is_none() {
        Exit::Ok
    } else {
        Exit::Findings
    })
}

/// Checks new values and puts them where a running engine sees them, whole or not at all.
pub(super) fn push(args: &PushArgs, out: &mut Output) -> Result<Exit, Failure> {
    let project = Project::load(&args.file)?;
    let (watched, in_force) = target(&project, args.to.as_deref(), out)?;
    let linked = project.checked(Some(&args.new), out)?;
    if args.preview {
        let preview = PreviewArgs {
            file: args.file.clone(),
            new: args.new.clone(),
            old: watched.is_file().then(|| watched.clone()),
            state: args.state.clone(),
            data: args.data.clone(),
            days: args.days,
            limit: 12,
            format: TextFormat::Text,
        };
        let exit = preview::run(&preview, out)?;
        out.note("this was a preview: nothing was pushed");
        return Ok(exit);
    }
    let step = (args.max_step, args.ack);
    put(
        (linked.graph, &linked.thresholds),
        in_force.as_ref(),
        &watched,
        step,
        out,
    )
}

/// Writes values to the watched file, if a running engine would take them.
fn put(
    (graph, new): (&Graph, &ThresholdSet),
    in_force: Option<&ThresholdSet>,
    watched: &Path,
    (max_step, ack): (u32, bool),
    out: &mut Output,
) -> Result<Exit, Failure> {
    let defs = &graph.thresholds;
    let changes = in_force.map_or_else(Vec::new, |before| new.changes_from(before, defs));
    if in_force.is_some() && changes.is_empty() {
        out.data(&format!(
            "nothing to push: `{}` says the same, version {}\n",
            watched.display(),
            short_hash(&new.hash_hex())
        ))?;
        return Ok(Exit::Ok);
    }
    let text = new.text_for(&graph.settings.name, defs, in_force.filter(|_| ack));
    let mut desk = Desk::new(&graph.settings.name, defs, rules(max_step));
    let before = in_force.unwrap_or(new);
    if let Judged::Rejected(r) = desk.judge(Ok(text.clone().into_bytes()), before, Instant(0)) {
        let help = match &r.why {
            Rejection::Step { .. } => "go in smaller steps, or push with `--ack` if it is meant".to_owned(),
            why => why.help(),
        };
        return Err(Failure::new(Exit::Findings, r.to_string()).help(help));
    }
    files::write_atomic(watched, text.as_bytes())?;
    sync_folder(watched)?;
    out.data(&format!(
        "{}pushed version {} to {}\n",
        if changes.is_empty() {
            String::new()
        } else {
            changes_text(&changes, defs.len())
        },
        short_hash(&new.hash_hex()),
        watched.display()
    ))?;
    out.note("a running engine takes it at its next tick; the version before is undone with `alula thresholds rollback`");
    Ok(Exit::Ok)
}

/// The new name is on disk only when its folder is.
fn sync_folder(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let synced = std::fs::File::open(folder).and_then(|f| f.sync_all());
    if cfg!(unix) {
        synced.map_err(|e| Failure::io("write", folder, &e))?;
    }
    Ok(())
}

/// A version as a run or a journal knows it.
struct Version {
    number: u64,
    at: Option<Instant>,
    hash: String,
    source: String,
    /// Names and values as text.
    values: Vec<(String, String)>,
    changes: Vec<Change>,
}

/// Versions in a run folder, a journal, or the state folder of a strategy.
fn versions(what: &Path) -> Result<Vec<Version>, Failure> {
    if what.is_dir() && !what.join(alula_run::folder::MANIFEST).is_file() {
        return of_journal(&journal::meant(what)?);
    }
    if what.is_file() {
        return of_journal(what);
    }
    let run = run_folder::read(what)?.output;
    let rows = &run.manifest.thresholds;
    let texts = |values: &[f64]| -> Vec<(String, String)> {
        let pairs = rows.iter().zip(values);
        pairs
            .map(|(t, v)| (t.name.clone(), value_text(*v, &t.suffix)))
            .collect()
    };
    let began: Vec<f64> = rows.iter().map(|t| t.value).collect();
    let mut out: Vec<Version> = Vec::new();
    if run.versions.is_empty() {
        out.push(Version {
            number: 1,
            at: run.manifest.first_tick,
            hash: String::new(),
            source: "start".to_owned(),
            values: texts(&began),
            changes: Vec::new(),
        });
    }
    for v in &run.versions {
        let values = texts(&v.values);
        let before = out.last().map(|b| b.values.clone());
        out.push(Version {
            number: u64::from(v.version),
            at: Some(v.at),
            hash: v.hash.clone(),
            source: if v.source.is_empty() {
                "start".to_owned()
            } else {
                v.source.clone()
            },
            changes: before.map_or_else(Vec::new, |b| differences(&b, &values)),
            values,
        });
    }
    Ok(out)
}

fn differences(before: &[(String, String)], after: &[(String, String)]) -> Vec<Change> {
    let pairs = before.iter().zip(after).filter(|(a, b)| a.1 != b.1);
    pairs
        .map(|(a, b)| Change {
            name: b.0.clone(),
            before: a.1.clone(),
            after: b.1.clone(),
        })
        .collect()
}

/// Versions of a run, under way or not, and of those that it goes on with.
fn of_journal(path: &Path) -> Result<Vec<Version>, Failure> {
    let mut all = BTreeMap::new();
    let mut next = Some(path.to_owned());
    for _ in 0..RUNS_MAX {
        let Some(path) = next else { break };
        let (found, parent) = of_one(&path)?;
        // One that began anew has a first version of its own, and goes on with nothing.
        let anew = found.iter().any(|v| v.number == 1);
        // The run that goes on begins with what the one before it had in force, and knows less of how it came there.
        all.extend(found.into_iter().map(|v| (v.number, v)));
        next = parent
            .filter(|_| !anew)
            .map(|name| path.with_file_name(format!("{name}.redb")))
            .filter(|p| p.is_file());
    }
    Ok(all.into_values().collect())
}

/// Versions in one journal, and the run that it goes on with.
fn of_one(path: &Path) -> Result<(Vec<Version>, Option<String>), Failure> {
    let store = journal::open(path)?;
    let mut out = Vec::new();
    let verdict = each(store.as_ref(), |entry, record| {
        if let Some(Record::ThresholdsApplied(r)) = record {
            let text = String::from_utf8_lossy(&r.canonical.0).into_owned();
            let lines = text
                .lines()
                .filter(|l| l.starts_with("  ") && !l.trim_start().starts_with('#'));
            let values = lines.filter_map(|l| l.trim().split_once(": "));
            out.push(Version {
                number: r.version,
                at: (r.version > 1).then_some(Instant(entry.engine_ns.div_euclid(1_000_000_000))),
                hash: r.sha256.to_string(),
                source: r.source.clone(),
                values: values.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
                changes: r
                    .changes
                    .iter()
                    .map(|c| Change {
                        name: c.field.clone(),
                        before: c.before.clone(),
                        after: c.after.clone(),
                    })
                    .collect(),
            });
        }
        Ok(())
    })
    .map_err(|e| journal::refused(path, &e))?;
    Ok((out, verdict.manifest.parent))
}

/// Every version of a run and what changed with it.
pub(super) fn history(args: &HistoryArgs, out: &mut Output) -> Result<Exit, Failure> {
    let all = journal::quietly(|| versions(&args.what))?;
    if args.format == TextFormat::Json {
        let rows: Vec<Value> = all
            .iter()
            .map(|v| {
                let values: serde_json::Map<String, Value> = v
                    .values
                    .iter()
                    .map(|(n, x)| (n.clone(), Value::from(x.clone())))
                    .collect();
                json!({ "version": v.number, "at": v.at.map(|t| t.eastern().to_rfc3339()), "sha256": v.hash,
                    "source": v.source, "changes": changes_json(&v.changes), "values": values })
            })
            .collect();
        out.data(&format!(
            "{:#}\n",
            json!({ "schema_version": 1, "versions": rows })
        ))?;
        return Ok(Exit::Ok);
    }
    for v in &all {
        let at = v.at.map_or_else(|| "start".to_owned(), |t| t.to_string());
        let changes: Vec<String> = v.changes.iter().map(ToString::to_string).collect();
        let what = if changes.is_empty() {
            "as it began".to_owned()
        } else {
            changes.join(", ")
        };
        out.data(&format!(
            "{TITLE}{:>4}{TITLE:#}  {at:<19}  {:<12}  {what}\n",
            v.number,
            short_hash(&v.hash)
        ))?;
    }
    Ok(Exit::Ok)
}

/// Pushes the values of an earlier version: a new version with old values.
pub(super) fn rollback(args: &RollbackArgs, out: &mut Output) -> Result<Exit, Failure> {
    let project = Project::load(&args.file)?;
    let (watched, in_force) = target(&project, args.to.as_deref(), out)?;
    let all = journal::quietly(|| versions(&args.from))?;
    let Some(version) = all.iter().find(|v| v.number == args.version) else {
        let known: Vec<String> = all.iter().map(|v| v.number.to_string()).collect();
        return Err(
            Failure::usage(format!("there is no version {}", args.version)).help(format!(
                "`{}` has {}",
                args.from.display(),
                known.join(", ")
            )),
        );
    };
    let Some(graph) = &project.compiled.graph else {
        return Err(Failure::new(
            Exit::Findings,
            format!("`{}` has errors", project.path.display()),
        ));
    };
    let lines: String = version
        .values
        .iter()
        .map(|(n, v)| format!("  {n}: {v}\n"))
        .collect();
    let text = format!("thresholds:\n{lines}...\n");
    let set = read(text.as_bytes(), &graph.settings.name, &graph.thresholds).map_err(|found| {
        let all: Vec<String> = found.iter().map(ToString::to_string).collect();
        Failure::new(
            Exit::Findings,
            format!(
                "version {} does not fit the strategy: {}",
                args.version,
                all.join("; ")
            ),
        )
        .help("the strategy was changed since; push values by hand")
    })?;
    // What was in force before may be far away: going back is meant.
    put((graph, &set), in_force.as_ref(), &watched, (50, true), out)
}
