//! A small market made by hand: closes, volatilities and holes as the test says, chains priced with Black-76.
#![allow(dead_code, reason = "each test binary uses its own part")]

use alula_dsl::graph::Graph;
use alula_dsl::source::NoImports;
use alula_market::calendar::ExchangeCalendar;
use alula_market::chain::{ChainSnapshot, ExpiryChain, QuoteColumns};
use alula_market::contract::{Root, SettlementValue};
use alula_market::history::{History, HistoryError, Provenance};
use alula_market::money::Price;
use alula_market::series::{BarSize, EventData, EventRow, SeriesData};
use alula_market::time::{Date, Instant};
use alula_run::{BacktestRequest, Mode, Progress, RunError, RunOutput, backtest};
use std::collections::BTreeMap;
use std::sync::Arc;

pub fn date(y: i32, m: u32, d: u32) -> Date {
    Date::from_ymd_opt(y, m, d).unwrap()
}

/// One session: spot and vol at the snapshot, and what is missing.
#[derive(Clone, Debug)]
pub struct Day {
    pub date: Date,
    pub spot: f64,
    pub vol: f64,
    /// No snapshot at all.
    pub gap: bool,
    /// A snapshot without a chain.
    pub empty: bool,
    /// Strikes (puts and calls) without a quote.
    pub holes: Vec<i64>,
}

/// The market.
#[derive(Clone, Debug)]
pub struct Double {
    pub days: Vec<Day>,
    /// Expiries listed, as (date, root).
    pub expiries: Vec<(Date, Root)>,
    pub series: BTreeMap<(String, BarSize), SeriesData>,
    pub events: BTreeMap<String, EventData>,
    /// Days whose settlement is only approximate.
    pub approximate: bool,
    pub strike_step: i64,
}

impl Double {
    /// Sessions from a date, spot and vol by index.
    pub fn new(from: Date, sessions: usize, path: impl Fn(usize) -> (f64, f64)) -> Self {
        let calendar = ExchangeCalendar::nyse();
        let mut days = Vec::new();
        let mut at = calendar.session_on_or_after(from).unwrap();
        for i in 0..sessions {
            let (spot, vol) = path(i);
            days.push(Day {
                date: at,
                spot,
                vol,
                gap: false,
                empty: false,
                holes: Vec::new(),
            });
            at = calendar.next_session(at).unwrap();
        }
        let last = at + chrono::TimeDelta::days(80);
        let mut expiries = Vec::new();
        for day in from.iter_days().take_while(|d| *d <= last) {
            use chrono::Datelike;
            let friday = day.weekday() == chrono::Weekday::Fri;
            if let Some(expiry) = calendar.session_on_or_before(day).filter(|_| friday) {
                expiries.push((expiry, Root::Spxw));
                if calendar.spx_monthly_expiry(day.year(), day.month()) == Some(expiry) {
                    expiries.push((expiry, Root::Spx));
                }
            }
        }
        expiries.sort_unstable();
        let mut double = Self {
            days,
            expiries,
            series: BTreeMap::new(),
            events: BTreeMap::new(),
            approximate: false,
            strike_step: 25,
        };
        let spots: Vec<Option<f64>> = double.days.iter().map(|d| Some(d.spot)).collect();
        double.closes("SPX", &spots);
        let vix: Vec<Option<f64>> = double.days.iter().map(|d| Some(d.vol * 100.0)).collect();
        double.closes("VIX", &vix);
        double
    }

    /// A daily series, one value per session (missing bars for `None`), known at 16:15.
    pub fn closes(&mut self, id: &str, values: &[Option<f64>]) {
        let calendar = ExchangeCalendar::nyse();
        let mut s = SeriesData::default();
        for (day, value) in self.days.iter().zip(values) {
            let Some(value) = value else { continue };
            s.date.push(day.date);
            s.starts_at.push(calendar.open_at(day.date).unwrap());
            s.available_at.push(calendar.options_close_at(day.date).unwrap());
            s.open.push(Some(value * 0.999));
            s.high.push(Some(value * 1.01));
            s.low.push(Some(value * 0.99));
            s.close.push(Some(*value));
            s.volume.push(Some(1000.0));
        }
        self.series.insert((id.to_owned(), BarSize::Session), s);
    }

    pub fn event(&mut self, id: &str, days: &[Date]) {
        let row = |d: &Date| EventRow {
            at: Instant::from_eastern(*d, 14, 0).unwrap(),
            scheduled_known_at: Instant(0),
            actual: None,
            consensus: None,
        };
        self.events.insert(
            id.to_owned(),
            EventData {
                rows: days.iter().map(row).collect(),
            },
        );
    }

