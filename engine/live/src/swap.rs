//! Whether a thresholds file may be put into force while a strategy runs.
//!
//! A file is taken whole or not at all; what was in force before stays when anything is wrong. A refusal is told once for each
//! content, however often the file is looked at.

use crate::source::Refusal;
use crate::strategy::Offered;
use alula_core::thresholds::{self, Change, ThresholdSet, Violation, range_text, value_text};
use alula_dsl::graph::ThresholdDef;
use alula_market::time::Instant;
use alula_run::{Entries, Swap, SwapFile};
use std::collections::BTreeSet;
use std::fmt;

/// Refusals remembered, so that a file that goes to and fro is not told about for ever.
const REFUSALS_MAX: usize = 10_000;

/// How a file is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Largest change of a value in one swap as a share of what it was (of the width of its range, where it was zero), unless
    /// the file acknowledges the version in force.
    pub step_max: f64,
    /// What entries do that a change alone makes true.
    pub entries: Entries,
}

impl Default for Rules {
    /// Half of the value; entries wait.
    fn default() -> Self {
        Self {
            step_max: 0.5,
            entries: Entries::Wait,
        }
    }
}

/// Why a file was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It could not be read as a file that may be trusted.
    #[error("{0}")]
    File(Refusal),
    /// What stands in it is wrong: every finding.
    #[error("{}", all_of(.0))]
    Content(Vec<Violation>),
    /// The end marker is missing.
    #[error("the last line is not `...`, so the file may not have arrived whole")]
    Unended,
    /// It was written against other values than those in force.
    #[error("it acknowledges version {acked}, and {in_force} is in force")]
    OtherVersion {
        /// Version that the file names.
        acked: String,
        /// Version in force.
        in_force: String,
    },
    /// The strategy does not do: what is wrong, and what to do.
    #[error("{what}")]
    Strategy {
        /// What is wrong.
        what: String,
        /// What to do.
        help: String,
    },
    /// Values move too far at once.
    #[error("{}", too_far(.steps))]
    Step {
        /// Each of them.
        steps: Vec<Step>,
        /// Version in force, to be acknowledged.
        in_force: String,
    },
}

/// A value that moves too far at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Threshold.
    pub name: String,
    /// Value before, as written in a file.
    pub before: String,
    /// Value after.
    pub after: String,
    /// The largest change allowed, in words.
    pub allowed: String,
}

fn all_of(found: &[Violation]) -> String {
    let all: Vec<String> = found.iter().map(ToString::to_string).collect();
    all.join("; ")
}

fn too_far(steps: &[Step]) -> String {
    let all: Vec<String> = steps
        .iter()
        .map(|s| {
            format!(
                "`{}` moves from {} to {}, more than {}",
                s.name, s.before, s.after, s.allowed
            )
        })
        .collect();
    all.join("; ")
}

impl Rejection {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::File(refusal) => refusal.help().to_owned(),
            Self::Content(found) => {
                let fixes: Vec<&str> = found.iter().map(|f| f.fix.as_str()).collect();
                fixes.join("; ")
            }
            Self::Strategy { help, .. } => help.clone(),
            Self::Unended => "end the file with a line `...`".to_owned(),
            Self::OtherVersion { in_force, .. } => format!(
                "somebody else changed the values in between; look at them, then write `ack: {}`",
                in_force.get(..12).unwrap_or(in_force)
            ),
            Self::Step { in_force, .. } => format!(
                "go in smaller steps, or write `ack: {}` in the file if it is meant",
                in_force.get(..12).unwrap_or(in_force)
            ),
        }
    }
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// It says what is in force already.
    Same,
    /// It was refused before with the same content.
    KnownBad,
    /// It may be put into force.
    Accepted(Accepted),
    /// It is refused.
    Rejected(Rejected),
}

/// A file that may be put into force.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The change, to be taken at the next tick.
    pub swap: Swap,
    /// What differs from the values in force.
    pub changes: Vec<Change>,
    /// It acknowledged the version in force.
    pub acked: bool,
}

/// A file that is refused; what was in force stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Hex sha256 of its content; of the reason, where it could not be read.
    pub hash: String,
    /// Why.
    pub why: Rejection,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

/// Judges thresholds files of one strategy.
#[derive(Clone, Debug)]
pub struct Desk {
    strategy: String,
    defs: Vec<ThresholdDef>,
    rules: Rules,
    refused: BTreeSet<String>,
    /// Contents refused, each once.
    pub rejected: u64,
    /// Files judged, those that say what is in force among them.
    pub judged: u64,
}

impl Desk {
    /// For a strategy and what it declares.
    #[must_use]
    pub fn new(strategy: &str, defs: &[ThresholdDef], rules: Rules) -> Self {
        Self {
            strategy: strategy.to_owned(),
            defs: defs.to_vec(),
            rules,
            refused: BTreeSet::new(),
            rejected: 0,
            judged: 0,
        }
    }

