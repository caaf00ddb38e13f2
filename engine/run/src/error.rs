//! Why a run could not start, or had to stop.

use alula_book::{Breach, SettleError};
use alula_core::plan::LinkError;
use alula_market::history::HistoryError;
use alula_market::time::Instant;

/// What kind of trouble; the command maps it to its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    /// The request makes no sense: dates, settings, thresholds.
    Request,
    /// The data cannot be read, or there are none.
    Data,
    /// A settlement value is missing, or only approximate.
    Settlement,
    /// An accounting invariant broke: a fault of the engine, never of the strategy.
    Invariant,
    /// A file could not be written or read.
    File,
}

/// A run that stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct RunError {
    /// Kind.
    pub class: ErrorClass,
    /// One line: what happened, lower case.
    pub what: String,
    /// What to do.
    pub help: String,
    /// When in the run, if it had begun.
    pub at: Option<Instant>,
}

impl RunError {
    /// An error of a class.
    #[must_use]
    pub fn new(class: ErrorClass, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            class,
            what: what.into(),
            help: help.into(),
            at: None,
        }
    }

    /// With the instant at which it happened.
    #[must_use]
    pub const fn at(mut self, at: Instant) -> Self {
        self.at = Some(at);
        self
    }
}

impl From<HistoryError> for RunError {
    fn from(e: HistoryError) -> Self {
        Self::new(ErrorClass::Data, e.what, e.help)
    }
}

impl From<LinkError> for RunError {
    fn from(e: LinkError) -> Self {
        let help = match e {
            LinkError::Threshold { .. } | LinkError::ThresholdCount { .. } => "check the thresholds file",
            _ => "check the strategy with `alula check`",
        };
        Self::new(ErrorClass::Request, e.to_string(), help)
    }
}

impl From<Breach> for RunError {
    fn from(e: Breach) -> Self {
        Self::new(
            ErrorClass::Invariant,
            format!("accounting invariant broken: {e}"),
            "the results up to here cannot be trusted; please report this with the strategy and the data",
        )
    }
}

impl From<SettleError> for RunError {
    fn from(e: SettleError) -> Self {
        Self::new(ErrorClass::Settlement, e.to_string(), e.help())
    }
}
