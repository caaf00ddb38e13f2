//! Calls through the tables of a plugin: all that the compiler cannot check, in one file.
//!
//! What is believed, because nothing can prove it: a function pointer that the plugin publishes leads to a function of the
//! signature in the header, and a table has as many bytes as its `struct_size` says. What is never believed: anything that such
//! a function returns.

use super::describe::{IndicatorInfo, ParamInfo, PortInfo};
use super::far::{Bare, Body, Maker};
use super::{Fault, FaultKind, Given, Instance};
use crate::chain::{Chain, Expiry, Settles};
use crate::float::Mode;
use crate::raw;
use std::ffi::{CString, c_char, c_void};
use std::mem::offset_of;
use std::ptr;
use std::sync::Arc;

/// Longest text in a descriptor, in bytes.
const TEXT_MAX: usize = 4096;
/// Most indicators in a plugin.
const INDICATORS_MAX: u32 = 256;
/// Most parameters, inputs or outputs of an indicator.
const PORTS_MAX: u32 = 64;
/// Most bytes of saved state.
const STATE_MAX: usize = 64 << 20;

pub(super) fn contract(text: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Contract, text)
}

/// A text of a plugin's tables, copied; control characters are blanks.
///
/// # Errors
/// No text at all, one that is too long, or one that is not UTF-8.
///
/// # Safety
/// A pointer that is not null leads to bytes that end with a zero or go on for `TEXT_MAX` bytes.
pub unsafe fn text_at(text: *const c_char, what: &str) -> Result<String, Fault> {
    if text.is_null() {
        return Err(contract(format!("{what} has no text")));
    }
    let mut bytes = Vec::new();
    for at in 0..TEXT_MAX {
        // SAFETY: no byte before this one was the zero, so this one is there, by the caller's promise.
        let byte = unsafe { text.add(at).read() }.cast_unsigned();
        if byte == 0 {
            let text =
                String::from_utf8(bytes).map_err(|_| contract(format!("{what} is not valid UTF-8")))?;
            return Ok(one_line(&text));
        }
        bytes.push(byte);
    }
    Err(contract(format!("{what} is longer than {TEXT_MAX} bytes")))
}

/// A text borrowed for a call, copied; what is not UTF-8 in it is replaced, and it is cut after `TEXT_MAX` bytes.
///
/// # Safety
/// The text's pointer leads to as many bytes as it says.
#[must_use]
pub unsafe fn borrowed_text(text: raw::Str) -> String {
    if text.ptr.is_null() {
        return String::new();
    }
    let len = usize::try_from(text.len).unwrap_or(usize::MAX).min(TEXT_MAX);
    // SAFETY: by the caller's promise, for no more bytes than it covers.
    let bytes = unsafe { std::slice::from_raw_parts(text.ptr.cast::<u8>(), len) };
    one_line(&String::from_utf8_lossy(bytes))
}

/// One line without anything that a terminal would obey: it is shown to people.
pub(super) fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// A field at the end of a struct that may be too old to have it.
///
/// # Safety
/// `base` leads to `size` bytes of a struct of the contract, and `T` is its field at `offset`.
pub(super) unsafe fn late_field<T: Copy>(base: *const u8, size: u32, offset: usize) -> Option<T> {
    let end = offset.checked_add(size_of::<T>())?;
    // SAFETY: the field ends inside the struct's own size; tables are aligned, and this asks for no alignment at all.
    (end <= usize::try_from(size).ok()?).then(|| unsafe { base.add(offset).cast::<T>().read_unaligned() })
}

/// The struct at a pointer, which says of itself that it has at least the bytes of the first minor version.
///
/// # Safety
/// A pointer that is not null leads to a struct that begins with a `u32` of its own size.
pub(crate) unsafe fn read<T: Copy>(at: *const T, what: &str) -> Result<T, Fault> {
    if at.is_null() {
        return Err(contract(format!("{what} is absent")));
    }
    // SAFETY: each such struct begins with its size, by the caller's promise.
    let size = unsafe { at.cast::<u32>().read_unaligned() };
    if usize::try_from(size).unwrap_or(0) < size_of::<T>() {
        return Err(contract(format!("{what} says that it has {size} bytes")));
    }
    // SAFETY: it has the bytes of `T`, and any bytes are a value of these types.
    Ok(unsafe { at.read_unaligned() })
}

