//! What a stretch of cash flows earned: internal rates of return, all of them or a refusal; the modified rate; return on
//! margin; the beta of the capital asset pricing model.
//!
//! A rate of return needs capital. The bare flows of a short-premium structure start with money received: their internal rate is
//! that of a loan, and a *lower* one is better ([`Sense::Borrowed`]). To speak of a return, put the capital that the structure
//! binds (margin or maximum loss) in front as an outflow and give it back at the end ([`on_capital`]).

mod beta;
mod internal;
mod margin;

pub use beta::{Capm, CapmError, capm};
pub use internal::{
    CashFlow, FLOWS_MAX, IrrError, Rate, RatesError, Sense, internal_rate, internal_rates, net_present_value,
};
pub use margin::{MarginReturn, MirrError, annualised, modified_rate, on_capital, on_margin};
