//! Why a plugin is not loaded.

use std::fmt;
use std::path::Path;

/// Kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A file or folder cannot be read or written, or is not what it should be.
    File,
    /// `plugins.lock` is not valid.
    Lock,
    /// The lock names no such plugin.
    Unknown,
    /// The bytes are not those that were trusted.
    Hash,
    /// The publisher that the lock names did not sign them.
    Signature,
    /// Somebody else could change what is loaded.
    Unsafe,
    /// No library for this machine.
    Format,
    /// The system's loader refuses it.
    System,
    /// It has no entry of this major version.
    Entry,
    /// Its entry and this host do not fit.
    Version,
    /// It changes the arithmetic of the process.
    Mode,
    /// Its own start failed, or its tables are not as the contract says.
    Contract,
}

/// A refusal with its text: one line, lower case; and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// Kind.
    pub refusal: Refusal,
    /// What, where, why.
    pub what: String,
    /// What to do.
    pub help: Option<String>,
}

impl LoadError {
    /// A refusal without advice.
    #[must_use]
    pub fn new(refusal: Refusal, what: impl Into<String>) -> Self {
        Self {
            refusal,
            what: what.into(),
            help: None,
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says which plugin.
    pub(crate) fn of(mut self, id: &str) -> Self {
        self.what = format!("plugin `{id}`: {}", self.what);
        self
    }

    /// Says of which file.
    #[must_use]
    pub fn of_file(mut self, path: &Path) -> Self {
        self.what = format!("`{}`: {}", path.display(), self.what);
        self
    }

    pub(crate) fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        let text = error.to_string();
        let text = text.split(" (os error").next().unwrap_or_default().to_lowercase();
        Self::new(
            Refusal::File,
            format!("cannot {doing} `{}`: {text}", path.display()),
        )
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for LoadError {}
