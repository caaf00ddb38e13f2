//! What can be wrong with a store.

use crate::history::HistoryError;
use std::path::Path;

/// Which kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// There is nothing at the path.
    NotFound,
    /// There is something at the path, but not a store.
    NotAStore,
    /// The store was written in a layout that this build does not read.
    Version,
    /// A file is missing, cut short or changed since the manifest was written.
    Damaged,
    /// The target exists already, or already holds other data for the same day.
    Exists,
    /// Another process is writing to the store.
    Busy,
    /// The data handed to the writer breaks a rule of the format.
    Invalid,
    /// The operating system said no.
    Io,
}

/// Why a store could not be read or written: one line, and the fix apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct StoreError {
    /// Kind, for code.
    pub kind: StoreErrorKind,
    /// What, where and why, for people.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

impl StoreError {
    pub(crate) fn new(kind: StoreErrorKind, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            help: help.into(),
        }
    }

    pub(crate) fn io(doing: &str, path: &Path, cause: &std::io::Error) -> Self {
        let what = format!("cannot {doing} `{}`: {}", path.display(), reason(cause));
        Self::new(
            StoreErrorKind::Io,
            what,
            "check that the path exists, that you may use it and that the disk has room",
        )
    }

    /// What went wrong while a file of columns was written: the disk, or the data.
    pub(super) fn encode(path: &str, cause: &parquet::errors::ParquetError) -> Self {
        if let parquet::errors::ParquetError::External(inner) = cause
            && let Some(disk) = inner.downcast_ref::<std::io::Error>()
        {
            return Self::io("write", Path::new(path), disk);
        }
        Self::invalid(format!("cannot encode `{path}`: {cause}"))
    }

    pub(crate) fn damaged(file: &str, why: impl std::fmt::Display) -> Self {
        Self::new(
            StoreErrorKind::Damaged,
            format!("`{file}` in the store is damaged: {why}"),
            "import the source files into a new store; results of a damaged store cannot be trusted",
        )
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::new(
            StoreErrorKind::Invalid,
            what,
            "correct the data and write it again; nothing was stored",
        )
    }
}

/// The operating system's words in lower case without the error number.
pub(crate) fn reason(cause: &std::io::Error) -> String {
    let text = cause.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}

impl From<StoreError> for HistoryError {
    fn from(e: StoreError) -> Self {
        Self {
            what: e.what,
            help: e.help,
        }
    }
}
