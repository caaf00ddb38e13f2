//! The account's file: records one after the other, each whole or not there.
//!
//! A record is `APAP`, its number, the length of its bytes, a CRC-32C over all of that and the bytes, and the bytes. What one
//! call changes is one record, flushed before the call returns. A file that ends in the middle of a record lost power in
//! the middle of a call that never returned: the piece is cut off. Anything else that is not a record stops the account.

use crate::account::Entry;
use alula_plugin_sdk::abi::broker::wire::{Wire as _, crc32c, value_of};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// Name of the file.
pub const FILE: &str = "account.paper";
const MAGIC: &[u8; 4] = b"APAP";
/// Magic, number, length and check sum.
const HEAD: usize = 4 + 8 + 4 + 4;
/// Longest record.
const RECORD_MAX: usize = 64 << 20;
/// Largest file.
const FILE_MAX: u64 = 1 << 32;

/// An open account file; nobody else has it.
#[derive(Debug)]
pub struct Store {
    file: File,
    next: u64,
    /// Set when a write failed: nobody can say what the file holds.
    broken: bool,
}

fn io(doing: &str, path: &Path, error: &std::io::Error) -> String {
    format!("cannot {doing} `{}`: {error}", path.display()).to_lowercase()
}

fn sum(number: u64, bytes: &[u8]) -> u32 {
    let mut all = number.to_le_bytes().to_vec();
    all.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    all.extend_from_slice(bytes);
    crc32c(&all)
}

/// The record at the front: its bytes, and what follows.
fn record(bytes: &[u8], number: u64) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (own, rest) = rest.split_first_chunk::<8>()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    if len > RECORD_MAX || u64::from_le_bytes(*own) != number {
        return None;
    }
    let (body, rest) = rest.split_at_checked(len)?;
    (sum(number, body) == u32::from_le_bytes(*crc)).then_some((body, rest))
}

/// Some record that was written later stands in what could not be read.
fn goes_on(bytes: &[u8], after: u64) -> bool {
    (1..bytes.len().saturating_sub(HEAD)).any(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        let own = rest.strip_prefix(MAGIC).and_then(|r| r.first_chunk::<8>());
        own.is_some_and(|own| {
            let number = u64::from_le_bytes(*own);
            number >= after && record(rest, number).is_some()
        })
    })
}

impl Store {
    /// Opens the file of a folder, made if it is not there, and gives what it holds.
    pub fn open(folder: &Path) -> Result<(Self, Vec<Entry>), String> {
        fs::create_dir_all(folder).map_err(|e| io("make", folder, &e))?;
        let path = folder.join(FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| io("open", &path, &e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!("`{}` is in use by another process", path.display()));
            }
            Err(TryLockError::Error(e)) => return Err(io("lock", &path, &e)),
        }
        let mut bytes = Vec::new();
        (&mut file)
            .take(FILE_MAX)
            .read_to_end(&mut bytes)
            .map_err(|e| io("read", &path, &e))?;
        let (mut rest, mut next, mut entries) = (bytes.as_slice(), 0_u64, Vec::new());
        while let Some((body, after)) = record(rest, next) {
            let batch: Vec<Entry> =
                value_of(body).map_err(|why| format!("`{}` record {next}: {why}", path.display()))?;
            entries.extend(batch);
            (rest, next) = (after, next.saturating_add(1));
        }
        if !rest.is_empty() && goes_on(rest, next) {
            return Err(format!(
                "`{}` is damaged at record {next}: later records are whole",
                path.display()
            ));
        }
        let whole = (bytes.len() - rest.len()) as u64;
        if !rest.is_empty() {
            file.set_len(whole).map_err(|e| io("cut", &path, &e))?;
        }
        file.sync_all().map_err(|e| io("flush", &path, &e))?;
        if let Ok(handle) = File::open(folder) {
            // The file's name lives in the folder; not every system can flush one.
            let _ = handle.sync_all();
        }
        file.seek(SeekFrom::Start(whole))
            .map_err(|e| io("read", &path, &e))?;
        let store = Self {
            file,
            next,
            broken: false,
        };
        Ok((store, entries))
    }

    /// Whether what the file holds is what was asked for. After a write that failed nobody knows: whatever this process would say
    /// of the account may not be what the next one reads.
    ///
    /// # Errors
    /// When a write failed.
    pub fn sound(&self) -> Result<(), String> {
        if self.broken {
            return Err(
                "the account's file could not be written before, and what it holds is not known".to_owned(),
            );
        }
        Ok(())
    }

    /// Appends entries as one record and flushes it.
    ///
    /// # Errors
    /// When it could not: the account takes nothing any more.
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), String> {
        self.sound()?;
        let mut body = alula_plugin_sdk::abi::broker::wire::Out::default();
        u32::try_from(entries.len()).unwrap_or(u32::MAX).put(&mut body);
        for entry in entries {
            entry.put(&mut body);
        }
        let body = body.0;
        let mut bytes = Vec::with_capacity(HEAD + body.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.next.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&sum(self.next, &body).to_le_bytes());
        bytes.extend_from_slice(&body);
        let written = if body.len() > RECORD_MAX {
            Err(std::io::Error::other("too much at once"))
        } else {
            self.file.write_all(&bytes).and_then(|()| self.file.sync_data())
        };
        if let Err(error) = written {
            // After a failed flush the system may drop the pages: trying again would lie.
            self.broken = true;
            return Err(format!("the account's file cannot be written: {error}"));
        }
        self.next = self.next.saturating_add(1);
        Ok(())
    }
}
