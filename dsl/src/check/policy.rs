//! Policies and guards: rules with their conditions, sizes, prices and targets.

use super::Checker;
use super::value::{Hand, Place};
use crate::ast::{
    Amount, Conflict, ExpirySelector, Expr, Guard, GuardAction, Ident, Item, ItemKind, LimitPrice, LitUnit,
    OnUnknown, Policy, Right, RollStrikes, RollTarget, Rule, SizeExpr, StrikeSelector,
};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{
    GuardAct, GuardRuleDef, GuardUnknown, LegDef, LimitDef, NodeId, PolicyDef, RollDef, RuleAction, RuleDef,
    SizeBasis, SizeDef, StrikePick, StructureId,
};
use crate::resolve::kind_word;
use crate::resolve::suggest::{did_you_mean, one_of};
use crate::span::Span;
use crate::unit::Unit;

/// Words after `by`.
const BASES: &[&str] = &["max_loss", "margin", "credit", "notional", "vega", "beta"];

/// Rule names seen so far: a rule's name is its key.
type Seen = Vec<(String, Span)>;

impl<'a> Checker<'a> {
    /// The structure that an item is `on`. `None` after an error.
    pub(super) fn structure_named(&mut self, name: &Ident) -> Option<StructureId> {
        let symbols = self.symbols;
        match symbols.by_name.get(name.value.as_str()) {
            Some(s) if matches!(s.item.kind, ItemKind::Structure(_)) => {
                self.structure_ids.get(name.value.as_str()).copied().flatten()
            }
            Some(s) => {
                let what = kind_word(&s.item.kind);
                let message = format!("`{}` is a {what}, not a structure", name.value);
                let d = Diagnostic::error(codes::WRONG_KIND_OF_NAME, name.span, message)
                    .also(s.name.span, format!("declared here as a {what}"))
                    .help("name a `structure`");
                self.fail(d)
            }
            None if symbols.broken.contains(name.value.as_str()) => None,
            None => {
                let own = symbols
                    .by_name
                    .iter()
                    .filter(|(_, s)| matches!(s.item.kind, ItemKind::Structure(_)));
                let help = did_you_mean(&name.value, own.map(|(n, _)| *n)).unwrap_or_else(|| {
                    format!(
                        "declare it: `structure {} = iron condor on SPX {{ … }}`",
                        name.value
                    )
                });
                let message = format!("there is no structure `{}`", name.value);
                self.error(codes::UNKNOWN_NAME, name.span, message, help)
            }
        }
    }

    pub(super) fn policy(&mut self, p: &Policy, item: &Item) {
        let structure = self.structure_named(&p.on);
        let underlying = structure
            .and_then(|id| self.structures.get(id.0 as usize))
            .map(|s| s.underlying);
        if p.rules.is_empty() {
            let message = format!("the policy `{}` has no rules", p.name.value);
            let help = "add `open when … size …`, `close NAME when …` or `roll NAME when … to …`";
            self.report(Diagnostic::error(codes::MISSING_CLAUSE, p.name.span, message).help(help));
        }
        // Without a structure the conditions that do not need one are still worth checking, but most would only echo.
        let (Some(structure), Some(underlying)) = (structure, underlying) else {
            return;
        };
        let hand = Hand {
            structure,
            underlying,
        };
        let mut seen: Seen = Vec::new();
        let mut rules = Vec::new();
        for rule in &p.rules {
            let name = rule_name(&rule.value);
            let at = rule_ident(&rule.value).map_or(rule.span, |n| n.span);
            if let Some((_, first)) = seen.iter().find(|(n, _)| n == name) {
                let message = format!("the policy has two rules named `{name}`");
                let help = match rule.value {
                    Rule::Open { name: None, .. } => "name them: `open calm when …`, `open panic when …`",
                    _ => "rename one of them: the name is the rule's key in orders and traces",
                };
                let d = Diagnostic::error(codes::DUPLICATE_RULE, at, message)
                    .label("the second")
                    .also(*first, "the first")
                    .help(help);
                self.report(d);
                continue;
            }
            seen.push((name.to_owned(), at));
            let key = format!("{}.{name}", p.name.value);
            rules.extend(self.rule(&rule.value, hand, key, &item.doc, rule.span));
        }
        let (key, doc, span) = (p.name.value.clone(), item.doc.clone(), item.span);
        self.policies.push(PolicyDef {
            key,
            structure,
            rules,
            doc,
            span,
        });
    }

