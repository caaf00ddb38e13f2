//! Importers: source files into the canonical store, every value exact or refused, every assumption on record.
//!
//! One call, [`run`], takes files and folders of any known layout. It either adds everything that it did not refuse, or
//! nothing: an error leaves the target as it was.
//!
//! What is *refused* (a holiday's file, a stale copy, a file in a folder that no layout fits) is listed in the report and
//! the import goes on without it; `strict` makes it an error. What is *malformed* is an error with file, line and column;
//! `skip_bad` counts and lists such rows instead. Days without a file are reported as gaps and never filled in.

mod availability;
pub use availability::known_at;
mod chains;
#[cfg(feature = "databento")]
mod dbn;
mod error;
mod events;
mod external;
mod fields;
mod futures;
mod input;
mod layout;
mod mapping;
mod parquet;
mod quality;
mod series;

pub use chains::{RootChoice, RootRule, STALE_QUOTES_SHARE_MIN, STALE_TRADES_SHARE_MIN, SpotFrom};
pub use error::{BadRow, ImportError, ImportErrorKind};
pub use layout::Layout;
pub use mapping::{EXAMPLE as MAPPING_EXAMPLE, Mapping, MappingKind};
pub use quality::{
    ChainDay, ChainTotals, EventQuality, FileOutcome, LISTED_MAX, Listed, QualityReport, SeriesQuality,
};

use crate::calendar::ExchangeCalendar;
use crate::contract::Root;
use crate::history::{History, HistoryError};
use crate::series::{BarSize, SeriesData};
use crate::store::{Refusal, Source, StoreHistory, StoreWriter, is_valid_id};
use crate::time::{Date, Instant};
use chains::DayRows;
use input::{Table, name_of};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What to import, and how strictly.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// Files, and folders whose `.csv`, `.txt`, `.json` and `.parquet` files are taken in order of name; gzip for all but
    /// the last.
    pub inputs: Vec<PathBuf>,
    /// The store's folder.
    pub store: PathBuf,
    /// Eastern hour and minute at which chains without a time of their own are taken to have stood; three hours earlier
    /// on half days.
    pub snapshot_time: (u32, u32),
    /// Count and list rows that cannot be read, instead of stopping at the first.
    pub skip_bad: bool,
    /// Add to an existing store.
    pub append: bool,
    /// Stop when anything has to be refused or two sources disagree.
    pub strict: bool,
    /// Layout of all inputs; told from each header when absent.
    pub kind: Option<Layout>,
    /// Identifier for an input that holds one series and does not name it.
    pub series_id: Option<String>,
    /// Roots of chains whose source names the underlying alone.
    pub roots: Option<RootRule>,
    /// Zone of times whose source does not say it.
    pub time_zone: Option<chrono_tz::Tz>,
    /// Where the underlying's price comes from when the source of a chain has none.
    pub spot: SpotFrom,
    /// What the columns of all inputs mean, in place of a layout.
    pub mapping: Option<Mapping>,
    /// Minutes between the snapshots taken of a source that has every change of a quote; one a day, at the snapshot
    /// time, when absent.
    pub sample_minutes: Option<u32>,
}

impl ImportRequest {
    /// A request with the defaults: snapshots at 15:45, stop at bad rows, a new store.
    #[must_use]
    pub const fn new(inputs: Vec<PathBuf>, store: PathBuf) -> Self {
        Self {
            inputs,
            store,
            snapshot_time: (15, 45),
            skip_bad: false,
            append: false,
            strict: false,
            kind: None,
            series_id: None,
            roots: None,
            time_zone: None,
            spot: SpotFrom::Series,
            mapping: None,
            sample_minutes: None,
        }
    }
}

/// A time zone by its name in the IANA list.
#[must_use]
pub fn time_zone(name: &str) -> Option<chrono_tz::Tz> {
    name.parse().ok()
}

/// Told how far an import is; units are bytes of the source files.
pub trait Progress {
    /// Work begins; `total` bytes will be read.
    fn start(&mut self, total: u64);
    /// So many more bytes were read, of this file.
    fn advance(&mut self, n: u64, what: &str);
    /// Work is done.
    fn finish(&mut self);
}

/// No progress shown.
impl Progress for () {
    fn start(&mut self, _total: u64) {}
    fn advance(&mut self, _n: u64, _what: &str) {}
    fn finish(&mut self) {}
}

