//! Invariants that are checked in release builds too: a breach stops the run with the evidence.

use super::Book;
use crate::band::Band;
use crate::id::PositionId;
use crate::position::{Position, PositionLeg};
use alula_market::contract::OptionContract;
use alula_market::money::Usd;
use alula_market::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Which promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// Cash plus positions is equity: capital plus the P&L of every position ever held.
    EquityIsCashPlusPositions,
    /// P&L of the structures adds up to the P&L of the book.
    StructuresSumToBook,
    /// Nothing lives past its expiry date.
    NothingPastExpiry,
    /// A defined-risk position never loses more than its bound, fees apart.
    LossWithinBound,
    /// Lots and legs are what the executions add up to.
    LotsAgree,
    /// Mid is never worse than the share, the share never worse than natural.
    BandIsOrdered,
}

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{which}: {evidence}")]
pub struct Breach {
    /// Which.
    pub which: Invariant,
    /// The numbers that contradict each other.
    pub evidence: String,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EquityIsCashPlusPositions => "cash and positions do not add up to equity",
            Self::StructuresSumToBook => "structures do not add up to the book",
            Self::NothingPastExpiry => "a leg lives past its expiry",
            Self::LossWithinBound => "a defined-risk position lost more than its bound",
            Self::LotsAgree => "lots and legs disagree with the executions",
            Self::BandIsOrdered => "the band of a P&L is out of order",
        })
    }
}

impl Book {
    /// Checks every invariant for what changed since the last check, and the totals. Costs one pass over the open
    /// positions.
    ///
    /// # Errors
    /// The first breach, in the order of [`Invariant`].
    pub fn check(&mut self) -> Result<(), Breach> {
        self.check_totals()?;
        self.check_expiries()?;
        for position in self.closed.iter().skip(self.checked) {
            self.check_position(position)?;
        }
        for position in self.touched.iter().filter_map(|id| self.open.get(id)) {
            self.check_position(position)?;
        }
        self.checked = self.closed.len();
        self.touched.clear();
        self.ledger.check()
    }

    /// Checks every invariant from scratch: totals are recomputed from the executions. For the end of a run.
    ///
    /// # Errors
    /// As for [`Book::check`].
    pub fn audit(&self) -> Result<(), Breach> {
        self.check_totals()?;
        self.check_expiries()?;
        for position in self.closed.iter().chain(self.open.values()) {
            self.check_position(position)?;
        }
        let flows: Band<Usd> = self
            .trades
            .iter()
            .map(|t| t.cash - Band::flat(t.fees.total()))
            .sum();
        let expected = Band::flat(self.config.capital) + flows;
        if expected != self.cash {
            let evidence = format!("cash is {:?}, the executions leave {expected:?}", self.cash);
            return Err(Breach {
                which: Invariant::EquityIsCashPlusPositions,
                evidence,
            });
        }
        self.ledger.audit()
    }

    fn check_totals(&self) -> Result<(), Breach> {
        let open: Band<Usd> = self.open.values().map(Position::pnl).sum();
        let positions = Band::flat(self.config.capital) + self.closed_pnl + open + self.ledger.pnl();
        let equity = self.equity();
        if equity != positions {
            let evidence = format!("equity is {equity:?}, capital and P&L of positions {positions:?}");
            return Err(Breach {
                which: Invariant::EquityIsCashPlusPositions,
                evidence,
            });
        }
        let names: BTreeSet<&Arc<str>> = self.structures.keys().chain(self.ledger.structures()).collect();
        let structures: Band<Usd> = names.iter().map(|s| self.structure_pnl(s)).sum();
        let book = equity - Band::flat(self.config.capital);
        if structures != book {
            let evidence = format!("structures made {structures:?}, the book {book:?}");
            return Err(Breach {
                which: Invariant::StructuresSumToBook,
                evidence,
            });
        }
        Ok(())
    }

    fn check_expiries(&self) -> Result<(), Breach> {
        if self.open.is_empty() {
            return Ok(());
        }
        // A value may be published hours after the settlement instant, not days.
        let today = self.now.date();
        // Dates of instants cost a look at the time zone's history: asked for only where the day's start says so.
        let starts = Instant::from_eastern(today, 0, 0);
        let past =
            |l: &PositionLeg| starts.is_none_or(|start| l.settles_at < start) && l.settles_at.date() < today;
        for position in self.open.values() {
            if let Some(leg) = position.legs.iter().find(|l| past(l)) {
                let evidence = format!(
                    "position {} still holds `{}` on {today}",
                    position.id, leg.contract
                );
                return Err(Breach {
                    which: Invariant::NothingPastExpiry,
                    evidence,
                });
            }
        }
        Ok(())
    }

    fn check_position(&self, position: &Position) -> Result<(), Breach> {
        let id = position.id;
        if !position.is_open() {
            let gross = position.cash;
            if let Some(worst) = position.worst.filter(|w| gross.share < *w) {
                let evidence = format!("position {id} made {} before fees, bound {worst}", gross.share);
                return Err(Breach {
                    which: Invariant::LossWithinBound,
                    evidence,
                });
            }
        }
        self.check_lots(position)?;
        if !position.pnl().is_ordered() {
            let evidence = format!("position {id}: {:?}", position.pnl());
            return Err(Breach {
                which: Invariant::BandIsOrdered,
                evidence,
            });
        }
        Ok(())
    }

    /// Adds up what the executions traded and compares it with what is held.
    fn check_lots(&self, position: &Position) -> Result<(), Breach> {
        let mut net: BTreeMap<OptionContract, i64> = BTreeMap::new();
        for execution in self.executions_of(position) {
            for leg in &execution.legs {
                *net.entry(leg.contract).or_default() += i64::from(leg.ratio) * i64::from(execution.lots);
            }
        }
        net.retain(|_, n| *n != 0);
        let held: BTreeMap<OptionContract, i64> = position
            .legs
            .iter()
            .map(|l| (l.contract, i64::from(l.ratio) * i64::from(position.lots)))
            .collect();
        let empty = position.legs.is_empty() || position.lots == 0;
        if net != held || empty == position.is_open() {
            let evidence = format!(
                "position {} holds {held:?}, its executions leave {net:?}",
                position.id
            );
            return Err(Breach {
                which: Invariant::LotsAgree,
                evidence,
            });
        }
        Ok(())
    }

    /// Executions of a position in order.
    pub fn executions_of<'a>(
        &'a self,
        position: &'a Position,
    ) -> impl Iterator<Item = &'a crate::position::Execution> {
        position
            .executions
            .iter()
            .filter_map(|n| self.trades.get(usize::try_from(*n).ok()?))
    }

    /// Legs whose mark is older than the newest snapshot, with the age in seconds.
    #[must_use]
    pub fn stale_marks(&self) -> Vec<(PositionId, OptionContract, i64)> {
        let age = |at: i64| self.now.0.saturating_sub(at);
        self.open
            .values()
            .flat_map(|p| p.legs.iter().map(move |l| (p.id, l.contract, age(l.mark.at.0))))
            .filter(|(_, _, age)| *age > 0)
            .collect()
    }
}
