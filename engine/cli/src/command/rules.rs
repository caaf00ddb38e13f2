//! `alula rules`: a strategy beside the one that runs, before it takes its place.

use crate::args::TextFormat;
use crate::args::rules::{DiffArgs, PreviewArgs, RulesArgs, RulesCommand};
use crate::command::backtest::history;
use crate::command::replay::beside;
use crate::command::thresholds::preview::{Preview, compare, first_day};
use crate::exit::{Exit, Failure, failure};
use crate::output::Output;
use crate::project::{Linked, Project};
use crate::strategy::{Fit, fit};
use alula_core::succession::Succession;
use alula_core::thresholds::{Change, value_text};
use alula_dsl::graph::Graph;
use alula_market::history::History;
use alula_market::time::{Date, Instant};
use alula_run::{BacktestRequest, Course, Mode, RunOutput, Swap, backtest};
use chrono::Days;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Compares or previews strategies.
///
/// # Errors
/// When one has errors, the data cannot be read, or a run under way could not take the new one.
pub fn run(args: &RulesArgs, out: &mut Output) -> Result<Exit, Failure> {
    match &args.command {
        RulesCommand::Diff(args) => diff(args, out),
        RulesCommand::Preview(args) => preview(args, out),
    }
}

/// The new strategy, with the thresholds file beside it, else with that of the old one.
fn taken(new: &Path, old: &Linked<'_>, out: &mut Output) -> Result<Fit, Failure> {
    let project = Project::load(new)?;
    let own = project.thresholds_path(None);
    let own = own.map(|path| crate::files::read(&path).map(|bytes| (path, bytes)));
    let values = match own.transpose()? {
        Some(own) => Some(own),
        None => old
            .inputs
            .thresholds
            .as_ref()
            .map(|(name, bytes)| (name.into(), bytes.clone())),
    };
    let none = std::collections::BTreeMap::new();
    fit(
        &project,
        values,
        &|graph| Ok(graph.clone()),
        (&project.path, &none),
        out,
    )?
    .map_err(|unfit| Failure::new(Exit::Findings, unfit.what).help(unfit.help))
}

fn changes(old: &Linked<'_>, new: &Fit) -> Vec<Change> {
    let before = old.graph.thresholds.iter().zip(old.thresholds.values());
    let mut out = Vec::new();
    for (def, value) in new.rules.graph.thresholds.iter().zip(new.set.values()) {
        let was = before.clone().find(|(d, _)| d.name == def.name);
        if let Some((was, old)) = was.filter(|(_, old)| old.to_bits() != value.to_bits()) {
            out.push(Change {
                name: def.name.clone(),
                before: value_text(*old, was.suffix),
                after: value_text(*value, def.suffix),
            });
        }
    }
    out
}

fn diff(args: &DiffArgs, out: &mut Output) -> Result<Exit, Failure> {
    let project = Project::load(&args.old)?;
    let old = project.checked(None, out)?;
    let new = taken(&args.new, &old, out)?;
    let said = Succession::of(
        (old.graph, &old.registry()),
        (&new.rules.graph, &new.rules.registry),
    );
    let values = changes(&old, &new);
    let same = said.is_same() && values.is_empty();
    match args.format {
        TextFormat::Text => {
            let mut text = String::new();
            // Writing to a string cannot fail.
            for (name, was, is) in said.settings() {
                let _ = writeln!(
                    text,
                    "setting `{name}` changes from {was} to {is}: a run under way refuses it"
                );
            }
            for item in said.differs() {
                let confirm = said.dropped().any(|d| d == item);
                let _ = writeln!(text, "{item}{}", if confirm { ": to be confirmed" } else { "" });
            }
            for c in &values {
                let _ = writeln!(
                    text,
                    "threshold `{}` moves from {} to {}",
                    c.name, c.before, c.after
                );
            }
            if same {
                text.push_str("both say the same\n");
            }
            out.data(&text)?;
        }
        TextFormat::Json => {
            let items: Vec<Value> = said
                .differs()
                .map(|i| {
                    json!({ "kind": i.kind.word(), "key": i.key, "what": i.to_string(),
                    "to_confirm": said.dropped().any(|d| d == i) })
                })
                .collect();
            let settings: Vec<Value> = said
                .settings()
                .iter()
                .map(|(name, was, is)| json!({ "name": name, "before": was, "after": is }))
                .collect();
            let values: Vec<Value> = values
                .iter()
                .map(|c| json!({ "name": c.name, "before": c.before, "after": c.after }))
                .collect();
            let value = json!({ "schema_version": 1, "same": same, "items": items, "settings": settings, "values": values });
            out.data(&format!("{value:#}\n"))?;
        }
    }
    Ok(if same { Exit::Ok } else { Exit::Findings })
}

fn preview(args: &PreviewArgs, out: &mut Output) -> Result<Exit, Failure> {
    let project = Project::load(&args.old)?;
    let old = project.checked(None, out)?;
    let mut new = taken(&args.new, &old, out)?;
    new.rules.others = args.positions.map(crate::args::PositionsArg::orphans);
    let said = Succession::of(
        (old.graph, &old.registry()),
        (&new.rules.graph, &new.rules.registry),
    );
    if let Some(state) = &args.state {
        let change = |_: &Graph, at: Instant| new.swap(at, args.on_swap.entries());
        out.detail("computing the run again from its journal, then with the new strategy in its place");
        let both = beside(state, args.data.as_deref(), args.days, &change, out)?;
        let (differ, same) = compare(&both.graph, &both.old, &both.new)?;
        let preview = Preview {
            graph: old.graph,
            changes: changes(&old, &new),
            items: said.differs().map(ToString::to_string).collect(),
            basis: Some(both.basis),
            old: both.old,
            new: both.new,
            differ,
            same,
        };
        return preview.show(args.format, args.limit, out);
    }
    let data = history(args.data.as_deref(), None, old.graph)?;
    let since = first_day(old.graph, data.as_ref(), args.days);
    let from = since.and_then(|d| d.checked_sub_days(Days::new(u64::from(args.lead))));
    let at = since
        .and_then(|d| Instant::from_eastern(d, 0, 0))
        .unwrap_or_default();
    let swap = new.swap(at, args.on_swap.entries());
    out.detail("computing the days with the old strategy, then with the new one in its place");
    let before = replay((&old, old.graph), data.as_ref(), from, Vec::new())?;
    let after = replay((&old, old.graph), data.as_ref(), from, vec![swap])?;
    let (differ, same) = compare(old.graph, &before, &after)?;
    let preview = Preview {
        graph: old.graph,
        changes: changes(&old, &new),
        items: said.differs().map(ToString::to_string).collect(),
        basis: None,
        old: before,
        new: after,
        differ,
        same,
    };
    preview.show(args.format, args.limit, out)
}

fn replay(
    (linked, graph): (&Linked<'_>, &Graph),
    data: &dyn History,
    from: Option<Date>,
    swaps: Vec<Swap>,
) -> Result<RunOutput, Failure> {
    // Whole columns know one set of values.
    let mode = if swaps.is_empty() {
        Mode::Batch
    } else {
        Mode::Streaming
    };
    backtest(BacktestRequest {
        from,
        mode,
        course: Course {
            swaps,
            ..Course::default()
        },
        ..linked.request(graph, data, &mut |_| {})
    })
    .map_err(|e| failure(&e))
}
