//! The hedges of a plan: what each reads at a tick, by the numbers of plan nodes.

use super::rules::{leg_reads, size_reads};
use alula_dsl::ast::OnUnknown;
use alula_dsl::builtin::Greek;
use alula_dsl::graph::{Graph, HedgeDef, LayerDef, NodeId, SizeDef, StructureId, SubaccountDef};
use alula_market::money::Usd;
use std::sync::Arc;

/// How often a layer changes its contracts for fresh ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// At the first tick of each day.
    Daily,
    /// At the first tick of each ISO week.
    Weekly,
    /// At the first tick of each calendar month.
    Monthly,
}

/// Most that may be spent in a calendar period, in dollars: plan nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    /// A month.
    pub month: Option<usize>,
    /// A year.
    pub year: Option<usize>,
}

/// What a hedge is to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanTarget {
    /// Which greek.
    pub greek: Greek,
    /// Amount of the structure's greek that is to be carried; its sign is that of the structure.
    pub amount: usize,
    /// Band, as shares of the structure's greek.
    pub band: Option<(usize, usize)>,
}

/// `migrate 50% to month 2 when …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Share of the layer.
    pub share: usize,
    /// Month from the front.
    pub month: u8,
    /// Condition.
    pub when: usize,
}

/// A layer.
#[derive(Clone, Debug)]
pub struct PlanLayer {
    /// Key of the layer, of its positions, and of orders that its size or its switch makes: `alvh.base`.
    pub key: Arc<str>,
    /// Key of what its roll does: `alvh.base.roll`.
    pub roll_key: Arc<str>,
    /// Key of what its rotation does.
    pub rotate_key: Arc<str>,
    /// Key of what its migration does.
    pub migrate_key: Arc<str>,
    /// What it owns.
    pub own: StructureId,
    /// How much.
    pub size: SizeDef,
    /// On while true.
    pub active: Option<usize>,
    /// Votes.
    pub votes: Vec<usize>,
    /// Fresh contracts.
    pub roll: Option<Every>,
    /// What it owns instead, and when.
    pub rotate: Option<(StructureId, usize)>,
    /// A share further out, and when.
    pub migrate: Option<Migration>,
    /// Most at risk, dollars.
    pub cap: Option<usize>,
    /// Budgets.
    pub budgets: Budgets,
    /// When a condition is unknown.
    pub unknown: OnUnknown,
}

/// A hedge.
#[derive(Clone, Debug)]
pub struct PlanHedge {
    /// Key.
    pub key: Arc<str>,
    /// Structure hedged.
    pub structure: StructureId,
    /// What it is to carry.
    pub target: Option<PlanTarget>,
    /// `map VIX by …`.
    pub map: Option<usize>,
    /// `at 30 days`: where that ratio holds, from where it decays.
    pub map_at: Option<usize>,
    /// `beta VIX by …`.
    pub beta: Option<usize>,
    /// `at 30 days`: where that beta holds, from where it decays.
    pub beta_at: Option<usize>,
    /// Most at risk in all layers, dollars.
    pub cap: Option<usize>,
    /// Budgets of all layers together.
    pub budgets: Budgets,
    /// No trade while nearer than this share of what is wanted.
    pub band: Option<usize>,
    /// Layers in textual order.
    pub layers: Vec<PlanLayer>,
}

/// A subaccount.
#[derive(Clone, Debug)]
pub struct PlanSubaccount {
    /// Name.
    pub key: Arc<str>,
    /// Money set apart.
    pub capital: Usd,
    /// Keys of the positions that belong to it.
    pub structures: Vec<Arc<str>>,
}

/// The subaccounts of a graph.
pub(super) fn subaccounts(graph: &Graph) -> Vec<PlanSubaccount> {
    let one = |s: &SubaccountDef| PlanSubaccount {
        key: Arc::from(s.key.as_str()),
        capital: Usd::from_f64(s.capital_usd).unwrap_or_default(),
        structures: s.structures.iter().map(|k| Arc::from(k.as_str())).collect(),
    };
    graph.subaccounts.iter().map(one).collect()
}