    fn rule(&mut self, rule: &Rule, hand: Hand, key: String, doc: &str, span: Span) -> Option<RuleDef> {
        let (position, candidate) = (Place::Position(hand), Place::Candidate(hand));
        match rule {
            Rule::Open {
                name: _,
                when,
                size,
                at_most,
                up_to,
                require,
                limit,
                conflict,
            } => {
                let when = self.rule_condition(when, Place::Book, &format!("{key}.when"));
                let size = self.entry_size(size, hand, &format!("{key}.size"));
                let most = at_most.as_ref().map(|a| self.lots(a, &format!("{key}.at_most")));
                let up_to = match up_to {
                    Some(a) => {
                        let units = [LitUnit::Positions, LitUnit::None];
                        self.whole(
                            a,
                            &units,
                            "a number of positions, such as `3 positions`",
                            &format!("{key}.up_to"),
                        )
                    }
                    None => {
                        let origin = crate::lower::Origin::new(format!("{key}.up_to"), "1 position", span);
                        Some(self.builder.number(1.0, super::value::number(Unit::NONE), origin))
                    }
                };
                let require = self.requirement(require.as_ref(), candidate, &key);
                let limit = self.limit(limit.as_ref(), candidate, &key);
                let at_most = match most {
                    None => None,
                    Some(found) => Some(found?),
                };
                let action = RuleAction::Open {
                    size: size?,
                    at_most,
                    up_to: up_to?,
                };
                let (when, require, limit) = (when?, require?, limit?);
                let doc = doc.to_owned();
                Some(RuleDef {
                    key,
                    action,
                    when,
                    require,
                    limit,
                    unknown: OnUnknown::Hold,
                    rank: None,
                    conflict: conflict.unwrap_or_default(),
                    doc,
                    span,
                })
            }
            Rule::Close {
                name: _,
                when,
                portion,
                limit,
                unknown,
            } => {
                let when = self.rule_condition(when, position, &format!("{key}.when"));
                let portion = portion
                    .as_ref()
                    .map(|a| self.share(a, "the portion", false, &format!("{key}.portion")));
                let limit = self.limit(limit.as_ref(), position, &key);
                let portion = match portion {
                    None => None,
                    Some(found) => Some(found?),
                };
                let unknown = unknown.unwrap_or(OnUnknown::Hold);
                let action = RuleAction::Close { portion };
                let (when, limit, doc) = (when?, limit?, doc.to_owned());
                Some(RuleDef {
                    key,
                    action,
                    when,
                    require: None,
                    limit,
                    unknown,
                    rank: None,
                    conflict: Conflict::Skip,
                    doc,
                    span,
                })
            }
            Rule::Roll {
                name: _,
                when,
                to,
                rank,
                require,
                limit,
                unknown,
                conflict,
            } => {
                let when = self.rule_condition(when, position, &format!("{key}.when"));
                let several = rank.as_ref().map(|e| self.ranked(to, e, candidate, &key));
                let to = self.roll(to, hand, &format!("{key}.to"), span);
                let require = self.requirement(require.as_ref(), candidate, &key);
                let limit = self.limit(limit.as_ref(), candidate, &key);
                let unknown = unknown.unwrap_or(OnUnknown::Hold);
                let rank = match several {
                    None => None,
                    Some(found) => Some(found?),
                };
                let action = RuleAction::Roll { to: to? };
                let (when, require, limit, doc) = (when?, require?, limit?, doc.to_owned());
                Some(RuleDef {
                    key,
                    action,
                    when,
                    require,
                    limit,
                    unknown,
                    rank,
                    conflict: conflict.unwrap_or_default(),
                    doc,
                    span,
                })
            }
        }
    }

    /// A condition as a rule reads it: at the tick.
    pub(super) fn rule_condition(&mut self, e: &Expr, place: Place, key: &str) -> Option<NodeId> {
        let v = self.condition(e, place, key)?;
        Some(self.builder.at_tick(v.id))
    }

    /// The outer `None` after an error.
    fn requirement(&mut self, e: Option<&Expr>, place: Place, key: &str) -> Option<Option<NodeId>> {
        match e {
            None => Some(None),
            Some(e) => self.rule_condition(e, place, &format!("{key}.require")).map(Some),
        }
    }

    /// What orders the expiries of a roll's window: any number about the package that would be held.
    fn ranked(&mut self, to: &RollTarget, e: &Expr, place: Place, key: &str) -> Option<NodeId> {
        let several = matches!(&to.expiry, ExpirySelector::Nearest { window: Some(_), .. });
        if !several {
            let message = "there is one expiry to roll to, and nothing to rank";
            return self.error(
                codes::BAD_ROLL,
                e.span,
                message,
                "give the target a window: `to 45 dte in 30..60 dte, recentred, rank by extrinsic`",
            );
        }
        let (v, _) = self.quantity(e, place, &format!("{key}.rank"))?;
        Some(self.builder.at_tick(v.id))
    }

