//! Does the rule do what its author says: rule tests beside the rule, in a market that the test writes down.
//!
//! A test file gives a virtual clock, series in a compact notation, chains, and what must be decided. A case runs through
//! the same driver as a backtest: nothing is evaluated in another way for a test.
//!
//! No I/O: files are read by who calls. No opinion about the terminal: results are values.

mod case;
pub mod change;
pub mod coverage;
mod file;
mod market;
pub mod mutate;
pub mod notation;
pub mod property;
pub mod shrink;
pub mod spec;
mod words;

pub use case::{CaseResult, Failure, Harness};
pub use file::{CASES_MAX, LIMITS, STEPS_MAX, Subject, TestFile, read};
pub use market::{CaseMarket, ChainCache, LISTED_DAYS, instants};
