//! The life of one order.
//!
//! ```text
//! intent ─┬→ sent ────┬→ working ─→ partial ─┬→ filled
//!         ├→ unknown ─┘     (any of them)    ├→ cancelled, expired
//!         └→ abandoned                       └→ rejected
//! ```
//! The states on the right and *abandoned* are ends: nothing leaves them. A trade that comes after an end still moves the
//! position, and somebody is told. *Unknown* is open: it may be at work.

use crate::broker::{BrokerOrder, Fill};
use alula_market::contract::Instrument;
use alula_market::money::{Price, Usd};
use alula_run::rails::Purpose;
use std::fmt;
use std::sync::Arc;

/// How an order stands, as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderState {
    /// Written down; not sent yet.
    Intent,
    /// Handed over.
    Sent,
    /// It may have left; nobody can say.
    Unknown,
    /// The broker has it.
    Working,
    /// Some of it traded.
    Partial,
    /// All of it traded.
    Filled,
    /// Taken back.
    Cancelled,
    /// Refused.
    Rejected,
    /// Its time is over.
    Expired,
    /// It never left and never will.
    Abandoned,
}

impl OrderState {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Intent,
        Self::Sent,
        Self::Unknown,
        Self::Working,
        Self::Partial,
        Self::Filled,
        Self::Cancelled,
        Self::Rejected,
        Self::Expired,
        Self::Abandoned,
    ];

    /// Nothing leaves it.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(
            self,
            Self::Filled | Self::Cancelled | Self::Rejected | Self::Expired | Self::Abandoned
        )
    }

    /// The broker said something about it, so it did arrive.
    #[must_use]
    pub const fn has_arrived(self) -> bool {
        matches!(self, Self::Working | Self::Partial)
    }

    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Working => "working",
            Self::Partial => "partial",
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Abandoned => "abandoned",
        }
    }

    /// From its word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }

    /// What comes of it when something happens. `filled` is what the order's trades amount to by then.
    #[must_use]
    pub const fn after(self, event: Happened, filled: Filled) -> Self {
        if self.is_end() {
            return self;
        }
        match (event, self, filled) {
            (Happened::NotSent, Self::Intent, Filled::None) | (Happened::Abandoned, _, Filled::None) => {
                Self::Abandoned
            }
            // Whoever says that it never left while it trades is wrong.
            (Happened::NotSent | Happened::Abandoned, _, _) => self.at_least_unknown(),
            (Happened::Sent, Self::Intent, _) => Self::Sent,
            (Happened::SentOrNot, Self::Intent | Self::Sent, _) => Self::Unknown,
            (Happened::Sent | Happened::SentOrNot, _, _) => self,
            (Happened::Acknowledged | Happened::Traded, _, Filled::All) => Self::Filled,
            (Happened::Acknowledged | Happened::Traded, _, Filled::Some) => Self::Partial,
            (Happened::Acknowledged, _, Filled::None) => Self::Working,
            // A correction took the trade back.
            (Happened::Traded, Self::Partial, Filled::None) => Self::Working,
            (Happened::Traded, _, Filled::None) => self,
            (Happened::Cancelled, _, _) => Self::Cancelled,
            (Happened::Expired, _, _) => Self::Expired,
            (Happened::Rejected, _, Filled::None) => Self::Rejected,
            (Happened::Rejected, _, _) => Self::Cancelled,
        }
    }

    const fn at_least_unknown(self) -> Self {
        match self {
            Self::Intent => Self::Unknown,
            other => other,
        }
    }
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What can happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It was handed over.
    Sent,
    /// It certainly never left.
    NotSent,
    /// Nobody can say whether it left.
    SentOrNot,
    /// The broker has it.
    Acknowledged,
    /// A trade came, or a correction of one.
    Traded,
    /// The broker took it back.
    Cancelled,
    /// Its time is over.
    Expired,
    /// The broker refused it.
    Rejected,
    /// It was looked for, twice, and is not there.
    Abandoned,
}

/// How much of an order its trades make up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filled {
    /// Nothing.
    None,
    /// Some of it.
    Some,
    /// All of it, or more.
    All,
}

/// An order and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// As a broker gets it.
    pub spec: BrokerOrder,
    /// Rule or policy that wants it.
    pub rule: Arc<str>,
    /// What it is for.
    pub purpose: Purpose,
    /// Most that it can lose, where it is known.
    pub risk: Option<Usd>,
    /// Version of the thresholds that it was born with.
    pub thresholds: u64,
    /// Number in its run.
    pub number: u64,
    /// Number of its intent in the journal of the run that holds it now.
    pub intent: u64,
    /// Decided but never sent.
    pub shadow: bool,
    /// How it stands.
    pub state: OrderState,
    /// The broker's name for it.
    pub broker_order: Option<Arc<str>>,
    /// Somebody asked to take it back.
    pub cancel_asked: bool,
    /// It was sent a second time: a refusal may be of the second copy, and says nothing of the first.
    pub resent: bool,
    /// What its trades make up.
    pub traded: Traded,
}

