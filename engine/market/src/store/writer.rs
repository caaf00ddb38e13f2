//! Writing a store so that a failure at any moment leaves either what was there before, or all of the new.
//!
//! A new store is built in a hidden folder beside the target and renamed at the end. An addition to a store is built in
//! a hidden folder inside it; finished files are moved to names that nothing refers to yet, and then one rename puts
//! the new manifest in place. A series that grows gets a new file name for the same reason.

use super::chains::{self, SnapshotRows};
use super::error::{StoreError, StoreErrorKind};
use super::manifest::{ChainEntry, MANIFEST, Manifest, Refusal, Source, StoredFile, TableEntry};
use super::tables;
use crate::chain::ChainSnapshot;
use crate::contract::Root;
use crate::series::{BarSize, EventData, SeriesData, Vintages};
use crate::time::Date;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Longest series or event identifier.
const ID_BYTES_MAX: usize = 64;

/// Builds or extends a store; nothing is visible before [`StoreWriter::finish`], and dropping the writer discards all.
#[derive(Debug)]
pub struct StoreWriter {
    target: PathBuf,
    build: tempfile::TempDir,
    manifest: Manifest,
    /// Files written in this session, relative to the store.
    fresh: BTreeSet<String>,
    /// Files of the store that the new manifest no longer names.
    superseded: BTreeSet<String>,
    /// Held while a store is extended.
    lock: Option<fs::File>,
    /// Held while the folder is being built, so that no other import takes it for what a killed one left.
    working: fs::File,
}

/// End of the name of a folder that is being built.
const PARTIAL: &str = ".partial";
/// Begin of the name of an addition being built.
const ADDITION: &str = ".add.";
/// Name of the file that is locked while a folder is being built.
const WORKING: &str = ".working";

/// Marks a folder as being built.
fn mark(build: &Path) -> Result<fs::File, StoreError> {
    let path = build.join(WORKING);
    let file = fs::File::create(&path).map_err(|e| StoreError::io("write", &path, &e))?;
    file.try_lock().map_err(|_| {
        let what = format!("`{}` is in use", path.display());
        StoreError::new(StoreErrorKind::Busy, what, "run the command again")
    })?;
    Ok(file)
}

