//! Positions and what happened to them.

use crate::band::Band;
use crate::fees::Fees;
use crate::id::{OrderId, PositionId};
use crate::package::{Leg, Package};
use alula_market::contract::OptionContract;
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use std::sync::Arc;

/// The newest market value of a leg: one contract, long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegMark {
    /// Middle of the quote.
    pub mid: Price,
    /// What getting rid of the leg would bring at the three fill assumptions, per contract and never negative: a
    /// long leg is sold (at zero where there is no bid), a short leg bought.
    pub exit: Band<Price>,
    /// Snapshot that quoted it. Older than the newest snapshot: the mark is stale and held, never invented.
    pub at: Instant,
}

/// An open leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionLeg {
    /// Contract.
    pub contract: OptionContract,
    /// Contracts per package: positive long, negative short.
    pub ratio: i32,
    /// When it settles.
    pub settles_at: Instant,
    /// Last instant at which it trades.
    pub last_trade_at: Instant,
    /// Points per package taken in (positive) or paid when it was traded; rounding of the package included.
    pub basis: Band<Price>,
    /// Newest mark; always present, a fill is a mark.
    pub mark: LegMark,
}

impl PositionLeg {
    /// Value of the leg in points per package: positive for long legs, negative for short ones.
    #[must_use]
    pub fn value(&self) -> Band<Price> {
        self.mark.exit.times(i64::from(self.ratio))
    }
}

/// What an execution was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExecutionKind {
    /// Opening fill.
    Open,
    /// Closing fill, of all or some lots.
    Close,
    /// Roll.
    Roll,
    /// Cash settlement of legs of one root and expiry.
    Settle,
}

/// One leg of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegFill {
    /// Contract.
    pub contract: OptionContract,
    /// Contracts traded per package: positive bought, negative sold. A settlement trades the leg away.
    pub ratio: i32,
    /// Points per package, credits positive. The legs add up to the execution's net exactly.
    pub points: Band<Price>,
    /// Bid at the fill; the settlement value's intrinsic for a settlement.
    pub bid: Price,
    /// Ask at the fill; as `bid` for a settlement.
    pub ask: Price,
}

/// A fill or a settlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Executions of the book before it.
    pub sequence: u32,
    /// When.
    pub at: Instant,
    /// What.
    pub kind: ExecutionKind,
    /// Position.
    pub position: PositionId,
    /// Key of the structure.
    pub structure: Arc<str>,
    /// Key of the rule; `expiry` for a settlement.
    pub key: Arc<str>,
    /// Order; `None` for a settlement.
    pub order: Option<OrderId>,
    /// When it was decided; the settlement instant for a settlement.
    pub decided_at: Instant,
    /// Packages.
    pub lots: u32,
    /// Legs.
    pub legs: Vec<LegFill>,
    /// Points per package, credits positive.
    pub net: Band<Price>,
    /// Dollars before fees.
    pub cash: Band<Usd>,
    /// Fees, the same in all three bands.
    pub fees: Fees,
    /// Underlying at the fill; the settlement value for a settlement.
    pub underlying: Price,
    /// The settlement value stood in for a missing official one.
    pub approximate: bool,
}

/// A position, open or closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Identity.
    pub id: PositionId,
    /// Key of the structure.
    pub structure: Arc<str>,
    /// Key of the rule that opened it.
    pub opened_by: Arc<str>,
    /// When it opened.
    pub opened_at: Instant,
    /// Underlying when it opened.
    pub opened_underlying: Price,
    /// Key of the rule that closed it, or `expiry`.
    pub closed_by: Option<Arc<str>>,
    /// When its last leg went.
    pub closed_at: Option<Instant>,
    /// Packages held.
    pub lots: u32,
    /// Packages opened.
    pub lots_opened: u32,
    /// Legs held, in structure order; empty when closed.
    pub legs: Vec<PositionLeg>,
    /// Legs at the opening or after the newest roll, in structure order; kept when closed.
    pub package: Package,
    /// Premium of the opening and of rolls. Positive: credit.
    pub credit: Band<Usd>,
    /// The same in points per package.
    pub credit_points: Band<Price>,
    /// Every cash flow, before fees.
    pub cash: Band<Usd>,
    /// Fees paid.
    pub fees: Usd,
    /// Times rolled.
    pub rolls: u32,
    /// Worst P&L before fees, at the share price, that the legs allowed when they were last chosen; `None` where the
    /// payoff at one expiry does not bound it (undefined risk, several expiries).
    pub worst: Option<Usd>,
    /// Positions in [`crate::Book::trades`] of what happened to it, in order.
    pub executions: Vec<u32>,
    /// Some settlement was approximate.
    pub approximate: bool,
    /// `legs` as a package: asked for many times between two changes.
    pub(crate) held: Option<Package>,
}

impl Position {
    /// Still holds legs.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// Legs held as a package; `None` when closed.
    #[must_use]
    pub const fn held(&self) -> Option<&Package> {
        self.held.as_ref()
    }

    /// Replaces the legs held; the only way to change which there are.
    pub(crate) fn hold(&mut self, legs: Vec<PositionLeg>) {
        let leg = |l: &PositionLeg| Leg {
            contract: l.contract,
            ratio: l.ratio,
        };
        self.held = Package::new(legs.iter().map(leg).collect()).ok();
        self.legs = legs;
    }

    /// Value of what is held: dollars that closing every leg would bring, before fees. Negative for a short book.
    #[must_use]
    pub fn market_value(&self) -> Band<Usd> {
        let points: Band<Price> = self.legs.iter().map(PositionLeg::value).sum();
        points.dollars(self.package.multiplier(), i64::from(self.lots))
    }

    /// P&L since entry, fees included: cash flows plus the value of what is held minus fees.
    #[must_use]
    pub fn pnl(&self) -> Band<Usd> {
        self.cash + self.market_value() - Band::flat(self.fees)
    }

    /// P&L of open legs against what was paid or taken in for them, before fees.
    #[must_use]
    pub fn unrealized(&self) -> Band<Usd> {
        let basis: Band<Price> = self.legs.iter().map(|l| l.basis).sum();
        self.market_value() + basis.dollars(self.package.multiplier(), i64::from(self.lots))
    }

    /// P&L that no price can change any more, fees included.
    #[must_use]
    pub fn realized(&self) -> Band<Usd> {
        self.pnl() - self.unrealized()
    }

    /// Nearest expiry of its legs.
    #[must_use]
    pub fn nearest_expiry(&self) -> Option<Date> {
        self.legs.iter().map(|l| l.contract.expiry).min()
    }

    /// Calendar days from a date to the nearest expiry; 0 on the day, never negative.
    #[must_use]
    pub fn dte(&self, on: Date) -> Option<i64> {
        self.nearest_expiry().map(|e| (e - on).num_days().max(0))
    }

    /// Age in seconds of the oldest mark against the newest snapshot; 0 when every leg is freshly marked.
    #[must_use]
    pub fn mark_age_secs(&self, now: Instant) -> i64 {
        self.legs
            .iter()
            .map(|l| now.0.saturating_sub(l.mark.at.0).max(0))
            .max()
            .unwrap_or(0)
    }
}
