//! A line to a broker: the contract's calls, whether they go straight into the plugin or through a pipe to another process.

use alula_plugin_abi::broker::{Contract, Event, FinalValue, Order, Quote, WhatIf, Word};
use alula_plugin_abi::host::{Connection, Fault, Submitted};
use std::time::Duration;

/// The calls of the contract as plain values.
pub trait Line {
    /// Why no call will be answered any more.
    fn dead(&self) -> Option<&Fault>;
    /// Starts to connect.
    fn connect(&mut self) -> Result<(), Fault>;
    /// Ends the connection.
    fn disconnect(&mut self) -> Result<(), Fault>;
    /// Appends what has happened; what it took before a fault counts.
    fn poll(&mut self, wait: Duration, events: &mut Vec<Event>) -> Result<(), Fault>;
    /// Sends an order.
    fn submit(&mut self, order: &Order) -> Submitted;
    /// Asks to take one back.
    fn cancel(&mut self, order: &str) -> Result<(), Fault>;
    /// Asks for a snapshot.
    fn request_snapshot(&mut self, request: u64, since_ns: i64) -> Result<(), Fault>;
    /// What an order would take.
    fn what_if(&mut self, order: &Order) -> Result<WhatIf, Fault>;
    /// Quotes of these from now on.
    fn watch(&mut self, contracts: &[Contract]) -> Result<(), Fault>;
    /// Which options of an underlying are listed.
    fn list(&mut self, request: u64, underlying: &Word) -> Result<(), Fault>;
    /// Quotes of an instant.
    fn quotes(&mut self, at_ns: i64, quotes: &[Quote]) -> Result<(), Fault>;
    /// What contracts settle to.
    fn final_values(&mut self, at_ns: i64, values: &[FinalValue]) -> Result<(), Fault>;
}

impl Line for Connection {
    fn dead(&self) -> Option<&Fault> {
        Self::dead(self)
    }
    fn connect(&mut self) -> Result<(), Fault> {
        Self::connect(self)
    }
    fn disconnect(&mut self) -> Result<(), Fault> {
        Self::disconnect(self)
    }
    fn poll(&mut self, wait: Duration, events: &mut Vec<Event>) -> Result<(), Fault> {
        Self::poll(self, wait, events)
    }
    fn submit(&mut self, order: &Order) -> Submitted {
        Self::submit(self, order)
    }
    fn cancel(&mut self, order: &str) -> Result<(), Fault> {
        Self::cancel(self, order)
    }
    fn request_snapshot(&mut self, request: u64, since_ns: i64) -> Result<(), Fault> {
        Self::request_snapshot(self, request, since_ns)
    }
    fn what_if(&mut self, order: &Order) -> Result<WhatIf, Fault> {
        Self::what_if(self, order)
    }
    fn watch(&mut self, contracts: &[Contract]) -> Result<(), Fault> {
        Self::watch(self, contracts)
    }
    fn list(&mut self, request: u64, underlying: &Word) -> Result<(), Fault> {
        Self::list(self, request, underlying)
    }
    fn quotes(&mut self, at_ns: i64, quotes: &[Quote]) -> Result<(), Fault> {
        Self::quotes(self, at_ns, quotes)
    }
    fn final_values(&mut self, at_ns: i64, values: &[FinalValue]) -> Result<(), Fault> {
        Self::final_values(self, at_ns, values)
    }
}
