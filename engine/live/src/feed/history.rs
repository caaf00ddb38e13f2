//! A store up to an instant, and from there on what a feed tells: one history that grows.

use super::bars::Bar;
use super::settlement::Told;
use alula_journal::Record;
use alula_journal::wire;
use alula_market::assemble::{ContractQuote, chains};
use alula_market::calendar::ExchangeCalendar;
use alula_market::chain::ChainSnapshot;
use alula_market::contract::{OptionContract, Root, Settlement, SettlementValue};
use alula_market::digest::sha256;
use alula_market::history::{History, HistoryError, Provenance, Stale};
use alula_market::money::Price;
use alula_market::series::{BarSize, EventData, SeriesData};
use alula_market::time::{Date, Instant};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a feed had told by an instant at which the run looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// When the run looked.
    pub at: Instant,
    /// Values of indices that could be used.
    pub levels: Vec<(Arc<str>, Price)>,
    /// Indices whose newest value was too old.
    pub stale_levels: Vec<Arc<str>>,
    /// Quotes that could be used, and when each stood.
    pub quotes: Vec<(ContractQuote, Instant)>,
    /// Contracts whose newest quote was too old.
    pub stale: Vec<OptionContract>,
    /// Bars that ended since the look before.
    pub bars: Vec<Bar>,
    /// Bars that had begun and not ended.
    pub under_way: Vec<Bar>,
}

/// What a feed is, from its first look on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedFacts {
    /// Who tells: `broker paper`.
    pub name: String,
    /// Everything before it is the store's.
    pub start: Instant,
    /// Times of day at which the run looks, in seconds after the open.
    pub rhythm: Vec<i64>,
    /// Last session.
    pub to: Date,
    /// When the run looks, in order.
    pub instants: Vec<Instant>,
    /// Underlyings with chains, the strategy's own first.
    pub underlyings: Vec<String>,
    /// It is a simulation, whose last values of a session are the official ones.
    pub simulated: bool,
}

impl FeedFacts {
    /// A feed of somebody (who may be a simulation) from an instant on, looked at in a rhythm up to a session. The strategy's
    /// own underlying is the first.
    #[must_use]
    pub fn new(
        (name, simulated): (&str, bool),
        start: Instant,
        (rhythm, to): (Vec<i64>, Date),
        underlyings: Vec<String>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            start,
            instants: super::instants(&rhythm, start, to),
            rhythm,
            to,
            underlyings,
            simulated,
        }
    }
}

#[derive(Debug, Default)]
struct Received {
    snapshots: BTreeMap<(Instant, String), Arc<ChainSnapshot>>,
    stale: BTreeMap<(Instant, String), Arc<Stale>>,
    /// Every look, as the journal has it: small enough to keep.
    packed: BTreeMap<Instant, Vec<u8>>,
    bars: BTreeMap<(Arc<str>, Option<u16>), Vec<Bar>>,
    merged: BTreeMap<(String, BarSize), Arc<SeriesData>>,
    /// Newest look.
    seen: Option<Instant>,
    grown: u64,
    /// What stands in for official settlements.
    told: Told,
}

/// A history that a feed makes longer.
pub struct FeedHistory {
    base: Box<dyn History>,
    facts: FeedFacts,
    received: Mutex<Received>,
}

impl std::fmt::Debug for FeedHistory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeedHistory")
            .field("feed", &self.facts.name)
            .field("start", &self.facts.start)
            .finish_non_exhaustive()
    }
}

const fn minutes(size: BarSize) -> Option<u16> {
    match size {
        BarSize::Session => None,
        BarSize::Minutes(n) => Some(n),
    }
}

impl FeedHistory {
    /// Nothing has been told yet.
    #[must_use]
    pub fn new(base: Box<dyn History>, facts: FeedFacts) -> Self {
        Self {
            base,
            facts,
            received: Mutex::default(),
        }
    }

