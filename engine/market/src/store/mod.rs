//! The canonical store: a folder of Parquet files, one per root and day, one per series and per event, under a manifest.
//!
//! ```text
//! manifest.json                             what is here, from which files, under which assumptions, with hashes
//! quality.json                              what the importer counted and refused
//! chains/root=SPXW/date=2019-04-25.parquet  every row of one root on one day
//! series/VIX.parquet                        bars, each with the instant at which it became known
//! events/FOMC.parquet                       occurrences, with what was known and when
//! vintages/CPI.parquet                      every value ever known, revisions beside first prints
//! ```
//!
//! The same input gives the same bytes, whenever and wherever it is written.

mod chains;
mod columns;
mod day;
mod error;
mod manifest;
mod rates;
mod reader;
mod tables;
mod writer;

pub use chains::{ChainRow, SnapshotRows, VendorGreeks, rows_by_root};
pub use day::DayWriter;
pub use error::{StoreError, StoreErrorKind};
pub use manifest::{ChainEntry, MANIFEST, Manifest, Refusal, SnapshotEntry, Source, StoredFile, TableEntry};
pub use reader::{StoreHistory, StoreOptions};
pub use writer::{StoreWriter, is_valid_id};

pub(crate) use error::reason;

#[cfg(test)]
mod tests;
