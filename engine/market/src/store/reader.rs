//! Reading a store, lazily and with proof that each file is the one that was written.

use super::chains::{self, SnapshotRows};
use super::columns::File;
use super::error::{StoreError, StoreErrorKind};
use super::manifest::{MANIFEST, Manifest, StoredFile};
use super::tables;
use super::writer::series_key;
use crate::calendar::ExchangeCalendar;
use crate::chain::ChainSnapshot;
use crate::contract::{Root, Settlement, SettlementValue};
use crate::digest::sha256;
use crate::history::{History, HistoryError, Provenance};
use crate::money::Price;
use crate::series::{BarSize, EventData, SeriesData, Vintages};
use crate::time::{Date, Instant};
use parquet::errors::ParquetError;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a store is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Option rows kept decoded, about 40 bytes each; the snapshots used longest ago make room.
    pub cache_rows_max: u64,
    /// Bytes of chain files kept in memory, proven and as they lie on disk, so that the snapshots of a day read its files
    /// once; the file used longest ago makes room.
    pub cache_bytes_max: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_rows_max: 4_000_000,
            cache_bytes_max: 256 << 20,
        }
    }
}

/// Where one root's part of a snapshot lies.
#[derive(Clone, Debug)]
struct Part {
    root: Root,
    day: String,
    group: usize,
    rows: u64,
    spot: Price,
}

type Memo<T> = Mutex<BTreeMap<String, Option<Arc<T>>>>;

/// A store on disk as a [`History`].
///
/// Opening compares the length of every file with the manifest; reading a file compares its SHA-256 as well, on the very
/// bytes that are then decoded. Later additions to the store are not seen.
#[derive(Debug)]
pub struct StoreHistory {
    store: PathBuf,
    label: String,
    manifest: Manifest,
    hash: String,
    /// Parts of each snapshot, by underlying and instant.
    snapshots: BTreeMap<&'static str, BTreeMap<Instant, Vec<Part>>>,
    cache: Mutex<SnapshotCache>,
    files: Mutex<FileCache>,
    series: Memo<SeriesData>,
    events: Memo<EventData>,
    vintages: Memo<Vintages>,
}

impl StoreHistory {
    /// Opens a store with the default options.
    ///
    /// # Errors
    /// When it is missing, of another version, or a file has not the length that the manifest says.
    pub fn open(store: &Path) -> Result<Self, StoreError> {
        Self::open_with(store, StoreOptions::default())
    }

    /// Opens a store.
    ///
    /// # Errors
    /// As for [`StoreHistory::open`].
    pub fn open_with(store: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let (manifest, hash) = Manifest::load(store)?;
        for file in manifest.data_files().chain(&manifest.quality) {
            check_length(store, file)?;
        }
        let snapshots = index(&manifest)?;
        let name = store
            .canonicalize()
            .ok()
            .and_then(|p| p.file_name().map(|n| n.to_string_lossy().into_owned()));
        let label = name.unwrap_or_else(|| store.display().to_string());
        Ok(Self {
            store: store.to_owned(),
            label: if manifest.simulated {
                format!("{label} (simulated)")
            } else {
                label
            },
            manifest,
            hash,
            snapshots,
            cache: Mutex::new(SnapshotCache::new(options.cache_rows_max)),
            files: Mutex::new(FileCache::new(options.cache_bytes_max)),
            series: Mutex::new(BTreeMap::new()),
            events: Mutex::new(BTreeMap::new()),
            vintages: Mutex::new(BTreeMap::new()),
        })
    }

