//! Futures and shares beside the options of an account: positions, orders, daily variation, final settlement, splits,
//! margin. Fees are those of the account's dated table.
//!
//! A position holds a signed number of contracts or shares per instrument; a broker nets positions by contract, which only
//! margin sees. Money stays exact because no average price enters it: a future's trades since its last settlement are kept
//! as dollars not yet paid, and a settlement pays what they and the position are worth together. Options stay in
//! [`crate::Book`]'s positions; its cash and equity count both.

mod ledger;
mod margin;
mod order;
mod position;
mod quote;

pub use ledger::{
    DayPrice, Flow, Holding, HoldingKey, Ledger, LedgerConfig, LinearEvent, LinearExecution, QuoteOf,
};
pub use margin::{FuturesMargin, MarginRow};
pub use order::{
    LinearKind, LinearLeg, LinearOrder, LinearPart, LinearRefusal, LinearRequest, LinearTold, Unfilled,
};
pub use position::{LegWords, LinearPosition};
pub use quote::{LinearQuote, QuoteError, QuoteKind};
