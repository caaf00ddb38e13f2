//! A strategy file with what belongs to it: imports, thresholds, scripts.

use crate::exit::{Exit, Failure};
use crate::files;
use crate::loader::FolderLoader;
use crate::output::Output;
use alula_core::plugin::PluginHost;
use alula_core::registry::Registry;
use alula_core::script::{Script, ScriptError, ScriptHost, Signature};
use alula_core::thresholds::{self, ThresholdSet};
use alula_dsl::compile::{Compiled, compile};
use alula_dsl::diagnostic::{Diagnostic, Severity, codes, has_errors, render};
use alula_dsl::graph::{Graph, ScriptDef};
use alula_dsl::source::{SourceFile, SourceMap};
use alula_dsl::span::{FileId, Span};
use alula_market::history::History;
use alula_run::{BacktestRequest, Inputs, Progress};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

    /// Compiles the scripts and reads the thresholds; what is wrong with them joins the findings.
    ///
    /// # Errors
    /// When the thresholds file was named by the caller and cannot be read.
    pub fn link(&self, thresholds: Option<&Path>) -> Result<Link, Failure> {
        let file = self
            .compiled
            .graph
            .as_ref()
            .and_then(|_| self.thresholds_path(thresholds));
        let file = file
            .map(|path| files::read(&path).map(|bytes| (path, bytes)))
            .transpose()?;
        Ok(self.link_with(file))
    }

    /// The same with a thresholds file that was read already; without one the declared values hold.
    #[must_use]
    pub fn link_with(&self, file: Option<(PathBuf, Vec<u8>)>) -> Link {
        let mut findings = Findings::default();
        findings.add(&self.compiled.sources, &self.compiled.diagnostics);
        let mut link = Link {
            findings,
            scripts: Vec::new(),
            thresholds: None,
            inputs: self.sources(),
        };
        if let Some(graph) = &self.compiled.graph {
            link.compile_scripts(graph, &self.loader);
            link.read_thresholds(graph, file);
        }
        link
    }

    /// The strategy's own files as they lead there from the current folder, with what was compiled of them: the entry, what it
    /// imports. Scripts are among [`Project::files`].
    #[must_use]
    pub fn texts(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = self.compiled.sources.files().iter().enumerate();
        files
            .map(|(i, f)| match i {
                0 => (self.path.clone(), self.bytes.clone()),
                _ => (PathBuf::from(&f.name), f.text.as_bytes().to_vec()),
            })
            .collect()
    }

    /// Every file that the strategy is made of, scripts included, as they lead there from the current folder.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty());
        let below = |name: &String| folder.map_or_else(|| PathBuf::from(name), |f| f.join(name));
        let scripts = self.compiled.graph.iter().flat_map(|g| &g.scripts);
        let mut all: Vec<PathBuf> = self.texts().into_iter().map(|(path, _)| path).collect();
        all.extend(scripts.map(|s| below(&s.file)));
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|path| seen.insert(path.clone()));
        all
    }

    /// The strategy ready to run, after warnings were shown.
    ///
    /// # Errors
    /// When it, a script or the thresholds file has errors; they were shown.
    pub fn checked(&self, thresholds: Option<&Path>, out: &mut Output) -> Result<Linked<'_>, Failure> {
        self.checked_with(thresholds, None, out)
    }

    /// The same with plugins by the hashes of their libraries, as a run in the past used them, whatever is trusted now.
    ///
    /// # Errors
    /// As [`Project::checked`].
    pub fn checked_with(
        &self,
        thresholds: Option<&Path>,
        builds: Option<&BTreeMap<String, String>>,
        out: &mut Output,
    ) -> Result<Linked<'_>, Failure> {
        let link = self.link(thresholds)?;
        link.findings.show(Severity::Warning, out);
        let has_errors = link.findings.has_errors();
        match (&self.compiled.graph, link.thresholds) {
            (Some(graph), Some(thresholds)) if !has_errors => Ok(Linked {
                plugins: match builds {
                    Some(builds) => crate::plugins::at(graph, builds, &self.path)?,
                    None => crate::plugins::of(graph, &self.path, &BTreeMap::new(), out)?,
                },
                graph,
                thresholds,
                scripts: link.scripts,
                inputs: link.inputs,
            }),
            _ => Err(
                Failure::new(Exit::Findings, format!("`{}` has errors", self.path.display()))
                    .help("mend what is shown above; `alula explain CODE` says more about a code"),
            ),
        }
    }

    /// The texts that were compiled, the entry first, by their path below the strategy's folder.
    fn sources(&self) -> Inputs {
        let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty());
        let below = |name: &str| {
            let path = Path::new(name);
            let path = folder.and_then(|f| path.strip_prefix(f).ok()).unwrap_or(path);
            path.to_string_lossy().replace('\\', "/")
        };
        let bytes = |i: usize, text: &str| {
            if i == 0 {
                self.bytes.clone()
            } else {
                text.as_bytes().to_vec()
            }
        };
        let files = self.compiled.sources.files().iter().enumerate();
        Inputs {
            sources: files.map(|(i, f)| (below(&f.name), bytes(i, &f.text))).collect(),
            ..Inputs::default()
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

/// A strategy with its scripts compiled and its thresholds read.
#[derive(Debug)]
pub struct Link {
    /// Everything that was found, scripts and thresholds included.
    pub findings: Findings,
    /// Scripts by id; none where one cannot be used, which is among the findings.
    pub scripts: Vec<Option<Arc<Script>>>,
    /// Values in force; none when the file is wrong, which is among the findings.
    pub thresholds: Option<ThresholdSet>,
    /// Files that a run rests on.
    pub inputs: Inputs,
}

/// A strategy without errors, ready to run.
#[derive(Debug)]
pub struct Linked<'a> {
    /// Its graph.
    pub graph: &'a Graph,
    /// Values in force.
    pub thresholds: ThresholdSet,
    /// Scripts by id.
    pub scripts: Vec<Option<Arc<Script>>>,
    /// Files that a run rests on.
    pub inputs: Inputs,
    /// Plugins that it names and that are trusted.
    pub plugins: Option<Arc<dyn PluginHost>>,
}

