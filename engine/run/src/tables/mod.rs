//! Tables: the same rows as Parquet and as CSV.
//!
//! Every column may hold nulls. Money and prices are exact decimals in both forms (dollars with six places, points with
//! three), instants are UTC milliseconds in Parquet and Eastern time with its offset in CSV. Nothing in a file depends on
//! when or where it was written.

mod parquet_form;

use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use chrono::{DateTime, SecondsFormat};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Int,
    /// A float.
    Float,
    /// Text.
    Text,
    /// True or false.
    Bool,
    /// Dollars.
    Money,
    /// Points.
    Points,
    /// An instant.
    Time,
    /// A date.
    Day,
}

/// One value. Money, points, instants and dates are their integers.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Whole number, or the integer of another kind.
    Int(i64),
    /// Float.
    Float(f64),
    /// Text.
    Text(String),
    /// True or false.
    Bool(bool),
}

impl From<i64> for Value {
    fn from(x: i64) -> Self {
        Self::Int(x)
    }
}

impl From<u32> for Value {
    fn from(x: u32) -> Self {
        Self::Int(i64::from(x))
    }
}

impl From<u64> for Value {
    fn from(x: u64) -> Self {
        Self::Int(i64::try_from(x).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Self {
        Self::Float(x)
    }
}

impl From<bool> for Value {
    fn from(x: bool) -> Self {
        Self::Bool(x)
    }
}

impl From<&str> for Value {
    fn from(x: &str) -> Self {
        Self::Text(x.to_owned())
    }
}

impl From<Usd> for Value {
    fn from(x: Usd) -> Self {
        Self::Int(x.0)
    }
}

impl From<Price> for Value {
    fn from(x: Price) -> Self {
        Self::Int(x.0)
    }
}

impl From<Instant> for Value {
    fn from(x: Instant) -> Self {
        Self::Int(x.0)
    }
}

impl From<Date> for Value {
    fn from(x: Date) -> Self {
        Self::Int((x - Date::default()).num_days())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(x: Option<T>) -> Self {
        x.map_or(Self::Null, Into::into)
    }
}

/// A table: named columns of one kind each, and rows of as many values.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    columns: Vec<(String, Kind)>,
    rows: Vec<Vec<Value>>,
}

/// A file that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TableError(pub String);

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(columns: &[(&str, Kind)]) -> Self {
        Self {
            columns: columns.iter().map(|(n, k)| ((*n).to_owned(), *k)).collect(),
            rows: Vec::new(),
        }
    }

    /// Appends a row; values past the last column are dropped, missing ones are null.
    pub fn push(&mut self, mut row: Vec<Value>) {
        row.resize(self.columns.len(), Value::Null);
        self.rows.push(row);
    }

    /// Columns: name and kind.
    #[must_use]
    pub fn columns(&self) -> &[(String, Kind)] {
        &self.columns
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> &[Vec<Value>] {
        &self.rows
    }

    /// The rows as a reader walks them: each is read column by column, in order.
    pub fn readers(&self) -> impl Iterator<Item = RowReader<'_>> {
        self.rows.iter().map(|row| RowReader { values: row.iter() })
    }

    /// As CSV, with a header and `\n` line ends; nulls are empty.
    ///
    /// # Errors
    /// Never for a table that fits in memory; the CSV writer reports what it meets.
    pub fn to_csv(&self) -> Result<Vec<u8>, TableError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let fail = |e: csv::Error| TableError(e.to_string());
        writer
            .write_record(self.columns.iter().map(|(n, _)| n))
            .map_err(fail)?;
        for row in &self.rows {
            let fields = row
                .iter()
                .zip(&self.columns)
                .map(|(v, (_, kind))| csv_field(v, *kind));
            writer.write_record(fields).map_err(fail)?;
        }
        writer.into_inner().map_err(|e| TableError(e.to_string()))
    }

    /// As a Parquet file.
    ///
    /// # Errors
    /// When a value is not of its column's kind.
    pub fn to_parquet(&self) -> Result<Vec<u8>, TableError> {
        parquet_form::write(self)
    }

    /// Reads a Parquet file that [`Table::to_parquet`] wrote.
    ///
    /// # Errors
    /// When the bytes are no such file, or its columns are not the ones expected.
    pub fn from_parquet(bytes: Vec<u8>, columns: &[(&str, Kind)]) -> Result<Self, TableError> {
        parquet_form::read(bytes, Self::new(columns))
    }
}

fn csv_field(value: &Value, kind: Kind) -> String {
    match (value, kind) {
        (Value::Null, _) => String::new(),
        (Value::Int(x), Kind::Money) => Usd(*x).decimal(),
        (Value::Int(x), Kind::Points) => Price(*x).to_string(),
        (Value::Int(x), Kind::Time) => Instant(*x).eastern().to_rfc3339_opts(SecondsFormat::Secs, false),
        (Value::Int(x), Kind::Day) => day(*x).to_string(),
        (Value::Int(x), _) => x.to_string(),
        (Value::Float(x), _) => x.to_string(),
        (Value::Text(x), _) => x.clone(),
        (Value::Bool(x), _) => x.to_string(),
    }
}

