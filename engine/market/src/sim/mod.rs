//! A simulated market, for the first run and for tests: one seeded model of the index, its variance and its options.
//!
//! What is consistent: index, volatility indices, futures curve and option chains come from one state, so a rise of
//! variance moves all of them; chains have one forward and one vol per strike, so put-call parity holds inside the
//! quotes and neither butterflies nor calendars can be bought for a riskless gain. What is not real: every number. The
//! label says so wherever a result shows it.
//!
//! VIX, its family, SKEW and VVIX are Cboe's formulas on these very chains ([`crate::vix`]); VX futures are the model's
//! risk-neutral expectation of VIX; VIX options are priced by Black-76 on the future of their own expiry; VRO is the
//! formula on opening prices. [`stats`] holds a market's statistics beside the real ones.
//!
//! Absent: trades, auctions, any order's influence on a price.

mod bars;
mod desk;
#[cfg(feature = "store")]
pub mod export;
mod listing;
mod model;
mod path;
mod quotes;
mod random;
mod rolling;
mod schedule;
pub mod stats;
mod surface;

pub use model::Regime;

use crate::calendar::ExchangeCalendar;
use crate::chain::ChainSnapshot;
use crate::contract::{Root, Settlement, SettlementValue};
use crate::digest::sha256;
use crate::history::{History, HistoryError, Provenance};
use crate::money::Price;
use crate::series::{BarSize, EventData, SeriesData};
use crate::time::{Date, Instant};
use desk::{Desk, World};
use model::Model;
use path::{Day, STEP_MINUTES};
use schedule::Schedule;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Changes whenever the same settings give other numbers.
const MODEL: &str = "alula simulated market 3";
/// Sessions before the first chain for which series exist, so that indicators are warm when trading starts.
const WARM_UP_SESSIONS: i64 = 260;
/// Snapshots kept in memory.
const CACHE: usize = 8;

/// Settings of a simulated market.
#[derive(Clone, Debug, PartialEq)]
pub struct SimConfig {
    /// Seed: equal settings give equal markets on every machine.
    pub seed: u64,
    /// First session with chains; the session on or after this date.
    pub start: Date,
    /// Sessions with chains.
    pub sessions: u32,
    /// Minutes between chain snapshots: `None` for one a day at 15:45 (12:45 on half days), else a multiple of 5 from the open
    /// on, the close included.
    pub every_minutes: Option<u16>,
    /// Index at the beginning of the warm-up, in points.
    pub spot: f64,
    /// Kind of market.
    pub regime: Regime,
}

impl Default for SimConfig {
    /// Seed 7, the 502 sessions of 2023 and 2024, one snapshot a day.
    fn default() -> Self {
        Self {
            seed: 7,
            start: Date::from_ymd_opt(2023, 1, 3).unwrap_or_default(),
            sessions: 502,
            every_minutes: None,
            spot: 3800.0,
            regime: Regime::Mixed,
        }
    }
}

impl SimConfig {
    /// Most sessions.
    pub const SESSIONS_MAX: u32 = 5_040;
    /// Range of the first index level.
    pub const SPOT_RANGE: (f64, f64) = (1_000.0, 10_000.0);
}

/// A simulated history. See the module.
pub struct SimulatedMarket {
    config: SimConfig,
    world: World,
    /// Position of the first day with chains.
    first: usize,
    schedule: Schedule,
    snapshots: Mutex<Vec<Arc<ChainSnapshot>>>,
    series: Mutex<BTreeMap<(String, BarSize), Arc<SeriesData>>>,
}

fn refuse(what: String, help: &str) -> HistoryError {
    HistoryError {
        what,
        help: help.to_owned(),
    }
}

impl SimulatedMarket {
    /// Generates the path; chains are priced when asked for.
    ///
    /// # Errors
    /// When a setting is out of range or the calendar does not know the dates.
    pub fn new(config: SimConfig) -> Result<Self, HistoryError> {
        if config.sessions == 0 || config.sessions > SimConfig::SESSIONS_MAX {
            let what = format!("a simulated market of `{}` sessions", config.sessions);
            return Err(refuse(what, "ask for 1 to 5040 sessions"));
        }
        if let Some(every) = config
            .every_minutes
            .filter(|m| *m == 0 || i64::from(*m) % STEP_MINUTES != 0)
        {
            let what = format!("simulated snapshots every `{every}` minutes");
            return Err(refuse(what, "take a multiple of 5 minutes"));
        }
        let (low, high) = SimConfig::SPOT_RANGE;
        if !(low..=high).contains(&config.spot) {
            let what = format!("a simulated index starting at `{}`", config.spot);
            return Err(refuse(what, "start between 1000 and 10000 points"));
        }
        let dates = Self::dates(&config).ok_or_else(|| {
            refuse(
                format!("no sessions from `{}`", config.start),
                "start between 1992 and 2078",
            )
        })?;
        let (Some(from), Some(to)) = (dates.first(), dates.last()) else {
            return Err(refuse(
                format!("no sessions from `{}`", config.start),
                "start between 1992 and 2078",
            ));
        };
        let schedule = Schedule::new(config.seed, *from, *to);
        let model = Model::new(config.regime);
        let days = path::generate(config.seed, model.params, config.spot, &dates, &schedule);
        let first = days.iter().position(|d| d.date >= config.start).unwrap_or(0);
        let (snapshots, series) = (Mutex::default(), Mutex::default());
        Ok(Self {
            world: World::new(config.seed, model, days, config.every_minutes, config.start),
            config,
            first,
            schedule,
            snapshots,
            series,
        })
    }