    /// What the feed is.
    #[must_use]
    pub const fn facts(&self) -> &FeedFacts {
        &self.facts
    }

    fn lock(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a look. Looks come in order; one that was taken in before is left alone.
    pub fn receive(&self, seen: &Seen) {
        let mut received = self.lock();
        if received.seen.is_some_and(|at| seen.at <= at) {
            return;
        }
        received.seen = Some(seen.at);
        received.told.look(seen);
        for underlying in &self.facts.underlyings {
            let (snapshot, stale) = shown(seen, underlying);
            let key = (seen.at, underlying.clone());
            received.snapshots.insert(key.clone(), Arc::new(snapshot));
            if stale != Stale::default() {
                received.stale.insert(key, Arc::new(stale));
            }
        }
        // What cannot be packed cannot be written down either, and the run ends there.
        if let Ok(bytes) = Record::from(super::seen_out(seen, "")).to_bytes() {
            received.packed.insert(seen.at, bytes);
        }
        for bar in &seen.bars {
            let key = (Arc::clone(&bar.series), minutes(bar.size));
            received.bars.entry(key).or_default().push(bar.clone());
        }
        if !seen.bars.is_empty() {
            received.grown += 1;
            received.merged.clear();
        }
    }

    /// The newest look.
    #[must_use]
    pub fn newest(&self) -> Option<Instant> {
        self.lock().seen
    }

    /// A look that was released.
    fn unpacked(&self, at: Instant) -> Option<Seen> {
        let bytes = self.lock().packed.get(&at).cloned()?;
        match Record::from_bytes(wire::SEEN.0, wire::SEEN.1, &bytes) {
            Ok(Record::Seen(seen)) => super::seen_in(&seen).ok(),
            _ => None,
        }
    }

    /// Packs snapshots before an instant away: seldom somebody comes back to one, as when a signal is read for the first time.
    pub fn release(&self, before: Instant) {
        let mut received = self.lock();
        let key = (before, String::new());
        received.snapshots = received.snapshots.split_off(&key);
        received.stale = received.stale.split_off(&key);
    }

    /// First and last value of a session, as it is known.
    fn session_value(&self, id: &str, session: Date, first: bool) -> Result<Option<f64>, HistoryError> {
        let Some(series) = self.series(id, BarSize::Session)? else {
            return Ok(None);
        };
        let column = if first { &series.open } else { &series.close };
        let at = series.date.binary_search(&session).ok();
        Ok(at.and_then(|i| column.get(i).copied().flatten()))
    }
}

/// What a look shows of an underlying, and what it does not show because it was too old.
fn shown(seen: &Seen, underlying: &str) -> (ChainSnapshot, Stale) {
    let ours = |c: &OptionContract| c.root.underlying() == underlying && trades(c, seen.at);
    let mut rows: Vec<ContractQuote> = Vec::with_capacity(seen.quotes.len());
    rows.extend(seen.quotes.iter().map(|(q, _)| *q).filter(|q| ours(&q.contract)));
    // What is too old is listed and has no market.
    let mut old: BTreeSet<OptionContract> = seen.stale.iter().filter(|c| ours(c)).copied().collect();
    rows.extend(old.iter().map(|c| ContractQuote::none(*c)));
    let spot = seen.levels.iter().find(|(name, _)| **name == *underlying);
    if spot.is_none() {
        // Without a price of the underlying its options say nothing that could be acted on.
        let quoted = seen.quotes.iter().map(|(q, _)| q.contract);
        old.extend(quoted.filter(ours));
        rows = old.iter().map(|c| ContractQuote::none(*c)).collect();
    }
    let snapshot = ChainSnapshot {
        at: seen.at,
        underlying: underlying.to_owned(),
        spot: spot.map_or(Price::ZERO, |(_, value)| *value),
        expiries: chains(&rows),
    };
    let stale = Stale {
        spot: spot.is_none(),
        contracts: old,
    };
    (snapshot, stale)
}

fn trades(contract: &OptionContract, at: Instant) -> bool {
    let last = ExchangeCalendar::nyse().last_trade_at(contract.root, contract.expiry);
    last.is_some_and(|last| last >= at)
}

/// The bars of a store that were known by an instant, then those of the feed. Columns that the store does not fill stay empty.
fn merged(base: Option<&SeriesData>, start: Instant, bars: &[Bar]) -> SeriesData {
    let mut out = base.cloned().unwrap_or_default();
    let known = out.available_at.partition_point(|at| *at <= start);
    let with_values = base.is_none();
    let SeriesData {
        date,
        starts_at,
        available_at,
        open,
        high,
        low,
        close,
        volume,
    } = &mut out;
    let has = [!open.is_empty(), !high.is_empty(), !low.is_empty(), true];
    let has_volume = !volume.is_empty();
    date.truncate(known);
    starts_at.truncate(known);
    available_at.truncate(known);
    for column in [&mut *open, &mut *high, &mut *low, &mut *close, volume] {
        column.truncate(known);
    }
    for bar in bars {
        if date
            .last()
            .zip(starts_at.last())
            .is_some_and(|(d, s)| (*d, *s) >= (bar.date, bar.starts_at))
        {
            continue;
        }
        date.push(bar.date);
        starts_at.push(bar.starts_at);
        available_at.push(bar.known_at);
        let columns = [&mut *open, &mut *high, &mut *low, &mut *close];
        for ((column, value), has) in columns.into_iter().zip(bar.values).zip(has) {
            if has || with_values {
                column.push(Some(value.to_f64()));
            }
        }
        if has_volume {
            volume.push(None);
        }
    }
    out
}

impl History for FeedHistory {
    fn provenance(&self) -> Provenance {
        let base = self.base.provenance();
        let facts = &self.facts;
        let text = format!(
            "{}\n{}\n{}\n{:?}",
            base.hash, facts.name, facts.start.0, facts.underlyings
        );
        let mut notes = base.notes;
        notes.push(format!(
            "quotes from {} on are those of {}: they have no volumes and no open interest, and only what was asked for is in them",
            facts.start, facts.name
        ));
        Provenance {
            label: format!("quotes of {}, warmed up from {}", facts.name, base.label),
            simulated: base.simulated || facts.simulated,
            hash: sha256(text.as_bytes()),
            notes,
        }
    }

