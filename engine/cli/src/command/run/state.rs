//! The journal of a run: one folder for each strategy, one run at a time.

use super::basis;
use super::quotes::Quotes;
use super::told::Told;
use crate::args::{BrokerArg, RunArgs};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::project::Linked;
use alula_core::thresholds::{ThresholdSet, read};
use alula_journal::folder::Predecessor;
use alula_journal::{Folder, FolderError, Hash, Limits, Manifest};
use alula_journal::{Journal, Stamp, wire};
use alula_live::NEVER_BEGAN;
use alula_live::again::Again;
use alula_live::keeper::{Basis, Keeper};
use alula_live::order::{DeskError, OrderDesk, Orders};
use alula_live::rails::{RailLimits, Rails};
use alula_live::recovery;
use alula_market::time::Instant;
use alula_run::{Act, Crank, HaltLevel};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The simulated broker as the journal names it: plugin and broker.
pub const PAPER: &str = "paper/paper";
/// Seconds from 1970 to 2020, where epochs begin.
const EPOCH: i64 = 1_577_836_800;

/// The machine's clock, ns since 1970.
pub fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
}

/// The locked state folder of a strategy, and the run before.
pub struct State {
    /// Folder.
    pub folder: Folder,
    before: Option<Predecessor>,
}

/// A run that is gone on with.
pub struct Resumed {
    /// What its journals say.
    pub told: Told,
    /// What it is made of.
    pub basis: basis::Basis,
}

/// Opens the state folder of a strategy and locks it.
///
/// # Errors
/// When another process runs the strategy there, or the journal of the run before is broken.
pub fn open(state: &Path, strategy: &str) -> Result<State, Failure> {
    let folder = Folder::open(&state.join(strategy)).map_err(|e| refused(&e))?;
    let before = folder.predecessor(now_ns()).map_err(|e| refused(&e))?;
    Ok(State { folder, before })
}

impl State {
    /// Everything was taken from the run before that there was to take: others may read its journal again.
    pub fn let_go(&mut self) {
        self.before = None;
    }

    /// The run before, to be gone on with; none where there is nothing.
    ///
    /// # Errors
    /// When its journals do not say what it was made of.
    pub fn resume(&self) -> Result<Option<Resumed>, Failure> {
        let Some(before) = &self.before else {
            return Ok(None);
        };
        let told = Told::of(&before.store, &before.path)?;
        // Nothing rests on one that could not begin, and what kept it from beginning may be mended by now.
        let never = |why: &str| why.starts_with(NEVER_BEGAN);
        if told.decisions.is_empty() && told.ended.as_deref().is_some_and(never) {
            return Ok(None);
        }
        let basis = basis::read(told.sources.as_deref().unwrap_or_default())?;
        Ok(Some(Resumed { told, basis }))
    }

    /// What the run before was halted by when it ended: how much, by whom and why.
    ///
    /// # Errors
    /// When its journals cannot be read.
    pub fn halted(&self) -> Result<Option<(HaltLevel, String, String)>, Failure> {
        let Some(before) = &self.before else {
            return Ok(None);
        };
        let told = Told::of(&before.store, &before.path)?;
        Ok(told.acts.into_iter().fold(None, |was, act| match act.act {
            Act::Halt(level) => {
                let why = act.why.trim_start_matches("carried over: ").to_owned();
                Some((level, act.who, why))
            }
            Act::Resume => None,
            Act::Add { .. } | Act::Drop(_) | Act::Repair { .. } => was,
        }))
    }

    /// The newest values that the journals hold, as a file.
    ///
    /// # Errors
    /// As [`State::resume`].
    pub fn last_good(&self) -> Result<Option<Vec<u8>>, Failure> {
        let Some(before) = &self.before else {
            return Ok(None);
        };
        let told = Told::of(&before.store, &before.path)?;
        let basis = basis::read(told.sources.as_deref().unwrap_or_default())?;
        let newest = told.swaps.last().map(|s| s.text.clone());
        let began = || {
            let name = basis.thresholds.as_ref()?;
            basis.files.get(name).map(|text| text.clone().into_bytes())
        };
        Ok(newest.or_else(began))
    }

