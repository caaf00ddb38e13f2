//! `alula thresholds`: the numbers that may change while a strategy runs, before they do.

mod change;
pub mod preview;
mod schema;

use crate::args::TextFormat;
use crate::args::thresholds::{DiffArgs, InitArgs, SchemaArgs, ShowArgs, ThresholdsArgs, ThresholdsCommand};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::project::Project;
use alula_core::thresholds::{Change, ThresholdSet, range_text, value_text};
use alula_dsl::graph::{ThresholdDef, ThresholdId};
use alula_report::text::{plural, short_hash};
use anstyle::Style;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

const TITLE: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// Shows, compares, previews or describes thresholds.
///
/// # Errors
/// When the strategy or a thresholds file has errors, or the data of a preview cannot be read.
pub fn run(args: &ThresholdsArgs, out: &mut Output) -> Result<Exit, Failure> {
    match &args.command {
        ThresholdsCommand::Show(args) => show(args, out),
        ThresholdsCommand::Init(args) => init(args, out),
        ThresholdsCommand::Diff(args) => diff(args, out),
        ThresholdsCommand::Preview(args) => preview::run(args, out),
        ThresholdsCommand::Check(args) => change::check(args, out),
        ThresholdsCommand::Push(args) => change::push(args, out),
        ThresholdsCommand::History(args) => change::history(args, out),
        ThresholdsCommand::Rollback(args) => change::rollback(args, out),
        ThresholdsCommand::Schema(args) => print_schema(args, out),
    }
}

fn show(args: &ShowArgs, out: &mut Output) -> Result<Exit, Failure> {
    let project = Project::load(&args.file)?;
    let linked = project.checked(args.thresholds.as_deref(), out)?;
    let (name, defs) = (&linked.graph.settings.name, &linked.graph.thresholds);
    let set = &linked.thresholds;
    let file = project.thresholds_path(args.thresholds.as_deref());
    match args.format {
        TextFormat::Text => out.data(&table(name, defs, set, file.as_deref()))?,
        TextFormat::Json => {
            let all: Vec<Value> = defs
                .iter()
                .zip(ids())
                .map(|(def, id)| {
                    json!({
                        "name": def.name,
                        "value": set.get(id).map(|v| value_text(v, def.suffix)),
                        "canonical": set.get(id),
                        "default": value_text(def.default, def.suffix),
                        "range": range_text(def),
                        "from_file": !set.defaulted().contains(&id),
                        "doc": def.doc,
                    })
                })
                .collect();
            let file = file.map(|f| f.to_string_lossy().into_owned());
            let all = json!({
                "schema_version": 1, "strategy": name, "file": file, "version": set.hash_hex(), "thresholds": all,
            });
            out.data(&format!("{all:#}\n"))?;
        }
    }
    Ok(Exit::Ok)
}

fn ids() -> impl Iterator<Item = ThresholdId> {
    (0..).map(ThresholdId)
}

fn table(name: &str, defs: &[ThresholdDef], set: &ThresholdSet, file: Option<&Path>) -> String {
    let source = file.map_or_else(
        || "declared defaults".to_owned(),
        |f| f.to_string_lossy().into_owned(),
    );
    let mut out = format!(
        "{TITLE}{name}{TITLE:#}  version {} · {source}\n",
        short_hash(&set.hash_hex())
    );
    if defs.is_empty() {
        out.push_str("  it declares no thresholds: nothing of it may change while it runs\n");
        return out;
    }
    let rows: Vec<[String; 5]> = defs
        .iter()
        .zip(ids())
        .map(|(def, id)| {
            let value = set.get(id).unwrap_or(def.default);
            let own = if value.to_bits() == (def.default + 0.0).to_bits() {
                String::new()
            } else {
                format!("default {}", value_text(def.default, def.suffix))
            };
            [
                def.name.clone(),
                value_text(value, def.suffix),
                range_text(def),
                own,
                def.doc.lines().next().unwrap_or_default().to_owned(),
            ]
        })
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|r| r.get(column));
        cells.map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), width(3)];
    for [name, value, range, own, doc] in &rows {
        let [a, b, c, d] = widths;
        let line = format!("  {name:<a$}  {value:>b$}  in {range:<c$}  {own:<d$}");
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}  {FAINT}{doc}{FAINT:#}", line.trim_end());
    }
    out
}

fn init(args: &InitArgs, out: &mut Output) -> Result<Exit, Failure> {
    let project = Project::load(&args.file)?;
    let linked = project.checked(None, out)?;
    let graph = linked.graph;
    out.data(
        &linked
            .thresholds
            .canonical_text(&graph.settings.name, &graph.thresholds),
    )?;
    Ok(Exit::Ok)
}

fn diff(args: &DiffArgs, out: &mut Output) -> Result<Exit, Failure> {
    let project = Project::load(&args.file)?;
    let (old, new) = match args.files.as_slice() {
        [old, new] => (Some(old.as_path()), new),
        [new] => (None, new),
        // The command line takes one or two.
        _ => return Err(Failure::usage("name one thresholds file, or two")),
    };
    let before = project.checked(old, out)?;
    let after = project.checked(Some(new), out)?;
    let defs = &before.graph.thresholds;
    let changes = after.thresholds.changes_from(&before.thresholds, defs);
    match args.format {
        TextFormat::Text => out.data(&changes_text(&changes, defs.len()))?,
        TextFormat::Json => {
            let all = json!({
                "schema_version": 1, "strategy": before.graph.settings.name, "before": before.thresholds.hash_hex(),
                "after": after.thresholds.hash_hex(), "changes": changes_json(&changes),
            });
            out.data(&format!("{all:#}\n"))?;
        }
    }
    Ok(if changes.is_empty() {
        Exit::Ok
    } else {
        Exit::Findings
    })
}

fn changes_text(changes: &[Change], declared: usize) -> String {
    if changes.is_empty() {
        return format!("no difference: {}\n", plural(declared, "threshold"));
    }
    let width = changes.iter().map(|c| c.name.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for c in changes {
        let _ = writeln!(out, "  {:<width$}  {} → {}", c.name, c.before, c.after);
    }
    out
}

fn changes_json(changes: &[Change]) -> Vec<Value> {
    changes
        .iter()
        .map(|c| json!({ "name": c.name, "before": c.before, "after": c.after }))
        .collect()
}

fn print_schema(args: &SchemaArgs, out: &mut Output) -> Result<Exit, Failure> {
    let project = Project::load(&args.file)?;
    let linked = project.checked(None, out)?;
    let schema = schema::schema(&linked.graph.settings.name, &linked.graph.thresholds);
    out.data(&format!("{schema:#}\n"))?;
    Ok(Exit::Ok)
}
