//! Why an import stopped: what, where, why, and the fix apart.

use crate::store::{StoreError, StoreErrorKind};
use std::fmt;

/// Which kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportErrorKind {
    /// The request itself makes no sense: no input, an impossible snapshot time.
    Request,
    /// No layout fits the file's header.
    UnknownLayout,
    /// The file is empty or has no rows.
    Empty,
    /// Rows may be of several roots and the source does not say which.
    Ambiguous,
    /// Times of day whose zone nobody says.
    NoTimeZone,
    /// The source of a chain has no price of the underlying, and nothing else gives one.
    NoUnderlying,
    /// A column that the layout needs is not there.
    MissingColumn,
    /// Fields are separated by something other than commas.
    Delimiter,
    /// The file ends in the middle: a cut gzip stream.
    Truncated,
    /// The file is not what its name or first bytes say.
    NotText,
    /// Bids stand above asks nearly everywhere.
    Swapped,
    /// A row cannot be what it says.
    BadRow,
    /// Rows are of another day than the file's name.
    DateMismatch,
    /// Something had to be refused or two sources disagree, and `strict` was asked for.
    Strict,
    /// Two files give the same day.
    Duplicate,
    /// Nothing was left to store.
    Nothing,
    /// The operating system said no.
    Io,
    /// The store could not be written.
    Store(StoreErrorKind),
}

/// Why an import stopped. Nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// Kind, for code.
    pub kind: ImportErrorKind,
    /// File.
    pub file: Option<String>,
    /// Line in the file, from 1.
    pub line: Option<u64>,
    /// Column name as in the file's header.
    pub column: Option<String>,
    /// What is wrong, one line.
    pub what: String,
    help: String,
}

impl ImportError {
    pub(super) fn new(kind: ImportErrorKind, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            kind,
            file: None,
            line: None,
            column: None,
            what: what.into(),
            help: help.into(),
        }
    }

    pub(super) fn in_file(mut self, file: &str) -> Self {
        self.file.get_or_insert_with(|| file.to_owned());
        self
    }

    pub(super) const fn at_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    pub(super) fn bad_row(row: &BadRow) -> Self {
        let help = "correct the row, or leave such rows out with `--skip-bad`: they are counted and listed";
        let mut error = Self::new(ImportErrorKind::BadRow, row.what.clone(), help).in_file(&row.file);
        error.line = Some(row.line);
        error.column = Some(row.column.clone());
        error
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &str {
        &self.help
    }
}

impl fmt::Display for ImportError {
    /// `` `SPX_20190430.csv.gz` line 17, column `bid`: `abc` is not a number ``
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "`{file}`")?;
            if let Some(line) = self.line {
                write!(f, " line {line}")?;
            }
            if let Some(column) = &self.column {
                write!(f, ", column `{column}`")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for ImportError {}

impl From<StoreError> for ImportError {
    fn from(e: StoreError) -> Self {
        Self::new(ImportErrorKind::Store(e.kind), e.what, e.help)
    }
}

/// A row that cannot be what it says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BadRow {
    /// File name.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// Column as in the header.
    pub column: String,
    /// Why, with the text found.
    pub what: String,
}

/// What is wrong with one field; the table adds file and line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldError {
    pub(super) column: usize,
    pub(super) what: String,
}