    /// Begins the journal of a run, anew or going on with the one before, whose orders are then carried over where they are at
    /// a broker.
    ///
    /// # Errors
    /// When nothing can be written.
    pub fn begin(
        &self,
        args: &RunArgs,
        (linked, crank): (&Linked<'_>, &Crank<'_>),
        (resumed, orders, quotes): (Option<&Resumed>, Option<&Orders>, Option<&Quotes>),
        out: &mut Output,
    ) -> Result<Keeper, Failure> {
        let m = crank.manifest();
        let now = now_ns();
        if let (Some(before), None) = (self.before.as_ref().filter(|b| b.crashed), resumed) {
            out.warn(&format!(
                "the run before, `{}`, died after {} entries; its journal is whole, and this run begins anew (`--resume` goes \
                 on with it)",
                before.verdict.manifest.run, before.verdict.entries
            ));
        }
        let seconds = now.div_euclid(1_000_000_000);
        let epoch = u32::try_from(seconds.saturating_sub(EPOCH)).unwrap_or(u32::MAX);
        let name = self.run_name(now);
        let safe_mode = match resumed {
            Some(_) if args.broker != BrokerArg::Internal => self.safe_mode(now, args.restarts)?,
            _ => None,
        };
        if let Some(why) = &safe_mode {
            out.warn(&format!(
                "SAFE MODE: {why}; nothing new is opened, exits go on; `alula ctl resume` ends it once you know why the run \
                 died"
            ));
        }
        let hash = |name: &str| {
            m.hashes
                .get(name)
                .and_then(|h| Hash::parse(h))
                .unwrap_or_default()
        };
        let manifest = Manifest {
            mode: "paper".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            binary: binary(),
            config: hash("threshold values"),
            rules: hash("rules"),
            seed: args.seed.unwrap_or_default(),
            ..Manifest::new(&name, epoch, now)
        };
        let rules = manifest.rules.0;
        let journal = self
            .folder
            .create(manifest, self.before.as_ref(), Limits::default())
            .map_err(|e| refused(&e))?;
        let basis = Basis {
            sources: basis::write(
                linked,
                m,
                (args.seed, args.years),
                (&args.broker_set, args.what_if.map(|w| w.advice().word())),
                quotes.map(Quotes::recorded),
            ),
            rules,
            mode: if args.live { "live" } else { "paper" }.to_owned(),
            broker: match args.broker {
                BrokerArg::Internal => format!("internal {}", env!("CARGO_PKG_VERSION")),
                BrokerArg::Paper => PAPER.to_owned(),
                BrokerArg::Ibkr => "ibkr".to_owned(),
            },
            feed: m.data_label.clone(),
            safe_mode: safe_mode.clone(),
        };
        let set = crank.next_thresholds();
        let keeper = match resumed {
            Some(resumed) => {
                let versions = u64::try_from(resumed.told.swaps.len()).unwrap_or(u64::MAX);
                let strategies = u64::from(crank.rules_version());
                let in_force = (set, versions.saturating_add(1), strategies);
                match orders {
                    Some(orders) => {
                        let newest = crank.done().checked_sub(1);
                        let newest = newest.and_then(|i| crank.instants().get(i).copied());
                        let carried = orders.carry(newest.unwrap_or(Instant(0)));
                        let strategy = &crank.plan().graph().settings.name;
                        let desk = desk((journal, args.broker), strategy, carried, safe_mode, now)?;
                        Keeper::resume(desk, &basis, in_force, now)
                    }
                    None => Keeper::resume(journal, &basis, in_force, now),
                }
            }
            None => {
                let graph = crank.plan().graph();
                let text = set.canonical_text(&graph.settings.name, &graph.thresholds);
                if args.broker != BrokerArg::Internal {
                    let desk = desk(
                        (journal, args.broker),
                        &graph.settings.name,
                        nothing(&text),
                        None,
                        now,
                    )?;
                    Keeper::begin(desk, &basis, (set, text), now)
                } else {
                    Keeper::begin(journal, &basis, (set, text), now)
                }
            }
        };
        let path = self.folder.path().join(format!("{name}.redb"));
        out.note(&format!("journal  {}", path.display()));
        keeper.map_err(|e| broken(&e))
    }

