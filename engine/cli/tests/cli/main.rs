//! The command as people and scripts meet it: what it prints where, and how it leaves.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly, as tests do")]

mod backtest;
mod broker;
mod check;
mod compare;
mod explain;
mod faults;
mod fmt;
mod graph;
mod ibkr;
mod import;
mod isolated;
mod journal;
mod kills;
mod lopsided;
mod margins;
mod market;
mod new;
mod operator;
mod pieces;
mod plugin;
mod previews;
mod quotes;
mod run;
mod scenario;
mod service;
mod simulate;
mod stalled;
mod strategy;
mod streams;
mod support;
mod surface;
mod sweep;
mod test;
mod thresholds;
mod upgrade;
mod why;
