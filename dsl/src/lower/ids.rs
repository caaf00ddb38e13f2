//! Node ids that a graph holds outside its nodes.

use crate::graph::{Graph, NodeId, RuleDef, SizeDef, StructureDef, ids};

/// Calls `f` on each node id in the graph's definitions, in a fixed order.
pub(super) fn each_id(graph: &mut Graph, f: &mut ids::Visit<'_>) {
    for structure in &mut graph.structures {
        structure.legs.iter_mut().for_each(|leg| ids::leg(leg, f));
    }
    graph.guards.iter_mut().for_each(|guard| ids::guard(guard, f));
    for policy in &mut graph.policies {
        policy.rules.iter_mut().for_each(|rule| ids::rule(rule, f));
    }
    for hedge in &mut graph.hedges {
        ids::hedge(hedge, f);
        hedge.layers.iter_mut().for_each(|layer| ids::layer(layer, f));
    }
    graph
        .overlays
        .iter_mut()
        .for_each(|overlay| ids::overlay(overlay, f));
}

/// The ids of one structure.
pub(crate) fn of_structure(def: &StructureDef) -> Vec<NodeId> {
    let mut out = Vec::new();
    def.clone()
        .legs
        .iter_mut()
        .for_each(|leg| ids::leg(leg, &mut |id| out.push(*id)));
    out
}

/// The ids of one rule.
pub(crate) fn of_rule(rule: &RuleDef) -> Vec<NodeId> {
    let mut out = Vec::new();
    ids::rule(&mut rule.clone(), &mut |id| out.push(*id));
    out
}

/// The ids of one size.
pub(crate) fn of_size(size: &SizeDef) -> Vec<NodeId> {
    let mut out = Vec::new();
    ids::size(&mut size.clone(), &mut |id| out.push(*id));
    out
}