    fn snapshot_at(date: Date) -> Instant {
        let close = ExchangeCalendar::nyse().close_at(date).unwrap();
        Instant(close.0 - 15 * 60)
    }

    fn chain(&self, day: &Day, root: Root, expiry: Date) -> ExpiryChain {
        let calendar = ExchangeCalendar::nyse();
        let at = Self::snapshot_at(day.date);
        let settles_at = calendar.settles_at(root, expiry).unwrap();
        let years = alula_pricing::years_between(at.0, settles_at.0)
            .unwrap_or(0.0)
            .max(1e-6);
        let step = self.strike_step;
        let middle = (day.spot / step as f64).round() as i64 * step;
        let strikes: Vec<i64> = (-24..=24).map(|i| middle + i * step).collect();
        let column = |right| {
            let mut q = QuoteColumns::default();
            for k in &strikes {
                let skew = day.vol + 0.3 * ((day.spot - *k as f64) / day.spot).max(-0.05);
                let price =
                    alula_pricing::price(right, day.spot, *k as f64, years, skew.max(0.05), 1.0).unwrap();
                let mid = (price * 20.0).round().max(1.0) as i64 * 50;
                let half = (mid / 50 / 20).max(1) * 50;
                let hole = day.holes.contains(k);
                q.bid.push(Price(if hole { 0 } else { (mid - half).max(0) }));
                q.ask.push(Price(if hole { 0 } else { mid + half }));
                q.volume.push(0);
                q.open_interest.push(0);
            }
            q
        };
        ExpiryChain {
            root,
            expiry,
            settlement: root.settlement(),
            settles_at,
            last_trade_at: calendar.last_trade_at(root, expiry).unwrap(),
            puts: column(alula_pricing::Right::Put),
            calls: column(alula_pricing::Right::Call),
            strikes: strikes.into_iter().map(|k| Price(k * 1000)).collect(),
        }
    }
}

impl History for Double {
    fn provenance(&self) -> Provenance {
        Provenance {
            label: "made by hand".to_owned(),
            simulated: true,
            hash: "0".repeat(64),
            notes: Vec::new(),
        }
    }

    fn ticks(&self, underlying: &str, from: Date, to: Date) -> Vec<Instant> {
        let mine = underlying == "SPX";
        let days = self
            .days
            .iter()
            .filter(|d| mine && !d.gap && (from..=to).contains(&d.date));
        days.map(|d| Self::snapshot_at(d.date)).collect()
    }

    fn range(&self, underlying: &str) -> Option<(Date, Date)> {
        let mut days = self
            .days
            .iter()
            .filter(|d| underlying == "SPX" && !d.gap)
            .map(|d| d.date);
        let first = days.next()?;
        Some((first, days.next_back().unwrap_or(first)))
    }

    fn snapshot(&self, underlying: &str, at: Instant) -> Result<Arc<ChainSnapshot>, HistoryError> {
        let day = self.days.iter().find(|d| d.date == at.date()).unwrap();
        let listed = self.expiries.iter().filter(|(e, root)| {
            let last = ExchangeCalendar::nyse().last_trade_at(*root, *e).unwrap();
            !day.empty && last > at && (*e - day.date).num_days() <= 70
        });
        Ok(Arc::new(ChainSnapshot {
            at,
            underlying: underlying.to_owned(),
            spot: Price::from_f64((day.spot * 100.0).round() / 100.0).unwrap(),
            expiries: listed.map(|(e, root)| self.chain(day, *root, *e)).collect(),
        }))
    }

    fn series(&self, id: &str, bars: BarSize) -> Result<Option<Arc<SeriesData>>, HistoryError> {
        Ok(self.series.get(&(id.to_owned(), bars)).cloned().map(Arc::new))
    }

    fn events(&self, id: &str) -> Result<Option<Arc<EventData>>, HistoryError> {
        Ok(self.events.get(id).cloned().map(Arc::new))
    }

    fn settlement(&self, root: Root, expiry: Date) -> Result<Option<SettlementValue>, HistoryError> {
        let Some(day) = self.days.iter().find(|d| d.date == expiry) else {
            return Ok(None);
        };
        let calendar = ExchangeCalendar::nyse();
        let price = Price::from_f64((day.spot * 100.0).round() / 100.0).unwrap();
        let at = calendar.settles_at(root, expiry).unwrap();
        Ok(Some(SettlementValue {
            price,
            at,
            approximate: self.approximate && root == Root::Spx,
        }))
    }

