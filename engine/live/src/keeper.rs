//! What a run writes down: every input before it is applied, every decision before anything leaves the process.
//!
//! The journal alone is enough to compute the run again: its first entries hold the strategy with its files and settings, the
//! ticks name what they saw by its hash, and changes of thresholds and words of operators stand between the ticks that they
//! came between.

use crate::feed::Seen;
use crate::order::{DeskError, OrderDesk};
use crate::swap::{Accepted, Rejected};
use crate::upgrade::UpgradeAsked;
use alula_core::thresholds::ThresholdSet;
use alula_journal::wire::{self, Blob, Change};
use alula_journal::{Hash, Journal, JournalError, Record, Stamp};
use alula_market::time::Instant;
use alula_run::output::{DecisionRow, TickRow};
use alula_run::{Death, Entries, OperatorAct, Swap};

/// What a run is made of, for its first entries.
#[derive(Clone, Debug)]
pub struct Basis {
    /// Sources and settings, in whatever layout the reader of the journal knows.
    pub sources: Vec<u8>,
    /// SHA-256 of the strategy.
    pub rules: [u8; 32],
    /// `paper`.
    pub mode: String,
    /// Broker and its version.
    pub broker: String,
    /// Feed.
    pub feed: String,
    /// Why only exits and hedges are let through; `None` in ordinary work.
    pub safe_mode: Option<String>,
}

/// What a run writes with: its journal, or the desk that holds it where orders are sent.
#[derive(Debug)]
pub enum Pen {
    /// Nothing is sent.
    Journal(Box<Journal>),
    /// Orders are sent.
    Desk(Box<OrderDesk>),
}

impl From<Journal> for Pen {
    fn from(journal: Journal) -> Self {
        Self::Journal(Box::new(journal))
    }
}

impl From<OrderDesk> for Pen {
    fn from(desk: OrderDesk) -> Self {
        Self::Desk(Box::new(desk))
    }
}

/// An entry that the desk cannot read is one that cannot be written.
fn journal_error(error: DeskError) -> JournalError {
    match error {
        DeskError::Journal(error) => error,
        other => JournalError::Payload(other.to_string()),
    }
}

impl Pen {
    fn append(&mut self, stamp: Stamp, cause: u64, record: &Record) -> Result<u64, JournalError> {
        match self {
            Self::Journal(journal) => journal.append(stamp, cause, record),
            Self::Desk(desk) => {
                let (seq, _) = desk.record(stamp, cause, record).map_err(journal_error)?;
                Ok(seq)
            }
        }
    }

    fn commit(&mut self) -> Result<u64, JournalError> {
        match self {
            Self::Journal(journal) => journal.commit(),
            Self::Desk(desk) => desk.commit(),
        }
    }

    const fn journal(&self) -> &Journal {
        match self {
            Self::Journal(journal) => journal,
            Self::Desk(desk) => desk.journal(),
        }
    }
}

/// Writes the journal of one run.
#[derive(Debug)]
pub struct Keeper {
    journal: Pen,
    feed: String,
    versions: u64,
    strategies: u64,
    /// Hash of the strategy in force.
    rules: Hash,
    /// Hash of the thresholds in force.
    in_force: Hash,
    /// Entry of the tick at hand.
    tick: u64,
}

/// Time by which the run decides and time of the machine.
pub(crate) fn stamp(at: Instant, received_ns: i64) -> Stamp {
    Stamp {
        engine_ns: at.0.saturating_mul(1_000_000_000),
        received_ns,
    }
}

fn changed(c: &alula_core::thresholds::Change) -> Change {
    Change {
        field: c.name.clone(),
        before: c.before.clone(),
        after: c.after.clone(),
    }
}

/// A death as a journal has it.
#[must_use]
pub fn died_in(died: &wire::PluginDied) -> Death {
    Death {
        generation: u32::try_from(died.generation).unwrap_or(u32::MAX),
        plugin: died.id.clone(),
        function: died.function.clone(),
        node: died.node.clone(),
        text: died.text.clone(),
        row: died.row,
        at: Instant(died.at_s),
        why: died.why.clone(),
        recorded: true,
    }
}

