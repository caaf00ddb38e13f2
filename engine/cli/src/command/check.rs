//! `alula check FILE…`.

use crate::args::{CheckArgs, CheckFormat};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::project::{Findings, Project};
use alula_dsl::diagnostic::{Severity, render};
use alula_report::text::plural;

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
    if args.certificate && args.format != CheckFormat::Human {
        return Err(Failure::usage("`--certificate` is written for people").help(
            "leave out `--format`; for machines the findings are `no-loss-bound` and `roll-raises-risk`",
        ));
    }
    let mut findings = Findings::default();
    let mut certificates = String::new();
    let mut given = true;
    for file in &files {
        let project = Project::load(file)?;
        let linked = project.link(args.thresholds.as_deref())?;
        if let Some(graph) = project.compiled.graph.as_ref().filter(|_| args.certificate) {
            let certificate = alula_dsl::certificate::certificate(graph);
            given &= certificate.is_given();
            certificates.push_str(&alula_dsl::certificate::text(graph, &certificate));
        }
        findings.add(&linked.findings.sources, &linked.findings.diagnostics);
    }
    let (sources, found) = (&findings.sources, &findings.diagnostics);
    let text = match args.format {
        CheckFormat::Human => render::human(sources, found, out.color, out.columns),
        CheckFormat::Json => render::json(sources, found),
        CheckFormat::Sarif => render::sarif(sources, found),
        CheckFormat::Github => render::github(sources, found),
    };
    out.data(&text)?;
    out.data(&certificates)?;
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
