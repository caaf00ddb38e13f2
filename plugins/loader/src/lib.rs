//! The door: native plugins enter through libloading here and nowhere else.
//!
//! A plugin is opened only if `plugins.lock` names it with the hash of its bytes. The bytes are read once, hashed, looked at,
//! written to a private folder under a name made of their hash, and opened there: what runs is what was hashed, whatever
//! happens to the first file. Nothing is ever unloaded. Before any of the plugin's own functions is called, the constants of its
//! entry say whether the two fit. See `plugins/README.md` for what a plugin's author does.
//!
//! **What differs between systems.** Linux: as above. macOS: the same calls, the file's structure is not looked at before it is
//! opened, and the floating-point check works on both processors. Windows: no `RTLD_NODELETE` (the
//! library is pinned instead), what a library rests on is looked for in the system's folder alone, folders are not checked for
//! who may write to them, and a file in use cannot be replaced, which the private copy makes harmless.

mod cache;
mod elf;
#[allow(
    unsafe_code,
    reason = "asks the C library to be told of the end of the process"
)]
pub mod ending;
#[allow(unsafe_code, reason = "asks the C library for its locale")]
pub mod environment;
mod error;
#[allow(unsafe_code, reason = "opening a library and calling into it")]
mod library;
mod lock;
pub mod signature;

pub use error::{LoadError, Refusal};
pub use library::{Library, Message, open, take_messages};
pub use lock::{
    DEADLINE_SECONDS, DEADLINE_SECONDS_MAX, Kind, LOCK_NAME, Lock, Pin, Policy, find, signature_of,
};

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// Largest library, in bytes.
pub const LIBRARY_BYTES_MAX: u64 = 256 << 20;

/// Loads the plugin of an id as the lock pins it.
///
/// # Errors
/// See [`Refusal`]; nothing of a plugin that is refused before its hash and structure are known has run.
pub fn load(lock: &Lock, id: &str, cache: &Path) -> Result<Arc<Library>, LoadError> {
    open(&vetted(lock, id)?, cache).map_err(|e| e.of(id))
}

/// Makes the private copy of a plugin as the lock pins it, for another process to open by the hash that this gives. Nothing of it runs.
///
/// # Errors
/// As for [`load`], as far as that can be said without opening it.
pub fn keep(lock: &Lock, id: &str, cache: &Path) -> Result<String, LoadError> {
    let bytes = vetted(lock, id)?;
    let hash = sha256(&bytes);
    if cfg!(all(unix, not(target_vendor = "apple"))) {
        elf::check(&bytes).map_err(|e| e.of(id))?;
    }
    cache::copy(&bytes, &hash, cache).map_err(|e| e.of(id))?;
    Ok(hash)
}

/// The bytes of a plugin, which are those that the lock pins and its publisher signed.
fn vetted(lock: &Lock, id: &str) -> Result<Vec<u8>, LoadError> {
    let pin = lock.pin(id)?;
    let bytes = lock.bytes(pin)?;
    let hash = sha256(&bytes);
    if hash != pin.sha256 {
        return Err(LoadError::new(
            Refusal::Hash,
            format!(
                "plugin `{id}`: `{}` is not the file that was trusted (its sha256 is {hash})",
                pin.file.display()
            ),
        )
        .help("if you built it anew, trust it again: `alula plugin trust FILE`"));
    }
    if let Some(publisher) = &pin.publisher {
        let signature = lock.signature(pin)?;
        signature::verify(publisher, id, &bytes, &signature).map_err(|e| e.of(id))?;
    }
    Ok(bytes)
}

/// Opens the private copy of a library that was opened before, by the hash of its bytes: what a run in the past used, whatever the lock
/// says now. Only bytes that were trusted once are there.
///
/// # Errors
/// When there is no such copy, or its bytes are others.
pub fn open_copy(id: &str, hash: &str, cache: &Path) -> Result<Arc<Library>, LoadError> {
    let gone = || {
        let text = format!(
            "plugin `{id}`: build {} is not here any more",
            hash.get(..12).unwrap_or(hash)
        );
        LoadError::new(Refusal::File, text).help("trust its file again once: that keeps a private copy of it")
    };
    if hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(gone());
    }
    let bytes = cache::read(hash, cache).map_err(|_| gone())?;
    if sha256(&bytes) != hash {
        return Err(gone());
    }
    open(&bytes, cache).map_err(|e| e.of(id))
}

/// Hash of bytes, in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