impl Order {
    /// It may be at work, or come to be.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !self.state.is_end() && !self.shadow
    }

    /// Risk of what may still trade: of all packages while nobody knows how many are left.
    #[must_use]
    pub fn open_risk(&self) -> Option<Usd> {
        if !self.is_open() {
            return Some(Usd::ZERO);
        }
        self.risk
    }
}

/// Trades of an order, put together to packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traded {
    /// Whole packages.
    pub packages: u32,
    /// Contracts or shares of each leg, signed.
    pub legs: Vec<i64>,
    /// Of the whole packages, as they came: instrument, signed quantity, price.
    pub parts: Vec<Part>,
    /// Fees as far as they are told.
    pub fee: Usd,
    /// Instruments that are no leg, or traded the wrong way round.
    pub strange: bool,
    /// More than was ordered.
    pub over: bool,
}

/// A piece of a trade that belongs to a whole package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Trade.
    pub exec_id: Arc<str>,
    /// What.
    pub instrument: Instrument,
    /// Positive bought, negative sold.
    pub quantity: i64,
    /// Points per contract, or dollars per share.
    pub price: Price,
}

impl Traded {
    /// Puts an order's trades together. Legs may come in any order and in any portions; a package is whole once each leg has
    /// its number, and takes the oldest trades of each leg.
    #[must_use]
    pub fn of<'a>(spec: &BrokerOrder, fills: impl Iterator<Item = &'a Fill>) -> Self {
        let mut out = Self {
            legs: vec![0; spec.legs.len()],
            ..Self::default()
        };
        let mut queues: Vec<Vec<Part>> = vec![Vec::new(); spec.legs.len()];
        for fill in fills {
            out.fee += fill.fee.unwrap_or_default();
            let leg = spec.legs.iter().position(|l| l.instrument == fill.instrument);
            let right = leg.and_then(|i| spec.legs.get(i)).map(|l| l.quantity.signum());
            let (Some(i), true) = (leg, right == Some(fill.quantity.signum())) else {
                out.strange = out.strange || fill.quantity != 0;
                continue;
            };
            if let Some(filled) = out.legs.get_mut(i) {
                *filled = filled.saturating_add(fill.quantity);
            }
            if let Some(queue) = queues.get_mut(i) {
                queue.push(Part {
                    exec_id: Arc::clone(&fill.exec_id),
                    instrument: fill.instrument,
                    quantity: fill.quantity,
                    price: fill.price,
                });
            }
        }
        let whole = |(leg, filled): (&alula_book::instrument::LinearLeg, &i64)| {
            filled.checked_div(leg.quantity).unwrap_or(0).max(0)
        };
        let most = spec.legs.iter().zip(&out.legs).map(whole);
        let whole = most.clone().min().unwrap_or(0);
        out.over = most.max().unwrap_or(0) > i64::from(spec.quantity);
        out.packages = u32::try_from(whole).unwrap_or(u32::MAX);
        for (leg, queue) in spec.legs.iter().zip(queues) {
            let mut wanted = leg.quantity.saturating_mul(whole);
            for mut part in queue {
                if wanted == 0 {
                    break;
                }
                if part.quantity.abs() > wanted.abs() {
                    part.quantity = wanted;
                }
                wanted = wanted.saturating_sub(part.quantity);
                out.parts.push(part);
            }
        }
        out
    }

    /// How much that is of the order.
    #[must_use]
    pub fn share(&self, spec: &BrokerOrder) -> Filled {
        if self.packages >= spec.quantity {
            Filled::All
        } else if self.legs.iter().any(|q| *q != 0) {
            Filled::Some
        } else {
            Filled::None
        }
    }

    /// Legs do not stand in the order's ratio: part of a package is missing.
    #[must_use]
    pub fn is_lopsided(&self, spec: &BrokerOrder) -> bool {
        let whole = i64::from(self.packages);
        let uneven = |(leg, filled): (&alula_book::instrument::LinearLeg, &i64)| {
            *filled != leg.quantity.saturating_mul(whole)
        };
        self.strange || spec.legs.iter().zip(&self.legs).any(uneven)
    }

    /// Net of the whole packages in points, credits positive, for all of them together.
    #[must_use]
    pub fn net(&self) -> Price {
        let paid = self.parts.iter().map(|p| p.price.times(p.quantity));
        paid.fold(Price::ZERO, |sum, p| sum - p)
    }
}
