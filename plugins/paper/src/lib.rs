//! A simulated broker: packages fill from the quotes that the engine hands it, by the engine's own fill model and fee table.
//!
//! It has no clock but those quotes, and no chance but a seed: the same calls give the same events. Its account is its own
//! and durable: orders, executions, positions and cash lie in a file of a folder, flushed before a call returns, so that a
//! process that dies loses nothing and a restart finds what a real broker would still have. Everything it says is simulated.
//! It tells the margin of an order where it is asked, and holds nobody to it: an account may go as far short as it likes.
//! Absent on purpose: any network.

mod account;
mod broker;
mod margin;
mod market;
mod settings;
mod store;
mod venue;

pub use broker::Paper;

alula_plugin_sdk::export_plugin!(brokers: Paper);

#[cfg(test)]
mod tests;
