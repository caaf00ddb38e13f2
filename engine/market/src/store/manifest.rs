//! The manifest: what a store holds, from which files it came and what was assumed. Everything else in the folder is
//! reached through it, so a file that it does not name does not exist.

use super::error::{StoreError, StoreErrorKind};
use crate::digest::sha256;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Component, Path};

/// Name of the manifest in the store's folder.
pub const MANIFEST: &str = "manifest.json";

pub(super) const FORMAT: &str = "alula-store";
/// Version of the layout that is written. Version 1 had no sizes of quotes; it is read as it stands, and what is added to
/// it makes it a store of this version.
pub(super) const SCHEMA: u32 = 2;
const OLDEST: u32 = 1;

/// A file of the store: path relative to the store, length and content hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredFile {
    /// Path relative to the store, with `/`.
    pub path: String,
    /// Length.
    pub bytes: u64,
    /// Hex SHA-256 of the content.
    pub sha256: String,
}

/// One snapshot in a chain file; its row group has the snapshot's position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotEntry {
    /// Seconds since 1970, UTC.
    pub at: i64,
    /// Underlying in mills.
    pub underlying_mills: i64,
    /// Rows.
    pub rows: u64,
}

/// One chain file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainEntry {
    /// File.
    pub file: StoredFile,
    /// Snapshots in order of time.
    pub snapshots: Vec<SnapshotEntry>,
}

/// One series or event file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableEntry {
    /// File.
    pub file: StoredFile,
    /// Rows.
    pub rows: u64,
    /// First date.
    pub first: String,
    /// Last date.
    pub last: String,
}

/// A source file that was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// File name without its folder.
    pub file: String,
    /// Hex SHA-256 of the file as it lay on disk.
    pub sha256: String,
    /// What it was read as.
    pub layout: String,
}

/// A source file, or a part of one, that was not let in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// File name without its folder.
    pub file: String,
    /// Day, when one day was refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub date: Option<String>,
    /// Why.
    pub reason: String,
}

/// The manifest. Maps are sorted and nothing in it depends on when or where the store was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `alula-store`.
    pub format: String,
    /// Version of the layout.
    pub schema: u32,
    /// Counts imports into the store, from 1.
    pub generation: u32,
    /// The numbers come from a simulation.
    pub simulated: bool,
    /// What was assumed because the sources do not say; repeated with every result.
    pub assumptions: Vec<String>,
    /// Files read, in order of name.
    pub sources: Vec<Source>,
    /// What was not let in, in order of name.
    pub refused: Vec<Refusal>,
    /// Chains by root and date.
    pub chains: BTreeMap<String, BTreeMap<String, ChainEntry>>,
    /// Series by identifier, `ID` for sessions and `ID@5m` for minutes.
    pub series: BTreeMap<String, TableEntry>,
    /// Events by identifier.
    pub events: BTreeMap<String, TableEntry>,
    /// Values ever known of series and events, by identifier; stores written before there were any have none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub vintages: BTreeMap<String, TableEntry>,
    /// The quality report.
    pub quality: Option<StoredFile>,
}

impl Manifest {
    /// Every file of data: series, events, vintages, then chains.
    pub(super) fn data_files(&self) -> impl Iterator<Item = &StoredFile> {
        let tables = self.series.values().chain(self.events.values());
        let tables = tables.chain(self.vintages.values()).map(|t| &t.file);
        let chains = self.chains.values().flat_map(BTreeMap::values).map(|c| &c.file);
        tables.chain(chains)
    }

    pub(super) fn empty() -> Self {
        Self {
            format: FORMAT.to_owned(),
            schema: SCHEMA,
            generation: 0,
            simulated: false,
            assumptions: Vec::new(),
            sources: Vec::new(),
            refused: Vec::new(),
            chains: BTreeMap::new(),
            series: BTreeMap::new(),
            events: BTreeMap::new(),
            vintages: BTreeMap::new(),
            quality: None,
        }
    }

    /// Reads a store's manifest; returns it with the hash of its bytes.
    pub(super) fn load(store: &Path) -> Result<(Self, String), StoreError> {
        let path = store.join(MANIFEST);
        let missing = |e: &std::io::Error| e.kind() == std::io::ErrorKind::NotFound;
        let bytes = std::fs::read(&path).map_err(|e| match (missing(&e), store.exists()) {
            (true, false) => StoreError::new(
                StoreErrorKind::NotFound,
                format!("there is no store at `{}`", store.display()),
                "name the folder of a store, or make one with `alula import`",
            ),
            (true, true) => StoreError::new(
                StoreErrorKind::NotAStore,
                format!("`{}` is not a store: it has no {MANIFEST}", store.display()),
                "name the folder that `alula import` wrote",
            ),
            _ => StoreError::io("read", &path, &e),
        })?;
        let hash = sha256(&bytes);
        let text = std::str::from_utf8(&bytes).map_err(|e| StoreError::damaged(MANIFEST, e))?;
        Self::check_version(text)?;
        let manifest: Self = serde_json::from_str(text).map_err(|e| StoreError::damaged(MANIFEST, e))?;
        for file in manifest.data_files().chain(&manifest.quality) {
            check_path(&file.path)?;
        }
        Ok((manifest, hash))
    }

    fn check_version(text: &str) -> Result<(), StoreError> {
        #[derive(Deserialize)]
        struct Header {
            format: String,
            schema: u32,
        }
        let header: Header = serde_json::from_str(text).map_err(|e| StoreError::damaged(MANIFEST, e))?;
        if header.format != FORMAT {
            return Err(StoreError::new(
                StoreErrorKind::NotAStore,
                format!("{MANIFEST} is of format `{}`, not `{FORMAT}`", header.format),
                "name the folder that `alula import` wrote",
            ));
        }
        if (OLDEST..=SCHEMA).contains(&header.schema) {
            return Ok(());
        }
        Err(StoreError::new(
            StoreErrorKind::Version,
            format!(
                "the store has layout version {}, this build reads {OLDEST} to {SCHEMA}",
                header.schema
            ),
            "import the sources again with this build, or use the build that wrote the store",
        ))
    }

    pub(super) fn to_json(&self) -> Result<String, StoreError> {
        let text = serde_json::to_string_pretty(self);
        text.map(|t| t + "\n")
            .map_err(|e| StoreError::invalid(format!("cannot write {MANIFEST}: {e}")))
    }
}

/// A manifest names files inside its own folder and nowhere else.
fn check_path(path: &str) -> Result<(), StoreError> {
    let inside = Path::new(path)
        .components()
        .all(|c| matches!(c, Component::Normal(_)));
    if inside && !path.is_empty() {
        return Ok(());
    }
    Err(StoreError::damaged(
        MANIFEST,
        format_args!("the path `{path}` leads outside the store"),
    ))
}
