//! What the broker quotes by itself: a store or a simulated market, told as a tape.

use crate::account::{contract, instrument};
use crate::settings::Config;
use alula_market::assemble::{self, ContractQuote};
use alula_market::chain::ChainSnapshot;
use alula_market::contract::{Instrument, OptionContract, day_number};
use alula_market::curve::{FutureSeries, MONTHS_MAX, places};
use alula_market::history::{History, HistoryError};
use alula_market::money::Price;
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_market::store::StoreHistory;
use alula_market::tape::{Print, Tape};
use alula_market::time::{Date, Instant};
use alula_plugin_sdk::abi::broker::{Contract, Kind, Listing, Quote, SCALE, Word};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Billionths of a mill.
const MILL: i64 = 1_000_000;
/// Sessions ahead in which a listing is looked for.
const AHEAD: u64 = 14;
/// What is told again to an engine that opened the broker anew: a weekend and a holiday, so that bars of a session are whole.
const TOLD_AGAIN_S: i64 = 5 * 86_400;

/// A market of its own.
pub struct Market {
    history: Box<dyn History>,
    tape: Tape,
    levels: Vec<Arc<str>>,
    underlyings: Vec<Arc<str>>,
    options: BTreeSet<OptionContract>,
    /// Futures and shares that are watched, as instruments.
    linear: Vec<Instrument>,
    /// Up to then orders were tried.
    tried_ns: i64,
    /// Seconds between which nothing new is told.
    frozen: Option<(i64, i64)>,
    /// What was told last.
    newest: Vec<Quote>,
}

impl fmt::Debug for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Market")
            .field("tape", &self.tape)
            .finish_non_exhaustive()
    }
}

/// What is told at an instant.
#[derive(Debug, Default)]
pub struct Told {
    pub at_ns: i64,
    /// Chains were quoted: orders are tried on these, the quotes of what is ordered or held.
    pub round: Option<Vec<Quote>>,
    /// What was asked for.
    pub quotes: Vec<Quote>,
}

fn said(error: HistoryError) -> String {
    format!("simulated: {error}")
}

impl Market {
    /// As it is set up; `None` where it quotes nothing by itself.
    /// No order is tried twice: on an account that was traded on they are tried after its newest entry. What was told of the last
    /// days is told again.
    pub fn open(config: &Config, newest_ns: i64) -> Result<Option<Self>, String> {
        let history: Box<dyn History> = match config.market.split_once(' ') {
            None if config.market.is_empty() => return Ok(None),
            Some(("store", path)) => {
                Box::new(StoreHistory::open(Path::new(path)).map_err(|e| format!("`market`: {}", e.what))?)
            }
            Some(("simulated", words)) => {
                let config = simulated(words).ok_or_else(|| {
                    format!(
                        "`market` is `simulated SEED START SESSIONS MINUTES`, not `{}`",
                        config.market
                    )
                })?;
                Box::new(SimulatedMarket::new(config).map_err(said)?)
            }
            _ => {
                return Err(format!(
                    "`market` is `store PATH` or `simulated SEED START SESSIONS MINUTES`, not `{}`",
                    config.market
                ));
            }
        };
        Ok(Some(Self {
            history,
            tape: Tape::after(Instant(
                config.market_from.max(newest_ns.div_euclid(SCALE) - TOLD_AGAIN_S),
            )),
            levels: Vec::new(),
            underlyings: Vec::new(),
            options: BTreeSet::new(),
            linear: Vec::new(),
            tried_ns: newest_ns,
            frozen: config.frozen,
            newest: Vec::new(),
        }))
    }

    /// Quotes these from now on, and nothing else.
    pub fn watch(&mut self, contracts: &[Contract]) {
        self.levels.clear();
        self.options.clear();
        self.linear.clear();
        for contract in contracts {
            if contract.kind == Kind::Index {
                self.levels.push(Arc::from(contract.class.as_str()));
                continue;
            }
            match instrument(contract) {
                Some(Instrument::Option(option)) => {
                    self.options.insert(option);
                }
                Some(other) => self.linear.push(other),
                None => {}
            }
        }
        self.underlyings.clear();
        self.tune(&BTreeSet::new());
        self.tape.tune();
    }

