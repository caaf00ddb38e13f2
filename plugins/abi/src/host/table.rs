//! Calls through the tables of a plugin: all that the compiler cannot check, in one place.
//!
//! What is believed, because nothing can prove it: a function pointer that the plugin publishes leads to a function of the
//! signature in the header, and a table has as many bytes as its `struct_size` says. What is never believed: anything that such
//! a function returns.

mod handle;
mod memory;

pub(super) use handle::{Handle, Slot, plain, size};
pub use memory::{borrowed_text, text_at};
pub(super) use memory::{contract, late_field, one_line, read_all};
pub(crate) use memory::{read, read_from};

use super::describe::{IndicatorInfo, ParamInfo, PortInfo};
use super::far::{Bare, Body, Maker};
use super::{Fault, FaultKind, Given, Instance};
use crate::raw;
use handle::Calls;
use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::Arc;

/// Most indicators in a plugin.
const INDICATORS_MAX: u32 = 256;
/// Most parameters, inputs or outputs of an indicator.
const PORTS_MAX: u32 = 64;

/// # Safety
/// The texts of the descriptor are as [`text_at`] wants them.
unsafe fn param(desc: &raw::ParamDesc) -> Result<ParamInfo, Fault> {
    let whole = match desc.kind {
        raw::PARAM_I64 => true,
        raw::PARAM_F64 => false,
        kind => return Err(contract(format!("a parameter is of kind {kind}"))),
    };
    // SAFETY: by the caller's promise.
    let (name, doc, unit) = unsafe { words(desc.name, desc.doc, desc.unit, "a parameter") }?;
    Ok(ParamInfo {
        name,
        doc,
        unit,
        whole,
        min: desc.min,
        max: desc.max,
        default: desc.def,
    })
}

/// # Safety
/// The texts of the descriptor are as [`text_at`] wants them.
unsafe fn port(desc: &raw::PortDesc) -> Result<PortInfo, Fault> {
    // SAFETY: by the caller's promise.
    let (name, doc, unit) = unsafe { words(desc.name, desc.doc, desc.unit, "a port") }?;
    let bound = |x: f64| x.is_finite().then_some(x);
    Ok(PortInfo {
        name,
        doc,
        unit,
        lo: bound(desc.lo),
        hi: bound(desc.hi),
    })
}

/// # Safety
/// As for [`text_at`].
unsafe fn words(
    name: *const c_char,
    doc: *const c_char,
    unit: *const c_char,
    what: &str,
) -> Result<(String, String, Option<String>), Fault> {
    // SAFETY: by the caller's promise, for each; one that is null is not read.
    unsafe {
        let name = text_at(name, what)?;
        let doc = if doc.is_null() {
            String::new()
        } else {
            text_at(doc, what)?
        };
        let unit = if unit.is_null() {
            None
        } else {
            Some(text_at(unit, what)?)
        };
        Ok((name, doc, unit))
    }
}

/// # Safety
/// The descriptor's texts and tables are there for the numbers that it gives.
unsafe fn indicator(desc: &raw::IndicatorDesc) -> Result<IndicatorInfo, Fault> {
    // SAFETY: by the caller's promise, for each of them.
    let info = unsafe {
        let each_port = |at, n, what| -> Result<Vec<PortInfo>, Fault> {
            read_all::<raw::PortDesc>(at, n, what)?
                .iter()
                .map(|d| port(d))
                .collect()
        };
        IndicatorInfo {
            id: text_at(desc.id, "an indicator's id")?,
            version: text_at(desc.version, "an indicator's version")?,
            doc: if desc.doc.is_null() {
                String::new()
            } else {
                text_at(desc.doc, "an indicator's doc")?
            },
            state_version: desc.state_version,
            batch: desc.flags & raw::IND_BATCH != 0,
            chain: desc.flags & raw::IND_CHAIN != 0,
            interest: desc.flags & raw::IND_INTEREST != 0,
            params: read_all::<raw::ParamDesc>(desc.params, desc.n_params, "parameters")?
                .iter()
                .map(|d| param(d))
                .collect::<Result<_, _>>()?,
            inputs: each_port(desc.inputs, desc.n_inputs, "inputs")?,
            outputs: each_port(desc.outputs, desc.n_outputs, "outputs")?,
        }
    };
    info.check()?;
    Ok(info)
}

/// A plugin's indicators; none by default.
#[derive(Clone, Debug, Default)]
pub struct Factory {
    create: Create,
    indicators: Vec<Arc<IndicatorInfo>>,
}

/// Where its instances are made.
#[derive(Clone, Debug, Default)]
enum Create {
    /// It has none.
    #[default]
    Nowhere,
    Here(raw::Create),
    Elsewhere(Arc<dyn Maker>),
}

impl Factory {
    /// Reads the tables of a factory.
    ///
    /// # Errors
    /// When they are not as the contract says.
    ///
    /// # Safety
    /// The pointer is null, or leads to a factory that obeys `alula_plugin.h` and outlives the process's use of it: the library
    /// that it lies in is never unloaded.
    pub unsafe fn new(factory: *const raw::IndicatorFactory) -> Result<Self, Fault> {
        // SAFETY: by the caller's promise.
        let table = unsafe { read(factory, "the factory") }?;
        let (Some(describe), Some(create)) = (table.describe, table.create) else {
            return Err(contract("the factory has no `describe` or no `create`"));
        };
        if table.count == 0 || table.count > INDICATORS_MAX {
            return Err(contract(format!("the factory has {} indicators", table.count)));
        }
        let mut indicators: Vec<Arc<IndicatorInfo>> = Vec::new();
        for index in 0..table.count {
            // SAFETY: a function of the plugin called as the header says; what it leads to is read as far as it says it goes.
            let info = unsafe { indicator(&read(describe(index), "a description")?) }?;
            if indicators.iter().any(|i| i.id == info.id) {
                return Err(contract(format!("`{}` is there twice", info.id)));
            }
            indicators.push(Arc::new(info));
        }
        Ok(Self {
            create: Create::Here(create),
            indicators,
        })
    }

