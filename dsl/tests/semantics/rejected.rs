//! One rejected example for each code, in `examples/rejected`: the file gives exactly its code, and a snapshot shows what
//! a person sees.

use super::common::{HEAD, codes, shown};
use alula_dsl::compile::{Compiled, compile};
use alula_dsl::diagnostic::Severity;
use alula_dsl::diagnostic::codes::{ALL, explain};
use alula_dsl::format::{FormatError, format};
use alula_dsl::source::SourceLoader;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/rejected")
}

/// Reads imports from the folder of examples.
struct Folder;

impl SourceLoader for Folder {
    fn load(&self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(folder().join(path)).map_err(|_| "no such file".to_owned())
    }
}

/// Codes without an example file, and why.
const GENERATED: &[(&str, &str)] = &[
    ("A0105", "a text file with bytes that are no text"),
    ("A0106", "a character that no editor shows"),
    ("A0609", "needs more mistakes than a person would read"),
    (
        "A0627",
        "found in data, by the check against them, and tested there",
    ),
    ("A0704", "needs more files than a person would read"),
    ("A0705", "found by the reader of script files, and tested there"),
    ("A0801", "a limit: needs a large file"),
    ("A0802", "a limit: needs a large file"),
    ("A0803", "a limit: needs a long line"),
    ("A0804", "a limit: needs deep brackets"),
    ("A0805", "a limit: needs a large file"),
    ("A0806", "a limit: needs a long chain"),
    ("A0807", "a limit: needs a long chain"),
    ("A0808", "a limit: needs a tall expression"),
    ("A0809", "a limit: needs a long number"),
    ("A0810", "a limit: needs a long text"),
    ("A0811", "a limit: needs a long name"),
    (
        "A0904",
        "found by the reader of thresholds files, and tested there",
    ),
    (
        "A0905",
        "found by the reader of rule-test files, and tested there",
    ),
];

/// The examples by code: file name and what compiling it gives.
fn examples() -> BTreeMap<String, (String, Compiled)> {
    let mut out = BTreeMap::new();
    for entry in std::fs::read_dir(folder()).expect("the folder of examples") {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".alula") else {
            continue;
        };
        let code = stem.split('-').next().unwrap().to_owned();
        let bytes = std::fs::read(folder().join(&name)).unwrap();
        let compiled = compile(&name, &bytes, &Folder);
        assert!(
            out.insert(code.clone(), (stem.to_owned(), compiled)).is_none(),
            "two examples of {code}"
        );
    }
    out
}

#[test]
fn every_code_has_an_example_or_a_reason_why_not() {
    let examples = examples();
    for info in ALL {
        let code = info.code.to_string();
        let generated = GENERATED.iter().any(|(c, _)| *c == code);
        assert!(
            examples.contains_key(&code) != generated,
            "{code} needs an example or a reason, not both"
        );
    }
    for (code, (stem, _)) in &examples {
        let info = explain(code).unwrap_or_else(|| panic!("{stem}: no such code"));
        assert_eq!(*stem, format!("{code}-{}", info.name));
    }
}

#[test]
fn every_example_gives_exactly_its_code() {
    for (code, (stem, compiled)) in examples() {
        assert_eq!(codes(&compiled), [code], "{stem}\n{}", shown(&compiled));
    }
}

#[test]
fn every_example_reads_well() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (_, (stem, compiled)) in examples() {
            insta::assert_snapshot!(stem, shown(&compiled));
        }
    });
}

/// Formatting mends what these are about.
const MENDED: &[&str] = &["A0116"];

#[test]
fn every_example_that_can_be_read_stands_in_the_one_layout() {
    for (code, (stem, _)) in examples() {
        let text = std::fs::read_to_string(folder().join(format!("{stem}.alula"))).unwrap();
        match format(&text) {
            Ok(formatted) => assert_eq!(
                formatted == text,
                !MENDED.contains(&code.as_str()),
                "{stem} is in another layout than `alula fmt` writes, or {code} need not be excepted"
            ),
            Err(FormatError::Syntax(_)) => {}
            Err(e) => panic!("{stem}: {e}"),
        }
    }
}

#[test]
fn every_finding_of_an_example_is_one_lower_case_line_with_a_fix() {
    for (_, (stem, compiled)) in examples() {
        for d in &compiled.diagnostics {
            assert!(
                !d.message.contains('\n') && !d.message.ends_with('.'),
                "{stem}: {}",
                d.message
            );
            let first = d.message.chars().next().unwrap();
            assert!(!first.is_uppercase(), "{stem}: {}", d.message);
            // A syntax error lists what could stand there; every other finding says what to do.
            assert!(d.help.is_some() || d.code.0 == 101, "{stem}: {}", d.message);
        }
    }
}

#[test]
fn every_code_has_a_page_and_is_found_by_code_and_name() {
    for info in ALL {
        let code = info.code.to_string();
        assert!(info.page.len() > 50 && info.page.ends_with('\n'), "{code}");
        for spelling in [code.clone(), code.to_lowercase(), info.name.to_owned()] {
            assert_eq!(explain(&spelling).unwrap().code, info.code);
        }
    }
    assert!(ALL.windows(2).all(|w| w[0].code < w[1].code), "codes ascend");
    let mut names: Vec<&str> = ALL.iter().map(|i| i.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len(), "names differ");
    assert!(explain("A9999").is_none() && explain("").is_none());
}

/// The first code of a text that nobody would want to read.
fn first(bytes: &[u8]) -> String {
    let c = compile("generated.alula", bytes, &Folder);
    // Warnings about the rest of the text may stand before it.
    c.diagnostics
        .iter()
        .find(|d| d.severity == Severity::Error)
        .map(|d| d.code.to_string())
        .unwrap_or_default()
}

#[test]
fn generated_texts_give_their_codes() {
    use alula_dsl::syntax::limits;
    let with = |items: String| first(format!("{HEAD}{items}").as_bytes());
    let signal = |expr: String| with(format!("signal x = {expr}\n"));
    assert_eq!(first(b"alula 1\nsignal x = \xff\n"), "A0105");
    assert_eq!(with("signal x = 1 \0\n".to_owned()), "A0106");
    assert_eq!(first(&vec![b' '; limits::FILE_BYTES + 1]), "A0801");
    assert_eq!(first("\n".repeat(limits::LINES + 1).as_bytes()), "A0802");
    assert_eq!(
        with(format!("// {}\n", "x".repeat(limits::LINE_CHARACTERS))),
        "A0803"
    );
    let depth = limits::NESTING + 4;
    assert_eq!(
        signal(format!("{}1{}", "abs(".repeat(depth), ")".repeat(depth))),
        "A0804"
    );
    assert_eq!(
        with(
            (0..=limits::ITEMS)
                .map(|i| format!("signal x{i} = 1\n"))
                .collect()
        ),
        "A0805"
    );
    assert_eq!(
        signal(format!("{}1", "- ".repeat(limits::UNARY_CHAIN + 2))),
        "A0806"
    );
    assert_eq!(signal(format!("1{}", " + 1".repeat(limits::OPERANDS))), "A0807");
    assert_eq!(signal("1".repeat(limits::NUMBER_CHARACTERS + 1)), "A0809");
    assert_eq!(
        with(format!(
            "series x = feed(\"{}\")\n",
            "x".repeat(limits::STRING_BYTES + 1)
        )),
        "A0810"
    );
    assert_eq!(
        with(format!("signal {} = 1\n", "x".repeat(limits::NAME_BYTES + 1))),
        "A0811"
    );
}
