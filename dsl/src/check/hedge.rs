//! Hedges with their layers, and overlays: checked and lowered as declared.

mod layer;

use super::Checker;
use super::value::{Place, number};
use crate::ast::{
    Amount, Expr, Hedge, HedgeClause, Ident, Item, LayerClause, LitUnit, Literal, MapOf, SizeExpr,
};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{HedgeDef, HedgeTarget, LayerDef, NodeId, StructureId};
use crate::lower::Origin;
use crate::reference;
use crate::span::Span;
use crate::unit::Unit;
use std::collections::BTreeMap;

const GREEKS: &[&str] = &["delta", "gamma", "vega", "theta"];

impl Checker<'_> {
    pub(super) fn hedge(&mut self, h: &Hedge, item: &Item) {
        let name = h.name.value.clone();
        let structure = self.structure_named(&h.on);
        if h.layers.is_empty() {
            let message = format!("the hedge `{name}` has no layers");
            let help = "add `layer base { own call on VIX { … } size … }`";
            self.report(Diagnostic::error(codes::MISSING_CLAUSE, h.name.span, message).help(help));
        }
        let mut target = None;
        let mut clauses: Vec<(String, NodeId)> = Vec::new();
        let mut seen: Vec<(&'static str, Span)> = Vec::new();
        for clause in &h.clauses {
            let word = hedge_word(&clause.value);
            if self.stands_twice(word, clause.span, &mut seen) {
                continue;
            }
            let key = format!("{name}.{word}");
            match &clause.value {
                HedgeClause::Target { greek, amount, band } => {
                    target = self.target(greek, amount, band.as_ref(), &key)
                }
                HedgeClause::Budget { amount, per } => {
                    clauses.extend(self.hedge_budget(amount, per, Place::Book, &key));
                }
                HedgeClause::Cap(e) => {
                    let v = self.in_unit(e, Unit::USD, "a cap", Place::Book, &key);
                    clauses.extend(v.map(|v| (word.to_owned(), self.builder.at_tick(v.id))));
                }
                HedgeClause::NoTradeBand(a) => {
                    clauses.extend(
                        self.share(a, "the band", false, &key)
                            .map(|id| (word.to_owned(), id)),
                    );
                }
                HedgeClause::Map {
                    of,
                    instrument,
                    by,
                    at,
                } => {
                    let found = self.mapping(*of, instrument, by, &key);
                    clauses.extend(found.map(|id| (word.to_owned(), id)));
                    let at = at.as_ref().and_then(|at| self.mapping_at(at, &key));
                    clauses.extend(at.map(|id| (format!("{word}.at"), id)));
                }
            }
        }
        if !seen.iter().any(|(word, _)| *word == "target") {
            self.scales_without_target(h);
        }
        let layers = self.layers(h);
        if !seen.iter().any(|(word, _)| *word == MapOf::Return.word()) {
            self.sized_without_beta(h, &layers);
        }
        let Some(structure) = structure else { return };
        let (doc, span) = (item.doc.clone(), item.span);
        self.hedges.push(HedgeDef {
            key: name,
            structure,
            target,
            layers,
            clauses,
            doc,
            span,
        });
    }

    /// A share of a target that the hedge does not have.
    fn scales_without_target(&mut self, h: &Hedge) {
        for layer in &h.layers {
            let scaled = layer
                .value
                .clauses
                .iter()
                .find(|c| matches!(&c.value, LayerClause::Size(SizeExpr::Scale { .. })));
            if let Some(clause) = scaled {
                let message = format!(
                    "the layer `{}` is a share of a target, and the hedge has none",
                    layer.value.name.value
                );
                let d = Diagnostic::error(codes::MISSING_CLAUSE, clause.span, message);
                self.report(d.help(format!(
                    "add `target vega = 35% of vega({})` to the hedge",
                    h.on.value
                )));
            }
        }
    }

    /// Reports a clause that already stood.
    pub(super) fn stands_twice(
        &mut self,
        word: &'static str,
        span: Span,
        seen: &mut Vec<(&'static str, Span)>,
    ) -> bool {
        if let Some((_, first)) = seen.iter().find(|(w, _)| *w == word).copied() {
            self.duplicate(word, first, span);
            return true;
        }
        seen.push((word, span));
        false
    }

    fn target(
        &mut self,
        greek: &Ident,
        amount: &Expr,
        band: Option<&(Amount, Amount)>,
        key: &str,
    ) -> Option<HedgeTarget> {
        let word = self.one_of_words(greek, GREEKS);
        let which = word.and_then(reference::greek);
        let unit = reference::book(&greek.value).map_or(Unit::USD, reference::book_unit);
        let what = format!("a target of {}", greek.value);
        let v = if which.is_some() {
            self.in_unit(amount, unit, &what, Place::Book, key)
        } else {
            self.expr(amount, Place::Book, key)
        };
        let band = match band {
            None => None,
            Some((lo, hi)) => {
                let from = self.share(lo, "the band", true, &format!("{key}.from"));
                let to = self.share(hi, "the band", true, &format!("{key}.to"));
                let (from, to) = (from?, to?);
                if let (Some(a), Some(b)) = (self.builder.constant(from), self.builder.constant(to))
                    && a > b
                {
                    let (from, to) = (self.builder.text(from), self.builder.text(to));
                    let message = format!("the band `{from}..{to}` contains nothing");
                    return self.error(
                        codes::RANGE_INVERTED,
                        amount_span(lo).to(amount_span(hi)),
                        message,
                        format!("write `{to}..{from}`"),
                    );
                }
                Some((from, to))
            }
        };
        Some((which?, self.builder.at_tick(v?.id), band))
    }

    /// `map VIX by 60%`, `beta VIX by -3`.
    fn mapping(&mut self, of: MapOf, instrument: &Ident, by: &Expr, key: &str) -> Option<NodeId> {
        if instrument.value != "VIX" {
            let name = &instrument.value;
            let (message, help) = match of {
                MapOf::Vol => (
                    format!("`{name}` needs no mapping to SPX vol"),
                    "write `map VIX by 60%`: what is held on SPX counts as it is",
                ),
                MapOf::Return => (
                    format!("the beta of `{name}` is not declared here"),
                    "write `beta VIX by -3 at 30 days`: it is that of the VX future, and counts for VX and its notes too; \
                     SPX, XSP, SPY and ES have a beta of one",
                ),
            };
            return self.error(codes::BAD_WORD, instrument.span, message, help);
        }
        // A fact of the market: the account's own vega is measured by it.
        let v = self.in_unit(by, Unit::NONE, "a mapping", Place::Market, key)?;
        Some(self.builder.at_tick(v.id))
    }

    /// `at 30 days`.
    fn mapping_at(&mut self, at: &Literal, key: &str) -> Option<NodeId> {
        let text = self.text(at.span);
        if !matches!(at.unit, LitUnit::Days | LitUnit::Dte) || at.number <= 0.0 {
            let message = format!("`{text}` is not a distance to expiry");
            let help =
                "write `at 30 days`: where the ratio holds; nearer futures move more, further ones less";
            return self.error(codes::WRONG_UNIT, at.span, message, help);
        }
        let origin = Origin::new(format!("{key}.at"), text, at.span);
        let id = self.builder.number(at.number, number(Unit::NONE), origin);
        Some(self.builder.at_tick(id))
    }

    fn hedge_budget(
        &mut self,
        amount: &Expr,
        per: &Ident,
        place: Place,
        key: &str,
    ) -> Option<(String, NodeId)> {
        let per = self.one_of_words(per, &["month", "year"]);
        let v = self.in_unit(amount, Unit::USD, "a budget", place, key);
        Some((format!("budget.{}", per?), self.builder.at_tick(v?.id)))
    }

    fn layers(&mut self, h: &Hedge) -> Vec<LayerDef> {
        let mut first: BTreeMap<&str, Span> = BTreeMap::new();
        let mut out = Vec::new();
        for layer in &h.layers {
            let name = &layer.value.name;
            if let Some(span) = first.insert(&name.value, name.span) {
                let message = format!("the hedge has two layers named `{}`", name.value);
                let d = Diagnostic::error(codes::DUPLICATE_NAME, name.span, message)
                    .label("the second")
                    .also(span, "the first")
                    .help("rename one of them: the name is part of the layer's key");
                self.report(d);
                continue;
            }
            out.push(self.layer(h, layer));
        }
        self.rotations(h, &mut out);
        out
    }

    /// What each layer's `rotate to` names: a declared structure, or what another layer of the hedge owns.
    fn rotations(&mut self, h: &Hedge, layers: &mut [LayerDef]) {
        let own: BTreeMap<String, Option<StructureId>> =
            layers.iter().map(|l| (l.key.clone(), l.own)).collect();
        for layer in &h.layers {
            let key = format!("{}.{}", h.name.value, layer.value.name.value);
            let to = layer.value.clauses.iter().find_map(|c| match &c.value {
                LayerClause::Rotate { to, .. } => Some(to),
                _ => None,
            });
            let Some(to) = to else { continue };
            let sibling = own.get(&format!("{}.{}", h.name.value, to.value));
            let found = match sibling {
                Some(_) if to.value == layer.value.name.value => self.error(
                    codes::WRONG_CONTEXT,
                    to.span,
                    format!("the layer `{}` rotates into itself", to.value),
                    "name another layer of the hedge, or a structure",
                ),
                Some(id) => *id,
                None => self.rotates_to(h, to),
            };
            if let Some(def) = layers.iter_mut().find(|l| l.key == key) {
                def.rotate = found;
            }
        }
    }

    /// `when … until …` as one latch, or the bare condition, at the tick.
    pub(super) fn switch(
        &mut self,
        when: &Expr,
        until: Option<&Expr>,
        place: Place,
        key: &str,
        span: Span,
    ) -> Option<NodeId> {
        let Some(off) = until else {
            return self.rule_condition(when, place, key);
        };
        let text = format!("{} until {}", self.expr_text(when), self.expr_text(off));
        let v = self.latch_parts(when, off, place, key, Origin::new(key, text, span))?;
        Some(self.builder.at_tick(v.id))
    }
}

const fn hedge_word(clause: &HedgeClause) -> &'static str {
    match clause {
        HedgeClause::Target { .. } => "target",
        HedgeClause::Budget { .. } => "budget",
        HedgeClause::Cap(_) => "cap",
        HedgeClause::NoTradeBand(_) => "band",
        HedgeClause::Map { of, .. } => of.word(),
    }
}

const fn amount_span(a: &Amount) -> Span {
    match a {
        Amount::Literal(l) => l.span,
        Amount::Name(n) => n.span,
    }
}
