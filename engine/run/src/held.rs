//! What a run held at an instant, put together again from its trades.

use crate::error::{ErrorClass, RunError};
use crate::output::RunOutput;
use alula_book::{Leg, Package};
use alula_market::contract::{FutureContract, Instrument, OptionContract, Right, Root, Share};
use alula_market::money::{Price, Usd};
use alula_market::time::Instant;
use std::collections::BTreeMap;

/// A position as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldPosition {
    /// Number within the run.
    pub number: u32,
    /// Structure's key.
    pub structure: String,
    /// Legs per lot, in the smallest ratio.
    pub package: Package,
    /// Lots of that.
    pub lots: u32,
    /// Money that it brought until then at the stated share, fees apart.
    pub flows: Usd,
}

/// A future or share as it was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldLinear {
    /// What.
    pub instrument: Instrument,
    /// Contracts or shares, negative short.
    pub quantity: i64,
    /// Price at which it was traded or settled last.
    pub price: Price,
}

/// An account as it was: after the fills and settlements of the instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// Cash at the stated share, fees paid.
    pub cash: Usd,
    /// Positions in options, by number.
    pub positions: Vec<HeldPosition>,
    /// Futures and shares by symbol, each at its newest price; a future's variation up to that price is in the cash.
    pub linear: Vec<HeldLinear>,
}

const fn divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// What a run held at an instant.
///
/// # Errors
/// When a trade names no contract that there is: the folder is damaged.
pub fn held(run: &RunOutput, at: Instant) -> Result<Held, RunError> {
    let damaged = |what: String| RunError::new(ErrorClass::File, what, "make the run again");
    let mut cash = run.manifest.capital;
    let mut sums: BTreeMap<u32, (String, Usd, BTreeMap<OptionContract, i64>)> = BTreeMap::new();
    for trade in run.trades.iter().filter(|t| t.at <= at) {
        cash += trade.cash.share - trade.fees;
        let sum = sums
            .entry(trade.position)
            .or_insert_with(|| (trade.structure.clone(), Usd::ZERO, BTreeMap::new()));
        sum.1 += trade.cash.share;
        for leg in &trade.legs {
            let right = match leg.right.as_str() {
                "put" => Right::Put,
                "call" => Right::Call,
                other => return Err(damaged(format!("a trade of the run is in a `{other}`"))),
            };
            let root = Root::parse(&leg.root)
                .ok_or_else(|| damaged(format!("a trade of the run names the root `{}`", leg.root)))?;
            let contract = OptionContract {
                root,
                expiry: leg.expiry,
                strike: leg.strike,
                right,
            };
            let count = sum.2.entry(contract).or_default();
            *count = count.saturating_add(leg.ratio.saturating_mul(i64::from(trade.lots)));
        }
    }
    let mut symbols: BTreeMap<&str, HeldLinear> = BTreeMap::new();
    for row in run.linear.iter().filter(|r| r.at <= at) {
        cash += row.cash.share - row.fees;
        let unknown = || damaged(format!("a trade of the run names the symbol `{}`", row.symbol));
        let instrument = match Share::parse(&row.symbol) {
            Some(share) => Instrument::Share(share),
            None => FutureContract::parse(&row.symbol, row.at.date())
                .map(Instrument::Future)
                .map_err(|_| unknown())?,
        };
        let entry = symbols.entry(&row.symbol).or_insert(HeldLinear {
            instrument,
            quantity: 0,
            price: row.price.mid,
        });
        entry.quantity = entry.quantity.saturating_add(row.quantity);
        entry.price = row.price.mid;
    }
    let linear = symbols.into_values().filter(|l| l.quantity != 0).collect();
    let mut positions = Vec::new();
    for (number, (structure, flows, counts)) in sums {
        let open: Vec<(OptionContract, i64)> = counts.into_iter().filter(|c| c.1 != 0).collect();
        let lots = open.iter().fold(0, |d, c| divisor(c.1.unsigned_abs(), d));
        if lots == 0 {
            continue;
        }
        let wrong = || damaged(format!("position {number} of the run holds what no package can"));
        let lots = u32::try_from(lots).map_err(|_| wrong())?;
        let legs: Option<Vec<Leg>> = open
            .iter()
            .map(|(contract, n)| {
                let ratio = i32::try_from(n / i64::from(lots)).ok()?;
                Some(Leg {
                    contract: *contract,
                    ratio,
                })
            })
            .collect();
        let package = legs.and_then(|l| Package::new(l).ok()).ok_or_else(wrong)?;
        positions.push(HeldPosition {
            number,
            structure,
            package,
            lots,
            flows,
        });
    }
    Ok(Held {
        cash,
        positions,
        linear,
    })
}
