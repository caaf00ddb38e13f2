//! What the author of a broker writes.

use alula_plugin_abi::broker::{Caps, Contract, Event, FinalValue, Order, Quote, WhatIf, Word};
use alula_plugin_abi::host::borrowed_text;
use alula_plugin_abi::raw;
use std::ffi::CStr;
use std::time::Duration;

/// A broker: orders in, events out.
///
/// No call waits for the venue: what became of an order comes out of [`Broker::poll`]. A broker may have threads of its own; they
/// end when it is dropped. One that is simulated has no clock but the times of the quotes that it is handed, so that the same
/// calls give the same events.
pub trait Broker: Sized + Send + 'static {
    /// Name: lower-case letters, digits and underscores.
    const ID: &'static CStr;
    /// Version.
    const VERSION: &'static CStr;
    /// One line that says what it is.
    const DOC: &'static CStr;
    /// What it can do.
    const CAPS: Caps;
    /// What it is set up with.
    const SETTINGS: &'static [Setting] = &[];

    /// A broker that is not connected. Settings lie inside their declared ranges already.
    ///
    /// # Errors
    /// When it cannot work with them, with a line that says why.
    fn new(settings: &Settings, services: Services) -> Result<Self, String>;

    /// Starts to connect; [`Event::Up`] follows.
    ///
    /// # Errors
    /// When it cannot even start.
    fn connect(&mut self) -> Result<(), String>;

    /// Ends the connection in good order; orders at work stay at work.
    ///
    /// # Errors
    /// When it cannot.
    fn disconnect(&mut self) -> Result<(), String>;

    /// What has happened since the call before; waits at most so long for something to happen.
    ///
    /// # Errors
    /// When it cannot go on; it may be called again.
    fn poll(&mut self, wait: Duration) -> Result<Vec<Event>, String>;

    /// Hands an order over. Several legs are one order: it is refused where the venue cannot trade them together.
    ///
    /// # Errors
    /// What is known of an order that was not handed over. When in doubt, [`Refused::Unknown`].
    fn submit(&mut self, order: &Order) -> Result<(), Refused>;

    /// Asks to take an order back; the answer is an event.
    ///
    /// # Errors
    /// When the request did not leave.
    fn cancel(&mut self, order: &str) -> Result<(), String>;

    /// Asks for orders, executions since a time, positions and the account; the rows come out of [`Broker::poll`] between a
    /// [`Event::SnapshotBegin`] and a [`Event::SnapshotEnd`] of this number.
    ///
    /// # Errors
    /// When the request did not leave.
    fn request_snapshot(&mut self, request: u64, since_ns: i64) -> Result<(), String>;

    /// What an order would take; with [`Caps::WHAT_IF`].
    ///
    /// # Errors
    /// When it cannot tell.
    fn what_if(&mut self, order: &Order) -> Result<WhatIf, String> {
        let _ = order;
        Err("this broker cannot tell what an order would take".to_owned())
    }

    /// Quotes of these instruments and of no others from now on, and after every reconnect; with [`Caps::QUOTES`]. They come
    /// out of [`Broker::poll`].
    ///
    /// # Errors
    /// When they cannot be asked for.
    fn watch(&mut self, contracts: &[Contract]) -> Result<(), String> {
        let _ = contracts;
        Err("this broker gives no quotes".to_owned())
    }

    /// Which options of an underlying are listed; with [`Caps::CHAINS`]. One [`Event::Listed`] for each class and expiry comes
    /// out of [`Broker::poll`] under this number, then [`Event::ListEnd`].
    ///
    /// # Errors
    /// When it cannot be asked for.
    fn list(&mut self, request: u64, underlying: &Word) -> Result<(), String> {
        let _ = (request, underlying);
        Err("this broker lists no chains".to_owned())
    }

    /// Quotes of an instant, which is the clock of a broker with [`Caps::SIMULATED`].
    ///
    /// # Errors
    /// When it cannot take them.
    fn quotes(&mut self, at_ns: i64, quotes: &[Quote]) -> Result<(), String> {
        let _ = (at_ns, quotes);
        Ok(())
    }

    /// What contracts settle to, for a broker with [`Caps::SIMULATED`].
    ///
    /// # Errors
    /// When it cannot take them.
    fn final_values(&mut self, at_ns: i64, values: &[FinalValue]) -> Result<(), String> {
        let _ = (at_ns, values);
        Ok(())
    }
}

/// Why an order was not handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It certainly never left.
    NotSent(String),
    /// It was refused.
    Rejected(String),
    /// This broker does not do such orders.
    Unsupported(String),
    /// Its id is known: it is there already.
    Duplicate,
    /// Nobody can say.
    Unknown(String),
}

/// A setting that a broker is made with.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Setting(pub(crate) raw::SettingDesc);

// SAFETY is not at stake: the pointers lead to `CStr`s of the program, and the type is only ever read.
impl Setting {
    const fn new(name: &'static CStr, kind: u32, (min, max, def): (f64, f64, f64)) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a few dozen bytes")]
        let struct_size = size_of::<raw::SettingDesc>() as u32;
        Self(raw::SettingDesc {
            struct_size,
            kind,
            name: name.as_ptr(),
            doc: std::ptr::null(),
            min,
            max,
            def,
            text: std::ptr::null(),
        })
    }

