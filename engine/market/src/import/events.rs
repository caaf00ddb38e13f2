//! Scheduled events: when they happen, from when their date was public, and what was published.

use super::Job;
use super::error::{FieldError, ImportError, ImportErrorKind};
use super::fields;
use super::input::Table;
use super::layout::Layout;
use super::quality::EventQuality;
use crate::calendar::ExchangeCalendar;
use crate::history::History;
use crate::series::{EventData, EventRow, Vintage, Vintages};
use crate::time::{Date, Instant};
use chrono::{Days, NaiveDate};
use std::collections::{BTreeMap, BTreeSet};

/// Schedules are taken to be public this many days ahead: the Federal Reserve and the Bureau of Labor Statistics publish
/// theirs for the whole coming year.
const SCHEDULE_DAYS: i64 = 90;

/// Occurrences of one event being put together.
#[derive(Debug, Default)]
pub(super) struct Building {
    rows: BTreeMap<Date, EventRow>,
    /// The figure of the occurrence before one, as its release restated it.
    restated: BTreeMap<Date, f64>,
    quality: EventQuality,
}

/// Columns of the joined table that flag events.
pub(super) struct Flags {
    fomc: Option<usize>,
    cpi: Option<usize>,
    early_close: Option<usize>,
}

impl Flags {
    pub(super) fn find(table: &Table) -> Self {
        Self {
            fomc: table.column(&["fomc_day"]),
            cpi: table.column(&["cpi_day"]),
            early_close: table.column(&["early_close"]),
        }
    }

    /// Reads a row's flags; an early-close flag that contradicts the calendar makes the row doubtful.
    pub(super) fn read(&self, job: &mut Job<'_>, table: &Table, date: Date) -> Result<(), FieldError> {
        let flag = |column: Option<usize>| match column {
            Some(c) => table.parse(c, |text| match text {
                "1" | "1.0" => Ok(true),
                "0" | "0.0" | "" => Ok(false),
                _ => Err(format!("`{text}` is neither 0 nor 1")),
            }),
            None => Ok(false),
        };
        let calendar = ExchangeCalendar::nyse();
        if let Some(column) = self.early_close
            && calendar.is_session(date)
            && flag(Some(column))? != calendar.is_early_close(date)
        {
            let what = format!(
                "`{}` contradicts the exchange calendar for {date}",
                table.text(column)?
            );
            return Err(FieldError { column, what });
        }
        for (id, set) in [("FOMC", flag(self.fomc)?), ("CPI", flag(self.cpi)?)] {
            let at = if id == "FOMC" {
                fomc_at(date, false)
            } else {
                Instant::from_eastern(date, 8, 30)
            };
            if let Some(at) = at.filter(|_| set) {
                put(job, id, &table.name, date, scheduled(at));
            }
        }
        Ok(())
    }
}

fn scheduled(at: Instant) -> EventRow {
    let scheduled_known_at = Instant(at.0.saturating_sub(SCHEDULE_DAYS * 86_400));
    EventRow {
        at,
        scheduled_known_at,
        actual: None,
        consensus: None,
    }
}

/// The statement's hour: 14:00 Eastern since March 2013; before that 14:15, or 12:30 when a press conference followed.
/// Source: Federal Reserve press releases of 2011-03-24 and 2013-03-13.
fn fomc_at(date: Date, press_conference: bool) -> Option<Instant> {
    let since_2013 = NaiveDate::from_ymd_opt(2013, 3, 20).is_some_and(|d| date >= d);
    let (hour, minute) = match (since_2013, press_conference) {
        (true, _) => (14, 0),
        (false, true) => (12, 30),
        (false, false) => (14, 15),
    };
    Instant::from_eastern(date, hour, minute)
}

/// A meeting that was not announced ahead is known when it is over: the close of its day, or the next session's open.
fn unscheduled(date: Date) -> Option<EventRow> {
    let calendar = ExchangeCalendar::nyse();
    let at = calendar
        .close_at(date)
        .or_else(|| calendar.open_at(calendar.next_session(date)?))?;
    Some(EventRow {
        at,
        scheduled_known_at: at,
        actual: None,
        consensus: None,
    })
}

/// Adds an occurrence, or completes one that another source gave without figures.
fn put(job: &mut Job<'_>, id: &str, file: &str, date: Date, row: EventRow) {
    let Some(building) = job.events.get_mut(id) else {
        let quality = EventQuality {
            id: id.to_owned(),
            ..EventQuality::default()
        };
        let mut building = Building {
            rows: BTreeMap::new(),
            restated: BTreeMap::new(),
            quality,
        };
        // A broken store was refused before; a store without this event starts it here.
        if let Some(Ok(Some(held))) = job.held.as_ref().map(|h| h.events(id)) {
            building
                .rows
                .extend(held.rows.iter().map(|r| (r.at.date(), r.clone())));
        }
        job.events.insert(id.to_owned(), building);
        return put(job, id, file, date, row);
    };
    let Building { rows, quality, .. } = building;
    let held = rows.entry(date).or_insert_with(|| row.clone());
    let mut conflict = held.at != row.at;
    for (held, new) in [
        (&mut held.actual, row.actual),
        (&mut held.consensus, row.consensus),
    ] {
        match (*held, new) {
            (None, Some(_)) => *held = new,
            (Some(a), Some(b)) => conflict |= (a - b).abs() > 1e-9,
            _ => {}
        }
    }
    if conflict {
        quality.conflicts.push(format!(
            "{date}: {file} disagrees with an earlier source, which was kept"
        ));
    }
}

