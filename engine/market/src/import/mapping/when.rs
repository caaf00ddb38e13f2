//! Dates, times and instants as files write them.

use super::super::error::{FieldError, ImportError, ImportErrorKind};
use super::super::fields;
use super::super::input::Table;
use super::{Cell, Field, Mapping, Named};
use crate::time::{Date, Instant};
use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

/// Words in place of a strftime format: units in a second.
const UNIX: [(&str, i64); 4] = [
    ("unix", 1),
    ("unix_ms", 1_000),
    ("unix_us", 1_000_000),
    ("unix_ns", 1_000_000_000),
];

fn unix(format: &str) -> Option<i64> {
    UNIX.iter()
        .find(|(word, _)| *word == format)
        .map(|(_, unit)| *unit)
}

/// A format says the zone of its times.
fn says_zone(format: &str) -> bool {
    unix(format).is_some() || ["%z", "%:z", "%#z", "%+"].iter().any(|f| format.contains(f))
}

/// Whether a format can be read.
pub(super) fn check_format(stamp: bool, format: &str) -> Result<(), (String, String)> {
    if unix(format).is_some() {
        return if stamp {
            Ok(())
        } else {
            let message = format!("`{format}` is of instants");
            Err((
                message,
                format!("write `timestamp: {{column: …, format: {format}}}`"),
            ))
        };
    }
    if !format.contains('%') || StrftimeItems::new(format).any(|i| matches!(i, Item::Error)) {
        let words = UNIX.map(|(w, _)| w);
        let fix = alula_yaml::near(format, words).filter(|_| stamp).map_or_else(
            || "write one such as `'%m/%d/%Y'`, in quotes".to_owned(),
            |w| format!("did you mean `{w}`?"),
        );
        return Err((format!("`{format}` is not a format"), fix));
    }
    Ok(())
}

/// How an error about a time without a zone is told from others: it concerns the whole file, not the row.
const ZONELESS: &str = "has no time zone";

/// Every row of the file will have the same trouble.
pub(in super::super) fn is_zoneless(error: &FieldError) -> bool {
    error.what.contains(ZONELESS)
}

/// A day, or an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum ParsedTime {
    Day(Date),
    At(Instant),
}

/// Which columns say when.
pub(in super::super) enum When {
    Day(Cell),
    DayAndTime(Cell, Cell, chrono_tz::Tz),
    Stamp(Cell, Option<chrono_tz::Tz>),
}

impl When {
    /// The columns of `date`, `time` and `timestamp`.
    pub(in super::super) fn bind(
        table: &Table,
        fields: &Named,
        zone: Option<chrono_tz::Tz>,
    ) -> Result<Self, ImportError> {
        let cell = |name: &str| {
            fields
                .get(name)
                .map(|f| Cell::bind(table, name, f, false))
                .transpose()
        };
        if let (Some(stamp), Some(field)) = (cell("timestamp")?, fields.get("timestamp")) {
            return Self::stamp(table, stamp, field, zone);
        }
        let missing = || table.error(ImportErrorKind::MissingColumn, "has no date", "map `date`");
        let day = cell("date")?.ok_or_else(missing)?;
        match (cell("time")?, zone) {
            (None, _) => Ok(Self::Day(day)),
            (Some(time), Some(zone)) => Ok(Self::DayAndTime(day, time, zone)),
            (Some(time), None) => Err(no_zone(table, time.column)),
        }
    }

    /// The column of one timestamp.
    fn stamp(
        table: &Table,
        cell: Cell,
        field: &Field,
        zone: Option<chrono_tz::Tz>,
    ) -> Result<Self, ImportError> {
        if zone.is_none() && field.format.as_deref().is_some_and(|f| !says_zone(f)) {
            return Err(no_zone(table, cell.column));
        }
        Ok(Self::Stamp(cell, zone))
    }

    pub(in super::super) fn read(&self, table: &Table) -> Result<ParsedTime, FieldError> {
        match self {
            Self::Day(day) => day.date(table).map(ParsedTime::Day),
            Self::DayAndTime(day, time, zone) => {
                let date = day.date(table)?;
                let at = time.read(table, |text| clock(text, time.format.as_deref(), date, *zone))?;
                Ok(ParsedTime::At(at))
            }
            Self::Stamp(cell, zone) => {
                let at = cell.read(table, |text| stamp(text, cell.format.as_deref(), *zone))?;
                Ok(ParsedTime::At(at))
            }
        }
    }
}

/// The times of a column have no zone.
fn no_zone(table: &Table, column: usize) -> ImportError {
    let name = table.header.get(column).map_or("", String::as_str);
    table.no_time_zone(name)
}

impl Mapping {
    /// The zone that the file's own times do not say: the mapping's, or the request's.
    pub(in super::super) fn zone_or(&self, asked: Option<chrono_tz::Tz>) -> Option<chrono_tz::Tz> {
        self.zone.or(asked)
    }
}

/// A date in a format, or in any that fields know.
pub(in super::super) fn date(text: &str, format: Option<&str>) -> Result<Date, String> {
    match format {
        None => fields::date(text),
        Some(format) => NaiveDate::parse_from_str(text, format)
            .map_err(|_| format!("`{text}` is not a date as `{format}`")),
    }
}