/// What an import did.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportReport {
    /// The store.
    pub store: PathBuf,
    /// The store existed and was extended.
    pub appended: bool,
    /// What was counted, refused and assumed.
    pub quality: QualityReport,
}

/// The state of a running import.
struct Job<'a> {
    writer: StoreWriter,
    /// The store that is extended, as it was.
    held: Option<StoreHistory>,
    quality: QualityReport,
    progress: &'a mut dyn Progress,
    snapshot_time: (u32, u32),
    skip_bad: bool,
    series_id: Option<&'a str>,
    roots: Option<RootRule>,
    time_zone: Option<chrono_tz::Tz>,
    spot: SpotFrom,
    mapping: Option<&'a Mapping>,
    external: external::Pending,
    /// Minutes between the snapshots taken of sources with every change of a quote; one a day when absent.
    every: Option<u32>,
    /// Days of chains to which later files may add.
    days: chains::Days,
    /// What the quotes of each new day showed near the money.
    depths: chains::Depths,
    /// Series from which the price of an underlying was taken.
    spots: BTreeMap<(String, BarSize), Option<SeriesData>>,
    series: BTreeMap<String, series::Building>,
    events: BTreeMap<String, events::Building>,
    /// The last day of chains let in, by underlying.
    previous: BTreeMap<&'static str, (Date, DayRows)>,
}

impl Job<'_> {
    /// Counts a bad row, or stops at it.
    fn bad_row(&mut self, row: BadRow) -> Result<(), ImportError> {
        if !self.skip_bad {
            return Err(ImportError::bad_row(&row));
        }
        self.quality.bad_rows.push(row);
        Ok(())
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.writer.refuse(refusal.clone());
        self.quality.refused.push(refusal);
    }

    fn assume(&mut self, text: String) {
        self.writer.assume(text.clone());
        self.quality.assumptions.push(text);
    }

    /// An assumption that many rows share.
    fn assume_once(&mut self, text: &str) {
        if !self.quality.assumptions.iter().any(|held| held == text) {
            self.assume(text.to_owned());
        }
    }

    fn finish_table(&mut self, mut table: Table, layout: Layout, rows: u64) -> Result<(), ImportError> {
        let bytes = table.progress();
        self.progress.advance(bytes, &table.name);
        let file = table.name.clone();
        let sha256 = table.finish()?;
        self.finish_source(file, sha256, layout, rows);
        Ok(())
    }

    /// Records a file that was read.
    fn finish_source(&mut self, file: String, sha256: String, layout: Layout, rows: u64) {
        self.writer.source(Source {
            file: file.clone(),
            sha256,
            layout: layout.name().to_owned(),
        });
        self.quality.files.push(FileOutcome {
            file,
            layout: layout.name().to_owned(),
            rows,
        });
    }

    /// The chains of the last day before a date: of this import, or of the store that is extended.
    fn previous_day(
        &mut self,
        underlying: &'static str,
        date: Date,
    ) -> Result<Option<&(Date, DayRows)>, ImportError> {
        let earlier = self
            .previous
            .get(underlying)
            .map(|(d, _)| *d)
            .filter(|d| *d < date);
        if let Some(held) = &self.held
            && let Some(first) = held.range(underlying).map(|(first, _)| first)
            && let Some(day) = date
                .pred_opt()
                .and_then(|to| held.ticks(underlying, first, to).last().map(|t| t.date()))
            && earlier.is_none_or(|e| e < day)
        {
            let mut rows = DayRows::new();
            for root in Root::ALL.into_iter().filter(|r| r.underlying() == underlying) {
                if let Some(last) = held.day_rows(root, day)?.pop() {
                    rows.insert(root, last.rows);
                }
            }
            self.previous.insert(underlying, (day, rows));
        }
        Ok(self.previous.get(underlying).filter(|(d, _)| *d < date))
    }
}

impl ImportError {
    fn history(e: HistoryError) -> Self {
        Self::new(
            ImportErrorKind::Store(crate::store::StoreErrorKind::Damaged),
            e.what,
            e.help,
        )
    }
}

fn fmt_time(at: Instant) -> String {
    at.eastern().format("%H:%M").to_string()
}

/// A file to read, and whether it was named or found in a folder.
struct Input {
    path: PathBuf,
    bytes: u64,
    found: bool,
}

