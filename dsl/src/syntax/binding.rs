//! How tightly operators bind and where brackets are needed: one table for the parser and the formatter.

use crate::ast::{BinaryOp, Expr, ExprKind, UnaryOp};

/// How tightly operators bind, loosest first. The same order is used by the formatter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Binding {
    /// `until`
    Until,
    /// `or`
    Or,
    /// `and`
    And,
    /// `not`
    Not,
    /// `for 3 bars`
    For,
    /// Comparisons, `crosses`, `in`, `up`, `down`; two in a row are an error.
    Compare,
    /// `..` after `in`
    Range,
    /// `+ -`
    Sum,
    /// `* /`
    Product,
    /// `of`, from the right
    Of,
    /// `-x`
    Negate,
    /// `.field`, `[n]`, `@ 5m`
    Postfix,
    /// Names, numbers, calls, brackets.
    Primary,
}

/// Binding of a binary operator.
pub(crate) const fn binding(op: BinaryOp) -> Binding {
    match op {
        BinaryOp::Or => Binding::Or,
        BinaryOp::And => Binding::And,
        BinaryOp::Add | BinaryOp::Sub => Binding::Sum,
        BinaryOp::Mul | BinaryOp::Div => Binding::Product,
        BinaryOp::Of => Binding::Of,
        BinaryOp::Lt
        | BinaryOp::Le
        | BinaryOp::Gt
        | BinaryOp::Ge
        | BinaryOp::Eq
        | BinaryOp::Ne
        | BinaryOp::Above
        | BinaryOp::Below
        | BinaryOp::CrossesAbove
        | BinaryOp::CrossesBelow => Binding::Compare,
    }
}

/// How tightly the outermost operator of an expression binds.
pub(crate) fn binding_of(kind: &ExprKind) -> Binding {
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
pub(crate) const fn tighter(binding: Binding) -> Binding {
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

/// What the two operands of an operator need to stand without brackets.
pub(crate) const fn sides(op: BinaryOp) -> (Binding, Binding) {
    let own = binding(op);
    match own {
        Binding::Compare => (tighter(own), tighter(own)),
        Binding::Of => (tighter(own), own),
        _ => (own, tighter(own)),
    }
}

/// A number without a sign: `-5` is a number, so its negation keeps brackets.
pub(crate) fn is_unsigned(e: &Expr) -> bool {
    matches!(&e.kind, ExprKind::Literal(l) if !l.number.is_sign_negative() && !l.plus)
}

/// What stands in brackets before `.field`, `[n]` or `@` although it binds tightly: a sign or a unit would be read as part
/// of something else.
pub(crate) fn base_in_brackets(of: &Expr) -> bool {
    matches!(
        of.kind,
        ExprKind::Literal(_)
            | ExprKind::ScriptCall { .. }
            | ExprKind::Within(..)
            | ExprKind::Text(_)
            | ExprKind::OnBars(..)
    )
}

/// Whether the text of `e` begins with `name =`.
pub(crate) fn first_is_equation(e: &Expr) -> bool {
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