    /// The manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The quality report as JSON, when one was stored.
    ///
    /// # Errors
    /// When its file is missing or changed.
    pub fn quality_json(&self) -> Result<Option<String>, StoreError> {
        let Some(file) = &self.manifest.quality else {
            return Ok(None);
        };
        let bytes = self.read(file)?;
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|e| StoreError::damaged(&file.path, e))
    }

    /// Every column of one root's snapshots of a day, the vendor's numbers included.
    ///
    /// # Errors
    /// When the file is missing or changed. A day that the store does not have gives no rows.
    pub fn day_rows(&self, root: Root, date: Date) -> Result<Vec<SnapshotRows>, StoreError> {
        let Some(entry) = self
            .manifest
            .chains
            .get(root.symbol())
            .and_then(|d| d.get(&date.to_string()))
        else {
            return Ok(Vec::new());
        };
        let damaged = |e: ParquetError| StoreError::damaged(&entry.file.path, e);
        let file = File::open(self.read(&entry.file)?).map_err(damaged)?;
        (0..entry.snapshots.len())
            .map(|group| chains::decode_rows(&file, group).map_err(damaged))
            .collect()
    }

    /// Reads a file whole and proves that it is the one that was written.
    fn read(&self, file: &StoredFile) -> Result<Vec<u8>, StoreError> {
        let path = self.store.join(&file.path);
        let bytes = std::fs::read(&path).map_err(|e| StoreError::io("read", &path, &e))?;
        if sha256(&bytes) == file.sha256 {
            return Ok(bytes);
        }
        Err(StoreError::damaged(
            &file.path,
            format_args!("its content is not what {MANIFEST} recorded"),
        ))
    }

    /// A chain file, read and proven once for all snapshots of its day.
    fn chain_file(&self, file: &StoredFile) -> Result<Arc<File>, StoreError> {
        if let Some(open) = lock(&self.files).get(&file.path) {
            return Ok(open);
        }
        let opened = File::open(self.read(file)?).map_err(|e| StoreError::damaged(&file.path, e))?;
        let opened = Arc::new(opened);
        lock(&self.files).put(&file.path, Arc::clone(&opened));
        Ok(opened)
    }

    fn build(&self, underlying: &str, at: Instant, parts: &[Part]) -> Result<ChainSnapshot, StoreError> {
        let mut expiries = Vec::new();
        let mut spot = Price::ZERO;
        for part in parts {
            let entry = self
                .manifest
                .chains
                .get(part.root.symbol())
                .and_then(|d| d.get(&part.day));
            let Some(entry) = entry else { continue };
            let damaged = |e: ParquetError| StoreError::damaged(&entry.file.path, e);
            let file = self.chain_file(&entry.file)?;
            expiries.extend(chains::decode_chains(&file, part.group, part.root, at).map_err(damaged)?);
            spot = part.spot;
        }
        expiries.sort_by_key(|c| (c.expiry, c.root));
        Ok(ChainSnapshot {
            at,
            underlying: underlying.to_owned(),
            spot,
            expiries,
        })
    }

    fn table<T>(
        &self,
        memo: &Memo<T>,
        key: String,
        file: Option<&StoredFile>,
        decode: impl Fn(&File) -> Result<T, ParquetError>,
    ) -> Result<Option<Arc<T>>, StoreError> {
        if let Some(known) = lock(memo).get(&key) {
            return Ok(known.clone());
        }
        let read = |file: &StoredFile| -> Result<Arc<T>, StoreError> {
            let damaged = |e: ParquetError| StoreError::damaged(&file.path, e);
            let decoded = File::open(self.read(file)?)
                .and_then(|f| decode(&f))
                .map_err(damaged)?;
            Ok(Arc::new(decoded))
        };
        let value = file.map(read).transpose()?;
        lock(memo).insert(key, value.clone());
        Ok(value)
    }

    fn session_series(&self, id: &str) -> Result<Option<Arc<SeriesData>>, StoreError> {
        let file = self.manifest.series.get(id).map(|t| &t.file);
        self.table(&self.series, id.to_owned(), file, tables::decode_series)
    }

    fn first_known(&self, ids: &[(&str, bool)], day: Date) -> Result<Option<(f64, bool)>, StoreError> {
        for (id, approximate) in ids {
            let Some(series) = self.session_series(id)? else {
                continue;
            };
            let Ok(i) = series.date.binary_search(&day) else {
                continue;
            };
            let column = if *approximate { &series.open } else { &series.close };
            if let Some(value) = column.get(i).copied().flatten() {
                return Ok(Some((value, *approximate)));
            }
        }
        Ok(None)
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.manifest.assumptions.clone();
        // A refused day is a caveat of every result; a file that was never market data is not.
        for refusal in &self.manifest.refused {
            if let Some(day) = &refusal.date {
                notes.push(format!("refused: {} ({day}): {}", refusal.file, refusal.reason));
            }
        }
        for underlying in self.snapshots.keys() {
            let Some((from, to)) = self.range(underlying) else {
                continue;
            };
            let gaps: Vec<String> = self
                .gaps(underlying, from, to)
                .iter()
                .map(Date::to_string)
                .collect();
            if !gaps.is_empty() {
                notes.push(format!(
                    "{underlying} chains are missing for {} sessions: {}",
                    gaps.len(),
                    gaps.join(", ")
                ));
            }
        }
        for (root, official, stand_in) in [(Root::Spx, "SET", "SPX"), (Root::Vix, "VRO", "VIX")] {
            if self.manifest.chains.contains_key(root.symbol())
                && !self.manifest.series.contains_key(official)
            {
                notes.push(format!(
                    "{official} is not in the store: {root} settlements are approximated from the {stand_in} open",
                    root = root.symbol()
                ));
            }
        }
        notes
    }
}

