//! Daily series from CSV: every layout is a date column and columns that each feed one field of one series.

use super::availability::{self, Availability};
use super::error::{FieldError, ImportError, ImportErrorKind};
use super::fields;
use super::input::Table;
use super::layout::Layout;
use super::quality::SeriesQuality;
use super::{Job, events};
use crate::calendar::ExchangeCalendar;
use crate::series::{BarSize, SeriesData};
use crate::store::is_valid_id;
use crate::time::Date;
use std::collections::BTreeMap;

/// Two sources agree when they differ by no more than a single-precision float's rounding.
const AGREE_RELATIVE: f64 = 1e-6;

/// Prefixes of the joined table's columns that are index bars.
const CONTEXT_BARS: [&str; 5] = ["SPX", "VIX", "VIX9D", "VIX3M", "VIX6M"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Open,
    High,
    Low,
    Close,
    Volume,
}

const FIELDS: [(&str, Field); 5] = [
    ("open", Field::Open),
    ("high", Field::High),
    ("low", Field::Low),
    ("close", Field::Close),
    ("volume", Field::Volume),
];

/// Which values a column may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Range {
    /// Prices and volatility: above zero.
    Positive,
    /// VX settlements: above zero, or zero where a month had none.
    PositiveOrAbsent,
    /// Volumes: zero or more.
    Count,
    /// Rates and unknown series.
    Any,
}

/// One column's meaning.
#[derive(Debug)]
struct Spec {
    column: usize,
    id: String,
    field: Field,
    /// The store's unit over the file's: 0.01 for percentages.
    scale: f64,
    range: Range,
}

#[derive(Clone, Debug, Default)]
struct Bar {
    values: [Option<f64>; 5],
    source: String,
}

/// A series being put together from files, and from the store that is extended.
#[derive(Debug, Default)]
pub(super) struct Building {
    bars: BTreeMap<Date, Bar>,
    quality: SeriesQuality,
}

fn spec(column: usize, id: &str, field: Field) -> Spec {
    let percent = matches!(id, "DFF" | "EFFR" | "SOFR" | "IRX13W");
    let range = match (field, percent || !availability::rule(id).known) {
        (Field::Volume, _) => Range::Count,
        (_, true) => Range::Any,
        _ => Range::Positive,
    };
    Spec {
        column,
        id: id.to_owned(),
        field,
        scale: if percent { 0.01 } else { 1.0 },
        range,
    }
}

/// A name as a series identifier: `^GSPC` is `SPX`.
pub(super) fn canonical(name: &str) -> String {
    let upper = name.trim_start_matches(['^', '$']).to_uppercase();
    match upper.as_str() {
        "GSPC" | "INX" => "SPX".to_owned(),
        "IRX" => "IRX13W".to_owned(),
        "VIX3M" | "VXV" => "VIX3M".to_owned(),
        _ => upper,
    }
}

/// The identifier for a file of one series: asked for, or named by the file itself.
fn single_id(job: &Job<'_>, table: &Table, named: Option<&str>) -> Result<String, ImportError> {
    if let Some(id) = job.series_id {
        return Ok(id.to_owned());
    }
    if let Some(id) = named.map(canonical).filter(|id| is_valid_id(id)) {
        return Ok(id);
    }
    let stem = table.name.split(['_', '-', '.']).next().unwrap_or_default();
    let id = canonical(stem);
    if availability::rule(&id).known {
        return Ok(id);
    }
    Err(table.error(
        ImportErrorKind::UnknownLayout,
        format!("nothing says which series it holds: `{stem}` is not one that is known"),
        "import it alone with `--series-id`, such as `--series-id NYSE.ADLINE`",
    ))
}

fn bar_specs(table: &Table, id: &str) -> Result<Vec<Spec>, ImportError> {
    let mut specs = Vec::new();
    for (name, field) in FIELDS {
        match table.column(&[name]) {
            Some(column) => specs.push(spec(column, id, field)),
            None if field == Field::Volume => {}
            None => specs.push(spec(table.require(&[name])?, id, field)),
        }
    }
    Ok(specs)
}

fn specs(job: &Job<'_>, table: &mut Table, layout: Layout) -> Result<Vec<Spec>, ImportError> {
    let specs = match layout {
        Layout::Ohlc => {
            let id = single_id(job, table, None)?;
            bar_specs(table, &id)?
        }
        Layout::Yahoo => {
            // Two more header lines: the tickers, and a line that only says `Date`.
            let ticker = if table.advance()? {
                table.text(1).ok().map(str::to_owned)
            } else {
                None
            };
            table.advance()?;
            let id = single_id(job, table, ticker.as_deref())?;
            bar_specs(table, &id)?
        }
        Layout::SingleValue => {
            let column = table.header.iter().position(|h| h != "date").unwrap_or(1);
            let named = table
                .header
                .get(column)
                .filter(|h| !matches!(h.as_str(), "close" | "price" | "value"))
                .cloned();
            vec![spec(
                column,
                &single_id(job, table, named.as_deref())?,
                Field::Close,
            )]
        }
        Layout::DateValue => vec![spec(
            table.require(&["value"])?,
            &single_id(job, table, None)?,
            Field::Close,
        )],
        Layout::VxSettlements => (1..=8)
            .filter_map(|n| table.column(&[&format!("m{n}")]).map(|c| (c, format!("VX{n}"))))
            .map(|(c, id)| Spec {
                range: Range::PositiveOrAbsent,
                ..spec(c, &id, Field::Close)
            })
            .collect(),
        Layout::BillAndFunds => [("irx_close", "IRX13W"), ("dff", "DFF")]
            .into_iter()
            .filter_map(|(name, id)| table.column(&[name]).map(|c| spec(c, id, Field::Close)))
            .collect(),
        Layout::DailyContext => context_specs(table),
        _ => Vec::new(),
    };
    Ok(specs)
}

