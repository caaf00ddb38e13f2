//! The one writer of a run's journal.

use crate::entry::{Entry, Hash, PAYLOAD_MAX};
use crate::manifest::{Manifest, Status};
use crate::store::{Store, StoreError};
use crate::wire::{Record, WireError};
use std::time::Duration;

/// Two clocks of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Time by which the engine decides, ns since 1970.
    pub engine_ns: i64,
    /// When it came in by the machine's clock, ns since 1970.
    pub received_ns: i64,
}

/// When a journal stops trading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A commit that takes longer is as bad as one that fails.
    pub slow: Duration,
    /// Fewer free bytes block new entries of the strategy; exits still fit.
    pub low_water: u64,
}

impl Default for Limits {
    /// Two seconds; 256 MiB.
    fn default() -> Self {
        Self {
            slow: Duration::from_secs(2),
            low_water: 256 * 1024 * 1024,
        }
    }
}

/// Whether the disk has room for new positions' worth of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Enough, or nobody can say.
    Enough,
    /// Below the mark: nothing new may be opened.
    Low {
        /// Bytes free.
        free: u64,
    },
}

/// Why a journal takes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The store could not write; whether the batch is on disk is not known.
    #[error("the journal could not be written: {0}")]
    Store(StoreError),
    /// It took too long; the batch is on disk.
    #[error("writing the journal took {took:?}, more than {most:?}")]
    Slow {
        /// Taken.
        took: Duration,
        /// Limit.
        most: Duration,
    },
    /// It failed before, and what it holds since is not known.
    #[error("the journal takes nothing since it failed: {0}")]
    Poisoned(String),
    /// A payload that is too long or cannot be encoded.
    #[error("the entry cannot be written: {0}")]
    Payload(String),
    /// The cause is an entry that is not there.
    #[error("the entry names as its cause {cause}, but the next entry is {next}")]
    Cause {
        /// Named.
        cause: u64,
        /// Next number.
        next: u64,
    },
    /// A store that holds a run already.
    #[error("the store holds a run already")]
    NotEmpty,
}

impl From<WireError> for JournalError {
    fn from(error: WireError) -> Self {
        Self::Payload(error.to_string())
    }
}

/// The journal of a run at work.
///
/// [`Journal::append`] numbers and chains an entry in the current batch; [`Journal::commit`] puts the batch on disk. An
/// effect may leave the process once [`Journal::durable`] has reached its intent and its cause.
#[derive(Debug)]
pub struct Journal {
    store: Box<dyn Store>,
    manifest: Manifest,
    limits: Limits,
    batch: Vec<Entry>,
    next: u64,
    head: Hash,
    durable: u64,
    poisoned: Option<String>,
    slowest: Duration,
    commits: u64,
}

impl Journal {
    /// A new run on an empty store; its manifest is on disk when this returns.
    ///
    /// # Errors
    /// When the store holds a run already or cannot be written.
    pub fn create(
        mut store: Box<dyn Store>,
        manifest: Manifest,
        limits: Limits,
    ) -> Result<Self, JournalError> {
        if store.last().map_err(JournalError::Store)? != 0 || store.manifest().is_ok() {
            return Err(JournalError::NotEmpty);
        }
        store.put_manifest(&manifest).map_err(JournalError::Store)?;
        Ok(Self {
            head: manifest.seed_hash(),
            store,
            manifest,
            limits,
            batch: Vec::new(),
            next: 1,
            durable: 0,
            poisoned: None,
            slowest: Duration::ZERO,
            commits: 0,
        })
    }

    /// Adds an entry to the batch and returns its number. Its cause is an entry before it, or 0.
    ///
    /// # Errors
    /// When the journal is poisoned, the cause is not there, or the payload is too long; the batch stays as it was.
    pub fn append(&mut self, stamp: Stamp, cause: u64, record: &Record) -> Result<u64, JournalError> {
        self.alive()?;
        let seq = self.next;
        if cause >= seq {
            return Err(JournalError::Cause { cause, next: seq });
        }
        let payload = record.to_bytes()?;
        if payload.len() > PAYLOAD_MAX {
            return Err(JournalError::Payload(format!(
                "{} bytes are more than {PAYLOAD_MAX}",
                payload.len()
            )));
        }
        let entry = Entry {
            seq,
            kind: record.kind(),
            schema: record.schema(),
            engine_ns: stamp.engine_ns,
            received_ns: stamp.received_ns,
            cause,
            durable: self.durable,
            payload,
            prev: self.head,
            hash: Hash::default(),
        }
        .sealed();
        self.head = entry.hash;
        self.next = self.next.saturating_add(1);
        self.batch.push(entry);
        Ok(seq)
    }

    /// Puts the batch on disk and returns the last number that is there.
    ///
    /// # Errors
    /// When it could not, or took too long: trading must stop. The journal then takes nothing more, and nothing is tried
    /// again, because a disk may forget after a failed flush what it could not write, and report the next one as done.
    pub fn commit(&mut self) -> Result<u64, JournalError> {
        self.alive()?;
        let Some(last) = self.batch.last().map(|e| e.seq) else {
            return Ok(self.durable);
        };
        let took = match self.store.append(&self.batch) {
            Ok(took) => took,
            Err(error) => {
                let error = JournalError::Store(error);
                self.poisoned = Some(error.to_string());
                return Err(error);
            }
        };
        self.batch.clear();
        self.commits = self.commits.saturating_add(1);
        self.slowest = self.slowest.max(took);
        if took > self.limits.slow {
            let error = JournalError::Slow {
                took,
                most: self.limits.slow,
            };
            self.poisoned = Some(error.to_string());
            return Err(error);
        }
        self.durable = last;
        Ok(last)
    }

    /// Last number that is on disk.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Number of the next entry.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Hash of the newest entry, on disk or not.
    #[must_use]
    pub fn head(&self) -> Hash {
        self.head
    }

    /// Why it takes nothing more, if so.
    #[must_use]
    pub fn poisoned(&self) -> Option<&str> {
        self.poisoned.as_deref()
    }

    /// Commits so far, and the longest of them.
    #[must_use]
    pub fn commits(&self) -> (u64, Duration) {
        (self.commits, self.slowest)
    }

    /// Whether the disk has room for more than exits.
    #[must_use]
    pub fn room(&self) -> Room {
        match self.store.free() {
            Some(free) if free < self.limits.low_water => Room::Low { free },
            _ => Room::Enough,
        }
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The store, to read what is on disk.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Puts the batch on disk and marks the run as ended in good order.
    ///
    /// # Errors
    /// As [`Journal::commit`].
    pub fn end(mut self, ended_ns: i64, note: &str) -> Result<(), JournalError> {
        self.commit()?;
        self.manifest.status = Status::Ended;
        self.manifest.ended_ns = Some(ended_ns);
        note.clone_into(&mut self.manifest.note);
        self.store
            .put_manifest(&self.manifest)
            .map_err(JournalError::Store)
    }

    fn alive(&self) -> Result<(), JournalError> {
        match &self.poisoned {
            None => Ok(()),
            Some(why) => Err(JournalError::Poisoned(why.clone())),
        }
    }
}
