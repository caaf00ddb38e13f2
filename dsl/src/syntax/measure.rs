//! How large an expression is once it is written with as few brackets as it needs.
//!
//! Limits are put on this size and not only on the text as written: the formatter leaves brackets out, and what it writes
//! has to be within the limits too.

use super::binding::{Binding, base_in_brackets, binding_of, first_is_equation, is_unsigned, sides, tighter};
use super::limits;
use crate::ast::{Arg, Expr, ExprKind, UnaryOp};
use crate::diagnostic::{Code, codes};
use crate::span::Span;

/// Size of one expression. Small, because a tall tree holds many of them on the stack.
#[derive(Clone, Copy, Default)]
struct Size {
    /// Values joined at its outermost level.
    operands: u16,
    /// Prefixes in a row before its first value.
    prefixes: u16,
    /// Brackets open at once.
    depth: u16,
}

const LEAF: Size = Size {
    operands: 1,
    prefixes: 0,
    depth: 0,
};

/// A limit that is passed: code, place, message, help.
pub(super) type Excess = (Code, Span, &'static str, String);

/// The first limit that the text of `e` passes when it is written with as few brackets as it needs. Recursive: the height
/// of the tree has to be within its limit.
pub(super) fn excess(e: &Expr) -> Option<Excess> {
    let mut measure = Measure { found: None };
    measure.size(e);
    let (span, size) = measure.found?;
    let (code, message, help) = if usize::from(size.operands) > limits::OPERANDS {
        let help = format!(
            "at most {} may be joined; name groups of them as signals",
            limits::OPERANDS
        );
        (
            codes::TOO_MANY_OPERANDS,
            "one expression joins too many values",
            help,
        )
    } else if usize::from(size.prefixes) > limits::UNARY_CHAIN {
        let help = format!(
            "at most {} are allowed, and two cancel each other",
            limits::UNARY_CHAIN
        );
        (
            codes::UNARY_CHAIN_TOO_LONG,
            "too many `not` or `-` in a row",
            help,
        )
    } else {
        let help = format!(
            "at most {} may be open at once; name an inner part as a signal",
            limits::EXPRESSION_NESTING
        );
        (codes::NESTED_TOO_DEEPLY, "brackets are nested too deeply", help)
    };
    Some((code, span, message, help))
}

struct Measure {
    /// The first and innermost expression that is too large.
    found: Option<(Span, Size)>,
}

impl Measure {
    fn size(&mut self, e: &Expr) -> Size {
        let size = match &e.kind {
            ExprKind::Literal(_)
            | ExprKind::Text(_)
            | ExprKind::Name(_)
            | ExprKind::Leg(_)
            | ExprKind::Within(..) => LEAF,
            ExprKind::Field(of, _) | ExprKind::OnBars(of, _) => Size {
                depth: self.base(of).depth,
                ..LEAF
            },
            ExprKind::Index(of, index) => {
                let depth = self.base(of).depth;
                Size {
                    depth: depth.max(self.bracketed(index).depth),
                    ..LEAF
                }
            }
            ExprKind::Call(_, args) => self.call(args),
            ExprKind::ScriptCall { args, .. } => {
                let depth = args.iter().map(|e| self.bracketed(e).depth).max().unwrap_or(0);
                Size {
                    depth: depth.max(1),
                    ..LEAF
                }
            }
            ExprKind::Unary(op, of) => {
                let of = match op {
                    UnaryOp::Not => self.within(of, Binding::Not),
                    UnaryOp::Neg if is_unsigned(of) => self.bracketed(of),
                    UnaryOp::Neg => self.within(of, Binding::Negate),
                };
                Size {
                    prefixes: of.prefixes.saturating_add(1),
                    ..of
                }
            }
            ExprKind::Binary(op, left, right) => {
                let (l, r) = sides(*op);
                join(self.within(left, l), self.within(right, r))
            }
            ExprKind::InRange(x, lo, hi) => {
                let end = tighter(Binding::Range);
                let x = self.within(x, tighter(Binding::Compare));
                join(join(x, self.within(lo, end)), self.within(hi, end))
            }
            ExprKind::For(of, _) => self.within(of, Binding::For),
            ExprKind::Until(on, off) => join(
                self.within(on, Binding::Until),
                self.within(off, tighter(Binding::Until)),
            ),
            ExprKind::Moves { expr, .. } => self.within(expr, tighter(Binding::Compare)),
        };
        let too_large = usize::from(size.operands) > limits::OPERANDS
            || usize::from(size.prefixes) > limits::UNARY_CHAIN
            || usize::from(size.depth) > limits::EXPRESSION_NESTING;
        if too_large && self.found.is_none() {
            self.found = Some((e.span, size));
        }
        size
    }

    fn call(&mut self, args: &[Arg]) -> Size {
        let mut depth = 1;
        for arg in args {
            depth = depth.max(match arg {
                Arg::Value(e) if first_is_equation(e) => self.bracketed(e).depth.saturating_add(1),
                Arg::Value(e) | Arg::Named(_, e) => self.bracketed(e).depth,
                Arg::Over(_) | Arg::SinceEntry(_) | Arg::Range(..) | Arg::Under(_) => 1,
            });
        }
        Size { depth, ..LEAF }
    }

    fn within(&mut self, e: &Expr, least: Binding) -> Size {
        if binding_of(&e.kind) < least {
            self.bracketed(e)
        } else {
            self.size(e)
        }
    }

    fn base(&mut self, e: &Expr) -> Size {
        if base_in_brackets(e) {
            self.bracketed(e)
        } else {
            self.within(e, Binding::Postfix)
        }
    }

    fn bracketed(&mut self, e: &Expr) -> Size {
        Size {
            depth: self.size(e).depth.saturating_add(1),
            ..LEAF
        }
    }
}

fn join(left: Size, right: Size) -> Size {
    let operands = left.operands.saturating_add(right.operands);
    Size {
        operands,
        prefixes: left.prefixes,
        depth: left.depth.max(right.depth),
    }
}
