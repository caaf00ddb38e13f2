//! Fees as dated tables.
//!
//! A schedule is data ([`tables`](self)): rows keyed by component, instrument class, symbol, premium band, side, opening
//! or closing, package or single leg, contracts of the leg, contracts of the month, and the days on which the row is in
//! force. A fill pays the rows in force on its day. Where the table begins later (or was last read earlier) the nearest
//! row stands in, and [`Fees::stand_in`] says so: results are marked, nothing is charged in silence. Amounts are exact
//! micro-dollars; nothing is rounded to cents in the ledger, only where dollars are shown.

mod tables;

use alula_market::money::{Price, Usd};
use alula_market::time::Date;

/// Fees of one order by component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// Broker's commission, the order's minimum included.
    pub commission: Usd,
    /// Exchange's customer fee.
    pub exchange: Usd,
    /// Options regulatory fee, trading activity fee, SEC fee, futures association fee.
    pub regulatory: Usd,
    /// Clearing (OCC).
    pub clearing: Usd,
    /// Some rate was not in force on that day by the table: the nearest one stood in.
    pub stand_in: bool,
}

impl Fees {
    /// Nothing.
    pub const ZERO: Self = Self {
        commission: Usd::ZERO,
        exchange: Usd::ZERO,
        regulatory: Usd::ZERO,
        clearing: Usd::ZERO,
        stand_in: false,
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
    /// SEC fee of section 31 on the value of sales of securities.
    SecuritiesSales,
    /// National Futures Association fee, both sides.
    FuturesRegulatory,
    /// Clearing.
    Clearing,
}

impl Component {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Commission,
        Self::Exchange,
        Self::OptionsRegulatory,
        Self::TradingActivity,
        Self::SecuritiesSales,
        Self::FuturesRegulatory,
        Self::Clearing,
    ];

    /// Words.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Commission => "commission",
            Self::Exchange => "exchange",
            Self::OptionsRegulatory => "options regulatory (ORF)",
            Self::TradingActivity => "trading activity (TAF)",
            Self::SecuritiesSales => "sales of securities (SEC)",
            Self::FuturesRegulatory => "futures regulatory (NFA)",
            Self::Clearing => "clearing (OCC)",
        }
    }
}

/// What kind of instrument a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A listed option.
    Option,
    /// A future.
    Future,
    /// A share.
    Share,
}

impl Class {
    /// `options`, `futures` or `shares`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Option => "options",
            Self::Future => "futures",
            Self::Share => "shares",
        }
    }
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
    /// Instrument class.
    pub class: Class,
    /// Symbols; empty is any of the class. A row that names the symbol goes before one that does not.
    pub symbols: &'static [&'static str],
    /// Lowest premium of the band, inclusive.
    pub premium_from: Price,
    /// End of the band, exclusive; `None` is open.
    pub premium_below: Option<Price>,
    /// Side; `None` is both.
    pub side: Option<Side>,
    /// Only packages (`true`) or only single legs (`false`); `None` is both.
    pub package: Option<bool>,
    /// Only legs that reduce what is held (`true`) or only those that do not (`false`); `None` is both.
    pub closing: Option<bool>,
    /// Contracts of the leg at least.
    pub contracts_from: i64,
    /// Contracts of the class traded in the calendar month before this one at least: the broker's volume tiers.
    pub month_from: i64,
    /// First day in force.
    pub from: Date,
    /// First day not in force any more; `None`: until a newer row of the same keys.
    pub until: Option<Date>,
    /// `from` is the published day of the change; otherwise the rate is known and its first day is about this one.
    pub exact_day: bool,
    /// Dollars per contract or share.
    pub each: Usd,
    /// Dollars per million dollars traded, of shares.
    pub per_million: Usd,
    /// Most per leg; `None` is no cap.
    pub cap: Option<Usd>,
    /// Where the rate was read.
    pub source: &'static str,
}

impl FeeRow {
    /// Every key but the day and the month's volume.
    fn matches(&self, leg: &FeeLeg, contracts: i64, package: bool) -> bool {
        self.class == leg.class
            && (self.symbols.is_empty() || self.symbols.contains(&leg.symbol))
            && leg.premium >= self.premium_from
            && self.premium_below.is_none_or(|b| leg.premium < b)
            && self.side.is_none_or(|s| s == leg.side())
            && self.package.is_none_or(|p| p == package)
            && self.closing.is_none_or(|c| c == leg.closing)
            && contracts >= self.contracts_from
    }

