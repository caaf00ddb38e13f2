//! Where entries are kept.

mod memory;
mod redb;

pub use memory::{MemoryDisk, MemoryStore};
pub use redb::{RedbStore, Timer, free_bytes};
pub(crate) use redb::{io_words, sync_folder};

use crate::entry::Entry;
use crate::manifest::Manifest;
use std::fmt;
use std::time::Duration;

/// Something that a store could not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Reading or writing failed.
    #[error("{0}")]
    Io(String),
    /// Somebody else has it open.
    #[error("it is in use by another process")]
    Busy,
    /// What was read makes no sense.
    #[error("{0}")]
    Corrupt(String),
}

/// Entries of one run, in order, and its manifest.
///
/// A batch is on disk when [`Store::append`] returns, all of it or none. After an error nothing is known, and the store is
/// not asked again.
pub trait Store: fmt::Debug + Send {
    /// Writes a batch durably; says how long it took.
    ///
    /// # Errors
    /// When it could not, or nobody knows whether it could.
    fn append(&mut self, batch: &[Entry]) -> Result<Duration, StoreError>;

    /// At most `limit` entries from that number on, as they are stored, under their keys.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError>;

    /// Key of the last entry, 0 without entries.
    ///
    /// # Errors
    /// When it cannot be read.
    fn last(&self) -> Result<u64, StoreError>;

    /// Number and hash of the last entry as the last commit noted them beside it.
    ///
    /// # Errors
    /// When it cannot be read.
    fn head(&self) -> Result<Option<(u64, crate::Hash)>, StoreError>;

    /// Writes the manifest durably.
    ///
    /// # Errors
    /// When it could not.
    fn put_manifest(&mut self, manifest: &Manifest) -> Result<(), StoreError>;

    /// The manifest.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    fn manifest(&self) -> Result<Manifest, StoreError>;

    /// Bytes free where it writes; `None` when that cannot be told.
    fn free(&self) -> Option<u64> {
        None
    }
}

impl Store for Box<dyn Store> {
    fn append(&mut self, batch: &[Entry]) -> Result<Duration, StoreError> {
        (**self).append(batch)
    }
    fn read(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        (**self).read(from, limit)
    }
    fn last(&self) -> Result<u64, StoreError> {
        (**self).last()
    }
    fn head(&self) -> Result<Option<(u64, crate::Hash)>, StoreError> {
        (**self).head()
    }
    fn put_manifest(&mut self, manifest: &Manifest) -> Result<(), StoreError> {
        (**self).put_manifest(manifest)
    }
    fn manifest(&self) -> Result<Manifest, StoreError> {
        (**self).manifest()
    }
    fn free(&self) -> Option<u64> {
        (**self).free()
    }
}
