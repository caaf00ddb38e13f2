//! What happens to a run from outside while it is under way: changes of thresholds and of the strategy, and an end before the
//! data's.

use crate::backtest::Inputs;
use crate::broken::Way;
use crate::death::Death;
use crate::rails::RailLimits;
use alula_core::operator::Instruction;
use alula_core::registry::Registry;
use alula_core::succession::Orphans;
use alula_core::thresholds::ThresholdSet;
use alula_dsl::graph::Graph;
use alula_market::time::Instant;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Folder of the files taken under way, among the inputs of a run.
pub const SWAPS: &str = "swaps/";

/// Changes of thresholds of a run, and where it stops.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// Changes, earliest first.
    pub swaps: Vec<Swap>,
    /// What an operator did, earliest first.
    pub acts: Vec<OperatorAct>,
    /// No snapshot after this instant; all of the period when `None`.
    pub until: Option<Instant>,
    /// Limits that no strategy can lift; none when `None`.
    pub rails: Option<RailLimits>,
    /// Instances of plugins' functions that are known to have died, and are dead from the same row on again.
    pub deaths: Vec<Death>,
}

/// New threshold values that take effect between two ticks.
#[derive(Clone, Debug, PartialEq)]
pub struct Swap {
    /// In force from the first tick at or after this instant.
    pub at: Instant,
    /// Values.
    pub set: ThresholdSet,
    /// The file that said so, for the record.
    pub file: Option<SwapFile>,
    /// What entries do that the change alone makes true.
    pub entries: Entries,
    /// The strategy that they are values of, where it changes too: both take effect together.
    pub rules: Option<Arc<NewRules>>,
}

/// A strategy that takes the place of the one so far.
#[derive(Clone, Debug)]
pub struct NewRules {
    /// Compiled strategy.
    pub graph: Arc<Graph>,
    /// Operators, with its scripts.
    pub registry: Registry,
    /// Its files, for the record and its hash.
    pub inputs: Inputs,
    /// What becomes of open positions of structures that it does not have, by key.
    pub carry: BTreeMap<String, Orphans>,
    /// The same for those that are not named; where nothing is said, it is not taken while some are open.
    pub others: Option<Orphans>,
}

impl NewRules {
    /// Hex hash of its files: sources and scripts, their names included.
    #[must_use]
    pub fn hash(&self) -> String {
        let files = self.inputs.sources.iter().chain(&self.inputs.scripts);
        crate::hash::of_files(files.map(|(name, bytes)| (name.as_str(), bytes.as_slice())))
    }
}

impl PartialEq for NewRules {
    /// Operators are what graph and files make them.
    fn eq(&self, other: &Self) -> bool {
        self.graph == other.graph
            && self.inputs == other.inputs
            && self.carry == other.carry
            && self.others == other.others
    }
}

/// Something that an operator did, in force from the first tick at or after its instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorAct {
    /// When.
    pub at: Instant,
    /// What.
    pub act: Act,
    /// Who, where the system or the operator said so.
    pub who: String,
    /// Why, in the operator's words.
    pub why: String,
}

/// How much a halt stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HaltLevel {
    /// Nothing new is opened; exits, rolls and hedges go on.
    Entries,
    /// The kill switch: no order leaves, exits neither. What was sent before stays where it is.
    All,
}

impl HaltLevel {
    /// `entries` or `all`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::All => "all",
        }
    }

    /// From its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Entries, Self::All].into_iter().find(|l| l.word() == word)
    }
}

/// What an operator can do to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Stops orders.
    Halt(HaltLevel),
    /// Lifts a halt, whoever called it.
    Resume,
    /// Adds an overlay to the rules of a strategy in promoter posture.
    Add {
        /// Its number: overlays of a run are counted from 1.
        number: u32,
        /// What it does.
        instruction: Instruction,
    },
    /// Takes an overlay away.
    Drop(u32),
    /// Says what becomes of legs that make no whole package.
    Repair {
        /// Our name for the order at the broker.
        order: String,
        /// What becomes of them.
        way: Way,
    },
}

impl Act {
    /// `halt`, `halt all`, `resume`, `overlay 3 pause core`, `drop 3` or `repair ORDER take`: as records spell it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Halt(HaltLevel::Entries) => "halt".to_owned(),
            Self::Halt(HaltLevel::All) => "halt all".to_owned(),
            Self::Resume => "resume".to_owned(),
            Self::Add { number, instruction } => format!("overlay {number} {instruction}"),
            Self::Drop(number) => format!("drop {number}"),
            Self::Repair { order, way } => format!("repair {order} {}", way.word()),
        }
    }

    /// From its text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "halt" | "halt entries" => Some(Self::Halt(HaltLevel::Entries)),
            "halt all" => Some(Self::Halt(HaltLevel::All)),
            "resume" => Some(Self::Resume),
            _ => match text.split_once(' ')? {
                ("drop", number) => number.parse().ok().map(Self::Drop),
                ("repair", rest) => {
                    let (order, way) = rest.split_once(' ')?;
                    let way = Way::parse(way)?;
                    let order = order.to_owned();
                    Some(Self::Repair { order, way })
                }
                ("overlay", rest) => {
                    let (number, words) = rest.split_once(' ')?;
                    Some(Self::Add {
                        number: number.parse().ok()?,
                        instruction: Instruction::parse(words).ok()?,
                    })
                }
                _ => None,
            },
        }
    }
}

/// A thresholds file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwapFile {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Hex sha256 of them.
    pub hash: String,
}

impl SwapFile {
    /// A file of these bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        let hash = crate::hash::sha256(&bytes);
        Self { bytes, hash }
    }
}

/// What an entry does that calls with the new values and would not have with the old ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entries {
    /// It waits until it has been false once: the operator moved the line, the market did not cross it.
    #[default]
    Wait,
    /// It acts at once, as exits and hedges always do.
    Evaluate,
}

impl Entries {
    /// `wait` or `evaluate`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Evaluate => "evaluate",
        }
    }

    /// From its word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Wait, Self::Evaluate]
            .into_iter()
            .find(|e| e.word() == word)
    }
}
