//! An author's unit tests: the conformance checks, and rows in, rows out, through the same calls that the engine makes.

use crate::broker::Broker;
use crate::chain::{ChainIndicator, OfChain};
use crate::indicator::Indicator;
use crate::shim::{Made, MadeBroker, Plugin, broker_factory, factory};
use alula_plugin_abi::broker::Caps;
use alula_plugin_abi::chain::Chain;
use alula_plugin_abi::conformance::{BROKER_CASES, CASES};
use alula_plugin_abi::host::{Brokers, Factory, Instance, Row};
use std::ffi::CStr;
use std::marker::PhantomData;

struct Only<T>(PhantomData<T>);

impl<T: Indicator> Plugin for Only<T> {
    const TABLE: &'static [Made] = &[Made::of::<T>()];
    const BUILD: &'static CStr = c"testing";
}

/// The host's side of an indicator, to feed it as the engine does.
///
/// # Errors
/// When its tables are not as the contract says.
pub fn indicators<T: Indicator>() -> Result<Factory, String> {
    #[expect(unsafe_code, reason = "the tables are this crate's own")]
    // SAFETY: a factory of this crate, in a static of this program.
    let factory = unsafe { Factory::new(factory::<Only<T>>()) };
    factory.map_err(|f| f.text)
}

/// Runs every conformance check on an indicator.
///
/// # Errors
/// One line for each check that fails.
pub fn conforms<T: Indicator>() -> Result<(), String> {
    let factory = indicators::<T>()?;
    let mut failed = Vec::new();
    for info in factory.indicators() {
        for case in CASES {
            if let Err(why) = (case.run)(&factory, info) {
                failed.push(format!("{}: {why}", case.name));
            }
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n"))
    }
}

/// Runs every conformance check on an indicator that reads a chain.
///
/// # Errors
/// One line for each check that fails.
pub fn chain_conforms<T: ChainIndicator>() -> Result<(), String> {
    conforms::<OfChain<T>>()
}

/// Feeds snapshots to a fresh instance with these parameters and gives, for each, the outputs where there are any.
///
/// # Errors
/// When the parameters are refused, or the instance dies on the way.
pub fn chain_rows<T: ChainIndicator>(
    params: &[(&str, f64)],
    chains: &[Chain<'_>],
) -> Result<Vec<Option<Vec<f64>>>, String> {
    fed::<OfChain<T>, _>(params, chains, |instance, chain| instance.update_chain(chain))
}

/// Feeds rows to a fresh instance with these parameters and gives, for each row, the outputs where there are any.
///
/// # Errors
/// When the parameters are refused, or the instance dies on the way.
pub fn rows<T: Indicator>(params: &[(&str, f64)], rows: &[&[f64]]) -> Result<Vec<Option<Vec<f64>>>, String> {
    fed::<T, _>(params, rows, |instance, row| instance.update(row))
}

fn fed<T: Indicator, R>(
    params: &[(&str, f64)],
    rows: &[R],
    pass: impl Fn(&mut Instance, &R) -> Row,
) -> Result<Vec<Option<Vec<f64>>>, String> {
    let factory = indicators::<T>()?;
    let info = factory.indicators().first().ok_or("there is no indicator")?;
    let mut values: Vec<f64> = info.params.iter().map(|p| p.default).collect();
    for (name, value) in params {
        let at = info.params.iter().position(|p| p.name == *name);
        let slot = at.and_then(|at| values.get_mut(at));
        *slot.ok_or_else(|| format!("there is no parameter `{name}`"))? = *value;
    }
    let mut instance = factory.create(info, &values).map_err(|f| f.text)?;
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let ready = pass(&mut instance, row) == Row::Ready;
        if let Some(fault) = instance.fault() {
            return Err(fault.text.clone());
        }
        out.push(ready.then(|| instance.outputs().to_vec()));
    }
    Ok(out)
}

struct OnlyBroker<T>(PhantomData<T>);

impl<T: Broker> Plugin for OnlyBroker<T> {
    const BROKERS: &'static [MadeBroker] = &[MadeBroker::of::<T>()];
    const BUILD: &'static CStr = c"testing";
}

/// The host's side of a broker, to talk to it as the engine does.
///
/// # Errors
/// When its tables are not as the contract says.
pub fn brokers<T: Broker>() -> Result<Brokers, String> {
    let factory = broker_factory::<OnlyBroker<T>>();
    #[expect(unsafe_code, reason = "the tables are this crate's own")]
    // SAFETY: a factory of this crate, in a static of this program; a broker takes the absence of services.
    let brokers = unsafe { Brokers::new(factory, std::ptr::null()) };
    brokers.map_err(|f| f.text)
}

/// Runs every conformance check on a broker; `fresh` gives its settings, with a fresh folder each time where it has one.
///
/// # Errors
/// One line for each check that fails.
pub fn broker_conforms<T: Broker>(mut fresh: impl FnMut() -> Vec<(String, String)>) -> Result<(), String> {
    let brokers = brokers::<T>()?;
    let mut failed = Vec::new();
    for info in brokers.brokers() {
        let may_send = info.caps.has(Caps::SIMULATED);
        for case in BROKER_CASES.iter().filter(|c| may_send || !c.sends) {
            if let Err(why) = (case.run)(&brokers, info, &mut fresh) {
                failed.push(format!("{}: {why}", case.name));
            }
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n"))
    }
}