    /// A factory whose instances live elsewhere, with what was said there of its indicators.
    ///
    /// # Errors
    /// When that is not as the contract says.
    pub fn elsewhere(indicators: Vec<IndicatorInfo>, maker: Arc<dyn Maker>) -> Result<Self, Fault> {
        let mut seen = std::collections::BTreeSet::new();
        let most = usize::try_from(INDICATORS_MAX).unwrap_or(usize::MAX);
        if indicators.is_empty() || indicators.len() > most {
            return Err(contract(format!("it has {} indicators", indicators.len())));
        }
        for info in &indicators {
            info.check()?;
            let most = usize::try_from(PORTS_MAX).unwrap_or(usize::MAX);
            if [info.params.len(), info.inputs.len(), info.outputs.len()]
                .iter()
                .any(|n| *n > most)
            {
                return Err(contract(format!("`{}` has more than {most} ports", info.id)));
            }
            if info.texts().any(|text| text.chars().any(char::is_control)) {
                return Err(contract(format!("a text of `{}` is no line", info.id)));
            }
            if !seen.insert(&info.id) {
                return Err(contract(format!("`{}` is there twice", info.id)));
            }
        }
        Ok(Self {
            create: Create::Elsewhere(maker),
            indicators: indicators.into_iter().map(Arc::new).collect(),
        })
    }

    /// An instance without the checks: for a process that serves one to another, which checks.
    ///
    /// # Errors
    /// The plugin's refusal.
    pub fn bare(&self, id: &str, given: &[Given]) -> Result<Box<dyn Bare>, Fault> {
        self.handle(id, given).map(Body::into_bare)
    }

    /// What it offers.
    #[must_use]
    pub fn indicators(&self) -> &[Arc<IndicatorInfo>] {
        &self.indicators
    }

    /// The indicator of a name.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Arc<IndicatorInfo>> {
        self.indicators.iter().find(|i| i.id == id)
    }

    /// An instance with these values, in the order of its parameters.
    ///
    /// # Errors
    /// A value out of range, or the plugin's refusal.
    pub fn create(&self, info: &Arc<IndicatorInfo>, values: &[f64]) -> Result<Instance, Fault> {
        if values.len() != info.params.len() {
            return Err(Fault::new(
                FaultKind::Parameters,
                format!("{} values for {} parameters", values.len(), info.params.len()),
            ));
        }
        let mut given = Vec::with_capacity(values.len());
        for (param, value) in info.params.iter().zip(values) {
            param.accepts(*value)?;
            given.push(Given::of(param, *value));
        }
        let handle = self.handle(&info.id, &given)?;
        if !handle.reads(info.chain) {
            let what = if info.chain { "update_chain" } else { "update" };
            return Err(contract(format!("the instance has no `{what}`")));
        }
        Ok(Instance::new(
            handle,
            self.clone(),
            Arc::clone(info),
            values.to_vec(),
        ))
    }

    /// As [`Factory::create`], with whatever is given: for checks of what a plugin refuses.
    ///
    /// # Errors
    /// The plugin's refusal.
    pub fn try_create(&self, id: &str, given: &[Given]) -> Result<(), Fault> {
        self.handle(id, given).map(drop)
    }

    pub(super) fn handle(&self, id: &str, given: &[Given]) -> Result<Body, Fault> {
        let make = match &self.create {
            Create::Here(make) => *make,
            Create::Elsewhere(maker) => return maker.make(id, given).map(Body::Elsewhere),
            Create::Nowhere => return Err(contract("it has no indicators")),
        };
        let no_zero = |text: &str| CString::new(text).map_err(|_| contract("a name has a zero in it"));
        let id = no_zero(id)?;
        let names: Vec<CString> = given.iter().map(|g| no_zero(&g.name)).collect::<Result<_, _>>()?;
        let params: Vec<raw::Param> = given
            .iter()
            .zip(&names)
            .map(|(g, name)| raw::Param {
                struct_size: size(size_of::<raw::Param>()),
                kind: if g.whole { raw::PARAM_I64 } else { raw::PARAM_F64 },
                name: name.as_ptr(),
                i: g.i,
                f: g.f,
            })
            .collect();
        let mut this = ptr::null_mut();
        let mut vtbl = ptr::null();
        let mut slot = Slot::new();
        let count = u32::try_from(params.len()).unwrap_or(u32::MAX);
        // SAFETY: `create` as the header says: all pointers lead to values that live through the call.
        let status = unsafe {
            make(
                id.as_ptr(),
                params.as_ptr(),
                count,
                &raw mut this,
                &raw mut vtbl,
                slot.clear(),
            )
        };
        plain("creating it")?;
        slot.made(status, this, "instance")?;
        // SAFETY: the table that came with the instance, read as far as it says it goes.
        let calls = unsafe { Calls::read(vtbl) }?;
        Ok(Body::Here(Handle { this, calls, slot }))
    }
}
