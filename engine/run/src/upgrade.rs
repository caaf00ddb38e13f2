//! Other builds of plugins for a run under way.
//!
//! The market is computed again from the first tick on, beside itself: by the builds so far, and by the new ones. Every value that a
//! plugin's function gave on the way is compared, bit for bit. That is done in pieces while the run goes on, so that a long past keeps
//! nobody waiting. The new ones take over between two ticks; what the rules remember,
//! the account and the orders stay as they are. Nothing is unloaded: going back is another upgrade.

use crate::crank::Setup;
use crate::data::Snapshots;
use crate::driver::Driver;
use crate::error::{ErrorClass, RunError};
use crate::output::Mode;
use crate::successor::{Past, values_at};
use alula_core::market::{ViewSource, is_tick_node};
use alula_core::plan::{Plan, link};
use alula_core::registry::Registry;
use alula_core::value::{Cause, Cell};
use alula_dsl::graph::{Graph, Op};
use alula_market::time::Instant;
use std::fmt;
use std::sync::Arc;

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

/// The market as other builds see it, computed beside the run in pieces.
pub struct Shadow {
    /// The builds so far, computed again: a run keeps the values of the nodes that its rules read, and not of all.
    old: Plan,
    by_old: Driver,
    pub(crate) plan: Plan,
    pub(crate) driver: Driver,
    /// The strategy that both are linked from; when another takes its place, this is of no use any more.
    graph: Arc<Graph>,
    /// Ticks before the period that are computed first.
    warm_up: usize,
    /// Ticks that are done, those before the period among them.
    done: usize,
    /// Values in force along the way, as far as they are known.
    past: Vec<Past>,
    /// How often the history had grown when this looked.
    grown: u64,
    watched: Vec<usize>,
    cells: (Vec<Cell>, Vec<Cell>),
    found: Compared,
}

impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow")
            .field("done", &self.done)
            .field("compared", &self.found.same)
            .field("difference", &self.found.first)
            .finish_non_exhaustive()
    }
}

/// Where the run stands, as a shadow needs to know it.
pub(crate) struct Stand<'r, 'a> {
    pub setup: &'r Setup<'a>,
    pub snapshots: &'r mut Snapshots<'a>,
    /// Values in force so far.
    pub past: Vec<Past>,
    /// Number of the tick that is next.
    pub tick: usize,
    /// How often the history has grown.
    pub grown: u64,
}

impl Shadow {
    /// Known values of plugins' functions on which both agree.
    #[must_use]
    pub const fn compared(&self) -> u64 {
        self.found.same
    }

    /// The first value on which they do not.
    #[must_use]
    pub const fn difference(&self) -> Option<&BuildDifference> {
        self.found.first.as_ref()
    }

    /// It stands where the run stands, and may take its place.
    pub(crate) fn is_at(&self, setup: &Setup<'_>, tick: usize) -> bool {
        self.is_of(setup) && self.done == self.warm_up + tick
    }

    fn is_of(&self, setup: &Setup<'_>) -> bool {
        Arc::ptr_eq(&self.graph, setup.plan.graph()) && self.warm_up == setup.warm_up
    }

    /// Links the strategy in force with other builds, before the first tick.
    pub(crate) fn new(stand: &Stand<'_, '_>, registry: &Registry) -> Result<Self, RunError> {
        let setup = stand.setup;
        let refused = |what: &str, help: &str| RunError::new(ErrorClass::Request, what, help);
        if setup.mode == Mode::Batch {
            return Err(refused(
                "a plugin cannot change under way where whole columns are computed first",
                "choose the streaming driver",
            ));
        }
        let graph = setup.plan.graph();
        let began = values_at(graph, &stand.past, setup.plan.thresholds(), None);
        // What was in force once need not be allowed now.
        let linked = |registry| link(graph, setup.plan.thresholds(), registry).map(|p| p.with_past(&began));
        let (old, new) = (linked(&setup.registry)?, linked(registry)?);
        old.lifelines().repeats(setup.plan.lifelines());
        if new.remembers_ticks() && !old.remembers_ticks() {
            return Err(refused(
                "the new build remembers ticks and the one in force does not: there are none before the period",
                "end the run and begin anew with the new build",
            ));
        }
        let nothing = Cell::missing(Cause::NoData);
        Ok(Self {
            by_old: Driver::before(setup, &old),
            driver: Driver::before(setup, &new),
            watched: plugin_nodes(&new),
            cells: (vec![nothing; old.nodes().len()], vec![nothing; new.nodes().len()]),
            graph: Arc::clone(graph),
            warm_up: setup.warm_up,
            done: 0,
            past: stand.past.clone(),
            grown: stand.grown,
            found: Compared::default(),
            old,
            plan: new,
        })
    }