/// Imports files and folders into a store.
///
/// # Errors
/// When the request makes no sense, a file or row cannot be read (see [`ImportRequest::skip_bad`]), something was refused
/// under [`ImportRequest::strict`], or the store cannot be written. The target is then as it was before.
pub fn run(request: &ImportRequest, progress: &mut dyn Progress) -> Result<ImportReport, ImportError> {
    check_request(request)?;
    let inputs = collect(&request.inputs)?;
    let (writer, held) = if request.append {
        (
            StoreWriter::append(&request.store)?,
            Some(StoreHistory::open(&request.store)?),
        )
    } else {
        (StoreWriter::create(&request.store)?, None)
    };
    let mut job = Job {
        writer,
        held,
        quality: QualityReport::default(),
        progress,
        snapshot_time: request.snapshot_time,
        skip_bad: request.skip_bad,
        series_id: request.series_id.as_deref(),
        roots: request.roots.clone(),
        time_zone: request.time_zone,
        spot: request.spot,
        mapping: request.mapping.as_ref(),
        external: external::Pending::default(),
        every: request.sample_minutes,
        days: chains::Days::default(),
        spots: BTreeMap::new(),
        series: BTreeMap::new(),
        events: BTreeMap::new(),
        depths: BTreeMap::new(),
        previous: BTreeMap::new(),
    };
    job.progress.start(inputs.iter().map(|i| i.bytes).sum());
    let (chains, rest) = sort_out(&mut job, inputs, request)?;
    if request.series_id.is_some() && rest.len() != 1 {
        return Err(ImportError::new(
            ImportErrorKind::Request,
            format!(
                "`--series-id` names one series, but {} files are not chains",
                rest.len()
            ),
            "import that file alone",
        ));
    }
    for (path, layout) in rest {
        let table = open(&path, request)?;
        match layout {
            Layout::KnownSeries | Layout::MappedSeries => external::import_series(&mut job, table, layout)?,
            Layout::MinuteBars | Layout::MappedBars => external::import_bars(&mut job, table, layout)?,
            Layout::CfeFutures | Layout::FutureSettlements => futures::import(&mut job, table, layout)?,
            Layout::FomcDates | Layout::CpiDates | Layout::Releases => {
                events::import(&mut job, table, layout)?
            }
            _ => series::import(&mut job, table, layout)?,
        }
    }
    series::finish(&mut job)?;
    events::finish(&mut job)?;
    external::finish(&mut job)?;
    // After the series, which may say where the underlying of a chain stood.
    for (path, layout) in chains {
        if layout == Layout::CboeJson {
            chains::import_json(&mut job, &path)?;
            continue;
        }
        let table = open(&path, request)?;
        chains::import(&mut job, table, layout)?;
    }
    chains::finish(&mut job)?;
    chains::finish_depths(&mut job)?;
    finish(job, request)
}

fn finish(mut job: Job<'_>, request: &ImportRequest) -> Result<ImportReport, ImportError> {
    job.quality.gaps = gaps(&job.writer);
    job.quality
        .chain_days
        .sort_by(|a, b| (&a.date, &a.file).cmp(&(&b.date, &b.file)));
    if request.strict {
        check_strict(&job.quality)?;
    }
    let appended = request.append;
    if !job.writer.has_changes() {
        let q = &job.quality;
        let known = q.series.iter().any(|s| s.rows > 0) || q.events.iter().any(|e| e.rows > 0);
        if appended && (known || !q.already_stored.is_empty()) {
            // All of it is in the store already: nothing to write, and nothing wrong.
            job.progress.finish();
            return Ok(ImportReport {
                store: request.store.clone(),
                appended,
                quality: job.quality,
            });
        }
        let why = job
            .quality
            .refused
            .first()
            .map_or_else(String::new, |r| format!(": {}: {}", r.file, r.reason));
        let help = "name files or folders with at least one session that can be stored";
        return Err(ImportError::new(
            ImportErrorKind::Nothing,
            format!("nothing was left to store{why}"),
            help,
        ));
    }
    let json = quality_history(&job)?;
    job.writer.put_quality(&json)?;
    let Job {
        writer,
        quality,
        progress,
        ..
    } = job;
    writer.finish()?;
    progress.finish();
    Ok(ImportReport {
        store: request.store.clone(),
        appended: request.append,
        quality,
    })
}

