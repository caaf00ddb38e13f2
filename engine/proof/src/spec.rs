//! What a test file says, as values: the market of a case and what must be decided in it.

use alula_core::decision::LayerPhase;
use alula_market::chain::Quote;
use alula_market::contract::OptionContract;
use alula_market::series::EventRow;
use alula_market::time::{Date, Instant};
use alula_run::Act;
use alula_yaml::Place;
use std::collections::BTreeMap;
use std::ops::Range;

/// What lies between two values of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A session; its tick is a quarter of an hour before the close.
    Session,
    /// So many minutes of the regular session.
    Minutes(u16),
}

/// Columns of a series, one value per step; a column that is absent equals the closes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    /// Last values.
    pub close: Vec<Option<f64>>,
    /// First values.
    pub open: Option<Vec<Option<f64>>>,
    /// Highest.
    pub high: Option<Vec<Option<f64>>>,
    /// Lowest.
    pub low: Option<Vec<Option<f64>>>,
    /// Volumes.
    pub volume: Option<Vec<Option<f64>>>,
}

impl Fields {
    /// Steps put together into one bar: first open, extremes, last close, sum of volumes; missing parts are left out.
    pub(crate) fn day(&self, steps: Range<usize>) -> Self {
        let pick = |column: &Vec<Option<f64>>| -> Vec<f64> {
            column
                .get(steps.clone())
                .unwrap_or_default()
                .iter()
                .copied()
                .flatten()
                .collect()
        };
        let closes = pick(&self.close);
        let of = |column: &Option<Vec<Option<f64>>>| column.as_ref().map_or_else(|| closes.clone(), pick);
        let fold = |values: Vec<f64>, f: fn(f64, f64) -> f64| values.into_iter().reduce(f);
        let volume = self.volume.as_ref().map(|v| vec![fold(pick(v), |a, b| a + b)]);
        Self {
            close: vec![closes.last().copied()],
            open: Some(vec![of(&self.open).first().copied()]),
            high: Some(vec![fold(of(&self.high), f64::max)]),
            low: Some(vec![fold(of(&self.low), f64::min)]),
            volume,
        }
    }
}

/// Where the vol of a computed chain comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum VolSource {
    /// Vol points at each step.
    Path(Vec<Option<f64>>),
    /// The value of a series at the step (`VIX`); the number where the case has no such series.
    Series(String, f64),
}

/// A computed chain.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainSpec {
    /// Contracts are listed and quoted; else only the spot is known, and the quotes that the case gives.
    pub listed: bool,
    /// Vol at the money.
    pub vol: VolSource,
    /// Vol points that the smile rises for each 10 % below the money.
    pub skew: f64,
    /// Ask minus bid, as a share of the value; a tick at least.
    pub spread: f64,
    /// Underlying's price where its series is not given.
    pub spot: Option<f64>,
}

impl ChainSpec {
    /// Spot of an underlying that a case says nothing about.
    pub const SPOT: f64 = 4500.0;
    /// Vol points of a case that says nothing about it.
    pub const VOL: f64 = 18.0;
    /// Spread of a case that says nothing about it.
    pub const SPREAD: f64 = 0.02;
}

impl Default for ChainSpec {
    fn default() -> Self {
        Self {
            listed: true,
            vol: VolSource::Series("VIX".to_owned(), Self::VOL),
            skew: 0.0,
            spread: Self::SPREAD,
            spot: Some(Self::SPOT),
        }
    }
}

/// One quote, from one step to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuoteLine {
    /// First step.
    pub from: usize,
    /// Last step.
    pub to: usize,
    /// Contract.
    pub contract: OptionContract,
    /// Bid and ask; `None` is no market.
    pub quote: Option<Quote>,
}

/// The market of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct MarketSpec {
    /// First session.
    pub start: Date,
    /// What lies between two values.
    pub step: Step,
    /// Steps.
    pub steps: usize,
    /// Values at the steps, by series.
    pub now: BTreeMap<String, Fields>,
    /// Values of the sessions before the first step, by series; the last is the session before.
    pub before: BTreeMap<String, Fields>,
    /// Events by id in the store.
    pub events: BTreeMap<String, Vec<EventRow>>,
    /// Computed chains by underlying.
    pub chains: BTreeMap<String, ChainSpec>,
    /// Quotes given.
    pub quotes: Vec<QuoteLine>,
}

/// Where a case's data come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DataSource {
    /// A store, by its path relative to the test file.
    Store(String),
    /// The simulated market of a seed.
    Simulated(u64),
}

/// A slice of recorded or simulated data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSpec {
    /// Source.
    pub source: DataSource,
    /// First session.
    pub from: Date,
    /// Last session.
    pub to: Date,
}

/// Which ticks an expectation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The first.
    First,
    /// The last.
    Last,
    /// By number from 1.
    Step(usize),
    /// The last of a session.
    Day(Date),
    /// At an instant.
    At(Instant),
    /// All of them.
    Every,
}

/// An order that must be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedOrder {
    /// Key of the rule.
    pub rule: String,
    /// Lots, where the case cares.
    pub lots: Option<u32>,
    /// Legs as an explanation writes them, where the case cares.
    pub package: Option<String>,
    /// Where written.
    pub place: Place,
}

/// A name with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Key of a rule, guard, signal or condition.
    pub name: String,
    /// Where written.
    pub place: Place,
}

/// What must be so at a tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// When.
    pub at: Moment,
    /// Orders that the tick must make: all of them, in any order; `None` leaves it to the rest of the case, where an
    /// order that nobody listed is a failure too.
    pub orders: Option<Vec<ExpectedOrder>>,
    /// Rules and guards that acted, conditions that were true.
    pub because: Vec<Named>,
    /// Rules and guards that did not act, conditions that were false.
    pub not: Vec<Named>,
    /// Conditions, of rules too, that were unknown; with the cause in words, where the case cares.
    pub unknown: Vec<(Named, Option<String>)>,
    /// Open positions of a structure after the tick's fills.
    pub positions: Vec<(Named, u32)>,
    /// Phase of a hedge's layer at the tick.
    pub layers: Vec<(Named, LayerPhase)>,
    /// Where written.
    pub place: Place,
}

/// One case.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Name, unique in its file.
    pub name: String,
    /// Where it begins.
    pub place: Place,
    /// Market.
    pub market: MarketSpec,
    /// Recorded data below it.
    pub data: Option<DataSpec>,
    /// Values of all thresholds, canonical scale.
    pub thresholds: Vec<f64>,
    /// Dollars that the account begins with, in the place of the strategy's.
    pub capital: Option<f64>,
    /// What an operator says, in order: at which moment, and what.
    pub acts: Vec<(Moment, Act)>,
    /// What must be decided.
    pub expect: Vec<Expectation>,
    /// What must hold at every tick: indices into the file's claims. With some, orders are exact only where they are listed.
    pub claims: Vec<usize>,
}
