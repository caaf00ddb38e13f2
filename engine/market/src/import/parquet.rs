//! Parquet files as records of text fields, a few thousand rows in memory at a time.
//!
//! Every layout and mapping reads text, so a Parquet file is shown as the CSV file with the same content would be: whole
//! numbers and decimals exactly, binary fractions in the shortest form that gives the same bits back, dates and times as
//! ISO 8601 (with `Z` where the file says that they are UTC), nulls and NaN as empty fields.

use super::error::{ImportError, ImportErrorKind};
use super::input::{HashedFile, Records};
use ::parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::{ByteArray, DataType, Int96};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::schema::types::ColumnDescriptor;
use chrono::{DateTime, NaiveDate};
use csv::ByteRecord;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 4096;
/// Columns of a file at most; a wider one is no table of quotes.
const COLUMNS_MAX: usize = 2_000;

/// How a column's values are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Unsigned,
    Date,
    /// Time of day; units in a second.
    Time(i64),
    /// Units in a second, and whether they count from 1970 in UTC.
    Stamp(i64, bool),
    /// Places after the point.
    Decimal(u32),
    Text,
}

/// A batch of one column: texts, end to end.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

struct Column {
    name: String,
    kind: Kind,
    max_def: i16,
    reader: Option<ColumnReader>,
    texts: Texts,
}

/// A Parquet file being read.
pub(super) struct ParquetRecords {
    name: String,
    reader: SerializedFileReader<File>,
    columns: Vec<Column>,
    groups: usize,
    /// The row group to open next, and rows not yet decoded of the one that is open.
    group: usize,
    left: usize,
    /// Position in the decoded batch, and its rows.
    at: usize,
    batch: usize,
    row: u64,
    bytes: u64,
    rows_total: u64,
    hashed: HashedFile,
}

fn damaged(name: &str, e: &ParquetError) -> ImportError {
    let text = e.to_string();
    let said = text.lines().next().unwrap_or_default().to_owned();
    let codec = ["zstd", "lz4", "brotli", "lzo"]
        .into_iter()
        .find(|c| said.to_lowercase().contains(c) && said.contains("feature"));
    if let Some(codec) = codec {
        return ImportError::new(
            ImportErrorKind::NotText,
            format!("its columns are compressed with {codec}, which this build does not read"),
            "write it with snappy, gzip or no compression, or build with `--features databento`, which reads zstd",
        )
        .in_file(name);
    }
    let mut said = said.trim_end_matches('.').chars();
    let said: String = said
        .next()
        .map_or_else(String::new, |c| c.to_lowercase().chain(said).collect());
    ImportError::new(
        ImportErrorKind::Truncated,
        format!("the Parquet file is damaged: {said}"),
        "the file was cut short or changed: copy or download it again",
    )
    .in_file(name)
}

/// The Parquet library asserts some of what a damaged file breaks; an assertion must not end the program.
fn guarded<T>(f: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).unwrap_or_else(|_| {
        Err(ParquetError::General(
            "its parts contradict each other".to_owned(),
        ))
    })
}

/// Every column chunk lies inside the file. After [`guarded`] this only spares the panic's message.
fn check_places(reader: &SerializedFileReader<File>, bytes: u64) -> Result<(), ParquetError> {
    let meta = reader.metadata();
    for column in meta.row_groups().iter().flat_map(|g| g.columns()) {
        let start = column
            .dictionary_page_offset()
            .unwrap_or_else(|| column.data_page_offset());
        let length = column.compressed_size();
        let inside = start >= 0
            && length >= 0
            && start
                .checked_add(length)
                .and_then(|end| u64::try_from(end).ok())
                .is_some_and(|end| end <= bytes);
        if !inside {
            return Err(ParquetError::General("a column lies outside the file".to_owned()));
        }
    }
    Ok(())
}

fn units(unit: &TimeUnit) -> i64 {
    match unit {
        TimeUnit::MILLIS => 1_000,
        TimeUnit::MICROS => 1_000_000,
        _ => 1_000_000_000,
    }
}

