//! `alula plugin`: native plugins, from a new one to one that is trusted.

mod check;
mod new;
mod trust;
mod upgrade;

use crate::args::{PluginArgs, PluginCommand, TextFormat};
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use crate::plugins::{Opened, cache_folder, failure, lock_of};
use alula_plugin_abi::host::{BrokerInfo, IndicatorInfo, ParamInfo, PortInfo, SettingInfo, SettingKind};
use alula_plugin_loader::{LIBRARY_BYTES_MAX, LOCK_NAME, Library, Lock, Policy, load, open};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// Runs one of the commands.
///
/// # Errors
/// When it could not do its job; a check that fails is a finding.
pub fn run(args: &PluginArgs, out: &mut Output) -> Result<Exit, Failure> {
    match &args.command {
        PluginCommand::List(args) => list(args.format, out),
        PluginCommand::Inspect(args) => inspect(&args.plugin, args.format, out),
        PluginCommand::Check(args) => check::run(args, out),
        PluginCommand::RunCheck(args) => check::child(args, out),
        PluginCommand::Trust(args) => trust::run(args, out),
        PluginCommand::New(args) => new::run(args, out),
        PluginCommand::Upgrade(args) => upgrade::run(args, out),
    }
}

/// The lock beside or above the current folder.
fn lock() -> Result<Option<Lock>, Failure> {
    lock_of(Path::new(""))
        .map(|path| Lock::read(&path).map_err(|e| failure(&e)))
        .transpose()
}

/// A library by file, or by the name of a trusted plugin.
fn library(plugin: &str) -> Result<Arc<Library>, Failure> {
    let cache = cache_folder()?;
    let path = Path::new(plugin);
    if path.is_file() {
        // Apart from what was trusted: a journal of somebody else names builds by their hashes.
        let cache = cache.join("looked-at");
        return open(&files::read_up_to(path, LIBRARY_BYTES_MAX)?, &cache)
            .map_err(|e| failure(&e.of_file(path)));
    }
    match lock()? {
        Some(lock) => load(&lock, plugin, &cache).map_err(|e| failure(&e)),
        None => Err(Failure::usage(format!(
            "there is no file `{plugin}`, and no `{LOCK_NAME}` that names it"
        ))
        .help("build the plugin first; `alula plugin new NAME` writes one")),
    }
}

fn list(format: TextFormat, out: &mut Output) -> Result<Exit, Failure> {
    let Some(lock) = lock()? else {
        if matches!(format, TextFormat::Json) {
            out.data("{ \"plugins\": [] }\n")?;
        } else {
            out.data("no plugin is trusted here\n")?;
        }
        out.note("`alula plugin trust FILE` begins a `plugins.lock` in the current folder");
        return Ok(Exit::Ok);
    };
    let cache = cache_folder()?;
    let mut text = format!("{}\n", lock.path.display());
    let mut rows = Vec::new();
    let mut good = true;
    for pin in &lock.pins {
        let result = usable(&lock, &pin.id, &cache);
        good &= result.is_ok();
        let short = pin.sha256.get(..12).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = match &result {
            Ok(l) => {
                let brokers = l.brokers.iter().map(|b| format!("broker {}", b.id));
                let names: Vec<String> = names(l).into_iter().chain(brokers).collect();
                let how: String = pin.policy.words().iter().map(|w| format!("  ({w})")).collect();
                let live = if pin.live { "  (real money allowed)" } else { "" };
                let signed = if pin.publisher.is_some() { "  (signed)" } else { "" };
                writeln!(
                    text,
                    "  ✓ {:<16} {short}  {}{live}{signed}{how}",
                    pin.id,
                    names.join(", ")
                )
            }
            Err(e) => writeln!(text, "  ✗ {:<16} {short}  {}", pin.id, e.what),
        };
        rows.push(json!({
            "id": pin.id, "file": pin.file.to_string_lossy(), "sha256": pin.sha256, "kind": pin.kind.word(),
            "refused": result.as_ref().err().map(|e| e.what.clone()),
            "indicators": result.as_ref().map(names).unwrap_or_default(),
            "brokers": result.as_ref().map(|l| l.brokers.iter().map(|b| b.id.clone()).collect::<Vec<_>>()).unwrap_or_default(),
            "live": pin.live, "publisher": pin.publisher, "isolated": pin.policy.isolated,
            "deadline_seconds": pin.policy.seconds(), "on_failure": if pin.policy.stops { "stop" } else { "go on" },
        }));
    }
    if lock.pins.is_empty() {
        text.push_str("  no plugins\n");
    }
    match format {
        TextFormat::Text => out.data(&text)?,
        TextFormat::Json => out.data(&format!(
            "{:#}\n",
            json!({ "lock": lock.path.to_string_lossy(), "plugins": rows })
        ))?,
    }
    Ok(if good { Exit::Ok } else { Exit::Findings })
}