    /// Judges what was read against the values in force from the next tick on. `at` is the instant from which the change
    /// would count.
    pub fn judge(&mut self, read: Result<Vec<u8>, Refusal>, in_force: &ThresholdSet, at: Instant) -> Judged {
        self.judged += 1;
        let (hash, judged) = match read {
            Err(refusal) => (
                alula_market::digest::sha256(refusal.to_string().as_bytes()),
                Err(Rejection::File(refusal)),
            ),
            Ok(bytes) => {
                let file = SwapFile::new(bytes);
                (file.hash.clone(), self.read(file, in_force, at))
            }
        };
        match judged {
            Ok(None) => Judged::Same,
            Ok(Some(accepted)) => {
                // Should the same bytes be refused again later, that is news.
                self.refused.clear();
                Judged::Accepted(accepted)
            }
            Err(why) => {
                if !self.refused.insert(format!("{hash} {why}")) {
                    return Judged::KnownBad;
                }
                if self.refused.len() > REFUSALS_MAX {
                    self.refused.clear();
                }
                self.rejected += 1;
                Judged::Rejected(Rejected { hash, why })
            }
        }
    }

    fn read(
        &self,
        file: SwapFile,
        in_force: &ThresholdSet,
        at: Instant,
    ) -> Result<Option<Accepted>, Rejection> {
        let read =
            thresholds::read_file(&file.bytes, &self.strategy, &self.defs).map_err(Rejection::Content)?;
        let changes = read.set.changes_from(in_force, &self.defs);
        if changes.is_empty() {
            return Ok(None);
        }
        if !read.ended {
            return Err(Rejection::Unended);
        }
        let version = in_force.hash_hex();
        let acked = match &read.ack {
            Some(ack) if version.starts_with(ack.as_str()) => true,
            Some(ack) => {
                return Err(Rejection::OtherVersion {
                    acked: ack.clone(),
                    in_force: version,
                });
            }
            None => false,
        };
        let steps = self.steps(&read.set, in_force);
        if !acked && !steps.is_empty() {
            return Err(Rejection::Step {
                steps,
                in_force: version,
            });
        }
        Ok(Some(Accepted {
            swap: Swap {
                at,
                set: read.set,
                file: Some(file),
                entries: self.rules.entries,
                rules: None,
            },
            changes,
            acked,
        }))
    }

    /// Another strategy declares other thresholds.
    pub fn adopt(&mut self, defs: &[ThresholdDef]) {
        self.defs = defs.to_vec();
        // What did not fit before may fit now.
        self.refused.clear();
    }

    /// Whether the values that come with another strategy may: of the thresholds that both have, what moves must not move too
    /// far, and must come from a whole file.
    pub(crate) fn allows(
        &self,
        offered: &Offered,
        in_force: &ThresholdSet,
        defs: &[ThresholdDef],
    ) -> Result<(), Rejection> {
        let (mut both, mut before, mut after) = (Vec::new(), Vec::new(), Vec::new());
        for (def, value) in defs.iter().zip(offered.swap.set.values()) {
            let mut was = self.defs.iter().zip(in_force.values());
            let found = was.find(|(d, _)| d.name == def.name && d.unit == def.unit);
            if let Some((_, old)) = found.filter(|(_, old)| old.to_bits() != value.to_bits()) {
                both.push(def.clone());
                before.push(*old);
                after.push(*value);
            }
        }
        if both.is_empty() {
            return Ok(());
        }
        if offered.swap.file.is_some() && !offered.ended {
            return Err(Rejection::Unended);
        }
        let version = in_force.hash_hex();
        match &offered.ack {
            Some(ack) if version.starts_with(ack.as_str()) => return Ok(()),
            Some(ack) => {
                return Err(Rejection::OtherVersion {
                    acked: ack.clone(),
                    in_force: version,
                });
            }
            None => {}
        }
        let steps = self.far(&both, &before, &after);
        if steps.is_empty() {
            return Ok(());
        }
        Err(Rejection::Step {
            steps,
            in_force: version,
        })
    }

    /// Values that move further than one swap may.
    fn steps(&self, set: &ThresholdSet, in_force: &ThresholdSet) -> Vec<Step> {
        self.far(&self.defs, in_force.values(), set.values())
    }

    fn far(&self, defs: &[ThresholdDef], before: &[f64], after: &[f64]) -> Vec<Step> {
        let mut out = Vec::new();
        for (def, (&before, &after)) in defs.iter().zip(before.iter().zip(after)) {
            let (base, of) = if before == 0.0 {
                (def.max - def.min, format!("the range {}", range_text(def)))
            } else {
                (before.abs(), "the value".to_owned())
            };
            if (after - before).abs() > base * self.rules.step_max {
                out.push(Step {
                    name: def.name.clone(),
                    before: value_text(before, def.suffix),
                    after: value_text(after, def.suffix),
                    allowed: format!("{}% of {of}", (self.rules.step_max * 1_000.0).round() / 10.0),
                });
            }
        }
        out
    }
}
