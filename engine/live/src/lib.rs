//! Who turns the crank while money is at stake: feeds, brokers, orders at work, swaps of thresholds, safety rails.
//!
//! Absent on purpose: no terminal, and no clock of its own. Time comes in as events.

pub mod again;
pub mod broker;
pub mod core;
pub mod feed;
pub mod keeper;
pub mod link;
pub mod order;
pub mod pace;
pub mod reconcile;
pub mod recovery;
mod repair;
pub mod source;
pub mod strategy;
pub mod swap;
pub mod trader;
pub mod view;

pub mod upgrade;

pub use crate::core::{Happening, Live, LiveError, NEVER_BEGAN, Reloads};
pub use crate::upgrade::{UpgradeAsked, UpgradeEnded, Upgraded};
pub use alula_run::rails;