/// The same of a struct that has grown: one of an older minor version has at least `least` bytes, and zeros for the rest.
///
/// # Safety
/// As for [`read`], and zeros are a value of every field past `least`.
pub(crate) unsafe fn read_from<T: Copy>(at: *const T, least: usize, what: &str) -> Result<T, Fault> {
    if at.is_null() {
        return Err(contract(format!("{what} is absent")));
    }
    // SAFETY: each such struct begins with its size, by the caller's promise.
    let size = usize::try_from(unsafe { at.cast::<u32>().read_unaligned() }).unwrap_or(0);
    if size < least {
        return Err(contract(format!("{what} says that it has {size} bytes")));
    }
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: it has as many bytes as it says, of which no more are copied than `T` has; any bytes are a value of these types.
    Ok(unsafe {
        ptr::copy_nonoverlapping(
            at.cast::<u8>(),
            value.as_mut_ptr().cast::<u8>(),
            size.min(size_of::<T>()),
        );
        value.assume_init()
    })
}

/// The structs of an array; its elements are as far apart as the first one is large.
///
/// # Safety
/// As for [`read`], for each of `n` elements.
pub(super) unsafe fn read_all<T: Copy>(at: *const T, n: u32, what: &str) -> Result<Vec<T>, Fault> {
    if n > PORTS_MAX {
        return Err(contract(format!("{n} {what}: there may be {PORTS_MAX}")));
    }
    if n == 0 {
        return Ok(Vec::new());
    }
    if at.is_null() {
        return Err(contract(format!("the table of {what} is absent")));
    }
    // SAFETY: by the caller's promise there is at least one element, and it begins with its size.
    let stride = usize::try_from(unsafe { at.cast::<u32>().read_unaligned() }).unwrap_or(0);
    if stride < size_of::<T>() || stride > TEXT_MAX {
        return Err(contract(format!("{what} say that they have {stride} bytes each")));
    }
    (0..usize::try_from(n).unwrap_or(0))
        // SAFETY: element `i` is there, by the caller's promise.
        .map(|i| unsafe { read(at.byte_add(i * stride), what) })
        .collect()
}

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

/// The floating-point mode must be what it was.
pub(super) fn plain(doing: &str) -> Result<(), Fault> {
    if Mode::now() == Mode::PLAIN {
        return Ok(());
    }
    Mode::restore();
    Err(Fault::new(
        FaultKind::Mode,
        format!("{doing} changed the floating-point mode of the process (built with `-ffast-math`?)"),
    ))
}

const fn settles_code(settles: Settles) -> u32 {
    match settles {
        Settles::Am => raw::SETTLES_AM,
        Settles::Pm => raw::SETTLES_PM,
    }
}

pub(super) fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// The slot for a plugin's error text.
#[derive(Clone, Debug)]
pub(super) struct Slot(Box<raw::Error>);

impl Slot {
    pub(super) fn new() -> Self {
        Self(Box::new(raw::Error {
            struct_size: size(size_of::<raw::Error>()),
            code: raw::OK,
            message: [0; 248],
        }))
    }

    pub(super) fn clear(&mut self) -> *mut raw::Error {
        self.0.code = raw::OK;
        // Zeroing all of it would cost more than the call.
        if let Some(first) = self.0.message.first_mut() {
            *first = 0;
        }
        &raw mut *self.0
    }

    /// What came of a `create`.
    pub(super) fn made(&self, status: raw::Status, this: *mut c_void, what: &str) -> Result<(), Fault> {
        if status != raw::OK {
            let mut fault = self.fault(status, "the plugin refuses");
            if status == raw::E_INVALID_ARG {
                fault.kind = FaultKind::Parameters;
            }
            return Err(fault);
        }
        if this.is_null() {
            return Err(contract(format!("`create` said yes and gave no {what}")));
        }
        Ok(())
    }

    pub(super) fn fault(&self, status: raw::Status, doing: &str) -> Fault {
        let bytes: Vec<u8> = self
            .0
            .message
            .iter()
            .map(|c| c.cast_unsigned())
            .take_while(|b| *b != 0)
            .collect();
        let said = String::from_utf8_lossy(&bytes);
        let said = one_line(&said);
        let kind = match status {
            raw::E_PANIC => FaultKind::Panicked,
            raw::E_STATE_VERSION => FaultKind::State,
            raw::E_UNSUPPORTED => FaultKind::Unsupported,
            _ => FaultKind::Failed,
        };
        let text = match (status, said.trim()) {
            (_, "") => format!("{doing} (status {status})"),
            (raw::E_PANIC, said) => format!("it panicked: {said}"),
            (_, said) => said.to_owned(),
        };
        Fault::new(kind, text)
    }
}

/// Functions of an instance; all but the last three are there in each.
#[derive(Clone, Copy, Debug)]
struct Calls {
    destroy: raw::Destroy,
    reset: raw::Reset,
    warmup: raw::Warmup,
    save: raw::StateSave,
    load: raw::StateLoad,
    update: Option<raw::Update>,
    batch: Option<raw::UpdateBatch>,
    chain: Option<raw::UpdateChain>,
}

