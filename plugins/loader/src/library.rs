//! Opening a library and greeting its entry.

use crate::cache;
use crate::error::{LoadError, Refusal};
use crate::sha256;
use alula_plugin_abi::float::Mode;
use alula_plugin_abi::host::{Brokers, Factory, borrowed_text, text_at};
use alula_plugin_abi::raw;
use std::collections::BTreeMap;
use std::ffi::{c_char, c_void};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Majors whose entries are looked for, to say what was found instead.
const OTHER_MAJORS: std::ops::RangeInclusive<u16> = 1..=9;
/// Libraries opened in one process: each stays mapped until its end.
const OPENED_MAX: usize = 1024;
/// Messages kept; later ones are dropped.
const MESSAGES_MAX: usize = 256;

/// An open library.
#[derive(Debug)]
pub struct Library {
    /// Hash of its bytes.
    pub sha256: String,
    /// What it says it was built with.
    pub build: String,
    /// Minor version of the contract that it was built with.
    pub minor: u16,
    /// Its indicators.
    pub factory: Factory,
    /// Its brokers.
    pub brokers: Brokers,
}

/// What a plugin has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// 1 error, 2 warning, 3 information, 4 detail.
    pub level: u32,
    /// Text.
    pub text: String,
}

static MESSAGES: Mutex<Vec<Message>> = Mutex::new(Vec::new());

/// Libraries of this process by hash: each is opened and started once.
static OPENED: Mutex<BTreeMap<String, Result<Arc<Library>, LoadError>>> = Mutex::new(BTreeMap::new());

