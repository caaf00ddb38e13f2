//! The execution graph: what a checked strategy computes and decides, in an order that can be evaluated.
//!
//! A graph is plain data. `nodes` is topologically sorted (inputs come before users) and ranked; equal computations are
//! one node; what nothing uses is pruned. Nothing here knows a market, a clock or a disk: the engine links a graph to
//! them. Everything is keyed by stable text keys (item paths such as `income.take_profit` or `alvh.base.rotate`), which
//! orders, traces, state, tests and hot swaps speak in.

mod hedge;
pub mod ids;
mod node;
mod rule;
mod structure;

use crate::ast::GuardAction as AstGuardAction;
use crate::builtin::Instrument;
use crate::span::Span;
use crate::unit::Unit;
pub use hedge::{HedgeDef, HedgeTarget, LayerDef, OverlayDef};
pub use node::{
    Arith, Clock, Cmp, Domain, EventId, FeedId, Length, Node, NodeId, Op, Param, PluginId, ScriptId, ShiftBy,
    StructureId, ThresholdId, ValueKind,
};
pub use rule::{
    GuardAct, GuardRuleDef, GuardUnknown, LimitDef, PolicyDef, RollDef, RuleAction, RuleDef, SizeBasis,
    SizeDef,
};
pub use structure::{ExpiryOnly, ExpiryPick, LegDef, OffsetAmount, StrikeAnchor, StrikePick, StructureDef};

/// Past reactions that an average needs: with fewer its own error is a third of the spread and more.
pub const LEAST_REACTIONS: u32 = 8;

/// What past reactions to an event say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moved {
    /// Mean change of vol, points.
    Vol,
    /// Mean change of the underlying, a fraction.
    Spot,
    /// How many reactions.
    Count,
    /// Sample standard deviation of the changes of vol, points.
    VolSpread,
    /// The same of the underlying, a fraction.
    SpotSpread,
}

impl Moved {
    /// All, in the order of a scenario's inputs.
    pub const ALL: [Self; 5] = [
        Self::Vol,
        Self::Spot,
        Self::Count,
        Self::VolSpread,
        Self::SpotSpread,
    ];
}

/// A number that may change while the strategy runs.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdDef {
    /// Name, also its key.
    pub name: String,
    /// Unit.
    pub unit: Unit,
    /// How values are written in the thresholds file: `%`, `bps`, `vol`, `pts`, `delta`, `$`, `dte`, `lots` or empty.
    pub suffix: &'static str,
    /// Default, canonical scale.
    pub default: f64,
    /// Smallest allowed, canonical scale.
    pub min: f64,
    /// Largest allowed, canonical scale.
    pub max: f64,
    /// One line.
    pub doc: String,
    /// Where declared.
    pub span: Span,
}

/// A declared external series.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedDef {
    /// Name in the file.
    pub name: String,
    /// Identifier in the store.
    pub feed: String,
    /// Unit of its values.
    pub unit: Unit,
    /// Age after which it is stale.
    pub stale_after: Option<Length>,
    /// Where declared.
    pub span: Span,
}

/// A plugin, and the function of it that the strategy calls.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginDef {
    /// Name of the plugin.
    pub plugin: String,
    /// Name of the function; empty where the plugin is named alone, and nothing calls it.
    pub function: String,
    /// Series that it reads, in order: name and what it is.
    pub inputs: Vec<(String, ValueKind)>,
    /// Name of the option chain that it reads instead of series.
    pub chain: Option<String>,
    /// Numbers that it is set up with, in order: name, unit, default in canonical scale.
    pub numbers: Vec<(String, Unit, f64)>,
    /// What it gives, in order: name (empty for a single one) and what it is.
    pub outputs: Vec<(String, ValueKind)>,
    /// Where declared.
    pub span: Span,
}

/// An event calendar, declared or built in (`fomc`, `cpi`, `ppi`).
#[derive(Clone, Debug, PartialEq)]
pub struct EventDef {
    /// Name.
    pub name: String,
    /// Identifier in the store (the name in upper case for the built-in ones).
    pub feed: String,
}

/// A script with its signature.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptDef {
    /// Function name.
    pub name: String,
    /// Parameter names and units.
    pub params: Vec<(String, ValueKind)>,
    /// Result.
    pub returns: ValueKind,
    /// File, relative to the strategy file.
    pub file: String,
    /// Where declared.
    pub span: Span,
}

