//! Chains of one root and day, written snapshot by snapshot: what is in memory is one snapshot.

use super::chains;
use super::columns::Encoder;
use super::error::StoreError;
use super::manifest::{ChainEntry, SnapshotEntry, StoredFile};
use super::{SnapshotRows, StoreErrorKind, StoreWriter};
use crate::contract::Root;
use crate::digest::hex;
use crate::time::{Date, Instant};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

/// Counts and hashes what is written.
struct Hashed {
    file: BufWriter<fs::File>,
    hash: Sha256,
    bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let n = self.file.write(buffer)?;
        self.hash.update(buffer.get(..n).unwrap_or_default());
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// One root's chains of a day being written. Dropped before [`StoreWriter::end_chains`], it leaves nothing behind.
pub struct DayWriter {
    root: Root,
    date: Date,
    /// Path relative to the store.
    path: String,
    /// Where it is written until it is complete.
    draft: Draft,
    encoder: Encoder<Hashed>,
    entries: Vec<SnapshotEntry>,
}

/// A file that is removed unless it is kept.
struct Draft(Option<PathBuf>);

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            let _ = fs::remove_file(path);
        }
    }
}

impl DayWriter {
    /// Adds a snapshot.
    ///
    /// # Errors
    /// When it is not later than the one before, its rows are out of order or repeated, or the disk fails.
    pub fn push(&mut self, snapshot: &SnapshotRows) -> Result<(), StoreError> {
        let before = self.entries.last().map(|e| Instant(e.at));
        chains::check(&self.path, before, snapshot)?;
        self.encoder
            .group(&chains::columns_of(snapshot))
            .map_err(|e| StoreError::encode(&self.path, &e))?;
        self.entries.push(SnapshotEntry {
            at: snapshot.at.0,
            underlying_mills: snapshot.spot.0,
            rows: u64::try_from(snapshot.rows.len()).unwrap_or(u64::MAX),
        });
        Ok(())
    }
}

impl StoreWriter {
    /// Begins one root's chains of a day.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn begin_chains(&self, root: Root, date: Date) -> Result<DayWriter, StoreError> {
        let path = format!("chains/root={}/date={date}.parquet", root.symbol());
        let full = self.building().join(format!("{path}.draft"));
        if let Some(folder) = full.parent() {
            fs::create_dir_all(folder).map_err(|e| StoreError::io("make the folder", folder, &e))?;
        }
        let file = fs::File::create(&full).map_err(|e| StoreError::io("write", &full, &e))?;
        let draft = Draft(Some(full));
        let sink = Hashed {
            file: BufWriter::with_capacity(256 * 1024, file),
            hash: Sha256::new(),
            bytes: 0,
        };
        let encoder = Encoder::new(chains::SCHEMA, sink).map_err(|e| StoreError::encode(&path, &e))?;
        Ok(DayWriter {
            root,
            date,
            path,
            draft,
            encoder,
            entries: Vec::new(),
        })
    }

    /// Puts a day in place. Returns whether it is new: the same content again is no error.
    ///
    /// # Errors
    /// When the store holds other content for the day, or the disk fails.
    pub fn end_chains(&mut self, day: DayWriter) -> Result<bool, StoreError> {
        let DayWriter {
            root,
            date,
            path,
            mut draft,
            encoder,
            entries,
        } = day;
        let mut sink = encoder.finish().map_err(|e| StoreError::encode(&path, &e))?;
        let full = self.building().join(&path);
        sink.flush().map_err(|e| StoreError::io("write", &full, &e))?;
        let sha256 = hex(&sink.hash.finalize());
        let days = self.chain_days(root);
        let key = date.to_string();
        if let Some(held) = days.get(&key) {
            if held.file.sha256 == sha256 {
                return Ok(false);
            }
            return Err(StoreError::new(
                StoreErrorKind::Exists,
                format!(
                    "the store already holds other {} chains for {date}",
                    root.symbol()
                ),
                "leave that day out, or import all sources into a new store",
            ));
        }
        let file = StoredFile {
            path: path.clone(),
            bytes: sink.bytes,
            sha256,
        };
        let entry = ChainEntry {
            file,
            snapshots: entries,
        };
        days.insert(key, entry);
        if let Some(from) = &draft.0 {
            fs::rename(from, &full).map_err(|e| StoreError::io("write", &full, &e))?;
        }
        draft.0 = None;
        self.note_fresh(path);
        Ok(true)
    }
}