/// Removes what killed imports left behind: folders whose mark nobody holds. What cannot be removed is dead weight.
fn sweep(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with(prefix) || !name.ends_with(PARTIAL) {
            continue;
        }
        let mark = fs::File::open(entry.path().join(WORKING));
        if mark.is_ok_and(|m| m.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The map key and file stem of a series.
pub(super) fn series_key(id: &str, bars: BarSize) -> String {
    match bars {
        BarSize::Session => id.to_owned(),
        BarSize::Minutes(n) => format!("{id}@{n}m"),
    }
}

/// Whether a text can name a series or events: letters, digits, `.`, `_`, `-`, beginning with a letter or digit.
#[must_use]
pub fn is_valid_id(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    id.len() <= ID_BYTES_MAX
        && id.bytes().all(plain)
        && id.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

impl StoreWriter {
    /// Begins a new store.
    ///
    /// # Errors
    /// When something other than an empty folder is at the target, or the folder beside it cannot be written.
    pub fn create(target: &Path) -> Result<Self, StoreError> {
        if fs::symlink_metadata(target).is_ok() {
            check_vacant(target)?;
        }
        let parent = target
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or_else(|| Path::new("."));
        let name = target.file_name().ok_or_else(|| {
            StoreError::new(
                StoreErrorKind::Invalid,
                format!("`{}` does not name a folder", target.display()),
                "give the store a folder of its own, such as `data/spx`",
            )
        })?;
        fs::create_dir_all(parent).map_err(|e| StoreError::io("make the folder", parent, &e))?;
        let prefix = format!(".{}.", name.to_string_lossy());
        sweep(parent, &prefix);
        let build = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(PARTIAL)
            .tempdir_in(parent);
        let build = build.map_err(|e| StoreError::io("write beside", target, &e))?;
        let working = mark(build.path())?;
        Ok(Self {
            target: target.to_owned(),
            build,
            manifest: Manifest {
                generation: 1,
                ..Manifest::empty()
            },
            fresh: BTreeSet::new(),
            superseded: BTreeSet::new(),
            lock: None,
            working,
        })
    }

    /// Begins an addition to a store.
    ///
    /// # Errors
    /// When there is no readable store at the target, or another process is extending it.
    pub fn append(target: &Path) -> Result<Self, StoreError> {
        Manifest::load(target)?;
        let path = target.join(".lock");
        let lock = fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let lock = lock.map_err(|e| StoreError::io("lock", &path, &e))?;
        lock.try_lock().map_err(|_| {
            StoreError::new(
                StoreErrorKind::Busy,
                format!("another import is writing to `{}`", target.display()),
                "wait until it has finished, then run the command again",
            )
        })?;
        // Read again under the lock: an import may have finished in between.
        let (mut manifest, _) = Manifest::load(target)?;
        manifest.generation = manifest.generation.saturating_add(1);
        manifest.schema = super::manifest::SCHEMA;
        sweep(target, ADDITION);
        let build = tempfile::Builder::new()
            .prefix(ADDITION)
            .suffix(PARTIAL)
            .tempdir_in(target);
        let build = build.map_err(|e| StoreError::io("write in", target, &e))?;
        let working = mark(build.path())?;
        let (fresh, superseded) = (BTreeSet::new(), BTreeSet::new());
        Ok(Self {
            target: target.to_owned(),
            build,
            manifest,
            fresh,
            superseded,
            lock: Some(lock),
            working,
        })
    }

    /// The manifest as it stands, with what was added so far.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Marks the store's numbers as simulated; a store that is once so marked stays so.
    pub const fn mark_simulated(&mut self) {
        self.manifest.simulated = true;
    }

    /// Records what had to be assumed.
    pub fn assume(&mut self, text: impl Into<String>) {
        insert_sorted(&mut self.manifest.assumptions, text.into());
    }

    /// Records a source file.
    pub fn source(&mut self, source: Source) {
        insert_sorted(&mut self.manifest.sources, source);
    }

    /// Records a source, or a day of one, that was not let in.
    pub fn refuse(&mut self, refusal: Refusal) {
        insert_sorted(&mut self.manifest.refused, refusal);
    }

    /// Writes one root's snapshots of one day. Returns whether the day is new: the same content again is no error.
    ///
    /// # Errors
    /// When rows are out of order or repeated, the store holds other content for the day, or the disk fails.
    pub fn add_chains(
        &mut self,
        root: Root,
        date: Date,
        snapshots: &[SnapshotRows],
    ) -> Result<bool, StoreError> {
        let mut day = self.begin_chains(root, date)?;
        for snapshot in snapshots {
            day.push(snapshot)?;
        }
        self.end_chains(day)
    }

    /// The folder in which files are written until all are complete.
    pub(super) fn building(&self) -> &Path {
        self.build.path()
    }

    /// The folder in which a file lies now: that of this session, or the store itself.
    pub(super) fn root_of(&self, path: &str) -> &Path {
        if self.fresh.contains(path) {
            self.building()
        } else {
            &self.target
        }
    }

    /// The days of a root, to add to.
    pub(super) fn chain_days(&mut self, root: Root) -> &mut BTreeMap<String, ChainEntry> {
        self.manifest.chains.entry(root.symbol().to_owned()).or_default()
    }

    /// Records a file as written in this session.
    pub(super) fn note_fresh(&mut self, path: String) {
        self.fresh.insert(path);
    }

    /// A file for rows that wait, on the disk of the store; it has no name and is gone when it is dropped.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn scratch(&self) -> Result<fs::File, StoreError> {
        tempfile::tempfile_in(self.building()).map_err(|e| StoreError::io("write beside", &self.target, &e))
    }

    /// A series as it stands, with what was added so far.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn series(&self, id: &str, bars: BarSize) -> Result<Option<SeriesData>, StoreError> {
        let Some(entry) = self.manifest.series.get(&series_key(id, bars)) else {
            return Ok(None);
        };
        let path = &entry.file.path;
        let full = self.root_of(path).join(path);
        let bytes = fs::read(&full).map_err(|e| StoreError::io("read", &full, &e))?;
        let decoded = super::columns::File::open(bytes).and_then(|f| tables::decode_series(&f));
        decoded.map(Some).map_err(|e| StoreError::damaged(path, e))
    }

    /// Writes the snapshots of one underlying on one day, in order of time, split by root.
    ///
    /// # Errors
    /// As for [`StoreWriter::add_chains`].
    pub fn add_snapshots(&mut self, date: Date, snapshots: &[&ChainSnapshot]) -> Result<(), StoreError> {
        let mut roots: BTreeMap<Root, Vec<SnapshotRows>> = BTreeMap::new();
        for (root, rows) in snapshots.iter().flat_map(|s| chains::rows_by_root(s)) {
            roots.entry(root).or_default().push(rows);
        }
        for (root, rows) in roots {
            self.add_chains(root, date, &rows)?;
        }
        Ok(())
    }

    /// Whether anything was written that the store did not have.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Writes a series, in place of what the store had under the same name.
    ///
    /// # Errors
    /// When the name or the data breaks a rule of the format, or the disk fails.
    pub fn put_series(&mut self, id: &str, bars: BarSize, data: &SeriesData) -> Result<(), StoreError> {
        check_id(id)?;
        let key = series_key(id, bars);
        let (Some(first), Some(last)) = (data.date.first(), data.date.last()) else {
            return Err(StoreError::invalid(format!("series `{key}` has no rows")));
        };
        let bytes = tables::encode_series(&key, data)?;
        let old = self.manifest.series.get(&key).cloned();
        let file = self.replace("series", &key, &bytes, old)?;
        let rows = u64::try_from(data.date.len()).unwrap_or(u64::MAX);
        let entry = TableEntry {
            file,
            rows,
            first: first.to_string(),
            last: last.to_string(),
        };
        self.manifest.series.insert(key, entry);
        Ok(())
    }

    /// Writes the occurrences of an event, in place of what the store had under the same name.
    ///
    /// # Errors
    /// As for [`StoreWriter::put_series`].
    pub fn put_events(&mut self, id: &str, data: &EventData) -> Result<(), StoreError> {
        check_id(id)?;
        let (Some(first), Some(last)) = (data.rows.first(), data.rows.last()) else {
            return Err(StoreError::invalid(format!("events `{id}` have no rows")));
        };
        let bytes = tables::encode_events(id, data)?;
        let old = self.manifest.events.get(id).cloned();
        let file = self.replace("events", id, &bytes, old)?;
        let rows = u64::try_from(data.rows.len()).unwrap_or(u64::MAX);
        let entry = TableEntry {
            file,
            rows,
            first: first.at.date().to_string(),
            last: last.at.date().to_string(),
        };
        self.manifest.events.insert(id.to_owned(), entry);
        Ok(())
    }

    /// Writes the vintages of a series or event, in place of what the store had under the same name.
    ///
    /// # Errors
    /// As for [`StoreWriter::put_series`].
    pub fn put_vintages(&mut self, id: &str, data: &Vintages) -> Result<(), StoreError> {
        check_id(id)?;
        let periods = data.rows().iter().map(|v| v.period);
        let (Some(first), Some(last)) = (periods.clone().min(), periods.max()) else {
            return Err(StoreError::invalid(format!("vintages of `{id}` have no rows")));
        };
        let bytes = tables::encode_vintages(id, data)?;
        let old = self.manifest.vintages.get(id).cloned();
        let file = self.replace("vintages", id, &bytes, old)?;
        let rows = u64::try_from(data.rows().len()).unwrap_or(u64::MAX);
        let entry = TableEntry {
            file,
            rows,
            first: first.to_string(),
            last: last.to_string(),
        };
        self.manifest.vintages.insert(id.to_owned(), entry);
        Ok(())
    }

    /// Writes the quality report, JSON text.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn put_quality(&mut self, json: &str) -> Result<(), StoreError> {
        if let Some(old) = &self.manifest.quality {
            self.superseded.insert(old.path.clone());
        }
        let path = self.generation_path("quality", "json");
        self.manifest.quality = Some(self.write(path, json.as_bytes())?);
        Ok(())
    }

    fn generation_path(&self, stem: &str, extension: &str) -> String {
        match self.manifest.generation {
            1 => format!("{stem}.{extension}"),
            n => format!("{stem}.{n}.{extension}"),
        }
    }

    fn replace(
        &mut self,
        folder: &str,
        key: &str,
        bytes: &[u8],
        old: Option<TableEntry>,
    ) -> Result<StoredFile, StoreError> {
        if let Some(old) = old {
            if old.file.sha256 == crate::digest::sha256(bytes) {
                return Ok(old.file);
            }
            self.superseded.insert(old.file.path);
        }
        let path = self.generation_path(&format!("{folder}/{key}"), "parquet");
        self.superseded.remove(&path);
        self.write(path, bytes)
    }

    fn write(&mut self, path: String, bytes: &[u8]) -> Result<StoredFile, StoreError> {
        let full = self.build.path().join(&path);
        if let Some(folder) = full.parent() {
            fs::create_dir_all(folder).map_err(|e| StoreError::io("make the folder", folder, &e))?;
        }
        fs::write(&full, bytes).map_err(|e| StoreError::io("write", &full, &e))?;
        self.fresh.insert(path.clone());
        let bytes_len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(StoredFile {
            path,
            bytes: bytes_len,
            sha256: crate::digest::sha256(bytes),
        })
    }

    /// Puts everything in place at once.
    ///
    /// # Errors
    /// When the disk fails; then the target is as it was before.
    pub fn finish(mut self) -> Result<(), StoreError> {
        self.manifest.chains.retain(|_, days| !days.is_empty());
        let json = self.manifest.to_json()?;
        let path = self.build.path().join(MANIFEST);
        write_durably(&path, json.as_bytes())?;
        if self.lock.is_some() {
            self.finish_append()
        } else {
            self.finish_new()
        }
    }

    fn finish_new(mut self) -> Result<(), StoreError> {
        let mark = self.build.path().join(WORKING);
        fs::remove_file(&mark).map_err(|e| StoreError::io("write", &mark, &e))?;
        drop(self.working);
        if fs::symlink_metadata(&self.target).is_ok() {
            check_vacant(&self.target)?;
            // Some systems do not rename over an empty folder.
            fs::remove_dir(&self.target).map_err(|e| StoreError::io("replace", &self.target, &e))?;
        }
        fs::rename(self.build.path(), &self.target).map_err(|e| StoreError::io("write", &self.target, &e))?;
        self.build.disable_cleanup(true);
        Ok(())
    }

    fn finish_append(self) -> Result<(), StoreError> {
        let mut moved = Vec::new();
        let mut place = || -> Result<(), StoreError> {
            for path in &self.fresh {
                let (from, to) = (self.build.path().join(path), self.target.join(path));
                if let Some(folder) = to.parent() {
                    fs::create_dir_all(folder).map_err(|e| StoreError::io("make the folder", folder, &e))?;
                }
                fs::rename(&from, &to).map_err(|e| StoreError::io("write", &to, &e))?;
                moved.push(to);
            }
            let to = self.target.join(MANIFEST);
            fs::rename(self.build.path().join(MANIFEST), &to).map_err(|e| StoreError::io("write", &to, &e))
        };
        if let Err(e) = place() {
            // Nothing refers to the moved files yet; what cannot be removed is dead weight, not an error.
            for file in moved {
                let _ = fs::remove_file(file);
            }
            return Err(e);
        }
        for path in &self.superseded {
            let _ = fs::remove_file(self.target.join(path));
        }
        Ok(())
    }
}

