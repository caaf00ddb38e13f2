//! Dialogues with a double of the gateway on loopback: what goes over the wire, and what is told of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what is not there fails the test"
)]

mod connection;
mod gateway;
mod orders;
mod recovery;
mod silence;
mod talk;
