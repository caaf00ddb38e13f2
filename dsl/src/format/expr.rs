//! Expressions and numbers as text, with as few brackets as their meaning allows.

use super::pieces::{Line, rank};
use crate::ast::{
    Amount, Arg, BinaryOp, Direction, EventSide, Expr, ExprKind, LegRef, LitUnit, Literal, Right, Side,
    UnaryOp,
};
use crate::syntax::binding::{
    Binding, base_in_brackets, binding, binding_of, first_is_equation, is_unsigned, sides, tighter,
};

/// The canonical text of an expression, on one line.
#[must_use]
pub fn expr_text(expr: &Expr) -> String {
    let mut line = Line::default();
    line.expr(expr);
    line.flat()
}

/// The canonical text of a number: `$250_000`, `-2%`, `16 delta`, `5m`.
#[must_use]
pub fn literal_text(literal: &Literal) -> String {
    let number = number_text(literal);
    match literal.unit {
        LitUnit::None | LitUnit::Usd => number,
        unit => format!("{number}{}", unit_suffix(unit, is_one(literal))),
    }
}

/// Both ends of a range; a unit that both share is written once.
pub(super) fn range_text(lo: &Literal, hi: &Literal) -> String {
    let once = lo.unit == hi.unit && !matches!(lo.unit, LitUnit::None | LitUnit::Usd | LitUnit::Percent);
    let lo = if once { number_text(lo) } else { literal_text(lo) };
    format!("{lo}..{}", literal_text(hi))
}

fn is_one(l: &Literal) -> bool {
    l.number.abs().total_cmp(&1.0).is_eq() && l.decimals == 0
}

fn unit_suffix(unit: LitUnit, one: bool) -> &'static str {
    match unit {
        LitUnit::None | LitUnit::Usd => "",
        LitUnit::Percent => "%",
        LitUnit::Bps => " bps",
        LitUnit::Vol => " vol",
        LitUnit::Pts => " pts",
        LitUnit::Delta => " delta",
        LitUnit::Sd => " sd",
        LitUnit::Dte => " dte",
        LitUnit::Lots if one => " lot",
        LitUnit::Lots => " lots",
        LitUnit::Positions if one => " position",
        LitUnit::Positions => " positions",
        LitUnit::Minutes => "m",
        LitUnit::Hours => "h",
        LitUnit::Days if one => " day",
        LitUnit::Days => " days",
        LitUnit::Sessions if one => " session",
        LitUnit::Sessions => " sessions",
        LitUnit::Bars if one => " bar",
        LitUnit::Bars => " bars",
        LitUnit::Ticks if one => " tick",
        LitUnit::Ticks => " ticks",
    }
}

/// Sign, dollar sign and digits; dollars from a thousand on and other numbers from ten thousand on are grouped.
fn number_text(l: &Literal) -> String {
    let sign = match (l.number.is_sign_negative(), l.plus) {
        (true, _) => "-",
        (false, true) => "+",
        (false, false) => "",
    };
    let dollar = if l.unit == LitUnit::Usd { "$" } else { "" };
    let plain = format!("{:.*}", usize::from(l.decimals), l.number.abs());
    let (whole, fraction) = plain
        .split_once('.')
        .map_or((plain.as_str(), None), |(w, f)| (w, Some(f)));
    let group = whole.len() > if l.unit == LitUnit::Usd { 3 } else { 4 };
    let mut digits = String::new();
    for (i, c) in whole.chars().enumerate() {
        if group && i > 0 && (whole.len() - i).is_multiple_of(3) {
            digits.push('_');
        }
        digits.push(c);
    }
    let fraction = fraction.map_or(String::new(), |f| format!(".{f}"));
    format!("{sign}{dollar}{digits}{fraction}")
}

/// A number or a name.
pub(super) fn amount_text(amount: &Amount) -> String {
    match amount {
        Amount::Literal(l) => literal_text(l),
        Amount::Name(n) => n.value.clone(),
    }
}

