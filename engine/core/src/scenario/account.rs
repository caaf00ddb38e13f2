//! The account in a shifted market: what it would be worth, what its positions would require, and what would be free for that.
//!
//! The measure of interest is the quick ratio of the book, [`cushion`]: (cash + bills) over the margin required, both after
//! the shift. Bills are cash here: the account keeps its money in one place. No option counts on the side of the cash, that
//! is what makes the ratio an acid test; gains and losses of futures do, because they are paid in cash on the day.

use super::Market;
use crate::analytics::pricing_right;
use crate::etp;
use crate::margin::{Scene, Stake, linear_requirement, requirement_in};
use crate::observe::Sight;
use crate::value::{Cause, Cell};
use alula_book::instrument::HoldingKey;
use alula_book::{Book, Leg, Package, Rulebook};
use alula_market::contract::{FutureContract, Instrument, OptionContract, Share};
use alula_market::money::{Price, Usd};
use alula_pricing::breakeven::{Dynamics, Scenario};
use alula_pricing::stress::{Asset, Holding, Shift};
use std::collections::BTreeMap;

/// A future or share held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// What.
    pub instrument: Instrument,
    /// Contracts or shares, negative short.
    pub quantity: i64,
    /// Price now.
    pub price: Price,
}

/// What an account holds.
#[derive(Clone, Debug, Default)]
pub struct Account<'a> {
    /// Cash at the stated share, unpaid variation of futures included.
    pub cash: Usd,
    /// Options.
    pub stakes: Vec<Stake<'a>>,
    /// Futures and shares.
    pub linear: Vec<Linear>,
}

impl<'a> Account<'a> {
    /// The account of a book.
    #[must_use]
    pub fn of(book: &'a Book) -> Self {
        let ledger = book.ledger();
        let mut linear = Vec::new();
        let mut shares = Usd::ZERO;
        for (HoldingKey { instrument, .. }, held) in ledger.holdings() {
            let price = held.mark.mid;
            linear.push(Linear {
                instrument: *instrument,
                quantity: held.quantity,
                price,
            });
            if matches!(instrument, Instrument::Share(_)) {
                shares += held.mark.share.dollars(instrument.multiplier(), held.quantity);
            }
        }
        Self {
            // What the ledger is worth besides its shares is variation that is not paid yet.
            cash: book.cash().share + ledger.market_value().share - shares,
            stakes: book.positions().filter_map(Stake::of).collect(),
            linear,
        }
    }
}

/// An account after a shift, everything at the mid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct After {
    /// Cash: with the variation that futures paid on the way, and with what settled.
    pub cash: Usd,
    /// Value of positions that are worth something, each position net.
    pub assets: Usd,
    /// What it would cost to be rid of the others, positive.
    pub owed: Usd,
    /// Value of shares.
    pub shares: Usd,
}

impl After {
    /// What the account is worth.
    #[must_use]
    pub fn equity(&self) -> Usd {
        self.cash + self.assets - self.owed + self.shares
    }

    /// What stands against a requirement, as [`crate::margin::available`] has it.
    #[must_use]
    pub fn available(&self, rulebook: Rulebook) -> Usd {
        if rulebook.house().is_some() {
            self.equity()
        } else {
            self.cash + self.assets + self.shares
        }
    }

    /// Free cash: all of it where the requirement covers what short options owe, less that where it does not (a stressed loss
    /// starts from the marks).
    #[must_use]
    pub fn liquid(&self, rulebook: Rulebook) -> Usd {
        if rulebook.house().is_some() {
            self.cash - self.owed
        } else {
            self.cash
        }
    }
}

/// A shifted market as margin and positions see it.
#[derive(Debug)]
pub struct Shifted<'s, 'a> {
    sight: &'s Sight<'a>,
    market: Market,
}

impl<'s, 'a> Shifted<'s, 'a> {
    /// A tick's market, shifted.
    #[must_use]
    pub const fn new(sight: &'s Sight<'a>, market: Market) -> Self {
        Self { sight, market }
    }

