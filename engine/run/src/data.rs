//! Loading what a plan reads from a history, and the snapshots with what they imply.

use crate::error::RunError;
use crate::manifest::graph_hash;
use alula_core::analytics::SnapshotView;
use alula_core::market::{MarketData, ViewSource, Views};
use alula_core::plan::Plan;
use alula_dsl::graph::Graph;
use alula_market::calendar::ExchangeCalendar;
use alula_market::chain::ChainSnapshot;
use alula_market::history::History;
use alula_market::series::{BarSize, EventData, EventRow, SeriesData};
use alula_market::time::Instant;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Quotes kept in memory between the pass over the market's nodes and the tick loop, counted in strikes. A strike holds
/// about 50 bytes of quotes and, once analysed, as many of vols: some hundreds of megabytes at most.
const CACHED_STRIKES_MAX: usize = 4_000_000;
/// Sizes from which coarser bars can be put together, finest last: coarser ones need fewer of them.
const FINER_MINUTES: [u16; 4] = [30, 15, 5, 1];

/// Loads the series and events of a plan. The second list names what is needed and not there.
pub fn load(plan: &Plan, history: &dyn History) -> Result<(MarketData, Vec<String>), RunError> {
    let mut data = MarketData::default();
    let mut absent = Vec::new();
    let chains = plan.chains();
    for need in plan.series() {
        let stands_in = need.unless_chain.and_then(|at| chains.get(at));
        let has_chain = stands_in.is_some_and(|c| history.range(c).is_some());
        let required = need.required || (need.unless_chain.is_some() && !has_chain);
        let series = match history.series(&need.id, need.size)? {
            Some(found) => Some(found),
            // Bars behind `last` are wanted as they are; only a size that the strategy names is put together.
            None if required => aggregated(history, &need.id, need.size)?,
            None => None,
        };
        if series.is_none() && required {
            absent.push(match need.size {
                BarSize::Session => format!("series `{}`", need.id),
                BarSize::Minutes(n) => format!("{n}-minute bars of `{}`", need.id),
            });
        }
        data.series.push(series);
    }
    for id in plan.events() {
        let events = match history.events(id)? {
            None if id == OPEX => Some(Arc::new(expirations())),
            found => found,
        };
        if events.is_none() {
            absent.push(format!("event calendar `{id}`"));
        }
        data.events.push(events);
    }
    Ok((data, absent))
}

/// The calendar of monthly expirations, which no file has to bring: the exchange's rule gives it.
const OPEX: &str = "OPEX";
/// Years whose expirations are known by the rule.
const OPEX_YEARS: std::ops::RangeInclusive<i32> = 1990..=2040;
/// Days before an expiration at which its date is public: years, in truth.
const OPEX_KNOWN_SECS: i64 = 730 * 24 * 3600;

/// Third Fridays, or the session before a holiday: the morning on which the AM-settled series settle.
fn expirations() -> EventData {
    let calendar = ExchangeCalendar::nyse();
    let months = OPEX_YEARS.flat_map(|year| (1..=12).map(move |month| (year, month)));
    let row = |(year, month)| {
        let at = calendar.open_at(calendar.spx_monthly_expiry(year, month)?)?;
        Some(EventRow {
            at,
            scheduled_known_at: Instant(at.0 - OPEX_KNOWN_SECS),
            actual: None,
            consensus: None,
        })
    };
    EventData {
        rows: months.filter_map(row).collect(),
    }
}

/// Bars of a size put together from finer ones of the same session, whose length divides it.
fn aggregated(history: &dyn History, id: &str, size: BarSize) -> Result<Option<Arc<SeriesData>>, RunError> {
    let BarSize::Minutes(minutes) = size else {
        return Ok(None);
    };
    for finer in FINER_MINUTES
        .into_iter()
        .filter(|f| *f < minutes && minutes.is_multiple_of(*f))
    {
        if let Some(found) = history.series(id, BarSize::Minutes(finer))? {
            return Ok(Some(Arc::new(combine(&found, minutes))));
        }
    }
    Ok(None)
}

