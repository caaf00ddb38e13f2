//! What rails are asked about, and what they answer with.

use alula_market::money::Usd;
use alula_market::time::Instant;
use std::fmt;

/// What an order is for; a rail lets an exit pass where it stops an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Opens a position.
    Open,
    /// Closes one.
    Close,
    /// Buys or sells protection.
    Hedge,
    /// Closes one and opens another.
    Roll,
}

impl Purpose {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
            Self::Hedge => "hedge",
            Self::Roll => "roll",
        }
    }

    /// From its word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Open, Self::Close, Self::Hedge, Self::Roll]
            .into_iter()
            .find(|p| p.word() == word)
    }

    /// It takes on what was not there before.
    #[must_use]
    pub const fn is_entry(self) -> bool {
        matches!(self, Self::Open | Self::Roll)
    }
}

/// Risk that is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenRisk {
    /// Sum of what is known.
    pub known: Usd,
    /// Orders whose risk is not known.
    pub unknown: u32,
}

/// Whether decisions are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They are.
    #[default]
    Trade,
    /// They are written down as intents and not sent.
    Shadow,
    /// There are none: the account is watched.
    ReadOnly,
}

impl Mode {
    /// `trade`, `shadow` or `read-only`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::Shadow => "shadow",
            Self::ReadOnly => "read-only",
        }
    }

    /// From its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Trade, Self::Shadow, Self::ReadOnly]
            .into_iter()
            .find(|m| m.word() == word)
    }
}

/// What is halted by an operator or by the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Halt {
    /// Nothing.
    #[default]
    None,
    /// Entries; exits and hedges go on.
    Entries(String),
    /// Everything: the kill switch.
    All(String),
}

impl Halt {
    /// In a word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Entries(_) => "entries",
            Self::All(_) => "all",
        }
    }

    /// Why.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::None => "",
            Self::Entries(why) | Self::All(why) => why,
        }
    }

    /// From its word; a word that is none halts everything.
    #[must_use]
    pub fn of(level: &str, why: &str) -> Self {
        match level {
            "" | "none" => Self::None,
            "entries" => Self::Entries(why.to_owned()),
            _ => Self::All(why.to_owned()),
        }
    }
}

/// How journal and broker stand to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Agreement {
    /// They were not compared since the start or since the connection came back: nothing is sent.
    #[default]
    NotCompared,
    /// Something does not fit: entries wait for a person.
    Mismatch(String),
    /// They agree.
    Agree,
}

/// A rail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rail {
    /// Kill switch and halts.
    Halt,
    /// Read-only.
    ReadOnly,
    /// Journal and broker do not agree, or were not compared.
    Reconcile,
    /// The engine died too often.
    SafeMode,
    /// The disk is nearly full.
    Disk,
    /// No connection.
    Connection,
    /// Quotes are old.
    Stale,
    /// The order's time is over.
    Late,
    /// Trades of the structure's last order may be on their way.
    Settling,
    /// Too many orders in a minute.
    Rate,
    /// Too many at work.
    OpenIntents,
    /// Loss of the day.
    Loss,
    /// Margin.
    Margin,
    /// What the account is worth.
    Funds,
    /// Open risk.
    Risk,
}

impl Rail {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Halt => "halt",
            Self::ReadOnly => "read-only",
            Self::Reconcile => "reconcile",
            Self::SafeMode => "safe-mode",
            Self::Disk => "disk",
            Self::Connection => "connection",
            Self::Stale => "stale",
            Self::Late => "late",
            Self::Settling => "settling",
            Self::Rate => "rate",
            Self::OpenIntents => "open-intents",
            Self::Loss => "loss",
            Self::Margin => "margin",
            Self::Funds => "funds",
            Self::Risk => "risk",
        }
    }
}

/// Why an order is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which rail.
    pub rail: Rail,
    /// In a sentence.
    pub why: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be sent.
    Send,
    /// It may be written down, and is not sent.
    Shadow,
    /// Neither.
    Refuse(Refusal),
}

/// The order that is asked for, and the orders there are.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// What it is for.
    pub purpose: Purpose,
    /// Most that it can lose.
    pub risk: Option<Usd>,
    /// Now.
    pub now: Instant,
    /// The broker must refuse it from then on.
    pub not_after: Instant,
    /// Orders, exits aside, whose end is not known.
    pub open_intents: u32,
    /// When the structure's last order ended unfilled, if one did.
    pub ended: Option<Instant>,
    /// Their risk, and that of exits.
    pub open_orders_risk: OpenRisk,
    /// The journal's disk is nearly full.
    pub room_is_low: bool,
}

/// What is the case around the order. `None` is *not known*.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The connection to the broker stands.
    pub connected: bool,
    /// Instant of the oldest quote that the order was priced with.
    pub quotes_at: Option<Instant>,
    /// Lost since the day began, gains below zero.
    pub lost_today: Option<Usd>,
    /// Initial margin with the order.
    pub margin_with: Option<Usd>,
    /// Most that the positions can lose.
    pub position_risk: Option<Usd>,
}
