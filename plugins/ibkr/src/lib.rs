//! Interactive Brokers as a broker plugin: packages as guaranteed combination orders, snapshots, quotes, margins.
//!
//! **Not yet run against a live account.** It is tested against a double of the gateway that speaks the wire on loopback.

pub mod amount;
pub mod codes;
pub mod contract;
pub mod desk;
pub mod model;
pub mod order;
pub mod quotes;
pub mod session;
pub mod snapshot;
pub mod stamp;
pub mod tape;
