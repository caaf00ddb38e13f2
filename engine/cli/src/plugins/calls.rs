//! Instances at work, in the engine's words: rows and chains in, cells out.

use super::watch::{Watch, stop};
use alula_core::chains::ChainTable;
use alula_core::ops::StateError;
use alula_core::plugin::{ChainInstance, PluginInstance};
use alula_core::value::{Cause, Cell};
use alula_market::contract::Settlement;
use alula_plugin_abi::chain::{Chain, Contracts, Expiry, Settles};
use alula_plugin_abi::host::{Instance, Row, Start};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// An instance whose calls are watched.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) instance: Instance,
    pub(super) label: String,
    /// The run ends when it dies.
    pub(super) stops: bool,
    pub(super) faults: Arc<Mutex<BTreeSet<String>>>,
    pub(super) watch: Arc<Watch>,
}

/// A row's cell.
fn cell(row: Row, value: f64, is_bool: bool) -> Cell {
    match row {
        Row::Ready if is_bool => Cell::boolean(value != 0.0),
        Row::Ready => Cell::number(value),
        Row::WarmingUp => Cell::missing(Cause::WarmingUp),
        Row::Undefined => Cell::missing(Cause::OutOfDomain),
        Row::Dead => Cell::missing(Cause::Plugin),
    }
}

impl Called {
    /// Calls it, and keeps what ended it for the run's marks.
    fn during<T>(&mut self, call: impl FnOnce(&mut Instance) -> T) -> T {
        let alive = self.instance.fault().is_none();
        let result = self.watch.during(|| call(&mut self.instance));
        if alive {
            self.note(&self.instance);
        }
        result
    }

    /// What ended it.
    fn fault(&self) -> Option<String> {
        let fault = self.instance.fault()?;
        Some(format!("{} stopped: {fault}", self.label))
    }

    /// Keeps what ended an instance, and ends the run of it where the lock wants that.
    fn note(&self, instance: &Instance) {
        let Some(fault) = instance.fault() else { return };
        let what = format!("{} stopped: {fault}", self.label);
        if self.stops {
            stop(
                &what,
                "`plugins.lock` says that the run ends then (`on_failure = \"stop\"`); nothing was written",
            );
        }
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.insert(what);
    }

    fn copy(&mut self) -> Self {
        let copy = Self {
            instance: self.during(Instance::duplicate),
            label: self.label.clone(),
            stops: self.stops,
            faults: Arc::clone(&self.faults),
            watch: self.watch.again(),
        };
        if self.instance.fault().is_none() {
            self.note(&copy.instance);
        }
        copy
    }
}

impl Drop for Called {
    fn drop(&mut self) {
        self.watch.during(|| self.instance.end());
    }
}

/// One output of an instance.
#[derive(Debug)]
pub(super) struct Working {
    pub(super) called: Called,
    pub(super) output: usize,
    pub(super) is_bool: bool,
    pub(super) lanes: Vec<Vec<f64>>,
}

impl PluginInstance for Working {
    fn row(&mut self, inputs: &[f64]) -> Cell {
        let row = self.called.during(|i| i.update(inputs));
        let value = self.called.instance.outputs().get(self.output).copied();
        cell(row, value.unwrap_or(0.0), self.is_bool)
    }

    fn rows(&mut self, inputs: &[&[f64]], _: usize, out: &mut Vec<Cell>) {
        let lanes = &mut self.lanes;
        let rows = self.called.during(|i| i.update_batch(inputs, lanes));
        let values = self.lanes.get(self.output).map(Vec::as_slice).unwrap_or_default();
        for (row, value) in rows.iter().zip(values) {
            out.push(cell(*row, *value, self.is_bool));
        }
    }

    fn reset(&mut self) {
        self.called.during(Instance::reset);
    }

    fn warmup(&self) -> u64 {
        self.called.instance.warmup()
    }

    fn save(&mut self, out: &mut Vec<u8>) {
        self.called.during(|i| i.save(out));
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        match self.called.during(|i| i.load(bytes)) {
            Start::Resumed => Ok(()),
            Start::Foreign => Err(StateError::Foreign),
            Start::Damaged => Err(StateError::Damaged),
        }
    }

    fn copy(&mut self) -> Box<dyn PluginInstance> {
        Box::new(Self {
            called: self.called.copy(),
            output: self.output,
            is_bool: self.is_bool,
            lanes: vec![Vec::new(); self.lanes.len()],
        })
    }

    fn fault(&self) -> Option<String> {
        self.called.fault()
    }
}

/// An instance that reads an option chain: all the outputs that the strategy declares, and which of them are truth values.
#[derive(Debug)]
pub(super) struct Chained {
    pub(super) called: Called,
    pub(super) outputs: Vec<(usize, bool)>,
}

impl ChainInstance for Chained {
    fn tick(&mut self, table: &ChainTable, out: &mut Vec<Cell>) {
        let row = self.called.during(|i| i.update_chain(&chain_of(table)));
        let values = self.called.instance.outputs();
        let value = |at: usize| values.get(at).copied().unwrap_or(0.0);
        out.extend(
            self.outputs
                .iter()
                .map(|&(at, is_bool)| cell(row, value(at), is_bool)),
        );
    }

    fn needs_interest(&self) -> bool {
        self.called.instance.info().interest
    }

    fn warmup(&self) -> u64 {
        self.called.instance.warmup()
    }

    fn copy(&mut self) -> Box<dyn ChainInstance> {
        Box::new(Self {
            called: self.called.copy(),
            outputs: self.outputs.clone(),
        })
    }

    fn fault(&self) -> Option<String> {
        self.called.fault()
    }
}

/// The engine's columns in the words of the contract.
fn chain_of(table: &ChainTable) -> Chain<'_> {
    let expiries = table.expiries.iter().map(|e| Expiry {
        root: e.root,
        date: e.date,
        settles: match e.settlement {
            Settlement::Am => Settles::Am,
            Settlement::Pm => Settles::Pm,
        },
        years: e.years,
        forward: e.forward,
        discount: e.discount,
    });
    Chain {
        underlying: &table.underlying,
        date: table.date,
        spot: table.spot,
        multiplier: table.multiplier,
        expiries: expiries.collect(),
        contracts: Contracts {
            expiry_of: &table.expiry_of,
            right: &table.right,
            strike: &table.strike,
            bid: &table.bid,
            ask: &table.ask,
            mid: &table.mid,
            vol: &table.vol,
            delta: &table.delta,
            gamma: &table.gamma,
            open_interest: &table.open_interest,
            volume: &table.volume,
        },
    }
}
