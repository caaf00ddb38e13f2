//! What an operator's overlays do at a tick: see [`crate::operator`].

use super::Walk;
use crate::decision::{Ended, RuleKind, Verdict};
use crate::operator::{Intervention, Overlay};
use crate::state::State;
use crate::value::Cell;
use alula_book::OrderKind;
use alula_dsl::graph::StructureId;
use std::sync::Arc;

impl Walk<'_> {
    /// Those whose time is not over.
    pub(super) fn in_force(&mut self, state: &State) -> Vec<Arc<Overlay>> {
        let now = self.tick.at;
        let mut out = Vec::new();
        for overlay in &state.overlays {
            if overlay.instruction.until.is_some_and(|end| end <= now) {
                self.end(overlay, "its time is over");
            } else {
                out.push(Arc::clone(overlay));
            }
        }
        out
    }

    /// The first overlay that holds entries of a node back.
    pub(super) fn paused(&self, node: &str) -> Option<u32> {
        self.operator.iter().find(|o| o.pauses(node)).map(|o| o.number)
    }

    /// What a layer's size is multiplied by, and the newest overlay that says so.
    pub(super) fn scaled(&self, layer: &str) -> Option<(f64, u32)> {
        let factors = self
            .operator
            .iter()
            .filter_map(|o| Some((o.scales(layer)?, o.number)));
        factors.fold(None, |all, (percent, number)| {
            let (before, _) = all.unwrap_or((1.0, 0));
            Some((before * f64::from(percent) / 100.0, number))
        })
    }

    fn end(&mut self, overlay: &Overlay, how: &'static str) {
        self.decision.ended.push(Ended {
            overlay: overlay.number,
            how,
        });
    }

    /// Closes what is to be closed; done when nothing of it is left.
    pub(super) fn operator_closes(&mut self) {
        for overlay in self.operator.clone() {
            let Intervention::Close(name) = &overlay.instruction.what else {
                continue;
            };
            let structures = &self.plan.graph().structures;
            let place = structures.iter().position(|s| s.key == *name);
            let Some(id) = place.and_then(|i| u32::try_from(i).ok()).map(StructureId) else {
                self.end(&overlay, "the strategy has no such structure");
                continue;
            };
            let book = self.book;
            let held = book.positions().any(|p| *p.structure == **name)
                || book.ledger().positions().any(|p| *p.structure == **name);
            let opening = book.orders().iter().map(|o| &o.request);
            let opening = opening.filter(|r| matches!(r.kind, OrderKind::Open { .. }));
            let opening = opening.map(|r| &r.structure).any(|s| **s == **name)
                || book
                    .ledger()
                    .orders()
                    .iter()
                    .any(|o| *o.request.structure == **name);
            if !held && !opening {
                self.end(&overlay, "nothing of it is held");
                continue;
            }
            let key = overlay.key();
            let (orders, linear) = self.flatten(&key, id);
            let yes = (Cell::from(true), None);
            for place in orders {
                let position = match self.decision.orders.get(place).map(|o| &o.kind) {
                    Some(OrderKind::Close { position }) => Some(*position),
                    _ => None,
                };
                self.outcome(&key, RuleKind::Close, position, yes, Verdict::Ordered(place));
            }
            for place in linear {
                self.outcome(&key, RuleKind::Close, None, yes, Verdict::OrderedLinear(place));
            }
        }
    }

    /// Opens what is to be opened, as the structure's own rule would: its package, size, requirement and price.
    pub(super) fn operator_opens(&mut self) {
        let plan = self.plan;
        for overlay in self.operator.clone() {
            let Intervention::Open(name) = &overlay.instruction.what else {
                continue;
            };
            let mut opens = plan
                .rules()
                .iter()
                .enumerate()
                .filter(|(_, r)| r.kind == RuleKind::Open);
            let found = opens.find(|(_, r)| *r.key == **name || *plan.structure_key(r.structure) == **name);
            let Some((index, rule)) = found else {
                self.end(&overlay, "the strategy has no such rule");
                continue;
            };
            let mut own = rule.clone();
            own.key = overlay.key();
            let mut require = None;
            let verdict = match self.try_open(index, &own, &mut require) {
                Ok(verdict) => {
                    self.opened.insert(own.structure, Arc::clone(&own.key));
                    self.end(&overlay, "ordered");
                    verdict
                }
                Err(skip) => {
                    if overlay.instruction.until.is_none() {
                        self.end(&overlay, "tried, and kept from it");
                    }
                    Verdict::Skipped(skip)
                }
            };
            self.outcome(
                &own.key,
                RuleKind::Open,
                None,
                (Cell::from(true), require),
                verdict,
            );
        }
    }

    /// Takes those away that have ended.
    pub(super) fn operator_ends(&self, state: &mut State) {
        let ended = &self.decision.ended;
        state
            .overlays
            .retain(|o| ended.iter().all(|e| e.overlay != o.number));
    }
}
