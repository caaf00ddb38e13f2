//! The journal of a run that is under way, read through the run itself: its file is locked meanwhile.

use super::control;
use alula_journal::{Entry, Hash, Manifest, Store, StoreError};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most entries of one answer; the run does nothing else while it reads them.
const PAGE: usize = 256;

/// Answers `journal {"from": 1, "limit": 100}`: entries as they are stored, in hexadecimal.
pub fn answer(store: &dyn Store, said: &str) -> Value {
    let said: Value = serde_json::from_str(said).unwrap_or_default();
    let number = |name: &str| said.get(name).and_then(Value::as_u64);
    let limit = number("limit")
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(PAGE);
    let read = || -> Result<Value, StoreError> {
        let rows = store.read(number("from").unwrap_or(0), limit.min(PAGE))?;
        let rows: Vec<Value> = rows.iter().map(|(key, bytes)| json!([key, hex(bytes)])).collect();
        let head = store.head()?.map(|(seq, hash)| json!([seq, hash]));
        Ok(json!({ "rows": rows, "last": store.last()?, "head": head, "manifest": store.manifest()? }))
    };
    read().unwrap_or_else(|e| json!({ "error": format!("the journal cannot be read: {e}") }))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = hex.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high * 16 + low).ok(),
            _ => None,
        })
        .collect()
}

/// A store that a run answers for. As much as was there at its first look: what is written meanwhile is not in it.
#[derive(Debug)]
pub struct RemoteStore {
    folder: PathBuf,
    manifest: Manifest,
    head: Option<(u64, Hash)>,
}

impl RemoteStore {
    /// The journal of the run at a state folder; none where no run answers, or it writes another file.
    #[must_use]
    pub fn of(journal: &Path) -> Option<Self> {
        let folder = journal.parent()?;
        let found = ask(folder, 0, 1).ok()?;
        let manifest: Manifest = serde_json::from_value(found.get("manifest")?.clone()).ok()?;
        let head = serde_json::from_value(found.get("head")?.clone()).ok()?;
        (journal.file_stem()?.to_str()? == manifest.run).then(|| Self {
            folder: folder.to_owned(),
            manifest,
            head,
        })
    }
}

fn ask(folder: &Path, from: u64, limit: usize) -> Result<Value, StoreError> {
    let line = format!("journal {}", json!({ "from": from, "limit": limit }));
    let answer = control::ask(folder, &line).map_err(|e| StoreError::Io(e.what))?;
    match answer.get("error").and_then(Value::as_str) {
        Some(error) => Err(StoreError::Io(error.to_owned())),
        None => Ok(answer),
    }
}

const READ_ONLY: &str = "the journal of a run under way is only read";

impl Store for RemoteStore {
    fn append(&mut self, _: &[Entry]) -> Result<Duration, StoreError> {
        Err(StoreError::Io(READ_ONLY.to_owned()))
    }

    fn read(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let found = ask(&self.folder, from, limit.min(PAGE))?;
        let odd = || StoreError::Corrupt("the run answered with something else".to_owned());
        let rows: Vec<(u64, String)> =
            serde_json::from_value(found.get("rows").cloned().unwrap_or_default()).map_err(|_| odd())?;
        let last = self.last()?;
        rows.into_iter()
            .filter(|(key, _)| *key <= last)
            .map(|(key, hex)| Ok((key, bytes(&hex).ok_or_else(odd)?)))
            .collect()
    }

    fn last(&self) -> Result<u64, StoreError> {
        Ok(self.head.map_or(0, |(seq, _)| seq))
    }

    fn head(&self) -> Result<Option<(u64, Hash)>, StoreError> {
        Ok(self.head)
    }

    fn put_manifest(&mut self, _: &Manifest) -> Result<(), StoreError> {
        Err(StoreError::Io(READ_ONLY.to_owned()))
    }

    fn manifest(&self) -> Result<Manifest, StoreError> {
        Ok(self.manifest.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_travel_as_they_are() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(bytes(&hex(&all)), Some(all));
        assert_eq!(bytes("0"), None);
        assert_eq!(bytes("zz"), None);
    }
}