fn context_specs(table: &Table) -> Vec<Spec> {
    let mut specs = Vec::new();
    for id in CONTEXT_BARS {
        for (name, field) in FIELDS {
            if let Some(column) = table.column(&[&format!("{}_{name}", id.to_lowercase())]) {
                specs.push(spec(column, id, field));
            }
        }
    }
    let singles = [
        ("vvix_vvix", "VVIX"),
        ("skew_skew", "SKEW"),
        ("dff_pct", "DFF"),
        ("irx_13w_pct", "IRX13W"),
    ];
    let vx: Vec<(String, String)> = (1..=8).map(|n| (format!("vx_m{n}"), format!("VX{n}"))).collect();
    let vx = vx.iter().map(|(name, id)| (name.as_str(), id.as_str()));
    specs.extend(
        singles
            .into_iter()
            .chain(vx)
            .filter_map(|(name, id)| table.column(&[name]).map(|column| spec(column, id, Field::Close))),
    );
    specs
}

/// Reads one file of daily series.
pub(super) fn import(job: &mut Job<'_>, mut table: Table, layout: Layout) -> Result<(), ImportError> {
    let date_names: &[&str] = if layout == Layout::Yahoo {
        &["price"]
    } else {
        &["date", "fecha"]
    };
    let date_column = table.require(date_names)?;
    let specs = specs(job, &mut table, layout)?;
    for spec in &specs {
        open_series(job, &spec.id, &table.name)?;
    }
    let flags = (layout == Layout::DailyContext).then(|| events::Flags::find(&table));
    let mut rows = 0u64;
    while table.advance()? {
        rows += 1;
        let row = read_row(&table, date_column, &specs);
        let row = row.and_then(|row| {
            if let Some(flags) = &flags {
                flags.read(job, &table, row.0)?;
            }
            Ok(row)
        });
        match row {
            Ok((date, values)) => put_row(job, &table.name, &specs, date, &values),
            Err(error) => job.bad_row(table.bad(error))?,
        }
    }
    if rows == 0 {
        let help = "download the file again, or leave it out";
        return Err(table.error(ImportErrorKind::Empty, "has a header but no rows", help));
    }
    job.finish_table(table, layout, rows)
}

/// Starts a series, from what the store already has of it when a store is extended.
fn open_series(job: &mut Job<'_>, id: &str, file: &str) -> Result<(), ImportError> {
    if !job.series.contains_key(id) {
        let mut building = Building::default();
        id.clone_into(&mut building.quality.id);
        // With what this import has written already.
        if let Some(held) = job.writer.series(id, BarSize::Session)? {
            for (i, date) in held.date.iter().enumerate() {
                let at = |c: &[Option<f64>]| c.get(i).copied().flatten();
                let values = [
                    at(&held.open),
                    at(&held.high),
                    at(&held.low),
                    at(&held.close),
                    at(&held.volume),
                ];
                building.bars.insert(
                    *date,
                    Bar {
                        values,
                        source: "the store".to_owned(),
                    },
                );
            }
        }
        job.series.insert(id.to_owned(), building);
    }
    if let Some(building) = job.series.get_mut(id)
        && !building.quality.files.iter().any(|f| f == file)
    {
        building.quality.files.push(file.to_owned());
    }
    Ok(())
}

/// One close of one series.
pub(super) fn put_close(
    job: &mut Job<'_>,
    file: &str,
    id: &str,
    date: Date,
    value: f64,
) -> Result<(), ImportError> {
    open_series(job, id, file)?;
    put_row(job, file, &[spec(0, id, Field::Close)], date, &[Some(value)]);
    Ok(())
}

/// A row's date and the value of each spec.
type Row = (Date, Vec<Option<f64>>);

fn read_row(table: &Table, date_column: usize, specs: &[Spec]) -> Result<Row, FieldError> {
    let date = table.parse(date_column, fields::date)?;
    let mut values = Vec::with_capacity(specs.len());
    for spec in specs {
        let value = table.parse(spec.column, |text| {
            let value = fields::optional_float(text)?;
            match (value, spec.range) {
                (Some(0.0), Range::PositiveOrAbsent) => Ok(None),
                (Some(x), Range::Positive | Range::PositiveOrAbsent) if x <= 0.0 => {
                    Err(format!("`{text}` is not above zero"))
                }
                (Some(x), Range::Count) if x < 0.0 => Err(format!("`{text}` is negative")),
                _ => Ok(value.map(|x| x * spec.scale)),
            }
        })?;
        values.push(value);
    }
    Ok((date, values))
}

