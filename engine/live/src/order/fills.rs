//! Trades by their numbers: each counts once, corrections replace what they correct, in whatever order they come.

use crate::broker::{ClientOrderId, Fill};
use alula_market::contract::Instrument;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Trades and what they make of the positions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fills {
    seen: BTreeMap<Arc<str>, Fill>,
    /// Numbers that a correction named, seen or still to come.
    replaced: BTreeSet<Arc<str>>,
    /// Numbers of an order's trades as they came; a correction stands in the place of what it corrects.
    by_order: BTreeMap<ClientOrderId, Vec<Arc<str>>>,
    /// Positions without the trades above.
    base: BTreeMap<Instrument, i64>,
    positions: BTreeMap<Instrument, i64>,
}

/// What became of a trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It counts.
    New,
    /// It counts instead of another.
    Corrects(Arc<str>),
    /// It came before.
    Again,
    /// It came before, with other words; the first ones stand.
    Differs,
    /// A correction of it has come already.
    Superseded,
}

impl Fills {
    /// Adds a trade.
    pub fn add(&mut self, fill: &Fill) -> Added {
        if let Some(before) = self.seen.get(&fill.exec_id) {
            return if before == fill {
                Added::Again
            } else {
                Added::Differs
            };
        }
        self.seen.insert(Arc::clone(&fill.exec_id), fill.clone());
        let superseded = self.replaced.contains(&fill.exec_id);
        let mut place = None;
        if let Some(old) = &fill.corrects
            && self.replaced.insert(Arc::clone(old))
            && let Some(before) = self.seen.get(old).cloned()
        {
            self.shift(before.instrument, before.quantity.saturating_neg());
            place = before.order.clone().and_then(|order| {
                let at = self.by_order.get(&order)?.iter().position(|id| id == old)?;
                Some((order, at))
            });
            if let Some((order, at)) = &place
                && let Some(list) = self.by_order.get_mut(order)
            {
                list.remove(*at);
            }
        }
        if superseded {
            return Added::Superseded;
        }
        self.shift(fill.instrument, fill.quantity);
        if let Some(order) = &fill.order {
            let list = self.by_order.entry(order.clone()).or_default();
            let at = place.filter(|(o, _)| o == order).map_or(list.len(), |(_, at)| at);
            list.insert(at.min(list.len()), Arc::clone(&fill.exec_id));
        }
        match &fill.corrects {
            Some(old) => Added::Corrects(Arc::clone(old)),
            None => Added::New,
        }
    }

    /// Moves a position otherwise than by a trade.
    pub fn move_by(&mut self, instrument: Instrument, quantity: i64) {
        add(&mut self.base, instrument, quantity);
        add(&mut self.positions, instrument, quantity);
    }

    /// Whether a trade of that number was seen.
    #[must_use]
    pub fn knows(&self, exec_id: &str) -> bool {
        self.seen.contains_key(exec_id)
    }

    /// What is held, without zeros.
    #[must_use]
    pub fn positions(&self) -> &BTreeMap<Instrument, i64> {
        &self.positions
    }

    /// Positions without the trades that are kept one by one.
    #[must_use]
    pub fn base(&self) -> &BTreeMap<Instrument, i64> {
        &self.base
    }

    /// Trades of an order that count, as they came.
    pub fn of(&self, order: &ClientOrderId) -> impl Iterator<Item = &Fill> {
        let ids = self.by_order.get(order).map(Vec::as_slice).unwrap_or_default();
        ids.iter().filter_map(|id| self.seen.get(id))
    }

    /// Where a trade stands among those of its order that count.
    #[must_use]
    pub fn place(&self, fill: &Fill) -> usize {
        let list = fill.order.as_ref().and_then(|order| self.by_order.get(order));
        let place = list.and_then(|ids| ids.iter().position(|id| *id == fill.exec_id));
        place.unwrap_or(usize::MAX)
    }

    /// All trades, those that do not count too, by their numbers.
    pub fn all(&self) -> impl Iterator<Item = &Fill> {
        self.seen.values()
    }

    /// Whether a trade counts, or a correction stands for it.
    #[must_use]
    pub fn counts(&self, exec_id: &str) -> bool {
        self.seen.contains_key(exec_id) && !self.replaced.contains(exec_id)
    }

    fn shift(&mut self, instrument: Instrument, quantity: i64) {
        add(&mut self.positions, instrument, quantity);
    }
}

fn add(map: &mut BTreeMap<Instrument, i64>, instrument: Instrument, quantity: i64) {
    let held = map.entry(instrument).or_default();
    *held = held.saturating_add(quantity);
    if *held == 0 {
        map.remove(&instrument);
    }
}
