//! Renderers: the same findings for people, programs, SARIF viewers and GitHub.

use super::common::{Files, HEAD, codes};
use alula_dsl::compile::{Compiled, compile};
use alula_dsl::diagnostic::{Diagnostic, MAX_FINDINGS, Severity, codes as registry, finish, render};
use alula_dsl::source::NoImports;
use alula_dsl::span::{FileId, Span};
use serde_json::Value;

fn bad() -> Compiled {
    let text = format!(
        "{HEAD}signal x = VIX.last < 35\nthreshold t = 1 in 0..2\nguard g {{ require x else block open }}\n"
    );
    compile("dir/a b%.alula", text.as_bytes(), &NoImports)
}

#[test]
fn people_see_both_operands_and_the_fix() {
    let c = bad();
    let text = render::human(&c.sources, &c.diagnostics, false, 100);
    insta::assert_snapshot!(text.split("\n\n").next().unwrap(), @r"
    error[A0301]: cannot compare vol with a plain number
     --> dir/a b%.alula:3:23
      |
    3 | signal x = VIX.last < 35
      |            --------   ^^ this is a plain number
      |            |
      |            this is vol
      |
      = help: write `35 vol`
    ");
    assert!(!text.contains('\u{1b}'));
    assert!(render::human(&c.sources, &c.diagnostics, true, 100).contains('\u{1b}'));
    assert_eq!(render::human(&c.sources, &[], false, 100), "");
}

#[test]
fn json_counts_lines_and_columns_from_one_and_bytes_from_zero() {
    let c = compile(
        "a.alula",
        "alula 1\nsignal é = 1\nsignal x = VIX.last < 35\n".as_bytes(),
        &NoImports,
    );
    let json: Value = serde_json::from_str(&render::json(&c.sources, &c.diagnostics)).unwrap();
    assert_eq!(json["schema_version"], 1);
    let all = json["diagnostics"].as_array().unwrap();
    let unit = all.iter().find(|d| d["code"] == "A0301").unwrap();
    assert_eq!(unit["name"], "unit-mismatch");
    assert_eq!(unit["severity"], "error");
    assert_eq!(unit["help"], "write `35 vol`");
    assert_eq!(unit["primary"]["file"], "a.alula");
    assert_eq!(
        unit["primary"]["start"],
        serde_json::json!({ "line": 3, "column": 23, "offset": 44 })
    );
    assert_eq!(
        unit["primary"]["end"],
        serde_json::json!({ "line": 3, "column": 25, "offset": 46 })
    );
    assert_eq!(unit["secondary"][0]["label"], "this is vol");
    let errors = all.iter().filter(|d| d["severity"] == "error").count();
    assert_eq!(json["errors"], errors);
}

#[test]
fn sarif_has_what_the_schema_requires() {
    let c = bad();
    let log: Value = serde_json::from_str(&render::sarif(&c.sources, &c.diagnostics)).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "alula");
    let rules = driver["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), c.diagnostics.len());
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(rules[index]["help"]["text"].as_str().unwrap().len() > 40);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        let location = &result["locations"][0]["physicalLocation"];
        assert_eq!(location["artifactLocation"]["uri"], "dir/a%20b%25.alula");
        let region = &location["region"];
        for field in ["startLine", "startColumn", "endLine", "endColumn"] {
            assert!(region[field].as_u64().unwrap() >= 1);
        }
    }
}

#[test]
fn github_commands_are_escaped() {
    let c = bad();
    let text = render::github(&c.sources, &c.diagnostics);
    let first = text.lines().next().unwrap();
    assert_eq!(
        first,
        "::error file=dir/a b%25.alula,line=3,col=23,endLine=3,endColumn=25,title=A0301 unit-mismatch::cannot compare vol with \
         a plain number%0Adir/a b%25.alula:3:12: this is vol%0Ahelp: write `35 vol`"
    );
    assert_eq!(text.lines().count(), c.diagnostics.len());
    assert!(text.contains("::warning "));
}

#[test]
fn findings_are_sorted_by_file_and_place_and_never_repeated() {
    let at = |start| Span::new(FileId(0), start, start + 1);
    let d = |start, text: &str| Diagnostic::error(registry::UNKNOWN_NAME, at(start), text);
    let sorted = finish(vec![d(5, "b"), d(2, "z"), d(5, "a"), d(5, "b")], 10);
    let messages: Vec<&str> = sorted.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(messages, ["z", "a", "b"]);
}

#[test]
fn a_long_list_is_cut_with_errors_first_and_says_how_many_are_missing() {
    let at = |start| Span::new(FileId(0), start, start + 1);
    let mut many: Vec<Diagnostic> = (0..5)
        .map(|i| Diagnostic::warning(registry::UNUSED, at(i), "w"))
        .collect();
    many.extend((10..13).map(|i| Diagnostic::error(registry::UNKNOWN_NAME, at(i), "e")));
    let cut = finish(many, 4);
    assert_eq!(cut.len(), 5);
    assert_eq!(cut.iter().filter(|d| d.severity == Severity::Error).count(), 3);
    assert_eq!(cut.last().unwrap().message, "and 4 more findings");
    assert_eq!(cut.last().unwrap().code, registry::MORE_FINDINGS);
}

#[test]
fn a_file_full_of_mistakes_gives_a_readable_number_of_findings() {
    let mut text = HEAD.to_owned();
    for i in 0..=MAX_FINDINGS {
        text += &format!("signal x{i} = nothing{i}\n");
    }
    let c = compile("a.alula", text.as_bytes(), &NoImports);
    assert_eq!(c.diagnostics.len(), MAX_FINDINGS + 1);
    assert_eq!(codes(&c).last().unwrap(), "A0609");
}

#[test]
fn spans_of_two_files_are_shown_with_their_own_lines() {
    let mut files = Files::default();
    files.0.insert("lib.alula", "alula 1\n\n\n\nsignal hot = 1\n");
    let c = compile(
        "a.alula",
        format!("{HEAD}import \"lib.alula\"\nsignal hot = 2\n").as_bytes(),
        &files,
    );
    let text = render::human(&c.sources, &c.diagnostics, false, 100);
    assert!(
        text.contains("4 | signal hot = 2") && text.contains("5 | signal hot = 1"),
        "{text}"
    );
}
