//! Entries in a redb file.
//!
//! One transaction for a batch, durable at once, in one phase: one flush. Both commit slots carry checksums, so that after
//! a loss of power the newest whole one counts.

use super::{Store, StoreError};
use crate::entry::{Entry, Hash};
use crate::manifest::Manifest;
use redb::{Builder, Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");
/// `manifest`, and `head`: number and hash of the last entry.
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

/// Pages kept in memory: a journal is written at its end and read from its start.
const CACHE: usize = 8 * 1024 * 1024;

/// Time that passes while a commit is at work, from any start.
pub type Timer = Box<dyn Fn() -> Duration + Send>;

/// A store on redb.
pub struct RedbStore {
    db: Database,
    timer: Timer,
    /// Where free space is looked up.
    folder: Option<PathBuf>,
    /// A file that is given up when the disk is nearly full, so that the last entries fit.
    reserve: Option<PathBuf>,
}

/// With fewer bytes free the reserve is given up.
const NEARLY_FULL: u64 = 8 * 1024 * 1024;

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl RedbStore {
    /// A new file, readable by its owner alone.
    ///
    /// # Errors
    /// When there is one already, or it cannot be made.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|e| io_error(&e))?;
        let db = guarded(|| builder().create_file(file).map_err(database))?;
        // The file's name is on disk only when its folder is.
        if let Some(folder) = path.parent() {
            sync_folder(folder).map_err(|e| io_error(&e))?;
        }
        Self::ready(db, path.parent())
    }

    /// A file that is there, locked for this process and repaired if its writer died.
    ///
    /// # Errors
    /// When it is not there, in use, or no journal.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let db = guarded(|| builder().open(path).map_err(database))?;
        Self::ready(db, path.parent())
    }

    /// A file that is there, to read only: what a repair changes stays in memory, so that looking changes nothing.
    ///
    /// # Errors
    /// When it is not there, in use, or no journal.
    pub fn view(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(|e| io_error(&e))?;
        match file.try_lock_shared() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(StoreError::Busy),
            // A file system without locks; nothing can be said.
            Err(std::fs::TryLockError::Error(_)) => {}
        }
        if file.metadata().map_err(|e| io_error(&e))?.len() == 0 {
            return Err(StoreError::Corrupt("the file is empty".to_owned()));
        }
        let overlay = overlay::Overlay::new(file).map_err(|e| io_error(&e))?;
        let db = guarded(|| builder().create_with_backend(overlay).map_err(database))?;
        Ok(Self {
            db,
            timer: timer(),
            folder: None,
            reserve: None,
        })
    }

    /// On a backend of the caller's, with the caller's time: a simulated disk.
    ///
    /// # Errors
    /// When what is on it is no journal.
    pub fn on(backend: impl StorageBackend, timer: Timer) -> Result<Self, StoreError> {
        let db = guarded(|| builder().create_with_backend(backend).map_err(database))?;
        let mut store = Self::ready(db, None)?;
        store.timer = timer;
        Ok(store)
    }

    /// The same with a file that is given up when the disk is nearly full.
    #[must_use]
    pub fn with_reserve(mut self, file: PathBuf) -> Self {
        self.reserve = Some(file);
        self
    }

    /// Makes the tables, so that reading never meets a store without them.
    fn ready(db: Database, folder: Option<&Path>) -> Result<Self, StoreError> {
        let store = Self {
            db,
            timer: timer(),
            folder: folder.map(Path::to_path_buf),
            reserve: None,
        };
        if store.last().is_err() {
            store.write(|_, _| Ok(()))?;
        }
        Ok(store)
    }

    fn write(
        &self,
        change: impl FnOnce(
            &mut redb::Table<'_, u64, &'static [u8]>,
            &mut redb::Table<'_, &'static str, &'static [u8]>,
        ) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        guarded(|| {
            let mut txn = self.db.begin_write().map_err(corrupt_or_io)?;
            txn.set_durability(Durability::Immediate).map_err(corrupt_or_io)?;
            {
                let mut entries = txn.open_table(ENTRIES).map_err(corrupt_or_io)?;
                let mut meta = txn.open_table(META).map_err(corrupt_or_io)?;
                change(&mut entries, &mut meta)?;
            }
            txn.commit().map_err(corrupt_or_io)
        })
    }

    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        guarded(|| {
            let txn = self.db.begin_read().map_err(corrupt_or_io)?;
            let table = txn.open_table(META).map_err(corrupt_or_io)?;
            let found = table.get(key).map_err(corrupt_or_io)?;
            Ok(found.map(|bytes| bytes.value().to_vec()))
        })
    }
}

