//! Packages that are not whole: what a broker's account holds of an order and the book was never told of.
//!
//! A broker may fill the legs of a package apart, give up before the last one, or correct a trade afterwards. What is left is held
//! leg by leg from the moment it is seen, under a key of its own: it counts in equity, margin and greeks, and settles when it
//! expires, as everything that the account holds. It is also set apart until an operator says what becomes of it, or until nothing
//! of it is held any more; meanwhile nothing is opened for its structure.

use alula_book::{Book, PositionId, single_legs_of};
use alula_market::contract::OptionContract;
use alula_market::money::{Price, Usd};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Contracts that traded and that the book was not told of, or was told of and did not trade; or money alone, where the price of
/// what it was told of was corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Odd {
    /// Contract.
    pub contract: OptionContract,
    /// Positive bought, negative sold; zero where only a price was corrected.
    pub quantity: i64,
    /// What they brought, all together: points, credits positive.
    pub points: Price,
}

impl Odd {
    /// Neither contracts nor money.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.quantity == 0 && self.points == Price::ZERO
    }
}

/// An order that ended and left legs that make no whole packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Our name for the order at the broker.
    pub order: Arc<str>,
    /// Key of its structure.
    pub structure: Arc<str>,
    /// Key of its rule.
    pub rule: Arc<str>,
    /// Position that it opened, closed or rolled, where there is one.
    pub position: Option<PositionId>,
    /// What the account holds beyond the book.
    pub odd: Vec<Odd>,
    /// What is missing until the packages that began are whole: contract, positive to buy.
    pub missing: Vec<(OptionContract, i64)>,
    /// Fees that the book was not told of.
    pub fee: Usd,
}

impl Broken {
    /// Without what the book was told already, fees too; nothing when that is all of it.
    #[must_use]
    pub(crate) fn without(mut self, (told, fee): (&[Odd], Usd)) -> Option<Self> {
        let mut left: BTreeMap<OptionContract, (i64, Price)> = BTreeMap::new();
        for odd in &self.odd {
            let row = left.entry(odd.contract).or_insert((0, Price::ZERO));
            *row = (row.0.saturating_add(odd.quantity), row.1 + odd.points);
        }
        for odd in told {
            let row = left.entry(odd.contract).or_insert((0, Price::ZERO));
            *row = (row.0.saturating_sub(odd.quantity), row.1 - odd.points);
        }
        self.odd = left
            .into_iter()
            .map(|(contract, (quantity, points))| Odd {
                contract,
                quantity,
                points,
            })
            .filter(|odd| !odd.is_nothing())
            .collect();
        self.fee -= fee;
        (!self.odd.is_empty()).then_some(self)
    }

    /// Packages of its position from which legs are gone.
    #[must_use]
    pub fn packages(&self, book: &Book) -> u32 {
        let Some(position) = self.position.and_then(|id| book.position(id)) else {
            return 0;
        };
        let gone = position.legs.iter().filter_map(|leg| {
            let odd = self.odd.iter().find(|o| o.contract == leg.contract)?;
            let ratio = i64::from(leg.ratio);
            let takes = odd.quantity.signum() == -ratio.signum();
            takes.then(|| odd.quantity.unsigned_abs().div_ceil(ratio.unsigned_abs().max(1)))
        });
        let gone = u32::try_from(gone.max().unwrap_or(0)).unwrap_or(u32::MAX);
        gone.min(position.lots)
    }

    /// Key under which its single legs are held.
    #[must_use]
    pub fn own_key(&self) -> Arc<str> {
        single_legs_of(&self.structure)
    }

    /// Money of prices that were corrected, beside the legs.
    #[must_use]
    pub fn corrected(&self) -> Usd {
        let prices = self.odd.iter().filter(|o| o.quantity == 0);
        prices
            .map(|o| o.points.dollars(o.contract.root.multiplier(), 1))
            .sum()
    }

    /// Whether contracts are held or missing, and not money alone.
    #[must_use]
    pub fn has_legs(&self) -> bool {
        self.odd.iter().any(|o| o.quantity != 0)
    }

    /// What is there, in words.
    #[must_use]
    pub fn held_text(&self) -> String {
        let legs = self.odd.iter().filter(|o| o.quantity != 0);
        let odd = legs.map(|o| (o.contract, o.quantity));
        words(odd, ("bought", "sold"))
    }

    /// What is missing, in words.
    #[must_use]
    pub fn missing_text(&self) -> String {
        words(self.missing.iter().copied(), ("to buy", "to sell"))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "order `{}` of `{}` left legs that make no whole package: {}",
            self.order,
            self.structure,
            self.held_text()
        )?;
        if !self.missing.is_empty() {
            write!(f, "; missing: {}", self.missing_text())?;
        }
        Ok(())
    }
}

fn words(legs: impl Iterator<Item = (OptionContract, i64)>, (long, short): (&str, &str)) -> String {
    let each = |(contract, n): (OptionContract, i64)| {
        let side = if n > 0 { long } else { short };
        format!("{} {contract} {side}", n.unsigned_abs())
    };
    legs.map(each).collect::<Vec<_>>().join(", ")
}

/// What becomes of legs that make no whole package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// They stay held as they are, under a key of their own, until they expire.
    Take,
    /// An order for each closes them.
    Close,
    /// The account does not hold them any more: they are forgotten.
    Gone,
}

impl Way {
    /// All, in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::Take, Self::Close, Self::Gone];

    /// `take`, `close` or `gone`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Take => "take",
            Self::Close => "close",
            Self::Gone => "gone",
        }
    }

    /// From its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|w| w.word() == word)
    }

    /// What it does, in words.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Take => {
                "go on holding them under a key of their own; no rule manages them, they settle at expiry"
            }
            Self::Close => "close them, with an order for each leg at what the market bids and asks",
            Self::Gone => {
                "the broker's account does not hold them any more: forget them; what they cost does not count here"
            }
        }
    }
}