/// `lo..hi` of amounts.
pub(super) fn amount_range_text(lo: &Amount, hi: &Amount) -> String {
    match (lo, hi) {
        (Amount::Literal(lo), Amount::Literal(hi)) => range_text(lo, hi),
        _ => format!("{}..{}", amount_text(lo), amount_text(hi)),
    }
}

/// A string with its quotes and escapes.
pub(super) fn string_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

pub(super) const fn side_text(side: Side) -> &'static str {
    match side {
        Side::Long => "long",
        Side::Short => "short",
    }
}

pub(super) const fn right_text(right: Right) -> &'static str {
    match right {
        Right::Put => "put",
        Right::Call => "call",
    }
}

/// `short put far`
pub(super) fn leg_text(leg: &LegRef) -> String {
    let mut out = side_text(leg.side).to_owned();
    if let Some(right) = leg.right {
        out.push(' ');
        out.push_str(right_text(right));
    }
    if let Some(name) = &leg.name {
        out.push(' ');
        out.push_str(&name.value);
    }
    out
}

const fn op_text(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Of => "of",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::Eq => "=",
        BinaryOp::Ne => "!=",
        BinaryOp::Above => "above",
        BinaryOp::Below => "below",
        BinaryOp::CrossesAbove => "crosses above",
        BinaryOp::CrossesBelow => "crosses below",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
    }
}

fn op_rank(op: BinaryOp) -> u16 {
    match binding(op) {
        Binding::Or => rank::OR,
        Binding::And => rank::AND,
        Binding::Compare => rank::COMPARE,
        Binding::Sum => rank::SUM,
        Binding::Product => rank::PRODUCT,
        _ => rank::TIGHT,
    }
}

impl Line {
    /// Adds an expression.
    pub(super) fn expr(&mut self, expr: &Expr) {
        self.bound(expr, Binding::Until);
    }

    /// Adds an expression in brackets.
    pub(super) fn bracketed(&mut self, expr: &Expr) {
        self.open("(", true);
        self.expr(expr);
        self.close(")");
    }

    /// Adds an expression that may stand without brackets if it binds at least as tightly as `least`.
    fn bound(&mut self, expr: &Expr, least: Binding) {
        if binding_of(&expr.kind) < least {
            self.bracketed(expr);
            return;
        }
        // What recurses is kept apart from what makes strings: the depth of a tree costs little stack.
        match &expr.kind {
            ExprKind::Field(of, name) => {
                self.base(of);
                self.field(&name.value);
            }
            ExprKind::Index(of, index) => {
                self.base(of);
                self.open("[", false);
                self.expr(index);
                self.close("]");
            }
            ExprKind::OnBars(of, size) => {
                self.base(of);
                self.suffix("@", size, rank::TIGHT);
            }
            ExprKind::Call(name, args) => {
                self.word(name.value.as_str());
                self.open("(", false);
                for (i, arg) in args.iter().enumerate() {
                    if i > 0 {
                        self.comma();
                    }
                    match arg {
                        // `f(a = b)` would be a named argument.
                        Arg::Value(e) if first_is_equation(e) => self.bracketed(e),
                        Arg::Value(e) => self.expr(e),
                        Arg::Named(name, e) => {
                            self.word(name.value.as_str());
                            self.word("=");
                            self.expr(e);
                        }
                        arg => self.plain_arg(arg),
                    }
                }
                self.close(")");
            }
            ExprKind::ScriptCall { name, args, returns } => {
                self.word("script");
                self.word(name.value.as_str());
                self.open("(", false);
                for (i, arg) in args.iter().enumerate() {
                    if i > 0 {
                        self.comma();
                    }
                    self.expr(arg);
                }
                self.close(")");
                self.word("->");
                self.word(returns.value.as_str());
            }
            ExprKind::Unary(UnaryOp::Not, of) => {
                self.word("not");
                self.bound(of, Binding::Not);
            }
            ExprKind::Unary(UnaryOp::Neg, of) => {
                self.word("-");
                // `-5` is a number; the negation of a number keeps its brackets.
                self.open_glue();
                if is_unsigned(of) {
                    self.bracketed(of)
                } else {
                    self.bound(of, Binding::Negate)
                }
            }
            ExprKind::Binary(op, left, right) => {
                let (l, r) = sides(*op);
                self.bound(left, l);
                self.break_word(op_text(*op), op_rank(*op));
                self.bound(right, r);
            }
            ExprKind::InRange(x, lo, hi) => self.in_range(x, lo, hi),
            ExprKind::For(of, bars) => {
                self.bound(of, Binding::For);
                self.suffix("for", bars, rank::COMPARE);
            }
            ExprKind::Until(on, off) => {
                self.bound(on, Binding::Until);
                self.break_word("until", rank::UNTIL);
                self.bound(off, tighter(Binding::Until));
            }
            ExprKind::Moves {
                expr,
                direction,
                amount,
                over,
            } => {
                self.bound(expr, tighter(Binding::Compare));
                self.suffix(
                    if *direction == Direction::Above {
                        "up"
                    } else {
                        "down"
                    },
                    amount,
                    rank::COMPARE,
                );
                self.suffix("over", over, rank::COMPARE);
            }
            leaf => self.leaf(leaf),
        }
    }

