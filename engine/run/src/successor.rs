//! Another strategy beside the running one: checked and linked, its values computed from history up to the tick at hand, ready to
//! take its place between two ticks.
//!
//! The market's values are computed as a fresh start computes them, and with the thresholds as they were in force along the way:
//! what both strategies compute is then the same, bit for bit, and what is new stands where it would stand had it been there
//! from the start. What depends on the account is moved over (see [`alula_core::state::State::succeed`]).

use crate::course::{NewRules, Swap};
use crate::crank::Setup;
use crate::data::{Snapshots, load};
use crate::death::{Death, bury};
use crate::driver::Driver;
use crate::error::{ErrorClass, RunError};
use crate::output::Mode;
use alula_book::{Book, whose_single_legs};
use alula_core::clock::cadence;
use alula_core::market::MarketData;
use alula_core::plan::{Plan, link};
use alula_core::succession::{GraftError, Orphans, Succession, graft};
use alula_core::thresholds::ThresholdSet;
use alula_dsl::graph::{Graph, ThresholdDef};
use alula_market::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A set of values, by name, and the first tick that it was in force at; none for what the run began with, before its first tick.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    pub tick: Option<usize>,
    pub defs: Vec<ThresholdDef>,
    pub values: Vec<f64>,
}

/// What the successor is made from: the run as it stands.
pub(crate) struct Before<'r, 'a> {
    pub setup: &'r Setup<'a>,
    pub book: &'r Book,
    /// The strategy as its files say it, without what was carried into it.
    pub own: &'r Arc<Graph>,
    /// What was carried into it.
    pub carried: &'r BTreeMap<String, Orphans>,
    /// Values in force so far, earliest first; the first is what the run began with.
    pub past: Vec<Past>,
    /// Instances of its that are known to die.
    pub known: Vec<Death>,
}

/// A strategy that is about to take the place of the running one.
pub struct Successor<'a> {
    pub(crate) rules: Arc<NewRules>,
    pub(crate) plan: Plan,
    pub(crate) data: MarketData,
    pub(crate) absent: Vec<String>,
    pub(crate) ticks: Vec<Instant>,
    pub(crate) warm_up: usize,
    pub(crate) snapshots: Snapshots<'a>,
    pub(crate) driver: Driver,
    pub(crate) succession: Succession,
    /// What is carried into it, and how.
    pub(crate) carried: BTreeMap<String, Orphans>,
    past: Vec<Past>,
    /// Ticks of the period that its values have been computed up to.
    done: usize,
    /// It keeps something of every tick.
    walks: bool,
}

impl std::fmt::Debug for Successor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Successor")
            .field("strategy", &self.plan.graph().settings.name)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

fn refused(what: String, help: &str) -> RunError {
    RunError::new(ErrorClass::Request, what, help)
}

/// Structures of a graph, and what its overlays hold under their keys.
fn holders(graph: &Graph) -> BTreeSet<&str> {
    let structures = graph.structures.iter().map(|s| s.key.as_str());
    structures
        .chain(graph.overlays.iter().map(|o| o.key.as_str()))
        .collect()
}

/// Keys under which something is open, or is about to be.
pub(crate) fn open_keys(book: &Book) -> BTreeSet<Arc<str>> {
    let ledger = book.ledger();
    let positions = book.positions().map(|p| Arc::clone(&p.structure));
    let linear = ledger.positions().map(|p| Arc::clone(&p.structure));
    let orders = book.orders().iter().map(|o| Arc::clone(&o.request.structure));
    let others = ledger.orders().iter().map(|o| Arc::clone(&o.request.structure));
    let all = positions.chain(linear).chain(orders).chain(others);
    // Single legs that make no whole package belong to no strategy.
    all.filter(|key| whose_single_legs(key).is_none()).collect()
}

/// Keys under which something is open and that a strategy does not have; those with legs of another shape among them.
fn orphans(before: &Before<'_, '_>, new: &Graph, succession: &Succession) -> Vec<String> {
    let there = holders(new);
    open_keys(before.book)
        .iter()
        .filter(|key| !there.contains(&***key) || succession.reshaped().contains(&***key))
        .map(ToString::to_string)
        .collect()
}

