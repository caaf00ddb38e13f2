//! Rules, guards and overlays with what they reach of the graph.

use super::super::hedges;
use super::super::rules::{kind_of, leg_reads, overlay_reads, rule_reads};
use super::super::{LinkError, PlanGuard, PlanOverlay, PlanRule};
use super::Linker;
use alula_dsl::graph::{Domain, GuardAct, NodeId, OverlayDef};
use std::sync::Arc;

impl Linker<'_> {
    /// Every node id that guards, rules, hedges and their structures read.
    pub(super) fn rule_ids(&self) -> Vec<NodeId> {
        let mut ids: Vec<NodeId> = self.graph.guards.iter().map(|g| g.require).collect();
        for policy in &self.graph.policies {
            if let Some(structure) = self.graph.structures.get(policy.structure.0 as usize) {
                ids.extend(leg_reads(&structure.legs));
            }
            ids.extend(policy.rules.iter().flat_map(rule_reads));
        }
        ids.extend(self.graph.overlays.iter().flat_map(overlay_reads));
        ids.extend(hedges::reads(self.graph));
        ids
    }

    pub(super) fn overlays(&self) -> Vec<PlanOverlay> {
        let tick = |id: NodeId| self.at_tick.get(id.0 as usize).copied().unwrap_or(usize::MAX);
        let one = |overlay: &OverlayDef| {
            let (target, band) = overlay.target?;
            let clause = |word: &str| {
                let found = overlay.clauses.iter().find(|(w, _)| w == word);
                found.map(|(_, id)| *id)
            };
            Some(PlanOverlay {
                key: Arc::from(overlay.key.as_str()),
                structure: overlay.structure,
                instrument: overlay.instrument,
                target: tick(target),
                band: tick(band),
                active: clause("active").map(tick),
                require: clause("require").map(tick),
                candidate_nodes: self.reached(&overlay_reads(overlay), Domain::Candidate),
            })
        };
        self.graph.overlays.iter().filter_map(one).collect()
    }

    pub(super) fn rules(&self) -> Result<(Vec<PlanGuard>, Vec<PlanRule>), LinkError> {
        let exists = |id: alula_dsl::graph::StructureId, key: &str| {
            let found = self.graph.structures.get(id.0 as usize).is_some();
            if found {
                Ok(())
            } else {
                Err(LinkError::Structure(key.to_owned()))
            }
        };
        let tick = |id: NodeId| self.at_tick.get(id.0 as usize).copied().unwrap_or(usize::MAX);
        let mut guards = Vec::new();
        for guard in &self.graph.guards {
            if let GuardAct::Flatten(structure) = guard.action {
                exists(structure, &guard.key)?;
            }
            guards.push(PlanGuard {
                key: Arc::from(guard.key.as_str()),
                require: tick(guard.require),
                act: guard.action.clone(),
                unknown: guard.unknown,
            });
        }
        let mut rules = Vec::new();
        for policy in &self.graph.policies {
            exists(policy.structure, &policy.key)?;
            for rule in &policy.rules {
                let mut reads = rule_reads(rule);
                if let Some(structure) = self.graph.structures.get(policy.structure.0 as usize) {
                    reads.extend(leg_reads(&structure.legs));
                }
                rules.push(PlanRule {
                    key: Arc::from(rule.key.as_str()),
                    kind: kind_of(rule),
                    structure: policy.structure,
                    action: rule.action.clone(),
                    when: tick(rule.when),
                    require: rule.require.map(tick),
                    limit: rule.limit,
                    unknown: rule.unknown,
                    rank: rule.rank.map(tick),
                    conflict: rule.conflict,
                    position_nodes: self.reached(&reads, Domain::Position),
                    candidate_nodes: self.reached(&reads, Domain::Candidate),
                });
            }
        }
        // Closes, rolls, opens; the sort is stable, so textual order stays within a kind.
        rules.sort_by_key(|r| r.kind);
        Ok((guards, rules))
    }

    /// Nodes of a domain that lie behind the given ones, inputs first.
    pub(super) fn reached(&self, from: &[NodeId], domain: Domain) -> Vec<usize> {
        let mut seen = vec![false; self.nodes.len()];
        let mut stack: Vec<usize> = from.iter().map(|i| i.0 as usize).collect();
        while let Some(index) = stack.pop() {
            if seen.get_mut(index).is_none_or(|s| std::mem::replace(s, true)) {
                continue;
            }
            if let Some(node) = self.nodes.get(index) {
                stack.extend(node.inputs.iter().copied());
            }
        }
        let of_domain = |i: &usize| self.nodes.get(*i).is_some_and(|n| n.domain == domain);
        let wanted = |i: &usize| seen.get(*i) == Some(&true) && of_domain(i);
        self.order.iter().copied().filter(wanted).collect()
    }
}
