//! The run folder: `manifest.json`, the inputs, and one table per kind of row.
//!
//! A folder appears whole or not at all: it is written beside its target and renamed. It holds no clock time and no path of
//! the machine, so the same run gives the same bytes. The manifest lists the sha256 of every other file; reading a folder
//! verifies them.

mod form;
mod manifest_form;

use crate::error::{ErrorClass, RunError};
use crate::hash;
use crate::output::{Manifest, RunOutput};
use std::collections::BTreeMap;
use std::path::{Component, Path};

/// Name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// Folder of what went in.
pub const INPUTS: &str = "inputs";
/// Largest file that is read back, in bytes.
pub const FILE_BYTES_MAX: u64 = 4 << 30;

/// A run as read from its folder.
#[derive(Clone, Debug, PartialEq)]
pub struct RunFolder {
    /// The run; its manifest carries the hashes of the files.
    pub output: RunOutput,
    /// Names of files in the folder that belong to it and are no tables: reports and the like.
    pub extras: Vec<String>,
}

fn file_error(what: String, help: &str) -> RunError {
    RunError::new(ErrorClass::File, what, help)
}

fn io(what: &str, path: &Path, e: &std::io::Error) -> RunError {
    file_error(
        format!("cannot {what} `{}`: {e}", path.display()),
        "check the path, the space and the permissions",
    )
}

/// Every file of a run but the manifest, by its path in the folder.
///
/// # Errors
/// When an input's path leaves the folder.
pub fn files(output: &RunOutput) -> Result<BTreeMap<String, Vec<u8>>, RunError> {
    let mut out = form::tables(output)?;
    for (path, bytes) in &output.inputs {
        check_path(path)?;
        out.insert(format!("{INPUTS}/{path}"), bytes.clone());
    }
    Ok(out)
}

fn check_path(path: &str) -> Result<(), RunError> {
    let safe = !path.is_empty()
        && Path::new(path)
            .components()
            .all(|c| matches!(c, Component::Normal(_)));
    if safe && !path.contains('\\') {
        return Ok(());
    }
    Err(file_error(
        format!("`{path}` does not stay inside the run folder"),
        "name files relative to the project",
    ))
}

/// Writes a run to `dir`, with further files (`report.html`) by name. An empty folder is replaced; one that holds another run
/// only with `replace`; one that holds anything else never.
///
/// # Errors
/// When something stands in the way or a file cannot be written; the target is untouched then.
pub fn write(
    output: &RunOutput,
    dir: &Path,
    extras: &BTreeMap<String, Vec<u8>>,
    replace: bool,
) -> Result<Manifest, RunError> {
    let mut contents = files(output)?;
    for (name, bytes) in extras {
        check_path(name)?;
        contents.insert(name.clone(), bytes.clone());
    }
    let mut manifest = output.manifest.clone();
    manifest.files = contents
        .iter()
        .map(|(name, bytes)| (name.clone(), hash::sha256(bytes)))
        .collect();
    contents.insert(MANIFEST.to_owned(), manifest_form::to_json(&manifest)?);
    let old = standing(dir, replace)?;
    let parent = dir
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(parent).map_err(|e| io("create", parent, &e))?;
    let fresh = tempfile::Builder::new()
        .prefix(".run-")
        .tempdir_in(parent)
        .map_err(|e| io("write in", parent, &e))?;
    for (name, bytes) in &contents {
        let path = fresh.path().join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| io("create", folder, &e))?;
        }
        std::fs::write(&path, bytes).map_err(|e| io("write", &path, &e))?;
    }
    readable_by_all(fresh.path())?;
    // The old folder steps aside first and goes when the new one stands, so that there is one at every moment but between
    // two renames.
    let aside = match old {
        Standing::Nothing => None,
        Standing::Empty => {
            std::fs::remove_dir(dir).map_err(|e| io("replace", dir, &e))?;
            None
        }
        Standing::Run => {
            let aside = tempfile::Builder::new()
                .prefix(".old-")
                .tempdir_in(parent)
                .map_err(|e| io("write in", parent, &e))?;
            std::fs::rename(dir, aside.path().join("run")).map_err(|e| io("replace", dir, &e))?;
            Some(aside)
        }
    };
    let fresh = fresh.keep();
    if let Err(e) = std::fs::rename(&fresh, dir) {
        if let Some(aside) = &aside {
            // Best effort: the error that matters is the first one.
            let _ = std::fs::rename(aside.path().join("run"), dir);
        }
        let _ = std::fs::remove_dir_all(&fresh);
        return Err(io("write", dir, &e));
    }
    Ok(manifest)
}

/// Temporary folders are private; a run folder is as readable as any other.
#[cfg(unix)]
fn readable_by_all(path: &Path) -> Result<(), RunError> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).map_err(|e| io("write", path, &e))
}

#[cfg(not(unix))]
fn readable_by_all(_path: &Path) -> Result<(), RunError> {
    Ok(())
}

enum Standing {
    Nothing,
    Empty,
    Run,
}

/// What stands at the target.
fn standing(dir: &Path, replace: bool) -> Result<Standing, RunError> {
    let mut entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Standing::Nothing),
        Err(e) => return Err(io("use", dir, &e)),
    };
    if entries.next().is_none() {
        return Ok(Standing::Empty);
    }
    if !dir.join(MANIFEST).is_file() {
        let what = format!("`{}` holds something that is not a run", dir.display());
        return Err(file_error(what, "choose another folder"));
    }
    if replace {
        return Ok(Standing::Run);
    }
    Err(file_error(
        format!("`{}` holds a run already", dir.display()),
        "choose another folder, or replace it on purpose",
    ))
}

/// Reads a run folder and verifies every file against the manifest.
///
/// # Errors
/// When a file is missing, was changed, or was written by another version.
pub fn read(dir: &Path) -> Result<RunFolder, RunError> {
    let bytes = read_file(dir, MANIFEST).map_err(|e| RunError {
        help: "give the folder that `alula backtest` wrote".to_owned(),
        ..e
    })?;
    let manifest = manifest_form::from_json(&bytes)?;
    let mut contents = BTreeMap::new();
    for (name, expected) in &manifest.files {
        check_path(name)?;
        let bytes = read_file(dir, name)?;
        if hash::sha256(&bytes) != *expected {
            let what = format!("`{}` was changed after the run", dir.join(name).display());
            return Err(file_error(what, "run the backtest again"));
        }
        contents.insert(name.clone(), bytes);
    }
    let mut output = form::from_tables(&mut contents)?;
    let prefix = format!("{INPUTS}/");
    let mut extras = Vec::new();
    for (name, bytes) in contents {
        match name.strip_prefix(&prefix) {
            Some(path) => {
                output.inputs.insert(path.to_owned(), bytes);
            }
            None => extras.push(name),
        }
    }
    output.manifest = manifest;
    Ok(RunFolder { output, extras })
}

fn read_file(dir: &Path, name: &str) -> Result<Vec<u8>, RunError> {
    let path = dir.join(name);
    let length = std::fs::metadata(&path).map_err(|e| io("read", &path, &e))?.len();
    if length > FILE_BYTES_MAX {
        return Err(file_error(
            format!("`{}` is too large", path.display()),
            "it was not written by this program",
        ));
    }
    std::fs::read(&path).map_err(|e| io("read", &path, &e))
}

impl From<crate::tables::TableError> for RunError {
    fn from(e: crate::tables::TableError) -> Self {
        file_error(
            format!("a table cannot be written or read: {e}"),
            "run the backtest again",
        )
    }
}
