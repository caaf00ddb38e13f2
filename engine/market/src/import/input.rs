//! Opening source files: CSV text, plain or gzip, checked for being text, with a bound on record length; or Parquet. All
//! are hashed, and all come as records of text fields, so that a layout does not know which it reads.

use super::error::{BadRow, FieldError, ImportError, ImportErrorKind};
use super::parquet::ParquetRecords;
use crate::digest::hex;
use csv::ByteRecord;
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::rc::Rc;

/// Longest record in bytes, quoted line breaks included.
pub(super) const RECORD_BYTES_MAX: usize = 64 * 1024;

/// Bytes looked at to tell the layout.
const PREFIX_BYTES: usize = 8 * 1024;

/// Lines that may stand before a header.
const PREAMBLE_LINES_MAX: usize = 8;

/// Counts and hashes the bytes on disk.
struct Tap {
    file: File,
    seen: Rc<RefCell<Seen>>,
}

struct Seen {
    hash: Sha256,
    bytes: u64,
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        let mut seen = self.seen.borrow_mut();
        seen.hash.update(buffer.get(..n).unwrap_or_default());
        seen.bytes += n as u64;
        Ok(n)
    }
}

/// Fails when a line, or a quoted field over many lines, exceeds the record bound: otherwise one stray quote would read
/// the rest of the file into memory as one field.
struct Bounded<R> {
    inner: R,
    run: usize,
    quoted: bool,
    end: Rc<Cell<End>>,
}

/// How much text was handed out, and its last byte: tells a last line without a line end from one with it.
#[derive(Clone, Copy)]
struct End {
    bytes: u64,
    last: u8,
}

impl<R> Bounded<R> {
    /// Follows records over a buffer; an error when one of them is too long.
    fn count(&mut self, bytes: &[u8]) -> io::Result<()> {
        let too_long = || Err(io::Error::new(io::ErrorKind::InvalidData, "record too long"));
        if !self.quoted && bytes.len() <= RECORD_BYTES_MAX && !bytes.contains(&b'"') {
            // Without quotes only the first and the last line end matter: between them no record can be too long.
            let first = bytes.iter().position(|b| *b == b'\n');
            let last = bytes.iter().rposition(|b| *b == b'\n');
            if self.run + first.unwrap_or(bytes.len()) > RECORD_BYTES_MAX {
                return too_long();
            }
            self.run = match last {
                Some(at) => bytes.len() - at - 1,
                None => self.run + bytes.len(),
            };
            return Ok(());
        }
        for byte in bytes {
            self.run += 1;
            match byte {
                b'"' => self.quoted = !self.quoted,
                b'\n' if !self.quoted => self.run = 0,
                _ => {}
            }
            if self.run > RECORD_BYTES_MAX {
                return too_long();
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let bytes = buffer.get(..n).unwrap_or_default();
        self.count(bytes)?;
        let before = self.end.get();
        let last = bytes.last().copied().unwrap_or(before.last);
        self.end.set(End {
            bytes: before.bytes + n as u64,
            last,
        });
        Ok(n)
    }
}

/// What gives records of text fields.
pub(super) trait Records {
    /// Names of the fields; asked once, first.
    fn header(&mut self) -> Result<Vec<String>, ImportError>;
    /// Fields of the lines before the header, of exports that have such lines; asked once, after the header.
    fn preamble(&mut self) -> Vec<Vec<String>> {
        Vec::new()
    }
    /// Moves to the next record; `false` at the end.
    fn next(&mut self, record: &mut ByteRecord) -> Result<bool, ImportError>;
    /// Line of the record, from 1.
    fn line(&self) -> u64;
    /// Bytes of the file read so far.
    fn bytes(&self) -> u64;
    /// Hash of the file as it lies on disk; call after the last record.
    fn finish(self: Box<Self>) -> Result<String, ImportError>;
}

/// How a CSV file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dialect {
    /// What stands between fields; a comma, and anything else refused, when nobody says.
    pub(super) delimiter: Option<u8>,
}

/// A table being read.
pub(super) struct Table {
    /// File name without its folder.
    pub(super) name: String,
    /// Header fields, trimmed and in lower case.
    pub(super) header: Vec<String>,
    /// Fields of the lines before the header, of exports that have such lines.
    pub(super) preamble: Vec<Vec<String>>,
    source: Box<dyn Records>,
    record: ByteRecord,
    line: u64,
    reported: u64,
}

/// CSV text being read.
struct CsvRecords {
    name: String,
    preamble: Vec<Vec<String>>,
    reader: csv::Reader<Box<dyn Read>>,
    line: u64,
    seen: Rc<RefCell<Seen>>,
    end: Rc<Cell<End>>,
}

/// A file that others read, hashed apart.
pub(super) struct HashedFile {
    name: String,
    file: File,
}

impl HashedFile {
    pub(super) fn open(path: &Path, name: &str) -> Result<Self, ImportError> {
        let file = File::open(path).map_err(|e| io_error(name, &e))?;
        let name = name.to_owned();
        Ok(Self { name, file })
    }

