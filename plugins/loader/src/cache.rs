//! The private folder that libraries are opened in, each under the hash of its bytes.

use crate::error::{LoadError, Refusal};
use crate::lock::read_at_most;
use crate::{LIBRARY_BYTES_MAX, sha256};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

#[cfg(target_os = "macos")]
const EXTENSION: &str = "dylib";
#[cfg(windows)]
const EXTENSION: &str = "dll";
#[cfg(not(any(target_os = "macos", windows)))]
const EXTENSION: &str = "so";

/// The bytes of a private copy.
pub fn read(hash: &str, folder: &Path) -> Result<Vec<u8>, LoadError> {
    read_at_most(&folder.join(format!("{hash}.{EXTENSION}")), LIBRARY_BYTES_MAX)
}

/// The path of a private copy of these bytes, written if it is not there.
pub fn copy(bytes: &[u8], hash: &str, folder: &Path) -> Result<PathBuf, LoadError> {
    make_private(folder)?;
    let folder = fs::canonicalize(folder).map_err(|e| LoadError::io("read", folder, &e))?;
    let path = folder.join(format!("{hash}.{EXTENSION}"));
    if let Ok(meta) = path.symlink_metadata() {
        let intact =
            meta.is_file() && read_at_most(&path, LIBRARY_BYTES_MAX).is_ok_and(|b| sha256(&b) == hash);
        if intact {
            return Ok(path);
        }
        fs::remove_file(&path).map_err(|e| LoadError::io("replace", &path, &e))?;
    }
    // Complete or not at all: another process may look for it meanwhile.
    let draft = folder.join(format!("{hash}.{}.tmp", std::process::id()));
    let _ = fs::remove_file(&draft);
    let written = new_file(&draft).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        // Windows renames no file that is open.
        drop(file);
        fs::rename(&draft, &path)
    });
    written.map_err(|e| {
        let _ = fs::remove_file(&draft);
        LoadError::io("write", &path, &e)
    })?;
    Ok(path)
}

#[cfg(unix)]
fn new_file(path: &Path) -> std::io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o500)
        .open(path)
}

#[cfg(not(unix))]
fn new_file(path: &Path) -> std::io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).open(path)
}

/// Makes the folder if it is not there, and its owner's alone.
#[cfg(unix)]
fn make_private(folder: &Path) -> Result<(), LoadError> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    const PRIVATE: u32 = 0o700;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE)
        .create(folder)
        .map_err(|e| LoadError::io("make", folder, &e))?;
    let meta = folder
        .symlink_metadata()
        .map_err(|e| LoadError::io("read", folder, &e))?;
    if !meta.is_dir() {
        let text = format!("`{}` is a link", folder.display());
        return Err(LoadError::new(Refusal::Unsafe, text));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        // Only its owner can do this.
        fs::set_permissions(folder, fs::Permissions::from_mode(PRIVATE))
            .map_err(|e| LoadError::io("make private", folder, &e))?;
    }
    Ok(())
}

/// Makes the folder if it is not there.
#[cfg(not(unix))]
fn make_private(folder: &Path) -> Result<(), LoadError> {
    let _ = Refusal::Unsafe;
    fs::create_dir_all(folder).map_err(|e| LoadError::io("make", folder, &e))
}
