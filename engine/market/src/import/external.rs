//! Series that say themselves when their values were known, and intraday bars.
//!
//! A value of a period may be printed, and printed again with another figure. The first print makes the bar that rules
//! read; every print is kept as a vintage, so that what was known at an instant can be read for ever. A bar stands at its
//! own session where values follow their day at once (breadth, put-call ratios), and otherwise at the session on which the
//! value became known (monthly figures), so that its age is counted from there.

use super::Job;
use super::availability;
use super::error::{FieldError, ImportError, ImportErrorKind};
use super::input::Table;
use super::layout::Layout;
use super::mapping::{Cell, Field, From, Named, ParsedTime, When, is_zoneless, stamp};
use super::quality::SeriesQuality;
use super::series::canonical;
use crate::calendar::ExchangeCalendar;
use crate::history::History as _;
use crate::series::{BarSize, SeriesData, Vintage, Vintages};
use crate::store::is_valid_id;
use crate::time::{Date, Instant};
use std::collections::BTreeMap;

/// Rows between two reports of progress.
const PROGRESS_ROWS: u64 = 4096;

/// Series and bars being put together.
#[derive(Default)]
pub(super) struct Pending {
    series: BTreeMap<String, Prints>,
    bars: BTreeMap<(String, u16), Bars>,
}

/// Every value of a series by period and instant.
#[derive(Default)]
struct Prints {
    rows: BTreeMap<(Date, Instant), f64>,
    /// The source says when values were known.
    says_when: bool,
    quality: SeriesQuality,
}

/// Open, high, low, close and volume of each bar, by its start.
#[derive(Default)]
struct Bars {
    rows: BTreeMap<Instant, [Option<f64>; 5]>,
    quality: SeriesQuality,
}

const BAR_FIELDS: [&str; 5] = ["open", "high", "low", "close", "volume"];

fn column(name: &str) -> Field {
    Field {
        from: From::Column(name.to_owned()),
        scale: 1.0,
        format: None,
        words: None,
    }
}

/// The columns that say when a bar is, by their usual names.
fn stamp_fields(table: &Table) -> Option<Named> {
    let has = |name: &str| table.column(&[name]).is_some();
    if let Some(name) = ["datetime", "timestamp", "date_time", "ts"]
        .into_iter()
        .find(|n| has(n))
    {
        return Some(Named::from([("timestamp", column(name))]));
    }
    (has("date") && has("time")).then(|| Named::from([("date", column("date")), ("time", column("time"))]))
}

/// The first column that says when a bar is, where a table has one.
pub(super) fn stamp_column(table: &Table) -> Option<()> {
    stamp_fields(table).map(|_| ())
}

/// The instant from which a value was known. A date alone counts from the open of the next session.
fn known_at(text: &str, cell: &Cell, zone: Option<chrono_tz::Tz>) -> Result<Instant, String> {
    let format = cell.format.as_deref();
    let has_time = format.map_or_else(
        || text.contains(':') || text.len() > 10,
        |f| {
            !f.contains('%')
                || ["%H", "%I", "%k", "%l", "%T", "%R", "%X", "%r", "%+", "%s", "%c"]
                    .iter()
                    .any(|t| f.contains(t))
        },
    );
    if has_time {
        return stamp(text, format, zone);
    }
    let date = super::mapping::date(text, format)?;
    let calendar = ExchangeCalendar::nyse();
    let next = calendar.next_session(date).and_then(|d| calendar.open_at(d));
    next.ok_or_else(|| format!("{date} lies outside the exchange calendar"))
}

