//! What goes between the host and a broker, as plain values: both sides of the contract use these, and so does whatever
//! carries them further. Each knows its own limits; nothing that breaks them crosses, in either direction.
//!
//! Prices, strikes and money are whole billionths, times nanoseconds since 1970, UTC.

pub mod event;
#[allow(unsafe_code, reason = "from values to the contract's structs and back")]
pub mod pass;
pub mod wire;

pub use event::{Account, Event, ExecKind, Execution, Listing, OrderRow, Status};

use std::fmt;

/// Billionths of one.
pub const SCALE: i64 = 1_000_000_000;
/// Longest client order id.
pub const ORDER_ID_MAX: usize = 32;
/// Longest id of a broker or venue.
pub const ID_MAX: usize = 64;
/// Longest text, in bytes.
pub const TEXT_MAX: usize = 1024;
/// Most legs of an order.
pub const LEGS_MAX: usize = 16;
/// Most packages of an order, and contracts or shares of a leg for one package.
pub const QUANTITY_MAX: u32 = 1_000_000;
/// Largest price or strike, in billionths: a million points.
pub const PRICE_MAX: i64 = 1_000_000 * SCALE;
/// Largest position.
pub const HELD_MAX: i64 = 1_000_000_000_000;
/// Last time, in nanoseconds: the first of January 2200.
pub const TIME_MAX: i64 = 7_258_118_400 * SCALE;

/// A symbol: 1 to 15 printable ASCII characters without blanks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word {
    len: u8,
    bytes: [u8; Self::MAX],
}

impl Word {
    /// Most characters.
    pub const MAX: usize = 15;

    /// A symbol.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        if !is_id(text, Self::MAX) {
            return None;
        }
        let mut bytes = [0; Self::MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        let len = u8::try_from(text.len()).ok()?;
        Some(Self { len, bytes })
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        // ASCII, as was checked when it was made.
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An id of 1 to so many printable ASCII characters without blanks.
#[must_use]
pub fn is_id(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A name for an order: 1 to 32 of `0-9 A-Z a-z -`.
#[must_use]
pub fn is_order_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..=ORDER_ID_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// Kind of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An option.
    Option,
    /// A future.
    Future,
    /// A share.
    Share,
    /// An index: quoted, never traded.
    Index,
}

/// Put or call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Call.
    Call,
    /// Put.
    Put,
}

/// What can be traded, or quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contract {
    /// Kind.
    pub kind: Kind,
    /// Underlying: `SPX`; a share's own.
    pub symbol: Word,
    /// Class: `SPXW`, `VX`; a share's own.
    pub class: Word,
    /// Currency.
    pub currency: Word,
    /// Year, month and day as one number; 0 for a share and an index.
    pub expiry: u32,
    /// Of an option.
    pub right: Option<Right>,
    /// Of an option; 0 elsewhere.
    pub strike_e9: i64,
    /// Dollars a point, in billionths.
    pub multiplier_e9: i64,
}

impl Contract {
    /// Checks that kind, expiry, right and strike go together.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&self) -> Result<(), String> {
        let day = self.expiry % 100;
        let month = self.expiry / 100 % 100;
        let dated = (19_700_101..=22_001_231).contains(&self.expiry)
            && (1..=12).contains(&month)
            && (1..=31).contains(&day);
        let struck = (1..=PRICE_MAX).contains(&self.strike_e9);
        let fits = match self.kind {
            Kind::Option => dated && struck && self.right.is_some(),
            Kind::Future => dated && self.strike_e9 == 0 && self.right.is_none(),
            Kind::Share | Kind::Index => self.expiry == 0 && self.strike_e9 == 0 && self.right.is_none(),
        };
        if !fits {
            return Err(format!(
                "`{}` is no instrument: its kind, expiry, right and strike do not go together",
                self.class
            ));
        }
        if !(1..=PRICE_MAX).contains(&self.multiplier_e9) {
            return Err(format!("the multiplier of `{}` is out of range", self.class));
        }
        Ok(())
    }
}

/// A leg of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// What.
    pub contract: Contract,
    /// Contracts or shares for one package: bought above 0, sold below.
    pub ratio: i32,
}

/// How long an order stays at work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Life {
    /// To the end of the session.
    #[default]
    Day,
    /// Until it is taken back.
    UntilCancelled,
}

/// An order; several legs are one, and trade together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Our name for it, never used twice on an account.
    pub id: String,
    /// Structure that it belongs to, for people; may be empty.
    pub group: String,
    /// Legs.
    pub legs: Vec<Leg>,
    /// Packages.
    pub quantity: u32,
    /// Most points paid for one package, a credit is below 0; `None` is any price.
    pub limit_e9: Option<i64>,
    /// To be refused from this time on.
    pub not_after_ns: i64,
    /// How long it stays at work.
    pub life: Life,
}

impl Order {
    /// Checks its limits.
    ///
    /// # Errors
    /// The first that it breaks.
    pub fn check(&self) -> Result<(), String> {
        if !is_order_id(&self.id) {
            return Err("the order's id is not 1 to 32 letters, digits and `-`".to_owned());
        }
        check_text(&self.group, "the order's group")?;
        if self.legs.is_empty() || self.legs.len() > LEGS_MAX {
            return Err(format!(
                "the order has {} legs, not 1 to {LEGS_MAX}",
                self.legs.len()
            ));
        }
        if !(1..=QUANTITY_MAX).contains(&self.quantity) {
            return Err(format!(
                "the order has {} packages, not 1 to {QUANTITY_MAX}",
                self.quantity
            ));
        }
        for (at, leg) in self.legs.iter().enumerate() {
            leg.contract.check()?;
            if leg.contract.kind == Kind::Index {
                return Err(format!(
                    "`{}` is an index, which nobody can trade",
                    leg.contract.class
                ));
            }
            if !(1..=QUANTITY_MAX).contains(&leg.ratio.unsigned_abs()) {
                return Err(format!("a leg of the order has a ratio of {}", leg.ratio));
            }
            if self.legs.iter().take(at).any(|l| l.contract == leg.contract) {
                return Err("two legs of the order are the same".to_owned());
            }
        }
        if self.limit_e9.is_some_and(|l| !price_ok(l)) {
            return Err("the order's limit is out of range".to_owned());
        }
        check_time(self.not_after_ns)
    }
}