/// First open, extreme high and low, last close, summed volume. A part without a value leaves the bar without it. A bar is
/// available when its last part is, and not before it ends (or the session does): its last part may be missing.
fn combine(fine: &SeriesData, minutes: u16) -> SeriesData {
    let calendar = alula_market::calendar::ExchangeCalendar::nyse();
    let mut out = SeriesData::default();
    let mut bucket = None;
    let at = |column: &[Option<f64>], i: usize| column.get(i).copied().flatten();
    for i in 0..fine.date.len() {
        let (Some(date), Some(start), Some(available)) =
            (fine.date.get(i), fine.starts_at.get(i), fine.available_at.get(i))
        else {
            break;
        };
        let (Some(open), Some(close)) = (calendar.open_at(*date), calendar.close_at(*date)) else {
            continue;
        };
        let slot = (start.0 - open.0).div_euclid(i64::from(minutes) * 60);
        let values = [
            at(&fine.open, i),
            at(&fine.high, i),
            at(&fine.low, i),
            at(&fine.close, i),
            at(&fine.volume, i),
        ];
        if bucket.replace((*date, slot)) != Some((*date, slot)) {
            out.date.push(*date);
            out.starts_at
                .push(Instant(open.0 + slot * i64::from(minutes) * 60));
            let end = Instant(open.0 + (slot + 1) * i64::from(minutes) * 60).min(close);
            out.available_at.push((*available).max(end));
            for (column, value) in columns(&mut out).into_iter().zip(values) {
                column.push(value);
            }
            continue;
        }
        if let Some(newest) = out.available_at.last_mut() {
            *newest = (*newest).max(*available);
        }
        let [_, high, low, close, volume] = values;
        let both = |a: Option<f64>, b: Option<f64>, f: fn(f64, f64) -> f64| Some(f(a?, b?));
        let [_, highs, lows, closes, volumes] = columns(&mut out);
        for (column, value, f) in [
            (highs, high, f64::max as fn(f64, f64) -> f64),
            (lows, low, f64::min),
            (volumes, volume, |a, b| a + b),
        ] {
            if let Some(newest) = column.last_mut() {
                *newest = both(*newest, value, f);
            }
        }
        if let Some(newest) = closes.last_mut() {
            *newest = close;
        }
    }
    out
}

fn columns(series: &mut SeriesData) -> [&mut Vec<Option<f64>>; 5] {
    let SeriesData {
        open,
        high,
        low,
        close,
        volume,
        ..
    } = series;
    [open, high, low, close, volume]
}

/// What snapshots imply, kept for many short runs over the same ones. A history that gives the same snapshot each time is
/// asked for nothing twice; for one that makes them anew, nothing is won. Runs may share it at the same time: what a view
/// says does not depend on who asked before.
#[derive(Debug, Default)]
pub struct ViewPool {
    views: Mutex<Pooled>,
    /// The newest strategy and its hash: spelling it out takes as long as some sessions of a short run.
    graph: Mutex<Option<(Arc<Graph>, String)>>,
}

#[derive(Debug, Default)]
struct Pooled {
    /// By the snapshot's place in memory, which is its own for as long as the view is kept, and the bits of the rate.
    views: BTreeMap<(usize, Option<u64>), Arc<SnapshotView>>,
    strikes: usize,
}

impl ViewPool {
    /// The hash of a strategy's graph.
    pub(crate) fn graph_hash(&self, graph: &Arc<Graph>) -> String {
        let mut held = self.graph.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, hash)) = held.as_ref().filter(|(known, _)| Arc::ptr_eq(known, graph)) {
            return hash.clone();
        }
        let hash = graph_hash(graph);
        *held = Some((Arc::clone(graph), hash.clone()));
        hash
    }

    fn view(&self, snapshot: Arc<ChainSnapshot>, rate: Option<f64>) -> Arc<SnapshotView> {
        let key = (Arc::as_ptr(&snapshot).addr(), rate.map(f64::to_bits));
        let mut pool = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = pool.views.get(&key) {
            return Arc::clone(found);
        }
        let strikes: usize = snapshot.expiries.iter().map(|c| c.strikes.len()).sum();
        let view = Arc::new(SnapshotView::new(snapshot, rate));
        if pool.strikes + strikes <= CACHED_STRIKES_MAX {
            pool.strikes += strikes;
            pool.views.insert(key, Arc::clone(&view));
        }
        view
    }
}

/// A tick's snapshots in memory.
struct Kept {
    views: Arc<Views>,
    strikes: usize,
    without_rate: bool,
}

/// Snapshots with what they imply, newest kept in memory up to a limit.
pub struct Snapshots<'a> {
    history: &'a dyn History,
    chains: Vec<String>,
    cache: BTreeMap<Instant, Kept>,
    strikes: usize,
    /// Other runs will come back to what one has passed.
    keep: bool,
    pool: Option<&'a ViewPool>,
    /// Some discount of the run at hand had to come from box spreads.
    pub without_rate: bool,
}

impl<'a> Snapshots<'a> {
    pub fn new(plan: &Plan, history: &'a dyn History, keep: bool, pool: Option<&'a ViewPool>) -> Self {
        let chains = plan.chains().to_vec();
        Self {
            history,
            chains,
            cache: BTreeMap::new(),
            strikes: 0,
            keep,
            pool,
            without_rate: false,
        }
    }