fn clock(text: &str, format: Option<&str>, date: Date, zone: chrono_tz::Tz) -> Result<Instant, String> {
    let at = match format {
        None => fields::at_time(date, text, zone),
        Some(format) => NaiveTime::parse_from_str(text, format)
            .ok()
            .and_then(|t| local(date.and_time(t), zone)),
    };
    at.ok_or_else(|| {
        let as_what = format.map_or_else(|| "such as 15:45:00".to_owned(), |f| format!("as `{f}`"));
        format!("`{text}` is not a time {as_what} on {date}")
    })
}

/// A local time; the earlier one where clocks go back. Parts of a second count as the next whole one, so that nothing is
/// known too early.
fn local(t: NaiveDateTime, zone: chrono_tz::Tz) -> Option<Instant> {
    Some(whole_second(&t.and_local_timezone(zone).earliest()?.to_utc()))
}

fn whole_second<Z: chrono::TimeZone>(t: &DateTime<Z>) -> Instant {
    Instant(
        t.timestamp()
            .saturating_add(i64::from(t.timestamp_subsec_nanos() > 0)),
    )
}

/// Years that a market can be of; a wrong unit of a timestamp falls outside.
const YEARS: std::ops::Range<i64> = 315_532_800..4_102_444_800;

/// An instant. `2019-04-25T13:31:00Z` and offsets say their zone themselves.
pub(in super::super) fn stamp(
    text: &str,
    format: Option<&str>,
    zone: Option<chrono_tz::Tz>,
) -> Result<Instant, String> {
    let zoneless = || format!("`{text}` {ZONELESS}: name it with `zone: America/New_York` or `--time-zone`");
    if let Some(unit) = format.and_then(unix) {
        let value = text.parse::<i64>().ok().or_else(|| {
            let x = fields::float(text).ok()?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole, and the years are checked below"
            )]
            (x.fract() == 0.0).then_some(x as i64)
        });
        let seconds = value.map(|v| v.div_euclid(unit) + i64::from(v.rem_euclid(unit) > 0));
        return seconds
            .filter(|s| YEARS.contains(s))
            .map(Instant)
            .ok_or_else(|| format!("`{text}` is not a time as `{}`", format.unwrap_or_default()));
    }
    if let Some(format) = format {
        if says_zone(format) {
            return DateTime::parse_from_str(text, format)
                .map(|t| whole_second(&t))
                .map_err(|_| format!("`{text}` is not a time as `{format}`"));
        }
        let naive = NaiveDateTime::parse_from_str(text, format)
            .map_err(|_| format!("`{text}` is not a time as `{format}`"))?;
        let zone = zone.ok_or_else(zoneless)?;
        return local(naive, zone)
            .ok_or_else(|| format!("`{text}` does not exist in {zone}: clocks went forward"));
    }
    if text.len() >= 10 && text.bytes().all(|b| b.is_ascii_digit()) {
        // Seconds have ten digits until 2286: the number of digits tells the unit.
        let word = UNIX.iter().map(|(word, _)| *word).zip([10, 13, 16, 19]);
        let word = word.into_iter().find(|(_, digits)| text.len() == *digits);
        return match word {
            Some((word, _)) => stamp(text, Some(word), zone),
            None => Err(format!("`{text}` is not a time since 1970")),
        };
    }
    if let Ok(t) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return Ok(whole_second(&t));
    }
    match zone {
        Some(zone) => fields::instant_in(text, zone),
        None if fields::instant_in(text, chrono_tz::UTC).is_ok() => Err(zoneless()),
        None => fields::instant_in(text, chrono_tz::UTC),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_say_their_zone_or_are_given_one() {
        let ny = Some(chrono_tz::America::New_York);
        let at =
            |text: &str, format: Option<&str>, zone| stamp(text, format, zone).map(|i| i.utc().to_rfc3339());
        let want = Ok("2019-04-25T13:31:00+00:00".to_owned());
        assert_eq!(at("2019-04-25T13:31:00Z", None, None), want);
        assert_eq!(at("2019-04-25 09:31:00-04:00", None, None), want);
        assert_eq!(at("2019-04-25 09:31", None, ny), want);
        assert_eq!(at("2019-04-25T13:30:59.000001Z", None, None), want);
        assert_eq!(at("1556199060", Some("unix"), None), want);
        assert_eq!(at("1556199060000000", None, None), want);
        assert_eq!(at("1556199060000", Some("unix_ms"), None), want);
        assert_eq!(at("1556199059999999999", Some("unix_ns"), None), want);
        assert_eq!(at("25.04.2019 09:31", Some("%d.%m.%Y %H:%M"), ny), want);
        assert_eq!(
            at("25.04.2019 15:31 +0200", Some("%d.%m.%Y %H:%M %z"), None),
            want
        );
        for (text, format, zone, told) in [
            ("2019-04-25 09:31", None, None, "has no time zone"),
            ("1556199060000", Some("unix"), None, "is not a time"),
            ("1556199060", Some("unix_ms"), None, "is not a time"),
            ("2019-03-10 02:30", Some("%Y-%m-%d %H:%M"), ny, "does not exist"),
            ("abc", None, ny, "is not a date and time"),
        ] {
            let error = at(text, format, zone).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
        assert!(check_format(true, "unix_ms").is_ok() && check_format(false, "unix_ms").is_err());
        assert_eq!(
            check_format(true, "unix_sm").unwrap_err().1,
            "did you mean `unix_ms`?"
        );
        assert!(check_format(false, "%d.%m.%Y").is_ok() && check_format(false, "%Q").is_err());
    }
}
