//! Source texts: where they come from and how a byte offset becomes a line and a column.

use crate::span::{FileId, Span};

/// Reads the files that `import` names. The language itself touches no disk.
pub trait SourceLoader {
    /// The bytes of `path`, a normalised path relative to the project folder (`/` separated, never leaving it).
    ///
    /// # Errors
    /// A one-line reason, such as `no such file`.
    fn load(&self, path: &str) -> Result<Vec<u8>, String>;
}

/// A loader that knows no file: every import is an error.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoImports;

impl SourceLoader for NoImports {
    fn load(&self, _path: &str) -> Result<Vec<u8>, String> {
        Err("imports are not available here".to_owned())
    }
}

/// One text with the offsets of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Name shown in diagnostics.
    pub name: String,
    /// Text, after a byte-order mark was removed.
    pub text: String,
    line_starts: Vec<u32>,
}

impl SourceFile {
    /// Wraps a text. Offsets past 4 GiB cannot occur: the byte limit is far below.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let mut line_starts = vec![0];
        for (i, b) in text.bytes().enumerate() {
            if b == b'\n' {
                line_starts.push(u32::try_from(i + 1).unwrap_or(u32::MAX));
            }
        }
        Self {
            name: name.into(),
            text,
            line_starts,
        }
    }

    /// Line and column (both from 1, column in characters) of a byte offset; offsets past the end give the end.
    #[must_use]
    pub fn line_column(&self, offset: u32) -> (u32, u32) {
        let line = self
            .line_starts
            .partition_point(|&s| s <= offset)
            .saturating_sub(1);
        let start = self.line_starts.get(line).copied().unwrap_or(0) as usize;
        let mut end = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let column = self.text.get(start..end).map_or(0, |s| s.chars().count());
        let clip = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        (clip(line), clip(column))
    }
}

/// The files of one compilation, by [`FileId`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// Adds a file.
    pub fn add(&mut self, file: SourceFile) -> FileId {
        let id = FileId(u16::try_from(self.files.len()).unwrap_or(u16::MAX));
        self.files.push(file);
        id
    }

    /// The file of an id.
    #[must_use]
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(usize::from(id.0))
    }

    /// File and line of a place, as editors take it: `rules/condor.alula:31`. Empty for a span of no file.
    #[must_use]
    pub fn place(&self, span: Span) -> String {
        self.get(span.file).map_or_else(String::new, |file| {
            format!("{}:{}", file.name, file.line_column(span.start).0)
        })
    }

    /// All files in the order they were read.
    #[must_use]
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }
}
