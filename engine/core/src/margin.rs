//! Margin at a tick: of a package, of everything held, and whether an order fits.
//!
//! One entry for every rulebook. Strategy-based rulebooks sum over positions; portfolio margin revalues everything on one
//! underlying together, with the forward, time and strike vols that the tick's chain implies.
//!
//! What the account has against its requirement depends on the rulebook's kind. Strategy-based requirements cover what a
//! short leg owes, so that the account's cash counts with the value of what is worth something, and short premium is not
//! taken off twice. A stressed loss starts from the marks, so that it stands against equity as it is.

use crate::analytics::pricing_right;
use crate::linear::account_margin;
use crate::observe::Sight;
use crate::value::Cause;
use alula_book::instrument::{FuturesMargin, LinearLeg};
use alula_book::portfolio::{self, ClassHoldings};
use alula_book::{Book, House, Leg, Package, Position, Rulebook, margin};
use alula_market::contract::FutureContract;
use alula_market::money::{Price, Usd};
use alula_market::time::Date;
use alula_pricing::stress::{Asset, Holding};
use std::collections::BTreeMap;

/// Something held, or about to be.
#[derive(Clone, Copy, Debug)]
pub struct Stake<'a> {
    /// Legs per lot.
    pub package: &'a Package,
    /// Lots.
    pub lots: u32,
    /// The open position that holds it: its marks are its prices where a leg is not quoted. None: the tick's mids.
    pub position: Option<&'a Position>,
}

impl<'a> Stake<'a> {
    /// An open position; none when it holds nothing.
    #[must_use]
    pub fn of(position: &'a Position) -> Option<Self> {
        Some(Self {
            package: position.held()?,
            lots: position.lots,
            position: Some(position),
        })
    }
}

/// A requirement and what stands against it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountMargin {
    /// Required.
    pub required: Usd,
    /// Available: see the module.
    pub available: Usd,
}

impl AccountMargin {
    /// The account has less than is required.
    #[must_use]
    pub fn is_called(&self) -> bool {
        self.required > self.available
    }
}

/// What the account has against a requirement of this rulebook, at the stated share.
#[must_use]
pub fn available(book: &Book, rulebook: Rulebook) -> Usd {
    if rulebook.house().is_some() {
        return book.equity().share;
    }
    let worth = |p: &Position| p.market_value().share.max(Usd::ZERO);
    book.cash().share + book.positions().map(worth).sum() + book.ledger().market_value().share
}

/// Requirement of futures and shares, the same by every rulebook: futures by their table, shares half of their value
/// (Regulation T).
pub(crate) fn linear_requirement(
    futures: BTreeMap<FutureContract, i64>,
    shares: Usd,
    on: Date,
) -> Result<Usd, Cause> {
    if futures.is_empty() && shares == Usd::ZERO {
        return Ok(Usd::ZERO);
    }
    let table = FuturesMargin::round_numbers();
    let futures = table.requirement(futures, on).ok_or(Cause::NoData)?;
    Ok(futures + Usd(shares.abs().0 / 2))
}

/// Where a requirement's prices come from: the tick's market, or one that is shifted.
pub(crate) trait Scene {
    /// Level of a package's underlying.
    fn spot(&self, package: &Package) -> Result<Price, Cause>;
    /// One contract's price.
    fn price(&self, stake: &Stake<'_>, leg: &Leg) -> Result<Price, Cause>;
    /// One contract as a grid of stresses revalues it.
    fn asset(&self, leg: &Leg) -> Result<Asset, Cause>;
    /// Told of the contracts that are about to be asked for: together they may cost less.
    fn prepare<'l>(&self, _legs: impl Iterator<Item = &'l Leg>) {}
}

impl Scene for Sight<'_> {
    fn spot(&self, package: &Package) -> Result<Price, Cause> {
        Sight::spot(self, package)
    }

    /// A held leg's mark, else the mid.
    fn price(&self, stake: &Stake<'_>, leg: &Leg) -> Result<Price, Cause> {
        let held = stake
            .position
            .and_then(|p| p.legs.iter().find(|l| l.contract == leg.contract));
        held.map_or_else(|| self.mid(leg), |l| Ok(l.mark.mid))
    }

    fn asset(&self, leg: &Leg) -> Result<Asset, Cause> {
        let view = self.view(leg.contract.root.underlying()).ok_or(Cause::NoQuote)?;
        let (chain, analytics) = view.of(&leg.contract).ok_or(Cause::NoQuote)?;
        Ok(Asset::Option {
            terms: *analytics.terms()?,
            right: pricing_right(leg.contract.right),
            strike: leg.contract.strike.to_f64(),
            vol: analytics.strike_vol(chain, leg.contract.strike)?,
        })
    }

    fn prepare<'l>(&self, legs: impl Iterator<Item = &'l Leg>) {
        let mut legs: Vec<&Leg> = legs.collect();
        legs.sort_by_key(|l| l.contract.root.underlying());
        for alike in legs.chunk_by(|a, b| a.contract.root.underlying() == b.contract.root.underlying()) {
            let underlying = alike.first().map(|l| l.contract.root.underlying());
            if let Some(view) = underlying.and_then(|u| self.view(u)) {
                view.prepare_strike_vols(alike.iter().map(|l| &l.contract));
            }
        }
    }
}

/// Requirement of everything held, and what stands against it.
///
/// # Errors
/// As [`requirement`].
pub fn account(sight: &Sight<'_>, book: &Book, rulebook: Rulebook) -> Result<AccountMargin, Cause> {
    let stakes: Vec<Stake<'_>> = book.positions().filter_map(Stake::of).collect();
    Ok(AccountMargin {
        required: requirement(sight, rulebook, &stakes)? + account_margin(sight, book, &[])?,
        available: available(book, rulebook),
    })
}

