//! A strategy that changes while it runs: its files watched as one, the new one checked beside the running one, confirmed where
//! something ends, and put into force between two ticks.
//!
//! A file that is wrong is refused, once for each content, and the last good strategy stays. What ends with the change and
//! cannot be had again from history waits for an operator's word, and so do open positions of a structure that ends.

use crate::core::{Happening, Live, LiveError};
use crate::source::{Refusal, Source};
use crate::swap::{Rejected, Rejection};
use alula_core::registry::Registry;
use alula_core::succession::{Orphans, Succession};
use alula_core::thresholds::Change;
use alula_journal::wire::PluginLoaded;
use alula_run::{ErrorClass, NewRules, RunError, Successor, Swap};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Largest strategy file, import or script that is believed.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Files that make one strategy, watched as one: something counts when none of them is about to change.
#[derive(Debug)]
pub struct Files {
    sources: Vec<Source>,
    dirty: bool,
}

impl Files {
    /// Files, taken to hold what is on disk now.
    #[must_use]
    pub fn new(paths: &[PathBuf]) -> Self {
        let mut files = Self {
            sources: Vec::new(),
            dirty: false,
        };
        files.follow(paths);
        files
    }

    /// Watches these from here on; those that were watched go on being so.
    pub fn follow(&mut self, paths: &[PathBuf]) {
        self.sources.retain(|s| paths.iter().any(|p| p == s.path()));
        for path in paths {
            if !self.sources.iter().any(|s| s.path() == path) {
                self.sources.push(Source::limited(path, FILE_BYTES_MAX));
            }
        }
    }

    /// The files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.sources.iter().map(Source::path)
    }

    /// Something may have happened to one.
    pub fn trigger(&mut self, now: Duration) {
        self.sources.iter_mut().for_each(|s| s.trigger(now));
    }

    /// Somebody wants them told again, whether they changed or not.
    pub fn reload(&mut self, now: Duration) {
        self.sources.iter_mut().for_each(|s| s.reload(now));
    }

    /// When to ask next.
    #[must_use]
    pub fn due(&self) -> Duration {
        let all = self.sources.iter().map(Source::due);
        all.min().unwrap_or(Duration::MAX)
    }

    /// Whether they say something new, and are quiet.
    pub fn poll(&mut self, now: Duration) -> bool {
        for source in &mut self.sources {
            self.dirty |= source.poll(now).is_some();
        }
        if self.dirty && self.is_quiet() {
            self.dirty = false;
            return true;
        }
        false
    }

    /// None of them is being looked at.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.sources.iter().all(Source::is_quiet)
    }

    /// Something was told and has not been taken: the others are still moving.
    #[must_use]
    pub fn is_moving(&self) -> bool {
        self.dirty || !self.is_quiet()
    }

    /// What a file said when it was told; nothing for one that is not watched.
    #[must_use]
    pub fn told(&self, path: &Path) -> Option<Result<&[u8], &Refusal>> {
        self.sources.iter().find(|s| s.path() == path)?.told()
    }
}

/// A strategy that compiled, with its values.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Strategy and values; its instant is set when it is taken.
    pub swap: Swap,
    /// For the journal: everything that makes it again.
    pub sources: Vec<u8>,
    /// The thresholds file ends as a whole file does.
    pub ended: bool,
    /// Version of the values in force that the thresholds file acknowledges.
    pub ack: Option<String>,
}

/// A strategy that waits for an operator's word.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// Hash of its files: what is confirmed.
    pub digest: String,
    /// What ends, in words.
    pub drops: Vec<String>,
    /// What has open positions or orders and ends.
    pub open: Vec<String>,
    offered: Offered,
}

/// Where a change of the strategy stands.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    proposed: Option<Proposed>,
    /// Offered while another one was on its way.
    later: Option<(Offered, String)>,
    work: Option<Work<'a>>,
    refused: BTreeSet<String>,
}

/// A strategy whose values are computed beside the running one.
#[derive(Debug)]
struct Work<'a> {
    offered: Offered,
    rules: Arc<NewRules>,
    successor: Successor<'a>,
    source: String,
}

impl<'a> Live<'a> {
    /// The strategy that waits for an operator's word, if one does.
    #[must_use]
    pub const fn proposed(&self) -> Option<&Proposed> {
        self.strategy.proposed.as_ref()
    }

    /// A strategy that waits for a word waits no longer: it has to be offered again.
    pub(crate) fn forget_proposed(&mut self) {
        self.strategy.proposed = None;
    }