fn kind(column: &ColumnDescriptor) -> Option<Kind> {
    let decimal = |scale: i32| u32::try_from(scale).ok().filter(|s| *s <= 18).map(Kind::Decimal);
    match column.logical_type_ref() {
        Some(LogicalType::Date) => return Some(Kind::Date),
        Some(LogicalType::Timestamp(t)) => return Some(Kind::Stamp(units(&t.unit), t.is_adjusted_to_u_t_c)),
        Some(LogicalType::Time(t)) => return Some(Kind::Time(units(&t.unit))),
        Some(LogicalType::Decimal(d)) => return decimal(d.scale),
        Some(LogicalType::Integer(i)) if !i.is_signed => return Some(Kind::Unsigned),
        _ => {}
    }
    let kind = match column.converted_type() {
        ConvertedType::DATE => Kind::Date,
        ConvertedType::TIMESTAMP_MILLIS => Kind::Stamp(1_000, true),
        ConvertedType::TIMESTAMP_MICROS => Kind::Stamp(1_000_000, true),
        ConvertedType::TIME_MILLIS => Kind::Time(1_000),
        ConvertedType::TIME_MICROS => Kind::Time(1_000_000),
        ConvertedType::DECIMAL => return decimal(column.type_scale()),
        ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64 => {
            Kind::Unsigned
        }
        _ if matches!(column.physical_type(), Type::BYTE_ARRAY) => Kind::Text,
        _ if matches!(column.physical_type(), Type::FIXED_LEN_BYTE_ARRAY) => return None,
        _ => Kind::Plain,
    };
    Some(kind)
}

impl ParquetRecords {
    pub(super) fn open(path: &Path, name: &str) -> Result<Self, ImportError> {
        let hashed = HashedFile::open(path, name)?;
        let io = |e: std::io::Error| super::input::io_error(name, &e);
        let file = File::open(path).map_err(io)?;
        let bytes = file.metadata().map_err(io)?.len();
        let reader = guarded(|| SerializedFileReader::new(file)).map_err(|e| damaged(name, &e))?;
        check_places(&reader, bytes).map_err(|e| damaged(name, &e))?;
        let meta = reader.metadata().file_metadata();
        let schema = meta.schema_descr();
        if schema.num_columns() > COLUMNS_MAX {
            let what = format!("has {} columns, more than {COLUMNS_MAX}", schema.num_columns());
            return Err(
                ImportError::new(ImportErrorKind::NotText, what, "select the columns that matter")
                    .in_file(name),
            );
        }
        let mut columns = Vec::with_capacity(schema.num_columns());
        for column in schema.columns() {
            let shown = column.path().string();
            let kind = kind(column).filter(|_| column.max_rep_level() == 0);
            let Some(kind) = kind else {
                let what = format!("column `{shown}` holds lists or raw bytes");
                let help = "write a flat table: one row for each quote, one column for each number";
                return Err(ImportError::new(ImportErrorKind::NotText, what, help).in_file(name));
            };
            columns.push(Column {
                name: shown,
                kind,
                max_def: column.max_def_level(),
                reader: None,
                texts: Texts::default(),
            });
        }
        Ok(Self {
            name: name.to_owned(),
            columns,
            groups: reader.num_row_groups(),
            rows_total: u64::try_from(meta.num_rows()).unwrap_or_default(),
            reader,
            group: 0,
            left: 0,
            at: 0,
            batch: 0,
            row: 0,
            bytes,
            hashed,
        })
    }

    /// Decodes the next rows of the file; `false` at its end.
    fn fill(&mut self) -> Result<bool, ParquetError> {
        while self.left == 0 {
            if self.group >= self.groups {
                return Ok(false);
            }
            let group = self.reader.get_row_group(self.group)?;
            self.left = usize::try_from(group.metadata().num_rows())
                .map_err(|_| ParquetError::General("negative row count".to_owned()))?;
            for (i, column) in self.columns.iter_mut().enumerate() {
                column.reader = Some(group.get_column_reader(i)?);
            }
            self.group += 1;
        }
        let rows = self.left.min(BATCH_ROWS);
        for column in &mut self.columns {
            column.decode(rows)?;
        }
        self.left -= rows;
        (self.at, self.batch) = (0, rows);
        Ok(true)
    }
}

