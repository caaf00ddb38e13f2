//! What a roll chose from.

use super::Skip;
use crate::value::Cell;
use alula_book::PositionId;
use alula_market::money::Price;
use alula_market::time::Date;
use std::fmt;
use std::sync::Arc;

/// An expiry that a roll could go to, as it stood at the decision.
#[derive(Clone, Debug, PartialEq)]
pub struct RollOption {
    /// Nearest expiry of the package.
    pub expiry: Date,
    /// Days to it.
    pub days: i64,
    /// Legs in words.
    pub package: String,
    /// Value that ranks it; missing where the rule does not rank.
    pub rank: Cell,
    /// Time value sold minus bought, in dollars for all lots.
    pub extrinsic: Cell,
    /// What the roll takes in, in points per package.
    pub net: Price,
    /// Settlement values without profit or loss after it, premiums of the whole life counted.
    pub breakevens: Vec<f64>,
    /// Why it is out of the question.
    pub out: Option<Skip>,
    /// It is the one.
    pub chosen: bool,
}

/// What a roll chose from.
#[derive(Clone, Debug, PartialEq)]
pub struct RollTrace {
    /// Key of the rule.
    pub key: Arc<str>,
    /// Position.
    pub position: PositionId,
    /// Break-evens of what is held.
    pub before: Vec<f64>,
    /// Whether the rule ranks.
    pub ranked: bool,
    /// Expiries in order, with what was found.
    pub options: Vec<RollOption>,
}

/// Points in words: `4210.50 and 4790.10`.
struct Points<'a>(&'a [f64]);

impl fmt::Display for Points<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (n, point) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(" and ")?;
            }
            write!(f, "{point:.2}")?;
        }
        Ok(())
    }
}

impl fmt::Display for RollTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "break-evens {}", Points(&self.before))?;
        match (self.options.iter().find(|o| o.chosen), self.options.as_slice()) {
            (Some(o), _) => write!(f, ", then {}", Points(&o.breakevens))?,
            (None, [only]) => write!(f, ", would be {}", Points(&only.breakevens))?,
            (None, _) => {}
        }
        if !self.ranked {
            return Ok(());
        }
        f.write_str("; ranked: ")?;
        for (n, o) in self.options.iter().enumerate() {
            if n > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{} ({} dte)", o.expiry, o.days)?;
            match o.rank.get() {
                Ok(value) => write!(f, " {value:.2}")?,
                Err(cause) => write!(f, " unknown ({cause})")?,
            }
            match (&o.out, o.chosen) {
                (Some(why), _) => write!(f, ", out: {why}")?,
                (None, true) => f.write_str(", chosen")?,
                (None, false) => {}
            }
        }
        Ok(())
    }
}
