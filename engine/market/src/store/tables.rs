//! Series and event files.

use super::columns::{Column, File};
use super::error::StoreError;
use crate::series::{EventData, EventRow, SeriesData, Vintage, Vintages};
use crate::time::Instant;
use chrono::NaiveDate;
use parquet::errors::ParquetError;

const SERIES: &str = "
message series {
    required int32 date (date);
    required int64 starts_at (timestamp_micros);
    required int64 available_at (timestamp_micros);
    optional double open;
    optional double high;
    optional double low;
    optional double close;
    optional double volume;
}";

const EVENTS: &str = "
message events {
    required int64 at (timestamp_micros);
    required int64 scheduled_known_at (timestamp_micros);
    optional double actual;
    optional double consensus;
}";

const VINTAGES: &str = "
message vintages {
    required int32 period (date);
    required int64 known_at (timestamp_micros);
    optional double value;
}";

fn micros(instants: impl Iterator<Item = Instant>) -> Column {
    Column::I64(instants.map(|i| i.0.saturating_mul(1_000_000)).collect())
}

fn instants(micros: Vec<i64>) -> Vec<Instant> {
    micros
        .into_iter()
        .map(|m| Instant(m.div_euclid(1_000_000)))
        .collect()
}

/// Columns have equal lengths, days ascend, nothing is readable before its bar ends or out of order, all is finite.
fn check_series(name: &str, data: &SeriesData) -> Result<(), StoreError> {
    let wrong = |what: String| Err(StoreError::invalid(format!("series `{name}`: {what}")));
    let n = data.date.len();
    let same = data.starts_at.len() == n && data.available_at.len() == n && data.close.len() == n;
    let optional = [&data.open, &data.high, &data.low, &data.volume];
    if !same || optional.iter().any(|c| !c.is_empty() && c.len() != n) {
        return wrong("columns of unequal length".to_owned());
    }
    for (i, (date, (start, known))) in data
        .date
        .iter()
        .zip(data.starts_at.iter().zip(&data.available_at))
        .enumerate()
    {
        if known <= start {
            return wrong(format!("the bar of {date} would be known before it ends"));
        }
        let before = i.checked_sub(1);
        let earlier = before.and_then(|j| Some((data.starts_at.get(j)?, data.available_at.get(j)?)));
        if earlier.is_some_and(|(s, k)| s >= start || k > known) {
            return wrong(format!("the bar of {date} is out of order"));
        }
    }
    let mut values = optional.into_iter().chain([&data.close]).flatten().flatten();
    if values.any(|v| !v.is_finite()) {
        wrong("a value is not finite".to_owned())
    } else {
        Ok(())
    }
}

pub(super) fn encode_series(name: &str, data: &SeriesData) -> Result<Vec<u8>, StoreError> {
    check_series(name, data)?;
    let n = data.date.len();
    let optional =
        |c: &[Option<f64>]| Column::OptionalF64(if c.is_empty() { vec![None; n] } else { c.to_vec() });
    let columns = vec![
        Column::I32(data.date.iter().map(NaiveDate::to_epoch_days).collect()),
        micros(data.starts_at.iter().copied()),
        micros(data.available_at.iter().copied()),
        optional(&data.open),
        optional(&data.high),
        optional(&data.low),
        optional(&data.close),
        optional(&data.volume),
    ];
    let encoded = super::columns::encode(SERIES, &[columns]);
    encoded.map_err(|e| StoreError::invalid(format!("cannot encode series `{name}`: {e}")))
}

