//! The plugins of a strategy: found through `plugins.lock`, compared with what the strategy declares, and handed to the engine.

mod calls;
mod watch;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::quarantine;
use alula_core::plugin::{ChainInstance, PluginHost, PluginInstance};
use alula_dsl::graph::{Graph, PluginDef, PluginId, ValueKind};
use alula_dsl::reference::UNITS;
use alula_plugin_abi::host::{Factory, IndicatorInfo};
use alula_plugin_abi::raw;
use alula_plugin_loader::{LoadError, Lock, Policy, ending, find, keep, load, open_copy};
use calls::{Called, Chained, Working};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use watch::{Watch, left, start_watchdog};

/// The private folder of opened libraries.
///
/// # Errors
/// When neither `XDG_STATE_HOME` nor the home folder is known.
pub fn cache_folder() -> Result<PathBuf, Failure> {
    let from = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    let state = from("XDG_STATE_HOME")
        .or_else(|| from("HOME").map(|h| h.join(".local/state")))
        .or_else(|| from("LOCALAPPDATA"));
    state.map(|s| s.join("alula/plugins")).ok_or_else(|| {
        Failure::usage("there is no folder for private copies of plugins")
            .help("set XDG_STATE_HOME to a folder of yours")
    })
}

/// A refusal of the loader as the command says it.
#[must_use]
pub fn failure(error: &LoadError) -> Failure {
    let failure = Failure::usage(error.what.clone());
    match &error.help {
        Some(help) => failure.help(help.clone()),
        None => failure,
    }
}

/// The lock that a strategy's plugins stand in: beside it or above it, else beside or above the current folder.
#[must_use]
pub fn lock_of(strategy: &Path) -> Option<PathBuf> {
    let folder = strategy.parent().unwrap_or(Path::new(""));
    find(folder).or_else(|| find(Path::new("")))
}

/// Loads the plugins that a strategy names; `None` where it names none, or none of them is trusted. Those of which a build is in force are
/// loaded in that build, whatever is trusted now.
///
/// # Errors
/// When one that is trusted is refused, or is not what the strategy declares.
pub fn of(
    graph: &Graph,
    strategy: &Path,
    in_force: &BTreeMap<String, String>,
    out: &mut Output,
) -> Result<Option<Arc<dyn PluginHost>>, Failure> {
    let called = |def: &&PluginDef| !def.function.is_empty();
    if !graph.plugins.iter().any(|def| called(&def)) {
        return Ok(None);
    }
    let lock = lock_of(strategy)
        .map(|path| Lock::read(&path).map_err(|e| failure(&e)))
        .transpose()?;
    let mut opened: BTreeMap<String, Arc<Opened>> = BTreeMap::new();
    for def in &graph.plugins {
        if let (Some(sha256), true) = (in_force.get(&def.plugin), called(&def)) {
            if !opened.contains_key(&def.plugin) {
                let pin = lock.as_ref().and_then(|l| l.pin(&def.plugin).ok());
                let policy = pin.map(|pin| pin.policy.clone()).unwrap_or_default();
                let build = Opened::copy(&def.plugin, sha256, policy, &cache_folder()?)?;
                opened.insert(def.plugin.clone(), Arc::new(build));
            }
            continue;
        }
        let pinned = lock.as_ref().filter(|l| l.pin(&def.plugin).is_ok());
        let (Some(lock), true) = (pinned, called(&def)) else {
            if called(&def) {
                out.note(&format!(
                    "plugin `{}` is in no `plugins.lock`; what `{}` gives is missing (`alula plugin trust FILE` adds it)",
                    def.plugin, def.function
                ));
            }
            continue;
        };
        if quarantine::is_left_out(&def.plugin) {
            out.warn(&format!(
                "plugin `{}` is left out; what `{}` gives is missing",
                def.plugin, def.function
            ));
            continue;
        }
        if !opened.contains_key(&def.plugin) {
            opened.insert(
                def.plugin.clone(),
                Arc::new(Opened::pinned(lock, &def.plugin, &cache_folder()?)?),
            );
        }
    }
    for message in alula_plugin_loader::take_messages() {
        out.detail(&format!("plugin: {}", message.text));
    }
    host(graph, &opened)
}

