//! Imports: relative, confined, without circles, within limits; names and findings across files.

use super::common::{CORE, Files, HEAD, codes, errors, graph, shown};
use alula_dsl::compile::{MAX_FILES, MAX_IMPORT_DEPTH, compile};
use alula_dsl::source::{NoImports, SourceLoader};

const VOL: &str = "alula 1\nthreshold hot = 30 vol in 20 vol..60 vol /// no entry above\nsignal calm = VIX.last < hot\nsignal spare = 1\n";

#[test]
fn imported_items_are_used_as_if_they_stood_here() {
    let text =
        format!("{HEAD}import \"lib/vol.alula\"\n{CORE}policy p on core {{ open when calm size 1 lot }}");
    let mut files = Files::default();
    files.0.insert("strategies/lib/vol.alula", VOL);
    let c = compile("strategies/main.alula", text.as_bytes(), &files);
    let g = graph(&c);
    assert_eq!(g.thresholds[0].name, "hot");
    // A library may offer more than is used.
    assert_eq!(codes(&c), Vec::<String>::new(), "{}", shown(&c));
    let names: Vec<&str> = c.files.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["strategies/lib/vol.alula", "strategies/main.alula"]);
    assert_eq!(c.sources.files()[0].name, "strategies/main.alula");
}

#[test]
fn a_file_imported_twice_is_read_once() {
    let mut files = Files::default();
    files.0.insert("vol.alula", VOL);
    files.0.insert("a.alula", "alula 1\nimport \"vol.alula\"\n");
    let text = format!(
        "{HEAD}import \"vol.alula\"\nimport \"./a.alula\"\nguard g {{ require calm else block open }}"
    );
    let c = compile("main.alula", text.as_bytes(), &files);
    assert!(c.graph.is_some(), "{}", shown(&c));
    assert_eq!(c.files.len(), 3);
}

#[test]
fn a_circle_shows_its_chain() {
    let mut files = Files::default();
    files.0.insert("a.alula", "alula 1\nimport \"b.alula\"\n");
    files.0.insert("b.alula", "alula 1\nimport \"main.alula\"\n");
    let c = compile(
        "main.alula",
        format!("{HEAD}import \"a.alula\"").as_bytes(),
        &files,
    );
    assert_eq!(errors(&c), ["A0703"]);
    assert!(shown(&c).contains("`main.alula` -> `a.alula` -> `b.alula` -> `main.alula`"));
}

#[test]
fn a_name_declared_in_two_files_shows_both_places() {
    let mut files = Files::default();
    files.0.insert("vol.alula", VOL);
    let c = compile(
        "main.alula",
        format!("{HEAD}import \"vol.alula\"\nsignal calm = VIX.last < 20 vol").as_bytes(),
        &files,
    );
    assert_eq!(errors(&c), ["A0202"]);
    let text = shown(&c);
    assert!(
        text.contains("--> main.alula:4:8") && text.contains("::: vol.alula:3:8"),
        "{text}"
    );
}

#[test]
fn an_imported_file_names_its_version_and_has_no_strategy() {
    let mut files = Files::default();
    files.0.insert("old.alula", "signal x = 1\n");
    let c = compile(
        "main.alula",
        format!("{HEAD}import \"old.alula\"").as_bytes(),
        &files,
    );
    assert_eq!(errors(&c), ["A0102"]);
    assert!(shown(&c).contains("--> old.alula:1:1"));
    files.0.insert("old.alula", HEAD);
    let c = compile(
        "main.alula",
        format!("{HEAD}import \"old.alula\"").as_bytes(),
        &files,
    );
    assert_eq!(errors(&c), ["A0211"]);
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let c = compile(
        "main.alula",
        format!("{HEAD}import \"x.alula\"").as_bytes(),
        &NoImports,
    );
    assert_eq!(errors(&c), ["A0701"]);
    assert!(shown(&c).contains("imports are not available here"));
}

#[test]
fn an_import_never_asks_for_a_file_outside_the_project() {
    struct Inside;
    impl SourceLoader for Inside {
        fn load(&self, path: &str) -> Result<Vec<u8>, String> {
            assert!(
                !path.starts_with('/') && !path.split('/').any(|p| p == ".."),
                "{path}"
            );
            Err("no such file".to_owned())
        }
    }
    for path in [
        "../x.alula",
        "a/../../x.alula",
        "/x.alula",
        "C:/x.alula",
        "a\\\\x.alula",
        "x/../../y.alula",
    ] {
        let c = compile(
            "main.alula",
            format!("{HEAD}import \"{path}\"").as_bytes(),
            &Inside,
        );
        assert_eq!(errors(&c), ["A0702"], "{path}");
    }
}

/// A loader whose files import each other in a chain, or all at once.
struct Many(fn(usize) -> String);

impl SourceLoader for Many {
    fn load(&self, path: &str) -> Result<Vec<u8>, String> {
        let n: usize = path
            .trim_start_matches('f')
            .trim_end_matches(".alula")
            .parse()
            .map_err(|_| "no such file")?;
        Ok(format!("alula 1\n{}", (self.0)(n)).into_bytes())
    }
}

#[test]
fn the_depth_of_imports_is_limited() {
    let chain = |last: usize| {
        // Files 1..=last; the entry is the first of the chain.
        let text = format!("{HEAD}import \"f{}.alula\"", 100 - last + 1);
        errors(&compile(
            "main.alula",
            text.as_bytes(),
            &Many(|n| {
                if n < 100 {
                    format!("import \"f{}.alula\"\n", n + 1)
                } else {
                    String::new()
                }
            }),
        ))
    };
    assert_eq!(chain(MAX_IMPORT_DEPTH - 1), Vec::<String>::new());
    assert_eq!(chain(MAX_IMPORT_DEPTH), ["A0704"]);
}

#[test]
fn the_number_of_files_is_limited() {
    let many = |count: usize| {
        let imports: String = (1..=count).map(|n| format!("import \"f{n}.alula\"\n")).collect();
        errors(&compile(
            "main.alula",
            format!("{HEAD}{imports}").as_bytes(),
            &Many(|_| String::new()),
        ))
    };
    assert_eq!(many(MAX_FILES - 1), Vec::<String>::new());
    assert_eq!(many(MAX_FILES), ["A0704"]);
}
