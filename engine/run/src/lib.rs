//! Who turns the crank: the drivers.

pub mod output;
