//! Days being put together: rows of an instant are a snapshot, the snapshots of a date are stored together, and rows
//! that are too many for the memory wait on disk.

use super::super::error::{BadRow, ImportError, ImportErrorKind};
use super::super::quality::ChainDay;
use super::super::{Job, fmt_time};
use super::depth::{self, Depths};
use super::spill::{Chunk, Spill};
use super::spot::spot_at;
use super::stale::stale_copy;
use super::swapped::Tally;
use crate::calendar::ExchangeCalendar;
use crate::contract::{Right, Root};
use crate::money::Price;
use crate::store::{ChainRow, DayWriter, Refusal, SnapshotRows};
use crate::time::{Date, Instant};
use chrono::Timelike as _;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Rows kept in memory; beyond it they wait on disk.
pub(super) const HELD_ROWS_MAX: usize = if cfg!(test) { 50 } else { 1_000_000 };

/// Rows of one instant by root, sorted, as the stale test compares them.
pub(in super::super) type DayRows = BTreeMap<Root, Vec<ChainRow>>;

/// One instant being collected.
pub(super) struct Snapshot {
    pub(super) spot: Option<Price>,
    pub(super) first_line: u64,
    pub(super) rows: BTreeMap<Root, Held>,
}

/// Rows of one root: in memory, and waiting on disk.
#[derive(Default)]
pub(super) struct Held {
    pub(super) rows: Vec<(ChainRow, Origin)>,
    spilled: Vec<Chunk>,
}

impl Held {
    fn len(&self) -> usize {
        self.rows.len() + self.spilled.iter().map(|c| c.rows).sum::<usize>()
    }
}

/// One day of one underlying being collected.
#[derive(Default)]
pub(super) struct Day {
    pub(super) snapshots: BTreeMap<Instant, Snapshot>,
    pub(super) count: usize,
    pub(super) bad: u64,
    /// Files that it comes from, as positions in [`Days::files`].
    pub(super) files: BTreeSet<u64>,
}

/// Days that are not complete yet.
#[derive(Default)]
pub(in super::super) struct Days {
    pub(super) files: Vec<String>,
    pub(super) open: BTreeMap<(&'static str, Date), Day>,
    /// Expiries that two roots share: no row of theirs may be left out as a repetition.
    pub(super) shared: BTreeSet<(Root, Date)>,
    /// Name of the column that names the contract.
    pub(super) contract: String,
    /// Rows in memory.
    pub(super) held: usize,
    pub(super) spill: Option<Spill>,
}

/// Where a row stands: the file's position in [`Days::files`] and the line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin(pub(super) u64);

/// Bits of an [`Origin`] that hold the line.
const LINE_BITS: u32 = 40;

impl Origin {
    pub(super) const fn new(file: u64, line: u64) -> Self {
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

impl Days {
    /// Moves all rows to disk.
    pub(super) fn spill(&mut self, job: &Job<'_>) -> Result<(), ImportError> {
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
        let mut depths = Depths::new();
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
            depth::see(&mut depths, underlying, &last, spot, at);
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
            job.depths.append(&mut depths);
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
