//! Quotes are taken one by one: their root and instant are found, and they join the day they belong to.

use super::super::Job;
use super::super::error::{BadRow, FieldError, ImportError, ImportErrorKind};
use super::super::fields;
use super::days::{Days, HELD_ROWS_MAX, Origin, Snapshot};
use super::roots::{Dated, Verdict, resolve};
use super::{Format, Marks, Owner, Place, Quoted, Taken};
use crate::calendar::ExchangeCalendar;
use crate::contract::Root;
use crate::contract::share::Share;
use crate::store::{ChainRow, Refusal};
use crate::time::{Date, Instant};
use std::collections::{BTreeMap, BTreeSet};

/// Most instants of one day: a snapshot every five seconds. More are the times of single quotes.
pub(in super::super) const SNAPSHOTS_MAX: usize = 5_000;

/// How a source orders its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Order {
    /// Whole days, one after the other: with a new date the day before it is complete.
    Days,
    /// Contract by contract, over days and files: a day is complete when all files are read.
    Contracts,
}

/// Collects the quotes of one file.
pub(super) struct Collector {
    file: String,
    marks: Marks,
    order: Order,
    days: Days,
    /// Position of the file.
    file_at: u64,
    /// Roots found for sources that name underlyings alone.
    resolved: BTreeMap<(&'static str, Date, Dated), (Root, Date)>,
    /// The assumed time of day is on record.
    assumed: bool,
    /// The day in the file's name, where such digits mean that.
    named: Option<Date>,
    done: BTreeSet<Date>,
    /// Date of the last row.
    date: Option<Date>,
    /// Rows of roots that the engine has no contract for.
    foreign: BTreeMap<String, u64>,
    /// Rows that the user's rule leaves out, by expiry.
    skipped: BTreeMap<Date, u64>,
    /// Rows of expiries that no root had, by underlying.
    unlisted: BTreeMap<(&'static str, Date), u64>,
    /// Bad rows before any day.
    bad: u64,
}

/// The day in a file's name: the only run of exactly eight digits that is a date.
fn date_in_name(name: &str) -> Option<Date> {
    let mut runs = name
        .split(|c: char| !c.is_ascii_digit())
        .filter(|r| r.len() == 8)
        .filter_map(fields::compact);
    let first = runs.next()?;
    runs.next().is_none().then_some(first)
}

/// When a day's quotes are taken to have stood: the requested time, three hours earlier on half days, but
/// not before the open.
pub(super) fn snapshot_instant(date: Date, (hour, minute): (u32, u32)) -> Option<Instant> {
    let early = ExchangeCalendar::nyse().is_early_close(date);
    if !early {
        return Instant::from_eastern(date, hour, minute);
    }
    let at = Instant::from_eastern(date, hour.checked_sub(3)?, minute)?;
    ExchangeCalendar::nyse().open_at(date).map(|open| at.max(open))
}

impl Collector {
    pub(super) fn new(job: &mut Job<'_>, file: &str, marks: Marks, contract: &str, format: &Format) -> Self {
        let mut days = match format.order {
            Order::Days => Days::default(),
            Order::Contracts => std::mem::take(&mut job.days),
        };
        contract.clone_into(&mut days.contract);
        let file_at = days.files.len() as u64;
        days.files.push(file.to_owned());
        Self {
            file: file.to_owned(),
            marks,
            order: format.order,
            days,
            file_at,
            resolved: BTreeMap::new(),
            assumed: false,
            named: date_in_name(file).filter(|_| format.dated_names),
            done: BTreeSet::new(),
            date: None,
            foreign: BTreeMap::new(),
            skipped: BTreeMap::new(),
            unlisted: BTreeMap::new(),
            bad: 0,
        }
    }

    /// Counts a row that could not be read, or stops at it.
    pub(super) fn bad(&mut self, job: &mut Job<'_>, row: BadRow) -> Result<(), ImportError> {
        job.bad_row(row)?;
        match self.days.open.values_mut().next() {
            Some(day) => day.bad += 1,
            None => self.bad += 1,
        }
        Ok(())
    }

    /// Takes one quote.
    pub(super) fn take(
        &mut self,
        job: &mut Job<'_>,
        quoted: Quoted,
        place: &dyn Place,
    ) -> Result<(), ImportError> {
        let date = match quoted.taken {
            Taken::Day(date) => date,
            Taken::At(at) => at.date(),
        };
        self.turn_to(job, date, place)?;
        let Some((root, expiry)) = self.root(job, &quoted, place)? else {
            return Ok(());
        };
        let at = match quoted.taken {
            Taken::At(at) => at,
            Taken::Day(date) => snapshot_instant(date, job.snapshot_time).ok_or_else(outside)?,
        };
        if matches!(quoted.taken, Taken::Day(_)) && !self.assumed {
            self.assumed = true;
            let (hour, minute) = job.snapshot_time;
            job.assume_once(&format!(
                "chain files do not say at what time they were taken: {hour:02}:{minute:02} ET is assumed, three hours earlier on half days"
            ));
        }
        let day = self.days.open.entry((root.underlying(), date)).or_default();
        let line = place.line();
        if day.count == 0 || self.order == Order::Contracts {
            day.files.insert(self.file_at);
        }
        if day.snapshots.len() == SNAPSHOTS_MAX && !day.snapshots.contains_key(&at) {
            let underlying = root.underlying();
            let what =
                format!("{underlying} has quotes at more than {SNAPSHOTS_MAX} different times on {date}");
            let help = "these are times of single quotes, not of snapshots: get the source's quotes at an interval of five seconds or more";
            return Err(self
                .error(ImportErrorKind::BadRow, what, help)
                .at_line(place.line()));
        }
        let snapshot = day.snapshots.entry(at).or_insert_with(|| Snapshot {
            spot: quoted.spot,
            first_line: line,
            rows: BTreeMap::new(),
        });
        snapshot.spot = snapshot.spot.or(quoted.spot);
        if let (Some(held), Some(other)) = (snapshot.spot, quoted.spot.filter(|s| snapshot.spot != Some(*s)))
        {
            let what = format!(
                "{other} is not the {held} of line {}: a day is one snapshot with one underlying",
                snapshot.first_line
            );
            day.bad += 1;
            return job.bad_row(place.bad(FieldError {
                column: self.marks.spot,
                what,
            }));
        }
        day.count += 1;
        let row = ChainRow { expiry, ..quoted.row };
        let held = snapshot.rows.entry(root).or_default();
        held.rows.push((row, Origin::new(self.file_at, line)));
        self.days.held += 1;
        if self.days.held >= HELD_ROWS_MAX {
            self.days.spill(job)?;
        }
        Ok(())
    }

    /// Rows of a date begin.
    fn turn_to(&mut self, job: &mut Job<'_>, date: Date, place: &dyn Place) -> Result<(), ImportError> {
        if self.date == Some(date) {
            return Ok(());
        }
        self.resolved.clear();
        if let Some(wanted) = self.named.filter(|n| *n != date) {
            let what = format!("its name says {wanted}, its rows are of {date}");
            let help =
                "the file is misnamed or holds another day: get the right file, or rename it to its own date";
            return Err(self
                .error(ImportErrorKind::DateMismatch, what, help)
                .at_line(place.line()));
        }
        if self.order == Order::Contracts {
            self.date = Some(date);
            return Ok(());
        }
        self.close(job)?;
        if let Some(earlier) = self.date.replace(date) {
            self.done.insert(earlier);
        }
        if self.done.contains(&date) {
            let what = format!("rows of {date} come back after another day");
            return Err(self
                .error(ImportErrorKind::Duplicate, what, "sort the file by date")
                .at_line(place.line()));
        }
        Ok(())
    }

    /// The root and expiry of a quote; `None` for rows that are counted and left out.
    fn root(
        &mut self,
        job: &mut Job<'_>,
        quoted: &Quoted,
        place: &dyn Place,
    ) -> Result<Option<(Root, Date)>, ImportError> {
        let (underlying, dated) = match &quoted.owner {
            Owner::Root(root) => return Ok(Some((*root, quoted.row.expiry))),
            Owner::Foreign(name) => {
                match self.foreign.get_mut(name) {
                    Some(count) => *count += 1,
                    None => drop(self.foreign.insert(name.clone(), 1)),
                }
                return Ok(None);
            }
            Owner::Underlying(underlying) => (*underlying, Dated::Settlement),
            Owner::ByLastDay(underlying) => (*underlying, Dated::LastDay),
        };
        let key = (underlying, quoted.row.expiry, dated);
        if let Some(found) = self.resolved.get(&key) {
            return Ok(Some(*found));
        }
        let on = self.date.unwrap_or(quoted.row.expiry);
        match resolve(job.roots.as_ref(), underlying, quoted.row.expiry, dated, on) {
            Verdict::Root { root, expiry, stated } => {
                let text = match &job.roots {
                    Some(rule) if stated => {
                        format!(
                            "roots of {underlying} options as stated, the source does not say them: {rule}"
                        )
                    }
                    _ => format!(
                        "roots of {underlying} options by the calendar where one alone lists the expiry: the source does not say them"
                    ),
                };
                job.assume_once(&text);
                let alone = resolve(None, underlying, quoted.row.expiry, dated, on);
                if matches!(alone, Verdict::Ambiguous(_)) {
                    self.days.shared.insert((root, expiry));
                }
                self.resolved.insert(key, (root, expiry));
                Ok(Some((root, expiry)))
            }
            Verdict::Skip => {
                *self.skipped.entry(quoted.row.expiry).or_default() += 1;
                Ok(None)
            }
            Verdict::Unlisted => {
                *self.unlisted.entry((underlying, quoted.row.expiry)).or_default() += 1;
                Ok(None)
            }
            Verdict::Impossible(what) => {
                let column = self.marks.expiry;
                job.bad_row(place.bad(FieldError { column, what }))?;
                Ok(None)
            }
            Verdict::Ambiguous(roots) => {
                Err(self.ambiguous(underlying, quoted.row.expiry, dated, &roots, place))
            }
        }
    }

    fn ambiguous(
        &self,
        underlying: &str,
        expiry: Date,
        dated: Dated,
        roots: &[Root],
        place: &dyn Place,
    ) -> ImportError {
        let names: Vec<String> = roots
            .iter()
            .map(|r| format!("{} ({} settled)", r.symbol(), settled(*r)))
            .collect();
        let what = format!(
            "{underlying} options of {expiry} may be {}, and the source has no root column",
            names.join(" or ")
        );
        let help = match dated {
            Dated::Settlement => SAY_ROOT.to_owned(),
            Dated::LastDay => {
                format!("{SAY_ROOT}; `eve=SPX` if AM series stand under their last trading day")
            }
        };
        self.error(ImportErrorKind::Ambiguous, what, &help)
            .at_line(place.line())
    }

    fn error(&self, kind: ImportErrorKind, what: impl Into<String>, help: &str) -> ImportError {
        ImportError::new(kind, what, help).in_file(&self.file)
    }

    fn close(&mut self, job: &mut Job<'_>) -> Result<(), ImportError> {
        if let Some(day) = self.days.open.values_mut().next() {
            day.bad += std::mem::take(&mut self.bad);
        }
        self.days.close(job)
    }

    /// Stores what is left and lists what was left out.
    pub(super) fn finish(mut self, job: &mut Job<'_>) -> Result<(), ImportError> {
        match self.order {
            Order::Days => self.close(job)?,
            Order::Contracts => job.days = std::mem::take(&mut self.days),
        }
        let mut refuse = |reason: String, date: Option<Date>| {
            job.refuse(Refusal {
                file: self.file.clone(),
                date: date.map(|d| d.to_string()),
                reason,
            });
        };
        for (root, count) in &self.foreign {
            refuse(foreign(root, *count), None);
        }
        for ((underlying, expiry), count) in &self.unlisted {
            let why = "no root of theirs had that expiry then, and the source names none";
            refuse(
                format!("{count} rows of {underlying} options of {expiry}: {why}"),
                None,
            );
        }
        for (expiry, count) in &self.skipped {
            refuse(format!("{count} rows of expiry {expiry} left out as asked"), None);
        }
        Ok(())
    }
}

/// How to say what a source without a root column holds.
const SAY_ROOT: &str = "say what they are: `--root SPXW` for all rows, `--root monthly=SPX,other=SPXW`, or one expiry such as `--root 2024-01-19=SPX,other=SPXW`; `skip` in place of a root leaves those rows out";

const fn settled(root: Root) -> &'static str {
    match root.settlement() {
        crate::contract::Settlement::Am => "AM",
        crate::contract::Settlement::Pm => "PM",
    }
}

fn outside() -> ImportError {
    ImportError::new(
        ImportErrorKind::Request,
        "the snapshot time lies outside the session",
        "ask for 09:30 to 16:15",
    )
}

/// Why rows of a root are left out.
fn foreign(root: &str, count: u64) -> String {
    let known = fields::known_roots();
    match root {
        "BVZ" | "BSZ" => {
            format!(
                "{count} rows of root `{root}`: binary options, which pay all or nothing; none of {known}"
            )
        }
        _ if Share::parse(root).is_some() => {
            format!(
                "{count} rows of root `{root}`, which is none of {known}: options on shares may be exercised early and settle in shares"
            )
        }
        _ => format!("{count} rows of root `{root}`, which is none of {known}"),
    }
}