    /// A new strategy is computed beside the running one; see [`Live::work`].
    #[must_use]
    pub const fn is_preparing(&self) -> bool {
        self.strategy.work.is_some() || self.strategy.later.is_some()
    }

    /// Changes that were asked for and are not in force, in words: the feed may end before they are.
    #[must_use]
    pub fn not_in_force(&self) -> Vec<String> {
        let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
        let mut out = Vec::new();
        if let Some(proposed) = &self.strategy.proposed {
            out.push(format!(
                "strategy {} waits for `alula ctl confirm` and is not in force",
                short(&proposed.digest)
            ));
        }
        let digest = |offered: &Offered| {
            offered
                .swap
                .rules
                .as_ref()
                .map_or_else(String::new, |r| short(&r.hash()))
        };
        if let Some(work) = &self.strategy.work {
            out.push(format!(
                "strategy {} was taken and is not in force: its values are still being computed",
                digest(&work.offered)
            ));
        }
        if let Some((offered, _)) = &self.strategy.later {
            out.push(format!(
                "strategy {} was read and is not in force",
                digest(offered)
            ));
        }
        for swap in self.crank.waiting_swaps() {
            let what = match &swap.rules {
                Some(rules) => format!("strategy {}", short(&rules.hash())),
                None => format!("version {} of the thresholds", short(&swap.set.hash_hex())),
            };
            out.push(format!(
                "{what} was taken and is not in force: no tick has come after it"
            ));
        }
        out
    }