fn check_id(id: &str) -> Result<(), StoreError> {
    if is_valid_id(id) {
        return Ok(());
    }
    Err(StoreError::new(
        StoreErrorKind::Invalid,
        format!("`{id}` cannot name a series"),
        format!("use at most {ID_BYTES_MAX} letters, digits, `.`, `_` or `-`, such as `NYSE.ADLINE`"),
    ))
}

/// An empty folder may become a store; anything else at the target stays untouched.
fn check_vacant(target: &Path) -> Result<(), StoreError> {
    let exists = |what: &str, help: &str| {
        let what = format!("`{}` {what}", target.display());
        Err(StoreError::new(StoreErrorKind::Exists, what, help))
    };
    if target.join(MANIFEST).exists() {
        return exists(
            "is already a store",
            "add to it with `--append`, or name another folder",
        );
    }
    if !target.is_dir() {
        return exists("is a file", "name a folder that does not exist yet");
    }
    let mut entries = fs::read_dir(target).map_err(|e| StoreError::io("read", target, &e))?;
    if entries.next().is_some() {
        return exists(
            "is not empty and not a store",
            "name a folder that does not exist yet",
        );
    }
    Ok(())
}

fn insert_sorted<T: Ord>(list: &mut Vec<T>, item: T) {
    if let Err(at) = list.binary_search(&item) {
        list.insert(at, item);
    }
}

fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || -> std::io::Result<()> {
        let mut file = fs::File::create(path)?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.sync_all()
    };
    write().map_err(|e| StoreError::io("write", path, &e))
}