/// Reads one file of series.
pub(super) fn import_series(job: &mut Job<'_>, mut table: Table, layout: Layout) -> Result<(), ImportError> {
    let mut cells: Vec<(String, Cell)> = Vec::new();
    let (date, known, zone) = match job.mapping.filter(|_| layout == Layout::MappedSeries) {
        Some(mapping) => {
            let comma = mapping.decimal_comma;
            let cell = |name: &str| -> Result<Option<Cell>, ImportError> {
                let field = mapping.fields.get(name);
                field.map(|f| Cell::bind(&table, name, f, comma)).transpose()
            };
            for (id, field) in &mapping.series {
                cells.push((id.clone(), Cell::bind(&table, id, field, comma)?));
            }
            let date = cell("date")?.ok_or_else(|| table.unmapped("date"))?;
            (date, cell("known")?, mapping.zone_or(job.time_zone))
        }
        None => {
            let id = single_id(job, &table)?;
            let bind = |name: &str| Cell::bind(&table, name, &column(name), false);
            cells.push((id, bind("value")?));
            (bind("date")?, Some(bind("known_at")?), job.time_zone)
        }
    };
    for (id, _) in &cells {
        let prints = job.external.series.entry(id.clone()).or_default();
        prints.quality.id.clone_from(id);
        prints.quality.files.push(table.name.clone());
        prints.says_when |= known.is_some();
    }
    let mut rows = 0u64;
    while table.advance()? {
        rows += 1;
        if rows.is_multiple_of(PROGRESS_ROWS) {
            let bytes = table.progress();
            job.progress.advance(bytes, &table.name);
        }
        let read = || -> Result<_, FieldError> {
            let period = date.date(&table)?;
            let known = match &known {
                Some(cell) => Some(cell.read(&table, |text| known_at(text, cell, zone))?),
                None => None,
            };
            let values = cells.iter().map(|(_, cell)| cell.number(&table));
            Ok((period, known, values.collect::<Result<Vec<_>, _>>()?))
        };
        match read() {
            Err(error) if is_zoneless(&error) => return Err(no_zone(&table, &error)),
            Err(error) => job.bad_row(table.bad(error))?,
            Ok((period, known, values)) => {
                for ((id, _), value) in cells.iter().zip(values) {
                    if let (Some(value), Some(prints)) = (value, job.external.series.get_mut(id)) {
                        prints.put(id, &table.name, period, known, value);
                    }
                }
            }
        }
    }
    finish_table(job, table, layout, rows)
}

fn no_zone(table: &Table, error: &FieldError) -> ImportError {
    let column = table.header.get(error.column).map_or("", String::as_str);
    table.no_time_zone(column).at_line(table.line())
}

fn finish_table(job: &mut Job<'_>, table: Table, layout: Layout, rows: u64) -> Result<(), ImportError> {
    if rows == 0 {
        let help = "download the file again, or leave it out";
        return Err(table.error(ImportErrorKind::Empty, "has a header but no rows", help));
    }
    job.finish_table(table, layout, rows)
}

/// The identifier of a file of one series.
fn single_id(job: &Job<'_>, table: &Table) -> Result<String, ImportError> {
    if let Some(id) = job.series_id {
        return Ok(id.to_owned());
    }
    let stem = table.name.split(['_', '-', '.', '@']).next().unwrap_or_default();
    let id = canonical(stem);
    if is_valid_id(&id) && availability::rule(&id).known {
        return Ok(id);
    }
    Err(table.error(
        ImportErrorKind::UnknownLayout,
        format!("nothing says which series it holds: `{stem}` is not one that is known"),
        "import it alone with `--series-id`, such as `--series-id NYSE.ADLINE`",
    ))
}

impl Prints {
    fn put(&mut self, id: &str, file: &str, period: Date, known: Option<Instant>, value: f64) {
        let calendar = ExchangeCalendar::nyse();
        if !calendar.covers(period) {
            self.quality.before_calendar += 1;
            return;
        }
        let rule = availability::rule(id);
        let known = known.or_else(|| {
            let session = calendar.is_session(period).then_some(period);
            rule.available.instant(session?)
        });
        let Some(known) = known else {
            self.quality.off_session.push(period.to_string());
            return;
        };
        let held = *self.rows.entry((period, known)).or_insert(value);
        if held.to_bits() != value.to_bits() {
            let what = format!(
                "{period}: {held} and {value} from the same instant on, in {file}; the first was kept"
            );
            self.quality.conflicts.push(what);
        }
    }

    /// Bars of first prints: their session, and when each was known.
    fn bars(first: &[Vintage]) -> Vec<(Date, Instant, f64)> {
        let calendar = ExchangeCalendar::nyse();
        let at_once = |v: &Vintage| {
            let next = calendar
                .next_session(v.period)
                .and_then(|d| calendar.options_close_at(d));
            let begun = Instant::from_eastern(v.period, 0, 0).is_some_and(|t| t < v.known_at);
            calendar.is_session(v.period) && begun && next.is_some_and(|t| v.known_at <= t)
        };
        if first.iter().all(at_once) {
            let mut newest = Instant(i64::MIN);
            return first
                .iter()
                .map(|v| {
                    newest = newest.max(v.known_at);
                    (v.period, newest, v.value)
                })
                .collect();
        }
        let mut by_known = first.to_vec();
        by_known.sort_by_key(|v| (v.known_at, v.period));
        let mut bars: Vec<(Date, Instant, f64)> = Vec::new();
        let mut newest = None;
        for v in by_known {
            let day = calendar.session_on_or_after(v.known_at.date());
            let day = day.and_then(|d| match calendar.options_close_at(d) {
                Some(close) if v.known_at > close => calendar.next_session(d),
                _ => Some(d),
            });
            // A print of an older period than the newest known is history, not news.
            let (Some(day), true) = (day, newest.is_none_or(|p| p < v.period)) else {
                continue;
            };
            newest = Some(v.period);
            match bars.last_mut() {
                Some(last) if last.0 == day => *last = (day, v.known_at, v.value),
                _ => bars.push((day, v.known_at, v.value)),
            }
        }
        bars
    }
}

