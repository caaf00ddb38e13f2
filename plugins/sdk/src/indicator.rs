//! What an author writes.

use crate::state::{Reader, Writer};
use alula_plugin_abi::chain::Chain;
use alula_plugin_abi::raw;
use std::ffi::CStr;

/// An indicator: numbers in, numbers out, row by row.
///
/// The same parameters and inputs must give the same bits, however the rows are cut into calls. There is no clock, no disk and
/// no thread here; count rows. Inputs are finite and inside their ranges: the host leaves a row out on which one is missing.
pub trait Indicator: Sized + Send + 'static {
    /// Name in the language: lower-case letters, digits and underscores.
    const ID: &'static CStr;
    /// Version of the indicator.
    const VERSION: &'static CStr;
    /// One line that says what it is.
    const DOC: &'static CStr;
    /// Version of the bytes that [`Indicator::save`] writes.
    const STATE_VERSION: u32 = 1;
    /// Oldest version that [`Indicator::load`] still reads.
    const STATE_OLDEST: u32 = Self::STATE_VERSION;
    /// What it is set up with.
    const PARAMS: &'static [Param] = &[];
    /// Series that it reads, in order.
    const INPUTS: &'static [Port];
    /// Series that it gives, in order.
    const OUTPUTS: &'static [Port];

    /// It reads a chain: see [`crate::ChainIndicator`].
    #[doc(hidden)]
    const CHAIN: bool = false;
    /// It reads open interest: see [`crate::ChainIndicator`].
    #[doc(hidden)]
    const INTEREST: bool = false;

    /// An instance before its first row. Parameters lie inside their declared ranges already.
    ///
    /// # Errors
    /// When parameters do not fit together, with a line that says why.
    fn new(params: &Params<'_>) -> Result<Self, String>;

    /// Rows that pass before the first that can be ready.
    fn warmup(&self) -> u64;

    /// Takes a row; writes every output when it says [`Ready::Yes`].
    ///
    /// # Errors
    /// Ends the instance: what it would give is missing from then on.
    fn update(&mut self, inputs: &[f64], outputs: &mut [f64]) -> Result<Ready, String>;

    /// Takes a snapshot: see [`crate::ChainIndicator`].
    #[doc(hidden)]
    fn update_chain(&mut self, chain: &Chain<'_>, outputs: &mut [f64]) -> Result<Ready, String> {
        let _ = (chain, outputs);
        Err("it reads no chain".to_owned())
    }

    /// Writes all that the next rows depend on, parameters aside.
    fn save(&self, out: &mut Writer);

    /// Reads what [`Indicator::save`] wrote, into an instance before its first row.
    ///
    /// # Errors
    /// When these bytes cannot have been written by it. The host starts afresh.
    fn load(&mut self, version: u32, state: &mut Reader<'_>) -> Result<(), String>;
}

/// Whether a row has values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// All outputs are written.
    Yes,
    /// No value on this row: warming up, or undefined. The rules see *missing*.
    NotYet,
}

/// A parameter that an indicator is set up with.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Param(pub(crate) raw::ParamDesc);

impl Param {
    const fn new(name: &'static CStr, kind: u32, min: f64, max: f64, def: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a few dozen bytes")]
        let struct_size = size_of::<raw::ParamDesc>() as u32;
        Self(raw::ParamDesc {
            struct_size,
            kind,
            name: name.as_ptr(),
            doc: std::ptr::null(),
            unit: std::ptr::null(),
            min,
            max,
            def,
        })
    }

    /// A whole number in `min..=max`.
    #[must_use]
    pub const fn whole(name: &'static CStr, min: i32, max: i32, default: i32) -> Self {
        Self::new(name, raw::PARAM_I64, min as f64, max as f64, default as f64)
    }

    /// A number in `min..=max`.
    #[must_use]
    pub const fn number(name: &'static CStr, min: f64, max: f64, default: f64) -> Self {
        Self::new(name, raw::PARAM_F64, min, max, default)
    }

    /// Says what it is.
    #[must_use]
    pub const fn doc(mut self, doc: &'static CStr) -> Self {
        self.0.doc = doc.as_ptr();
        self
    }

    /// Its unit: a word of the language.
    #[must_use]
    pub const fn unit(mut self, unit: &'static CStr) -> Self {
        self.0.unit = unit.as_ptr();
        self
    }
}

/// A series that goes in or comes out.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Port(pub(crate) raw::PortDesc);

impl Port {
    /// A series without unit or bounds.
    #[must_use]
    pub const fn new(name: &'static CStr) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a few dozen bytes")]
        let struct_size = size_of::<raw::PortDesc>() as u32;
        Self(raw::PortDesc {
            struct_size,
            flags: 0,
            name: name.as_ptr(),
            doc: std::ptr::null(),
            unit: std::ptr::null(),
            lo: f64::NAN,
            hi: f64::NAN,
        })
    }

    /// Says what it is.
    #[must_use]
    pub const fn doc(mut self, doc: &'static CStr) -> Self {
        self.0.doc = doc.as_ptr();
        self
    }

    /// Its unit: `number`, `ratio`, `count`, `percent` (0.5 is 50%), `vol` (20 is 20 vol), `pts`, `usd`, `delta`, `bool` (0 or 1).
    #[must_use]
    pub const fn unit(mut self, unit: &'static CStr) -> Self {
        self.0.unit = unit.as_ptr();
        self
    }

    /// Its range; NaN for an end without a bound. An input outside it never arrives; an output outside it ends the instance.
    #[must_use]
    pub const fn range(mut self, lo: f64, hi: f64) -> Self {
        self.0.lo = lo;
        self.0.hi = hi;
        self
    }

    /// Above zero: no smaller than the smallest normal number.
    #[must_use]
    pub const fn positive(self) -> Self {
        self.range(f64::MIN_POSITIVE, f64::NAN)
    }
}

/// The values that an instance is set up with.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a> {
    pub(crate) names: &'a [&'a str],
    pub(crate) values: &'a [f64],
}

impl Params<'_> {
    /// A number, given or default.
    ///
    /// # Errors
    /// For a name that is not among the declared parameters.
    pub fn number(&self, name: &str) -> Result<f64, String> {
        let at = self.names.iter().position(|n| *n == name);
        at.and_then(|at| self.values.get(at))
            .copied()
            .ok_or_else(|| format!("there is no parameter `{name}`"))
    }

    /// A whole number from 0 on, such as a length.
    ///
    /// # Errors
    /// For a name that is not among the declared parameters, or a value that is not such a number.
    pub fn count(&self, name: &str) -> Result<usize, String> {
        let value = self.number(name)?;
        if value.fract() != 0.0 || !(0.0..=4_294_967_295.0).contains(&value) {
            return Err(format!("`{name}` is no whole number from 0 on"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and in range, as was just checked"
        )]
        Ok(value as usize)
    }
}
