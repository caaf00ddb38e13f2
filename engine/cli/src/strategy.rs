//! A strategy that is to take the place of another: its files with its values, or what is wrong with either.

use crate::exit::Failure;
use crate::output::Output;
use crate::project::{Findings, Project};
use alula_core::thresholds;
use alula_core::thresholds::ThresholdSet;
use alula_dsl::diagnostic::Severity;
use alula_dsl::graph::Graph;
use alula_market::time::Instant;
use alula_run::{Entries, Inputs, NewRules, Swap, SwapFile};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A strategy that compiled, with the values that its thresholds file gives it.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Its rules.
    pub rules: NewRules,
    /// Values.
    pub set: ThresholdSet,
    /// The thresholds file, where there is one.
    pub file: Option<SwapFile>,
    /// It ends as a whole file does.
    pub ended: bool,
    /// Version that it acknowledges.
    pub ack: Option<String>,
}

impl Fit {
    /// As a change from an instant on.
    pub fn swap(&self, at: Instant, entries: Entries) -> Swap {
        Swap {
            at,
            set: self.set.clone(),
            file: self.file.clone(),
            entries,
            rules: Some(Arc::new(self.rules.clone())),
        }
    }
}

/// What is wrong, one finding in each line with its place, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Findings.
    pub what: String,
    /// Fixes.
    pub help: String,
}

/// Brings a strategy and a thresholds file together; `terms` writes over its settings what the run was started with. `plugins`: beside which
/// file `plugins.lock` is looked for, and which builds are in force, whatever it names.
///
/// # Errors
/// When a plugin cannot be loaded; what is wrong with the files is the inner error.
pub fn fit(
    project: &Project,
    file: Option<(PathBuf, Vec<u8>)>,
    terms: &dyn Fn(&Graph) -> Result<Graph, Failure>,
    plugins: (&Path, &BTreeMap<String, String>),
    out: &mut Output,
) -> Result<Result<Fit, Unfit>, Failure> {
    let named = file.as_ref().map(|(path, _)| path.display().to_string());
    let bytes = file.as_ref().map(|(_, bytes)| bytes.clone());
    let link = project.link_with(file);
    if link.findings.has_errors() {
        return Ok(Err(unfit(project, named.as_deref(), &link.findings)));
    }
    let (Some(graph), Some(set)) = (&project.compiled.graph, link.thresholds) else {
        return Ok(Err(unfit(project, named.as_deref(), &link.findings)));
    };
    let read = bytes
        .as_ref()
        .and_then(|b| thresholds::read_file(b, &graph.settings.name, &graph.thresholds).ok());
    let plugins = crate::plugins::of(graph, plugins.0, plugins.1, out)?;
    let registry = alula_core::registry::Registry::with_scripts(link.scripts).and_plugins(plugins);
    let inputs = Inputs {
        thresholds: None,
        ..link.inputs
    };
    Ok(Ok(Fit {
        rules: NewRules {
            graph: Arc::new(terms(graph)?),
            registry,
            inputs,
            carry: BTreeMap::new(),
            others: None,
        },
        set,
        file: bytes.map(SwapFile::new),
        ended: read.as_ref().is_some_and(|r| r.ended),
        ack: read.and_then(|r| r.ack),
    }))
}

fn unfit(project: &Project, thresholds: Option<&str>, findings: &Findings) -> Unfit {
    let errors = || {
        let all = findings.diagnostics.iter();
        all.filter(|d| d.severity == Severity::Error)
    };
    let mut lines: Vec<String> = errors()
        .map(|d| format!("{}: {}", findings.sources.place(d.primary.span), d.message))
        .collect();
    let about_values =
        |d: &&alula_dsl::diagnostic::Diagnostic| d.code == alula_dsl::diagnostic::codes::THRESHOLDS_FILE;
    if let (Some(file), true) = (thresholds, errors().all(|d| about_values(&d))) {
        lines.insert(0, format!("`{file}` does not fit `{}`", project.path.display()));
    }
    let mut fixes: Vec<&str> = errors().filter_map(|d| d.help.as_deref()).collect();
    fixes.dedup();
    Unfit {
        what: lines.join("; "),
        help: fixes.join("; "),
    }
}
