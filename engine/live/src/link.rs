//! The connection of a run to its broker: it stands, it breaks, it comes back, and each time journal and broker are compared.
//!
//! A broker's process that dies is opened anew. Whatever was on its way then is of unknown fate, and the comparison says what
//! became of it: found at the broker, or abandoned and never sent again.

use crate::broker::{Broker, BrokerEvent, BrokerFault};
use crate::keeper::stamp;
use crate::order::OrderDesk;
use crate::reconcile::{Action, Policy, Reconciler};
use crate::trader::{Reopen, Sheet, TradeError, Trader};
use alula_market::time::Instant;
use std::time::Duration;

/// Looks at the answers to one comparison before it counts as failed.
const LOOKS_MAX: u32 = 64;
/// How often a broker's process may die at one snapshot.
const REVIVALS_MAX: u32 = 5;
/// Seconds between comparisons while all is well: once for each session.
const EVERY_S: i64 = 20 * 3_600;

/// How the connection stands.
#[derive(Debug)]
pub struct Link {
    connected: bool,
    reconciler: Reconciler,
    /// What did not fit at the last comparison.
    mismatches: Vec<String>,
    /// The instant that a simulated broker has for now, where it was told one.
    pub(crate) clock: Option<Instant>,
    /// Processes that died under this run.
    revivals: u64,
}

impl Link {
    fn new(broker: &dyn Broker, last_request: u64) -> Self {
        // Where nothing can be on its way there is nothing to wait for.
        let policy = Policy {
            quiet_s: 0,
            flight_s: 0,
            skew_s: 0,
            drained: broker.facts().caps.simulated,
            every_s: EVERY_S,
            ..Policy::default()
        };
        Self {
            connected: false,
            reconciler: Reconciler::new(policy, broker.facts().caps, last_request),
            mismatches: Vec::new(),
            clock: None,
            revivals: 0,
        }
    }

    /// It stands.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.connected
    }

    /// What did not fit when journal and broker were compared last.
    #[must_use]
    pub fn mismatches(&self) -> &[String] {
        &self.mismatches
    }

    /// Processes of the broker that died and were opened anew.
    #[must_use]
    pub const fn revivals(&self) -> u64 {
        self.revivals
    }
}

impl Trader {
    /// Connects, and compares journal and broker before anything is sent. The sheet is that of the run that is gone on with,
    /// or empty.
    ///
    /// # Errors
    /// When the broker is not a simulated one, does not answer, or does not agree with the journal.
    pub fn connect(
        (broker, reopen): (Box<dyn Broker + Send>, Option<Reopen>),
        sheet: Sheet,
        desk: &mut OrderDesk,
        (now, received_ns): (Instant, i64),
    ) -> Result<Self, TradeError> {
        if !broker.facts().caps.simulated {
            return Err(TradeError::Odd(format!(
                "broker `{}` is not a simulated one, and a run sends orders to no other yet",
                broker.facts().id
            )));
        }
        let link = Link::new(broker.as_ref(), desk.orders().last_request());
        let mut trader = Self {
            broker,
            reopen,
            sheet,
            settled: 0,
            link,
        };
        let when = (now, received_ns);
        trader.lively(desk, when, |trader, desk| {
            trader.broker.connect()?;
            trader.hear_all(desk, when)
        })?;
        if trader.link.connected && !trader.link.reconciler.is_settled() {
            return Err(TradeError::Odd(format!(
                "broker `{}` did not say what it holds",
                trader.id()
            )));
        }
        if !trader.link.mismatches.is_empty() {
            // What was found stands in the journal before anybody is sent to look at it.
            desk.commit().map_err(crate::order::DeskError::from)?;
            return Err(TradeError::Mismatch {
                broker: trader.id().to_owned(),
                mismatches: std::mem::take(&mut trader.link.mismatches),
            });
        }
        Ok(trader)
    }

