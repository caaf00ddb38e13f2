//! From the contract's chain to the one that an author sees.

use super::{Shim, failed, given, slice};
use crate::indicator::Indicator;
use alula_plugin_abi::chain::{Chain, Contracts, Expiry, Settles};
use alula_plugin_abi::raw;
use std::ffi::c_void;

/// Most expiries, and most contracts, of a chain.
const EXPIRIES_MAX: u64 = 4096;
const CONTRACTS_MAX: u64 = 1 << 22;

impl<T: Indicator> Shim<T> {
    pub(super) unsafe extern "C" fn update_chain(
        this: *mut c_void,
        chain: *const raw::Chain,
        out: *mut f64,
        n_out: u32,
        err: *mut raw::Error,
    ) -> raw::Status {
        if n_out != Self::DESC.n_outputs || out.is_null() {
            return failed(err, raw::E_INVALID_ARG, "another number of outputs");
        }
        // SAFETY: the host's call: a chain that lives through it, and as many outputs as it says, apart from it.
        unsafe {
            let Some(chain) = seen(chain) else {
                return failed(err, raw::E_INVALID_ARG, "this is no chain");
            };
            let outputs = std::slice::from_raw_parts_mut(out, T::OUTPUTS.len());
            Self::with(this, err, |value, _| {
                outputs.fill(f64::NAN);
                given(value.update_chain(&chain, outputs))
            })
        }
    }
}

/// A text of the host.
///
/// # Safety
/// Its pointer is null or leads to as many bytes as it says, for the call.
unsafe fn text<'a>(text: raw::Str) -> Option<&'a str> {
    let len = u32::try_from(text.len).ok()?;
    // SAFETY: by the caller's promise.
    std::str::from_utf8(unsafe { slice(text.ptr.cast::<u8>(), len) }).ok()
}

/// The host's chain as slices; none where it is not as the contract says.
///
/// # Safety
/// The pointer is null, or leads to a chain of the contract whose columns live for the call.
unsafe fn seen<'a>(chain: *const raw::Chain) -> Option<Chain<'a>> {
    if chain.is_null() {
        return None;
    }
    // SAFETY: by the caller's promise it begins with its size; a host that knows chains gives at least these fields.
    let table = unsafe {
        if usize::try_from(chain.cast::<u32>().read()).ok()? < size_of::<raw::Chain>() {
            return None;
        }
        chain.read()
    };
    if table.n_expiries > EXPIRIES_MAX || table.n_contracts > CONTRACTS_MAX {
        return None;
    }
    let (expiries, contracts) = (
        u32::try_from(table.n_expiries).ok()?,
        u32::try_from(table.n_contracts).ok()?,
    );
    // SAFETY: by the caller's promise each column has as many elements as the table says, and lives for the call.
    let chain = unsafe {
        let (dates, settles) = (slice(table.expiry, expiries), slice(table.settles, expiries));
        let (years, forward) = (slice(table.years, expiries), slice(table.forward, expiries));
        let (roots, discount) = (slice(table.root, expiries), slice(table.discount, expiries));
        let mut rows = Vec::with_capacity(dates.len());
        for (at, date) in dates.iter().enumerate() {
            rows.push(Expiry {
                root: text(*roots.get(at)?)?,
                date: *date,
                settles: match *settles.get(at)? {
                    raw::SETTLES_AM => Settles::Am,
                    _ => Settles::Pm,
                },
                years: *years.get(at)?,
                forward: *forward.get(at)?,
                discount: *discount.get(at)?,
            });
        }
        Chain {
            underlying: text(table.underlying)?,
            date: table.date,
            spot: table.spot,
            multiplier: table.multiplier,
            expiries: rows,
            contracts: Contracts {
                expiry_of: slice(table.expiry_of, contracts),
                right: slice(table.right, contracts),
                strike: slice(table.strike, contracts),
                bid: slice(table.bid, contracts),
                ask: slice(table.ask, contracts),
                mid: slice(table.mid, contracts),
                vol: slice(table.vol, contracts),
                delta: slice(table.delta, contracts),
                gamma: slice(table.gamma, contracts),
                open_interest: slice(table.open_interest, contracts),
                volume: slice(table.volume, contracts),
            },
        }
    };
    chain.is_regular().then_some(chain)
}