    /// Why only exits and hedges may pass.
    fn safe_mode(&self, now: i64, most: usize) -> Result<Option<String>, Failure> {
        let second = 1_000_000_000;
        let since = now.saturating_sub(recovery::WINDOW_S.saturating_mul(second));
        let deaths = self.folder.deaths(since).map_err(|e| refused(&e))?;
        // The newest is open here, and nobody else can look into it.
        let newest = self.before.as_ref().filter(|b| b.crashed);
        let newest = newest.map(|b| b.verdict.manifest.started_ns);
        let deaths = deaths.into_iter().chain(newest.filter(|ns| *ns >= since));
        let deaths: BTreeSet<i64> = deaths.collect();
        let mut starts: Vec<i64> = deaths.iter().map(|ns| ns.div_euclid(second)).collect();
        let now = now.div_euclid(second);
        starts.push(now);
        Ok(recovery::safe_mode(&starts, Instant(now), most))
    }

    /// A name by the time; where the machine's clock has gone back, one behind that of the newest run.
    fn run_name(&self, now_ns: i64) -> String {
        let name = run_name(now_ns);
        let newest = self.before.as_ref().map(|b| {
            let own = &b.verdict.manifest.run;
            b.stillborn.first().unwrap_or(own)
        });
        match newest {
            Some(newest) if name <= *newest => {
                let time = chrono::NaiveDateTime::parse_from_str(newest, "%Y%m%dT%H%M%S%3f");
                let later = time.ok().and_then(|t| {
                    let ns = t.and_utc().timestamp_nanos_opt()?;
                    Some(run_name(ns.checked_add(1_000_000)?))
                });
                later.unwrap_or_else(|| format!("{newest}x"))
            }
            _ => name,
        }
    }
}

/// What a run carries over that begins with a new account.
fn nothing(text: &str) -> wire::Carried {
    wire::Carried {
        positions: Vec::new(),
        orders: Vec::new(),
        fills: Vec::new(),
        halt: String::new(),
        halt_why: String::new(),
        thresholds: wire::Blob(text.as_bytes().to_vec()),
        thresholds_version: 1,
    }
}

/// The desk of a run that sends its orders to a simulated broker.
fn desk(
    (journal, broker): (Journal, BrokerArg),
    strategy: &str,
    carried: wire::Carried,
    safe_mode: Option<String>,
    now: i64,
) -> Result<OrderDesk, Failure> {
    let mut limits = RailLimits::default();
    if broker != BrokerArg::Ibkr {
        // No trade of a simulated broker is on its way once an order has ended.
        limits.settle_s = 0;
    }
    let mut rails = Rails::new(limits);
    rails.safe_mode = safe_mode;
    let stamp = Stamp {
        engine_ns: now,
        received_ns: now,
    };
    OrderDesk::begin(journal, strategy, rails, carried, stamp).map_err(|e| match e {
        DeskError::Journal(e) => broken(&e),
        other => Failure::new(Exit::Stopped, other.to_string()),
    })
}

/// What a run that is gone on with began with, in a folder that goes away with this.
pub struct Began {
    /// Strategy file.
    pub strategy: PathBuf,
    /// Thresholds file, if there was one.
    pub thresholds: Option<PathBuf>,
    _folder: tempfile::TempDir,
}

