//! The port of the live room over a line to a broker.

use super::convert;
use super::line::Line;
use alula_live::broker::{
    Broker, BrokerEvent, BrokerFacts, BrokerFault, BrokerOrder, ClientOrderId, FinalValue, Quote, Submission,
    Watched, WhatIf,
};
use alula_market::time::Instant;
use alula_plugin_abi::host::{BrokerInfo, Fault, Submitted};
use std::fmt;
use std::time::Duration;

/// A broker behind a line.
pub struct Adapter<L> {
    line: L,
    facts: BrokerFacts,
    /// It said something that cannot be true; no call is made any more.
    broken: Option<String>,
}

impl<L> fmt::Debug for Adapter<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapter")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

impl<L: Line> Adapter<L> {
    pub fn new(line: L, id: String, info: &BrokerInfo) -> Self {
        Self {
            line,
            facts: BrokerFacts {
                id,
                version: info.version.clone(),
                caps: convert::capabilities(info.caps),
            },
            broken: None,
        }
    }

    fn fault(&self, text: impl fmt::Display) -> BrokerFault {
        BrokerFault {
            what: format!("broker `{}`: {text}", self.facts.id),
            dead: self.broken.is_some() || self.line.dead().is_some(),
        }
    }

    fn intact(&self) -> Result<(), BrokerFault> {
        self.broken.as_ref().map_or(Ok(()), |why| Err(self.fault(why)))
    }

    fn done<T>(&self, result: Result<T, Fault>) -> Result<T, BrokerFault> {
        result.map_err(|f| self.fault(f))
    }
}

impl<L: Line> Broker for Adapter<L> {
    fn facts(&self) -> &BrokerFacts {
        &self.facts
    }

    fn connect(&mut self) -> Result<(), BrokerFault> {
        self.intact()?;
        let result = self.line.connect();
        self.done(result)
    }

    fn disconnect(&mut self) -> Result<(), BrokerFault> {
        self.intact()?;
        let result = self.line.disconnect();
        self.done(result)
    }

    fn poll(&mut self, wait: Duration, events: &mut Vec<BrokerEvent>) -> Result<(), BrokerFault> {
        self.intact()?;
        let mut heard = Vec::new();
        let result = self.line.poll(wait, &mut heard);
        for event in &heard {
            match convert::event(event) {
                Ok(event) => events.extend(event),
                Err(why) => {
                    self.broken = Some(why);
                    return self.intact();
                }
            }
        }
        self.done(result)
    }

    fn submit(&mut self, order: &BrokerOrder) -> Submission {
        if let Err(fault) = self.intact() {
            return Submission::NotSent(fault);
        }
        let order = match convert::order(order) {
            Ok(order) => order,
            Err(why) => return Submission::NotSent(self.fault(why)),
        };
        match self.line.submit(&order) {
            Submitted::Sent => Submission::Sent,
            Submitted::NotSent(fault) => Submission::NotSent(self.fault(fault)),
            Submitted::Unknown(fault) => Submission::Unknown(self.fault(fault)),
        }
    }

    fn cancel(&mut self, order: &ClientOrderId) -> Result<(), BrokerFault> {
        self.intact()?;
        let result = self.line.cancel(order.as_str());
        self.done(result)
    }

    fn request_snapshot(&mut self, request: u64, since: Instant) -> Result<(), BrokerFault> {
        self.intact()?;
        let result = self.line.request_snapshot(request, convert::nanoseconds(since));
        self.done(result)
    }

    fn what_if(&mut self, order: &BrokerOrder) -> Result<WhatIf, BrokerFault> {
        self.intact()?;
        let order = convert::order(order).map_err(|why| self.fault(why))?;
        let result = self.line.what_if(&order);
        self.done(result).map(|answer| convert::what_if(&answer))
    }

    fn watch(&mut self, what: &[Watched]) -> Result<(), BrokerFault> {
        self.intact()?;
        let rows: Result<Vec<_>, String> = what.iter().map(convert::watched).collect();
        let rows = rows.map_err(|why| self.fault(why))?;
        let result = self.line.watch(&rows);
        self.done(result)
    }

    fn list(&mut self, request: u64, underlying: &str) -> Result<(), BrokerFault> {
        self.intact()?;
        let name = convert::word(underlying).map_err(|why| self.fault(why))?;
        let result = self.line.list(request, &name);
        self.done(result)
    }

    fn quotes(&mut self, at: Instant, quotes: &[Quote]) -> Result<(), BrokerFault> {
        if !self.facts.caps.simulated {
            return Ok(());
        }
        self.intact()?;
        let rows: Result<Vec<_>, String> = quotes.iter().map(convert::quote).collect();
        let rows = rows.map_err(|why| self.fault(why))?;
        let result = self.line.quotes(convert::nanoseconds(at), &rows);
        self.done(result)
    }

    fn final_values(&mut self, at: Instant, values: &[FinalValue]) -> Result<(), BrokerFault> {
        if !self.facts.caps.simulated {
            return Ok(());
        }
        self.intact()?;
        let rows: Result<Vec<_>, String> = values.iter().map(convert::final_value).collect();
        let rows = rows.map_err(|why| self.fault(why))?;
        let result = self.line.final_values(convert::nanoseconds(at), &rows);
        self.done(result)
    }
}
