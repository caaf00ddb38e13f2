//! Betas: whether what is on VIX has one declared wherever a beta is asked for.

use super::Checker;
use crate::ast::{Expr, Hedge};
use crate::builtin::BookObs;
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{LayerDef, NodeId, Op, RuleAction, SizeBasis, SizeDef, StructureDef, StructureId};
use crate::span::Span;

/// What to write.
const DECLARE: &str = "add `beta VIX by -3 at 30 days` to the hedge, the return of a VX future for one of SPX, or a signal such as \
                       `beta(VX[1].close, SPX.close, 60)`";

impl Checker<'_> {
    /// Layers of a hedge that are sized by beta, own what is on VIX, and whose hedge does not say how that moves with SPX.
    pub(super) fn sized_without_beta(&mut self, h: &Hedge, layers: &[LayerDef]) {
        for layer in layers {
            let owned = [layer.own, layer.rotate].into_iter().flatten();
            let vix = owned.into_iter().any(|id| self.on_vix(id));
            if !vix || !by_beta(layer.size.as_ref()) {
                continue;
            }
            let message = format!(
                "the layer `{}` is sized by beta, and the hedge `{}` does not say how VIX moves with SPX",
                layer.key, h.name.value
            );
            self.report(Diagnostic::error(codes::MISSING_CLAUSE, layer.span, message).help(DECLARE));
        }
    }

    /// Betas of the account, of structures and of entries that count something on VIX in a file whose hedges declare no beta.
    pub(super) fn betas_are_declared(&mut self) {
        let declared = |h: &crate::graph::HedgeDef| h.clauses.iter().any(|(word, _)| word == "beta");
        if self.hedges.iter().any(declared) {
            return;
        }
        let mut asked: Vec<Span> = Vec::new();
        for node in self.builder.nodes() {
            let Op::Book {
                what: BookObs::Beta,
                of,
            } = &node.op
            else {
                continue;
            };
            let vix = match of {
                Some(id) => self.on_vix(*id),
                None => self.structures.iter().any(is_on_vix),
            };
            asked.extend(vix.then_some(node.span));
        }
        for policy in &self.policies {
            let opens = policy
                .rules
                .iter()
                .filter(|r| matches!(&r.action, RuleAction::Open { size, .. } if by_beta(Some(size))));
            asked.extend(opens.map(|r| r.span).filter(|_| self.on_vix(policy.structure)));
        }
        for span in asked {
            let message = "a beta is asked for of what is on VIX, and nothing says how VIX moves with SPX";
            self.report(Diagnostic::error(codes::MISSING_CLAUSE, span, message).help(DECLARE));
        }
    }

    /// A layer is part of the book: sized by a share of the book's beta it would chase itself.
    pub(super) fn not_of_itself(&mut self, size: NodeId, e: &Expr) -> Option<()> {
        let mut stack = vec![size];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(id) = stack.pop() {
            let Some(node) = self.builder.node(id).filter(|_| seen.insert(id)) else {
                continue;
            };
            if matches!(
                &node.op,
                Op::Book {
                    what: BookObs::Beta,
                    of: None
                }
            ) {
                let text = self.text(e.span);
                return self.error(
                    codes::WRONG_CONTEXT,
                    e.span,
                    format!("`{text}` counts the layer itself: each purchase would change its own size"),
                    "write the beta of what is hedged, such as `30% of beta(core)`",
                );
            }
            stack.extend(&node.inputs);
        }
        Some(())
    }

    fn on_vix(&self, id: StructureId) -> bool {
        self.structures.get(id.0 as usize).is_some_and(is_on_vix)
    }
}

fn is_on_vix(structure: &StructureDef) -> bool {
    structure.underlying.quotes_vol() || structure.underlying.is_vix_shares()
}

const fn by_beta(size: Option<&SizeDef>) -> bool {
    matches!(
        size,
        Some(SizeDef::Budget {
            by: SizeBasis::Beta,
            ..
        })
    )
}