    /// A whole number in `min..=max`.
    #[must_use]
    pub const fn whole(name: &'static CStr, min: i32, max: i32, default: i32) -> Self {
        Self::new(name, raw::SETTING_I64, (min as f64, max as f64, default as f64))
    }

    /// A number in `min..=max`.
    #[must_use]
    pub const fn number(name: &'static CStr, min: f64, max: f64, default: f64) -> Self {
        Self::new(name, raw::SETTING_F64, (min, max, default))
    }

    /// A text.
    #[must_use]
    pub const fn text(name: &'static CStr, default: &'static CStr) -> Self {
        let mut setting = Self::new(name, raw::SETTING_STR, (0.0, 0.0, 0.0));
        setting.0.text = default.as_ptr();
        setting
    }

    /// A text that must be given. One with the name `folder` is a fresh folder in the checks.
    #[must_use]
    pub const fn wanted(name: &'static CStr) -> Self {
        Self::new(name, raw::SETTING_STR, (0.0, 0.0, 0.0))
    }

    /// Says what it is.
    #[must_use]
    pub const fn doc(mut self, doc: &'static CStr) -> Self {
        self.0.doc = doc.as_ptr();
        self
    }
}

/// A value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Given {
    Whole(i64),
    Number(f64),
    Text(String),
}

/// The values that a broker is made with.
#[derive(Clone, Debug, Default)]
pub struct Settings(pub(crate) Vec<(String, Given)>);

impl Settings {
    fn find(&self, name: &str) -> Result<&Given, String> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found
            .map(|(_, value)| value)
            .ok_or_else(|| format!("there is no setting `{name}`"))
    }

    /// A whole number, given or default.
    ///
    /// # Errors
    /// For a name that is not among the declared settings, or of another kind.
    pub fn whole(&self, name: &str) -> Result<i64, String> {
        match self.find(name)? {
            Given::Whole(i) => Ok(*i),
            _ => Err(format!("`{name}` is no whole number")),
        }
    }

    /// A number, given or default.
    ///
    /// # Errors
    /// For a name that is not among the declared settings, or of another kind.
    pub fn number(&self, name: &str) -> Result<f64, String> {
        match self.find(name)? {
            Given::Number(x) => Ok(*x),
            _ => Err(format!("`{name}` is no number")),
        }
    }

    /// A text, given or default.
    ///
    /// # Errors
    /// For a name that is not among the declared settings, or of another kind.
    pub fn text(&self, name: &str) -> Result<&str, String> {
        match self.find(name)? {
            Given::Text(text) => Ok(text),
            _ => Err(format!("`{name}` is no text")),
        }
    }
}

/// Services of the host, from any thread.
#[derive(Clone, Copy, Debug)]
pub struct Services(pub(crate) *const raw::Host);

#[expect(unsafe_code, reason = "the host's table is for every thread, by the contract")]
// SAFETY: an immutable table of the host that outlives the broker, whose functions may be called from any thread.
unsafe impl Send for Services {}
#[expect(unsafe_code, reason = "the host's table is for every thread, by the contract")]
// SAFETY: as for `Send`.
unsafe impl Sync for Services {}

/// Weight of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something is wrong.
    Error,
    /// Something may be wrong.
    Warn,
    /// Good to know.
    Info,
    /// Detail.
    Debug,
}

impl Services {
    fn table(&self) -> Option<&raw::Host> {
        #[expect(unsafe_code, reason = "the host's table")]
        // SAFETY: null, or the host's table, which outlives the broker.
        unsafe {
            self.0.as_ref()
        }
    }

    /// Tells the host something.
    pub fn log(&self, level: Level, text: &str) {
        let Some((host, log)) = self.table().and_then(|h| h.log.map(|log| (h, log))) else {
            return;
        };
        let level = match level {
            Level::Error => 1,
            Level::Warn => 2,
            Level::Info => 3,
            Level::Debug => 4,
        };
        let message = raw::Str {
            ptr: text.as_ptr().cast(),
            len: text.len() as u64,
        };
        #[expect(unsafe_code, reason = "a call of the contract")]
        // SAFETY: the host's function with the host's context; the text lives through the call.
        unsafe {
            log(host.ctx, level, message);
        }
    }

    /// The host's clock, in nanoseconds since 1970, where it has one. Not for simulated brokers.
    #[must_use]
    pub fn now_ns(&self) -> Option<i64> {
        let host = self.table()?;
        let now = host.now_ns?;
        #[expect(unsafe_code, reason = "a call of the contract")]
        // SAFETY: the host's function with the host's context.
        let ns = unsafe { now(host.ctx) };
        Some(ns)
    }
}

/// The text of a setting that the host gave.
///
/// # Safety
/// The text's pointer leads to as many bytes as it says.
#[expect(unsafe_code, reason = "a text of the contract")]
pub(crate) unsafe fn text_of(text: raw::Str) -> String {
    // SAFETY: by the caller's promise.
    unsafe { borrowed_text(text) }
}
