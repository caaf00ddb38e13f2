//! The book: the one place where cash and positions change.
//!
//! A driver calls, at each tick: [`Book::settle`], [`Book::on_snapshot`], [`Book::mark`], then decides and calls
//! [`Book::submit`], and [`Book::check`] at the end. Under `same_bar` it calls [`Book::on_snapshot`] again with the
//! same snapshot after submitting.
//!
//! Where a broker fills the orders, the book is made with [`Book::outside`]: [`Book::on_snapshot`] then counts tries, and
//! [`Book::answer`], between it and [`Book::mark`], takes in what the broker said.

mod check;
mod fills;
mod outside;
mod settle;

pub use check::{Breach, Invariant};
pub use outside::{Answer, AnswerError, Told, TradedLeg};
pub use settle::SettleError;

use crate::band::Band;
use crate::fees::{Class, FeeDay, FeeSchedule};
use crate::fill;
use crate::id::{OrderId, PositionId, RunId};
use crate::instrument::{Ledger, LedgerConfig, LinearRefusal, LinearRequest};
use crate::model::FillModel;
use crate::order::{Order, OrderKind, OrderRequest, SubmitError};
use crate::package::{Leg, Package};
use crate::position::{Execution, Position};
use alula_market::chain::{ChainSnapshot, ExpiryChain};
use alula_market::contract::{OptionContract, Root};
use alula_market::money::Usd;
use alula_market::time::{Date, Instant};
use chrono::Datelike;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Settings of a book; fixed for its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookConfig {
    /// Run, part of every order id.
    pub run: RunId,
    /// Starting cash.
    pub capital: Usd,
    /// How orders fill; marks give up the share of the legs held.
    pub fills: FillModel,
    /// Fees.
    pub fees: FeeSchedule,
    /// Orders may fill on the snapshot of their decision: results are marked.
    pub same_bar: bool,
    /// Settlement values that stand in for official ones are accepted: results are marked.
    pub settle_approximate: bool,
}

/// P&L of one structure over the book's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StructurePnl {
    /// Cash flows before fees.
    pub cash: Band<Usd>,
    /// Fees.
    pub fees: Usd,
    /// Positions opened.
    pub opened: u32,
    /// Positions closed.
    pub closed: u32,
}

/// Orders, positions and cash of one account. Equal inputs in equal order make equal books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    config: BookConfig,
    now: Instant,
    cash: Band<Usd>,
    next_order: u32,
    orders: Vec<Order>,
    open: BTreeMap<PositionId, Position>,
    closed: Vec<Position>,
    trades: Vec<Execution>,
    structures: BTreeMap<Arc<str>, StructurePnl>,
    /// P&L of closed positions, kept apart from the cash total so that the two can be compared.
    closed_pnl: Band<Usd>,
    /// Positions touched since the last check.
    touched: BTreeSet<PositionId>,
    /// Closed positions already checked.
    checked: usize,
    /// Futures and shares of the same account.
    ledger: Ledger,
    /// Month of the newest fill (months since year 0) and the contracts traded in it: brokers' volume tiers.
    month: (i32, i64),
    /// Orders fill elsewhere.
    pub(crate) outside: bool,
}

impl Book {
    /// Most lots of one order.
    pub const MAX_LOTS: u32 = 100_000;
    /// Most orders at work.
    pub const MAX_ORDERS: usize = 10_000;
    /// Most open positions.
    pub const MAX_POSITIONS: usize = 100_000;

    /// An empty book.
    #[must_use]
    pub fn new(config: BookConfig) -> Self {
        let cash = Band::flat(config.capital);
        let ledger = Ledger::new(LedgerConfig {
            cross: config.fills.cross(1),
            fees: config.fees.clone(),
            same_bar: config.same_bar,
            settle_approximate: config.settle_approximate,
        });
        Self {
            config,
            now: Instant(i64::MIN),
            cash,
            next_order: 0,
            orders: Vec::new(),
            open: BTreeMap::new(),
            closed: Vec::new(),
            trades: Vec::new(),
            structures: BTreeMap::new(),
            closed_pnl: Band::default(),
            touched: BTreeSet::new(),
            checked: 0,
            ledger,
            month: (i32::MIN, 0),
            outside: false,
        }
    }

    /// The same book with other settings for futures and shares; without, they fill, pay fees and settle as the options do.
    #[must_use]
    pub fn with_ledger(mut self, config: LedgerConfig) -> Self {
        self.ledger = Ledger::new(config);
        self
    }