/// Takes the messages of plugins since the last time.
#[must_use]
pub fn take_messages() -> Vec<Message> {
    std::mem::take(&mut *MESSAGES.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Opens a library from its bytes, once per process; the same bytes give the same library, or the same refusal.
///
/// # Errors
/// See [`Refusal`].
pub fn open(bytes: &[u8], folder: &Path) -> Result<Arc<Library>, LoadError> {
    let hash = sha256(bytes);
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = opened.get(&hash) {
        return known.clone();
    }
    if opened.len() >= OPENED_MAX {
        let text = format!("this process has opened {OPENED_MAX} libraries, and none can be closed");
        return Err(LoadError::new(Refusal::System, text).help("start it again"));
    }
    if cfg!(all(unix, not(target_vendor = "apple"))) {
        crate::elf::check(bytes)?;
    }
    let path = cache::copy(bytes, &hash, folder)?;
    let result = start(&path, &hash).map(Arc::new);
    opened.insert(hash, result.clone());
    result
}

/// The address of a symbol that is data.
fn data(library: &libloading::Library, name: &str) -> Option<*const raw::Entry> {
    // SAFETY: only the address is taken here. A symbol of this name is, by the contract, an entry; `greet` reads its first
    // fields before it believes the rest.
    let symbol = unsafe { library.get::<*const raw::Entry>(name.as_bytes()) };
    symbol.ok().map(|s| *s).filter(|p| !p.is_null())
}

fn start(path: &Path, hash: &str) -> Result<Library, LoadError> {
    Mode::restore();
    let library = system_open(path);
    if Mode::now() != Mode::PLAIN {
        Mode::restore();
        return Err(LoadError::new(
            Refusal::Mode,
            "it switches off subnormal numbers for the whole process as soon as it is loaded",
        )
        .help("build it without `-ffast-math` (`-Ofast`); nothing of it was called"));
    }
    let library = library?;
    let Some(entry) = data(&library, raw::ENTRY_SYMBOL) else {
        let other = OTHER_MAJORS.rev().find(|major| {
            let name = format!("alula_plugin_entry_v{major}");
            *major != raw::MAJOR && data(&library, &name).is_some()
        });
        return Err(match other {
            Some(major) => other_major(major),
            None => LoadError::new(
                Refusal::Entry,
                format!("it has no symbol `{}`", raw::ENTRY_SYMBOL),
            )
            .help("export the entry of `alula_plugin.h`, or `export_plugin!` of the Rust kit"),
        });
    };
    // SAFETY: the symbol's address, in a library that stays open to the end of the process.
    let (entry, build) = unsafe { greet(entry) }?;
    let made = (|| {
        let mut slot = raw::Error {
            struct_size: u32::try_from(size_of::<raw::Error>()).unwrap_or(0),
            code: raw::OK,
            message: [0; 248],
        };
        let (Some(init), Some(get_factory)) = (entry.init, entry.get_factory) else {
            return Err(contract("its entry has no `init` or no `get_factory`"));
        };
        // SAFETY: called once, before anything else, as the contract says; host and slot outlive the call.
        let status = unsafe { init(&raw const HOST.0, &raw mut slot) };
        if status != raw::OK {
            slot.message[247] = 0;
            // SAFETY: the slot ends with a zero, as was just made sure.
            let said = unsafe { text_at(slot.message.as_ptr(), "the error") }.unwrap_or_default();
            return Err(contract(&format!("its start failed (status {status}): {said}")));
        }
        // SAFETY: the library was started; the ids end with a zero.
        let (indicators, brokers) = unsafe {
            (
                get_factory(raw::FACTORY_INDICATOR.as_ptr()),
                get_factory(raw::FACTORY_BROKER.as_ptr()),
            )
        };
        if indicators.is_null() && brokers.is_null() {
            return Err(contract("it offers no indicators and no brokers"));
        }
        let mut made = (Factory::default(), Brokers::default());
        if !indicators.is_null() {
            // SAFETY: what `get_factory` gives for this id is such a factory, and the library is never unloaded.
            made.0 = unsafe { Factory::new(indicators.cast()) }.map_err(|f| contract(&f.text))?;
        }
        if !brokers.is_null() {
            // SAFETY: as above; the host's services are a static of this program.
            made.1 =
                unsafe { Brokers::new(brokers.cast(), &raw const HOST.0) }.map_err(|f| contract(&f.text))?;
        }
        Ok(made)
    })();
    if Mode::now() != Mode::PLAIN {
        Mode::restore();
        return Err(LoadError::new(
            Refusal::Mode,
            "its start changes the floating-point mode",
        ));
    }
    let minor = entry.abi_minor;
    let (factory, brokers) = made?;
    // Never closed: threads, thread-local values and the factory's functions may be in use until the end.
    std::mem::forget(library);
    Ok(Library {
        sha256: hash.to_owned(),
        build,
        minor,
        factory,
        brokers,
    })
}

fn contract(text: &str) -> LoadError {
    LoadError::new(Refusal::Contract, text)
}

fn other_major(major: u16) -> LoadError {
    let text = format!(
        "it is built for version {major} of the contract, this is version {}",
        raw::MAJOR
    );
    LoadError::new(Refusal::Version, text).help(if major > raw::MAJOR {
        "update alula, or ask for a build of the plugin for this version"
    } else {
        "build the plugin anew with the kit of this version"
    })
}

/// Reads the constants of an entry; nothing of the plugin is called.
///
/// # Safety
/// The pointer leads to the bytes of an entry, as many as it says after its first sixteen.
unsafe fn greet(entry: *const raw::Entry) -> Result<(raw::Entry, String), LoadError> {
    // SAFETY: the first sixteen bytes, which every version of an entry has; read without asking for alignment.
    let (magic, size, major) = unsafe {
        (
            (&raw const (*entry).magic).read_unaligned(),
            (&raw const (*entry).struct_size).read_unaligned(),
            (&raw const (*entry).abi_major).read_unaligned(),
        )
    };
    if magic != raw::MAGIC {
        return Err(LoadError::new(
            Refusal::Entry,
            "its entry does not begin with the magic number",
        ));
    }
    if major != raw::MAJOR {
        return Err(other_major(major));
    }
    if usize::try_from(size).unwrap_or(0) < size_of::<raw::Entry>() {
        let text = format!("its entry says that it has {size} bytes");
        return Err(contract(&text));
    }
    // SAFETY: it has at least the bytes of this version's entry, and any bytes are a value of it.
    let entry = unsafe { entry.read_unaligned() };
    if entry.min_host_minor > raw::MINOR {
        let text = format!(
            "it needs version {}.{} of the contract, this is {}.{}",
            raw::MAJOR,
            entry.min_host_minor,
            raw::MAJOR,
            raw::MINOR
        );
        return Err(LoadError::new(Refusal::Version, text).help("update alula"));
    }
    let build = if entry.build_ident.is_null() {
        String::new()
    } else {
        // SAFETY: a text of the plugin's tables.
        unsafe { text_at(entry.build_ident, "the build's name") }.map_err(|f| contract(&f.text))?
    };
    Ok((entry, build))
}

#[cfg(unix)]
fn system_open(path: &Path) -> Result<libloading::Library, LoadError> {
    use libloading::os::unix::{Library as Unix, RTLD_LOCAL, RTLD_NOW};
    /// From `dlfcn.h`; the crate does not name it.
    #[cfg(target_vendor = "apple")]
    const RTLD_NODELETE: i32 = 0x80;
    #[cfg(not(target_vendor = "apple"))]
    const RTLD_NODELETE: i32 = 0x1000;
    // SAFETY: this runs the library's constructors. That is what the owner of `plugins.lock` agreed to for these very bytes;
    // no other promise can be had from a system's loader.
    unsafe { Unix::open(Some(path), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) }
        .map(Into::into)
        .map_err(|e| refused_by_system(path, &e))
}

#[cfg(windows)]
fn system_open(path: &Path) -> Result<libloading::Library, LoadError> {
    use libloading::os::windows::{LOAD_LIBRARY_SEARCH_SYSTEM32, Library as Windows};
    // What it rests on is looked for in the system's folder alone: by default it would be the current folder's and PATH's.
    // SAFETY: as on the other systems: the owner of `plugins.lock` agreed to run these bytes.
    let library = unsafe { Windows::load_with_flags(path, LOAD_LIBRARY_SEARCH_SYSTEM32) };
    // Pinned: the system keeps it to the end of the process, whoever closes it.
    library
        .and_then(|library| library.pin().map(|()| library))
        .map(Into::into)
        .map_err(|e| refused_by_system(path, &e))
}

fn refused_by_system(path: &Path, error: &libloading::Error) -> LoadError {
    // The system names the private copy, which says nothing to the reader.
    let name = path.to_string_lossy().into_owned();
    let text = error
        .to_string()
        .replace(&format!("{name}: "), "")
        .replace(&name, "it");
    let source = std::error::Error::source(error)
        .map(|s| format!(": {s}"))
        .unwrap_or_default();
    LoadError::new(
        Refusal::System,
        format!("the system does not load it: {text}{source}"),
    )
}

struct HostTable(raw::Host);

// SAFETY: an immutable table whose context is null and whose functions may be called from any thread.
unsafe impl Sync for HostTable {}

static HOST: HostTable = HostTable(raw::Host {
    #[expect(clippy::cast_possible_truncation, reason = "forty bytes")]
    struct_size: size_of::<raw::Host>() as u32,
    abi_major: raw::MAJOR,
    abi_minor: raw::MINOR,
    ctx: std::ptr::null_mut(),
    log: Some(log),
    now_ns: Some(now_ns),
    get_extension: Some(get_extension),
});

unsafe extern "C" fn log(_: *mut c_void, level: u32, message: raw::Str) {
    // SAFETY: a plugin's text, borrowed for this call.
    let text = unsafe { borrowed_text(message) };
    let mut messages = MESSAGES.lock().unwrap_or_else(PoisonError::into_inner);
    if messages.len() < MESSAGES_MAX {
        messages.push(Message { level, text });
    }
}

unsafe extern "C" fn now_ns(_: *mut c_void) -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
}

const unsafe extern "C" fn get_extension(_: *mut c_void, _: *const c_char) -> *const c_void {
    std::ptr::null()
}
