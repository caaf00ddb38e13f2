//! An upgrade while it runs: the build before goes on giving the values, the new one follows it row by row, and takes over
//! between two rows once it has given the same for long enough. Nothing is unloaded: going back is always possible.

use super::{Instance, Row, Start};
use crate::chain::Chain;
use std::fmt;

/// The first row on which two builds did not agree.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Rows since the upgrade began.
    pub row: u64,
    /// Output, or empty where the rows themselves differ: one has a value and the other has none.
    pub output: String,
    /// What the build before gave.
    pub old: f64,
    /// What the new build gave.
    pub new: f64,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            row,
            output,
            old,
            new,
        } = self;
        if output.is_empty() {
            write!(f, "on row {row} one build has a value and the other has none")
        } else {
            write!(
                f,
                "on row {row} `{output}` is {old} by the build before and {new} by the new one"
            )
        }
    }
}

/// Two builds of one indicator, side by side.
#[derive(Debug)]
pub struct Shadow {
    old: Instance,
    new: Instance,
    resumed: bool,
    wanted: u64,
    tolerance: f64,
    rows: u64,
    same: u64,
    difference: Option<Difference>,
}

impl Shadow {
    /// Hands the state of `old` to `new`, which is of the same id and parameters in another build. Where `new` does not understand it,
    /// `new` starts afresh and warms up in the shadow. It takes over after `wanted` rows with values on which both agree, each
    /// output to `tolerance` of its size (0: bit for bit).
    ///
    /// # Errors
    /// The instance before, unharmed, and why this is no upgrade of it.
    pub fn begin(
        mut old: Instance,
        mut new: Instance,
        wanted: u64,
        tolerance: f64,
    ) -> Result<Self, Box<(Instance, String)>> {
        let why = if let Some(fault) = old.fault() {
            Some(format!("the build before is dead: {fault}"))
        } else if old.info().id != new.info().id {
            Some(format!("`{}` is another indicator", new.info().id))
        } else if old.info().inputs != new.info().inputs
            || old.info().chain != new.info().chain
            || old.info().outputs != new.info().outputs
        {
            Some(
                "its inputs or outputs are others: the rules that read it would mean something else"
                    .to_owned(),
            )
        } else if old
            .values()
            .iter()
            .map(|v| v.to_bits())
            .ne(new.values().iter().map(|v| v.to_bits()))
        {
            Some("it is set up with other parameters".to_owned())
        } else {
            None
        };
        if let Some(why) = why {
            return Err(Box::new((old, why)));
        }
        let mut bytes = Vec::new();
        old.save(&mut bytes);
        let resumed = new.load(&bytes) == Start::Resumed;
        Ok(Self {
            old,
            new,
            resumed,
            wanted,
            tolerance,
            rows: 0,
            same: 0,
            difference: None,
        })
    }

    /// Whether the new build goes on from the state of the one before; it warms up if not.
    #[must_use]
    pub const fn resumed(&self) -> bool {
        self.resumed
    }

    /// Takes a row; what it gives is the build before's.
    pub fn update(&mut self, inputs: &[f64]) -> Row {
        let (old, new) = (self.old.update(inputs), self.new.update(inputs));
        self.compare(old, new);
        self.rows = self.rows.saturating_add(1);
        old
    }

    /// Takes a snapshot of a chain; what it gives is the build before's.
    pub fn update_chain(&mut self, chain: &Chain<'_>) -> Row {
        let (old, new) = (self.old.update_chain(chain), self.new.update_chain(chain));
        self.compare(old, new);
        self.rows = self.rows.saturating_add(1);
        old
    }

    /// Outputs of the newest row that was ready, of the build before.
    #[must_use]
    pub fn outputs(&self) -> &[f64] {
        self.old.outputs()
    }

    fn compare(&mut self, old: Row, new: Row) {
        if self.difference.is_some() || (!self.resumed && new == Row::WarmingUp) {
            return;
        }
        let differs = |output: &str, old: f64, new: f64| {
            Some(Difference {
                row: self.rows,
                output: output.to_owned(),
                old,
                new,
            })
        };
        if old != new {
            self.difference = differs("", f64::NAN, f64::NAN);
            return;
        }
        if old != Row::Ready {
            return;
        }
        let pairs = self.old.outputs().iter().zip(self.new.outputs());
        for ((a, b), port) in pairs.zip(&self.old.info().outputs) {
            let close = a.to_bits() == b.to_bits() || (a - b).abs() <= self.tolerance * a.abs().max(b.abs());
            if !close {
                self.difference = differs(&port.name, *a, *b);
                return;
            }
        }
        self.same = self.same.saturating_add(1);
    }

    /// The first row on which they did not agree.
    #[must_use]
    pub const fn difference(&self) -> Option<&Difference> {
        self.difference.as_ref()
    }

    /// The new build may take over.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.difference.is_none() && self.same >= self.wanted
    }

    /// Ends the comparison between two rows: the new build if it may take over, else the one before and why.
    ///
    /// # Errors
    /// The build before, which goes on as if nothing had been tried.
    pub fn finish(self) -> Result<Instance, Box<(Instance, String)>> {
        let why = match &self.difference {
            Some(difference) => difference.to_string(),
            None if self.is_ready() => return Ok(self.new),
            None => format!(
                "they agreed on {} rows with values, {} are wanted",
                self.same, self.wanted
            ),
        };
        Err(Box::new((self.old, why)))
    }
}
