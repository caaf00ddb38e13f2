//! Tables as Parquet files, with the low-level writer: no Arrow.

use super::{Kind, Table, TableError, Value, millis};
use parquet::basic::Compression;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::fmt::Write;
use std::sync::Arc;

impl From<ParquetError> for TableError {
    fn from(e: ParquetError) -> Self {
        Self(e.to_string())
    }
}

fn schema(columns: &[(String, Kind)]) -> String {
    let mut text = "message rows {".to_owned();
    for (name, kind) in columns {
        let field = match kind {
            Kind::Int => format!("int64 {name}"),
            Kind::Float => format!("double {name}"),
            Kind::Text => format!("binary {name} (STRING)"),
            Kind::Bool => format!("boolean {name}"),
            Kind::Money => format!("int64 {name} (DECIMAL(18,6))"),
            Kind::Points => format!("int64 {name} (DECIMAL(18,3))"),
            Kind::Time => format!("int64 {name} (TIMESTAMP(MILLIS,true))"),
            Kind::Day => format!("int32 {name} (DATE)"),
        };
        // Writing to a string cannot fail.
        let _ = write!(text, " optional {field};");
    }
    text.push_str(" }");
    text
}

pub(super) fn write(table: &Table) -> Result<Vec<u8>, TableError> {
    let schema = Arc::new(parse_message_type(&schema(&table.columns))?);
    let properties = WriterProperties::builder()
        .set_created_by("alula".to_owned())
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    if !table.rows.is_empty() {
        let mut group = writer.next_row_group()?;
        for (at, (name, kind)) in table.columns.iter().enumerate() {
            put(&mut group, table, at, *kind).map_err(|e| TableError(format!("column `{name}`: {e}")))?;
        }
        group.close()?;
    }
    Ok(writer.into_inner()?)
}

/// The values of a column that are there, by `read`; an error where one is of another kind.
fn present<T>(
    table: &Table,
    at: usize,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<(Vec<T>, Vec<i16>), TableError> {
    let mut values = Vec::new();
    let mut levels = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        match row.get(at) {
            None | Some(Value::Null) => levels.push(0),
            Some(value) => {
                values
                    .push(read(value).ok_or_else(|| TableError(format!("`{value:?}` is of another kind")))?);
                levels.push(1);
            }
        }
    }
    Ok((values, levels))
}

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

fn put(group: &mut Group<'_>, table: &Table, at: usize, kind: Kind) -> Result<(), TableError> {
    let int = |v: &Value| if let Value::Int(x) = v { Some(*x) } else { None };
    match kind {
        Kind::Int | Kind::Money | Kind::Points => put_typed::<Int64Type>(group, present(table, at, int)?),
        Kind::Time => put_typed::<Int64Type>(group, present(table, at, |v| int(v).map(millis))?),
        Kind::Day => put_typed::<Int32Type>(
            group,
            present(table, at, |v| int(v).and_then(|x| i32::try_from(x).ok()))?,
        ),
        Kind::Float => put_typed::<DoubleType>(
            group,
            present(
                table,
                at,
                |v| if let Value::Float(x) = v { Some(*x) } else { None },
            )?,
        ),
        Kind::Bool => put_typed::<BoolType>(
            group,
            present(
                table,
                at,
                |v| if let Value::Bool(x) = v { Some(*x) } else { None },
            )?,
        ),
        Kind::Text => put_typed::<ByteArrayType>(
            group,
            present(table, at, |v| {
                if let Value::Text(x) = v {
                    Some(ByteArray::from(x.as_str()))
                } else {
                    None
                }
            })?,
        ),
    }
}

fn put_typed<T: DataType>(
    group: &mut Group<'_>,
    (values, levels): (Vec<T::T>, Vec<i16>),
) -> Result<(), TableError> {
    let mut column = group
        .next_column()?
        .ok_or_else(|| TableError("more columns than the schema has".to_owned()))?;
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    Ok(column.close()?)
}

pub(super) fn read(bytes: Vec<u8>, mut table: Table) -> Result<Table, TableError> {
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes))?;
    let expected = parse_message_type(&schema(&table.columns))?;
    if *reader.metadata().file_metadata().schema() != expected {
        return Err(TableError("the columns are not those of this version".to_owned()));
    }
    for index in 0..reader.num_row_groups() {
        let group = reader.get_row_group(index)?;
        let rows = usize::try_from(group.metadata().num_rows())
            .map_err(|_| TableError("a negative number of rows".to_owned()))?;
        let mut columns = Vec::new();
        for (at, (_, kind)) in table.columns.iter().enumerate() {
            columns.push(get(group.get_column_reader(at)?, *kind, rows)?.into_iter());
        }
        for _ in 0..rows {
            let row = columns
                .iter_mut()
                .map(|c| c.next().unwrap_or(Value::Null))
                .collect();
            table.rows.push(row);
        }
    }
    Ok(table)
}

fn get(reader: ColumnReader, kind: Kind, rows: usize) -> Result<Vec<Value>, TableError> {
    match (reader, kind) {
        (ColumnReader::Int64ColumnReader(r), Kind::Time) => {
            typed(r, rows, |x| Ok(Value::Int(x.div_euclid(1000))))
        }
        (ColumnReader::Int64ColumnReader(r), _) => typed(r, rows, |x| Ok(Value::Int(x))),
        (ColumnReader::Int32ColumnReader(r), _) => typed(r, rows, |x| Ok(Value::Int(i64::from(x)))),
        (ColumnReader::DoubleColumnReader(r), _) => typed(r, rows, |x| Ok(Value::Float(x))),
        (ColumnReader::BoolColumnReader(r), _) => typed(r, rows, |x| Ok(Value::Bool(x))),
        (ColumnReader::ByteArrayColumnReader(r), _) => typed(r, rows, |x: ByteArray| {
            let text = x.as_utf8().map_err(|e| TableError(e.to_string()))?;
            Ok(Value::Text(text.to_owned()))
        }),
        _ => Err(TableError(
            "a column of another type than this version writes".to_owned(),
        )),
    }
}

fn typed<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
    value: impl Fn(T::T) -> Result<Value, TableError>,
) -> Result<Vec<Value>, TableError> {
    let mut levels: Vec<i16> = Vec::new();
    let mut values: Vec<T::T> = Vec::new();
    reader.read_records(rows, Some(&mut levels), None, &mut values)?;
    if levels.len() != rows {
        return Err(TableError(format!("fewer values than its {rows} rows")));
    }
    let mut values = values.into_iter();
    let mut next = |level: i16| match level {
        0 => Ok(Value::Null),
        _ => values
            .next()
            .map_or_else(|| Err(TableError("fewer values than it says".to_owned())), &value),
    };
    levels.into_iter().map(&mut next).collect()
}
