//! Invariants of futures and shares.

use super::{HoldingKey, Ledger};
use crate::band::Band;
use crate::book::{Breach, Invariant};
use crate::id::PositionId;
use alula_market::contract::Instrument;
use alula_market::money::Usd;
use alula_market::time::Instant;
use std::collections::BTreeMap;

impl Ledger {
    /// Checks what holds at every moment: structures add up, nothing lives past its final settlement by more than a day, the
    /// band is in order. Costs one pass over what is held.
    ///
    /// # Errors
    /// The first breach, in the order of [`Invariant`].
    pub fn check(&self) -> Result<(), Breach> {
        let structures: Band<Usd> = self.totals.keys().map(|s| self.structure_pnl(s)).sum();
        if structures != self.pnl() {
            return breach(
                Invariant::StructuresSumToBook,
                format!(
                    "structures made {structures:?}, futures and shares {:?}",
                    self.pnl()
                ),
            );
        }
        let today = self.now.map(Instant::date);
        for (HoldingKey { instrument, .. }, held) in &self.holdings {
            let past = instrument.expiry().is_some_and(|e| today.is_some_and(|t| t > e));
            if past && held.quantity != 0 {
                return breach(
                    Invariant::NothingPastExpiry,
                    format!("`{instrument}` is still held on {today:?}"),
                );
            }
        }
        if !self.pnl().is_ordered() {
            return breach(Invariant::BandIsOrdered, format!("{:?}", self.pnl()));
        }
        Ok(())
    }

    /// Checks everything from scratch: money is what the executions moved, quantities are what they changed. For the end of a
    /// run.
    ///
    /// # Errors
    /// As for [`Ledger::check`].
    pub fn audit(&self) -> Result<(), Breach> {
        self.check()?;
        let moved = self
            .executions
            .iter()
            .map(|e| e.cash - Band::flat(e.fees.total()));
        let flows: Band<Usd> = moved.sum();
        if flows != self.cash {
            return breach(
                Invariant::EquityIsCashPlusPositions,
                format!(
                    "futures and shares moved {flows:?}, their cash is {:?}",
                    self.cash
                ),
            );
        }
        let positions = || self.open.values().chain(self.closed.values());
        let pnl: Band<Usd> = positions().map(|p| self.position_pnl(p)).sum();
        if pnl != self.pnl() {
            return breach(
                Invariant::EquityIsCashPlusPositions,
                format!("positions made {pnl:?}, futures and shares {:?}", self.pnl()),
            );
        }
        let mut net: BTreeMap<(PositionId, Instrument), i64> = BTreeMap::new();
        for e in &self.executions {
            let total = net.entry((e.position, e.instrument)).or_default();
            *total = total.saturating_add(e.quantity);
        }
        net.retain(|_, n| *n != 0);
        let held: BTreeMap<(PositionId, Instrument), i64> = self
            .holdings
            .iter()
            .filter(|(_, h)| h.quantity != 0)
            .map(|(k, h)| ((k.position, k.instrument), h.quantity))
            .collect();
        let told: BTreeMap<(PositionId, Instrument), i64> = positions()
            .flat_map(|p| p.held.iter().map(|l| ((p.id, l.instrument), l.quantity)))
            .collect();
        if net != held || told != held {
            return breach(
                Invariant::LotsAgree,
                format!("held {held:?}, the executions leave {net:?}"),
            );
        }
        Ok(())
    }
}

fn breach(which: Invariant, evidence: String) -> Result<(), Breach> {
    Err(Breach { which, evidence })
}
