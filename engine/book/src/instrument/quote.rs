//! What a future or share costs or brings.

use crate::band::{Band, Cross};
use alula_market::contract::tick::{Quoted, increment};
use alula_market::contract::{FutureContract, Instrument, Share};
use alula_market::money::Price;
use alula_market::time::Instant;

/// Where a quote comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuoteKind {
    /// A bid and an ask that stood in the market.
    Quoted,
    /// A settlement or closing price with an assumed spread around it: results are approximate.
    Assumed,
}

/// A bid and an ask of a future or share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearQuote {
    /// Bid.
    pub bid: Price,
    /// Ask.
    pub ask: Price,
    /// When it stood.
    pub at: Instant,
    /// Where it comes from.
    pub kind: QuoteKind,
}

/// Why a quote is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// Bid at or above ask, or a price that is not positive.
    #[error("bid {bid} and ask {ask} are no market")]
    NoMarket {
        /// Bid.
        bid: Price,
        /// Ask.
        ask: Price,
    },
}

impl LinearQuote {
    /// Most increments that an assumed spread may have.
    pub const MAX_SPREAD: u32 = 1_000;

    /// A quote that stood in the market. A zero bid is none for a future or a share.
    ///
    /// # Errors
    /// When it is locked or crossed, or a price is not positive.
    pub fn quoted(bid: Price, ask: Price, at: Instant) -> Result<Self, QuoteError> {
        if bid <= Price::ZERO || ask <= bid {
            return Err(QuoteError::NoMarket { bid, ask });
        }
        Ok(Self {
            bid,
            ask,
            at,
            kind: QuoteKind::Quoted,
        })
    }

    /// A market of so many increments around a settlement or closing price; labelled [`QuoteKind::Assumed`].
    ///
    /// An odd number of increments leans to the ask by the half that is left over: the sum of both sides is the spread, and
    /// neither side is better than the price. At least one increment wide.
    ///
    /// # Errors
    /// When the price is not above half the spread.
    pub fn assumed(
        instrument: &Instrument,
        price: Price,
        spread_ticks: u32,
        at: Instant,
    ) -> Result<Self, QuoteError> {
        let table = match instrument {
            Instrument::Option(c) => c.root.ticks(),
            Instrument::Future(FutureContract { root, .. }) => root.ticks(),
            Instrument::Share(share) => Share::ticks(*share),
        };
        let tick = increment(table, Quoted::Single, price, at.date());
        let spread = tick.times(i64::from(spread_ticks.clamp(1, Self::MAX_SPREAD)));
        let below = Price(spread.0 / 2);
        let (bid, ask) = (price - below, price + (spread - below));
        let quote = Self::quoted(bid, ask, at)?;
        Ok(Self {
            kind: QuoteKind::Assumed,
            ..quote
        })
    }

    /// Middle, rounded down to a mill.
    #[must_use]
    pub const fn mid(&self) -> Price {
        Price(self.bid.0.saturating_add(self.ask.0).div_euclid(2))
    }

    /// Price of a buyer (`true`) or a seller at the three fill assumptions.
    #[must_use]
    pub fn price(&self, buys: bool, cross: Cross) -> Band<Price> {
        let give = cross.of_half(self.ask - self.bid);
        let mid = self.mid();
        if buys {
            // The middle is rounded down, so that a buyer's share never passes the ask.
            Band {
                mid,
                share: (mid + give).min(self.ask),
                natural: self.ask,
            }
        } else {
            Band {
                mid,
                share: (mid - give).max(self.bid),
                natural: self.bid,
            }
        }
    }
}