    /// Series that are listened to: those of indices, and those that futures and shares have in these days.
    fn names(&self, to: Date) -> Vec<Arc<str>> {
        let from = self.tape.heard().date();
        let mut names = self.levels.clone();
        for day in [from, to] {
            let found = self.linear.iter().filter_map(|i| series(i, day));
            for name in found.map(Arc::from) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// Listens to every underlying of what is watched, ordered or held.
    fn tune(&mut self, concerned: &BTreeSet<OptionContract>) {
        let names: BTreeSet<&str> = self
            .options
            .iter()
            .chain(concerned)
            .map(|c| c.root.underlying())
            .collect();
        for name in names {
            if !self.underlyings.iter().any(|u| **u == *name) {
                self.underlyings.push(Arc::from(name));
                self.tape.tune();
            }
        }
    }

    /// What is listed on the session that is quoted next.
    pub fn listed(&mut self, underlying: &str) -> Result<Vec<Listing>, String> {
        let mut day: Date = self.tape.heard().date();
        let Some((first, last)) = self.history.range(underlying) else {
            return Ok(Vec::new());
        };
        day = day.max(first);
        let mut found: Vec<Instant> = Vec::new();
        for _ in 0..AHEAD {
            let ticks = self.history.ticks(underlying, day, day);
            if ticks.last().is_some_and(|t| *t > self.tape.heard()) {
                // Strikes do not change while a session is open.
                found.extend(ticks.first());
                found.extend(ticks.last());
                break;
            }
            match day.succ_opt().filter(|d| *d <= last) {
                Some(next) => day = next,
                None => break,
            }
        }
        let mut strikes: BTreeMap<(Date, alula_market::contract::Root), BTreeSet<Price>> = BTreeMap::new();
        for at in found {
            let snapshot = self.history.snapshot(underlying, at).map_err(said)?;
            for chain in &snapshot.expiries {
                let all = strikes.entry((chain.expiry, chain.root)).or_default();
                all.extend(&chain.strikes);
            }
        }
        let word = |text: &str| Word::new(text).ok_or_else(|| format!("`{text}` is no symbol"));
        strikes
            .into_iter()
            .map(|((expiry, root), strikes)| {
                Ok(Listing {
                    symbol: word(underlying)?,
                    class: word(root.symbol())?,
                    expiry: day_number(expiry),
                    strikes_e9: strikes.into_iter().map(|k| k.0.saturating_mul(MILL)).collect(),
                })
            })
            .collect()
    }

    /// What is told up to a time, in order.
    pub fn upto(&mut self, at_ns: i64, concerned: &BTreeSet<OptionContract>) -> Result<Vec<Told>, String> {
        self.tune(concerned);
        let to = Instant(at_ns.div_euclid(SCALE));
        let names = self.names(to.date());
        let listened = (names.as_slice(), self.underlyings.as_slice());
        let prints = self
            .tape
            .upto(self.history.as_ref(), listened, to)
            .map_err(said)?;
        let mut out: Vec<Told> = Vec::new();
        for print in prints {
            let ns = print.at().0.saturating_mul(SCALE);
            if out.last().is_none_or(|t| t.at_ns != ns) {
                out.push(Told {
                    at_ns: ns,
                    ..Told::default()
                });
            }
            let Some(told) = out.last_mut() else { continue };
            if self
                .frozen
                .is_some_and(|(from, to)| (from..to).contains(&print.at().0))
            {
                // It answers, and what it says stood long ago.
                if told.quotes.is_empty() {
                    told.quotes.clone_from(&self.newest);
                }
                continue;
            }
            match print {
                Print::Level { id, value, at } => {
                    if self.levels.contains(&id) {
                        told.quotes.extend(level(&id, value, ns));
                    }
                    let of = |i: &&Instrument| series(i, at.date()).as_deref() == Some(&*id);
                    let found = self.linear.iter().filter(of);
                    told.quotes.extend(found.filter_map(|i| one(i, value, ns)));
                }
                Print::Chain { underlying, at } => {
                    let snapshot = self.history.snapshot(&underlying, at).map_err(said)?;
                    if ns > self.tried_ns {
                        let round = told.round.get_or_insert_default();
                        round.extend(quotes(&snapshot, ns, |c| concerned.contains(c)));
                    }
                    told.quotes
                        .extend(quotes(&snapshot, ns, |c| self.options.contains(c)));
                }
            }
        }
        if let Some(told) = out.iter().rev().find(|t| !t.quotes.is_empty()) {
            self.newest.clone_from(&told.quotes);
        }
        Ok(out)
    }
}

fn simulated(words: &str) -> Option<SimConfig> {
    let mut words = words.split_whitespace();
    let seed = words.next()?.parse().ok()?;
    let start = words.next()?.parse().ok()?;
    let sessions = words.next()?.parse().ok()?;
    let minutes: u16 = words.next()?.parse().ok()?;
    Some(SimConfig {
        seed,
        start,
        sessions,
        every_minutes: Some(minutes).filter(|m| *m > 0),
        ..SimConfig::default()
    })
}

/// The series that a future or share has the values of on a session: the place of its month.
fn series(instrument: &Instrument, session: Date) -> Option<String> {
    match instrument {
        Instrument::Future(f) => {
            let place = places(f.root, session)
                .take(MONTHS_MAX)
                .position(|e| e == f.expiry);
            Some(match place {
                Some(before) => FutureSeries::Place(f.root, before + 1).to_string(),
                None => FutureSeries::Contract(*f).to_string(),
            })
        }
        Instrument::Share(share) => Some(share.symbol().to_owned()),
        Instrument::Option(_) => None,
    }
}

/// A future or share at one value: how wide its market is the store does not say.
fn one(instrument: &Instrument, value: Price, at_ns: i64) -> Option<Quote> {
    let value_e9 = Some(value.0.saturating_mul(MILL));
    Some(Quote {
        contract: contract(instrument)?,
        at_ns,
        bid_e9: value_e9,
        ask_e9: value_e9,
        bid_size: None,
        ask_size: None,
    })
}

fn level(id: &str, value: Price, at_ns: i64) -> Option<Quote> {
    let name = Word::new(id)?;
    let value_e9 = Some(value.0.saturating_mul(MILL));
    Some(Quote {
        contract: Contract {
            kind: Kind::Index,
            symbol: name,
            class: name,
            currency: Word::new("USD")?,
            expiry: 0,
            right: None,
            strike_e9: 0,
            multiplier_e9: SCALE,
        },
        at_ns,
        bid_e9: value_e9,
        ask_e9: value_e9,
        bid_size: None,
        ask_size: None,
    })
}

fn quotes(snapshot: &ChainSnapshot, at_ns: i64, wanted: impl Fn(&OptionContract) -> bool) -> Vec<Quote> {
    let row = |q: ContractQuote| {
        let e9 = |p: Option<Price>| p.map(|p| p.0.saturating_mul(MILL));
        Some(Quote {
            contract: contract(&Instrument::Option(q.contract))?,
            at_ns,
            bid_e9: e9(q.bid),
            ask_e9: e9(q.ask),
            bid_size: q.bid_size,
            ask_size: q.ask_size,
        })
    };
    let chains = snapshot.expiries.iter().flat_map(assemble::quotes);
    chains.filter(|q| wanted(&q.contract)).filter_map(row).collect()
}
