//! What a journal says about its run, and whether a run computed again says the same.

use super::basis;
use crate::exit::{Exit, Failure, failure};
use crate::output::Output;
use crate::project::Project;
use crate::strategy::fit;
use alula_core::succession::Orphans;
use alula_core::thresholds::{ThresholdSet, read};
use alula_dsl::graph::Graph;
use alula_journal::store::RedbStore;
use alula_journal::{Hash, Record, Store, each};
use alula_live::again::{Again, Heard};
use alula_live::feed::Seen;
use alula_live::keeper::died_in;
use alula_live::strategy::carried_word;
use alula_market::time::Instant;
use alula_run::{Act, Course, Crank, Death, Entries, NewRules, OperatorAct, Swap, Turned, Upgrade};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Runs that go on with one another.
pub const RUNS_MAX: usize = 10_000;

/// What a journal says about its run.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Newest run.
    pub run: String,
    /// The one that the first of them began with: a simulated broker's account has its name.
    pub root: String,
    /// Who filled the orders, and its version.
    pub broker: String,
    /// It traded real money.
    pub live: bool,
    /// Sources and settings.
    pub sources: Option<Vec<u8>>,
    /// Changes of thresholds, and of the strategy with them.
    pub swaps: Vec<ToldSwap>,
    /// What operators did.
    pub acts: Vec<OperatorAct>,
    /// Strategies that operators confirmed: the beginning of their hashes.
    pub confirmed: Vec<String>,
    /// What a broker's quotes showed.
    pub seen: Vec<Seen>,
    /// Number, instant, what was quoted.
    pub ticks: Vec<(u64, Instant, Hash)>,
    /// Instant, link, versions of the thresholds and of the strategy.
    pub decisions: Vec<(Instant, Hash, (u64, u64))>,
    /// Builds of plugins as they came in: instant, plugin, hash.
    pub plugins: Vec<(Instant, String, String)>,
    /// Instances of plugins' functions that died.
    pub deaths: Vec<Death>,
    /// Files refused.
    pub rejected: usize,
    /// Why it ended, where it ended in good order.
    pub ended: Option<String>,
    /// What was heard of orders, run by run, where they went to a broker.
    pub heard: Vec<Heard>,
}

/// A change of thresholds as a journal has it, and of the strategy where that changed too.
#[derive(Clone, Debug)]
pub struct ToldSwap {
    /// Counts from this instant on.
    pub at: Instant,
    /// Values as text.
    pub text: Vec<u8>,
    /// Whether entries act at once.
    pub entries: Entries,
    /// Sources of the strategy, and what was carried into it.
    pub strategy: Option<(Vec<u8>, BTreeMap<String, Orphans>)>,
}

impl ToldSwap {
    /// The strategy, compiled from what the journal holds, with the builds of plugins that were in force.
    fn rules(
        &self,
        plugins: (&Path, &BTreeMap<String, String>),
        out: &mut Output,
    ) -> Result<Option<NewRules>, Failure> {
        let Some((sources, carry)) = &self.strategy else {
            return Ok(None);
        };
        let basis = basis::read(sources)?;
        let folder = tempfile::tempdir().map_err(|e| Failure::io("write in", &std::env::temp_dir(), &e))?;
        let project = Project::load(&basis.unpack(folder.path())?)?;
        let terms = |graph: &Graph| {
            let mut graph = graph.clone();
            alula_run::restore(&mut graph.settings, &basis.settings);
            Ok(graph)
        };
        let fit = fit(&project, None, &terms, plugins, out)?.map_err(|unfit| {
            Failure::new(Exit::Data, format!("a strategy in the journal: {}", unfit.what))
                .help("replay it with the program version that wrote it")
        })?;
        Ok(Some(NewRules {
            carry: carry.clone(),
            ..fit.rules
        }))
    }
}

/// The first tick that is not what the journal says.
#[derive(Debug)]
pub struct Differs {
    /// Number.
    pub tick: usize,
    /// Instant.
    pub at: Instant,
    /// What differs.
    pub what: &'static str,
    /// In the journal.
    pub recorded: String,
    /// Now.
    pub computed: String,
}

