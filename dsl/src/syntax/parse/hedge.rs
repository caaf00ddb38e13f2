//! Hedges with their layers, overlays and guards.

use super::{Builder, Kids, Rule, has};
use crate::ast::{
    Expr, ExprKind, Guard, GuardAction, GuardRule, Hedge, HedgeClause, Ident, Layer, LayerClause, MapOf,
    Node, Overlay, OverlayClause, Subaccount, SubaccountClause,
};
use pest::iterators::Pair;

impl Builder {
    pub(super) fn hedge(&mut self, mut kids: Kids<'_>) -> Option<Hedge> {
        let name = self.next_ident(&mut kids)?;
        let on = self.next_ident(&mut kids)?;
        let (mut clauses, mut layers) = (Vec::new(), Vec::new());
        while let Some(p) = kids.next() {
            let (rule, span) = (p.as_rule(), self.span(&p));
            let of = if has(&p, Rule::kw_beta) {
                MapOf::Return
            } else {
                MapOf::Vol
            };
            let mut parts = Kids::of(p);
            let clause = match rule {
                Rule::layer => {
                    layers.push(Node::new(self.layer(parts)?, span));
                    continue;
                }
                Rule::target => {
                    let greek = self.next_ident(&mut parts)?;
                    let amount = self.next_expr(&mut parts)?;
                    let band = match parts.next_if(Rule::within_band) {
                        Some(p) => Some(self.amount_range(Kids::of(p).next()?)?),
                        None => None,
                    };
                    HedgeClause::Target { greek, amount, band }
                }
                Rule::budget => {
                    let (amount, per) = self.budget(parts)?;
                    HedgeClause::Budget { amount, per }
                }
                Rule::cap => HedgeClause::Cap(self.next_expr(&mut parts)?),
                Rule::no_trade_band => HedgeClause::NoTradeBand(self.next_amount(&mut parts)?),
                Rule::mapping => HedgeClause::Map {
                    of,
                    instrument: self.next_ident(&mut parts)?,
                    by: self.next_expr(&mut parts)?,
                    at: match parts.next_if(Rule::literal) {
                        Some(p) => Some(self.literal(&p)?),
                        None => None,
                    },
                },
                _ => return None,
            };
            clauses.push(Node::new(clause, span));
        }
        Some(Hedge {
            name,
            on,
            clauses,
            layers,
        })
    }

    fn budget(&mut self, mut parts: Kids<'_>) -> Option<(Expr, Ident)> {
        let amount = self.next_expr(&mut parts)?;
        let per = self.next_ident(&mut parts)?;
        Some((amount, per))
    }

    fn layer(&mut self, mut kids: Kids<'_>) -> Option<Layer> {
        let name = self.next_ident(&mut kids)?;
        let mut clauses = Vec::new();
        while let Some(p) = kids.next() {
            let span = self.span(&p);
            clauses.push(Node::new(self.layer_clause(p)?, span));
        }
        Some(Layer {
            doc: String::new(),
            name,
            clauses,
        })
    }

    fn layer_clause(&mut self, pair: Pair<'_, Rule>) -> Option<LayerClause> {
        let rule = pair.as_rule();
        let whole = pair.clone();
        let mut parts = Kids::of(pair);
        Some(match rule {
            Rule::own => LayerClause::Own(self.shape(parts.next()?)?),
            Rule::size => LayerClause::Size(self.size(whole)?),
            Rule::vote => {
                let mut votes = Vec::new();
                while let Some(p) = parts.next_if(Rule::expr) {
                    votes.push(self.single(p)?.expr);
                }
                LayerClause::Vote(votes)
            }
            Rule::active => {
                let (when, until) = self.switch(parts.next()?)?;
                LayerClause::Active { when, until }
            }
            Rule::roll_every => LayerClause::RollEvery(self.next_ident(&mut parts)?),
            Rule::rotate => {
                let to = self.next_ident(&mut parts)?;
                let (when, until) = self.switch(parts.next()?)?;
                LayerClause::Rotate { to, when, until }
            }
            Rule::migrate => LayerClause::Migrate {
                share: self.next_amount(&mut parts)?,
                month: self.number(&parts.next()?, None)?,
                when: self.when(parts.next()?)?,
            },
            Rule::cap => LayerClause::Cap(self.next_expr(&mut parts)?),
            Rule::budget => {
                let (amount, per) = self.budget(parts)?;
                LayerClause::Budget { amount, per }
            }
            Rule::unknown => LayerClause::Unknown(self.on_unknown(&whole)),
            _ => return None,
        })
    }