fn left_out(job: &mut Job<'_>, id: &str, what: String) {
    let building = job.events.entry(id.to_owned()).or_default();
    id.clone_into(&mut building.quality.id);
    building.quality.left_out.push(what);
}

/// Reads one file of events.
pub(super) fn import(job: &mut Job<'_>, mut table: Table, layout: Layout) -> Result<(), ImportError> {
    let rows = match layout {
        Layout::FomcDates => fomc(job, &mut table)?,
        Layout::CpiDates => cpi(job, &mut table)?,
        _ => releases(job, &mut table)?,
    };
    if rows == 0 {
        let help = "download the file again, or leave it out";
        return Err(table.error(ImportErrorKind::Empty, "has a header but no rows", help));
    }
    job.finish_table(table, layout, rows)
}

fn in_calendar(date: Date) -> Result<Date, String> {
    if ExchangeCalendar::nyse().covers(date) {
        Ok(date)
    } else {
        Err(format!("{date} lies outside the exchange calendar"))
    }
}

fn fomc(job: &mut Job<'_>, table: &mut Table) -> Result<u64, ImportError> {
    let date_column = table.require(&["date"])?;
    let press_column = table.require(&["press_conference"])?;
    let minutes_column = table.column(&["minutes"]);
    let mut meetings = BTreeMap::new();
    let mut rows = 0;
    while table.advance()? {
        rows += 1;
        let read = || -> Result<_, FieldError> {
            let date = table.parse(date_column, |t| in_calendar(fields::date(t)?))?;
            let press = table
                .parse(press_column, fields::optional_float)?
                .is_some_and(|x| x > 0.0);
            // Meetings without minutes of their own are conference calls between meetings; future ones have no figure yet.
            let minutes = minutes_column
                .map(|c| table.parse(c, fields::optional_float))
                .transpose()?
                .flatten();
            Ok((date, press, minutes.is_none_or(|x| x > 0.0)))
        };
        match read() {
            Ok((date, press, regular)) => {
                meetings.insert(
                    date,
                    (press, regular && ExchangeCalendar::nyse().is_session(date)),
                );
            }
            Err(error) => job.bad_row(table.bad(error))?,
        }
    }
    let regular: BTreeSet<Date> = meetings
        .iter()
        .filter(|(_, (_, regular))| *regular)
        .map(|(d, _)| *d)
        .collect();
    for (date, (press, is_regular)) in meetings {
        if !is_regular {
            if let Some(row) = unscheduled(date) {
                put(job, "FOMC_UNSCHEDULED", &table.name, date, row);
            }
        } else if date
            .checked_add_days(Days::new(1))
            .is_some_and(|next| regular.contains(&next))
        {
            left_out(
                job,
                "FOMC",
                format!("{date}: the first day of a meeting that decided on the next"),
            );
        } else if let Some(at) = fomc_at(date, press) {
            put(job, "FOMC", &table.name, date, scheduled(at));
        }
    }
    Ok(rows)
}

fn cpi(job: &mut Job<'_>, table: &mut Table) -> Result<u64, ImportError> {
    let date_column = table.require(&["release_date"])?;
    let mut rows = 0;
    while table.advance()? {
        rows += 1;
        match table.parse(date_column, |t| in_calendar(fields::date(t)?)) {
            Ok(date) => {
                if let Some(at) = Instant::from_eastern(date, 8, 30) {
                    put(job, "CPI", &table.name, date, scheduled(at));
                }
            }
            Err(error) => job.bad_row(table.bad(error))?,
        }
    }
    Ok(rows)
}

/// A release: its name in listings, its identifier here, and the hour at which its agency publishes when it is fixed.
type Release = (&'static str, &'static str, Option<(u32, u32)>);

/// Releases that are kept.
const RELEASES: [Release; 12] = [
    ("CPI m/m", "CPI", Some((8, 30))),
    ("CPI y/y", "CPI_YOY", Some((8, 30))),
    ("Core CPI m/m", "CORE_CPI", Some((8, 30))),
    ("PPI m/m", "PPI", Some((8, 30))),
    ("Core PPI m/m", "CORE_PPI", Some((8, 30))),
    ("Core PCE Price Index m/m", "CORE_PCE", Some((8, 30))),
    ("Non-Farm Employment Change", "NFP", Some((8, 30))),
    ("Unemployment Rate", "UNEMPLOYMENT", Some((8, 30))),
    ("ADP Non-Farm Employment Change", "ADP", Some((8, 15))),
    ("FOMC Statement", "FOMC", None),
    ("Federal Funds Rate", "FED_FUNDS_TARGET", None),
    ("Advance GDP q/q", "GDP", Some((8, 30))),
];

