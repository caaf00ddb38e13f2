//! Brokers for the engine: found through `plugins.lock`, run in a process of their own, and behind the port of the live room.

mod adapter;
#[cfg(unix)]
mod child;
mod convert;
#[cfg(unix)]
pub mod host;
mod line;
#[cfg(unix)]
mod protocol;

use crate::exit::Failure;
use crate::plugins::{cache_folder, failure, guarded, lock_of};
use adapter::Adapter;
use alula_live::broker::Broker;
use alula_plugin_abi::broker::Caps;
use alula_plugin_abi::host::BrokerInfo;
use alula_plugin_loader::{Kind, LOCK_NAME, Library, Lock, load};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How a broker is opened.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// Strategy beside or above which `plugins.lock` is looked for first; empty for the current folder.
    pub strategy: &'a Path,
    /// In a process of its own, so that one that crashes or hangs takes nothing with it. Only where the system has unix sockets.
    pub isolated: bool,
    /// Real money is allowed. That is one of two switches: the lock must allow it too.
    pub live: bool,
    /// How long a call may take before the broker counts as dead, beyond what a poll was told to wait.
    pub deadline: Duration,
    /// Private folder of opened libraries; the user's own where none is named.
    pub cache: Option<&'a Path>,
}

impl Default for Opening<'_> {
    fn default() -> Self {
        Self {
            strategy: Path::new(""),
            isolated: cfg!(unix),
            live: false,
            deadline: Duration::from_secs(10),
            cache: None,
        }
    }
}

/// Opens a broker by the name of its plugin in `plugins.lock` (`paper`), or of a plugin and one of its brokers
/// (`house/paper`). It is not connected yet: [`Broker::connect`] begins that.
///
/// Settings are words by name; `alula plugin inspect NAME` shows which there are. The shipped `paper` needs a `folder` for its
/// account. A broker with [`alula_live::broker::Capabilities::simulated`] wants [`Broker::quotes`] at each tick, before it is
/// polled: they are its clock. After a fault that says `dead`, open it again: `paper` and real brokers find their account as
/// it was, and a snapshot says what became of orders whose submission is unknown.
///
/// ```no_run
/// use alula::broker::{Opening, open_broker};
/// let settings = [("folder".to_owned(), "runs/paper".to_owned())];
/// let mut broker = open_broker("paper", &settings, &Opening::default())?;
/// broker.connect().map_err(|fault| alula::exit::Failure::usage(fault.what))?;
/// # Ok::<(), alula::exit::Failure>(())
/// ```
///
/// # Errors
/// When the lock does not name it or does not allow it, its settings are refused, or it does not start.
pub fn open_broker(
    name: &str,
    settings: &[(String, String)],
    how: &Opening<'_>,
) -> Result<Box<dyn Broker + Send>, Failure> {
    let Found {
        plugin,
        lock,
        cache,
        library,
        info,
    } = look_up(name, how)?;
    let refused = |text: String| Failure::usage(format!("broker `{name}`: {text}"));
    let id = format!("{plugin}/{}", info.id);
    if how.isolated {
        #[cfg(unix)]
        {
            let target = child::Target {
                lock: &lock.path,
                plugin: &plugin,
                sha256: &library.sha256,
                broker: &info.id,
                live: how.live,
                cache: &cache,
            };
            let line = child::Child::start(&target, settings, how.deadline).map_err(refused)?;
            return Ok(Box::new(Adapter::new(line, id, &info)));
        }
        #[cfg(not(unix))]
        return Err(refused(
            "this system has no unix sockets for a process of its own".to_owned(),
        ));
    }
    let line = library
        .brokers
        .open(&info, settings)
        .map_err(|fault| refused(fault.text))?;
    Ok(Box::new(Adapter::new(line, id, &info)))
}

/// A broker that may be opened.
struct Found {
    plugin: String,
    lock: Lock,
    cache: PathBuf,
    library: Arc<Library>,
    info: Arc<BrokerInfo>,
}

/// Whether a broker may be opened, as far as that can be said before it is.
///
/// # Errors
/// As those of [`open_broker`] about the lock.
pub fn check_broker(name: &str, how: &Opening<'_>) -> Result<(), Failure> {
    look_up(name, how).map(|_| ())
}

fn look_up(name: &str, how: &Opening<'_>) -> Result<Found, Failure> {
    let (plugin, broker) = match name.split_once('/') {
        Some((plugin, broker)) => (plugin, Some(broker)),
        None => (name, None),
    };
    let Some(path) = lock_of(how.strategy) else {
        return Err(
            Failure::usage(format!("there is no `{LOCK_NAME}` that names a broker `{name}`"))
                .help(build_help(plugin)),
        );
    };
    let lock = Lock::read(&path).map_err(|e| failure(&e))?;
    let cache = match how.cache {
        Some(folder) => folder.to_owned(),
        None => cache_folder()?,
    };
    // In the process of the broker itself leaving is an answer of its own.
    let (library, info) = guarded(|| find((&lock, &cache), plugin, broker, how.live))?;
    Ok(Found {
        plugin: plugin.to_owned(),
        lock,
        cache,
        library,
        info,
    })
}

/// What to do about a broker that no lock names.
fn build_help(plugin: &str) -> String {
    if plugin == "paper" {
        "the simulated broker is a plugin: `cargo build --release -p alula-paper`, then `alula plugin trust \
         target/release/libalula_paper.so`"
            .to_owned()
    } else {
        "trust its library: `alula plugin trust FILE`".to_owned()
    }
}

/// The broker of a plugin that a lock pins, if the lock allows what it is.
fn find(
    (lock, cache): (&Lock, &Path),
    plugin: &str,
    broker: Option<&str>,
    live: bool,
) -> Result<(Arc<Library>, Arc<BrokerInfo>), Failure> {
    let pin = lock.pin(plugin).map_err(|e| {
        let mut e = e;
        e.help = Some(build_help(plugin));
        failure(&e)
    })?;
    if pin.kind != Kind::Broker {
        return Err(Failure::usage(format!(
            "plugin `{plugin}` is trusted as `{}`, not as a broker",
            pin.kind.word()
        ))
        .help("trust it again: `alula plugin trust FILE`"));
    }
    let library = load(lock, plugin, cache).map_err(|e| failure(&e))?;
    let all = library.brokers.brokers();
    let found = match broker {
        Some(id) => library.brokers.find(id),
        None => all.first().filter(|_| all.len() == 1),
    };
    let Some(info) = found.cloned() else {
        let names: Vec<String> = all.iter().map(|b| format!("`{plugin}/{}`", b.id)).collect();
        return Err(
            Failure::usage(format!("plugin `{plugin}` has no such broker")).help(if names.is_empty() {
                "it has no brokers at all".to_owned()
            } else {
                format!("it has {}", names.join(", "))
            }),
        );
    };
    if info.caps.has(Caps::LIVE) && !(pin.live && live) {
        let missing = if pin.live {
            "and this run is not armed for it"
        } else {
            "and `plugins.lock` does not allow it"
        };
        return Err(
            Failure::usage(format!("broker `{plugin}` trades real money, {missing}"))
                .help("both switches are needed: `alula plugin trust FILE --allow-live`, and arming the run"),
        );
    }
    if info.caps.has(Caps::LIVE) && std::env::var_os("LD_PRELOAD").is_some_and(|v| !v.is_empty()) {
        return Err(Failure::usage(format!(
            "broker `{plugin}` trades real money, and LD_PRELOAD puts other code into this process"
        ))
        .help("unset LD_PRELOAD"));
    }
    Ok((library, info))
}
