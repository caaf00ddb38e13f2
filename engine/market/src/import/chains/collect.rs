//! Quotes become days: rows of one underlying and instant are a snapshot, the snapshots of a date are stored together.

use super::super::error::{BadRow, FieldError, ImportError, ImportErrorKind};
use super::super::fields;
use super::super::quality::ChainDay;
use super::super::{Job, fmt_time};
use super::roots::{Dated, Verdict, resolve};
use super::spill::{Chunk, Spill};
use super::spot::spot_at;
use super::stale::stale_copy;
use super::swapped::Tally;
use super::{Format, Marks, Owner, Place, Quoted, Taken};
use crate::calendar::ExchangeCalendar;
use crate::contract::share::Share;
use crate::contract::{Right, Root};
use crate::money::Price;
use crate::store::{ChainRow, DayWriter, Refusal, SnapshotRows};
use crate::time::{Date, Instant};
use chrono::Timelike as _;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Most instants of one day: a snapshot every five seconds. More are the times of single quotes.
pub(in super::super) const SNAPSHOTS_MAX: usize = 5_000;

/// Rows kept in memory; beyond it they wait on disk.
const HELD_ROWS_MAX: usize = if cfg!(test) { 50 } else { 1_000_000 };

/// Rows of one instant by root, sorted, as the stale test compares them.
pub(in super::super) type DayRows = BTreeMap<Root, Vec<ChainRow>>;

/// One instant being collected.
struct Snapshot {
    spot: Option<Price>,
    first_line: u64,
    rows: BTreeMap<Root, Held>,
}

/// Rows of one root: in memory, and waiting on disk.
#[derive(Default)]
struct Held {
    rows: Vec<(ChainRow, Origin)>,
    spilled: Vec<Chunk>,
}

impl Held {
    fn len(&self) -> usize {
        self.rows.len() + self.spilled.iter().map(|c| c.rows).sum::<usize>()
    }
}

/// One day of one underlying being collected.
#[derive(Default)]
struct Day {
    snapshots: BTreeMap<Instant, Snapshot>,
    count: usize,
    bad: u64,
    /// Files that it comes from, as positions in [`Days::files`].
    files: BTreeSet<u64>,
}

/// Days that are not complete yet.
#[derive(Default)]
pub(in super::super) struct Days {
    files: Vec<String>,
    open: BTreeMap<(&'static str, Date), Day>,
    /// Expiries that two roots share: no row of theirs may be left out as a repetition.
    shared: BTreeSet<(Root, Date)>,
    /// Name of the column that names the contract.
    contract: String,
    /// Rows in memory.
    held: usize,
    spill: Option<Spill>,
}

/// Where a row stands: the file's position in [`Days::files`] and the line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin(pub(super) u64);

/// Bits of an [`Origin`] that hold the line.
const LINE_BITS: u32 = 40;

impl Origin {
    const fn new(file: u64, line: u64) -> Self {
        Self(file << LINE_BITS | line & ((1 << LINE_BITS) - 1))
    }

    const fn line(self) -> u64 {
        self.0 & ((1 << LINE_BITS) - 1)
    }

    fn file(self, files: &[String]) -> &str {
        let at = usize::try_from(self.0 >> LINE_BITS).unwrap_or(usize::MAX);
        files.get(at).map_or("", String::as_str)
    }
}

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

impl Days {
    /// Moves all rows to disk.
    fn spill(&mut self, job: &Job<'_>) -> Result<(), ImportError> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(Spill::new(job.writer.scratch()?)),
        };
        let snapshots = self.open.values_mut().flat_map(|d| d.snapshots.values_mut());
        for held in snapshots.flat_map(|s| s.rows.values_mut()) {
            if !held.rows.is_empty() {
                held.spilled
                    .push(spill.write(&held.rows).map_err(|e| scratch(&e))?);
                held.rows = Vec::new();
            }
        }
        self.held = 0;
        Ok(())
    }

    /// All rows of one root at one instant.
    fn gather(&mut self, held: Held) -> Result<Vec<(ChainRow, Origin)>, ImportError> {
        let mut rows = held.rows;
        self.held = self.held.saturating_sub(rows.len());
        if let Some(spill) = &mut self.spill {
            for chunk in held.spilled {
                spill.read(chunk, &mut rows).map_err(|e| scratch(&e))?;
            }
        }
        Ok(rows)
    }