impl Store for RedbStore {
    fn append(&mut self, batch: &[Entry]) -> Result<Duration, StoreError> {
        if self.reserve.is_some() && self.free().is_some_and(|free| free < NEARLY_FULL) {
            // Nothing is lost when it cannot be removed: the commit then fails by itself.
            let _ = self.reserve.take().map(std::fs::remove_file);
        }
        let before = (self.timer)();
        self.write(|entries, meta| {
            for entry in batch {
                entries
                    .insert(entry.seq, entry.to_bytes().as_slice())
                    .map_err(corrupt_or_io)?;
            }
            if let Some(last) = batch.last() {
                let mut head = last.seq.to_le_bytes().to_vec();
                head.extend_from_slice(&last.hash.0);
                meta.insert("head", head.as_slice()).map_err(corrupt_or_io)?;
            }
            Ok(())
        })?;
        Ok((self.timer)().saturating_sub(before))
    }

    fn read(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        guarded(|| {
            let txn = self.db.begin_read().map_err(corrupt_or_io)?;
            let table = txn.open_table(ENTRIES).map_err(corrupt_or_io)?;
            let mut out = Vec::new();
            for row in table.range(from..).map_err(corrupt_or_io)?.take(limit) {
                let (key, value) = row.map_err(corrupt_or_io)?;
                out.push((key.value(), value.value().to_vec()));
            }
            Ok(out)
        })
    }

    fn last(&self) -> Result<u64, StoreError> {
        guarded(|| {
            let txn = self.db.begin_read().map_err(corrupt_or_io)?;
            let table = txn.open_table(ENTRIES).map_err(corrupt_or_io)?;
            let last = table.last().map_err(corrupt_or_io)?;
            Ok(last.map_or(0, |(key, _)| key.value()))
        })
    }

    fn head(&self) -> Result<Option<(u64, Hash)>, StoreError> {
        let Some(bytes) = self.meta("head")? else {
            return Ok(None);
        };
        let parts = bytes.split_first_chunk::<8>();
        let parts = parts.and_then(|(seq, hash)| Some((*seq, <[u8; 32]>::try_from(hash).ok()?)));
        let (seq, hash) =
            parts.ok_or_else(|| StoreError::Corrupt("the note of the last entry is broken".to_owned()))?;
        Ok(Some((u64::from_le_bytes(seq), Hash(hash))))
    }

    fn put_manifest(&mut self, manifest: &Manifest) -> Result<(), StoreError> {
        let bytes = manifest
            .to_bytes()
            .map_err(|e| StoreError::Corrupt(e.to_string()))?;
        self.write(|_, meta| {
            meta.insert("manifest", bytes.as_slice()).map_err(corrupt_or_io)?;
            Ok(())
        })
    }

    fn manifest(&self) -> Result<Manifest, StoreError> {
        let bytes = self.meta("manifest")?;
        let bytes = bytes.ok_or_else(|| StoreError::Corrupt("there is no manifest".to_owned()))?;
        Manifest::from_bytes(&bytes).map_err(|e| StoreError::Corrupt(format!("the manifest is broken: {e}")))
    }

    fn free(&self) -> Option<u64> {
        self.folder.as_deref().and_then(free_bytes)
    }
}

/// Runs something of the store's; a panic in it, which damaged pages can cause, becomes an error.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    outcome.unwrap_or_else(|_| Err(StoreError::Corrupt("the file is damaged".to_owned())))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    builder
}

fn timer() -> Timer {
    let start = Instant::now();
    Box::new(move || start.elapsed())
}

/// Bytes free to this user on a folder's disk.
#[cfg(unix)]
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    // A path without a folder in it is a file of the current one.
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let stat = rustix::fs::statvfs(folder).ok()?;
    stat.f_bavail.checked_mul(stat.f_frsize)
}

/// Bytes free to this user on a folder's disk; not known here.
#[cfg(not(unix))]
#[must_use]
pub fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

/// Puts a folder's list of names on disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn io_error(error: &io::Error) -> StoreError {
    StoreError::Io(io_words(error))
}