/// The reports of all imports into a store, oldest first, keys sorted.
fn quality_history(job: &Job<'_>) -> Result<String, ImportError> {
    let unreadable = |e: serde_json::Error| {
        let what = format!("the store's quality report cannot be read: {e}");
        ImportError::new(
            ImportErrorKind::Store(crate::store::StoreErrorKind::Damaged),
            what,
            "import into a new store",
        )
    };
    let held = match &job.held {
        Some(store) => store.quality_json()?,
        None => None,
    };
    let mut imports: Vec<serde_json::Value> = held
        .map(|json| serde_json::from_str(&json))
        .transpose()
        .map_err(unreadable)?
        .unwrap_or_default();
    imports.push(serde_json::to_value(&job.quality).map_err(unreadable)?);
    serde_json::to_string_pretty(&imports)
        .map(|t| t + "\n")
        .map_err(unreadable)
}

fn check_request(request: &ImportRequest) -> Result<(), ImportError> {
    let wrong = |what: String, help: &str| Err(ImportError::new(ImportErrorKind::Request, what, help));
    if request.inputs.is_empty() {
        return wrong("nothing to import".to_owned(), "name files or folders");
    }
    if request.kind.is_some() && request.mapping.is_some() {
        return wrong(
            "a layout and a mapping are asked for".to_owned(),
            "name one of the two: they say the same thing",
        );
    }
    let (hour, minute) = request.snapshot_time;
    if minute > 59 || !(9 * 60 + 30..=16 * 60 + 15).contains(&(hour.min(99) * 60 + minute)) {
        return wrong(
            format!("{hour:02}:{minute:02} is no time of a session"),
            "give a time from 09:30 to 16:15 Eastern",
        );
    }
    match &request.series_id {
        Some(id) if !is_valid_id(id) => wrong(
            format!("`{id}` cannot name a series"),
            "use letters, digits, `.`, `_` or `-`, such as `NYSE.ADLINE`",
        ),
        _ => Ok(()),
    }
}

/// Opens a file as it is written.
fn open(path: &Path, request: &ImportRequest) -> Result<Table, ImportError> {
    let delimiter = request.mapping.as_ref().and_then(|m| m.delimiter);
    Table::open_as(path, input::Dialect { delimiter })
}

/// A file whose ending is not one of a table alone.
fn is_other_text(path: &Path) -> bool {
    let name = name_of(path).to_lowercase();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    plain.ends_with(".txt") || plain.ends_with(".json")
}

/// Endings of files that a folder is searched for, packed or not.
const ENDINGS: &[&str] = if cfg!(feature = "databento") {
    &[".csv", ".txt", ".json", ".parquet", ".dbn", ".dbn.zst"]
} else {
    &[".csv", ".txt", ".json", ".parquet"]
};
/// Endings of files that are read with the ones beside them, never alone.
const COMPANIONS: [&str; 2] = [".definition.dbn", ".definition.dbn.zst"];

/// Files to read, in order; each once.
fn collect(paths: &[PathBuf]) -> Result<Vec<Input>, ImportError> {
    let fail = |path: &Path, e: &std::io::Error| {
        let what = format!("cannot read `{}`: {}", path.display(), crate::store::reason(e));
        ImportError::new(
            ImportErrorKind::Io,
            what,
            "check that the path exists and that you may read it",
        )
    };
    let mut inputs: Vec<Input> = Vec::new();
    for path in paths {
        let meta = std::fs::metadata(path).map_err(|e| fail(path, &e))?;
        if !meta.is_dir() {
            inputs.push(Input {
                path: path.clone(),
                bytes: meta.len(),
                found: false,
            });
            continue;
        }
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path).map_err(|e| fail(path, &e))? {
            let file = entry.map_err(|e| fail(path, &e))?.path();
            let name = name_of(&file).to_lowercase();
            let meta = std::fs::metadata(&file).map_err(|e| fail(&file, &e))?;
            let plain = name.strip_suffix(".gz").unwrap_or(&name);
            let ends = |all: &[&str]| all.iter().any(|end| plain.ends_with(end));
            if meta.is_file() && ends(ENDINGS) && !ends(&COMPANIONS) {
                found.push(Input {
                    path: file,
                    bytes: meta.len(),
                    found: true,
                });
            }
        }
        if found.is_empty() {
            let what = format!("`{}` holds no .csv, .txt, .json or .parquet file", path.display());
            return Err(ImportError::new(
                ImportErrorKind::Request,
                what,
                "name the folder that holds the files",
            ));
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        inputs.extend(found);
    }
    let mut seen = std::collections::BTreeSet::new();
    inputs.retain(|i| seen.insert(i.path.clone()));
    Ok(inputs)
}

