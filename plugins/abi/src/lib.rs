//! The contract with native plugins: the C header's mirror, and the host's side of each call, checked.
//!
//! `include/alula_plugin.h` is the contract; [`raw`] is the same in Rust. [`host`] turns a plugin's tables into values of Rust
//! and never believes them: texts are bounded and UTF-8, functions may be absent, outputs are finite and in their range or the
//! instance is dead. [`conformance`] holds the checks that `alula plugin check` runs out of process and that an author runs
//! as unit tests. Absent on purpose: opening libraries, disk, clock.

#[allow(unsafe_code, reason = "tables of a plugin are shared between threads")]
pub mod raw;

pub mod broker;
pub mod chain;
pub mod conformance;
#[allow(unsafe_code, reason = "reads and sets the processor's control word")]
pub mod float;
pub mod host;
