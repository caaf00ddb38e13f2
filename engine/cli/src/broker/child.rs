//! A broker in a process of its own: one that crashes, hangs or leaves is dead, and the engine is not.

use super::line::Line;
use super::protocol::{Answer, Call};
use crate::process::{Failed, Process};
use alula_plugin_abi::broker::{Contract, Event, FinalValue, Order, Quote, WhatIf, Word};
use alula_plugin_abi::host::{Fault, Submitted};
use std::path::Path;
use std::time::Duration;

/// Which broker the process is for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub lock: &'a Path,
    pub plugin: &'a str,
    /// Of the library that was looked at: the process must find the same.
    pub sha256: &'a str,
    pub broker: &'a str,
    pub live: bool,
    /// Private folder of opened libraries.
    pub cache: &'a Path,
}

/// A broker's process.
#[derive(Debug)]
pub struct Child(Process);

impl Child {
    /// Starts the process and has it make the broker.
    ///
    /// # Errors
    /// When it cannot be started, or the broker refuses its settings.
    pub fn start(
        target: &Target<'_>,
        settings: &[(String, String)],
        deadline: Duration,
    ) -> Result<Self, String> {
        let process = Process::start(
            |command| {
                command
                    .arg("broker-host")
                    .arg(target.lock)
                    .args([target.plugin, target.sha256, target.broker])
                    .arg("--cache")
                    .arg(target.cache);
                if target.live {
                    command.arg("--live");
                }
            },
            deadline,
        )?;
        let mut child = Self(process);
        let open = Call::Open {
            settings: settings.to_vec(),
        };
        match child.ask(&open, Duration::ZERO) {
            Ok(Answer::Done) => Ok(child),
            Ok(Answer::Failed(failed)) => Err(failed.fault.text),
            Ok(_) => Err("its process gives answers to other questions".to_owned()),
            Err(fault) => Err(fault.text),
        }
    }

    /// Asks and waits for the answer; without one in time the process is ended.
    fn ask(&mut self, call: &Call, wait: Duration) -> Result<Answer, Fault> {
        let answer = self.0.ask(call, wait)?;
        if let Answer::Failed(f) | Answer::NotSent(f) | Answer::Unknown(f) | Answer::Events(_, Some(f)) =
            &answer
            && f.dead
        {
            self.0.die(f.fault.clone());
        }
        Ok(answer)
    }

    fn plain(&mut self, call: &Call) -> Result<(), Fault> {
        match self.ask(call, Duration::ZERO)? {
            Answer::Done => Ok(()),
            Answer::Failed(failed) => Err(failed.fault),
            _ => Err(self.lost()),
        }
    }

    fn lost(&mut self) -> Fault {
        self.0.lost()
    }
}

impl Line for Child {
    fn dead(&self) -> Option<&Fault> {
        self.0.dead()
    }

    fn connect(&mut self) -> Result<(), Fault> {
        self.plain(&Call::Connect)
    }

    fn disconnect(&mut self) -> Result<(), Fault> {
        self.plain(&Call::Disconnect)
    }

    fn poll(&mut self, wait: Duration, events: &mut Vec<Event>) -> Result<(), Fault> {
        let wait_ns = i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX);
        match self.ask(&Call::Poll { wait_ns }, wait)? {
            Answer::Events(heard, failed) => {
                events.extend(heard);
                failed.map_or(Ok(()), |f: Failed| Err(f.fault))
            }
            _ => Err(self.lost()),
        }
    }

    fn submit(&mut self, order: &Order) -> Submitted {
        if let Some(fault) = self.0.dead() {
            return Submitted::NotSent(fault.clone());
        }
        match self.ask(&Call::Submit(order.clone()), Duration::ZERO) {
            Ok(Answer::Sent) => Submitted::Sent,
            Ok(Answer::NotSent(failed)) => Submitted::NotSent(failed.fault),
            Ok(Answer::Unknown(failed)) => Submitted::Unknown(failed.fault),
            Ok(_) => Submitted::Unknown(self.lost()),
            // Whatever broke, the order may have left before it did.
            Err(fault) => Submitted::Unknown(fault),
        }
    }

    fn cancel(&mut self, order: &str) -> Result<(), Fault> {
        self.plain(&Call::Cancel(order.to_owned()))
    }

    fn request_snapshot(&mut self, request: u64, since_ns: i64) -> Result<(), Fault> {
        self.plain(&Call::Snapshot { request, since_ns })
    }

    fn what_if(&mut self, order: &Order) -> Result<WhatIf, Fault> {
        match self.ask(&Call::WhatIf(order.clone()), Duration::ZERO)? {
            Answer::WhatIf(answer) => Ok(answer),
            Answer::Failed(failed) => Err(failed.fault),
            _ => Err(self.lost()),
        }
    }

    fn watch(&mut self, contracts: &[Contract]) -> Result<(), Fault> {
        self.plain(&Call::Watch(contracts.to_vec()))
    }

    fn list(&mut self, request: u64, underlying: &Word) -> Result<(), Fault> {
        let underlying = *underlying;
        self.plain(&Call::List { request, underlying })
    }

    fn quotes(&mut self, at_ns: i64, quotes: &[Quote]) -> Result<(), Fault> {
        let rows = quotes.to_vec();
        self.plain(&Call::Quotes { at_ns, rows })
    }

    fn final_values(&mut self, at_ns: i64, values: &[FinalValue]) -> Result<(), Fault> {
        let rows = values.to_vec();
        self.plain(&Call::FinalValues { at_ns, rows })
    }
}
