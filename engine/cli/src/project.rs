//! A strategy file with what belongs to it: imports, thresholds, scripts.

use crate::exit::{Exit, Failure};
use crate::files;
use crate::loader::FolderLoader;
use alula_dsl::compile::{Compiled, compile};
use alula_dsl::diagnostic::{Diagnostic, has_errors, render};
use alula_dsl::graph::Graph;
use alula_dsl::source::{SourceFile, SourceMap};
use alula_dsl::span::FileId;
use std::path::{Path, PathBuf};

/// A strategy that was read and compiled, with or without success.
#[derive(Debug)]
pub struct Project {
    /// Strategy file as typed.
    pub path: PathBuf,
    /// Bytes of the strategy file.
    pub bytes: Vec<u8>,
    /// Reads files beside it.
    pub loader: FolderLoader,
    /// What the language says. File names are as seen from the current folder.
    pub compiled: Compiled,
}

impl Project {
    /// Reads and compiles a strategy; `-` is standard input.
    ///
    /// # Errors
    /// When the file cannot be read. What is wrong *in* it is a finding.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let stdin = path.as_os_str() == "-";
        let bytes = if stdin {
            files::read_stdin()?
        } else {
            files::read(path)?
        };
        let entry = if stdin {
            "<stdin>".to_owned()
        } else {
            path.file_name()
                .map(|n| n.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        let loader = FolderLoader::beside(path);
        let mut compiled = compile(&entry, &bytes, &loader);
        let folder = if stdin {
            None
        } else {
            path.parent().filter(|p| !p.as_os_str().is_empty())
        };
        if let Some(folder) = folder {
            compiled.sources = renamed(&compiled.sources, folder);
        }
        Ok(Self {
            path: path.to_owned(),
            bytes,
            loader,
            compiled,
        })
    }

    /// The thresholds file that belongs to it: the one given, or `x.thresholds.yaml` beside `x.alula` if there is one.
    #[must_use]
    pub fn thresholds_path(&self, given: Option<&Path>) -> Option<PathBuf> {
        given
            .map(Path::to_owned)
            .or_else(|| Some(self.path.with_extension("thresholds.yaml")).filter(|p| p.is_file()))
    }

    /// The graph, or a failure after the findings were shown.
    ///
    /// # Errors
    /// When the strategy has errors.
    pub fn graph(&self, out: &mut crate::output::Output) -> Result<&Graph, Failure> {
        self.show_findings(out, true);
        let failure = || {
            Failure::new(Exit::Findings, format!("`{}` has errors", self.path.display())).help(format!(
                "`alula check {}` shows them; mend them first",
                self.path.display()
            ))
        };
        self.compiled
            .graph
            .as_ref()
            .filter(|_| !has_errors(&self.compiled.diagnostics))
            .ok_or_else(failure)
    }

    /// Findings on standard error, for commands whose result is something else.
    pub fn show_findings(&self, out: &mut crate::output::Output, errors_only: bool) {
        let shown: Vec<Diagnostic> = self
            .compiled
            .diagnostics
            .iter()
            .filter(|d| !errors_only || d.severity == alula_dsl::diagnostic::Severity::Error)
            .cloned()
            .collect();
        if !shown.is_empty() {
            // The error stream removes the styles where they do not belong.
            let text = render::human(&self.compiled.sources, &shown, true, out.columns);
            out.message(&text);
        }
    }
}

/// The same texts under names that lead there from the current folder.
fn renamed(sources: &SourceMap, folder: &Path) -> SourceMap {
    let mut map = SourceMap::default();
    for file in sources.files() {
        let name = folder.join(&file.name).to_string_lossy().replace('\\', "/");
        map.add(SourceFile::new(name, file.text.clone()));
    }
    map
}

/// Findings of several compilations under one map of sources.
#[derive(Debug, Default)]
pub struct Findings {
    /// Texts.
    pub sources: SourceMap,
    /// Findings in the order in which they were added.
    pub diagnostics: Vec<Diagnostic>,
}

impl Findings {
    /// Adds those of another map.
    pub fn add(&mut self, sources: &SourceMap, diagnostics: &[Diagnostic]) {
        let base = u16::try_from(self.sources.files().len()).unwrap_or(u16::MAX);
        for file in sources.files() {
            self.sources.add(file.clone());
        }
        for diagnostic in diagnostics {
            let mut moved = diagnostic.clone();
            for label in std::iter::once(&mut moved.primary).chain(&mut moved.secondary) {
                label.span.file = FileId(label.span.file.0.saturating_add(base));
            }
            self.diagnostics.push(moved);
        }
    }
}