impl History for StoreHistory {
    fn provenance(&self) -> Provenance {
        Provenance {
            label: self.label.clone(),
            simulated: self.manifest.simulated,
            hash: self.hash.clone(),
            notes: self.notes(),
        }
    }

    fn ticks(&self, underlying: &str, from: Date, to: Date) -> Vec<Instant> {
        let Some(ticks) = self.snapshots.get(underlying) else {
            return Vec::new();
        };
        // Exchange-local midnights bound the days, so no instant needs converting one by one.
        let midnight = |d: Date| Instant::from_eastern(d, 0, 0);
        let end = to.succ_opt().and_then(midnight).unwrap_or(Instant(i64::MAX));
        match midnight(from) {
            Some(start) if start < end => ticks.range(start..end).map(|(at, _)| *at).collect(),
            _ => Vec::new(),
        }
    }

    fn range(&self, underlying: &str) -> Option<(Date, Date)> {
        let ticks = self.snapshots.get(underlying)?;
        Some((
            ticks.first_key_value()?.0.date(),
            ticks.last_key_value()?.0.date(),
        ))
    }

    fn snapshot(&self, underlying: &str, at: Instant) -> Result<Arc<ChainSnapshot>, HistoryError> {
        let found = self
            .snapshots
            .get_key_value(underlying)
            .and_then(|(u, t)| Some((*u, t.get(&at)?)));
        let (underlying, parts) = found.ok_or_else(|| HistoryError {
            what: format!("the store has no {underlying} chain at {at}"),
            help: "ask for an instant that `ticks` returned".to_owned(),
        })?;
        if let Some(snapshot) = lock(&self.cache).get(underlying, at) {
            return Ok(snapshot);
        }
        let snapshot = Arc::new(self.build(underlying, at, parts)?);
        let rows = parts.iter().map(|p| p.rows).sum();
        lock(&self.cache).put(underlying, at, rows, Arc::clone(&snapshot));
        Ok(snapshot)
    }

    fn series(&self, id: &str, bars: BarSize) -> Result<Option<Arc<SeriesData>>, HistoryError> {
        let key = series_key(id, bars);
        let file = self.manifest.series.get(&key).map(|t| &t.file);
        Ok(self.table(&self.series, key, file, tables::decode_series)?)
    }

    fn events(&self, id: &str) -> Result<Option<Arc<EventData>>, HistoryError> {
        let file = self.manifest.events.get(id).map(|t| &t.file);
        Ok(self.table(&self.events, id.to_owned(), file, tables::decode_events)?)
    }