    /// Sessions of the warm-up and of the chains.
    fn dates(config: &SimConfig) -> Option<Vec<Date>> {
        let calendar = ExchangeCalendar::nyse();
        let start = calendar.session_on_or_after(config.start)?;
        let from = calendar.offset(start, -WARM_UP_SESSIONS)?;
        let to = calendar.offset(start, i64::from(config.sessions) - 1)?;
        Some(calendar.sessions(from, to).to_vec())
    }

    /// Settings.
    #[must_use]
    pub const fn config(&self) -> &SimConfig {
        &self.config
    }

    fn with_chains(&self) -> &[Day] {
        self.world.days.get(self.first..).unwrap_or_default()
    }

    fn day(&self, date: Date) -> Option<(usize, &Day)> {
        let at = self.world.days.binary_search_by_key(&date, |d| d.date).ok()?;
        Some((at, self.world.days.get(at)?))
    }

    fn desk(&self, date: Date) -> Option<Desk<'_>> {
        self.world.desk(self.day(date)?.0)
    }
}

/// Underlyings with chains.
const UNDERLYINGS: [&str; 3] = ["SPX", "XSP", "VIX"];

impl History for SimulatedMarket {
    fn provenance(&self) -> Provenance {
        let settings = format!("{MODEL} {:?}", self.config);
        Provenance {
            label: match self.config.regime {
                Regime::Mixed => format!("simulated market, seed {}", self.config.seed),
                other => format!("simulated market, seed {}, {}", self.config.seed, other.name()),
            },
            simulated: true,
            hash: sha256(settings.as_bytes()),
            notes: vec![
                "every price is simulated: results say how the rules behave, not what they would have earned"
                    .to_owned(),
                "VIX and its family are Cboe's formula on the simulated chains; VX futures are the model's expectation of VIX"
                    .to_owned(),
            ],
        }
    }

    fn ticks(&self, underlying: &str, from: Date, to: Date) -> Vec<Instant> {
        if !UNDERLYINGS.contains(&underlying) {
            return Vec::new();
        }
        let inside = self
            .with_chains()
            .iter()
            .filter(|d| (from..=to).contains(&d.date));
        inside.flat_map(|d| self.world.ticks_of(d)).collect()
    }

    fn range(&self, underlying: &str) -> Option<(Date, Date)> {
        let days = self.with_chains();
        UNDERLYINGS
            .contains(&underlying)
            .then_some((days.first()?.date, days.last()?.date))
    }

    fn snapshot(&self, underlying: &str, at: Instant) -> Result<Arc<ChainSnapshot>, HistoryError> {
        let missing = || {
            refuse(
                format!("no simulated `{underlying}` chain at {at}"),
                "ask for an instant of `ticks`",
            )
        };
        let mut cache = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = cache.iter().find(|s| s.at == at && s.underlying == underlying) {
            return Ok(found.clone());
        }
        let (n, day) = self.day(at.date()).ok_or_else(missing)?;
        if n < self.first || !self.world.ticks_of(day).contains(&at) {
            return Err(missing());
        }
        let desk = self.world.desk(n).ok_or_else(missing)?;
        let built = match underlying {
            "SPX" => desk.snapshot(at),
            "XSP" => desk.mini_snapshot(at),
            "VIX" => desk.vix_snapshot(at),
            _ => None,
        };
        let built = Arc::new(built.ok_or_else(missing)?);
        if cache.len() >= CACHE {
            cache.remove(0);
        }
        cache.push(built.clone());
        Ok(built)
    }

    fn series(&self, id: &str, bars: BarSize) -> Result<Option<Arc<SeriesData>>, HistoryError> {
        let mut cache = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (id.to_owned(), bars);
        if let Some(found) = cache.get(&key) {
            return Ok(Some(found.clone()));
        }
        // Names that the simulator does not have are not remembered: callers choose them.
        let built = bars::series(&self.world, id, bars).map(Arc::new);
        if let Some(built) = &built {
            cache.insert(key, built.clone());
        }
        Ok(built)
    }

    fn events(&self, id: &str) -> Result<Option<Arc<EventData>>, HistoryError> {
        let data = match id {
            "FOMC" => &self.schedule.fomc,
            "CPI" => &self.schedule.cpi,
            "PPI" => &self.schedule.ppi,
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(data.clone())))
    }

    fn settlement(&self, root: Root, expiry: Date) -> Result<Option<SettlementValue>, HistoryError> {
        let calendar = ExchangeCalendar::nyse();
        let found = calendar
            .session_on_or_before(expiry)
            .and_then(|date| self.day(date))
            .and_then(|(_, day)| {
                let value = match (root.settlement(), root.underlying()) {
                    (Settlement::Pm, "XSP") => day.last()?.spot / 10.0,
                    (Settlement::Pm, _) => day.last()?.spot,
                    (Settlement::Am, "VIX") => bars::vro(&self.desk(day.date)?)?,
                    (Settlement::Am, _) => bars::set(self.config.seed, day)?,
                };
                let price: Price = quotes::index_price(value)?;
                Some(SettlementValue {
                    price,
                    at: calendar.settles_at(root, expiry)?,
                    approximate: false,
                })
            });
        Ok(found)
    }

    fn rate(&self, at: Instant) -> Result<Option<f64>, HistoryError> {
        let upto = self.world.days.partition_point(|d| d.open_at <= at);
        Ok(upto
            .checked_sub(1)
            .and_then(|n| self.world.days.get(n))
            .map(|d| d.rate))
    }

    fn gaps(&self, _underlying: &str, _from: Date, _to: Date) -> Vec<Date> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