    fn rate(&self, _at: Instant) -> Result<Option<f64>, HistoryError> {
        Ok(Some(0.0))
    }

    fn gaps(&self, _underlying: &str, from: Date, to: Date) -> Vec<Date> {
        self.days
            .iter()
            .filter(|d| d.gap && (from..=to).contains(&d.date))
            .map(|d| d.date)
            .collect()
    }
}

pub fn graph(text: &str) -> Arc<Graph> {
    let compiled = alula_dsl::compile::compile("test.alula", text.as_bytes(), &NoImports);
    Arc::new(
        compiled
            .graph
            .unwrap_or_else(|| panic!("{text}\n{:#?}", compiled.diagnostics)),
    )
}

pub fn try_run(text: &str, history: &dyn History, mode: Mode) -> Result<RunOutput, RunError> {
    run_graph(&graph(text), history, mode)
}

/// A run over all that a history has, with the thresholds' defaults and no files for the record.
pub fn request<'a>(
    graph: &Arc<Graph>,
    history: &'a dyn History,
    mode: Mode,
    progress: &'a mut dyn FnMut(Progress),
) -> BacktestRequest<'a> {
    BacktestRequest {
        mode,
        ..BacktestRequest::new(Arc::clone(graph), history, progress)
    }
}

/// Runs it, or stops the test with what the user would read.
pub fn finished(request: BacktestRequest<'_>) -> RunOutput {
    backtest(request).unwrap_or_else(|e| panic!("{e} ({}) at {:?}", e.help, e.at))
}

pub fn run_graph(graph: &Arc<Graph>, history: &dyn History, mode: Mode) -> Result<RunOutput, RunError> {
    backtest(request(graph, history, mode, &mut |_| {}))
}

pub fn run(text: &str, history: &dyn History) -> RunOutput {
    finished(request(&graph(text), history, Mode::Batch, &mut |_| {}))
}

/// From Monday 3 June 2019, flat at 2900 and 16 vol.
pub fn flat(sessions: usize) -> Double {
    Double::new(date(2019, 6, 3), sessions, |_| (2900.0, 0.16))
}

/// What a market that alters a [`Double`]'s days or snapshots, its first field, takes from it unaltered.
#[allow(unused_macros, reason = "not every test alters a market")]
macro_rules! as_the_first_field_has_it {
    () => {
        fn provenance(&self) -> alula_market::history::Provenance {
            self.0.provenance()
        }
        fn series(
            &self,
            id: &str,
            bars: alula_market::series::BarSize,
        ) -> Result<Option<std::sync::Arc<alula_market::series::SeriesData>>, HistoryError> {
            self.0.series(id, bars)
        }
        fn events(
            &self,
            id: &str,
        ) -> Result<Option<std::sync::Arc<alula_market::series::EventData>>, HistoryError> {
            self.0.events(id)
        }
        fn settlement(
            &self,
            root: alula_market::contract::Root,
            expiry: Date,
        ) -> Result<Option<alula_market::contract::SettlementValue>, HistoryError> {
            self.0.settlement(root, expiry)
        }
        fn rate(&self, at: Instant) -> Result<Option<f64>, HistoryError> {
            self.0.rate(at)
        }
        fn gaps(&self, underlying: &str, from: Date, to: Date) -> Vec<Date> {
            self.0.gaps(underlying, from, to)
        }
    };
}
#[allow(unused_imports, reason = "not every test alters a market")]
pub(crate) use as_the_first_field_has_it;

/// Strategy text with a standard head and an iron condor 20-odd days out.
pub fn strategy(settings: &str, policy: &str) -> String {
    format!(
        "alula 1\n\nstrategy t {{\n    capital $250_000\n    evaluate every 1 session in SPX.regular\n    fees none\n    {settings}\n}}\n\n\
         structure core = iron condor on SPX {{\n    expiry nearest 21 dte in 10..35 dte only pm\n    short put at 20 delta\n    \
         long put 50 pts below short put\n    short call at 20 delta\n    long call 50 pts above short call\n}}\n\n{policy}\n"
    )
}

/// What a rule was recorded to have done: (date, verdict, detail).
pub fn told(run: &RunOutput, key: &str) -> Vec<(String, String, String)> {
    let rows = run.decisions.iter().filter(|d| d.key == key);
    rows.map(|d| (d.at.date().to_string(), d.verdict.clone(), d.detail.clone()))
        .collect()
}
