//! What is it worth: Black-76, greeks, implied vol, parity forwards.
//!
//! This room answers questions about *one expiry at a time*, from plain numbers to plain numbers. It knows nothing of
//! contracts, calendars, chains on disk or positions.
//!
//! # Units, everywhere in this crate
//!
//! | quantity | unit |
//! | --- | --- |
//! | forward, strike, price, intrinsic | points of the underlying, per option (no contract multiplier) |
//! | vol | fraction per square-root year: `0.16` is 16 vol points |
//! | time | years of 365 days, actual time to the settlement instant ([`years_between`]) |
//! | discount | price today of one point paid at the settlement instant |
//! | delta | points of price per point of forward, signed, discounted (a put's is negative) |
//! | gamma | delta per point of forward |
//! | vega | points of price per 1 vol point (0.01 of vol) |
//! | theta | points of price per calendar day that passes, forward held fixed |
//! | rho | points of price per 1 percentage point of the rate, forward held fixed |
//!
//! # One option or a column
//!
//! [`ExpiryTerms::price`] and [`ExpiryTerms::implied_vol`] keep the most digits (1e-12 relative far into the wings) and serve a
//! few options. [`chain`] does whole columns some ten times faster: prices to 2e-15 of the forward, vols to 1e-10. Both are
//! right; their last bits differ, so a decision should read one of them throughout. A column's bits depend on nothing but
//! the row: not on its neighbours, its place, the processor or the platform's mathematics library. (Single options, and
//! the rare vol that a column hands to the single solver, do take `exp` and `ln` from the platform.)
//!
//! # Absent on purpose
//!
//! No I/O, no clock, no random source, no allocation in a kernel, no `unsafe`, no money type: prices, fills and cash are
//! exact and live elsewhere. No dividend or carry model: the forward carries both. NaN and infinity never leave: every
//! public function answers with a finite number or with a named cause.

mod black76;
pub mod breakeven;
pub mod chain;
mod forward;
mod implied;
mod kernel;
mod lanes;
pub mod payoff;
pub mod returns;
mod roots;
pub mod stress;
pub mod surface;
mod time;

pub use black76::{
    ExpiryTerms, Greeks, Input, InputError, MAX_DISCOUNT, MAX_PRICE_POINTS, MAX_VOL, MAX_YEARS, MIN_DISCOUNT,
    MIN_PRICE_POINTS, MIN_TOTAL_VOL, Right, normal_cdf, normal_pdf, price,
};
pub use forward::{
    BoxDiscount, ForwardError, ForwardOptions, ParityForward, ParityQuote, box_discount, parity_forward,
};
pub use implied::{IvError, implied_vol};
pub use surface::{
    SmilePoint, SurfaceError, TermPoint, VARIANCE_FALL_MAX, atm_forward_vol, constant_maturity_vol,
    strike_sd, strike_sds,
};
pub use time::{DAY_COUNT, SECONDS_PER_YEAR, years_between};