    /// Stores all of them.
    pub(super) fn close(&mut self, job: &mut Job<'_>) -> Result<(), ImportError> {
        for ((underlying, date), day) in std::mem::take(&mut self.open) {
            self.finish_day(job, underlying, date, day)?;
        }
        (self.held, self.spill) = (0, None);
        Ok(())
    }

    /// The files of a day: `a.csv`, `a.csv and 3 more`.
    fn files_of(&self, day: &Day) -> String {
        let name = |at: &u64| Origin::new(*at, 0).file(&self.files).to_owned();
        let first = day.files.first().map(name).unwrap_or_default();
        match day.files.len() {
            0 | 1 => first,
            n => format!("{first} and {} more", n - 1),
        }
    }

    /// Sorts a day, drops rows given twice, counts, and writes it unless it must be refused.
    fn finish_day(
        &mut self,
        job: &mut Job<'_>,
        underlying: &'static str,
        date: Date,
        day: Day,
    ) -> Result<(), ImportError> {
        if day.count == 0 {
            return Ok(());
        }
        let file = self.files_of(&day);
        let mut stats = ChainDay {
            date: date.to_string(),
            file: file.clone(),
            symbol: underlying.to_owned(),
            bad_rows: day.bad,
            ..ChainDay::default()
        };
        let mut written: BTreeMap<Root, DayWriter> = BTreeMap::new();
        let mut tally = Tally::default();
        let mut last = DayRows::new();
        let mut expiries: BTreeSet<(Root, Date)> = BTreeSet::new();
        for (at, snapshot) in within_hours(job, &mut stats, date, day.snapshots) {
            last.clear();
            for (root, held) in snapshot.rows {
                let list = self.gather(held)?;
                let rows = self.settle_duplicates(job, &mut stats, root, list)?;
                count(&mut stats, root, &rows, at, &mut expiries);
                *stats.rows.entry(root.symbol().to_owned()).or_default() += rows.len() as u64;
                last.insert(root, rows);
            }
            let spot = match snapshot.spot {
                Some(spot) => spot,
                None => spot_at(job, &file, underlying, at, &last)?,
            };
            stats.see(at, spot);
            for (root, rows) in &mut last {
                tally.see(rows);
                let snapshot = SnapshotRows {
                    at,
                    spot,
                    rows: std::mem::take(rows),
                };
                let day = match written.entry(*root) {
                    Entry::Occupied(day) => day.into_mut(),
                    Entry::Vacant(none) => none.insert(job.writer.begin_chains(*root, date)?),
                };
                day.push(&snapshot)?;
                *rows = snapshot.rows;
            }
        }
        stats.expiries = expiries.len() as u64;
        tally.check(&file, date)?;
        let stale = stale_copy(job, underlying, date, &last)?;
        let closed = !ExchangeCalendar::nyse().is_session(date);
        if closed || stale.is_some() {
            let mut reason = Vec::new();
            if closed {
                reason.push(format!("{date} was no trading day: NYSE was closed"));
            }
            reason.extend(stale);
            job.refuse(Refusal {
                file,
                date: Some(date.to_string()),
                reason: reason.join("; "),
            });
            return Ok(());
        }
        let mut fresh = false;
        for day in written.into_values() {
            let added = job.writer.end_chains(day);
            fresh |= added.map_err(|e| ImportError::from(e).in_file(&file))?;
        }
        if fresh {
            job.quality.chain_days.push(stats);
        } else {
            job.quality.already_stored.push(format!("{date} ({file})"));
        }
        job.previous.insert(underlying, (date, last));
        Ok(())
    }

    /// Rows in order, each contract once.
    fn settle_duplicates(
        &self,
        job: &mut Job<'_>,
        stats: &mut ChainDay,
        root: Root,
        mut list: Vec<(ChainRow, Origin)>,
    ) -> Result<Vec<ChainRow>, ImportError> {
        list.sort_by_key(|(row, origin)| (row.key(), *origin));
        let mut sorted: Vec<ChainRow> = Vec::with_capacity(list.len());
        for (row, origin) in list {
            match sorted.last() {
                Some(last) if *last == row => stats.duplicates += 1,
                Some(last) if last.key() == row.key() => {
                    self.check_one_root(root, &row, origin)?;
                    stats.bad_rows += 1;
                    job.bad_row(self.contradiction(root, &row, origin))?;
                }
                _ => sorted.push(row),
            }
        }
        Ok(sorted)
    }