impl Records for ParquetRecords {
    fn header(&mut self) -> Result<Vec<String>, ImportError> {
        Ok(self.columns.iter().map(|c| c.name.clone()).collect())
    }

    fn next(&mut self, record: &mut ByteRecord) -> Result<bool, ImportError> {
        if self.at == self.batch && !guarded(|| self.fill()).map_err(|e| damaged(&self.name, &e))? {
            return Ok(false);
        }
        record.clear();
        for column in &self.columns {
            record.push_field(column.texts.get(self.at));
        }
        self.at += 1;
        self.row += 1;
        Ok(true)
    }

    /// The row, from 1: a Parquet file has no lines.
    fn line(&self) -> u64 {
        self.row
    }

    fn bytes(&self) -> u64 {
        let share = u128::from(self.bytes) * u128::from(self.row) / u128::from(self.rows_total.max(1));
        u64::try_from(share).unwrap_or(self.bytes)
    }

    fn finish(self: Box<Self>) -> Result<String, ImportError> {
        self.hashed.finish()
    }
}

impl Texts {
    fn get(&self, i: usize) -> &[u8] {
        let start = i
            .checked_sub(1)
            .and_then(|j| self.ends.get(j))
            .copied()
            .unwrap_or_default();
        let end = self.ends.get(i).copied().unwrap_or(start);
        self.bytes.get(start..end).unwrap_or_default()
    }
}

impl Column {
    fn decode(&mut self, rows: usize) -> Result<(), ParquetError> {
        let Self {
            kind,
            max_def,
            reader,
            texts,
            ..
        } = self;
        texts.bytes.clear();
        texts.ends.clear();
        let (kind, max) = (*kind, *max_def);
        match reader.as_mut() {
            Some(ColumnReader::BoolColumnReader(r)) => each(r, rows, max, texts, |out, v| {
                out.extend_from_slice(if *v { b"true" } else { b"false" });
            }),
            Some(ColumnReader::Int32ColumnReader(r)) => each(r, rows, max, texts, |out, v| match kind {
                Kind::Unsigned => write(out, v.cast_unsigned()),
                _ => whole(out, kind, i64::from(*v)),
            }),
            Some(ColumnReader::Int64ColumnReader(r)) => each(r, rows, max, texts, |out, v| match kind {
                Kind::Unsigned => write(out, v.cast_unsigned()),
                _ => whole(out, kind, *v),
            }),
            Some(ColumnReader::Int96ColumnReader(r)) => each(r, rows, max, texts, |out, v: &Int96| {
                stamp(out, v.to_nanos(), 1_000_000_000, false);
            }),
            Some(ColumnReader::FloatColumnReader(r)) => each(r, rows, max, texts, |out, v| {
                if !v.is_nan() {
                    write(out, v);
                }
            }),
            Some(ColumnReader::DoubleColumnReader(r)) => each(r, rows, max, texts, |out, v| {
                if !v.is_nan() {
                    write(out, v);
                }
            }),
            Some(ColumnReader::ByteArrayColumnReader(r)) => {
                each(r, rows, max, texts, |out, v: &ByteArray| {
                    bytes(out, kind, v.data())
                })
            }
            Some(ColumnReader::FixedLenByteArrayColumnReader(r)) => {
                each(r, rows, max, texts, |out, v| bytes(out, kind, v.data()))
            }
            None => Err(ParquetError::General("a column has no values".to_owned())),
        }
    }
}

/// Reads a batch and shows each value; nulls are empty.
fn each<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    max_def: i16,
    texts: &mut Texts,
    show: impl Fn(&mut Vec<u8>, &T::T),
) -> Result<(), ParquetError> {
    let (mut values, mut levels) = (Vec::with_capacity(rows), Vec::new());
    reader.read_records(rows, (max_def > 0).then_some(&mut levels), None, &mut values)?;
    let seen = if max_def > 0 { levels.len() } else { values.len() };
    if seen != rows {
        return Err(ParquetError::General(format!(
            "a column ends before its {rows} rows"
        )));
    }
    let mut values = values.iter();
    for i in 0..rows {
        if max_def == 0 || levels.get(i) == Some(&max_def) {
            let value = values
                .next()
                .ok_or_else(|| ParquetError::General("a column has fewer values than it says".to_owned()))?;
            show(&mut texts.bytes, value);
        }
        texts.ends.push(texts.bytes.len());
    }
    Ok(())
}