/// What is carried into the new strategy, by key.
fn carry(
    before: &Before<'_, '_>,
    rules: &NewRules,
    succession: &Succession,
) -> Result<BTreeMap<String, Orphans>, RunError> {
    let there = holders(&rules.graph);
    let known = holders(before.setup.plan.graph());
    let mut out: BTreeMap<String, Orphans> = rules.carry.clone();
    out.retain(|key, _| known.contains(key.as_str()));
    for key in orphans(before, &rules.graph, succession) {
        if there.contains(key.as_str()) {
            return Err(refused(
                format!("positions of `{key}` are open, and the new strategy has other legs under this name"),
                "give the new structure another name, so that what is open can be kept or closed",
            ));
        }
        // What an operator said at an earlier change goes on to hold.
        let how = out.get(&key).or_else(|| before.carried.get(&key)).copied();
        let Some(how) = how.or(rules.others) else {
            return Err(refused(
                format!("positions of `{key}` are open, and the new strategy does not have it"),
                "say what becomes of them: `keep` until they expire with their old exits, or `close`",
            ));
        };
        out.insert(key, how);
    }
    Ok(out)
}

impl<'a> Successor<'a> {
    /// Checks and links a strategy beside the running one.
    ///
    /// # Errors
    /// When the running account cannot follow it (other settings, open positions that it does not know), or it cannot be linked
    /// or its data be read.
    pub(crate) fn new(before: &Before<'_, 'a>, swap: &Swap, rules: &Arc<NewRules>) -> Result<Self, RunError> {
        let setup = before.setup;
        let said = Succession::of((before.own, &setup.registry), (&rules.graph, &rules.registry));
        if let Some((name, was, is)) = said.settings().first() {
            return Err(refused(
                format!(
                    "`{name}` of the strategy changes from {was} to {is}, which a running account cannot follow"
                ),
                "put it back, or end the run and begin anew",
            ));
        }
        let carried = carry(before, rules, &said)?;
        let old = setup.plan.graph();
        let graph = if carried.is_empty() {
            Arc::clone(&rules.graph)
        } else {
            let of_old = (&**old, &setup.registry, setup.plan.thresholds());
            let grafted = graft(of_old, (&rules.graph, &rules.registry), &carried);
            Arc::new(grafted.map_err(|e: GraftError| {
                refused(
                    e.to_string(),
                    "close the positions instead, or wait until they are gone",
                )
            })?)
        };
        let succession = Succession::of((old, &setup.registry), (&graph, &rules.registry));
        let plan = link(&graph, swap.set.values(), &rules.registry)?;
        bury(&plan, &before.known);
        let (data, absent) = load(&plan, setup.history)?;
        let (ticks, warm_up) = ticks(setup, &plan);
        let mut snapshots = Snapshots::new(&plan, setup.history, false, None);
        let past = before.past.clone();
        let began = plan.with_past(&values_at(&graph, &past, swap.set.values(), None));
        let driver = match setup.mode {
            Mode::Batch => {
                whole_columns(setup, &plan, &past)?;
                Driver::columns((&plan, &data), &ticks, &mut snapshots)?
            }
            mode @ (Mode::Streaming | Mode::Permuted) => {
                let mut driver = Driver::events((&began, &data), &ticks, mode);
                for at in ticks.iter().take(warm_up) {
                    driver.walk((&began, &data), *at, &mut snapshots)?;
                }
                driver
            }
        };
        Ok(Self {
            rules: Arc::clone(rules),
            walks: plan.remembers_ticks(),
            plan,
            data,
            absent,
            ticks,
            warm_up,
            snapshots,
            driver,
            succession,
            carried,
            past,
            done: 0,
        })
    }

