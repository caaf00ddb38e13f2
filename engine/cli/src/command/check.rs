//! `alula check FILE…`.

use crate::args::{CheckArgs, CheckFormat};
use crate::command::store;
use crate::exit::{Exit, Failure, failure};
use crate::output::Output;
use crate::project::{Findings, Link, Project};
use alula_core::registry::Registry;
use alula_dsl::diagnostic::{Diagnostic, Severity, codes, render};
use alula_market::store::StoreHistory;
use alula_report::text::plural;
use alula_run::{BacktestRequest, warming_up};
use std::sync::Arc;

/// Checks files and writes the findings.
///
/// # Errors
/// When a file cannot be read.
pub fn run(args: &CheckArgs, out: &mut Output) -> Result<Exit, Failure> {
    let files = crate::files::strategies(&args.files)?;
    if args.thresholds.is_some() && files.len() > 1 {
        return Err(
            Failure::usage("`--thresholds` belongs to one strategy, but several are named")
                .help("check the strategy with its thresholds alone"),
        );
    }
    if args.certificate && !matches!(args.format, CheckFormat::Human | CheckFormat::Json) {
        return Err(Failure::usage("`--certificate` is written as text or as JSON").help(
            "leave out `--format`, or write `--format json`; elsewhere the findings are `no-loss-bound` and `roll-raises-risk`",
        ));
    }
    let store = args.data.as_deref().map(store::open).transpose()?;
    let mut findings = Findings::default();
    let mut projects = Vec::new();
    for file in &files {
        let project = Project::load(file)?;
        let mut linked = project.link(args.thresholds.as_deref())?;
        if let Some(store) = &store {
            against(args, &project, &mut linked, store, out)?;
        }
        findings.add(&linked.findings.sources, &linked.findings.diagnostics);
        projects.push(project);
    }
    let (sources, found) = (&findings.sources, &findings.diagnostics);
    let compiled = projects.iter().map(|p| &p.compiled).filter(|_| args.certificate);
    let certificates: Vec<_> = compiled
        .filter_map(|c| {
            let graph = c.graph.as_ref()?;
            Some((&c.sources, graph, alula_dsl::certificate::certificate(graph)))
        })
        .collect();
    let given = certificates.iter().all(|(_, _, c)| c.is_given());
    let text = match args.format {
        CheckFormat::Human => render::human(sources, found, out.color, out.columns),
        CheckFormat::Json if args.certificate => {
            render::json_with_certificates(sources, found, &certificates)
        }
        CheckFormat::Json => render::json(sources, found),
        CheckFormat::Sarif => render::sarif(sources, found),
        CheckFormat::Github => render::github(sources, found),
    };
    out.data(&text)?;
    if args.format == CheckFormat::Human {
        for (_, graph, certificate) in &certificates {
            out.data(&alula_dsl::certificate::text(graph, certificate))?;
        }
    }
    let count = |s: Severity| found.iter().filter(|d| d.severity == s).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    out.note(&summary(
        files.len(),
        errors,
        warnings,
        count(Severity::Note),
        found.first().map(|d| d.code),
    ));
    let bad = errors > 0 || !given || (args.deny_warnings && warnings > 0);
    Ok(if bad { Exit::Findings } else { Exit::Ok })
}

/// Adds what only data can show: values that need more bars than the store has. A strategy with errors is left alone.
fn against(
    args: &CheckArgs,
    project: &Project,
    linked: &mut Link,
    store: &StoreHistory,
    out: &mut Output,
) -> Result<(), Failure> {
    let (Some(graph), Some(thresholds)) = (&project.compiled.graph, &linked.thresholds) else {
        return Ok(());
    };
    if linked.findings.has_errors() {
        return Ok(());
    }
    let plugins = crate::plugins::of(graph, &project.path, &std::collections::BTreeMap::new(), out)?;
    let progress = &mut |_| {};
    let request = BacktestRequest {
        thresholds: thresholds.values().to_vec(),
        registry: Registry::with_scripts(linked.scripts.clone()).and_plugins(plugins),
        from: args.from,
        to: args.to,
        ..BacktestRequest::new(Arc::new(graph.clone()), store, progress)
    };
    let (found, absent) = warming_up(&request).map_err(|e| failure(&e))?;
    for value in found {
        let Some(node) = graph.node(value.node) else {
            continue;
        };
        let code = codes::WARM_UP_BEYOND_DATA;
        if project.compiled.allows(code, node.span) {
            continue;
        }
        let unit = &value.unit;
        let finding = if value.is_never_known() {
            Diagnostic::warning(code, node.span, value.words()).help(format!(
                "import more {unit}s of what it reads, or shorten the window"
            ))
        } else {
            Diagnostic::note(code, node.span, value.words()).help(format!(
                "import earlier {unit}s of what it reads, or begin the run later; until then what rests on it is unknown"
            ))
        };
        linked.findings.push(finding);
    }
    for what in absent {
        out.warn(&format!("{what} is not in the data; what rests on it is unknown"));
    }
    Ok(())
}

fn summary(
    files: usize,
    errors: usize,
    warnings: usize,
    notes: usize,
    first: Option<alula_dsl::diagnostic::Code>,
) -> String {
    let checked = format!("checked {}", plural(files, "file"));
    let Some(code) = first else {
        return format!("{checked}: no findings");
    };
    let mut parts = Vec::new();
    if errors > 0 {
        parts.push(plural(errors, "error"));
    }
    if warnings > 0 {
        parts.push(plural(warnings, "warning"));
    }
    if notes > 0 {
        parts.push(plural(notes, "note"));
    }
    format!(
        "{checked}: {}; `alula explain {code}` says more",
        parts.join(", ")
    )
}
