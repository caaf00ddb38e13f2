//! The folder of an instance: one run at a time, one file for each.

use crate::journal::{Journal, JournalError, Limits};
use crate::manifest::{Manifest, Status};
use crate::store::{RedbStore, Store, StoreError};
use crate::verify::{Verdict, verify};
use std::fs::{File, OpenOptions};
use std::io;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Bytes set aside so that exits can still be journaled on a full disk.
pub const RESERVE: u64 = 32 * 1024 * 1024;

/// Something that stands in the way of a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FolderError {
    /// Another process runs this instance.
    #[error("another process runs this instance: `{0}` is locked")]
    Locked(PathBuf),
    /// Folder or file.
    #[error("cannot use `{}`: {why}", path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// In a line.
        why: String,
    },
    /// A journal that nobody may go on from without a person.
    #[error("the journal `{}` is broken: {why}", path.display())]
    Quarantined {
        /// File.
        path: PathBuf,
        /// First break.
        why: String,
    },
    /// The new journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl FolderError {
    fn path(path: &Path, why: impl ToString) -> Self {
        Self::Path {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }
}

/// The locked folder of an instance. The lock ends with the value, or with the process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

/// The run before, looked at.
#[derive(Debug)]
pub struct Predecessor {
    /// File.
    pub path: PathBuf,
    /// Its store, to replay from.
    pub store: RedbStore,
    /// Its walk; the chain is whole.
    pub verdict: Verdict,
    /// It did not end in good order.
    pub crashed: bool,
    /// Runs after it that died before their first entry, by name; the new run sorts behind them, and above their epochs.
    pub stillborn: Vec<String>,
    /// Highest epoch so far.
    pub epoch: u32,
}

impl Folder {
    /// Makes the folder if need be (only its owner may enter) and locks it.
    ///
    /// # Errors
    /// When another process has it, or it cannot be used.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(path)
            .map_err(|e| FolderError::path(path, words(&e)))?;
        let lock = path.join("lock");
        let file = private()
            .create(true)
            .truncate(false)
            .open(&lock)
            .map_err(|e| FolderError::path(&lock, words(&e)))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(FolderError::Locked(lock)),
            Err(std::fs::TryLockError::Error(e)) => return Err(FolderError::path(&lock, words(&e))),
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: file,
        })
    }

    /// Where.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Files of runs, the oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn runs(&self) -> Result<Vec<PathBuf>, FolderError> {
        let entries = std::fs::read_dir(&self.path).map_err(|e| FolderError::path(&self.path, words(&e)))?;
        let mut found: Vec<PathBuf> = entries
            .flatten()
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|e| e == "redb"))
            .collect();
        found.sort();
        Ok(found)
    }

    /// Starts of runs since then, ns since 1970, for whoever counts restarts. Files that cannot be read count as none.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn starts(&self, since_ns: i64) -> Result<Vec<i64>, FolderError> {
        let mut found = Vec::new();
        for path in self.runs()?.into_iter().rev() {
            let manifest = RedbStore::view(&path).and_then(|store| store.manifest());
            match manifest {
                Ok(manifest) if manifest.started_ns < since_ns => break,
                Ok(manifest) => found.push(manifest.started_ns),
                Err(_) => {}
            }
        }
        Ok(found)
    }

    /// Starts of runs since then that died, ns since 1970. Files that cannot be read count as none.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn deaths(&self, since_ns: i64) -> Result<Vec<i64>, FolderError> {
        let mut found = Vec::new();
        for path in self.runs()?.into_iter().rev() {
            match RedbStore::view(&path).and_then(|store| store.manifest()) {
                Ok(manifest) if manifest.started_ns < since_ns => break,
                Ok(manifest) if manifest.status != Status::Ended => found.push(manifest.started_ns),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(found)
    }

    /// The newest run with an entry, verified: marked as recovered where it died, as quarantined where it is broken. `None`
    /// without such a run.
    ///
    /// # Errors
    /// When it is broken, now or before, or cannot be read.
    pub fn predecessor(&self, looked_ns: i64) -> Result<Option<Predecessor>, FolderError> {
        let (mut stillborn, mut epoch) = (Vec::new(), 0);
        for path in self.runs()?.into_iter().rev() {
            let mut found = look(path, looked_ns)?;
            epoch = epoch.max(found.verdict.manifest.epoch);
            if found.verdict.entries > 0 {
                (found.stillborn, found.epoch) = (stillborn, epoch);
                return Ok(Some(found));
            }
            stillborn.push(found.verdict.manifest.run);
        }
        Ok(None)
    }

    /// The journal of a new run. The manifest takes its parent and an epoch above its parent's from `before`.
    ///
    /// # Errors
    /// When the name is not one, a run has it, the reserve cannot be made, or the file cannot be written.
    pub fn create(
        &self,
        mut manifest: Manifest,
        before: Option<&Predecessor>,
        limits: Limits,
    ) -> Result<Journal, FolderError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if manifest.run.is_empty() || manifest.run.len() > 64 || !manifest.run.bytes().all(allowed) {
            let why = "a run's name has 1 to 64 letters, digits, `-` and `_`";
            return Err(FolderError::path(Path::new(&manifest.run), why));
        }
        let path = self.path.join(format!("{}.redb", manifest.run));
        if let Some(before) = before {
            let parent = &before.verdict.manifest;
            let newest = before.stillborn.first().unwrap_or(&parent.run);
            if manifest.run <= *newest {
                let why = format!("a run's name sorts behind `{newest}`");
                return Err(FolderError::path(&path, why));
            }
            manifest.parent = Some(parent.run.clone());
            manifest.parent_head = Some(before.verdict.head);
            manifest.epoch = manifest.epoch.max(before.epoch.saturating_add(1));
        }
        let reserve = self.path.join("reserve");
        set_aside(&reserve).map_err(|e| FolderError::path(&reserve, words(&e)))?;
        if path.exists() {
            return Err(FolderError::path(&path, "it exists already"));
        }
        // Made under another name: a file that is called a journal has a manifest, whenever the power goes.
        let unborn = path.with_extension("unborn");
        match std::fs::remove_file(&unborn) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(FolderError::path(&unborn, words(&e)));
            }
            _ => {}
        }
        let store = RedbStore::create(&unborn).map_err(|e| FolderError::path(&unborn, e))?;
        let store = store.with_reserve(reserve);
        let journal = Journal::create(Box::new(store), manifest, limits)?;
        let renamed = std::fs::rename(&unborn, &path).and_then(|()| crate::store::sync_folder(&self.path));
        renamed.map_err(|e| FolderError::path(&path, words(&e)))?;
        Ok(journal)
    }
}