/// The plugins of a strategy by the hashes of their libraries, from the private copies of what was opened before. How they are run is what
/// the lock of the strategy says now.
///
/// # Errors
/// When one is gone, or is not what the strategy declares.
pub fn at(
    graph: &Graph,
    builds: &BTreeMap<String, String>,
    strategy: &Path,
) -> Result<Option<Arc<dyn PluginHost>>, Failure> {
    let lock = lock_of(strategy)
        .map(|path| Lock::read(&path).map_err(|e| failure(&e)))
        .transpose()?;
    let mut opened = BTreeMap::new();
    for (id, sha256) in builds {
        let pin = lock.as_ref().and_then(|l| l.pin(id).ok());
        let policy = pin.map(|pin| pin.policy.clone()).unwrap_or_default();
        let build = Opened::copy(id, sha256, policy, &cache_folder()?)?;
        opened.insert(id.clone(), Arc::new(build));
    }
    host(graph, &opened)
}

/// A plugin ready to be used: in this process, or each instance in one of its own.
#[derive(Debug)]
pub struct Opened {
    /// Its indicators.
    pub factory: Factory,
    /// Hash of its library.
    pub sha256: String,
    /// What it says it was built with.
    pub build: String,
    /// Minor version of the contract that it was built with.
    pub minor: u16,
    policy: Policy,
}

/// Opens a library in this process: one that ends the process then, or later, is told as that, and never passes for a good end.
pub fn guarded<T>(open: impl FnOnce() -> T) -> T {
    ending::watch(Exit::Stopped as u8, left);
    let opened = open();
    // In front of what the library itself does at the end.
    ending::watch(Exit::Stopped as u8, left);
    opened
}

impl Opened {
    /// A plugin as a lock pins it.
    ///
    /// # Errors
    /// When it is refused.
    pub fn pinned(lock: &Lock, id: &str, cache: &Path) -> Result<Self, Failure> {
        let policy = lock.pin(id).map_err(|e| failure(&e))?.policy.clone();
        if policy.isolated {
            let sha256 = keep(lock, id, cache).map_err(|e| failure(&e))?;
            return Self::isolated(id, sha256, policy, cache);
        }
        let pin = lock.pin(id).map_err(|e| failure(&e))?;
        let watch = Watch::of_loading(id, &pin.sha256, &policy);
        let library = guarded(|| watch.during(|| load(lock, id, cache))).map_err(|e| failure(&e))?;
        Ok(Self::here(&library, policy))
    }

    /// The private copy of a build.
    fn copy(id: &str, sha256: &str, policy: Policy, cache: &Path) -> Result<Self, Failure> {
        if policy.isolated {
            return Self::isolated(id, sha256.to_owned(), policy, cache);
        }
        let watch = Watch::of_loading(id, sha256, &policy);
        let opened = guarded(|| watch.during(|| open_copy(id, sha256, cache)));
        let library = opened.map_err(|e| failure(&e))?;
        Ok(Self::here(&library, policy))
    }

    /// A library that was opened in this process.
    #[must_use]
    pub fn here(library: &alula_plugin_loader::Library, policy: Policy) -> Self {
        Self {
            factory: library.factory.clone(),
            sha256: library.sha256.clone(),
            build: library.build.clone(),
            minor: library.minor,
            policy,
        }
    }

    #[cfg(unix)]
    fn isolated(id: &str, sha256: String, policy: Policy, cache: &Path) -> Result<Self, Failure> {
        let home = crate::isolated::Home {
            plugin: id.to_owned(),
            sha256: sha256.clone(),
            cache: cache.to_owned(),
            deadline: Duration::from_secs(policy.seconds()),
        };
        let said = crate::isolated::describe(home).map_err(|fault| {
            Failure::usage(format!("plugin `{id}` in a process of its own: {fault}"))
                .help(format!("find out why with `alula plugin check {id}`"))
        })?;
        Ok(Self {
            factory: said.factory,
            sha256,
            build: said.build,
            minor: said.minor,
            policy,
        })
    }