/// How the journal says what entries do.
const fn waits(swap: &Swap) -> &'static str {
    match swap.entries {
        Entries::Wait => "",
        Entries::Evaluate => ", entries evaluate",
    }
}

fn started(journal: &Journal, basis: &Basis) -> wire::RunStarted {
    let manifest = journal.manifest();
    wire::RunStarted {
        run: manifest.run.clone(),
        parent: manifest.parent.clone(),
        parent_head: manifest.parent_head,
        mode: basis.mode.clone(),
        broker: basis.broker.clone(),
        safe_mode: basis.safe_mode.clone(),
    }
}

impl Keeper {
    /// Writes the first entries: the run, its strategy and the values that it begins with. They are on disk when this returns.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn begin(
        journal: impl Into<Pen>,
        basis: &Basis,
        thresholds: (&ThresholdSet, String),
        received_ns: i64,
    ) -> Result<Self, JournalError> {
        let mut journal = journal.into();
        let now = Stamp {
            engine_ns: received_ns,
            received_ns,
        };
        let start = journal.append(now, 0, &started(journal.journal(), basis).into())?;
        let strategy = wire::StrategySwapped {
            version: 1,
            sha256: Hash(basis.rules),
            previous: Hash::default(),
            sources: Blob(basis.sources.clone()),
            dropped: Vec::new(),
        };
        journal.append(now, start, &strategy.into())?;
        let (set, text) = thresholds;
        let in_force = Hash(*set.hash());
        let applied = wire::ThresholdsApplied {
            version: 1,
            sha256: in_force,
            previous: Hash::default(),
            canonical: Blob(text.into_bytes()),
            changes: Vec::new(),
            source: "start".to_owned(),
            uid: None,
            modified_ns: 0,
        };
        journal.append(now, start, &applied.into())?;
        journal.commit()?;
        Ok(Self {
            journal,
            feed: basis.feed.clone(),
            versions: 1,
            strategies: 1,
            rules: Hash(basis.rules),
            in_force,
            tick: start,
        })
    }

    /// Writes the first entry of a run that goes on with the one before; `thresholds` are those in force and their version. It
    /// is on disk when this returns.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn resume(
        journal: impl Into<Pen>,
        basis: &Basis,
        (set, versions, strategies): (&ThresholdSet, u64, u64),
        received_ns: i64,
    ) -> Result<Self, JournalError> {
        let now = Stamp {
            engine_ns: received_ns,
            received_ns,
        };
        let mut journal = journal.into();
        let start = journal.append(now, 0, &started(journal.journal(), basis).into())?;
        journal.commit()?;
        Ok(Self {
            journal,
            feed: basis.feed.clone(),
            versions,
            strategies,
            rules: Hash(basis.rules),
            in_force: Hash(*set.hash()),
            tick: start,
        })
    }

    fn write(
        &mut self,
        at: Instant,
        received_ns: i64,
        cause: u64,
        record: Record,
    ) -> Result<u64, JournalError> {
        self.journal.append(stamp(at, received_ns), cause, &record)
    }

    /// A tick that is about to be decided, with a hash of all that was quoted there.
    ///
    /// # Errors
    /// When the journal takes nothing more.
    pub fn tick(
        &mut self,
        (number, at, snapshot): (u32, Instant, [u8; 32]),
        received_ns: i64,
    ) -> Result<(), JournalError> {
        let tick = wire::Tick {
            at_s: at.0,
            source: self.feed.clone(),
            number: u64::from(number),
            snapshot: Hash(snapshot),
            levels: Vec::new(),
            quotes: Vec::new(),
            rest: Blob::default(),
        };
        self.tick = self.write(at, received_ns, 0, tick.into())?;
        Ok(())
    }

    /// What a live feed had told by an instant at which the run looks.
    ///
    /// # Errors
    /// When the journal takes nothing more.
    pub fn seen(&mut self, seen: &Seen, received_ns: i64) -> Result<(), JournalError> {
        let record = crate::feed::seen_out(seen, &self.feed);
        self.write(seen.at, received_ns, 0, record.into()).map(|_| ())
    }

    /// What was decided at the tick at hand; on disk when this returns.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn decision(
        &mut self,
        tick: &TickRow,
        rows: &[DecisionRow],
        (version, rules): (u32, u32),
        received_ns: i64,
    ) -> Result<(), JournalError> {
        let words = rows.iter().filter(|d| d.tick == tick.tick);
        let words: Vec<String> = words
            .map(|d| format!("{} {}: {}", d.key, d.verdict, d.detail))
            .collect();
        let decision = wire::Decision {
            at_s: tick.at.0,
            outcome: Hash::of(words.join("\n").as_bytes()),
            link: Hash::parse(&tick.chain).unwrap_or_default(),
            thresholds: u64::from(version),
            strategy: u64::from(rules),
            words,
        };
        let cause = self.tick;
        self.write(tick.at, received_ns, cause, decision.into())?;
        self.journal.commit().map(|_| ())
    }

    /// A thresholds file that is about to be put into force; on disk when this returns.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn applied(
        &mut self,
        accepted: &Accepted,
        text: String,
        source: &str,
        received_ns: i64,
    ) -> Result<(), JournalError> {
        let swap = &accepted.swap;
        let record = self.in_force_now(swap, &accepted.changes, (text, source));
        self.write(swap.at, received_ns, 0, record.into())?;
        self.journal.commit().map(|_| ())
    }

    /// The entry of values that come into force, which are those in force from now on.
    fn in_force_now(
        &mut self,
        swap: &Swap,
        changes: &[alula_core::thresholds::Change],
        (canonical, source): (String, &str),
    ) -> wire::ThresholdsApplied {
        let previous = std::mem::replace(&mut self.in_force, Hash(*swap.set.hash()));
        self.versions += 1;
        wire::ThresholdsApplied {
            version: self.versions,
            sha256: self.in_force,
            previous,
            canonical: Blob(canonical.into_bytes()),
            changes: changes.iter().map(changed).collect(),
            source: format!("{source}{}", waits(swap)),
            uid: None,
            modified_ns: 0,
        }
    }

    /// Another strategy that is about to be put into force, with the values that come with it; on disk when this returns. The two
    /// entries stand in one commit: neither is there without the other.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn strategy(
        &mut self,
        swap: &Swap,
        (hash, sources, changes, carried): (&str, Vec<u8>, Vec<String>, Vec<String>),
        (values, text): (&[alula_core::thresholds::Change], String),
        (source, received_ns): (&str, i64),
    ) -> Result<(), JournalError> {
        self.strategies += 1;
        let hash = Hash::parse(hash).unwrap_or_default();
        let record = wire::StrategySwapped {
            version: self.strategies,
            sha256: hash,
            previous: std::mem::replace(&mut self.rules, hash),
            sources: Blob(sources),
            dropped: carried.into_iter().chain(changes).collect(),
        };
        let cause = self.write(swap.at, received_ns, 0, record.into())?;
        let record = self.in_force_now(swap, values, (text, &format!("strategy, {source}")));
        self.write(swap.at, received_ns, cause, record.into())?;
        self.journal.commit().map(|_| ())
    }

    /// Words of an operator that are no act of the run; on disk when this returns.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn said(
        &mut self,
        at: Option<Instant>,
        uid: Option<u32>,
        command: &str,
        arguments: &[&str],
        received_ns: i64,
    ) -> Result<(), JournalError> {
        let record = wire::Operator {
            uid,
            command: command.to_owned(),
            arguments: arguments.iter().map(|a| (*a).to_owned()).collect(),
            answer: String::new(),
        };
        let at = at.unwrap_or(Instant(received_ns.div_euclid(1_000_000_000)));
        self.write(at, received_ns, 0, record.into())?;
        self.journal.commit().map(|_| ())
    }

    /// A thresholds file that was refused; on disk when this returns.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn rejected(
        &mut self,
        rejected: &Rejected,
        at: Instant,
        source: &str,
        received_ns: i64,
    ) -> Result<(), JournalError> {
        let record = wire::ThresholdsRejected {
            sha256: Hash::parse(&rejected.hash).unwrap_or_default(),
            errors: vec![rejected.to_string()],
            source: source.to_owned(),
        };
        self.write(at, received_ns, 0, record.into())?;
        self.journal.commit().map(|_| ())
    }

    /// A plugin that takes part from the next tick on; on disk when this returns.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn plugin(
        &mut self,
        loaded: &wire::PluginLoaded,
        at: Instant,
        received_ns: i64,
    ) -> Result<(), JournalError> {
        self.write(at, received_ns, 0, loaded.clone().into())?;
        self.journal.commit().map(|_| ())
    }

    /// An instance of a plugin's function that died; on disk with the decision of the tick at which that was noticed.
    ///
    /// # Errors
    /// When the journal takes nothing more.
    pub fn died(&mut self, death: &Death, received_ns: i64) -> Result<(), JournalError> {
        let died = wire::PluginDied {
            generation: u64::from(death.generation),
            id: death.plugin.clone(),
            function: death.function.clone(),
            node: death.node.clone(),
            text: death.text.clone(),
            row: death.row,
            at_s: death.at.0,
            why: death.why.clone(),
        };
        let cause = self.tick;
        self.write(death.at, received_ns, cause, died.into()).map(|_| ())
    }

    /// Another build of a plugin that somebody wants, and why it is not taken if it is not; on disk when this returns.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn upgrade(
        &mut self,
        asked: &UpgradeAsked,
        refused: Option<&String>,
        at: Instant,
        uid: Option<u32>,
        received_ns: i64,
    ) -> Result<(), JournalError> {
        let (id, sha256) = (asked.loaded.id.clone(), asked.loaded.sha256.to_string());
        let record = wire::Operator {
            uid,
            command: "plugin-upgrade".to_owned(),
            arguments: vec![asked.why.clone(), String::new(), id, sha256],
            answer: match refused {
                Some(why) => format!("refused: {why}"),
                None => "in force from the next tick".to_owned(),
            },
        };
        self.write(at, received_ns, 0, record.into())?;
        if refused.is_none() {
            self.write(at, received_ns, 0, asked.loaded.clone().into())?;
        }
        self.journal.commit().map(|_| ())
    }

    /// What an operator said; on disk when this returns.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn operator(
        &mut self,
        act: &OperatorAct,
        uid: Option<u32>,
        received_ns: i64,
    ) -> Result<(), JournalError> {
        let record = wire::Operator {
            uid,
            command: act.act.text(),
            arguments: vec![act.why.clone(), act.who.clone()],
            answer: "in force from the next tick".to_owned(),
        };
        self.write(act.at, received_ns, 0, record.into())?;
        self.journal.commit().map(|_| ())
    }

    /// Ends the journal in good order; `link` is the last one of the chain of decisions.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn end(mut self, why: &str, link: &str, received_ns: i64) -> Result<(), JournalError> {
        let ended = wire::RunEnded {
            why: why.to_owned(),
            link: Hash::parse(link).unwrap_or_default(),
        };
        let now = Stamp {
            engine_ns: received_ns,
            received_ns,
        };
        self.journal.append(now, 0, &ended.into())?;
        match self.journal {
            Pen::Journal(journal) => journal.end(received_ns, why),
            Pen::Desk(desk) => desk.into_journal().end(received_ns, why),
        }
    }

    /// The journal.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        self.journal.journal()
    }

    /// The desk, where orders are sent.
    #[must_use]
    pub fn desk(&self) -> Option<&OrderDesk> {
        match &self.journal {
            Pen::Journal(_) => None,
            Pen::Desk(desk) => Some(desk),
        }
    }

    /// The desk, to send with.
    pub fn desk_mut(&mut self) -> Option<&mut OrderDesk> {
        match &mut self.journal {
            Pen::Journal(_) => None,
            Pen::Desk(desk) => Some(desk),
        }
    }
}