    /// Hex SHA-256 of the whole file.
    pub(super) fn finish(mut self) -> Result<String, ImportError> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let n = self
                .file
                .read(&mut buffer)
                .map_err(|e| io_error(&self.name, &e))?;
            if n == 0 {
                return Ok(hex(&hash.finalize()));
            }
            hash.update(buffer.get(..n).unwrap_or_default());
        }
    }
}

/// File name without its folder.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |n| n.to_string_lossy().into_owned(),
    )
}

pub(super) fn io_error(name: &str, e: &io::Error) -> ImportError {
    let new = |kind, what: String, help: &str| ImportError::new(kind, what, help).in_file(name);
    match e.kind() {
        io::ErrorKind::UnexpectedEof => new(
            ImportErrorKind::Truncated,
            "the gzip stream ends in the middle".to_owned(),
            "the file was cut short: copy or download it again",
        ),
        io::ErrorKind::InvalidInput if e.to_string().contains("gzip header") => not_gzip(name),
        io::ErrorKind::InvalidData if e.to_string() == "record too long" => new(
            ImportErrorKind::NotText,
            format!("a record is longer than {RECORD_BYTES_MAX} bytes"),
            "a quote is not closed, or the file is not CSV text",
        ),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => new(
            ImportErrorKind::Truncated,
            format!("the gzip stream is damaged: {}", crate::store::reason(e)),
            "copy or download the file again",
        ),
        _ => new(
            ImportErrorKind::Io,
            format!("cannot read: {}", crate::store::reason(e)),
            "check that the file exists and that you may read it",
        ),
    }
}

fn not_gzip(name: &str) -> ImportError {
    let what = "is named .gz but is not gzip data";
    ImportError::new(
        ImportErrorKind::NotText,
        what,
        "name it .csv if it is plain text, or download it again",
    )
    .in_file(name)
}

/// Reads until the buffer is full or the input ends.
fn fill(reader: &mut impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.by_ref().take(limit as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What was read of a file so far, shared with the reader that counts it.
type Counted = Rc<RefCell<Seen>>;

/// The text of a file, unpacked, and what counts and hashes it on disk.
fn open_text(path: &Path, name: &str) -> Result<(Box<dyn Read>, Counted), ImportError> {
    let seen = Rc::new(RefCell::new(Seen {
        hash: Sha256::new(),
        bytes: 0,
    }));
    let fail = |e: io::Error| io_error(name, &e);
    let file = File::open(path).map_err(fail)?;
    let mut tap = Tap {
        file,
        seen: Rc::clone(&seen),
    };
    let magic = fill(&mut tap, 4).map_err(fail)?;
    let gzip = magic.starts_with(&[0x1f, 0x8b]);
    if magic.is_empty() {
        return Err(empty(name));
    }
    if !gzip && path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz")) {
        return Err(not_gzip(name));
    }
    let raw = BufReader::with_capacity(64 * 1024, Cursor::new(magic).chain(tap));
    let text: Box<dyn Read> = if gzip {
        Box::new(MultiGzDecoder::new(raw))
    } else {
        Box::new(raw)
    };
    Ok((text, seen))
}

/// Whether a file begins as JSON does.
pub(super) fn is_json(path: &Path) -> Result<bool, ImportError> {
    let name = name_of(path);
    let (mut text, _) = open_text(path, &name)?;
    let prefix = fill(&mut text, 64).map_err(|e| io_error(&name, &e))?;
    let plain = prefix.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(&prefix);
    Ok(plain.trim_ascii_start().starts_with(b"{"))
}

/// A file read into memory.
pub(super) struct Whole {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// Bytes on disk.
    pub(super) read: u64,
    /// Hash of the file as it lies on disk.
    pub(super) sha256: String,
}

/// Reads a whole file, unpacked, of at most so many bytes.
pub(super) fn read_whole(path: &Path, limit: usize) -> Result<Whole, ImportError> {
    let name = name_of(path);
    let (mut text, seen) = open_text(path, &name)?;
    let mut bytes = fill(&mut text, limit + 1).map_err(|e| io_error(&name, &e))?;
    if bytes.len() > limit {
        let what = format!("is longer than {limit} bytes");
        let help = "a file that is read whole must be smaller: split it, or import the table instead";
        return Err(ImportError::new(ImportErrorKind::NotText, what, help).in_file(&name));
    }
    io::copy(&mut text, &mut io::sink()).map_err(|e| io_error(&name, &e))?;
    if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
        bytes.drain(..3);
    }
    let seen = seen.borrow();
    Ok(Whole {
        name,
        bytes,
        read: seen.bytes,
        sha256: hex(&seen.hash.clone().finalize()),
    })
}

