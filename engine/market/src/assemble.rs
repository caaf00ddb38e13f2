//! Option chains put together from quotes that came one by one.

use crate::calendar::ExchangeCalendar;
use crate::chain::{ExpiryChain, QuoteColumns};
use crate::contract::{OptionContract, Right, Root};
use crate::money::Price;
use crate::time::Date;
use std::collections::BTreeMap;

/// What was told of one contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContractQuote {
    /// Contract.
    pub contract: OptionContract,
    /// Points; `None` without a bid.
    pub bid: Option<Price>,
    /// Points; `None` without an ask.
    pub ask: Option<Price>,
    /// Contracts bid for, where it is told.
    pub bid_size: Option<u32>,
    /// Contracts offered, where it is told.
    pub ask_size: Option<u32>,
}

impl ContractQuote {
    /// A contract that is listed and has no market.
    #[must_use]
    pub const fn none(contract: OptionContract) -> Self {
        Self {
            contract,
            bid: None,
            ask: None,
            bid_size: None,
            ask_size: None,
        }
    }
}

/// The chains of these quotes, in order of (expiry, root). A contract that comes twice counts as it came last. Of volume and
/// open interest nothing is told: both are zero. Sizes are absent where no quote of a side of an expiry has one. Expiries
/// outside of the calendar are left out.
#[must_use]
pub fn chains(quotes: &[ContractQuote]) -> Vec<ExpiryChain> {
    type Sides = (Option<ContractQuote>, Option<ContractQuote>);
    let mut groups: BTreeMap<(Date, Root), BTreeMap<Price, Sides>> = BTreeMap::new();
    for quote in quotes {
        let contract = &quote.contract;
        let group = groups.entry((contract.expiry, contract.root)).or_default();
        let sides = group.entry(contract.strike).or_default();
        match contract.right {
            Right::Put => sides.0 = Some(*quote),
            Right::Call => sides.1 = Some(*quote),
        }
    }
    let calendar = ExchangeCalendar::nyse();
    let chain = |((expiry, root), strikes): ((Date, Root), BTreeMap<Price, Sides>)| {
        let puts: Vec<Option<ContractQuote>> = strikes.values().map(|s| s.0).collect();
        let calls: Vec<Option<ContractQuote>> = strikes.values().map(|s| s.1).collect();
        Some(ExpiryChain {
            root,
            expiry,
            settlement: root.settlement(),
            settles_at: calendar.settles_at(root, expiry)?,
            last_trade_at: calendar.last_trade_at(root, expiry)?,
            strikes: strikes.into_keys().collect(),
            puts: columns(&puts),
            calls: columns(&calls),
        })
    };
    groups.into_iter().filter_map(chain).collect()
}

fn columns(found: &[Option<ContractQuote>]) -> QuoteColumns {
    // Where no size is told at all none is known, and whoever fills says what to assume.
    let sizes = |side: fn(&ContractQuote) -> Option<u32>| {
        if found.iter().flatten().any(|q| side(q).is_some()) {
            found
                .iter()
                .map(|q| q.as_ref().and_then(side).unwrap_or(0))
                .collect()
        } else {
            Vec::new()
        }
    };
    let price = |side: fn(&ContractQuote) -> Option<Price>| {
        let of = |q: &Option<ContractQuote>| q.as_ref().and_then(side).unwrap_or(Price::ZERO);
        found.iter().map(of).collect()
    };
    QuoteColumns {
        bid: price(|q| q.bid),
        ask: price(|q| q.ask),
        volume: vec![0; found.len()],
        open_interest: vec![0; found.len()],
        bid_size: sizes(|q| q.bid_size),
        ask_size: sizes(|q| q.ask_size),
    }
}

/// The quotes of a chain, put by put and call by call: what [`chains`] puts together again, but for volume and open interest.
pub fn quotes(chain: &ExpiryChain) -> impl Iterator<Item = ContractQuote> {
    [Right::Put, Right::Call].into_iter().flat_map(move |right| {
        let side = chain.side(right);
        chain.strikes.iter().enumerate().map(move |(i, strike)| {
            let contract = OptionContract {
                root: chain.root,
                expiry: chain.expiry,
                right,
                strike: *strike,
            };
            let (bid, ask) = (side.bid.get(i).copied(), side.ask.get(i).copied());
            let quoted = ask.is_some_and(|a| a > Price::ZERO);
            ContractQuote {
                contract,
                bid: bid.filter(|_| quoted),
                ask: ask.filter(|_| quoted),
                bid_size: side.bid_size.get(i).copied(),
                ask_size: side.ask_size.get(i).copied(),
            }
        })
    })
}