    /// One contract as a unit holding, and its own shift.
    fn unit(&self, contract: &OptionContract) -> Result<(Holding, Shift), Cause> {
        let underlying = contract.root.underlying();
        let view = self.sight.view(underlying).ok_or(Cause::NoQuote)?;
        let (terms, vol) = view.marked_vol(contract)?;
        let holding = Holding {
            asset: Asset::Option {
                terms,
                right: pricing_right(contract.right),
                strike: contract.strike.to_f64(),
                vol,
            },
            units: 1.0,
        };
        Ok((holding, self.market.of(underlying, terms.forward())))
    }

    /// One contract as an asset of the shifted market.
    fn shifted(&self, contract: &OptionContract) -> Result<Asset, Cause> {
        let (holding, shift) = self.unit(contract)?;
        let Asset::Option {
            terms, right, strike, ..
        } = holding.asset
        else {
            return Err(Cause::OutOfDomain);
        };
        let out = |_| Cause::OutOfDomain;
        let after = shift.terms(&terms).map_err(out)?;
        // Only time moves along the surface; without any it is not needed, and not fitted.
        let surface = if shift.days > 0.0 {
            let view = self
                .sight
                .view(contract.root.underlying())
                .ok_or(Cause::NoQuote)?;
            Some(view.surface().surface()?)
        } else {
            None
        };
        let scenario = Scenario {
            holdings: &[],
            cash: 0.0,
            surface,
            dynamics: Dynamics::StickyStrike,
        };
        let vol = scenario.vol_after(&holding, &after, &shift).map_err(out)?;
        Ok(Asset::Option {
            terms: after,
            right,
            strike,
            vol,
        })
    }

    /// Value of one contract, points.
    ///
    /// # Errors
    /// As [`crate::analytics::SnapshotView::marked_vol`]; `out of domain` where the shift leaves what Black-76 can value.
    pub fn value(&self, contract: &OptionContract) -> Result<f64, Cause> {
        let Asset::Option {
            terms,
            right,
            strike,
            vol,
        } = self.shifted(contract)?
        else {
            return Err(Cause::OutOfDomain);
        };
        terms.price(right, strike, vol).map_err(|_| Cause::OutOfDomain)
    }

    fn points(&self, contract: &OptionContract) -> Result<Price, Cause> {
        Price::from_f64(self.value(contract)?).ok_or(Cause::OutOfDomain)
    }

    /// Price of a future or share.
    fn linear(&self, held: &Linear) -> Result<Price, Cause> {
        let own = match held.instrument {
            Instrument::Option(_) => return Err(Cause::OutOfDomain),
            Instrument::Future(future) => {
                let underlying = if future.root.is_vix() { "VIX" } else { "SPX" };
                self.market.of(underlying, held.price.to_f64())
            }
            Instrument::Share(Share::Spy) => self.market.of("SPX", held.price.to_f64()),
            // A note on VX futures gains with each that it holds.
            Instrument::Share(share) => {
                let mut price = held.price.to_f64();
                for gain in etp::gains(self.sight, share)? {
                    let moved = self.market.of("VIX", gain.price);
                    price += gain.dollars * gain.price * moved.forward;
                }
                return Price::from_f64(price.max(0.0)).ok_or(Cause::OutOfDomain);
            }
        };
        Price::from_f64(held.price.to_f64() * (1.0 + own.forward)).ok_or(Cause::OutOfDomain)
    }

    /// Whether a contract has settled by the shift's end.
    fn is_settled(&self, contract: &OptionContract) -> Result<bool, Cause> {
        if self.market.shift.days <= 0.0 {
            return Ok(false);
        }
        let (holding, shift) = self.unit(contract)?;
        let Asset::Option { terms, .. } = holding.asset else {
            return Ok(false);
        };
        Ok(terms.years() * 365.0 <= shift.days)
    }

    /// What is left of a package, and dollars that its settled legs paid.
    fn left(&self, stake: &Stake<'_>) -> Result<(Option<Package>, Usd), Cause> {
        let mut legs = Vec::new();
        let mut paid = Usd::ZERO;
        let lots = i64::from(stake.lots);
        for leg in stake.package.legs() {
            if self.is_settled(&leg.contract)? {
                let one = self.points(&leg.contract)?.times(i64::from(leg.ratio));
                paid += one.dollars(stake.package.multiplier(), lots);
            } else {
                legs.push(*leg);
            }
        }
        if legs.is_empty() {
            return Ok((None, paid));
        }
        Ok((Some(Package::new(legs).map_err(|_| Cause::OutOfDomain)?), paid))
    }

