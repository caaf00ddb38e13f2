//! The plugins of a strategy: found through `plugins.lock`, compared with what the strategy declares, and handed to the engine.

use crate::exit::{Exit, Failure};
use crate::output::Output;
use alula_core::chains::ChainTable;
use alula_core::ops::StateError;
use alula_core::plugin::{ChainInstance, PluginHost, PluginInstance};
use alula_core::value::{Cause, Cell};
use alula_dsl::graph::{Graph, PluginDef, PluginId, ValueKind};
use alula_dsl::reference::UNITS;
use alula_market::contract::Settlement;
use alula_plugin_abi::chain::{Chain, Contracts, Expiry, Settles};
use alula_plugin_abi::host::{IndicatorInfo, Instance, Row, Start};
use alula_plugin_loader::{Library, LoadError, Lock, find, load, open_copy};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::Duration;

/// A call into a plugin that takes longer than this ends the process: nothing inside it can stop it.
const DEADLINE: Duration = Duration::from_secs(20);
/// How often the watchdog looks.
const WATCH: Duration = Duration::from_millis(100);

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

/// Loads the plugins that a strategy names; `None` where it names none, or none of them is trusted.
///
/// # Errors
/// When one that is trusted is refused, or is not what the strategy declares.
pub fn of(graph: &Graph, strategy: &Path, out: &mut Output) -> Result<Option<Arc<dyn PluginHost>>, Failure> {
    let called = |def: &&PluginDef| !def.function.is_empty();
    if !graph.plugins.iter().any(|def| called(&def)) {
        return Ok(None);
    }
    let lock = lock_of(strategy)
        .map(|path| Lock::read(&path).map_err(|e| failure(&e)))
        .transpose()?;
    let mut libraries = BTreeMap::new();
    for def in &graph.plugins {
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
        let library = load(lock, &def.plugin, &cache_folder()?).map_err(|e| failure(&e))?;
        libraries.insert(def.plugin.clone(), library);
    }
    for message in alula_plugin_loader::take_messages() {
        out.detail(&format!("plugin: {}", message.text));
    }
    host(graph, &libraries)
}

/// The plugins of a strategy by the hashes of their libraries, from the private copies of what was opened before.
///
/// # Errors
/// When one is gone, or is not what the strategy declares.
pub fn at(graph: &Graph, builds: &BTreeMap<String, String>) -> Result<Option<Arc<dyn PluginHost>>, Failure> {
    let mut libraries = BTreeMap::new();
    for (id, sha256) in builds {
        let library = open_copy(id, sha256, &cache_folder()?).map_err(|e| failure(&e))?;
        libraries.insert(id.clone(), library);
    }
    host(graph, &libraries)
}