    fn leaf(&mut self, kind: &ExprKind) {
        match kind {
            ExprKind::Literal(l) => self.word(literal_text(l)),
            ExprKind::Text(t) => self.word(string_text(t)),
            ExprKind::Name(n) if n == "net_credit" => self.word("net credit"),
            ExprKind::Name(n) => self.word(n.as_str()),
            ExprKind::Leg(leg) => self.word(leg_text(leg)),
            ExprKind::Within(window, side, event) => {
                let side = match side {
                    EventSide::Before => "before",
                    EventSide::After => "after",
                    EventSide::Of => "of",
                };
                self.word(format!("within {} {side} {}", literal_text(window), event.value));
            }
            _ => {}
        }
    }

    fn field(&mut self, name: &str) {
        self.break_tight(format!(".{name}"), rank::TIGHT);
    }

    fn suffix(&mut self, word: &str, literal: &Literal, rank: u16) {
        self.break_word(format!("{word} {}", literal_text(literal)), rank);
    }

    fn range(&mut self, lo: &Literal, hi: &Literal) {
        self.word(range_text(lo, hi));
    }

    fn in_range(&mut self, x: &Expr, lo: &Expr, hi: &Expr) {
        let ends = tighter(Binding::Range);
        self.bound(x, tighter(Binding::Compare));
        self.break_word("in", rank::COMPARE);
        if let (ExprKind::Literal(lo), ExprKind::Literal(hi)) = (&lo.kind, &hi.kind) {
            self.range(lo, hi);
            return;
        }
        self.bound(lo, ends);
        self.tight("..");
        self.open_glue();
        self.bound(hi, ends);
    }

    /// What stands before `.field`, `[n]` or `@`.
    fn base(&mut self, of: &Expr) {
        if base_in_brackets(of) {
            self.bracketed(of)
        } else {
            self.bound(of, Binding::Postfix)
        }
    }

    /// An argument without an expression in it.
    fn plain_arg(&mut self, arg: &Arg) {
        match arg {
            Arg::Value(_) | Arg::Named(..) => {}
            Arg::Over(l) => self.word(format!("over {}", literal_text(l))),
            Arg::SinceEntry(_) => self.word("since entry"),
            Arg::Range(lo, hi) => self.range(lo, hi),
            Arg::Under(shifts) => {
                for (i, s) in shifts.iter().enumerate() {
                    let text = s.value.words();
                    if i == 0 {
                        self.word(format!("under {text}"));
                    } else {
                        self.break_word(format!("& {text}"), rank::TIGHT);
                    }
                }
            }
        }
    }
}
