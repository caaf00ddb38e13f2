//! Policies: `open`, `close` and `roll` rules, and sizes.

use super::structure::right;
use super::{Builder, Kids, Rule, has};
use crate::ast::{
    Amount, Conflict, ExpirySelector, Expr, ExprKind, LimitPrice, LitUnit, Node, OnUnknown, Policy,
    RollStrikes, RollTarget, SizeExpr,
};
use crate::diagnostic::{Diagnostic, codes};
use crate::span::Span;
use pest::iterators::Pair;

/// The clauses of a rule as they were found, each at most once.
#[derive(Default)]
struct Clauses {
    size: Option<SizeExpr>,
    at_most: Option<Amount>,
    up_to: Option<Amount>,
    require: Option<Expr>,
    limit: Option<LimitPrice>,
    portion: Option<Amount>,
    unknown: Option<(OnUnknown, Span)>,
    to: Option<RollTarget>,
    rank: Option<Expr>,
    conflict: Option<Conflict>,
}

impl Builder {
    pub(super) fn policy(&mut self, mut kids: Kids<'_>) -> Option<Policy> {
        let name = self.next_ident(&mut kids)?;
        let on = self.next_ident(&mut kids)?;
        let mut rules = Vec::new();
        while let Some(p) = kids.next() {
            let span = self.span(&p);
            // The other rules are read even when one is wrong, so that all mistakes show at once.
            if let Some(rule) = self.rule(p) {
                rules.push(Node::new(rule, span));
            }
        }
        Some(Policy { name, on, rules })
    }

    fn rule(&mut self, pair: Pair<'_, Rule>) -> Option<crate::ast::Rule> {
        let rule = pair.as_rule();
        let mut keyword = self.span(&pair);
        keyword.end = keyword.start + if rule == Rule::close_rule { 5 } else { 4 };
        let mut kids = Kids::of(pair);
        let name = kids.next_if(Rule::name).map(|p| self.ident(&p));
        let when = self.when(kids.next()?)?;
        let c = self.clauses(kids)?;
        let unknown = c.unknown.map(|(u, _)| u);
        Some(match rule {
            Rule::open_rule => {
                if let Some((_, span)) = c.unknown {
                    let help = "leave it out: an `open` needs its condition to be true, and never opens while it is unknown";
                    self.refuse(
                        codes::CLAUSE_NOT_HERE,
                        span,
                        "an `open` has no `unknown` clause",
                        help,
                    );
                }
                let Some(size) = c.size else {
                    let help = "add one, such as `size 2% of equity by max_loss`";
                    self.refuse(codes::INCOMPLETE_RULE, keyword, "this `open` has no `size`", help);
                    return None;
                };
                let (at_most, up_to, require, limit) = (c.at_most, c.up_to, c.require, c.limit);
                crate::ast::Rule::Open {
                    name,
                    when,
                    size,
                    at_most,
                    up_to,
                    require,
                    limit,
                    conflict: c.conflict,
                }
            }
            Rule::close_rule => crate::ast::Rule::Close {
                name: name?,
                when,
                portion: c.portion,
                limit: c.limit,
                unknown,
            },
            Rule::roll_rule => {
                let Some(to) = c.to else {
                    let help = "add one, such as `to 45 dte, recentred`";
                    self.refuse(
                        codes::INCOMPLETE_RULE,
                        keyword,
                        "this `roll` does not say where `to`",
                        help,
                    );
                    return None;
                };
                crate::ast::Rule::Roll {
                    name: name?,
                    when,
                    to,
                    rank: c.rank,
                    require: c.require,
                    limit: c.limit,
                    unknown,
                    conflict: c.conflict,
                }
            }
            _ => return None,
        })
    }

