//! The market of a case: what the test file says, and plain defaults for the rest.
//!
//! Quotes that the file does not give come from Black-76 on a smile that is flat, or falls in a straight line with the
//! strike, around a stated vol; they are *simulated*, and everything made from them is labelled so.

mod flat;

pub use flat::LISTED_DAYS;

use crate::spec::{ChainSpec, Fields, MarketSpec, QuoteLine, Step, VolSource};
use alula_market::calendar::ExchangeCalendar;
use alula_market::chain::{ChainSnapshot, ExpiryChain, QuoteColumns};
use alula_market::contract::{Right, Root, SettlementValue};
use alula_market::history::{History, HistoryError, Provenance};
use alula_market::money::Price;
use alula_market::series::{BarSize, EventData, EventRow, SeriesData};
use alula_market::time::{Date, Instant};
use alula_run::ViewPool;
use flat::{flat, listed, strikes, vix_listed, vix_strikes};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Distance of the snapshot of a session from its close.
const BEFORE_CLOSE_SECS: i64 = 15 * 60;
/// Distance of the events that a case does not speak of: a year and more.
const FAR_SECS: i64 = 400 * 24 * 3600;

/// The instants of a case, one for each step.
#[must_use]
pub fn instants(start: Date, step: Step, count: usize) -> Vec<Instant> {
    let calendar = ExchangeCalendar::nyse();
    let mut out = Vec::with_capacity(count);
    let mut day = calendar.session_on_or_after(start);
    while let (Some(date), true) = (day, out.len() < count) {
        if let (Some(open), Some(close)) = (calendar.open_at(date), calendar.close_at(date)) {
            match step {
                Step::Session => out.push(Instant(close.0 - BEFORE_CLOSE_SECS)),
                Step::Minutes(minutes) => {
                    let length = i64::from(minutes.max(1)) * 60;
                    let ends = (1..).map(|k| Instant(open.0 + k * length));
                    let left = count - out.len();
                    out.extend(ends.take_while(|t| *t <= close).take(left));
                }
            }
        }
        day = calendar.next_session(date);
    }
    out
}

/// Computed chains, shared by the cases of a file: most stand in the same market.
#[derive(Debug, Default)]
pub struct ChainCache {
    snapshots: Mutex<BTreeMap<ChainKey, Arc<ChainSnapshot>>>,
    views: ViewPool,
}

impl ChainCache {
    /// What the snapshots imply, kept beside them: runs over cases of one file ask for the same.
    pub(crate) const fn views(&self) -> &ViewPool {
        &self.views
    }

    fn get(&self, key: ChainKey, compute: impl FnOnce() -> ChainSnapshot) -> Arc<ChainSnapshot> {
        let lock = || self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = lock().get(&key) {
            return Arc::clone(found);
        }
        // Outside the lock: cases run at once. Whoever comes second takes what the first left.
        let computed = Arc::new(compute());
        Arc::clone(lock().entry(key).or_insert(computed))
    }
}

/// Everything that a computed chain depends on: underlying, instant, spot, lowest and highest spot of the case, vol, skew, spread.
type ChainKey = (String, Instant, [Price; 3], [u64; 3]);

/// A case's market.
pub struct CaseMarket<'a> {
    spec: &'a MarketSpec,
    at: Vec<Instant>,
    cache: &'a ChainCache,
    base: Option<&'a dyn History>,
}

impl std::fmt::Debug for CaseMarket<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaseMarket")
            .field("spec", &self.spec)
            .field("steps", &self.at.len())
            .finish_non_exhaustive()
    }
}

impl<'a> CaseMarket<'a> {
    /// A market as specified. With `base`, what the file does not say is read from there.
    #[must_use]
    pub fn new(spec: &'a MarketSpec, cache: &'a ChainCache, base: Option<&'a dyn History>) -> Self {
        let at = instants(spec.start, spec.step, spec.steps);
        Self {
            spec,
            at,
            cache,
            base,
        }
    }

    /// Instants of the steps.
    #[must_use]
    pub fn steps(&self) -> &[Instant] {
        &self.at
    }

    /// What a series says at a step: `None` where the case does not have the series.
    fn now(&self, id: &str, step: usize) -> Option<Option<f64>> {
        let fields = self.spec.now.get(id)?;
        Some(fields.close.get(step).copied().flatten())
    }

