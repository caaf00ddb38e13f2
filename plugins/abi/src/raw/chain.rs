//! The mirror of the header's part on option chains.

use super::{Layout, Str, mirror};

/// Settles at the open of its last day.
pub const SETTLES_AM: u32 = 1;
/// Settles at the close of its last day.
pub const SETTLES_PM: u32 = 2;
/// Right of a call: `C`.
pub const RIGHT_CALL: u32 = 67;
/// Right of a put: `P`.
pub const RIGHT_PUT: u32 = 80;

mirror! { CHAIN;
    /// One snapshot of the options on one underlying.
    struct Chain = "alula_chain" {
        /// Bytes of this struct.
        struct_size: u32,
        /// Date in New York, yyyymmdd.
        date: u32,
        /// Underlying.
        underlying: Str,
        /// Price of the underlying, or NaN.
        spot: f64,
        /// Dollars for a point.
        multiplier: f64,
        /// Expiries.
        n_expiries: u64,
        /// Contracts.
        n_contracts: u64,
        /// Root of each expiry.
        root: *const Str,
        /// Date of each expiry, yyyymmdd.
        expiry: *const u32,
        /// [`SETTLES_AM`] or [`SETTLES_PM`].
        settles: *const u32,
        /// Years to the settlement instant.
        years: *const f64,
        /// Parity forward, or NaN.
        forward: *const f64,
        /// Discount, or NaN.
        discount: *const f64,
        /// Index of each contract's expiry.
        expiry_of: *const u32,
        /// [`RIGHT_CALL`] or [`RIGHT_PUT`].
        right: *const u32,
        /// Strike.
        strike: *const f64,
        /// Bid, or NaN.
        bid: *const f64,
        /// Ask, or NaN.
        ask: *const f64,
        /// Mid, or NaN.
        mid: *const f64,
        /// Implied vol in points, or NaN.
        vol: *const f64,
        /// Delta, or NaN.
        delta: *const f64,
        /// Gamma, or NaN.
        gamma: *const f64,
        /// Open interest, or NaN.
        open_interest: *const f64,
        /// Volume, or NaN.
        volume: *const f64,
    }
}

const _: () = {
    assert!(size_of::<Chain>() == 192);
    assert!(std::mem::offset_of!(Chain, root) == 56);
    assert!(std::mem::offset_of!(Chain, expiry_of) == 104);
    assert!(std::mem::offset_of!(Chain, volume) == 184);
};