    /// The account after the shift, and what would be required of it by a rulebook.
    ///
    /// # Errors
    /// The cause when a holding cannot be valued: `no quote`, `not listed`, `out of domain`; `no data` where a future has no
    /// margin.
    pub fn account(&self, account: &Account<'_>, rulebooks: &[Rulebook]) -> Result<(After, Vec<Usd>), Cause> {
        let mut after = After {
            cash: account.cash,
            ..After::default()
        };
        let mut left: Vec<(Package, u32)> = Vec::new();
        for stake in &account.stakes {
            let (package, paid) = self.left(stake)?;
            after.cash += paid;
            let Some(package) = package else { continue };
            let mut worth = Usd::ZERO;
            for leg in package.legs() {
                let points = self.points(&leg.contract)?.times(i64::from(leg.ratio));
                worth += points.dollars(package.multiplier(), i64::from(stake.lots));
            }
            after.assets += worth.max(Usd::ZERO);
            after.owed += (-worth).max(Usd::ZERO);
            left.push((package, stake.lots));
        }
        let mut futures: BTreeMap<FutureContract, i64> = BTreeMap::new();
        for held in &account.linear {
            let price = self.linear(held)?;
            let multiplier = held.instrument.multiplier();
            match held.instrument {
                Instrument::Future(contract) => {
                    after.cash += (price - held.price).dollars(multiplier, held.quantity);
                    let net = futures.entry(contract).or_default();
                    *net = net.saturating_add(held.quantity);
                }
                _ => after.shares += price.dollars(multiplier, held.quantity),
            }
        }
        futures.retain(|_, n| *n != 0);
        let stakes: Vec<Stake<'_>> = left
            .iter()
            .map(|(package, lots)| Stake {
                package,
                lots: *lots,
                position: None,
            })
            .collect();
        let linear = linear_requirement(futures, after.shares, self.sight.at.date())?;
        let required = rulebooks
            .iter()
            .map(|r| requirement_in(self, *r, &stakes).map(|options| options + linear))
            .collect::<Result<Vec<Usd>, Cause>>()?;
        Ok((after, required))
    }
}

impl Scene for Shifted<'_, '_> {
    fn spot(&self, package: &Package) -> Result<Price, Cause> {
        let spot = self.sight.spot(package)?.to_f64();
        let shift = self.market.of(package.underlying(), spot);
        Price::from_f64(spot * (1.0 + shift.forward)).ok_or(Cause::OutOfDomain)
    }

    fn price(&self, _: &Stake<'_>, leg: &Leg) -> Result<Price, Cause> {
        self.points(&leg.contract)
    }

    fn asset(&self, leg: &Leg) -> Result<Asset, Cause> {
        self.shifted(&leg.contract)
    }
}

/// The quick ratio of an account after a shift: free cash over the margin required by the tick's rulebook, a plain number.
///
/// Where less than a dollar is required the divisor is one dollar: an empty book's cushion is its cash in dollars, which is
/// above any level that somebody would ask for, and below zero when there is no cash.
///
/// # Errors
/// As [`Shifted::account`].
pub fn quick_ratio(sight: &Sight<'_>, account: &Account<'_>, market: Market) -> Result<f64, Cause> {
    let (after, required) = Shifted::new(sight, market).account(account, &[sight.rulebook])?;
    let required = required.first().copied().ok_or(Cause::NoData)?.to_f64();
    Ok(after.liquid(sight.rulebook).to_f64() / required.max(1.0))
}

/// `cushion(under …)` of a book.
#[must_use]
pub fn cushion(sight: &Sight<'_>, book: &Book, shift: &Shift) -> Cell {
    let market = Market::new(*shift);
    Cell::from(quick_ratio(sight, &Account::of(book), market))
}
