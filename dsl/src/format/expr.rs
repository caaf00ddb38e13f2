//! Expressions and numbers as text, with as few brackets as their meaning allows.

use super::pieces::{Line, rank};
use crate::ast::{Amount, Arg, BinaryOp, Direction, EventSide, Expr, ExprKind, LegRef, LitUnit, Literal, Right, Side, UnaryOp};
use crate::syntax::binding::{Binding, binding};

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
    let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(w, f)| (w, Some(f)));
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

/// How tightly the outermost operator of an expression binds.
fn binding_of(kind: &ExprKind) -> Binding {
    match kind {
        ExprKind::Until(..) => Binding::Until,
        ExprKind::Binary(op, ..) => binding(*op),
        ExprKind::Unary(UnaryOp::Not, _) => Binding::Not,
        ExprKind::Unary(UnaryOp::Neg, _) => Binding::Negate,
        ExprKind::For(..) => Binding::For,
        ExprKind::InRange(..) | ExprKind::Moves { .. } => Binding::Compare,
        ExprKind::Field(..) | ExprKind::Index(..) | ExprKind::OnBars(..) => Binding::Postfix,
        ExprKind::Literal(_)
        | ExprKind::Text(_)
        | ExprKind::Name(_)
        | ExprKind::Leg(_)
        | ExprKind::Call(..)
        | ExprKind::ScriptCall { .. }
        | ExprKind::Within(..) => Binding::Primary,
    }
}