    fn ticks(&self, underlying: &str, from: Date, to: Date) -> Vec<Instant> {
        let first = self.facts.start.date();
        let before = first.pred_opt().filter(|d| *d >= from).map(|d| d.min(to));
        let mut out = before.map_or_else(Vec::new, |to| self.base.ticks(underlying, from, to));
        if self.facts.underlyings.iter().any(|u| u == underlying) {
            let ours = self.facts.instants.iter().copied();
            out.extend(ours.filter(|t| (from..=to).contains(&t.date())));
        }
        out
    }

    fn range(&self, underlying: &str) -> Option<(Date, Date)> {
        if !self.facts.underlyings.iter().any(|u| u == underlying) {
            return None;
        }
        let first = self.facts.start.date();
        let base = self.base.range(underlying).filter(|(from, _)| *from < first);
        Some((base.map_or(first, |b| b.0), self.facts.instants.last()?.date()))
    }

    fn snapshot(&self, underlying: &str, at: Instant) -> Result<Arc<ChainSnapshot>, HistoryError> {
        if at.date() < self.facts.start.date() {
            return self.base.snapshot(underlying, at);
        }
        let found = self.lock().snapshots.get(&(at, underlying.to_owned())).cloned();
        let found = found.or_else(|| {
            let ours = self.facts.underlyings.iter().any(|u| u == underlying);
            let seen = self.unpacked(at).filter(|_| ours)?;
            Some(Arc::new(shown(&seen, underlying).0))
        });
        found.ok_or_else(|| HistoryError {
            what: format!("{} has told nothing of `{underlying}` at {at}", self.facts.name),
            help: "what a feed will tell is not known before it does".to_owned(),
        })
    }

