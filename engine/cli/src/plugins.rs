//! The plugins of a strategy: found through `plugins.lock`, compared with what the strategy declares, and handed to the engine.

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::quarantine;
use alula_core::chains::ChainTable;
use alula_core::ops::StateError;
use alula_core::plugin::{ChainInstance, PluginHost, PluginInstance};
use alula_core::value::{Cause, Cell};
use alula_dsl::graph::{Graph, PluginDef, PluginId, ValueKind};
use alula_dsl::reference::UNITS;
use alula_market::contract::Settlement;
use alula_plugin_abi::chain::{Chain, Contracts, Expiry, Settles};
use alula_plugin_abi::host::{Factory, IndicatorInfo, Instance, Row, Start};
use alula_plugin_abi::raw;
use alula_plugin_loader::{LoadError, Lock, Policy, ending, find, keep, load, open_copy};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::Duration;

/// How often the watchdog looks.
const WATCH: Duration = Duration::from_millis(100);
const ROUNDS_PER_SECOND: u64 = 10;

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
        ending::watch(Exit::Stopped as u8, left);
        let watch = Watch::of_loading(id, &pin.sha256, &policy);
        let library = watch.during(|| load(lock, id, cache)).map_err(|e| failure(&e))?;
        ending::watch(Exit::Stopped as u8, left);
        Ok(Self::here(&library, policy))
    }

    /// The private copy of a build.
    fn copy(id: &str, sha256: &str, policy: Policy, cache: &Path) -> Result<Self, Failure> {
        if policy.isolated {
            return Self::isolated(id, sha256.to_owned(), policy, cache);
        }
        ending::watch(Exit::Stopped as u8, left);
        let watch = Watch::of_loading(id, sha256, &policy);
        let library = watch
            .during(|| open_copy(id, sha256, cache))
            .map_err(|e| failure(&e))?;
        ending::watch(Exit::Stopped as u8, left);
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

/// An instance whose calls are watched.
#[derive(Debug)]
struct Called {
    instance: Instance,
    label: String,
    /// The run ends when it dies.
    stops: bool,
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
        if alive {
            self.note(&self.instance);
        }
        result
    }

    /// What ended it.
    fn fault(&self) -> Option<String> {
        let fault = self.instance.fault()?;
        Some(format!("{} stopped: {fault}", self.label))
    }

    /// Keeps what ended an instance, and ends the run of it where the lock wants that.
    fn note(&self, instance: &Instance) {
        let Some(fault) = instance.fault() else { return };
        let what = format!("{} stopped: {fault}", self.label);
        if self.stops {
            stop(
                &what,
                "`plugins.lock` says that the run ends then (`on_failure = \"stop\"`); nothing was written",
            );
        }
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.insert(what);
    }

    fn copy(&mut self) -> Self {
        let copy = Self {
            instance: self.during(Instance::duplicate),
            label: self.label.clone(),
            stops: self.stops,
            faults: Arc::clone(&self.faults),
            watch: self.watch.again(),
        };
        if self.instance.fault().is_none() {
            self.note(&copy.instance);
        }
        copy
    }
}

impl Drop for Called {
    fn drop(&mut self) {
        self.watch.during(|| self.instance.end());
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
        self.called.during(Instance::reset);
    }

    fn warmup(&self) -> u64 {
        self.called.instance.warmup()
    }

