//! Reading and writing files: bounded, atomic, and with messages that say what, where, why and how to mend it.

use crate::exit::{Failure, reason};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Largest strategy, thresholds or script file read, in bytes. The language's own limit is lower and gives a diagnostic;
/// this one keeps a device or a dump from filling the memory.
pub const FILE_BYTES_MAX: u64 = 16 << 20;

/// Reads a whole file of at most [`FILE_BYTES_MAX`] bytes.
///
/// # Errors
/// When it is missing (with the nearest name in its folder), a folder, not a plain file, too large or unreadable.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    read_up_to(path, FILE_BYTES_MAX)
}

/// The same for files that may be larger.
///
/// # Errors
/// As [`read`].
pub fn read_up_to(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    let meta = std::fs::metadata(path).map_err(|e| missing(path, &e))?;
    if meta.is_dir() {
        return Err(
            Failure::usage(format!("cannot read `{}`: it is a folder", path.display()))
                .help("name a file, such as `strategy.alula` in it"),
        );
    }
    read_bounded(path, max)
}

fn read_bounded(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    let file = std::fs::File::open(path).map_err(|e| Failure::io("read", path, &e))?;
    let mut bytes = Vec::new();
    file.take(max + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Failure::io("read", path, &e))?;
    if bytes.len() as u64 > max {
        let megabytes = max >> 20;
        return Err(Failure::usage(format!(
            "cannot read `{}`: it is larger than {megabytes} MiB",
            path.display()
        ))
        .help("is it the right file?"));
    }
    Ok(bytes)
}

fn missing(path: &Path, error: &std::io::Error) -> Failure {
    let failure = Failure::io("read", path, error);
    match near(path) {
        Some(near) if error.kind() == std::io::ErrorKind::NotFound => {
            failure.help(format!("did you mean `{}`?", near.display()))
        }
        _ => failure,
    }
}

/// The file of the same folder whose name is nearest, if one is near.
fn near(path: &Path) -> Option<PathBuf> {
    let wanted = path.file_name()?.to_str()?;
    let folder = path.parent()?;
    let listed = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let mut best: Option<(f64, String)> = None;
    // Few folders have more entries than this, and a suggestion is not worth reading them all.
    for entry in std::fs::read_dir(listed).ok()?.take(2_000).flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let score = strsim::normalized_damerau_levenshtein(wanted, &name);
        // The name decides between equals: the order of a folder's entries must not.
        let better = best
            .as_ref()
            .is_none_or(|(s, n)| score > *s || (score.total_cmp(s).is_eq() && name < *n));
        if score >= 0.7 && better {
            best = Some((score, name));
        }
    }
    best.map(|(_, name)| folder.join(name))
}

/// Reads a file as UTF-8 text.
///
/// # Errors
/// As [`read`], and when it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Failure::usage(format!(
            "cannot read `{}`: byte {at} is not valid UTF-8",
            path.display()
        ))
        .help("save the file as UTF-8")
    })
}

/// Replaces a file's content so that a reader sees the old or the new one, never a part. Keeps the permissions.
///
/// # Errors
/// When the file or its folder cannot be written.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let fail = |e: &std::io::Error| Failure::io("write", path, e);
    // Through a symbolic link: its target is what the user means, and the link should stay one.
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".alula-")
        .tempfile_in(folder)
        .map_err(|e| fail(&e))?;
    file.write_all(bytes).map_err(|e| fail(&e))?;
    match std::fs::metadata(&target) {
        Ok(meta) => file
            .as_file()
            .set_permissions(meta.permissions())
            .map_err(|e| fail(&e))?,
        Err(_) => make_readable(file.as_file()).map_err(|e| fail(&e))?,
    }
    file.as_file().sync_all().map_err(|e| fail(&e))?;
    file.persist(&target).map_err(|e| fail(&e.error))?;
    Ok(())
}

/// Temporary files are private; a new result is as readable as any file that the user creates.
#[cfg(unix)]
fn make_readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_file: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

/// Writes a file that must not exist yet.
///
/// # Errors
/// When it exists or cannot be written.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|e| Failure::io("write", path, &e))?;
    file.write_all(bytes).map_err(|e| Failure::io("write", path, &e))
}

/// Writes to a file, or to standard output when there is none.
///
/// # Errors
/// When it cannot be written.
pub fn write_result(out: &mut crate::output::Output, path: Option<&Path>, text: &str) -> Result<(), Failure> {
    match path {
        None => out.data(text),
        Some(path) => {
            write_atomic(path, text.as_bytes())?;
            out.note(&format!("wrote {}", path.display()));
            Ok(())
        }
    }
}

/// Standard input as bytes, bounded like a file.
///
/// # Errors
/// When it cannot be read or is too large.
pub fn read_stdin() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Failure::usage(format!("cannot read standard input: {}", reason(&e))))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::usage(format!(
            "standard input is larger than {} MiB",
            FILE_BYTES_MAX >> 20
        )));
    }
    Ok(bytes)
}

/// Folders within folders that are looked through.
const DEPTH_MAX: usize = 16;

/// Files in a folder, and in folders in it, whose names end so, in order of name; hidden folders and build folders are left out.
///
/// # Errors
/// When a folder cannot be read.
pub fn below(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, Failure> {
    fn look(folder: &Path, ending: &str, depth: usize, out: &mut Vec<PathBuf>) -> Result<(), Failure> {
        let entries = std::fs::read_dir(folder).map_err(|e| Failure::io("read", folder, &e))?;
        let mut entries: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        entries.sort();
        for entry in entries {
            let name = entry.file_name().map(|n| n.to_string_lossy().into_owned());
            let name = name.unwrap_or_default();
            // Links are not followed: a folder that contains itself would never end.
            let is_folder = entry.is_dir() && !entry.is_symlink();
            if is_folder && depth < DEPTH_MAX && !name.starts_with('.') && name != "target" {
                look(&entry, ending, depth + 1, out)?;
            } else if name.ends_with(ending) && entry.is_file() {
                out.push(entry);
            }
        }
        Ok(())
    }
    let mut out = Vec::new();
    look(folder, ending, 0, &mut out)?;
    Ok(out)
}

/// Strategy files that paths mean: each itself, or those below a folder.
///
/// # Errors
/// When a folder cannot be read or holds none.
pub fn strategies(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut out = Vec::new();
    for path in paths {
        if !path.is_dir() {
            out.push(path.clone());
            continue;
        }
        let mut found = below(path, ".alula")?;
        if found.is_empty() {
            return Err(
                Failure::usage(format!("`{}` holds no `*.alula` files", path.display()))
                    .help("name a strategy, or a folder that has some"),
            );
        }
        out.append(&mut found);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_in_a_name_suggests_the_file_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("condor.alula"), "").unwrap();
        let failure = read(&dir.path().join("condro.alula")).unwrap_err();
        assert!(failure.help.unwrap().ends_with("condor.alula`?"));
        assert_eq!(read(&dir.path().join("zzz")).unwrap_err().help, None);
    }

    #[test]
    fn a_file_past_the_limit_is_refused_and_one_at_it_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, [b'x'; 8]).unwrap();
        assert_eq!(read_bounded(&path, 8).unwrap().len(), 8);
        assert!(read_bounded(&path, 7).unwrap_err().what.contains("larger than"));
    }

    #[cfg(unix)]
    #[test]
    fn an_atomic_write_keeps_permissions_and_links() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        std::fs::write(&real, "old").unwrap();
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o600)).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write_atomic(&link, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&real).unwrap(), b"new");
        assert_eq!(
            std::fs::metadata(&real).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