    fn vintages(&self, id: &str) -> Result<Option<Arc<Vintages>>, HistoryError> {
        let file = self.manifest.vintages.get(id).map(|t| &t.file);
        Ok(self.table(&self.vintages, id.to_owned(), file, tables::decode_vintages)?)
    }

    /// PM series: the index close of the expiry day, to the cent. AM series: the `SET` (for VIX, `VRO`) series, or the
    /// index open of that day, marked approximate.
    fn settlement(&self, root: Root, expiry: Date) -> Result<Option<SettlementValue>, HistoryError> {
        let calendar = ExchangeCalendar::nyse();
        let (Some(day), Some(at)) = (
            calendar.session_on_or_before(expiry),
            calendar.settles_at(root, expiry),
        ) else {
            return Ok(None);
        };
        let ids: &[(&str, bool)] = match (root.settlement(), root.underlying()) {
            (Settlement::Pm, "XSP") => &[("XSP", false), ("SPX", false)],
            (Settlement::Pm, _) => &[("SPX", false)],
            (Settlement::Am, "VIX") => &[("VRO", false), ("VIX", true)],
            (Settlement::Am, _) => &[("SET", false), ("SPX", true)],
        };
        let own = root == Root::Xsp && self.first_known(&[("XSP", false)], day)?.is_some();
        let tenth = root == Root::Xsp && !own;
        let found = self.first_known(ids, day)?;
        Ok(found.and_then(|(value, approximate)| {
            // A mini contract settles to a tenth of the index.
            let points = if tenth { value / 10.0 } else { value };
            let price = Price::from_f64((points * 100.0).round() / 100.0)?;
            Some(SettlementValue {
                price,
                at,
                approximate,
            })
        }))
    }

    fn rate(&self, at: Instant) -> Result<Option<f64>, HistoryError> {
        for (id, convert) in super::rates::SOURCES {
            let Some(series) = self.session_series(id)? else {
                continue;
            };
            let known = series.available_at.partition_point(|k| *k <= at);
            let Some(i) = known.checked_sub(1) else { continue };
            let age_days = series
                .date
                .get(i)
                .map_or(i64::MAX, |d| (at.date() - *d).num_days());
            let value = series.close.get(i).copied().flatten();
            if let Some(value) = value.filter(|_| age_days <= super::rates::AGE_DAYS_MAX) {
                return Ok(convert(value));
            }
        }
        Ok(None)
    }

    /// Sessions without a snapshot between the first and the last that the store has.
    fn gaps(&self, underlying: &str, from: Date, to: Date) -> Vec<Date> {
        let Some((first, last)) = self.range(underlying) else {
            return Vec::new();
        };
        let (from, to) = (from.max(first), to.min(last));
        let held: std::collections::BTreeSet<Date> = self
            .ticks(underlying, from, to)
            .iter()
            .map(|t| t.date())
            .collect();
        let sessions = ExchangeCalendar::nyse().sessions(from, to);
        sessions.iter().filter(|d| !held.contains(d)).copied().collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The maps hold whole values only: a reader that panicked elsewhere cannot have left one half-written.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn check_length(store: &Path, file: &StoredFile) -> Result<(), StoreError> {
    match std::fs::metadata(store.join(&file.path)) {
        Ok(found) if found.len() == file.bytes => Ok(()),
        Ok(found) => {
            let why = format!("it has {} bytes, {MANIFEST} recorded {}", found.len(), file.bytes);
            Err(StoreError::damaged(&file.path, why))
        }
        Err(e) => Err(StoreError::damaged(&file.path, super::error::reason(&e))),
    }
}

fn index(manifest: &Manifest) -> Result<BTreeMap<&'static str, BTreeMap<Instant, Vec<Part>>>, StoreError> {
    let mut snapshots: BTreeMap<&'static str, BTreeMap<Instant, Vec<Part>>> = BTreeMap::new();
    for (symbol, days) in &manifest.chains {
        let root = Root::parse(symbol).ok_or_else(|| {
            StoreError::new(
                StoreErrorKind::Version,
                format!("the store has chains of root `{symbol}`, which this build does not know"),
                "use the build that wrote the store",
            )
        })?;
        let instants = snapshots.entry(root.underlying()).or_default();
        for (day, entry) in days {
            for (group, s) in entry.snapshots.iter().enumerate() {
                let spot = Price(s.underlying_mills);
                let part = Part {
                    root,
                    day: day.clone(),
                    group,
                    rows: s.rows,
                    spot,
                };
                instants.entry(Instant(s.at)).or_default().push(part);
            }
        }
    }
    Ok(snapshots)
}

/// Chain files read last, bounded by bytes; the one used longest ago goes first. There are a few: one per root and day.
struct FileCache {
    bytes_max: usize,
    bytes: usize,
    /// In order of last use.
    held: VecDeque<(String, Arc<File>)>,
}

impl std::fmt::Debug for FileCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.held.iter().map(|(path, _)| path);
        f.debug_set().entries(names).finish()
    }
}

