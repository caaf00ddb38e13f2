//! Fees as dated tables.
//!
//! A schedule is data: rows keyed by component, root, premium band, side, package size and effective date. The rates
//! are snapshots of published pages (named in each row's `source`); undated rows apply to every date, so a backtest
//! over earlier years pays today's fees, which [`FeeSchedule::caveats`] says. Amounts are exact micro-dollars; nothing
//! is rounded to cents in the ledger, only where dollars are shown.

use alula_market::contract::Root;
use alula_market::money::{Price, Usd};
use alula_market::time::Date;

/// Fees of one order by component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// Broker's commission, the order's minimum included.
    pub commission: Usd,
    /// Exchange's customer fee.
    pub exchange: Usd,
    /// Options regulatory fee and trading activity fee.
    pub regulatory: Usd,
    /// Clearing (OCC).
    pub clearing: Usd,
}

impl Fees {
    /// Nothing.
    pub const ZERO: Self = Self {
        commission: Usd::ZERO,
        exchange: Usd::ZERO,
        regulatory: Usd::ZERO,
        clearing: Usd::ZERO,
    };

    /// Sum.
    #[must_use]
    pub fn total(&self) -> Usd {
        self.commission + self.exchange + self.regulatory + self.clearing
    }
}

/// Part of a fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// Broker's commission.
    Commission,
    /// Exchange's customer fee, or the broker's pass-through of it.
    Exchange,
    /// Options regulatory fee (ORF), both sides.
    OptionsRegulatory,
    /// FINRA trading activity fee (TAF), sales.
    TradingActivity,
    /// Clearing.
    Clearing,
}

impl Component {
    const ALL: [Self; 5] = [
        Self::Commission,
        Self::Exchange,
        Self::OptionsRegulatory,
        Self::TradingActivity,
        Self::Clearing,
    ];
}

/// Side of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Bought.
    Buy,
    /// Sold.
    Sell,
}

/// One row: what one leg pays for one component, when every key matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeeRow {
    /// Component.
    pub component: Component,
    /// Root; `None` is any.
    pub root: Option<Root>,
    /// Lowest premium of the band, inclusive.
    pub premium_from: Price,
    /// End of the band, exclusive; `None` is open.
    pub premium_below: Option<Price>,
    /// Side; `None` is both.
    pub side: Option<Side>,
    /// Only packages (`true`) or only single legs (`false`); `None` is both.
    pub package: Option<bool>,
    /// Contracts of the leg at least.
    pub contracts_from: i64,
    /// First day; `None`: an undated snapshot that applies until a dated row of the same keys.
    pub effective: Option<Date>,
    /// Dollars per contract.
    pub each: Usd,
    /// Most per leg; `None` is no cap.
    pub cap: Option<Usd>,
    /// Where the rate was read.
    pub source: &'static str,
}

impl FeeRow {
    const fn new(component: Component, each_micro_usd: i64, source: &'static str) -> Self {
        Self {
            component,
            root: None,
            premium_from: Price::ZERO,
            premium_below: None,
            side: None,
            package: None,
            contracts_from: 0,
            effective: None,
            each: Usd(each_micro_usd),
            cap: None,
            source,
        }
    }

    const fn of(mut self, root: Root) -> Self {
        self.root = Some(root);
        self
    }

    const fn band(mut self, from_mills: i64, below_mills: Option<i64>) -> Self {
        self.premium_from = Price(from_mills);
        self.premium_below = match below_mills {
            Some(mills) => Some(Price(mills)),
            None => None,
        };
        self
    }

    fn matches(&self, leg: &FeeLeg, contracts: i64, package: bool, on: Date) -> bool {
        self.root.is_none_or(|r| r == leg.root)
            && leg.premium >= self.premium_from
            && self.premium_below.is_none_or(|b| leg.premium < b)
            && self.side.is_none_or(|s| s == leg.side())
            && self.package.is_none_or(|p| p == package)
            && contracts >= self.contracts_from
            && self.effective.is_none_or(|d| d <= on)
    }
}

