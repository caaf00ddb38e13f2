//! Until which row an instance of a plugin's function lives.
//!
//! An instance can die for reasons that do not come again: a machine that stood still for longer than a deadline. So its death is an
//! input of a run, as a quote is: what computes the same again is told the row, and from that row on the function is not called any
//! more, whatever it would do this time. All copies of an instance share one line: one that runs ahead of another is the same
//! computation, and what it found holds for all.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// No row is the first dead one.
const ALIVE: u64 = u64::MAX;
/// Nothing to be told.
const SILENT: u8 = 0;
/// A dead row was reached.
const REACHED: u8 = 1;
/// And that was told.
const TOLD: u8 = 2;

/// The end of an instance that was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The first row that it gave nothing for, counted from 0: every row of the function's clock counts, those with unknown inputs too.
    pub row: u64,
    /// What ended it.
    pub why: String,
    /// It was known before: see [`Lifeline::ends`].
    pub recorded: bool,
}

/// The life of an instance and its copies.
#[derive(Debug, Default)]
pub struct Lifeline {
    /// First row on which it is dead.
    from: AtomicU64Max,
    told: AtomicU8,
    /// Why, and whether that was known before.
    why: Mutex<(String, bool)>,
    /// It is also dead where this one is.
    above: OnceLock<Arc<Self>>,
}

/// A row that begins as [`ALIVE`].
#[derive(Debug)]
struct AtomicU64Max(AtomicU64);

impl Default for AtomicU64Max {
    fn default() -> Self {
        Self(AtomicU64::new(ALIVE))
    }
}

impl Lifeline {
    fn own(&self) -> u64 {
        self.from.0.load(Ordering::Relaxed)
    }

    /// The first row on which it is dead; none as far as is known.
    #[must_use]
    pub fn first_dead(&self) -> Option<u64> {
        let above = self.above.get().map_or(ALIVE, |a| a.own());
        let row = self.own().min(above);
        (row != ALIVE).then_some(row)
    }

    /// Whether it is dead on a row that is reached.
    #[must_use]
    pub fn is_dead(&self, row: u64) -> bool {
        if row >= self.own() {
            // Another thread can only have said the same.
            let _ = self
                .told
                .compare_exchange(SILENT, REACHED, Ordering::Relaxed, Ordering::Relaxed);
            return true;
        }
        self.above.get().is_some_and(|a| row >= a.own())
    }

    /// It is known to have ended at a row. Say so before it takes its first.
    pub fn ends(&self, row: u64, why: &str) {
        self.end(row, why, true);
    }

    /// It gave nothing for a row that it was given, and will give nothing any more.
    pub fn died(&self, row: u64, why: &str) {
        if self.end(row, why, false) {
            self.told.store(REACHED, Ordering::Relaxed);
        }
    }

    fn end(&self, row: u64, why: &str, recorded: bool) -> bool {
        let mut known = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        if row >= self.own() {
            return false;
        }
        self.from.0.store(row, Ordering::Relaxed);
        *known = (why.to_owned(), recorded);
        true
    }

    /// Its end, once: when the row has been reached.
    pub fn take(&self) -> Option<Ended> {
        let known = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = self
            .told
            .compare_exchange(REACHED, TOLD, Ordering::Relaxed, Ordering::Relaxed);
        taken.is_ok().then(|| Ended {
            row: self.own(),
            why: known.0.clone(),
            recorded: known.1,
        })
    }
}

/// The lives of a plan's instances, by the node that gives their first output.
#[derive(Clone, Debug, Default)]
pub struct Lifelines(BTreeMap<usize, Arc<Lifeline>>);

impl Lifelines {
    /// A new one for the instance of a node.
    pub(crate) fn begin(&mut self, node: usize) -> Arc<Lifeline> {
        Arc::clone(self.0.entry(node).or_default())
    }

    /// That of a node's instance.
    #[must_use]
    pub fn get(&self, node: usize) -> Option<&Arc<Lifeline>> {
        self.0.get(&node)
    }

    /// Node and line, in the order of the nodes.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Arc<Lifeline>)> {
        self.0.iter().map(|(node, line)| (*node, line))
    }

    /// Each instance is also dead where that of the same node is among others: those of the computation that this one repeats. What
    /// dies here is not dead there.
    pub fn repeats(&self, others: &Self) {
        for (node, line) in self.iter() {
            if let Some(other) = others.get(node) {
                // Said once.
                let _ = line.above.set(Arc::clone(other));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_is_told_once_when_its_row_is_reached_and_the_earliest_counts() {
        let line = Lifeline::default();
        assert!(!line.is_dead(u64::MAX - 1));
        line.ends(7, "it hung");
        assert_eq!((line.first_dead(), line.take()), (Some(7), None));
        assert!(!line.is_dead(6));
        assert_eq!(line.take(), None);
        assert!(line.is_dead(7) && line.is_dead(9));
        let ended = Ended {
            row: 7,
            why: "it hung".to_owned(),
            recorded: true,
        };
        assert_eq!((line.take(), line.take()), (Some(ended), None));

        let line = Lifeline::default();
        line.ends(7, "it hung");
        line.died(8, "later");
        assert_eq!(line.take(), None);
        line.died(5, "earlier");
        assert!(line.is_dead(5) && !line.is_dead(4));
        let found = line.take().unwrap();
        assert_eq!((found.row, &*found.why, found.recorded), (5, "earlier", false));
    }

    #[test]
    fn what_repeats_a_computation_dies_where_that_died_and_not_the_other_way_round() {
        let (mut first, mut second) = (Lifelines::default(), Lifelines::default());
        let (a, b) = (first.begin(3), second.begin(3));
        second.repeats(&first);
        a.died(4, "gone");
        assert!(b.is_dead(4) && !b.is_dead(3));
        assert_eq!(b.take(), None);
        b.died(2, "by chance");
        assert!(b.is_dead(2) && !a.is_dead(3));
        assert_eq!(a.take().unwrap().row, 4);
    }
}