    /// What the files of the strategy say now: one that compiles, or why it does not. A good one is prepared and takes effect
    /// between two ticks; where something ends, an operator has to say so first. Not while [`Live::is_upgrading`]: it would be linked
    /// to the build that leaves.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn offer_strategy(
        &mut self,
        offered: Result<Offered, Rejected>,
        source: &str,
        received_ns: i64,
    ) -> Result<Vec<Happening>, LiveError> {
        self.reloads.attempts += 1;
        let offered = match offered {
            Ok(offered) => offered,
            Err(rejected) => return self.refuse(rejected, source, received_ns),
        };
        if self.crank.is_changing() {
            self.strategy.later = Some((offered, source.to_owned()));
            return Ok(Vec::new());
        }
        let Some(rules) = offered.swap.rules.clone() else {
            return Ok(Vec::new());
        };
        // The newest word counts.
        self.strategy.proposed = None;
        self.strategy.work = None;
        let own = (&**self.crank.own_graph(), self.crank.registry());
        let succession = Succession::of(own, (&rules.graph, &rules.registry));
        let in_force = self.crank.next_thresholds();
        let same_values = in_force.values() == offered.swap.set.values();
        // The same declarations with other values: these come by the thresholds file, on their own way.
        let same_slots = self.crank.own_graph().thresholds == rules.graph.thresholds;
        if succession.is_same() && (same_values || same_slots) {
            self.reloads.last_success = Some(true);
            self.reloads.last_error = None;
            return Ok(Vec::new());
        }
        let digest = rules.hash();
        let refused = |why| Rejected {
            hash: digest.clone(),
            why,
        };
        if let Some((name, was, is)) = succession.settings().first() {
            let why = Rejection::Strategy {
                what: format!("`{name}` changes from {was} to {is}, which a running account cannot follow"),
                help: "put it back, or end the run and begin anew".to_owned(),
            };
            return self.refuse(refused(why), source, received_ns);
        }
        if let Err(why) = self.desk.allows(&offered, in_force, &rules.graph.thresholds) {
            return self.refuse(refused(why), source, received_ns);
        }
        let there: BTreeSet<&str> = rules.graph.structures.iter().map(|s| s.key.as_str()).collect();
        let overlays: BTreeSet<&str> = rules.graph.overlays.iter().map(|o| o.key.as_str()).collect();
        let carried = self.crank.carried();
        let open: Vec<String> = self
            .crank
            .open_keys()
            .iter()
            .filter(|k| !there.contains(&***k) && !overlays.contains(&***k) && !carried.contains_key(&***k))
            .map(ToString::to_string)
            .collect();
        let drops: Vec<String> = succession.dropped().map(ToString::to_string).collect();
        if drops.is_empty() && open.is_empty() {
            return self.prepare(offered, &rules, source, received_ns);
        }
        let proposed = Proposed {
            digest: digest.clone(),
            drops,
            open,
            offered,
        };
        let told = Happening::Proposed {
            digest,
            changes: succession.differs().map(ToString::to_string).collect(),
            drops: proposed.drops.clone(),
            open: proposed.open.clone(),
        };
        self.strategy.proposed = Some(proposed);
        Ok(vec![told])
    }

    /// An operator confirms what ends with the strategy that waits, by the beginning of its hash, and says what becomes of open
    /// positions that it does not have.
    ///
    /// # Errors
    /// When none waits, another one does, or nothing is said about open positions; when the journal cannot be written.
    pub fn confirm(
        &mut self,
        digest: &str,
        positions: Option<Orphans>,
        uid: Option<u32>,
        received_ns: i64,
    ) -> Result<Vec<Happening>, LiveError> {
        let refuse = |what: String, help: &str| Err(RunError::new(ErrorClass::Request, what, help).into());
        let Some(proposed) = self.strategy.proposed.clone() else {
            return refuse(
                "no strategy waits for a word".to_owned(),
                "save the strategy file first",
            );
        };
        if self.is_upgrading() {
            return refuse(
                "another build of a plugin is on its way".to_owned(),
                "confirm it once that is in force",
            );
        }
        if digest.len() < 4 || !proposed.digest.starts_with(digest) {
            let short = proposed.digest.get(..12).unwrap_or_default().to_owned();
            return refuse(
                format!("the strategy that waits is {short}, not `{digest}`"),
                "look at it again; it may have been saved since",
            );
        }
        if positions.is_none() && !proposed.open.is_empty() {
            return refuse(
                format!("positions of `{}` are open", proposed.open.join("`, `")),
                "say what becomes of them: `--positions keep` or `--positions close`",
            );
        }
        let mut offered = proposed.offered;
        let Some(rules) = offered.swap.rules.clone() else {
            return Ok(Vec::new());
        };
        let mut confirmed = NewRules::clone(&rules);
        // What is opened until it takes effect goes with what is known now.
        confirmed.others = Some(positions.unwrap_or(Orphans::Keep));
        let confirmed = Arc::new(confirmed);
        offered.swap.rules = Some(Arc::clone(&confirmed));
        self.strategy.proposed = None;
        if let Some(keeper) = &mut self.keeper {
            let at = self.crank.next();
            let word = positions.map_or("", Orphans::word);
            keeper.said(at, uid, "confirm", &[&proposed.digest, word], received_ns)?;
        }
        self.prepare(offered, &confirmed, "confirmed", received_ns)
    }

    fn refuse(
        &mut self,
        rejected: Rejected,
        source: &str,
        received_ns: i64,
    ) -> Result<Vec<Happening>, LiveError> {
        self.reloads.last_success = Some(false);
        self.reloads.last_error = Some(rejected.to_string());
        if !self
            .strategy
            .refused
            .insert(format!("{} {rejected}", rejected.hash))
        {
            return Ok(Vec::new());
        }
        self.reloads.rejected += 1;
        let at = self.now();
        if let Some(keeper) = &mut self.keeper {
            keeper.rejected(&rejected, at, &format!("strategy, {source}"), received_ns)?;
        }
        Ok(vec![Happening::Rejected(rejected)])
    }

    /// Links it beside the running one.
    fn prepare(
        &mut self,
        offered: Offered,
        rules: &Arc<NewRules>,
        source: &str,
        received_ns: i64,
    ) -> Result<Vec<Happening>, LiveError> {
        match self.crank.successor(&offered.swap) {
            Ok(Some(successor)) => {
                self.strategy.work = Some(Work {
                    rules: Arc::clone(rules),
                    offered,
                    successor,
                    source: source.to_owned(),
                });
                Ok(Vec::new())
            }
            Ok(None) => Ok(Vec::new()),
            Err(e) => {
                let why = Rejection::Strategy {
                    what: e.what,
                    help: e.help,
                };
                let hash = rules.hash();
                self.refuse(Rejected { hash, why }, source, received_ns)
            }
        }
    }

    /// Computes values of a strategy that is on its way for at most so many ticks of the past. When it stands where the run
    /// stands it is written down, and takes effect at the next tick.
    ///
    /// # Errors
    /// When the data cannot be read or the journal not be written.
    pub fn work(&mut self, most: usize, received_ns: i64) -> Result<Vec<Happening>, LiveError> {
        if !self.crank.is_changing()
            && let Some((offered, source)) = self.strategy.later.take()
        {
            return self.offer_strategy(Ok(offered), &source, received_ns);
        }
        let Some(work) = &mut self.strategy.work else {
            return Ok(Vec::new());
        };
        if self.crank.work(&mut work.successor, most)? > 0 {
            return Ok(Vec::new());
        }
        let Some(mut work) = self.strategy.work.take() else {
            return Ok(Vec::new());
        };
        let holds = |key: &Arc<str>| work.successor.holds(key);
        if !self.crank.open_keys().iter().all(holds) {
            // Something was opened meanwhile that it does not have.
            return self.offer_strategy(Ok(work.offered), &work.source, received_ns);
        }
        let at = self.now();
        work.offered.swap.at = at;
        let carried = work.successor.carried().clone();
        let resolved = NewRules {
            carry: carried.clone(),
            ..NewRules::clone(&work.rules)
        };
        let changes: Vec<String> = {
            let own = (&**self.crank.own_graph(), self.crank.registry());
            let said = Succession::of(own, (&resolved.graph, &resolved.registry));
            said.differs().map(ToString::to_string).collect()
        };
        let graph = Arc::clone(&resolved.graph);
        let hash = resolved.hash();
        let values = self.moved(&work.offered, &graph);
        let joining = joining(self.crank.registry(), &resolved.registry);
        if let Some(keeper) = &mut self.keeper {
            for loaded in &joining {
                keeper.plugin(loaded, at, received_ns)?;
            }
            let set = &work.offered.swap.set;
            let text = set.canonical_text(&graph.settings.name, &graph.thresholds);
            let words = carried_words(&carried);
            let strategy = (hash.as_str(), work.offered.sources, changes.clone(), words);
            keeper.strategy(
                &work.offered.swap,
                strategy,
                (&values, text),
                (&work.source, received_ns),
            )?;
        }
        self.desk.adopt(&graph.thresholds);
        self.crank.swap_to(work.offered.swap, work.successor)?;
        self.reloads.accepted += 1;
        self.reloads.last_success = Some(true);
        self.reloads.last_error = None;
        let carried = carried.iter().map(|(k, how)| format!("{k} {}", how.word()));
        Ok(vec![Happening::Strategy {
            digest: hash,
            changes,
            values,
            carried: carried.collect(),
        }])
    }

    /// Values that both strategies have and that move with the change.
    fn moved(&self, offered: &Offered, graph: &alula_dsl::graph::Graph) -> Vec<Change> {
        let old = &self.crank.own_graph().thresholds;
        let before = self.crank.next_thresholds().values();
        let mut out = Vec::new();
        for (def, value) in graph.thresholds.iter().zip(offered.swap.set.values()) {
            let was = old.iter().zip(before).find(|(d, _)| d.name == def.name);
            if let Some((was, old)) = was.filter(|(_, old)| old.to_bits() != value.to_bits()) {
                out.push(Change {
                    name: def.name.clone(),
                    before: alula_core::thresholds::value_text(*old, was.suffix),
                    after: alula_core::thresholds::value_text(*value, def.suffix),
                });
            }
        }
        out
    }
}

