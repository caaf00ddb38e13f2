//! Who turns the crank: the drivers.
//!
//! A backtest walks the snapshots of a history in order: it settles what expired, fills orders of earlier ticks, marks, asks
//! the core for a decision, and submits the orders. Everything that a reader of the results needs is in [`output`];
//! [`folder`] writes it to disk and reads it back.
//!
//! Absent on purpose: no clock and no random source. The same request gives the same bytes.

pub mod backtest;
pub mod broken;
mod by_structure;
pub mod course;
pub mod crank;
mod data;
pub mod death;
mod driver;
pub mod error;
pub mod explain;
pub mod folder;
pub mod futures;
mod hash;
pub mod held;
mod manifest;
mod marks;
pub mod output;
pub mod outside;
pub mod overlay;
pub mod rails;
pub mod reaction;
mod record;
mod successor;
pub mod tables;
mod terms;
pub mod upgrade;
mod warm_up;

pub use backtest::{BacktestRequest, Inputs, Progress, Sweep, backtest, backtest_with, warming_up};
pub use broken::{Broken, Odd, Way};
pub use course::{Act, Course, Entries, HaltLevel, NewRules, OperatorAct, Swap, SwapFile};
pub use crank::{Crank, Turned};
pub use data::{ViewPool, views_at};
pub use death::Death;
pub use error::{ErrorClass, RunError};
pub use explain::{Explainer, Moment};
pub use output::{Mode, RunOutput};
pub use outside::Outside;
pub use successor::Successor;
pub use terms::{Terms, fill_model, restore, set_fill_model, terms};
pub use upgrade::{BuildDifference, Shadow, Upgrade};
pub use warm_up::WarmingUp;
