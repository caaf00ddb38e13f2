//! What an order would take: the most that the account could owe at the expiries of what it holds, a share of it more or less.
//!
//! A defined-risk account: options of a class and expiry settle at one value, and their worst one is what they require. Classes
//! and expiries add up, because nothing keeps them together. What has no worst value (a call sold alone), and whatever is no
//! option, has no margin here, and a question for it gets no answer.

use crate::account::{Account, instant};
use crate::settings::Config;
use alula_book::fees::{Class, FeeDay, FeeLeg};
use alula_book::{Leg, payoff};
use alula_market::contract::{Instrument, Root};
use alula_market::money::{Price, Usd};
use alula_market::time::Date;
use std::collections::BTreeMap;

/// Margin and fees, in that order.
pub type Takes = (Usd, Usd);

/// What the account would require with so many packages more, and what they cost in fees.
///
/// # Errors
/// When this broker has no margin for something of it, in words.
pub fn what_if(
    (account, config): (&Account, &Config),
    (legs, packages): (&[(Instrument, i32)], u32),
    mark: impl Fn(&Instrument) -> Option<Price>,
    now_ns: i64,
) -> Result<Takes, String> {
    let lots = i64::from(packages);
    let mut held = account.positions.clone();
    for (what, ratio) in legs {
        let quantity = held.entry(*what).or_default();
        *quantity = quantity.saturating_add(i64::from(*ratio).saturating_mul(lots));
    }
    let required = required(&held)?;
    let share = i128::from(required.0) * i128::from(config.what_if) / 100;
    let required = Usd(i64::try_from(share).unwrap_or(i64::MAX));
    let fee_legs: Vec<FeeLeg> = legs
        .iter()
        .map(|(what, ratio)| FeeLeg {
            symbol: what.class(),
            class: Class::Option,
            ratio: *ratio,
            premium: mark(what).unwrap_or(Price::ZERO),
            closing: false,
        })
        .collect();
    let at = instant(now_ns);
    let day = FeeDay {
        on: at.date(),
        month_contracts: account.month_contracts(at, true),
    };
    let fees = config
        .fees
        .fees(&fee_legs, packages, day)
        .map_err(|_| format!("the fee schedule `{}` has no row for it", config.fees.name))?;
    Ok((required, fees.total()))
}

fn required(held: &BTreeMap<Instrument, i64>) -> Result<Usd, String> {
    let mut groups: BTreeMap<(Root, Date), Vec<Leg>> = BTreeMap::new();
    for (what, quantity) in held.iter().filter(|(_, quantity)| **quantity != 0) {
        let Instrument::Option(contract) = what else {
            return Err(format!(
                "no margin is told for an account with `{what}`: of options only"
            ));
        };
        let ratio = i32::try_from(*quantity).map_err(|_| format!("too many `{what}`"))?;
        groups
            .entry((contract.root, contract.expiry))
            .or_default()
            .push(Leg {
                contract: *contract,
                ratio,
            });
    }
    let mut sum = Usd::ZERO;
    for ((root, expiry), legs) in groups {
        let low = payoff::range(&legs)
            .low
            .ok_or_else(|| format!("what {} of {expiry} could lose has no end", root.symbol()))?;
        sum += -low.min(Price::ZERO).dollars(root.multiplier(), 1);
    }
    Ok(sum)
}