/// What is held apart from the rest of the account, with money of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct SubaccountDef {
    /// Name.
    pub key: String,
    /// Dollars set apart of the strategy's capital.
    pub capital_usd: f64,
    /// Names of the policies, hedges and overlays that it holds.
    pub holds: Vec<String>,
    /// Keys of the positions that belong to it: structures, layers, overlays.
    pub structures: Vec<String>,
    /// Documentation.
    pub doc: String,
    /// Where.
    pub span: Span,
}

/// Settings of the strategy, defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Name.
    pub name: String,
    /// Documentation.
    pub doc: String,
    /// Starting capital in dollars.
    pub capital_usd: f64,
    /// Cadence of evaluation.
    pub every: Length,
    /// Instrument whose session is evaluated in.
    pub instrument: Instrument,
    /// Session name: `regular`.
    pub session: String,
    /// Operator overlays are allowed.
    pub promoter: bool,
    /// Fills on the snapshot of the decision: results are marked.
    pub fill_same_bar: bool,
    /// What a fill gives up of the half-spread.
    pub cross: Cross,
    /// How the size of an order matters.
    pub depth: Depth,
    /// Fee schedule name.
    pub fees: String,
    /// Settlement may be approximated where the settlement series is missing: results are marked.
    pub settle_approximate: bool,
    /// Name of the margin rulebook that is enforced.
    pub margin: String,
    /// A margin call closes every position.
    pub flatten_on_call: bool,
}

/// What a fill gives up of the half-spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cross {
    /// A share, 0..=1.
    Share(f64),
    /// A share that falls with the number of legs traded.
    ByLegs,
}

/// How the size of an order matters to its fill. `assume`: contracts where the data show no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Not at all.
    Unlimited,
    /// Larger orders give up more.
    Impact {
        /// See [`Depth`].
        assume: Option<u32>,
    },
    /// As [`Depth::Impact`], and no more than the size shown fills.
    Limited {
        /// See [`Depth`].
        assume: Option<u32>,
    },
}

/// The graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// Settings.
    pub settings: Settings,
    /// Nodes, topologically sorted.
    pub nodes: Vec<Node>,
    /// Threshold slots in textual order.
    pub thresholds: Vec<ThresholdDef>,
    /// Feeds.
    pub feeds: Vec<FeedDef>,
    /// Events.
    pub events: Vec<EventDef>,
    /// Scripts.
    pub scripts: Vec<ScriptDef>,
    /// Structures, hedge layers' own included.
    pub structures: Vec<StructureDef>,
    /// Guards in textual order (their rules flattened).
    pub guards: Vec<GuardRuleDef>,
    /// Policies in textual order.
    pub policies: Vec<PolicyDef>,
    /// Hedges in textual order.
    pub hedges: Vec<HedgeDef>,
    /// Overlays in textual order.
    pub overlays: Vec<OverlayDef>,
    /// Subaccounts in textual order.
    pub subaccounts: Vec<SubaccountDef>,
    /// Plugins' functions named by `use plugin`, in textual order.
    pub plugins: Vec<PluginDef>,
}

impl Graph {
    /// The node of an id; ids come from the graph itself, so `None` only for a foreign id.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// The condition behind nodes that only carry it to another clock; the node itself when it is no such carrier.
    #[must_use]
    pub fn carried(&self, mut id: NodeId) -> NodeId {
        while let Some(node) = self.node(id) {
            match (&node.op, node.inputs.first()) {
                (Op::AsOf | Op::SessionLast, Some(input)) if node.kind == ValueKind::Bool && *input < id => {
                    id = *input;
                }
                _ => break,
            }
        }
        id
    }

    /// Names a guard's action as written, for traces.
    #[must_use]
    pub fn action_text(action: &AstGuardAction) -> String {
        match action {
            AstGuardAction::BlockOpen => "block open".to_owned(),
            AstGuardAction::HaltOpen => "halt open".to_owned(),
            AstGuardAction::Flatten(s) => format!("flatten {}", s.value),
            AstGuardAction::Alert(t) => format!("alert {:?}", t.value),
        }
    }
}
