//! Runs at a broker that does what real ones do now and then.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

mod broker;
mod futures;
mod lopsided;
