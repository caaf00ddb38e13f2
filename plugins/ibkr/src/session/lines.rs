//! The streams of quotes of one connection: as many as the broker gives, begun and ended one at a time.
//!
//! A broker cuts off who asks more than fifty things a second, and counts its streams. A new choice therefore leaves alone what
//! it has in common with the old one; what fell away is ended before anything new is begun.

use crate::model::{Instrument, Told};
use crate::quotes::{Pumped, Watch};
use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// Some quote of those that are watched changes within this time, or their data do not come.
const MOVES_WITHIN_NS: i64 = 20_000_000_000;

/// Streams and what is to become of them.
pub(super) struct Lines {
    wanted: Vec<Instrument>,
    watches: Vec<Watch>,
    /// To be ended.
    leaving: VecDeque<Watch>,
    /// To be begun, the most important first.
    waiting: VecDeque<Instrument>,
    /// What this connection will not quote: it is said once, and not asked for again.
    refused: BTreeSet<Instrument>,
    /// So many are given at once, as the broker has shown.
    most: usize,
    paced: Instant,
    /// When anything moved last.
    moved_ns: i64,
}

impl Lines {
    /// None yet.
    pub(super) fn new(wanted: &[Instrument]) -> Self {
        Self {
            wanted: wanted.to_vec(),
            watches: Vec::new(),
            leaving: VecDeque::new(),
            waiting: wanted.iter().copied().collect(),
            refused: BTreeSet::new(),
            most: usize::MAX,
            paced: Instant::now(),
            moved_ns: i64::MIN,
        }
    }

    /// From now on these.
    pub(super) fn want(&mut self, wanted: &[Instrument]) {
        self.wanted = wanted.to_vec();
        self.sort_out();
    }

    /// The broker has forgotten all of them.
    pub(super) fn renew(&mut self) {
        self.leaving.extend(self.watches.drain(..));
        self.sort_out();
    }

    fn sort_out(&mut self) {
        let askable = self.wanted.iter().filter(|i| !self.refused.contains(i));
        let chosen: Vec<Instrument> = askable.take(self.most).copied().collect();
        let (kept, gone): (Vec<Watch>, Vec<Watch>) = self
            .watches
            .drain(..)
            .partition(|w| chosen.contains(&w.instrument));
        self.leaving.extend(gone);
        let is_new = |i: &Instrument| kept.iter().all(|w| w.instrument != *i);
        self.waiting = chosen.into_iter().filter(is_new).collect();
        self.watches = kept;
    }

    /// Ends or begins one, where it is time for it.
    pub(super) fn step(
        &mut self,
        pace: Duration,
        begin: impl FnOnce(&Instrument) -> Result<Watch, String>,
        out: &mut Told,
    ) {
        if self.paced.elapsed() < pace {
            return;
        }
        if let Some(gone) = self.leaving.pop_front() {
            // Its stream is ended with it.
            drop(gone);
        } else if let Some(next) = self.waiting.pop_front() {
            match begin(&next) {
                Ok(watch) => self.watches.push(watch),
                Err(why) => {
                    out.note(why);
                    self.refused.insert(next);
                }
            }
        } else {
            return;
        }
        self.paced = Instant::now();
    }

    /// Tells what has come, and what stands.
    pub(super) fn tell(&mut self, now_ns: i64, out: &mut Told) {
        let (mut moved, mut full, mut refused) = (false, false, Vec::new());
        self.watches.retain_mut(|watch| match watch.pump(now_ns, out) {
            Pumped::Quiet => true,
            Pumped::Moved => {
                moved = true;
                true
            }
            Pumped::Over => {
                refused.push(watch.instrument);
                false
            }
            Pumped::Full => {
                full = true;
                false
            }
        });
        self.refused.extend(refused);
        if full && self.watches.len() < self.most {
            self.most = self.watches.len();
            out.note(format!(
                "the broker quotes no more than {} things at once to this login; what matters least is left out: `--lines {}` \
                 makes the choice fit",
                self.most, self.most
            ));
            self.sort_out();
        }
        if moved {
            self.moved_ns = now_ns;
        }
        // Silence says that nothing changed only while the market's data come at all.
        if now_ns.saturating_sub(self.moved_ns) < MOVES_WITHIN_NS {
            for watch in &mut self.watches {
                watch.stands(now_ns, out);
            }
        }
    }
}