    fn limit(&mut self, limit: Option<&LimitPrice>, place: Place, key: &str) -> Option<LimitDef> {
        Some(match limit {
            None | Some(LimitPrice::Market) => LimitDef::Market,
            Some(LimitPrice::Mid) => LimitDef::Mid,
            Some(LimitPrice::Natural) => LimitDef::Natural,
            Some(LimitPrice::At(e)) => {
                let v = self.in_unit(e, Unit::PTS, "a limit price", place, &format!("{key}.limit"))?;
                LimitDef::At(self.builder.at_tick(v.id))
            }
        })
    }

    fn lots(&mut self, a: &Amount, key: &str) -> Option<NodeId> {
        self.whole(
            a,
            &[LitUnit::Lots, LitUnit::None],
            "a number of lots, such as `20 lots`",
            key,
        )
    }

    fn entry_size(&mut self, size: &SizeExpr, hand: Hand, key: &str) -> Option<SizeDef> {
        match size {
            SizeExpr::Lots(a) => {
                let found = self.amount(a, key)?;
                if matches!(found.unit, LitUnit::Percent | LitUnit::Bps | LitUnit::Usd) {
                    let text = self.text(found.span);
                    return self.no_basis(&text, found.span, found.unit == LitUnit::Usd);
                }
                self.lots(a, key).map(SizeDef::Lots)
            }
            SizeExpr::Budget { amount, by } => {
                let basis = self.basis(by);
                let amount = self.budget(amount, key);
                let (basis, amount) = (basis?, amount?);
                if basis == SizeBasis::MaxLoss {
                    self.bounded(hand.structure, by.span)?;
                }
                Some(SizeDef::Budget { amount, by: basis })
            }
            SizeExpr::Of(e) => {
                let (_, unit) = self.quantity(e, Place::Book, key)?;
                let text = self.text(e.span);
                self.no_basis(&text, e.span, unit == Unit::USD)
            }
            SizeExpr::Scale { by, .. } => {
                let message = "`scale … by votes` sizes a layer of a hedge, not an entry";
                self.error(
                    codes::WRONG_CONTEXT,
                    by.span,
                    message,
                    "write `size 2% of equity by max_loss`",
                )
            }
        }
    }

    /// An amount of money without a measure of one lot, or a share of nothing.
    pub(super) fn no_basis<T>(&mut self, text: &str, span: Span, money: bool) -> Option<T> {
        let (message, help) = if money {
            let message =
                format!("`{text}` is money; a size also says by which measure one lot counts against it");
            (
                message,
                format!("write `{text} by max_loss`; the bases are {}", one_of(BASES)),
            )
        } else {
            let message = format!("`{text}` alone is not a size: a share of what, and by which measure?");
            let help = format!(
                "write `{text} of equity by max_loss`, `$5_000 by margin` or `3 lots`; the bases are {}",
                one_of(BASES)
            );
            (message, help)
        };
        self.error(codes::SIZE_WITHOUT_BASIS, span, message, help)
    }

    /// Dollars.
    fn budget(&mut self, e: &Expr, key: &str) -> Option<NodeId> {
        let (v, unit) = self.quantity(e, Place::Book, key)?;
        if unit == Unit::USD {
            return Some(self.builder.at_tick(v.id));
        }
        let text = self.text(e.span);
        if unit == Unit::NONE {
            let message = format!("`{text}` is not money: a share of what?");
            let help = format!("write `{text} of equity`, or dollars such as `$5_000`");
            return self.error(codes::SIZE_WITHOUT_BASIS, e.span, message, help);
        }
        let d = Diagnostic::error(
            codes::WRONG_UNIT,
            e.span,
            format!("a size is measured in dollars, not in {unit}"),
        )
        .label(format!("this is {unit}"))
        .help("write `2% of equity by max_loss` or `$5_000 by margin`");
        self.fail(d)
    }

    pub(super) fn basis(&mut self, by: &Ident) -> Option<SizeBasis> {
        Some(match by.value.as_str() {
            "max_loss" => SizeBasis::MaxLoss,
            "margin" => SizeBasis::Margin,
            "credit" => SizeBasis::Credit,
            "notional" => SizeBasis::Notional,
            "vega" => SizeBasis::Vega,
            "beta" => SizeBasis::Beta,
            _ => {
                let list = one_of(BASES);
                let help =
                    did_you_mean(&by.value, BASES.iter().copied()).unwrap_or_else(|| format!("write {list}"));
                let message = format!("`{}` is not a basis of sizes", by.value);
                return self.error(codes::UNKNOWN_BASIS, by.span, message, help);
            }
        })
    }