    /// `when ON [until OFF]`: the loosest operator of the condition is `until`, so it is taken apart here.
    fn switch(&mut self, pair: Pair<'_, Rule>) -> Option<(Expr, Option<Expr>)> {
        let whole = self.when(pair)?;
        Some(match whole.kind {
            ExprKind::Until(on, off) => (*on, Some(*off)),
            _ => (whole, None),
        })
    }

    pub(super) fn overlay(&mut self, mut kids: Kids<'_>) -> Option<Overlay> {
        let name = self.next_ident(&mut kids)?;
        let on = self.next_ident(&mut kids)?;
        let mut clauses = Vec::new();
        while let Some(p) = kids.next() {
            let (rule, span) = (p.as_rule(), self.span(&p));
            let mut parts = Kids::of(p);
            let clause = match rule {
                Rule::trade => OverlayClause::Trade {
                    instrument: self.next_ident(&mut parts)?,
                    greek: self.next_ident(&mut parts)?,
                    target: self.next_amount(&mut parts)?,
                    band: self.next_amount(&mut parts)?,
                },
                Rule::active => {
                    let (when, until) = self.switch(parts.next()?)?;
                    OverlayClause::Active { when, until }
                }
                Rule::require => OverlayClause::Require(self.next_expr(&mut parts)?),
                _ => return None,
            };
            clauses.push(Node::new(clause, span));
        }
        Some(Overlay { name, on, clauses })
    }

    pub(super) fn subaccount(&mut self, mut kids: Kids<'_>) -> Option<Subaccount> {
        let name = self.next_ident(&mut kids)?;
        let mut clauses = Vec::new();
        while let Some(p) = kids.next() {
            let (rule, span) = (p.as_rule(), self.span(&p));
            let mut parts = Kids::of(p);
            let clause = match rule {
                Rule::capital => SubaccountClause::Capital(self.next_literal(&mut parts)?),
                Rule::holds => {
                    let mut names = Vec::new();
                    while let Some(p) = parts.next_if(Rule::name) {
                        names.push(self.ident(&p));
                    }
                    SubaccountClause::Holds(names)
                }
                _ => return None,
            };
            clauses.push(Node::new(clause, span));
        }
        Some(Subaccount { name, clauses })
    }

    pub(super) fn guard(&mut self, mut kids: Kids<'_>) -> Option<Guard> {
        let name = self.next_ident(&mut kids)?;
        let mut rules = Vec::new();
        while let Some(p) = kids.next() {
            let span = self.span(&p);
            let mut parts = Kids::of(p);
            let require = self.next_expr(&mut parts)?;
            let action = self.guard_action(parts.next()?)?;
            let unknown = parts.next_if(Rule::unknown).map(|p| self.on_unknown(&p));
            rules.push(Node::new(
                GuardRule {
                    require,
                    action,
                    unknown,
                },
                span,
            ));
        }
        Some(Guard { name, rules })
    }

    fn guard_action(&mut self, pair: Pair<'_, Rule>) -> Option<GuardAction> {
        if has(&pair, Rule::kw_block) {
            return Some(GuardAction::BlockOpen);
        }
        if has(&pair, Rule::kw_halt) {
            return Some(GuardAction::HaltOpen);
        }
        let what = Kids::of(pair).next()?;
        Some(match what.as_rule() {
            Rule::string => GuardAction::Alert(self.string(&what)),
            _ => GuardAction::Flatten(self.ident(&what)),
        })
    }
}
