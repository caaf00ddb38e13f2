//! `alula plugin check`: every check in a process of its own, so that one that hangs or crashes is a finding and no more.

use super::{library, name_of};
use crate::args::{PluginCheckArgs, PluginRunCheckArgs};
use crate::exit::{Exit, Failure, reason};
use crate::output::Output;
use alula_plugin_abi::broker::Caps;
use alula_plugin_abi::conformance::{BROKER_CASES, BrokerCase, CASES, Case};
use alula_plugin_abi::host::BrokerInfo;
use alula_plugin_loader::environment::{Environment, resident_bytes};
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The check that the library loads and leaves the process as it was.
pub const LOADS: &str = "loads";
/// What stands before a broker's name where indicators have none.
pub const BROKER: &str = "broker:";
/// What a child writes last when its check passed: a plugin that ends the process does not write it.
const PASSED: &str = "passed";
/// How often a child is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// Memory that twenty thousand instances may leave behind.
const LEFT_BYTES_MAX: u64 = 1 << 20;

/// Runs all checks, or says of each what went wrong.
///
/// # Errors
/// When there is no such plugin, or this program cannot start itself.
pub fn run(args: &PluginCheckArgs, out: &mut Output) -> Result<Exit, Failure> {
    let how = (Duration::from_secs(args.deadline), args.settings.as_slice());
    let path = Path::new(&args.plugin);
    let name = if path.is_file() {
        name_of(path)
    } else {
        args.plugin.clone()
    };
    let first = one(&args.plugin, "", LOADS, how)?;
    let mut failed = 0_usize;
    let mut show = |name: &str, result: &Result<String, String>, about: &str| {
        let (mark, text) = match result {
            Ok(_) => ('✓', about),
            Err(why) => ('✗', why.as_str()),
        };
        failed += usize::from(result.is_err());
        out.data(&format!("  {mark} {name:<11} {text}\n"))
    };
    show(
        LOADS,
        &first,
        "loads, and leaves signals, threads, files and arithmetic alone",
    )?;
    let Ok(said) = first else {
        return Ok(Exit::Findings);
    };
    let offered: Vec<String> = said.lines().map(str::to_owned).collect();
    for id in &offered {
        if let Some(broker) = id.strip_prefix(BROKER) {
            let (broker, sends) = broker.split_once(' ').unwrap_or((broker, ""));
            show_title(&mut show, broker, &name)?;
            let id = format!("{BROKER}{broker}");
            for case in BROKER_CASES {
                if case.sends && sends.is_empty() {
                    show(
                        case.name,
                        &Ok(String::new()),
                        "not run: it sends orders, and this broker is not simulated",
                    )?;
                    continue;
                }
                let result = one(&args.plugin, &id, case.name, how)?;
                show(case.name, &result, case.about)?;
            }
            continue;
        }
        show_title(&mut show, id, &name)?;
        for case in CASES {
            let result = one(&args.plugin, id, case.name, how)?;
            show(case.name, &result, case.about)?;
        }
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::Findings })
}

fn show_title(
    show: &mut impl FnMut(&str, &Result<String, String>, &str) -> Result<(), Failure>,
    id: &str,
    name: &str,
) -> Result<(), Failure> {
    show(id, &Ok(String::new()), &format!("of `{name}`:"))
}

/// Runs one check in a child; what it said, or why it failed.
pub fn one(
    plugin: &str,
    id: &str,
    case: &str,
    (deadline, settings): (Duration, &[(String, String)]),
) -> Result<Result<String, String>, Failure> {
    let program = std::env::current_exe()
        .map_err(|e| Failure::usage(format!("cannot start a check: {}", reason(&e))))?;
    let mut child = Command::new(program)
        .args(["plugin", "run-check", plugin, id, case])
        .args(
            settings
                .iter()
                .map(|(name, value)| format!("--set={name}={value}")),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| Failure::usage(format!("cannot start a check: {}", reason(&e))))?;
    let started = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() < deadline => std::thread::sleep(LOOK),
            Ok(None) => {
                end(&mut child);
                return Ok(Err(format!(
                    "did not return within {} seconds",
                    deadline.as_secs()
                )));
            }
            Err(e) => return Err(Failure::usage(format!("cannot watch a check: {}", reason(&e)))),
        }
    };
    let mut said = String::new();
    if let Some(stdout) = &mut child.stdout {
        // A child says little: names, or one line. What is no text is no answer.
        let _ = stdout.take(1 << 16).read_to_string(&mut said);
    }
    let answer = said.trim_end();
    if status.success() {
        return Ok(match answer.strip_suffix(PASSED) {
            Some(rest) => Ok(rest.trim_end().to_owned()),
            None => Err("the plugin ended the process".to_owned()),
        });
    }
    Ok(Err(
        if status.code() == Some(i32::from(Exit::Findings as u8)) && !answer.is_empty() {
            answer.to_owned()
        } else {
            format!("the process crashed ({status})")
        },
    ))
}

