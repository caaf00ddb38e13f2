//! Daily variation, final settlement, splits.

use super::{Flow, Holding, HoldingKey, Ledger, LinearEvent, LinearExecution};
use crate::band::Band;
use crate::fees::Fees;
use alula_market::contract::{FutureContract, Instrument, SettlementValue, Share};
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use std::sync::Arc;

/// The price at which a session settles a future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayPrice {
    /// Price.
    pub price: Price,
    /// It stands in for the official settlement.
    pub approximate: bool,
}

impl DayPrice {
    /// An official settlement.
    #[must_use]
    pub const fn official(price: Price) -> Self {
        Self {
            price,
            approximate: false,
        }
    }
}

impl Ledger {
    /// Daily settlement: pays every future its variation at the official price and marks it there. Contracts without a price
    /// wait: the next settlement pays for both days.
    pub fn settle_day(
        &mut self,
        at: Instant,
        price_of: &dyn Fn(&FutureContract) -> Option<DayPrice>,
    ) -> Vec<LinearEvent> {
        self.now = self.now.max(Some(at));
        let futures: Vec<(HoldingKey, FutureContract)> = self.futures();
        let mut events = Vec::new();
        for (key, contract) in futures {
            let expired = contract.settles_at().is_none_or(|s| s <= at);
            if let Some(price) = price_of(&contract).filter(|_| !expired) {
                events.extend(self.pay(&key, at, price.price, Flow::Variation, price.approximate));
            }
        }
        events
    }

    /// Final settlement of every future whose instant has come and whose value is known by `now`, in the order of holdings
    /// whatever order values became known in.
    ///
    /// # Errors
    /// When a value is missing, or approximate and not accepted; nothing is settled then.
    pub fn settle_final(
        &mut self,
        now: Instant,
        value_of: &dyn Fn(&FutureContract) -> Option<SettlementValue>,
    ) -> Result<Vec<LinearEvent>, (FutureContract, &'static str)> {
        self.now = self.now.max(Some(now));
        let mut due = Vec::new();
        for (key, contract) in self.futures() {
            if contract.settles_at().is_none_or(|s| s > now) {
                continue;
            }
            let value = value_of(&contract).ok_or((contract, "no final settlement value"))?;
            if value.approximate && !self.config.settle_approximate {
                return Err((contract, "the official final settlement value is missing"));
            }
            if value.at <= now {
                due.push((key, value));
            }
        }
        let mut events = Vec::new();
        for (key, value) in due {
            events.extend(self.pay(&key, value.at, value.price, Flow::Final, value.approximate));
        }
        Ok(events)
    }

    fn futures(&self) -> Vec<(HoldingKey, FutureContract)> {
        let future = |(key, _): (&HoldingKey, &Holding)| match key.instrument {
            Instrument::Future(contract) => Some((key.clone(), contract)),
            Instrument::Option(_) | Instrument::Share(_) => None,
        };
        self.holdings.iter().filter_map(future).collect()
    }

    fn pay(
        &mut self,
        key: &HoldingKey,
        at: Instant,
        price: Price,
        flow: Flow,
        approximate: bool,
    ) -> Option<LinearEvent> {
        let held = self.holdings.get_mut(key)?;
        let worth = price.dollars(key.instrument.multiplier(), held.quantity);
        let cash = held.unsettled + Band::flat(worth);
        let quantity = if flow == Flow::Final { -held.quantity } else { 0 };
        let idle = flow == Flow::Variation && held.quantity == 0 && held.unsettled == Band::default();
        held.unsettled = Band::flat(-worth);
        held.settled = Some(price);
        held.mark = Band::flat(price);
        held.marked_at = held.marked_at.max(at);
        if flow == Flow::Final || held.quantity == 0 {
            self.holdings.remove(key);
        }
        if idle {
            return None;
        }
        let executed = self.record(LinearExecution {
            sequence: 0,
            at,
            decided_at: at,
            flow,
            position: key.position,
            structure: Arc::clone(&key.structure),
            key: Arc::from("settlement"),
            order: None,
            instrument: key.instrument,
            quantity,
            price: Band::flat(price),
            cash,
            fees: Fees::ZERO,
            approximate,
        });
        if flow == Flow::Final {
            self.finish(key.position, &Arc::from("expiry"), at);
        }
        Some(LinearEvent::Executed(executed))
    }

    /// Applies the splits of held shares from the day after the last call up to and including a day, before its first quote.
    /// The first call looks at that day alone. Whole shares are exchanged; a fraction is paid out at the last mark.
    pub fn apply_splits(&mut self, on: Date, at: Instant) -> Vec<LinearEvent> {
        let after = self.splits_until.or_else(|| on.pred_opt()).unwrap_or(on);
        self.splits_until = self.splits_until.max(Some(on));
        let shares: Vec<(HoldingKey, Share)> = self
            .holdings
            .keys()
            .filter_map(|k| match k.instrument {
                Instrument::Share(share) => Some((k.clone(), share)),
                Instrument::Option(_) | Instrument::Future(_) => None,
            })
            .collect();
        let mut events = Vec::new();
        for (key, share) in shares {
            for split in share.splits_between(after, on) {
                events.extend(self.split(&key, split.new, split.old, at));
            }
        }
        events
    }

    fn split(&mut self, key: &HoldingKey, new: i64, old: i64, at: Instant) -> Option<LinearEvent> {
        let held = self.holdings.get_mut(key)?;
        let scaled = held.quantity.checked_mul(new)?;
        let (whole, rest) = (scaled.checked_div(old)?, scaled.checked_rem(old)?);
        // `rest` parts of `old` of a new share, each new share worth mark times old over new: rest times mark over new.
        let fraction = held
            .mark
            .map(|m| Usd(m.dollars(1, rest).0.checked_div(new).unwrap_or(0)));
        let moved = |p: Price| Price(p.0.saturating_mul(old).checked_div(new).unwrap_or(p.0));
        let change = whole.saturating_sub(held.quantity);
        held.quantity = whole;
        held.mark = held.mark.map(moved);
        held.entry = held.entry.map(moved);
        let price = held.mark;
        if whole == 0 {
            self.holdings.remove(key);
        }
        let executed = self.record(LinearExecution {
            sequence: 0,
            at,
            decided_at: at,
            flow: Flow::Split,
            position: key.position,
            structure: Arc::clone(&key.structure),
            key: Arc::from("split"),
            order: None,
            instrument: key.instrument,
            quantity: change,
            price,
            cash: fraction,
            fees: Fees::ZERO,
            approximate: false,
        });
        self.finish(key.position, &executed.key, at);
        Some(LinearEvent::Executed(executed))
    }
}
