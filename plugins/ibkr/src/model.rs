//! The contract's values by the names that they have here, and what the parts of this plugin tell.

pub use alula_plugin_sdk::abi::broker::{
    Account, Contract as Instrument, Event, ExecKind, Execution, Kind, Leg, Life, Listing, Order as Package,
    OrderRow, Quote, Right, SCALE as NANO, Status, WhatIf, Word,
};
use std::fmt;

/// An instrument in words: `SPXW 20260116 P5800`, `VX 20260121`, `SPY`.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a>(pub &'a Instrument);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Instrument {
            class,
            expiry,
            right,
            strike_e9,
            ..
        } = self.0;
        write!(f, "{class}")?;
        if *expiry != 0 {
            write!(f, " {expiry}")?;
        }
        match right {
            Some(Right::Put) => write!(f, " P{}", Points(*strike_e9)),
            Some(Right::Call) => write!(f, " C{}", Points(*strike_e9)),
            None => Ok(()),
        }
    }
}

/// Billionths as a decimal without idle zeros.
#[derive(Clone, Copy, Debug)]
pub struct Points(pub i64);

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, one) = (self.0.unsigned_abs(), NANO.unsigned_abs());
        if self.0 < 0 {
            f.write_str("-")?;
        }
        write!(f, "{}", size / one)?;
        if size % one != 0 {
            let digits = format!("{:09}", size % one);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        Ok(())
    }
}

/// What is told: events, on which things depend, and words, on which nothing does.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Events in their order.
    pub events: Vec<Event>,
    /// Words for the log.
    pub notes: Vec<String>,
}

impl Told {
    /// Tells an event.
    pub fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Tells of trades.
    pub fn fills(&mut self, trades: impl IntoIterator<Item = Execution>) {
        self.events.extend(trades.into_iter().map(Event::Filled));
    }

    /// Says something for the log.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Nothing is told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.notes.is_empty()
    }
}