    #[cfg(not(unix))]
    fn isolated(id: &str, _: String, _: Policy, _: &Path) -> Result<Self, Failure> {
        Err(Failure::usage(format!(
            "plugin `{id}` is to run in a process of its own, and this system has no unix sockets"
        )))
    }
}

fn host(
    graph: &Graph,
    opened: &BTreeMap<String, Arc<Opened>>,
) -> Result<Option<Arc<dyn PluginHost>>, Failure> {
    let mut functions = Vec::with_capacity(graph.plugins.len());
    let mut loaded = BTreeMap::new();
    for def in &graph.plugins {
        let opened = opened.get(&def.plugin).filter(|_| !def.function.is_empty());
        functions.push(match opened {
            Some(opened) => {
                loaded.insert(def.plugin.clone(), Arc::clone(opened));
                Some(Function::fit(def, opened).map_err(|f| *f)?)
            }
            None => None,
        });
    }
    if loaded.is_empty() {
        return Ok(None);
    }
    start_watchdog();
    Ok(Some(Arc::new(Host {
        functions,
        loaded,
        faults: Arc::default(),
    })))
}

/// The plugins of one strategy.
#[derive(Debug)]
struct Host {
    /// By number of declaration.
    functions: Vec<Option<Function>>,
    /// By name.
    loaded: BTreeMap<String, Arc<Opened>>,
    faults: Arc<Mutex<BTreeSet<String>>>,
}

/// A function of a plugin as a strategy declares it.
#[derive(Debug)]
struct Function {
    plugin: String,
    opened: Arc<Opened>,
    info: Arc<IndicatorInfo>,
    /// For each declared number, which parameter it is.
    params: Vec<usize>,
    /// For each declared output, which output it is.
    outputs: Vec<usize>,
}

impl Function {
    /// Compares a declaration with the plugin.
    fn fit(def: &PluginDef, opened: &Arc<Opened>) -> Result<Self, Box<Failure>> {
        let (plugin, function) = (&def.plugin, &def.function);
        let Some(info) = opened.factory.find(function) else {
            let names = opened.factory.indicators().iter().map(|i| format!("`{}`", i.id));
            let names: Vec<String> = names.collect();
            let failure = Failure::new(
                Exit::Findings,
                format!("plugin `{plugin}` has no function `{function}`"),
            );
            return Err(Box::new(failure.help(format!("it has {}", names.join(", ")))));
        };
        let other = |why: String| {
            let failure = Failure::new(
                Exit::Findings,
                format!("plugin `{plugin}`: `{function}` is declared as something else: {why}"),
            );
            Box::new(failure.help(format!("declare it so: {}", info.declaration(plugin))))
        };
        if info.chain != def.chain.is_some() {
            return Err(other(if info.chain {
                "it reads an option chain".to_owned()
            } else {
                "it reads series, and no option chain".to_owned()
            }));
        }
        let declared: Vec<&str> = def.inputs.iter().map(|(n, _)| n.as_str()).collect();
        let own: Vec<&str> = info.inputs.iter().map(|p| p.name.as_str()).collect();
        if declared != own {
            return Err(other(format!("it reads `{}`, in this order", own.join("`, `"))));
        }
        for ((name, kind), port) in def.inputs.iter().zip(&info.inputs) {
            same_unit(name, *kind, port.unit.as_deref()).map_err(other)?;
        }
        let mut params = Vec::new();
        for (name, unit, _) in &def.numbers {
            let at = info.params.iter().position(|p| p.name == *name);
            let found = at.and_then(|at| info.params.get(at).map(|p| (at, p)));
            let (at, param) = found.ok_or_else(|| other(format!("it has no number `{name}`")))?;
            same_unit(name, ValueKind::Number(*unit), param.unit.as_deref()).map_err(other)?;
            params.push(at);
        }
        let mut outputs = Vec::new();
        for (name, kind) in &def.outputs {
            let at = match info.outputs.as_slice() {
                [_] if name.is_empty() => Some(0),
                _ => info.outputs.iter().position(|p| p.name == *name),
            };
            let found = at.and_then(|at| info.outputs.get(at).map(|p| (at, p)));
            let (at, port) = found.ok_or_else(|| {
                other(if name.is_empty() {
                    "it has several outputs, which have names".to_owned()
                } else {
                    format!("it has no output `{name}`")
                })
            })?;
            same_unit(&port.name, *kind, port.unit.as_deref()).map_err(other)?;
            outputs.push(at);
        }
        Ok(Self {
            plugin: plugin.clone(),
            opened: Arc::clone(opened),
            info: Arc::clone(info),
            params,
            outputs,
        })
    }
}