    fn clauses(&mut self, mut kids: Kids<'_>) -> Option<Clauses> {
        let mut c = Clauses::default();
        let mut seen: Vec<(Rule, Span)> = Vec::new();
        while let Some(p) = kids.next() {
            let (rule, span) = (p.as_rule(), self.span(&p));
            if let Some((_, first)) = seen.iter().find(|(r, _)| *r == rule) {
                let word = p.as_str().split_whitespace().next().unwrap_or("");
                let help = if rule == Rule::require {
                    "join the two with `and`"
                } else {
                    "keep one of them"
                };
                let d = Diagnostic::error(
                    codes::REPEATED_CLAUSE,
                    span,
                    format!("a second `{word}` clause in one rule"),
                );
                self.findings.push(d.also(*first, "the first one").help(help));
                return None;
            }
            seen.push((rule, span));
            match rule {
                Rule::size => c.size = Some(self.size(p)?),
                Rule::at_most => c.at_most = Some(self.next_amount(&mut Kids::of(p))?),
                Rule::up_to => c.up_to = Some(self.next_amount(&mut Kids::of(p))?),
                Rule::require => c.require = Some(self.next_expr(&mut Kids::of(p))?),
                Rule::limit => c.limit = Some(self.limit(p)?),
                Rule::portion => c.portion = Some(self.next_amount(&mut Kids::of(p))?),
                Rule::unknown => c.unknown = Some((self.on_unknown(&p), span)),
                Rule::rank => c.rank = Some(self.next_expr(&mut Kids::of(p))?),
                Rule::conflict => {
                    let next = has(&p, Rule::kw_next);
                    c.conflict = Some(if next { Conflict::Next } else { Conflict::Skip });
                }
                Rule::roll_to => c.to = Some(self.roll_to(p)?),
                _ => return None,
            }
        }
        Some(c)
    }

    /// A `when` pair.
    pub(super) fn when(&mut self, pair: Pair<'_, Rule>) -> Option<Expr> {
        self.next_expr(&mut Kids::of(pair))
    }

    pub(super) fn on_unknown(&self, pair: &Pair<'_, Rule>) -> OnUnknown {
        if has(pair, Rule::kw_act) {
            OnUnknown::Act
        } else {
            OnUnknown::Hold
        }
    }

    fn limit(&mut self, pair: Pair<'_, Rule>) -> Option<LimitPrice> {
        let one = self.single(Kids::of(pair).next()?)?;
        Some(match &one.expr.kind {
            ExprKind::Name(n) if one.bare && n == "market" => LimitPrice::Market,
            ExprKind::Name(n) if one.bare && n == "mid" => LimitPrice::Mid,
            ExprKind::Name(n) if one.bare && n == "natural" => LimitPrice::Natural,
            _ => LimitPrice::At(Box::new(one.expr)),
        })
    }

    fn roll_to(&mut self, pair: Pair<'_, Rule>) -> Option<RollTarget> {
        let mut kids = Kids::of(pair);
        let expiry = kids.next()?;
        let expiry = match expiry.as_rule() {
            Rule::same_expiry => ExpirySelector::Same,
            _ => self.nearest(expiry)?,
        };
        let strikes = kids.next()?.into_inner().next()?;
        let strikes = match strikes.as_rule() {
            Rule::kw_recentred => RollStrikes::Recentred,
            Rule::same_strikes => RollStrikes::Same,
            Rule::tested_side => RollStrikes::Tested(self.strike(Kids::of(strikes).next()?)?),
            _ => {
                let mut parts = Kids::of(strikes);
                let side = right(&parts.next()?);
                RollStrikes::Side(side, self.strike(parts.next()?)?)
            }
        };
        Some(RollTarget { expiry, strikes })
    }

    /// A `size` pair.
    pub(super) fn size(&mut self, pair: Pair<'_, Rule>) -> Option<SizeExpr> {
        let inner = Kids::of(pair).next()?;
        let scaled = inner.as_rule() == Rule::scaled;
        let mut kids = Kids::of(inner);
        if scaled {
            let (lo, hi) = self.amount_range(kids.next()?)?;
            let by = self.next_ident(&mut kids)?;
            let step = match kids.next_if(Rule::step) {
                Some(p) => Some(self.next_amount(&mut Kids::of(p))?),
                None => None,
            };
            return Some(SizeExpr::Scale { lo, hi, by, step });
        }
        let one = self.single(kids.next()?)?;
        if let Some(by) = kids.next_if(Rule::name) {
            return Some(SizeExpr::Budget {
                amount: one.expr,
                by: self.ident(&by),
            });
        }
        Some(match one.expr.kind {
            ExprKind::Name(n) if one.bare => SizeExpr::Lots(Amount::Name(Node::new(n, one.expr.span))),
            ExprKind::Literal(l) if one.bare && l.unit == LitUnit::Lots => SizeExpr::Lots(Amount::Literal(l)),
            _ => SizeExpr::Of(one.expr),
        })
    }
}
