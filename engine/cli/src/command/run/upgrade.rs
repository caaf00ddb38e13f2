//! Another build of a plugin for a run under way: loaded as `plugins.lock` pins it now, compared with the build in force over all
//! that the run has seen, written down, and in force from the next tick on.

use super::{Conductor, state, stopped};
use crate::exit::Failure;
use crate::plugins;
use alula_core::registry::Registry;
use alula_dsl::graph::Graph;
use alula_journal::Hash;
use alula_journal::wire::PluginLoaded;
use alula_live::{Live, UpgradeAsked};
use alula_plugin_loader::{Lock, keep};
use alula_run::Crank;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Builds in force, by plugin.
pub fn builds(crank: &Crank<'_>) -> BTreeMap<String, String> {
    let plugins = crank.registry().plugins();
    plugins.iter().flat_map(|p| p.loaded()).collect()
}

/// What the journal says of a build that a registry has.
pub fn loaded(registry: &Registry, id: &str, sha256: &str) -> PluginLoaded {
    let (version, abi) = registry.plugins().map(|p| p.about(id)).unwrap_or_default();
    PluginLoaded {
        id: id.to_owned(),
        version,
        sha256: Hash::parse(sha256).unwrap_or_default(),
        abi,
    }
}

impl Conductor<'_, '_> {
    /// Begins what `alula plugin upgrade` asks for; what is refused is in the answer. The work is done between ticks.
    pub(super) fn upgrade(&mut self, words: &str, uid: Option<u32>) -> Value {
        let graph = self.live.crank().plan().graph().clone();
        let asked = match prepared(&self.args.file, &graph, &self.live, words) {
            Ok(asked) => asked,
            Err(refused) => {
                let help = refused.help.map(|h| format!("; {h}")).unwrap_or_default();
                return json!({ "error": format!("{}{help}", refused.what) });
            }
        };
        let (id, sha256) = (asked.loaded.id.clone(), asked.loaded.sha256.to_string());
        match self.live.upgrade(asked, uid) {
            Ok(()) => {
                self.upgraded = None;
                json!({ "upgrading": id, "sha256": sha256 })
            }
            Err(why) => json!({ "error": why }),
        }
    }

    /// What became of the build that was asked for: ended, or still on its way.
    pub(super) fn upgrade_state(&self, sha256: &str) -> Value {
        if self.live.is_following() {
            return json!({ "upgrading": sha256 });
        }
        let ended = self
            .upgraded
            .as_ref()
            .filter(|u| u.get("sha256").and_then(Value::as_str) == Some(sha256));
        ended.cloned().unwrap_or_else(
            || json!({ "error": "the run has not been asked for that build, or for another one since" }),
        )
    }

    /// Goes on with a build that is on its way.
    pub(super) fn follow(&mut self, most: usize) -> Result<(), Failure> {
        let ended = self.live.follow(most, state::now_ns()).map_err(|e| stopped(&e))?;
        let Some(ended) = ended else { return Ok(()) };
        self.upgraded = Some(match ended.result {
            Ok(taken) => {
                // A strategy that was offered with the build before has to be offered again.
                self.reload();
                json!({
                    "done": "plugin-upgrade", "plugin": ended.plugin, "sha256": ended.sha256,
                    "from": taken.at.eastern().to_rfc3339(), "compared": taken.compared, "difference": taken.difference,
                })
            }
            Err(why) => json!({ "error": why, "sha256": ended.sha256 }),
        });
        Ok(())
    }
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
    let sha256 = keep(&lock, id, &plugins::cache_folder()?).map_err(|e| plugins::failure(&e))?;
    if sha256 != wanted_sha {
        return Err(Failure::usage(format!(
            "`{}` pins another build of `{id}` than the one that was checked",
            lock.path.display()
        ))
        .help("trust the file that is to come in: `alula plugin trust FILE --id ID`"));
    }
    if sha256 == in_force {
        return Err(Failure::usage(format!("that build of `{id}` is in force")));
    }
    builds.insert(id.to_owned(), sha256.clone());
    let host = plugins::at(graph, &builds, strategy)?;
    let registry = live.crank().registry().clone().and_plugins(host);
    Ok(UpgradeAsked {
        loaded: loaded(&registry, id, &sha256),
        registry,
        wanted: asked.get("bars").and_then(Value::as_u64).unwrap_or_default(),
        accept: asked.get("accept").and_then(Value::as_bool).unwrap_or_default(),
        why: text("why").to_owned(),
    })
}