/// Exact decimal text.
trait Decimal {
    fn decimal(self) -> String;
}

impl Decimal for Usd {
    /// Dollars with two decimals, or as many up to six as it takes to be exact.
    fn decimal(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let a = self.0.unsigned_abs();
        let fraction = format!("{:06}", a % 1_000_000);
        let kept = fraction.trim_end_matches('0').len().max(2);
        format!("{sign}{}.{}", a / 1_000_000, fraction.get(..kept).unwrap_or("00"))
    }
}

fn day(days: i64) -> Date {
    Date::default() + chrono::TimeDelta::try_days(days).unwrap_or_default()
}

/// Reads one row, column by column. A value that is null or of another kind reads as `None`.
#[derive(Debug)]
pub struct RowReader<'a> {
    values: std::slice::Iter<'a, Value>,
}

impl RowReader<'_> {
    /// A whole number.
    pub fn int(&mut self) -> Option<i64> {
        match self.values.next() {
            Some(Value::Int(x)) => Some(*x),
            _ => None,
        }
    }

    /// A whole number that fits.
    pub fn u32(&mut self) -> Option<u32> {
        self.int().and_then(|x| u32::try_from(x).ok())
    }

    /// A float.
    pub fn float(&mut self) -> Option<f64> {
        match self.values.next() {
            Some(Value::Float(x)) => Some(*x),
            _ => None,
        }
    }

    /// Text; empty when null.
    pub fn text(&mut self) -> String {
        self.opt_text().unwrap_or_default()
    }

    /// Text.
    pub fn opt_text(&mut self) -> Option<String> {
        match self.values.next() {
            Some(Value::Text(x)) => Some(x.clone()),
            _ => None,
        }
    }

    /// True or false; false when null.
    pub fn bool(&mut self) -> bool {
        self.opt_bool().unwrap_or(false)
    }

    /// True or false.
    pub fn opt_bool(&mut self) -> Option<bool> {
        match self.values.next() {
            Some(Value::Bool(x)) => Some(*x),
            _ => None,
        }
    }

    /// Dollars.
    pub fn usd(&mut self) -> Option<Usd> {
        self.int().map(Usd)
    }

    /// Points.
    pub fn price(&mut self) -> Option<Price> {
        self.int().map(Price)
    }

    /// An instant.
    pub fn time(&mut self) -> Option<Instant> {
        self.int().map(Instant)
    }

    /// A date.
    pub fn day(&mut self) -> Option<Date> {
        self.int().map(day)
    }
}

/// Milliseconds of an instant, for Parquet.
fn millis(seconds: i64) -> i64 {
    DateTime::from_timestamp(seconds, 0).map_or(0, |t| t.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut t = Table::new(&[
            ("n", Kind::Int),
            ("x", Kind::Float),
            ("s", Kind::Text),
            ("b", Kind::Bool),
            ("usd", Kind::Money),
            ("pts", Kind::Points),
            ("at", Kind::Time),
            ("day", Kind::Day),
        ]);
        let d = Date::from_ymd_opt(2019, 5, 31).unwrap();
        let at = Instant::from_eastern(d, 16, 0).unwrap();
        t.push(vec![
            Value::from(7_u32),
            Value::from(0.1),
            Value::from("a, \"b\""),
            Value::from(true),
            Value::from(Usd(-1_234_567_890)),
            Value::from(Price(2_943_155)),
            Value::from(at),
            Value::from(d),
        ]);
        t.push(vec![Value::Null; 8]);
        t
    }

    #[test]
    fn csv_is_exact_and_readable() {
        let text = String::from_utf8(table().to_csv().unwrap()).unwrap();
        let want = "n,x,s,b,usd,pts,at,day\n\
                    7,0.1,\"a, \"\"b\"\"\",true,-1234.56789,2943.155,2019-05-31T16:00:00-04:00,2019-05-31\n\
                    ,,,,,,,\n";
        assert_eq!(text, want);
    }

    #[test]
    fn parquet_reads_back_what_was_written_and_is_the_same_each_time() {
        let t = table();
        let bytes = t.to_parquet().unwrap();
        assert_eq!(bytes, t.to_parquet().unwrap());
        let columns: Vec<(&str, Kind)> = t.columns().iter().map(|(n, k)| (n.as_str(), *k)).collect();
        assert_eq!(Table::from_parquet(bytes.clone(), &columns).unwrap(), t);
        assert!(Table::from_parquet(bytes, &columns[1..]).is_err());
        assert!(Table::from_parquet(b"PAR1nonsense".to_vec(), &columns).is_err());
    }

    #[test]
    fn an_empty_table_is_a_file_too() {
        let t = Table::new(&[("n", Kind::Int)]);
        let bytes = t.to_parquet().unwrap();
        assert_eq!(Table::from_parquet(bytes, &[("n", Kind::Int)]).unwrap(), t);
    }
}