fn clause(clauses: &[(String, NodeId)], word: &str) -> Option<NodeId> {
    clauses.iter().find(|(w, _)| w == word).map(|(_, id)| *id)
}

fn budgets(clauses: &[(String, NodeId)], tick: &dyn Fn(NodeId) -> usize) -> Budgets {
    Budgets {
        month: clause(clauses, "budget.month").map(tick),
        year: clause(clauses, "budget.year").map(tick),
    }
}

/// The hedges of a graph; `tick` gives the plan node to read at a tick. A layer without what it owns or its size has been
/// refused by the compiler and is left out.
pub(super) fn hedges(graph: &Graph, tick: &dyn Fn(NodeId) -> usize) -> Vec<PlanHedge> {
    let hedge = |h: &HedgeDef| PlanHedge {
        key: Arc::from(h.key.as_str()),
        structure: h.structure,
        target: h.target.as_ref().map(|(greek, amount, band)| PlanTarget {
            greek: *greek,
            amount: tick(*amount),
            band: band.map(|(lo, hi)| (tick(lo), tick(hi))),
        }),
        map: clause(&h.clauses, "map").map(tick),
        map_at: clause(&h.clauses, "map.at").map(tick),
        beta: clause(&h.clauses, "beta").map(tick),
        beta_at: clause(&h.clauses, "beta.at").map(tick),
        cap: clause(&h.clauses, "cap").map(tick),
        budgets: budgets(&h.clauses, tick),
        band: clause(&h.clauses, "band").map(tick),
        layers: h.layers.iter().filter_map(|l| layer(l, tick)).collect(),
    };
    graph.hedges.iter().map(hedge).collect()
}

fn layer(l: &LayerDef, tick: &dyn Fn(NodeId) -> usize) -> Option<PlanLayer> {
    let key = |suffix: &str| Arc::from(format!("{}{suffix}", l.key));
    let word = |name: &str| l.words.iter().find(|(w, _)| w == name).map(|(_, v)| v.as_str());
    let migrate = || {
        Some(Migration {
            share: tick(clause(&l.clauses, "migrate.share")?),
            month: word("migrate.month")?.parse().ok()?,
            when: tick(clause(&l.clauses, "migrate")?),
        })
    };
    Some(PlanLayer {
        key: key(""),
        roll_key: key(".roll"),
        rotate_key: key(".rotate"),
        migrate_key: key(".migrate"),
        own: l.own?,
        size: l.size.clone()?,
        active: l.active.map(tick),
        votes: l.votes.iter().map(|v| tick(*v)).collect(),
        roll: match word("roll") {
            Some("daily") => Some(Every::Daily),
            Some("weekly") => Some(Every::Weekly),
            Some("monthly") => Some(Every::Monthly),
            _ => None,
        },
        rotate: l.rotate.zip(clause(&l.clauses, "rotate").map(tick)),
        migrate: migrate(),
        cap: clause(&l.clauses, "cap").map(tick),
        budgets: budgets(&l.clauses, tick),
        unknown: l.unknown,
    })
}

/// What a layer may own: its own, and what it rotates into.
pub(super) fn owned(layer: &LayerDef) -> impl Iterator<Item = StructureId> {
    layer.own.into_iter().chain(layer.rotate)
}

/// Node ids that the hedges and the structures of their layers read.
pub(super) fn reads(graph: &Graph) -> Vec<NodeId> {
    let mut ids = Vec::new();
    for hedge in &graph.hedges {
        if let Some((_, amount, band)) = &hedge.target {
            ids.push(*amount);
            ids.extend(band.iter().flat_map(|(lo, hi)| [*lo, *hi]));
        }
        ids.extend(hedge.clauses.iter().map(|(_, id)| *id));
        for layer in &hedge.layers {
            if let Some(size) = &layer.size {
                size_reads(size, &mut ids);
            }
            ids.extend(&layer.votes);
            ids.extend(layer.active);
            ids.extend(layer.clauses.iter().map(|(_, id)| *id));
            let structures = owned(layer).filter_map(|id| graph.structures.get(id.0 as usize));
            ids.extend(structures.flat_map(|s| leg_reads(&s.legs)));
        }
    }
    ids
}
