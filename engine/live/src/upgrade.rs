//! Another build of a plugin for a run under way: judged beside the one in force, written down, in force from the next tick on.

use crate::core::{Live, LiveError};
use alula_core::registry::Registry;
use alula_journal::wire::PluginLoaded;
use alula_market::time::Instant;
use alula_run::{Shadow, Upgrade};

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

/// A build that is computed beside the one in force.
#[derive(Debug)]
pub(crate) struct Upgrading {
    asked: UpgradeAsked,
    uid: Option<u32>,
    /// None before its turn: a strategy that is on its way goes first.
    shadow: Option<Shadow>,
}

/// What became of a build that was asked for: it is in force from the next tick on, or it is not and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeEnded {
    /// Plugin.
    pub plugin: String,
    /// SHA-256 of the build, in hexadecimal.
    pub sha256: String,
    /// Taken, or refused.
    pub result: Result<Upgraded, String>,
}

impl Live<'_> {
    /// Another build of a plugin is on its way, or waits for the next tick.
    #[must_use]
    pub fn is_upgrading(&self) -> bool {
        self.upgrading.is_some() || self.crank().is_upgrading()
    }

    /// Another build of a plugin is computed beside the one in force; see [`Live::follow`].
    #[must_use]
    pub const fn is_following(&self) -> bool {
        self.upgrading.is_some()
    }

    /// Begins to compare a build with the one in force over all that the run has seen. [`Live::follow`] does the work.
    ///
    /// # Errors
    /// When another one is on its way.
    pub fn upgrade(&mut self, asked: UpgradeAsked, uid: Option<u32>) -> Result<(), String> {
        if self.is_upgrading() {
            return Err("another build of a plugin is on its way; ask again once it is in force".to_owned());
        }
        self.upgrading = Some(Upgrading {
            asked,
            uid,
            shadow: None,
        });
        Ok(())
    }

    /// Computes at most so many ticks of the past with the new build. When it stands where the run stands it is judged: if it may take
    /// over, it does so before the next tick, and the journal says so before it does.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn follow(&mut self, most: usize, received_ns: i64) -> Result<Option<UpgradeEnded>, LiveError> {
        // A strategy that is on its way was compiled with the build in force: it goes first.
        if self.is_preparing() || self.crank().is_changing() {
            return Ok(None);
        }
        let Some(mut work) = self.upgrading.take() else {
            return Ok(None);
        };
        let shadow = match work.shadow.take() {
            Some(shadow) => Ok(shadow),
            None => self.crank_mut().shadow(&work.asked.registry),
        };
        let followed = shadow.and_then(|mut shadow| {
            let left = self.crank_mut().follow(&mut shadow, most)?;
            Ok((shadow, left))
        });
        let ended = match followed {
            Ok((shadow, 0)) => self.judge(&work, shadow, received_ns)?,
            Ok((shadow, _)) => {
                work.shadow = Some(shadow);
                self.upgrading = Some(work);
                return Ok(None);
            }
            Err(e) => {
                let why = e.to_string();
                self.written(&work, Err(&why), received_ns)?;
                Err(why)
            }
        };
        Ok(Some(UpgradeEnded {
            plugin: work.asked.loaded.id,
            sha256: work.asked.loaded.sha256.to_string(),
            result: ended,
        }))
    }

    fn written(
        &mut self,
        work: &Upgrading,
        verdict: Result<(), &String>,
        received_ns: i64,
    ) -> Result<Instant, LiveError> {
        let at = self.now();
        if let Some(keeper) = self.keeper_mut() {
            keeper.upgrade(&work.asked, verdict.err(), at, work.uid, received_ns)?;
        }
        Ok(at)
    }

    fn judge(
        &mut self,
        work: &Upgrading,
        shadow: Shadow,
        received_ns: i64,
    ) -> Result<Result<Upgraded, String>, LiveError> {
        let asked = &work.asked;
        let (compared, difference) = (shadow.compared(), shadow.difference().map(ToString::to_string));
        let verdict = judged(asked, compared, difference.as_deref());
        let at = self.written(work, verdict.as_ref().copied(), received_ns)?;
        if let Err(why) = verdict {
            return Ok(Err(why));
        }
        let upgrade = Upgrade {
            at,
            plugin: asked.loaded.id.clone(),
            sha256: asked.loaded.sha256.to_string(),
            registry: asked.registry.clone(),
        };
        self.crank_mut().upgrade(upgrade, Some(shadow));
        // One that waits for a word was compiled with the build before.
        self.forget_proposed();
        Ok(Ok(Upgraded {
            at,
            compared,
            difference,
        }))
    }
}
