//! The host's side: a plugin's indicators and brokers as values of Rust, each call checked.

#[allow(unsafe_code, reason = "calls through the plugin's tables")]
mod broker;
mod describe;
mod envelope;
mod far;
mod instance;
mod shadow;
#[allow(unsafe_code, reason = "calls through the plugin's tables")]
pub(crate) mod table;
mod wire;

pub use broker::{BrokerInfo, Brokers, Connection, SettingInfo, SettingKind, SettingValue, Submitted};
pub use describe::{IndicatorInfo, ParamInfo, PortInfo};
pub use envelope::crc32c;
pub use far::{Bare, Maker};
pub use instance::{Given, Instance, Row, Start};
pub use shadow::{Difference, Shadow};
pub use table::{Factory, borrowed_text, text_at};
pub use wire::{Bytes, ChainRows, Lane};

use std::fmt;

/// What a plugin did wrong, or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Its tables are not as the contract says.
    Contract,
    /// It refused the parameters.
    Parameters,
    /// It returned an error.
    Failed,
    /// It panicked, and caught that.
    Panicked,
    /// It gave a number that is not finite, or outside the range that it declares.
    Output,
    /// It changed the floating-point mode of the process.
    Mode,
    /// It does not understand saved state.
    State,
    /// It was asked for something that it does not do.
    Unsupported,
}

/// A fault with its text: one line, lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Kind.
    pub kind: FaultKind,
    /// What happened.
    pub text: String,
}

impl Fault {
    /// A fault.
    #[must_use]
    pub fn new(kind: FaultKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}
