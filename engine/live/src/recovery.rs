//! What a journal leaves to the next run.

use crate::order::{Orders, Unreadable};
use alula_journal::wire::{self, Record};
use alula_journal::{Break, Hash, Store, StoreError, each};
use alula_market::time::Instant;

/// Starts in [`WINDOW_S`] above which only exits and hedges pass.
pub const STARTS: usize = 3;
/// Seconds in which starts are counted.
pub const WINDOW_S: i64 = 600;

/// Why a run cannot go on from a journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is broken.
    #[error("the journal is broken: {0}")]
    Broken(Break),
    /// An entry of a newer program, or of instruments that this one does not know.
    #[error("entry {seq} cannot be read: {why}")]
    Entry {
        /// Which.
        seq: u64,
        /// In a line.
        why: String,
    },
}

/// What a journal amounts to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Orders, trades, positions, halts, thresholds.
    pub orders: Orders,
    /// Last hash of its chain.
    pub head: Hash,
    /// Entries.
    pub entries: u64,
    /// Instant of the last tick.
    pub last_tick: Option<Instant>,
    /// Last decision.
    pub last_decision: Option<wire::Decision>,
    /// Last swap of the strategy.
    pub strategy: Option<wire::StrategySwapped>,
    /// Last snapshot of the state, and its entry.
    pub snapshot: Option<(u64, wire::Snapshot)>,
    /// It ended in good order.
    pub ended: bool,
}

/// Applies a whole journal: what the run had in memory when its last entry was written.
///
/// # Errors
/// When the journal is broken, or an entry cannot be read. Nothing is guessed.
pub fn replay(store: &dyn Store) -> Result<Recovered, RecoveryError> {
    let mut out = Recovered::default();
    let mut strange = None;
    let verdict = each(store, |entry, record| {
        if strange.is_none()
            && let Some(record) = record
            && let Err(Unreadable(why)) = out.take(entry.seq, record)
        {
            strange = Some((entry.seq, why));
        }
        Ok(())
    })?;
    if let Some(broken) = verdict.broken {
        return Err(RecoveryError::Broken(broken));
    }
    if let Some((seq, why)) = verdict.unreadable.or(strange) {
        return Err(RecoveryError::Entry { seq, why });
    }
    out.head = verdict.head;
    out.entries = verdict.entries;
    Ok(out)
}

impl Recovered {
    fn take(&mut self, seq: u64, record: &Record) -> Result<(), Unreadable> {
        match record {
            Record::Tick(tick) => self.last_tick = Some(Instant(tick.at_s)),
            Record::Decision(decision) => self.last_decision = Some(decision.clone()),
            Record::StrategySwapped(swap) => self.strategy = Some(swap.clone()),
            Record::Snapshot(snapshot) => self.snapshot = Some((seq, snapshot.clone())),
            Record::RunEnded(_) => self.ended = true,
            _ => {}
        }
        self.orders.apply(seq, record).map(|_| ())
    }
}

/// Why only exits and hedges may pass: more starts than `most`, this one included, in the last ten minutes. Instants in s since
/// 1970.
#[must_use]
pub fn safe_mode(starts: &[i64], now: Instant, most: usize) -> Option<String> {
    let from = now.0.saturating_sub(WINDOW_S);
    let count = starts.iter().filter(|s| **s > from && **s <= now.0).count();
    (count > most).then(|| {
        format!(
            "{count} starts in {} minutes, and {most} is the most",
            WINDOW_S / 60
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_start_in_ten_minutes_is_in_safe_mode() {
        let now = Instant(10_000);
        assert_eq!(safe_mode(&[9_700, 9_800, 10_000], now, STARTS), None);
        let text = safe_mode(&[9_401, 9_700, 9_800, 10_000], now, STARTS).unwrap();
        assert_eq!(text, "4 starts in 10 minutes, and 3 is the most");
        assert_eq!(safe_mode(&[9_400, 9_700, 9_800, 10_000], now, STARTS), None);
    }
}