    fn series(&self, id: &str, size: BarSize) -> Result<Option<Arc<SeriesData>>, HistoryError> {
        let key = (id.to_owned(), size);
        if let Some(found) = self.lock().merged.get(&key) {
            return Ok(Some(Arc::clone(found)));
        }
        let base = self.base.series(id, size)?;
        let mut received = self.lock();
        let ours = received.bars.get(&(Arc::from(id), minutes(size)));
        if base.is_none() && ours.is_none() {
            return Ok(None);
        }
        let bars = ours.map_or(&[][..], Vec::as_slice);
        let series = Arc::new(merged(base.as_deref(), self.facts.start, bars));
        received.merged.insert(key, Arc::clone(&series));
        Ok(Some(series))
    }

    fn events(&self, id: &str) -> Result<Option<Arc<EventData>>, HistoryError> {
        self.base.events(id)
    }

    fn settlement(&self, root: Root, expiry: Date) -> Result<Option<SettlementValue>, HistoryError> {
        if expiry < self.facts.start.date() {
            return self.base.settlement(root, expiry);
        }
        let calendar = ExchangeCalendar::nyse();
        let (Some(day), Some(at)) = (
            calendar.session_on_or_before(expiry),
            calendar.settles_at(root, expiry),
        ) else {
            return Ok(None);
        };
        if !self.facts.simulated {
            // Of a feed that is not a simulation nobody knows whether its last value was the official one.
            let official = match (root.settlement(), root.underlying()) {
                (Settlement::Pm, _) => None,
                (Settlement::Am, "VIX") => Some("VRO"),
                (Settlement::Am, _) => Some("SET"),
            };
            let of = (official, root.underlying(), official.is_some());
            let before = self.base.series(of.1, BarSize::Session)?;
            let before = before.and_then(|s| {
                let known = s.available_at.partition_point(|at| *at <= self.facts.start);
                s.close.get(..known)?.iter().rev().copied().flatten().next()
            });
            let before = before.and_then(Price::from_f64);
            return Ok(self.lock().told.value(of, (day, at), before));
        }
        // The official value by its own name, else the first or last value of the index.
        let ids: &[(&str, bool, bool)] = match (root.settlement(), root.underlying()) {
            (Settlement::Pm, underlying) => &[(underlying, false, false)],
            (Settlement::Am, "VIX") => &[("VRO", false, false), ("VIX", true, true)],
            (Settlement::Am, _) => &[("SET", false, false), ("SPX", true, true)],
        };
        for (id, first, approximate) in ids {
            if let Some(value) = self.session_value(id, day, *first)? {
                let price = Price::from_f64((value * 100.0).round() / 100.0);
                return Ok(price.map(|price| SettlementValue {
                    price,
                    at,
                    approximate: *approximate,
                }));
            }
        }
        Ok(None)
    }

    fn rate(&self, at: Instant) -> Result<Option<f64>, HistoryError> {
        self.base.rate(at)
    }

    fn gaps(&self, underlying: &str, from: Date, to: Date) -> Vec<Date> {
        let first = self.facts.start.date();
        match first.pred_opt() {
            Some(before) if from < first => self.base.gaps(underlying, from, to.min(before)),
            _ => Vec::new(),
        }
    }

    fn grown(&self) -> u64 {
        self.lock().grown
    }

    fn stale(&self, underlying: &str, at: Instant) -> Option<Arc<Stale>> {
        let key = (at, underlying.to_owned());
        let received = self.lock();
        if received.snapshots.contains_key(&key) {
            return received.stale.get(&key).cloned();
        }
        drop(received);
        let stale = shown(&self.unpacked(at)?, underlying).1;
        (stale != Stale::default()).then(|| Arc::new(stale))
    }
}