/// Bars with closes alone.
fn series_data(bars: &[(Date, Instant, f64)]) -> SeriesData {
    let calendar = ExchangeCalendar::nyse();
    let mut data = SeriesData::default();
    for (date, known, value) in bars {
        let open = calendar.open_at(*date).unwrap_or(*known);
        data.date.push(*date);
        data.starts_at.push(open.min(Instant(known.0.saturating_sub(1))));
        data.available_at.push(*known);
        data.close.push(Some(*value));
    }
    data
}

/// Reads one file of intraday bars.
pub(super) fn import_bars(job: &mut Job<'_>, mut table: Table, layout: Layout) -> Result<(), ImportError> {
    let mapping = job.mapping.filter(|_| layout == Layout::MappedBars);
    let usual;
    let (fields, zone) = match mapping {
        Some(mapping) => (&mapping.fields, mapping.zone_or(job.time_zone)),
        None => {
            usual = stamp_fields(&table).unwrap_or_default();
            (&usual, job.time_zone)
        }
    };
    let id = match mapping.and_then(|m| m.id.clone()) {
        Some(id) => id,
        None => single_id(job, &table)?,
    };
    let when = When::bind(&table, fields, zone)?;
    let cell = |name: &str| -> Result<Option<Cell>, ImportError> {
        match mapping {
            Some(m) => {
                let field = m.fields.get(name);
                field
                    .map(|f| Cell::bind(&table, name, f, m.decimal_comma))
                    .transpose()
            }
            None if table.column(&[name]).is_some() || name != "volume" => {
                Cell::bind(&table, name, &column(name), false).map(Some)
            }
            None => Ok(None),
        }
    };
    let mut cells = Vec::new();
    for name in BAR_FIELDS {
        cells.push(cell(name)?);
    }
    let mut rows = 0u64;
    let mut read_bars: BTreeMap<Instant, [Option<f64>; 5]> = BTreeMap::new();
    let mut quality = SeriesQuality::default();
    while table.advance()? {
        rows += 1;
        if rows.is_multiple_of(PROGRESS_ROWS) {
            let bytes = table.progress();
            job.progress.advance(bytes, &table.name);
        }
        match read_bar(&table, &when, &cells) {
            Err(error) if is_zoneless(&error) => return Err(no_zone(&table, &error)),
            Err(error) => job.bad_row(table.bad(error))?,
            Ok((at, values)) => {
                let held = *read_bars.entry(at).or_insert(values);
                if held != values {
                    quality
                        .conflicts
                        .push(format!("{at}: two bars in {}; the first was kept", table.name));
                }
            }
        }
    }
    let minutes = match mapping.and_then(|m| m.minutes) {
        Some(minutes) => minutes,
        None => smallest_gap(&read_bars).ok_or_else(|| {
            table.error(
                ImportErrorKind::UnknownLayout,
                "nothing says how long a bar is: it has less than two bars of one day",
                "map the file with `kind: bars` and `minutes: 1`",
            )
        })?,
    };
    let at_end = mapping.is_some_and(|m| m.stamped_at_end);
    if mapping.is_none() {
        job.assume_once(&format!(
            "bars of {id} are taken as stamped by their start and {minutes} minutes long; a mapping with `stamp: end` says otherwise"
        ));
    }
    let bars = job.external.bars.entry((id.clone(), minutes)).or_default();
    bars.quality.id = format!("{id}@{minutes}m");
    bars.quality.files.push(table.name.clone());
    for conflict in quality.conflicts.first {
        bars.quality.conflicts.push(conflict);
    }
    for (at, values) in read_bars {
        let start = Instant(at.0 - if at_end { i64::from(minutes) * 60 } else { 0 });
        bars.put(start, minutes, values, &table.name);
    }
    finish_table(job, table, layout, rows)
}

type Bar = (Instant, [Option<f64>; 5]);