pub(super) fn decode_series(file: &File) -> Result<SeriesData, ParquetError> {
    let g = file.group(0)?;
    let bad_date = || ParquetError::General("a date is out of range".to_owned());
    let dates: Option<Vec<_>> = g.i32s(0)?.into_iter().map(NaiveDate::from_epoch_days).collect();
    let optional = |index| -> Result<Vec<Option<f64>>, ParquetError> {
        let column = g.optional_f64s(index)?;
        Ok(if column.iter().all(Option::is_none) {
            Vec::new()
        } else {
            column
        })
    };
    Ok(SeriesData {
        date: dates.ok_or_else(bad_date)?,
        starts_at: instants(g.i64s(1)?),
        available_at: instants(g.i64s(2)?),
        open: optional(3)?,
        high: optional(4)?,
        low: optional(5)?,
        close: g.optional_f64s(6)?,
        volume: optional(7)?,
    })
}

pub(super) fn encode_events(name: &str, data: &EventData) -> Result<Vec<u8>, StoreError> {
    let rows = &data.rows;
    if rows.windows(2).any(|w| matches!(w, [a, b] if a.at >= b.at)) {
        return Err(StoreError::invalid(format!(
            "events `{name}` are repeated or out of order"
        )));
    }
    if rows
        .iter()
        .flat_map(|r| [r.actual, r.consensus])
        .flatten()
        .any(|v| !v.is_finite())
    {
        return Err(StoreError::invalid(format!(
            "events `{name}` hold a value that is not finite"
        )));
    }
    if rows.iter().any(|r| r.scheduled_known_at > r.at) {
        return Err(StoreError::invalid(format!(
            "events `{name}`: a date is announced after its event"
        )));
    }
    let columns = vec![
        micros(rows.iter().map(|r| r.at)),
        micros(rows.iter().map(|r| r.scheduled_known_at)),
        Column::OptionalF64(rows.iter().map(|r| r.actual).collect()),
        Column::OptionalF64(rows.iter().map(|r| r.consensus).collect()),
    ];
    let encoded = super::columns::encode(EVENTS, &[columns]);
    encoded.map_err(|e| StoreError::invalid(format!("cannot encode events `{name}`: {e}")))
}

pub(super) fn decode_events(file: &File) -> Result<EventData, ParquetError> {
    let g = file.group(0)?;
    let (at, known) = (instants(g.i64s(0)?), instants(g.i64s(1)?));
    let (actual, consensus) = (g.optional_f64s(2)?, g.optional_f64s(3)?);
    let rows = at.into_iter().zip(known).zip(actual.into_iter().zip(consensus));
    let row = |((at, scheduled_known_at), (actual, consensus))| EventRow {
        at,
        scheduled_known_at,
        actual,
        consensus,
    };
    Ok(EventData {
        rows: rows.map(row).collect(),
    })
}

pub(super) fn encode_vintages(name: &str, data: &Vintages) -> Result<Vec<u8>, StoreError> {
    let rows = data.rows();
    let columns = vec![
        Column::I32(rows.iter().map(|v| v.period.to_epoch_days()).collect()),
        micros(rows.iter().map(|v| v.known_at)),
        Column::OptionalF64(rows.iter().map(|v| Some(v.value)).collect()),
    ];
    let encoded = super::columns::encode(VINTAGES, &[columns]);
    encoded.map_err(|e| StoreError::invalid(format!("cannot encode vintages of `{name}`: {e}")))
}

pub(super) fn decode_vintages(file: &File) -> Result<Vintages, ParquetError> {
    let g = file.group(0)?;
    let wrong = |what: &str| ParquetError::General(what.to_owned());
    let (days, known, values) = (g.i32s(0)?, instants(g.i64s(1)?), g.optional_f64s(2)?);
    let rows = days.into_iter().zip(known).zip(values);
    let row = |((days, known_at), value): ((i32, Instant), Option<f64>)| {
        Ok(Vintage {
            period: NaiveDate::from_epoch_days(days).ok_or_else(|| wrong("a date is out of range"))?,
            known_at,
            value: value.ok_or_else(|| wrong("a value is absent"))?,
        })
    };
    let rows: Vec<Vintage> = rows.map(row).collect::<Result<_, ParquetError>>()?;
    Vintages::new(rows).ok_or_else(|| wrong("a period has two values from the same instant on"))
}
