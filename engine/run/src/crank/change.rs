//! What changes under way, always between two ticks: thresholds, the strategy itself, builds of plugins, words of operators.

use super::{Crank, carried_text, hashed, read};
use crate::course::{Act, Entries, HaltLevel, NewRules, OperatorAct, SWAPS, Swap};
use crate::death::bury;
use crate::error::{ErrorClass, RunError};
use crate::output::{Mode, StrategyRow, UpgradeRow, VersionRow};
use crate::rails::Halt;
use crate::successor::{Before, Past, Successor, open_keys};
use crate::upgrade::{Shadow, Stand, Upgrade};
use alula_core::decision::OPERATOR;
use alula_core::market::Views;
use alula_core::registry::Registry;
use alula_core::thresholds::ThresholdSet;
use alula_core::value::{Cause, Cell};
use alula_dsl::graph::Graph;
use alula_market::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl<'a> Crank<'a> {
    /// Values that are in force from the next tick on: those of the last change that waits, else those in force.
    #[must_use]
    pub fn next_thresholds(&self) -> &ThresholdSet {
        self.pending.back().map_or(&self.set, |s| &s.set)
    }

    /// Changes that wait for their tick, earliest first.
    pub fn waiting_swaps(&self) -> impl Iterator<Item = &Swap> {
        self.pending.iter()
    }

    /// Number of the version in force; 1 is what the run began with.
    #[must_use]
    pub fn version(&self) -> u32 {
        u32::try_from(self.applied.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1)
    }

    /// Number of the strategy in force; 1 is what the run began with.
    #[must_use]
    pub fn rules_version(&self) -> u32 {
        let changes = self.applied.iter().filter(|s| s.rules.is_some()).count();
        u32::try_from(changes).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The strategy that is in force from the next tick on, as its files say it.
    #[must_use]
    pub fn next_graph(&self) -> &Arc<Graph> {
        let waiting = self.pending.iter().rev().find_map(|s| s.rules.as_ref());
        waiting.map_or(&self.own, |r| &r.graph)
    }

    /// Another strategy waits for the next tick.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        self.pending.iter().any(|s| s.rules.is_some())
    }

    /// Keys under which something is open or ordered.
    #[must_use]
    pub fn open_keys(&self) -> BTreeSet<Arc<str>> {
        open_keys(&self.book)
    }

    /// Values in force so far, with the ticks that they came into force at.
    pub(super) fn past(&self) -> Vec<Past> {
        let first = self.applied.iter().find_map(|s| s.rules.as_ref());
        let mut graph: &Graph = self
            .recorder
            .output
            .strategies
            .first()
            .and_then(|s| s.graph.as_deref())
            .filter(|_| first.is_some())
            .unwrap_or_else(|| self.setup.plan.graph());
        let mut out = vec![Past {
            tick: None,
            defs: graph.thresholds.clone(),
            values: self.setup.thresholds.clone(),
        }];
        for (swap, tick) in self.applied.iter().zip(&self.since) {
            if let Some(rules) = &swap.rules {
                graph = &rules.graph;
            }
            let past = Swap::past(&swap.set, &graph.thresholds, *tick);
            out.retain(|p| p.tick != past.tick);
            out.push(past);
        }
        out
    }

    /// Another strategy beside the running one, as it would take its place at the next tick. [`Crank::work`] computes its values
    /// up to there.
    ///
    /// # Errors
    /// When the running account cannot follow it, or it cannot be linked.
    pub fn successor(&self, swap: &Swap) -> Result<Option<Successor<'a>>, RunError> {
        let Some(rules) = &swap.rules else {
            return Ok(None);
        };
        for overlay in &self.state.overlays {
            overlay.instruction.fits(&rules.graph)?;
        }
        let before = Before {
            setup: &self.setup,
            book: &self.book,
            own: &self.own,
            carried: &self.carried,
            past: self.past(),
            known: self.lives.next(),
        };
        Successor::new(&before, swap, rules).map(Some)
    }

    /// Computes a successor's values for at most so many ticks; says how many are left until the next one of the run.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn work(&self, successor: &mut Successor<'a>, most: usize) -> Result<usize, RunError> {
        successor.work(self.tick, most)
    }

    /// Takes a change with the strategy that was computed beside the running one.
    ///
    /// # Errors
    /// As [`Crank::swap`].
    pub fn swap_to(&mut self, swap: Swap, successor: Successor<'a>) -> Result<(), RunError> {
        self.swap(swap)?;
        self.ready.push_back(successor);
        Ok(())
    }

    /// Takes a change of thresholds. It takes effect at the first tick at or after its instant, before anything of that tick is
    /// computed; changes for one tick take effect in the order in which they came.
    ///
    /// # Errors
    /// When a value is not allowed, the change is for an earlier instant than one that waits, or whole columns are computed
    /// first.
    pub fn swap(&mut self, swap: Swap) -> Result<(), RunError> {
        let refuse = |what: String, help: &str| Err(RunError::new(ErrorClass::Request, what, help));
        if self.setup.mode == Mode::Batch && swap.rules.is_none() {
            return refuse(
                "thresholds cannot change under way where whole columns are computed first".to_owned(),
                "choose the streaming driver",
            );
        }
        if self.pending.back().is_some_and(|last| last.at > swap.at) {
            let what = format!("the change of thresholds at {} comes after a later one", swap.at);
            return refuse(what, "give changes in the order of their instants");
        }
        let waiting = self.pending.iter().rev().find_map(|s| s.rules.as_ref());
        let graph = swap.rules.as_ref().or(waiting).map(|r| &r.graph);
        let defs = &graph.unwrap_or_else(|| self.setup.plan.graph()).thresholds;
        ThresholdSet::from_values(defs, swap.set.values().to_vec())
            .map_err(|e| RunError::new(ErrorClass::Request, e.to_string(), "check the thresholds file"))?;
        self.pending.push_back(swap);
        Ok(())
    }

    /// Takes what an operator did. It is in force from the first tick at or after its instant.
    pub fn act(&mut self, act: OperatorAct) {
        self.acts.push_back(act);
    }

    /// The strategy in force with other builds of plugins, to be computed beside it: see [`Crank::follow`].
    ///
    /// # Errors
    /// When a new build refuses the numbers that it is set up with, or whole columns are computed first.
    pub fn shadow(&mut self, registry: &Registry) -> Result<Shadow, RunError> {
        Shadow::new(&self.stand(), registry)
    }

    /// Computes a shadow for at most so many ticks, and compares what plugins' functions give; says how many are left until it stands
    /// where the run stands.
    ///
    /// # Errors
    /// When the data cannot be read, or another strategy took the place of the one that it follows.
    pub fn follow(&mut self, shadow: &mut Shadow, most: usize) -> Result<usize, RunError> {
        shadow.work(&mut self.stand(), most)
    }

    fn stand(&mut self) -> Stand<'_, 'a> {
        let past = self.past();
        Stand {
            past,
            tick: self.tick,
            grown: self.grown,
            setup: &self.setup,
            snapshots: &mut self.snapshots,
        }
    }

    /// Another build of a plugin waits for the next tick.
    #[must_use]
    pub fn is_upgrading(&self) -> bool {
        !self.upgrades.is_empty()
    }

    /// The strategy that will be in force at an instant, as far as its changes are known, and what it is linked to.
    #[must_use]
    pub fn rules_at(&self, at: Instant) -> (Arc<Graph>, Registry) {
        let waiting = self.pending.iter().filter(|s| s.at <= at);
        let rules = waiting.filter_map(|s| s.rules.as_ref()).next_back();
        rules.map_or_else(
            || (Arc::clone(self.setup.plan.graph()), self.setup.registry.clone()),
            |r| (Arc::clone(&r.graph), r.registry.clone()),
        )
    }

    /// Takes another build of a plugin. It takes effect at the first tick at or after its instant, before anything of that tick is
    /// computed; what was computed with it already need not be computed again.
    pub fn upgrade(&mut self, upgrade: Upgrade, shadow: Option<Shadow>) {
        self.upgrades.push_back((upgrade, shadow));
    }

    /// Puts changes of thresholds into force that are due at a tick; says how many.
    pub(super) fn take_swaps(&mut self, at: Instant, views: &Views) -> Result<usize, RunError> {
        if self.pending.front().is_none_or(|s| s.at > at) {
            return Ok(0);
        }
        let tick = u32::try_from(self.tick).unwrap_or(u32::MAX);
        if self.applied.is_empty() {
            self.note_version(
                0,
                self.setup.ticks.get(self.setup.warm_up).copied().unwrap_or(at),
                None,
            );
        }
        let called = self.called_without(at, views)?;
        let before = self.applied.len();
        let mut waits = false;
        while let Some(swap) = self.pending.pop_front_if(|s| s.at <= at) {
            waits |= swap.entries == Entries::Wait;
            if let Some(rules) = &swap.rules {
                self.succeed(&swap, rules, at)?;
                continue;
            }
            self.setup.plan.set_thresholds(swap.set.values())?;
            self.set = swap.set.clone();
            self.chain.swap(self.set.hash());
            self.applied.push(swap.clone());
            self.since.push(self.tick);
            self.note_version(tick, at, Some(&swap));
        }
        self.driver.swapped(&self.setup.plan);
        if waits {
            self.state.swapped(called);
        }
        Ok(self.applied.len() - before)
    }

    /// Does what an operator did that is due at a tick.
    pub(super) fn take_acts(&mut self, at: Instant, views: &Views) {
        while let Some(act) = self.acts.pop_front_if(|a| a.at <= at) {
            match &act.act {
                Act::Halt(level) => {
                    self.state.halted = Some(Arc::from(OPERATOR));
                    self.halted = Some((*level, act.clone()));
                    if *level == HaltLevel::All {
                        self.rails.halt = Halt::All(act.why.clone());
                    }
                }
                Act::Resume => {
                    self.state.resume();
                    self.halted = None;
                    self.rails.halt = Halt::None;
                }
                Act::Add { number, instruction } => self.add_overlay(*number, instruction, &act, at),
                Act::Drop(number) => self.drop_overlay(*number, &act, at),
                Act::Repair { order, way } => self.repair((order, *way), &act, at, views),
            }
            self.recorder
                .output
                .manifest
                .operator
                .push(OperatorAct { at, ..act });
        }
    }

    pub(super) fn note_version(&mut self, tick: u32, at: Instant, swap: Option<&Swap>) {
        let version = self.version();
        let source = swap.and_then(|s| s.file.as_ref()).map(|file| {
            let short: String = file.hash.chars().take(12).collect();
            let name = format!("{SWAPS}{version:04}-{short}.yaml");
            self.recorder
                .output
                .inputs
                .insert(name.clone(), file.bytes.clone());
            name
        });
        self.recorder.output.versions.push(VersionRow {
            version,
            tick,
            at,
            hash: self.set.hash_hex(),
            source: source.unwrap_or_default(),
            entries: swap.map_or(Entries::Wait, |s| s.entries),
            names: self
                .setup
                .plan
                .graph()
                .thresholds
                .iter()
                .map(|t| t.name.clone())
                .collect(),
            values: self.set.values().to_vec(),
        });
    }

    /// Puts down which instances of plugins' functions have died. Where whole columns are computed first there is no tick to tell.
    pub(super) fn note_deaths(&mut self, at: Instant) {
        if self.setup.mode != Mode::Batch {
            let ended = self.lives.ended(at);
            self.recorder.output.manifest.deaths.extend(ended);
        }
    }

    /// Puts other builds of plugins into force that are due at a tick.
    pub(super) fn take_upgrades(&mut self, at: Instant) -> Result<(), RunError> {
        while let Some((upgrade, shadow)) = self.upgrades.pop_front_if(|(u, _)| u.at <= at) {
            let shadow = match shadow.filter(|s| s.is_at(&self.setup, self.tick)) {
                Some(shadow) => shadow,
                None => {
                    let mut shadow = self.shadow(&upgrade.registry)?;
                    bury(&shadow.plan, &self.lives.next());
                    while self.follow(&mut shadow, usize::MAX)? > 0 {}
                    shadow
                }
            };
            let difference = shadow.difference().map(ToString::to_string);
            self.chain.plugin(&upgrade.plugin, &upgrade.sha256);
            self.recorder.output.manifest.upgrades.push(UpgradeRow {
                tick: u32::try_from(self.tick).unwrap_or(u32::MAX),
                at,
                plugin: upgrade.plugin,
                sha256: upgrade.sha256,
                difference: difference.unwrap_or_default(),
            });
            self.setup.plan = shadow.plan;
            self.lives.begin(&self.setup.plan);
            self.setup.registry = upgrade.registry;
            self.driver = shadow.driver;
        }
        Ok(())
    }

    /// Puts another strategy in the place of the running one.
    pub(super) fn succeed(
        &mut self,
        swap: &Swap,
        rules: &Arc<NewRules>,
        at: Instant,
    ) -> Result<(), RunError> {
        let made = self.ready.pop_front_if(|s| Arc::ptr_eq(&s.rules, rules));
        let made = match made {
            Some(made) => Some(made),
            None => self.successor(swap)?,
        };
        let Some(mut next) = made else { return Ok(()) };
        let past = self.past();
        next.arrive(past, self.tick)?;
        let there = |key: &Arc<str>| {
            let graph = next.plan.graph();
            graph.structures.iter().any(|s| s.key == **key) || graph.overlays.iter().any(|o| o.key == **key)
        };
        if let Some(key) = open_keys(&self.book).iter().find(|key| !there(key)) {
            let what = format!("positions of `{key}` are open, and nothing was said about them");
            return Err(RunError::new(
                ErrorClass::Invariant,
                what,
                "say what becomes of them: `keep` or `close`",
            ));
        }
        let tick = u32::try_from(self.tick).unwrap_or(u32::MAX);
        if self.recorder.output.strategies.is_empty() {
            self.note_first_strategy(at);
        }
        self.close_epoch();
        let nodes = u32::try_from(self.setup.plan.nodes().len()).unwrap_or(u32::MAX);
        let base = self.recorder.base().saturating_add(nodes);
        self.recorder.succeed(next.plan.graph(), base);
        self.state.succeed(&next.plan, &self.book, &next.succession);
        // A history gives the same snapshots to both; what they imply has been computed.
        if next.plan.chains() != self.setup.plan.chains() {
            next.snapshots.without_rate |= self.snapshots.without_rate;
            self.snapshots = next.snapshots;
        }
        self.driver = next.driver;
        self.hashed = hashed(&next.plan);
        self.cells = vec![Cell::missing(Cause::NoData); next.plan.nodes().len()];
        self.setup.plan = next.plan;
        self.lives.begin(&self.setup.plan);
        self.setup.data = next.data;
        self.setup.absent = next.absent;
        self.setup.ticks = next.ticks;
        self.setup.warm_up = next.warm_up;
        self.setup.registry = rules.registry.clone();
        self.own = Arc::clone(&rules.graph);
        self.carried = next.carried;
        self.began = self.tick;
        self.set = swap.set.clone();
        let hash = rules.hash();
        self.chain.succeed(&hash, &self.carried, self.set.hash());
        let changes: Vec<String> = next.succession.differs().map(ToString::to_string).collect();
        let resolved = NewRules {
            carry: self.carried.clone(),
            ..NewRules::clone(rules)
        };
        self.applied.push(Swap {
            rules: Some(Arc::new(resolved)),
            ..swap.clone()
        });
        self.since.push(self.tick);
        self.note_version(tick, at, Some(swap));
        let row = StrategyRow {
            version: self.rules_version(),
            tick,
            at,
            source: self.note_files(rules, &hash),
            hash,
            thresholds: self.version(),
            nodes: base,
            entries: swap.entries,
            carried: carried_text(&self.carried),
            changes: changes.join("; "),
            graph: Some(Arc::clone(self.setup.plan.graph())),
        };
        self.recorder.output.strategies.push(row);
        Ok(())
    }

    pub(super) fn note_first_strategy(&mut self, at: Instant) {
        let inputs = &self.setup.inputs;
        let first = NewRules {
            graph: Arc::clone(&self.own),
            registry: Registry::default(),
            inputs: inputs.clone(),
            carry: BTreeMap::new(),
            others: None,
        };
        let source = inputs.sources.first().map(|(name, _)| name.clone());
        self.recorder.output.strategies.push(StrategyRow {
            version: 1,
            tick: 0,
            at: self.setup.ticks.get(self.setup.warm_up).copied().unwrap_or(at),
            hash: first.hash(),
            source: source.unwrap_or_default(),
            thresholds: 1,
            nodes: 0,
            entries: Entries::Wait,
            carried: String::new(),
            changes: String::new(),
            graph: Some(first.graph),
        });
    }

    /// Puts down what the strategy in force read, before another one takes its place.
    pub(super) fn close_epoch(&mut self) {
        read(
            &mut self.recorder,
            &self.setup,
            &self.driver,
            (self.began, self.tick),
        );
        let mut trace = std::mem::take(&mut self.trace);
        self.recorder.cells(&mut trace.cells);
    }

    /// Files of a strategy, among the inputs; the name of its entry.
    pub(super) fn note_files(&mut self, rules: &NewRules, hash: &str) -> String {
        let short: String = hash.chars().take(12).collect();
        let folder = format!("{SWAPS}{:04}-{short}", self.version());
        let inputs = &rules.inputs;
        for (name, bytes) in inputs.sources.iter().chain(&inputs.scripts) {
            let name = format!("{folder}/{name}");
            self.recorder.output.inputs.insert(name, bytes.clone());
        }
        let entry = inputs.sources.first().map_or("", |(name, _)| name.as_str());
        format!("{folder}/{entry}")
    }
}
