//! The proofs: behaviour that crosses rooms, and the rules of the house.
//!
//! Tests that need real market data look for `../shared/data` beside the checkout; where it is absent they say that they
//! were skipped.

// Says to clippy that all of this is test code, helpers included.
#![cfg(test)]

mod architecture;
mod independent;
mod language;
mod live;
mod operator;
mod support;