    fn step_of(&self, at: Instant) -> Option<usize> {
        self.at.binary_search(&at).ok()
    }

    fn spot(&self, underlying: &str, step: usize) -> Option<f64> {
        match self.now(underlying, step) {
            Some(value) => value,
            None => self.spec.chains.get(underlying).and_then(|c| c.spot),
        }
    }

    /// Lowest and highest spot of the case: a strike that is listed once stays listed.
    fn range_of(&self, underlying: &str) -> Option<(Price, Price)> {
        let spots = (0..self.at.len()).filter_map(|step| Price::from_f64(self.spot(underlying, step)?));
        spots.fold(None, |range, spot| {
            let (low, high) = range.unwrap_or((spot, spot));
            Some((spot.min(low), spot.max(high)))
        })
    }

    fn vol(&self, chain: &ChainSpec, step: usize) -> Option<f64> {
        match &chain.vol {
            VolSource::Path(points) => points.get(step).copied().flatten().map(|v| v / 100.0),
            VolSource::Series(id, otherwise) => match self.now(id, step) {
                Some(value) => value.map(|v| v / 100.0),
                None => Some(otherwise / 100.0),
            },
        }
    }

    fn computed(&self, underlying: &str, step: usize) -> Option<Arc<ChainSnapshot>> {
        let at = *self.at.get(step)?;
        let chain = self.spec.chains.get(underlying)?;
        let spot = Price::from_f64(self.spot(underlying, step)?)?;
        let with = |expiries| ChainSnapshot {
            at,
            underlying: underlying.to_owned(),
            spot,
            expiries,
        };
        let found = match self.vol(chain, step) {
            Some(vol) if chain.listed => {
                let (low, high) = self.range_of(underlying).unwrap_or((spot, spot));
                let key = (
                    underlying.to_owned(),
                    at,
                    [spot, low, high],
                    [vol.to_bits(), chain.skew.to_bits(), chain.spread.to_bits()],
                );
                self.cache.get(key, || {
                    let what = if underlying == "VIX" {
                        (vix_listed(at), vix_strikes())
                    } else {
                        (listed(at), strikes(low, high))
                    };
                    with(flat(at, spot, (what.0, &what.1), vol, chain))
                })
            }
            _ => Arc::new(with(Vec::new())),
        };
        let mut lines = self
            .spec
            .quotes
            .iter()
            .filter(|q| q.from <= step && step <= q.to && q.contract.root.underlying() == underlying)
            .peekable();
        if lines.peek().is_none() {
            return Some(found);
        }
        let mut own = ChainSnapshot::clone(&found);
        for line in lines {
            put(&mut own.expiries, at, line);
        }
        Some(Arc::new(own))
    }

    /// Bars at the steps: of the case's own length, or of one minute that ends at the step.
    fn stepped(&self, fields: &Fields) -> SeriesData {
        let length = match self.spec.step {
            Step::Session => 60,
            Step::Minutes(m) => i64::from(m) * 60,
        };
        let mut out = SeriesData::default();
        for (step, at) in self.at.iter().enumerate() {
            push(&mut out, fields, step, at.date(), Instant(at.0 - length), *at);
        }
        out
    }

    /// Bars of whole sessions: those before the case, then the steps put together by session.
    fn sessions(&self, id: &str) -> Option<SeriesData> {
        let (now, before) = (self.spec.now.get(id), self.spec.before.get(id));
        if now.is_none() && before.is_none() {
            return None;
        }
        let calendar = ExchangeCalendar::nyse();
        let mut out = SeriesData::default();
        if let Some(fields) = before {
            let count = fields.close.len();
            let mut days = Vec::with_capacity(count);
            let mut day = calendar.previous_session(self.spec.start);
            while let (Some(date), true) = (day, days.len() < count) {
                days.push(date);
                day = calendar.previous_session(date);
            }
            // The last value is the session before the case; where the calendar ends, the oldest have no day.
            let skip = count - days.len();
            for (i, date) in days.into_iter().rev().enumerate() {
                if let (Some(open), Some(end)) = (calendar.open_at(date), calendar.options_close_at(date)) {
                    push(&mut out, fields, i + skip, date, open, end);
                }
            }
        }
        if let Some(fields) = now {
            let mut first = 0;
            while let Some(date) = self.at.get(first).map(|t| t.date()) {
                let steps = self
                    .at
                    .iter()
                    .skip(first)
                    .take_while(|t| t.date() == date)
                    .count();
                let day = fields.day(first..first + steps);
                if let (Some(open), Some(end)) = (calendar.open_at(date), calendar.options_close_at(date)) {
                    push(&mut out, &day, 0, date, open, end);
                }
                first += steps;
            }
        }
        Some(out)
    }
}

