//! Indicators that read an option chain.

use crate::indicator::{Indicator, Param, Params, Port, Ready};
use crate::state::{Reader, Writer};
use alula_plugin_abi::chain::Chain;
use std::ffi::CStr;

/// An indicator that turns one snapshot of an option chain into numbers, snapshot by snapshot.
///
/// It reads no series: what it gives is a series, which other indicators read. As for [`Indicator`], the same parameters and snapshots
/// give the same bits. What is not known in a chain is NaN; an output must never be.
pub trait ChainIndicator: Sized + Send + 'static {
    /// Name in the language: lower-case letters, digits and underscores.
    const ID: &'static CStr;
    /// Version of the indicator.
    const VERSION: &'static CStr;
    /// One line that says what it is.
    const DOC: &'static CStr;
    /// It reads open interest: the host leaves snapshots out that have none at all.
    const NEEDS_INTEREST: bool = false;
    /// Version of the bytes that [`ChainIndicator::save`] writes.
    const STATE_VERSION: u32 = 1;
    /// Oldest version that [`ChainIndicator::load`] still reads.
    const STATE_OLDEST: u32 = Self::STATE_VERSION;
    /// What it is set up with.
    const PARAMS: &'static [Param] = &[];
    /// Series that it gives, in order.
    const OUTPUTS: &'static [Port];

    /// An instance before its first snapshot. Parameters lie inside their declared ranges already.
    ///
    /// # Errors
    /// When parameters do not fit together, with a line that says why.
    fn new(params: &Params<'_>) -> Result<Self, String>;

    /// Snapshots that pass before the first that can be ready. One that remembers anything says at least 1: without a warm-up the host
    /// may begin at any snapshot.
    fn warmup(&self) -> u64 {
        0
    }

    /// Takes a snapshot; writes every output when it says [`Ready::Yes`].
    ///
    /// # Errors
    /// Ends the instance: what it would give is missing from then on.
    fn update(&mut self, chain: &Chain<'_>, outputs: &mut [f64]) -> Result<Ready, String>;

    /// Writes all that the next snapshots depend on, parameters aside. Nothing by default.
    fn save(&self, out: &mut Writer) {
        // One byte tells this from no state at all.
        out.truth(false);
    }

    /// Reads what [`ChainIndicator::save`] wrote, into an instance before its first snapshot.
    ///
    /// # Errors
    /// When these bytes cannot have been written by it. The host starts afresh.
    fn load(&mut self, version: u32, state: &mut Reader<'_>) -> Result<(), String> {
        let _ = version;
        match state.truth()? {
            false => Ok(()),
            true => Err("the state is another's".to_owned()),
        }
    }
}

/// A chain indicator as the contract's tables know it.
#[derive(Debug)]
pub struct OfChain<T>(T);

impl<T: ChainIndicator> Indicator for OfChain<T> {
    const ID: &'static CStr = T::ID;
    const VERSION: &'static CStr = T::VERSION;
    const DOC: &'static CStr = T::DOC;
    const STATE_VERSION: u32 = T::STATE_VERSION;
    const STATE_OLDEST: u32 = T::STATE_OLDEST;
    const PARAMS: &'static [Param] = T::PARAMS;
    const INPUTS: &'static [Port] = &[];
    const OUTPUTS: &'static [Port] = T::OUTPUTS;
    const CHAIN: bool = true;
    const INTEREST: bool = T::NEEDS_INTEREST;

    fn new(params: &Params<'_>) -> Result<Self, String> {
        T::new(params).map(Self)
    }

    fn warmup(&self) -> u64 {
        self.0.warmup()
    }

    fn update(&mut self, _: &[f64], _: &mut [f64]) -> Result<Ready, String> {
        Err("it reads a chain".to_owned())
    }

    fn update_chain(&mut self, chain: &Chain<'_>, outputs: &mut [f64]) -> Result<Ready, String> {
        self.0.update(chain, outputs)
    }

    fn save(&self, out: &mut Writer) {
        self.0.save(out);
    }

    fn load(&mut self, version: u32, state: &mut Reader<'_>) -> Result<(), String> {
        self.0.load(version, state)
    }
}
