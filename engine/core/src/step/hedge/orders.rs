//! The orders of a layer that change nothing but how much it holds.

use super::{Bought, Fresh, Walk, Work};
use crate::decision::{Skip, Verdict};
use crate::state::{LayerState, Sleeve};
use alula_book::instrument::{LinearKind, LinearRequest};
use alula_book::{OrderKind, Package, PositionId};
use std::sync::Arc;

impl Walk<'_> {
    /// An order that opens for the layer is at work.
    pub(super) fn opening(&self, key: &str) -> bool {
        let opens = |k: &OrderKind| matches!(k, OrderKind::Open { .. });
        let futures = |r: &LinearRequest| r.kind == LinearKind::Open && *r.structure == *key;
        let orders = self.book.orders().iter();
        let ledger = self.book.ledger().orders().iter();
        orders
            .map(|o| &o.request)
            .any(|r| opens(&r.kind) && *r.structure == *key)
            || ledger.map(|o| &o.request).any(futures)
    }

    pub(super) fn sell(&mut self, w: &mut Work<'_>, key: &Arc<str>, id: PositionId, lots: u32) {
        self.acted.insert(id, Arc::clone(key));
        let verdict = if self.book.position(id).is_some() {
            let kind = OrderKind::Close { position: id };
            Verdict::Ordered(self.order(key, &w.layer.key, kind, lots, None))
        } else {
            match self.sell_futures(key, &w.layer.key, (id, lots)) {
                Some(order) => Verdict::OrderedLinear(order),
                None => return,
            }
        };
        w.orders.push((Arc::clone(key), verdict));
        w.sells = w.sells.saturating_add(lots);
    }

    pub(super) fn buy(
        &mut self,
        w: &mut Work<'_>,
        sleeve: Sleeve,
        fresh: &Fresh,
        lots: u32,
        memory: &mut LayerState,
    ) {
        let key = match (sleeve.month, sleeve.rotated) {
            (Some(_), _) => Arc::clone(&w.layer.migrate_key),
            (None, true) => Arc::clone(&w.layer.rotate_key),
            (None, false) => Arc::clone(&w.layer.key),
        };
        let ordered = match &fresh.bought {
            Bought::Options(package) => self
                .buy_options(&key, &w.layer.key, (package, lots))
                .map(Verdict::Ordered),
            Bought::Futures(lot) => self
                .buy_futures(&key, &w.layer.key, (lot, lots))
                .map(Verdict::OrderedLinear),
        };
        match ordered {
            Err(skip) => {
                w.skip.get_or_insert(skip);
            }
            Ok(verdict) => {
                memory.order(self.tick.at, Arc::clone(&key), None, sleeve);
                w.orders.push((key, verdict));
                w.buys = w.buys.saturating_add(lots);
            }
        }
    }

    fn buy_options(
        &mut self,
        key: &Arc<str>,
        structure: &Arc<str>,
        (package, lots): (&Package, u32),
    ) -> Result<usize, Skip> {
        self.no_conflict(package, None)?;
        let price = self.open_price(package, lots)?;
        self.margin_fits(package, lots, &price, None)?;
        self.subaccount_fits(structure, package, (lots, &price), None)?;
        self.note_package(key, package, &price, lots);
        let kind = OrderKind::Open {
            package: package.clone(),
        };
        Ok(self.order(key, structure, kind, lots, None))
    }
}
