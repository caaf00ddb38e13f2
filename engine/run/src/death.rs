//! Instances of plugins' functions that died, as inputs of a run.
//!
//! A death may not come again: a process that was ended for not answering in time may answer the next time. So it is told, written
//! down, and applied where the run is computed again (see [`alula_core::lifeline`]). An instance is known by the node that it
//! computes and by its generation: whenever another strategy or another build of a plugin takes over, everything is computed from
//! history by new instances, and the deaths of the ones before are no longer theirs.

use alula_core::lifeline::Lifelines;
use alula_core::plan::Plan;
use alula_dsl::graph::{Graph, Op};
use alula_market::time::Instant;
use std::fmt;
use std::sync::Arc;

/// An instance that is dead from a row on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Death {
    /// Which of the run's plans the instance was of: 1 is what it began with, and each strategy and each build that took over counts.
    pub generation: u32,
    /// Plugin.
    pub plugin: String,
    /// Its function.
    pub function: String,
    /// The node's key in its strategy.
    pub node: String,
    /// The node as the strategy writes it.
    pub text: String,
    /// The first row that it gave nothing for, counted from 0 on the clock of the node.
    pub row: u64,
    /// The tick that was computed when it was noticed; the first one of the run for what came before.
    pub at: Instant,
    /// What ended it.
    pub why: String,
    /// It was known from a record, and the instance was not asked any more.
    pub recorded: bool,
}

impl Death {
    /// The same instance and the same row.
    #[must_use]
    pub fn is_of(&self, other: &Self) -> bool {
        (self.generation, &self.node, self.row) == (other.generation, &other.node, other.row)
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, row, why, .. } = self;
        let stopped = format!("`{}` of plugin `{}` stopped", self.function, self.plugin);
        let why = match why.as_str() {
            "" => stopped,
            why if why.starts_with(&stopped) => why.to_owned(),
            why => format!("{stopped}: {why}"),
        };
        write!(f, "{why}; `{text}` is missing from its row {row} on")
    }
}

/// The instances of one generation.
#[derive(Debug)]
struct Generation {
    number: u32,
    lives: Lifelines,
    graph: Arc<Graph>,
}

/// The instances of a run, and what is known of their ends.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    generations: Vec<Generation>,
    known: Vec<Death>,
}

impl Lives {
    /// With the deaths that a record has.
    pub(crate) fn new(known: &[Death]) -> Self {
        Self {
            generations: Vec::new(),
            known: known.to_vec(),
        }
    }

    /// Deaths of the generation that comes next.
    pub(crate) fn next(&self) -> Vec<Death> {
        let number = u32::try_from(self.generations.len()).unwrap_or(u32::MAX);
        let next = self
            .known
            .iter()
            .filter(|d| d.generation == number.saturating_add(1));
        next.cloned().collect()
    }

    /// A plan whose instances are in use from now on.
    pub(crate) fn begin(&mut self, plan: &Plan) {
        let number = u32::try_from(self.generations.len()).unwrap_or(u32::MAX);
        self.generations.push(Generation {
            number: number.saturating_add(1),
            lives: plan.lifelines().clone(),
            graph: Arc::clone(plan.graph()),
        });
    }

    /// Those that ended since the last time. Earlier generations are asked too: what the account remembers goes on in the next.
    pub(crate) fn ended(&self, at: Instant) -> Vec<Death> {
        let mut out = Vec::new();
        for Generation { number, lives, graph } in &self.generations {
            for (index, line) in lives.iter() {
                let Some((ended, node)) = line.take().zip(graph.nodes.get(index)) else {
                    continue;
                };
                let def = match &node.op {
                    Op::Plugin { function, .. } => graph.plugins.get(function.0 as usize),
                    _ => None,
                };
                let (plugin, function) =
                    def.map_or_else(Default::default, |d| (d.plugin.clone(), d.function.clone()));
                out.push(Death {
                    generation: *number,
                    plugin,
                    function,
                    node: node.key.clone(),
                    text: node.text.clone(),
                    row: ended.row,
                    at,
                    why: ended.why,
                    recorded: ended.recorded,
                });
            }
        }
        out
    }
}

/// Tells the instances of a plan that nothing was computed with yet which of them are known to die, and when.
pub(crate) fn bury(plan: &Plan, known: &[Death]) {
    for (index, line) in plan.lifelines().iter() {
        let node = plan.graph().nodes.get(index);
        let of_node = known.iter().filter(|d| node.is_some_and(|n| n.key == d.node));
        of_node.for_each(|d| line.ends(d.row, &d.why));
    }
}
