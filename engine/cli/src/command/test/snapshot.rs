//! Snapshots of explanations: one `.snap` file for each case, in the form of insta, beside the test file.
//!
//! `snapshots/x__name_of_the_case.snap` holds what was decided when somebody last looked. A difference fails the case and
//! leaves a `.snap.new` beside it, which `alula test --review`, `alula test --accept` or `cargo insta review` turns into
//! the new truth.

use super::FileResult;
use super::find::stem;
use crate::exit::Failure;
use crate::files;
use alula_proof::change::{changes, words};
use similar::TextDiff;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Longest part of a file's name that comes from a case's name.
const SLUG_CHARS_MAX: usize = 80;

/// A snapshot that is not what the case says now.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Test file.
    pub test: PathBuf,
    /// Case.
    pub case: String,
    /// The snapshot file.
    pub path: PathBuf,
    /// What it holds; none when there is no snapshot yet.
    pub before: Option<String>,
    /// What the case says now.
    pub now: String,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Compared {
    /// Snapshots to look at.
    pub pending: Vec<Pending>,
    /// Snapshots whose case is gone.
    pub orphans: Vec<PathBuf>,
}

/// Compares every explanation with its snapshot. Orphans are looked for where all cases of a file ran.
///
/// # Errors
/// When two cases would share a file, or a snapshot cannot be read.
pub fn compare(result: &FileResult) -> Result<Compared, Failure> {
    let folder = folder(&result.file);
    let stem = stem(&result.file);
    let mut out = Compared::default();
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for case in &result.cases {
        let name = format!("{stem}__{}.snap", slug(&case.name));
        if let Some(other) = names.insert(name.clone(), &case.name) {
            return Err(Failure::usage(format!(
                "the cases `{other}` and `{}` would share the snapshot `{name}`",
                case.name
            ))
            .help("give one of them a name that differs in letters or digits"));
        }
        let path = folder.join(&name);
        let before = match path.is_file() {
            true => Some(contents(&files::read_text(&path)?)),
            false => None,
        };
        if before.as_deref() == Some(case.explanation.trim_end()) {
            // What was pending is settled.
            let _ = std::fs::remove_file(pending_path(&path));
            continue;
        }
        out.pending.push(Pending {
            test: result.file.clone(),
            case: case.name.clone(),
            path,
            before,
            now: case.explanation.clone(),
        });
    }
    if result.left_out == 0 {
        let prefix = format!("{stem}__");
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut orphans: Vec<PathBuf> = entries
            .filter(|e| {
                let name = e.file_name().to_string_lossy().into_owned();
                // What was left for a review goes with its snapshot.
                let snapshot = name.strip_suffix(".new").unwrap_or(&name);
                let mine = name.starts_with(&prefix) && snapshot.ends_with(".snap");
                mine && !names.contains_key(snapshot)
            })
            .map(|e| e.path())
            .collect();
        orphans.sort();
        out.orphans = orphans;
    }
    Ok(out)
}

/// Leaves what is pending beside the snapshots, for a review.
///
/// # Errors
/// When it cannot be written.
pub fn leave(pending: &[Pending]) -> Result<(), Failure> {
    pending
        .iter()
        .try_for_each(|p| write(&pending_path(&p.path), &p.test, &p.case, &p.now))
}

/// Makes a pending snapshot the new truth.
///
/// # Errors
/// When it cannot be written.
pub fn accept(pending: &Pending) -> Result<(), Failure> {
    write(&pending.path, &pending.test, &pending.case, &pending.now)?;
    forget(pending);
    Ok(())
}

/// Forgets what was left for a review; the snapshot stays the truth.
pub fn forget(pending: &Pending) {
    // There may be none.
    let _ = std::fs::remove_file(pending_path(&pending.path));
}

/// The decisions that differ; the lines where only words do.
pub fn brief(pending: &Pending) -> String {
    match &pending.before {
        None => "there is no snapshot yet\n".to_owned(),
        Some(before) => {
            let decisions = words(&changes(before, &pending.now));
            if decisions.is_empty() {
                shown(pending)
            } else {
                decisions
            }
        }
    }
}

/// The difference, decisions first, then the lines.
pub fn shown(pending: &Pending) -> String {
    let Some(before) = &pending.before else {
        return format!("there is no snapshot yet; the case says\n{}", pending.now);
    };
    let mut out = words(&changes(before, &pending.now));
    if out.is_empty() {
        out.push_str("the decisions are the same, the words differ\n");
    }
    let (before, now) = (format!("{before}\n"), format!("{}\n", pending.now.trim_end()));
    let diff = TextDiff::from_lines(&before, &now);
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "{}",
        diff.unified_diff().context_radius(1).header("snapshot", "now")
    );
    out
}

fn write(path: &Path, test: &Path, case: &str, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Failure::io("make", folder, &e))?;
    }
    // The source is named without its folder: the same files elsewhere have the same snapshots.
    let source = test.file_name().map(|n| n.to_string_lossy().into_owned());
    let text = format!(
        "---\nsource: {}\nexpression: {}\n---\n{}\n",
        quoted(&source.unwrap_or_default()),
        quoted(case),
        text.trim_end()
    );
    files::write_atomic(path, text.as_bytes())
}

/// A YAML text in double quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What stands below the head of a snapshot.
fn contents(file: &str) -> String {
    let file = file.replace("\r\n", "\n");
    let body = file
        .strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---\n"))
        .map_or(file.as_str(), |(_, body)| body);
    body.trim_end().to_owned()
}

fn pending_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn folder(test: &Path) -> PathBuf {
    test.parent().unwrap_or(Path::new("")).join("snapshots")
}

/// Lower-case letters and digits of any script, everything else an underscore.
fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            out.push(c);
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    out.chars()
        .take(SLUG_CHARS_MAX)
        .collect::<String>()
        .trim_matches('_')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshots/x__a.snap");
        write(&path, Path::new("rules/x.test.yaml"), "a \"b\"", "one\n  two\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "---\nsource: \"x.test.yaml\"\nexpression: \"a \\\"b\\\"\"\n---\none\n  two\n"
        );
        assert_eq!(contents(&text), "one\n  two");
        assert_eq!(contents(&text.replace('\n', "\r\n")), "one\n  two");
    }

    #[test]
    fn insta_takes_it_for_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x__a_case.snap");
        let text = "a case\n  2024-01-16 15:45 ET\n    income.open (open)\n";
        write(&path, Path::new("x.test.yaml"), "a case", text).unwrap();
        insta::with_settings!({ snapshot_path => dir.path(), prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("x__a_case", text);
        });
    }

    #[test]
    fn names_of_cases_become_names_of_files() {
        assert_eq!(slug("No new condor, in a panic!"), "no_new_condor_in_a_panic");
        assert_eq!(
            slug("½ of the credit / Gewinn mitgenommen äöü"),
            "½_of_the_credit_gewinn_mitgenommen_äöü"
        );
        assert_eq!(slug("../../etc/passwd"), "etc_passwd");
        assert!(slug(&"x".repeat(500)).len() <= SLUG_CHARS_MAX);
    }
}