/// Plugins that a strategy brings along and the one before does not use.
fn joining(before: &Registry, new: &Registry) -> Vec<PluginLoaded> {
    let there: BTreeSet<String> = before
        .plugins()
        .iter()
        .flat_map(|p| p.loaded())
        .map(|(id, _)| id)
        .collect();
    let Some(plugins) = new.plugins() else {
        return Vec::new();
    };
    let loaded = plugins.loaded().into_iter();
    loaded
        .filter(|(id, _)| !there.contains(id))
        .map(|(id, sha256)| {
            let (version, abi) = plugins.about(&id);
            PluginLoaded {
                id,
                version,
                sha256: alula_journal::Hash::parse(&sha256).unwrap_or_default(),
                abi,
            }
        })
        .collect()
}

/// What is carried, as the journal says it: `carry core keep`.
fn carried_words(carried: &BTreeMap<String, Orphans>) -> Vec<String> {
    let all = carried
        .iter()
        .map(|(key, how)| format!("carry {key} {}", how.word()));
    all.collect()
}

/// Reads it back; nothing for other words.
#[must_use]
pub fn carried_word(text: &str) -> Option<(String, Orphans)> {
    let (key, how) = text.strip_prefix("carry ")?.rsplit_once(' ')?;
    Some((key.to_owned(), Orphans::from_word(how)?))
}
