//! What both sides of an account are written in: the rule's numbers, legs, trades, positions, days.
//!
//! Money is whole micro-dollars, prices whole mills.

use super::black::ForwardBy;
use super::chains::{Quote, Right};
use super::price::dollars;
use chrono::NaiveDate;

/// Mid, share, natural.
pub type Three = [i64; 3];
pub const SHARE: usize = 1;

pub const CAPITAL: i64 = 250_000_000_000;

/// The rule's four thresholds, and the terms of its roll.
#[derive(Clone, Copy, Debug)]
pub struct Numbers {
    /// Absolute delta of both short strikes, in hundredths.
    pub short_delta: i64,
    /// Share of equity at risk, in hundredths of a percent.
    pub risk_share: i64,
    /// Share of the credit at which profit is taken, in percent.
    pub profit_target: i64,
    /// Absolute delta of the tested short strike, in hundredths.
    pub tested_delta: i64,
    /// A roll has to take in money: asked when it is decided, and a limit when it fills.
    pub rolls_for_credit: bool,
}

/// As the rule ships.
pub const SHIPPED: Numbers = Numbers {
    short_delta: 16,
    risk_share: 200,
    profit_target: 65,
    tested_delta: 30,
    rolls_for_credit: true,
};

/// What a rule might mean where two readings are possible; the shipped tests use [`Reading::default`].
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub forward: ForwardBy,
    /// An open or roll whose new leg another position holds the other way round is not ordered: at a broker it would
    /// close that leg.
    pub no_conflict: bool,
    /// Exit values that decisions read are rounded to the package's tick, as a fill would be.
    pub exit_rounded: bool,
    /// A long leg without a bid goes at zero in the mid band too. The documents say both "sold at zero" and "mid: every
    /// leg at the middle of its quote"; the second is what the word mid promises.
    pub bidless_mid_is_zero: bool,
    /// A roll that could not be done on the day of its decision is not ordered for the next one.
    pub roll_needs_price: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            forward: ForwardBy::SevenMedian,
            no_conflict: true,
            exit_rounded: false,
            bidless_mid_is_zero: false,
            roll_needs_price: true,
        }
    }
}

/// A leg: contracts per package, positive long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    pub expiry: NaiveDate,
    pub right: Right,
    pub strike: i64,
    pub ratio: i64,
}

impl Leg {
    pub fn same_contract(&self, o: &Self) -> bool {
        (self.expiry, self.right, self.strike) == (o.expiry, o.right, o.strike)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Open,
    Close,
    Roll,
    Settle,
}

/// A leg as traded: the quote, or the intrinsic value twice for a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    pub leg: Leg,
    pub quote: Quote,
}

#[derive(Clone, Debug)]
pub struct Trade {
    pub on: NaiveDate,
    pub decided: NaiveDate,
    pub kind: Kind,
    pub position: u32,
    pub rule: &'static str,
    pub lots: i64,
    pub fills: Vec<Fill>,
    pub net: Three,
    pub cash: Three,
    pub fees: i64,
}

/// A leg held.
pub struct Held {
    pub leg: Leg,
    /// What getting rid of one contract brings (long) or costs (short), newest known.
    pub exit: Three,
}

pub struct Position {
    pub number: u32,
    pub opened: NaiveDate,
    pub closed: Option<(NaiveDate, &'static str)>,
    pub lots: i64,
    pub held: Vec<Held>,
    pub credit: Three,
    pub cash: Three,
    pub fees: i64,
    pub rolls: u32,
}

impl Position {
    pub fn new(number: u32, opened: NaiveDate, lots: i64) -> Self {
        let (closed, held, credit, cash, fees, rolls) = (None, Vec::new(), [0; 3], [0; 3], 0, 0);
        Self {
            number,
            opened,
            closed,
            lots,
            held,
            credit,
            cash,
            fees,
            rolls,
        }
    }

    pub fn open(&self) -> bool {
        !self.held.is_empty()
    }

    pub fn legs(&self) -> Vec<Leg> {
        self.held.iter().map(|h| h.leg).collect()
    }

    pub fn value(&self) -> Three {
        let mut total = [0; 3];
        for h in &self.held {
            for (t, exit) in total.iter_mut().zip(h.exit) {
                *t += dollars(h.leg.ratio * exit, self.lots);
            }
        }
        total
    }

    /// Cash flows and exit value less fees.
    pub fn pnl(&self) -> Three {
        let value = self.value();
        [0, 1, 2].map(|i| self.cash[i] + value[i] - self.fees)
    }
}

/// What an order does.
pub enum What {
    Open(Vec<Leg>),
    Close(u32),
    Roll(u32, Vec<Leg>),
}

impl What {
    /// Position closed or rolled.
    pub fn position(&self) -> Option<u32> {
        match self {
            Self::Open(_) => None,
            Self::Close(n) | Self::Roll(n, _) => Some(*n),
        }
    }
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// No snapshot came after it.
    Working,
    Filled(NaiveDate),
    Cancelled,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    pub rule: &'static str,
    pub decided: NaiveDate,
    pub lots: i64,
    /// Position closed or rolled.
    pub of: Option<u32>,
    pub fate: Fate,
}

/// The account at the end of a session: the snapshot's fills and marks, then what expired at the close.
#[derive(Clone, Debug)]
pub struct DayEnd {
    pub date: NaiveDate,
    pub equity: Three,
    /// Highest equity so far less equity.
    pub drawdown: Three,
    pub cash: Three,
    pub fees: i64,
    pub positions: usize,
    pub underlying: i64,
}

/// The outcome.
#[derive(Default)]
pub struct Outcome {
    pub trades: Vec<Trade>,
    pub positions: Vec<Position>,
    pub orders: Vec<Ordered>,
    pub days: Vec<DayEnd>,
    /// Equity at each snapshot, orders filled and positions marked, before the day's expiry.
    pub at_snapshot: Vec<(NaiveDate, Three)>,
    /// Cash plus value of what is held at the end.
    pub last_equity: Three,
    /// Cash at the end.
    pub last_cash: Three,
    /// One line for everything that did not go straight.
    pub notes: Vec<String>,
    /// Smallest lead of a chosen strike over the runner-up, in delta.
    pub narrowest_pick: f64,
}