impl FileCache {
    const fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            bytes: 0,
            held: VecDeque::new(),
        }
    }

    fn get(&mut self, path: &str) -> Option<Arc<File>> {
        let at = self.held.iter().position(|(held, _)| held == path)?;
        let entry = self.held.remove(at)?;
        let file = Arc::clone(&entry.1);
        self.held.push_back(entry);
        Some(file)
    }

    fn put(&mut self, path: &str, file: Arc<File>) {
        if file.bytes > self.bytes_max || self.held.iter().any(|(held, _)| held == path) {
            return;
        }
        self.bytes += file.bytes;
        self.held.push_back((path.to_owned(), file));
        while self.bytes > self.bytes_max || self.held.len() > FILES_MAX {
            let Some((_, gone)) = self.held.pop_front() else {
                return;
            };
            self.bytes = self.bytes.saturating_sub(gone.bytes);
        }
    }
}

/// Chain files held at most: every root on a day, twice.
const FILES_MAX: usize = 16;

/// Decoded snapshots, bounded by rows; the one used longest ago goes first.
#[derive(Debug)]
struct SnapshotCache {
    rows_max: u64,
    rows: u64,
    clock: u64,
    held: BTreeMap<(&'static str, Instant), (u64, u64, Arc<ChainSnapshot>)>,
    /// Keys by time of last use.
    by_use: BTreeMap<u64, (&'static str, Instant)>,
}

impl SnapshotCache {
    const fn new(rows_max: u64) -> Self {
        Self {
            rows_max,
            rows: 0,
            clock: 0,
            held: BTreeMap::new(),
            by_use: BTreeMap::new(),
        }
    }

    fn get(&mut self, underlying: &'static str, at: Instant) -> Option<Arc<ChainSnapshot>> {
        let (used, _, snapshot) = self.held.get_mut(&(underlying, at))?;
        self.by_use.remove(used);
        self.clock += 1;
        *used = self.clock;
        self.by_use.insert(self.clock, (underlying, at));
        Some(Arc::clone(snapshot))
    }

    fn put(&mut self, underlying: &'static str, at: Instant, rows: u64, snapshot: Arc<ChainSnapshot>) {
        if rows > self.rows_max {
            return;
        }
        self.clock += 1;
        if let Some((used, old_rows, _)) = self.held.insert((underlying, at), (self.clock, rows, snapshot)) {
            self.by_use.remove(&used);
            self.rows -= old_rows;
        }
        self.by_use.insert(self.clock, (underlying, at));
        self.rows += rows;
        while self.rows > self.rows_max {
            let Some((_, key)) = self.by_use.pop_first() else {
                return;
            };
            if let Some((_, rows, _)) = self.held.remove(&key) {
                self.rows -= rows;
            }
        }
    }
}
