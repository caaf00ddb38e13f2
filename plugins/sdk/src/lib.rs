//! Indicators and brokers for Alula in safe Rust.
//!
//! Write a type, implement [`Indicator`] or [`Broker`], name it in [`export_plugin!`](crate::export_plugin), build a `cdylib`. There is no
//! `unsafe` in a plugin: this crate checks what comes in, catches panics, and turns both into errors of the contract.
//!
//! ```
//! use alula_plugin_sdk::prelude::*;
//!
//! /// The change over the last row.
//! struct Step {
//!     last: Option<f64>,
//! }
//!
//! impl Indicator for Step {
//!     const ID: &'static CStr = c"step";
//!     const VERSION: &'static CStr = c"1.0.0";
//!     const DOC: &'static CStr = c"change over the last row";
//!     const INPUTS: &'static [Port] = &[Port::new(c"x")];
//!     const OUTPUTS: &'static [Port] = &[Port::new(c"change")];
//!
//!     fn new(_: &Params<'_>) -> Result<Self, String> {
//!         Ok(Self { last: None })
//!     }
//!     fn warmup(&self) -> u64 {
//!         1
//!     }
//!     fn update(&mut self, inputs: &[f64], outputs: &mut [f64]) -> Result<Ready, String> {
//!         let ([x], [change]) = (inputs, outputs) else {
//!             return Err("one input and one output".to_owned());
//!         };
//!         match self.last.replace(*x) {
//!             None => Ok(Ready::NotYet),
//!             Some(last) => {
//!                 *change = x - last;
//!                 Ok(Ready::Yes)
//!             }
//!         }
//!     }
//!     fn save(&self, out: &mut Writer) {
//!         out.option(self.last);
//!     }
//!     fn load(&mut self, _version: u32, state: &mut Reader<'_>) -> Result<(), String> {
//!         self.last = state.option()?;
//!         Ok(())
//!     }
//! }
//!
//! export_plugin!(Step);
//!
//! # fn main() {
//! alula_plugin_sdk::testing::conforms::<Step>().unwrap();
//! # }
//! ```

#[cfg(panic = "abort")]
compile_error!(
    "a plugin must unwind: with `panic = \"abort\"` its first panic would end the engine. Remove it from the profile"
);

mod broker;
mod chain;
mod indicator;
#[allow(unsafe_code, reason = "the plugin's side of the contract")]
pub mod shim;
mod state;
pub mod testing;

pub use alula_plugin_abi as abi;
pub use broker::{Broker, Level, Refused, Services, Setting, Settings};
pub use chain::{ChainIndicator, OfChain};
pub use indicator::{Indicator, Param, Params, Port, Ready};
pub use state::{Reader, Writer};

/// What a plugin needs.
pub mod prelude {
    pub use crate::export_plugin;
    pub use crate::{Broker, Level, Refused, Services, Setting, Settings};
    pub use crate::{ChainIndicator, Indicator, Param, Params, Port, Reader, Ready, Writer};
    pub use alula_plugin_abi::broker::{
        Caps, Contract, Event, Execution, FinalValue, Listing, Order, Quote, WhatIf, Word,
    };
    pub use alula_plugin_abi::chain::{Chain, Right, Settles};
    pub use std::ffi::CStr;
}

/// Makes the library's entry symbol for these indicators, or for brokers: `export_plugin!(brokers: Paper)`, and for both:
/// `export_plugin!(brokers: Paper; indicators: Rsi, Bands)`. Indicators that read a chain stand apart: `export_plugin!(Rsi, Bands; chains:
/// GammaExposure)`, `export_plugin!(chains: GammaExposure)`.
#[macro_export]
macro_rules! export_plugin {
    (brokers: $($broker:ty),+ $(; indicators: $($indicator:ty),+)? $(,)?) => {
        $crate::export_plugin!(@ [$($($indicator),+)?] [$($broker),+]);
    };
    (chains: $($chain:ty),+ $(,)?) => {
        $crate::export_plugin!(@ [$($crate::OfChain<$chain>),+] []);
    };
    (@ [$($indicator:ty),* $(,)?] [$($broker:ty),*]) => {
        /// What this library offers.
        #[doc(hidden)]
        #[derive(Debug)]
        pub struct AlulaPlugin;

        impl $crate::shim::Plugin for AlulaPlugin {
            const TABLE: &'static [$crate::shim::Made] = &[$($crate::shim::Made::of::<$indicator>()),*];
            const BROKERS: &'static [$crate::shim::MadeBroker] = &[$($crate::shim::MadeBroker::of::<$broker>()),*];
            const BUILD: &'static ::std::ffi::CStr = c"alula-plugin-sdk 0.1.0";
        }

        /// The entry that the host looks for.
        #[doc(hidden)]
        #[unsafe(no_mangle)]
        #[used]
        pub static alula_plugin_entry_v1: $crate::abi::raw::Entry = $crate::shim::entry::<AlulaPlugin>();
    };
    ($($indicator:ty),+; chains: $($chain:ty),+ $(,)?) => {
        $crate::export_plugin!(@ [$($indicator,)+ $($crate::OfChain<$chain>,)+] []);
    };
    ($($indicator:ty),+ $(,)?) => {
        $crate::export_plugin!(@ [$($indicator),+] []);
    };
}
