//! Expressions: from pest's flat lists to a tree, by operator precedence and without recursion over operators.
//!
//! The only recursion is over brackets, whose depth the prescan has bounded.

use super::literal::share_unit;
use super::{Builder, Kids, Rule};
use crate::ast::{Arg, BinaryOp, Direction, EventSide, Expr, ExprKind, Literal, Node, Shift, UnaryOp};
use crate::diagnostic::{Diagnostic, codes};
use crate::span::Span;
use crate::syntax::binding::{Binding, binding};
use crate::syntax::limits;
use pest::iterators::Pair;

#[derive(Clone, Copy)]
enum Infix {
    Binary(BinaryOp),
    Until,
    In,
    Range,
}

impl Infix {
    fn of(rule: Rule) -> Option<Self> {
        Some(Self::Binary(match rule {
            Rule::op_until => return Some(Self::Until),
            Rule::op_in => return Some(Self::In),
            Rule::op_range => return Some(Self::Range),
            Rule::op_crosses_above => BinaryOp::CrossesAbove,
            Rule::op_crosses_below => BinaryOp::CrossesBelow,
            Rule::op_above => BinaryOp::Above,
            Rule::op_below => BinaryOp::Below,
            Rule::op_and => BinaryOp::And,
            Rule::op_or => BinaryOp::Or,
            Rule::op_of => BinaryOp::Of,
            Rule::op_le => BinaryOp::Le,
            Rule::op_ge => BinaryOp::Ge,
            Rule::op_ne => BinaryOp::Ne,
            Rule::op_lt => BinaryOp::Lt,
            Rule::op_gt => BinaryOp::Gt,
            Rule::op_eq => BinaryOp::Eq,
            Rule::op_add => BinaryOp::Add,
            Rule::op_sub => BinaryOp::Sub,
            Rule::op_mul => BinaryOp::Mul,
            Rule::op_div => BinaryOp::Div,
            _ => return None,
        }))
    }

    const fn binding(self) -> Binding {
        match self {
            Self::Binary(op) => binding(op),
            Self::Until => Binding::Until,
            Self::In => Binding::Compare,
            Self::Range => Binding::Range,
        }
    }
}

/// An operator that waits for its right operand.
enum Waiting {
    Infix(Infix, Span),
    Prefix(UnaryOp, Span),
}

impl Waiting {
    const fn binding(&self) -> Binding {
        match self {
            Self::Infix(op, _) => op.binding(),
            Self::Prefix(UnaryOp::Not, _) => Binding::Not,
            Self::Prefix(UnaryOp::Neg, _) => Binding::Negate,
        }
    }
}

/// An expression with what is known of it while it is being built.
pub(super) struct One {
    pub expr: Expr,
    /// A single value without operators or brackets around it.
    pub bare: bool,
    /// The expression with the brackets around it.
    reach: Span,
    height: usize,
}

enum Out {
    One(One),
    Range(One, One),
}

impl Out {
    fn reach(&self) -> Span {
        match self {
            Self::One(o) => o.reach,
            Self::Range(lo, hi) => lo.reach.to(hi.reach),
        }
    }
}

impl Builder {
    /// The next child, an `expr` pair, as an expression.
    pub(super) fn next_expr(&mut self, kids: &mut Kids<'_>) -> Option<Expr> {
        self.single(kids.next()?).map(|one| one.expr)
    }

    /// An `expr` pair that has to be one value, not a range.
    pub(super) fn single(&mut self, pair: Pair<'_, Rule>) -> Option<One> {
        match self.build(pair)? {
            Out::One(one) => Some(one),
            range @ Out::Range(..) => {
                self.misplaced_range(range.reach());
                None
            }
        }
    }

    fn misplaced_range(&mut self, span: Span) {
        let help = "a range stands after `in`: `x in 12..20`";
        self.refuse(codes::MISPLACED_RANGE, span, "a range where one value is needed", help);
    }