impl Linked<'_> {
    /// What its nodes can be linked to.
    #[must_use]
    pub fn registry(&self) -> Registry {
        Registry::with_scripts(self.scripts.clone()).and_plugins(self.plugins.clone())
    }

    /// A run of it over all of a history, in batch; `graph` is its own or that with other terms.
    pub fn request<'a>(
        &self,
        graph: &Graph,
        history: &'a dyn History,
        progress: &'a mut dyn FnMut(Progress),
    ) -> BacktestRequest<'a> {
        BacktestRequest {
            thresholds: self.thresholds.values().to_vec(),
            registry: self.registry(),
            inputs: self.inputs.clone(),
            ..BacktestRequest::new(Arc::new(graph.clone()), history, progress)
        }
    }
}

impl Link {
    fn compile_scripts(&mut self, graph: &Graph, loader: &FolderLoader) {
        let mut host = ScriptHost::new();
        for def in &graph.scripts {
            let script = match loader.bytes(&def.file).and_then(utf8) {
                Ok(text) => {
                    let compiled = host.compile(&def.name, &text, Signature::from(def));
                    let script = compiled.map_err(|e| self.script_error(def, &text, &e)).ok();
                    if !self.inputs.scripts.iter().any(|(name, _)| *name == def.file) {
                        self.inputs.scripts.push((def.file.clone(), text.into_bytes()));
                    }
                    script
                }
                Err(why) => {
                    let found = Diagnostic::error(
                        codes::SCRIPT_FILE,
                        def.span,
                        format!("cannot read `{}`: {why}", def.file),
                    )
                    .label(format!("`{}` is declared here", def.name))
                    .help(format!(
                        "put a file `{}` with `fn {}` in the strategy's folder",
                        def.file, def.name
                    ));
                    self.findings.push(found);
                    None
                }
            };
            self.scripts.push(script.map(Arc::new));
        }
    }

