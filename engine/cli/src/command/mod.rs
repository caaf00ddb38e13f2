//! The subcommands, one file each.

pub mod backtest;
pub mod breakevens;
pub mod calendar;
pub mod check;
pub mod compare;
pub mod completions;
pub mod contracts;
pub mod explain;
pub mod fees;
pub mod fmt;
pub mod graph;
pub mod import;
pub mod man;
pub mod mutate;
pub mod new;
pub mod plugin;
pub mod run;
pub mod scenario;
pub mod simulate;
pub mod store;
pub mod surface;
pub mod test;
pub mod thresholds;
pub mod verify;
pub mod vix;
pub mod why;