    /// Forgets snapshots before an instant; the tick loop does not come back to them.
    pub fn release(&mut self, before: Instant) {
        if self.keep {
            return;
        }
        while let Some(entry) = self.cache.first_entry().filter(|e| *e.key() < before) {
            self.strikes = self.strikes.saturating_sub(entry.remove().strikes);
        }
    }

    /// The snapshot of the first underlying is at the instant itself; of others it is the newest of the same day.
    fn load(&self, at: Instant) -> Result<Kept, RunError> {
        let rate = self.history.rate(at)?;
        let date = at.date();
        let mut views: Vec<Option<Arc<SnapshotView>>> = Vec::new();
        for (index, underlying) in self.chains.iter().enumerate() {
            let when = if index == 0 {
                Some(at)
            } else {
                self.history
                    .ticks(underlying, date, date)
                    .into_iter()
                    .take_while(|t| *t <= at)
                    .last()
            };
            views.push(match when {
                None => None,
                Some(when) => {
                    let snapshot = self.history.snapshot(underlying, when)?;
                    Some(match self.pool {
                        Some(pool) => pool.view(snapshot, rate),
                        None => {
                            let stale = self.history.stale(underlying, when);
                            Arc::new(SnapshotView::new(snapshot, rate).with_stale(stale))
                        }
                    })
                }
            });
        }
        let strikes = views
            .iter()
            .flatten()
            .flat_map(|v| v.snapshot.expiries.iter())
            .map(|c| c.strikes.len())
            .sum();
        Ok(Kept {
            views: views.into(),
            strikes,
            without_rate: rate.is_none(),
        })
    }
}

impl ViewSource for Snapshots<'_> {
    type Error = RunError;

    fn views(&mut self, at: Instant) -> Result<Arc<Views>, RunError> {
        if let Some(kept) = self.cache.get(&at) {
            self.without_rate |= kept.without_rate;
            return Ok(Arc::clone(&kept.views));
        }
        let kept = self.load(at)?;
        self.without_rate |= kept.without_rate;
        let views = Arc::clone(&kept.views);
        if self.strikes + kept.strikes <= CACHED_STRIKES_MAX {
            self.strikes += kept.strikes;
            self.cache.insert(at, kept);
        }
        Ok(views)
    }
}

/// The snapshots that a plan reads at an instant, as a run sees them.
///
/// # Errors
/// When the data cannot be read.
pub fn views_at(plan: &Plan, history: &dyn History, at: Instant) -> Result<Arc<Views>, RunError> {
    Snapshots::new(plan, history, false, None).views(at)
}

#[cfg(test)]
mod tests {
    use super::combine;
    use alula_market::series::SeriesData;
    use alula_market::time::{Date, Instant};

    /// One-minute bars of 28 May 2019 that start at these minutes after the open, closing at the minute's number.
    fn minutes(starts: &[i64]) -> SeriesData {
        let date = Date::from_ymd_opt(2019, 5, 28).unwrap();
        let open = Instant::from_eastern(date, 9, 30).unwrap();
        let mut s = SeriesData::default();
        for &m in starts {
            let value = Some(f64::from(i32::try_from(m).unwrap()));
            s.date.push(date);
            s.starts_at.push(Instant(open.0 + m * 60));
            s.available_at.push(Instant(open.0 + m * 60 + 60));
            for column in super::columns(&mut s) {
                column.push(value);
            }
        }
        s
    }

    fn known_at(s: &SeriesData) -> Vec<String> {
        s.available_at.iter().map(|t| t.to_string()).collect()
    }

    #[test]
    fn a_bar_whose_last_part_is_missing_is_not_known_before_it_ends() {
        let at = |h, m| Instant::from_eastern(Date::from_ymd_opt(2019, 5, 28).unwrap(), h, m).unwrap();
        // 9:30 to 9:35 lacks its last two minutes, 9:35 to 9:40 is whole, the last bar of the day has its first minute only.
        let five = combine(&minutes(&[0, 1, 2, 5, 6, 7, 8, 9, 385]), 5);
        assert_eq!(five.close, [Some(2.0), Some(9.0), Some(385.0)]);
        assert_eq!(
            five.available_at,
            [at(9, 35), at(9, 40), at(16, 0)],
            "{:?}",
            known_at(&five)
        );
        // A bar that the close cuts short is known at the close: the seventh hour has thirty minutes.
        let hours = combine(&minutes(&[360, 361]), 60);
        assert_eq!(hours.available_at, [at(16, 0)], "{:?}", known_at(&hours));
    }
}
