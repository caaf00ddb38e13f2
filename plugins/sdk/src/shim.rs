//! From the contract's calls to an author's trait: arguments checked, panics caught, nothing unwinds across.

use crate::indicator::{Indicator, Param, Params, Port, Ready};
use crate::state::{Reader, Writer};
use alula_plugin_abi::raw;
use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

mod broker;
mod chain;

pub use broker::{MadeBroker, factory as broker_factory};

/// Most parameters, inputs or outputs; the host allows no more.
const PORTS_MAX: usize = 64;

/// The indicators and brokers of a library.
pub trait Plugin: 'static {
    /// All indicators.
    const TABLE: &'static [Made] = &[];
    /// All brokers.
    const BROKERS: &'static [MadeBroker] = &[];
    /// What built the library.
    const BUILD: &'static CStr;
}

/// An indicator as the contract's tables know it.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    desc: &'static raw::IndicatorDesc,
    create: CreateOne,
}

type CreateOne = unsafe fn(
    given: &[raw::Param],
) -> Result<(*mut c_void, *const raw::IndicatorVtbl), (raw::Status, String)>;

impl Made {
    /// The tables of an indicator.
    #[must_use]
    pub const fn of<T: Indicator>() -> Self {
        Self {
            desc: Shim::<T>::DESC,
            create: Shim::<T>::create,
        }
    }
}

/// The entry of a library.
#[must_use]
pub const fn entry<P: Plugin>() -> raw::Entry {
    let mut min_host_minor = 0;
    let mut at = 0;
    while at < P::TABLE.len() {
        #[expect(
            clippy::indexing_slicing,
            reason = "inside the table, and computed when it is compiled"
        )]
        if P::TABLE[at].desc.flags & raw::IND_CHAIN != 0 {
            // An older host would not know what to pass.
            min_host_minor = 2;
        }
        at += 1;
    }
    raw::Entry {
        magic: raw::MAGIC,
        struct_size: bytes_of::<raw::Entry>(),
        abi_major: raw::MAJOR,
        abi_minor: raw::MINOR,
        min_host_minor,
        reserved0: 0,
        flags: 0,
        build_ident: P::BUILD.as_ptr(),
        init: Some(init),
        deinit: Some(deinit),
        get_factory: Some(get_factory::<P>),
    }
}

/// The factory of a library.
#[must_use]
pub const fn factory<P: Plugin>() -> &'static raw::IndicatorFactory {
    const { &OfPlugin::<P>::FACTORY }
}

struct OfPlugin<P>(std::marker::PhantomData<P>);

impl<P: Plugin> OfPlugin<P> {
    #[expect(clippy::cast_possible_truncation, reason = "a list that somebody typed")]
    const FACTORY: raw::IndicatorFactory = raw::IndicatorFactory {
        struct_size: bytes_of::<raw::IndicatorFactory>(),
        count: P::TABLE.len() as u32,
        describe: Some(describe::<P>),
        create: Some(create::<P>),
    };
}

#[expect(clippy::cast_possible_truncation, reason = "a few hundred bytes")]
const fn bytes_of<T>() -> u32 {
    size_of::<T>() as u32
}

thread_local! {
    /// Where the newest panic of this thread happened.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

unsafe extern "C" fn init(_: *const raw::Host, _: *mut raw::Error) -> raw::Status {
    // The library has its own standard library, and so its own hook: the host hears of a panic through the error slot.
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|l| format!(" ({}:{})", l.file(), l.line()));
        let _ = PLACE.try_with(|p| *p.borrow_mut() = place.unwrap_or_default());
    }));
    raw::OK
}

const unsafe extern "C" fn deinit() {}

unsafe extern "C" fn get_factory<P: Plugin>(id: *const c_char) -> *const c_void {
    if id.is_null() {
        return ptr::null();
    }
    // SAFETY: the host passes a text that ends with a zero.
    let id = unsafe { CStr::from_ptr(id) };
    if id == raw::FACTORY_INDICATOR && !P::TABLE.is_empty() {
        ptr::from_ref(factory::<P>()).cast()
    } else if id == raw::FACTORY_BROKER && !P::BROKERS.is_empty() {
        ptr::from_ref(broker_factory::<P>()).cast()
    } else {
        ptr::null()
    }
}

