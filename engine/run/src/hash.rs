//! Hashes of what goes in, and the chain over what comes out.

use alula_book::Book;
use alula_core::decision::{Decision, Verdict};
use alula_core::value::Cell;
use alula_market::time::Instant;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(bytes.len() * 2);
    for b in bytes {
        // Writing to a string cannot fail.
        let _ = write!(out, "{b:02x}");
    }
    out
}

/// Hex sha256 of bytes.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Hash of named texts; names and lengths take part, so no two different sets look alike.
pub fn of_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hasher = Sha256::new();
    for (name, bytes) in files {
        part(&mut hasher, name.as_bytes());
        part(&mut hasher, bytes);
    }
    hex(&hasher.finalize())
}

/// Hash of a table of texts.
pub fn of_table(table: &BTreeMap<String, String>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for (name, value) in table {
        part(&mut hasher, name.as_bytes());
        part(&mut hasher, value.as_bytes());
    }
    hasher.finalize().into()
}

/// The hash behind a hex text, as the seed of a chain.
pub fn seed(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn part(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update((bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

/// The chain: each link covers the one before and everything that a tick read and decided.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    link: [u8; 32],
}

impl Chain {
    /// A chain that starts from the run's identity.
    pub const fn new(seed: [u8; 32]) -> Self {
        Self { link: seed }
    }

    /// Hex of the newest link.
    pub fn hex(&self) -> String {
        hex(&self.link)
    }

    /// Adds a tick: its instant, the market's and the account's cells, every rule's outcome, the orders, the book.
    pub fn tick(&mut self, at: Instant, cells: impl Iterator<Item = Cell>, decision: &Decision, book: &Book) {
        let mut hasher = Sha256::new();
        hasher.update(self.link);
        hasher.update(at.0.to_le_bytes());
        for cell in cells {
            hasher.update(cell.to_bytes());
        }
        for outcome in &decision.outcomes {
            part(&mut hasher, outcome.key.as_bytes());
            hasher.update(outcome.position.map_or(0, |p| p.0).to_le_bytes());
            hasher.update(outcome.condition.to_bytes());
            if let Some(require) = outcome.require {
                hasher.update(require.to_bytes());
            }
            part(&mut hasher, outcome.verdict.word().as_bytes());
            if let Verdict::Skipped(skip) = &outcome.verdict {
                part(&mut hasher, skip.to_string().as_bytes());
            }
        }
        for order in &decision.orders {
            part(&mut hasher, format!("{order:?}").as_bytes());
        }
        let (cash, equity) = (book.cash(), book.equity());
        for amount in [cash.mid, cash.share, cash.natural, equity.mid, equity.share, equity.natural] {
            hasher.update(amount.0.to_le_bytes());
        }
        for position in book.positions() {
            hasher.update(position.id.0.to_le_bytes());
            hasher.update(position.lots.to_le_bytes());
        }
        self.link = hasher.finalize().into();
    }
}