    /// At the place in the script when it is known, and at the declaration in the strategy.
    fn script_error(&mut self, def: &ScriptDef, text: &str, error: &ScriptError) {
        let mut found = Diagnostic::error(
            codes::SCRIPT_FILE,
            def.span,
            format!("script `{}` cannot be used: {}", def.file, error.message),
        )
        .label(format!("`{}` is declared here", def.name))
        .help("a script file holds functions alone: arithmetic, logic and maths on their parameters");
        if let (Some(line), Some(column)) = (error.line, error.column) {
            let name = self
                .findings
                .sources
                .get(def.span.file)
                .map_or("", |f| f.name.as_str());
            let shown = Path::new(name)
                .with_file_name(&def.file)
                .to_string_lossy()
                .into_owned();
            let file = self.findings.sources.add(SourceFile::new(shown, text));
            let span = span_at(file, text, line, column);
            found = found.also(span, "here");
        }
        self.findings.push(found);
    }

    fn read_thresholds(&mut self, graph: &Graph, file: Option<(PathBuf, Vec<u8>)>) {
        let Some((path, bytes)) = file else {
            self.thresholds = Some(ThresholdSet::defaults(&graph.thresholds));
            return;
        };
        match thresholds::read(&bytes, &graph.settings.name, &graph.thresholds) {
            Ok(set) => self.thresholds = Some(set),
            Err(violations) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let id = self
                    .findings
                    .sources
                    .add(SourceFile::new(path.display().to_string(), text.clone()));
                for v in violations {
                    let span = span_at(id, &text, v.line as usize, v.column as usize);
                    let found = Diagnostic::error(codes::THRESHOLDS_FILE, span, v.message)
                        .label(v.why)
                        .help(v.fix);
                    self.findings.push(found);
                }
            }
        }
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        self.inputs.thresholds = Some((name, bytes));
    }
}

fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| "it is not valid UTF-8".to_owned())
}

/// The word at a line and column (both from 1, columns in characters).
pub(crate) fn span_at(file: FileId, text: &str, line: usize, column: usize) -> Span {
    let start_of_line: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let rest = text.get(start_of_line..).unwrap_or_default();
    let this_line = rest.lines().next().unwrap_or_default();
    let within = this_line
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(this_line.len(), |(i, _)| i);
    let word = this_line.get(within..).unwrap_or_default();
    let length = word
        .find(|c: char| c.is_whitespace() || matches!(c, ':' | ',' | ')' | '(' | ';'))
        .unwrap_or(word.len());
    // A place between words is shown as one character.
    let length = if length == 0 {
        word.chars().next().map_or(0, char::len_utf8)
    } else {
        length
    };
    let offset = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span::new(
        file,
        offset(start_of_line + within),
        offset(start_of_line + within + length),
    )
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
    /// Adds one about a text that is here already.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Shows those at least as grave on standard error, for commands whose result is something else.
    pub fn show(&self, least: Severity, out: &mut Output) {
        let shown: Vec<Diagnostic> = self
            .diagnostics
            .iter()
            .filter(|d| d.severity <= least)
            .cloned()
            .collect();
        if !shown.is_empty() {
            // The error stream removes the styles where they do not belong.
            out.message(&render::human(&self.sources, &shown, true, out.columns));
        }
    }

    /// Some finding is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        has_errors(&self.diagnostics)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_given_in_characters_becomes_the_bytes_of_a_word() {
        let text = "# é\r\na: 1\n  vix_cieling: 40 vol\n";
        let at = |line, column| {
            let span = span_at(FileId(0), text, line, column);
            text.get(span.start as usize..span.end as usize).unwrap_or("?")
        };
        assert_eq!(at(3, 3), "vix_cieling");
        assert_eq!(at(3, 16), "40");
        assert_eq!(at(1, 3), "é");
        assert_eq!(at(2, 2), ":");
        assert_eq!(at(99, 99), "");
    }
}