unsafe extern "C" fn describe<P: Plugin>(index: u32) -> *const raw::IndicatorDesc {
    let made = usize::try_from(index).ok().and_then(|i| P::TABLE.get(i));
    made.map_or(ptr::null(), |m| ptr::from_ref(m.desc))
}

unsafe extern "C" fn create<P: Plugin>(
    id: *const c_char,
    params: *const raw::Param,
    n_params: u32,
    self_out: *mut *mut c_void,
    vtbl_out: *mut *const raw::IndicatorVtbl,
    err: *mut raw::Error,
) -> raw::Status {
    if id.is_null() || self_out.is_null() || vtbl_out.is_null() || (params.is_null() && n_params > 0) {
        return raw::E_INVALID_ARG;
    }
    // SAFETY: the host passes a text that ends with a zero, and as many parameters as it says.
    let (id, given) = unsafe { (CStr::from_ptr(id), slice(params, n_params)) };
    // SAFETY: a descriptor's id is a `CStr` of an indicator.
    let found = P::TABLE
        .iter()
        .find(|m| unsafe { CStr::from_ptr(m.desc.id) } == id);
    let Some(made) = found else {
        return failed(err, raw::E_INVALID_ARG, "there is no such indicator");
    };
    // SAFETY: the parameters are the host's, whose names end with a zero.
    let made = guarded(|| unsafe { (made.create)(given) });
    // SAFETY: the host gave places for both, as was checked.
    unsafe { hand_over(made, (self_out, vtbl_out), err) }
}

/// Gives the host what was made, or says why nothing was.
///
/// # Safety
/// Both places may be written to.
unsafe fn hand_over<V>(
    made: Result<(*mut c_void, *const V), (raw::Status, String)>,
    (self_out, vtbl_out): (*mut *mut c_void, *mut *const V),
    err: *mut raw::Error,
) -> raw::Status {
    match made {
        Ok((this, vtbl)) => {
            // SAFETY: by the caller's promise.
            unsafe {
                self_out.write(this);
                vtbl_out.write(vtbl);
            }
            raw::OK
        }
        Err((status, text)) => failed(err, status, &text),
    }
}

/// As [`std::slice::from_raw_parts`], for a length of the contract; a null pointer is an empty slice.
///
/// # Safety
/// A pointer that is not null leads to `n` values, which nobody changes meanwhile.
unsafe fn slice<'a, T>(at: *const T, n: u32) -> &'a [T] {
    match usize::try_from(n) {
        // SAFETY: by the caller's promise.
        Ok(n) if !at.is_null() => unsafe { std::slice::from_raw_parts(at, n) },
        _ => &[],
    }
}

