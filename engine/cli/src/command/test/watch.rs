//! When did the files that tests rest on change?

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders within folders that are looked through.
const DEPTH_MAX: usize = 16;

/// Path and time of change of every file of a kind that tests rest on: strategies, thresholds, scripts, tests.
pub fn stamp(paths: &[PathBuf]) -> Vec<(PathBuf, Option<SystemTime>)> {
    let mut out = Vec::new();
    for path in paths {
        // A strategy's thresholds and scripts stand beside it.
        let folder = if path.is_dir() {
            path.as_path()
        } else {
            path.parent().unwrap_or(Path::new(""))
        };
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        look(folder, 0, &mut out);
    }
    out.sort();
    out
}

fn look(folder: &Path, depth: usize, out: &mut Vec<(PathBuf, Option<SystemTime>)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
        if is_folder && depth < DEPTH_MAX && !name.starts_with('.') && name != "target" {
            look(&path, depth + 1, out);
        } else if [".alula", ".yaml", ".rhai"].iter().any(|end| name.ends_with(end)) {
            out.push((path, entry.metadata().and_then(|m| m.modified()).ok()));
        }
    }
}