    fn save(&mut self, out: &mut Vec<u8>) {
        self.called.during(|i| i.save(out));
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        match self.called.during(|i| i.load(bytes)) {
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

    fn fault(&self) -> Option<String> {
        self.called.fault()
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

    fn fault(&self) -> Option<String> {
        self.called.fault()
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
    /// Plugin and hash of its library, as the record of a call under way has them.
    whose: (String, String),
    /// Seconds that a call may take; none where another process is called, which has a deadline of its own.
    seconds: Option<u64>,
    /// Round in which the call began, and one more; 0 while there is none.
    since: AtomicU64,
}

impl Watch {
    fn of(label: &str, function: &Function) -> Arc<Self> {
        let policy = &function.opened.policy;
        Self::keep(Self {
            label: label.to_owned(),
            whose: (function.plugin.clone(), function.opened.sha256.clone()),
            seconds: (!policy.isolated).then(|| policy.seconds()),
            since: AtomicU64::new(0),
        })
    }

    /// One for the time in which a library is opened and started, which is when its own code runs first.
    fn of_loading(plugin: &str, sha256: &str, policy: &Policy) -> Arc<Self> {
        start_watchdog();
        Self::keep(Self {
            label: format!("plugin `{plugin}`, which is being loaded,"),
            whose: (plugin.to_owned(), sha256.to_owned()),
            seconds: Some(policy.seconds()),
            since: AtomicU64::new(0),
        })
    }

    /// One for another instance of the same kind.
    fn again(&self) -> Arc<Self> {
        Self::keep(Self {
            label: self.label.clone(),
            whose: self.whose.clone(),
            seconds: self.seconds,
            since: AtomicU64::new(0),
        })
    }

    fn keep(self) -> Arc<Self> {
        let watch = Arc::new(self);
        let mut all = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == all.capacity() {
            all.retain(|w| w.strong_count() > 0);
        }
        all.push(Arc::downgrade(&watch));
        watch
    }

    fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        let Some(_) = self.seconds else {
            return call();
        };
        let round = ROUND.load(Ordering::Relaxed);
        self.since.store(round.saturating_add(1), Ordering::Relaxed);
        let calling = quarantine::calling(&self.whose);
        let result = call();
        drop(calling);
        self.since.store(0, Ordering::Relaxed);
        result
    }

    fn hangs(&self, now: u64) -> Option<u64> {
        let seconds = self.seconds?;
        let since = self.since.load(Ordering::Relaxed);
        let rounds = seconds.saturating_mul(ROUNDS_PER_SECOND);
        (since != 0 && now.saturating_sub(since) >= rounds).then_some(seconds)
    }
}

/// Ends the process: nothing was ordered by the call that does not return, or by the value that is not there, and no result is written.
fn stop(what: &str, help: &str) -> ! {
    ending::meant();
    let _ = writeln!(std::io::stderr(), "error: {what}\n  help: {help}");
    std::process::exit(i32::from(Exit::Stopped as u8));
}

/// What is said when a plugin ends this process: whose call is under way, as far as that can be told.
fn left() -> String {
    let whose = WATCHED.try_lock().ok().and_then(|all| {
        let all = all.iter().filter_map(Weak::upgrade);
        all.into_iter()
            .find(|w| w.since.load(Ordering::Relaxed) != 0)
            .map(|w| (w.label.clone(), w.whose.0.clone()))
    });
    let (label, id) = whose.map_or_else(
        || ("a plugin".to_owned(), "NAME".to_owned()),
        |(label, id)| (label, id),
    );
    format!(
        "error: {label} ended this process\n  help: the run was stopped, and what was not written by then is lost; find out why with \
         `alula plugin check {id}`, or run it in a process of its own: `alula plugin trust FILE --id {id} --isolate`\n"
    )
}

/// Ends the process when a call into a plugin in it does not return.
fn start_watchdog() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        // Without the thread there is no watchdog, and everything else is as before.
        let _ = std::thread::Builder::new().name("watchdog".to_owned()).spawn(|| {
            loop {
                std::thread::sleep(WATCH);
                let now = ROUND.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                let all = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
                let hangs = all
                    .iter()
                    .filter_map(Weak::upgrade)
                    .find_map(|w| w.hangs(now).map(|seconds| (w, seconds)));
                if let Some((watch, seconds)) = hangs {
                    quarantine::hangs(&watch.whose);
                    stop(
                        &format!("{} has not returned for {seconds} seconds", watch.label),
                        &format!(
                            "the run was stopped and nothing was written; find out why with `alula plugin check`, or run it in a \
                             process of its own: `alula plugin trust FILE --id {} --isolate`",
                            watch.whose.0
                        ),
                    );
                }
            }
        });
    });
}