    /// What so many shares at a price pay by their value; to the micro-dollar, cut off.
    fn by_value(&self, price: Price, count: i64) -> Usd {
        if self.per_million == Usd::ZERO {
            return Usd::ZERO;
        }
        let value = i128::from(price.dollars(1, count).0) * i128::from(self.per_million.0);
        // Both are micro-dollars, and the rate is of a million dollars.
        Usd(i64::try_from(value / 1_000_000_000_000).unwrap_or(i64::MAX))
    }

    /// In force on a day.
    #[must_use]
    pub fn in_force(&self, on: Date) -> bool {
        self.from <= on && self.until.is_none_or(|u| on < u)
    }
}

/// A leg as fees see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeLeg {
    /// Root or futures symbol.
    pub symbol: &'static str,
    /// Class.
    pub class: Class,
    /// Contracts per package: positive bought, negative sold.
    pub ratio: i32,
    /// Price of one contract at the share.
    pub premium: Price,
    /// It reduces what is held.
    pub closing: bool,
}

impl FeeLeg {
    const fn side(&self) -> Side {
        if self.ratio < 0 { Side::Sell } else { Side::Buy }
    }
}

/// The day of an order and what the account traded in its calendar month before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeDay {
    /// Day of the fill.
    pub on: Date,
    /// Contracts traded earlier in the month, for volume tiers.
    pub month_contracts: i64,
}

impl FeeDay {
    /// A day of a month in which nothing was traded yet.
    #[must_use]
    pub const fn first(on: Date) -> Self {
        Self {
            on,
            month_contracts: 0,
        }
    }
}

/// A fee schedule cannot price an order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeeError {
    /// No commission row for a symbol.
    #[error("fee schedule `{schedule}` has no row for `{symbol}`")]
    NoRow {
        /// Schedule.
        schedule: String,
        /// Symbol.
        symbol: &'static str,
    },
}

/// A broker's fees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeeSchedule {
    /// Name, as in the strategy file.
    pub name: String,
    /// One line about it.
    pub about: &'static str,
    /// Rows. Among the rows of one component that match a leg and are in force, one that names the symbol wins, then the
    /// newest, then the highest tier, then the earlier row.
    pub rows: Vec<FeeRow>,
    /// Smallest commission of an order with options.
    pub commission_min: Usd,
    /// Smallest commission of an order for shares.
    pub commission_min_shares: Usd,
    /// Last day on which the rates were read; later fills pay the last rates known. `None`: not a record of a broker.
    pub known_to: Option<Date>,
    /// What to repeat with results.
    pub caveats: Vec<&'static str>,
}