/// Files with their layouts: chains in order of file name (so of date), the rest as given.
type SortedOut = (Vec<(PathBuf, Layout)>, Vec<(PathBuf, Layout)>);

fn sort_out(
    job: &mut Job<'_>,
    inputs: Vec<Input>,
    request: &ImportRequest,
) -> Result<SortedOut, ImportError> {
    let (mut chains, mut rest) = (Vec::new(), Vec::new());
    for input in inputs {
        let chosen = request.kind.is_none_or(|k| k == Layout::CboeJson) && request.mapping.is_none();
        if chosen && input::is_json(&input.path)? {
            chains.push((input.path, Layout::CboeJson));
            continue;
        }
        let table = match open(&input.path, request) {
            Ok(table) => table,
            // Text files of other purposes lie in folders too.
            Err(e) if input.found && is_other_text(&input.path) => {
                job.refuse(Refusal {
                    file: name_of(&input.path),
                    date: None,
                    reason: e.what,
                });
                job.progress.advance(input.bytes, &name_of(&input.path));
                continue;
            }
            Err(e) => return Err(e),
        };
        let mapped = request.mapping.as_ref().map(|m| match m.kind() {
            MappingKind::Chains => Layout::MappedChain,
            MappingKind::Series => Layout::MappedSeries,
            MappingKind::Bars => Layout::MappedBars,
        });
        let layout = match mapped.or(request.kind) {
            Some(layout) => layout,
            None => match layout::sniff(&table) {
                Ok(layout) => layout,
                Err(e) if input.found && e.kind == ImportErrorKind::UnknownLayout => {
                    job.refuse(Refusal {
                        file: table.name.clone(),
                        date: None,
                        reason: e.what,
                    });
                    job.progress.advance(input.bytes, &table.name);
                    continue;
                }
                Err(e) => return Err(e),
            },
        };
        if layout.is_chain() {
            chains.push((input.path, layout))
        } else {
            rest.push((input.path, layout))
        }
    }
    chains.sort_by_key(|(path, _)| (name_of(path), path.clone()));
    Ok((chains, rest))
}

/// Sessions without a chain between an underlying's first and last, over the whole store.
fn gaps(writer: &StoreWriter) -> BTreeMap<String, Vec<String>> {
    let mut days: BTreeMap<String, std::collections::BTreeSet<Date>> = BTreeMap::new();
    for (symbol, entries) in &writer.manifest().chains {
        let underlying = Root::parse(symbol).map_or("", Root::underlying);
        let held = days.entry(underlying.to_owned()).or_default();
        held.extend(entries.keys().filter_map(|d| d.parse::<Date>().ok()));
    }
    let mut gaps = BTreeMap::new();
    for (underlying, held) in days {
        let (Some(first), Some(last)) = (held.first(), held.last()) else {
            continue;
        };
        let sessions = ExchangeCalendar::nyse().sessions(*first, *last);
        let missing: Vec<String> = sessions
            .iter()
            .filter(|d| !held.contains(d))
            .map(Date::to_string)
            .collect();
        if !missing.is_empty() {
            gaps.insert(underlying, missing);
        }
    }
    gaps
}

fn check_strict(quality: &QualityReport) -> Result<(), ImportError> {
    let fail = |what: String| {
        let help =
            "correct or leave out the source, or import without `--strict`: it is then refused and listed";
        Err(ImportError::new(ImportErrorKind::Strict, what, help))
    };
    if let Some(refusal) = quality.refused.first() {
        let error = fail(format!("refused: {}", refusal.reason));
        return error.map_err(|e| e.in_file(&refusal.file));
    }
    for series in &quality.series {
        if let Some(conflict) = series.conflicts.first.first() {
            return fail(format!("sources disagree on {}: {conflict}", series.id));
        }
        if let Some(date) = series.off_session.first.first() {
            return fail(format!(
                "{} has a row on {date}, a day without a session",
                series.id
            ));
        }
    }
    for event in &quality.events {
        if let Some(conflict) = event.conflicts.first.first() {
            return fail(format!("sources disagree on {}: {conflict}", event.id));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
