//! The Rust mirror of `include/alula_plugin.h`. Names, order and types are the header's; the header's comments hold here.
//!
//! Each struct is written once: the macro makes the struct and the table of its layout, and a test compiles the header and
//! compares every size and offset with that table.

mod broker;
mod chain;

pub use broker::*;
pub use chain::*;

use std::ffi::{c_char, c_void};

/// A struct's place in the table of layouts.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Name in the header.
    pub name: &'static str,
    /// Bytes of the whole.
    pub size: usize,
    /// Name, offset and size of each field, in order.
    pub fields: &'static [(&'static str, usize, usize)],
}

pub(crate) const fn size_of_field<S, F>(_: fn(&S) -> &F) -> usize {
    size_of::<F>()
}

macro_rules! mirror {
    ($table:ident; $(
        $(#[$doc:meta])*
        struct $name:ident = $c:literal { $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            #[repr(C)]
            pub struct $name { $( $(#[$field_doc])* pub $field: $type, )* }
        )*
        /// Structs of this part of the header.
        pub(super) const $table: &[Layout] = &[$( Layout {
            name: $c,
            size: size_of::<$name>(),
            fields: &[$( (
                stringify!($field),
                std::mem::offset_of!($name, $field),
                $crate::raw::size_of_field::<$name, $type>(|s| &s.$field),
            ), )*],
        }, )*];
    };
}

pub(crate) use mirror;

/// Every struct of the header, part by part.
pub fn layouts() -> impl Iterator<Item = &'static Layout> {
    COMMON.iter().chain(chain::CHAIN).chain(broker::BROKER)
}

/// `alula_status`.
pub type Status = i32;
/// Done.
pub const OK: Status = 0;
/// This row has no value.
pub const NOT_READY: Status = 1;
/// An argument is wrong.
pub const E_INVALID_ARG: Status = -1;
/// The plugin does not do this.
pub const E_UNSUPPORTED: Status = -2;
/// The plugin panicked, and caught it.
pub const E_PANIC: Status = -3;
/// Saved state is not understood.
pub const E_STATE_VERSION: Status = -4;
/// Brokers: certainly not sent.
pub const E_IO: Status = -5;
/// Brokers: certainly refused.
pub const E_REJECTED: Status = -6;
/// Brokers: the order is there already.
pub const E_DUPLICATE: Status = -7;
/// Brokers: nobody can say what became of it.
pub const E_UNKNOWN: Status = -8;
/// Something else.
pub const E_INTERNAL: Status = -9;

/// First bytes of an entry.
pub const MAGIC: u64 = 0x315F_4942_415F_4C41;
/// Major version of the contract.
pub const MAJOR: u16 = 1;
/// Minor version of the contract.
pub const MINOR: u16 = 2;
/// Symbol of the entry.
pub const ENTRY_SYMBOL: &str = "alula_plugin_entry_v1";
/// Id of the factory of indicators.
pub const FACTORY_INDICATOR: &std::ffi::CStr = c"alula.indicator.v1";
/// A whole number.
pub const PARAM_I64: u32 = 1;
/// A number.
pub const PARAM_F64: u32 = 2;
/// `update_batch` is there.
pub const IND_BATCH: u32 = 1;

/// It reads an option chain: `update_chain` is there.
pub const IND_CHAIN: u32 = 2;
/// It is of no use on a chain without open interest.
pub const IND_INTEREST: u32 = 4;

/// `init` of an entry.
pub type Init = unsafe extern "C" fn(host: *const Host, err: *mut Error) -> Status;
/// `deinit` of an entry.
pub type Deinit = unsafe extern "C" fn();
/// `get_factory` of an entry.
pub type GetFactory = unsafe extern "C" fn(id: *const c_char) -> *const c_void;
/// `log` of the host.
pub type Log = unsafe extern "C" fn(ctx: *mut c_void, level: u32, message: Str);
/// `now_ns` of the host.
pub type NowNs = unsafe extern "C" fn(ctx: *mut c_void) -> i64;
/// `get_extension` of the host.
pub type GetExtension = unsafe extern "C" fn(ctx: *mut c_void, id: *const c_char) -> *const c_void;
/// `write` of a sink.
pub type Write = unsafe extern "C" fn(ctx: *mut c_void, data: *const u8, len: u64) -> i32;
/// `destroy` of an indicator.
pub type Destroy = unsafe extern "C" fn(this: *mut c_void);
/// `reset` of an indicator.
pub type Reset = unsafe extern "C" fn(this: *mut c_void, err: *mut Error) -> Status;
/// `warmup` of an indicator.
pub type Warmup = unsafe extern "C" fn(this: *mut c_void) -> u64;
/// `update` of an indicator.
pub type Update = unsafe extern "C" fn(
    this: *mut c_void,
    input: *const f64,
    n_in: u32,
    out: *mut f64,
    n_out: u32,
    err: *mut Error,
) -> Status;
/// `state_save` of an indicator.
pub type StateSave = unsafe extern "C" fn(this: *mut c_void, sink: *const Sink, err: *mut Error) -> Status;
/// `state_load` of an indicator.
pub type StateLoad = unsafe extern "C" fn(
    this: *mut c_void,
    state_version: u32,
    data: *const u8,
    len: u64,
    err: *mut Error,
) -> Status;
/// `update_batch` of an indicator.
pub type UpdateBatch = unsafe extern "C" fn(
    this: *mut c_void,
    input: *const *const f64,
    n_in: u32,
    n_rows: u64,
    out: *const *mut f64,
    n_out: u32,
    ready: *mut u8,
    err: *mut Error,
) -> Status;
/// `update_chain` of an indicator.
pub type UpdateChain = unsafe extern "C" fn(
    this: *mut c_void,
    chain: *const Chain,
    out: *mut f64,
    n_out: u32,
    err: *mut Error,
) -> Status;
/// `describe` of a factory.
pub type Describe = unsafe extern "C" fn(index: u32) -> *const IndicatorDesc;
/// `create` of a factory.
pub type Create = unsafe extern "C" fn(
    id: *const c_char,
    params: *const Param,
    n_params: u32,
    self_out: *mut *mut c_void,
    vtbl_out: *mut *const IndicatorVtbl,
    err: *mut Error,
) -> Status;

mirror! { COMMON;
    /// Borrowed text.
    struct Str = "alula_str" {
        /// First byte.
        ptr: *const c_char,
        /// Bytes.
        len: u64,
    }
    /// A slot for an error, owned by the caller.
    struct Error = "alula_error" {
        /// Bytes of this struct.
        struct_size: u32,
        /// Status.
        code: Status,
        /// Text, NUL-terminated.
        message: [c_char; 248],
    }
    /// Services of the host.
    struct Host = "alula_host" {
        /// Bytes of this struct.
        struct_size: u32,
        /// Major version.
        abi_major: u16,
        /// Minor version.
        abi_minor: u16,
        /// Passed to each service.
        ctx: *mut c_void,
        /// Takes a message.
        log: Option<Log>,
        /// The host's clock; not for indicators.
        now_ns: Option<NowNs>,
        /// Services of later versions.
        get_extension: Option<GetExtension>,
    }
    /// The entry symbol.
    struct Entry = "alula_entry" {
        /// [`MAGIC`].
        magic: u64,
        /// Bytes of this struct.
        struct_size: u32,
        /// Major version; must be the host's.
        abi_major: u16,
        /// Minor version that the plugin was built with.
        abi_minor: u16,
        /// Oldest minor version of a host that it can live with.
        min_host_minor: u16,
        /// 0.
        reserved0: u16,
        /// 0.
        flags: u32,
        /// What built it.
        build_ident: *const c_char,
        /// Called once.
        init: Option<Init>,
        /// Called at most once.
        deinit: Option<Deinit>,
        /// What it offers.
        get_factory: Option<GetFactory>,
    }
    /// A parameter that an indicator is set up with.
    struct ParamDesc = "alula_param_desc" {
        /// Bytes of this struct.
        struct_size: u32,
        /// [`PARAM_I64`] or [`PARAM_F64`].
        kind: u32,
        /// Name.
        name: *const c_char,
        /// What it is.
        doc: *const c_char,
        /// Unit, or null.
        unit: *const c_char,
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
        /// Default.
        def: f64,
    }
    /// A series that goes in or comes out.
    struct PortDesc = "alula_port_desc" {
        /// Bytes of this struct.
        struct_size: u32,
        /// 0.
        flags: u32,
        /// Name.
        name: *const c_char,
        /// What it is.
        doc: *const c_char,
        /// Unit, or null.
        unit: *const c_char,
        /// Smallest, NaN for no bound.
        lo: f64,
        /// Largest, NaN for no bound.
        hi: f64,
    }
    /// A parameter with its value.
    struct Param = "alula_param" {
        /// Bytes of this struct.
        struct_size: u32,
        /// [`PARAM_I64`] or [`PARAM_F64`].
        kind: u32,
        /// Name.
        name: *const c_char,
        /// Value of a whole number.
        i: i64,
        /// Value of a number.
        f: f64,
    }
    /// Takes bytes.
    struct Sink = "alula_sink" {
        /// Bytes of this struct.
        struct_size: u32,
        /// 0.
        reserved0: u32,
        /// Passed to `write`.
        ctx: *mut c_void,
        /// Copies; other than 0 means stop.
        write: Option<Write>,
    }
    /// What an indicator is.
    struct IndicatorDesc = "alula_indicator_desc" {
        /// Bytes of this struct.
        struct_size: u32,
        /// [`IND_BATCH`], [`IND_CHAIN`], [`IND_INTEREST`].
        flags: u32,
        /// Name in the language.
        id: *const c_char,
        /// Version.
        version: *const c_char,
        /// What it is.
        doc: *const c_char,
        /// Version of its saved state.
        state_version: u32,
        /// Parameters.
        n_params: u32,
        /// Inputs.
        n_inputs: u32,
        /// Outputs.
        n_outputs: u32,
        /// Parameters.
        params: *const ParamDesc,
        /// Inputs.
        inputs: *const PortDesc,
        /// Outputs.
        outputs: *const PortDesc,
    }
    /// Functions of an instance.
    struct IndicatorVtbl = "alula_indicator_vtbl" {
        /// Bytes of this struct.
        struct_size: u32,
        /// 0.
        reserved0: u32,
        /// Frees the instance.
        destroy: Option<Destroy>,
        /// As after `create`.
        reset: Option<Reset>,
        /// Rows before the first that can be ready.
        warmup: Option<Warmup>,
        /// One row.
        update: Option<Update>,
        /// State to bytes.
        state_save: Option<StateSave>,
        /// State from bytes.
        state_load: Option<StateLoad>,
        /// Many rows.
        update_batch: Option<UpdateBatch>,
        /// One row from a chain.
        update_chain: Option<UpdateChain>,
    }
    /// Makes indicators.
    struct IndicatorFactory = "alula_indicator_factory" {
        /// Bytes of this struct.
        struct_size: u32,
        /// Indicators.
        count: u32,
        /// What the one of a number is.
        describe: Option<Describe>,
        /// Makes one.
        create: Option<Create>,
    }
}

// SAFETY: these are plain tables. Their pointers lead to immutable data and functions that live as long as the library, and
// the contract lets every thread read them; a `static` of a plugin needs it said.
unsafe impl Sync for Entry {}
// SAFETY: as for `Entry`.
unsafe impl Sync for IndicatorFactory {}

const _: () = {
    assert!(size_of::<Error>() == 256);
    assert!(size_of::<Host>() == 40);
    assert!(size_of::<Entry>() == 56);
    assert!(size_of::<ParamDesc>() == 56);
    assert!(size_of::<PortDesc>() == 48);
    assert!(size_of::<Param>() == 32);
    assert!(size_of::<IndicatorDesc>() == 72);
    assert!(size_of::<IndicatorVtbl>() == 72);
    assert!(std::mem::offset_of!(IndicatorVtbl, update) == 32);
    assert!(std::mem::offset_of!(IndicatorVtbl, update_batch) == 56);
    assert!(std::mem::offset_of!(IndicatorVtbl, update_chain) == 64);
};