/// Adds the bar of one step, unless it is missing.
fn push(out: &mut SeriesData, fields: &Fields, step: usize, date: Date, starts: Instant, known: Instant) {
    let Some(close) = fields.close.get(step).copied().flatten() else {
        return;
    };
    let of = |column: &Option<Vec<Option<f64>>>| match column {
        Some(column) => column.get(step).copied().flatten(),
        None => Some(close),
    };
    out.date.push(date);
    out.starts_at.push(starts);
    out.available_at.push(known);
    out.open.push(of(&fields.open));
    out.high.push(of(&fields.high));
    out.low.push(of(&fields.low));
    out.close.push(Some(close));
    let volume = fields
        .volume
        .as_ref()
        .and_then(|v| v.get(step).copied().flatten());
    out.volume.push(volume);
}

/// Writes one quote into the chains; a chain or strike that is not there yet is listed.
fn put(expiries: &mut Vec<ExpiryChain>, at: Instant, line: &QuoteLine) {
    let contract = line.contract;
    let calendar = ExchangeCalendar::nyse();
    let key = (contract.expiry, contract.root);
    let place = match expiries.binary_search_by(|c| (c.expiry, c.root).cmp(&key)) {
        Ok(place) => place,
        Err(place) => {
            let (Some(settles_at), Some(last_trade_at)) = (
                calendar.settles_at(contract.root, contract.expiry),
                calendar.last_trade_at(contract.root, contract.expiry),
            ) else {
                return;
            };
            if at > last_trade_at || at >= settles_at {
                return;
            }
            expiries.insert(
                place,
                ExpiryChain {
                    root: contract.root,
                    expiry: contract.expiry,
                    settlement: contract.root.settlement(),
                    settles_at,
                    last_trade_at,
                    strikes: Vec::new(),
                    puts: QuoteColumns::default(),
                    calls: QuoteColumns::default(),
                },
            );
            place
        }
    };
    let Some(chain) = expiries.get_mut(place) else {
        return;
    };
    let row = match chain.strikes.binary_search(&contract.strike) {
        Ok(row) => row,
        Err(row) => {
            chain.strikes.insert(row, contract.strike);
            for side in [&mut chain.puts, &mut chain.calls] {
                side.bid.insert(row, Price::ZERO);
                side.ask.insert(row, Price::ZERO);
                side.volume.insert(row, 0);
                side.open_interest.insert(row, 0);
            }
            row
        }
    };
    let side = match contract.right {
        Right::Put => &mut chain.puts,
        Right::Call => &mut chain.calls,
    };
    let (bid, ask) = line.quote.map_or((Price::ZERO, Price::ZERO), |q| (q.bid, q.ask));
    if let (Some(b), Some(a)) = (side.bid.get_mut(row), side.ask.get_mut(row)) {
        (*b, *a) = (bid, ask);
    }
}