/// What a plugin has, and how it would be run.
struct Usable {
    opened: Opened,
    brokers: Vec<Arc<BrokerInfo>>,
    policy: Policy,
}

/// A trusted plugin as a run would use it: one that has a process of its own is not opened in this one.
fn usable(lock: &Lock, id: &str, cache: &Path) -> Result<Usable, Failure> {
    let pin = lock.pin(id).map_err(|e| failure(&e))?;
    let opened = Opened::pinned(lock, id, cache)?;
    let brokers = if pin.policy.isolated {
        Vec::new()
    } else {
        let library = load(lock, id, cache).map_err(|e| failure(&e))?;
        library.brokers.brokers().to_vec()
    };
    Ok(Usable {
        opened,
        brokers,
        policy: pin.policy.clone(),
    })
}

fn names(library: &Usable) -> Vec<String> {
    library
        .opened
        .factory
        .indicators()
        .iter()
        .map(|i| i.id.clone())
        .collect()
}

/// The name that a plugin has if nobody says another: of `target/release/libalula_volatility.so`, `volatility`.
fn name_of(file: &Path) -> String {
    let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned());
    let stem = stem.unwrap_or_default();
    let stem = stem.strip_prefix("lib").unwrap_or(&stem);
    let stem = stem.strip_prefix("alula_").unwrap_or(stem);
    stem.to_lowercase()
}

/// The same by file or by name.
fn shown(plugin: &str) -> Result<Usable, Failure> {
    if !Path::new(plugin).is_file()
        && let Some(lock) = lock()?
    {
        return usable(&lock, plugin, &cache_folder()?);
    }
    let library = library(plugin)?;
    Ok(Usable {
        brokers: library.brokers.brokers().to_vec(),
        opened: Opened::here(&library, Policy::default()),
        policy: Policy::default(),
    })
}

fn inspect(plugin: &str, format: TextFormat, out: &mut Output) -> Result<Exit, Failure> {
    let Usable {
        opened: library,
        brokers,
        policy,
    } = shown(plugin)?;
    let file = Path::new(plugin);
    let name = if file.is_file() {
        name_of(file)
    } else {
        plugin.to_owned()
    };
    if matches!(format, TextFormat::Json) {
        let indicators: Vec<Value> = library
            .factory
            .indicators()
            .iter()
            .map(|i| value(i, &name))
            .collect();
        let brokers: Vec<Value> = brokers.iter().map(|b| broker_value(b)).collect();
        let all = json!({
            "sha256": library.sha256, "build": library.build, "indicators": indicators, "brokers": brokers,
            "isolated": policy.isolated, "deadline_seconds": policy.seconds(),
            "on_failure": if policy.stops { "stop" } else { "go on" },
        });
        out.data(&format!("{all:#}\n"))?;
        return Ok(Exit::Ok);
    }
    let mut text = format!(
        "{name}: contract 1.{}, {}\nsha256 {}\n",
        library.minor, library.build, library.sha256
    );
    let how = policy.words();
    if !how.is_empty() {
        let _ = writeln!(text, "run     {}", how.join("; "));
    }
    for info in library.factory.indicators() {
        let _ = write!(text, "\n{} {}: {}\n", info.id, info.version, info.doc);
        let _ = writeln!(text, "  {}", info.declaration(&name));
        for port in &info.inputs {
            let _ = writeln!(text, "  reads  {}", port_text(port));
        }
        for param in &info.params {
            let _ = writeln!(text, "  number {}", param_text(param));
        }
        for port in &info.outputs {
            let _ = writeln!(text, "  gives  {}", port_text(port));
        }
    }
    for broker in &brokers {
        let _ = write!(
            text,
            "\nbroker {} {}: {}\n",
            broker.id, broker.version, broker.doc
        );
        let _ = writeln!(text, "  can    {}", broker.caps.words().join(", "));
        for setting in &broker.settings {
            let _ = writeln!(text, "  set    {}", setting_text(setting));
        }
    }
    out.data(&text)?;
    Ok(Exit::Ok)
}