impl Calls {
    /// # Safety
    /// The pointer is null or leads to as many bytes as its first field says.
    unsafe fn read(vtbl: *const raw::IndicatorVtbl) -> Result<Self, Fault> {
        if vtbl.is_null() {
            return Err(contract("`create` said yes and gave no functions"));
        }
        let base = vtbl.cast::<u8>();
        // SAFETY: by the caller's promise; fields past the table's own size are not read.
        unsafe {
            let size = base.cast::<u32>().read_unaligned();
            macro_rules! call {
                ($field:ident) => {
                    late_field(base, size, offset_of!(raw::IndicatorVtbl, $field)).flatten()
                };
            }
            let wanted = || contract("a function of the instance is absent that every indicator has");
            Ok(Self {
                destroy: call!(destroy).ok_or_else(wanted)?,
                reset: call!(reset).ok_or_else(wanted)?,
                warmup: call!(warmup).ok_or_else(wanted)?,
                save: call!(state_save).ok_or_else(wanted)?,
                load: call!(state_load).ok_or_else(wanted)?,
                update: call!(update),
                batch: call!(update_batch),
                chain: call!(update_chain),
            })
        }
    }
}

/// An instance inside the plugin, freed when this goes.
#[derive(Debug)]
pub(super) struct Handle {
    this: *mut c_void,
    calls: Calls,
    slot: Slot,
}

// SAFETY: the contract lets an instance's functions be called from any thread, one at a time; `&mut self` says one at a time.
unsafe impl Send for Handle {}

impl Handle {
    /// The function is there that takes a row: from a chain, or from series.
    pub(super) const fn reads(&self, chain: bool) -> bool {
        if chain {
            self.calls.chain.is_some()
        } else {
            self.calls.update.is_some()
        }
    }

    pub(super) const fn has_batch(&self) -> bool {
        self.calls.batch.is_some()
    }

    pub(super) fn warmup(&mut self) -> u64 {
        // SAFETY: the instance is alive: only `drop` frees it.
        unsafe { (self.calls.warmup)(self.this) }
    }

    pub(super) fn reset(&mut self) -> Result<(), Fault> {
        // SAFETY: the instance is alive, the slot lives through the call.
        let status = unsafe { (self.calls.reset)(self.this, self.slot.clear()) };
        plain("resetting it")?;
        if status == raw::OK {
            Ok(())
        } else {
            Err(self.slot.fault(status, "it could not be reset"))
        }
    }

    /// What the status of a row says.
    fn is_ready(&self, status: raw::Status) -> Result<bool, Fault> {
        plain("a row")?;
        match status {
            raw::OK => Ok(true),
            raw::NOT_READY => Ok(false),
            status => Err(self.slot.fault(status, "a row failed")),
        }
    }

    /// One row; whether it is ready.
    pub(super) fn update(&mut self, inputs: &[f64], out: &mut [f64]) -> Result<bool, Fault> {
        let update = self.calls.update.ok_or_else(|| contract("it reads no series"))?;
        // SAFETY: the instance is alive; the numbers say how long the two slices are, which live through the call.
        let status = unsafe {
            update(
                self.this,
                inputs.as_ptr(),
                size(inputs.len()),
                out.as_mut_ptr(),
                size(out.len()),
                self.slot.clear(),
            )
        };
        self.is_ready(status)
    }