fn host(
    graph: &Graph,
    libraries: &BTreeMap<String, Arc<Library>>,
) -> Result<Option<Arc<dyn PluginHost>>, Failure> {
    let mut functions = Vec::with_capacity(graph.plugins.len());
    let mut loaded = BTreeMap::new();
    for def in &graph.plugins {
        let library = libraries.get(&def.plugin).filter(|_| !def.function.is_empty());
        functions.push(match library {
            Some(library) => {
                loaded.insert(def.plugin.clone(), library.sha256.clone());
                Some(Function::fit(def, library).map_err(|f| *f)?)
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
    /// Hashes by name.
    loaded: BTreeMap<String, String>,
    faults: Arc<Mutex<BTreeSet<String>>>,
}

/// A function of a plugin as a strategy declares it.
#[derive(Debug)]
struct Function {
    plugin: String,
    library: Arc<Library>,
    info: Arc<IndicatorInfo>,
    /// For each declared number, which parameter it is.
    params: Vec<usize>,
    /// For each declared output, which output it is.
    outputs: Vec<usize>,
}

impl Function {
    /// Compares a declaration with the plugin.
    fn fit(def: &PluginDef, library: &Arc<Library>) -> Result<Self, Box<Failure>> {
        let (plugin, function) = (&def.plugin, &def.function);
        let Some(info) = library.factory.find(function) else {
            let names = library.factory.indicators().iter().map(|i| format!("`{}`", i.id));
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
            library: Arc::clone(library),
            info: Arc::clone(info),
            params,
            outputs,
        })
    }
}

impl Function {
    /// An instance set up with the numbers of a call, and how it is called in messages.
    fn made(&self, numbers: &[f64]) -> Result<(Instance, String), String> {
        let info = &self.info;
        let label = format!("`{}` of plugin `{}`", info.id, self.plugin);
        let mut values: Vec<f64> = info.params.iter().map(|p| p.default).collect();
        for (at, x) in self.params.iter().zip(numbers) {
            if let Some(slot) = values.get_mut(*at) {
                *slot = *x;
            }
        }
        match self.library.factory.create(info, &values) {
            Ok(instance) => Ok((instance, label)),
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
        let (instance, label) = function.made(numbers)?;
        let info = &function.info;
        let output = function
            .outputs
            .get(usize::from(output))
            .copied()
            .ok_or_else(|| format!("{label} has no such output"))?;
        let is_bool = info.outputs.get(output).is_some_and(|p| p.is_bool());
        Ok(Some(Box::new(Working {
            lanes: vec![Vec::new(); info.outputs.len()],
            output,
            is_bool,
            called: Called {
                watch: Watch::of(&label),
                instance,
                label,
                faults: Arc::clone(&self.faults),
            },
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
        let (instance, label) = function.made(numbers)?;
        let outputs = function.outputs.iter().map(|at| {
            let is_bool = function.info.outputs.get(*at).is_some_and(|p| p.is_bool());
            (*at, is_bool)
        });
        Ok(Some(Box::new(Chained {
            outputs: outputs.collect(),
            called: Called {
                watch: Watch::of(&label),
                instance,
                label,
                faults: Arc::clone(&self.faults),
            },
        })))
    }

    fn loaded(&self) -> Vec<(String, String)> {
        self.loaded.iter().map(|(n, h)| (n.clone(), h.clone())).collect()
    }

    fn take_faults(&self) -> Vec<String> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *faults).into_iter().collect()
    }
}

/// An instance whose calls are watched.
#[derive(Debug)]
struct Called {
    instance: Instance,
    label: String,
    faults: Arc<Mutex<BTreeSet<String>>>,
    watch: Arc<Watch>,
}

/// A row's cell.
fn cell(row: Row, value: f64, is_bool: bool) -> Cell {
    match row {
        Row::Ready if is_bool => Cell::boolean(value != 0.0),
        Row::Ready => Cell::number(value),
        Row::WarmingUp => Cell::missing(Cause::WarmingUp),
        Row::Undefined => Cell::missing(Cause::OutOfDomain),
        Row::Dead => Cell::missing(Cause::Plugin),
    }
}

impl Called {
    /// Calls it, and keeps what ended it for the run's marks.
    fn during<T>(&mut self, call: impl FnOnce(&mut Instance) -> T) -> T {
        let alive = self.instance.fault().is_none();
        let result = self.watch.during(|| call(&mut self.instance));
        if let (true, Some(fault)) = (alive, self.instance.fault()) {
            let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
            faults.insert(format!("{} stopped: {fault}", self.label));
        }
        result
    }

    fn copy(&mut self) -> Self {
        Self {
            instance: self.watch.during(|| self.instance.duplicate()),
            label: self.label.clone(),
            faults: Arc::clone(&self.faults),
            watch: Watch::of(&self.label),
        }
    }
}

/// One output of an instance.
#[derive(Debug)]
struct Working {
    called: Called,
    output: usize,
    is_bool: bool,
    lanes: Vec<Vec<f64>>,
}

impl PluginInstance for Working {
    fn row(&mut self, inputs: &[f64]) -> Cell {
        let row = self.called.during(|i| i.update(inputs));
        let value = self.called.instance.outputs().get(self.output).copied();
        cell(row, value.unwrap_or(0.0), self.is_bool)
    }

    fn rows(&mut self, inputs: &[&[f64]], _: usize, out: &mut Vec<Cell>) {
        let lanes = &mut self.lanes;
        let rows = self.called.during(|i| i.update_batch(inputs, lanes));
        let values = self.lanes.get(self.output).map(Vec::as_slice).unwrap_or_default();
        for (row, value) in rows.iter().zip(values) {
            out.push(cell(*row, *value, self.is_bool));
        }
    }

    fn reset(&mut self) {
        self.called.watch.during(|| self.called.instance.reset());
    }

    fn warmup(&self) -> u64 {
        self.called.instance.warmup()
    }

    fn save(&mut self, out: &mut Vec<u8>) {
        self.called.watch.during(|| self.called.instance.save(out));
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        match self.called.watch.during(|| self.called.instance.load(bytes)) {
            Start::Resumed => Ok(()),
            Start::Foreign => Err(StateError::Foreign),
            Start::Damaged => Err(StateError::Damaged),
        }
    }

    fn copy(&mut self) -> Box<dyn PluginInstance> {
        Box::new(Self {
            called: self.called.copy(),
            output: self.output,
            is_bool: self.is_bool,
            lanes: vec![Vec::new(); self.lanes.len()],
        })
    }
}

/// An instance that reads an option chain: all the outputs that the strategy declares, and which of them are truth values.
#[derive(Debug)]
struct Chained {
    called: Called,
    outputs: Vec<(usize, bool)>,
}

impl ChainInstance for Chained {
    fn tick(&mut self, table: &ChainTable, out: &mut Vec<Cell>) {
        let row = self.called.during(|i| i.update_chain(&chain_of(table)));
        let values = self.called.instance.outputs();
        let value = |at: usize| values.get(at).copied().unwrap_or(0.0);
        out.extend(
            self.outputs
                .iter()
                .map(|&(at, is_bool)| cell(row, value(at), is_bool)),
        );
    }

    fn needs_interest(&self) -> bool {
        self.called.instance.info().interest
    }

    fn warmup(&self) -> u64 {
        self.called.instance.warmup()
    }

    fn copy(&mut self) -> Box<dyn ChainInstance> {
        Box::new(Self {
            called: self.called.copy(),
            outputs: self.outputs.clone(),
        })
    }
}

/// The engine's columns in the words of the contract.
fn chain_of(table: &ChainTable) -> Chain<'_> {
    let expiries = table.expiries.iter().map(|e| Expiry {
        root: e.root,
        date: e.date,
        settles: match e.settlement {
            Settlement::Am => Settles::Am,
            Settlement::Pm => Settles::Pm,
        },
        years: e.years,
        forward: e.forward,
        discount: e.discount,
    });
    Chain {
        underlying: &table.underlying,
        date: table.date,
        spot: table.spot,
        multiplier: table.multiplier,
        expiries: expiries.collect(),
        contracts: Contracts {
            expiry_of: &table.expiry_of,
            right: &table.right,
            strike: &table.strike,
            bid: &table.bid,
            ask: &table.ask,
            mid: &table.mid,
            vol: &table.vol,
            delta: &table.delta,
            gamma: &table.gamma,
            open_interest: &table.open_interest,
            volume: &table.volume,
        },
    }
}

/// Rounds of the watchdog since it started; 0 before.
static ROUND: AtomicU64 = AtomicU64::new(0);
static WATCHED: Mutex<Vec<Weak<Watch>>> = Mutex::new(Vec::new());

/// The call under way of one instance.
#[derive(Debug)]
struct Watch {
    label: String,
    /// Round in which the call began, and one more; 0 while there is none.
    since: AtomicU64,
}

impl Watch {
    fn of(label: &str) -> Arc<Self> {
        let watch = Arc::new(Self {
            label: label.to_owned(),
            since: AtomicU64::new(0),
        });
        let mut all = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == all.capacity() {
            all.retain(|w| w.strong_count() > 0);
        }
        all.push(Arc::downgrade(&watch));
        watch
    }

    fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        let round = ROUND.load(Ordering::Relaxed);
        self.since.store(round.saturating_add(1), Ordering::Relaxed);
        let result = call();
        self.since.store(0, Ordering::Relaxed);
        result
    }
}

/// Ends the process when a call into a plugin does not return: nothing was ordered by it, and no result is written.
fn start_watchdog() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        // Without the thread there is no watchdog, and everything else is as before.
        let _ = std::thread::Builder::new().name("watchdog".to_owned()).spawn(|| {
            let rounds = u64::try_from(DEADLINE.as_millis() / WATCH.as_millis()).unwrap_or(u64::MAX);
            loop {
                std::thread::sleep(WATCH);
                let now = ROUND.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                let all = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
                let hangs = all.iter().filter_map(Weak::upgrade).find(|w| {
                    let since = w.since.load(Ordering::Relaxed);
                    since != 0 && now.saturating_sub(since) >= rounds
                });
                if let Some(watch) = hangs {
                    let _ = writeln!(
                        std::io::stderr(),
                        "error: {} has not returned for {} seconds\n  help: the run was stopped and nothing was written; \
                         find out why with `alula plugin check`",
                        watch.label,
                        DEADLINE.as_secs()
                    );
                    std::process::exit(i32::from(Exit::Stopped as u8));
                }
            }
        });
    });
}
