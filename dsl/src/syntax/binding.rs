//! How tightly operators bind: one table for the parser and the formatter.

use crate::ast::BinaryOp;

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