/// Runs an author's code; a panic becomes an error.
fn guarded<T>(code: impl FnOnce() -> Result<T, (raw::Status, String)>) -> Result<T, (raw::Status, String)> {
    catch_unwind(AssertUnwindSafe(code)).unwrap_or_else(|payload| {
        let text = text_of(payload.as_ref());
        let place = PLACE.try_with(|p| p.borrow().clone()).unwrap_or_default();
        // Dropping it would run code of the author again.
        std::mem::forget(payload);
        Err((raw::E_PANIC, format!("{text}{place}")))
    })
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

/// Writes an error where there is a place for it.
fn failed(err: *mut raw::Error, status: raw::Status, text: &str) -> raw::Status {
    if !err.is_null() {
        // SAFETY: the host's slot, which lives through the call and is nobody else's.
        let slot = unsafe { &mut *err };
        slot.code = status;
        let most = slot.message.len() - 1;
        let end = (0..=most).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        let bytes = text.as_bytes().get(..end.min(text.len())).unwrap_or_default();
        for (to, from) in slot.message.iter_mut().zip(bytes.iter().chain(&[0])) {
            *to = from.cast_signed();
        }
    }
    status
}

/// An author's indicator with what it was set up with.
struct Held<T> {
    /// None once it panicked.
    value: Option<T>,
    params: Vec<f64>,
}

struct Shim<T>(std::marker::PhantomData<T>);

impl<T: Indicator> Shim<T> {
    #[expect(clippy::cast_possible_truncation, reason = "lists that somebody typed")]
    const DESC: &'static raw::IndicatorDesc = &raw::IndicatorDesc {
        struct_size: bytes_of::<raw::IndicatorDesc>(),
        flags: match (T::CHAIN, T::INTEREST) {
            (false, _) => raw::IND_BATCH,
            (true, false) => raw::IND_CHAIN,
            (true, true) => raw::IND_CHAIN | raw::IND_INTEREST,
        },
        id: T::ID.as_ptr(),
        version: T::VERSION.as_ptr(),
        doc: T::DOC.as_ptr(),
        state_version: T::STATE_VERSION,
        n_params: T::PARAMS.len() as u32,
        n_inputs: T::INPUTS.len() as u32,
        n_outputs: T::OUTPUTS.len() as u32,
        // `Param` and `Port` are transparent over the contract's structs.
        params: T::PARAMS.as_ptr().cast::<raw::ParamDesc>(),
        inputs: T::INPUTS.as_ptr().cast::<raw::PortDesc>(),
        outputs: T::OUTPUTS.as_ptr().cast::<raw::PortDesc>(),
    };

    const VTBL: &'static raw::IndicatorVtbl = &raw::IndicatorVtbl {
        struct_size: bytes_of::<raw::IndicatorVtbl>(),
        reserved0: 0,
        destroy: Some(Self::destroy),
        reset: Some(Self::reset),
        warmup: Some(Self::warmup),
        update: if T::CHAIN { None } else { Some(Self::update) },
        state_save: Some(Self::state_save),
        state_load: Some(Self::state_load),
        update_batch: if T::CHAIN { None } else { Some(Self::update_batch) },
        update_chain: if T::CHAIN { Some(Self::update_chain) } else { None },
    };

    /// Checks what is given against the declared parameters and makes an instance.
    ///
    /// # Safety
    /// The names of what is given end with a zero.
    unsafe fn create(
        given: &[raw::Param],
    ) -> Result<(*mut c_void, *const raw::IndicatorVtbl), (raw::Status, String)> {
        let wrong = |text: String| Err((raw::E_INVALID_ARG, text));
        let mut values: Vec<f64> = T::PARAMS.iter().map(|p| p.0.def).collect();
        let mut named = vec![false; values.len()];
        for g in given {
            if g.name.is_null() {
                return wrong("a parameter has no name".to_owned());
            }
            // SAFETY: by the caller's promise.
            let name = unsafe { CStr::from_ptr(g.name) };
            let shown = name.to_string_lossy();
            // SAFETY: a declared name is a `CStr`.
            let at = T::PARAMS
                .iter()
                .position(|p| unsafe { CStr::from_ptr(p.0.name) } == name);
            let Some((at, param)) = at.and_then(|at| T::PARAMS.get(at).map(|p| (at, p))) else {
                return wrong(format!("there is no parameter `{shown}`"));
            };
            if g.kind != param.0.kind {
                return wrong(format!("`{shown}` is of another kind"));
            }
            let Some(value) = value_of(g, param) else {
                return wrong(format!("`{shown}` is outside {}..{}", param.0.min, param.0.max));
            };
            if let (Some(slot), Some(seen)) = (values.get_mut(at), named.get_mut(at)) {
                if std::mem::replace(seen, true) {
                    return wrong(format!("`{shown}` is given twice"));
                }
                *slot = value;
            }
        }
        let value = Self::fresh(&values).map_err(|text| (raw::E_INVALID_ARG, text))?;
        let held = Box::new(Held {
            value: Some(value),
            params: values,
        });
        Ok((Box::into_raw(held).cast(), ptr::from_ref(Self::VTBL)))
    }

    fn fresh(values: &[f64]) -> Result<T, String> {
        let names: Vec<&str> = T::PARAMS
            .iter()
            // SAFETY: a declared name is a `CStr`.
            .map(|p| unsafe { CStr::from_ptr(p.0.name) }.to_str().unwrap_or(""))
            .collect();
        T::new(&Params {
            names: &names,
            values,
        })
    }

    /// Runs code on an instance; one that panics is dead.
    ///
    /// # Safety
    /// `this` came from `create`, was not destroyed, and nobody else uses it during the call.
    unsafe fn with(
        this: *mut c_void,
        err: *mut raw::Error,
        code: impl FnOnce(&mut T, &[f64]) -> Result<raw::Status, (raw::Status, String)>,
    ) -> raw::Status {
        if this.is_null() {
            return failed(err, raw::E_INVALID_ARG, "there is no instance");
        }
        // SAFETY: by the caller's promise it leads to what `create` boxed.
        let held = unsafe { &mut *this.cast::<Held<T>>() };
        let Some(value) = &mut held.value else {
            return failed(err, raw::E_PANIC, "it panicked before");
        };
        match guarded(|| code(value, &held.params)) {
            Ok(status) => status,
            Err((status, text)) => {
                if status == raw::E_PANIC {
                    // Its memory may be in any state: it is never touched again, not even to be freed.
                    std::mem::forget(held.value.take());
                }
                failed(err, status, &text)
            }
        }
    }

    unsafe extern "C" fn destroy(this: *mut c_void) {
        if this.is_null() {
            return;
        }
        // SAFETY: what `create` boxed, and the host never uses it again.
        let held = unsafe { Box::from_raw(this.cast::<Held<T>>()) };
        let _ = guarded(|| {
            drop(held);
            Ok(())
        });
    }

    unsafe extern "C" fn reset(this: *mut c_void, err: *mut raw::Error) -> raw::Status {
        // SAFETY: the host's call.
        unsafe {
            Self::with(this, err, |value, params| {
                *value = Self::fresh(params).map_err(|text| (raw::E_INTERNAL, text))?;
                Ok(raw::OK)
            })
        }
    }

    unsafe extern "C" fn warmup(this: *mut c_void) -> u64 {
        let mut rows = 0;
        // SAFETY: the host's call.
        unsafe {
            Self::with(this, ptr::null_mut(), |value, _| {
                rows = value.warmup();
                Ok(raw::OK)
            });
        }
        rows
    }

    unsafe extern "C" fn update(
        this: *mut c_void,
        input: *const f64,
        n_in: u32,
        out: *mut f64,
        n_out: u32,
        err: *mut raw::Error,
    ) -> raw::Status {
        if (n_in, n_out) != (Self::DESC.n_inputs, Self::DESC.n_outputs) || input.is_null() || out.is_null() {
            return failed(err, raw::E_INVALID_ARG, "another number of inputs or outputs");
        }
        // SAFETY: the host's call; it gives as many numbers as it says, and the two places are apart.
        unsafe {
            let (inputs, outputs) = (
                slice(input, n_in),
                std::slice::from_raw_parts_mut(out, T::OUTPUTS.len()),
            );
            Self::with(this, err, |value, _| row(value, inputs, outputs))
        }
    }

    unsafe extern "C" fn update_batch(
        this: *mut c_void,
        input: *const *const f64,
        n_in: u32,
        n_rows: u64,
        out: *const *mut f64,
        n_out: u32,
        ready: *mut u8,
        err: *mut raw::Error,
    ) -> raw::Status {
        let shape = (n_in, n_out) == (Self::DESC.n_inputs, Self::DESC.n_outputs);
        let Ok(rows) = usize::try_from(n_rows) else {
            return raw::E_INVALID_ARG;
        };
        if !shape || input.is_null() || out.is_null() || ready.is_null() {
            return failed(err, raw::E_INVALID_ARG, "another number of inputs or outputs");
        }
        // SAFETY: the host's call: lanes as many as it says, each of `n_rows` numbers, apart from each other.
        unsafe {
            let (lanes, outs) = (slice(input, n_in), slice(out, n_out));
            Self::with(this, err, |value, _| {
                let (mut cells, mut given) = ([0.0; PORTS_MAX], [0.0; PORTS_MAX]);
                let cells = cells.get_mut(..lanes.len()).ok_or_else(too_many)?;
                let given = given.get_mut(..outs.len()).ok_or_else(too_many)?;
                for at in 0..rows {
                    for (cell, lane) in cells.iter_mut().zip(lanes) {
                        *cell = lane.add(at).read();
                    }
                    let status = row(value, cells, given)?;
                    for (lane, x) in outs.iter().zip(given.iter()) {
                        lane.add(at).write(*x);
                    }
                    ready.add(at).write(u8::from(status == raw::OK));
                }
                Ok(raw::OK)
            })
        }
    }

    unsafe extern "C" fn state_save(
        this: *mut c_void,
        sink: *const raw::Sink,
        err: *mut raw::Error,
    ) -> raw::Status {
        if sink.is_null() {
            return failed(err, raw::E_INVALID_ARG, "there is no sink");
        }
        // SAFETY: the host's call; the sink lives through it.
        unsafe {
            let sink = &*sink;
            Self::with(this, err, |value, _| {
                let mut out = Writer::default();
                value.save(&mut out);
                let write = sink
                    .write
                    .ok_or((raw::E_INVALID_ARG, "there is no sink".to_owned()))?;
                match write(sink.ctx, out.0.as_ptr(), out.0.len() as u64) {
                    0 => Ok(raw::OK),
                    _ => Err((raw::E_INTERNAL, "the host took no more bytes".to_owned())),
                }
            })
        }
    }

    unsafe extern "C" fn state_load(
        this: *mut c_void,
        state_version: u32,
        data: *const u8,
        len: u64,
        err: *mut raw::Error,
    ) -> raw::Status {
        let Ok(len) = u32::try_from(len) else {
            return failed(err, raw::E_STATE_VERSION, "the state is too long");
        };
        if !(T::STATE_OLDEST..=T::STATE_VERSION).contains(&state_version) {
            return failed(err, raw::E_STATE_VERSION, "the state is of another version");
        }
        // SAFETY: the host's call; it gives as many bytes as it says.
        unsafe {
            let bytes = slice(data, len);
            Self::with(this, err, |value, params| {
                let refused = |text| (raw::E_STATE_VERSION, text);
                let mut fresh = Self::fresh(params).map_err(refused)?;
                let mut reader = Reader(bytes);
                fresh.load(state_version, &mut reader).map_err(refused)?;
                if !reader.0.is_empty() {
                    return Err(refused("the state is too long".to_owned()));
                }
                *value = fresh;
                Ok(raw::OK)
            })
        }
    }
}

