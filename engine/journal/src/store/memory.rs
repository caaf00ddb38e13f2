//! Entries in memory: for tests and for the bulk of simulated runs.

use super::{Store, StoreError};
use crate::entry::{Entry, Hash};
use crate::manifest::Manifest;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What outlives a [`MemoryStore`], as a disk outlives a process.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    entries: BTreeMap<u64, Vec<u8>>,
    head: Option<(u64, Hash)>,
    manifest: Option<Manifest>,
    /// Committed, but not on disk: what a lying disk makes of a flush.
    unsynced: Vec<Entry>,
    lying: bool,
    /// The next commit fails.
    fail: bool,
    slow: Option<Duration>,
    free: Option<u64>,
}

impl MemoryDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on a flush does nothing and says that it did.
    pub fn lie(&self) {
        self.with(|k| k.lying = true);
    }

    /// The next commit fails.
    pub fn fail_next(&self) {
        self.with(|k| k.fail = true);
    }

    /// From now on a commit says that it took so long.
    pub fn slow(&self, took: Duration) {
        self.with(|k| k.slow = Some(took));
    }

    /// From now on so many bytes are free.
    pub fn set_free(&self, bytes: u64) {
        self.with(|k| k.free = Some(bytes));
    }

    /// The power goes: what was not flushed is gone.
    pub fn power_loss(&self) {
        self.with(|k| k.unsynced.clear());
    }

    /// Changes the stored bytes of an entry; `None` removes it. The note of the last entry stays.
    pub fn tamper(&self, seq: u64, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) {
        self.with(|k| {
            if let Some(bytes) = k.entries.remove(&seq)
                && let Some(bytes) = change(bytes)
            {
                k.entries.insert(seq, bytes);
            }
        });
    }

    /// A store on it.
    #[must_use]
    pub fn open(&self) -> MemoryStore {
        MemoryStore(self.clone())
    }

    fn with<T>(&self, f: impl FnOnce(&mut Kept) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A store in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(MemoryDisk);

impl Kept {
    fn put(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            self.head = Some((entry.seq, entry.hash));
            self.entries.insert(entry.seq, entry.to_bytes());
        }
    }
}

impl Store for MemoryStore {
    fn append(&mut self, batch: &[Entry]) -> Result<Duration, StoreError> {
        self.0.with(|k| {
            if k.fail {
                return Err(StoreError::Io("input/output error".to_owned()));
            }
            if k.lying {
                k.unsynced.extend(batch.iter().cloned());
            } else {
                k.put(batch.iter().cloned());
            }
            Ok(k.slow.unwrap_or_default())
        })
    }

    fn read(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        Ok(self.0.with(|k| {
            let kept = k.entries.range(from..).map(|(seq, bytes)| (*seq, bytes.clone()));
            let cached = k.unsynced.iter().filter(|e| e.seq >= from);
            kept.chain(cached.map(|e| (e.seq, e.to_bytes())))
                .take(limit)
                .collect()
        }))
    }

    fn last(&self) -> Result<u64, StoreError> {
        Ok(self.0.with(|k| {
            let kept = k.entries.last_key_value().map_or(0, |(seq, _)| *seq);
            k.unsynced.last().map_or(kept, |e| e.seq)
        }))
    }

    fn head(&self) -> Result<Option<(u64, Hash)>, StoreError> {
        Ok(self
            .0
            .with(|k| k.unsynced.last().map(|e| (e.seq, e.hash)).or(k.head)))
    }

    fn put_manifest(&mut self, manifest: &Manifest) -> Result<(), StoreError> {
        self.0.with(|k| k.manifest = Some(manifest.clone()));
        Ok(())
    }

    fn manifest(&self) -> Result<Manifest, StoreError> {
        let found = self.0.with(|k| k.manifest.clone());
        found.ok_or_else(|| StoreError::Corrupt("there is no manifest".to_owned()))
    }

    fn free(&self) -> Option<u64> {
        self.0.with(|k| k.free)
    }
}