    /// Futures and shares of the account.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The same, for drivers: quotes, daily and final settlements, splits.
    pub const fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Takes an order for futures or shares; ids count with those of the packages.
    ///
    /// # Errors
    /// See [`LinearRefusal`]; the book is unchanged then.
    pub fn submit_linear(&mut self, request: LinearRequest) -> Result<OrderId, LinearRefusal> {
        let id = OrderId {
            run: self.config.run,
            sequence: self.next_order,
            key: request.key.clone(),
        };
        self.ledger.submit(id.clone(), request)?;
        self.next_order = self.next_order.saturating_add(1);
        Ok(id)
    }

    /// Settings.
    #[must_use]
    pub const fn config(&self) -> &BookConfig {
        &self.config
    }

    /// Takes an order. Its id follows from the run, the book's order count and the rule's key.
    ///
    /// # Errors
    /// See [`SubmitError`]; the book is unchanged then.
    pub fn submit(&mut self, request: OrderRequest) -> Result<OrderId, SubmitError> {
        self.check_request(&request)?;
        let id = OrderId {
            run: self.config.run,
            sequence: self.next_order,
            key: request.key.clone(),
        };
        self.next_order = self.next_order.saturating_add(1);
        self.orders.push(Order {
            id: id.clone(),
            request,
            tries: 0,
            tried_at: None,
        });
        Ok(id)
    }

    fn check_request(&self, request: &OrderRequest) -> Result<(), SubmitError> {
        if request.lots == 0 || request.lots > Self::MAX_LOTS || request.good_for == 0 {
            return Err(SubmitError::Size {
                lots: request.lots,
                good_for: request.good_for,
            });
        }
        if self.orders.len() >= Self::MAX_ORDERS || self.next_order == u32::MAX {
            return Err(SubmitError::Full("too many orders"));
        }
        let symbols = |p: &Package| {
            let symbol = |l: &Leg| (Class::Option, l.contract.root.symbol());
            p.legs().iter().map(symbol).collect::<Vec<_>>()
        };
        match &request.kind {
            OrderKind::Open { package } => {
                if self.open.len() >= Self::MAX_POSITIONS || self.ledger.next_position() == u32::MAX {
                    return Err(SubmitError::Full("too many positions"));
                }
                self.config.fees.covers(symbols(package))?;
            }
            OrderKind::Close { position } => {
                let held = self.for_order(*position, request)?;
                if request.lots > held.lots {
                    let (position, held, lots) = (*position, held.lots, request.lots);
                    return Err(SubmitError::Lots { position, held, lots });
                }
            }
            OrderKind::Roll { position, to } => {
                let held = self.for_order(*position, request)?;
                if request.lots != held.lots {
                    let (position, held, lots) = (*position, held.lots, request.lots);
                    return Err(SubmitError::Lots { position, held, lots });
                }
                let from = held.held().ok_or(SubmitError::NoPosition(*position))?;
                if from.underlying() != to.underlying() {
                    let (from, to) = (from.underlying(), to.underlying());
                    return Err(SubmitError::Underlying {
                        position: *position,
                        from,
                        to,
                    });
                }
                let change = to.change_from(from);
                if change.is_empty() {
                    return Err(SubmitError::NothingToRoll(*position));
                }
                Package::new(change)?;
                self.config.fees.covers(symbols(to))?;
            }
        }
        Ok(())
    }

    /// The open position that an order wants to change, if it may.
    fn for_order(&self, id: PositionId, request: &OrderRequest) -> Result<&Position, SubmitError> {
        let position = self.open.get(&id).ok_or(SubmitError::NoPosition(id))?;
        if position.structure != request.structure {
            return Err(SubmitError::WrongStructure {
                position: id,
                structure: position.structure.clone(),
            });
        }
        if let Some(order) = self.working_on(id) {
            return Err(SubmitError::AlreadyWorking {
                position: id,
                order: order.id.clone(),
            });
        }
        Ok(position)
    }

    /// The order at work on a position.
    #[must_use]
    pub fn working_on(&self, position: PositionId) -> Option<&Order> {
        self.orders.iter().find(|o| match &o.request.kind {
            OrderKind::Open { .. } => false,
            OrderKind::Close { position: p } | OrderKind::Roll { position: p, .. } => *p == position,
        })
    }

    /// Takes an order back; false when it is not at work.
    pub fn withdraw(&mut self, id: &OrderId) -> bool {
        let before = self.orders.len();
        self.orders.retain(|o| o.id != *id);
        self.orders.len() < before
    }