    /// Computes its values for some more ticks; says how many are left until `tick`.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub(crate) fn work(&mut self, tick: usize, most: usize) -> Result<usize, RunError> {
        if matches!(self.driver, Driver::Batch { .. }) {
            return Ok(0);
        }
        for _ in 0..most {
            if self.done >= tick {
                break;
            }
            self.change(self.done);
            let Some(at) = self.ticks.get(self.warm_up + self.done).copied() else {
                break;
            };
            let own = (&self.plan, &self.data);
            if self.walks {
                self.driver.walk(own, at, &mut self.snapshots)?;
            } else {
                self.driver.events_until(own, at);
            }
            self.done += 1;
        }
        Ok(tick.saturating_sub(self.done))
    }

    /// Values that came into force at a tick.
    fn change(&mut self, tick: usize) {
        if self.past.iter().any(|p| p.tick == Some(tick)) {
            let values = values_at(self.plan.graph(), &self.past, self.plan.thresholds(), Some(tick));
            self.driver.swapped(&self.plan.with_past(&values));
        }
    }

    /// Takes what came into force since it was made, and the values of its own from this tick on.
    pub(crate) fn arrive(&mut self, past: Vec<Past>, tick: usize) -> Result<(), RunError> {
        self.past = past;
        while self.work(tick, usize::MAX)? > 0 {}
        self.driver.swapped(&self.plan);
        Ok(())
    }

    /// Whether it has a structure, layer or overlay of this key, its own or carried.
    #[must_use]
    pub fn holds(&self, key: &str) -> bool {
        holders(self.plan.graph()).contains(key)
    }

    /// What becomes of the strategy so far.
    #[must_use]
    pub const fn succession(&self) -> &Succession {
        &self.succession
    }

    /// What is carried into it, and how.
    #[must_use]
    pub const fn carried(&self) -> &BTreeMap<String, Orphans> {
        &self.carried
    }

    /// What it reads and the data do not have.
    #[must_use]
    pub fn absent(&self) -> &[String] {
        &self.absent
    }
}

/// The values that the thresholds of a strategy had at a tick: by name, where it was declared then; else as soon as it was.
pub(crate) fn values_at(graph: &Graph, past: &[Past], now: &[f64], tick: Option<usize>) -> Vec<f64> {
    let of = |def: &ThresholdDef, past: &Past| {
        let at = past
            .defs
            .iter()
            .position(|d| d.name == def.name && d.unit == def.unit);
        at.and_then(|at| past.values.get(at).copied())
    };
    let defs = graph.thresholds.iter().zip(now);
    defs.map(|(def, now)| {
        let newest = past
            .iter()
            .rev()
            .filter(|p| p.tick <= tick)
            .find_map(|p| of(def, p));
        let later = || past.iter().filter(|p| p.tick > tick).find_map(|p| of(def, p));
        newest.or_else(later).unwrap_or(*now)
    })
    .collect()
}

/// Whole columns know one set of values: those of the market that read a threshold would be others for the past.
fn whole_columns(setup: &Setup<'_>, plan: &Plan, past: &[Past]) -> Result<(), RunError> {
    let began = values_at(plan.graph(), past, plan.thresholds(), None);
    let same = began
        .iter()
        .zip(plan.thresholds())
        .all(|(a, b)| a.to_bits() == b.to_bits());
    if same || !(plan.market_reads_thresholds() || setup.plan.market_reads_thresholds()) {
        return Ok(());
    }
    Err(refused(
        "thresholds cannot change under way where whole columns are computed first".to_owned(),
        "choose the streaming driver",
    ))
}

/// Ticks before the period, if some node remembers them, then those of the period.
fn ticks(setup: &Setup<'_>, plan: &Plan) -> (Vec<Instant>, usize) {
    let own: Vec<Instant> = setup.ticks.get(setup.warm_up..).unwrap_or_default().to_vec();
    let remembers = plan.remembers_ticks();
    if remembers == setup.plan.remembers_ticks() {
        return (setup.ticks.clone(), setup.warm_up);
    }
    let (Some(first), true) = (own.first().copied(), remembers) else {
        return (own, 0);
    };
    let settings = &plan.graph().settings;
    let underlying = settings.instrument.name();
    let begins = setup.history.range(underlying).map_or(first.date(), |r| r.0);
    let snapshots = setup.history.ticks(underlying, begins, first.date());
    let mut all = cadence(settings.every, &snapshots);
    all.retain(|t| *t < first && t.date() < first.date());
    let warm_up = all.len();
    all.extend(own);
    (all, warm_up)
}

impl Swap {
    /// Values that a past of a run remembers it by.
    pub(crate) fn past(set: &ThresholdSet, defs: &[ThresholdDef], tick: usize) -> Past {
        Past {
            tick: Some(tick),
            defs: defs.to_vec(),
            values: set.values().to_vec(),
        }
    }
}