    /// One row from a chain; whether it is ready.
    pub(super) fn update_chain(&mut self, chain: &Chain<'_>, out: &mut [f64]) -> Result<bool, Fault> {
        let update = self.calls.chain.ok_or_else(|| contract("it reads no chain"))?;
        if !chain.is_regular() {
            return Err(contract("the columns of a chain are of different lengths"));
        }
        let of = |text: &str| raw::Str {
            ptr: text.as_ptr().cast(),
            len: text.len() as u64,
        };
        let expiries = &chain.expiries;
        let root: Vec<raw::Str> = expiries.iter().map(|e| of(e.root)).collect();
        let date: Vec<u32> = expiries.iter().map(|e| e.date).collect();
        let settles: Vec<u32> = expiries.iter().map(|e| settles_code(e.settles)).collect();
        let column = |read: fn(&Expiry<'_>) -> f64| -> Vec<f64> { expiries.iter().map(read).collect() };
        let (years, forward) = (column(|e| e.years), column(|e| e.forward));
        let discount = column(|e| e.discount);
        let c = &chain.contracts;
        let table = raw::Chain {
            struct_size: size(size_of::<raw::Chain>()),
            date: chain.date,
            underlying: of(chain.underlying),
            spot: chain.spot,
            multiplier: chain.multiplier,
            n_expiries: expiries.len() as u64,
            n_contracts: c.strike.len() as u64,
            root: root.as_ptr(),
            expiry: date.as_ptr(),
            settles: settles.as_ptr(),
            years: years.as_ptr(),
            forward: forward.as_ptr(),
            discount: discount.as_ptr(),
            expiry_of: c.expiry_of.as_ptr(),
            right: c.right.as_ptr(),
            strike: c.strike.as_ptr(),
            bid: c.bid.as_ptr(),
            ask: c.ask.as_ptr(),
            mid: c.mid.as_ptr(),
            vol: c.vol.as_ptr(),
            delta: c.delta.as_ptr(),
            gamma: c.gamma.as_ptr(),
            open_interest: c.open_interest.as_ptr(),
            volume: c.volume.as_ptr(),
        };
        // SAFETY: the instance is alive; every column has as many elements as the table says, as was checked, and all live through
        // the call, as does the output slice, whose length goes with it.
        let status = unsafe {
            update(
                self.this,
                &raw const table,
                out.as_mut_ptr(),
                size(out.len()),
                self.slot.clear(),
            )
        };
        self.is_ready(status)
    }

    /// Rows at once, where the plugin can: lanes of `ready.len()` numbers each. `Ok(None)` where it cannot.
    pub(super) fn batch(
        &mut self,
        inputs: &[&[f64]],
        out: &mut [Vec<f64>],
        ready: &mut [u8],
    ) -> Option<Result<(), Fault>> {
        let batch = self.calls.batch?;
        let rows = ready.len();
        if inputs.iter().any(|lane| lane.len() != rows) || out.iter().any(|lane| lane.len() != rows) {
            return Some(Err(contract("lanes of different lengths")));
        }
        let lanes: Vec<*const f64> = inputs.iter().map(|lane| lane.as_ptr()).collect();
        let outs: Vec<*mut f64> = out.iter_mut().map(Vec::as_mut_ptr).collect();
        // SAFETY: the instance is alive; each lane has `rows` numbers, as was just checked, and all live through the call.
        let status = unsafe {
            batch(
                self.this,
                lanes.as_ptr(),
                size(lanes.len()),
                rows as u64,
                outs.as_ptr(),
                size(outs.len()),
                ready.as_mut_ptr(),
                self.slot.clear(),
            )
        };
        if let Err(fault) = plain("rows at once") {
            return Some(Err(fault));
        }
        Some(match status {
            raw::OK => Ok(()),
            status => Err(self.slot.fault(status, "a row failed")),
        })
    }

    pub(super) fn save(&mut self) -> Result<Vec<u8>, Fault> {
        let mut bytes: Vec<u8> = Vec::new();
        let sink = raw::Sink {
            struct_size: size(size_of::<raw::Sink>()),
            reserved0: 0,
            ctx: (&raw mut bytes).cast(),
            write: Some(append),
        };
        // SAFETY: the instance is alive; sink, bytes and slot live through the call, and nobody else touches the bytes.
        let status = unsafe { (self.calls.save)(self.this, &raw const sink, self.slot.clear()) };
        plain("saving its state")?;
        if status == raw::OK {
            Ok(bytes)
        } else {
            Err(self.slot.fault(status, "its state could not be saved"))
        }
    }

    pub(super) fn load(&mut self, version: u32, bytes: &[u8]) -> Result<(), Fault> {
        // SAFETY: the instance is alive; the bytes are as many as the number says and live through the call.
        let status = unsafe {
            (self.calls.load)(
                self.this,
                version,
                bytes.as_ptr(),
                bytes.len() as u64,
                self.slot.clear(),
            )
        };
        plain("loading its state")?;
        if status == raw::OK {
            Ok(())
        } else {
            Err(self.slot.fault(status, "it does not take the saved state"))
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the instance is alive, and is never used again.
        unsafe { (self.calls.destroy)(self.this) }
        if Mode::now() != Mode::PLAIN {
            Mode::restore();
        }
    }
}

/// `write` of the sink that [`Handle::save`] makes.
unsafe extern "C" fn append(ctx: *mut c_void, data: *const u8, len: u64) -> i32 {
    let Ok(len) = usize::try_from(len) else { return 1 };
    if ctx.is_null() || (data.is_null() && len > 0) {
        return 1;
    }
    // SAFETY: `ctx` is the vector of the call under way, which nobody else borrows.
    let bytes = unsafe { &mut *ctx.cast::<Vec<u8>>() };
    if bytes.len().saturating_add(len) > STATE_MAX {
        return 1;
    }
    if len > 0 {
        // SAFETY: the plugin says that there are `len` bytes, for the duration of this call.
        bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(data, len) });
    }
    0
}