    /// Marks every open leg on the snapshot's underlying that has a quote in it. Others hold their last mark.
    pub fn mark(&mut self, snapshot: &ChainSnapshot) {
        self.now = self.now.max(snapshot.at);
        for position in self.open.values_mut() {
            if position.package.underlying() != snapshot.underlying {
                continue;
            }
            // The legs of a position share a chain or two.
            let mut found: Option<((Root, Date), Option<&ExpiryChain>)> = None;
            let cross = self.config.fills.cross(position.legs.len());
            for leg in &mut position.legs {
                if snapshot.at < leg.mark.at || snapshot.at >= leg.settles_at {
                    continue;
                }
                let key = (leg.contract.root, leg.contract.expiry);
                let chain = match found {
                    Some((at, chain)) if at == key => chain,
                    _ => snapshot.expiry(key.0, key.1),
                };
                found = Some((key, chain));
                let Some(chain) = chain else { continue };
                if let Ok(quote) = fill::quote_in(&leg.contract, chain) {
                    leg.mark = fill::mark_of(leg.ratio, quote, cross, snapshot.at);
                }
            }
        }
    }

    /// The fee day of a fill: the date, and the contracts traded in its month so far.
    fn fee_day(&self, on: Date) -> FeeDay {
        let month_contracts = if self.month.0 == month_of(on) {
            self.month.1
        } else {
            0
        };
        FeeDay { on, month_contracts }
    }

    /// Newest instant seen.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Orders at work, oldest first.
    #[must_use]
    pub fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// Open positions by id.
    pub fn positions(&self) -> impl Iterator<Item = &Position> {
        self.open.values()
    }

    /// Closed positions in the order of their closing.
    #[must_use]
    pub fn closed(&self) -> &[Position] {
        &self.closed
    }

    /// A position, open or closed.
    #[must_use]
    pub fn position(&self, id: PositionId) -> Option<&Position> {
        self.open
            .get(&id)
            .or_else(|| self.closed.iter().find(|p| p.id == id))
    }

    /// Every fill and settlement in order.
    #[must_use]
    pub fn trades(&self) -> &[Execution] {
        &self.trades
    }

    /// Cash: capital plus cash flows minus fees, those of futures and shares among them.
    #[must_use]
    pub fn cash(&self) -> Band<Usd> {
        self.cash + self.ledger.cash()
    }

    /// Value of every open leg, future and share.
    #[must_use]
    pub fn market_value(&self) -> Band<Usd> {
        let options: Band<Usd> = self.open.values().map(Position::market_value).sum();
        options + self.ledger.market_value()
    }

    /// Cash plus market value.
    #[must_use]
    pub fn equity(&self) -> Band<Usd> {
        self.cash() + self.market_value()
    }

    /// Fees paid so far.
    #[must_use]
    pub fn fees(&self) -> Usd {
        let options: Usd = self.structures.values().map(|s| s.fees).sum();
        options + self.ledger.fees()
    }

    /// Totals per structure key, in key order. The P&L of a structure is its `cash` minus `fees` plus the market value
    /// of its open positions; see [`Book::structure_pnl`].
    #[must_use]
    pub const fn structures(&self) -> &BTreeMap<Arc<str>, StructurePnl> {
        &self.structures
    }

    /// P&L of a structure over the book's life, fees included.
    #[must_use]
    pub fn structure_pnl(&self, structure: &str) -> Band<Usd> {
        let totals = self.structures.get(structure).copied().unwrap_or_default();
        let held: Band<Usd> = self
            .open
            .values()
            .filter(|p| &*p.structure == structure)
            .map(Position::market_value)
            .sum();
        totals.cash + held - Band::flat(totals.fees) + self.ledger.structure_pnl(structure)
    }

    /// Legs of a package that an open position holds the other way: trading them would shrink that position at a real
    /// broker, which nets by contract.
    #[must_use]
    pub fn conflicts(&self, package: &Package) -> Vec<(PositionId, OptionContract)> {
        let against = |a: &Leg, contract: OptionContract, ratio: i32| {
            a.contract == contract && (a.ratio > 0) != (ratio > 0)
        };
        self.open
            .values()
            .flat_map(|p| p.legs.iter().map(move |l| (p.id, l)))
            .filter(|(_, l)| package.legs().iter().any(|a| against(a, l.contract, l.ratio)))
            .map(|(id, l)| (id, l.contract))
            .collect()
    }

    /// Some result rests on a settlement value that stood in for the official one.
    #[must_use]
    pub fn is_approximate(&self) -> bool {
        self.trades.iter().any(|t| t.approximate) || self.ledger.is_approximate()
    }
}

/// Months since year 0.
fn month_of(on: Date) -> i32 {
    let zero_based = i32::try_from(on.month0()).unwrap_or(0);
    on.year().saturating_mul(12).saturating_add(zero_based)
}
