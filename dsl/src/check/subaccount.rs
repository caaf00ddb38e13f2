//! Subaccounts: what is held apart, with money of its own.

use super::Checker;
use crate::ast::{Ident, Item, ItemKind, LitUnit, Literal, Subaccount, SubaccountClause};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{StructureId, SubaccountDef};
use crate::resolve::kind_word;
use crate::resolve::suggest::did_you_mean;
use crate::span::Span;

impl Checker<'_> {
    pub(super) fn subaccount(&mut self, a: &Subaccount, item: &Item, capital: Option<f64>) {
        let name = &a.name;
        let mut money: Option<(f64, Span)> = None;
        let mut holds: Vec<(String, Span)> = Vec::new();
        let mut wrong = false;
        for clause in &a.clauses {
            match &clause.value {
                SubaccountClause::Capital(l) => {
                    if let Some((_, first)) = money {
                        self.duplicate("capital", first, clause.span);
                        continue;
                    }
                    money = Some((self.set_apart(l).unwrap_or(0.0), clause.span));
                }
                SubaccountClause::Holds(names) => {
                    for n in names {
                        if let Some((_, first)) = holds.iter().find(|(h, _)| *h == n.value) {
                            self.duplicate(&n.value.clone(), *first, n.span);
                        } else if self.holdable(n).is_some() {
                            holds.push((n.value.clone(), n.span));
                        } else {
                            wrong = true;
                        }
                    }
                }
            }
        }
        let missing = |word: &str, example: &str| {
            let message = format!("the subaccount `{}` does not say its `{word}`", name.value);
            Diagnostic::error(codes::MISSING_CLAUSE, name.span, message).help(format!("add `{example}`"))
        };
        let Some((own, at)) = money else {
            return self.report(missing("capital", "capital $40_000"));
        };
        if holds.is_empty() && wrong {
            return;
        }
        if holds.is_empty() {
            return self.report(missing("holds", "holds second_engine"));
        }
        let taken: f64 = self.subaccounts.iter().map(|s| s.capital_usd).sum();
        if let Some(all) = capital.filter(|all| taken + own > *all) {
            let message = format!("subaccounts take ${:.0} of a capital of ${all:.0}", taken + own);
            let d = Diagnostic::error(codes::BAD_CONSTANT, at, message);
            self.report(d.help("set apart less, or give the strategy more capital"));
        }
        let mut structures = Vec::new();
        for (held, span) in &holds {
            for key in self.positions_of(held) {
                self.belongs_elsewhere(&key, held, *span);
                if !structures.contains(&key) {
                    structures.push(key);
                }
            }
        }
        for policy in self.policies.clone() {
            let inside = holds.iter().any(|(h, _)| *h == policy.key);
            let key = self.structure_key(policy.structure);
            if !inside && key.as_ref().is_some_and(|k| structures.contains(k)) {
                let message = format!(
                    "`{}` opens, closes or rolls what the subaccount `{}` holds, and is not in it",
                    policy.key, name.value
                );
                let d = Diagnostic::error(codes::WRONG_CONTEXT, policy.span, message)
                    .also(name.span, "the subaccount")
                    .help("name the policy in `holds` too, or give it a structure of its own");
                self.report(d);
            }
        }
        self.subaccounts.push(SubaccountDef {
            key: name.value.clone(),
            capital_usd: own,
            holds: holds.into_iter().map(|(h, _)| h).collect(),
            structures,
            doc: item.doc.clone(),
            span: item.span,
        });
    }

    fn set_apart(&mut self, l: &Literal) -> Option<f64> {
        if l.unit == LitUnit::Usd && l.number > 0.0 {
            return Some(l.number);
        }
        let text = self.text(l.span);
        let message = format!("`{text}` is not an amount of money to set apart");
        self.error(codes::WRONG_UNIT, l.span, message, "write `capital $40_000`")
    }

    /// A policy, a hedge or an overlay.
    fn holdable(&mut self, n: &Ident) -> Option<()> {
        let symbols = self.symbols;
        let fits = |kind: &ItemKind| {
            matches!(
                kind,
                ItemKind::Policy(_) | ItemKind::Hedge(_) | ItemKind::Overlay(_)
            )
        };
        match symbols.by_name.get(n.value.as_str()) {
            Some(s) if fits(&s.item.kind) => Some(()),
            Some(s) => {
                let message = format!(
                    "`{}` is a {}; a subaccount holds policies, hedges and overlays",
                    n.value,
                    kind_word(&s.item.kind)
                );
                self.error(
                    codes::WRONG_KIND_OF_NAME,
                    n.span,
                    message,
                    "name the policy or hedge that trades it",
                )
            }
            None => {
                let known = symbols.by_name.iter().filter(|(_, s)| fits(&s.item.kind));
                let help = did_you_mean(&n.value, known.map(|(n, _)| *n))
                    .unwrap_or_else(|| "name a policy, a hedge or an overlay of this file".to_owned());
                let message = format!("there is no policy, hedge or overlay `{}`", n.value);
                self.error(codes::UNKNOWN_NAME, n.span, message, help)
            }
        }
    }

    fn structure_key(&self, id: StructureId) -> Option<String> {
        self.structures.get(id.0 as usize).map(|s| s.key.clone())
    }

    /// Keys of the positions that an item makes.
    fn positions_of(&self, name: &str) -> Vec<String> {
        let policies = self.policies.iter().filter(|p| p.key == name);
        let structures = policies.filter_map(|p| self.structure_key(p.structure));
        let hedges = self.hedges.iter().filter(|h| h.key == name);
        let layers = hedges.flat_map(|h| &h.layers).map(|l| l.key.clone());
        let overlays = self.overlays.iter().filter(|o| o.key == name);
        structures
            .chain(layers)
            .chain(overlays.map(|o| o.key.clone()))
            .collect()
    }

    fn belongs_elsewhere(&mut self, key: &str, held: &str, span: Span) {
        let other = self
            .subaccounts
            .iter()
            .find(|s| s.structures.iter().any(|k| k == key))
            .map(|s| (s.key.clone(), s.span));
        if let Some((other, at)) = other {
            let message = format!("what `{held}` holds belongs to the subaccount `{other}` already");
            let d = Diagnostic::error(codes::WRONG_CONTEXT, span, message)
                .also(at, "the other subaccount")
                .help("name it in one of them");
            self.report(d);
        }
    }
}