impl History for CaseMarket<'_> {
    fn provenance(&self) -> Provenance {
        Provenance {
            label: "market of a rule test".to_owned(),
            simulated: true,
            hash: String::new(),
            notes: Vec::new(),
        }
    }

    fn ticks(&self, underlying: &str, from: Date, to: Date) -> Vec<Instant> {
        if let (Some(base), false) = (self.base, self.spec.chains.contains_key(underlying)) {
            return base.ticks(underlying, from, to);
        }
        let there = |step: usize| self.spot(underlying, step).is_some();
        let all = self.at.iter().enumerate();
        all.filter(|(step, at)| (from..=to).contains(&at.date()) && there(*step))
            .map(|(_, at)| *at)
            .collect()
    }

    fn range(&self, underlying: &str) -> Option<(Date, Date)> {
        if let (Some(base), false) = (self.base, self.spec.chains.contains_key(underlying)) {
            return base.range(underlying);
        }
        let ticks = self.ticks(underlying, Date::MIN, Date::MAX);
        Some((ticks.first()?.date(), ticks.last()?.date()))
    }

    fn snapshot(&self, underlying: &str, at: Instant) -> Result<Arc<ChainSnapshot>, HistoryError> {
        let own = self.spec.chains.contains_key(underlying);
        if let (Some(base), false) = (self.base, own) {
            return base.snapshot(underlying, at);
        }
        self.step_of(at)
            .and_then(|step| self.computed(underlying, step))
            .ok_or_else(|| HistoryError {
                what: format!("the case has no `{underlying}` at {at}"),
                help: format!("give a value of `{underlying}` for every step"),
            })
    }

    fn series(&self, id: &str, bars: BarSize) -> Result<Option<Arc<SeriesData>>, HistoryError> {
        let own = match (bars, self.spec.step) {
            (BarSize::Session, _) => self.sessions(id),
            (BarSize::Minutes(n), step) => {
                let same = match step {
                    Step::Session => n == 1,
                    Step::Minutes(m) => n == m,
                };
                self.spec
                    .now
                    .get(id)
                    .filter(|_| same)
                    .map(|fields| self.stepped(fields))
            }
        };
        match (own, self.base) {
            (Some(own), _) => Ok(Some(Arc::new(own))),
            (None, Some(base)) if !self.spec.now.contains_key(id) => base.series(id, bars),
            (None, _) => Ok(None),
        }
    }

    fn events(&self, id: &str) -> Result<Option<Arc<EventData>>, HistoryError> {
        if let (None, Some(base)) = (self.spec.events.get(id), self.base) {
            return base.events(id);
        }
        // The calendar goes on beyond the case: an event that it does not speak of is far away, not unknown.
        let far = |at: Option<&Instant>, by: i64| {
            at.map(|at| EventRow {
                at: Instant(at.0 + by),
                scheduled_known_at: Instant(0),
                actual: None,
                consensus: None,
            })
        };
        let given = self.spec.events.get(id).cloned().unwrap_or_default();
        let before = far(self.at.first(), -FAR_SECS);
        let after = far(self.at.last(), FAR_SECS);
        let mut rows: Vec<EventRow> = before.into_iter().chain(given).chain(after).collect();
        rows.sort_by_key(|r| r.at);
        Ok(Some(Arc::new(EventData { rows })))
    }

    fn settlement(&self, root: Root, expiry: Date) -> Result<Option<SettlementValue>, HistoryError> {
        let underlying = root.underlying();
        if let (Some(base), false) = (self.base, self.spec.chains.contains_key(underlying)) {
            return base.settlement(root, expiry);
        }
        let of_day = |(step, at): (usize, &Instant)| {
            (at.date() == expiry)
                .then(|| self.spot(underlying, step))
                .flatten()
        };
        let mut values = self.at.iter().enumerate().filter_map(of_day);
        let value = match root.settlement() {
            alula_market::contract::Settlement::Am => values.next(),
            alula_market::contract::Settlement::Pm => values.next_back(),
        };
        let at = ExchangeCalendar::nyse().settles_at(root, expiry);
        Ok(value
            .and_then(Price::from_f64)
            .zip(at)
            .map(|(price, at)| SettlementValue {
                price,
                at,
                approximate: false,
            }))
    }

    fn rate(&self, at: Instant) -> Result<Option<f64>, HistoryError> {
        match self.base {
            Some(base) => base.rate(at),
            None => Ok(Some(0.0)),
        }
    }

    fn gaps(&self, underlying: &str, from: Date, to: Date) -> Vec<Date> {
        if let (Some(base), false) = (self.base, self.spec.chains.contains_key(underlying)) {
            return base.gaps(underlying, from, to);
        }
        let absent = |(step, at): (usize, &Instant)| self.spot(underlying, step).is_none().then(|| at.date());
        let mut days: Vec<Date> = self.at.iter().enumerate().filter_map(absent).collect();
        days.dedup();
        days.retain(|d| (from..=to).contains(d) && self.spec.step == Step::Session);
        days
    }
}
