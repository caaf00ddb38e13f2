//! What happened, on disk before anything acts on it.
//!
//! A run writes one file. Inputs stand in it before they are applied, an order's intent before it is sent, a broker's words
//! before they change anything. Each entry carries the hash of the one before, so that a later change, a gap or a torn end
//! shows. A commit is one flush; when it fails or takes too long, the journal takes nothing more, ever: the disk's answer
//! to a second flush means nothing.
//!
//! Absent on purpose: strategies and brokers. Payloads are words, whole numbers and bytes ([`wire`]), so a file stays
//! readable when the engine's types change. No hash of ours is a signature: whoever can write the file can write all of it.

pub mod entry;
pub mod folder;
mod journal;
pub mod manifest;
#[cfg(feature = "sim")]
pub mod sim;
pub mod store;
mod verify;
pub mod wire;

pub use entry::{Entry, EntryError, Hash};
pub use folder::{Folder, FolderError};
pub use journal::{Journal, JournalError, Limits, Room, Stamp};
pub use manifest::{Manifest, PluginRow, Status};
pub use store::{Store, StoreError};
pub use verify::{Break, Verdict, each, verify};
pub use wire::Record;