    /// How the connection stands.
    #[must_use]
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// Does something with the broker; where its process turns out to be gone it is opened anew, journal and broker are
    /// compared, and the thing is done again. What is done must bear that.
    pub(crate) fn lively(
        &mut self,
        desk: &mut OrderDesk,
        when: (Instant, i64),
        mut what: impl FnMut(&mut Self, &mut OrderDesk) -> Result<(), TradeError>,
    ) -> Result<(), TradeError> {
        let mut tries = 0;
        let mut result = what(self, desk);
        while let Err(TradeError::Broker(fault)) = &result {
            if !fault.dead || tries >= REVIVALS_MAX || self.reopen.is_none() {
                return result;
            }
            tries += 1;
            let fault = fault.clone();
            result = self.revive(desk, when, &fault).and_then(|()| what(self, desk));
        }
        result
    }

    /// Opens the broker anew and compares.
    fn revive(
        &mut self,
        desk: &mut OrderDesk,
        when: (Instant, i64),
        fault: &BrokerFault,
    ) -> Result<(), TradeError> {
        self.heard(desk, when, &BrokerEvent::Down(fault.what.clone()))?;
        self.link.clock = None;
        // It forgot which settlements it was told of; telling it again changes nothing.
        self.settled = 0;
        self.link.revivals = self.link.revivals.saturating_add(1);
        if let Some(reopen) = &mut self.reopen {
            self.broker = reopen()?;
        }
        self.broker.connect()?;
        self.hear_all(desk, when)
    }

    /// One event, into the journal and to whoever compares.
    fn heard(
        &mut self,
        desk: &mut OrderDesk,
        (now, received_ns): (Instant, i64),
        event: &BrokerEvent,
    ) -> Result<Option<Action>, TradeError> {
        match event {
            BrokerEvent::Up => self.link.connected = true,
            BrokerEvent::Down(_) => self.link.connected = false,
            _ => {}
        }
        desk.take(stamp(now, received_ns), event)?;
        Ok(self.link.reconciler.event(now, desk.orders(), event))
    }

    /// Everything that happened, into the journal; and a comparison, where one is due.
    pub(crate) fn hear_all(&mut self, desk: &mut OrderDesk, when: (Instant, i64)) -> Result<(), TradeError> {
        let now = when.0;
        for _ in 0..LOOKS_MAX {
            let mut events = Vec::new();
            let polled = self.broker.poll(Duration::ZERO, &mut events);
            let mut actions: Vec<Action> = Vec::new();
            // The comparison looks at the orders as they stand after each event.
            for event in &events {
                actions.extend(self.heard(desk, when, event)?);
            }
            polled?;
            if self.link.connected {
                actions.extend(self.link.reconciler.clock(now, desk.orders()));
            }
            if actions.is_empty() && events.is_empty() {
                break;
            }
            for action in actions {
                self.act(desk, when, action)?;
            }
        }
        Ok(())
    }

    fn act(
        &mut self,
        desk: &mut OrderDesk,
        (now, received_ns): (Instant, i64),
        action: Action,
    ) -> Result<(), TradeError> {
        match action {
            Action::Ask { request, since } => self.broker.request_snapshot(request, since)?,
            Action::Settle { plan, occasion, .. } => {
                let when = stamp(now, received_ns);
                desk.settle(when, 0, occasion, &plan)?;
                self.link.mismatches = plan.mismatches.iter().map(ToString::to_string).collect();
                self.link.reconciler.settled(now, self.link.mismatches.is_empty());
                // What is to be taken back again leaves now; what could not be heard of is in the next look.
                desk.flush(when, self.broker.as_mut())?;
            }
        }
        Ok(())
    }

    /// Makes sure that a simulated broker knows what time it is: one that was opened anew has no clock before its first quotes.
    pub(crate) fn set_clock(&mut self, at: Instant) -> Result<(), TradeError> {
        if self.link.clock != Some(at) {
            self.broker.quotes(at, &[])?;
            self.link.clock = Some(at);
        }
        Ok(())
    }
}
