//! What a feed has told, newest first of all: quotes with the instants at which they stood, values of indices, bars under way.

use super::bars::{Bar, Builder};
use super::history::Seen;
use crate::broker::{Level, Quote};
use alula_market::assemble::ContractQuote;
use alula_market::contract::{Instrument, OptionContract};
use alula_market::money::Price;
use alula_market::time::Instant;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The newest that was told.
#[derive(Clone, Debug, Default)]
pub struct Board {
    quotes: BTreeMap<OptionContract, (ContractQuote, Instant)>,
    levels: BTreeMap<Arc<str>, (Price, Instant)>,
    builders: Vec<Builder>,
    finished: Vec<Bar>,
    /// Seconds after which a quote is too old.
    stale_after_s: i64,
    /// Values that came after their bar was closed.
    late: u64,
}

impl Board {
    /// An empty board that builds these bars.
    #[must_use]
    pub fn new(builders: Vec<Builder>, stale_after_s: i64) -> Self {
        Self {
            builders,
            stale_after_s,
            ..Self::default()
        }
    }

    /// Values that came too late for their bars.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// Newest value of an index.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Price> {
        self.levels.get(name).map(|(value, _)| *value)
    }

    /// Takes a quote; one that stood before the one that is known changes nothing.
    pub fn quote(&mut self, quote: &Quote) {
        let Instrument::Option(contract) = quote.instrument else {
            return;
        };
        if self.quotes.get(&contract).is_some_and(|(_, at)| *at > quote.at) {
            return;
        }
        let row = ContractQuote {
            contract,
            bid: quote.bid,
            ask: quote.ask,
            bid_size: quote.bid_size,
            ask_size: quote.ask_size,
        };
        self.quotes.insert(contract, (row, quote.at));
    }

    /// Takes a value of an index.
    pub fn level(&mut self, level: &Level) {
        let Some(value) = level.value.filter(|v| *v > Price::ZERO) else {
            self.levels.remove(&level.name);
            return;
        };
        if self.levels.get(&level.name).is_some_and(|(_, at)| *at > level.at) {
            return;
        }
        self.levels.insert(Arc::clone(&level.name), (value, level.at));
        let mut late = false;
        for builder in &mut self.builders {
            if builder.series() == &*level.name {
                late |= !builder.take(value, level.at, &mut self.finished);
            }
        }
        self.late += u64::from(late);
    }

    /// Forgets the quotes of contracts that are not asked for any more.
    pub fn keep(&mut self, wanted: &dyn Fn(&OptionContract) -> bool) {
        self.quotes.retain(|contract, _| wanted(contract));
    }

    /// What could be seen at an instant, looked at `now`, which may be later. Quotes of another day count for nothing.
    pub fn look(&mut self, at: Instant, now: Instant) -> Seen {
        for builder in &mut self.builders {
            builder.close(at, &mut self.finished);
        }
        let mut bars = std::mem::take(&mut self.finished);
        bars.sort_by(|a, b| (a.known_at, &a.series, a.size).cmp(&(b.known_at, &b.series, b.size)));
        let date = at.date();
        self.quotes.retain(|_, (_, stood)| stood.date() == date);
        self.levels.retain(|_, (_, stood)| stood.date() == date);
        let fresh = |stood: Instant| now.max(at).0.saturating_sub(stood.0) <= self.stale_after_s;
        let mut seen = Seen {
            at,
            bars,
            ..Seen::default()
        };
        for (name, (value, stood)) in &self.levels {
            if fresh(*stood) {
                seen.levels.push((Arc::clone(name), *value));
            } else {
                seen.stale_levels.push(Arc::clone(name));
            }
        }
        for (contract, (row, stood)) in &self.quotes {
            if fresh(*stood) {
                seen.quotes.push((*row, *stood));
            } else {
                seen.stale.push(*contract);
            }
        }
        seen
    }
}
