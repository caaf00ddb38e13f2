//! From the contract's calls to an author's broker.

use super::{Plugin, bytes_of, failed, guarded, hand_over, slice};
use crate::broker::{Broker, Given, Refused, Services, Settings, text_of};
use alula_plugin_abi::broker::{Event, Word, pass};
use alula_plugin_abi::raw;
use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::time::Duration;

/// A broker as the contract's tables know it.
#[derive(Clone, Copy, Debug)]
pub struct MadeBroker {
    desc: &'static raw::BrokerDesc,
    create: CreateOne,
}

/// A status with words.
type Refusal = (raw::Status, String);
type CreateOne =
    unsafe fn(given: &[*const raw::Setting], host: *const raw::Host) -> Result<Instance, Refusal>;
type Instance = (*mut c_void, *const raw::BrokerVtbl);

impl MadeBroker {
    /// The tables of a broker.
    #[must_use]
    pub const fn of<T: Broker>() -> Self {
        Self {
            desc: Shim::<T>::DESC,
            create: Shim::<T>::create,
        }
    }
}

/// The factory of a library's brokers.
#[must_use]
pub const fn factory<P: Plugin>() -> &'static raw::BrokerFactory {
    const { &OfPlugin::<P>::FACTORY }
}

struct OfPlugin<P>(std::marker::PhantomData<P>);

impl<P: Plugin> OfPlugin<P> {
    #[expect(clippy::cast_possible_truncation, reason = "a list that somebody typed")]
    const FACTORY: raw::BrokerFactory = raw::BrokerFactory {
        struct_size: bytes_of::<raw::BrokerFactory>(),
        count: P::BROKERS.len() as u32,
        describe: Some(describe::<P>),
        create: Some(create::<P>),
    };
}

unsafe extern "C" fn describe<P: Plugin>(index: u32) -> *const raw::BrokerDesc {
    let made = usize::try_from(index).ok().and_then(|i| P::BROKERS.get(i));
    made.map_or(ptr::null(), |m| ptr::from_ref(m.desc))
}

unsafe extern "C" fn create<P: Plugin>(
    id: *const c_char,
    settings: *const *const raw::Setting,
    n_settings: u32,
    host: *const raw::Host,
    self_out: *mut *mut c_void,
    vtbl_out: *mut *const raw::BrokerVtbl,
    err: *mut raw::Error,
) -> raw::Status {
    if id.is_null() || self_out.is_null() || vtbl_out.is_null() || (settings.is_null() && n_settings > 0) {
        return raw::E_INVALID_ARG;
    }
    // SAFETY: the host passes a text that ends with a zero, and as many settings as it says.
    let (id, given) = unsafe { (CStr::from_ptr(id), slice(settings, n_settings)) };
    let found = P::BROKERS
        .iter()
        // SAFETY: a descriptor's id is a `CStr` of a broker.
        .find(|m| unsafe { CStr::from_ptr(m.desc.id) } == id);
    let Some(made) = found else {
        return failed(err, raw::E_INVALID_ARG, "there is no such broker");
    };
    // SAFETY: the settings are the host's, whose names end with a zero.
    let made = guarded(|| unsafe { (made.create)(given, host) });
    // SAFETY: the host gave places for both, as was checked.
    unsafe { hand_over(made, (self_out, vtbl_out), err) }
}

/// An author's broker with the events that the host has not taken yet.
struct Held<T> {
    /// None once it panicked.
    value: Option<T>,
    left: VecDeque<Event>,
}

struct Shim<T>(std::marker::PhantomData<T>);

