//! Typed Parquet columns, without Arrow: what the store's files have in common.
//!
//! Files are written with one codec (snappy), chunk statistics and a fixed writer name, so that the same values always
//! give the same bytes.

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::io::Write;
use std::sync::Arc;

/// Rows for which memory is reserved ahead of decoding; more rows grow as they come.
const RESERVE_MAX: usize = 1 << 20;

/// One column's values.
pub(super) enum Column {
    I32(Vec<i32>),
    OptionalI32(Vec<Option<i32>>),
    I64(Vec<i64>),
    OptionalI64(Vec<Option<i64>>),
    OptionalF64(Vec<Option<f64>>),
}

/// Encodes row groups of columns, in the order of the schema's fields, one at a time.
pub(super) struct Encoder<W: Write + Send> {
    writer: SerializedFileWriter<W>,
}

impl<W: Write + Send> Encoder<W> {
    pub(super) fn new(schema: &str, sink: W) -> Result<Self, ParquetError> {
        let schema = Arc::new(parse_message_type(schema)?);
        let properties = WriterProperties::builder()
            .set_created_by("alula".to_owned())
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .build();
        let writer = SerializedFileWriter::new(sink, schema, Arc::new(properties))?;
        Ok(Self { writer })
    }

    pub(super) fn group(&mut self, columns: &[Column]) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for column in columns {
            match column {
                Column::I32(values) => put::<Int32Type, W>(&mut group, values, None)?,
                Column::OptionalI32(values) => put_optional::<Int32Type, W>(&mut group, values)?,
                Column::I64(values) => put::<Int64Type, W>(&mut group, values, None)?,
                Column::OptionalI64(values) => put_optional::<Int64Type, W>(&mut group, values)?,
                Column::OptionalF64(values) => put_optional::<DoubleType, W>(&mut group, values)?,
            }
        }
        group.close()?;
        Ok(())
    }

    /// Writes what ends the file, and gives the sink back.
    pub(super) fn finish(self) -> Result<W, ParquetError> {
        self.writer.into_inner()
    }
}

/// Encodes row groups of columns into memory.
pub(super) fn encode(schema: &str, groups: &[Vec<Column>]) -> Result<Vec<u8>, ParquetError> {
    let mut encoder = Encoder::new(schema, Vec::new())?;
    for columns in groups {
        encoder.group(columns)?;
    }
    encoder.finish()
}

fn put<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let too_many = || ParquetError::General("more columns than the schema has".to_owned());
    let mut column = group.next_column()?.ok_or_else(too_many)?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

fn put_optional<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[Option<T::T>],
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
    let present: Vec<T::T> = values.iter().flatten().cloned().collect();
    put::<T, W>(group, &present, Some(&levels))
}

/// A Parquet file in memory.
pub(super) struct File {
    reader: SerializedFileReader<Bytes>,
    /// Length.
    pub(super) bytes: usize,
}

impl File {
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, ParquetError> {
        let len = bytes.len();
        SerializedFileReader::new(Bytes::from(bytes)).map(|reader| Self { reader, bytes: len })
    }

    /// Row groups of the file.
    pub(super) fn groups(&self) -> usize {
        self.reader.num_row_groups()
    }

    pub(super) fn group(&self, index: usize) -> Result<Group<'_>, ParquetError> {
        if index >= self.reader.num_row_groups() {
            return Err(ParquetError::General(format!("row group {index} is missing")));
        }
        let reader = self.reader.get_row_group(index)?;
        let rows = usize::try_from(reader.metadata().num_rows())
            .map_err(|_| ParquetError::General("negative row count".to_owned()))?;
        Ok(Group { reader, rows })
    }
}

/// One row group of a file.
pub(super) struct Group<'a> {
    reader: Box<dyn RowGroupReader + 'a>,
    pub(super) rows: usize,
}

impl Group<'_> {
    fn column(&self, index: usize) -> Result<ColumnReader, ParquetError> {
        if index >= self.reader.num_columns() {
            return Err(ParquetError::General(format!("column {index} is missing")));
        }
        self.reader.get_column_reader(index)
    }

    pub(super) fn i32s(&self, index: usize) -> Result<Vec<i32>, ParquetError> {
        match self.column(index)? {
            ColumnReader::Int32ColumnReader(reader) => required(reader, self.rows),
            _ => Err(unlike(index)),
        }
    }

    pub(super) fn i64s(&self, index: usize) -> Result<Vec<i64>, ParquetError> {
        match self.column(index)? {
            ColumnReader::Int64ColumnReader(reader) => required(reader, self.rows),
            _ => Err(unlike(index)),
        }
    }

    /// Columns of the file.
    pub(super) fn columns(&self) -> usize {
        self.reader.num_columns()
    }

    /// The file says of a column that all of its values are absent.
    pub(super) fn is_empty(&self, index: usize) -> bool {
        let chunks = self.reader.metadata().columns();
        let nulls = chunks.get(index).and_then(|c| c.statistics()?.null_count_opt());
        nulls.is_some_and(|n| usize::try_from(n).is_ok_and(|n| n == self.rows))
    }

    pub(super) fn optional_i32s(&self, index: usize) -> Result<Vec<Option<i32>>, ParquetError> {
        match self.column(index)? {
            ColumnReader::Int32ColumnReader(reader) => optional(reader, self.rows),
            _ => Err(unlike(index)),
        }
    }

    pub(super) fn optional_i64s(&self, index: usize) -> Result<Vec<Option<i64>>, ParquetError> {
        match self.column(index)? {
            ColumnReader::Int64ColumnReader(reader) => optional(reader, self.rows),
            _ => Err(unlike(index)),
        }
    }

    pub(super) fn optional_f64s(&self, index: usize) -> Result<Vec<Option<f64>>, ParquetError> {
        match self.column(index)? {
            ColumnReader::DoubleColumnReader(reader) => optional(reader, self.rows),
            _ => Err(unlike(index)),
        }
    }
}

fn unlike(index: usize) -> ParquetError {
    ParquetError::General(format!("column {index} has another type than the format says"))
}

fn short(rows: usize) -> ParquetError {
    ParquetError::General(format!("fewer values than its {rows} rows"))
}

fn required<T: DataType>(mut reader: ColumnReaderImpl<T>, rows: usize) -> Result<Vec<T::T>, ParquetError> {
    let mut values = Vec::with_capacity(rows.min(RESERVE_MAX));
    reader.read_records(rows, None, None, &mut values)?;
    if values.len() == rows {
        Ok(values)
    } else {
        Err(short(rows))
    }
}

fn optional<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
) -> Result<Vec<Option<T::T>>, ParquetError> {
    let (mut values, mut levels) = (Vec::new(), Vec::with_capacity(rows.min(RESERVE_MAX)));
    reader.read_records(rows, Some(&mut levels), None, &mut values)?;
    if levels.len() != rows {
        return Err(short(rows));
    }
    let mut values = values.into_iter();
    Ok(levels
        .into_iter()
        .map(|level| if level == 0 { None } else { values.next() })
        .collect())
}
