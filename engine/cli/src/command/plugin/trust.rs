//! `alula plugin trust`: writes a library's hash into `plugins.lock`.

use super::check::{BROKER, LOADS, one};
use super::name_of;
use crate::args::{OnFailure, PluginTrustArgs};
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use crate::plugins::{cache_folder, failure, lock_of};
use alula_plugin_loader::{
    Kind, LIBRARY_BYTES_MAX, LOCK_NAME, Lock, Pin, Policy, keep, sha256, signature, signature_of,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time to load.
const DEADLINE: Duration = Duration::from_secs(10);

/// Tries the library in a process of its own, and pins it.
///
/// # Errors
/// When it does not load, its name will not do, or the lock cannot be written.
pub fn run(args: &PluginTrustArgs, out: &mut Output) -> Result<Exit, Failure> {
    let id = args.id.clone().unwrap_or_else(|| name_of(&args.file));
    let bytes = files::read_up_to(&args.file, LIBRARY_BYTES_MAX)?;
    let path = match &args.lock {
        Some(path) => path.clone(),
        None => lock_of(Path::new("")).unwrap_or_else(|| PathBuf::from(LOCK_NAME)),
    };
    let mut lock = if path.exists() {
        Lock::read(&path).map_err(|e| failure(&e))?
    } else {
        Lock::empty(path)
    };
    let publisher = publisher(args, &lock, &id, &bytes)?;
    let file = args.file.to_string_lossy();
    let functions = one(&file, "", LOADS, (DEADLINE, &[]))?
        .map_err(|why| Failure::usage(format!("`{file}` is not trusted: {why}")))?;
    let brokers = functions.lines().any(|l| l.starts_with(BROKER));
    let real = functions
        .lines()
        .any(|l| l.starts_with(BROKER) && !l.ends_with(" simulated"));
    if args.allow_live && !real {
        return Err(
            Failure::usage(format!("`{file}` has no brokers that could trade real money"))
                .help("leave `--allow-live` out"),
        );
    }
    let below = below(&lock, &args.file, &bytes, &id)?;
    if publisher.is_some() {
        // Beside the library, wherever that lies now.
        let target = signature_of(&lock.folder().join(&below));
        let own = signature_of(&args.file);
        let same = std::fs::canonicalize(&own).ok() == std::fs::canonicalize(&target).ok();
        if !same {
            files::write_atomic(&target, &files::read_up_to(&own, signature::BYTES_MAX)?)?;
        }
    }
    let policy = policy(args, lock.pin(&id).ok().map(|pin| &pin.policy));
    if policy.isolated && brokers {
        return Err(Failure::usage(format!(
            "`{file}` has brokers, which run in a process of their own anyway, and its indicators cannot"
        ))
        .help("leave `--isolate` out, or build the indicators as a library of their own"));
    }
    lock.set(Pin {
        id: id.clone(),
        file: below,
        sha256: sha256(&bytes),
        kind: if brokers { Kind::Broker } else { Kind::Indicator },
        live: args.allow_live,
        publisher: publisher.clone(),
        policy: policy.clone(),
    });
    // Read again before it is written: what is not valid must not replace what is.
    Lock::check(&lock.text()).map_err(|why| {
        Failure::usage(format!("`{id}` is no name for a plugin: {why}")).help("give it one with `--id`")
    })?;
    files::write_atomic(&lock.path, lock.text().as_bytes())?;
    // What cannot be kept now is refused when it is loaded.
    let _ = cache_folder().map(|cache| keep(&lock, &id, &cache));
    let words = policy.words();
    let how = if words.is_empty() {
        String::new()
    } else {
        format!("  ({})", words.join("; "))
    };
    out.data(&format!(
        "{id} is trusted in {}: {}{how}\n",
        lock.path.display(),
        functions
            .lines()
            .map(|l| l.replace(BROKER, "broker "))
            .collect::<Vec<_>>()
            .join(", ")
    ))?;
    let shows = if brokers {
        "what it is set up with"
    } else {
        "how a strategy declares it"
    };
    out.note(&format!("next: alula plugin inspect {id}    {shows}"));
    out.note(&format!(
        "      alula plugin check {id}      what it must be able to do"
    ));
    Ok(Exit::Ok)
}

/// How its indicators are run: as is said now, else as the build before.
fn policy(args: &PluginTrustArgs, before: Option<&Policy>) -> Policy {
    let before = before.cloned().unwrap_or_default();
    Policy {
        isolated: args.isolate || (before.isolated && !args.in_process),
        deadline: args.deadline.or(before.deadline),
        stops: args.on_failure.map_or(before.stops, |w| w == OnFailure::Stop),
    }
}

/// The key that must have signed the library, which it has: the one that is given, else the one of the build before.
fn publisher(args: &PluginTrustArgs, lock: &Lock, id: &str, bytes: &[u8]) -> Result<Option<String>, Failure> {
    let before = lock.pin(id).ok().and_then(|pin| pin.publisher.clone());
    let key = match args.publisher.as_deref() {
        Some("none") => return Ok(None),
        Some(key) => key.to_owned(),
        None => match before {
            Some(key) => key,
            None => return Ok(None),
        },
    };
    let path = signature_of(&args.file);
    let text = files::read_up_to(&path, signature::BYTES_MAX).map_err(|f| {
        f.help("the publisher signs it with `minisign -S`; `--publisher none` trusts it unsigned")
    })?;
    let text = String::from_utf8_lossy(&text);
    signature::verify(&key, id, bytes, &text).map_err(|e| failure(&e.of_file(&args.file)))?;
    Ok(Some(key))
}

/// The path of a file below the lock's folder; a file elsewhere is copied to `plugins/` there.
fn below(lock: &Lock, file: &Path, bytes: &[u8], id: &str) -> Result<PathBuf, Failure> {
    let whole = |path: &Path| std::fs::canonicalize(path).map_err(|e| Failure::io("read", path, &e));
    let folder = whole(lock.folder())?;
    let is_link = std::fs::symlink_metadata(file).is_ok_and(|m| m.is_symlink());
    if let (Ok(below), false) = (whole(file)?.strip_prefix(&folder), is_link) {
        return Ok(below.to_owned());
    }
    let extension = file.extension().map_or("so".into(), |e| e.to_string_lossy());
    let below = Path::new("plugins").join(format!("{id}.{extension}"));
    let target = folder.join(&below);
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent).map_err(|e| Failure::io("make", parent, &e))?;
    }
    files::write_atomic(&target, bytes)?;
    Ok(below)
}
