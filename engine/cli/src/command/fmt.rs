//! `alula fmt FILE…`.

use crate::args::FmtArgs;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use alula_dsl::diagnostic::{Diagnostic, Severity, render};
use alula_dsl::format::{FormatError, format};
use alula_dsl::source::{SourceFile, SourceMap};
use alula_dsl::span::FileId;
use alula_dsl::syntax::parse;
use alula_report::text::plural;
use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};
use std::fmt::Write as _;
use std::path::Path;

const OLD: Style = AnsiColor::Red.on_default();
const NEW: Style = AnsiColor::Green.on_default();
const PLACE: Style = AnsiColor::Cyan.on_default();

/// Formats files in place, or shows what would change.
///
/// # Errors
/// When a file cannot be read or written.
pub fn run(args: &FmtArgs, out: &mut Output) -> Result<Exit, Failure> {
    let mut exit = Exit::Ok;
    let mut changed = 0;
    let named = files::strategies(&args.files)?;
    for path in &named {
        let stdin = path.as_os_str() == "-";
        let bytes = if stdin {
            files::read_stdin()?
        } else {
            files::read(path)?
        };
        let name = if stdin {
            "<stdin>".to_owned()
        } else {
            path.display().to_string()
        };
        let Some(text) = formatted(&name, &bytes, out)? else {
            exit = Exit::Findings;
            continue;
        };
        let same = text.as_bytes() == bytes;
        match (args.check, stdin) {
            (false, true) => out.data(&text)?,
            (false, false) if !same => {
                write(path, &text)?;
                changed += 1;
                out.detail(&format!("formatted {name}"));
            }
            (true, _) if !same => {
                out.data(&diff(&name, &String::from_utf8_lossy(&bytes), &text))?;
                exit = Exit::Findings;
                changed += 1;
            }
            _ => {}
        }
    }
    let total = plural(named.len(), "file");
    out.note(&match (args.check, changed) {
        (_, 0) if exit == Exit::Ok => format!("{total} in the one format"),
        (true, n) => format!("{n} of {total} would change"),
        (false, n) => format!("formatted {n} of {total}"),
    });
    Ok(exit)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    files::write_atomic(path, text.as_bytes())
}

/// The formatted text; `None` after its findings were shown.
fn formatted(name: &str, bytes: &[u8], out: &mut Output) -> Result<Option<String>, Failure> {
    // The parser says what is wrong with bytes that are no text; it is the same for text.
    let parsed = parse(FileId::default(), bytes);
    let errors: Vec<Diagnostic> = parsed
        .diagnostics
        .into_iter()
        .filter(|d| d.severity == Severity::Error)
        .collect();
    let findings = if errors.is_empty() {
        match format(&parsed.text) {
            Ok(text) => return Ok(Some(text)),
            Err(FormatError::Syntax(findings)) => findings,
            Err(error @ FormatError::Internal { .. }) => {
                return Err(Failure::usage(format!("cannot format `{name}`: {error}"))
                    .help("the file was left as it is"));
            }
        }
    } else {
        errors
    };
    let mut sources = SourceMap::default();
    sources.add(SourceFile::new(name, parsed.text));
    out.message(&render::human(&sources, &findings, true, out.columns));
    out.message(&format!(
        "`{name}` was left as it is: it can be formatted once it reads without errors"
    ));
    Ok(None)
}

/// A unified diff with three lines of context.
fn diff(name: &str, old: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(old, new);
    let mut text = format!("{PLACE}--- {name}{PLACE:#}\n{PLACE}+++ {name} (formatted){PLACE:#}\n");
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        let _ = writeln!(text, "{PLACE}{}{PLACE:#}", hunk.header());
        for change in hunk.iter_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ('-', OLD),
                ChangeTag::Insert => ('+', NEW),
                ChangeTag::Equal => (' ', Style::new()),
            };
            let line = change.value();
            // A carriage return would move the cursor; it is shown as what it is.
            let shown = line.trim_end_matches('\n').replace('\r', "\u{240d}");
            let _ = writeln!(text, "{style}{sign}{shown}{style:#}");
            if change.missing_newline() {
                text.push_str("\\ no line feed at the end of the file\n");
            }
        }
    }
    text
}
