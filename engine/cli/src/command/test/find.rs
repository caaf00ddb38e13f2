//! Which test files a path means, and which strategy a test file is about.

use crate::exit::Failure;
use crate::files;
use std::path::{Path, PathBuf};

/// End of a test file's name.
const ENDING: &str = ".test.yaml";

/// Test files of the paths, in order of name within a folder. A strategy stands for the file beside it.
pub fn tests(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut out = Vec::new();
    for path in paths {
        let before = out.len();
        if path.is_dir() {
            out.append(&mut files::below(path, ENDING)?);
        } else if path.extension().is_some_and(|e| e == "alula") {
            let beside = path.with_extension("test.yaml");
            if !beside.is_file() {
                return Err(Failure::usage(format!(
                    "there is no `{}` beside the strategy",
                    beside.display()
                ))
                .help("`alula new NAME` writes an example of a test file"));
            }
            out.push(beside);
        } else {
            out.push(path.clone());
        }
        if out.len() == before {
            return Err(
                Failure::usage(format!("`{}` holds no `*{ENDING}` files", path.display()))
                    .help("name a test file, a strategy with one beside it, or a folder that has some"),
            );
        }
    }
    out.dedup();
    Ok(out)
}

/// `x` of `x.test.yaml`.
pub fn stem(test: &Path) -> String {
    let name = test.file_name().map(|n| n.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    name.strip_suffix(ENDING).unwrap_or(&name).to_owned()
}

/// `x.alula` for `x.test.yaml`.
pub fn strategy_of(test: &Path) -> PathBuf {
    test.with_file_name(format!("{}.alula", stem(test)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_file_is_about_the_strategy_of_its_name() {
        assert_eq!(strategy_of(Path::new("a/x.test.yaml")), Path::new("a/x.alula"));
        assert_eq!(strategy_of(Path::new("x.y.test.yaml")), Path::new("x.y.alula"));
    }
}
