//! Overlays: a future or share that holds a structure's delta in a band, checked and lowered as declared.

use super::Checker;
use super::value::{Affine, Place, Val, literal_unit, number};
use crate::ast::{Amount, Ident, Item, LitUnit, Overlay, OverlayClause};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{NodeId, OverlayDef, StructureId};
use crate::lower::Origin;
use crate::reference;
use crate::span::Span;
use crate::unit::Unit;

impl Checker<'_> {
    pub(super) fn overlay(&mut self, o: &Overlay, item: &Item) {
        let name = o.name.value.clone();
        let structure = self.structure_named(&o.on);
        let mut traded = None;
        let mut clauses: Vec<(String, NodeId)> = Vec::new();
        let mut seen: Vec<(&'static str, Span)> = Vec::new();
        for clause in &o.clauses {
            let word = match &clause.value {
                OverlayClause::Trade { .. } => "trade",
                OverlayClause::Active { .. } => "active",
                OverlayClause::Require(_) => "require",
            };
            if self.stands_twice(word, clause.span, &mut seen) {
                continue;
            }
            let key = format!("{name}.{word}");
            let id = match &clause.value {
                OverlayClause::Trade {
                    instrument,
                    greek,
                    target,
                    band,
                } => {
                    traded = self.trade(instrument, greek, target, band, &key);
                    None
                }
                OverlayClause::Active { when, until } => {
                    self.switch(when, until.as_ref(), Place::Overlay, &key, clause.span)
                }
                OverlayClause::Require(e) => self.rule_condition(e, Place::Overlay, &key),
            };
            clauses.extend(id.map(|id| (word.to_owned(), id)));
        }
        if !seen.iter().any(|(w, _)| *w == "trade") {
            let message = format!("the overlay `{name}` trades nothing");
            let d = Diagnostic::error(codes::MISSING_CLAUSE, o.name.span, message);
            self.report(d.help("add `trade ES to delta 0 ± 5 delta`"));
        }
        let (Some(structure), Some((instrument, target))) = (structure, traded) else {
            return;
        };
        if !seen.iter().any(|(w, _)| *w == "active") {
            let held = self.while_held(&o.on, &name, o.name.span);
            clauses.extend(held.map(|id| ("active".to_owned(), id)));
        }
        self.push_overlay(name, structure, instrument, target, clauses, item);
    }

    fn push_overlay(
        &mut self,
        key: String,
        structure: StructureId,
        instrument: crate::builtin::Instrument,
        target: (NodeId, NodeId),
        clauses: Vec<(String, NodeId)>,
        item: &Item,
    ) {
        let span = item.span;
        self.overlays.push(OverlayDef {
            key,
            structure,
            instrument,
            target: Some(target),
            clauses,
            span,
        });
    }

    fn trade(
        &mut self,
        instrument: &Ident,
        greek: &Ident,
        target: &Amount,
        band: &Amount,
        key: &str,
    ) -> Option<(crate::builtin::Instrument, (NodeId, NodeId))> {
        let word = self.one_of_words(greek, &["delta"]);
        let known = reference::instrument(&instrument.value);
        let tradable = known.filter(|i| {
            matches!(
                i,
                crate::builtin::Instrument::Es | crate::builtin::Instrument::Spy
            )
        });
        if tradable.is_none() {
            let (code, message) = match known {
                Some(_) => (
                    codes::NOT_TRADABLE,
                    format!("`{}` itself is not traded", instrument.value),
                ),
                None => (
                    codes::UNKNOWN_INSTRUMENT,
                    format!("there is no instrument `{}`", instrument.value),
                ),
            };
            self.report(
                Diagnostic::error(code, instrument.span, message).help("an overlay trades `ES` or `SPY`"),
            );
        }
        let at = self.delta_amount(target, &format!("{key}.target"));
        let width = self.delta_amount(band, &format!("{key}.band"));
        word?;
        Some((tradable?, (at?.id, width?.id)))
    }

    fn delta_amount(&mut self, a: &Amount, key: &str) -> Option<Val> {
        let found = self.amount(a, key)?;
        if found.unit == LitUnit::None && found.value == 0.0 {
            let text = self.text(found.span);
            let origin = Origin::new(key, text, found.span);
            return Some(Val::free(self.builder.number(0.0, number(Unit::DELTA), origin)));
        }
        if literal_unit(found.unit) == Some(Unit::DELTA) {
            return Some(Val::of(found.id, Affine::Free));
        }
        let text = self.text(found.span);
        let message = format!("`{text}` is not an amount of delta");
        self.error(
            codes::WRONG_UNIT,
            found.span,
            message,
            format!("write `{text} delta`"),
        )
    }
}
