//! Expressions: from pest's flat lists to a tree, by operator precedence and without recursion over operators.
//!
//! The only recursion is over brackets, whose depth the prescan has bounded.

mod values;

use super::literal::share_unit;
use super::{Builder, Kids, Rule};
use crate::ast::{Arg, BinaryOp, Direction, Expr, ExprKind, Ident, UnaryOp};
use crate::diagnostic::{Diagnostic, codes};
use crate::span::Span;
use crate::syntax::binding::{Binding, binding};
use crate::syntax::limits;
use crate::syntax::measure;
use pest::iterators::{Pair, Pairs};

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

/// What a level waits for while inner brackets are read.
enum Awaits<'t> {
    Nothing,
    /// `( … )`, with the span of the brackets.
    Paren(Span),
    /// `[ … ]` behind the last value.
    Index(Span),
    /// An argument.
    Call(Box<Call<'t>>),
}

/// A call whose arguments are being read.
struct Call<'t> {
    script: bool,
    name: Ident,
    kids: Kids<'t>,
    args: Vec<Arg>,
    named: Option<Ident>,
    height: usize,
    span: Span,
}

/// One level of brackets of an expression.
struct Level<'t> {
    parts: std::iter::Peekable<Pairs<'t, Rule>>,
    done: Vec<Out>,
    waiting: Vec<Waiting>,
    prefixes: Vec<(Rule, Span)>,
    operands: usize,
    postfixes: usize,
    awaits: Awaits<'t>,
}

impl<'t> Level<'t> {
    fn of(pair: Pair<'t, Rule>) -> Self {
        Self {
            parts: pair.into_inner().peekable(),
            done: Vec::new(),
            waiting: Vec::new(),
            prefixes: Vec::new(),
            operands: 0,
            postfixes: 0,
            awaits: Awaits::Nothing,
        }
    }
}