fn releases(job: &mut Job<'_>, table: &mut Table) -> Result<u64, ImportError> {
    let date_column = table.require(&["date"])?;
    let time_column = table.require(&["time"])?;
    let text_column = table.require(&["text"])?;
    let (actual, forecast) = (table.require(&["actual"])?, table.require(&["forecast"])?);
    let previous = table.column(&["previous"]);
    let mut rows = 0;
    while table.advance()? {
        rows += 1;
        let read = || -> Result<_, FieldError> {
            let text = table.text(text_column)?.to_owned();
            let date = table.parse(date_column, |t| in_calendar(fields::date(t)?))?;
            let clock = table.parse(time_column, fields::clock)?;
            Ok((
                text,
                date,
                clock,
                fields::figure(table.text(actual)?),
                fields::figure(table.text(forecast)?),
                previous
                    .map(|c| table.text(c))
                    .transpose()?
                    .and_then(fields::figure),
            ))
        };
        let (text, date, clock, actual, consensus, restated) = match read() {
            Ok(row) => row,
            Err(error) => {
                job.bad_row(table.bad(error))?;
                continue;
            }
        };
        let Some((_, id, fixed)) = RELEASES.iter().find(|(name, _, _)| *name == text) else {
            left_out(
                job,
                "OTHER",
                format!("{date}: `{text}` is not a release that is kept"),
            );
            continue;
        };
        // A listing that runs ahead of the agency's own hour would be a look into the future.
        let (hour, minute) = fixed.map_or(clock, |f| f.max(clock));
        if let Some(at) = Instant::from_eastern(date, hour, minute) {
            put(
                job,
                id,
                &table.name,
                date,
                EventRow {
                    actual,
                    consensus,
                    ..scheduled(at)
                },
            );
            if let (Some(value), Some(building)) = (restated, job.events.get_mut(*id)) {
                building.restated.entry(date).or_insert(value);
            }
        }
    }
    Ok(rows)
}

/// The release before one is its predecessor when no more days lie between them; a listing may lack a month.
const RELEASES_APART_MAX: i64 = 45;

/// Two figures agree when they print alike.
const FIGURES_AGREE: f64 = 1e-9;

/// Keeps every figure with the instant of its release: first prints, and what a later release made of the one before.
fn put_vintages(
    job: &mut Job<'_>,
    id: &str,
    rows: &BTreeMap<Date, EventRow>,
    restated: &BTreeMap<Date, f64>,
    quality: &mut EventQuality,
) -> Result<(), ImportError> {
    let held = job.held.as_ref().map(|h| h.vintages(id));
    let held = held.transpose().map_err(ImportError::history)?.flatten();
    let mut all: BTreeMap<(Date, Instant), f64> = BTreeMap::new();
    let mut before: Option<(Date, f64)> = None;
    for (date, row) in rows {
        if let (Some((earlier, figure)), Some(value)) = (before, restated.get(date))
            && (figure - value).abs() > FIGURES_AGREE
            && (*date - earlier).num_days() <= RELEASES_APART_MAX
        {
            all.insert((earlier, row.at), *value);
        }
        if let Some(actual) = row.actual {
            all.insert((*date, row.at), actual);
        }
        before = row.actual.map(|a| (*date, a));
    }
    for v in held.iter().flat_map(|h| h.rows()) {
        all.insert((v.period, v.known_at), v.value);
    }
    let rows = all.into_iter().map(|((period, known_at), value)| Vintage {
        period,
        known_at,
        value,
    });
    // Keys are unique and figures were read as finite numbers.
    let vintages = Vintages::new(rows.collect()).unwrap_or_default();
    quality.revisions = (vintages.rows().len() - vintages.first_prints().len()) as u64;
    if !vintages.rows().is_empty() {
        job.writer.put_vintages(id, &vintages)?;
    }
    Ok(())
}

/// Writes all events that were touched.
pub(super) fn finish(job: &mut Job<'_>) -> Result<(), ImportError> {
    let mut any = false;
    for (id, building) in std::mem::take(&mut job.events) {
        let Building {
            rows,
            restated,
            mut quality,
        } = building;
        put_vintages(job, &id, &rows, &restated, &mut quality)?;
        if let (Some((first, _)), Some((last, _))) = (rows.first_key_value(), rows.last_key_value()) {
            quality.rows = rows.len() as u64;
            quality.first = first.to_string();
            quality.last = last.to_string();
            quality.with_actual = rows.values().filter(|r| r.actual.is_some()).count() as u64;
            quality.with_consensus = rows.values().filter(|r| r.consensus.is_some()).count() as u64;
            let data = EventData {
                rows: rows.into_values().collect(),
            };
            job.writer.put_events(&id, &data)?;
            any = true;
        }
        job.quality.events.push(quality);
    }
    if any {
        job.assume(format!(
            "dates of scheduled events are taken as public {SCHEDULE_DAYS} days ahead"
        ));
    }
    Ok(())
}