impl<T: Broker> Shim<T> {
    #[expect(clippy::cast_possible_truncation, reason = "lists that somebody typed")]
    const DESC: &'static raw::BrokerDesc = &raw::BrokerDesc {
        struct_size: bytes_of::<raw::BrokerDesc>(),
        caps: T::CAPS.0,
        id: T::ID.as_ptr(),
        version: T::VERSION.as_ptr(),
        doc: T::DOC.as_ptr(),
        n_settings: T::SETTINGS.len() as u32,
        reserved0: 0,
        // `Setting` is transparent over the contract's struct.
        settings: T::SETTINGS.as_ptr().cast::<raw::SettingDesc>(),
    };

    const VTBL: &'static raw::BrokerVtbl = &raw::BrokerVtbl {
        struct_size: bytes_of::<raw::BrokerVtbl>(),
        reserved0: 0,
        destroy: Some(Self::destroy),
        connect: Some(Self::connect),
        disconnect: Some(Self::disconnect),
        poll: Some(Self::poll),
        submit: Some(Self::submit),
        cancel: Some(Self::cancel),
        request_snapshot: Some(Self::request_snapshot),
        what_if: Some(Self::what_if),
        quotes: Some(Self::quotes),
        final_values: Some(Self::final_values),
        watch: Some(Self::watch),
        list: Some(Self::list),
    };

    /// Checks what is given against the declared settings and makes a broker.
    ///
    /// # Safety
    /// Each pointer leads to a setting whose name ends with a zero.
    unsafe fn create(given: &[*const raw::Setting], host: *const raw::Host) -> Result<Instance, Refusal> {
        let wrong = |text: String| Err((raw::E_INVALID_ARG, text));
        let name_of = |at: *const c_char| {
            // SAFETY: a declared name is a `CStr`.
            let name = unsafe { CStr::from_ptr(at) };
            name.to_string_lossy().into_owned()
        };
        let mut values: Vec<(String, Given)> = Vec::new();
        for at in given {
            // SAFETY: by the caller's promise.
            let Some(row) = (unsafe { at.as_ref() }).filter(|row| !row.name.is_null()) else {
                return wrong("a setting has no name".to_owned());
            };
            let name = name_of(row.name);
            let found = T::SETTINGS.iter().find(|s| name_of(s.0.name) == name);
            let Some(setting) = found else {
                return wrong(format!("there is no setting `{name}`"));
            };
            if row.kind != setting.0.kind {
                return wrong(format!("`{name}` is of another kind"));
            }
            if values.iter().any(|(n, _)| *n == name) {
                return wrong(format!("`{name}` is given twice"));
            }
            let (min, max) = (setting.0.min, setting.0.max);
            #[expect(clippy::cast_precision_loss, reason = "ranges end long before precision does")]
            let number = if row.kind == raw::SETTING_I64 {
                row.i as f64
            } else {
                row.f
            };
            let value = match row.kind {
                // SAFETY: the host's text, which lives through the call.
                raw::SETTING_STR => Given::Text(unsafe { text_of(row.s) }),
                _ if !(number >= min && number <= max) => {
                    return wrong(format!("`{name}` is outside {min}..{max}"));
                }
                raw::SETTING_I64 => Given::Whole(row.i),
                _ => Given::Number(row.f),
            };
            values.push((name, value));
        }
        for setting in T::SETTINGS {
            let name = name_of(setting.0.name);
            if values.iter().any(|(n, _)| *n == name) {
                continue;
            }
            #[expect(clippy::cast_possible_truncation, reason = "declared as a small whole number")]
            let value = match setting.0.kind {
                raw::SETTING_STR if setting.0.text.is_null() => {
                    return wrong(format!("`{name}` must be given"));
                }
                raw::SETTING_STR => Given::Text(name_of(setting.0.text)),
                raw::SETTING_I64 => Given::Whole(setting.0.def as i64),
                _ => Given::Number(setting.0.def),
            };
            values.push((name, value));
        }
        let value = T::new(&Settings(values), Services(host)).map_err(|text| (raw::E_INVALID_ARG, text))?;
        let held = Box::new(Held {
            value: Some(value),
            left: VecDeque::new(),
        });
        Ok((Box::into_raw(held).cast(), ptr::from_ref(Self::VTBL)))
    }

    /// Runs code on a broker; one that panics is dead.
    ///
    /// # Safety
    /// `this` came from `create`, was not destroyed, and nobody else uses it during the call.
    unsafe fn with(
        this: *mut c_void,
        err: *mut raw::Error,
        code: impl FnOnce(&mut T, &mut VecDeque<Event>) -> Result<(), Refusal>,
    ) -> raw::Status {
        if this.is_null() {
            return failed(err, raw::E_INVALID_ARG, "there is no broker");
        }
        // SAFETY: by the caller's promise it leads to what `create` boxed.
        let held = unsafe { &mut *this.cast::<Held<T>>() };
        let Some(value) = &mut held.value else {
            return failed(err, raw::E_PANIC, "it panicked before");
        };
        let left = &mut held.left;
        match guarded(|| code(value, left)) {
            Ok(()) => raw::OK,
            Err((status, text)) => {
                if status == raw::E_PANIC {
                    // Its memory may be in any state: it is never touched again, not even to be freed.
                    std::mem::forget(held.value.take());
                }
                failed(err, status, &text)
            }
        }
    }

    /// As [`Shim::with`] for calls that work or fail.
    ///
    /// # Safety
    /// As for [`Shim::with`].
    unsafe fn plain(
        this: *mut c_void,
        err: *mut raw::Error,
        code: impl FnOnce(&mut T) -> Result<(), String>,
    ) -> raw::Status {
        // SAFETY: by the caller's promise.
        unsafe {
            Self::with(this, err, |value, _| {
                code(value).map_err(|text| (raw::E_INTERNAL, text))
            })
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

    unsafe extern "C" fn connect(this: *mut c_void, err: *mut raw::Error) -> raw::Status {
        // SAFETY: the host's call.
        unsafe { Self::plain(this, err, T::connect) }
    }

    unsafe extern "C" fn disconnect(this: *mut c_void, err: *mut raw::Error) -> raw::Status {
        // SAFETY: the host's call.
        unsafe { Self::plain(this, err, T::disconnect) }
    }

    unsafe extern "C" fn poll(
        this: *mut c_void,
        wait_ns: i64,
        sink: *const raw::EventSink,
        err: *mut raw::Error,
    ) -> raw::Status {
        // SAFETY: the host's sink, which lives through the call, or null.
        let sink = unsafe { sink.as_ref() };
        let Some((ctx, take)) = sink.and_then(|s| s.event.map(|take| (s.ctx, take))) else {
            return failed(err, raw::E_INVALID_ARG, "there is no sink");
        };
        // SAFETY: the host's call.
        unsafe {
            Self::with(this, err, |value, left| {
                if left.is_empty() {
                    let wait = Duration::from_nanos(u64::try_from(wait_ns).unwrap_or(0));
                    left.extend(value.poll(wait).map_err(|text| (raw::E_INTERNAL, text))?);
                }
                while let Some(event) = left.pop_front() {
                    event.check().map_err(|why| {
                        (
                            raw::E_INTERNAL,
                            format!("an event that the contract refuses: {why}"),
                        )
                    })?;
                    if pass::with_event(&event, |e| take(ctx, e)) != 0 {
                        break;
                    }
                }
                Ok(())
            })
        }
    }

    unsafe extern "C" fn submit(
        this: *mut c_void,
        order: *const raw::Order,
        err: *mut raw::Error,
    ) -> raw::Status {
        // SAFETY: the host's order, with all that it points to.
        let order = match unsafe { pass::order(order) } {
            Ok(order) => order,
            Err(why) => return failed(err, raw::E_INVALID_ARG, &why),
        };
        // SAFETY: the host's call.
        unsafe {
            Self::with(this, err, |value, _| {
                value.submit(&order).map_err(|refused| match refused {
                    Refused::NotSent(text) => (raw::E_IO, text),
                    Refused::Rejected(text) => (raw::E_REJECTED, text),
                    Refused::Unsupported(text) => (raw::E_UNSUPPORTED, text),
                    Refused::Duplicate => (raw::E_DUPLICATE, "the order's id is known".to_owned()),
                    Refused::Unknown(text) => (raw::E_UNKNOWN, text),
                })
            })
        }
    }

    unsafe extern "C" fn cancel(this: *mut c_void, id: raw::Str, err: *mut raw::Error) -> raw::Status {
        // SAFETY: the host's text, which lives through the call.
        let id = unsafe { text_of(id) };
        // SAFETY: the host's call.
        unsafe { Self::plain(this, err, |value| value.cancel(&id)) }
    }

    unsafe extern "C" fn request_snapshot(
        this: *mut c_void,
        request_id: u64,
        since_ns: i64,
        err: *mut raw::Error,
    ) -> raw::Status {
        // SAFETY: the host's call.
        unsafe { Self::plain(this, err, |value| value.request_snapshot(request_id, since_ns)) }
    }

    unsafe extern "C" fn what_if(
        this: *mut c_void,
        order: *const raw::Order,
        out: *mut raw::WhatIf,
        err: *mut raw::Error,
    ) -> raw::Status {
        if out.is_null() {
            return failed(err, raw::E_INVALID_ARG, "there is no place for the answer");
        }
        // SAFETY: the host's order, with all that it points to.
        let order = match unsafe { pass::order(order) } {
            Ok(order) => order,
            Err(why) => return failed(err, raw::E_INVALID_ARG, &why),
        };
        // SAFETY: the host's call, with a place for the answer.
        unsafe {
            Self::with(this, err, |value, _| {
                let answer = value.what_if(&order).map_err(|text| (raw::E_UNSUPPORTED, text))?;
                (*out).initial_margin_e9 = answer.initial_margin_e9;
                (*out).maintenance_margin_e9 = answer.maintenance_margin_e9;
                (*out).fee_e9 = answer.fee_e9;
                Ok(())
            })
        }
    }

    unsafe extern "C" fn quotes(
        this: *mut c_void,
        ts_ns: i64,
        rows: *const *const raw::Quote,
        n_rows: u64,
        err: *mut raw::Error,
    ) -> raw::Status {
        // SAFETY: the host's rows, with all that they point to.
        let quotes = match unsafe { pass::quotes(rows, n_rows) } {
            Ok(quotes) => quotes,
            Err(why) => return failed(err, raw::E_INVALID_ARG, &why),
        };
        // SAFETY: the host's call.
        unsafe { Self::plain(this, err, |value| value.quotes(ts_ns, &quotes)) }
    }

    unsafe extern "C" fn final_values(
        this: *mut c_void,
        ts_ns: i64,
        rows: *const *const raw::FinalValue,
        n_rows: u64,
        err: *mut raw::Error,
    ) -> raw::Status {
        // SAFETY: the host's rows, with all that they point to.
        let values = match unsafe { pass::final_values(rows, n_rows) } {
            Ok(values) => values,
            Err(why) => return failed(err, raw::E_INVALID_ARG, &why),
        };
        // SAFETY: the host's call.
        unsafe { Self::plain(this, err, |value| value.final_values(ts_ns, &values)) }
    }

    unsafe extern "C" fn watch(
        this: *mut c_void,
        rows: *const *const raw::Instrument,
        n_rows: u64,
        err: *mut raw::Error,
    ) -> raw::Status {
        // SAFETY: the host's rows, with all that they point to.
        let contracts = match unsafe { pass::instruments(rows, n_rows) } {
            Ok(contracts) => contracts,
            Err(why) => return failed(err, raw::E_INVALID_ARG, &why),
        };
        // SAFETY: the host's call.
        unsafe { Self::plain(this, err, |value| value.watch(&contracts)) }
    }

    unsafe extern "C" fn list(
        this: *mut c_void,
        request_id: u64,
        underlying: raw::Str,
        err: *mut raw::Error,
    ) -> raw::Status {
        // SAFETY: the host's text.
        let Some(name) = Word::new(&unsafe { text_of(underlying) }) else {
            return failed(err, raw::E_INVALID_ARG, "the underlying is no symbol");
        };
        // SAFETY: the host's call.
        unsafe { Self::plain(this, err, |value| value.list(request_id, &name)) }
    }
}

const _: () = assert!(size_of::<crate::broker::Setting>() == size_of::<raw::SettingDesc>());
