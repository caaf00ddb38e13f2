//! Legs that a broker's account is said not to hold any more: believed when the broker shows it.

use crate::broker::BrokerFault;
use crate::keeper::stamp;
use crate::order::{OrderDesk, convert};
use crate::trader::{TradeError, Trader};
use alula_book::instrument::LinearLeg;
use alula_journal::wire;
use alula_market::contract::Instrument;
use alula_market::time::Instant;
use alula_run::Broken;

/// Seconds for which a broker over a network is waited for.
const WAITS_MAX: i64 = 8;

impl Trader {
    /// Compares with the broker, and where it no longer holds the legs of an order writes that down; else says what it holds.
    ///
    /// # Errors
    /// When the journal or the broker fails.
    pub(crate) fn confirm_gone(
        &mut self,
        desk: &mut OrderDesk,
        broken: &Broken,
        when: (Instant, i64),
    ) -> Result<Result<(), String>, TradeError> {
        if !self.compare_now(desk, when)? {
            return Ok(Err(
                "the broker has not said what it holds yet: ask again in a moment".to_owned(),
            ));
        }
        let mut moved = Vec::with_capacity(broken.odd.len());
        for odd in broken.odd.iter().filter(|o| o.quantity != 0) {
            let instrument = Instrument::Option(odd.contract);
            let ours = desk.orders().positions().get(&instrument).copied().unwrap_or(0);
            let held = self
                .link()
                .shown(&instrument)
                .map_or(ours, |shown| shown.unwrap_or(0));
            if held != ours.saturating_sub(odd.quantity) {
                return Ok(Err(format!(
                    "the broker holds {held} {}, and without the legs of this order it would be {}",
                    odd.contract,
                    ours.saturating_sub(odd.quantity)
                )));
            }
            let quantity = odd.quantity.saturating_neg();
            moved.push(LinearLeg { instrument, quantity });
        }
        for leg in &moved {
            let record = wire::PositionMoved {
                moved: convert::leg_out(leg),
                why: format!(
                    "order `{}`: an operator says that it is gone, and the broker shows it",
                    broken.order
                ),
            };
            desk.record(stamp(when.0, when.1), 0, &record.into())?;
        }
        desk.commit().map_err(crate::order::DeskError::from)?;
        self.compare_now(desk, when)?;
        Ok(Ok(()))
    }

    /// A comparison now; whether there was one.
    fn compare_now(&mut self, desk: &mut OrderDesk, when: (Instant, i64)) -> Result<bool, TradeError> {
        if !self.link().is_up() {
            return Err(TradeError::Broker(BrokerFault {
                what: "there is no connection".to_owned(),
                dead: false,
            }));
        }
        let simulated = self.broker.facts().caps.simulated;
        self.link_mut().want();
        for second in 0..WAITS_MAX {
            if !simulated {
                self.link_mut().be_patient();
            }
            self.hear_all(desk, (Instant(when.0.0.saturating_add(second)), when.1))?;
            if self.link().is_settled() {
                return Ok(true);
            }
            if simulated {
                break;
            }
        }
        Ok(false)
    }
}
