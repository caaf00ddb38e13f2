//! How a command ends: its exit code, and for failures what, where, why and what to do.

use alula_run::{ErrorClass, RunError};
use std::fmt;
use std::path::Path;

/// Exit codes; part of the interface, listed in `alula --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done, nothing to complain about.
    Ok = 0,
    /// The command worked and found something: diagnostics, or a difference under `--check`.
    Findings = 1,
    /// Wrong usage, a setting that does not fit, or a file that cannot be read or written.
    Usage = 2,
    /// Data was refused or is not valid.
    Data = 3,
    /// The run stopped: an accounting invariant broke, or a settlement value is missing.
    Stopped = 4,
}

/// The list shown in help and man page.
pub const CODES_HELP: &str = "\
Exit codes:
  0  done, nothing found
  1  findings: diagnostics, or a difference under --check
  2  wrong usage, a setting that does not fit, or a file that cannot be read or written
  3  data refused or not valid
  4  the run stopped: an accounting invariant broke, or a settlement value is missing";

/// Why a command could not do its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Code to leave with.
    pub exit: Exit,
    /// One line: what, where, why. Lower case, the user's text in backticks.
    pub what: String,
    /// What to do.
    pub help: Option<String>,
    /// Standard output was closed by its reader; nothing to say.
    pub closed: bool,
}

impl Failure {
    /// A failure without advice.
    #[must_use]
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            help: None,
            closed: false,
        }
    }

    /// Wrong usage or trouble with a file.
    #[must_use]
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A failed file operation: `cannot read `x.alula`: no such file`.
    #[must_use]
    pub fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::usage(format!("cannot {doing} `{}`: {}", path.display(), reason(error)))
    }

    /// The reader of standard output went away: end quietly.
    #[must_use]
    pub fn closed() -> Self {
        Self {
            closed: true,
            ..Self::new(Exit::Ok, "")
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl From<std::io::Error> for Failure {
    /// For standard output alone; files say which file it was.
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self::closed()
        } else {
            Self::usage(format!("cannot write to standard output: {}", reason(&error)))
        }
    }
}

/// The error in plain lower-case words, without the operating system's number.
#[must_use]
pub fn reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind as K;
    match error.kind() {
        K::NotFound => "no such file or folder".to_owned(),
        K::PermissionDenied => "permission denied".to_owned(),
        K::AlreadyExists => "it exists already".to_owned(),
        K::IsADirectory => "it is a folder".to_owned(),
        K::NotADirectory => "a part of the path is not a folder".to_owned(),
        K::StorageFull => "the disk is full".to_owned(),
        K::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        K::InvalidData => "it is not valid UTF-8".to_owned(),
        _ => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            let mut chars = text.chars();
            chars
                .next()
                .map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
        }
    }
}

/// What a run that stopped means for the exit code.
#[must_use]
pub fn failure(error: &RunError) -> Failure {
    let exit = match error.class {
        ErrorClass::Request | ErrorClass::File => Exit::Usage,
        ErrorClass::Data => Exit::Data,
        ErrorClass::Settlement | ErrorClass::Invariant => Exit::Stopped,
    };
    let at = error.at.map_or_else(String::new, |at| format!("at {at}: "));
    Failure::new(exit, format!("{at}{}", error.what)).help(error.help.clone())
}
