//! What do we own: package orders, fills, fees, positions, margin, settlement, P&L, and the invariants that stop a run.
//!
//! Absent on purpose: pricing models and greeks (the book never needs a volatility), clocks, disks, and any order
//! that trades less than its whole package. Money is exact; nothing here is an `f64` except at the edge where a
//! setting comes in. Every cash flow has three values, a [`Band`]: filled at mid, at the stated share of the
//! spread, and at the natural price. Decisions read `share`; the other two say how much the answer depends on it.

pub mod band;
pub mod book;
pub mod fees;
pub mod fill;
pub mod instrument;
pub mod margin;
pub mod order;
pub mod package;
pub mod payoff;
pub mod position;

pub use band::{Band, Cross};
pub use book::{Book, BookConfig, Breach, Invariant, SettleError, StructurePnl};
pub use fees::{FeeError, FeeSchedule, Fees};
pub use fill::{NoFill, PackagePrice, PricedLeg};
pub use margin::Rulebook;
pub use order::{BookEvent, CancelReason, Order, OrderId, OrderKind, OrderRequest, RunId, SubmitError};
pub use package::{Leg, Package, PackageError};
pub use position::{Execution, ExecutionKind, LegFill, LegMark, Position, PositionId, PositionLeg};

#[cfg(test)]
mod tests;