fn read_bar(table: &Table, when: &When, cells: &[Option<Cell>]) -> Result<Bar, FieldError> {
    let at = match when.read(table)? {
        ParsedTime::At(at) => at,
        ParsedTime::Day(_) => {
            let what = "a bar within a day needs a time".to_owned();
            return Err(FieldError { column: 0, what });
        }
    };
    let mut values = [None; 5];
    for (i, (cell, slot)) in cells.iter().zip(&mut values).enumerate() {
        let Some(cell) = cell else { continue };
        *slot = cell.number(table)?;
        let too_low = slot.is_some_and(|x| if i == 4 { x < 0.0 } else { x <= 0.0 });
        if too_low {
            let what = format!("`{}` is not above zero", cell.text(table)?);
            return Err(FieldError {
                column: cell.column,
                what,
            });
        }
    }
    Ok((at, values))
}

/// Minutes between neighbouring bars of a day, the fewest there are.
fn smallest_gap(bars: &BTreeMap<Instant, [Option<f64>; 5]>) -> Option<u16> {
    let pairs = bars.keys().zip(bars.keys().skip(1));
    let gaps = pairs
        .map(|(a, b)| b.0 - a.0)
        .filter(|g| g % 60 == 0 && *g <= 390 * 60);
    gaps.min().and_then(|g| u16::try_from(g / 60).ok())
}

impl Bars {
    fn put(&mut self, start: Instant, minutes: u16, values: [Option<f64>; 5], file: &str) {
        let calendar = ExchangeCalendar::nyse();
        let date = start.date();
        let (Some(open), Some(close)) = (calendar.open_at(date), calendar.options_close_at(date)) else {
            self.quality.off_session.push(date.to_string());
            return;
        };
        if start < open || start.0 + i64::from(minutes) * 60 > close.0 {
            self.quality.between_sessions += 1;
            return;
        }
        let held = *self.rows.entry(start).or_insert(values);
        if held != values {
            self.quality
                .conflicts
                .push(format!("{start}: another bar in {file}; the first was kept"));
        }
    }

    fn data(&self, minutes: u16) -> SeriesData {
        let mut data = SeriesData::default();
        for (start, [open, high, low, close, volume]) in &self.rows {
            data.date.push(start.date());
            data.starts_at.push(*start);
            data.available_at.push(Instant(start.0 + i64::from(minutes) * 60));
            data.open.push(*open);
            data.high.push(*high);
            data.low.push(*low);
            data.close.push(*close);
            data.volume.push(*volume);
        }
        for column in [&mut data.open, &mut data.high, &mut data.low, &mut data.volume] {
            if column.iter().all(Option::is_none) {
                column.clear();
            }
        }
        data
    }
}

/// Writes all that was read.
pub(super) fn finish(job: &mut Job<'_>) -> Result<(), ImportError> {
    let Pending { series, bars } = std::mem::take(&mut job.external);
    for (id, prints) in series {
        finish_series(job, &id, prints)?;
    }
    for ((id, minutes), bars) in bars {
        finish_bars(job, &id, minutes, bars)?;
    }
    Ok(())
}

fn finish_series(job: &mut Job<'_>, id: &str, mut prints: Prints) -> Result<(), ImportError> {
    if job.quality.series.iter().any(|s| s.id == id) {
        return Err(ImportError::new(
            ImportErrorKind::Request,
            format!(
                "two files give series {id}, one with the instants at which its values were known and one without"
            ),
            "import the one that says when, alone",
        ));
    }
    for v in held_vintages(job, id)? {
        let held = prints.rows.insert((v.period, v.known_at), v.value);
        if held.is_some_and(|h| h.to_bits() != v.value.to_bits()) {
            let what = format!(
                "{}: the store has another value from the same instant on, which was kept",
                v.period
            );
            prints.quality.conflicts.push(what);
        }
    }
    let rows = prints.rows.iter().map(|((period, known_at), value)| Vintage {
        period: *period,
        known_at: *known_at,
        value: *value,
    });
    // Keys are unique and values were read as finite numbers.
    let vintages = Vintages::new(rows.collect()).unwrap_or_default();
    let first = vintages.first_prints();
    let bars = Prints::bars(&first);
    let mut quality = prints.quality;
    quality.revisions = (vintages.rows().len() - first.len()) as u64;
    if let (Some((from, ..)), Some((to, ..))) = (bars.first(), bars.last()) {
        quality.rows = bars.len() as u64;
        quality.first = from.to_string();
        quality.last = to.to_string();
        job.writer.put_series(id, BarSize::Session, &series_data(&bars))?;
        if prints.says_when {
            "as the source says".clone_into(&mut quality.availability);
            job.writer.put_vintages(id, &vintages)?;
        } else {
            let rule = availability::rule(id);
            let words = rule.available.words();
            words.clone_into(&mut quality.availability);
            if !rule.known {
                job.assume(format!(
                    "series {id}: the source does not say when values were known; each is read from {words}"
                ));
            }
        }
    }
    job.quality.series.push(quality);
    Ok(())
}

