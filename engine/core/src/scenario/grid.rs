//! Cells of a grid of vol × spot × time: what an account or a package would gain, need and have free.

use super::account::{Account, After, Shifted};
use super::{Market, holdings, outcome};
use crate::margin::{Stake, requirement};
use crate::observe::Sight;
use crate::value::Cause;
use alula_book::{Rulebook, payoff};
use alula_market::money::Usd;
use alula_pricing::breakeven::{Dynamics, Scenario, rate_of};
use alula_pricing::stress::{Holding, VolShift};

/// A package whose return is asked for: about to be opened, or held.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Legs and lots.
    pub stake: Stake<'a>,
    /// Dollars in hand against it: the credit of what is about to be opened; of what is held, what giving it up would cost.
    pub cash: f64,
    /// Dollars that it brought since it was opened, for its break-evens.
    pub flows: f64,
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub struct GridCell {
    /// Shift.
    pub market: Market,
    /// What the account is worth there, less what it is worth to begin with.
    pub profit: Usd,
    /// The account there.
    pub after: After,
    /// Required by each rulebook asked for.
    pub required: Vec<Usd>,
    /// Annual rate of return on the capital at risk: each entry's own, weighted by its capital.
    pub rate: Result<f64, Cause>,
}

impl GridCell {
    /// What is free of a rulebook's requirement: negative is a margin call.
    #[must_use]
    pub fn buffer(&self, index: usize, rulebook: Rulebook) -> Option<Usd> {
        Some(self.after.available(rulebook) - *self.required.get(index)?)
    }

    /// Quick ratio by a rulebook; see [`super::account::quick_ratio`].
    #[must_use]
    pub fn cushion(&self, index: usize, rulebook: Rulebook) -> Option<f64> {
        let required = self.required.get(index)?.to_f64();
        Some(self.after.liquid(rulebook).to_f64() / required.max(1.0))
    }
}

/// Capital at risk: what can be lost from what is in hand, the margin where the loss has no bound.
fn capital(sight: &Sight<'_>, entry: &Entry<'_>) -> Result<f64, Cause> {
    let Stake { package, lots, .. } = entry.stake;
    match payoff::worst(package) {
        Some(worst) => {
            let worst = worst.dollars(package.multiplier(), i64::from(lots)).to_f64();
            Ok(-(entry.cash + worst))
        }
        None => requirement(sight, sight.rulebook, &[entry.stake]).map(Usd::to_f64),
    }
}

/// Annual rate of return of entries in a shifted market, weighted by their capital.
///
/// # Errors
/// `no position` without entries; as [`outcome`]; `out of domain` without capital or time.
pub fn rate(sight: &Sight<'_>, entries: &[Entry<'_>], market: &Market) -> Result<f64, Cause> {
    let (mut weighted, mut sum) = (0.0, 0.0);
    for entry in entries {
        let capital = capital(sight, entry)?;
        let stake = &entry.stake;
        let (profit, years) = outcome(sight, stake.package, stake.lots, entry.cash, market)?;
        let rate = rate_of(profit, capital, years).ok_or(Cause::OutOfDomain)?;
        weighted += rate * capital;
        sum += capital;
    }
    if entries.is_empty() {
        return Err(Cause::NoPosition);
    }
    if sum > 0.0 {
        Ok(weighted / sum)
    } else {
        Err(Cause::OutOfDomain)
    }
}

/// One cell of the grid; `base` is what the account is worth to begin with.
///
/// # Errors
/// As [`Shifted::account`]. A rate that cannot be had is a cause in the cell.
pub fn cell(
    sight: &Sight<'_>,
    (account, base): (&Account<'_>, Usd),
    entries: &[Entry<'_>],
    market: Market,
    rulebooks: &[Rulebook],
) -> Result<GridCell, Cause> {
    let (after, required) = Shifted::new(sight, market).account(account, rulebooks)?;
    Ok(GridCell {
        market,
        profit: after.equity() - base,
        after,
        required,
        rate: rate(sight, entries, &market),
    })
}

/// Levels of the underlying at which the entries on it together neither win nor lose since they were opened, `days` from
/// now, vols shifted by so many points; ascending.
///
/// # Errors
/// As [`holdings`]; `no quote` without a surface.
pub fn breakevens(
    sight: &Sight<'_>,
    entries: &[Entry<'_>],
    underlying: &str,
    (days, vol): (f64, f64),
) -> Result<Vec<f64>, Cause> {
    let view = sight.view(underlying).ok_or(Cause::NoQuote)?;
    let own = |e: &&Entry<'_>| e.stake.package.underlying() == underlying;
    let mut all: Vec<Holding> = Vec::new();
    let mut cash = 0.0;
    for entry in entries.iter().filter(own) {
        all.extend(holdings(sight, entry.stake.package, entry.stake.lots)?);
        cash += entry.flows;
    }
    if all.is_empty() {
        return Err(Cause::NoPosition);
    }
    let surface = if days > 0.0 {
        Some(view.surface().surface()?)
    } else {
        None
    };
    let scenario = Scenario {
        holdings: &all,
        cash,
        surface,
        dynamics: Dynamics::StickyStrike,
    };
    let zeros = scenario.breakevens(days, VolShift::Points(vol));
    let spot = view.snapshot.spot.to_f64();
    Ok(zeros
        .map_err(|_| Cause::OutOfDomain)?
        .iter()
        .map(|z| spot * (1.0 + z.shift))
        .collect())
}