/// An error in plain lower-case words.
pub(crate) fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::AlreadyExists => "it exists already".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or_default().to_lowercase()
        }
    }
}

fn corrupt_or_io(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Io(e) => io_error(&e),
        redb::Error::Corrupted(what) => StoreError::Corrupt(format!("the file is damaged: {what}")),
        redb::Error::DatabaseAlreadyOpen => StoreError::Busy,
        redb::Error::PreviousIo => StoreError::Io("an earlier input/output error".to_owned()),
        other => StoreError::Corrupt(other.to_string()),
    }
}

fn database(error: redb::DatabaseError) -> StoreError {
    match error {
        redb::DatabaseError::DatabaseAlreadyOpen => StoreError::Busy,
        redb::DatabaseError::Storage(redb::StorageError::Io(e)) if e.kind() == io::ErrorKind::InvalidData => {
            StoreError::Corrupt("it is no journal".to_owned())
        }
        other => corrupt_or_io(other),
    }
}

/// A file below, changes in memory above.
mod overlay {
    use redb::StorageBackend;
    use std::collections::BTreeMap;
    use std::fs::File;
    use std::io::{self, Read as _, Seek as _, SeekFrom};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    const BLOCK: u64 = 4096;

    #[derive(Debug)]
    pub(super) struct Overlay(Mutex<Layers>);

    #[derive(Debug)]
    struct Layers {
        file: File,
        /// Of the file that shows through.
        below: u64,
        length: u64,
        blocks: BTreeMap<u64, Vec<u8>>,
    }

    impl Overlay {
        pub(super) fn new(file: File) -> io::Result<Self> {
            let length = file.metadata()?.len();
            Ok(Self(Mutex::new(Layers {
                file,
                below: length,
                length,
                blocks: BTreeMap::new(),
            })))
        }

        fn layers(&self) -> MutexGuard<'_, Layers> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Layers {
        fn below(&mut self, block: u64) -> io::Result<Vec<u8>> {
            let start = block.saturating_mul(BLOCK);
            let mut bytes = Vec::new();
            let there = self.below.saturating_sub(start).min(BLOCK);
            self.file.seek(SeekFrom::Start(start))?;
            (&self.file).take(there).read_to_end(&mut bytes)?;
            bytes.resize(4096, 0);
            Ok(bytes)
        }

        /// Calls back with (block, offset in it, range of the caller's bytes).
        fn pieces(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
            let mut done = 0_usize;
            std::iter::from_fn(move || {
                let at = offset.checked_add(u64::try_from(done).ok()?)?;
                let within = usize::try_from(at % BLOCK).ok()?;
                let size = (4096 - within).min(length - done);
                let piece = (at / BLOCK, within, done..done + size);
                done += size;
                (size > 0).then_some(piece)
            })
        }
    }

    impl StorageBackend for Overlay {
        fn len(&self) -> io::Result<u64> {
            Ok(self.layers().length)
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            let mut layers = self.layers();
            let end = u64::try_from(out.len()).ok().and_then(|n| offset.checked_add(n));
            if end.is_none_or(|end| end > layers.length) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            for (block, within, range) in Layers::pieces(offset, out.len()) {
                let bytes = match layers.blocks.get(&block) {
                    Some(bytes) => bytes.clone(),
                    None => layers.below(block)?,
                };
                if let (Some(to), Some(from)) = (out.get_mut(range), bytes.get(within..)) {
                    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                }
            }
            Ok(())
        }

        fn set_len(&self, length: u64) -> io::Result<()> {
            let mut layers = self.layers();
            // What is cut off reads as zero should it come back.
            layers.below = layers.below.min(length);
            layers
                .blocks
                .retain(|block, _| block.saturating_mul(BLOCK) < length);
            layers.length = length;
            Ok(())
        }

        fn sync_data(&self) -> io::Result<()> {
            Ok(())
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            let mut layers = self.layers();
            for (block, within, range) in Layers::pieces(offset, data.len()) {
                let mut bytes = match layers.blocks.remove(&block) {
                    Some(bytes) => bytes,
                    None => layers.below(block)?,
                };
                if let (Some(to), Some(from)) = (bytes.get_mut(within..), data.get(range)) {
                    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                }
                layers.blocks.insert(block, bytes);
            }
            Ok(())
        }
    }
}