fn put_row(job: &mut Job<'_>, file: &str, specs: &[Spec], date: Date, values: &[Option<f64>]) {
    let calendar = ExchangeCalendar::nyse();
    let mut counted: Option<&str> = None;
    for (spec, value) in specs.iter().zip(values) {
        let (Some(value), Some(building)) = (value, job.series.get_mut(&spec.id)) else {
            continue;
        };
        if !calendar.is_session(date) {
            // A row counts once for a series, not once for each of its fields; specs of a series stand together.
            if counted.replace(&spec.id) != Some(spec.id.as_str()) {
                let quality = &mut building.quality;
                if !calendar.covers(date) {
                    quality.before_calendar += 1;
                } else if availability::rule(&spec.id).seven_days {
                    quality.between_sessions += 1;
                } else {
                    quality.off_session.push(date.to_string());
                }
            }
            continue;
        }
        let bar = building.bars.entry(date).or_insert_with(|| Bar {
            source: file.to_owned(),
            ..Bar::default()
        });
        let Some(slot) = bar.values.get_mut(spec.field as usize) else {
            continue;
        };
        match slot {
            None => *slot = Some(*value),
            Some(held) if (*held - value).abs() <= AGREE_RELATIVE * held.abs().max(value.abs()) => {}
            Some(held) => {
                let (field, source) = (FIELDS.get(spec.field as usize).map_or("", |f| f.0), &bar.source);
                let what =
                    format!("{date} {field}: {held} in {source}, {value} in {file}; the first was kept");
                building.quality.conflicts.push(what);
            }
        }
    }
}

/// Writes all series that were touched.
pub(super) fn finish(job: &mut Job<'_>) -> Result<(), ImportError> {
    for (id, building) in std::mem::take(&mut job.series) {
        if building.bars.is_empty() {
            job.quality.series.push(building.quality);
            continue;
        }
        let rule = availability::rule(&id);
        if !rule.known {
            let words = rule.available.words();
            job.assume(format!(
                "series {id}: the source does not say when values were known; each is read from {words}"
            ));
        }
        let Building { bars, mut quality } = building;
        let data = to_data(&id, &bars, rule.available)?;
        describe(&mut quality, &bars, rule.available);
        job.writer.put_series(&id, BarSize::Session, &data)?;
        job.quality.series.push(quality);
    }
    Ok(())
}

fn to_data(id: &str, bars: &BTreeMap<Date, Bar>, available: Availability) -> Result<SeriesData, ImportError> {
    let calendar = ExchangeCalendar::nyse();
    let mut data = SeriesData::default();
    for date in bars.keys() {
        let outside = || {
            let what = format!("series {id}: {date} lies at the end of the exchange calendar");
            ImportError::new(ImportErrorKind::BadRow, what, "remove the row")
        };
        data.date.push(*date);
        data.starts_at.push(calendar.open_at(*date).ok_or_else(outside)?);
        data.available_at
            .push(available.instant(*date).ok_or_else(outside)?);
    }
    let column = |field: Field| -> Vec<Option<f64>> {
        bars.values()
            .map(|b| b.values.get(field as usize).copied().flatten())
            .collect()
    };
    let present = |column: Vec<Option<f64>>| {
        if column.iter().all(Option::is_none) {
            Vec::new()
        } else {
            column
        }
    };
    data.open = present(column(Field::Open));
    data.high = present(column(Field::High));
    data.low = present(column(Field::Low));
    data.close = column(Field::Close);
    data.volume = present(column(Field::Volume));
    Ok(data)
}

fn describe(quality: &mut SeriesQuality, bars: &BTreeMap<Date, Bar>, available: Availability) {
    let (Some((first, _)), Some((last, _))) = (bars.first_key_value(), bars.last_key_value()) else {
        return;
    };
    quality.rows = bars.len() as u64;
    quality.first = first.to_string();
    quality.last = last.to_string();
    available.words().clone_into(&mut quality.availability);
    for session in ExchangeCalendar::nyse().sessions(*first, *last) {
        if !bars.contains_key(session) {
            quality.missing_sessions.push(session.to_string());
        }
    }
    for (date, bar) in bars {
        let [Some(open), Some(high), Some(low), Some(close), _] = bar.values else {
            continue;
        };
        let slack = AGREE_RELATIVE * high.abs();
        if high + slack < open.max(close) || low - slack > open.min(close) {
            quality.inconsistent.push(date.to_string());
        }
        #[expect(clippy::float_cmp, reason = "a flat bar repeats one printed number")]
        let flat = open == high && high == low && low == close;
        quality.flat += u64::from(flat);
    }
}
