//! What we show people is what the language accepts: shipped rules, the README and the language's book.

use crate::support::root;
use alula_dsl::compile::compile;
use alula_dsl::diagnostic::{Severity, render};
use alula_dsl::source::NoImports;
use std::fs;
use std::path::PathBuf;

fn errors(name: &str, text: &str) -> String {
    let compiled = compile(name, text.as_bytes(), &NoImports);
    if compiled.diagnostics.iter().all(|d| d.severity != Severity::Error) && compiled.graph.is_some() {
        return String::new();
    }
    render::human(&compiled.sources, &compiled.diagnostics, false, 100)
}

fn rules() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(root().join("rules"))
        .expect("the rules")
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "alula"))
        .collect();
    paths.sort();
    paths
}

#[test]
fn every_shipped_rule_compiles_and_is_formatted() {
    let paths = rules();
    assert!(paths.len() >= 3, "the rules were not found");
    for path in paths {
        let text = fs::read_to_string(&path).expect("a rule file");
        let found = errors("rule.alula", &text);
        assert!(found.is_empty(), "{}:\n{found}", path.display());
        let formatted = alula_dsl::format::format(&text).expect("a rule that parses is formatted");
        assert_eq!(formatted, text, "{} is not formatted", path.display());
    }
}

/// Texts of the fences marked `alula` that are whole files.
fn fences(markdown: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut current: Option<String> = None;
    for line in markdown.lines() {
        match &mut current {
            None if line.trim() == "```alula" => current = Some(String::new()),
            None => {}
            Some(text) if line.trim() == "```" => {
                found.push(std::mem::take(text));
                current = None;
            }
            Some(text) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    found
}

#[test]
fn every_example_in_the_documents_compiles() {
    let mut count = 0;
    for page in ["README.md", "dsl/book/language.md"] {
        let text = fs::read_to_string(root().join(page)).expect("the page");
        for example in fences(&text) {
            let found = errors("example.alula", &example);
            assert!(found.is_empty(), "{page}:\n{example}\n{found}");
            count += 1;
        }
    }
    assert!(count >= 2, "the examples were not found");
}

#[test]
fn the_readme_shows_the_shipped_rule_as_it_is() {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README");
    let rule = fs::read_to_string(root().join("rules/iron_condor.alula")).expect("the rule");
    assert!(
        fences(&readme).contains(&rule),
        "README.md shows another `rules/iron_condor.alula` than the file"
    );
}
