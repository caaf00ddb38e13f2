//! `alula explain [CODE]`.

use crate::args::{ExplainArgs, TextFormat};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use alula_dsl::diagnostic::codes::{ALL, CodeInfo, explain};
use anstyle::{AnsiColor, Style};
use serde_json::json;
use std::fmt::Write as _;

const TITLE: Style = Style::new().bold();
const CODE: Style = AnsiColor::Cyan.on_default();
const DIM: Style = Style::new().dimmed();

/// Groups of codes by their hundreds.
const GROUPS: [(u16, &str); 9] = [
    (1, "text and syntax"),
    (2, "names"),
    (3, "units and types"),
    (4, "structures"),
    (5, "policies, hedges and guards"),
    (6, "warnings"),
    (7, "imports"),
    (8, "limits"),
    (9, "thresholds"),
];

/// Shows the page of a code, or the list of codes.
///
/// # Errors
/// When there is no such code.
pub fn run(args: &ExplainArgs, out: &mut Output) -> Result<Exit, Failure> {
    let text = match (&args.code, args.format) {
        (None, TextFormat::Text) => list(),
        (None, TextFormat::Json) => {
            let all: Vec<_> = ALL.iter().map(value).collect();
            format!("{}\n", json!({ "codes": all }))
        }
        (Some(code), format) => {
            let info = find(code)?;
            match format {
                TextFormat::Text => page(info),
                TextFormat::Json => format!("{}\n", value(info)),
            }
        }
    };
    out.data(&text)?;
    Ok(Exit::Ok)
}

fn value(info: &CodeInfo) -> serde_json::Value {
    json!({ "code": info.code.to_string(), "name": info.name, "page": info.page })
}

fn find(code: &str) -> Result<&'static CodeInfo, Failure> {
    let code = code.trim();
    if let Some(info) = explain(code) {
        return Ok(info);
    }
    // `301` and `A301` say what is meant just as well.
    let digits = code.trim_start_matches(['A', 'a']);
    if let Some(info) = digits
        .parse::<u16>()
        .ok()
        .and_then(|n| ALL.iter().find(|i| i.code.0 == n))
    {
        return Ok(info);
    }
    let lower = code.to_ascii_lowercase();
    let near = ALL
        .iter()
        .map(|i| (strsim::jaro_winkler(&lower, i.name), i))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.code.cmp(&a.1.code)));
    Err(
        Failure::usage(format!("there is no code `{code}`")).help(match near {
            Some((_, info)) => format!("did you mean `{}` ({})?", info.name, info.code),
            None => "`alula explain` without a code lists them all".to_owned(),
        }),
    )
}

fn list() -> String {
    let mut text = String::new();
    for (hundred, name) in GROUPS {
        let group: Vec<_> = ALL.iter().filter(|i| i.code.0 / 100 == hundred).collect();
        if group.is_empty() {
            continue;
        }
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{gap}{TITLE}{name}{TITLE:#}");
        for info in group {
            let _ = writeln!(text, "  {CODE}{}{CODE:#}  {}", info.code, info.name);
        }
    }
    let _ = writeln!(text, "\n{DIM}alula explain CODE shows the page of one{DIM:#}");
    text
}

/// The page, which is a plain kind of Markdown: paragraphs, indented code, words in backticks.
fn page(info: &CodeInfo) -> String {
    let mut text = format!("{TITLE}{}  {}{TITLE:#}\n\n", info.code, info.name);
    for line in info.page.trim_end().lines() {
        if line.starts_with("    ") {
            let _ = writeln!(text, "{CODE}{line}{CODE:#}");
        } else if let Some(heading) = line.strip_prefix('#') {
            let _ = writeln!(text, "{TITLE}{}{TITLE:#}", heading.trim_start_matches('#').trim());
        } else {
            let mut inside = false;
            for (i, part) in line.split('`').enumerate() {
                if i > 0 {
                    inside = !inside;
                }
                if inside {
                    let _ = write!(text, "{CODE}`{part}`{CODE:#}");
                } else {
                    text.push_str(part);
                }
            }
            text.push('\n');
        }
    }
    text
}