impl Told {
    /// From a journal and those of the runs that it goes on with.
    ///
    /// # Errors
    /// When one cannot be read or is broken.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let store = RedbStore::view(path).map_err(|e| unreadable(path, &e.to_string()))?;
        Self::of(&store, path)
    }

    /// The same from a store that is open already.
    ///
    /// # Errors
    /// As [`Told::read`].
    pub fn of(store: &dyn Store, path: &Path) -> Result<Self, Failure> {
        let (mut told, mut parent) = one(store, path)?;
        // A run that goes on with another has no sources of its own.
        for _ in 0..RUNS_MAX {
            let (None, Some(name)) = (&told.sources, parent) else {
                return Ok(told);
            };
            let path = path.with_file_name(format!("{name}.redb"));
            let store = RedbStore::view(&path).map_err(|e| unreadable(&path, &e.to_string()))?;
            let before;
            (before, parent) = one(&store, &path)?;
            told = before.then(told);
        }
        Err(unreadable(path, "it goes on with too many others"))
    }

    /// This one's entries, then those of the run that went on with it.
    fn then(mut self, later: Self) -> Self {
        self.run = later.run;
        self.swaps.extend(later.swaps);
        self.acts.extend(later.acts);
        self.confirmed.extend(later.confirmed);
        self.plugins.extend(later.plugins);
        self.deaths.extend(later.deaths);
        // A tick that was not decided any more was begun again.
        self.ticks.truncate(self.decisions.len());
        self.ticks.extend(later.ticks);
        self.decisions.extend(later.decisions);
        self.seen.extend(later.seen);
        self.rejected += later.rejected;
        self.ended = later.ended;
        self.heard.extend(later.heard);
        self
    }

    /// Builds of plugins that the run began with; none where the journal does not say.
    #[must_use]
    pub fn builds(&self) -> Option<BTreeMap<String, String>> {
        let mut builds = BTreeMap::new();
        for (_, id, sha256) in &self.plugins {
            builds.entry(id.clone()).or_insert_with(|| sha256.clone());
        }
        (!builds.is_empty()).then_some(builds)
    }

    /// Other builds of plugins that came in under way wait for their ticks again.
    ///
    /// # Errors
    /// When one is gone, or is not what the strategy declares.
    pub fn upgrades(&self, crank: &mut Crank<'_>, strategy: &Path) -> Result<(), Failure> {
        let mut builds = BTreeMap::new();
        for (at, id, sha256) in &self.plugins {
            if builds.insert(id.clone(), sha256.clone()).is_none() {
                continue;
            }
            // As of then: a strategy may have changed before, and other builds may come later.
            let (graph, registry) = crank.rules_at(*at);
            let host = crate::plugins::at(&graph, &self.builds_at(*at), strategy)?;
            let upgrade = Upgrade {
                at: *at,
                plugin: id.clone(),
                sha256: sha256.clone(),
                registry: registry.and_plugins(host),
            };
            crank.upgrade(upgrade, None);
        }
        Ok(())
    }

    /// Builds of plugins in force at an instant, or on their way to it.
    fn builds_at(&self, at: Instant) -> BTreeMap<String, String> {
        let so_far = self.plugins.iter().filter(|(since, _, _)| *since <= at);
        so_far
            .map(|(_, id, sha256)| (id.clone(), sha256.clone()))
            .collect()
    }

    /// What is to happen to the run when it is computed again; `settings` are those that it recorded, `strategy` is the file beside which
    /// `plugins.lock` is looked for.
    ///
    /// # Errors
    /// When values do not fit the strategy.
    pub fn course(
        &self,
        graph: &Graph,
        settings: &BTreeMap<String, String>,
        strategy: &Path,
        out: &mut Output,
    ) -> Result<Course, Failure> {
        let set = |text: &[u8], graph: &Graph| -> Result<ThresholdSet, Failure> {
            read(text, &graph.settings.name, &graph.thresholds).map_err(|found| {
                let all: Vec<String> = found.iter().map(ToString::to_string).collect();
                Failure::new(
                    Exit::Data,
                    format!("thresholds in the journal: {}", all.join("; ")),
                )
            })
        };
        let mut newest: Option<Arc<NewRules>> = None;
        let mut swaps = Vec::with_capacity(self.swaps.len());
        for told in &self.swaps {
            let builds = self.builds_at(told.at);
            let rules = told.rules((strategy, &builds), out)?.map(Arc::new);
            newest = rules.clone().or(newest);
            swaps.push(Swap {
                at: told.at,
                set: set(&told.text, newest.as_ref().map_or(graph, |r| &r.graph))?,
                file: None,
                entries: told.entries,
                rules,
            });
        }
        Ok(Course {
            swaps,
            acts: self.acts.clone(),
            until: None,
            rails: super::rails::recorded(settings)?,
            deaths: self.deaths.clone(),
        })
    }

    /// The orders of the run as it is computed again, where they went to a broker. The crank asks them from here on.
    ///
    /// # Errors
    /// When the run cannot have its orders filled outside.
    pub fn again(&mut self, crank: &mut Crank<'_>) -> Result<Option<Again>, Failure> {
        if self.heard.is_empty() {
            return Ok(None);
        }
        crank.fill_outside(&self.broker).map_err(|e| failure(&e))?;
        let name = crank.plan().graph().settings.name.clone();
        Ok(Some(Again::new(&name, std::mem::take(&mut self.heard))))
    }

    /// Turns the crank for as many ticks as the journal has decisions of, and as many snapshots without one.
    pub fn compare(
        &self,
        crank: &mut Crank<'_>,
        again: Option<&mut Again>,
    ) -> Result<Option<Differs>, Failure> {
        let mut turning = Turning { crank, again };
        let differs = self.compared(&mut turning)?;
        if differs.is_none() {
            // Snapshots between the newest decision and the end.
            while turning.again.as_ref().is_some_and(|a| a.goes_on()) {
                if turning.turn()?.is_none() {
                    break;
                }
            }
        }
        Ok(differs)
    }

    /// Instances that died while the run was computed again and are no deaths of the journal's: an input that the run did not have.
    #[must_use]
    pub fn other_deaths(&self, crank: &Crank<'_>) -> Vec<Death> {
        let deaths = crank.output().manifest.deaths.iter();
        let known = |d: &&Death| self.deaths.iter().any(|k| k.is_of(d));
        deaths.filter(|d| !known(d)).cloned().collect()
    }

    /// Turns the crank for as many ticks as the journal has decisions of, whatever it decides.
    pub fn turn_all(&self, crank: &mut Crank<'_>, again: Option<&mut Again>) -> Result<(), Failure> {
        let mut turning = Turning { crank, again };
        while turning.crank.output().ticks.len() < self.decisions.len() {
            if turning.turn()?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn compared(&self, turning: &mut Turning<'_, '_>) -> Result<Option<Differs>, Failure> {
        for (tick, (at, link, version)) in self.decisions.iter().enumerate() {
            let snapshot = self.ticks.get(tick).map(|t| t.2);
            let row = loop {
                if let Some((_, now, seen)) = turning.crank.peek().map_err(|e| failure(&e))?
                    && now == *at
                    && snapshot != Some(Hash(seen))
                {
                    return Ok(Some(Differs {
                        tick,
                        at: *at,
                        what: "what was quoted",
                        recorded: snapshot.map_or_else(String::new, |h| h.to_string()),
                        computed: Hash(seen).to_string(),
                    }));
                }
                match turning.turn()? {
                    None => break None,
                    Some(turned) if turned.tick.is_some() => {
                        break turning.crank.output().ticks.last().cloned();
                    }
                    Some(_) => {}
                }
            };
            let crank = &*turning.crank;
            let differs = |what, recorded: String, computed: String| {
                Ok(Some(Differs {
                    tick,
                    at: *at,
                    what,
                    recorded,
                    computed,
                }))
            };
            let Some(row) = row else {
                return differs("the tick", at.to_string(), "the feed ended before it".to_owned());
            };
            if row.at != *at {
                return differs("the tick", at.to_string(), row.at.to_string());
            }
            if u64::from(crank.version()) != version.0 {
                return differs(
                    "the version of the thresholds",
                    version.0.to_string(),
                    crank.version().to_string(),
                );
            }
            if u64::from(crank.rules_version()) != version.1 {
                return differs(
                    "the version of the strategy",
                    version.1.to_string(),
                    crank.rules_version().to_string(),
                );
            }
            if row.chain != link.to_string() {
                return differs("the link", link.to_string(), row.chain);
            }
            if let Some(d) = turning.again.as_ref().and_then(|a| a.differs()) {
                return differs("an order", d.recorded.clone(), d.computed.clone());
            }
        }
        Ok(None)
    }
}

/// The crank, and who says what came of the orders.
struct Turning<'t, 'a> {
    crank: &'t mut Crank<'a>,
    again: Option<&'t mut Again>,
}

impl Turning<'_, '_> {
    fn turn(&mut self) -> Result<Option<Turned>, Failure> {
        let Some(again) = &mut self.again else {
            return self.crank.turn().map_err(|e| failure(&e));
        };
        let at = self.crank.next();
        let turned = self.crank.turn_with(*again).map_err(|e| failure(&e))?;
        if let (Some(at), Some(turned)) = (at, &turned) {
            let version = turned.tick.map(|_| self.crank.version());
            again.left(self.crank.book(), at, version).map_err(|e| {
                Failure::new(Exit::Stopped, e.to_string())
                    .help("look at the journal with `alula journal verify` and `alula journal show`")
            })?;
        }
        Ok(turned)
    }
}

fn unreadable(path: &Path, why: &str) -> Failure {
    Failure::usage(format!("cannot read the journal `{}`: {why}", path.display()))
        .help("name the `.redb` file of a run that has ended, as `alula run --state` wrote it")
}

/// One journal, and the run that it may go on with.
fn one(store: &dyn Store, path: &Path) -> Result<(Told, Option<String>), Failure> {
    let mut told = Told::default();
    let mut strange = None;
    let mut heard: Option<Heard> = None;
    let mut strategy = None;
    let verdict = each(store, |entry, record| {
        // The first entry of a run whose orders go to a broker.
        if let Some(Record::Carried(_)) = record {
            heard.get_or_insert_default();
        }
        if let (Some(heard), Some(record)) = (&mut heard, record)
            && Heard::wants(record)
        {
            heard.records.push((entry.seq, record.clone()));
        }
        let at = Instant(entry.engine_ns.div_euclid(1_000_000_000));
        match record {
            Some(Record::RunStarted(r)) => {
                told.run.clone_from(&r.run);
                told.root.clone_from(&r.run);
                told.broker.clone_from(&r.broker);
                told.live = r.mode == "live";
            }
            Some(Record::StrategySwapped(r)) if r.version == 1 => told.sources = Some(r.sources.0.clone()),
            Some(Record::ThresholdsApplied(r)) if r.version > 1 => {
                let entries = if r.source.ends_with("entries evaluate") {
                    Entries::Evaluate
                } else {
                    Entries::Wait
                };
                told.swaps.push(ToldSwap {
                    at,
                    text: r.canonical.0.clone(),
                    entries,
                    strategy: strategy.take(),
                });
            }
            // Its values come next, in the same commit.
            Some(Record::StrategySwapped(r)) => {
                let carried = r.dropped.iter().filter_map(|w| carried_word(w));
                strategy = Some((r.sources.0.clone(), carried.collect()));
            }
            Some(Record::PluginLoaded(r)) => told.plugins.push((at, r.id.clone(), r.sha256.to_string())),
            Some(Record::PluginDied(r)) => told.deaths.push(died_in(r)),
            Some(Record::ThresholdsRejected(_)) => told.rejected += 1,
            Some(Record::Operator(r)) if r.command == "confirm" => {
                told.confirmed.extend(r.arguments.first().cloned());
            }
            Some(Record::Operator(r)) => told.acts.extend(Act::parse(&r.command).map(|act| OperatorAct {
                at,
                act,
                who: r.arguments.get(1).cloned().unwrap_or_default(),
                why: r.arguments.first().cloned().unwrap_or_default(),
            })),
            Some(Record::Seen(r)) => match alula_live::feed::seen_in(r) {
                Ok(seen) => told.seen.push(seen),
                Err(why) => strange = Some(why.to_string()),
            },
            Some(Record::Tick(r)) => told.ticks.push((r.number, Instant(r.at_s), r.snapshot)),
            Some(Record::Decision(r)) => {
                let versions = (r.thresholds, r.strategy);
                told.decisions.push((Instant(r.at_s), r.link, versions));
            }
            Some(Record::RunEnded(r)) => told.ended = Some(r.why.clone()),
            _ => {}
        }
        Ok(())
    })
    .map_err(|e| unreadable(path, &e.to_string()))?;
    if let Some(why) = strange {
        return Err(unreadable(path, &why));
    }
    if let Some(broken) = verdict.broken {
        return Err(Failure::new(
            Exit::Data,
            format!("the journal `{}` is broken: {broken}", path.display()),
        )
        .help("what stands before the break is sound; nothing after it may be believed"));
    }
    if let Some((seq, why)) = verdict.unreadable {
        return Err(
            Failure::new(Exit::Data, format!("entry {seq} cannot be read: {why}"))
                .help("replay it with the program version that wrote it"),
        );
    }
    if let Some(mut heard) = heard {
        heard.epoch = verdict.manifest.epoch;
        told.heard.push(heard);
    }
    Ok((told, verdict.manifest.parent))
}