fn end(child: &mut Child) {
    // It may have ended meanwhile; either way it is waited for.
    let _ = child.kill();
    let _ = child.wait();
}

/// Runs one check in this process, which exists for nothing else.
///
/// # Errors
/// When there is no such plugin or check.
pub fn child(args: &PluginRunCheckArgs, out: &mut Output) -> Result<Exit, Failure> {
    // The first thread of a process sets up signals of the system's own, which are none of the plugin's.
    let _ = std::thread::spawn(|| {}).join();
    let result = if args.case == LOADS {
        loads(&args.plugin)
    } else if let Some(broker) = args.indicator.strip_prefix(BROKER) {
        let case = BROKER_CASES.iter().find(|c| c.name == args.case);
        let case = case.ok_or_else(|| Failure::usage(format!("there is no check `{}`", args.case)))?;
        broker_case(args, broker, case).map(|()| String::new())
    } else {
        let case = CASES.iter().find(|c| c.name == args.case);
        let case = case.ok_or_else(|| Failure::usage(format!("there is no check `{}`", args.case)))?;
        case_of(&args.plugin, &args.indicator, case).map(|()| String::new())
    };
    match result {
        Ok(text) => {
            out.data(&format!("{text}{PASSED}\n"))?;
            Ok(Exit::Ok)
        }
        Err(why) => {
            out.data(&format!("{why}\n"))?;
            Ok(Exit::Findings)
        }
    }
}

fn loads(plugin: &str) -> Result<String, String> {
    let before = Environment::now();
    let library = library(plugin).map_err(|f| match f.help {
        Some(help) => format!("{}; {help}", f.what),
        None => f.what,
    })?;
    let changes = Environment::now().changes(&before);
    if !changes.is_empty() {
        return Err(format!("it changes the process: {}", changes.join("; ")));
    }
    let ids = library.factory.indicators().iter();
    let brokers = library.brokers.brokers().iter();
    let simulated = |b: &BrokerInfo| {
        if b.caps.has(Caps::SIMULATED) {
            " simulated"
        } else {
            ""
        }
    };
    let brokers = brokers.map(|b| format!("{BROKER}{}{}\n", b.id, simulated(b)));
    Ok(ids.map(|i| format!("{}\n", i.id)).chain(brokers).collect())
}

/// Runs a check of a broker; what it is left with must be what it began with.
fn broker_case(args: &PluginRunCheckArgs, id: &str, case: &BrokerCase) -> Result<(), String> {
    let library = library(&args.plugin).map_err(|f| f.what)?;
    let info = library
        .brokers
        .find(id)
        .ok_or_else(|| format!("there is no broker `{id}`"))?;
    let whole = tempfile::tempdir().map_err(|e| format!("no folder for its account: {}", reason(&e)))?;
    let mut folders = 0_u32;
    let mut fresh = || {
        let mut settings = args.settings.clone();
        if info.settings.iter().any(|s| s.name == "folder") {
            // Each account is a new one, below the folder that is given or one of this check's own.
            let given = settings.iter().position(|(name, _)| name == "folder");
            let base = match given.map(|at| settings.swap_remove(at)) {
                Some((_, folder)) => Path::new(&folder).join(case.name),
                None => whole.path().to_owned(),
            };
            folders = folders.saturating_add(1);
            let folder = base.join(folders.to_string());
            settings.push(("folder".to_owned(), folder.to_string_lossy().into_owned()));
        }
        settings
    };
    let before = Environment::now();
    (case.run)(&library.brokers, info, &mut fresh)?;
    let changes = Environment::now().changes(&before);
    if changes.is_empty() {
        Ok(())
    } else {
        Err(format!("it changes the process: {}", changes.join("; ")))
    }
}

fn case_of(plugin: &str, id: &str, case: &Case) -> Result<(), String> {
    let library = library(plugin).map_err(|f| f.what)?;
    let info = library
        .factory
        .find(id)
        .ok_or_else(|| format!("there is no indicator `{id}`"))?;
    let before = Environment::now();
    if case.name == "lifetime" {
        // Once for what an allocator keeps, once more for what a plugin loses.
        (case.run)(&library.factory, info)?;
        let used = resident_bytes();
        (case.run)(&library.factory, info)?;
        if let (Some(was), Some(now)) = (used, resident_bytes())
            && now.saturating_sub(was) > LEFT_BYTES_MAX
        {
            return Err(format!("it leaves {} bytes behind", now - was));
        }
    } else {
        (case.run)(&library.factory, info)?;
    }
    let changes = Environment::now().changes(&before);
    if changes.is_empty() {
        Ok(())
    } else {
        Err(format!("it changes the process: {}", changes.join("; ")))
    }
}