impl Function {
    /// An instance set up with the numbers of a call, watched.
    fn made(&self, numbers: &[f64], faults: &Arc<Mutex<BTreeSet<String>>>) -> Result<Called, String> {
        let info = &self.info;
        let label = format!("`{}` of plugin `{}`", info.id, self.plugin);
        let mut values: Vec<f64> = info.params.iter().map(|p| p.default).collect();
        for (at, x) in self.params.iter().zip(numbers) {
            if let Some(slot) = values.get_mut(*at) {
                *slot = *x;
            }
        }
        let watch = Watch::of(&label, self);
        match watch.during(|| self.opened.factory.create(info, &values)) {
            Ok(instance) => Ok(Called {
                watch,
                instance,
                label,
                stops: self.opened.policy.stops,
                faults: Arc::clone(faults),
            }),
            Err(fault) => Err(format!("{label}: {fault}")),
        }
    }
}

/// Whether a declared unit is the plugin's; a plugin that names none takes any but a truth value.
fn same_unit(name: &str, declared: ValueKind, own: Option<&str>) -> Result<(), String> {
    let kind = match own {
        None if declared == ValueKind::Bool => return Err(format!("`{name}` is a number")),
        None => return Ok(()),
        Some("bool") => Some(ValueKind::Bool),
        Some(word) => UNITS
            .iter()
            .find(|(n, _)| *n == word)
            .map(|(_, u)| ValueKind::Number(*u)),
    };
    if kind == Some(declared) {
        return Ok(());
    }
    Err(format!("`{name}` is in `{}`", own.unwrap_or("number")))
}

impl Host {
    fn function(&self, function: PluginId) -> Option<&Function> {
        let at = usize::try_from(function.0).ok()?;
        self.functions.get(at)?.as_ref()
    }
}

impl PluginHost for Host {
    fn instance(
        &self,
        function: PluginId,
        numbers: &[f64],
        output: u8,
    ) -> Result<Option<Box<dyn PluginInstance>>, String> {
        let Some(function) = self.function(function) else {
            return Ok(None);
        };
        let called = function.made(numbers, &self.faults)?;
        let info = &function.info;
        let output = function
            .outputs
            .get(usize::from(output))
            .copied()
            .ok_or_else(|| format!("{} has no such output", called.label))?;
        let is_bool = info.outputs.get(output).is_some_and(|p| p.is_bool());
        Ok(Some(Box::new(Working {
            lanes: vec![Vec::new(); info.outputs.len()],
            output,
            is_bool,
            called,
        })))
    }

    fn chain_instance(
        &self,
        function: PluginId,
        numbers: &[f64],
    ) -> Result<Option<Box<dyn ChainInstance>>, String> {
        let Some(function) = self.function(function) else {
            return Ok(None);
        };
        let called = function.made(numbers, &self.faults)?;
        let outputs = function.outputs.iter().map(|at| {
            let is_bool = function.info.outputs.get(*at).is_some_and(|p| p.is_bool());
            (*at, is_bool)
        });
        Ok(Some(Box::new(Chained {
            outputs: outputs.collect(),
            called,
        })))
    }

    fn loaded(&self) -> Vec<(String, String)> {
        let all = self.loaded.iter();
        all.map(|(name, o)| (name.clone(), o.sha256.clone())).collect()
    }

    fn about(&self, plugin: &str) -> (String, u32) {
        let opened = self.loaded.get(plugin);
        opened.map_or_else(Default::default, |o| {
            (o.build.clone(), u32::from(raw::MAJOR) << 16 | u32::from(o.minor))
        })
    }

    fn take_faults(&self) -> Vec<String> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *faults).into_iter().collect()
    }

    fn faults(&self) -> Vec<String> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.iter().cloned().collect()
    }
}
