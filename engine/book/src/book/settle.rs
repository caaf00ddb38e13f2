//! Cash settlement at expiry.

use super::Book;
use crate::band::Band;
use crate::fees::Fees;
use crate::id::PositionId;
use crate::order::{BookEvent, CancelReason};
use crate::payoff;
use crate::position::{Execution, ExecutionKind, LegFill, Position, PositionLeg};
use alula_market::contract::{Root, SettlementValue};
use alula_market::money::Price;
use alula_market::time::{Date, Instant};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why legs could not be settled. The book is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// No settlement value.
    #[error("no settlement value for {root} expiring {expiry}", root = root.symbol())]
    Missing {
        /// Root.
        root: Root,
        /// Expiry.
        expiry: Date,
    },
    /// Only an approximate value, and the strategy does not accept those.
    #[error("the official settlement value of {root} expiring {expiry} is missing", root = root.symbol())]
    Approximate {
        /// Root.
        root: Root,
        /// Expiry.
        expiry: Date,
    },
}

impl SettleError {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Missing { root, .. } => {
                format!("import a settlement series for {}, or end the run before this expiry", root.symbol())
            }
            Self::Approximate { .. } => {
                "import the official series, or write `settle approximate` in the strategy: results are marked then"
                    .to_owned()
            }
        }
    }
}

impl Book {
    /// Settles every leg whose settlement instant and value have come by `now` to its intrinsic value in cash.
    ///
    /// Executions come in the order of (position, expiry, root), whatever order values became known in. A leg whose
    /// value is published later stays, at its last mark, until a call at or after that instant.
    ///
    /// # Errors
    /// When a value is missing, or approximate and not accepted; nothing is settled then.
    pub fn settle(
        &mut self,
        now: Instant,
        value_of: &dyn Fn(Root, Date) -> Option<SettlementValue>,
    ) -> Result<Vec<BookEvent>, SettleError> {
        self.now = self.now.max(now);
        let values = self.due_values(now, value_of)?;
        let due: Vec<(PositionId, Date, Root)> = self
            .open
            .values()
            .flat_map(|p| {
                keys(p, now)
                    .into_iter()
                    .map(|(expiry, root)| (p.id, expiry, root))
            })
            .filter(|(_, expiry, root)| values.contains_key(&(*expiry, *root)))
            .collect();
        let mut events = Vec::new();
        for (id, expiry, root) in due {
            let Some(value) = values.get(&(expiry, root)) else {
                continue;
            };
            if let Some(execution) = self.settle_legs(id, expiry, root, value) {
                events.push(BookEvent::Settled(execution));
            }
        }
        self.cancel_orphans(now, &mut events);
        Ok(events)
    }

    /// Values that are known by now, for what is held and due.
    fn due_values(
        &self,
        now: Instant,
        value_of: &dyn Fn(Root, Date) -> Option<SettlementValue>,
    ) -> Result<BTreeMap<(Date, Root), SettlementValue>, SettleError> {
        let mut values = BTreeMap::new();
        let mut wanted: Vec<(Date, Root)> = self.open.values().flat_map(|p| keys(p, now)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        for (expiry, root) in wanted {
            let value = value_of(root, expiry).ok_or(SettleError::Missing { root, expiry })?;
            if value.approximate && !self.config.settle_approximate {
                return Err(SettleError::Approximate { root, expiry });
            }
            if value.at <= now {
                values.insert((expiry, root), value);
            }
        }
        Ok(values)
    }

    fn settle_legs(
        &mut self,
        id: PositionId,
        expiry: Date,
        root: Root,
        value: &SettlementValue,
    ) -> Option<Execution> {
        let position = self.open.get_mut(&id)?;
        let ours = |l: &PositionLeg| l.contract.expiry == expiry && l.contract.root == root;
        let legs: Vec<LegFill> = position
            .legs
            .iter()
            .filter(|l| ours(l))
            .map(|l| settled_leg(l, value.price))
            .collect();
        let settles_at = position.legs.iter().find(|l| ours(l)).map(|l| l.settles_at)?;
        position.hold(position.legs.iter().filter(|l| !ours(l)).copied().collect());
        let empty = position.legs.is_empty();
        let net: Band<Price> = legs.iter().map(|l| l.points).sum();
        let key: Arc<str> = Arc::from("expiry");
        let execution = Execution {
            sequence: u32::try_from(self.trades.len()).unwrap_or(u32::MAX),
            at: value.at.max(settles_at),
            kind: ExecutionKind::Settle,
            position: id,
            structure: position.structure.clone(),
            key: key.clone(),
            order: None,
            decided_at: settles_at,
            lots: position.lots,
            legs,
            net,
            cash: net.dollars(root.multiplier(), i64::from(position.lots)),
            fees: Fees::ZERO,
            underlying: value.price,
            approximate: value.approximate,
        };
        self.record(&execution);
        if empty {
            self.finish(id, &key, &execution);
        }
        Some(execution)
    }

    /// Ends orders whose position is gone. An order on a position that only lost its near legs lives on: it trades
    /// what is then held.
    fn cancel_orphans(&mut self, now: Instant, events: &mut Vec<BookEvent>) {
        use crate::order::OrderKind::{Close, Open, Roll};
        for order in std::mem::take(&mut self.orders) {
            let alive = match &order.request.kind {
                Open { .. } => true,
                Close { position } | Roll { position, .. } => self.open.contains_key(position),
            };
            if alive {
                self.orders.push(order);
            } else {
                let reason = CancelReason::PositionChanged;
                events.push(BookEvent::Cancelled {
                    order: order.id,
                    at: now,
                    reason,
                });
            }
        }
    }
}

/// Expiries and roots of a position that have reached their settlement instant, in order.
fn keys(position: &Position, now: Instant) -> Vec<(Date, Root)> {
    let due = position.legs.iter().filter(|l| l.settles_at <= now);
    let mut keys: Vec<(Date, Root)> = due.map(|l| (l.contract.expiry, l.contract.root)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn settled_leg(leg: &PositionLeg, value: Price) -> LegFill {
    let worth = payoff::intrinsic(leg.contract.right, leg.contract.strike, value);
    let points = Band::flat(worth.times(i64::from(leg.ratio)));
    LegFill {
        contract: leg.contract,
        ratio: -leg.ratio,
        points,
        bid: worth,
        ask: worth,
    }
}
