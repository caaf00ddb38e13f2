//! Hedges, their layers, and overlays.

use super::{NodeId, SizeDef, StructureId};
use crate::ast::OnUnknown;
use crate::builtin::{Greek, Instrument};
use crate::span::Span;

/// Greek, amount, and the band held around it (fractions).
pub type HedgeTarget = (Greek, NodeId, Option<(NodeId, NodeId)>);

/// A hedge: what it is to carry against its structure, and the layers that carry it.
#[derive(Clone, Debug, PartialEq)]
pub struct HedgeDef {
    /// Name, also its key.
    pub key: String,
    /// Structure hedged.
    pub structure: StructureId,
    /// Target amount and band (fractions as nodes).
    pub target: Option<HedgeTarget>,
    /// Layers.
    pub layers: Vec<LayerDef>,
    /// Every other clause of the hedge: key suffix (`cap`, `budget.month`, `budget.year`, `band`, `map`, `map.at`, `beta`,
    /// `beta.at`), and the node that it reads.
    pub clauses: Vec<(String, NodeId)>,
    /// Documentation.
    pub doc: String,
    /// Where.
    pub span: Span,
}

/// A layer of a hedge.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerDef {
    /// Stable key: `alvh.base`.
    pub key: String,
    /// What it owns.
    pub own: Option<StructureId>,
    /// Size.
    pub size: Option<SizeDef>,
    /// Votes in textual order.
    pub votes: Vec<NodeId>,
    /// `active when … until …` as one latch node, or the bare condition; while the structure is held, if the layer says
    /// nothing.
    pub active: Option<NodeId>,
    /// Other conditions and amounts by key suffix: `rotate`, `migrate`, `migrate.share`, `cap`, …
    pub clauses: Vec<(String, NodeId)>,
    /// Words by key suffix: `roll` is `weekly`, `rotate.to` is `mid_term`, `migrate.month` is `2`.
    pub words: Vec<(String, String)>,
    /// Keys of what the layer does, with the condition of each: `alvh.base` (its switch and size), `alvh.base.roll`,
    /// `alvh.base.rotate`, `alvh.base.migrate`. Orders carry these keys.
    pub rules: Vec<(String, NodeId)>,
    /// What `rotate to` names: a declared structure, or what another layer owns.
    pub rotate: Option<StructureId>,
    /// When `active`, `rotate` or `migrate` is unknown.
    pub unknown: OnUnknown,
    /// Where.
    pub span: Span,
}

/// An overlay: a future or share that holds a structure's delta in a band.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayDef {
    /// Name, also its key.
    pub key: String,
    /// Structure whose greeks it trades.
    pub structure: StructureId,
    /// Instrument traded.
    pub instrument: Instrument,
    /// Target and band of delta.
    pub target: Option<(NodeId, NodeId)>,
    /// Conditions by key suffix: `active` (while the structure is held, if the overlay says nothing), `require`.
    pub clauses: Vec<(String, NodeId)>,
    /// Where.
    pub span: Span,
}