    /// Computes at most so many ticks; says how many are left until the one that is next. When none is left, everything was compared.
    pub(crate) fn work(&mut self, stand: &mut Stand<'_, '_>, most: usize) -> Result<usize, RunError> {
        if !self.is_of(stand.setup) {
            return Err(RunError::new(
                ErrorClass::Request,
                "another strategy has come into force meanwhile",
                "ask again",
            ));
        }
        self.past.clone_from(&stand.past);
        if self.grown != stand.grown {
            self.grown = stand.grown;
            self.by_old.grown(&stand.setup.data);
            self.driver.grown(&stand.setup.data);
        }
        let target = self.warm_up + stand.tick;
        for _ in 0..most {
            let at = stand.setup.ticks.get(self.done).copied();
            let Some(at) = at.filter(|_| self.done < target) else {
                break;
            };
            self.tick(stand, at)?;
            self.done += 1;
        }
        let left = target.saturating_sub(self.done);
        if left == 0 {
            self.arrive(stand.setup)?;
        }
        Ok(left)
    }

    fn tick(&mut self, stand: &mut Stand<'_, '_>, at: Instant) -> Result<(), RunError> {
        let own = self.done.checked_sub(self.warm_up);
        if own.is_some() && self.past.iter().any(|p| p.tick == own) {
            let values = values_at(&self.graph, &self.past, stand.setup.plan.thresholds(), own);
            self.set(&values);
        }
        let views = if self.plan.reads_chains() {
            stand.snapshots.views(at)?
        } else {
            Vec::new().into()
        };
        let data = &stand.setup.data;
        self.by_old.advance((&self.old, data), at, &views);
        self.driver.advance((&self.plan, data), at, &views);
        drop(views);
        stand.snapshots.release(at);
        let (was, is) = (&mut self.cells.0, &mut self.cells.1);
        self.by_old.cells(&self.old, self.done, was);
        self.driver.cells(&self.plan, self.done, is);
        for &node in &self.watched {
            if self.plan.nodes().get(node).is_some_and(is_tick_node) {
                let cells = (was.get(node).copied(), is.get(node).copied());
                self.found.take(&self.plan, node, at, cells);
            }
        }
        Ok(())
    }

    fn set(&mut self, values: &[f64]) {
        self.old = self.old.with_past(values);
        self.plan = self.plan.with_past(values);
        self.by_old.swapped(&self.old);
        self.driver.swapped(&self.plan);
    }

    /// Compares the rows, and takes what is in force at the next tick, as the run has it.
    fn arrive(&mut self, setup: &Setup<'_>) -> Result<(), RunError> {
        let mut found = self.found.without_rows();
        for &node in &self.watched {
            let rows = (
                self.by_old.rows(&self.old, node),
                self.driver.rows(&self.plan, node),
            );
            let (Some(a), Some(b)) = rows else {
                continue;
            };
            for row in 0..a.len().max(b.len()) {
                let at = a.visible.get(row).or_else(|| b.visible.get(row));
                let at = at.copied().unwrap_or(Instant(i64::MIN));
                let of =
                    |rows: &alula_core::market::Rows<'_>| (row < rows.len()).then(|| rows.column.get(row));
                found.take(&self.plan, node, at, (of(&a), of(&b)));
            }
        }
        found.rows = found
            .same
            .saturating_sub(self.found.same.saturating_sub(self.found.rows));
        self.found = found;
        self.plan.set_thresholds(setup.plan.thresholds())?;
        self.driver.swapped(&self.plan);
        Ok(())
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
    /// Of those, the ones that are rows: they are compared from the first one again when more have come.
    rows: u64,
    first: Option<BuildDifference>,
}

impl Compared {
    /// What the ticks gave so far, without rows.
    fn without_rows(&self) -> Self {
        Self {
            same: self.same.saturating_sub(self.rows),
            rows: 0,
            first: self.first.clone(),
        }
    }

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