impl FeeSchedule {
    /// Names of the shipped schedules.
    pub const NAMES: [&'static str; 3] = ["ibkr", "flat", "none"];

    /// A shipped schedule: `ibkr` (tiered commissions, exchange, regulatory and clearing fees passed through), `flat`
    /// (0.65 a contract plus the broker's index pass-through) or `none`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ibkr" => Some(tables::ibkr()),
            "flat" => Some(tables::flat()),
            "none" => Some(tables::none()),
            _ => None,
        }
    }

    /// Nothing is charged.
    #[must_use]
    pub fn none() -> Self {
        tables::none()
    }

    /// First day from which every component's rates are known; `None` for a schedule that is not a record.
    #[must_use]
    pub fn known_from(&self) -> Option<Date> {
        self.known_to?;
        let first = |c: Component| {
            let rows = self
                .rows
                .iter()
                .filter(|r| r.component == c && r.class == Class::Option);
            rows.map(|r| r.from).min()
        };
        Component::ALL.into_iter().filter_map(first).max()
    }

    /// Checks that every symbol can be priced, before an order is taken.
    ///
    /// # Errors
    /// [`FeeError::NoRow`] for the first symbol without a commission.
    pub fn covers(&self, symbols: impl IntoIterator<Item = (Class, &'static str)>) -> Result<(), FeeError> {
        for (class, symbol) in symbols {
            let has = self.rows.iter().any(|r| {
                r.component == Component::Commission
                    && r.class == class
                    && (r.symbols.is_empty() || r.symbols.contains(&symbol))
            });
            if !has {
                return Err(FeeError::NoRow {
                    schedule: self.name.clone(),
                    symbol,
                });
            }
        }
        Ok(())
    }

    /// Fees of an order of `lots` packages on a day.
    ///
    /// # Errors
    /// [`FeeError::NoRow`] when a symbol is not covered.
    pub fn fees(&self, legs: &[FeeLeg], lots: u32, day: FeeDay) -> Result<Fees, FeeError> {
        self.covers(legs.iter().map(|l| (l.class, l.symbol)))?;
        let mut fees = Fees::ZERO;
        let mut month = day.month_contracts;
        for leg in legs {
            let contracts = i64::from(leg.ratio.unsigned_abs()).saturating_mul(i64::from(lots));
            for component in Component::ALL {
                let (charge, stand_in) =
                    self.charge(component, leg, (contracts, month), legs.len() > 1, day.on);
                fees.stand_in |= stand_in;
                match component {
                    Component::Commission => fees.commission += charge,
                    Component::Exchange => fees.exchange += charge,
                    Component::OptionsRegulatory
                    | Component::TradingActivity
                    | Component::SecuritiesSales
                    | Component::FuturesRegulatory => fees.regulatory += charge,
                    Component::Clearing => fees.clearing += charge,
                }
            }
            month = month.saturating_add(contracts);
        }
        if legs.iter().any(|l| l.class == Class::Option) {
            fees.commission = fees.commission.max(self.commission_min);
        }
        if legs.iter().any(|l| l.class == Class::Share) {
            fees.commission = fees.commission.max(self.commission_min_shares);
        }
        Ok(fees)
    }

    /// One leg's charge of one component, tier by tier, and whether some rate stood in for one that is not known.
    fn charge(
        &self,
        component: Component,
        leg: &FeeLeg,
        (contracts, month): (i64, i64),
        package: bool,
        on: Date,
    ) -> (Usd, bool) {
        let rows: Vec<&FeeRow> = self
            .rows
            .iter()
            .filter(|r| r.component == component && r.matches(leg, contracts, package))
            .collect();
        let (mut sum, mut cap, mut stand_in) = (Usd::ZERO, None, false);
        let (mut at, mut left) = (month, contracts);
        while left > 0 {
            let Some((row, in_force)) = best(&rows, at, on) else {
                break;
            };
            let next = rows.iter().map(|r| r.month_from).filter(|m| *m > at).min();
            let take = next.map_or(left, |n| left.min(n - at));
            sum += row.each.times(take) + row.by_value(leg.premium, take);
            cap = row.cap;
            let stale = self.known_to.is_some_and(|last| on > last);
            stand_in |= (!in_force || stale) && (row.each != Usd::ZERO || row.per_million != Usd::ZERO);
            (at, left) = (at.saturating_add(take), left - take);
        }
        (cap.map_or(sum, |c: Usd| sum.min(c)), stand_in)
    }
}

/// The row that applies on a day with so many contracts traded in the month, and whether it is in force then. Where none
/// is, the earliest row stands in for the days before the table, and the newest for a gap or the days after it.
fn best<'a>(rows: &[&'a FeeRow], month: i64, on: Date) -> Option<(&'a FeeRow, bool)> {
    let reached = || rows.iter().copied().filter(|r| r.month_from <= month);
    let rank = |r: &FeeRow| (!r.symbols.is_empty(), r.from, r.month_from, r.contracts_from);
    let pick = |candidates: &mut dyn Iterator<Item = &'a FeeRow>| {
        candidates.fold(None, |best: Option<&FeeRow>, row| match best {
            Some(b) if rank(b) >= rank(row) => Some(b),
            _ => Some(row),
        })
    };
    if let Some(row) = pick(&mut reached().filter(|r| r.in_force(on))) {
        return Some((row, true));
    }
    if let Some(row) = pick(&mut reached().filter(|r| r.from <= on)) {
        return Some((row, false));
    }
    let first = reached().map(|r| r.from).min()?;
    pick(&mut reached().filter(|r| r.from == first)).map(|row| (row, false))
}
