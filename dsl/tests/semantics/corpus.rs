//! A corpus of good and bad strategies: the second line of each says which findings it must give, and no other.

use super::common::{codes, shown};
use alula_dsl::compile::compile;
use alula_dsl::source::NoImports;

#[test]
fn every_strategy_of_the_corpus_gives_the_findings_it_expects() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 18, "{} strategies", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = text.lines().nth(1).unwrap().strip_prefix("// expect: ").unwrap();
        let compiled = compile(&name, text.as_bytes(), &NoImports);
        let found = codes(&compiled);
        let found = if found.is_empty() {
            "nothing".to_owned()
        } else {
            found.join(", ")
        };
        if found != expected {
            wrong.push(format!(
                "{name}: expected {expected}, found {found}\n{}",
                shown(&compiled)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