    /// Where a roll goes. A day count without a window takes the structure's, moved to the new target.
    fn roll(&mut self, to: &RollTarget, hand: Hand, key: &str, span: Span) -> Option<RollDef> {
        let legs: Vec<LegDef> = self.structures.get(hand.structure.0 as usize)?.legs.clone();
        let structure = self.structures.get(hand.structure.0 as usize)?.key.clone();
        if legs.iter().any(LegDef::is_shares) {
            let message = format!("`{structure}` holds shares, which do not expire");
            return self.error(codes::BAD_ROLL, span, message, "leave the roll out");
        }
        if legs.iter().any(|l| l.right.is_none()) {
            let anew = matches!(
                (&to.expiry, &to.strikes),
                (ExpirySelector::Same, RollStrikes::Recentred)
            );
            if anew && legs.iter().all(|l| l.right.is_none()) {
                return Some(RollDef::Recentred(crate::graph::ExpiryPick::Same));
            }
            let message = format!("`{structure}` holds futures, which roll by their month");
            return self.error(
                codes::BAD_ROLL,
                span,
                message,
                "write `to same expiry, recentred`: the months are picked anew",
            );
        }
        let own = legs.first().map(|l| l.expiry.clone());
        let expiry = self.expiry(&to.expiry, own.as_ref(), &format!("{key}.expiry"));
        let same = matches!(to.expiry, ExpirySelector::Same);
        let (side, selector) = match &to.strikes {
            RollStrikes::Recentred => return Some(RollDef::Recentred(expiry?)),
            RollStrikes::Same if same => {
                let help = "give another expiry (`to 45 dte, same strikes`), or other strikes (`recentred`)";
                return self.error(
                    codes::BAD_ROLL,
                    span,
                    "this roll changes neither expiry nor strikes",
                    help,
                );
            }
            RollStrikes::Same => return Some(RollDef::SameStrikes(expiry?)),
            RollStrikes::Tested(s) => (None, s),
            RollStrikes::Side(right, s) => (Some(*right), s),
        };
        let strike = self.roll_strike(selector, hand, &format!("{key}.strike"), span);
        if legs.is_empty() {
            // Its structure is wrong, which was reported.
            return None;
        }
        let has_short = |right: Option<Right>| {
            legs.iter()
                .filter(|l| l.side == crate::ast::Side::Short && (right.is_none() || l.right == right))
                .count()
        };
        if has_short(side) == 0 || side.is_some_and(|s| has_short(Some(s)) > 1) {
            let word = side.map_or("sold", super::leg::right_word);
            let message = format!("`{structure}` has no {word} side to roll");
            return self.error(
                codes::BAD_ROLL,
                span,
                message,
                "roll a side with one sold leg, or `recentred`",
            );
        }
        Some(RollDef::Side {
            side,
            strike: strike?,
            expiry: expiry?,
        })
    }

    fn roll_strike(&mut self, s: &StrikeSelector, hand: Hand, key: &str, span: Span) -> Option<StrikePick> {
        let mut no_leg = |c: &mut Self, leg: &crate::ast::LegRef| {
            let message = "a rolled strike cannot be measured from a leg: the legs of its side move with it";
            let help = "choose it by itself: `tested side at 16 delta`, or `5% below spot`";
            let at = if leg.span == Span::default() {
                span
            } else {
                leg.span
            };
            c.error(codes::BAD_ROLL, at, message, help)
        };
        self.strike(s, hand.underlying, &mut no_leg, key)
    }

    pub(super) fn guard(&mut self, g: &Guard) {
        if g.rules.is_empty() {
            let message = format!("the guard `{}` requires nothing", g.name.value);
            let help = "add `require drawdown(book) <= 12% of equity else halt open`";
            self.report(Diagnostic::error(codes::MISSING_CLAUSE, g.name.span, message).help(help));
        }
        for (i, rule) in g.rules.iter().enumerate() {
            let key = format!("{}.{i}", g.name.value);
            let require = self.rule_condition(&rule.value.require, Place::Book, &key);
            let action = match &rule.value.action {
                GuardAction::BlockOpen => Some(GuardAct::BlockOpen),
                GuardAction::HaltOpen => Some(GuardAct::HaltOpen),
                GuardAction::Flatten(name) => self.structure_named(name).map(GuardAct::Flatten),
                GuardAction::Alert(text) => Some(GuardAct::Alert(text.value.clone())),
            };
            let (Some(require), Some(action)) = (require, action) else {
                continue;
            };
            let unknown = match rule.value.unknown {
                None => GuardUnknown::Block,
                Some(OnUnknown::Hold) => GuardUnknown::Hold,
                Some(OnUnknown::Act) => GuardUnknown::Act,
            };
            self.guards.push(GuardRuleDef {
                key,
                require,
                action,
                unknown,
                span: rule.span,
            });
        }
    }
}

/// The name of a rule, which is the last step of its key.
pub(crate) fn rule_name(rule: &Rule) -> &str {
    rule_ident(rule).map_or("open", |n| &n.value)
}

fn rule_ident(rule: &Rule) -> Option<&Ident> {
    match rule {
        Rule::Open { name, .. } => name.as_ref(),
        Rule::Close { name, .. } | Rule::Roll { name, .. } => Some(name),
    }
}