/// Bid and ask of one instrument; of an index both are its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Of what.
    pub contract: Contract,
    /// When it stood.
    pub at_ns: i64,
    /// Bid.
    pub bid_e9: Option<i64>,
    /// Ask.
    pub ask_e9: Option<i64>,
    /// Contracts at the bid.
    pub bid_size: Option<u32>,
    /// Contracts at the ask.
    pub ask_size: Option<u32>,
}

impl Quote {
    /// Checks its limits; a crossed market is a market.
    ///
    /// # Errors
    /// The first that it breaks.
    pub fn check(&self) -> Result<(), String> {
        self.contract.check()?;
        let fits = |p: Option<i64>| p.is_none_or(|p| (0..=PRICE_MAX).contains(&p));
        if !fits(self.bid_e9) || !fits(self.ask_e9) {
            return Err(format!("a quote of `{}` is out of range", self.contract.class));
        }
        if self.contract.kind == Kind::Index && self.bid_e9 != self.ask_e9 {
            return Err(format!("the index `{}` has two values", self.contract.class));
        }
        check_time(self.at_ns)
    }
}

/// What the options of a class and expiry, or a future, settle to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalValue {
    /// Options or a future.
    pub kind: Kind,
    /// Class.
    pub class: Word,
    /// Year, month and day as one number.
    pub expiry: u32,
    /// Value of the underlying.
    pub price_e9: i64,
    /// It stands in for an official value that is missing.
    pub approximate: bool,
}

/// What an order would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WhatIf {
    /// Initial margin of the account with it.
    pub initial_margin_e9: i64,
    /// Maintenance margin of the account with it.
    pub maintenance_margin_e9: i64,
    /// Fees.
    pub fee_e9: i64,
}

/// What a broker can do: bits of `ALULA_BRK_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps(pub u32);

impl Caps {
    /// Packages of several legs as one order.
    pub const COMBOS: Self = Self(crate::raw::BRK_COMBOS);
    /// An id that was used is refused as a duplicate.
    pub const DEDUP: Self = Self(crate::raw::BRK_DEDUP);
    /// Snapshots have orders.
    pub const ORDERS: Self = Self(crate::raw::BRK_ORDERS);
    /// Snapshots have executions.
    pub const FILLS: Self = Self(crate::raw::BRK_FILLS);
    /// Snapshots have positions.
    pub const HOLDINGS: Self = Self(crate::raw::BRK_HOLDINGS);
    /// It can say what an order would take.
    pub const WHAT_IF: Self = Self(crate::raw::BRK_WHAT_IF);
    /// It gives quotes.
    pub const QUOTES: Self = Self(crate::raw::BRK_QUOTES);
    /// It lives from quotes that the host hands it.
    pub const SIMULATED: Self = Self(crate::raw::BRK_SIMULATED);
    /// Real money.
    pub const LIVE: Self = Self(crate::raw::BRK_LIVE);
    /// It gives values of indices.
    pub const INDICES: Self = Self(crate::raw::BRK_INDICES);
    /// It says which options are listed.
    pub const CHAINS: Self = Self(crate::raw::BRK_CHAINS);

    /// Each bit with its word.
    pub const WORDS: [(Self, &'static str); 11] = [
        (Self::COMBOS, "combos"),
        (Self::DEDUP, "dedup"),
        (Self::ORDERS, "orders"),
        (Self::FILLS, "fills"),
        (Self::HOLDINGS, "positions"),
        (Self::WHAT_IF, "what-if"),
        (Self::QUOTES, "quotes"),
        (Self::SIMULATED, "simulated"),
        (Self::LIVE, "live"),
        (Self::INDICES, "indices"),
        (Self::CHAINS, "chains"),
    ];

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Has all of these.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Words, in the order of their bits.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        let own = Self::WORDS.iter().filter(|(bit, _)| self.has(*bit));
        own.map(|(_, word)| *word).collect()
    }
}

pub(crate) fn price_ok(price_e9: i64) -> bool {
    (-PRICE_MAX..=PRICE_MAX).contains(&price_e9)
}

pub(crate) fn check_time(ns: i64) -> Result<(), String> {
    if (0..=TIME_MAX).contains(&ns) {
        return Ok(());
    }
    Err(format!("the time {ns} is not between 1970 and 2200"))
}

pub(crate) fn check_text(text: &str, what: &str) -> Result<(), String> {
    if text.len() <= TEXT_MAX {
        return Ok(());
    }
    Err(format!("{what} is longer than {TEXT_MAX} bytes"))
}

/// The start of a text that the contract lets through, in one line.
#[must_use]
pub fn one_line(text: &str) -> String {
    let end = (0..=text.len().min(TEXT_MAX))
        .rev()
        .find(|i| text.is_char_boundary(*i));
    let text = text.get(..end.unwrap_or(0)).unwrap_or_default();
    text.replace(|c: char| c.is_control(), " ")
}
