//! Another build of a plugin for a run under way: judged beside the one in force, written down, in force from the next tick on.

use crate::core::{Live, LiveError};
use alula_core::registry::Registry;
use alula_journal::wire::PluginLoaded;
use alula_market::time::Instant;
use alula_run::Upgrade;

/// A build that somebody wants in the place of the one in force.
#[derive(Clone, Debug)]
pub struct UpgradeAsked {
    /// What nodes are linked to with it.
    pub registry: Registry,
    /// What it is.
    pub loaded: PluginLoaded,
    /// Known values on which both must agree, at least.
    pub wanted: u64,
    /// Take it although they do not.
    pub accept: bool,
    /// Why, in the operator's words.
    pub why: String,
}

/// A build that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgraded {
    /// In force from the first tick at or after this instant.
    pub at: Instant,
    /// Known values on which both agree.
    pub compared: u64,
    /// The first on which they do not.
    pub difference: Option<String>,
}

/// Whether a build may take over.
fn judged(asked: &UpgradeAsked, compared: u64, difference: Option<&str>) -> Result<(), String> {
    match difference {
        _ if asked.accept => Ok(()),
        Some(difference) => Err(format!("the two builds do not agree: {difference}")),
        None if compared < asked.wanted => Err(format!(
            "they agree on {compared} known values, {} are wanted (`--bars`)",
            asked.wanted
        )),
        None => Ok(()),
    }
}

impl Live<'_> {
    /// Compares a build with the one in force over all that the run has seen; if it may take over, it does so before the next tick, and
    /// the journal says so before it does. Why not, if it may not.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn upgrade(
        &mut self,
        asked: UpgradeAsked,
        uid: Option<u32>,
        received_ns: i64,
    ) -> Result<Result<Upgraded, String>, LiveError> {
        let at = self.now();
        let shadow = match self.crank_mut().shadow(&asked.registry) {
            Ok(shadow) => shadow,
            Err(e) => return Ok(Err(e.to_string())),
        };
        let (compared, difference) = (shadow.compared(), shadow.difference().map(ToString::to_string));
        let verdict = judged(&asked, compared, difference.as_deref());
        if let Some(keeper) = self.keeper_mut() {
            keeper.upgrade(&asked, verdict.as_ref().err(), at, uid, received_ns)?;
        }
        if let Err(why) = verdict {
            return Ok(Err(why));
        }
        let upgrade = Upgrade {
            at,
            plugin: asked.loaded.id,
            sha256: asked.loaded.sha256.to_string(),
            registry: asked.registry,
        };
        self.crank_mut().upgrade(upgrade, Some(shadow));
        Ok(Ok(Upgraded {
            at,
            compared,
            difference,
        }))
    }
}