/// A line about the underlying, as Cboe's quote tables have them above their header: `Last: 4505.10`, `Date: …`.
fn is_preamble(record: &ByteRecord) -> bool {
    let keys: [&[u8]; 3] = [b"Last:", b"Date:", b"Bid:"];
    let says = |f: &[u8]| keys.iter().any(|k| f.starts_with(k));
    record.iter().any(|f| says(f.trim_ascii_start()))
}

impl CsvRecords {
    fn open(name: &str, path: &Path, dialect: Dialect) -> Result<Self, ImportError> {
        let (mut text, seen) = open_text(path, name)?;
        let fail = |e: io::Error| io_error(name, &e);
        let mut prefix = fill(&mut text, PREFIX_BYTES).map_err(fail)?;
        if prefix.starts_with(&[0xef, 0xbb, 0xbf]) {
            prefix.drain(..3);
        }
        check_text(name, &prefix, dialect)?;
        let end = Rc::new(Cell::new(End {
            bytes: 0,
            last: b'\n',
        }));
        let inner = Cursor::new(prefix).chain(text);
        let whole: Box<dyn Read> = Box::new(Bounded {
            inner,
            run: 0,
            quoted: false,
            end: Rc::clone(&end),
        });
        // Only a line feed ends a record, so that lines count right; the return of Windows files is trimmed like a space.
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(dialect.delimiter.unwrap_or(b','))
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(whole);
        Ok(Self {
            name: name.to_owned(),
            preamble: Vec::new(),
            reader,
            line: 0,
            seen,
            end,
        })
    }