/// Requirement of several stakes together.
///
/// # Errors
/// `no quote` when an underlying, a price or (for portfolio margin) a vol is not known; `out of domain` when a stressed value
/// is none.
pub fn requirement(sight: &Sight<'_>, rulebook: Rulebook, stakes: &[Stake<'_>]) -> Result<Usd, Cause> {
    requirement_in(sight, rulebook, stakes)
}

/// The same with the prices of a scene.
pub(crate) fn requirement_in(
    scene: &impl Scene,
    rulebook: Rulebook,
    stakes: &[Stake<'_>],
) -> Result<Usd, Cause> {
    let Some(house) = rulebook.house() else {
        return stakes.iter().map(|s| by_strategy(scene, rulebook, s)).sum();
    };
    let mut sum = Usd::ZERO;
    let mut ranged: Vec<&Stake<'_>> = Vec::new();
    for stake in stakes {
        if portfolio::range_of(stake.package.underlying()).is_some() {
            ranged.push(stake);
        } else {
            sum += by_strategy(scene, rulebook, stake)?;
        }
    }
    Ok(sum + stressed(scene, house, &ranged)?)
}

fn by_strategy(scene: &impl Scene, rulebook: Rulebook, stake: &Stake<'_>) -> Result<Usd, Cause> {
    let spot = scene.spot(stake.package)?;
    let mut prices = Vec::with_capacity(stake.package.legs().len());
    for leg in stake.package.legs() {
        prices.push((leg.contract, scene.price(stake, leg)?));
    }
    let price_of = |leg: &Leg| {
        let found = prices.iter().find(|(c, _)| *c == leg.contract);
        found.map_or(Price::ZERO, |(_, p)| *p)
    };
    Ok(margin::requirement(
        rulebook,
        stake.package,
        stake.lots,
        spot,
        price_of,
    ))
}

fn stressed(scene: &impl Scene, house: House, stakes: &[&Stake<'_>]) -> Result<Usd, Cause> {
    let mut classes: Vec<(&str, ClassHoldings)> = Vec::new();
    scene.prepare(stakes.iter().flat_map(|s| s.package.legs()));
    for stake in stakes {
        let underlying = stake.package.underlying();
        let Some(range) = portfolio::range_of(underlying) else {
            continue;
        };
        let at = classes.iter().position(|(u, _)| *u == underlying);
        let at = at.unwrap_or_else(|| {
            let empty = ClassHoldings {
                range,
                holdings: Vec::new(),
                minimum: 0.0,
            };
            classes.push((underlying, empty));
            classes.len() - 1
        });
        let Some((_, class)) = classes.get_mut(at) else {
            continue;
        };
        let multiplier = i32::try_from(stake.package.multiplier()).map_or(f64::MAX, f64::from);
        for leg in stake.package.legs() {
            let contracts = f64::from(leg.ratio) * f64::from(stake.lots);
            let asset = scene.asset(leg)?;
            let units = contracts * multiplier;
            class.holdings.push(Holding { asset, units });
            let value = scene.price(stake, leg)?.to_f64();
            class.minimum += portfolio::contract_minimum(contracts, multiplier, value);
        }
    }
    let classes: Vec<ClassHoldings> = classes.into_iter().map(|(_, c)| c).collect();
    portfolio::requirement(house, &classes).map_err(|_| Cause::OutOfDomain)
}

/// What the account would need and have with one more stake in place of what a roll gives up, fees and credit counted.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// What would be held.
    pub stake: Stake<'a>,
    /// The position that a roll replaces.
    pub from: Option<&'a Position>,
    /// Cash that the order's trade brings (negative: costs), fees apart, for all lots.
    pub cash: Usd,
    /// Fees.
    pub fees: Usd,
}

/// The account after a change, with everything that opening orders at work are about to hold.
///
/// # Errors
/// As [`requirement`].
pub fn after(
    sight: &Sight<'_>,
    book: &Book,
    rulebook: Rulebook,
    change: &Change<'_>,
    pending: &[Stake<'_>],
) -> Result<AccountMargin, Cause> {
    let kept = |p: &&Position| change.from.is_none_or(|f| f.id != p.id);
    let mut stakes: Vec<Stake<'_>> = book.positions().filter(kept).filter_map(Stake::of).collect();
    stakes.extend_from_slice(pending);
    stakes.push(change.stake);
    // A debit turns into something worth as much; a credit is cash against a requirement that covers what it owes.
    let brought = if rulebook.house().is_some() {
        Usd::ZERO
    } else {
        change.cash.max(Usd::ZERO)
    };
    Ok(AccountMargin {
        required: requirement(sight, rulebook, &stakes)? + account_margin(sight, book, &[])?,
        available: available(book, rulebook) + brought - change.fees,
    })
}

/// The account after an order for futures or shares: what it would require with these legs more, fees paid.
///
/// # Errors
/// As [`requirement`], and `no data` where a class of futures has no row.
pub fn after_linear(
    sight: &Sight<'_>,
    book: &Book,
    (legs, fees): (&[LinearLeg], Usd),
    pending: &[Stake<'_>],
) -> Result<AccountMargin, Cause> {
    let mut stakes: Vec<Stake<'_>> = book.positions().filter_map(Stake::of).collect();
    stakes.extend_from_slice(pending);
    let rulebook = sight.rulebook;
    Ok(AccountMargin {
        required: requirement(sight, rulebook, &stakes)? + account_margin(sight, book, legs)?,
        available: available(book, rulebook) - fees,
    })
}