    /// Without a root column, two quotes of one contract on a day that two roots share are two contracts: no rule can
    /// tell them apart, and leaving the second out would be a guess.
    fn check_one_root(&self, root: Root, row: &ChainRow, origin: Origin) -> Result<(), ImportError> {
        let (underlying, expiry) = (root.underlying(), row.expiry);
        if !self.shared.contains(&(root, expiry)) {
            return Ok(());
        }
        let what = format!(
            "{underlying} {expiry} {} stands there twice with different quotes: two roots share the day, and the source has no root column to tell them apart",
            row.strike
        );
        let help = "leave that expiry out with `--root monthly=skip,other=SPXW`, or get a source that names the root";
        let error = ImportError::new(ImportErrorKind::Ambiguous, what, help);
        Err(error.in_file(origin.file(&self.files)).at_line(origin.line()))
    }

    fn contradiction(&self, root: Root, row: &ChainRow, origin: Origin) -> BadRow {
        let right = if row.right == Right::Put { "put" } else { "call" };
        BadRow {
            file: origin.file(&self.files).to_owned(),
            line: origin.line(),
            column: self.contract.clone(),
            what: format!(
                "{} {} {} {right} is given twice with different quotes",
                root.symbol(),
                row.expiry,
                row.strike
            ),
        }
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

/// The scratch file could not be written or read.
fn scratch(e: &std::io::Error) -> ImportError {
    let what = format!("cannot write rows beside the store: {}", crate::store::reason(e));
    ImportError::new(ImportErrorKind::Io, what, "check that the disk has room")
}

/// Latest local hour at which a source may still state the quotes of the close.
const CLOSE_STATED_UNTIL: u32 = 18;

/// Snapshots of the regular session. A day whose only quotes are stated after the close (the 17:15 report, a page saved
/// in the evening, 16:00 on a half day) holds those of the close; otherwise what lies outside is left out and counted.
fn within_hours(
    job: &mut Job<'_>,
    stats: &mut ChainDay,
    date: Date,
    snapshots: BTreeMap<Instant, Snapshot>,
) -> Vec<(Instant, Snapshot)> {
    let calendar = ExchangeCalendar::nyse();
    let full = snapshots.into_iter().filter(|(_, s)| !s.rows.is_empty());
    let (Some(open), Some(close)) = (calendar.open_at(date), calendar.options_close_at(date)) else {
        // No session: refused as a whole.
        return full.collect();
    };
    let (mut inside, mut outside): (Vec<_>, Vec<_>) = full.partition(|(at, _)| (open..=close).contains(at));
    let late = |at: &Instant| *at > close && at.eastern().hour() < CLOSE_STATED_UNTIL;
    if inside.is_empty()
        && let Some(first) = outside.iter().position(|(at, _)| late(at))
    {
        job.assume_once("quotes stated after the close, and none before it: taken as those of the close");
        inside.push((close, outside.remove(first).1));
    }
    let rows = |s: &Snapshot| s.rows.values().map(Held::len).sum::<usize>() as u64;
    stats.outside_hours = outside.iter().map(|(_, s)| rows(s)).sum();
    inside
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

fn count(
    stats: &mut ChainDay,
    root: Root,
    rows: &[ChainRow],
    at: Instant,
    expiries: &mut BTreeSet<(Root, Date)>,
) {
    let calendar = ExchangeCalendar::nyse();
    for run in rows.chunk_by(|a, b| a.expiry == b.expiry) {
        let Some(expiry) = run.first().map(|r| r.expiry) else {
            continue;
        };
        expiries.insert((root, expiry));
        if calendar.last_trade_at(root, expiry).is_some_and(|t| t < at) {
            stats.settled += run.len() as u64;
        }
    }
    for row in rows {
        stats.zero_bid += u64::from(row.bid == Price::ZERO);
        stats.zero_ask += u64::from(row.ask == Price::ZERO);
        stats.crossed += u64::from(row.bid > row.ask);
        stats.locked += u64::from(row.bid == row.ask && row.ask > Price::ZERO);
        stats.iv_zero += u64::from(row.vendor.iv == Some(0.0));
    }
}

impl ChainDay {
    /// Another snapshot of the day; they come in order of time.
    fn see(&mut self, at: Instant, spot: Price) {
        let time = fmt_time(at);
        self.snapshots += 1;
        self.snapshot = match self.snapshot.split_once(" to ") {
            _ if self.snapshot.is_empty() => time,
            Some((first, _)) => format!("{first} to {time}"),
            None => format!("{} to {time}", self.snapshot),
        };
        self.underlying = spot.to_string();
    }
}