    /// The next line with any text in it.
    fn next_text(&mut self, record: &mut ByteRecord) -> Result<bool, ImportError> {
        while self.read(record)? {
            let blank = record.len() <= 1 && record.as_slice().trim_ascii().is_empty();
            if !blank {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read(&mut self, record: &mut ByteRecord) -> Result<bool, ImportError> {
        let more = self
            .reader
            .read_byte_record(record)
            .map_err(|e| match e.into_kind() {
                csv::ErrorKind::Io(e) => io_error(&self.name, &e),
                other => {
                    let what = format!("is not CSV text: {other:?}");
                    ImportError::new(ImportErrorKind::NotText, what, "export the table as CSV")
                        .in_file(&self.name)
                }
            })?;
        // The reader's own position stands before the empty lines that it skips, so count back from the record's end.
        let after = self.reader.position();
        let end = self.end.get();
        let unterminated = after.byte() == end.bytes && end.last != b'\n';
        // Line breaks inside a record are rare, and looking for one is quicker than counting them.
        let inside = if record.as_slice().contains(&b'\n') {
            record.as_slice().iter().filter(|b| **b == b'\n').count() as u64
        } else {
            0
        };
        self.line = after.line().saturating_sub(inside + u64::from(!unterminated));
        Ok(more)
    }
}

impl Records for CsvRecords {
    fn header(&mut self) -> Result<Vec<String>, ImportError> {
        let mut record = ByteRecord::new();
        if !self.next_text(&mut record)? {
            return Err(empty(&self.name));
        }
        let texts = |record: &ByteRecord| -> Vec<String> {
            let fields = record
                .iter()
                .map(|f| String::from_utf8_lossy(f).trim().to_owned());
            fields.collect()
        };
        while self.preamble.len() < PREAMBLE_LINES_MAX && is_preamble(&record) {
            self.preamble.push(texts(&record));
            if !self.next_text(&mut record)? {
                return Err(empty(&self.name));
            }
        }
        Ok(texts(&record))
    }

    fn preamble(&mut self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.preamble)
    }

    fn next(&mut self, record: &mut ByteRecord) -> Result<bool, ImportError> {
        self.next_text(record)
    }

    fn line(&self) -> u64 {
        self.line
    }

    fn bytes(&self) -> u64 {
        self.seen.borrow().bytes
    }

    /// Trailing bytes that no row needed are read too.
    fn finish(self: Box<Self>) -> Result<String, ImportError> {
        let mut rest = self.reader.into_inner();
        io::copy(&mut rest, &mut io::sink()).map_err(|e| io_error(&self.name, &e))?;
        let seen = self.seen.borrow();
        Ok(hex(&seen.hash.clone().finalize()))
    }
}

impl Table {
    /// Opens a file written in a dialect, and reads its header: of text the first line with any in it.
    pub(super) fn open_as(path: &Path, dialect: Dialect) -> Result<Self, ImportError> {
        let name = name_of(path);
        let source: Box<dyn Records> = match first_bytes(&name, path)?.as_slice() {
            b"PAR1" => Box::new(ParquetRecords::open(path, &name)?),
            // DBN in its versions, and zstd, in which DBN files are delivered.
            [b'D', b'B', b'N', _] | [0x28, 0xb5, 0x2f, 0xfd] => dbn_records(path, &name)?,
            _ => Box::new(CsvRecords::open(&name, path, dialect)?),
        };
        Self::of(name, source)
    }

    fn of(name: String, mut source: Box<dyn Records>) -> Result<Self, ImportError> {
        let header = source.header()?.iter().map(|f| normal(f)).collect();
        Ok(Self {
            name,
            header,
            preamble: source.preamble(),
            source,
            record: ByteRecord::new(),
            line: 0,
            reported: 0,
        })
    }

    /// Moves to the next row that is not blank; `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool, ImportError> {
        let more = self.source.next(&mut self.record)?;
        self.line = self.source.line();
        Ok(more)
    }

    /// Line of the current row, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// A field of the current row, trimmed.
    pub(super) fn text(&self, column: usize) -> Result<&str, FieldError> {
        let missing = || {
            let what = format!(
                "the row has {} fields, the header {}",
                self.record.len(),
                self.header.len()
            );
            FieldError { column, what }
        };
        let bytes = self.record.get(column).ok_or_else(missing)?;
        let text = std::str::from_utf8(bytes).map(str::trim);
        text.map_err(|_| FieldError {
            column,
            what: "is not UTF-8 text".to_owned(),
        })
    }

    /// A field of the current row, parsed.
    pub(super) fn parse<T>(
        &self,
        column: usize,
        f: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, FieldError> {
        f(self.text(column)?).map_err(|what| FieldError { column, what })
    }

    /// A bad row at the current line.
    pub(super) fn bad(&self, error: FieldError) -> BadRow {
        let column = self
            .header
            .get(error.column)
            .cloned()
            .unwrap_or_else(|| format!("#{}", error.column + 1));
        BadRow {
            file: self.name.clone(),
            line: self.line,
            column,
            what: error.what,
        }
    }

    /// Position of the first of these columns that the header has.
    pub(super) fn column(&self, names: &[&str]) -> Option<usize> {
        names
            .iter()
            .find_map(|name| self.header.iter().position(|h| h == name))
    }

    /// Position of a column that must be there; the first name is the layout's own.
    pub(super) fn require(&self, names: &[&str]) -> Result<usize, ImportError> {
        self.column(names).ok_or_else(|| {
            let wanted = names.first().copied().unwrap_or_default();
            let what = format!("has no column `{wanted}`");
            let help = format!(
                "the header has: {}; export the file again with `{wanted}`",
                self.header.join(", ")
            );
            ImportError::new(ImportErrorKind::MissingColumn, what, help).in_file(&self.name)
        })
    }

    /// The source has times of day and does not say in which zone.
    pub(super) fn no_time_zone(&self, column: &str) -> ImportError {
        self.error(
            ImportErrorKind::NoTimeZone,
            format!("the times in `{column}` have no time zone"),
            "name it: `--time-zone America/New_York`, `--time-zone UTC`, …",
        )
    }

    /// A mapping lacks a field; its own reader said so before.
    pub(super) fn unmapped(&self, name: &str) -> ImportError {
        let what = format!("the mapping says nothing of `{name}`");
        self.error(
            ImportErrorKind::Request,
            what,
            "`alula import --mapping-example` shows all fields",
        )
    }

    /// Bytes read from disk since this was last asked.
    pub(super) fn progress(&mut self) -> u64 {
        let bytes = self.source.bytes();
        let fresh = bytes.saturating_sub(self.reported);
        self.reported = bytes;
        fresh
    }

    /// Hash of the file as it lies on disk; call after the last row.
    pub(super) fn finish(self) -> Result<String, ImportError> {
        self.source.finish()
    }

    /// An error about the whole file.
    pub(super) fn error(
        &self,
        kind: ImportErrorKind,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> ImportError {
        ImportError::new(kind, what, help).in_file(&self.name)
    }
}

/// Header fields compare without case, surrounding space, quotes or brackets.
pub(super) fn normal(field: &str) -> String {
    let plain = field.trim().trim_matches('"').trim_matches(['[', ']']);
    plain.to_lowercase()
}

fn empty(name: &str) -> ImportError {
    ImportError::new(
        ImportErrorKind::Empty,
        "the file is empty",
        "download it again, or leave it out",
    )
    .in_file(name)
}

#[cfg(feature = "databento")]
fn dbn_records(path: &Path, name: &str) -> Result<Box<dyn Records>, ImportError> {
    Ok(Box::new(super::dbn::DbnRecords::open(path, name)?))
}

#[cfg(not(feature = "databento"))]
fn dbn_records(_: &Path, name: &str) -> Result<Box<dyn Records>, ImportError> {
    let what = "is a Databento DBN or zstd file, which this build does not read";
    let help = "build with `--features databento`, or unpack or convert it to CSV or Parquet";
    Err(ImportError::new(ImportErrorKind::NotText, what, help).in_file(name))
}

/// The bytes that tell a binary format from text.
fn first_bytes(name: &str, path: &Path) -> Result<Vec<u8>, ImportError> {
    let mut file = File::open(path).map_err(|e| io_error(name, &e))?;
    fill(&mut file, 4).map_err(|e| io_error(name, &e))
}

/// Text, and separated as expected.
fn check_text(name: &str, prefix: &[u8], dialect: Dialect) -> Result<(), ImportError> {
    let not_text =
        |what: &str, help: &str| Err(ImportError::new(ImportErrorKind::NotText, what, help).in_file(name));
    match prefix {
        [b'P', b'K', 3, 4, ..] => {
            return not_text("is a zip archive", "unpack it and import the files inside");
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return not_text("is UTF-16 text", "save it as UTF-8"),
        _ if prefix.contains(&0) => return not_text("is binary, not CSV text", "export the table as CSV"),
        _ if prefix.iter().all(u8::is_ascii_whitespace) => return Err(empty(name)),
        _ => {}
    }
    if dialect.delimiter.is_some() {
        return Ok(());
    }
    let header = prefix
        .split(|b| *b == b'\n')
        .find(|l| !l.trim_ascii().is_empty())
        .unwrap_or_default();
    let count = |wanted: u8| header.iter().filter(|b| **b == wanted).count();
    for (byte, shown) in [(b';', "semicolons"), (b'\t', "tabs"), (b'|', "bars")] {
        if count(byte) > count(b',') {
            let what = format!("fields are separated by {shown}, not commas");
            let help = "export the file with commas (and a point as decimal mark), or say so in a mapping: `delimiter: ';'`";
            return Err(ImportError::new(ImportErrorKind::Delimiter, what, help)
                .in_file(name)
                .at_line(1));
        }
    }
    Ok(())
}
