//! What goes in and comes out, free of the wire and of the contract with the host.

use std::fmt;

/// Billionths in one: prices, strikes and money are whole billionths.
pub const NANO: i64 = 1_000_000_000;

/// What kind of thing is traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Option on an index.
    Option,
    /// Future.
    Future,
    /// Share.
    Share,
}

/// Put or call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Put.
    Put,
    /// Call.
    Call,
}

impl Right {
    /// `P` or `C`.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Put => 'P',
            Self::Call => 'C',
        }
    }
}

/// One thing that can be traded. SPX and SPXW of one day and strike differ in the trading class, and in nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instrument {
    /// Kind.
    pub kind: Kind,
    /// Underlying; a share's own symbol.
    pub symbol: String,
    /// `SPX`, `SPXW`, `VX`; a share's own symbol.
    pub trading_class: String,
    /// `USD`.
    pub currency: String,
    /// Day of expiry as yyyymmdd; 0 for a share.
    pub expiry: u32,
    /// Put or call.
    pub right: Option<Right>,
    /// Strike in billionths of a point; 0 where it is no option.
    pub strike_e9: i64,
    /// Dollars for one point, in billionths.
    pub multiplier_e9: i64,
}

impl fmt::Display for Instrument {
    /// `SPXW 20260116 P5800`, `VX 20260121`, `SPY`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.trading_class)?;
        if self.expiry != 0 {
            write!(f, " {}", self.expiry)?;
        }
        if let Some(right) = self.right {
            write!(f, " {}{}", right.letter(), Points(self.strike_e9))?;
        }
        Ok(())
    }
}

/// Billionths as a decimal without idle zeros.
#[derive(Clone, Copy, Debug)]
pub struct Points(pub i64);

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (
            self.0.unsigned_abs() / NANO.unsigned_abs(),
            self.0.unsigned_abs() % NANO.unsigned_abs(),
        );
        if self.0 < 0 {
            f.write_str("-")?;
        }
        write!(f, "{whole}")?;
        if part != 0 {
            let digits = format!("{part:09}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        Ok(())
    }
}

/// One leg of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Contracts or shares for one package: bought above 0, sold below.
    pub ratio: i32,
    /// What is traded.
    pub instrument: Instrument,
}

/// A package as the host orders it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The host's name for the order: 1 to 32 of `0-9 A-Z a-z -`.
    pub id: String,
    /// Legs; several are one atomic order.
    pub legs: Vec<Leg>,
    /// Packages.
    pub quantity: i64,
    /// Most billionths of a point paid for one package, a credit below 0; `None` at market.
    pub limit_e9: Option<i64>,
    /// It stays until it is taken back, not only to the end of the day.
    pub until_cancelled: bool,
    /// It must not be sent from this time on: nanoseconds since 1970, UTC.
    pub not_after_ns: i64,
}

/// Trade of one leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The broker's name for it.
    pub exec_id: String,
    /// The execution that it replaces.
    pub corrects: Option<String>,
    /// The host's name of the order, where it carries one.
    pub order: Option<String>,
    /// What was traded.
    pub instrument: Instrument,
    /// Bought above 0, sold below.
    pub quantity: i64,
    /// Of one contract or share, in billionths.
    pub price_e9: i64,
    /// Dollars of this leg in billionths, once the commission report has come.
    pub fee_e9: Option<i64>,
    /// The venue's time: nanoseconds since 1970, UTC.
    pub at_ns: i64,
}

/// How an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// At work.
    Working,
    /// Filled whole.
    Filled,
    /// Taken back, or its day is over.
    Cancelled,
    /// Refused.
    Rejected,
}

/// An order as the broker has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// The host's name, where it carries one.
    pub order: Option<String>,
    /// The broker's permanent number.
    pub broker_order: String,
    /// How it stands.
    pub standing: Standing,
    /// Packages filled.
    pub filled: i64,
    /// Packages at work.
    pub left: i64,
}

/// A position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// What is held.
    pub instrument: Instrument,
    /// Long above 0, short below; never 0.
    pub quantity: i64,
}

/// Money of the account in billionths of a dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Cash.
    pub cash_e9: i64,
    /// Cash and positions at market.
    pub net_liquidation_e9: i64,
    /// Initial margin, where told.
    pub initial_margin_e9: Option<i64>,
    /// Maintenance margin, where told.
    pub maintenance_margin_e9: Option<i64>,
}

/// Bid and ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// What is quoted.
    pub instrument: Instrument,
    /// When it came: nanoseconds since 1970, UTC.
    pub at_ns: i64,
    /// Billionths of a point.
    pub bid_e9: Option<i64>,
    /// Billionths of a point.
    pub ask_e9: Option<i64>,
    /// Contracts.
    pub bid_size: Option<i64>,
    /// Contracts.
    pub ask_size: Option<i64>,
    /// It is minutes old: the account has no subscription to live data.
    pub delayed: bool,
}

/// Margins and fees that an order would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WhatIf {
    /// Initial margin of the account with it, in billionths of a dollar.
    pub initial_margin_e9: i64,
    /// Maintenance margin of the account with it.
    pub maintenance_margin_e9: i64,
    /// Fees.
    pub fee_e9: i64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The way to the exchange is open.
    Up,
    /// It is not, and why.
    Down(String),
    /// The broker has the order.
    Acknowledged {
        /// The host's name.
        order: String,
        /// The broker's permanent number.
        broker_order: String,
    },
    /// The broker will not have it.
    Rejected {
        /// The host's name.
        order: String,
        /// The broker's words.
        why: String,
    },
    /// A leg traded.
    Filled(Execution),
    /// Taken back, or its day is over.
    Cancelled {
        /// The host's name.
        order: String,
        /// The broker's words.
        why: String,
    },
    /// Rows of a snapshot follow.
    SnapshotBegin(u64),
    /// An order.
    SnapshotOrder(u64, OrderRow),
    /// A trade.
    SnapshotFill(u64, Execution),
    /// A position.
    SnapshotHolding(u64, Holding),
    /// The account.
    SnapshotAccount(u64, Account),
    /// The snapshot is whole.
    SnapshotEnd(u64),
    /// A quote.
    Quote(Quote),
    /// Words for the log; nothing depends on them.
    Note(String),
}