/// Opens and verifies a run, and marks how it stands.
fn look(path: PathBuf, looked_ns: i64) -> Result<Predecessor, FolderError> {
    let quarantined = |why: String| FolderError::Quarantined {
        path: path.clone(),
        why,
    };
    let mut store = match RedbStore::open(&path) {
        Ok(store) => store,
        Err(StoreError::Busy) => return Err(FolderError::Locked(path)),
        Err(StoreError::Corrupt(why)) => return Err(quarantined(why)),
        Err(error) => return Err(FolderError::path(&path, error)),
    };
    let verdict = verify(&store).map_err(|e| quarantined(e.to_string()))?;
    let mut manifest = verdict.manifest.clone();
    if manifest.status == Status::Quarantined {
        return Err(quarantined(manifest.note));
    }
    let broken = verdict.broken.as_ref().map(ToString::to_string);
    let unreadable = verdict.unreadable.as_ref();
    let broken = broken.or_else(|| unreadable.map(|(seq, why)| format!("entry {seq}: {why}")));
    let crashed = manifest.status == Status::Running;
    let status = match &broken {
        Some(why) => {
            manifest.note.clone_from(why);
            Status::Quarantined
        }
        None if crashed => Status::CrashedRecovered,
        None => manifest.status,
    };
    if status != manifest.status {
        manifest.status = status;
        manifest.ended_ns.get_or_insert(looked_ns);
        store
            .put_manifest(&manifest)
            .map_err(|e| FolderError::path(&path, e))?;
    }
    match broken {
        Some(why) => Err(quarantined(why)),
        None => Ok(Predecessor {
            path: path.clone(),
            store,
            verdict,
            crashed,
            stillborn: Vec::new(),
            epoch: 0,
        }),
    }
}

/// Options of a file that only its owner may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Writes the reserve in full: a length alone takes no room.
fn set_aside(path: &Path) -> io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|m| m.len() == RESERVE) {
        return Ok(());
    }
    let mut file = private().create(true).truncate(true).open(path)?;
    let block = vec![0xa5_u8; 1024 * 1024];
    for _ in 0..RESERVE / (1024 * 1024) {
        file.write_all(&block)?;
    }
    file.sync_all()
}

fn words(error: &io::Error) -> String {
    crate::store::io_words(error)
}