fn too_many() -> (raw::Status, String) {
    (
        raw::E_INVALID_ARG,
        format!("more than {PORTS_MAX} inputs or outputs"),
    )
}

fn row<T: Indicator>(
    value: &mut T,
    inputs: &[f64],
    outputs: &mut [f64],
) -> Result<raw::Status, (raw::Status, String)> {
    // An output that the author forgets must not look like a value.
    outputs.fill(f64::NAN);
    given(value.update(inputs, outputs))
}

/// What a row gave, in the words of the contract.
fn given(row: Result<Ready, String>) -> Result<raw::Status, (raw::Status, String)> {
    match row {
        Ok(Ready::Yes) => Ok(raw::OK),
        Ok(Ready::NotYet) => Ok(raw::NOT_READY),
        Err(text) => Err((raw::E_INTERNAL, text)),
    }
}

/// The value of a parameter, if it is inside its range.
fn value_of(given: &raw::Param, param: &Param) -> Option<f64> {
    let desc = &param.0;
    let value = if desc.kind == raw::PARAM_I64 {
        #[expect(clippy::cast_precision_loss, reason = "ranges end long before precision does")]
        let value = given.i as f64;
        value
    } else {
        given.f
    };
    (value >= desc.min && value <= desc.max).then_some(value)
}

const _: () = {
    assert!(size_of::<Param>() == size_of::<raw::ParamDesc>());
    assert!(size_of::<Port>() == size_of::<raw::PortDesc>());
};
