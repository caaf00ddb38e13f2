//! Option chains: one immutable snapshot of every quote, laid out in flat columns.

use crate::contract::{OptionContract, Right, Root, Settlement};
use crate::money::Price;
use crate::time::{Date, Instant};

/// Quotes of one right over the strikes of an expiry; all columns have the strikes' length, the sizes may also be empty.
///
/// A strike that is not listed on this side, or has no two-sided market, has `ask` 0 (a zero *bid* is a market).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuoteColumns {
    /// Bids.
    pub bid: Vec<Price>,
    /// Asks.
    pub ask: Vec<Price>,
    /// Contracts traded so far this session.
    pub volume: Vec<u32>,
    /// Open interest as of the previous session's end.
    pub open_interest: Vec<u32>,
    /// Contracts bid for; empty where the data have no sizes.
    pub bid_size: Vec<u32>,
    /// Contracts offered; empty where the data have no sizes.
    pub ask_size: Vec<u32>,
}

/// One expiry of one root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiryChain {
    /// Root.
    pub root: Root,
    /// Expiry date.
    pub expiry: Date,
    /// How it settles.
    pub settlement: Settlement,
    /// When it settles.
    pub settles_at: Instant,
    /// Last instant at which it trades.
    pub last_trade_at: Instant,
    /// Strikes, ascending, unique.
    pub strikes: Vec<Price>,
    /// Puts.
    pub puts: QuoteColumns,
    /// Calls.
    pub calls: QuoteColumns,
}

/// A bid and an ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Bid; zero is a real bid of nothing.
    pub bid: Price,
    /// Ask.
    pub ask: Price,
}

/// What stands in a chain for a contract, also where it is locked, crossed or no market at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawQuote {
    /// Bid; zero is a real bid of nothing where there is an ask.
    pub bid: Price,
    /// Ask; zero where there is no market.
    pub ask: Price,
    /// Contracts bid for, where the data have sizes.
    pub bid_size: Option<u32>,
    /// Contracts offered, where the data have sizes.
    pub ask_size: Option<u32>,
}

impl RawQuote {
    /// Somebody offers it.
    #[must_use]
    pub const fn is_quoted(&self) -> bool {
        self.ask.0 > 0
    }
}

impl Quote {
    /// Half of bid plus ask. Exact: ticks are even numbers of mills.
    #[must_use]
    pub const fn mid(self) -> Price {
        Price(self.bid.0.saturating_add(self.ask.0) / 2)
    }
}

impl ExpiryChain {
    /// Quotes of a right.
    #[must_use]
    pub const fn side(&self, right: Right) -> &QuoteColumns {
        match right {
            Right::Put => &self.puts,
            Right::Call => &self.calls,
        }
    }

    /// Position of a strike.
    #[must_use]
    pub fn index_of(&self, strike: Price) -> Option<usize> {
        self.strikes.binary_search(&strike).ok()
    }

    /// The quote at a position; `None` where there is no market, or it is locked or crossed.
    #[must_use]
    pub fn quote(&self, right: Right, index: usize) -> Option<Quote> {
        let side = self.side(right);
        let quote = Quote {
            bid: *side.bid.get(index)?,
            ask: *side.ask.get(index)?,
        };
        (quote.bid.0 >= 0 && quote.ask > quote.bid).then_some(quote)
    }

    /// Strikes of a right that have a market that is neither locked nor crossed, ascending.
    pub fn quotes(&self, right: Right) -> impl DoubleEndedIterator<Item = (Price, Quote)> {
        let side = self.side(right);
        let rows = self.strikes.iter().zip(side.bid.iter().zip(&side.ask));
        rows.filter(|(_, (bid, ask))| bid.0 >= 0 && ask > bid)
            .map(|(strike, (bid, ask))| {
                let quote = Quote { bid: *bid, ask: *ask };
                (*strike, quote)
            })
    }
}

/// Every quote of one underlying's options at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainSnapshot {
    /// When the quotes stood.
    pub at: Instant,
    /// Underlying: `SPX`, `VIX`.
    pub underlying: String,
    /// Underlying's own price in the same snapshot.
    pub spot: Price,
    /// Chains in order of (expiry, root).
    pub expiries: Vec<ExpiryChain>,
}

impl ChainSnapshot {
    /// The chain of a root and expiry.
    #[must_use]
    pub fn expiry(&self, root: Root, expiry: Date) -> Option<&ExpiryChain> {
        let at = self
            .expiries
            .binary_search_by(|c| (c.expiry, c.root).cmp(&(expiry, root)))
            .ok()?;
        self.expiries.get(at)
    }

    /// The quote of a contract.
    #[must_use]
    pub fn quote(&self, contract: &OptionContract) -> Option<Quote> {
        let chain = self.expiry(contract.root, contract.expiry)?;
        chain.quote(contract.right, chain.index_of(contract.strike)?)
    }

    /// What stands for a contract, as it stands; nothing where it is not listed.
    #[must_use]
    pub fn raw_quote(&self, contract: &OptionContract) -> Option<RawQuote> {
        let chain = self.expiry(contract.root, contract.expiry)?;
        let (side, i) = (chain.side(contract.right), chain.index_of(contract.strike)?);
        Some(RawQuote {
            bid: *side.bid.get(i)?,
            ask: *side.ask.get(i)?,
            bid_size: side.bid_size.get(i).copied(),
            ask_size: side.ask_size.get(i).copied(),
        })
    }
}