/// A leg as fees see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeLeg {
    /// Root.
    pub root: Root,
    /// Contracts per package: positive bought, negative sold.
    pub ratio: i32,
    /// Price of one contract at the share.
    pub premium: Price,
}

impl FeeLeg {
    const fn side(&self) -> Side {
        if self.ratio < 0 { Side::Sell } else { Side::Buy }
    }
}

/// A fee schedule cannot price an order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeeError {
    /// No commission row for a root.
    #[error("fee schedule `{schedule}` has no row for `{root}`")]
    NoRow {
        /// Schedule.
        schedule: String,
        /// Root symbol.
        root: &'static str,
    },
}

/// A broker's fees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeeSchedule {
    /// Name, as in the strategy file.
    pub name: String,
    /// Rows; among rows of one component that match a leg, the newest effective date wins, then the earlier row.
    pub rows: Vec<FeeRow>,
    /// Smallest commission of an order.
    pub commission_min: Usd,
    /// What to repeat with results.
    pub caveats: Vec<&'static str>,
}

const IBKR: &str = "interactivebrokers.ca/en/pricing/commissions-options.php (undated)";
const IBKR_CBOE: &str = "interactivebrokers.ca/en/accounts/fees/CBOEoptfee.php (undated)";
const IBKR_PAGE_P: &str = "interactivebrokers.com/en/index.php?f=1590&p=options5 (undated)";
const TASTY: &str =
    "tastyworks.freshdesk.com, single-listed exchange proprietary index options fees (undated)";
const FLAT: &str = "common flat retail rate";
const UNDATED: &str = "fees are today's published rates, applied to every date";

