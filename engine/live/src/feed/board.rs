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

    /// Goes on where a look ended.
    pub fn go_on(&mut self, last: &Seen) {
        for builder in &mut self.builders {
            builder.go_on(last.at, &last.under_way);
        }
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
            under_way: self
                .builders
                .iter()
                .filter_map(Builder::under_way)
                .cloned()
                .collect(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{FeedFacts, FeedHistory};
    use alula_market::contract::{Right, Root};
    use alula_market::history::History;
    use alula_market::sim::{SimConfig, SimulatedMarket};
    use alula_market::time::Date;

    fn at(minute: i64, second: i64) -> Instant {
        let date = Date::from_ymd_opt(2024, 6, 3).unwrap();
        Instant(Instant::from_eastern(date, 10, 0).unwrap().0 + minute * 60 + second)
    }

    fn put(strike: i64) -> OptionContract {
        OptionContract {
            root: Root::Spxw,
            expiry: Date::from_ymd_opt(2024, 6, 21).unwrap(),
            right: Right::Put,
            strike: Price(strike * 1000),
        }
    }

    fn quote(strike: i64, (bid, ask): (i64, i64), stood: Instant) -> Quote {
        Quote {
            instrument: Instrument::Option(put(strike)),
            bid: Some(Price(bid)),
            ask: Some(Price(ask)),
            bid_size: None,
            ask_size: None,
            at: stood,
        }
    }

    fn spot(value: i64, stood: Instant) -> Level {
        Level {
            name: "SPX".into(),
            value: Some(Price(value * 1000)),
            at: stood,
        }
    }

    /// The run's sight of a look.
    fn sight(seen: &Seen) -> FeedHistory {
        let base = SimulatedMarket::new(SimConfig {
            sessions: 5,
            ..SimConfig::default()
        });
        let facts = FeedFacts::new(
            ("a broker", false),
            at(-1, 0),
            (vec![1800], seen.at.date()),
            vec!["SPX".to_owned()],
        );
        let history = FeedHistory::new(Box::new(base.unwrap()), facts);
        history.receive(seen);
        history
    }

    #[test]
    fn what_is_too_old_is_missing_and_named_and_never_used() {
        let mut board = Board::new(Vec::new(), 120);
        board.level(&spot(5200, at(0, 0)));
        board.quote(&quote(5100, (8_000, 8_200), at(-3, 0)));
        board.quote(&quote(5150, (9_000, 9_200), at(-2, 0)));
        let seen = board.look(at(0, 0), at(0, 0));
        assert_eq!(seen.stale, [put(5100)]);
        let history = sight(&seen);
        let snapshot = history.snapshot("SPX", at(0, 0)).unwrap();
        assert_eq!(snapshot.quote(&put(5100)), None);
        assert_eq!(snapshot.quote(&put(5150)).unwrap().bid, Price(9_000));
        assert!(
            history
                .stale("SPX", at(0, 0))
                .unwrap()
                .contracts
                .contains(&put(5100))
        );
        // Nothing came for five minutes: everything is too old, the index too.
        let seen = board.look(at(5, 0), at(5, 0));
        assert_eq!((seen.quotes.len(), seen.stale.len()), (0, 2));
        let history = sight(&seen);
        assert_eq!(history.snapshot("SPX", at(5, 0)).unwrap().spot, Price::ZERO);
        assert!(history.stale("SPX", at(5, 0)).unwrap().spot);
    }

    #[test]
    fn a_look_that_was_packed_away_comes_back_as_it_was() {
        let mut board = Board::new(Vec::new(), 120);
        board.level(&spot(5200, at(0, 0)));
        board.quote(&quote(5100, (8_000, 8_200), at(-3, 0)));
        board.quote(&quote(5150, (9_000, 9_200), at(-2, 0)));
        let history = sight(&board.look(at(0, 0), at(0, 0)));
        let before = (
            history.snapshot("SPX", at(0, 0)).unwrap(),
            history.stale("SPX", at(0, 0)),
        );
        assert_eq!(before.1.as_ref().unwrap().contracts.len(), 1);
        history.release(at(1, 0));
        assert_eq!(
            (
                history.snapshot("SPX", at(0, 0)).unwrap(),
                history.stale("SPX", at(0, 0))
            ),
            before
        );
        assert!(history.snapshot("VIX", at(0, 0)).is_err());
    }

    #[test]
    fn who_looks_too_late_sees_nothing_fresh() {
        let mut board = Board::new(Vec::new(), 120);
        board.level(&spot(5200, at(0, 0)));
        board.quote(&quote(5150, (9_000, 9_200), at(0, 0)));
        // The process stood still for three minutes after the look was due.
        let seen = board.look(at(0, 0), at(3, 0));
        assert_eq!(
            (seen.levels.len(), seen.quotes.len(), seen.stale.len()),
            (0, 0, 1)
        );
    }

    #[test]
    fn a_crossed_market_is_none_and_an_older_quote_changes_nothing() {
        let mut board = Board::new(Vec::new(), 120);
        board.level(&spot(5200, at(0, 0)));
        board.quote(&quote(5100, (8_300, 8_200), at(0, 0)));
        board.quote(&quote(5150, (9_000, 9_200), at(0, 0)));
        // It was on its way for longer than the one that came before it.
        board.quote(&quote(5150, (1_000, 1_200), at(-1, 0)));
        let seen = board.look(at(0, 0), at(0, 0));
        let snapshot = sight(&seen).snapshot("SPX", at(0, 0)).unwrap();
        assert_eq!(snapshot.quote(&put(5100)), None);
        assert_eq!(snapshot.quote(&put(5150)).unwrap().bid, Price(9_000));
    }

    #[test]
    fn quotes_of_yesterday_count_for_nothing() {
        let mut board = Board::new(Vec::new(), 1_000_000);
        board.level(&spot(5200, at(0, -86_400)));
        board.quote(&quote(5150, (9_000, 9_200), at(0, -86_400)));
        let seen = board.look(at(0, 0), at(0, 0));
        assert_eq!(
            seen,
            Seen {
                at: at(0, 0),
                ..Seen::default()
            }
        );
    }
}
