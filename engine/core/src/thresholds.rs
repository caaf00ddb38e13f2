//! Thresholds: the numbers that may change while a strategy runs, read from `x.thresholds.yaml`.
//!
//! ```yaml
//! strategy: spx_condor_alvh   # optional; must then be this strategy's name
//! thresholds:
//!   vix_rsi_hot: 70
//!   curve_inverted: -2%
//!   hedge_share: 35%
//! ...
//! ```
//!
//! A value is written as in the strategy: its number and the unit of its declaration. A declared threshold that the file
//! does not name keeps its default, and the set says which. Everything else is refused, all at once, each with line and
//! column: unknown names, wrong units, values out of range, quotes, and whatever YAML reads in more than one way.

mod number;
mod read;

/// Something in a thresholds file that must be changed.
pub use alula_yaml::Finding as Violation;
pub use number::value_text;
pub use read::{MAX_BYTES, MAX_DEPTH, MAX_NODES, ThresholdFile, read, read_file, value};

use alula_dsl::graph::{ThresholdDef, ThresholdId};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// A value for every declared threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdSet {
    values: Vec<f64>,
    defaulted: Vec<ThresholdId>,
    hash: [u8; 32],
}

/// One difference between two sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Name.
    pub name: String,
    /// Value before, as written in a file.
    pub before: String,
    /// Value after.
    pub after: String,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} → {}", self.name, self.before, self.after)
    }
}

/// A value that a declaration does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not as many values as declarations.
    #[error("{given} values for {declared} thresholds")]
    Count {
        /// Values given.
        given: usize,
        /// Thresholds declared.
        declared: usize,
    },
    /// Outside the declared range, or not a number.
    #[error("`{name}` is {value}, outside {range}")]
    Range {
        /// Name.
        name: String,
        /// Value as written in a file.
        value: String,
        /// Range as written in the strategy.
        range: String,
    },
}

impl ThresholdSet {
    /// Every declared default.
    #[must_use]
    pub fn defaults(defs: &[ThresholdDef]) -> Self {
        let values = defs.iter().map(|d| d.default + 0.0).collect();
        Self::new(defs, values, (0..).map(ThresholdId).take(defs.len()).collect())
    }

    /// Values in canonical scale, by `ThresholdId` (sweeps, operator commands).
    ///
    /// # Errors
    /// When there is not one for each declaration, or one is outside its range or not finite.
    pub fn from_values(defs: &[ThresholdDef], values: Vec<f64>) -> Result<Self, ValueError> {
        if values.len() != defs.len() {
            return Err(ValueError::Count {
                given: values.len(),
                declared: defs.len(),
            });
        }
        for (def, value) in defs.iter().zip(&values) {
            // NaN is in no range.
            if !(def.min..=def.max).contains(value) {
                return Err(ValueError::Range {
                    name: def.name.clone(),
                    value: value_text(*value, def.suffix),
                    range: range_text(def),
                });
            }
        }
        Ok(Self::new(
            defs,
            values.into_iter().map(|v| v + 0.0).collect(),
            Vec::new(),
        ))
    }

    fn new(defs: &[ThresholdDef], values: Vec<f64>, defaulted: Vec<ThresholdId>) -> Self {
        let mut canonical = Sha256::new();
        for (def, value) in defs.iter().zip(&values) {
            canonical.update(def.name.as_bytes());
            canonical.update([0]);
            canonical.update(value.to_bits().to_le_bytes());
        }
        let hash = canonical.finalize().into();
        Self {
            values,
            defaulted,
            hash,
        }
    }

    /// Values in canonical scale, by `ThresholdId`.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The value of a threshold.
    #[must_use]
    pub fn get(&self, id: ThresholdId) -> Option<f64> {
        self.values.get(usize::try_from(id.0).ok()?).copied()
    }

    /// Thresholds that the file did not name.
    #[must_use]
    pub fn defaulted(&self) -> &[ThresholdId] {
        &self.defaulted
    }

    /// Version: SHA-256 over name, a zero byte and the value's eight bytes (little-endian), in declared order. Two files
    /// that mean the same have the same version, however they are written.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The same in hexadecimal.
    #[must_use]
    pub fn hash_hex(&self) -> String {
        alula_market::digest::hex(&self.hash)
    }

    /// The set as a file: every threshold in declared order, with its documentation and range, and the end marker. Reading
    /// it gives this set.
    #[must_use]
    pub fn canonical_text(&self, strategy: &str, defs: &[ThresholdDef]) -> String {
        self.text_for(strategy, defs, None)
    }

    /// The same, acknowledging the version that it was chosen against.
    #[must_use]
    pub fn text_for(&self, strategy: &str, defs: &[ThresholdDef], ack: Option<&Self>) -> String {
        let mut out = format!("strategy: {strategy}\n");
        if let Some(before) = ack {
            let _ = writeln!(out, "ack: {}", before.hash_hex());
        }
        out.push_str("thresholds:");
        if defs.is_empty() {
            out.push_str(" {}");
        }
        out.push('\n');
        for (def, value) in defs.iter().zip(&self.values) {
            let doc = def.doc.lines().next().unwrap_or_default().trim();
            let note = if doc.is_empty() {
                String::new()
            } else {
                format!(" {doc};")
            };
            // Writing to a string cannot fail.
            let _ = writeln!(out, "  # {}:{note} {}", def.name, range_text(def));
            let _ = writeln!(out, "  {}: {}", def.name, value_text(*value, def.suffix));
        }
        out.push_str("...\n");
        out
    }

    /// What differs from `before`, in declared order.
    #[must_use]
    pub fn changes_from(&self, before: &Self, defs: &[ThresholdDef]) -> Vec<Change> {
        let pairs = before.values.iter().zip(&self.values);
        defs.iter()
            .zip(pairs)
            .filter(|(_, (a, b))| a.to_bits() != b.to_bits())
            .map(|(def, (a, b))| Change {
                name: def.name.clone(),
                before: value_text(*a, def.suffix),
                after: value_text(*b, def.suffix),
            })
            .collect()
    }
}

/// A declared range as written: `30%..40%`.
#[must_use]
pub fn range_text(def: &ThresholdDef) -> String {
    format!(
        "{}..{}",
        value_text(def.min, def.suffix),
        value_text(def.max, def.suffix)
    )
}
