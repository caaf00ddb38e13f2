//! Results of rule tests: for people, for machines, for continuous integration.

use super::{FileResult, snapshot};
use alula_proof::{CaseResult, Failure};
use alula_report::chart::escape;
use alula_report::text::plural;
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::fmt::Write as _;

const TITLE: Style = Style::new().bold();
const YES: Style = AnsiColor::Green.on_default();
const NO: Style = AnsiColor::Red.on_default();
const DIM: Style = Style::new().dimmed();

/// `10 of 12 cases passed in 3 files`.
pub fn summary(results: &[FileResult], seconds: f64) -> String {
    let cases: Vec<&CaseResult> = results.iter().flat_map(|r| &r.cases).collect();
    let passed = cases.iter().filter(|c| c.passed()).count();
    let pending: usize = results.iter().map(|r| r.snapshots.pending.len()).sum();
    let left_out: usize = results.iter().map(|r| r.left_out).sum();
    let mut text = if passed == cases.len() {
        format!("{} passed", plural(passed, "case"))
    } else {
        format!("{passed} of {} passed", plural(cases.len(), "case"))
    };
    let _ = write!(text, " in {}", plural(results.len(), "file"));
    if pending > 0 {
        let _ = write!(text, ", {} to review", plural(pending, "snapshot"));
    }
    if left_out > 0 {
        let _ = write!(text, ", {left_out} left out by the filter");
    }
    let _ = write!(text, " · {seconds:.2} s");
    text
}

/// Lines for a person; explanations of all cases with `explain`.
pub fn human(results: &[FileResult], explain: bool) -> String {
    let mut out = String::new();
    for result in results {
        // Writing to a string cannot fail; the results are dropped on purpose throughout.
        let _ = writeln!(out, "{TITLE}{}{TITLE:#}", result.file.display());
        for case in &result.cases {
            if case.passed() {
                let _ = writeln!(out, "  {YES}✓{YES:#} {}", case.name);
            } else {
                let _ = writeln!(
                    out,
                    "  {NO}✗{NO:#} {TITLE}{}{TITLE:#} {DIM}{}:{}{DIM:#}",
                    case.name,
                    result.file.display(),
                    case.place.line
                );
            }
            for failure in &case.failures {
                told(&mut out, result, failure);
            }
            if explain {
                for line in case.explanation.lines().skip(1) {
                    let _ = writeln!(out, "    {DIM}{line}{DIM:#}");
                }
            }
        }
    }
    out
}

fn told(out: &mut String, result: &FileResult, failure: &Failure) {
    let at = failure.at.map_or_else(String::new, |at| format!("{at}: "));
    let _ = writeln!(out, "    {NO}{at}{}{NO:#}", failure.what);
    let _ = writeln!(
        out,
        "      {DIM}expected at {}:{}:{}{DIM:#}",
        result.file.display(),
        failure.place.line,
        failure.place.column
    );
    for line in failure.why.iter().flat_map(|w| w.lines()) {
        let _ = writeln!(out, "      {line}");
    }
}

fn failure(f: &Failure) -> Value {
    json!({
        "line": f.place.line,
        "column": f.place.column,
        "at": f.at.map(|at| at.eastern().to_rfc3339()),
        "what": f.what,
        "why": f.why,
    })
}

/// One JSON document.
pub fn json(results: &[FileResult]) -> String {
    let files: Vec<Value> = results
        .iter()
        .map(|r| {
            let cases: Vec<Value> = r
                .cases
                .iter()
                .map(|c| {
                    json!({
                        "name": c.name,
                        "line": c.place.line,
                        "passed": c.passed(),
                        "failures": c.failures.iter().map(failure).collect::<Vec<_>>(),
                        "explanation": c.explanation,
                        "snapshot": r.snapshots.pending.iter().find(|p| p.case == c.name).map(snapshot::shown),
                    })
                })
                .collect();
            json!({ "file": r.file.display().to_string(), "cases": cases, "left_out": r.left_out, "coverage": r.covered.json() })
        })
        .collect();
    format!("{:#}\n", json!({ "simulated": true, "files": files }))
}

/// The JUnit form that continuous-integration servers read. No times: the same results give the same bytes.
pub fn junit(results: &[FileResult]) -> String {
    let total: usize = results.iter().map(|r| r.cases.len()).sum();
    let failed = |cases: &[CaseResult]| cases.iter().filter(|c| !c.passed()).count();
    let all_failed: usize = results.iter().map(|r| failed(&r.cases)).sum();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites name=\"alula\" tests=\"{total}\" failures=\"{all_failed}\" errors=\"0\">"
    );
    for result in results {
        let name = escaped(&result.file.display().to_string());
        let _ = writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\">",
            result.cases.len(),
            failed(&result.cases)
        );
        for case in &result.cases {
            let head = format!(
                "    <testcase name=\"{}\" classname=\"{name}\" file=\"{name}\" line=\"{}\"",
                escaped(&case.name),
                case.place.line
            );
            if case.passed() {
                let _ = writeln!(out, "{head}/>");
                continue;
            }
            let _ = writeln!(out, "{head}>");
            for f in &case.failures {
                let at = f.at.map_or_else(String::new, |at| format!("{at}: "));
                let _ = writeln!(
                    out,
                    "      <failure message=\"{}\">{}</failure>",
                    escaped(&format!("{at}{}", f.what)),
                    escaped(f.why.as_deref().unwrap_or_default())
                );
            }
            out.push_str("    </testcase>\n");
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Text for XML; characters that XML 1.0 cannot hold become `?`, and line ends survive in attributes.
fn escaped(text: &str) -> String {
    let holds = |c: char| !c.is_control() || matches!(c, '\t' | '\n');
    let text: String = text.chars().map(|c| if holds(c) { c } else { '?' }).collect();
    escape(&text).replace('\n', "&#10;")
}

/// Annotations of GitHub Actions.
pub fn github(results: &[FileResult]) -> String {
    let mut out = String::new();
    for result in results {
        for case in &result.cases {
            for f in &case.failures {
                let at = f.at.map_or_else(String::new, |at| format!("{at}: "));
                let why = f.why.as_deref().unwrap_or_default();
                let text = format!("{at}{}\n{why}", f.what);
                let _ = writeln!(
                    out,
                    "::error file={},line={},col={},title={}::{}",
                    property(&result.file.display().to_string()),
                    f.place.line,
                    f.place.column,
                    property(&case.name),
                    message(text.trim_end())
                );
            }
        }
    }
    out
}

fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}
