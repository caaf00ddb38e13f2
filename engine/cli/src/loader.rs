//! Imported files come from the strategy's own folder and nowhere else.

use crate::files::FILE_BYTES_MAX;
use alula_dsl::source::SourceLoader;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

/// Loads files below one folder. Links are followed, but a file whose real place is outside is refused.
#[derive(Clone, Debug)]
pub struct FolderLoader {
    /// Real path of the folder; none when it could not be found.
    root: Option<PathBuf>,
}

impl FolderLoader {
    /// A loader for the folder that a strategy file lies in.
    #[must_use]
    pub fn beside(strategy: &Path) -> Self {
        let folder = strategy
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        Self {
            root: std::fs::canonicalize(folder).ok(),
        }
    }

    /// The bytes of a file below the folder.
    ///
    /// # Errors
    /// One line: why it cannot be read.
    pub fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        let root = self
            .root
            .as_ref()
            .ok_or("the strategy's folder cannot be found")?;
        let relative = Path::new(path);
        let plain = relative
            .components()
            .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        if !plain || path.contains('\\') {
            return Err("the path leaves the strategy's folder".to_owned());
        }
        let real = std::fs::canonicalize(root.join(relative)).map_err(|e| crate::exit::reason(&e))?;
        if !real.starts_with(root) {
            return Err("the file lies outside the strategy's folder".to_owned());
        }
        let meta = std::fs::metadata(&real).map_err(|e| crate::exit::reason(&e))?;
        if !meta.is_file() {
            return Err("it is not a file".to_owned());
        }
        let file = std::fs::File::open(&real).map_err(|e| crate::exit::reason(&e))?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| crate::exit::reason(&e))?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(format!("it is larger than {} MiB", FILE_BYTES_MAX >> 20));
        }
        Ok(bytes)
    }
}

impl SourceLoader for FolderLoader {
    fn load(&self, path: &str) -> Result<Vec<u8>, String> {
        self.bytes(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_folder_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("project");
        std::fs::create_dir_all(inside.join("sub")).unwrap();
        std::fs::write(dir.path().join("secret.alula"), "secret").unwrap();
        std::fs::write(inside.join("sub/ok.alula"), "ok").unwrap();
        let loader = FolderLoader::beside(&inside.join("main.alula"));
        assert_eq!(loader.load("sub/ok.alula").unwrap(), b"ok");
        let absolute = dir.path().join("secret.alula");
        for path in [
            "../secret.alula",
            "sub/../../secret.alula",
            absolute.to_str().unwrap(),
            "..\\secret.alula",
        ] {
            assert!(loader.load(path).unwrap_err().contains("leaves"), "{path}");
        }
        assert_eq!(loader.load("sub").unwrap_err(), "it is not a file");
        assert_eq!(loader.load("nope.alula").unwrap_err(), "no such file or folder");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret.alula", inside.join("link.alula")).unwrap();
            std::os::unix::fs::symlink("..", inside.join("up")).unwrap();
            assert!(loader.load("link.alula").unwrap_err().contains("outside"));
            assert!(loader.load("up/secret.alula").unwrap_err().contains("outside"));
            std::os::unix::fs::symlink("sub/ok.alula", inside.join("fine.alula")).unwrap();
            assert_eq!(loader.load("fine.alula").unwrap(), b"ok");
        }
    }
}
