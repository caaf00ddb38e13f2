//! Values: names, numbers, calls with their arguments, fields.

use super::{Awaits, Call, Level, One, Out};
use crate::ast::{Arg, EventSide, ExprKind, Literal, Node, Shift};
use crate::diagnostic::codes;
use crate::span::Span;
use crate::syntax::parse::{Builder, Kids, Rule, has};
use pest::iterators::Pair;

impl Builder {
    /// `.field` or `@ 5m` behind the value at hand.
    pub(super) fn field(&mut self, pair: Pair<'_, Rule>, level: &mut Level<'_>) -> Option<()> {
        let base = level.done.pop().and_then(|base| self.one(base))?;
        let (reach, height) = (base.reach.to(self.span(&pair)), base.height + 1);
        let field = pair.as_rule() == Rule::field;
        let mut kids = Kids::of(pair);
        let of = Box::new(base.expr);
        let kind = if field {
            ExprKind::Field(of, self.next_ident(&mut kids)?)
        } else {
            ExprKind::OnBars(of, self.next_literal(&mut kids)?)
        };
        let one = self.node(kind, reach, height)?;
        level.done.push(Out::One(one));
        Some(())
    }

    /// Reads a value, or gives the brackets that have to be read first.
    pub(super) fn primary<'t>(
        &mut self,
        pair: Pair<'t, Rule>,
        sign: Option<(bool, Span)>,
        level: &mut Level<'t>,
    ) -> Option<Option<Pair<'t, Rule>>> {
        let mut span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::paren => {
                level.awaits = Awaits::Paren(span);
                return Kids::of(pair).next().map(Some);
            }
            Rule::script_call | Rule::call_or_name => {
                let script = pair.as_rule() == Rule::script_call;
                let is_call = has(&pair, Rule::paren_open);
                let mut kids = Kids::of(pair);
                let name = self.next_ident(&mut kids)?;
                if is_call {
                    let call = Call {
                        script,
                        name,
                        kids,
                        args: Vec::new(),
                        named: None,
                        height: 0,
                        span,
                    };
                    return self.call(Box::new(call), level);
                }
                ExprKind::Name(name.value)
            }
            Rule::string => ExprKind::Text(self.string(&pair).value),
            Rule::number => {
                let literal = self.number(&pair, sign.map(|(plus, _)| plus))?;
                span = sign.map_or(span, |(_, sign)| sign.to(span));
                ExprKind::Literal(Literal { span, ..literal })
            }
            Rule::net_credit => ExprKind::Name("net_credit".to_owned()),
            Rule::leg => ExprKind::Leg(Box::new(self.leg(pair)?)),
            Rule::in_window => self.in_window(pair)?,
            Rule::bad_reversed => {
                self.reversed(&pair);
                return None;
            }
            _ => return None,
        };
        let one = self.node(kind, span, 1)?;
        level.done.push(Out::One(One { bare: true, ..one }));
        Some(None)
    }

    pub(super) fn in_window(&mut self, pair: Pair<'_, Rule>) -> Option<ExprKind> {
        let mut kids = Kids::of(pair);
        let window = self.next_literal(&mut kids)?;
        let side = match kids.next()?.as_str() {
            "before" => EventSide::Before,
            "after" => EventSide::After,
            _ => EventSide::Of,
        };
        Some(ExprKind::Within(window, side, self.next_ident(&mut kids)?))
    }

    /// Reads the arguments of a call up to the next one that is an expression, or finishes the call.
    pub(super) fn call<'t>(
        &mut self,
        mut call: Box<Call<'t>>,
        level: &mut Level<'t>,
    ) -> Option<Option<Pair<'t, Rule>>> {
        let mut returns = None;
        while let Some(pair) = call.kids.next() {
            match pair.as_rule() {
                Rule::expr => {
                    level.awaits = Awaits::Call(call);
                    return Some(Some(pair));
                }
                Rule::arg_name => call.named = Kids::of(pair).next().map(|p| self.ident(&p)),
                Rule::word => returns = Some(self.ident(&pair)),
                _ => {
                    let arg = self.plain_arg(pair)?;
                    call.args.push(arg);
                }
            }
        }
        let Call {
            name,
            args,
            height,
            span,
            script,
            ..
        } = *call;
        let kind = if script {
            let values = args.into_iter().filter_map(|a| match a {
                Arg::Value(e) => Some(e),
                _ => None,
            });
            ExprKind::ScriptCall {
                name,
                args: values.collect(),
                returns: returns?,
            }
        } else {
            ExprKind::Call(name, args)
        };
        let one = self.node(kind, span, height + 1)?;
        level.done.push(Out::One(One { bare: true, ..one }));
        Some(None)
    }

    /// An argument without an expression in it.
    pub(super) fn plain_arg(&mut self, pair: Pair<'_, Rule>) -> Option<Arg> {
        let span = self.span(&pair);
        let what = pair.as_rule();
        let mut kids = Kids::of(pair);
        Some(match what {
            Rule::arg_over => Arg::Over(self.next_literal(&mut kids)?),
            Rule::arg_since => Arg::SinceEntry(Node::new((), span)),
            _ => {
                let mut shifts = Vec::new();
                while let Some(p) = kids.next_if(Rule::shift) {
                    let span = self.span(&p);
                    let of_event = has(&p, Rule::kw_event);
                    let mut parts = Kids::of(p);
                    let name = self.next_ident(&mut parts)?;
                    let shift = if of_event {
                        Shift::Event(name)
                    } else {
                        Shift::By {
                            axis: name,
                            amount: self.next_literal(&mut parts)?,
                        }
                    };
                    shifts.push(Node::new(shift, span));
                }
                Arg::Under(shifts)
            }
        })
    }

    pub(super) fn add_arg(&mut self, call: &mut Call<'_>, value: Out) -> Option<()> {
        let named = call.named.take();
        let range_allowed = named.is_none() && !call.script;
        let arg = match value {
            Out::Range(lo, hi) if range_allowed => match (lo.expr.kind, hi.expr.kind) {
                (ExprKind::Literal(lo), ExprKind::Literal(hi)) => Arg::Range(lo, hi),
                _ => {
                    let (span, help) = (lo.reach.to(hi.reach), "write two numbers: `8..15 bps`");
                    self.refuse(
                        codes::MISPLACED_RANGE,
                        span,
                        "a range of something other than numbers",
                        help,
                    );
                    return None;
                }
            },
            value => {
                let one = self.one(value)?;
                call.height = call.height.max(one.height);
                match named {
                    Some(name) => Arg::Named(name, one.expr),
                    None => Arg::Value(one.expr),
                }
            }
        };
        call.args.push(arg);
        Some(())
    }
}