fn setting_text(setting: &SettingInfo) -> String {
    let range = match &setting.kind {
        SettingKind::Whole { min, max, .. } => format!("whole in {min}..{max}, "),
        SettingKind::Number { min, max, .. } => format!("number in {min}..{max}, "),
        SettingKind::Text { .. } => String::new(),
    };
    let default = match setting.default_words() {
        Some(words) => format!("{words} if not said"),
        None => "must be given".to_owned(),
    };
    let (name, doc) = (&setting.name, &setting.doc);
    format!("{name:<16} {range}{default}  {doc}")
        .trim_end()
        .to_owned()
}

fn broker_value(info: &BrokerInfo) -> Value {
    let setting = |s: &SettingInfo| {
        let (kind, range) = match &s.kind {
            SettingKind::Whole { min, max, .. } => ("whole", json!([min, max])),
            SettingKind::Number { min, max, .. } => ("number", json!([min, max])),
            SettingKind::Text { .. } => ("text", Value::Null),
        };
        json!({ "name": s.name, "doc": s.doc, "kind": kind, "range": range, "default": s.default_words() })
    };
    json!({
        "id": info.id, "version": info.version, "doc": info.doc, "capabilities": info.caps.words(),
        "settings": info.settings.iter().map(setting).collect::<Vec<_>>(),
    })
}

fn port_text(port: &PortInfo) -> String {
    let unit = port.unit.as_deref().unwrap_or("any unit");
    let range = port.range();
    let range = if range.is_empty() || range == ".." {
        String::new()
    } else {
        format!(", in {range}")
    };
    format!("{:<14} {unit}{range}  {}", port.name, port.doc)
        .trim_end()
        .to_owned()
}

fn param_text(param: &ParamInfo) -> String {
    let kind = if param.whole { "whole" } else { "number" };
    let (name, min, max, default) = (&param.name, param.min, param.max, param.default);
    format!(
        "{name:<14} {kind} in {min}..{max}, {default} if not said  {}",
        param.doc
    )
    .trim_end()
    .to_owned()
}

fn value(info: &IndicatorInfo, plugin: &str) -> Value {
    let port = |p: &PortInfo| json!({ "name": p.name, "doc": p.doc, "unit": p.unit, "lo": p.lo, "hi": p.hi });
    let param = |p: &ParamInfo| {
        json!({
            "name": p.name, "doc": p.doc, "unit": p.unit, "whole": p.whole,
            "min": p.min, "max": p.max, "default": p.default,
        })
    };
    json!({
        "id": info.id, "version": info.version, "doc": info.doc, "declaration": info.declaration(plugin),
        "inputs": info.inputs.iter().map(port).collect::<Vec<_>>(),
        "parameters": info.params.iter().map(param).collect::<Vec<_>>(),
        "outputs": info.outputs.iter().map(port).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_a_plugin_its_name() {
        for (file, name) in [
            ("target/release/libalula_volatility.so", "volatility"),
            ("libchoppiness.dylib", "choppiness"),
            ("Breadth.dll", "breadth"),
        ] {
            assert_eq!(name_of(Path::new(file)), name);
        }
    }
}