impl Resumed {
    /// Writes down what the run began with.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn unpack(&self) -> Result<Began, Failure> {
        let folder = tempfile::tempdir().map_err(|e| Failure::io("write in", &std::env::temp_dir(), &e))?;
        let strategy = self.basis.unpack(folder.path())?;
        let thresholds = self.basis.thresholds.as_ref();
        Ok(Began {
            strategy,
            thresholds: thresholds.map(|name| folder.path().join(name)),
            _folder: folder,
        })
    }

    /// Puts the strategy back to what the run began with.
    ///
    /// # Errors
    /// When its journal does not give it again.
    pub fn restore(&self, linked: &mut Linked<'_>) -> Result<(), Failure> {
        let now = linked.inputs.sources.iter().chain(&linked.inputs.scripts);
        let same = |(name, bytes): &(String, Vec<u8>)| {
            self.basis
                .files
                .get(name)
                .is_some_and(|text| text.as_bytes() == bytes)
        };
        let thresholds = self.basis.thresholds.as_ref();
        let others = self.basis.files.len() - usize::from(thresholds.is_some());
        if now.clone().count() != others || !now.clone().all(same) {
            return Err(Failure::new(
                Exit::Findings,
                "the journal does not give the strategy again that the run began with",
            )
            .help("go on with the program version that it was written with"));
        }
        let (settings, defs) = (&linked.graph.settings, &linked.graph.thresholds);
        let file = thresholds
            .and_then(|name| Some((name.clone(), self.basis.files.get(name)?.clone().into_bytes())));
        linked.thresholds = match &file {
            None => ThresholdSet::defaults(defs),
            Some((_, bytes)) => read(bytes, &settings.name, defs).map_err(|found| {
                let all: Vec<String> = found.iter().map(ToString::to_string).collect();
                Failure::new(
                    Exit::Data,
                    format!("thresholds in the journal: {}", all.join("; ")),
                )
            })?,
        };
        linked.inputs.thresholds = file;
        Ok(())
    }

    /// Does what the run did so far, and compares every link.
    ///
    /// # Errors
    /// When a link differs: this program does not go on with work that it would have done otherwise.
    pub fn catch_up(
        &self,
        crank: &mut Crank<'_>,
        again: Option<&mut Again>,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let differs = self.told.compare(crank, again)?;
        let others = self.told.other_deaths(crank);
        if let (Some(d), Some(death)) = (&differs, others.first()) {
            return Err(Failure::new(
                Exit::Stopped,
                format!(
                    "an indicator died while the run was computed again, and it had not died in the run: {death}; from tick {} on, {}, \
                     nothing is the same",
                    d.tick, d.at
                ),
            )
            .help("try again with `--resume`: the journal is as it was; a longer deadline leaves a busy machine more time (`alula plugin trust FILE --deadline S`)"));
        }
        for death in &others {
            out.warn(&format!(
                "an indicator died while the run was computed again, and it had not died in the run: {death}; every decision so far is \
                 the same"
            ));
        }
        if let Some(d) = differs {
            return Err(Failure::new(
                Exit::Stopped,
                format!(
                    "the journal does not give the same again: {} differs at tick {}, {}",
                    d.what, d.tick, d.at
                ),
            )
            .help("go on with the program version and the data that it was written with"));
        }
        out.note(&format!(
            "resumed  run {} after {} ticks, every link as it was",
            self.told.run,
            self.told.decisions.len()
        ));
        Ok(())
    }
}

/// Names sort by time: `20261121T101503123`.
fn run_name(now_ns: i64) -> String {
    let time = chrono::DateTime::from_timestamp_nanos(now_ns);
    time.format("%Y%m%dT%H%M%S%3f").to_string()
}

/// Hash of this program's file; zeros where it cannot be read.
fn binary() -> Hash {
    let bytes = std::env::current_exe().and_then(std::fs::read);
    let hash = bytes.map(|b| alula_market::digest::sha256(&b));
    hash.ok().and_then(|h| Hash::parse(&h)).unwrap_or_default()
}

fn refused(error: &FolderError) -> Failure {
    let help = match error {
        FolderError::Locked(_) => "end the other run, or name another `--state`",
        FolderError::Quarantined { .. } => {
            "look at it with `alula journal verify`; move the file away to begin anew"
        }
        _ => "check the path, the space and the permissions",
    };
    Failure::usage(error.to_string()).help(help)
}

/// A journal that takes nothing more stops the run.
pub fn broken(error: &alula_journal::JournalError) -> Failure {
    Failure::new(Exit::Stopped, error.to_string())
        .help("nothing was done that the journal does not hold; check the disk")
}
