//! Chains of one root and day, written snapshot by snapshot: what is in memory is one snapshot.

use super::chains;
use super::columns::{Encoder, File};
use super::error::StoreError;
use super::manifest::{ChainEntry, SnapshotEntry, StoredFile};
use super::{SnapshotRows, StoreErrorKind, StoreWriter};
use crate::contract::Root;
use crate::digest::hex;
use crate::time::{Date, Instant};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

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

    /// Whether a day of the store is the drafted one but for the sizes of its quotes: stores of layout version 1 had none.
    fn holds_without_sizes(&self, held: &str, drafted: &Path) -> bool {
        let open = |path: &Path| File::open(fs::read(path).ok()?).ok();
        let same = || -> Option<bool> {
            let (old, new) = (open(&self.root_of(held).join(held))?, open(drafted)?);
            let groups = old.groups();
            if groups != new.groups() || old.group(0).ok()?.columns() == new.group(0).ok()?.columns() {
                return Some(false);
            }
            for group in 0..groups {
                let mut drafted = chains::decode_rows(&new, group).ok()?;
                for row in &mut drafted.rows {
                    (row.bid_size, row.ask_size) = (None, None);
                }
                if chains::decode_rows(&old, group).ok()? != drafted {
                    return Some(false);
                }
            }
            Some(true)
        };
        same().unwrap_or(false)
    }

    /// Puts a day in place. Returns whether it is new: the same content again is no error, nor is a day that the store holds
    /// without the sizes of its quotes; it stays as it is.
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
        let key = date.to_string();
        if let Some(held) = self.chain_days(root).get(&key).map(|held| held.file.clone()) {
            let without_sizes = |drafted: &PathBuf| self.holds_without_sizes(&held.path, drafted);
            if held.sha256 == sha256 || draft.0.as_ref().is_some_and(without_sizes) {
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
        self.chain_days(root).insert(key, entry);
        if let Some(from) = &draft.0 {
            fs::rename(from, &full).map_err(|e| StoreError::io("write", &full, &e))?;
        }
        draft.0 = None;
        self.note_fresh(path);
        Ok(true)
    }
}
