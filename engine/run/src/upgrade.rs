//! Other builds of plugins for a run under way.
//!
//! The market is computed again from the first tick on, beside itself: by the builds so far, and by the new ones. Every value that a
//! plugin's function gave on the way is compared, bit for bit. The new ones take over between two ticks; what the rules remember,
//! the account and the orders stay as they are. Nothing is unloaded: going back is another upgrade.

use crate::crank::Setup;
use crate::data::Snapshots;
use crate::driver::Driver;
use crate::error::{ErrorClass, RunError};
use crate::output::{Mode, VersionRow};
use alula_core::market::{ViewSource, is_tick_node};
use alula_core::plan::{Plan, link};
use alula_core::registry::Registry;
use alula_core::value::{Cause, Cell};
use alula_dsl::graph::Op;
use alula_market::time::Instant;
use std::fmt;

/// A build of a plugin that takes the place of the one so far.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// In force from the first tick at or after this instant.
    pub at: Instant,
    /// Plugin.
    pub plugin: String,
    /// SHA-256 of its library, in hexadecimal.
    pub sha256: String,
    /// What nodes are linked to from then on: the same, but for the plugin.
    pub registry: Registry,
}

/// The first value on which two builds do not agree.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildDifference {
    /// When it was known.
    pub at: Instant,
    /// Node's text.
    pub text: String,
    /// By the builds so far.
    pub old: Cell,
    /// By the new ones.
    pub new: Cell,
}

impl fmt::Display for BuildDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |cell: &Cell| match cell.get() {
            Ok(x) => x.to_string(),
            Err(cause) => format!("missing ({cause})"),
        };
        write!(
            f,
            "`{}` at {} is {} by the build in force and {} by the new one",
            self.text,
            self.at,
            shown(&self.old),
            shown(&self.new)
        )
    }
}

/// The market as other builds see it, up to the tick that is next.
pub struct Shadow {
    pub(crate) plan: Plan,
    pub(crate) driver: Driver,
    /// Number of the tick that is next.
    pub(crate) tick: usize,
    compared: u64,
    difference: Option<BuildDifference>,
}

impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow")
            .field("tick", &self.tick)
            .field("compared", &self.compared)
            .field("difference", &self.difference)
            .finish_non_exhaustive()
    }
}

impl Shadow {
    /// Known values of plugins' functions on which both agree.
    #[must_use]
    pub const fn compared(&self) -> u64 {
        self.compared
    }

    /// The first value on which they do not.
    #[must_use]
    pub const fn difference(&self) -> Option<&BuildDifference> {
        self.difference.as_ref()
    }

    /// Computes the market with the builds of a setup and with others, up to a tick of the period.
    pub(crate) fn new(
        setup: &Setup<'_>,
        snapshots: &mut Snapshots<'_>,
        versions: &[VersionRow],
        registry: &Registry,
        tick: usize,
    ) -> Result<Self, RunError> {
        let refused = |what: &str, help: &str| RunError::new(ErrorClass::Request, what, help);
        if setup.mode == Mode::Batch {
            return Err(refused(
                "a plugin cannot change under way where whole columns are computed first",
                "choose the streaming driver",
            ));
        }
        let graph = setup.plan.graph();
        let mut old = link(graph, &setup.thresholds, &setup.registry)?;
        let mut new = link(graph, &setup.thresholds, registry)?;
        if new.remembers_ticks() && !old.remembers_ticks() {
            return Err(refused(
                "the new build remembers ticks and the one in force does not: there are none before the period",
                "end the run and begin anew with the new build",
            ));
        }
        let (mut by_old, mut by_new) = (Driver::before(setup, &old), Driver::before(setup, &new));
        let watched: Vec<usize> = plugin_nodes(&new);
        let nothing = Cell::missing(Cause::NoData);
        let (mut was, mut is) = (vec![nothing; old.nodes().len()], vec![nothing; new.nodes().len()]);
        let mut found = Compared::default();
        for (number, at) in setup.ticks.iter().take(setup.warm_up + tick).enumerate() {
            let own = number.checked_sub(setup.warm_up);
            let in_force = versions
                .iter()
                .rfind(|v| v.version > 1 && own == usize::try_from(v.tick).ok());
            if let Some(version) = in_force {
                old.set_thresholds(&version.values)?;
                new.set_thresholds(&version.values)?;
                by_old.swapped(&old);
                by_new.swapped(&new);
            }
            let views = if new.reads_chains() {
                snapshots.views(*at)?
            } else {
                Vec::new().into()
            };
            by_old.advance((&old, &setup.data), *at, &views);
            by_new.advance((&new, &setup.data), *at, &views);
            by_old.cells(&old, number, &mut was);
            by_new.cells(&new, number, &mut is);
            for &node in &watched {
                if new.nodes().get(node).is_some_and(is_tick_node) {
                    let cells = (was.get(node).copied(), is.get(node).copied());
                    found.take(&new, node, *at, cells);
                }
            }
            drop(views);
            snapshots.release(*at);
        }
        for &node in &watched {
            let (Some(a), Some(b)) = (by_old.rows(&old, node), by_new.rows(&new, node)) else {
                continue;
            };
            for row in 0..a.len().max(b.len()) {
                let at = a.visible.get(row).or_else(|| b.visible.get(row));
                let at = at.copied().unwrap_or(Instant(i64::MIN));
                let of =
                    |rows: &alula_core::market::Rows<'_>| (row < rows.len()).then(|| rows.column.get(row));
                found.take(&new, node, at, (of(&a), of(&b)));
            }
        }
        // What is in force at the next tick, as the run has it.
        new.set_thresholds(setup.plan.thresholds())?;
        by_new.swapped(&new);
        Ok(Self {
            plan: new,
            driver: by_new,
            tick,
            compared: found.same,
            difference: found.first,
        })
    }
}

/// Nodes that a plugin's function gives.
fn plugin_nodes(plan: &Plan) -> Vec<usize> {
    let nodes = plan.order().iter().copied();
    nodes
        .filter(|i| {
            let node = plan.graph().nodes.get(*i);
            node.is_some_and(|n| matches!(n.op, Op::Plugin { .. }))
        })
        .collect()
}

#[derive(Default)]
struct Compared {
    same: u64,
    first: Option<BuildDifference>,
}

impl Compared {
    fn take(&mut self, plan: &Plan, node: usize, at: Instant, (old, new): (Option<Cell>, Option<Cell>)) {
        let nothing = Cell::missing(Cause::NoData);
        let (old, new) = (old.unwrap_or(nothing), new.unwrap_or(nothing));
        if old == new {
            self.same += u64::from(new.is_known());
        } else if self.first.as_ref().is_none_or(|f| at < f.at) {
            let text = plan.graph().nodes.get(node).map(|n| n.text.clone());
            self.first = Some(BuildDifference {
                at,
                text: text.unwrap_or_default(),
                old,
                new,
            });
        }
    }
}
