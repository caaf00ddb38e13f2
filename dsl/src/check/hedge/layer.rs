//! A layer: its clauses, votes, sizes and bases.

use super::super::Checker;
use super::super::value::{Place, number};
use crate::ast::{Expr, Hedge, Ident, Layer, LayerClause, LitUnit, Node, OnUnknown, SizeExpr};
use crate::builtin::BookObs;
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{
    Arith, Clock, Cmp, Domain, LayerDef, LegDef, NodeId, Op, SizeBasis, SizeDef, StructureId, ValueKind,
};
use crate::lower::Origin;
use crate::resolve::suggest::did_you_mean;
use crate::span::Span;
use crate::unit::Unit;

impl Checker<'_> {
    pub(super) fn layer(&mut self, h: &Hedge, layer: &Node<Layer>) -> LayerDef {
        let span = layer.span;
        let layer = &layer.value;
        let key = format!("{}.{}", h.name.value, layer.name.value);
        let mut def = LayerDef {
            key: key.clone(),
            own: None,
            size: None,
            votes: Vec::new(),
            active: None,
            clauses: Vec::new(),
            words: Vec::new(),
            rules: Vec::new(),
            rotate: None,
            unknown: OnUnknown::Hold,
            span,
        };
        // Votes first: the other clauses may count them, wherever they stand.
        let mut seen: Vec<(&'static str, Span)> = Vec::new();
        let mut votes = None;
        for clause in &layer.clauses {
            let word = layer_word(&clause.value);
            if self.stands_twice(word, clause.span, &mut seen) {
                continue;
            }
            if let LayerClause::Vote(list) = &clause.value {
                votes = self.votes(list, &key, clause.span, &mut def.votes);
            }
        }
        let place = Place::Layer(votes);
        let mut done: Vec<&'static str> = Vec::new();
        for clause in &layer.clauses {
            let word = layer_word(&clause.value);
            if done.contains(&word) {
                continue;
            }
            done.push(word);
            self.layer_clause(&clause.value, clause.span, place, &mut def);
        }
        for (word, example) in [
            ("own", "own call on VIX { … }"),
            ("size", "size 18% of max_loss(core)"),
        ] {
            if !done.contains(&word) {
                let message = format!("the layer `{}` does not say its `{word}`", layer.name.value);
                let d = Diagnostic::error(codes::MISSING_CLAUSE, layer.name.span, message);
                self.report(d.help(format!("add `{example}`")));
            }
        }
        self.futures_size(&def, &layer.name);
        self.shares_stay(&def, &layer.name);
        if !done.contains(&"active") {
            def.active = self.while_held(&h.on, &key, layer.name.span);
        }
        let condition = |word: &str| def.clauses.iter().find(|(w, _)| w == word).map(|(_, id)| *id);
        let rolls = def.words.iter().any(|(w, _)| w == "roll");
        let rules = [
            (String::new(), def.active),
            (".roll".to_owned(), def.active.filter(|_| rolls)),
            (".rotate".to_owned(), condition("rotate")),
            (".migrate".to_owned(), condition("migrate")),
        ];
        let named = |(suffix, id): (String, Option<NodeId>)| Some((format!("{key}{suffix}"), id?));
        def.rules = rules.into_iter().filter_map(named).collect();
        def
    }

    /// `positions(core) > 0`: a layer or an overlay that says nothing is on while there is something to hedge.
    pub(in super::super) fn while_held(&mut self, on: &Ident, key: &str, span: Span) -> Option<NodeId> {
        let of = self.structure_ids.get(on.value.as_str()).copied().flatten()?;
        let held = format!("positions({})", on.value);
        let op = Op::Book {
            what: BookObs::Positions,
            of: Some(of),
        };
        let held_now = self.source(op, Unit::NONE, Clock::Tick, Domain::Book, &held, span);
        let origin = Origin::new(format!("{key}.active"), format!("{held} > 0"), span);
        let none = self.builder.number(
            0.0,
            number(Unit::NONE),
            Origin::new(format!("{key}.none"), "0", span),
        );
        Some(self.builder.emit(
            Op::Compare(Cmp::Gt),
            vec![held_now.id, none],
            ValueKind::Bool,
            Clock::Tick,
            Domain::Book,
            origin,
        ))
    }

    pub(super) fn votes(
        &mut self,
        list: &[Expr],
        key: &str,
        span: Span,
        out: &mut Vec<NodeId>,
    ) -> Option<(NodeId, usize)> {
        let checked: Vec<Option<NodeId>> = list
            .iter()
            .enumerate()
            .map(|(i, e)| self.rule_condition(e, Place::Layer(None), &format!("{key}.vote.{i}")))
            .collect();
        let ids: Vec<NodeId> = checked.into_iter().collect::<Option<_>>()?;
        out.clone_from(&ids);
        let (inputs, clock) = self.builder.align(&ids);
        let count = ids.len();
        let origin = Origin::new(format!("{key}.votes"), "votes", span);
        let id = self.builder.emit(
            Op::Votes,
            inputs,
            number(Unit::NONE),
            clock,
            Domain::Market,
            origin,
        );
        Some((id, count))
    }

    pub(super) fn layer_clause(
        &mut self,
        clause: &LayerClause,
        span: Span,
        place: Place,
        def: &mut LayerDef,
    ) {
        let word = layer_word(clause);
        let key = format!("{}.{word}", def.key);
        match clause {
            LayerClause::Own(shape) => def.own = self.layer_owns(def.key.clone(), &key, shape, span),
            LayerClause::Size(size) => def.size = self.layer_size(size, place, &key),
            LayerClause::Vote(_) => {}
            LayerClause::Active { when, until } => {
                def.active = self.switch(when, until.as_ref(), place, &key, span)
            }
            LayerClause::RollEvery(every) => {
                if let Some(every) = self.one_of_words(every, &["daily", "weekly", "monthly"]) {
                    def.words.push((word.to_owned(), every.to_owned()));
                }
            }
            LayerClause::Rotate { to, when, until } => {
                def.words.push(("rotate.to".to_owned(), to.value.clone()));
                let id = self.switch(when, until.as_ref(), place, &key, span);
                def.clauses.extend(id.map(|id| (word.to_owned(), id)));
            }
            LayerClause::Migrate { share, month, when } => {
                let share = self.share(share, "the share", false, &format!("{key}.share"));
                let month_number = crate::check::items::whole_number(month.number)
                    .filter(|m| month.unit == LitUnit::None && (1..=12).contains(m));
                match month_number {
                    Some(m) => def.words.push(("migrate.month".to_owned(), m.to_string())),
                    None => {
                        let text = self.text(month.span);
                        let message = format!("`{text}` is not a month of the curve");
                        let d = Diagnostic::error(codes::BAD_CONSTANT, month.span, message);
                        self.report(d.help("write a whole number from 1 (the front) to 12"));
                    }
                }
                let when = self.rule_condition(when, place, &key);
                def.clauses.extend(when.map(|id| (word.to_owned(), id)));
                def.clauses
                    .extend(share.map(|id| ("migrate.share".to_owned(), id)));
            }
            LayerClause::Cap(e) => {
                let v = self.in_unit(e, Unit::USD, "a cap", place, &key);
                def.clauses
                    .extend(v.map(|v| (word.to_owned(), self.builder.at_tick(v.id))));
            }
            LayerClause::Budget { amount, per } => {
                def.clauses.extend(self.hedge_budget(amount, per, place, &key));
            }
            LayerClause::Unknown(unknown) => def.unknown = *unknown,
        }
    }

    /// Shares do not expire: nothing of them rolls, and there is no month to move to.
    pub(super) fn shares_stay(&mut self, def: &LayerDef, name: &Ident) {
        let shares = |id: Option<StructureId>| {
            let own = id.and_then(|id| self.structures.get(id.0 as usize));
            own.is_some_and(|s| s.legs.iter().any(LegDef::is_shares))
        };
        let said = |word: &str| def.words.iter().any(|(w, _)| w == word);
        let word = ["roll", "migrate.month"].into_iter().find(|w| said(w));
        let Some(word) = word.filter(|_| shares(def.own) && !said("rotate.to")) else {
            return;
        };
        let word = word.split('.').next().unwrap_or(word);
        let message = format!(
            "the layer `{}` owns shares, which do not expire: `{word}` has nothing to do",
            name.value
        );
        let d = Diagnostic::error(codes::BAD_ROLL, name.span, message);
        self.report(d.help(format!("leave `{word}` out")));
    }

    /// Futures have no premium, and a spread of them no bound: some measures give them no size.
    pub(super) fn futures_size(&mut self, def: &LayerDef, name: &Ident) {
        let own = def.own.and_then(|id| self.structures.get(id.0 as usize));
        let Some(own) = own.filter(|s| s.legs.iter().all(|l| l.right.is_none()) && !s.legs.is_empty()) else {
            return;
        };
        let sold = own.legs.iter().any(|l| l.side == crate::ast::Side::Short);
        let (code, message) = match &def.size {
            Some(SizeDef::Budget {
                by: SizeBasis::Credit,
                ..
            }) => (
                codes::UNKNOWN_BASIS,
                format!(
                    "the layer `{}` owns {}, which have no credit to be measured by",
                    name.value,
                    if own.legs.iter().any(LegDef::is_shares) {
                        "shares"
                    } else {
                        "futures"
                    }
                ),
            ),
            Some(SizeDef::Budget {
                by: SizeBasis::MaxLoss,
                ..
            }) if sold => (
                codes::UNBOUNDED_RISK,
                format!(
                    "the layer `{}` sells a future, so that a lot has no largest loss to be measured by",
                    name.value
                ),
            ),
            _ => return,
        };
        let d = Diagnostic::error(code, name.span, message);
        self.report(
            d.help("write `35% of vega(core)`, `2% of equity by margin`, `3 lots`, or a scale of the target"),
        );
    }

    /// What a layer owns, under the layer's own key: that is what its positions are named by.
    pub(super) fn layer_owns(
        &mut self,
        layer: String,
        key: &str,
        shape: &crate::ast::Shape,
        span: Span,
    ) -> Option<StructureId> {
        let id = self.owned(key, shape, span)?;
        let def = self.structures.get_mut(id.0 as usize)?;
        let (first, rest) = def.legs.split_first()?;
        let mixed = rest.iter().any(|l| l.right.is_none() != first.right.is_none());
        def.key.clone_from(&layer);
        if mixed {
            let message = format!("the layer `{layer}` owns futures beside options");
            return self.error(
                codes::NOT_TRADABLE,
                shape.kind.span,
                message,
                "give the futures a layer of their own: the two do not fill together",
            );
        }
        Some(id)
    }

    pub(super) fn rotates_to(&mut self, h: &Hedge, to: &Ident) -> Option<StructureId> {
        if let Some(id) = self.structure_ids.get(to.value.as_str()) {
            return *id;
        }
        let layers = h.layers.iter().map(|l| l.value.name.value.as_str());
        let names: Vec<&str> = layers.chain(self.structure_ids.keys().copied()).collect();
        let help = did_you_mean(&to.value, names.iter().copied()).unwrap_or_else(|| {
            format!(
                "declare it: `structure {} = call on VIX {{ … }}`, or name a layer of this hedge",
                to.value
            )
        });
        let message = format!("there is nothing named `{}` to rotate into", to.value);
        self.error(codes::UNKNOWN_NAME, to.span, message, help)
    }

    pub(super) fn layer_size(&mut self, size: &SizeExpr, place: Place, key: &str) -> Option<SizeDef> {
        match size {
            SizeExpr::Lots(a) => {
                let found = self.amount(a, key)?;
                if matches!(found.unit, LitUnit::Percent | LitUnit::Bps) {
                    return self.layer_basis(found.span);
                }
                let units = [LitUnit::Lots, LitUnit::None];
                self.whole(a, &units, "a number of lots, such as `20 lots`", key)
                    .map(SizeDef::Lots)
            }
            SizeExpr::Budget { amount, by } => {
                let basis = self.basis(by);
                let (v, unit) = self.quantity(amount, place, key)?;
                if unit == Unit::NONE {
                    return self.layer_basis(amount.span);
                }
                self.dollars(unit, amount)?;
                Some(SizeDef::Budget {
                    amount: self.builder.at_tick(v.id),
                    by: basis?,
                })
            }
            SizeExpr::Of(e) => {
                let (v, unit) = self.quantity(e, place, key)?;
                if unit == Unit::NONE {
                    return self.layer_basis(e.span);
                }
                self.dollars(unit, e)?;
                self.not_of_itself(v.id, e)?;
                let by = match self.measures(v.id).as_slice() {
                    [one] => *one,
                    [] => {
                        let text = self.text(e.span);
                        return self.no_basis(&text, e.span, true);
                    }
                    _ => {
                        let text = self.text(e.span);
                        let message =
                            format!("`{text}` mixes measures; by which does one lot count against it?");
                        let help = format!("write `{text} by max_loss`, or `by vega`");
                        return self.error(codes::SIZE_WITHOUT_BASIS, e.span, message, help);
                    }
                };
                Some(SizeDef::Budget {
                    amount: self.builder.at_tick(v.id),
                    by,
                })
            }
            SizeExpr::Scale { lo, hi, by, step } => {
                let from = self.share(lo, "the share", true, &format!("{key}.from"));
                let to = self.share(hi, "the share", true, &format!("{key}.to"));
                let by = self.scale_by(by, place, &format!("{key}.by"));
                let step = step
                    .as_ref()
                    .map(|s| self.share(s, "the step", false, &format!("{key}.step")));
                let step = match step {
                    None => None,
                    Some(found) => Some(found?),
                };
                Some(SizeDef::Scale {
                    lo: from?,
                    hi: to?,
                    by: by?,
                    step,
                })
            }
        }
    }

    pub(super) fn dollars(&mut self, unit: Unit, e: &Expr) -> Option<()> {
        if unit == Unit::USD {
            return Some(());
        }
        let message = format!("a layer's size is measured in dollars (vega too), not in {unit}");
        let d = Diagnostic::error(codes::WRONG_UNIT, e.span, message)
            .label(format!("this is {unit}"))
            .help("write `18% of max_loss(core)` or `35% of vega(core)`");
        self.fail(d)
    }

    /// The measures of positions that an amount is made of. Of the account's money there is none: a size says it with `by`.
    pub(super) fn measures(&self, root: NodeId) -> Vec<SizeBasis> {
        let mut found = Vec::new();
        let mut stack = vec![root];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(id) = stack.pop() {
            let Some(node) = self.builder.node(id).filter(|_| seen.insert(id)) else {
                continue;
            };
            if let Op::Book { what, .. } = &node.op {
                let basis = match what {
                    BookObs::MaxLoss => Some(SizeBasis::MaxLoss),
                    BookObs::Margin => Some(SizeBasis::Margin),
                    BookObs::Credit => Some(SizeBasis::Credit),
                    BookObs::Notional => Some(SizeBasis::Notional),
                    BookObs::Greek(crate::builtin::Greek::Vega) => Some(SizeBasis::Vega),
                    BookObs::Beta => Some(SizeBasis::Beta),
                    _ => None,
                };
                found.extend(basis.filter(|b| !found.contains(b)));
            }
            stack.extend(&node.inputs);
        }
        found
    }

    pub(super) fn layer_basis<T>(&mut self, span: Span) -> Option<T> {
        let text = self.text(span);
        let message = format!("`{text}` alone is not a size: a share of what?");
        let help =
            format!("write `{text} of max_loss(core)`, `{text} of vega(core)` or `{text} of notional(core)`");
        self.error(codes::SIZE_WITHOUT_BASIS, span, message, help)
    }

    /// `votes`, or a signal that is a plain number.
    pub(super) fn scale_by(&mut self, by: &Ident, place: Place, key: &str) -> Option<NodeId> {
        let e = Expr {
            kind: crate::ast::ExprKind::Name(by.value.clone()),
            span: by.span,
        };
        let v = self.in_unit(&e, Unit::NONE, "what a scale grows with", place, key)?;
        let Place::Layer(Some((votes, count))) = place else {
            return Some(self.builder.at_tick(v.id));
        };
        if v.id != votes {
            return Some(self.builder.at_tick(v.id));
        }
        let text = format!("votes of {count}");
        let all = Origin::new(format!("{key}.all"), count.to_string(), by.span);
        let all = self.builder.number(all_votes(count), number(Unit::NONE), all);
        let origin = Origin::new(key, text, by.span);
        let share = self
            .builder
            .arith(Arith::Div, votes, all, number(Unit::NONE), origin);
        Some(self.builder.at_tick(share))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a layer has far fewer votes than 2^53")]
fn all_votes(count: usize) -> f64 {
    count.max(1) as f64
}

const fn layer_word(clause: &LayerClause) -> &'static str {
    match clause {
        LayerClause::Own(_) => "own",
        LayerClause::Size(_) => "size",
        LayerClause::Vote(_) => "vote",
        LayerClause::Active { .. } => "active",
        LayerClause::RollEvery(_) => "roll",
        LayerClause::Rotate { .. } => "rotate",
        LayerClause::Migrate { .. } => "migrate",
        LayerClause::Cap(_) => "cap",
        LayerClause::Budget { .. } => "budget",
        LayerClause::Unknown(_) => "unknown",
    }
}
