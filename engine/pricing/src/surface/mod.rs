//! Vols of a whole smile and of a whole chain: read between quotes (`read`), fitted as curves without static arbitrage
//! where the quotes allow it (`fit`), and joined across expiries ([`Surface`]).
//!
//! A curve is a view of the quotes, not a quote: what it costs in vol points is part of it ([`SmileFit`]).

mod bends;
mod calibrate;
mod fit;
mod polish;
mod read;
mod smile;
mod svi;
mod term;

pub use bends::Bends;
pub use fit::{
    MIN_QUOTES_A_SIDE, MIN_SVI_QUOTES, OptionQuote, QUOTES_MAX, SmileError, SmileFit, SmileKind, SmileQuote,
    fit_smile, otm_smile_quotes,
};
pub use read::{
    SmilePoint, SurfaceError, TermPoint, VARIANCE_FALL_MAX, atm_forward_vol, constant_maturity_vol,
    strike_sd, strike_sds,
};
pub use smile::{Butterfly, Curve, Smile};
pub use svi::{JumpWings, Svi, SviError, WING_SLOPE_MAX};
pub use term::{Crossing, Surface, SurfaceSlice};