/// What the store that is extended knows of a series: its vintages, or its bars as the only prints.
fn held_vintages(job: &Job<'_>, id: &str) -> Result<Vec<Vintage>, ImportError> {
    let Some(store) = &job.held else {
        return Ok(Vec::new());
    };
    if let Some(held) = store.vintages(id).map_err(ImportError::history)? {
        return Ok(held.rows().to_vec());
    }
    let Some(bars) = store.series(id, BarSize::Session).map_err(ImportError::history)? else {
        return Ok(Vec::new());
    };
    let rows = bars.date.iter().zip(&bars.available_at).zip(&bars.close);
    let row = |((period, known_at), close): ((&Date, &Instant), &Option<f64>)| {
        close.map(|value| Vintage {
            period: *period,
            known_at: *known_at,
            value,
        })
    };
    Ok(rows.filter_map(row).collect())
}

fn finish_bars(job: &mut Job<'_>, id: &str, minutes: u16, mut bars: Bars) -> Result<(), ImportError> {
    let size = BarSize::Minutes(minutes);
    let held = job.held.as_ref().map(|h| h.series(id, size));
    if let Some(held) = held.transpose().map_err(ImportError::history)?.flatten() {
        let at = |column: &[Option<f64>], i: usize| column.get(i).copied().flatten();
        for (i, start) in held.starts_at.iter().enumerate() {
            let values = [&held.open, &held.high, &held.low, &held.close, &held.volume].map(|c| at(c, i));
            if bars.rows.insert(*start, values).is_some_and(|new| new != values) {
                let what = format!("{start}: the store has another bar, which was kept");
                bars.quality.conflicts.push(what);
            }
        }
    }
    for (start, [open, high, low, close, _]) in &bars.rows {
        if let (Some(open), Some(high), Some(low), Some(close)) = (open, high, low, close)
            && (*high < open.max(*close) || *low > open.min(*close))
        {
            bars.quality.inconsistent.push(start.to_string());
        }
    }
    let days: std::collections::BTreeSet<Date> = bars.rows.keys().map(|t| t.date()).collect();
    if let (Some(first), Some(last)) = (days.first(), days.last()) {
        for day in ExchangeCalendar::nyse().sessions(*first, *last) {
            if !days.contains(day) {
                bars.quality.missing_sessions.push(day.to_string());
            }
        }
        bars.quality.rows = bars.rows.len() as u64;
        bars.quality.first = first.to_string();
        bars.quality.last = last.to_string();
        bars.quality.availability = format!("the end of its {minutes} minutes");
        job.writer.put_series(id, size, &bars.data(minutes))?;
    }
    job.quality.series.push(bars.quality);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_print_stands_where_it_became_known() {
        let d = |t: &str| t.parse::<Date>().unwrap();
        let v = |period: &str, day: &str, hour, value| Vintage {
            period: d(period),
            known_at: Instant::from_eastern(d(day), hour, 0).unwrap(),
            value,
        };
        // Breadth of a day, known the same evening: its own session.
        let daily = [
            v("2019-05-23", "2019-05-23", 18, 1.0),
            v("2019-05-24", "2019-05-24", 18, 2.0),
        ];
        let dates: Vec<String> = Prints::bars(&daily).iter().map(|b| b.0.to_string()).collect();
        assert_eq!(dates, ["2019-05-23", "2019-05-24"]);
        // Monthly figures: the session of the release, the next one when it came after the close or on a weekend.
        let monthly = [
            v("2019-03-01", "2019-04-10", 8, 1.0),
            v("2019-04-01", "2019-05-10", 18, 2.0),
            v("2019-02-01", "2019-05-10", 19, 9.0),
            v("2019-05-01", "2019-06-15", 10, 3.0),
        ];
        let bars = Prints::bars(&monthly);
        let shown: Vec<String> = bars.iter().map(|b| format!("{} {}", b.0, b.2)).collect();
        assert_eq!(shown, ["2019-04-10 1", "2019-05-13 2", "2019-06-17 3"]);
        let data = series_data(&bars);
        assert!(data.starts_at.iter().zip(&data.available_at).all(|(s, k)| s < k));
        assert!(data.starts_at.is_sorted() && data.available_at.is_sorted());
        assert_eq!(bars[1].0, d("2019-05-13"));
    }
}
