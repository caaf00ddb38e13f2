//! What does the world look like: contracts, calendars, settlement instants, chains, series, importers, a simulated market.
//!
//! Without the `store` feature this room is types and arithmetic: no disk, no clock, no file format.

pub mod assemble;
pub mod calendar;
pub mod chain;
pub mod contract;
pub mod curve;
pub mod digest;
pub mod etp;
pub mod history;
#[cfg(feature = "store")]
pub mod import;
pub mod money;
pub mod series;
pub mod sim;
#[cfg(feature = "store")]
pub mod store;
pub mod tape;
#[cfg(test)]
mod testing;
pub mod time;
pub mod vix;
