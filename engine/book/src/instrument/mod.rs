//! Futures and shares beside the options of an account: positions, orders, daily variation, final settlement, splits, fees,
//! margin.
//!
//! A broker nets these by contract, so a holding is a signed number of contracts or shares per structure and instrument.
//! Money stays exact because no average price enters it: a future's trades since its last settlement are kept as dollars
//! not yet paid, and a settlement pays what they and the position are worth together. Options stay in
//! [`crate::Book`]'s positions; its cash and equity count both.

mod fees;
mod ledger;
mod margin;
mod quote;

pub use fees::{LinearFeeError, LinearFeeRow, LinearFees};
pub use ledger::{
    Flow, Holding, HoldingKey, Ledger, LedgerConfig, LinearEvent, LinearExecution, LinearLeg, LinearOrder,
    LinearRefusal, LinearRequest, Unfilled,
};
pub use margin::{FuturesMargin, MarginRow};
pub use quote::{LinearQuote, QuoteError, QuoteKind};
