//! Another build of a plugin for a run under way: loaded as `plugins.lock` pins it now, compared with the build in force over all
//! that the run has seen, written down, and in force from the next tick on.

use crate::exit::Failure;
use crate::plugins;
use alula_dsl::graph::Graph;
use alula_journal::Hash;
use alula_journal::wire::PluginLoaded;
use alula_live::{Live, LiveError, UpgradeAsked};
use alula_plugin_abi::raw;
use alula_plugin_loader::{Lock, load, open_copy};
use alula_run::Crank;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Builds in force, by plugin.
pub fn builds(crank: &Crank<'_>) -> BTreeMap<String, String> {
    let plugins = crank.registry().plugins();
    plugins.iter().flat_map(|p| p.loaded()).collect()
}

/// What the journal says of a build.
///
/// # Errors
/// When its private copy is gone.
pub fn loaded(id: &str, sha256: &str) -> Result<PluginLoaded, Failure> {
    let library = open_copy(id, sha256, &plugins::cache_folder()?).map_err(|e| plugins::failure(&e))?;
    Ok(PluginLoaded {
        id: id.to_owned(),
        version: library.build.clone(),
        sha256: Hash::parse(sha256).unwrap_or_default(),
        abi: u32::from(raw::MAJOR) << 16 | u32::from(library.minor),
    })
}

/// Does what `alula plugin upgrade` asks for; what is refused is in the answer.
///
/// # Errors
/// When the journal cannot be written.
pub fn answer(
    strategy: &Path,
    live: &mut Live<'_>,
    words: &str,
    (uid, received_ns): (Option<u32>, i64),
) -> Result<Value, LiveError> {
    let graph = live.crank().plan().graph().clone();
    let asked = match prepared(strategy, &graph, live, words) {
        Ok(asked) => asked,
        Err(refused) => {
            let help = refused.help.map(|h| format!("; {h}")).unwrap_or_default();
            return Ok(json!({ "error": format!("{}{help}", refused.what) }));
        }
    };
    let (id, sha256) = (asked.loaded.id.clone(), asked.loaded.sha256.to_string());
    Ok(match live.upgrade(asked, uid, received_ns)? {
        Ok(taken) => json!({
            "done": "plugin-upgrade", "plugin": id, "sha256": sha256, "from": taken.at.eastern().to_rfc3339(),
            "compared": taken.compared, "difference": taken.difference,
        }),
        Err(why) => json!({ "error": why }),
    })
}

fn prepared(strategy: &Path, graph: &Graph, live: &Live<'_>, words: &str) -> Result<UpgradeAsked, Failure> {
    let asked: Value = serde_json::from_str(words).unwrap_or_default();
    let text = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default();
    let (id, wanted_sha) = (text("id"), text("sha256"));
    let mut builds = builds(live.crank());
    let Some(in_force) = builds.get(id).cloned() else {
        return Err(Failure::usage(format!("the run uses no plugin `{id}`"))
            .help("`alula plugin list` shows what is trusted"));
    };
    let lock = plugins::lock_of(strategy).ok_or_else(|| Failure::usage("there is no `plugins.lock`"))?;
    let lock = Lock::read(&lock).map_err(|e| plugins::failure(&e))?;
    let library = load(&lock, id, &plugins::cache_folder()?).map_err(|e| plugins::failure(&e))?;
    if library.sha256 != wanted_sha {
        return Err(Failure::usage(format!(
            "`{}` pins another build of `{id}` than the one that was checked",
            lock.path.display()
        ))
        .help("trust the file that is to come in: `alula plugin trust FILE --id ID`"));
    }
    if library.sha256 == in_force {
        return Err(Failure::usage(format!("that build of `{id}` is in force")));
    }
    builds.insert(id.to_owned(), library.sha256.clone());
    let host = plugins::at(graph, &builds)?;
    Ok(UpgradeAsked {
        registry: live.crank().registry().clone().and_plugins(host),
        loaded: loaded(id, &library.sha256)?,
        wanted: asked.get("bars").and_then(Value::as_u64).unwrap_or_default(),
        accept: asked.get("accept").and_then(Value::as_bool).unwrap_or_default(),
        why: text("why").to_owned(),
    })
}
