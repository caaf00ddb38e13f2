//! Structures: shapes, legs, expiries and strikes.

use super::{Builder, Kids, Rule, has};
use crate::ast::{
    Amount, Anchor, Direction, ExpirySelector, Ident, LegClause, LegRef, LitUnit, Node, Right, Shape, Side,
    StrikeSelector, Structure,
};
use crate::diagnostic::codes;
use pest::iterators::Pair;

fn side(pair: &Pair<'_, Rule>) -> Side {
    if pair.as_str() == "long" {
        Side::Long
    } else {
        Side::Short
    }
}

pub(super) fn right(pair: &Pair<'_, Rule>) -> Right {
    if pair.as_str() == "call" {
        Right::Call
    } else {
        Right::Put
    }
}

impl Builder {
    pub(super) fn structure(&mut self, mut kids: Kids<'_>) -> Option<Structure> {
        let name = self.next_ident(&mut kids)?;
        let shape = self.shape(kids.next()?)?;
        Some(Structure { name, shape })
    }

    pub(super) fn shape(&mut self, pair: Pair<'_, Rule>) -> Option<Shape> {
        let mut kids = Kids::of(pair);
        let kind = kids.next()?;
        let words: Vec<&str> = kind.as_str().split_whitespace().collect();
        let kind: Ident = Node::new(words.join(" "), self.span(&kind));
        let underlying = self.next_ident(&mut kids)?;
        let mut clauses = Vec::new();
        while let Some(p) = kids.next() {
            let span = self.span(&p);
            clauses.push(Node::new(self.leg_clause(p)?, span));
        }
        Some(Shape {
            kind,
            underlying,
            clauses,
        })
    }

    fn leg_clause(&mut self, pair: Pair<'_, Rule>) -> Option<LegClause> {
        let rule = pair.as_rule();
        let span = self.span(&pair);
        let mut kids = Kids::of(pair);
        Some(match rule {
            Rule::expiry_clause => LegClause::Expiry(self.nearest(kids.next()?)?),
            Rule::month_clause => {
                let side = side(&kids.next()?);
                LegClause::Month {
                    side,
                    month: self.number(&kids.next()?, None)?,
                }
            }
            Rule::shares_clause => {
                let side = side(&kids.next()?);
                LegClause::Shares {
                    side,
                    count: self.number(&kids.next()?, None)?,
                }
            }
            Rule::leg_decl => {
                let side = side(&kids.next()?);
                let ratio = match kids.next_if(Rule::ratio) {
                    Some(p) => Some(self.number(&p, None)?),
                    None => None,
                };
                let right = kids.next_if(Rule::right)?;
                let mut leg = LegRef {
                    side,
                    right: Some(self::right(&right)),
                    name: None,
                    span: span.to(span),
                };
                leg.span.end = self.span(&right).end;
                if let Some(name) = kids.next_if(Rule::own_name) {
                    leg.span.end = self.span(&name).end;
                    leg.name = Some(self.ident(&name));
                }
                let strike = self.strike(kids.next()?)?;
                let expiry = match kids.next_if(Rule::expiry_clause) {
                    Some(p) => Some(self.nearest(Kids::of(p).next()?)?),
                    None => None,
                };
                LegClause::Leg {
                    leg,
                    ratio,
                    strike,
                    expiry,
                }
            }
            Rule::wings_clause => LegClause::Wings(self.next_amount(&mut kids)?),
            Rule::strike_clause => LegClause::Strike(self.strike(kids.next()?)?),
            _ => return None,
        })
    }

    /// `nearest` of a structure or `roll_expiry` of a roll: amount, window, restriction.
    pub(super) fn nearest(&mut self, pair: Pair<'_, Rule>) -> Option<ExpirySelector> {
        let mut kids = Kids::of(pair);
        let dte = self.next_amount(&mut kids)?;
        let window = match kids.next_if(Rule::window) {
            Some(p) => Some(self.amount_range(Kids::of(p).next()?)?),
            None => None,
        };
        let only = match kids.next_if(Rule::only) {
            Some(p) => Some(self.next_ident(&mut Kids::of(p))?),
            None => None,
        };
        Some(ExpirySelector::Nearest { dte, window, only })
    }

    /// A `leg` or `leg_ref` pair.
    pub(super) fn leg(&mut self, pair: Pair<'_, Rule>) -> Option<LegRef> {
        let span = self.span(&pair);
        let mut kids = Kids::of(pair);
        let side = side(&kids.next()?);
        let right = kids.next_if(Rule::right).map(|p| right(&p));
        // `name` of a reference, `leg_name` (which holds a `name`) in an expression.
        let name = kids.next().map(|p| self.ident(&p));
        Some(LegRef {
            side,
            right,
            name,
            span,
        })
    }

    pub(super) fn strike(&mut self, pair: Pair<'_, Rule>) -> Option<StrikeSelector> {
        let inner = pair.into_inner().next()?;
        let rule = inner.as_rule();
        let otm = has(&inner, Rule::kw_otm);
        let above = has(&inner, Rule::kw_above);
        let about = has(&inner, Rule::kw_about);
        let span = self.span(&inner);
        let words: Vec<&str> = inner.as_str().split_whitespace().collect();
        let mut kids = Kids::of(inner);
        Some(match rule {
            Rule::bad_strike => {
                let text = words.join(" ");
                let help =
                    format!("write `at {text}`, or say from where it is measured: `{text} below short put`");
                self.refuse(
                    codes::SYNTAX,
                    span,
                    format!("`{text}` alone is not a strike"),
                    help,
                );
                return None;
            }
            Rule::strike_as => StrikeSelector::SameAs(self.leg(kids.next()?)?),
            Rule::strike_formula => StrikeSelector::Formula(Box::new(self.next_expr(&mut kids)?)),
            Rule::strike_at => match self.next_amount(&mut kids)? {
                Amount::Name(word) if !otm && matches!(word.value.as_str(), "spot" | "forward" | "money") => {
                    StrikeSelector::AtWord(word)
                }
                Amount::Literal(l) if l.unit == LitUnit::Percent => StrikeSelector::At(Amount::Literal(l)),
                amount => {
                    if otm {
                        let help = "leave `otm` out, or give the distance as a percentage: `at 5% otm`";
                        self.refuse(
                            codes::CLAUSE_NOT_HERE,
                            span,
                            "`otm` stands after a percentage",
                            help,
                        );
                        return None;
                    }
                    StrikeSelector::At(amount)
                }
            },
            Rule::strike_offset => {
                let amount = self.next_amount(&mut kids)?;
                let direction = if above { Direction::Above } else { Direction::Below };
                let anchor = kids.next()?;
                let anchor = match anchor.as_rule() {
                    Rule::leg_ref => Anchor::Leg(self.leg(anchor)?),
                    _ => Anchor::Word(self.ident(&anchor)),
                };
                StrikeSelector::Offset {
                    about,
                    amount,
                    direction,
                    anchor,
                }
            }
            _ => return None,
        })
    }
}