impl FeeSchedule {
    /// Names of the shipped schedules.
    pub const NAMES: [&'static str; 3] = ["ibkr", "flat", "none"];

    /// A shipped schedule: `ibkr` (tiered commissions, exchange, regulatory and clearing fees passed through), `flat`
    /// (0.65 a contract plus the broker's index pass-through) or `none`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ibkr" => Some(Self::ibkr()),
            "flat" => Some(Self::flat()),
            "none" => Some(Self::none()),
            _ => None,
        }
    }

    /// Nothing is charged.
    #[must_use]
    pub fn none() -> Self {
        let row = FeeRow::new(Component::Commission, 0, "no fees");
        Self {
            name: "none".to_owned(),
            rows: vec![row],
            commission_min: Usd::ZERO,
            caveats: Vec::new(),
        }
    }

    fn flat() -> Self {
        let index = |root| FeeRow::new(Component::Exchange, 650_000, TASTY).of(root);
        let xsp = FeeRow {
            contracts_from: 10,
            ..FeeRow::new(Component::Exchange, 70_000, TASTY).of(Root::Xsp)
        };
        let rows = vec![
            FeeRow::new(Component::Commission, 650_000, FLAT),
            index(Root::Spx),
            index(Root::Spxw),
            index(Root::Vix),
            index(Root::Vixw),
            xsp,
        ];
        Self {
            name: "flat".to_owned(),
            rows,
            commission_min: Usd::ZERO,
            caveats: vec![UNDATED],
        }
    }

    fn ibkr() -> Self {
        use Component::{Clearing, Commission, Exchange, OptionsRegulatory, TradingActivity};
        let mut rows = vec![
            FeeRow::new(Commission, 250_000, IBKR).band(0, Some(50)),
            FeeRow::new(Commission, 500_000, IBKR).band(50, Some(100)),
            FeeRow::new(Commission, 650_000, IBKR).band(100, None),
            FeeRow::new(OptionsRegulatory, 26_850, IBKR),
            FeeRow {
                side: Some(Side::Sell),
                ..FeeRow::new(TradingActivity, 2_790, IBKR)
            },
            FeeRow {
                cap: Some(Usd(55_000_000)),
                ..FeeRow::new(Clearing, 20_000, IBKR)
            },
            FeeRow::new(Exchange, 360_000, IBKR_CBOE)
                .of(Root::Spx)
                .band(0, Some(1_000)),
            FeeRow::new(Exchange, 450_000, IBKR_CBOE)
                .of(Root::Spx)
                .band(1_000, None),
            // SPXW: the customer fee of SPX plus an execution surcharge of 0.13.
            FeeRow::new(Exchange, 490_000, IBKR_PAGE_P)
                .of(Root::Spxw)
                .band(0, Some(1_000)),
            FeeRow::new(Exchange, 580_000, IBKR_PAGE_P)
                .of(Root::Spxw)
                .band(1_000, None),
            FeeRow {
                contracts_from: 10,
                ..FeeRow::new(Exchange, 70_000, TASTY).of(Root::Xsp)
            },
        ];
        // VIX by premium: (from, below, single, package).
        let vix = [
            (0, Some(110), 100_000, 50_000),
            (110, Some(1_000), 250_000, 170_000),
            (1_000, Some(2_000), 450_000, 350_000),
            (2_000, None, 500_000, 500_000),
        ];
        for root in [Root::Vix, Root::Vixw] {
            for (from, below, single, complex) in vix {
                for (package, each) in [(false, single), (true, complex)] {
                    let row = FeeRow::new(Exchange, each, IBKR_PAGE_P)
                        .of(root)
                        .band(from, below);
                    rows.push(FeeRow {
                        package: Some(package),
                        ..row
                    });
                }
            }
        }
        // No SEC fee: sales of options on securities indexes are exempt (17 CFR 240.31(a)).
        Self {
            name: "ibkr".to_owned(),
            rows,
            commission_min: Usd(1_000_000),
            caveats: vec![
                UNDATED,
                "complex VIX premium bands are taken to be those of single legs",
            ],
        }
    }

    /// Checks that every root can be priced, before an order is taken.
    ///
    /// # Errors
    /// [`FeeError::NoRow`] for the first root without a commission.
    pub fn covers(&self, roots: impl IntoIterator<Item = Root>) -> Result<(), FeeError> {
        for root in roots {
            let has = self
                .rows
                .iter()
                .any(|r| r.component == Component::Commission && r.root.is_none_or(|x| x == root));
            if !has {
                return Err(FeeError::NoRow {
                    schedule: self.name.clone(),
                    root: root.symbol(),
                });
            }
        }
        Ok(())
    }

    /// Fees of an order of `lots` packages on a date.
    ///
    /// # Errors
    /// [`FeeError::NoRow`] when a root is not covered.
    pub fn fees(&self, legs: &[FeeLeg], lots: u32, on: Date) -> Result<Fees, FeeError> {
        self.covers(legs.iter().map(|l| l.root))?;
        let mut fees = Fees::ZERO;
        for leg in legs {
            let contracts = i64::from(leg.ratio.unsigned_abs()).saturating_mul(i64::from(lots));
            for component in Component::ALL {
                let charge = self.charge(component, leg, contracts, legs.len() > 1, on);
                match component {
                    Component::Commission => fees.commission += charge,
                    Component::Exchange => fees.exchange += charge,
                    Component::OptionsRegulatory | Component::TradingActivity => fees.regulatory += charge,
                    Component::Clearing => fees.clearing += charge,
                }
            }
        }
        if !legs.is_empty() {
            fees.commission = fees.commission.max(self.commission_min);
        }
        Ok(fees)
    }

    fn charge(&self, component: Component, leg: &FeeLeg, contracts: i64, package: bool, on: Date) -> Usd {
        let mut best: Option<&FeeRow> = None;
        for row in self.rows.iter().filter(|r| r.component == component) {
            if row.matches(leg, contracts, package, on) && best.is_none_or(|b| row.effective > b.effective) {
                best = Some(row);
            }
        }
        best.map_or(Usd::ZERO, |row| {
            let charge = row.each.times(contracts);
            row.cap.map_or(charge, |cap| charge.min(cap))
        })
    }
}
