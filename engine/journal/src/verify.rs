//! Is a journal whole: the walk along the chain.

use crate::entry::{Entry, Hash};
use crate::manifest::Manifest;
use crate::store::{Store, StoreError};
use crate::wire::Record;
use std::collections::BTreeMap;

/// Entries read at once.
const CHUNK: usize = 1024;

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// Numbers are missing.
    #[error("entry {expected} is missing: the next one is {found}")]
    Gap {
        /// Should be there.
        expected: u64,
        /// Is there.
        found: u64,
    },
    /// The bytes are no entry.
    #[error("entry {seq} cannot be read: {why}")]
    Entry {
        /// Where.
        seq: u64,
        /// In a line.
        why: String,
    },
    /// It names another entry before it than the one that is there.
    #[error("entry {seq} does not continue the chain: it was written after another entry {}", seq - 1)]
    Chain {
        /// Where.
        seq: u64,
    },
    /// Its own hash does not fit its bytes.
    #[error("entry {seq} was changed after it was written: its hash does not fit its bytes")]
    Hash {
        /// Where.
        seq: u64,
    },
    /// It says that more was on disk than there was, or less than before.
    #[error("entry {seq} has the watermark {found}, which cannot be: it is not from {from} to {to}")]
    Watermark {
        /// Where.
        seq: u64,
        /// Found.
        found: u64,
        /// Lowest possible.
        from: u64,
        /// Highest possible.
        to: u64,
    },
    /// It names a cause that comes later.
    #[error("entry {seq} names as its cause {cause}, which is not before it")]
    Cause {
        /// Where.
        seq: u64,
        /// Named.
        cause: u64,
    },
    /// The entries end before the last commit did, or after it.
    #[error("the journal was committed up to entry {head}, but its entries end at {last}")]
    Torn {
        /// Last that was committed.
        head: u64,
        /// Last that is there.
        last: u64,
    },
}

/// What a walk found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Who wrote it.
    pub manifest: Manifest,
    /// Entries that are sound, from the first on.
    pub entries: u64,
    /// Hash of the last sound one; of the run's name without entries.
    pub head: Hash,
    /// Sound entries of each kind.
    pub kinds: BTreeMap<u16, u64>,
    /// Number of the first entry whose payload this program cannot read, and why. The chain is sound nevertheless.
    pub unreadable: Option<(u64, String)>,
    /// First break.
    pub broken: Option<Break>,
}

/// Walks along the whole chain. The first break ends the walk.
///
/// # Errors
/// When the store cannot be read at all.
pub fn verify(store: &dyn Store) -> Result<Verdict, StoreError> {
    each(store, |_, _| Ok(()))
}

/// The same, with every sound entry and its record handed to `visit`; an entry that this program cannot read comes without.
///
/// # Errors
/// When the store cannot be read, or `visit` says so.
pub fn each(
    store: &dyn Store,
    mut visit: impl FnMut(&Entry, Option<&Record>) -> Result<(), StoreError>,
) -> Result<Verdict, StoreError> {
    let manifest = store.manifest()?;
    let mut verdict = Verdict {
        head: manifest.seed_hash(),
        manifest,
        entries: 0,
        kinds: BTreeMap::new(),
        unreadable: None,
        broken: None,
    };
    let mut watermark = 0;
    let mut next = 0;
    loop {
        let rows = store.read(next, CHUNK)?;
        let Some((last, _)) = rows.last() else { break };
        next = last.saturating_add(1);
        for (key, bytes) in rows {
            match check(&verdict, watermark, key, &bytes) {
                Ok(entry) => {
                    watermark = entry.durable;
                    verdict.entries = entry.seq;
                    verdict.head = entry.hash;
                    let count = verdict.kinds.entry(entry.kind).or_default();
                    *count = count.saturating_add(1);
                    match Record::from_bytes(entry.kind, entry.schema, &entry.payload) {
                        Ok(record) => visit(&entry, Some(&record))?,
                        Err(why) => {
                            visit(&entry, None)?;
                            verdict
                                .unreadable
                                .get_or_insert_with(|| (entry.seq, why.to_string()));
                        }
                    }
                }
                Err(found) => {
                    verdict.broken = Some(found);
                    return Ok(verdict);
                }
            }
        }
    }
    let (head, hash) = store.head()?.unwrap_or((0, verdict.head));
    if head != verdict.entries {
        verdict.broken = Some(Break::Torn {
            head,
            last: verdict.entries,
        });
    } else if hash != verdict.head {
        verdict.broken = Some(Break::Hash { seq: head });
    }
    Ok(verdict)
}

fn check(verdict: &Verdict, watermark: u64, key: u64, bytes: &[u8]) -> Result<Entry, Break> {
    let expected = verdict.entries.saturating_add(1);
    if key != expected {
        return Err(Break::Gap { expected, found: key });
    }
    let entry = Entry::from_bytes(bytes).map_err(|e| Break::Entry {
        seq: key,
        why: e.to_string(),
    })?;
    let seq = entry.seq;
    if entry.computed() != entry.hash || seq != key {
        return Err(Break::Hash { seq: key });
    }
    if entry.prev != verdict.head {
        return Err(Break::Chain { seq });
    }
    if entry.durable < watermark || entry.durable >= seq {
        return Err(Break::Watermark {
            seq,
            found: entry.durable,
            from: watermark,
            to: seq.saturating_sub(1),
        });
    }
    if entry.cause >= seq {
        return Err(Break::Cause {
            seq,
            cause: entry.cause,
        });
    }
    Ok(entry)
}