enum Next<'t> {
    /// An inner `expr` pair has to be read first.
    Inner(Pair<'t, Rule>),
    Done(Box<Out>),
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
        self.refuse(
            codes::MISPLACED_RANGE,
            span,
            "a range where one value is needed",
            help,
        );
    }

    /// Shunting-yard over the flat list of an `expr` pair. What is in brackets waits on a stack of its own, so that depth
    /// costs no stack of the machine.
    fn build(&mut self, pair: Pair<'_, Rule>) -> Option<Out> {
        let mut levels = vec![Level::of(pair)];
        let mut value = None;
        loop {
            match self.advance(levels.last_mut()?, value.take())? {
                Next::Inner(pair) => levels.push(Level::of(pair)),
                Next::Done(out) => {
                    levels.pop();
                    if levels.is_empty() {
                        return self.measured(*out);
                    }
                    value = Some(*out);
                }
            }
        }
    }

    /// Refuses what would be too large when written with as few brackets as it needs.
    fn measured(&mut self, out: Out) -> Option<Out> {
        let excess = match &out {
            Out::One(one) => measure::excess(&one.expr),
            Out::Range(lo, hi) => measure::excess(&lo.expr).or_else(|| measure::excess(&hi.expr)),
        };
        match excess {
            Some((code, span, message, help)) => {
                self.refuse(code, span, message, help);
                None
            }
            None => Some(out),
        }
    }

    /// Reads one level on, from the value of the brackets that it waited for to the next brackets or its end.
    fn advance<'t>(&mut self, level: &mut Level<'t>, value: Option<Out>) -> Option<Next<'t>> {
        if let Some(value) = value
            && let Some(inner) = self.deliver(level, value)?
        {
            return Some(Next::Inner(inner));
        }
        while let Some(part) = level.parts.next() {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::prefix => {
                    level.prefixes.push((part.into_inner().next()?.as_rule(), span));
                    if level.prefixes.len() > limits::UNARY_CHAIN {
                        let help = format!(
                            "at most {} are allowed, and two cancel each other",
                            limits::UNARY_CHAIN
                        );
                        self.refuse(
                            codes::UNARY_CHAIN_TOO_LONG,
                            span,
                            "too many `not` or `-` in a row",
                            help,
                        );
                        return None;
                    }
                }
                Rule::infix => self.infix(part, level)?,
                Rule::suffix => {
                    self.suffix(part.into_inner().next()?, &mut level.done, &mut level.waiting)?
                }
                Rule::field | Rule::on_bars => {
                    self.count_postfix(level, span)?;
                    self.field(part, level)?;
                }
                Rule::index => {
                    self.count_postfix(level, span)?;
                    level.awaits = Awaits::Index(span);
                    return Kids::of(part).next().map(Next::Inner);
                }
                _ => {
                    let sign = self.begin_operand(part.as_rule(), level, span)?;
                    if let Some(inner) = self.primary(part, sign, level)? {
                        return Some(Next::Inner(inner));
                    }
                }
            }
        }
        while let Some(op) = level.waiting.pop() {
            self.apply(op, &mut level.done)?;
        }
        level.done.pop().map(|out| Next::Done(Box::new(out)))
    }

    /// Puts the value of inner brackets where the level waits for it; gives the next inner brackets of the same call.
    fn deliver<'t>(&mut self, level: &mut Level<'t>, value: Out) -> Option<Option<Pair<'t, Rule>>> {
        match std::mem::replace(&mut level.awaits, Awaits::Nothing) {
            Awaits::Nothing => return None,
            Awaits::Paren(span) => {
                let one = self.one(value)?;
                level.done.push(Out::One(One {
                    bare: false,
                    reach: span,
                    ..one
                }));
            }
            Awaits::Index(span) => {
                let index = self.one(value)?;
                let base = level.done.pop().and_then(|base| self.one(base))?;
                let (reach, height) = (base.reach.to(span), base.height.max(index.height) + 1);
                let kind = ExprKind::Index(Box::new(base.expr), Box::new(index.expr));
                let one = self.node(kind, reach, height)?;
                level.done.push(Out::One(one));
            }
            Awaits::Call(mut call) => {
                self.add_arg(&mut call, value)?;
                return self.call(call, level);
            }
        }
        Some(None)
    }

    fn count_postfix(&mut self, level: &mut Level<'_>, span: Span) -> Option<()> {
        level.postfixes += 1;
        if level.postfixes > limits::OPERANDS {
            let help = format!("at most {} may follow one value", limits::OPERANDS);
            self.refuse(codes::TOO_MANY_OPERANDS, span, "too many fields of fields", help);
            return None;
        }
        Some(())
    }

    fn infix(&mut self, pair: Pair<'_, Rule>, level: &mut Level<'_>) -> Option<()> {
        let span = self.span(&pair);
        let op = pair.into_inner().next()?;
        let Some(infix) = Infix::of(op.as_rule()) else {
            self.foreign_operator(&op, span);
            return None;
        };
        let from_right = matches!(infix, Infix::Binary(BinaryOp::Of));
        self.reduce(&mut level.done, &mut level.waiting, infix.binding(), from_right)?;
        self.not_chained(&level.waiting, infix.binding(), span)?;
        level.waiting.push(Waiting::Infix(infix, span));
        Some(())
    }

    /// Counts a value and turns the prefixes before it into waiting operators; gives the sign that belongs to a number.
    fn begin_operand(
        &mut self,
        what: Rule,
        level: &mut Level<'_>,
        span: Span,
    ) -> Option<Option<(bool, Span)>> {
        level.operands += 1;
        level.postfixes = 0;
        if level.operands > limits::OPERANDS {
            let help = format!(
                "at most {} may be joined; name groups of them as signals",
                limits::OPERANDS
            );
            self.refuse(
                codes::TOO_MANY_OPERANDS,
                span,
                "one expression joins too many values",
                help,
            );
            return None;
        }
        let mut prefixes = std::mem::take(&mut level.prefixes);
        // A sign belongs to the number that it stands before, unless a field is taken of that number.
        let postfix = level
            .parts
            .peek()
            .is_some_and(|p| matches!(p.as_rule(), Rule::field | Rule::on_bars | Rule::index));
        let mut sign = None;
        if what == Rule::number
            && !postfix
            && let Some((op, span)) = prefixes.pop_if(|(op, _)| matches!(op, Rule::op_neg | Rule::op_plus))
        {
            sign = Some((op == Rule::op_plus, span));
        }
        for (op, span) in prefixes {
            let op = match op {
                Rule::op_not => UnaryOp::Not,
                Rule::op_neg => UnaryOp::Neg,
                Rule::op_plus => {
                    let help = "leave it out; a sign stands only before a number";
                    self.refuse(codes::FOREIGN_OPERATOR, span, "`+` before a value", help);
                    return None;
                }
                _ => {
                    self.refuse(
                        codes::FOREIGN_OPERATOR,
                        span,
                        "`!` is not an operator here",
                        "write `not`",
                    );
                    return None;
                }
            };
            // A prefix binds what follows it, so nothing that waits before it can be applied yet.
            level.waiting.push(Waiting::Prefix(op, span));
        }
        Some(sign)
    }

    /// Applies the waiting operators that bind more tightly than one of binding `next` (or as tightly, from the left).
    fn reduce(
        &mut self,
        done: &mut Vec<Out>,
        waiting: &mut Vec<Waiting>,
        next: Binding,
        from_right: bool,
    ) -> Option<()> {
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
                self.findings
                    .push(d.label("the second").also(*first, "the first").help(help));
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
                if let (ExprKind::Literal(lo), ExprKind::Literal(hi)) = (&mut lo.expr.kind, &mut hi.expr.kind)
                {
                    share_unit(lo, hi);
                }
                Out::Range(lo, hi)
            }
            Waiting::Infix(Infix::In, span) => {
                let x = done.pop().and_then(|x| self.one(x))?;
                let Out::Range(lo, hi) = right else {
                    let help = "write both ends: `x in 12..20`";
                    self.refuse(
                        codes::MISPLACED_RANGE,
                        span,
                        "`in` without a range after it",
                        help,
                    );
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
            self.refuse(
                codes::EXPRESSION_TOO_TALL,
                span,
                "this expression is too deep",
                help,
            );
            return None;
        }
        Some(One {
            expr: Expr { kind, span },
            bare: false,
            reach: span,
            height,
        })
    }

    /// `for 3 bars`, `up 15% over 3 sessions`.
    fn suffix(
        &mut self,
        pair: Pair<'_, Rule>,
        done: &mut Vec<Out>,
        waiting: &mut Vec<Waiting>,
    ) -> Option<()> {
        let span = self.span(&pair);
        let binding = if pair.as_rule() == Rule::for_bars {
            Binding::For
        } else {
            Binding::Compare
        };
        self.reduce(done, waiting, binding, false)?;
        self.not_chained(waiting, binding, span)?;
        let of = done.pop().and_then(|of| self.one(of))?;
        let (reach, height) = (of.reach.to(span), of.height + 1);
        let mut kids = Kids::of(pair);
        let kind = if binding == Binding::For {
            ExprKind::For(Box::new(of.expr), self.next_literal(&mut kids)?)
        } else {
            let direction = if kids.next()?.as_str() == "up" {
                Direction::Above
            } else {
                Direction::Below
            };
            let amount = self.next_literal(&mut kids)?;
            let over = self.next_literal(&mut kids)?;
            ExprKind::Moves {
                expr: Box::new(of.expr),
                direction,
                amount,
                over,
            }
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
        self.refuse(
            codes::FOREIGN_OPERATOR,
            span,
            format!("`{text}` is not an operator here"),
            help,
        );
    }
}