/// The binding that an operand of a `binding` operator needs to stand without brackets, on the side where ties are read
/// differently.
const fn tighter(binding: Binding) -> Binding {
    match binding {
        Binding::Until => Binding::Or,
        Binding::Or => Binding::And,
        Binding::And => Binding::Not,
        Binding::Not => Binding::For,
        Binding::For => Binding::Compare,
        Binding::Compare | Binding::Range => Binding::Sum,
        Binding::Sum => Binding::Product,
        Binding::Product => Binding::Of,
        Binding::Of => Binding::Negate,
        Binding::Negate => Binding::Postfix,
        Binding::Postfix | Binding::Primary => Binding::Primary,
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
        match &expr.kind {
            ExprKind::Literal(l) => self.word(literal_text(l)),
            ExprKind::Text(t) => self.word(string_text(t)),
            ExprKind::Name(n) if n == "net_credit" => self.word("net credit"),
            ExprKind::Name(n) => self.word(n.as_str()),
            ExprKind::Leg(leg) => self.word(leg_text(leg)),
            ExprKind::Field(of, name) => {
                self.base(of);
                self.break_tight(format!(".{}", name.value), rank::TIGHT);
            }
            ExprKind::Index(of, index) => {
                self.base(of);
                self.open("[", false);
                self.expr(index);
                self.close("]");
            }
            ExprKind::OnBars(of, size) => {
                self.base(of);
                self.break_word(format!("@ {}", literal_text(size)), rank::TIGHT);
            }
            ExprKind::Call(name, args) => {
                self.word(name.value.as_str());
                self.args(args.iter(), |line, arg| line.arg(arg));
            }
            ExprKind::ScriptCall { name, args, returns } => {
                self.word(format!("script {}", name.value));
                self.args(args.iter(), Self::expr);
                self.word(format!("-> {}", returns.value));
            }
            ExprKind::Unary(UnaryOp::Not, of) => {
                self.word("not");
                self.bound(of, Binding::Not);
            }
            ExprKind::Unary(UnaryOp::Neg, of) => {
                self.word("-");
                // `-5` is a number; the negation of a number keeps its brackets.
                self.open_glue();
                if matches!(&of.kind, ExprKind::Literal(l) if !l.number.is_sign_negative() && !l.plus) {
                    self.bracketed(of);
                } else {
                    self.bound(of, Binding::Negate);
                }
            }
            ExprKind::Binary(op, left, right) => {
                let own = binding(*op);
                let (l, r) = match own {
                    Binding::Compare => (tighter(own), tighter(own)),
                    Binding::Of => (tighter(own), own),
                    _ => (own, tighter(own)),
                };
                self.bound(left, l);
                self.break_word(op_text(*op), op_rank(*op));
                self.bound(right, r);
            }
            ExprKind::InRange(x, lo, hi) => self.in_range(x, lo, hi),
            ExprKind::Within(window, side, event) => {
                let side = match side {
                    EventSide::Before => "before",
                    EventSide::After => "after",
                    EventSide::Of => "of",
                };
                self.word(format!("within {} {side} {}", literal_text(window), event.value));
            }
            ExprKind::For(of, bars) => {
                self.bound(of, Binding::For);
                self.break_word(format!("for {}", literal_text(bars)), rank::COMPARE);
            }
            ExprKind::Until(on, off) => {
                self.bound(on, Binding::Until);
                self.break_word("until", rank::UNTIL);
                self.bound(off, tighter(Binding::Until));
            }
            ExprKind::Moves { expr, direction, amount, over } => {
                self.bound(expr, tighter(Binding::Compare));
                let way = if *direction == Direction::Above { "up" } else { "down" };
                let text = format!("{way} {} over {}", literal_text(amount), literal_text(over));
                self.break_word(text, rank::COMPARE);
            }
        }
    }

    fn in_range(&mut self, x: &Expr, lo: &Expr, hi: &Expr) {
        let ends = tighter(Binding::Range);
        self.bound(x, tighter(Binding::Compare));
        self.break_word("in", rank::COMPARE);
        if let (ExprKind::Literal(lo), ExprKind::Literal(hi)) = (&lo.kind, &hi.kind) {
            self.word(range_text(lo, hi));
            return;
        }
        self.bound(lo, ends);
        self.tight("..");
        self.open_glue();
        self.bound(hi, ends);
    }

    /// What stands before `.field`, `[n]` or `@`.
    fn base(&mut self, of: &Expr) {
        // A number before a dot or a negative one would be read differently; a script call ends in the name of a unit.
        let brackets = matches!(
            of.kind,
            ExprKind::Literal(_) | ExprKind::ScriptCall { .. } | ExprKind::Within(..) | ExprKind::Text(_)
        );
        // After `@ 5m` a dot would follow a number.
        if brackets || matches!(of.kind, ExprKind::OnBars(..)) {
            self.bracketed(of);
        } else {
            self.bound(of, Binding::Postfix);
        }
    }

    fn args<'e, T: 'e>(&mut self, args: impl Iterator<Item = &'e T>, mut each: impl FnMut(&mut Self, &'e T)) {
        self.open("(", false);
        for (i, arg) in args.enumerate() {
            if i > 0 {
                self.comma();
            }
            each(self, arg);
        }
        self.close(")");
    }

    fn arg(&mut self, arg: &Arg) {
        match arg {
            Arg::Value(e) => {
                // `f(a = b)` would be a named argument.
                if first_is_equation(e) { self.bracketed(e) } else { self.expr(e) }
            }
            Arg::Named(name, e) => {
                self.word(format!("{} =", name.value));
                self.expr(e);
            }
            Arg::Over(l) => self.word(format!("over {}", literal_text(l))),
            Arg::SinceEntry(_) => self.word("since entry"),
            Arg::Range(lo, hi) => self.word(range_text(lo, hi)),
            Arg::Under(shifts) => {
                for (i, s) in shifts.iter().enumerate() {
                    let text = format!("{} {}", s.value.axis.value, literal_text(&s.value.amount));
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

/// Whether the text of `e` begins with `name =`.
fn first_is_equation(e: &Expr) -> bool {
    let mut e = e;
    loop {
        e = match &e.kind {
            ExprKind::Binary(BinaryOp::Eq, left, _) if matches!(left.kind, ExprKind::Name(_)) => return true,
            ExprKind::Binary(_, left, _) | ExprKind::Until(left, _) | ExprKind::For(left, _) => left,
            ExprKind::InRange(x, ..) => x,
            ExprKind::Moves { expr, .. } => expr,
            _ => return false,
        };
    }
}
