//! What do we own: package orders, fills, fees, positions, margin, settlement, P&L, and the invariants that stop a run.
//!
//! Absent on purpose: greeks, vols of its own (portfolio margin gets them with its holdings), clocks, disks, and any order
//! that trades part of a package: an order may fill fewer packages than asked, never some legs of one. Money is exact; nothing here is an `f64` except at the edge where a
//! setting comes in. Every cash flow has three values, a [`Band`]: filled at mid, at the stated share of the
//! spread, and at the natural price. Decisions read `share`; the other two say how much the answer depends on it.

pub mod band;
pub mod book;
pub mod fees;
pub mod fill;
pub mod id;
pub mod instrument;
pub mod margin;
pub mod model;
pub mod order;
pub mod package;
pub mod payoff;
pub mod portfolio;
pub mod position;
mod single;

pub use band::{Band, Cross};
pub use book::{
    Answer, AnswerError, Book, BookConfig, Breach, Invariant, SettleError, StructurePnl, Told, TradedLeg,
};
pub use fees::{FeeDay, FeeError, FeeLeg, FeeRow, FeeSchedule, Fees};
pub use fill::{NoFill, PackagePrice, PricedLeg};
pub use id::{OrderId, PositionId, RunId};
pub use margin::Rulebook;
pub use model::{Depth, FillModel, FillModelError, Share};
pub use order::{BookEvent, CancelReason, Order, OrderKind, OrderRequest, SubmitError};
pub use package::{Leg, Package, PackageError};
pub use portfolio::House;
pub use position::{Execution, ExecutionKind, LegFill, LegMark, Position, PositionLeg};
pub use single::{single_legs_of, whose_single_legs};

#[cfg(test)]
mod tests;
