//! An instance inside the plugin: its functions, its error slot, its memory.

use super::memory::{contract, late_field, one_line};
use crate::chain::{Chain, Expiry, Settles};
use crate::float::Mode;
use crate::host::{Fault, FaultKind};
use crate::raw;
use std::ffi::c_void;
use std::mem::offset_of;

/// Most bytes of saved state.
const STATE_MAX: usize = 64 << 20;

/// The floating-point mode must be what it was.
pub(in crate::host) fn plain(doing: &str) -> Result<(), Fault> {
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

pub(in crate::host) fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// The slot for a plugin's error text.
#[derive(Clone, Debug)]
pub(in crate::host) struct Slot(Box<raw::Error>);

impl Slot {
    pub(in crate::host) fn new() -> Self {
        Self(Box::new(raw::Error {
            struct_size: size(size_of::<raw::Error>()),
            code: raw::OK,
            message: [0; 248],
        }))
    }

    pub(in crate::host) fn clear(&mut self) -> *mut raw::Error {
        self.0.code = raw::OK;
        // Zeroing all of it would cost more than the call.
        if let Some(first) = self.0.message.first_mut() {
            *first = 0;
        }
        &raw mut *self.0
    }

    /// What came of a `create`.
    pub(in crate::host) fn made(
        &self,
        status: raw::Status,
        this: *mut c_void,
        what: &str,
    ) -> Result<(), Fault> {
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

    pub(in crate::host) fn fault(&self, status: raw::Status, doing: &str) -> Fault {
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
pub(super) struct Calls {
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
    pub(super) unsafe fn read(vtbl: *const raw::IndicatorVtbl) -> Result<Self, Fault> {
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
pub(in crate::host) struct Handle {
    pub(super) this: *mut c_void,
    pub(super) calls: Calls,
    pub(super) slot: Slot,
}

// SAFETY: the contract lets an instance's functions be called from any thread, one at a time; `&mut self` says one at a time.
unsafe impl Send for Handle {}

impl Handle {
    /// The function is there that takes a row: from a chain, or from series.
    pub(in crate::host) const fn reads(&self, chain: bool) -> bool {
        if chain {
            self.calls.chain.is_some()
        } else {
            self.calls.update.is_some()
        }
    }

    pub(in crate::host) const fn has_batch(&self) -> bool {
        self.calls.batch.is_some()
    }

    pub(in crate::host) fn warmup(&mut self) -> u64 {
        // SAFETY: the instance is alive: only `drop` frees it.
        unsafe { (self.calls.warmup)(self.this) }
    }

    pub(in crate::host) fn reset(&mut self) -> Result<(), Fault> {
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
    pub(in crate::host) fn update(&mut self, inputs: &[f64], out: &mut [f64]) -> Result<bool, Fault> {
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
    pub(in crate::host) fn update_chain(
        &mut self,
        chain: &Chain<'_>,
        out: &mut [f64],
    ) -> Result<bool, Fault> {
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
    pub(in crate::host) fn batch(
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

    pub(in crate::host) fn save(&mut self) -> Result<Vec<u8>, Fault> {
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

    pub(in crate::host) fn load(&mut self, version: u32, bytes: &[u8]) -> Result<(), Fault> {
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