/// Writing to memory does not fail.
fn write(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    let _ = write!(out, "{value}");
}

fn whole(out: &mut Vec<u8>, kind: Kind, v: i64) {
    match kind {
        Kind::Date => {
            let date = i32::try_from(v).ok().and_then(NaiveDate::from_epoch_days);
            // A day that no calendar has stays a number, which no field takes for a date.
            match date {
                Some(date) => write(out, date),
                None => write(out, v),
            }
        }
        Kind::Time(unit) => {
            let seconds = v.div_euclid(unit);
            let _ = write!(
                out,
                "{:02}:{:02}:{:02}",
                seconds / 3600,
                seconds / 60 % 60,
                seconds % 60
            );
            fraction(out, v.rem_euclid(unit), unit);
        }
        Kind::Stamp(unit, utc) => stamp(out, v, unit, utc),
        Kind::Decimal(scale) => decimal(out, i128::from(v), scale),
        _ => write(out, v),
    }
}

fn stamp(out: &mut Vec<u8>, v: i64, unit: i64, utc: bool) {
    match DateTime::from_timestamp(v.div_euclid(unit), 0) {
        Some(t) => {
            let _ = write!(out, "{}", t.format("%Y-%m-%dT%H:%M:%S"));
            fraction(out, v.rem_euclid(unit), unit);
            if utc {
                out.push(b'Z');
            }
        }
        None => write(out, v),
    }
}

fn fraction(out: &mut Vec<u8>, rest: i64, unit: i64) {
    if rest > 0 {
        let nanos = rest * (1_000_000_000 / unit);
        let digits = format!("{nanos:09}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

fn decimal(out: &mut Vec<u8>, v: i128, scale: u32) {
    let ten = 10i128.pow(scale);
    let (sign, v) = if v < 0 {
        ("-", v.unsigned_abs())
    } else {
        ("", v.unsigned_abs())
    };
    let ten = ten.unsigned_abs();
    let _ = write!(out, "{sign}{}", v / ten);
    if scale > 0 {
        let _ = write!(
            out,
            ".{:0width$}",
            v % ten,
            width = usize::try_from(scale).unwrap_or(0)
        );
    }
}

/// Text, or a decimal as big-endian two's complement.
fn bytes(out: &mut Vec<u8>, kind: Kind, v: &[u8]) {
    match kind {
        Kind::Decimal(scale) if v.len() <= 16 => {
            let fill = if v.first().is_some_and(|b| *b >= 0x80) {
                0xff
            } else {
                0
            };
            let mut wide = [fill; 16];
            if let Some(tail) = wide.get_mut(16 - v.len()..) {
                tail.copy_from_slice(v);
            }
            decimal(out, i128::from_be_bytes(wide), scale);
        }
        _ => out.extend_from_slice(v),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_a_csv_file_would_hold_them() {
        let shown = |f: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            f(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(shown(&|o| whole(o, Kind::Date, 18_000)), "2019-04-14");
        assert_eq!(shown(&|o| whole(o, Kind::Time(1000), 34_260_250)), "09:31:00.25");
        let nanos = 1_556_199_060_000_000_001;
        assert_eq!(
            shown(&|o| whole(o, Kind::Stamp(1_000_000_000, true), nanos)),
            "2019-04-25T13:31:00.000000001Z"
        );
        assert_eq!(
            shown(&|o| whole(o, Kind::Stamp(1000, false), -1)),
            "1969-12-31T23:59:59.999"
        );
        assert_eq!(shown(&|o| whole(o, Kind::Decimal(3), -1_005)), "-1.005");
        assert_eq!(shown(&|o| bytes(o, Kind::Decimal(2), &[0xff, 0x38])), "-2.00");
        assert_eq!(shown(&|o| bytes(o, Kind::Decimal(2), &[0x03, 0x16])), "7.90");
        assert_eq!(shown(&|o| write(o, 7.9f64)), "7.9");
        assert_eq!(shown(&|o| write(o, 7.9f32)), "7.9");
    }
}