    /// Shunting-yard over the flat list of an `expr` pair.
    fn build(&mut self, pair: Pair<'_, Rule>) -> Option<Out> {
        let mut done: Vec<Out> = Vec::new();
        let mut waiting: Vec<Waiting> = Vec::new();
        let mut operands = 0;
        for part in pair.into_inner() {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::operand => {
                    operands += 1;
                    if operands > limits::OPERANDS {
                        let help = format!("at most {} may be joined; name groups of them as signals", limits::OPERANDS);
                        self.refuse(codes::TOO_MANY_OPERANDS, span, "one expression joins too many values", help);
                        return None;
                    }
                    let one = self.operand(part, &mut waiting)?;
                    done.push(Out::One(one));
                }
                Rule::infix => {
                    let op = part.into_inner().next()?;
                    let Some(infix) = Infix::of(op.as_rule()) else {
                        self.foreign_operator(&op, span);
                        return None;
                    };
                    self.reduce(&mut done, &mut waiting, infix.binding(), matches!(infix, Infix::Binary(BinaryOp::Of)))?;
                    self.not_chained(&waiting, infix.binding(), span)?;
                    waiting.push(Waiting::Infix(infix, span));
                }
                Rule::suffix => self.suffix(part.into_inner().next()?, &mut done, &mut waiting)?,
                _ => return None,
            }
        }
        while let Some(op) = waiting.pop() {
            self.apply(op, &mut done)?;
        }
        done.pop()
    }

    /// Applies the waiting operators that bind more tightly than one of binding `next` (or as tightly, from the left).
    fn reduce(&mut self, done: &mut Vec<Out>, waiting: &mut Vec<Waiting>, next: Binding, from_right: bool) -> Option<()> {
        // Two comparisons in a row stay on the stack for `not_chained` to see.
        let ties = !from_right && next != Binding::Compare;
        while let Some(op) = waiting.pop_if(|w| w.binding() > next || (ties && w.binding() == next)) {
            self.apply(op, done)?;
        }
        Some(())
    }

    fn not_chained(&mut self, waiting: &[Waiting], next: Binding, span: Span) -> Option<()> {
        match waiting.last() {
            Some(Waiting::Infix(op, first)) if next == Binding::Compare && op.binding() == next => {
                let d = Diagnostic::error(codes::CHAINED_COMPARISON, span, "two comparisons in a row");
                let help = "join two comparisons with `and`, or use a range: `x in 12..20`";
                self.findings.push(d.label("the second").also(*first, "the first").help(help));
                None
            }
            _ => Some(()),
        }
    }

    fn apply(&mut self, op: Waiting, done: &mut Vec<Out>) -> Option<()> {
        let right = done.pop()?;
        let made = match op {
            Waiting::Prefix(op, span) => {
                let of = self.one(right)?;
                let (reach, height) = (span.to(of.reach), of.height + 1);
                Out::One(self.node(ExprKind::Unary(op, Box::new(of.expr)), reach, height)?)
            }
            Waiting::Infix(Infix::Range, _) => {
                let mut hi = self.one(right)?;
                let mut lo = done.pop().and_then(|lo| self.one(lo))?;
                if let (ExprKind::Literal(lo), ExprKind::Literal(hi)) = (&mut lo.expr.kind, &mut hi.expr.kind) {
                    share_unit(lo, hi);
                }
                Out::Range(lo, hi)
            }
            Waiting::Infix(Infix::In, span) => {
                let x = done.pop().and_then(|x| self.one(x))?;
                let Out::Range(lo, hi) = right else {
                    let help = "write both ends: `x in 12..20`";
                    self.refuse(codes::MISPLACED_RANGE, span, "`in` without a range after it", help);
                    return None;
                };
                let height = x.height.max(lo.height).max(hi.height) + 1;
                let reach = x.reach.to(hi.reach);
                let kind = ExprKind::InRange(Box::new(x.expr), Box::new(lo.expr), Box::new(hi.expr));
                Out::One(self.node(kind, reach, height)?)
            }
            Waiting::Infix(infix, _) => {
                let right = self.one(right)?;
                let left = done.pop().and_then(|left| self.one(left))?;
                let height = left.height.max(right.height) + 1;
                let reach = left.reach.to(right.reach);
                let (l, r) = (Box::new(left.expr), Box::new(right.expr));
                let kind = match infix {
                    Infix::Binary(op) => ExprKind::Binary(op, l, r),
                    _ => ExprKind::Until(l, r),
                };
                Out::One(self.node(kind, reach, height)?)
            }
        };
        done.push(made);
        Some(())
    }

    fn one(&mut self, out: Out) -> Option<One> {
        match out {
            Out::One(one) => Some(one),
            range @ Out::Range(..) => {
                self.misplaced_range(range.reach());
                None
            }
        }
    }

    /// A new node, if the tree does not become too tall.
    fn node(&mut self, kind: ExprKind, span: Span, height: usize) -> Option<One> {
        if height > limits::TREE_HEIGHT {
            let help = "name its inner parts as signals";
            self.refuse(codes::EXPRESSION_TOO_TALL, span, "this expression is too deep", help);
            return None;
        }
        Some(One { expr: Expr { kind, span }, bare: false, reach: span, height })
    }

    /// `for 3 bars`, `up 15% over 3 sessions`.
    fn suffix(&mut self, pair: Pair<'_, Rule>, done: &mut Vec<Out>, waiting: &mut Vec<Waiting>) -> Option<()> {
        let span = self.span(&pair);
        let binding = if pair.as_rule() == Rule::for_bars { Binding::For } else { Binding::Compare };
        self.reduce(done, waiting, binding, false)?;
        self.not_chained(waiting, binding, span)?;
        let of = done.pop().and_then(|of| self.one(of))?;
        let (reach, height) = (of.reach.to(span), of.height + 1);
        let mut kids = Kids::of(pair);
        let kind = if binding == Binding::For {
            ExprKind::For(Box::new(of.expr), self.next_literal(&mut kids)?)
        } else {
            let direction = if kids.next()?.as_str() == "up" { Direction::Above } else { Direction::Below };
            let amount = self.next_literal(&mut kids)?;
            let over = self.next_literal(&mut kids)?;
            ExprKind::Moves { expr: Box::new(of.expr), direction, amount, over }
        };
        done.push(Out::One(self.node(kind, reach, height)?));
        Some(())
    }

    fn foreign_operator(&mut self, op: &Pair<'_, Rule>, span: Span) {
        let text = op.as_str();
        let help = match text {
            "==" | "===" | "is" | "equals" => "write `=`",
            "=<" => "write `<=`",
            "=>" => "write `>=`",
            "<>" => "write `!=`",
            "&&" | "&" | "AND" => "write `and`",
            "||" | "|" | "OR" => "write `or`",
            "between" => "write a range: `x in 12..20`",
            "xor" => "write `(a and not b) or (b and not a)`",
            _ => "there is no power operator: write `x * x`",
        };
        self.refuse(codes::FOREIGN_OPERATOR, span, format!("`{text}` is not an operator here"), help);
    }

    /// An `operand` pair: prefixes go to the waiting operators, the rest becomes one expression.
    fn operand(&mut self, pair: Pair<'_, Rule>, waiting: &mut Vec<Waiting>) -> Option<One> {
        let mut kids = Kids::of(pair).pairs;
        let mut prefixes: Vec<(Pair<'_, Rule>, Span)> = Vec::new();
        while let Some(p) = kids.next_if(|p| p.as_rule() == Rule::prefix) {
            let span = self.span(&p);
            prefixes.push((p.into_inner().next()?, span));
            if prefixes.len() > limits::UNARY_CHAIN {
                let help = format!("at most {} are allowed, and two cancel each other", limits::UNARY_CHAIN);
                self.refuse(codes::UNARY_CHAIN_TOO_LONG, span, "too many `not` or `-` in a row", help);
                return None;
            }
        }
        let primary = kids.next()?;
        // A sign belongs to the number that it stands before.
        let mut sign = None;
        if primary.as_rule() == Rule::number
            && kids.peek().is_none()
            && let Some((p, span)) = prefixes.pop_if(|(p, _)| matches!(p.as_rule(), Rule::op_neg | Rule::op_plus))
        {
            sign = Some((p.as_rule() == Rule::op_plus, span));
        }
        for (p, span) in prefixes {
            let op = match p.as_rule() {
                Rule::op_not => UnaryOp::Not,
                Rule::op_neg => UnaryOp::Neg,
                Rule::op_plus => {
                    let help = "leave it out; a sign stands only before a number";
                    self.refuse(codes::FOREIGN_OPERATOR, span, "`+` before a value", help);
                    return None;
                }
                _ => {
                    self.refuse(codes::FOREIGN_OPERATOR, span, "`!` is not an operator here", "write `not`");
                    return None;
                }
            };
            // A prefix binds what follows it, so nothing that waits before it can be applied yet.
            waiting.push(Waiting::Prefix(op, span));
        }
        let mut one = match sign {
            Some((plus, span)) => {
                let literal = self.number(&primary, Some(plus))?;
                let span = span.to(literal.span);
                let mut one = self.node(ExprKind::Literal(Literal { span, ..literal }), span, 1)?;
                one.bare = true;
                one
            }
            None => self.primary(primary)?,
        };
        for (n, p) in kids.enumerate() {
            if n == limits::OPERANDS {
                let help = format!("at most {} may follow one value", limits::OPERANDS);
                self.refuse(codes::TOO_MANY_OPERANDS, self.span(&p), "too many fields of fields", help);
                return None;
            }
            one = self.postfix(one, p.into_inner().next()?)?;
        }
        Some(one)
    }

    fn postfix(&mut self, base: One, pair: Pair<'_, Rule>) -> Option<One> {
        let reach = base.reach.to(self.span(&pair));
        let rule = pair.as_rule();
        let mut kids = Kids::of(pair);
        let of = Box::new(base.expr);
        let (kind, height) = match rule {
            Rule::field => (ExprKind::Field(of, self.next_ident(&mut kids)?), base.height),
            Rule::index => {
                let index = self.single(kids.next()?)?;
                (ExprKind::Index(of, Box::new(index.expr)), base.height.max(index.height))
            }
            _ => (ExprKind::OnBars(of, self.next_literal(&mut kids)?), base.height),
        };
        self.node(kind, reach, height + 1)
    }

    fn primary(&mut self, pair: Pair<'_, Rule>) -> Option<One> {
        let span = self.span(&pair);
        let (kind, inner) = match pair.as_rule() {
            Rule::paren => {
                let inner = self.single(Kids::of(pair).next()?)?;
                return Some(One { bare: false, reach: span, ..inner });
            }
            Rule::string => (ExprKind::Text(self.string(&pair).value), 0),
            Rule::number => (ExprKind::Literal(self.number(&pair, None)?), 0),
            Rule::net_credit => (ExprKind::Name("net_credit".to_owned()), 0),
            Rule::leg => (ExprKind::Leg(Box::new(self.leg(pair)?)), 0),
            Rule::bad_reversed => {
                self.reversed(&pair);
                return None;
            }
            Rule::in_window => {
                let mut kids = Kids::of(pair);
                let window = self.next_literal(&mut kids)?;
                let side = match kids.next()?.as_str() {
                    "before" => EventSide::Before,
                    "after" => EventSide::After,
                    _ => EventSide::Of,
                };
                (ExprKind::Within(window, side, self.next_ident(&mut kids)?), 0)
            }
            Rule::script_call => self.script_call(pair)?,
            _ => self.call_or_name(pair)?,
        };
        let mut one = self.node(kind, span, inner + 1)?;
        one.bare = true;
        Some(one)
    }

    fn script_call(&mut self, pair: Pair<'_, Rule>) -> Option<(ExprKind, usize)> {
        let mut kids = Kids::of(pair);
        let name = self.next_ident(&mut kids)?;
        let (mut args, mut height) = (Vec::new(), 0);
        while let Some(p) = kids.next_if(Rule::expr) {
            let one = self.single(p)?;
            height = height.max(one.height);
            args.push(one.expr);
        }
        let returns = self.next_ident(&mut kids)?;
        Some((ExprKind::ScriptCall { name, args, returns }, height))
    }

    fn call_or_name(&mut self, pair: Pair<'_, Rule>) -> Option<(ExprKind, usize)> {
        let mut kids = Kids::of(pair);
        let name = self.next_ident(&mut kids)?;
        let Some(list) = kids.next_if(Rule::call_args) else {
            return Some((ExprKind::Name(name.value), 0));
        };
        let (mut args, mut height) = (Vec::new(), 0);
        let mut list = Kids::of(list);
        while let Some(p) = list.next_if(Rule::arg) {
            let (arg, h) = self.arg(p.into_inner().next()?)?;
            height = height.max(h);
            args.push(arg);
        }
        Some((ExprKind::Call(name, args), height))
    }

    fn arg(&mut self, pair: Pair<'_, Rule>) -> Option<(Arg, usize)> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let mut kids = Kids::of(pair);
        let arg = match rule {
            Rule::arg_over => Arg::Over(self.next_literal(&mut kids)?),
            Rule::arg_since => Arg::SinceEntry(Node::new((), span)),
            Rule::arg_under => {
                let mut shifts = Vec::new();
                while let Some(p) = kids.next_if(Rule::shift) {
                    let span = self.span(&p);
                    let mut parts = Kids::of(p);
                    let axis = self.next_ident(&mut parts)?;
                    shifts.push(Node::new(Shift { axis, amount: self.next_literal(&mut parts)? }, span));
                }
                Arg::Under(shifts)
            }
            _ => return self.arg_value(kids),
        };
        Some((arg, 0))
    }

    fn arg_value(&mut self, mut kids: Kids<'_>) -> Option<(Arg, usize)> {
        if let Some(p) = kids.next_if(Rule::arg_name) {
            let name = Kids::of(p).next().map(|p| self.ident(&p))?;
            let one = self.single(kids.next()?)?;
            return Some((Arg::Named(name, one.expr), one.height));
        }
        match self.build(kids.next()?)? {
            Out::One(one) => Some((Arg::Value(one.expr), one.height)),
            Out::Range(lo, hi) => match (lo.expr.kind, hi.expr.kind) {
                (ExprKind::Literal(lo), ExprKind::Literal(hi)) => Some((Arg::Range(lo, hi), 0)),
                _ => {
                    let help = "write two numbers: `8..15 bps`";
                    self.refuse(codes::MISPLACED_RANGE, lo.reach.to(hi.reach), "a range of something other than numbers", help);
                    None
                }
            },
        }
    }
}
